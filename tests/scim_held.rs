//! What the guard holds back is told as held each time that Entra ID asks for it, and a name that waits is decided there.

use crate::guard::{active, bar, crew, name, renamed, strict};
use crate::harness::{Console, Entra};
use rollcall::domain::deprovisioning_guard::{self, Limits, Measure};
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{Event, Filter, Outcome, list};
use rollcall::domain::settings;
use serde_json::{Value, json};

fn last(console: &Console) -> Event {
    console.write(settings::touch);
    let mut events = console.org.read(|conn| list(conn, &Filter::default(), &At::Start, 1)).unwrap().items;
    events.remove(0)
}

async fn told(console: &Console, entra: &Entra, id: &str, operations: Value) -> (Outcome, String) {
    let done = entra.patch(&format!("/Users/{id}"), operations.clone()).await;
    assert_eq!(done.status, 200, "{operations}: {}", done.json);
    let event = last(console);
    (event.outcome, event.error.unwrap_or_default())
}

#[actix_web::test]
async fn a_leaver_who_is_held_is_told_as_held_at_each_try() {
    let (console, entra, ids) = crew(12);
    strict(&console, 1);
    for id in &ids[..2] {
        bar(&entra, id).await;
    }
    let sentence = format!("{} may still sign in", name(1));
    let off = &active(false)[0];
    for operations in [
        json!([off]),
        json!([off, { "op": "Replace", "path": "title", "value": "Left" }]),
        json!([{ "op": "Replace", "value": { "active": false } }]),
        json!([off, { "op": "Replace", "path": "userName", "value": name(5) }]),
    ] {
        let (outcome, error) = told(&console, &entra, &ids[1], operations.clone()).await;
        assert_eq!(outcome, Outcome::Held, "{operations}");
        assert_eq!(error.matches(&sentence).count(), 1, "{operations}: {error}");
    }
    let path = format!("/Users/{}", ids[1]);
    assert_eq!(entra.put(&path, json!({ "userName": name(1), "active": false })).await.status, 200);
    assert_eq!(last(&console).outcome, Outcome::Held);
    let bulk =
        json!({ "Operations": [{ "method": "PATCH", "path": path, "data": { "Operations": [off] } }] });
    assert_eq!(entra.post("/Bulk", bulk).await.status, 200);
    assert_eq!(last(&console).outcome, Outcome::Held);
    let title = json!([{ "op": "Replace", "path": "title", "value": "Else" }]);
    assert_eq!(
        told(&console, &entra, &ids[1], title).await,
        (Outcome::Done, String::new()),
        "of it nothing is said"
    );
}

#[actix_web::test]
async fn a_name_that_is_held_is_told_as_held_and_who_wants_either_name_learns_where_it_is_decided() {
    let (console, entra, ids) = crew(12);
    let measure = Measure { people: 1, share: 0 };
    console.write(move |tx| {
        deprovisioning_guard::set(
            tx,
            Limits {
                user_names: deprovisioning_guard::Measures { hour: measure, day: measure },
                ..Limits::default()
            },
        )
    });
    assert_eq!(told(&console, &entra, &ids[0], renamed("first@example.com")).await.0, Outcome::Done);
    for operations in [
        renamed("second@example.com"),
        renamed("second@example.com"),
        json!([{ "op": "Replace", "value": { "userName": "SECOND@example.com", "title": "New" } }]),
    ] {
        let (outcome, error) = told(&console, &entra, &ids[1], operations.clone()).await;
        assert_eq!(outcome, Outcome::Held, "{operations}");
        assert!(error.contains(&format!("keeps “{}” until", name(1))), "{error}");
    }
    let title = json!([{ "op": "Replace", "path": "title", "value": "Else" }]);
    assert_eq!(told(&console, &entra, &ids[1], title).await.0, Outcome::Done);
    let remedy = "Release it, or keep the old name, under Held back.";
    for wanted in [name(1), "second@example.com".to_owned()] {
        let rename = entra.patch(&format!("/Users/{}", ids[3]), renamed(&wanted)).await;
        assert_eq!(rename.status, 409);
        assert!(last(&console).remedy.unwrap().ends_with(remedy), "{wanted}");
        assert_eq!(entra.post("/Users", json!({ "userName": wanted })).await.status, 409);
        assert!(last(&console).remedy.unwrap().ends_with(remedy), "{wanted}");
    }
    let leaver = json!([active(false)[0], renamed(&name(1))[0]]);
    assert_eq!(entra.patch(&format!("/Users/{}", ids[4]), leaver).await.at("/active"), false);
    assert!(last(&console).remedy.unwrap().ends_with(remedy));
}

#[actix_web::test]
async fn somebody_whose_deletion_is_held_comes_into_no_group() {
    let (console, entra, ids) = crew(12);
    strict(&console, 1);
    let group = entra.post("/Groups", json!({ "displayName": "Crew" })).await.id();
    for id in &ids[..2] {
        assert_eq!(entra.delete(&format!("/Users/{id}")).await.status, 204);
    }
    for (id, told) in [(&ids[0], "left out of the group"), (&ids[1], "Entra ID deleted that user before")] {
        let add =
            json!([{ "op": "add", "path": "members", "value": [{ "value": id }, { "value": ids[5] }] }]);
        assert_eq!(entra.patch(&format!("/Groups/{group}"), add).await.status, 204);
        let event = last(&console);
        assert_eq!(event.outcome, Outcome::Warning);
        assert!(event.error.as_deref().unwrap().contains(told), "{event:?}");
    }
    assert_eq!(entra.get(&format!("/Groups/{group}")).await.json["members"].as_array().unwrap().len(), 1);
}
