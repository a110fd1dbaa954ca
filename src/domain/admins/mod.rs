//! Who may enter the console: roles, set-up, and the protection of owners.
//!
//! [`strength`] holds what a password must be, [`passwords`] how it is kept, [`links`] how somebody chooses their own,
//! [`sign_in`] what a sign-in by password is, [`throttle`] what slows down whoever guesses, and [`devices`] those whom
//! that must not hold up.

use super::audit::{Action, Change, Kind, Subject};
use super::settings::{self, names};
use super::users::recognition::{self, Decision};
use super::users::{self, EntraState, Profile, User, by_hand, keep_an_owner, lifecycle, store};
use super::{Noted, Role, Tx};
use crate::db::Conn;
use crate::db::schema::users as table;
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::seal::{self, Keyring};
use diesel::prelude::*;

use links::Link;
use passwords::{PasswordHash, Prepared};

pub mod devices;
pub mod links;
pub mod passwords;
pub mod sign_in;
pub mod strength;
pub mod throttle;

const SET_UP_PURPOSE: &str = "set-up link";
const LONGEST_ORGANISATION: usize = 128;

/// What is entered for a new account with a role.
#[derive(Clone, Debug)]
pub struct NewAdmin {
    /// The full name.
    pub name: String,
    /// The user name to sign in with.
    pub user_name: String,
    /// The hash of the password, see [`passwords::prepare_new`].
    pub password: PasswordHash,
    /// What it may do.
    pub role: Role,
}

/// What is entered for a new account with a role whose password its holder chooses.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The full name.
    pub name: String,
    /// The user name to sign in with.
    pub user_name: String,
    /// What it may do.
    pub role: Role,
}

/// Whether the instance has no owner yet.
pub fn is_unclaimed(conn: &mut Conn) -> Result<bool> {
    let owners: i64 = table::table.filter(table::role.eq(Role::Owner)).count().get_result(conn)?;
    Ok(owners == 0)
}

/// A new set-up secret for an instance without an owner; the one before it is void.
pub fn offer_set_up(tx: &mut Tx) -> Result<Noted<Option<String>>> {
    if !is_unclaimed(tx.conn)? {
        return Ok(Noted::unaudited(None, "there is an owner"));
    }
    let secret = seal::secret();
    settings::put(tx, names::SET_UP, &tx.keys.digest(SET_UP_PURPOSE, &secret))?;
    Ok(Noted::unaudited(
        Some(secret),
        "nobody owns the instance yet, and whoever starts it is shown the link",
    ))
}

/// Refuses, as not found, whoever doesn't hold the set-up secret of an unclaimed instance.
pub fn may_set_up(conn: &mut Conn, keys: &Keyring, secret: &str) -> Result<()> {
    let digest: Option<String> = settings::get(conn, names::SET_UP)?;
    let held = digest.is_some_and(|digest| keys.recognises(SET_UP_PURPOSE, secret, &digest));
    if held && is_unclaimed(conn)? {
        Ok(())
    } else {
        Err(Error::NotFound("set-up link: it was used or replaced"))
    }
}

/// Claims the instance for its first owner.
pub fn set_up(tx: &mut Tx, secret: &str, organisation: &str, wish: &NewAdmin) -> Result<Noted<User>> {
    may_set_up(tx.conn, tx.keys, secret)?;
    let organisation = organisation.trim();
    if organisation.is_empty() || organisation.chars().count() > LONGEST_ORGANISATION {
        let message = format!("Enter the organisation's name, of 1 to {LONGEST_ORGANISATION} characters.");
        return Err(Error::invalid("organisation", message));
    }
    crate::domain::names::seen("organisation", "organisation's name", organisation)?;
    let owner = add(tx, &NewAdmin { role: Role::Owner, ..wish.clone() })?.into_inner();
    settings::put(tx, names::ORGANISATION, &organisation)?;
    settings::forget(tx, names::SET_UP)?;
    let subject = Subject { kind: Kind::Organisation, id: "organisation", name: organisation };
    let noted = tx.note(Action::SetUp, subject, &[Change::set("first owner", &owner.profile.user_name)])?;
    Ok(noted.with(owner))
}

/// Everybody with a role in the console, by role and name.
pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    let mut holders = recognition::role_holders(conn)?;
    holders.sort_by_key(|user| std::cmp::Reverse(user.role));
    Ok(holders)
}

/// Makes an account with a role. The first account with a role is an owner: there must be one.
pub fn create(tx: &mut Tx, wish: &NewAdmin) -> Result<Noted<User>> {
    only_owners(tx)?;
    let first = is_unclaimed(tx.conn)?;
    if wish.role == Role::None {
        return Err(Error::invalid("role", "Choose auditor, administrator or owner."));
    }
    if first && wish.role != Role::Owner {
        return Err(Error::invalid("role", "There is no owner yet: the first account must be an owner."));
    }
    let user = add(tx, wish)?;
    settings::forget(tx, names::SET_UP)?;
    Ok(user)
}

/// Makes an account with a role, and a link by which its holder chooses their password.
pub fn invite(tx: &mut Tx, invitation: &Invitation) -> Result<Noted<(User, Link)>> {
    only_owners(tx)?;
    let Invitation { name, user_name, role } = invitation;
    if *role == Role::None {
        return Err(Error::invalid("role", "Choose auditor, administrator or owner."));
    }
    let user = add_with(tx, name, user_name, *role, None)?;
    links::make(tx, &user.id)
}

fn add(tx: &mut Tx, wish: &NewAdmin) -> Result<Noted<User>> {
    add_with(tx, &wish.name, &wish.user_name, wish.role, Some(wish.password.clone()))
}

fn add_with(
    tx: &mut Tx,
    name: &str,
    user_name: &str,
    role: Role,
    password: Option<PasswordHash>,
) -> Result<Noted<User>> {
    let name = name.trim();
    let profile = Profile {
        display_name: (!name.is_empty()).then(|| name.to_owned()),
        ..Profile::named(user_name.trim())
    };
    let mut user = by_hand::create(tx, by_hand::LocalProfile { profile, email: None }, None)?.into_inner();
    user.role = role;
    user.confirm_recognition();
    store(tx, &mut user, None)?;
    if let Some(password) = password {
        password.store(tx, &mut user)?;
    }
    Ok(note_role(tx, &user, Role::None)?.with(user))
}

/// Gives an account another role, or none: as [`appoint_recognised`] for an owner who was shown nothing and keeps
/// nothing but the user name.
pub fn appoint(tx: &mut Tx, id: &UserId, role: Role) -> Result<Noted<User>> {
    appoint_recognised(tx, id, role, &Decision::default())
}

/// Gives an account another role, or none. An account that becomes an owner is protected from Entra ID.
///
/// An account that had no role is recognised from then on by what the owner decides: its user name, and what else is
/// kept of what a lesser role may have written. Whoever is signed in to it signs in anew.
pub fn appoint_recognised(tx: &mut Tx, id: &UserId, role: Role, decision: &Decision) -> Result<Noted<User>> {
    only_owners(tx)?;
    let mut user = users::find(tx.conn, id)?;
    let before = user.role;
    if before == role {
        return Ok(Noted::unaudited(user, "nothing changed"));
    }
    if tx.actor.is(id) {
        return Err(Error::Conflict("You cannot change your own role. Ask another owner.".to_owned()));
    }
    if role > before && user.entra_state == EntraState::Deleted {
        return Err(Error::Conflict(format!(
            "{} was deleted in Entra ID and can have no role.",
            user.name()
        )));
    }
    keep_an_owner(tx, &user)?;
    let mut changes = Vec::new();
    if before == Role::None {
        changes = recognition::decide(&mut user, decision)?;
    }
    user.role = role;
    user.handed_over = false;
    if role == Role::Owner {
        by_hand::protect(tx, &mut user)?;
    }
    if role == Role::None {
        PasswordHash::forget(tx, &mut user)?;
        user.forget_recognition();
    }
    links::end_all_of(tx, id)?;
    // A session is of those who could begin it: with less power, or with none before, it begins anew.
    if role < before || before == Role::None {
        lifecycle::drop_sessions(tx, id)?;
        devices::forget(tx, id)?;
    }
    store(tx, &mut user, None)?;
    changes.extend(Change::of("role", Some(before.word()), Some(role.word())));
    let name = user.name();
    let noted = tx.note(Action::RoleChanged, user.subject(&name), &changes)?;
    Ok(noted.with(user))
}

/// Puts an owner's account under Entra ID's management, or protects it again.
pub fn hand_over(tx: &mut Tx, id: &UserId, handed_over: bool) -> Result<Noted<User>> {
    only_owners(tx)?;
    let mut user = users::find(tx.conn, id)?;
    if user.role != Role::Owner {
        return Err(Error::Conflict(format!("{} is not an owner.", user.name())));
    }
    if user.handed_over == handed_over {
        return Ok(Noted::unaudited(user, "nothing changed"));
    }
    if handed_over {
        keep_an_owner(tx, &user)?;
        user.handed_over = true;
    } else {
        by_hand::protect(tx, &mut user)?;
    }
    store(tx, &mut user, None)?;
    if handed_over {
        // Entra ID was refused this account until now.
        users::troubles::forget(tx, &user, &user.profile.user_name)?;
    }
    let action = if handed_over { Action::OwnerHandedOver } else { Action::OwnerProtected };
    let name = user.name();
    let noted = tx.note(action, user.subject(&name), &[])?;
    Ok(noted.with(user))
}

/// Sets the password of an account with a role and ends its sessions.
///
/// One's own, or anybody's for an owner: whoever changes their own has shown the old one before. Refused if the account
/// changed since the hash was made by [`passwords::prepare`].
pub fn set_password(tx: &mut Tx, prepared: Prepared) -> Result<Noted<User>> {
    let Prepared { id, version, hash } = prepared;
    let mut user = users::find(tx.conn, &id)?;
    if !tx.actor.is(&id) {
        only_owners(tx)?;
    }
    if user.role == Role::None {
        return Err(Error::Conflict(format!(
            "{} has no role in the console and so no password.",
            user.name()
        )));
    }
    if user.version != version {
        return Err(Error::Conflict(format!(
            "{} was changed by somebody else in the meantime, and no password was set. Try again.",
            user.name()
        )));
    }
    hash.store(tx, &mut user)?;
    store(tx, &mut user, None)?;
    lifecycle::drop_sessions(tx, &id)?;
    // Whoever sat in one of those sessions may have made links in it.
    links::end_all_of(tx, &id)?;
    throttle::forgive_all(tx, &id)?;
    devices::forget(tx, &id)?;
    let name = user.name();
    let noted = tx.note(Action::PasswordSet, user.subject(&name), &[])?;
    Ok(noted.with(user))
}

fn only_owners(tx: &Tx) -> Result<()> {
    if tx.actor.is_owner() {
        return Ok(());
    }
    Err(Error::Forbidden("Only an owner may do this.".to_owned()))
}

fn note_role(tx: &mut Tx, user: &User, before: Role) -> Result<Noted<()>> {
    let change = Change::of("role", Some(before.word()), Some(user.role.word()));
    let name = user.name();
    tx.note(Action::RoleChanged, user.subject(&name), change.as_slice())
}
