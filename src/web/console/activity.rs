//! Activity: what was changed by whom, and what Entra ID asked and was told.

use super::retention as kept;
use crate::db::Conn;
use crate::domain::audit::{self, Change, Kind};
use crate::domain::provisioning::{self, Operation, Outcome};
use crate::domain::retention::{self, Log};
use crate::domain::{groups, health, users};
use crate::error::Result;
use crate::keys::{GroupId, UserId};
use crate::web::extract::OrgHandle;
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::Query;
use actix_web::web::Path;
use askama::Template;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

const PAGE: usize = 50;
/// The word by which the log is filtered for tests of our own.
const OWN_TESTS: &str = "own-test";

/// What the address asks for; the words are those of the filters' options.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActivityQuery {
    subject: String,
    kind: String,
    actor: String,
    user: String,
    outcome: String,
    operation: String,
    cause: String,
    from: String,
    to: String,
    after: Option<String>,
    before: Option<String>,
}

impl ActivityQuery {
    /// From the start of one day to the end of another, in UTC.
    fn between(&self) -> (Option<NaiveDateTime>, Option<NaiveDateTime>) {
        let day = |text: &str| text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN));
        (day(&self.from), day(&self.to).and_then(|at| at.checked_add_signed(TimeDelta::days(1))))
    }

    fn is_filtered(&self) -> bool {
        let words = [&self.subject, &self.kind, &self.actor, &self.user, &self.outcome, &self.operation];
        words.into_iter().chain([&self.cause, &self.from, &self.to]).any(|word| !word.is_empty())
    }
}

#[derive(Template)]
#[template(path = "activity/audit.html")]
struct AuditPage {
    layout: Layout,
    asked: ActivityQuery,
    lines: Vec<ActivityRow>,
    kinds: Vec<(&'static str, &'static str)>,
    previous: Option<String>,
    next: Option<String>,
    /// For how many days they are kept.
    days: i64,
}

/// A record as the page shows it.
struct ActivityRow {
    sentences: Vec<String>,
    at: String,
    stamp: String,
    /// The person who did it, by key and user name: two may be called the same.
    actor: Option<(UserId, String)>,
    /// The user it speaks of, while they exist.
    user: Option<UserId>,
}

pub(super) async fn show(layout: Layout, org: OrgHandle, asked: Query<ActivityQuery>) -> Answer {
    let asked = asked.into_inner();
    let (since, until) = asked.between();
    let filter = audit::Filter {
        subject: Some(asked.subject.clone()).filter(|id| !id.is_empty()),
        kind: Kind::parse(&asked.kind),
        actor: Some(asked.actor.clone()).filter(|actor| !actor.is_empty()),
        since,
        until,
    };
    let at = page::at(asked.after.clone(), asked.before.clone());
    let read = org.read_or_scan(filter.looks_at_all(), move |conn| {
        let events = audit::list(conn, &filter, &at, PAGE)?;
        let of = |event: &audit::Event| [user_of(event), event.actor_id.clone()];
        let ids: Vec<UserId> = events.items.iter().flat_map(of).flatten().collect();
        let present = users::user_names(conn, &ids)?;
        Ok((events, present, retention::days(conn)?.audit))
    });
    let (events, present, days) = read.await?;
    let query = [
        ("subject", asked.subject.as_str()),
        ("kind", &asked.kind),
        ("actor", &asked.actor),
        ("from", &asked.from),
        ("to", &asked.to),
    ];
    let (previous, next) = page::ways(&events, "/activity", &query);
    let lines = events.items.into_iter().map(|event| ActivityRow::of(&event, &present)).collect();
    let kinds = Kind::ALL.iter().map(|kind| (kind.as_str(), word(*kind))).collect();
    let page = AuditPage { layout: layout.of("activity"), asked, lines, kinds, previous, next, days };
    page::show(&page.layout, &page)
}

impl ActivityRow {
    fn of(event: &audit::Event, present: &HashMap<UserId, String>) -> Self {
        let actor = event.actor_id.as_ref().and_then(|id| present.get_key_value(id));
        Self {
            actor: actor.map(|(id, name)| (id.clone(), name.clone())),
            sentences: event.sentences(),
            at: when(event.at),
            stamp: crate::domain::rfc3339(event.at),
            user: user_of(event).filter(|id| present.contains_key(id)),
        }
    }
}

/// The user whom a record speaks of, if it speaks of one.
fn user_of(event: &audit::Event) -> Option<UserId> {
    if event.subject_kind == Kind::User { event.subject_id.parse().ok() } else { None }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "Users",
        Kind::Group => "Groups",
        Kind::Site => "Sites",
        Kind::License => "Licence types",
        Kind::Token => "API tokens",
        Kind::Client => "OAuth clients",
        Kind::SingleSignOn => "Single sign-on",
        Kind::Provisioning => "User provisioning",
        Kind::Import => "Licence files",
        Kind::Comparison => "Comparisons of user names",
        Kind::Organisation => "The organisation",
    }
}

#[derive(Template)]
#[template(path = "activity/provisioning.html")]
struct ProvisioningPage {
    layout: Layout,
    asked: ActivityQuery,
    events: Vec<Request>,
    outcomes: Vec<(&'static str, &'static str)>,
    operations: Vec<(&'static str, &'static str)>,
    previous: Option<String>,
    next: Option<String>,
    /// For how many days they are kept.
    days: i64,
    /// Whether Entra ID ever called.
    has_called: bool,
}

/// A request of Entra ID as the page shows it.
struct Request {
    id: String,
    sentence: String,
    at: String,
    stamp: String,
    badge: (&'static str, &'static str),
    status: i32,
    changes: Vec<Change>,
    error: Option<String>,
    remedy: Option<String>,
    user: Option<UserId>,
    /// The group it speaks of, while it exists.
    group: Option<GroupId>,
    /// What was asked for: the method and the address.
    asked: Option<String>,
    /// A line for each attribute that was sent.
    sent: Vec<String>,
    cause: Option<String>,
    is_own_test: bool,
    request_id: Option<String>,
}

pub(super) async fn provisioning(layout: Layout, org: OrgHandle, asked: Query<ActivityQuery>) -> Answer {
    let asked = asked.into_inner();
    let (since, until) = asked.between();
    let filter = provisioning::Filter {
        user: asked.user.parse().ok(),
        outcomes: outcomes(&asked.outcome),
        operation: Operation::parse(&asked.operation),
        cause: Some(asked.cause.clone()).filter(|cause| !cause.is_empty()),
        own_tests: asked.operation == OWN_TESTS,
        since,
        until,
    };
    let at = page::at(asked.after.clone(), asked.before.clone());
    let now = org.inner().now();
    let read = org.read_or_scan(filter.looks_at_all(), move |conn| {
        let events = provisioning::list(conn, &filter, &at, PAGE)?;
        let present = ExistingSubjects::of(conn, &events.items)?;
        let has_called = health::last_contact(conn, now)?.is_some();
        Ok((events, present, retention::days(conn)?.provisioning, has_called))
    });
    let (events, present, days, has_called) = read.await?;
    let query = [
        ("user", asked.user.as_str()),
        ("outcome", &asked.outcome),
        ("operation", &asked.operation),
        ("cause", &asked.cause),
        ("from", &asked.from),
        ("to", &asked.to),
    ];
    let (previous, next) = page::ways(&events, "/activity/provisioning", &query);
    let operations = Operation::ALL.iter().map(|one| (one.as_str(), one.words()));
    let page = ProvisioningPage {
        layout: layout.of("activity"),
        asked,
        events: events.items.into_iter().map(|event| Request::of(&event, &present)).collect(),
        outcomes: vec![
            ("trouble", "All trouble"),
            ("done", "Done"),
            ("warning", "Done with a warning"),
            ("failed", "Failed"),
            ("refused", "Refused"),
        ],
        operations: operations.chain([(OWN_TESTS, "Rollcall’s own tests")]).collect(),
        previous,
        next,
        days,
        has_called,
    };
    page::show(&page.layout, &page)
}

/// The keys of users and groups that are still there.
struct ExistingSubjects {
    users: HashSet<UserId>,
    groups: HashSet<GroupId>,
}

impl ExistingSubjects {
    fn of(conn: &mut Conn, events: &[provisioning::Event]) -> Result<Self> {
        let user_ids: Vec<&UserId> = events.iter().filter_map(|event| event.user_id.as_ref()).collect();
        let group_ids: Vec<&GroupId> = events.iter().filter_map(|event| event.group_id.as_ref()).collect();
        Ok(Self { users: users::present(conn, &user_ids)?, groups: groups::present(conn, &group_ids)? })
    }
}

fn outcomes(word: &str) -> Vec<Outcome> {
    match word {
        "trouble" => vec![Outcome::Warning, Outcome::Failed, Outcome::Refused],
        word => Outcome::parse(word).into_iter().collect(),
    }
}

impl Request {
    fn of(event: &provisioning::Event, present: &ExistingSubjects) -> Self {
        let mut lines = event.request.as_deref().unwrap_or_default().lines().map(str::to_owned);
        Self {
            asked: lines.next(),
            sent: lines.collect(),
            id: event.id.clone(),
            sentence: event.sentence(),
            at: when(event.at),
            stamp: crate::domain::rfc3339(event.at),
            badge: match event.outcome {
                Outcome::Done => ("good", "Done"),
                Outcome::Held => ("warn", "Held back"),
                Outcome::Warning => ("warn", "With a warning"),
                Outcome::Failed => ("bad", "Failed"),
                Outcome::Refused => ("bad", "Refused"),
            },
            status: event.status,
            changes: event.changes(),
            error: event.error.clone(),
            remedy: event.remedy.clone(),
            user: event.user_id.clone().filter(|id| present.users.contains(id)),
            group: event.group_id.clone().filter(|id| present.groups.contains(id)),
            cause: event.cause.clone(),
            is_own_test: event.actor.is_some(),
            request_id: event.request_id.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "activity/request.html")]
struct RequestPage {
    layout: Layout,
    event: Request,
}

/// One request, with all that is known of it.
pub(super) async fn request(layout: Layout, org: OrgHandle, id: Path<String>) -> Answer {
    let found = org
        .read(move |conn| {
            let found = provisioning::find(conn, &id);
            kept::found(conn, found, Log::Provisioning, |conn, event| {
                let present = ExistingSubjects::of(conn, std::slice::from_ref(&event))?;
                Ok((event, present))
            })
        })
        .await?;
    let (event, present) = match found {
        Ok(found) => found,
        Err(gone) => return gone.answer(layout.of("activity")),
    };
    let page = RequestPage { layout: layout.of("activity"), event: Request::of(&event, &present) };
    page::show(&page.layout, &page)
}
