//! What is left out and what is refused, through every way in, and what the log says of it (`docs/scim.md`).

use crate::harness::{Console, Entra, Reply};
use rollcall::domain::{Role, deprovisioning_guard};
use serde_json::{Value, json};

const SITE: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";
const SITE_8X8: &str = "urn:ietf:params:scim:schemas:extension:8x8:1.1:User";

async fn made(entra: &Entra, name: &str) -> String {
    let made =
        entra.post("/Users", json!({ "userName": name, "displayName": name, "title": "Planner" })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.id()
}

async fn log(console: &Console) -> String {
    console.signed_in("olga").await.get("/activity/provisioning").await.text()
}

/// The same operations by PATCH and by a PATCH within Bulk.
async fn by_both(entra: &Entra, id: &str, operations: Value) -> [(u16, Value); 2] {
    let alone = entra.patch(&format!("/Users/{id}"), operations.clone()).await;
    let bulk = json!({ "Operations": [{ "method": "PATCH", "path": format!("/Users/{id}"), "data": { "Operations": operations } }] });
    let bulk = entra.post("/Bulk", bulk).await;
    let within = bulk.at("/Operations/0/status").as_str().unwrap().parse().unwrap();
    [(alone.status, alone.json), (within, bulk.at("/Operations/0").clone())]
}

#[actix_web::test]
async fn an_unknown_attribute_is_left_out_and_the_log_and_the_users_page_say_so() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    let operations = json!([
        { "op": "Replace", "path": "shoeSize", "value": "41" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:acme:2.0:User:badge", "value": "7" },
        { "op": "Replace", "path": "title", "value": "Boss" },
    ]);
    for (status, json) in by_both(&entra, &id, operations).await {
        assert_eq!(status, 200, "{json}");
    }
    assert_eq!(entra.get(&format!("/Users/{id}")).await.at("/title"), "Boss");
    let whole = json!({ "userName": "ana", "title": "x".repeat(2000), "colour": "red", "password": "Pa55-w0rd-of-ana" });
    assert_eq!(entra.put(&format!("/Users/{id}"), whole).await.at("/title"), "Boss", "it stays as it was");
    let group = entra.post("/Groups", json!({ "displayName": "Crew", "shade": "dark" })).await;
    assert_eq!(group.status, 201);
    let path = format!("/Groups/{}", group.id());
    assert_eq!(
        entra.patch(&path, json!([{ "op": "Replace", "path": "tone", "value": "x" }])).await.status,
        204
    );

    let log = log(&console).await;
    for left_out in [
        "shoeSize",
        "acme:2.0:User:badge",
        "“title” was left out: it is longer than 1024 characters",
        "colour",
        "“password” was left out",
        "shade",
        "tone",
    ] {
        assert!(log.contains(left_out), "{left_out}\n{log}");
    }
    assert!(!log.contains("Pa55"), "no secret in the log");
    let key = console.find("ana").unwrap().id;
    let page = console.signed_in("olga").await.get(&format!("/users/{key}")).await.text();
    assert!(page.contains("“colour” was left out"), "{page}");
}

#[actix_web::test]
async fn a_leaver_leaves_whatever_else_the_request_asks() {
    let (console, entra) = Console::with_entra();
    // A dozen leavers among a dozen people are what the guard is for: not what this is about.
    console.write(|tx| {
        deprovisioning_guard::set(
            tx,
            deprovisioning_guard::Limits { enabled: false, ..deprovisioning_guard::Limits::default() },
        )
    });
    made(&entra, "taken").await;
    let off = json!({ "op": "Replace", "path": "active", "value": "False" });
    let neighbours = [
        json!({ "op": "Replace", "path": "userName", "value": "" }),
        json!({ "op": "Replace", "path": "userName", "value": "TAKEN" }),
        json!({ "op": "Replace", "path": "userName", "value": "olga" }),
        json!({ "op": "Replace", "path": "userName", "value": "x".repeat(300) }),
        json!({ "op": "Replace", "path": "userName", "value": { "a": 1 } }),
        json!({ "op": "Replace", "path": "title", "value": "x".repeat(2000) }),
        json!({ "op": "Replace", "path": "title", "value": ["a", "b"] }),
        json!({ "op": "Replace", "path": "nonsense[", "value": "x" }),
        json!({ "op": "Replace", "path": "id", "value": "x" }),
        json!({ "op": "Replace", "path": "emails", "value": "a@b.c" }),
        json!({ "op": "Sing", "path": "title", "value": "x" }),
    ];
    for (number, neighbour) in neighbours.iter().enumerate() {
        let name = format!("leaver{number}");
        let id = made(&entra, &name).await;
        let done = entra
            .patch(
                &format!("/Users/{id}"),
                json!([neighbour, off, { "op": "Add", "path": "nickName", "value": "Gone" }]),
            )
            .await;
        assert_eq!(
            (done.status, done.at("/active"), done.at("/nickName")),
            (200, &json!(false), &json!("Gone")),
            "{neighbour}: {}",
            done.json
        );
        assert_eq!(
            (done.at("/userName"), done.at("/title")),
            (&json!(name), &json!("Planner")),
            "{neighbour}"
        );
        assert!(!console.find(&name).unwrap().active, "{neighbour}");
        let page = console
            .signed_in("olga")
            .await
            .get(&format!("/users/{}", console.find(&name).unwrap().id))
            .await
            .text();
        assert!(page.contains("left out") || page.contains("Not done"), "{neighbour}\n{page}");
    }
    for body in [
        json!({ "active": false }),
        json!({ "userName": "taken", "active": "false", "title": "Left" }),
        json!({ "userName": 7, "active": false, "emails": { "value": "a@b.c" } }),
    ] {
        let name = format!("whole{}", body.to_string().len());
        let id = made(&entra, &name).await;
        let put = entra.put(&format!("/Users/{id}"), body.clone()).await;
        assert_eq!(
            (put.status, put.at("/active"), put.at("/userName")),
            (200, &json!(false), &json!(name)),
            "{body}: {}",
            put.json
        );
        let id = made(&entra, &format!("{name}b")).await;
        let bulk =
            json!({ "Operations": [{ "method": "PUT", "path": format!("/Users/{id}"), "data": body }] });
        assert_eq!(entra.post("/Bulk", bulk).await.at("/Operations/0/status"), "200");
        assert!(!console.find(&format!("{name}b")).unwrap().active, "{body}");
    }
    // Nobody else's request is taken for one of these.
    let id = made(&entra, "stays").await;
    let stays = entra.patch(&format!("/Users/{id}"), json!([{ "op": "Replace", "path": "userName", "value": "TAKEN" }, { "op": "Replace", "path": "active", "value": "True" }])).await;
    assert_eq!((stays.status, stays.at("/scimType")), (409, &json!("uniqueness")));
    // A version that the client names is another matter: RFC 7644 section 3.14.
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", entra.token)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
        ("If-Match".to_owned(), "W/\"99\"".to_owned()),
    ];
    let stale = entra
        .raw(
            reqwest::Method::PATCH,
            &format!("/Users/{id}"),
            &headers,
            Some(json!({ "Operations": [off] }).to_string()),
        )
        .await;
    assert_eq!(stale.status, 412);
}

#[actix_web::test]
async fn a_leaver_who_comes_back_by_a_create_and_is_barred_in_it_is_barred() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    let again = entra.post("/Users", json!({ "userName": "ana", "active": false, "title": 7 })).await;
    assert_eq!((again.status, again.at("/active")), (201, &json!(false)), "{}", again.json);
    assert!(!console.find("ana").unwrap().active);
    let new = entra.post("/Users", json!({ "userName": "bo", "active": false, "title": 7 })).await;
    assert_eq!(new.status, 400, "nobody is barred by it");
}

#[actix_web::test]
async fn what_makes_the_outcome_wrong_refuses_all_and_the_log_has_a_remedy() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    let refused = |reply: &Reply, kind: &str| {
        assert_eq!((reply.status, reply.at("/scimType")), (400, &json!(kind)), "{}", reply.json);
    };
    for (value, path) in [
        (json!("a@b.c"), "emails"),
        (json!({ "value": "1" }), "phoneNumbers"),
        (json!([7]), "roles"),
        (json!({ "a": 1 }), "title"),
    ] {
        let operations = json!([{ "op": "Replace", "path": "displayName", "value": "Changed" }, { "op": "Replace", "path": path, "value": value }]);
        for (status, json) in by_both(&entra, &id, operations).await {
            assert_eq!(status, 400, "{json}");
        }
        refused(
            &entra.put(&format!("/Users/{id}"), json!({ "userName": "ana", path: value })).await,
            "invalidValue",
        );
        refused(&entra.post("/Users", json!({ "userName": "new", path: value })).await, "invalidValue");
    }
    assert_eq!(entra.get(&format!("/Users/{id}")).await.at("/displayName"), "ana");
    assert!(console.find("new").is_none());
    let twice = entra
        .raw(
            reqwest::Method::POST,
            "/Users",
            &[
                ("Authorization".into(), format!("Bearer {}", entra.token)),
                ("Content-Type".into(), "application/scim+json".into()),
            ],
            Some("{\"userName\":\"bo\",\"title\":\"a\",\"Title\":\"b\"}".into()),
        )
        .await;
    refused(&twice, "invalidSyntax");
    assert!(twice.at("/detail").as_str().unwrap().contains("“Title” stands twice"));
    refused(
        &entra.get("/Users?filter=emails%5Btype+eq+%22work%22%5D.value+xx+%22a%22").await,
        "invalidFilter",
    );
    let log = log(&console).await;
    assert!(log.contains("“xx” is not an operator") && log.contains("ticked as matching"), "{log}");
}

#[actix_web::test]
async fn a_site_under_one_schema_follows_one_under_the_other() {
    let (console, entra) = Console::with_entra();
    let made = entra.post("/Users", json!({ "userName": "ana", SITE_8X8: { "site": "Nowhere yet" } })).await;
    assert_eq!(made.json[SITE_8X8]["site"], "Nowhere yet");
    console.site("Delft");
    let moved = entra
        .patch(
            &format!("/Users/{}", made.id()),
            json!([{ "op": "Add", "path": format!("{SITE}:site"), "value": "Delft" }]),
        )
        .await;
    assert_eq!((moved.status, &moved.json[SITE]["site"]), (200, &json!("Delft")), "{}", moved.json);
    assert!(console.find("ana").unwrap().site_id.is_some());
    let asked = entra.get(&format!("/Users/{}?attributes={SITE_8X8}:site", made.id())).await;
    assert_eq!(asked.json[SITE]["site"], "Delft", "either name asks for it");
    for urn in [SITE, SITE_8X8] {
        let told = entra.get(&format!("/Schemas/{urn}")).await;
        assert_eq!(
            (told.at("/attributes/0/name"), told.at("/attributes/0/mutability")),
            (&json!("site"), &json!("immutable"))
        );
    }
}

#[actix_web::test]
async fn what_a_protected_owner_is_called_is_told_to_nobody() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "Greta Groen").await;
    let other = made(&entra, "bo").await;
    let crew = entra
        .post("/Groups", json!({ "displayName": "Crew", "members": [{ "value": id }, { "value": other }] }))
        .await
        .id();
    let key = console.find("greta groen").unwrap().id;
    console.write(move |tx| rollcall::domain::admins::appoint(tx, &key, Role::Owner));
    let mut answers = Vec::new();
    for path in [
        format!("/Groups/{crew}"),
        "/Groups".to_owned(),
        "/Users".to_owned(),
        "/Users?filter=userName+eq+%22greta+groen%22".to_owned(),
        format!("/Groups?filter=members.value+eq+%22{id}%22"),
        "/Groups?filter=members.display+sw+%22Greta%22".to_owned(),
        format!("/Users/{id}"),
    ] {
        answers.push(entra.get(&path).await);
    }
    assert_eq!(answers[0].at("/members").as_array().unwrap().len(), 1);
    assert_eq!((answers[4].at("/totalResults"), answers[5].at("/totalResults")), (&json!(0), &json!(0)));
    let linked = entra.post("/Users", json!({ "userName": "BO" })).await;
    let hidden = entra.post("/Users", json!({ "userName": "GRETA GROEN" })).await;
    let renamed = entra
        .patch(
            &format!("/Users/{other}"),
            json!([{ "op": "Replace", "path": "userName", "value": "GRETA GROEN" }]),
        )
        .await;
    for reply in [&hidden, &renamed] {
        assert_eq!((reply.status, reply.at("/scimType")), (409, &json!("uniqueness")));
    }
    let neutral =
        |reply: &Reply| reply.at("/detail").as_str().unwrap().replace("BO", "X").replace("GRETA GROEN", "X");
    assert_eq!(neutral(&linked), neutral(&hidden), "as for any other account");
    answers.extend([hidden, renamed]);
    for reply in answers {
        let text = reply.json.to_string();
        assert!(!text.contains("Greta") && !text.contains("greta"), "{text}");
    }
    // Emptied by Entra ID, the group keeps whom it does not see.
    assert_eq!(
        entra
            .patch(&format!("/Groups/{crew}"), json!([{ "op": "replace", "path": "members", "value": [] }]))
            .await
            .status,
        204
    );
    assert_eq!(entra.get(&format!("/Groups/{crew}")).await.at("/members"), &Value::Null);
}
