//! Groups by SCIM, in the dialects of Entra ID and Okta.

use crate::harness::{Console, Entra};
use serde_json::{Value, json};

async fn user(entra: &Entra, name: &str) -> String {
    let body = json!({ "userName": format!("{name}@example.com"), "displayName": name });
    entra.post("/Users", body).await.id()
}

async fn group(entra: &Entra, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let made = entra.post("/Groups", json!({ "displayName": name, "members": members })).await;
    assert_eq!(made.status, 201, "{}", made.json);
    made.id()
}

async fn members(entra: &Entra, id: &str) -> Vec<String> {
    let shown = entra.get(&format!("/Groups/{id}")).await;
    let all = shown.at("/members").as_array().cloned().unwrap_or_default();
    all.iter().map(|member| member["display"].as_str().unwrap().to_owned()).collect()
}

// Source: use-scim-to-provision-users-and-groups, "Create group" (an inventive schema, no members).
#[actix_web::test]
async fn entra_id_creates_a_group_and_then_looks_it_up() {
    let (_console, entra) = Console::with_entra();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
                    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "Quay crew",
        "meta": { "resourceType": "Group" },
    });
    let made = entra.post("/Groups", body.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.at("/meta/resourceType"), "Group");
    assert_eq!(made.headers["location"].to_str().unwrap(), made.at("/meta/location"));
    assert_eq!(made.headers["etag"].to_str().unwrap(), made.at("/meta/version"));
    let again = entra.post("/Groups", body).await;
    assert_eq!((again.status, again.at("/scimType")), (409, &json!("uniqueness")));
    let path = "/Groups?excludedAttributes=members&filter=displayName+eq+%22QUAY+crew%22";
    let found = entra.get(path).await;
    assert_eq!((found.at("/totalResults"), found.at("/Resources/0/id")), (&json!(1), &json!(made.id())));
    let read = entra.get(&format!("/Groups/{}?excludedAttributes=members", made.id())).await;
    assert_eq!(read.at("/externalId"), "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159");
}

#[actix_web::test]
async fn members_come_and_go_in_every_dialect() {
    let (_console, entra) = Console::with_entra();
    let [ana, bo, cy] = [user(&entra, "ana").await, user(&entra, "bo").await, user(&entra, "cy").await];
    let id = group(&entra, "Crew", &[]).await;
    let path = format!("/Groups/{id}");
    let patch = async |operations: Value| {
        let done = entra.patch(&path, operations).await;
        assert_eq!((done.status, &done.json), (204, &Value::Null));
        members(&entra, &id).await
    };
    // Entra ID by default: capitals, a list of values.
    let both = json!([{ "op": "Add", "path": "members", "value": [{ "value": ana }, { "$ref": null, "value": bo }] }]);
    assert_eq!(patch(both.clone()).await, ["ana", "bo"]);
    assert_eq!(patch(both).await, ["ana", "bo"], "being a member already is no error");
    assert_eq!(
        patch(json!([{ "op": "Remove", "path": "members", "value": [{ "value": ana }] }])).await,
        ["bo"]
    );
    // With the compatibility flag: a value path.
    let path_of = |id: &str| format!("members[value eq \"{id}\"]");
    assert_eq!(
        patch(json!([{ "op": "add", "path": "members", "value": [{ "value": cy }] }])).await,
        ["bo", "cy"]
    );
    assert_eq!(patch(json!([{ "op": "remove", "path": path_of(&bo) }])).await, ["cy"]);
    assert_eq!(
        patch(json!([{ "op": "remove", "path": path_of(&bo) }])).await,
        ["cy"],
        "nobody to remove is no error"
    );
    // Without a path, one object, a bare string.
    assert_eq!(
        patch(json!([{ "op": "add", "value": { "members": [{ "value": bo }] } }])).await,
        ["cy", "bo"]
    );
    assert_eq!(
        patch(json!([{ "op": "add", "path": "members", "value": { "value": ana } }])).await,
        ["cy", "bo", "ana"]
    );
    assert_eq!(patch(json!([{ "op": "remove", "path": "members[display sw \"b\"]" }])).await, ["cy", "ana"]);
    assert_eq!(
        patch(json!([{ "op": "replace", "path": "members", "value": [{ "value": bo }] }])).await,
        ["bo"]
    );
    assert_eq!(patch(json!([{ "op": "remove", "path": "members" }])).await, Vec::<String>::new());
    // A user tells the groups, read-only.
    patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ana }] }])).await;
    let shown = entra.get(&format!("/Users/{ana}")).await;
    assert_eq!(shown.at("/groups/0/display"), "Crew");
    assert_eq!(shown.at("/groups/0/value"), &json!(id));
    assert!(shown.at("/groups/0/$ref").as_str().unwrap().ends_with(&path));
}

#[actix_web::test]
async fn a_group_is_renamed_replaced_and_deleted() {
    let (_console, entra) = Console::with_entra();
    let ana = user(&entra, "ana").await;
    let id = group(&entra, "Crew", &[&ana]).await;
    group(&entra, "Other", &[]).await;
    let path = format!("/Groups/{id}");
    let renamed =
        entra.patch(&path, json!([{ "op": "Replace", "path": "displayName", "value": "Crew 2" }])).await;
    assert_eq!(renamed.status, 204);
    let told = entra
        .patch(
            &format!("{path}?attributes=displayName"),
            json!([{ "op": "replace", "value": { "id": "x", "displayName": "Crew 3", "externalId": "e" } }]),
        )
        .await;
    assert_eq!((told.status, told.at("/displayName")), (200, &json!("Crew 3")));
    let taken =
        entra.patch(&path, json!([{ "op": "replace", "path": "displayName", "value": "other" }])).await;
    assert_eq!((taken.status, taken.at("/scimType")), (409, &json!("uniqueness")));
    assert_eq!(members(&entra, &id).await, ["ana"]);
    // Okta replaces the whole.
    let whole = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": id, "displayName": "Crew 4", "members": [] });
    let replaced = entra.put(&path, whole).await;
    assert_eq!(
        (replaced.status, replaced.at("/displayName"), replaced.at("/externalId")),
        (200, &json!("Crew 4"), &Value::Null)
    );
    assert_eq!(members(&entra, &id).await, Vec::<String>::new());
    assert_eq!(entra.delete(&path).await.status, 204);
    for gone in [entra.get(&path).await, entra.delete(&path).await, entra.patch(&path, json!([])).await] {
        assert_eq!(gone.status, 404);
    }
    assert_eq!(entra.get(&format!("/Users/{ana}")).await.at("/active"), true, "its members stay");
}

#[actix_web::test]
async fn groups_stand_in_groups_and_users_who_go_leave_them() {
    let (_console, entra) = Console::with_entra();
    let ana = user(&entra, "ana").await;
    let inner = group(&entra, "Inner", &[&ana]).await;
    let outer = group(&entra, "Outer", &[&inner, &ana]).await;
    let shown = entra.get(&format!("/Groups/{outer}")).await;
    assert_eq!((shown.at("/members/0/type"), shown.at("/members/1/type")), (&json!("Group"), &json!("User")));
    assert!(shown.at("/members/0/$ref").as_str().unwrap().ends_with(&format!("/Groups/{inner}")));
    assert_eq!(entra.delete(&format!("/Users/{ana}")).await.status, 204);
    assert_eq!(members(&entra, &outer).await, ["Inner"]);
    assert_eq!(entra.delete(&format!("/Groups/{inner}")).await.status, 204);
    assert_eq!(members(&entra, &outer).await, Vec::<String>::new());
}

#[actix_web::test]
async fn what_cannot_be_of_a_group_is_refused_whole() {
    let (_console, entra) = Console::with_entra();
    let ana = user(&entra, "ana").await;
    let id = group(&entra, "Crew", &[]).await;
    let path = format!("/Groups/{id}");
    let cases = [
        (json!([{ "op": "add", "path": "members", "value": "nobody" }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "displayName", "value": "" }]), "invalidValue"),
        (json!([{ "op": "remove", "path": "displayName" }]), "mutability"),
        (
            json!([{ "op": "replace", "path": format!("members[value eq \"{ana}\"].value"), "value": "x" }]),
            "mutability",
        ),
        (json!([{ "op": "replace", "path": "members[value eq", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "paint", "path": "displayName", "value": "x" }]), "invalidSyntax"),
    ];
    for (operations, kind) in cases {
        let mut all = vec![json!({ "op": "add", "path": "members", "value": [{ "value": ana }] })];
        all.extend(operations.as_array().unwrap().clone());
        let refused = entra.patch(&path, Value::Array(all)).await;
        assert_eq!(
            (refused.status, refused.at("/scimType")),
            (400, &json!(kind)),
            "{operations}: {}",
            refused.json
        );
        assert_eq!(members(&entra, &id).await, Vec::<String>::new(), "nothing of it is kept");
    }
    for body in [
        json!({}),
        json!({ "displayName": " " }),
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "displayName": "x" }),
    ] {
        let refused = entra.post("/Groups", body.clone()).await;
        assert_eq!((refused.status, refused.at("/scimType")), (400, &json!("invalidValue")), "{body}");
    }
}

#[actix_web::test]
async fn a_user_or_a_group_that_is_gone_keeps_nobody_else_out_of_a_group() {
    let (console, entra) = Console::with_entra();
    let (ana, bo) = (user(&entra, "ana").await, user(&entra, "bo").await);
    let gone = console.find("ana@example.com").unwrap().id;
    console.write(move |tx| rollcall::domain::users::lifecycle::delete(tx, &[gone]));
    let crew = group(&entra, "Old crew", &[]).await;
    assert_eq!(entra.delete(&format!("/Groups/{crew}")).await.status, 204);
    let id = group(&entra, "Crew", &[&ana, &crew, &bo]).await;
    assert_eq!(members(&entra, &id).await, ["bo"]);
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    for (name, what) in [("ana@example.com", "user"), ("Old crew", "group")] {
        let line = format!("{name} was left out of the group: that {what}'s id is gone for good.");
        assert!(log.contains(&line), "{line}\n{log}");
    }
}

#[actix_web::test]
async fn members_whom_nobody_knows_keep_nobody_else_out_of_a_group() {
    let (console, entra) = Console::with_entra();
    let (ana, bo) = (user(&entra, "ana").await, user(&entra, "bo").await);
    let stranger = "0193b2f0-0000-7000-8000-000000000000";
    let id = group(&entra, "Crew", &[&ana, stranger]).await;
    assert_eq!(members(&entra, &id).await, ["ana"]);
    let path = format!("/Groups/{id}");
    let both =
        json!([{ "op": "Add", "path": "members", "value": [{ "value": "x1" }, { "value": bo }, {}, null] }]);
    assert_eq!(entra.patch(&path, both).await.status, 204);
    assert_eq!(members(&entra, &id).await, ["ana", "bo"]);
    let whole = json!({ "displayName": "Crew", "members": [{ "value": "x2" }, { "value": bo }] });
    assert_eq!(entra.put(&path, whole.clone()).await.status, 200);
    let bulk = json!({ "Operations": [{ "method": "PUT", "path": path, "data": whole }] });
    assert_eq!(entra.post("/Bulk", bulk).await.at("/Operations/0/status"), "200");
    assert_eq!(members(&entra, &id).await, ["bo"]);
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    for id in [stranger, "x1", "x2"] {
        let line =
            format!("A member was left out of the group: there is no user or group with the id “{id}”.");
        assert!(log.contains(&line), "{line}\n{log}");
    }
    assert!(log.contains("“members[2]” was left out"), "{log}");
}

#[actix_web::test]
async fn a_group_that_is_sent_again_as_it_is_changes_nothing() {
    let (console, entra) = Console::with_entra();
    let [ana, bo] = [user(&entra, "ana").await, user(&entra, "bo").await];
    let inner = group(&entra, "Inner", &[&ana]).await;
    let id = group(&entra, "Outer", &[&inner, &bo, &ana]).await;
    let path = format!("/Groups/{id}");
    let before = entra.get(&path).await;
    let members = |ids: [&str; 3]| ids.map(|id| json!({ "value": id }));
    let again = json!({ "displayName": "Outer", "members": members([&ana, &inner, &bo]) });
    assert_eq!(entra.put(&path, again).await.status, 200);
    let all = json!([{ "op": "replace", "path": "members", "value": members([&bo, &ana, &inner]) }]);
    assert_eq!(entra.patch(&path, all).await.status, 204);
    let after = entra.get(&path).await;
    assert_eq!((after.at("/members"), after.at("/meta")), (before.at("/members"), before.at("/meta")));
    let log = console.signed_in("olga").await.get("/activity?kind=group").await.text();
    assert_eq!(log.matches("changed the group Outer").count(), 1, "when it was made: {log}");
}

#[actix_web::test]
async fn however_many_members_nobody_knows_the_log_names_some_and_counts_the_rest() {
    let (console, entra) = Console::with_entra();
    let ana = user(&entra, "ana").await;
    let strangers: Vec<String> = (0..50).map(|number| format!("stranger-{number:02}")).collect();
    let sent: Vec<&str> = strangers.iter().map(String::as_str).chain([ana.as_str()]).collect();
    let id = group(&entra, "Crew", &sent).await;
    assert_eq!(members(&entra, &id).await, ["ana"]);
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    assert!(log.contains("with the id “stranger-09”.") && !log.contains("stranger-10"), "{log}");
    assert!(log.contains("So were 40 more, for there is no user or group with their ids."), "{log}");
}
