//! Identity Management: the values to exchange, the switch, and the tokens.

use crate::harness::{Console, Entra, PASSWORD};
use chrono::TimeDelta;
use rollcall::domain::Role;

const PEM: &[u8] = include_bytes!("fixtures/certificates/entra.pem");
const REVEAL: &str = "/identity/provisioning/reveal";
const TOKENS: &str = "/identity/tokens";

#[actix_web::test]
async fn the_service_providers_values_can_be_copied() {
    let console = Console::open();
    let page = console.signed_in("olga").await.get("/identity").await;
    for path in ["/sso/metadata", "/sso/consumer", "/sso/start", "/sso/logout"] {
        assert!(page.has(&format!(".copy input[value='{}{path}']", console.address)), "{path}");
    }
}

#[actix_web::test]
async fn the_identity_providers_values_are_checked_and_kept() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let bad =
        [("login_url", "http://login.example"), ("issuer", "no uri"), ("logout_url", "javascript:alert(1)")];
    let page = olga.submit("/identity", "/identity/sso", &bad).await;
    assert_eq!(page.status, 422);
    for field in ["login_url", "issuer", "logout_url"] {
        assert!(page.has(&format!("#{field}-error")), "{field}");
    }
    assert_eq!(page.value("#login_url").as_deref(), Some("http://login.example"));

    let good = [
        ("login_url", "https://login.microsoftonline.com/t/saml2"),
        ("issuer", "https://sts.windows.net/t/"),
        ("enabled", "1"),
    ];
    let page = olga.submit("/identity", "/identity/sso", &good).await;
    assert!(page.text().contains("Add a signing certificate before switching single sign-on on."));

    let page =
        olga.upload("/identity", "/identity/sso/certificates", &[], "entra.cer", PEM).await.follow().await;
    assert!(page.text().contains("The certificate was added."));
    assert!(page.text().contains("CN=Microsoft Azure Federated SSO Certificate"));
    let page = olga.submit("/identity", "/identity/sso", &good).await.follow().await;
    assert!(page.text().contains("Single sign-on was saved."));
    assert!(page.has("input[name=enabled][checked]"));
    let last = page.body.split("/identity/sso/certificates/").nth(1).unwrap();
    let action = format!("/identity/sso/certificates/{}", last.split('"').next().unwrap());
    let refused = page.submit(&action, &[]).await.refused();
    assert!(refused.text().contains("This is the only certificate."), "{}", refused.text());
}

#[actix_web::test]
async fn what_is_no_certificate_is_refused_with_the_reason() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let page = olga.upload("/identity", "/identity/sso/certificates", &[], "x.cer", b"hello").await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains("This is not a certificate."));
    let pasted = [("pasted", "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----")];
    let page = olga.upload("/identity", "/identity/sso/certificates", &pasted, "", b"").await;
    assert!(page.text().contains("This file holds a private key."), "{}", page.text());
}

#[actix_web::test]
async fn the_first_reveal_makes_the_token_and_it_works() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    olga.submit("/identity", "/identity/provisioning", &[]).await;
    let shown = olga.submit("/identity", REVEAL, &[]).await;
    assert_eq!(shown.status, 200);
    let token = shown.value(".copy input[value^=rollcall_]").unwrap();
    assert!(token.len() < 200 && token.trim() == token && !token.contains("Bearer"));
    assert!(shown.has(&format!(".copy input[value='{}/scim/v2']", console.address)));
    assert_eq!(Entra::new(&console.address, &token).get("/Users").await.status, 200);

    let again = olga.submit("/identity", REVEAL, &[]).await;
    assert_eq!(
        again.value(".copy input[value^=rollcall_]").as_ref(),
        Some(&token),
        "the same token is shown again"
    );
    let log = olga.get("/activity").await;
    assert!(log.text().contains("olga viewed the API token Entra ID."));
    assert!(!log.body.contains(&token) && !olga.get("/identity").await.body.contains(&token));
}

#[actix_web::test]
async fn a_reveal_asks_for_the_password_when_the_last_proof_is_old() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    console.clock.advance(TimeDelta::minutes(11));
    let asked = olga.submit("/identity", REVEAL, &[]).await;
    assert!(asked.text().contains("Is it you?"));
    assert!(!asked.body.contains("rollcall_"));
    let wrong = asked.submit(REVEAL, &[("password", "wrong")]).await;
    assert_eq!(wrong.status, 422);
    assert!(!wrong.body.contains("value=\"rollcall_"));
    let shown = wrong.submit(REVEAL, &[("password", PASSWORD)]).await;
    assert!(shown.has(".copy input[value^=rollcall_]"));
}

#[actix_web::test]
async fn a_token_is_replaced_without_a_gap_and_revoked_at_once() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    olga.submit("/identity", "/identity/provisioning", &[]).await;
    let first = olga.submit("/identity", REVEAL, &[]).await.value(".copy input[value^=rollcall_]").unwrap();
    let made = olga.submit("/identity", TOKENS, &[("label", "next"), ("expires_in", "30")]).await;
    let next = made.value(".copy input[value^=rollcall_]").unwrap();
    let (first, next) = (Entra::new(&console.address, &first), Entra::new(&console.address, &next));
    assert_eq!((first.get("/Users").await.status, next.get("/Users").await.status), (200, 200));

    let id = console
        .org
        .read(rollcall::domain::identity::tokens::list)
        .unwrap()
        .into_iter()
        .find(|token| token.label == "Entra ID")
        .unwrap()
        .id;
    olga.submit("/identity", &format!("/identity/tokens/{id}/revoke"), &[]).await;
    assert_eq!((first.get("/Users").await.status, next.get("/Users").await.status), (401, 200));
    let bad = olga.submit("/identity", TOKENS, &[("label", "next")]).await;
    assert_eq!(bad.status, 409);
}

#[actix_web::test]
async fn pausing_keeps_the_tokens() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    let page = olga.submit("/identity", "/identity/provisioning", &[]).await.follow().await;
    assert!(page.text().contains("User provisioning is paused. The tokens are kept."));
    assert_eq!(entra.get("/Users").await.status, 503);
    olga.submit("/identity", "/identity/provisioning", &[]).await;
    assert_eq!(entra.get("/Users").await.status, 200);
}

#[actix_web::test]
async fn an_administrator_may_reveal_and_only_an_owner_rotates() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    let page = adam.get("/identity").await;
    assert!(page.submit(REVEAL, &[]).await.has(".copy input[value^=rollcall_]"));
    assert!(!page.has(&format!("form[action='{TOKENS}']")));
    let csrf = page.value("input[name=csrf]").unwrap();
    let refused = adam.post_bare("/identity/tokens", &[("csrf", &csrf), ("label", "x")]).await;
    assert_eq!(refused.status, 403);
}
