//! What the program does by itself, a little at a time: reading Entra ID's metadata again, taking back what nobody
//! confirmed, forgetting what is over.

use crate::domain::provisioning::troubles;
use crate::domain::sso::metadata::{self, Document};
use crate::domain::sso::{policy, requests};
use crate::domain::tasks::{self, Task};
use crate::domain::{Actor, Org, ahead, alignment, bulk, groups, retention, submissions};
use crate::error::Result;
use actix_web::rt::task::JoinHandle;
use std::time::Duration;

/// How often it looks for something to do.
const EVERY: Duration = Duration::from_mins(1);
/// How often it looks for long work that nobody sees to: begun by a machine, or before a restart.
const LOOK_FOR_TASKS_EVERY: Duration = Duration::from_secs(2);

/// So many slices a round deletes what failed long ago; the next round goes on.
const MOST_SLICES: u32 = 1000;

/// Looks after the organisation until it is dropped.
pub async fn work(org: Org, metadata_from_private_networks: bool) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Err(cause) = round(&org, metadata_from_private_networks).await {
            tracing::error!(cause = %cause.for_log(), "looking after the organisation failed");
        }
    }
}

/// Sees to long work that nobody sees to, until the organisation is dropped.
pub async fn carry_on(org: Org) {
    let mut clock = tokio::time::interval(LOOK_FOR_TASKS_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match org.aside(|org| org.read_one(tasks::running)).await {
            Ok(running) => running.into_iter().for_each(|task| drop(begin(org.clone(), task))),
            Err(cause) => tracing::error!(cause = %cause.for_log(), "looking for long work failed"),
        }
    }
}

/// Does a task on this thread, beside whatever else it does.
fn begin(org: Org, task: Task) -> JoinHandle<()> {
    actix_web::rt::spawn(async move {
        let id = task.id.clone();
        if let Err(cause) = bulk::run(org, task).await {
            tracing::error!(cause = %cause.for_log(), task = id, "long work waits: it is tried again");
        }
    })
}

/// Does all that is due now.
pub async fn round(org: &Org, metadata_from_private_networks: bool) -> Result<()> {
    let now = org.now();
    org.catch_up();
    org.aside(tidy_up).await?;
    for _ in 0..MOST_SLICES {
        // What is old by a clock that has just leapt may be new.
        let is_untidy = move |org: &Org| {
            Ok(retention::is_clock_trusted(org)? && org.read(move |conn| troubles::is_untidy(conn, now))?)
        };
        if !org.aside(is_untidy).await? {
            break;
        }
        org.do_slice(Actor::Rollcall, troubles::prune).await?;
    }
    retention::prune(org).await?;
    let due = org.aside(move |org| org.read(move |conn| metadata::due(conn, now))).await?;
    if let Some(source) = due {
        let fetched = match source.url() {
            Ok(url) => metadata::fetch(&url, metadata_from_private_networks).await,
            Err(damaged) => Err(damaged),
        };
        let refresh = move |org: &Org| {
            let document = fetched.and_then(|file| Document::of_file(&file));
            org.write(&Actor::Rollcall, move |tx| metadata::refresh(tx, &source, document))
        };
        org.aside(refresh).await?;
    }
    Ok(())
}

/// What is done in one go, on a thread that may wait.
fn tidy_up(org: &Org) -> Result<()> {
    let now = org.now();
    ahead::look(org)?;
    if org.read(move |conn| alignment::is_untidy(conn, now))? {
        org.write(&Actor::Rollcall, alignment::tidy)?;
    }
    if org.read(move |conn| groups::is_untidy(conn, now))? {
        org.write(&Actor::Rollcall, groups::tidy)?;
    }
    let lapsed = org.read(move |conn| Ok(policy::requirement_status(conn, now)?.lapsed))?;
    if lapsed {
        org.write(&Actor::Rollcall, policy::take_back_lapsed)?;
    }
    if org.read(move |conn| submissions::is_untidy(conn, now))? {
        org.write(&Actor::Rollcall, submissions::tidy)?;
    }
    if org.read(move |conn| requests::is_untidy(conn, now))? {
        org.write(&Actor::Rollcall, requests::tidy)?;
    }
    Ok(())
}
