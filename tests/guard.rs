//! The guard against mass deprovisioning: Entra ID reads what it wrote, and nobody loses anything unseen.

use crate::harness::{Console, Entra};
use chrono::TimeDelta;
use rollcall::domain::users::EntraState;
use serde_json::{Value, json};

/// An organisation of so many people; the guard lets two of them go, or a fifth.
async fn crew(people: usize) -> (Console, Entra, Vec<String>) {
    let (console, entra) = Console::with_entra();
    console.write(|tx| {
        let limits = rollcall::domain::guard::Limits { enabled: true, people: 2, share: 20, minutes: 60 };
        rollcall::domain::guard::set(tx, limits)
    });
    let mut ids = Vec::new();
    for number in 0..people {
        let made =
            entra.post("/Users", json!({ "userName": name(number), "externalId": number.to_string() })).await;
        ids.push(made.id());
    }
    (console, entra, ids)
}

fn name(number: usize) -> String {
    format!("user{number}@example.com")
}

fn active(value: bool) -> Value {
    json!([{ "op": "Replace", "path": "active", "value": if value { "True" } else { "False" } }])
}

async fn bar(entra: &Entra, id: &str) {
    let done = entra.patch(&format!("/Users/{id}"), active(false)).await;
    assert_eq!((done.status, done.at("/active")), (200, &json!(false)), "the answer is as Entra ID asked");
}

fn who_may_sign_in(console: &Console, people: usize) -> Vec<usize> {
    (0..people).filter(|number| console.find(&name(*number)).is_some_and(|user| user.active)).collect()
}

#[actix_web::test]
async fn what_goes_beyond_both_limits_is_held_and_reads_as_done() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..5] {
        bar(&entra, id).await;
        let read = entra.get(&format!("/Users/{id}")).await;
        assert_eq!(read.at("/active"), false);
    }
    // Two are a fifth of ten: the third is one too many.
    assert_eq!(who_may_sign_in(&console, 10), [2, 3, 4, 5, 6, 7, 8, 9]);
    let found = entra.get("/Users?filter=active+eq+false").await;
    assert_eq!(found.at("/totalResults"), 5);
    // Other changes go through, and do not undo it.
    let titled = entra
        .patch(&format!("/Users/{}", ids[3]), json!([{ "op": "replace", "path": "title", "value": "x" }]))
        .await;
    assert_eq!(titled.at("/active"), false);
    assert_eq!(console.find(&name(3)).unwrap().profile.title.as_deref(), Some("x"));

    let deleted = entra.delete(&format!("/Users/{}", ids[5])).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(entra.get(&format!("/Users/{}", ids[5])).await.status, 404);
    assert_eq!(entra.find(&name(5)).await.at("/totalResults"), 0);
    assert_eq!(entra.get("/Users").await.at("/totalResults"), 9);
    // Eight may sign in, of whom Entra ID no longer sees one.
    let census = console.org.read(rollcall::domain::users::census).unwrap();
    assert_eq!((census.all_users, census.active_users), (9, 7));
    let kept = console.find(&name(5)).unwrap();
    assert_eq!((kept.active, kept.entra_state), (true, EntraState::Linked));
}

#[actix_web::test]
async fn an_administrator_sees_it_at_once_and_releases_it() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..4] {
        bar(&entra, id).await;
    }
    entra.delete(&format!("/Users/{}", ids[4])).await;
    let browser = console.signed_in("olga").await;
    let home = browser.get("/").await;
    assert!(home.text().contains("3 users and groups are held back"), "{}", home.text());
    let log = browser.get("/activity/provisioning?outcome=held").await;
    assert!(log.text().contains("Held back: too many users went at once"), "{}", log.text());
    let held = browser.get("/held").await;
    assert!(held.text().contains(&name(2)) && held.text().contains(&name(4)));

    let released = browser.submit("/held", "/held", &[("verdict", "release-all")]).await.follow().await;
    assert!(released.text().contains("Released"), "{}", released.text());
    assert_eq!(who_may_sign_in(&console, 10), [5, 6, 7, 8, 9]);
    assert_eq!(console.find(&name(4)).unwrap().entra_state, EntraState::Deleted);
    assert!(browser.get("/held").await.text().contains("Nothing is held back"));
}

#[actix_web::test]
async fn what_is_discarded_leaves_everybody_as_they_were() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..3] {
        bar(&entra, id).await;
    }
    entra.delete(&format!("/Users/{}", ids[3])).await;
    let browser = console.signed_in("olga").await;
    browser.submit("/held", "/held", &[("verdict", "discard-all")]).await;
    assert_eq!(entra.get(&format!("/Users/{}", ids[2])).await.at("/active"), true, "the truth again");
    // Entra ID has forgotten the fourth, and finds the account again under a new id.
    assert_eq!(entra.get(&format!("/Users/{}", ids[3])).await.status, 404);
    let found = entra.find(&name(3)).await;
    assert_eq!(found.at("/totalResults"), 1);
    assert_ne!(found.at("/Resources/0/id"), &json!(ids[3]));
    assert!(console.find(&name(3)).unwrap().active);
}

#[actix_web::test]
async fn entra_id_takes_back_what_was_held_by_itself() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..3] {
        bar(&entra, id).await;
    }
    entra.delete(&format!("/Users/{}", ids[3])).await;
    let back = entra.patch(&format!("/Users/{}", ids[2]), active(true)).await;
    assert_eq!(back.at("/active"), true);
    let again = entra.post("/Users", json!({ "userName": name(3) })).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.id(), ids[3]);
    assert_eq!(
        console.org.read(rollcall::domain::held::count).unwrap(),
        rollcall::domain::held::Count::default()
    );
}

#[actix_web::test]
async fn a_few_at_a_time_or_with_the_guard_off_nobody_is_held() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..4] {
        bar(&entra, id).await;
        console.clock.advance(TimeDelta::minutes(61));
    }
    assert_eq!(who_may_sign_in(&console, 10), [4, 5, 6, 7, 8, 9]);
    let browser = console.signed_in("olga").await;
    let refused = browser.submit("/held", "/held/limits", &[("people", "many")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Enter a whole number"));
    let csrf = refused.value("input[name=csrf]").unwrap();
    let off = [("csrf", csrf.as_str()), ("people", "2"), ("share", "5"), ("minutes", "60")];
    assert_eq!(browser.post_bare("/held/limits", &off).await.status, 303);
    for id in &ids[4..9] {
        bar(&entra, id).await;
    }
    assert_eq!(who_may_sign_in(&console, 10), [9]);
}

#[actix_web::test]
async fn emptying_a_group_counts_all_who_would_leave_it() {
    let (console, entra, ids) = crew(10).await;
    let members: Vec<Value> = ids[..6].iter().map(|id| json!({ "value": id })).collect();
    let made = entra.post("/Groups", json!({ "displayName": "Crew", "members": members })).await;
    let path = format!("/Groups/{}", made.id());
    let emptied = entra.patch(&path, json!([{ "op": "replace", "path": "members", "value": [] }])).await;
    assert_eq!(emptied.status, 204);
    assert_eq!(entra.get(&path).await.at("/members"), &Value::Null);
    assert_eq!(entra.get(&format!("/Users/{}", ids[0])).await.at("/groups"), &Value::Null);
    let browser = console.signed_in("olga").await;
    let held = browser.get("/held").await;
    assert!(held.text().contains("Crew") && held.text().contains("Emptying"));
    // One comes back by Entra ID, the rest by the administrator.
    entra.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": ids[0] }] }])).await;
    assert_eq!(entra.get(&path).await.at("/members").as_array().unwrap().len(), 1);
    browser.submit("/held", "/held", &[("verdict", "discard-all")]).await;
    assert_eq!(entra.get(&path).await.at("/members").as_array().unwrap().len(), 6);

    assert_eq!(entra.delete(&path).await.status, 204);
    assert_eq!(entra.get(&path).await.status, 404);
    assert!(browser.get("/groups").await.text().contains("Deletion held back"));
    browser.submit("/held", "/held", &[("verdict", "release-all")]).await.follow().await;
    assert!(browser.get("/groups").await.text().contains("No group yet"));
}

#[actix_web::test]
async fn a_user_who_is_held_keeps_their_seat_and_their_page_says_so() {
    let (console, entra, ids) = crew(10).await;
    for id in &ids[..3] {
        bar(&entra, id).await;
    }
    let browser = console.signed_in("olga").await;
    let id = console.find(&name(2)).unwrap().id;
    let page = browser.get(&format!("/users/{id}")).await;
    assert!(page.text().contains("which is held back"), "{}", page.text());
    // Whoever decides by hand has decided.
    page.submit(&format!("/users/{id}/deactivate"), &[]).await;
    assert!(console.org.read(rollcall::domain::held::count).unwrap().is_nothing());
    assert!(!console.find(&name(2)).unwrap().active);
}
