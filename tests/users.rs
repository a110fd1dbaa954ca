//! The users' pages, as an administrator uses them.

use crate::harness::Console;
use rollcall::domain::Role;
use rollcall::domain::users::EntraState;
use serde_json::json;

#[actix_web::test]
async fn an_administrator_creates_a_user_by_hand() {
    let console = Console::open();
    let site = console.site("Delft");
    let olga = console.signed_in("olga").await;
    let fields = [
        ("user_name", "bob@example.com"),
        ("given_name", "Bob"),
        ("family_name", "Holm"),
        ("email", "bob@example.com"),
        ("site", site.id.as_str()),
        ("extension", "201"),
    ];
    let page = olga.submit("/users/new", "/users", &fields).await.follow().await;
    assert!(page.text().contains("Bob Holm was created."), "{}", page.text());
    let bob = console.find("bob@example.com").unwrap();
    assert_eq!((bob.site_id, bob.extension.as_deref()), (Some(site.id), Some("201")));
}

#[actix_web::test]
async fn a_form_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed() {
    let console = Console::open();
    console.user("bob@example.com", None);
    let olga = console.signed_in("olga").await;
    let page =
        olga.submit("/users/new", "/users", &[("user_name", "BOB@example.com"), ("title", "Planner")]).await;
    assert_eq!(page.status, 409);
    assert!(page.value("#user_name-error").unwrap().contains("belongs to another account"));
    assert_eq!(page.value("#title").as_deref(), Some("Planner"));
    let page = olga.submit("/users/new", "/users", &[("user_name", ""), ("email", "nowhere")]).await;
    assert_eq!(page.status, 422);
    assert!(page.value("#user_name-error").unwrap().contains("Enter a user name"));
}

#[actix_web::test]
async fn what_entra_id_owns_is_shown_and_not_edited() {
    let (console, entra) = Console::with_entra();
    entra.post("/Users", json!({ "userName": "ana@example.com", "title": "Planner" })).await;
    let ana = console.find("ana@example.com").unwrap();
    let olga = console.signed_in("olga").await;
    let path = format!("/users/{}", ana.id);
    let page = olga.get(&path).await;
    assert!(page.text().contains("Entra ID owns these fields"));
    assert!(!page.has("input[name=title]"));
    assert!(page.has("input[name=extension]"));

    let csrf = page.value("input[name=csrf]").unwrap();
    let forced =
        olga.post_bare(&path, &[("csrf", &csrf), ("user_name", "ana@example.com"), ("title", "Boss")]).await;
    assert!(forced.refused().text().contains("Entra ID owns these fields. Change them there"));
    assert_eq!(console.find("ana@example.com").unwrap().profile.title.as_deref(), Some("Planner"));

    page.submit(&format!("{path}/release"), &[]).await;
    let released = olga.get(&path).await;
    assert!(released.has("input[name=title]"));
    let saved = released.submit(&path, &[("title", "Boss")]).await.follow().await;
    assert!(saved.text().contains("was saved"));
    assert_eq!(console.find("ana@example.com").unwrap().profile.title.as_deref(), Some("Boss"));
}

#[actix_web::test]
async fn an_extension_belongs_to_one_user() {
    let console = Console::open();
    let (ana, bob) = (console.user("ana", None), console.user("bob", None));
    let olga = console.signed_in("olga").await;
    let set = async |id: &str, extension: &str| {
        olga.submit(&format!("/users/{id}"), &format!("/users/{id}/telephony"), &[("extension", extension)])
            .await
    };
    assert_eq!(set(ana.id.as_str(), "201").await.status, 303);
    let refused = set(bob.id.as_str(), "201").await;
    assert_eq!(refused.status, 409);
    assert!(refused.value("#extension-error").unwrap().contains("Extension 201 belongs to ana"));
    assert_eq!(set(bob.id.as_str(), "2o1").await.status, 422);
    assert_eq!(console.find("bob").unwrap().extension, None);
}

#[actix_web::test]
async fn a_site_is_set_once_and_a_licence_needs_it() {
    let console = Console::open();
    let ana = console.user("ana", None);
    let (delft, utrecht) = (console.site("Delft"), console.site("Utrecht"));
    console.license("X2", 1);
    let olga = console.signed_in("olga").await;
    let path = format!("/users/{}", ana.id);
    assert!(olga.get(&path).await.text().contains("ana has no site. Set the site first"));

    let page =
        olga.submit(&path, &format!("{path}/site"), &[("site", delft.id.as_str())]).await.follow().await;
    assert!(page.text().contains("A site is fixed once it is set."));
    let csrf = page.value("input[name=csrf]").unwrap();
    let again =
        olga.post_bare(&format!("{path}/site"), &[("csrf", &csrf), ("site", utrecht.id.as_str())]).await;
    assert!(again.refused().text().contains("a site is fixed once it is set"));
    assert_eq!(console.find("ana").unwrap().site_id, Some(delft.id));

    let page = page.submit(&format!("{path}/license"), &[]).await.follow().await;
    assert!(page.text().contains("ana holds the licence."), "{}", page.text());
    let page = page.submit(&format!("{path}/license/remove"), &[]).await.follow().await;
    assert!(page.text().contains("ana holds no licence any more"));
}

#[actix_web::test]
async fn no_seat_is_given_that_is_not_there() {
    let console = Console::open();
    console.site("Delft");
    let (ana, bob) = (console.user("ana", Some("Delft")), console.user("bob", Some("Delft")));
    console.license("X2", 1);
    let olga = console.signed_in("olga").await;
    let assign = async |id: &str| {
        let page = olga.submit(&format!("/users/{id}"), &format!("/users/{id}/license"), &[]).await;
        page.shown().await.text()
    };
    assert!(assign(ana.id.as_str()).await.contains("ana holds the licence."));
    assert!(assign(bob.id.as_str()).await.contains("No seat of X2 is free"));
}

#[actix_web::test]
async fn deactivation_and_reactivation_by_hand() {
    let console = Console::open();
    let ana = console.user("ana", None);
    let olga = console.signed_in("olga").await;
    let path = format!("/users/{}", ana.id);
    let page = olga.submit(&path, &format!("{path}/deactivate"), &[]).await.follow().await;
    assert!(page.text().contains("Inactive"));
    assert!(!console.find("ana").unwrap().active);
    page.submit(&format!("{path}/reactivate"), &[]).await;
    assert!(console.find("ana").unwrap().active);
}

#[actix_web::test]
async fn nobody_deactivates_or_deletes_their_own_account() {
    let console = Console::open();
    let bea = console.admin("bea", Role::Owner);
    let beas = console.signed_in("bea").await;
    let path = format!("/users/{}", bea.id);
    // The page offers neither, so the forms are those of another account.
    let token = beas.get("/sites").await.value("form input[name=csrf]").unwrap();
    let fields = [("csrf", token.as_str()), ("id", bea.id.as_str()), ("typed", "bea")];
    let refused = beas.post_bare(&format!("{path}/deactivate"), &fields).await.refused();
    assert!(refused.text().contains("You cannot deactivate your own account."), "{}", refused.text());
    let refused = beas.post_bare("/users/delete", &fields).await.refused();
    assert!(refused.text().contains("You cannot delete your own account."), "{}", refused.text());
    assert!(console.find("bea").unwrap().active);
    // Among others it is refused as well, and all stay.
    let ana = console.user("ana", None);
    let both = [
        ("csrf", token.as_str()),
        ("id", ana.id.as_str()),
        ("id", bea.id.as_str()),
        ("typed", "delete 2 users"),
    ];
    let refused = beas.post_bare("/users/delete", &both).await;
    let told = refused.refused().text();
    assert!(told.contains("You cannot delete your own account."), "{told}");
    assert!(console.find("ana").is_some() && console.find("bea").is_some());
}

#[actix_web::test]
async fn deletion_wants_the_name_typed_and_frees_what_the_user_held() {
    let console = Console::open();
    console.site("Delft");
    let ana = console.user("ana@example.com", Some("Delft"));
    let license = console.license("X2", 1);
    let (key, kind) = (ana.id.clone(), license.id.clone());
    console.write(move |tx| rollcall::domain::licenses::assign(tx, &key, &kind));
    let olga = console.signed_in("olga").await;
    let ask = format!("/users/delete?id={}", ana.id);

    let wrong = olga.submit(&ask, "/users/delete", &[("typed", "ana")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("Nothing was deleted."));
    assert!(console.find("ana@example.com").is_some());

    let done = olga.submit(&ask, "/users/delete", &[("typed", "ana@example.com")]).await.follow().await;
    assert!(done.text().contains("The user was deleted for good."));
    assert!(console.find("ana@example.com").is_none());
    let stock = console.org.read(rollcall::domain::licenses::stock).unwrap();
    assert_eq!(stock[0].used, 0);
    assert_eq!(olga.get(&format!("/users/{}", ana.id)).await.status, 404);
    let log = olga.get("/activity").await.text();
    assert!(
        log.contains(&ana.scim_id) && log.contains("olga deleted the user ana@example.com for good"),
        "{log}"
    );
}

#[actix_web::test]
async fn many_are_deleted_together_or_not_at_all() {
    let console = Console::open();
    let people: Vec<_> = ["ana", "bob", "eve"].map(|name| console.user(name, None)).into();
    let admin = console.admin("adam", Role::Administrator);
    let ask = |ids: &[&str]| {
        let query: Vec<String> = ids.iter().map(|id| format!("id={id}")).collect();
        format!("/users/delete?{}", query.join("&"))
    };
    let ids: Vec<&str> = people.iter().map(|user| user.id.as_str()).collect();
    let adam = console.signed_in("adam").await;
    // An administrator may not decide over an account with a role: so nobody goes.
    let olga = console.find("olga").unwrap();
    let with_owner = ask(&[ids[0], olga.id.as_str()]);
    let page = adam.get(&with_owner).await;
    let mut fields: Vec<(&str, &str)> =
        vec![("typed", "delete 2 users"), ("id", ids[0]), ("id", olga.id.as_str())];
    let csrf = page.value("form[action='/users/delete'] input[name=csrf]").unwrap();
    fields.push(("csrf", &csrf));
    assert_eq!(adam.post_bare("/users/delete", &fields).await.status, 403);
    assert!(console.find("ana").is_some() && console.find("olga").is_some());

    let page = adam.get(&ask(&ids)).await;
    assert!(page.text().contains("delete 3 users"));
    let csrf = page.value("form[action='/users/delete'] input[name=csrf]").unwrap();
    let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("id", *id)).collect();
    fields.extend([("typed", "delete 3 users"), ("csrf", csrf.as_str())]);
    assert_eq!(adam.post_bare("/users/delete", &fields).await.status, 303);
    assert!(["ana", "bob", "eve"].iter().all(|name| console.find(name).is_none()));
    assert!(console.find(&admin.profile.user_name).is_some());
}

#[actix_web::test]
async fn deleting_a_user_who_is_still_linked_warns_first() {
    let (console, entra) = Console::with_entra();
    entra.post("/Users", json!({ "userName": "ana@example.com" })).await;
    let ana = console.find("ana@example.com").unwrap();
    let page = console.signed_in("olga").await.get(&format!("/users/delete?id={}", ana.id)).await;
    assert!(page.text().contains("Entra ID keeps writing to the old id"), "{}", page.text());
}

#[actix_web::test]
async fn the_list_is_searched_filtered_sorted_and_paged() {
    let (console, entra) = Console::with_entra();
    console.site("Delft");
    for number in 0..120 {
        let site = (number % 2 == 0).then_some("Delft");
        console.user(&format!("user{number:03}@example.com"), site);
    }
    entra.post("/Users", json!({ "userName": "linked@example.com", "displayName": "Zoë Linked" })).await;
    let olga = console.signed_in("olga").await;

    let first = olga.get("/users?sort=user-name").await;
    assert!(first.text().contains("122 users"), "{}", first.text());
    let mut seen = Vec::new();
    let mut path = Some("/users?sort=user-name".to_owned());
    while let Some(here) = path {
        let page = olga.get(&here).await;
        seen.extend(names_on(&page.body));
        path = link(&page.body, "next");
    }
    assert_eq!(seen.len(), 122);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    let second = olga.get(&link(&first.body, "next").unwrap()).await;
    let back = olga.get(&link(&second.body, "prev").unwrap()).await;
    assert_eq!(names_on(&back.body), names_on(&first.body));

    let count = async |query: &str| names_on(&olga.get(&format!("/users?{query}")).await.body).len();
    assert_eq!(count("q=user00").await, 10);
    assert_eq!(count("q=zo%C3%AB").await, 1);
    assert_eq!(count("q=100%25").await, 0);
    assert_eq!(count("entra=linked").await, 1);
    assert_eq!(count("state=inactive").await, 0);
    assert_eq!(count("site=none&q=user00").await, 5);
    assert_eq!(olga.get("/users?after=rubbish").await.status, 404);
    let descending = names_on(&olga.get("/users?sort=user-name&desc=1").await.body);
    assert_eq!(descending[0], "user119@example.com");
}

#[actix_web::test]
async fn an_auditor_sees_everything_and_is_offered_nothing_to_change() {
    let console = Console::open();
    console.admin("aud", Role::Auditor);
    let ana = console.user("ana", None);
    let auditor = console.signed_in("aud").await;
    for path in ["/users", &format!("/users/{}", ana.id), "/identity", "/users/deleted-in-entra"] {
        let page = auditor.get(path).await;
        assert_eq!(page.status, 200);
        let posts = page.body.matches("method=\"post\"").count();
        assert_eq!(posts, 1, "{path}: only signing out");
    }
}

#[actix_web::test]
async fn an_account_with_a_role_is_decided_over_by_owners_only() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    let eve = console.admin("eve", Role::Auditor);
    let adam = console.signed_in("adam").await;
    let path = format!("/users/{}", eve.id);
    let page = adam.get(&path).await;
    assert!(page.text().contains("only an owner decides over it"));
    let csrf = page.value("input[name=csrf]").unwrap();
    let refused = adam.post_bare(&format!("{path}/deactivate"), &[("csrf", &csrf)]).await;
    assert_eq!(refused.status, 403);
    assert!(console.find("eve").unwrap().active);
    assert_eq!(console.find("eve").unwrap().entra_state, EntraState::Unlinked);
}

/// The user names in the table, top to bottom.
pub(crate) fn names_on(body: &str) -> Vec<String> {
    let document = scraper::Html::parse_document(body);
    let cells = scraper::Selector::parse("tbody tr td:nth-of-type(2)").unwrap();
    document.select(&cells).map(|cell| cell.text().collect()).collect()
}

pub(crate) fn link(body: &str, rel: &str) -> Option<String> {
    let document = scraper::Html::parse_document(body);
    let link = scraper::Selector::parse(&format!("a[rel={rel}]")).unwrap();
    document.select(&link).next().and_then(|link| link.value().attr("href")).map(str::to_owned)
}
