//! What every name is held to, wherever it is entered: nothing in it that cannot be seen; and when two names are one.

use crate::characters::{self, Hidden};
use crate::error::{Complaint, Error, Result};
use crate::saml;

/// The form in which single sign-on compares names: only the case of ASCII letters makes no difference. The keys by which
/// accounts are looked up fold letters as Unicode does, so that K (U+212A, the sign for Kelvin) finds k: two names of
/// which a directory may hold both.
#[must_use]
pub(super) fn as_called(name: &str) -> String {
    saml::trim(name).to_ascii_lowercase()
}

/// Whether single sign-on takes two names for one.
#[must_use]
pub(super) fn is_called(one: &str, other: &str) -> bool {
    saml::trim(one).eq_ignore_ascii_case(saml::trim(other))
}

const LONGEST_FILE_NAME: usize = 200;

/// An uploaded file's name alone, without what cannot be seen: some browsers send a path.
pub(super) fn of_file(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let (seen, _) = characters::visible(last);
    let kept: String = seen.chars().take(LONGEST_FILE_NAME).collect();
    if kept.trim().is_empty() { "upload.csv".to_owned() } else { kept.trim().to_owned() }
}

/// What is wrong with the characters of a name, if something is; `label` names it in the sentence: `site name`.
pub(super) fn complaint(field: &'static str, label: &str, name: &str) -> Option<Complaint> {
    characters::hidden(name).map(|hidden| describe(field, label, hidden))
}

/// As [`complaint`], for user names: no space but the usual one either.
pub(super) fn user_name_complaint(name: &str) -> Option<Complaint> {
    characters::hidden_in_user_name(name).map(|hidden| describe("user_name", "user name", hidden))
}

/// Refuses a name with a character that cannot be seen.
pub(super) fn seen(field: &'static str, label: &str, name: &str) -> Result<()> {
    complaint(field, label, name).map_or(Ok(()), |complaint| Err(Error::Invalid(vec![complaint])))
}

/// Takes out of a value what cannot be seen; answers what to tell of it.
pub(super) fn leave_out(label: &str, value: &mut String) -> Option<String> {
    let (kept, hidden) = characters::visible_words(value);
    let told = characters::left_out(label, &hidden)?;
    *value = kept;
    Some(told)
}

fn describe(field: &'static str, label: &str, hidden: Hidden) -> Complaint {
    let message = format!("The {label} has a character that cannot be seen: {hidden}. Remove it.");
    Complaint { field, message }
}
