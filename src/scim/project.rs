//! Which attributes an answer carries (RFC 7644 section 3.9).

use super::filter::ValFilter;
use super::schema::{self, Attribute, RESOURCES};
use super::{ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8, evaluate, grammar};
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
            let names = split(text.unwrap_or_default()).into_iter().map(str::trim);
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
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
                    let kept_of = |item: Value| keep(item, &parts, &name);
                    kept.insert(name.clone(), each(value, &kept_of));
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
                Asked::Parts(parts) => each(value, &|item| leave_out(item, &parts, &name)),
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
    Parts(Vec<Part>),
}

/// A part of an attribute's values: of those that meet the filter, if there is one; the whole value if it has no name.
struct Part {
    among: Option<ValFilter>,
    name: Option<String>,
}

impl Part {
    fn is_of(&self, value: &Value, attribute: Option<&Attribute>) -> bool {
        self.among.as_ref().is_none_or(|filter| {
            attribute.is_some_and(|attribute| evaluate::value_meets(filter, attribute, value))
        })
    }
}

/// The names of a list; commas within brackets and quotation marks part none.
fn split(text: &str) -> Vec<&str> {
    let (mut open, mut quoted, mut escaped) = (0_usize, false, false);
    text.split(|char| {
        match char {
            '"' if !escaped => quoted = !quoted,
            '[' if !quoted => open += 1,
            ']' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
        escaped = char == '\\' && !escaped;
        char == ',' && !quoted && open == 0
    })
    .collect()
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
        if core.contains('[') {
            let chosen = grammar::path(core).ok().filter(|path| path.attr.name.eq_ignore_ascii_case(name));
            parts.extend(chosen.map(|path| Part { among: path.filter, name: path.attr.sub_attr }));
            continue;
        }
        let below = if extension { strip_extension(core, name) } else { below(core, name) };
        if let Some(part) = below {
            // `manager.value` of an extension: its parts are told whole.
            let part = part.split('.').next().unwrap_or(part).to_owned();
            parts.push(Part { among: None, name: Some(part) });
        }
    }
    if parts.is_empty() { Asked::Nothing } else { Asked::Parts(parts) }
}

/// A site comes under either of its two schemas.
fn strip_extension<'a>(text: &'a str, urn: &str) -> Option<&'a str> {
    let sites = [ROLLCALL_USER, ROLLCALL_USER_8X8];
    let same: &[&str] = if sites.contains(&urn) { &sites } else { &[urn] };
    same.iter().find_map(|urn| strip(text, urn))
}

fn attribute_of(name: &str) -> Option<&'static Attribute> {
    RESOURCES.iter().find_map(|kind| kind.named(name)).map(|(_, attribute)| attribute)
}

/// What of a value was asked for.
fn keep(item: Value, parts: &[Part], name: &str) -> Value {
    let attribute = attribute_of(name);
    let mine: Vec<&Part> = parts.iter().filter(|part| part.is_of(&item, attribute)).collect();
    match item {
        Value::Object(members) if !mine.iter().any(|part| part.name.is_none()) => {
            let asked = |part: &str| {
                mine.iter().any(|one| one.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(part)))
            };
            Value::Object(members.into_iter().filter(|(part, _)| asked(part)).collect())
        }
        other => other,
    }
}

/// What of a value is left without what was not asked for.
fn leave_out(item: Value, parts: &[Part], name: &str) -> Value {
    let attribute = attribute_of(name);
    let mine: Vec<&Part> = parts.iter().filter(|part| part.is_of(&item, attribute)).collect();
    match item {
        Value::Object(_) if mine.iter().any(|part| part.name.is_none()) => Value::Object(Map::new()),
        Value::Object(members) => {
            let asked = |part: &str| {
                mine.iter().any(|one| one.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(part)))
            };
            Value::Object(members.into_iter().filter(|(part, _)| !asked(part)).collect())
        }
        other => other,
    }
}

/// The value changed, or each of several; those of which nothing is left go.
fn each(value: Value, change: &impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(change).filter(|item| !is_hollow(item)).collect(),
        one => change(one),
    }
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

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.iter().all(is_hollow),
        _ => false,
    }
}
