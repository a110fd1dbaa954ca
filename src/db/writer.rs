//! The one writer: a thread that commits all the writes that wait as a group.
//!
//! Each write runs in a savepoint of its own, so one that is refused leaves the others alone; each is answered after
//! the commit, so an answer means that the change is on disk. One disk sync then serves many writes.

use super::Conn;
use crate::error::{Error, Result};
use diesel::connection::{AnsiTransactionManager as Transactions, TransactionManager};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Enough to make the disk sync cheap, few enough that nobody waits long for a neighbour.
const GROUP: usize = 128;

/// To be called with whether the group's commit reached the disk.
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;
type Job = Box<dyn FnOnce(&mut Conn) -> (bool, Answer) + Send>;

#[derive(Clone)]
pub(super) struct Writer(Sender<Job>);

impl Writer {
    /// Starts the thread on `conn`; `open` makes another connection should that one break.
    /// It ends, after what waits is done, when the last handle is gone.
    pub(super) fn start(
        conn: Conn,
        open: impl Fn() -> Option<Conn> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, jobs) = channel();
        thread::Builder::new().name("writer".into()).spawn(move || run(conn, open, &jobs))?;
        Ok(Self(sender))
    }

    pub(super) fn submit<T, F>(&self, work: F, answer: impl FnOnce(Result<T>) + Send + 'static)
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let job: Job = Box::new(move |conn| {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
                .unwrap_or_else(|_| Err(Error::internal("a write panicked and was undone")));
            let keep = outcome.is_ok();
            let told: Answer = Box::new(move |committed| {
                answer(match committed {
                    // What was refused stays refused, whatever became of the group.
                    Ok(()) => outcome,
                    Err(cause) => outcome.and(Err(Error::internal(cause))),
                });
            });
            (keep, told)
        });
        // Without a writer the answer is dropped, which its receiver notices.
        drop(self.0.send(job));
    }
}

fn run(mut conn: Conn, open: impl Fn() -> Option<Conn>, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP);
        let (mut answers, mut broken) = (Vec::new(), false);
        let committed = commit_together(&mut conn, &mut group, &mut answers).map_err(|cause| {
            tracing::error!(%cause, "a group of writes was lost");
            if close_down_to(&mut conn, 0).is_err() {
                broken = true;
            }
            cause.to_string()
        });
        answers.into_iter().for_each(|answer| answer(committed.clone()));
        if let Some(another) = broken.then(&open).flatten() {
            conn = another;
        }
    }
}

fn commit_together(
    conn: &mut Conn,
    group: &mut impl Iterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> diesel::QueryResult<()> {
    // Immediate: a reader that turns writer is refused while another process writes.
    Transactions::begin_transaction_sql(conn, "BEGIN IMMEDIATE")?;
    for job in group {
        in_savepoint(conn, job, answers)?;
    }
    Transactions::commit_transaction(conn)
}

fn in_savepoint(conn: &mut Conn, job: Job, answers: &mut Vec<Answer>) -> diesel::QueryResult<()> {
    Transactions::begin_transaction(conn)?;
    let (keep, answer) = job(conn);
    answers.push(answer);
    // A panic may have left a nested savepoint open: close down to ours.
    close_down_to(conn, 2)?;
    if keep { Transactions::commit_transaction(conn) } else { Transactions::rollback_transaction(conn) }
}

fn close_down_to(conn: &mut Conn, depth: u32) -> diesel::QueryResult<()> {
    while Transactions::transaction_manager_status_mut(conn).transaction_depth()?.map_or(0, u32::from) > depth
    {
        Transactions::rollback_transaction(conn)?;
    }
    Ok(())
}
