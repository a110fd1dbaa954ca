//! Of what anybody can cause only so much is kept, however long ago it was: the oldest goes when more comes, in the
//! transaction that writes it. What is dated later than now goes before that: a clock that was ahead for a while would else
//! have its lines kept, and each new one deleted as the oldest, for as long as it was ahead.

use super::super::audit::Action;
use crate::db::schema::{audit_events, provisioning_events, sso_events};
use crate::domain::{CLOCK_TOLERANCE, Tx};
use crate::error::Result;
use crate::keys::UserId;
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

/// What goes of a list: as many as are beyond the number that is kept, those that are dated later than now first.
macro_rules! surplus {
    ($tx:ident, $table:ident, $list:expr, $most:expr) => {{
        // From the newest on, as their keys were given.
        let beyond = $list.order($table::id.desc()).select($table::id).offset($most).limit(AT_ONCE);
        let beyond: Vec<String> = beyond.load($tx.conn)?;
        let mut gone = Vec::new();
        if let Ok(count @ 1..) = i64::try_from(beyond.len()) {
            let later = $list.filter($table::at.gt($tx.now + CLOCK_TOLERANCE)).order($table::at.desc());
            gone = later.select($table::id).limit(count).load::<String>($tx.conn)?;
        }
        let instead = gone.len();
        gone.extend(beyond.into_iter().skip(instead));
        gone
    }};
}

/// Forgets the oldest provisioning requests of strangers where there are too many: of this cause, and of all.
pub(in crate::domain) fn of_requests(tx: &mut Tx, cause: Option<&str>) -> Result<()> {
    use provisioning_events as events;
    let theirs = || events::table.filter(events::token_id.is_null()).filter(events::actor.is_null());
    let mut surplus: Vec<String> = Vec::new();
    if let Some(cause) = cause {
        surplus.extend(surplus!(tx, events, theirs().filter(events::cause.eq(cause)), MOST_OF_A_CAUSE));
    }
    surplus.extend(surplus!(tx, events, theirs(), MOST_OF_STRANGERS));
    if !surplus.is_empty() {
        diesel::delete(events::table.filter(events::id.eq_any(surplus))).execute(tx.conn)?;
    }
    Ok(())
}

/// Forgets the oldest sign-ins that can be multiplied where there are too many: of this network, and of all.
pub(in crate::domain) fn of_sign_ins(tx: &mut Tx, network: &str, proven: bool) -> Result<()> {
    use sso_events as events;
    let alike = || events::table.filter(events::lasting.eq(false)).filter(events::proven.eq(proven));
    let theirs = || alike().filter(events::network.eq(network));
    let mut surplus: Vec<String> = surplus!(tx, events, theirs(), MOST_OF_A_NETWORK);
    surplus.extend(surplus!(tx, events, alike(), MOST_UNPROVEN));
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
    but: &[UserId],
    most: i64,
) -> Result<()> {
    use audit_events as events;
    let these = || {
        let all = events::table.filter(events::action.eq(action)).filter(events::subject_id.ne_all(but));
        match subject {
            Some(subject) => all.filter(events::subject_id.eq(subject)).into_boxed(),
            None => all.into_boxed(),
        }
    };
    let surplus: Vec<String> = surplus!(tx, events, these(), most);
    if !surplus.is_empty() {
        diesel::delete(events::table.filter(events::id.eq_any(surplus))).execute(tx.conn)?;
    }
    Ok(())
}
