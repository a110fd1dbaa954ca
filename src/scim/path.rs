//! Paths of changes (RFC 7644 section 3.5.2, figure 7), resolved against the table of attributes.

use super::filter::{AttrExp, AttrPath, ChosenPath, CompValue, CompareOp, ValFilter};
use super::schema::{self, Attribute, Kind, Resource, Schema};
use super::{Fault, ScimType, evaluate, grammar, read, texts};
use serde_json::{Map, Value};
use std::fmt;

/// What a path points at.
#[derive(Debug)]
pub enum Path {
    /// A whole schema: an extension, or the resource's own.
    Schema(&'static Schema),
    /// An attribute, or something in it.
    Target(Target),
}

/// An attribute, some of its values, a part of it.
#[derive(Debug)]
pub struct Target {
    /// The extension that the attribute belongs to.
    pub urn: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// Which of several values are meant.
    pub filter: Option<ValFilter>,
    /// The part of the value that is meant; all of it if there is none.
    pub part: Option<&'static Attribute>,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(schema) => f.write_str(schema.urn),
            Self::Target(target) => target.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(self.attribute.name)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        self.part.map_or(Ok(()), |part| write!(f, ".{}", part.name))
    }
}

impl Target {
    /// Whether a client may not write what it points at.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        let read_only = |attribute: &Attribute| attribute.mutability == schema::Mutability::ReadOnly;
        read_only(self.attribute) || self.part.is_some_and(read_only)
    }
}

/// Why a path leads nowhere.
#[derive(Debug)]
pub enum Astray {
    /// To something that Rollcall does not know: why, in words for the log.
    Unknown(String),
    /// It cannot be read, or asks what cannot be.
    Wrong(Fault),
}

impl From<Fault> for Astray {
    fn from(fault: Fault) -> Self {
        Self::Wrong(fault)
    }
}

/// Reads a path into a resource of this type.
pub fn parse(kind: &Resource, text: &str) -> Result<Path, Astray> {
    let text = text.trim();
    let schema = kind
        .extension(text)
        .or_else(|| Some(kind.schema).filter(|schema| schema.urn.eq_ignore_ascii_case(text)));
    if let Some(schema) = schema {
        return Ok(Path::Schema(schema));
    }
    let shown = grammar::shown(text);
    let ChosenPath { mut attr, filter } = grammar::path(text)
        .map_err(|trouble| bad(format!("The path “{shown}” cannot be read: {trouble}.")))?;
    let (at, part) = (attr.clone(), attr.sub_attr.take());
    let unknown = || Astray::Unknown(read::UNKNOWN.to_owned());
    let (urn, attribute) = resolve(kind, &at).ok_or_else(unknown)?;
    let part = part.map(|name| attribute.part(&name).ok_or_else(unknown)).transpose()?;
    if filter.is_some() && !attribute.multi {
        let detail =
            format!("{} has one value only, so “{shown}” cannot choose among several.", attribute.name);
        return Err(bad(detail).into());
    }
    if let Some(filter) = &filter {
        known_parts(filter, attribute)?;
    }
    Ok(Path::Target(Target { urn, attribute, filter, part }))
}

/// The attribute of a path. Microsoft's examples write `manager` without its schema.
fn resolve(kind: &Resource, at: &AttrPath) -> Option<(Option<&'static str>, &'static Attribute)> {
    if let Some(uri) = &at.uri {
        return kind.named(&format!("{uri}:{}", at.name));
    }
    let extended = || {
        let mut extensions = kind.extensions.iter();
        extensions.find_map(|schema| Some((Some(schema.urn), schema::find(schema.attributes, &at.name)?)))
    };
    kind.named(&at.name).or_else(extended)
}

/// Finds parts in a filter that the attribute does not have.
fn known_parts(filter: &ValFilter, attribute: &Attribute) -> Result<(), Astray> {
    match filter {
        ValFilter::Not(inner) => known_parts(inner, attribute),
        ValFilter::And(parts) | ValFilter::Or(parts) => {
            parts.iter().try_for_each(|part| known_parts(part, attribute))
        }
        ValFilter::Attr(AttrExp::Present(path) | AttrExp::Comparison(path, ..)) => {
            if attribute.part(&path.name).is_some() {
                return Ok(());
            }
            Err(Astray::Unknown(format!("{} has no part “{}” to choose by", attribute.name, path.name)))
        }
    }
}

/// The attribute to which the path of a filter, a sort or a projection refers.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRef {
    /// The extension that the attribute belongs to.
    pub urn: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// The part of the value that is meant.
    pub part: Option<&'static Attribute>,
}

impl AttributeRef {
    /// What `at` refers to in a resource of this type; nothing if it has no such attribute.
    #[must_use]
    pub fn of(kind: &Resource, at: &AttrPath) -> Option<Self> {
        let (urn, attribute) = if at.uri.is_none() && at.name.eq_ignore_ascii_case(schema::SCHEMAS.name) {
            (None, &schema::SCHEMAS)
        } else {
            resolve(kind, at)?
        };
        let part = match &at.sub_attr {
            Some(name) => Some(attribute.part(name)?),
            None => None,
        };
        Some(Self { urn, attribute, part })
    }

    /// What is compared: a value's part `value` where the path names none.
    #[must_use]
    pub fn leaf(&self) -> Option<&'static Attribute> {
        match (self.part, self.attribute.kind) {
            (Some(part), _) => Some(part),
            (None, Kind::Complex) => self.attribute.part("value"),
            (None, _) => Some(self.attribute),
        }
    }

    /// The path in the spelling of the schema: `name.givenName`; a complex value's `value` goes without saying.
    #[must_use]
    pub fn name(&self) -> String {
        let prefix = self.urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        let part = self.part.filter(|part| part.name != "value").map(|part| format!(".{}", part.name));
        format!("{prefix}{}{}", self.attribute.name, part.unwrap_or_default())
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
            let value = match (wanted, part.kind) {
                (CompValue::Null, _) => return Err(no_target(attribute)),
                (wanted, Kind::Boolean) => {
                    Value::Bool(evaluate::truth(wanted).ok_or_else(|| no_target(attribute))?)
                }
                (CompValue::Text(text), _) => Value::String(texts::kept(part, text).0),
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
