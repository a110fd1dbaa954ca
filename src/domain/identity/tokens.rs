//! The tokens that Entra ID presents: sealed at rest, found by a keyed digest, shown again to whoever proves themselves.

use crate::db::Conn;
use crate::db::schema::api_tokens;
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::{Noted, Tx, names, new_id};
use crate::error::{Error, Result};
use crate::seal::{self, Keyring};
use crate::secret::Secret;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Tells scanners of leaked secrets what it is. With 43 random characters it stays well below the 200 that
/// Microsoft's US Government cloud has room for.
const PREFIX: &str = "rollcall_";
const SEALED: &str = "api token";
const DIGEST: &str = "api token digest";
const LONGEST_LABEL: usize = 64;
const MOST_LIVE: usize = 20;
/// The label of the token that the first reveal makes.
pub const FIRST_LABEL: &str = "Entra ID";
/// The last use is written down once a minute at the most.
pub(super) const NOTE_AFTER: TimeDelta = TimeDelta::minutes(1);

/// A token, without its secret.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
pub struct Token {
    /// Its key.
    pub id: String,
    /// What it is for.
    pub label: String,
    digest: Secret,
    sealed: Secret,
    /// Who made it.
    pub created_by: String,
    /// When, in UTC.
    pub created_at: NaiveDateTime,
    /// When it stops being accepted.
    pub expires_at: Option<NaiveDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<NaiveDateTime>,
    /// When it was last accepted, to the minute.
    pub last_used_at: Option<NaiveDateTime>,
}

/// Why a token was not accepted: for the log, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// No such token was ever made, or none was sent.
    Unknown,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
}

impl Token {
    /// Whether it would be accepted at `now`.
    #[must_use]
    pub fn is_live(&self, now: NaiveDateTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }

    /// Whether a use at `now` should be written down.
    #[must_use]
    pub fn is_stale(&self, now: NaiveDateTime) -> bool {
        self.last_used_at.is_none_or(|last| now - last >= NOTE_AFTER)
    }

    fn opened(&self, keys: &Keyring) -> Result<Secret> {
        let opened = keys.open_sealed(SEALED, self.sealed.expose());
        opened.map(Secret::new).ok_or_else(|| {
            Error::Conflict(format!(
                "The token “{}” was sealed with another key file, or is damaged in the database. Create another token.",
                self.label
            ))
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject { kind: Kind::Token, id: &self.id, name: &self.label }
    }
}

/// All tokens, newest first.
pub fn list(conn: &mut Conn) -> Result<Vec<Token>> {
    Ok(api_tokens::table.order(api_tokens::id.desc()).select(Token::as_select()).load(conn)?)
}

/// The token with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Token> {
    let found = api_tokens::table.find(id).select(Token::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("API token"))
}

/// The live token with this key or this label.
pub fn live(conn: &mut Conn, key: &str, now: NaiveDateTime) -> Result<Token> {
    let mine = list(conn)?.into_iter().filter(|token| token.is_live(now));
    let mut mine = mine.filter(|token| token.id == key || token.label == key);
    mine.next().ok_or(Error::NotFound("live API token"))
}

/// Makes a token and answers its secret.
pub fn create(tx: &mut Tx, label: &str, expires_in_days: Option<u32>) -> Result<Noted<(Token, Secret)>> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LONGEST_LABEL {
        let message =
            format!("Enter a label of 1 to {LONGEST_LABEL} characters that says what the token is for.");
        return Err(Error::invalid("label", message));
    }
    names::seen("label", "label", label)?;
    if expires_in_days.is_some_and(|days| !(1..=3650).contains(&days)) {
        return Err(Error::invalid("expires_in", "Enter a number of days from 1 to 3650, or nothing."));
    }
    let now = tx.now;
    let live = list(tx.conn)?.into_iter().filter(|token| token.is_live(now)).collect::<Vec<_>>();
    if live.iter().any(|token| token.label == label) {
        return Err(Error::taken(
            "label",
            format!("There is a live token “{label}” already. Choose another label."),
        ));
    }
    if live.len() >= MOST_LIVE {
        return Err(Error::Conflict(format!(
            "At most {MOST_LIVE} tokens can be live at once. Revoke one first."
        )));
    }
    let secret = Secret::new(format!("{PREFIX}{}", seal::secret()));
    let token = Token {
        id: new_id(),
        label: label.to_owned(),
        digest: Secret::new(tx.keys.digest(DIGEST, secret.expose())),
        sealed: Secret::new(tx.keys.seal(SEALED, secret.expose())),
        created_by: tx.actor.name().to_owned(),
        created_at: now,
        expires_at: expires_in_days.map(|days| now + TimeDelta::days(days.into())),
        revoked_at: None,
        last_used_at: None,
    };
    diesel::insert_into(api_tokens::table).values(&token).execute(tx.conn)?;
    let expiry = token.expires_at.map(|end| Change::set("expiry", end.date().to_string()));
    let noted = tx.note(Action::TokenCreated, token.subject(), expiry.as_slice())?;
    Ok(noted.with((token, secret)))
}

/// Shows a live token again: the one asked for, else the newest; the first reveal of all makes one.
pub fn reveal(tx: &mut Tx, id: Option<&str>) -> Result<Noted<(Token, Secret)>> {
    let now = tx.now;
    let token = match id {
        Some(id) => Some(find(tx.conn, id)?),
        None => list(tx.conn)?.into_iter().find(|token| token.is_live(now)),
    };
    let Some(token) = token else {
        let (token, secret) = create(tx, FIRST_LABEL, None)?.into_inner();
        let noted = tx.note(Action::TokenRevealed, token.subject(), &[])?;
        return Ok(noted.with((token, secret)));
    };
    if !token.is_live(now) {
        return Err(Error::Conflict(format!(
            "The token “{}” is no longer accepted. Create another.",
            token.label
        )));
    }
    let secret = token.opened(tx.keys)?;
    let noted = tx.note(Action::TokenRevealed, token.subject(), &[])?;
    Ok(noted.with((token, secret)))
}

/// The newest live token in the clear, for the program's own use: nobody is shown it.
pub fn newest(conn: &mut Conn, keys: &Keyring, now: NaiveDateTime) -> Result<Secret> {
    let newest = list(conn)?.into_iter().find(|token| token.is_live(now));
    let none = "There is no live API token. Press “Show user provisioning information” first.";
    newest.ok_or_else(|| Error::Conflict(none.to_owned()))?.opened(keys)
}

/// Refuses the token from now on, for good.
pub fn revoke(tx: &mut Tx, id: &str) -> Result<Noted<Token>> {
    let token = find(tx.conn, id)?;
    if token.revoked_at.is_none() {
        diesel::update(api_tokens::table.find(id)).set(api_tokens::revoked_at.eq(tx.now)).execute(tx.conn)?;
        let noted = tx.note(Action::TokenRevoked, token.subject(), &[])?;
        return Ok(noted.with(find(tx.conn, id)?));
    }
    Ok(Noted::unaudited(token, "it was revoked already"))
}

/// The token that was presented, or why it isn't accepted.
pub fn admit(
    conn: &mut Conn,
    keys: &Keyring,
    presented: &str,
    now: NaiveDateTime,
) -> Result<std::result::Result<Token, TokenRefusal>> {
    let mine = api_tokens::table.filter(api_tokens::digest.eq(keys.digest(DIGEST, presented)));
    let token: Option<Token> = mine.select(Token::as_select()).first(conn).optional()?;
    // The look-up by a keyed digest tells an attacker nothing; the comparison below is in constant time.
    let known = token.filter(|token| keys.recognises(DIGEST, presented, token.digest.expose()));
    Ok(match known {
        None => Err(TokenRefusal::Unknown),
        Some(token) if token.revoked_at.is_some() => Err(TokenRefusal::Revoked),
        Some(token) if !token.is_live(now) => Err(TokenRefusal::Expired),
        Some(token) => Ok(token),
    })
}

/// Whether a token that was admitted a moment ago still would be.
pub(super) fn still_good(
    conn: &mut Conn,
    id: &str,
    now: NaiveDateTime,
) -> Result<std::result::Result<(), TokenRefusal>> {
    let ends = api_tokens::table.find(id).select((api_tokens::revoked_at, api_tokens::expires_at));
    let ends: Option<(Option<NaiveDateTime>, Option<NaiveDateTime>)> = ends.first(conn).optional()?;
    Ok(match ends {
        None => Err(TokenRefusal::Unknown),
        Some((Some(_), _)) => Err(TokenRefusal::Revoked),
        Some((None, Some(end))) if end <= now => Err(TokenRefusal::Expired),
        Some((None, _)) => Ok(()),
    })
}

/// Writes down that the token was used.
pub(in crate::domain) fn used(tx: &mut Tx, id: &str) -> Result<()> {
    diesel::update(api_tokens::table.find(id)).set(api_tokens::last_used_at.eq(tx.now)).execute(tx.conn)?;
    Ok(())
}
