//! Cursors (RFC 9865): where the next page begins, sealed, so that a client can neither read nor make one.

use super::Refusal;
use crate::domain::Org;
use crate::domain::users::by_entra::Scope;
use crate::scim::message::CURSOR_TIMEOUT_S;
use crate::scim::query::Query;
use crate::scim::{Fault, ScimType};
use serde::{Deserialize, Serialize};

const PURPOSE: &str = "scim cursor";

/// Where a page begins: behind this resource, whoever came and went meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Its type: 0 for users, 1 for groups. At the root users come first.
    #[serde(rename = "t")]
    pub(super) kind: u8,
    /// What it sorts by, if it has that and the list is sorted.
    #[serde(rename = "v")]
    pub(super) value: Option<String>,
    /// The console's key of it.
    #[serde(rename = "k")]
    pub(super) key: String,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// After so many resources.
    Position(i64),
    /// Behind this one.
    After(Cursor),
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "mark")]
    cursor: Cursor,
    /// Which query it belongs to.
    of: String,
    /// When it was made, in seconds since 1970.
    at: i64,
}

/// What makes a query the same query: another page of it may have another size and other attributes.
pub(super) struct QueryFingerprint(String);

impl QueryFingerprint {
    pub(super) fn of(query: &Query, listing: &str, scope: Scope) -> Self {
        let filter = query.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let sort = query.sort.as_ref().map(ToString::to_string).unwrap_or_default();
        Self(format!("{listing}\n{}\n{filter}\n{sort}\n{}", scope.as_str(), query.descending))
    }

    pub(super) fn write(&self, org: &Org, cursor: Cursor) -> String {
        let of = org.keys().digest(PURPOSE, &self.0);
        let sealed = Sealed { cursor, of, at: org.now().and_utc().timestamp() };
        org.keys().seal(PURPOSE, &serde_json::to_string(&sealed).unwrap_or_default())
    }

    /// The query, in words that tell it from others.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the page after this cursor begins; an empty one stands for the first.
    pub(super) fn read(&self, org: &Org, cursor: &str) -> Result<Start, Refusal> {
        if cursor.is_empty() {
            return Ok(Start::Position(0));
        }
        let invalid = || {
            let detail = "The cursor is none of ours, or belongs to another query. Begin again without it.";
            Refusal::from(Fault::bad(ScimType::InvalidCursor, detail))
        };
        let text = org.keys().open_sealed(PURPOSE, cursor).ok_or_else(invalid)?;
        let sealed: Sealed = serde_json::from_str(&text).map_err(|_| invalid())?;
        if !org.keys().recognises(PURPOSE, &self.0, &sealed.of) {
            return Err(invalid());
        }
        if org.now().and_utc().timestamp() - sealed.at > CURSOR_TIMEOUT_S {
            let detail =
                format!("The cursor is older than {CURSOR_TIMEOUT_S} seconds. Begin again without it.");
            return Err(Fault::bad(ScimType::ExpiredCursor, detail).into());
        }
        Ok(Start::After(sealed.cursor))
    }
}
