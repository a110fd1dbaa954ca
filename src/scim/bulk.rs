//! Many operations in one request (RFC 7644 section 3.7).

use super::message::{BULK_REQUEST, MOST_OPERATIONS};
use super::schema::{RESOURCES, Resource};
use super::values::member;
use super::{Fault, ScimType, grammar, json, read};
use serde_json::{Map, Value};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

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
    /// What it is about, as far as its path says so: also where the wish cannot be understood.
    pub about: Option<(&'static Resource, Option<String>)>,
    /// What is to be done, or why it can't be understood.
    pub wish: Result<BulkOperation, Fault>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct BulkOperation {
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

/// One operation in the order in which they can be done.
#[derive(Debug)]
pub struct Step {
    /// Its place in the request.
    pub place: usize,
    /// The operation.
    pub operation: Operation,
    /// Whether it comes before something that it refers to: then it is completed once that is made.
    pub is_early: bool,
}

/// The operations in an order in which what is referred to is made first, else in the one in which they were sent. Where
/// all wait for each other, one is done early (RFC 7644 section 3.7.1).
#[must_use]
pub fn in_order(operations: Vec<Operation>) -> Vec<Step> {
    let makers: HashMap<&str, usize> =
        operations.iter().enumerate().filter_map(|(at, each)| Some((each.makes()?, at))).collect();
    let mut waits: Vec<usize> = vec![0; operations.len()];
    let mut early: Vec<bool> = vec![false; operations.len()];
    let mut waited_for: Vec<Vec<usize>> = vec![Vec::new(); operations.len()];
    for (at, operation) in operations.iter().enumerate() {
        let Ok(wish) = &operation.wish else { continue };
        for maker in wish.references().iter().filter_map(|name| makers.get(name.as_str())) {
            if *maker == at {
                early[at] = true;
            } else {
                waits[at] += 1;
                waited_for[*maker].push(at);
            }
        }
    }
    let first_makers: Vec<usize> =
        (0..operations.len()).filter(|at| operations[*at].makes().is_some()).collect();
    let mut early_ones = first_makers.into_iter();
    let mut ready: BinaryHeap<Reverse<usize>> =
        waits.iter().enumerate().filter(|(_, waits)| **waits == 0).map(|(at, _)| Reverse(at)).collect();
    let mut remaining: Vec<Option<Operation>> = operations.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(remaining.len());
    loop {
        let at = match ready.pop() {
            Some(Reverse(at)) => at,
            // Whoever waits, waits in the end for makers that wait for each other.
            None => match early_ones.find(|at| remaining[*at].is_some()) {
                Some(at) => {
                    early[at] = true;
                    at
                }
                None => return steps,
            },
        };
        let Some(operation) = remaining[at].take() else { continue };
        steps.push(Step { place: at, operation, is_early: early[at] });
        for waiting in std::mem::take(&mut waited_for[at]) {
            waits[waiting] -= 1;
            if waits[waiting] == 0 {
                ready.push(Reverse(waiting));
            }
        }
    }
}

impl Operation {
    fn read(value: &Value) -> Self {
        let none = Map::new();
        let members = value.as_object().unwrap_or(&none);
        let text = |name: &str| member(members, name).and_then(Value::as_str).map(str::to_owned);
        let (method, path) = (text("method").unwrap_or_default(), text("path"));
        let about = path.as_deref().and_then(about);
        let data = member(members, "data").map(|data| {
            // What is wrong with the operation is wrong with what it brings, which may bar a user all the same.
            let mut data = data.clone();
            json::pass_on(members, &mut data);
            data
        });
        let wish = match (json::doubled(members), &data) {
            (Some(fault), None) => Err(fault),
            _ => BulkOperation::read(&method, path.as_deref(), about.clone(), data),
        };
        Self { method, bulk_id: text("bulkId"), version: text("version"), about, wish }
    }

    /// The method, if it is one.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        Method::of(&self.method)
    }

    /// The name under which it makes something.
    #[must_use]
    pub fn makes(&self) -> Option<&str> {
        let wish = self.wish.as_ref().ok()?;
        self.bulk_id.as_deref().filter(|_| wish.method == Method::Post)
    }
}

impl Method {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

/// The type of resource, and the id, that a path names.
fn about(path: &str) -> Option<(&'static Resource, Option<String>)> {
    let mut steps = path.trim_matches('/').split('/');
    let (endpoint, id) = (steps.next().unwrap_or_default(), steps.next().map(str::to_owned));
    let kind = RESOURCES.iter().find(|kind| kind.endpoint.trim_start_matches('/') == endpoint)?;
    steps.next().is_none().then_some((kind, id))
}

impl BulkOperation {
    fn read(
        method: &str,
        path: Option<&str>,
        about: Option<(&'static Resource, Option<String>)>,
        data: Option<Value>,
    ) -> Result<Self, Fault> {
        let bad = |detail: String| Fault::bad(ScimType::InvalidSyntax, detail);
        let Some(known) = Method::of(method) else {
            let method = grammar::shown(method);
            return Err(bad(format!("“{method}” is no method: it must be POST, PUT, PATCH or DELETE.")));
        };
        let path = path.ok_or_else(|| bad("The operation has no path.".into()))?;
        let Some((kind, id)) = about.filter(|(_, id)| id.is_some() == (known != Method::Post)) else {
            let path = grammar::shown(path);
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
        Ok(Self { method: known, kind, id, data: data.unwrap_or(Value::Null) })
    }

    /// The names of resources of the same request that it refers to.
    #[must_use]
    pub fn references(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        // The walk changes nothing: each reference stays as it is.
        let mut data = self.data.clone();
        resolve(&mut data, false, &mut |text| {
            found.extend(reference(text));
            Some(text.to_owned())
        });
        found.extend(self.id.as_deref().and_then(reference));
        found
    }

    /// The same with ids in place of names, and the names that are not known: what refers to them is left out.
    #[must_use]
    pub fn resolved(&self, known: &HashMap<String, String>) -> (Self, BTreeSet<String>) {
        let id = self
            .id
            .as_ref()
            .map(|id| reference(id).and_then(|name| known.get(&name).cloned()).unwrap_or_else(|| id.clone()));
        let (mut data, mut unknown) = (self.data.clone(), BTreeSet::new());
        resolve(&mut data, false, &mut |text| match reference(text) {
            Some(name) => known.get(&name).cloned().or_else(|| {
                unknown.insert(name);
                None
            }),
            None => Some(text.to_owned()),
        });
        (Self { method: self.method, kind: self.kind, id, data }, unknown)
    }
}

/// A name may stand for one resource only. Only what is made needs one (RFC 7644 section 3.7).
fn refuse_doubles(operations: &mut [Operation]) {
    let mut seen = BTreeSet::new();
    for operation in operations {
        let Some(name) = operation.makes().map(str::to_owned) else { continue };
        if seen.contains(&name) {
            let detail =
                format!("The bulkId “{}” stands for another operation already.", grammar::shown(&name));
            operation.wish = Err(Fault::bad(ScimType::InvalidValue, detail));
        } else {
            seen.insert(name);
        }
    }
}

/// Whether a text stands for something that is made in the same request.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    reference(text).is_some()
}

/// The name behind `bulkId:`.
fn reference(text: &str) -> Option<String> {
    let (head, name) = text.split_at_checked(REFERENCE.len())?;
    head.eq_ignore_ascii_case(REFERENCE).then(|| name.to_owned())
}

/// Puts an id in the place of each text that may be a reference: a member of a group, or a manager. Where `with` knows
/// none, what refers is left out. Any other text is a text, whatever it begins with. Answers whether anything is left.
fn resolve(value: &mut Value, refers: bool, with: &mut impl FnMut(&str) -> Option<String>) -> bool {
    match value {
        Value::String(text) if refers => match with(text) {
            Some(id) => {
                *text = id;
                true
            }
            None => false,
        },
        Value::Array(items) => {
            items.retain_mut(|item| resolve(item, refers, with));
            true
        }
        Value::Object(members) => {
            let of_path = member(members, "op").and(member(members, "path")).and_then(Value::as_str);
            let by_path = of_path.is_some_and(refers_by);
            let had_value = member(members, "value").is_some();
            let mut lost = false;
            members.retain(|name, inner| {
                let is_value = name.eq_ignore_ascii_case("value");
                let inner_refers = refers_by(name) || (is_value && (refers || by_path));
                let kept = resolve(inner, inner_refers, with);
                lost |= is_value && !kept;
                kept
            });
            // A member, a manager or an operation without its value is none.
            !(had_value && lost)
        }
        _ => true,
    }
}

/// Whether an attribute, by its name or a path to it, holds ids of other resources.
fn refers_by(path: &str) -> bool {
    let last = path.rsplit(':').next().unwrap_or(path).trim();
    let name = &last[..last.find(['.', '[']).unwrap_or(last.len())];
    ["members", "manager"].iter().any(|own| name.eq_ignore_ascii_case(own))
}
