//! How single sign-on knows an account: by the identity provider's own key once that is remembered, and by another name
//! where the user name is not what it sends.

use super::{User, federated, find, may_decide, named, note, store, with_object_id};
use crate::domain::audit::{Action, Change};
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Role, Tx, names, sessions};
use crate::error::{Error, Result};
use crate::keys::UserId;

const LONGEST: usize = 256;

text_enum! {
    /// By which name somebody came in when their object id was remembered.
    pub enum FoundBy {
        /// By the user name.
        UserName = "user_name",
        /// By the federated id.
        FederatedId = "federated_id",
    }
}

impl FoundBy {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::UserName => "user name",
            Self::FederatedId => "federated id",
        }
    }
}

impl User {
    /// Forgets by which key the identity provider knows the person.
    pub(super) fn forget_object_id(&mut self) {
        (self.entra_object_id, self.object_id_found_by, self.object_id_found_as) = (None, None, None);
        self.confirm_object_id();
    }
}

/// Sets or clears the name by which the identity provider knows the person. Nobody else may be known by it. The key that
/// was found by the name before goes with it: whoever it belongs to is no longer said to be this person.
pub fn set_federated_id(tx: &mut Tx, id: &UserId, wish: Option<&str>) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    may_decide(tx, &user)?;
    let wish = wish.map(str::trim).filter(|text| !text.is_empty());
    if let Some(text) = wish {
        if text.len() > LONGEST {
            let message = format!("Enter a federated id of up to {LONGEST} characters.");
            return Err(Error::invalid("federated_id", message));
        }
        names::seen("federated_id", "federated id", text)?;
        let holders = [federated(tx.conn, text)?, named(tx.conn, text)?];
        if let Some(other) = holders.into_iter().flatten().find(|other| other.id != user.id) {
            let message = format!("{} is known by “{text}” already. Choose another.", other.name());
            return Err(Error::taken("federated_id", message));
        }
    }
    let change = Change::of("federated id", user.federated_id.as_deref(), wish);
    if change.is_some() {
        let object_id = user.entra_object_id.clone();
        user.federated_id = wish.map(str::to_owned);
        if user.object_id_found_by != Some(FoundBy::UserName) {
            user.forget_object_id();
        }
        if user.role != Role::None && tx.actor.is_owner() {
            user.confirm_federated_id();
        }
        store(tx, &mut user, None)?;
        sessions::end_from_sso(tx, id)?;
        let forgotten = Change::of("Entra object id", object_id.as_deref(), user.entra_object_id.as_deref());
        let changes: Vec<Change> = change.into_iter().chain(forgotten).collect();
        return Ok(note(tx, Action::UserChanged, &user, &changes)?.with(user));
    }
    Ok(Noted::unaudited(user, "nothing changed"))
}

/// Remembers by which key the identity provider knows the person, and by which name they came in: nothing but the key will
/// sign the account in. Only for a sign-in that rests on certificates and settings that an owner approved of.
pub(in crate::domain) fn remember(
    tx: &mut Tx,
    user: &mut User,
    object_id: &str,
    by: FoundBy,
    name: &str,
) -> Result<Noted<()>> {
    if with_object_id(tx.conn, object_id)?.is_some_and(|other| other.id != user.id) {
        return Err(Error::internal("an object id is remembered for two accounts"));
    }
    let change = Change::of("Entra object id", user.entra_object_id.as_deref(), Some(object_id));
    user.entra_object_id = Some(object_id.to_owned());
    (user.object_id_found_by, user.object_id_found_as) = (Some(by), Some(name.to_owned()));
    user.confirm_object_id();
    store(tx, user, None)?;
    note(tx, Action::UserChanged, user, change.as_slice())
}

/// Forgets that key: the next sign-in that matches by name is remembered anew.
pub fn forget(tx: &mut Tx, id: &UserId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    may_decide(tx, &user)?;
    let change = Change::of("Entra object id", user.entra_object_id.as_deref(), None);
    if change.is_some() {
        user.forget_object_id();
        store(tx, &mut user, None)?;
        sessions::end_from_sso(tx, id)?;
        return Ok(note(tx, Action::UserChanged, &user, change.as_slice())?.with(user));
    }
    Ok(Noted::unaudited(user, "nothing changed"))
}
