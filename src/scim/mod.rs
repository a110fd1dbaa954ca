//! SCIM 2.0 as a language: JSON in, typed wishes out (RFC 7643, RFC 7644). It knows no HTTP server and no database.
//!
//! | file        | what it holds                                                    |
//! |-------------|------------------------------------------------------------------|
//! | [`schema`]  | the table of attributes and their characteristics                |
//! | [`tolerance`] | what is left out, what is refused: one policy for all          |
//! | [`json`]    | reading JSON; names that stand twice                             |
//! | [`read`], `values` | reading resources and values by that table                |
//! | `packing`   | values that come packed into strings and lists                   |
//! | [`user`]    | a user, typed                                                    |
//! | [`group`]   | a group, typed, and changes of one                               |
//! | [`patch`], `change`, `members` | changes of a user (RFC 7644 section 3.5.2)    |
//! | [`query`]   | what a search asks for (section 3.4.2)                           |
//! | [`texts`]   | in what form texts are kept, and compared                        |
//! | [`filter`]  | filters and paths as trees                                       |
//! | [`evaluate`]| whether a resource meets a filter, and how resources sort        |
//! | [`bulk`]    | many operations in one request (section 3.7)                     |
//! | [`project`] | which attributes an answer carries (section 3.9)                 |
//! | [`message`] | lists, errors, and what this server says of itself               |
//! | [`outline`] | what a body asks for, in a few lines for the log                 |
//!
//! `grammar` reads filters and paths, the RFC's and those that clients write beyond it.

use filter::Filter;
use serde_json::{Value, json};

pub mod bulk;
mod change;
pub mod evaluate;
pub mod filter;
mod grammar;
pub mod group;
pub mod json;
#[cfg(test)]
mod mapping_tests;
mod members;
pub mod message;
pub mod outline;
mod packing;
pub mod patch;
pub mod path;
pub mod project;
#[cfg(test)]
mod properties;
pub mod query;
pub mod read;
pub mod schema;
#[cfg(test)]
mod shapes_tests;
#[cfg(test)]
mod tests;
pub mod texts;
pub mod tolerance;
#[cfg(test)]
mod tolerance_tests;
pub mod user;
mod values;

/// The schema of a user (RFC 7643 section 4.1).
pub const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of a group (RFC 7643 section 4.2).
pub const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension (RFC 7643 section 4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Rollcall's extension: the site.
pub const ROLLCALL_USER: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";
/// The same under the name that the 8x8 gallery application has in Entra ID, for those who move from there.
pub const ROLLCALL_USER_8X8: &str = "urn:ietf:params:scim:schemas:extension:8x8:1.1:User";

/// A refusal as RFC 7644 section 3.12 tells it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The kind of fault, for those that have one.
    pub kind: Option<ScimType>,
    /// What is wrong, naming the attribute, and what to do.
    pub detail: String,
}

/// The detail error keywords of RFC 7644 section 3.12, table 9, and of RFC 9865 section 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the keyword of the same spelling in the RFC")]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

impl ScimType {
    /// The keyword.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

impl Fault {
    /// A fault of the request, with status 400.
    pub fn bad(kind: ScimType, detail: impl Into<String>) -> Self {
        Self { status: 400, kind: Some(kind), detail: detail.into() }
    }

    /// A fault that has a status and no keyword.
    pub fn plain(status: u16, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into() }
    }

    /// The error's JSON: the status is a string there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": [message::ERROR],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(kind) = self.kind {
            body["scimType"] = kind.as_str().into();
        }
        body
    }
}

/// Reads a filter (RFC 7644 section 3.4.2.2).
pub fn parse_filter(text: &str) -> Result<Filter, Fault> {
    grammar::filter(text).map_err(|trouble| {
        let detail = if names_a_secret(text) {
            "The filter cannot be read, and names an attribute that is a secret.".to_owned()
        } else {
            format!("The filter cannot be read: {trouble}.")
        };
        Fault::bad(ScimType::InvalidFilter, detail)
    })
}

/// Whether a text that a client wrote names a secret, so that what else stands in it may be one and is not repeated.
#[must_use]
pub fn names_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["token", "secret", "password", "assertion"].iter().any(|word| text.contains(word))
}
