//! A change under way, and the proof that it left its entry in the audit log.

use super::actor::Actor;
use super::audit::{self, Action, Change, Subject};
use crate::db::{Conn, in_transaction};
use crate::error::{Error, Result};
use crate::seal::Keyring;
use chrono::NaiveDateTime;
use std::ops::Deref;

/// A change under way: by whom, when, and the transaction it is part of. Rules that change something take it, and return
/// [`Noted`].
pub struct Tx<'a> {
    /// The transaction.
    pub conn: &'a mut Conn,
    /// Who does it.
    pub actor: &'a Actor,
    /// When, in UTC.
    pub now: NaiveDateTime,
    /// What seals the secrets that are stored.
    pub keys: &'a Keyring,
    /// Only the domain makes one: see [`Tx::new`].
    _made: Made,
}

/// What nobody else can name, and so nobody else can make a [`Tx`] without [`Tx::new`].
struct Made;

/// A value together with the proof that its change is in the audit log, or with a reason why it need not be.
///
/// Only [`Tx::note`] and its like, and [`Noted::unaudited`], make one, and [`Org::write`](super::Org::write) takes
/// nothing else:
///
/// ```
/// use rollcall::domain::{Actor, Noted, Org, Tx, sites};
/// use rollcall::error::Result;
/// fn rule(tx: &mut Tx) -> Result<Noted<sites::Site>> {
///     sites::create(tx, "Lisbon")
/// }
/// fn compiles(org: &Org) -> Result<sites::Site> {
///     org.write(&Actor::CommandLine, rule)
/// }
/// ```
///
/// A change that forgets its entry does not compile:
///
/// ```compile_fail,E0271
/// use rollcall::domain::{Actor, Noted, Org, Tx, sites};
/// use rollcall::error::Result;
/// fn rule(tx: &mut Tx) -> Result<sites::Site> {
///     let site = sites::create(tx, "Lisbon")?;
///     sites::find(tx.conn, &site.id)
/// }
/// fn does_not(org: &Org) -> Result<sites::Site> {
///     org.write(&Actor::CommandLine, rule)
/// }
/// ```
///
/// Nor can anybody make up the proof:
///
/// ```compile_fail,E0423
/// let made_up = rollcall::domain::Noted(());
/// ```
#[derive(Debug)]
pub struct Noted<T>(T);

impl<T> Noted<T> {
    /// A value whose change needs no entry, and the reason why. Every exception is found by this name.
    #[must_use]
    pub fn unaudited(value: T, _why: &'static str) -> Self {
        Self(value)
    }

    /// The same proof for what `change` makes of the value.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Noted<U> {
        Noted(change(self.0))
    }

    /// The same proof for another value.
    #[must_use]
    pub fn with<U>(self, value: U) -> Noted<U> {
        Noted(value)
    }

    /// Goes on with another change that leaves an entry of its own.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn and_then<U, E>(self, next: impl FnOnce(T) -> Result<Noted<U>, E>) -> Result<Noted<U>, E> {
        next(self.0)
    }

    /// The value and the proof, apart: for a rule that goes on with the value.
    #[must_use]
    pub fn split(self) -> (T, Noted<()>) {
        (self.0, Noted(()))
    }

    pub(in crate::domain) fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Noted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'a> Tx<'a> {
    /// A change by this actor, in this transaction. Whoever makes one sees to it that a change without an entry is undone.
    pub(in crate::domain) fn new(
        conn: &'a mut Conn,
        actor: &'a Actor,
        now: NaiveDateTime,
        keys: &'a Keyring,
    ) -> Self {
        Self { conn, actor, now, keys, _made: Made }
    }

    /// Writes an entry into the audit log: the actor did `action` to `subject`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&mut self, action: Action, subject: Subject, changes: &[Change]) -> Result<Noted<()>> {
        let actor = self.actor;
        self.note_as(actor, action, subject, changes)
    }

    /// As [`Tx::note`], for somebody who only now turns out to be the actor.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note_as(
        &mut self,
        actor: &Actor,
        action: Action,
        subject: Subject,
        changes: &[Change],
    ) -> Result<Noted<()>> {
        audit::insert(self.conn, (actor, self.now), [(action, subject, changes)].into_iter())?;
        Ok(Noted(()))
    }

    /// As [`Tx::note`], for many things that were done at once.
    pub(in crate::domain) fn note_many<'n>(
        &mut self,
        notes: impl Iterator<Item = (Action, Subject<'n>, Vec<Change>)>,
    ) -> Result<Noted<()>> {
        audit::insert(self.conn, (self.actor, self.now), notes)?;
        Ok(Noted(()))
    }

    /// Does `work` so that its refusal undoes its own changes only, not those of the whole transaction, and arrives as
    /// what it is.
    ///
    /// # Errors
    /// Those of `work`, or if the database cannot begin or end it.
    pub fn nested<T, E: From<Error>>(&mut self, work: impl FnOnce(&mut Tx) -> Result<T, E>) -> Result<T, E> {
        let (actor, now, keys) = (self.actor, self.now, self.keys);
        in_transaction(self.conn, |conn| work(&mut Tx::new(conn, actor, now, keys)))
    }
}
