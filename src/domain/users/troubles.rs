//! What fails for Entra ID because of an account, and is settled by what a person does to the account here.
//!
//! The failures are counted by [`provisioning`](crate::domain::provisioning), which looks them up by these keys.

use super::User;
use crate::db::schema::provisioning_troubles as table;
use crate::domain::{Tx, fold};
use crate::error::Result;
use crate::keys::UserId;
use diesel::prelude::*;

/// By what the failures of an account are counted, reads and writes apart.
pub(in crate::domain) fn thing_of(id: &UserId) -> String {
    format!("user {id}")
}

/// Forgets what failed because of this account as it was: it is gone, linked or called otherwise now. Should it fail once
/// more, that is counted anew.
pub(in crate::domain) fn forget(tx: &mut Tx, user: &User, user_name: &str) -> Result<()> {
    let things = ["read", "write"].map(|class| format!("{class} {}", thing_of(&user.id)));
    let named = table::name_key.is_not_null().and(table::name_key.assume_not_null().eq(fold(user_name)));
    let mine = table::kind.eq("user").and(table::thing.eq_any(things).or(named));
    diesel::delete(table::table.filter(mine)).execute(tx.conn)?;
    Ok(())
}
