//! Reading JSON by the table of attributes: tolerant where Entra ID and Okta need it, strict elsewhere.
//!
//! What comes out is normal: names in their own spelling, real booleans, no nulls, nothing unknown.

use super::schema::{self, Attribute, Kind, Resource, Schema};
use super::{Fault, ScimType};
use serde_json::{Map, Value};
use std::collections::HashSet;

const LONGEST_TEXT: usize = 1024;
const LONGEST_BINARY: usize = 64 * 1024;

/// A resource's attributes, the writable ones, in normal form.
pub(super) fn resource(kind: &Resource, body: &Value) -> Result<Map<String, Value>, Fault> {
    let Value::Object(members) = body else {
        return Err(Fault::bad(ScimType::InvalidSyntax, "The body must be a JSON object."));
    };
    let mut normal = Map::new();
    for (name, value) in members {
        if name.eq_ignore_ascii_case("schemas") {
            schemas(kind, value)?;
        } else if let Some(extension) = kind.extension(name) {
            put_extension(&mut normal, extension, value)?;
        } else if let Some((urn, attribute)) = kind.named(name) {
            put(home(&mut normal, urn), attribute, value)?;
        }
        // What nobody knows is ignored: Entra ID sends `department` and `manager` at the top as well.
    }
    require(kind, &normal)?;
    Ok(normal)
}

/// Refuses a resource of another kind. Microsoft's examples misspell URNs (`…:2.0User`), leave out those that they use,
/// and name an extension alone: only the schema of something else is refused.
fn schemas(kind: &Resource, value: &Value) -> Result<(), Fault> {
    let listed = match value {
        Value::Null => return Ok(()),
        Value::Array(listed) => listed,
        _ => return Err(wrong("schemas", "a list of URNs")),
    };
    if !listed.iter().all(Value::is_string) {
        return Err(wrong("schemas", "a list of URNs"));
    }
    let bare = |urn: &str| urn.replace(':', "").to_ascii_lowercase();
    let own = |urn: &&str| bare(urn) == bare(kind.schema.urn);
    let of_something_else =
        |urn: &&str| !own(urn) && [":core:", ":messages:"].iter().any(|part| urn.contains(part));
    let urns = || listed.iter().filter_map(Value::as_str);
    match urns().find(of_something_else) {
        Some(other) if !urns().any(|urn| own(&urn)) => {
            let detail =
                format!("schemas names {other}, but this is a {}: name {}.", kind.name, kind.schema.urn);
            Err(Fault::bad(ScimType::InvalidValue, detail))
        }
        _ => Ok(()),
    }
}

/// Refuses a resource without what the table says that it must have.
pub(super) fn require(kind: &Resource, normal: &Map<String, Value>) -> Result<(), Fault> {
    for attribute in kind.schema.attributes.iter().filter(|attribute| attribute.required) {
        let blank = normal
            .get(attribute.name)
            .is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()));
        if blank {
            let detail = format!("{} is required and must not be empty.", attribute.name);
            return Err(Fault::bad(ScimType::InvalidValue, detail));
        }
    }
    Ok(())
}

/// The object that an attribute of this schema lives in.
pub(super) fn home<'a>(normal: &'a mut Map<String, Value>, urn: Option<&str>) -> &'a mut Map<String, Value> {
    let Some(urn) = urn else { return normal };
    let slot = normal.entry(urn).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object above"),
    }
}

fn put_extension(
    normal: &mut Map<String, Value>,
    schema: &'static Schema,
    value: &Value,
) -> Result<(), Fault> {
    let members = match value {
        Value::Null => return Ok(()),
        Value::Object(members) => members,
        _ => return Err(wrong(schema.urn, "an object")),
    };
    for (name, value) in members {
        if let Some(attribute) = schema::find(schema.attributes, name) {
            put(home(normal, Some(schema.urn)), attribute, value)?;
        }
    }
    Ok(())
}

fn put(into: &mut Map<String, Value>, attribute: &'static Attribute, value: &Value) -> Result<(), Fault> {
    if !attribute.is_writable() {
        return Ok(());
    }
    if let Some(value) = normal(attribute, value)? {
        into.insert(attribute.name.to_owned(), value);
    }
    Ok(())
}

/// A value of this attribute in normal form; nothing where it clears the attribute.
pub(super) fn normal(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, Fault> {
    if !attribute.multi {
        return one(attribute, value, attribute.name);
    }
    let unpacked = unpack(value);
    let items = match unpacked.as_ref().unwrap_or(value) {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    if items.len() > attribute.most {
        let detail = format!("{} has more than {} values.", attribute.name, attribute.most);
        return Err(Fault::bad(ScimType::InvalidValue, detail));
    }
    let mut values: Vec<Value> = Vec::new();
    for item in items {
        if let Some(value) = one(attribute, item, attribute.name)? {
            values.push(value);
        }
    }
    let mut seen = HashSet::with_capacity(values.len());
    values.retain(|value| seen.insert(value.to_string()));
    one_primary(attribute, &mut values)?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// RFC 7643 section 2.4: at most one value is the primary one.
fn one_primary(attribute: &Attribute, values: &mut [Value]) -> Result<(), Fault> {
    let primaries = values.iter().filter(|value| value.get("primary") == Some(&Value::Bool(true))).count();
    if primaries > 1 {
        let detail =
            format!("{} has {primaries} primary values; at most one may be primary.", attribute.name);
        return Err(Fault::bad(ScimType::InvalidValue, detail));
    }
    Ok(())
}

fn one(attribute: &'static Attribute, value: &Value, label: &str) -> Result<Option<Value>, Fault> {
    match attribute.kind {
        Kind::Complex => object(attribute, value),
        Kind::Boolean => boolean(value, label),
        Kind::Binary => string(value, label, LONGEST_BINARY),
        Kind::String | Kind::Reference | Kind::DateTime => string(value, label, LONGEST_TEXT),
    }
}

fn string(value: &Value, label: &str, longest: usize) -> Result<Option<Value>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => {
            if text.chars().count() > longest {
                let detail = format!("{label} is longer than {longest} characters.");
                return Err(Fault::bad(ScimType::InvalidValue, detail));
            }
            if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
                let detail = format!("{label} holds a control character.");
                return Err(Fault::bad(ScimType::InvalidValue, detail));
            }
            Ok(Some(Value::String(text.clone())))
        }
        // As Entra ID wrote strings in 2018: `[{"$ref": null, "value": "x"}]`.
        Value::Array(items) => match items.as_slice() {
            [] => Ok(None),
            [Value::Object(item)] if item.contains_key("value") => string(&item["value"], label, longest),
            _ => Err(wrong(label, "a string")),
        },
        _ => Err(wrong(label, "a string")),
    }
}

/// Entra ID writes booleans as strings, capitalised.
fn boolean(value: &Value, label: &str) -> Result<Option<Value>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(_) => Ok(Some(value.clone())),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(Value::Bool(true))),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(Value::Bool(false))),
        Value::Array(items) => match items.as_slice() {
            [Value::Object(item)] if item.contains_key("value") => boolean(&item["value"], label),
            _ => Err(wrong(label, "true or false")),
        },
        _ => Err(wrong(label, "true or false")),
    }
}

fn object(attribute: &'static Attribute, value: &Value) -> Result<Option<Value>, Fault> {
    let unpacked = unpack(value);
    let value = unpacked.as_ref().unwrap_or(value);
    let members = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::Object(members) => members,
        // Microsoft's documented form of a manager: a list of one.
        Value::Array(items) if !attribute.multi => match items.as_slice() {
            [] => return Ok(None),
            [item @ (Value::Object(_) | Value::String(_))] => return object(attribute, item),
            _ => return Err(wrong(attribute.name, "one object")),
        },
        // A bare string stands for the value: so Entra ID sends managers, and others send e-mails.
        Value::String(_) if attribute.part("value").is_some() => {
            let members = Map::from_iter([("value".to_owned(), value.clone())]);
            return object(attribute, &Value::Object(members));
        }
        _ => return Err(wrong(attribute.name, "an object")),
    };
    let mut normal = Map::new();
    for (name, value) in members {
        let Some(part) = attribute.part(name) else { continue };
        if !part.is_writable() {
            continue;
        }
        let label = format!("{}.{}", attribute.name, part.name);
        if let Some(value) = one(part, value, &label)? {
            normal.insert(part.name.to_owned(), value);
        }
    }
    // Labels alone are no value: an e-mail that lost its address is gone.
    let substance = normal.keys().any(|name| !matches!(name.as_str(), "type" | "primary" | "$ref"));
    Ok(substance.then_some(Value::Object(normal)))
}

/// Entra ID packs complex roles as JSON in a string.
fn unpack(value: &Value) -> Option<Value> {
    let text = value.as_str()?.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

pub(super) fn wrong(label: &str, wanted: &str) -> Fault {
    Fault::bad(ScimType::InvalidValue, format!("{label} must be {wanted}."))
}
