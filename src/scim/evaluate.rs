//! Whether a resource meets a filter, and how resources sort (RFC 7644 sections 3.4.2.2 and 3.4.2.3).
//!
//! This is the meaning of a filter. The interface compiles what it can to conditions of the database, which must agree.

use super::filter::{AttrExp, AttrPath, CompValue, CompareOp, Filter, ValFilter};
use super::path::AttributeRef;
use super::schema::{Attribute, Kind, Mutability, Resource};
use super::{Fault, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, texts};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

/// Refuses a filter that none of these types of resource can answer.
pub fn check(filter: &Filter, kinds: &[&Resource]) -> Result<(), Fault> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().try_for_each(|part| check(part, kinds)),
        Filter::Not(part) => check(part, kinds),
        Filter::Attr(expression) => check_simple(expression, kinds),
        Filter::ValuePath(path) => {
            let attrs = attrs(&path.attr, kinds)?;
            let complex =
                attrs.iter().find(|attr| attr.attribute.kind == Kind::Complex && attr.part.is_none());
            let Some(attr) = complex else {
                return Err(bad(format!("{} has no parts to choose among.", path.attr)));
            };
            check_parts(&path.filter, attr.attribute)
        }
    }
}

fn check_simple(expression: &AttrExp, kinds: &[&Resource]) -> Result<(), Fault> {
    match expression {
        AttrExp::Present(path) => attrs(path, kinds).map(drop),
        AttrExp::Comparison(path, op, wanted) => {
            let fitting = attrs(path, kinds)?.into_iter().map(|attr| match attr.leaf() {
                Some(leaf) => check_comparison(leaf, path, *op, wanted),
                None => Err(bad(format!(
                    "{path} is compared part by part: name one, such as {path}.{}.",
                    attr.attribute.sub.first().map_or("value", |part| part.name)
                ))),
            });
            // At the root a name may stand for something else in another type.
            fitting.reduce(Result::or).unwrap_or(Ok(()))
        }
    }
}

fn check_parts(filter: &ValFilter, attribute: &'static Attribute) -> Result<(), Fault> {
    match filter {
        ValFilter::And(parts) | ValFilter::Or(parts) => {
            parts.iter().try_for_each(|part| check_parts(part, attribute))
        }
        ValFilter::Not(part) => check_parts(part, attribute),
        ValFilter::Attr(AttrExp::Present(path)) => part(attribute, path).map(drop),
        ValFilter::Attr(AttrExp::Comparison(path, op, wanted)) => {
            check_comparison(part(attribute, path)?, path, *op, wanted)
        }
    }
}

fn part(attribute: &'static Attribute, path: &AttrPath) -> Result<&'static Attribute, Fault> {
    attribute.part(&path.name).ok_or_else(|| bad(format!("{} has no part “{path}”.", attribute.name)))
}

fn attrs(path: &AttrPath, kinds: &[&Resource]) -> Result<Vec<AttributeRef>, Fault> {
    let readable = |attr: &AttributeRef| attr.attribute.mutability != Mutability::WriteOnly;
    let attrs: Vec<AttributeRef> =
        kinds.iter().filter_map(|kind| AttributeRef::of(kind, path)).filter(readable).collect();
    if attrs.is_empty() {
        return Err(bad(format!("There is no attribute “{path}” to filter by.")));
    }
    Ok(attrs)
}

fn check_comparison(
    leaf: &Attribute,
    path: &AttrPath,
    op: CompareOp,
    wanted: &CompValue,
) -> Result<(), Fault> {
    let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
    let within = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
    let rule = match (leaf.kind, wanted) {
        (_, CompValue::Null) => (equality, "null is compared by eq or ne only"),
        (Kind::Boolean, wanted) => {
            (equality && truth(wanted).is_some(), "it is compared by eq or ne with true or false")
        }
        (Kind::DateTime, CompValue::Text(text)) => (
            !within && moment(text).is_some(),
            "it is compared by eq, ne, gt, ge, lt or le with a time such as \"2026-11-23T09:00:00Z\"",
        ),
        (Kind::Binary, CompValue::Text(_)) => (equality, "it is compared by eq or ne only"),
        (_, CompValue::Text(_)) => (true, ""),
    };
    if rule.0 { Ok(()) } else { Err(bad(format!("{path} cannot be compared so: {}.", rule.1))) }
}

/// Whether a whole resource (its JSON, all attributes) meets the filter. What a type does not have is absent.
#[must_use]
pub fn meets(filter: &Filter, kind: &Resource, resource: &Value) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| meets(part, kind, resource)),
        Filter::Or(parts) => parts.iter().any(|part| meets(part, kind, resource)),
        Filter::Not(part) => !meets(part, kind, resource),
        Filter::Attr(AttrExp::Present(path)) => {
            AttributeRef::of(kind, path).is_some_and(|attr| !held(resource, &attr, attr.part).is_empty())
        }
        Filter::Attr(AttrExp::Comparison(path, op, wanted)) => {
            let attr = AttributeRef::of(kind, path).and_then(|attr| Some((attr, attr.leaf()?)));
            let Some((attr, leaf)) = attr else { return absent_meets(op, wanted) };
            let part = (attr.attribute.kind == Kind::Complex).then_some(leaf);
            let values = held(resource, &attr, part);
            if values.is_empty() {
                return absent_meets(op, wanted);
            }
            values.into_iter().any(|value| compares(leaf, value, *op, wanted))
        }
        Filter::ValuePath(path) => AttributeRef::of(kind, &path.attr).is_some_and(|attr| {
            let values = held(resource, &attr, None);
            values.into_iter().any(|value| value_meets(&path.filter, attr.attribute, value))
        }),
    }
}

/// Whether one of several values meets the filter of a value path.
#[must_use]
pub fn value_meets(filter: &ValFilter, attribute: &Attribute, value: &Value) -> bool {
    let part_of = |path: &AttrPath| {
        let part = attribute.part(&path.name)?;
        Some((part, value.get(part.name)?))
    };
    match filter {
        ValFilter::Not(inner) => !value_meets(inner, attribute, value),
        ValFilter::And(parts) => parts.iter().all(|part| value_meets(part, attribute, value)),
        ValFilter::Or(parts) => parts.iter().any(|part| value_meets(part, attribute, value)),
        ValFilter::Attr(AttrExp::Present(path)) => part_of(path).is_some(),
        ValFilter::Attr(AttrExp::Comparison(path, op, wanted)) => match part_of(path) {
            Some((part, held)) => compares(part, held, *op, wanted),
            None => absent_meets(op, wanted),
        },
    }
}

/// The values at a spot, or those of one part of them; none that is empty.
fn held<'a>(resource: &'a Value, attr: &AttributeRef, part: Option<&Attribute>) -> Vec<&'a Value> {
    let home = match attr.urn {
        None => Some(resource),
        // One site, whichever of its two schemas the client asks by and the answer carries.
        Some(ROLLCALL_USER | ROLLCALL_USER_8X8) => {
            [ROLLCALL_USER, ROLLCALL_USER_8X8].into_iter().find_map(|urn| resource.get(urn))
        }
        Some(urn) => resource.get(urn),
    };
    let whole = home.and_then(|home| home.get(attr.attribute.name));
    let each = match whole {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(value) => vec![value],
    };
    let each = each.into_iter().filter_map(|value| part.map_or(Some(value), |part| value.get(part.name)));
    each.filter(|value| !matches!(value, Value::Null) && value.as_str() != Some("")).collect()
}

/// An absent value is null (RFC 7643 section 2.5): it differs from every other.
#[must_use]
pub fn absent_meets(op: &CompareOp, wanted: &CompValue) -> bool {
    match op {
        CompareOp::Eq => matches!(wanted, CompValue::Null),
        CompareOp::Ne => !matches!(wanted, CompValue::Null),
        _ => false,
    }
}

fn compares(leaf: &Attribute, held: &Value, op: CompareOp, wanted: &CompValue) -> bool {
    if matches!(op, CompareOp::Ne) {
        return !compares(leaf, held, CompareOp::Eq, wanted);
    }
    match (held, wanted) {
        // Entra ID compares booleans with strings: `roles[primary eq "True"]`.
        (Value::Bool(held), wanted) => matches!(op, CompareOp::Eq) && truth(wanted) == Some(*held),
        (Value::String(held), CompValue::Text(text)) if leaf.kind == Kind::DateTime => {
            match (moment(held), moment(text)) {
                (Some(held), Some(wanted)) => ordered(&held, op, &wanted),
                _ => false,
            }
        }
        (Value::String(held), CompValue::Text(text)) => texts::compares(leaf, held, op, text),
        _ => false,
    }
}

/// The moment that a text names (RFC 7643 section 2.3.5: as in XML Schema, where the zone may be missing: then it is UTC).
#[must_use]
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    zoned.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc())).ok()
}

fn ordered<T: PartialOrd>(held: &T, op: CompareOp, wanted: &T) -> bool {
    match op {
        CompareOp::Gt => held > wanted,
        CompareOp::Ge => held >= wanted,
        CompareOp::Lt => held < wanted,
        CompareOp::Le => held <= wanted,
        _ => held == wanted,
    }
}

/// The truth that a comparison's value stands for.
#[must_use]
pub fn truth(value: &CompValue) -> Option<bool> {
    match value {
        CompValue::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        CompValue::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// What a resource sorts by: of several values, or of those that meet the filter, the primary one, else the first.
/// Nothing sorts last.
#[must_use]
pub fn sort_key(attr: &AttributeRef, among: Option<&ValFilter>, resource: &Value) -> Option<String> {
    let leaf = attr.leaf()?;
    let mut values = held(resource, attr, None);
    values.retain(|value| among.is_none_or(|filter| value_meets(filter, attr.attribute, value)));
    let primary = values.iter().find(|value| value.get("primary") == Some(&Value::Bool(true)));
    let value = primary.or(values.first())?;
    let value = if attr.attribute.kind == Kind::Complex { value.get(leaf.name)? } else { value };
    match value {
        Value::String(text) if leaf.trimmed => Some(texts::folded(leaf, text.trim())),
        Value::String(text) => Some(texts::folded(leaf, text)),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn bad(detail: String) -> Fault {
    Fault::bad(ScimType::InvalidFilter, detail)
}
