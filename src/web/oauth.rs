//! The token endpoint (RFC 6749 section 4.4): a client that proves itself gets an access token for SCIM.
//!
//! It stands outside the console's sessions and forms: a program asks here, with a secret or (RFC 7523) an assertion. The
//! client hears no more than the protocol's error; the provisioning log has the cause and the remedy.

use super::extract::{OrgHandle, app_state, client_address, whole};
use super::guard::RequestId;
use super::{AppState, scim};
use crate::domain::Actor;
use crate::domain::Noted;
use crate::domain::audit::Change;
use crate::domain::identity::access_tokens::{GOOD_FOR, Issued};
use crate::domain::identity::clients::{self, Client, ClientSecret};
use crate::domain::identity::federation::{self, Authority, Federation};
use crate::domain::identity::switch::{self, State};
use crate::domain::identity::throttle::Throttle;
use crate::domain::provisioning::{self, About, Operation, Outcome, Report, Sparing};
use crate::error::Error;
use actix_web::http::{StatusCode, header};
use actix_web::web;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use refusal::Refusal;
use request::{Proof, TokenRequest};
use serde_json::json;
use url::Url;

mod refusal;
mod request;

/// Where access tokens are issued, below the public address.
const PATH: &str = "/oauth2/token";
/// All that an access token is good for.
pub(super) const SCOPE: &str = "scim";
const LARGEST_BODY: usize = 64 * 1024;
/// What the log calls whoever comes with an assertion.
const FEDERATION: &str = "federation";

/// What the token endpoint remembers while the program runs.
pub(super) struct TokenEndpoint {
    authority: Authority,
    throttle: Throttle,
    refusals: Sparing,
}

impl TokenEndpoint {
    pub(super) fn new(authority: &Url) -> Self {
        let authority = Authority::new(authority);
        Self { authority, throttle: Throttle::default(), refusals: Sparing::default() }
    }
}

pub(super) async fn token(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    match grant(&request, payload).await {
        Ok(issued) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"))
            .json(json!({
                "access_token": issued.token.expose(),
                "token_type": "Bearer",
                "expires_in": GOOD_FOR.num_seconds(),
                "scope": SCOPE,
            })),
        Err(refusal) => {
            note(&request, &refusal).await;
            refusal.answer()
        }
    }
}

async fn grant(request: &HttpRequest, payload: web::Payload) -> Result<Issued, Refusal> {
    let state = app_state(request)?;
    let body =
        whole(request, payload.into_inner(), LARGEST_BODY).await.map_err(|failure| match failure.0 {
            Error::TooLarge(_) => Refusal::too_large(),
            Error::TooSlow => Refusal::too_slow(),
            Error::Busy(seconds) => Refusal::too_often(seconds),
            _ => Refusal::malformed("the body could not be read"),
        })?;
    let wish = TokenRequest::read(request.headers(), request.query_string(), &body)?;
    let (client, address) = (wish.client_id.clone().unwrap_or_default(), client_address(state, request));
    let endpoint = &state.0.token_endpoint;
    if let Some(seconds) = endpoint.throttle.wait(&client, &address, state.org().now()) {
        return Err(Refusal::too_often(seconds));
    }
    let outcome = match prove(state, &wish).await {
        Ok(holder) => issue(state, request, holder, wish.scope.as_deref()).await,
        Err(refusal) => Err(refusal),
    };
    if outcome.as_ref().is_err_and(Refusal::is_of_client) {
        endpoint.throttle.failed(&client, &address, state.org().now());
    }
    outcome
}

/// Who proved themselves.
enum ProvenClient {
    Client(Client, ClientSecret),
    Federation(Federation),
}

async fn prove(state: &AppState, wish: &TokenRequest) -> Result<ProvenClient, Refusal> {
    let (handle, org) = (OrgHandle::at(state), state.org());
    match &wish.proof {
        Proof::Secret(secret) => {
            let (keys, now) = (org.keys().clone(), org.now());
            let (id, secret) = (wish.client_id.clone().unwrap_or_default(), secret.clone());
            let proved =
                handle.read(move |conn| clients::authenticate(conn, &keys, &id, &secret, now)).await?;
            match proved {
                Ok((client, secret)) => Ok(ProvenClient::Client(client, secret)),
                Err(refused) => Err(Refusal::of_client(refused, wish.client_id.as_deref())),
            }
        }
        Proof::Assertion(assertion) => {
            let pinned = handle.read(federation::read).await?;
            let authority = &state.0.token_endpoint.authority;
            let proved =
                authority.admit(&pinned, wish.client_id.as_deref(), assertion.expose(), org.clock()).await;
            proved
                .map(|()| ProvenClient::Federation(pinned))
                .map_err(|refused| Refusal::of_federation(&refused))
        }
    }
}

async fn issue(
    state: &AppState,
    request: &HttpRequest,
    holder: ProvenClient,
    scope: Option<&str>,
) -> Result<Issued, Refusal> {
    if scope.is_some_and(|scope| scope.split_ascii_whitespace().any(|word| word != SCOPE)) {
        return Err(Refusal::scope());
    }
    let request_id = request_id(request);
    let org = OrgHandle::at(state);
    let issued = org.write(Actor::Entra, move |tx| {
        if switch::read(tx.conn)?.state == State::Off {
            return Ok(Noted::unaudited(None, "nothing was issued"));
        }
        let (name, issued) = match &holder {
            ProvenClient::Client(client, secret) => {
                (client.identifier.as_str(), clients::issue(tx, client, secret)?)
            }
            ProvenClient::Federation(pinned) => (FEDERATION, federation::issue(tx, pinned)?),
        };
        let change = Change::set("access token for an hour", issued.label.clone());
        let report = Report {
            about: About::Credential(name.to_owned()),
            changes: vec![change],
            token_id: Some(issued.holder.clone()),
            ..report(StatusCode::OK, Outcome::Done, request_id)
        };
        provisioning::note(tx, report)?;
        Ok(issued.map(Some))
    });
    match issued.await {
        Ok(issued) => issued.ok_or_else(Refusal::off),
        Err(Error::Conflict(_)) => Err(Refusal::changed()),
        Err(other) => Err(other.into()),
    }
}

/// Writes a refusal down, unless one of its sort was written down just now.
async fn note(request: &HttpRequest, refusal: &Refusal) {
    let Ok(state) = app_state(request) else { return };
    let switched = OrgHandle::at(state).read_one(switch::read).await.map(|switch| switch.state);
    // Before provisioning is switched on for the first time, who proves nothing is only noise.
    if !refusal.is_of_switch() && switched.is_ok_and(|state| state == State::Off) {
        return;
    }
    if !state.0.token_endpoint.refusals.is_due(&refusal.sort, state.org().now()) {
        return;
    }
    let report = Report {
        about: About::Credential(refusal.client.to_string()),
        error: Some(refusal.cause.clone()),
        remedy: Some(refusal.remedy.to_owned()),
        ..report(refusal.status, Outcome::Refused, request_id(request))
    };
    OrgHandle::at(state).write_later(Actor::Entra, move |tx| provisioning::note(tx, report));
}

fn report(status: StatusCode, outcome: Outcome, request_id: Option<String>) -> Report {
    let request = Some(format!("POST {PATH}"));
    Report { request, request_id, ..Report::new(Operation::Other, outcome, status.as_u16()) }
}

fn request_id(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<RequestId>().map(|id| id.0.clone())
}

/// What Entra ID must be told: the address of SCIM, and that of the tokens.
pub(super) fn addresses(state: &AppState) -> (String, String) {
    (state.address(scim::BASE), state.address(PATH))
}

/// The issuer that a tenant's assertions must name, and where its keys are.
pub(super) fn pinned(state: &AppState, tenant_id: &str) -> (String, String) {
    let authority = &state.0.token_endpoint.authority;
    (authority.issuer(tenant_id), authority.keys_address(tenant_id))
}
