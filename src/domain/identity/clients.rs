//! OAuth 2.0 clients (RFC 6749 section 4.4): who may ask for access tokens, and the secrets that prove it.
//!
//! Several secrets of a client are good at once, so that one can be phased out; each ends after some years. A secret is
//! shown once and kept as a keyed digest only.

use super::access_tokens::{self, Issued};
use crate::db::Conn;
use crate::db::schema::{oauth_client_secrets as secrets, oauth_clients as clients};
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::{Noted, Tx, names};
use crate::error::{Error, Result};
use crate::keys::{ClientId, ClientSecretId};
use crate::seal::{self, Keyring};
use crate::secret::Secret;
use chrono::{Months, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use uuid::Uuid;

/// Tells scanners of leaked secrets what it is.
const PREFIX: &str = "rollcall_cs_";
const DIGEST: &str = "oauth client secret digest";
const LONGEST_LABEL: usize = 64;
const MOST_CLIENTS: usize = 20;
const MOST_SECRETS: usize = 10;
/// A secret that ended so long ago is forgotten when the next one is made.
const FORGET_AFTER: TimeDelta = TimeDelta::days(90);

/// Who may ask for access tokens.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = clients)]
pub struct Client {
    /// Its key.
    pub id: ClientId,
    /// What it is for.
    pub label: String,
    /// What it calls itself: the `client_id` of the protocol.
    pub identifier: String,
    /// Who made it.
    pub created_by: String,
    /// When, in UTC.
    pub created_at: NaiveDateTime,
    /// When it was removed.
    pub removed_at: Option<NaiveDateTime>,
    /// When it last got an access token.
    pub last_used_at: Option<NaiveDateTime>,
}

/// What a client proves itself with, without the secret itself.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = secrets)]
pub struct ClientSecret {
    /// Its key.
    pub id: ClientSecretId,
    client_id: ClientId,
    digest: Secret,
    /// Who made it.
    pub created_by: String,
    /// When, in UTC.
    pub created_at: NaiveDateTime,
    /// When it stops being accepted.
    pub expires_at: NaiveDateTime,
    /// When it was revoked.
    pub revoked_at: Option<NaiveDateTime>,
    /// When an access token was last got with it.
    pub last_used_at: Option<NaiveDateTime>,
}

/// Why a client was not believed: for the log, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientRefusal {
    /// There never was such a client.
    UnknownClient,
    /// It was removed.
    Removed,
    /// The secret is none of the client's.
    WrongSecret,
    /// The secret was revoked.
    Revoked,
    /// The secret has expired.
    Expired,
}

impl ClientRefusal {
    /// What was wrong, as a sentence.
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::UnknownClient => {
                "An access token was asked for with a client identifier that is not known here."
            }
            Self::Removed => "An access token was asked for by a client that was removed here.",
            Self::WrongSecret => "An access token was asked for with a wrong client secret.",
            Self::Revoked => "An access token was asked for with a client secret that was revoked.",
            Self::Expired => "An access token was asked for with a client secret that has expired.",
        }
    }

    /// How to mend it, as a sentence.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::UnknownClient | Self::Removed => {
                "Copy the client identifier from Identity Management into Entra ID again, or create a client there."
            }
            Self::WrongSecret | Self::Revoked | Self::Expired => {
                "Create another client secret under Identity Management and enter it in Entra ID."
            }
        }
    }
}

impl Client {
    fn subject(&self) -> Subject<'_> {
        Subject { kind: Kind::Client, id: self.id.as_str(), name: &self.label }
    }
}

impl ClientSecret {
    /// Whether it would be accepted at `now`.
    #[must_use]
    pub fn is_live(&self, now: NaiveDateTime) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

/// The clients that were not removed, oldest first, each with its secrets, newest first.
pub fn list(conn: &mut Conn) -> Result<Vec<(Client, Vec<ClientSecret>)>> {
    let mine = clients::table.filter(clients::removed_at.is_null()).order(clients::id);
    let mine: Vec<Client> = mine.select(Client::as_select()).load(conn)?;
    mine.into_iter().map(|client| secrets_of(conn, &client.id).map(|secrets| (client, secrets))).collect()
}

/// The client with this key, if it was not removed.
pub fn find(conn: &mut Conn, id: &ClientId) -> Result<Client> {
    let mine = clients::table.find(id).filter(clients::removed_at.is_null());
    let found = mine.select(Client::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("OAuth client"))
}

fn secrets_of(conn: &mut Conn, client: &ClientId) -> Result<Vec<ClientSecret>> {
    let mine = secrets::table.filter(secrets::client_id.eq(client)).order(secrets::id.desc());
    Ok(mine.select(ClientSecret::as_select()).load(conn)?)
}

/// How many clients will have no secret that is still good at `then`.
pub fn ending(conn: &mut Conn, then: NaiveDateTime) -> Result<i64> {
    let ends = |secrets: &[ClientSecret]| !secrets.iter().any(|secret| secret.is_live(then));
    let count = list(conn)?.iter().filter(|(_, secrets)| ends(secrets)).count();
    i64::try_from(count).map_err(Error::internal)
}

/// Makes a client with its first secret, which is answered, good for so many years.
pub fn create(tx: &mut Tx, label: &str, years: u32) -> Result<Noted<(Client, Secret)>> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LONGEST_LABEL {
        let message =
            format!("Enter a label of 1 to {LONGEST_LABEL} characters that says what the client is for.");
        return Err(Error::invalid("client_label", message));
    }
    names::seen("client_label", "label", label)?;
    let live = list(tx.conn)?;
    if live.iter().any(|(client, _)| client.label == label) {
        let message = format!("There is a client “{label}” already. Choose another label.");
        return Err(Error::taken("client_label", message));
    }
    if live.len() >= MOST_CLIENTS {
        let message = format!("There can be {MOST_CLIENTS} clients at most. Remove one first.");
        return Err(Error::Conflict(message));
    }
    let client = Client {
        id: ClientId::generate(),
        label: label.to_owned(),
        identifier: Uuid::new_v4().to_string(),
        created_by: tx.actor.name().to_owned(),
        created_at: tx.now,
        removed_at: None,
        last_used_at: None,
    };
    diesel::insert_into(clients::table).values(&client).execute(tx.conn)?;
    let identifier = Change::set("client identifier", client.identifier.clone());
    tx.note(Action::ClientCreated, client.subject(), &[identifier])?;
    add_secret(tx, &client.id, years)
}

/// Makes another secret of a client, to be good beside those that it has.
pub fn add_secret(tx: &mut Tx, id: &ClientId, years: u32) -> Result<Noted<(Client, Secret)>> {
    let (client, now) = (find(tx.conn, id)?, tx.now);
    let months = match years {
        1..=3 => Months::new(12 * years),
        _ => return Err(Error::invalid("years", "A client secret is good for 1, 2 or 3 years.")),
    };
    let forgotten = now - FORGET_AFTER;
    let ended = secrets::expires_at.lt(forgotten).or(secrets::revoked_at.lt(forgotten).assume_not_null());
    diesel::delete(secrets::table.filter(secrets::client_id.eq(id)).filter(ended)).execute(tx.conn)?;
    if secrets_of(tx.conn, id)?.iter().filter(|secret| secret.is_live(now)).count() >= MOST_SECRETS {
        let message = format!("A client can have {MOST_SECRETS} live secrets at most. Revoke one first.");
        return Err(Error::Conflict(message));
    }
    let plain = Secret::new(format!("{PREFIX}{}", seal::secret()));
    let secret = ClientSecret {
        id: ClientSecretId::generate(),
        client_id: client.id.clone(),
        digest: Secret::new(tx.keys.digest(DIGEST, plain.expose())),
        created_by: tx.actor.name().to_owned(),
        created_at: now,
        expires_at: now.checked_add_months(months).ok_or_else(|| Error::internal("the calendar ended"))?,
        revoked_at: None,
        last_used_at: None,
    };
    diesel::insert_into(secrets::table).values(&secret).execute(tx.conn)?;
    let expiry = Change::set("expiry", secret.expires_at.date().to_string());
    let noted = tx.note(Action::ClientSecretCreated, client.subject(), &[expiry])?;
    Ok(noted.with((client, plain)))
}

/// Refuses a secret from now on, for good, and the access tokens that were got with it.
pub fn revoke_secret(tx: &mut Tx, id: &ClientId, secret: &ClientSecretId) -> Result<Noted<Client>> {
    let client = find(tx.conn, id)?;
    let mine = secrets_of(tx.conn, id)?.into_iter().find(|mine| mine.id == *secret);
    let mine = mine.ok_or(Error::NotFound("client secret"))?;
    if mine.revoked_at.is_none() {
        let row = secrets::table.find(&mine.id);
        diesel::update(row).set(secrets::revoked_at.eq(tx.now)).execute(tx.conn)?;
        access_tokens::revoke_of_secret(tx, &mine.id)?;
        let made = Change::set("the one made on", mine.created_at.date().to_string());
        return Ok(tx.note(Action::ClientSecretRevoked, client.subject(), &[made])?.with(client));
    }
    Ok(Noted::unaudited(client, "nothing changed"))
}

/// Refuses a client, its secrets and its access tokens from now on, for good.
pub fn remove(tx: &mut Tx, id: &ClientId) -> Result<Noted<Client>> {
    let (client, now) = (find(tx.conn, id)?, tx.now);
    diesel::update(clients::table.find(id)).set(clients::removed_at.eq(now)).execute(tx.conn)?;
    let live = secrets::table.filter(secrets::client_id.eq(id)).filter(secrets::revoked_at.is_null());
    diesel::update(live).set(secrets::revoked_at.eq(now)).execute(tx.conn)?;
    access_tokens::revoke_of_client(tx, id)?;
    let noted = tx.note(Action::ClientRemoved, client.subject(), &[])?;
    Ok(noted.with(client))
}

/// The client and the secret that were presented, or why they aren't accepted.
///
/// The same steps are taken whatever is wrong: an unknown client takes as long as a wrong secret.
pub fn authenticate(
    conn: &mut Conn,
    keys: &Keyring,
    identifier: &str,
    secret: &Secret,
    now: NaiveDateTime,
) -> Result<std::result::Result<(Client, ClientSecret), ClientRefusal>> {
    let named = clients::table.filter(clients::identifier.eq(identifier));
    let client: Option<Client> = named.select(Client::as_select()).first(conn).optional()?;
    let matching = secrets::table.filter(secrets::digest.eq(keys.digest(DIGEST, secret.expose())));
    let known: Option<ClientSecret> = matching.select(ClientSecret::as_select()).first(conn).optional()?;
    let digest = known.as_ref().map_or("", |known| known.digest.expose());
    let is_right = keys.recognises(DIGEST, secret.expose(), digest);
    Ok(match (client, known) {
        (None, _) => Err(ClientRefusal::UnknownClient),
        (Some(client), _) if client.removed_at.is_some() => Err(ClientRefusal::Removed),
        (Some(client), Some(secret)) if is_right && secret.client_id == client.id => {
            match (secret.revoked_at, secret.is_live(now)) {
                (Some(_), _) => Err(ClientRefusal::Revoked),
                (None, false) => Err(ClientRefusal::Expired),
                (None, true) => Ok((client, secret)),
            }
        }
        (Some(_), _) => Err(ClientRefusal::WrongSecret),
    })
}

/// Issues an access token to a client that proved itself with this secret, if both are still good.
pub fn issue(tx: &mut Tx, client: &Client, secret: &ClientSecret) -> Result<Noted<Issued>> {
    let now = tx.now;
    if !secrets_of(tx.conn, &client.id)?.iter().any(|mine| mine.id == secret.id && mine.is_live(now)) {
        return Err(Error::Conflict("The client secret was revoked.".to_owned()));
    }
    diesel::update(clients::table.find(&client.id)).set(clients::last_used_at.eq(now)).execute(tx.conn)?;
    diesel::update(secrets::table.find(&secret.id)).set(secrets::last_used_at.eq(now)).execute(tx.conn)?;
    let issued = access_tokens::issue(tx, Some((&client.id, &secret.id)), &client.label)?;
    Ok(Noted::unaudited(issued, "the provisioning log tells of each token that is issued"))
}
