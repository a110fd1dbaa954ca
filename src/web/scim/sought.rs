//! What a search is for, as the log tells it and as the server hurries it.

use crate::domain::provisioning::Operation;
use crate::scim::filter::{AttrExp, CompValue, CompareOp, Filter, ValFilter, ValuePath};
use crate::scim::query::Query;
use crate::scim::schema::{RESOURCES, Resource};

/// Which resources are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    Users,
    Groups,
    Both,
}

impl Listing {
    /// The types of resource.
    pub(super) fn kinds(self) -> &'static [&'static Resource] {
        match self {
            Self::Users => &RESOURCES[..1],
            Self::Groups => &RESOURCES[1..],
            Self::Both => &RESOURCES,
        }
    }

    /// What tells its cursors from those of others.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Both => "both",
        }
    }

    /// What the log calls it: Entra ID looks for a random user or group when it tests the connection.
    pub(super) fn operation(self, sought: Option<&str>, found: i64) -> Operation {
        let is_probe = found == 0 && sought.is_some_and(|text| uuid::Uuid::try_parse(text).is_ok());
        match (self, sought) {
            (Self::Users | Self::Groups, _) if is_probe => Operation::Probe,
            (Self::Users, Some(_)) => Operation::Find,
            (Self::Users, None) => Operation::List,
            (Self::Groups, Some(_)) => Operation::FindGroup,
            (Self::Groups, None) => Operation::ListGroups,
            (Self::Both, _) => Operation::Search,
        }
    }
}

/// The text of a single comparison for equality: what the client is looking for.
pub(super) fn sought(filter: &Filter) -> Option<String> {
    match filter {
        Filter::Attr(expression) => equal_to(expression),
        // `emails[type eq "work"].value eq "…"`
        Filter::ValuePath(ValuePath { filter: ValFilter::And(parts), .. }) => {
            parts.iter().find_map(|part| match part {
                ValFilter::Attr(expression) if expression.path().name.eq_ignore_ascii_case("value") => {
                    equal_to(expression)
                }
                _ => None,
            })
        }
        _ => None,
    }
}

fn equal_to(expression: &AttrExp) -> Option<String> {
    match expression {
        AttrExp::Comparison(_, CompareOp::Eq, CompValue::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Whether at most a row or two are sought, by an index.
pub(super) fn look_up(query: &Query) -> Option<()> {
    let filter = query.filter.as_ref()?;
    sought(filter)?;
    let path = match filter {
        Filter::Attr(expression) => expression.path(),
        Filter::ValuePath(path) => &path.attr,
        _ => return None,
    };
    let indexed = ["userName", "externalId", "id", "displayName", "emails"];
    let value = path.sub_attr.as_deref().is_none_or(|part| part.eq_ignore_ascii_case("value"));
    (value && indexed.iter().any(|name| path.name.eq_ignore_ascii_case(name))).then_some(())
}
