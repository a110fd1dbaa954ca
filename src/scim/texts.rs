//! Reading texts: in what form they are kept, and so what a comparison with a text asks for: whatever was sent, or is answered, is
//! found by it.

use super::filter::CompareOp;
use super::packing::{in_value, packed_text};
use super::read::UNKNOWN;
use super::schema::Attribute;
use super::tolerance::Notes;
use super::values::{Reading, refused};
use crate::characters::{self, Hidden};
use serde_json::Value;
use std::borrow::Cow;

/// Stands for half a character of UTF-16, which is none.
pub(super) const NO_CHARACTER: char = '\u{FFFE}';

/// What a value is called in notes.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    /// The attribute and, in a complex value, its part.
    pub(super) path: &'a str,
    /// Of several values, the kind of this one.
    pub(super) kind: Option<&'a str>,
}

impl<'a> From<&'a str> for Label<'a> {
    fn from(path: &'a str) -> Self {
        Self { path, kind: None }
    }
}

/// Reads a text.
pub(super) fn read(
    attribute: &Attribute,
    value: &Value,
    label: Label<'_>,
    longest: usize,
    notes: &mut Notes,
) -> Reading {
    match value {
        Value::Null => Reading::Nothing,
        Value::String(text) if text.is_empty() => Reading::Nothing,
        Value::String(text) => {
            if let Some(inner) = packed_text(value) {
                return read(attribute, &inner, label, longest, notes);
            }
            // The rules refuse a name that tells resources apart: it is not cut, and a user's is not cleaned.
            let names = attribute.required && attribute.unique;
            if names && attribute.name == "userName" {
                return Reading::Value(Value::String(text.clone()));
            }
            if text.chars().count() > longest && !names {
                notes.left_out(label.path, &format!("it is longer than {longest} characters"));
                return Reading::Unread;
            }
            clean(attribute, text, label, notes)
        }
        Value::Array(items) if items.is_empty() => Reading::Nothing,
        // As Entra ID wrote strings in 2018: `[{"$ref": null, "value": "x"}]`.
        packed => match in_value(packed) {
            Some((inner, beside)) => {
                let left_out = |name: &&str| notes.left_out(&format!("{}.{name}", label.path), UNKNOWN);
                beside.iter().for_each(left_out);
                read(attribute, inner, label, longest, notes)
            }
            None => refused(label.path, "a string", notes),
        },
    }
}

/// The text in the form in which it is kept: without control characters and what else cannot be seen. Where nothing is
/// left there was no value. An identifier is kept whole or not at all.
fn clean(attribute: &Attribute, text: &str, label: Label<'_>, notes: &mut Notes) -> Reading {
    let odd = |char: &char| char.is_control() && !matches!(char, '\n' | '\r' | '\t') || *char == NO_CHARACTER;
    let odd_one = text.chars().find(odd);
    if attribute.case_exact {
        if let Some(first) = odd_one {
            notes.left_out(label.path, &format!("it holds {}", named(first)));
            return Reading::Unread;
        }
        if is_unseen(text) {
            notes.left_out(label.path, "nothing of it can be seen");
            return Reading::Nothing;
        }
        return Reading::Value(Value::String(text.to_owned()));
    }
    let rest: Cow<'_, str> = match odd_one {
        None => text.into(),
        Some(first) => {
            notes.warn(format!("In “{}” {} was left out.", label.path, named(first)));
            text.chars().filter(|char| !odd(char)).collect::<String>().into()
        }
    };
    let (rest, hidden) = kept(attribute, &rest);
    let words = words(attribute, label.path, label.kind);
    characters::left_out(words, &hidden).into_iter().for_each(|told| notes.warn(told));
    if rest.is_empty() { Reading::Nothing } else { Reading::Value(Value::String(rest)) }
}

fn named(odd: char) -> String {
    let sort = if odd == NO_CHARACTER { "half a character" } else { "the control character" };
    let code = if odd == NO_CHARACTER { String::new() } else { format!(" U+{:04X}", u32::from(odd)) };
    format!("{sort}{code}")
}

/// The text as it is kept, and what of it cannot be seen and is left out. Identifiers are the client's own; the rules
/// refuse a user name with such a character.
pub(super) fn kept(leaf: &Attribute, text: &str) -> (String, Vec<Hidden>) {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain || leaf.case_exact || leaf.name == "userName" {
        return (text.to_owned(), Vec::new());
    }
    if !leaf.lines {
        return characters::visible_words(text);
    }
    let mut hidden = Vec::new();
    let lines = text.split('\n').map(|line| {
        let (seen, found) = characters::visible_words(line);
        hidden.extend(found);
        seen
    });
    let lines: Vec<String> = lines.collect();
    (lines.join("\n"), hidden)
}

/// Whether nothing of an identifier can be seen.
pub(super) fn is_unseen(text: &str) -> bool {
    let (seen, hidden) = characters::visible(text);
    !hidden.is_empty() && seen.trim().is_empty()
}

/// The texts that a comparison looks for: the text as it is kept, and as it was written, since older values may hold what
/// is left out today.
fn looked_for(leaf: &Attribute, op: CompareOp, text: &str) -> Vec<String> {
    let (seen, hidden) = kept(leaf, text);
    if hidden.is_empty() {
        return vec![seen];
    }
    // Every text holds the empty one.
    if seen.is_empty() {
        return vec![text.to_owned()];
    }
    let is_order = matches!(op, CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le);
    if is_order { vec![seen] } else { vec![seen, text.to_owned()] }
}

/// What the database is asked to find all that compare so with a text: one of these texts. And whether it finds no others.
#[must_use]
pub fn asked(leaf: &Attribute, op: CompareOp, text: &str) -> (Vec<String>, bool) {
    let texts = looked_for(leaf, op, text);
    if !leaf.trimmed {
        return (texts, true);
    }
    let exact = !is_within(op) || texts.iter().all(|text| text.trim() == text);
    (texts.iter().map(|text| text.trim().to_owned()).collect(), exact)
}

/// Whether a text that is held compares so with the text of a comparison. `Ne` is the opposite of `Eq`.
pub(super) fn compares(leaf: &Attribute, held: &str, op: CompareOp, text: &str) -> bool {
    let held = folded(leaf, held);
    looked_for(leaf, op, text).iter().any(|text| {
        let text = folded(leaf, text);
        match (leaf.trimmed, is_within(op)) {
            (false, _) => one(&held, op, &text),
            // What is looked for at an end may be the end of the text as it is answered, or as it is compared.
            (true, true) => one(&held, op, &text) || one(held.trim(), op, &text),
            (true, false) => one(held.trim(), op, text.trim()),
        }
    })
}

fn one(held: &str, op: CompareOp, text: &str) -> bool {
    match op {
        CompareOp::Co => held.contains(text),
        CompareOp::Sw => held.starts_with(text),
        CompareOp::Ew => held.ends_with(text),
        CompareOp::Gt => held > text,
        CompareOp::Ge => held >= text,
        CompareOp::Lt => held < text,
        CompareOp::Le => held <= text,
        CompareOp::Eq | CompareOp::Ne => held == text,
    }
}

fn is_within(op: CompareOp) -> bool {
    matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew)
}

/// The text in the letter case in which it is compared.
pub(super) fn folded(leaf: &Attribute, text: &str) -> String {
    if leaf.case_exact { text.to_owned() } else { text.to_lowercase() }
}

/// What a text that is kept of this attribute is called in the log, by its path and, of several values, its kind.
pub(super) fn words<'a>(leaf: &Attribute, path: &'a str, kind: Option<&str>) -> &'a str {
    let is_kind = |wanted: &str| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
    match path {
        "displayName" if leaf.required => "name of the group",
        "displayName" => "display name",
        "name.givenName" => "first name",
        "name.familyName" => "last name",
        "emails.value" => "e-mail address",
        "emails.display" => "name of an e-mail address",
        "emails.type" => "type of an e-mail address",
        "phoneNumbers.value" if is_kind("work") => "work contact number",
        "phoneNumbers.value" if is_kind("mobile") => "mobile contact number",
        "timezone" => "time zone",
        "preferredLanguage" => "language",
        other => other.split('.').next().unwrap_or(other),
    }
}
