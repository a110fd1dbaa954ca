//! What Entra ID does to groups.

use super::forget;
use super::members::{self, Moved};
use super::{Group, Noted, Retired, Tx, fold, named, note};
use crate::db::Conn;
use crate::db::schema::{group_members, retired_group_ids, user_groups};
use crate::domain::audit::{self, Action};
use crate::domain::names;
use crate::error::{Error, Result};
use crate::keys::GroupId;
use diesel::prelude::*;
use std::collections::HashSet;
use uuid::Uuid;

const LONGEST_NAME: usize = 256;
/// The attribute of a change that names those who came.
pub const MEMBERS_ADDED: &str = "members added";
/// The attribute of a change that names those who went.
pub const MEMBERS_REMOVED: &str = "members removed";

/// What Entra ID wants a group to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInput {
    /// The name.
    pub name: String,
    /// Entra ID's own key.
    pub external_id: Option<String>,
    /// The members, by the ids that SCIM knows.
    pub members: Vec<String>,
}

/// One change of a group; members by the ids that SCIM knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is called so.
    Name(String),
    /// Entra ID's own key is this.
    ExternalId(Option<String>),
    /// These are members too.
    Add(Vec<String>),
    /// These are members no more.
    Remove(Vec<String>),
    /// These are the members, and nobody else.
    Replace(Vec<String>),
}

/// What is left of changes of a group once who is in it already, and who is not, was looked at before the transaction.
/// It holds as long as the group has this version.
#[derive(Debug)]
pub struct Prepared {
    version: i32,
    changes: Vec<Change>,
}

impl Prepared {
    /// What is left to do, if the group is still what it was.
    #[must_use]
    pub fn of(self, group: &Group) -> Option<Vec<Change>> {
        (self.version == group.version).then_some(self.changes)
    }
}

/// What a write came to.
#[derive(Debug)]
pub struct WrittenGroup {
    /// The group as it is now.
    pub group: Group,
    /// What changed.
    pub changes: Vec<audit::Change>,
    /// What was not done as asked, with the remedy.
    pub warnings: Vec<String>,
}

/// The group that SCIM knows by this id.
pub fn get(conn: &mut Conn, scim_id: &str) -> Result<Group> {
    let mine = user_groups::table
        .filter(user_groups::scim_id.eq(scim_id))
        .filter(user_groups::linked.eq(true))
        .filter(user_groups::held_at.is_null());
    mine.select(Group::as_select()).first(conn).optional()?.ok_or(Error::NotFound("group"))
}

/// Makes a group; one that was kept here against its deletion is taken over again, under a new id.
pub fn create(tx: &mut Tx, mut wish: GroupInput) -> Result<Noted<WrittenGroup>> {
    let left_out = names::leave_out("name of the group", &mut wish.name);
    let name = checked(&wish.name)?;
    let group = match named(tx.conn, name)? {
        Some(group) if group.linked && group.held_at.is_none() => return Err(taken(name)),
        Some(kept) => {
            retire(tx, &kept)?;
            let group = Group { scim_id: new_scim_id(), linked: true, held_at: None, ..kept };
            diesel::update(user_groups::table.find(&group.id)).set(&group).execute(tx.conn)?;
            group
        }
        None => {
            let group = Group {
                id: GroupId::generate(),
                scim_id: new_scim_id(),
                name: name.to_owned(),
                name_key: fold(name),
                external_id: wish.external_id.clone(),
                linked: true,
                held_at: None,
                created_at: tx.now,
                updated_at: tx.now,
                version: 0,
                deleted_at: None,
            };
            diesel::insert_into(user_groups::table).values(&group).execute(tx.conn)?;
            note(tx, Action::GroupCreated, &group, &[])?;
            group
        }
    };
    let done = replace(tx, group, wish)?;
    Ok(done.map(|mut done| {
        done.warnings.extend(left_out);
        done
    }))
}

/// Makes the group what Entra ID wants it to be.
pub fn replace(tx: &mut Tx, group: Group, wish: GroupInput) -> Result<Noted<WrittenGroup>> {
    change(tx, group, as_changes(wish))
}

/// The wishes as [`replace`] does them, one after the other.
#[must_use]
pub fn as_changes(wish: GroupInput) -> Vec<Change> {
    vec![Change::Name(wish.name), Change::ExternalId(wish.external_id), Change::Replace(wish.members)]
}

/// Looks, before the transaction, what is left of changes of the group: of those who come, who is not in it yet, and of
/// those who go, who is in it. Whoever an earlier change moves is left to the transaction.
pub fn prepare(conn: &mut Conn, group: &Group, wishes: Vec<Change>) -> Result<Prepared> {
    let (mut moved, mut is_replaced, mut changes) = (HashSet::new(), false, Vec::new());
    for wish in wishes {
        match wish {
            Change::Add(ids) if !is_replaced => {
                let there = members::scim_ids_among(conn, group, &ids)?;
                let coming = ids.iter().filter(|id| moved.contains(*id) || !there.contains(*id));
                changes.push(Change::Add(coming.cloned().collect()));
                moved.extend(ids);
            }
            Change::Remove(ids) if !is_replaced => {
                let there = members::scim_ids_among(conn, group, &ids)?;
                let leaving = ids.iter().filter(|id| moved.contains(*id) || there.contains(*id));
                changes.push(Change::Remove(leaving.cloned().collect()));
                moved.extend(ids);
            }
            Change::Replace(ids) if !is_replaced && moved.is_empty() => {
                let (coming, leaving) = members::difference(conn, group, &ids)?;
                changes.extend([Change::Add(coming), Change::Remove(leaving)]);
                is_replaced = true;
            }
            Change::Replace(ids) => {
                changes.push(Change::Replace(ids));
                is_replaced = true;
            }
            other => changes.push(other),
        }
    }
    Ok(Prepared { version: group.version, changes })
}

/// Changes the group, one change after the other.
pub fn change(tx: &mut Tx, group: Group, wishes: Vec<Change>) -> Result<Noted<WrittenGroup>> {
    let before = group.clone();
    let (mut group, mut moved) = (group, Moved::default());
    let moves = wishes.iter().any(|wish| !matches!(wish, Change::Name(_)));
    for wish in wishes {
        match wish {
            Change::Name(mut name) => {
                if name != before.name {
                    moved.warnings.extend(names::leave_out("name of the group", &mut name));
                }
                match checked(&name) {
                    // A name that cannot be kept keeps nobody out of the group.
                    Err(fault) if moves => moved.warnings.push(format!("The new name was left out: {fault}")),
                    _ => rename(tx, &mut group, &name)?,
                }
            }
            Change::ExternalId(id) => group.external_id = id,
            Change::Add(ids) => members::add(tx, &group, &ids, &mut moved)?,
            Change::Remove(ids) => members::remove(tx, &group, &ids, &mut moved)?,
            Change::Replace(ids) => members::replace(tx, &group, &ids, &mut moved)?,
        }
    }
    let mut changes: Vec<audit::Change> = [
        audit::Change::of("name", Some(&before.name), Some(&group.name)),
        audit::Change::of("external id", before.external_id.as_deref(), group.external_id.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let moves = [(MEMBERS_ADDED, moved.added.listed()), (MEMBERS_REMOVED, moved.removed.listed())];
    changes.extend(moves.into_iter().filter_map(|(name, listed)| Some(audit::Change::set(name, listed?))));
    if !changes.is_empty() || group != before || group.version == 0 {
        group.version += 1;
        group.updated_at = tx.now;
        diesel::update(user_groups::table.find(&group.id)).set(&group).execute(tx.conn)?;
    }
    if !changes.is_empty() {
        return Ok(note(tx, Action::GroupChanged, &group, &changes)?.with(WrittenGroup {
            group,
            changes,
            warnings: moved.warnings,
        }));
    }
    Ok(Noted::unaudited(WrittenGroup { group, changes, warnings: moved.warnings }, "nothing changed"))
}

/// Entra ID deleted the group. A group gives nobody anything here, so nothing of it is held back; how many were in it
/// is answered and logged.
pub fn remove(tx: &mut Tx, group: &Group) -> Result<Noted<Vec<audit::Change>>> {
    let mine = group_members::table.filter(group_members::group_id.eq(&group.id));
    let people: i64 = mine.count().get_result(tx.conn)?;
    let changes = match people {
        0 => Vec::new(),
        people => {
            vec![audit::Change { attribute: "members".into(), before: Some(people.to_string()), after: None }]
        }
    };
    Ok(delete_noting(tx, group, &changes)?.with(changes))
}

/// The deletion itself; members stay, memberships go.
pub(in crate::domain) fn delete(tx: &mut Tx, group: &Group) -> Result<Noted<()>> {
    delete_noting(tx, group, &[])
}

fn delete_noting(tx: &mut Tx, group: &Group, changes: &[audit::Change]) -> Result<Noted<()>> {
    retire(tx, group)?;
    forget::forget(tx, group)?;
    note(tx, Action::GroupDeleted, group, changes)
}

/// Keeps a group here that Entra ID deleted: it has no part in it any more.
pub(in crate::domain) fn keep(tx: &mut Tx, group: &Group) -> Result<Noted<()>> {
    let mut group = group.clone();
    if group.held_at.is_some() {
        retire(tx, &group)?;
        (group.scim_id, group.linked, group.held_at) = (new_scim_id(), false, None);
        diesel::update(user_groups::table.find(&group.id)).set(&group).execute(tx.conn)?;
    }
    let held = group_members::table.filter(group_members::group_id.eq(&group.id));
    diesel::update(held).set(group_members::held.eq(false)).execute(tx.conn)?;
    note(tx, Action::GroupHoldDiscarded, &group, &[])
}

/// Lets go what the guard held back of the group.
pub(in crate::domain) fn release(tx: &mut Tx, group: &Group) -> Result<Noted<()>> {
    if group.held_at.is_some() {
        return delete(tx, group);
    }
    let held = group_members::table.filter(group_members::group_id.eq(&group.id)).filter(group_members::held);
    diesel::delete(held).execute(tx.conn)?;
    note(tx, Action::GroupChanged, group, &[audit::Change::set("members", "none")])
}

fn rename(tx: &mut Tx, group: &mut Group, name: &str) -> Result<()> {
    let name = checked(name)?;
    match named(tx.conn, name)? {
        Some(other) if other.id != group.id => Err(taken(name)),
        _ => {
            (group.name, group.name_key) = (name.to_owned(), fold(name));
            Ok(())
        }
    }
}

fn checked(name: &str) -> Result<&str> {
    let length = name.trim().chars().count();
    if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("displayName must have 1 to {LONGEST_NAME} characters.");
        return Err(Error::invalid("displayName", message));
    }
    Ok(name)
}

fn taken(name: &str) -> Error {
    Error::taken("displayName", format!("A group with displayName “{name}” exists already."))
}

fn retire(tx: &mut Tx, group: &Group) -> Result<()> {
    let retired = Retired {
        scim_id: group.scim_id.clone(),
        name: group.name.clone(),
        retired_by: tx.actor.name().to_owned(),
        retired_at: tx.now,
    };
    diesel::insert_into(retired_group_ids::table).values(&retired).execute(tx.conn)?;
    Ok(())
}

fn new_scim_id() -> String {
    Uuid::now_v7().to_string()
}
