//! An account with a role that Entra ID gives back, or gives to another person: nothing that the one before knows is good.

use crate::harness::idp::{OBJECT_ID, Says};
use crate::harness::{Console, Entra, PASSWORD};
use rollcall::domain::admins::links;
use rollcall::domain::users::{EntraState, User, by_hand, lifecycle};
use rollcall::domain::{Role, admins, deprovisioning_guard, held};
use serde_json::{Value, json};

const ANN: &str = "ann@x.example";

fn set(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "Replace", "path": path, "value": value.into() }])
}

async fn patch(console: &Console, entra: &Entra, operations: Value) {
    let id = console.find(ANN).unwrap().scim_id;
    let done = entra.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(done.status, 200, "{}", done.json);
}

/// An administrator, or an owner who was handed over, with a password and a device, linked to Entra ID.
async fn ann(role: Role) -> (Console, Entra) {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    let id = console.admin(ANN, role).id;
    if role == Role::Owner {
        console.write(move |tx| admins::hand_over(tx, &id, true));
    }
    console.signed_in(ANN).await;
    patch(&console, &entra, set("externalId", "object-1")).await;
    assert_eq!(comes_in_by_password(&console).await, 303, "nothing is void because of a first link");
    assert!(console.find(ANN).unwrap().user_name_counts());
    (console, entra)
}

async fn comes_in_by_password(console: &Console) -> u16 {
    let page = console.browser().get("/sign-in").await;
    page.submit("/sign-in", &[("user_name", ANN), ("password", PASSWORD)]).await.status
}

async fn assert_begun_anew(console: &Console, way: &str) {
    let now = console.find(ANN).unwrap();
    assert!(now.role > Role::None && now.active, "{way}");
    assert!(!now.has_password, "{way}");
    assert_ne!(comes_in_by_password(console).await, 303, "{way}");
    assert!(!now.user_name_counts() && now.waits_for_an_owner(), "{way}");
    assert_eq!(console.browser().bring(&Says::of(console, ANN)).await.status, 403, "{way}");
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/").await.text().contains("is recognised at sign-in was changed"), "{way}");
    let page = format!("/administrators/{}", now.id);
    olga.submit(&page, &format!("{page}/recognition"), &[]).await;
    assert_eq!(
        console.browser().bring(&Says::of(console, ANN)).await.status,
        303,
        "{way}: an owner confirmed it"
    );
}

#[actix_web::test]
async fn whoever_comes_back_by_scim_finds_nothing_of_the_one_before() {
    for role in [Role::Auditor, Role::Administrator, Role::Owner] {
        let (console, entra) = ann(role).await;
        let before = console.find(ANN).unwrap();
        assert_eq!(entra.delete(&format!("/Users/{}", before.scim_id)).await.status, 204);
        let another = json!({ "userName": ANN, "active": true, "displayName": "Ann Another" });
        assert_eq!(entra.post("/Users", another).await.status, 201);
        assert_begun_anew(&console, "deleted and created").await;

        let (console, entra) = ann(role).await;
        patch(&console, &entra, set("active", false)).await;
        patch(&console, &entra, set("active", "True")).await;
        assert_begun_anew(&console, "deactivated and reactivated").await;

        let (console, entra) = ann(role).await;
        patch(&console, &entra, set("externalId", "object-2")).await;
        assert_begun_anew(&console, "another object").await;
    }
}

#[actix_web::test]
async fn another_object_in_two_steps_is_another_object_too() {
    let (console, entra) = ann(Role::Administrator).await;
    let id = console.find(ANN).unwrap().id;
    let (_, link) = console.write(move |tx| links::make(tx, &id));
    let signed_in = console.signed_in(ANN).await;
    patch(&console, &entra, json!([{ "op": "Remove", "path": "externalId" }])).await;
    patch(&console, &entra, set("externalId", "object-2")).await;
    assert_eq!(signed_in.get("/account").await.status, 303, "signed out");
    let opened = console.browser().get(&format!("/password/{}", link.secret.expose())).await;
    assert_eq!(opened.status, 404, "{}", opened.text());
    assert_begun_anew(&console, "two steps").await;
}

#[actix_web::test]
async fn an_account_that_is_linked_to_another_object_by_hand_begins_anew() {
    let (console, entra) = ann(Role::Administrator).await;
    let id = console.find(ANN).unwrap().id;
    let key = id.clone();
    console.write(move |tx| by_hand::release(tx, &key));
    let another = json!({ "userName": ANN, "externalId": "object-2", "active": true });
    assert_eq!(entra.post("/Users", another).await.status, 409);
    console.write(move |tx| by_hand::link(tx, &id));
    assert_begun_anew(&console, "linked by hand").await;
}

#[actix_web::test]
async fn what_an_owner_deactivated_by_hand_only_an_owner_reactivates() {
    type Way = fn(&User) -> (reqwest::Method, String, Option<Value>);
    let ways: [(&str, Way); 3] = [
        ("PATCH", |user| {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": set("active", true),
            });
            (reqwest::Method::PATCH, format!("/Users/{}", user.scim_id), Some(body))
        }),
        ("PUT", |user| {
            let body = json!({ "userName": ANN, "externalId": "object-1", "active": true });
            (reqwest::Method::PUT, format!("/Users/{}", user.scim_id), Some(body))
        }),
        ("Bulk", |user| {
            let operation = json!({
                "method": "PATCH", "path": format!("/Users/{}", user.scim_id),
                "data": { "Operations": set("active", true) },
            });
            let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
            (
                reqwest::Method::POST,
                "/Bulk".into(),
                Some(json!({ "schemas": schemas, "Operations": [operation] })),
            )
        }),
    ];
    let (console, entra) = ann(Role::Administrator).await;
    let id = console.find(ANN).unwrap().id;
    let key = id.clone();
    console.write(move |tx| lifecycle::deactivate(tx, &key));
    for (way, request) in ways {
        let (method, path, body) = request(&console.find(ANN).unwrap());
        assert_eq!(entra.send(method, &path, body).await.status, 200, "{way}");
        assert!(!console.find(ANN).unwrap().active, "{way}");
    }
    let scim_id = console.find(ANN).unwrap().scim_id;
    assert_eq!(entra.get(&format!("/Users/{scim_id}")).await.at("/active"), false, "no pretence");
    assert_eq!(entra.delete(&format!("/Users/{scim_id}")).await.status, 204);
    assert_eq!(entra.post("/Users", json!({ "userName": ANN, "active": true })).await.status, 201);
    assert!(!console.find(ANN).unwrap().active, "created again");
    console.write(rollcall::domain::settings::touch);
    let olga = console.signed_in("olga").await;
    let log = olga.get("/activity/provisioning?outcome=warning").await;
    assert!(log.text().contains("An owner of Rollcall can reactivate it."), "{}", log.text());
    console.write(move |tx| lifecycle::reactivate(tx, &id));
    assert!(console.find(ANN).unwrap().active);
}

#[actix_web::test]
async fn a_plain_user_who_was_deactivated_by_hand_is_entra_ids_to_reactivate() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": ANN, "active": true })).await.id();
    let key = console.find(ANN).unwrap().id;
    console.write(move |tx| lifecycle::deactivate(tx, &key));
    entra.patch(&format!("/Users/{id}"), set("active", true)).await;
    assert!(console.find(ANN).unwrap().active);
}

#[actix_web::test]
async fn a_deactivation_by_hand_stays_whatever_was_held_back_before() {
    for deletes in [false, true] {
        let (console, entra) = ann(Role::Administrator).await;
        let (id, scim_id) = console.find(ANN).map(|user| (user.id, user.scim_id)).unwrap();
        let none = deprovisioning_guard::Measure { people: 0, share: 0 };
        let accounts = deprovisioning_guard::Measures { hour: none, day: none };
        console.write(move |tx| {
            deprovisioning_guard::set(
                tx,
                deprovisioning_guard::Limits { accounts, ..deprovisioning_guard::Limits::default() },
            )
        });
        if deletes {
            assert_eq!(entra.delete(&format!("/Users/{scim_id}")).await.status, 204);
        } else {
            patch(&console, &entra, set("active", false)).await;
        }
        assert!(console.find(ANN).unwrap().is_held(), "{deletes}");
        let olga = console.signed_in("olga").await;
        let page = format!("/users/{id}");
        assert_eq!(olga.submit(&page, &format!("{page}/deactivate"), &[]).await.status, 303);
        let now = console.find(ANN).unwrap();
        assert!(!now.active && now.deactivated_by_hand && !now.is_held(), "{deletes}: decided");
        assert_eq!(now.entra_state == EntraState::Deleted, deletes, "what Entra ID saw done is done");
        assert!(!olga.get(&page).await.text().contains("keeps access"), "{deletes}");
        // Whatever the token says then, an owner decided.
        if deletes {
            let again = entra.post("/Users", json!({ "userName": ANN, "active": true })).await;
            assert_eq!((again.status, again.at("/active")), (201, &json!(false)));
        } else {
            patch(&console, &entra, set("active", true)).await;
        }
        assert!(!console.find(ANN).unwrap().active, "{deletes}");
    }
}

#[actix_web::test]
async fn what_the_guard_lets_go_is_entra_ids_doing_and_entra_ids_to_undo() {
    let (console, entra) = ann(Role::Administrator).await;
    let none = deprovisioning_guard::Measure { people: 0, share: 0 };
    let accounts = deprovisioning_guard::Measures { hour: none, day: none };
    console.write(move |tx| {
        deprovisioning_guard::set(
            tx,
            deprovisioning_guard::Limits { accounts, ..deprovisioning_guard::Limits::default() },
        )
    });
    patch(&console, &entra, set("active", false)).await;
    let id = console.find(ANN).unwrap().id;
    console
        .write(move |tx| held::decide(tx, held::Verdict::Release, &[held::Named { id, shown: None }], &[]));
    let now = console.find(ANN).unwrap();
    assert!(!now.active && !now.deactivated_by_hand);
    patch(&console, &entra, set("active", true)).await;
    assert!(console.find(ANN).unwrap().active);
}

#[actix_web::test]
async fn another_object_is_let_in_and_the_former_is_not_whichever_way_the_account_came_to_it() {
    const FORMER: &str = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa";
    const LATTER: &str = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb";
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    for way in ["linked by hand", "deleted and created", "another external id"] {
        let name = format!("{}@x.example", way.replace(' ', "-"));
        let status = async |object: &str, name: &str| {
            let object = format!("{}{:02}", &object[..34], way.len());
            console.browser().bring(&Says::of(&console, name).with(OBJECT_ID, &object)).await.status
        };
        let person = |id: &str| json!({ "userName": name, "externalId": id, "active": true });
        assert_eq!(entra.post("/Users", person("old")).await.status, 201);
        assert_eq!(status(FORMER, &name).await, 303, "{way}");
        let user = console.find(&name).unwrap();
        assert!(user.entra_object_id.is_some());
        let (path, key) = (format!("/Users/{}", user.scim_id), user.id.clone());
        match way {
            "linked by hand" => {
                assert_eq!(entra.delete(&path).await.status, 204);
                console.write(move |tx| by_hand::release(tx, &key));
                assert_eq!(entra.post("/Users", person("new")).await.status, 409);
                let key = user.id.clone();
                console.write(move |tx| by_hand::link(tx, &key));
                let found = console.find(&name).unwrap().scim_id;
                assert_eq!(entra.patch(&format!("/Users/{found}"), set("active", true)).await.status, 200);
            }
            "deleted and created" => {
                assert_eq!(entra.delete(&path).await.status, 204);
                assert_eq!(entra.post("/Users", person("new")).await.status, 201);
            }
            _ => assert_eq!(entra.patch(&path, set("externalId", "new")).await.status, 200),
        }
        assert_eq!(console.find(&name).unwrap().entra_object_id, None, "{way}");
        assert_eq!(status(LATTER, &name).await, 303, "{way}: the new object");
        assert_eq!(status(FORMER, "somebody@x.example").await, 403, "{way}: the old object");
    }
}
