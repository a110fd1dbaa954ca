//! The users: the list, a user's page, deletion by hand, and the worklists.

pub(super) mod actions;
pub(super) mod alignment;
pub(super) mod deletion;
pub(super) mod edit;
pub(super) mod list;
pub(super) mod placing;
pub(super) mod show;
pub(super) mod worklists;

use crate::domain::users::{EntraState, Held, User};
use crate::error::Result;
use crate::keys::UserId;
use crate::web::extract::{Fields, keys};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;

/// The users that were selected in a list. Without any, the page that comes next says that some are to be.
fn selected(request: &HttpRequest, fields: &Fields) -> Result<Option<Vec<UserId>>> {
    let ids = keys(fields, "id")?;
    if ids.is_empty() {
        BrowserSession::of(request).flash("note", "Select one or more users first.");
    }
    Ok(Some(ids).filter(|ids| !ids.is_empty()))
}

/// A badge's kind and word for whether a user may sign in.
pub(super) fn state_badge(user: &User) -> (&'static str, &'static str) {
    if user.active { ("good", "Active") } else { ("quiet", "Inactive") }
}

/// What Entra ID asked for and the guard holds back, in a few words.
pub(super) fn held_words(user: &User) -> Option<&'static str> {
    Some(match (user.held, &user.held_name) {
        (Some(Held::Deactivate), None) => "Deactivation held back",
        (Some(Held::Delete), None) => "Deletion held back",
        (Some(Held::Deactivate), Some(_)) => "Deactivation and new user name held back",
        (Some(Held::Delete), Some(_)) => "Deletion and new user name held back",
        (None, Some(_)) => "New user name held back",
        (None, None) => return None,
    })
}

/// A badge's kind and word for how a user stands to Entra ID.
pub(super) fn entra_badge(user: &User) -> (&'static str, &'static str) {
    match user.entra_state {
        EntraState::Linked => ("note", "Entra ID"),
        EntraState::Unlinked => ("quiet", "Local"),
        EntraState::Deleted => ("warn", "Deleted in Entra ID"),
    }
}
