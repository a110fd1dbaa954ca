//! The log of sign-ins through Entra ID, by the reference that the person was given.

use super::requests::Purpose;
use crate::db::Conn;
use crate::db::schema::sso_events;
use crate::domain::page::{At, Page};
use crate::domain::text_enum::text_enum;
use crate::domain::{Tx, new_id};
use crate::error::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Letters and digits that nobody mistakes for others when read aloud (Crockford's Base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

text_enum! {
    /// How it ended.
    pub enum Outcome {
        /// The person came in, or would have.
        Accepted = "accepted",
        /// The person was turned away.
        Refused = "refused",
    }
}

/// One value that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was compared.
    pub field: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub received: String,
    /// Whether that is good.
    pub good: bool,
}

/// One signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What it covers.
    pub covers: String,
    /// The certificate whose key made it.
    pub fingerprint: String,
    /// By which algorithm.
    pub algorithm: String,
}

/// All that is known of a sign-in beyond the sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Expected beside received.
    pub checks: Vec<Check>,
    /// What was signed.
    pub proofs: Vec<Proof>,
    /// Whether the assertion came encrypted.
    pub encrypted: bool,
    /// What kind of name the `NameID` is.
    pub name_format: Option<String>,
    /// The claims, in order: name, values. Personal data.
    pub claims: Vec<(String, Vec<String>)>,
    /// User names like the one that was not found. Personal data.
    pub nearest: Vec<String>,
    /// How the account was found.
    pub matched_by: Option<String>,
    /// What deserves a thought though it went well.
    pub warnings: Vec<String>,
}

/// A sign-in as it is stored.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sso_events)]
pub struct Event {
    /// Its key; later ones sort after earlier ones.
    pub id: String,
    /// When, in UTC.
    pub at: NaiveDateTime,
    /// What the person was told to name.
    pub reference: String,
    /// What it was for.
    pub purpose: Purpose,
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of cause, where it was refused: see [`super::help`].
    pub cause: Option<String>,
    /// What happened, without personal data.
    pub sentence: String,
    /// Whose account it was.
    pub user_id: Option<String>,
    /// Who tested.
    pub started_by: Option<String>,
    /// The name that Entra ID sent. Personal data.
    pub name_id: Option<String>,
    /// The address that it came from.
    pub address: String,
    details: String,
}

/// What is to be noted.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it was for.
    pub purpose: Purpose,
    /// The kind of cause, where it was refused.
    pub cause: Option<&'static str>,
    /// What happened, without personal data.
    pub sentence: String,
    /// Whose account it was.
    pub user_id: Option<String>,
    /// Who tested.
    pub started_by: Option<String>,
    /// The name that Entra ID sent.
    pub name_id: Option<String>,
    /// The address that it came from.
    pub address: String,
    /// All else.
    pub details: Details,
}

impl Event {
    /// All that is known beyond the sentence.
    #[must_use]
    pub fn details(&self) -> Details {
        serde_json::from_str(&self.details).unwrap_or_default()
    }
}

/// Notes what became of a sign-in.
pub fn note(tx: &mut Tx, report: Report) -> Result<Event> {
    let event = Event {
        id: new_id(),
        at: tx.now,
        reference: reference(),
        purpose: report.purpose,
        outcome: if report.cause.is_some() { Outcome::Refused } else { Outcome::Accepted },
        cause: report.cause.map(str::to_owned),
        sentence: report.sentence,
        user_id: report.user_id,
        started_by: report.started_by,
        name_id: report.name_id,
        address: report.address,
        details: serde_json::to_string(&report.details).map_err(Error::internal)?,
    };
    diesel::insert_into(sso_events::table).values(&event).execute(tx.conn)?;
    Ok(event)
}

/// Forty random bits in two groups that can be read aloud.
fn reference() -> String {
    let mut random = rand::rng();
    let mut group = || -> String {
        (0..4).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
    };
    format!("{}-{}", group(), group())
}

/// The sign-in of this reference, however it was typed.
pub fn find(conn: &mut Conn, reference: &str) -> Result<Event> {
    let typed: String = reference.chars().filter(char::is_ascii_alphanumeric).collect();
    let typed = typed.to_ascii_uppercase().replace('O', "0").replace(['I', 'L'], "1");
    let (first, second) = typed.split_at_checked(4).ok_or(Error::NotFound("sign-in"))?;
    let mine = sso_events::table.filter(sso_events::reference.eq(format!("{first}-{second}")));
    let found = mine.select(Event::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("sign-in"))
}

/// Which sign-ins are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this account.
    pub user: Option<String>,
    /// Those that ended so.
    pub outcome: Option<Outcome>,
    /// Those since this moment.
    pub since: Option<NaiveDateTime>,
    /// Those before this moment.
    pub until: Option<NaiveDateTime>,
}

/// The sign-ins, newest first.
pub fn list(conn: &mut Conn, filter: &Filter, at: &At, size: usize) -> Result<Page<Event>> {
    let mut query = sso_events::table.select(Event::as_select()).into_boxed();
    if let Some(user) = &filter.user {
        query = query.filter(sso_events::user_id.eq(user));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(sso_events::outcome.eq(outcome));
    }
    if let Some(since) = filter.since {
        query = query.filter(sso_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(sso_events::at.lt(until));
    }
    query = match at {
        At::Start => query.order(sso_events::id.desc()),
        At::After(mark) => query.filter(sso_events::id.lt(mark)).order(sso_events::id.desc()),
        At::Before(mark) => query.filter(sso_events::id.gt(mark)).order(sso_events::id.asc()),
    };
    let rows = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |event: &Event| event.id.clone()))
}

/// The last test that this person made, if it went well since that moment.
pub fn good_test(conn: &mut Conn, person: &str, since: NaiveDateTime) -> Result<Option<Event>> {
    let last: Option<Event> = sso_events::table
        .filter(sso_events::started_by.eq(person))
        .filter(sso_events::purpose.eq(Purpose::Test))
        .order(sso_events::id.desc())
        .select(Event::as_select())
        .first(conn)
        .optional()?;
    Ok(last.filter(|event| event.outcome == Outcome::Accepted && event.at >= since))
}
