//! How long the logs are kept, and what is deleted of them.
//!
//! | file      | what it deletes                                                                          |
//! |-----------|------------------------------------------------------------------------------------------|
//! | `age`     | what is older than the days for which it is kept, from the oldest on, by the program itself |
//! | `clock`   | nothing: it keeps the program from deleting on the word of a clock that has just leapt   |
//! | `surplus` | what anybody can cause, beyond a number: the oldest of it goes when more comes              |
//!
//! What is kept of users who were deleted, so that Entra ID hears what became of them, is no log, and stays.

use super::audit::{Action, Change, Kind, Subject};
use super::settings::{self, names};
use super::tasks::Slice;
use super::text_enum::text_enum;
use super::{Actor, Noted, Org, Tx};
use crate::db::Conn;
use crate::error::{Complaint, Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

mod age;
mod clock;
pub(super) mod surplus;

pub use age::{TASK_DAYS, is_due, oldest, prune_some};

/// A round of the program deletes for so long at the most; the next one goes on.
const LONGEST_ROUND: Duration = Duration::from_secs(30);
/// So many rows are deleted in a slice. The commit takes most of the time, for a row stands in several indexes: how long
/// that takes is known only afterwards, so it is made up for by fewer rows, or more, in the next one.
const ROWS: RangeInclusive<u32> = 25..=400;
/// With so many it begins.
const FIRST_ROWS: u32 = 100;
/// Whoever comes while a slice is written waits for this at the most, or the next one is smaller.
const LONGEST_SLICE: Duration = Duration::from_millis(20);
/// So long the database is free between two slices; longer where a slice took longer, up to a limit.
const PAUSE: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_millis(500);
/// And so many times as long as the slice took while others write.
const BUSY_PAUSE: u32 = 10;
/// A slice that waited for longer before it began waited for others.
const WAITED: Duration = Duration::from_millis(2);

text_enum! {
    /// A log that is kept for so many days.
    pub enum Log {
        /// What Entra ID asked by SCIM, and what it was told.
        Provisioning = "provisioning",
        /// Who signed in through Entra ID, and who was turned away.
        SignIns = "sign_ins",
        /// Who changed what.
        Audit = "audit",
    }
}

impl Log {
    /// Its name in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning log",
            Self::SignIns => "sign-in log",
            Self::Audit => "audit log",
        }
    }

    /// For how many days it can be kept.
    #[must_use]
    pub fn bounds(self) -> RangeInclusive<i64> {
        match self {
            Self::Provisioning | Self::SignIns => 7..=3650,
            Self::Audit => 90..=3650,
        }
    }

    /// What is said of a number of days that is none, or beyond its bounds.
    #[must_use]
    pub fn complaint(self) -> Complaint {
        let bounds = self.bounds();
        let (from, to) = (bounds.start(), bounds.end());
        let message = format!("Enter a whole number of days from {from} to {to} for the {}.", self.name());
        Complaint { field: self.as_str(), message }
    }
}

/// For how many days each log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Days {
    /// The provisioning log.
    pub provisioning: i64,
    /// The sign-in log.
    pub sign_ins: i64,
    /// The audit log.
    pub audit: i64,
}

impl Default for Days {
    fn default() -> Self {
        Self { provisioning: 90, sign_ins: 180, audit: 730 }
    }
}

impl Days {
    /// For how many days this log is kept.
    #[must_use]
    pub fn of(self, log: Log) -> i64 {
        match log {
            Log::Provisioning => self.provisioning,
            Log::SignIns => self.sign_ins,
            Log::Audit => self.audit,
        }
    }

    /// What is older than this is deleted of a log.
    #[must_use]
    pub fn since(self, log: Log, now: NaiveDateTime) -> NaiveDateTime {
        before(now, self.of(log))
    }

    fn check(self) -> Result<()> {
        let wrong = Log::ALL.iter().filter(|log| !log.bounds().contains(&self.of(**log)));
        let complaints: Vec<Complaint> = wrong.map(|log| log.complaint()).collect();
        if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
    }
}

/// How much goes at a time.
struct Pace {
    rows: u32,
}

impl Pace {
    /// Measures the next slice by how long the last one took with its commit; answers for how long the database is left to
    /// others before it.
    fn after(&mut self, took: Duration, others_write: bool) -> Duration {
        if took > LONGEST_SLICE {
            self.rows /= 2;
        } else if took < LONGEST_SLICE / 3 {
            self.rows += self.rows / 4;
        }
        self.rows = self.rows.clamp(*ROWS.start(), *ROWS.end());
        let pause = if others_write { took * BUSY_PAUSE } else { took };
        pause.clamp(*PAUSE.start(), *PAUSE.end())
    }
}

fn before(now: NaiveDateTime, days: i64) -> NaiveDateTime {
    // Before the first moment that there is nothing is older.
    now.checked_sub_signed(TimeDelta::days(days)).unwrap_or(NaiveDateTime::MIN)
}

/// For how many days each log is kept.
pub fn days(conn: &mut Conn) -> Result<Days> {
    Ok(settings::get(conn, names::LOG_DAYS)?.unwrap_or_default())
}

/// Keeps the logs for so many days from now on.
pub fn set(tx: &mut Tx, wish: Days) -> Result<Noted<()>> {
    wish.check()?;
    let before = days(tx.conn)?;
    let told = |days: Days, log: Log| format!("{} days", days.of(log));
    let changes = Log::ALL
        .iter()
        .filter_map(|log| Change::of(log.name(), Some(&told(before, *log)), Some(&told(wish, *log))));
    let changes: Vec<Change> = changes.collect();
    if !changes.is_empty() {
        settings::put(tx, names::LOG_DAYS, &wish)?;
        let subject = Subject { kind: Kind::Organisation, id: "retention", name: "how long logs are kept" };
        return tx.note(Action::RetentionChanged, subject, &changes);
    }
    Ok(Noted::unaudited((), "nothing changed"))
}

/// Whether the clock can be believed, so that what is old by it may be deleted. To be asked when the program starts, too:
/// before anything is written, the newest lines tell when it was right.
pub fn is_clock_trusted(org: &Org) -> Result<bool> {
    clock::is_trusted(org)
}

/// Deletes what is too old, slice by slice, and gives back the room that it took; answers how many rows went. What is left
/// after a while is for the next round.
pub async fn prune(org: &Org) -> Result<u64> {
    let (ends, mut deleted) = (Instant::now() + LONGEST_ROUND, 0);
    if !org.aside(clock::is_trusted).await? {
        return Ok(0);
    }
    let mut pace = Pace { rows: FIRST_ROWS };
    while Instant::now() < ends {
        let now = org.now();
        if !org.aside(move |org| org.read_one(move |conn| is_due(conn, now))).await? {
            break;
        }
        let (asked, rows) = (Instant::now(), pace.rows);
        let slice = move |tx: &mut Tx, slice: &mut Slice| {
            let began = Instant::now();
            Ok(prune_some(tx, slice, rows)?.map(|some| (some, began)))
        };
        let (some, began) = org.do_slice(Actor::Rollcall, slice).await?;
        deleted += some;
        let others_write = began - asked > WAITED || org.somebody_waits();
        tokio::time::sleep(pace.after(began.elapsed(), others_write)).await;
    }
    if deleted > 0 {
        tracing::debug!(rows = deleted, "what was older than it is kept was deleted");
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_that_took_long_with_its_commit_is_followed_by_a_smaller_one_and_a_longer_pause_while_others_write()
     {
        let ms = Duration::from_millis;
        let mut pace = Pace { rows: FIRST_ROWS };
        assert_eq!((pace.after(ms(40), true), pace.rows), (ms(400), 50));
        assert_eq!((pace.after(ms(40), false), pace.rows), (ms(40), 25));
        assert_eq!((pace.after(ms(900), true), pace.rows), (*PAUSE.end(), *ROWS.start()));
        assert_eq!((pace.after(ms(10), true), pace.rows), (ms(100), 25), "as it should be");
        for _ in 0..100 {
            assert_eq!(pace.after(ms(1), false), *PAUSE.start());
        }
        assert_eq!(pace.rows, *ROWS.end());
    }
}
