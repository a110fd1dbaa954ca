//! Reading JSON as SCIM needs it: names that stand twice in one object are seen.
//!
//! RFC 8259 section 4 calls what software makes of them unpredictable, RFC 7493 section 2.3 forbids them, and the names of
//! SCIM attributes are the same in any letter case (RFC 7643 section 2.1): whichever of two values was taken, the other
//! might have been meant. Such a body is refused.

use super::{Fault, ScimType, grammar};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// A member that no client can have meant: it names one that stands twice, for [`doubled`].
const DOUBLED: &str = "\u{0}doubled";
/// In objects up to this size names are compared one by one; in larger ones by a set.
const FEW: usize = 24;

/// Reads the bytes of a body.
pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let doubled = RefCell::new(None);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = Seed(&doubled).deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    let mut value = value.map_err(|cause| {
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
    })?;
    if let Some(name) = doubled.into_inner() {
        let Value::Object(members) = &mut value else { return Err(fault(&name)) };
        members.insert(DOUBLED.to_owned(), name.into());
    }
    Ok(value)
}

/// The refusal of a body in which a name stands twice.
pub(super) fn doubled(members: &Map<String, Value>) -> Option<Fault> {
    members.get(DOUBLED).map(|name| fault(name.as_str().unwrap_or_default()))
}

/// Whether a member is that mark.
pub(super) fn is_mark(name: &str) -> bool {
    name == DOUBLED
}

fn fault(name: &str) -> Fault {
    let detail = format!(
        "“{}” stands twice in one object of the body. Names are the same in any letter case: send each once.",
        grammar::shown(name)
    );
    Fault::bad(ScimType::InvalidSyntax, detail)
}

/// Reads one value and notes the first name that stands twice.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
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
                self.0.borrow_mut().get_or_insert_with(|| name.clone());
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
