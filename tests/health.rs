//! Health at a glance: what worries an administrator appears and goes, and the test of the connection tells the truth.

use crate::harness::{Console, Page};
use chrono::TimeDelta;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::identity::tokens;
use rollcall::domain::settings;
use rollcall::domain::users::by_entra::Scope;
use serde_json::json;

async fn identity(console: &Console) -> Page {
    // Log lines of reads are written along with the next write.
    console.write(settings::touch);
    console.signed_in("olga").await.get("/identity").await
}

async fn home(console: &Console) -> String {
    console.signed_in("olga").await.get("/").await.text()
}

#[actix_web::test]
async fn silence_for_two_cycles_is_a_warning_until_the_next_request() {
    let (console, entra) = Console::with_entra();
    assert!(
        !identity(&console).await.text().contains("has not called"),
        "it never came: that is another matter"
    );
    entra.find("nobody@example.com").await;
    console.write(settings::touch);
    console.clock.advance(TimeDelta::minutes(89));
    assert!(!identity(&console).await.text().contains("has not called"));
    console.clock.advance(TimeDelta::minutes(2));
    assert!(identity(&console).await.text().contains("has not called for 91 minutes"));
    assert!(home(&console).await.contains("has not called"));
    entra.find("nobody@example.com").await;
    assert!(!identity(&console).await.text().contains("has not called"));
}

#[actix_web::test]
async fn failures_in_a_row_are_told_with_their_cause() {
    let (console, entra) = Console::with_entra();
    entra.post("/Users", json!({ "userName": "ana" })).await;
    entra.post("/Users", json!({ "userName": "ana" })).await;
    let page = identity(&console).await;
    assert!(page.text().contains("One provisioning request failed in the last 24 hours."));
    for _ in 0..2 {
        entra.post("/Users", json!({ "userName": "ana" })).await;
    }
    let page = identity(&console).await;
    assert!(page.text().contains("3 of the last day’s 4 provisioning requests failed. Most often: A user with userName “ana” exists"), "{}", page.text());
    assert!(
        page.text().contains("4 requests in the last 24 hours, of which 3 failed"),
        "the chart says so in words"
    );
    assert_eq!(page.body.matches("class=\"room\"").count(), 24);
    console.clock.advance(TimeDelta::hours(25));
    assert!(!identity(&console).await.text().contains("failed. Most often"));
}

#[actix_web::test]
async fn an_ending_token_a_missing_one_and_a_pause_are_told() {
    let console = Console::open();
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    assert!(identity(&console).await.text().contains("Entra ID cannot get in"));
    console.write(|tx| tokens::create(tx, "short", Some(20)));
    assert!(
        identity(&console).await.text().contains("“short” expires in 20 days, and no other lasts longer")
    );
    console.write(|tx| tokens::create(tx, "long", None));
    let page = identity(&console).await.text();
    assert!(page.contains("“short” expires in 20 days.") && !page.contains("no other lasts longer"));
    console.switch(State::Paused, PauseAnswer::Unavailable, Scope::AllUsers);
    let page = identity(&console).await.text();
    assert!(
        page.contains("User provisioning is paused: Entra ID changes nothing")
            && !page.contains("expires in 20 days.")
    );
}

#[actix_web::test]
async fn sites_that_nobody_made_are_told() {
    let (console, entra) = Console::with_entra();
    entra.post("/Users", json!({
        "userName": "ana", "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": { "site": "Nowhere" },
    })).await;
    assert!(identity(&console).await.text().contains("One user waits for a site"));
    console.site("Nowhere");
    assert!(!identity(&console).await.text().contains("waits for a site"));
}

#[actix_web::test]
async fn the_connection_is_tested_as_entra_id_does() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    let tested = olga.submit("/identity", "/identity/provisioning/test", &[]).await;
    assert_eq!(tested.status, 200);
    let text = tested.text();
    assert_eq!(text.matches("Passed").count(), 3, "{text}");
    assert!(text.contains("200 application/scim+json, totalResults 0"));
    assert!(text.contains("/scim/v2/Users?filter=userName+eq+%22"));
    assert!(!tested.body.contains(&entra.token), "the token is not shown");
    console.write(settings::touch);
    let log = olga.get("/activity/provisioning?operation=probe").await.text();
    assert_eq!(log.matches("tested the connection").count(), 2, "{log}");

    console.switch(State::Paused, PauseAnswer::Unavailable, Scope::AllUsers);
    let tested = olga.submit("/identity", "/identity/provisioning/test", &[]).await;
    assert_eq!(tested.text().matches("Failed").count(), 3);
    assert!(tested.text().contains("User provisioning is paused, or Rollcall is overloaded."));
}

#[actix_web::test]
async fn without_a_token_there_is_nothing_to_test() {
    let console = Console::open();
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    let olga = console.signed_in("olga").await;
    let told = olga.submit("/identity", "/identity/provisioning/test", &[]).await.refused();
    assert!(told.text().contains("There is no live API token."));
}

#[actix_web::test]
async fn what_somebody_settles_here_is_no_longer_told_as_failing() {
    use rollcall::domain::users::{by_hand, lifecycle};
    let (console, entra) = Console::with_entra();
    let made = |name: &'static str| console.user(name, None).id;
    let [ana, bob, cy] = ["ana", "bob", "cy"].map(made);
    let failing = async |console: &Console| {
        console.write(settings::touch);
        home(console).await
    };
    for name in ["ana", "bob", "cy"] {
        assert_eq!(entra.post("/Users", json!({ "userName": name, "active": true })).await.status, 409);
    }
    let told = failing(&console).await;
    assert!(
        told.contains("3 users: An account with userName exists and is not linked to Entra ID. Link the"),
        "{told}"
    );
    console.write(move |tx| lifecycle::delete(tx, &[ana]));
    assert!(failing(&console).await.contains("2 users: An account"));
    console.write(move |tx| by_hand::link(tx, &bob));
    assert!(!failing(&console).await.contains("2 users"));
    console.write(move |tx| {
        let profile = rollcall::domain::users::Profile::named("cyrus");
        by_hand::change(tx, &cy, by_hand::LocalProfile { profile, email: None })
    });
    let told = failing(&console).await;
    assert!(!told.contains("not linked to Entra ID"), "{told}");
}
