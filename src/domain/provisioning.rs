//! The log of what Entra ID asked and was told: one event a request.

use super::audit::Change;
use super::groups::by_entra::{MEMBERS_ADDED, MEMBERS_REMOVED};
use super::page::{At, Page};
use super::text_enum::text_enum;
use super::{Tx, new_id};
use crate::db::Conn;
use crate::db::schema::{provisioning_events, provisioning_hours};
use crate::error::{Error, Result};
use chrono::{DurationRound, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::sync::{Mutex, PoisonError};

text_enum! {
    /// What was asked.
    pub enum Operation {
        /// The query that Entra ID begins each cycle with, for a user that cannot exist.
        Probe = "probe",
        /// A search for users.
        Find = "find",
        /// A list of users.
        List = "list",
        /// One user by id.
        Get = "get",
        /// A new user.
        Create = "create",
        /// A change of some attributes.
        Change = "change",
        /// A user in place of what was there.
        Replace = "replace",
        /// A deletion.
        Delete = "delete",
        /// What this server can do.
        About = "about",
        /// A search for groups.
        FindGroup = "find-group",
        /// A list of groups.
        ListGroups = "list-groups",
        /// One group by id.
        GetGroup = "get-group",
        /// A new group.
        CreateGroup = "create-group",
        /// A change of a group's name or members.
        ChangeGroup = "change-group",
        /// A group in place of what was there.
        ReplaceGroup = "replace-group",
        /// A deletion of a group.
        DeleteGroup = "delete-group",
        /// A search for users and groups at once.
        Search = "search",
        /// Many operations in one request; each has an event of its own too.
        Bulk = "bulk",
        /// Something else.
        Other = "other",
    }
}

text_enum! {
    /// How it went.
    pub enum Outcome {
        /// Done as asked.
        Done = "done",
        /// Done, but not all as asked.
        Warning = "warning",
        /// Answered as done, and held back by the guard.
        Held = "held",
        /// Refused for what was asked.
        Failed = "failed",
        /// Refused for who asked, or because provisioning is not on.
        Refused = "refused",
    }
}

/// What is to be noted of a request.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked.
    pub operation: Operation,
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The console's key of the user whom it changed, or would have. Reads leave it out: each would cost a write at a
    /// random place of an index, which is what makes a log slow once there are many users.
    pub user_id: Option<String>,
    /// The user's name, or what was looked for.
    pub subject: Option<String>,
    /// The token that was presented.
    pub token_id: Option<String>,
    /// What changed.
    pub changes: Vec<Change>,
    /// What went wrong, or was not done as asked.
    pub error: Option<String>,
    /// How to mend it.
    pub remedy: Option<String>,
    /// Ties the event to the server's own log.
    pub request_id: Option<String>,
}

/// A request as it was noted.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = provisioning_events)]
pub struct Event {
    /// Its key; later ones sort after earlier ones.
    pub id: String,
    /// When, in UTC.
    pub at: NaiveDateTime,
    /// What was asked.
    pub operation: Operation,
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status that was answered.
    pub status: i32,
    /// The console's key of the user.
    pub user_id: Option<String>,
    /// The user's name, or what was looked for.
    pub subject: Option<String>,
    /// The token that was presented.
    pub token_id: Option<String>,
    changes: String,
    /// What went wrong, or was not done as asked.
    pub error: Option<String>,
    /// How to mend it.
    pub remedy: Option<String>,
    /// Ties the event to the server's own log.
    pub request_id: Option<String>,
}

impl Operation {
    /// The operation in plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Probe => "Connection test",
            Self::Find => "Look-up",
            Self::List => "List",
            Self::Get => "Read",
            Self::Create => "Create",
            Self::Change => "Change",
            Self::Replace => "Replace",
            Self::Delete => "Delete",
            Self::About => "Discovery",
            Self::FindGroup => "Look-up of a group",
            Self::ListGroups => "List of groups",
            Self::GetGroup => "Read of a group",
            Self::CreateGroup => "Create of a group",
            Self::ChangeGroup => "Change of a group",
            Self::ReplaceGroup => "Replace of a group",
            Self::DeleteGroup => "Delete of a group",
            Self::Search => "Search",
            Self::Bulk => "Bulk",
            Self::Other => "Other",
        }
    }
}

impl Event {
    /// What changed, attribute by attribute.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        serde_json::from_str(&self.changes).unwrap_or_default()
    }

    /// What Entra ID did, in a plain sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let whom = self.subject.as_deref().unwrap_or("a user");
        let group =
            self.subject.as_ref().map_or_else(|| "a group".to_owned(), |name| format!("the group {name}"));
        let tried = matches!(self.outcome, Outcome::Failed | Outcome::Refused);
        let (did, wanted) = match self.operation {
            Operation::Probe => ("tested the connection".to_owned(), "test the connection".to_owned()),
            Operation::Find => (format!("looked for {whom}"), format!("look for {whom}")),
            Operation::List => ("listed users".to_owned(), "list users".to_owned()),
            Operation::Get => (format!("read {whom}"), format!("read {whom}")),
            Operation::Create => (format!("created {whom}"), format!("create {whom}")),
            Operation::Change => (self.changed(whom), format!("change {whom}")),
            Operation::Replace => (self.changed(whom), format!("replace {whom}")),
            Operation::Delete => (format!("deleted {whom}"), format!("delete {whom}")),
            Operation::About => {
                ("asked what this server can do".to_owned(), "ask what this server can do".to_owned())
            }
            Operation::FindGroup => (format!("looked for {group}"), format!("look for {group}")),
            Operation::ListGroups => ("listed groups".to_owned(), "list groups".to_owned()),
            Operation::GetGroup => (format!("read {group}"), format!("read {group}")),
            Operation::CreateGroup => (format!("created {group}"), format!("create {group}")),
            Operation::ChangeGroup => (self.changed(&group), format!("change {group}")),
            Operation::ReplaceGroup => (self.changed(&group), format!("replace {group}")),
            Operation::DeleteGroup => (format!("deleted {group}"), format!("delete {group}")),
            Operation::Search => {
                ("searched users and groups".to_owned(), "search users and groups".to_owned())
            }
            Operation::Bulk => {
                let many = self.subject.as_ref().map(|many| format!(": {many}")).unwrap_or_default();
                (format!("sent many operations at once{many}"), "send many operations at once".to_owned())
            }
            Operation::Other => ("asked for something".to_owned(), "ask for something".to_owned()),
        };
        if tried { format!("Entra ID tried to {wanted}.") } else { format!("Entra ID {did}.") }
    }

    fn changed(&self, whom: &str) -> String {
        let changes = self.changes();
        match changes.as_slice() {
            [] => format!("confirmed {whom}: nothing changed"),
            [one] => match (&one.before, &one.after) {
                (_, Some(names)) if one.attribute == MEMBERS_ADDED => format!("added {names} to {whom}"),
                (_, Some(names)) if one.attribute == MEMBERS_REMOVED => format!("took {names} out of {whom}"),
                (Some(before), Some(after)) => {
                    format!("changed the {} of {whom} from “{before}” to “{after}”", one.attribute)
                }
                (None, Some(after)) => format!("set the {} of {whom} to “{after}”", one.attribute),
                (Some(before), None) => {
                    format!("cleared the {} of {whom} (it was “{before}”)", one.attribute)
                }
                (None, None) => format!("changed the {} of {whom}", one.attribute),
            },
            several => {
                let names: Vec<&str> = several.iter().map(|change| change.attribute.as_str()).collect();
                format!("changed {} of {whom}", names.join(", "))
            }
        }
    }
}

/// Notes a request.
pub fn note(tx: &mut Tx, report: Report) -> Result<()> {
    note_all(tx, vec![report])
}

/// Notes several requests.
pub fn note_all(tx: &mut Tx, reports: Vec<Report>) -> Result<()> {
    let failed = |report: &&Report| matches!(report.outcome, Outcome::Failed | Outcome::Refused);
    let failures = reports.iter().filter(failed).count();
    count(tx, reports.len(), failures)?;
    reports.into_iter().try_for_each(|report| insert(tx, report))
}

fn insert(tx: &mut Tx, report: Report) -> Result<()> {
    let event = Event {
        id: new_id(),
        at: tx.now,
        operation: report.operation,
        outcome: report.outcome,
        status: report.status.into(),
        user_id: report.user_id,
        subject: report.subject,
        token_id: report.token_id,
        changes: serde_json::to_string(&report.changes).map_err(Error::internal)?,
        error: report.error,
        remedy: report.remedy,
        request_id: report.request_id,
    };
    diesel::insert_into(provisioning_events::table).values(&event).execute(tx.conn)?;
    Ok(())
}

/// Adds to the present hour's count.
fn count(tx: &mut Tx, requests: usize, failures: usize) -> Result<()> {
    let hour = tx.now.duration_trunc(TimeDelta::hours(1)).map_err(Error::internal)?;
    let requests = i64::try_from(requests).map_err(Error::internal)?;
    let failures = i64::try_from(failures).map_err(Error::internal)?;
    let more = (
        provisioning_hours::requests.eq(provisioning_hours::requests + requests),
        provisioning_hours::failures.eq(provisioning_hours::failures + failures),
    );
    if diesel::update(provisioning_hours::table.find(hour)).set(more).execute(tx.conn)? == 0 {
        let first = (
            provisioning_hours::hour.eq(hour),
            provisioning_hours::requests.eq(requests),
            provisioning_hours::failures.eq(failures),
        );
        diesel::insert_into(provisioning_hours::table).values(first).execute(tx.conn)?;
    }
    Ok(())
}

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Backlog(Mutex<Vec<Report>>);

impl Backlog {
    /// Adds a line; answers whether it is the first that waits, so that somebody must see to it.
    pub(super) fn add(&self, report: Report) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(report);
        waiting.len() == 1
    }

    /// All that wait; none do afterwards.
    pub(super) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which events are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those about this user, by the console's key.
    pub user: Option<String>,
    /// Those that went in one of these ways; in any if there is none.
    pub outcomes: Vec<Outcome>,
    /// Those that asked this.
    pub operation: Option<Operation>,
    /// Those since this moment.
    pub since: Option<NaiveDateTime>,
    /// Those before this moment.
    pub until: Option<NaiveDateTime>,
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
    if let Some(since) = filter.since {
        query = query.filter(provisioning_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(provisioning_events::at.lt(until));
    }
    query = match at {
        At::Start => query.order(provisioning_events::id.desc()),
        At::After(mark) => {
            query.filter(provisioning_events::id.lt(mark)).order(provisioning_events::id.desc())
        }
        At::Before(mark) => {
            query.filter(provisioning_events::id.gt(mark)).order(provisioning_events::id.asc())
        }
    };
    let rows = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |event: &Event| event.id.clone()))
}

/// The event with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Event> {
    let found = provisioning_events::table.find(id).select(Event::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("provisioning event"))
}
