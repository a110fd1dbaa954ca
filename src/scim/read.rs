//! Reading JSON by the table of attributes: tolerant where Entra ID and Okta need it, strict elsewhere.
//!
//! What comes out is normal: names in their own spelling, real booleans, no nulls, nothing unknown.

use super::schema::{self, Attribute, Kind, Mutability, Schema};
use super::{CORE_USER, Fault, ScimType};
use serde_json::{Map, Value};

const LONGEST_TEXT: usize = 1024;
const LONGEST_BINARY: usize = 64 * 1024;
const MOST_VALUES: usize = 100;

/// A user's attributes, the writable ones, in normal form.
pub(super) fn user(body: &Value) -> Result<Map<String, Value>, Fault> {
    let Value::Object(members) = body else {
        return Err(Fault::bad(ScimType::InvalidSyntax, "The body must be a JSON object."));
    };
    let mut normal = Map::new();
    for (name, value) in members {
        // Entra ID names schemas that are misspelt (`…enterprise:2.0User`) and leaves out those that it uses.
        if name.eq_ignore_ascii_case("schemas") {
            continue;
        }
        if let Some(extension) = extension(name) {
            put_extension(&mut normal, extension, value)?;
        } else if let Some((urn, attribute)) = named(name) {
            put(home(&mut normal, urn), attribute, value)?;
        }
        // What nobody knows is ignored: Entra ID sends `department` and `manager` at the top as well.
    }
    require(&normal)?;
    Ok(normal)
}

/// Refuses a user without what the table says a user must have.
pub(super) fn require(normal: &Map<String, Value>) -> Result<(), Fault> {
    for attribute in schema::USER.attributes.iter().filter(|attribute| attribute.required) {
        if !normal.contains_key(attribute.name) {
            let detail = format!("{} is required and must not be empty.", attribute.name);
            return Err(Fault::bad(ScimType::InvalidValue, detail));
        }
    }
    Ok(())
}

/// The extension of the user that has this URN.
pub(super) fn extension(urn: &str) -> Option<&'static Schema> {
    schema::by_urn(urn).filter(|schema| schema.urn != CORE_USER)
}

/// The schema and the attribute of a name that may begin with a schema's URN.
pub(super) fn named(name: &str) -> Option<(Option<&'static str>, &'static Attribute)> {
    if let Some((urn, last)) = name.rsplit_once(':') {
        let schema = schema::by_urn(urn)?;
        let attribute = attribute_of(schema, last)?;
        return Some(((schema.urn != CORE_USER).then_some(schema.urn), attribute));
    }
    attribute_of(&schema::USER, name).map(|attribute| (None, attribute))
}

/// The attribute of a schema; the user's own come with those that every resource has.
pub(super) fn attribute_of(schema: &'static Schema, name: &str) -> Option<&'static Attribute> {
    let common = || (schema.urn == CORE_USER).then(|| schema::find(schema::COMMON, name)).flatten();
    schema::find(schema.attributes, name).or_else(common)
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
    if attribute.mutability != Mutability::ReadWrite {
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
    if items.len() > MOST_VALUES {
        let detail = format!("{} has more than {MOST_VALUES} values.", attribute.name);
        return Err(Fault::bad(ScimType::InvalidValue, detail));
    }
    let mut values: Vec<Value> = Vec::new();
    for item in items {
        if let Some(value) = one(attribute, item, attribute.name)?
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
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
        if part.mutability != Mutability::ReadWrite {
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
