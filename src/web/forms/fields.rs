//! The fields of a form by name, and how two people's changes of the same fields are brought together.

use crate::error::{Error, Result};
use crate::web::body;
use crate::web::extract::Fields;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The field with what was stored when the form was filled, as a query string.
pub(super) const WAS: &str = "was";

/// The fields as they stand in the body of a request, or in [`WAS`].
pub(super) fn parse(body: &[u8]) -> Result<Fields> {
    serde_urlencoded::from_bytes(body).map_err(|_| unreadable())
}

/// What the fields say, as the struct of their form.
pub(super) fn read<T: DeserializeOwned>(fields: &Fields) -> Result<T> {
    let query = serde_urlencoded::to_string(fields).map_err(Error::internal)?;
    serde_urlencoded::from_str(&query).map_err(|_| unreadable())
}

/// The fields that a form is filled with.
pub(super) fn of(stored: &impl Serialize) -> Result<Fields> {
    parse(query(stored)?.as_bytes())
}

/// The same as a query string.
pub(super) fn query(stored: &impl Serialize) -> Result<String> {
    serde_urlencoded::to_string(stored).map_err(Error::internal)
}

fn unreadable() -> Error {
    body::unreadable().0
}

/// The value of a field; empty if it is not there.
pub(super) fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|field| field.0 == name).map_or("", |field| &field.1)
}

/// What was `sent`, with what is `stored` in place of what the person left as it `was` shown to them. Nothing where both
/// the person and somebody else changed a field, and not to the same.
pub(super) fn merged(was: &Fields, sent: Fields, stored: &Fields) -> Option<Fields> {
    let mut merged = sent;
    for (name, theirs) in stored {
        let shown = value(was, name);
        let own = value(&merged, name);
        if own == theirs || theirs == shown {
            continue;
        }
        if own != shown {
            return None;
        }
        merged.retain(|(field, _)| field != name);
        merged.push((name.clone(), theirs.clone()));
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_only_somebody_else_changed_is_taken_over() {
        let was = fields(&[("code", "X2"), ("seats", "5")]);
        let sent = fields(&[("code", "X3"), ("seats", "5"), ("csrf", "t")]);
        let stored = fields(&[("code", "X2"), ("seats", "9")]);
        let merged = merged(&was, sent, &stored).unwrap_or_default();
        assert_eq!(
            (value(&merged, "code"), value(&merged, "seats"), value(&merged, "csrf")),
            ("X3", "9", "t")
        );
    }

    #[test]
    fn where_both_changed_a_field_the_person_is_asked_unless_both_mean_the_same() {
        let was = fields(&[("seats", "5")]);
        assert_eq!(merged(&was, fields(&[("seats", "7")]), &fields(&[("seats", "9")])), None);
        let same = merged(&was, fields(&[("seats", "9")]), &fields(&[("seats", "9")]));
        assert_eq!(same, Some(fields(&[("seats", "9")])));
    }

    #[test]
    fn a_tick_that_is_missing_is_one_that_was_taken_away() {
        let (was, stored) = (fields(&[("on", "1")]), fields(&[("on", "1")]));
        assert_eq!(merged(&was, fields(&[]), &stored), Some(fields(&[])));
        assert_eq!(merged(&fields(&[("on", "")]), fields(&[]), &stored), Some(stored.clone()));
    }
}
