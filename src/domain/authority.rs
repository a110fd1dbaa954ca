//! On whose authority something is done, and what must still hold at the moment when it is written.
//!
//! Who somebody is and what they may is decided when their request begins. Then a body may be waited for, a password be
//! hashed, an address be fetched; meanwhile a session ends, a role is taken away, an account is deactivated. So whatever
//! the decision rested on is looked up again in the transaction that writes: see [`Org::submit`](super::Org::submit).

use super::{Actor, Role};
use crate::db::Conn;
use crate::db::schema::{sessions, users};
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// Who acts, and what that rests on.
#[derive(Clone, Debug)]
pub struct Authority {
    actor: Actor,
    rests_on: Basis,
}

/// What must still hold.
#[derive(Clone, Debug)]
enum Basis {
    /// Nothing: the program itself, the command line, a machine whose credential is checked where it is used.
    Nothing,
    /// That the account is active and has its role.
    Account,
    /// That, and that this session of theirs has not ended.
    Session { session: Sitting, proof: Proof },
}

/// A session that somebody acts from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sitting {
    /// Its id.
    pub id: String,
    /// When it ends at the latest, however it is used, in UTC.
    pub ends_at: NaiveDateTime,
}

/// A proof of who sits there: whether one is wanted, and until when the last one is good.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Of which acts it is wanted.
    pub wanted: ProofRule,
    /// Until when the last one is good, in UTC.
    pub good_until: Option<NaiveDateTime>,
}

/// Whether an act wants a proof of who sits there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProofRule {
    /// It does not.
    #[default]
    Never,
    /// It decides who has power or where trust lies.
    Always,
    /// It does where the account that it is done to has a role.
    OfRoleHolder(UserId),
}

impl Authority {
    /// What somebody does from a session of theirs, with the role that they had when it was looked up.
    #[must_use]
    pub fn of_session(actor: Actor, session: Sitting, proof: Proof) -> Self {
        Self { actor, rests_on: Basis::Session { session, proof } }
    }

    /// Whoever it is, nothing is looked up again: for what has no session, such as the command line.
    #[must_use]
    pub fn trusted(actor: Actor) -> Self {
        Self { actor, rests_on: Basis::Nothing }
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The same where no proof is wanted: for the proof itself, and for the slices of one long act that was begun in time.
    #[must_use]
    pub fn without_proof(mut self) -> Self {
        if let Basis::Session { proof, .. } = &mut self.rests_on {
            proof.wanted = ProofRule::Never;
        }
        self
    }

    /// Refuses what no longer holds.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if the session has ended, the account is deactivated or has lost power;
    /// [`Error::Conflict`] if the proof has become too old.
    pub fn must_hold(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
        let Actor::Person { id, role, .. } = &self.actor else { return Ok(()) };
        let present = (users::active, users::role);
        let standing: Option<(bool, Role)> = match &self.rests_on {
            Basis::Nothing => return Ok(()),
            Basis::Account => users::table.find(id).select(present).first(conn).optional()?,
            Basis::Session { session, .. } if session.ends_at <= now => None,
            Basis::Session { session, .. } => sessions::table
                .find(&session.id)
                .filter(sessions::user_id.eq(id))
                .inner_join(users::table)
                .select(present)
                .first(conn)
                .optional()?,
        };
        if !standing.is_some_and(|(active, present)| active && present >= *role) {
            return Err(Error::SignedOut);
        }
        // One that rests on what was taken away is one of very many that end, of which some have had their turn.
        if let Basis::Session { session, .. } = &self.rests_on
            && super::sessions::is_ending(conn, &session.id)?
        {
            return Err(Error::SignedOut);
        }
        match &self.rests_on {
            Basis::Session { proof, .. } => proof.must_hold(conn, now),
            _ => Ok(()),
        }
    }
}

impl Proof {
    fn must_hold(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
        if self.good_until.is_some_and(|until| now < until) || !self.wanted.applies(conn)? {
            return Ok(());
        }
        let cause = "It is more than ten minutes since you last proved that it is you, and nothing was changed. Do it \
                     again: you are asked first.";
        Err(Error::Conflict(cause.to_owned()))
    }
}

impl ProofRule {
    /// Whether it does, as things are now.
    pub fn applies(&self, conn: &mut Conn) -> Result<bool> {
        let target = match self {
            Self::Never => return Ok(false),
            Self::Always => return Ok(true),
            Self::OfRoleHolder(target) => target,
        };
        let role: Option<Role> = users::table.find(target).select(users::role).first(conn).optional()?;
        Ok(role.is_some_and(|role| role != Role::None))
    }
}

impl From<Actor> for Authority {
    /// A person who acts without a session, such as the holder of a one-time link, must be active still.
    fn from(actor: Actor) -> Self {
        Self { actor, rests_on: Basis::Account }
    }
}
