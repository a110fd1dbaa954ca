//! The log of what Entra ID asked and was told: one event a request.
//!
//! | file          | what it holds                                                        |
//! |---------------|----------------------------------------------------------------------|
//! | this          | the event, and how it is noted                                       |
//! | `about`       | whom a request is about, and what is known of them                   |
//! | `backlog`     | lines that wait to be written                                        |
//! | `cause`       | what kind of failure it is                                           |
//! | [`troubles`]  | what fails and has not gone well since, by kind                      |
//! | `strangers`   | what is kept of requests without an accepted credential is bounded   |
//! | `words`       | the event as a sentence                                              |
//! | `log`         | the events, newest first, filtered                                   |

use super::audit::Change;
use super::retention::surplus;
use super::text_enum::text_enum;
use super::{Noted, Tx, new_id};
use crate::db::schema::{provisioning_events, provisioning_hours};
use crate::error::{Error, Result};
use crate::keys::{GroupId, UserId};
use chrono::{DurationRound, NaiveDateTime, TimeDelta};
use diesel::prelude::*;

mod about;
mod backlog;
mod cause;
mod log;
mod strangers;
#[cfg(test)]
mod surplus_tests;
pub mod troubles;
mod words;

use about::ResolvedSubject;
pub use about::{About, remedy_for_namesake, remedy_for_rename};
pub use backlog::Backlog;
use cause::Cause;
pub use log::{Filter, find, list};
pub use strangers::Sparing;

/// So many characters of a text that somebody sent are kept.
const LONGEST_TEXT: usize = 300;
/// So many of what we say ourselves, names included.
const LONGEST_ANSWER: usize = 2000;
/// So many of what a request asked for.
const LONGEST_REQUEST: usize = 4000;
/// So many attributes of one request are told apart.
const MOST_CHANGES: usize = 200;

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
    /// Whom it was about, as the request named them: where it fails, the event says who that is.
    pub about: About,
    /// What the request itself calls whom it was about, where it says so.
    pub called: Option<String>,
    /// The administrator whose test it was, where Rollcall itself asked. It says nothing of Entra ID then.
    pub actor: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The console's key of the user whom it changed, or would have. Reads leave it out: each would cost a write at a
    /// random place of an index, which is what makes a log slow once there are many users.
    pub user_id: Option<UserId>,
    /// The console's key of the group whom it changed, or would have.
    pub group_id: Option<GroupId>,
    /// The user's name, or what was looked for.
    pub subject: Option<String>,
    /// The token that was presented.
    pub token_id: Option<String>,
    /// What was asked for, without secrets: the method and the address, then a line for each attribute.
    pub request: Option<String>,
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
    pub user_id: Option<UserId>,
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
    /// The administrator whose test it was, where Rollcall itself asked.
    pub actor: Option<String>,
    /// The console's key of the group.
    pub group_id: Option<GroupId>,
    /// What was asked for, without secrets: the method and the address, then a line for each attribute. What was only
    /// read, and well, is kept without it.
    pub request: Option<String>,
    /// The kind of failure: the same for all who fail in the same way.
    pub cause: Option<String>,
}

impl Operation {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(self) -> bool {
        match self {
            Self::Probe
            | Self::Find
            | Self::List
            | Self::Get
            | Self::About
            | Self::FindGroup
            | Self::ListGroups
            | Self::GetGroup
            | Self::Search => true,
            Self::Create
            | Self::Change
            | Self::Replace
            | Self::Delete
            | Self::CreateGroup
            | Self::ChangeGroup
            | Self::ReplaceGroup
            | Self::DeleteGroup
            | Self::Bulk
            | Self::Other => false,
        }
    }
}

impl Report {
    /// A request of which no more is known yet.
    #[must_use]
    pub fn new(operation: Operation, outcome: Outcome, status: u16) -> Self {
        Self {
            operation,
            about: About::Nothing,
            called: None,
            actor: None,
            outcome,
            status,
            user_id: None,
            group_id: None,
            subject: None,
            token_id: None,
            request: None,
            changes: Vec::new(),
            error: None,
            remedy: None,
            request_id: None,
        }
    }

    /// Whether it was not done at all.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failed | Outcome::Refused)
    }
}

/// Notes a request.
pub fn note(tx: &mut Tx, report: Report) -> Result<Noted<()>> {
    note_all(tx, vec![report])
}

/// Notes several requests.
pub fn note_all(tx: &mut Tx, reports: Vec<Report>) -> Result<Noted<()>> {
    // Neither tests of our own nor strangers are what Entra ID did.
    let of_entra = || reports.iter().filter(|report| report.token_id.is_some() && report.actor.is_none());
    count(tx, of_entra().count(), of_entra().filter(|report| report.is_failure()).count())?;
    reports.into_iter().try_for_each(|report| insert(tx, report))?;
    Ok(Noted::unaudited((), "it is a log itself"))
}

fn insert(tx: &mut Tx, mut report: Report) -> Result<()> {
    report.show_hidden();
    let cause = if report.is_failure() {
        let absent = name(tx, &mut report)?;
        report.remedy = report.remedy.or_else(|| usual_remedy(report.status).map(str::to_owned));
        Some(absent.unwrap_or_else(|| Cause::of(&report)))
    } else {
        if !report.operation.is_read() && report.group_id.is_none() {
            report.group_id = about::group(tx.conn, &report.about)?;
        }
        None
    };
    troubles::follow(tx, &report, cause.as_ref())?;
    let (is_stranger, is_kept_whole) =
        (strangers::is_one(&report), cause.is_some() || !report.operation.is_read());
    let cut_to = |most| move |text: String| cut(&text, most);
    let event = Event {
        id: new_id(),
        at: tx.now,
        operation: report.operation,
        outcome: report.outcome,
        status: report.status.into(),
        user_id: report.user_id,
        subject: report.subject.map(cut_to(LONGEST_TEXT)),
        token_id: report.token_id,
        changes: serde_json::to_string(&bounded(report.changes)).map_err(Error::internal)?,
        error: report.error.map(cut_to(LONGEST_ANSWER)),
        remedy: report.remedy.map(cut_to(LONGEST_ANSWER)),
        request_id: report.request_id,
        actor: report.actor,
        group_id: report.group_id,
        request: report.request.filter(|_| is_kept_whole).map(cut_to(LONGEST_REQUEST)),
        cause: cause.map(|cause| cause.key),
    };
    diesel::insert_into(provisioning_events::table).values(&event).execute(tx.conn)?;
    if is_stranger { surplus::of_requests(tx, event.cause.as_deref()) } else { Ok(()) }
}

/// Says of a failure whom it is about, with name and key, also where they are gone; answers what that explains.
fn name(tx: &mut Tx, report: &mut Report) -> Result<Option<Cause>> {
    let known = ResolvedSubject::of(tx.conn, &report.about)?;
    let unnamed = match &report.about {
        About::User(id) | About::Group(id) => Some(match report.called.take() {
            Some(name) => format!("{name} (id {id})"),
            None => format!("id {id}"),
        }),
        _ => None,
    };
    report.user_id = report.user_id.take().or(known.user_id);
    report.group_id = report.group_id.take().or(known.group_id);
    // A name of nothing but space would leave a hole in the sentence.
    let told = |name: &String| !name.trim().is_empty();
    report.subject = report.subject.take().filter(told).or(known.name.filter(told)).or(unnamed);
    report.show_hidden();
    let Some(absence) = known.absence.filter(|_| report.status == 404) else { return Ok(None) };
    report.remedy = report.remedy.take().or(Some(absence.remedy));
    Ok(Some(Cause { key: format!("404-{}", absence.cause), sentence: absence.sentence.to_owned() }))
}

/// How to mend what was refused without saying so itself.
fn usual_remedy(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => {
            "Look at what was sent, and mend the attribute in Entra ID, under Provisioning, Mappings, or leave it out \
             there. Nothing was changed by this request."
        }
        404 => {
            "Look at the address that was asked for: Entra ID asks for /Users and /Groups below the SCIM URL."
        }
        409 => "Two accounts or groups cannot have one name. Give one of them another, in Entra ID or here.",
        412 => {
            "It was changed in between. The client reads it again and tries again: nothing is to be done unless this \
             goes on."
        }
        405 | 501 => "Entra ID sends no such request. Look which client uses this token.",
        413 => "The client must send less in one request.",
        415 => "The client must send JSON, as application/scim+json.",
        500.. => "Look in the server's own log, by the request id.",
        _ => return None,
    })
}

/// No more than fits on a page, whatever was sent.
fn bounded(changes: Vec<Change>) -> Vec<Change> {
    let cut_value = |value: Option<String>| value.map(|value| cut(&value, LONGEST_ANSWER));
    let bounded = changes.into_iter().take(MOST_CHANGES).map(|change| Change {
        attribute: cut(&change.attribute, LONGEST_TEXT),
        before: cut_value(change.before),
        after: cut_value(change.after),
    });
    bounded.collect()
}

/// The first `most` characters of a text, marked where more followed.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Adds to the present hour's count.
fn count(tx: &mut Tx, requests: usize, failures: usize) -> Result<()> {
    if requests == 0 {
        return Ok(());
    }
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
