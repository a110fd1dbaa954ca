//! The credentials card of Identity Management: OAuth clients with their secrets, and workload identity federation.

use super::identity::{self, Shown};
use crate::db::Conn;
use crate::domain::counted::counted;
use crate::domain::expiry::Remaining;
use crate::domain::identity::clients::{self, Client, ClientSecret};
use crate::domain::identity::federation::{self, Federation, FederationInput};
use crate::error::Result;
use crate::keys::{ClientId, ClientSecretId};
use crate::secret::Secret;
use crate::web::extract::app_state;
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::oauth;
use crate::web::page::{Answer, ago, when};
use actix_web::web::Path;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

const PATH: &str = "/identity";
/// The card of the page.
const CARD: &str = "credentials";

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
    pub(super) federation: FormView,
    /// Another client.
    pub(super) client: FormView,
    /// For how long its first secret may be good.
    pub(super) years: [(&'static str, &'static str); 3],
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
    pub(super) secret: Secret,
}

/// Workload identity federation as it stands in the form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FederationForm {
    pub(super) federated: String,
    pub(super) tenant_id: String,
    pub(super) audience: String,
    pub(super) subject: String,
    pub(super) accept_repeats: String,
}

/// All that the card needs of the database.
pub(super) type Loaded = (Vec<(Client, Vec<ClientSecret>)>, Federation);

pub(super) fn load(conn: &mut Conn) -> Result<Loaded> {
    Ok((clients::list(conn)?, federation::read(conn)?))
}

impl Card {
    pub(super) fn of(
        page: &mut PageContext,
        (clients, federation): Loaded,
        shown: Option<NewSecret>,
        now: NaiveDateTime,
    ) -> Result<Self> {
        let client = page.form("/identity/clients", &NewSecretForm::default())?;
        let form = page.edit("/identity/federation", &FederationForm::of(&federation))?;
        let state = app_state(&page.request)?;
        let (tenant_url, token_url) = oauth::addresses(state);
        let pinned = (!federation.tenant_id.is_empty()).then(|| oauth::pinned(state, &federation.tenant_id));
        let (issuer, keys_url) = pinned.unwrap_or_default();
        Ok(Self {
            tenant_url,
            token_url,
            scope: oauth::SCOPE,
            clients: clients.into_iter().map(|(client, secrets)| listed(client, secrets, now)).collect(),
            shown,
            is_federated: federation.enabled,
            federation_id: federation.client_id,
            audience: federation.audience,
            federation: form,
            client,
            years: [("1", "1 year"), ("2", "2 years"), ("3", "3 years")],
            issuer,
            keys_url,
        })
    }
}

fn listed(client: Client, secrets: Vec<ClientSecret>, now: NaiveDateTime) -> ListedClient {
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
    fn of(secret: ClientSecret, now: NaiveDateTime) -> Self {
        let is_live = secret.is_live(now);
        let badge = match (secret.revoked_at, Remaining::of(secret.expires_at, now)) {
            (Some(_), _) => ("quiet", "Revoked".to_owned()),
            (None, Remaining::Over) => ("bad", "Expired".to_owned()),
            (None, Remaining::Soon(days)) => ("warn", format!("{} left", counted(days, "day", "days"))),
            (None, Remaining::Long) => ("good", "Live".to_owned()),
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
    fn of(federation: &Federation) -> Self {
        let tick = |ticked| if ticked { "1".to_owned() } else { String::new() };
        Self {
            federated: tick(federation.enabled),
            tenant_id: federation.tenant_id.clone(),
            audience: federation.audience.clone(),
            subject: federation.subject.clone(),
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
#[derive(Clone, Default, Serialize, Deserialize)]
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
pub(super) async fn create_client(act: Act<NewSecretForm>) -> Answer {
    act.submit(|tx, form| clients::create(tx, &form.client_label, form.years())).shown_by(showing).await
}

/// Makes another secret of a client, to be good beside the one that it replaces, and shows it.
pub(super) async fn add_secret(act: Act<NewSecretForm>, id: Path<ClientId>) -> Answer {
    act.submit(move |tx, form| clients::add_secret(tx, &id, form.years())).shown_by(showing).await
}

async fn showing(page: PageContext, made: Option<(Client, Secret)>) -> Answer {
    let secret =
        made.map(|(client, secret)| NewSecret { label: client.label, identifier: client.identifier, secret });
    identity::page_of(page, Shown { secret, ..Shown::default() }).await
}

pub(super) async fn revoke_secret(act: Act, key: Path<(ClientId, ClientSecretId)>) -> Answer {
    let (id, secret) = key.into_inner();
    act.submit(move |tx, _| clients::revoke_secret(tx, &id, &secret))
        .then(|client| {
            let whose = client.label;
            let said = format!(
                "The secret of “{whose}”, and the access tokens got with it, are refused from now on."
            );
            Redirect::to(PATH, said).on_card(CARD)
        })
        .or_show(identity::show)
        .await
}

pub(super) async fn remove_client(act: Act, id: Path<ClientId>) -> Answer {
    act.submit(move |tx, _| clients::remove(tx, &id))
        .then(|client| {
            let said = format!("The client “{}” was removed, and is refused from now on.", client.label);
            Redirect::to(PATH, said).on_card(CARD)
        })
        .or_show(identity::show)
        .await
}

/// Sets workload identity federation up: who may come in without a secret deserves the password.
pub(super) async fn save_federation(act: Act<FederationForm>) -> Answer {
    act.edit(
        |conn| Ok(FederationForm::of(&federation::read(conn)?)),
        |tx, form| federation::save(tx, &form.wish()),
    )
    .then(|federation| {
        let state = if federation.enabled { "is on." } else { "was saved. It is off." };
        Redirect::to(PATH, format!("Workload identity federation {state}"))
    })
    .or_show(identity::show)
    .await
}
