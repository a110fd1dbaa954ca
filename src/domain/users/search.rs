//! Users as Entra ID finds and pages them: by key, never by counting past rows that were shown before.

use super::by_entra::{EntraUser, Scope, known_all};
use super::plan::{Plan, is_by_activity};
use super::query::{Field, Moment, Predicate, UserCondition, to_sql};
use super::{Held, SEEN, SEEN_AS_ENTRAS, User, census};
use crate::db::schema::users;
use crate::db::{Backend, Conn, lower_case};
use crate::domain::condition::{Condition, Sql, behind, behind_or_absent, without_index};
use crate::error::{Error, Result};
use chrono::NaiveDateTime;
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
    pub order: Option<SortKey>,
    /// Whether the last comes first.
    pub descending: bool,
    /// How they are found: see [`plan`](super::plan::plan).
    pub plan: Plan,
}

/// What the database can sort by. An absent value comes last (RFC 7644 section 3.4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
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
    /// After this place in the order, whoever came and went meanwhile.
    After(Cursor),
}

/// A place in an order: behind a row with this value and this key. Rows with one value stand in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The value that is sorted by, as it is compared; none if the row has none, or the order is that of the keys.
    pub value: Option<String>,
    /// The console's key of the row.
    pub key: String,
}

/// How a moment is written into a [`Cursor`].
pub(in crate::domain) const MOMENT: &str = "%Y-%m-%dT%H:%M:%S%.f";

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

/// What an order compares: `$by` and `$by_time` get a column that always has a value, `$absent_last` one that may be empty and the form
/// in which it is compared, `$by_key` stands for the order in which users were made.
macro_rules! sorted {
    ($order:expr, $by:ident, $by_time:ident, $absent_last:ident, $by_key:expr) => {
        match $order {
            None => $by_key,
            Some(SortKey::Time(Moment::Created)) => $by_time!(users::created_at),
            Some(SortKey::Time(Moment::Changed)) => $by_time!(users::updated_at),
            Some(SortKey::Text(field)) => match field {
                Field::ScimId => $by!(users::scim_id),
                Field::UserName => $by!(users::user_name_key),
                Field::ExternalId => $absent_last!(users::external_id, users::external_id),
                Field::Manager => $absent_last!(users::manager, users::manager),
                Field::DisplayName => $absent_last!(users::display_name, lower_case(users::display_name)),
                Field::GivenName => $absent_last!(users::given_name, lower_case(users::given_name)),
                Field::FamilyName => $absent_last!(users::family_name, lower_case(users::family_name)),
                Field::Title => $absent_last!(users::title, lower_case(users::title)),
                Field::Department => $absent_last!(users::department, lower_case(users::department)),
                Field::WorkPhone => $absent_last!(users::work_phone, lower_case(users::work_phone)),
                Field::MobilePhone => $absent_last!(users::mobile_phone, lower_case(users::mobile_phone)),
                Field::Locale => $absent_last!(users::locale, lower_case(users::locale)),
                Field::TimeZone => $absent_last!(users::time_zone, lower_case(users::time_zone)),
                Field::Language => $absent_last!(users::language, lower_case(users::language)),
            },
        }
    };
}

/// How many users are found; with a cursor, how many behind it.
pub fn count(conn: &mut Conn, search: &Search, after: Option<&Cursor>) -> Result<i64> {
    if let Some(cursor) = after {
        return Ok(found(search).filter(behind(search, cursor)).count().get_result(conn)?);
    }
    if let Plan::Among(keys) = &search.plan {
        return i64::try_from(keys.len()).map_err(Error::internal);
    }
    if let (Condition::Is(Predicate::Active(active)), Scope::AllUsers) = (&search.condition, search.scope) {
        let census = census(conn)?;
        let let_be = census.active_users - held_back(conn)?;
        return Ok(if *active { let_be } else { census.all_users - let_be });
    }
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
) -> Result<Vec<EntraUser>> {
    let listed_as_made = search.order.is_none() && !search.descending;
    let from = match from {
        From::Position(at) if *at > 0 && listed_as_made && search.condition == Condition::All => {
            match bookmarks.key_at(conn, search, *at)? {
                Some(key) => From::After(Cursor { value: None, key }),
                None => return Ok(Vec::new()),
            }
        }
        other => other.clone(),
    };
    let query = match &from {
        From::Position(at) => found(search).offset(*at),
        From::After(cursor) => found(search).filter(behind(search, cursor)),
    };
    let rows: Vec<User> = ordered(query, search).limit(count).select(User::as_select()).load(conn)?;
    known_all(conn, rows, listed_as_made && search.condition == Condition::All)
}

/// All who are found, unless they are more than `most`.
pub fn all(conn: &mut Conn, search: &Search, most: i64) -> Result<Option<Vec<EntraUser>>> {
    let rows: Vec<User> =
        found(search).order(users::id).limit(most + 1).select(User::as_select()).load(conn)?;
    if rows.len() > usize::try_from(most).map_err(Error::internal)? {
        return Ok(None);
    }
    known_all(conn, rows, search.condition == Condition::All).map(Some)
}

/// How many are active whom Entra ID has deactivated as far as it knows.
fn held_back(conn: &mut Conn) -> Result<i64> {
    Ok(deactivations_held().count().get_result(conn)?)
}

/// Found by what is held, which is little.
fn deactivations_held() -> Query {
    let deactivated = users::held.is_not_null().and(users::held.assume_not_null().eq(Held::Deactivate));
    let counted = deactivated.and(users::seen.ge(SEEN)).and(users::active.eq(true));
    users::table.filter(users::held_at.is_not_null()).filter(without_index(Box::new(counted))).into_boxed()
}

fn found(search: &Search) -> Query {
    let seen = users::table.filter(users::seen.ge(least(search.scope))).into_boxed();
    if let Plan::Among(keys) = &search.plan {
        return seen.filter(users::id.eq_any(keys.clone()));
    }
    match &search.condition {
        Condition::All => seen,
        // With the index of activity the database would gather all of them first.
        condition if search.plan == Plan::AllRows && is_by_activity(search) => {
            seen.filter(without_index(condition.to_sql(&to_sql)))
        }
        condition => seen.filter(condition.to_sql(&to_sql)),
    }
}

pub(super) fn least(scope: Scope) -> i32 {
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
    }
    // Each user name is one account's: the index of it, without the key, is taken for the order.
    if search.order == Some(SortKey::Text(Field::UserName)) {
        return if search.descending {
            query.order(users::user_name_key.desc())
        } else {
            query.order(users::user_name_key.asc())
        };
    }
    sorted!(search.order, by, by, absent_last, {
        if search.descending { query.order(users::id.desc()) } else { query.order(users::id.asc()) }
    })
}

/// The rows behind a place in the order: a greater value, or the same one and a greater key; what is absent comes last.
fn behind(search: &Search, cursor: &Cursor) -> Sql<users::table> {
    let key = cursor.key.clone();
    let descending = search.descending;
    macro_rules! by {
        ($column:expr) => {{
            let value = cursor.value.clone().unwrap_or_default();
            behind!($column, users::id, value, key, descending)
        }};
    }
    macro_rules! absent_last {
        ($column:expr, $key:expr) => {{
            let value = cursor.value.clone();
            behind_or_absent!($column, $key.assume_not_null(), users::id, value, key, descending)
        }};
    }
    macro_rules! by_key {
        () => {
            if descending { Box::new(users::id.lt(key)) as Sql<_> } else { Box::new(users::id.gt(key)) }
        };
    }
    macro_rules! by_time {
        ($column:expr) => {{
            let at = cursor.value.as_deref().and_then(|at| NaiveDateTime::parse_from_str(at, MOMENT).ok());
            behind!($column, users::id, at.unwrap_or_default(), key, descending)
        }};
    }
    sorted!(search.order, by, by_time, absent_last, by_key!())
}

/// The place in the order of a row that was found.
#[must_use]
pub fn cursor(order: Option<SortKey>, user: &User) -> Cursor {
    let profile = &user.profile;
    let folded = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
    let value = match order {
        None => None,
        Some(SortKey::Time(Moment::Created)) => Some(user.created_at.format(MOMENT).to_string()),
        Some(SortKey::Time(Moment::Changed)) => Some(user.updated_at.format(MOMENT).to_string()),
        Some(SortKey::Text(field)) => match field {
            Field::ScimId => Some(user.scim_id.clone()),
            Field::UserName => Some(user.user_name_key.clone()),
            Field::ExternalId => profile.external_id.clone(),
            Field::Manager => profile.manager.clone(),
            Field::DisplayName => folded(&profile.display_name),
            Field::GivenName => folded(&profile.given_name),
            Field::FamilyName => folded(&profile.family_name),
            Field::Title => folded(&profile.title),
            Field::Department => folded(&profile.department),
            Field::WorkPhone => folded(&profile.work_phone),
            Field::MobilePhone => folded(&profile.mobile_phone),
            Field::Locale => folded(&profile.locale),
            Field::TimeZone => folded(&profile.time_zone),
            Field::Language => folded(&profile.language),
        },
    };
    Cursor { value, key: user.id.to_string() }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::db::{empty, explained};

    #[test]
    fn deactivations_that_are_held_are_found_by_that() {
        let (_folder, db) = empty();
        let steps = db.read(|conn| Ok(explained(conn, &deactivations_held().count()))).unwrap();
        assert!(steps.join("; ").contains("USING INDEX users_by_held"), "{steps:?}");
    }

    #[test]
    fn a_page_far_on_in_an_order_is_found_by_stepping_over_an_index() {
        let (_folder, db) = empty();
        let orders =
            [SortKey::Text(Field::UserName), SortKey::Time(Moment::Created), SortKey::Time(Moment::Changed)];
        db.read(|conn| {
            for order in orders {
                for descending in [false, true] {
                    let (scope, condition) = (Scope::AllUsers, Condition::All);
                    let search =
                        Search { scope, condition, order: Some(order), descending, plan: Plan::ByIndex };
                    let page = ordered(found(&search).offset(1), &search).limit(50);
                    let steps = explained(conn, &page.select(User::as_select())).join("; ");
                    assert!(steps.contains("users USING INDEX users_by_"), "{order:?}: {steps}");
                    assert!(!steps.contains("TEMP B-TREE"), "{order:?}: {steps}");
                }
            }
            Ok(())
        })
        .unwrap();
    }
}
