//! All of Entra ID's values from its federation metadata, once or again every day.
//!
//! Microsoft asks applications to read the metadata daily and to trust a new certificate before it signs:
//! <https://learn.microsoft.com/entra/identity/enterprise-apps/app-gallery-sso-requirements>.

use super::ONLY;
use super::certificates::{self, Added, By};
use super::settings::{self, Settings};
use crate::address;
use crate::certificate::{self, Certificate};
use crate::db::Conn;
use crate::db::schema::sso_settings;
use crate::domain::{Noted, Tx};
use crate::error::{Error, Result};
use crate::fetch::{self, Failure, Limits};
use crate::saml;
use crate::threads::assert_may_take_long;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::time::Duration;
use url::Url;

/// How long the metadata is good without being read again.
const DAILY: TimeDelta = TimeDelta::hours(24);
/// How soon a failed reading is tried again.
const RETRY: TimeDelta = TimeDelta::hours(1);
/// The largest metadata.
pub use crate::saml::metadata::LARGEST;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(15), most: LARGEST };

/// What an import brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The identity provider.
    pub issuer: String,
    /// How many certificates are new.
    pub added: usize,
    /// How many were known and waited for an owner, and are approved now.
    pub approved: usize,
    /// How many were removed here before, and so wait for an owner's approval.
    pub removed_before: usize,
    /// How many were left out because they had expired.
    pub expired: usize,
    /// Why others were left out, one sentence each.
    pub useless: Vec<String>,
}

/// Metadata that was read. That takes a moment, so it is done before anything is written.
#[derive(Clone, Debug)]
pub struct Document {
    found: saml::metadata::IdentityProvider,
    certificates: Vec<Certificate>,
    useless: Vec<String>,
}

impl Document {
    /// Reads the bytes of a file.
    pub fn of_file(file: &[u8]) -> Result<Self> {
        Self::of(saml::metadata::read(file))
    }

    /// Reads a text that was pasted.
    pub fn of_text(text: &str) -> Result<Self> {
        Self::of(saml::metadata::read_text(text))
    }

    fn of(read: Result<saml::metadata::IdentityProvider, saml::metadata::NotMetadata>) -> Result<Self> {
        assert_may_take_long();
        let found = read.map_err(|fault| refuse(fault.to_string()))?;
        let (mut certificates, mut useless) = (Vec::new(), Vec::new());
        for chain in &found.certificates {
            let mut read = Vec::new();
            for text in chain {
                match certificate::read(text.as_bytes()) {
                    Ok(some) => read.extend(some),
                    // Others may be among them that are of use: an identity provider may sign for others in another way.
                    Err(fault @ (certificate::Fault::NotRsa | certificate::Fault::ShortKey(_))) => {
                        useless.push(fault.to_string());
                    }
                    Err(fault) => return Err(refuse(fault.to_string())),
                }
            }
            let (signer, others) = certificate::signer(read);
            if let Some(one) = signer
                && !certificates.contains(&one)
            {
                certificates.push(one);
            }
            let beside = "it stands beside a signing certificate as its issuer, and signs nothing itself";
            useless.extend(others.iter().map(|one| format!("{}: {beside}.", one.subject)));
        }
        match useless.first().filter(|_| certificates.is_empty()) {
            Some(fault) => Err(refuse(fault.clone())),
            None => Ok(Self { found, certificates, useless }),
        }
    }

    /// The certificates that can be used, and how many have expired.
    fn usable(&self, now: NaiveDateTime) -> Result<(Vec<Certificate>, usize)> {
        let usable: Vec<Certificate> =
            self.certificates.iter().filter(|one| one.not_after > now).cloned().collect();
        if usable.is_empty() {
            let text = "Every certificate in this metadata has expired. Create a new one in Entra ID, under SAML \
                        certificates, and make it active.";
            return Err(refuse(text.to_owned()));
        }
        let expired = self.certificates.len() - usable.len();
        Ok((usable, expired))
    }
}

fn refuse(text: String) -> Error {
    Error::invalid("metadata", text)
}

/// How the daily reading is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sso_settings)]
pub struct Reading {
    /// When it last worked, in UTC.
    #[diesel(column_name = metadata_read_at)]
    pub read_at: Option<NaiveDateTime>,
    /// When it was last tried, in UTC.
    #[diesel(column_name = metadata_tried_at)]
    pub tried_at: Option<NaiveDateTime>,
    /// What went wrong then.
    #[diesel(column_name = metadata_fault)]
    pub fault: Option<String>,
}

/// Takes over what a document says; where no owner imports it, whom to trust waits for one.
pub fn take(tx: &mut Tx, document: Document) -> Result<Noted<Imported>> {
    let (usable, expired) = document.usable(tx.now)?;
    let Document { found, useless, .. } = document;
    let approved = tx.actor.is_owner();
    let before = settings::entered(tx.conn, approved)?;
    let wish = Settings {
        issuer: Some(found.entity_id.clone()),
        login_url: found.login_url.or(before.login_url.clone()),
        logout_url: found.logout_url,
        ..before
    };
    // The issuer first: its certificates are none of a former one's.
    settings::save(tx, &wish)?;
    let Added { new: added, approved, removed_before, .. } =
        certificates::trust_all(tx, usable, approved, By::Listing)?;
    Ok(Noted::unaudited(
        Imported { issuer: found.entity_id, added, approved, removed_before, expired, useless },
        "the settings and each certificate have entries of their own",
    ))
}

/// Takes over what was fetched from `url`, and remembers the address.
pub fn take_from(tx: &mut Tx, url: &Url, document: Document, refresh: bool) -> Result<Noted<Imported>> {
    let imported = take(tx, document)?;
    let approved = tx.actor.is_owner();
    let wish = Settings {
        metadata_url: Some(url.to_string()),
        refresh_metadata: refresh,
        ..settings::entered(tx.conn, approved)?
    };
    settings::save(tx, &wish)?;
    if approved {
        settings::approve_metadata_address(tx)?;
    }
    note_reading(tx, None)?;
    Ok(imported)
}

/// Fetches the document at `url`; addresses of private networks only if the operator allows them.
pub async fn fetch(url: &Url, allow_private: bool) -> Result<Vec<u8>> {
    fetch::get_public(url, LIMITS, allow_private).await.map_err(|failure| describe(&failure))
}

fn describe(failure: &Failure) -> Error {
    let text = match failure {
        Failure::Address => "Enter an https address, such as Entra ID's “App Federation Metadata Url”.".to_owned(),
        Failure::Private => "This address leads into a private network, which is not fetched from. If the identity \
                             provider is in yours, the operator can allow it (metadata_from_private_networks)."
            .to_owned(),
        Failure::Status(300..=399) => "The address leads on to another one. Enter the address that it leads to.".to_owned(),
        other => format!("The metadata could not be fetched: {other}. Try again, or upload the file instead."),
    };
    Error::invalid("metadata_url", text)
}

/// What is read every day: an address, and whether an owner stands behind it. What is fetched from there is worth as much
/// as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    address: String,
    approved: bool,
}

impl Source {
    /// The source of the daily reading as it is set now.
    fn current(conn: &mut Conn) -> Result<Option<Self>> {
        let (settings, approved) = read_daily(conn)?;
        let address = settings.metadata_url.filter(|_| settings.refresh_metadata);
        Ok(address.map(|address| Self { address, approved }))
    }

    /// Where it is.
    ///
    /// # Errors
    /// Where what is stored is no address: the next reading tells of it.
    pub fn url(&self) -> Result<Url> {
        let text = "The metadata URL that is stored is no address. Enter it again.";
        Url::parse(&self.address).map_err(|_| Error::invalid("metadata_url", text))
    }
}

/// What to read again now, if it is time.
pub fn due(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<Source>> {
    let reading = reading(conn)?;
    let fresh = reading.read_at.is_some_and(|at| now - at < DAILY);
    let tried = reading.tried_at.is_some_and(|at| now - at < RETRY);
    if fresh || tried { Ok(None) } else { Source::current(conn) }
}

/// The settings whose address is read every day, and whether an owner stands behind it: those in force, else those that
/// wait for an owner.
fn read_daily(conn: &mut Conn) -> Result<(Settings, bool)> {
    let in_force = settings::read(conn)?;
    if in_force.refresh_metadata && in_force.metadata_url.is_some() {
        let approved = settings::is_metadata_address_approved(conn)?;
        return Ok((in_force, approved));
    }
    Ok((settings::waiting(conn)?.unwrap_or(in_force), false))
}

/// How the daily reading is doing.
pub fn reading(conn: &mut Conn) -> Result<Reading> {
    let stored = sso_settings::table.find(ONLY).select(Reading::as_select()).first(conn).optional()?;
    Ok(stored.unwrap_or_default())
}

/// Takes over what the daily reading brought: new certificates, and where Entra ID now is. Another issuer is refused:
/// that is a decision for a person. An answer is dropped if by the time that it is there another source is read, or the
/// same one is worth something else: that one is due by itself.
pub fn refresh(tx: &mut Tx, source: &Source, fetched: Result<Document>) -> Result<Noted<()>> {
    if Source::current(tx.conn)?.as_ref() != Some(source) {
        return Ok(Noted::unaudited((), "it is not the present source"));
    }
    let outcome = match fetched {
        Ok(document) => tx.nested(|tx| take_over(tx, document)),
        Err(cause) => Err(cause),
    };
    match outcome {
        Ok(()) => note_reading(tx, None)?,
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(refusal) => note_reading(tx, Some(refusal.to_string()))?,
    }
    Ok(Noted::unaudited(
        (),
        "what came with the metadata has entries of its own, and that it was read is no change",
    ))
}

fn take_over(tx: &mut Tx, document: Document) -> Result<()> {
    let (usable, _) = document.usable(tx.now)?;
    let found = document.found;
    let (source, approved) = read_daily(tx.conn)?;
    // What an address brings that no owner approved of is added to what waits for one.
    let before = if approved { source } else { settings::entered(tx.conn, false)? };
    if before.issuer.as_deref() != Some(found.entity_id.as_str()) {
        return Err(Error::Conflict(format!(
            "The metadata now names another issuer, {}. Nothing was taken over: import it by hand if that is right.",
            address::as_read(&found.entity_id)
        )));
    }
    certificates::trust_all(tx, usable, approved, By::Listing)?;
    // Whether sign-out reaches Entra ID is the administrator's choice: only its address follows.
    let logout_url = before.logout_url.clone().and(found.logout_url.or(before.logout_url.clone()));
    let wish =
        Settings { login_url: found.login_url.or(before.login_url.clone()), logout_url, ..before.clone() };
    settings::put(tx, &wish, approved)?;
    Ok(())
}

fn note_reading(tx: &mut Tx, fault: Option<String>) -> Result<()> {
    let read_at = fault.is_none().then_some(sso_settings::metadata_read_at.eq(Some(tx.now)));
    diesel::update(sso_settings::table.find(ONLY))
        .set((
            sso_settings::metadata_tried_at.eq(Some(tx.now)),
            sso_settings::metadata_fault.eq(fault),
            read_at,
        ))
        .execute(tx.conn)?;
    Ok(())
}
