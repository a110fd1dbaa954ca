//! What changes where the public address is https: cookies, origins, and what browsers are told to keep to.

use crate::harness::{Browser, Console, PASSWORD, Page};
use crate::source::files;
use reqwest::Method;

const PUBLIC: &str = "https://rollcall.example.com";

fn set_cookies(page: &Page) -> Vec<String> {
    page.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

async fn sign_in(console: &Console) -> (Browser, Vec<String>) {
    let browser = console.browser();
    let page = browser.get("/sign-in").await;
    let home = page.submit("/sign-in", &[("user_name", "olga"), ("password", PASSWORD)]).await;
    assert_eq!(home.status, 303, "{}", home.body);
    (browser, [set_cookies(&page), set_cookies(&home)].concat())
}

#[actix_web::test]
async fn cookies_are_bound_to_the_host_over_https_and_keep_their_names_over_http() {
    let console = Console::known_as(PUBLIC);
    let (_, cookies) = sign_in(&console).await;
    assert!(cookies.len() >= 3, "form, session and way: {cookies:?}");
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-rollcall_"), "{cookie}");
        assert!(
            cookie.contains("Secure") && cookie.contains("Path=/;") || cookie.ends_with("Path=/"),
            "{cookie}"
        );
        assert!(cookie.contains("HttpOnly") && !cookie.contains("Domain"), "{cookie}");
    }
    let plain = Console::open();
    let (_, cookies) = sign_in(&plain).await;
    assert!(
        cookies.iter().all(|cookie| cookie.starts_with("rollcall_") && !cookie.contains("Secure")),
        "{cookies:?}"
    );
}

/// What a cookie of this name is given along, in the order of the alphabet.
fn attributes(cookies: &[String], name: &str) -> Vec<String> {
    let line = cookies.iter().find(|line| line.split('=').next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name}: {cookies:?}"));
    let told = line.split(';').skip(1).map(|attribute| attribute.trim().to_owned());
    let mut told: Vec<String> = told.filter(|attribute| !attribute.starts_with("Max-Age")).collect();
    told.sort();
    told
}

#[actix_web::test]
async fn each_cookie_says_who_may_read_it_and_from_where_it_comes_along() {
    for (console, prefix, more) in
        [(Console::known_as(PUBLIC), "__Host-", &["Secure"][..]), (Console::open(), "", &[])]
    {
        let (_, cookies) = sign_in(&console).await;
        for (name, same_site) in [("rollcall_session", "Lax"), ("rollcall_form", "Strict")] {
            let same_site = format!("SameSite={same_site}");
            let expected = [&["HttpOnly", "Path=/", &same_site], more].concat();
            assert_eq!(attributes(&cookies, &format!("{prefix}{name}")), expected, "{name}");
        }
    }
}

#[actix_web::test]
async fn a_cookie_that_a_neighbour_could_plant_is_not_read_over_https() {
    let console = Console::known_as(PUBLIC);
    let (browser, _) = sign_in(&console).await;
    let session = browser.cookie("__Host-rollcall_session").unwrap();
    let planted = console.browser();
    planted.set_cookie("rollcall_session", &session);
    assert_eq!(planted.get("/account").await.status, 303);
    planted.set_cookie("__Host-rollcall_session", &session);
    assert_eq!(planted.get("/account").await.status, 200);
}

#[actix_web::test]
async fn over_https_another_scheme_and_an_untold_origin_are_another_site() {
    let console = Console::known_as(PUBLIC);
    let (browser, _) = sign_in(&console).await;
    let host = console.address.trim_start_matches("http://");
    let (other_scheme, other_name) = (format!("http://{host}"), format!("https://{host}"));
    for (headers, passes) in [
        (vec![("origin", PUBLIC)], true),
        (vec![("origin", other_name.as_str())], true),
        (vec![("origin", PUBLIC), ("sec-fetch-site", "same-origin")], true),
        (vec![], true),
        (vec![("origin", "null")], false),
        (vec![("origin", "null"), ("sec-fetch-site", "same-origin")], false),
        (vec![("origin", "null"), ("sec-fetch-site", "none")], false),
        (vec![("origin", "http://rollcall.example.com")], false),
        (vec![("origin", other_scheme.as_str())], false),
        (vec![("origin", "https://rollcall.example.com:8443")], false),
        (vec![("origin", "https://rollcall.example.com.evil.example")], false),
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
        (vec![("origin", "null"), ("sec-fetch-site", "cross-site")], false),
        (vec![("origin", PUBLIC), ("sec-fetch-site", "same-site")], false),
    ] {
        let token = browser.get("/sites").await.value("form[action='/sites'] input[name=csrf]").unwrap();
        let mut request =
            browser.request(Method::POST, "/sites").form(&[("csrf", token.as_str()), ("name", "")]);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = browser.send(request).await;
        assert_eq!(answer.status != 403, passes, "{headers:?}: {}", answer.status);
    }
    // Entra ID posts from its own site.
    let posted = browser
        .request(Method::POST, "/sso/consumer")
        .header("origin", "null")
        .form(&[("SAMLResponse", "x")]);
    assert!(!browser.send(posted).await.body.contains("sent from another site"));
}

#[actix_web::test]
async fn browsers_are_told_to_come_over_https() {
    let mut console = Console::known_as(PUBLIC);
    let told = async |browser: Browser| {
        let page = browser.get("/sign-in").await;
        // With no-referrer browsers would send `Origin: null` with our own forms.
        assert_eq!(page.headers["referrer-policy"], "same-origin");
        page.headers.get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(told(console.browser()).await.unwrap(), "max-age=31536000");
    let address = console.served_with(|site| {
        site.public_url = PUBLIC.parse().unwrap();
        site.hsts_subdomains = true;
    });
    assert_eq!(told(Browser::new(&address)).await.unwrap(), "max-age=31536000; includeSubDomains");
    assert_eq!(told(Console::open().browser()).await, None);
}

#[actix_web::test]
async fn signing_out_clears_what_the_session_left_in_the_browser() {
    for console in [Console::known_as(PUBLIC), Console::open()] {
        let (browser, _) = sign_in(&console).await;
        let left = browser.get("/account").await.submit("/sign-out", &[]).await;
        assert_eq!((left.status, left.location()), (303, "/sign-in?left"));
        assert_eq!(left.headers["clear-site-data"], "\"cache\", \"storage\"");
        for name in ["rollcall_session", "rollcall_form", "rollcall_sso"] {
            let forgotten = |line: &String| line.contains(name) && line.contains("Max-Age=0");
            assert!(set_cookies(&left).iter().any(forgotten), "{name}: {:?}", set_cookies(&left));
        }
        assert_eq!(left.follow().await.status, 200);
        assert_eq!(browser.get("/account").await.status, 303);
    }
}

#[test]
fn cookies_are_made_and_read_in_one_place() {
    for (path, source) in files("src/web") {
        let handles = source.contains("Cookie::build(") || source.contains("request.cookie(");
        assert!(path.ends_with("cookies.rs") || !handles, "{path:?}");
    }
}
