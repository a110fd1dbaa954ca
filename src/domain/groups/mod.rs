//! Groups, as Entra ID keeps them here: names and members. They give nobody a licence or a role.
//!
//! | file        | what it holds                              |
//! |-------------|--------------------------------------------|
//! | this        | the group, how it is found, who is in it   |
//! | `by_entra`  | what Entra ID does: create, change, delete |
//! | `forget`    | the memberships of one that was deleted    |
//! | `members`   | who comes and who goes                     |
//! | `search`    | finding and paging as Entra ID does        |

use super::audit::{Action, Change, Kind, Subject};
use super::page::{At, Page};
use super::users::{Held, Profile};
use super::{Noted, Tx, fold, new_id};
use crate::db::Conn;
use crate::db::schema::{group_members, retired_group_ids, user_groups, users};
use crate::error::{Error, Result};
use crate::keys::{GroupId, UserId};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

pub mod by_entra;
mod forget;
mod members;
pub mod search;

pub(super) use forget::forget_some;
pub use forget::{is_untidy, tidy};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = user_groups, treat_none_as_null = true)]
pub struct Group {
    /// The console's key.
    pub id: GroupId,
    /// The id that SCIM knows.
    pub scim_id: String,
    /// Unique, ignoring case.
    pub name: String,
    name_key: String,
    /// Entra ID's own key of the group.
    pub external_id: Option<String>,
    /// Whether Entra ID keeps it: one that was kept here against its deletion there, it does not see.
    pub linked: bool,
    /// Since when the guard holds its deletion back.
    pub held_at: Option<NaiveDateTime>,
    /// When it was made, in UTC.
    pub created_at: NaiveDateTime,
    /// When it last changed, in UTC.
    pub updated_at: NaiveDateTime,
    /// Counts the changes.
    pub version: i32,
    /// When it was deleted: it is not seen any more, and its memberships go some at a time.
    deleted_at: Option<NaiveDateTime>,
}

/// A SCIM id of a group that is gone for good.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = retired_group_ids)]
pub struct Retired {
    /// The id.
    pub scim_id: String,
    /// The name of the group then.
    pub name: String,
    /// Who retired it.
    pub retired_by: String,
    /// When, in UTC.
    pub retired_at: NaiveDateTime,
}

/// A group with what a list of groups shows.
#[derive(Clone, Debug)]
pub struct ListedGroup {
    /// The group.
    pub group: Group,
    /// How many members it has.
    pub members: i64,
}

/// The key of somebody or something in a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MemberId {
    /// Of a user.
    User(UserId),
    /// Of a group.
    Group(GroupId),
}

/// Somebody or something in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The console's key.
    pub id: MemberId,
    /// The id that SCIM knows.
    pub scim_id: String,
    /// The name to show.
    pub name: String,
    /// Whether Entra ID took it away and the guard holds that back.
    pub held: bool,
}

impl MemberId {
    /// Whether it is a group itself.
    #[must_use]
    pub fn is_group(&self) -> bool {
        matches!(self, Self::Group(_))
    }
}

impl Group {
    fn subject(&self) -> Subject<'_> {
        Subject { kind: Kind::Group, id: self.id.as_str(), name: &self.name }
    }
}

/// All but those that were deleted, whose memberships are still going.
#[diesel::dsl::auto_type]
fn living() -> _ {
    user_groups::table.filter(user_groups::deleted_at.is_null())
}

/// The group with this key.
pub fn find(conn: &mut Conn, id: &GroupId) -> Result<Group> {
    let found = living().filter(user_groups::id.eq(id)).select(Group::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("group"))
}

/// Which of these keys are those of groups that exist.
pub fn present(conn: &mut Conn, ids: &[&GroupId]) -> Result<HashSet<GroupId>> {
    let present = living().filter(user_groups::id.eq_any(ids)).select(user_groups::id).load(conn)?;
    Ok(present.into_iter().collect())
}

/// The group that SCIM knows, or knew, by this id: also one that Entra ID does not see any more.
pub fn with_scim_id(conn: &mut Conn, scim_id: &str) -> Result<Option<Group>> {
    let mine = living().filter(user_groups::scim_id.eq(scim_id));
    Ok(mine.select(Group::as_select()).first(conn).optional()?)
}

/// What became of the SCIM id of a group that answers no more.
pub fn retired(conn: &mut Conn, scim_id: &str) -> Result<Option<Retired>> {
    Ok(retired_group_ids::table.find(scim_id).select(Retired::as_select()).first(conn).optional()?)
}

/// The group of this name, ignoring case.
pub fn named(conn: &mut Conn, name: &str) -> Result<Option<Group>> {
    let mine = living().filter(user_groups::name_key.eq(fold(name)));
    Ok(mine.select(Group::as_select()).first(conn).optional()?)
}

/// A page of the groups whose name holds these words, by name.
pub fn list(conn: &mut Conn, words: &str, at: &At, size: usize) -> Result<Page<ListedGroup>> {
    let mut query = living().select(Group::as_select()).into_boxed();
    for word in words.split_whitespace() {
        let pattern = super::condition::pattern(super::condition::Test::Co, &fold(word));
        query = query.filter(user_groups::name_key.like(pattern).escape('\\'));
    }
    query = match at {
        At::Start => query.order(user_groups::name_key.asc()),
        At::After(cursor) => {
            query.filter(user_groups::name_key.gt(cursor)).order(user_groups::name_key.asc())
        }
        At::Before(cursor) => {
            query.filter(user_groups::name_key.lt(cursor)).order(user_groups::name_key.desc())
        }
    };
    let groups: Vec<Group> = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    let ids: Vec<&GroupId> = groups.iter().map(|group| &group.id).collect();
    let counts: HashMap<GroupId, i64> = group_members::table
        .filter(group_members::group_id.eq_any(&ids))
        .group_by(group_members::group_id)
        .select((group_members::group_id, diesel::dsl::count_star()))
        .load(conn)?
        .into_iter()
        .collect();
    let rows = groups
        .into_iter()
        .map(|group| ListedGroup { members: counts.get(&group.id).copied().unwrap_or_default(), group })
        .collect();
    Ok(Page::new(rows, at, size, |listed: &ListedGroup| listed.group.name_key.clone()))
}

/// How many groups there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(living().count().get_result(conn)?)
}

/// A page of a group's members, in the order in which they came.
pub fn members_page(conn: &mut Conn, id: &GroupId, at: &At, size: usize) -> Result<Page<(String, Member)>> {
    let mut query = group_members::table.filter(group_members::group_id.eq(id)).into_boxed();
    query = match at {
        At::Start => query.order(group_members::id.asc()),
        At::After(cursor) => query.filter(group_members::id.gt(cursor)).order(group_members::id.asc()),
        At::Before(cursor) => query.filter(group_members::id.lt(cursor)).order(group_members::id.desc()),
    };
    let limit = i64::try_from(size + 1).map_err(Error::internal)?;
    let rows: Vec<members::MembershipRow> =
        query.limit(limit).select(members::MembershipRow::as_select()).load(conn)?;
    let cursors: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let named = members::named(conn, rows)?;
    Ok(Page::new(cursors.into_iter().zip(named).collect(), at, size, |(cursor, _)| cursor.clone()))
}

/// The members as Entra ID knows them, in the order in which they came; none whom it does not see, such as a protected
/// owner.
pub fn members_for_entra(conn: &mut Conn, id: &GroupId) -> Result<Vec<Member>> {
    let mine = group_members::table
        .left_join(users::table)
        .filter(group_members::group_id.eq(id))
        .filter(group_members::held.eq(false))
        .filter(group_members::user_id.is_null().or(users::seen.nullable().assume_not_null().gt(0)))
        .order(group_members::id);
    let rows = mine.select(members::MembershipRow::as_select()).load(conn)?;
    members::named(conn, rows)
}

/// As [`members_for_entra`], but only so many of those between two places, the second included; with the next place, where
/// there are more.
pub fn members_between(
    conn: &mut Conn,
    id: &GroupId,
    after: Option<&str>,
    until: &str,
    most: usize,
) -> Result<(Vec<Member>, Option<String>)> {
    let mut mine = group_members::table
        .left_join(users::table)
        .filter(group_members::group_id.eq(id))
        .filter(group_members::id.le(until))
        .filter(group_members::held.eq(false))
        .filter(group_members::user_id.is_null().or(users::seen.nullable().assume_not_null().gt(0)))
        .order(group_members::id)
        .limit(i64::try_from(most + 1).map_err(Error::internal)?)
        .select(members::MembershipRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        mine = mine.filter(group_members::id.gt(after));
    }
    let mut rows: Vec<members::MembershipRow> = mine.load(conn)?;
    let more = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().map(|row| row.id.clone()).filter(|_| more);
    Ok((members::named(conn, rows)?, last))
}

/// The place of whoever came last into a group, if anybody is in it.
pub fn last_place(conn: &mut Conn, id: &GroupId) -> Result<Option<String>> {
    let mine = group_members::table.filter(group_members::group_id.eq(id));
    Ok(mine.order(group_members::id.desc()).select(group_members::id).first(conn).optional()?)
}

/// As [`members_for_entra`], of those with these SCIM ids.
pub fn members_among(conn: &mut Conn, group: &Group, ids: &[String]) -> Result<Vec<Member>> {
    members::among(conn, group, ids)
}

/// The groups that a user is in, by name.
pub fn of_user(conn: &mut Conn, user: &UserId) -> Result<Vec<Group>> {
    let mine = group_members::table
        .inner_join(user_groups::table.on(user_groups::id.eq(group_members::group_id)))
        .filter(group_members::user_id.eq(user))
        .filter(user_groups::deleted_at.is_null())
        .order(user_groups::name_key);
    Ok(mine.select(Group::as_select()).load(conn)?)
}

/// The groups that each of these users is in as far as Entra ID knows: id and name, by the user's key.
pub fn of_users_for_entra(
    conn: &mut Conn,
    users: &[&UserId],
) -> Result<HashMap<UserId, Vec<(String, String)>>> {
    let of = |conn: &mut Conn, users: &[&UserId]| -> Result<Vec<(Option<UserId>, String, String)>> {
        let all = group_members::table
            .inner_join(user_groups::table.on(user_groups::id.eq(group_members::group_id)))
            .filter(group_members::held.eq(false))
            .filter(user_groups::linked.eq(true))
            .order(user_groups::name_key)
            .select((group_members::user_id, user_groups::scim_id, user_groups::name));
        // One user at a time is the usual case, and that statement is kept ready.
        Ok(match users {
            [one] => all.filter(group_members::user_id.eq(*one)).load(conn)?,
            many => all.filter(group_members::user_id.eq_any(many)).load(conn)?,
        })
    };
    let mut groups: HashMap<UserId, Vec<(String, String)>> = HashMap::new();
    for (user, id, name) in of(conn, users)? {
        // Rows of groups within groups name no user, and none was asked for.
        let Some(user) = user else { continue };
        groups.entry(user).or_default().push((id, name));
    }
    Ok(groups)
}

/// Deletes a group by hand; its members stay.
pub fn delete(tx: &mut Tx, id: &GroupId) -> Result<Noted<Group>> {
    let group = find(tx.conn, id)?;
    if group.linked && group.held_at.is_none() {
        return Err(Error::Conflict(format!(
            "Entra ID keeps the group {}. Take it out of the application there, and it goes here too.",
            group.name
        )));
    }
    Ok(by_entra::delete(tx, &group)?.with(group))
}

fn note(tx: &mut Tx, action: Action, group: &Group, changes: &[Change]) -> Result<Noted<()>> {
    tx.note(action, group.subject(), changes)
}
