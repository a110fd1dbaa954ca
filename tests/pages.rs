//! What the benchmark of pages asks for, in a small organisation: it is answered, and no route is forgotten.

use crate::harness::Console;

#[path = "../benches/pages/asks.rs"]
#[allow(dead_code, reason = "the benchmark takes more of it")]
mod asks;
#[path = "../benches/pages/fill.rs"]
mod fill;

#[actix_web::test]
async fn every_page_and_request_of_the_benchmark_is_answered() {
    let (console, entra) = Console::with_entra();
    let things = fill::fill(&console.org, 300).unwrap();
    assert_eq!(asks::forgotten(&things), [""; 0], "routes that the benchmark does not ask for");
    let olga = console.signed_in("olga").await;
    let mut statuses = Vec::new();
    for ask in asks::all(&things) {
        let status =
            if ask.scim { entra.get(&ask.path).await.status } else { olga.get(&ask.path).await.status };
        statuses.push((status, ask.path));
    }
    // A page of somebody without a role, a page that leads on, and users who were not chosen.
    statuses.retain(|(status, _)| ![200, 303, 404].contains(status));
    assert!(statuses.is_empty(), "{statuses:?}");
    let found = olga.get("/users?state=held").await;
    assert!(!found.text().contains("No user matches"), "some are held back");
}
