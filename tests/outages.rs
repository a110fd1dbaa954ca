//! What is answered when the database cannot do its work: a full disk, a lock, no right to write. Nobody hears nothing.

use crate::harness::{Browser, Console, Entra, PASSWORD, Page};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use rollcall::error::Outage;
use serde_json::json;

/// Changes what the writer's own connection may do.
fn of_the_writer(console: &Console, pragma: &'static str) {
    console.write(move |tx| Ok(tx.conn.batch_execute(pragma)?));
}

/// A connection as of another process.
fn another(console: &Console) -> SqliteConnection {
    let path = console.folder().join("rollcall.db");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
    conn
}

/// Each such change of this table meets a full disk.
fn full_for(console: &Console, change: &str, table: &str) {
    let trigger = format!(
        "CREATE TRIGGER full_{table}_{change} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    );
    another(console).batch_execute(&trigger).unwrap();
}

fn room_again(console: &Console, change: &str, table: &str) {
    another(console).batch_execute(&format!("DROP TRIGGER full_{table}_{change}")).unwrap();
}

#[track_caller]
fn is_told(page: &Page, outage: Outage) {
    assert_eq!(page.status, 503, "{}", page.text());
    assert_eq!(page.headers["retry-after"], outage.retry_after().to_string());
    assert!(
        page.headers.contains_key("content-security-policy") && page.headers.contains_key("x-request-id")
    );
    let text = page.text();
    assert!(
        text.contains(outage.text()) && text.contains(outage.title()) && text.contains("Reference"),
        "{text}"
    );
}

/// Each kind of change is refused with 503 and when to come again; what only reads goes on.
async fn scim_hears(entra: &Entra, id: &str, outage: Outage) {
    let user = json!({ "userName": "new@example.com" });
    let title = json!([{ "op": "Replace", "path": "title", "value": "Engineer" }]);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": user }],
    });
    let path = format!("/Users/{id}");
    let answers = [
        entra.post("/Users", user.clone()).await,
        entra.put(&path, json!({ "userName": "ana@example.com", "title": "Lead" })).await,
        entra.patch(&path, title).await,
        entra.delete(&path).await,
        entra.post("/Groups", json!({ "displayName": "All" })).await,
        entra.post("/Bulk", bulk).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.headers["retry-after"], outage.retry_after().to_string(), "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/scim+json", "{answer:?}");
        assert_eq!(answer.at("/detail"), outage.text(), "{answer:?}");
    }
    assert_eq!(entra.find("ana@example.com").await.at("/totalResults"), 1);
}

async fn people_hear(browser: &Browser, stranger: &Browser, outage: Outage) {
    assert_eq!(browser.get("/users").await.status, 200);
    let site = browser.submit("/sites", "/sites", &[("name", "Delft")]).await;
    is_told(&site, outage);
    assert_eq!(
        site.value("form[action='/sites'] input[name=name]").as_deref(),
        Some("Delft"),
        "{}",
        site.body
    );
    assert!(site.has("a[href='/sites']"), "the page of the form: {}", site.body);
    let sign_in = [("user_name", "olga"), ("password", PASSWORD)];
    let signed_in = stranger.submit("/sign-in", "/sign-in", &sign_in).await;
    is_told(&signed_in, outage);
    assert!(
        !signed_in.body.contains(PASSWORD) && !signed_in.has("form[action='/sign-in']"),
        "no secret comes back"
    );
}

#[actix_web::test]
async fn while_another_process_holds_the_database_everybody_is_asked_to_come_again_and_then_it_goes_on() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "ana@example.com" })).await.id();
    let olga = console.signed_in("olga").await;
    let mut other = another(&console);
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    scim_hears(&entra, &id, Outage::Locked).await;
    people_hear(&olga, &console.browser(), Outage::Locked).await;
    let ready = olga.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "busy"));
    let told = olga.submit("/sites", "/sites", &[("name", "Leiden")]).await;
    other.batch_execute("ROLLBACK").unwrap();
    let again = told.submit("/sites", &[("name", &told.value("main input[name=name]").unwrap())]).await;
    assert!(
        again.follow().await.text().contains("The site Leiden was created."),
        "what was entered is sent once more"
    );
    assert_eq!(entra.post("/Users", json!({ "userName": "bo@example.com" })).await.status, 201);
    assert_eq!(olga.get("/readyz").await.body, "ready");
}

#[actix_web::test]
async fn a_database_that_may_not_be_written_is_told_to_everybody() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "ana@example.com" })).await.id();
    let olga = console.signed_in("olga").await;
    of_the_writer(&console, "PRAGMA query_only = ON");
    scim_hears(&entra, &id, Outage::ReadOnly).await;
    people_hear(&olga, &console.browser(), Outage::ReadOnly).await;
    let ready = olga.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "broken"));
}

#[actix_web::test]
async fn a_full_disk_undoes_the_whole_request_and_is_over_with_the_first_write_that_succeeds() {
    let (console, entra) = Console::with_entra();
    of_the_writer(&console, "PRAGMA max_page_count = 1");
    let users: Vec<_> = (0..200)
        .map(|number| {
            let data = json!({ "userName": format!("u{number}@example.com"), "title": "x".repeat(200) });
            json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
        })
        .collect();
    let bulk =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": users });
    let refused = entra.post("/Bulk", bulk.clone()).await;
    assert_eq!((refused.status, refused.at("/detail")), (503, &json!(Outage::DiskFull.text())));
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(entra.find("u0@example.com").await.at("/totalResults"), 0, "all or nothing");
    // The writer goes on with another connection where the engine undid the transaction by itself.
    of_the_writer(&console, "PRAGMA max_page_count = 1000000");
    assert_eq!(entra.post("/Bulk", bulk).await.status, 200);
    assert_eq!(entra.find("u199@example.com").await.at("/totalResults"), 1);
    assert_eq!(console.browser().get("/readyz").await.body, "ready");
}

#[actix_web::test]
async fn readiness_returns_by_itself_when_there_is_room_again() {
    let (console, entra) = Console::with_entra();
    let tables = ["users", "settings", "provisioning_events"];
    let full = ["INSERT", "UPDATE"].map(|change| tables.map(|table| (change, table))).concat();
    full.iter().for_each(|(change, table)| full_for(&console, change, table));
    assert_eq!(entra.post("/Users", json!({ "userName": "ana@example.com" })).await.status, 503);
    let browser = console.browser();
    assert_eq!(browser.get("/readyz").await.body, "broken");
    full.iter().for_each(|(change, table)| room_again(&console, change, table));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    // Nobody writes but the one who asks.
    while browser.get("/readyz").await.body != "ready" {
        assert!(std::time::Instant::now() < deadline);
    }
}

#[actix_web::test]
async fn a_page_is_shown_whole_although_what_it_says_once_cannot_be_forgotten() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let made = olga.submit("/sites", "/sites", &[("name", "Delft")]).await;
    assert_eq!(made.status, 303);
    full_for(&console, "UPDATE", "sessions");
    let page = made.follow().await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("The site Delft was created."), "{}", page.text());
}

#[actix_web::test]
async fn what_came_of_a_form_is_told_although_the_session_that_would_tell_it_cannot_be_kept() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    full_for(&console, "UPDATE", "sessions");
    let made = olga.submit("/sites", "/sites", &[("name", "Delft")]).await;
    is_told(&made, Outage::DiskFull);
    assert!(made.text().contains("The site Delft was created."), "{}", made.text());
    assert!(made.has("a[href=\"/sites\"]"), "it leads on");
    room_again(&console, "UPDATE", "sessions");
    assert!(olga.get("/sites").await.text().contains("Delft"));
}

#[actix_web::test]
async fn nobody_is_led_on_by_a_session_that_could_not_begin_or_end() {
    let console = Console::open();
    full_for(&console, "INSERT", "sessions");
    let stranger = console.browser();
    let sign_in = [("user_name", "olga"), ("password", PASSWORD)];
    is_told(&stranger.submit("/sign-in", "/sign-in", &sign_in).await, Outage::DiskFull);
    assert_eq!(stranger.get("/users").await.status, 303, "not signed in");
    room_again(&console, "INSERT", "sessions");

    let olga = console.signed_in("olga").await;
    full_for(&console, "DELETE", "sessions");
    is_told(&olga.submit("/users", "/sign-out", &[]).await, Outage::DiskFull);
    room_again(&console, "DELETE", "sessions");
    assert_eq!(olga.get("/users").await.status, 200, "still signed in, as she was told");
    assert_eq!(olga.submit("/users", "/sign-out", &[]).await.status, 303);
}

#[actix_web::test]
async fn whoever_is_signed_in_is_not_sent_to_sign_in_because_the_session_cannot_be_read() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    another(&console).batch_execute("ALTER TABLE sessions RENAME TO elsewhere").unwrap();
    let page = olga.get("/users").await;
    assert_eq!(page.status, 500);
    assert!(
        page.text().contains("Something went wrong") && page.text().contains("Reference"),
        "{}",
        page.text()
    );
    another(&console).batch_execute("ALTER TABLE elsewhere RENAME TO sessions").unwrap();
    assert_eq!(olga.get("/users").await.status, 200);
}
