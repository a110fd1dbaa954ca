//! The header, and what is wrong with the shape of a row below it.

use super::counted;
use super::line::{ParsedRow, Problem};
use crate::domain::spreadsheets::{key, refused, unguarded};
use crate::error::Result;
use csv::StringRecord;
use std::collections::BTreeSet;

/// Longer than any user name or code: what is cut off can be neither.
pub(super) const LONGEST_CELL: usize = 256;
const LONGEST_SHOWN: usize = 60;
const MOST_SHOWN: usize = 10;

/// Where the columns stand.
pub(super) struct Columns {
    user_name: usize,
    license: usize,
    site: Option<usize>,
    count: usize,
}

impl Columns {
    /// Finds them in the header, or says what the header lacks.
    pub(super) fn find(header: &StringRecord) -> Result<Self> {
        let places = |wanted: &[&str]| -> Vec<usize> {
            let named = (0..).zip(header).filter(|(_, cell)| wanted.contains(&key(cell).as_str()));
            named.map(|(at, _)| at).collect()
        };
        // Entra ID's own word for the user name counts where ours does not stand beside it.
        let user_names = match places(&["username"]) {
            none if none.is_empty() => places(&["userprincipalname", "upn"]),
            ours => ours,
        };
        let site = match places(&["site"]).as_slice() {
            [] => None,
            [site] => Some(*site),
            _ => {
                return Err(refused(
                    "There is more than one column site. Keep one and upload the file again.",
                ));
            }
        };
        let complaint = match (user_names.as_slice(), places(&["license", "licence"]).as_slice()) {
            (&[user_name], &[license]) => {
                return Ok(Self { user_name, license, site, count: header.len() });
            }
            ([], []) => "The columns userName and license are missing.",
            ([], _) => "The column userName is missing.",
            (_, []) => "The column license is missing.",
            ([_, _, ..], _) => "There is more than one column userName.",
            (_, [_, _, ..]) => "There is more than one column license.",
        };
        let found: Vec<String> =
            header.iter().take(MOST_SHOWN).map(|cell| cut(cell.trim(), LONGEST_SHOWN)).collect();
        let more = if header.len() > MOST_SHOWN { ",…" } else { "" };
        Err(refused(format!(
            "{complaint} The header that was found is “{}{more}”; the header that is wanted is “userName,license”, \
             or “userName,license,site”. \
             Correct the first row and upload the file again.",
            found.join(",")
        )))
    }

    /// A row's two cells, and what is wrong with its shape.
    pub(super) fn line(&self, number: i32, cells: &StringRecord) -> ParsedRow {
        let cell = |at: usize| cells.get(at).map(|cell| cut(unguarded(cell.trim()), LONGEST_CELL));
        let (user_name, license) = (cell(self.user_name), cell(self.license));
        let problem = self.problem(cells, user_name.is_none() || license.is_none());
        ParsedRow {
            number,
            user_name: user_name.unwrap_or_default(),
            license: license.unwrap_or_default(),
            site: self.site.map(|at| cell(at).unwrap_or_default()),
            problem,
        }
    }

    /// Spreadsheets leave out empty cells at the end of a row, or add some: only what matters is a fault.
    fn problem(&self, cells: &StringRecord, lacking: bool) -> Option<Problem> {
        let found = i64::try_from(cells.len()).unwrap_or(i64::MAX);
        let shape = || {
            let header = i64::try_from(self.count).unwrap_or(i64::MAX);
            format!("This row has {} where the header has {header}.", counted(found, "cell"))
        };
        if lacking {
            return Some(Problem::new(
                shape(),
                "Give the row a user name and a licence cell, if need be an empty one.",
            ));
        }
        if cells.iter().skip(self.count).any(|cell| !cell.trim().is_empty()) {
            let remedy = "Remove the cells that are too many; a cell that contains the delimiter needs quotation marks.";
            return Some(Problem::new(shape(), remedy));
        }
        let broken = |at: usize| cells.get(at).is_some_and(|cell| cell.trim().contains('\n'));
        (broken(self.user_name) || broken(self.license) || self.site.is_some_and(broken)).then(|| {
            let remedy = "Remove the line break; perhaps a quotation mark is missing.";
            Problem::new("The user name, the licence or the site runs over several lines.", remedy)
        })
    }

    /// The remark that names the columns that were not read. Padding without name and content is not worth one.
    pub(super) fn ignored(&self, header: &StringRecord, filled: &BTreeSet<usize>) -> Option<String> {
        let others = (0..)
            .zip(header)
            .filter(|(at, _)| ![Some(self.user_name), Some(self.license), self.site].contains(&Some(*at)));
        let names: Vec<String> = others
            .filter(|(at, name)| !name.trim().is_empty() || filled.contains(at))
            .map(|(at, name)| match name.trim() {
                "" => format!("number {} (without a name)", at + 1),
                name => format!("“{}”", cut(name, LONGEST_SHOWN)),
            })
            .collect();
        let shown = names.get(..MOST_SHOWN).unwrap_or(&names).join(", ");
        let more = match names.len().saturating_sub(MOST_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match names.len() {
            0 => None,
            1 => Some(format!("The column {shown} was ignored: only userName, license and site are read.")),
            _ => Some(format!(
                "The columns {shown}{more} were ignored: only userName, license and site are read."
            )),
        }
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
