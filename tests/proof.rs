//! What decides who has power or where trust lies wants a proof of who sits there from within ten minutes.

use crate::harness::idp::Says;
use crate::harness::{Browser, Console, PASSWORD, Page};
use crate::source::files;
use chrono::TimeDelta;
use rollcall::domain::page::At;
use rollcall::domain::sso::policy;
use rollcall::domain::{Role, audit};
use rollcall::web::console::{ROUTES, Route};

/// The forms that decide neither who has power nor where trust lies, and why. Every other wants a proof.
const HARMLESS: [(&str, &str); 32] = [
    ("/sign-in", "it is the proof"),
    ("/confirm", "it is the proof"),
    ("/sign-out", "it only ends"),
    ("/set-up/{secret}", "the link is the proof"),
    ("/password/{secret}", "the link is the proof"),
    ("/sso/consumer", "Entra ID's signature is the proof"),
    ("/sso/switch", "the sign-in that is held is the proof"),
    ("/account/password", "it asks for the present password itself"),
    ("/account/sessions/end", "it only ends"),
    ("/identity/sso/test", "it changes nothing"),
    ("/identity/provisioning/test", "it changes nothing"),
    ("/users", "a plain user, whom no owner has given anything yet"),
    ("/users/site", "everyday work; a site gives no power"),
    ("/users/alignment", "it compares and changes nobody"),
    ("/users/alignment/{id}/discard", "it changes nobody"),
    ("/users/{id}/telephony", "everyday work"),
    ("/users/{id}/site", "everyday work; a site gives no power"),
    ("/users/{id}/license", "everyday work; a licence gives no power here"),
    ("/users/{id}/license/remove", "everyday work"),
    ("/users/{id}/link/dismiss", "it links nobody"),
    ("/licenses", "everyday work"),
    ("/licenses/import", "it checks and changes nobody"),
    ("/licenses/{id}", "everyday work"),
    ("/licenses/{id}/delete", "refused while anybody has it"),
    ("/imports/{id}/apply", "everyday work"),
    ("/imports/{id}/discard", "it changes nobody"),
    ("/sites", "everyday work"),
    ("/sites/settle", "everyday work"),
    ("/sites/{id}", "everyday work"),
    ("/sites/{id}/aliases", "everyday work"),
    ("/sites/{id}/aliases/{alias}/remove", "everyday work"),
    ("/sites/{id}/delete", "refused while anybody has it"),
];
/// The forms that want a proof where the account has a role, and are everyday work where it has none.
const OF_ROLE_HOLDERS: [&str; 3] = ["/users/{id}", "/users/{id}/deactivate", "/users/{id}/reactivate"];
/// Exports of people.
const EXPORTS: [&str; 2] = ["/users/alignment/{id}/result.csv", "/imports/{id}/result.csv"];

/// What any of the forms could want, so that one that was let through would do something.
pub const EVERYTHING: [(&str, &str); 16] = [
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

/// How many changes there are, but for the proofs themselves.
fn changes(console: &Console) -> usize {
    let all = |conn: &mut _| audit::list(conn, &audit::Filter::default(), &At::Start, 1000);
    let all = console.org.read(all).unwrap().items;
    all.iter().filter(|event| event.action != audit::Action::Confirmed).count()
}

fn is_asked(page: &Page) -> bool {
    let elsewhere = page.status == 303 && page.location().starts_with("/confirm?next=");
    elsewhere || (page.status == 200 && page.text().contains("Is it you?"))
}

/// The path of a route, of the row with this key.
pub fn of(route: &Route, key: &str) -> String {
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
fn every_form_wants_a_proof_or_is_harmless_for_a_reason() {
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        let harmless = HARMLESS.iter().any(|(path, _)| *path == route.path);
        let of_holders = OF_ROLE_HOLDERS.contains(&route.path);
        assert_eq!(route.proof_of_roles, of_holders, "{}", route.path);
        assert!(route.proof != (harmless || of_holders), "{}", route.path);
    }
    for path in EXPORTS {
        let route = ROUTES.iter().find(|route| route.path == path && route.method == "GET");
        assert!(route.is_some_and(|route| route.proof), "{path}");
    }
}

#[actix_web::test]
async fn whoever_changes_an_account_with_a_role_is_asked_and_a_plain_one_is_everyday_work() {
    let console = Console::open();
    console.user("ana", None);
    console.admin("adam", Role::Administrator);
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    for (name, asks) in [("ana", false), ("adam", true)] {
        let id = console.find(name).unwrap().id;
        let path = format!("/users/{id}");
        let renamed = format!("{name}.new");
        for (action, fields) in [
            (path.clone(), vec![("user_name", renamed.as_str())]),
            (format!("{path}/deactivate"), vec![]),
            (format!("{path}/reactivate"), vec![]),
        ] {
            let csrf = olga.get("/account").await.value("input[name=csrf]").unwrap();
            let fields = [fields, vec![("csrf", csrf.as_str())]].concat();
            let page = olga.post_bare(&action, &fields).await;
            assert_eq!(is_asked(&page), asks, "{name} {action}: {} {}", page.status, page.text());
        }
        assert_eq!(console.find(&renamed).is_some(), !asks, "{name}");
        assert!(asks || console.find(&renamed).unwrap().active);
    }
    // The answer carries the act to its end.
    let id = console.find("adam").unwrap().id;
    let csrf = olga.get("/account").await.value("input[name=csrf]").unwrap();
    let action = format!("/users/{id}/deactivate");
    let asked = olga.post_bare(&action, &[("csrf", &csrf)]).await;
    asked.submit(&action, &[("password", PASSWORD)]).await;
    assert!(!console.find("adam").unwrap().active);
}

/// What a form wants that [`EVERYTHING`] does not say.
fn more_of(path: &str) -> Vec<(&'static str, &'static str)> {
    match path {
        "/administrators" => vec![("user_name", "newcomer")],
        "/administrators/{id}/role" => vec![("role", "auditor")],
        _ => Vec::new(),
    }
}

/// What comes of every form that may want a proof, one after the other, each that many minutes after the one before: the
/// status, what is said, and how many changes there were. The answer to the question is given where it is asked.
async fn walk(minutes: i64) -> Vec<(&'static str, u16, String, usize)> {
    let console = Console::with_sso();
    let ana = console.user("ana", None).id;
    let adam = console.admin("adam", Role::Administrator).id;
    let olga = console.signed_in("olga").await;
    let mut outcomes = Vec::new();
    for route in ROUTES.iter().filter(|route| route.method == "POST" && (route.proof || route.proof_of_roles))
    {
        let of_holder = route.path.starts_with("/administrators") || route.proof_of_roles;
        let key = if of_holder { &adam } else { &ana };
        console.clock.advance(TimeDelta::minutes(minutes));
        let csrf = olga.get("/account").await.value("input[name=csrf]").unwrap();
        let more = more_of(route.path);
        let mut fields = EVERYTHING.to_vec();
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend(more);
        fields.extend([("csrf", csrf.as_str()), ("id", ana.as_str())]);
        let path = of(route, key.as_str());
        let mut page = olga.post_bare(&path, &fields).await;
        assert_eq!(is_asked(&page), minutes > 10, "{path}: {}", page.text());
        if is_asked(&page) {
            let action = page.attribute("form.fields", "action").unwrap();
            page = page.submit(&action, &[("password", PASSWORD)]).await;
        }
        assert!(!is_asked(&page) && !page.text().contains("passwords differ"), "{path}: {}", page.text());
        let said =
            if page.status == 303 { page.location().replace(key.as_str(), "{id}") } else { page.text() };
        let said = said.chars().take(60).collect();
        outcomes.push((route.path, page.status, said, changes(&console)));
    }
    outcomes
}

#[actix_web::test]
async fn every_form_that_asks_goes_on_after_the_right_answer_as_if_it_had_not_asked() {
    let (fresh, asked) = (walk(0).await, walk(11).await);
    assert!(fresh.len() > 30);
    for (one, other) in fresh.iter().zip(&asked) {
        assert_eq!(one, other);
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
            path if path.starts_with("/administrators") => adam.as_str(),
            path if path.starts_with("/identity/sso/certificates") => certificate.as_str(),
            _ => ana.as_str(),
        };
        let page = try_it(&olga, route, &of(route, key), ana.as_str()).await;
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

#[actix_web::test]
async fn the_page_of_a_form_is_one_that_can_be_looked_at() {
    let console = Console::open();
    let key = console.user("ana", None).id;
    let olga = console.signed_in("olga").await;
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        let path = of(route, key.as_str());
        let shown = olga.get(&path).await;
        if shown.status != 405 {
            continue;
        }
        let onward =
            shown.attribute(".card a[href]", "href").unwrap_or_else(|| panic!("{path}: {}", shown.body));
        assert_ne!(onward, path);
        let next = olga.get(&onward).await;
        assert!(next.status != 405 && next.status < 500, "{path} leads to {onward}: {}", next.status);
    }
    console.clock.advance(TimeDelta::minutes(30));
    let fields = [("appointed", "ana"), ("role", "auditor")];
    let asked = olga.submit("/administrators", "/administrators/appoint", &fields).await;
    assert_eq!(asked.attribute("a.plain", "href").as_deref(), Some("/administrators"));
}

/// Requires single sign-on: at first for ten minutes, within which those who came in by password stay in.
fn require_sso(console: &Console) {
    console.write(policy::require);
}

#[actix_web::test]
async fn whoever_came_in_by_password_proves_themselves_by_it_while_single_sign_on_is_tried_out() {
    let console = Console::with_sso();
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    adam.get("/account").await;
    console.clock.advance(TimeDelta::minutes(30));
    require_sso(&console);
    let asked = adam.submit("/identity", "/identity/sso/require/lift", &[]).await;
    assert!(is_asked(&asked), "{}", asked.text());
    let done = asked.submit("/identity/sso/require/lift", &[("password", PASSWORD)]).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let now = console.clock.now();
    let standing = console.org.read(move |conn| policy::requirement_status(conn, now)).unwrap();
    assert_eq!(standing.requirement, policy::Requirement::Off);

    require_sso(&console);
    let another = "four unrelated orbit kettles";
    let fields = [("current", PASSWORD), ("password", another), ("password_again", another)];
    let changed = adam.submit("/account", "/account/password", &fields).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
}

#[actix_web::test]
async fn a_password_that_proves_nothing_at_present_is_not_called_wrong_and_not_counted() {
    let console = Console::with_sso();
    console.admin("adam", Role::Administrator);
    let adam = console.browser();
    assert_eq!(adam.bring(&Says::of(&console, "adam")).await.status, 303);
    console.clock.advance(TimeDelta::minutes(30));
    require_sso(&console);
    for _ in 0..8 {
        let page = adam.get("/account").await;
        let csrf = page.value("input[name=csrf]").unwrap();
        let told =
            adam.post_bare("/confirm", &[("csrf", &csrf), ("next", "/"), ("password", PASSWORD)]).await;
        assert!(told.text().contains("requires single sign-on"), "{} {}", told.status, told.text());
        assert!(!told.text().contains("wrong."), "{}", told.text());
        let fields = [("current", PASSWORD), ("password", "x"), ("password_again", "x")];
        let told = page.submit("/account/password", &fields).await;
        assert!(told.text().contains("requires single sign-on"), "{}", told.text());
    }
    let log = console.org.read(|conn| audit::list(conn, &audit::Filter::default(), &At::Start, 99)).unwrap();
    let mut actions = log.items.iter().map(|event| event.action.as_str());
    assert!(!actions.any(|action| action == audit::Action::ProofRefused.as_str()));
}

#[actix_web::test]
async fn what_was_typed_waits_while_the_person_proves_themselves_at_entra_id() {
    let console = Console::with_sso();
    console.admin("ada@contoso.example", Role::Owner);
    console.user("ana", None);
    let ada = console.browser();
    ada.sign_in_by_entra(&console, "ada@contoso.example").await;
    console.clock.advance(TimeDelta::minutes(11));
    let fields = [("appointed", "ana"), ("role", "auditor")];
    let asked = ada.submit("/administrators", "/administrators/appoint", &fields).await;
    assert!(is_asked(&asked) && asked.text().contains("Nothing was changed yet"), "{}", asked.text());
    let way = asked.attribute("a.button.primary", "href").unwrap();
    let request = ada.ask_entra(&way).await;
    let back = ada.bring(&Says::of(&console, "ada@contoso.example").answering(&request)).await;
    assert_eq!(back.location(), "/administrators");
    let shown = back.follow().await;
    assert!(shown.text().contains("It is you. Nothing was changed yet."), "{}", shown.text());
    assert_eq!(console.find("ana").unwrap().role, Role::None);
    let kept = ada.get(&shown.attribute(".notice a[href]", "href").unwrap()).await;
    assert!(kept.text().contains("Carry on"), "{}", kept.text());
    let done = kept.submit("/administrators/appoint", &[]).await;
    assert_eq!((done.status, console.find("ana").unwrap().role), (303, Role::Auditor), "{}", done.text());
    assert_eq!(ada.get("/confirm/form").await.status, 303, "it is kept once");

    // Nobody else goes on with it, and what is secret or large is not kept.
    console.clock.advance(TimeDelta::minutes(11));
    let long = "x".repeat(20_000);
    for fields in [[("appointed", "ana"), ("role", "owner"), ("name", long.as_str())]] {
        ada.submit("/administrators", "/administrators/appoint", &fields).await;
    }
    let request = ada.ask_entra("/sso/start?again=1&next=%2Fadministrators").await;
    let back = ada.bring(&Says::of(&console, "ada@contoso.example").answering(&request)).await.follow().await;
    assert!(back.text().contains("It is you. Nothing was changed yet: do it once more."), "{}", back.text());
    assert!(!back.has(".notice a[href='/confirm/form']"));
}

#[actix_web::test]
async fn what_was_pasted_in_a_form_with_a_place_for_a_file_travels_with_the_question() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    let pem = String::from_utf8(include_bytes!("fixtures/certificates/entra.pem").to_vec()).unwrap();
    let action = "/identity/sso/certificates";
    let asked = olga.upload("/identity", action, &[("pasted", &pem)], "", b"").await;
    assert!(is_asked(&asked), "{} {}", asked.status, asked.text());
    let done = asked.submit(action, &[("password", PASSWORD)]).await.follow().await;
    assert!(done.text().contains("The certificate was added."), "{}", done.text());
    // A private key goes nowhere.
    console.clock.advance(TimeDelta::minutes(11));
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----\n";
    let asked = olga.upload("/identity", action, &[("pasted", key)], "", b"").await;
    assert_eq!(asked.location(), "/confirm?next=%2Fidentity");
    asked.follow().await.submit("/confirm", &[("password", PASSWORD)]).await;
    let told = olga.upload("/identity", action, &[("pasted", key)], "", b"").await;
    assert!(told.status == 422 && !told.body.contains("MIIEvQIBADAN"), "{}", told.text());
    let told = olga.upload("/identity", "/identity/sso/import", &[("metadata", key)], "", b"").await;
    assert!(told.status == 422 && !told.body.contains("MIIEvQIBADAN"), "{}", told.text());
}

/// A browser keeps whatever answers such a link as the file: also a page that asks who sits there.
#[test]
fn no_link_has_a_browser_keep_whatever_is_answered() {
    for (path, template) in files("templates") {
        assert!(!template.contains(" download>") && !template.contains(" download="), "{path:?}");
    }
}
