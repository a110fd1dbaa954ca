//! Writing accounts: the columns that follow from others, the addresses, the census.

use super::changesets::{Description, Standing};
use super::{
    Email, HIDDEN, SEEN_AS_ENTRAS, User, emails, find, named, role_holder_known_as, waiting_for_name,
};
use crate::db::Conn;
use crate::db::schema::{census as table, user_emails, users};
use crate::domain::{Tx, fold, new_id, sites};
use crate::error::{Error, Result};
use crate::keys::UserId;
use diesel::dsl::{exists, max};
use diesel::prelude::*;

/// The one row of the census.
pub(in crate::domain) const USERS: &str = "users";

/// How many users Entra ID sees, known without counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct Census {
    /// Where it sees all users.
    pub all_users: i64,
    /// Where it sees only those that it made or linked.
    pub entra_users: i64,
    /// Those of all whom it sees who may sign in.
    pub active_users: i64,
    /// All accounts, whether it sees them or not.
    pub everyone: i64,
    /// Those of all accounts that may sign in.
    pub everyone_active: i64,
    /// Those of all accounts that are linked.
    pub linked: i64,
    /// How often a user left the list or came into its middle: positions in the list hold while this does.
    pub shuffles: i64,
}

/// The census as it stands.
pub fn census(conn: &mut Conn) -> Result<Census> {
    Ok(table::table.find(USERS).select(Census::as_select()).first(conn)?)
}

pub(super) fn insert(tx: &mut Tx, mut user: User, emails: &[Email]) -> Result<User> {
    free_user_name(tx.conn, &user.id, &user.profile.user_name)?;
    insert_new(tx, &mut user, emails)?;
    Ok(user)
}

/// As [`insert`], for whoever has just seen that the user name is free.
pub(super) fn insert_new(tx: &mut Tx, user: &mut User, emails: &[Email]) -> Result<()> {
    user.derive(emails);
    let last: Option<i64> = users::table.select(max(users::search_no)).first(tx.conn)?;
    user.search_no = Some(last.unwrap_or_default() + 1);
    diesel::insert_into(users::table).values(&*user).execute(tx.conn)?;
    write_emails(tx, &user.id, emails)?;
    recount(tx, None, Some(user), false)
}

/// Stores a change of the account and, where they are given, of its addresses.
pub(in crate::domain) fn store(tx: &mut Tx, user: &mut User, emails: Option<&[Email]>) -> Result<()> {
    let before = find(tx.conn, &user.id)?;
    match emails {
        Some(emails) => store_over(tx, &before, user, emails, true),
        None => {
            let emails = self::emails(tx.conn, &user.id)?;
            store_over(tx, &before, user, &emails, false)
        }
    }
}

/// As [`store`], for whoever has the account as it was before. Indexed columns are written only where they changed.
pub(in crate::domain) fn store_over(
    tx: &mut Tx,
    before: &User,
    user: &mut User,
    emails: &[Email],
    write: bool,
) -> Result<()> {
    user.keep_in_step(before);
    user.derive(emails);
    if user.user_name_key != before.user_name_key {
        free_user_name(tx.conn, &user.id, &user.profile.user_name)?;
    }
    number_hold(tx, before, user)?;
    user.version += 1;
    user.updated_at = tx.now;
    let profile = &user.profile;
    let always = (
        Description::from(profile),
        users::search_text.eq(&user.search_text),
        users::updated_at.eq(user.updated_at),
        users::version.eq(user.version),
    );
    let name = (profile.user_name != before.profile.user_name).then(|| {
        let looks = (users::look_key.eq(&user.look_key), users::look_written.eq(&user.look_written));
        (users::user_name.eq(&profile.user_name), users::user_name_key.eq(&user.user_name_key), looks)
    });
    let sort_name = (user.sort_name != before.sort_name).then(|| users::sort_name.eq(&user.sort_name));
    let external_id = (profile.external_id != before.profile.external_id)
        .then(|| users::external_id.eq(&profile.external_id));
    let standing = Some(Standing::from(&*user)).filter(|now| *now != Standing::from(before));
    let change = (always, name, sort_name, external_id, standing);
    diesel::update(users::table.find(&user.id)).set(change).execute(tx.conn)?;
    if write {
        diesel::delete(user_emails::table.filter(user_emails::user_id.eq(&user.id))).execute(tx.conn)?;
        write_emails(tx, &user.id, emails)?;
    }
    recount(tx, Some(before), Some(user), true)
}

/// Each state of what is held back has a number of its own, by which a verdict names it.
fn number_hold(tx: &mut Tx, before: &User, user: &mut User) -> Result<()> {
    if !user.is_held() {
        (user.held_at, user.held_no, user.held_first_no) = (None, None, None);
        return Ok(());
    }
    user.held_at = user.held_at.or(Some(tx.now));
    if (user.held, &user.held_name) != (before.held, &before.held_name) {
        diesel::update(table::table.find(USERS)).set(table::holds.eq(table::holds + 1)).execute(tx.conn)?;
        user.held_no = Some(last_hold(tx.conn)?);
        user.held_first_no = before.held_first_no.or(user.held_no);
    }
    Ok(())
}

/// Stores the hash of the account's password, or that it has none any more.
pub(in crate::domain) fn store_password(tx: &mut Tx, user: &mut User, hash: Option<&str>) -> Result<()> {
    let row = users::table.find(&user.id);
    diesel::update(row).set(users::password_hash.eq(hash)).execute(tx.conn)?;
    user.has_password = hash.is_some();
    Ok(())
}

/// The hash of the account's password, if it has one.
pub(in crate::domain) fn password_hash(conn: &mut Conn, id: &UserId) -> Result<Option<String>> {
    let stored = users::table.find(id).select(users::password_hash).first(conn).optional()?;
    Ok(stored.flatten())
}

/// The number of the latest state of what is held back of anybody.
pub fn last_hold(conn: &mut Conn) -> Result<i64> {
    Ok(table::table.find(USERS).select(table::holds).first(conn)?)
}

/// Takes an account that is gone out of the census.
pub(super) fn uncount(tx: &mut Tx, user: &User) -> Result<()> {
    recount(tx, Some(user), None, true)
}

/// `appears_inside`: whether a user who appears or vanishes does so in the middle of the list.
fn recount(tx: &mut Tx, before: Option<&User>, after: Option<&User>, appears_inside: bool) -> Result<()> {
    let site = |user: Option<&'_ User>| user.and_then(|user| user.site_id.clone());
    let (from, to) = (site(before), site(after));
    if from != to {
        from.iter().try_for_each(|site| sites::count(tx, site, -1))?;
        to.iter().try_for_each(|site| sites::count(tx, site, 1))?;
    }
    let counted = |user: Option<&User>| {
        let seen = user.map_or(HIDDEN, |user| user.seen);
        let (active, linked) = user.map_or((false, false), |user| (user.active, user.is_linked()));
        let seen = [seen > HIDDEN, seen == SEEN_AS_ENTRAS, seen > HIDDEN && active];
        (seen.map(i64::from), [user.is_some(), active, linked].map(i64::from))
    };
    let less = |now: [i64; 3], before: [i64; 3]| [now[0] - before[0], now[1] - before[1], now[2] - before[2]];
    let ((seen, there), (seen_before, there_before)) = (counted(after), counted(before));
    let (seen, there) = (less(seen, seen_before), less(there, there_before));
    if (seen, there) == ([0; 3], [0; 3]) {
        return Ok(());
    }
    let shuffles = i64::from(appears_inside && (seen[0], seen[1]) != (0, 0));
    diesel::update(table::table.find(USERS))
        .set((
            table::all_users.eq(table::all_users + seen[0]),
            table::entra_users.eq(table::entra_users + seen[1]),
            table::active_users.eq(table::active_users + seen[2]),
            table::everyone.eq(table::everyone + there[0]),
            table::everyone_active.eq(table::everyone_active + there[1]),
            table::linked.eq(table::linked + there[2]),
            table::shuffles.eq(table::shuffles + shuffles),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Whether there are accounts that the index of search texts does not have.
pub(in crate::domain) fn is_any_not_found(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(exists(users::table.filter(users::search_no.is_null()))).get_result(conn)?)
}

/// Gives those the text by which they are searched, and its number; answers how many they are.
pub(in crate::domain) fn make_found(tx: &mut Tx) -> Result<usize> {
    let mine = users::table.filter(users::search_no.is_null()).order(users::id);
    let mut mine: Vec<User> = mine.select(User::as_select()).load(tx.conn)?;
    let last: Option<i64> = users::table.select(max(users::search_no)).first(tx.conn)?;
    for (number, user) in (last.unwrap_or_default() + 1..).zip(&mut mine) {
        user.derive(&emails(tx.conn, &user.id)?);
        let found = (users::search_no.eq(number), users::search_text.eq(&user.search_text));
        diesel::update(users::table.find(&user.id)).set(found).execute(tx.conn)?;
    }
    Ok(mine.len())
}

fn write_emails(tx: &mut Tx, user: &UserId, emails: &[Email]) -> Result<()> {
    for (position, email) in (0..).zip(emails) {
        let place = (
            user_emails::id.eq(new_id()),
            user_emails::user_id.eq(user),
            user_emails::position.eq::<i32>(position),
            user_emails::value_key.eq(fold(&email.value)),
        );
        diesel::insert_into(user_emails::table).values((place, email)).execute(tx.conn)?;
    }
    Ok(())
}

/// Refuses a user name that another account has, or will have once an administrator releases it, or by which single
/// sign-on knows an account with a role.
pub(super) fn free_user_name(conn: &mut Conn, own: &UserId, user_name: &str) -> Result<()> {
    if named(conn, user_name)?.is_some_and(|other| other.id != *own) {
        let message = format!("The user name “{user_name}” belongs to another account. Choose another.");
        return Err(Error::taken("user_name", message));
    }
    not_of_a_role_holder(conn, Some(own), user_name)?;
    match waiting_for_name(conn, user_name)?.filter(|other| other.id != *own) {
        Some(other) => Err(Error::taken(
            "user_name",
            format!(
                "The user name “{user_name}” is the new one of {}, which is held back. Release it, or keep the old \
                 one, under Held back.",
                other.name()
            ),
        )),
        None => Ok(()),
    }
}

/// Refuses a user name by which single sign-on knows another account that has a role. Whose it is, a client is not told.
pub(super) fn not_of_a_role_holder(conn: &mut Conn, own: Option<&UserId>, user_name: &str) -> Result<()> {
    if role_holder_known_as(conn, user_name)?.is_none_or(|other| own == Some(&other.id)) {
        return Ok(());
    }
    let message =
        format!("By the name “{user_name}” Entra ID knows another account already. Choose another.");
    Err(Error::taken("user_name", message))
}
