//! Groups by SCIM: each operation reads, calls the domain, answers. A bulk request calls the same.

use super::client::{Body, Client, LogDetails};
use super::precondition::Precondition;
use super::respond::ScimResult;
use super::{Refusal, Representation, WriteResponse, mapping, members, projection, respond};
use crate::db::Conn;
use crate::domain::groups::by_entra::{self, Prepared};
use crate::domain::groups::{self, Group, Member};
use crate::domain::provisioning::Operation;
use crate::domain::{Noted, Tx};
use crate::error::Error;
use crate::scim::evaluate::value_meets;
use crate::scim::group::{self as scim, Change, GroupBody, read_changes};
use crate::scim::project::Projection;
use crate::scim::schema::{GROUP, find};
use crate::scim::tolerance::Sent;
use actix_web::HttpRequest;
use actix_web::http::{StatusCode, Version};
use actix_web::web::Path;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const MEMBERS: &str = "members";
/// So many members are compared in the transaction itself.
const FEW: usize = 100;

pub(super) async fn get(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    let projection = projection(&client, Operation::GetGroup, &request)?;
    let without_members = projection.leaves_out(MEMBERS);
    // Of an answer in parts, older clients could not tell the end from a connection that broke off (RFC 9112 section 6.1).
    let in_parts = request.version() >= Version::HTTP_11;
    let read = client.read(Operation::GetGroup, move |conn, _| {
        let group = by_entra::get(conn, &id)?;
        let told = LogDetails { subject: Some(group.name.clone()), status: 200, ..LogDetails::default() };
        let until = if without_members { None } else { groups::last_place(conn, &group.id)? };
        let (members, is_large) = match &until {
            Some(until) => some_or_all(conn, &group, until, in_parts)?,
            None => (Vec::new(), false),
        };
        Ok(((group, members, until.filter(|_| is_large)), Operation::GetGroup, told))
    });
    let (group, members, until) = read.await?;
    let known_version = Precondition::of(&request);
    if let Some(until) = until {
        let (org, base) = (client.org().clone(), client.base.clone());
        return members::answer(org, base, (group, until), &known_version, projection);
    }
    respond::read(&client, Representation::Group(Box::new(group), members), &known_version, &projection).await
}

/// The members, or only the first of very many if they may be answered in parts; and whether they are so many.
fn some_or_all(
    conn: &mut Conn,
    group: &Group,
    until: &str,
    in_parts: bool,
) -> Result<(Vec<Member>, bool), Error> {
    let (members, more) = groups::members_between(conn, &group.id, None, until, members::AT_ONCE)?;
    match more {
        Some(_) if in_parts => Ok((members, true)),
        Some(_) => Ok((groups::members_for_entra(conn, &group.id)?, false)),
        None => Ok((members, false)),
    }
}

pub(super) async fn post(client: Client, request: HttpRequest, body: Body) -> ScimResult {
    let projection = projection(&client, Operation::CreateGroup, &request)?;
    let sent = body.0.and_then(|body| GroupBody::read(&body, None));
    let sent = sent.map_err(|fault| client.refuse(Operation::CreateGroup, fault.into()))?;
    let subject = Some(sent.wish.display_name.clone());
    let done = client.write(Operation::CreateGroup, subject, move |tx, _| create(tx, sent));
    written(&client, done.await?, &projection).await
}

pub(super) async fn put(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> ScimResult {
    let body = body.0.map_err(|fault| client.refuse(Operation::ReplaceGroup, fault.into()))?;
    let projection = projection(&client, Operation::ReplaceGroup, &request)?;
    let known_version = Precondition::of(&request);
    let (id, body) = (id.into_inner(), Arc::new(body));
    let (group, wanted) = (id.clone(), body.clone());
    let prepared = client.read_unlogged(move |conn| Ok(prepare_replacing(conn, &group, &wanted))).await;
    let done = client.write(Operation::ReplaceGroup, None, move |tx, _| {
        replace(tx, &id, &known_version, &body, prepared.ok().flatten())
    });
    written(&client, done.await?, &projection).await
}

/// Entra ID wants no body back; whoever names attributes gets one (RFC 7644 section 3.5.2).
pub(super) async fn patch(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> ScimResult {
    let sent = body.0.and_then(|body| read_changes(&body));
    let sent = sent.map_err(|fault| client.refuse(Operation::ChangeGroup, fault.into()))?;
    let known_version = Precondition::of(&request);
    let projection = projection(&client, Operation::ChangeGroup, &request)?;
    let wants_body = !projection.attributes.is_empty();
    let prepared = if takes_long(&sent.wish) {
        let (id, changes) = (id.clone(), sent.wish.clone());
        client.read_unlogged(move |conn| Ok(prepare_changing(conn, &id, changes))).await.ok().flatten()
    } else {
        None
    };
    let done = client.write(Operation::ChangeGroup, None, move |tx, _| {
        let done = change(tx, &id, &known_version, sent, prepared)?;
        let status = if wants_body { 200 } else { 204 };
        Ok(done.map(|done| WriteResponse { told: LogDetails { status, ..done.told }, ..done }))
    });
    written(&client, done.await?, &projection).await
}

pub(super) async fn remove(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    let known_version = Precondition::of(&request);
    let done = client.write(Operation::DeleteGroup, None, move |tx, _| delete(tx, &id, &known_version));
    respond::written(&client, done.await?, &Projection::default()).await
}

pub(super) fn create(tx: &mut Tx, sent: Sent<GroupBody>) -> Result<Noted<WriteResponse>, Refusal> {
    let (wanted, warnings) = sent.strict()?;
    let done = by_entra::create(tx, wish(wanted))?;
    Ok(done.map(|done| reported(done, warnings, StatusCode::CREATED)))
}

pub(super) fn replace(
    tx: &mut Tx,
    id: &str,
    version: &Precondition,
    body: &Value,
    prepared: Option<Replacing>,
) -> Result<Noted<WriteResponse>, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let prepared = prepared.and_then(|(prepared, warnings)| Some((prepared.of(&group)?, warnings)));
    let (changes, warnings) = match prepared {
        Some(prepared) => prepared,
        None => {
            let (wanted, warnings) = GroupBody::read(body, Some(&as_it_is(&group)))?.strict()?;
            (by_entra::as_changes(wish(wanted)), warnings)
        }
    };
    let done = by_entra::change(tx, group, changes)?;
    Ok(done.map(|done| reported(done, warnings, StatusCode::OK)))
}

pub(super) fn change(
    tx: &mut Tx,
    id: &str,
    version: &Precondition,
    sent: Sent<Vec<Change>>,
    prepared: Option<Prepared>,
) -> Result<Noted<WriteResponse>, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let (changes, warnings) = sent.strict()?;
    let changes = match prepared.and_then(|prepared| prepared.of(&group)) {
        Some(changes) => changes,
        None => all_meant(tx.conn, &group, changes)?,
    };
    let done = by_entra::change(tx, group, changes)?;
    Ok(done.map(|done| reported(done, warnings, StatusCode::OK)))
}

/// What was found out before the transaction, and what was left out of the request.
pub(super) type Replacing = (Prepared, Vec<String>);

/// Reads the body and compares it with the group before the transaction, in which all others wait. None where that cannot
/// be: then the transaction says why.
fn prepare_replacing(conn: &mut Conn, id: &str, body: &Value) -> Option<Replacing> {
    let group = by_entra::get(conn, id).ok()?;
    let (wanted, warnings) = GroupBody::read(body, Some(&as_it_is(&group))).ok()?.strict().ok()?;
    Some((by_entra::prepare(conn, &group, by_entra::as_changes(wish(wanted))).ok()?, warnings))
}

/// As [`prepare_replacing`], for a PATCH.
fn prepare_changing(conn: &mut Conn, id: &str, changes: Vec<Change>) -> Option<Prepared> {
    let group = by_entra::get(conn, id).ok()?;
    let changes = all_meant(conn, &group, changes).ok()?;
    by_entra::prepare(conn, &group, changes).ok()
}

/// Whether members are compared who may be many.
fn takes_long(changes: &[Change]) -> bool {
    let named = changes.iter().map(|change| match change {
        Change::Add(ids) | Change::Remove(ids) => ids.len(),
        Change::RemoveWhere(filter) if scim::only_member(filter).is_some() => 1,
        Change::RemoveWhere(_) | Change::Replace(_) => FEW + 1,
        Change::Name(_) | Change::ExternalId(_) => 0,
    });
    named.sum::<usize>() > FEW
}

fn as_it_is(group: &Group) -> GroupBody {
    let (display_name, external_id) = (group.name.clone(), group.external_id.clone());
    GroupBody { display_name, external_id, members: Vec::new() }
}

pub(super) fn delete(tx: &mut Tx, id: &str, version: &Precondition) -> Result<Noted<WriteResponse>, Refusal> {
    let group = by_entra::get(tx.conn, id)?;
    version.check(group.version)?;
    let subject = Some(group.name.clone());
    let (changes, noted) = by_entra::remove(tx, &group)?.split();
    let told = LogDetails { subject, changes, status: 204, ..LogDetails::default() };
    Ok(noted.with(WriteResponse { shown: Representation::Nothing(format!("/Groups/{id}")), told }))
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

fn wish(wanted: GroupBody) -> by_entra::GroupInput {
    by_entra::GroupInput {
        name: wanted.display_name,
        external_id: wanted.external_id,
        members: wanted.members,
    }
}

fn all_meant(conn: &mut Conn, group: &Group, changes: Vec<Change>) -> Result<Vec<by_entra::Change>, Error> {
    changes.into_iter().map(|change| meant(conn, group, change)).collect()
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
            let members = match scim::only_member(&filter) {
                Some(id) => groups::members_among(conn, group, &[id.to_owned()])?,
                None => groups::members_for_entra(conn, &group.id)?,
            };
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
fn reported(done: by_entra::WrittenGroup, left_out: Vec<String>, status: StatusCode) -> WriteResponse {
    let told = LogDetails {
        subject: Some(done.group.name.clone()),
        changes: done.changes,
        warnings: left_out.into_iter().chain(done.warnings).collect(),
        status: status.as_u16(),
        ..LogDetails::default()
    };
    WriteResponse { shown: Representation::Group(Box::new(done.group), Vec::new()), told }
}

/// Answers a write, with the members where they are shown. They are read once it is on disk: a group may have tens of
/// thousands, and nobody else waits for that.
async fn written(
    client: &Client,
    (shown, status): (Representation, u16),
    projection: &Projection,
) -> ScimResult {
    let shows_members = status != StatusCode::NO_CONTENT && !projection.leaves_out(MEMBERS);
    let shown = match shown {
        Representation::Group(group, _) if shows_members => {
            let id = group.id.clone();
            Representation::Group(
                group,
                client.read_unlogged(move |conn| groups::members_for_entra(conn, &id)).await?,
            )
        }
        shown => shown,
    };
    respond::written(client, (shown, status), projection).await
}
