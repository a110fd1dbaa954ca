//! Accepting a proposal, all of them, and taking them back. The rename itself is the domain's own.

use super::{AccountStanding, AlignmentRow, Kind, State, find, proposals};
use crate::db::Conn;
use crate::db::schema::alignment_rows;
use crate::domain::tasks::{self, Kind as Work, Slice, Step, Task};
use crate::domain::users::{self, User, by_hand, recognition};
use crate::domain::{Noted, Tx, fold};
use crate::error::{Error, Result};
use crate::keys::UserId;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// So many rows are looked up at a time.
const BITE: i64 = 100;

/// Whose names are to change, as the task keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct RenameInput {
    /// The kinds of proposals that are accepted.
    kinds: Vec<String>,
    /// The keys of the accounts with a role of which something waited for an owner before.
    waited: Vec<UserId>,
    /// The names of those whose new name waits since.
    since: Vec<String>,
}

impl tasks::TaskInput for RenameInput {
    fn asks_the_same(&self, other: &Self) -> bool {
        let kinds = |order: &Self| order.kinds.iter().cloned().collect::<BTreeSet<_>>();
        kinds(self) == kinds(other)
    }
}

/// What came of many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many were done.
    pub done: usize,
    /// How many could no longer be done.
    pub stale: usize,
}

/// Gives the user of this row the name that Entra ID has. Refused, and noted, if the world changed since.
pub fn accept(tx: &mut Tx, id: &str, number: i32) -> Result<Noted<AlignmentRow>> {
    let row = row(tx, id, number)?;
    if !row.is_open_proposal() {
        return Err(Error::Conflict(
            "Nothing is proposed in this row, or it was decided already.".to_owned(),
        ));
    }
    let (state, note, noted) = match tx.nested(|tx| rename(tx, &row)) {
        Ok(noted) => (State::Accepted, None, noted),
        Err(cause @ (Error::Internal(_) | Error::Forbidden(_))) => return Err(cause),
        Err(refusal) => {
            let noted = Noted::unaudited((), "nobody was renamed: only the row says so");
            (State::Stale, Some(refusal.to_string()), noted)
        }
    };
    Ok(noted.with(store_outcome(tx, &row, state, note)?))
}

/// As [`accept`], for all proposals of these kinds, in one go.
pub fn accept_all(tx: &mut Tx, id: &str, kinds: &[Kind]) -> Result<Noted<Outcome>> {
    let total = super::count_proposals(tx.conn, id, kinds)?;
    let task = begin_accepting(tx, id, kinds, total)?;
    to_the_end(tx, &task)
}

/// Begins to accept all proposals of these kinds: so many as [`super::count_proposals`] says.
pub fn begin_accepting(tx: &mut Tx, id: &str, kinds: &[Kind], total: i64) -> Result<Noted<Task>> {
    find(tx.conn, id)?;
    let kinds = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let order = RenameInput { kinds, waited: waiting(tx.conn)?, since: Vec::new() };
    let task = tasks::begin(tx, Work::AcceptRenames, id, &order, total)?;
    Ok(Noted::unaudited(task, "each user who is renamed has an entry of their own"))
}

/// The names of the accounts with a role whose new name waits for an owner since.
pub fn waiting_since(task: &Task) -> Result<Vec<String>> {
    Ok(task.what::<RenameInput>()?.since)
}

/// The keys of the accounts with a role of which something waits for an owner.
fn waiting(conn: &mut Conn) -> Result<Vec<UserId>> {
    Ok(recognition::waiting(conn)?.into_iter().map(|user| user.id).collect())
}

/// Renames some of those whose turn it is, or gives them their old names back.
pub(in crate::domain) fn rename_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let (id, mut order) = (task.subject.clone(), task.what::<RenameInput>()?);
    let kinds: Vec<Kind> = order.kinds.iter().filter_map(|word| Kind::parse(word)).collect();
    let mut after: i32 = task.position()?.unwrap_or_default();
    loop {
        let some = if task.kind == Work::AcceptRenames {
            proposals(tx.conn, &id, &kinds, after, BITE)?.into_iter().map(|row| row.number).collect()
        } else {
            accepted(tx, &id, after)?
        };
        if some.is_empty() {
            let mut since = recognition::waiting(tx.conn)?;
            since.retain(|user| !order.waited.contains(&user.id));
            order.since = since.iter().map(User::name).collect();
            task.set_what(&order)?;
            return Ok(Noted::unaudited(Step::Done, "each user who is renamed has an entry of their own"));
        }
        for number in some {
            if !slice.goes_on() {
                task.go_on_from(&after)?;
                return Ok(Noted::unaudited(
                    Step::More,
                    "each user who is renamed has an entry of their own",
                ));
            }
            slice.begins(tasks::WorkItem::Compared(number));
            let is_done = if task.kind == Work::AcceptRenames {
                accept_one(tx, &id, number)?
            } else {
                undo_one(tx, &id, number)?
            };
            task.count(is_done);
            after = number;
        }
    }
}

fn accept_one(tx: &mut Tx, id: &str, number: i32) -> Result<bool> {
    match accept(tx, id, number) {
        Ok(row) => Ok(row.state == State::Accepted),
        // Accounts that only an owner may rename are left for one.
        Err(Error::Forbidden(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

fn undo_one(tx: &mut Tx, id: &str, number: i32) -> Result<bool> {
    match tx.nested(|tx| undo(tx, id, number)) {
        Ok(_) => Ok(true),
        Err(cause @ Error::Internal(_)) => Err(cause),
        Err(_) => Ok(false),
    }
}

/// What came of many.
pub fn outcome(task: &Task) -> Result<Outcome> {
    let count = |rows: i64| usize::try_from(rows).map_err(Error::internal);
    Ok(Outcome { done: count(task.done)?, stale: count(task.left_out)? })
}

fn to_the_end(tx: &mut Tx, task: &Task) -> Result<Noted<Outcome>> {
    let work = |tx: &mut Tx, task: &mut Task| rename_some(tx, task, &mut Slice::whole());
    let (task, noted) = tasks::advance(tx, &task.id, work)?.split();
    Ok(noted.with(outcome(&task)?))
}

/// Gives the user of this row the old name back, if they still have the one that they were given.
pub fn undo(tx: &mut Tx, id: &str, number: i32) -> Result<Noted<AlignmentRow>> {
    let row = row(tx, id, number)?;
    if row.state != State::Accepted {
        return Err(Error::Conflict("Nothing was renamed in this row, or it was undone already.".to_owned()));
    }
    let (now, before) =
        (row.entra_name.clone().unwrap_or_default(), row.user_name.clone().unwrap_or_default());
    let user = users::find(tx.conn, row.user_id.as_ref().ok_or(Error::NotFound("user"))?)?;
    if user.profile.user_name != now {
        let cause = format!("{} has another user name since. Nothing was changed.", user.name());
        return Err(Error::Conflict(cause));
    }
    let noted = give(tx, &user, &before)?;
    Ok(noted.with(store_outcome(tx, &row, State::Undone, None)?))
}

/// As [`undo`], for all that were accepted, in one go.
pub fn undo_all(tx: &mut Tx, id: &str) -> Result<Noted<Outcome>> {
    let total = count_accepted(tx.conn, id)?;
    let task = begin_undoing(tx, id, total)?;
    to_the_end(tx, &task)
}

/// How many were accepted.
pub fn count_accepted(conn: &mut Conn, id: &str) -> Result<i64> {
    let mine = alignment_rows::table
        .filter(alignment_rows::alignment_id.eq(id))
        .filter(alignment_rows::state.eq(State::Accepted));
    Ok(mine.count().get_result(conn)?)
}

/// Begins to take all back that were accepted: so many as [`count_accepted`] says.
pub fn begin_undoing(tx: &mut Tx, id: &str, total: i64) -> Result<Noted<Task>> {
    find(tx.conn, id)?;
    let order = RenameInput { kinds: Vec::new(), waited: waiting(tx.conn)?, since: Vec::new() };
    let task = tasks::begin(tx, Work::UndoRenames, id, &order, total)?;
    Ok(Noted::unaudited(task, "each user who is renamed has an entry of their own"))
}

fn accepted(tx: &mut Tx, id: &str, after: i32) -> Result<Vec<i32>> {
    let mut found: Vec<i32> = Vec::new();
    // Kind by kind, as the index has them.
    for kind in Kind::ALL.iter().filter(|kind| kind.proposes()) {
        let some = alignment_rows::table
            .filter(alignment_rows::alignment_id.eq(id))
            .filter(alignment_rows::kind.eq(*kind))
            .filter(alignment_rows::state.eq(State::Accepted))
            .filter(alignment_rows::standing.eq(AccountStanding::Free))
            .filter(alignment_rows::number.gt(after))
            .order(alignment_rows::number)
            .limit(BITE);
        found.extend(some.select(alignment_rows::number).load::<i32>(tx.conn)?);
    }
    found.sort_unstable();
    found.truncate(usize::try_from(BITE).map_err(Error::internal)?);
    Ok(found)
}

fn rename(tx: &mut Tx, row: &AlignmentRow) -> Result<Noted<()>> {
    let gone = || Error::Conflict("The user was deleted since.".to_owned());
    let id = row.user_id.as_ref().ok_or_else(gone)?;
    let user = match users::find(tx.conn, id) {
        Err(Error::NotFound(_)) => return Err(gone()),
        other => other?,
    };
    if Some(user.profile.user_name.as_str()) != row.user_name.as_deref() {
        return Err(Error::Conflict(format!("The user was renamed to “{}” since.", user.profile.user_name)));
    }
    if super::findings::standing(user.is_protected(), user.entra_state) != AccountStanding::Free {
        return Err(Error::Conflict("Entra ID owns the account since, or it is protected.".to_owned()));
    }
    give(tx, &user, row.entra_name.as_deref().unwrap_or_default())
}

fn give(tx: &mut Tx, user: &User, name: &str) -> Result<Noted<()>> {
    let emails = users::emails(tx.conn, &user.id)?;
    let work =
        emails.into_iter().find(|email| email.kind.as_deref() == Some("work")).map(|email| email.value);
    let mut profile = user.profile.clone();
    name.trim().clone_into(&mut profile.user_name);
    if fold(&profile.user_name).is_empty() {
        return Err(Error::Conflict("The name in Entra ID is empty.".to_owned()));
    }
    Ok(by_hand::change_by_file(tx, &user.id, by_hand::LocalProfile { profile, email: work })?.with(()))
}

fn row(tx: &mut Tx, id: &str, number: i32) -> Result<AlignmentRow> {
    let found = alignment_rows::table
        .find((id, number))
        .select(AlignmentRow::as_select())
        .first(tx.conn)
        .optional()?;
    found.ok_or(Error::NotFound("row"))
}

fn store_outcome(
    tx: &mut Tx,
    row: &AlignmentRow,
    state: State,
    note: Option<String>,
) -> Result<AlignmentRow> {
    diesel::update(alignment_rows::table.find((&row.alignment_id, row.number)))
        .set((alignment_rows::state.eq(state), alignment_rows::note.eq(&note)))
        .execute(tx.conn)?;
    Ok(AlignmentRow { state, note, ..row.clone() })
}
