//! A group as SCIM speaks of it (RFC 7643 section 4.2), and changes of one.
//!
//! A change names its members one by one, so that a group of many thousands is never read as a whole to add one.

use super::filter::{AttrExp, CompValue, CompareOp, ValFilter};
use super::patch::{Op, Operation, operations};
use super::path::{self, Path, Target};
use super::schema::GROUPS;
use super::user::Meta;
use super::{CORE_GROUP, Fault, ScimType, read};
use serde::Serialize;
use serde_json::{Map, Value};

/// A group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "each is the attribute of the same name in `schema`, which says what it means"
)]
pub struct Group {
    pub schemas: [&'static str; 1],
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub display_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    pub meta: Meta,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see `schema`")]
pub struct Member {
    pub value: String,
    #[serde(rename = "$ref")]
    pub reference: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub display: String,
}

/// What a client wants a group to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The name.
    pub display_name: String,
    /// The client's own id.
    pub external_id: Option<String>,
    /// The members, by id.
    pub members: Vec<String>,
}

/// One change of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is called so.
    Name(String),
    /// The client's own id is this, or is gone.
    ExternalId(Option<String>),
    /// These are members too.
    Add(Vec<String>),
    /// These are members no more.
    Remove(Vec<String>),
    /// Those who meet this are members no more.
    RemoveWhere(ValFilter),
    /// These are the members, and nobody else.
    Replace(Vec<String>),
}

impl Group {
    /// The schemas of a group.
    pub const SCHEMAS: [&'static str; 1] = [CORE_GROUP];
}

impl Wanted {
    /// Reads the body of a POST or PUT.
    pub fn read(body: &Value) -> Result<Self, Fault> {
        let normal = read::resource(&GROUPS, body)?;
        let text = |name: &str| normal.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            display_name: text("displayName").unwrap_or_default(),
            external_id: text("externalId"),
            members: ids(normal.get("members")),
        })
    }
}

/// Reads the body of a PATCH, in Entra ID's two dialects and Okta's.
pub fn read_changes(body: &Value) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for operation in operations(body)? {
        read_operation(&operation, &mut changes)?;
    }
    Ok(changes)
}

fn read_operation(operation: &Operation, into: &mut Vec<Change>) -> Result<(), Fault> {
    let Some(text) = &operation.path else {
        if operation.op == Op::Remove {
            return Err(Fault::bad(ScimType::NoTarget, "remove needs a path."));
        }
        let Value::Object(members) = &operation.value else {
            return Err(Fault::bad(ScimType::InvalidValue, "Without a path the value must be an object."));
        };
        return without_path(operation.op, members, into);
    };
    let Path::Target(target) = path::parse(&GROUPS, text)? else {
        return Err(Fault::bad(ScimType::InvalidPath, format!("There is no attribute “{text}”.")));
    };
    if target.is_read_only() {
        return Err(Fault::bad(ScimType::Mutability, format!("{text} is read-only.")));
    }
    into.extend(change(operation.op, &target, &operation.value, text)?);
    Ok(())
}

/// Read-only and unknown names are passed over: Okta sends `id` along, Entra ID its own inventions.
fn without_path(op: Op, members: &Map<String, Value>, into: &mut Vec<Change>) -> Result<(), Fault> {
    for (name, value) in members {
        if let Ok(Path::Target(target)) = path::parse(&GROUPS, name)
            && !target.is_read_only()
        {
            into.extend(change(op, &target, value, name)?);
        }
    }
    Ok(())
}

fn change(op: Op, target: &Target, value: &Value, text: &str) -> Result<Option<Change>, Fault> {
    let normal = |value: &Value| read::normal(target.attribute, value);
    match (target.attribute.name, op) {
        ("displayName", Op::Remove) => {
            Err(Fault::bad(ScimType::Mutability, "displayName is required and cannot be removed."))
        }
        ("displayName", _) => match normal(value)? {
            Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(Change::Name(name))),
            _ => Err(Fault::bad(ScimType::InvalidValue, "displayName is required and must not be empty.")),
        },
        ("externalId", Op::Remove) => Ok(Some(Change::ExternalId(None))),
        ("externalId", _) => {
            let id = normal(value)?.and_then(|value| value.as_str().map(str::to_owned));
            Ok(Some(Change::ExternalId(id)))
        }
        ("members", _) => members(op, target, value, text).map(Some),
        _ => Ok(None),
    }
}

fn members(op: Op, target: &Target, value: &Value, text: &str) -> Result<Change, Fault> {
    let named = || Ok(ids(read::normal(target.attribute, value)?.as_ref()));
    let Some(filter) = &target.filter else {
        if target.part.is_some() && op != Op::Add {
            return Err(Fault::bad(
                ScimType::Mutability,
                format!("{text} cannot change: name whole members."),
            ));
        }
        return match op {
            Op::Add => named().map(Change::Add),
            Op::Replace => named().map(Change::Replace),
            Op::Remove if value.is_null() => Ok(Change::Replace(Vec::new())),
            // Entra ID takes members away by listing them.
            Op::Remove => named().map(Change::Remove),
        };
    };
    match (op, target.part) {
        (Op::Remove, None) => Ok(match filter {
            ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(id)))
                if path.name.eq_ignore_ascii_case("value") =>
            {
                Change::Remove(vec![id.clone()])
            }
            other => Change::RemoveWhere(other.clone()),
        }),
        (Op::Add, None) => named().map(Change::Add),
        _ => Err(Fault::bad(
            ScimType::Mutability,
            format!("{text} cannot change: add or remove whole members."),
        )),
    }
}

fn ids(members: Option<&Value>) -> Vec<String> {
    let items = members.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|member| member.get("value")?.as_str().map(str::to_owned)).collect()
}
