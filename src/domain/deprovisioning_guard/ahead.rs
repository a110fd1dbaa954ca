//! People who were counted while the clock was ahead: they count as of now.

use super::{Loss, minute};
use crate::db::Conn;
use crate::db::schema::{guard_arrivals, guard_minutes, guard_people};
use crate::domain::Tx;
use crate::error::Result;
use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

/// Whether anybody was counted later than that, or had come later.
pub(in crate::domain) fn is_any_ahead(conn: &mut Conn, limit: NaiveDateTime) -> Result<bool> {
    let whole = minute(limit)?;
    for loss in Loss::ALL {
        let minutes = guard_minutes::table.filter(guard_minutes::loss.eq(loss));
        let minutes = minutes.filter(guard_minutes::minute.ge(whole));
        let tried =
            guard_people::table.filter(guard_people::loss.eq(loss)).filter(guard_people::at.ge(whole));
        let came = guard_arrivals::table.filter(guard_arrivals::loss.eq(loss));
        let came = came.filter(guard_arrivals::minute.ge(whole));
        if diesel::select(exists(minutes)).get_result(conn)?
            || diesel::select(exists(tried)).get_result(conn)?
            || diesel::select(exists(came)).get_result(conn)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts as of now who was counted later than that; answers how many rows that were. Persons and minutes keep to each
/// other: the limit is a whole minute for both.
pub(in crate::domain) fn correct_ahead(tx: &mut Tx, limit: NaiveDateTime) -> Result<usize> {
    let whole = minute(limit)?;
    let ahead = || guard_minutes::table.filter(guard_minutes::minute.ge(whole));
    let columns = (guard_minutes::loss, guard_minutes::people, guard_minutes::active);
    let minutes: Vec<(Loss, i64, i64)> =
        ahead().order(guard_minutes::minute).select(columns).load(tx.conn)?;
    diesel::delete(ahead()).execute(tx.conn)?;
    for (loss, people, active) in &minutes {
        add_to_this_minute(tx, *loss, *people, *active)?;
    }
    let arrivals = guard_arrivals::table.filter(guard_arrivals::minute.ge(whole));
    let came: Vec<(Loss, i64)> =
        arrivals.select((guard_arrivals::loss, guard_arrivals::people)).load(tx.conn)?;
    diesel::delete(guard_arrivals::table.filter(guard_arrivals::minute.ge(whole))).execute(tx.conn)?;
    for (loss, people) in &came {
        add_to_this_minutes_arrivals(tx, *loss, *people)?;
    }
    let tried = guard_people::table.filter(guard_people::at.ge(whole));
    let tried = diesel::update(tried).set(guard_people::at.eq(tx.now)).execute(tx.conn)?;
    let people = guard_people::table.filter(guard_people::came_at.ge(whole));
    let people = diesel::update(people).set(guard_people::came_at.eq(tx.now)).execute(tx.conn)?;
    let kept = guard_people::table.filter(guard_people::kept_at.ge(whole));
    let kept = diesel::update(kept).set(guard_people::kept_at.eq(tx.now)).execute(tx.conn)?;
    Ok(minutes.len() + came.len() + tried + people + kept)
}

fn add_to_this_minute(tx: &mut Tx, loss: Loss, people: i64, active: i64) -> Result<()> {
    let this = minute(tx.now)?;
    let mine = guard_minutes::table.find((loss, this));
    let more = guard_minutes::people.eq(guard_minutes::people + people);
    if diesel::update(mine).set(more).execute(tx.conn)? == 0 {
        let row = (
            guard_minutes::loss.eq(loss),
            guard_minutes::minute.eq(this),
            guard_minutes::people.eq(people),
            guard_minutes::active.eq(active),
        );
        diesel::insert_into(guard_minutes::table).values(row).execute(tx.conn)?;
    }
    Ok(())
}

fn add_to_this_minutes_arrivals(tx: &mut Tx, loss: Loss, people: i64) -> Result<()> {
    let row = (
        guard_arrivals::loss.eq(loss),
        guard_arrivals::minute.eq(minute(tx.now)?),
        guard_arrivals::people.eq(people),
    );
    diesel::insert_into(guard_arrivals::table)
        .values(row)
        .on_conflict((guard_arrivals::loss, guard_arrivals::minute))
        .do_update()
        .set(guard_arrivals::people.eq(guard_arrivals::people + people))
        .execute(tx.conn)?;
    Ok(())
}
