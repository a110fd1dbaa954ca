//! Files as spreadsheets write and read them.

use crate::error::{Error, Result};
use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

pub(super) mod decode;

/// What a spreadsheet would take for the start of a formula (OWASP, CSV injection).
pub(super) const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];
/// Without it Excel takes UTF-8 for the local encoding.
pub(super) const MARK: &str = "\u{FEFF}";
const DELIMITERS: [u8; 3] = *b",;\t";

/// A file with a header and rows below it.
pub(super) struct Table {
    pub(super) header: StringRecord,
    pub(super) rows: Vec<StringRecord>,
    /// What the administrator should know about the reading.
    pub(super) remarks: Vec<String>,
}

/// A refusal of the whole file.
pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::invalid("file", message)
}

/// Reads a table of at most so many rows, whatever its encoding and delimiter.
pub(super) fn table(bytes: &[u8], most_rows: usize) -> Result<Table> {
    let mut remarks = Vec::new();
    let text = decode::text(bytes, &mut remarks)?;
    let header = |delimiter: u8| records(&text, delimiter).next().and_then(Result::ok);
    let cells = |delimiter: u8| header(delimiter).map_or(0, |header| header.len());
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|delimiter| cells(*delimiter)).unwrap_or(b',');
    let mut all = records(&text, delimiter);
    let unreadable = |cause: csv::Error| refused(format!("The file cannot be read as CSV: {cause}."));
    let header = all.next().transpose().map_err(unreadable)?;
    let header = header.ok_or_else(|| refused("The file is empty."))?;
    let mut rows = Vec::new();
    for row in all {
        let row = row.map_err(unreadable)?;
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() == most_rows {
            return Err(refused(format!("The file has more than {most_rows} rows, which is the most.")));
        }
        rows.push(row);
    }
    Ok(Table { header, rows, remarks })
}

fn records(text: &str, delimiter: u8) -> csv::StringRecordsIntoIter<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).has_headers(false).flexible(true);
    builder.from_reader(text.as_bytes()).into_records()
}

/// The form in which header names are compared.
pub(super) fn key(name: &str) -> String {
    name.chars().filter(|char| !char.is_whitespace() && *char != '_').collect::<String>().to_lowercase()
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
pub(super) fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// A file that spreadsheets open, every cell guarded.
pub(super) fn file<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(MARK.as_bytes().to_vec());
    for row in rows {
        writer.write_record(row.map(|cell| guarded(&cell))).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|cause| Error::internal(cause.to_string()))
}
