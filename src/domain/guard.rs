//! The guard against mass deprovisioning: when Entra ID would take many people away at once, the rest waits until an
//! administrator has looked at it. A wrong scope in Entra ID, or a wrong mapping, looks exactly like that.

use super::audit::{self, Action, Change, Kind, Subject};
use super::settings::{self, names};
use super::{Actor, Tx};
use crate::db::Conn;
use crate::db::schema::{census, guard_tally};
use crate::error::{Complaint, Error, Result};
use chrono::{DurationRound, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// When the guard steps in: more than `people`, and more than `share` per cent of the active users, within `minutes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Whether it does at all.
    pub enabled: bool,
    /// So many people go unremarked.
    pub people: i64,
    /// And such a share of all active users, in per cent.
    pub share: i64,
    /// The time that is looked back, in minutes.
    pub minutes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { enabled: true, people: 20, share: 5, minutes: 60 }
    }
}

/// The limits in force.
pub fn limits(conn: &mut Conn) -> Result<Limits> {
    Ok(settings::get(conn, names::GUARD)?.unwrap_or_default())
}

/// Sets other limits.
pub fn set(tx: &mut Tx, wish: Limits) -> Result<()> {
    let mut complaints = Vec::new();
    let mut within = |field, value: i64, range: std::ops::RangeInclusive<i64>, what: &str| {
        if !range.contains(&value) {
            let message = format!("Enter {what} from {} to {}.", range.start(), range.end());
            complaints.push(Complaint { field, message });
        }
    };
    within("people", wish.people, 0..=1_000_000, "a number of people");
    within("share", wish.share, 0..=100, "a percentage");
    within("minutes", wish.minutes, 1..=1440, "a number of minutes");
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    let before = limits(tx.conn)?;
    let switch = |on: bool| if on { "on" } else { "off" };
    let changes: Vec<Change> = [
        Change::of("guard", Some(switch(before.enabled)), Some(switch(wish.enabled))),
        Change::of("people", Some(&before.people.to_string()), Some(&wish.people.to_string())),
        Change::of("share in per cent", Some(&before.share.to_string()), Some(&wish.share.to_string())),
        Change::of("minutes", Some(&before.minutes.to_string()), Some(&wish.minutes.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !changes.is_empty() {
        settings::put(tx, names::GUARD, &wish)?;
        audit::note(tx, Action::GuardChanged, subject(), &changes)?;
    }
    Ok(())
}

/// Counts so many people whom the actor takes away, and answers whether that must wait. Only Entra ID is guarded
/// against: an administrator sees what they do.
pub(super) fn holds(tx: &mut Tx, people: i64) -> Result<bool> {
    let limits = limits(tx.conn)?;
    if !limits.enabled || *tx.actor != Actor::Entra || people == 0 {
        return Ok(false);
    }
    let going = going(tx, limits)? + people;
    count(tx, people, limits)?;
    if going <= limits.people {
        return Ok(false);
    }
    // Those who went within the time were active when it began.
    let active: i64 = census::table.select(census::active_users).first(tx.conn)?;
    let all = active + going - people;
    Ok(going * 100 > limits.share * all)
}

/// Begins to count anew: an administrator has looked.
pub(super) fn reset(tx: &mut Tx) -> Result<()> {
    diesel::delete(guard_tally::table).execute(tx.conn)?;
    Ok(())
}

fn going(tx: &mut Tx, limits: Limits) -> Result<i64> {
    let since = tx.now - TimeDelta::minutes(limits.minutes);
    let lately = guard_tally::table.filter(guard_tally::minute.gt(since));
    let minutes: Vec<i64> = lately.select(guard_tally::people).load(tx.conn)?;
    Ok(minutes.into_iter().sum())
}

fn count(tx: &mut Tx, people: i64, limits: Limits) -> Result<()> {
    let minute = minute(tx.now)?;
    let mine = guard_tally::table.find(minute);
    let counted =
        diesel::update(mine).set(guard_tally::people.eq(guard_tally::people + people)).execute(tx.conn)?;
    if counted == 0 {
        let row = (guard_tally::minute.eq(minute), guard_tally::people.eq(people));
        diesel::insert_into(guard_tally::table).values(row).execute(tx.conn)?;
        let stale = tx.now - TimeDelta::minutes(limits.minutes.max(1440));
        diesel::delete(guard_tally::table.filter(guard_tally::minute.lt(stale))).execute(tx.conn)?;
    }
    Ok(())
}

fn minute(at: NaiveDateTime) -> Result<NaiveDateTime> {
    at.duration_trunc(TimeDelta::minutes(1)).map_err(Error::internal)
}

pub(super) fn subject() -> Subject<'static> {
    Subject { kind: Kind::Provisioning, id: "guard", name: "the guard against mass deprovisioning" }
}
