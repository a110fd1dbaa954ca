//! What will become of each account when provisioning is switched on, in words.

use super::{AccountStanding, AlignmentRow, Kind, State};
use crate::domain::users::by_entra::Scope;

/// What Entra ID will do with this row's account, as things stand.
#[must_use]
pub fn outlook(row: &AlignmentRow, scope: Scope) -> &'static str {
    let all = scope == Scope::AllUsers;
    match (row.standing, row.kind, row.state) {
        (AccountStanding::Protected, ..) => {
            "Stays as it is: Entra ID neither sees nor changes a protected owner."
        }
        (AccountStanding::Linked, Kind::Same | Kind::Case, _) => {
            "Linked already: Entra ID goes on managing it."
        }
        (AccountStanding::Linked, ..) => {
            "Linked already, under another name: Entra ID renames it if it knows the account."
        }
        (_, Kind::Same | Kind::Case, _) | (_, _, State::Accepted) if all => {
            "Entra ID finds this account and links it at its first write. Nothing is duplicated."
        }
        (_, Kind::Same | Kind::Case, _) | (_, _, State::Accepted) => {
            "Entra ID does not see it and cannot create it either: it waits under “Waiting to be linked” for you."
        }
        (_, Kind::OnlyHere, _) => "Stays as it is: managed here, and Entra ID leaves it alone.",
        (_, Kind::OnlyInEntra, _) => {
            "Entra ID creates a new account, without a licence, if the user is in scope."
        }
        (_, Kind::Ambiguous, _) => {
            "Without a decision Entra ID creates a second account for this person, if they are in scope."
        }
        _ => "Without the new name Entra ID creates a second account for this person.",
    }
}
