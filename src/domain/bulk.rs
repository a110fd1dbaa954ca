//! All work that is done to many rows slice by slice: who does a slice of which kind, and who sees to it that slices
//! follow one another.
//!
//! | kind                                 | a slice of it                              |
//! |--------------------------------------|--------------------------------------------|
//! | [`Kind::ReleaseHeld`], `KeepHeld`    | [`held::decide_some`]                      |
//! | [`Kind::AcceptRenames`], `UndoRenames` | [`alignment::rename_some`]               |
//! | [`Kind::ForgetComparison`]           | [`alignment::forget_some`]                 |
//! | [`Kind::SettleSite`]                 | [`sites::settle_some`]                     |
//! | [`Kind::SetSite`]                    | [`by_hand::set_some_sites`]                |
//! | [`Kind::DeleteUsers`]                | [`lifecycle::delete_some`]                 |
//! | [`Kind::ForgetGroup`]                | [`groups::forget_some`]                    |

use super::authority::Authority;
use super::tasks::{self, Kind, Slice, State, Step, Task};
use super::users::{by_hand, lifecycle};
use super::{Actor, Org, Tx, alignment, groups, held, sites};
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::sync::oneshot;

/// So long the database is free between two slices: for other processes too, which have to meet a moment when it is.
const PAUSE: Duration = Duration::from_millis(5);
/// So long it is waited after a slice that failed, and so often; then the program's next round tries.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const MOST_FAILURES: u32 = 5;

/// Does a slice of the task in a transaction.
pub fn advance(tx: &mut Tx, id: &str, slice: &mut Slice) -> Result<Task> {
    tasks::advance(tx, id, |tx, task| work(tx, task, slice))
}

fn work(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Step> {
    match task.kind {
        Kind::ReleaseHeld | Kind::KeepHeld => held::decide_some(tx, task, slice),
        Kind::AcceptRenames | Kind::UndoRenames => alignment::rename_some(tx, task, slice),
        Kind::ForgetComparison => alignment::forget_some(tx, task, slice),
        Kind::SettleSite => sites::settle_some(tx, task, slice),
        Kind::SetSite => by_hand::set_some_sites(tx, task, slice),
        Kind::DeleteUsers => lifecycle::delete_some(tx, task, slice),
        Kind::ForgetGroup => groups::forget_some(tx, task, slice),
    }
}

/// Does a task slice by slice, on the authority of whoever began it, until it has ended; answers how it stands then. If
/// somebody sees to it already, it is answered as it is.
pub async fn run(org: Org, mut task: Task) -> Result<Task> {
    let Some(_claim) = org.under_way().claim(&task.id) else { return Ok(task) };
    let mut failures = 0;
    while task.is_running() {
        match slice(&org, &task).await {
            Ok(advanced) => {
                (task, failures) = (advanced, 0);
                tokio::time::sleep(PAUSE).await;
            }
            Err(Error::SignedOut) => {
                let fault = format!("{} may no longer do this", task.actor_name);
                task = give_up(&org, task.id, State::Stopped, fault).await?;
            }
            Err(cause @ (Error::Internal(_) | Error::Busy(_) | Error::TooMany(_))) => {
                failures += 1;
                if failures >= MOST_FAILURES {
                    return Err(cause);
                }
                tracing::error!(%cause, task = task.id, "a slice of long work failed; it is tried again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            Err(refusal) => task = give_up(&org, task.id, State::Failed, refusal.to_string()).await?,
        }
    }
    Ok(task)
}

async fn slice(org: &Org, task: &Task) -> Result<Task> {
    let (waiting, id, (sender, receiver)) = (org.clone(), task.id.clone(), oneshot::channel());
    let work = move |tx: &mut Tx| {
        let somebody_waits = || waiting.somebody_waits();
        advance(tx, &id, &mut Slice::new(&somebody_waits))
    };
    // Whoever stopped waiting wants no answer: what was done stays.
    org.submit_slice(Authority::from(task.actor()), work, |outcome| drop(sender.send(outcome)));
    receiver.await.map_err(Error::internal)?
}

async fn give_up(org: &Org, id: String, state: State, fault: String) -> Result<Task> {
    let (sender, receiver) = oneshot::channel();
    let work = move |tx: &mut Tx| tasks::give_up(tx, &id, state, &fault);
    org.submit(Authority::trusted(Actor::Rollcall), work, |outcome| drop(sender.send(outcome)));
    receiver.await.map_err(Error::internal)?
}
