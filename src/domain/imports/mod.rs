//! Bulk licences from a CSV file: first every row is checked, then all of them are applied, or none.
//!
//! | file       | what it holds                                                        |
//! |------------|----------------------------------------------------------------------|
//! | this       | an import and its rows; validate and discard                         |
//! | `store`    | how imports are kept and found                                       |
//! | `read`     | text to lines: delimiter, row numbers                                |
//! | `columns`  | the header, and the shape of the rows below it                       |
//! | `namesakes` | which rows name the same user                                       |
//! | `plan`     | lines to steps and faults, seats counted                             |
//! | `apply`    | steps to changes, in an order in which seats never run out midway    |
//! | `download` | the result and the example as CSV files                              |

use super::audit::{Action, Change, Kind, Subject};
use super::text_enum::text_enum;
use super::{Noted, Org, Tx, names, new_id};
use crate::db::schema::import_rows;
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, SiteId, UserId};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

mod apply;
mod columns;
mod download;
mod line;
mod namesakes;
mod plan;
mod read;
mod store;
#[cfg(test)]
mod tests;

pub use apply::{Applied, MOST_PLANS, Prepared, apply, kept_changing, prepare};
pub use download::{result_csv, template_csv};
pub use read::{MOST_BYTES, MOST_MIB, MOST_ROWS};
pub use store::{find, recent, rows};

text_enum! {
    /// How far an import has come.
    pub enum State {
        /// Some row has a fault: it cannot be applied.
        Faulty = "faulty",
        /// Every row is in order: it waits to be applied.
        Validated = "validated",
        /// It was applied, all of it.
        Applied = "applied",
        /// It was thrown away; nothing was changed.
        Discarded = "discarded",
    }
}

impl State {
    /// The state in plain words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Faulty => "Has faults",
            Self::Validated => "Validated",
            Self::Applied => "Applied",
            Self::Discarded => "Discarded",
        }
    }
}

text_enum! {
    /// What a row does.
    pub enum Step {
        /// Gives a licence to a user who has none.
        Assign = "assign",
        /// Gives a licence in place of another.
        Change = "change",
        /// Takes the licence away.
        Remove = "remove",
        /// Nothing: the user has that licence, or none to take away.
        Nothing = "nothing",
        /// Nothing: the licence cell is empty, and empty cells take nothing away in this import.
        LeftAlone = "left_alone",
        /// Nothing: the row has a fault.
        Fault = "fault",
    }
}

impl Step {
    /// The step in plain words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Assign => "Assign",
            Self::Change => "Change",
            Self::Remove => "Take away",
            Self::Nothing => "Nothing to do",
            Self::LeftAlone => "Left alone",
            Self::Fault => "Fault",
        }
    }
}

/// A file as it was uploaded.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// Its name, as the browser sent it.
    pub file_name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether an empty licence cell takes the user's licence away.
    pub take_away: bool,
}

/// A file that was read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its key; later ones sort after earlier ones.
    pub id: String,
    /// The file's name, without folders.
    pub file_name: String,
    /// How far it has come.
    pub state: State,
    /// Whether an empty licence cell takes the user's licence away.
    pub take_away: bool,
    /// What the administrator should know about how the file was read.
    pub remarks: Vec<String>,
    /// How many rows it has, without header and blank rows.
    pub row_count: i32,
    /// How many of them have a fault.
    pub fault_count: i32,
    /// How many rows do what.
    pub counts: Counts,
    /// What it does to the seats: as of validation, and once it is applied as of that moment.
    pub seats: Vec<SeatLine>,
    /// The name of who uploaded it.
    pub created_by: String,
    /// When it was validated, in UTC.
    pub created_at: NaiveDateTime,
    /// When it was applied or discarded, in UTC.
    pub finished_at: Option<NaiveDateTime>,
}

/// How many rows do what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that give a licence to a user who has none.
    pub assign: usize,
    /// Rows that give a licence in place of another.
    pub change: usize,
    /// Rows that take a licence away.
    pub remove: usize,
    /// Rows that find nothing to do.
    pub nothing: usize,
    /// Rows with an empty licence cell that takes nothing away.
    pub left_alone: usize,
    /// Rows with a fault.
    pub faults: usize,
    /// Rows that set a site, whatever else they do.
    #[serde(default)]
    pub sites: usize,
    /// Of those, rows that do nothing else.
    #[serde(default)]
    pub sites_alone: usize,
}

/// What an import does to the seats of one licence type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLine {
    /// The type's code.
    pub code: String,
    /// The type's name.
    pub name: String,
    /// How many seats there are.
    pub seats: i64,
    /// Seats taken before.
    pub before: i64,
    /// Seats that rows of the file ask for, those that find none included.
    pub given: i64,
    /// Seats that rows of the file free.
    pub freed: i64,
    /// Seats that would be taken after: more than there are means as many faults.
    pub after: i64,
}

/// One row of the file.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_rows, treat_none_as_default_value = false)]
pub struct ImportRow {
    import_id: String,
    /// Its number, as a spreadsheet shows it.
    pub number: i32,
    /// The user name in the file.
    pub user_name: String,
    /// The licence in the file; empty where there is none.
    pub license: String,
    /// What it does.
    pub step: Step,
    /// The code of the licence that the user held at validation.
    pub license_before: Option<String>,
    /// What is wrong, as one sentence or more.
    pub fault: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    user_id: Option<UserId>,
    license_type_id: Option<LicenseTypeId>,
    /// The site in the file; nothing where the file has no such column.
    pub site: Option<String>,
    /// The site that the row gives a user who has none.
    pub site_id: Option<SiteId>,
    /// What deserves a thought although nothing is wrong.
    pub remark: Option<String>,
}

impl SeatLine {
    /// How many rows find no seat.
    #[must_use]
    pub fn short(&self) -> i64 {
        (self.after - self.seats).clamp(0, self.given)
    }

    /// Whether the import gives or frees any of these seats.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.given != 0 || self.freed != 0
    }
}

impl Counts {
    fn of(rows: &[ImportRow]) -> Self {
        let mut counts = Self::default();
        for row in rows {
            *match row.step {
                Step::Assign => &mut counts.assign,
                Step::Change => &mut counts.change,
                Step::Remove => &mut counts.remove,
                Step::Nothing => &mut counts.nothing,
                Step::LeftAlone => &mut counts.left_alone,
                Step::Fault => &mut counts.faults,
            } += 1;
            if row.site_id.is_some() {
                counts.sites += 1;
                counts.sites_alone += usize::from(matches!(row.step, Step::Nothing | Step::LeftAlone));
            }
        }
        counts
    }

    /// How many rows change something.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.assign + self.change + self.remove + self.sites_alone
    }

    /// The counts as part of a sentence: what there is none of is left out.
    fn told(&self) -> String {
        let parts = [
            (self.assign, "to assign"),
            (self.change, "to change"),
            (self.remove, "to take away"),
            (self.nothing, "with nothing to do"),
            (self.left_alone, "left alone"),
            (self.faults, "with a fault"),
            (self.sites, "to set a site"),
        ];
        let told =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

impl Import {
    fn note(&self, tx: &mut Tx, action: Action) -> Result<Noted<()>> {
        let subject = Subject { kind: Kind::Import, id: &self.id, name: &self.file_name };
        let changes = match action {
            Action::ImportDiscarded => Vec::new(),
            _ => vec![Change::set("rows", self.counts.told())],
        };
        tx.note(action, subject, &changes)
    }
}

/// A file that was read, and every row of it checked, on its way into the store.
pub struct Checked {
    sheet_remarks: Vec<String>,
    plan: plan::Plan,
}

/// Reads a file and checks every row; nothing changes. Slow, and so not for the writer: of the database it needs a
/// moment in between.
///
/// A file that cannot be read as a list of licences is refused.
pub fn check(org: &Org, upload: &Upload) -> Result<Checked> {
    let sheet = read::read(&upload.bytes)?;
    let plan = plan::plan(org, &sheet.lines, upload.take_away)?;
    Ok(Checked { sheet_remarks: sheet.remarks, plan })
}

/// Keeps a file that was checked. Nobody's licence changes; what changed since is looked at before it is applied.
pub fn keep(tx: &mut Tx, file_name: &str, take_away: bool, checked: Checked) -> Result<Noted<Import>> {
    let Checked { sheet_remarks, plan } = checked;
    let counts = Counts::of(&plan.rows);
    let remarks = sheet_remarks.into_iter().chain(plan.remarks).collect();
    let import = Import {
        id: new_id(),
        file_name: names::of_file(file_name),
        state: if counts.faults > 0 { State::Faulty } else { State::Validated },
        take_away,
        remarks,
        row_count: i32::try_from(plan.rows.len()).map_err(Error::internal)?,
        fault_count: i32::try_from(counts.faults).map_err(Error::internal)?,
        counts,
        seats: plan.seats,
        created_by: tx.actor.name().to_owned(),
        created_at: tx.now,
        finished_at: None,
    };
    store::insert(tx, &import, plan.rows)?;
    let noted = import.note(tx, Action::ImportValidated)?;
    Ok(noted.with(import))
}

/// Throws an import away that was not applied: it stays in the list, but can no longer be applied.
pub fn discard(tx: &mut Tx, id: &str) -> Result<Noted<Import>> {
    let mut import = find(tx.conn, id)?;
    match import.state {
        State::Discarded => return Ok(Noted::unaudited(import, "it was discarded already")),
        State::Applied => {
            let message =
                format!("{} was applied already, so there is nothing to discard.", import.file_name);
            return Err(Error::Conflict(message));
        }
        State::Faulty | State::Validated => {}
    }
    store::finish(tx, &mut import, State::Discarded)?;
    let noted = import.note(tx, Action::ImportDiscarded)?;
    Ok(noted.with(import))
}

/// A number with the word that it counts: `1 seat`, `2 seats`.
fn counted(number: impl Into<i64>, word: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
