//! What the guard holds back: seen by an administrator, who then lets it go or keeps it as it is.
//!
//! A verdict concerns those whom it names and nobody else. Releasing all also begins the count anew: an administrator has
//! looked, and what Entra ID does is right.

use super::Tx;
use super::audit::{self, Action, Change};
use super::groups::{self, Group, by_entra as entras_groups};
use super::guard::{self, Loss};
use super::page::{At, Page};
use super::users::{self, Held, User, by_entra, by_hand, lifecycle};
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
    /// Users who would be barred or deleted, or be called otherwise.
    pub users: i64,
    /// Groups that would be emptied or deleted, from before such groups were let go.
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
    /// It is not done; for a day, further tries on the same people wait without another verdict.
    Keep,
}

/// What came of a verdict on many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// How many it was carried out on.
    pub done: usize,
    /// How many it could not be carried out on, such as accounts that only an owner decides over.
    pub left: usize,
}

/// Decides on some of it: users and groups by key, all of them or none. Answers on how many.
pub fn decide(tx: &mut Tx, verdict: Verdict, users: &[String], groups: &[String]) -> Result<usize> {
    for id in users {
        decide_user(tx, verdict, id)?;
    }
    for id in groups {
        decide_group(tx, verdict, id)?;
    }
    let decided = users.len() + groups.len();
    if verdict == Verdict::Release && decided > 0 {
        note_release(tx, decided)?;
    }
    Ok(decided)
}

/// The keys of all users and of all groups of whom something is held back.
pub fn everything(conn: &mut Conn) -> Result<(Vec<String>, Vec<String>)> {
    let users = table::table.filter(table::held_at.is_not_null()).select(table::id).load(conn)?;
    Ok((users, held_groups().select(user_groups::id).load(conn)?))
}

/// Begins a verdict on all of it, which [`decide_each`] carries out slice by slice. Releasing begins the count anew.
pub fn begin_all(tx: &mut Tx, verdict: Verdict, count: usize) -> Result<()> {
    if verdict == Verdict::Release {
        guard::reset(tx)?;
        note_release(tx, count)?;
    }
    Ok(())
}

/// Decides on a slice of it; what cannot be decided is left as it is, and the others go on.
pub fn decide_each(tx: &mut Tx, verdict: Verdict, users: &[String], groups: &[String]) -> Result<Decided> {
    let mut decided = Decided::default();
    let people = users.iter().map(|id| (id, false));
    for (id, is_group) in people.chain(groups.iter().map(|id| (id, true))) {
        let outcome = tx
            .nested(|tx| if is_group { decide_group(tx, verdict, id) } else { decide_user(tx, verdict, id) });
        match outcome {
            Ok(()) => decided.done += 1,
            Err(cause @ Error::Internal(_)) => return Err(cause),
            Err(_) => decided.left += 1,
        }
    }
    Ok(decided)
}

fn note_release(tx: &mut Tx, count: usize) -> Result<()> {
    let change = Change::set("users and groups", count.to_string());
    audit::note(tx, Action::HoldsReleased, guard::subject(), &[change])
}

fn decide_group(tx: &mut Tx, verdict: Verdict, id: &str) -> Result<()> {
    let group = groups::find(tx.conn, id)?;
    match verdict {
        Verdict::Release => entras_groups::release(tx, &group),
        Verdict::Keep => entras_groups::keep(tx, &group),
    }
}

fn decide_user(tx: &mut Tx, verdict: Verdict, id: &str) -> Result<()> {
    decide_name(tx, verdict, id)?;
    let mut user = users::find(tx.conn, id)?;
    let Some(held) = user.held else { return Ok(()) };
    match verdict {
        Verdict::Release => guard::released(tx, Loss::Account, id)?,
        Verdict::Keep => guard::kept(tx, Loss::Account, id)?,
    }
    match (verdict, held) {
        (Verdict::Release, Held::Deactivate) => lifecycle::deactivate(tx, id).map(drop),
        (Verdict::Release, Held::Delete) => by_entra::delete(tx, user).map(drop),
        // Entra ID has forgotten the user: the account goes on under local management.
        (Verdict::Keep, Held::Delete) => by_hand::release(tx, id).map(drop),
        (Verdict::Keep, Held::Deactivate) => {
            user.held = None;
            keep(tx, user)
        }
    }
}

fn decide_name(tx: &mut Tx, verdict: Verdict, id: &str) -> Result<()> {
    let mut user = users::find(tx.conn, id)?;
    let Some(name) = user.held_name.take() else { return Ok(()) };
    match verdict {
        Verdict::Release => {
            guard::released(tx, Loss::UserName, id)?;
            by_entra::take_name(tx, user, name)
        }
        Verdict::Keep => {
            guard::kept(tx, Loss::UserName, id)?;
            keep(tx, user)
        }
    }
}

fn keep(tx: &mut Tx, mut user: User) -> Result<()> {
    users::store(tx, &mut user, None)?;
    let name = user.name();
    audit::note(tx, Action::UserHoldDiscarded, user.subject(&name), &[])
}

#[diesel::dsl::auto_type]
fn held_groups() -> _ {
    let members = group_members::table
        .filter(group_members::group_id.eq(user_groups::id))
        .filter(group_members::held.eq(true));
    user_groups::table.filter(user_groups::held_at.is_not_null().or(exists(members)))
}
