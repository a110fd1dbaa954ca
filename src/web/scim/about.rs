//! What this server says of itself, and the groups that it does not keep yet.

use super::client::{Client, Told};
use super::{Refusal, answer, query};
use crate::domain::provisioning::Operation;
use crate::scim::schema::{self, Schema};
use crate::scim::{Fault, message};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

type Answer = Result<HttpResponse, Refusal>;

pub(super) async fn service_provider_config(client: Client) -> Answer {
    let body = message::service_provider_config(&client.base);
    tell(&client, body).await
}

pub(super) async fn resource_types(client: Client) -> Answer {
    let body = message::list(1, 1, &[message::user_type(&client.base)]);
    tell(&client, body).await
}

pub(super) async fn resource_type(client: Client, id: Path<String>) -> Answer {
    if *id == "User" {
        let body = message::user_type(&client.base);
        return tell(&client, body).await;
    }
    Err(client.refuse(Operation::About, Fault::plain(404, "There is no such resource type.").into()))
}

pub(super) async fn schemas(client: Client) -> Answer {
    let all: Vec<&Schema> = [&schema::USER].into_iter().chain(schema::EXTENSIONS).collect();
    let described: Vec<Value> = all.iter().map(|schema| schema.describe(&client.base)).collect();
    let total = i64::try_from(described.len()).unwrap_or_default();
    tell(&client, message::list(total, 1, &described)).await
}

pub(super) async fn schema(client: Client, id: Path<String>) -> Answer {
    match schema::by_urn(&id) {
        Some(schema) => tell(&client, schema.describe(&client.base)).await,
        None => Err(client.refuse(Operation::About, Fault::plain(404, "There is no such schema.").into())),
    }
}

/// Entra ID asks for a random group when it tests the connection: there is none.
pub(super) async fn groups(client: Client, request: HttpRequest) -> Answer {
    query::page(&request).map_err(|fault| client.refuse(Operation::Groups, fault.into()))?;
    let told = Told { status: 200, ..Told::default() };
    let body = message::list(0, 1, &[]);
    let read = client.read(Operation::Groups, move |_| Ok((body, Operation::Groups, told)));
    Ok(answer(StatusCode::OK, &read.await?))
}

pub(super) async fn group(client: Client) -> Answer {
    Err(client.refuse(Operation::Groups, Fault::plain(404, "There is no such resource.").into()))
}

/// Anything else, once the token was accepted.
pub(super) async fn nowhere(client: Client, request: HttpRequest) -> Answer {
    let groups = request.path().contains("/Groups");
    let fault = if groups {
        Fault::plain(501, "Groups are not kept here yet. Switch the provisioning of groups off in Entra ID.")
    } else {
        Fault::plain(404, "There is nothing at this address.")
    };
    let operation = if groups { Operation::Groups } else { Operation::Other };
    Err(client.refuse(operation, Refusal::from(fault)))
}

async fn tell(client: &Client, body: Value) -> Answer {
    let told = Told { status: 200, ..Told::default() };
    let read = client.read(Operation::About, move |_| Ok((body, Operation::About, told)));
    Ok(answer(StatusCode::OK, &read.await?))
}
