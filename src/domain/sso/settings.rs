//! What was entered about the identity provider, and how sign-ins are to be.
//!
//! Whom to trust and where browsers are sent decides who can sign in as whom. What an owner enters of that is in force.
//! What an administrator enters, or imports, or finds at an address that no owner approved of, waits: an owner is shown
//! it beside what is in force, and approves or rejects it. Until then it signs in nobody with a role, and no browser is
//! sent to an address that waits.

use super::checks::{checked, complete};
use super::remarks::remark;
use super::waiting::{drop_settled, wait};
use super::{ONLY, SUBJECT, certificates, policy};
use crate::address;
use crate::db::Conn;
use crate::db::schema::sso_settings;
use crate::domain::audit::{Action, Change};
use crate::domain::sessions::{self, Ending};
use crate::domain::{Noted, Tx};
use crate::error::{Error, Result};
use crate::saml::Rules;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub use super::waiting::{approve, entered, first_issuer, reject, waiting};

/// The settings of single sign-on.
#[expect(clippy::struct_excessive_bools, reason = "each is a box that an administrator ticks")]
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sso_settings, treat_none_as_null = true)]
pub struct Settings {
    /// Whether users sign in with Entra ID.
    pub enabled: bool,
    /// Where Entra ID takes sign-in requests.
    pub login_url: Option<String>,
    /// The name by which Entra ID signs ("Microsoft Entra Identifier").
    pub issuer: Option<String>,
    /// Where Entra ID takes sign-out requests; without it, signing out here leaves Microsoft's apps alone.
    pub logout_url: Option<String>,
    /// The claim that holds the user name; without it, the `NameID` does.
    pub match_claim: Option<String>,
    /// Whether a person without an account gets one at the first sign-in.
    pub create_users: bool,
    /// Whether sign-ins may begin at Entra ID, in My Apps.
    pub allow_unsolicited: bool,
    /// Whether our requests are signed.
    pub sign_requests: bool,
    /// Whether the response as a whole must be signed, not only the assertion.
    pub require_signed_response: bool,
    /// Whether the assertion must be encrypted.
    pub require_encryption: bool,
    /// Whether SHA-1 is taken in signatures.
    pub allow_sha1: bool,
    /// By how many seconds the two clocks may differ.
    pub skew_s: i32,
    /// Where Entra ID publishes its metadata.
    pub metadata_url: Option<String>,
    /// Whether it is read again every day.
    pub refresh_metadata: bool,
}

/// Whom to trust, and where browsers are sent: what only an owner puts in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Where Entra ID takes sign-in requests.
    pub login_url: Option<String>,
    /// The name by which Entra ID signs.
    pub issuer: Option<String>,
    /// Where Entra ID takes sign-out requests.
    pub logout_url: Option<String>,
    /// Whether SHA-1 is taken in signatures.
    pub allow_sha1: bool,
    /// Where Entra ID publishes its metadata.
    pub metadata_url: Option<String>,
    /// Whether it is read again every day.
    pub refresh_metadata: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: false,
            login_url: None,
            issuer: None,
            logout_url: None,
            match_claim: None,
            create_users: false,
            allow_unsolicited: true,
            sign_requests: false,
            require_signed_response: false,
            require_encryption: false,
            allow_sha1: false,
            skew_s: 180,
            metadata_url: None,
            refresh_metadata: false,
        }
    }
}

impl Settings {
    /// Whom they trust, and where they send browsers.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust {
            login_url: self.login_url.clone(),
            issuer: self.issuer.clone(),
            logout_url: self.logout_url.clone(),
            allow_sha1: self.allow_sha1,
            metadata_url: self.metadata_url.clone(),
            refresh_metadata: self.refresh_metadata,
        }
    }

    /// The same settings with another trust.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        let Trust { login_url, issuer, logout_url, allow_sha1, metadata_url, refresh_metadata } = trust;
        Self { login_url, issuer, logout_url, allow_sha1, metadata_url, refresh_metadata, ..self }
    }

    /// With the addresses as browsers read them. The issuer stays as it is: it is a name, compared letter by letter (SAML
    /// core section 8.3.6).
    pub(super) fn with_addresses_as_read(self) -> Self {
        let read = |address: Option<String>| address.map(|address| address::as_read(&address));
        Self {
            login_url: read(self.login_url),
            logout_url: read(self.logout_url),
            metadata_url: read(self.metadata_url),
            ..self
        }
    }

    /// What is to be known of addresses that may look like others: which of them, and what.
    #[must_use]
    pub fn remarks(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("login URL", &self.login_url),
            ("issuer", &self.issuer),
            ("logout URL", &self.logout_url),
            ("metadata URL", &self.metadata_url),
        ];
        let told = |address: &Option<String>| remark(address.as_deref()?);
        all.into_iter().filter_map(|(what, address)| Some((what, told(address)?))).collect()
    }

    /// What responses are held against.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            allow_sha1: self.allow_sha1,
            require_signed_response: self.require_signed_response,
            require_encryption: self.require_encryption,
            allow_unsolicited: self.allow_unsolicited,
            skew: TimeDelta::seconds(self.skew_s.into()),
        }
    }
}

/// The settings in force; empty and off before the first time.
pub fn read(conn: &mut Conn) -> Result<Settings> {
    let stored = sso_settings::table.find(ONLY).select(Settings::as_select()).first(conn).optional()?;
    Ok(stored.unwrap_or_default().with_addresses_as_read())
}

/// The addresses of the identity provider to which browsers are sent, as they are stored, while single sign-on is on;
/// `even_if_off` asks for those of a test. Whoever writes one out looks whether it fits there.
pub fn browsers_lead_to(conn: &mut Conn, even_if_off: bool) -> Result<Vec<String>> {
    let columns = (sso_settings::enabled, sso_settings::login_url, sso_settings::logout_url);
    let stored: Option<(bool, Option<String>, Option<String>)> =
        sso_settings::table.find(ONLY).select(columns).first(conn).optional()?;
    let (enabled, login, logout) = stored.unwrap_or_default();
    let mut addresses: Vec<String> = [login, logout].into_iter().flatten().collect();
    addresses.retain(|_| enabled || even_if_off);
    Ok(addresses)
}

/// Since when whom to trust is what it is; none before the first time.
pub fn trusted_since(conn: &mut Conn) -> Result<Option<NaiveDateTime>> {
    let since = sso_settings::table.find(ONLY).select(sso_settings::trusted_since);
    Ok(since.first::<Option<NaiveDateTime>>(conn).optional()?.flatten())
}

/// Keeps what was entered: in force, or, where it says whom to trust and no owner entered it, waiting for one. Refused
/// while something that single sign-on needs is missing and it is switched on.
pub fn save(tx: &mut Tx, wish: &Settings) -> Result<Noted<Settings>> {
    let approved = tx.actor.is_owner();
    put(tx, wish, approved)
}

/// As [`save`]; `approved` tells whether an owner stands behind what it says of whom to trust. Every way in ends here.
pub(super) fn put(tx: &mut Tx, wish: &Settings, approved: bool) -> Result<Noted<Settings>> {
    let wish = checked(wish)?;
    let before = read(tx.conn)?;
    if wish.match_claim != before.match_claim && !approved {
        let cause = "Which claim names the user decides who signs in as whom: only an owner may change it.";
        return Err(Error::Forbidden(cause.to_owned()));
    }
    let shown = if approved { before.clone() } else { entered(tx.conn, false)? };
    complete(tx.conn, &shown, &wish)?;
    if approved {
        return Ok(put_in_force(tx, &before, &wish)?.with(wish));
    }
    put_in_force(tx, &before, &wish.clone().trusting(before.trust()))?;
    Ok(wait(tx, &before, &wish)?.with(wish))
}

pub(super) fn put_in_force(tx: &mut Tx, before: &Settings, wish: &Settings) -> Result<Noted<()>> {
    let mut changes = changes(before, wish);
    if before == wish {
        return Ok(Noted::unaudited((), "nothing changed"));
    }
    store(tx, wish)?;
    drop_settled(tx)?;
    let whom = |one: &Settings| (one.issuer.clone(), one.login_url.clone(), one.match_claim.clone());
    if whom(before) != whom(wish) {
        trust_changed(tx)?;
    }
    if before.metadata_url != wish.metadata_url {
        // Only what an owner stands behind comes this far.
        diesel::update(sso_settings::table.find(ONLY))
            .set(sso_settings::metadata_approved.eq(wish.metadata_url.is_some()))
            .execute(tx.conn)?;
        changes.extend(wish.metadata_url.is_some().then(|| Change::set("metadata URL", "approved")));
    }
    let noted = tx.note(Action::SsoChanged, SUBJECT, &changes)?;
    if before.enabled && !wish.enabled {
        policy::lift(tx)?;
    }
    let mut another = before.match_claim != wish.match_claim;
    if let Some(former) = before.issuer.as_deref().filter(|_| before.issuer != wish.issuer) {
        certificates::mark_former(tx, former, wish.issuer.as_deref())?;
        another = true;
    }
    if (before.enabled && !wish.enabled) || another {
        sessions::end_those(tx, &Ending::FromSso)?;
    }
    if before.allow_sha1 && !wish.allow_sha1 {
        sessions::end_those(tx, &Ending::BySha1)?;
    }
    if before.allow_unsolicited && !wish.allow_unsolicited {
        sessions::end_those(tx, &Ending::Unsolicited)?;
    }
    Ok(noted)
}

/// Switches single sign-on on or off.
pub fn switch(tx: &mut Tx, enabled: bool) -> Result<Noted<Settings>> {
    let is_owner = tx.actor.is_owner();
    let wish = Settings { enabled, ..entered(tx.conn, is_owner)? };
    save(tx, &wish)
}

/// Records that an owner approves of the address from which the metadata is read every day.
pub(super) fn approve_metadata_address(tx: &mut Tx) -> Result<Noted<()>> {
    let address = sso_settings::table.find(ONLY).filter(sso_settings::metadata_url.is_not_null());
    let approved = diesel::update(address.filter(sso_settings::metadata_approved.eq(false)))
        .set(sso_settings::metadata_approved.eq(true))
        .execute(tx.conn)?;
    if approved == 0 {
        return Ok(Noted::unaudited((), "an owner had approved of it already, or there is none"));
    }
    let change = Change::set("metadata URL", "approved");
    tx.note(Action::SsoChanged, SUBJECT, &[change])
}

/// Whether an owner approved of the address from which the metadata is read every day.
pub fn is_metadata_address_approved(conn: &mut Conn) -> Result<bool> {
    let approved = sso_settings::table.find(ONLY).select(sso_settings::metadata_approved);
    Ok(approved.first(conn).optional()?.unwrap_or(false))
}

fn store(tx: &mut Tx, wish: &Settings) -> Result<()> {
    let values = (wish, sso_settings::updated_at.eq(tx.now));
    if diesel::update(sso_settings::table.find(ONLY)).set(values).execute(tx.conn)? == 0 {
        diesel::insert_into(sso_settings::table)
            .values((sso_settings::id.eq(ONLY), values))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Notes that whom to trust is no longer what it was: sign-ins that worked before prove nothing now.
pub(super) fn trust_changed(tx: &mut Tx) -> Result<()> {
    let now = Some(tx.now);
    if diesel::update(sso_settings::table.find(ONLY))
        .set(sso_settings::trusted_since.eq(now))
        .execute(tx.conn)?
        == 0
    {
        store(tx, &Settings::default())?;
        diesel::update(sso_settings::table.find(ONLY))
            .set(sso_settings::trusted_since.eq(now))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// What differs, in plain words.
#[must_use]
pub fn changes(before: &Settings, after: &Settings) -> Vec<Change> {
    let flag = |name, pick: fn(&Settings) -> bool| {
        Change::of(name, Some(on_off(pick(before))), Some(on_off(pick(after))))
    };
    let text = |name, pick: fn(&Settings) -> &Option<String>| {
        let [before, after] = [pick(before), pick(after)];
        let [read, read_after] = [before, after].map(|one| one.as_deref().map(address::as_read));
        // Two names that are read alike are two names.
        let is_told = read != read_after || before == after;
        let [read, read_after] = if is_told { [read, read_after] } else { [before.clone(), after.clone()] };
        Change::of(name, read.as_deref(), read_after.as_deref())
    };
    let skew = [before, after].map(|one| format!("{} seconds", one.skew_s));
    [
        flag("single sign-on", |one| one.enabled),
        text("login URL", |one| &one.login_url),
        text("issuer", |one| &one.issuer),
        text("logout URL", |one| &one.logout_url),
        Change::of("claim that names the user", before.match_claim.as_deref(), after.match_claim.as_deref()),
        flag("accounts made at the first sign-in", |one| one.create_users),
        flag("sign-in from My Apps", |one| one.allow_unsolicited),
        flag("signed requests", |one| one.sign_requests),
        flag("signed responses required", |one| one.require_signed_response),
        flag("encrypted assertions required", |one| one.require_encryption),
        flag("SHA-1 in signatures", |one| one.allow_sha1),
        Change::of("difference of clocks allowed", Some(&skew[0]), Some(&skew[1])),
        text("metadata URL", |one| &one.metadata_url),
        flag("daily reading of metadata", |one| one.refresh_metadata),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn on_off(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}
