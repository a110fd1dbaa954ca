//! The provisioning log: a refused change says whom it was about, our own tests are ours, causes are counted by kind, and
//! strangers cannot fill it.

use crate::harness::{Browser, Console, Entra, Page};
use chrono::TimeDelta;
use reqwest::Method;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::identity::tokens;
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{self, Event, Outcome};
use rollcall::domain::users::by_entra::Scope;
use rollcall::domain::users::lifecycle;
use rollcall::domain::{Role, settings};
use rollcall::keys::UserId;
use rollcall::worker;
use serde_json::{Value, json};

/// The events, newest first.
fn log(console: &Console) -> Vec<Event> {
    // The log is written behind the answer: this write comes after it.
    console.write(settings::touch);
    let filter = provisioning::Filter::default();
    console.org.read(move |conn| provisioning::list(conn, &filter, &At::Start, 1000)).unwrap().items
}

fn last(console: &Console) -> Event {
    log(console).remove(0)
}

/// The last event, which must be a failure of this status about this person.
fn failed(console: &Console, status: i32, name: &str, user: Option<&UserId>) -> Event {
    let event = last(console);
    assert_eq!((event.status, event.outcome), (status, Outcome::Failed), "{event:?}");
    assert_eq!((event.subject.as_deref(), event.user_id.as_ref()), (Some(name), user), "{event:?}");
    assert!(event.sentence().contains(name), "{}", event.sentence());
    assert!(event.error.is_some() && event.remedy.is_some() && event.cause.is_some(), "{event:?}");
    assert!(event.request.is_some(), "{event:?}");
    event
}

async fn made(entra: &Entra, name: &str) -> String {
    let display = format!("{} Person", name.to_uppercase());
    entra.post("/Users", json!({ "userName": name, "displayName": display })).await.id()
}

/// Changes that are refused, each in another way.
async fn refuse_all_ways(entra: &Entra, path: &str) -> Vec<(Method, u16)> {
    let patch = |operations: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    let json_type = ("Content-Type".to_owned(), "application/scim+json".to_owned());
    let token = ("Authorization".to_owned(), format!("Bearer {}", entra.token));
    let stale = ("If-Match".to_owned(), "W/\"99\"".to_owned());
    let plain = vec![token, json_type];
    let careful = [plain.clone(), vec![stale]].concat();
    let rename = patch(json!([{ "op": "replace", "path": "userName", "value": "taken" }]));
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let put = json!({ "userName": "taken" });
    let mut ways = Vec::new();
    for (method, headers, body) in [
        (Method::PATCH, &plain, Some(rename.to_string())),
        (Method::PATCH, &careful, Some(title.to_string())),
        (Method::PATCH, &plain, Some("{ no json".to_owned())),
        (Method::PUT, &plain, Some(put.to_string())),
        (Method::PUT, &careful, Some(json!({ "userName": "new-name" }).to_string())),
        (Method::PUT, &plain, Some("[".to_owned())),
        (Method::DELETE, &careful, None),
    ] {
        let status = entra.raw(method.clone(), path, headers, body).await.status;
        ways.push((method, status));
    }
    ways
}

#[actix_web::test]
async fn a_refused_change_names_the_person_whatever_was_wrong_with_it() {
    let (console, entra) = Console::with_entra();
    made(&entra, "taken").await;
    let id = made(&entra, "ana").await;
    let user = console.find("ana").unwrap().id;
    let ways = refuse_all_ways(&entra, &format!("/Users/{id}")).await;
    let events: Vec<Event> = log(&console).into_iter().take(ways.len()).collect();
    for (event, (method, status)) in events.iter().rev().zip(&ways) {
        assert!(*status >= 400, "{method} {status}");
        assert_eq!(event.status, i32::from(*status), "{event:?}");
        assert_eq!(event.subject.as_deref(), Some("ANA Person"), "{event:?}");
        assert_eq!(event.user_id.as_ref(), Some(&user), "{event:?}");
        assert!(event.request.as_ref().unwrap().starts_with(&format!("{method} /Users/{id}")), "{event:?}");
        assert!(event.error.is_some() && event.remedy.is_some(), "{event:?}");
    }
    let olga = console.signed_in("olga").await;
    let page = olga.get("/activity/provisioning?outcome=failed").await;
    assert_eq!(page.text().matches("ANA Person").count(), ways.len(), "{}", page.text());
    assert!(page.has(&format!("a[href='/users/{user}']")));
    let renamed = olga.get(&format!("/activity/provisioning/{}", events[ways.len() - 1].id)).await;
    let text = renamed.text();
    for words in
        ["replace userName: “taken”", "PATCH /Users/", "“TAKEN Person” has this user name here", "409"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(renamed.has(&format!("a[href='/users/{user}']")));
}

#[actix_web::test]
async fn an_id_that_is_gone_is_named_by_what_is_left_of_it() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "gone").await;
    let key = console.find("gone").unwrap().id;
    console.write(move |tx| lifecycle::delete(tx, &[key]));
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(entra.send(method, &format!("/Users/{id}"), None).await.status, 404);
        let event = failed(&console, 404, "gone", None);
        assert!(event.remedy.unwrap().contains("deleted gone here by hand"));
    }
    entra
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": false }]))
        .await;
    failed(&console, 404, "gone", None);
    entra.put(&format!("/Users/{id}"), json!({ "userName": "gone" })).await;
    failed(&console, 404, "gone", None);

    let left = made(&entra, "left").await;
    entra.delete(&format!("/Users/{left}")).await;
    entra.patch(&format!("/Users/{left}"), json!([{ "op": "replace", "path": "title", "value": "x" }])).await;
    let key = console.find("left").unwrap().id;
    let event = failed(&console, 404, "LEFT Person", Some(&key));
    assert!(event.remedy.unwrap().contains("Entra ID deleted LEFT Person before"));
    made(&entra, "left").await;
    entra.delete(&format!("/Users/{left}")).await;
    let event = failed(&console, 404, "left", Some(&key));
    assert!(event.remedy.unwrap().contains("came into use again, under a new id"));

    entra.get("/Users/0199c0de-0000-7000-8000-000000000001").await;
    let event = failed(&console, 404, "id 0199c0de-0000-7000-8000-000000000001", None);
    assert!(event.remedy.unwrap().contains("No user had this id here"));
}

#[actix_web::test]
async fn a_refused_change_of_a_group_names_the_group() {
    let (console, entra) = Console::with_entra();
    entra.post("/Groups", json!({ "displayName": "Taken" })).await;
    let id = entra.post("/Groups", json!({ "displayName": "Drivers" })).await.id();
    let path = format!("/Groups/{id}");
    entra.patch(&path, json!([{ "op": "replace", "path": "displayName", "value": "Taken" }])).await;
    let event = failed(&console, 409, "Drivers", None);
    let key = event.group_id.clone().unwrap();
    entra.put(&path, json!({ "displayName": "" })).await;
    assert_eq!(failed(&console, 400, "Drivers", None).group_id.as_ref(), Some(&key));
    entra.post("/Groups", json!({ "displayName": "drivers" })).await;
    assert_eq!(failed(&console, 409, "drivers", None).group_id.as_ref(), Some(&key));
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/activity/provisioning/{}", event.id)).await;
    assert!(page.has(&format!("a[href='/groups/{key}']")), "{}", page.body);
    assert!(page.text().contains("replace displayName: “Taken”"));

    entra.delete(&path).await;
    assert_eq!(last(&console).subject.as_deref(), Some("Drivers"));
    entra.delete(&path).await;
    let event = failed(&console, 404, "Drivers", None);
    assert!(event.remedy.unwrap().contains("The group Drivers went on"));
    assert!(event.group_id.is_none());

    // The ids of groups are none of users': nobody is said to have deleted a user Drivers by hand.
    let id = path.rsplit('/').next().unwrap();
    entra.get(&format!("/Users/{id}")).await;
    let event = last(&console);
    assert_eq!(event.status, 404);
    assert!(event.remedy.unwrap().starts_with("No user had this id here"));
}

#[actix_web::test]
async fn each_operation_of_a_bulk_request_names_whom_it_was_about() {
    let (console, entra) = Console::with_entra();
    let (id, gone) = (made(&entra, "ana").await, made(&entra, "gone").await);
    let (ana, key) = (console.find("ana").unwrap().id, console.find("gone").unwrap().id);
    console.write(move |tx| lifecycle::delete(tx, &[key]));
    let group = entra.post("/Groups", json!({ "displayName": "Drivers" })).await.id();
    let operations = json!([
        { "method": "PATCH", "path": format!("/Users/{id}"), "data": { "Operations": 7 } },
        { "method": "DELETE", "path": format!("/Users/{id}"), "version": "W/\"99\"" },
        { "method": "DELETE", "path": format!("/Users/{gone}") },
        { "method": "POST", "path": "/Users", "bulkId": "1", "data": { "userName": "ana", "password": "hidden" } },
        { "method": "PUT", "path": format!("/Groups/{group}"), "data": { "displayName": "" } },
        { "method": "PATCH", "path": "/Nowhere/1", "data": {} },
    ]);
    let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let reply = entra.post("/Bulk", json!({ "schemas": [schema], "Operations": operations })).await;
    assert_eq!(reply.status, 200);
    let mut events = log(&console);
    events.truncate(6);
    events.reverse();
    let named: Vec<_> =
        events.iter().map(|event| (event.subject.as_deref(), event.user_id.as_ref())).collect();
    let ana = Some(&ana);
    assert_eq!(
        named,
        [
            (Some("ANA Person"), ana),
            (Some("ANA Person"), ana),
            (Some("gone"), None),
            (Some("ana"), ana),
            (Some("Drivers"), None),
            (None, None),
        ]
    );
    for event in &events {
        assert_eq!(event.outcome, Outcome::Failed);
        let request = event.request.as_ref().unwrap();
        assert!(request.contains("in a bulk request") && !request.contains("hidden"), "{request}");
        assert!(event.error.is_some() && event.remedy.is_some(), "{event:?}");
    }
}

#[actix_web::test]
async fn a_create_that_meets_an_account_says_which_and_what_works() {
    let (console, entra) = Console::with_entra();
    let local = console.user("local@x.example", None).id;
    let olga = console.find("olga").unwrap().id;
    entra.post("/Users", json!({ "userName": "LOCAL@x.example", "externalId": "l" })).await;
    let event = failed(&console, 409, "LOCAL@x.example", Some(&local));
    assert!(event.remedy.unwrap().contains("Waiting to be linked"));

    let reply = entra.post("/Users", json!({ "userName": "Olga", "externalId": "o" })).await;
    assert_eq!((reply.status, reply.at("/scimType")), (409, &"uniqueness".into()));
    let event = failed(&console, 409, "Olga", Some(&olga));
    let remedy = event.remedy.clone().unwrap();
    assert!(
        remedy.contains("protected owner") && remedy.contains("Hand the account over under Administrators")
    );
    assert!(remedy.contains("take the person out of the scope in Entra ID"));
    let browser = console.signed_in("olga").await;
    let waiting = browser.get("/users/to-link").await.text();
    assert!(waiting.contains("local@x.example") && !waiting.contains("olga@"), "{waiting}");
    let page = browser.get(&format!("/activity/provisioning/{}", event.id)).await;
    assert!(page.has(&format!("a[href='/users/{olga}']")) && page.text().contains("Hand the account over"));

    // Renamed to an owner's name, and asked for by an owner's id.
    let id = made(&entra, "ana").await;
    entra
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "userName", "value": "olga" }]))
        .await;
    let event = failed(&console, 409, "ANA Person", console.find("ana").map(|ana| ana.id).as_ref());
    assert!(event.remedy.unwrap().contains("Hand the account over under Administrators"));
    let scim_id = console.find("olga").unwrap().scim_id;
    assert_eq!(entra.get(&format!("/Users/{scim_id}")).await.status, 404);
    let event = failed(&console, 404, "olga", Some(&olga));
    assert!(event.remedy.unwrap().contains("Hand the account over"));
}

#[actix_web::test]
async fn what_was_sent_is_shown_without_secrets_and_not_without_end() {
    let (console, entra) = Console::with_entra();
    let long = "y".repeat(50_000);
    let body = json!({ "userName": "", "password": "s3cret", "nickName": long, "apiToken": "s3cret" });
    entra.post("/Users", body).await;
    entra.get(&format!("/Users?filter=nonsense%20zz%20%22{}%22&access_token=s3cret", "x".repeat(5000))).await;
    entra.get(&format!("/Users?filter=userName%20eq%20%22{}%22", "x".repeat(5000))).await;
    let events = log(&console);
    let stored = format!("{events:?}");
    assert!(!stored.contains("s3cret") && stored.len() < 12_000, "{stored}");
    assert_eq!(events[0].request, None, "a read that went well is kept without it");
    assert!(events[2].request.as_ref().unwrap().contains("\npassword\n"), "{stored}");
}

/// The page of identity management, after all that was written behind answers.
async fn identity(console: &Console, browser: &Browser) -> Page {
    console.write(settings::touch);
    browser.get("/identity").await
}

#[actix_web::test]
async fn our_own_test_is_ours_in_the_log_and_no_contact_of_entra() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    let tested = olga.submit("/identity", "/identity/provisioning/test", &[]).await;
    assert_eq!(tested.text().matches("Passed").count(), 3);
    let page = identity(&console, &olga).await.text();
    assert!(page.contains("No request from Entra ID yet."), "{page}");
    assert!(olga.get("/").await.text().contains("no contact yet"));
    let used = console.org.read(tokens::list).unwrap().remove(0).last_used_at;
    assert_eq!(used, None, "a test of our own is no use of the token");
    let events = log(&console);
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!((event.actor.as_deref(), event.token_id.as_deref()), (Some("olga"), None));
        assert!(event.sentence().starts_with("olga ") && !event.sentence().contains("Entra ID"));
        assert!(event.sentence().contains("Rollcall’s own test"));
    }
    let shown = olga.get("/activity/provisioning?operation=own-test").await.text();
    assert_eq!(shown.matches("(Rollcall’s own test)").count(), 3, "{shown}");
    let detail = olga.get(&format!("/activity/provisioning/{}", events[0].id)).await.text();
    assert!(detail.contains("Rollcall’s own test"), "{detail}");

    // Neither while it is refused.
    console.switch(State::Paused, PauseAnswer::Unavailable, Scope::AllUsers);
    olga.submit("/identity", "/identity/provisioning/test", &[]).await;
    let refused = last(&console);
    assert_eq!((refused.outcome, refused.actor.as_deref()), (Outcome::Refused, Some("olga")));
    console.switch(State::On, PauseAnswer::Unavailable, Scope::AllUsers);
    let page = identity(&console, &olga).await.text();
    assert!(
        page.contains("No request from Entra ID yet.") && !page.contains("failed in the last 24 hours"),
        "{page}"
    );

    // It ends no silence either.
    entra.find("nobody").await;
    console.write(settings::touch);
    console.clock.advance(TimeDelta::minutes(100));
    let olga = console.signed_in("olga").await;
    olga.submit("/identity", "/identity/provisioning/test", &[]).await;
    let page = identity(&console, &olga).await.text();
    assert!(page.contains("Entra ID has not called for"), "{page}");
    assert!(page.contains("In the last 24 hours 1 request, of which 0 failed"), "{page}");
}

#[actix_web::test]
async fn nobody_passes_for_our_own_test_without_its_mark() {
    let (console, entra) = Console::with_entra();
    let token = ("Authorization".to_owned(), format!("Bearer {}", entra.token));
    for mark in ["1", "olga", "9999999999 olga"] {
        let mark = ("rollcall-own-test".to_owned(), mark.to_owned());
        entra.raw(Method::GET, "/Users?count=0", &[token.clone(), mark], None).await;
        let event = last(&console);
        assert!(event.actor.is_none() && event.token_id.is_some());
    }
}

#[actix_web::test]
async fn causes_are_counted_by_kind_and_each_leads_to_its_own_events() {
    let (console, entra) = Console::with_entra();
    for number in 0..12 {
        console.user(&format!("local{number}@x.example"), None);
        entra.post("/Users", json!({ "userName": format!("local{number}@x.example") })).await;
    }
    let id = made(&entra, "ana").await;
    entra.put(&format!("/Users/{id}"), json!({ "userName": "" })).await;
    let olga = console.signed_in("olga").await;
    let page = identity(&console, &olga).await;
    let text = page.text();
    assert!(text.contains("13 of the last day’s 14 provisioning requests failed."), "{text}");
    assert_eq!(text.matches("12 users: ").count(), 1, "{text}");
    assert!(text.contains("Link the account under Users, Waiting to be linked."), "{text}");
    assert_eq!(text.matches("ANA Person: ").count(), 1, "{text}");
    // A collision with a protected owner is mended in another way: it is a line of its own.
    console.admin("oscar", Role::Owner);
    for owner in ["olga", "oscar"] {
        entra.post("/Users", json!({ "userName": owner })).await;
    }
    let text = identity(&console, &olga).await.text();
    assert!(text.contains("2 users: ") && text.contains("12 users: "), "{text}");
    assert!(text.contains("The account belongs to a protected owner"), "{text}");
    let home = olga.get("/").await;
    assert_eq!(home.text().matches("12 users: ").count(), 1);
    // The summary leads to all trouble, the first line to what most fail for.
    let cause = home.body.split("/activity/provisioning?cause=").nth(1).unwrap();
    let cause = cause.split('"').next().unwrap();
    let shown = olga.get(&format!("/activity/provisioning?cause={cause}")).await.text();
    assert_eq!(shown.matches("tried to create local").count(), 12, "{shown}");
    assert!(!shown.contains("ANA Person"));
}

#[actix_web::test]
async fn what_went_well_since_counts_no_more() {
    let (console, entra) = Console::with_entra();
    let id = made(&entra, "ana").await;
    made(&entra, "bo").await;
    let path = format!("/Users/{id}");
    let rename = |name: &str| json!([{ "op": "replace", "path": "userName", "value": name }]);
    entra.patch(&path, rename("bo")).await;
    entra.post("/Users", json!({ "userName": "", "displayName": "x" })).await;
    let olga = console.signed_in("olga").await;
    let text = identity(&console, &olga).await.text();
    assert!(text.contains("2 provisioning requests failed in the last 24 hours."), "{text}");

    entra.get(&path).await;
    assert!(
        identity(&console, &olga).await.text().contains("ANA Person: "),
        "reading somebody settles nothing"
    );
    entra.patch(&path, rename("ana2")).await;
    let text = identity(&console, &olga).await.text();
    assert!(!text.contains("ANA Person: ") && text.contains("One provisioning request failed"), "{text}");
    assert!(text.contains("of which 2 failed"), "the chart tells what was");

    // A create that was refused is settled by one that is not, for the same name.
    entra.post("/Users", json!({ "userName": "cleo", "emails": 7 })).await;
    entra.post("/Users", json!({ "userName": "CLEO" })).await;
    // A collision is settled by the link.
    console.user("local", None);
    entra.post("/Users", json!({ "userName": "local" })).await;
    assert!(identity(&console, &olga).await.text().contains("local: "));
    let found = entra.find("local").await.at("/Resources/0/id").as_str().unwrap().to_owned();
    entra.patch(&format!("/Users/{found}"), rename("local")).await;
    let text = identity(&console, &olga).await.text();
    assert!(!text.contains("local: ") && !text.contains("cleo: "), "{text}");

    // The same request, once it is understood.
    let group = entra.post("/Groups", json!({ "displayName": "Drivers" })).await.id();
    entra
        .patch(&format!("/Groups/{group}"), json!([{ "op": "replace", "path": "displayName", "value": "" }]))
        .await;
    assert!(identity(&console, &olga).await.text().contains("Drivers: "));
    entra
        .patch(&format!("/Groups/{group}"), json!([{ "op": "replace", "path": "displayName", "value": "D" }]))
        .await;
    assert!(!identity(&console, &olga).await.text().contains("Drivers: "));
}

#[actix_web::test]
async fn what_is_not_tried_again_for_days_is_over() {
    let (console, entra) = Console::with_entra();
    made(&entra, "ana").await;
    entra.post("/Users", json!({ "userName": "ana" })).await;
    console.clock.advance(TimeDelta::days(2));
    let olga = console.signed_in("olga").await;
    assert!(identity(&console, &olga).await.text().contains("ana: "), "Entra ID tries once a day at least");
    console.clock.advance(TimeDelta::days(2));
    let olga = console.signed_in("olga").await;
    assert!(!identity(&console, &olga).await.text().contains("ana: "));
    worker::round(&console.org, true).await.unwrap();
    let open = console.org.read(|conn| provisioning::troubles::is_untidy(conn, console.clock.now())).unwrap();
    assert!(!open);
}

#[actix_web::test]
async fn strangers_cannot_fill_the_log_or_hide_what_matters_or_sound_the_alarm() {
    let (console, entra) = Console::with_entra();
    entra.find("nobody").await;
    let (ended, token) = console.write(|tx| tokens::create(tx, "old", None));
    console.write(move |tx| tokens::revoke(tx, &ended.id));
    let (stranger, former) =
        (Entra::new(&console.address, "guess"), Entra::new(&console.address, token.expose()));
    let address = format!("/Users?filter={}", "z".repeat(20_000));
    former.get("/Users").await;
    for _ in 0..260 {
        stranger.get(&address).await;
        stranger.post("/Users", json!({ "userName": "x".repeat(10_000) })).await;
        console.clock.advance(TimeDelta::seconds(11));
    }
    let events = log(&console);
    assert!(events.len() < 205, "{}", events.len());
    assert!(format!("{events:?}").len() < 300_000);
    let revoked = |event: &&Event| event.remedy.as_ref().is_some_and(|remedy| remedy.contains("was revoked"));
    assert_eq!(events.iter().filter(revoked).count(), 1, "noise of one kind pushes out no other");
    assert!(
        events.iter().filter(|event| event.outcome == Outcome::Refused).all(|event| event.token_id.is_none())
    );
    let olga = console.signed_in("olga").await;
    let text = identity(&console, &olga).await.text();
    assert!(text.contains("In the last 24 hours 1 request, of which 0 failed"), "{text}");
    assert!(!text.contains("provisioning requests failed"), "{text}");
    assert!(text.contains("A credential was refused, and none has been accepted since."), "{text}");
    entra.find("nobody").await;
    let text = identity(&console, &olga).await.text();
    assert!(!text.contains("A credential was refused"), "{text}");
}

#[actix_web::test]
async fn before_provisioning_was_ever_on_strangers_leave_nothing() {
    let console = Console::open();
    Entra::new(&console.address, "guess").get("/Users").await;
    let form = [("grant_type", "client_credentials"), ("client_id", "x"), ("client_secret", "y")];
    console.browser().post_bare("/oauth2/token", &form).await;
    console.write(rollcall::domain::settings::touch);
    assert_eq!(log(&console).len(), 0);
    let home = console.signed_in("olga").await.get("/").await.text();
    assert!(!home.contains("A credential was refused"), "{home}");
}

#[actix_web::test]
async fn within_ten_seconds_a_flood_hides_no_other_refusal() {
    let (console, _) = Console::with_entra();
    let (ended, token) = console.write(|tx| tokens::create(tx, "old", None));
    console.write(move |tx| tokens::revoke(tx, &ended.id));
    for _ in 0..20 {
        Entra::new(&console.address, "guess").get("/Users").await;
    }
    Entra::new(&console.address, token.expose()).get("/Users").await;
    let said = console.refusals();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("was revoked") && said[1].contains("is not known here"), "{said:?}");
}

#[actix_web::test]
async fn an_administrator_sees_whose_the_account_is_and_the_client_does_not() {
    let (console, entra) = Console::with_entra();
    console.admin("oscar.secret@x.example", Role::Owner);
    let reply = entra.post("/Users", json!({ "userName": "oscar.secret@x.example" })).await;
    let told = reply.json.to_string();
    let owner = console.find("oscar.secret@x.example").unwrap();
    assert!(!told.contains(owner.id.as_str()) && !told.contains(&owner.scim_id), "{told}");
}
