//! Values that come packed: as JSON in a string, as a list of one, or in the `value` of an object.

use super::json;
use super::read::UNKNOWN;
use super::schema::Attribute;
use super::tolerance::Notes;
use super::values::{is_empty, is_label, member};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// So deep may JSON be packed into strings.
const DEEPEST_PACKING: usize = 3;

/// The text that Entra ID packed as it writes values: `[{"$ref": null, "value": "x"}]` in a string. Any other text that
/// looks like JSON is a text.
pub(super) fn packed_text(value: &Value) -> Option<Value> {
    let unpacked = unpack(value)?;
    let members = match &unpacked {
        Value::Array(items) => match items.as_slice() {
            [Value::Object(members)] => members,
            _ => return None,
        },
        Value::Object(members) => members,
        _ => return None,
    };
    let inner = member(members, "value").filter(|inner| inner.is_string() || inner.is_null())?;
    members.keys().all(|name| is_value(name) || is_label(name)).then(|| inner.clone())
}

/// The `value` of an object, or of the one object in a list, and the names of what stands beside it and says something.
pub(super) fn in_value(value: &Value) -> Option<(&Value, Vec<&str>)> {
    let members = match value {
        Value::Array(items) => match items.as_slice() {
            [Value::Object(members)] => members,
            _ => return None,
        },
        Value::Object(members) => members,
        _ => return None,
    };
    let inner = member(members, "value")?;
    let beside = members.iter().filter(|(name, value)| {
        !(is_value(name) || is_label(name) || json::is_mark(name) || is_empty(value))
    });
    Some((inner, beside.map(|(name, _)| name.as_str()).collect()))
}

fn is_value(name: &str) -> bool {
    name.eq_ignore_ascii_case("value")
}

/// Whether what was sent for a text is none, packed or not.
pub(super) fn says_nothing(value: &Value) -> bool {
    is_empty(value)
        || packed_text(value).is_some_and(|inner| is_empty(&inner))
        || in_value(value).is_some_and(|(inner, _)| says_nothing(inner))
}

/// The value that stands in a list of one, in the `value` of an object, or in either of these packed into a string. What
/// stands beside it is left out.
pub(super) fn innermost<'a>(value: &'a Value, label: &str, notes: &mut Notes) -> Cow<'a, Value> {
    let mut found = Cow::Borrowed(value);
    for _ in 0..2 * DEEPEST_PACKING {
        let inner = match found.as_ref() {
            text @ Value::String(_) => unpack(text),
            Value::Array(items) => only(items).cloned(),
            object @ Value::Object(_) => in_value(object).map(|(inner, beside)| {
                beside.iter().for_each(|name| notes.left_out(&format!("{label}.{name}"), UNKNOWN));
                inner.clone()
            }),
            _ => None,
        };
        let Some(inner) = inner else { break };
        found = Cow::Owned(inner);
    }
    found
}

/// The one value of a list, however often it stands there; null is none.
fn only(items: &[Value]) -> Option<&Value> {
    let first = items.iter().find(|item| !item.is_null()).or(items.first())?;
    items.iter().all(|item| item.is_null() || item == first).then_some(first)
}

/// One object, where it came packed into a string or as a list of one; any other value as it is.
pub(super) fn single(value: &Value) -> Cow<'_, Value> {
    let mut found = Cow::Borrowed(value);
    for _ in 0..2 * DEEPEST_PACKING {
        let inner = match found.as_ref() {
            text @ Value::String(_) => unpack(text),
            Value::Array(items) => match items.as_slice() {
                [object @ Value::Object(_)] => Some(object.clone()),
                [text @ Value::String(_)] => unpack(text),
                _ => None,
            },
            _ => None,
        };
        let Some(inner) = inner else { break };
        found = Cow::Owned(inner);
    }
    found
}

/// An object or a list that is packed as JSON into a string.
pub(super) fn unpack(value: &Value) -> Option<Value> {
    let text = value.as_str()?.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

/// The items that an item stands for: Entra ID packs a complex value, or several, into a string, and that string may be
/// the item or the item's `value` (“Provisioning a role to a SCIM app” in customize-application-attributes).
pub(super) fn flatten(item: &Value, depth: usize, into: &mut Vec<Value>) {
    if depth < DEEPEST_PACKING {
        let packed = |value: &Value| unpack(value);
        if let Some(inner) = packed(item) {
            return match inner {
                Value::Array(items) => items.iter().for_each(|item| flatten(item, depth + 1, into)),
                single => flatten(&single, depth + 1, into),
            };
        }
        if let Value::Object(members) = item
            && let Some(inner) = member(members, "value").and_then(packed)
        {
            let items = if let Value::Array(items) = inner { items } else { vec![inner] };
            return items.iter().for_each(|inner| flatten(&around(members, inner), depth + 1, into));
        }
    }
    into.push(item.clone());
}

/// The unpacked value with what stands beside it; what both say, the unpacked one says.
fn around(outer: &Map<String, Value>, inner: &Value) -> Value {
    let Value::Object(inner) = inner else { return inner.clone() };
    let mut whole = inner.clone();
    for (name, value) in outer.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("value")) {
        if member(&whole, name).is_none() {
            whole.insert(name.clone(), value.clone());
        }
    }
    Value::Object(whole)
}

/// An object whose `value` is packed JSON, unpacked; any other as it is. Of several that were packed the first is taken.
pub(super) fn spread(
    attribute: &Attribute,
    members: Map<String, Value>,
    notes: &mut Notes,
) -> Map<String, Value> {
    let mut flat = Vec::new();
    flatten(&Value::Object(members.clone()), 0, &mut flat);
    if flat.len() > 1 {
        only_first(attribute, flat.len(), notes);
    }
    match flat.into_iter().next() {
        Some(Value::Object(members)) => members,
        _ => members,
    }
}

/// Notes that several values were sent for one.
pub(super) fn only_first(attribute: &Attribute, sent: usize, notes: &mut Notes) {
    notes.warn(format!(
        "{sent} values were sent for one of {}: the first was taken, the others were left out.",
        attribute.name
    ));
}
