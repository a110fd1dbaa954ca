//! One organisation: one database. All reading and writing goes through it.

use super::actor::Actor;
use super::authority::Authority;
use super::clock::Clock;
use super::tx::{Noted, Tx};
use super::{provisioning, settings, tasks, users};
use crate::db::{Condition, Conn, Db, Priority, Reader};
use crate::error::{Error, Outage, Result, Undoes};
use crate::pool::{self, Requester};
use crate::seal::Keyring;
use chrono::NaiveDateTime;
use std::sync::{Arc, OnceLock};

/// One organisation: one database.
#[derive(Clone)]
pub struct Org(Arc<Parts>);

struct Parts {
    db: Db,
    keys: Keyring,
    clock: Clock,
    bookmarks: users::search::Bookmarks,
    backlog: provisioning::Backlog,
    host: OnceLock<String>,
    under_way: tasks::UnderWay,
}

impl Org {
    /// The organisation in `db`, whose secrets are sealed with `keys`.
    #[must_use]
    pub fn new(db: Db, keys: Keyring, clock: Clock) -> Self {
        let (bookmarks, backlog, host, under_way) = Default::default();
        Self(Arc::new(Parts { db, keys, clock, bookmarks, backlog, host, under_way }))
    }

    /// Reads, all of it from one moment's state. Waits for a reader: not on a thread that serves connections.
    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.0.db.read(work)
    }

    /// Reads one thing, or things that need not be of one moment.
    pub fn read_one<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.0.db.read_one(work)
    }

    /// A reader, if one is free at this moment: for a thread that serves connections, which waits for none.
    #[must_use]
    pub fn free_reader(&self) -> Option<Reader> {
        self.0.db.free_reader()
    }

    /// Waits for the permit to look at all rows of a table, to be held while one does.
    ///
    /// # Errors
    /// If too many wait already.
    pub async fn scan_permit(&self, requester: Requester) -> Result<pool::Permit> {
        self.0.db.scan_permit(requester).await
    }

    /// Does `work` in a transaction of its own, kept only if it returns `Ok`; waits until that is on disk.
    pub fn write<T, E, F>(&self, actor: &Actor, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Tx) -> Result<Noted<T>, E> + Send + 'static,
    {
        self.0.db.write(self.clone().transact(Authority::trusted(actor.clone()), work))
    }

    /// A slice of long work: as [`Org::submit`], done by itself and while nobody else waits.
    pub fn submit_slice<T, E, F>(
        &self,
        authority: impl Into<Authority>,
        work: F,
        answer: impl FnOnce(Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Tx) -> Result<Noted<T>, E> + Send + 'static,
    {
        self.0.db.submit(Priority::Slice, self.clone().transact(authority.into(), work), answer);
    }

    /// As [`Org::submit_slice`], for work that ends when the slice does; waits for what came of it.
    pub(crate) async fn do_slice<T, F>(&self, authority: impl Into<Authority>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx, &mut tasks::Slice) -> Result<Noted<T>> + Send + 'static,
    {
        let (waiting, (sender, receiver)) = (self.clone(), tokio::sync::oneshot::channel());
        let work = move |tx: &mut Tx| {
            let somebody_waits = || waiting.somebody_waits();
            work(tx, &mut tasks::Slice::new(&somebody_waits))
        };
        // Whoever stopped waiting wants no answer: what was done stays.
        self.submit_slice(authority, work, |outcome| drop(sender.send(outcome)));
        receiver.await.map_err(Error::internal)?
    }

    /// Does work that waits for the database on a thread that may wait, for a caller whose thread serves others meanwhile.
    pub async fn aside<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T> + Send + 'static,
    {
        let org = self.clone();
        tokio::task::spawn_blocking(move || work(&org)).await.map_err(Error::internal)?
    }

    /// The program ends: writes that wait and were not begun are refused with [`Error::Busy`](crate::error::Error::Busy),
    /// so that it does not go on for as long as all of them take.
    pub fn end(&self) {
        self.0.db.end();
    }

    /// Whether somebody waits for a write of theirs.
    #[must_use]
    pub fn somebody_waits(&self) -> bool {
        self.0.db.somebody_waits()
    }

    /// The long work that is under way in this process.
    pub(crate) fn under_way(&self) -> &tasks::UnderWay {
        &self.0.under_way
    }

    /// As [`Org::write`], without waiting: `answer` is called once the outcome is on disk. What the authority rests on
    /// is looked up again in the transaction, and the work is refused where that holds no longer.
    pub fn submit<T, E, F>(
        &self,
        authority: impl Into<Authority>,
        work: F,
        answer: impl FnOnce(Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Tx) -> Result<Noted<T>, E> + Send + 'static,
    {
        let authority = authority.into();
        // Whoever sits before a page goes before a machine, however busy that is.
        let priority =
            if *authority.actor() == Actor::Entra { Priority::Machine } else { Priority::Interactive };
        self.0.db.submit(priority, self.clone().transact(authority, work), answer);
    }

    /// Puts a line into the provisioning log, soon: whoever asked does not wait for it. What gathers while the disk is
    /// busy is written as one.
    pub fn note_later(&self, report: provisioning::Report) {
        if self.0.backlog.add(report) {
            self.write_lines();
        }
    }

    /// Tries lines of the provisioning log again that could not be written when their time came.
    pub fn catch_up(&self) {
        if self.0.backlog.is_left_alone() {
            self.write_lines();
        }
    }

    fn write_lines(&self) {
        let (org, again) = (self.clone(), self.clone());
        let write = move |tx: &mut Tx| provisioning::note_all(tx, org.0.backlog.begin());
        self.0.db.submit(
            Priority::Background,
            self.clone().transact(Actor::Entra.into(), write),
            move |outcome| {
                if let Err(cause) = &outcome {
                    tracing::error!(cause = %cause.for_log(), "lines of the provisioning log wait: they could not be written");
                }
                if again.0.backlog.end(outcome.is_ok()) {
                    again.write_lines();
                }
            },
        );
    }

    /// The time, in UTC.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        self.0.clock.now()
    }

    /// Where the time comes from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Says by which host name the world knows the console; the first word stands.
    pub fn be_known_at(&self, host: &str) {
        let _first = self.0.host.set(host.to_owned());
    }

    /// The host name by which the world knows the console; empty where nobody said so.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host.get().map_or("", String::as_str)
    }

    /// What seals the organisation's secrets.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.0.keys
    }

    /// Where pages of the list of users began.
    #[must_use]
    pub fn bookmarks(&self) -> &users::search::Bookmarks {
        &self.0.bookmarks
    }

    /// Asks whether the database can serve; `answer` is called soon, and waits for no other work.
    pub fn check_condition(&self, answer: impl FnOnce(Condition) + Send + 'static) {
        // Writes alone tell when they are possible again, and while they are not nobody may try one.
        if self.outage().is_some_and(|outage| outage != Outage::Locked) {
            let touch = self.clone().transact(Authority::trusted(Actor::Rollcall), settings::touch);
            // What came of it is seen at the next look.
            self.0.db.submit(Priority::Background, touch, drop);
        }
        self.0.db.check_condition(answer);
    }

    /// What keeps writes from the database just now, if something does.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.0.db.outage()
    }

    /// What to say of the database while there is no answer.
    #[must_use]
    pub fn meanwhile(&self) -> Condition {
        self.0.db.meanwhile()
    }

    /// Which database file it is, as a text that tells it from another one in its place.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        self.0.db.identity()
    }

    /// Brings all that was written into the database file itself, so that this one file is all of the database; answers
    /// whether it is. For the end of a program: whoever else uses the database is waited for only a moment.
    #[must_use]
    pub fn checkpoint(&self) -> bool {
        self.0.db.checkpoint()
    }

    fn transact<T, E: From<Error>>(
        self,
        authority: Authority,
        work: impl FnOnce(&mut Tx) -> Result<Noted<T>, E>,
    ) -> impl FnOnce(&mut Conn) -> Result<T, E> {
        move |conn| {
            let now = self.now();
            authority.must_hold(conn, now)?;
            work(&mut Tx::new(conn, authority.actor(), now, self.keys())).map(Noted::into_inner)
        }
    }
}
