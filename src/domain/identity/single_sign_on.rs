//! What the administrator entered about the identity provider.

use crate::certificate::{self, Certificate};
use crate::db::Conn;
use crate::db::schema::{idp_certificates, sso_settings};
use crate::domain::audit::{self, Action, Change, Kind, Subject};
use crate::domain::{Tx, new_id};
use crate::error::{Complaint, Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use url::Url;

const ONLY: &str = "entra";
const SUBJECT: Subject<'static> = Subject { kind: Kind::SingleSignOn, id: ONLY, name: "single sign-on" };
const LONGEST: usize = 2048;
const MOST_CERTIFICATES: usize = 10;

/// The settings of single sign-on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sso_settings, treat_none_as_null = true)]
pub struct Settings {
    /// Whether users are meant to sign in with Entra ID.
    pub enabled: bool,
    /// Where Entra ID takes sign-in requests.
    pub login_url: Option<String>,
    /// The name by which Entra ID signs ("Microsoft Entra Identifier").
    pub issuer: Option<String>,
    /// Where Entra ID takes sign-out requests; without it, signing out here leaves Microsoft's apps alone.
    pub logout_url: Option<String>,
}

/// A certificate with which the identity provider signs.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idp_certificates)]
pub struct Trusted {
    /// Its key.
    pub id: String,
    /// The certificate, in Base64 of its DER form.
    pub der: String,
    /// Whom it names.
    pub subject: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// When it begins to be valid, in UTC.
    pub not_before: NaiveDateTime,
    /// When it stops being valid, in UTC.
    pub not_after: NaiveDateTime,
    created_at: NaiveDateTime,
}

impl Trusted {
    /// Whole days until it expires; negative once it has.
    #[must_use]
    pub fn days_left(&self, now: NaiveDateTime) -> i64 {
        (self.not_after - now).num_days() - i64::from(self.not_after < now)
    }
}

/// The settings; all empty and off before the first time.
pub fn settings(conn: &mut Conn) -> Result<Settings> {
    let stored = sso_settings::table.find(ONLY).select(Settings::as_select()).first(conn).optional()?;
    Ok(stored.unwrap_or_default())
}

/// The certificates, the longest valid first.
pub fn certificates(conn: &mut Conn) -> Result<Vec<Trusted>> {
    let order = idp_certificates::not_after.desc();
    Ok(idp_certificates::table.order(order).select(Trusted::as_select()).load(conn)?)
}

/// Keeps what was entered. Refused while something that single sign-on needs is missing and it is switched on.
pub fn save(tx: &mut Tx, wish: &Settings) -> Result<Settings> {
    let wish = checked(wish)?;
    if wish.enabled {
        complete(tx.conn, &wish)?;
    }
    let before = settings(tx.conn)?;
    let changes: Vec<Change> = [
        Change::of("switch", Some(on_off(before.enabled)), Some(on_off(wish.enabled))),
        Change::of("login URL", before.login_url.as_deref(), wish.login_url.as_deref()),
        Change::of("issuer", before.issuer.as_deref(), wish.issuer.as_deref()),
        Change::of("logout URL", before.logout_url.as_deref(), wish.logout_url.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(wish);
    }
    let values = (&wish, sso_settings::updated_at.eq(tx.now));
    if diesel::update(sso_settings::table.find(ONLY)).set(values).execute(tx.conn)? == 0 {
        diesel::insert_into(sso_settings::table)
            .values((sso_settings::id.eq(ONLY), values))
            .execute(tx.conn)?;
    }
    audit::note(tx, Action::SsoChanged, SUBJECT, &changes)?;
    Ok(wish)
}

/// Trusts every certificate in the file; those known already are left as they are. Answers how many are new.
pub fn add_certificates(tx: &mut Tx, file: &[u8]) -> Result<usize> {
    let found = certificate::read(file).map_err(|fault| Error::invalid("certificate", fault.to_string()))?;
    let known = certificates(tx.conn)?;
    let mut new: Vec<Certificate> = Vec::new();
    for certificate in found {
        let twice = known.iter().any(|known| known.fingerprint == certificate.fingerprint)
            || new.iter().any(|other| other.fingerprint == certificate.fingerprint);
        if !twice {
            new.push(certificate);
        }
    }
    if let Some(expired) = new.iter().find(|certificate| certificate.not_after <= tx.now) {
        let message =
            format!("This certificate expired on {}. Ask Entra ID for a new one.", expired.not_after.date());
        return Err(Error::invalid("certificate", message));
    }
    if known.len() + new.len() > MOST_CERTIFICATES {
        let message =
            format!("At most {MOST_CERTIFICATES} certificates are kept. Remove one that is no longer used.");
        return Err(Error::invalid("certificate", message));
    }
    let count = new.len();
    for certificate in new {
        trust(tx, certificate)?;
    }
    Ok(count)
}

/// Trusts a certificate no longer.
pub fn remove_certificate(tx: &mut Tx, id: &str) -> Result<()> {
    let all = certificates(tx.conn)?;
    let certificate =
        all.iter().find(|certificate| certificate.id == id).ok_or(Error::NotFound("certificate"))?;
    if settings(tx.conn)?.enabled && all.len() == 1 {
        let message = "This is the only certificate. Add the next one first, or switch single sign-on off.";
        return Err(Error::Conflict(message.to_owned()));
    }
    diesel::delete(idp_certificates::table.find(id)).execute(tx.conn)?;
    let change = Change::of("certificate", Some(&certificate.fingerprint), None);
    audit::note(tx, Action::SsoChanged, SUBJECT, change.as_slice())
}

fn trust(tx: &mut Tx, certificate: Certificate) -> Result<()> {
    let trusted = Trusted {
        id: new_id(),
        der: certificate.der,
        subject: certificate.subject,
        fingerprint: certificate.fingerprint,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        created_at: tx.now,
    };
    diesel::insert_into(idp_certificates::table).values(&trusted).execute(tx.conn)?;
    audit::note(tx, Action::SsoChanged, SUBJECT, &[Change::set("certificate", &trusted.fingerprint)])
}

fn checked(wish: &Settings) -> Result<Settings> {
    let mut complaints = Vec::new();
    let mut url = |field, label, value: &Option<String>| {
        let value = value.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        if !is_https(value) {
            let message = format!(
                "The {label} must be a complete https address, such as https://login.microsoftonline.com/…"
            );
            complaints.push(Complaint { field, message });
        }
        Some(value.to_owned())
    };
    let login_url = url("login_url", "login URL", &wish.login_url);
    let logout_url = url("logout_url", "logout URL", &wish.logout_url);
    let issuer = wish.issuer.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    // An issuer is a URI that need not be an address (SAML core section 8.3.6).
    if issuer.as_deref().is_some_and(|text| text.len() > LONGEST || Url::parse(text).is_err()) {
        let message = "The issuer must be the Microsoft Entra Identifier, such as https://sts.windows.net/…/"
            .to_owned();
        complaints.push(Complaint { field: "issuer", message });
    }
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    Ok(Settings { enabled: wish.enabled, login_url, issuer, logout_url })
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
    let certified = !certificates(conn)?.is_empty();
    need(certified, "certificate", "Add a signing certificate before switching single sign-on on.");
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

fn is_https(text: &str) -> bool {
    text.len() <= LONGEST
        && Url::parse(text).is_ok_and(|url| {
            url.scheme() == "https"
                && url.host_str().is_some()
                && url.username().is_empty()
                && url.password().is_none()
        })
}

fn on_off(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}
