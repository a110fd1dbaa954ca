//! XML as bytes: which characters they are (XML 1.0 section 4.3.3 and appendix F).
//!
//! A byte-order mark decides, else the declaration does, else it is UTF-8. A declaration that says something else than
//! the bytes are is refused, and so is XML 1.1, whose line ends and names differ: two readers of one document must not
//! see different things. What comes out has neither mark nor declaration.

use super::report::Fault;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// As far as an XML declaration can reach.
const PROLOG: usize = 256;

/// The text of a document that came as text, without its XML declaration. What that says of an encoding was true of the
/// file that it was copied from.
pub(crate) fn from_text(text: &str) -> Result<&str, Fault> {
    Declaration::read(beginning_of(text))?;
    Ok(without_declaration(text))
}

fn beginning_of(text: &str) -> &str {
    text.trim_start_matches(|char: char| char == '\u{feff}' || char.is_whitespace())
}

/// The text of a document, without its byte-order mark and XML declaration.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, Fault> {
    if let Some(order) = widest(bytes) {
        return decode_widest(bytes, order);
    }
    let (real, rest) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Some(UTF_8), rest),
        [0xFF, 0xFE, rest @ ..] => (Some(UTF_16LE), rest),
        [0xFE, 0xFF, rest @ ..] => (Some(UTF_16BE), rest),
        [b'<', 0, ..] => (Some(UTF_16LE), bytes),
        [0, b'<', ..] => (Some(UTF_16BE), bytes),
        _ => (None, bytes),
    };
    let beginning = &rest[..rest.len().min(PROLOG)];
    let beginning = match real {
        Some(wide) if wide != UTF_8 => wide.decode_without_bom_handling(beginning).0.into_owned(),
        _ => beginning.iter().map(|byte| char::from(*byte)).collect(),
    };
    let declared = Declaration::read(beginning.trim_start())?.encoding;
    let text = match (real, declared.as_deref().map(str::to_ascii_lowercase).as_deref()) {
        (Some(wide), None) => whole(wide, rest),
        (Some(wide), Some(label)) if fits(wide, label) => whole(wide, rest),
        (Some(_), Some(_)) => Err(Fault::DeclaredEncoding),
        (None, None) => whole(UTF_8, rest).map_err(|_| Fault::Encoding),
        (None, Some(label)) => narrow(label, rest),
    }?;
    Ok(without_declaration(&text).to_owned())
}

/// How the four bytes of a character are ordered, where a document is UTF-32: by its mark or its first character.
fn widest(bytes: &[u8]) -> Option<fn([u8; 4]) -> u32> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [b'<', 0, 0, 0, ..] => Some(u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, b'<', ..] => Some(u32::from_be_bytes),
        _ => None,
    }
}

fn decode_widest(bytes: &[u8], order: fn([u8; 4]) -> u32) -> Result<String, Fault> {
    let (characters, []) = bytes.as_chunks::<4>() else { return Err(Fault::DeclaredEncoding) };
    let text: Option<String> = characters.iter().map(|four| char::from_u32(order(*four))).collect();
    let text = text.ok_or(Fault::DeclaredEncoding)?;
    let declared = Declaration::read(beginning_of(&text))?.encoding.map(|label| label.to_ascii_lowercase());
    let own = order([0, 0, 0, 1]) == 1;
    match declared.as_deref() {
        None | Some("utf-32" | "ucs-4" | "iso-10646-ucs-4") => {}
        Some("utf-32be") if own => {}
        Some("utf-32le") if !own => {}
        Some(_) => return Err(Fault::DeclaredEncoding),
    }
    Ok(without_declaration(&text).to_owned())
}

/// The text behind its XML declaration, which said 1.0 and the encoding that the text had.
pub(super) fn without_declaration(text: &str) -> &str {
    let text = text.trim_start_matches(|char| char == '\u{feff}' || super::is_space(char));
    match text.strip_prefix("<?xml").filter(|rest| rest.starts_with(super::is_space)) {
        Some(rest) => rest.find("?>").map_or(text, |end| &rest[end + 2..]),
        None => text,
    }
}

/// Refuses a text whose declaration says that it is no XML 1.0, or was not read as what it says.
pub(super) fn check_declaration(text: &str) -> Result<(), Fault> {
    let declared = Declaration::read(beginning_of(text))?.encoding;
    match declared.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("utf-8" | "utf8") => Ok(()),
        Some("us-ascii" | "ascii") if text.is_ascii() => Ok(()),
        Some(_) => Err(Fault::DeclaredEncoding),
    }
}

/// What an XML declaration says (XML 1.0 production 23); nothing where there is none.
#[derive(Default)]
struct Declaration {
    encoding: Option<String>,
}

impl Declaration {
    fn read(beginning: &str) -> Result<Self, Fault> {
        let Some(rest) = beginning.strip_prefix("<?xml").filter(|rest| rest.starts_with(super::is_space))
        else {
            return Ok(Self::default());
        };
        let said = rest.split("?>").next().unwrap_or_default();
        if value(said, "version").is_some_and(|version| version != "1.0") {
            return Err(Fault::XmlVersion);
        }
        Ok(Self { encoding: value(said, "encoding").map(str::to_owned) })
    }
}

/// The value in quotes behind a name.
fn value<'t>(said: &'t str, name: &str) -> Option<&'t str> {
    let rest = said.split_once(name)?.1.trim_start_matches(super::is_space).strip_prefix('=')?;
    let rest = rest.trim_start_matches(super::is_space);
    let quote = rest.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    rest[1..].split(quote).next()
}

/// Whether an encoding that the bytes show is the one of this name.
fn fits(real: &'static Encoding, label: &str) -> bool {
    match label {
        "utf-16" | "iso-10646-ucs-2" | "ucs-2" => real != UTF_8,
        "utf-16le" => real == UTF_16LE,
        "utf-16be" => real == UTF_16BE,
        "us-ascii" | "ascii" => false,
        _ => Encoding::for_label(label.as_bytes()) == Some(real),
    }
}

/// Text in an encoding whose first 128 characters are those of ASCII, as its declaration says.
fn narrow(label: &str, bytes: &[u8]) -> Result<String, Fault> {
    match label {
        "iso-8859-1" | "iso_8859-1" | "iso8859-1" | "latin1" | "l1" => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        "us-ascii" | "ascii" if !bytes.is_ascii() => Err(Fault::DeclaredEncoding),
        _ => {
            let found = Encoding::for_label(label.as_bytes()).ok_or(Fault::DeclaredEncoding)?;
            // UTF-16 would have shown itself; the others would not begin with these very bytes.
            if found == UTF_16LE || found == UTF_16BE || !found.is_ascii_compatible() {
                return Err(Fault::DeclaredEncoding);
            }
            whole(found, bytes)
        }
    }
}

fn whole(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, Fault> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    Ok(text.ok_or(Fault::DeclaredEncoding)?.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wide(text: &str, order: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(order).collect()
    }

    #[test]
    fn what_the_bytes_are_and_say_is_read() {
        let said = |encoding: &str| format!("<?xml version='1.0' encoding=\"{encoding}\"?><a>é</a>");
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in ["<a>é</a>".to_owned(), said("UTF-16"), said("utf-16")] {
                assert_eq!(decode(&wide(&text, order, true)).unwrap(), "<a>é</a>");
            }
            assert_eq!(decode(&wide(&said("UTF-16"), order, false)).unwrap(), "<a>é</a>");
        }
        assert_eq!(decode(said("UTF-8").as_bytes()).unwrap(), "<a>é</a>");
        assert_eq!(decode(format!("\u{feff}{}", said("utf-8")).as_bytes()).unwrap(), "<a>é</a>");
        for encoding in ["ISO-8859-1", "windows-1252", "Latin1", "ISO-8859-15"] {
            let bytes: Vec<u8> = said(encoding).chars().map(|char| char as u8).collect();
            assert_eq!(decode(&bytes).unwrap(), "<a>é</a>", "{encoding}");
        }
        let euro = [b"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>".as_slice(), b"\x80</a>"].concat();
        assert_eq!(decode(&euro).unwrap(), "<a>€</a>");
    }

    fn widest(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|char| order(u32::from(char))).collect()
    }

    #[test]
    fn four_bytes_for_each_character_are_read_too() {
        for order in [u32::to_le_bytes, u32::to_be_bytes] {
            for text in
                ["<a>é😀</a>", "\u{feff}<a>é😀</a>", "<?xml version='1.0' encoding='UTF-32'?><a>é😀</a>"]
            {
                assert_eq!(decode(&widest(text, order)).unwrap(), "<a>é😀</a>");
            }
            let wrong = "<?xml version='1.0' encoding='UTF-16'?><a/>";
            assert_eq!(decode(&widest(wrong, order)), Err(Fault::DeclaredEncoding));
            let cut = widest("<a/>", order);
            assert_eq!(decode(&cut[..cut.len() - 1]), Err(Fault::DeclaredEncoding));
        }
        let le = "<?xml version='1.0' encoding='utf-32LE'?><a/>";
        assert!(decode(&widest(le, u32::to_le_bytes)).is_ok());
        assert!(decode(&widest(le, u32::to_be_bytes)).is_err());
    }

    #[test]
    fn of_a_text_that_was_pasted_the_declared_encoding_is_no_longer_true() {
        for encoding in ["UTF-16", "windows-1252", "us-ascii", "klingon"] {
            let text = format!(" \u{feff}<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n<a>€</a>");
            assert_eq!(from_text(&text).unwrap().trim(), "<a>€</a>", "{encoding}");
        }
        assert_eq!(from_text("<?xml version='1.1'?><a/>"), Err(Fault::XmlVersion));
    }

    #[test]
    fn what_the_bytes_are_not_is_refused() {
        let said = |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a>é</a>");
        for (bytes, fault) in [
            (said("UTF-16").into_bytes(), Fault::DeclaredEncoding),
            (said("us-ascii").into_bytes(), Fault::DeclaredEncoding),
            (said("klingon").into_bytes(), Fault::DeclaredEncoding),
            (wide(&said("UTF-8"), u16::to_le_bytes, true), Fault::DeclaredEncoding),
            (wide(&said("UTF-16BE"), u16::to_le_bytes, true), Fault::DeclaredEncoding),
            (format!("\u{feff}{}", said("ISO-8859-1")).into_bytes(), Fault::DeclaredEncoding),
            (b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\xe9</a>".to_vec(), Fault::DeclaredEncoding),
            (b"<a>\xe9</a>".to_vec(), Fault::Encoding),
            (b"<?xml version=\"1.1\"?><a/>".to_vec(), Fault::XmlVersion),
            (wide("<?xml version='1.1'?><a/>", u16::to_be_bytes, true), Fault::XmlVersion),
        ] {
            assert_eq!(decode(&bytes), Err(fault), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
