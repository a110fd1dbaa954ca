//! Who was there when a window of the guard began: users who were active then, whoever has come or gone since.

use super::{Loss, Outcome, minute};
use crate::db::Conn;
use crate::db::schema::{census, guard_minutes, guard_people, users};
use crate::domain::Tx;
use crate::error::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// The windows, each with a column for what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// The shorter one.
    Hour,
    /// A day.
    Day,
}

/// Since when the user has been active; none where there is no such user.
pub(super) fn came_at(conn: &mut Conn, user: &str) -> Result<Option<NaiveDateTime>> {
    let mine = users::table.find(user).select((users::created_at, users::reactivated_at));
    let found: Option<(NaiveDateTime, Option<NaiveDateTime>)> = mine.first(conn).optional()?;
    Ok(found.map(|(created, reactivated)| reactivated.map_or(created, |at| at.max(created))))
}

/// How many of those counted since then had come only since then. Few in an organisation that has grown up: the index
/// holds them side by side.
pub(super) fn newcomers_counted(conn: &mut Conn, loss: Loss, since: NaiveDateTime) -> Result<i64> {
    let newcomers = guard_people::table
        .filter(guard_people::loss.eq(loss))
        .filter(guard_people::came_at.gt(since))
        .filter(guard_people::at.gt(since));
    Ok(newcomers.count().get_result(conn)?)
}

/// How many users were active when the window began. That is found out once a minute, for it takes a look at all who
/// came since.
pub(super) fn count(tx: &mut Tx, loss: Loss, window: Window, since: NaiveDateTime) -> Result<i64> {
    let this = guard_minutes::table.find((loss, minute(tx.now)?));
    let columns = (guard_minutes::there_hour, guard_minutes::there_day);
    let (hour, day): (Option<i64>, Option<i64>) =
        this.select(columns).first(tx.conn).optional()?.unwrap_or_default();
    let known = match window {
        Window::Hour => hour,
        Window::Day => day,
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let found = look(tx.conn, since)?;
    match window {
        Window::Hour => diesel::update(this).set(guard_minutes::there_hour.eq(found)).execute(tx.conn)?,
        Window::Day => diesel::update(this).set(guard_minutes::there_day.eq(found)).execute(tx.conn)?,
    };
    Ok(found)
}

fn look(conn: &mut Conn, since: NaiveDateTime) -> Result<i64> {
    let active: i64 = census::table.select(census::active_users).first(conn)?;
    let counted = || users::table.filter(users::active.eq(true)).filter(users::seen.gt(0));
    let created: i64 = counted().filter(users::created_at.gt(since)).count().get_result(conn)?;
    let returned: i64 = counted()
        .filter(users::reactivated_at.gt(since))
        .filter(users::created_at.le(since))
        .count()
        .get_result(conn)?;
    let gone: i64 = guard_people::table
        .inner_join(users::table.on(users::id.eq(guard_people::user_id)))
        .filter(guard_people::loss.eq(Loss::Account))
        .filter(guard_people::outcome.eq(Outcome::Went))
        .filter(guard_people::at.gt(since))
        .filter(guard_people::came_at.le(since))
        .filter(users::active.eq(false))
        .count()
        .get_result(conn)?;
    Ok(active - created - returned + gone)
}
