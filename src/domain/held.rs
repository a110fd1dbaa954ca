//! What the guard holds back: seen by an administrator, who then lets it go or keeps it as it is.
//!
//! A verdict concerns those whom it names, as they were shown, and nobody else. Releasing all also begins the count anew:
//! an administrator has looked, and what Entra ID does is right.

use super::audit::{Action, Change};
use super::deprovisioning_guard::{self, Loss};
use super::groups::{self, Group, by_entra as entras_groups};
use super::page::{At, Page};
use super::tasks::{self, Kind, Slice, Step, Task, WorkItem};
use super::users::{self, Held, User, by_entra, by_hand, lifecycle, may_decide};
use super::{Noted, Tx};
use crate::db::Conn;
use crate::db::schema::{group_members, user_groups, users as table};
use crate::error::{Error, Result};
use crate::keys::{GroupId, UserId};
use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// What a verdict on everything is on: one at a time.
const SUBJECT: &str = "held";
/// So many users are looked up at a time.
const BITE: i64 = 100;

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
        At::After(cursor) => query.filter(table::id.gt(cursor)).order(table::id.asc()),
        At::Before(cursor) => query.filter(table::id.lt(cursor)).order(table::id.desc()),
    };
    let limit = i64::try_from(size + 1).map_err(Error::internal)?;
    let rows = query.limit(limit).select(User::as_select()).load(conn)?;
    Ok(Page::new(rows, at, size, |user: &User| user.id.to_string()))
}

/// The groups of which something is held back, by name.
pub fn groups(conn: &mut Conn) -> Result<Vec<HeldGroup>> {
    let groups: Vec<Group> =
        held_groups().order(user_groups::name_key).select(Group::as_select()).load(conn)?;
    let counted = groups.into_iter().map(|group| {
        let held =
            group_members::table.filter(group_members::group_id.eq(&group.id)).filter(group_members::held);
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
    pub id: UserId,
    /// The number of what was shown to be held back ([`User::hold`]); none where nothing was shown.
    pub shown: Option<i64>,
}

/// All that a verdict on everything concerns: what was held back when the page was shown.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// How many users.
    pub users: i64,
    /// How many groups.
    pub groups: i64,
    losses: Vec<Loss>,
    until: i64,
}

/// A verdict on everything, as its task keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct VerdictInput {
    /// The number of the latest hold that it concerns.
    until: i64,
    /// Of what the count begins anew.
    losses: Vec<String>,
    /// How many holds it did not concern.
    newer: usize,
}

impl tasks::TaskInput for VerdictInput {
    fn asks_the_same(&self, other: &Self) -> bool {
        self.until == other.until
    }
}

/// Where a verdict on everything has come to.
#[derive(Debug, Serialize, Deserialize)]
enum Position {
    /// In the count of this loss, after this person.
    Count(usize, String),
    /// After the user with this hold.
    Users(i64, String),
    /// After this group.
    Groups(String),
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
pub fn decide(tx: &mut Tx, verdict: Verdict, users: &[Named], groups: &[GroupId]) -> Result<Noted<Decided>> {
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
    Ok(Noted::unaudited(decided, "each user and group that was decided over has an entry of its own"))
}

/// How much of it there is. `shown` is the number of the latest hold when a page showed it ([`users::last_hold`]): what
/// came later is left out.
pub fn everything(conn: &mut Conn, shown: Option<i64>) -> Result<Everything> {
    let until = match shown {
        Some(shown) => shown,
        None => users::last_hold(conn)?,
    };
    let held = || table::table.filter(table::held_no.le(until));
    let accounts = held().filter(table::held_at.is_not_null()).filter(table::held.is_not_null());
    let names = held().filter(table::held_name_key.is_not_null());
    let accounts: bool = diesel::select(exists(accounts)).get_result(conn)?;
    let names: bool = diesel::select(exists(names)).get_result(conn)?;
    let losses = [accounts.then_some(Loss::Account), names.then_some(Loss::UserName)];
    Ok(Everything {
        users: held().count().get_result(conn)?,
        groups: held_groups().count().get_result(conn)?,
        losses: losses.into_iter().flatten().collect(),
        until,
    })
}

/// Begins a verdict on all of it, which [`decide_some`] carries out slice by slice. Releasing begins the count anew, of
/// what is released; with nothing held back, of everything.
pub fn begin_all(tx: &mut Tx, verdict: Verdict, all: &Everything) -> Result<Noted<Task>> {
    let kind = match verdict {
        Verdict::Release => Kind::ReleaseHeld,
        Verdict::Keep => Kind::KeepHeld,
    };
    let newer: i64 = table::table.filter(table::held_no.gt(all.until)).count().get_result(tx.conn)?;
    let count = all.users + all.groups;
    let losses = if count + newer == 0 { Loss::ALL } else { &all.losses };
    let mut order = VerdictInput {
        until: all.until,
        losses: losses.iter().map(|loss| loss.as_str().to_owned()).collect(),
        newer: usize::try_from(newer).map_err(Error::internal)?,
    };
    if let Some(running) = tasks::running_on(tx.conn, SUBJECT)?.filter(|task| task.kind == kind) {
        // One that is shown only by now is the same where nothing is held back that the other does not concern.
        let theirs = running.what::<VerdictInput>()?.until;
        let beyond = table::table.filter(table::held_no.gt(theirs)).filter(table::held_no.le(order.until));
        if !diesel::select(exists(beyond)).get_result::<bool>(tx.conn)? {
            order.until = theirs;
        }
    }
    if let Some(same) = tasks::under_way(tx, kind, SUBJECT, &order)? {
        return Ok(Noted::unaudited(same, "it is under way already"));
    }
    let task = tasks::begin(tx, kind, SUBJECT, &order, count)?;
    if verdict == Verdict::Release && (!losses.is_empty() || count > 0) {
        return Ok(note_release(tx, usize::try_from(count).map_err(Error::internal)?)?.with(task));
    }
    Ok(Noted::unaudited(task, "each user and group that is kept has an entry of its own"))
}

/// What came of a verdict on everything.
pub fn decided(task: &Task) -> Result<Decided> {
    let count = |rows: i64| usize::try_from(rows).map_err(Error::internal);
    Ok(Decided {
        done: count(task.done)?,
        left: count(task.left_out)?,
        newer: task.what::<VerdictInput>()?.newer,
    })
}

/// Decides on some of it; what cannot be decided is left as it is, and the others go on.
pub(super) fn decide_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let order: VerdictInput = task.what()?;
    let verdict = if task.kind == Kind::ReleaseHeld { Verdict::Release } else { Verdict::Keep };
    let mut position = task.position()?.unwrap_or(match verdict {
        Verdict::Release => Position::Count(0, String::new()),
        Verdict::Keep => Position::Users(i64::MIN, String::new()),
    });
    let mut step = Step::More;
    while step == Step::More && slice.goes_on() {
        position = match position {
            Position::Count(at, after) => {
                // Of so many at once the slice is told: when it is over it says so before the next ones.
                slice.takes(deprovisioning_guard::BITE.into());
                count_anew(tx, &order, (at, &after), task.started_at)?
            }
            Position::Users(no, id) => decide_users(tx, verdict, task, &order, (no, id), slice)?,
            Position::Groups(after) => match decide_next_group(tx, verdict, task, &after, slice)? {
                Some(id) => Position::Groups(id.into()),
                None => {
                    step = Step::Done;
                    Position::Groups(after)
                }
            },
        };
    }
    task.go_on_from(&position)?;
    Ok(Noted::unaudited(step, "each user and group that was decided over has an entry of its own"))
}

/// Begins the count anew of some people; answers where to go on.
fn count_anew(
    tx: &mut Tx,
    order: &VerdictInput,
    (at, after): (usize, &str),
    begun: NaiveDateTime,
) -> Result<Position> {
    let Some(loss) = order.losses.get(at).and_then(|word| Loss::parse(word)) else {
        return Ok(Position::Users(i64::MIN, String::new()));
    };
    let later = |conn: &mut Conn, ids: &[UserId]| {
        let mine = table::table.filter(table::id.eq_any(ids)).filter(table::held_no.gt(order.until));
        let still: Vec<UserId> = match loss {
            Loss::Account => mine.filter(table::held.is_not_null()).select(table::id).load(conn)?,
            Loss::UserName => mine.filter(table::held_name.is_not_null()).select(table::id).load(conn)?,
        };
        Ok(still.into_iter().collect())
    };
    Ok(match deprovisioning_guard::uncount_some(tx, loss, after, begun, later)? {
        Some(last) => Position::Count(at, last),
        None => Position::Count(at + 1, String::new()),
    })
}

/// Decides on users for as long as the slice goes on; answers where to go on.
fn decide_users(
    tx: &mut Tx,
    verdict: Verdict,
    task: &mut Task,
    order: &VerdictInput,
    (no, id): (i64, String),
    slice: &mut Slice,
) -> Result<Position> {
    let after = table::held_no.gt(no).or(table::held_no.eq(no).and(table::id.gt(&id)));
    let some = table::table
        .filter(table::held_no.between(no, order.until))
        .filter(after)
        .order((table::held_no, table::id))
        .limit(BITE)
        .select((table::id, table::held_no.assume_not_null()));
    let some: Vec<(UserId, i64)> = some.load(tx.conn)?;
    if some.is_empty() {
        return Ok(Position::Groups(String::new()));
    }
    let mut last = (no, id);
    for (id, no) in some {
        let named = Named { id, shown: Some(no) };
        slice.begins(WorkItem::User(named.id.clone()));
        let outcome = tx.nested(|tx| decide_user(tx, verdict, &named));
        task.count(is_done(outcome)?);
        last = (no, named.id.into());
        if !slice.goes_on() {
            break;
        }
    }
    Ok(Position::Users(last.0, last.1))
}

/// Decides on the next group, if there is one; answers which it was.
fn decide_next_group(
    tx: &mut Tx,
    verdict: Verdict,
    task: &mut Task,
    after: &str,
    slice: &Slice,
) -> Result<Option<GroupId>> {
    let next = held_groups().filter(user_groups::id.gt(after)).order(user_groups::id);
    let Some(id) = next.select(user_groups::id).first::<GroupId>(tx.conn).optional()? else {
        return Ok(None);
    };
    slice.begins(WorkItem::Group(id.clone()));
    let outcome = tx.nested(|tx| decide_group(tx, verdict, &id).map(|_| true));
    task.count(is_done(outcome)?);
    Ok(Some(id))
}

/// Whether it was done; a failure of our own is none of what is left.
fn is_done(outcome: Result<bool>) -> Result<bool> {
    match outcome {
        Err(cause @ Error::Internal(_)) => Err(cause),
        Ok(is_done) => Ok(is_done),
        Err(_) => Ok(false),
    }
}

fn note_release(tx: &mut Tx, count: usize) -> Result<Noted<()>> {
    let change = Change::set("users and groups", count.to_string());
    tx.note(Action::HoldsReleased, deprovisioning_guard::subject(), &[change])
}

fn decide_group(tx: &mut Tx, verdict: Verdict, id: &GroupId) -> Result<Noted<()>> {
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
        Verdict::Release => deprovisioning_guard::released(tx, Loss::Account, id)?,
        Verdict::Keep => deprovisioning_guard::kept(tx, Loss::Account, id)?,
    }
    match (verdict, held) {
        (Verdict::Release, Held::Deactivate) => lifecycle::deactivate_as_asked(tx, id).map(drop),
        (Verdict::Release, Held::Delete) => by_entra::delete(tx, user).map(drop),
        // Entra ID has forgotten the user: the account goes on under local management.
        (Verdict::Keep, Held::Delete) => by_hand::release(tx, id).map(drop),
        (Verdict::Keep, Held::Deactivate) => {
            user.held = None;
            keep(tx, user).map(drop)
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
            deprovisioning_guard::released(tx, Loss::UserName, &user.id)?;
            by_entra::take_name(tx, user, name)
        }
        Verdict::Keep => {
            deprovisioning_guard::kept(tx, Loss::UserName, &user.id)?;
            keep(tx, user).map(drop)
        }
    }
}

fn keep(tx: &mut Tx, mut user: User) -> Result<Noted<()>> {
    users::store(tx, &mut user, None)?;
    let name = user.name();
    tx.note(Action::UserHoldDiscarded, user.subject(&name), &[])
}

#[diesel::dsl::auto_type]
fn held_groups() -> _ {
    let members =
        group_members::table.filter(group_members::group_id.eq(user_groups::id)).filter(group_members::held);
    user_groups::table.filter(user_groups::held_at.is_not_null().or(exists(members)))
}
