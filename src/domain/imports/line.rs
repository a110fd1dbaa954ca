//! A row of a file, and what can be wrong with one.

/// One row with its cells, and what is wrong with its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParsedRow {
    pub(super) number: i32,
    pub(super) user_name: String,
    pub(super) license: String,
    /// The site; nothing where the file has no such column.
    pub(super) site: Option<String>,
    pub(super) problem: Option<Problem>,
}

/// What is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) fault: String,
    pub(super) remedy: String,
}

impl Problem {
    pub(super) fn new(fault: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { fault: fault.into(), remedy: remedy.into() }
    }
}
