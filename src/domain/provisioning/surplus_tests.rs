//! Of what anybody can cause so much is kept, whatever the clock said meanwhile.
#![allow(clippy::unwrap_used)]

use super::{Operation, Outcome, Report, note as note_request};
use crate::db::explained;
use crate::db::schema::{audit_events, provisioning_events, sso_events};
use crate::domain::audit::{Action, Kind, Subject};
use crate::domain::retention::surplus::{MOST_OF_A_NETWORK, of_entries, of_requests};
use crate::domain::sso::events;
use crate::domain::sso::requests::Purpose;
use crate::domain::testing::test_org;
use crate::domain::{Actor, Tx};
use chrono::TimeDelta;
use diesel::prelude::*;

/// So many are kept of one cause.
const MOST_OF_A_CAUSE: i64 = 200;

/// All lines of a log were written while the clock was years ahead.
macro_rules! send_ahead {
    ($tx:ident, $table:ident) => {
        for id in $table::table.select($table::id).load::<String>($tx.conn)? {
            let later =
                ($table::id.eq(format!("f{}", &id[1..])), $table::at.eq($tx.now + TimeDelta::days(400)));
            diesel::update($table::table.find(&id)).set(later).execute($tx.conn)?;
        }
    };
}

/// How many lines there are, and how many of them are not of the future.
macro_rules! left {
    ($tx:ident, $table:ident) => {{
        let all: i64 = $table::table.count().get_result($tx.conn)?;
        let of_now = $table::table.filter($table::at.le($tx.now));
        (all, of_now.count().get_result::<i64>($tx.conn)?)
    }};
}

#[test]
fn what_is_refused_once_a_clock_that_was_ahead_is_right_again_is_kept() {
    let refused =
        |tx: &mut Tx| note_request(tx, Report::new(Operation::Find, Outcome::Refused, 401)).map(drop);
    let left = test_org().write(&Actor::Entra, move |tx| {
        use provisioning_events as events;
        for _ in 0..MOST_OF_A_CAUSE {
            refused(tx)?;
        }
        send_ahead!(tx, events);
        for _ in 0..3 {
            refused(tx)?;
            diesel::update(events::table).set(events::cause.eq("one")).execute(tx.conn)?;
            of_requests(tx, Some("one"))?;
        }
        Ok(left!(tx, events))
    });
    assert_eq!(left.unwrap(), (MOST_OF_A_CAUSE, 3));
}

#[test]
fn so_is_who_was_turned_away_at_sign_in() {
    let turned_away = |tx: &mut Tx| {
        let report = events::Report {
            purpose: Purpose::SignIn,
            cause: Some("audience"),
            sentence: String::new(),
            user_id: None,
            started_by: None,
            name_id: None,
            address: "192.0.2.1".to_owned(),
            proven: false,
            details: events::Details::default(),
        };
        events::note(tx, report).map(drop)
    };
    let left = test_org().write(&Actor::Rollcall, move |tx| {
        use sso_events as events;
        for _ in 0..MOST_OF_A_NETWORK {
            turned_away(tx)?;
        }
        send_ahead!(tx, events);
        for _ in 0..3 {
            turned_away(tx)?;
        }
        Ok(left!(tx, events))
    });
    assert_eq!(left.unwrap(), (MOST_OF_A_NETWORK, 3));
}

#[test]
fn so_is_what_strangers_cause_in_the_audit_log_and_beyond_that_the_oldest_goes() {
    let left = test_org().write(&Actor::Rollcall, |tx| {
        use audit_events as events;
        let note = |tx: &mut Tx, id| {
            tx.note(Action::SiteChanged, Subject { kind: Kind::Site, id, name: "" }, &[])?;
            of_entries(tx, Action::SiteChanged, None, &[], 4)
        };
        (0..4).try_for_each(|_| note(tx, "ahead"))?;
        send_ahead!(tx, events);
        let names = ["a", "b", "c", "d", "e", "f"];
        names.into_iter().try_for_each(|name| note(tx, name))?;
        let left = events::table.order(events::id).select(events::subject_id);
        Ok(left.load::<String>(tx.conn)?)
    });
    assert_eq!(left.unwrap(), ["c", "d", "e", "f"]);
}

#[test]
fn what_is_dated_later_is_found_by_its_time() {
    let (_folder, db) = crate::db::empty();
    let now = chrono::NaiveDateTime::MIN;
    db.read(|conn| {
        use provisioning_events as events;
        let theirs = events::table.filter(events::token_id.is_null()).filter(events::actor.is_null());
        let later = theirs.filter(events::at.gt(now)).order(events::at.desc()).select(events::id).limit(1);
        let steps = explained(conn, &later);
        assert!(steps.len() == 1 && steps[0].contains("provisioning_events_by_at (at>?)"), "{steps:?}");
        Ok(())
    })
    .unwrap();
}
