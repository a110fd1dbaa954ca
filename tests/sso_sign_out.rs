//! Signing out: of Rollcall alone, at Entra ID too, and when Entra ID says so.

use crate::harness::idp::{ISSUER, KEY, LOGIN_URL, Request, STRANGERS_KEY, Says, sign};
use crate::harness::{Browser, Console, Page};
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter};
use rollcall::domain::sso::requests::Purpose;

const ADA: &str = "ada@contoso.example";

#[actix_web::test]
async fn signing_out_leaves_microsoft_alone_while_the_logout_url_is_blank() {
    let console = Console::with_sso();
    console.user(ADA, None);
    let browser = console.browser();
    browser.sign_in_by_entra(&console, ADA).await;
    let left = browser.submit("/account", "/sign-out", &[]).await;
    assert_eq!(left.location(), "/sign-in?left");
    assert_eq!(browser.get("/account").await.status, 303);
}

#[actix_web::test]
async fn signing_out_ends_entra_ids_session_too_when_it_has_a_logout_url() {
    let console = Console::with_sso();
    console.user(ADA, None);
    console.sso(|settings| settings.logout_url = Some(LOGIN_URL.to_owned()));
    let browser = console.browser();
    let says = Says::of(&console, ADA);
    browser.bring(&says).await;
    let page = browser.get("/account").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.ends_with("form-action 'self' https://login.microsoftonline.com"), "{policy}");
    let left = page.submit("/sign-out", &[]).await;
    let request = Request::read(left.location());
    assert!(request.xml.contains("<samlp:LogoutRequest"), "{}", request.xml);
    assert!(request.xml.contains(&says.session_index) && request.xml.contains(ADA));
    assert_eq!(browser.get("/account").await.status, 303, "ours is over at once");
    let back = browser.get(&answer(&console, &request.id, "Success", None)).await;
    assert_eq!(back.location(), "/sign-in?left", "{}", back.text());
}

/// Where Entra ID's answer to a sign-out goes, with its codes. It answers under its other name.
fn answer(console: &Console, request: &str, code: &str, second: Option<&str>) -> String {
    let issuer = ISSUER.replace("https://sts.windows.net/", "https://login.microsoftonline.com/");
    let status = "urn:oasis:names:tc:SAML:2.0:status:";
    let second =
        second.map(|code| format!("<samlp:StatusCode Value=\"{status}{code}\"/>")).unwrap_or_default();
    let answer = format!(
        "<samlp:LogoutResponse xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_a\" Version=\"2.0\" \
         IssueInstant=\"{}\" Destination=\"{}/sso/logout\" InResponseTo=\"{request}\"><Issuer \
         xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">{issuer}</Issuer><samlp:Status><samlp:StatusCode \
         Value=\"{status}{code}\">{second}</samlp:StatusCode></samlp:Status></samlp:LogoutResponse>",
        console.clock.now().format("%Y-%m-%dT%H:%M:%SZ"),
        console.address,
    );
    format!("/sso/logout?SAMLResponse={}", packed(&answer))
}

#[actix_web::test]
async fn whose_session_at_microsoft_goes_on_is_told_so() {
    let console = Console::with_sso();
    console.user(ADA, None);
    console.sso(|settings| settings.logout_url = Some(LOGIN_URL.to_owned()));
    let browser = console.browser();
    for (code, second) in [("Responder", None), ("Requester", None), ("Success", Some("PartialLogout"))] {
        browser.bring(&Says::of(&console, ADA)).await;
        let left = browser.submit("/account", "/sign-out", &[]).await;
        let request = Request::read(left.location());
        let before = events(&console).len();
        let told = browser.get(&answer(&console, &request.id, code, second)).await;
        assert!(told.text().contains("did not end its own session"), "{code}: {}", told.text());
        assert_eq!(events(&console).len(), before + 1, "{code}");
        assert_eq!(noted(&console, &told), "sign_out_elsewhere");
        // The same answer again, or one to no request of ours, says nothing.
        let again = browser.get(&answer(&console, &request.id, code, second)).await;
        assert_eq!(again.location(), "/sign-in?left");
        assert_eq!(events(&console).len(), before + 1);
    }
}

fn packed(xml: &str) -> String {
    use std::io::Read;
    let mut deflated = Vec::new();
    flate2::read::DeflateEncoder::new(xml.as_bytes(), flate2::Compression::best())
        .read_to_end(&mut deflated)
        .unwrap();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, deflated);
    url::form_urlencoded::byte_serialize(base64.as_bytes()).collect()
}

pub fn logout_request(console: &Console, issuer: &str, name: &str, index: Option<&str>) -> String {
    let index =
        index.map(|index| format!("<samlp:SessionIndex>{index}</samlp:SessionIndex>")).unwrap_or_default();
    let xml = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_lo\" Version=\"2.0\" \
         IssueInstant=\"{}\" Destination=\"{}/sso/logout\"><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
         {issuer}</Issuer><NameID xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">{name}</NameID>{index}\
         </samlp:LogoutRequest>",
        console.clock.now().format("%Y-%m-%dT%H:%M:%SZ"),
        console.address
    );
    format!("SAMLRequest={}", packed(&xml))
}

pub fn signed_query(query: &str, key: &[u8]) -> String {
    let text = format!("{query}&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256");
    let value: String = url::form_urlencoded::byte_serialize(sign(&text, key).as_bytes()).collect();
    format!("{text}&Signature={value}")
}

#[actix_web::test]
async fn entra_id_ends_the_session_that_it_names_and_no_other() {
    let console = Console::with_sso();
    console.user(ADA, None);
    console.sso(|settings| settings.logout_url = Some(LOGIN_URL.to_owned()));
    let (here, there) = (console.browser(), console.browser());
    let (says_here, says_there) = (Says::of(&console, ADA), Says::of(&console, ADA));
    here.bring(&says_here).await;
    there.bring(&says_there).await;
    let anybody = console.browser();
    let alive = async |browser: &Browser| browser.get("/account").await.status == 200;
    // Nobody without the index or a signature ends anything.
    anybody.get(&format!("/sso/logout?{}", logout_request(&console, ISSUER, ADA, None))).await;
    anybody.get(&format!("/sso/logout?{}", logout_request(&console, ISSUER, ADA, Some("_guess")))).await;
    let evil = logout_request(&console, "https://evil.example/", ADA, Some(&says_here.session_index));
    assert_eq!(anybody.get(&format!("/sso/logout?{evil}")).await.status, 422);
    let strange = logout_request(&console, ISSUER, ADA, None);
    let strange = signed_query(&strange, STRANGERS_KEY);
    assert_eq!(anybody.get(&format!("/sso/logout?{strange}")).await.status, 422);
    assert!(alive(&here).await && alive(&there).await);

    let named = logout_request(&console, ISSUER, ADA, Some(&says_here.session_index));
    let answered = anybody.get(&format!("/sso/logout?{named}")).await;
    let reply = Request::read(&answered.location().replace("SAMLResponse=", "SAMLRequest="));
    assert!(reply.xml.contains("InResponseTo=\"_lo\""), "{}", reply.xml);
    assert!(!alive(&here).await && alive(&there).await);
    // Signed, and without an index: all of the person's.
    let all = signed_query(&logout_request(&console, ISSUER, ADA, None), KEY);
    anybody.get(&format!("/sso/logout?{all}")).await;
    assert!(!alive(&there).await);
    // About a session that is over already Entra ID wants no answer.
    let again = anybody.get(&format!("/sso/logout?{named}")).await;
    assert_eq!(again.status, 200);
}

#[actix_web::test]
async fn a_session_that_entra_id_ends_leaves_nothing_in_its_browser() {
    let console = Console::with_sso();
    console.user(ADA, None);
    let (here, anybody) = (console.browser(), console.browser());
    let says = Says::of(&console, ADA);
    here.bring(&says).await;
    let query = logout_request(&console, ISSUER, ADA, Some(&says.session_index));
    let left = here.get(&format!("/sso/logout?{query}")).await;
    assert_eq!(left.headers["clear-site-data"], "\"cache\", \"storage\"");
    let forgotten = |name: &str| {
        let mut lines = left.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        lines.any(|line| line.contains(name) && line.contains("Max-Age=0"))
    };
    assert!(forgotten("rollcall_session") && forgotten("rollcall_form") && forgotten("rollcall_sso"));
    // Where nothing ended here, nothing is cleared.
    let elsewhere = anybody.get(&format!("/sso/logout?{query}")).await;
    assert!(!elsewhere.headers.contains_key("clear-site-data"));
}

fn dated(name: &str, id: &str, attributes: &str) -> String {
    let xml = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"{id}\" Version=\"2.0\" \
         {attributes}><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">{ISSUER}</Issuer><NameID \
         xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">{name}</NameID></samlp:LogoutRequest>"
    );
    signed_query(&format!("SAMLRequest={}", packed(&xml)), KEY)
}

#[actix_web::test]
async fn a_signed_sign_out_has_an_age_and_an_address_and_works_once() {
    let console = Console::with_sso();
    console.user(ADA, None);
    let anybody = console.browser();
    let at = |minutes: i64| {
        (console.clock.now() + chrono::TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ")
    };
    let to = format!("Destination=\"{}/sso/logout\"", console.address);
    let refused = [
        ("old", format!("IssueInstant=\"{}\" {to}", at(-9))),
        ("old, and good for long", format!("IssueInstant=\"{}\" NotOnOrAfter=\"{}\" {to}", at(-9), at(900))),
        ("over", format!("IssueInstant=\"{}\" NotOnOrAfter=\"{}\" {to}", at(-4), at(-4))),
        ("of tomorrow", format!("IssueInstant=\"{}\" {to}", at(900))),
        ("of no time", to.clone()),
        ("for nobody", format!("IssueInstant=\"{}\"", at(0))),
        ("for another", format!("IssueInstant=\"{}\" Destination=\"https://other.example/\"", at(0))),
    ];
    let victim = console.browser();
    victim.bring(&Says::of(&console, ADA)).await;
    for (what, attributes) in refused {
        let query = dated(ADA, "_lo", &attributes);
        assert_eq!(anybody.get(&format!("/sso/logout?{query}")).await.status, 422, "{what}");
        assert_eq!(victim.get("/account").await.status, 200, "{what}");
    }
    let good = dated(ADA, "_lo1", &format!("IssueInstant=\"{}\" {to}", at(-1)));
    assert_eq!(anybody.get(&format!("/sso/logout?{good}")).await.status, 200);
    assert_eq!(victim.get("/account").await.status, 303);
    victim.bring(&Says::of(&console, ADA)).await;
    assert_eq!(anybody.get(&format!("/sso/logout?{good}")).await.status, 422, "it was presented before");
    assert_eq!(victim.get("/account").await.status, 200);
}

#[actix_web::test]
async fn a_sign_out_that_unfolds_without_end_is_refused() {
    let console = Console::with_sso();
    let bomb = format!("<a>{}</a>", " ".repeat(20_000_000));
    let page = console.browser().get(&format!("/sso/logout?SAMLRequest={}", packed(&bomb))).await;
    assert_eq!(page.status, 422, "{}", page.text());
}

fn events(console: &Console) -> Vec<Event> {
    console.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 100)).unwrap().items
}

/// The newest event is about a sign-out, and the page names it; answers its cause.
fn noted(console: &Console, page: &Page) -> String {
    let event = events(console).remove(0);
    assert_eq!(event.purpose, Purpose::SignOut);
    assert!(page.text().contains(&event.reference), "{}", page.text());
    assert!(!event.sentence.contains("response"), "{}", event.sentence);
    event.cause.unwrap()
}

#[actix_web::test]
async fn whoever_sits_before_it_is_signed_out_whatever_the_index() {
    let console = Console::with_sso();
    console.user(ADA, None);
    let without_index = Says { session_index: String::new(), ..Says::of(&console, ADA) };
    let cases = [
        (Says::of(&console, ADA), Some("_another"), false),
        (Says::of(&console, ADA), Some("_another"), true),
        (Says::of(&console, ADA), None, false),
        (without_index.clone(), None, false),
        (without_index, Some("_another"), false),
    ];
    for (says, index, signed) in cases {
        let browser = console.browser();
        browser.bring(&Says { assertion_id: crate::harness::idp::unique(), ..says }).await;
        assert_eq!(browser.get("/account").await.status, 200);
        let query = logout_request(&console, ISSUER, &ADA.to_uppercase(), index);
        let query = if signed { signed_query(&query, KEY) } else { query };
        let page = browser.get(&format!("/sso/logout?{query}")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("You are signed out of Rollcall"), "{}", page.text());
        assert_eq!(browser.get("/account").await.status, 303, "{index:?}");
    }
    assert!(events(&console).iter().all(|event| event.purpose != Purpose::SignOut));
}

#[actix_web::test]
async fn a_sign_out_that_ended_nothing_here_says_so_and_is_noted() {
    let console = Console::with_sso();
    console.user(ADA, None);
    console.user("kim@contoso.example", None);
    console.sso(|settings| settings.logout_url = Some(LOGIN_URL.to_owned()));
    let browser = console.browser();
    browser.bring(&Says::of(&console, ADA)).await;
    let other = logout_request(&console, ISSUER, "kim@contoso.example", Some("_x"));
    for query in [other.clone(), signed_query(&other, KEY)] {
        let page = browser.get(&format!("/sso/logout?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.location());
        assert!(page.text().contains("names no session that is open here"), "{}", page.text());
        assert!(page.text().contains("still signed in here as"), "{}", page.text());
        assert_eq!(noted(&console, &page), "sign_out_nothing");
        assert_eq!(browser.get("/account").await.status, 200);
    }
    // Another person's session ends, the one of this browser goes on.
    console.sso(|settings| settings.logout_url = None);
    let kim = console.browser();
    kim.bring(&Says::of(&console, "kim@contoso.example")).await;
    let named = dated(
        "kim@contoso.example",
        "_kim",
        &format!(
            "IssueInstant=\"{}\" Destination=\"{}/sso/logout\"",
            console.clock.now().format("%Y-%m-%dT%H:%M:%SZ"),
            console.address
        ),
    );
    let page = browser.get(&format!("/sso/logout?{named}")).await;
    assert!(page.text().contains("still signed in here as"), "{}", page.text());
    assert_eq!(browser.get("/account").await.status, 200);
    assert_eq!(kim.get("/account").await.status, 303);
}

#[actix_web::test]
async fn a_refused_sign_out_names_its_cause_and_its_reference() {
    let console = Console::with_sso();
    console.user(ADA, None);
    let olga = console.signed_in("olga").await;
    let here = format!("Destination=\"{}/sso/logout\"", console.address);
    let at = |minutes: i64| {
        (console.clock.now() + chrono::TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ")
    };
    let good = logout_request(&console, ISSUER, ADA, None);
    let elsewhere = "Destination=\"https://console.example/sso/logout\"";
    let cases = [
        (signed_query(&good, STRANGERS_KEY), "unknown_certificate"),
        (logout_request(&console, "https://evil.example/", ADA, None), "issuer"),
        (dated(ADA, "_a", &format!("IssueInstant=\"{}\" {here}", at(-30))), "expired"),
        (dated(ADA, "_b", &format!("IssueInstant=\"{}\" {here}", at(30))), "not_yet_valid"),
        (dated(ADA, "_c", &format!("IssueInstant=\"{}\" {elsewhere}", at(0))), "destination"),
        (format!("SAMLRequest={}", packed("<a></b>")), "not_xml"),
        ("SAMLRequest=%21%21".to_owned(), "encoding"),
    ];
    for (query, cause) in cases {
        let page = console.browser().get(&format!("/sso/logout?{query}")).await;
        assert_eq!(page.status, 422, "{cause}: {}", page.text());
        assert_eq!(noted(&console, &page), cause);
        let event = events(&console).remove(0);
        let shown = olga.get(&format!("/activity/sign-ins/{}", event.reference)).await;
        assert!(shown.text().contains("Sign-out"), "{}", shown.text());
        assert!(!shown.text().contains("Reply URL: exactly"), "{cause}: {}", shown.text());
    }
}
