//! From bytes to text, in the encodings that spreadsheets write.

use super::refused;
use crate::error::Result;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How a ZIP archive begins, which is what an .xlsx workbook is, and how an old .xls workbook begins.
const WORKBOOKS: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x05\x06", b"\xD0\xCF\x11\xE0"];
/// How many bytes tell UTF-16 without a byte-order mark.
const SAMPLE: usize = 64 * 1024;
/// So many NULs tell it at least: a header has more letters of plain ASCII, whatever else the file is written in.
const FEWEST: usize = 4;
/// With which files of DOS end.
const CTRL_Z: char = '\u{1A}';

/// The text of a file. What the administrator should know about the reading goes to `remarks`.
pub(in crate::domain) fn text(bytes: &[u8], remarks: &mut Vec<String>) -> Result<String> {
    if WORKBOOKS.iter().any(|start| bytes.starts_with(start)) {
        return Err(refused(
            "This is an Excel workbook. In Excel choose Save As, CSV UTF-8, and upload that file.",
        ));
    }
    let (encoding, body) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, bytes.get(length..).unwrap_or_default()),
        None => (without_mark(bytes), bytes),
    };
    let (text, broken) = encoding.decode_without_bom_handling(body);
    let text = if broken && encoding == UTF_8 {
        remarks.push(
            "The file is not UTF-8, so it was read as Windows-1252 (Western European). \
             Check names with accented letters. To be sure, choose Save As, CSV UTF-8, in Excel."
                .to_owned(),
        );
        WINDOWS_1252.decode_without_bom_handling(body).0
    } else {
        if broken {
            remarks.push(
                "Some characters could not be read and are shown as \u{FFFD}. Check those names.".to_owned(),
            );
        }
        text
    };
    if text.contains('\0') {
        return Err(refused(
            "This is not a text file; perhaps it is a workbook. In Excel choose Save As, CSV UTF-8, and upload that file.",
        ));
    }
    let text = text.trim_start_matches('\u{FEFF}');
    let end = text.trim_end();
    Ok(if end.ends_with(CTRL_Z) { end.trim_end_matches(CTRL_Z) } else { text }.to_owned())
}

/// In UTF-16 every other byte of plain ASCII is a NUL, and hardly any byte between; in UTF-8 there is none at all.
fn without_mark(bytes: &[u8]) -> &'static Encoding {
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let nuls = |first: usize| sample.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    match (nuls(0), nuls(1)) {
        (high, low) if low >= FEWEST && high * 8 <= low => UTF_16LE,
        (high, low) if high >= FEWEST && low * 8 <= high => UTF_16BE,
        _ => UTF_8,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, Vec<String>) {
        let mut remarks = Vec::new();
        (text(bytes, &mut remarks).unwrap(), remarks)
    }

    fn wide(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn utf_8_is_read_with_and_without_a_mark() {
        for bytes in ["userName,license\nzoë,X2", "\u{FEFF}userName,license\nzoë,X2"] {
            assert_eq!(decoded(bytes.as_bytes()), ("userName,license\nzoë,X2".to_owned(), vec![]));
        }
    }

    #[test]
    fn utf_16_is_read_in_both_byte_orders_with_and_without_a_mark() {
        let text = "userName\tlicense\nzoë\tX2";
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            for marked in [text.to_owned(), format!("\u{FEFF}{text}")] {
                assert_eq!(decoded(&wide(&marked, bytes_of)), (text.to_owned(), vec![]));
            }
        }
    }

    #[test]
    fn utf_16_without_a_mark_is_known_whatever_letters_come_first() {
        let before = "Отображаемое имя пользователя,Подразделение организации,Страна";
        let text = format!("{before},userName,license\nАнна,Продажи,Нидерланды,anna@x.example,X2\n");
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(decoded(&wide(&text, bytes_of)), (text.clone(), vec![]));
        }
        let latin = "Ānna,userName\nĀ,Ā@x.example";
        assert_eq!(decoded(&wide(latin, u16::to_le_bytes)).0, latin);
    }

    #[test]
    fn the_end_of_a_dos_file_is_no_row() {
        for end in ["\u{1A}", "\r\n\u{1A}", "\n\u{1A}\u{1A}\r\n"] {
            assert_eq!(
                decoded(format!("userName,license\nana,X2{end}").as_bytes()).0.trim_end(),
                "userName,license\nana,X2"
            );
        }
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_windows_1252_and_the_administrator_is_told() {
        let (text, remarks) = decoded(b"userName,license\nzo\xEB,X2");
        assert_eq!(text, "userName,license\nzoë,X2");
        assert!(
            remarks[0].contains("Windows-1252") && remarks[0].contains("Check names with accented letters")
        );
    }

    #[test]
    fn utf_16_that_breaks_off_midway_is_read_with_a_remark() {
        let mut bytes = wide("\u{FEFF}userName,license", u16::to_le_bytes);
        bytes.push(b'x');
        let (text, remarks) = decoded(&bytes);
        assert!(text.starts_with("userName,license"));
        assert!(remarks[0].contains("could not be read"));
    }

    #[test]
    fn a_workbook_and_other_binary_files_are_refused_with_the_way_out() {
        let workbooks: [&[u8]; 2] = [b"PK\x03\x04rest", b"\xD0\xCF\x11\xE0\xA1\xB1"];
        for bytes in workbooks {
            let refusal = text(bytes, &mut Vec::new()).unwrap_err().to_string();
            assert_eq!(
                refusal,
                "This is an Excel workbook. In Excel choose Save As, CSV UTF-8, and upload that file."
            );
        }
        for bytes in [&b"userName,license\nana\0,X2"[..], &[0; 40], b"\xFF\xFE\0\0u\0\0\0"] {
            let refusal = text(bytes, &mut Vec::new()).unwrap_err().to_string();
            assert!(refusal.contains("choose Save As, CSV UTF-8"), "{refusal}");
        }
    }
}
