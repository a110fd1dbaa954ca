//! Whom to trust: what an owner entered is in force whoever entered it first, and nothing else is.

use crate::harness::idp::{
    CERTIFICATE, ISSUER, LOGIN_URL, STRANGERS_CERTIFICATE, STRANGERS_KEY, Says, adding,
};
use crate::harness::{Browser, Console};
use crate::sso_set_up::{import, metadata_of, publishing};
use crate::sso_sign_out::{logout_request, signed_query};
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::sso::{certificates, settings};
use rollcall::error::Error;
use rollcall::worker;
use std::net::TcpListener;
use std::sync::mpsc;

const ANA: &str = "ana@contoso.example";

fn approved(console: &Console) -> Vec<bool> {
    let mut all = console.org.read(certificates::list).unwrap();
    all.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    all.iter().map(|one| one.approved).collect()
}

async fn add(browser: &Browser, certificate: &[u8]) -> String {
    let page = browser.upload("/identity", "/identity/sso/certificates", &[], "entra.cer", certificate).await;
    page.follow().await.text()
}

/// Answers one request once it is told to; tells first that it was asked.
fn publishing_slowly(document: Vec<u8>) -> (String, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/slow.xml", listener.local_addr().unwrap());
    let ((asked, was_asked), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        asked.send(()).unwrap();
        let _ = may_go.recv();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", document.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&document));
    });
    (address, was_asked, go)
}

#[actix_web::test]
async fn an_answer_of_an_address_that_is_read_no_longer_is_dropped() {
    let console = Console::open();
    let evil = "https://login.evil.example/saml2";
    let document = String::from_utf8(metadata_of(ISSUER, &[STRANGERS_CERTIFICATE])).unwrap();
    let (address, was_asked, go) = publishing_slowly(document.replace(LOGIN_URL, evil).into_bytes());
    let waits = move |tx: &mut rollcall::domain::Tx| {
        let wish = settings::Settings {
            issuer: Some(ISSUER.to_owned()),
            login_url: Some(evil.to_owned()),
            metadata_url: Some(address),
            refresh_metadata: true,
            ..settings::read(tx.conn)?
        };
        settings::save(tx, &wish)
    };
    console.as_administrator(waits).unwrap();
    let org = console.org.clone();
    let reading = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(worker::round(&org, true)).unwrap();
    });
    actix_web::web::block(move || was_asked.recv().unwrap()).await.unwrap();
    // Meanwhile an owner sets up another address.
    let olga = console.signed_in("olga").await;
    let good = publishing(metadata_of(ISSUER, &[CERTIFICATE]));
    let wish = [("metadata_url", good.as_str()), ("refresh_metadata", "1")];
    assert_eq!(olga.submit("/identity", "/identity/sso/import", &wish).await.status, 303);
    go.send(()).unwrap();
    actix_web::web::block(move || reading.join().unwrap()).await.unwrap();
    let trusted = console.org.read(certificates::list).unwrap();
    assert_eq!(trusted.len(), 1, "the stranger's certificate is not there at all");
    let in_force = console.org.read(settings::read).unwrap();
    assert_eq!(in_force.login_url.as_deref(), Some(LOGIN_URL));
}

#[actix_web::test]
async fn what_an_owner_enters_is_in_force_although_an_administrator_entered_it_first() {
    let waiting = || {
        let console = Console::open();
        console.as_administrator(adding(CERTIFICATE)).unwrap();
        assert_eq!(approved(&console), [false]);
        console
    };
    let console = waiting();
    let olga = console.signed_in("olga").await;
    let told = add(&olga, CERTIFICATE).await;
    assert!(told.contains("One that an administrator had added is approved of now"), "{told}");
    assert_eq!(approved(&console), [true]);
    assert!(add(&olga, CERTIFICATE).await.contains("This certificate was trusted already."));

    let console = waiting();
    let olga = console.signed_in("olga").await;
    let told = import(&olga, &metadata_of(ISSUER, &[CERTIFICATE])).await.follow().await;
    assert!(told.text().contains("is approved of now"), "{}", told.text());
    assert_eq!(approved(&console), [true]);

    // So is what the daily reading finds at an address that an owner approved of.
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let both = publishing(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE]));
    import(&olga, &metadata_of(ISSUER, &[CERTIFICATE])).await;
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    console.sso(move |settings| (settings.metadata_url, settings.refresh_metadata) = (Some(both), true));
    console.clock.advance(TimeDelta::hours(25));
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(approved(&console), [true, true]);
    // But an administrator who enters it again approves of nothing.
    let console = waiting();
    console.as_administrator(adding(CERTIFICATE)).unwrap();
    assert_eq!(approved(&console), [false]);
}

#[actix_web::test]
async fn the_issuer_that_comes_into_force_with_a_certificate_is_the_one_that_the_owner_saw() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    console.as_administrator(adding(CERTIFICATE)).unwrap();
    let enter = |issuer: &'static str| {
        let wish = move |tx: &mut rollcall::domain::Tx| {
            let wish =
                settings::Settings { issuer: Some(issuer.to_owned()), ..settings::entered(tx.conn, false)? };
            settings::save(tx, &wish)
        };
        console.as_administrator(wish).unwrap();
    };
    let issuer = || console.org.read(settings::read).unwrap().issuer;
    enter(ISSUER);
    let id = console.org.read(certificates::list).unwrap()[0].id.clone();
    let action = format!("/identity/sso/certificates/{id}/approve");
    let olga = console.signed_in("olga").await;
    for page in ["/identity/trust", "/identity"] {
        enter(ISSUER);
        let shown = olga.get(page).await;
        assert!(shown.text().contains(ISSUER), "{page}");
        enter("https://evil.example/idp");
        let refused = shown.submit(&action, &[]).await.refused();
        assert!(refused.text().contains("was changed since this page was shown"), "{}", refused.text());
        assert_eq!((issuer(), approved(&console)), (None, vec![false]), "{page}");
    }
    enter(ISSUER);
    olga.submit("/identity/trust", &action, &[]).await;
    assert_eq!((issuer().as_deref(), approved(&console)), (Some(ISSUER), vec![true]));
}

#[actix_web::test]
async fn whoever_approves_a_certificate_without_having_seen_an_issuer_approves_of_none() {
    let console = Console::open();
    console.as_administrator(adding(CERTIFICATE)).unwrap();
    let wish = settings::Settings { issuer: Some(ISSUER.to_owned()), ..settings::Settings::default() };
    console.as_administrator(move |tx| settings::save(tx, &wish)).unwrap();
    let id = console.org.read(certificates::list).unwrap()[0].id.clone();
    let olga = console.signed_in("olga").await;
    let csrf = olga.get("/account").await.value("input[name=csrf]").unwrap();
    let bare = [("csrf", csrf.as_str())];
    assert_eq!(olga.post_bare(&format!("/identity/sso/certificates/{id}/approve"), &bare).await.status, 303);
    let (in_force, waits) =
        console.org.read(|conn| Ok((settings::read(conn)?, settings::waiting(conn)?))).unwrap();
    assert_eq!((in_force.issuer, waits.unwrap().issuer.as_deref()), (None, Some(ISSUER)));
    assert_eq!(approved(&console), [true]);
}

#[actix_web::test]
async fn settings_that_lack_something_are_not_approved_while_single_sign_on_is_on() {
    let console = Console::with_sso();
    console.sso(|settings| settings.enabled = false);
    let empty = |tx: &mut rollcall::domain::Tx| {
        let wish = settings::Settings { issuer: None, login_url: None, ..settings::read(tx.conn)? };
        settings::save(tx, &wish)
    };
    console.as_administrator(empty).unwrap();
    console.sso(|settings| settings.enabled = true);
    let olga = console.signed_in("olga").await;
    let refused = olga.submit("/identity/trust", "/identity/trust/approve", &[]).await.refused();
    assert!(refused.text().contains("Enter the login URL"), "{}", refused.text());
    assert_eq!(console.org.read(settings::read).unwrap().issuer.as_deref(), Some(ISSUER));
    // While it is off, an owner may approve of it; switched on again it lacks something.
    console.sso(|settings| settings.enabled = false);
    olga.submit("/identity/trust", "/identity/trust/approve", &[]).await;
    assert_eq!(console.org.read(settings::read).unwrap().issuer, None);
    let on = console.org.write(&rollcall::domain::Actor::CommandLine, |tx| settings::switch(tx, true));
    assert!(matches!(on, Err(Error::Invalid(_))));
}

#[actix_web::test]
async fn where_no_issuer_is_in_force_nothing_is_from_it() {
    let console = Console::open();
    console.user(ANA, None);
    console.user("olga@contoso.example", None);
    console.write(adding(CERTIFICATE));
    // As an administrator leaves it who switches on what no owner has approved of yet.
    let wish = settings::Settings {
        enabled: true,
        issuer: Some(ISSUER.to_owned()),
        login_url: Some(LOGIN_URL.to_owned()),
        ..settings::Settings::default()
    };
    console.as_administrator(move |tx| settings::save(tx, &wish)).unwrap();
    assert_eq!(console.org.read(settings::read).unwrap().issuer, None);
    let nobodys = Says { issuer: String::new(), ..Says::of(&console, ANA) };
    assert_eq!(console.browser().bring(&nobodys).await.status, 403);
    assert_eq!(console.browser().bring(&Says { sign_response: true, ..nobodys }).await.status, 403);
    assert_eq!(console.browser().bring(&Says::of(&console, ANA)).await.status, 303, "what waits serves them");
    let out = signed_query(&logout_request(&console, "", ANA, None), crate::harness::idp::KEY);
    assert_eq!(console.browser().get(&format!("/sso/logout?{out}")).await.status, 422);
}

#[actix_web::test]
async fn a_certificate_that_no_owner_approved_of_signs_out_nobody_with_a_role() {
    for (name, has_role) in [("olga", true), ("adam", true), (ANA, false)] {
        let console = Console::with_sso();
        console.user(ANA, None);
        console.admin("adam", Role::Administrator);
        console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
        let browser = console.browser();
        assert_eq!(browser.bring(&Says::of(&console, name)).await.status, 303);
        let out = signed_query(&logout_request(&console, ISSUER, name, None), STRANGERS_KEY);
        let out = console.browser().get(&format!("/sso/logout?{out}")).await;
        let stays = browser.get("/account").await.status == 200;
        assert_eq!(stays, has_role, "{name}: {}", out.text());
    }
}

/// As many certificates as are wished for: what signed them is not looked at, so that a changed signature makes another.
pub fn certificates_like(pem: &[u8], count: u8) -> Vec<Vec<u8>> {
    use base64::Engine;
    let text = String::from_utf8_lossy(pem);
    let base64: String = text.lines().filter(|line| !line.starts_with("---")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let another = |number: u8| {
        let mut der = der.clone();
        *der.last_mut().unwrap() ^= number;
        der
    };
    (1..=count).map(another).collect()
}

#[actix_web::test]
async fn what_waits_takes_no_place_from_what_an_owner_adds() {
    let console = Console::with_sso();
    let mut made = certificates_like(STRANGERS_CERTIFICATE, 20);
    let (late, over) = (made.pop().unwrap(), made.pop().unwrap());
    for one in made.drain(..10) {
        console.as_administrator(adding(&one)).unwrap();
    }
    let full = console.as_administrator(adding(&over)).unwrap_err();
    assert!(full.to_string().contains("At most 10 certificates wait for an owner"), "{full}");
    // An owner's next one, and the daily reading's, have places of their own.
    console.write(adding(STRANGERS_CERTIFICATE));
    for one in made {
        console.write(adding(&one));
    }
    assert_eq!(approved(&console).iter().filter(|one| **one).count(), 10);
    let full = console.org.write(&rollcall::domain::Actor::CommandLine, adding(&late));
    assert!(full.unwrap_err().to_string().contains("At most 10 certificates are kept"));
}

#[actix_web::test]
async fn an_administrator_does_not_remove_the_last_certificate_of_accounts_with_a_role() {
    let console = Console::with_sso();
    console.admin("adam", Role::Administrator);
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    let all = console.org.read(certificates::list).unwrap();
    let id = |wanted: bool| all.iter().find(|one| one.approved == wanted).unwrap().id.clone();
    let (last, waits) = (id(true), id(false));
    let remove = |id: &str| format!("/identity/sso/certificates/{id}/remove");
    let adam = console.signed_in("adam").await;
    let refused = adam.submit("/identity", &remove(&last), &[]).await.refused();
    assert!(refused.text().contains("only an owner may remove it"), "{}", refused.text());
    assert_eq!(approved(&console).len(), 2);
    // With another one that an owner approved of they may.
    let olga = console.signed_in("olga").await;
    let approve = format!("/identity/sso/certificates/{waits}/approve");
    olga.submit("/identity/trust", &approve, &[]).await;
    adam.submit("/identity", &remove(&last), &[]).await;
    assert_eq!(approved(&console), [true]);
    let told = adam.get("/activity").await.text();
    let gone = all.iter().find(|one| one.id == last).unwrap();
    assert!(told.contains(&gone.thumbprint()) && told.contains(&gone.fingerprint), "in both forms");
}

#[actix_web::test]
async fn an_address_that_browsers_could_not_be_sent_to_is_not_kept() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    for host in ["login_eu.contoso.example", "login..contoso.example", ".contoso.example", "a;b"] {
        let url = format!("https://{host}/saml2");
        for field in ["login_url", "logout_url"] {
            let refused = olga.submit("/identity", "/identity/sso", &[(field, &url)]).await;
            assert_eq!(refused.status, 422, "{field} {url}");
        }
    }
    let kept = "https://login-eu.contoso.example:8443/saml2";
    assert_eq!(olga.submit("/identity", "/identity/sso", &[("login_url", kept)]).await.status, 303);
    let policy = olga.get("/identity").await.headers["content-security-policy"].clone();
    assert!(policy.to_str().unwrap().ends_with("'self' https://login-eu.contoso.example:8443"), "{policy:?}");
}

#[actix_web::test]
async fn the_first_key_of_ours_is_made_once_however_many_ask_and_hang_up() {
    let console = Console::open();
    let asking = (0..12).map(|_| {
        let browser = console.browser();
        async move { browser.get("/sso/metadata").await }
    });
    let pages = futures_util::future::join_all(asking).await;
    assert!(pages.iter().all(|page| page.status == 200 && page.body == pages[0].body));
    assert_eq!(console.org.read(rollcall::domain::sso::keys::list).unwrap().len(), 1);
}
