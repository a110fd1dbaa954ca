//! Many operations in one request (RFC 7644 section 3.7), in one transaction: each is kept or undone by itself, and a
//! crash keeps all or none.

use super::client::{Body, Client, Told};
use super::log::Asked;
use super::precondition::Precondition;
use super::users::{self, Wanted};
use super::{Done, Refusal, groups, json};
use crate::domain::Tx;
use crate::domain::provisioning::Operation as Logged;
use crate::domain::users::by_entra::Scope;
use crate::scim::bulk::{Bulk, Method, Operation, Wish};
use crate::scim::group;
use crate::scim::message::BULK_RESPONSE;
use crate::scim::patch::Patch;
use crate::scim::schema::USERS;
use crate::scim::user::User;
use crate::scim::{Fault, ScimType};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json as value};
use std::collections::{BTreeSet, HashMap};

pub(super) async fn post(client: Client, body: Body) -> Result<HttpResponse, Refusal> {
    let bulk = body.0.and_then(|body| Bulk::read(&body));
    let bulk = bulk.map_err(|fault| client.refuse(Logged::Bulk, fault.into()))?;
    let base = client.base.clone();
    let results = client.write_many(move |tx, scope| {
        let mut run =
            Run { scope, base: &base, known: HashMap::new(), results: Vec::new(), notes: Vec::new() };
        run.all(tx, bulk);
        (run.results, run.notes)
    });
    let results: Vec<Value> = results.await?.into_iter().map(|(_, result)| result).collect();
    let body = value!({ "schemas": [BULK_RESPONSE], "Operations": results });
    Ok(json(StatusCode::OK, &body))
}

/// What is noted of one operation.
pub(super) type Note = (Logged, Asked, Result<Told, Refusal>);

struct Run<'a> {
    scope: Scope,
    base: &'a str,
    /// The ids of what was made, by the client's names.
    known: HashMap<String, String>,
    /// The results, with the place of their operation.
    results: Vec<(usize, Value)>,
    notes: Vec<Note>,
}

impl Run<'_> {
    fn all(&mut self, tx: &mut Tx, bulk: Bulk) {
        let most = bulk.fail_on_errors.unwrap_or(u64::MAX);
        let mut waiting: Vec<(usize, Operation)> = bulk.operations.into_iter().enumerate().collect();
        let mut circular: Vec<(usize, Operation)> = Vec::new();
        let mut failures = 0;
        while !waiting.is_empty() && failures < most {
            let named: BTreeSet<String> = waiting.iter().filter_map(|(_, each)| makes(each)).collect();
            let ready = waiting.iter().position(|(_, each)| !waits(each, &named, &self.known));
            // Where all wait for each other, one is made without what it waits for, and gets it at the end.
            let (place, operation) = waiting.remove(ready.unwrap_or(0));
            if ready.is_none() {
                circular.push((place, operation.clone()));
            }
            let tolerate = ready.is_none().then_some(&named);
            failures += u64::from(!self.one(tx, place, &operation, tolerate));
        }
        for (place, operation) in circular {
            self.complete(tx, place, &operation);
        }
        self.results.sort_by_key(|(place, _)| *place);
    }

    /// Does one operation; answers whether it went well.
    fn one(
        &mut self,
        tx: &mut Tx,
        place: usize,
        operation: &Operation,
        tolerate: Option<&BTreeSet<String>>,
    ) -> bool {
        let outcome = operation.wish.clone().map_err(Refusal::from).and_then(|wish| {
            for name in wish.references() {
                if !self.known.contains_key(&name) && !tolerate.is_some_and(|names| names.contains(&name)) {
                    let detail = format!("Nothing was made under the bulkId “{name}”.");
                    return Err(Fault::bad(ScimType::InvalidValue, detail).into());
                }
            }
            let wish = wish.resolved(&self.known);
            let version = Precondition::of_version(operation.version.as_deref());
            let scope = self.scope;
            tx.nested(|tx| perform(tx, scope, &wish, &version))
        });
        let meant = operation.wish.as_ref().ok().map(|wish| wish.resolved(&self.known));
        let (logged, asked) =
            (meant.as_ref().map_or(Logged::Bulk, logged), Asked::of_operation(operation, meant.as_ref()));
        let good = outcome.is_ok();
        let result = match outcome {
            Ok(done) => {
                if let (Some(name), Some(id)) = (&operation.bulk_id, done.shown.id()) {
                    self.known.insert(name.clone(), id.to_owned());
                }
                let result = self.succeeded(operation, &done);
                self.notes.push((logged, asked, Ok(done.told)));
                result
            }
            Err(refusal) => {
                let result = self.failed(operation, &refusal);
                self.notes.push((logged, asked, Err(refusal)));
                result
            }
        };
        self.results.push((place, result));
        good
    }

    /// What was made without all it refers to becomes what was asked for.
    fn complete(&mut self, tx: &mut Tx, place: usize, operation: &Operation) {
        let Ok(wish) = &operation.wish else { return };
        let Some(id) = operation.bulk_id.as_ref().and_then(|name| self.known.get(name)) else { return };
        let whole = Wish { method: Method::Put, id: Some(id.clone()), ..wish.resolved(&self.known) };
        let scope = self.scope;
        let outcome = tx.nested(|tx| perform(tx, scope, &whole, &Precondition::default()));
        let asked = Asked::of_operation(operation, Some(&whole));
        let done = match outcome {
            Ok(done) => done,
            Err(refusal) => return self.notes.push((logged(&whole), asked, Err(refusal))),
        };
        if let Some((_, result)) = self.results.iter_mut().find(|(at, _)| *at == place)
            && let Some(version) = done.shown.version()
        {
            result["version"] = super::mapping::etag(version).into();
        }
        self.notes.push((logged(&whole), asked, Ok(done.told)));
    }

    fn succeeded(&self, operation: &Operation, done: &Done) -> Value {
        let mut result = result(operation, done.told.status);
        result["location"] = done.shown.location(self.base).into();
        if let Some(version) = done.shown.version() {
            result["version"] = super::mapping::etag(version).into();
        }
        result
    }

    fn failed(&self, operation: &Operation, refusal: &Refusal) -> Value {
        let mut result = result(operation, refusal.fault.status);
        // Not for a POST, which made nothing that had an address (RFC 7644 section 3.7.3).
        if let Ok(Wish { kind, id: Some(id), .. }) = &operation.wish {
            result["location"] = format!("{}{}/{id}", self.base, kind.endpoint).into();
        }
        result["response"] = refusal.fault.to_json();
        result
    }
}

fn result(operation: &Operation, status: u16) -> Value {
    let mut result = value!({ "method": operation.method });
    if let Some(name) = &operation.bulk_id {
        result["bulkId"] = name.clone().into();
    }
    result["status"] = status.to_string().into();
    result
}

/// The name under which an operation makes something.
fn makes(operation: &Operation) -> Option<String> {
    let wish = operation.wish.as_ref().ok()?;
    operation.bulk_id.clone().filter(|_| wish.method == Method::Post)
}

/// Whether an operation refers to something that is still to be made.
fn waits(operation: &Operation, named: &BTreeSet<String>, known: &HashMap<String, String>) -> bool {
    let Ok(wish) = &operation.wish else { return false };
    wish.references().iter().any(|name| !known.contains_key(name) && named.contains(name))
}

fn perform(tx: &mut Tx, scope: Scope, wish: &Wish, version: &Precondition) -> Result<Done, Refusal> {
    let id = wish.id.as_deref().unwrap_or_default();
    let is_user = std::ptr::eq(wish.kind, &raw const USERS);
    match (wish.method, is_user) {
        (Method::Post, true) => users::create(tx, User::read(&wish.data, &User::default())?),
        (Method::Put, true) => users::change(tx, scope, id, version, &Wanted::Whole(wish.data.clone()), None),
        (Method::Patch, true) => {
            users::change(tx, scope, id, version, &Wanted::Parts(Patch::read(&wish.data)?), None)
        }
        (Method::Delete, true) => users::delete(tx, scope, id, version),
        (Method::Post, false) => groups::create(tx, group::Wanted::read(&wish.data, None)?),
        (Method::Put, false) => groups::replace(tx, id, version, &wish.data),
        (Method::Patch, false) => groups::change(tx, id, version, group::read_changes(&wish.data)?),
        (Method::Delete, false) => groups::delete(tx, id, version),
    }
}

fn logged(wish: &Wish) -> Logged {
    match (wish.method, wish.kind.name) {
        (Method::Post, "User") => Logged::Create,
        (Method::Put, "User") => Logged::Replace,
        (Method::Patch, "User") => Logged::Change,
        (Method::Delete, "User") => Logged::Delete,
        (Method::Post, _) => Logged::CreateGroup,
        (Method::Put, _) => Logged::ReplaceGroup,
        (Method::Patch, _) => Logged::ChangeGroup,
        (Method::Delete, _) => Logged::DeleteGroup,
    }
}
