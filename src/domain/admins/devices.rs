//! Devices that have signed in before: whoever guesses elsewhere cannot hold them up.
//!
//! A browser that signed in by password, or as somebody with a role, keeps a random secret in a cookie; here is a keyed
//! digest of it for each account that it signed in to (OWASP, *Slow Down Online Guessing Attacks with Device Cookies*).
//! It proves nothing else: the password is still asked for. It has a budget of wrong passwords of its own, so a stolen
//! one is of little use, is replaced at each sign-in, and is forgotten when the password changes or the role is taken.

use crate::db::Conn;
use crate::db::schema::sign_in_devices as table;
use crate::domain::users::User;
use crate::domain::{Noted, Tx, new_id};
use crate::error::Result;
use crate::keys::UserId;
use crate::seal::{self, Keyring};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

const PURPOSE: &str = "device";
/// Wrong passwords in a row before the device counts as a stranger's.
const BUDGET: i32 = 10;
/// After this long without a wrong password the budget is whole again.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(2);
/// A device is forgotten when nobody signed in on it for so long.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(180);
/// Of each account; the one that was used longest ago goes first.
const MOST: i64 = 20;

#[derive(Insertable)]
#[diesel(table_name = table)]
struct Device<'a> {
    id: String,
    user_id: &'a UserId,
    digest: String,
    failures: i32,
    failed_at: Option<NaiveDateTime>,
    used_at: NaiveDateTime,
}

/// The key of the device with this secret, if it signed in to the account before and has not failed too often since.
pub fn recognise(
    conn: &mut Conn,
    keys: &Keyring,
    user: &UserId,
    secret: &str,
    now: NaiveDateTime,
) -> Result<Option<String>> {
    let mine =
        table::table.filter(table::user_id.eq(user)).filter(table::digest.eq(keys.digest(PURPOSE, secret)));
    let living = mine.filter(table::used_at.gt(now - KEPT_FOR));
    let found: Option<(String, i32, Option<NaiveDateTime>)> =
        living.select((table::id, table::failures, table::failed_at)).first(conn).optional()?;
    Ok(found.filter(|(_, count, at)| failures(*count, *at, now) < BUDGET).map(|(id, ..)| id))
}

/// Remembers that the account was signed in to on the device with the secret `before`, or on a new one; answers the
/// secret that it keeps from now on.
pub fn remember(tx: &mut Tx, user: &User, before: Option<&str>) -> Result<Noted<String>> {
    diesel::delete(table::table.filter(table::used_at.le(tx.now - KEPT_FOR))).execute(tx.conn)?;
    let secret = seal::secret();
    let digest = tx.keys.digest(PURPOSE, &secret);
    if let Some(before) = before {
        let old = tx.keys.digest(PURPOSE, before);
        let mine = table::table.filter(table::digest.eq(&old)).filter(table::user_id.eq(&user.id));
        diesel::delete(mine).execute(tx.conn)?;
        // Others who sign in on it are known under the new secret too.
        diesel::update(table::table.filter(table::digest.eq(&old)))
            .set(table::digest.eq(&digest))
            .execute(tx.conn)?;
    }
    let device =
        Device { id: new_id(), user_id: &user.id, digest, failures: 0, failed_at: None, used_at: tx.now };
    diesel::insert_into(table::table).values(&device).execute(tx.conn)?;
    let theirs = table::table.filter(table::user_id.eq(&user.id)).order(table::used_at.desc());
    let surplus: Vec<String> =
        theirs.select(table::id).offset(MOST).limit(i64::from(i32::MAX)).load(tx.conn)?;
    diesel::delete(table::table.filter(table::id.eq_any(surplus))).execute(tx.conn)?;
    Ok(Noted::unaudited(secret, "the sign-in has an entry"))
}

/// Forgets all devices of an account.
pub(in crate::domain) fn forget(tx: &mut Tx, user: &UserId) -> Result<()> {
    diesel::delete(table::table.filter(table::user_id.eq(user))).execute(tx.conn)?;
    Ok(())
}

/// Counts a try on the device; tells whether it was within its budget.
pub(super) fn register(tx: &mut Tx, id: &str) -> Result<bool> {
    let mine = table::table.find(id);
    let found: Option<(i32, Option<NaiveDateTime>)> =
        mine.select((table::failures, table::failed_at)).first(tx.conn).optional()?;
    let Some(before) = found.map(|(count, at)| failures(count, at, tx.now)).filter(|count| *count < BUDGET)
    else {
        return Ok(false);
    };
    diesel::update(mine)
        .set((table::failures.eq(before + 1), table::failed_at.eq(tx.now)))
        .execute(tx.conn)?;
    Ok(true)
}

/// The right password came from it.
pub(super) fn forgive(tx: &mut Tx, id: &str) -> Result<()> {
    diesel::update(table::table.find(id)).set(table::failures.eq(0)).execute(tx.conn)?;
    Ok(())
}

/// A try on it was not looked at after all.
pub(super) fn take_back(tx: &mut Tx, id: &str) -> Result<()> {
    diesel::update(table::table.find(id)).set(table::failures.eq(table::failures - 1)).execute(tx.conn)?;
    Ok(())
}

/// How many wrong passwords in a row came from it, as far as they still count.
fn failures(failures: i32, failed_at: Option<NaiveDateTime>, now: NaiveDateTime) -> i32 {
    if failed_at.is_some_and(|at| now - at < FORGET_AFTER) { failures } else { 0 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::testing::test_org;
    use crate::domain::users::{Profile, by_hand};
    use crate::domain::{Actor, Org};

    fn known(org: &Org, user: &User, secret: &str) -> Option<String> {
        org.read(|conn| recognise(conn, org.keys(), &user.id, secret, org.now())).unwrap()
    }

    #[test]
    fn a_device_is_known_for_its_accounts_until_they_forget_it() {
        let test = test_org();
        let write = |user: &User, before: Option<String>| {
            let user = user.clone();
            test.write(&Actor::Rollcall, move |tx| remember(tx, &user, before.as_deref())).unwrap()
        };
        let [ada, bob] = ["ada", "bob"].map(|name| {
            let wish = by_hand::LocalProfile { profile: Profile::named(name), email: None };
            test.write(&Actor::Rollcall, move |tx| by_hand::create(tx, wish, None)).unwrap()
        });
        let first = write(&ada, None);
        let second = write(&bob, Some(first.clone()));
        assert_eq!(known(&test.org, &ada, &first), None, "each sign-in replaces the secret");
        assert!(known(&test.org, &ada, &second).is_some() && known(&test.org, &bob, &second).is_some());
        let id = ada.id.clone();
        test.write(&Actor::Rollcall, move |tx| forget(tx, &id)).unwrap();
        assert!(known(&test.org, &ada, &second).is_none() && known(&test.org, &bob, &second).is_some());
        test.clock.advance(KEPT_FOR);
        assert_eq!(known(&test.org, &bob, &second), None);
    }

    #[test]
    fn a_device_has_a_budget_of_its_own_and_an_account_so_many_devices() {
        let test = test_org();
        let wish = by_hand::LocalProfile { profile: Profile::named("ada"), email: None };
        let ada = test.write(&Actor::Rollcall, move |tx| by_hand::create(tx, wish, None)).unwrap();
        let user = ada.clone();
        let secret = test.write(&Actor::Rollcall, move |tx| remember(tx, &user, None)).unwrap();
        let id = known(&test.org, &ada, &secret).unwrap();
        let tries = |count: i32| {
            let id = id.clone();
            test.write(&Actor::Rollcall, move |tx| {
                (0..count).map(|_| register(tx, &id)).collect::<Result<Vec<_>>>()
            })
            .unwrap()
        };
        assert_eq!(tries(BUDGET), vec![true; 10]);
        assert_eq!(tries(1), [false]);
        let not_looked_at = id.clone();
        test.write(&Actor::Rollcall, move |tx| take_back(tx, &not_looked_at)).unwrap();
        assert_eq!([tries(1), tries(1)], [[true], [false]], "what nobody looked at costs nothing");
        assert_eq!(known(&test.org, &ada, &secret), None);
        test.clock.advance(FORGET_AFTER);
        assert!(known(&test.org, &ada, &secret).is_some());
        assert_eq!(tries(1), [true]);

        let user = ada.clone();
        let more =
            move |tx: &mut Tx| (0..MOST).map(|_| remember(tx, &user, None)).collect::<Result<Vec<_>>>();
        test.clock.advance(TimeDelta::seconds(1));
        test.write(&Actor::Rollcall, more).unwrap();
        assert_eq!(known(&test.org, &ada, &secret), None, "the one used longest ago went first");
    }
}
