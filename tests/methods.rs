//! Methods (RFC 9110 section 9): HEAD is GET without a body and without effects, and an address names what it takes.

use crate::harness::{Browser, Console, Entra, Page};
use reqwest::Method;
use reqwest::header::HeaderMap;
use rollcall::domain::Role;
use rollcall::web::console::{ROUTES, Route};
use rollcall::web::{ENDPOINTS, Endpoint, SCIM_ENDPOINTS};
use serde_json::{Value, json};

/// Every method that has a name, and one that has none.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];

/// A path with this in place of each parameter.
fn filled(path: &str, parameter: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { parameter } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The methods that an `Allow` header does not name.
fn others(allow: &str) -> Vec<Method> {
    let named: Vec<&str> = allow.split(", ").collect();
    let others = METHODS.iter().filter(|method| !named.contains(method));
    others.map(|method| method.parse().unwrap()).collect()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default().to_owned()
}

/// The routes that a path has, as `Allow` tells them.
fn allow(path: &str) -> String {
    let told = |route: &Route| match (route.method, route.effect) {
        ("GET", false) => "GET, HEAD",
        (method, _) => method,
    };
    let here = ROUTES.iter().filter(|route| route.path == path).map(told);
    here.collect::<Vec<_>>().join(", ")
}

async fn send(browser: &Browser, method: Method, path: &str) -> Page {
    browser.send(browser.request(method, path)).await
}

/// HEAD answers what GET does, with what stands in the headers of both, and nothing after them.
async fn answers_alike(browser: &Browser, path: &str) {
    let (head, get) = (send(browser, Method::HEAD, path).await, browser.get(path).await);
    assert_eq!((head.status, head.body.as_str()), (get.status, ""), "HEAD {path}");
    for name in ["content-type", "location", "cache-control", "content-security-policy"] {
        // A reference or a token may differ from one answer to the next.
        assert_eq!(header(&head.headers, name), header(&get.headers, name), "HEAD {path}: {name}");
    }
}

#[actix_web::test]
async fn every_route_answers_head_where_it_answers_get_and_names_its_methods_to_others() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let stranger = console.browser();
    for route in ROUTES {
        let (path, allow) = (filled(route.path, "none"), allow(route.path));
        for browser in [&olga, &stranger] {
            for method in others(&allow) {
                let page = send(browser, method.clone(), &path).await;
                let told = (page.status, header(&page.headers, "allow"));
                assert_eq!(told, (405, allow.clone()), "{method} {path}");
            }
            if route.method == "GET" && !route.effect {
                answers_alike(browser, &path).await;
            }
        }
    }
}

#[actix_web::test]
async fn a_get_with_an_effect_is_marked_and_does_not_answer_head() {
    let marked: Vec<&str> = ROUTES.iter().filter(|route| route.effect).map(|route| route.path).collect();
    assert_eq!(marked, ["/sso/start", "/sso/logout"]);
    let console = Console::open();
    for path in marked {
        let head = send(&console.browser(), Method::HEAD, path).await;
        assert_eq!((head.status, header(&head.headers, "allow").as_str()), (405, "GET"), "{path}");
    }
}

#[actix_web::test]
async fn what_cannot_be_looked_at_says_what_it_is_for() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    for route in ROUTES.iter().filter(|route| allow(route.path) == "POST") {
        let page = olga.get(&filled(route.path, "none")).await;
        assert!(page.text().contains("This address takes "), "{}: {}", route.path, page.text());
        assert!(page.text().contains("there is nothing to look at here"), "{}", route.path);
    }
    let consumer = olga.get("/sso/consumer").await.text();
    assert!(consumer.contains("takes the answers to sign-ins that Entra ID sends"), "{consumer}");
    for endpoint in ENDPOINTS.iter().chain(SCIM_ENDPOINTS) {
        assert_eq!(endpoint.purpose.is_some(), endpoint.allow() == "POST", "{}", endpoint.path);
    }
}

#[actix_web::test]
async fn what_stands_beside_the_pages_answers_head_and_names_its_methods() {
    let console = Console::open();
    let browser = console.browser();
    let page = browser.get("/sign-in").await.body;
    let css = page.split('"').find(|text| text.ends_with("console.css")).unwrap();
    let paths = |endpoint: &Endpoint| match endpoint.path {
        "/static/{hash}/{name}" => vec![css.to_owned(), "/static/none/none".to_owned()],
        path => vec![path.to_owned()],
    };
    assert_eq!(ENDPOINTS.len(), 5);
    for endpoint in ENDPOINTS {
        for path in paths(endpoint) {
            for method in others(&endpoint.allow()) {
                let answer = send(&browser, method.clone(), &path).await;
                let told = (answer.status, header(&answer.headers, "allow"));
                assert_eq!(told, (405, endpoint.allow()), "{method} {path}");
                let sentence = format!("{method} is not possible at this address");
                assert!(method == Method::HEAD || answer.body.starts_with(&sentence), "{}", answer.body);
            }
            if endpoint.methods.contains(&"GET") {
                answers_alike(&browser, &path).await;
            }
        }
    }
    let token = browser.get("/oauth2/token").await;
    assert!(token.body.contains("It gives SCIM clients that prove themselves an access token"));
}

async fn made(entra: &Entra, path: &str, body: Value) -> String {
    entra.post(path, body).await.id()
}

#[actix_web::test]
async fn every_scim_address_answers_head_and_names_its_methods() {
    let (_console, entra) = Console::with_entra();
    let user = made(&entra, "/Users", json!({ "userName": "ana" })).await;
    let group = made(&entra, "/Groups", json!({ "displayName": "Sales" })).await;
    let parameter = |path: &str| match path.split('/').nth(1).unwrap_or_default() {
        "Users" => user.clone(),
        "Groups" => group.clone(),
        "Schemas" => "urn:ietf:params:scim:schemas:core:2.0:User".to_owned(),
        _ => "User".to_owned(),
    };
    assert_eq!(SCIM_ENDPOINTS.len(), 14);
    for endpoint in SCIM_ENDPOINTS {
        for path in [filled(endpoint.path, &parameter(endpoint.path)), filled(endpoint.path, "none")] {
            for method in others(&endpoint.allow()) {
                let refused = entra.send(method.clone(), &path, None).await;
                let told = (refused.status, header(&refused.headers, "allow"));
                assert_eq!(told, (405, endpoint.allow()), "{method} {path}");
                let is_told = *refused.at("/status") == "405" && refused.at("/detail").is_string();
                assert!(method == Method::HEAD || is_told, "{method} {path}: {}", refused.json);
            }
            if endpoint.methods.contains(&"GET") {
                let head = entra.send(Method::HEAD, &path, None).await;
                let get = entra.get(&path).await;
                assert_eq!((head.status, &head.json), (get.status, &Value::Null), "{path}");
                for name in ["etag", "content-type", "location"] {
                    assert_eq!(header(&head.headers, name), header(&get.headers, name), "{path}: {name}");
                }
            }
        }
    }
    let bulk = entra.get("/Bulk").await;
    assert!(bulk.at("/detail").as_str().unwrap().contains("It carries out many operations"));
    assert_eq!(entra.send(Method::HEAD, "/Me", None).await.status, 501);
}

#[actix_web::test]
async fn head_uses_nothing_up_and_begins_nothing() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    let olga = console.signed_in("olga").await;
    olga.submit("/sites", "/sites", &[("name", "Delft")]).await;
    let audited = |console: &Console| console.org.read(audited).unwrap();
    let before = audited(&console);
    for route in ROUTES.iter().filter(|route| route.method == "GET") {
        send(&olga, Method::HEAD, &filled(route.path, "none")).await;
    }
    assert_eq!(audited(&console), before, "what changes is in the log");
    assert!(olga.get("/sites").await.has(".notice.good"), "what was to be said is still said");
    assert!(!olga.get("/sites").await.has(".notice.good"));
    assert!(!olga.get("/users").await.text().contains("Select one or more users first."));
}

fn audited(conn: &mut rollcall::db::Conn) -> rollcall::error::Result<usize> {
    use rollcall::domain::{audit, page::At};
    Ok(audit::list(conn, &audit::Filter::default(), &At::Start, 100)?.items.len())
}
