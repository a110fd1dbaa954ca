//! How imports are kept and found.

use super::{Import, ImportRow, State, Step};
use crate::db::Conn;
use crate::db::schema::{import_rows, imports};
use crate::domain::Tx;
use crate::error::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// How many rows one statement inserts: thirteen columns each, far below what a database takes.
const BATCH: usize = 500;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = imports)]
struct Stored {
    id: String,
    file_name: String,
    state: State,
    take_away: bool,
    remarks: String,
    row_count: i32,
    fault_count: i32,
    counts: String,
    seats: String,
    created_by: String,
    created_at: NaiveDateTime,
    finished_at: Option<NaiveDateTime>,
}

impl Import {
    fn stored(&self) -> Result<Stored> {
        Ok(Stored {
            id: self.id.clone(),
            file_name: self.file_name.clone(),
            state: self.state,
            take_away: self.take_away,
            remarks: json(&self.remarks)?,
            row_count: self.row_count,
            fault_count: self.fault_count,
            counts: json(&self.counts)?,
            seats: json(&self.seats)?,
            created_by: self.created_by.clone(),
            created_at: self.created_at,
            finished_at: self.finished_at,
        })
    }
}

impl TryFrom<Stored> for Import {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let what = format!("What is kept of the file {}", stored.file_name);
        let remedy = "Nobody’s licence depends on it: upload the file again where it was not applied.";
        let damaged = |cause| Error::damaged(&what, remedy, cause);
        Ok(Self {
            remarks: serde_json::from_str(&stored.remarks).map_err(damaged)?,
            counts: serde_json::from_str(&stored.counts).map_err(damaged)?,
            seats: serde_json::from_str(&stored.seats).map_err(damaged)?,
            id: stored.id,
            file_name: stored.file_name,
            state: stored.state,
            take_away: stored.take_away,
            row_count: stored.row_count,
            fault_count: stored.fault_count,
            created_by: stored.created_by,
            created_at: stored.created_at,
            finished_at: stored.finished_at,
        })
    }
}

/// Keeps an import with its rows.
pub(super) fn insert(tx: &mut Tx, import: &Import, rows: Vec<ImportRow>) -> Result<()> {
    diesel::insert_into(imports::table).values(import.stored()?).execute(tx.conn)?;
    let rows: Vec<ImportRow> =
        rows.into_iter().map(|row| ImportRow { import_id: import.id.clone(), ..row }).collect();
    for batch in rows.chunks(BATCH) {
        diesel::insert_into(import_rows::table).values(batch).execute(tx.conn)?;
    }
    Ok(())
}

/// The import with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Import> {
    let found = imports::table.find(id).select(Stored::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("licence file"))?.try_into()
}

/// The latest imports, newest first.
pub fn recent(conn: &mut Conn, most: i64) -> Result<Vec<Import>> {
    let newest = imports::table.order(imports::id.desc()).limit(most).select(Stored::as_select());
    newest.load(conn)?.into_iter().map(Import::try_from).collect()
}

/// Rows of an import in the order of the file: those with a number above `after`, all or only those with a fault.
pub fn rows(conn: &mut Conn, id: &str, faults_only: bool, after: i32, most: i64) -> Result<Vec<ImportRow>> {
    let mut query = import_rows::table
        .filter(import_rows::import_id.eq(id))
        .filter(import_rows::number.gt(after))
        .order(import_rows::number)
        .limit(most)
        .select(ImportRow::as_select())
        .into_boxed();
    if faults_only {
        query = query.filter(import_rows::step.eq(Step::Fault));
    }
    Ok(query.load(conn)?)
}

/// All of them.
pub(super) fn all_rows(conn: &mut Conn, id: &str) -> Result<Vec<ImportRow>> {
    rows(conn, id, false, 0, i64::MAX)
}

/// Ends an import, with the seats as it now says.
pub(super) fn finish(tx: &mut Tx, import: &mut Import, state: State) -> Result<()> {
    (import.state, import.finished_at) = (state, Some(tx.now));
    diesel::update(imports::table.find(&import.id))
        .set((
            imports::state.eq(state),
            imports::finished_at.eq(import.finished_at),
            imports::seats.eq(json(&import.seats)?),
        ))
        .execute(tx.conn)?;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}
