//! What clients send in other shapes than the RFC's, over HTTP: nothing is lost, and a leaver leaves.

use crate::harness::{Console, Entra, Reply};
use chrono::TimeDelta;
use reqwest::Method;
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{Event, Filter, Operation, Outcome, list, troubles};
use rollcall::domain::users::lifecycle;
use rollcall::domain::{deprovisioning_guard, settings, sites};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SITE: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";

async fn made(entra: &Entra, body: Value) -> String {
    let made = entra.post("/Users", body).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.id()
}

/// The newest events, once all that is written behind answers stands there.
fn log(console: &Console) -> Vec<Event> {
    console.write(settings::touch);
    console.org.read(|conn| list(conn, &Filter::default(), &At::Start, 1000)).unwrap().items
}

fn open(console: &Console) -> Vec<troubles::Open> {
    console.write(settings::touch);
    console.org.read(|conn| troubles::open(conn, console.clock.now())).unwrap()
}

async fn raw(entra: &Entra, method: Method, path: &str, body: &str) -> Reply {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
    ];
    entra.raw(method, path, &headers, Some(body.to_owned())).await
}

#[actix_web::test]
async fn every_number_comes_back_and_sent_again_changes_nothing() {
    let (console, entra) = Console::with_entra();
    for (number, phones) in [
        json!([{ "type": "work", "value": "+2" }, { "type": "work", "value": "+3" }]),
        json!([{ "type": "mobile", "value": "+2" }, { "type": "mobile", "value": "+3", "display": "second" }]),
        json!([{ "type": "mobile", "value": "+2", "display": "first" }, { "type": "work", "value": "+1" }]),
        json!([{ "type": "Work", "value": "+2" }, { "type": "MOBILE", "value": "+4", "primary": true }]),
        json!([{ "type": "fax", "value": "+9" }, { "type": "work", "value": "+2" }, { "type": "WORK", "value": "+3" }]),
    ]
    .into_iter()
    .enumerate()
    {
        let id = made(&entra, json!({ "userName": format!("p{number}"), "phoneNumbers": phones })).await;
        let path = format!("/Users/{id}");
        let read = entra.get(&path).await;
        assert_eq!(read.at("/phoneNumbers"), &phones);
        let again = entra.put(&path, read.json.clone()).await;
        assert_eq!((again.at("/meta/version"), again.at("/phoneNumbers")), (read.at("/meta/version"), &phones));
        let first = &phones[0]["value"];
        let kind = phones[0]["type"].as_str().unwrap();
        let operation = json!([{ "op": "Replace", "path": format!("phoneNumbers[value eq {first}].type"), "value": kind }]);
        let again = entra.patch(&path, operation).await;
        assert_eq!((again.status, again.at("/meta/version")), (200, read.at("/meta/version")), "{}", again.json);
        let more = entra
            .patch(&path, json!([{ "op": "Add", "path": "phoneNumbers", "value": [{ "type": "work", "value": "+7" }] }]))
            .await;
        let wanted: Vec<&Value> = phones.as_array().unwrap().iter().collect();
        let got = more.at("/phoneNumbers").as_array().unwrap();
        assert_eq!(got[..wanted.len()].iter().collect::<Vec<_>>(), wanted);
        assert_eq!(got.last().unwrap()["value"], "+7");
        let key = console.find(&format!("p{number}")).unwrap();
        assert!(key.profile.work_phone.is_some());
    }
}

#[actix_web::test]
async fn a_leaver_leaves_whatever_else_a_bulk_request_holds() {
    let (console, entra) = Console::with_entra();
    console.write(|tx| {
        deprovisioning_guard::set(
            tx,
            deprovisioning_guard::Limits { enabled: false, ..deprovisioning_guard::Limits::default() },
        )
    });
    made(&entra, json!({ "userName": "taken" })).await;
    let off = r#"{"op":"Replace","path":"active","value":"False"}"#;
    let manager = r#"{"op":"Replace","path":"manager","value":"bulkId:none"}"#;
    let by_failed = r#"{"op":"Replace","path":"manager","value":"bulkId:m"}"#;
    for (number, operations) in [
        format!(r#"{{"method":"PATCH","path":"/Users/ID","data":{{"Operations":[{off},{{"op":"add","value":{{"title":"a","Title":"b"}}}}]}}}}"#),
        format!(r#"{{"method":"PATCH","path":"/Users/ID","data":{{"Operations":[{manager},{off}]}}}}"#),
        format!(
            r#"{{"method":"POST","path":"/Users","bulkId":"m","data":{{"userName":"taken"}}}},
               {{"method":"PATCH","path":"/Users/ID","data":{{"Operations":[{off},{by_failed}]}}}}"#
        ),
        format!(
            r#"{{"method":"PATCH","path":"/Users/ID","bulkId":"1","data":{{"Operations":[]}}}},
               {{"method":"PATCH","path":"/Users/ID","bulkId":"1","data":{{"Operations":[{off}]}}}}"#
        ),
        format!(
            r#"{{"method":"PUT","path":"/Users/ID","data":{{"userName":"taken","urn:ietf:params:scim:schemas:core:2.0:User:active":false,
               "{ENTERPRISE}":{{"manager":{{"value":"bulkId:none"}}}}}}}}"#
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("leaver{number}");
        let id = made(&entra, json!({ "userName": name, "title": "Planner" })).await;
        let body = format!(r#"{{"Operations":[{}]}}"#, operations.replace("ID", &id));
        let reply = raw(&entra, Method::POST, "/Bulk", &body).await;
        let last = reply.at("/Operations").as_array().map(|all| all.last().unwrap()["status"].clone());
        assert_eq!(last, Some(json!("200")), "{body}: {}", reply.json);
        let user = console.find(&name).unwrap();
        assert!(!user.active, "{body}");
        if operations.contains("Title") {
            assert_eq!(user.profile.title.as_deref(), Some("Planner"), "what stands twice is not done");
        }
    }
    let shown: Vec<String> = log(&console).into_iter().filter_map(|event| event.error).collect();
    let shown = shown.join(" ");
    assert!(shown.contains("Nothing was made under the bulkId “none”"), "{shown}");
    assert!(!log(&console).iter().any(|event| event.request.as_deref().unwrap_or_default().contains('\0')));
}

#[actix_web::test]
async fn one_member_that_cannot_be_leaves_the_others_in_the_group() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, json!({ "userName": "ana" })).await;
    let bulk = json!({ "Operations": [
        { "method": "POST", "path": "/Groups", "bulkId": "g",
          "data": { "displayName": "Crew", "members": [{ "value": "bulkId:none" }, { "value": "bulkId:g" }, { "value": id }] } },
        { "method": "PATCH", "path": format!("/Users/{id}"), "data": { "Operations": [{ "op": "replace", "path": "title", "value": "bulkId:hello" }] } },
    ]});
    let reply = entra.post("/Bulk", bulk).await;
    assert_eq!(
        (reply.at("/Operations/0/status"), reply.at("/Operations/1/status")),
        (&json!("201"), &json!("200")),
        "{}",
        reply.json
    );
    assert_eq!(entra.get(&format!("/Users/{id}")).await.at("/title"), "bulkId:hello");
    let crew = entra.get("/Groups?filter=displayName+eq+Crew").await;
    assert_eq!(crew.at("/Resources/0/members").as_array().unwrap().len(), 1);
    let group = crew.at("/Resources/0/id").as_str().unwrap().to_owned();
    let both =
        json!([{ "op": "Replace", "path": "members", "value": [{ "value": group }, { "value": id }] }]);
    assert_eq!(entra.patch(&format!("/Groups/{group}"), both).await.status, 204);
    let last = log(&console).into_iter().find(|event| event.operation == Operation::ChangeGroup).unwrap();
    assert!(
        last.outcome == Outcome::Warning && last.error.unwrap().contains("a group is no member of itself")
    );
}

#[actix_web::test]
async fn a_refused_operation_of_a_bulk_request_keeps_its_person() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, json!({ "userName": "ana" })).await;
    let ana = console.find("ana").unwrap().id;
    for operation in [
        json!({ "method": "PATCH", "path": format!("/Users/{id}") }),
        json!({ "method": "GET", "path": format!("/Users/{id}"), "data": {} }),
        json!({ "method": "POST", "path": format!("/Users/{id}"), "data": {} }),
    ] {
        let reply = entra.post("/Bulk", json!({ "Operations": [operation] })).await;
        assert_eq!(reply.at("/Operations/0/status"), "400", "{operation}");
        let event = log(&console).remove(0);
        assert_eq!(
            (event.user_id.as_ref(), event.subject.as_deref()),
            (Some(&ana), Some("ana")),
            "{operation}"
        );
        assert!(event.request.unwrap().contains(&id));
    }
}

#[actix_web::test]
async fn a_site_that_entra_withdraws_is_waited_for_no_more() {
    let (console, entra) = Console::with_entra();
    let site = format!("{SITE}:site");
    for (number, withdrawal) in [
        json!([{ "op": "remove", "path": site }]),
        json!([{ "op": "replace", "path": site, "value": "" }]),
        json!([{ "op": "replace", "value": { SITE: { "site": null } } }]),
        json!(null),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("u{number}");
        let id = made(&entra, json!({ "userName": name, SITE: { "site": "Ghost" } })).await;
        let path = format!("/Users/{id}");
        let titled = entra.patch(&path, json!([{ "op": "replace", "path": "title", "value": "x" }])).await;
        assert_eq!(titled.json[SITE]["site"], "Ghost");
        assert_eq!(log(&console)[0].outcome, Outcome::Done, "nobody named the site");
        let named = entra.patch(&path, json!([{ "op": "replace", "path": site, "value": "Ghost" }])).await;
        assert_eq!((named.status, log(&console)[0].outcome), (200, Outcome::Warning));
        let gone = if withdrawal.is_null() {
            entra.put(&path, json!({ "userName": name })).await
        } else {
            entra.patch(&path, withdrawal.clone()).await
        };
        assert_eq!((gone.status, gone.json.get(SITE)), (200, None), "{withdrawal}: {}", gone.json);
        assert!(console.find(&name).unwrap().site_sent.is_none());
        let event = log(&console).remove(0);
        assert_eq!(event.changes().last().and_then(|change| change.before.clone()).as_deref(), Some("Ghost"));
    }
    assert!(console.org.read(sites::unknown).unwrap().is_empty());
    console.site("Ghost");
    assert!(console.find("u0").unwrap().site_id.is_none());
    // One that is set stays, and whoever takes it away is told.
    let id = made(&entra, json!({ "userName": "set", SITE: { "site": "Ghost" } })).await;
    let kept = entra.patch(&format!("/Users/{id}"), json!([{ "op": "remove", "path": site }])).await;
    assert_eq!(kept.json[SITE]["site"], "Ghost");
    assert!(log(&console)[0].error.as_ref().unwrap().contains("The site was not taken away"));
    let whole = entra.put(&format!("/Users/{id}"), json!({ "userName": "set" })).await;
    assert_eq!((&whole.json[SITE]["site"], log(&console)[0].outcome), (&json!("Ghost"), Outcome::Done));
}

#[actix_web::test]
async fn what_went_well_under_the_same_name_or_address_settles_what_failed() {
    let (console, entra) = Console::with_entra();
    let title = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    let old = made(&entra, json!({ "userName": "ana", "displayName": "Ana Lima" })).await;
    let key = console.find("ana").unwrap().id;
    console.write(move |tx| lifecycle::delete(tx, &[key]));
    assert_eq!(entra.patch(&format!("/Users/{old}"), title.clone()).await.status, 404);
    assert_eq!(entra.get(&format!("/Users/{old}")).await.status, 404);
    assert_eq!(open(&console).len(), 1, "one cause");
    made(&entra, json!({ "userName": "ANA" })).await;
    assert_eq!(open(&console), []);

    let crew = entra.post("/Groups", json!({ "displayName": "Crew" })).await.id();
    entra.delete(&format!("/Groups/{crew}")).await;
    entra.patch(&format!("/Groups/{crew}"), json!([{ "op": "add", "path": "members", "value": [] }])).await;
    assert_eq!(open(&console).len(), 1);
    made(&entra, json!({ "userName": "Crew" })).await;
    assert_eq!(open(&console).len(), 1, "a user of that name is no group");
    entra.post("/Groups", json!({ "displayName": "crew" })).await;
    assert_eq!(open(&console), []);

    for number in 0..4 {
        assert_eq!(entra.get(&format!("/Users?filter=workEmail+eq+%22p{number}%22")).await.status, 400);
    }
    let failing = open(&console);
    assert_eq!((failing.len(), failing[0].things, failing[0].attempts), (1, 1, 4), "{failing:?}");
    entra.get("/Groups?filter=displayName+eq+%22x%22").await;
    entra.find("somebody").await;
    assert_eq!(open(&console).len(), 1, "another look-up goes well all the while");
    console.clock.advance(TimeDelta::hours(3));
    entra.get("/Groups?filter=displayName+eq+%22x%22").await;
    assert_eq!(open(&console).len(), 1, "another address");
    entra.find("somebody").await;
    assert_eq!(open(&console), [], "nobody looks up by the other any more");
}

#[actix_web::test]
async fn a_leaver_under_a_protected_owners_name_has_the_remedy_of_a_refusal() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, json!({ "userName": "ana" })).await;
    let operations = json!([{ "op": "replace", "path": "userName", "value": "olga" }, { "op": "replace", "path": "active", "value": false }]);
    assert_eq!(entra.patch(&format!("/Users/{id}"), operations).await.status, 200);
    let event = log(&console).remove(0);
    assert_eq!(event.outcome, Outcome::Warning);
    assert!(event.remedy.unwrap().contains("Hand the account over under Administrators"));
    assert!(!console.find("ana").unwrap().active);
}

#[actix_web::test]
async fn what_a_search_asks_wrongly_is_told_with_a_remedy_that_fits() {
    let (console, entra) = Console::with_entra();
    let id =
        made(&entra, json!({ "userName": "ana", "displayName": "\u{200b}\u{200b}", "title": "a\u{200b}b" }))
            .await;
    assert_eq!(
        entra.get(&format!("/Users/{id}")).await.at("/displayName"),
        &Value::Null,
        "nothing can be seen of it"
    );
    assert_eq!(entra.get("/Users?count=&startIndex=&filter=&sortBy=").await.status, 200);
    for query in ["count=abc", "attributes=emails%5Btype+eq", "excludedAttributes=a%5B"] {
        let refused = entra.get(&format!("/Users?{query}")).await;
        assert_eq!((refused.status, refused.at("/scimType")), (400, &json!("invalidValue")), "{query}");
        let event = log(&console).remove(0);
        assert!(event.remedy.unwrap().contains("a fault of the client"), "{query}");
    }
    let path = format!("/Users/{id}?attributes=emails%5Btype+eq");
    assert_eq!(entra.get(&path).await.status, 400);
    assert_eq!(
        entra.patch(&path, json!([{ "op": "replace", "path": "title", "value": "x" }])).await.status,
        400
    );
    assert_eq!(
        console.find("ana").unwrap().profile.title.as_deref(),
        Some("ab"),
        "refused before it is done"
    );
    entra.get("/Users?filter=password+eq+%22SECRETPW%22").await;
    entra.get("/Users?filter=title+pr+and+PassWord+sw+%22SECRETPW%22").await;
    assert!(!format!("{:?}", log(&console)).contains("SECRETPW"));
    for (names, wanted) in [("manager,department", 404), ("manager", 404)] {
        let none = entra.get(&format!("/Users/none?attributes={names}")).await;
        assert_eq!(none.status, wanted);
    }
}
