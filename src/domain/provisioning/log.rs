//! The events, newest first.

use super::{Event, Operation, Outcome};
use crate::db::Conn;
use crate::db::schema::provisioning_events;
use crate::domain::page::{At, Page, newest_first};
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Which events are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those about this user, by the console's key.
    pub user: Option<UserId>,
    /// Those that went in one of these ways; in any if there is none.
    pub outcomes: Vec<Outcome>,
    /// Those that asked this.
    pub operation: Option<Operation>,
    /// Those that failed in this way.
    pub cause: Option<String>,
    /// Rollcall's own tests of the connection.
    pub own_tests: bool,
    /// Those since this moment.
    pub since: Option<NaiveDateTime>,
    /// Those before this moment.
    pub until: Option<NaiveDateTime>,
}

impl Filter {
    /// Whether a span of time is asked for.
    fn is_in_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether no index serves it: it then looks at each event that meets one of the conditions.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        let conditions =
            [self.is_in_time(), !self.outcomes.is_empty(), self.operation.is_some(), self.own_tests];
        let conditions = conditions.into_iter().filter(|given| *given).count();
        self.user.is_none() && self.cause.is_none() && conditions > 1
    }
}

/// The events, newest first.
pub fn list(conn: &mut Conn, filter: &Filter, at: &At, size: usize) -> Result<Page<Event>> {
    let mut query = provisioning_events::table.select(Event::as_select()).into_boxed();
    if let Some(user) = &filter.user {
        query = query.filter(provisioning_events::user_id.eq(user));
    }
    if !filter.outcomes.is_empty() {
        query = query.filter(provisioning_events::outcome.eq_any(&filter.outcomes));
    }
    if let Some(operation) = filter.operation {
        query = query.filter(provisioning_events::operation.eq(operation));
    }
    if let Some(cause) = &filter.cause {
        query = query.filter(provisioning_events::cause.eq(cause));
    }
    if filter.own_tests {
        query = query.filter(provisioning_events::actor.is_not_null());
    }
    if let Some(since) = filter.since {
        query = query.filter(provisioning_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(provisioning_events::at.lt(until));
    }
    query = newest_first!(query, provisioning_events, conn, at, filter.is_in_time());
    let rows = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |event: &Event| event.id.clone()))
}

/// The event with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Event> {
    let found = provisioning_events::table.find(id).select(Event::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("provisioning event"))
}
