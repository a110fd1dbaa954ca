//! Users by SCIM: each handler reads, calls one operation, answers.

use super::client::{Body, Client, Told};
use super::{InTheWay, Refusal, answer, mapping, query};
use crate::db::Conn;
use crate::domain::provisioning::Operation;
use crate::domain::users::by_entra::{self, Done, Known, Scope};
use crate::domain::users::lifecycle;
use crate::error::Error;
use crate::scim::message;
use crate::scim::patch::Patch;
use crate::scim::user::User;
use actix_web::http::{StatusCode, header};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

type Answer = Result<HttpResponse, Refusal>;

pub(super) async fn list(client: Client, request: HttpRequest) -> Answer {
    let query = query::read(&request).map_err(|fault| client.refuse(Operation::Find, fault.into()))?;
    let (scope, base) = (client.scope, client.base.clone());
    let found = client.read(Operation::Find, move |conn| {
        let (total, found) = by_entra::search(conn, scope, &query.condition, query.start - 1, query.count)?;
        let show = |known: &Known| query.projection.apply(mapping::resource(known, &base).to_json());
        let resources: Vec<Value> = found.iter().map(show).collect();
        let operation = match &query.sought {
            Some(_) if query.is_probe && total == 0 => Operation::Probe,
            Some(_) => Operation::Find,
            None => Operation::List,
        };
        let told = Told {
            user_id: found.first().filter(|_| total == 1).map(|known| known.user.id.clone()),
            subject: query.sought,
            status: 200,
            ..Told::default()
        };
        Ok((message::list(total, query.start, &resources), operation, told))
    });
    Ok(answer(StatusCode::OK, &found.await?))
}

pub(super) async fn get(client: Client, request: HttpRequest, id: Path<String>) -> Answer {
    let projection = query::projection(&request);
    let (scope, base) = (client.scope, client.base.clone());
    let found = client.read(Operation::Get, move |conn| {
        let known = find(conn, scope, &id)?;
        let told = told(&known, 200);
        Ok((projection.apply(mapping::resource(&known, &base).to_json()), Operation::Get, told))
    });
    Ok(answer(StatusCode::OK, &found.await?))
}

pub(super) async fn create(client: Client, request: HttpRequest, body: Body) -> Answer {
    let user = body.0.and_then(|body| User::read(&body));
    let user = user.map_err(|fault| client.refuse(Operation::Create, fault.into()))?;
    let projection = query::projection(&request);
    let (subject, base) = (Some(user.user_name.clone()), client.base.clone());
    let made = client.write(Operation::Create, subject, move |tx| {
        let wish = mapping::wish(user, true);
        let (user_name, external_id) = (wish.profile.user_name.clone(), wish.profile.external_id.clone());
        let done = match by_entra::create(tx, wish) {
            Err(taken @ Error::Taken(_)) => {
                return Err(collision(tx.conn, taken, &user_name, external_id)?);
            }
            other => other?,
        };
        let location = mapping::location(&done.known, &base);
        let body = projection.apply(mapping::resource(&done.known, &base).to_json());
        Ok(((location, body), reported(done, 201)))
    });
    let (location, body) = made.await?;
    let mut response = answer(StatusCode::CREATED, &body);
    if let Ok(location) = header::HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A create met an account: where that isn't linked, an administrator decides.
fn collision(
    conn: &mut Conn,
    taken: Error,
    user_name: &str,
    external_id: Option<String>,
) -> Result<Refusal, Error> {
    let namesake = by_entra::unlinked_namesake(conn, user_name)?;
    let remedy = if namesake.is_some() {
        "Link the account under Users, Waiting to be linked. Entra ID finds it at its next try."
    } else {
        "Match users by userName in Entra ID, so that the existing user is found before one is created."
    };
    let in_the_way = namesake.map(|user| Box::new(InTheWay { user_id: user.id, external_id }));
    Ok(Refusal { in_the_way, ..Refusal::from(taken).with_remedy(remedy) })
}

pub(super) async fn replace(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> Answer {
    let user = body.0.and_then(|body| User::read(&body));
    let user = user.map_err(|fault| client.refuse(Operation::Replace, fault.into()))?;
    edit(client, Operation::Replace, request, id.into_inner(), move |_| Ok(user)).await
}

pub(super) async fn change(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> Answer {
    let patch = body.0.and_then(|body| Patch::read(&body));
    let patch = patch.map_err(|fault| client.refuse(Operation::Change, fault.into()))?;
    edit(client, Operation::Change, request, id.into_inner(), move |current| Ok(patch.apply(current)?)).await
}

/// Makes the user what `edit` says, in one transaction with the reading of it.
async fn edit(
    client: Client,
    operation: Operation,
    request: HttpRequest,
    id: String,
    edit: impl FnOnce(&User) -> Result<User, Refusal> + Send + 'static,
) -> Answer {
    let projection = query::projection(&request);
    let (scope, base) = (client.scope, client.base.clone());
    let changed = client.write(operation, None, move |tx| {
        let known = find(tx.conn, scope, &id)?;
        let active = known.user.active;
        let wanted = edit(&mapping::resource(&known, &base))?;
        let done = by_entra::change(tx, known, mapping::wish(wanted, active))?;
        let body = projection.apply(mapping::resource(&done.known, &base).to_json());
        Ok((body, reported(done, 200)))
    });
    Ok(answer(StatusCode::OK, &changed.await?))
}

pub(super) async fn delete(client: Client, id: Path<String>) -> Answer {
    let scope = client.scope;
    let deleted = client.write(Operation::Delete, None, move |tx| {
        let known = find(tx.conn, scope, &id)?;
        let told = told(&known, 204);
        by_entra::remove(tx, known)?;
        Ok(((), told))
    });
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The account of a SCIM id; where it is gone for good the log says how that came and what to do.
fn find(conn: &mut Conn, scope: Scope, id: &str) -> Result<Known, Refusal> {
    match by_entra::get(conn, scope, id) {
        Err(missing @ Error::NotFound(_)) => {
            let remedy = lifecycle::retired(conn, id)?.map(|retired| retired.remedy());
            Err(Refusal { remedy, ..Refusal::from(missing) })
        }
        other => Ok(other?),
    }
}

fn told(known: &Known, status: u16) -> Told {
    Told { user_id: Some(known.user.id.clone()), subject: Some(known.user.name()), status, ..Told::default() }
}

fn reported(done: Done, status: u16) -> Told {
    Told { changes: done.changes, warnings: done.warnings, ..told(&done.known, status) }
}
