//! Accepting a proposal, all of them, and taking them back. The rename itself is the domain's own.

use super::{Kind, Row, Standing, State, find, proposals};
use crate::db::schema::alignment_rows;
use crate::domain::users::{self, User, by_hand};
use crate::domain::{Tx, fold};
use crate::error::{Error, Result};
use diesel::prelude::*;

/// What came of many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many were done.
    pub done: usize,
    /// How many could no longer be done.
    pub stale: usize,
}

/// Gives the user of this row the name that Entra ID has. Refused, and noted, if the world changed since.
pub fn accept(tx: &mut Tx, id: &str, number: i32) -> Result<Row> {
    let row = row(tx, id, number)?;
    if !row.is_open_proposal() {
        return Err(Error::Conflict(
            "Nothing is proposed in this row, or it was decided already.".to_owned(),
        ));
    }
    let (state, note) = match tx.nested(|tx| rename(tx, &row)) {
        Ok(()) => (State::Accepted, None),
        Err(cause @ (Error::Internal(_) | Error::Forbidden(_))) => return Err(cause),
        Err(refusal) => (State::Stale, Some(refusal.to_string())),
    };
    settle(tx, &row, state, note)
}

/// As [`accept`], for all proposals of these kinds.
pub fn accept_all(tx: &mut Tx, id: &str, kinds: &[Kind]) -> Result<Outcome> {
    find(tx.conn, id)?;
    let mut outcome = Outcome::default();
    for proposal in proposals(tx.conn, id, kinds)? {
        match accept(tx, id, proposal.number) {
            Ok(row) if row.state == State::Accepted => outcome.done += 1,
            // Accounts that only an owner may rename are left for one.
            Ok(_) | Err(Error::Forbidden(_)) => outcome.stale += 1,
            Err(other) => return Err(other),
        }
    }
    Ok(outcome)
}

/// Gives the user of this row the old name back, if they still have the one that they were given.
pub fn undo(tx: &mut Tx, id: &str, number: i32) -> Result<Row> {
    let row = row(tx, id, number)?;
    if row.state != State::Accepted {
        return Err(Error::Conflict("Nothing was renamed in this row, or it was undone already.".to_owned()));
    }
    let (now, before) =
        (row.entra_name.clone().unwrap_or_default(), row.user_name.clone().unwrap_or_default());
    let user = users::find(tx.conn, row.user_id.as_deref().unwrap_or_default())?;
    if user.profile.user_name != now {
        let cause = format!("{} has another user name since. Nothing was changed.", user.name());
        return Err(Error::Conflict(cause));
    }
    give(tx, &user, &before)?;
    settle(tx, &row, State::Undone, None)
}

/// As [`undo`], for all that were accepted.
pub fn undo_all(tx: &mut Tx, id: &str) -> Result<Outcome> {
    find(tx.conn, id)?;
    let accepted: Vec<i32> = alignment_rows::table
        .filter(alignment_rows::alignment_id.eq(id))
        .filter(alignment_rows::state.eq(State::Accepted))
        .order(alignment_rows::number)
        .select(alignment_rows::number)
        .load(tx.conn)?;
    let mut outcome = Outcome::default();
    for number in accepted {
        match tx.nested(|tx| undo(tx, id, number)) {
            Ok(_) => outcome.done += 1,
            Err(cause @ Error::Internal(_)) => return Err(cause),
            Err(_) => outcome.stale += 1,
        }
    }
    Ok(outcome)
}

fn rename(tx: &mut Tx, row: &Row) -> Result<()> {
    let gone = || Error::Conflict("The user was deleted since.".to_owned());
    let user = match users::find(tx.conn, row.user_id.as_deref().unwrap_or_default()) {
        Err(Error::NotFound(_)) => return Err(gone()),
        other => other?,
    };
    if Some(user.profile.user_name.as_str()) != row.user_name.as_deref() {
        return Err(Error::Conflict(format!("The user was renamed to “{}” since.", user.profile.user_name)));
    }
    if user.is_protected() || super::findings::standing(&user) != Standing::Free {
        return Err(Error::Conflict("Entra ID owns the account since, or it is protected.".to_owned()));
    }
    give(tx, &user, row.entra_name.as_deref().unwrap_or_default())
}

fn give(tx: &mut Tx, user: &User, name: &str) -> Result<()> {
    let emails = users::emails(tx.conn, &user.id)?;
    let work =
        emails.into_iter().find(|email| email.kind.as_deref() == Some("work")).map(|email| email.value);
    let mut profile = user.profile.clone();
    name.trim().clone_into(&mut profile.user_name);
    if fold(&profile.user_name).is_empty() {
        return Err(Error::Conflict("The name in Entra ID is empty.".to_owned()));
    }
    by_hand::change_by_file(tx, &user.id, by_hand::Wish { profile, email: work })?;
    Ok(())
}

fn row(tx: &mut Tx, id: &str, number: i32) -> Result<Row> {
    let found =
        alignment_rows::table.find((id, number)).select(Row::as_select()).first(tx.conn).optional()?;
    found.ok_or(Error::NotFound("row"))
}

fn settle(tx: &mut Tx, row: &Row, state: State, note: Option<String>) -> Result<Row> {
    diesel::update(alignment_rows::table.find((&row.alignment_id, row.number)))
        .set((alignment_rows::state.eq(state), alignment_rows::note.eq(&note)))
        .execute(tx.conn)?;
    Ok(Row { state, note, ..row.clone() })
}
