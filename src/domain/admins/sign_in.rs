//! Signing in by password: who may, and what is noted of those who do and of those who are refused.
//!
//! How those are slowed down who try too often is [`super::throttle`]'s.

use super::passwords::{self, PasswordHash};
pub use super::throttle::{Attempt, Caller, Origin};
use super::{devices, throttle};
use crate::db::Conn;
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::retention::surplus;
use crate::domain::sessions::{Holder, Reserved};
use crate::domain::sso::policy;
use crate::domain::users::{self, User};
use crate::domain::{Noted, Org, Role, Tx, sessions};
use crate::error::{Error, Result};
use crate::seal::Keyring;
use crate::secret::Secret;
use chrono::{NaiveDateTime, TimeDelta};

/// Within so long, refusals of one account from one network are so many entries at the most, those from one network so
/// many, and all of them together so many; Home tells of what is beyond.
const COUNTED_FOR: TimeDelta = TimeDelta::hours(1);
const MOST_ALIKE: i32 = 5;
const MOST_OF_A_NETWORK: i32 = 20;
const MOST_ENTRIES: i32 = 200;
/// An owner's account has entries of its own, of each sort so many: nobody's noise keeps them out.
const MOST_OF_AN_OWNER: i32 = 20;
/// So many are kept of one account, and of all but owners together; the oldest go.
const MOST_KEPT_OF_AN_ACCOUNT: i64 = 500;
const MOST_KEPT: i64 = 5_000;

/// The account that may sign in by password under this name, if there is one.
pub fn candidate(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    let may = |user: &User| user.active && user.role > Role::None && user.has_password;
    Ok(users::named(conn, user_name)?.filter(may))
}

/// An account whose password was verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The account, as it was then.
    pub user: User,
    /// The hash with which the password went.
    hash: PasswordHash,
}

/// Whether these are an account's credentials; `is_proof`: asked again of whoever is in already, who proves themselves by
/// their password even while nobody comes in by it. Slow, whatever comes of it.
pub fn verify(org: &Org, user_name: &str, password: &Secret, is_proof: bool) -> Result<Verification> {
    let now = org.now();
    let found = org.read(|conn| {
        let Some(user) = candidate(conn, user_name)? else { return Ok(None) };
        let is_barred = !is_proof && policy::bars_password(conn, &user, now)?;
        Ok(PasswordHash::stored(conn, &user.id)?.map(|hash| (Verified { user, hash }, is_barred)))
    })?;
    // The connection went back: others read with it while this is verified.
    let is_right = passwords::verify(password, found.as_ref().map(|(found, _)| &found.hash))?;
    Ok(match found.filter(|_| is_right) {
        Some((_, true)) => Verification::Barred,
        Some((verified, false)) => Verification::Right(Box::new(verified)),
        None => Verification::Wrong,
    })
}

/// What came of verifying a password.
#[derive(Clone, Debug)]
pub enum Verification {
    /// It is the account's.
    Right(Box<Verified>),
    /// It is, and the account must sign in with Entra ID all the same.
    Barred,
    /// It is not, or there is no such account.
    Wrong,
}

/// Who tries to sign in as `user_name` from a browser with this device secret.
pub fn caller(
    conn: &mut Conn,
    keys: &Keyring,
    user_name: &str,
    device: Option<&str>,
    now: NaiveDateTime,
) -> Result<Caller> {
    let Some(secret) = device else { return Ok(Caller::Stranger) };
    let Some(user) = candidate(conn, user_name)? else { return Ok(Caller::Stranger) };
    let known = devices::recognise(conn, keys, &user.id, secret, now)?;
    Ok(known.map_or(Caller::Stranger, Caller::Device))
}

/// Refuses whoever must wait. It only reads: whoever goes on all the same does not keep the writer busy.
///
/// # Errors
/// [`Error::TooMany`].
pub fn may_try(
    conn: &mut Conn,
    keys: &Keyring,
    user_name: &str,
    origin: &Origin,
    caller: &Caller,
    now: NaiveDateTime,
) -> Result<()> {
    if matches!(caller, Caller::Device(_)) {
        return Ok(());
    }
    let subject = throttle::subject(keys, user_name, origin, caller);
    throttle::wait(conn, &subject, now)?.map_or(Ok(()), |seconds| Err(Error::TooMany(seconds)))
}

/// Counts a try before its password is looked at, or refuses it while the caller must wait.
pub fn register(
    tx: &mut Tx,
    user_name: &str,
    origin: &Origin,
    caller: &Caller,
) -> Result<Noted<Result<Attempt>>> {
    let user = candidate(tx.conn, user_name)?.map(|user| user.id);
    Ok(Noted::unaudited(
        throttle::register(tx, user_name, user.as_ref(), origin, caller)?,
        "a try that is counted against guessing has its entry once it is known what came of it",
    ))
}

/// Takes a try back that was not looked at after all, because too much waited.
pub fn take_back(tx: &mut Tx, user_name: &str, origin: &Origin, caller: &Caller) -> Result<Noted<()>> {
    let user = candidate(tx.conn, user_name)?.map(|user| user.id);
    Ok(Noted::unaudited(
        throttle::take_back(tx, user_name, user.as_ref(), origin, caller)?,
        "a password that nobody looked at was no try",
    ))
}

/// The session of somebody who signed in by password.
pub struct PasswordSession {
    /// The session that is reserved for them.
    pub reserved: Reserved,
    /// The secret that the device is to keep.
    pub device: String,
}

/// Notes that somebody came in whose password was verified, remembers the device in place of `device`, and reserves the
/// session. Refused if the account is no longer what it was when the password was.
pub fn record_success(
    tx: &mut Tx,
    verified: &Verified,
    origin: &Origin,
    caller: &Caller,
    device: Option<&str>,
) -> Result<Noted<PasswordSession>> {
    let user = &unchanged(tx, verified, caller)?;
    throttle::forgive(tx, &user.profile.user_name, &user.id, origin, caller)?;
    let name = user.name();
    let noted = tx.note(Action::SignedIn, user.subject(&name), &[Change::set("address", &origin.address)])?;
    let device = devices::remember(tx, user, device)?.into_inner();
    let reserved = sessions::reserve(tx, Holder::by_password(&user.id))?.into_inner();
    Ok(noted.with(PasswordSession { reserved, device }))
}

/// The account as it is now, if the password that was verified is still the one that lets it in; whoever is in already
/// proves themselves by it even while nobody comes in by it.
fn unchanged(tx: &mut Tx, verified: &Verified, caller: &Caller) -> Result<User> {
    let present = candidate(tx.conn, &verified.user.profile.user_name)?;
    let user = present.filter(|user| user.id == verified.user.id).ok_or_else(wrong)?;
    if PasswordHash::stored(tx.conn, &user.id)?.as_ref() != Some(&verified.hash) {
        return Err(wrong());
    }
    let is_in = matches!(caller, Caller::Session(_));
    if !is_in && policy::bars_password(tx.conn, &user, tx.now)? { Err(wrong()) } else { Ok(user) }
}

/// The one refusal of whatever is wrong with what was entered.
#[must_use]
pub fn wrong() -> Error {
    Error::invalid("password", "The user name or the password is wrong.")
}

/// Forgets the wrong tries of somebody signed in who showed the right password when asked again. Refused if the account
/// is no longer what it was when the password was verified.
pub fn confirm(tx: &mut Tx, verified: &Verified, origin: &Origin, caller: &Caller) -> Result<Noted<()>> {
    let user = &unchanged(tx, verified, caller)?;
    throttle::forgive(tx, &user.profile.user_name, &user.id, origin, caller)?;
    let name = user.name();
    tx.note(Action::Confirmed, user.subject(&name), &[Change::set("address", &origin.address)])
}

/// Notes that somebody signed out.
pub fn record_sign_out(tx: &mut Tx, user: &User) -> Result<Noted<()>> {
    let name = user.name();
    tx.note(Action::SignedOut, user.subject(&name), &[])
}

/// Notes that somebody was turned away: `again` if they are signed in and were asked for their password once more,
/// `locks` if further tries must wait.
pub fn refuse(tx: &mut Tx, user_name: &str, origin: &Origin, again: bool, locks: bool) -> Result<Noted<()>> {
    let user = users::named(tx.conn, user_name)?;
    let id = user.as_ref().map_or("", |user| user.id.as_str());
    // What was typed is not kept: people type passwords into the wrong field.
    let name = user.as_ref().map_or_else(|| "an unknown user name".to_owned(), User::name);
    let subject = Subject { kind: Kind::User, id, name: &name };
    let change = [Change::set("address", &origin.address)];
    let action = match (again, locks) {
        (true, _) => Action::ProofRefused,
        (false, true) => Action::SignInLocked,
        (false, false) => Action::SignInRefused,
    };
    let mut so_often = |kind: String| throttle::times_of(tx, &kind, COUNTED_FOR);
    let word = action.as_str();
    let is_owner = user.as_ref().is_some_and(|user| user.role == Role::Owner);
    let is_told = so_often(format!("{word}:{id}:{}", origin.block))? <= MOST_ALIKE
        && if is_owner {
            so_often(format!("owner:{word}:{id}"))? <= MOST_OF_AN_OWNER
        } else {
            so_often(format!("network:{}", origin.block))? <= MOST_OF_A_NETWORK
                && so_often("entries".to_owned())? <= MOST_ENTRIES
        };
    if !is_told {
        return Ok(Noted::unaudited((), "so many alike have entries already that more tell nothing"));
    }
    let noted = tx.note(action, subject, &change)?;
    surplus::of_entries(tx, action, Some(id), &[], MOST_KEPT_OF_AN_ACCOUNT)?;
    let owners = users::with_role(tx.conn, Role::Owner)?;
    surplus::of_entries(tx, action, None, &owners, MOST_KEPT)?;
    Ok(noted)
}
