//! What a password must be: long, and not one that is tried first.
//!
//! NIST SP 800-63B-4 section 3.1.1.2: 15 characters where the password is the only factor, every character allowed, no
//! rules of composition, and a list of common, expected and breached passwords, of names of the service and of the
//! person. Passwords that were chosen under older rules stay good until they are changed.

use crate::error::{Error, Result};
use icu_normalizer::{
    ComposingNormalizerBorrowed as ComposingNormalizer,
    DecomposingNormalizerBorrowed as DecomposingNormalizer,
};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

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
/// A shorter part of a name, or row of initials, is no word.
const SHORTEST_NAME: usize = 3;
/// A piece that comes again is one from so many characters on.
const LEAST_REPEATED: usize = 4;

/// Passwords of at least [`SHORTEST`] characters, in lower case, that are common in breaches, and well-known sayings and
/// rows of keys; where they come from is said in `common_passwords.md` beside the list.
const COMMON: &str = include_str!("common_passwords.txt");

/// Words that people reach for first, folded as [`folded`] does it. Seasons and months with a year are the commonest of
/// all where passwords have to be changed; they stand here in the languages that most people in Europe write.
const GUESSED_FIRST: &str = include_str!("guessed_first.txt");

/// The example of a good password that everybody has seen. Lists have it as one word; with its spaces it stands in what
/// was written about Rollcall, so it stays good.
const EXAMPLE: &str = "correct horse battery staple";

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

/// Whether it is on the list, whatever stands between its letters and figures, or with figures at its ends.
fn is_common(password: &str) -> bool {
    let lower = password.trim().to_lowercase();
    if lower.contains(EXAMPLE) {
        return false;
    }
    let (plain, spelt) = (folded(&lower, Umlauts::Bare), folded(&lower, Umlauts::Spelt));
    let [plain, spelt] =
        [plain, spelt].map(|text| text.chars().filter(|char| char.is_alphanumeric()).collect());
    let forms: [String; 2] = [plain, spelt];
    let bare = bare(&forms[0]);
    COMMON.lines().any(|common| {
        let text: String = common.chars().filter(|char| char.is_alphanumeric()).collect();
        common == lower || forms.contains(&text) || (bare.len() >= LEAST_POINTS && self::bare(&text) == bare)
    })
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

/// One for each word, year or run that is guessed first, one for each other letter or figure, and one for each other
/// mark the first time that it comes. What was there before counts no more.
fn points(password: &str, words: &[&str]) -> usize {
    let names = names(words);
    let known: Vec<&[char]> = names.iter().map(Vec::as_slice).collect();
    let guessed: Vec<Vec<char>> = guessed_first().map(|word| word.chars().collect()).collect();
    let known: Vec<&[char]> = known.into_iter().chain(guessed.iter().map(Vec::as_slice)).collect();
    let spellings = [Umlauts::Bare, Umlauts::Spelt].map(|umlauts| folded(password, umlauts));
    let counts = spellings.iter().map(|text| count(&text.chars().collect::<Vec<_>>(), &known));
    counts.min().unwrap_or_default()
}

fn guessed_first() -> impl Iterator<Item = &'static str> {
    GUESSED_FIRST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

fn count(text: &[char], known: &[&[char]]) -> usize {
    let (mut points, mut at) = (0, 0);
    while at < text.len() {
        let (before, rest) = text.split_at(at);
        let mark = !text[at].is_alphanumeric();
        let word = known.iter().filter_map(|word| spells(rest, word)).max();
        let piece = word.or_else(|| year(rest)).unwrap_or_else(|| run(rest));
        let repeated = repeated(before, rest);
        at += piece.max(repeated);
        let counts_no_more = repeated >= piece || (piece == 1 && mark && before.contains(&rest[0]));
        points += usize::from(!counts_no_more && !rest[0].is_whitespace());
    }
    points
}

/// The names, their parts, what their parts begin with, and all that backwards, where it is long enough to be a word.
fn names(words: &[&str]) -> Vec<Vec<char>> {
    let mut names = Vec::new();
    for word in words {
        for name in [Umlauts::Bare, Umlauts::Spelt].map(|umlauts| folded(word.trim(), umlauts)) {
            let parts: Vec<Vec<char>> = name
                .split(|char: char| !char.is_alphanumeric())
                .filter(|part| !part.is_empty())
                .map(|part| part.chars().collect())
                .collect();
            let initials: Vec<char> = parts.iter().filter_map(|part| part.first().copied()).collect();
            names.extend((SHORTEST_NAME..=initials.len()).map(|length| initials[..length].to_vec()));
            names.push(parts.concat());
            names.extend(parts);
        }
    }
    names.retain(|name| name.len() >= SHORTEST_NAME);
    let backwards: Vec<Vec<char>> = names.iter().map(|name| name.iter().rev().copied().collect()).collect();
    names.extend(backwards);
    names.sort_unstable();
    names.dedup();
    names
}

/// How letters with two dots or a ring are written without: bare (`u`), or spelt out as in German and Danish (`ue`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Umlauts {
    Bare,
    Spelt,
}

/// A text in lower case, without marks above and below its letters.
fn folded(text: &str, umlauts: Umlauts) -> String {
    let composed = ComposingNormalizer::new_nfkc().normalize(text).to_lowercase();
    let spelt: String = composed.chars().fold(String::new(), |mut spelt, char| {
        match (char, umlauts) {
            ('ä' | 'æ', Umlauts::Spelt) | ('æ', Umlauts::Bare) => spelt.push_str("ae"),
            ('ö' | 'ø' | 'œ', Umlauts::Spelt) | ('œ', Umlauts::Bare) => spelt.push_str("oe"),
            ('ü', Umlauts::Spelt) => spelt.push_str("ue"),
            ('å', Umlauts::Spelt) => spelt.push_str("aa"),
            ('ø', Umlauts::Bare) => spelt.push('o'),
            ('ß', _) => spelt.push_str("ss"),
            ('ł', _) => spelt.push('l'),
            ('đ' | 'ð', _) => spelt.push('d'),
            ('þ', _) => spelt.push_str("th"),
            ('ı', _) => spelt.push('i'),
            (other, _) => spelt.push(other),
        }
        spelt
    });
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_mark = |char: &char| categories.get(*char) == GeneralCategory::NonspacingMark;
    let bare: String =
        DecomposingNormalizer::new_nfd().normalize(&spelt).chars().filter(|char| !is_mark(char)).collect();
    // Put together again: a syllable of Hangul is one character.
    ComposingNormalizer::new_nfc().normalize(&bare).into_owned()
}

/// How many characters of the text spell this word, if it begins with it: figures and marks may stand for letters, and
/// other marks between them.
fn spells(text: &[char], word: &[char]) -> Option<usize> {
    let mut at = 0;
    for letter in word {
        let stands_for = |char: char| char == *letter || unmasked(char).contains(letter);
        while at > 0 && text.get(at).is_some_and(|char| !char.is_alphanumeric() && !stands_for(*char)) {
            at += 1;
        }
        if !text.get(at).is_some_and(|char| stands_for(*char)) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// The letters that a figure or mark usually stands for.
fn unmasked(char: char) -> &'static [char] {
    match char {
        '@' | '4' => &['a'],
        '8' => &['b'],
        '0' => &['o'],
        '1' | '!' | '|' => &['i', 'l'],
        '3' | '€' => &['e'],
        '$' | '5' => &['s'],
        '7' | '+' => &['t'],
        '2' => &['z'],
        _ => &[],
    }
}

fn year(text: &[char]) -> Option<usize> {
    let places = text.iter().enumerate().filter(|(_, char)| char.is_alphanumeric());
    let figures: Vec<(usize, char)> = places.take(4).map(|(at, char)| (at, *char)).collect();
    let year: String = figures.iter().map(|(_, char)| *char).collect();
    let is_year = text.first().is_some_and(char::is_ascii_digit)
        && year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && (year.starts_with("19") || year.starts_with("20"));
    figures.last().filter(|_| is_year).map(|(at, _)| at + 1)
}

/// The length of a run of one character, or of characters that follow each other up or down; one if there is none.
fn run(text: &[char]) -> usize {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let Some(first) = text.get(..2).map(step).filter(|step| step.abs() <= 1) else { return 1 };
    let length = 1 + text.windows(2).take_while(|pair| step(pair) == first).count();
    if length >= 3 { length } else { 1 }
}

/// How much of the beginning of `rest` stood before, if it is more than happens by chance.
fn repeated(before: &[char], rest: &[char]) -> usize {
    let alike = |from: usize| before[from..].iter().zip(rest).take_while(|(one, other)| one == other).count();
    (0..before.len()).map(alike).max().filter(|length| *length >= LEAST_REPEATED).unwrap_or_default()
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
            "Frühling2026!Frühling",
            "Fruehling2026Fruehling",
            "Verano2026Verano",
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
            "LetMeInPleaseNow!",
            "Oktober2026Oktober",
            "Paźdz1ernik-2026-Jesień",
            "Август2026Август",
            "S u m m e r 2 0 2 6",
            "S.u-m_m/e.r 2.0.2.6",
            "Summer 2026 is hot",
            "letmeinpleasenow",
            "\u{ff33}ummer2026\u{ff33}ummer",
            "enilruobrah2026!",
            "ecalevol-ada-2026",
        ] {
            assert!(!refused(weak).is_empty(), "{weak}");
        }
    }

    #[test]
    fn the_name_of_the_organisation_is_known_however_it_is_written() {
        for (organisation, password) in [
            ("Société Générale Zürich", "SocieteGenerale2026!"),
            ("Société Générale Zürich", "Zurich-Zurich-2026!!"),
            ("Société Générale Zürich", "Zuerich-Zuerich-2026"),
            ("Societe Generale Zuerich", "Zürich-Zürich-2026"),
            ("Harbour Line Shipping", "HLS-HLS-HLS-2026!"),
            ("Harbour Line Shipping", "H4rb0ur-L1n3-2026!"),
            ("Harbour Line Shipping", "Harbour_Line_2026!"),
            ("Harbour Line Shipping", "H a r b o u r Line 26"),
            ("Contoso-Werke GmbH & Co. KG", "C0nt0s0W3rk3-2026!"),
            ("Ærø Færge", "Aeroe-Faerge-2026"),
        ] {
            assert!(check(password, &[organisation]).is_err(), "{organisation}, {password}");
        }
    }

    #[test]
    fn sayings_are_known_with_and_without_what_separates_their_words() {
        for common in [
            "may the force be with you",
            "May-The-Force-Be-With-You",
            "to be or not to be",
            "ToBeOrNotToBe!1",
        ] {
            assert!(!refused(common).is_empty(), "{common}");
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
            "correct horse battery staple 9",
            "vier Kisten voller Zwiebeln",
            "kettle orbit kettle tram",
            "zwölf Boxkämpfer jagen",
            "汽水橡皮火车月亮雨伞铅笔冰川鲸",
            "кеттл орбит трам снег",
            "qVx!#%&/()=?+*~^",
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
