//! What pages say of work on many rows, and where it leads: while it is under way, and for a day where it came to no good
//! end. Whoever left the page that says how far it is finds it again so.

use crate::db::Conn;
use crate::domain::counted::grouped;
use crate::domain::tasks::{self, Kind, Task};
use crate::error::Result;
use chrono::{NaiveDateTime, TimeDelta};

const PATH: &str = "/tasks";
/// What has not moved on for so long stands still.
const STILL_AFTER: TimeDelta = TimeDelta::seconds(10);
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
        Kind::AcceptRenames => ("Renaming users", comparison(), "Comparison"),
        Kind::UndoRenames => ("Giving old names back", comparison(), "Comparison"),
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
    fn of(task: &Task, now: NaiveDateTime) -> Self {
        let (doing, begun_on, _) = begun_at(task);
        let path = address(&task.id);
        if task.is_running() {
            let stands = if stands_still(task, now) { " It does not move on just now." } else { "" };
            let text =
                format!("{doing}: {} so far. Begun by {}.{stands}", passed_of_all(task), task.actor_name);
            return Self { kind: "note", text, path, link: "See how far it is", begun_on };
        }
        let fault = task.fault.as_deref().unwrap_or("it was stopped").trim_end_matches('.');
        let text = format!(
            "{doing} did not come to its end: {fault}. Begun by {}. {}",
            task.actor_name,
            what_next(task.kind)
        );
        Self { kind: "warn", text, path, link: "See what was done", begun_on }
    }
}

/// The lines on all that is under way or failed in the last day.
pub(super) fn lines(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<TaskLine>> {
    let failed = tasks::failed_since(conn, now - TOLD_FOR)?;
    Ok(tasks::running(conn)?.iter().chain(&failed).map(|task| TaskLine::of(task, now)).collect())
}

/// Whether it is under way and has not moved on for a while: something keeps it from the database.
pub(super) fn stands_still(task: &Task, now: NaiveDateTime) -> bool {
    task.is_running() && now - task.updated_at > STILL_AFTER
}

/// What to do about what came to no good end.
pub(super) fn what_next(kind: Kind) -> &'static str {
    match kind {
        Kind::ReleaseHeld | Kind::KeepHeld => "Look under Held back, and decide on what is left.",
        Kind::AcceptRenames => "Look at the comparison, and accept what is left.",
        Kind::UndoRenames => "Look at the comparison, and take back what is left.",
        Kind::SettleSite => "Look under Sites, and choose once more for the users who still wait.",
        Kind::SetSite => "Look at the users without a site, and set it for those who are left.",
        Kind::DeleteUsers => "Look at the users, and delete those who are left.",
        Kind::ForgetComparison | Kind::ForgetGroup | Kind::EndSessions => {
            "Rollcall tries it again by itself."
        }
    }
}

/// How many rows have had their turn.
pub(super) fn passed(task: &Task) -> i64 {
    (task.done + task.left_out).min(task.total)
}

/// That, of how many.
pub(super) fn passed_of_all(task: &Task) -> String {
    format!("{} of {}", grouped(passed(task)), grouped(task.total))
}
