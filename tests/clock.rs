//! A clock that was ahead for a while and was put right: what it had dated later than now counts as of now, once it is sure
//! that it is the clock's fault.

use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use rollcall::domain::{ahead, settings};
use rollcall::worker;
use serde_json::json;

const AHEAD: TimeDelta = TimeDelta::days(400);

async fn sign_in(browser: &Browser, password: &str) -> Page {
    browser.submit("/sign-in", "/sign-in", &[("user_name", "olga"), ("password", password)]).await
}

/// The program goes on for so long.
async fn stay(console: &Console, long: TimeDelta) {
    worker::round(&console.org, true).await.unwrap();
    for _ in 0..4 {
        console.clock.advance(long / 4);
        worker::round(&console.org, true).await.unwrap();
    }
}

async fn put_right(console: &Console) {
    console.clock.advance(-AHEAD);
    stay(console, TimeDelta::hours(1)).await;
    let now = console.org.now();
    assert!(!console.org.read(move |conn| ahead::is_any(conn, now)).unwrap());
}

#[actix_web::test]
async fn a_lock_and_a_session_of_the_future_end_when_they_would_have() {
    let console = Console::open();
    console.clock.advance(AHEAD);
    let early = console.signed_in("olga").await;
    let stranger = console.browser_at("127.0.0.66");
    for _ in 0..5 {
        assert_eq!(sign_in(&stranger, "wrong").await.status, 422);
    }
    assert_eq!(sign_in(&stranger, PASSWORD).await.status, 429);
    put_right(&console).await;
    assert_eq!(sign_in(&stranger, PASSWORD).await.status, 303, "the lock counts as over");
    assert_eq!(early.get("/").await.status, 200, "the session lives on");
    let asked = early.get("/identity").await.submit("/identity/provisioning/reveal", &[]).await;
    assert!(asked.text().contains("Is it you?"), "a proof of the future is none");
    console.clock.advance(TimeDelta::hours(13));
    assert_eq!(early.get("/").await.status, 303, "and no longer than another");
}

#[actix_web::test]
async fn people_who_were_counted_in_the_future_leave_the_guards_windows_in_time() {
    let (console, entra) = Console::with_entra();
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(entra.post("/Users", json!({ "userName": format!("u{number}") })).await.id());
    }
    // They were there before the window began.
    console.clock.advance(TimeDelta::days(2));
    console.clock.advance(AHEAD);
    let leave = json!([{ "op": "Replace", "path": "active", "value": false }]);
    for id in &ids[..10] {
        entra.patch(&format!("/Users/{id}"), leave.clone()).await;
    }
    put_right(&console).await;
    let active = |console: &Console, number: usize| console.find(&format!("u{number}")).unwrap().active;
    entra.patch(&format!("/Users/{}", ids[10]), leave.clone()).await;
    assert!(active(&console, 10), "they count as of now: one more is too many");
    console.clock.advance(TimeDelta::hours(25));
    for (number, id) in ids.iter().enumerate().skip(11).take(4) {
        entra.patch(&format!("/Users/{id}"), leave.clone()).await;
        assert!(!active(&console, number), "{number} goes: a day later nobody counts any more");
    }
}

#[actix_web::test]
async fn silence_is_told_although_the_last_request_is_dated_later() {
    let (console, entra) = Console::with_entra();
    entra.find("nobody@example.com").await;
    console.write(settings::touch);
    console.clock.advance(AHEAD);
    entra.find("nobody@example.com").await;
    console.write(settings::touch);
    put_right(&console).await;
    console.clock.advance(TimeDelta::minutes(31));
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/identity").await.text().contains("has not called for 91 minutes"));
}

/// Every row of every table that the program does not write by itself, as text.
fn rows(console: &Console) -> String {
    use rollcall::db::schema::{provisioning_hours, sessions, sign_in_failures, users};
    let read = |conn: &mut rollcall::db::Conn| {
        let users =
            users::table.order(users::id).select((users::id, users::created_at, users::reactivated_at));
        let users: Vec<(String, NaiveDateTime, Option<NaiveDateTime>)> = users.load(conn)?;
        let sessions = sessions::table.select((sessions::created_at, sessions::last_seen_at));
        let sessions: Vec<(NaiveDateTime, NaiveDateTime)> = sessions.load(conn)?;
        let locks =
            sign_in_failures::table.select((sign_in_failures::last_at, sign_in_failures::locked_until));
        let locks: Vec<(NaiveDateTime, Option<NaiveDateTime>)> = locks.load(conn)?;
        let hours =
            provisioning_hours::table.select((provisioning_hours::hour, provisioning_hours::requests));
        let hours: Vec<(NaiveDateTime, i64)> = hours.load(conn)?;
        Ok(format!("{users:?} {sessions:?} {locks:?} {hours:?}"))
    };
    console.org.read(read).unwrap()
}

#[actix_web::test]
async fn a_clock_that_is_behind_for_a_while_changes_nothing() {
    for behind in [TimeDelta::minutes(10), TimeDelta::days(30), TimeDelta::days(20 * 365)] {
        let (console, entra) = Console::with_entra();
        for number in 0..3 {
            entra.post("/Users", json!({ "userName": format!("u{number}") })).await;
        }
        let olga = console.signed_in("olga").await;
        let stranger = console.browser_at("127.0.0.66");
        for _ in 0..5 {
            sign_in(&stranger, "wrong").await;
        }
        console.write(settings::touch);
        let before = rows(&console);
        console.clock.advance(-behind);
        stay(&console, TimeDelta::minutes(8)).await;
        assert_eq!(rows(&console), before, "{behind}");
        console.clock.advance(behind);
        stay(&console, TimeDelta::minutes(8)).await;
        assert_eq!(rows(&console), before, "{behind}");
        assert_eq!(olga.get("/").await.status, 200);
    }
}

#[actix_web::test]
async fn when_users_came_stays_as_it_was_noted_and_those_of_the_future_count_as_there_for_the_guard() {
    let (console, entra) = Console::with_entra();
    console.clock.advance(AHEAD);
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(entra.post("/Users", json!({ "userName": format!("u{number}") })).await.id());
    }
    let created = console.find("u7").unwrap().created_at;
    put_right(&console).await;
    assert_eq!(console.find("u7").unwrap().created_at, created);
    let leave = json!([{ "op": "Replace", "path": "active", "value": false }]);
    for id in &ids[..4] {
        entra.patch(&format!("/Users/{id}"), leave.clone()).await;
    }
    let went = (0..4).filter(|number| !console.find(&format!("u{number}")).unwrap().active).count();
    assert_eq!(went, 4, "four of forty are few");
    for id in &ids[4..30] {
        entra.patch(&format!("/Users/{id}"), leave.clone()).await;
    }
    let went = (0..30).filter(|number| !console.find(&format!("u{number}")).unwrap().active).count();
    assert!(went <= 10, "{went} went");
}
