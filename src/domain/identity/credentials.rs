//! What a SCIM client presents: one function admits a bearer token of either sort and says what it is.

use super::access_tokens::{self, PREFIX};
use super::tokens;
use crate::db::Conn;
use crate::domain::{Noted, Tx};
use crate::error::Result;
use crate::seal::Keyring;
use chrono::NaiveDateTime;

/// What sort of bearer token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A long-lived one, made in the console.
    ApiToken,
    /// One that was got at the token endpoint.
    AccessToken,
}

/// A bearer token that was accepted.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Whose it is, by key: the API token itself, or the client that got the access token.
    pub id: String,
    /// Whose it is, in words.
    pub label: String,
    /// What sort it is.
    pub kind: Kind,
    row: String,
    last_used_at: Option<NaiveDateTime>,
}

/// Why a bearer token was not accepted: for the log, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialRefusal {
    cause: Cause,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    NotSent,
    Told(tokens::TokenRefusal),
}

impl CredentialRefusal {
    /// None was sent.
    pub const NOT_SENT: Self = Self { cause: Cause::NotSent, kind: Kind::ApiToken };

    /// What was wrong and how to mend it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        use tokens::TokenRefusal::{Expired, Revoked, Unknown};
        match (self.cause, self.kind) {
            (Cause::NotSent, _) => {
                "No API token was sent. Enter the token of Identity Management as Secret Token in Entra ID."
            }
            (Cause::Told(Unknown), Kind::ApiToken) => {
                "The API token that was sent is not known here. Copy the token from Identity Management into Entra ID again."
            }
            (Cause::Told(Revoked), Kind::ApiToken) => {
                "The API token that was sent was revoked. Copy a live one into Entra ID."
            }
            (Cause::Told(Expired), Kind::ApiToken) => {
                "The API token that was sent has expired. Create another and copy it into Entra ID."
            }
            (Cause::Told(Unknown), Kind::AccessToken) => {
                "The access token that was sent is not known here. The client gets another at the token endpoint."
            }
            (Cause::Told(Revoked), Kind::AccessToken) => {
                "The access token that was sent was revoked, with what it was got with. Look under Identity Management \
                 whether Entra ID still has a live client secret, or workload identity federation as it was set up."
            }
            (Cause::Told(Expired), Kind::AccessToken) => {
                "The access token that was sent has expired after its hour. The client gets another at the token endpoint."
            }
        }
    }
}

impl Credential {
    /// Whether a use at `now` should be written down.
    #[must_use]
    pub fn is_stale(&self, now: NaiveDateTime) -> bool {
        self.last_used_at.is_none_or(|last| now - last >= tokens::NOTE_AFTER)
    }
}

/// What was presented, or why it isn't accepted.
pub fn admit(
    conn: &mut Conn,
    keys: &Keyring,
    presented: &str,
    now: NaiveDateTime,
) -> Result<std::result::Result<Credential, CredentialRefusal>> {
    // An API token begins alike and may, by chance, go on alike.
    if presented.starts_with(PREFIX) {
        match access_tokens::admit(conn, keys, presented, now)? {
            Err(tokens::TokenRefusal::Unknown) => {}
            outcome => {
                return Ok(outcome.map(Credential::from).map_err(|told| refused(told, Kind::AccessToken)));
            }
        }
    }
    let kind = if presented.starts_with(PREFIX) { Kind::AccessToken } else { Kind::ApiToken };
    let outcome = tokens::admit(conn, keys, presented, now)?;
    Ok(outcome.map(Credential::from).map_err(|told| refused(told, kind)))
}

fn refused(told: tokens::TokenRefusal, kind: Kind) -> CredentialRefusal {
    CredentialRefusal { cause: Cause::Told(told), kind }
}

/// Whether what was accepted a moment ago still is, or why not.
pub fn still_good(
    conn: &mut Conn,
    credential: &Credential,
    now: NaiveDateTime,
) -> Result<std::result::Result<(), CredentialRefusal>> {
    let outcome = match credential.kind {
        Kind::ApiToken => tokens::still_good(conn, &credential.row, now)?,
        Kind::AccessToken => access_tokens::still_good(conn, &credential.row, now)?,
    };
    Ok(outcome.map_err(|told| refused(told, credential.kind)))
}

/// Writes down that it was used.
pub fn used(tx: &mut Tx, credential: &Credential) -> Result<Noted<()>> {
    match credential.kind {
        Kind::ApiToken => tokens::used(tx, &credential.row)?,
        Kind::AccessToken => access_tokens::used(tx, &credential.row)?,
    }
    Ok(Noted::unaudited((), "that a credential was used is no change of the organisation"))
}

impl From<tokens::Token> for Credential {
    fn from(token: tokens::Token) -> Self {
        let (row, last_used_at) = (token.id.clone(), token.last_used_at);
        Self { id: token.id, label: token.label, kind: Kind::ApiToken, row, last_used_at }
    }
}

impl From<access_tokens::AccessToken> for Credential {
    fn from(token: access_tokens::AccessToken) -> Self {
        let (id, last_used_at) = (token.holder().to_owned(), token.last_used_at);
        Self { id, label: token.label, kind: Kind::AccessToken, row: token.id, last_used_at }
    }
}
