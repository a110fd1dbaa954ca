//! What can be presented again, kept, or queued without end by whoever has one response or none: each has its bound.

use crate::harness::Console;
use crate::harness::idp::{OBJECT_ID, STRANGERS_KEY, Says};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDate, TimeDelta};
use rollcall::domain::Tx;
use rollcall::domain::page::At;
use rollcall::domain::sso::events::{self, Event, Filter, MOST_OF_A_NETWORK};
use rollcall::domain::sso::requests::{self, Asker, MOST_OF_A_NETWORK as MOST_REQUESTS, Purpose};
use rollcall::error::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ANA: &str = "ana@contoso.example";

fn events(console: &Console) -> Vec<Event> {
    console.org.read(|conn| events::list(conn, &Filter::default(), &At::Start, 2_000)).unwrap().items
}

fn last_cause(console: &Console) -> Option<String> {
    events(console)[0].cause.clone()
}

#[actix_web::test]
async fn a_response_without_an_end_is_taken_once_and_for_a_day() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let end_of_time = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap().and_hms_opt(23, 59, 59).unwrap();
    let endless = Says { until: end_of_time - console.clock.now(), ..Says::of(&console, ANA) };
    assert_eq!(console.browser().bring(&endless).await.status, 303);
    console.write(requests::tidy);
    assert_eq!(console.browser().bring(&endless).await.status, 403);
    assert_eq!(last_cause(&console).as_deref(), Some("replay"));
    assert!(events(&console)[0].details().claims.is_empty());
    // Once it is forgotten it is too old.
    console.clock.advance(TimeDelta::hours(25));
    console.write(requests::tidy);
    assert_eq!(console.browser().bring(&endless).await.status, 403);
    assert_eq!(last_cause(&console).as_deref(), Some("expired"));
    let young = Says::of(&console, ANA);
    console.clock.advance(TimeDelta::hours(23));
    let still = Says { until: TimeDelta::hours(24), ..young };
    assert_eq!(console.browser().bring(&still).await.status, 303, "Entra ID may let it last for a day");
}

#[actix_web::test]
async fn a_time_beyond_all_calendars_is_refused_with_a_reference() {
    let console = Console::with_sso();
    console.user(ANA, None);
    for beyond in ["+262142-12-31T23:59:59", "-262143-01-01T00:00:00", "12026-01-01T00:00:00Z"] {
        let mut says = Says::of(&console, ANA);
        says.session_index = format!("{}\" SessionNotOnOrAfter=\"{beyond}", says.session_index);
        let recipient = format!("\" NotOnOrAfter=\"{beyond}\" Recipient=\"");
        let confirmation = Says::of(&console, ANA);
        let confirmation = Says {
            confirmation: Some(format!(
                "<SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
                 <SubjectConfirmationData{}{}\"></SubjectConfirmationData></SubjectConfirmation>",
                &recipient[1..],
                confirmation.recipient
            )),
            ..confirmation
        };
        for says in [says, confirmation] {
            let page = console.browser().bring(&says).await;
            assert_eq!(page.status, 403, "{beyond}: {}", page.text());
            assert!(page.text().contains(&events(&console)[0].reference), "{beyond}");
        }
    }
}

#[actix_web::test]
async fn a_session_that_would_be_over_at_once_does_not_begin() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let over = (console.clock.now() - TimeDelta::seconds(100)).format("%Y-%m-%dT%H:%M:%SZ");
    let mut says = Says::of(&console, ANA);
    says.session_index = format!("{}\" SessionNotOnOrAfter=\"{over}", says.session_index);
    let page = console.browser().bring(&says).await;
    assert_eq!((page.status, last_cause(&console).as_deref()), (403, Some("expired")), "{}", page.text());
}

#[actix_web::test]
async fn a_response_for_no_bearer_says_so_whether_it_was_asked_for_or_not() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let method = |method: &str| format!("Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\"");
    for confirmation in [
        format!("<SubjectConfirmation {}></SubjectConfirmation>", method("sender-vouches")),
        format!("<SubjectConfirmation {}></SubjectConfirmation>", method("bearer")),
        String::new(),
    ] {
        let browser = console.browser();
        let request = browser.ask_entra("/sso/start").await;
        let says = Says { confirmation: Some(confirmation.clone()), ..Says::of(&console, ANA) };
        for says in [says.clone().answering(&request), says] {
            assert_eq!(browser.bring(&says).await.status, 403);
            assert_eq!(last_cause(&console).as_deref(), Some("confirmation"), "{confirmation}");
        }
    }
}

#[actix_web::test]
async fn of_a_claim_that_names_the_person_nothing_is_left_out_and_of_others_it_is_said() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let long = "x".repeat(5_000);
    let says = Says::of(&console, ANA);
    let both = says.clone().with(OBJECT_ID, &long).with(OBJECT_ID, "11111111-2222-3333-4444-555555555555");
    for refused in [says.clone().with(OBJECT_ID, &long), both] {
        assert_eq!(console.browser().bring(&refused).await.status, 403);
        assert_eq!(last_cause(&console).as_deref(), Some("naming_claim"));
    }
    let good = says.with("http://contoso.example/biography", &long);
    assert_eq!(console.browser().bring(&good).await.status, 303);
    let warnings = events(&console)[0].details().warnings;
    assert!(warnings.iter().any(|text| text.contains("biography")), "{warnings:?}");
}

#[actix_web::test]
async fn an_opaque_name_becomes_no_account_and_is_pointed_out() {
    let console = Console::with_sso();
    console.sso(|settings| settings.create_users = true);
    let formats = [
        "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    ];
    for format in formats {
        for name in ["xTwRGoD0bLNdo9k5NNoCL-UEiMPTFXhxEXoXfXvTtcc", "3q2+7wAAbbCCdd0123456A==", "3q2+7w=="] {
            let says = Says { name_format: format, ..Says::of(&console, name) };
            assert_eq!(console.browser().bring(&says).await.status, 403, "{name}");
            let warnings = events(&console)[0].details().warnings;
            assert!(warnings.iter().any(|text| text.contains("opaque")), "{name}: {warnings:?}");
            assert!(console.find(name).is_none());
        }
    }
    // A claim may be one, too, or a guest's name.
    console.sso(|settings| settings.match_claim = Some("x:upn".to_owned()));
    for (name, hint) in [
        ("xTwRGoD0bLNdo9k5NNoCL-UEiMPTFXhxEXoXfXvTtcc", "opaque"),
        ("ana_gmail.com#EXT#@contoso.onmicrosoft.com", "#EXT#"),
    ] {
        console.browser().bring(&Says::of(&console, ANA).with("x:upn", name)).await;
        let warnings = events(&console)[0].details().warnings;
        assert!(warnings.iter().any(|text| text.contains(hint)), "{name}: {warnings:?}");
    }
    assert!(console.find("xTwRGoD0bLNdo9k5NNoCL-UEiMPTFXhxEXoXfXvTtcc").is_none());
    let opaque = [
        ("9f86d081884c7d659a2feaa0c55ad015", formats[0]),
        ("_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", formats[0]),
        ("7c2f1d7e-0b1e-4f58-9a34-0d6f1f3f9a11", formats[0]),
        ("3q2+7wAAbbCCdd0123456A==", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
    ];
    console.sso(|settings| settings.match_claim = None);
    for (name, format) in opaque {
        let says = Says { name_format: format, ..Says::of(&console, name) };
        assert_eq!(console.browser().bring(&says).await.status, 403, "{name}");
        assert!(console.find(name).is_none(), "{name}");
    }
    for name in ["MariaDeLaCruzGomez01", "EMP2024GermanyBerlin1", "maria_Fernandez-Lopez2"] {
        let says = Says { name_format: formats[0], ..Says::of(&console, name) };
        assert_eq!(console.browser().bring(&says).await.status, 303, "{name}: people are called so");
    }
    console.sso(|settings| settings.match_claim = Some("x:upn".to_owned()));
    for name in ["ana", "AnaLima2", "ana.lima", "ANALIMA", "ana-lima-of-the-second-floor"] {
        let says = Says { name_format: formats[0], ..Says::of(&console, ANA).with("x:upn", name) };
        assert_eq!(console.browser().bring(&says).await.status, 303, "{name}");
    }
}

#[actix_web::test]
async fn a_test_that_proves_nothing_is_still_the_administrators_test() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    let sent = olga.submit("/identity", "/identity/sso/test", &[]).await;
    let request = crate::harness::idp::Request::read(sent.location());
    let forged = Says { key: STRANGERS_KEY, ..Says::of(&console, "olga").answering(&request) };
    // In another browser it is a stranger's.
    assert_eq!(console.browser().bring(&forged).await.status, 403);
    assert_eq!(events(&console)[0].purpose, Purpose::SignIn);
    let tested = olga.bring(&forged).await;
    assert!(tested.location().starts_with("/identity/sso/tests/"), "{}", tested.text());
    let event = events(&console).remove(0);
    assert_eq!((event.purpose, event.cause.as_deref()), (Purpose::Test, Some("unknown_certificate")));
    // It proved nothing, so the test is still to be answered.
    let good = olga.bring(&Says::of(&console, "olga").answering(&request)).await;
    assert!(good.location().starts_with("/identity/sso/tests/"), "{}", good.text());
    assert_eq!(events(&console)[0].cause, None);
}

#[actix_web::test]
async fn open_requests_of_strangers_are_bounded_by_network() {
    let console = Console::with_sso();
    let olga = console.find("olga").unwrap().id;
    let ids = console.write(move |tx| {
        fn begin(tx: &mut Tx, asker: Asker) -> Result<String> {
            let id = rollcall::saml::request_id();
            requests::begin(tx, id, Purpose::SignIn, "", "/", asker).map(|request| request.split().0.id)
        }
        let kept = [begin(tx, Asker::Person(&olga))?, begin(tx, Asker::Stranger("198.51.100.7"))?];
        let mut flood = Vec::new();
        for number in 0..MOST_REQUESTS + 5 {
            let address = format!("2001:db8:1:2::{number:x}");
            flood.push(begin(tx, Asker::Stranger(&address))?);
        }
        Ok((kept, flood))
    });
    let is_there = |id: &String| {
        let id = id.clone();
        console.org.read(move |conn| requests::find(conn, &id)).unwrap().is_some()
    };
    let (kept, flood) = ids;
    assert!(kept.iter().all(is_there));
    let left = flood.iter().filter(|id| is_there(id)).count();
    assert_eq!(left, usize::try_from(MOST_REQUESTS).unwrap());
    assert!(is_there(flood.last().unwrap()));
    // Whatever page is asked for, little of it is kept.
    let browser = console.browser();
    let request = browser.ask_entra(&format!("/sso/start?next=/{}", "x".repeat(2_000))).await;
    let found = console.org.read(move |conn| requests::find(conn, &request.id)).unwrap().unwrap();
    assert_eq!(found.return_to, "/");
}

#[actix_web::test]
async fn one_genuine_response_brought_again_and_again_leaves_so_many_lines() {
    let console = Console::with_sso();
    let leave = |cause: &'static str, proven: bool, count: i64| {
        console.write(move |tx| {
            for number in 0..count {
                let report = events::Report {
                    purpose: Purpose::SignIn,
                    cause: Some(cause),
                    sentence: format!("{cause} {number}"),
                    user_id: None,
                    started_by: None,
                    name_id: None,
                    address: "192.0.2.1".to_owned(),
                    proven,
                    details: events::Details::default(),
                };
                events::note(tx, report)?;
            }
            Ok(())
        });
    };
    leave("user_unknown", true, 20);
    leave("audience", true, 20);
    leave("not_xml", false, MOST_OF_A_NETWORK + 20);
    let count = |cause: &str| {
        let all = events(&console);
        i64::try_from(all.iter().filter(|event| event.cause.as_deref() == Some(cause)).count()).unwrap()
    };
    assert_eq!((count("user_unknown"), count("audience"), count("not_xml")), (20, 20, MOST_OF_A_NETWORK));
    leave("expired", true, MOST_OF_A_NETWORK - 10);
    leave("replay", true, 10);
    assert_eq!(count("audience"), 0);
    assert_eq!(count("expired") + count("replay"), MOST_OF_A_NETWORK);
    assert_eq!((count("user_unknown"), count("not_xml")), (20, MOST_OF_A_NETWORK));
}

/// Each of these makes the server read five thousand elements.
#[actix_web::test]
async fn whoever_floods_waits_behind_themselves() {
    const FLOOD: usize = 60;
    let console = Console::with_sso();
    console.user(ANA, None);
    let xml = Says { key: STRANGERS_KEY, ..Says::of(&console, ANA) }.xml();
    let filler = "<Attribute Name=\"n\"><AttributeValue></AttributeValue></Attribute>".repeat(2_300);
    let statement = format!("<AttributeStatement>{filler}</AttributeStatement><AuthnStatement");
    let field = BASE64.encode(xml.replace("<AuthnStatement", &statement));
    let done = Arc::new(AtomicUsize::new(0));
    let flood = (0..FLOOD).map(|_| {
        let (browser, field, done) = (console.browser_at("127.0.9.9"), field.clone(), done.clone());
        async move {
            let status = browser.bring_field(&field, "").await.status;
            done.fetch_add(1, Ordering::SeqCst);
            status
        }
    });
    let genuine = async {
        let (asked, unasked) = (console.browser_at("127.0.9.9"), console.browser_at("127.0.7.7"));
        let neighbour = console.browser_at("127.0.9.8");
        let request = asked.ask_entra("/sso/start").await;
        while done.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        // One comes from the very address, but was sent to Entra ID from here; the others, unasked, from beside it and
        // from elsewhere.
        assert_eq!(asked.bring(&Says::of(&console, ANA).answering(&request)).await.status, 303);
        assert_eq!(unasked.bring(&Says::of(&console, ANA)).await.status, 303);
        assert_eq!(neighbour.bring(&Says::of(&console, ANA)).await.status, 303);
        done.load(Ordering::SeqCst)
    };
    let (statuses, before) = futures_util::future::join(futures_util::future::join_all(flood), genuine).await;
    assert!(statuses.iter().all(|status| matches!(status, 403 | 503)), "{statuses:?}");
    assert!(before < FLOOD * 3 / 4, "{before} of the flood went before them");
}
