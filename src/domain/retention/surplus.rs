//! Of what anybody can cause only so much is kept, however long ago it was: the oldest goes when more comes, in the
//! transaction that writes it.

use super::super::audit::Action;
use crate::db::schema::{audit_events, provisioning_events, sso_events};
use crate::domain::Tx;
use crate::error::Result;
use diesel::prelude::*;

/// So many provisioning requests without an accepted credential are kept of one cause: noise of one kind does not push
/// out what is worth knowing of another.
const MOST_OF_A_CAUSE: i64 = 200;
/// So many of them are kept in all.
const MOST_OF_STRANGERS: i64 = 5_000;
/// How many lines of sign-ins are kept that can be multiplied: of one network, and altogether; with and without a proof
/// each.
pub const MOST_OF_A_NETWORK: i64 = 500;
/// How many lines of sign-ins are kept altogether that can be multiplied.
pub const MOST_UNPROVEN: i64 = 5_000;
/// So many go at once, since somebody waits: an earlier version may have left millions.
const AT_ONCE: i64 = 500;

/// Forgets the oldest provisioning requests of strangers where there are too many: of this cause, and of all.
pub(in crate::domain) fn of_requests(tx: &mut Tx, cause: Option<&str>) -> Result<()> {
    use provisioning_events as events;
    let theirs = || events::table.filter(events::token_id.is_null()).filter(events::actor.is_null());
    let mut surplus: Vec<String> = Vec::new();
    if let Some(cause) = cause {
        let alike = theirs().filter(events::cause.eq(cause)).order(events::id.desc()).select(events::id);
        surplus.extend(alike.offset(MOST_OF_A_CAUSE).limit(AT_ONCE).load::<String>(tx.conn)?);
    }
    let all = theirs().order(events::id.desc()).select(events::id);
    surplus.extend(all.offset(MOST_OF_STRANGERS).limit(AT_ONCE).load::<String>(tx.conn)?);
    if !surplus.is_empty() {
        diesel::delete(events::table.filter(events::id.eq_any(surplus))).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets the oldest sign-ins that can be multiplied where there are too many: of this network, and of all.
pub(in crate::domain) fn of_sign_ins(tx: &mut Tx, network: &str, proven: bool) -> Result<()> {
    use sso_events as events;
    let alike = events::table.filter(events::lasting.eq(false)).filter(events::proven.eq(proven));
    let theirs = alike.filter(events::network.eq(network)).order(events::id.desc()).select(events::id);
    let mut surplus: Vec<String> = theirs.offset(MOST_OF_A_NETWORK).limit(AT_ONCE).load(tx.conn)?;
    let all = alike.order(events::id.desc()).select(events::id);
    surplus.extend(all.offset(MOST_UNPROVEN).limit(AT_ONCE).load::<String>(tx.conn)?);
    if !surplus.is_empty() {
        diesel::delete(events::table.filter(events::id.eq_any(surplus))).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets the oldest audit entries of an action that strangers can cause, beyond so many: of one subject, or of all but
/// some.
pub(in crate::domain) fn of_entries(
    tx: &mut Tx,
    action: Action,
    subject: Option<&str>,
    but: &[String],
    most: i64,
) -> Result<()> {
    use audit_events as events;
    let mut surplus = events::table
        .filter(events::action.eq(action))
        .filter(events::subject_id.ne_all(but))
        .order(events::id.desc())
        .select(events::id)
        .into_boxed();
    if let Some(subject) = subject {
        surplus = surplus.filter(events::subject_id.eq(subject));
    }
    let surplus: Vec<String> = surplus.offset(most).limit(AT_ONCE).load(tx.conn)?;
    if !surplus.is_empty() {
        diesel::delete(events::table.filter(events::id.eq_any(surplus))).execute(tx.conn)?;
    }
    Ok(())
}
