//! Activity: who signed in through Entra ID, who was turned away and why, by reference.

use super::retention as kept;
use crate::db::Conn;
use crate::domain::page::Page;
use crate::domain::retention::{self, Log};
use crate::domain::sso::events::{self, Check, Event, Outcome, Proof};
use crate::domain::sso::help::{self, Cause};
use crate::domain::sso::microsoft::{self, MICROSOFT_ERRORS, MicrosoftError};
use crate::domain::sso::requests::Purpose;
use crate::domain::users;
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::extract::OrgHandle;
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::Query;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;
use std::collections::HashMap;

const PAGE: usize = 50;
const LIST: &str = "/activity/sign-ins";

/// What the address asks for.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignInsQuery {
    reference: String,
    outcome: String,
    user: String,
    after: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "activity/sign_ins.html")]
struct ListPage {
    layout: Layout,
    asked: SignInsQuery,
    lines: Vec<SignInRow>,
    not_found: bool,
    previous: Option<String>,
    next: Option<String>,
    /// For how many days they are kept.
    days: i64,
}

/// A sign-in as the list shows it.
struct SignInRow {
    reference: String,
    sentence: String,
    who: String,
    at: String,
    stamp: String,
    badge: (&'static str, &'static str),
}

pub(super) async fn list(layout: Layout, org: OrgHandle, asked: Query<SignInsQuery>) -> Answer {
    let asked = asked.into_inner();
    let typed = asked.reference.trim().to_owned();
    let mut not_found = false;
    if !typed.is_empty() {
        match org.read(move |conn| events::find(conn, &typed)).await {
            Ok(event) => return Ok(page::go(&format!("{LIST}/{}", event.reference))),
            Err(Error::NotFound(_)) => not_found = true,
            Err(other) => return Err(other.into()),
        }
    }
    let outcome = Outcome::parse(&asked.outcome);
    let waits = match asked.outcome.as_str() {
        "waiting" => Some(true),
        "accepted" => Some(false),
        _ => None,
    };
    let filter = events::Filter {
        user: asked.user.parse().ok(),
        outcome: if waits == Some(true) { Some(Outcome::Accepted) } else { outcome },
        waits,
        ..events::Filter::default()
    };
    let at = page::at(asked.after.clone(), asked.before.clone());
    let read = org.read_or_scan(filter.looks_at_all(), move |conn| {
        let found = events::list(conn, &filter, &at, PAGE)?;
        let names = names(conn, &found)?;
        Ok((found, names, retention::days(conn)?.sign_ins))
    });
    let (found, names, days) = read.await?;
    let query = [("outcome", asked.outcome.as_str()), ("user", &asked.user)];
    let (previous, next) = page::ways(&found, LIST, &query);
    let lines = found.items.iter().map(|event| SignInRow::of(event, &names)).collect();
    let page = ListPage { layout: layout.of("activity"), asked, lines, not_found, previous, next, days };
    page::show(&page.layout, &page)
}

fn names(conn: &mut Conn, found: &Page<Event>) -> Result<HashMap<UserId, String>> {
    let mut names = HashMap::new();
    for id in found.items.iter().filter_map(|event| event.user_id.as_ref()) {
        if !names.contains_key(id) {
            match users::find(conn, id) {
                Ok(user) => drop(names.insert(id.clone(), user.name())),
                Err(Error::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
    }
    Ok(names)
}

fn badge(event: &Event) -> (&'static str, &'static str) {
    match (event.outcome, event.purpose) {
        (Outcome::Accepted, Purpose::Test) => ("note", "Test: good"),
        (Outcome::Refused, Purpose::Test) => ("warn", "Test: refused"),
        (Outcome::Accepted, _) if event.waits() => ("note", "Not entered yet"),
        (Outcome::Accepted, _) => ("good", "Signed in"),
        (Outcome::Refused, _) => ("bad", "Refused"),
    }
}

fn what(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SignIn | Purpose::Proof => "Sign-in",
        Purpose::Test => "Test sign-in",
        Purpose::SignOut => "Sign-out",
    }
}

impl SignInRow {
    fn of(event: &Event, names: &HashMap<UserId, String>) -> Self {
        let known = event.user_id.as_ref().and_then(|id| names.get(id)).cloned();
        Self {
            reference: event.reference.clone(),
            sentence: event.sentence.clone(),
            who: known.or_else(|| event.name_id.clone()).unwrap_or_default(),
            at: when(event.at),
            stamp: crate::domain::rfc3339(event.at),
            badge: badge(event),
        }
    }
}

#[derive(Template)]
#[template(path = "activity/sign_in.html")]
struct EventPage {
    layout: Layout,
    event: Event,
    title: String,
    at: String,
    badge: (&'static str, &'static str),
    cause: Option<&'static Cause>,
    microsoft: Option<&'static MicrosoftError>,
    checks: Vec<Check>,
    proofs: Vec<Proof>,
    encrypted: bool,
    /// The name, as it may be sent to others.
    masked: String,
    name_format: String,
    matched_by: String,
    warnings: Vec<String>,
    claims: Vec<(String, String)>,
    nearest: Vec<(String, Option<UserId>)>,
    user: Option<(UserId, String)>,
    is_test: bool,
}

pub(super) async fn show(layout: Layout, org: OrgHandle, reference: Path<String>) -> Answer {
    let found = org
        .read(move |conn| {
            let found = events::find(conn, &reference);
            kept::found(conn, found, Log::SignIns, about)
        })
        .await?;
    let (event, user, nearest) = match found {
        Ok(found) => found,
        Err(gone) => return gone.answer(layout.of("activity")),
    };
    let page = EventPage::of(layout, event, user, nearest);
    page::show(&page.layout, &page)
}

/// A sign-in with the user whose account it was, by key and name, and with names like the one that was not found, each
/// with the key of the user who has it.
type About = (Event, Option<(UserId, String)>, Vec<(String, Option<UserId>)>);

fn about(conn: &mut Conn, event: Event) -> Result<About> {
    let user = match event.user_id.as_ref().map(|id| users::find(conn, id)) {
        Some(Ok(user)) => Some((user.id.clone(), user.name())),
        Some(Err(Error::NotFound(_))) | None => None,
        Some(Err(other)) => return Err(other),
    };
    let mut nearest = Vec::new();
    for name in event.details().nearest {
        let id = users::named(conn, &name)?.map(|user| user.id);
        nearest.push((name, id));
    }
    Ok((event, user, nearest))
}

impl EventPage {
    fn of(
        layout: Layout,
        event: Event,
        user: Option<(UserId, String)>,
        nearest: Vec<(String, Option<UserId>)>,
    ) -> Self {
        let details = event.details();
        let is_test = event.purpose == Purpose::Test;
        Self {
            layout: layout.of(if is_test { "identity" } else { "activity" }),
            title: format!("{} {}", what(event.purpose), event.reference),
            at: when(event.at),
            badge: badge(&event),
            cause: event.cause.as_deref().and_then(|code| help::about_event(event.purpose, code)),
            microsoft: microsoft::microsoft_error(&event.sentence),
            checks: details.checks,
            proofs: details.proofs,
            encrypted: details.encrypted,
            masked: event.name_id.as_deref().map(mask).unwrap_or_default(),
            name_format: details.name_format.unwrap_or_default(),
            matched_by: details.matched_by.unwrap_or_default(),
            warnings: details.warnings,
            claims: details.claims.into_iter().map(|(name, values)| (name, values.join(", "))).collect(),
            nearest,
            user,
            is_test,
            event,
        }
    }
}

/// The first letter and the domain: enough to recognise, too little to tell.
fn mask(name: &str) -> String {
    let (local, domain) = name.split_once('@').map_or((name, None), |(local, domain)| (local, Some(domain)));
    let first: String = local.chars().take(1).collect();
    let dots = "•".repeat(local.chars().count().saturating_sub(1).min(8));
    domain.map_or_else(|| format!("{first}{dots}"), |domain| format!("{first}{dots}@{domain}"))
}

/// A code to look up.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Code {
    code: String,
}

#[derive(Template)]
#[template(path = "activity/entra_errors.html")]
struct ErrorsPage {
    layout: Layout,
    code: String,
    found: Option<&'static MicrosoftError>,
    all: &'static [MicrosoftError],
}

/// What Microsoft's error codes mean, and what to do.
pub(super) async fn entra_errors(layout: Layout, asked: Query<Code>) -> Answer {
    let code = asked.into_inner().code.trim().to_owned();
    let found = microsoft::microsoft_error(&code);
    let page = ErrorsPage { layout: layout.of("activity"), code, found, all: MICROSOFT_ERRORS };
    page::show(&page.layout, &page)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_masked_name_keeps_its_first_letter_and_its_domain() {
        assert_eq!(mask("ana.silva@contoso.example"), "a••••••••@contoso.example");
        assert_eq!(mask("olga"), "o•••");
        assert_eq!(mask(""), "");
    }
}
