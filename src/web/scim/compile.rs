//! From a filter to conditions of the database.
//!
//! What a filter means is said by [`evaluate`]. A condition here finds all that meet the filter; where it may find more
//! it says so, and the interface looks at each of them.

use super::compiled::Compiled;
use super::texts::{any_of, is_search, joined, test, text};
use crate::domain::condition::{Condition, Test};
use crate::domain::groups::search as of_groups;
use crate::domain::users::query::{self as of_users, Moment};
use crate::scim::ENTERPRISE_USER;
use crate::scim::evaluate::{self, absent_meets, truth};
use crate::scim::filter::{AttrExp, CompValue, CompareOp, Filter, ValFilter};
use crate::scim::path::AttributeRef;
use crate::scim::schema::{GROUPS, Kind, Resource, USERS};
use crate::scim::texts::asked;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::json;

/// Attributes that are kept as they were sent, in no column of their own.
const KEPT: [&str; 11] = [
    "name",
    "nickName",
    "profileUrl",
    "userType",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "roles",
    "x509Certificates",
];

/// The filter as a condition over accounts.
pub(super) fn users(filter: Option<&Filter>) -> Compiled<of_users::Predicate> {
    compile(filter, &USERS, &|attr, expression| user_predicate(attr, expression), &user_values)
}

/// The filter as a condition over groups.
pub(super) fn groups(filter: Option<&Filter>) -> Compiled<of_groups::Predicate> {
    compile(filter, &GROUPS, &|attr, expression| group_predicate(attr, expression), &group_values)
}

/// What an account sorts by there, if the database can.
pub(super) fn user_order(attr: &AttributeRef) -> Option<crate::domain::users::search::SortKey> {
    use crate::domain::users::search::SortKey;
    let name = attr.name();
    moment_of(&name).map(SortKey::Time).or_else(|| user_field(&name).map(SortKey::Text))
}

/// What a group sorts by there, if the database can.
pub(super) fn group_order(attr: &AttributeRef) -> Option<of_groups::SortKey> {
    let name = attr.name();
    moment_of(&name)
        .map(of_groups::SortKey::Time)
        .or_else(|| group_field(&name).map(of_groups::SortKey::Text))
}

fn compile<L>(
    filter: Option<&Filter>,
    kind: &Resource,
    predicate: &impl Fn(&AttributeRef, &AttrExp) -> Compiled<L>,
    values: &impl Fn(&AttributeRef, &ValFilter) -> Compiled<L>,
) -> Compiled<L> {
    let Some(filter) = filter else { return Compiled::constant(true) };
    let all = |parts: &[Filter]| -> (Vec<Condition<L>>, bool) {
        let compiled: Vec<_> =
            parts.iter().map(|part| compile(Some(part), kind, predicate, values)).collect();
        let exact = compiled.iter().all(|part| part.exact);
        (compiled.into_iter().map(|part| part.condition).collect(), exact)
    };
    match filter {
        Filter::And(parts) => {
            let (parts, exact) = all(parts);
            Compiled { condition: Condition::And(parts), exact }
        }
        Filter::Or(parts) => {
            let (parts, exact) = all(parts);
            Compiled { condition: Condition::Or(parts), exact }
        }
        Filter::Not(part) => match compile(Some(part), kind, predicate, values) {
            Compiled { condition, exact: true } => Compiled::exactly(Condition::Not(Box::new(condition))),
            // Of what may be too much, the opposite may be too little.
            _ => Compiled::at_least(Condition::All),
        },
        Filter::Attr(expression) => match AttributeRef::of(kind, expression.path()) {
            Some(attr) if attr.name() == "meta.resourceType" => {
                let resource = json!({ "meta": { "resourceType": kind.name } });
                Compiled::constant(evaluate::meets(filter, kind, &resource))
            }
            Some(attr) => predicate(&attr, expression),
            None => Compiled::constant(match expression {
                AttrExp::Present(_) => false,
                AttrExp::Comparison(_, op, wanted) => absent_meets(op, wanted),
            }),
        },
        Filter::ValuePath(path) => match AttributeRef::of(kind, &path.attr) {
            Some(attr) => values(&attr, &path.filter),
            None => Compiled::constant(false),
        },
    }
}

fn user_predicate(attr: &AttributeRef, expression: &AttrExp) -> Compiled<of_users::Predicate> {
    use of_users::Predicate;
    let name = attr.name();
    if let Some(field) = user_field(&name) {
        return text(attr, expression, |test| {
            test.map_or(Predicate::Present(field), |(test, text)| Predicate::Text(field, test, text))
        });
    }
    if let Some(moment) = moment_of(&name) {
        return time(expression, |test, at| Predicate::Time(moment, test, at));
    }
    match (name.as_str(), expression) {
        ("active", AttrExp::Present(_)) => Compiled::constant(true),
        ("active", AttrExp::Comparison(_, op, wanted)) => match (op, truth(wanted)) {
            (CompareOp::Eq, Some(truth)) => Compiled::exactly(Condition::Is(Predicate::Active(truth))),
            (CompareOp::Ne, Some(truth)) => Compiled::exactly(Condition::Is(Predicate::Active(!truth))),
            // Never null.
            _ => Compiled::constant(matches!(op, CompareOp::Ne)),
        },
        ("emails", _) => text(attr, expression, |test| Predicate::Email(None, test)),
        ("emails.type", AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(kind))) => {
            let (condition, exact) =
                any_of(attr, CompareOp::Eq, kind, |kind| Predicate::Email(Some(kind), None));
            Compiled { condition, exact }
        }
        ("emails.type", AttrExp::Present(_)) => {
            Compiled::at_least(Condition::Is(Predicate::Email(None, None)))
        }
        ("groups", AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(id))) => {
            Compiled::exactly(Condition::Is(Predicate::InGroup(id.clone())))
        }
        (_, AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(site)))
            if attr.attribute.name == "site" =>
        {
            Compiled::at_least(any_of(attr, CompareOp::Eq, site, Predicate::Site).0)
        }
        _ => kept(attr, expression),
    }
}

/// Of what has no column, the text that must stand in it somewhere.
fn kept(attr: &AttributeRef, expression: &AttrExp) -> Compiled<of_users::Predicate> {
    use of_users::{Field, Predicate};
    if attr.attribute.name == "manager" {
        // The address is made of the id, and whoever has one has the other.
        return Compiled::at_least(match expression {
            AttrExp::Present(_) => Condition::Is(Predicate::Present(Field::Manager)),
            AttrExp::Comparison(..) => Condition::All,
        });
    }
    let is_kept = KEPT.contains(&attr.attribute.name) || attr.urn == Some(ENTERPRISE_USER);
    if !is_kept || attr.leaf().is_some_and(|leaf| leaf.kind == Kind::Boolean) {
        return Compiled::at_least(Condition::All);
    }
    let (mentions, tests): (Vec<String>, Vec<_>) = match (expression, attr.leaf()) {
        (AttrExp::Present(_), _) => (vec![format!("\"{}\":", attr.attribute.name)], vec![None]),
        (AttrExp::Comparison(_, op, CompValue::Text(text)), Some(leaf))
            if is_search(*op) && !text.is_empty() =>
        {
            let (texts, _) = asked(leaf, *op, text);
            let mentions = texts.iter().map(|text| inside_json(text)).collect();
            (mentions, texts.into_iter().map(|text| Some((test(*op), text))).collect())
        }
        (AttrExp::Comparison(..), _) => return Compiled::at_least(Condition::All),
    };
    let mut found: Vec<_> =
        mentions.into_iter().map(|mention| Condition::Is(Predicate::Mentions(mention))).collect();
    let columns = match attr.attribute.name {
        "phoneNumbers" => [Field::WorkPhone, Field::MobilePhone].as_slice(),
        "name" => [Field::GivenName, Field::FamilyName].as_slice(),
        _ => [].as_slice(),
    };
    if !columns.is_empty() {
        // A kind or a label of a number is not in its column.
        if attr.attribute.multi && attr.part.is_some_and(|part| part.name != "value") {
            return Compiled::at_least(Condition::All);
        }
        found.extend(columns.iter().flat_map(|field| {
            tests.iter().map(|test| {
                Condition::Is(match test {
                    Some((test, text)) => Predicate::Text(*field, *test, text.clone()),
                    None => Predicate::Present(*field),
                })
            })
        }));
    }
    Compiled::at_least(Condition::Or(found))
}

/// `emails[type eq "work" and value eq "…"]` and the like.
fn user_values(attr: &AttributeRef, filter: &ValFilter) -> Compiled<of_users::Predicate> {
    if attr.attribute.name == "emails" {
        let ways: Vec<_> = ways(filter).iter().map(|parts| emails(attr, parts)).collect();
        let exact = ways.iter().all(|way| way.exact);
        return Compiled {
            condition: joined(Test::Eq, ways.into_iter().map(|way| way.condition).collect()),
            exact,
        };
    }
    let parts: Vec<&ValFilter> = match filter {
        ValFilter::And(parts) => parts.iter().collect(),
        single => vec![single],
    };
    // All parts must be met by one value, so their texts stand in what is kept.
    let mentions = parts.into_iter().filter_map(|part| {
        let ValFilter::Attr(expression) = part else { return None };
        let part = attr.attribute.part(&expression.path().name)?;
        let attr = AttributeRef { part: Some(part), ..*attr };
        // The one value of an attribute is where its parts are looked for without brackets, too.
        let found =
            if attr.attribute.multi { kept(&attr, expression) } else { user_predicate(&attr, expression) };
        (found.condition != Condition::All).then_some(found.condition)
    });
    Compiled::at_least(Condition::And(mentions.collect()))
}

/// The ways in which one value can meet the filter, each a list of what must all be met: `a and (b or c)` is met by
/// `a` and `b`, or by `a` and `c`. Where these are too many, what stands in brackets is left as it is.
fn ways(filter: &ValFilter) -> Vec<Vec<&ValFilter>> {
    match filter {
        ValFilter::Or(parts) => parts.iter().flat_map(ways).collect(),
        ValFilter::And(parts) => {
            let each: Vec<_> = parts.iter().map(ways).collect();
            if each.iter().map(Vec::len).try_fold(1, usize::checked_mul).is_none_or(|all| all > MOST_WAYS) {
                return vec![parts.iter().collect()];
            }
            each.into_iter().fold(vec![Vec::new()], |begun, ways| {
                let longer = |begun: &Vec<_>| {
                    ways.iter().map(|way| [begun.as_slice(), way].concat()).collect::<Vec<_>>()
                };
                begun.iter().flat_map(longer).collect()
            })
        }
        single => vec![vec![single]],
    }
}

/// Addresses have a table of their own, with an index by address: what is asked of type and address is asked there.
fn emails(attr: &AttributeRef, parts: &[&ValFilter]) -> Compiled<of_users::Predicate> {
    use of_users::Predicate;
    let (mut kind, mut value, mut exact) = (None, None, true);
    let asked = |part: &str, op: CompareOp, text: &str| {
        attr.attribute.part(part).map_or_else(|| (vec![text.to_owned()], true), |leaf| asked(leaf, op, text))
    };
    for part in parts {
        let ValFilter::Attr(expression) = part else {
            exact = false;
            continue;
        };
        let is = |name: &str| expression.path().name.eq_ignore_ascii_case(name);
        match expression {
            AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(text)) if is("type") && kind.is_none() => {
                let (mut kinds, _) = asked("type", CompareOp::Eq, text);
                // One that is kept today; an older one is found among all.
                exact &= kinds.len() == 1;
                kind = kinds.pop().filter(|_| kinds.is_empty());
            }
            AttrExp::Comparison(_, op, CompValue::Text(text)) if is("value") && value.is_none() => {
                let (texts, is_exact) = asked("value", *op, text);
                exact &= is_exact;
                value = Some((test(*op), texts));
            }
            // Each address is one.
            AttrExp::Present(_) if is("value") => {}
            _ => exact = false,
        }
    }
    let mut condition = match &value {
        None => Condition::Is(Predicate::Email(kind.clone(), None)),
        Some((test, texts)) => {
            let each = texts.iter().map(|text| Predicate::Email(kind.clone(), Some((*test, text.clone()))));
            joined(*test, each.map(Condition::Is).collect())
        }
    };
    if matches!(value, Some((Test::Ne, _))) {
        // Alone that is met by whoever has none of the kind.
        condition = Condition::And(vec![Condition::Is(Predicate::Email(kind, None)), condition]);
    }
    Compiled { condition, exact }
}

fn group_predicate(attr: &AttributeRef, expression: &AttrExp) -> Compiled<of_groups::Predicate> {
    use of_groups::Predicate;
    let name = attr.name();
    if let Some(field) = group_field(&name) {
        return text(attr, expression, |test| {
            test.map_or(Predicate::Present(field), |(test, text)| Predicate::Text(field, test, text))
        });
    }
    if let Some(moment) = moment_of(&name) {
        return time(expression, |test, at| Predicate::Time(moment, test, at));
    }
    match (name.as_str(), expression) {
        ("members", AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(id))) => {
            Compiled::exactly(Condition::Is(Predicate::Member(id.clone())))
        }
        _ => Compiled::at_least(Condition::All),
    }
}

fn group_values(attr: &AttributeRef, filter: &ValFilter) -> Compiled<of_groups::Predicate> {
    match filter {
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Text(id)))
            if attr.attribute.name == "members" && path.name.eq_ignore_ascii_case("value") =>
        {
            Compiled::exactly(Condition::Is(of_groups::Predicate::Member(id.clone())))
        }
        _ => Compiled::at_least(Condition::All),
    }
}

/// So many ways to meet what stands in brackets are asked one by one.
const MOST_WAYS: usize = 64;
/// The last day of the year 9999, which an offset may carry a time beyond.
const LAST_MOMENT: NaiveDateTime = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => NaiveDateTime::new(day, NaiveTime::MIN),
    None => NaiveDateTime::MAX,
};

fn time<L>(expression: &AttrExp, predicate: impl Fn(Test, NaiveDateTime) -> L) -> Compiled<L> {
    match expression {
        AttrExp::Present(_) | AttrExp::Comparison(_, CompareOp::Ne, CompValue::Null) => {
            Compiled::constant(true)
        }
        AttrExp::Comparison(_, op, CompValue::Text(text)) => match evaluate::moment(text) {
            // Moments are kept as text: one of the year 10000 would sort before all others.
            Some(at) => {
                Compiled::exactly(Condition::Is(predicate(test(*op), at.naive_utc().min(LAST_MOMENT))))
            }
            None => Compiled::constant(false),
        },
        AttrExp::Comparison(..) => Compiled::constant(false),
    }
}

fn user_field(name: &str) -> Option<of_users::Field> {
    use of_users::Field;
    Some(match name.strip_prefix(ENTERPRISE_USER) {
        Some(":department") => Field::Department,
        Some(":manager") => Field::Manager,
        Some(_) => return None,
        None => match name {
            "id" => Field::ScimId,
            "userName" => Field::UserName,
            "externalId" => Field::ExternalId,
            "displayName" => Field::DisplayName,
            "name.givenName" => Field::GivenName,
            "name.familyName" => Field::FamilyName,
            "title" => Field::Title,
            "locale" => Field::Locale,
            "timezone" => Field::TimeZone,
            "preferredLanguage" => Field::Language,
            _ => return None,
        },
    })
}

fn group_field(name: &str) -> Option<of_groups::Field> {
    Some(match name {
        "id" => of_groups::Field::ScimId,
        "displayName" => of_groups::Field::Name,
        "externalId" => of_groups::Field::ExternalId,
        _ => return None,
    })
}

fn moment_of(name: &str) -> Option<Moment> {
    match name {
        "meta.created" => Some(Moment::Created),
        "meta.lastModified" => Some(Moment::Changed),
        _ => None,
    }
}

/// The text as it stands within a JSON string.
fn inside_json(text: &str) -> String {
    json!(text).to_string().trim_matches('"').to_owned()
}
