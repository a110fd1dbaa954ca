//! Whatever was sent, or is answered, is found by it; and a look-up that fails counts until the same one goes well.

use crate::harness::{Console, Entra, Reply};
use reqwest::Method;
use rollcall::domain::provisioning::troubles;
use rollcall::domain::settings;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

async fn found(entra: &Entra, kind: &str, filter: &str) -> Reply {
    let filter: String = byte_serialize(filter.as_bytes()).collect();
    entra.get(&format!("/{kind}?filter={filter}")).await
}

fn open(console: &Console) -> Vec<troubles::Open> {
    console.write(settings::touch);
    console.org.read(|conn| troubles::open(conn, console.clock.now())).unwrap()
}

async fn raw(entra: &Entra, path: &str, body: &str) -> Reply {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
    ];
    entra.raw(Method::POST, path, &headers, Some(body.to_owned())).await
}

/// With spaces at the ends, with what cannot be seen, with both.
const TEXTS: [&str; 8] = [
    "Sales ",
    " Sales2",
    "Ops\u{200B} Team",
    "\u{202A}Ops\u{202C}",
    "Tab\tName",
    " Nl\nName\u{AD} ",
    "nb\u{A0}sp",
    "é\u{FE0F}té ",
];

#[actix_web::test]
async fn a_group_is_found_by_the_name_that_was_sent_and_by_the_one_that_is_answered() {
    let (_console, entra) = Console::with_entra();
    for text in TEXTS {
        let made = entra.post("/Groups", json!({ "displayName": text })).await;
        assert_eq!(made.status, 201, "{text:?}: {}", made.json);
        let answered = made.at("/displayName").as_str().unwrap().to_owned();
        for wanted in [text, &answered] {
            for op in ["eq", "co", "sw", "ew", "ge", "le"] {
                let reply = found(&entra, "Groups", &format!("displayName {op} {}", json!(wanted))).await;
                let ids: Vec<&str> = reply.json["Resources"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|one| one["id"].as_str())
                    .collect();
                assert!(ids.contains(&made.id().as_str()), "{op} {wanted:?}: {}", reply.json);
            }
            let mine = format!("displayName ne {0} and id eq \"{1}\"", json!(wanted), made.id());
            assert_eq!(found(&entra, "Groups", &mine).await.at("/totalResults"), 0, "{wanted:?}");
        }
        assert_eq!(entra.post("/Groups", json!({ "displayName": text })).await.status, 409, "{text:?}");
    }
}

#[actix_web::test]
async fn a_user_is_found_by_each_value_that_was_sent_or_is_answered() {
    let (_console, entra) = Console::with_entra();
    let paths = [
        ("displayName", "/displayName"),
        ("title", "/title"),
        ("nickName", "/nickName"),
        ("name.givenName", "/name/givenName"),
        ("emails[type eq \"work\"].value", "/emails/0/value"),
        ("emails.value", "/emails/0/value"),
        ("phoneNumbers[type eq \"mobile\"].value", "/phoneNumbers/0/value"),
        ("phoneNumbers.value", "/phoneNumbers/0/value"),
        ("department", "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department"),
        ("site", "/urn:ietf:params:scim:schemas:extension:rollcall:2.0:User/site"),
    ];
    for (number, text) in TEXTS.into_iter().enumerate() {
        let made = entra
            .post(
                "/Users",
                json!({
                    "userName": format!(" user{number}@example.com "), "displayName": text, "title": text, "nickName": text,
                    "name": { "givenName": text }, "emails": [{ "type": "work", "value": text }],
                    "phoneNumbers": [{ "type": "mobile", "value": text }], "department": text, "site": text,
                }),
            )
            .await;
        assert_eq!(made.status, 201, "{text:?}: {}", made.json);
        for (path, pointer) in paths {
            for wanted in [text, made.at(pointer).as_str().unwrap()] {
                let reply = found(&entra, "Users", &format!("{path} eq {}", json!(wanted))).await;
                assert_eq!(reply.at("/Resources/0/id"), made.at("/id"), "{path} {wanted:?}: {}", reply.json);
            }
        }
        for wanted in [format!(" user{number}@example.com "), format!("USER{number}@example.com")] {
            for op in ["eq", "sw", "co"] {
                let reply = found(&entra, "Users", &format!("userName {op} {}", json!(wanted))).await;
                assert_eq!(reply.at("/totalResults"), 1, "{op} {wanted:?}");
            }
        }
    }
    let hidden = found(&entra, "Users", "userName eq \"user1\u{200B}@example.com\"").await;
    assert_eq!(hidden.at("/totalResults"), 0, "a user name with such a character is another's");
}

#[actix_web::test]
async fn a_look_up_that_fails_counts_whatever_else_is_looked_up() {
    let (console, entra) = Console::with_entra();
    for number in 0..5 {
        for (kind, filter) in [
            ("Users", format!("workEmail eq \"p{number}@example.com\"")),
            ("Users", format!("userName eq \"p{number}@example.com\"")),
            ("Groups", format!("name eq \"g{number}\" and displayName pr")),
            ("Groups", format!("displayName eq \"g{number}\"")),
            ("Users", format!("userName is p{number}")),
        ] {
            let _ = found(&entra, kind, &filter).await;
        }
        let _ = entra.get("/Users?count=1").await;
        let search = json!({ "filter": format!("badge eq \"{number}\"") });
        assert_eq!(entra.post("/Users/.search", search).await.status, 400);
        let search = json!({ "filter": format!("userName eq \"{number}\"") });
        assert_eq!(entra.post("/Users/.search", search).await.status, 200);
    }
    let open = open(&console);
    // By what is asked about, not by the value: workEmail, name, badge; and what cannot be read.
    let mut counted: Vec<(i64, i64)> = open.iter().map(|one| (one.things, one.attempts)).collect();
    counted.sort_unstable();
    assert_eq!(counted, [(1, 5), (3, 15)], "{open:?}");
}

#[actix_web::test]
async fn a_secret_in_a_filter_is_told_nowhere() {
    let (console, entra) = Console::with_entra();
    for filter in
        ["Password eq 'SECRETPW", "password eq \"SECRETPW", "userName eq x and password is SECRETPW"]
    {
        let refused = found(&entra, "Users", filter).await;
        assert_eq!(refused.status, 400);
        assert!(!refused.json.to_string().contains("SECRETPW"), "{}", refused.json);
    }
    console.write(settings::touch);
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    assert!(!log.contains("SECRETPW"), "{log}");
}

#[actix_web::test]
async fn a_create_that_goes_well_settles_what_failed_before_it_had_a_name() {
    let (console, entra) = Console::with_entra();
    let others = [
        json!({ "externalId": "e1", "displayName": "Ana" }),
        json!({ "externalId": "e2" }),
        json!({ "emails": [{ "type": "work", "value": "bo@example.com" }] }),
    ];
    for (number, body) in others.into_iter().enumerate() {
        assert_eq!(entra.post("/Users", body.clone()).await.status, 400);
        assert_eq!(raw(&entra, "/Users", "{\"userName\":").await.status, 400);
        assert_eq!(open(&console).len(), 2, "{body}");
        let mut body: Value = body;
        body["userName"] = json!(format!("user{number}"));
        body["title"] = json!("Planner");
        assert_eq!(entra.post("/Users", body.clone()).await.status, 201);
        assert_eq!(open(&console), [], "{body}");
    }
    assert_eq!(entra.post("/Groups", json!({ "externalId": "g1" })).await.status, 400);
    assert_eq!(raw(&entra, "/Groups", "[").await.status, 400);
    assert_eq!(open(&console).len(), 2);
    assert_eq!(entra.post("/Groups", json!({ "externalId": "g1", "displayName": "Crew" })).await.status, 201);
    assert_eq!(open(&console), []);
}

#[actix_web::test]
async fn a_name_that_a_group_cannot_have_keeps_nobody_out_of_it() {
    let (_console, entra) = Console::with_entra();
    let ana = entra.post("/Users", json!({ "userName": "ana" })).await.id();
    let crew = entra.post("/Groups", json!({ "displayName": "Crew" })).await.id();
    let path = format!("/Groups/{crew}");
    let long = json!({ "op": "replace", "path": "displayName", "value": "x".repeat(300) });
    let add = json!({ "op": "add", "path": "members", "value": [{ "$ref": format!("../Users/{ana}") }] });
    assert_eq!(entra.patch(&path, json!([long, add])).await.status, 204);
    let read = entra.get(&path).await;
    assert_eq!((read.at("/displayName"), read.at("/members/0/value")), (&json!("Crew"), &json!(ana)));
    assert_eq!(entra.patch(&path, json!([long])).await.status, 400, "nothing else was asked");
    let read_only = json!({ "op": "replace", "path": "id", "value": "x" });
    let named = json!({ "op": "replace", "path": "displayName", "value": "Crew 2" });
    assert_eq!(entra.patch(&path, json!([read_only, named])).await.status, 204);
    assert_eq!(entra.get(&path).await.at("/displayName"), "Crew 2");
}
