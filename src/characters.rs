//! Characters that cannot be seen in a name, and names that look alike.
//!
//! What is hidden follows PRECIS (RFC 8264 section 9: controls, private use and unassigned code points, and what a
//! renderer may ignore by default stand in neither of its string classes), with the characters that are blank although
//! Unicode calls them letters or symbols. The two join controls stay where a script needs them (RFC 5892, appendix A.1
//! and A.2). What looks alike is told by the skeleton of UTS #39 section 4.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::fmt;
use unicode_script::{Script, UnicodeScript};

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';
/// Blank, although Unicode calls them letters, marks or symbols: fillers, a placeholder, a note without a head.
const BLANKS: [char; 6] = ['\u{2800}', '\u{FFFC}', '\u{13441}', '\u{13442}', '\u{16FE4}', '\u{1D159}'];

/// A character that cannot be seen, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The character.
    pub char: char,
    /// Its place in the text, counted in characters from one.
    pub position: usize,
}

/// As `U+200B ZERO WIDTH SPACE at position 4`.
impl fmt::Display for Hidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "U+{:04X}", u32::from(self.char))?;
        match NAMES.iter().find(|(char, _)| *char == self.char) {
            Some((_, name)) => write!(out, " {name}")?,
            None => write!(out, " ({})", kind(self.char))?,
        }
        write!(out, " at position {}", self.position)
    }
}

/// The names, as in Unicode's data, of what is met most.
const NAMES: [(char, &str); 47] = [
    ('\u{A0}', "NO-BREAK SPACE"),
    ('\u{AD}', "SOFT HYPHEN"),
    ('\u{34F}', "COMBINING GRAPHEME JOINER"),
    ('\u{61C}', "ARABIC LETTER MARK"),
    ('\u{115F}', "HANGUL CHOSEONG FILLER"),
    ('\u{1160}', "HANGUL JUNGSEONG FILLER"),
    ('\u{1680}', "OGHAM SPACE MARK"),
    ('\u{180E}', "MONGOLIAN VOWEL SEPARATOR"),
    ('\u{2000}', "EN QUAD"),
    ('\u{2001}', "EM QUAD"),
    ('\u{2002}', "EN SPACE"),
    ('\u{2003}', "EM SPACE"),
    ('\u{2004}', "THREE-PER-EM SPACE"),
    ('\u{2005}', "FOUR-PER-EM SPACE"),
    ('\u{2006}', "SIX-PER-EM SPACE"),
    ('\u{2007}', "FIGURE SPACE"),
    ('\u{2008}', "PUNCTUATION SPACE"),
    ('\u{2009}', "THIN SPACE"),
    ('\u{200A}', "HAIR SPACE"),
    ('\u{200B}', "ZERO WIDTH SPACE"),
    ('\u{200C}', "ZERO WIDTH NON-JOINER"),
    ('\u{200D}', "ZERO WIDTH JOINER"),
    ('\u{200E}', "LEFT-TO-RIGHT MARK"),
    ('\u{200F}', "RIGHT-TO-LEFT MARK"),
    ('\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202A}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202B}', "RIGHT-TO-LEFT EMBEDDING"),
    ('\u{202C}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202D}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202E}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{202F}', "NARROW NO-BREAK SPACE"),
    ('\u{205F}', "MEDIUM MATHEMATICAL SPACE"),
    ('\u{2060}', "WORD JOINER"),
    ('\u{2061}', "FUNCTION APPLICATION"),
    ('\u{2062}', "INVISIBLE TIMES"),
    ('\u{2063}', "INVISIBLE SEPARATOR"),
    ('\u{2064}', "INVISIBLE PLUS"),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE"),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE"),
    ('\u{2068}', "FIRST STRONG ISOLATE"),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE"),
    ('\u{2800}', "BRAILLE PATTERN BLANK"),
    ('\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{3164}', "HANGUL FILLER"),
    ('\u{FEFF}', "ZERO WIDTH NO-BREAK SPACE"),
    ('\u{FFA0}', "HALFWIDTH HANGUL FILLER"),
];

/// What sort of character it is, where it stands in no table of names.
fn kind(char: char) -> &'static str {
    match (char, CodePointMapData::<GeneralCategory>::new().get(char)) {
        ('\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}', _) => "a variation selector",
        ('\u{E0000}'..='\u{E007F}', _) => "a tag character",
        (_, GeneralCategory::Control) => "a control character",
        (_, GeneralCategory::PrivateUse) => "a character for private use",
        (_, GeneralCategory::Unassigned) => "no character that Unicode knows",
        _ => "a character that cannot be seen",
    }
}

/// The first character of a name that cannot be seen.
#[must_use]
pub fn hidden(name: &str) -> Option<Hidden> {
    all_hidden(name).next()
}

/// As [`hidden`], for user names: there a space of another width than the usual is told apart by nobody either.
#[must_use]
pub fn hidden_in_user_name(name: &str) -> Option<Hidden> {
    let space = |char| {
        char != ' ' && CodePointMapData::<GeneralCategory>::new().get(char) == GeneralCategory::SpaceSeparator
    };
    let spaces = (1..).zip(name.chars()).find(|(_, char)| space(*char));
    let space = spaces.map(|(position, char)| Hidden { char, position });
    [hidden(name), space].into_iter().flatten().min_by_key(|hidden| hidden.position)
}

/// The text without what cannot be seen, and what that was.
#[must_use]
pub fn visible(text: &str) -> (String, Vec<Hidden>) {
    let hidden: Vec<Hidden> = all_hidden(text).collect();
    let mut left_out = hidden.iter().map(|hidden| hidden.position).peekable();
    let kept = (1..).zip(text.chars()).filter(|(at, _)| left_out.next_if_eq(at).is_none());
    (kept.map(|(_, char)| char).collect(), hidden)
}

/// What to tell of characters that were left out of a value: `The title came with U+200B …`.
#[must_use]
pub fn left_out(label: &str, hidden: &[Hidden]) -> Option<String> {
    let first = hidden.first()?;
    let more = match hidden.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Some(format!("The {label} came with {first}{more}, which cannot be seen: it was left out."))
}

/// The text with what cannot be seen written out, as `[U+202E]`: for sentences that quote what somebody else wrote, where
/// it would hide a name, or turn round the words after it.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut hidden = all_hidden(text).map(|hidden| hidden.position).peekable();
    let shown = (1..).zip(text.chars()).map(|(at, char)| match hidden.next_if_eq(&at) {
        Some(_) => format!("[U+{:04X}]", u32::from(char)),
        None => char.to_string(),
    });
    shown.collect()
}

/// As [`shown`], for texts of several lines.
#[must_use]
pub fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// As [`visible`], with one space for each run of tabs and line breaks: they cannot be seen, but they part words.
#[must_use]
pub fn visible_words(text: &str) -> (String, Vec<Hidden>) {
    (visible(&spaced(text)).0, all_hidden(text).collect())
}

fn spaced(text: &str) -> String {
    if !text.contains(parts_words) {
        return text.to_owned();
    }
    let words = text.split(parts_words).map(str::trim).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn parts_words(char: char) -> bool {
    matches!(char, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn all_hidden(text: &str) -> impl Iterator<Item = Hidden> {
    let chars: Vec<char> = if text.is_ascii() { Vec::new() } else { text.chars().collect() };
    let controls = text.chars().take(if text.is_ascii() { text.len() } else { 0 });
    let ascii = (1..).zip(controls).filter(|(_, char)| char.is_ascii_control());
    let others: Vec<(usize, char)> = (0..chars.len())
        .filter(|at| is_hidden(chars[*at]) && !joins(&chars, *at))
        .map(|at| (at + 1, chars[at]))
        .collect();
    let found: Vec<(usize, char)> = ascii.chain(others).collect();
    found.into_iter().map(|(position, char)| Hidden { char, position })
}

fn is_hidden(char: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    matches!(
        category,
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
    ) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
        || BLANKS.contains(&char)
}

/// Whether a join control stands where its script needs it (RFC 5892, appendix A.1 and A.2).
fn joins(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| chars.get(before));
    let after_virama = before.is_some_and(|char| {
        CodePointMapData::<CanonicalCombiningClass>::new().get(*char) == CanonicalCombiningClass::Virama
    });
    match chars[at] {
        JOINER => after_virama,
        NON_JOINER => after_virama || parts_joining_letters(chars, at),
        _ => false,
    }
}

/// `(Joining_Type:{L,D})(Joining_Type:T)*\u200C(Joining_Type:T)*(Joining_Type:{R,D})`.
fn parts_joining_letters(chars: &[char], at: usize) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let first = |mut around: std::slice::Iter<'_, char>, back: bool| {
        let transparent = |char: &&char| joining.get(**char) == JoiningType::Transparent;
        let found = if back { around.rfind(|c| !transparent(c)) } else { around.find(|c| !transparent(c)) };
        found.map(|char| joining.get(*char))
    };
    let left = first(chars[..at].iter(), true);
    let right = first(chars[at + 1..].iter(), false);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// What a name looks like: names that look the same have the same look (the skeleton of UTS #39 section 4, in lower
/// case). User names are one whatever their case, and a capital I looks like an l: so i, I, l and 1 are one here.
#[must_use]
pub fn look(name: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen: String = name.chars().filter(|char| !ignorable.contains(*char)).collect();
    let skeleton: String = unicode_security::confusable_detection::skeleton(&seen).collect();
    // The skeleton writes each m as r and n.
    skeleton.to_lowercase().replace("rn", "m").replace('i', "l")
}

/// The look that a stored name must have beside it: nothing where that is the folded name itself.
#[must_use]
pub fn look_apart(folded: &str) -> Option<String> {
    Some(look(folded)).filter(|look| look != folded)
}

/// The look of a stored name as it is written, which it must have beside that of its folded form: nothing where the two
/// are the same. Capitals may look like other letters than small ones do.
#[must_use]
pub fn look_as_written(name: &str, folded: &str) -> Option<String> {
    // Of plain ASCII a capital has the look of its small letter, or of an l.
    (!name.is_ascii()).then(|| look(name.trim())).filter(|written| *written != look(folded))
}

/// How a name is written that looks like another, as part of a sentence: `written with Cyrillic letters`.
#[must_use]
pub fn writing(name: &str) -> Option<String> {
    let mut scripts: Vec<&str> = Vec::new();
    for char in name.chars().filter(|char| char.is_alphabetic()) {
        let script = char.script();
        if !matches!(script, Script::Common | Script::Inherited) && !scripts.contains(&script.full_name()) {
            scripts.push(script.full_name());
        }
    }
    match scripts.as_slice() {
        [] => None,
        [first @ .., last] if !first.is_empty() => {
            Some(format!("written with {} and {last} letters", first.join(", ")))
        }
        [only, ..] => Some(format!("written with {only} letters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(text: &str) -> Vec<usize> {
        visible(text).1.iter().map(|hidden| hidden.position).collect()
    }

    #[test]
    fn what_cannot_be_seen_is_named_with_its_place() {
        let told = |text: &str| hidden(text).map(|hidden| hidden.to_string());
        assert_eq!(told("ana\u{200B}").as_deref(), Some("U+200B ZERO WIDTH SPACE at position 4"));
        assert_eq!(told("\u{202E}ana").as_deref(), Some("U+202E RIGHT-TO-LEFT OVERRIDE at position 1"));
        assert_eq!(told("a\u{7}").as_deref(), Some("U+0007 (a control character) at position 2"));
        assert_eq!(told("é\u{E000}").as_deref(), Some("U+E000 (a character for private use) at position 2"));
        assert_eq!(
            told("é\u{378}").as_deref(),
            Some("U+0378 (no character that Unicode knows) at position 2")
        );
        let hidden = [
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{1160}',
            '\u{17B4}',
            '\u{180B}',
            '\u{180E}',
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{200E}',
            '\u{200F}',
            '\u{2028}',
            '\u{2029}',
            '\u{202A}',
            '\u{202C}',
            '\u{2060}',
            '\u{2061}',
            '\u{2066}',
            '\u{2069}',
            '\u{206A}',
            '\u{2800}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{FFFC}',
            '\u{1D173}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E0100}',
            '\u{10FFFD}',
            '\u{85}',
            '\0',
            '\u{FFFF}',
        ];
        for char in hidden {
            assert_eq!(positions(&format!("an{char}a")), [3], "{:04X}", u32::from(char));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_by_its_number() {
        assert_eq!(shown("moc.elpmaxe@\u{202E}ana"), "moc.elpmaxe@[U+202E]ana");
        assert_eq!(shown("\u{200B}"), "[U+200B]");
        assert_eq!(shown("a\tb\u{E0041}"), "a[U+0009]b[U+E0041]");
        assert_eq!(shown("Zoë می\u{200C}خواهم"), "Zoë می\u{200C}خواهم");
        assert_eq!(shown_lines("PATCH /x\u{202E}\ntitle: q"), "PATCH /x[U+202E]\ntitle: q");
    }

    #[test]
    fn tabs_and_line_breaks_part_words() {
        assert_eq!(spaced("Ana\tLima"), "Ana Lima");
        assert_eq!(spaced("Ana \r\n Lima\n"), "Ana Lima");
        assert_eq!(spaced("Ana  Lima "), "Ana  Lima ", "what has none stays as it is");
    }

    #[test]
    fn names_of_people_in_any_script_are_seen() {
        let names = [
            "Ana Lima",
            "O’Brien-Şahin",
            "Zoë Đặng",
            "Иванова, Мария",
            "李小龍",
            "한지민",
            "סְבֶטָה",
            "محمد علي",
            "สมชาย",
            "नेहा शर्मा",
            "Ἀριστοτέλης",
            "დავით",
            "አበበ",
            "ᠮᠣᠩᠭᠣᠯ",
            "R&D 100 %",
            "a\u{A0}b",
            "José\u{301}",
            "😀",
        ];
        for name in names {
            assert_eq!(visible(name), (name.to_owned(), Vec::new()), "{name}");
        }
    }

    #[test]
    fn join_controls_stay_where_letters_need_them() {
        // Persian mi-khaham, with a mark before it, Sinhala and Malayalam conjuncts.
        for name in ["می\u{200C}خواهم", "مِی\u{64E}\u{200C}خواهم", "ශ්\u{200D}රී", "ന്\u{200D}", "क्\u{200C}ष"]
        {
            assert_eq!(hidden(name), None, "{name}");
        }
        for name in [
            "a\u{200C}b",
            "a\u{200D}b",
            "\u{200C}می",
            "می\u{200C}",
            "د\u{200C}ر",
            "م\u{200D}ی",
            "क\u{200D}ष",
            "👩\u{200D}💻",
        ] {
            assert!(hidden(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_user_name_has_no_space_but_the_usual() {
        assert_eq!(hidden_in_user_name("ana lima"), None);
        assert_eq!(
            hidden_in_user_name("ana\u{A0}lima\u{200B}").map(|hidden| hidden.to_string()).as_deref(),
            Some("U+00A0 NO-BREAK SPACE at position 4")
        );
        assert!(hidden_in_user_name("ana\u{3000}lima").is_some());
    }

    #[test]
    fn names_that_look_the_same_have_the_same_look() {
        for (one, other) in [
            ("ana.lima@example.com", "аnа.lіmа@example.com"),
            ("ana.lima@example.com", "ana.1ima@example.com"),
            ("ana.lima@example.com", "ana.lirna@example.com"),
            ("bob@example.com", "b0b@example.com"),
            ("ian@example.com", "lan@example.com"),
            ("Ian@example.com", "1an@example.com"),
            ("ILSE@example.com", "llse@example.com"),
            ("ana@example.com", "ana\u{200B}@example.com"),
            ("scope", "ѕсоре"),
        ] {
            assert_eq!(look(one), look(other), "{one} {other}");
        }
        assert_ne!(look("ana.lima@example.com"), look("ana.lina@example.com"));
        assert_eq!(look_apart("ana.drews-mueller_x@example.com"), None, "a name may be its own look");
        assert_eq!(look_as_written("Ana.Ilic@example.com", "ana.ilic@example.com"), None);
        assert_eq!(look_as_written("Вob@example.com", "вob@example.com").as_deref(), Some("bob@example.com"));
    }

    #[test]
    fn the_scripts_of_a_name_are_told() {
        assert_eq!(writing("ana1@example.com").as_deref(), Some("written with Latin letters"));
        assert_eq!(writing("аna@example.com").as_deref(), Some("written with Cyrillic and Latin letters"));
        assert_eq!(writing("100"), None);
    }
}
