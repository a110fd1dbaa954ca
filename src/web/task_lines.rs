//! What pages say of work on many rows, and where it leads: while it is under way, and for a day where it came to no good
//! end. Whoever left the page that says how far it is finds it again so.

use crate::db::Conn;
use crate::domain::tasks::{self, Kind, Task};
use crate::error::Result;
use chrono::{NaiveDateTime, TimeDelta};

const PATH: &str = "/tasks";
/// So long it is told of what failed.
const TOLD_FOR: TimeDelta = TimeDelta::days(1);

/// The page of a task.
pub(super) fn address(id: &str) -> String {
    format!("{PATH}/{id}")
}

/// What is being done, and the page on which it was begun: address and name.
pub(super) fn begun_at(task: &Task) -> (&'static str, String, &'static str) {
    let comparison = || format!("{COMPARISONS}/{}", task.subject);
    match task.kind {
        Kind::ReleaseHeld => ("Releasing what is held back", "/held".to_owned(), "Held back"),
        Kind::KeepHeld => ("Keeping what is held back", "/held".to_owned(), "Held back"),
        Kind::AcceptRenames => ("Renaming users", comparison(), "the comparison"),
        Kind::UndoRenames => ("Giving old names back", comparison(), "the comparison"),
        Kind::ForgetComparison => ("Discarding a comparison", COMPARISONS.to_owned(), "Align user names"),
        Kind::SettleSite => ("Giving users their site", "/sites".to_owned(), "Sites"),
        Kind::SetSite => ("Setting the site of users", "/users".to_owned(), "Users"),
        Kind::DeleteUsers => ("Deleting users for good", "/users".to_owned(), "Users"),
        Kind::ForgetGroup => ("Deleting a group", "/groups".to_owned(), "Groups"),
        Kind::EndSessions => ("Ending sessions", "/identity".to_owned(), "Identity Management"),
    }
}

const COMPARISONS: &str = "/users/alignment";

/// Whether long work is begun on this page.
pub(super) fn is_begun_on(path: &str) -> bool {
    ["/held", "/sites", "/users", "/groups", "/identity"].contains(&path) || path.starts_with(COMPARISONS)
}

/// A line on a task.
#[derive(Clone, Debug)]
pub(super) struct TaskLine {
    /// `note` while it goes on, `warn` where it failed.
    pub(super) kind: &'static str,
    /// The line.
    pub(super) text: String,
    /// Where it leads.
    pub(super) path: String,
    /// What that is called.
    pub(super) link: &'static str,
    /// The page on which it was begun.
    pub(super) begun_on: String,
}

impl TaskLine {
    fn of(task: &Task) -> Self {
        let (doing, begun_on, _) = begun_at(task);
        let path = address(&task.id);
        if task.is_running() {
            let text = format!("{doing}: {} so far. Begun by {}.", passed_of_all(task), task.actor_name);
            return Self { kind: "note", text, path, link: "See how far it is", begun_on };
        }
        let fault = task.fault.as_deref().unwrap_or("it was stopped").trim_end_matches('.');
        let text = format!("{doing} did not come to its end: {fault}. Begun by {}.", task.actor_name);
        Self { kind: "warn", text, path, link: "See what was done", begun_on }
    }
}

/// The lines on all that is under way or failed in the last day.
pub(super) fn lines(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<TaskLine>> {
    let failed = tasks::failed_since(conn, now - TOLD_FOR)?;
    Ok(tasks::running(conn)?.iter().chain(&failed).map(TaskLine::of).collect())
}

/// How many rows have had their turn.
pub(super) fn passed(task: &Task) -> i64 {
    (task.done + task.left_out).min(task.total)
}

/// That, of how many.
pub(super) fn passed_of_all(task: &Task) -> String {
    format!("{} of {}", grouped(passed(task)), grouped(task.total))
}

/// A number with its thousands parted.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (23_459, "23,459"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
