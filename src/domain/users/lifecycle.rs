//! May a user sign in, and does the account exist at all: one place for every interface.

use super::store::uncount;
use super::{EntraState, Held, User, by_entra, find, keep_an_owner, may_decide, note, store, troubles};
use crate::db::Conn;
use crate::db::schema::{
    license_assignments, license_types, password_links, retired_scim_ids, sessions, users,
};
use crate::domain::audit::{Action, Change};
use crate::domain::deprovisioning_guard::{self, Loss};
use crate::domain::tasks::{self, Kind, Slice, Step, Task, WorkItem};
use crate::domain::{Noted, Role, Tx, in_words};
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, UserId};
use crate::seal::Keyring;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A SCIM id of a user that is gone for good.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = retired_scim_ids)]
pub struct Retired {
    /// The id.
    pub scim_id: String,
    /// The user name it stood for.
    pub user_name: String,
    /// `adopted` (the account has a new id) or `deleted` (by hand).
    pub reason: String,
    /// Who retired it.
    pub retired_by: String,
    /// When, in UTC.
    pub retired_at: NaiveDateTime,
}

/// Whose wish it is that somebody may sign in, or no longer: not always that of whoever carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// That of the person who does it here.
    Ours,
    /// Entra ID's, also where a person lets go what the guard had held back of it.
    Entras,
}

/// Bars the user from signing in and ends what they have open. Licence and settings stay. What Entra ID asked for and the
/// guard holds back of the same account is settled by it: nothing is left to decide.
///
/// Asking twice is no error and leaves no second trace.
pub fn deactivate(tx: &mut Tx, id: &UserId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    if user.active {
        let noted = set_active(tx, &mut user, false, Initiator::Ours)?;
        if user.held == Some(Held::Delete) {
            return by_entra::delete(tx, user);
        }
        store(tx, &mut user, None)?;
        return Ok(noted.with(user));
    }
    Ok(Noted::unaudited(user, "they were deactivated already"))
}

/// As [`deactivate`], where Entra ID asked for it and an administrator lets it go.
pub(in crate::domain) fn deactivate_as_asked(tx: &mut Tx, id: &UserId) -> Result<User> {
    let mut user = find(tx.conn, id)?;
    if user.active {
        set_active(tx, &mut user, false, Initiator::Entras)?;
    } else {
        may_decide(tx, &user)?;
        (user.held, user.held_at) = (None, None);
    }
    store(tx, &mut user, None)?;
    Ok(user)
}

/// Lets the user sign in again.
pub fn reactivate(tx: &mut Tx, id: &UserId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    if user.entra_state == EntraState::Deleted {
        return Err(Error::Conflict(format!(
            "{} was deleted in Entra ID. Restore the user there, or release the account to local management first.",
            user.name()
        )));
    }
    if !user.active {
        let noted = set_active(tx, &mut user, true, Initiator::Ours)?;
        store(tx, &mut user, None)?;
        return Ok(noted.with(user));
    }
    Ok(Noted::unaudited(user, "they are active already"))
}

/// The change itself, for whoever stores the account next.
pub(super) fn set_active(tx: &mut Tx, user: &mut User, active: bool, wish: Initiator) -> Result<Noted<()>> {
    may_decide(tx, user)?;
    if !active {
        if tx.actor.is(&user.id) {
            return Err(Error::Conflict("You cannot deactivate your own account.".to_owned()));
        }
        keep_an_owner(tx, user)?;
        drop_sessions(tx, &user.id)?;
        void_links(tx, &user.id)?;
    }
    user.deactivated_by_hand = !active && wish == Initiator::Ours;
    // Decided now, whatever the guard held back.
    if user.held == Some(Held::Deactivate) {
        (user.held, user.held_at) = (None, None);
    }
    // To the guard they are new, unless it was Entra ID that has just switched them off.
    if active && !user.active && !deprovisioning_guard::was_counted(tx, Loss::Account, &user.id)? {
        let theirs = users::table.find(&user.id);
        diesel::update(theirs).set(users::reactivated_at.eq(tx.now)).execute(tx.conn)?;
    }
    user.active = active;
    user.deactivated_at = (!active).then_some(tx.now);
    let action = if active { Action::UserReactivated } else { Action::UserDeactivated };
    note(tx, action, user, &[])
}

/// Makes void the link by which the account's password is chosen, and those that it made for others. Answers how many.
pub(super) fn void_links(tx: &mut Tx, id: &UserId) -> Result<usize> {
    let theirs = password_links::user_id.eq(id).or(password_links::maker_id.eq(id));
    Ok(diesel::delete(password_links::table.filter(theirs.assume_not_null())).execute(tx.conn)?)
}

/// Signs the user out everywhere, at once.
pub fn end_sessions(tx: &mut Tx, id: &UserId) -> Result<Noted<()>> {
    let user = find(tx.conn, id)?;
    drop_sessions(tx, id)?;
    note(tx, Action::SessionsEnded, &user, &[])
}

/// Ends all sessions of somebody as part of a change that has an entry.
pub(in crate::domain) fn drop_sessions(tx: &mut Tx, id: &UserId) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(id))).execute(tx.conn)?;
    Ok(())
}

/// Deletes the accounts for good: all of them, or none when one may not be. Answers how many.
///
/// Licences and extensions are free again; the audit log keeps who, when, the user name and the SCIM id.
pub fn delete(tx: &mut Tx, ids: &[UserId]) -> Result<Noted<usize>> {
    let distinct: BTreeSet<&UserId> = ids.iter().collect();
    for id in &distinct {
        delete_one(tx, id)?;
    }
    Ok(Noted::unaudited(distinct.len(), "each user who is deleted has an entry of their own"))
}

/// Whose accounts are to be deleted, as the task keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct DeletionInput {
    ids: Vec<UserId>,
    /// Whether one that may not be deleted keeps them all: as long as they go in one transaction.
    all_or_none: bool,
}

impl tasks::TaskInput for DeletionInput {
    fn asks_the_same(&self, other: &Self) -> bool {
        self.ids == other.ids
    }
}

/// Begins to delete accounts, as [`delete`] does: none where one may not be. Who loses the possibility in the meantime
/// is left. Where a role is among them it may depend on the others, so they go at once, all or none.
pub fn begin_deleting(tx: &mut Tx, ids: &[UserId]) -> Result<Noted<Task>> {
    let distinct: BTreeSet<&UserId> = ids.iter().collect();
    let selection = selection(tx.keys, ids);
    // Whoever clicks twice is led to what the first click began.
    if let Some(task) = tasks::latest_on(tx.conn, &selection)? {
        return Ok(Noted::unaudited(task, "it was begun before"));
    }
    let mut all_or_none = false;
    for id in &distinct {
        all_or_none |= deletable(tx, id)?.role != Role::None;
    }
    let total = i64::try_from(distinct.len()).map_err(Error::internal)?;
    let order = DeletionInput { ids: distinct.into_iter().cloned().collect(), all_or_none };
    let task = tasks::begin(tx, Kind::DeleteUsers, &selection, &order, total)?;
    if !all_or_none {
        return Ok(Noted::unaudited(task, "each user who is deleted has an entry of their own"));
    }
    tasks::advance(tx, &task.id, |tx, task| delete_some(tx, task, &mut Slice::whole()))
}

/// The deletion of exactly these users, if somebody began it: it is under way, or has ended.
pub fn deletion_of(conn: &mut Conn, keys: &Keyring, ids: &[UserId]) -> Result<Option<Task>> {
    tasks::latest_on(conn, &selection(keys, ids))
}

/// What names a selection of users to delete: the same for the same users, in whatever order.
fn selection(keys: &Keyring, ids: &[UserId]) -> String {
    let distinct: BTreeSet<&str> = ids.iter().map(UserId::as_str).collect();
    let all = distinct.into_iter().collect::<Vec<_>>().join(" ");
    format!("selection {}", keys.digest("users to delete", &all))
}

/// Deletes some of them.
pub(in crate::domain) fn delete_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let order: DeletionInput = task.what()?;
    let mut at: usize = task.position()?.unwrap_or_default();
    while let Some(id) = order.ids.get(at) {
        if !slice.goes_on() {
            task.go_on_from(&at)?;
            return Ok(Noted::unaudited(Step::More, "each user who is deleted has an entry of their own"));
        }
        slice.begins(WorkItem::User(id.clone()));
        match tx.nested(|tx| delete_one(tx, id)) {
            Err(cause) if order.all_or_none || matches!(cause, Error::Internal(_)) => return Err(cause),
            outcome => task.count(outcome.is_ok()),
        }
        at += 1;
    }
    Ok(Noted::unaudited(Step::Done, "each user who is deleted has an entry of their own"))
}

/// The account, if whoever acts may delete it.
fn deletable(tx: &mut Tx, id: &UserId) -> Result<User> {
    let user = find(tx.conn, id)?;
    may_decide(tx, &user)?;
    if tx.actor.is(id) {
        return Err(Error::Conflict("You cannot delete your own account.".to_owned()));
    }
    keep_an_owner(tx, &user)?;
    Ok(user)
}

fn delete_one(tx: &mut Tx, id: &UserId) -> Result<Noted<()>> {
    let user = deletable(tx, id)?;
    let license: Option<(LicenseTypeId, String)> = license_assignments::table
        .inner_join(license_types::table)
        .filter(license_assignments::user_id.eq(id))
        .select((license_types::id, license_types::code))
        .first(tx.conn)
        .optional()?;
    let (license_id, license) = license.unzip();
    if let Some(license) = license_id {
        free_seat(tx, &license)?;
    }
    retire(tx, &user, "deleted")?;
    // Sessions, addresses, the licence and a waiting link go with it: the tables say so.
    diesel::delete(users::table.find(id)).execute(tx.conn)?;
    uncount(tx, &user)?;
    troubles::forget(tx, &user, &user.profile.user_name)?;
    let tombstone = [
        Change::of("user name", Some(&user.profile.user_name), None),
        Change::of("SCIM id", Some(&user.scim_id), None),
        Change::of("licence", license.as_deref(), None),
        Change::of("extension", user.extension.as_deref(), None),
    ];
    note(tx, Action::UserDeleted, &user, &tombstone.into_iter().flatten().collect::<Vec<_>>())
}

/// One seat of this licence type is free again.
pub(in crate::domain) fn free_seat(tx: &mut Tx, license_type: &LicenseTypeId) -> Result<()> {
    let fewer = license_types::seats_taken.eq(license_types::seats_taken - 1);
    diesel::update(license_types::table.find(license_type)).set(fewer).execute(tx.conn)?;
    Ok(())
}

/// Remembers that the account's SCIM id is gone.
pub(super) fn retire(tx: &mut Tx, user: &User, reason: &str) -> Result<()> {
    let retired = Retired {
        scim_id: user.scim_id.clone(),
        user_name: user.profile.user_name.clone(),
        reason: reason.to_owned(),
        retired_by: tx.actor.name().to_owned(),
        retired_at: tx.now,
    };
    diesel::insert_into(retired_scim_ids::table).values(&retired).execute(tx.conn)?;
    Ok(())
}

/// What became of a SCIM id that answers no more.
pub fn retired(conn: &mut Conn, scim_id: &str) -> Result<Option<Retired>> {
    Ok(retired_scim_ids::table.find(scim_id).select(Retired::as_select()).first(conn).optional()?)
}

impl Retired {
    /// What to tell the person who reads the log.
    #[must_use]
    pub fn remedy(&self) -> String {
        let when = in_words(self.retired_at);
        if self.reason == "deleted" {
            return format!(
                "{} deleted {} here by hand on {when}. In Entra ID, unassign the user from the application, or \
                 restart provisioning so that it is matched or created again.",
                self.retired_by, self.user_name
            );
        }
        format!(
            "{} was deleted in Entra ID and came into use again, under a new id, on {when}. Restart provisioning in \
             Entra ID so that it learns the new id.",
            self.user_name
        )
    }
}
