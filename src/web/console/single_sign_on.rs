//! Single sign-on on the Identity Management page: setting it up, testing it, requiring it.

use super::identity::{Said, render};
use crate::db::Conn;
use crate::domain::sso::keys::{self, Key, State};
use crate::domain::sso::metadata::{self, Imported, Reading};
use crate::domain::sso::policy::{self, Requirement, Standing};
use crate::domain::sso::requests::Purpose;
use crate::domain::sso::{Here, Settings, Trusted, certificates, events, settings};
use crate::error::{Error, Result};
use crate::web::extract::{Desk, Fields, Posted, Signed, Upload, house, values};
use crate::web::page::{self, Answer, Frame, when};
use crate::web::session::Visit;
use crate::web::sso;
use actix_web::HttpRequest;
use actix_web::web::Path;
use chrono::NaiveDateTime;
use serde::Deserialize;
use url::Url;

const PATH: &str = "/identity#sso";

/// The card of the page.
pub(super) struct Card {
    pub(super) ours: Here,
    pub(super) form: Form,
    pub(super) settings: Settings,
    pub(super) certificates: Vec<Certificate>,
    pub(super) keys: Vec<OwnKey>,
    /// How the daily reading of metadata is doing.
    pub(super) reading: Option<(&'static str, String)>,
    pub(super) standing: Standing,
    /// Until when a requirement holds that nobody has confirmed.
    pub(super) until: String,
    /// Whether this person's last test went well.
    pub(super) tested: bool,
    /// Whether this person came in through Entra ID.
    pub(super) came_by_sso: bool,
}

impl Card {
    /// Whether all is there that single sign-on needs.
    pub(super) fn is_complete(&self) -> bool {
        self.settings.login_url.is_some() && self.settings.issuer.is_some() && !self.certificates.is_empty()
    }

    pub(super) fn is_required(&self) -> bool {
        self.standing.requirement == Requirement::On
    }

    pub(super) fn is_on_trial(&self) -> bool {
        self.standing.requirement == Requirement::Trial
    }

    pub(super) fn match_claim(&self) -> &str {
        self.settings.match_claim.as_deref().unwrap_or_default()
    }

    pub(super) fn metadata_url(&self) -> &str {
        self.settings.metadata_url.as_deref().unwrap_or_default()
    }

    pub(super) fn has_next_key(&self) -> bool {
        self.keys.iter().any(|key| key.is_next)
    }
}

/// The identity provider's values as they stand in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    pub(super) enabled: String,
    pub(super) login_url: String,
    pub(super) issuer: String,
    pub(super) logout_url: String,
}

/// A certificate of Entra ID's as the page shows it.
pub(super) struct Certificate {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) fingerprint: String,
    pub(super) expires: String,
    pub(super) badge: (&'static str, String),
    pub(super) approved: bool,
}

/// A certificate of ours as the page shows it.
pub(super) struct OwnKey {
    pub(super) id: String,
    pub(super) fingerprint: String,
    pub(super) expires: String,
    pub(super) badge: (&'static str, &'static str),
    pub(super) is_next: bool,
    pub(super) is_active: bool,
}

/// What the card is made of.
pub(super) struct Loaded {
    settings: Settings,
    certificates: Vec<Trusted>,
    keys: Vec<Key>,
    reading: Reading,
    standing: Standing,
    tested: bool,
}

pub(super) fn load(conn: &mut Conn, person: &str, now: NaiveDateTime) -> Result<Loaded> {
    let since = settings::trusted_since(conn)?.unwrap_or_default();
    Ok(Loaded {
        settings: settings::read(conn)?,
        certificates: certificates::list(conn)?,
        keys: keys::list(conn)?,
        reading: metadata::reading(conn)?,
        standing: policy::standing(conn, now)?,
        tested: events::good_test(conn, person, since)?.is_some(),
    })
}

impl Card {
    pub(super) fn of(
        request: &HttpRequest,
        loaded: Loaded,
        entered: Option<Form>,
        now: NaiveDateTime,
    ) -> Result<Self> {
        let reading = loaded.reading;
        Ok(Self {
            ours: sso::here(house(request)?),
            form: entered.unwrap_or_else(|| Form::of(&loaded.settings)),
            certificates: loaded.certificates.into_iter().map(|one| Certificate::of(one, now)).collect(),
            keys: loaded.keys.into_iter().map(|one| OwnKey::of(one, now)).collect(),
            reading: match (reading.fault, reading.read_at) {
                (Some(fault), _) => Some(("bad", fault)),
                (None, Some(at)) => Some(("note", format!("Last read on {}.", when(at)))),
                (None, None) => None,
            },
            until: loaded.standing.until.map(when).unwrap_or_default(),
            standing: loaded.standing,
            tested: loaded.tested,
            came_by_sso: Visit::of(request).foreign().is_some(),
            settings: loaded.settings,
        })
    }
}

impl Form {
    fn of(settings: &Settings) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            enabled: if settings.enabled { "1".to_owned() } else { String::new() },
            login_url: text(&settings.login_url),
            issuer: text(&settings.issuer),
            logout_url: text(&settings.logout_url),
        }
    }

    fn over(&self, before: Settings) -> Settings {
        Settings {
            enabled: !self.enabled.is_empty(),
            login_url: Some(self.login_url.clone()),
            issuer: Some(self.issuer.clone()),
            logout_url: Some(self.logout_url.clone()),
            ..before
        }
    }
}

impl Certificate {
    fn of(trusted: Trusted, now: NaiveDateTime) -> Self {
        let badge = match trusted.days_left(now) {
            ..0 => ("bad", "Expired".to_owned()),
            days @ 0..=60 => ("warn", format!("{days} days left")),
            _ => ("good", "Valid".to_owned()),
        };
        Self {
            expires: when(trusted.not_after),
            id: trusted.id,
            subject: trusted.subject,
            fingerprint: trusted.fingerprint,
            badge,
            approved: trusted.approved,
        }
    }
}

impl OwnKey {
    fn of(key: Key, now: NaiveDateTime) -> Self {
        let badge = match key.state {
            _ if key.not_after <= now => ("bad", "Expired"),
            State::Active => ("good", "In use"),
            State::Next => ("note", "Next"),
            State::Old => ("quiet", "Old: still opens"),
        };
        Self {
            expires: when(key.not_after),
            id: key.id,
            fingerprint: key.fingerprint,
            badge,
            is_next: key.state == State::Next,
            is_active: key.state == State::Active,
        }
    }
}

pub(super) async fn save(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Form>,
) -> Answer {
    let Posted(form) = form;
    let wish = form.clone();
    let outcome = desk.write(signed.actor(), move |tx| {
        let wish = wish.over(settings::read(tx.conn)?);
        settings::save(tx, &wish)
    });
    match outcome.await {
        Err(refusal @ Error::Invalid(_)) => {
            let said = Said { entered: Some(form), refusal: Some(refusal), ..Said::default() };
            render(&request, &signed, frame, &desk, said).await
        }
        outcome => page::settle(&request, outcome, |_| "Single sign-on was saved.".to_owned(), PATH),
    }
}

/// How sign-ins are to be, as it stands in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    match_claim: String,
    create_users: String,
    allow_unsolicited: String,
    sign_requests: String,
    require_signed_response: String,
    require_encryption: String,
    allow_sha1: String,
    skew_s: String,
}

pub(super) async fn save_options(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Options>,
) -> Answer {
    let Posted(form) = form;
    let outcome = desk.write(signed.actor(), move |tx| {
        let before = settings::read(tx.conn)?;
        let ticked = |text: &str| !text.is_empty();
        let wish = Settings {
            match_claim: Some(form.match_claim.clone()),
            create_users: ticked(&form.create_users),
            allow_unsolicited: ticked(&form.allow_unsolicited),
            sign_requests: ticked(&form.sign_requests),
            require_signed_response: ticked(&form.require_signed_response),
            require_encryption: ticked(&form.require_encryption),
            allow_sha1: ticked(&form.allow_sha1),
            // What is no number is outside every range, and is refused as such.
            skew_s: form.skew_s.trim().parse().unwrap_or(-1),
            ..before
        };
        settings::save(tx, &wish)
    });
    match outcome.await {
        Err(refusal @ Error::Invalid(_)) => refused(&request, &signed, frame, &desk, refusal).await,
        outcome => page::settle(&request, outcome, |_| "How sign-ins are to be was saved.".to_owned(), PATH),
    }
}

async fn refused(
    request: &HttpRequest,
    signed: &Signed,
    frame: Frame,
    desk: &Desk,
    refusal: Error,
) -> Answer {
    render(request, signed, frame, desk, Said { refusal: Some(refusal), ..Said::default() }).await
}

/// Takes all values over from federation metadata: a file, a pasted text, or what lies at an address.
pub(super) async fn import(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    upload: Upload,
) -> Answer {
    match import_from(&request, &signed, &desk, upload).await {
        Err(refusal @ Error::Invalid(_)) => refused(&request, &signed, frame, &desk, refusal).await,
        outcome => page::settle(&request, outcome, said_of_import, PATH),
    }
}

async fn import_from(
    request: &HttpRequest,
    signed: &Signed,
    desk: &Desk,
    upload: Upload,
) -> Result<Imported> {
    let field = |name| values(&upload.fields, name).pop().unwrap_or_default();
    let (pasted, address) = (field("metadata"), field("metadata_url"));
    let refresh = !field("refresh_metadata").is_empty();
    if !upload.file.is_empty() || !pasted.trim().is_empty() {
        let file = if upload.file.is_empty() { pasted.into_bytes() } else { upload.file };
        return desk.write(signed.actor(), move |tx| metadata::import(tx, &file)).await;
    }
    if address.trim().is_empty() {
        let text = "Choose the file “Federation Metadata XML” of Entra ID, paste it, or enter its address.";
        return Err(Error::invalid("metadata", text));
    }
    let wrong = || Error::invalid("metadata_url", "Enter a complete https address.");
    let url = Url::parse(address.trim()).map_err(|_| wrong())?;
    let file = metadata::fetch(&url, house(request)?.0.metadata_from_private_networks).await?;
    desk.write(signed.actor(), move |tx| metadata::import_from(tx, &url, &file, refresh)).await
}

fn said_of_import(imported: &Imported) -> String {
    let added = match imported.added {
        0 => "Its certificates were known already.".to_owned(),
        1 => "One certificate was added.".to_owned(),
        count => format!("{count} certificates were added."),
    };
    let expired = match imported.expired {
        0 => String::new(),
        count => format!(" {count} had expired and were left out."),
    };
    format!("The metadata of {} was taken over. {added}{expired}", imported.issuer)
}

/// Trusts the certificates in an uploaded file or a pasted text.
pub(super) async fn add_certificate(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    upload: Upload,
) -> Answer {
    let pasted = values(&upload.fields, "pasted").pop().unwrap_or_default();
    let file = if upload.file.is_empty() { pasted.into_bytes() } else { upload.file };
    match desk.write(signed.actor(), move |tx| certificates::add(tx, &file)).await {
        Err(refusal @ Error::Invalid(_)) => refused(&request, &signed, frame, &desk, refusal).await,
        outcome => page::settle(&request, outcome, |new| said_of_certificates(*new), PATH),
    }
}

fn said_of_certificates(new: usize) -> String {
    match new {
        0 => "This certificate was trusted already.".to_owned(),
        1 => "The certificate was added.".to_owned(),
        new => format!("{new} certificates were added."),
    }
}

pub(super) async fn approve_certificate(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| certificates::approve(tx, &id)).await;
    page::settle(&request, outcome, |_| "The certificate signs owners in, too.".to_owned(), PATH)
}

pub(super) async fn remove_certificate(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| certificates::remove(tx, &id)).await;
    page::settle(&request, outcome, |()| "The certificate was removed.".to_owned(), PATH)
}

/// Makes a key of ours: the first, or the next.
pub(super) async fn make_key(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    _form: Posted<Fields>,
) -> Answer {
    let pair = sso::new_pair(&desk, &sso::here(house(&request)?)).await?;
    let outcome = desk.write(signed.actor(), move |tx| keys::add(tx, &pair)).await;
    let said = "The certificate was made. Upload it in Entra ID, then let it take over here.";
    page::settle(&request, outcome, |_| said.to_owned(), PATH)
}

pub(super) async fn use_key(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| keys::activate(tx, &id)).await;
    let said = "The new certificate is in use. The old one still opens what is encrypted for it.";
    page::settle(&request, outcome, |_| said.to_owned(), PATH)
}

pub(super) async fn remove_key(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| keys::remove(tx, &id)).await;
    page::settle(&request, outcome, |_| "The certificate was removed.".to_owned(), PATH)
}

/// One of our certificates as a file, as Entra ID takes it under Token encryption and Verification certificates.
pub(super) async fn key_file(desk: Desk, id: Path<String>) -> Answer {
    let all = desk.read(keys::list).await?;
    let key = all.into_iter().find(|key| key.id == *id).ok_or(Error::NotFound("certificate"))?;
    Ok(page::download("rollcall.cer", "application/x-x509-ca-cert", key.pem().into_bytes()))
}

/// Sends the administrator through a whole sign-in that changes nothing.
pub(super) async fn test(request: HttpRequest, signed: Signed, desk: Desk, _form: Posted<Fields>) -> Answer {
    let ready = desk
        .read(|conn| {
            let settings = settings::read(conn)?;
            Ok(settings.login_url.is_some()
                && settings.issuer.is_some()
                && !certificates::list(conn)?.is_empty())
        })
        .await?;
    if !ready {
        let text =
            "Enter the login URL, the issuer and a certificate first, or import the federation metadata.";
        return page::settle::<()>(&request, Err(Error::Conflict(text.to_owned())), |()| String::new(), PATH);
    }
    // Whoever is signed in to Microsoft is asked nothing there: the flow itself is what is tested.
    sso::send(&request, &desk, Purpose::Test, "/identity", Some(signed.0.id.clone()), false).await
}

pub(super) async fn require(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), policy::require).await;
    let said = "Single sign-on is required for ten minutes. Sign in through Entra ID, in another browser for example, \
                and confirm it here before they are over; otherwise it takes itself back.";
    page::settle(&request, outcome, |_| said.to_owned(), PATH)
}

pub(super) async fn confirm_requirement(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    _form: Posted<Fields>,
) -> Answer {
    let method = Visit::of(&request).method();
    let outcome = desk.write(signed.actor(), move |tx| policy::confirm(tx, method)).await;
    let said = "Single sign-on is required of everybody but owners from now on.";
    page::settle(&request, outcome, |()| said.to_owned(), PATH)
}

pub(super) async fn lift_requirement(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), policy::lift).await;
    page::settle(&request, outcome, |()| "Passwords are good again for all who have one.".to_owned(), PATH)
}
