//! The text by which people are searched, and what a search looks for in it.
//!
//! Both are folded in the same way, so that neither case nor accents make a difference. Each word of the text stands
//! behind two spaces: a word of three characters or more is found anywhere, a shorter one where a word begins, also
//! behind a hyphen or the like. Each of them is a run of at least three characters, which an index of trigrams finds.
//! Telephone numbers stand there as they are written, and as their digits alone.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_script::{Script, UnicodeScript};

/// What stands before each word.
const GAP: &str = "  ";
/// Words of a search that are looked for; the others are passed over.
const MOST_WORDS: usize = 8;
/// Characters of addresses that are kept: much more than any list of them. Names and numbers are always kept whole, so
/// that nobody is missing who is sought by them.
const MOST_OF_ADDRESSES: usize = 60_000;
/// What stands between the digits of a telephone number, beside spaces.
const IN_NUMBERS: &str = "+-./()";
/// What stands between the words of a search: lists of names, and addresses as mail programs write them.
const BETWEEN_WORDS: &str = ",;<>";
/// What stands around them.
const QUOTES: &str = "\"\u{201C}\u{201D}\u{201E}\u{AB}\u{BB}\u{2039}\u{203A}";
/// A number of fewer digits is sought as it is written only.
const SHORTEST_NUMBER: usize = 3;
/// So much of a word's part is kept apart: longer ones are found in the whole word.
const SHORT: usize = 2;

/// The text to keep for a person: of the names, the telephone numbers (one a line) and the addresses that they are
/// found by.
#[must_use]
pub fn of(names: &str, numbers: &str, addresses: &str) -> String {
    let (folded, written, addresses) = (fold(names), fold(numbers), fold(addresses));
    let digits: Vec<String> = numbers.lines().map(digits).collect();
    let mut room = MOST_OF_ADDRESSES;
    let addresses = addresses.split_whitespace().take_while(|address| {
        let rest = room.checked_sub(address.len());
        room = rest.unwrap_or_default();
        rest.is_some()
    });
    let written = folded.split_whitespace().chain(written.split_whitespace()).chain(addresses);
    let mut words: Vec<&str> = written.flat_map(beginnings).collect();
    words.extend(digits.iter().map(String::as_str).filter(|digits| !digits.is_empty()));
    words.sort_unstable();
    words.dedup();
    // A word that begins another is found with it.
    let followed = words.iter().skip(1).map(Some).chain([None]);
    let kept =
        words.iter().zip(followed).filter(|(word, next)| !next.is_some_and(|next| next.starts_with(*word)));
    kept.flat_map(|(word, _)| [GAP, word]).collect()
}

/// The digits of what may be a telephone number.
fn digits(text: &str) -> String {
    fold(text).chars().filter(char::is_ascii_digit).collect()
}

/// What must stand in the text of whoever is sought by these words: all of one of the lists. Nothing where nobody can
/// be found by them; no list where nothing is sought.
#[must_use]
pub fn sought(words: &str) -> Option<Vec<Vec<String>>> {
    let folded = fold(words);
    let parted = folded.replace(|char| BETWEEN_WORDS.contains(char), " ");
    let bare = parted.split_whitespace().map(|word| word.trim_matches(|char| QUOTES.contains(char)));
    let bare = bare.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let folded = if bare.is_empty() { folded } else { bare };
    let each: Vec<String> = folded.split_whitespace().take(MOST_WORDS).map(run).collect();
    if each.is_empty() {
        return words.trim().is_empty().then(Vec::new);
    }
    let joined = Some(numbers_joined(&folded)).filter(|joined| *joined != each);
    Some([each].into_iter().chain(joined).collect())
}

/// The words, where those that may be groups of one telephone number are its digits.
fn numbers_joined(folded: &str) -> Vec<String> {
    let may_be = |word: &&str| word.chars().all(|char| char.is_ascii_digit() || IN_NUMBERS.contains(char));
    let words: Vec<&str> = folded.split_whitespace().collect();
    let mut joined = Vec::new();
    for group in words.chunk_by(|one, other| may_be(one) && may_be(other)) {
        let digits = digits(&group.concat());
        if may_be(&group[0]) && digits.len() >= SHORTEST_NUMBER {
            joined.push(digits);
        } else {
            joined.extend(group.iter().copied().map(run));
        }
    }
    joined.truncate(MOST_WORDS);
    joined
}

/// What stands in the text of whoever has a name, a title or a number that holds this: the longer words of it. Nothing
/// where that cannot be told, as of accents, which the text has not.
#[must_use]
pub fn within(text: &str) -> Option<Vec<String>> {
    let plain = text.is_ascii() && !text.chars().any(|char| char.is_ascii_control());
    let words = text.split_whitespace().filter(|word| word.len() > 2).take(MOST_WORDS);
    let runs: Vec<String> = words.map(str::to_ascii_lowercase).collect();
    (plain && !runs.is_empty()).then_some(runs)
}

/// At least three characters: a short word with the spaces before it, and without what stands before its letters.
fn run(word: &str) -> String {
    if word.chars().count() > SHORT {
        return word.to_owned();
    }
    let bare = word.trim_start_matches(|char: char| !char.is_alphanumeric());
    let word = if bare.is_empty() { word } else { bare };
    if word.chars().count() == 1 { format!("{GAP}{word}") } else { format!(" {word}") }
}

/// The word, and where else a short word is found: behind a hyphen and the like and, in a script that puts no spaces
/// between words, from each character on. The domain of an address, which most have in common, is not taken apart.
fn beginnings(word: &str) -> Vec<&str> {
    let mut found = vec![word];
    let mut before: Option<char> = None;
    for (start, char) in word.char_indices() {
        let Some(previous) = before.replace(char) else { continue };
        if char == '@' {
            break;
        }
        let begins = !previous.is_alphanumeric() && char.is_alphanumeric();
        if begins || is_unspaced(previous) || is_unspaced(char) {
            let rest = &word[start..];
            let end = rest.char_indices().nth(SHORT).map_or(rest.len(), |(end, _)| end);
            found.push(&rest[..end]);
        }
    }
    found
}

fn is_unspaced(char: char) -> bool {
    !char.is_ascii()
        && matches!(
            char.script(),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Hangul
                | Script::Bopomofo
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
        )
}

/// Small letters without accents, in one form; with the apostrophe and the hyphen of a keyboard for all that look like
/// them; without what cannot be seen.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase().replace(|char: char| char.is_ascii_control(), " ");
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    // Taken apart it would be a space.
    let lower = text.to_lowercase().replace('\u{B4}', "'");
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&lower).into_owned();
    let mut folded = String::with_capacity(decomposed.len());
    for char in decomposed.chars().filter(|char| !ignorable.contains(*char)) {
        match char {
            char if is_mark(char) => {}
            '\u{2B9}' | '\u{2BB}' | '\u{2BC}' | '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2032}'
            | '\u{5F3}' => {
                folded.push('\'');
            }
            '\u{2010}'..='\u{2014}' | '\u{2212}' | '\u{5BE}' => folded.push('-'),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ŧ' => folded.push('t'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            char if char.is_control() => folded.push(' '),
            char => folded.push(char),
        }
    }
    // What decomposing made capital or apart, such as the syllables of Korean, is put together again.
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).to_lowercase()
}

/// Marks that people leave out when they write: the diacritical ones of Latin, Greek and Cyrillic letters, the points of
/// Hebrew, the vowel signs and the lengthening stroke of Arabic. In other scripts marks are letters of their own.
fn is_mark(char: char) -> bool {
    matches!(
        char,
        '\u{300}'..='\u{36F}'
            | '\u{591}'..='\u{5BD}'
            | '\u{5BF}'
            | '\u{5C1}'..='\u{5C2}'
            | '\u{5C4}'..='\u{5C5}'
            | '\u{5C7}'
            | '\u{610}'..='\u{61A}'
            | '\u{640}'
            | '\u{64B}'..='\u{65F}'
            | '\u{670}'
            | '\u{6D6}'..='\u{6DC}'
            | '\u{6DF}'..='\u{6E4}'
            | '\u{6E7}'..='\u{6E8}'
            | '\u{6EA}'..='\u{6ED}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, words: &str) -> bool {
        let text = of(text, "", "");
        finds_in(&text, words)
    }

    fn finds_in(text: &str, words: &str) -> bool {
        let holds = |runs: &Vec<String>| runs.iter().all(|run| text.contains(run.as_str()));
        sought(words).is_some_and(|ways| ways.iter().any(holds))
    }

    #[test]
    fn apostrophes_and_hyphens_are_those_of_a_keyboard() {
        for name in ["O'Brien", "O’Brien", "O‘Brien", "OʼBrien", "O´Brien", "O＇Brien"] {
            for words in ["o'brien", "O’BRIEN", "O´Brien"] {
                assert!(finds(name, words), "{name} by {words}");
            }
        }
        assert!(finds("Kahoʻolawe", "kaho'olawe"));
        for name in ["Smith-Jones", "Smith‐Jones", "Smith‑Jones", "Smith–Jones"] {
            for words in ["smith-jones", "Smith‐Jones", "Smith–Jones", "jo"] {
                assert!(finds(name, words), "{name} by {words}");
            }
        }
    }

    #[test]
    fn what_stands_around_the_words_of_a_search_does_not_count() {
        let text = "Ana Abernethy ana.abernethy@example.com";
        for words in [
            "abernethy, ana",
            "Abernethy,Ana",
            "\"Ana Abernethy\"",
            "Ana Abernethy <ana.abernethy@example.com>",
            "ana.abernethy@example.com;",
            "„Ana“",
        ] {
            assert!(finds(text, words), "{words}");
        }
        assert!(!finds(text, "abernethy, bob"));
        assert!(finds("Acme ;; Ltd", ";;"), "what is nothing but such a character is sought as it is");
    }

    #[test]
    fn neither_case_nor_accents_make_a_difference() {
        for (name, words) in [
            ("Zoë Müller", "zoe muller"),
            ("Zoe Muller", "ZOË MÜLLER"),
            ("Søren Ærø", "soren aero"),
            ("Łukasz Đorđević", "lukasz dordevic"),
            ("Straße", "STRASSE"),
            ("İpek Işık", "ipek isik"),
            ("Ｆｕｌｌ Width", "full"),
            ("Ольга Фёдорова", "ФЕДОРОВА"),
            ("Νίκος", "νικος"),
            ("Nguye\u{302}\u{303}n", "nguyễn"),
            ("أحمد", "احمد"),
            ("محمّد", "محمد"),
            ("شـلـوم", "شلوم"),
            ("שָׁלוֹם", "שלום"),
        ] {
            assert!(finds(name, words), "{words} finds {name}");
        }
    }

    #[test]
    fn short_words_are_found_where_a_word_begins() {
        assert!(finds("Ana Lima ana@example.com", "l"));
        assert!(finds("Ana Lima ana@example.com", "li an"));
        assert!(!finds("Ana Lima ana@example.com", "im"));
        assert!(finds("Ana Lima ana@example.com", "ima"), "longer ones anywhere");
    }

    #[test]
    fn short_words_are_found_behind_whatever_divides_a_word() {
        for (text, words) in [
            ("Kim Smith-Ng", "ng"),
            ("Kim Smith-Ng", "kim -n"),
            ("Robert (Bo) Smyth", "bo smyth"),
            ("Robert (Bo) Smyth", "(b"),
            ("Smith HR/IT", "IT smith"),
            ("bo.li@x.example", "bo li"),
            ("Đức D'Or", "or đức"),
            ("Đức D’Or", "or"),
            ("Ana Sá_Vy", "vy"),
            ("Jürgen Groß—Öz", "oz j"),
            ("R&D", "d"),
            ("[EU] Al", "eu al"),
        ] {
            assert!(finds(text, words), "{words} finds {text}");
        }
        assert!(!finds("Kim Smith-Ng", "mi"));
        assert!(!finds("ana@ex.co", "co"), "a domain is everybody's");
        assert!(finds("ana@ex.co", "ex.co"));
    }

    #[test]
    fn numbers_are_found_however_they_are_grouped() {
        for (number, words) in [
            ("+4930998877", "+49 30 99 88 77"),
            ("+4930998877", "30 99 88 77"),
            ("+49 30 99 88 77", "+4930998877"),
            ("+1-425-555-0177", "425 555 01 77"),
            ("+1-425-555-0177", "(425) 555-0177"),
            ("030/99 88 77", "0309988"),
            ("030/99 88 77", "030/9988"),
            ("+1 (425) 555.0177", "425-555-0177"),
            ("+49 30 99 88 77", "77 88"),
            ("+49 30 99 88 77", "+49"),
            ("٠٣٠ 12", "12"),
        ] {
            assert!(finds_in(&of("Ana", number, ""), words), "{words} finds {number}");
        }
        let text = of("Bruna", "+31 20 777", "");
        assert!(finds_in(&text, "bruna +3120777") && finds_in(&text, "3120 777 bruna"));
        assert!(finds_in(&text, "3 1 2 0 7 7 7 bru") && !finds_in(&text, "+3120778 bruna"));
        let two = of("Ana", "030 11\n040 22", "");
        assert!(!finds_in(&two, "1104") && finds_in(&two, "03 0 1 1"), "{two}");
        assert_eq!(
            sought("42 7"),
            Some(vec![vec![" 42".to_owned(), "  7".to_owned()], vec!["427".to_owned()]])
        );
        assert_eq!(sought("ana 4277").map(|ways| ways.len()), Some(1));
    }

    #[test]
    fn names_and_numbers_are_kept_whole_however_many_addresses_there_are() {
        let addresses: Vec<String> = (0..9_000).map(|at| format!("a{at}@x.example")).collect();
        let name = "王".repeat(200) + " Zoë Zyx-Zu";
        let text = of(&name, "+49 30 998", &addresses.join(" "));
        for words in ["zoe", "zyx", "zu", "+4930998", "王王王 zoe", "a0@x.example", "a99@x"] {
            assert!(finds_in(&text, words), "{words}");
        }
        assert!(!finds_in(&text, "a8999@x"));
        assert!(text.len() < 3 * MOST_OF_ADDRESSES);
        let long = (0..20_000).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ");
        assert!(finds(&format!("{long} Zyx"), "w19999 zyx"));
    }

    #[test]
    fn names_without_spaces_are_found_from_each_character() {
        for words in ["王小明", "小明", "明", "王"] {
            assert!(finds("王小明", words), "{words}");
        }
        assert!(finds("김철수", "철수") && finds("김철수", "김") && !finds("김철수", "기"));
        assert!(finds("ヤマダ タロウ", "ダ") && finds("ﾔﾏﾀﾞ", "ヤマダ"));
    }

    #[test]
    fn a_word_that_begins_another_is_kept_once() {
        let address = "ana.lima@x.example";
        let text = of(&format!("Ana {address} ANA Lima"), "", address);
        assert_eq!(text, "  ana.lima@x.example  lima");
    }

    #[test]
    fn nobody_is_found_by_what_cannot_be_seen() {
        assert_eq!(sought("\u{200B}\u{301}"), None);
        assert_eq!(sought("  "), Some(Vec::new()));
        assert_eq!(sought("\0"), None);
        assert_eq!(sought(&"word ".repeat(20)).map(|ways| ways[0].len()), Some(MOST_WORDS));
    }
}
