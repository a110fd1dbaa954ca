//! Who comes into a group and who goes.

use super::{Group, Held, Member, Profile, new_id};
use crate::db::Conn;
use crate::db::schema::{group_members, retired_scim_ids, user_groups, users};
use crate::domain::Tx;
use crate::error::Result;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// How many keys one query asks for.
const CHUNK: usize = 500;
/// So many unknown ids are told of one request.
const MOST_TOLD: usize = 10;
/// So much of an unknown id is told.
const LONGEST_ID_SHOWN: usize = 60;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = group_members)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) group_id: String,
    pub(super) user_id: Option<String>,
    pub(super) subgroup_id: Option<String>,
    pub(super) held: bool,
}

impl Row {
    fn member(&self) -> &str {
        self.user_id.as_deref().or(self.subgroup_id.as_deref()).unwrap_or_default()
    }
}

/// What came of a change of members.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// The names of those who came.
    pub(super) added: Vec<String>,
    /// The names of those who went.
    pub(super) removed: Vec<String>,
    /// What was not done as asked.
    pub(super) warnings: Vec<String>,
}

/// The rows with the names of whom they speak of.
pub(super) fn named(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<Member>> {
    let mut people: HashMap<String, (String, String)> = HashMap::new();
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.user_id.as_deref()).collect();
    for some in ids.chunks(CHUNK) {
        let mine = users::table.filter(users::id.eq_any(some));
        let found: Vec<(String, String, Profile)> =
            mine.select((users::id, users::scim_id, Profile::as_select())).load(conn)?;
        people.extend(found.into_iter().map(|(id, scim_id, profile)| (id, (scim_id, profile.name()))));
    }
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.subgroup_id.as_deref()).collect();
    for some in ids.chunks(CHUNK) {
        let mine = user_groups::table.filter(user_groups::id.eq_any(some));
        let found: Vec<(String, String, String)> =
            mine.select((user_groups::id, user_groups::scim_id, user_groups::name)).load(conn)?;
        people.extend(found.into_iter().map(|(id, scim_id, name)| (id, (scim_id, name))));
    }
    let members = rows.into_iter().filter_map(|row| {
        let (scim_id, name) = people.get(row.member())?.clone();
        Some(Member {
            id: row.member().to_owned(),
            scim_id,
            name,
            is_group: row.subgroup_id.is_some(),
            held: row.held,
        })
    });
    Ok(members.collect())
}

/// Puts those with these SCIM ids into the group. Being in it already is no error.
pub(super) fn add(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let mut wanted = resolve(tx.conn, ids)?;
    let known: HashSet<&str> = wanted.iter().map(|member| member.scim_id.as_str()).collect();
    let unknown: Vec<&String> = ids.iter().filter(|id| !known.contains(id.as_str())).collect();
    moved.warnings.extend(left_out(tx.conn, &unknown)?);
    // Entra ID deleted them, although the guard holds that back: nobody whom it sees.
    let gone = wanted.iter().filter(|member| member.held);
    moved.warnings.extend(gone.map(|member| {
        format!(
            "{} was left out of the group: Entra ID deleted that user before, which is held back.",
            member.name
        )
    }));
    wanted.retain(|member| !member.held);
    let all = wanted.len();
    wanted.retain(|member| member.id != group.id);
    if wanted.len() < all {
        moved
            .warnings
            .push(format!("{} was left out of the group: a group is no member of itself.", group.name));
    }
    let present = present(tx.conn, group, &wanted)?;
    let mut rows = Vec::new();
    for member in wanted {
        match present.get(&member.id) {
            Some(row) if row.held => {
                let mine = group_members::table.find(&row.id);
                diesel::update(mine).set(group_members::held.eq(false)).execute(tx.conn)?;
            }
            Some(_) => continue,
            None => rows.push(Row {
                id: new_id(),
                group_id: group.id.clone(),
                user_id: (!member.is_group).then(|| member.id.clone()),
                subgroup_id: member.is_group.then(|| member.id.clone()),
                held: false,
            }),
        }
        moved.added.push(member.name);
    }
    for some in rows.chunks(CHUNK) {
        diesel::insert_into(group_members::table).values(some).execute(tx.conn)?;
    }
    Ok(())
}

/// What is said of ids that nobody has. One whom nobody knows must not keep all others out of the group.
fn left_out(conn: &mut Conn, ids: &[&String]) -> Result<Vec<String>> {
    let (told, more) = ids.split_at(ids.len().min(MOST_TOLD));
    let gone: Vec<(String, String)> = retired_scim_ids::table
        .filter(retired_scim_ids::scim_id.eq_any(told))
        .select((retired_scim_ids::scim_id, retired_scim_ids::user_name))
        .load(conn)?;
    let gone: HashMap<String, String> = gone.into_iter().collect();
    let mut said: Vec<String> = told
        .iter()
        .map(|id| match gone.get(*id) {
            Some(name) => format!("{name} was left out of the group: that user's id is gone for good."),
            None => format!(
                "A member was left out of the group: there is no user or group with the id “{}”.",
                id.chars().take(LONGEST_ID_SHOWN).collect::<String>()
            ),
        })
        .collect();
    if !more.is_empty() {
        said.push(format!("So were {} more, for there is no user or group with their ids.", more.len()));
    }
    Ok(said)
}

/// Takes those with these SCIM ids out of the group. Not being in it is no error.
pub(super) fn remove(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let unwanted = resolve(tx.conn, ids)?;
    let present = present(tx.conn, group, &unwanted)?;
    let going: Vec<(&Row, &Member)> = unwanted
        .iter()
        .filter_map(|member| Some((present.get(&member.id).filter(|row| !row.held)?, member)))
        .collect();
    if going.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = going.iter().map(|(row, _)| row.id.as_str()).collect();
    for some in keys.chunks(CHUNK) {
        diesel::delete(group_members::table.filter(group_members::id.eq_any(some))).execute(tx.conn)?;
    }
    moved.removed.extend(going.into_iter().map(|(_, member)| member.name.clone()));
    Ok(())
}

/// Makes those with these SCIM ids the only members. What it costs grows with those who come and go, but for one look at
/// the ids of those who are there.
pub(super) fn replace(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let present = scim_ids(tx.conn, group)?;
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let there: HashSet<&str> = present.iter().map(String::as_str).collect();
    let coming: Vec<String> = ids.iter().filter(|id| !there.contains(id.as_str())).cloned().collect();
    let leaving: Vec<String> = present.iter().filter(|id| !wanted.contains(id.as_str())).cloned().collect();
    // First those who come: a group that changes all its members is not emptied.
    add(tx, group, &coming, moved)?;
    remove(tx, group, &leaving, moved)
}

/// The SCIM ids of those whom Entra ID knows as members.
fn scim_ids(conn: &mut Conn, group: &Group) -> Result<Vec<String>> {
    let mine = group_members::table
        .filter(group_members::group_id.eq(&group.id))
        .filter(group_members::held.eq(false))
        .order(group_members::id);
    let people = mine.inner_join(users::table).filter(users::seen.gt(0)).select(users::scim_id);
    let mut ids: Vec<String> = people.load(conn)?;
    let subgroups = user_groups::id.nullable().eq(group_members::subgroup_id);
    let subgroups = mine.inner_join(user_groups::table.on(subgroups)).select(user_groups::scim_id);
    ids.extend(subgroups.load::<String>(conn)?);
    Ok(ids)
}

fn resolve(conn: &mut Conn, ids: &[String]) -> Result<Vec<Member>> {
    let mut seen = HashSet::new();
    let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| seen.insert(*id)).collect();
    let mut found = Vec::new();
    for some in ids.chunks(CHUNK) {
        let mine = users::table
            .filter(users::scim_id.eq_any(some))
            .filter(users::seen.gt(0).or(users::held.eq(Held::Delete).assume_not_null()));
        let people: Vec<(String, String, Option<Held>, Profile)> =
            mine.select((users::id, users::scim_id, users::held, Profile::as_select())).load(conn)?;
        found.extend(people.into_iter().map(|(id, scim_id, held, profile)| Member {
            id,
            scim_id,
            name: profile.name(),
            is_group: false,
            held: held == Some(Held::Delete),
        }));
        let mine =
            user_groups::table.filter(user_groups::scim_id.eq_any(some)).filter(user_groups::linked.eq(true));
        let groups: Vec<Group> = mine.select(Group::as_select()).load(conn)?;
        found.extend(groups.into_iter().map(|group| Member {
            id: group.id,
            scim_id: group.scim_id,
            name: group.name,
            is_group: true,
            held: false,
        }));
    }
    // As they were named, not as they were found.
    let place: HashMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    found.sort_by_key(|member| place.get(member.scim_id.as_str()).copied());
    Ok(found)
}

/// The rows of those of the members who are in the group, by the member's key.
fn present(conn: &mut Conn, group: &Group, members: &[Member]) -> Result<HashMap<String, Row>> {
    let mut present = HashMap::new();
    for some in members.chunks(CHUNK) {
        let ids: Vec<&str> = some.iter().map(|member| member.id.as_str()).collect();
        for part in [false, true] {
            let mine = group_members::table.filter(group_members::group_id.eq(&group.id)).into_boxed();
            let mine = if part {
                mine.filter(group_members::subgroup_id.eq_any(ids.clone()))
            } else {
                mine.filter(group_members::user_id.eq_any(ids.clone()))
            };
            let rows: Vec<Row> = mine.select(Row::as_select()).load(conn)?;
            present.extend(rows.into_iter().map(|row| (row.member().to_owned(), row)));
        }
    }
    Ok(present)
}
