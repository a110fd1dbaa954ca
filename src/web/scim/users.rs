//! Users by SCIM: each operation reads, calls the domain, answers. A bulk request calls the same.

use super::client::{Body, Client, LogDetails};
use super::precondition::Precondition;
use super::respond::ScimResult;
use super::{InTheWay, Refusal, Representation, WriteResponse, mapping, projection, respond};
use crate::db::Conn;
use crate::domain::provisioning::{Operation, remedy_for_namesake, remedy_for_rename};
use crate::domain::users::by_entra::{self, EntraUser, ExplicitFields, Scope, SiteWish, UserInput};
use crate::domain::users::{EntraState, Reach, leaver, named};
use crate::domain::{Noted, Tx, groups};
use crate::error::Error;
use crate::keys::UserId;
use crate::scim::Fault;
use crate::scim::patch::Patch;
use crate::scim::project::Projection;
use crate::scim::tolerance::Sent;
use crate::scim::user::User;
use actix_web::HttpRequest;
use actix_web::web::Path;
use serde_json::Value;
use std::collections::HashMap;

pub(super) async fn get(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    let projection = projection(&client, Operation::Get, &request)?;
    let done = client.read_at_once(Operation::Get, move |conn, scope| {
        let known = by_entra::get(conn, scope, &id)?;
        let told = LogDetails { subject: Some(known.user.name()), status: 200, ..LogDetails::default() };
        Ok((Representation::User(Box::new(known)), Operation::Get, told))
    });
    respond::read(&client, done.await?, &Precondition::of(&request), &projection).await
}

pub(super) async fn post(client: Client, request: HttpRequest, body: Body) -> ScimResult {
    let projection = projection(&client, Operation::Create, &request)?;
    let sent = body.0.and_then(|body| User::read(&body, &User::default()));
    let sent = sent.map_err(|fault| client.refuse(Operation::Create, fault.into()))?;
    let subject = Some(sent.wish.user_name.clone());
    let done = client.write(Operation::Create, subject, move |tx, _| create(tx, sent));
    respond::written(&client, done.await?, &projection).await
}

pub(super) async fn put(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> ScimResult {
    changed(client, Operation::Replace, request, id, body.0.map(UserUpdate::Whole)).await
}

pub(super) async fn patch(client: Client, request: HttpRequest, id: Path<String>, body: Body) -> ScimResult {
    let wanted = body.0.and_then(|body| Patch::read(&body)).map(UserUpdate::Parts);
    changed(client, Operation::Change, request, id, wanted).await
}

async fn changed(
    client: Client,
    operation: Operation,
    request: HttpRequest,
    id: Path<String>,
    wanted: Result<UserUpdate, Fault>,
) -> ScimResult {
    let wanted = wanted.map_err(|fault| client.refuse(operation, fault.into()))?;
    let projection = projection(&client, operation, &request)?;
    let (seen, known_version) = (client.scope, Precondition::of(&request));
    let prepare = move |conn: &mut Conn| Ok((prepare(conn, seen, &id, &wanted)?, id, wanted));
    let (prepared, id, wanted) = client.read_one(prepare).await?;
    let done = client.write(operation, None, move |tx, scope| {
        let prepared = prepared.filter(|_| scope == seen);
        change(tx, scope, &id, &known_version, &wanted, prepared)
    });
    respond::written(&client, done.await?, &projection).await
}

pub(super) async fn remove(client: Client, request: HttpRequest, id: Path<String>) -> ScimResult {
    let known_version = Precondition::of(&request);
    let done = client.write(Operation::Delete, None, move |tx, scope| delete(tx, scope, &id, &known_version));
    respond::written(&client, done.await?, &Projection::default()).await
}

/// What a client wants of a user that there is.
pub(super) enum UserUpdate {
    /// This, in place of what there is.
    Whole(Value),
    /// These changes.
    Parts(Patch),
}

pub(super) fn create(tx: &mut Tx, sent: Sent<User>) -> Result<Noted<WriteResponse>, Refusal> {
    // The one account that a create may bar is one that comes back.
    let bars = sent.bars && by_entra::comes_back(tx.conn, &sent.wish.user_name)?;
    let (user, warnings) = if bars { sent.tolerated() } else { sent.strict()? };
    let wish = mapping::wish(user, true, SiteWish::Absent);
    let (user_name, external_id) = (wish.profile.user_name.clone(), wish.profile.external_id.clone());
    match by_entra::create(tx, wish) {
        Err(taken @ Error::Taken(_)) => Err(collision(tx.conn, taken, &user_name, external_id)?),
        other => Ok(other?.map(|done| reported(done, warnings, 201))),
    }
}

pub(super) fn change(
    tx: &mut Tx,
    scope: Scope,
    id: &str,
    version: &Precondition,
    wanted: &UserUpdate,
    prepared: Option<Prepared>,
) -> Result<Noted<WriteResponse>, Refusal> {
    let prepared = match prepared {
        Some((known, sent)) if by_entra::is_current(tx.conn, &known)? => Some((known, sent)),
        _ => None,
    };
    let (known, sent) = match prepared {
        Some(prepared) => prepared,
        None => {
            let known = by_entra::get(tx.conn, scope, id)?;
            let sent = understood(&known, wanted)?;
            (known, sent)
        }
    };
    version.check(known.user.version)?;
    let bars = sent.bars;
    let says = ExplicitFields { inactive: bars, user_name: sent.names_user };
    let no_site = match wanted {
        _ if !sent.names_site => SiteWish::Unsaid,
        UserUpdate::Whole(_) => SiteWish::Absent,
        UserUpdate::Parts(_) => SiteWish::Removed,
    };
    let (user, warnings) = if bars { sent.tolerated() } else { sent.strict()? };
    let wish = mapping::wish(user, known.user.active_for_entra(), no_site);
    if !bars {
        return Ok(store(tx, known, wish)?.map(|done| reported(done.telling_holds(says), warnings, 200)));
    }
    let (id, user_name) = (known.user.id.clone(), wish.profile.user_name.clone());
    let (done, noted) = leaver::bar(tx, known, wish)?.split();
    // What would have been refused tells of it as the refusal would.
    let remedy =
        if done.warnings.is_empty() { None } else { remedy_for_rename(tx.conn, &user_name, Some(&id))? };
    let done = reported(done.telling_holds(says), warnings, 200);
    Ok(noted.with(WriteResponse { told: LogDetails { remedy, ..done.told }, ..done }))
}

/// An account and what a change would make of it: worked out before the one writer is asked, which is then free for
/// others. Where that can't be done, the writer finds out why.
type Prepared = (EntraUser, Sent<User>);

fn prepare(conn: &mut Conn, scope: Scope, id: &str, wanted: &UserUpdate) -> Result<Option<Prepared>, Error> {
    match by_entra::get(conn, scope, id) {
        Ok(known) => Ok(understood(&known, wanted).ok().map(|sent| (known, sent))),
        Err(Error::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn understood(known: &EntraUser, wanted: &UserUpdate) -> Result<Sent<User>, Refusal> {
    // Groups are read-only here and the address is told, not stored: a change needs neither.
    let current = mapping::resource(known, &[], "")?;
    match wanted {
        UserUpdate::Whole(body) => Ok(User::read(body, &current)?),
        UserUpdate::Parts(patch) => Ok(patch.apply(&current)),
    }
}

pub(super) fn delete(
    tx: &mut Tx,
    scope: Scope,
    id: &str,
    version: &Precondition,
) -> Result<Noted<WriteResponse>, Refusal> {
    let known = by_entra::get(tx.conn, scope, id)?;
    version.check(known.user.version)?;
    let ((user, warning), noted) = by_entra::remove(tx, known)?.split();
    let held = warning.is_some();
    let told = LogDetails {
        user_id: Some(user.id.clone()),
        subject: Some(user.name()),
        warnings: warning.into_iter().collect(),
        held,
        status: 204,
        ..LogDetails::default()
    };
    Ok(noted.with(WriteResponse { shown: Representation::Nothing(format!("/Users/{id}")), told }))
}

/// The users as SCIM speaks of them; without their groups where those are not wanted.
pub(super) fn resources(
    conn: &mut Conn,
    rows: &[EntraUser],
    with_groups: bool,
    base: &str,
) -> Result<Vec<User>, Error> {
    let ids: Vec<&UserId> = rows.iter().map(|known| &known.user.id).collect();
    let groups =
        if ids.is_empty() || !with_groups { HashMap::new() } else { groups::of_users_for_entra(conn, &ids)? };
    let shown = rows.iter().map(|known| {
        let groups = groups.get(&known.user.id).map(Vec::as_slice).unwrap_or_default();
        mapping::resource(known, groups, base)
    });
    shown.collect()
}

/// A create met an account: where that isn't linked, an administrator decides. Who it is, only the log says.
fn collision(
    conn: &mut Conn,
    taken: Error,
    user_name: &str,
    external_id: Option<String>,
) -> Result<Refusal, Error> {
    let Some(met) = named(conn, user_name)? else {
        let remedy = remedy_for_rename(conn, user_name, None)?;
        return Ok(Refusal { remedy, ..Refusal::from(taken) });
    };
    let remedy = remedy_for_namesake(&met);
    let may_be_linked = met.entra_state == EntraState::Unlinked && met.reach() == Reach::There;
    let in_the_way = may_be_linked.then(|| Box::new(InTheWay { user_id: met.id, external_id }));
    Ok(Refusal { in_the_way, ..Refusal::from(taken).with_remedy(remedy) })
}

/// Makes the account what was wished. Where another has the user name, the log says which.
fn store(tx: &mut Tx, known: EntraUser, wish: UserInput) -> Result<Noted<by_entra::WrittenUser>, Refusal> {
    let (id, user_name) = (known.user.id.clone(), wish.profile.user_name.clone());
    match by_entra::change(tx, known, wish) {
        Err(taken @ Error::Taken(_)) => {
            let remedy = remedy_for_rename(tx.conn, &user_name, Some(&id))?;
            Err(Refusal { remedy, ..Refusal::from(taken) })
        }
        other => Ok(other?),
    }
}

/// `left_out`: what of the request was not taken; the rules add what they did not do.
fn reported(done: by_entra::WrittenUser, left_out: Vec<String>, status: u16) -> WriteResponse {
    let warnings = left_out.into_iter().chain(done.warnings).collect();
    let told = LogDetails { changes: done.changes, warnings, held: done.held, ..LogDetails::default() };
    shown(done.known, status, told)
}

fn shown(known: EntraUser, status: u16, told: LogDetails) -> WriteResponse {
    let told =
        LogDetails { user_id: Some(known.user.id.clone()), subject: Some(known.user.name()), status, ..told };
    WriteResponse { shown: Representation::User(Box::new(known)), told }
}
