//! The list of users: search, filters, orders, and pages by key.
//!
//! A filter is a number of [`Criterion`]s. Those whom one part leaves few of are found by its index, looked at and sorted;
//! otherwise the order is walked, and each row is looked at, until the page is full. Which of them serves is counted
//! first, up to a limit. Where neither is soon at its end, the list says so, and is asked once more where it may take
//! its time.

use super::parts::{Criterion, and_all};
pub use super::which::Which;
use super::{EntraState, User, census};
use crate::db::schema::{license_assignments, license_types, sites, users};
use crate::db::{Backend, Conn};
use crate::domain::counted::grouped;
use crate::domain::page::{At, Page};
use crate::domain::text_enum::text_enum;
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, SiteId, UserId};
use crate::search_text;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::IntoBoxed;
use diesel::prelude::*;
use std::fmt;

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.3f";
const KEY_LENGTH: usize = 36;
/// Counted are so many.
const MOST_COUNTED: i64 = 10_000;
/// So few are all looked at and sorted.
const FEW: i64 = 2_000;
/// So many rows are looked at for a page, or a number, that is wanted at once.
const MOST_LOOKED_AT: i64 = 3_000;

/// Which users are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Each word stands somewhere in the names, the user name, an address, the phone number or the extension.
    pub words: String,
    /// Active or inactive ones only.
    pub active: Option<bool>,
    /// Those of a site, or without one.
    pub site: Option<Which<SiteId>>,
    /// Those with a licence type, or without a licence.
    pub license: Option<Which<LicenseTypeId>>,
    /// Those in this state to Entra ID.
    pub entra: Option<EntraState>,
    /// Those of whom the guard holds something back.
    pub held: bool,
    /// Those with a role in the console.
    pub with_role: bool,
    /// Those inactive since before this moment.
    pub inactive_since: Option<NaiveDateTime>,
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
pub struct ListedUser {
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

/// How many there are, counted up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Exactly(i64),
    /// More than so many.
    MoreThan(i64),
}

/// A page of a list, and how many are on all its pages.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The page.
    pub page: Page<ListedUser>,
    /// How many there are.
    pub total: Total,
}

/// How long a list may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A moment: what takes longer is given up.
    Moment,
    /// As long as it takes, if all rows have to be looked at.
    AllRows,
}

/// What a page of a list asks for.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Who of the users.
    pub filter: Filter,
    /// In what order.
    pub order: Order,
    /// Whether the last comes first.
    pub descending: bool,
    /// Which page.
    pub at: At,
    /// How many stand on one.
    pub size: usize,
}

type Query = IntoBoxed<'static, users::table, Backend>;

impl Total {
    /// Of so many that were counted up to a limit.
    fn counted(count: i64) -> Self {
        if count > MOST_COUNTED { Self::MoreThan(MOST_COUNTED) } else { Self::Exactly(count) }
    }

    /// Of so many that were found before the count was given up: told in round numbers, as nobody knows how many more
    /// there are.
    fn more_than(found: i64) -> Self {
        let round = [1_000, 100, 10].into_iter().find(|unit| found >= 5 * unit).unwrap_or(1);
        Self::MoreThan(found / round * round)
    }

    /// The same, where it is known that there are more than so many.
    fn or_more_than(self, known: i64) -> Self {
        match self {
            Self::MoreThan(count) if count < known => Self::MoreThan(known),
            other => other,
        }
    }

    /// The number, or the one that it is more than.
    #[must_use]
    pub fn least(self) -> i64 {
        match self {
            Self::Exactly(count) | Self::MoreThan(count) => count,
        }
    }
}

/// As `122` or `More than 10,000`.
impl fmt::Display for Total {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(count) => write!(out, "{}", grouped(count)),
            Self::MoreThan(count) => write!(out, "More than {}", grouped(count)),
        }
    }
}

/// A page of the users that meet a filter; nothing where that takes more than a moment and may not.
pub fn list(conn: &mut Conn, asked: &ListRequest, effort: Effort) -> Result<Option<UserPage>> {
    let Some(parts) = parts(&asked.filter) else {
        let page = Page::new(Vec::new(), &At::Start, asked.size, |_: &ListedUser| String::new());
        return Ok(Some(UserPage { page, total: Total::Exactly(0) }));
    };
    let best = fewest(conn, &parts)?;
    let limit = asked.size + 1;
    let keys = match best {
        // In its time also where they are many, but far on in the order.
        Some((part, count)) if count <= FEW || effort == Effort::AllRows => {
            Some(among(conn, &parts, part, asked, limit)?)
        }
        _ => walk(conn, &parts, asked, limit, effort)?,
    };
    let keys = match (keys, &best) {
        (Some(keys), _) => keys,
        (None, Some((part, count))) if *count <= MOST_COUNTED => among(conn, &parts, part, asked, limit)?,
        (None, _) => return Ok(None),
    };
    let mut rows = listed(conn, &keys)?;
    rows.sort_by_key(|row| keys.iter().position(|key| *key == row.user.id));
    let page = Page::new(rows, &asked.at, asked.size, |row| cursor(&row.user, asked.order));
    let total = match (&asked.at, &page.next) {
        (At::Start, None) => Total::Exactly(page.items.len().try_into().map_err(Error::internal)?),
        // On each page the same, however much was looked at for it; and there is more than one page.
        _ => total(conn, &parts, best)?.or_more_than(asked.size.try_into().map_err(Error::internal)?),
    };
    Ok(Some(UserPage { page, total }))
}

/// These users, by name.
pub fn these(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<ListedUser>> {
    let mut rows = listed(conn, ids)?;
    rows.sort_by(|a, b| (&a.user.sort_name, &a.user.id).cmp(&(&b.user.sort_name, &b.user.id)));
    Ok(rows)
}

fn listed(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<ListedUser>> {
    // One join beside the other: of one within another the database would first gather all licences that are held.
    let kind = license_types::id.nullable().eq(license_assignments::license_type_id.nullable());
    let rows = users::table
        .left_join(sites::table)
        .left_join(license_assignments::table)
        .left_join(license_types::table.on(kind))
        .filter(users::id.eq_any(ids))
        .select(ListedUser::as_select());
    Ok(rows.load(conn)?)
}

/// How many users meet the filter.
pub fn count(conn: &mut Conn, filter: &Filter) -> Result<Total> {
    let Some(parts) = parts(filter) else { return Ok(Total::Exactly(0)) };
    let best = fewest(conn, &parts)?;
    total(conn, &parts, best)
}

/// The keys of those who meet the filter, at most `most` of them.
pub fn ids(conn: &mut Conn, filter: &Filter, most: i64) -> Result<Vec<UserId>> {
    let Some(parts) = parts(filter) else { return Ok(Vec::new()) };
    let found = users::table.filter(and_all(&parts, None)).order(users::id).limit(most);
    Ok(found.select(users::id).load(conn)?)
}

/// The filter of the worklist of leavers: inactive for so many days, of whom Entra ID may never speak again.
#[must_use]
pub fn inactive_for(days: i64, now: NaiveDateTime) -> Filter {
    let since = TimeDelta::try_days(days).and_then(|days| now.checked_sub_signed(days));
    Filter { inactive_since: since.or(Some(NaiveDateTime::MIN)), ..Filter::default() }
}

/// What the filter asks, part by part; nothing where nobody can meet it.
fn parts(filter: &Filter) -> Option<Vec<Criterion>> {
    let words = search_text::sought(&filter.words)?;
    let asked = [
        (!words.is_empty()).then_some(Criterion::Words(words)),
        filter.active.map(Criterion::Active),
        filter.inactive_since.map(Criterion::InactiveSince),
        filter.site.clone().map(Criterion::Site),
        filter.license.clone().map(Criterion::License),
        filter.entra.map(Criterion::Entra),
        filter.held.then_some(Criterion::Held),
        filter.with_role.then_some(Criterion::WithRole),
    ];
    Some(asked.into_iter().flatten().collect())
}

/// Of the parts that have an index the one that fewest users meet, and how many they are, counted up to a limit.
fn fewest<'a>(conn: &mut Conn, parts: &'a [Criterion]) -> Result<Option<(&'a Criterion, i64)>> {
    let mut best: Option<(&Criterion, i64)> = None;
    for part in parts {
        let most = best.map_or(MOST_COUNTED + 1, |(_, count)| count);
        if let Some(count) = part.count(conn, most)?
            && best.is_none_or(|(_, least)| count < least)
        {
            best = Some((part, count));
        }
    }
    Ok(best)
}

/// Finds those who meet one part by its index, looks at the other parts, and sorts.
fn among(
    conn: &mut Conn,
    parts: &[Criterion],
    by: &Criterion,
    asked: &ListRequest,
    limit: usize,
) -> Result<Vec<UserId>> {
    let met = users::table.filter(by.by_index()).filter(and_all(parts, Some(by))).into_boxed();
    let limit = i64::try_from(limit).map_err(Error::internal)?;
    Ok(placed(met, asked)?.select(users::id).limit(limit).load(conn)?)
}

/// Looks at one user after the other, in the order asked for, until enough meet all parts; nothing where that takes
/// longer than it may.
fn walk(
    conn: &mut Conn,
    parts: &[Criterion],
    asked: &ListRequest,
    limit: usize,
    effort: Effort,
) -> Result<Option<Vec<UserId>>> {
    let most = if effort == Effort::AllRows { i64::MAX } else { MOST_LOOKED_AT };
    let rows =
        placed(users::table.into_boxed(), asked)?.select((users::id, and_all(parts, None))).limit(most);
    let (mut looked_at, mut keys) = (0, Vec::with_capacity(limit));
    for row in rows.load_iter::<(UserId, bool), DefaultLoadingMode>(conn)? {
        let (key, meets) = row?;
        looked_at += 1;
        keys.extend(meets.then_some(key));
        if keys.len() == limit {
            return Ok(Some(keys));
        }
    }
    Ok((looked_at < most).then_some(keys))
}

/// How many meet all parts, where `best` is met by fewest.
fn total(conn: &mut Conn, parts: &[Criterion], best: Option<(&Criterion, i64)>) -> Result<Total> {
    match (parts, best) {
        ([], _) => return Ok(Total::Exactly(census(conn)?.everyone)),
        ([_], Some((part, count))) if count > MOST_COUNTED || !part.is_counted_roughly() => {
            return Ok(Total::counted(count));
        }
        ([Criterion::License(Which::Nothing)], _) => {
            let taken: Vec<i64> = license_types::table.select(license_types::seats_taken).load(conn)?;
            return Ok(Total::Exactly(census(conn)?.everyone - taken.iter().sum::<i64>()));
        }
        _ => {}
    }
    let most = match best {
        Some((_, count)) if count <= MOST_COUNTED => i64::MAX,
        _ => MOST_LOOKED_AT,
    };
    let by = best.map(|(part, _)| part);
    let found = match by {
        Some(part) => users::table.filter(part.by_index()).into_boxed(),
        None => users::table.into_boxed(),
    };
    let (mut looked_at, mut met) = (0, 0);
    for row in found.select(and_all(parts, by)).limit(most).load_iter::<bool, DefaultLoadingMode>(conn)? {
        looked_at += 1;
        met += i64::from(row?);
        if met > MOST_COUNTED {
            return Ok(Total::MoreThan(MOST_COUNTED));
        }
    }
    Ok(if looked_at < most { Total::Exactly(met) } else { Total::more_than((met - 1).max(0)) })
}

/// Starts at the cursor, by the order's index, and travels forwards or backwards from there.
macro_rules! by_key {
    ($query:expr, $column:expr, $up:expr, $cursor:expr) => {{
        let (query, up) = ($query, $up);
        let query = match $cursor {
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

/// The rows behind the cursor, in the order asked for.
fn placed(query: Query, asked: &ListRequest) -> Result<Query> {
    let cursor = match &asked.at {
        At::Start => None,
        At::After(cursor) | At::Before(cursor) => Some(parse_cursor(cursor)?),
    };
    let up = asked.descending == matches!(asked.at, At::Before(_));
    let stamped = |cursor: Option<(String, String)>| {
        let parsed = |(at, id): (String, String)| match NaiveDateTime::parse_from_str(&at, STAMP) {
            Ok(at) => Ok((at, id)),
            Err(_) => Err(no_such_page()),
        };
        cursor.map(parsed).transpose()
    };
    Ok(match asked.order {
        Order::Name => by_key!(query, users::sort_name, up, cursor),
        Order::UserName => by_key!(query, users::user_name_key, up, cursor),
        Order::Created => by_key!(query, users::created_at, up, stamped(cursor)?),
        Order::Updated => by_key!(query, users::updated_at, up, stamped(cursor)?),
    })
}

fn cursor(user: &User, order: Order) -> String {
    let value = match order {
        Order::Name => user.sort_name.clone(),
        Order::UserName => user.user_name_key.clone(),
        Order::Created => user.created_at.format(STAMP).to_string(),
        Order::Updated => user.updated_at.format(STAMP).to_string(),
    };
    format!("{}{value}", user.id)
}

fn parse_cursor(cursor: &str) -> Result<(String, String)> {
    let (id, value) = cursor.split_at_checked(KEY_LENGTH).ok_or_else(no_such_page)?;
    Ok((value.to_owned(), id.to_owned()))
}

fn no_such_page() -> Error {
    Error::NotFound("page of this list")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::db::{empty, explained};

    fn all_parts(words: &str) -> Vec<Criterion> {
        let filter = Filter {
            words: words.to_owned(),
            active: Some(false),
            site: Some(Which::This(SiteId::generate())),
            license: Some(Which::This(LicenseTypeId::generate())),
            entra: Some(EntraState::Unlinked),
            held: true,
            with_role: true,
            inactive_since: Some(NaiveDateTime::MIN),
        };
        let nothing = [Criterion::Site(Which::Nothing), Criterion::License(Which::Nothing)];
        parts(&filter).unwrap().into_iter().chain(nothing).collect()
    }

    #[test]
    fn whom_a_part_leaves_few_of_is_found_without_a_scan() {
        let (_folder, db) = empty();
        db.read(|conn| {
            let parts = [all_parts("ana an a"), all_parts("030 99 88")].concat();
            for part in parts.iter().filter(|part| part.has_index()) {
                let query = users::table.filter(part.by_index()).filter(and_all(&parts, Some(part)));
                let steps =
                    explained(conn, &placed(query.into_boxed(), &ListRequest::default())?.select(users::id));
                let scan = steps.iter().find(|step| step.starts_with("SCAN users"));
                assert_eq!(scan, None, "{part:?}: {steps:?}");
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_walk_takes_the_order_from_an_index_and_sorts_nothing() {
        let (_folder, db) = empty();
        db.read(|conn| {
            let parts = all_parts("ana an a");
            let id = "0".repeat(KEY_LENGTH);
            for order in Order::ALL {
                let value = if matches!(order, Order::Name | Order::UserName) {
                    "ana"
                } else {
                    "2026-01-01T00:00:00.000"
                };
                for at in [At::Start, At::After(format!("{id}{value}")), At::Before(format!("{id}{value}"))] {
                    for descending in [false, true] {
                        let asked = ListRequest {
                            order: *order,
                            descending,
                            at: at.clone(),
                            ..ListRequest::default()
                        };
                        let query = placed(users::table.into_boxed(), &asked)?;
                        let steps =
                            explained(conn, &query.select((users::id, and_all(&parts, None))).limit(51));
                        let text = steps.join("; ");
                        assert!(!text.contains("TEMP B-TREE"), "{asked:?}: {text}");
                        assert!(text.contains("users USING"), "{asked:?}: {text}");
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_number_that_was_not_counted_to_the_end_says_so() {
        assert_eq!(Total::counted(122).to_string(), "122");
        assert_eq!(Total::counted(MOST_COUNTED).to_string(), "10,000");
        assert_eq!(Total::counted(MOST_COUNTED + 1).to_string(), "More than 10,000");
        assert_eq!(Total::MoreThan(340).to_string(), "More than 340");
        assert_eq!(Total::MoreThan(1_007).to_string(), "More than 1,007");
    }
}
