//! What a response is held against: who we are, whom to trust, and what the settings allow.

use super::key_pair::KeyPair;
use super::signature::TrustedKey;
use chrono::{NaiveDateTime, TimeDelta};

/// What the settings allow and ask for.
#[expect(clippy::struct_excessive_bools, reason = "each is a box that an administrator ticks")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether SHA-1 is taken in signatures.
    pub allow_sha1: bool,
    /// Whether the response as a whole must be signed, not only the assertion.
    pub require_signed_response: bool,
    /// Whether the assertion must be encrypted.
    pub require_encryption: bool,
    /// Whether a response is taken that nobody asked for.
    pub allow_unsolicited: bool,
    /// By how much the two clocks may differ.
    pub skew: TimeDelta,
}

/// What a response is held against.
pub struct Expected<'a> {
    /// Our entity ID.
    pub entity_id: &'a str,
    /// The address of our assertion consumer service.
    pub consumer: &'a str,
    /// Who must have issued it.
    pub issuer: &'a str,
    /// The certificates with which it may be signed.
    pub keys: &'a [TrustedKey],
    /// Our own keys, for which it may be encrypted.
    pub own_keys: &'a [KeyPair],
    /// The claims that say who the person is: each has one value.
    pub naming_claims: &'a [&'a str],
    /// What the settings allow and ask for.
    pub rules: Rules,
    /// The time, in UTC.
    pub now: NaiveDateTime,
}
