//! Whether the database can serve: looked at on a thread and a connection of its own, so that the answer waits for
//! nobody.

use super::Conn;
use super::faults::{REPLACED, outage};
use super::file::Opened;
use super::versions::{SchemaState, standing};
use crate::error::Outage;
use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A group of writes that takes longer keeps others waiting.
const LONG_GROUP: Duration = Duration::from_secs(1);
/// The disk that answers nothing for so long is not just slow.
const LONG_LOOK: Duration = Duration::from_secs(10);
/// Reads rows that stand in the tables themselves, from the file: what was read before is forgotten.
const READ: &str = "PRAGMA shrink_memory; SELECT value FROM settings LIMIT 1; \
                    SELECT user_name FROM users NOT INDEXED LIMIT 1;";

/// Whether the database can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It can.
    Ready,
    /// It can, but whoever writes has to wait.
    Busy,
    /// It cannot be read, or not be written, or its file is not there any longer.
    Broken,
    /// Migrations of this program have not run.
    Behind,
    /// A newer program has changed its tables.
    Ahead,
}

impl Condition {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
        }
    }

    /// Whether requests can be served.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Ready | Self::Busy)
    }
}

/// How the writer does, as it says itself.
#[derive(Debug, Default)]
pub(super) struct WriterState(Mutex<Work>);

#[derive(Debug, Default)]
struct Work {
    since: Option<Instant>,
    outage: Option<Outage>,
}

impl WriterState {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A group is begun.
    pub(super) fn begin(&self) {
        self.lock().since = Some(Instant::now());
    }

    /// It has ended, with what kept it from the disk if something did.
    pub(super) fn end(&self, outage: Option<Outage>) {
        let before = std::mem::replace(&mut *self.lock(), Work { since: None, outage }).outage;
        match (before, outage) {
            (before, Some(now)) if before != Some(now) => {
                tracing::error!("nothing can be written: {}", now.title().to_lowercase());
            }
            (Some(_), None) => tracing::info!("the database can be written again"),
            _ => {}
        }
    }

    pub(super) fn outage(&self) -> Option<Outage> {
        self.lock().outage
    }

    fn is_long_at_it(&self) -> bool {
        self.lock().since.is_some_and(|since| since.elapsed() > LONG_GROUP)
    }
}

type Callback = Box<dyn FnOnce(Condition) + Send>;

/// A handle to the thread, which ends with it.
pub(super) struct Monitor(Arc<MonitorQueue>);

#[derive(Default)]
struct MonitorQueue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Callback>,
    /// Since when it looks.
    since: Option<Instant>,
    has_ended: bool,
}

impl MonitorQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who ask; one look serves all who came before it. Nothing once nobody can come.
    fn next(&self) -> Option<Vec<Callback>> {
        let mut state = self.lock();
        state.since = None;
        while state.waiting.is_empty() {
            if state.has_ended {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.since = Some(Instant::now());
        Some(std::mem::take(&mut state.waiting))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.more.notify_one();
    }
}

impl Monitor {
    pub(super) fn start(mut looker: Looker) -> std::io::Result<Self> {
        let asked = Arc::new(MonitorQueue::default());
        let of_thread = Arc::clone(&asked);
        thread::Builder::new().name("monitor".into()).spawn(move || {
            while let Some(waiting) = of_thread.next() {
                let condition = looker.look();
                waiting.into_iter().for_each(|answer| answer(condition));
            }
        })?;
        Ok(Self(asked))
    }

    pub(super) fn ask(&self, answer: impl FnOnce(Condition) + Send + 'static) {
        self.0.lock().waiting.push(Box::new(answer));
        self.0.more.notify_one();
    }

    /// What to say when there is no answer yet.
    pub(super) fn meanwhile(&self) -> Condition {
        let is_long = self.0.lock().since.is_some_and(|since| since.elapsed() > LONG_LOOK);
        if is_long { Condition::Broken } else { Condition::Busy }
    }
}

/// What looks.
pub(super) struct Looker {
    conn: Option<Conn>,
    open: Box<dyn Fn() -> Result<Conn, String> + Send>,
    opened: Opened,
    writer: Arc<WriterState>,
    before: Condition,
}

impl Looker {
    pub(super) fn new(
        open: impl Fn() -> Result<Conn, String> + Send + 'static,
        opened: Opened,
        writer: Arc<WriterState>,
    ) -> Self {
        Self { conn: None, open: Box::new(open), opened, writer, before: Condition::Ready }
    }

    fn look(&mut self) -> Condition {
        let (condition, why) = self.find_out();
        if condition != self.before {
            let word = condition.word();
            if condition.serves() {
                tracing::info!("the database is {word}: {why}");
            } else {
                tracing::error!("the database is {word}: {why}");
            }
        }
        self.before = condition;
        condition
    }

    fn find_out(&mut self) -> (Condition, String) {
        if self.opened.is_replaced() {
            return (Condition::Broken, REPLACED.to_owned());
        }
        match self.read() {
            Err((condition, why)) => {
                self.conn = None;
                (condition, why)
            }
            Ok(SchemaState::Behind) => (Condition::Behind, "migrations have not run".to_owned()),
            Ok(SchemaState::Ahead(newer)) => (Condition::Ahead, newer.to_string()),
            Ok(SchemaState::Current) => match self.writer.outage() {
                Some(outage) => (condition_in(Some(outage)), outage.title().to_lowercase()),
                None if self.writer.is_long_at_it() => {
                    (Condition::Busy, "a group of writes takes long".to_owned())
                }
                None => (Condition::Ready, "it can be read and written".to_owned()),
            },
        }
    }

    fn read(&mut self) -> Result<SchemaState, (Condition, String)> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert((self.open)().map_err(|why| (Condition::Broken, why))?),
        };
        let read = |conn: &mut Conn| -> QueryResult<SchemaState> {
            let standing = standing(conn)?;
            // Tables that this program does not know, or that are not there yet, are not looked into.
            if matches!(standing, SchemaState::Current) {
                conn.batch_execute(READ)?;
            }
            Ok(standing)
        };
        read(conn).map_err(|fault| (condition_in(outage(&fault)), fault.to_string()))
    }
}

fn condition_in(outage: Option<Outage>) -> Condition {
    if outage == Some(Outage::Locked) { Condition::Busy } else { Condition::Broken }
}
