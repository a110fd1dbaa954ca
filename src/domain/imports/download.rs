//! CSV files for download.

use super::columns::FORMULA;
use super::store::{all_rows, find};
use super::{Import, Row, State, Step};
use crate::db::Conn;
use crate::error::{Error, Result};
use csv::{Terminator, WriterBuilder};

/// Without it Excel takes UTF-8 for the local encoding.
const MARK: &str = "\u{FEFF}";

impl Row {
    /// What became of the row, in plain words, given the state of its import.
    #[must_use]
    pub fn outcome(&self, state: State) -> String {
        let before = self.license_before.as_deref().unwrap_or_default();
        let (done, planned) = match self.step {
            Step::Assign => ("Assigned".to_owned(), "assign".to_owned()),
            Step::Change => (format!("Changed from {before}"), format!("change from {before}")),
            Step::Remove => (format!("Took {before} away"), format!("take {before} away")),
            Step::Nothing => return "Nothing to do".to_owned(),
            Step::LeftAlone => return "Left alone".to_owned(),
            Step::Fault => return self.fault.clone().unwrap_or_else(|| Step::Fault.word().to_owned()),
        };
        match state {
            State::Applied => done,
            State::Validated => format!("Not applied yet: {planned}"),
            State::Faulty | State::Discarded => format!("Not applied: {planned}"),
        }
    }
}

/// An import row by row, with result and remedy, as a CSV file that spreadsheets open.
pub fn result_csv(conn: &mut Conn, id: &str) -> Result<Vec<u8>> {
    let Import { state, .. } = find(conn, id)?;
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(MARK.as_bytes().to_vec());
    writer.write_record(["row", "userName", "license", "result", "remedy"]).map_err(Error::internal)?;
    for row in all_rows(conn, id)? {
        let remedy = row.remedy.as_deref().unwrap_or_default();
        let cells = [&row.number.to_string(), &row.user_name, &row.license, &row.outcome(state), remedy];
        writer.write_record(cells.map(guarded)).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|cause| Error::internal(cause.to_string()))
}

/// A small file to start from.
#[must_use]
pub fn template_csv() -> Vec<u8> {
    format!("{MARK}userName,license\r\nana.lima@example.com,X2\r\nbo.berg@example.com,X4\r\n").into_bytes()
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}
