//! How far Entra ID reaches: the one place that says whether SCIM sees an account, and may change it or take it over.

use super::by_entra::Scope;
use super::{EntraState, HIDDEN, Held, Origin, SEEN, SEEN_AS_ENTRAS, User};
use crate::domain::Role;
use crate::error::{Error, Result};

/// What an account is to Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing: an owner protected it, whatever else was or is asked of it.
    Nothing,
    /// Gone, as Entra ID asked: a create of its user name takes it over again.
    Gone,
    /// There, to be found and changed.
    There,
}

impl User {
    /// What the account is to Entra ID.
    #[must_use]
    pub fn reach(&self) -> Reach {
        if self.is_protected() {
            Reach::Nothing
        } else if self.entra_state == EntraState::Deleted || self.held == Some(Held::Delete) {
            Reach::Gone
        } else {
            Reach::There
        }
    }

    /// The column by which accounts that Entra ID sees are listed.
    pub(super) fn as_seen(&self) -> i32 {
        match self.reach() {
            Reach::Nothing | Reach::Gone => HIDDEN,
            Reach::There if self.is_linked() || self.origin == Origin::Entra => SEEN_AS_ENTRAS,
            Reach::There => SEEN,
        }
    }

    /// Whether Entra ID sees the account, where the organisation lets it see so much.
    pub(super) fn is_seen(&self, scope: Scope) -> bool {
        match scope {
            Scope::AllUsers => self.as_seen() > HIDDEN,
            Scope::OnlyCreatedByEntra => self.as_seen() == SEEN_AS_ENTRAS,
        }
    }

    /// Whether the account has a role and was deactivated by hand: Entra ID does not undo what an owner decided.
    pub(super) fn stays_out(&self) -> bool {
        self.role != Role::None && !self.active && self.deactivated_by_hand
    }

    /// Refuses, as if it were not there, what Entra ID may not change.
    pub(super) fn within_reach(&self) -> Result<()> {
        if self.reach() == Reach::There { Ok(()) } else { Err(Error::NotFound("user")) }
    }
}
