//! What the pages say reads as sentences, also where something is missing, and tells each reader what they can do.

use crate::harness::Console;
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Where somebody or something should be named and nobody is.
fn holes(body: &str) -> Vec<&str> {
    [">: ", ">. ", " .<", "create .", "create :", "“”"]
        .into_iter()
        .filter(|hole| body.contains(hole))
        .collect()
}

#[actix_web::test]
async fn a_user_who_cannot_be_made_is_named_by_whatever_was_sent() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    let nameless: [(Value, &str); 5] = [
        (json!({"displayName": "Ana Lima"}), "create Ana Lima."),
        (json!({"userName": "", "displayName": "Bo Berg", "externalId": "bo"}), "create Bo Berg."),
        (json!({"userName": "  ", "externalId": "cy-17"}), "create cy-17."),
        (json!({"emails": [{"value": "di@example.com", "type": "work"}]}), "create di@example.com."),
        (json!({"title": "Director"}), "create a user."),
    ];
    for (mut user, told) in nameless {
        user["schemas"] = json!([USER]);
        assert_eq!(entra.post("/Users", user).await.status, 400, "{told}");
        console.write(rollcall::domain::settings::touch);
        let log = olga.get("/activity/provisioning").await;
        let first = log.value(".list .grow a").unwrap();
        assert!(first.ends_with(told), "{first}");
        for page in ["/", "/identity", "/activity/provisioning"] {
            let page = olga.get(page).await;
            assert!(holes(&page.body).is_empty(), "{:?}: {}", holes(&page.body), page.body);
        }
    }
}

#[actix_web::test]
async fn what_cannot_be_done_yet_says_what_to_do_on_this_very_page() {
    let console = Console::open();
    console.license("X2", 1);
    let ana = console.user("ana@example.com", None);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/users/{}", ana.id)).await;
    assert!(page.text().contains("has no site. Set the site first, above"), "{}", page.text());
}

#[actix_web::test]
async fn a_request_of_nobody_known_is_told_without_guessing_what_it_wanted() {
    let (console, _) = Console::with_entra();
    let stranger = crate::harness::Entra::new(&console.address, "rollcall_at_nonsense");
    assert_eq!(stranger.get("/nothing").await.status, 401);
    console.write(rollcall::domain::settings::touch);
    let olga = console.signed_in("olga").await;
    let log = olga.get("/activity/provisioning").await;
    assert!(log.text().contains("A request without an accepted credential was refused."), "{}", log.text());
}
