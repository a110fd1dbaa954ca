//! What is stored and damaged is told as such, with what to do; it never counts as absent.

use crate::harness::idp::Says;
use crate::harness::{Console, PASSWORD};
use diesel::prelude::*;
use rollcall::domain::Noted;
use rollcall::domain::deprovisioning_guard::{self, Limits};
use rollcall::error::Error;
use serde_json::json;

const DAMAGED: &str = "is damaged in the database";

fn damage(console: &Console, sql: &'static str) {
    let changed = console.write(move |tx| {
        let changed = diesel::sql_query(sql).execute(tx.conn)?;
        Ok(Noted::unaudited(changed, "it is a test’s damage"))
    });
    assert_eq!(changed, 1, "{sql}");
}

#[actix_web::test]
async fn what_only_scim_knows_of_a_user_is_not_lost_by_a_change() {
    let (console, entra) = Console::with_entra();
    let ana = entra.post("/Users", json!({ "userName": "ana", "nickName": "Nan" })).await;
    let path = format!("/Users/{}", ana.id());
    damage(&console, "UPDATE users SET more = '{' WHERE user_name = 'ana'");
    let patch = json!([{ "op": "replace", "path": "title", "value": "Cook" }]);
    for told in [entra.get(&path).await, entra.patch(&path, patch).await] {
        assert_eq!(told.status, 500, "{}", told.json);
        let detail = told.at("/detail").as_str().unwrap();
        assert!(
            detail.contains("What only SCIM knows of the user ana") && detail.contains(DAMAGED),
            "{detail}"
        );
    }
}

#[actix_web::test]
async fn a_certificate_that_cannot_be_read_is_named_and_can_be_removed() {
    let console = Console::with_sso();
    console.user("ana", None);
    damage(&console, "UPDATE idp_certificates SET der = 'no base64 at all'");
    let page = console.browser().bring(&Says::of(&console, "ana")).await;
    assert!(page.status == 500 && page.text().contains(DAMAGED), "{}", page.text());
    console.admin("ada", rollcall::domain::Role::Administrator);
    let ada = console.signed_in("ada").await;
    assert!(ada.get("/identity").await.text().contains("(damaged in the database)"));
}

#[actix_web::test]
async fn a_setting_that_cannot_be_read_is_no_setting_that_was_never_set() {
    let console = Console::open();
    console.write(|tx| {
        let limits = deprovisioning_guard::limits(tx.conn)?;
        deprovisioning_guard::set(tx, Limits { minutes: limits.minutes + 1, ..limits })
    });
    damage(&console, "UPDATE settings SET value = '{' WHERE name = 'guard'");
    let told = console.org.read(deprovisioning_guard::limits).unwrap_err().to_string();
    assert!(told.contains("The setting “guard”") && told.contains(DAMAGED), "{told}");
}

#[actix_web::test]
async fn a_session_that_cannot_be_read_is_over() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    assert_eq!(olga.get("/").await.status, 200);
    damage(
        &console,
        "UPDATE sessions SET state = json_set(state, '$.foreign', '7') WHERE user_id IS NOT NULL",
    );
    let asked = olga.get("/").await;
    assert!(asked.status == 303 && asked.location().starts_with("/sign-in"), "{}", asked.status);
}

#[actix_web::test]
async fn a_hash_that_cannot_be_read_is_no_wrong_password() {
    let console = Console::open();
    damage(&console, "UPDATE users SET password_hash = '$argon2id$' WHERE user_name = 'olga'");
    let page = console.browser().get("/sign-in").await;
    let told = page.submit("/sign-in", &[("user_name", "olga"), ("password", PASSWORD)]).await;
    assert!(told.status == 500 && told.text().contains(DAMAGED), "{}", told.text());
}

#[actix_web::test]
async fn a_word_that_the_program_does_not_know_is_damage() {
    let console = Console::open();
    console.user("ana", None);
    damage(&console, "UPDATE users SET created_at = 'yesterday' WHERE user_name = 'ana'");
    let told = console.org.read(|conn| rollcall::domain::users::named(conn, "ana")).unwrap_err();
    assert!(matches!(told, Error::Internal(_)) && told.to_string().contains(DAMAGED), "{told}");
}
