//! What strangers can leave and cost: bounded lines of bounded length, and nothing while single sign-on is off.

use crate::harness::idp::{LOGIN_URL, STRANGERS_KEY, Says};
use crate::harness::{Browser, Console};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter, MOST_OF_A_NETWORK, Outcome};
use rollcall::domain::sso::requests::Purpose;

const ANA: &str = "ana@contoso.example";

fn events(console: &Console) -> Vec<Event> {
    console.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 1_000)).unwrap().items
}

#[actix_web::test]
async fn what_a_stranger_writes_is_cut_before_it_is_kept() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let long = "x".repeat(300_000);
    let status = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>";
    let said = format!(
        "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"></samlp:StatusCode>\
         <samlp:StatusMessage>{long}</samlp:StatusMessage>"
    );
    let good = Says { key: STRANGERS_KEY, ..Says::of(&console, ANA) };
    let attempts = [
        good.xml().replace(status, &said),
        good.xml().replace("samlp:Response", &format!("samlp:{}", "R".repeat(5_000))),
        good.xml().replace(&good.destination, &format!("https://{long}.example/")),
        good.xml().replace(&good.issuer, &long),
        Says { name_id: long.clone(), ..good.clone() }.xml(),
        good.clone().with("http://contoso.example/x", &long).xml(),
        good.xml().replace("rsa-sha256", &long[..20_000]),
    ];
    for xml in attempts {
        let page = console.browser().bring_field(&BASE64.encode(xml), "").await;
        assert_eq!(page.status, 403);
    }
    let olga = console.signed_in("olga").await;
    for event in events(&console) {
        assert!(event.sentence.chars().count() <= 1_000, "{} characters", event.sentence.chars().count());
        assert!(!event.proven);
        let page = olga.get(&format!("/activity/sign-ins/{}", event.reference)).await;
        assert!(page.body.len() < 30_000, "{} bytes", page.body.len());
    }
    assert!(olga.get("/activity/sign-ins").await.body.len() < 60_000);
}

#[actix_web::test]
async fn strangers_lines_are_capped_and_push_out_nobody_elses() {
    let console = Console::with_sso();
    console.user(ANA, None);
    assert_eq!(console.browser().bring(&Says::of(&console, ANA)).await.status, 303);
    let proven = Says { audience: "https://elsewhere.example/".to_owned(), ..Says::of(&console, ANA) };
    assert_eq!(console.browser().bring(&proven).await.status, 403);
    let more = MOST_OF_A_NETWORK + 30;
    let leave = |network: &'static str, count: i64| {
        console.write(move |tx| {
            for number in 0..count {
                let address = format!("{network}{}", number % 250);
                let report = events::Report {
                    purpose: Purpose::SignIn,
                    cause: Some("not_xml"),
                    sentence: format!("number {number}"),
                    user_id: None,
                    started_by: None,
                    name_id: None,
                    address,
                    proven: false,
                    details: events::Details::default(),
                };
                events::note(tx, report)?;
            }
            Ok(())
        });
    };
    leave("192.0.2.", more);
    leave("2001:db8:1:2::", 40);
    leave("192.0.3.", 40);
    let kept = events(&console);
    let of = |start: &str| kept.iter().filter(|event| event.address.starts_with(start)).count();
    assert_eq!(i64::try_from(of("192.0.2.")).unwrap(), MOST_OF_A_NETWORK);
    assert_eq!((of("2001:db8"), of("192.0.3.")), (40, 40));
    // The newest of them stay, and so does everything that was proven.
    assert!(kept.iter().any(|event| event.sentence == format!("number {}", more - 1)));
    assert_eq!(kept.iter().filter(|event| event.proven).count(), 2);
    assert!(kept.iter().any(|event| event.outcome == Outcome::Accepted));
}

#[actix_web::test]
async fn while_single_sign_on_is_off_nothing_is_kept_but_tests() {
    let console = Console::open();
    console.trust_entra(false);
    console.user("olga@contoso.example", None);
    let stranger = console.browser();
    let page = stranger.bring(&Says::of(&console, "olga@contoso.example")).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("switched off") && !page.text().contains("reference"), "{}", page.text());
    let garbage = stranger.bring_field("bm8gWE1M", "").await;
    assert_eq!(garbage.status, 403);
    let message = "SAMLRequest=7VRba9swFH4f7D8Iv_uS0";
    assert_eq!(stranger.get(&format!("/sso/logout?{message}")).await.status, 409);
    assert!(events(&console).is_empty());
    // An owner who sets it up tests it before it is on.
    let olga = console.signed_in("olga").await;
    let sent = olga.submit("/identity", "/identity/sso/test", &[]).await;
    assert!(sent.location().starts_with(LOGIN_URL), "{}", sent.text());
    let request = crate::harness::idp::Request::read(sent.location());
    let tested = olga.bring(&Says::of(&console, "olga@contoso.example").answering(&request)).await;
    assert!(tested.location().starts_with("/identity/sso/tests/"), "{}", tested.text());
    assert_eq!(events(&console).len(), 1);
    // The test is answered: what the same browser brings now is a stranger's again.
    let page = olga.bring(&Says::of(&console, "olga@contoso.example")).await;
    assert_eq!((page.status, events(&console).len()), (403, 1));
}

/// Many at once are read a few at a time: pages go on, and nobody hears of a failure.
#[actix_web::test]
async fn hostile_responses_at_once_leave_pages_answering() {
    let console = Console::with_sso();
    let xml = Says { key: STRANGERS_KEY, ..Says::of(&console, ANA) }.xml();
    let filler = "<Attribute Name=\"n\"><AttributeValue></AttributeValue></Attribute>".repeat(2_000);
    let xml = xml.replace(
        "<AuthnStatement",
        &format!("<AttributeStatement>{filler}</AttributeStatement><AuthnStatement"),
    );
    let field = BASE64.encode(xml);
    let all = (0..40).map(|_| {
        let (browser, field) = (console.browser(), field.clone());
        async move { browser.bring_field(&field, "").await.status }
    });
    let pages = (0..10).map(|_| {
        let browser: Browser = console.browser();
        async move { browser.get("/sign-in").await.status }
    });
    let (statuses, pages) = futures_util::future::join(
        futures_util::future::join_all(all),
        futures_util::future::join_all(pages),
    )
    .await;
    assert!(statuses.iter().all(|status| matches!(status, 403 | 503)), "{statuses:?}");
    assert!(pages.iter().all(|status| *status == 200), "{pages:?}");
}
