//! How provisioning is doing: the last day at a glance, and what should worry an administrator.

use super::identity::{clients, federation, switch, tokens};
use super::provisioning::Outcome;
use super::provisioning::troubles::{self, Open};
use super::sites;
use crate::db::Conn;
use crate::db::schema::{provisioning_events, provisioning_hours};
use crate::domain::counted::counted;
use crate::error::{Error, Result};
use chrono::{DurationRound, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::borrow::Cow;
use std::collections::HashMap;

const HOURS: i64 = 24;
/// Entra ID comes about every 40 minutes: after two missed cycles something is wrong.
const SILENCE: TimeDelta = TimeDelta::minutes(90);
const TOKEN_WARNING: TimeDelta = TimeDelta::days(30);
/// So many failures one after the other, or so many in a day and such a share of all, are no accident.
const IN_A_ROW: usize = 3;
const MANY: i64 = 10;
const MANY_PER_CENT: i64 = 20;
/// So many causes have a line of their own.
const MOST_CAUSES: usize = 5;
const TROUBLE: &str = "/activity/provisioning?outcome=trouble";

/// One hour of the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = provisioning_hours)]
pub struct Hour {
    /// When it began, in UTC.
    #[diesel(column_name = hour)]
    pub start: NaiveDateTime,
    /// How many requests came.
    pub requests: i64,
    /// How many of them failed or were refused.
    pub failures: i64,
}

/// The last day at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The last request with a valid credential.
    pub last_contact: Option<NaiveDateTime>,
    /// The last 24 hours, the present one last.
    pub hours: Vec<Hour>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does not work.
    Bad,
    /// It soon will not, or somebody waits.
    Warn,
    /// Good to know.
    Note,
}

/// What should worry an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and what to do.
    pub text: String,
    /// Where to do it.
    pub path: Cow<'static, str>,
    /// The words of the link there.
    pub link: &'static str,
}

impl Health {
    /// Requests in these hours.
    #[must_use]
    pub fn requests(&self) -> i64 {
        self.hours.iter().map(|hour| hour.requests).sum()
    }

    /// Of which failed or were refused.
    #[must_use]
    pub fn failures(&self) -> i64 {
        self.hours.iter().map(|hour| hour.failures).sum()
    }
}

/// How provisioning is doing at `now`.
pub fn health(conn: &mut Conn, now: NaiveDateTime) -> Result<Health> {
    Ok(Health { last_contact: last_contact(conn, now)?, hours: hours(conn, now)? })
}

/// When Entra ID called last before `now`. Once the log has no line of it any more, the hour is known.
pub fn last_contact(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    // Neither tests of our own nor strangers have a token.
    let last = provisioning_events::table
        .filter(provisioning_events::token_id.is_not_null())
        // What was noted while the clock was ahead says nothing of silence.
        .filter(provisioning_events::at.le(now))
        .order(provisioning_events::id.desc())
        .select(provisioning_events::at);
    if let Some(last) = last.first(conn).optional()? {
        return Ok(Some(last));
    }
    let last = provisioning_hours::table
        .filter(provisioning_hours::hour.le(now))
        .order(provisioning_hours::hour.desc());
    Ok(last.select(provisioning_hours::hour).first(conn).optional()?)
}

/// The last 24 hours, the present one last; an hour without a request has none.
fn hours(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Hour>> {
    let present = now.duration_trunc(TimeDelta::hours(1)).map_err(Error::internal)?;
    let first = present - TimeDelta::hours(HOURS - 1);
    let counted: Vec<Hour> = provisioning_hours::table
        .filter(provisioning_hours::hour.ge(first))
        // Those that are yet to come were counted while the clock was ahead.
        .filter(provisioning_hours::hour.le(present))
        .select(Hour::as_select())
        .load(conn)?;
    let counted: HashMap<NaiveDateTime, Hour> = counted.into_iter().map(|hour| (hour.start, hour)).collect();
    let all = (0..HOURS).map(|number| first + TimeDelta::hours(number));
    Ok(all
        .map(|start| counted.get(&start).copied().unwrap_or(Hour { start, requests: 0, failures: 0 }))
        .collect())
}

/// What should worry an administrator at `now`, the worst first.
pub fn warnings(conn: &mut Conn, now: NaiveDateTime, health: &Health) -> Result<Vec<Warning>> {
    let state = switch::read(conn)?.state;
    let mut warnings = Vec::new();
    if state == switch::State::On {
        warnings.extend(silence(now, health));
        warnings.extend(credentials(conn, now)?);
    }
    warnings.extend(failures(conn, now, health)?);
    warnings.extend(unknown_sites(conn)?);
    if state == switch::State::Paused {
        warnings.push(Warning {
            severity: Severity::Note,
            text: "User provisioning is paused: Entra ID changes nothing here until it is switched on."
                .to_owned(),
            path: "/identity#provisioning".into(),
            link: "Open Identity Management",
        });
    }
    Ok(warnings)
}

fn silence(now: NaiveDateTime, health: &Health) -> Option<Warning> {
    let last = health.last_contact.filter(|last| now - *last > SILENCE)?;
    let hours = (now - last).num_minutes() / 60;
    let since =
        if hours < 2 { format!("{} minutes", (now - last).num_minutes()) } else { format!("{hours} hours") };
    Some(Warning {
        severity: Severity::Bad,
        text: format!(
            "Entra ID has not called for {since}, and it comes about every 40 minutes. Look there, under \
             Provisioning, whether the job is stopped or in quarantine; restart it once the cause is mended."
        ),
        path: "/activity/provisioning".into(),
        link: "See its last requests",
    })
}

/// Whether Entra ID will still get in tomorrow.
fn credentials(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<Warning>> {
    let live: Vec<_> = tokens::list(conn)?.into_iter().filter(|token| token.is_live(now)).collect();
    let other_ways = federation::read(conn)?.enabled || any_secret(conn, now)?;
    let soon = |token: &&tokens::Token| token.expires_at.is_some_and(|end| end - now <= TOKEN_WARNING);
    let lasting = other_ways || live.iter().any(|token| !soon(&token));
    let warning = |severity, text| {
        Some(Warning { severity, text, path: "/identity#provisioning".into(), link: "Create another token" })
    };
    if live.is_empty() && !other_ways {
        let text = "There is no live API token and no OAuth client: Entra ID cannot get in.".to_owned();
        return Ok(warning(Severity::Bad, text));
    }
    let Some(ending) = live.iter().filter(soon).min_by_key(|token| token.expires_at) else { return Ok(None) };
    let days = ending
        .expires_at
        .map_or(0, |end| (end - now + TimeDelta::days(1) - TimeDelta::seconds(1)).num_days());
    let days = counted(days, "day", "days");
    Ok(if lasting {
        warning(Severity::Warn, format!("The API token “{}” expires in {days}.", ending.label))
    } else {
        let text = format!(
            "The API token “{}” expires in {days}, and no other lasts longer: provisioning stops then. Create \
             the next token and enter it in Entra ID.",
            ending.label
        );
        warning(Severity::Bad, text)
    })
}

fn any_secret(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    let clients = clients::list(conn)?;
    Ok(clients.iter().flat_map(|(_, secrets)| secrets).any(|secret| secret.is_live(now)))
}

/// What fails and has not gone well since: how bad it is, then a line for each cause.
fn failures(conn: &mut Conn, now: NaiveDateTime, health: &Health) -> Result<Vec<Warning>> {
    let open = troubles::open(conn, now)?;
    let (credentials, mut requests): (Vec<Open>, Vec<Open>) =
        open.into_iter().partition(|open| open.kind == troubles::Kind::Credential);
    let summary = summary(conn, now, health, &requests)?;
    // One person who fails for one cause is told by the summary alone.
    if summary.is_some() && requests.len() == 1 && requests[0].things == 1 {
        requests.clear();
    }
    let more = requests.len().saturating_sub(MOST_CAUSES);
    let mut warnings: Vec<Warning> = summary.into_iter().collect();
    warnings.extend(requests.iter().take(MOST_CAUSES).map(cause));
    if more > 0 {
        let text = match more {
            1 => "Requests fail for one more cause.".to_owned(),
            more => format!("Requests fail for {more} more causes."),
        };
        warnings.push(Warning { severity: Severity::Warn, text, path: TROUBLE.into(), link: "See the log" });
    }
    warnings.extend(credentials.iter().take(MOST_CAUSES).map(credential));
    Ok(warnings)
}

fn summary(conn: &mut Conn, now: NaiveDateTime, health: &Health, open: &[Open]) -> Result<Option<Warning>> {
    let lately = open.iter().filter(|open| open.last_at > now - TimeDelta::hours(HOURS));
    let (requests, failed) =
        (health.requests(), lately.map(|open| open.attempts).sum::<i64>().min(health.failures()));
    let Some(most) = open.iter().max_by_key(|open| open.attempts).filter(|_| failed > 0) else {
        return Ok(None);
    };
    let last: Vec<Outcome> = provisioning_events::table
        .filter(provisioning_events::token_id.is_not_null())
        // What was noted while the clock was ahead says nothing of how it goes now.
        .filter(provisioning_events::at.le(now))
        .order(provisioning_events::id.desc())
        .limit(i64::try_from(IN_A_ROW).map_err(Error::internal)?)
        .select(provisioning_events::outcome)
        .load(conn)?;
    let trouble = [Outcome::Failed, Outcome::Refused];
    let in_a_row = last.len() == IN_A_ROW && last.iter().all(|outcome| trouble.contains(outcome));
    let repeated = in_a_row || (failed >= MANY && failed * 100 >= MANY_PER_CENT * requests);
    let (severity, text) = if repeated {
        let text = format!(
            "{failed} of the last day’s {requests} provisioning requests failed. Most often: {}",
            describe(most, &most.sentence)
        );
        (Severity::Bad, text)
    } else if failed == 1 {
        let text = format!("One provisioning request failed in the last 24 hours. {}", said(most));
        (Severity::Note, text)
    } else {
        (Severity::Note, format!("{failed} provisioning requests failed in the last 24 hours."))
    };
    let path = if open.len() == 1 { filtered(most) } else { TROUBLE.into() };
    Ok(Some(Warning { severity, text, path, link: "See why" }))
}

/// With this begins what only a client needs to be told.
const FOR_CLIENTS: &str = " An administrator of Rollcall can ";

/// All who fail for one cause, in one line.
fn cause(open: &Open) -> Warning {
    let text = match &open.remedy {
        // What a client is told of the remedy is not said twice.
        Some(remedy) => {
            let said = said(open);
            let said = said.split(FOR_CLIENTS).next().unwrap_or_default();
            format!("{said} {}", describe(open, remedy))
        }
        None => said(open),
    };
    let link = if open.things == 1 { "See why" } else { "See them" };
    Warning { severity: Severity::Warn, text, path: filtered(open), link }
}

/// Somebody came with a credential that is not accepted, and nobody with one that is has come since.
fn credential(open: &Open) -> Warning {
    let text = format!("A credential was refused, and none has been accepted since. {}", open.sentence);
    Warning { severity: Severity::Warn, text, path: filtered(open), link: "See the log" }
}

/// Who fails, and why.
fn said(open: &Open) -> String {
    let what = match (open.kind, open.things, &open.subject) {
        (_, 1, Some(subject)) => subject.clone(),
        (troubles::Kind::User, 1, _) => "One user".to_owned(),
        (troubles::Kind::User, many, _) => format!("{many} users"),
        (troubles::Kind::Group, 1, _) => "One group".to_owned(),
        (troubles::Kind::Group, many, _) => format!("{many} groups"),
        (_, 1, _) => "One request".to_owned(),
        (_, many, _) => format!("{many} requests"),
    };
    format!("{what}: {}", describe(open, &open.sentence))
}

/// What a sentence says of those for whom one cause holds: of several it names nobody, and leaves no gap where a name
/// stood.
fn describe(open: &Open, sentence: &str) -> String {
    if open.things == 1 {
        return sentence.to_owned();
    }
    let gaps =
        [(" “…” of “…”", ""), (" (“…”)", ""), (" “…”", ""), (" \"…\"", ""), ("“…”", "Another account")];
    let told = gaps.iter().fold(sentence.to_owned(), |told, (gap, instead)| told.replace(gap, instead));
    without_positions(&told)
}

/// The place of a character in a name is another in each.
fn without_positions(sentence: &str) -> String {
    let mut parts = sentence.split(" at position ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, rest| told + rest.trim_start_matches(|char: char| char.is_ascii_digit()))
}

fn filtered(open: &Open) -> Cow<'static, str> {
    format!("/activity/provisioning?cause={}", open.cause).into()
}

fn unknown_sites(conn: &mut Conn) -> Result<Option<Warning>> {
    let users: i64 = sites::unknown(conn)?.iter().map(|unknown| unknown.users).sum();
    let text = match users {
        0 => return Ok(None),
        1 => "One user waits for a site that Entra ID named and nobody made.".to_owned(),
        users => format!("{users} users wait for sites that Entra ID named and nobody made."),
    };
    Ok(Some(Warning { severity: Severity::Warn, text, path: "/sites".into(), link: "Settle them" }))
}
