//! The one writer: a thread that commits all the writes that wait as a group.
//!
//! Each write runs in a savepoint of its own, so one that is refused leaves the others alone; each is answered after
//! the commit, so an answer means that the change is on disk. One disk sync then serves many writes.
//!
//! Whoever submits a write is answered exactly once, also where it was never begun: see [`Promise`].

use super::faults::{self, REPLACED};
use super::file::Opened;
use super::monitor::WriterState;
use super::schema::settings;
use super::{ALL_INTO_THE_FILE, Checkpoint, Conn, SERVED};
use crate::error::{Error, Outage, Result, Undoes};
use crate::threads::Shared;
use diesel::connection::{AnsiTransactionManager as Transactions, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::Error as Fault;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most writes that one commit takes: enough to make the disk sync cheap, few enough that nobody waits long for
/// the others of the group.
const GROUP: usize = 128;
/// A group is committed as soon as it has taken this long; what is left of it is written with the next group.
const LONGEST_GROUP: Duration = Duration::from_millis(30);
/// The same, where a person waits before a page and only writes of other priorities are left of the group.
const LONGEST_BEFORE_A_PAGE: Duration = Duration::from_millis(10);
/// How long a group waits for another process that holds the database,
const PATIENCE: Duration = Duration::from_secs(10);
/// and how long once one has waited in vain, until the database is free again; also when the program ends.
const IMPATIENCE: Duration = Duration::from_millis(250);
/// So long is between two tries, besides what the engine itself waits.
const TRY_AGAIN: Duration = Duration::from_millis(5);
/// A checkpoint follows this many groups.
const CHECKPOINT_EVERY: u32 = 64;
/// Background writes wait at most this long to share another group's commit.
const BACKGROUND_AFTER: Duration = Duration::from_millis(20);
/// A background write that has waited this long goes before all others, however many those are.
const BACKGROUND_AT_LAST: Duration = Duration::from_secs(1);
/// A slice of long work that has waited this long goes before all others, so that long work advances on a busy server.
const SLICE_AFTER: Duration = Duration::from_millis(100);
/// The most writes that wait: a further one is refused and may be tried again, so that memory stays bounded.
const MOST_WAITING: usize = 10_000;
/// After how many seconds to try again then.
const RETRY_S: u64 = 3;

/// Which writes go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before those of machines: a person waits before a page.
    Interactive,
    /// In the order in which they came.
    Machine,
    /// With the next group, or after a little while in one of its own: nobody waits for it.
    Background,
    /// In a commit of its own while nobody else waits: a slice of long work.
    Slice,
}

/// What is owed to whoever submitted a write: an answer, exactly once. A promise that is dropped before it was kept
/// answers that the write was lost, so that nobody waits for ever and nothing that must follow is left undone.
struct Promise<T, E: Undoes = Error>(Option<Answer<T, E>>);

type Answer<T, E> = Box<dyn FnOnce(Result<T, E>) + Send>;

impl<T, E: Undoes> Promise<T, E> {
    fn keep(mut self, outcome: Result<T, E>) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Result<T, E>) {
        let Some(answer) = self.0.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| answer(outcome))).is_err() {
            tracing::error!("what follows a write panicked");
        }
    }
}

impl<T, E: Undoes> Drop for Promise<T, E> {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.answer(Err(Error::internal("a write was dropped before it was done").into()));
        }
    }
}

/// A write that waits.
trait Job: Send {
    /// Does it; whether that is to be kept, and who is told once it is known whether the group's commit reached the disk.
    fn run(self: Box<Self>, conn: &mut Conn) -> (bool, Box<dyn Told>);
    /// Answers why it was not begun.
    fn refuse(self: Box<Self>, cause: Error);
}

/// A write that was done, whose group is not committed yet.
trait Told: Send {
    /// What kept it from the database, if that is why it failed.
    fn outage(&self) -> Option<Outage>;
    /// Answers what came of it.
    fn tell(self: Box<Self>, lost: Option<Error>);
}

struct Write<T, E: Undoes, F> {
    work: F,
    promise: Promise<T, E>,
}

struct Done<T, E: Undoes> {
    outcome: Result<T, E>,
    promise: Promise<T, E>,
}

impl<T, E, F> Job for Write<T, E, F>
where
    T: Send + 'static,
    E: Undoes,
    F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
{
    fn run(self: Box<Self>, conn: &mut Conn) -> (bool, Box<dyn Told>) {
        let Self { work, promise } = *self;
        let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
            .unwrap_or_else(|_| Err(Error::internal("a write panicked and was undone").into()));
        (outcome.is_ok(), Box::new(Done { outcome, promise }))
    }

    fn refuse(self: Box<Self>, cause: Error) {
        self.promise.keep(Err(cause.into()));
    }
}

impl<T: Send, E: Undoes> Told for Done<T, E> {
    fn outage(&self) -> Option<Outage> {
        self.outcome.as_ref().err().and_then(Undoes::outage)
    }

    fn tell(self: Box<Self>, lost: Option<Error>) {
        self.promise.keep(match lost {
            // What was refused stays refused, whatever became of the group.
            Some(cause) => self.outcome.and(Err(cause.into())),
            None => self.outcome,
        });
    }
}

/// A write that waits, with its place among the others.
struct Waiter {
    priority: Priority,
    came: Instant,
    job: Box<dyn Job>,
}

/// A handle to the writer. The thread ends, after what waits is done, when the last one is gone.
pub(super) struct Writer(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
    /// Whether somebody waits for their write: long work asks this every few rows.
    somebody_waits: AtomicBool,
    /// Whether somebody sits before a page and waits.
    a_page_waits: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    interactive: VecDeque<Waiter>,
    machine: VecDeque<Waiter>,
    background: VecDeque<Waiter>,
    slices: VecDeque<Waiter>,
    /// Since when the next of those waits.
    slice_since: Option<Instant>,
    handles: usize,
    /// Whether the program ends: nothing of machines is begun any longer.
    is_ending: bool,
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
    fn next(&self) -> Option<VecDeque<Waiter>> {
        let mut waiting = self.lock();
        while !waiting.is_waited_for() && waiting.slices.is_empty() {
            let left =
                waiting.background_since().map(|since| BACKGROUND_AFTER.saturating_sub(since.elapsed()));
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
        let group = waiting.take();
        self.tell(&waiting);
        Some(group)
    }

    /// Keeps what is asked without the lock.
    fn tell(&self, waiting: &Waiting) {
        self.somebody_waits.store(waiting.is_waited_for(), Ordering::Relaxed);
        self.a_page_waits.store(!waiting.interactive.is_empty(), Ordering::Relaxed);
    }

    /// Takes back what was not begun of a group: it goes before all that came later.
    fn put_back(&self, left: VecDeque<Waiter>) {
        let mut waiting = self.lock();
        let refused = waiting.put_back(left);
        self.tell(&waiting);
        drop(waiting);
        refuse(refused, || Error::Busy(RETRY_S));
    }

    /// Whether a group that has waited since then for another process gives up.
    fn gives_up(&self, since: Instant, patience: Duration) -> bool {
        let waited = since.elapsed();
        waited >= patience || (waited >= IMPATIENCE && self.lock().is_ending)
    }

    /// Another process holds the database, and a group has waited for it: whoever came meanwhile has waited enough, too.
    fn refuse_waiting(&self) {
        let mut waiting = self.lock();
        let refused = waiting.empty();
        self.tell(&waiting);
        drop(waiting);
        refuse(refused, || Error::unavailable(Outage::Locked, "another process holds the database"));
    }

    /// Whether a group that was begun then ends here, before the write that is its next.
    fn ends_before(&self, next: Priority, begun: Instant) -> bool {
        let room = match next {
            Priority::Machine | Priority::Background if self.a_page_waits.load(Ordering::Relaxed) => {
                LONGEST_BEFORE_A_PAGE
            }
            _ => LONGEST_GROUP,
        };
        begun.elapsed() >= room
    }
}

fn refuse(some: impl IntoIterator<Item = Waiter>, cause: impl Fn() -> Error) {
    some.into_iter().for_each(|waiter| waiter.job.refuse(cause()));
}

impl Waiting {
    fn is_waited_for(&self) -> bool {
        !self.interactive.is_empty() || !self.machine.is_empty()
    }

    /// When the oldest came for which nobody waits.
    fn background_since(&self) -> Option<Instant> {
        self.background.front().map(|waiter| waiter.came)
    }

    fn take(&mut self) -> VecDeque<Waiter> {
        let is_due = |since: Option<Instant>, after| since.is_some_and(|since| since.elapsed() >= after);
        let others_wait = self.is_waited_for() || is_due(self.background_since(), BACKGROUND_AFTER);
        if (is_due(self.slice_since, SLICE_AFTER) || !others_wait)
            && let Some(slice) = self.slices.pop_front()
        {
            self.slice_since = (!self.slices.is_empty()).then(Instant::now);
            return VecDeque::from([slice]);
        }
        let interactive = self.interactive.len().min(GROUP);
        let machine = self.machine.len().min(GROUP - interactive);
        let is_late = is_due(self.background_since(), BACKGROUND_AT_LAST);
        let others = self.interactive.drain(..interactive).chain(self.machine.drain(..machine));
        let background = self.background.drain(..);
        if is_late { background.chain(others).collect() } else { others.chain(background).collect() }
    }

    fn queue(&mut self, priority: Priority) -> &mut VecDeque<Waiter> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Machine => &mut self.machine,
            Priority::Background => &mut self.background,
            Priority::Slice => &mut self.slices,
        }
    }

    /// Takes back what was not begun, in its order; hands back what is to be refused because the program ends.
    fn put_back(&mut self, left: VecDeque<Waiter>) -> Vec<Waiter> {
        let mut refused = Vec::new();
        for waiter in left.into_iter().rev() {
            match waiter.priority {
                Priority::Machine if self.is_ending => refused.push(waiter),
                priority => self.queue(priority).push_front(waiter),
            }
        }
        refused
    }

    /// The program ends: hands back what somebody waits for and was not begun.
    fn end(&mut self) -> Vec<Waiter> {
        self.is_ending = true;
        self.empty()
    }

    /// Hands back what somebody waits for.
    fn empty(&mut self) -> Vec<Waiter> {
        self.interactive.drain(..).chain(self.machine.drain(..)).collect()
    }

    /// Takes a write in; hands it back where too many wait already, or it comes too late.
    fn push(&mut self, priority: Priority, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        let is_late = self.is_ending && priority == Priority::Machine;
        let queue = self.queue(priority);
        if is_late || queue.len() >= MOST_WAITING {
            return Some(job);
        }
        let came = Instant::now();
        queue.push_back(Waiter { priority, came, job });
        if priority == Priority::Slice {
            self.slice_since.get_or_insert(came);
        }
        None
    }
}

impl Writer {
    /// Starts the thread on `conn`; `open` makes another connection should that one break.
    pub(super) fn start(
        conn: Conn,
        open: impl Fn() -> Option<Conn> + Send + 'static,
        opened: Opened,
        state: Arc<WriterState>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        queue.lock().handles = 1;
        let jobs = Arc::clone(&queue);
        let (committed_some, due) = sync_channel(1);
        if let Some(conn) = open() {
            thread::Builder::new().name("checkpointer".into()).spawn(move || checkpoint(conn, &due))?;
        }
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(conn, open, &jobs, &committed_some, (&opened, &state), PATIENCE))?;
        Ok(Self(queue))
    }

    pub(super) fn submit<T, E, F>(
        &self,
        priority: Priority,
        work: F,
        answer: impl FnOnce(Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        let job = Box::new(Write { work, promise: Promise(Some(Box::new(answer))) });
        let mut waiting = self.0.lock();
        let refused = waiting.push(priority, job);
        self.0.tell(&waiting);
        // Whoever is answered here may submit the next: not while the queue is locked.
        drop(waiting);
        match refused {
            Some(job) => job.refuse(Error::Busy(RETRY_S)),
            None => self.0.more.notify_one(),
        }
    }

    /// The program ends: whoever waits is told to come again, except those whose write has begun; from now on machines are
    /// told so at once. What nobody waits for is still written.
    pub(super) fn end(&self) {
        let mut waiting = self.0.lock();
        let refused = waiting.end();
        self.0.tell(&waiting);
        drop(waiting);
        refuse(refused, || Error::Busy(RETRY_S));
    }

    /// Whether somebody waits for their write.
    pub(super) fn somebody_waits(&self) -> bool {
        self.0.somebody_waits.load(Ordering::Relaxed)
    }
}

fn run(
    mut conn: Conn,
    open: impl Fn() -> Option<Conn>,
    jobs: &Queue,
    committed_some: &SyncSender<()>,
    (opened, state): (&Opened, &WriterState),
    patience: Duration,
) {
    Shared::Writer.declare();
    let mut groups = 0_u32;
    while let Some(group) = jobs.next() {
        groups = groups.wrapping_add(1);
        if groups.is_multiple_of(CHECKPOINT_EVERY) {
            // Where one is due already, that one serves.
            let _due_already = committed_some.try_send(()).is_err();
        }
        if opened.is_replaced() {
            if state.outage() != Some(Outage::Unreachable) && opened.has_database() {
                // Only the log was taken away, which is still open here: what it has is brought into the database file.
                save(&mut conn);
            }
            // What would be written now would be lost with the file, although it was acknowledged.
            state.end(Some(Outage::Unreachable));
            refuse(group, || Error::unavailable(Outage::Unreachable, REPLACED));
            continue;
        }
        let is_locked = || state.outage() == Some(Outage::Locked);
        let patience = if is_locked() { IMPATIENCE } else { patience };
        state.begin();
        let (left, is_broken) = write(&mut conn, group, jobs, state, patience);
        jobs.put_back(left);
        if is_locked() {
            jobs.refuse_waiting();
        }
        if let Some(another) = is_broken.then(&open).flatten() {
            conn = another;
        }
    }
}

/// Brings all of the log into the database file; with it, that nothing is missing there, which the next start asks for.
fn save(conn: &mut Conn) {
    let forgotten = diesel::delete(settings::table.find(SERVED)).execute(conn);
    let saved = forgotten.and_then(|_| diesel::sql_query(ALL_INTO_THE_FILE).get_result::<Checkpoint>(conn));
    match saved {
        Ok(Checkpoint { busy: 0 }) => {
            tracing::warn!("the log of the database was taken away: what it had is in the database file now");
        }
        Ok(_) => tracing::error!(
            "the log of the database was taken away, and others kept what it had from being saved"
        ),
        Err(cause) => {
            tracing::error!(%cause, "the log of the database was taken away, and what it had with it");
        }
    }
}

/// Writes a group and answers everybody who was in it; hands back what there was no time for, and tells whether the
/// connection is broken.
fn write(
    conn: &mut Conn,
    mut group: VecDeque<Waiter>,
    queue: &Queue,
    state: &WriterState,
    patience: Duration,
) -> (VecDeque<Waiter>, bool) {
    let (mut done, mut is_broken) = (Vec::new(), false);
    let committed =
        begin(conn, queue, patience).and_then(|()| commit_together(conn, &mut group, queue, &mut done));
    if let Err(cause) = &committed {
        // While it lasts it is told once.
        if faults::outage(cause).is_none_or(|outage| state.outage() != Some(outage)) {
            tracing::error!(%cause, "a group of writes was lost");
        }
        is_broken = close_down_to(conn, 0).is_err();
    }
    // The engine may undo a whole transaction by itself when one of its statements meets a full disk: what is said after
    // that is only that there is none.
    let of_one = done.iter().find_map(|job| job.outage());
    let outage = committed.as_ref().err().and_then(faults::outage).or(of_one);
    let lost = || {
        committed.as_ref().err().map(|cause| match outage {
            Some(outage) => Error::unavailable(outage, copy(cause)),
            None => Error::from(copy(cause)),
        })
    };
    // Whoever is answered may ask at once how the database does.
    state.end(outage);
    done.into_iter().for_each(|job| job.tell(lost()));
    if committed.is_err() {
        let left = std::mem::take(&mut group);
        refuse(left, || lost().unwrap_or_else(|| Error::internal("not begun")));
    }
    (group, is_broken)
}

/// The same failure, for one more of those whom it befell.
fn copy(cause: &Fault) -> Fault {
    match cause {
        Fault::DatabaseError(kind, told) => Fault::DatabaseError(*kind, Box::new(told.message().to_owned())),
        Fault::RollbackErrorOnCommit { commit_error, .. } => copy(commit_error),
        other => Fault::QueryBuilderError(other.to_string().into()),
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

/// Begins a transaction, as soon as no other process holds the database.
fn begin(conn: &mut Conn, queue: &Queue, patience: Duration) -> diesel::QueryResult<()> {
    let since = Instant::now();
    loop {
        // Immediate: a reader that turns writer is refused while another process writes.
        let begun = Transactions::begin_transaction_sql(conn, "BEGIN IMMEDIATE");
        let is_locked = begun.as_ref().is_err_and(|cause| faults::outage(cause) == Some(Outage::Locked));
        if !is_locked || queue.gives_up(since, patience) {
            return begun;
        }
        thread::sleep(TRY_AGAIN);
    }
}

/// Does what there is time for in the transaction that was begun, and commits it.
fn commit_together(
    conn: &mut Conn,
    jobs: &mut VecDeque<Waiter>,
    queue: &Queue,
    done: &mut Vec<Box<dyn Told>>,
) -> diesel::QueryResult<()> {
    if jobs.len() == 1
        && let Some(Waiter { job, .. }) = jobs.pop_front()
    {
        // One by itself needs no savepoint: what stands in one is kept a second time until it ends, for long.
        return settle(conn, job, done, 1);
    }
    let begun = Instant::now();
    while let Some(waiter) = jobs.pop_front() {
        // With a job that cannot be begun the group is lost, and the job is one of those that are answered so.
        if let Err(cause) = Transactions::begin_transaction(conn) {
            jobs.push_front(waiter);
            return Err(cause);
        }
        settle(conn, waiter.job, done, 2)?;
        if jobs.front().is_some_and(|next| queue.ends_before(next.priority, begun)) {
            break;
        }
    }
    Transactions::commit_transaction(conn)
}

/// Does a write in the transaction of this depth and ends that.
fn settle(
    conn: &mut Conn,
    job: Box<dyn Job>,
    done: &mut Vec<Box<dyn Told>>,
    depth: u32,
) -> diesel::QueryResult<()> {
    let (keep, told) = job.run(conn);
    done.push(told);
    // A panic may have left a nested savepoint open: close down to ours.
    close_down_to(conn, depth)?;
    if keep { Transactions::commit_transaction(conn) } else { Transactions::rollback_transaction(conn) }
}

fn close_down_to(conn: &mut Conn, depth: u32) -> diesel::QueryResult<()> {
    while Transactions::transaction_manager_status_mut(conn).transaction_depth()?.map_or(0, u32::from) > depth
    {
        Transactions::rollback_transaction(conn)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use diesel::Connection;
    use std::sync::mpsc;

    fn told<T: Send + 'static>(sender: &mpsc::Sender<Result<T>>) -> Promise<T> {
        let sender = sender.clone();
        Promise(Some(Box::new(move |outcome| sender.send(outcome).unwrap())))
    }

    fn job(sender: &mpsc::Sender<Result<()>>) -> Box<dyn Job> {
        Box::new(Write { work: |_: &mut Conn| Ok(()), promise: told(sender) })
    }

    fn group(some: impl IntoIterator<Item = (Priority, Box<dyn Job>)>) -> VecDeque<Waiter> {
        let came = Instant::now();
        some.into_iter().map(|(priority, job)| Waiter { priority, came, job }).collect()
    }

    #[test]
    fn a_promise_that_is_dropped_is_answered_once() {
        let (sender, receiver) = mpsc::channel();
        drop(told::<()>(&sender));
        told(&sender).keep(Ok(()));
        drop(job(&sender));
        drop(sender);
        let outcomes: Vec<bool> = receiver.iter().map(|outcome| outcome.is_ok()).collect();
        assert_eq!(outcomes, [false, true, false]);
    }

    #[test]
    fn all_of_a_group_that_cannot_begin_are_answered_and_the_next_group_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db").display().to_string();
        let (mut other, mut conn) = (Conn::establish(&path).unwrap(), Conn::establish(&path).unwrap());
        other.batch_execute("CREATE TABLE x (y); BEGIN IMMEDIATE").unwrap();
        let (sender, receiver) = mpsc::channel();
        let state = WriterState::default();
        for size in [1, 3] {
            let some = group((0..size).map(|_| (Priority::Machine, job(&sender))));
            let (left, is_broken) = write(&mut conn, some, &Queue::default(), &state, Duration::ZERO);
            assert!(left.is_empty());
            assert!(!is_broken && state.outage() == Some(Outage::Locked));
            let outcomes: Vec<Result<()>> = receiver.try_iter().collect();
            let is_locked = |outcome: &Result<()>| {
                outcome.as_ref().is_err_and(|cause| cause.outage() == Some(Outage::Locked))
            };
            assert!(outcomes.len() == size && outcomes.iter().all(is_locked), "{outcomes:?}");
        }
        other.batch_execute("COMMIT").unwrap();
        for size in [1, 3] {
            let some = group((0..size).map(|_| (Priority::Machine, job(&sender))));
            write(&mut conn, some, &Queue::default(), &state, Duration::ZERO);
            assert_eq!(receiver.try_iter().flatten().count(), size);
        }
    }

    /// A queue whose thread is gone once the test lets it end, and a database that another process may hold.
    struct Held {
        other: Conn,
        queue: Arc<Queue>,
        thread: thread::JoinHandle<()>,
        _folder: tempfile::TempDir,
    }

    impl Held {
        fn with_patience(patience: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.db");
            let connect = |path: &std::path::Path| Conn::establish(path.to_str().unwrap()).unwrap();
            let (mut other, conn) = (connect(&path), connect(&path));
            other.batch_execute("CREATE TABLE x (y); BEGIN IMMEDIATE").unwrap();
            let queue = Arc::new(Queue::default());
            queue.lock().handles = 1;
            let (jobs, opened) = (Arc::clone(&queue), Opened::at(&path, false).unwrap());
            let (committed_some, _due) = sync_channel(1);
            let thread = thread::spawn(move || {
                run(conn, || None, &jobs, &committed_some, (&opened, &WriterState::default()), patience);
            });
            Self { other, queue, thread, _folder: folder }
        }

        fn push(&self, some: impl IntoIterator<Item = Box<dyn Job>>) {
            let mut waiting = self.queue.lock();
            some.into_iter().for_each(|job| drop(waiting.push(Priority::Machine, job)));
            drop(waiting);
            self.queue.more.notify_one();
        }

        fn end(self) {
            self.queue.lock().handles = 0;
            self.queue.more.notify_one();
            self.thread.join().unwrap();
        }
    }

    #[test]
    fn whoever_waits_while_another_process_holds_the_database_is_refused_with_the_first_who_waited() {
        let mut held = Held::with_patience(Duration::from_millis(600));
        let (sender, receiver) = mpsc::channel();
        // Several groups: each by itself would wait as long as the first.
        held.push((0..GROUP * 3).map(|_| job(&sender)));
        let begun = Instant::now();
        for _ in 0..GROUP * 3 {
            let outcome = receiver.recv().unwrap();
            assert_eq!(outcome.unwrap_err().outage(), Some(Outage::Locked));
        }
        assert!(begun.elapsed() < Duration::from_millis(1200), "{:?}", begun.elapsed());
        held.other.batch_execute("COMMIT").unwrap();
        held.push([job(&sender)]);
        receiver.recv().unwrap().unwrap();
        held.end();
    }

    #[test]
    fn when_the_program_ends_nobody_waits_for_another_process() {
        let held = Held::with_patience(Duration::from_mins(10));
        let (sender, receiver) = mpsc::channel();
        held.push([job(&sender)]);
        let mut waiting = held.queue.lock();
        waiting.is_ending = true;
        drop(waiting);
        assert!(receiver.recv().unwrap().is_err());
        held.end();
    }

    #[test]
    fn when_too_many_wait_whoever_comes_is_asked_to_come_again() {
        let mut waiting = Waiting::default();
        let (sender, receiver) = mpsc::channel();
        for _ in 0..MOST_WAITING {
            assert!(waiting.push(Priority::Machine, job(&sender)).is_none());
        }
        waiting.push(Priority::Machine, job(&sender)).unwrap().refuse(Error::Busy(RETRY_S));
        assert!(matches!(receiver.try_recv(), Ok(Err(Error::Busy(_)))));
        assert!(
            waiting.push(Priority::Interactive, job(&sender)).is_none(),
            "those before a page wait elsewhere"
        );
    }

    #[test]
    fn slices_go_when_nobody_waits_by_themselves_and_in_any_case_after_a_while() {
        let mut waiting = Waiting::default();
        let (sender, _receiver) = mpsc::channel();
        for priority in [Priority::Slice, Priority::Machine, Priority::Interactive, Priority::Background] {
            waiting.push(priority, job(&sender));
        }
        assert_eq!((waiting.take().len(), waiting.slices.len()), (3, 1), "the others go first");
        assert_eq!((waiting.take().len(), waiting.slices.len()), (1, 0));
        waiting.push(Priority::Slice, job(&sender));
        waiting.push(Priority::Interactive, job(&sender));
        waiting.slice_since = Instant::now().checked_sub(SLICE_AFTER);
        assert_eq!((waiting.take().len(), waiting.interactive.len()), (1, 1), "it has waited long enough");
    }

    #[test]
    fn what_nobody_waits_for_is_written_while_long_work_goes_on() {
        let mut waiting = Waiting::default();
        let (sender, _receiver) = mpsc::channel();
        for priority in [Priority::Background, Priority::Slice] {
            waiting.push(priority, job(&sender));
        }
        waiting.background[0].came = Instant::now().checked_sub(BACKGROUND_AFTER).unwrap();
        assert_eq!((waiting.take().len(), waiting.background.len()), (1, 0), "before the slice");
        waiting.push(Priority::Background, job(&sender));
        assert_eq!((waiting.take().len(), waiting.slices.len()), (1, 0), "and not before its time");
    }

    /// One that takes so long and sends its number.
    fn slow(sender: &mpsc::Sender<Result<u8>>, number: u8, takes: Duration) -> Box<dyn Job> {
        let work = move |_: &mut Conn| {
            let begun = Instant::now();
            while begun.elapsed() < takes {
                std::hint::spin_loop();
            }
            Ok(number)
        };
        Box::new(Write { work, promise: told(sender) })
    }

    #[test]
    fn a_group_ends_after_its_time_and_what_is_left_goes_on_in_its_order() {
        let mut conn = Conn::establish(":memory:").unwrap();
        let (sender, receiver) = mpsc::channel();
        let (queue, state) = (Queue::default(), WriterState::default());
        let mut priorities = vec![Priority::Machine; 4];
        priorities.push(Priority::Background);
        let some =
            (0..).zip(priorities).map(|(number, priority)| (priority, slow(&sender, number, LONGEST_GROUP)));
        let (left, is_broken) = write(&mut conn, group(some), &queue, &state, Duration::ZERO);
        assert_eq!((left.len(), is_broken), (4, false), "one that takes all the time is a group by itself");
        queue.lock().push(Priority::Machine, slow(&sender, 9, Duration::ZERO));
        queue.put_back(left);
        assert!(queue.somebody_waits.load(Ordering::Relaxed));
        queue.lock().background[0].came = Instant::now().checked_sub(BACKGROUND_AFTER).unwrap();
        for _ in 0..5 {
            let some = queue.lock().take();
            queue.put_back(write(&mut conn, some, &queue, &state, Duration::ZERO).0);
        }
        let numbers: Vec<u8> = receiver.try_iter().flatten().collect();
        assert_eq!(numbers, [0, 1, 2, 3, 9, 4]);
    }

    #[test]
    fn a_group_of_machines_ends_sooner_when_a_page_waits_but_not_for_those_of_pages() {
        let queue = Queue::default();
        let begun = Instant::now().checked_sub(LONGEST_BEFORE_A_PAGE).unwrap();
        let ends = |begun| {
            [Priority::Interactive, Priority::Machine, Priority::Background]
                .map(|next| queue.ends_before(next, begun))
        };
        assert_eq!(ends(begun), [false; 3]);
        let (sender, _receiver) = mpsc::channel();
        queue.lock().push(Priority::Interactive, job(&sender));
        queue.tell(&queue.lock());
        assert_eq!(ends(begun), [false, true, true]);
        assert_eq!(ends(Instant::now().checked_sub(LONGEST_GROUP).unwrap()), [true; 3]);
    }

    #[test]
    fn what_nobody_waits_for_is_written_however_long_the_others_take() {
        let mut waiting = Waiting::default();
        let (sender, _receiver) = mpsc::channel();
        for priority in [Priority::Background, Priority::Machine, Priority::Interactive] {
            waiting.push(priority, job(&sender));
        }
        waiting.background[0].came = Instant::now().checked_sub(BACKGROUND_AT_LAST).unwrap();
        let priorities: Vec<Priority> = waiting.take().iter().map(|waiter| waiter.priority).collect();
        assert_eq!(priorities, [Priority::Background, Priority::Interactive, Priority::Machine]);
    }

    #[test]
    fn when_the_program_ends_whoever_waits_is_told_to_come_again_and_its_last_write_is_done() {
        let mut waiting = Waiting::default();
        let (sender, receiver) = mpsc::channel();
        for priority in [Priority::Interactive, Priority::Machine, Priority::Background, Priority::Slice] {
            waiting.push(priority, job(&sender));
        }
        let begun = group([(Priority::Machine, job(&sender)), (Priority::Background, job(&sender))]);
        refuse(waiting.end(), || Error::Busy(RETRY_S));
        refuse(waiting.put_back(begun), || Error::Busy(RETRY_S));
        let refused: Vec<_> = receiver.try_iter().collect();
        assert_eq!(refused.len(), 3);
        assert!(refused.iter().all(|outcome| matches!(outcome, Err(Error::Busy(_)))), "{refused:?}");
        assert!(waiting.push(Priority::Machine, job(&sender)).is_some(), "a machine that comes now");
        assert!(waiting.push(Priority::Interactive, job(&sender)).is_none(), "the program’s own last write");
        assert_eq!((waiting.interactive.len(), waiting.background.len(), waiting.slices.len()), (1, 2, 1));
    }
}
