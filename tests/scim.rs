//! What Entra ID does to users, rule by rule.

use crate::harness::{Console, Entra, Reply};
use reqwest::Method;
use rollcall::domain::Role;
use rollcall::domain::identity::switch::{PauseAnswer, State};
use rollcall::domain::users::EntraState;
use rollcall::domain::users::by_entra::Scope;
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SITE: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";

fn ana() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ana@example.com",
        "externalId": "ana",
        "active": true,
        "title": "Planner",
        "name": { "givenName": "Ana", "familyName": "Lima" },
        "emails": [{ "type": "work", "primary": true, "value": "ana@example.com" }],
    })
}

fn with_site(site: &str) -> Value {
    let mut user = ana();
    user[SITE] = json!({ "site": site });
    user
}

fn replace(path: &str, value: &Value) -> Value {
    json!([{ "op": "Replace", "path": path, "value": value }])
}

#[track_caller]
fn refused(reply: &Reply, status: u16, kind: Option<&str>) {
    assert_eq!(reply.status, status, "{}", reply.json);
    assert_eq!(reply.at("/schemas/0"), "urn:ietf:params:scim:api:messages:2.0:Error");
    assert_eq!(reply.at("/status"), &Value::String(status.to_string()));
    assert_eq!(reply.at("/scimType").as_str(), kind, "{}", reply.json);
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/scim+json"));
    assert!(!reply.at("/detail").as_str().unwrap_or_default().is_empty());
}

#[actix_web::test]
async fn a_user_made_by_hand_is_found_and_the_first_write_links_them() {
    let (console, entra) = Console::with_entra();
    let made = console.user("Ana@Example.com", None);

    let found = entra.find("ana@example.com").await;
    let id = found.at("/Resources/0/id").as_str().unwrap().to_owned();
    assert_ne!(id, made.id.as_str(), "the console's key is not shown");
    assert_eq!(console.find("ana@example.com").unwrap().entra_state, EntraState::Unlinked);

    let changed = entra.patch(&format!("/Users/{id}"), replace("title", &json!("Planner"))).await;
    assert_eq!(changed.status, 200);
    let linked = console.find("ana@example.com").unwrap();
    assert_eq!((linked.entra_state, linked.id), (EntraState::Linked, made.id));
}

#[actix_web::test]
async fn only_users_created_by_entra_id_are_visible_when_the_setting_says_so() {
    let (console, entra) = Console::with_entra();
    console.user("local@example.com", None);
    let own = entra.post("/Users", ana()).await.id();
    console.switch(State::On, PauseAnswer::Unavailable, Scope::OnlyCreatedByEntra);

    assert_eq!(entra.find("local@example.com").await.at("/totalResults"), 0);
    assert_eq!(entra.get(&format!("/Users/{own}")).await.status, 200);
    assert_eq!(entra.get("/Users").await.at("/totalResults"), 1);
}

#[actix_web::test]
async fn a_create_never_takes_an_account_over_and_puts_it_on_the_worklist() {
    let (console, entra) = Console::with_entra();
    let made = console.user("ana@example.com", None);

    refused(&entra.post("/Users", ana()).await, 409, Some("uniqueness"));
    assert_eq!(console.find("ana@example.com").unwrap().entra_state, EntraState::Unlinked);

    let olga = console.signed_in("olga").await;
    let page = olga.get("/users/to-link").await;
    assert!(page.text().contains("ana@example.com"));
    page.submit(&format!("/users/{}/link", made.id), &[]).await;
    let found = entra.find("ana@example.com").await;
    assert_eq!(found.at("/Resources/0/externalId"), "ana");
    assert_eq!(console.find("ana@example.com").unwrap().entra_state, EntraState::Linked);
    let form = format!("form[action='/users/{}/link']", made.id);
    assert!(!olga.get("/users/to-link").await.has(&form));
}

#[actix_web::test]
async fn a_protected_owner_is_invisible_and_untouchable() {
    let (console, entra) = Console::with_entra();
    let olga = console.find("olga").unwrap();
    let path = format!("/Users/{}", olga.scim_id);

    assert_eq!(entra.find("olga").await.at("/totalResults"), 0);
    refused(&entra.get(&path).await, 404, None);
    refused(&entra.patch(&path, replace("active", &json!("False"))).await, 404, None);
    refused(&entra.delete(&path).await, 404, None);
    let mut impostor = ana();
    impostor["userName"] = json!("OLGA");
    refused(&entra.post("/Users", impostor).await, 409, Some("uniqueness"));
    let olga_now = console.find("olga").unwrap();
    assert_eq!((olga_now.version, olga_now.active), (olga.version, true));
}

#[actix_web::test]
async fn an_external_id_that_looks_like_an_internal_id_opens_nothing() {
    // Grafana CVE-2025-41115: a numeric externalId became the internal id of an administrator.
    let (console, entra) = Console::with_entra();
    let olga = console.find("olga").unwrap();
    for external_id in ["1", "0", "admin", olga.id.as_str(), olga.scim_id.as_str()] {
        let mut user = ana();
        user["userName"] = json!(format!("u{external_id}@example.com"));
        user["externalId"] = json!(external_id);
        let made = entra.post("/Users", user).await;
        assert_eq!(made.status, 201);
        assert_ne!(made.id(), olga.scim_id);
    }
    let olga_now = console.find("olga").unwrap();
    assert_eq!((olga_now.role, olga_now.version), (Role::Owner, olga.version));
}

#[actix_web::test]
async fn what_the_console_owns_survives_every_update_of_entra_id() {
    let (console, entra) = Console::with_entra();
    console.site("Delft");
    let license = console.license("X2", 5);
    let id = entra.post("/Users", with_site("Delft")).await.id();
    let user = console.find("ana@example.com").unwrap();
    let key = user.id.clone();
    console.write(move |tx| {
        let numbers = rollcall::domain::users::by_hand::Telephony {
            phone_number: Some("+31 15 1234".into()),
            extension: Some("201".into()),
        };
        rollcall::domain::users::by_hand::set_telephony(tx, &key, numbers)?;
        rollcall::domain::licenses::assign(tx, &key, &license.id)
    });

    let mut other = ana();
    other["title"] = json!("Director");
    other["phoneNumbers"] = json!([{ "type": "work", "value": "0800" }]);
    assert_eq!(entra.put(&format!("/Users/{id}"), other).await.status, 200);
    entra.patch(&format!("/Users/{id}"), replace("active", &json!("False"))).await;

    let after = console.find("ana@example.com").unwrap();
    assert_eq!(
        (after.phone_number.as_deref(), after.extension.as_deref()),
        (Some("+31 15 1234"), Some("201"))
    );
    assert_eq!(after.site_id, user.site_id);
    let key = after.id.clone();
    let held = console.org.read(move |conn| rollcall::domain::licenses::of(conn, &key)).unwrap();
    assert_eq!(held.unwrap().code, "X2");
}

#[actix_web::test]
async fn a_site_is_fixed_once_it_is_set_and_a_later_one_is_a_warning() {
    let (console, entra) = Console::with_entra();
    console.site("Delft");
    console.site("Utrecht");
    let id = entra.post("/Users", with_site("DELFT")).await.id();

    let reply =
        entra.patch(&format!("/Users/{id}"), replace(&format!("{SITE}:site"), &json!("Utrecht"))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json[SITE]["site"], "DELFT");
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    assert!(log.contains("The site “Utrecht” was ignored"), "{log}");
}

#[actix_web::test]
async fn an_unknown_site_is_kept_and_answered_and_settled_when_it_is_made() {
    let (console, entra) = Console::with_entra();
    let made = entra.post("/Users", with_site("Hamburg Quay")).await;
    assert_eq!((made.status, &made.json[SITE]["site"]), (201, &json!("Hamburg Quay")));
    assert_eq!(console.find("ana@example.com").unwrap().site_id, None);

    let site = console.site("Hamburg");
    let key = site.id.clone();
    console.write(move |tx| rollcall::domain::sites::alias(tx, &key, "hamburg quay"));

    assert_eq!(console.find("ana@example.com").unwrap().site_id, Some(site.id));
    let read = entra.get(&format!("/Users/{}", made.id())).await;
    assert_eq!(read.json[SITE]["site"], "Hamburg Quay", "as it was sent, or Entra ID sends it again");
}

#[actix_web::test]
async fn the_site_is_answered_under_the_schema_that_the_client_uses() {
    let (console, entra) = Console::with_entra();
    console.site("Delft");
    let alias = "urn:ietf:params:scim:schemas:extension:8x8:1.1:User";
    let mut user = ana();
    user[alias] = json!({ "site": "Delft" });
    let made = entra.post("/Users", user).await;
    assert_eq!(made.json[alias]["site"], "Delft");
    assert!(made.json.get(SITE).is_none());
    assert!(made.at("/schemas").as_array().unwrap().contains(&json!(alias)));
}

#[actix_web::test]
async fn deletion_by_entra_id_deactivates_unlinks_and_waits_for_an_administrator() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    let path = format!("/Users/{id}");

    let gone = entra.delete(&path).await;
    assert_eq!((gone.status, &gone.json), (204, &Value::Null));
    refused(&entra.get(&path).await, 404, None);
    refused(&entra.delete(&path).await, 404, None);
    assert_eq!(entra.find("ana@example.com").await.at("/totalResults"), 0);
    let kept = console.find("ana@example.com").unwrap();
    assert_eq!((kept.active, kept.entra_state), (false, EntraState::Deleted));
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/users/deleted-in-entra").await.text().contains("ana@example.com"));
}

#[actix_web::test]
async fn a_user_deleted_in_entra_id_is_adopted_again_under_a_new_id() {
    let (console, entra) = Console::with_entra();
    let old = entra.post("/Users", ana()).await.id();
    let key = console.find("ana@example.com").unwrap().id;
    entra.delete(&format!("/Users/{old}")).await;

    let again = entra.post("/Users", ana()).await;
    assert_eq!((again.status, again.at("/active")), (201, &json!(true)));
    assert_ne!(again.id(), old);
    refused(&entra.get(&format!("/Users/{old}")).await, 404, None);
    assert_eq!(console.find("ana@example.com").unwrap().id, key);
}

#[actix_web::test]
async fn a_write_to_a_user_deleted_by_hand_says_in_the_log_how_to_mend_it() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    let key = console.find("ana@example.com").unwrap().id;
    console.write(move |tx| rollcall::domain::users::lifecycle::delete(tx, &[key]));

    refused(&entra.patch(&format!("/Users/{id}"), replace("title", &json!("x"))).await, 404, None);
    let log = console.signed_in("olga").await.get("/activity/provisioning").await.text();
    assert!(log.contains("deleted ana@example.com here by hand"), "{log}");
    assert!(log.contains("restart provisioning"), "{log}");
}

#[actix_web::test]
async fn a_returning_person_is_relinked_and_reactivated_by_user_name() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    entra.patch(&format!("/Users/{id}"), replace("active", &json!("False"))).await;
    assert!(!console.find("ana@example.com").unwrap().active);

    let found = entra.find("ANA@example.com").await;
    assert_eq!(found.at("/Resources/0/active"), false);
    let back = json!([
        { "op": "Replace", "path": "externalId", "value": "ana-2" },
        { "op": "Replace", "path": "active", "value": "True" },
    ]);
    let reply = entra.patch(&format!("/Users/{id}"), back).await;
    assert_eq!((reply.at("/active"), reply.at("/externalId")), (&json!(true), &json!("ana-2")));
}

#[actix_web::test]
async fn a_rename_of_an_administrator_alerts_the_owners() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    let key = console.find("ana@example.com").unwrap().id;
    console.write(move |tx| rollcall::domain::admins::appoint(tx, &key, Role::Administrator));

    let reply = entra.patch(&format!("/Users/{id}"), replace("userName", &json!("anna@example.com"))).await;
    assert_eq!(reply.status, 200);
    let home = console.signed_in("olga").await.get("/").await.text();
    assert!(home.contains("Entra ID renamed an account that has a role"), "{home}");
}

#[actix_web::test]
async fn provisioning_that_is_not_on_answers_as_the_administrator_chose() {
    let console = Console::open();
    let entra = console.entra("x");
    let off = entra.get("/Users").await;
    refused(&off, 503, None);
    assert!(off.headers.contains_key("retry-after"));

    console.switch(State::Paused, PauseAnswer::Unauthorized, Scope::AllUsers);
    refused(&entra.get("/Users").await, 401, None);
    console.switch(State::On, PauseAnswer::Unauthorized, Scope::AllUsers);
    assert_eq!(entra.get("/Users").await.status, 200);
}

#[actix_web::test]
async fn a_token_is_refused_when_it_is_wrong_revoked_expired_or_a_cookie() {
    let (console, entra) = Console::with_entra();
    refused(&Entra::new(&console.address, "rollcall_nothing").get("/Users").await, 401, None);
    let bare = entra.raw(Method::GET, "/Users", &[], None).await;
    refused(&bare, 401, None);
    assert!(bare.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));

    let olga = console.signed_in("olga").await;
    let request = olga.request(Method::GET, "/scim/v2/Users");
    assert_eq!(olga.send(request).await.status, 401, "a console session is no SCIM credential");

    let (_, short) = console.write(|tx| rollcall::domain::identity::tokens::create(tx, "short", Some(1)));
    let short = Entra::new(&console.address, short.expose());
    assert_eq!(short.get("/Users").await.status, 200);
    console.clock.advance(chrono::TimeDelta::days(2));
    refused(&short.get("/Users").await, 401, None);

    console.write(|tx| {
        let id = rollcall::domain::identity::tokens::live(tx.conn, "Entra ID", tx.now)?.id;
        rollcall::domain::identity::tokens::revoke(tx, &id)
    });
    refused(&entra.get("/Users").await, 401, None);
}

#[actix_web::test]
async fn a_tenant_url_with_a_slash_or_with_microsofts_flag_works() {
    let (_console, entra) = Console::with_entra();
    assert_eq!(entra.get("//Users").await.status, 200);
    assert_eq!(entra.get("/Users/").await.status, 200);
    let flagged = entra.get("/Users?aadOptscim062020&filter=userName%20eq%20%22nobody%22").await;
    assert_eq!((flagged.status, flagged.at("/totalResults")), (200, &json!(0)));
}

#[actix_web::test]
async fn malformed_bodies_are_refused_and_change_nothing() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    let before = console.find("ana@example.com").unwrap().version;
    let path = format!("/Users/{id}");
    let auth = ("Authorization".to_owned(), format!("Bearer {}", entra.token));
    let headers = [auth, ("Content-Type".to_owned(), "application/scim+json".to_owned())];

    let junk = entra.raw(Method::POST, "/Users", &headers, Some("{\"userName\":".into())).await;
    refused(&junk, 400, Some("invalidSyntax"));
    refused(&entra.post("/Users", json!([])).await, 400, Some("invalidSyntax"));
    refused(&entra.post("/Users", json!({ "userName": 5 })).await, 400, Some("invalidValue"));
    refused(&entra.post("/Users", json!({ "userName": "x", "emails": 5 })).await, 400, Some("invalidValue"));
    refused(&entra.post("/Users", json!({ "externalId": "x" })).await, 400, Some("invalidValue"));
    refused(
        &entra.patch(&path, json!([{ "op": "launch", "path": "title" }])).await,
        400,
        Some("invalidSyntax"),
    );
    refused(&entra.patch(&path, json!([{ "op": "remove" }])).await, 400, Some("noTarget"));
    refused(&entra.patch(&path, replace("emails[type eq", &json!("x"))).await, 400, Some("invalidPath"));
    refused(&entra.patch(&path, replace("id", &json!("x"))).await, 400, Some("mutability"));
    refused(&entra.patch(&path, replace("userName", &json!(""))).await, 400, Some("invalidValue"));
    let half = json!([
        { "op": "Replace", "path": "title", "value": "Changed" },
        { "op": "Replace", "path": "active", "value": "maybe" },
    ]);
    refused(&entra.patch(&path, half).await, 400, Some("invalidValue"));
    refused(&entra.get("/Users?filter=userName%20eq").await, 400, Some("invalidFilter"));
    refused(&entra.get("/Users?filter=nonsense%20eq%20%22x%22").await, 400, Some("invalidFilter"));
    refused(&entra.get("/Users?count=many").await, 400, Some("invalidValue"));
    refused(&entra.get("/Nowhere").await, 404, None);
    let large = format!("{{\"userName\":\"{}\"}}", "x".repeat(1_100_000));
    refused(&entra.raw(Method::POST, "/Users", &headers, Some(large)).await, 413, None);
    assert_eq!(console.find("ana@example.com").unwrap().version, before);
}

#[actix_web::test]
async fn lists_are_paged_and_counted_as_the_rfc_says() {
    let (_console, entra) = Console::with_entra();
    for number in 0..11 {
        let user = json!({ "userName": format!("user{number:02}@example.com") });
        assert_eq!(entra.post("/Users", user).await.status, 201);
    }
    let mut seen = Vec::new();
    for start in [1, 6, 11] {
        let page = entra.get(&format!("/Users?count=5&startIndex={start}")).await;
        assert_eq!((page.at("/startIndex"), page.at("/totalResults")), (&json!(start), &json!(11)));
        let resources = page.at("/Resources").as_array().unwrap().clone();
        assert_eq!(page.at("/itemsPerPage"), resources.len());
        seen.extend(resources.into_iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 11);
    assert_eq!(entra.get("/Users?count=0").await.at("/Resources"), &json!([]));
    assert_eq!(entra.get("/Users?count=-3&startIndex=-1").await.at("/startIndex"), 1);
    assert_eq!(entra.get("/Users?startIndex=12").await.at("/totalResults"), 11);
}

#[actix_web::test]
async fn filters_find_by_more_than_the_user_name() {
    let (_console, entra) = Console::with_entra();
    let manager = entra.post("/Users", json!({ "userName": "boss@example.com", "title": "Boss" })).await.id();
    let mut user = ana();
    user[ENTERPRISE] = json!({ "department": "Yard", "manager": manager });
    let id = entra.post("/Users", user).await.id();
    for filter in [
        "externalId eq \"ana\"".to_owned(),
        "USERNAME Eq \"ANA@EXAMPLE.COM\"".to_owned(),
        "emails[type eq \"work\" and value eq \"ana@example.com\"]".to_owned(),
        "emails.value sw \"ana@\"".to_owned(),
        "name.familyName eq \"lima\" and active eq true".to_owned(),
        "not (title eq \"Boss\")".to_owned(),
        format!("{ENTERPRISE}:department eq \"Yard\""),
        // Microsoft's check before it sets a manager (entra-facts 3.7), in either order.
        format!("id eq \"{id}\" and manager eq \"{manager}\""),
        format!("manager eq \"{manager}\" and id eq \"{id}\""),
        "title pr and meta.created gt \"2020-01-01T00:00:00Z\" and title ne \"boss\"".to_owned(),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let found = entra.get(&format!("/Users?filter={query}")).await;
        assert_eq!(
            (found.at("/totalResults"), found.at("/Resources/0/id")),
            (&json!(1), &json!(id)),
            "{filter}"
        );
    }
    // An externalId is compared exactly, and what is like a wildcard is not one.
    for filter in ["externalId eq \"ANA\"", "userName co \"%\"", "userName eq \"a_a@example.com\""] {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        assert_eq!(entra.get(&format!("/Users?filter={query}")).await.at("/totalResults"), 0, "{filter}");
    }
}

#[actix_web::test]
async fn answers_carry_the_attributes_that_were_asked_for() {
    let (_console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    let some = entra.get(&format!("/Users/{id}?attributes=userName,name.givenName")).await.json;
    let keys: Vec<&String> = some.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schemas", "id", "userName", "name"]);
    assert_eq!(some["name"], json!({ "givenName": "Ana" }));
    let rest = entra.get(&format!("/Users/{id}?excludedAttributes=emails,title")).await.json;
    assert!(rest.get("emails").is_none() && rest.get("title").is_none() && rest.get("name").is_some());
}

#[actix_web::test]
async fn the_server_says_what_it_can_do() {
    let (_console, entra) = Console::with_entra();
    let config = entra.get("/ServiceProviderConfig").await;
    assert_eq!((config.status, config.at("/patch/supported")), (200, &json!(true)));
    let types = entra.get("/ResourceTypes").await;
    assert_eq!(types.at("/Resources/0/endpoint"), "/Users");
    let schemas = entra.get("/Schemas").await;
    let names: Vec<&str> = schemas
        .at("/Resources")
        .as_array()
        .unwrap()
        .iter()
        .map(|schema| schema["id"].as_str().unwrap())
        .collect();
    assert!(names.contains(&ENTERPRISE) && names.contains(&SITE), "{names:?}");
    assert_eq!(entra.get(&format!("/Schemas/{ENTERPRISE}")).await.at("/name"), "EnterpriseUser");
    refused(&entra.get("/Schemas/urn:nothing").await, 404, None);
    let groups = entra.get("/Groups?excludedAttributes=members&filter=displayName%20eq%20%22x%22").await;
    assert_eq!((groups.status, groups.at("/totalResults")), (200, &json!(0)));
}

#[actix_web::test]
async fn every_request_leaves_one_line_with_what_changed() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", ana()).await.id();
    entra.patch(&format!("/Users/{id}"), replace("title", &json!("Director"))).await;
    entra.patch(&format!("/Users/{id}"), replace("nonsense", &json!("x"))).await;
    entra.patch(&format!("/Users/{id}"), replace("emails[type eq", &json!("x"))).await;
    let olga = console.signed_in("olga").await;
    let log = olga.get("/activity/provisioning").await.text();
    assert!(log.contains("Entra ID created Ana Lima"), "{log}");
    assert!(log.contains("changed the title of Ana Lima from “Planner” to “Director”"), "{log}");
    assert!(log.contains("“nonsense” was left out: Rollcall has no such attribute."), "{log}");
    assert!(log.contains("The path “emails[type eq” cannot be read"), "{log}");
    let audit = olga.get("/activity").await.text();
    assert!(
        audit.contains("Entra ID changed the title of Ana Lima from “Planner” to “Director”."),
        "{audit}"
    );
}

#[actix_web::test]
async fn many_creates_at_once_all_arrive_once() {
    let (_console, entra) = Console::with_entra();
    let creates = (0..40).map(|number| {
        let user = json!({ "userName": format!("user{}@example.com", number / 2) });
        entra.post("/Users", user)
    });
    let replies = futures_util::future::join_all(creates).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!((made, refused), (20, 20));
    assert_eq!(entra.get("/Users").await.at("/totalResults"), 20);
}

#[actix_web::test]
async fn a_site_set_by_hand_is_the_one_that_is_answered() {
    let (console, entra) = Console::with_entra();
    let delft = console.site("Delft");
    let id = entra.post("/Users", with_site("Hamburg Quay")).await.id();
    let key = console.find("ana@example.com").unwrap().id;
    console.write(move |tx| rollcall::domain::users::by_hand::set_site(tx, &key, &delft.id));
    assert_eq!(entra.get(&format!("/Users/{id}")).await.json[SITE]["site"], "Delft");
    let again =
        entra.patch(&format!("/Users/{id}"), replace(&format!("{SITE}:site"), &json!("Hamburg Quay"))).await;
    assert_eq!((again.status, &again.json[SITE]["site"]), (200, &json!("Delft")));
}
