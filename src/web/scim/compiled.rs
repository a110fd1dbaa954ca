//! What becomes of a filter, or of a part of one.

use crate::domain::condition::Condition;

/// A condition, and whether it finds only what meets the filter.
pub(super) struct Compiled<L> {
    pub(super) condition: Condition<L>,
    pub(super) exact: bool,
}

impl<L> Compiled<L> {
    pub(super) fn exactly(condition: Condition<L>) -> Self {
        Self { condition, exact: true }
    }

    /// More than is meant, never less.
    pub(super) fn at_least(condition: Condition<L>) -> Self {
        Self { condition, exact: false }
    }

    pub(super) fn constant(answer: bool) -> Self {
        Self::exactly(if answer { Condition::All } else { Condition::Never })
    }
}
