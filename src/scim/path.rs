//! Paths of changes (RFC 7644 section 3.5.2, figure 7), resolved against the table of attributes.

use super::filter::{AttrExp, AttrPath, CompValue, CompareOp, PatchPath, ValFilter};
use super::schema::{self, Attribute, Kind, Schema};
use super::{Fault, LONGEST_FILTER, ScimType, read};
use serde_json::{Map, Value};

/// What a path points at.
pub(super) enum Path {
    /// A whole extension.
    Extension(&'static Schema),
    /// An attribute, or something in it.
    Target(Target),
}

/// An attribute, some of its values, a part of it.
pub(super) struct Target {
    /// The extension that the attribute belongs to.
    pub(super) urn: Option<&'static str>,
    pub(super) attribute: &'static Attribute,
    /// Which of several values are meant.
    pub(super) filter: Option<ValFilter>,
    pub(super) part: Option<&'static Attribute>,
}

/// Reads a path.
pub(super) fn parse(text: &str) -> Result<Path, Fault> {
    let text = text.trim();
    if text.len() > LONGEST_FILTER {
        return Err(bad(format!("The path is longer than {LONGEST_FILTER} bytes.")));
    }
    if let Some(extension) = read::extension(text) {
        return Ok(Path::Extension(extension));
    }
    let parsed = text
        .parse::<PatchPath>()
        .map_err(|cause| bad(format!("The path “{text}” cannot be read: {cause}")))?;
    let (at, filter, part) = match parsed {
        PatchPath::Attr(at) => {
            let part = at.sub_attr.clone();
            (at, None, part)
        }
        PatchPath::Value(path) => (path.attr, Some(path.filter), path.sub_attr),
    };
    let unknown = || bad(format!("There is no attribute “{text}”."));
    let (urn, attribute) = resolve(&at).ok_or_else(unknown)?;
    let part = part.map(|name| attribute.part(&name).ok_or_else(unknown)).transpose()?;
    if filter.is_some() && !attribute.multi {
        return Err(bad(format!(
            "{} has one value only, so “{text}” cannot choose among several.",
            attribute.name
        )));
    }
    Ok(Path::Target(Target { urn, attribute, filter, part }))
}

/// The attribute of a path. Microsoft's examples write `manager` without its schema.
fn resolve(at: &AttrPath) -> Option<(Option<&'static str>, &'static Attribute)> {
    if let Some(uri) = &at.uri {
        return read::named(&format!("{uri}:{}", at.name));
    }
    let extended = || {
        let mut extensions = schema::EXTENSIONS.into_iter();
        extensions.find_map(|schema| Some((Some(schema.urn), schema::find(schema.attributes, &at.name)?)))
    };
    read::named(&at.name).or_else(extended)
}

/// Whether one of several values meets the filter.
pub(super) fn meets(filter: &ValFilter, attribute: &Attribute, value: &Value) -> bool {
    match filter {
        ValFilter::Not(inner) => !meets(inner, attribute, value),
        ValFilter::And(parts) => parts.iter().all(|part| meets(part, attribute, value)),
        ValFilter::Or(parts) => parts.iter().any(|part| meets(part, attribute, value)),
        ValFilter::Attr(AttrExp::Present(path)) => part_of(attribute, value, path).is_some(),
        ValFilter::Attr(AttrExp::Comparison(path, op, wanted)) => {
            let part = attribute.part(&path.name);
            compares(part, part_of(attribute, value, path), op, wanted)
        }
    }
}

fn part_of<'a>(attribute: &Attribute, value: &'a Value, path: &AttrPath) -> Option<&'a Value> {
    attribute.part(&path.name).and_then(|part| value.get(part.name))
}

fn compares(part: Option<&Attribute>, held: Option<&Value>, op: &CompareOp, wanted: &CompValue) -> bool {
    if matches!(op, CompareOp::Ne) {
        return !compares(part, held, &CompareOp::Eq, wanted);
    }
    match (held, wanted) {
        (None, CompValue::Null) => matches!(op, CompareOp::Eq),
        (Some(Value::Bool(held)), CompValue::True) => matches!(op, CompareOp::Eq) && *held,
        (Some(Value::Bool(held)), CompValue::False) => matches!(op, CompareOp::Eq) && !*held,
        // Entra ID compares booleans with strings: `roles[primary eq "True"]`.
        (Some(Value::Bool(held)), CompValue::Str(text)) => {
            matches!(op, CompareOp::Eq) && text.eq_ignore_ascii_case(if *held { "true" } else { "false" })
        }
        (Some(Value::String(held)), CompValue::Str(text)) => {
            let exact = part.is_some_and(|part| part.case_exact);
            let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
            let (held, text) = (fold(held), fold(text));
            match op {
                CompareOp::Eq => held == text,
                CompareOp::Ne => held != text,
                CompareOp::Co => held.contains(&text),
                CompareOp::Sw => held.starts_with(&text),
                CompareOp::Ew => held.ends_with(&text),
                CompareOp::Gt => held > text,
                CompareOp::Ge => held >= text,
                CompareOp::Lt => held < text,
                CompareOp::Le => held <= text,
            }
        }
        _ => false,
    }
}

/// The value that a filter of equalities describes: what to create where nothing meets it.
pub(super) fn described(
    filter: &ValFilter,
    attribute: &'static Attribute,
) -> Result<Map<String, Value>, Fault> {
    let mut members = Map::new();
    describe(filter, attribute, &mut members)?;
    Ok(members)
}

fn describe(
    filter: &ValFilter,
    attribute: &'static Attribute,
    into: &mut Map<String, Value>,
) -> Result<(), Fault> {
    match filter {
        ValFilter::And(parts) => parts.iter().try_for_each(|part| describe(part, attribute, into)),
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, wanted)) => {
            let Some(part) = attribute.part(&path.name) else { return Err(no_target(attribute)) };
            let value = match wanted {
                CompValue::Str(text) if part.kind == Kind::Boolean => {
                    Value::Bool(text.eq_ignore_ascii_case("true"))
                }
                CompValue::Str(text) => Value::String(text.clone()),
                CompValue::True => Value::Bool(true),
                CompValue::False => Value::Bool(false),
                CompValue::Null | CompValue::Number(_) => return Err(no_target(attribute)),
            };
            into.insert(part.name.to_owned(), value);
            Ok(())
        }
        _ => Err(no_target(attribute)),
    }
}

fn no_target(attribute: &Attribute) -> Fault {
    let detail = format!(
        "No value of {} meets the path's filter, and it does not say what to create.",
        attribute.name
    );
    Fault::bad(ScimType::NoTarget, detail)
}

fn bad(detail: String) -> Fault {
    Fault::bad(ScimType::InvalidPath, detail)
}
