//! Work on many rows, which is done slice by slice: others write in between, a page says how far it is, and after a
//! restart it goes on where it stood.
//!
//! A slice changes some rows and moves the task's position in one transaction, so that no row is done twice, or half.
//! What the kinds of work are, and who does a slice of which, says [`bulk`](super::bulk).

use super::counted::grouped;
use super::text_enum::text_enum;
use super::{Actor, Noted, Role, Tx, new_id};
use crate::db::Conn;
use crate::db::schema::long_tasks;
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod slice;

pub use slice::{InHand, Slice, WorkItem};

/// What goes by itself is tried again so long after it failed.
const AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);
/// So many that failed are told of.
const FEW: i64 = 5;

text_enum! {
    /// What is done to many.
    pub enum Kind {
        /// All that is held back is done as Entra ID asked.
        ReleaseHeld = "release_held",
        /// Nothing of what is held back is done.
        KeepHeld = "keep_held",
        /// Proposals of a comparison are accepted.
        AcceptRenames = "accept_renames",
        /// Users who were renamed by a comparison get their old names back.
        UndoRenames = "undo_renames",
        /// The rows of a comparison that was discarded go.
        ForgetComparison = "forget_comparison",
        /// Those who wait for a site of this name get it.
        SettleSite = "settle_site",
        /// Selected users get a site.
        SetSite = "set_site",
        /// Selected users are deleted for good.
        DeleteUsers = "delete_users",
        /// The memberships of a group that was deleted go.
        ForgetGroup = "forget_group",
        /// Sessions end that rest on something which was taken away.
        EndSessions = "end_sessions",
    }
}

text_enum! {
    /// How far it is.
    pub enum State {
        /// It goes on.
        Running = "running",
        /// All of it was done.
        Done = "done",
        /// Whoever began it may no longer do it, or what it rested on was taken back: the rest was left.
        Stopped = "stopped",
        /// It was refused on the way: the rest was left.
        Failed = "failed",
    }
}

/// Whether a slice was the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    More,
    /// All of it is done.
    Done,
}

/// What is to be done, as a task keeps it.
pub(super) trait TaskInput: Serialize + DeserializeOwned {
    /// Whether whoever asks for this now asks for what `other`, which is under way, does already. What came of it on the
    /// way, where that is kept in it, is nothing that was asked for.
    fn asks_the_same(&self, other: &Self) -> bool;
}

impl TaskInput for () {
    fn asks_the_same(&self, (): &()) -> bool {
        true
    }
}

/// Work on many rows.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = long_tasks, treat_none_as_null = true)]
pub struct Task {
    /// Its key.
    pub id: String,
    /// What is done.
    pub kind: Kind,
    /// The key of what it is done to: one task at a time.
    pub subject: String,
    what: String,
    /// How far it is.
    pub state: State,
    /// How many rows there are to do.
    pub total: i64,
    /// How many were done.
    pub done: i64,
    /// How many were left as they are.
    pub left_out: i64,
    position: Option<String>,
    actor_kind: String,
    actor_id: Option<UserId>,
    /// The name of whoever began it.
    pub actor_name: String,
    actor_role: Role,
    /// When it began, in UTC.
    pub started_at: NaiveDateTime,
    /// When it last advanced, in UTC.
    pub updated_at: NaiveDateTime,
    /// When it ended, in UTC.
    pub ended_at: Option<NaiveDateTime>,
    /// Why it did not come to its end.
    pub fault: Option<String>,
}

impl Task {
    /// Whether it goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Who began it, with the role that they had then.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match (self.actor_kind.as_str(), &self.actor_id) {
            ("person", Some(id)) => {
                Actor::Person { id: id.clone(), name: self.actor_name.clone(), role: self.actor_role }
            }
            ("entra", _) => Actor::Entra,
            ("command line", _) => Actor::CommandLine,
            ("rollcall", _) => Actor::Rollcall,
            // Whoever cannot be told is nobody, and may do nothing.
            _ => Actor::Person { id: UserId::generate(), name: self.actor_name.clone(), role: Role::None },
        }
    }

    /// What is to be done, as it was asked for.
    pub fn what<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.what).map_err(|cause| self.damaged(cause))
    }

    /// Notes what came of it on the way.
    pub(super) fn set_what(&mut self, what: &impl Serialize) -> Result<()> {
        self.what = serde_json::to_string(what).map_err(Error::internal)?;
        Ok(())
    }

    /// Where the next slice goes on.
    pub(super) fn position<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let position = self.position.as_deref().map(serde_json::from_str).transpose();
        position.map_err(|cause| self.damaged(cause))
    }

    fn damaged(&self, cause: serde_json::Error) -> Error {
        let what = format!("The long work “{}” of {}", self.kind.as_str(), super::in_words(self.started_at));
        Error::damaged(&what, "What it did so far stays. Begin it anew.", cause)
    }

    pub(super) fn go_on_from(&mut self, position: &impl Serialize) -> Result<()> {
        self.position = Some(serde_json::to_string(position).map_err(Error::internal)?);
        Ok(())
    }

    /// Notes a row that was done, or left.
    pub(super) fn count(&mut self, is_done: bool) {
        if is_done { self.done += 1 } else { self.left_out += 1 }
    }

    fn end(&mut self, state: State, now: NaiveDateTime) {
        (self.state, self.updated_at, self.ended_at) = (state, now, Some(now));
        // What went in the meantime was neither done nor left.
        self.left_out = self.left_out.max(self.total - self.done);
    }
}

/// The task that does this already, with the power of whoever asks now or more.
///
/// # Errors
/// [`Error::Conflict`] while other work on the same thing is under way: what comes of that is nothing that whoever asks
/// now asked for.
pub(super) fn under_way(
    tx: &mut Tx,
    kind: Kind,
    subject: &str,
    what: &impl TaskInput,
) -> Result<Option<Task>> {
    let Some(running) = running_on(tx.conn, subject)? else { return Ok(None) };
    let refused = |what: &str, then: &str| {
        Error::Conflict(format!(
            "{} began {what}, which is still under way: {} of {} are done. Nothing was changed now: wait until it has \
             ended{then}.",
            running.actor_name,
            grouped(running.done),
            grouped(running.total)
        ))
    };
    if running.kind != kind {
        return Err(refused("another change of the same users", ""));
    }
    if !what.asks_the_same(&running.what()?) {
        return Err(refused("another change of the same kind", ", and then do this again"));
    }
    if role_of(tx.actor) > running.actor_role {
        let then = ", and then do this again for what is left: you may decide over more than they may";
        return Err(refused("the same change", then));
    }
    Ok(Some(running))
}

/// The role on which somebody does long work.
fn role_of(actor: &Actor) -> Role {
    match actor {
        Actor::Person { role, .. } => *role,
        Actor::Entra => Role::None,
        Actor::CommandLine | Actor::Rollcall => Role::Owner,
    }
}

/// As [`begin`], for what follows from a change that is made already: it goes on whatever becomes of whoever made that.
pub(super) fn begin_by_itself(
    tx: &mut Tx,
    kind: Kind,
    subject: &str,
    what: &impl TaskInput,
    total: i64,
) -> Result<Task> {
    let tx = &mut Tx::new(tx.conn, &Actor::Rollcall, tx.now, tx.keys);
    begin(tx, kind, subject, what, total)
}

/// Begins work on so many rows; the same work that is under way already is found again, see [`under_way`].
///
/// # Errors
/// [`Error::Conflict`] while other work on the same thing is under way.
pub(super) fn begin(
    tx: &mut Tx,
    kind: Kind,
    subject: &str,
    what: &impl TaskInput,
    total: i64,
) -> Result<Task> {
    if let Some(running) = under_way(tx, kind, subject, what)? {
        return Ok(running);
    }
    let (actor_kind, actor_id) = match tx.actor {
        Actor::Person { id, .. } => ("person", Some(id.clone())),
        Actor::Entra => ("entra", None),
        Actor::CommandLine => ("command line", None),
        Actor::Rollcall => ("rollcall", None),
    };
    let task = Task {
        id: new_id(),
        kind,
        subject: subject.to_owned(),
        what: serde_json::to_string(what).map_err(Error::internal)?,
        state: State::Running,
        total,
        done: 0,
        left_out: 0,
        position: None,
        actor_kind: actor_kind.to_owned(),
        actor_id,
        actor_name: tx.actor.name().to_owned(),
        actor_role: role_of(tx.actor),
        started_at: tx.now,
        updated_at: tx.now,
        ended_at: None,
        fault: None,
    };
    diesel::insert_into(long_tasks::table).values(&task).execute(tx.conn)?;
    Ok(task)
}

/// The task with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Task> {
    let found = long_tasks::table.find(id).select(Task::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("task"))
}

/// The task that is under way on this thing.
pub fn running_on(conn: &mut Conn, subject: &str) -> Result<Option<Task>> {
    let mine = long_tasks::table
        .filter(long_tasks::subject.eq(subject))
        .filter(long_tasks::state.eq(State::Running))
        .select(Task::as_select());
    Ok(mine.first(conn).optional()?)
}

/// The latest task on this thing that is under way or came to its end.
pub(super) fn latest_on(conn: &mut Conn, subject: &str) -> Result<Option<Task>> {
    let mine = long_tasks::table
        .filter(long_tasks::subject.eq(subject))
        .filter(long_tasks::state.eq_any([State::Running, State::Done]))
        .order(long_tasks::id.desc());
    Ok(mine.select(Task::as_select()).first(conn).optional()?)
}

/// All that are under way, the oldest first.
pub fn running(conn: &mut Conn) -> Result<Vec<Task>> {
    // Those that have not ended: there is an index of these.
    let all = long_tasks::table.filter(long_tasks::ended_at.is_null()).order(long_tasks::id);
    Ok(all.select(Task::as_select()).load(conn)?)
}

/// The latest that came to no good end since then, the latest first; but for those on whose subject somebody came to
/// the end since.
pub fn failed_since(conn: &mut Conn, since: NaiveDateTime) -> Result<Vec<Task>> {
    let all = long_tasks::table
        .filter(long_tasks::ended_at.gt(since))
        .filter(long_tasks::state.eq_any([State::Failed, State::Stopped]))
        .order(long_tasks::ended_at.desc())
        .limit(FEW);
    let mut open = Vec::new();
    for task in all.select(Task::as_select()).load::<Task>(conn)? {
        let later = long_tasks::table
            .filter(long_tasks::subject.eq(&task.subject))
            .filter(long_tasks::id.gt(&task.id))
            .filter(long_tasks::state.eq(State::Done));
        if !diesel::select(exists(later)).get_result::<bool>(conn)? {
            open.push(task);
        }
    }
    Ok(open)
}

/// Whether what is to go by itself may be begun (again): it is not under way, and did not fail just now.
pub(super) fn is_due(conn: &mut Conn, subject: &str, now: NaiveDateTime) -> Result<bool> {
    let lately = long_tasks::table
        .filter(long_tasks::ended_at.gt(now - AGAIN_AFTER))
        .filter(long_tasks::subject.eq(subject))
        .filter(long_tasks::state.eq(State::Failed));
    let failed: bool = diesel::select(exists(lately)).get_result(conn)?;
    Ok(!failed && running_on(conn, subject)?.is_none())
}

/// Does a slice of a task that is under way; answers how it stands then.
pub(super) fn advance(
    tx: &mut Tx,
    id: &str,
    work: impl FnOnce(&mut Tx, &mut Task) -> Result<Noted<Step>>,
) -> Result<Noted<Task>> {
    let mut task = find(tx.conn, id)?;
    if !task.is_running() {
        return Ok(Noted::unaudited(task, "it has ended"));
    }
    let (step, noted) = work(tx, &mut task)?.split();
    task.updated_at = tx.now;
    if step == Step::Done {
        task.end(State::Done, tx.now);
    }
    diesel::update(long_tasks::table.find(id)).set(&task).execute(tx.conn)?;
    Ok(noted.with(task))
}

/// Ends a task before its end: what was done stays, the rest is left.
pub(super) fn give_up(tx: &mut Tx, id: &str, state: State, fault: &str) -> Result<Noted<Task>> {
    let mut task = find(tx.conn, id)?;
    if task.is_running() {
        task.end(state, tx.now);
        task.fault = Some(fault.to_owned());
        diesel::update(long_tasks::table.find(id)).set(&task).execute(tx.conn)?;
    }
    Ok(Noted::unaudited(task, "what the task did has its entries, and its page says that it was given up"))
}

/// The tasks that somebody in this process sees to.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<String>>>);

/// A task that the holder sees to.
#[derive(Debug)]
pub(super) struct Claim {
    id: String,
    all: UnderWay,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a task on, unless somebody sees to it already.
    pub(super) fn claim(&self, id: &str) -> Option<Claim> {
        self.lock().insert(id.to_owned()).then(|| Claim { id: id.to_owned(), all: self.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}
