//! What is remembered of backups: when a copy was made, and that it was put in the place of what was there.

use super::admins::links;
use super::audit::{Action, Change, Kind, Subject};
use super::settings::{self, names};
use super::{Noted, Tx, in_words, sessions};
use crate::db::Conn;
use crate::db::schema::audit_events;
use crate::error::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// A backup that was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// When it had been made, in UTC: what happened later is not in it.
    pub made_at: NaiveDateTime,
    /// When it was put back, in UTC.
    pub at: NaiveDateTime,
}

/// The setting by which a copy that is made now knows so: its name and its value.
pub fn stamp(now: NaiveDateTime) -> Result<(&'static str, String)> {
    Ok((names::BACKED_UP, serde_json::to_string(&now).map_err(Error::internal)?))
}

/// The backup that was put back last, if one ever was.
pub fn put_back(conn: &mut Conn) -> Result<Option<PutBack>> {
    settings::get(conn, names::RESTORED)
}

/// Notes that this database is a backup that is in use from now on. Whatever ended since it was made is in it as it was,
/// so sessions and one-time links end; answers when it was made.
pub fn note_put_back(tx: &mut Tx) -> Result<Noted<NaiveDateTime>> {
    let made_at = match settings::get(tx.conn, names::BACKED_UP)? {
        Some(at) => at,
        // A copy that was made by other means was made after the last thing that it knows of.
        None => last_change(tx.conn)?.unwrap_or(tx.now),
    };
    let (ended, void) = (sessions::end_all(tx)?, links::end_all(tx)?);
    settings::forget(tx, names::BACKED_UP)?;
    settings::put(tx, names::RESTORED, &PutBack { made_at, at: tx.now })?;
    let name = settings::organisation(tx.conn)?;
    let subject = Subject { kind: Kind::Organisation, id: "organisation", name: &name };
    let changes = [
        Change::set("made at", in_words(made_at)),
        Change::set("sessions ended", ended.to_string()),
        Change::set("one-time links made void", void.to_string()),
    ];
    let noted = tx.note(Action::Restored, subject, &changes)?;
    Ok(noted.with(made_at))
}

fn last_change(conn: &mut Conn) -> Result<Option<NaiveDateTime>> {
    let last = audit_events::table.order(audit_events::id.desc()).select(audit_events::at);
    Ok(last.first(conn).optional()?)
}
