//! Identity Management: single sign-on and user provisioning, on one page.

use super::connection::{Glance, Step};
use super::credentials;
use super::single_sign_on::{self, Card, EnteredSettings};
use crate::db::Conn;
use crate::domain::health::{self, Health, Warning};
use crate::domain::identity::switch::{self, PauseAnswer, State, Switch};
use crate::domain::identity::tokens::{self, Token};
use crate::domain::users::User;
use crate::domain::users::by_entra::Scope;
use crate::error::{Error, Result};
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, app_state};
use crate::web::page::{self, Answer, Layout, Refused, ago, when};
use crate::web::scim;
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use chrono::NaiveDateTime;
use serde::Deserialize;

const PATH: &str = "/identity";
/// The parts of the page to which the addresses of its forms lead.
const PLACES: &[&str] = &["health", "sso", "provisioning", "credentials", "federation"];

#[derive(Template)]
#[template(path = "identity/show.html")]
struct IdentityPage {
    layout: Layout,
    sso: Card,
    refusal: Refused,
    switch: Switch,
    tokens: Vec<TokenRow>,
    health: Glance,
    tested: Option<Vec<Step>>,
    /// Whether all of that went well.
    tested_well: bool,
    revealed: Option<Revealed>,
    /// Another token as it was typed.
    token: Proof,
    credentials: credentials::Card,
}

/// What a form that was just sent adds to the page.
#[derive(Default)]
pub(super) struct FormResult {
    /// Single sign-on as it was typed.
    pub(super) sso: EnteredSettings,
    /// What was wrong.
    pub(super) refusal: Option<Error>,
    /// The part of the page to which the form's address leads; empty if it leads to none.
    pub(super) place: &'static str,
    /// Another token as it was typed.
    pub(super) token: Proof,
    /// A client as it was typed.
    pub(super) client: credentials::NewSecretForm,
    /// A token to show.
    pub(super) revealed: Option<Revealed>,
    /// A client's new secret.
    pub(super) secret: Option<credentials::NewSecret>,
    /// What became of the requests that test the connection.
    pub(super) tested: Option<Vec<Step>>,
    /// Federation as it was typed.
    pub(super) federation: Option<credentials::FederationForm>,
}

/// A token as the page shows it.
struct TokenRow {
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

pub(super) async fn show(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
) -> Answer {
    render(&request, &current, layout, &org, FormResult::default()).await
}

/// The page, with what was said in answer to a form.
pub(super) async fn render(
    request: &HttpRequest,
    current: &CurrentUser,
    layout: Layout,
    org: &OrgHandle,
    said: FormResult,
) -> Answer {
    let (now, person) = (org.inner().now(), current.0.clone());
    let loaded = org.read(move |conn| load(conn, &person, now)).await?;
    let (sso, switch, tokens, (health, warnings), credentials) = loaded;
    let refusal = Refused(said.refusal);
    // The health of what is off is not shown.
    let places = if switch.state == State::Off { &PLACES[1..] } else { PLACES };
    let page = IdentityPage {
        layout: layout.of("identity").with_places(places).refusing_at(&refusal, said.place),
        sso: Card::of(request, sso, said.sso, now)?,
        refusal,
        switch,
        tokens: tokens.into_iter().map(|token| TokenRow::of(token, now)).collect(),
        health: Glance::of(&health, warnings, now),
        tested_well: said.tested.iter().flatten().all(|step| step.passed),
        tested: said.tested,
        revealed: said.revealed,
        token: said.token,
        credentials: credentials::Card::of(
            app_state(request)?,
            credentials,
            said.secret,
            (said.client, said.federation),
            now,
        ),
    };
    page::show_form(&page.refusal, &page.layout, &page)
}

type Loaded = (single_sign_on::Loaded, Switch, Vec<Token>, (Health, Vec<Warning>), credentials::Loaded);

fn load(conn: &mut Conn, person: &User, now: NaiveDateTime) -> Result<Loaded> {
    let health = health::health(conn, now)?;
    let warnings = health::warnings(conn, now, &health)?;
    Ok((
        single_sign_on::load(conn, person, now)?,
        switch::read(conn)?,
        tokens::list(conn)?,
        (health, warnings),
        credentials::load(conn)?,
    ))
}

impl TokenRow {
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

/// How provisioning is to be set up; what is left out stays.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ProvisioningForm {
    state: Option<String>,
    pause_answer: Option<String>,
    scope: Option<String>,
}

pub(super) async fn set_provisioning(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    form: Posted<ProvisioningForm>,
) -> Answer {
    let Posted(wanted) = form;
    let outcome = org.write(current.actor(), move |tx| {
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
    page::redirect_with_outcome(&request, outcome.await, said, PATH)
}

/// Shows the SCIM URL and a token, to whoever has just shown their password.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Proof {
    /// The token to show; the newest if none is named.
    token: String,
    label: String,
    expires_in: String,
}

pub(super) async fn reveal(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Proof>,
) -> Answer {
    let Posted(form) = form;
    let id = Some(form.token).filter(|id| !id.is_empty());
    let shown = org.write(current.actor(), move |tx| tokens::reveal(tx, id.as_deref())).await;
    showing(&request, &current, layout, &org, Proof::default(), shown).await
}

/// Makes another token, to be live beside the one that it replaces, and shows it.
pub(super) async fn create_token(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Proof>,
) -> Answer {
    let Posted(form) = form;
    let days = match form.expires_in.trim() {
        "" => Ok(None),
        days => days
            .parse()
            .map(Some)
            .map_err(|_| Error::invalid("expires_in", "Enter a number of days, or nothing.")),
    };
    let label = form.label.clone();
    let made = match days {
        Ok(days) => org.write(current.actor(), move |tx| tokens::create(tx, &label, days)).await,
        Err(refusal) => Err(refusal),
    };
    showing(&request, &current, layout, &org, form, made).await
}

async fn showing(
    request: &HttpRequest,
    current: &CurrentUser,
    layout: Layout,
    org: &OrgHandle,
    form: Proof,
    shown: Result<(Token, String)>,
) -> Answer {
    match shown {
        Ok((token, secret)) => {
            let url = app_state(request)?.address(scim::BASE);
            let revealed = Revealed { url, label: token.label, token: secret };
            render(
                request,
                current,
                layout,
                org,
                FormResult { revealed: Some(revealed), ..FormResult::default() },
            )
            .await
        }
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            let refusal = Some(refusal);
            let said = FormResult { refusal, token: form, place: "provisioning", ..FormResult::default() };
            render(request, current, layout, org, said).await
        }
        Err(refusal @ Error::Conflict(_)) => {
            BrowserSession::of(request).flash_at("bad", refusal.to_string(), "provisioning");
            Ok(page::go(PATH))
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn revoke_token(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| tokens::revoke(tx, &id)).await;
    let said = |token: &Token| format!("The token “{}” is refused from now on.", token.label);
    page::redirect_with_outcome(&request, outcome, said, PATH)
}
