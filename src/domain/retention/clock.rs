//! Nothing is deleted on the word of a clock that has just leapt: a machine that wakes in another year would else lose its
//! logs within a minute.

use super::{Log, age};
use crate::db::Conn;
use crate::domain::settings::{self, names};
use crate::domain::{Actor, Org, Tx};
use crate::error::Result;
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

/// The time is noted so often.
const NOTE_EVERY: TimeDelta = TimeDelta::hours(1);
/// A clock that goes on by more than this, without the program having seen the time between, has leapt; or the program
/// did not run for so long, which cannot be told apart.
const LEAP: TimeDelta = TimeDelta::days(7);
/// For so long nothing is deleted then: somebody has the time to put the clock right.
const WAIT: TimeDelta = TimeDelta::days(1);

/// What is known of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ClockRecord {
    /// The time when it was last looked at.
    at: NaiveDateTime,
    /// Until when nothing is deleted, after a leap.
    wait_until: Option<NaiveDateTime>,
}

impl ClockRecord {
    /// What is known once it shows `now`; nothing where it was looked at a short while ago.
    fn next(before: Option<Self>, now: NaiveDateTime) -> Option<Self> {
        let fresh = Self { at: now, wait_until: None };
        let Some(before) = before else { return Some(fresh) };
        let gone_by = now - before.at;
        if gone_by < -NOTE_EVERY {
            // It was ahead and was put right.
            Some(fresh)
        } else if gone_by > LEAP {
            Some(Self { wait_until: Some(now + WAIT), ..fresh })
        } else {
            (gone_by >= NOTE_EVERY).then_some(Self { at: now, ..before })
        }
    }

    fn waits(self, now: NaiveDateTime) -> bool {
        self.wait_until.is_some_and(|until| now < until)
    }
}

fn seen(conn: &mut Conn) -> Result<Option<ClockRecord>> {
    settings::get(conn, names::LOG_CLOCK)
}

/// Where it was never looked at, as after an upgrade: the newest line of a log was written when the clock was right. Those
/// of the last day may have been written since it leapt.
fn by_the_logs(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<ClockRecord>> {
    let mut newest = None;
    for log in Log::ALL {
        newest = newest.max(age::newest(conn, *log, now - WAIT)?);
    }
    Ok(newest.map(|at| ClockRecord { at, wait_until: None }))
}

/// Whether the clock can be believed, so that what is old by it may be deleted. What it shows is noted at the first look,
/// however lately a line was written: it is what the next look is measured by.
pub(super) fn is_trusted(org: &Org) -> Result<bool> {
    let now = org.now();
    let before = org.read(move |conn| match seen(conn)? {
        Some(seen) => Ok(Some(seen)),
        None => by_the_logs(conn, now),
    })?;
    let next = ClockRecord::next(before, now);
    if let Some(next) = next {
        org.write(&Actor::Rollcall, move |tx: &mut Tx| settings::put_own(tx, names::LOG_CLOCK, &next))?;
        if let (Some(until), Some(before)) = (next.wait_until, before)
            && Some(until) != before.wait_until
        {
            tracing::warn!(
                last = %before.at, %now, %until,
                "the clock has leapt, or the program did not run for days: nothing is deleted from the logs until then; \
                 if the time is right, nothing is to be done"
            );
        }
    }
    Ok(!next.or(before).is_some_and(|seen| seen.waits(now)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn day(days: i64) -> NaiveDateTime {
        chrono::DateTime::from_timestamp(days * 86_400, 0).unwrap().naive_utc()
    }

    #[test]
    fn after_a_leap_nothing_is_deleted_for_a_day_and_not_once_the_clock_is_right_again() {
        let first = ClockRecord::next(None, day(0)).unwrap();
        assert!(!first.waits(day(0)), "nothing is known of the clock: it is believed");
        let later = ClockRecord::next(Some(first), day(6)).unwrap();
        assert!(!later.waits(day(6)), "a weekend and a holiday");
        let leapt = ClockRecord::next(Some(later), day(3650)).unwrap();
        assert!(leapt.waits(day(3650)));
        let hours_on = ClockRecord::next(Some(leapt), day(3650) + TimeDelta::hours(5)).unwrap();
        assert!(hours_on.waits(day(3650) + TimeDelta::hours(5)), "it goes on to wait");
        assert!(!ClockRecord::next(Some(hours_on), day(3651)).unwrap().waits(day(3651)), "for a day");
        let right = ClockRecord::next(Some(hours_on), day(7)).unwrap();
        assert!(!right.waits(day(7)) && right.at == day(7));
        assert!(!ClockRecord::next(Some(right), day(8)).unwrap().waits(day(8)));
    }

    #[test]
    fn the_time_is_noted_once_an_hour() {
        let first = ClockRecord::next(None, day(0)).unwrap();
        assert_eq!(ClockRecord::next(Some(first), day(0) + TimeDelta::minutes(59)), None);
        assert!(ClockRecord::next(Some(first), day(0) + TimeDelta::minutes(60)).is_some());
    }
}
