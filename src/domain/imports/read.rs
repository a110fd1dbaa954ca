//! From a file to lines with a user name and a licence, numbered as a spreadsheet numbers them.

use super::columns::Columns;
use super::line::{ParsedRow, Problem};
use crate::domain::spreadsheets::{Records, Text, refused};
use crate::error::Result;
use crate::threads::assert_may_take_long;
use std::collections::BTreeSet;

/// The most rows that one file may have, header and blank rows apart: all of them change in one transaction.
pub const MOST_ROWS: usize = 10_000;
/// The most bytes that one file may have, in MiB.
pub const MOST_MIB: usize = 5;
/// The same in bytes.
pub const MOST_BYTES: usize = MOST_MIB * 1024 * 1024;

const HOW: &str = "Its first row must be userName,license and each row below it names a user and a licence.";

/// A file that could be read.
pub(super) struct Sheet {
    pub(super) lines: Vec<ParsedRow>,
    pub(super) remarks: Vec<String>,
}

/// Reads a file, or says why it is no list of licences.
pub(super) fn read(bytes: &[u8]) -> Result<Sheet> {
    assert_may_take_long();
    if bytes.len() > MOST_BYTES {
        return Err(refused(format!(
            "The file has {} bytes; the most is {MOST_BYTES} ({MOST_MIB} MiB). Remove columns that are not needed, or split it.",
            bytes.len()
        )));
    }
    let text = Text::read(bytes, |header| Columns::find(header).is_ok())?;
    let mut records = text.records();
    let header = records.next().transpose()?;
    let header = header.ok_or_else(|| refused(format!("The file is empty. {HOW}")))?;
    let columns = Columns::find(&header.cells)?;
    let (lines, filled) = lines(&mut records, &columns)?;
    let ignored = columns.ignored(&header.cells, &filled);
    Ok(Sheet { lines, remarks: text.remarks.iter().cloned().chain(ignored).collect() })
}

fn lines(records: &mut Records, columns: &Columns) -> Result<(Vec<ParsedRow>, BTreeSet<usize>)> {
    let (mut lines, mut filled, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for record in records.by_ref() {
        let record = record?;
        count += 1;
        if count <= MOST_ROWS {
            filled.extend(
                (0..).zip(&record.cells).filter(|(_, cell)| !cell.trim().is_empty()).map(|(at, _)| at),
            );
            lines.push(columns.line(record.number, &record.cells));
        }
    }
    if count > MOST_ROWS {
        return Err(refused(format!(
            "The file has {count} rows; the most is {MOST_ROWS}. Split it into several files."
        )));
    }
    match lines.last_mut() {
        Some(last) if records.is_open() => {
            last.problem = Some(Problem::new(
                "A quotation mark is opened in this row and never closed, so the rest of the file was read as one cell.",
                "Close the quotation mark, or remove it.",
            ));
        }
        Some(_) => {}
        None => return Err(refused(format!("The file has a header but no rows. {HOW}"))),
    }
    Ok((lines, filled))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::columns::LONGEST_CELL;
    use super::*;

    fn sheet(text: &str) -> Sheet {
        read(text.as_bytes()).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        read(bytes).err().unwrap().about("file").unwrap().to_owned()
    }

    fn told(text: &str) -> Vec<(i32, String, String)> {
        sheet(text).lines.into_iter().map(|line| (line.number, line.user_name, line.license)).collect()
    }

    fn row(number: i32, user_name: &str, license: &str) -> (i32, String, String) {
        (number, user_name.to_owned(), license.to_owned())
    }

    #[test]
    fn the_delimiter_is_found_from_the_header() {
        for delimiter in [",", ";", "\t"] {
            let text = format!("userName{delimiter}license\nana{delimiter}X2\n");
            assert_eq!(told(&text), [row(2, "ana", "X2")], "{delimiter:?}");
        }
        assert_eq!(told("userName;license;a,b,c,d\nana;X2;1,2\n"), [row(2, "ana", "X2")]);
    }

    #[test]
    fn excels_own_first_line_names_the_delimiter_and_is_no_row() {
        for first in ["sep=;", "SEP=;", "\"sep=;\""] {
            assert_eq!(told(&format!("{first}\r\nuserName;license\r\nana;X2\r\n")), [row(2, "ana", "X2")]);
        }
        assert_eq!(told("sep=|\nuserName|license\nana|X2\n"), [row(2, "ana", "X2")]);
    }

    #[test]
    fn a_first_line_that_names_the_wrong_delimiter_is_pointed_out_and_not_believed() {
        let wrong = sheet("sep=;\nuserName,license\nana,X2\n");
        assert_eq!((wrong.lines.len(), wrong.lines[0].license.as_str()), (1, "X2"));
        assert!(
            wrong.remarks[0].contains("parted by “;”, but they are parted by “,”"),
            "{:?}",
            wrong.remarks
        );
        assert_eq!(told("sep=\\t\nuserName\tlicense\nana\tX2\n"), [row(2, "ana", "X2")]);
        assert_eq!(told("sep=\nuserName,license\nana,X2\n"), [row(2, "ana", "X2")]);
        assert!(refusal(b"sep=;\nname,code\nana,X2\n").contains("“name,code”"));
    }

    #[test]
    fn header_names_are_compared_without_case_space_and_underscores_in_any_order() {
        for header in
            ["LICENCE,User name", "license,user_name", "\"License\" ,\"USER NAME\"", "Licence,User\u{A0}Name"]
        {
            assert_eq!(told(&format!("{header}\nX2,ana")), [row(2, "ana", "X2")], "{header}");
        }
    }

    #[test]
    fn a_missing_column_refuses_the_file_and_shows_both_headers() {
        let refusal = |text: &str| refusal(text.as_bytes());
        let message = refusal("name,licence\nana,X2");
        assert!(message.starts_with("The column userName is missing."), "{message}");
        assert!(message.contains("“name,licence”") && message.contains("“userName,license”"), "{message}");
        assert!(refusal("userName,type\nana,X2").starts_with("The column license is missing."));
        assert!(refusal("ana,X2\nbo,X4").starts_with("The columns userName and license are missing."));
        assert!(refusal("userName|license\nana|X2").contains("“userName|license”"));
    }

    #[test]
    fn a_column_that_stands_twice_refuses_the_file() {
        assert!(refusal(b"userName,license,licence\nana,X2,X4").contains("more than one column license"));
        assert!(refusal(b"userName,license,User_Name\nana,X2,bo").contains("more than one column userName"));
    }

    #[test]
    fn extra_columns_are_ignored_and_named() {
        let one = sheet("userName,Department,license\nana,Sales,X2");
        assert_eq!(
            one.remarks,
            ["The column “Department” was ignored: only userName, license and site are read."]
        );
        let more = sheet("userName,license,Notes,,\nana,X2,hello,there,\n");
        assert_eq!(more.lines.len(), 1);
        assert_eq!(
            more.remarks,
            [
                "The columns “Notes”, number 4 (without a name) were ignored: only userName, license and site are read."
            ]
        );
        assert!(sheet("userName,license,,\nana,X2,,").remarks.is_empty());
    }

    #[test]
    fn all_line_ends_are_read_and_blank_lines_count_in_the_numbers() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["", "userName,license", "ana,X2", "", "", ",", "  ", "bo,X4", ""].join(end);
            assert_eq!(told(&text), [row(3, "ana", "X2"), row(8, "bo", "X4")], "{end:?}");
        }
    }

    #[test]
    fn quoting_is_read_as_spreadsheets_write_it() {
        let text = "userName,license,notes\n\"ana, \"\"the boss\"\"\",\"X2\",\"two\r\nlines\"\nbo,X4,\n";
        assert_eq!(told(text), [row(2, "ana, \"the boss\"", "X2"), row(3, "bo", "X4")]);
    }

    #[test]
    fn cells_are_read_without_the_space_around_them() {
        assert_eq!(told("userName,license\n  ana\u{A0},\t X2 \n"), [row(2, "ana", "X2")]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_a_fault_of_its_row() {
        let lines = sheet("userName,license\nana,X2\nbo,\"X4\ncy,X2\n").lines;
        assert_eq!(lines.len(), 2);
        assert!(lines[0].problem.is_none());
        assert!(lines[1].problem.as_ref().unwrap().fault.contains("never closed"));
        let closed = sheet("userName,license\nana,\"X2\nX4\"\n").lines;
        assert!(closed[0].problem.as_ref().unwrap().fault.contains("over several lines"));
    }

    #[test]
    fn too_few_or_too_many_cells_are_faults_of_their_row() {
        let lines = sheet("userName,license\nana\nbo,X4,stray\ncy,X2\n").lines;
        let faults: Vec<_> =
            lines.iter().map(|line| line.problem.as_ref().map(|it| it.fault.as_str())).collect();
        assert_eq!(
            faults,
            [
                Some("This row has 1 cell where the header has 2."),
                Some("This row has 3 cells where the header has 2."),
                None
            ]
        );
    }

    #[test]
    fn empty_cells_that_spreadsheets_add_or_leave_out_are_no_fault() {
        let lines = sheet("userName,license,notes\nana,X2\nbo,X4,,,\n").lines;
        assert!(lines.iter().all(|line| line.problem.is_none()));
    }

    #[test]
    fn the_apostrophe_of_a_result_file_is_taken_off_again() {
        assert_eq!(
            told("userName,license\n'+31,X2\n'ana,'-X\n"),
            [row(2, "+31", "X2"), row(3, "'ana", "-X")]
        );
    }

    #[test]
    fn an_empty_file_and_a_lone_header_are_refused() {
        for empty in ["", "\n\n", " \r\n,,\r\n", "\u{FEFF}", "sep=;"] {
            assert!(refusal(empty.as_bytes()).starts_with("The file is empty."), "{empty:?}");
        }
        for lone in ["userName,license", "userName,license\r\n\r\n,\r\n"] {
            assert!(refusal(lone.as_bytes()).starts_with("The file has a header but no rows."), "{lone:?}");
        }
    }

    #[test]
    fn a_file_beyond_the_limits_is_refused_and_one_at_the_limit_is_read() {
        let of = |rows: usize| format!("userName,license\n{}", "ana,X2\n".repeat(rows));
        assert_eq!(sheet(&of(MOST_ROWS)).lines.len(), MOST_ROWS);
        assert!(
            refusal(of(MOST_ROWS + 5).as_bytes()).starts_with("The file has 10005 rows; the most is 10000.")
        );
        let mut large = b"userName,license\nana,X2\n".to_vec();
        large.resize(MOST_BYTES, b'\n');
        assert_eq!(read(&large).unwrap().lines.len(), 1);
        large.push(b'\n');
        assert!(refusal(&large).starts_with("The file has 5242881 bytes; the most is 5242880 (5 MiB)."));
    }

    #[test]
    fn an_overlong_cell_is_cut_where_no_name_can_be() {
        let lines = sheet(&format!("userName,license\n{},X2\n", "é".repeat(400))).lines;
        assert_eq!(lines[0].user_name.chars().count(), LONGEST_CELL + 1);
    }

    /// Numbers that look random and are the same in every run (xorshift).
    fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
        move |below| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % 1_000_003).unwrap() % below
        }
    }

    #[test]
    fn no_bytes_whatever_crash_the_reader_or_upset_the_row_numbers() {
        let valid = "sep=;\r\nuserName;license;notes\r\n\"zoë\";X2;\"a\r\nb\"\r\n\r\nbo;;\r\n".as_bytes();
        let wide: Vec<u8> =
            String::from_utf8_lossy(valid).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let tricky = b"\"\0,;\t\r\n\xFF\xFE\xEF\xBB\xBFPK='s ";
        let mut any = numbers(0x9E37_79B9_7F4A_7C15);
        for turn in 0..20_000 {
            let mut bytes = if turn % 4 == 0 { wide.clone() } else { valid.to_vec() };
            for _ in 0..=any(6) {
                let at = any(bytes.len());
                match any(4) {
                    0 => bytes[at] = u8::try_from(any(256)).unwrap(),
                    1 => bytes.insert(at, tricky[any(tricky.len())]),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes[at] = tricky[any(tricky.len())],
                }
            }
            if let Ok(sheet) = read(&bytes) {
                assert!(sheet.lines.windows(2).all(|pair| pair[0].number < pair[1].number), "{bytes:?}");
            }
        }
    }
}
