//! The log of sign-ins through Entra ID, by the reference that the person was given.
//!
//! Strangers write it too: whoever brings a response leaves a line, whatever it is. So each text is cut before it is
//! kept, and of lines about which nothing was proven only the newest stay, of each network and altogether; of those too
//! that a genuine response leaves each time that it is brought again. They never push out a line about somebody whom the
//! identity provider signed in.

use super::requests::Purpose;
use crate::characters;
use crate::db::Conn;
use crate::db::schema::sso_events;
use crate::domain::audit;
use crate::domain::page::{At, Page, newest_first};
use crate::domain::retention::surplus;
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Tx, new_id};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::network;
use crate::saml::Unproven;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use surplus::{MOST_OF_A_NETWORK, MOST_UNPROVEN};

/// Causes that are told of an assertion when it is presented for the first time, after which it is a repeat. Lines of all
/// others can be multiplied by whoever has one response, genuine or not.
const TOLD_ONCE: [&str; 16] = [
    "switched_off",
    "changed_meanwhile",
    "claim_missing",
    "object_id_invalid",
    "user_unknown",
    "user_name_held",
    "user_deactivated",
    "user_deleted_in_entra",
    "other_object_id",
    "name_ambiguous",
    "certificate_not_for_owners",
    "settings_not_approved",
    "recognition_not_confirmed",
    "account_not_made",
    "other_person",
    "not_fresh",
];
/// The longest sentence in characters: it may name two addresses.
const LONGEST_SENTENCE: usize = 1_000;
/// As many values of claims are kept of one sign-in.
const MOST_VALUES: usize = 200;

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

/// What is said of a sign-in that nobody here asked for: nobody has come in by it yet.
pub(super) const WAITS: &str =
    "Good; it began elsewhere, so it waits for the person to say whether to sign in here.";

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
    /// That certificate's thumbprint, as Entra ID shows it.
    #[serde(default)]
    pub thumbprint: String,
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
    pub user_id: Option<UserId>,
    /// Who tested.
    pub started_by: Option<UserId>,
    /// The name that Entra ID sent. Personal data.
    pub name_id: Option<String>,
    /// The address that it came from.
    pub address: String,
    details: String,
    /// Whether a signature of the identity provider was proven.
    pub proven: bool,
    network: String,
    /// Whether it is kept however many others follow.
    lasting: bool,
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
    pub user_id: Option<UserId>,
    /// Who tested.
    pub started_by: Option<UserId>,
    /// The name that Entra ID sent.
    pub name_id: Option<String>,
    /// The address that it came from.
    pub address: String,
    /// Whether a signature of the identity provider was proven: else a stranger may have written all of it.
    pub proven: bool,
    /// All else.
    pub details: Details,
}

impl Event {
    /// Whether it waits for the person to say whether to sign in here: nobody came in by it.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.outcome == Outcome::Accepted && self.sentence == WAITS
    }

    /// All that is known beyond the sentence.
    #[must_use]
    pub fn details(&self) -> Details {
        serde_json::from_str(&self.details).unwrap_or_else(|_| Details {
            warnings: vec![format!("What else was noted of it {}.", audit::DAMAGED)],
            ..Details::default()
        })
    }
}

/// Notes what became of a sign-in. Every text that is kept passes through here, and is cut.
pub fn note(tx: &mut Tx, report: Report) -> Result<Noted<Event>> {
    let event = Event {
        id: new_id(),
        at: tx.now,
        reference: reference(),
        // A proof of who sits there is a sign-in like others in the log.
        purpose: if report.purpose == Purpose::Proof { Purpose::SignIn } else { report.purpose },
        outcome: if report.cause.is_some() { Outcome::Refused } else { Outcome::Accepted },
        cause: report.cause.map(str::to_owned),
        sentence: cut(&report.sentence, LONGEST_SENTENCE),
        user_id: report.user_id,
        started_by: report.started_by,
        name_id: report.name_id.map(|name| shown(&name)),
        network: network::block(&report.address),
        address: report.address,
        details: serde_json::to_string(&shortened(report.details)).map_err(Error::internal)?,
        proven: report.proven,
        lasting: report.proven && report.cause.is_none_or(|cause| TOLD_ONCE.contains(&cause)),
    };
    diesel::insert_into(sso_events::table).values(&event).execute(tx.conn)?;
    if !event.lasting {
        surplus::of_sign_ins(tx, &event.network, event.proven)?;
    }
    Ok(Noted::unaudited(event, "it is a log itself"))
}

/// A text that somebody sent: cut, and with what cannot be seen written out.
fn shown(text: &str) -> String {
    characters::shown_lines(&Unproven(text).to_string())
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn shortened(mut details: Details) -> Details {
    let short = |text: &mut String| *text = shown(text);
    details.checks.iter_mut().for_each(|check| short(&mut check.received));
    details.name_format.iter_mut().for_each(short);
    let mut left = MOST_VALUES;
    for (name, values) in &mut details.claims {
        short(name);
        values.truncate(left);
        left -= values.len();
        values.iter_mut().for_each(short);
    }
    details.claims.truncate(MOST_VALUES);
    details
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
    pub user: Option<UserId>,
    /// Those that ended so.
    pub outcome: Option<Outcome>,
    /// Those that wait for the person's word, or those that do not.
    pub waits: Option<bool>,
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

    /// Whether no index serves it: it then looks at each sign-in that ended so, or at all.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        self.user.is_none() && (self.waits == Some(true) || self.is_in_time() && self.outcome.is_some())
    }
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
    query = match filter.waits {
        Some(true) => query.filter(sso_events::sentence.eq(WAITS)),
        Some(false) => query.filter(sso_events::sentence.ne(WAITS)),
        None => query,
    };
    if let Some(since) = filter.since {
        query = query.filter(sso_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(sso_events::at.lt(until));
    }
    query = newest_first!(query, sso_events, conn, at, filter.is_in_time());
    let rows = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |event: &Event| event.id.clone()))
}

/// The last test that this person made, if it went well since that moment.
pub fn good_test(conn: &mut Conn, person: &UserId, since: NaiveDateTime) -> Result<Option<Event>> {
    let last: Option<Event> = sso_events::table
        .filter(sso_events::started_by.eq(person))
        .filter(sso_events::purpose.eq(Purpose::Test))
        .order(sso_events::id.desc())
        .select(Event::as_select())
        .first(conn)
        .optional()?;
    Ok(last.filter(|event| event.outcome == Outcome::Accepted && event.at >= since))
}
