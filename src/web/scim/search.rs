//! Lists: by filter, sorted, page by page; of users, of groups, or of both at the root.

use super::client::{Body, Client, Told};
use super::compile::Compiled;
use super::cursor::{Mark, Stamp};
use super::sources::{Groups, Source, Users};
use super::{Refusal, Rendered, json};
use crate::db::Conn;
use crate::domain::Org;
use crate::domain::provisioning::Operation;
use crate::domain::users::by_entra::Scope;
use crate::domain::users::search::From;
use crate::error::Error;
use crate::scim::filter::{AttrExp, CompValue, CompareOp, Filter};
use crate::scim::message::{self, Place};
use crate::scim::query::{Page, Query};
use crate::scim::schema::{RESOURCES, Resource};
use crate::scim::{Fault, ScimType, evaluate};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

type Answer = Result<HttpResponse, Refusal>;

/// So many resources are looked at one by one for a filter or an order that the database can't answer by itself.
pub(super) const MOST_LOOKED_AT: i64 = 10_000;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shelf {
    Users,
    Groups,
    Both,
}

/// What every list needs to know.
pub(super) struct Lookup<'a> {
    pub(super) org: &'a Org,
    pub(super) scope: Scope,
    pub(super) base: &'a str,
    pub(super) query: &'a Query,
}

/// A page, and what the log should know of it.
struct Found {
    total: i64,
    resources: Vec<Rendered>,
    /// The key of the last resource and whether more follow, where the list is in the order of its keys.
    last: Option<String>,
}

pub(super) async fn users(client: Client, request: HttpRequest) -> Answer {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Shelf::Users, query).await
}

pub(super) async fn groups(client: Client, request: HttpRequest) -> Answer {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Shelf::Groups, query).await
}

pub(super) async fn both(client: Client, request: HttpRequest) -> Answer {
    let query = Query::of_pairs(&pairs(&request));
    answer(client, Shelf::Both, query).await
}

pub(super) async fn users_by_post(client: Client, body: Body) -> Answer {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Shelf::Users, query).await
}

pub(super) async fn groups_by_post(client: Client, body: Body) -> Answer {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Shelf::Groups, query).await
}

pub(super) async fn both_by_post(client: Client, body: Body) -> Answer {
    let query = body.0.and_then(|body| Query::of_body(&body));
    answer(client, Shelf::Both, query).await
}

/// The parameters of an address.
pub(super) fn pairs(request: &HttpRequest) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.query_string()).unwrap_or_default()
}

impl Shelf {
    fn kinds(self) -> &'static [&'static Resource] {
        match self {
            Self::Users => &RESOURCES[..1],
            Self::Groups => &RESOURCES[1..],
            Self::Both => &RESOURCES,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Both => "both",
        }
    }

    /// What the log calls it: Entra ID looks for a random user or group when it tests the connection.
    fn operation(self, sought: Option<&str>, found: i64) -> Operation {
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

async fn answer(client: Client, shelf: Shelf, query: Result<Query, Fault>) -> Answer {
    let query = query.and_then(|query| query.check(shelf.kinds()).map(|()| query));
    let operation = shelf.operation(None, 1);
    let query = query.map_err(|fault| client.refuse(operation, fault.into()))?;
    let (org, scope, base) = (client.org().clone(), client.scope, client.base.clone());
    let is_look_up = look_up(&query).is_some();
    let work = move |conn: &mut Conn| {
        let lookup = Lookup { org: &org, scope, base: &base, query: &query };
        let (place, found) = lookup.list(conn, shelf)?;
        let sought = query.filter.as_ref().and_then(sought);
        let operation = shelf.operation(sought.as_deref(), found.total);
        let told = Told { subject: sought, status: 200, ..Told::default() };
        Ok((message::list(found.total, place, found.resources), operation, told))
    };
    // One row by an index takes less time than handing the work to another thread.
    let body =
        if is_look_up { client.read_at_once(operation, work)? } else { client.read(operation, work).await? };
    Ok(json(StatusCode::OK, &body))
}

impl Lookup<'_> {
    fn list(&self, conn: &mut Conn, shelf: Shelf) -> Result<(Place, Found), Refusal> {
        let stamp = Stamp::of(self.query, shelf.name(), self.scope);
        let (from, by_cursor) = match &self.query.page {
            Page::Index(start) => (From::Position(start.saturating_sub(1)), false),
            Page::Cursor(cursor) => (stamp.read(self.org, cursor)?, true),
        };
        // One more tells whether another page follows.
        let wanted = self.query.count + i64::from(by_cursor && self.query.count > 0);
        let mut found = match shelf {
            Shelf::Users => self.one(conn, &Users(self), &from, wanted)?,
            Shelf::Groups => self.one(conn, &Groups(self), &from, wanted)?,
            Shelf::Both => self.both(conn, &from, wanted)?,
        };
        let place = match &self.query.page {
            Page::Index(start) => Place::Index(*start),
            Page::Cursor(_) => {
                let more = i64::try_from(found.resources.len()).unwrap_or_default() > self.query.count;
                let mark = self.mark_after(&mut found, &from, more);
                Place::Cursor(mark.map(|mark| stamp.write(self.org, mark)))
            }
        };
        Ok((place, found))
    }

    /// Where the next page begins; takes the one resource too many away.
    fn mark_after(&self, found: &mut Found, from: &From, more: bool) -> Option<Mark> {
        if !more {
            return None;
        }
        found.resources.pop();
        Some(match (from, found.last.take()) {
            (_, Some(key)) => Mark::Key(key),
            (From::Position(at), None) => Mark::Position(at + self.query.count),
            (From::Key(_), None) => return None,
        })
    }

    fn one<S: Source>(&self, conn: &mut Conn, source: &S, from: &From, count: i64) -> Result<Found, Refusal> {
        let Compiled { condition, exact } = source.compile(self.query.filter.as_ref());
        let order = match self.query.sort_spot(source.kind()) {
            None => Some(None),
            Some(spot) => source.order(&spot).map(Some),
        };
        match order {
            Some(order) if exact => {
                let search = source.search(condition, order);
                self.by_database(conn, source, &search, order.is_none(), from, count)
            }
            _ => {
                let all = self.looked_at(conn, source, condition)?;
                Ok(slice(all, from, count))
            }
        }
    }

    fn by_database<S: Source>(
        &self,
        conn: &mut Conn,
        source: &S,
        search: &S::Search,
        by_key: bool,
        from: &From,
        count: i64,
    ) -> Result<Found, Refusal> {
        let rows = if count == 0 { Vec::new() } else { source.page(conn, search, from, count)? };
        let read = i64::try_from(rows.len()).unwrap_or_default();
        // A first page that was not filled tells the total by itself.
        let first = matches!(from, From::Position(0));
        let total = if first && read < count { read } else { source.count(conn, search)? };
        let shown = usize::try_from(self.query.count).unwrap_or_default();
        let last = rows.iter().take(shown).last().filter(|_| by_key).map(|row| source.key(row));
        Ok(Found { total, resources: source.render(conn, rows)?, last })
    }

    /// All that meet the filter, one by one, sorted; refused where that would be too many.
    fn looked_at<S: Source>(
        &self,
        conn: &mut Conn,
        source: &S,
        condition: crate::domain::condition::Condition<S::Leaf>,
    ) -> Result<Vec<(Option<String>, Value)>, Refusal> {
        let search = source.search(condition, None);
        let Some(rows) = source.all(conn, &search)? else { return Err(too_many(source.kind())) };
        let kind = source.kind();
        let spot = self.query.sort_spot(kind);
        let met = |whole: &Value| {
            self.query.filter.as_ref().is_none_or(|filter| evaluate::meets(filter, kind, whole))
        };
        let mut met: Vec<(Option<String>, Value)> = source
            .whole(conn, rows)?
            .into_iter()
            .filter(met)
            .map(|whole| (spot.as_ref().and_then(|spot| evaluate::sort_key(spot, &whole)), whole))
            .collect();
        if self.query.sort.is_some() {
            sort(&mut met, self.query.descending);
        }
        Ok(met.into_iter().map(|(key, whole)| (key, self.query.projection.apply(whole))).collect())
    }

    /// Users, then groups; together where they are sorted.
    fn both(&self, conn: &mut Conn, from: &From, count: i64) -> Result<Found, Refusal> {
        let From::Position(at) = *from else { return Err(Error::internal("a key at the root").into()) };
        if self.query.sort.is_some() {
            let filter = self.query.filter.as_ref();
            let mut all = self.looked_at(conn, &Users(self), Users(self).compile(filter).condition)?;
            all.extend(self.looked_at(conn, &Groups(self), Groups(self).compile(filter).condition)?);
            sort(&mut all, self.query.descending);
            return Ok(slice(all, from, count));
        }
        let people = self.one(conn, &Users(self), from, count)?;
        let read = i64::try_from(people.resources.len()).unwrap_or_default();
        let after = From::Position((at - people.total).max(0));
        let mut teams = self.one(conn, &Groups(self), &after, count - read)?;
        let mut resources = people.resources;
        resources.append(&mut teams.resources);
        Ok(Found { total: people.total + teams.total, resources, last: None })
    }
}

/// What is absent comes last, or first where the last comes first (RFC 7644 section 3.4.2.3).
fn sort(all: &mut [(Option<String>, Value)], descending: bool) {
    all.sort_by(|(a, _), (b, _)| {
        let order = a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(b));
        if descending { order.reverse() } else { order }
    });
}

fn slice(all: Vec<(Option<String>, Value)>, from: &From, count: i64) -> Found {
    let total = i64::try_from(all.len()).unwrap_or_default();
    let at = match from {
        From::Position(at) => usize::try_from(*at).unwrap_or(usize::MAX),
        From::Key(_) => 0,
    };
    let count = usize::try_from(count).unwrap_or_default();
    let resources = all.into_iter().skip(at).take(count);
    let resources = resources.map(|(_, resource)| Rendered::Part(resource)).collect();
    Found { total, resources, last: None }
}

fn too_many(kind: &Resource) -> Refusal {
    let detail = format!(
        "More than {MOST_LOOKED_AT} {}s would have to be looked at one by one. Add a condition on id, userName, \
         displayName, externalId, emails, active or meta.lastModified, or sort by one of these.",
        kind.name
    );
    Refusal::from(Fault::bad(ScimType::TooMany, detail))
}

/// The text of a single comparison for equality: what the client is looking for.
fn sought(filter: &Filter) -> Option<String> {
    match filter {
        Filter::Attr(AttrExp::Comparison(_, CompareOp::Eq, CompValue::Str(text))) => Some(text.clone()),
        _ => None,
    }
}

/// Whether at most a row or two are sought, by an index.
fn look_up(query: &Query) -> Option<()> {
    let Some(Filter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(_)))) = &query.filter
    else {
        return None;
    };
    let indexed = ["userName", "externalId", "id", "displayName"];
    indexed.iter().any(|name| path.name.eq_ignore_ascii_case(name)).then_some(())
}
