//! Slows down whoever guesses passwords, and nobody else.
//!
//! A try is counted before the password is looked at, so that many at once gain nothing, and by the name that was
//! typed, so that the answer does not tell whether the account exists. What is counted is the pair of account and
//! address, never the account alone: nobody can lock somebody else out (OWASP, Authentication Cheat Sheet, *Account
//! lockout*). A device that has signed in before is counted by itself, see [`devices`], and so is a session whose
//! holder is asked for the password again. Blocks of addresses are slowed down, never locked, and whatever they do, a
//! pair has its free tries.

use super::devices;
use crate::db::Conn;
use crate::db::schema::{sign_in_failures as table, sign_in_guesses as guesses};
use crate::domain::{Tx, fold};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::network;
use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::count_star;
use diesel::prelude::*;
use std::time::Duration;

/// Tries of a pair or a session before a lock.
const FREE_TRIES: i32 = 5;
const FIRST_LOCK_S: i64 = 60;
const LONGEST_LOCK_S: i64 = 15 * 60;
/// Tries from a block of addresses before it is slowed down.
const FREE_OF_BLOCK: i32 = 30;
const FIRST_INTERVAL_MS: i64 = 250;
const LONGEST_INTERVAL_MS: i64 = 5_000;
/// Nobody is kept waiting longer than this: the answer is 429 instead.
const LONGEST_WAIT_MS: i64 = 5_000;
/// A pair that still has free tries waits no longer than this, whatever others in its block do.
const LONGEST_FREE_WAIT_MS: i64 = 2_000;
/// From so many wrong passwords of strangers on, each of them waits a little.
const MANY_GUESSES: i32 = 100;
const WAIT_OF_MANY: Duration = Duration::from_secs(1);
/// After this long without a try, all is forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(2);
/// The most rows that strangers can fill. What is kept of names that nobody has goes first.
const MOST_ROWS: i64 = 10_000;
const ROWS_AT_A_TIME: i64 = 500;
/// Guesses with more than this between them are two matters.
const ONE_MATTER: TimeDelta = TimeDelta::hours(24);

/// Where a try comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address as it is shown.
    pub address: String,
    /// What one client has: an IPv4 address, or the /64 of an IPv6 address.
    pub client: String,
    /// What one network has: the /24 of an IPv4 address, or the /64 of an IPv6 address.
    pub block: String,
}

/// Who tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody on a device that has signed in to the account before; the device's key.
    Device(String),
    /// Somebody signed in who is asked for the password again; what names their session.
    Session(String),
    /// Anybody else.
    Stranger,
}

/// A try that was counted and may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How long to wait first.
    pub pause: Duration,
    /// Whether it began a lock, should it be refused.
    pub locks: bool,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = table, treat_none_as_null = true)]
struct ThrottleRow {
    subject: String,
    user_id: Option<UserId>,
    failures: i32,
    first_at: NaiveDateTime,
    last_at: NaiveDateTime,
    locked_until: Option<NaiveDateTime>,
}

/// Wrong passwords for one account, of strangers and of whoever sits before a session of it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = guesses)]
pub struct Guesses {
    /// The account's key.
    pub user_id: UserId,
    /// How many.
    pub failures: i32,
    /// From how many addresses, counted anew two hours after the last try of each.
    pub addresses: i32,
    /// Since when, in UTC.
    pub first_at: NaiveDateTime,
    /// The last one, in UTC.
    pub last_at: NaiveDateTime,
}

impl Origin {
    /// The origin at this address, of any form; one that is no address stands for itself.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let (block, client) = (network::block(address), network::subscriber(address));
        Self { address: address.to_owned(), client, block }
    }
}

/// How long this caller must wait before a try is even looked at; nothing if it need not. Only reads, so that whoever
/// is locked and goes on does not keep the writer busy.
pub fn wait(conn: &mut Conn, tried: &str, now: NaiveDateTime) -> Result<Option<u64>> {
    let until = row(conn, tried)?.and_then(|row| row.locked_until);
    Ok(until.filter(|until| *until > now).map(|until| seconds(until - now)))
}

/// What a try of this account by this caller is counted under. By a digest: people type passwords into the wrong field.
#[must_use]
pub fn subject(keys: &Keyring, user_name: &str, origin: &Origin, caller: &Caller) -> String {
    match caller {
        // Wherever it comes from: a stolen session gains nothing by another address.
        Caller::Session(session) => format!("session:{}", keys.digest("sign-in session", session)),
        Caller::Device(_) | Caller::Stranger => {
            let pair = format!("{}\n{}", fold(user_name), origin.client);
            format!("pair:{}", keys.digest("sign-in", &pair))
        }
    }
}

/// Counts a try of the account that goes by `user_name`, whose key is `user` if there is one; refuses it while the
/// caller is locked.
pub(in crate::domain) fn register(
    tx: &mut Tx,
    user_name: &str,
    user: Option<&UserId>,
    origin: &Origin,
    caller: &Caller,
) -> Result<Result<Attempt>> {
    let old = table::table.filter(table::last_at.lt(tx.now - FORGET_AFTER));
    diesel::delete(old).execute(tx.conn)?;
    if let Caller::Device(device) = caller
        && devices::register(tx, device)?
    {
        return Ok(Ok(Attempt { pause: Duration::ZERO, locks: false }));
    }
    let subject = subject(tx.keys, user_name, origin, caller);
    if let Some(seconds) = wait(tx.conn, &subject, tx.now)? {
        return Ok(Err(Error::TooMany(seconds)));
    }
    let is_session = matches!(caller, Caller::Session(_));
    let before = row(tx.conn, &subject)?.map(|row| row.failures);
    let mut pause = Duration::ZERO;
    if !is_session {
        match slow_down(tx, origin, before.is_none_or(|tries| tries < FREE_TRIES))? {
            Ok(wait) => pause = wait,
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    if let Some(user) = user {
        let of_many = note_guess(tx, user, before.is_none())?;
        // Whoever is signed in does not wait for what strangers do.
        pause = if is_session { pause } else { pause.max(of_many) };
    }
    let tries = count(tx, &subject, user.filter(|_| !is_session), |tries, now| {
        (tries >= FREE_TRIES).then(|| now + lock(tries - FREE_TRIES))
    })?;
    pause = pause.max(growing(tries - FREE_TRIES / 2));
    Ok(Ok(Attempt { pause, locks: tries >= FREE_TRIES }))
}

/// Takes a try back that was not looked at after all, because too much waited.
pub(in crate::domain) fn take_back(
    tx: &mut Tx,
    user_name: &str,
    user: Option<&UserId>,
    origin: &Origin,
    caller: &Caller,
) -> Result<()> {
    if let Caller::Device(device) = caller {
        return devices::take_back(tx, device);
    }
    let subject = subject(tx.keys, user_name, origin, caller);
    let less = (table::failures.eq(table::failures - 1), table::locked_until.eq(None::<NaiveDateTime>));
    diesel::update(table::table.find(subject)).set(less).execute(tx.conn)?;
    if let Some(user) = user {
        let theirs = diesel::update(guesses::table.find(user));
        theirs.set(guesses::failures.eq(guesses::failures - 1)).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets the tries of a caller who turned out to be the right one, and what they added to their block's.
pub(in crate::domain) fn forgive(
    tx: &mut Tx,
    user_name: &str,
    user: &UserId,
    origin: &Origin,
    caller: &Caller,
) -> Result<()> {
    if let Caller::Device(device) = caller {
        devices::forgive(tx, device)?;
    }
    let subject = subject(tx.keys, user_name, origin, caller);
    let Some(mine) = row(tx.conn, &subject)? else { return Ok(()) };
    diesel::delete(table::table.find(&subject)).execute(tx.conn)?;
    if !matches!(caller, Caller::Session(_)) {
        let block = table::table.find(block(origin));
        diesel::update(block).set(table::failures.eq(table::failures - mine.failures)).execute(tx.conn)?;
    }
    let theirs = guesses::table.find(user);
    diesel::update(theirs)
        .set((
            guesses::failures.eq(guesses::failures - mine.failures),
            guesses::addresses.eq(guesses::addresses - 1),
        ))
        .execute(tx.conn)?;
    diesel::delete(theirs.filter(guesses::failures.le(0))).execute(tx.conn)?;
    Ok(())
}

/// Forgets all tries of an account: it has another password now.
pub(in crate::domain) fn forgive_all(tx: &mut Tx, user: &UserId) -> Result<()> {
    diesel::delete(table::table.filter(table::user_id.eq(user))).execute(tx.conn)?;
    Ok(())
}

/// Whose passwords strangers guess at, if it went on after `since` and was more than somebody's mistake.
pub fn guessed_at(conn: &mut Conn, since: NaiveDateTime) -> Result<Vec<Guesses>> {
    let many = guesses::failures.ge(2 * FREE_TRIES).or(guesses::addresses.ge(3));
    let rows = guesses::table.filter(guesses::last_at.ge(since)).filter(many);
    Ok(rows.select(Guesses::as_select()).order(guesses::failures.desc()).load(conn)?)
}

/// How often this happened since it first did, no longer than `span` ago, this time included.
pub(super) fn times_of(tx: &mut Tx, kind: &str, span: TimeDelta) -> Result<i32> {
    let subject = format!("told:{kind}");
    let since = tx.now - span;
    diesel::delete(table::table.find(&subject).filter(table::first_at.le(since))).execute(tx.conn)?;
    count(tx, &subject, None, |_, _| None)
}

fn block(origin: &Origin) -> String {
    format!("block:{}", origin.block)
}

/// Counts a try of a block and answers how long it waits for its turn. A pair that still has free tries waits, but is
/// never refused for what its neighbours do: whoever shares a network with one who guesses still comes in.
fn slow_down(tx: &mut Tx, origin: &Origin, is_free: bool) -> Result<Result<Duration>> {
    let before = row(tx.conn, &block(origin))?;
    let interval = interval(before.as_ref().map_or(0, |row| row.failures));
    let last = before.and_then(|row| row.locked_until).map_or(tx.now, |turn| turn.max(tx.now));
    let turn = last + interval;
    let wait = (turn - tx.now).num_milliseconds();
    if !is_free && wait > LONGEST_WAIT_MS {
        return Ok(Err(Error::TooMany(seconds(turn - tx.now))));
    }
    let wait = if is_free { wait.min(LONGEST_FREE_WAIT_MS) } else { wait };
    let next = if is_free { last } else { turn };
    count(tx, &block(origin), None, |_, _| (!interval.is_zero()).then_some(next))?;
    Ok(Ok(Duration::from_millis(u64::try_from(wait).unwrap_or(0))))
}

/// Nothing at first; then longer and longer between two tries of a block.
fn interval(tries: i32) -> TimeDelta {
    if tries < FREE_OF_BLOCK {
        return TimeDelta::zero();
    }
    let doublings = u32::try_from(tries / FREE_OF_BLOCK - 1).unwrap_or(0).min(10);
    TimeDelta::milliseconds((FIRST_INTERVAL_MS << doublings).min(LONGEST_INTERVAL_MS))
}

/// Notes a stranger's try of an account; answers how long each of them waits while there are many.
fn note_guess(tx: &mut Tx, user: &UserId, from_another_address: bool) -> Result<Duration> {
    let before: Option<Guesses> =
        guesses::table.find(user).select(Guesses::as_select()).first(tx.conn).optional()?;
    let fresh =
        Guesses { user_id: user.clone(), failures: 0, addresses: 0, first_at: tx.now, last_at: tx.now };
    let current = before.filter(|row| tx.now - row.last_at < ONE_MATTER).unwrap_or(fresh);
    let row = Guesses {
        failures: current.failures.saturating_add(1),
        addresses: current.addresses.saturating_add(i32::from(from_another_address)),
        last_at: tx.now,
        ..current
    };
    diesel::insert_into(guesses::table)
        .values(&row)
        .on_conflict(guesses::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    Ok(if row.failures > MANY_GUESSES { WAIT_OF_MANY } else { Duration::ZERO })
}

fn count(
    tx: &mut Tx,
    subject: &str,
    user: Option<&UserId>,
    locked_until: impl FnOnce(i32, NaiveDateTime) -> Option<NaiveDateTime>,
) -> Result<i32> {
    let before = row(tx.conn, subject)?;
    if before.is_none() {
        make_room(tx)?;
    }
    let tries = before.as_ref().map_or(0, |row| row.failures).max(0).saturating_add(1);
    let row = ThrottleRow {
        subject: subject.to_owned(),
        user_id: user.cloned(),
        failures: tries,
        first_at: before.map_or(tx.now, |row| row.first_at),
        last_at: tx.now,
        locked_until: locked_until(tries, tx.now),
    };
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict(table::subject)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    Ok(tries)
}

fn make_room(tx: &mut Tx) -> Result<()> {
    let rows: i64 = table::table.select(count_star()).first(tx.conn)?;
    if rows < MOST_ROWS {
        return Ok(());
    }
    let oldest = table::table.order((table::user_id.is_not_null(), table::last_at)).limit(ROWS_AT_A_TIME);
    let oldest: Vec<String> = oldest.select(table::subject).load(tx.conn)?;
    diesel::delete(table::table.filter(table::subject.eq_any(oldest))).execute(tx.conn)?;
    Ok(())
}

/// A minute at first, twice as long each time after.
fn lock(past_free: i32) -> TimeDelta {
    let doublings = u32::try_from(past_free).unwrap_or(0).min(10);
    TimeDelta::seconds((FIRST_LOCK_S << doublings).min(LONGEST_LOCK_S))
}

fn growing(past_half: i32) -> Duration {
    let steps = u32::try_from(past_half).unwrap_or(0).min(3);
    if steps == 0 { Duration::ZERO } else { Duration::from_millis(125 << steps) }
}

fn seconds(span: TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or(0) + 1
}

fn row(conn: &mut Conn, subject: &str) -> Result<Option<ThrottleRow>> {
    Ok(table::table.find(subject).select(ThrottleRow::as_select()).first(conn).optional()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
