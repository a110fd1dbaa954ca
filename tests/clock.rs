//! A clock that was ahead for a while and was put right: what it had dated later than now counts as of now.

use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use rollcall::domain::{ahead, settings};
use rollcall::worker;
use serde_json::json;

const AHEAD: TimeDelta = TimeDelta::days(400);

async fn sign_in(browser: &Browser, password: &str) -> Page {
    browser.submit("/sign-in", "/sign-in", &[("user_name", "olga"), ("password", password)]).await
}

async fn put_right(console: &Console) {
    console.clock.advance(-AHEAD);
    worker::round(&console.org, true).await.unwrap();
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
    let asked = early.get("/identity").await.submit("/identity/provisioning/reveal#provisioning", &[]).await;
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
    console.clock.advance(TimeDelta::minutes(91));
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/identity").await.text().contains("has not called for 91 minutes"));
}
