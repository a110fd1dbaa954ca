//! The list of users: search, filters, orders, and pages by key.

use super::{EntraState, User};
use crate::db::schema::{license_assignments, license_types, sites, users};
use crate::db::{Backend, Conn};
use crate::domain::condition::escaped;
use crate::domain::page::{At, Page};
use crate::domain::text_enum::text_enum;
use crate::domain::{Role, fold};
use crate::error::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::IntoBoxed;
use diesel::prelude::*;

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.3f";
const KEY_LENGTH: usize = 36;

/// Which users are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Each word stands somewhere in the names, the user name, an address, the phone number or the extension.
    pub words: String,
    /// Active or inactive ones only.
    pub active: Option<bool>,
    /// Those of a site, or without one.
    pub site: Option<Which>,
    /// Those with a licence type, or without a licence.
    pub license: Option<Which>,
    /// Those in this state to Entra ID.
    pub entra: Option<EntraState>,
    /// Those of whom the guard holds something back.
    pub held: bool,
    /// Those with a role in the console.
    pub with_role: bool,
    /// Those inactive since before this moment.
    pub inactive_since: Option<NaiveDateTime>,
}

/// One thing by key, or none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The thing with this key.
    This(String),
    /// No such thing.
    Nothing,
}

text_enum! {
    /// The orders offered, each with an index.
    #[derive(Default)]
    pub enum Order {
        /// By the name shown.
        #[default]
        Name = "name",
        /// By user name.
        UserName = "user-name",
        /// By the time it was made.
        Created = "created",
        /// By the time it last changed.
        Updated = "updated",
    }
}

/// A user with what a list of users shows.
#[derive(Clone, Debug, Queryable, Selectable)]
pub struct Listed {
    /// The account.
    #[diesel(embed)]
    pub user: User,
    /// The site's name.
    #[diesel(select_expression = sites::name.nullable())]
    pub site: Option<String>,
    /// The licence's code.
    #[diesel(select_expression = license_types::code.nullable())]
    pub license: Option<String>,
}

type Query = IntoBoxed<'static, users::table, Backend>;

/// One page of the users that meet the filter.
pub fn list(
    conn: &mut Conn,
    filter: &Filter,
    order: Order,
    descending: bool,
    at: &At,
    size: usize,
) -> Result<Page<Listed>> {
    let limit = i64::try_from(size + 1).map_err(Error::internal)?;
    let keys: Vec<String> = keys(filtered(filter), order, descending, at)?.limit(limit).load(conn)?;
    let mut rows = listed(conn, &keys)?;
    rows.sort_by_key(|row| keys.iter().position(|key| *key == row.user.id));
    Ok(Page::new(rows, at, size, |row| mark(&row.user, order)))
}

/// These users, by name.
pub fn these(conn: &mut Conn, ids: &[String]) -> Result<Vec<Listed>> {
    let mut rows = listed(conn, ids)?;
    rows.sort_by(|a, b| (&a.user.sort_name, &a.user.id).cmp(&(&b.user.sort_name, &b.user.id)));
    Ok(rows)
}

fn listed(conn: &mut Conn, ids: &[String]) -> Result<Vec<Listed>> {
    let rows = users::table
        .left_join(sites::table)
        .left_join(license_assignments::table.left_join(license_types::table))
        .filter(users::id.eq_any(ids))
        .select(Listed::as_select());
    Ok(rows.load(conn)?)
}

/// How many users meet the filter.
pub fn count(conn: &mut Conn, filter: &Filter) -> Result<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

/// The keys of those who meet the filter, at most `most` of them.
pub fn ids(conn: &mut Conn, filter: &Filter, most: i64) -> Result<Vec<String>> {
    Ok(filtered(filter).order(users::id).limit(most).select(users::id).load(conn)?)
}

/// The filter of the worklist of leavers: inactive for so many days, of whom Entra ID may never speak again.
#[must_use]
pub fn inactive_for(days: i64, now: NaiveDateTime) -> Filter {
    let since = TimeDelta::try_days(days).and_then(|days| now.checked_sub_signed(days));
    Filter { active: Some(false), inactive_since: since.or(Some(NaiveDateTime::MIN)), ..Filter::default() }
}

fn filtered(filter: &Filter) -> Query {
    let mut query = users::table.into_boxed();
    for word in filter.words.split_whitespace().take(8) {
        query = query.filter(users::search_text.like(format!("%{}%", escaped(&fold(word)))).escape('\\'));
    }
    if let Some(active) = filter.active {
        query = query.filter(users::active.eq(active));
    }
    match filter.site.clone() {
        Some(Which::This(site)) => query = query.filter(users::site_id.eq(site)),
        Some(Which::Nothing) => query = query.filter(users::site_id.is_null()),
        None => {}
    }
    let holders = license_assignments::table.select(license_assignments::user_id);
    match filter.license.clone() {
        Some(Which::This(kind)) => {
            query =
                query.filter(users::id.eq_any(holders.filter(license_assignments::license_type_id.eq(kind))));
        }
        Some(Which::Nothing) => query = query.filter(users::id.ne_all(holders)),
        None => {}
    }
    if let Some(state) = filter.entra {
        query = match state {
            // Most are: in the order of their names they are found at once, by this index they would all be sorted.
            EntraState::Linked => query
                .filter(users::entra_state.ne(EntraState::Unlinked))
                .filter(users::entra_state.ne(EntraState::Deleted)),
            few => query.filter(users::entra_state.eq(few)),
        };
    }
    if filter.held {
        query = query.filter(users::held_at.is_not_null());
    }
    if filter.with_role {
        query = query.filter(users::role.ne(Role::None));
    }
    if let Some(since) = filter.inactive_since {
        query = query.filter(users::deactivated_at.le(since));
    }
    query
}

/// Starts at the mark, by the order's index, and travels forwards or backwards from there.
macro_rules! by_key {
    ($query:expr, $column:expr, $up:expr, $mark:expr) => {{
        let (query, up) = ($query, $up);
        let query = match $mark {
            None => query,
            Some((value, id)) if up => {
                query.filter($column.ge(value.clone())).filter($column.gt(value).or(users::id.gt(id)))
            }
            Some((value, id)) => {
                query.filter($column.le(value.clone())).filter($column.lt(value).or(users::id.lt(id)))
            }
        };
        match up {
            true => query.order(($column.asc(), users::id.asc())),
            false => query.order(($column.desc(), users::id.desc())),
        }
    }};
}

fn keys(
    query: Query,
    order: Order,
    descending: bool,
    at: &At,
) -> Result<IntoBoxed<'static, diesel::dsl::Select<users::table, users::id>, Backend>> {
    let mark = match at {
        At::Start => None,
        At::After(mark) | At::Before(mark) => Some(unmark(mark)?),
    };
    let up = descending == matches!(at, At::Before(_));
    let stamped = |mark: Option<(String, String)>| {
        let parsed = |(at, id): (String, String)| match NaiveDateTime::parse_from_str(&at, STAMP) {
            Ok(at) => Ok((at, id)),
            Err(_) => Err(no_such_page()),
        };
        mark.map(parsed).transpose()
    };
    Ok(match order {
        Order::Name => by_key!(query, users::sort_name, up, mark),
        Order::UserName => by_key!(query, users::user_name_key, up, mark),
        Order::Created => by_key!(query, users::created_at, up, stamped(mark)?),
        Order::Updated => by_key!(query, users::updated_at, up, stamped(mark)?),
    }
    .select(users::id))
}

fn mark(user: &User, order: Order) -> String {
    let value = match order {
        Order::Name => user.sort_name.clone(),
        Order::UserName => user.user_name_key.clone(),
        Order::Created => user.created_at.format(STAMP).to_string(),
        Order::Updated => user.updated_at.format(STAMP).to_string(),
    };
    format!("{}{value}", user.id)
}

fn unmark(mark: &str) -> Result<(String, String)> {
    let (id, value) = mark.split_at_checked(KEY_LENGTH).ok_or_else(no_such_page)?;
    Ok((value.to_owned(), id.to_owned()))
}

fn no_such_page() -> Error {
    Error::NotFound("page of this list")
}
