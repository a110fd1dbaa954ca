//! What kind of failure an event is: one key for all that differ only in whom they name.

use super::{LONGEST_TEXT, Outcome, Report, cut};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use uuid::Uuid;

/// So many hexadecimal digits tell causes apart.
const DIGITS: usize = 12;

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// What it is filtered by.
    pub(super) key: String,
    /// What it says of all that failed so, without names and values.
    pub(super) sentence: String,
}

impl Cause {
    /// The kind of a failure, by what was answered.
    pub(super) fn of(report: &Report) -> Self {
        let error = report.error.as_deref().unwrap_or("It failed.");
        let remedy = nameless(report.remedy.as_deref().unwrap_or_default());
        let sentence = match report.outcome {
            // Whoever presents no good credential hears one sentence, whatever is wrong with it: the remedy tells.
            Outcome::Refused => format!("{} {remedy}", nameless(error)).trim_end().to_owned(),
            _ => nameless(error),
        };
        // What is mended in another way is of another kind, though the client hears the same: it must not learn more.
        let status = report.status;
        let digest = Sha256::digest(numberless(&format!("{status} {sentence} {remedy}")).as_bytes());
        let mut key = format!("{status}-");
        for byte in digest.iter().take(DIGITS / 2) {
            // Writing to a string does not fail.
            let _ = write!(key, "{byte:02x}");
        }
        Self { key, sentence: cut(&sentence, LONGEST_TEXT) }
    }
}

/// The text without what stands between quotation marks, and without ids: that differs from person to person.
pub(super) fn nameless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['“', '"']) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        let (open, close) = if quoted.starts_with('“') { ('“', '”') } else { ('"', '"') };
        let inner = &quoted[open.len_utf8()..];
        // To the last mark that closes before the next one opens: a value may hold such a mark itself.
        let end = inner.find(open).filter(|_| open != close).unwrap_or(inner.len());
        let end = if open == close { inner.find(close) } else { inner[..end].rfind(close) };
        let Some(end) = end else {
            rest = inner;
            continue;
        };
        out.extend([open, '…', close]);
        rest = &inner[end + close.len_utf8()..];
    }
    out.push_str(rest);
    let words = out.split(' ').map(|word| {
        let bare = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
        if bare.len() > 30 && Uuid::try_parse(bare).is_ok() {
            word.replace(bare, "…")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn numberless(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str) -> Cause {
        let report = Report {
            error: Some(error.to_owned()),
            ..Report::new(super::super::Operation::Create, Outcome::Failed, 409)
        };
        Cause::of(&report)
    }

    #[test]
    fn failures_that_differ_in_names_and_numbers_are_of_one_kind() {
        let one = of("A user with userName “ana” exists already.");
        assert_eq!(one.sentence, "A user with userName “…” exists already.");
        assert_eq!(one, of("A user with userName “bo@x.example” exists already."));
        assert_eq!(one, of("A user with userName “b”o” exists already."), "a mark inside the value");
        let mended = |remedy: &str| Report {
            error: Some("A user with userName “ana” exists already.".to_owned()),
            remedy: Some(remedy.to_owned()),
            ..Report::new(super::super::Operation::Create, Outcome::Failed, 409)
        };
        let [handed, other, linked] = ["Hand “olga” over.", "Hand “oscar” over.", "Link it."]
            .map(|remedy| Cause::of(&mended(remedy)).key);
        assert!(handed == other && handed != linked, "what is mended in another way is of another kind");
        assert_ne!(one.key, of("A group with displayName “ana” exists already.").key);
        assert_eq!(of("its version is W/\"3\" now, of 7").key, of("its version is W/\"12\" now, of 81").key);
        let id = "0199c0de-0000-7000-8000-000000000001";
        assert_eq!(of(&format!("No user {id}.")).sentence, "No user ….");
        assert_eq!(of("an open “mark").sentence, "an open mark");
    }
}
