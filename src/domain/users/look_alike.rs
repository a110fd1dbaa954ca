//! Names that look like another's (UTS #39): pointed out wherever somebody writes a name by which an account is found.

use super::{CHUNK, User, find};
use crate::characters;
use crate::db::Conn;
use crate::db::schema::users as table;
use crate::domain::{Role, fold};
use crate::error::{Error, Result};
use diesel::prelude::*;
use std::collections::HashMap;

/// Accounts by what their user names look like.
#[derive(Debug, Default)]
pub struct LookAlikes(HashMap<String, User>);

impl LookAlikes {
    /// The one whose user name looks like this one, or is it.
    #[must_use]
    pub fn meant_by(&self, user_name: &str) -> Option<&User> {
        looks(user_name).iter().find_map(|look| self.0.get(look))
    }

    /// The one, other than its own, whose user name looks like this one but is not the same.
    #[must_use]
    pub fn other(&self, user_name: &str, own: Option<&str>) -> Option<&User> {
        let key = fold(user_name);
        let alike = looks(user_name);
        let mut alike = alike.iter().filter_map(|look| self.0.get(look));
        alike.find(|user| Some(user.id.as_str()) != own && user.user_name_key != key)
    }
}

/// The accounts whose user names look like one of these.
pub fn all_looking_like(conn: &mut Conn, user_names: &[&str]) -> Result<LookAlikes> {
    let mut found = HashMap::new();
    for some in user_names.chunks(CHUNK / 4) {
        let looks: Vec<String> = some.iter().flat_map(|name| looks(name)).collect();
        let apart =
            table::look_key.is_not_null().and(table::look_key.assume_not_null().eq_any(looks.clone()));
        let mine = table::table.filter(table::user_name_key.eq_any(looks).or(apart));
        let accounts: Vec<User> = mine.select(User::as_select()).load(conn)?;
        found.extend(
            accounts
                .into_iter()
                .map(|user| (user.look_key.clone().unwrap_or_else(|| user.user_name_key.clone()), user)),
        );
    }
    Ok(LookAlikes(found))
}

/// Points out an account whose user name, or for an account with a role whose federated id, looks like this name.
/// `field` is where the complaint belongs and `label` what the name is; `meant` is said by whoever was told already.
pub fn tell_apart(
    conn: &mut Conn,
    field: &'static str,
    label: &str,
    name: &str,
    own: Option<&str>,
    meant: bool,
) -> Result<()> {
    if meant {
        return Ok(());
    }
    match remark(conn, label, name, own)? {
        Some(remark) => {
            Err(Error::invalid(field, format!("{remark} Correct it, or say that you mean it all the same.")))
        }
        None => Ok(()),
    }
}

/// What there is to say about a name that looks like another's.
pub fn remark(conn: &mut Conn, label: &str, name: &str, own: Option<&str>) -> Result<Option<String>> {
    let found = all_looking_like(conn, &[name])?;
    if let Some(other) = found.other(name, own) {
        let (its, whose) = (&other.profile.user_name, other.name());
        return Ok(Some(format!("This {label} looks like “{its}”, which is that of {whose}.")));
    }
    let Some((id, its)) = federated_looking_like(conn, name, own)? else { return Ok(None) };
    let whose = find(conn, &id)?.name();
    Ok(Some(format!("This {label} looks like “{its}”, which is the federated id of {whose}.")))
}

/// Few accounts have a role: theirs are compared one by one.
fn federated_looking_like(
    conn: &mut Conn,
    name: &str,
    own: Option<&str>,
) -> Result<Option<(String, String)>> {
    let roles = [Role::Auditor, Role::Administrator, Role::Owner];
    let holders: Vec<(String, Option<String>)> = table::table
        .filter(table::role.eq_any(roles))
        .filter(table::federated_id.is_not_null())
        .select((table::id, table::federated_id))
        .load(conn)?;
    let (mine, key) = (looks(name), fold(name));
    let alike = |its: &str| fold(its) != key && looks(its).iter().any(|look| mine.contains(look));
    let mut others = holders.into_iter().filter_map(|(id, its)| Some((id, its?)));
    Ok(others.find(|(id, its)| Some(id.as_str()) != own && alike(its)))
}

/// What a name looks like: in the case in which it is written, a capital I looks like an l, and folded it does not.
fn looks(user_name: &str) -> [String; 2] {
    [characters::look(&fold(user_name)), characters::look(user_name.trim())]
}
