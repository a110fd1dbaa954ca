//! Keys: those of rows, and those by which names are compared.

use uuid::Uuid;

/// A new key. Version 7 sorts by time, so that lists are paged by key (RFC 9562 section 5.7).
#[must_use]
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The form in which names are compared: surrounding space and case do not tell them apart.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}
