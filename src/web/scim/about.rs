//! What this server says of itself, and what is not there.

use super::client::{Client, LogDetails};
use super::respond::ScimResult;
use super::{Advice, Refusal, json};
use crate::domain::provisioning::Operation;
use crate::scim::message::{self, List, PagePosition};
use crate::scim::{Fault, schema};
use crate::web::route::Endpoint;
use actix_web::HttpRequest;
use actix_web::Route;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use serde::Serialize;
use serde_json::Value;

pub(super) async fn service_provider_config(client: Client, request: HttpRequest) -> ScimResult {
    let body = message::service_provider_config(&client.base);
    respond(&client, &request, body).await
}

pub(super) async fn resource_types(client: Client, request: HttpRequest) -> ScimResult {
    let all: Vec<Value> =
        schema::RESOURCES.iter().map(|kind| message::resource_type(kind, &client.base)).collect();
    respond(&client, &request, whole(all)).await
}

pub(super) async fn resource_type(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    match schema::RESOURCES.iter().find(|kind| kind.name == id.as_str()) {
        Some(kind) => respond(&client, &request, message::resource_type(kind, &client.base)).await,
        None => {
            Err(client.refuse(Operation::About, Fault::plain(404, "There is no such resource type.").into()))
        }
    }
}

pub(super) async fn schemas(client: Client, request: HttpRequest) -> ScimResult {
    let all: Vec<Value> = schema::all().map(|schema| message::schema(schema, &client.base)).collect();
    respond(&client, &request, whole(all)).await
}

pub(super) async fn schema(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    match schema::by_urn(&id) {
        Some(schema) => respond(&client, &request, message::schema(schema, &client.base)).await,
        None => Err(client.refuse(Operation::About, Fault::plain(404, "There is no such schema.").into())),
    }
}

/// RFC 7644 section 3.11: nobody stands behind a credential of a machine.
pub(super) async fn me(client: Client) -> ScimResult {
    let detail = "No user stands behind this credential, so /Me is nobody. Use /Users.";
    Err(client.refuse(Operation::Other, Fault::plain(501, detail).into()))
}

/// Answers a method that this address does not take.
pub(super) fn wrong_method(here: &'static Endpoint) -> Route {
    let refuse = move |client: Client, request: HttpRequest| async move {
        let refusal = Refusal::from(Fault::plain(405, here.refusal(request.method())));
        let refusal = Refusal { advice: Some(Advice::Allow(here)), ..refusal };
        ScimResult::Err(client.refuse(Operation::Other, refusal))
    };
    web::to(refuse)
}

/// Anything else, once the credential was accepted.
pub(super) async fn nowhere(client: Client) -> ScimResult {
    Err(client.refuse(Operation::Other, Fault::plain(404, "There is nothing at this address.").into()))
}

fn whole(all: Vec<Value>) -> List<Value> {
    message::list(i64::try_from(all.len()).unwrap_or_default(), PagePosition::Index(1), all)
}

/// RFC 7644 section 4: these lists are told whole, and a filter is forbidden.
async fn respond(
    client: &Client,
    request: &HttpRequest,
    body: impl Serialize + Send + 'static,
) -> ScimResult {
    let filtered = super::search::pairs(request).iter().any(|(key, _)| key.eq_ignore_ascii_case("filter"));
    if filtered {
        let detail = "This cannot be filtered: it is told whole.";
        return Err(client.refuse(Operation::About, Fault::plain(403, detail).into()));
    }
    let told = LogDetails { status: 200, ..LogDetails::default() };
    let body = client.read_at_once(Operation::About, move |_, _| Ok((body, Operation::About, told))).await?;
    Ok(json(StatusCode::OK, &body))
}
