//! CSV files for download.

use super::store::{all_rows, find};
use super::{Import, ImportRow, State, Step};
use crate::db::Conn;
use crate::domain::spreadsheets::{self, MARK};
use crate::error::Result;

impl ImportRow {
    /// What became of the row, in plain words, given the state of its import.
    #[must_use]
    pub fn outcome(&self, state: State) -> String {
        let outcome = self.step_outcome(state);
        match &self.remark {
            Some(remark) => format!("{outcome}. {remark}"),
            None => outcome,
        }
    }

    fn step_outcome(&self, state: State) -> String {
        let before = self.license_before.as_deref().unwrap_or_default();
        let (done, planned) = match self.step {
            Step::Assign => ("Assigned".to_owned(), "assign".to_owned()),
            Step::Change => (format!("Changed from {before}"), format!("change from {before}")),
            Step::Remove => (format!("Took {before} away"), format!("take {before} away")),
            Step::Nothing | Step::LeftAlone if self.site_id.is_some() => {
                ("Site set".to_owned(), "set the site".to_owned())
            }
            Step::Nothing => return "Nothing to do".to_owned(),
            Step::LeftAlone => return "Left alone".to_owned(),
            Step::Fault => return self.fault.clone().unwrap_or_else(|| Step::Fault.word().to_owned()),
        };
        let with_site = self.site_id.is_some() && !matches!(self.step, Step::Nothing | Step::LeftAlone);
        let (done, planned) = if with_site {
            (format!("{done}, site set"), format!("{planned}, set the site"))
        } else {
            (done, planned)
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
    let rows = all_rows(conn, id)?;
    let with_site = rows.iter().any(|row| row.site.is_some());
    let cells = |row: ImportRow| {
        let (outcome, remedy) = (row.outcome(state), row.remedy.clone().unwrap_or_default());
        let site = row.site.unwrap_or_default();
        [row.number.to_string(), row.user_name, row.license, site, outcome, remedy]
    };
    if with_site {
        let header = ["row", "userName", "license", "site", "result", "remedy"].map(str::to_owned);
        return spreadsheets::file([header].into_iter().chain(rows.into_iter().map(cells)).map(Ok));
    }
    let header = ["row", "userName", "license", "result", "remedy"].map(str::to_owned);
    let rows = rows
        .into_iter()
        .map(cells)
        .map(|[row, user, license, _, result, remedy]| [row, user, license, result, remedy]);
    spreadsheets::file([header].into_iter().chain(rows).map(Ok))
}

/// A small file to start from.
#[must_use]
pub fn template_csv() -> Vec<u8> {
    format!("{MARK}userName,license,site\r\nana.lima@example.com,X2,Lisbon\r\nbo.berg@example.com,X4,\r\n")
        .into_bytes()
}
