//! Where the time comes from, and how it is written.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Clocks that are set a little back and forth are no matter.
pub(super) const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(2);

/// Where the time comes from: the system, moved ahead or stopped in tests.
#[derive(Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
    /// In milliseconds since 1970; 0 where it runs.
    stopped_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The time, in UTC, to the millisecond.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed));
        let base = match self.stopped_ms.load(Ordering::Relaxed) {
            0 => Utc::now(),
            ms => DateTime::from_timestamp_millis(ms).unwrap_or_default(),
        };
        (base + ahead).naive_utc().trunc_subsecs(3)
    }

    /// Stands still at this moment from now on, until it is moved: what a test does that compares times.
    pub fn stop_at(&self, at: NaiveDateTime) {
        self.ahead_ms.store(0, Ordering::Relaxed);
        self.stopped_ms.store(at.and_utc().timestamp_millis(), Ordering::Relaxed);
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
