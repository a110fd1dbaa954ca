//! The credentials card of Identity Management: OAuth clients with their secrets, and workload identity federation.

use super::identity::{self, FormResult};
use crate::db::Conn;
use crate::domain::counted::counted;
use crate::domain::identity::clients::{self, Client, Secret};
use crate::domain::identity::federation::{self, Federation, FederationInput};
use crate::error::{Error, Result};
use crate::keys::{ClientId, ClientSecretId};
use crate::web::AppState;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted};
use crate::web::oauth;
use crate::web::page::{self, Answer, Layout, ago, when};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use actix_web::web::Path;
use chrono::NaiveDateTime;
use serde::Deserialize;

/// The fragment brings the card into view.
const PATH: &str = "/identity#credentials";

/// The card as the page shows it.
pub(super) struct Card {
    pub(super) tenant_url: String,
    pub(super) token_url: String,
    pub(super) scope: &'static str,
    pub(super) clients: Vec<ListedClient>,
    /// A secret that was made just now.
    pub(super) shown: Option<NewSecret>,
    pub(super) is_federated: bool,
    /// What Entra ID calls itself when it is federated; empty until that was saved.
    pub(super) federation_id: String,
    /// The audience that is pinned.
    pub(super) audience: String,
    pub(super) federation: FederationForm,
    /// A client as it was typed.
    pub(super) wanted: NewSecretForm,
    /// What the pinned tenant's assertions must say, and where its keys are fetched.
    pub(super) issuer: String,
    pub(super) keys_url: String,
}

/// A client as the page shows it.
pub(super) struct ListedClient {
    pub(super) id: ClientId,
    pub(super) label: String,
    pub(super) identifier: String,
    pub(super) made: String,
    pub(super) used: String,
    pub(super) secrets: Vec<ListedSecret>,
}

/// A secret as the page shows it: never the secret itself.
pub(super) struct ListedSecret {
    pub(super) id: ClientSecretId,
    pub(super) made: String,
    pub(super) expires: String,
    pub(super) used: String,
    pub(super) badge: (&'static str, String),
    pub(super) is_live: bool,
}

/// A new secret, in the clear, with what goes with it.
pub(super) struct NewSecret {
    pub(super) label: String,
    pub(super) identifier: String,
    pub(super) secret: String,
}

/// Workload identity federation as it stands in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct FederationForm {
    pub(super) federated: String,
    pub(super) tenant_id: String,
    pub(super) audience: String,
    pub(super) subject: String,
    pub(super) accept_repeats: String,
}

/// All that the card needs of the database.
pub(super) type Loaded = (Vec<(Client, Vec<Secret>)>, Federation);

pub(super) fn load(conn: &mut Conn) -> Result<Loaded> {
    Ok((clients::list(conn)?, federation::read(conn)?))
}

impl Card {
    pub(super) fn of(
        state: &AppState,
        (clients, federation): Loaded,
        shown: Option<NewSecret>,
        (wanted, entered): (NewSecretForm, Option<FederationForm>),
        now: NaiveDateTime,
    ) -> Self {
        let (tenant_url, token_url) = oauth::addresses(state);
        let pinned = (!federation.tenant_id.is_empty()).then(|| oauth::pinned(state, &federation.tenant_id));
        let (issuer, keys_url) = pinned.unwrap_or_default();
        Self {
            tenant_url,
            token_url,
            scope: oauth::SCOPE,
            clients: clients.into_iter().map(|(client, secrets)| listed(client, secrets, now)).collect(),
            shown,
            is_federated: federation.enabled,
            federation_id: federation.client_id.clone(),
            audience: federation.audience.clone(),
            federation: entered.unwrap_or_else(|| FederationForm::of(federation)),
            wanted,
            issuer,
            keys_url,
        }
    }
}

fn listed(client: Client, secrets: Vec<Secret>, now: NaiveDateTime) -> ListedClient {
    ListedClient {
        id: client.id,
        label: client.label,
        identifier: client.identifier,
        made: format!("{} by {}", when(client.created_at), client.created_by),
        used: client.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
        secrets: secrets.into_iter().map(|secret| ListedSecret::of(secret, now)).collect(),
    }
}

impl ListedSecret {
    fn of(secret: Secret, now: NaiveDateTime) -> Self {
        let is_live = secret.is_live(now);
        let badge = match (secret.revoked_at, (secret.expires_at - now).num_days()) {
            (Some(_), _) => ("quiet", "Revoked".to_owned()),
            (None, _) if !is_live => ("bad", "Expired".to_owned()),
            (None, days @ ..=60) => ("warn", format!("{} left", counted(days, "day", "days"))),
            (None, _) => ("good", "Live".to_owned()),
        };
        Self {
            made: format!("{} by {}", when(secret.created_at), secret.created_by),
            expires: when(secret.expires_at),
            used: secret.last_used_at.map_or_else(|| "Never".to_owned(), |at| ago(at, now)),
            id: secret.id,
            badge,
            is_live,
        }
    }
}

impl FederationForm {
    fn of(federation: Federation) -> Self {
        let tick = |ticked| if ticked { "1".to_owned() } else { String::new() };
        Self {
            federated: tick(federation.enabled),
            tenant_id: federation.tenant_id,
            audience: federation.audience,
            subject: federation.subject,
            accept_repeats: tick(federation.accept_repeats),
        }
    }

    fn wish(&self) -> FederationInput {
        FederationInput {
            enabled: !self.federated.is_empty(),
            tenant_id: self.tenant_id.clone(),
            audience: self.audience.clone(),
            subject: self.subject.clone(),
            accept_repeats: !self.accept_repeats.is_empty(),
        }
    }
}

/// What a new secret is for, from whoever shows their password.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NewSecretForm {
    pub(super) client_label: String,
    pub(super) years: String,
}

impl NewSecretForm {
    fn years(&self) -> u32 {
        self.years.parse().unwrap_or_default()
    }
}

/// Makes a client and shows its first secret.
pub(super) async fn create_client(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<NewSecretForm>,
) -> Answer {
    let Posted(form) = form;
    let wanted = form.clone();
    let made =
        org.write(current.actor(), move |tx| clients::create(tx, &wanted.client_label, wanted.years()));
    showing(&request, &current, layout, &org, form, made.await).await
}

/// Makes another secret of a client, to be good beside the one that it replaces, and shows it.
pub(super) async fn add_secret(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    (id, form): (Path<ClientId>, Posted<NewSecretForm>),
) -> Answer {
    let Posted(form) = form;
    let made = org.write(current.actor(), move |tx| clients::add_secret(tx, &id, form.years()));
    showing(&request, &current, layout, &org, NewSecretForm::default(), made.await).await
}

async fn showing(
    request: &HttpRequest,
    current: &CurrentUser,
    layout: Layout,
    org: &OrgHandle,
    form: NewSecretForm,
    made: Result<(Client, String)>,
) -> Answer {
    let said = match made {
        Ok((client, secret)) => {
            let shown = NewSecret { label: client.label, identifier: client.identifier, secret };
            FormResult { secret: Some(shown), ..FormResult::default() }
        }
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            FormResult { refusal: Some(refusal), client: form, place: "credentials", ..FormResult::default() }
        }
        Err(refusal @ Error::Conflict(_)) => {
            BrowserSession::of(request).flash_at("bad", refusal.to_string(), "credentials");
            return Ok(page::go(PATH));
        }
        Err(other) => return Err(other.into()),
    };
    identity::render(request, current, layout, org, said).await
}

pub(super) async fn revoke_secret(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    key: Path<(ClientId, ClientSecretId)>,
    _form: Posted<Fields>,
) -> Answer {
    let (id, secret) = key.into_inner();
    let outcome = org.write(current.actor(), move |tx| clients::revoke_secret(tx, &id, &secret)).await;
    let said = |client: &Client| {
        format!(
            "The secret of “{}”, and the access tokens got with it, are refused from now on.",
            client.label
        )
    };
    page::redirect_with_outcome(&request, outcome, said, PATH)
}

pub(super) async fn remove_client(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<ClientId>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| clients::remove(tx, &id)).await;
    let said =
        |client: &Client| format!("The client “{}” was removed, and is refused from now on.", client.label);
    page::redirect_with_outcome(&request, outcome, said, PATH)
}

/// Sets workload identity federation up: who may come in without a secret deserves the password.
pub(super) async fn save_federation(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<FederationForm>,
) -> Answer {
    let Posted(form) = form;
    let wish = form.wish();
    match org.write(current.actor(), move |tx| federation::save(tx, &wish)).await {
        Err(refusal @ Error::Invalid(_)) => {
            let refusal = Some(refusal);
            let said =
                FormResult { refusal, federation: Some(form), place: "federation", ..FormResult::default() };
            identity::render(&request, &current, layout, &org, said).await
        }
        outcome => {
            let said = |federation: &Federation| {
                let state = if federation.enabled { "is on." } else { "was saved. It is off." };
                format!("Workload identity federation {state}")
            };
            page::redirect_with_outcome(&request, outcome, said, "/identity#federation")
        }
    }
}
