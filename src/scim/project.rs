//! Which attributes an answer carries (RFC 7644 section 3.9).

use super::filter::ValFilter;
use super::schema::{self, Attribute, RESOURCES, Schema};
use super::{Fault, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, evaluate, grammar};
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

    /// Refuses what cannot be read. A name that there is not is passed over (RFC 7644 section 3.9 has no refusal for it).
    pub fn check(&self) -> Result<(), Fault> {
        self.attributes.iter().chain(&self.excluded).try_for_each(|name| {
            if schema::by_urn(name).is_some() {
                return Ok(());
            }
            grammar::path(name).map(drop).map_err(|trouble| {
                let name = grammar::shown(name);
                let detail = format!("“{name}” is no name of an attribute to answer with: {trouble}.");
                Fault::bad(ScimType::InvalidValue, detail)
            })
        })
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
            return matches!(asked_parts(&self.excluded, name), Selection::Whole);
        }
        matches!(asked_parts(&self.attributes, name), Selection::Nothing)
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
                (Selection::Nothing, _) => {}
                (Selection::Whole, value) => {
                    kept.insert(name, value);
                }
                (Selection::Parts(parts), value) => {
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
                Selection::Whole => continue,
                Selection::Nothing => value,
                Selection::Parts(parts) => each(value, &|item| leave_out(item, &parts, &name)),
            };
            kept.insert(name, value);
        }
        kept.retain(|_, value| !is_hollow(value));
        kept
    }
}

enum Selection {
    Nothing,
    Whole,
    Parts(Vec<PartSelection>),
}

/// A part of an attribute's values: of those that meet the filter, if there is one; the whole value if it has no name.
struct PartSelection {
    among: Option<ValFilter>,
    name: Option<String>,
    /// Of an extension, what of the attribute that is its part.
    below: Option<Box<PartSelection>>,
}

impl PartSelection {
    fn names(&self, part: &str) -> bool {
        self.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(part))
    }

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
fn asked_parts(names: &[String], name: &str) -> Selection {
    let mut parts = Vec::new();
    for asked in names {
        match asked_of(asked, name) {
            Selection::Nothing => {}
            Selection::Whole => return Selection::Whole,
            Selection::Parts(more) => parts.extend(more),
        }
    }
    if parts.is_empty() { Selection::Nothing } else { Selection::Parts(parts) }
}

fn asked_of(asked: &str, name: &str) -> Selection {
    let extension = schema::by_urn(name);
    let own = [super::CORE_USER, super::CORE_GROUP];
    if own.iter().any(|urn| asked.eq_ignore_ascii_case(urn)) {
        // A schema stands for its attributes.
        return if extension.is_none() { Selection::Whole } else { Selection::Nothing };
    }
    // A site comes under either of its two schemas.
    let is_site =
        |urn: &str| [ROLLCALL_USER, ROLLCALL_USER_8X8].iter().any(|own| own.eq_ignore_ascii_case(urn));
    if asked.eq_ignore_ascii_case(name) || (is_site(asked) && is_site(name)) {
        return Selection::Whole;
    }
    let core = own.into_iter().find_map(|urn| strip(asked, urn)).unwrap_or(asked);
    let rest = match extension {
        None => Some(core),
        // `manager` for the one that an extension has: filters and changes take it so, too.
        Some(schema) if !core.contains(':') => Some(core).filter(|core| is_only_in(core, schema)),
        Some(_) => strip_extension(core, name),
    };
    let Some(path) = rest.and_then(|rest| grammar::path(rest).ok()) else { return Selection::Nothing };
    let part = PartSelection { among: path.filter, name: path.attr.sub_attr, below: None };
    if extension.is_some() {
        let below = (part.name.is_some() || part.among.is_some()).then(|| Box::new(part));
        return Selection::Parts(vec![PartSelection { among: None, name: Some(path.attr.name), below }]);
    }
    match path.attr.uri.is_none() && path.attr.name.eq_ignore_ascii_case(name) {
        false => Selection::Nothing,
        true if part.name.is_none() && part.among.is_none() => Selection::Whole,
        true => Selection::Parts(vec![part]),
    }
}

/// Whether a bare name is that of an attribute of the extension, and of none of a resource's own.
fn is_only_in(name: &str, extension: &Schema) -> bool {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    schema::find(extension.attributes, &name[..end]).is_some() && attribute_of(&name[..end]).is_none()
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
fn keep(item: Value, parts: &[PartSelection], name: &str) -> Value {
    let attribute = attribute_of(name);
    let mine: Vec<&PartSelection> = parts.iter().filter(|part| part.is_of(&item, attribute)).collect();
    match item {
        Value::Object(members) if !mine.iter().any(|part| part.name.is_none()) => {
            let kept = members.into_iter().filter_map(|(name, value)| {
                let asked: Vec<&&PartSelection> = mine.iter().filter(|part| part.names(&name)).collect();
                let whole = asked.iter().any(|part| part.below.is_none());
                let below = asked.into_iter().filter_map(|part| part.below.as_deref());
                match (whole, below.collect::<Vec<_>>()) {
                    (true, _) => Some((name, value)),
                    (false, below) if below.is_empty() => None,
                    (false, below) => {
                        let value = value_of(&name, value, &below, true);
                        Some((name, value))
                    }
                }
            });
            Value::Object(kept.filter(|(_, value)| !is_hollow(value)).collect())
        }
        other => other,
    }
}

/// What of a value is left without what was not asked for.
fn leave_out(item: Value, parts: &[PartSelection], name: &str) -> Value {
    let attribute = attribute_of(name);
    let mine: Vec<&PartSelection> = parts.iter().filter(|part| part.is_of(&item, attribute)).collect();
    match item {
        Value::Object(_) if mine.iter().any(|part| part.name.is_none()) => Value::Object(Map::new()),
        Value::Object(members) => {
            let kept = members.into_iter().filter_map(|(name, value)| {
                let asked: Vec<&&PartSelection> = mine.iter().filter(|part| part.names(&name)).collect();
                if asked.iter().any(|part| part.below.is_none()) {
                    return None;
                }
                let below: Vec<&PartSelection> =
                    asked.into_iter().filter_map(|part| part.below.as_deref()).collect();
                let value = if below.is_empty() { value } else { value_of(&name, value, &below, false) };
                Some((name, value))
            });
            Value::Object(kept.filter(|(_, value)| !is_hollow(value)).collect())
        }
        other => other,
    }
}

/// Of the value of an extension's attribute those parts, or all but those.
fn value_of(attribute: &str, value: Value, parts: &[&PartSelection], wanted: bool) -> Value {
    let attribute = schema::all().find_map(|schema| schema::find(schema.attributes, attribute));
    let mine: Vec<&&PartSelection> = parts.iter().filter(|part| part.is_of(&value, attribute)).collect();
    let Value::Object(members) = value else { return value };
    let named = |name: &str| mine.iter().any(|part| part.name.is_none() || part.names(name));
    Value::Object(members.into_iter().filter(|(name, _)| named(name) == wanted).collect())
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
