//! What a password must be: long, and not one that is tried first.
//!
//! NIST SP 800-63B-4 section 3.1.1.2: 15 characters where the password is the only factor, every character allowed, no
//! rules of composition, and a list of common, expected and breached passwords, of names of the service and of the
//! person. Passwords that were chosen under older rules stay good until they are changed.

use crate::error::{Error, Result};
use icu_normalizer::DecomposingNormalizerBorrowed as DecomposingNormalizer;

/// The fewest characters.
pub const SHORTEST: usize = 15;
/// The most characters.
pub const LONGEST: usize = 256;
/// Of zxcvbn's 0 to 4: 3 withstands guessing where a hash slows it down.
const LEAST_SCORE: u8 = 3;
/// So many characters are looked at: the look takes longer than in proportion to them.
const LOOKED_AT: usize = 64;
/// What is guessed first counts as one, as does each other character; as Microsoft Entra Password Protection does it
/// (*How are passwords evaluated*), which wants five of eight characters.
const LEAST_POINTS: usize = 10;

/// Passwords of at least [`SHORTEST`] characters, in lower case, that are common in breaches, and well-known sayings and
/// rows of keys; where they come from is said in `common_passwords.md` beside the list.
const COMMON: &str = include_str!("common_passwords.txt");

/// Words that people reach for first, in lower case and without accents, a line for each language. Seasons and months with a
/// year are the commonest of all where passwords have to be changed.
const GUESSED_FIRST: &str = include_str!("guessed_first.txt");
/// What was written before counts no more when it is written again, from so many characters on.
const SHORTEST_AGAIN: usize = 4;

/// Refuses a password that could be guessed; `words` are names that it must not be built from.
pub(super) fn check(password: &str, words: &[&str]) -> Result<()> {
    let length = password.chars().count();
    let fault = if length < SHORTEST {
        format!("Enter at least {SHORTEST} characters: a few unrelated words make a good password.")
    } else if length > LONGEST {
        format!("Enter at most {LONGEST} characters.")
    } else if is_common(password) {
        "This password is on a list of common and breached ones, which are tried first. Use a few unrelated words."
            .to_owned()
    } else if points(password, words) < LEAST_POINTS {
        "This password is too easy to guess: it is built from words and numbers that are tried first, such as a \
         season, a year, or the name of the organisation or of the account. Use a few unrelated words."
            .to_owned()
    } else if score(password, words) < LEAST_SCORE {
        "This password is too easy to guess. Use a few unrelated words, without names or patterns.".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("password", fault))
}

/// Whether it is on the list, as it is or with figures and marks at its ends.
fn is_common(password: &str) -> bool {
    let lower = password.trim().to_lowercase();
    let bare = bare(&lower);
    COMMON.lines().any(|common| common == lower || (!bare.is_empty() && self::bare(common) == bare))
}

fn bare(text: &str) -> &str {
    text.trim_matches(|char: char| !char.is_alphabetic())
}

/// How hard it is to guess, of its beginning or its end, whichever is harder.
fn score(password: &str, words: &[&str]) -> u8 {
    let characters: Vec<char> = password.chars().collect();
    let part = |part: &[char]| u8::from(zxcvbn::zxcvbn(&part.iter().collect::<String>(), words).score());
    let beginning = part(&characters[..characters.len().min(LOOKED_AT)]);
    if beginning >= LEAST_SCORE || characters.len() <= LOOKED_AT {
        return beginning;
    }
    part(&characters[characters.len() - LOOKED_AT..])
}

/// One for each word, year or run that is guessed first, or that was written before, and one for each other character.
fn points(password: &str, words: &[&str]) -> usize {
    let text: Vec<char> = password.to_lowercase().chars().collect();
    let bare: Vec<char> = text.iter().map(|char| without_accent(*char)).collect();
    let plain: Vec<char> = bare.iter().map(|char| unmasked(*char)).collect();
    let names: Vec<Vec<char>> = names(words);
    let first: Vec<Vec<char>> = guessed_first().map(|word| word.chars().collect()).collect();
    let (mut points, mut at) = (0, 0);
    while at < text.len() {
        let here = [&text[at..], &bare[at..], &plain[at..]];
        let words = first.iter().chain(&names).filter(|word| here.iter().any(|text| text.starts_with(word)));
        let word = words.map(Vec::len).max();
        let known = word.max(again(&plain, at));
        at += known.or_else(|| year(&text[at..])).unwrap_or_else(|| run(&text[at..]));
        points += 1;
    }
    points
}

fn guessed_first() -> impl Iterator<Item = &'static str> {
    GUESSED_FIRST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

/// How much of what stands here was written before.
fn again(text: &[char], at: usize) -> Option<usize> {
    let same =
        |from: usize| text[from..at].iter().zip(&text[at..]).take_while(|(one, other)| one == other).count();
    (0..at).map(same).max().filter(|length| *length >= SHORTEST_AGAIN)
}

/// The names and their parts, where they are long enough to be a word, with their accents and without.
fn names(words: &[&str]) -> Vec<Vec<char>> {
    let lower: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
    let parts = lower.iter().flat_map(|word| word.split(|char: char| !char.is_alphanumeric()));
    let whole = lower.iter().map(String::as_str).chain(parts);
    let written: Vec<Vec<char>> =
        whole.map(|word| word.chars().collect()).filter(|word: &Vec<char>| word.len() >= 3).collect();
    let bare = written.iter().map(|word| word.iter().map(|char| without_accent(*char)).collect());
    bare.chain(written.iter().cloned()).collect()
}

/// The letter below the accent.
fn without_accent(char: char) -> char {
    match char {
        'ø' => 'o',
        'ł' => 'l',
        'ı' => 'i',
        'đ' => 'd',
        _ if char.is_ascii() => char,
        _ => {
            let letters =
                DecomposingNormalizer::new_nfd().normalize(char.encode_utf8(&mut [0; 4])).into_owned();
            letters.chars().next().unwrap_or(char)
        }
    }
}

/// The letter that a figure or mark usually stands for.
fn unmasked(char: char) -> char {
    match char {
        '@' | '4' => 'a',
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    }
}

fn year(text: &[char]) -> Option<usize> {
    let year = text.get(..4)?;
    let century = matches!(year[..2], ['1', '9'] | ['2', '0']);
    (century && year.iter().all(char::is_ascii_digit)).then_some(4)
}

/// The length of a run of one character, or of characters that follow each other up or down; one if there is none.
fn run(text: &[char]) -> usize {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let Some(first) = text.get(..2).map(step).filter(|step| step.abs() <= 1) else { return 1 };
    let length = 1 + text.windows(2).take_while(|pair| step(pair) == first).count();
    if length >= 3 { length } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[&str] =
        &["ada.lovelace@harbourline.example", "Ada Lovelace", "Harbourline", "console.harbourline.example"];

    fn refused(password: &str) -> String {
        check(password, WORDS).err().map(|refusal| refusal.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_short_is_refused_by_characters_and_not_by_bytes() {
        assert!(refused("Tr4m-Kettle-92").contains("at least 15 characters"));
        assert!(refused("пять-лун-чайни").contains("at least 15 characters"), "14 characters, 26 bytes");
        assert_eq!(refused("пять-лун-чайник"), "");
        assert_eq!(refused(&"木火土金水山川花鳥風月雪空海星".repeat(17)), "", "255 characters, 765 bytes");
        assert!(refused(&"kettle orbit tram ".repeat(15)).contains("at most 256 characters"));
    }

    #[test]
    fn what_is_common_is_refused_and_says_so() {
        for common in [
            "passwordpassword",
            "PasswordPassword",
            "qwertyuiopasdfghjkl",
            "1q2w3e4r5t6y7u8i",
            "correcthorsebatterystaple",
            "!!iloveyouforever2026",
            "MayTheForceBeWithYou!",
            "thequickbrownfoxjumpsoverthelazydog",
        ] {
            assert!(refused(common).contains("common and breached"), "{common}: {}", refused(common));
        }
        assert!(guessed_first().all(|word| word.chars().all(|char| char == without_accent(char))));
        assert!(COMMON.lines().all(|line| line.chars().count() >= SHORTEST && line == line.to_lowercase()));
    }

    #[test]
    fn seasons_years_names_and_patterns_are_refused() {
        for weak in [
            "Summer2026Summer",
            "Winter-2025-2026",
            "Autumn2026Leaves!",
            "Harbourline2026!",
            "H4rb0url1ne-Autumn",
            "Rollcall-Spring-2027",
            "Ada-Lovelace-1815",
            "lovelace.lovelace",
            "Welcome2Harbourline",
            "P@ssw0rd-P@ssw0rd",
            "December-January-26",
            "aaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz",
            "12345678910111213",
            "Xy7kXy7kXy7kXy7k",
            "Sommer2026Sommer!",
            "Frühling2026Frühling",
            "Fruehling-2026-07",
            "Printemps2026!!!",
            "Été2026-Automne25",
            "Septiembre2026!!",
            "Outono2026Outono",
            "Estate-Inverno-26",
            "Zomer2026Zomer!!",
            "Sierpień2026!2026",
            "Październik-2026",
            "Červenec2026!!!!",
            "Höst2026Vinter26",
            "Kesäkuu2026Kesä!",
            "Октябрь2026Май!!",
            "Φθινόπωρο2026!!!",
            "Mittwoch-Dezember",
            "letmeinpleasenow",
            "LetMeInPleaseNow!",
            "letmeinletmeinletmein",
        ] {
            assert!(!refused(weak).is_empty(), "{weak}");
        }
    }

    #[test]
    fn a_few_unrelated_words_are_good() {
        for good in [
            "correct horse battery staple",
            "another fine pass phrase",
            "Tr4m-Kettle-Orbit-92",
            "sunny-violin-49-creek",
            "gV9#kQ2!xLp7@wRz",
            "dans le jardin, un piano mouillé",
            "vier Kisten voller Zwiebeln",
            "kettle orbit kettle tram",
            "zwölf Boxkämpfer jagen",
        ] {
            assert_eq!(refused(good), "", "{good}");
        }
    }

    #[test]
    fn a_long_password_is_looked_at_from_both_ends() {
        let padded = format!("{}gV9#kQ2!xLp7@wRz violin", "a".repeat(100));
        assert_eq!(refused(&padded), "");
        assert!(!refused(&"a".repeat(200)).is_empty());
    }
}
