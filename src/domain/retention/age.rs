//! What is older than the days for which it is kept goes, from the oldest on and a little at a time.

use super::{Log, before, days};
use crate::db::Conn;
use crate::db::schema::{audit_events, long_tasks, provisioning_events, provisioning_hours, sso_events};
use crate::db::space::{self, Space};
use crate::domain::audit::Action;
use crate::domain::settings::{self, names};
use crate::domain::tasks::Slice;
use crate::domain::{Noted, Tx};
use crate::error::Result;
use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;

/// For how many days work on many rows is kept that has ended.
pub const TASK_DAYS: i64 = 90;
/// So many rows are deleted by one statement.
const BITE: u32 = 25;
/// So many free pages stay for what comes next: of more the rest is given back to the disk.
const SPARE_PAGES: i64 = 256;
/// So many are given back by one statement.
const PAGES: u32 = 25;

/// Entries of the audit log that stay for good: who deleted whom, and when.
const TOMBSTONES: [Action; 2] = [Action::UserDeleted, Action::GroupDeleted];

/// What is kept for so many days.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Lines(Log),
    /// How many requests came in each hour.
    Hours,
    /// Work on many rows that has ended.
    Tasks,
}

const ALL_KEPT: [Kept; 5] = [
    Kept::Lines(Log::Provisioning),
    Kept::Lines(Log::SignIns),
    Kept::Lines(Log::Audit),
    Kept::Hours,
    Kept::Tasks,
];

/// When the oldest line of a log was written.
pub fn oldest(conn: &mut Conn, log: Log) -> Result<Option<NaiveDateTime>> {
    oldest_of(conn, Kept::Lines(log), NaiveDateTime::MAX)
}

/// When the newest line of a log was written, of those up to this moment.
pub(super) fn newest(conn: &mut Conn, log: Log, until: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    macro_rules! newest {
        ($table:ident) => {
            $table::table.filter($table::at.le(until)).select(max($table::at)).first(conn)?
        };
    }
    Ok(match log {
        Log::Provisioning => newest!(provisioning_events),
        Log::SignIns => newest!(sso_events),
        Log::Audit => newest!(audit_events),
    })
}

fn oldest_of(conn: &mut Conn, kept: Kept, now: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    Ok(match kept {
        Kept::Lines(Log::Provisioning) => {
            let first = provisioning_events::table.order(provisioning_events::at);
            first.select(provisioning_events::at).first(conn).optional()?
        }
        Kept::Lines(Log::SignIns) => {
            sso_events::table.order(sso_events::at).select(sso_events::at).first(conn).optional()?
        }
        Kept::Lines(Log::Audit) => {
            let reached = tombstones_up_to(conn)?;
            let first = audit_events::table.filter(audit_events::at.ge(reached)).order(audit_events::at);
            let first = first.filter(audit_events::action.ne_all(TOMBSTONES));
            first.select(audit_events::at).first(conn).optional()?
        }
        Kept::Hours => {
            // The last one stays: it tells when Entra ID called last, however long ago that is. One that is yet to come,
            // counted while the clock was ahead, tells nothing.
            let some: Vec<NaiveDateTime> = provisioning_hours::table
                .filter(provisioning_hours::hour.le(now))
                .order(provisioning_hours::hour)
                .select(provisioning_hours::hour)
                .limit(2)
                .load(conn)?;
            (some.len() == 2).then(|| some[0])
        }
        Kept::Tasks => {
            let ended = long_tasks::table.filter(long_tasks::ended_at.is_not_null());
            let first = ended.order(long_tasks::ended_at).select(long_tasks::ended_at.assume_not_null());
            first.first(conn).optional()?
        }
    })
}

/// Up to when the audit log has nothing but tombstones: those are not looked through again at every round.
fn tombstones_up_to(conn: &mut Conn) -> Result<NaiveDateTime> {
    Ok(settings::get(conn, names::TOMBSTONES_UP_TO)?.unwrap_or_default())
}

/// Whether something is older than it is kept, or room is to be given back.
pub fn is_due(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    for (kept, since) in since(conn, now)? {
        if oldest_of(conn, kept, now)?.is_some_and(|oldest| oldest < since) {
            return Ok(true);
        }
    }
    Ok(is_to_shrink(space::space(conn)?))
}

fn is_to_shrink(space: Space) -> bool {
    space.can_shrink && space.free_pages > SPARE_PAGES
}

/// What is kept, and since when.
fn since(conn: &mut Conn, now: NaiveDateTime) -> Result<[(Kept, NaiveDateTime); ALL_KEPT.len()]> {
    let days = days(conn)?;
    Ok(ALL_KEPT.map(|kept| {
        let since = match kept {
            Kept::Lines(log) => days.since(log, now),
            Kept::Hours => days.since(Log::Provisioning, now),
            Kept::Tasks => before(now, TASK_DAYS),
        };
        (kept, since)
    }))
}

/// Deletes so many rows of what is too old, and a few more; once nothing is, gives back some of the room. Answers how many
/// rows went.
pub fn prune_some(tx: &mut Tx, slice: &mut Slice, rows: u32) -> Result<Noted<u64>> {
    let (mut deleted, most) = (0, u64::from(rows));
    if tombstones_up_to(tx.conn)? > tx.now {
        // The clock was ahead when that was noted.
        settings::put(tx, names::TOMBSTONES_UP_TO, &NaiveDateTime::default())?;
    }
    for (kept, since) in since(tx.conn, tx.now)? {
        while deleted < most && slice.takes(BITE) {
            let some = u64::try_from(delete(tx, kept, since)?).unwrap_or_default();
            deleted += some;
            if some < BITE.into() {
                break;
            }
        }
    }
    // Each page that goes may move another one, which is as much work as a row.
    let mut pages = rows;
    while deleted == 0 && pages > 0 && is_to_shrink(space::space(tx.conn)?) && slice.takes(PAGES) {
        space::give_back(tx.conn, PAGES)?;
        pages = pages.saturating_sub(PAGES);
    }
    Ok(Noted::unaudited(deleted, "how long logs are kept has an entry, and what goes is what is older"))
}

/// Deletes the oldest of what is older than this; answers how many rows went.
fn delete(tx: &mut Tx, kept: Kept, since: NaiveDateTime) -> Result<usize> {
    let most = i64::from(BITE);
    let conn = &mut *tx.conn;
    Ok(match kept {
        Kept::Lines(Log::Provisioning) => {
            use provisioning_events::{at, id, table};
            let some: Vec<String> = table.filter(at.lt(since)).order(at).limit(most).select(id).load(conn)?;
            diesel::delete(table.filter(id.eq_any(some))).execute(conn)?
        }
        Kept::Lines(Log::Audit) => delete_changes(tx, since)?,
        Kept::Lines(Log::SignIns) => {
            use sso_events::{at, id, table};
            let some: Vec<String> = table.filter(at.lt(since)).order(at).limit(most).select(id).load(conn)?;
            diesel::delete(table.filter(id.eq_any(some))).execute(conn)?
        }
        Kept::Hours => {
            use provisioning_hours::{hour, table};
            let past = table.filter(hour.le(tx.now)).order(hour.desc());
            let last: Option<NaiveDateTime> = past.select(hour).first(conn).optional()?;
            let since = last.map_or(since, |last| last.min(since));
            let some: Vec<NaiveDateTime> =
                table.filter(hour.lt(since)).order(hour).limit(most).select(hour).load(conn)?;
            diesel::delete(table.filter(hour.eq_any(some))).execute(conn)?
        }
        Kept::Tasks => {
            use long_tasks::{ended_at, id, table};
            let over = table.filter(ended_at.is_not_null()).filter(ended_at.assume_not_null().lt(since));
            let some: Vec<String> = over.order(ended_at).limit(most).select(id).load(conn)?;
            diesel::delete(table.filter(id.eq_any(some))).execute(conn)?
        }
    })
}

/// Deletes the oldest of the changes that are older than this, but for tombstones.
fn delete_changes(tx: &mut Tx, since: NaiveDateTime) -> Result<usize> {
    use audit_events::{action, at, id, table};
    let reached = tombstones_up_to(tx.conn)?;
    let some = table.filter(at.ge(reached)).filter(at.lt(since)).filter(action.ne_all(TOMBSTONES));
    let some: Vec<(String, NaiveDateTime)> =
        some.order(at).limit(BITE.into()).select((id, at)).load(tx.conn)?;
    if let Some((_, last)) = some.last()
        && *last > reached
    {
        settings::put(tx, names::TOMBSTONES_UP_TO, last)?;
    }
    let some: Vec<String> = some.into_iter().map(|(key, _)| key).collect();
    Ok(diesel::delete(table.filter(id.eq_any(some))).execute(tx.conn)?)
}
