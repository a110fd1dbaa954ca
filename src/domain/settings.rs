//! Small facts about the organisation and how it set things up, by name.

use super::{Noted, Tx};
use crate::db::Conn;
use crate::db::schema::settings;
use crate::error::{Error, Result};
use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

const OWN: &str = "the program keeps it for itself";

/// The name of each setting, in one place.
pub mod names {
    /// The organisation's name, as the owner wrote it.
    pub const ORGANISATION: &str = "organisation";
    /// A digest of the secret in the set-up link, while nobody owns the instance.
    pub const SET_UP: &str = "set_up";
    /// How provisioning is switched: see `switch` in `domain::identity`.
    pub const PROVISIONING: &str = "provisioning";
    /// Whose assertions are accepted in place of a secret: see `domain::identity`.
    pub const FEDERATION: &str = "federation";
    /// When many departures at once are held back: see `domain::deprovisioning_guard`.
    pub const GUARD: &str = "guard";
    /// For how many days each log is kept: see `domain::retention`.
    pub const LOG_DAYS: &str = "log_days";
    /// When the clock was last looked at before lines of the logs were deleted: see `domain::retention`.
    pub const LOG_CLOCK: &str = "log_clock";
    /// Since when the clock shows an earlier time than what is written: see `domain::ahead`.
    pub const CLOCK_DOUBT: &str = "clock_doubt";
    /// Up to when the audit log has nothing but tombstones: see `domain::retention`.
    pub const TOMBSTONES_UP_TO: &str = "tombstones_up_to";
    /// A sealed word that tells whether the key file belongs to this database.
    pub const KEY_CHECK: &str = "key_check";
    /// Whether an owner is yet to look, once, at what was trusted before owners had to approve of it.
    pub const LOOK_AT_TRUST: &str = "look_at_trust";
    /// Which version of the program used the database last: one that is too old for it names that one.
    pub const USED_BY: &str = crate::db::versions::USED_BY;
    /// Which database file is being served; forgotten when the server ends as it should.
    pub const SERVED: &str = crate::db::SERVED;
    /// When the copy was made that this database is, until it is put in the place of another.
    pub const BACKED_UP: &str = "backed_up";
    /// Which backup was put back last, and when: see `domain::backups`.
    pub const RESTORED: &str = "restored";
    pub(super) const TOUCHED: &str = "touched";
}

/// The value of a setting, if it was ever set.
pub fn get<T: DeserializeOwned>(conn: &mut Conn, name: &str) -> Result<Option<T>> {
    let text: Option<String> = settings::table.find(name).select(settings::value).first(conn).optional()?;
    let damaged = |cause| {
        let remedy = "Whoever runs the server can put the last good backup in place.";
        Error::damaged(&format!("The setting “{name}”"), remedy, cause)
    };
    text.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()
}

/// Sets or replaces a value.
pub(in crate::domain) fn put<T: Serialize>(tx: &mut Tx, name: &str, value: &T) -> Result<()> {
    let value = serde_json::to_string(value).map_err(Error::internal)?;
    let row = (settings::value.eq(&value), settings::updated_at.eq(tx.now));
    if diesel::update(settings::table.find(name)).set(row).execute(tx.conn)? == 0 {
        diesel::insert_into(settings::table).values((settings::name.eq(name), row)).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets a setting.
pub(in crate::domain) fn forget(tx: &mut Tx, name: &str) -> Result<()> {
    diesel::delete(settings::table.find(name)).execute(tx.conn)?;
    Ok(())
}

/// The organisation's name; before set-up, the product's.
pub fn organisation(conn: &mut Conn) -> Result<String> {
    Ok(get(conn, names::ORGANISATION)?.unwrap_or_else(|| "Rollcall".to_owned()))
}

/// Sets a fact that the program keeps for itself, such as which key and which version it was used with.
pub fn put_own<T: Serialize>(tx: &mut Tx, name: &str, value: &T) -> Result<Noted<()>> {
    put(tx, name, value)?;
    Ok(Noted::unaudited((), OWN))
}

/// Takes back a fact that the program keeps for itself.
pub fn forget_own(tx: &mut Tx, name: &str) -> Result<Noted<()>> {
    forget(tx, name)?;
    Ok(Noted::unaudited((), OWN))
}

/// Writes something of no meaning: proof that the database can be written.
pub fn touch(tx: &mut Tx) -> Result<Noted<()>> {
    put(tx, names::TOUCHED, &super::rfc3339(tx.now))?;
    Ok(Noted::unaudited((), "it only tries whether the database can be written"))
}
