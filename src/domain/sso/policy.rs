//! Whether everybody but owners must sign in through Entra ID.
//!
//! Such a rule can lock a whole company out, so it takes itself back: it holds for ten minutes, and for good only once
//! somebody who came in through Entra ID says so.

use super::{ONLY, SUBJECT, events, settings};
use crate::db::Conn;
use crate::db::schema::{sessions, sso_settings, users};
use crate::domain::audit::{Action, Change};
use crate::domain::retention;
use crate::domain::sessions::Method;
use crate::domain::text_enum::text_enum;
use crate::domain::users::User;
use crate::domain::{Actor, Noted, Role, Tx};
use crate::error::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// How long an unconfirmed requirement holds.
const TRIAL: TimeDelta = TimeDelta::minutes(10);

text_enum! {
    /// Whether single sign-on is required.
    pub enum Requirement {
        /// Passwords are good for all who have one.
        Off = "off",
        /// Required, until it is confirmed or the time is over.
        Trial = "trial",
        /// Required of everybody but owners.
        On = "on",
    }
}

/// The requirement as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequirementStatus {
    /// What is stored, with a trial whose time is over counted as off.
    pub requirement: Requirement,
    /// Until when a trial lasts, in UTC.
    pub until: Option<NaiveDateTime>,
    /// Whether a trial's time ran out and that is not logged yet.
    pub lapsed: bool,
}

/// The requirement at `now`. It means nothing while single sign-on is off.
pub fn requirement_status(conn: &mut Conn, now: NaiveDateTime) -> Result<RequirementStatus> {
    let columns = (sso_settings::enabled, sso_settings::requirement, sso_settings::trial_until);
    let stored: Option<(bool, String, Option<NaiveDateTime>)> =
        sso_settings::table.find(ONLY).select(columns).first(conn).optional()?;
    let off = RequirementStatus { requirement: Requirement::Off, until: None, lapsed: false };
    let Some((true, word, until)) = stored else { return Ok(off) };
    let requirement = Requirement::parse(&word).unwrap_or(Requirement::Off);
    Ok(match requirement {
        Requirement::Trial if until.is_none_or(|until| until <= now) => {
            RequirementStatus { lapsed: true, ..off }
        }
        requirement => RequirementStatus { requirement, until, lapsed: false },
    })
}

/// Whether a trial would last longer than one does that began at `limit`: it was begun while the clock was ahead.
pub(in crate::domain) fn is_trial_ahead(conn: &mut Conn, limit: NaiveDateTime) -> Result<bool> {
    let until = sso_settings::table.find(ONLY).select(sso_settings::trial_until);
    let until: Option<NaiveDateTime> = until.first(conn).optional()?.flatten();
    Ok(until.is_some_and(|until| until > limit + TRIAL))
}

/// Lets such a trial last as long from now as any; answers how many there were.
pub(in crate::domain) fn correct_trial(tx: &mut Tx, limit: NaiveDateTime) -> Result<usize> {
    if !is_trial_ahead(tx.conn, limit)? {
        return Ok(0);
    }
    let until = sso_settings::trial_until.eq(tx.now + TRIAL);
    Ok(diesel::update(sso_settings::table.find(ONLY)).set(until).execute(tx.conn)?)
}

/// Whether this account may not sign in by password now.
pub fn bars_password(conn: &mut Conn, user: &User, now: NaiveDateTime) -> Result<bool> {
    Ok(user.role != Role::Owner && requirement_status(conn, now)?.requirement != Requirement::Off)
}

/// Requires single sign-on of everybody but owners, for ten minutes at first.
pub fn require(tx: &mut Tx) -> Result<Noted<RequirementStatus>> {
    if !settings::read(tx.conn)?.enabled {
        return Err(Error::Conflict("Switch single sign-on on first.".to_owned()));
    }
    if let Actor::Person { id, .. } = tx.actor {
        let since = settings::trusted_since(tx.conn)?.unwrap_or_default();
        if events::good_test(tx.conn, id, since)?.is_none() {
            return Err(Error::Conflict(format!(
                "Run a test sign-in first, and let it succeed: after the last change of whom to trust, none of yours has \
                 in the {} days for which sign-ins are kept.",
                retention::days(tx.conn)?.sign_ins
            )));
        }
    }
    set(tx, Requirement::Trial, Some(tx.now + TRIAL))?;
    let noted = note(tx, "required for ten minutes, until it is confirmed")?;
    Ok(noted.with(requirement_status(tx.conn, tx.now)?))
}

/// Makes the requirement last. Only somebody who came in through Entra ID knows that it works.
pub fn confirm(tx: &mut Tx, method: Method) -> Result<Noted<()>> {
    if requirement_status(tx.conn, tx.now)?.requirement != Requirement::Trial {
        let cause = "There is nothing to confirm: the ten minutes are over, or somebody was faster.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    if method != Method::Sso {
        let cause = "Confirm it from a session that signed in through Entra ID: that proves that people can.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    set(tx, Requirement::On, None)?;
    // Sessions that began by password end, except those of owners.
    let owners = users::table.filter(users::role.eq(Role::Owner)).select(users::id);
    let others = sessions::table
        .filter(sessions::method.eq(Method::Password))
        .filter(sessions::user_id.is_not_null())
        .filter(diesel::dsl::not(sessions::user_id.assume_not_null().eq_any(owners)));
    diesel::delete(others).execute(tx.conn)?;
    note(tx, "required of everybody but owners")
}

/// Requires it no longer.
pub fn lift(tx: &mut Tx) -> Result<Noted<()>> {
    let stored: Option<String> =
        sso_settings::table.find(ONLY).select(sso_settings::requirement).first(tx.conn).optional()?;
    if stored.as_deref().is_none_or(|word| word == Requirement::Off.as_str()) {
        return Ok(Noted::unaudited((), "it was not required"));
    }
    set(tx, Requirement::Off, None)?;
    note(tx, "not required")
}

/// Takes back a requirement that nobody confirmed in time, and notes it.
pub fn take_back_lapsed(tx: &mut Tx) -> Result<Noted<()>> {
    if requirement_status(tx.conn, tx.now)?.lapsed {
        set(tx, Requirement::Off, None)?;
        return note(tx, "taken back: nobody confirmed it within ten minutes");
    }
    Ok(Noted::unaudited((), "it has not lapsed"))
}

fn set(tx: &mut Tx, requirement: Requirement, until: Option<NaiveDateTime>) -> Result<()> {
    let change = (sso_settings::requirement.eq(requirement.as_str()), sso_settings::trial_until.eq(until));
    diesel::update(sso_settings::table.find(ONLY)).set(change).execute(tx.conn)?;
    Ok(())
}

fn note(tx: &mut Tx, what: &str) -> Result<Noted<()>> {
    tx.note(Action::SsoChanged, SUBJECT, &[Change::set("requirement", what)])
}
