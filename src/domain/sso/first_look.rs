//! What was trusted before owners had to approve of it is kept, and an owner is asked once to look at it.

use super::{SUBJECT, settings};
use crate::db::Conn;
use crate::domain::Tx;
use crate::domain::audit::{self, Action, Change};
use crate::domain::settings::{self as facts, names};
use crate::error::{Error, Result};

/// Whether an owner is yet to look.
pub fn is_due(conn: &mut Conn) -> Result<bool> {
    Ok(facts::get(conn, names::LOOK_AT_TRUST)?.unwrap_or(false))
}

/// An owner looked, and stands behind it.
pub fn done(tx: &mut Tx) -> Result<()> {
    if !tx.actor.is_owner() {
        return Err(Error::Forbidden("Only an owner decides whom to trust.".to_owned()));
    }
    if !is_due(tx.conn)? {
        return Ok(());
    }
    facts::forget(tx, names::LOOK_AT_TRUST)?;
    settings::approve_metadata_address(tx)?;
    let looked = Change::set("what was trusted before owners approved of it", "looked at and kept");
    audit::note(tx, Action::SsoChanged, SUBJECT, &[looked])
}
