//! Our own keys: requests are signed with the active one, and assertions may be encrypted for any of them.
//!
//! A new key is first published beside the old one; once Entra ID has its certificate it takes over, and the old one
//! opens what is still encrypted for it until it is removed.

use super::certificates::DAMAGED;
use super::{Here, SUBJECT, settings};
use crate::certificate::{self, Certificate};
use crate::db::Conn;
use crate::db::schema::sp_keys;
use crate::domain::audit::{Action, Change};
use crate::domain::text_enum::text_enum;
use crate::domain::{Actor, Noted, Org, Tx, new_id};
use crate::error::{Error, Result};
use crate::saml::key_pair::KeyPair;
use crate::saml::metadata::ServiceProvider;
use crate::seal::Keyring;
use crate::secret::Secret;
use crate::threads::assert_may_take_long;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use url::Url;

const PURPOSE: &str = "service provider key";

text_enum! {
    /// What a key is for now.
    #[derive(PartialOrd, Ord)]
    pub enum State {
        /// It signs, and opens.
        Active = "active",
        /// It opens, and takes over when it is told to.
        Next = "next",
        /// It still opens.
        Old = "old",
    }
}

/// One of our keys.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sp_keys)]
pub struct Key {
    /// Its key in the store.
    pub id: String,
    sealed_key: Secret,
    /// The certificate, in Base64 of its DER form.
    pub der: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// What it is for now.
    pub state: State,
    /// When its certificate stops being valid, in UTC.
    pub not_after: NaiveDateTime,
    created_at: NaiveDateTime,
}

impl Key {
    /// The key as it signs and opens.
    ///
    /// # Errors
    /// If what is stored cannot be opened.
    pub fn pair(&self, keys: &Keyring) -> Result<KeyPair> {
        let opened = keys.open_sealed(PURPOSE, self.sealed_key.expose());
        let private_key = opened.map(Secret::new).ok_or_else(|| {
            let what = format!("Our own key to the certificate {}", self.fingerprint);
            let remedy = "Make a new certificate under Identity Management, Single sign-on, let it take over, and remove \
                          this one.";
            Error::damaged(&what, remedy, "it does not open with the key file")
        })?;
        Ok(KeyPair { private_key, certificate: self.pem() })
    }

    /// Its SHA-1 thumbprint, as Entra ID's pages show it.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        BASE64.decode(&self.der).map_or_else(|_| DAMAGED.to_owned(), |der| certificate::thumbprint(&der))
    }

    /// Both forms in which people compare its certificate.
    #[must_use]
    pub fn prints(&self) -> String {
        certificate::prints(&self.thumbprint(), &self.fingerprint)
    }

    /// The certificate in PEM, as Entra ID takes it.
    #[must_use]
    pub fn pem(&self) -> String {
        let lines: Vec<&str> = self
            .der
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap_or_default())
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

/// Our keys, the active one first; the first is made if there is none. That takes a moment: not where readers or writers
/// wait, and one at a time.
pub fn own(org: &Org, here: &Here) -> Result<Vec<Key>> {
    if org.read(list)?.is_empty() {
        let key = prepare(here, org.now())?;
        org.write(&Actor::Rollcall, move |tx| add_first(tx, key))?;
    }
    org.read(list)
}

/// A new key of ours, made and yet to be kept.
pub struct Prepared {
    private_key: Secret,
    certificate: Certificate,
}

/// Makes a key. That takes a moment: not where writers wait. [`add`] keeps it.
pub fn prepare(here: &Here, now: NaiveDateTime) -> Result<Prepared> {
    assert_may_take_long();
    let host = Url::parse(&here.entity_id).ok().and_then(|url| url.host_str().map(str::to_owned));
    let name = format!("Rollcall on {}", host.unwrap_or_default());
    let pair = KeyPair::generate(&name, now).map_err(Error::internal)?;
    let read = certificate::read(pair.certificate.as_bytes()).map_err(Error::internal)?;
    let certificate = read.into_iter().next().ok_or_else(|| Error::internal("a key without certificate"))?;
    Ok(Prepared { private_key: pair.private_key, certificate })
}

/// Our metadata, with all our certificates.
pub fn describe(conn: &mut Conn, here: &Here) -> Result<String> {
    let certificates: Vec<String> = list(conn)?.into_iter().map(|key| key.der).collect();
    let ours = ServiceProvider {
        entity_id: &here.entity_id,
        consumer: &here.consumer,
        logout: &here.logout,
        signs_requests: settings::read(conn)?.sign_requests,
        certificates: &certificates,
    };
    Ok(ours.to_xml())
}

/// Our keys, the active one first.
pub fn list(conn: &mut Conn) -> Result<Vec<Key>> {
    let mut all: Vec<Key> = sp_keys::table.select(Key::as_select()).order(sp_keys::id).load(conn)?;
    all.sort_by_key(|key| key.state);
    Ok(all)
}

/// The key that signs; none before the first is made.
pub fn active(conn: &mut Conn) -> Result<Option<Key>> {
    let active = sp_keys::table.filter(sp_keys::state.eq(State::Active));
    Ok(active.select(Key::as_select()).first(conn).optional()?)
}

/// Our keys as they sign and open, the active one first.
pub fn pairs(conn: &mut Conn, keys: &Keyring) -> Result<Vec<KeyPair>> {
    list(conn)?.iter().map(|key| key.pair(keys)).collect()
}

/// Keeps a new key: it is the active one if there is none yet, else the next.
pub fn add(tx: &mut Tx, prepared: Prepared) -> Result<Noted<Key>> {
    let all = list(tx.conn)?;
    if all.iter().any(|key| key.state == State::Next) {
        let cause = "A new certificate is waiting already. Use it, or remove it first.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    let state = if all.is_empty() { State::Active } else { State::Next };
    let Prepared { private_key, certificate } = prepared;
    let key = Key {
        id: new_id(),
        sealed_key: Secret::new(tx.keys.seal(PURPOSE, private_key.expose())),
        der: certificate.der,
        fingerprint: certificate.fingerprint,
        state,
        not_after: certificate.not_after,
        created_at: tx.now,
    };
    diesel::insert_into(sp_keys::table).values(&key).execute(tx.conn)?;
    let noted = tx.note(Action::SsoChanged, SUBJECT, &[Change::set("own certificate", key.prints())])?;
    Ok(noted.with(key))
}

/// Keeps the very first key, unless somebody was faster.
fn add_first(tx: &mut Tx, prepared: Prepared) -> Result<Noted<()>> {
    if list(tx.conn)?.is_empty() {
        return Ok(add(tx, prepared)?.map(drop));
    }
    Ok(Noted::unaudited((), "there is one already"))
}

/// Lets the next key take over.
pub fn activate(tx: &mut Tx, id: &str) -> Result<Noted<Key>> {
    let key = find(tx.conn, id)?;
    if key.state != State::Next {
        return Err(Error::Conflict("This certificate is in use already, or has been.".to_owned()));
    }
    let active = sp_keys::table.filter(sp_keys::state.eq(State::Active));
    diesel::update(active).set(sp_keys::state.eq(State::Old)).execute(tx.conn)?;
    diesel::update(sp_keys::table.find(id)).set(sp_keys::state.eq(State::Active)).execute(tx.conn)?;
    let noted =
        tx.note(Action::SsoChanged, SUBJECT, &[Change::set("own certificate in use", key.prints())])?;
    Ok(noted.with(key))
}

/// Forgets a key that is not the active one.
pub fn remove(tx: &mut Tx, id: &str) -> Result<Noted<Key>> {
    let key = find(tx.conn, id)?;
    if key.state == State::Active {
        let cause = "This certificate is in use. Make a new one and use that first.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    diesel::delete(sp_keys::table.find(id)).execute(tx.conn)?;
    let change = Change::of("own certificate", Some(&key.prints()), None);
    let noted = tx.note(Action::SsoChanged, SUBJECT, change.as_slice())?;
    Ok(noted.with(key))
}

fn find(conn: &mut Conn, id: &str) -> Result<Key> {
    let found = sp_keys::table.find(id).select(Key::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("certificate"))
}
