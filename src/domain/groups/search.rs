//! Groups as Entra ID finds and pages them.

use super::{Group, user_groups};
use crate::db::schema::{group_members, users};
use crate::db::{Backend, Conn};
use crate::domain::condition::{
    Condition, Sql, Test, always, behind, behind_or_absent, compare, compare_text, optional,
};
use crate::domain::users::search::{Cursor, From, MOMENT};
use crate::error::{Error, Result};
use crate::keys::GroupId;
use chrono::NaiveDateTime;
use diesel::dsl::{IntoBoxed, not};
use diesel::prelude::*;
use diesel::sql_types::Integer;

/// How many keys one query asks for.
const CHUNK: usize = 500;

/// A condition over groups.
pub type GroupCondition = Condition<Predicate>;

/// What can be asked of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The attribute has a value.
    Present(Field),
    /// The attribute compares with a text.
    Text(Field, Test, String),
    /// A moment compares with another.
    Time(Moment, Test, NaiveDateTime),
    /// The one with this id is a member.
    Member(String),
}

/// An attribute that is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the attribute of the same name in `Group`")]
pub enum Field {
    ScimId,
    Name,
    ExternalId,
}

pub use crate::domain::users::query::Moment;

/// What the database can sort by. An absent value comes last (RFC 7644 section 3.4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A text.
    Text(Field),
    /// A moment.
    Time(Moment),
}

/// Which groups are sought, and in what order.
#[derive(Clone, Debug)]
pub struct Search {
    /// Which of them.
    pub condition: GroupCondition,
    /// The order; as they were made if there is none.
    pub order: Option<SortKey>,
    /// Whether the last comes first.
    pub descending: bool,
}

type Query = IntoBoxed<'static, user_groups::table, Backend>;

/// How many groups are found; with a cursor, how many behind it.
pub fn count(conn: &mut Conn, search: &Search, after: Option<&Cursor>) -> Result<i64> {
    let query = match after {
        Some(cursor) => found(search).filter(behind(search, cursor)),
        None => found(search),
    };
    Ok(query.count().get_result(conn)?)
}

/// A page of the groups that are found.
pub fn page(conn: &mut Conn, search: &Search, from: &From, count: i64) -> Result<Vec<Group>> {
    let query = match from {
        From::Position(at) => found(search).offset(*at),
        From::After(cursor) => found(search).filter(behind(search, cursor)),
    };
    Ok(ordered(query, search).limit(count).select(Group::as_select()).load(conn)?)
}

/// How many of these groups, in their order, have no more members together than that.
pub fn with_members_up_to(conn: &mut Conn, ids: &[&GroupId], most: i64) -> Result<usize> {
    let (mut room, mut fitting) = (most, 0);
    for some in ids.chunks(CHUNK) {
        let members = members_of(conn, some, room + 1)?;
        if members <= room {
            room -= members;
            fitting += some.len();
            continue;
        }
        for id in some {
            let members = members_of(conn, &[*id], room + 1)?;
            if members > room {
                return Ok(fitting);
            }
            room -= members;
            fitting += 1;
        }
    }
    Ok(fitting)
}

/// How many members these groups have, counted up to a limit.
fn members_of(conn: &mut Conn, ids: &[&GroupId], most: i64) -> Result<i64> {
    let members = group_members::table.filter(group_members::group_id.eq_any(ids)).limit(most);
    let members: Vec<i32> = members.select(1.into_sql::<Integer>()).load(conn)?;
    i64::try_from(members.len()).map_err(Error::internal)
}

/// All that are found, unless they are more than `most`.
pub fn all(conn: &mut Conn, search: &Search, most: i64) -> Result<Option<Vec<Group>>> {
    let query = found(search).order(user_groups::id).limit(most + 1);
    let groups: Vec<Group> = query.select(Group::as_select()).load(conn)?;
    Ok((groups.len() <= usize::try_from(most).map_err(Error::internal)?).then_some(groups))
}

fn found(search: &Search) -> Query {
    let seen = user_groups::table
        .filter(user_groups::linked.eq(true))
        .filter(user_groups::held_at.is_null())
        .into_boxed();
    match &search.condition {
        Condition::All => seen,
        condition => seen.filter(condition.to_sql(&to_sql)),
    }
}

fn ordered(query: Query, search: &Search) -> Query {
    macro_rules! by {
        ($($column:expr),+) => {
            if search.descending {
                query.order(($($column.desc(),)+ user_groups::id.desc()))
            } else {
                query.order(($($column.asc(),)+ user_groups::id.asc()))
            }
        };
    }
    match search.order {
        None => by!(user_groups::id),
        Some(SortKey::Text(Field::ScimId)) => by!(user_groups::scim_id),
        Some(SortKey::Text(Field::Name)) => by!(user_groups::name_key),
        Some(SortKey::Text(Field::ExternalId)) => {
            by!(user_groups::external_id.is_null(), user_groups::external_id)
        }
        Some(SortKey::Time(Moment::Created)) => by!(user_groups::created_at),
        Some(SortKey::Time(Moment::Changed)) => by!(user_groups::updated_at),
    }
}

/// The rows behind a place in the order.
fn behind(search: &Search, cursor: &Cursor) -> Sql<user_groups::table> {
    let (key, value, descending) = (cursor.key.clone(), cursor.value.clone(), search.descending);
    let id = user_groups::id;
    match search.order {
        None if descending => Box::new(id.lt(key)),
        None => Box::new(id.gt(key)),
        Some(SortKey::Text(Field::ScimId)) => {
            behind!(user_groups::scim_id, id, value.unwrap_or_default(), key, descending)
        }
        Some(SortKey::Text(Field::Name)) => {
            behind!(user_groups::name_key, id, value.unwrap_or_default(), key, descending)
        }
        Some(SortKey::Text(Field::ExternalId)) => {
            let compared = user_groups::external_id.assume_not_null();
            behind_or_absent!(user_groups::external_id, compared, id, value, key, descending)
        }
        Some(SortKey::Time(moment)) => {
            let at = value.and_then(|at| NaiveDateTime::parse_from_str(&at, MOMENT).ok()).unwrap_or_default();
            match moment {
                Moment::Created => behind!(user_groups::created_at, id, at, key, descending),
                Moment::Changed => behind!(user_groups::updated_at, id, at, key, descending),
            }
        }
    }
}

/// The place in the order of a row that was found.
#[must_use]
pub fn cursor(order: Option<SortKey>, group: &Group) -> Cursor {
    let value = match order {
        None => None,
        Some(SortKey::Text(Field::ScimId)) => Some(group.scim_id.clone()),
        Some(SortKey::Text(Field::Name)) => Some(group.name_key.clone()),
        Some(SortKey::Text(Field::ExternalId)) => group.external_id.clone(),
        Some(SortKey::Time(Moment::Created)) => Some(group.created_at.format(MOMENT).to_string()),
        Some(SortKey::Time(Moment::Changed)) => Some(group.updated_at.format(MOMENT).to_string()),
    };
    Cursor { value, key: group.id.to_string() }
}

fn to_sql(predicate: &Predicate) -> Sql<user_groups::table> {
    match predicate {
        Predicate::Present(Field::ExternalId) => Box::new(user_groups::external_id.is_not_null()),
        Predicate::Present(Field::ScimId | Field::Name) => always(true),
        Predicate::Text(field, Test::Ne, text) => Box::new(not(text_compares(*field, Test::Eq, text))),
        Predicate::Text(field, test, text) => text_compares(*field, *test, text),
        Predicate::Time(Moment::Created, test, at) => compare!(user_groups::created_at, *test, *at),
        Predicate::Time(Moment::Changed, test, at) => compare!(user_groups::updated_at, *test, *at),
        Predicate::Member(id) => {
            let people = group_members::table
                .inner_join(users::table)
                .filter(users::scim_id.eq(id.clone()))
                .filter(users::seen.gt(0))
                .filter(group_members::held.eq(false))
                .select(group_members::group_id);
            let inner = diesel::alias!(user_groups as inner);
            let groups = group_members::table
                .inner_join(inner.on(inner.field(user_groups::id).nullable().eq(group_members::subgroup_id)))
                .filter(inner.field(user_groups::scim_id).eq(id.clone()))
                .filter(group_members::held.eq(false))
                .select(group_members::group_id);
            Box::new(user_groups::id.eq_any(people).or(user_groups::id.eq_any(groups)))
        }
    }
}

fn text_compares(field: Field, test: Test, text: &str) -> Sql<user_groups::table> {
    let (exact, folded) = (text.to_owned(), text.to_lowercase());
    match field {
        Field::ScimId => compare_text!(user_groups::scim_id, test, exact),
        Field::Name => compare_text!(user_groups::name_key, test, folded),
        Field::ExternalId => optional!(user_groups::external_id, test, exact),
    }
}
