//! Sign-ins that nobody here asked for, while somebody else is signed in: kept until the person says which of the two
//! they want to be.
//!
//! Anybody can make a browser bring a response (SAML profiles section 4.1.5 allows it); without this, a link would be
//! enough to go on working under another person's name. The browser keeps a secret, we keep the sign-in, once; it stands
//! among the sessions as one that is reserved, so whatever ends sessions ends it.

use super::outcome::NewSession;
use crate::db::Conn;
use crate::db::schema::{pending_sign_ins, sessions as session_table};
use crate::domain::{Tx, sessions};
use crate::error::Result;
use crate::seal::{self, Keyring};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Long enough to read a sentence, short enough that an unattended browser holds nothing.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);
const PURPOSE: &str = "sign-in that is held";

/// Keeps a sign-in; answers the secret by which the browser takes it.
pub(in crate::domain) fn hold(tx: &mut Tx, new_session: &NewSession) -> Result<String> {
    let over = pending_sign_ins::expires_at.le(tx.now);
    diesel::delete(pending_sign_ins::table.filter(over)).execute(tx.conn)?;
    let secret = seal::secret();
    let (id, until) = (tx.keys.digest(PURPOSE, &secret), tx.now + LIFETIME);
    sessions::reserve_as(tx, &id, new_session.holder(), until)?;
    let row = (
        pending_sign_ins::id.eq(&id),
        pending_sign_ins::user_id.eq(&new_session.user.id),
        pending_sign_ins::arrival.eq(new_session.pack()?),
        pending_sign_ins::expires_at.eq(until),
    );
    diesel::insert_into(pending_sign_ins::table).values(row).execute(tx.conn)?;
    Ok(secret)
}

/// The sign-in that a browser holds the secret of, if it can still be taken.
pub fn find(conn: &mut Conn, ring: &Keyring, secret: &str, now: NaiveDateTime) -> Result<Option<NewSession>> {
    let found: Option<String> = pending_sign_ins::table
        .find(ring.digest(PURPOSE, secret))
        .filter(pending_sign_ins::expires_at.gt(now))
        .select(pending_sign_ins::arrival)
        .first(conn)
        .optional()?;
    found.map(|packed| NewSession::unpack(conn, &packed)).transpose()
}

/// Whether a sign-in with this secret is still kept, and its time over.
pub fn is_over(conn: &mut Conn, ring: &Keyring, secret: &str, now: NaiveDateTime) -> Result<bool> {
    let mine = pending_sign_ins::table.find(ring.digest(PURPOSE, secret));
    let over: i64 = mine.filter(pending_sign_ins::expires_at.le(now)).count().get_result(conn)?;
    Ok(over > 0)
}

/// Takes the sign-in, which can be done once. Certificates and settings that it rests on are still in force: it is
/// deleted together with them.
pub(in crate::domain) fn take(tx: &mut Tx, secret: &str) -> Result<Option<NewSession>> {
    let found = find(tx.conn, tx.keys, secret, tx.now)?;
    // The sign-in that is held goes with its session.
    diesel::delete(session_table::table.find(tx.keys.digest(PURPOSE, secret))).execute(tx.conn)?;
    Ok(found.filter(|new_session| new_session.user.active))
}
