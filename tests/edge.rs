//! What stands before every page: whose address counts, what a header may hold, which bodies are waited for.

use crate::harness::{Browser, Console};
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
