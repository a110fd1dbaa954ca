//! What decides who has power or where trust lies wants a proof of who sits there from within ten minutes.

use crate::harness::idp::Says;
use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use rollcall::domain::page::At;
use rollcall::domain::{Role, audit};
use rollcall::web::console::{ROUTES, Route};

/// The acts that design.md names under *Proof*, with their relatives.
const DECISIVE: [&str; 33] = [
    "/administrators",
    "/administrators/appoint",
    "/administrators/{id}/role",
    "/administrators/{id}/recognition",
    "/identity/trust/approve",
    "/identity/trust/reject",
    "/identity/trust/looked",
    "/administrators/{id}/hand-over",
    "/administrators/{id}/password",
    "/identity/sso",
    "/identity/sso/import",
    "/identity/sso/options",
    "/identity/sso/certificates",
    "/identity/sso/certificates/{id}/approve",
    "/identity/sso/certificates/{id}/remove",
    "/identity/sso/keys",
    "/identity/sso/keys/{id}/use",
    "/identity/sso/keys/{id}/remove",
    "/identity/sso/require",
    "/identity/sso/require/confirm",
    "/identity/sso/require/lift",
    "/identity/provisioning/reveal",
    "/identity/tokens",
    "/identity/tokens/{id}/revoke",
    "/identity/clients",
    "/identity/clients/{id}/remove",
    "/identity/clients/{id}/secrets",
    "/identity/clients/{id}/secrets/{secret}/revoke",
    "/identity/federation",
    "/users/{id}/federated-id",
    "/users/{id}/forget-object-id",
    "/users/delete",
    "/held",
];
/// Exports of people.
const EXPORTS: [&str; 2] = ["/users/alignment/{id}/result.csv", "/imports/{id}/result.csv"];

/// What any of the forms could want, so that one that was let through would do something.
const EVERYTHING: [(&str, &str); 16] = [
    ("name", "Eve"),
    ("user_name", "eve"),
    ("role", "owner"),
    ("appointed", "ana"),
    ("on", "1"),
    ("login_url", "https://login.example/saml2"),
    ("issuer", "https://sts.example/"),
    ("skew_s", "1"),
    ("label", "another"),
    ("client_label", "another"),
    ("years", "1"),
    ("federated", "1"),
    ("tenant_id", "5c3e7f80-1a2b-4c3d-8e4f-0123456789ab"),
    ("federated_id", "other@example.com"),
    ("typed", "ana"),
    ("verdict", "release-all"),
];

fn changes(console: &Console) -> usize {
    let all = |conn: &mut _| audit::list(conn, &audit::Filter::default(), &At::Start, 1000);
    console.org.read(all).unwrap().items.len()
}

fn is_asked(page: &Page) -> bool {
    let elsewhere = page.status == 303 && page.location().starts_with("/confirm?next=");
    elsewhere || (page.status == 200 && page.text().contains("Is it you?"))
}

/// The path of a route, of the row with this key.
fn of(route: &Route, key: &str) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { key } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn try_it(browser: &Browser, route: &Route, path: &str, id: &str) -> Page {
    if route.method == "GET" {
        return browser.get(path).await;
    }
    let csrf = browser.get("/account").await.value("input[name=csrf]").unwrap();
    let mut fields = EVERYTHING.to_vec();
    fields.extend([("csrf", csrf.as_str()), ("id", id)]);
    browser.post_bare(path, &fields).await
}

#[test]
fn no_decisive_act_is_without_proof() {
    for path in DECISIVE {
        let route = ROUTES.iter().find(|route| route.path == path && route.method == "POST");
        assert!(route.is_some_and(|route| route.proof), "{path}");
    }
    for path in EXPORTS {
        let route = ROUTES.iter().find(|route| route.path == path && route.method == "GET");
        assert!(route.is_some_and(|route| route.proof), "{path}");
    }
}

#[actix_web::test]
async fn every_route_that_wants_proof_refuses_an_old_one_and_changes_nothing() {
    let console = Console::with_sso();
    let ana = console.user("ana", None).id;
    let adam = console.admin("adam", Role::Administrator).id;
    let certificate = console.org.read(rollcall::domain::sso::certificates::list).unwrap().remove(0).id;
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(10));
    let before = changes(&console);
    for route in ROUTES.iter().filter(|route| route.proof) {
        let key = match route.path {
            path if path.starts_with("/administrators") => &adam,
            path if path.starts_with("/identity/sso/certificates") => &certificate,
            _ => &ana,
        };
        let page = try_it(&olga, route, &of(route, key), &ana).await;
        let told = format!("{} {}: {} {}", route.method, route.path, page.status, page.text());
        assert!(is_asked(&page), "{told}");
        assert_eq!(changes(&console), before, "{told}");
    }
}

#[actix_web::test]
async fn what_was_typed_travels_with_the_question_and_is_done_after_the_right_answer() {
    let console = Console::open();
    console.user("ana", None);
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    let fields = [("appointed", "ana"), ("role", "auditor")];
    let asked = olga.submit("/administrators", "/administrators/appoint", &fields).await;
    assert_eq!(asked.value("input[name=appointed]").as_deref(), Some("ana"));
    let wrong = asked.submit("/administrators/appoint", &[("password", "wrong")]).await;
    assert_eq!((wrong.status, console.find("ana").unwrap().role), (422, Role::None));
    let done = wrong.submit("/administrators/appoint", &[("password", PASSWORD)]).await;
    assert_eq!(console.find("ana").unwrap().role, Role::Auditor, "{}", done.text());
    // And the proof holds for what follows.
    let path = format!("/administrators/{}", console.find("ana").unwrap().id);
    olga.submit(&path, &format!("{path}/role"), &[("role", "administrator")]).await;
    assert_eq!(console.find("ana").unwrap().role, Role::Administrator);
}

#[actix_web::test]
async fn a_file_is_chosen_again_on_the_page_to_which_the_proof_leads_back() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    let pem = include_bytes!("fixtures/certificates/entra.pem");
    let asked = olga.upload("/identity", "/identity/sso/certificates", &[], "entra.cer", pem).await;
    let question = asked.follow().await;
    assert!(question.text().contains("then choose the file or paste the text once more"));
    let proved = question.submit("/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(proved.location(), "/identity");
    let added = olga.upload("/identity", "/identity/sso/certificates", &[], "entra.cer", pem).await;
    assert!(added.follow().await.text().contains("The certificate was added."));
}

#[actix_web::test]
async fn whoever_came_through_entra_id_proves_themselves_there() {
    let console = Console::with_sso();
    console.admin("ada@contoso.example", Role::Administrator);
    let ada = console.browser();
    ada.sign_in_by_entra(&console, "ada@contoso.example").await;
    console.clock.advance(TimeDelta::minutes(11));
    let fields = [("login_url", "https://login.example/saml2")];
    let asked = ada.submit("/identity", "/identity/sso", &fields).await;
    let way = asked.value("a.button.primary").unwrap();
    assert!(way.contains("Confirm with Microsoft Entra ID"), "{}", asked.text());
    assert!(asked.body.contains("next=%2Fidentity"), "{}", asked.body);
    let request = ada.ask_entra("/sso/start?again=1&next=%2Fidentity").await;
    assert!(request.xml.contains("ForceAuthn=\"true\""));
    let stale = Says { signed_in: TimeDelta::minutes(-11), ..Says::of(&console, "ada@contoso.example") };
    ada.bring(&stale.answering(&request)).await;
    let asked = ada.submit("/identity", "/identity/sso", &fields).await;
    assert!(is_asked(&asked), "a sign-in of eleven minutes ago proves nothing: {}", asked.text());
    let request = ada.ask_entra("/sso/start?again=1&next=%2Fidentity").await;
    let back = ada.bring(&Says::of(&console, "ada@contoso.example").answering(&request)).await;
    assert_eq!(back.location(), "/identity");
    assert!(!is_asked(&ada.submit("/identity", "/identity/sso", &fields).await));
}

#[actix_web::test]
async fn a_fresh_sign_in_proves_for_ten_minutes_from_when_it_was_made() {
    let console = Console::with_sso();
    console.admin("ada@contoso.example", Role::Administrator);
    let ada = console.browser();
    let request = ada.ask_entra("/sso/start").await;
    let earlier = Says { signed_in: TimeDelta::minutes(-9), ..Says::of(&console, "ada@contoso.example") };
    ada.bring(&earlier.answering(&request)).await;
    console.clock.advance(TimeDelta::minutes(2));
    assert!(is_asked(&ada.submit("/identity", "/identity/sso", &[]).await));
}

#[actix_web::test]
async fn signing_out_elsewhere_makes_no_new_proof_of_an_old_one() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    olga.submit("/account", "/account/sessions/end", &[]).await;
    assert!(is_asked(&olga.submit("/identity", "/identity/sso", &[]).await));
}

#[actix_web::test]
async fn a_form_of_another_site_is_refused_before_anything_is_asked() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    let refused = olga.post_bare("/identity/sso", &[("csrf", "planted"), ("password", PASSWORD)]).await;
    assert_eq!(refused.status, 403);
}
