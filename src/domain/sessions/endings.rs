//! Sessions that rest on something which is taken away: where they are very many, those of accounts without a role end
//! some at a time.

use super::{Method, SHA1, UNSOLICITED, WAITING};
use crate::db::schema::{sessions, users};
use crate::db::{Backend, Conn};
use crate::domain::tasks::{self, Kind, Slice, Step, Task};
use crate::domain::{Noted, Role, Tx, new_id};
use crate::error::{Error, Result};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// So many end at once.
const AT_ONCE: i64 = 1_000;
/// So many are ended by one statement of a slice.
const BITE: u32 = 100;

/// How many keys one statement names.
const CHUNK: usize = 500;
/// Why the end of such sessions has no entry.
const WHY: &str = "what took away the ground of the sessions has an entry";

/// Which sessions end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Those that came through the identity provider: all of them.
    FromSso,
    /// Those that came by the certificate of this fingerprint, and those of which nobody knows by which they came.
    ByCertificate(String),
    /// Those that came by settings that wait for an owner.
    FromWaitingSettings,
    /// Those that came by a signature by SHA-1.
    BySha1,
    /// Those that began at Entra ID.
    Unsolicited,
}

impl Ending {
    fn sessions(&self) -> sessions::BoxedQuery<'_, Backend> {
        let all = sessions::table.into_boxed();
        let from_sso = sessions::method.eq(Method::Sso);
        match self {
            Self::FromSso => all.filter(from_sso),
            Self::ByCertificate(fingerprint) => {
                let by_it = sessions::came_by.like(format!("%{fingerprint}%"));
                all.filter(from_sso).filter(sessions::came_by.is_null().or(by_it))
            }
            Self::FromWaitingSettings => all.filter(sessions::came_by.like(format!("{WAITING} %"))),
            Self::BySha1 => all.filter(sessions::came_by.like(format!("%{SHA1} %"))),
            Self::Unsolicited => all.filter(sessions::came_by.like(format!("%{UNSOLICITED} %"))),
        }
    }
}

/// Ends sessions. Of very many those end at once that are of an account with a role, and those that are reserved, so that
/// none begins on what was taken away; the others are a task.
pub fn end_those(tx: &mut Tx, which: &Ending) -> Result<Noted<()>> {
    let some: Vec<String> = which.sessions().limit(AT_ONCE + 1).select(sessions::id).load(tx.conn)?;
    if some.len() <= usize::try_from(AT_ONCE).map_err(Error::internal)? {
        delete(tx, &some)?;
        return Ok(Noted::unaudited((), WHY));
    }
    let with_role = users::table.filter(users::role.ne(Role::None)).select(users::id.nullable());
    let theirs = which.sessions().filter(sessions::user_id.eq_any(with_role)).select(sessions::id);
    let theirs: Vec<String> = theirs.load(tx.conn)?;
    delete(tx, &theirs)?;
    let reserved = which.sessions().filter(sessions::reserved_until.is_not_null()).select(sessions::id);
    let reserved: Vec<String> = reserved.load(tx.conn)?;
    delete(tx, &reserved)?;
    let left: i64 = which.sessions().count().get_result(tx.conn)?;
    tasks::begin_by_itself(tx, Kind::EndSessions, &format!("sessions {}", new_id()), which, left)?;
    Ok(Noted::unaudited((), WHY))
}

impl tasks::TaskInput for Ending {
    fn asks_the_same(&self, other: &Self) -> bool {
        self == other
    }
}

/// Whether this session is one of those that a task is ending. It counts as ended already: nothing is done from it, and
/// none is begun in its place.
pub fn is_ending(conn: &mut Conn, id: &str) -> Result<bool> {
    for task in tasks::running(conn)?.into_iter().filter(|task| task.kind == Kind::EndSessions) {
        let which: Ending = task.what()?;
        let mine = which.sessions().filter(sessions::created_at.le(task.started_at));
        let mine = mine.filter(sessions::id.eq(id)).select(sessions::id);
        if mine.first::<String>(conn).optional()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends some of those that had begun by then.
pub(in crate::domain) fn end_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let which: Ending = task.what()?;
    while slice.takes(BITE) {
        let older = which.sessions().filter(sessions::created_at.le(task.started_at));
        let some: Vec<String> = older.limit(BITE.into()).select(sessions::id).load(tx.conn)?;
        if some.is_empty() {
            return Ok(Noted::unaudited(Step::Done, WHY));
        }
        delete(tx, &some)?;
        task.done += i64::try_from(some.len()).map_err(Error::internal)?;
    }
    Ok(Noted::unaudited(Step::More, WHY))
}

fn delete(tx: &mut Tx, ids: &[String]) -> Result<()> {
    for some in ids.chunks(CHUNK) {
        diesel::delete(sessions::table.filter(sessions::id.eq_any(some))).execute(tx.conn)?;
    }
    Ok(())
}
