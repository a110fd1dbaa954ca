//! What a search asks for, by query parameters or by POST (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865).

use super::filter::{AttrPath, ChosenPath, Filter, ValuePath};
use super::message::{LARGEST_PAGE, SEARCH_REQUEST, USUAL_PAGE};
use super::path::AttributeRef;
use super::project::Projection;
use super::schema::{Mutability, Resource};
use super::{Fault, ScimType, evaluate, grammar, json, parse_filter, read};
use serde_json::Value;

/// A search that was understood. Keys that nobody knows are ignored: Microsoft's flag may come along.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which resources; all of them if there is none.
    pub filter: Option<Filter>,
    /// What to sort by.
    pub sort: Option<ChosenPath>,
    /// Whether the last comes first.
    pub descending: bool,
    /// Which page.
    pub page: Page,
    /// How many resources it holds at most.
    pub count: i64,
    /// Which attributes.
    pub projection: Projection,
}

/// Which page of the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The one that begins at this position, counted from one.
    Index(i64),
    /// The one after this cursor; the first if it is empty.
    Cursor(String),
}

impl Default for Page {
    fn default() -> Self {
        Self::Index(1)
    }
}

impl Query {
    /// Reads the parameters of an address. A name that stands twice counts once.
    pub fn of_pairs(pairs: &[(String, String)]) -> Result<Self, Fault> {
        let value = |name: &str| {
            pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let wish = SearchParameters {
            filter: value("filter"),
            sort_by: value("sortBy"),
            sort_order: value("sortOrder"),
            start: value("startIndex").map(str::to_owned),
            count: value("count").map(str::to_owned),
            cursor: value("cursor"),
        };
        let projection = Projection::read(value("attributes"), value("excludedAttributes"));
        wish.understood(projection)
    }

    /// Reads the body of a search by POST.
    pub fn of_body(body: &Value) -> Result<Self, Fault> {
        let syntax = |detail: String| Fault::bad(ScimType::InvalidSyntax, detail);
        let members = body.as_object().ok_or_else(|| syntax("The body must be a JSON object.".into()))?;
        let member = |name: &str| {
            let mine = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            mine.map(|(_, value)| value).filter(|value| !value.is_null())
        };
        let text = |name: &str| match member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(syntax(format!("{name} must be a string."))),
        };
        let names = |name: &str| match member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Array(items)) => {
                let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                items
                    .map(|items| Some(items.join(",")))
                    .ok_or_else(|| syntax(format!("{name} must list strings.")))
            }
            Some(_) => Err(syntax(format!("{name} must be a list of strings."))),
        };
        if let Some(fault) = json::within(body) {
            return Err(fault);
        }
        read::message(members, SEARCH_REQUEST)?;
        let number = |name: &str| {
            member(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let wish = SearchParameters {
            filter: text("filter")?,
            sort_by: text("sortBy")?,
            sort_order: text("sortOrder")?,
            start: number("startIndex"),
            count: number("count"),
            cursor: text("cursor")?,
        };
        let (attributes, excluded) = (names("attributes")?, names("excludedAttributes")?);
        wish.understood(Projection::read(attributes.as_deref(), excluded.as_deref()))
    }

    /// Where to sort by in a resource of this type.
    #[must_use]
    pub fn sort_spot(&self, kind: &Resource) -> Option<AttributeRef> {
        self.sort.as_ref().and_then(|path| AttributeRef::of(kind, &path.attr))
    }

    /// Whether the order, if there is one, is that of an attribute, and not of some among its values.
    #[must_use]
    pub fn sorts_plainly(&self) -> bool {
        self.sort.as_ref().is_none_or(|path| path.filter.is_none())
    }

    /// What a whole resource of this type sorts by.
    #[must_use]
    pub fn sort_key(&self, kind: &Resource, whole: &Value) -> Option<String> {
        let path = self.sort.as_ref()?;
        evaluate::sort_key(&AttributeRef::of(kind, &path.attr)?, path.filter.as_ref(), whole)
    }

    /// Refuses what none of these types of resource can answer.
    pub fn check(&self, kinds: &[&Resource]) -> Result<(), Fault> {
        self.projection.check()?;
        if let Some(filter) = &self.filter {
            evaluate::check(filter, kinds)?;
        }
        let Some(path) = &self.sort else { return Ok(()) };
        if let Some(filter) = path.filter.clone() {
            let attr = AttrPath { sub_attr: None, ..path.attr.clone() };
            let among = Filter::ValuePath(ValuePath { attr, filter });
            evaluate::check(&among, kinds)
                .map_err(|fault| Fault::bad(ScimType::InvalidValue, format!("sortBy: {}", fault.detail)))?;
        }
        let sortable = |kind: &&Resource| {
            let attr = self.sort_spot(kind);
            attr.is_some_and(|attr| {
                attr.attribute.mutability != Mutability::WriteOnly && attr.leaf().is_some()
            })
        };
        if kinds.iter().any(sortable) {
            return Ok(());
        }
        Err(Fault::bad(
            ScimType::InvalidValue,
            format!("sortBy is “{path}”, which is no attribute to sort by."),
        ))
    }
}

/// The parameters as they were sent.
struct SearchParameters<'a> {
    filter: Option<&'a str>,
    sort_by: Option<&'a str>,
    sort_order: Option<&'a str>,
    start: Option<String>,
    count: Option<String>,
    cursor: Option<&'a str>,
}

impl SearchParameters<'_> {
    fn understood(self, projection: Projection) -> Result<Query, Fault> {
        let filled =
            |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let unsortable = |text: &str| {
            Fault::bad(
                ScimType::InvalidValue,
                format!("sortBy is “{text}”, which is no attribute to sort by."),
            )
        };
        let descending = match filled(self.sort_order).as_deref() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("ascending") => false,
            Some(word) if word.eq_ignore_ascii_case("descending") => true,
            Some(word) => {
                let detail = format!("sortOrder is “{word}”; it must be ascending or descending.");
                return Err(Fault::bad(ScimType::InvalidValue, detail));
            }
        };
        let wrong_count = if self.cursor.is_some() { ScimType::InvalidCount } else { ScimType::InvalidValue };
        let count = number("count", self.count.as_deref(), wrong_count)?.unwrap_or(USUAL_PAGE);
        let start = number("startIndex", self.start.as_deref(), ScimType::InvalidValue)?.unwrap_or(1);
        Ok(Query {
            filter: filled(self.filter).map(|text| parse_filter(&text)).transpose()?,
            sort: filled(self.sort_by)
                .map(|text| grammar::path(&text).map_err(|_| unsortable(&grammar::shown(&text))))
                .transpose()?,
            descending,
            page: self.cursor.map_or(Page::Index(start.max(1)), |cursor| Page::Cursor(cursor.to_owned())),
            count: count.clamp(0, LARGEST_PAGE),
            projection,
        })
    }
}

fn number(name: &str, text: Option<&str>, kind: ScimType) -> Result<Option<i64>, Fault> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::bad(
            kind,
            format!("{name} is “{}”; it must be a whole number.", grammar::shown(text)),
        ));
    }
    // More than fits is as good as the most that fits.
    Ok(Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })))
}
