//! Work on many rows: it goes on by itself, a page says how far it is, and then what came of it.

use super::retention::Gone;
use super::{held, users};
use crate::domain::counted::grouped;
use crate::domain::held::{self as holds, Verdict};
use crate::domain::tasks::{self, Kind, State, Task};
use crate::domain::users::by_hand;
use crate::domain::{bulk, sites};
use crate::error::{Error, Outage, Result};
use crate::web::extract::OrgHandle;
use crate::web::forms::Redirect;
use crate::web::page::{self, Answer, Layout, when};
use crate::web::task_lines::{address, begun_at, passed, passed_of_all, stands_still, what_next};
use actix_web::web::Path;
use askama::Template;
use std::time::{Duration, Instant};

/// So long a request waits for the end of its own work; then the browser is led to the page that says how far it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked how far work is that somebody else sees to.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Lets work go on that a form began, and says on the page at `path` what came of it if that is soon; else leads to how far
/// it is.
pub(super) async fn lead(org: OrgHandle, progress: Redirect, path: &str) -> Result<Redirect> {
    let id = progress.path.rsplit('/').next().unwrap_or_default().to_owned();
    let task = org.read(move |conn| tasks::find(conn, &id)).await?;
    Ok(match carry_out(&org, task).await? {
        Ok(ended) => match describe(&ended) {
            Ok(text) => Redirect::to(path, text),
            Err(refusal @ Error::Conflict(_)) => Redirect::refusing(path, refusal.to_string()),
            Err(failure) => return Err(failure),
        },
        Err(_) => progress,
    })
}

/// Leads to the page that says how far a task is.
pub(super) fn progress(task: &Task) -> Redirect {
    Redirect::silently(address(&task.id))
}

/// As [`lead`], for what is done but for work that follows from it, if any does: that has words of its own only where
/// some of it was left.
pub(super) async fn after(org: &OrgHandle, task: Option<Task>) -> Result<Option<String>> {
    let Some(task) = task else { return Ok(None) };
    Ok(match carry_out(org, task).await? {
        Ok(ended) if ended.state == State::Done && ended.left_out == 0 => None,
        Ok(ended) => Some(address(&ended.id)),
        Err(progress) => Some(progress),
    })
}

/// Lets work go on that nobody waits for.
pub(super) fn let_go_on(org: &OrgHandle, task: Task) {
    drop(actix_web::rt::spawn(bulk::run(org.inner().clone(), task)));
}

/// Waits for a moment: answers the task once it has ended, else the page that says how far it is. It goes on in any
/// case, also when the browser is closed.
async fn carry_out(org: &OrgHandle, task: Task) -> Result<Result<Task, String>> {
    let (progress, deadline) = (address(&task.id), Instant::now() + PATIENCE);
    let work = actix_web::rt::spawn(bulk::run(org.inner().clone(), task));
    let Ok(outcome) = tokio::time::timeout(PATIENCE, work).await else { return Ok(Err(progress)) };
    let mut task = outcome.map_err(Error::internal)??;
    // Somebody else sees to it already, such as the worker: it is waited for all the same.
    while task.is_running() && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
        let id = task.id.clone();
        task = org.read(move |conn| tasks::find(conn, &id)).await?;
    }
    Ok(if task.is_running() { Err(progress) } else { Ok(task) })
}

/// What came of a task that has ended.
fn describe(task: &Task) -> Result<String> {
    match task.state {
        State::Running | State::Done => words(task),
        State::Stopped | State::Failed => Err(Error::Conflict(format!(
            "{}. {} of {} were done and stay so; the others were left as they are. {}",
            task.fault.as_deref().unwrap_or("It was stopped").trim_end_matches('.'),
            grouped(task.done),
            grouped(task.total),
            what_next(task.kind)
        ))),
    }
}

/// The words in which the form answers where all is done.
fn words(task: &Task) -> Result<String> {
    Ok(match task.kind {
        Kind::ReleaseHeld => held::said_of_all(Verdict::Release, holds::decided(task)?),
        Kind::KeepHeld => held::said_of_all(Verdict::Keep, holds::decided(task)?),
        Kind::AcceptRenames => users::alignment::describe_all("renamed", task)?,
        Kind::UndoRenames => users::alignment::describe_all("given the old name back", task)?,
        Kind::ForgetComparison => users::alignment::DISCARDED.to_owned(),
        Kind::SettleSite => super::sites::resolved_of(&sites::placed_name(task)?, task.done, task.left_out),
        Kind::SetSite => users::placing::said(&by_hand::placed(task)?),
        Kind::DeleteUsers => users::deletion::said(task.done, task.left_out),
        Kind::ForgetGroup => "The group was deleted.".to_owned(),
        Kind::EndSessions => "The sessions were ended.".to_owned(),
    })
}

#[derive(Template)]
#[template(path = "tasks/show.html")]
struct TaskPage {
    layout: Layout,
    task: Task,
    doing: &'static str,
    back: String,
    page_name: &'static str,
    since: String,
    ended: Option<String>,
    /// Since when it has not moved on, and why where that is known; nothing while it does.
    still: Option<(String, &'static str)>,
    outcome: Result<String, String>,
}

impl TaskPage {
    /// How many rows have had their turn.
    fn passed(&self) -> i64 {
        passed(&self.task)
    }

    fn done_of_all(&self) -> String {
        passed_of_all(&self.task)
    }
}

pub(super) async fn show(layout: Layout, org: OrgHandle, id: Path<String>) -> Answer {
    let task = match org.read(move |conn| tasks::find(conn, &id)).await {
        Ok(task) => task,
        Err(Error::NotFound(_)) => return Gone::TASK.answer(layout),
        Err(other) => return Err(other.into()),
    };
    let (doing, back, place) = begun_at(&task);
    let outcome = match describe(&task) {
        Ok(text) => Ok(text),
        Err(Error::Conflict(text)) => Err(text),
        Err(other) => return Err(other.into()),
    };
    let section = match task.kind {
        Kind::SettleSite => "sites",
        Kind::ForgetGroup => "groups",
        Kind::EndSessions => "identity",
        _ => "users",
    };
    let still = stands_still(&task, org.inner().now()).then(|| {
        let outage = org.inner().outage();
        (when(task.updated_at), outage.map_or("The database does not take it just now", Outage::title))
    });
    let page = TaskPage {
        layout: layout.of(section),
        doing,
        back,
        page_name: place,
        since: when(task.started_at),
        ended: task.ended_at.map(when),
        still,
        outcome,
        task,
    };
    page::show(&page.layout, &page)
}
