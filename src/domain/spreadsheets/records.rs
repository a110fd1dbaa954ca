//! From text to rows: the delimiter, the numbers as a spreadsheet shows them, and where a quotation mark was left open.

use super::{FORMULA, decode, refused};
use crate::error::Result;
use csv::{ReaderBuilder, StringRecord};

const DELIMITERS: [u8; 3] = *b",;\t";
/// Stands after the last row. It is no row of its own when a quotation mark was left open. No text has a NUL.
const END: &str = "\0";

/// A file that was decoded, and the delimiter by which its cells are parted.
pub(in crate::domain) struct Text {
    body: String,
    delimiter: u8,
    /// What the administrator should know about the reading.
    pub(in crate::domain) remarks: Vec<String>,
}

impl Text {
    /// Decodes a file and finds its delimiter. `fits` tells a header that has the columns which are looked for.
    pub(in crate::domain) fn read(bytes: &[u8], fits: impl Fn(&StringRecord) -> bool) -> Result<Self> {
        let mut remarks = Vec::new();
        let text = decode::text(bytes, &mut remarks)?.replace("\r\n", "\n").replace('\r', "\n");
        let (stated, body) = stated_delimiter(&text);
        let body = format!("{body}\n{END}");
        let header = |delimiter: u8| Records::new(&body, delimiter).next().and_then(Result::ok);
        let score = |delimiter: u8| {
            header(delimiter).map_or((false, 1), |header| (fits(&header.cells), header.cells.len()))
        };
        // By which the header has the columns, else the one that parts it into the most cells. The first of equals:
        // `max_by_key` would answer the last.
        let likely = DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',');
        let delimiter = match stated {
            Some(stated) if score(stated).0 || !score(likely).0 => stated,
            Some(stated) => {
                remarks.push(format!(
                    "The first line says that cells are parted by “{}”, but they are parted by {}, and were read so.",
                    char::from(stated),
                    if likely == b'\t' { "tabs".to_owned() } else { format!("“{}”", char::from(likely)) }
                ));
                likely
            }
            None => likely,
        };
        Ok(Self { body, delimiter, remarks })
    }

    /// The rows that are not blank, the header first.
    pub(in crate::domain) fn records(&self) -> Records<'_> {
        Records::new(&self.body, self.delimiter)
    }
}

/// Excel's own first line `sep=;` names the delimiter and is not shown as a row.
fn stated_delimiter(text: &str) -> (Option<u8>, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let bare = first.trim_matches([' ', '"']);
    let stated = bare.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).and_then(|_| bare.get(4..));
    let Some(stated) = stated else { return (None, text) };
    match stated.as_bytes() {
        b"\\t" => (Some(b'\t'), rest),
        [delimiter] if delimiter.is_ascii() && !b"\"\0".contains(delimiter) => (Some(*delimiter), rest),
        // Whatever it means, it is no header.
        _ => (None, rest),
    }
}

/// A row as it stands in the file.
pub(in crate::domain) struct Record {
    /// As a spreadsheet shows it.
    pub(in crate::domain) number: i32,
    pub(in crate::domain) cells: StringRecord,
}

impl Record {
    fn is_end(&self) -> bool {
        self.cells.len() == 1 && self.cells.get(0) == Some(END)
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The rows that are not blank. Blank ones count in the numbers; a line break inside a cell does not.
pub(in crate::domain) struct Records<'a> {
    text: &'a str,
    reader: csv::Reader<&'a [u8]>,
    number: i32,
    ended: bool,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(text.as_bytes());
        Self { text, reader, number: 0, ended: false }
    }

    /// Once there are no more: whether a quotation mark is opened in the last row and never closed.
    pub(in crate::domain) fn is_open(&self) -> bool {
        !self.ended
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let start = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
            let mut cells = StringRecord::new();
            match self.reader.read_record(&mut cells) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(cause) => return Some(Err(refused(format!("The file cannot be read as CSV: {cause}.")))),
            }
            // The reader passes over empty lines without a word.
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let empty = rest.iter().take_while(|byte| **byte == b'\n').count();
            self.number =
                self.number.saturating_add(1).saturating_add(i32::try_from(empty).unwrap_or(i32::MAX));
            let record = Record { number: self.number, cells };
            self.ended = record.is_end();
            if !self.ended && !record.is_blank() {
                return Some(Ok(record));
            }
        }
        None
    }
}

/// Takes off the apostrophe with which a file of ours guards a cell, so that it can be corrected and uploaded again.
pub(in crate::domain) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(cell)
}
