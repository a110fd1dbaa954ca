//! Reading JSON as SCIM needs it: names that stand twice in one object are seen.
//!
//! RFC 8259 section 4 calls what software makes of them unpredictable, RFC 7493 section 2.3 forbids them, and the names of
//! SCIM attributes are the same in any letter case (RFC 7643 section 2.1): whichever of two values was taken, the other
//! might have been meant. The innermost object in which a name stands twice is marked, so that whoever reads it refuses
//! what depends on it and no more.

use super::texts::NO_CHARACTER;
use super::{Fault, ScimType, grammar};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;

/// A member that no client can have meant: it lists the names that stand twice in its object, for [`doubled`].
const DOUBLED: &str = "\u{0}doubled";
/// In objects up to this size names are compared one by one; in larger ones by a set.
const FEW: usize = 24;

/// Reads the bytes of a body.
pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    // Some tools begin a body with a byte-order mark (RFC 8259 section 8.1: it may be ignored).
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    // Half a character keeps nothing else out: it is left out where it stands.
    let value =
        parsed(bytes).or_else(|cause| whole_characters(bytes).map_or(Err(cause), |bytes| parsed(&bytes)));
    value.map_err(|cause| {
        let detail = match (cause.line(), cause.column()) {
            (0, _) => "The body is not JSON.".to_owned(),
            (line, column) if cause.is_eof() => {
                format!("The body is not JSON: it ends too early, in line {line} after character {column}.")
            }
            (line, column) => {
                format!("The body is not JSON: it breaks off in line {line} at character {column}.")
            }
        };
        Fault::bad(ScimType::InvalidSyntax, detail)
    })
}

fn parsed(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    Seed.deserialize(&mut source).and_then(|value| source.end().map(|()| value))
}

/// The text with [`NO_CHARACTER`] in the place of each `\uD800` to `\uDFFF` that is no part of a pair (RFC 8259 section
/// 8.2); nothing where there is none.
fn whole_characters(bytes: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let stand_in = format!("\\u{:04X}", u32::from(NO_CHARACTER)).into_bytes();
    let (mut whole, mut at, mut mended) = (Vec::with_capacity(bytes.len()), 0, false);
    while let Some(byte) = bytes.get(at) {
        let pair = || unit(at + 6).is_some_and(|low| (0xDC00..0xE000).contains(&low));
        let length = match (byte, unit(at)) {
            (b'\\', Some(0xD800..0xDC00)) if pair() => 12,
            (b'\\', Some(0xD800..0xE000)) => {
                whole.extend_from_slice(&stand_in);
                (at, mended) = (at + 6, true);
                continue;
            }
            (b'\\', _) => 2,
            _ => 1,
        };
        let end = (at + length).min(bytes.len());
        whole.extend_from_slice(&bytes[at..end]);
        at = end;
    }
    mended.then_some(whole)
}

/// The refusal of an object in which a name stands twice.
pub(super) fn doubled(members: &Map<String, Value>) -> Option<Fault> {
    names(members).next().map(twice)
}

/// The same of an object anywhere in a value.
pub(super) fn within(value: &Value) -> Option<Fault> {
    match value {
        Value::Array(items) => items.iter().find_map(within),
        Value::Object(members) => doubled(members).or_else(|| members.values().find_map(within)),
        _ => None,
    }
}

/// Whether this name stands twice in its object.
pub(super) fn is_doubled(members: &Map<String, Value>, name: &str) -> bool {
    names(members).any(|twice| twice.eq_ignore_ascii_case(name))
}

/// Marks an object as if a name stood twice in it that does so in one around it.
pub(super) fn pass_on(around: &Map<String, Value>, value: &mut Value) {
    if let (Some(mark), Value::Object(members)) = (around.get(DOUBLED), value) {
        members.entry(DOUBLED).or_insert_with(|| mark.clone());
    }
}

fn names(members: &Map<String, Value>) -> impl Iterator<Item = &str> {
    members.get(DOUBLED).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a member is that mark.
pub(super) fn is_mark(name: &str) -> bool {
    name == DOUBLED
}

/// The refusal of one attribute, or member, that stands twice in an object.
pub(super) fn twice(name: &str) -> Fault {
    let detail = format!(
        "“{}” stands twice in one object of the body. Names are the same in any letter case: send each once.",
        grammar::shown(name)
    );
    Fault::bad(ScimType::InvalidSyntax, detail)
}

/// Reads one value and marks the objects in which names stand twice.
#[derive(Clone, Copy)]
struct Seed;

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut many: HashSet<String> = HashSet::new();
        let mut twice: Vec<Value> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            let again = if object.len() < FEW {
                object.keys().any(|other| other.eq_ignore_ascii_case(&name))
            } else {
                if many.is_empty() {
                    many.extend(object.keys().map(|name| name.to_ascii_lowercase()));
                }
                !many.insert(name.to_ascii_lowercase())
            };
            let value = members.next_value_seed(self)?;
            // Two paths that differ in the case of a value may mean two values.
            if again && (object.contains_key(&name) || !name.contains('[')) {
                twice.push(name.clone().into());
            }
            // Of two values the last word counts, where one of them does.
            if again {
                object.shift_remove(&name);
            }
            object.insert(name, value);
        }
        if !twice.is_empty() {
            object.insert(DOUBLED.to_owned(), Value::Array(twice));
        }
        Ok(Value::Object(object))
    }
}
