//! How long a slice of long work may go on.

use std::time::{Duration, Instant};

/// No slice goes on for longer.
const LONGEST: Duration = Duration::from_millis(50);
/// Every so many rows it is looked whether somebody waits.
const LOOK_EVERY: u32 = 100;

/// The room that a slice has: its time, which is over early when somebody waits.
pub struct Slice<'a> {
    ends: Option<Instant>,
    rows: u32,
    is_over: bool,
    somebody_waits: &'a dyn Fn() -> bool,
}

impl<'a> Slice<'a> {
    /// A slice that begins now.
    #[must_use]
    pub fn new(somebody_waits: &'a dyn Fn() -> bool) -> Self {
        Self { ends: Some(Instant::now() + LONGEST), rows: 0, is_over: false, somebody_waits }
    }

    /// One that goes on until all is done, for what is known to be little.
    #[must_use]
    pub fn whole() -> Self {
        Self { ends: None, rows: 0, is_over: false, somebody_waits: &|| false }
    }

    /// Whether one row more may be done: asked before each. One is done in any case, so that all of them are some day.
    pub fn goes_on(&mut self) -> bool {
        let Some(ends) = self.ends else { return true };
        let rows = self.rows;
        self.rows += 1;
        if rows == 0 {
            return true;
        }
        // What is over stays so, however often it is asked.
        self.is_over = self.is_over
            || Instant::now() >= ends
            || (rows.is_multiple_of(LOOK_EVERY) && (self.somebody_waits)());
        !self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(ends: Instant, somebody_waits: &dyn Fn() -> bool) -> Slice<'_> {
        Slice { ends: Some(ends), rows: 0, is_over: false, somebody_waits }
    }

    #[test]
    fn a_slice_ends_at_the_hundredth_row_when_somebody_waits_and_is_over_then() {
        let mut slice = ending(Instant::now() + Duration::from_secs(600), &|| true);
        assert_eq!(std::iter::from_fn(|| slice.goes_on().then_some(())).count(), 100);
        assert!(!slice.goes_on(), "it does not begin anew");
    }

    #[test]
    fn a_slice_whose_time_is_over_does_one_row() {
        let mut slice = ending(Instant::now(), &|| false);
        assert_eq!(std::iter::from_fn(|| slice.goes_on().then_some(())).count(), 1);
    }
}
