//! Rows that say a later time than now: the clock was ahead for a while, and somebody has put it right.
//!
//! They would count until the clock has caught up: a lock that goes on, a window of the guard that people stay in, a
//! session that never ends. So what decides by its time counts as of now. What was noted in the logs stays as it was
//! noted, and so does what is only shown, or was somebody's choice.
//!
//! A clock that is behind for a while looks just the same, and then what is written is right: so nothing is changed before
//! it has stayed as it is for an hour, see [`look`].

use super::settings::{self, names};
use super::{Actor, CLOCK_TOLERANCE, Noted, Org, Tx, deprovisioning_guard, sso};
use crate::db::Conn;
use crate::db::schema::{
    alignments, api_tokens, link_requests, oauth_access_tokens, oauth_client_secrets, oauth_clients,
    password_links, pending_sign_ins, provisioning_troubles, saml_requests, sessions, sign_in_devices,
    sign_in_failures, sign_in_guesses, sso_settings, users,
};
use crate::error::Result;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// So many rows of a table are seen to at a time, since somebody waits.
const AT_ONCE: i64 = 200;
/// No sign-in that is held waits so long.
const LONGEST_HELD: TimeDelta = TimeDelta::hours(1);

/// Times that are past whenever they are written: a later one counts as now.
macro_rules! past {
    ($($table:ident($key:ident): $($column:ident),+;)+) => {
        /// Those of them that there are.
        #[cfg(test)]
        const PAST: &[(&str, &str)] = &[$($((stringify!($table), stringify!($column))),+),+];

        fn is_any_past_ahead(conn: &mut Conn, limit: NaiveDateTime) -> Result<bool> {
            $($(
                let ahead = $table::table.filter($table::$column.gt(limit));
                if diesel::select(exists(ahead)).get_result(conn)? {
                    return Ok(true);
                }
            )+)+
            Ok(false)
        }

        fn correct_past(tx: &mut Tx, limit: NaiveDateTime) -> Result<usize> {
            let mut rows = 0;
            $($(
                let ahead = $table::table.filter($table::$column.gt(limit)).select($table::$key).limit(AT_ONCE);
                let ahead: Vec<String> = ahead.load(tx.conn)?;
                if !ahead.is_empty() {
                    let mine = $table::table.filter($table::$key.eq_any(ahead));
                    let mine = mine.filter($table::$column.gt(limit));
                    rows += diesel::update(mine).set($table::$column.eq(tx.now)).execute(tx.conn)?;
                }
            )+)+
            Ok(rows)
        }
    };
}

past! {
    sessions(id): created_at, last_seen_at;
    sign_in_failures(subject): first_at, last_at;
    sign_in_guesses(user_id): first_at, last_at;
    sign_in_devices(id): failed_at, used_at;
    provisioning_troubles(id): first_at, last_at;
    link_requests(id): first_at, last_at;
    users(id): reactivated_at;
    api_tokens(id): last_used_at;
    oauth_clients(id): last_used_at;
    oauth_client_secrets(id): last_used_at;
    oauth_access_tokens(id): created_at, last_used_at;
    password_links(user_id): created_at;
    sso_settings(id): trusted_since, metadata_read_at, metadata_tried_at;
    alignments(id): created_at;
}

/// For so long the clock stays as it is before it is believed,
const DOUBTED_FOR: TimeDelta = TimeDelta::hours(1);
/// and at so many looks, with no longer than that between one and the next.
const LOOKS: u32 = 3;

/// A clock that shows an earlier time than what is written: it was ahead, or it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Doubt {
    since: NaiveDateTime,
    last: NaiveDateTime,
    looks: u32,
}

impl Doubt {
    /// What is known of it at a look; a clock that moved again is doubted from then on.
    fn next(before: Option<Self>, now: NaiveDateTime) -> Self {
        match before {
            Some(before) if (TimeDelta::zero()..=DOUBTED_FOR).contains(&(now - before.last)) => {
                Self { last: now, looks: before.looks + 1, ..before }
            }
            _ => Self { since: now, last: now, looks: 1 },
        }
    }

    fn is_over(self) -> bool {
        self.looks >= LOOKS && self.last - self.since >= DOUBTED_FOR
    }
}

/// Looks whether something is dated later than now. Once the clock has stayed as it is for an hour, it was ahead before:
/// then what it had dated later counts as of now.
pub fn look(org: &Org) -> Result<()> {
    let now = org.now();
    let (any, before) =
        org.read(move |conn| Ok((is_any(conn, now)?, settings::get::<Doubt>(conn, names::CLOCK_DOUBT)?)))?;
    if !any {
        return match before {
            Some(_) => org.write(&Actor::Rollcall, |tx| settings::forget_own(tx, names::CLOCK_DOUBT)),
            None => Ok(()),
        };
    }
    let doubt = Doubt::next(before, now);
    if !doubt.is_over() {
        if doubt.looks == 1 {
            tracing::warn!(
                %now,
                "what was written is dated later than now: the clock is behind, or it was ahead. If it stays as it is for an \
                 hour, locks, sessions and what else it had dated later count as of now; nothing is changed before"
            );
        }
        return org.write(&Actor::Rollcall, move |tx| settings::put_own(tx, names::CLOCK_DOUBT, &doubt));
    }
    let mut rows = 0;
    loop {
        match org.write(&Actor::Rollcall, correct)? {
            0 => break,
            some => rows += some,
        }
    }
    org.write(&Actor::Rollcall, |tx| settings::forget_own(tx, names::CLOCK_DOUBT))?;
    tracing::warn!(
        rows,
        "the clock was ahead and went back: what it had dated later than now counts as of now"
    );
    Ok(())
}

/// Whether [`correct`] has something to do.
pub fn is_any(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    let (limit, late) = (now + CLOCK_TOLERANCE, now + LONGEST_HELD);
    let held = pending_sign_ins::table.filter(pending_sign_ins::expires_at.gt(late));
    let asked = saml_requests::table.filter(saml_requests::created_at.gt(limit));
    Ok(is_any_past_ahead(conn, limit)?
        || deprovisioning_guard::is_any_ahead(conn, limit)?
        || sso::policy::is_trial_ahead(conn, limit)?
        || diesel::select(exists(held)).get_result(conn)?
        || diesel::select(exists(asked)).get_result(conn)?)
}

/// Lets some of what is ahead count as of now, and answers how many rows that were; none once it is through.
fn correct(tx: &mut Tx) -> Result<Noted<usize>> {
    let limit = tx.now + CLOCK_TOLERANCE;
    // Until when something is good follows from when it began: so this comes before that is put right.
    let rows = end_early(tx, limit)? + leave_out(tx, limit)?;
    Ok(Noted::unaudited(
        rows + correct_past(tx, limit)?
            + deprovisioning_guard::correct_ahead(tx, limit)?
            + sso::policy::correct_trial(tx, limit)?,
        "that times were dated ahead by a wrong clock is told by the log of the program",
    ))
}

/// What counts for nothing any more: sign-ins that were under way.
fn leave_out(tx: &mut Tx, limit: NaiveDateTime) -> Result<usize> {
    let late = tx.now + LONGEST_HELD;
    let held = pending_sign_ins::table.filter(pending_sign_ins::expires_at.gt(late));
    let asked = saml_requests::table.filter(saml_requests::created_at.gt(limit));
    Ok(diesel::delete(held).execute(tx.conn)? + diesel::delete(asked).execute(tx.conn)?)
}

/// What would be good for too long ends now, or as long after now as it was to be good for.
fn end_early(tx: &mut Tx, limit: NaiveDateTime) -> Result<usize> {
    let locks = sign_in_failures::table.filter(sign_in_failures::last_at.gt(limit));
    let none = sign_in_failures::locked_until.eq(None::<NaiveDateTime>);
    let locks = diesel::update(locks).set(none).execute(tx.conn)?;
    // Nobody has begun these yet, and nobody will: the browser's request is over.
    let reserved = sessions::table.filter(sessions::reserved_until.is_not_null());
    let reserved = diesel::delete(reserved.filter(sessions::created_at.gt(limit))).execute(tx.conn)?;
    // Whoever has one gets another for the asking.
    let tokens = oauth_access_tokens::table.filter(oauth_access_tokens::created_at.gt(limit));
    let tokens = diesel::update(tokens).set(oauth_access_tokens::expires_at.eq(tx.now)).execute(tx.conn)?;
    let links = password_links::table.filter(password_links::created_at.gt(limit));
    let columns = (password_links::user_id, password_links::created_at, password_links::expires_at);
    let links: Vec<(String, NaiveDateTime, NaiveDateTime)> = links.select(columns).load(tx.conn)?;
    for (user, made_at, until) in &links {
        let until = tx.now + (*until - *made_at);
        let mine = diesel::update(password_links::table.find(user));
        mine.set(password_links::expires_at.eq(until)).execute(tx.conn)?;
    }
    Ok(locks + reserved + tokens + links.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::testing::test_org;

    /// Times that [`correct`] sees to by themselves.
    const OTHERS: [(&str, &str); 14] = [
        ("guard_arrivals", "minute"),
        ("guard_minutes", "minute"),
        ("guard_people", "at"),
        ("guard_people", "came_at"),
        ("guard_people", "kept_at"),
        ("oauth_access_tokens", "expires_at"),
        ("password_links", "expires_at"),
        ("pending_sign_ins", "expires_at"),
        ("saml_requests", "created_at"),
        ("saml_requests", "expires_at"),
        ("saml_requests", "answered_at"),
        ("sessions", "reserved_until"),
        ("sign_in_failures", "locked_until"),
        ("sso_settings", "trial_until"),
    ];
    /// What is left as it was noted.
    const LEFT: [(&str, &str); 13] = [
        // A record of what was done, when by the clock of that time.
        ("audit_events", "at"),
        ("provisioning_events", "at"),
        ("sso_events", "at"),
        // Somebody's choice, or another's.
        ("api_tokens", "expires_at"),
        ("oauth_client_secrets", "expires_at"),
        ("idp_certificates", "not_before"),
        ("idp_certificates", "not_after"),
        ("sp_keys", "not_after"),
        // What shows and what decides leaves out those that are yet to come.
        ("provisioning_hours", "hour"),
        ("users", "created_at"),
        // Who is inactive is told of a little later.
        ("users", "deactivated_at"),
        // Whatever was seen is refused for longer.
        ("saml_assertions_seen", "expires_at"),
        // What was sent twice is known as such for longer.
        ("form_submissions", "submitted_at"),
    ];
    /// What is shown, and decides nothing.
    const SHOWN: [&str; 12] = [
        "created_at",
        "updated_at",
        "deleted_in_entra_at",
        "held_at",
        "retired_at",
        "assigned_at",
        "removed_at",
        "revoked_at",
        "finished_at",
        "deleted_at",
        "started_at",
        "ended_at",
    ];

    #[test]
    fn each_time_that_is_stored_counts_as_now_is_left_out_or_is_left_for_a_reason() {
        let schema = include_str!("../db/schema.rs");
        let mut table = "";
        for line in schema.lines().map(str::trim) {
            if let Some((name, _)) = line.strip_suffix('{').and_then(|line| line.split_once(" (")) {
                table = name;
            }
            let Some((column, kind)) = line.trim_end_matches(',').split_once(" -> ") else { continue };
            let column = (table, column);
            let is_seen_to = PAST.contains(&column) || OTHERS.contains(&column);
            let is_left = LEFT.contains(&column) || SHOWN.contains(&column.1);
            assert!(!kind.contains("Timestamp") || is_seen_to || is_left, "{column:?}: who sees to it?");
        }
    }

    #[test]
    fn a_clock_that_moves_or_was_not_looked_at_for_long_is_doubted_from_then_on() {
        let at = |minutes| chrono::DateTime::UNIX_EPOCH.naive_utc() + TimeDelta::minutes(minutes);
        let looked = |looks: &[i64]| {
            looks.iter().fold(None, |before, minutes| Some(Doubt::next(before, at(*minutes)))).unwrap()
        };
        assert!(!looked(&[0, 20, 40, 59]).is_over());
        assert!(looked(&[0, 20, 40, 60]).is_over());
        assert!(!looked(&[0, 60]).is_over(), "two looks are too few");
        assert!(!looked(&[0, 30, 20, 60]).is_over(), "it was set back once more");
        assert!(!looked(&[0, 30, 500_000, 500_030]).is_over(), "it leapt ahead");
    }

    #[test]
    fn what_is_ahead_is_seen_to_once_and_what_is_not_is_left_alone() {
        let test = test_org();
        test.write(&Actor::Rollcall, settings::touch).unwrap();
        let now = test.org.now();
        assert!(!test.org.read(move |conn| is_any(conn, now)).unwrap());
        assert_eq!(test.write(&Actor::Rollcall, correct).unwrap(), 0);
    }
}
