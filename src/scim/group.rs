//! A group as SCIM speaks of it (RFC 7643 section 4.2), and changes of one.
//!
//! A change names its members one by one, so that a group of many thousands is never read as a whole to add one.

use super::change::whole_members;
use super::filter::{AttrExp, CompValue, CompareOp, ValFilter};
use super::patch::{Op, Operation, Patch, READ_ONLY, members_without_path, nothing_writable};
use super::path::{self, Astray, Path, Target};
use super::schema::GROUPS;
use super::tolerance::{Notes, Sent};
use super::user::Meta;
use super::values::{self, Reading, Shape};
use super::{CORE_GROUP, Fault, ScimType, json, packing, read};
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
pub struct GroupBody {
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

/// The one member that a filter can mean, where it says so: then no other need be looked at.
#[must_use]
pub fn only_member(filter: &ValFilter) -> Option<&str> {
    match filter {
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Text(id)))
            if path.name.eq_ignore_ascii_case("value") =>
        {
            Some(id)
        }
        ValFilter::And(parts) => parts.iter().find_map(only_member),
        _ => None,
    }
}

impl Group {
    /// The schemas of a group.
    pub const SCHEMAS: [&'static str; 1] = [CORE_GROUP];
}

impl GroupBody {
    /// Reads the body of a POST or PUT. What is left out is as it is in `before`, where there is one.
    pub fn read(body: &Value, before: Option<&Self>) -> Result<Sent<Self>, Fault> {
        let mut notes = Notes::default();
        let before = before.map(Self::to_normal).unwrap_or_default();
        let normal = read::resource(&GROUPS, body, &before, &mut notes)?.normal;
        let text = |name: &str| normal.get(name).and_then(Value::as_str).map(str::to_owned);
        let wish = Self {
            display_name: text("displayName").unwrap_or_default(),
            external_id: text("externalId"),
            members: ids(normal.get("members")),
        };
        Ok(Sent { wish, notes, bars: false, names_site: false, names_user: false })
    }

    /// The name and the id; members that cannot be read refuse the whole.
    fn to_normal(&self) -> Map<String, Value> {
        let id = self.external_id.as_ref().map(|id| ("externalId".to_owned(), id.clone().into()));
        std::iter::once(("displayName".to_owned(), self.display_name.clone().into())).chain(id).collect()
    }
}

/// Reads the body of a PATCH, in Entra ID's two dialects and Okta's.
pub fn read_changes(body: &Value) -> Result<Sent<Vec<Change>>, Fault> {
    let (patch, mut notes, mut changes) = (Patch::read(body)?, Notes::default(), Vec::new());
    let operations = patch.operations(&mut notes);
    nothing_writable(&GROUPS, &operations).into_iter().for_each(|fault| notes.refuse(fault));
    for operation in operations {
        read_operation(operation, &mut changes, &mut notes);
    }
    Ok(Sent { wish: changes, notes, bars: false, names_site: false, names_user: false })
}

fn read_operation(operation: &Operation, into: &mut Vec<Change>, notes: &mut Notes) {
    let Operation { op, path, value, doubled } = operation;
    if let Some(fault) = doubled {
        return notes.refuse(fault.clone());
    }
    let Some(text) = path else {
        match members_without_path(operation) {
            Ok(members) => without_path(*op, &members, into, notes),
            Err(fault) => notes.refuse(fault),
        }
        return;
    };
    match path::parse(&GROUPS, text) {
        Ok(Path::Target(target)) if target.is_read_only() => notes.left_out(text, READ_ONLY),
        Ok(Path::Target(target)) => into.extend(change(*op, &target, value, text, Shape::ListOrOne, notes)),
        Ok(Path::Schema(_)) if *op == Op::Remove => notes.refuse(Fault::bad(
            ScimType::Mutability,
            format!("{CORE_GROUP} cannot be removed: name an attribute of it."),
        )),
        Ok(Path::Schema(_)) => own_schema(*op, value, into, notes),
        Err(Astray::Unknown(why)) => notes.left_out(text, &why),
        Err(Astray::Wrong(fault)) => notes.refuse(fault),
    }
}

/// Read-only names are passed over: Okta sends `id` along.
fn without_path(op: Op, members: &Map<String, Value>, into: &mut Vec<Change>, notes: &mut Notes) {
    if let Some(fault) = json::doubled(members) {
        return notes.refuse(fault);
    }
    for (name, value) in members.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("schemas")) {
        match path::parse(&GROUPS, name) {
            Ok(Path::Target(target)) if target.is_read_only() => {}
            Ok(Path::Target(target)) => into.extend(change(op, &target, value, name, Shape::List, notes)),
            _ if values::is_empty(value) => {}
            Ok(Path::Schema(_)) => own_schema(op, value, into, notes),
            Err(Astray::Unknown(why)) => notes.left_out(name, &why),
            Err(Astray::Wrong(fault)) => notes.refuse(fault),
        }
    }
}

/// The attributes of a group below the name of their schema.
fn own_schema(op: Op, value: &Value, into: &mut Vec<Change>, notes: &mut Notes) {
    match packing::single(value).as_ref() {
        value if values::is_empty(value) => {}
        Value::Object(members) => without_path(op, members, into, notes),
        _ => notes.refuse(read::wrong(CORE_GROUP, "an object")),
    }
}

fn change(
    op: Op,
    target: &Target,
    value: &Value,
    text: &str,
    shape: Shape,
    notes: &mut Notes,
) -> Option<Change> {
    let attribute = target.attribute;
    if let Some(fault) = json::within(value) {
        notes.refuse(fault);
        return None;
    }
    match (attribute.name, op) {
        ("displayName", Op::Remove) => {
            let detail = "displayName is required and cannot be removed.";
            notes.refuse(Fault::bad(ScimType::Mutability, detail));
            None
        }
        ("displayName", _) => match values::whole(attribute, value, None, notes) {
            Reading::Value(Value::String(name)) if !name.trim().is_empty() => Some(Change::Name(name)),
            Reading::Unread => None,
            _ => {
                notes.refuse(read::missing(attribute));
                None
            }
        },
        ("externalId", Op::Remove) => Some(Change::ExternalId(None)),
        ("externalId", _) => match values::whole(attribute, value, None, notes) {
            Reading::Value(value) => Some(Change::ExternalId(value.as_str().map(str::to_owned))),
            Reading::Nothing => Some(Change::ExternalId(None)),
            Reading::Unread => None,
        },
        ("members", _) => members(op, target, value, text, shape, notes),
        _ => None,
    }
}

fn members(
    op: Op,
    target: &Target,
    value: &Value,
    text: &str,
    shape: Shape,
    notes: &mut Notes,
) -> Option<Change> {
    // What is put in the place of all is all of it, and so a list.
    let shape = if op == Op::Replace { Shape::List } else { shape };
    let mut named = || match values::several(target.attribute, value, shape, notes) {
        Reading::Value(list) => Some(ids(Some(&list))),
        Reading::Nothing => Some(Vec::new()),
        Reading::Unread => None,
    };
    match (op, &target.filter, target.part) {
        (Op::Add, _, None) => named().map(Change::Add),
        (Op::Replace, None, None) => named().map(Change::Replace),
        // All of them, unless they are named: so Entra ID takes members away. An empty list names nobody.
        (Op::Remove, None, None) if value.is_null() => Some(Change::Replace(Vec::new())),
        (Op::Remove, None, None) if value.is_string() && values::is_empty(value) => {
            notes.refuse(read::wrong(text, "a list of objects"));
            None
        }
        (Op::Remove, None, None) => named().map(Change::Remove),
        (Op::Remove, Some(filter), None) => Some(match filter {
            ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Text(id)))
                if path.name.eq_ignore_ascii_case("value") =>
            {
                Change::Remove(vec![id.clone()])
            }
            other => Change::RemoveWhere(other.clone()),
        }),
        _ => {
            notes.refuse(whole_members(text));
            None
        }
    }
}

fn ids(members: Option<&Value>) -> Vec<String> {
    let items = members.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|member| member.get("value")?.as_str().map(str::to_owned)).collect()
}
