//! How long a slice of long work may go on.

use crate::keys::{GroupId, UserId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// No slice goes on for longer.
const LONGEST: Duration = Duration::from_millis(50);
/// Every so many rows it is looked whether somebody waits.
const LOOK_EVERY: u32 = 100;

/// What a slice works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkItem {
    /// The user of this key.
    User(UserId),
    /// The group of this key.
    Group(GroupId),
    /// The row of this number in a comparison.
    Compared(i32),
}

/// What a slice works on just now, for whoever is to know it also when the slice fails, or panics.
#[derive(Clone, Debug, Default)]
pub struct InHand(Arc<Mutex<Option<WorkItem>>>);

impl InHand {
    fn set(&self, row: WorkItem) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(row);
    }

    /// The row that was begun last.
    #[must_use]
    pub fn row(&self) -> Option<WorkItem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The room that a slice has: its time, which is over early when somebody waits.
pub struct Slice<'a> {
    ends: Option<Instant>,
    in_hand: InHand,
    rows: u32,
    is_over: bool,
    somebody_waits: &'a dyn Fn() -> bool,
}

impl<'a> Slice<'a> {
    /// A slice that begins now.
    #[must_use]
    pub fn new(somebody_waits: &'a dyn Fn() -> bool) -> Self {
        let in_hand = InHand::default();
        Self { ends: Some(Instant::now() + LONGEST), in_hand, rows: 0, is_over: false, somebody_waits }
    }

    /// Tells there on which row it works.
    pub fn tell(&mut self, in_hand: InHand) {
        self.in_hand = in_hand;
    }

    /// Does one row and no more: what stands in the way is found so.
    pub fn end_after_one(&mut self) {
        self.ends = Some(Instant::now());
    }

    /// Says that this row is begun now.
    pub fn begins(&self, row: WorkItem) {
        self.in_hand.set(row);
    }

    /// One that goes on until all is done, for what is known to be little.
    #[must_use]
    pub fn whole() -> Self {
        Self { ends: None, in_hand: InHand::default(), rows: 0, is_over: false, somebody_waits: &|| false }
    }

    /// Whether one row more may be done: asked before each. One is done in any case, so that all of them are some day.
    pub fn goes_on(&mut self) -> bool {
        self.takes(1)
    }

    /// As [`Slice::goes_on`], for so many rows that are done by one statement.
    pub fn takes(&mut self, more: u32) -> bool {
        let Some(ends) = self.ends else { return true };
        let rows = self.rows;
        self.rows += more;
        if rows == 0 {
            return true;
        }
        let looks = (rows - 1) / LOOK_EVERY != (self.rows - 1) / LOOK_EVERY;
        // What is over stays so, however often it is asked.
        self.is_over = self.is_over || Instant::now() >= ends || (looks && (self.somebody_waits)());
        !self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(ends: Instant, somebody_waits: &dyn Fn() -> bool) -> Slice<'_> {
        Slice { ends: Some(ends), ..Slice::new(somebody_waits) }
    }

    #[test]
    fn a_slice_ends_at_the_hundredth_row_when_somebody_waits_and_is_over_then() {
        let mut slice = ending(Instant::now() + Duration::from_mins(10), &|| true);
        assert_eq!(std::iter::from_fn(|| slice.goes_on().then_some(())).count(), 100);
        assert!(!slice.goes_on(), "it does not begin anew");
    }

    #[test]
    fn rows_that_are_done_at_once_count_as_many() {
        let mut slice = ending(Instant::now() + Duration::from_mins(10), &|| true);
        assert_eq!(std::iter::from_fn(|| slice.takes(50).then_some(())).count(), 2);
        let mut slice = ending(Instant::now() + Duration::from_mins(10), &|| true);
        assert_eq!(std::iter::from_fn(|| slice.takes(500).then_some(())).count(), 1);
    }

    #[test]
    fn a_slice_whose_time_is_over_does_one_row() {
        let mut slice = ending(Instant::now(), &|| false);
        assert_eq!(std::iter::from_fn(|| slice.goes_on().then_some(())).count(), 1);
    }
}
