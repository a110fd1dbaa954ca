//! Many operations in one request (RFC 7644 section 3.7), in one transaction: each is kept or undone by itself, and a
//! crash keeps all or none.

use super::client::{Body, Client, LogDetails};
use super::log::RequestSummary;
use super::precondition::Precondition;
use super::users::{self, UserUpdate};
use super::{Refusal, WriteResponse, groups, json};
use crate::domain::provisioning::Operation as Logged;
use crate::domain::users::by_entra::Scope;
use crate::domain::{Noted, Tx};
use crate::error::{Error, Outage};
use crate::scim::bulk::{Bulk, BulkOperation, Method, Operation, Step, in_order, is_reference};
use crate::scim::group;
use crate::scim::message::BULK_RESPONSE;
use crate::scim::patch::Patch;
use crate::scim::schema::{Resource, USERS};
use crate::scim::user::User;
use crate::scim::{Fault, ScimType};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json as value};
use std::collections::{BTreeSet, HashMap};

/// So many names that stand for nothing are told of one operation, and so much of each.
const MOST_NAMES_SHOWN: usize = 20;
const LONGEST_NAME_SHOWN: usize = 60;

pub(super) async fn post(client: Client, body: Body) -> Result<HttpResponse, Refusal> {
    let bulk = body.0.and_then(|body| Bulk::read(&body));
    let bulk = bulk.map_err(|fault| client.refuse(Logged::Bulk, fault.into()))?;
    let base = client.base.clone();
    let most = bulk.fail_on_errors.unwrap_or(u64::MAX);
    // Others wait while the one writer is busy: what can be found out before is.
    let steps = in_order(bulk.operations);
    let results = client.write_many(move |tx, scope| {
        let mut run = Run {
            scope,
            base: &base,
            known: HashMap::new(),
            results: Vec::new(),
            notes: Vec::new(),
            outage: None,
        };
        run.all(tx, &steps, most);
        match run.outage {
            // The engine may have undone the whole already: nothing of it is kept.
            Some(outage) => Err(Error::unavailable(outage, "a bulk request was undone")),
            None => Ok((run.results, run.notes)),
        }
    });
    let results: Vec<Value> = results.await?.into_iter().map(|(_, result)| result).collect();
    let body = value!({ "schemas": [BULK_RESPONSE], "Operations": results });
    Ok(json(StatusCode::OK, &body))
}

/// What is noted of one operation.
pub(super) type Note = (Logged, RequestSummary, Result<LogDetails, Refusal>);

struct Run<'a> {
    scope: Scope,
    base: &'a str,
    /// The ids of what was made, by the client's names.
    known: HashMap<String, String>,
    /// The results, with the place of their operation.
    results: Vec<(usize, Value)>,
    notes: Vec<Note>,
    /// What kept an operation from the database.
    outage: Option<Outage>,
}

impl Run<'_> {
    fn all(&mut self, tx: &mut Tx, steps: &[Step], most: u64) {
        let mut failures = 0;
        let mut done = 0;
        for step in steps {
            if failures >= most {
                break;
            }
            failures += u64::from(!self.one(tx, step));
            if self.outage.is_some() {
                return;
            }
            done += 1;
        }
        for step in steps[..done].iter().filter(|step| step.is_early) {
            self.complete(tx, step.place, &step.operation);
        }
        self.results.sort_by_key(|(place, _)| *place);
    }

    /// Does one operation; answers whether it went well.
    fn one(&mut self, tx: &mut Tx, Step { place, operation, is_early }: &Step) -> bool {
        let meant = operation.wish.as_ref().ok().map(|wish| wish.resolved(&self.known));
        let outcome = match (&operation.wish, &meant) {
            (Err(fault), _) => Err(Refusal::from(fault.clone())),
            (Ok(_), None) => Err(Error::internal("a wish was lost").into()),
            // Without what it is to change there is nothing to do.
            (Ok(_), Some((wish, _))) if wish.id.as_deref().is_some_and(is_reference) => {
                let detail = "Nothing was made under the bulkId that the path names.";
                Err(Fault::bad(ScimType::InvalidValue, detail).into())
            }
            (Ok(_), Some((wish, unknown))) => {
                let version = Precondition::of_version(operation.version.as_deref());
                let scope = self.scope;
                let left_out = if *is_early { Vec::new() } else { not_made(unknown) };
                let done = tx.nested(|tx| perform(tx, scope, wish, &version));
                done.map(|done| {
                    let (mut done, _) = done.split();
                    done.told.warnings.extend(left_out);
                    done
                })
            }
        };
        let meant = meant.map(|(wish, _)| wish);
        let (logged, asked) = (logged(operation), RequestSummary::of_operation(operation, meant.as_ref()));
        let good = outcome.is_ok();
        let result = match outcome {
            Ok(done) => {
                if let (Some(name), Some(id)) = (operation.makes(), done.shown.id()) {
                    self.known.insert(name.to_owned(), id.to_owned());
                }
                let result = self.succeeded(operation, &done);
                self.notes.push((logged, asked, Ok(done.told)));
                result
            }
            Err(refusal) => {
                self.outage = refusal.outage;
                let result = self.failed(operation, &refusal);
                self.notes.push((logged, asked, Err(refusal)));
                result
            }
        };
        self.results.push((*place, result));
        good
    }

    /// What was made without all it refers to becomes what was asked for.
    fn complete(&mut self, tx: &mut Tx, place: usize, operation: &Operation) {
        let Ok(wish) = &operation.wish else { return };
        let Some(id) = operation.bulk_id.as_ref().and_then(|name| self.known.get(name)) else { return };
        let (resolved, unknown) = wish.resolved(&self.known);
        let whole = BulkOperation { method: Method::Put, id: Some(id.clone()), ..resolved };
        let scope = self.scope;
        let outcome = tx.nested(|tx| perform(tx, scope, &whole, &Precondition::default()));
        let asked = RequestSummary::of_operation(operation, Some(&whole));
        let replaced = logged_as(Method::Put, whole.kind);
        let mut done = match outcome {
            Ok(done) => done.split().0,
            Err(refusal) => {
                self.outage = self.outage.or(refusal.outage);
                return self.notes.push((replaced, asked, Err(refusal)));
            }
        };
        done.told.warnings.extend(not_made(&unknown));
        if let Some((_, result)) = self.results.iter_mut().find(|(at, _)| *at == place)
            && let Some(version) = done.shown.version()
        {
            result["version"] = super::mapping::etag(version).into();
        }
        self.notes.push((replaced, asked, Ok(done.told)));
    }

    fn succeeded(&self, operation: &Operation, done: &WriteResponse) -> Value {
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
        if let Ok(BulkOperation { kind, id: Some(id), .. }) = &operation.wish {
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

/// What refers to nothing is left out, as an unknown member of a group is.
fn not_made(unknown: &BTreeSet<String>) -> Vec<String> {
    let sentence = |name: &String| {
        let name = name.chars().take(LONGEST_NAME_SHOWN).collect::<String>();
        format!("Nothing was made under the bulkId “{name}”: what refers to it was left out.")
    };
    unknown.iter().take(MOST_NAMES_SHOWN).map(sentence).collect()
}

fn perform(
    tx: &mut Tx,
    scope: Scope,
    wish: &BulkOperation,
    version: &Precondition,
) -> Result<Noted<WriteResponse>, Refusal> {
    let id = wish.id.as_deref().unwrap_or_default();
    let is_user = std::ptr::eq(wish.kind, &raw const USERS);
    match (wish.method, is_user) {
        (Method::Post, true) => users::create(tx, User::read(&wish.data, &User::default())?),
        (Method::Put, true) => {
            users::change(tx, scope, id, version, &UserUpdate::Whole(wish.data.clone()), None)
        }
        (Method::Patch, true) => {
            users::change(tx, scope, id, version, &UserUpdate::Parts(Patch::read(&wish.data)?), None)
        }
        (Method::Delete, true) => users::delete(tx, scope, id, version),
        (Method::Post, false) => groups::create(tx, group::GroupBody::read(&wish.data, None)?),
        (Method::Put, false) => groups::replace(tx, id, version, &wish.data, None),
        (Method::Patch, false) => groups::change(tx, id, version, group::read_changes(&wish.data)?, None),
        (Method::Delete, false) => groups::delete(tx, id, version),
    }
}

/// What an operation is called in the log; also one that cannot be understood, as far as it says what it is about.
fn logged(operation: &Operation) -> Logged {
    match (operation.method(), &operation.about) {
        (Some(method), Some((kind, _))) => logged_as(method, kind),
        _ => Logged::Bulk,
    }
}

fn logged_as(method: Method, kind: &Resource) -> Logged {
    match (method, kind.name) {
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
