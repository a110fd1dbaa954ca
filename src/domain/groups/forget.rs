//! The memberships of a group that was deleted: where they are many they go some at a time, and nobody sees the group
//! meanwhile.

use super::Group;
use crate::db::Conn;
use crate::db::schema::{group_members, user_groups};
use crate::domain::tasks::{self, Kind, Slice, Step, Task, WorkItem};
use crate::domain::{Noted, Tx};
use crate::error::Result;
use crate::keys::GroupId;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// So many memberships go at once.
const BITE: u16 = 100;

/// Deletes the group itself, or hides it until its memberships are gone.
pub(super) fn forget(tx: &mut Tx, group: &Group) -> Result<()> {
    let mine = group_members::table.filter(group_members::group_id.eq(&group.id));
    let members: i64 = mine.count().get_result(tx.conn)?;
    if members <= BITE.into() {
        diesel::delete(user_groups::table.find(&group.id)).execute(tx.conn)?;
        return Ok(());
    }
    tasks::begin_by_itself(tx, Kind::ForgetGroup, group.id.as_str(), &(), members)?;
    // Its name and its id are free, and no group has it as a member.
    let hidden = (
        user_groups::deleted_at.eq(tx.now),
        user_groups::linked.eq(false),
        user_groups::held_at.eq(None::<NaiveDateTime>),
        user_groups::scim_id.eq(format!("deleted {}", group.id)),
        user_groups::name_key.eq(format!("deleted {}", group.id)),
        user_groups::external_id.eq(None::<String>),
    );
    diesel::update(user_groups::table.find(&group.id)).set(hidden).execute(tx.conn)?;
    let elsewhere = group_members::table.filter(group_members::subgroup_id.eq(&group.id));
    diesel::delete(elsewhere).execute(tx.conn)?;
    Ok(())
}

/// The groups that were deleted and whose memberships nobody sees to.
fn left(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<GroupId>> {
    let hidden = user_groups::table.filter(user_groups::deleted_at.is_not_null()).select(user_groups::id);
    let mut left = Vec::new();
    for id in hidden.load::<GroupId>(conn)? {
        if tasks::is_due(conn, id.as_str(), now)? {
            left.push(id);
        }
    }
    Ok(left)
}

/// Whether memberships of a group that was deleted stay, because the task that let them go did not come to its end.
pub fn is_untidy(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    Ok(!left(conn, now)?.is_empty())
}

/// Begins to let them go.
pub fn tidy(tx: &mut Tx) -> Result<Noted<()>> {
    for id in left(tx.conn, tx.now)? {
        let mine = group_members::table.filter(group_members::group_id.eq(&id));
        let members: i64 = mine.count().get_result(tx.conn)?;
        tasks::begin_by_itself(tx, Kind::ForgetGroup, id.as_str(), &(), members)?;
    }
    Ok(Noted::unaudited((), "that the group was deleted has an entry"))
}

/// Lets some memberships go, and with the last of them the group.
pub(in crate::domain) fn forget_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let group: GroupId = task.subject.parse()?;
    slice.begins(WorkItem::Group(group.clone()));
    while slice.takes(BITE.into()) {
        let some = group_members::table.filter(group_members::group_id.eq(&group)).limit(BITE.into());
        let some: Vec<String> = some.select(group_members::id).load(tx.conn)?;
        if some.is_empty() {
            diesel::delete(user_groups::table.find(&group)).execute(tx.conn)?;
            return Ok(Noted::unaudited(Step::Done, "that the group was deleted has an entry"));
        }
        let gone =
            diesel::delete(group_members::table.filter(group_members::id.eq_any(some))).execute(tx.conn)?;
        task.done += i64::try_from(gone).unwrap_or_default();
    }
    Ok(Noted::unaudited(Step::More, "that the group was deleted has an entry"))
}
