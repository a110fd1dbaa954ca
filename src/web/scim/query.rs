//! What a query asks for: filter, page, attributes (RFC 7644 section 3.4.2).

use crate::domain::users::query::{Condition, Field, Moment, Test};
use crate::scim::filter::{AttrExp, AttrPath, CompValue, CompareOp, Filter, ValFilter};
use crate::scim::message::LARGEST_PAGE;
use crate::scim::project::Projection;
use crate::scim::{
    CORE_USER, ENTERPRISE_USER, Fault, ROLLCALL_USER, ROLLCALL_USER_8X8, ScimType, parse_filter,
};
use actix_web::HttpRequest;
use chrono::{DateTime, NaiveDateTime};

const USUAL_PAGE: i64 = 100;

/// A query that was understood. Keys that nobody knows are ignored: Microsoft's flag may come along.
pub(super) struct Query {
    pub(super) condition: Condition,
    /// The first result to show, counted from one.
    pub(super) start: i64,
    pub(super) count: i64,
    pub(super) projection: Projection,
    /// What is looked for, in words for the log.
    pub(super) sought: Option<String>,
    /// Whether it is the look-up of a random user with which Entra ID tests the connection.
    pub(super) is_probe: bool,
}

/// Only which attributes are asked for.
pub(super) fn projection(request: &HttpRequest) -> Projection {
    let pairs = pairs(request);
    Projection::read(value(&pairs, "attributes"), value(&pairs, "excludedAttributes"))
}

pub(super) fn read(request: &HttpRequest) -> Result<Query, Fault> {
    let pairs = pairs(request);
    let filter =
        value(&pairs, "filter").filter(|text| !text.trim().is_empty()).map(parse_filter).transpose()?;
    let start = number(&pairs, "startIndex")?.unwrap_or(1).max(1);
    let count = number(&pairs, "count")?.unwrap_or(USUAL_PAGE).clamp(0, LARGEST_PAGE);
    let sought = filter.as_ref().and_then(sought);
    Ok(Query {
        condition: filter.as_ref().map_or(Ok(Condition::All), condition)?,
        start,
        count,
        projection: projection(request),
        is_probe: sought.as_deref().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()),
        sought,
    })
}

/// Refuses a page or a filter that can't be read, for a list that is always empty.
pub(super) fn page(request: &HttpRequest) -> Result<(), Fault> {
    let pairs = pairs(request);
    value(&pairs, "filter").filter(|text| !text.trim().is_empty()).map(parse_filter).transpose()?;
    number(&pairs, "startIndex")?;
    number(&pairs, "count")?;
    Ok(())
}

fn pairs(request: &HttpRequest) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.query_string()).unwrap_or_default()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn number(pairs: &[(String, String)], name: &str) -> Result<Option<i64>, Fault> {
    let Some(text) = value(pairs, name) else { return Ok(None) };
    let bad =
        || Fault::bad(ScimType::InvalidValue, format!("{name} is “{text}”; it must be a whole number."));
    text.trim().parse().map(Some).map_err(|_| bad())
}

/// The text of a single comparison for equality: what the client is looking for.
fn sought(filter: &Filter) -> Option<String> {
    match filter {
        Filter::Attr(AttrExp::Comparison(_, CompareOp::Eq, CompValue::Str(text))) => Some(text.clone()),
        _ => None,
    }
}

fn condition(filter: &Filter) -> Result<Condition, Fault> {
    Ok(match filter {
        Filter::And(parts) => Condition::And(parts.iter().map(condition).collect::<Result<_, _>>()?),
        Filter::Or(parts) => Condition::Or(parts.iter().map(condition).collect::<Result<_, _>>()?),
        Filter::Not(part) => Condition::Not(Box::new(condition(part)?)),
        Filter::Attr(expression) => simple(expression)?,
        Filter::ValuePath(path) => among(&path.attr, &path.filter)?,
    })
}

fn simple(expression: &AttrExp) -> Result<Condition, Fault> {
    let (path, comparison) = match expression {
        AttrExp::Present(path) => (path, None),
        AttrExp::Comparison(path, op, value) => (path, Some((test(op), value))),
    };
    let name = qualified(path);
    match name.as_str() {
        "active" => return activity(comparison),
        "meta.created" => return moment(Moment::Created, comparison),
        "meta.lastmodified" => return moment(Moment::Changed, comparison),
        _ => {}
    }
    let field = field(&name).ok_or_else(|| cannot(path))?;
    text(field, comparison, &name)
}

fn text(field: Field, comparison: Option<(Test, &CompValue)>, name: &str) -> Result<Condition, Fault> {
    match comparison {
        None | Some((Test::Ne, CompValue::Null)) => Ok(Condition::Present(field)),
        Some((test, CompValue::Str(text))) => Ok(Condition::Text(field, test, text.clone())),
        // `title eq null`: an absent value (RFC 7643 section 2.5).
        Some((Test::Eq, CompValue::Null)) => Ok(Condition::Not(Box::new(Condition::Present(field)))),
        Some(_) => Err(bad(format!("{name} is compared with a string in double quotes."))),
    }
}

fn activity(comparison: Option<(Test, &CompValue)>) -> Result<Condition, Fault> {
    let truth = |value: &CompValue| match value {
        CompValue::True => Some(true),
        CompValue::False => Some(false),
        CompValue::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
        CompValue::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    let condition = match comparison {
        None => Some(Condition::All),
        Some((Test::Eq, value)) => truth(value).map(Condition::Active),
        Some((Test::Ne, value)) => truth(value).map(|truth| Condition::Active(!truth)),
        Some(_) => None,
    };
    condition.ok_or_else(|| bad("active is compared by eq or ne with true or false.".to_owned()))
}

fn moment(moment: Moment, comparison: Option<(Test, &CompValue)>) -> Result<Condition, Fault> {
    let Some((test, value)) = comparison else { return Ok(Condition::All) };
    let at = match value {
        CompValue::Str(text) => DateTime::parse_from_rfc3339(text).ok(),
        _ => None,
    };
    let at: NaiveDateTime = at
        .ok_or_else(|| {
            bad("meta times are compared with a dateTime such as \"2026-11-23T09:00:00Z\".".to_owned())
        })?
        .naive_utc();
    if matches!(test, Test::Co | Test::Sw | Test::Ew) {
        return Err(bad("meta times are compared by eq, ne, gt, ge, lt and le.".to_owned()));
    }
    Ok(Condition::Time(moment, test, at))
}

/// `emails[type eq "work" and value eq "…"]`, `phoneNumbers[type eq "mobile" and value co "…"]`.
fn among(at: &AttrPath, filter: &ValFilter) -> Result<Condition, Fault> {
    let name = qualified(at);
    let parts: Vec<&ValFilter> = match filter {
        ValFilter::And(parts) => parts.iter().collect(),
        single => vec![single],
    };
    let mut kind = None;
    let mut comparison = None;
    for part in parts {
        match part {
            ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(text)))
                if path.name.eq_ignore_ascii_case("type") =>
            {
                kind = Some(text.to_lowercase());
            }
            ValFilter::Attr(AttrExp::Comparison(path, op, value))
                if path.name.eq_ignore_ascii_case("value") =>
            {
                comparison = Some((test(op), value));
            }
            _ => return Err(cannot(at)),
        }
    }
    let field = match (name.as_str(), kind.as_deref()) {
        ("emails", None) => Field::Email,
        ("emails", Some("work")) => Field::WorkEmail,
        ("phonenumbers", Some("work")) => Field::WorkPhone,
        ("phonenumbers", Some("mobile")) => Field::MobilePhone,
        _ => return Err(cannot(at)),
    };
    text(field, comparison, &name)
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "id" => Field::ScimId,
        "username" => Field::UserName,
        "externalid" => Field::ExternalId,
        "displayname" => Field::DisplayName,
        "name.givenname" => Field::GivenName,
        "name.familyname" => Field::FamilyName,
        "title" => Field::Title,
        "locale" => Field::Locale,
        "timezone" => Field::TimeZone,
        "preferredlanguage" => Field::Language,
        "emails" | "emails.value" => Field::Email,
        "department" => Field::Department,
        "manager" | "manager.value" => Field::Manager,
        "site" => Field::Site,
        _ => return None,
    })
}

/// The attribute's name in lower case, without the URN of a schema that has it.
fn qualified(path: &AttrPath) -> String {
    let known = [CORE_USER, ENTERPRISE_USER, ROLLCALL_USER, ROLLCALL_USER_8X8];
    let foreign = path.uri.as_ref().filter(|uri| !known.iter().any(|urn| uri.eq_ignore_ascii_case(urn)));
    let prefix = foreign.map(|uri| format!("{uri}:")).unwrap_or_default();
    let part = path.sub_attr.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
    format!("{prefix}{}{part}", path.name).to_lowercase()
}

fn test(op: &CompareOp) -> Test {
    match op {
        CompareOp::Eq => Test::Eq,
        CompareOp::Ne => Test::Ne,
        CompareOp::Co => Test::Co,
        CompareOp::Sw => Test::Sw,
        CompareOp::Ew => Test::Ew,
        CompareOp::Gt => Test::Gt,
        CompareOp::Lt => Test::Lt,
        CompareOp::Ge => Test::Ge,
        CompareOp::Le => Test::Le,
    }
}

fn cannot(path: &AttrPath) -> Fault {
    bad(format!("Users cannot be filtered by {path}."))
}

fn bad(detail: String) -> Fault {
    Fault::bad(ScimType::InvalidFilter, detail)
}
