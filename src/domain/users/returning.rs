//! An account with a role that Entra ID gives back, or gives to another person of its directory.
//!
//! Names are given to others when people leave, and whoever left may know the password: the role stays, but nobody comes
//! in by what was good before, save by the object id, which is never given to anybody else. An owner is asked who it is.

use super::{User, lifecycle, note, store_password};
use crate::db::schema::sign_in_devices;
use crate::domain::audit::Action;
use crate::domain::{Role, Tx};
use crate::error::Result;
use diesel::prelude::*;

/// The account goes on as that of another object of the directory: by hand or by Entra ID, as a rename of its key or as a
/// return. For whoever stores it next.
///
/// Single sign-on finds the new object by name. Not so an account with a role in the console: there an administrator
/// decides, and what the person before may know is taken.
pub(super) fn goes_to_another(tx: &mut Tx, user: &mut User) -> Result<()> {
    if user.role == Role::None {
        user.forget_object_id();
    }
    begin_anew(tx, user)
}

/// Takes what the person before may know or hold; for whoever stores the account next.
pub(super) fn begin_anew(tx: &mut Tx, user: &mut User) -> Result<()> {
    if user.role == Role::None {
        return Ok(());
    }
    let links = lifecycle::void_links(tx, &user.id)?;
    let theirs = sign_in_devices::table.filter(sign_in_devices::user_id.eq(&user.id));
    let devices = diesel::delete(theirs).execute(tx.conn)?;
    let had_password = user.has_password;
    if had_password {
        store_password(tx, user, None)?;
    }
    let had_names = user.has_confirmed_names();
    user.forget_confirmed_names();
    lifecycle::drop_sessions(tx, &user.id)?;
    if links + devices > 0 || had_password || had_names {
        note(tx, Action::AccessReset, user, &[])?;
    }
    Ok(())
}

/// Whether Entra ID says that the account belongs to another object of its directory than before. One that is taken away
/// counts, so that two steps come to the same as one.
pub(super) fn is_another(before: Option<&str>, after: Option<&str>) -> bool {
    before.is_some() && before != after
}
