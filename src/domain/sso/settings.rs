//! What the administrator entered about the identity provider, and how sign-ins are to be.

use super::{ONLY, SUBJECT, certificates, policy};
use crate::db::Conn;
use crate::db::schema::sso_settings;
use crate::domain::Tx;
use crate::domain::audit::{self, Action, Change};
use crate::error::{Complaint, Error, Result};
use crate::fetch;
use crate::saml::Rules;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use url::Url;

const LONGEST: usize = 2048;
/// Microsoft lets an application allow five minutes.
const LARGEST_SKEW_S: i32 = 300;

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

/// The settings; empty and off before the first time.
pub fn read(conn: &mut Conn) -> Result<Settings> {
    let stored = sso_settings::table.find(ONLY).select(Settings::as_select()).first(conn).optional()?;
    Ok(stored.unwrap_or_default())
}

/// The origins of the addresses to which browsers are sent: `https://login.microsoftonline.com`.
pub fn origins(conn: &mut Conn) -> Result<Vec<String>> {
    let columns = (sso_settings::login_url, sso_settings::logout_url);
    let stored: Option<(Option<String>, Option<String>)> =
        sso_settings::table.find(ONLY).select(columns).first(conn).optional()?;
    let (login, logout) = stored.unwrap_or_default();
    let origin = |url: String| Url::parse(&url).ok().map(|url| url.origin().ascii_serialization());
    let mut origins: Vec<String> = [login, logout].into_iter().flatten().filter_map(origin).collect();
    origins.dedup();
    Ok(origins)
}

/// Since when whom to trust is what it is; none before the first time.
pub fn trusted_since(conn: &mut Conn) -> Result<Option<NaiveDateTime>> {
    let since = sso_settings::table.find(ONLY).select(sso_settings::trusted_since);
    Ok(since.first::<Option<NaiveDateTime>>(conn).optional()?.flatten())
}

/// Keeps what was entered. Refused while something that single sign-on needs is missing and it is switched on.
pub fn save(tx: &mut Tx, wish: &Settings) -> Result<Settings> {
    let wish = checked(wish)?;
    let before = read(tx.conn)?;
    if wish.match_claim != before.match_claim && !tx.actor.is_owner() {
        let cause = "Which claim names the user decides who signs in as whom: only an owner may change it.";
        return Err(Error::Forbidden(cause.to_owned()));
    }
    if wish.enabled {
        complete(tx.conn, &wish)?;
    }
    let changes = changes(&before, &wish);
    if changes.is_empty() {
        return Ok(wish);
    }
    store(tx, &wish)?;
    let whom = |one: &Settings| (one.issuer.clone(), one.login_url.clone(), one.match_claim.clone());
    if whom(&before) != whom(&wish) {
        trust_changed(tx)?;
    }
    audit::note(tx, Action::SsoChanged, SUBJECT, &changes)?;
    if before.enabled && !wish.enabled {
        policy::lift(tx)?;
    }
    Ok(wish)
}

/// Switches single sign-on on or off.
pub fn switch(tx: &mut Tx, enabled: bool) -> Result<Settings> {
    let wish = Settings { enabled, ..read(tx.conn)? };
    save(tx, &wish)
}

/// Writes the settings, without a word about it.
pub(super) fn store(tx: &mut Tx, wish: &Settings) -> Result<()> {
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

pub(super) fn changes(before: &Settings, after: &Settings) -> Vec<Change> {
    let flag = |name, pick: fn(&Settings) -> bool| {
        Change::of(name, Some(on_off(pick(before))), Some(on_off(pick(after))))
    };
    let text = |name, pick: fn(&Settings) -> &Option<String>| {
        Change::of(name, pick(before).as_deref(), pick(after).as_deref())
    };
    let skew = [before, after].map(|one| format!("{} seconds", one.skew_s));
    [
        flag("switch", |one| one.enabled),
        text("login URL", |one| &one.login_url),
        text("issuer", |one| &one.issuer),
        text("logout URL", |one| &one.logout_url),
        text("claim that names the user", |one| &one.match_claim),
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

fn checked(wish: &Settings) -> Result<Settings> {
    let mut complaints = Vec::new();
    let trimmed = |value: &Option<String>| {
        value.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let mut url = |field, label, value: &Option<String>, example| {
        let value = trimmed(value)?;
        if !is_address(&value) {
            let message = format!("The {label} must be a complete https address, such as {example}");
            complaints.push(Complaint { field, message });
        }
        Some(value)
    };
    let entra = "https://login.microsoftonline.com/…";
    let login_url = url("login_url", "login URL", &wish.login_url, entra);
    let logout_url = url("logout_url", "logout URL", &wish.logout_url, entra);
    let metadata_url = url("metadata_url", "metadata URL", &wish.metadata_url, entra);
    let issuer = trimmed(&wish.issuer);
    // An issuer is a URI that need not be an address (SAML core section 8.3.6).
    if issuer.as_deref().is_some_and(|text| text.len() > LONGEST || Url::parse(text).is_err()) {
        let message = "The issuer must be the Microsoft Entra Identifier, such as https://sts.windows.net/…/"
            .to_owned();
        complaints.push(Complaint { field: "issuer", message });
    }
    let match_claim = trimmed(&wish.match_claim);
    if match_claim.as_deref().is_some_and(|text| text.len() > LONGEST) {
        complaints
            .push(Complaint { field: "match_claim", message: "The claim's name is too long.".to_owned() });
    }
    if !(0..=LARGEST_SKEW_S).contains(&wish.skew_s) {
        let message = format!("The clocks may differ by 0 to {LARGEST_SKEW_S} seconds.");
        complaints.push(Complaint { field: "skew_s", message });
    }
    if wish.refresh_metadata && metadata_url.is_none() {
        let message = "Enter the metadata URL that is to be read every day.".to_owned();
        complaints.push(Complaint { field: "metadata_url", message });
    }
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    Ok(Settings { login_url, issuer, logout_url, match_claim, metadata_url, ..wish.clone() })
}

fn complete(conn: &mut Conn, wish: &Settings) -> Result<()> {
    let mut missing = Vec::new();
    let mut need = |there: bool, field, message: &str| {
        if !there {
            missing.push(Complaint { field, message: message.to_owned() });
        }
    };
    need(wish.login_url.is_some(), "login_url", "Enter the login URL before switching single sign-on on.");
    need(
        wish.issuer.is_some(),
        "issuer",
        "Enter the Microsoft Entra Identifier before switching single sign-on on.",
    );
    let certified = !certificates::list(conn)?.is_empty();
    need(certified, "certificate", "Add a signing certificate before switching single sign-on on.");
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// Over https, or on this very machine.
fn is_address(text: &str) -> bool {
    text.len() <= LONGEST
        && Url::parse(text)
            .is_ok_and(|url| fetch::may_fetch(&url) && url.username().is_empty() && url.password().is_none())
}

fn on_off(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}
