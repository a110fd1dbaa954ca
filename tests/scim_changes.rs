//! Versions, many operations at once, and what this server says of itself (RFC 7644 sections 3.7, 3.11, 3.14 and 4).

use crate::harness::{Console, Entra, Reply};
use reqwest::Method;
use serde_json::{Value, json};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

async fn with(entra: &Entra, method: Method, path: &str, header: (&str, &str), body: Option<Value>) -> Reply {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
        (header.0.to_owned(), header.1.to_owned()),
    ];
    entra.raw(method, path, &headers, body.map(|body| body.to_string())).await
}

fn title(value: &str) -> Value {
    json!({ "Operations": [{ "op": "replace", "path": "title", "value": value }] })
}

#[actix_web::test]
async fn a_version_saves_an_answer_and_keeps_writers_apart() {
    let (_console, entra) = Console::with_entra();
    let made = entra.post("/Users", json!({ "userName": "ana@example.com" })).await;
    let path = format!("/Users/{}", made.id());
    let first = made.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(made.at("/meta/version"), &json!(first));
    assert!(first.starts_with("W/\""));

    let known = with(&entra, Method::GET, &path, ("If-None-Match", &first), None).await;
    assert_eq!((known.status, &known.json), (304, &Value::Null));
    assert_eq!(known.headers["etag"].to_str().unwrap(), first);
    let other = with(&entra, Method::GET, &path, ("If-None-Match", "W/\"77\", \"x\""), None).await;
    assert_eq!(other.status, 200);

    let changed = with(&entra, Method::PATCH, &path, ("If-Match", &first), Some(title("Planner"))).await;
    assert_eq!(changed.status, 200);
    let second = changed.headers["etag"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    for (method, body) in [
        (Method::PATCH, Some(title("Thief"))),
        (Method::PUT, Some(json!({ "userName": "thief@example.com" }))),
        (Method::DELETE, None),
    ] {
        let stale = with(&entra, method.clone(), &path, ("If-Match", &first), body).await;
        assert_eq!(stale.status, 412, "{method}");
        assert_eq!(stale.at("/status"), "412");
    }
    let same = with(&entra, Method::PATCH, &path, ("If-Match", "*"), Some(title("Planner"))).await;
    assert_eq!(
        (same.status, same.headers["etag"].to_str().unwrap()),
        (200, second.as_str()),
        "no change, no new version"
    );
    assert_eq!(with(&entra, Method::DELETE, &path, ("If-Match", &second), None).await.status, 204);
}

#[actix_web::test]
async fn bulk_makes_a_user_and_a_group_that_refer_to_each_other() {
    let (_console, entra) = Console::with_entra();
    let body = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Groups", "bulkId": "crew",
          "data": { "displayName": "Crew", "members": [{ "type": "User", "value": "bulkId:ana" }] } },
        { "method": "POST", "path": "/Users", "bulkId": "ana",
          "data": { "userName": "ana@example.com",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "bulkId:bo" } } } },
        { "method": "post", "path": "/Users", "bulkId": "bo", "data": { "userName": "bo@example.com" } },
        { "method": "PATCH", "path": "/Users/bulkId:bo", "data": title("Boss") },
    ] });
    let done = entra.post("/Bulk", body).await;
    assert_eq!(done.status, 200, "{}", done.json);
    assert_eq!(done.at("/schemas/0"), "urn:ietf:params:scim:api:messages:2.0:BulkResponse");
    let results = done.at("/Operations").as_array().unwrap();
    let statuses: Vec<&str> = results.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "201", "200"]);
    assert_eq!(results[0]["bulkId"], "crew");
    assert!(results[0]["location"].as_str().unwrap().contains("/scim/v2/Groups/"));
    assert!(results[1]["version"].as_str().unwrap().starts_with("W/"));
    let ana = entra.find("ana@example.com").await;
    let bo = entra.find("bo@example.com").await;
    assert_eq!(ana.at("/Resources/0/groups/0/display"), "Crew");
    assert_eq!(
        ana.at("/Resources/0/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value"),
        bo.at("/Resources/0/id")
    );
    assert_eq!(bo.at("/Resources/0/title"), "Boss");
}

// RFC 7644 section 3.7.1: circular references are resolved where that is possible.
#[actix_web::test]
async fn bulk_resolves_references_in_a_circle() {
    let (_console, entra) = Console::with_entra();
    let group = |own: &str, other: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": own,
                "data": { "displayName": own, "members": [{ "type": "Group", "value": format!("bulkId:{other}") }] } })
    };
    let done = entra
        .post("/Bulk", json!({ "schemas": [BULK], "Operations": [group("a", "b"), group("b", "a")] }))
        .await;
    for (at, (own, other)) in [("a", "b"), ("b", "a")].into_iter().enumerate() {
        let result = done.at(&format!("/Operations/{at}"));
        assert_eq!((&result["bulkId"], &result["status"]), (&json!(own), &json!("201")));
        let path = result["location"].as_str().unwrap().split("/scim/v2").nth(1).unwrap();
        let shown = entra.get(path).await;
        assert_eq!(shown.at("/members/0/display"), other);
        assert_eq!(shown.at("/meta/version"), &result["version"]);
    }
}

#[actix_web::test]
async fn bulk_keeps_what_went_well_and_stops_at_the_errors_that_are_allowed() {
    let (_console, entra) = Console::with_entra();
    let user = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } });
    let bad = json!({ "method": "POST", "path": "/Users", "bulkId": "bad", "data": {} });
    let lost = json!({ "method": "DELETE", "path": "/Users/nobody" });
    let operations = json!([user("one"), bad, user("two"), lost, user("three")]);
    let all = entra.post("/Bulk", json!({ "schemas": [BULK], "Operations": operations })).await;
    let status = |at: usize| all.at(&format!("/Operations/{at}/status")).as_str().unwrap();
    assert_eq!([status(0), status(1), status(2), status(3), status(4)], ["201", "400", "201", "404", "201"]);
    assert_eq!(all.at("/Operations/1/response/scimType"), "invalidValue");
    assert_eq!(all.at("/Operations/1/location"), &Value::Null);
    assert!(all.at("/Operations/3/location").as_str().unwrap().ends_with("/Users/nobody"));

    let operations = json!([user("four"), bad, user("five"), lost, user("six")]);
    let some =
        entra.post("/Bulk", json!({ "schemas": [BULK], "failOnErrors": 1, "Operations": operations })).await;
    assert_eq!(some.at("/Operations").as_array().unwrap().len(), 2);
    assert_eq!(entra.find("four").await.at("/totalResults"), 1);
    assert_eq!(entra.find("five").await.at("/totalResults"), 0);

    let operations = json!([bad, lost, user("seven"), bad]);
    let all = entra.post("/Bulk", json!({ "failOnErrors": 0, "Operations": operations })).await;
    assert_eq!(all.at("/Operations").as_array().unwrap().len(), 4, "zero is no limit");
    assert_eq!(entra.find("seven").await.at("/totalResults"), 1);
}

#[actix_web::test]
async fn bulk_that_is_no_bulk_or_too_much_is_refused() {
    let (_console, entra) = Console::with_entra();
    let one = json!({ "method": "POST", "path": "/Users", "data": { "userName": "x" } });
    let many: Vec<Value> = (0..1001).map(|_| one.clone()).collect();
    for (body, status) in [
        (json!({}), 400),
        (json!({ "schemas": ["urn:x"], "Operations": [] }), 400),
        (json!({ "schemas": [BULK], "failOnErrors": -1, "Operations": [] }), 400),
        (json!({ "schemas": [BULK], "Operations": many }), 413),
    ] {
        assert_eq!(entra.post("/Bulk", body).await.status, status);
    }
    let odd = json!({ "schemas": [BULK], "Operations": [
        { "method": "GET", "path": "/Users/x" },
        { "method": "POST", "path": "/Users/x", "data": {} },
        { "method": "PUT", "path": "/Users", "data": {} },
        { "method": "PATCH", "path": "/Boats/x", "data": {} },
        { "method": "POST", "path": "/Users" },
        { "method": "DELETE", "path": "/Users/bulkId:nobody" },
        7,
    ] });
    let done = entra.post("/Bulk", odd).await;
    for result in done.at("/Operations").as_array().unwrap() {
        assert_eq!(result["status"], "400", "{result}");
    }
    let stale = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "v", "data": { "userName": "v" } },
        { "method": "PATCH", "path": "/Users/bulkId:v", "version": "W/\"9\"", "data": title("x") },
    ] });
    assert_eq!(entra.post("/Bulk", stale).await.at("/Operations/1/status"), "412");
}

#[actix_web::test]
async fn the_server_tells_what_it_can_and_refuses_what_it_cannot() {
    let (_console, entra) = Console::with_entra();
    let config = entra.get("/ServiceProviderConfig").await;
    for able in ["/patch", "/bulk", "/filter", "/sort", "/etag"] {
        assert_eq!(config.at(&format!("{able}/supported")), true, "{able}");
    }
    assert_eq!(config.at("/changePassword/supported"), false);
    let types = entra.get("/ResourceTypes").await;
    assert_eq!(
        (types.at("/totalResults"), types.at("/Resources/1/endpoint")),
        (&json!(2), &json!("/Groups"))
    );
    let schemas = entra.get("/Schemas").await;
    let told = schemas.at("/Resources").as_array().unwrap();
    assert_eq!(schemas.at("/totalResults"), told.len());
    assert!(told.iter().any(|one| one["id"] == "urn:ietf:params:scim:schemas:core:2.0:Group"));
    assert!(!schemas.json.to_string().contains("null"), "Entra ID takes no nulls there");
    for path in ["/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", "/ResourceTypes/Group"] {
        assert_eq!(entra.get(path).await.status, 200, "{path}");
    }
    for path in ["/Schemas/urn:x", "/ResourceTypes/Boat", "/Boats", "/Users/nobody", "/Groups/nobody"] {
        assert_eq!(entra.get(path).await.status, 404, "{path}");
    }
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        assert_eq!(entra.get(&format!("{path}?filter=id+pr")).await.status, 403, "{path}");
    }
    assert_eq!(entra.get("/Me").await.status, 501);
    for (method, path) in [
        (Method::DELETE, "/Users"),
        (Method::POST, "/Users/x"),
        (Method::GET, "/Bulk"),
        (Method::PUT, "/Schemas"),
    ] {
        let refused = entra.send(method, path, None).await;
        assert_eq!((refused.status, refused.at("/status")), (405, &json!("405")), "{path}");
    }
    let text =
        with(&entra, Method::POST, "/Users", ("Content-Type", "text/xml"), Some(json!({ "userName": "x" })))
            .await;
    assert!([201, 415].contains(&text.status));
    let xml = entra
        .raw(
            Method::POST,
            "/Users",
            &[
                ("Authorization".into(), format!("Bearer {}", entra.token)),
                ("Content-Type".into(), "application/xml".into()),
            ],
            Some("<a/>".into()),
        )
        .await;
    assert_eq!(xml.status, 415);
}

#[actix_web::test]
async fn who_sends_too_much_hears_when_to_come_again_and_nobody_else_does() {
    let (mut console, entra) = Console::with_entra();
    let address = console.served_with_limit(5);
    let (busy, calm) = (Entra::new(&address, &entra.token), console.entra("Another"));
    let calm = Entra::new(&address, &calm.token);
    let mut refused = None;
    for _ in 0..20 {
        let reply = busy.get("/Users?count=0").await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("twenty requests are more than five a second");
    assert_eq!((refused.status, refused.at("/status")), (429, &json!("429")));
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(calm.get("/Users?count=0").await.status, 200, "each credential by itself");
    let log = console.signed_in("olga").await.get("/activity/provisioning?outcome=trouble").await;
    assert!(log.text().contains("scim_requests_per_second"), "{}", log.text());
}

#[actix_web::test]
async fn the_log_tells_what_was_done_to_groups_and_by_many_operations() {
    let (console, entra) = Console::with_entra();
    let body = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "ana", "data": { "userName": "ana", "displayName": "Ana" } },
        { "method": "POST", "path": "/Groups", "bulkId": "crew",
          "data": { "displayName": "Crew", "members": [{ "value": "bulkId:ana" }] } },
        { "method": "POST", "path": "/Users", "data": {} },
    ] });
    let done = entra.post("/Bulk", body).await;
    let path =
        done.at("/Operations/1/location").as_str().unwrap().split("/scim/v2").nth(1).unwrap().to_owned();
    entra.patch(&path, json!([{ "op": "Replace", "path": "displayName", "value": "Crew 2" }])).await;
    entra.patch(&path, json!([{ "op": "Remove", "path": "members" }])).await;
    entra.delete(&path).await;
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    for line in [
        "Entra ID created Ana.",
        "Entra ID created the group Crew.",
        "Entra ID tried to create a user.",
        "userName is required and must not be empty.",
        "Entra ID sent many operations at once: 3 operations, of which 1 failed.",
        "Entra ID changed the name of the group Crew 2 from “Crew” to “Crew 2”.",
        "Entra ID took Ana out of the group Crew 2.",
        "Entra ID deleted the group Crew 2.",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}
