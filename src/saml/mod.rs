//! SAML 2.0 as a service provider speaks it: XML in, a proven assertion or the reason of refusal out. It knows no HTTP
//! server and no database.
//!
//! | file           | what it holds                                                                  |
//! |----------------|--------------------------------------------------------------------------------|
//! | [`encoding`]   | which characters the bytes of a document are                                   |
//! | [`xml`]        | parsing within bounds, and the one way to read elements                        |
//! | [`bounds`]     | how much work a message may cause before anything in it is proven              |
//! | [`signature`]  | what a signature must look like, what it proved, and the bytes it proved       |
//! | [`encryption`] | encrypted assertions                                                           |
//! | [`key_transport`] | the keys of encrypted assertions                                            |
//! | [`response`]   | the response to a sign-in: structure, proof, then every rule of the profile    |
//! | [`assertion`]  | what a proven assertion says, rule by rule                                     |
//! | [`report`]     | expected beside received, for whoever must mend it                             |
//! | [`request`]    | our sign-in request                                                            |
//! | [`redirect`]   | the HTTP-Redirect binding, with its detached signatures                        |
//! | [`logout`]     | sign-out requests and responses, both ways                                     |
//! | [`metadata`]   | the identity provider's metadata read, ours written                            |
//! | [`key_pair`]   | our own key and certificate                                                    |
//!
//! Signatures, canonical forms and decryption are `bergshamra`'s; it parses with `uppsala`, and so does everything here:
//! one parser for what is proven and what is read. After the proof, only the canonical bytes whose digest was signed
//! are read, never the document they came in.

pub mod assertion;
mod bounds;
pub(crate) mod encoding;
mod encryption;
mod expected;
pub mod key_pair;
mod key_transport;
pub mod logout;
pub mod metadata;
pub mod redirect;
pub mod report;
pub mod request;
pub mod response;
mod signature;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod xml;

pub use assertion::{Assertion, NameId};
pub use bounds::Work;
pub use expected::{Expected, Rules};
pub use report::{Check, Fault, Refusal, Report, Unproven};
pub use signature::{Proof, TrustedKey};

use chrono::Datelike;

/// The namespace of protocol messages.
pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// The namespace of assertions.
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The namespace of metadata.
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// The namespace of XML signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of XML encryption.
pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// The namespace of exclusive canonicalisation.
pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The status of a success (SAML core section 3.2.2.2).
pub const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// The second status code of an answer to a sign-out of which not every session was ended.
const PARTIAL_LOGOUT: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";
/// A request by redirect (SAML bindings section 3.4).
pub const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// An answer by a form (SAML bindings section 3.5).
pub const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// How assertions are best encrypted: what Entra ID does comes second.
const AES_256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
/// How the key of an encrypted assertion is carried.
const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";

/// An identifier for a message of ours. It must not begin with a digit (XML Schema's `NCName`).
#[must_use]
pub fn request_id() -> String {
    format!("_{}", uuid::Uuid::new_v4().simple())
}

/// Whether XML takes this character for space (XML 1.0 production 3): no other is trimmed off a value.
#[must_use]
pub fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

/// A value without the space around it.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// A time as SAML writes it (SAML core section 1.3.3).
#[must_use]
pub fn timestamp(at: chrono::NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A time that SAML wrote: UTC, with a `Z` or without any zone, in the years 1 to 9999. Beyond them a time could neither be
/// added to nor kept so that it sorts among others.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<chrono::NaiveDateTime> {
    if text.len() > 40 {
        return None;
    }
    let with_zone = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.naive_utc());
    let at =
        with_zone.or_else(|_| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")).ok()?;
    (1..=9999).contains(&at.year()).then_some(at)
}
