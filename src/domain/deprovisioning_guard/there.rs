//! Who was there when a window of the guard began: users who were active then, whoever has come or gone since.

use super::{Loss, Outcome, long_ago, minute};
use crate::db::schema::{census, guard_arrivals, guard_minutes, guard_people, users};
use crate::db::{Backend, Conn};
use crate::domain::condition::without_index;
use crate::domain::{CLOCK_TOLERANCE, Tx};
use crate::error::Result;
use crate::keys::UserId;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::{IntoBoxed, exists};
use diesel::prelude::*;

/// The windows, each with a column for what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// The shorter one.
    Hour,
    /// A day.
    Day,
}

/// Since when the user has been active; none where there is no such user. By a later time than now nothing is known of
/// that: the clock was ahead then, or is behind now, and so they have always been there.
pub(super) fn came_at(conn: &mut Conn, user: &UserId, now: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    let mine = users::table.find(user).select((users::created_at, users::reactivated_at));
    let found: Option<(NaiveDateTime, Option<NaiveDateTime>)> = mine.first(conn).optional()?;
    let came_at = found.map(|(created, reactivated)| reactivated.map_or(created, |at| at.max(created)));
    Ok(came_at.map(|at| if at > latest(now) { long_ago() } else { at.min(now) }))
}

/// What is later says nothing of when it was.
fn latest(now: NaiveDateTime) -> NaiveDateTime {
    now + CLOCK_TOLERANCE
}

/// How many of those counted since then had come only since then: a sum over minutes, and a part of the first of them.
pub(super) fn newcomers_counted(conn: &mut Conn, loss: Loss, since: NaiveDateTime) -> Result<i64> {
    let whole = minute(since)? + TimeDelta::minutes(1);
    let minutes = guard_arrivals::table
        .filter(guard_arrivals::loss.eq(loss))
        .filter(guard_arrivals::minute.ge(whole))
        .select(guard_arrivals::people);
    let minutes: Vec<i64> = minutes.load(conn)?;
    let part = guard_people::table
        .filter(guard_people::loss.eq(loss))
        .filter(guard_people::came_at.gt(since))
        .filter(guard_people::came_at.lt(whole))
        .filter(guard_people::at.gt(since));
    let part: i64 = part.count().get_result(conn)?;
    Ok(minutes.iter().sum::<i64>() + part)
}

/// Of whoever is counted it is kept when they came, unless that was before every window.
pub(super) fn count_arrival(
    tx: &mut Tx,
    loss: Loss,
    came_at: NaiveDateTime,
    stale: NaiveDateTime,
) -> Result<()> {
    if came_at <= stale {
        return Ok(());
    }
    let row = (
        guard_arrivals::loss.eq(loss),
        guard_arrivals::minute.eq(minute(came_at)?),
        guard_arrivals::people.eq(1_i64),
    );
    diesel::insert_into(guard_arrivals::table)
        .values(row)
        .on_conflict((guard_arrivals::loss, guard_arrivals::minute))
        .do_update()
        .set(guard_arrivals::people.eq(guard_arrivals::people + 1))
        .execute(tx.conn)?;
    Ok(())
}

/// These are counted no longer: how many came in which minute.
pub(super) fn uncount_arrivals(
    tx: &mut Tx,
    loss: Loss,
    minutes: impl IntoIterator<Item = (NaiveDateTime, i64)>,
) -> Result<()> {
    for (minute, people) in minutes {
        let this = guard_arrivals::table.find((loss, minute));
        diesel::update(this)
            .set(guard_arrivals::people.eq(guard_arrivals::people - people))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Deletes what no window reaches any more.
pub(super) fn sweep(tx: &mut Tx, stale: NaiveDateTime) -> Result<()> {
    let old = guard_arrivals::minute.lt(stale).or(guard_arrivals::people.le(0));
    diesel::delete(guard_arrivals::table.filter(old)).execute(tx.conn)?;
    Ok(())
}

/// How many users were active when the window began. That is found out once a minute, for it takes a look at all who
/// came since.
pub(super) fn count(tx: &mut Tx, loss: Loss, window: Window, since: NaiveDateTime) -> Result<i64> {
    let this = guard_minutes::table.find((loss, minute(tx.now)?));
    let columns = (guard_minutes::there_hour, guard_minutes::there_day);
    let (hour, day): (Option<i64>, Option<i64>) =
        this.select(columns).first(tx.conn).optional()?.unwrap_or_default();
    let known = match window {
        Window::Hour => hour,
        Window::Day => day,
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let found = count_there(tx.conn, since, tx.now)?;
    match window {
        Window::Hour => diesel::update(this).set(guard_minutes::there_hour.eq(found)).execute(tx.conn)?,
        Window::Day => diesel::update(this).set(guard_minutes::there_day.eq(found)).execute(tx.conn)?,
    };
    Ok(found)
}

fn count_there(conn: &mut Conn, since: NaiveDateTime, now: NaiveDateTime) -> Result<i64> {
    let until = latest(now);
    let active: i64 = census::table.select(census::active_users).first(conn)?;
    let created: i64 = created(since, until).count().get_result(conn)?;
    let returned: i64 = returned(since, until).count().get_result(conn)?;
    let gone: i64 = gone(since).count().get_result(conn)?;
    Ok(active - created - returned + gone)
}

/// Of all queries here: found by what happened lately, and by nothing that holds of most users.
fn created(since: NaiveDateTime, until: NaiveDateTime) -> IntoBoxed<'static, users::table, Backend> {
    let counted = users::active.eq(true).and(users::seen.gt(0));
    let lately = users::created_at.gt(since).and(users::created_at.le(until));
    users::table.filter(lately).filter(without_index(Box::new(counted))).into_boxed()
}

fn returned(since: NaiveDateTime, until: NaiveDateTime) -> IntoBoxed<'static, users::table, Backend> {
    let counted = users::active.eq(true).and(users::seen.gt(0)).and(users::created_at.le(since));
    let lately = users::reactivated_at.gt(since).and(users::reactivated_at.le(until));
    users::table.filter(lately.assume_not_null()).filter(without_index(Box::new(counted))).into_boxed()
}

fn gone(since: NaiveDateTime) -> IntoBoxed<'static, guard_people::table, Backend> {
    let account = users::table.filter(users::id.eq(guard_people::user_id));
    let inactive = exists(account.filter(users::active.eq(false)));
    let counted = guard_people::outcome.eq(Outcome::Went).and(guard_people::came_at.le(since));
    guard_people::table
        .filter(guard_people::loss.eq(Loss::Account))
        .filter(guard_people::at.gt(since))
        .filter(without_index(Box::new(counted.and(inactive))))
        .into_boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::{begin_minutes_anew, holds, kept, limits, uncount_some};
    use super::*;
    use crate::db::explained;
    use crate::domain::testing::test_org;
    use crate::domain::{Actor, Tx};
    use std::collections::HashSet;

    fn one_by_one(conn: &mut Conn, since: NaiveDateTime) -> i64 {
        let newcomers = guard_people::table
            .filter(guard_people::loss.eq(Loss::Account))
            .filter(guard_people::came_at.gt(since))
            .filter(guard_people::at.gt(since));
        newcomers.count().get_result(conn).unwrap()
    }

    #[test]
    fn who_came_and_went_lately_is_found_by_when_that_was() {
        let (_folder, db) = crate::db::empty();
        let (since, until) = (NaiveDateTime::MIN, NaiveDateTime::MAX);
        db.read(|conn| {
            let plans = [
                (
                    explained(conn, &created(since, until).count()),
                    "users_by_created (created_at>? AND created_at<?)",
                ),
                (
                    explained(conn, &returned(since, until).count()),
                    "users_by_reactivation (reactivated_at>? AND reactivated_at<?)",
                ),
                (explained(conn, &gone(since).count()), "guard_people_by_time (loss=? AND at>?)"),
            ];
            for (steps, index) in plans {
                assert!(steps[0].ends_with(index), "{index}: {steps:?}");
                let others = steps[1..].iter().filter(|step| step.contains(" users "));
                assert!(others.clone().all(|step| step.ends_with("(id=?)")), "{index}: {steps:?}");
            }
            Ok(())
        })
        .unwrap();
    }

    fn key(person: u32) -> UserId {
        format!("person-{person}").parse().unwrap()
    }

    #[test]
    fn the_sum_of_newcomers_is_what_counting_them_one_by_one_gives() {
        let test = test_org();
        let tries = |people: std::ops::Range<u32>| {
            move |tx: &mut Tx| {
                people.clone().try_for_each(|person| holds(tx, Loss::Account, &key(person), false).map(drop))
            }
        };
        let agree = |told: &str| {
            test.write(&Actor::Entra, move |tx| {
                let longest = TimeDelta::minutes(limits(tx.conn)?.longest());
                for window in [TimeDelta::zero(), TimeDelta::seconds(90), TimeDelta::hours(1), longest] {
                    let since = tx.now - window;
                    let counted = newcomers_counted(tx.conn, Loss::Account, since)?;
                    assert_eq!(counted, one_by_one(tx.conn, since), "{window}");
                }
                newcomers_counted(tx.conn, Loss::Account, tx.now - longest)
            })
            .unwrap_or_else(|cause| panic!("{told}: {cause}"))
        };
        test.write(&Actor::Entra, tries(0..40)).unwrap();
        assert_eq!(agree("all at once"), 40);
        test.clock.advance(TimeDelta::seconds(80));
        test.write(&Actor::Entra, tries(20..60)).unwrap();
        assert_eq!(agree("some of them again"), 60);
        test.write(&Actor::CommandLine, |tx| kept(tx, Loss::Account, &key(3))).unwrap();
        test.clock.advance(TimeDelta::minutes(55));
        test.write(&Actor::Entra, tries(50..70)).unwrap();
        assert_eq!(agree("an hour later"), 70);
        test.write(&Actor::CommandLine, |tx| {
            let (still, now) = (HashSet::from([key(7)]), tx.now);
            let mut after = String::new();
            while let Some(last) = uncount_some(tx, Loss::Account, &after, now, |_, _| Ok(still.clone()))? {
                after = last;
            }
            begin_minutes_anew(tx, Loss::Account)
        })
        .unwrap();
        assert_eq!(agree("counted anew"), 1);
        test.write(&Actor::Entra, tries(0..10)).unwrap();
        assert_eq!(agree("and again"), 10);
        test.clock.advance(TimeDelta::hours(30));
        test.write(&Actor::Entra, tries(5..6)).unwrap();
        assert_eq!(agree("a day later"), 1);
    }
}
