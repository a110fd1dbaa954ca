//! Links by which somebody chooses their own password: nobody else ever knows it. An owner makes one and hands it over;
//! it is good once and for a limited time, and is kept as a keyed digest only. It rests on the power of whoever made it,
//! and on the role that it was made for: it ends when its maker is no active owner any more, and with that role.

use super::passwords::Prepared;
use super::{only_owners, set_password};
use crate::db::Conn;
use crate::db::schema::{password_links, users as accounts};
use crate::domain::audit::{Action, Change};
use crate::domain::sso::policy;
use crate::domain::users::{self, User};
use crate::domain::{Actor, Noted, Role, Tx, in_words};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::seal::{self, Keyring};
use crate::secret::Secret;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

const PURPOSE: &str = "password link";
/// For an account that has no password yet.
const FIRST: TimeDelta = TimeDelta::days(7);
/// In place of a password that there is.
const NEXT: TimeDelta = TimeDelta::hours(24);

/// A new link.
#[derive(Clone)]
pub struct Link {
    /// The secret in its address, which is shown once.
    pub secret: Secret,
    /// Until when it is good, in UTC.
    pub expires_at: NaiveDateTime,
    /// Whether the password would be refused at sign-in as things are: single sign-on is required of its holder.
    pub is_barred: bool,
}

/// Makes all links void, whoever they are for; answers how many.
pub(in crate::domain) fn end_all(tx: &mut Tx) -> Result<usize> {
    Ok(diesel::delete(password_links::table).execute(tx.conn)?)
}

/// Makes a link for an account with a role; the one before it is void. A password that there is stays good until another
/// is chosen.
pub fn make(tx: &mut Tx, id: &UserId) -> Result<Noted<(User, Link)>> {
    only_owners(tx)?;
    let user = users::find(tx.conn, id)?;
    may_choose(&user)?;
    let good_for = if user.has_password { NEXT } else { FIRST };
    let is_barred = policy::bars_password(tx.conn, &user, tx.now)?;
    let link = Link { secret: Secret::new(seal::secret()), expires_at: tx.now + good_for, is_barred };
    end(tx, id)?;
    diesel::insert_into(password_links::table)
        .values((
            password_links::user_id.eq(id),
            password_links::digest.eq(tx.keys.digest(PURPOSE, link.secret.expose())),
            password_links::made_by.eq(tx.actor.name()),
            password_links::created_at.eq(tx.now),
            password_links::expires_at.eq(link.expires_at),
            password_links::maker_id.eq(maker(tx.actor)),
            password_links::role.eq(user.role),
        ))
        .execute(tx.conn)?;
    let name = user.name();
    let until = Change::set("good until", in_words(link.expires_at));
    let noted = tx.note(Action::PasswordLinkMade, user.subject(&name), &[until])?;
    Ok(noted.with((user, link)))
}

/// Whose link this is, if it is good at `now`; else it is not found.
pub fn holder(conn: &mut Conn, keys: &Keyring, secret: &str, now: NaiveDateTime) -> Result<User> {
    let good = password_links::table
        .filter(password_links::digest.eq(keys.digest(PURPOSE, secret)))
        .filter(password_links::expires_at.gt(now))
        .select((password_links::user_id, password_links::maker_id, password_links::role));
    let gone = || Error::NotFound("link: it was used, replaced, or is too old. Ask an owner for another");
    let (id, maker, role): (UserId, Option<UserId>, Role) = good.first(conn).optional()?.ok_or_else(gone)?;
    let user = users::find(conn, &id)?;
    may_choose(&user).map_err(|_| gone())?;
    let stands = user.role == role && maker.map_or(Ok(true), |maker| may_still_make(conn, &maker))?;
    if stands { Ok(user) } else { Err(gone()) }
}

/// The account of whoever makes a link; none has the shell of the server.
fn maker(actor: &Actor) -> Option<&UserId> {
    match actor {
        Actor::Person { id, .. } => Some(id),
        Actor::Entra | Actor::CommandLine | Actor::Rollcall => None,
    }
}

/// Whether this account could make a link now.
fn may_still_make(conn: &mut Conn, id: &UserId) -> Result<bool> {
    let owner =
        accounts::table.find(id).filter(accounts::active.eq(true)).filter(accounts::role.eq(Role::Owner));
    Ok(diesel::select(diesel::dsl::exists(owner)).get_result(conn)?)
}

/// Sets the password that the holder of the link chose; the link is void from then on.
pub fn redeem(tx: &mut Tx, secret: &str, prepared: Prepared) -> Result<Noted<User>> {
    let user = holder(tx.conn, tx.keys, secret, tx.now)?;
    if user.id != prepared.id {
        return Err(Error::internal("a password was prepared for another account than the link's"));
    }
    let name = user.name();
    tx.note(Action::PasswordLinkUsed, user.subject(&name), &[])?;
    set_password(tx, prepared)
}

/// Makes the account's link void.
pub(super) fn end(tx: &mut Tx, id: &UserId) -> Result<()> {
    diesel::delete(password_links::table.find(id)).execute(tx.conn)?;
    Ok(())
}

/// Makes void what rests on the power of an account: its own link, and those that it made.
pub(super) fn end_all_of(tx: &mut Tx, id: &UserId) -> Result<()> {
    end(tx, id)?;
    diesel::delete(password_links::table.filter(password_links::maker_id.eq(id))).execute(tx.conn)?;
    Ok(())
}

fn may_choose(user: &User) -> Result<()> {
    if user.role == Role::None {
        let cause = format!("{} has no role in the console and so no password.", user.name());
        return Err(Error::Conflict(cause));
    }
    if !user.active {
        let cause = format!("{} is deactivated. Reactivate the account first.", user.name());
        return Err(Error::Conflict(cause));
    }
    Ok(())
}
