//! The rows of a comparison come and go some at a time: there may be a hundred thousand, and others write in between.

use super::{Alignment, AlignmentRow, Compared, find};
use crate::db::Conn;
use crate::db::schema::{alignment_rows, alignments};
use crate::domain::audit::{Action, Change};
use crate::domain::tasks::{self, Kind, Slice, Step, Task};
use crate::domain::{Noted, Tx, names, new_id};
use crate::error::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// So many rows are written at a time: thirteen columns each, far below what a statement takes.
const BITE: usize = 500;
/// So many go at a time.
const FORGOTTEN_AT_ONCE: u16 = 100;
/// A comparison whose rows have not all come by then was left by whoever brought it.
const ABANDONED_AFTER: TimeDelta = TimeDelta::hours(1);

impl Compared {
    /// Its rows, in as many parts as they are written in.
    pub fn take_bites(&mut self) -> Vec<Vec<AlignmentRow>> {
        let mut rows = std::mem::take(&mut self.rows).into_iter();
        std::iter::from_fn(|| {
            Some(rows.by_ref().take(BITE).collect::<Vec<_>>()).filter(|some| !some.is_empty())
        })
        .collect()
    }
}

/// Begins to keep a comparison. It is not seen until all its rows are there ([`keep_rest`]).
pub fn begin_keeping(tx: &mut Tx, file_name: &str, compared: &Compared) -> Result<Noted<Alignment>> {
    let alignment = Alignment {
        id: new_id(),
        file_name: names::of_file(file_name),
        remarks: serde_json::to_string(&compared.remarks).map_err(Error::internal)?,
        row_count: compared.row_count,
        created_by: tx.actor.name().to_owned(),
        created_at: tx.now,
        complete: false,
    };
    diesel::insert_into(alignments::table).values(&alignment).execute(tx.conn)?;
    Ok(Noted::unaudited(alignment, "the entry is made once all of the comparison is kept"))
}

/// Keeps some of its rows.
pub fn keep_some(tx: &mut Tx, id: &str, rows: Vec<AlignmentRow>) -> Result<Noted<()>> {
    let rows: Vec<AlignmentRow> =
        rows.into_iter().map(|row| AlignmentRow { alignment_id: id.to_owned(), ..row }).collect();
    diesel::insert_into(alignment_rows::table).values(&rows).execute(tx.conn)?;
    Ok(Noted::unaudited((), "the entry is made once all of the comparison is kept"))
}

/// Says that all rows are there.
pub fn keep_rest(tx: &mut Tx, id: &str) -> Result<Noted<Alignment>> {
    diesel::update(alignments::table.find(id)).set(alignments::complete.eq(true)).execute(tx.conn)?;
    let alignment = find(tx.conn, id)?;
    let rows = Change::set("rows", alignment.row_count.to_string());
    Ok(tx.note(Action::ComparisonKept, alignment.subject(), &[rows])?.with(alignment))
}

/// Forgets a comparison: it is not seen any more, and its rows go. What was renamed stays so.
pub fn discard(tx: &mut Tx, id: &str) -> Result<Noted<Task>> {
    let alignment = find(tx.conn, id)?;
    let task = forget(tx, id)?;
    Ok(tx.note(Action::ComparisonDiscarded, alignment.subject(), &[])?.with(task))
}

fn forget(tx: &mut Tx, id: &str) -> Result<Task> {
    let last = alignment_rows::table
        .filter(alignment_rows::alignment_id.eq(id))
        .order(alignment_rows::number.desc());
    let last: Option<i32> = last.select(alignment_rows::number).first(tx.conn).optional()?;
    let total = i64::from(last.unwrap_or_default());
    let task = tasks::begin_by_itself(tx, Kind::ForgetComparison, id, &(), total)?;
    diesel::update(alignments::table.find(id)).set(alignments::complete.eq(false)).execute(tx.conn)?;
    Ok(task)
}

/// Lets some rows of a comparison go, and with the last of them the comparison.
pub(in crate::domain) fn forget_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let mut after: i32 = task.position()?.unwrap_or_default();
    while i64::from(after) < task.total {
        if !slice.takes(FORGOTTEN_AT_ONCE.into()) {
            task.go_on_from(&after)?;
            return Ok(Noted::unaudited(
                Step::More,
                "that the comparison was discarded has an entry, and one that was never kept whole is nobody's",
            ));
        }
        let some = alignment_rows::table
            .filter(alignment_rows::alignment_id.eq(&task.subject))
            .filter(alignment_rows::number.between(after + 1, after + i32::from(FORGOTTEN_AT_ONCE)));
        diesel::delete(some).execute(tx.conn)?;
        after += i32::from(FORGOTTEN_AT_ONCE);
        task.done = task.total.min(after.into());
    }
    diesel::delete(alignments::table.find(&task.subject)).execute(tx.conn)?;
    Ok(Noted::unaudited(
        Step::Done,
        "that the comparison was discarded has an entry, and one that was never kept whole is nobody's",
    ))
}

/// Whether a comparison was left before all its rows were there.
pub fn is_untidy(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    Ok(!abandoned(conn, now)?.is_empty())
}

/// Forgets those that were left before all their rows were there.
pub fn tidy(tx: &mut Tx) -> Result<Noted<()>> {
    for id in abandoned(tx.conn, tx.now)? {
        forget(tx, &id)?;
    }
    Ok(Noted::unaudited(
        (),
        "that the comparison was discarded has an entry, and one that was never kept whole is nobody's",
    ))
}

fn abandoned(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<String>> {
    let old = alignments::table
        .filter(alignments::complete.eq(false))
        .filter(alignments::created_at.lt(now - ABANDONED_AFTER))
        .select(alignments::id);
    let mut left = Vec::new();
    for id in old.load::<String>(conn)? {
        if tasks::is_due(conn, &id, now)? {
            left.push(id);
        }
    }
    Ok(left)
}
