//! A sign-in that waits for the person's word goes with whatever ends sessions.

use crate::harness::idp::{CERTIFICATE, KEY, OBJECT_ID, STRANGERS_CERTIFICATE, Says};
use crate::harness::{Browser, Console, PASSWORD};
use crate::sso_sign_out::{logout_request, signed_query};
use rollcall::domain::sessions::{self, CameBy, Holder, Limits, Method};
use rollcall::domain::sso::{certificates, settings};
use rollcall::domain::users::recognition::{self, Decision};
use rollcall::domain::users::{Profile, by_hand, federation, lifecycle};
use rollcall::domain::{Role, Tx, admins};
use rollcall::error::Result;
use rollcall::keys::UserId;

const ADA: &str = "ada@contoso.example";
const BEN: &str = "ben@contoso.example";

/// Ben is signed in, and Ada's sign-in waits in his browser.
async fn held() -> (Console, Browser, UserId) {
    let console = Console::with_sso();
    console.user(BEN, None);
    let ada = console.admin(ADA, Role::Administrator).id;
    let browser = console.browser();
    browser.sign_in_by_entra(&console, BEN).await;
    let page = browser.bring(&Says::of(&console, ADA)).await;
    assert!(page.status == 200 && page.text().contains("You are signed in here as"), "{}", page.text());
    (console, browser, ada)
}

/// Whether it can be taken, by whoever is signed in or by nobody.
async fn takes(browser: &Browser) -> bool {
    let csrf = browser.get("/account").await.value("input[name=csrf]");
    if let Some(csrf) = csrf {
        browser.post_bare("/sso/switch", &[("csrf", &csrf)]).await;
    }
    browser.get("/sso/switch").await;
    browser.get("/account").await.text().contains(ADA)
}

fn without_certificate(tx: &mut Tx) -> Result<()> {
    let first = rollcall::certificate::read(CERTIFICATE).unwrap().remove(0).fingerprint;
    // This runs on the writer, on which none is read.
    let read = |file| std::thread::spawn(move || certificates::read(file).unwrap()).join().unwrap();
    certificates::add(tx, read(STRANGERS_CERTIFICATE))?;
    let all = certificates::list(tx.conn)?;
    let id = all.into_iter().find(|one| one.fingerprint == first).unwrap().id;
    certificates::remove(tx, &id)?;
    certificates::add(tx, read(CERTIFICATE)).map(drop)
}

fn with_settings(tx: &mut Tx, change: impl Fn(&mut settings::Settings)) -> Result<()> {
    let mut wish = settings::read(tx.conn)?;
    change(&mut wish);
    settings::save(tx, &wish).map(drop)
}

type Ending = fn(&mut Tx, &UserId) -> Result<()>;

/// What ends sessions, by name.
const ENDINGS: [(&str, Ending); 10] = [
    ("another federated id", |tx, id| federation::set_federated_id(tx, id, Some("else")).map(drop)),
    ("recognition confirmed anew", |tx, id| recognition::confirm(tx, id, &Decision::default()).map(drop)),
    ("a lower role", |tx, id| admins::appoint(tx, id, Role::Auditor).map(drop)),
    ("the role taken and given back", |tx, id| {
        admins::appoint(tx, id, Role::None)?;
        admins::appoint(tx, id, Role::Administrator).map(drop)
    }),
    ("deactivated and reactivated", |tx, id| {
        lifecycle::deactivate(tx, id)?;
        lifecycle::reactivate(tx, id).map(drop)
    }),
    ("another issuer and back", |tx, _| {
        let issuer = settings::read(tx.conn)?.issuer;
        with_settings(tx, |wish| wish.issuer = Some("https://sts.example/".to_owned()))?;
        with_settings(tx, |wish| wish.issuer.clone_from(&issuer))
    }),
    ("single sign-on off and on", |tx, _| {
        with_settings(tx, |wish| wish.enabled = false)?;
        with_settings(tx, |wish| wish.enabled = true)
    }),
    ("sign-ins from My Apps off and on", |tx, _| {
        with_settings(tx, |wish| wish.allow_unsolicited = false)?;
        with_settings(tx, |wish| wish.allow_unsolicited = true)
    }),
    ("another user name", |tx, id| {
        let wish = by_hand::LocalProfile { profile: Profile::named("somebody@contoso.example"), email: None };
        by_hand::change(tx, id, wish).map(drop)
    }),
    ("the certificate removed and added again", |tx, _| without_certificate(tx)),
];

#[actix_web::test]
async fn whatever_ends_sessions_ends_a_sign_in_that_is_held() {
    let (_console, browser, _) = held().await;
    assert!(takes(&browser).await, "nothing happened to it");
    for (what, end) in ENDINGS {
        let (console, browser, ada) = held().await;
        console.write(move |tx| end(tx, &ada));
        assert!(!takes(&browser).await, "{what}");
    }
}

#[actix_web::test]
async fn a_signed_sign_out_and_a_new_password_end_it_too() {
    let (console, browser, _) = held().await;
    let issuer = console.org.read(settings::read).unwrap().issuer.unwrap();
    let query = signed_query(&logout_request(&console, &issuer, ADA, None), KEY);
    console.browser().get(&format!("/sso/logout?{query}")).await;
    assert!(!takes(&browser).await);

    let (console, browser, ada) = held().await;
    let prepared = admins::passwords::prepare(&console.org, &ada, &PASSWORD.into()).unwrap();
    console.write(move |tx| admins::set_password(tx, prepared));
    assert!(!takes(&browser).await);
}

#[actix_web::test]
async fn what_waits_for_an_owner_takes_the_sign_ins_with_it_that_it_let_in() {
    let console = Console::with_sso();
    console.user(BEN, None);
    console.user(ADA, None);
    let browser = console.browser();
    browser.sign_in_by_entra(&console, BEN).await;
    let mut wish = console.org.read(settings::read).unwrap();
    wish.issuer = Some("https://other.example/".to_owned());
    console.as_administrator(move |tx| settings::save(tx, &wish)).unwrap();
    let says = Says { issuer: "https://other.example/".to_owned(), ..Says::of(&console, ADA) };
    let page = browser.bring(&says).await;
    assert!(page.text().contains("You are signed in here as"), "{}", page.text());
    console.write(|tx| {
        let shown = settings::waiting(tx.conn)?.unwrap().trust();
        settings::reject(tx, &shown)
    });
    assert!(!takes(&browser).await);
}

#[actix_web::test]
async fn switching_sha_1_off_ends_what_came_by_it() {
    let console = Console::with_sso();
    let id = console.user(ADA, None).id;
    console.sso(|settings| settings.allow_sha1 = true);
    let limits = Limits { idle: chrono::TimeDelta::hours(1), absolute: chrono::TimeDelta::hours(1) };
    let fingerprint = console.org.read(certificates::list).unwrap().remove(0).fingerprint;
    let begin = |key: &'static str, sha1: bool| {
        let came_by = CameBy { certificates: vec![fingerprint.clone()], sha1, ..CameBy::default() };
        let (method, came_by) = (Method::Sso, Some(came_by));
        let holder = Holder { user: Some(id.clone()), method, name_id: None, session_index: None, came_by };
        console.write(move |tx| {
            let reserved = sessions::reserve(tx, holder.clone())?;
            sessions::begin(tx, key, Some(&reserved), holder, "{}".to_owned(), limits)
        });
    };
    let lives = |key: &'static str| {
        let now = console.org.now();
        console.org.read(move |conn| sessions::find(conn, key, now, limits)).unwrap().is_some()
    };
    begin("by-sha-1", true);
    begin("by-sha-256", false);
    assert!(lives("by-sha-1") && lives("by-sha-256"));
    console.sso(|settings| settings.allow_sha1 = false);
    assert!(!lives("by-sha-1") && lives("by-sha-256"));
}

#[actix_web::test]
async fn another_user_name_ends_the_sessions_of_a_role_holder_who_is_known_by_nothing_else() {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    for (name, object_id, lives) in
        [(ADA, None, false), (BEN, Some("11111111-2222-3333-4444-555555555555"), true)]
    {
        let id = console.admin(name, Role::Administrator).id;
        let browser = console.browser();
        let mut says = Says::of(&console, name);
        if let Some(object_id) = object_id {
            says = says.with(OBJECT_ID, object_id);
        }
        browser.bring(&says).await;
        assert_eq!(browser.get("/account").await.status, 200);
        let scim_id = entra.find(name).await.at("/Resources/0/id").as_str().unwrap().to_owned();
        let rename =
            serde_json::json!([{"op": "replace", "path": "userName", "value": format!("new-{name}")}]);
        assert_eq!(entra.patch(&format!("/Users/{scim_id}"), rename).await.status, 200, "{id}");
        assert_eq!(browser.get("/account").await.status == 200, lives, "{name}");
    }
}
