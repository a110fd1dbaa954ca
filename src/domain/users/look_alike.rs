//! Names that look like another's (UTS #39): pointed out wherever somebody writes a name by which an account is found.

use super::{CHUNK, User, find};
use crate::characters;
use crate::db::Conn;
use crate::db::schema::users as table;
use crate::domain::{Role, fold};
use crate::error::{Error, Result};
use crate::keys::UserId;
use diesel::prelude::*;
use std::cmp::Reverse;
use std::collections::HashMap;

/// How many names a sentence tells before it counts the rest.
const MOST_TOLD: usize = 3;

/// Accounts by what their user names look like: all that share a look.
#[derive(Debug, Default)]
pub struct LookAlikes {
    users: Vec<User>,
    by_look: HashMap<String, Vec<usize>>,
}

impl LookAlikes {
    fn of(users: Vec<User>) -> Self {
        let mut by_look: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, user) in users.iter().enumerate() {
            let look = user.look_key.clone().unwrap_or_else(|| user.user_name_key.clone());
            for look in user.look_written.iter().cloned().chain([look]) {
                by_look.entry(look).or_default().push(at);
            }
        }
        Self { users, by_look }
    }

    fn alike(&self, user_name: &str) -> Vec<&User> {
        let looks = looks(user_name);
        let found = looks.iter().filter_map(|look| self.by_look.get(look)).flatten();
        found.filter_map(|at| self.users.get(*at)).collect()
    }

    /// Those whose user names look like this one, or are it; whoever has the greatest role comes first.
    #[must_use]
    pub fn meant_by(&self, user_name: &str) -> Vec<&User> {
        let mut alike = self.alike(user_name);
        alike.sort_by_key(|user| (Reverse(user.role), &user.user_name_key));
        alike.dedup_by(|one, other| one.id == other.id);
        alike
    }

    /// Those, other than its own, whose user names look like this one but are not the same, in that order.
    #[must_use]
    pub fn others(&self, user_name: &str, own: Option<&UserId>) -> Vec<&User> {
        let key = fold(user_name);
        let mut others = self.meant_by(user_name);
        others.retain(|user| Some(&user.id) != own && user.user_name_key != key);
        others
    }
}

/// A name by which somebody is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The user name.
    UserName,
    /// The federated id.
    FederatedId,
}

impl Written {
    fn label(self) -> &'static str {
        match self {
            Self::UserName => "user name",
            Self::FederatedId => "federated id",
        }
    }

    /// The box by which whoever wrote it says that it is meant: where the complaint belongs.
    fn tick(self) -> &'static str {
        match self {
            Self::UserName => "look_alike",
            Self::FederatedId => "federated_look_alike",
        }
    }

    fn of(self, user: &User) -> Option<&str> {
        match self {
            Self::UserName => Some(&user.profile.user_name),
            Self::FederatedId => user.federated_id.as_deref(),
        }
    }
}

/// The accounts whose user names look like one of these.
pub fn all_looking_like(conn: &mut Conn, user_names: &[&str]) -> Result<LookAlikes> {
    let mut found: HashMap<UserId, User> = HashMap::new();
    for some in user_names.chunks(CHUNK / 6) {
        let mut looks: Vec<String> = some.iter().flat_map(|name| looks(name)).collect();
        looks.sort_unstable();
        looks.dedup();
        let apart =
            table::look_key.is_not_null().and(table::look_key.assume_not_null().eq_any(looks.clone()));
        let written = table::look_written
            .is_not_null()
            .and(table::look_written.assume_not_null().eq_any(looks.clone()));
        let mine = table::table.filter(table::user_name_key.eq_any(looks).or(apart).or(written));
        let accounts: Vec<User> = mine.select(User::as_select()).load(conn)?;
        found.extend(accounts.into_iter().map(|user| (user.id.clone(), user)));
    }
    let mut users: Vec<User> = found.into_values().collect();
    users.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(LookAlikes::of(users))
}

/// Points out accounts whose user names, or for accounts with a role whose federated ids, look like the name that was
/// just written to `user`, and so refuses the whole; `meant` is said by whoever was told already.
///
/// It takes the account as it is stored: whatever else is wrong with the name was told before, and no tick helps it.
pub fn must_differ(conn: &mut Conn, written: Written, user: &User, meant: bool) -> Result<()> {
    if meant {
        return Ok(());
    }
    match remark(conn, written, user)? {
        Some(remark) => {
            let text = format!("{remark} Correct it, or say that you mean it all the same.");
            Err(Error::invalid(written.tick(), text))
        }
        None => Ok(()),
    }
}

/// What there is to say about a name of this account that looks like others'.
pub fn remark(conn: &mut Conn, written: Written, user: &User) -> Result<Option<String>> {
    let Some(name) = written.of(user) else { return Ok(None) };
    let found = all_looking_like(conn, &[name])?;
    let others = found.others(name, Some(&user.id)).into_iter();
    let mut told: Vec<String> = others
        .map(|other| format!("“{}”, which is that of {}", other.profile.user_name, other.name()))
        .collect();
    for (other, its) in federated_looking_like(conn, name, &user.id)? {
        told.push(format!("“{its}”, which is the federated id of {}", find(conn, &other)?.name()));
    }
    let beyond = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if told.is_empty() {
        return Ok(None);
    }
    let more = match beyond {
        0 => String::new(),
        1 => ", and like one more".to_owned(),
        many => format!(", and like {many} more"),
    };
    Ok(Some(format!("This {} looks like {}{more}.", written.label(), told.join(", and like "))))
}

/// Few accounts have a role: theirs are compared one by one.
fn federated_looking_like(conn: &mut Conn, name: &str, own: &UserId) -> Result<Vec<(UserId, String)>> {
    let roles = [Role::Auditor, Role::Administrator, Role::Owner];
    let holders: Vec<(UserId, Option<String>)> = table::table
        .filter(table::role.eq_any(roles))
        .filter(table::federated_id.is_not_null())
        .filter(table::id.ne(own))
        .order(table::id)
        .select((table::id, table::federated_id))
        .load(conn)?;
    let (mine, key) = (looks(name), fold(name));
    let alike = |its: &str| fold(its) != key && looks(its).iter().any(|look| mine.contains(look));
    let others = holders.into_iter().filter_map(|(id, its)| Some((id, its?)));
    Ok(others.filter(|(_, its)| alike(its)).collect())
}

/// What a name looks like, folded and as it is written: capitals may look like other letters than small ones do.
fn looks(user_name: &str) -> [String; 2] {
    [characters::look(&fold(user_name)), characters::look(user_name.trim())]
}
