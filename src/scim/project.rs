//! Which attributes an answer carries (RFC 7644 section 3.9).

use super::schema;
use super::{ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8};
use serde_json::{Map, Value};

/// The names of `attributes` and `excludedAttributes`, as a client wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Only these, and what is in every answer.
    pub attributes: Vec<String>,
    /// All but these.
    pub excluded: Vec<String>,
}

impl Projection {
    /// Reads two comma-separated lists.
    #[must_use]
    pub fn read(attributes: Option<&str>, excluded: Option<&str>) -> Self {
        let list = |text: Option<&str>| {
            let names = text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        Self { attributes: list(attributes), excluded: list(excluded) }
    }

    /// Whether all attributes are asked for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.attributes.is_empty() && self.excluded.is_empty()
    }

    /// Whether nothing of this attribute of the core schemas is asked for: then it need not be fetched.
    #[must_use]
    pub fn leaves_out(&self, name: &str) -> bool {
        if self.attributes.is_empty() {
            return matches!(asked_parts(&self.excluded, name), Asked::Whole);
        }
        matches!(asked_parts(&self.attributes, name), Asked::Nothing)
    }

    /// The resource, as much of it as was asked for.
    #[must_use]
    pub fn apply(&self, resource: Value) -> Value {
        let Value::Object(members) = resource else { return resource };
        if !self.attributes.is_empty() {
            return Value::Object(self.only(members));
        }
        Value::Object(self.without(members))
    }

    fn only(&self, members: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (name, value) in members {
            if is_always(&name) {
                kept.insert(name, value);
                continue;
            }
            let parts = asked_parts(&self.attributes, &name);
            match (parts, value) {
                (Asked::Nothing, _) => {}
                (Asked::Whole, value) => {
                    kept.insert(name, value);
                }
                (Asked::Parts(parts), value) => {
                    let value = map_objects(value, &|members| {
                        members.into_iter().filter(|(part, _)| among(&parts, part)).collect()
                    });
                    kept.insert(name, value);
                }
            }
        }
        kept.retain(|_, value| !is_hollow(value));
        kept
    }

    fn without(&self, members: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (name, value) in members {
            if is_always(&name) {
                kept.insert(name, value);
                continue;
            }
            let value = match asked_parts(&self.excluded, &name) {
                Asked::Whole => continue,
                Asked::Nothing => value,
                Asked::Parts(parts) => map_objects(value, &|members| {
                    members.into_iter().filter(|(part, _)| !among(&parts, part)).collect()
                }),
            };
            kept.insert(name, value);
        }
        kept.retain(|_, value| !is_hollow(value));
        kept
    }
}

enum Asked {
    Nothing,
    Whole,
    Parts(Vec<String>),
}

/// What a list of names says of the member `name`, which may be an extension's URN.
fn asked_parts(names: &[String], name: &str) -> Asked {
    let extension = [ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8].contains(&name);
    let mut parts = Vec::new();
    for asked in names {
        let own = [super::CORE_USER, super::CORE_GROUP];
        let core = own.into_iter().find_map(|urn| strip(asked, urn)).unwrap_or(asked);
        if core.eq_ignore_ascii_case(name) {
            return Asked::Whole;
        }
        let below = if extension { strip(core, name) } else { below(core, name) };
        if let Some(part) = below {
            // `manager.value` of an extension: its parts are told whole.
            parts.push(part.split('.').next().unwrap_or(part).to_owned());
        }
    }
    if parts.is_empty() { Asked::Nothing } else { Asked::Parts(parts) }
}

fn strip<'a>(text: &'a str, urn: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(urn.len())?;
    head.eq_ignore_ascii_case(urn).then(|| rest.strip_prefix(':')).flatten()
}

fn below<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then(|| rest.strip_prefix('.')).flatten()
}

fn is_always(name: &str) -> bool {
    name == "schemas" || schema::find(schema::COMMON, name).is_some_and(|attribute| attribute.always)
}

fn among(parts: &[String], part: &str) -> bool {
    parts.iter().any(|asked| asked.eq_ignore_ascii_case(part))
}

fn map_objects(value: Value, change: &impl Fn(Map<String, Value>) -> Map<String, Value>) -> Value {
    match value {
        Value::Object(members) => Value::Object(change(members)),
        Value::Array(items) => items.into_iter().map(|item| map_objects(item, change)).collect(),
        other => other,
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.iter().all(is_hollow),
        _ => false,
    }
}
