//! By which names accounts with a role are recognised: exactly those that an owner confirmed, apart from the case of ASCII.

use crate::harness::idp::{OBJECT_ID, Says};
use crate::harness::{Console, Entra};
use rollcall::domain::users::federation;
use rollcall::domain::{Role, admins};
use serde_json::{Value, json};

const OBJECT: &str = "11111111-2222-3333-4444-555555555555";
/// A name, and one that only Unicode folds to the same.
const FOLDED: [(&str, &str); 4] = [
    ("mike@x.example", "mi\u{212A}e@x.example"),
    ("\u{E5}sa@x.example", "\u{212B}sa@x.example"),
    ("\u{E5}sa@x.example", "\u{C5}sa@x.example"),
    ("\u{3C9}mega@x.example", "\u{2126}mega@x.example"),
];

/// An administrator whom Entra ID manages, among enough people for a new name or two to be nothing remarkable.
fn with_administrator(name: &str) -> (Console, Entra) {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    for other in ["bo", "cy", "di", "ed", "flo", "gus"] {
        console.user(other, None);
    }
    let id = console.user(name, None).id;
    console.write(move |tx| admins::appoint(tx, &id, Role::Administrator));
    (console, entra)
}

async fn comes_in(console: &Console, name: &str) -> bool {
    console.browser().bring(&Says::of(console, name)).await.status == 303
}

async fn rename(console: &Console, entra: &Entra, from: &str, to: &str) {
    let id = console.find(from).unwrap().scim_id;
    let name: Value = json!([{ "op": "Replace", "path": "userName", "value": to }]);
    let done = entra.patch(&format!("/Users/{id}"), name).await;
    assert_eq!(done.status, 200, "{}", done.json);
}

#[actix_web::test]
async fn a_name_that_only_unicode_folds_to_the_confirmed_one_is_another() {
    for (name, other) in FOLDED {
        let (console, entra) = with_administrator(name);
        assert!(comes_in(&console, name).await, "{name}");
        rename(&console, &entra, name, other).await;
        let now = console.find(name).unwrap();
        assert!(now.profile.user_name == other && now.waits_for_an_owner(), "{other}");
        assert!(!comes_in(&console, other).await, "{other}");
        let olga = console.signed_in("olga").await;
        let page = format!("/administrators/{}", now.id);
        let shown = olga.get(&page).await;
        assert!(
            shown.text().contains(name) && shown.text().contains(other),
            "old beside new: {}",
            shown.text()
        );
        shown.submit(&format!("{page}/recognition"), &[]).await;
        assert!(comes_in(&console, other).await, "{other}: an owner confirmed it");

        // The whole resource says the same as a change of it.
        let (console, entra) = with_administrator(name);
        let id = console.find(name).unwrap().scim_id;
        let whole = json!({ "userName": other, "active": true });
        assert_eq!(entra.put(&format!("/Users/{id}"), whole).await.status, 200);
        assert!(!comes_in(&console, other).await, "{other} by PUT");
    }
}

#[actix_web::test]
async fn the_case_of_ascii_letters_makes_no_difference() {
    let (console, entra) = with_administrator("mike@x.example");
    rename(&console, &entra, "mike@x.example", "Mike@X.example").await;
    assert!(!console.find("mike@x.example").unwrap().waits_for_an_owner());
    assert!(comes_in(&console, "MIKE@x.EXAMPLE").await);
}

#[actix_web::test]
async fn a_name_that_comes_back_waits_for_an_owner() {
    let (console, entra) = with_administrator("paul@x.example");
    rename(&console, &entra, "paul@x.example", "zed@x.example").await;
    rename(&console, &entra, "zed@x.example", "paul@x.example").await;
    assert!(!comes_in(&console, "paul@x.example").await);
    assert!(console.find("paul@x.example").unwrap().waits_for_an_owner());
}

#[actix_web::test]
async fn new_names_that_fold_to_the_old_ones_are_weighed_by_the_guard() {
    let (console, entra) = Console::with_entra();
    for number in 0..18 {
        let made =
            entra.post("/Users", json!({ "userName": format!("k{number}@x.example"), "active": true })).await;
        let name =
            json!([{ "op": "Replace", "path": "userName", "value": format!("\u{212A}{number}@x.example") }]);
        entra.patch(&format!("/Users/{}", made.id()), name).await;
    }
    let held = console.org.read(rollcall::domain::held::count).unwrap();
    assert!(held.users > 0, "a mapping that renames everybody is held back");
}

#[actix_web::test]
async fn whom_an_owner_appoints_is_called_exactly_that() {
    let console = Console::with_sso();
    console.user("mi\u{212A}e@x.example", None);
    console.user("аnnа@x.example", None);
    let olga = console.signed_in("olga").await;
    for (typed, look) in [("mike@x.example", ""), ("mike@x.example", "1"), ("anna@x.example", "1")] {
        let fields = [("appointed", typed), ("role", "owner"), ("look", look)];
        let refused = olga.submit("/administrators", "/administrators/appoint", &fields).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("written with other characters"), "{}", refused.text());
    }
    assert_eq!(console.find("mike@x.example").unwrap().role, Role::None);
    let fields = [("appointed", "mi\u{212A}e@x.example"), ("role", "auditor")];
    olga.submit("/administrators", "/administrators/appoint", &fields).await;
    assert_eq!(console.find("mike@x.example").unwrap().role, Role::Auditor);
}

#[actix_web::test]
async fn no_lesser_role_and_no_token_takes_an_owners_name_at_the_identity_provider() {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    let owner = console.admin("oscar", Role::Owner).id;
    let name = "oscar@corp.example";
    console.write(move |tx| federation::set_federated_id(tx, &owner, Some(name)));
    assert!(comes_in(&console, name).await);
    let made = entra.post("/Users", json!({ "userName": name, "active": true })).await;
    assert_eq!((made.status, made.at("/scimType")), (409, &json!("uniqueness")));
    assert!(!made.json.to_string().contains("oscar\""), "whose it is, is not told: {}", made.json);
    let other = entra.post("/Users", json!({ "userName": "pia@x.example", "active": true })).await;
    let rename = json!([{ "op": "Replace", "path": "userName", "value": name.to_uppercase() }]);
    assert_eq!(entra.patch(&format!("/Users/{}", other.id()), rename).await.status, 409);
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    let page = adam.submit("/users/new", "/users", &[("user_name", name)]).await;
    assert_eq!(page.status, 409);
    assert!(page.text().contains("Entra ID knows another account already"), "{}", page.text());
    assert!(comes_in(&console, name).await);
    // The log is written behind the answer: this write comes after it.
    console.write(rollcall::domain::settings::touch);
    let log = console.signed_in("olga").await.get("/activity/provisioning?outcome=failed").await;
    assert!(log.text().contains("this name as federated id"), "{}", log.text());
}

#[actix_web::test]
async fn a_name_that_an_owner_confirmed_wins_over_one_that_a_lesser_role_wrote() {
    // A plain user has it as federated id before somebody else of that name gets a role.
    let console = Console::with_sso();
    let plain = console.user("plain", None).id;
    let name = "ana@corp.example";
    console.as_administrator(move |tx| federation::set_federated_id(tx, &plain, Some(name))).unwrap();
    let ana = console.user(name, None).id;
    assert!(!comes_in(&console, name).await, "of two plain users nobody knows who is meant");
    console.write(move |tx| admins::appoint(tx, &ana, Role::Auditor));
    let browser = console.browser();
    assert_eq!(browser.bring(&Says::of(&console, name)).await.status, 303);
    assert_eq!(browser.get("/users").await.status, 200, "the auditor");
}

#[actix_web::test]
async fn an_object_id_goes_with_the_federated_id_by_which_it_was_found() {
    let console = Console::with_sso();
    let id = console.user("ana@x.example", None).id;
    let set = |name: Option<&'static str>| {
        let id = id.clone();
        console.as_administrator(move |tx| federation::set_federated_id(tx, &id, name)).unwrap();
    };
    let bring = |name: &str| Says::of(&console, name).with(OBJECT_ID, OBJECT);
    set(Some("mallory@x.example"));
    assert_eq!(console.browser().bring(&bring("mallory@x.example")).await.status, 303);
    let olga = console.signed_in("olga").await;
    let look = [("appointed", "ana@x.example"), ("role", "owner"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    let told = "Found at a sign-in as “mallory@x.example”, which was the federated id then";
    assert!(shown.text().contains(told), "{}", shown.text());
    set(None);
    assert_eq!(console.find("ana@x.example").unwrap().entra_object_id, None);
    // One that was found by the user name is not touched.
    assert_eq!(console.browser().bring(&bring("ana@x.example")).await.status, 303);
    set(Some("guest@x.example"));
    assert_eq!(console.find("ana@x.example").unwrap().entra_object_id.as_deref(), Some(OBJECT));
}

#[actix_web::test]
async fn who_wrote_a_name_is_told_however_much_was_written_since() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "pia@x.example", "active": true })).await.id();
    let key = console.find("pia@x.example").unwrap().id;
    console.as_administrator(move |tx| federation::set_federated_id(tx, &key, Some("a@y.example"))).unwrap();
    for number in 0..210 {
        let title = json!([{ "op": "Replace", "path": "title", "value": format!("\"user name\" {number}") }]);
        entra.patch(&format!("/Users/{id}"), title).await;
    }
    let olga = console.signed_in("olga").await;
    let look = [("appointed", "pia@x.example"), ("role", "owner"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    assert!(shown.text().contains("a@y.example adam"), "{}", shown.text());
    assert!(shown.text().contains("pia@x.example Entra ID"), "{}", shown.text());
}

#[actix_web::test]
async fn confirming_a_new_name_leaves_what_an_owner_confirmed_before() {
    for by_form in [true, false] {
        let (console, entra) = with_administrator("ann@x.example");
        let olga = console.signed_in("olga").await;
        let id = console.find("ann@x.example").unwrap().id;
        let page = format!("/users/{id}");
        let fields = [("federated_id", "ann@corp.example")];
        assert_eq!(olga.submit(&page, &format!("{page}/federated-id"), &fields).await.status, 303);
        let hers = || Says::of(&console, "ann@corp.example").with(OBJECT_ID, OBJECT);
        assert_eq!(console.browser().bring(&hers()).await.status, 303);
        rename(&console, &entra, "ann@x.example", "ann.new@x.example").await;

        let page = format!("/administrators/{id}");
        let action = format!("{page}/recognition");
        let shown = olga.get(&page).await;
        assert!(shown.has("#keep_federated_id[checked]") && shown.has("#keep_object_id[checked]"));
        if by_form {
            shown.submit(&action, &[]).await;
        } else {
            let csrf = shown.value("input[name=csrf]").unwrap();
            olga.post_bare(&action, &[("csrf", &csrf)]).await;
        }
        let now = console.find("ann.new@x.example").unwrap();
        assert!(!now.waits_for_an_owner(), "{by_form}");
        let kept = (now.federated_id.as_deref(), now.entra_object_id.as_deref());
        assert_eq!(kept, (Some("ann@corp.example"), Some(OBJECT)), "{by_form}");
        assert_eq!(console.browser().bring(&hers()).await.status, 303, "she comes in as before");
        let another =
            Says::of(&console, "ann.new@x.example").with(OBJECT_ID, "99999999-2222-3333-4444-555555555555");
        assert_eq!(console.browser().bring(&another).await.status, 403, "and nobody else of that name");
    }
}

#[actix_web::test]
async fn what_an_owner_confirmed_goes_where_an_owner_takes_the_tick_away() {
    let (console, entra) = with_administrator("ann@x.example");
    let (olga, id) = (console.signed_in("olga").await, console.find("ann@x.example").unwrap().id);
    let key = id.clone();
    console.write(move |tx| federation::set_federated_id(tx, &key, Some("ann@corp.example")));
    rename(&console, &entra, "ann@x.example", "ann.new@x.example").await;
    let page = format!("/administrators/{id}");
    let shown = olga.get(&page).await;
    let now = console.find("ann.new@x.example").unwrap();
    assert!(now.federated_id_is_confirmed(), "the command line writes as an owner does");
    // An empty value is what a box without its tick comes to.
    shown.submit(&format!("{page}/recognition"), &[("keep_federated_id", "")]).await;
    assert_eq!(console.find("ann.new@x.example").unwrap().federated_id, None);
}

#[actix_web::test]
async fn saving_a_user_confirms_nothing_and_says_so() {
    let (console, entra) = with_administrator("kim@x.example");
    rename(&console, &entra, "kim@x.example", "kim.new@x.example").await;
    let (olga, id) = (console.signed_in("olga").await, console.find("kim.new@x.example").unwrap().id);
    let page = format!("/users/{id}");
    olga.submit(&page, &format!("{page}/release"), &[]).await;
    for fields in [&[("user_name", "kim.new@x.example")][..], &[("title", "Chief")]] {
        let saved = olga.submit(&page, &page, fields).await.follow().await;
        assert!(saved.text().contains("still waits: an owner confirms it"), "{}", saved.text());
        assert!(console.find("kim.new@x.example").unwrap().waits_for_an_owner());
    }
}

#[actix_web::test]
async fn an_act_that_ends_ones_own_session_is_told_at_the_sign_in_page() {
    let (console, entra) = with_administrator("sue@x.example");
    let id = console.find("sue@x.example").unwrap().id;
    console.write({
        let id = id.clone();
        move |tx| {
            admins::appoint(tx, &id, Role::Owner)?;
            admins::hand_over(tx, &id, true)
        }
    });
    let sue = console.browser();
    let hers = Says::of(&console, "sue@x.example").with(OBJECT_ID, OBJECT);
    assert_eq!(sue.bring(&hers).await.status, 303);
    entra.get("/Users?filter=userName%20eq%20%22sue@x.example%22").await;
    rename(&console, &entra, "sue@x.example", "sue.new@x.example").await;
    let page = format!("/administrators/{id}");
    let done = sue.submit(&page, &format!("{page}/recognition"), &[]).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let there = done.follow().await;
    assert_eq!(there.location().split('?').next(), Some("/sign-in"), "her session ended with it");
    let told = there.follow().await.text();
    assert!(told.contains("is recognised at sign-in is confirmed."), "{told}");
    assert!(told.contains("Your session has ended. Sign in again"), "{told}");
}
