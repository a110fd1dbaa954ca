//! What we asked Entra ID. Each request is answered once, in time, and in the browser that asked.

use crate::db::Conn;
use crate::db::schema::{saml_assertions_seen, saml_requests};
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Tx};
use crate::error::Result;
use crate::keys::UserId;
use crate::network;
use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Long enough to register a second factor on the way.
pub(super) const LIFETIME: TimeDelta = TimeDelta::minutes(30);
/// How many requests of people who are not signed in may be open: of one subscriber, behind whose address a whole company
/// may be, and altogether. Anybody can ask to be sent to the identity provider, and each request is a line in the store.
/// The addresses of a network are counted apart, so that none of them pushes another's sign-in out.
pub const MOST_OF_A_NETWORK: i64 = 2_000;
/// How many may be open altogether.
pub const MOST_OPEN: i64 = 10_000;

text_enum! {
    /// What a request is for.
    pub enum Purpose {
        /// To sign in.
        SignIn = "sign_in",
        /// To prove who sits there, for somebody who is signed in.
        Proof = "proof",
        /// To see whether coming in would work.
        Test = "test",
        /// To go, at Entra ID too.
        SignOut = "sign_out",
    }
}

/// A request as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = saml_requests)]
pub struct Request {
    /// The identifier that the answer names.
    pub id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// A digest of the secret in the browser that asked.
    pub browser: String,
    /// The page to go to afterwards.
    pub return_to: String,
    /// Who tests, or is to prove who they are.
    pub started_by: Option<UserId>,
    /// When it was sent, in UTC.
    pub created_at: NaiveDateTime,
    /// Until when an answer is taken, in UTC.
    pub expires_at: NaiveDateTime,
    /// When it was answered, in UTC.
    pub answered_at: Option<NaiveDateTime>,
    /// The subscriber's address from which it was asked for, while it is open, by somebody who was not signed in; else empty.
    network: String,
}

/// Why an answer does not fit a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// There is no such request, or it is long over.
    Unknown,
    /// It was answered before.
    Answered,
    /// The time is over.
    Late,
    /// Another browser asked.
    OtherBrowser,
    /// It asked for something else than a sign-in, or a sign-out.
    OtherPurpose,
}

/// Who is sent to the identity provider.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// Somebody who is signed in.
    Person(&'a UserId),
    /// Anybody, at this address.
    Stranger(&'a str),
    /// Somebody who has just signed out.
    Leaver,
}

/// Notes that a request with this identifier is sent. Of strangers' requests only so many are kept: the oldest of their own address go.
pub fn begin(
    tx: &mut Tx,
    id: String,
    purpose: Purpose,
    browser: &str,
    return_to: &str,
    asker: Asker,
) -> Result<Noted<Request>> {
    let (started_by, network) = match asker {
        Asker::Person(id) => (Some(id), String::new()),
        Asker::Stranger(address) => (None, network::subscriber(address)),
        Asker::Leaver => (None, String::new()),
    };
    let request = Request {
        id,
        purpose,
        browser: tx.keys.digest(BROWSER, browser),
        return_to: return_to.to_owned(),
        started_by: started_by.cloned(),
        created_at: tx.now,
        expires_at: tx.now + LIFETIME,
        answered_at: None,
        network,
    };
    diesel::insert_into(saml_requests::table).values(&request).execute(tx.conn)?;
    if !request.network.is_empty() {
        keep_newest(tx, &request.network, MOST_OF_A_NETWORK)?;
        make_room(tx, MOST_OPEN)?;
    }
    Ok(Noted::unaudited(
        request,
        "that somebody was sent to Entra ID is no change: what comes of it is in the sign-in log",
    ))
}

/// Forgets the oldest open requests of an address.
fn keep_newest(tx: &mut Tx, network: &str, most: i64) -> Result<()> {
    let oldest: Vec<String> = saml_requests::table
        .filter(saml_requests::network.eq(network))
        .order(saml_requests::created_at.desc())
        .offset(most)
        .limit(i64::MAX)
        .select(saml_requests::id)
        .load(tx.conn)?;
    if !oldest.is_empty() {
        diesel::delete(saml_requests::table.filter(saml_requests::id.eq_any(oldest))).execute(tx.conn)?;
    }
    Ok(())
}

/// Where too many requests are open altogether, the address with most of them loses its oldest.
fn make_room(tx: &mut Tx, most: i64) -> Result<()> {
    let open = saml_requests::table.filter(saml_requests::network.gt(""));
    if open.count().get_result::<i64>(tx.conn)? <= most {
        return Ok(());
    }
    let count = diesel::dsl::count_star();
    let largest: Option<(String, i64)> = open
        .group_by(saml_requests::network)
        .order(count.desc())
        .select((saml_requests::network, count))
        .first(tx.conn)
        .optional()?;
    largest.map_or(Ok(()), |(network, count)| keep_newest(tx, &network, count - 1))
}

const BROWSER: &str = "browser of a SAML request";

/// The request that an answer names, if it fits and asked for one of these things. It can be answered no second time.
pub(in crate::domain) fn answer(
    tx: &mut Tx,
    id: &str,
    browser: Option<&str>,
    purposes: &[Purpose],
) -> Result<Result<Request, Mismatch>> {
    let Some(request) = find(tx.conn, id)? else { return Ok(Err(Mismatch::Unknown)) };
    if !purposes.contains(&request.purpose) {
        return Ok(Err(Mismatch::OtherPurpose));
    }
    if request.answered_at.is_some() {
        return Ok(Err(Mismatch::Answered));
    }
    if request.expires_at <= tx.now {
        return Ok(Err(Mismatch::Late));
    }
    if !browser.is_some_and(|browser| tx.keys.recognises(BROWSER, browser, &request.browser)) {
        return Ok(Err(Mismatch::OtherBrowser));
    }
    diesel::update(saml_requests::table.find(id))
        .set((saml_requests::answered_at.eq(Some(tx.now)), saml_requests::network.eq("")))
        .execute(tx.conn)?;
    Ok(Ok(request))
}

/// What this browser has asked for and may still be answered.
pub fn open_in(conn: &mut Conn, ring: &Keyring, browser: &str, now: NaiveDateTime) -> Result<Vec<Purpose>> {
    let open = saml_requests::table
        .filter(saml_requests::browser.eq(ring.digest(BROWSER, browser)))
        .filter(saml_requests::answered_at.is_null())
        .filter(saml_requests::expires_at.gt(now));
    Ok(open.select(saml_requests::purpose).distinct().load(conn)?)
}

/// The open test of this browser that an answer names, which nothing proves. It stays open.
pub(in crate::domain) fn open_test(tx: &mut Tx, id: &str, browser: Option<&str>) -> Result<Option<Request>> {
    let found = find(tx.conn, id)?.filter(|request| {
        let is_open = request.answered_at.is_none() && request.expires_at > tx.now;
        let is_here = browser.is_some_and(|browser| tx.keys.recognises(BROWSER, browser, &request.browser));
        request.purpose == Purpose::Test && is_open && is_here
    });
    Ok(found)
}

/// The request with this identifier.
pub fn find(conn: &mut Conn, id: &str) -> Result<Option<Request>> {
    Ok(saml_requests::table.find(id).select(Request::as_select()).first(conn).optional()?)
}

/// Stores an assertion's identifier, and says whether it is seen for the first time.
pub(in crate::domain) fn see(
    tx: &mut Tx,
    issuer: &str,
    assertion: &str,
    expires: NaiveDateTime,
) -> Result<bool> {
    let id = tx.keys.digest("SAML assertion", &format!("{issuer}\n{assertion}"));
    let known: i64 = saml_assertions_seen::table.find(&id).count().get_result(tx.conn)?;
    if known > 0 {
        return Ok(false);
    }
    let row = (saml_assertions_seen::id.eq(id), saml_assertions_seen::expires_at.eq(expires));
    diesel::insert_into(saml_assertions_seen::table).values(row).execute(tx.conn)?;
    Ok(true)
}

/// As [`see`], for a request to end sessions.
pub(in crate::domain) fn see_sign_out(tx: &mut Tx, id: &str, expires: NaiveDateTime) -> Result<bool> {
    see(tx, "sign-out", id, expires)
}

/// Whether there is something to forget.
pub fn is_untidy(conn: &mut Conn, now: NaiveDateTime) -> Result<bool> {
    let requests: i64 =
        saml_requests::table.filter(saml_requests::expires_at.le(now - LIFETIME)).count().get_result(conn)?;
    let seen: i64 = saml_assertions_seen::table
        .filter(saml_assertions_seen::expires_at.le(now))
        .count()
        .get_result(conn)?;
    Ok(requests + seen > 0)
}

/// Forgets what can no longer be answered or presented again.
pub fn tidy(tx: &mut Tx) -> Result<Noted<()>> {
    let over = saml_requests::expires_at.le(tx.now - LIFETIME);
    diesel::delete(saml_requests::table.filter(over)).execute(tx.conn)?;
    let over = saml_assertions_seen::expires_at.le(tx.now);
    diesel::delete(saml_assertions_seen::table.filter(over)).execute(tx.conn)?;
    Ok(Noted::unaudited((), "what is over is of no use to anybody"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::Actor;
    use crate::domain::testing::test_org;

    #[test]
    fn where_too_many_are_open_the_address_with_most_loses_its_oldest() {
        let test = test_org();
        let left = test.write(&Actor::Rollcall, |tx| {
            let mut ids = Vec::new();
            for address in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "203.0.113.1", "203.0.113.1"]
            {
                let id = crate::saml::request_id();
                ids.push(begin(tx, id, Purpose::SignIn, "", "/", Asker::Stranger(address))?.split().0.id);
            }
            make_room(tx, 5)?;
            make_room(tx, 5)?;
            // Once answered it is nobody's.
            answer(tx, &ids[5], Some(""), &[Purpose::SignIn])?.unwrap();
            make_room(tx, 4)?;
            ids.iter().map(|id| Ok(find(tx.conn, id)?.is_some())).collect::<Result<Vec<_>>>()
        });
        let left = left.unwrap();
        assert_eq!(left[..3].iter().filter(|there| **there).count(), 2);
        assert_eq!(left[3..], [true, true, true]);
    }
}
