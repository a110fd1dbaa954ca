//! What we asked Entra ID. Each request is answered once, in time, and in the browser that asked.

use crate::db::Conn;
use crate::db::schema::{saml_assertions_seen, saml_requests};
use crate::domain::Tx;
use crate::domain::text_enum::text_enum;
use crate::error::Result;
use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use uuid::Uuid;

/// Long enough to register a second factor on the way.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);

text_enum! {
    /// What a request is for.
    pub enum Purpose {
        /// To come in.
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
    pub started_by: Option<String>,
    /// When it was sent, in UTC.
    pub created_at: NaiveDateTime,
    /// Until when an answer is taken, in UTC.
    pub expires_at: NaiveDateTime,
    /// When it was answered, in UTC.
    pub answered_at: Option<NaiveDateTime>,
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

/// Notes that a request is sent; forgets those whose time is long over.
pub fn begin(
    tx: &mut Tx,
    purpose: Purpose,
    browser: &str,
    return_to: &str,
    started_by: Option<&str>,
) -> Result<Request> {
    let request = Request {
        // An identifier must not begin with a digit (XML Schema's NCName).
        id: format!("_{}", Uuid::new_v4().simple()),
        purpose,
        browser: tx.keys.digest(BROWSER, browser),
        return_to: return_to.to_owned(),
        started_by: started_by.map(str::to_owned),
        created_at: tx.now,
        expires_at: tx.now + LIFETIME,
        answered_at: None,
    };
    diesel::insert_into(saml_requests::table).values(&request).execute(tx.conn)?;
    Ok(request)
}

const BROWSER: &str = "browser of a SAML request";

/// The request that an answer names, if it fits and asked for one of these things. It can be answered no second time.
pub fn answer(
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
        .set(saml_requests::answered_at.eq(Some(tx.now)))
        .execute(tx.conn)?;
    Ok(Ok(request))
}

/// Whether this browser tests: it has sent a request for that, which may still be answered.
pub fn is_testing(conn: &mut Conn, ring: &Keyring, browser: &str, now: NaiveDateTime) -> Result<bool> {
    let open = saml_requests::table
        .filter(saml_requests::browser.eq(ring.digest(BROWSER, browser)))
        .filter(saml_requests::purpose.eq(Purpose::Test))
        .filter(saml_requests::answered_at.is_null())
        .filter(saml_requests::expires_at.gt(now));
    Ok(open.count().get_result::<i64>(conn)? > 0)
}

/// The request with this identifier.
pub fn find(conn: &mut Conn, id: &str) -> Result<Option<Request>> {
    Ok(saml_requests::table.find(id).select(Request::as_select()).first(conn).optional()?)
}

/// Remembers an assertion; tells whether it is seen for the first time.
pub fn see(tx: &mut Tx, issuer: &str, assertion: &str, expires: NaiveDateTime) -> Result<bool> {
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
pub fn see_sign_out(tx: &mut Tx, id: &str, expires: NaiveDateTime) -> Result<bool> {
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
pub fn tidy(tx: &mut Tx) -> Result<()> {
    let over = saml_requests::expires_at.le(tx.now - LIFETIME);
    diesel::delete(saml_requests::table.filter(over)).execute(tx.conn)?;
    let over = saml_assertions_seen::expires_at.le(tx.now);
    diesel::delete(saml_assertions_seen::table.filter(over)).execute(tx.conn)?;
    Ok(())
}
