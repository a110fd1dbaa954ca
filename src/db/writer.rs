//! The one writer: a thread that commits all the writes that wait as a group.
//!
//! Each write runs in a savepoint of its own, so one that is refused leaves the others alone; each is answered after
//! the commit, so an answer means that the change is on disk. One disk sync then serves many writes.

use super::Conn;
use crate::error::{Error, Result};
use diesel::connection::{AnsiTransactionManager as Transactions, SimpleConnection, TransactionManager};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Enough to make the disk sync cheap, few enough that nobody waits long for a neighbour.
const GROUP: usize = 128;
/// So many groups are between two checkpoints.
const CHECKPOINT_EVERY: u32 = 64;
/// How long what nobody waits for waits for others to come.
const ALONG_AFTER: Duration = Duration::from_millis(20);

/// To be called with whether the group's commit reached the disk.
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;
type Job = Box<dyn FnOnce(&mut Conn) -> (bool, Answer) + Send>;

/// How soon a write is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Before those of machines: somebody sits before a page.
    First,
    /// In the order in which they came.
    InLine,
    /// With the next group, or by itself after a little while: nobody waits for it.
    Along,
}

/// A handle to the writer. The thread ends, after what waits is done, when the last one is gone.
pub(super) struct Writer(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    first: VecDeque<Job>,
    in_line: VecDeque<Job>,
    along: VecDeque<Job>,
    /// When the oldest of those came.
    along_since: Option<Instant>,
    handles: usize,
}

impl Clone for Writer {
    fn clone(&self) -> Self {
        self.0.lock().handles += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.lock().handles -= 1;
        self.0.more.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next group; nothing when no more can come.
    fn next(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.first.is_empty() && waiting.in_line.is_empty() {
            let left = waiting.along_since.map(|since| ALONG_AFTER.saturating_sub(since.elapsed()));
            waiting = match left {
                None if waiting.handles == 0 => return None,
                None => self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() || waiting.handles == 0 => break,
                Some(left) => {
                    let woken = self.more.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Some(waiting.take())
    }
}

impl Waiting {
    fn take(&mut self) -> Vec<Job> {
        let first = self.first.len().min(GROUP);
        let in_line = self.in_line.len().min(GROUP - first);
        self.along_since = None;
        self.first.drain(..first).chain(self.in_line.drain(..in_line)).chain(self.along.drain(..)).collect()
    }
}

impl Writer {
    /// Starts the thread on `conn`; `open` makes another connection should that one break.
    pub(super) fn start(
        conn: Conn,
        open: impl Fn() -> Option<Conn> + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        queue.lock().handles = 1;
        let jobs = Arc::clone(&queue);
        let (committed_some, due) = sync_channel(1);
        if let Some(conn) = open() {
            thread::Builder::new().name("checkpointer".into()).spawn(move || checkpoint(conn, &due))?;
        }
        thread::Builder::new()
            .name(super::WRITER.into())
            .spawn(move || run(conn, open, &jobs, &committed_some))?;
        Ok(Self(queue))
    }

    pub(super) fn submit<T, F>(&self, turn: Turn, work: F, answer: impl FnOnce(Result<T>) + Send + 'static)
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
        let mut waiting = self.0.lock();
        match turn {
            Turn::First => waiting.first.push_back(job),
            Turn::InLine => waiting.in_line.push_back(job),
            Turn::Along => {
                waiting.along.push_back(job);
                waiting.along_since.get_or_insert_with(Instant::now);
            }
        }
        drop(waiting);
        self.0.more.notify_one();
    }
}

fn run(mut conn: Conn, open: impl Fn() -> Option<Conn>, jobs: &Queue, committed_some: &SyncSender<()>) {
    let mut groups = 0_u32;
    while let Some(group) = jobs.next() {
        groups = groups.wrapping_add(1);
        if groups.is_multiple_of(CHECKPOINT_EVERY) {
            // Where one is due already, that one serves.
            let _due_already = committed_some.try_send(()).is_err();
        }
        let (mut answers, mut broken) = (Vec::with_capacity(group.len()), false);
        let committed = commit_together(&mut conn, group, &mut answers).map_err(|cause| {
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

/// Copies what was committed from the log into the database file while the writer goes on; without this the writer
/// would have to stop for it.
fn checkpoint(mut conn: Conn, due: &Receiver<()>) {
    while due.recv().is_ok() {
        if let Err(cause) = conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%cause, "a checkpoint failed; the next one will do");
        }
    }
}

fn commit_together(conn: &mut Conn, group: Vec<Job>, answers: &mut Vec<Answer>) -> diesel::QueryResult<()> {
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
