//! The assertions that were accepted, remembered for as long as they could be presented again.

use super::assertion::Assertion;
use chrono::NaiveDateTime;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Only what was signed by the tenant's keys for this very console comes in: so many are never reached.
const MOST: usize = 20_000;

/// What was accepted, by digest, and until when it matters. It lives as long as the process.
#[derive(Default)]
pub(super) struct Replays(Mutex<HashMap<[u8; 32], NaiveDateTime>>);

impl Replays {
    /// Whether an assertion comes for the first time; from now on it has been here.
    pub(super) fn is_first(&self, assertion: &Assertion, now: NaiveDateTime) -> bool {
        let (marks, until) = assertion.marks();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, until| *until > now);
        // Full of assertions that could all come again: rather refuse one than forget one.
        if seen.len() + marks.len() > MOST || marks.iter().any(|mark| seen.contains_key(mark)) {
            return false;
        }
        seen.extend(marks.into_iter().map(|mark| (mark, until)));
        true
    }
}
