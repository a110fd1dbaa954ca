//! Identity Management: single sign-on and user provisioning, on one page.

use super::connection::{Glance, Step};
use super::credentials;
use super::single_sign_on::{self, Card};
use crate::db::Conn;
use crate::domain::health::{self, Health, Warning};
use crate::domain::identity::switch::{self, PauseAnswer, State, Switch};
use crate::domain::identity::tokens::{self, Token};
use crate::domain::users::User;
use crate::domain::users::by_entra::Scope;
use crate::error::Result;
use crate::secret::Secret;
use crate::web::extract::app_state;
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::page::{Answer, Layout, ago, when};
use crate::web::scim;
use actix_web::web::Path;
use askama::Template;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

const PATH: &str = "/identity";
/// The card of user provisioning.
const PROVISIONING: &str = "provisioning";

#[derive(Template)]
#[template(path = "identity/show.html")]
struct IdentityPage {
    layout: Layout,
    sso: Card,
    switch: Switch,
    provisioning: FormView,
    tokens: Vec<TokenRow>,
    token: FormView,
    health: Glance,
    tested: Option<Vec<Step>>,
    /// Whether all of that went well.
    tested_well: bool,
    revealed: Option<Revealed>,
    credentials: credentials::Card,
}

/// What a form that was just sent adds to the page.
#[derive(Default)]
pub(super) struct Shown {
    /// A token to show.
    pub(super) revealed: Option<Revealed>,
    /// A client's new secret.
    pub(super) secret: Option<credentials::NewSecret>,
    /// What became of the requests that test the connection.
    pub(super) tested: Option<Vec<Step>>,
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
    token: Secret,
}

impl IdentityPage {
    fn is_on(&self) -> bool {
        self.switch.state == State::On
    }

    /// What is asked before the switch is turned.
    fn question(&self) -> &'static str {
        if self.is_on() {
            "Pause user provisioning? Entra ID changes nothing here until it is switched on again. The tokens are kept."
        } else {
            ""
        }
    }
}

pub(super) async fn show(page: PageContext) -> Answer {
    page_of(page, Shown::default()).await
}

/// The page, with what came of a form that shows its result on it.
pub(super) async fn page_of(mut page: PageContext, shown: Shown) -> Answer {
    let (now, person) = (page.org.inner().now(), page.current()?.0);
    let loaded = page.org.read(move |conn| load(conn, &person, now)).await?;
    let (sso, switch, tokens, (health, warnings), credentials) = loaded;
    let sso = Card::of(&mut page, sso, now)?;
    let provisioning = page.edit("/identity/provisioning", &ProvisioningForm::of(switch))?;
    let token = page.form("/identity/tokens", &TokenForm::default())?;
    let credentials = credentials::Card::of(&mut page, credentials, shown.secret, now)?;
    page.show("identity", |layout| IdentityPage {
        layout,
        sso,
        switch,
        provisioning,
        tokens: tokens.into_iter().map(|token| TokenRow::of(token, now)).collect(),
        token,
        health: Glance::of(&health, warnings, now),
        tested_well: shown.tested.iter().flatten().all(|step| step.passed),
        tested: shown.tested,
        revealed: shown.revealed,
        credentials,
    })
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
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ProvisioningForm {
    /// A button of its own.
    #[serde(skip_serializing)]
    state: Option<String>,
    pause_answer: Option<String>,
    scope: Option<String>,
}

impl ProvisioningForm {
    fn of(switch: Switch) -> Self {
        Self {
            state: None,
            pause_answer: Some(switch.pause_answer.as_str().to_owned()),
            scope: Some(switch.scope.as_str().to_owned()),
        }
    }

    fn over(&self, before: Switch) -> Switch {
        let pause_answer = self.pause_answer.as_deref().and_then(PauseAnswer::parse);
        Switch {
            state: self.state.as_deref().and_then(State::parse).unwrap_or(before.state),
            pause_answer: pause_answer.unwrap_or(before.pause_answer),
            scope: self.scope.as_deref().and_then(Scope::parse).unwrap_or(before.scope),
        }
    }
}

pub(super) async fn set_provisioning(act: Act<ProvisioningForm>) -> Answer {
    act.edit(
        |conn| Ok(ProvisioningForm::of(switch::read(conn)?)),
        |tx, form| {
            let before = switch::read(tx.conn)?;
            switch::set(tx, form.over(before))
        },
    )
    .then(|switch| {
        let said = match switch.state {
            State::On => "User provisioning is on.",
            State::Paused => "User provisioning is paused. The tokens are kept.",
            State::Off => "User provisioning was saved. It is off.",
        };
        Redirect::to(PATH, said).on_card(PROVISIONING)
    })
    .or_show(show)
    .await
}

/// Which token to show; the newest if none is named.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenChoice {
    token: String,
}

/// Shows the SCIM URL and a token, to whoever has just shown their password.
pub(super) async fn reveal(act: Act<TokenChoice>) -> Answer {
    act.submit(|tx, form| tokens::reveal(tx, Some(form.token.as_str()).filter(|id| !id.is_empty())))
        .repeatable()
        .shown_by(showing)
        .await
}

/// Another token.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TokenForm {
    label: String,
    expires_in: String,
}

/// Makes another token, to be live beside the one that it replaces, and shows it.
pub(super) async fn create_token(act: Act<TokenForm>) -> Answer {
    act.submit(|tx, form| {
        let days = Some(form.expires_in.trim()).filter(|days| !days.is_empty());
        let wrong = "Enter a number of days, or nothing.";
        let days = days.map(|days| form.number("expires_in", days, 1, wrong));
        tokens::create(tx, &form.label, days)
    })
    .shown_by(showing)
    .await
}

async fn showing(page: PageContext, shown: Option<(Token, Secret)>) -> Answer {
    let url = app_state(&page.request)?.address(scim::BASE);
    let revealed = shown.map(|(token, secret)| Revealed { url, label: token.label, token: secret });
    page_of(page, Shown { revealed, ..Shown::default() }).await
}

pub(super) async fn revoke_token(act: Act, id: Path<String>) -> Answer {
    act.submit(move |tx, _| tokens::revoke(tx, &id))
        .then(|token| {
            let said = format!("The token “{}” is refused from now on.", token.label);
            Redirect::to(PATH, said).on_card(PROVISIONING)
        })
        .or_show(show)
        .await
}
