//! Who is signed in while an answer comes: it replaces nobody unasked, and an old one shuts nobody out.

use crate::harness::idp::Says;
use crate::harness::{Browser, Console, Page};
use chrono::TimeDelta;

const ANA: &str = "ana@contoso.example";
const BEN: &str = "ben@contoso.example";

async fn ben_signed_in() -> (Console, Browser) {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.user(BEN, None);
    let browser = console.browser();
    assert_eq!(browser.sign_in_by_entra(&console, BEN).await.status, 303);
    (console, browser)
}

async fn is_in_as(browser: &Browser, name: &str) -> bool {
    browser.get("/account").await.text().contains(name)
}

/// As a browser brings a form of another site: it says so, and sends no session along.
async fn bring_from_elsewhere(browser: &Browser, console: &Console, says: &Says) -> Page {
    let session = browser.cookie("rollcall_session");
    browser.set_cookie("rollcall_session", "");
    let request = browser
        .request(reqwest::Method::POST, "/sso/consumer")
        .header("sec-fetch-site", "cross-site")
        .form(&[("SAMLResponse", says.field())]);
    let page = browser.send(request).await;
    if let Some(session) = session {
        browser.set_cookie("rollcall_session", &session);
    }
    assert!(page.location().starts_with("/sso/"), "{} {}", console.address, page.location());
    page
}

#[actix_web::test]
async fn a_response_that_nobody_asked_for_asks_before_it_replaces_another_person() {
    let (console, browser) = ben_signed_in().await;
    let page = browser.bring(&Says::of(&console, ANA)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("You are signed in here as") && is_in_as(&browser, BEN).await);
    let agreed = page.submit("/sso/switch", &[]).await;
    assert_eq!(agreed.status, 303, "{}", agreed.text());
    assert!(is_in_as(&browser, ANA).await);
    // It works once.
    assert_eq!(browser.get("/sso/switch").await.location(), "/");
}

#[actix_web::test]
async fn whoever_stays_stays_and_the_offer_ends() {
    let (console, browser) = ben_signed_in().await;
    let page = browser.bring(&Says::of(&console, ANA)).await;
    console.clock.advance(TimeDelta::minutes(6));
    assert_eq!(page.submit("/sso/switch", &[]).await.location(), "/");
    assert!(is_in_as(&browser, BEN).await);
    // Whoever holds no secret of it gets nothing, nor anybody without the form's token.
    let stranger = console.browser();
    assert_eq!(stranger.get("/sso/switch").await.location(), "/");
    assert_ne!(stranger.post_bare("/sso/switch", &[]).await.status, 200);
}

#[actix_web::test]
async fn it_asks_where_the_browser_sends_no_session_along_too() {
    let (console, browser) = ben_signed_in().await;
    bring_from_elsewhere(&browser, &console, &Says::of(&console, ANA)).await;
    let page = browser.get("/sso/switch").await;
    assert!(page.text().contains("You are signed in here as"), "{}", page.text());
    assert!(is_in_as(&browser, BEN).await);
    page.submit("/sso/switch", &[]).await;
    assert!(is_in_as(&browser, ANA).await);
    // The same person, and whoever is not signed in, come in without a question.
    bring_from_elsewhere(&browser, &console, &Says::of(&console, ANA)).await;
    assert_eq!(browser.get("/sso/switch").await.location(), "/account");
    let fresh = console.browser();
    bring_from_elsewhere(&fresh, &console, &Says::of(&console, BEN)).await;
    assert_eq!(fresh.get("/sso/switch").await.location(), "/account");
    assert!(is_in_as(&fresh, BEN).await);
}

#[actix_web::test]
async fn a_response_that_was_asked_for_or_is_about_the_same_person_comes_straight_in() {
    let (console, browser) = ben_signed_in().await;
    let same = browser.bring(&Says::of(&console, BEN)).await;
    assert_eq!((same.status, same.location()), (303, "/account"));
    let request = browser.ask_entra("/sso/start?another=1").await;
    assert!(request.xml.contains("ForceAuthn=\"true\""));
    assert_eq!(browser.bring(&Says::of(&console, ANA).answering(&request)).await.status, 303);
    assert!(is_in_as(&browser, ANA).await);
}

#[actix_web::test]
async fn going_back_while_signed_in_leads_home() {
    let (console, browser) = ben_signed_in().await;
    let request = browser.ask_entra("/sso/start?another=1").await;
    let says = Says::of(&console, BEN).answering(&request);
    browser.bring(&says).await;
    let again = browser.bring(&says).await;
    assert_eq!((again.status, again.location()), (303, "/"), "{}", again.text());
    let old = Says::of(&console, BEN);
    console.clock.advance(TimeDelta::minutes(65));
    browser.sign_in_by_entra(&console, BEN).await;
    assert_eq!(browser.bring(&old).await.location(), "/", "its time is over");
    let elsewhere = bring_from_elsewhere(&browser, &console, &old).await;
    assert_eq!(browser.get(elsewhere.location()).await.location(), "/");
    let nobody = console.browser();
    let refused = nobody.get(elsewhere.location()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("over or was used already"), "{}", refused.text());
}

#[actix_web::test]
async fn whoever_was_turned_away_can_choose_another_account() {
    let console = Console::with_sso();
    console.user(BEN, None);
    let browser = console.browser();
    let page = browser.bring(&Says::of(&console, ANA)).await;
    assert_eq!(page.status, 403);
    assert!(page.has("a[href='/sso/start?another=1']"), "{}", page.body);
    let request = browser.ask_entra("/sso/start?another=1").await;
    assert!(request.xml.contains("ForceAuthn=\"true\""));
    assert_eq!(browser.bring(&Says::of(&console, BEN).answering(&request)).await.status, 303);
}

#[actix_web::test]
async fn a_request_is_answered_for_what_it_asked() {
    let (console, browser) = ben_signed_in().await;
    // A proof of who sits there is no way in for somebody else, nor made by a sign-in from before the question.
    let request = browser.ask_entra("/sso/start?again=1").await;
    let other = browser.bring(&Says::of(&console, ANA).answering(&request)).await;
    assert_eq!(other.status, 403);
    assert!(is_in_as(&browser, BEN).await);
    let request = browser.ask_entra("/sso/start?again=1").await;
    let stale = Says { signed_in: TimeDelta::minutes(-9), ..Says::of(&console, BEN) };
    assert_eq!(browser.bring(&stale.answering(&request)).await.status, 403);
    let request = browser.ask_entra("/sso/start?again=1").await;
    assert_eq!(browser.bring(&Says::of(&console, BEN).answering(&request)).await.status, 303);
    // A request to sign out is no request to sign in.
    console.sso(|settings| settings.logout_url = Some(crate::harness::idp::LOGIN_URL.to_owned()));
    let left = browser.submit("/account", "/sign-out", &[]).await;
    let sign_out = crate::harness::idp::Request::read(left.location());
    browser.set_cookie("rollcall_sso", "");
    let page = browser.bring(&Says::of(&console, BEN).answering(&sign_out)).await;
    assert_eq!(page.status, 403, "{}", page.text());
}

#[actix_web::test]
async fn a_session_ends_when_entra_id_says_so() {
    let console = Console::with_sso();
    console.user(BEN, None);
    let browser = console.browser();
    let until = (console.clock.now() + TimeDelta::minutes(20)).format("%Y-%m-%dT%H:%M:%SZ");
    let mut says = Says::of(&console, BEN);
    says.session_index = format!("{}\" SessionNotOnOrAfter=\"{until}", says.session_index);
    assert_eq!(browser.bring(&says).await.status, 303);
    console.clock.advance(TimeDelta::minutes(19));
    assert_eq!(browser.get("/account").await.status, 200);
    console.clock.advance(TimeDelta::minutes(2));
    assert_eq!(browser.get("/account").await.status, 303);
}

/// Browsers that do not say how a form came to be sent name its origin; some say neither `cross-site` nor ours.
#[actix_web::test]
async fn it_asks_wherever_the_form_is_not_said_to_be_ours() {
    let (console, browser) = ben_signed_in().await;
    let session = browser.cookie("rollcall_session").unwrap();
    let own = console.address.clone();
    let cases: [(&[(&str, &str)], bool); 8] = [
        (&[("origin", "https://login.microsoftonline.com")], true),
        (&[("origin", "null")], true),
        (&[("sec-fetch-site", "same-site")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "cross-site"), ("origin", &own)], true),
        (&[("origin", &own)], false),
        (&[("sec-fetch-site", "same-origin")], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], false),
    ];
    for (headers, asks) in cases {
        browser.set_cookie("rollcall_session", "");
        let form = browser.request(reqwest::Method::POST, "/sso/consumer");
        let form = headers.iter().fold(form, |form, (name, value)| form.header(*name, *value));
        let page = browser.send(form.form(&[("SAMLResponse", Says::of(&console, ANA).field())])).await;
        let wanted = if asks { "/sso/switch" } else { "/account" };
        assert_eq!((page.status, page.location()), (303, wanted), "{headers:?}");
        if asks {
            browser.set_cookie("rollcall_session", &session);
            assert!(browser.get("/sso/switch").await.text().contains("You are signed in here as"));
            assert!(is_in_as(&browser, BEN).await, "{headers:?}");
        }
    }
}
