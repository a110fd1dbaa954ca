//! All work that is done to many rows slice by slice: who does a slice of which kind, and who sees to it that slices
//! follow one another.
//!
//! | kind                                 | a slice of it                              |
//! |--------------------------------------|--------------------------------------------|
//! | [`Kind::ReleaseHeld`], `KeepHeld`    | [`held::decide_some`]                      |
//! | [`Kind::AcceptRenames`], `UndoRenames` | [`alignment::rename_some`]               |
//! | [`Kind::ForgetComparison`]           | [`alignment::forget_some`]                 |
//! | [`Kind::SettleSite`]                 | [`sites::place_some`]                     |
//! | [`Kind::SetSite`]                    | [`by_hand::set_some_sites`]                |
//! | [`Kind::DeleteUsers`]                | [`lifecycle::delete_some`]                 |
//! | [`Kind::ForgetGroup`]                | [`groups::forget_some`]                    |
//! | [`Kind::EndSessions`]                | [`sessions::end_some`]                     |

use super::authority::Authority;
use super::tasks::{self, InHand, Kind, Slice, State, Step, Task, WorkItem};
use super::users::{self, by_hand, lifecycle};
use super::{Actor, Noted, Org, Tx, alignment, groups, held, sessions, settings, sites};
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::sync::oneshot;

/// So long the database is free between two slices: for other processes too, which have to meet a moment when it is.
const PAUSE: Duration = Duration::from_millis(5);
/// So long it is waited after a slice that failed, and so often; then the program's next round tries.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const MOST_FAILURES: u32 = 5;
/// So many rows are done one by one after a slice that failed.
const ONE_BY_ONE: u32 = 500;

/// Does a slice of the task in a transaction.
pub fn advance(tx: &mut Tx, id: &str, slice: &mut Slice) -> Result<Noted<Task>> {
    tasks::advance(tx, id, |tx, task| work(tx, task, slice))
}

fn work(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    match task.kind {
        Kind::ReleaseHeld | Kind::KeepHeld => held::decide_some(tx, task, slice),
        Kind::AcceptRenames | Kind::UndoRenames => alignment::rename_some(tx, task, slice),
        Kind::ForgetComparison => alignment::forget_some(tx, task, slice),
        Kind::SettleSite => sites::place_some(tx, task, slice),
        Kind::SetSite => by_hand::set_some_sites(tx, task, slice),
        Kind::DeleteUsers => lifecycle::delete_some(tx, task, slice),
        Kind::ForgetGroup => groups::forget_some(tx, task, slice),
        Kind::EndSessions => sessions::end_some(tx, task, slice),
    }
}

/// Does a task slice by slice, on the authority of whoever began it, until it has ended; answers how it stands then. If
/// somebody sees to it already, it is answered as it is.
///
/// A slice that fails while others can write has a row that cannot be done: rows are done one by one then, and a task that
/// comes no further ends there.
pub async fn run(org: Org, mut task: Task) -> Result<Task> {
    let Some(_claim) = org.under_way().claim(&task.id) else { return Ok(task) };
    let (mut failures, mut rows_failed, mut one_by_one) = (0, 0, 0_u32);
    while task.is_running() {
        let in_hand = InHand::default();
        match slice(&org, &task, in_hand.clone(), one_by_one > 0).await {
            Ok(advanced) => {
                (task, failures, rows_failed) = (advanced, 0, 0);
                one_by_one = one_by_one.saturating_sub(1);
                tokio::time::sleep(PAUSE).await;
            }
            Err(Error::SignedOut) => {
                let fault = format!("{} may no longer do this", task.actor_name);
                task = give_up(&org, task.id, State::Stopped, fault).await?;
            }
            Err(cause @ (Error::Internal(_) | Error::Busy(_) | Error::TooMany(_))) => {
                let is_internal = matches!(cause, Error::Internal(_));
                tracing::error!(cause = %cause.for_log(), task = task.id, row = ?in_hand.row(), "a slice of long work failed");
                let mut pause = AFTER_FAILURE;
                if is_internal && others_can_write(&org).await {
                    (rows_failed, one_by_one, pause) = (rows_failed + 1, ONE_BY_ONE, PAUSE);
                } else {
                    failures += 1;
                }
                if rows_failed >= MOST_FAILURES {
                    let (stuck_at, row) = (task.clone(), in_hand.row());
                    let fault = org.aside(move |org| stuck(org, &stuck_at, row)).await?;
                    task = give_up(&org, task.id, State::Failed, fault).await?;
                    continue;
                }
                if failures >= MOST_FAILURES {
                    return Err(cause);
                }
                tokio::time::sleep(pause).await;
            }
            Err(refusal) => task = give_up(&org, task.id, State::Failed, refusal.to_string()).await?,
        }
    }
    Ok(task)
}

async fn slice(org: &Org, task: &Task, in_hand: InHand, only_one: bool) -> Result<Task> {
    let id = task.id.clone();
    let work = move |tx: &mut Tx, slice: &mut Slice| {
        slice.tell(in_hand);
        if only_one {
            slice.end_after_one();
        }
        advance(tx, &id, slice)
    };
    org.do_slice(task.actor(), work).await
}

/// Whether the database takes writes of others: then it is the work itself that fails.
async fn others_can_write(org: &Org) -> bool {
    by_rollcall(org, settings::touch).await.is_ok()
}

/// What is said of a task that comes no further.
fn stuck(org: &Org, task: &Task, row: Option<WorkItem>) -> Result<String> {
    let what = org.read(move |conn| {
        Ok(match row {
            None => "The next row".to_owned(),
            Some(WorkItem::User(id)) => match users::find(conn, &id) {
                Ok(user) => format!("The user {}", user.profile.user_name),
                Err(_) => format!("The user with the key {id}"),
            },
            Some(WorkItem::Group(id)) => match groups::find(conn, &id) {
                Ok(group) => format!("The group {}", group.name),
                Err(_) => format!("The group with the key {id}"),
            },
            Some(WorkItem::Compared(number)) => format!("Row {number} of the comparison"),
        })
    })?;
    Ok(format!(
        "{what} cannot be done: something goes wrong on our side each time. The server’s log says what, beside the task {}",
        task.id
    ))
}

async fn give_up(org: &Org, id: String, state: State, fault: String) -> Result<Task> {
    by_rollcall(org, move |tx| tasks::give_up(tx, &id, state, &fault)).await
}

async fn by_rollcall<T: Send + 'static>(
    org: &Org,
    work: impl FnOnce(&mut Tx) -> Result<Noted<T>> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    org.submit(Authority::trusted(Actor::Rollcall), work, |outcome| drop(sender.send(outcome)));
    receiver.await.map_err(Error::internal)?
}
