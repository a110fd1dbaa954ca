//! Administrators, my account, and the protection of owners; the activity log.

use crate::harness::{Console, PASSWORD};
use chrono::TimeDelta;
use rollcall::domain::Role;
use serde_json::json;

const NEW: [(&str, &str); 4] =
    [("user_name", "adam"), ("password", PASSWORD), ("password_again", PASSWORD), ("role", "administrator")];

#[actix_web::test]
async fn an_owner_creates_an_administrator_who_can_sign_in() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let page = olga.submit("/administrators", "/administrators", &NEW).await.follow().await;
    assert!(page.text().contains("adam is administrator now."), "{}", page.text());
    assert_eq!(console.signed_in("adam").await.get("/administrators").await.status, 200);
}

#[actix_web::test]
async fn a_new_account_is_refused_beside_the_field() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    for (field, value, wrong) in
        [("password_again", "x", "password_again"), ("user_name", "OLGA", "user_name")]
    {
        let mut fields = NEW.to_vec();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let page = olga.submit("/administrators", "/administrators", &fields).await;
        assert!(page.has(&format!("#{wrong}-error")), "{field}: {}", page.status);
    }
    let weak = [
        ("user_name", "adam"),
        ("password", "password1234"),
        ("password_again", "password1234"),
        ("role", "owner"),
    ];
    assert_eq!(olga.submit("/administrators", "/administrators", &weak).await.status, 422);
    assert!(console.find("adam").is_none());
}

#[actix_web::test]
async fn the_last_owner_stays_an_owner_who_can_sign_in() {
    let console = Console::open();
    let olga = console.find("olga").unwrap();
    let refused = |outcome: rollcall::error::Result<rollcall::domain::users::User>| {
        assert!(outcome.unwrap_err().to_string().contains("last protected owner"));
    };
    let (a, b, c, d) = (olga.id.clone(), olga.id.clone(), olga.id.clone(), olga.id.clone());
    let shell = rollcall::domain::Actor::CommandLine;
    refused(console.org.write(&shell, move |tx| rollcall::domain::admins::appoint(tx, &a, Role::Auditor)));
    refused(console.org.write(&shell, move |tx| rollcall::domain::admins::hand_over(tx, &b, true)));
    refused(console.org.write(&shell, move |tx| rollcall::domain::users::lifecycle::deactivate(tx, &c)));
    let deleted = console.org.write(&shell, move |tx| rollcall::domain::users::lifecycle::delete(tx, &[d]));
    assert!(deleted.unwrap_err().to_string().contains("last protected owner"));

    let page = console.signed_in("olga").await;
    let path = format!("/administrators/{}", olga.id);
    let told = page.submit(&path, &format!("{path}/hand-over"), &[]).await.refused();
    assert!(told.text().contains("last protected owner"));
    assert!(page.get(&path).await.text().contains("You cannot change your own role"));
}

#[actix_web::test]
async fn a_linked_user_who_becomes_an_owner_leaves_entra_ids_hands() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "ana@example.com" })).await.id();
    let olga = console.signed_in("olga").await;
    let fields = [("appointed", "ANA@example.com"), ("role", "owner")];
    olga.submit("/administrators", "/administrators/appoint", &fields).await;
    let ana = console.find("ana@example.com").unwrap();
    assert!(ana.is_protected());
    assert_eq!(entra.get(&format!("/Users/{id}")).await.status, 404);

    let path = format!("/administrators/{}", ana.id);
    olga.submit(&path, &format!("{path}/hand-over"), &[]).await;
    assert_eq!(entra.get(&format!("/Users/{id}")).await.status, 200, "an owner handed the account over");
    let unknown = [("appointed", "nobody"), ("role", "auditor")];
    let page = olga.submit("/administrators", "/administrators/appoint", &unknown).await;
    assert!(page.has("#appointed-error"));
}

#[actix_web::test]
async fn a_new_password_ends_the_sessions_and_wants_a_fresh_proof() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator);
    let (olga, his) = (console.signed_in("olga").await, console.signed_in("adam").await);
    let path = format!("/administrators/{}", adam.id);
    let fields = [("password", "another fine pass phrase"), ("password_again", "another fine pass phrase")];
    console.clock.advance(TimeDelta::minutes(11));
    let asked = olga.submit(&path, &format!("{path}/password"), &fields).await;
    assert!(asked.location().starts_with("/confirm?next="));
    let proved = asked.follow().await.submit("/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(proved.location(), path);
    olga.submit(&path, &format!("{path}/password"), &fields).await;
    assert_eq!(his.get("/").await.status, 303);
    let entered = console
        .browser()
        .submit("/sign-in", "/sign-in", &[("user_name", "adam"), ("password", fields[0].1)])
        .await;
    assert_eq!(entered.status, 303);
}

#[actix_web::test]
async fn one_changes_ones_own_password_by_showing_the_old_one() {
    let console = Console::open();
    let (here, there) = (console.signed_in("olga").await, console.signed_in("olga").await);
    let new = "another fine pass phrase";
    let wrong = [("current", "wrong"), ("password", new), ("password_again", new)];
    let page = here.submit("/account", "/account/password", &wrong).await;
    assert!(page.value("#current-error").unwrap().contains("not your present password"));
    let right = [("current", PASSWORD), ("password", new), ("password_again", new)];
    let done = here.submit("/account", "/account/password", &right).await.follow().await;
    assert!(done.text().contains("Your password was changed."));
    assert_eq!((here.get("/").await.status, there.get("/").await.status), (200, 303));
}

#[actix_web::test]
async fn one_can_sign_out_everywhere_else() {
    let console = Console::open();
    let (here, there) = (console.signed_in("olga").await, console.signed_in("olga").await);
    here.submit("/account", "/account/sessions/end", &[]).await;
    assert_eq!((here.get("/").await.status, there.get("/").await.status), (200, 303));
}

#[actix_web::test]
async fn the_log_is_paged_and_filtered_and_outlives_its_users() {
    let (console, entra) = Console::with_entra();
    for number in 0..60 {
        entra.post("/Users", json!({ "userName": format!("user{number:02}") })).await;
    }
    let olga = console.signed_in("olga").await;
    let first = olga.get("/activity?kind=user&actor=entra").await;
    assert_eq!(first.body.matches("Entra ID created the user").count(), 50);
    let next = first.value("a[rel=next]").is_some();
    assert!(next);
    let path = first
        .body
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    assert_eq!(olga.get(&path).await.body.matches("Entra ID created the user").count(), 10);
    assert!(olga.get("/activity?from=2999-01-01").await.text().contains("No change matches"));

    let gone = console.find("user00").unwrap();
    let key = gone.id.clone();
    console.write(move |tx| rollcall::domain::users::lifecycle::delete(tx, &[key]));
    let told = olga.get(&format!("/activity?subject={}", gone.id)).await;
    assert!(told.text().contains("deleted the user user00 for good"));
    assert!(!told.has(&format!("a[href='/users/{}']", gone.id)));
    let failed = entra.get(&format!("/Users/{}", gone.scim_id)).await;
    assert_eq!(failed.status, 404);
    // A read is noted behind its answer: this write comes after it.
    console.write(rollcall::domain::settings::touch);
    let trouble = olga.get("/activity/provisioning?outcome=trouble").await;
    assert!(trouble.text().contains("deleted user00 here by hand"));
    let event =
        trouble.body.split("/activity/provisioning/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let detail = olga.get(&format!("/activity/provisioning/{event}")).await;
    assert!(detail.text().contains("What to do:"), "{}", detail.text());
}

#[actix_web::test]
async fn a_password_that_was_prepared_before_the_account_changed_is_not_set() {
    use rollcall::domain::Actor;
    use rollcall::domain::admins::{self, passwords};
    let console = Console::open();
    let id = console.find("olga").unwrap().id;
    let prepare = || passwords::prepare(&console.org, &id, &"another fine pass phrase".into()).unwrap();
    let (first, second) = (prepare(), prepare());
    console.write(move |tx| admins::set_password(tx, first));
    let late = console.org.write(&Actor::CommandLine, move |tx| admins::set_password(tx, second));
    assert!(late.unwrap_err().to_string().contains("no password was set. Try again."));
}
