//! Forms that were sent, so that one that is sent twice does what it does once.

use super::tx::Tx;
use crate::db::Conn;
use crate::db::schema::form_submissions as table;
use crate::domain::{Noted, in_words};
use crate::error::{Error, Result};
use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

const PURPOSE: &str = "form submission";
/// For so long whoever sends it once more is answered as before.
const ANSWERED: TimeDelta = TimeDelta::minutes(1);
/// For so long it is known that a form was sent.
const KEPT: TimeDelta = TimeDelta::days(1);
/// So many are forgotten by one transaction.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// A form that was sent, told from others by a digest of all that it was.
pub struct Submission(String);

impl Submission {
    /// The form that `sent` describes: by whom, where to, from which showing, and with what in it.
    #[must_use]
    pub fn of(keys: &Keyring, sent: &str) -> Self {
        Self(keys.digest(PURPOSE, sent))
    }

    /// What came of it, if it was sent just before.
    ///
    /// # Errors
    /// If it was sent longer ago: by now it may be otherwise again. If that cannot be read.
    pub fn earlier<T: DeserializeOwned>(&self, conn: &mut Conn, now: NaiveDateTime) -> Result<Option<T>> {
        let columns = (table::outcome, table::submitted_at);
        let sent: Option<(String, NaiveDateTime)> =
            table::table.find(&self.0).select(columns).first(conn).optional()?;
        let Some((outcome, at)) = sent else { return Ok(None) };
        if now - at > ANSWERED {
            return Err(Error::Conflict(format!(
                "This form was sent before, on {}, and it is not done once more by itself. Look at how it stands now; if \
                 you mean it, send it from here.",
                in_words(at)
            )));
        }
        serde_json::from_str(&outcome).map(Some).map_err(Error::internal)
    }
}

/// Keeps what came of a form.
///
/// # Errors
/// If it cannot be written.
pub fn keep(tx: &mut Tx, submission: &Submission, outcome: &impl Serialize) -> Result<Noted<()>> {
    let outcome = serde_json::to_string(outcome).map_err(Error::internal)?;
    diesel::insert_into(table::table)
        .values((table::id.eq(&submission.0), table::outcome.eq(outcome), table::submitted_at.eq(tx.now)))
        .execute(tx.conn)?;
    Ok(Noted::unaudited((), "the change that the form made leaves an entry of its own"))
}

/// Whether there are some to be forgotten.
///
/// # Errors
/// If it cannot be read.
pub fn is_untidy(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    let oldest: Option<NaiveDateTime> =
        table::table.order(table::submitted_at).select(table::submitted_at).first(conn).optional()?;
    Ok(oldest.is_some_and(|at| at < now - KEPT))
}

/// Forgets some that are old.
///
/// # Errors
/// If they cannot be deleted.
pub fn tidy(tx: &mut Tx) -> Result<Noted<()>> {
    let old = table::table.filter(table::submitted_at.lt(tx.now - KEPT));
    let ids: Vec<String> =
        old.order(table::submitted_at).limit(FORGOTTEN_AT_ONCE).select(table::id).load(tx.conn)?;
    diesel::delete(table::table.filter(table::id.eq_any(ids))).execute(tx.conn)?;
    Ok(Noted::unaudited((), "what came of a form changes nothing that anybody owns"))
}
