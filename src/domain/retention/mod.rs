//! How long the logs are kept, and what is deleted of them.
//!
//! | file      | what it deletes                                                                          |
//! |-----------|------------------------------------------------------------------------------------------|
//! | `age`     | what is older than the days for which it is kept, from the oldest on, by the program itself |
//! | `clock`   | nothing: it keeps the program from deleting on the word of a clock that has just leapt   |
//! | `surplus` | what anybody can cause, beyond a number: the oldest of it goes when more comes              |
//!
//! What is kept of users who were deleted, so that Entra ID hears what became of them, is no log, and stays.

use super::audit::{self, Action, Change, Kind, Subject};
use super::settings::{self, names};
use super::text_enum::text_enum;
use super::{Actor, Org, Tx};
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
/// So long the database is free between two slices; longer where a slice took longer, up to a limit.
const PAUSE: RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_millis(500);

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

fn before(now: NaiveDateTime, days: i64) -> NaiveDateTime {
    // Before the first moment that there is nothing is older.
    now.checked_sub_signed(TimeDelta::days(days)).unwrap_or(NaiveDateTime::MIN)
}

/// For how many days each log is kept.
pub fn days(conn: &mut Conn) -> Result<Days> {
    Ok(settings::get(conn, names::LOG_DAYS)?.unwrap_or_default())
}

/// Keeps the logs for so many days from now on.
pub fn set(tx: &mut Tx, wish: Days) -> Result<()> {
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
        audit::note(tx, Action::RetentionChanged, subject, &changes)?;
    }
    Ok(())
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
    if !clock::is_trusted(org)? {
        return Ok(0);
    }
    while Instant::now() < ends {
        let now = org.now();
        if !org.glance(move |conn| is_due(conn, now))? {
            break;
        }
        let began = Instant::now();
        deleted += org.do_slice(Actor::Rollcall, prune_some).await?;
        tokio::time::sleep(began.elapsed().clamp(*PAUSE.start(), *PAUSE.end())).await;
    }
    if deleted > 0 {
        tracing::debug!(rows = deleted, "what was older than it is kept was deleted");
    }
    Ok(deleted)
}
