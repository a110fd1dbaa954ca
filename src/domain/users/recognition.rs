//! By what single sign-on recognises an account, and what of it an owner stands behind.
//!
//! Whoever can write such a field can decide who becomes whom. For an account with a role each of them therefore counts
//! only as an owner wrote or confirmed it: whatever else is written, by whichever way, waits for an owner and signs
//! nobody in. For accounts without a role all of them count.

use super::{User, find, note, store};
use crate::db::Conn;
use crate::db::schema::users as table;
use crate::domain::audit::{Action, Change};
use crate::domain::names::{as_called, is_called};
use crate::domain::{Noted, Role, Tx, sessions};
use crate::error::{Error, Result};
use crate::keys::UserId;
use diesel::prelude::*;

/// By what an account is recognised: what a page shows an owner, and what it is compared with when the owner decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecognitionSnapshot {
    /// The user name.
    pub user_name: String,
    /// What the identity provider calls the person, where that is not the user name.
    pub federated_id: Option<String>,
    /// The identity provider's own key of the person.
    pub object_id: Option<String>,
}

/// What an owner decides about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What the owner was shown; none where nothing was.
    pub shown: Option<RecognitionSnapshot>,
    /// What becomes of the federated id.
    pub federated_id: Keep,
    /// What becomes of the object id.
    pub object_id: Keep,
}

/// Whether one of the things by which an account is recognised stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// It does if an owner stands behind it already: nobody loses by the way what was confirmed once.
    #[default]
    IfConfirmed,
    /// It does: the owner knows that it is this person's.
    Yes,
    /// It does not, whoever stood behind it.
    No,
}

impl User {
    /// By what the account is recognised.
    #[must_use]
    pub fn recognised_by(&self) -> RecognitionSnapshot {
        RecognitionSnapshot {
            user_name: self.profile.user_name.clone(),
            federated_id: self.federated_id.clone(),
            object_id: self.entra_object_id.clone(),
        }
    }

    /// Whether the user name may sign the account in.
    #[must_use]
    pub fn user_name_counts(&self) -> bool {
        self.counts(self.confirmed_name_key.as_ref(), Some(&as_called(&self.profile.user_name)))
    }

    /// Whether the federated id may sign the account in.
    #[must_use]
    pub fn federated_id_counts(&self) -> bool {
        self.counts(
            self.confirmed_federated_key.as_ref(),
            self.federated_id.as_deref().map(as_called).as_ref(),
        )
    }

    /// Whether the object id may sign the account in.
    #[must_use]
    pub fn object_id_counts(&self) -> bool {
        self.counts(self.confirmed_object_id.as_ref(), self.entra_object_id.as_ref())
    }

    /// Whether an owner stands behind the federated id: that of an account without a role counts all the same.
    #[must_use]
    pub fn federated_id_is_confirmed(&self) -> bool {
        self.role != Role::None && self.federated_id_counts()
    }

    /// Whether an owner stands behind the object id.
    #[must_use]
    pub fn object_id_is_confirmed(&self) -> bool {
        self.role != Role::None && self.object_id_counts()
    }

    /// Whether anything by which the account is recognised waits for an owner.
    #[must_use]
    pub fn waits_for_an_owner(&self) -> bool {
        !(self.user_name_counts()
            && (self.federated_id.is_none() || self.federated_id_counts())
            && (self.entra_object_id.is_none() || self.object_id_counts()))
    }

    fn counts(&self, confirmed: Option<&String>, present: Option<&String>) -> bool {
        self.role == Role::None || (present.is_some() && confirmed == present)
    }

    /// What an owner last stood behind of the names; another may stand there since.
    #[must_use]
    pub fn last_confirmed(&self) -> (Option<&str>, Option<&str>) {
        (self.name_last_confirmed.as_deref(), self.federated_id_last_confirmed.as_deref())
    }

    /// An owner stands behind all of it as it is.
    pub(in crate::domain) fn confirm_recognition(&mut self) {
        self.confirm_user_name();
        self.confirm_federated_id();
        self.confirm_object_id();
    }

    /// An owner stands behind the user name as it is.
    pub(super) fn confirm_user_name(&mut self) {
        self.confirmed_name_key = Some(as_called(&self.profile.user_name));
        self.name_last_confirmed = Some(self.profile.user_name.clone());
    }

    /// An owner stands behind the federated id as it is.
    pub(super) fn confirm_federated_id(&mut self) {
        self.confirmed_federated_key = self.federated_id.as_deref().map(as_called);
        self.federated_id_last_confirmed.clone_from(&self.federated_id);
    }

    /// The object id as it is came by what an owner stands behind.
    pub(super) fn confirm_object_id(&mut self) {
        self.confirmed_object_id.clone_from(&self.entra_object_id);
    }

    /// Whether an owner stands behind one of the names.
    pub(super) fn has_confirmed_names(&self) -> bool {
        self.confirmed_name_key.is_some() || self.confirmed_federated_key.is_some()
    }

    /// Nobody stands behind the names: only the object id that was remembered signs an account with a role in.
    pub(super) fn forget_confirmed_names(&mut self) {
        (self.confirmed_name_key, self.confirmed_federated_key) = (None, None);
    }

    /// A name that is another than before counts only if whoever changed it confirmed it; that it was confirmed once
    /// does not help a name that comes back.
    pub(super) fn keep_in_step(&mut self, before: &Self) {
        let renamed = !is_called(&before.profile.user_name, &self.profile.user_name);
        if renamed && self.confirmed_name_key == before.confirmed_name_key {
            self.confirmed_name_key = None;
        }
        let [id_before, id] = [before, &*self].map(|user| user.federated_id.as_deref().map(as_called));
        if id_before != id && self.confirmed_federated_key == before.confirmed_federated_key {
            self.confirmed_federated_key = None;
        }
    }

    /// Nobody stands behind any of it.
    pub(in crate::domain) fn forget_recognition(&mut self) {
        self.forget_confirmed_names();
        self.confirmed_object_id = None;
        (self.name_last_confirmed, self.federated_id_last_confirmed) = (None, None);
    }
}

/// Confirms, as an owner, how an account with a role is recognised. What waits and is not kept is cleared; what was
/// confirmed before stays, unless the owner says that it is to go.
pub fn confirm(tx: &mut Tx, id: &UserId, decision: &Decision) -> Result<Noted<User>> {
    if !tx.actor.is_owner() {
        let cause = "Only an owner decides how an account with a role is recognised.";
        return Err(Error::Forbidden(cause.to_owned()));
    }
    let mut user = find(tx.conn, id)?;
    if user.role == Role::None {
        return Err(Error::Conflict(format!("{} has no role in the console.", user.name())));
    }
    let changes = decide(&mut user, decision)?;
    store(tx, &mut user, None)?;
    let name = Change::set("confirmed as recognised by", user.recognised_by().words());
    let noted = note(tx, Action::RecognitionConfirmed, &user, &[changes, vec![name]].concat())?;
    // What was let in by anything else is no longer good.
    sessions::end_from_sso(tx, id)?;
    Ok(noted.with(user))
}

/// The account goes by another user name from now on. A sign-in under the old one that is held or under way ends, and so
/// do the sessions of an account with a role, unless the identity provider's own key of the person stands behind them.
pub(in crate::domain) fn renamed(tx: &mut Tx, user: &User) -> Result<()> {
    let is_known_by_key = user.entra_object_id.is_some() && user.object_id_counts();
    if user.role == Role::None || is_known_by_key {
        sessions::end_reserved_from_sso(tx, &user.id)
    } else {
        sessions::end_from_sso(tx, &user.id)
    }
}

/// The decision itself, for whoever stores the account next. Answers what changed.
pub(in crate::domain) fn decide(user: &mut User, decision: &Decision) -> Result<Vec<Change>> {
    if decision.shown.as_ref().is_some_and(|shown| *shown != user.recognised_by()) {
        return Err(Error::Conflict(format!(
            "How {} is recognised was changed since this page was shown. Nothing was done: look at it again and decide \
             anew.",
            user.name()
        )));
    }
    let before = user.recognised_by();
    if !decision.federated_id.keeps(user.federated_id_is_confirmed()) {
        user.federated_id = None;
    }
    if !decision.object_id.keeps(user.object_id_is_confirmed()) {
        user.forget_object_id();
    }
    user.confirm_recognition();
    let after = user.recognised_by();
    let changes = [
        Change::of("federated id", before.federated_id.as_deref(), after.federated_id.as_deref()),
        Change::of("Entra object id", before.object_id.as_deref(), after.object_id.as_deref()),
    ];
    Ok(changes.into_iter().flatten().collect())
}

impl Keep {
    fn keeps(self, is_confirmed: bool) -> bool {
        match self {
            Self::IfConfirmed => is_confirmed,
            Self::Yes => true,
            Self::No => false,
        }
    }
}

impl RecognitionSnapshot {
    /// In plain words.
    fn words(&self) -> String {
        let also = [("federated id", &self.federated_id), ("Entra object id", &self.object_id)];
        let also = also.into_iter().filter_map(|(what, value)| Some(format!(", {what} {}", value.as_ref()?)));
        format!("user name {}{}", self.user_name, also.collect::<String>())
    }
}

/// The accounts with a role of which something waits for an owner.
pub fn waiting(conn: &mut Conn) -> Result<Vec<User>> {
    let mut holders = role_holders(conn)?;
    holders.retain(User::waits_for_an_owner);
    Ok(holders)
}

/// The accounts with a role, by name.
pub fn role_holders(conn: &mut Conn) -> Result<Vec<User>> {
    // By name and not “all but”, which no index serves: Home asks at each showing.
    let roles = [Role::Auditor, Role::Administrator, Role::Owner];
    let holders = table::table.filter(table::role.eq_any(roles)).select(User::as_select());
    Ok(holders.order((table::sort_name, table::id)).load(conn)?)
}
