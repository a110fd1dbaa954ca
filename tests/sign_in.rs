//! Coming in: set-up, signing in and out, sessions, and who may use which route.

use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use reqwest::Method;
use rollcall::domain::{Actor, Role, admins};
use rollcall::web::console::{Least, ROUTES, Route};

const CLAIM: [(&str, &str); 5] = [
    ("organisation", "Harbourline"),
    ("name", "Olga Brandt"),
    ("user_name", "olga"),
    ("password", PASSWORD),
    ("password_again", PASSWORD),
];

fn set_up_link(console: &Console) -> String {
    let secret = console.org.write(&Actor::Rollcall, admins::offer_set_up).unwrap().unwrap();
    format!("/set-up/{secret}")
}

async fn sign_in(browser: &Browser, user_name: &str, password: &str) -> Page {
    browser.submit("/sign-in", "/sign-in", &[("user_name", user_name), ("password", password)]).await
}

#[actix_web::test]
async fn the_set_up_link_makes_the_first_owner_and_works_once() {
    let console = Console::unclaimed();
    let link = set_up_link(&console);
    let browser = console.browser();
    let home = browser.submit(&link, &link, &CLAIM).await.follow().await;
    assert!(home.text().contains("Welcome, Olga Brandt."), "{}", home.text());
    assert!(home.text().contains("Harbourline"));
    assert_eq!(console.find("olga").unwrap().role, Role::Owner);

    assert_eq!(browser.get(&link).await.status, 404);
    assert!(console.org.write(&Actor::Rollcall, admins::offer_set_up).unwrap().is_none());
}

#[actix_web::test]
async fn without_the_link_nobody_claims_an_instance() {
    let console = Console::unclaimed();
    let link = set_up_link(&console);
    let newer = set_up_link(&console);
    let browser = console.browser();
    assert!(browser.get("/sign-in").await.text().contains("Nobody owns this instance yet."));
    for path in ["/set-up/", "/set-up/guess", &link] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(browser.get(&newer).await.status, 200, "a newer link replaces the older");
}

#[actix_web::test]
async fn a_weak_claim_is_refused_beside_the_field_and_the_link_stays_good() {
    let console = Console::unclaimed();
    let link = set_up_link(&console);
    let browser = console.browser();
    for (field, value) in [
        ("password", "short"),
        ("password_again", "something else 9"),
        ("organisation", ""),
        ("user_name", ""),
    ] {
        let mut claim = CLAIM.to_vec();
        claim.retain(|(name, _)| *name != field);
        claim.push((field, value));
        if field == "password" {
            claim.retain(|(name, _)| *name != "password_again");
            claim.push(("password_again", value));
        }
        let page = browser.submit(&link, &link, &claim).await;
        assert_eq!(page.status, 422, "{field}");
        assert!(page.has(&format!("#{field}-error")), "{field}");
        assert!(!page.body.contains(PASSWORD), "secrets are not kept in a form");
    }
    assert!(console.find("olga").is_none());
    assert_eq!(browser.submit(&link, &link, &CLAIM).await.status, 303);
}

#[actix_web::test]
async fn signing_in_and_out() {
    let console = Console::open();
    let browser = console.browser();
    let asked = browser.get("/users?q=ana").await;
    assert_eq!((asked.status, asked.location()), (303, "/sign-in?next=%2Fusers%3Fq%3Dana"));
    let page = asked.follow().await;
    let entered = page.submit("/sign-in", &[("user_name", "OLGA"), ("password", PASSWORD)]).await;
    assert_eq!((entered.status, entered.location()), (303, "/users?q=ana"));
    let home = browser.get("/").await;
    assert_eq!(home.status, 200);
    let left = home.submit("/sign-out", &[]).await;
    assert_eq!(left.location(), "/sign-in?left");
    assert_eq!(browser.get("/").await.status, 303);
}

#[actix_web::test]
async fn an_unknown_user_and_a_wrong_password_read_the_same() {
    let console = Console::open();
    let wrong = sign_in(&console.browser(), "olga", "wrong password").await;
    let unknown = sign_in(&console.browser(), "nobody", "wrong password").await;
    assert_eq!((wrong.status, unknown.status), (422, 422));
    let blank = |page: &Page, name: &str| page.text().replace(name, "");
    assert_eq!(blank(&wrong, "olga"), blank(&unknown, "nobody"));
    assert!(wrong.text().contains("The user name or the password is wrong."));
}

#[actix_web::test]
async fn repeated_failures_lock_the_account_even_for_the_right_password() {
    let console = Console::open();
    let browser = console.browser();
    for _ in 0..5 {
        assert_eq!(sign_in(&browser, "olga", "wrong").await.status, 422);
    }
    let locked = sign_in(&browser, "olga", PASSWORD).await;
    assert_eq!(locked.status, 429);
    assert!(locked.text().contains("Too many attempts."));
    console.clock.advance(TimeDelta::minutes(2));
    assert_eq!(sign_in(&browser, "olga", PASSWORD).await.status, 303);
}

#[actix_web::test]
async fn the_session_gets_a_new_key_at_sign_in() {
    let console = Console::open();
    let browser = console.browser();
    browser.set_cookie("rollcall_session", "planted");
    sign_in(&browser, "olga", PASSWORD).await;
    let first = browser.cookie("rollcall_session").unwrap();
    assert_ne!(first, "planted");
    browser.get("/sign-in").await;
    let other = console.signed_in("olga").await;
    assert_ne!(other.cookie("rollcall_session").unwrap(), first);
}

#[actix_web::test]
async fn idle_and_absolute_limits_end_a_session() {
    let console = Console::open();
    let idle = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(61));
    assert_eq!(idle.get("/").await.status, 303);

    let busy = console.signed_in("olga").await;
    for _ in 0..14 {
        console.clock.advance(TimeDelta::minutes(50));
        assert_eq!(busy.get("/").await.status, 200);
        // The time of the request is stored behind the answer: this write comes after it.
        console.write(rollcall::domain::settings::touch);
    }
    console.clock.advance(TimeDelta::minutes(50));
    assert_eq!(busy.get("/").await.status, 303, "twelve hours are the end in any case");
}

#[actix_web::test]
async fn a_session_ends_at_once_when_the_account_is_deactivated_or_loses_its_role() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator);
    let browser = console.signed_in("adam").await;
    let key = adam.id.clone();
    console.write(move |tx| rollcall::domain::users::lifecycle::deactivate(tx, &key));
    assert_eq!(browser.get("/").await.status, 303);
    assert_eq!(sign_in(&console.browser(), "adam", PASSWORD).await.status, 422);

    let eve = console.admin("eve", Role::Auditor);
    let browser = console.signed_in("eve").await;
    console.write(move |tx| admins::appoint(tx, &eve.id, Role::None));
    assert_eq!(browser.get("/").await.status, 303);
}

#[actix_web::test]
async fn a_session_survives_a_restart() {
    let mut console = Console::open();
    let browser = console.signed_in("olga").await;
    let again = console.served_again();
    let moved = Browser::new(&again);
    moved.set_cookie("rollcall_session", &browser.cookie("rollcall_session").unwrap());
    assert_eq!(moved.get("/").await.status, 200);
}

#[actix_web::test]
async fn a_form_without_a_token_of_this_browser_is_refused_and_changes_nothing() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let foreign = console.browser().get("/sign-in").await.value("input[name=csrf]").unwrap();
    for fields in [
        vec![("name", "Delft")],
        vec![("name", "Delft"), ("csrf", "x")],
        vec![("name", "Delft"), ("csrf", foreign.as_str())],
    ] {
        let page = olga.post_bare("/sites", &fields).await;
        assert_eq!(page.status, 403);
        assert!(page.text().contains("This form was not sent from a page of yours"));
    }
    let own = olga.get("/sites").await.value("input[name=csrf]").unwrap();
    let request = olga
        .request(Method::POST, "/sites")
        .header("Sec-Fetch-Site", "cross-site")
        .form(&[("name", "Delft"), ("csrf", own.as_str())]);
    let refused = olga.send(request).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("This form was sent from another site."));
    let request = olga
        .request(Method::POST, "/sites")
        .header("Origin", "https://evil.example")
        .form(&[("name", "Delft"), ("csrf", own.as_str())]);
    assert_eq!(olga.send(request).await.status, 403);
    assert!(console.org.read(rollcall::domain::sites::all).unwrap().is_empty());
    assert_eq!(olga.post_bare("/sites", &[("name", "Delft"), ("csrf", &own)]).await.status, 303);
}

#[actix_web::test]
async fn the_way_on_after_sign_in_stays_on_this_server() {
    let console = Console::open();
    for next in
        ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil"]
    {
        let page = console.browser().get("/sign-in").await;
        let fields = [("user_name", "olga"), ("password", PASSWORD), ("next", next)];
        assert_eq!(page.submit("/sign-in", &fields).await.location(), "/", "{next}");
    }
}

#[actix_web::test]
async fn every_answer_carries_the_security_headers() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let asset = olga.get("/").await.value("link[rel=stylesheet]").is_some();
    assert!(asset);
    let css = olga
        .get("/")
        .await
        .body
        .split("href=\"/static/")
        .nth(2)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    for path in [
        "/",
        "/nowhere",
        "/sign-in",
        "/healthz",
        "/readyz",
        "/scim/v2/Users",
        "/favicon.ico",
        &format!("/static/{css}"),
    ] {
        let page = olga.get(path).await;
        let header =
            |name: &str| page.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert!(header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        for feature in ["camera", "geolocation", "microphone", "payment"] {
            assert!(header("permissions-policy").contains(&format!("{feature}=()")), "{path}: {feature}");
        }
        assert!(!header("x-request-id").is_empty(), "{path}");
        let kept = header("cache-control").contains("immutable");
        assert_eq!(
            kept,
            path.starts_with("/static") || path == "/favicon.ico",
            "{path}: {}",
            header("cache-control")
        );
    }
    for (accepted, told) in [("br", "br"), ("gzip", "gzip"), ("identity", "")] {
        let raw = reqwest::Client::builder().no_gzip().build().unwrap();
        let answer = raw.get(format!("{}/static/{css}", console.address)).header("Accept-Encoding", accepted);
        let answer = answer.send().await.unwrap();
        let coding = answer.headers().get("content-encoding").map_or("", |value| value.to_str().unwrap());
        assert_eq!(coding, told);
    }
}

/// A path of this route, of rows that are not there.
fn somewhere(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[actix_web::test]
async fn every_route_answers_those_who_may_use_it_and_nobody_else() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    console.admin("audrey", Role::Auditor);
    let visitors = [
        (None, console.browser()),
        (Some(Role::Auditor), console.signed_in("audrey").await),
        (Some(Role::Administrator), console.signed_in("adam").await),
        (Some(Role::Owner), console.signed_in("olga").await),
    ];
    assert!(ROUTES.len() > 50, "the table is the whole of the console");
    for route in ROUTES {
        let path = somewhere(route);
        for (role, browser) in &visitors {
            let page = browser.send(browser.request(route.method.parse().unwrap(), &path)).await;
            let told = format!("{} {} as {role:?}: {} {}", route.method, path, page.status, page.location());
            let may = match route.least {
                Least::Anyone => true,
                Least::Role(least) => role.is_some_and(|role| role >= least),
            };
            let to_sign_in = page.status == 303 && page.location().starts_with("/sign-in");
            let for_the_role = page.status == 403 && page.text().contains("This needs the role of");
            assert!(page.status < 500, "{told}");
            match (may, role) {
                (true, _) => assert!(!for_the_role && (role.is_none() || !to_sign_in), "{told}"),
                (false, None) => assert!(to_sign_in, "{told}"),
                (false, Some(_)) => assert!(for_the_role, "{told}"),
            }
            // Entra ID's answers come from its own site: their signature is their token.
            if may && route.method == "POST" && route.path != "/sso/consumer" {
                assert_eq!(page.status, 403, "a form without its token: {told}");
            }
        }
    }
}

#[actix_web::test]
async fn what_was_typed_as_a_user_name_is_not_kept() {
    let console = Console::open();
    sign_in(&console.browser(), "my secret pass phrase", "x").await;
    let olga = console.signed_in("olga").await;
    let log = olga.get("/activity").await;
    assert!(log.text().contains("Rollcall refused a sign-in as an unknown user name"), "{}", log.text());
    assert!(!log.body.contains("secret pass phrase"));
}
