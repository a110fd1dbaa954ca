//! The text by which people are searched, and what a search looks for in it.
//!
//! Both are folded in the same way, so that neither case nor accents make a difference. Each word of the text stands
//! behind two spaces: a word of three characters or more is found anywhere, a shorter one where a word begins, and each
//! of them is a run of at least three characters, which an index of trigrams finds.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_script::{Script, UnicodeScript};

/// What stands before each word.
const GAP: &str = "  ";
/// Words of a search that are looked for; the others are passed over.
const MOST_WORDS: usize = 8;
/// Characters of the text that are kept: much more than any name, department and list of addresses.
const LONGEST: usize = 60_000;
/// A word without spaces within is found from each of its characters, unless it is longer than a name.
const LONGEST_NAME: usize = 32;

/// The text to keep for a person, of all that they are found by.
#[must_use]
pub fn of(parts: &str) -> String {
    let folded = fold(parts);
    let mut words: Vec<&str> = folded.split_whitespace().flat_map(beginnings).collect();
    words.sort_unstable();
    words.dedup();
    // A word that begins another is found with it.
    let followed = words.iter().skip(1).map(Some).chain([None]);
    let kept =
        words.iter().zip(followed).filter(|(word, next)| !next.is_some_and(|next| next.starts_with(*word)));
    let text: String = kept.flat_map(|(word, _)| [GAP, word]).collect();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// What must stand in the text of whoever is sought by these words: all of it. Nothing where nobody can be found by
/// them.
#[must_use]
pub fn sought(words: &str) -> Option<Vec<String>> {
    let folded = fold(words);
    let sought: Vec<String> = folded.split_whitespace().take(MOST_WORDS).map(run).collect();
    (!sought.is_empty() || words.trim().is_empty()).then_some(sought)
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

/// At least three characters: a short word with the spaces before it.
fn run(word: &str) -> String {
    match word.chars().count() {
        1 => format!("{GAP}{word}"),
        2 => format!(" {word}"),
        _ => word.to_owned(),
    }
}

/// The word; in a script that puts no spaces between words, from each of its characters on.
fn beginnings(word: &str) -> Vec<&str> {
    let unspaced = |char: char| {
        matches!(
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
    };
    if word.is_ascii() || !word.chars().any(unspaced) || word.chars().count() > LONGEST_NAME {
        return vec![word];
    }
    word.char_indices().map(|(start, _)| &word[start..]).collect()
}

/// Small letters without accents, in one form; without what cannot be seen.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase().replace(|char: char| char.is_ascii_control(), " ");
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&text.to_lowercase()).into_owned();
    let mut folded = String::with_capacity(decomposed.len());
    for char in decomposed.chars().filter(|char| !ignorable.contains(*char)) {
        match char {
            // The combining diacritical marks of Latin, Greek and Cyrillic letters.
            '\u{300}'..='\u{36F}' => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, words: &str) -> bool {
        let text = of(text);
        sought(words).is_some_and(|sought| sought.iter().all(|run| text.contains(run.as_str())))
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
    fn names_without_spaces_are_found_from_each_character() {
        for words in ["王小明", "小明", "明", "王"] {
            assert!(finds("王小明", words), "{words}");
        }
        assert!(finds("김철수", "철수") && finds("김철수", "김") && !finds("김철수", "기"));
        assert!(finds("ヤマダ タロウ", "ダ") && finds("ﾔﾏﾀﾞ", "ヤマダ"));
    }

    #[test]
    fn a_word_that_begins_another_is_kept_once() {
        assert_eq!(of("Ana ana.lima@x.example ANA Lima ana.lima@x.example"), "  ana.lima@x.example  lima");
    }

    #[test]
    fn nobody_is_found_by_what_cannot_be_seen() {
        assert_eq!(sought("\u{200B}\u{301}"), None);
        assert_eq!(sought("  "), Some(Vec::new()));
        assert_eq!(sought("\0"), None);
        assert_eq!(sought(&"word ".repeat(20)).map(|sought| sought.len()), Some(MOST_WORDS));
    }
}
