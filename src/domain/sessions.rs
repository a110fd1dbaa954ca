//! Sign-in sessions, kept here so that they can be ended from the server and survive a restart.

use super::text_enum::text_enum;
use super::{Noted, Role, Tx};
use crate::db::Conn;
use crate::db::schema::{sessions, users};
use crate::error::Result;
use crate::keys::UserId;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

mod endings;

pub(in crate::domain) use endings::end_some;
pub use endings::{Ending, end_those, is_ending};

/// How often the time of the last request is stored at the most: a page view must not cost a disk sync.
const TOUCH_AFTER: TimeDelta = TimeDelta::minutes(1);

/// How long a session is reserved for somebody who has proved themselves: until the answer to their request is made.
const RESERVED_FOR: TimeDelta = TimeDelta::minutes(1);

/// So many sessions that are over are forgotten whenever one begins: somebody waits to sign in.
const FORGOTTEN_AT_ONCE: i64 = 100;

/// How long a session lives.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Without a request.
    pub idle: TimeDelta,
    /// At all.
    pub absolute: TimeDelta,
}

text_enum! {
    /// How somebody came in.
    pub enum Method {
        /// By password.
        Password = "password",
        /// Through Entra ID.
        Sso = "sso",
    }
}

/// Whose a session is, and how they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who is signed in.
    pub user: Option<UserId>,
    /// How they came in.
    pub method: Method,
    /// What the identity provider calls them.
    pub name_id: Option<String>,
    /// What the identity provider calls its own session.
    pub session_index: Option<String>,
    /// What a sign-in through the identity provider rests on.
    pub came_by: Option<CameBy>,
}

/// A session that somebody may begin, who was found in the same transaction to be who they say and to be let in.
///
/// It stands among the sessions, with all that they are known by. So whatever ends sessions ends it as well, and nobody
/// begins one on grounds that were taken away before the first page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved(String);

/// What a sign-in through the identity provider rests on: the session ends with it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a sign-in")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBy {
    /// The fingerprints of the certificates that signed.
    pub certificates: Vec<String>,
    /// Whether it took settings that wait for an owner.
    pub waiting: bool,
    /// Whether it took a signature by SHA-1.
    #[serde(default)]
    pub sha1: bool,
    /// Whether nobody here had asked for it: it began at Entra ID.
    #[serde(default)]
    pub unsolicited: bool,
    /// Whether the account had no role then: such a session is never one of an account with a role.
    pub plain: bool,
}

/// Stands among the fingerprints where a session came by settings that wait for an owner.
const WAITING: &str = "waiting";
/// And this, where a signature by SHA-1 was taken.
const SHA1: &str = "sha1";
/// And this, where it began at Entra ID.
const UNSOLICITED: &str = "unsolicited";

impl CameBy {
    fn words(&self) -> String {
        let marks = [(self.waiting, WAITING), (self.sha1, SHA1), (self.unsolicited, UNSOLICITED)];
        let marks = marks.into_iter().filter_map(|(is_so, word)| is_so.then_some(word));
        let certificates = self.certificates.iter().map(String::as_str);
        marks.chain(certificates).collect::<Vec<_>>().join(" ")
    }
}

/// A session as it is stored; its id is a digest of the key in the browser's cookie.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// The digest.
    pub id: String,
    /// Who is signed in.
    pub user_id: Option<UserId>,
    /// What the interface keeps in it.
    pub state: String,
    /// When it began, in UTC.
    pub created_at: NaiveDateTime,
    /// The last request, to the minute, in UTC.
    pub last_seen_at: NaiveDateTime,
    /// How they came in.
    pub method: Method,
    saml_name_key: Option<String>,
    saml_session_index: Option<String>,
    came_by: Option<String>,
    /// Until when it is reserved, of one that has not begun.
    reserved_until: Option<NaiveDateTime>,
}

impl Session {
    /// Whether a request at `now` should be stored as the last one.
    #[must_use]
    pub fn is_stale(&self, now: NaiveDateTime) -> bool {
        now - self.last_seen_at >= TOUCH_AFTER
    }
}

/// The session with this id, unless a limit has ended it, or it is about to end.
pub fn find(conn: &mut Conn, id: &str, now: NaiveDateTime, limits: Limits) -> Result<Option<Session>> {
    let living = sessions::table
        .find(id)
        .filter(sessions::reserved_until.is_null())
        .filter(sessions::last_seen_at.gt(now - limits.idle))
        .filter(sessions::created_at.gt(now - limits.absolute));
    let found: Option<Session> = living.select(Session::as_select()).first(conn).optional()?;
    match found {
        Some(session) if is_ending(conn, &session.id)? => Ok(None),
        found => Ok(found),
    }
}

/// Reserves a session for whoever has just been let in.
pub fn reserve(tx: &mut Tx, holder: Holder) -> Result<Noted<Reserved>> {
    let reserved = Reserved(super::new_id());
    let until = tx.now + RESERVED_FOR;
    reserve_as(tx, &reserved.0, holder, until)?;
    Ok(Noted::unaudited(reserved, "the sign-in has an entry"))
}

/// As [`reserve`], under this id and until this moment.
pub(super) fn reserve_as(tx: &mut Tx, id: &str, holder: Holder, until: NaiveDateTime) -> Result<()> {
    let over = sessions::reserved_until.le(tx.now).assume_not_null();
    let over = sessions::table.filter(sessions::reserved_until.is_not_null()).filter(over);
    let some: Vec<String> = over.limit(FORGOTTEN_AT_ONCE).select(sessions::id).load(tx.conn)?;
    diesel::delete(sessions::table.filter(sessions::id.eq_any(some))).execute(tx.conn)?;
    let session = holder.session(id, "{}".to_owned(), tx.now, Some(until));
    diesel::insert_into(sessions::table).values(&session).execute(tx.conn)?;
    Ok(())
}

/// Whether it can still begin.
pub fn is_reserved(conn: &mut Conn, reserved: &Reserved) -> Result<bool> {
    let mine = sessions::table.find(&reserved.0).filter(sessions::reserved_until.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(mine)).get_result(conn)?)
}

/// Begins a session and forgets some of those that a limit has ended. Where the one that was reserved has ended while its request
/// was under way, it is a session of nobody.
pub fn begin(
    tx: &mut Tx,
    id: &str,
    reserved: Option<&Reserved>,
    holder: Holder,
    state: String,
    limits: Limits,
) -> Result<Noted<()>> {
    let ended = sessions::table.filter(sessions::last_seen_at.le(tx.now - limits.idle));
    let some: Vec<String> = ended.limit(FORGOTTEN_AT_ONCE).select(sessions::id).load(tx.conn)?;
    diesel::delete(sessions::table.filter(sessions::id.eq_any(some))).execute(tx.conn)?;
    let stands = match &holder.user {
        Some(user) => take(tx, reserved, user)?,
        None => true,
    };
    let (holder, state) = if stands { (holder, state) } else { (Holder::nobody(), "{}".to_owned()) };
    let session = holder.session(id, state, tx.now, None);
    diesel::insert_into(sessions::table).values(&session).execute(tx.conn)?;
    Ok(Noted::unaudited((), "the sign-in has an entry"))
}

/// Takes what was reserved for this user; tells whether it was there.
fn take(tx: &mut Tx, reserved: Option<&Reserved>, user: &UserId) -> Result<bool> {
    let Some(Reserved(id)) = reserved else { return Ok(false) };
    let mine = sessions::table.find(id).filter(sessions::user_id.eq(user));
    let living = mine.filter(sessions::reserved_until.gt(tx.now));
    Ok(diesel::delete(living).execute(tx.conn)? > 0)
}

impl Holder {
    /// Somebody who came in by password.
    #[must_use]
    pub fn by_password(user: &UserId) -> Self {
        Self { user: Some(user.clone()), ..Self::nobody() }
    }

    fn nobody() -> Self {
        Self { user: None, method: Method::Password, name_id: None, session_index: None, came_by: None }
    }

    fn session(
        self,
        id: &str,
        state: String,
        now: NaiveDateTime,
        reserved_until: Option<NaiveDateTime>,
    ) -> Session {
        Session {
            id: id.to_owned(),
            user_id: self.user,
            state,
            created_at: now,
            last_seen_at: now,
            method: self.method,
            saml_name_key: self.name_id.as_deref().map(name_key),
            saml_session_index: self.session_index,
            came_by: self.came_by.as_ref().map(CameBy::words),
            reserved_until,
        }
    }
}

/// Keeps what changed; tells whether the session was still there.
pub fn update(tx: &mut Tx, id: &str, holder: Holder, state: &str) -> Result<Noted<bool>> {
    let kept = diesel::update(sessions::table.find(id))
        .set((
            sessions::user_id.eq(holder.user),
            sessions::method.eq(holder.method),
            sessions::saml_name_key.eq(holder.name_id.as_deref().map(name_key)),
            sessions::saml_session_index.eq(holder.session_index),
            sessions::came_by.eq(holder.came_by.as_ref().map(CameBy::words)),
            sessions::state.eq(state),
            sessions::last_seen_at.eq(tx.now),
        ))
        .execute(tx.conn)?;
    Ok(Noted::unaudited(kept > 0, "what pages remember of a session is no change of the organisation"))
}

/// The form in which the identity provider's names are compared: the case of ASCII letters does not tell them apart.
#[must_use]
pub fn name_key(name_id: &str) -> String {
    name_id.to_ascii_lowercase()
}

/// Ends those that the identity provider names: all of a person's, or those with one of these indexes; of accounts that
/// have a greater role than `up_to` none.
pub(in crate::domain) fn end_foreign(
    tx: &mut Tx,
    name_id: &str,
    indexes: &[String],
    up_to: Role,
) -> Result<Vec<Option<UserId>>> {
    let mut theirs = sessions::table
        .filter(sessions::saml_name_key.eq(name_key(name_id)))
        .select((sessions::id, sessions::user_id, sessions::saml_session_index))
        .load::<(String, Option<UserId>, Option<String>)>(tx.conn)?;
    if !indexes.is_empty() {
        theirs.retain(|(_, _, index)| index.as_ref().is_some_and(|index| indexes.contains(index)));
    }
    if up_to < Role::Owner {
        let holders: Vec<&UserId> = theirs.iter().filter_map(|(_, user, _)| user.as_ref()).collect();
        let roles = users::table.filter(users::id.eq_any(holders)).select((users::id, users::role));
        let roles: HashMap<UserId, Role> = roles.load::<(UserId, Role)>(tx.conn)?.into_iter().collect();
        let may_end = |user: &UserId| roles.get(user).is_some_and(|role| *role <= up_to);
        theirs.retain(|(_, user, _)| user.as_ref().is_some_and(may_end));
    }
    let ids: Vec<&String> = theirs.iter().map(|(id, ..)| id).collect();
    diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(tx.conn)?;
    Ok(theirs.into_iter().map(|(_, user, _)| user).collect())
}

/// Ends all of them, whoever has them; answers how many.
pub(in crate::domain) fn end_all(tx: &mut Tx) -> Result<usize> {
    Ok(diesel::delete(sessions::table).execute(tx.conn)?)
}

/// Ends those that came through the identity provider into this account.
pub(in crate::domain) fn end_from_sso(tx: &mut Tx, user: &UserId) -> Result<()> {
    let theirs = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::method.eq(Method::Sso));
    diesel::delete(theirs).execute(tx.conn)?;
    Ok(())
}

/// Ends the sign-ins through the identity provider into this account that are held or under way, and no session that has
/// begun.
pub(in crate::domain) fn end_reserved_from_sso(tx: &mut Tx, user: &UserId) -> Result<()> {
    let theirs = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::method.eq(Method::Sso));
    diesel::delete(theirs.filter(sessions::reserved_until.is_not_null())).execute(tx.conn)?;
    Ok(())
}

/// Stores the time of a request.
pub fn touch(tx: &mut Tx, id: &str) -> Result<Noted<()>> {
    diesel::update(sessions::table.find(id)).set(sessions::last_seen_at.eq(tx.now)).execute(tx.conn)?;
    Ok(Noted::unaudited((), "that a session was used is no change of the organisation"))
}

/// Ends the session.
pub fn end(tx: &mut Tx, id: &str) -> Result<Noted<()>> {
    diesel::delete(sessions::table.find(id)).execute(tx.conn)?;
    Ok(Noted::unaudited((), "who signs out has an entry, and a session that is replaced goes on"))
}
