//! Identity Management: single sign-on and user provisioning, on one page.

use super::connection::{Glance, Step};
use super::credentials::{self, Card};
use super::sign_in::Prompt;
use crate::db::Conn;
use crate::domain::health::{self, Health, Warning};
use crate::domain::identity::single_sign_on::{self, Settings, Trusted};
use crate::domain::identity::switch::{self, PauseAnswer, State, Switch};
use crate::domain::identity::tokens::{self, Token};
use crate::domain::users::by_entra::Scope;
use crate::error::{Error, Result};
use crate::web::extract::{Address, Desk, Fields, Posted, Signed, Upload, house, values};
use crate::web::page::{self, Answer, Frame, Refused, ago, when};
use crate::web::scim;
use crate::web::session::Visit;
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use chrono::NaiveDateTime;
use serde::Deserialize;

const PATH: &str = "/identity";
/// The fragment brings what is revealed into view.
const REVEAL: &str = "/identity/provisioning/reveal#provisioning";
const TOKENS: &str = "/identity/tokens#provisioning";

#[derive(Template)]
#[template(path = "identity/show.html")]
struct IdentityPage {
    frame: Frame,
    ours: ServiceProvider,
    form: Form,
    refusal: Refused,
    enabled: bool,
    certificates: Vec<Certificate>,
    switch: Switch,
    tokens: Vec<Listed>,
    health: Glance,
    tested: Option<Vec<Step>>,
    revealed: Option<Revealed>,
    credentials: Card,
}

/// What a form that was just sent adds to the page.
#[derive(Default)]
pub(super) struct Said {
    /// Single sign-on as it was typed.
    pub(super) entered: Option<Form>,
    /// What was wrong.
    pub(super) refusal: Option<Error>,
    /// A token to show.
    pub(super) revealed: Option<Revealed>,
    /// A client's new secret.
    pub(super) secret: Option<credentials::Shown>,
    /// What became of the requests that test the connection.
    pub(super) tested: Option<Vec<Step>>,
    /// Federation as it was typed.
    pub(super) federation: Option<credentials::Form>,
}

/// What Entra ID must be told about us.
struct ServiceProvider {
    entity_id: String,
    consumer: String,
    sign_on: String,
    logout: String,
}

/// The identity provider's values as they stand in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    enabled: String,
    login_url: String,
    issuer: String,
    logout_url: String,
}

/// A certificate as the page shows it.
struct Certificate {
    id: String,
    subject: String,
    fingerprint: String,
    expires: String,
    badge: (&'static str, String),
}

/// A token as the page shows it.
struct Listed {
    id: String,
    label: String,
    made: String,
    expires: String,
    used: String,
    badge: (&'static str, &'static str),
    is_live: bool,
}

/// The SCIM URL and a token, in the clear.
pub(super) struct Revealed {
    url: String,
    label: String,
    token: String,
}

impl IdentityPage {
    fn is_on(&self) -> bool {
        self.switch.state == State::On
    }
}

pub(super) async fn show(request: HttpRequest, frame: Frame, desk: Desk) -> Answer {
    render(&request, frame, &desk, Said::default()).await
}

/// The page, with what was said in answer to a form.
pub(super) async fn render(request: &HttpRequest, frame: Frame, desk: &Desk, said: Said) -> Answer {
    let now = desk.org().now();
    let loaded = desk.read(move |conn| load(conn, now)).await?;
    let (settings, certificates, switch, tokens, (health, warnings), credentials) = loaded;
    let house = house(request)?;
    let page = IdentityPage {
        frame: frame.of("identity"),
        ours: ServiceProvider {
            entity_id: house.address("/sso/metadata"),
            consumer: house.address("/sso/consumer"),
            sign_on: house.address("/sso/start"),
            logout: house.address("/sso/logout"),
        },
        enabled: settings.enabled,
        form: said.entered.unwrap_or_else(|| Form::of(settings)),
        refusal: Refused(said.refusal),
        certificates: certificates.into_iter().map(|certificate| Certificate::of(certificate, now)).collect(),
        switch,
        tokens: tokens.into_iter().map(|token| Listed::of(token, now)).collect(),
        health: Glance::of(&health, warnings, now),
        tested: said.tested,
        revealed: said.revealed,
        credentials: Card::of(house, credentials, said.secret, said.federation, now),
    };
    page::show_as(page.refusal.status(), &page.frame, &page)
}

type Loaded = (Settings, Vec<Trusted>, Switch, Vec<Token>, (Health, Vec<Warning>), credentials::Loaded);

fn load(conn: &mut Conn, now: NaiveDateTime) -> Result<Loaded> {
    let health = health::health(conn, now)?;
    let warnings = health::warnings(conn, now, &health)?;
    Ok((
        single_sign_on::settings(conn)?,
        single_sign_on::certificates(conn)?,
        switch::read(conn)?,
        tokens::list(conn)?,
        (health, warnings),
        credentials::load(conn)?,
    ))
}

impl Form {
    fn of(settings: Settings) -> Self {
        Self {
            enabled: if settings.enabled { "1".to_owned() } else { String::new() },
            login_url: settings.login_url.unwrap_or_default(),
            issuer: settings.issuer.unwrap_or_default(),
            logout_url: settings.logout_url.unwrap_or_default(),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            enabled: !self.enabled.is_empty(),
            login_url: Some(self.login_url.clone()),
            issuer: Some(self.issuer.clone()),
            logout_url: Some(self.logout_url.clone()),
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
        }
    }
}

impl Listed {
    fn of(token: Token, now: NaiveDateTime) -> Self {
        let is_live = token.is_live(now);
        let badge = match token.revoked_at {
            Some(_) => ("quiet", "Revoked"),
            None if is_live => ("good", "Live"),
            None => ("bad", "Expired"),
        };
        Self {
            made: format!("{} by {}", when(token.created_at), token.created_by),
            expires: token.expires_at.map_or_else(|| "Never".to_owned(), when),
            used: token.last_used_at.map_or_else(|| "Never".to_owned(), |at| ago(at, now)),
            id: token.id,
            label: token.label,
            badge,
            is_live,
        }
    }
}

pub(super) async fn save_single_sign_on(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Form>,
) -> Answer {
    let Posted(form) = form;
    let wish = form.settings();
    match desk.write(signed.actor(), move |tx| single_sign_on::save(tx, &wish)).await {
        Err(refusal @ Error::Invalid(_)) => {
            let said = Said { entered: Some(form), refusal: Some(refusal), ..Said::default() };
            render(&request, frame, &desk, said).await
        }
        outcome => page::settle(&request, outcome, |_| "Single sign-on was saved.".to_owned(), PATH),
    }
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
    match desk.write(signed.actor(), move |tx| single_sign_on::add_certificates(tx, &file)).await {
        Err(refusal @ Error::Invalid(_)) => {
            render(&request, frame, &desk, Said { refusal: Some(refusal), ..Said::default() }).await
        }
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

pub(super) async fn remove_certificate(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| single_sign_on::remove_certificate(tx, &id)).await;
    page::settle(&request, outcome, |()| "The certificate was removed.".to_owned(), PATH)
}

/// How provisioning is to be set up; what is left out stays.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    state: Option<String>,
    pause_answer: Option<String>,
    scope: Option<String>,
}

pub(super) async fn set_provisioning(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    form: Posted<Wanted>,
) -> Answer {
    let Posted(wanted) = form;
    let outcome = desk.write(signed.actor(), move |tx| {
        let before = switch::read(tx.conn)?;
        let after = Switch {
            state: wanted.state.as_deref().and_then(State::parse).unwrap_or(before.state),
            pause_answer: wanted
                .pause_answer
                .as_deref()
                .and_then(PauseAnswer::parse)
                .unwrap_or(before.pause_answer),
            scope: wanted.scope.as_deref().and_then(Scope::parse).unwrap_or(before.scope),
        };
        switch::set(tx, after)
    });
    let said = |switch: &Switch| match switch.state {
        State::On => "User provisioning is on.".to_owned(),
        State::Paused => "User provisioning is paused. The tokens are kept.".to_owned(),
        State::Off => "User provisioning was saved. It is off.".to_owned(),
    };
    page::settle(&request, outcome.await, said, PATH)
}

/// Shows the SCIM URL and a token, to whoever has just shown their password.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Proof {
    password: String,
    /// The token to show; the newest if none is named.
    token: String,
    label: String,
    expires_in: String,
}

pub(super) async fn reveal(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    address: Address,
    form: Posted<Proof>,
) -> Answer {
    let Posted(form) = form;
    let hidden = [("token", form.token.as_str())];
    let prompt = Prompt { frame: &frame, action: REVEAL, hidden: &hidden };
    if let Some(asked) = prompt.unless_proved(&request, &signed, &desk, &address, &form.password).await? {
        return Ok(asked);
    }
    let id = Some(form.token).filter(|id| !id.is_empty());
    let shown = desk.write(signed.actor(), move |tx| tokens::reveal(tx, id.as_deref())).await;
    showing(&request, frame, &desk, shown).await
}

/// Makes another token, to be live beside the one that it replaces, and shows it.
pub(super) async fn create_token(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    address: Address,
    form: Posted<Proof>,
) -> Answer {
    let Posted(form) = form;
    let hidden = [("label", form.label.as_str()), ("expires_in", form.expires_in.as_str())];
    let prompt = Prompt { frame: &frame, action: TOKENS, hidden: &hidden };
    if let Some(asked) = prompt.unless_proved(&request, &signed, &desk, &address, &form.password).await? {
        return Ok(asked);
    }
    let days = match form.expires_in.trim() {
        "" => Ok(None),
        days => days
            .parse()
            .map(Some)
            .map_err(|_| Error::invalid("expires_in", "Enter a number of days, or nothing.")),
    };
    let made = match days {
        Ok(days) => desk.write(signed.actor(), move |tx| tokens::create(tx, &form.label, days)).await,
        Err(refusal) => Err(refusal),
    };
    showing(&request, frame, &desk, made).await
}

async fn showing(request: &HttpRequest, frame: Frame, desk: &Desk, shown: Result<(Token, String)>) -> Answer {
    match shown {
        Ok((token, secret)) => {
            let url = house(request)?.address(scim::BASE);
            let revealed = Revealed { url, label: token.label, token: secret };
            render(request, frame, desk, Said { revealed: Some(revealed), ..Said::default() }).await
        }
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render(request, frame, desk, Said { refusal: Some(refusal), ..Said::default() }).await
        }
        Err(refusal @ Error::Conflict(_)) => {
            Visit::of(request).flash("bad", refusal.to_string());
            Ok(page::go(PATH))
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn revoke_token(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| tokens::revoke(tx, &id)).await;
    let said = |token: &Token| format!("The token “{}” is refused from now on.", token.label);
    page::settle(&request, outcome, said, PATH)
}
