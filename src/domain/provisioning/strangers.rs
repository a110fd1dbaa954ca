//! Requests without an accepted credential: anybody can send them, so what is written down of them is bounded here, and
//! what is kept of that in [`surplus`](crate::domain::retention).

use super::Report;
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// One line of a sort in so long.
const EVERY: TimeDelta = TimeDelta::seconds(10);
/// So many sorts are told apart; more are not written down.
const MOST_SORTS: usize = 1000;
/// When a refusal of each sort was last written down. It lives as long as the process.
#[derive(Debug, Default)]
pub struct Sparing(Mutex<HashMap<String, NaiveDateTime>>);

impl Sparing {
    /// Whether a refusal of this sort is to be written down now.
    #[must_use]
    pub fn is_due(&self, sort: &str, now: NaiveDateTime) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(sort).is_some_and(|at| (now - *at).abs() < EVERY) {
            return false;
        }
        // One that is ahead was written down before the clock went back.
        noted.retain(|_, at| (now - *at).abs() < EVERY);
        if noted.len() >= MOST_SORTS {
            return false;
        }
        noted.insert(sort.to_owned(), now);
        true
    }
}

/// Whether a request came from somebody who did not show that they are Entra ID.
pub(super) fn is_one(report: &Report) -> bool {
    report.token_id.is_none() && report.actor.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_sort_in_ten_seconds_whatever_comes_of_others() {
        let (sparing, now) = (Sparing::default(), chrono::DateTime::UNIX_EPOCH.naive_utc());
        assert!(sparing.is_due("unknown", now) && sparing.is_due("expired", now));
        assert!(!sparing.is_due("unknown", now + TimeDelta::seconds(9)));
        assert!(sparing.is_due("unknown", now + EVERY));
    }

    #[test]
    fn sorts_that_somebody_makes_up_are_bounded() {
        let (sparing, now) = (Sparing::default(), chrono::DateTime::UNIX_EPOCH.naive_utc());
        let due = (0..MOST_SORTS + 50).filter(|sort| sparing.is_due(&sort.to_string(), now)).count();
        assert_eq!(due, MOST_SORTS);
    }
}
