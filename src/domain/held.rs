//! What the guard holds back: seen by an administrator, then released or discarded.

use super::audit::{self, Action, Change};
use super::groups::{self, Group, by_entra as entras_groups};
use super::page::{At, Page};
use super::users::{self, Held, User, by_entra, by_hand, lifecycle};
use super::{Tx, guard};
use crate::db::Conn;
use crate::db::schema::{group_members, user_groups, users as table};
use crate::error::{Error, Result};
use diesel::dsl::exists;
use diesel::prelude::*;

/// A group of which something is held back.
#[derive(Clone, Debug)]
pub struct HeldGroup {
    /// The group.
    pub group: Group,
    /// How many members would go.
    pub members: i64,
}

/// How much is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Users who would be barred or deleted.
    pub users: i64,
    /// Groups that would be emptied or deleted.
    pub groups: i64,
}

impl Count {
    /// Whether nothing is.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self.users + self.groups == 0
    }
}

/// How much is held back now.
pub fn count(conn: &mut Conn) -> Result<Count> {
    Ok(Count {
        users: table::table.filter(table::held_at.is_not_null()).count().get_result(conn)?,
        groups: held_groups().count().get_result(conn)?,
    })
}

/// The users of whom something is held back, the latest last.
pub fn users(conn: &mut Conn, at: &At, size: usize) -> Result<Page<User>> {
    let mut query = table::table.filter(table::held_at.is_not_null()).into_boxed();
    query = match at {
        At::Start => query.order(table::id.asc()),
        At::After(mark) => query.filter(table::id.gt(mark)).order(table::id.asc()),
        At::Before(mark) => query.filter(table::id.lt(mark)).order(table::id.desc()),
    };
    let limit = i64::try_from(size + 1).map_err(Error::internal)?;
    let rows = query.limit(limit).select(User::as_select()).load(conn)?;
    Ok(Page::new(rows, at, size, |user: &User| user.id.clone()))
}

/// The groups of which something is held back, by name.
pub fn groups(conn: &mut Conn) -> Result<Vec<HeldGroup>> {
    let groups: Vec<Group> =
        held_groups().order(user_groups::name_key).select(Group::as_select()).load(conn)?;
    let counted = groups.into_iter().map(|group| {
        let held = group_members::table
            .filter(group_members::group_id.eq(&group.id))
            .filter(group_members::held.eq(true));
        Ok(HeldGroup { members: held.count().get_result(conn)?, group })
    });
    counted.collect()
}

/// What is to become of what is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done as Entra ID asked.
    Release,
    /// It is not done.
    Discard,
}

/// Decides on some of it: users and groups by key. Answers on how many.
pub fn decide(tx: &mut Tx, verdict: Verdict, users: &[String], groups: &[String]) -> Result<usize> {
    for id in users {
        let user = users::find(tx.conn, id)?;
        decide_user(tx, verdict, user)?;
    }
    for id in groups {
        let group = groups::find(tx.conn, id)?;
        match verdict {
            Verdict::Release => entras_groups::release(tx, &group)?,
            Verdict::Discard => entras_groups::keep(tx, &group)?,
        }
    }
    let decided = users.len() + groups.len();
    guard::reset(tx)?;
    if verdict == Verdict::Release && decided > 0 {
        let change = Change::set("users and groups", decided.to_string());
        audit::note(tx, Action::HoldsReleased, guard::subject(), &[change])?;
    }
    Ok(decided)
}

/// Decides on all of it.
pub fn decide_all(tx: &mut Tx, verdict: Verdict) -> Result<usize> {
    let held = table::table.filter(table::held_at.is_not_null()).order(table::id);
    let users: Vec<String> = held.select(table::id).load(tx.conn)?;
    let groups: Vec<String> = held_groups().select(user_groups::id).load(tx.conn)?;
    decide(tx, verdict, &users, &groups)
}

fn decide_user(tx: &mut Tx, verdict: Verdict, mut user: User) -> Result<()> {
    let Some(held) = user.held else { return Ok(()) };
    match (verdict, held) {
        (Verdict::Release, Held::Deactivate) => lifecycle::deactivate(tx, &user.id).map(drop),
        (Verdict::Release, Held::Delete) => by_entra::delete(tx, user).map(drop),
        // Entra ID has forgotten the user: the account goes on under local management.
        (Verdict::Discard, Held::Delete) => by_hand::release(tx, &user.id).map(drop),
        (Verdict::Discard, Held::Deactivate) => {
            (user.held, user.held_at) = (None, None);
            users::store(tx, &mut user, None)?;
            let name = user.name();
            audit::note(tx, Action::UserHoldDiscarded, user.subject(&name), &[])
        }
    }
}

#[diesel::dsl::auto_type]
fn held_groups() -> _ {
    let members = group_members::table
        .filter(group_members::group_id.eq(user_groups::id))
        .filter(group_members::held.eq(true));
    user_groups::table.filter(user_groups::held_at.is_not_null().or(exists(members)))
}
