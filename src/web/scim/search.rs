//! Lists: by filter, sorted, page by page; of users, of groups, or of both at the root.

use super::client::{Body, Client, LogDetails};
use super::compiled::Compiled;
use super::cursor::{Cursor, QueryFingerprint, Start};
use super::respond::ScimResult;
use super::sought::{Listing, look_up, sought};
use super::sources::{Groups, Source, Users};
use super::walks::Walks;
use super::{OF_THE_CLIENT, Refusal, Rendered, json};
use crate::db::Conn;
use crate::domain::Org;
use crate::domain::users::by_entra::Scope;
use crate::domain::users::list::Effort;
use crate::domain::users::plan;
use crate::domain::users::search::{Cursor as RowCursor, From};
use crate::scim::message::{self, PagePosition};
use crate::scim::query::{Page, Query};
use crate::scim::schema::{RESOURCES, Resource};
use crate::scim::{Fault, ScimType, evaluate};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde_json::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// A search that the database answers by itself, and what it sorts by.
type ByDatabase<S> = (<S as Source>::Search, Option<<S as Source>::SortKey>);

/// So many resources are looked at one by one for a filter or an order that the database can't answer by itself.
pub(super) const MOST_LOOKED_AT: i64 = 10_000;

/// What the digests are for that tell walks through lists apart.
const WALK: &str = "scim walk";

/// What every list needs to know.
pub(super) struct Lookup<'a> {
    pub(super) org: &'a Org,
    pub(super) scope: Scope,
    pub(super) base: &'a str,
    pub(super) query: &'a Query,
    /// The credential that asks.
    credential: &'a str,
    walks: &'a Walks,
}

/// A page, and what the next one needs to know of it.
struct ResultPage {
    total: i64,
    resources: Vec<Rendered>,
    /// The place of the last resource that is shown.
    last: Option<Cursor>,
    /// Whether there are fewer than were asked for because one answer holds no more.
    cut: bool,
}

/// How many resources to read, and how many of them are shown: one more tells whether another page follows.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    count: i64,
    shown: i64,
}

/// A resource that was looked at: where it stands, and itself.
struct FullResource {
    cursor: Cursor,
    whole: Value,
}

pub(super) async fn users(client: Client, request: HttpRequest) -> ScimResult {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Listing::Users, query).await
}

pub(super) async fn groups(client: Client, request: HttpRequest) -> ScimResult {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Listing::Groups, query).await
}

pub(super) async fn both(client: Client, request: HttpRequest) -> ScimResult {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Listing::Both, query).await
}

pub(super) async fn users_by_post(client: Client, body: Body) -> ScimResult {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Listing::Users, query).await
}

pub(super) async fn groups_by_post(client: Client, body: Body) -> ScimResult {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Listing::Groups, query).await
}

pub(super) async fn both_by_post(client: Client, body: Body) -> ScimResult {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Listing::Both, query).await
}

/// The parameters of an address.
pub(super) fn pairs(request: &HttpRequest) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.query_string()).unwrap_or_default()
}

async fn answer(client: Client, listing: Listing, query: Result<Query, Fault>) -> ScimResult {
    let query = query.and_then(|query| query.check(listing.kinds()).map(|()| query));
    let operation = listing.operation(None, 1);
    let query = query.map_err(|fault| client.refuse(operation, misasked(fault)))?;
    let (org, base) = (client.org().clone(), client.base.clone());
    let (credential, walks) = (client.credential().to_owned(), client.walks());
    let is_look_up = look_up(&query).is_some();
    let query = Arc::new(query);
    let work = move |conn: &mut Conn, scope: Scope, effort: Effort| {
        let (credential, walks) = (credential.as_str(), &*walks);
        let lookup = Lookup { org: &org, scope, base: &base, query: &query, credential, walks };
        if effort == Effort::Moment && lookup.looks_at_all(conn, listing)? {
            return Ok(None);
        }
        let (place, found) = lookup.list(conn, listing)?;
        let sought = query.filter.as_ref().and_then(sought);
        let operation = listing.operation(sought.as_deref(), found.total);
        let told = LogDetails { subject: sought, status: 200, ..LogDetails::default() };
        Ok(Some((message::list(found.total, place, found.resources), operation, told)))
    };
    // One row by an index takes less time than handing the work to another thread.
    let body = client.search(operation, is_look_up, work).await?;
    Ok(json(StatusCode::OK, &body))
}

impl Lookup<'_> {
    /// Whether all users have to be looked at, one way or another.
    fn looks_at_all(&self, conn: &mut Conn, listing: Listing) -> Result<bool, Refusal> {
        if listing == Listing::Groups {
            return Ok(false);
        }
        let source = Users(self);
        let position = match self.query.page {
            Page::Index(start) => start,
            Page::Cursor(_) => 0,
        };
        if listing == Listing::Both && self.query.sort.is_some() {
            return Ok(true);
        }
        Ok(match self.by_database(conn, &source)? {
            Some((search, _)) => plan::looks_at_all(conn, &search, position)?,
            None => {
                let condition = source.compile(self.query.filter.as_ref()).condition;
                let search = source.search(conn, condition, None)?;
                plan::has_many(conn, &search)?
            }
        })
    }

    fn list(&self, conn: &mut Conn, listing: Listing) -> Result<(PagePosition, ResultPage), Refusal> {
        let fingerprint = QueryFingerprint::of(self.query, listing.name(), self.scope);
        match &self.query.page {
            Page::Index(start) => {
                let found = self.by_position(conn, listing, &fingerprint, start.saturating_sub(1))?;
                Ok((PagePosition::Index(*start), found))
            }
            Page::Cursor(cursor) => {
                let start = fingerprint.read(self.org, cursor)?;
                // One more tells whether another page follows.
                let wanted = self.query.count + i64::from(self.query.count > 0);
                let mut found = self.page(conn, listing, &start, self.fetch(wanted))?;
                let more = found.cut || length(&found) > self.query.count;
                found.resources.truncate(usize::try_from(self.query.count).unwrap_or_default());
                let next =
                    found.last.clone().filter(|_| more).map(|cursor| fingerprint.write(self.org, cursor));
                Ok((PagePosition::Cursor(next), found))
            }
        }
    }

    /// A page by position, behind the one that ended there, if one did.
    fn by_position(
        &self,
        conn: &mut Conn,
        listing: Listing,
        fingerprint: &QueryFingerprint,
        at: i64,
    ) -> Result<ResultPage, Refusal> {
        let count = self.query.count;
        let walk = format!("{}\n{count}\n{}", self.credential, fingerprint.as_str());
        // A filter may be long, and what is remembered must not be.
        let walk = self.org.keys().digest(WALK, &walk);
        let now = self.org.now().and_utc().timestamp();
        let before = if at > 0 && count > 0 { self.walks.find(&walk, at, now) } else { None };
        let Some(before) = before else {
            let found = self.page(conn, listing, &Start::Position(at), self.fetch(count))?;
            self.remember(walk, at, &found, now);
            return Ok(found);
        };
        let mut found = self.page(conn, listing, &Start::After(before), self.fetch(count))?;
        let end = at + length(&found);
        // Who walks stops at the total: it must not lie before those who are still to come, nor behind the last.
        if length(&found) < count && !found.cut {
            found.total = end;
        } else if end >= found.total
            && let Some(last) = &found.last
        {
            found.total = end + self.rest(conn, listing, last)?;
        }
        self.remember(walk, at, &found, now);
        Ok(found)
    }

    fn remember(&self, walk: String, at: i64, found: &ResultPage, now: i64) {
        if let Some(last) = &found.last {
            self.walks.put(walk, at.saturating_add(length(found)), last.clone(), now);
        }
    }

    fn page(
        &self,
        conn: &mut Conn,
        listing: Listing,
        start: &Start,
        fetch: Fetch,
    ) -> Result<ResultPage, Refusal> {
        match listing {
            Listing::Users => self.one(conn, &Users(self), start, fetch),
            Listing::Groups => self.one(conn, &Groups(self), start, fetch),
            Listing::Both => self.both(conn, start, fetch),
        }
    }

    fn fetch(&self, count: i64) -> Fetch {
        Fetch { count, shown: self.query.count }
    }

    fn one<S: Source>(
        &self,
        conn: &mut Conn,
        source: &S,
        start: &Start,
        fetch: Fetch,
    ) -> Result<ResultPage, Refusal> {
        match self.by_database(conn, source)? {
            Some((search, order)) => by_search(conn, source, &search, order, start, fetch),
            None => Ok(self.slice(self.looked_at(conn, source)?, start, fetch)),
        }
    }

    /// The search that the database answers by itself, if it can.
    fn by_database<S: Source>(&self, conn: &mut Conn, source: &S) -> Result<Option<ByDatabase<S>>, Refusal> {
        let Compiled { condition, exact } = source.compile(self.query.filter.as_ref());
        let order = match self.query.sort_spot(source.kind()) {
            None => None,
            Some(attr) => match source.order(&attr) {
                None => return Ok(None),
                order => order,
            },
        };
        // A path that this type does not have sorts nothing; one that chooses among values does.
        if !exact || !self.query.sorts_plainly() {
            return Ok(None);
        }
        Ok(Some((source.search(conn, condition, order)?, order)))
    }

    /// All that meet the filter, one by one, sorted; refused where that would be too many.
    fn looked_at<S: Source>(&self, conn: &mut Conn, source: &S) -> Result<Vec<FullResource>, Refusal> {
        let condition = source.compile(self.query.filter.as_ref()).condition;
        let search = source.search(conn, condition, None)?;
        let Some(rows) = source.all(conn, &search)? else { return Err(too_many(source.kind())) };
        let kind = source.kind();
        let keys: Vec<String> = rows.iter().map(|row| source.cursor(None, row).key).collect();
        let met = |whole: &Value| {
            self.query.filter.as_ref().is_none_or(|filter| evaluate::meets(filter, kind, whole))
        };
        let whole = source.whole(conn, rows)?.into_iter().zip(keys).filter(|(whole, _)| met(whole));
        let mut seen: Vec<FullResource> = whole
            .map(|(whole, key)| {
                let value = self.query.sort_key(kind, &whole);
                FullResource { cursor: Cursor { kind: kind_of(kind), value, key }, whole }
            })
            .collect();
        seen.sort_by(|a, b| self.compare(&a.cursor, &b.cursor));
        Ok(seen)
    }

    /// How two resources stand to each other. What is absent comes last, or first where the last comes first (RFC 7644
    /// section 3.4.2.3); equal ones stand as they were made, users before groups.
    fn compare(&self, a: &Cursor, b: &Cursor) -> Ordering {
        let by_value = if self.query.sort.is_some() {
            a.value.is_none().cmp(&b.value.is_none()).then_with(|| a.value.cmp(&b.value))
        } else {
            Ordering::Equal
        };
        let by_value = if self.query.descending { by_value.reverse() } else { by_value };
        by_value.then_with(|| (a.kind, &a.key).cmp(&(b.kind, &b.key)))
    }

    fn slice(&self, all: Vec<FullResource>, start: &Start, fetch: Fetch) -> ResultPage {
        let total = i64::try_from(all.len()).unwrap_or_default();
        let skipped = match start {
            Start::Position(at) => usize::try_from(*at).unwrap_or(usize::MAX),
            Start::After(cursor) => {
                all.iter().filter(|seen| self.compare(&seen.cursor, cursor) != Ordering::Greater).count()
            }
        };
        let [count, shown] = [fetch.count, fetch.shown].map(|most| usize::try_from(most).unwrap_or_default());
        let page: Vec<FullResource> = all.into_iter().skip(skipped).take(count).collect();
        let last = page.iter().take(shown).next_back().map(|seen| seen.cursor.clone());
        let resources =
            page.into_iter().map(|seen| Rendered::Part(self.query.projection.apply(seen.whole))).collect();
        ResultPage { total, resources, last, cut: false }
    }

    /// Users, then groups; together where they are sorted.
    fn both(&self, conn: &mut Conn, start: &Start, fetch: Fetch) -> Result<ResultPage, Refusal> {
        if self.query.sort.is_some() {
            return Ok(self.slice(self.all_of_both(conn)?, start, fetch));
        }
        let behind_users =
            matches!(start, Start::After(cursor) if cursor.kind == kind_of(Groups(self).kind()));
        let people = if behind_users {
            ResultPage {
                total: self.total(conn, &Users(self))?,
                resources: Vec::new(),
                last: None,
                cut: false,
            }
        } else {
            self.one(conn, &Users(self), start, fetch)?
        };
        let read = length(&people);
        let from = match start {
            Start::Position(at) => Start::Position((at - people.total).max(0)),
            Start::After(_) if behind_users => start.clone(),
            Start::After(_) => Start::Position(0),
        };
        // The one too many, which a cursor asks for, may be a group.
        let left = Fetch { count: (fetch.count - read).max(0), shown: (fetch.shown - read).max(0) };
        let mut teams = self.one(conn, &Groups(self), &from, left)?;
        let last = if left.shown > 0 { teams.last.or(people.last) } else { people.last };
        let mut resources = people.resources;
        resources.append(&mut teams.resources);
        Ok(ResultPage { total: people.total + teams.total, resources, last, cut: teams.cut })
    }

    fn all_of_both(&self, conn: &mut Conn) -> Result<Vec<FullResource>, Refusal> {
        let mut all = self.looked_at(conn, &Users(self))?;
        all.extend(self.looked_at(conn, &Groups(self))?);
        all.sort_by(|a, b| self.compare(&a.cursor, &b.cursor));
        Ok(all)
    }

    fn total<S: Source>(&self, conn: &mut Conn, source: &S) -> Result<i64, Refusal> {
        Ok(match self.by_database(conn, source)? {
            Some((search, _)) => source.count(conn, &search, None)?,
            None => i64::try_from(self.looked_at(conn, source)?.len()).unwrap_or_default(),
        })
    }

    /// How many there are behind a place.
    fn rest(&self, conn: &mut Conn, listing: Listing, last: &Cursor) -> Result<i64, Refusal> {
        match listing {
            Listing::Users => self.rest_of(conn, &Users(self), last),
            Listing::Groups => self.rest_of(conn, &Groups(self), last),
            Listing::Both if self.query.sort.is_some() => Ok(self.behind(&self.all_of_both(conn)?, last)),
            Listing::Both if last.kind == kind_of(Groups(self).kind()) => {
                self.rest_of(conn, &Groups(self), last)
            }
            Listing::Both => Ok(self.rest_of(conn, &Users(self), last)? + self.total(conn, &Groups(self))?),
        }
    }

    fn rest_of<S: Source>(&self, conn: &mut Conn, source: &S, last: &Cursor) -> Result<i64, Refusal> {
        Ok(match self.by_database(conn, source)? {
            Some((search, _)) => {
                let place = RowCursor { value: last.value.clone(), key: last.key.clone() };
                source.count(conn, &search, Some(&place))?
            }
            None => self.behind(&self.looked_at(conn, source)?, last),
        })
    }

    fn behind(&self, all: &[FullResource], last: &Cursor) -> i64 {
        let behind = all.iter().filter(|seen| self.compare(&seen.cursor, last) == Ordering::Greater);
        i64::try_from(behind.count()).unwrap_or_default()
    }
}

/// A page that the database finds by itself.
fn by_search<S: Source>(
    conn: &mut Conn,
    source: &S,
    search: &S::Search,
    order: Option<S::SortKey>,
    start: &Start,
    fetch: Fetch,
) -> Result<ResultPage, Refusal> {
    let Fetch { count, shown } = fetch;
    let from = match start {
        Start::Position(at) => From::Position(*at),
        Start::After(Cursor { value, key, .. }) => {
            From::After(RowCursor { value: value.clone(), key: key.clone() })
        }
    };
    let rows = if count == 0 { Vec::new() } else { source.page(conn, search, &from, count)? };
    let read = i64::try_from(rows.len()).unwrap_or_default();
    // A first page that was not filled tells the total by itself.
    let first = matches!(from, From::Position(0));
    let total = if first && read < count { read } else { source.count(conn, search, None)? };
    let rows = source.fitting(conn, rows)?;
    let cut = i64::try_from(rows.len()).unwrap_or_default() < read;
    let shown = usize::try_from(shown).unwrap_or_default();
    let last = rows.iter().take(shown).next_back().map(|row| source.cursor(order, row));
    let last = last.map(|RowCursor { value, key }| Cursor { kind: kind_of(source.kind()), value, key });
    Ok(ResultPage { total, resources: source.render(conn, rows)?, last, cut })
}

fn length(found: &ResultPage) -> i64 {
    i64::try_from(found.resources.len()).unwrap_or_default()
}

/// The type of a resource as a [`Cursor`] names it.
fn kind_of(kind: &Resource) -> u8 {
    u8::from(!std::ptr::eq(kind, RESOURCES[0]))
}

/// The refusal of a search. Values of the wrong kind are none of anybody's data there.
pub(super) fn misasked(fault: Fault) -> Refusal {
    let of_the_client = fault.kind == Some(ScimType::InvalidValue);
    let refusal = Refusal::from(fault);
    if of_the_client { refusal.with_remedy(OF_THE_CLIENT) } else { refusal }
}

fn too_many(kind: &Resource) -> Refusal {
    let detail = format!(
        "More than {MOST_LOOKED_AT} {}s would have to be looked at one by one. Add a condition on id, userName, \
         displayName, externalId, emails, active or meta.lastModified, or sort by one of these.",
        kind.name
    );
    Refusal::from(Fault::bad(ScimType::TooMany, detail))
}
