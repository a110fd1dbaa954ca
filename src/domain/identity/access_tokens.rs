//! Access tokens (RFC 6749 section 1.4): opaque, good for an hour, kept as a keyed digest, refused at once when what
//! they were got with is.

use super::tokens::TokenRefusal;
use crate::db::Conn;
use crate::db::schema::oauth_access_tokens as tokens;
use crate::domain::{Tx, new_id};
use crate::error::Result;
use crate::keys::{ClientId, ClientSecretId};
use crate::seal::{self, Keyring};
use crate::secret::Secret;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Tells scanners of leaked secrets what it is.
pub(super) const PREFIX: &str = "rollcall_at_";
const DIGEST: &str = "oauth access token digest";
/// How long an access token is good.
pub const GOOD_FOR: TimeDelta = TimeDelta::hours(1);
/// An expired one is kept a little longer, so that the log can say that it has expired.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(24);
/// So many of one holder are kept; the oldest go first.
const MOST_KEPT: i64 = 1000;
/// The holder of what workload identity federation gets.
pub const FEDERATION: &str = "Workload identity federation";

/// An access token, without its secret.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
pub struct AccessToken {
    /// Its key.
    pub id: String,
    digest: Secret,
    /// The client that got it; none where federation did.
    pub client_id: Option<ClientId>,
    secret_id: Option<ClientSecretId>,
    /// Whose it is, in words.
    pub label: String,
    /// When it was issued, in UTC.
    pub created_at: NaiveDateTime,
    /// When it stops being accepted.
    pub expires_at: NaiveDateTime,
    revoked_at: Option<NaiveDateTime>,
    /// When it was last accepted, to the minute.
    pub last_used_at: Option<NaiveDateTime>,
}

/// An access token on its way to whoever asked for it.
pub struct Issued {
    /// Whose it is, by key.
    pub holder: String,
    /// Whose it is, in words.
    pub label: String,
    /// The token itself.
    pub token: Secret,
}

/// Issues an access token to a client that proved itself with a secret (their keys), or else to federation.
pub(super) fn issue(
    tx: &mut Tx,
    holder: Option<(&ClientId, &ClientSecretId)>,
    label: &str,
) -> Result<Issued> {
    let now = tx.now;
    prune(tx, holder.map(|(client, _)| client))?;
    let token = Secret::new(format!("{PREFIX}{}", seal::secret()));
    let row = AccessToken {
        id: new_id(),
        digest: Secret::new(tx.keys.digest(DIGEST, token.expose())),
        client_id: holder.map(|(client, _)| client.clone()),
        secret_id: holder.map(|(_, secret)| secret.clone()),
        label: label.to_owned(),
        created_at: now,
        expires_at: now + GOOD_FOR,
        revoked_at: None,
        last_used_at: None,
    };
    diesel::insert_into(tokens::table).values(&row).execute(tx.conn)?;
    Ok(Issued { holder: row.holder().to_owned(), label: row.label, token })
}

/// Forgets what expired long ago, and the oldest where there are too many.
fn prune(tx: &mut Tx, client: Option<&ClientId>) -> Result<()> {
    diesel::delete(tokens::table.filter(tokens::expires_at.lt(tx.now - FORGET_AFTER))).execute(tx.conn)?;
    let mut mine = tokens::table.select(tokens::id).into_boxed();
    mine = match client {
        Some(client) => mine.filter(tokens::client_id.eq(client)),
        None => mine.filter(tokens::client_id.is_null()),
    };
    let surplus: Vec<String> =
        mine.order(tokens::id.desc()).offset(MOST_KEPT - 1).limit(MOST_KEPT).load(tx.conn)?;
    diesel::delete(tokens::table.filter(tokens::id.eq_any(surplus))).execute(tx.conn)?;
    Ok(())
}

impl AccessToken {
    /// The key of whose it is.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.client_id.as_ref().map_or("federation", ClientId::as_str)
    }
}

/// The token that was presented, or why it isn't accepted.
pub(super) fn admit(
    conn: &mut Conn,
    keys: &Keyring,
    presented: &str,
    now: NaiveDateTime,
) -> Result<std::result::Result<AccessToken, TokenRefusal>> {
    let mine = tokens::table.filter(tokens::digest.eq(keys.digest(DIGEST, presented)));
    let token: Option<AccessToken> = mine.select(AccessToken::as_select()).first(conn).optional()?;
    // The look-up by a keyed digest tells an attacker nothing; the comparison below is in constant time.
    let known = token.filter(|token| keys.recognises(DIGEST, presented, token.digest.expose()));
    Ok(match known {
        None => Err(TokenRefusal::Unknown),
        Some(token) if token.revoked_at.is_some() => Err(TokenRefusal::Revoked),
        Some(token) if token.expires_at <= now => Err(TokenRefusal::Expired),
        Some(token) => Ok(token),
    })
}

/// Whether a token that was admitted a moment ago still would be.
pub(super) fn still_good(
    conn: &mut Conn,
    id: &str,
    now: NaiveDateTime,
) -> Result<std::result::Result<(), TokenRefusal>> {
    let ends = tokens::table.find(id).select((tokens::revoked_at, tokens::expires_at));
    let ends: Option<(Option<NaiveDateTime>, NaiveDateTime)> = ends.first(conn).optional()?;
    Ok(match ends {
        None => Err(TokenRefusal::Unknown),
        Some((Some(_), _)) => Err(TokenRefusal::Revoked),
        Some((None, end)) if end <= now => Err(TokenRefusal::Expired),
        Some((None, _)) => Ok(()),
    })
}

/// Writes down that the token was used.
pub(super) fn used(tx: &mut Tx, id: &str) -> Result<()> {
    diesel::update(tokens::table.find(id)).set(tokens::last_used_at.eq(tx.now)).execute(tx.conn)?;
    Ok(())
}

pub(super) fn revoke_of_client(tx: &mut Tx, client: &ClientId) -> Result<()> {
    let live = tokens::table.filter(tokens::client_id.eq(client)).filter(tokens::revoked_at.is_null());
    diesel::update(live).set(tokens::revoked_at.eq(tx.now)).execute(tx.conn)?;
    Ok(())
}

pub(super) fn revoke_of_secret(tx: &mut Tx, secret: &ClientSecretId) -> Result<()> {
    let live = tokens::table.filter(tokens::secret_id.eq(secret)).filter(tokens::revoked_at.is_null());
    diesel::update(live).set(tokens::revoked_at.eq(tx.now)).execute(tx.conn)?;
    Ok(())
}

pub(super) fn revoke_of_federation(tx: &mut Tx) -> Result<()> {
    let live = tokens::table.filter(tokens::client_id.is_null()).filter(tokens::revoked_at.is_null());
    diesel::update(live).set(tokens::revoked_at.eq(tx.now)).execute(tx.conn)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::Actor;
    use crate::domain::testing::{TestOrg, test_org};
    use diesel::dsl::count_star;

    fn issued(test: &TestOrg, count: i64) -> Vec<String> {
        let many = move |tx: &mut Tx| {
            (0..count)
                .map(|_| issue(tx, None, FEDERATION).map(|issued| issued.token.expose().to_owned()))
                .collect::<Result<Vec<_>>>()
        };
        test.write(&Actor::Entra, many).unwrap()
    }

    fn kept(test: &TestOrg) -> i64 {
        test.org.read(|conn| Ok(tokens::table.select(count_star()).first(conn)?)).unwrap()
    }

    fn refusal(test: &TestOrg, token: &str) -> Option<TokenRefusal> {
        test.org.read(|conn| admit(conn, test.org.keys(), token, test.org.now())).unwrap().err()
    }

    #[test]
    fn a_holder_keeps_a_thousand_tokens_and_the_oldest_go_first() {
        let test = test_org();
        let first = issued(&test, MOST_KEPT);
        assert_eq!(kept(&test), MOST_KEPT);
        let more = issued(&test, 2);
        assert_eq!(kept(&test), MOST_KEPT);
        let [oldest, second, third] = [0, 1, 2].map(|nth| refusal(&test, &first[nth]));
        assert_eq!((oldest, second, third), (Some(TokenRefusal::Unknown), Some(TokenRefusal::Unknown), None));
        assert_eq!(refusal(&test, &more[1]), None);
    }

    #[test]
    fn an_expired_token_is_told_from_an_unknown_one_for_a_day_and_then_forgotten() {
        let test = test_org();
        let old = issued(&test, 1).remove(0);
        test.clock.advance(GOOD_FOR + FORGET_AFTER - TimeDelta::minutes(1));
        issued(&test, 1);
        assert_eq!((refusal(&test, &old), kept(&test)), (Some(TokenRefusal::Expired), 2));
        test.clock.advance(TimeDelta::minutes(2));
        issued(&test, 1);
        assert_eq!((refusal(&test, &old), kept(&test)), (Some(TokenRefusal::Unknown), 2));
    }
}
