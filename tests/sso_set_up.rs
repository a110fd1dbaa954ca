//! Setting single sign-on up: metadata both ways, certificates and keys, the test sign-in, the requirement.

use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, Request, STRANGERS_CERTIFICATE, Says};
use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::page::At;
use rollcall::domain::sso::{certificates, events, keys, metadata, policy, settings};
use rollcall::worker;
use std::net::TcpListener;

const ADA: &str = "ada@contoso.example";

/// What Entra ID publishes about the tenant of these tests.
pub fn entra_metadata() -> Vec<u8> {
    metadata_of(ISSUER, &[CERTIFICATE])
}

/// Metadata as Entra ID publishes it: with a byte-order mark, and a role of another protocol before ours.
pub fn metadata_of(issuer: &str, certificates: &[&[u8]]) -> Vec<u8> {
    let keys: Vec<String> = certificates
        .iter()
        .map(|pem| {
            let text = String::from_utf8_lossy(pem);
            let base64: String = text.lines().filter(|line| !line.starts_with("---")).collect();
            format!(
                "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
                 <X509Certificate>{base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            )
        })
        .collect();
    let binding = "urn:oasis:names:tc:SAML:2.0:bindings";
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- a comment --><EntityDescriptor ID=\"_1\" entityID=\"{issuer}\" \
         xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"><RoleDescriptor \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:fed=\"http://docs.oasis-open.org/wsfed/federation/200706\" xsi:type=\"fed:SecurityTokenServiceType\" \
         protocolSupportEnumeration=\"http://docs.oasis-open.org/wsfed/federation/200706\"></RoleDescriptor>\
         <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{}\
         <SingleLogoutService Binding=\"{binding}:HTTP-Redirect\" Location=\"{LOGIN_URL}\"/>\
         <SingleSignOnService Binding=\"{binding}:HTTP-Redirect\" Location=\"{LOGIN_URL}\"/>\
         <SingleSignOnService Binding=\"{binding}:HTTP-POST\" Location=\"{LOGIN_URL}\"/>\
         </IDPSSODescriptor></EntityDescriptor>",
        keys.concat()
    )
    .into_bytes()
}

pub async fn import(browser: &Browser, file: &[u8]) -> Page {
    browser.upload("/identity", "/identity/sso/import", &[], "metadata.xml", file).await
}

/// Answers every request with this document, however often it is asked.
pub fn publishing(document: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/metadata.xml", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", document.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&document));
        }
    });
    address
}

#[actix_web::test]
async fn metadata_brings_all_values_and_every_certificate() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let file = metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE]);
    let page = import(&olga, &file).await.follow().await;
    assert!(page.text().contains("2 certificates were added."), "{}", page.text());
    for (field, value) in [("#issuer", ISSUER), ("#login_url", LOGIN_URL), ("#logout_url", LOGIN_URL)] {
        assert_eq!(page.value(field).as_deref(), Some(value));
    }
    let again = import(&olga, &file).await.follow().await;
    assert!(again.text().contains("Its certificates were known already."));
}

#[actix_web::test]
async fn what_is_no_metadata_is_refused_with_the_reason_and_changes_nothing() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let ours = console.browser().get("/sso/metadata").await.body;
    let good = String::from_utf8(metadata_of(ISSUER, &[CERTIFICATE])).unwrap();
    let encryption_only = good.replace("use=\"signing\"", "use=\"encryption\"");
    let expired = include_bytes!("fixtures/certificates/expired.pem");
    let cases: [(&[u8], &str); 8] = [
        (b"hello", "This is not federation metadata."),
        (b"<!DOCTYPE html><html></html>", "This is a web page"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><EntityDescriptor/>", "This is not federation metadata."),
        (ours.as_bytes(), "This metadata describes no identity provider."),
        (&metadata_of(ISSUER, &[]), "names no signing certificate"),
        (&metadata_of("https://sts.windows.net/{tenantid}/", &[CERTIFICATE]), "for all tenants"),
        (&metadata_of(ISSUER, &[expired]), "Every certificate in this metadata has expired."),
        (encryption_only.as_bytes(), "names no signing certificate"),
    ];
    for (file, reason) in cases {
        let page = import(&olga, file).await;
        assert_eq!(page.status, 422, "{reason}");
        assert!(page.text().contains(reason), "{reason}");
    }
    let (stored, trusted) =
        console.org.read(|conn| Ok((settings::read(conn)?, certificates::list(conn)?))).unwrap();
    assert_eq!((stored.issuer, trusted.len()), (None, 0));
    // A key without a use serves every use.
    let page = import(&olga, good.replace(" use=\"signing\"", "").as_bytes()).await;
    assert_eq!(page.status, 303);
}

#[actix_web::test]
async fn metadata_is_read_again_every_day_and_a_new_certificate_is_trusted_in_time() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let first = publishing(metadata_of(ISSUER, &[CERTIFICATE]));
    let wish = [("metadata_url", first.as_str()), ("refresh_metadata", "1")];
    let page = olga.submit("/identity", "/identity/sso/import", &wish).await;
    assert_eq!(page.status, 303, "{}", page.text());
    let trusted = |console: &Console| console.org.read(certificates::list).unwrap().len();
    assert_eq!(trusted(&console), 1);
    let next = publishing(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE]));
    console.sso(move |settings| settings.metadata_url = Some(next));
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(trusted(&console), 1, "it is not time yet");
    console.clock.advance(TimeDelta::hours(25));
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(trusted(&console), 2);
    let approved = console.org.read(certificates::list).unwrap().iter().all(|one| one.approved);
    assert!(approved, "an owner chose the address");
}

#[actix_web::test]
async fn another_issuer_is_never_taken_over_by_itself() {
    let console = Console::with_sso();
    let other = publishing(metadata_of("https://sts.windows.net/other/", &[STRANGERS_CERTIFICATE]));
    console.sso(move |settings| {
        (settings.metadata_url, settings.refresh_metadata) = (Some(other), true);
    });
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(console.org.read(certificates::list).unwrap().len(), 1);
    let reading = console.org.read(metadata::reading).unwrap();
    assert!(reading.fault.unwrap().contains("names another issuer"));
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/").await.text().contains("names another issuer"), "Home says so");
}

#[actix_web::test]
async fn what_an_address_brings_that_no_owner_approved_of_waits_for_one() {
    let console = Console::open();
    console.admin(ADA, Role::Administrator);
    let ada = console.signed_in(ADA).await;
    let first = publishing(metadata_of(ISSUER, &[CERTIFICATE]));
    let wish = [("metadata_url", first.as_str()), ("refresh_metadata", "1")];
    let page = ada.submit("/identity", "/identity/sso/import", &wish).await.follow().await;
    assert!(page.text().contains("waits for an owner"), "{}", page.text());
    let next = publishing(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE]));
    let follow = move |tx: &mut rollcall::domain::Tx| {
        let wish = settings::Settings { metadata_url: Some(next), ..settings::entered(tx.conn, false)? };
        settings::save(tx, &wish)
    };
    console.as_administrator(follow).unwrap();
    console.clock.advance(TimeDelta::hours(25));
    worker::round(&console.org, true).await.unwrap();
    let trusted = console.org.read(certificates::list).unwrap();
    assert_eq!((trusted.len(), trusted.iter().any(|one| one.approved)), (2, false));
    let in_force = console.org.read(settings::read).unwrap();
    assert_eq!((in_force.issuer, in_force.login_url, in_force.metadata_url), (None, None, None));
    assert_eq!(console.browser().get("/sso/start").await.status, 409, "no browser is sent anywhere");
}

#[actix_web::test]
async fn the_daily_reading_keeps_nothing_that_the_form_refuses() {
    for address in ["http://login.example/saml2", "https://login.example;x/saml2", "https://a@login.example/"]
    {
        let console = Console::with_sso();
        let text = String::from_utf8(metadata_of(ISSUER, &[CERTIFICATE])).unwrap();
        let bad = publishing(text.replace(LOGIN_URL, address).into_bytes());
        console.sso(move |settings| {
            (settings.metadata_url, settings.refresh_metadata) = (Some(bad), true);
        });
        worker::round(&console.org, true).await.unwrap();
        let stored = console.org.read(settings::read).unwrap();
        assert_eq!(stored.login_url.as_deref(), Some(LOGIN_URL), "{address}");
        let fault = console.org.read(metadata::reading).unwrap().fault.unwrap();
        assert!(fault.contains("must be a complete https address"), "{fault}");
        let olga = console.signed_in("olga").await;
        let file = text.replace(LOGIN_URL, address);
        assert_eq!(import(&olga, file.as_bytes()).await.status, 422, "nor does an import");
    }
}

#[actix_web::test]
async fn metadata_is_not_fetched_from_private_networks() {
    let console = Console::open();
    let url = publishing(metadata_of(ISSUER, &[CERTIFICATE])).replace("http://", "https://");
    let refused = metadata::fetch(&url.parse().unwrap(), false).await.unwrap_err();
    assert!(refused.to_string().contains("private network"), "{refused}");
    drop(console);
}

#[actix_web::test]
async fn our_metadata_names_us_and_our_certificate() {
    let console = Console::open();
    let page = console.browser().get("/sso/metadata").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "application/samlmetadata+xml");
    let at = |path: &str| format!("{}/sso/{path}", console.address);
    for part in [
        format!("entityID=\"{}\"", at("metadata")),
        format!("Location=\"{}\"", at("consumer")),
        format!("Location=\"{}\"", at("logout")),
        "WantAssertionsSigned=\"true\"".to_owned(),
        "use=\"signing\"".to_owned(),
        "use=\"encryption\"".to_owned(),
    ] {
        assert!(page.body.contains(&part), "{part}");
    }
    assert_eq!(page.body, console.browser().get("/sso/metadata").await.body, "made once");
}

#[actix_web::test]
async fn our_certificate_is_replaced_with_an_overlap() {
    let console = Console::open();
    console.browser().get("/sso/metadata").await;
    let olga = console.signed_in("olga").await;
    olga.submit("/identity", "/identity/sso/keys", &[]).await;
    let all = console.org.read(keys::list).unwrap();
    let (first, next) = (all[0].clone(), all[1].clone());
    assert_eq!((first.state, next.state), (keys::State::Active, keys::State::Next));
    let published = console.browser().get("/sso/metadata").await.body;
    assert!(published.contains(&first.der) && published.contains(&next.der));
    let file = olga.get(&format!("/identity/sso/keys/{}/certificate.cer", next.id)).await;
    assert_eq!(file.body, next.pem());
    olga.submit("/identity", &format!("/identity/sso/keys/{}/use", next.id), &[]).await;
    let all = console.org.read(keys::list).unwrap();
    assert_eq!((all[0].id.as_str(), all[1].state), (next.id.as_str(), keys::State::Old));
    olga.submit("/identity", &format!("/identity/sso/keys/{}/remove", first.id), &[]).await;
    assert_eq!(console.org.read(keys::list).unwrap().len(), 1);
}

#[actix_web::test]
async fn requests_are_signed_when_that_is_wished_for() {
    let console = Console::with_sso();
    console.sso(|settings| settings.sign_requests = true);
    let request = console.browser().ask_entra("/sso/start").await;
    let own = console.org.read(keys::list).unwrap()[0].der.clone();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, own).unwrap();
    let (text, signature) = request.url.query().unwrap().split_once("&Signature=").unwrap();
    assert!(text.contains("&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256"));
    let signature =
        url::form_urlencoded::parse(format!("s={signature}").as_bytes()).next().unwrap().1.into_owned();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    let key = jsonwebtoken::DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data);
    let signature = signature.replace('+', "-").replace('/', "_").replace('=', "");
    assert!(
        jsonwebtoken::crypto::verify(&signature, text.as_bytes(), &key, jsonwebtoken::Algorithm::RS256)
            .unwrap()
    );
}

pub async fn test_sign_in(console: &Console, browser: &Browser, name: &str) -> Page {
    let sent = browser.submit("/identity", "/identity/sso/test", &[]).await;
    let request = Request::read(sent.location());
    browser
        .bring(&Says::of(console, name).answering(&request).with("http://example.com/claim", "its value"))
        .await
}

#[actix_web::test]
async fn a_test_sign_in_shows_what_came_back_and_signs_nobody_in() {
    let console = Console::open();
    console.trust_entra(false);
    console.user(ADA, None);
    let olga = console.signed_in("olga").await;
    let result = test_sign_in(&console, &olga, ADA).await.follow().await;
    let text = result.text();
    for part in [
        "The test went well",
        ADA,
        "its value",
        "The assertion is signed",
        "user name",
        "http://example.com/claim",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(olga.get("/account").await.text().contains("olga"), "still herself");
    assert!(console.find(ADA).unwrap().entra_object_id.is_none(), "nothing was changed");
    let result = test_sign_in(&console, &olga, "nobody@contoso.example").await.follow().await;
    assert!(result.text().contains("No user here has the name"), "{}", result.text());
    let other = console.browser();
    assert_eq!(other.get("/sso/start").await.status, 409, "off for everybody else");
}

#[actix_web::test]
async fn single_sign_on_is_required_only_after_a_test_and_takes_itself_back() {
    let console = Console::with_sso();
    console.admin(ADA, Role::Administrator);
    let olga = console.signed_in("olga").await;
    let refused = olga.submit("/identity", "/identity/sso/require", &[]).await.refused();
    assert!(refused.text().contains("Run a test sign-in first"), "{}", refused.text());
    test_sign_in(&console, &olga, ADA).await;
    olga.submit("/identity", "/identity/sso/require", &[]).await;
    assert!(olga.get("/sign-in").await.status == 303);

    let by_password = async |name: &str| {
        let fields = [("user_name", name), ("password", PASSWORD)];
        console.browser().submit("/sign-in", "/sign-in", &fields).await
    };
    let barred = by_password(ADA).await;
    assert_eq!(barred.status, 422);
    assert!(barred.text().contains("passwords are for owners only"), "{}", barred.text());
    assert_eq!(by_password("olga").await.status, 303, "owners keep theirs");
    let confirm = olga.post_bare("/identity/sso/require/confirm", &[]).await;
    assert_eq!(confirm.status, 403, "no token");
    console.clock.advance(TimeDelta::minutes(11));
    assert_eq!(by_password(ADA).await.status, 303, "nobody confirmed it");
    worker::round(&console.org, true).await.unwrap();
    let log = console.signed_in("olga").await.get("/activity").await;
    assert!(log.text().contains("taken back: nobody confirmed it within ten minutes"), "{}", log.text());
}

#[actix_web::test]
async fn the_requirement_lasts_once_somebody_who_came_in_that_way_confirms_it() {
    let console = Console::with_sso();
    console.admin(ADA, Role::Administrator);
    console.admin("ben@contoso.example", Role::Administrator);
    let ben = console.signed_in("ben@contoso.example").await;
    let olga = console.signed_in("olga").await;
    test_sign_in(&console, &olga, ADA).await;
    olga.submit("/identity", "/identity/sso/require", &[]).await;
    let ada = console.browser();
    ada.sign_in_by_entra(&console, ADA).await;
    let page = ada.submit("/identity", "/identity/sso/require/confirm", &[]).await.follow().await;
    assert!(page.text().contains("required of everybody but owners"), "{}", page.text());
    assert_eq!(ben.get("/identity").await.status, 303, "sessions by password are over");
    assert_eq!(olga.get("/identity").await.status, 200, "but for the owner's");
    console.clock.advance(TimeDelta::minutes(30));
    let fields = [("user_name", ADA), ("password", PASSWORD)];
    assert_eq!(console.browser().submit("/sign-in", "/sign-in", &fields).await.status, 422);
    // With single sign-on off, nobody is kept out.
    console.sso(|settings| settings.enabled = false);
    assert_eq!(console.browser().submit("/sign-in", "/sign-in", &fields).await.status, 303);
    let now = console.clock.now();
    let standing = console.org.read(move |conn| policy::requirement_status(conn, now)).unwrap();
    assert_eq!(standing.requirement, policy::Requirement::Off);
}

#[actix_web::test]
async fn a_test_before_the_last_change_of_trust_proves_nothing() {
    let console = Console::with_sso();
    console.admin(ADA, Role::Administrator);
    let olga = console.signed_in("olga").await;
    test_sign_in(&console, &olga, ADA).await;
    console.clock.advance(TimeDelta::seconds(5));
    console.sso(|settings| settings.issuer = Some("https://sts.windows.net/other/".to_owned()));
    let refused = olga.submit("/identity", "/identity/sso/require", &[]).await.refused();
    assert!(refused.text().contains("Run a test sign-in first"));
}

#[actix_web::test]
async fn an_administrator_cannot_become_an_owner_by_a_certificate() {
    let console = Console::open();
    console.admin(ADA, Role::Administrator);
    let ada = console.signed_in(ADA).await;
    import(&ada, &metadata_of(ISSUER, &[CERTIFICATE])).await;
    ada.submit("/identity", "/identity/sso", &[("enabled", "1")]).await;
    let own = console.browser();
    assert_eq!(own.bring(&Says::of(&console, ADA)).await.status, 403, "nor sign themselves in by it");
    let forged = console.browser().bring(&Says::of(&console, "olga")).await;
    assert_eq!(forged.status, 403);
    let claim = ada.submit("/identity", "/identity/sso/options", &[("match_claim", "http://x/y")]).await;
    assert_eq!(claim.status, 403, "nor by another claim");
    let olga = console.signed_in("olga").await;
    let id = console.org.read(certificates::list).unwrap()[0].id.clone();
    olga.submit("/identity", &format!("/identity/sso/certificates/{id}/approve"), &[]).await;
    assert_eq!(console.browser().bring(&Says::of(&console, "olga")).await.status, 303);
}

#[actix_web::test]
async fn an_encrypted_assertion_for_nobody_is_refused_and_can_be_required() {
    let console = Console::with_sso();
    console.user(ADA, None);
    console.sso(|settings| settings.require_encryption = true);
    console.browser().bring(&Says::of(&console, ADA)).await;
    let last =
        console.org.read(|conn| events::list(conn, &events::Filter::default(), &At::Start, 1)).unwrap();
    assert_eq!(last.items[0].cause.as_deref(), Some("not_encrypted"));
}

#[actix_web::test]
async fn whoever_came_from_entra_id_proves_themselves_there_again() {
    let console = Console::with_sso();
    console.admin(ADA, Role::Administrator);
    let browser = console.browser();
    let mut says = Says::of(&console, ADA);
    says.signed_in = TimeDelta::hours(-3);
    browser.bring(&says).await;
    let asked = browser.submit("/identity", "/identity/provisioning/reveal", &[]).await;
    let way = asked
        .body
        .split("href=\"/sso/start?")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let request = browser.ask_entra(&format!("/sso/start?{}", way.replace("&amp;", "&"))).await;
    assert!(request.xml.contains("ForceAuthn=\"true\""), "{}", request.xml);
    let fresh = browser.bring(&Says::of(&console, ADA).answering(&request)).await;
    assert_eq!(fresh.location(), "/identity");
    let shown = browser.submit("/identity", "/identity/provisioning/reveal", &[]).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert!(shown.text().contains("SCIM") && !shown.text().contains("Is it you?"));
}

#[actix_web::test]
async fn the_sign_in_page_offers_what_applies_and_remembers_the_last_choice() {
    let console = Console::with_sso();
    let browser = console.browser();
    let first = browser.get("/sign-in").await;
    assert!(first.has("a.primary[href='/sso/start']"), "{}", first.body);
    browser.submit("/sign-in", "/sign-in", &[("user_name", "olga"), ("password", PASSWORD)]).await;
    browser.submit("/", "/sign-out", &[]).await;
    let next = browser.get("/sign-in").await;
    assert!(!next.has("a.primary[href='/sso/start']") && next.has("a[href='/sso/start']"), "{}", next.body);
}

#[actix_web::test]
async fn microsofts_error_codes_are_explained() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let page = olga.get("/activity/entra-errors?code=AADSTS50105%3A+Your+administrator+has+configured").await;
    assert!(page.text().contains("The person is not assigned to the application."));
    let page = olga.get("/activity/entra-errors?code=AADSTS999999").await;
    assert!(page.text().contains("This code is not in the list."));
}
