//! Every way out of a sign-in is a cause with a reference, also where no response was looked at.

use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, Says, adding};
use crate::harness::{Browser, Console, Page};
use chrono::TimeDelta;
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter};
use rollcall::domain::sso::settings;
use rollcall::web::Proxies;

type Fields<'f> = &'f [(&'f str, &'f str)];

const ANA: &str = "ana@contoso.example";
const BEN: &str = "ben@contoso.example";

fn events(console: &Console) -> Vec<Event> {
    console.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 100)).unwrap().items
}

/// The last line of the log, which the page names.
async fn told(console: &Console, page: &Page, cause: &str) -> Event {
    let event = events(console).remove(0);
    assert_eq!(event.cause.as_deref(), Some(cause));
    assert!(page.text().contains(&event.reference), "{}", page.text());
    let olga = console.signed_in("olga").await;
    assert_eq!(olga.get(&format!("/activity/sign-ins/{}", event.reference)).await.status, 200);
    event
}

#[actix_web::test]
async fn a_form_that_brings_no_response_or_two_or_too_much_is_refused_with_a_reference() {
    let console = Console::with_sso();
    let browser = console.browser();
    let good = Says::of(&console, ANA).field();
    let large = "x".repeat(1_100_000);
    let cases: [(Fields, u16, &str); 5] = [
        (&[("RelayState", "/")], 422, "no_response"),
        (&[], 422, "no_response"),
        (&[("SAMLResponse", &good), ("SAMLResponse", &good)], 422, "no_response"),
        (&[("SAMLResponse", &large)], 413, "too_large"),
        (&[("SAMLResponse", "")], 403, "not_xml"),
    ];
    for (number, (fields, status, cause)) in cases.into_iter().enumerate() {
        let page = browser.post_bare("/sso/consumer", fields).await;
        assert_eq!(page.status, status, "{cause}");
        told(&console, &page, cause).await;
        assert_eq!(events(&console).len(), number + 1);
    }
    // While single sign-on is off nothing is kept, as of any response.
    console.sso(|settings| settings.enabled = false);
    assert_eq!(browser.post_bare("/sso/consumer", &[]).await.status, 403);
    assert_eq!(events(&console).len(), 5);
}

#[actix_web::test]
async fn a_network_that_comes_too_often_is_told_so_and_others_come_in() {
    let mut console = Console::with_sso();
    console.user(ANA, None);
    let here = "127.0.0.0/8".parse().unwrap();
    let address = console.served_with(|site| {
        site.proxies = Proxies { networks: vec![here], ..Proxies::default() };
    });
    let browser = Browser::new(&address);
    let visit = async |from: &str| {
        let request = browser.request(reqwest::Method::GET, "/sso/start");
        browser.send(request.header("x-forwarded-for", from)).await.status
    };
    // Each visit comes from another address of the one /64.
    let mut visits = 0;
    while visit(&format!("2001:db8:1:2::{visits:x}")).await != 429 {
        visits += 1;
        assert!(visits < 4_000, "one subscriber has 2^64 addresses");
    }
    let request = browser.request(reqwest::Method::GET, "/sso/start");
    let page = browser.send(request.header("x-forwarded-for", "2001:db8:1:2:ffff::1")).await;
    if page.status == 429 {
        assert!(page.headers.contains_key("retry-after"));
        assert!(
            page.text().contains("too_many") || page.text().contains("Too many sign-ins"),
            "{}",
            page.text()
        );
    }
    let event =
        events(&console).into_iter().find(|event| event.cause.as_deref() == Some("too_many")).unwrap();
    assert!(event.address.starts_with("2001:db8:1:2:"));
    let lines = events(&console).iter().filter(|event| event.cause.as_deref() == Some("too_many")).count();
    assert!(lines <= 2, "those of one network share a line: {lines}");
    assert_eq!(visit("2001:db8:1:3::1").await, 303, "another network");
}

#[actix_web::test]
async fn a_sign_in_that_waited_too_long_for_the_persons_word_says_so() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.user(BEN, None);
    let browser = console.browser();
    browser.sign_in_by_entra(&console, BEN).await;
    let asks = browser.bring(&Says::of(&console, ANA)).await;
    console.clock.advance(TimeDelta::minutes(6));
    let home = asks.submit("/sso/switch", &[]).await;
    assert_eq!(home.location(), "/");
    let account = browser.get("/account").await;
    assert!(account.text().contains("it is good for five minutes"), "{}", account.text());
    told(&console, &account, "waited_too_long").await;
    assert!(account.text().contains(BEN), "they go on as who they are");
    // By the time that the page is asked for, too; but what nobody ever held is no way out of anything.
    browser.bring(&Says::of(&console, ANA)).await;
    console.clock.advance(TimeDelta::minutes(6));
    browser.get("/sso/switch").await;
    let account = browser.get("/account").await;
    told(&console, &account, "waited_too_long").await;
    let before = events(&console).len();
    let stranger = console.browser();
    stranger.set_cookie("rollcall_sso_pending", &"x".repeat(43));
    assert_eq!(stranger.get("/sso/switch").await.location(), "/");
    assert_eq!(events(&console).len(), before);
}

#[actix_web::test]
async fn where_no_login_url_is_in_force_the_person_has_a_reference_too() {
    let console = Console::open();
    // As an administrator leaves it who switches on what no owner has approved of yet.
    console.write(adding(CERTIFICATE));
    let wish = settings::Settings {
        enabled: true,
        login_url: Some(LOGIN_URL.to_owned()),
        issuer: Some(ISSUER.to_owned()),
        ..settings::Settings::default()
    };
    console.as_administrator(move |tx| settings::save(tx, &wish)).unwrap();
    let page = console.browser().get("/sso/start").await;
    assert_eq!(page.status, 409);
    told(&console, &page, "not_set_up").await;
}

#[actix_web::test]
async fn a_sign_out_that_is_refused_names_its_reference() {
    let console = Console::with_sso();
    let page = console.browser().get("/sso/logout?SAMLRequest=bm8").await;
    assert_eq!(page.status, 422);
    told(&console, &page, "encoding").await;
}
