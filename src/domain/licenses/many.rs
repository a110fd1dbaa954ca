//! Many changes of licences in one transaction: all or none. What is asked one by one elsewhere is asked of all at once,
//! since others wait meanwhile.

use super::{CHUNK, LicenseType};
use crate::db::schema::{license_assignments, license_types};
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::{Noted, Tx, new_id};
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, UserId};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// A change of somebody's licence. Who may hold one was looked at before.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct Move<'a> {
    /// The user's key.
    pub(in crate::domain) user: &'a UserId,
    /// The name to tell.
    pub(in crate::domain) name: &'a str,
    /// What they hold before it.
    pub(in crate::domain) from: Option<&'a LicenseType>,
    /// What they hold after it.
    pub(in crate::domain) to: Option<&'a LicenseType>,
}

#[derive(Insertable)]
#[diesel(table_name = license_assignments)]
struct Assignment<'a> {
    id: String,
    user_id: &'a UserId,
    license_type_id: &'a LicenseTypeId,
    assigned_at: NaiveDateTime,
}

/// Does them all. Whoever changes more than once has in the end what came last.
///
/// # Errors
/// [`Error::Conflict`] where a type would have more holders than seats.
pub(in crate::domain) fn change_many(tx: &mut Tx, moves: &[Move]) -> Result<Noted<()>> {
    let mut ends: HashMap<&UserId, (Option<&LicenseType>, Option<&LicenseType>)> = HashMap::new();
    for change in moves {
        ends.entry(change.user).or_insert((change.from, None)).1 = change.to;
    }
    let leaving: Vec<&UserId> =
        ends.iter().filter(|(_, (from, _))| from.is_some()).map(|(user, _)| *user).collect();
    for some in leaving.chunks(CHUNK) {
        let theirs = license_assignments::table.filter(license_assignments::user_id.eq_any(some));
        diesel::delete(theirs).execute(tx.conn)?;
    }
    let coming: Vec<Assignment> = ends
        .iter()
        .filter_map(|(user, (_, to))| {
            let license_type_id = &to.as_ref()?.id;
            Some(Assignment { id: new_id(), user_id: user, license_type_id, assigned_at: tx.now })
        })
        .collect();
    for some in coming.chunks(CHUNK) {
        diesel::insert_into(license_assignments::table).values(some).execute(tx.conn)?;
    }
    count_seats(tx, ends.values())?;
    let notes = moves.iter().map(|change| {
        let code = |kind: Option<&LicenseType>| kind.map(|kind| kind.code.clone());
        let action = if change.to.is_some() { Action::LicenseAssigned } else { Action::LicenseRemoved };
        let told = Change::of("licence", code(change.from).as_deref(), code(change.to).as_deref());
        let subject = Subject { kind: Kind::User, id: change.user.as_str(), name: change.name };
        (action, subject, told.into_iter().collect())
    });
    tx.note_many(notes)
}

fn count_seats<'a>(
    tx: &mut Tx,
    ends: impl Iterator<Item = &'a (Option<&'a LicenseType>, Option<&'a LicenseType>)>,
) -> Result<()> {
    let mut seats: HashMap<&LicenseTypeId, (&LicenseType, i64)> = HashMap::new();
    for (from, to) in ends {
        for (kind, seat) in [(*from, -1), (*to, 1)] {
            if let Some(kind) = kind {
                seats.entry(&kind.id).or_insert((kind, 0)).1 += seat;
            }
        }
    }
    for (kind, more) in seats.into_values().filter(|(_, more)| *more != 0) {
        let mine = || license_types::table.find(&kind.id);
        diesel::update(mine())
            .set(license_types::seats_taken.eq(license_types::seats_taken + more))
            .execute(tx.conn)?;
        let (taken, all): (i64, i32) =
            mine().select((license_types::seats_taken, license_types::seats)).first(tx.conn)?;
        if more > 0 && taken > i64::from(all) {
            return Err(Error::Conflict(format!(
                "{} has {all} seats, and {taken} would be taken. Nothing was changed.",
                kind.code
            )));
        }
    }
    Ok(())
}
