//! The guard against mass deprovisioning: when Entra ID would take something from many people at once, the rest waits
//! until an administrator has looked at it. A wrong scope in Entra ID, or a wrong mapping, looks exactly like that.
//!
//! Distinct people are counted, one row each in `guard_people` with the time of the last try. The two windows are sums
//! over `guard_minutes`, so that a request costs the same whether ten people went or a hundred thousand.

use super::audit::{Kind, Subject};
use super::text_enum::text_enum;
use super::{Actor, Tx};
use crate::db::Conn;
use crate::db::schema::{census, guard_minutes, guard_people};
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::{DateTime, DurationRound, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

mod ahead;
mod limits;
mod there;

pub(super) use ahead::{correct_ahead, is_any_ahead};
pub use limits::{DAY, Limits, Measure, Measures, limits, set};

/// So many rows that no window reaches are deleted at a time.
const SWEEP: i64 = 500;
/// So many people are gone through at a time when the count begins anew.
pub(super) const BITE: u16 = 100;

text_enum! {
    /// What Entra ID may take from people; each loss has a measure of its own.
    pub enum Loss {
        /// The account: the user is deactivated or deleted.
        Account = "account",
        /// The name that the user signs in with.
        UserName = "user_name",
    }
}

text_enum! {
    /// What came of the last try.
    pub enum Outcome {
        /// It was done.
        Went = "went",
        /// It waits for an administrator.
        Held = "held",
    }
}

/// A person who was counted.
#[derive(Clone, Copy, Debug, Queryable, Selectable)]
#[diesel(table_name = guard_people)]
struct Person {
    /// When Entra ID last tried.
    at: NaiveDateTime,
    outcome: Outcome,
    /// When an administrator kept the person as they are.
    kept_at: Option<NaiveDateTime>,
    /// Since when the person had been active at the first try.
    came_at: NaiveDateTime,
}

/// One minute in which people were counted.
#[derive(Clone, Copy, Debug, Queryable, Selectable)]
#[diesel(table_name = guard_minutes)]
struct Minute {
    minute: NaiveDateTime,
    people: i64,
    /// How many users were active before the first of them.
    active: i64,
}

/// What has been counted lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Distinct people within the shorter window.
    pub hour: i64,
    /// Distinct people within a day.
    pub day: i64,
}

/// Counts a person from whom the actor would take something, and answers whether that must wait. Only Entra ID is
/// guarded against: an administrator sees what they do.
///
/// `pending`: whether something of this person waits already; it goes on waiting, however few there are by now.
pub(super) fn holds(tx: &mut Tx, loss: Loss, user: &UserId, pending: bool) -> Result<bool> {
    let limits = limits(tx.conn)?;
    if !limits.enabled || *tx.actor != Actor::Entra {
        return Ok(false);
    }
    let since = tx.now - TimeDelta::minutes(limits.longest());
    let mine = guard_people::table.find((loss, user)).select(Person::as_select());
    let before: Option<Person> = mine.first(tx.conn).optional()?;
    let counted = before.filter(|person| person.at > since);
    let came_at = match counted {
        // Whoever is switched off, on and off again is no newcomer.
        Some(person) => person.came_at,
        None => there::came_at(tx.conn, user, tx.now)?.unwrap_or(tx.now),
    };
    count_person(tx, loss, user, counted.map(|person| person.at), came_at, limits)?;
    let kept = before.is_some_and(|person| person.kept_at.is_some_and(|at| at.max(person.at) > since));
    // Whoever went within the window takes nobody else's place by going again.
    let went = counted.is_some_and(|person| person.outcome == Outcome::Went);
    let held = pending || kept || (!went && is_exceeded(tx, loss, limits)?);
    let outcome = if held { Outcome::Held } else { Outcome::Went };
    let mine = guard_people::table.find((loss, user));
    diesel::update(mine).set(guard_people::outcome.eq(outcome)).execute(tx.conn)?;
    Ok(held)
}

/// An administrator let the person go: a repetition within the window is nothing new.
pub(super) fn released(tx: &mut Tx, loss: Loss, user: &UserId) -> Result<()> {
    let mine = guard_people::table.find((loss, user));
    let change = (guard_people::outcome.eq(Outcome::Went), guard_people::kept_at.eq(None::<NaiveDateTime>));
    diesel::update(mine).set(change).execute(tx.conn)?;
    Ok(())
}

/// An administrator kept the person as they are: for a day, further tries wait without another verdict.
pub(super) fn kept(tx: &mut Tx, loss: Loss, user: &UserId) -> Result<()> {
    let row = (
        guard_people::loss.eq(loss),
        guard_people::user_id.eq(user),
        // Long ago: a verdict is no try, and counts nobody.
        guard_people::at.eq(long_ago()),
        guard_people::outcome.eq(Outcome::Held),
        guard_people::kept_at.eq(tx.now),
    );
    diesel::insert_into(guard_people::table)
        .values(row)
        .on_conflict((guard_people::loss, guard_people::user_id))
        .do_update()
        .set(guard_people::kept_at.eq(tx.now))
        .execute(tx.conn)?;
    Ok(())
}

/// Whether the person was counted for this loss within the longest window: before the first of those tries they were
/// active.
pub(super) fn was_counted(tx: &mut Tx, loss: Loss, user: &UserId) -> Result<bool> {
    let since = tx.now - TimeDelta::minutes(limits(tx.conn)?.longest());
    let at = guard_people::table.find((loss, user)).select(guard_people::at);
    Ok(at.first::<NaiveDateTime>(tx.conn).optional()?.is_some_and(|at| at > since))
}

/// Begins to count a loss anew, some people at a time: an administrator has looked, and all of it is right. Whoever was
/// kept stays kept as long as before. Those of whom Entra ID tried again since `until`, and those whom `still` names,
/// go on being counted. Goes on after the key that it answered last; answers none once it is through.
pub(super) fn uncount_some(
    tx: &mut Tx,
    loss: Loss,
    after: &str,
    until: NaiveDateTime,
    still: impl FnOnce(&mut Conn, &[UserId]) -> Result<HashSet<UserId>>,
) -> Result<Option<String>> {
    let mine = || guard_people::table.filter(guard_people::loss.eq(loss));
    let some = mine().filter(guard_people::user_id.gt(after)).order(guard_people::user_id).limit(BITE.into());
    let people: Vec<(UserId, Person)> =
        some.select((guard_people::user_id, Person::as_select())).load(tx.conn)?;
    let Some(last) = people.last().map(|(user, _)| user.to_string()) else {
        begin_minutes_anew(tx, loss)?;
        return Ok(None);
    };
    let ids: Vec<UserId> = people.iter().map(|(user, _)| user.clone()).collect();
    let still = still(tx.conn, &ids)?;
    let (mut gone, mut minutes, mut arrivals) = (Vec::new(), HashMap::new(), HashMap::new());
    for (user, person) in people.iter().filter(|(_, person)| person.at <= until) {
        if let Some(kept_at) = person.kept_at {
            let last_try = kept_at.max(person.at);
            let change = (guard_people::kept_at.eq(last_try), guard_people::at.eq(long_ago()));
            diesel::update(guard_people::table.find((loss, user))).set(change).execute(tx.conn)?;
        } else if still.contains(user) {
            continue;
        } else {
            gone.push(user);
        }
        if person.at > long_ago() {
            *minutes.entry(minute(person.at)?).or_insert(0) += 1;
            *arrivals.entry(minute(person.came_at)?).or_insert(0) += 1;
        }
    }
    diesel::delete(mine().filter(guard_people::user_id.eq_any(gone))).execute(tx.conn)?;
    for (minute, people) in minutes {
        let this = guard_minutes::table.find((loss, minute));
        diesel::update(this)
            .set(guard_minutes::people.eq(guard_minutes::people - people))
            .execute(tx.conn)?;
    }
    there::uncount_arrivals(tx, loss, arrivals)?;
    Ok(Some(last))
}

/// What is left in the minutes is measured by how many are active now.
fn begin_minutes_anew(tx: &mut Tx, loss: Loss) -> Result<()> {
    let mine = || guard_minutes::table.filter(guard_minutes::loss.eq(loss));
    diesel::delete(mine().filter(guard_minutes::people.le(0))).execute(tx.conn)?;
    let active: i64 = census::table.select(census::active_users).first(tx.conn)?;
    let anew = (
        guard_minutes::active.eq(active),
        guard_minutes::there_hour.eq(None::<i64>),
        guard_minutes::there_day.eq(None::<i64>),
    );
    diesel::update(mine()).set(anew).execute(tx.conn)?;
    Ok(())
}

/// How many people have been counted lately.
pub fn counted(conn: &mut Conn, loss: Loss, now: NaiveDateTime) -> Result<Count> {
    let limits = limits(conn)?;
    let minutes = minutes(conn, loss, now - TimeDelta::minutes(limits.longest()))?;
    let mut within = |length| Ok::<_, Error>(window(conn, loss, &minutes, now, length)?.0);
    Ok(Count { hour: within(limits.minutes)?, day: within(DAY)? })
}

/// Whether more go than may, of all or of those who were there when a window began. Who came since counts for nothing
/// there: whoever can take people away can make some up, too.
fn is_exceeded(tx: &mut Tx, loss: Loss, limits: Limits) -> Result<bool> {
    let measures = match loss {
        Loss::Account => limits.accounts,
        Loss::UserName => limits.user_names,
    };
    let now = tx.now;
    let minutes = minutes(tx.conn, loss, now - TimeDelta::minutes(limits.longest()))?;
    let windows =
        [(there::Window::Hour, measures.hour, limits.minutes), (there::Window::Day, measures.day, DAY)];
    for (window, measure, length) in windows {
        let (people, active) = self::window(tx.conn, loss, &minutes, now, length)?;
        if measure.is_exceeded(people, active) {
            return Ok(true);
        }
        let since = now - TimeDelta::minutes(length);
        let old = people - there::newcomers_counted(tx.conn, loss, since)?;
        // Of one, nobody is too many.
        if old > 1 && measure.is_exceeded(old, there::count(tx, loss, window, since)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many people were counted within so many minutes, and how many were active before the first of them.
fn window(
    conn: &mut Conn,
    loss: Loss,
    minutes: &[Minute],
    now: NaiveDateTime,
    length: i64,
) -> Result<(i64, i64)> {
    let since = now - TimeDelta::minutes(length);
    let begun = minute(since)?;
    let whole = begun + TimeDelta::minutes(1);
    let people: i64 = minutes.iter().filter(|row| row.minute >= whole).map(|row| row.people).sum();
    let active = minutes.iter().find(|row| row.minute >= begun).map_or(0, |row| row.active);
    // Of the minute in which the window begins only a part counts.
    let part = guard_people::table
        .filter(guard_people::loss.eq(loss))
        .filter(guard_people::at.gt(since))
        .filter(guard_people::at.lt(whole));
    let part: i64 = part.count().get_result(conn)?;
    Ok((people + part, active))
}

fn minutes(conn: &mut Conn, loss: Loss, since: NaiveDateTime) -> Result<Vec<Minute>> {
    let mine = guard_minutes::table
        .filter(guard_minutes::loss.eq(loss))
        .filter(guard_minutes::minute.ge(minute(since)?))
        .order(guard_minutes::minute);
    Ok(mine.select(Minute::as_select()).load(conn)?)
}

/// One person counts once: whoever was counted before moves to this minute.
fn count_person(
    tx: &mut Tx,
    loss: Loss,
    user: &UserId,
    before: Option<NaiveDateTime>,
    came_at: NaiveDateTime,
    limits: Limits,
) -> Result<()> {
    if let Some(at) = before {
        let then = guard_minutes::table.find((loss, minute(at)?));
        diesel::update(then).set(guard_minutes::people.eq(guard_minutes::people - 1)).execute(tx.conn)?;
    }
    if add_to_minute(tx, loss, tx.now)? {
        sweep(tx, limits)?;
    }
    if before.is_none() {
        let stale = tx.now - TimeDelta::minutes(limits.longest());
        there::count_arrival(tx, loss, came_at, stale)?;
    }
    let tried = (guard_people::at.eq(tx.now), guard_people::came_at.eq(came_at));
    let row = (
        guard_people::loss.eq(loss),
        guard_people::user_id.eq(user),
        tried,
        guard_people::outcome.eq(Outcome::Held),
    );
    let place = (guard_people::loss, guard_people::user_id);
    diesel::insert_into(guard_people::table)
        .values(row)
        .on_conflict(place)
        .do_update()
        .set(tried)
        .execute(tx.conn)?;
    Ok(())
}

/// Counts one more in the minute of that moment; tells whether they are the first in it.
fn add_to_minute(tx: &mut Tx, loss: Loss, at: NaiveDateTime) -> Result<bool> {
    let this = minute(at)?;
    let mine = guard_minutes::table.find((loss, this));
    let more = guard_minutes::people.eq(guard_minutes::people + 1);
    if diesel::update(mine).set(more).execute(tx.conn)? > 0 {
        return Ok(false);
    }
    let active: i64 = census::table.select(census::active_users).first(tx.conn)?;
    let row = (
        guard_minutes::loss.eq(loss),
        guard_minutes::minute.eq(this),
        guard_minutes::people.eq(1_i64),
        guard_minutes::active.eq(active),
    );
    diesel::insert_into(guard_minutes::table).values(row).execute(tx.conn)?;
    Ok(true)
}

/// Deletes some of what no window reaches any more: never much at once, since somebody waits.
fn sweep(tx: &mut Tx, limits: Limits) -> Result<()> {
    let stale = minute(tx.now - TimeDelta::minutes(limits.longest()))?;
    diesel::delete(guard_minutes::table.filter(guard_minutes::minute.lt(stale))).execute(tx.conn)?;
    there::sweep(tx, stale)?;
    for loss in Loss::ALL {
        let old = guard_people::table
            .filter(guard_people::loss.eq(loss))
            .filter(guard_people::at.lt(stale))
            .filter(guard_people::kept_at.is_null().or(guard_people::kept_at.lt(stale)));
        let some: Vec<String> =
            old.order(guard_people::at).limit(SWEEP).select(guard_people::user_id).load(tx.conn)?;
        let these = guard_people::table
            .filter(guard_people::loss.eq(loss))
            .filter(guard_people::user_id.eq_any(some));
        diesel::delete(these).execute(tx.conn)?;
    }
    Ok(())
}

/// Before every window.
fn long_ago() -> NaiveDateTime {
    DateTime::UNIX_EPOCH.naive_utc()
}

fn minute(at: NaiveDateTime) -> Result<NaiveDateTime> {
    at.duration_trunc(TimeDelta::minutes(1)).map_err(Error::internal)
}

pub(super) fn subject() -> Subject<'static> {
    Subject { kind: Kind::Provisioning, id: "guard", name: "the guard against mass deprovisioning" }
}
