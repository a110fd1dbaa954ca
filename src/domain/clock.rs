//! Where the time comes from, and how it is written.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Clocks that are set a little back and forth are no matter.
pub(super) const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// Where the time comes from: the system, moved ahead in tests.
#[derive(Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The time, in UTC, to the millisecond.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed));
        (Utc::now() + ahead).naive_utc().trunc_subsecs(3)
    }

    /// Moves the time ahead: what a test does in place of waiting.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

/// A time as RFC 3339 in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(at: NaiveDateTime) -> String {
    DateTime::<Utc>::from_naive_utc_and_offset(at, Utc).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time as people write it, in UTC.
#[must_use]
pub fn in_words(at: NaiveDateTime) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}
