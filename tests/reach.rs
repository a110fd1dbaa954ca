//! A protected owner is nothing to Entra ID: neither seen nor changed nor taken over, whatever was asked before.

use crate::harness::{Console, Entra};
use reqwest::Method;
use rollcall::domain::held::Verdict;
use rollcall::domain::users::{EntraState, Held};
use rollcall::domain::{Role, admins, held};
use serde_json::{Value, json};

/// Entra ID makes twenty people and deletes twelve, of whom the guard holds the last back: that one's name.
async fn held_for_deletion(entra: &Entra, prefix: &str) -> String {
    let mut ids = Vec::new();
    for number in 0..20 {
        let made = json!({ "userName": format!("{prefix}{number}@x.example"), "active": true });
        ids.push(entra.post("/Users", made).await.id());
    }
    for id in &ids[..12] {
        assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    }
    format!("{prefix}11@x.example")
}

/// Every request by which SCIM could see the account or change it; none may.
async fn assert_out_of_reach(console: &Console, entra: &Entra, name: &str, old_id: &str) {
    let before = console.find(name).unwrap();
    let gone = json!({ "userName": name, "active": false, "displayName": "Gone" });
    assert_eq!(entra.post("/Users", gone.clone()).await.status, 409, "POST");
    assert_eq!(entra.find(name).await.at("/totalResults"), 0);
    for id in [old_id, &before.scim_id] {
        let path = format!("/Users/{id}");
        assert_eq!(entra.get(&path).await.status, 404, "GET");
        assert_eq!(entra.put(&path, gone.clone()).await.status, 404, "PUT");
        let bar = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
        assert_eq!(entra.patch(&path, bar).await.status, 404, "PATCH");
        assert_eq!(entra.delete(&path).await.status, 404, "DELETE");
        let group =
            json!({ "displayName": format!("of {id} {}", before.version), "members": [{ "value": id }] });
        let members = entra.post("/Groups", group).await;
        assert!(members.at("/members").as_array().is_none_or(Vec::is_empty), "{}", members.json);
    }
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": gone },
            { "method": "DELETE", "path": format!("/Users/{}", before.scim_id) },
        ],
    });
    let answer = entra.send(Method::POST, "/Bulk", Some(bulk)).await;
    let status = |at: usize| answer.at(&format!("/Operations/{at}/status")).clone();
    assert_eq!((status(0), status(1)), (Value::from("409"), Value::from("404")), "{}", answer.json);
    let after = console.find(name).unwrap();
    assert_eq!((after.version, after.active, after.held), (before.version, true, None));
    assert_eq!((after.entra_state, after.profile), (EntraState::Unlinked, before.profile));
}

#[actix_web::test]
async fn an_account_whose_deletion_is_held_back_is_out_of_reach_once_it_is_an_owners() {
    let (console, entra) = Console::with_entra();
    let name = held_for_deletion(&entra, "u").await;
    let before = console.find(&name).unwrap();
    assert_eq!(before.held, Some(Held::Delete));
    let olga = console.signed_in("olga").await;
    let look = [("appointed", name.as_str()), ("role", "owner"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    assert!(
        shown.text().contains("Entra ID asked to delete this user, which is held back"),
        "{}",
        shown.text()
    );
    shown.submit("/administrators/appoint", &[]).await;
    assert_eq!(console.find(&name).unwrap().role, Role::Owner);
    assert_out_of_reach(&console, &entra, &name, &before.scim_id).await;
    // Nor does a verdict on everything that is held back reach it.
    let task = console.write(|tx| {
        let all = held::everything(tx.conn, None)?;
        held::begin_all(tx, Verdict::Release, &all)
    });
    rollcall::domain::bulk::run(console.org.clone(), task).await.unwrap();
    assert_out_of_reach(&console, &entra, &name, &before.scim_id).await;
}

#[actix_web::test]
async fn an_owner_who_was_handed_over_and_is_protected_again_is_out_of_reach_whatever_was_held_back() {
    let (console, entra) = Console::with_entra();
    let held_name = json!([{ "op": "Replace", "path": "userName", "value": "other@x.example" }]);
    let bar = json!([{ "op": "Replace", "path": "active", "value": false }]);
    let handed_over = |name: &'static str| {
        let id = console.admin(name, Role::Owner).id;
        console.write(move |tx| admins::hand_over(tx, &id, true))
    };
    let (gone, barred, renamed) =
        (handed_over("gone@x.example"), handed_over("barred@x.example"), handed_over("named@x.example"));
    held_for_deletion(&entra, "w").await;
    assert_eq!(entra.delete(&format!("/Users/{}", gone.scim_id)).await.status, 204);
    assert_eq!(entra.patch(&format!("/Users/{}", barred.scim_id), bar).await.status, 200);
    // Enough new names for the next one to wait.
    for number in 12..20 {
        let id = console.find(&format!("w{number}@x.example")).unwrap().scim_id;
        let name = json!([{ "op": "Replace", "path": "userName", "value": format!("v{number}@x.example") }]);
        entra.patch(&format!("/Users/{id}"), name).await;
    }
    assert_eq!(entra.patch(&format!("/Users/{}", renamed.scim_id), held_name).await.status, 200);
    assert_eq!(console.find("gone@x.example").unwrap().held, Some(Held::Delete));
    assert_eq!(console.find("barred@x.example").unwrap().held, Some(Held::Deactivate));
    assert_eq!(console.find("named@x.example").unwrap().held_name.as_deref(), Some("other@x.example"));
    for owner in [gone, barred, renamed] {
        let (id, name) = (owner.id.clone(), owner.profile.user_name.clone());
        console.write(move |tx| admins::hand_over(tx, &id, false));
        assert_eq!(console.find(&name).unwrap().held_name, None);
        assert_out_of_reach(&console, &entra, &name, &owner.scim_id).await;
    }
    assert_eq!(
        entra.post("/Users", json!({ "userName": "other@x.example" })).await.status,
        201,
        "the name is free"
    );
}

#[actix_web::test]
async fn a_role_can_be_taken_from_whom_entra_deleted_and_none_can_be_given() {
    let (console, entra) = Console::with_entra();
    let adam = console.admin("adam@x.example", Role::Auditor);
    entra
        .patch(
            &format!("/Users/{}", adam.scim_id),
            json!([{ "op": "Replace", "path": "title", "value": "x" }]),
        )
        .await;
    assert_eq!(entra.delete(&format!("/Users/{}", adam.scim_id)).await.status, 204);
    let olga = console.signed_in("olga").await;
    let (page, action) =
        (format!("/administrators/{}", adam.id), format!("/administrators/{}/role", adam.id));
    let refused = olga.submit(&page, &action, &[("role", "owner")]).await.refused();
    assert!(refused.text().contains("can have no role"), "{}", refused.text());
    olga.submit(&page, &action, &[("role", "none")]).await;
    assert_eq!(console.find("adam@x.example").unwrap().role, Role::None);
}
