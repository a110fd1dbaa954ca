//! What fails and has not gone well since, counted by kind: five hundred people who fail for one cause are one line.
//!
//! A failure opens a row for its person (or group, or request) and its cause, or counts one more attempt; a later success
//! for the same takes the row away. Nothing is counted over the log itself, however long that is.

use super::about::{ResolvedSubject, Thing};
use super::cause::{self, Cause};
use super::{Outcome, Report};
use crate::db::Conn;
use crate::db::schema::provisioning_troubles as troubles;
use crate::domain::condition::{Test, pattern};
use crate::domain::tasks::Slice;
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Tx, fold, new_id};
use crate::error::Result;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::{count_star, max};
use diesel::prelude::*;

/// Entra ID tries a failing user again at least once a day: what it does not try for so long is over.
/// Source: learn.microsoft.com, "How application provisioning works", Errors and retries.
const OPEN_FOR: TimeDelta = TimeDelta::days(3);
/// Entra ID begins a cycle every 20 to 40 minutes: a look-up that it does not repeat while others go well is given up, as
/// where another attribute matches users now.
const GIVEN_UP: TimeDelta = TimeDelta::hours(2);
/// Attempts are counted anew after so long without one.
const DAY: TimeDelta = TimeDelta::hours(24);
/// So many rows are kept; the oldest go first.
const MOST: i64 = 10_000;
/// So many go by one statement.
const BITE: u32 = 100;
/// So many causes are told apart on a page.
const MOST_CAUSES: i64 = 50;

text_enum! {
    /// What fails.
    pub enum Kind {
        /// A user.
        User = "user",
        /// A group.
        Group = "group",
        /// A request that is about nobody in particular.
        Request = "request",
        /// A credential that is not accepted.
        Credential = "credential",
    }
}

#[derive(Insertable)]
#[diesel(table_name = troubles)]
struct TroubleRow {
    id: String,
    thing: String,
    kind: Kind,
    cause: String,
    /// What is wrong, without names.
    sentence: String,
    /// What is wrong, as it was last said.
    error: String,
    remedy: Option<String>,
    subject: Option<String>,
    attempts: i64,
    first_at: NaiveDateTime,
    last_at: NaiveDateTime,
    /// The name of the user or the group that nobody else has, folded.
    name_key: Option<String>,
}

/// All that fail for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What the log can be filtered by.
    pub cause: String,
    /// What fails.
    pub kind: Kind,
    /// How many of them.
    pub things: i64,
    /// How often, lately.
    pub attempts: i64,
    /// When last, in UTC.
    pub last_at: NaiveDateTime,
    /// Whom it is about, where it is about one only and that has a name.
    pub subject: Option<String>,
    /// What is wrong: as it was said where it is about one only, else without names.
    pub sentence: String,
    /// How to mend it, where that is the same for all.
    pub remedy: Option<String>,
}

/// Counts a failure, or settles what failed before, by what came of a request.
pub(super) fn follow(tx: &mut Tx, report: &Report, cause: Option<&Cause>) -> Result<()> {
    // A test of our own says nothing of what Entra ID does.
    if report.actor.is_some() {
        return Ok(());
    }
    match (report.outcome, cause) {
        (Outcome::Failed, Some(cause)) => fails(tx, report, cause),
        // With a good credential it is refused while provisioning is paused, or for its pace: both are told elsewhere.
        (Outcome::Refused, Some(cause)) if report.token_id.is_none() => fails(tx, report, cause),
        (Outcome::Done | Outcome::Warning | Outcome::Held, _) => mark_resolved(tx, report),
        _ => Ok(()),
    }
}

fn fails(tx: &mut Tx, report: &Report, cause: &Cause) -> Result<()> {
    let (thing, now) = (Thing::of(report), tx.now);
    let said = super::cut(report.error.as_deref().unwrap_or(&cause.sentence), super::LONGEST_TEXT);
    let mine = troubles::table.filter(troubles::thing.eq(&thing.key)).filter(troubles::cause.eq(&cause.key));
    let known =
        mine.select((troubles::id, troubles::attempts, troubles::last_at)).first(tx.conn).optional()?;
    if let Some((id, attempts, last_at)) = known {
        let (id, attempts, last_at): (String, i64, NaiveDateTime) = (id, attempts, last_at);
        let attempts = if now - last_at < DAY { attempts + 1 } else { 1 };
        let again = (
            troubles::attempts.eq(attempts),
            troubles::last_at.eq(now),
            troubles::error.eq(said),
            troubles::remedy.eq(&report.remedy),
            troubles::subject.eq(&report.subject),
        );
        diesel::update(troubles::table.find(id)).set(again).execute(tx.conn)?;
        return Ok(());
    }
    let row = TroubleRow {
        id: new_id(),
        thing: thing.key,
        kind: thing.kind,
        cause: cause.key.clone(),
        sentence: cause.sentence.clone(),
        error: said,
        remedy: report.remedy.clone(),
        subject: report.subject.clone(),
        attempts: 1,
        first_at: now,
        last_at: now,
        name_key: unique_name(tx.conn, report)?,
    };
    diesel::insert_into(troubles::table).values(row).execute(tx.conn)?;
    Ok(())
}

fn mark_resolved(tx: &mut Tx, report: &Report) -> Result<()> {
    let any: Option<String> = troubles::table.select(troubles::id).first(tx.conn).optional()?;
    if any.is_none() {
        return Ok(());
    }
    let settled = troubles::thing.eq_any(Thing::resolved_by(report));
    diesel::delete(troubles::table.filter(settled)).execute(tx.conn)?;
    if let Some(others) = Thing::look_ups_beside(report) {
        let given_up = troubles::thing.like(pattern(Test::Sw, &others)).escape('\\');
        let given_up = troubles::table.filter(given_up).filter(troubles::last_at.lt(tx.now - GIVEN_UP));
        diesel::delete(given_up).execute(tx.conn)?;
    }
    if report.operation.is_read() {
        return Ok(());
    }
    // Whoever goes well under a name again is not waited for under an id that is gone.
    let Some(name) = unique_name(tx.conn, report)? else { return Ok(()) };
    let same_name = troubles::table
        .filter(troubles::name_key.is_not_null())
        .filter(troubles::name_key.assume_not_null().eq(name))
        .filter(troubles::kind.eq(Thing::of(report).kind))
        .filter(troubles::thing.like("write %").or(troubles::cause.like("404-%")));
    diesel::delete(same_name).execute(tx.conn)?;
    Ok(())
}

/// The name of the user or the group that a request is about, which nobody else has.
fn unique_name(conn: &mut Conn, report: &Report) -> Result<Option<String>> {
    Ok(ResolvedSubject::of(conn, &report.about)?.unique_name.as_deref().map(fold))
}

/// What fails at `now` and has not gone well since, by cause; what most fail for comes first.
pub fn open(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Open>> {
    type Counted = (String, Kind, i64, Option<i64>, Option<NaiveDateTime>);
    let counted: Vec<Counted> = troubles::table
        .filter(troubles::last_at.ge(now - OPEN_FOR))
        .group_by((troubles::cause, troubles::kind))
        .select((
            troubles::cause,
            troubles::kind,
            count_star(),
            total(troubles::attempts),
            max(troubles::last_at),
        ))
        .order((count_star().desc(), max(troubles::last_at).desc()))
        .limit(MOST_CAUSES)
        .load(conn)?;
    counted
        .into_iter()
        .map(|(cause, kind, things, attempts, last_at)| {
            let (subject, sentence, remedy) = describe(conn, &cause, kind, things)?;
            let (attempts, last_at) = (attempts.unwrap_or_default(), last_at.unwrap_or(now));
            Ok(Open { cause, kind, things, attempts, last_at, subject, sentence, remedy })
        })
        .collect()
}

type TroubleText = (Option<String>, String, Option<String>);

/// Whom a cause is about, what it says and how it is mended.
fn describe(conn: &mut Conn, key: &str, kind: Kind, things: i64) -> Result<TroubleText> {
    let mine = || troubles::table.filter(troubles::cause.eq(key)).filter(troubles::kind.eq(kind));
    let last = mine().order(troubles::last_at.desc());
    let columns = (troubles::subject, troubles::error, troubles::sentence, troubles::remedy);
    let (subject, error, sentence, remedy): (Option<String>, String, String, Option<String>) =
        last.select(columns).first(conn)?;
    // The sentence about those who are gone says more than what the client heard.
    if things == 1 && kind != Kind::Credential && !key.starts_with("404-") {
        return Ok((subject, error, remedy));
    }
    if things == 1 {
        return Ok((subject, sentence, remedy));
    }
    // Of several who fail for one cause, the remedies differ in names only, or not at all. A few are looked at.
    let some: Vec<Option<String>> = mine().select(troubles::remedy).limit(20).load(conn)?;
    if some.iter().all(|other| *other == remedy) {
        return Ok((None, sentence, remedy));
    }
    let nameless = remedy.as_deref().map(cause::nameless);
    let alike = some.iter().all(|other| other.as_deref().map(cause::nameless) == nameless);
    Ok((None, sentence, nameless.filter(|_| alike)))
}

/// Whether [`prune`] has something to do.
pub fn is_untidy(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    let oldest: Option<NaiveDateTime> =
        troubles::table.order(troubles::last_at.asc()).select(troubles::last_at).first(conn).optional()?;
    let stale = oldest.is_some_and(|oldest| oldest < now - OPEN_FOR);
    Ok(stale || !surplus(conn)?.is_empty())
}

/// Forgets some of what is over, and of the oldest where there are too many.
pub fn prune(tx: &mut Tx, slice: &mut Slice) -> Result<Noted<()>> {
    while slice.takes(BITE) {
        let stale = troubles::table.filter(troubles::last_at.lt(tx.now - OPEN_FOR)).order(troubles::last_at);
        let mut some: Vec<String> = stale.limit(BITE.into()).select(troubles::id).load(tx.conn)?;
        if some.is_empty() {
            some = surplus(tx.conn)?;
        }
        if some.is_empty() {
            return Ok(Noted::unaudited((), "nothing is left to prune"));
        }
        diesel::delete(troubles::table.filter(troubles::id.eq_any(some))).execute(tx.conn)?;
    }
    Ok(Noted::unaudited((), "what fails no longer is no trouble"))
}

fn surplus(conn: &mut Conn) -> Result<Vec<String>> {
    let oldest = troubles::table.order(troubles::last_at.desc()).select(troubles::id);
    Ok(oldest.offset(MOST).limit(BITE.into()).load(conn)?)
}

diesel::define_sql_function! {
    /// A sum of whole numbers that stays a whole number.
    #[aggregate]
    #[sql_name = "sum"]
    fn total(number: diesel::sql_types::BigInt) -> diesel::sql_types::Nullable<diesel::sql_types::BigInt>;
}
