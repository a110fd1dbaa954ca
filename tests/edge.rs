//! What stands before every page: whose address counts, what a header may hold, which bodies are waited for.

use crate::harness::{Browser, Console};
use diesel::RunQueryDsl;
use diesel::sql_types::{Bool, Text};
use reqwest::Method;
use rollcall::config::ForwardedHeader;
use rollcall::domain::audit::{self, Action};
use rollcall::domain::page::At;
use rollcall::web::Proxies;

/// The addresses from which sign-ins were refused, newest first, as the log has them.
fn refused_from(console: &Console) -> Vec<String> {
    let events =
        console.org.read(|conn| audit::list(conn, &audit::Filter::default(), &At::Start, 100)).unwrap();
    let refused = events
        .items
        .iter()
        .filter(|event| matches!(event.action, Action::SignInRefused | Action::SignInLocked));
    refused.flat_map(audit::Event::changes).filter_map(|change| change.after).collect()
}

async fn guess(address: &str, header: &str, value: &str) {
    let browser = Browser::new(address);
    let page = browser.get("/sign-in").await;
    let form = [("csrf", page.value("input[name=csrf]").unwrap()), ("user_name", "nobody".to_owned())];
    browser.send(browser.request(Method::POST, "/sign-in").header(header, value).form(&form)).await;
}

#[actix_web::test]
async fn a_named_proxy_is_believed_in_one_header_and_as_far_as_it_vouches() {
    let mut console = Console::open();
    let behind = |header| {
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        Proxies { networks, header }
    };
    let usual = console.served_with(|site| site.proxies = behind(ForwardedHeader::XForwardedFor));
    let standard = console.served_with(|site| site.proxies = behind(ForwardedHeader::Forwarded));
    guess(&usual, "x-forwarded-for", "6.6.6.6, 9.9.9.9:51234").await;
    guess(&usual, "forwarded", "for=6.6.6.6").await;
    guess(&standard, "forwarded", "for=6.6.6.6, for=\"[2001:db8::9]:51234\"").await;
    guess(&standard, "x-forwarded-for", "6.6.6.6").await;
    guess(&console.address, "x-forwarded-for", "6.6.6.6").await;
    assert_eq!(refused_from(&console), ["127.0.0.1", "127.0.0.1", "2001:db8::9", "127.0.0.1", "9.9.9.9"]);
}

#[actix_web::test]
async fn a_proxy_that_nobody_named_is_told_of_on_home() {
    let console = Console::open();
    let browser = console.signed_in("olga").await;
    assert!(!browser.get("/").await.text().contains("--trusted-proxy"));
    browser.send(browser.request(Method::GET, "/sign-in").header("x-forwarded-for", "9.9.9.9")).await;
    let home = browser.get("/").await.text();
    assert!(
        home.contains("A proxy at 127.0.0.1 sends X-Forwarded-For but is not named in --trusted-proxy"),
        "{home}"
    );
    console.admin("audrey", rollcall::domain::Role::Auditor);
    let auditor = console.signed_in("audrey").await;
    assert!(!auditor.get("/").await.text().contains("--trusted-proxy"), "an auditor can't mend it");
}

/// Puts addresses of the identity provider into the database as if they had been stored before anybody checked them.
fn store_addresses(console: &Console, enabled: bool, login: &str, logout: &str) {
    let (login, logout) = (login.to_owned(), logout.to_owned());
    console.write(move |tx| {
        let stored = "INSERT OR REPLACE INTO sso_settings (id, enabled, login_url, logout_url, updated_at) \
                      VALUES ('entra', ?, ?, ?, '2026-01-01 00:00:00')";
        diesel::sql_query(stored)
            .bind::<Bool, _>(enabled)
            .bind::<Text, _>(login)
            .bind::<Text, _>(logout)
            .execute(tx.conn)
            .unwrap();
        Ok(())
    });
}

#[actix_web::test]
async fn whatever_address_is_stored_the_policy_of_the_pages_stays_as_it_is() {
    let console = Console::open();
    let plain = console.browser().get("/sign-in").await.headers["content-security-policy"].clone();
    for hostile in [
        "https://x;script-src/",
        "https://x,y/",
        "https://'unsafe-inline'/",
        "https://*/",
        "https://x y/",
        "https://x\ny/",
        "https://x\u{e9};/",
        "http://idp.example.com/",
        "x",
    ] {
        store_addresses(&console, true, hostile, hostile);
        let page = console.browser().get("/sign-in").await;
        assert_eq!(page.headers["content-security-policy"], plain, "{hostile}");
    }
}

#[actix_web::test]
async fn forms_lead_to_the_identity_provider_only_while_it_is_used() {
    let console = Console::open();
    let owner = console.signed_in("olga").await;
    let leads = async |path: &str| {
        let page = owner.get(path).await;
        page.headers["content-security-policy"].to_str().unwrap().contains("https://idp.example.com")
    };
    store_addresses(&console, false, "https://idp.example.com/login", "https://idp.example.com/logout");
    assert!(!leads("/").await && !leads("/sign-in").await);
    assert!(leads("/identity").await, "a sign-in is tried out before single sign-on is switched on");
    store_addresses(&console, true, "https://idp.example.com/login", "https://idp.example.com/logout");
    assert!(leads("/").await);
}

#[actix_web::test]
async fn what_comes_in_an_address_cannot_break_a_header() {
    let console = Console::open();
    let owner = console.signed_in("olga").await;
    for id in ["x%0d%0aSet-Cookie:%20a=b", "%c3%a9", "%00", "%22"] {
        for path in
            [format!("/users/{id}"), format!("/users/{id}/deactivate"), format!("/imports/{id}/discard")]
        {
            let token = owner.get("/account").await.value("input[name=csrf]").unwrap();
            let answer = owner.post_bare(&path, &[("csrf", &token)]).await;
            assert!(answer.status < 500, "{path}: {}", answer.status);
            assert!(
                answer.headers.get_all("set-cookie").iter().all(|line| !line.as_bytes().starts_with(b"a=b"))
            );
        }
        let file = owner.get(&format!("/imports/{id}/result.csv")).await;
        assert!(file.status < 500);
    }
}
