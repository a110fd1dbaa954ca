//! What the guard holds back: seen by an administrator, who then lets it go or keeps it as it is.
//!
//! A verdict concerns those whom it names, as they were shown, and nobody else. Releasing all also begins the count anew:
//! an administrator has looked, and what Entra ID does is right.

use super::Tx;
use super::audit::{self, Action, Change};
use super::groups::{self, Group, by_entra as entras_groups};
use super::guard::{self, Loss};
use super::page::{At, Page};
use super::users::{self, Held, User, by_entra, by_hand, lifecycle, may_decide};
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

/// A user on whom a verdict is passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The user's key.
    pub id: String,
    /// The number of what was shown to be held back ([`User::hold`]); none where nothing was shown.
    pub shown: Option<i64>,
}

/// All that a verdict on everything concerns: what was held back when the page was shown.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// Users, with the state that they are in now.
    pub users: Vec<Named>,
    /// Groups, by key.
    pub groups: Vec<String>,
    losses: Vec<Loss>,
    until: i64,
}

/// What came of a verdict on many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// How many it was carried out on.
    pub done: usize,
    /// How many it could not be carried out on, such as accounts that only an owner decides over.
    pub left: usize,
    /// How many it did not concern: they were held back, or differently, only after the page was shown.
    pub newer: usize,
}

/// Decides on some of it: users and groups by key, all of them or none.
///
/// # Errors
/// [`Error::Conflict`] where something else is held back by now than was shown, or than was held back at first where
/// nothing was shown.
pub fn decide(tx: &mut Tx, verdict: Verdict, users: &[Named], groups: &[String]) -> Result<Decided> {
    let mut decided = Decided { done: groups.len(), ..Decided::default() };
    for user in users {
        if decide_user(tx, verdict, user)? { decided.done += 1 } else { decided.left += 1 }
    }
    for id in groups {
        decide_group(tx, verdict, id)?;
    }
    if verdict == Verdict::Release && decided.done > 0 {
        note_release(tx, decided.done)?;
    }
    Ok(decided)
}

/// All of whom something is held back. `shown` is the number of the latest hold when a page showed it
/// ([`users::last_hold`]): what came later is left out.
pub fn everything(conn: &mut Conn, shown: Option<i64>) -> Result<Everything> {
    let until = match shown {
        Some(shown) => shown,
        None => users::last_hold(conn)?,
    };
    let held = table::table.filter(table::held_at.is_not_null()).filter(table::held_no.le(until));
    let columns = (table::id, table::held_no, table::held.is_not_null(), table::held_name.is_not_null());
    let rows: Vec<(String, Option<i64>, bool, bool)> = held.select(columns).load(conn)?;
    let accounts = rows.iter().any(|row| row.2).then_some(Loss::Account);
    let names = rows.iter().any(|row| row.3).then_some(Loss::UserName);
    Ok(Everything {
        users: rows.into_iter().map(|(id, shown, ..)| Named { id, shown }).collect(),
        groups: held_groups().select(user_groups::id).load(conn)?,
        losses: accounts.into_iter().chain(names).collect(),
        until,
    })
}

/// Begins a verdict on all of it, which [`decide_each`] carries out slice by slice. Releasing begins the count anew, of
/// what is released; with nothing held back, of everything. Answers how many it does not concern.
pub fn begin_all(tx: &mut Tx, verdict: Verdict, all: &Everything) -> Result<usize> {
    let later = table::table.filter(table::held_at.is_not_null()).filter(table::held_no.gt(all.until));
    let columns = (table::id, table::held.is_not_null(), table::held_name.is_not_null());
    let newer: Vec<(String, bool, bool)> = later.select(columns).load(tx.conn)?;
    if verdict == Verdict::Keep {
        return Ok(newer.len());
    }
    let count = all.users.len() + all.groups.len();
    let losses = if count + newer.len() == 0 { Loss::ALL } else { &all.losses };
    for loss in losses {
        let counts = |row: &&(String, bool, bool)| match loss {
            Loss::Account => row.1,
            Loss::UserName => row.2,
        };
        let still: Vec<String> = newer.iter().filter(counts).map(|row| row.0.clone()).collect();
        guard::begin_anew(tx, *loss, &still)?;
    }
    if !losses.is_empty() || count > 0 {
        note_release(tx, count)?;
    }
    Ok(newer.len())
}

/// Decides on a slice of it; what cannot be decided is left as it is, and the others go on.
pub fn decide_each(tx: &mut Tx, verdict: Verdict, users: &[Named], groups: &[String]) -> Result<Decided> {
    let mut decided = Decided::default();
    let mut count = |outcome: Result<bool>| {
        match outcome {
            Ok(true) => decided.done += 1,
            Err(cause @ Error::Internal(_)) => return Err(cause),
            Ok(false) | Err(_) => decided.left += 1,
        }
        Ok(())
    };
    for user in users {
        count(tx.nested(|tx| decide_user(tx, verdict, user)))?;
    }
    for id in groups {
        count(tx.nested(|tx| decide_group(tx, verdict, id).map(|()| true)))?;
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

/// Tells whether something of this user was held back.
fn decide_user(tx: &mut Tx, verdict: Verdict, named: &Named) -> Result<bool> {
    let id = &named.id;
    let user = match users::find(tx.conn, id) {
        // Deleted by hand meanwhile: nothing waits any longer.
        Err(Error::NotFound(_)) => return Ok(false),
        found => found?,
    };
    is_what_was_shown(&user, verdict, named.shown)?;
    if !user.is_held() {
        return Ok(false);
    }
    // Either verdict decides over the account: whether it stays, and by which name it is known.
    may_decide(tx, &user)?;
    decide_name(tx, verdict, user)?;
    let mut user = users::find(tx.conn, id)?;
    let Some(held) = user.held else { return Ok(true) };
    match verdict {
        Verdict::Release => guard::released(tx, Loss::Account, id)?,
        Verdict::Keep => guard::kept(tx, Loss::Account, id)?,
    }
    match (verdict, held) {
        (Verdict::Release, Held::Deactivate) => lifecycle::deactivate_as_asked(tx, id).map(drop),
        (Verdict::Release, Held::Delete) => by_entra::delete(tx, user).map(drop),
        // Entra ID has forgotten the user: the account goes on under local management.
        (Verdict::Keep, Held::Delete) => by_hand::release(tx, id).map(drop),
        (Verdict::Keep, Held::Deactivate) => {
            user.held = None;
            keep(tx, user)
        }
    }?;
    Ok(true)
}

/// A verdict is on what was seen. Where nothing was shown, as to a script, releasing is on what was held back at first.
fn is_what_was_shown(user: &User, verdict: Verdict, shown: Option<i64>) -> Result<()> {
    let is_same = match shown {
        Some(_) => user.hold() == shown,
        None => verdict == Verdict::Keep || !user.has_another_hold_than_at_first(),
    };
    if is_same {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "What is held back of {} is not what it was. Nothing was done: look at what waits now, and decide anew.",
        user.name()
    )))
}

fn decide_name(tx: &mut Tx, verdict: Verdict, mut user: User) -> Result<()> {
    let Some(name) = user.held_name.take() else { return Ok(()) };
    match verdict {
        Verdict::Release => {
            guard::released(tx, Loss::UserName, &user.id)?;
            by_entra::take_name(tx, user, name)
        }
        Verdict::Keep => {
            guard::kept(tx, Loss::UserName, &user.id)?;
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
