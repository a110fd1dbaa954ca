//! Users as Entra ID finds and pages them: by key, never by counting past rows that were shown before.

use super::by_entra::{Known, Scope, known_all};
use super::query::{Field, Moment, UserCondition, to_sql};
use super::{SEEN, SEEN_AS_ENTRAS, User, census};
use crate::db::schema::users;
use crate::db::{Backend, Conn, lower_case};
use crate::domain::condition::Condition;
use crate::error::{Error, Result};
use diesel::dsl::IntoBoxed;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Enough for every page of a million users; a few hundred kilobytes.
const MOST_BOOKMARKS: usize = 10_000;

/// Which users are sought, and in what order.
#[derive(Clone, Debug)]
pub struct Search {
    /// Whom Entra ID may see.
    pub scope: Scope,
    /// Who of them.
    pub condition: UserCondition,
    /// The order; as they were made if there is none.
    pub order: Option<Order>,
    /// Whether the last comes first.
    pub descending: bool,
}

/// What the database can sort by. An absent value comes last (RFC 7644 section 3.4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A text.
    Text(Field),
    /// A moment.
    Time(Moment),
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// After so many users.
    Position(i64),
    /// After the user with this key, in the order in which they were made.
    Key(String),
}

/// Where pages of the whole list began, so that the next one need not count from the start. They hold while nobody
/// left the list or came into its middle.
#[derive(Debug, Default)]
pub struct Bookmarks(Mutex<Marked>);

#[derive(Debug, Default)]
struct Marked {
    scope: Scope,
    shuffles: i64,
    /// The key of the user at a position, counted from one.
    keys: BTreeMap<i64, String>,
}

type Query = IntoBoxed<'static, users::table, Backend>;

/// How many users are found.
pub fn count(conn: &mut Conn, search: &Search) -> Result<i64> {
    if search.condition == Condition::All {
        let census = census(conn)?;
        return Ok(match search.scope {
            Scope::AllUsers => census.all_users,
            Scope::OnlyCreatedByEntra => census.entra_users,
        });
    }
    Ok(found(search).count().get_result(conn)?)
}

/// A page of the users that are found.
pub fn page(
    conn: &mut Conn,
    search: &Search,
    from: &From,
    count: i64,
    bookmarks: &Bookmarks,
) -> Result<Vec<Known>> {
    let listed_as_made = search.order.is_none() && !search.descending;
    let from = match from {
        From::Position(at) if *at > 0 && listed_as_made && search.condition == Condition::All => {
            match bookmarks.key_at(conn, search, *at)? {
                Some(key) => From::Key(key),
                None => return Ok(Vec::new()),
            }
        }
        other => other.clone(),
    };
    let query = match &from {
        From::Position(at) => found(search).offset(*at),
        From::Key(key) if search.descending => found(search).filter(users::id.lt(key.clone())),
        From::Key(key) => found(search).filter(users::id.gt(key.clone())),
    };
    let rows: Vec<User> = ordered(query, search).limit(count).select(User::as_select()).load(conn)?;
    known_all(conn, rows, listed_as_made && search.condition == Condition::All)
}

/// All who are found, unless they are more than `most`.
pub fn all(conn: &mut Conn, search: &Search, most: i64) -> Result<Option<Vec<Known>>> {
    let rows: Vec<User> =
        found(search).order(users::id).limit(most + 1).select(User::as_select()).load(conn)?;
    if rows.len() > usize::try_from(most).map_err(Error::internal)? {
        return Ok(None);
    }
    known_all(conn, rows, search.condition == Condition::All).map(Some)
}

fn found(search: &Search) -> Query {
    let seen = users::table.filter(users::seen.ge(least(search.scope))).into_boxed();
    match &search.condition {
        Condition::All => seen,
        condition => seen.filter(condition.to_sql(&to_sql)),
    }
}

fn least(scope: Scope) -> i32 {
    match scope {
        Scope::AllUsers => SEEN,
        Scope::OnlyCreatedByEntra => SEEN_AS_ENTRAS,
    }
}

/// Equal values keep the order in which they were made, so that a page never repeats what another showed.
fn ordered(query: Query, search: &Search) -> Query {
    macro_rules! by {
        ($column:expr) => {
            if search.descending {
                query.order(($column.desc(), users::id.desc()))
            } else {
                query.order(($column.asc(), users::id.asc()))
            }
        };
    }
    macro_rules! absent_last {
        ($column:expr, $key:expr) => {
            if search.descending {
                query.order(($column.is_null().desc(), $key.desc(), users::id.desc()))
            } else {
                query.order(($column.is_null().asc(), $key.asc(), users::id.asc()))
            }
        };
        ($column:expr) => {
            absent_last!($column, lower_case($column))
        };
    }
    match search.order {
        None | Some(Order::Text(Field::ScimId)) => {
            if search.descending {
                query.order(users::id.desc())
            } else {
                query.order(users::id.asc())
            }
        }
        Some(Order::Time(Moment::Created)) => by!(users::created_at),
        Some(Order::Time(Moment::Changed)) => by!(users::updated_at),
        Some(Order::Text(field)) => match field {
            Field::ScimId => by!(users::scim_id),
            Field::UserName => by!(users::user_name_key),
            Field::ExternalId => absent_last!(users::external_id, users::external_id),
            Field::Manager => absent_last!(users::manager, users::manager),
            Field::DisplayName => absent_last!(users::display_name),
            Field::GivenName => absent_last!(users::given_name),
            Field::FamilyName => absent_last!(users::family_name),
            Field::Title => absent_last!(users::title),
            Field::Department => absent_last!(users::department),
            Field::WorkPhone => absent_last!(users::work_phone),
            Field::MobilePhone => absent_last!(users::mobile_phone),
            Field::Locale => absent_last!(users::locale),
            Field::TimeZone => absent_last!(users::time_zone),
            Field::Language => absent_last!(users::language),
        },
    }
}

impl Bookmarks {
    /// The key of the user at this position of the whole list; nothing where the list ends before.
    fn key_at(&self, conn: &mut Conn, search: &Search, position: i64) -> Result<Option<String>> {
        let shuffles = census(conn)?.shuffles;
        let (near, key) = self.near(search.scope, shuffles, position);
        if near == position {
            return Ok(key);
        }
        let on = users::table.filter(users::seen.ge(least(search.scope))).into_boxed();
        let on = match &key {
            Some(key) => on.filter(users::id.gt(key)),
            None => on,
        };
        let found: Option<String> =
            on.order(users::id).select(users::id).offset(position - near - 1).first(conn).optional()?;
        if let Some(key) = &found {
            self.put(search.scope, shuffles, position, key.clone());
        }
        Ok(found)
    }

    fn near(&self, scope: Scope, shuffles: i64, position: i64) -> (i64, Option<String>) {
        let marked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (marked.scope, marked.shuffles) != (scope, shuffles) {
            return (0, None);
        }
        let near = marked.keys.range(..=position).next_back();
        near.map_or((0, None), |(at, key)| (*at, Some(key.clone())))
    }

    fn put(&self, scope: Scope, shuffles: i64, position: i64, key: String) {
        let mut marked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (marked.scope, marked.shuffles) != (scope, shuffles) || marked.keys.len() >= MOST_BOOKMARKS {
            *marked = Marked { scope, shuffles, keys: BTreeMap::new() };
        }
        marked.keys.insert(position, key);
    }
}
