//! Files as spreadsheets write and read them.

use crate::error::{Error, Result};
use csv::{Terminator, WriterBuilder};

mod decode;
mod records;

pub(super) use records::{Records, Text, unguarded};

/// What a spreadsheet would take for the start of a formula (OWASP, CSV injection).
pub(super) const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];
/// Without it Excel takes UTF-8 for the local encoding.
pub(super) const MARK: &str = "\u{FEFF}";

/// A refusal of the whole file.
pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::invalid("file", message)
}

/// The form in which header names are compared.
pub(super) fn key(name: &str) -> String {
    name.chars().filter(|char| !char.is_whitespace() && *char != '_').collect::<String>().to_lowercase()
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
pub(super) fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// A file that spreadsheets open, every cell guarded. Rows may come one by one from the database: none is kept.
pub(super) fn file<const N: usize>(
    content: impl IntoIterator<Item = Result<[String; N]>>,
) -> Result<Vec<u8>> {
    Ok([MARK.as_bytes().to_vec(), rows(content)?].concat())
}

/// Some rows of such a file.
pub(super) fn rows<const N: usize>(rows: impl IntoIterator<Item = Result<[String; N]>>) -> Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row?.map(|cell| guarded(&cell))).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|cause| Error::internal(cause.to_string()))
}
