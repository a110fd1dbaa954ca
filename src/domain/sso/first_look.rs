//! What was trusted before owners had to approve of it is kept, and an owner is asked once to look at it.

use super::{SUBJECT, certificates, settings};
use crate::db::Conn;
use crate::domain::audit::{Action, Change};
use crate::domain::settings::{self as facts, names};
use crate::domain::users::User;
use crate::domain::users::recognition;
use crate::domain::{Noted, Tx};
use crate::error::{Error, Result};
use crate::seal::Keyring;

const PURPOSE: &str = "what an owner looks at";

/// What an owner is to review, beside the settings in force.
#[derive(Clone, Debug)]
pub struct Look {
    /// Everybody with a role.
    pub people: Vec<User>,
    /// A digest of what is shown, to be compared when the owner decides.
    pub shown: String,
}

/// Whether an owner's review is still due.
pub fn is_due(conn: &mut Conn) -> Result<bool> {
    Ok(facts::get(conn, names::LOOK_AT_TRUST)?.unwrap_or(false))
}

/// What an owner is to review, while that is due.
pub fn to_review(conn: &mut Conn, keys: &Keyring) -> Result<Option<Look>> {
    if !is_due(conn)? {
        return Ok(None);
    }
    let people = recognition::role_holders(conn)?;
    let shown = digest(conn, keys, &people)?;
    Ok(Some(Look { people, shown }))
}

fn digest(conn: &mut Conn, keys: &Keyring, people: &[User]) -> Result<String> {
    let recognised = people.iter().map(|user| (&user.id, user.role, user.recognised_by()));
    let certificates: Vec<(String, bool)> =
        certificates::list(conn)?.into_iter().map(|one| (one.fingerprint, one.kept_at_upgrade)).collect();
    let address = settings::is_metadata_address_approved(conn)?;
    let all = (recognised.collect::<Vec<_>>(), certificates, settings::read(conn)?.trust(), address);
    Ok(keys.digest(PURPOSE, &format!("{all:?}")))
}

/// An owner looked, and it stays as it is. That makes nothing good for more than it was: each certificate has an approval
/// of its own, and so has the address of the metadata, `address` being the owner's tick at it. `shown` is what the owner
/// looked at: refused if it is another by now. Nothing is shown to a script.
pub fn done(tx: &mut Tx, shown: Option<&str>, address: bool) -> Result<Noted<()>> {
    if !tx.actor.is_owner() {
        return Err(Error::Forbidden("Only an owner decides whom to trust.".to_owned()));
    }
    let Some(due) = to_review(tx.conn, tx.keys)? else {
        return Ok(Noted::unaudited((), "nothing changed"));
    };
    if shown.is_some_and(|shown| shown != due.shown) {
        let cause =
            "What is trusted was changed since this page was shown. Nothing was done: look at it again.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    facts::forget(tx, names::LOOK_AT_TRUST)?;
    if address {
        settings::approve_metadata_address(tx)?;
    }
    let looked = Change::set("what was trusted before owners approved of it", "looked at and kept");
    tx.note(Action::SsoChanged, SUBJECT, &[looked])
}
