//! Licence types and sites, as an administrator keeps them.

use crate::harness::Console;
use serde_json::json;

const SITE: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";

#[actix_web::test]
async fn a_licence_type_is_made_changed_and_deleted() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let page =
        olga.submit("/licenses", "/licenses", &[("code", "X2"), ("name", "Work X2"), ("seats", "5")]).await;
    assert!(page.follow().await.text().contains("X2 was created."));
    let id = console.org.read(|conn| rollcall::domain::licenses::coded(conn, "x2")).unwrap().unwrap().id;
    let path = format!("/licenses/{id}");
    let saved = olga.submit(&path, &path, &[("seats", "7")]).await.follow().await;
    assert!(saved.text().contains("X2 was saved."));
    assert!(
        olga.get("/activity")
            .await
            .text()
            .contains("olga changed the number of seats of X2 from “5” to “7”.")
    );
    let gone = olga.submit(&path, &format!("{path}/delete"), &[]).await.follow().await;
    assert!(gone.text().contains("No licence type yet"));
}

#[actix_web::test]
async fn bad_licence_types_are_refused_beside_the_field() {
    let console = Console::open();
    console.license("X2", 5);
    let olga = console.signed_in("olga").await;
    for (fields, field, status) in [
        ([("code", "x2"), ("seats", "5")], "code", 409),
        ([("code", ""), ("seats", "5")], "code", 422),
        ([("code", "X3"), ("seats", "-1")], "seats", 422),
        ([("code", "X3"), ("seats", "many")], "seats", 422),
    ] {
        let page = olga.submit("/licenses", "/licenses", &fields).await;
        assert_eq!(page.status, status, "{fields:?}");
        assert!(page.has(&format!("#{field}-error")), "{fields:?}");
    }
}

#[actix_web::test]
async fn seats_that_are_taken_can_be_neither_cut_nor_deleted() {
    let console = Console::open();
    console.site("Delft");
    let ana = console.user("ana", Some("Delft"));
    let kind = console.license("X2", 2);
    let (user, key) = (ana.id, kind.id.clone());
    console.write(move |tx| rollcall::domain::licenses::assign(tx, &user, &key));
    let olga = console.signed_in("olga").await;
    let path = format!("/licenses/{}", kind.id);
    let cut = olga.submit(&path, &path, &[("seats", "0")]).await;
    assert_eq!(cut.status, 422);
    assert!(cut.value("#seats-error").unwrap().contains("Seats of X2 that are taken: 1."));
    let csrf = cut.value("input[name=csrf]").unwrap();
    let kept = olga.post_bare(&format!("{path}/delete"), &[("csrf", &csrf)]).await.refused();
    assert!(kept.text().contains("X2 cannot be deleted"));
}

#[actix_web::test]
async fn a_site_is_made_renamed_and_keeps_its_old_name_as_an_alias() {
    let (console, entra) = Console::with_entra();
    let olga = console.signed_in("olga").await;
    olga.submit("/sites", "/sites", &[("name", "Delft")]).await;
    let site = console.org.read(|conn| rollcall::domain::sites::named(conn, "DELFT")).unwrap().unwrap();
    let path = format!("/sites/{}", site.id);
    olga.submit(&path, &path, &[("name", "Delft Works")]).await;
    let user = json!({ "userName": "ana@example.com", SITE: { "site": "delft" } });
    entra.post("/Users", user).await;
    assert_eq!(console.find("ana@example.com").unwrap().site_id, Some(site.id));
    let page = olga.get(&path).await;
    assert!(page.text().contains("A site that somebody has cannot be deleted."));
    let csrf = page.value("input[name=csrf]").unwrap();
    let kept = olga.post_bare(&format!("{path}/delete"), &[("csrf", &csrf)]).await.refused();
    assert!(kept.text().contains("cannot be deleted: 1 users have it"));
}

#[actix_web::test]
async fn a_name_belongs_to_one_site() {
    let console = Console::open();
    let delft = console.site("Delft");
    console.site("Utrecht");
    let olga = console.signed_in("olga").await;
    assert_eq!(olga.submit("/sites", "/sites", &[("name", "DELFT")]).await.status, 409);
    assert_eq!(olga.submit("/sites", "/sites", &[("name", " ")]).await.status, 422);
    let path = format!("/sites/{}", delft.id);
    let refused = olga.submit(&path, &format!("{path}/aliases"), &[("name", "utrecht")]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("already a name of the site Utrecht"));
    let added = olga.submit(&path, &format!("{path}/aliases"), &[("name", "DFT")]).await.follow().await;
    assert!(added.text().contains("DFT"));
}

#[actix_web::test]
async fn names_that_entra_id_sent_are_settled_for_all_who_wait() {
    let (console, entra) = Console::with_entra();
    let delft = console.site("Delft");
    for (name, site) in [("ana", "Hamburg"), ("bob", "hamburg"), ("eve", "Delft Works")] {
        entra.post("/Users", json!({ "userName": name, SITE: { "site": site } })).await;
    }
    let olga = console.signed_in("olga").await;
    let page = olga.get("/sites").await;
    assert!(page.text().contains("Hamburg") && page.text().contains("Delft Works"));
    let csrf = page.value("input[name=csrf]").unwrap();
    let settle = async |name: &str, action: &str| {
        olga.post_bare("/sites/settle", &[("csrf", &csrf), ("name", name), ("action", action)]).await
    };
    assert_eq!(
        page.attribute("form[action='/sites/settle'] option", "value").as_deref(),
        Some(""),
        "nothing is chosen"
    );
    assert!(page.has("form[action='/sites/settle'][data-confirm]"));
    let nothing = settle("Hamburg", "").await.refused();
    assert!(nothing.text().contains("Choose what is to become of the name first"), "{}", nothing.text());
    assert!(console.find("ana").unwrap().site_id.is_none());
    settle("Hamburg", "create").await;
    settle("Delft Works", delft.id.as_str()).await;
    let hamburg = console.find("ana").unwrap().site_id;
    assert!(hamburg.is_some() && hamburg == console.find("bob").unwrap().site_id);
    assert_eq!(console.find("eve").unwrap().site_id, Some(delft.id));
    assert!(!olga.get("/sites").await.text().contains("Names that Entra ID sent"));
}

#[actix_web::test]
async fn the_form_to_rename_a_site_shows_its_name() {
    let console = Console::open();
    let site = console.site("Delft");
    let page = console.signed_in("olga").await.get(&format!("/sites/{}", site.id)).await;
    assert_eq!(page.value("input#name").as_deref(), Some("Delft"));
}
