//! Single sign-on with Entra ID, from the sign-in page and from My Apps to a session or a refusal.

use crate::harness::idp::{ISSUER, LOGIN_URL, OBJECT_ID, STRANGERS_KEY, Says};
use crate::harness::{Browser, Console, Page};
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter, Outcome};
use rollcall::domain::users::{by_hand, federation, lifecycle};

const ANA: &str = "ana@contoso.example";
const ANAS_OBJECT: &str = "11111111-2222-3333-4444-555555555555";

impl Console {
    fn sign_ins(&self) -> Vec<Event> {
        self.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 100)).unwrap().items
    }
}

/// The cause of the one refusal so far, which left no session.
async fn refused(console: &Console, browser: &Browser, page: &Page) -> String {
    assert_eq!(page.status, 403, "{}", page.text());
    assert_eq!(browser.get("/account").await.status, 303, "no session");
    let event = only(console);
    assert!(page.text().contains(&event.reference), "{}", page.text());
    assert_eq!(event.outcome, Outcome::Refused);
    event.cause.unwrap()
}

fn only(console: &Console) -> Event {
    let mut events = console.sign_ins();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[actix_web::test]
async fn a_user_comes_in_from_the_sign_in_page_and_lands_on_their_profile() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let browser = console.browser();
    let page = browser.get("/users?entra=linked").await.follow().await;
    let way = page.value("a.button.primary").unwrap();
    assert!(way.contains("Microsoft Entra ID"));
    let request = browser.ask_entra("/sso/start?next=%2Fusers%3Fentra%3Dlinked").await;
    assert!(request.url.as_str().starts_with(LOGIN_URL));
    for part in [
        format!("Destination=\"{LOGIN_URL}\""),
        format!("AssertionConsumerServiceURL=\"{}/sso/consumer\"", console.address),
        format!(">{}/sso/metadata</saml:Issuer>", console.address),
    ] {
        assert!(request.xml.contains(&part), "{part} in {}", request.xml);
    }
    for never in ["NameIDPolicy", "RequestedAuthnContext", "Subject", "ForceAuthn"] {
        assert!(!request.xml.contains(never), "{never}");
    }
    let says = Says::of(&console, "ANA@contoso.example").answering(&request);
    let landed = browser.bring(&says).await;
    assert_eq!((landed.status, landed.location()), (303, "/account"), "{}", landed.text());
    assert!(landed.follow().await.text().contains(ANA));
    assert_eq!(only(&console).outcome, Outcome::Accepted);
}

#[actix_web::test]
async fn an_administrator_lands_on_the_page_that_was_asked_for() {
    let console = Console::with_sso();
    console.admin("ada@contoso.example", Role::Administrator);
    let browser = console.browser();
    let request = browser.ask_entra("/sso/start?next=%2Fusers").await;
    let says = Says::of(&console, "ada@contoso.example").answering(&request);
    assert_eq!(browser.bring(&says).await.location(), "/users");
    assert_eq!(browser.get("/users").await.status, 200);
}

#[actix_web::test]
async fn a_tile_in_my_apps_brings_a_response_that_nobody_asked_for() {
    let console = Console::with_sso();
    console.admin("ada@contoso.example", Role::Administrator);
    let says = Says::of(&console, "ada@contoso.example");
    let browser = console.browser();
    let landed = browser.bring_field(&says.field(), "/licenses").await;
    assert_eq!(landed.location(), "/licenses");
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let says = Says::of(&console, "ada@contoso.example");
        let landed = console.browser().bring_field(&says.field(), elsewhere).await;
        assert_eq!(landed.location(), "/", "{elsewhere}");
    }
    let own = format!("{}/sites", console.address);
    let says = Says::of(&console, "ada@contoso.example");
    assert_eq!(console.browser().bring_field(&says.field(), &own).await.location(), "/sites");
}

#[actix_web::test]
async fn responses_that_nobody_asked_for_can_be_switched_off() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.sso(|settings| settings.allow_unsolicited = false);
    let browser = console.browser();
    let page = browser.bring(&Says::of(&console, ANA)).await;
    assert_eq!(refused(&console, &browser, &page).await, "unsolicited");
    let browser = console.browser();
    assert_eq!(browser.sign_in_by_entra(&console, ANA).await.status, 303);
}

#[actix_web::test]
async fn a_response_is_taken_once_whoever_brings_it_and_after_a_restart() {
    let mut console = Console::with_sso();
    console.user(ANA, None);
    let says = Says::of(&console, ANA);
    let field = says.field();
    assert_eq!(console.browser().bring_field(&field, "").await.status, 303);
    let again = Browser::new(&console.served_again());
    let page = again.bring_field(&field, "").await;
    assert_eq!(page.status, 403);
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("replay"));
}

#[actix_web::test]
async fn of_fifty_at_once_one_is_taken() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let field = Says::of(&console, ANA).field();
    let all = (0..50).map(|_| {
        let (browser, field) = (console.browser(), field.clone());
        async move { browser.bring_field(&field, "").await.status }
    });
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|status| **status == 303).count(), 1);
    assert_eq!(all.iter().filter(|status| **status == 403).count(), 49);
}

#[actix_web::test]
async fn a_response_for_another_browser_is_refused() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let request = console.browser().ask_entra("/sso/start").await;
    let victim = console.browser();
    let page = victim.bring(&Says::of(&console, ANA).answering(&request)).await;
    assert_eq!(refused(&console, &victim, &page).await, "other_browser");
}

#[actix_web::test]
async fn a_request_is_answered_once_and_in_time() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let browser = console.browser();
    let request = browser.ask_entra("/sso/start").await;
    browser.bring(&Says::of(&console, ANA).answering(&request)).await;
    browser.bring(&Says::of(&console, ANA).answering(&request)).await;
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("replay"));
    let late = console.browser();
    let request = late.ask_entra("/sso/start").await;
    console.clock.advance(TimeDelta::minutes(31));
    late.bring(&Says::of(&console, ANA).answering(&request)).await;
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("request_expired"));
    let mut unknown = Says::of(&console, ANA);
    unknown.in_response_to = Some("_made-up".to_owned());
    late.bring(&unknown).await;
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("in_response_to"));
}

#[actix_web::test]
async fn what_differs_is_refused_with_the_exact_cause() {
    type Change = fn(&mut Says);
    let cases: [(&str, Change); 14] = [
        ("issuer", |says| says.issuer = ISSUER.trim_end_matches('/').to_owned()),
        ("audience", |says| says.audience.push('/')),
        ("recipient", |says| says.recipient.push_str(".evil.example")),
        ("destination", |says| says.destination = "https://elsewhere.example/sso/consumer".to_owned()),
        ("expired", |says| says.until = TimeDelta::minutes(-4)),
        ("not_yet_valid", |says| says.from = TimeDelta::minutes(4)),
        ("unknown_certificate", |says| says.key = STRANGERS_KEY),
        ("signature_missing", |says| says.sign_assertion = false),
        ("status", |says| says.status = "urn:oasis:names:tc:SAML:2.0:status:Responder"),
        ("name_id", |says| says.name_id = " ".to_owned()),
        ("user_unknown", |says| says.name_id = "anna@contoso.example".to_owned()),
        ("user_unknown", |says| says.name_id = "1".to_owned()),
        ("user_unknown", |says| says.name_id = "admin".to_owned()),
        ("signature_missing", |says| {
            says.sign_assertion = false;
            says.claims.push(("http://example.com/x".to_owned(), "y".to_owned()));
        }),
    ];
    for (cause, change) in cases {
        let console = Console::with_sso();
        console.user(ANA, None);
        let mut says = Says::of(&console, ANA);
        change(&mut says);
        let browser = console.browser();
        let page = browser.bring(&says).await;
        assert_eq!(refused(&console, &browser, &page).await, cause);
    }
}

#[actix_web::test]
async fn within_the_skew_a_wrong_clock_is_forgiven() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let mut says = Says::of(&console, ANA);
    (says.from, says.until) = (TimeDelta::minutes(2), TimeDelta::minutes(62));
    assert_eq!(console.browser().bring(&says).await.status, 303);
    console.sso(|settings| settings.skew_s = 0);
    let mut says = Says::of(&console, ANA);
    says.from = TimeDelta::seconds(30);
    assert_eq!(console.browser().bring(&says).await.status, 403);
    let event = &console.sign_ins()[0];
    assert_eq!(event.cause.as_deref(), Some("not_yet_valid"));
    assert!(event.sentence.contains("seconds in the future"), "{}", event.sentence);
}

#[actix_web::test]
async fn signed_responses_and_both_signatures_are_taken() {
    let console = Console::with_sso();
    console.user(ANA, None);
    for (assertion, response) in [(false, true), (true, true)] {
        let mut says = Says::of(&console, ANA);
        (says.sign_assertion, says.sign_response) = (assertion, response);
        let page = console.browser().bring(&says).await;
        assert_eq!(page.status, 303, "{:?}", console.sign_ins()[0]);
    }
    console.sso(|settings| settings.require_signed_response = true);
    let page = console.browser().bring(&Says::of(&console, ANA)).await;
    assert_eq!((page.status, console.sign_ins()[0].cause.as_deref()), (403, Some("signature_missing")));
}

#[actix_web::test]
async fn the_object_id_is_remembered_and_then_decides() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.user("ben@contoso.example", None);
    let says = Says::of(&console, ANA).with(OBJECT_ID, ANAS_OBJECT);
    assert_eq!(console.browser().bring(&says).await.status, 303);
    assert_eq!(console.find(ANA).unwrap().entra_object_id.as_deref(), Some(ANAS_OBJECT));
    // Renamed in Entra ID, to a name that another account has here: still the same person.
    let renamed = Says::of(&console, "ben@contoso.example").with(OBJECT_ID, ANAS_OBJECT);
    let browser = console.browser();
    browser.bring(&renamed).await;
    assert!(browser.get("/account").await.text().contains(ANA));
    // The name was given to somebody else.
    let other = Says::of(&console, ANA).with(OBJECT_ID, "99999999-2222-3333-4444-555555555555");
    assert_eq!(console.browser().bring(&other).await.status, 403);
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("other_object_id"));
    let id = console.find(ANA).unwrap().id;
    console.write(move |tx| federation::forget(tx, &id));
    assert_eq!(console.browser().bring(&Says { assertion_id: "_again".into(), ..other }).await.status, 303);
}

#[actix_web::test]
async fn an_external_id_or_an_email_never_signs_anybody_in() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let other = id.clone();
    console.write(move |tx| {
        let wish = by_hand::LocalProfile {
            profile: rollcall::domain::users::Profile::named(ANA),
            email: Some("olga@contoso.example".into()),
        };
        by_hand::change(tx, &other, wish)
    });
    for name in [id.as_str(), "olga@contoso.example", "0"] {
        assert_eq!(console.browser().bring(&Says::of(&console, name)).await.status, 403, "{name}");
    }
}

#[actix_web::test]
async fn a_federated_id_stands_for_the_user_name() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let olga = console.signed_in("olga").await;
    let guest = "ana_fabrikam.example#EXT#@contoso.example";
    let (page, form) = (format!("/users/{id}"), format!("/users/{id}/federated-id"));
    let saved = olga.submit(&page, &form, &[("federated_id", guest)]).await.follow().await;
    assert!(saved.text().contains(guest));
    let browser = console.browser();
    assert_eq!(browser.bring(&Says::of(&console, guest)).await.status, 303);
    assert!(console.sign_ins()[0].details().warnings[0].contains("guest"));
    let refused = olga.submit(&page, &form, &[("federated_id", "OLGA")]).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
}

#[actix_web::test]
async fn a_name_that_two_accounts_go_by_signs_neither_in() {
    let console = Console::with_sso();
    let id = console.user("ana.old", None).id;
    console.write(move |tx| federation::set_federated_id(tx, &id, Some(ANA)));
    console.user(ANA, None);
    assert_eq!(console.browser().bring(&Says::of(&console, ANA)).await.status, 403);
    assert_eq!(only(&console).cause.as_deref(), Some("name_ambiguous"));
}

#[actix_web::test]
async fn another_claim_can_name_the_user() {
    let console = Console::with_sso();
    console.user("1007", None);
    let claim = "http://contoso.example/employee";
    console.sso(move |settings| settings.match_claim = Some(claim.to_owned()));
    let page = console.browser().bring(&Says::of(&console, ANA).with(claim, "1007")).await;
    assert_eq!(page.status, 303);
    assert_eq!(console.browser().bring(&Says::of(&console, ANA)).await.status, 403);
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("claim_missing"));
}

#[actix_web::test]
async fn whoever_is_deactivated_stays_out_and_goes_at_once() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let browser = console.browser();
    browser.sign_in_by_entra(&console, ANA).await;
    assert_eq!(browser.get("/account").await.status, 200);
    console.write(move |tx| lifecycle::deactivate(tx, &id));
    assert_eq!(browser.get("/account").await.status, 303, "the session is over");
    assert_eq!(browser.bring(&Says::of(&console, ANA)).await.status, 403);
    assert_eq!(console.sign_ins()[0].cause.as_deref(), Some("user_deactivated"));
}

#[actix_web::test]
async fn switched_off_nobody_comes_in_by_any_way() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let browser = console.browser();
    let half_open = browser.ask_entra("/sso/start").await;
    console.sso(|settings| settings.enabled = false);
    assert_eq!(browser.get("/sso/start").await.status, 409);
    assert_eq!(browser.bring(&Says::of(&console, ANA).answering(&half_open)).await.status, 403);
    assert_eq!(browser.bring(&Says::of(&console, ANA)).await.status, 403);
    assert!(console.sign_ins().iter().all(|event| event.cause.as_deref() == Some("switched_off")));
    assert!(!browser.get("/sign-in").await.text().contains("Entra"));
}

#[actix_web::test]
async fn an_account_is_made_at_the_first_sign_in_only_if_that_is_wished_for() {
    let console = Console::with_sso();
    let names = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
    let says = |console: &Console| {
        Says::of(console, "new@contoso.example")
            .with(&format!("{names}/givenname"), "Nina <&> Noé")
            .with(&format!("{names}/surname"), "日本")
            .with(&format!("{names}/emailaddress"), "nina@contoso.example")
    };
    assert_eq!(console.browser().bring(&says(&console)).await.status, 403);
    console.sso(|settings| settings.create_users = true);
    assert_eq!(console.browser().bring(&says(&console)).await.status, 303);
    let made = console.find("new@contoso.example").unwrap();
    assert_eq!(made.profile.given_name.as_deref(), Some("Nina <&> Noé"));
    assert_eq!(made.role, Role::None);
}

#[actix_web::test]
async fn the_nearest_user_names_are_offered_to_the_administrator() {
    let console = Console::with_sso();
    for name in ["ana@contoso.example", "ana@contoso.test", "bob@contoso.example"] {
        console.user(name, None);
    }
    let page = console.browser().bring(&Says::of(&console, "anna@contoso.example")).await;
    let event = only(&console);
    assert!(!page.text().contains("contoso"), "the person learns no names: {}", page.text());
    let olga = console.signed_in("olga").await;
    let found = olga.get(&format!("/activity/sign-ins?reference={}", event.reference.to_lowercase())).await;
    let shown = found.follow().await;
    assert!(
        shown.text().contains("ana@contoso.example") && !shown.text().contains("bob@"),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("Create the user, correct the user name"));
    assert!(shown.has("a[href^='/users/']"));
}

#[actix_web::test]
async fn whoever_returns_with_a_new_object_in_the_directory_is_found_by_name_again() {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    let user = serde_json::json!({ "userName": ANA, "externalId": "first", "active": true });
    let id = entra.post("/Users", user).await.id();
    console.browser().bring(&Says::of(&console, ANA).with(OBJECT_ID, ANAS_OBJECT)).await;
    let says = Says::of(&console, ANA).with(OBJECT_ID, "99999999-2222-3333-4444-555555555555");
    assert_eq!(console.browser().bring(&says).await.status, 403);
    let relinked = serde_json::json!([{ "op": "Replace", "path": "externalId", "value": "second" }]);
    entra.patch(&format!("/Users/{id}"), relinked).await;
    let says = Says::of(&console, ANA).with(OBJECT_ID, "99999999-2222-3333-4444-555555555555");
    assert_eq!(console.browser().bring(&says).await.status, 303);
}
