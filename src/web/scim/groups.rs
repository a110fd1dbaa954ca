//! Groups by SCIM: each operation reads, calls the domain, answers. A bulk request calls the same.

use super::client::{Body, Client, Told};
use super::precondition::Precondition;
use super::{Done, Refusal, Shown, mapping, members, projection, respond};
use crate::db::Conn;
use crate::domain::Tx;
use crate::domain::groups::{self, Group, by_entra};
use crate::domain::provisioning::Operation;
use crate::error::Error;
use crate::scim::evaluate::value_meets;
use crate::scim::group::{self as scim, Change, Wanted, read_changes};
use crate::scim::project::Projection;
use crate::scim::schema::{GROUP, find};
use crate::scim::tolerance::Sent;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

type Answer = Result<HttpResponse, Refusal>;

pub(super) const MEMBERS: &str = "members";

pub(super) async fn get(client: Client, request: HttpRequest, id: Path<String>) -> Answer {
    let projection = projection(&client, Operation::GetGroup, &request)?;
    let without_members = projection.leaves_out(MEMBERS);
    let read = client.read(Operation::GetGroup, move |conn, _| {
        let group = by_entra::get(conn, &id)?;
        let told = Told { subject: Some(group.name.clone()), status: 200, ..Told::default() };
        let members = if without_members {
            (Vec::new(), None)
        } else {
            groups::members_after(conn, &group.id, None, members::AT_ONCE)?
        };
        Ok(((group, members), Operation::GetGroup, told))
    });
    let (group, (members, more)) = read.await?;
    let known_version = Precondition::of(&request);
    if more.is_some() {
        return members::answer(client.org().clone(), client.base.clone(), group, &known_version, projection);
    }
    respond::read(&client, Shown::Group(Box::new(group), members), &known_version, &projection)
}

pub(super) async fn post(client: Client, request: HttpRequest, body: Body) -> Answer {
    let projection = projection(&client, Operation::CreateGroup, &request)?;
    let sent = body.0.and_then(|body| Wanted::read(&body, None));
    let sent = sent.map_err(|fault| client.refuse(Operation::CreateGroup, fault.into()))?;
    let subject = Some(sent.wish.display_name.clone());
    let done = client.write(Operation::CreateGroup, subject, move |tx, _| create(tx, sent));
    written(&client, done.await?, &projection).await
}

pub(super) async fn put(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> Answer {
    let body = body.0.map_err(|fault| client.refuse(Operation::ReplaceGroup, fault.into()))?;
    let projection = projection(&client, Operation::ReplaceGroup, &request)?;
    let known_version = Precondition::of(&request);
    let done =
        client.write(Operation::ReplaceGroup, None, move |tx, _| replace(tx, &id, &known_version, &body));
    written(&client, done.await?, &projection).await
}

/// Entra ID wants no body back; whoever names attributes gets one (RFC 7644 section 3.5.2).
pub(super) async fn patch(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> Answer {
    let sent = body.0.and_then(|body| read_changes(&body));
    let sent = sent.map_err(|fault| client.refuse(Operation::ChangeGroup, fault.into()))?;
    let known_version = Precondition::of(&request);
    let projection = projection(&client, Operation::ChangeGroup, &request)?;
    let wants_body = !projection.attributes.is_empty();
    let done = client.write(Operation::ChangeGroup, None, move |tx, _| {
        let done = change(tx, &id, &known_version, sent)?;
        let status = if wants_body { 200 } else { 204 };
        Ok(Done { told: Told { status, ..done.told }, ..done })
    });
    written(&client, done.await?, &projection).await
}

pub(super) async fn remove(client: Client, request: HttpRequest, id: Path<String>) -> Answer {
    let known_version = Precondition::of(&request);
    let done = client.write(Operation::DeleteGroup, None, move |tx, _| delete(tx, &id, &known_version));
    respond::written(&client, done.await?, &Projection::default())
}

pub(super) fn create(tx: &mut Tx, sent: Sent<Wanted>) -> Result<Done, Refusal> {
    let (wanted, warnings) = sent.strict()?;
    let done = by_entra::create(tx, wish(wanted))?;
    Ok(reported(done, warnings, StatusCode::CREATED))
}

pub(super) fn replace(tx: &mut Tx, id: &str, version: &Precondition, body: &Value) -> Result<Done, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let before = Wanted {
        display_name: group.name.clone(),
        external_id: group.external_id.clone(),
        members: Vec::new(),
    };
    let (wanted, warnings) = Wanted::read(body, Some(&before))?.strict()?;
    let done = by_entra::replace(tx, group, wish(wanted))?;
    Ok(reported(done, warnings, StatusCode::OK))
}

pub(super) fn change(
    tx: &mut Tx,
    id: &str,
    version: &Precondition,
    sent: Sent<Vec<Change>>,
) -> Result<Done, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let (changes, warnings) = sent.strict()?;
    let changes: Result<Vec<by_entra::Change>, Error> =
        changes.into_iter().map(|change| meant(tx.conn, &group, change)).collect();
    let done = by_entra::change(tx, group, changes?)?;
    Ok(reported(done, warnings, StatusCode::OK))
}

pub(super) fn delete(tx: &mut Tx, id: &str, version: &Precondition) -> Result<Done, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let subject = Some(group.name.clone());
    let changes = by_entra::remove(tx, &group)?;
    let told = Told { subject, changes, status: 204, ..Told::default() };
    Ok(Done { shown: Shown::Nothing(format!("/Groups/{id}")), told })
}

/// The group as SCIM speaks of it; without its members where those are not wanted.
pub(super) fn resource(
    conn: &mut Conn,
    group: &Group,
    with_members: bool,
    base: &str,
) -> Result<scim::Group, Error> {
    let members = if with_members { groups::members_for_entra(conn, &group.id)? } else { Vec::new() };
    Ok(mapping::group(group, members, base))
}

fn wish(wanted: Wanted) -> by_entra::Wish {
    by_entra::Wish { name: wanted.display_name, external_id: wanted.external_id, members: wanted.members }
}

/// The change in the domain's words: members whom a filter describes are named.
fn meant(conn: &mut Conn, group: &Group, change: Change) -> Result<by_entra::Change, Error> {
    Ok(match change {
        Change::Name(name) => by_entra::Change::Name(name),
        Change::ExternalId(id) => by_entra::Change::ExternalId(id),
        Change::Add(ids) => by_entra::Change::Add(ids),
        Change::Remove(ids) => by_entra::Change::Remove(ids),
        Change::Replace(ids) => by_entra::Change::Replace(ids),
        Change::RemoveWhere(filter) => {
            let members = groups::members_for_entra(conn, &group.id)?;
            let shown = json!(mapping::group(group, members, ""));
            let attribute = find(GROUP.attributes, MEMBERS);
            let all = shown.get(MEMBERS).and_then(Value::as_array).into_iter().flatten();
            let chosen = all
                .filter(|member| attribute.is_some_and(|attribute| value_meets(&filter, attribute, member)))
                .filter_map(|member| member.get("value")?.as_str().map(str::to_owned));
            by_entra::Change::Remove(chosen.collect())
        }
    })
}

/// What was done, without the members: whoever answers with them loads them, once it is on disk.
fn reported(done: by_entra::Done, left_out: Vec<String>, status: StatusCode) -> Done {
    let told = Told {
        subject: Some(done.group.name.clone()),
        changes: done.changes,
        warnings: left_out.into_iter().chain(done.warnings).collect(),
        status: status.as_u16(),
        ..Told::default()
    };
    Done { shown: Shown::Group(Box::new(done.group), Vec::new()), told }
}

/// Answers a write, with the members where they are shown. They are read once it is on disk: a group may have tens of
/// thousands, and nobody else waits for that.
async fn written(client: &Client, (shown, status): (Shown, u16), projection: &Projection) -> Answer {
    let shows_members = status != StatusCode::NO_CONTENT && !projection.leaves_out(MEMBERS);
    let shown = match shown {
        Shown::Group(group, _) if shows_members => {
            let id = group.id.clone();
            Shown::Group(group, client.look(move |conn| groups::members_for_entra(conn, &id)).await?)
        }
        shown => shown,
    };
    respond::written(client, (shown, status), projection)
}
