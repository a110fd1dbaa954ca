//! How long something is good that ends on its own, such as a certificate or a client secret, and from when on that is told
//! of: one rule for all, wherever it is shown.

use chrono::{NaiveDateTime, TimeDelta};

/// So many days before an end it is told of. Microsoft warns 60 days before a certificate ends, too.
pub const TOLD_DAYS: i64 = 60;

/// How long something is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// It has ended.
    Over,
    /// It ends after so many whole days, which is to be told.
    Soon(i64),
    /// Long enough that nobody need know.
    Long,
}

impl Remaining {
    /// Of what ends at `end`.
    #[must_use]
    pub fn of(end: NaiveDateTime, now: NaiveDateTime) -> Self {
        match (end - now).num_days() {
            _ if end <= now => Self::Over,
            days if end < horizon(now) => Self::Soon(days),
            _ => Self::Long,
        }
    }
}

/// What ends before this moment ends soon.
#[must_use]
pub fn horizon(now: NaiveDateTime) -> NaiveDateTime {
    now + TimeDelta::days(TOLD_DAYS + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_of_sixty_days_before() {
        let now: NaiveDateTime = "2026-11-26T12:00:00".parse().unwrap();
        let after = |hours| Remaining::of(now + TimeDelta::hours(hours), now);
        assert_eq!([after(-1), after(0)], [Remaining::Over, Remaining::Over]);
        assert_eq!(
            [after(1), after(24), after(60 * 24 + 23)].map(Some),
            [0, 1, 60].map(|days| Some(Remaining::Soon(days)))
        );
        assert_eq!(after(61 * 24), Remaining::Long);
    }
}
