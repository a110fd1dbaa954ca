//! Addresses as people leave them: a field of a filter emptied, a key twice, a number that is none, a link cut short.

use crate::harness::Console;
use crate::source::files;
use rollcall::web::console::{ROUTES, Route};

/// Every key that some page looks for, and one that none does.
const KEYS: [&str; 27] = [
    "actor",
    "after",
    "again",
    "another",
    "before",
    "cause",
    "chosen",
    "code",
    "days",
    "desc",
    "ended",
    "entra",
    "from",
    "id",
    "kind",
    "left",
    "license",
    "next",
    "operation",
    "outcome",
    "q",
    "reference",
    "site",
    "sort",
    "state",
    "to",
    "user",
];
/// What may stand behind them.
const VALUES: [&str; 6] = ["", "abc", "-1", "1e9", "%FF%00", "99999999999999999999"];

fn path(route: &Route, key: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { key.to_owned() } else { part.to_owned() };
    route.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[actix_web::test]
async fn no_query_makes_a_page_fail() {
    let console = Console::open();
    let ana = console.user("ana@example.com", None);
    let olga = console.signed_in("olga").await;
    for route in ROUTES.iter().filter(|route| route.method == "GET") {
        for value in VALUES {
            let query: Vec<String> = KEYS.iter().map(|key| format!("{key}=1&{key}={value}")).collect();
            let page = olga.get(&format!("{}?x=&x=&{}", path(route, ana.id.as_str()), query.join("&"))).await;
            let told = format!("{} {value:?} {}: {}", route.path, page.status, page.body);
            assert!(page.status != 400 && page.status < 500, "{told}");
            assert!(!page.body.to_lowercase().contains("deserialize"), "{told}");
        }
    }
}

#[actix_web::test]
async fn an_emptied_filter_shows_the_whole_list() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    for address in
        ["/users/inactive?days=", "/users/inactive?days=abc", "/users?q=&after=&before=", "/groups?q=a&q="]
    {
        let page = olga.get(address).await;
        assert_eq!(page.status, 200, "{address}");
        assert!(page.has("h1"), "{address}");
    }
    assert_eq!(olga.get("/users/inactive?days=").await.value("#days").as_deref(), Some("90"));
}

#[actix_web::test]
async fn a_key_in_a_path_that_is_no_text_leads_to_a_page_that_says_so() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path.contains('{')) {
        for key in ["%FF", "%00", "%2F", "a%20b", &"9".repeat(400)] {
            let page = olga.get(&path(route, key)).await;
            let told = format!("{} {key}: {} {}", route.path, page.status, page.body);
            assert!(page.status < 400 || page.status == 404, "{told}");
            assert!(page.status < 400 || page.has("h1"), "{told}");
        }
    }
    for path in ["/Users/%FF", "/Groups/%FF", "/Schemas/%FF"] {
        let reply = entra.get(path).await;
        assert_eq!((reply.status, reply.at("/status")), (404, &serde_json::json!("404")), "{path}");
    }
}

/// The extractors of the framework answer with a text of their own where a query cannot be read.
#[test]
fn queries_are_read_in_one_way() {
    let mut bare = Vec::new();
    for (path, source) in files("src/web") {
        let foreign = ["web::Query", "Path, Query}", "web::Form", "web::Json"];
        bare.extend(
            foreign.iter().filter(|name| source.contains(*name)).map(|name| format!("{path:?}: {name}")),
        );
    }
    assert!(bare.is_empty(), "{bare:?}");
}
