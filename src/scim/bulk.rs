//! Many operations in one request (RFC 7644 section 3.7).

use super::message::{BULK_REQUEST, MOST_OPERATIONS};
use super::schema::{RESOURCES, Resource};
use super::values::member;
use super::{Fault, ScimType, json, read};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

const REFERENCE: &str = "bulkId:";

/// A bulk request.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// After so many failures the rest is left alone; never if there is none.
    pub fail_on_errors: Option<u64>,
    /// The operations, in order.
    pub operations: Vec<Operation>,
}

/// One of the operations.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method as it was sent: the answer repeats it.
    pub method: String,
    /// The client's name for what is made.
    pub bulk_id: Option<String>,
    /// The version that the client knows, as in `If-Match`.
    pub version: Option<String>,
    /// What is to be done, or why it can't be understood.
    pub wish: Result<Wish, Fault>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How.
    pub method: Method,
    /// To which type of resource.
    pub kind: &'static Resource,
    /// To which one: an id, or `bulkId:` and the name of one that is made in the same request.
    pub id: Option<String>,
    /// With what.
    pub data: Value,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the HTTP method of the same name")]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Bulk {
    /// Reads the body of a bulk request. A fault of one operation is kept with that operation.
    pub fn read(body: &Value) -> Result<Self, Fault> {
        let syntax = |detail: &str| Fault::bad(ScimType::InvalidSyntax, detail);
        let members = body.as_object().ok_or_else(|| syntax("The body must be a JSON object."))?;
        if let Some(fault) = json::doubled(members) {
            return Err(fault);
        }
        read::message(members, BULK_REQUEST)?;
        let operations = member(members, "Operations").and_then(Value::as_array);
        let operations = operations.ok_or_else(|| syntax("The body has no list of Operations."))?;
        if operations.len() > MOST_OPERATIONS {
            let detail =
                format!("There are {} Operations; at most {MOST_OPERATIONS} are taken.", operations.len());
            return Err(Fault::plain(413, detail));
        }
        let fail_on_errors = match member(members, "failOnErrors") {
            None | Some(Value::Null) => None,
            // RFC 7644 section 3.7 gives zero no meaning of its own: no number of errors is the limit.
            Some(value) => Some(value.as_u64().ok_or_else(|| {
                Fault::bad(ScimType::InvalidValue, "failOnErrors must be a whole number, zero or above.")
            })?)
            .filter(|most| *most > 0),
        };
        let mut operations: Vec<Operation> = operations.iter().map(Operation::read).collect();
        refuse_doubles(&mut operations);
        Ok(Self { fail_on_errors, operations })
    }
}

impl Operation {
    fn read(value: &Value) -> Self {
        let none = Map::new();
        let members = value.as_object().unwrap_or(&none);
        let text = |name: &str| member(members, name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method").unwrap_or_default();
        let wish = Wish::read(&method, text("path").as_deref(), member(members, "data"));
        Self { method, bulk_id: text("bulkId"), version: text("version"), wish }
    }
}

impl Wish {
    fn read(method: &str, path: Option<&str>, data: Option<&Value>) -> Result<Self, Fault> {
        let bad = |detail: String| Fault::bad(ScimType::InvalidSyntax, detail);
        let known = match method.to_ascii_uppercase().as_str() {
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => return Err(bad(format!("“{method}” is no method: it must be POST, PUT, PATCH or DELETE."))),
        };
        let path = path.ok_or_else(|| bad("The operation has no path.".into()))?;
        let mut steps = path.trim_matches('/').split('/');
        let (endpoint, id) = (steps.next().unwrap_or_default(), steps.next().map(str::to_owned));
        let kind = RESOURCES.iter().find(|kind| kind.endpoint.trim_start_matches('/') == endpoint);
        let fits = steps.next().is_none() && id.is_some() == (known != Method::Post);
        let Some(kind) = kind.filter(|_| fits) else {
            return Err(Fault::bad(
                ScimType::InvalidPath,
                format!(
                    "The path “{path}” does not fit {method}: /Users and /Groups for POST, with an id else."
                ),
            ));
        };
        if data.is_none() && known != Method::Delete {
            return Err(bad(format!("{method} needs data.")));
        }
        Ok(Self { method: known, kind, id, data: data.cloned().unwrap_or(Value::Null) })
    }

    /// The names of resources of the same request that it refers to.
    #[must_use]
    pub fn references(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        collect(&self.data, &mut found);
        found.extend(self.id.as_deref().and_then(reference));
        found
    }

    /// The same with ids in place of names. What is not known yet is left out.
    #[must_use]
    pub fn resolved(&self, known: &HashMap<String, String>) -> Self {
        let id = self
            .id
            .as_ref()
            .map(|id| reference(id).and_then(|name| known.get(&name).cloned()).unwrap_or_else(|| id.clone()));
        Self { id, data: resolve(&self.data, known).unwrap_or(Value::Null), ..self.clone() }
    }
}

/// A name may stand for one resource only.
fn refuse_doubles(operations: &mut [Operation]) {
    let mut seen = BTreeSet::new();
    for operation in operations {
        let Some(name) = &operation.bulk_id else { continue };
        if !seen.insert(name.clone()) {
            let detail = format!("The bulkId “{name}” stands for another operation already.");
            operation.wish = Err(Fault::bad(ScimType::InvalidValue, detail));
        }
    }
}

/// The name behind `bulkId:`.
fn reference(text: &str) -> Option<String> {
    let (head, name) = text.split_at_checked(REFERENCE.len())?;
    head.eq_ignore_ascii_case(REFERENCE).then(|| name.to_owned())
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(reference(text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}

/// The value with ids for names; nothing where it was, or held, only a name that is not known.
fn resolve(value: &Value, known: &HashMap<String, String>) -> Option<Value> {
    Some(match value {
        Value::String(text) => match reference(text) {
            Some(name) => Value::String(known.get(&name)?.clone()),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().filter_map(|item| resolve(item, known)).collect(),
        Value::Object(members) => {
            let kept: Map<String, Value> = members
                .iter()
                .filter_map(|(name, member)| Some((name.clone(), resolve(member, known)?)))
                .collect();
            // A member or a manager without its value is none.
            if members.contains_key("value") && !kept.contains_key("value") {
                return None;
            }
            Value::Object(kept)
        }
        other => other.clone(),
    })
}
