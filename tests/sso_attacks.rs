//! Files that another tool signed, brought to the service: the good ones let somebody in, each other one leaves no session and
//! one event.

use crate::harness::Console;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::NaiveDateTime;
use rollcall::domain::page::At;
use rollcall::domain::sso::{Settings, certificates, events, settings};
use serde_json::Value;
use std::fs;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml");
const ISSUER: &str = "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/";

/// A console in January 2026, known as the one that the files are for.
fn console() -> Console {
    let console = Console::known_as("https://console.example.com");
    let then: NaiveDateTime = "2026-01-05T10:00:00".parse().unwrap();
    console.clock.stop_at(then);
    console.user("ana.silva@contoso.example", None);
    console.admin("olga.owner@contoso.example", rollcall::domain::Role::Owner);
    let key = fs::read(format!("{FOLDER}/keys/idp.crt")).unwrap();
    let found = certificates::read(&key).unwrap();
    console.write(move |tx| {
        certificates::add(tx, found)?;
        let wish = Settings {
            enabled: true,
            login_url: Some("https://login.microsoftonline.com/x/saml2".to_owned()),
            issuer: Some(ISSUER.to_owned()),
            ..Settings::default()
        };
        settings::save(tx, &wish)
    });
    console
}

#[actix_web::test]
async fn each_attack_leaves_no_session_and_one_event() {
    let console = console();
    let list = fs::read_to_string(format!("{FOLDER}/cases.jsonl")).unwrap();
    let mut brought = 0;
    for case in list.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        // Cases of other settings, and answers to requests, are for the tests beside the code.
        let usual = case["settings"].as_object().unwrap().is_empty()
            && case["certificates"] == serde_json::json!(["idp"])
            && case["in_response_to"].is_null();
        let file = case["file"].as_str().unwrap();
        // The clock goes on here, so that what is at the edge of a time goes over it.
        if !usual || file.starts_with("good-encrypted") || file.contains("skew") {
            continue;
        }
        brought += 1;
        let xml = fs::read(format!("{FOLDER}/cases/{file}")).unwrap();
        let browser = console.browser();
        let before = newest(&console, 1000).len();
        let page = browser.bring_field(&BASE64.encode(xml), "/users").await;
        let session = browser.get("/account").await.status == 200;
        let events = newest(&console, 1000);
        assert_eq!(events.len() - before, 1, "{file}");
        // The good ones share an assertion's identifier, so that only the first is not a repeat.
        let repeated = events[0].cause.as_deref() == Some("replay");
        let good = case["expect"] == "accepted";
        let let_in = page.status == 303;
        assert!(if good { let_in || repeated } else { !let_in }, "{file}: {}", page.text());
        assert_eq!(session, let_in, "{file}");
        assert!(good || !page.text().contains("contoso"), "{file} tells names");
    }
    assert!(brought > 330, "{brought}");
}

fn newest(console: &Console, most: usize) -> Vec<events::Event> {
    let filter = events::Filter::default();
    console.org.read(move |conn| events::list(conn, &filter, &At::Start, most)).unwrap().items
}
