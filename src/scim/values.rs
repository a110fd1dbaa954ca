//! Reading the values of attributes: strings, booleans, complex values, lists, and what Entra ID packs into strings.

use super::packing::{flatten, innermost, unpack};
use super::read::{UNKNOWN, wrong};
use super::schema::{Attribute, Kind};
use super::texts::{self, Label};
use super::tolerance::Notes;
use super::{Fault, ScimType};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;

const LONGEST_TEXT: usize = 1024;
const LONGEST_BINARY: usize = 64 * 1024;
/// Why a manager is left out.
pub(super) const NOBODY: &str = "it does not say by an id who that is";
/// The attribute that names a manager.
pub(super) const MANAGER: &str = "manager";
/// The attribute that names who is in a group.
const MEMBERS: &str = "members";

/// What a value came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// This, in normal form.
    Value(Value),
    /// Nothing: it clears what it is meant for.
    Nothing,
    /// It was left out or must be refused, as the notes say: what it was meant for stays as it is.
    Unread,
}

/// In which shapes several values may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As a list (RFC 7643 section 2.4).
    List,
    /// As a list or as one of them: a change adds “a new value” (RFC 7644 section 3.5.2.1).
    ListOrOne,
}

/// The value of an attribute; parts that cannot be read stay as they are in `before`.
pub(super) fn whole(
    attribute: &'static Attribute,
    value: &Value,
    before: Option<&Value>,
    notes: &mut Notes,
) -> Reading {
    if attribute.multi {
        return several(attribute, value, Shape::List, notes);
    }
    one(attribute, value, before, attribute.name.into(), notes)
}

/// Several values.
pub(super) fn several(
    attribute: &'static Attribute,
    value: &Value,
    shape: Shape,
    notes: &mut Notes,
) -> Reading {
    let unpacked = unpack(value);
    let single;
    let items = match unpacked.as_ref().unwrap_or(value) {
        Value::Null => return Reading::Nothing,
        Value::String(text) if text.is_empty() => return Reading::Nothing,
        Value::Array(items) => items.as_slice(),
        object @ Value::Object(_) if shape == Shape::ListOrOne || unpacked.is_some() => {
            single = [object.clone()];
            &single
        }
        _ => {
            notes.refuse(wrong(attribute.name, "a list of objects"));
            return Reading::Unread;
        }
    };
    let mut flat = Vec::with_capacity(items.len());
    items.iter().for_each(|item| flatten(item, 0, &mut flat));
    if flat.len() > attribute.most {
        let too_many = format!("{} has more than {} values", attribute.name, attribute.most);
        if attribute.name == MEMBERS {
            notes.refuse(Fault::bad(ScimType::InvalidValue, format!("{too_many}.")));
            return Reading::Unread;
        }
        notes.warn(format!("{too_many}: the last {} were left out.", flat.len() - attribute.most));
        flat.truncate(attribute.most);
    }
    let refused_before = notes.refusals();
    let mut list = Vec::with_capacity(flat.len());
    for (place, item) in flat.iter().enumerate() {
        let label = || format!("{}[{place}]", attribute.name);
        match one(attribute, item, None, attribute.name.into(), notes) {
            Reading::Value(value) => list.push(value),
            Reading::Nothing if says_empty(attribute, item) => {}
            Reading::Nothing => notes.left_out(&label(), "it has no value"),
            Reading::Unread => {}
        }
    }
    // An item of the wrong type makes the list wrong.
    if notes.refusals() > refused_before {
        return Reading::Unread;
    }
    let read = list.len();
    let mut seen = HashSet::with_capacity(list.len());
    list.retain(|value| seen.insert(value.to_string()));
    if list.len() < read {
        notes.warn(format!("{} holds the same value twice: it is kept once.", attribute.name));
    }
    let primaries = list.iter().filter(|value| is_primary(value)).count();
    if primaries > 1 {
        // RFC 7643 section 2.4.
        let detail =
            format!("{} has {primaries} primary values; at most one may be primary.", attribute.name);
        notes.refuse(Fault::bad(ScimType::InvalidValue, detail));
        return Reading::Unread;
    }
    if list.is_empty() { Reading::Nothing } else { Reading::Value(Value::Array(list)) }
}

/// One value.
pub(super) fn one(
    attribute: &'static Attribute,
    value: &Value,
    before: Option<&Value>,
    label: Label<'_>,
    notes: &mut Notes,
) -> Reading {
    match attribute.kind {
        Kind::Complex => object(attribute, value, before, notes),
        Kind::Boolean => boolean(value, label.path, notes),
        Kind::Binary => texts::read(attribute, value, label, LONGEST_BINARY, notes),
        Kind::String | Kind::Reference | Kind::DateTime => {
            texts::read(attribute, value, label, LONGEST_TEXT, notes)
        }
    }
}

pub(super) fn refused(label: &str, wanted: &str, notes: &mut Notes) -> Reading {
    notes.refuse(wrong(label, wanted));
    Reading::Unread
}

/// Entra ID writes booleans as strings, capitalised.
fn boolean(value: &Value, label: &str, notes: &mut Notes) -> Reading {
    match innermost(value, label, notes).as_ref() {
        Value::Null => Reading::Nothing,
        Value::Bool(truth) => Reading::Value(Value::Bool(*truth)),
        Value::Array(items) if items.is_empty() => Reading::Nothing,
        Value::String(text) => match text.trim() {
            "" => Reading::Nothing,
            word if word.eq_ignore_ascii_case("true") => Reading::Value(Value::Bool(true)),
            word if word.eq_ignore_ascii_case("false") => Reading::Value(Value::Bool(false)),
            _ => refused(label, "true or false", notes),
        },
        _ => refused(label, "true or false", notes),
    }
}

fn object(
    attribute: &'static Attribute,
    value: &Value,
    before: Option<&Value>,
    notes: &mut Notes,
) -> Reading {
    let unpacked = unpack(value);
    let members = match unpacked.as_ref().unwrap_or(value) {
        Value::Null => return Reading::Nothing,
        Value::String(text) if text.is_empty() => return Reading::Nothing,
        Value::Object(members) => Cow::Borrowed(members),
        // Microsoft's documented form of a manager: a list of one.
        Value::Array(items) if !attribute.multi => match items.as_slice() {
            [] => return Reading::Nothing,
            [item @ (Value::Object(_) | Value::String(_) | Value::Null)] => {
                return object(attribute, item, before, notes);
            }
            _ => return refused(attribute.name, "one object", notes),
        },
        // A bare string stands for the value: so Entra ID sends managers, and others send e-mails.
        text @ Value::String(_) if attribute.part("value").is_some() => {
            Cow::Owned(Map::from_iter([("value".to_owned(), text.clone())]))
        }
        _ if attribute.multi => return refused(attribute.name, "a list of objects", notes),
        _ => return refused(attribute.name, "an object", notes),
    };
    let before = before.and_then(Value::as_object);
    let members = with_reference(attribute, members);
    let normal = parts(attribute, &members, Map::new(), before, notes);
    if is_something(attribute, &normal) {
        return Reading::Value(Value::Object(normal));
    }
    if attribute.name == MANAGER && member(&members, "value").is_none() && !members.values().all(is_empty) {
        notes.left_out(attribute.name, NOBODY);
        return Reading::Unread;
    }
    Reading::Nothing
}

/// A manager or a member who is named by address alone (RFC 7643 section 2.4: `$ref`) has the last step of it as id.
pub(super) fn with_reference<'a>(
    attribute: &Attribute,
    members: Cow<'a, Map<String, Value>>,
) -> Cow<'a, Map<String, Value>> {
    let is_reference = attribute.name == MANAGER || attribute.name == MEMBERS;
    if !is_reference || member(&members, "value").is_some() {
        return members;
    }
    let address = member(&members, "$ref").and_then(Value::as_str).unwrap_or_default();
    let id = address.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    if is_nobody(&id) {
        return members;
    }
    let mut members = members.into_owned();
    members.insert("value".to_owned(), id.into());
    Cow::Owned(members)
}

/// Whether a text is nobody's id.
fn is_nobody(id: &str) -> bool {
    matches!(id.trim(), "" | "null")
}

/// Writes the named parts over those that are there. What cannot be read is as it was `before`.
pub(super) fn parts(
    attribute: &'static Attribute,
    members: &Map<String, Value>,
    mut into: Map<String, Value>,
    before: Option<&Map<String, Value>>,
    notes: &mut Notes,
) -> Map<String, Value> {
    let kind = member(members, "type").and_then(Value::as_str);
    let kind = kind.or_else(|| into.get("type").and_then(Value::as_str)).map(str::to_owned);
    for (name, value) in members {
        let label = || format!("{}.{name}", attribute.name);
        let Some(part) = part_of(attribute, name, members) else {
            if !is_empty(value) && !is_passed_over(attribute, name) {
                notes.left_out(&label(), UNKNOWN);
            }
            continue;
        };
        if !part.is_writable() {
            continue;
        }
        let is_nobody =
            attribute.name == MANAGER && part.name == "value" && value.as_str().is_some_and(is_nobody);
        let value = if is_nobody { &Value::Null } else { value };
        let path = format!("{}.{}", attribute.name, part.name);
        match one(part, value, None, Label { path: &path, kind: kind.as_deref() }, notes) {
            Reading::Value(value) => {
                into.insert(part.name.to_owned(), value);
            }
            Reading::Nothing => {
                into.remove(part.name);
            }
            Reading::Unread => {
                if let Some(held) = before.and_then(|before| before.get(part.name)) {
                    into.insert(part.name.to_owned(), held.clone());
                }
            }
        }
    }
    into
}

/// The part of this name. The roles that Entra ID packs call their `display` `displayName`.
fn part_of(attribute: &Attribute, name: &str, members: &Map<String, Value>) -> Option<&'static Attribute> {
    attribute.part(name).or_else(|| {
        let alias = name.eq_ignore_ascii_case("displayName") && member(members, "display").is_none();
        attribute.part("display").filter(|_| alias)
    })
}

/// The `id` of an application role, which Entra ID packs beside its value (AppRoleAssignmentsComplex): nobody maps it, and
/// a warning with each of its writes would say nothing.
fn is_passed_over(attribute: &Attribute, name: &str) -> bool {
    attribute.name == "roles" && name.eq_ignore_ascii_case("id")
}

/// Whether a complex value is one: it has what it must have, and more than labels.
pub(super) fn is_something(attribute: &Attribute, value: &Map<String, Value>) -> bool {
    let complete = attribute.sub.iter().all(|part| !part.essential || value.contains_key(part.name));
    complete && value.keys().any(|name| !is_label(name))
}

pub(super) fn is_label(name: &str) -> bool {
    ["type", "primary", "$ref"].iter().any(|label| name.eq_ignore_ascii_case(label))
}

/// Whether an item says itself that there is nothing: its value, or what else it is about, is null or empty.
fn says_empty(attribute: &Attribute, item: &Value) -> bool {
    match item {
        Value::Null => false,
        Value::Object(members) => members.iter().any(|(name, value)| {
            is_empty(value) && attribute.part(name).is_some_and(|part| !is_label(part.name))
        }),
        _ => is_empty(item),
    }
}

/// Null, an empty text, an empty list or an empty object: nothing is lost with it (RFC 7643 section 2.5).
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

pub(super) fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

/// The member of this name, ignoring case. Of one that stands twice the last: so whoever is barred by it is.
pub(super) fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.iter().rfind(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The objects that a value stands for, whatever parts they have.
pub(super) fn objects(
    attribute: &Attribute,
    value: &Value,
    notes: &mut Notes,
) -> Option<Vec<Map<String, Value>>> {
    let mut flat = Vec::new();
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, 0, &mut flat)),
        single => flatten(single, 0, &mut flat),
    }
    let mut found = Vec::with_capacity(flat.len());
    for item in flat {
        match item {
            Value::Object(members) => found.push(members),
            text @ Value::String(_) if attribute.part("value").is_some() => {
                found.push(Map::from_iter([("value".to_owned(), text)]));
            }
            Value::Null => notes.left_out(attribute.name, "it has no value"),
            _ => {
                notes.refuse(wrong(attribute.name, "a list of objects"));
                return None;
            }
        }
    }
    Some(found)
}
