//! At the door: who may come in by password, and what happens to those who try too often.
//!
//! A try is counted before the password is looked at, so that many at once gain nothing, and by the name that was
//! typed, so that the answer does not tell whether the account exists.

use crate::db::Conn;
use crate::db::schema::sign_in_failures;
use crate::domain::audit::{self, Action, Change, Kind, Subject};
use crate::domain::users::{self, User};
use crate::domain::{Role, Tx, fold};
use crate::error::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::time::Duration;

/// Tries of one account, and from one address, before a lock.
const FREE_TRIES: [i32; 2] = [5, 30];
const FIRST_LOCK_S: i64 = 60;
const LONGEST_LOCK_S: i64 = 15 * 60;
/// After this long without a try, all is forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(2);

#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sign_in_failures, treat_none_as_null = true)]
struct Failures {
    subject: String,
    failures: i32,
    last_at: NaiveDateTime,
    locked_until: Option<NaiveDateTime>,
}

/// Counts a try, or refuses it while the account or the address is locked. Answers how long to wait first.
pub fn knock(tx: &mut Tx, user_name: &str, address: &str) -> Result<Result<Duration>> {
    diesel::delete(sign_in_failures::table.filter(sign_in_failures::last_at.lt(tx.now - FORGET_AFTER)))
        .execute(tx.conn)?;
    let subjects = [account(tx, user_name), format!("address:{address}")];
    for subject in &subjects {
        if let Some(until) = failures(tx.conn, subject)?.and_then(|failures| failures.locked_until)
            && until > tx.now
        {
            let seconds = (until - tx.now).num_seconds() + 1;
            return Ok(Err(Error::TooMany(u64::try_from(seconds).unwrap_or(1))));
        }
    }
    let mut most = 0;
    for (subject, free) in subjects.iter().zip(FREE_TRIES) {
        let count = count(tx, subject, free)?;
        most = most.max(count - free / 2);
    }
    Ok(Ok(pause(most)))
}

/// The account that may sign in by password under this name, if there is one.
pub fn candidate(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    let may = |user: &User| user.active && user.role > Role::None && user.password_hash.is_some();
    Ok(users::named(conn, user_name)?.filter(may))
}

/// Notes that somebody came in.
pub fn welcome(tx: &mut Tx, user: &User, address: &str) -> Result<()> {
    forgive(tx, &user.profile.user_name)?;
    // One less, not none: a good sign-in of one's own must not cover guessing at others'.
    let mine = sign_in_failures::table.find(format!("address:{address}"));
    diesel::update(mine)
        .set((
            sign_in_failures::failures.eq(sign_in_failures::failures - 1),
            sign_in_failures::locked_until.eq(None::<NaiveDateTime>),
        ))
        .execute(tx.conn)?;
    let name = user.name();
    audit::note(tx, Action::SignedIn, user.subject(&name), &[Change::set("address", address)])
}

/// Notes that somebody signed out.
pub fn farewell(tx: &mut Tx, user: &User) -> Result<()> {
    let name = user.name();
    audit::note(tx, Action::SignedOut, user.subject(&name), &[])
}

/// Notes that somebody was turned away.
pub fn refuse(tx: &mut Tx, user_name: &str, address: &str) -> Result<()> {
    let user = users::named(tx.conn, user_name)?;
    let id = user.as_ref().map_or("", |user| user.id.as_str());
    // What was typed is not kept: people type passwords into the wrong field.
    let name = user.as_ref().map_or_else(|| "an unknown user name".to_owned(), User::name);
    let tried = account(tx, user_name);
    let locked = failures(tx.conn, &tried)?.is_some_and(|failures| failures.locked_until.is_some());
    let action = if locked { Action::SignInLocked } else { Action::SignInRefused };
    let subject = Subject { kind: Kind::User, id, name: &name };
    audit::note(tx, action, subject, &[Change::set("address", address)])
}

/// Forgets the failures of an account.
pub fn forgive(tx: &mut Tx, user_name: &str) -> Result<()> {
    let subject = account(tx, user_name);
    diesel::delete(sign_in_failures::table.find(subject)).execute(tx.conn)?;
    Ok(())
}

fn count(tx: &mut Tx, subject: &str, free: i32) -> Result<i32> {
    let before = failures(tx.conn, subject)?;
    let tries = before.as_ref().map_or(0, |failures| failures.failures) + 1;
    let row = Failures {
        subject: subject.to_owned(),
        failures: tries,
        last_at: tx.now,
        locked_until: (tries >= free).then(|| tx.now + lock(tries - free)),
    };
    if before.is_some() {
        diesel::update(sign_in_failures::table.find(subject)).set(&row).execute(tx.conn)?;
    } else {
        diesel::insert_into(sign_in_failures::table).values(&row).execute(tx.conn)?;
    }
    Ok(tries)
}

/// A minute at first, twice as long each time after.
fn lock(past_free: i32) -> TimeDelta {
    let doublings = u32::try_from(past_free).unwrap_or(0).min(10);
    TimeDelta::seconds((FIRST_LOCK_S << doublings).min(LONGEST_LOCK_S))
}

fn pause(past_half: i32) -> Duration {
    let steps = u32::try_from(past_half).unwrap_or(0).min(3);
    if steps == 0 { Duration::ZERO } else { Duration::from_millis(125 << steps) }
}

/// By a digest, for the same reason.
fn account(tx: &Tx, user_name: &str) -> String {
    format!("account:{}", tx.keys.digest("sign-in", &fold(user_name)))
}

fn failures(conn: &mut Conn, subject: &str) -> Result<Option<Failures>> {
    Ok(sign_in_failures::table.find(subject).select(Failures::as_select()).first(conn).optional()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::Actor;
    use crate::domain::testing::{House, house};

    fn tries(house: &House, name: &str, address: &str) -> Result<Duration> {
        let (name, address) = (name.to_owned(), address.to_owned());
        house.write(&Actor::Rollcall, move |tx| knock(tx, &name, &address)).unwrap()
    }

    #[test]
    fn the_sixth_try_in_a_row_is_refused_and_time_opens_the_door_again() {
        let house = house();
        for _ in 0..5 {
            tries(&house, "ada", "10.0.0.1").unwrap();
        }
        assert!(matches!(tries(&house, "ADA ", "10.0.0.2"), Err(Error::TooMany(55..=61))));
        assert!(tries(&house, "bob", "10.0.0.2").is_ok(), "another account is not locked");
        house.clock.advance(TimeDelta::seconds(62));
        assert!(tries(&house, "ada", "10.0.0.2").is_ok());
        assert!(
            matches!(tries(&house, "ada", "10.0.0.2"), Err(Error::TooMany(115..=121))),
            "the next lock is longer"
        );
    }

    #[test]
    fn an_address_that_tries_many_names_is_locked_too() {
        let house = house();
        for number in 0..30 {
            tries(&house, &format!("user{number}"), "10.0.0.9").unwrap();
        }
        assert!(tries(&house, "fresh", "10.0.0.9").is_err());
        assert!(tries(&house, "fresh", "10.0.0.8").is_ok());
    }

    #[test]
    fn waiting_grows_before_the_lock_comes() {
        let house = house();
        let waits: Vec<Duration> = (0..5).map(|_| tries(&house, "ada", "10.0.0.1").unwrap()).collect();
        assert_eq!(waits[..2], [Duration::ZERO; 2]);
        assert!(waits[2] < waits[3] && waits[3] < waits[4]);
    }
}
