//! Who may become whom: no lesser role decides by what an account with a role is recognised.

use crate::harness::idp::{
    CERTIFICATE, ISSUER, LOGIN_URL, OBJECT_ID, STRANGERS_CERTIFICATE, STRANGERS_KEY, Says, adding,
};
use crate::harness::{Browser, Console, Page};
use rollcall::domain::page::At;
use rollcall::domain::sso::sign_in::SignInOutcome;
use rollcall::domain::sso::{certificates, events, settings};
use rollcall::domain::users::{User, federation, recognition};
use rollcall::domain::{Actor, Role, admins};
use rollcall::keys::UserId;
use serde_json::json;

const ANA: &str = "ana@contoso.example";
const MALLORY: &str = "mallory@contoso.example";
const OBJECT: &str = "11111111-2222-3333-4444-555555555555";

impl Console {
    fn last_cause(&self) -> Option<String> {
        let all = |conn: &mut _| events::list(conn, &events::Filter::default(), &At::Start, 1);
        self.org.read(all).unwrap().items.remove(0).cause
    }

    /// What an administrator does, who is no owner.
    pub fn as_administrator<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rollcall::domain::Tx) -> rollcall::error::Result<rollcall::domain::Noted<T>>
        + Send
        + 'static,
    ) -> rollcall::error::Result<T> {
        let adam = Actor::Person { id: UserId::generate(), name: "adam".into(), role: Role::Administrator };
        self.org.write(&adam, work)
    }

    fn person(&self, name: &str) -> User {
        self.find(name).unwrap()
    }
}

async fn comes_in(console: &Console, says: &Says) -> bool {
    let page = console.browser().bring(says).await;
    assert!(page.status == 303 || page.status == 403, "{}", page.text());
    page.status == 303
}

async fn appoint(owner: &Browser, name: &str, role: &str) -> Page {
    let fields = [("appointed", name), ("role", role)];
    owner.submit("/administrators", "/administrators/appoint", &fields).await
}

#[actix_web::test]
async fn a_federated_id_that_an_administrator_wrote_is_shown_at_the_appointment_and_cleared() {
    let console = Console::with_sso();
    let ana = console.user(ANA, None).id;
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    let path = format!("/users/{ana}");
    let fields = [("federated_id", MALLORY)];
    adam.submit(&path, &format!("{path}/federated-id"), &fields).await;
    assert!(comes_in(&console, &Says::of(&console, MALLORY)).await, "of a plain user it counts");

    let olga = console.signed_in("olga").await;
    let look = [("appointed", ANA), ("role", "owner"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    for part in [MALLORY, "federated id", "adam", ANA] {
        assert!(shown.text().contains(part), "{part}: {}", shown.text());
    }
    assert_eq!(console.person(ANA).role, Role::None, "nothing was done yet");
    shown.submit("/administrators/appoint", &[]).await;
    let now = console.person(ANA);
    assert_eq!((now.role, now.federated_id.as_deref()), (Role::Owner, None));
    assert!(!comes_in(&console, &Says::of(&console, MALLORY)).await);
    assert!(comes_in(&console, &Says::of(&console, ANA)).await, "the person themselves comes in");
}

#[actix_web::test]
async fn an_appointment_without_the_page_clears_what_nobody_confirmed() {
    let console = Console::with_sso();
    let ana = console.user(ANA, None).id;
    console.as_administrator(move |tx| federation::set_federated_id(tx, &ana, Some(MALLORY))).unwrap();
    assert!(comes_in(&console, &Says::of(&console, MALLORY).with(OBJECT_ID, OBJECT)).await);
    assert_eq!(console.person(ANA).entra_object_id.as_deref(), Some(OBJECT));
    let olga = console.signed_in("olga").await;
    appoint(&olga, ANA, "administrator").await;
    let now = console.person(ANA);
    assert_eq!((now.federated_id, now.entra_object_id), (None, None));
    assert!(!comes_in(&console, &Says::of(&console, MALLORY).with(OBJECT_ID, OBJECT)).await);
}

#[actix_web::test]
async fn an_owner_keeps_by_a_tick_what_is_the_persons_own() {
    let console = Console::with_sso();
    let id = console.user("ana", None).id;
    console.as_administrator(move |tx| federation::set_federated_id(tx, &id, Some(ANA))).unwrap();
    let olga = console.signed_in("olga").await;
    let look = [("appointed", "ana"), ("role", "administrator"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    shown.submit("/administrators/appoint", &[("keep_federated_id", "1")]).await;
    assert_eq!(console.person("ana").federated_id.as_deref(), Some(ANA));
    assert!(comes_in(&console, &Says::of(&console, ANA)).await);
}

#[actix_web::test]
async fn what_was_changed_between_the_page_and_the_appointment_refuses_it() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let olga = console.signed_in("olga").await;
    let look = [("appointed", ANA), ("role", "owner"), ("look", "1")];
    let shown = olga.submit("/administrators", "/administrators/appoint", &look).await;
    console.as_administrator(move |tx| federation::set_federated_id(tx, &id, Some(MALLORY))).unwrap();
    let refused = shown.submit("/administrators/appoint", &[("keep_federated_id", "1")]).await;
    assert!(refused.refused().text().contains("was changed since this page was shown"));
    assert_eq!(console.person(ANA).role, Role::None);
}

#[actix_web::test]
async fn a_session_from_before_the_appointment_is_none_of_the_appointed() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    console.as_administrator(move |tx| federation::set_federated_id(tx, &id, Some(MALLORY))).unwrap();
    let mallory = console.browser();
    mallory.sign_in_by_entra(&console, MALLORY).await;
    assert_eq!(mallory.get("/account").await.status, 200);
    let olga = console.signed_in("olga").await;
    appoint(&olga, ANA, "owner").await;
    assert_eq!(mallory.get("/account").await.status, 303);
}

#[actix_web::test]
async fn nothing_is_remembered_from_a_certificate_that_no_owner_approved() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    let forged = Says { key: STRANGERS_KEY, ..Says::of(&console, ANA).with(OBJECT_ID, OBJECT) };
    let mallory = console.browser();
    assert_eq!(mallory.bring(&forged).await.status, 303, "it serves people without a role");
    assert_eq!(console.person(ANA).entra_object_id, None);
    let olga = console.signed_in("olga").await;
    appoint(&olga, ANA, "owner").await;
    assert_eq!(mallory.get("/account").await.status, 303, "and that session is over");
    assert!(!comes_in(&console, &Says::of(&console, MALLORY).with(OBJECT_ID, OBJECT)).await);
}

#[actix_web::test]
async fn a_certificate_that_no_owner_approved_signs_in_nobody_with_a_role() {
    let console = Console::with_sso();
    for (name, role) in [("audrey", Role::Auditor), ("adam", Role::Administrator), ("oscar", Role::Owner)] {
        console.admin(name, role);
    }
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    for name in ["audrey", "adam", "oscar", "olga"] {
        let forged = Says { key: STRANGERS_KEY, ..Says::of(&console, name) };
        assert!(!comes_in(&console, &forged).await, "{name}");
        assert_eq!(console.last_cause().as_deref(), Some("certificate_not_for_owners"), "{name}");
        assert!(comes_in(&console, &Says::of(&console, name)).await, "{name}");
    }
    let olga = console.signed_in("olga").await;
    let home = olga.get("/").await;
    assert!(home.text().contains("An administrator added a signing certificate."), "{}", home.text());
}

#[actix_web::test]
async fn the_scim_token_cannot_rename_an_account_with_a_role_into_somebody_elses() {
    let (console, entra) = Console::with_entra();
    // Enough people for two new names to be nothing that the guard holds back.
    for name in ["bo", "cy", "di"] {
        console.user(name, None);
    }
    console.trust_entra(true);
    let olga = console.signed_in("olga").await;
    for (name, role, handed_over) in [("oscar", Role::Owner, true), ("adam", Role::Administrator, false)] {
        let id = console.admin(name, role).id;
        if handed_over {
            console.write(move |tx| admins::hand_over(tx, &id, true));
        }
        let scim_id = console.person(name).scim_id;
        let stolen = format!("{name}-as-{MALLORY}");
        let rename = json!([{ "op": "Replace", "path": "userName", "value": stolen }]);
        assert_eq!(entra.patch(&format!("/Users/{scim_id}"), rename).await.status, 200);
        assert!(!comes_in(&console, &Says::of(&console, &stolen)).await, "{name}");
        assert_eq!(console.last_cause().as_deref(), Some("recognition_not_confirmed"));
        assert!(
            olga.get("/").await.text().contains("is recognised at sign-in was changed"),
            "Home tells owners"
        );
        let path = format!("/administrators/{}", console.person(&stolen).id);
        let shown = olga.get(&path).await;
        assert!(shown.text().contains("Waits for an owner"), "{}", shown.text());
        shown.submit(&format!("{path}/recognition"), &[]).await;
        assert!(comes_in(&console, &Says::of(&console, &stolen)).await, "an owner confirmed it");
    }
    assert!(!olga.get("/").await.text().contains("is recognised at sign-in was changed"));
}

#[actix_web::test]
async fn after_a_rename_by_scim_the_remembered_object_id_still_signs_in() {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    console.admin("adam", Role::Administrator);
    assert!(comes_in(&console, &Says::of(&console, "adam").with(OBJECT_ID, OBJECT)).await);
    let scim_id = console.person("adam").scim_id;
    let rename = json!([{ "op": "Replace", "path": "userName", "value": "adam.new" }]);
    entra.patch(&format!("/Users/{scim_id}"), rename).await;
    assert!(comes_in(&console, &Says::of(&console, "adam.new").with(OBJECT_ID, OBJECT)).await);
    let other = "99999999-2222-3333-4444-555555555555";
    assert!(!comes_in(&console, &Says::of(&console, "adam.new").with(OBJECT_ID, other)).await);
    // Another external id lets a plain user be found by name again, but no account with a role.
    for value in ["first", "second"] {
        let relinked = json!([{ "op": "Replace", "path": "externalId", "value": value }]);
        entra.patch(&format!("/Users/{scim_id}"), relinked).await;
    }
    assert!(!comes_in(&console, &Says::of(&console, "adam.new").with(OBJECT_ID, other)).await);
    assert_eq!(console.person("adam.new").entra_object_id.as_deref(), Some(OBJECT));
}

#[actix_web::test]
async fn whoever_returns_to_the_name_of_an_account_with_a_role_waits_for_an_owner() {
    let (console, entra) = Console::with_entra();
    console.trust_entra(true);
    console.admin(ANA, Role::Administrator);
    let scim_id = console.person(ANA).scim_id;
    entra
        .patch(&format!("/Users/{scim_id}"), json!([{ "op": "Replace", "path": "title", "value": "x" }]))
        .await;
    entra.delete(&format!("/Users/{scim_id}")).await;
    entra.post("/Users", json!({ "userName": ANA, "active": true })).await;
    assert_eq!(console.person(ANA).role, Role::Administrator);
    assert!(!comes_in(&console, &Says::of(&console, ANA)).await, "the name was given to somebody else");
}

#[actix_web::test]
async fn an_administrator_changes_nothing_by_which_an_account_with_a_role_is_recognised() {
    let console = Console::with_sso();
    let target = console.admin(ANA, Role::Auditor).id;
    let adam = console.admin("adam", Role::Administrator);
    let page = console.signed_in("adam").await;
    let csrf = page.get("/account").await.value("input[name=csrf]").unwrap();
    for id in [&target, &adam.id] {
        for (path, field) in
            [("", "user_name"), ("/federated-id", "federated_id"), ("/forget-object-id", "x")]
        {
            let refused =
                page.post_bare(&format!("/users/{id}{path}"), &[("csrf", &csrf), (field, MALLORY)]).await;
            assert_eq!(refused.status, 403, "{path}");
            assert!(refused.text().contains("only an owner may do this"), "{}", refused.text());
        }
        let key = id.clone();
        let name = console.org.read(move |conn| rollcall::domain::users::find(conn, &key)).unwrap();
        let typed = name.profile.user_name;
        let fields = [("csrf", csrf.as_str()), ("id", id.as_str()), ("typed", &typed)];
        let deleted = page.post_bare("/users/delete", &fields).await;
        assert_eq!(deleted.status, 403);
    }
    assert!(console.find(MALLORY).is_none());
    assert!(comes_in(&console, &Says::of(&console, ANA)).await);
}

#[actix_web::test]
async fn what_an_administrator_enters_waits_for_an_owner_and_sends_no_browser_anywhere() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    let (evil, issuer) = ("https://login.evil.example/saml2", "https://sts.evil.example/");
    let fields = [("login_url", evil), ("issuer", issuer), ("logout_url", evil), ("enabled", "1")];
    let saved = adam.submit("/identity", "/identity/sso", &fields).await.follow().await;
    assert!(saved.text().contains("Single sign-on was saved."), "{}", saved.text());
    assert!(saved.text().contains("waits for an owner"));
    assert_eq!(saved.value("#login_url").as_deref(), Some(evil), "what was typed is not lost");

    let in_force = console.org.read(settings::read).unwrap();
    assert_eq!((in_force.login_url.as_deref(), in_force.issuer.as_deref()), (Some(LOGIN_URL), Some(ISSUER)));
    let request = console.browser().ask_entra("/sso/start").await;
    assert!(request.url.as_str().starts_with(LOGIN_URL));
    let policy = console.browser().get("/sign-in").await.headers["content-security-policy"].clone();
    assert!(!policy.to_str().unwrap().contains("evil"));

    // It serves people without a role, and nobody else.
    assert!(comes_in(&console, &Says { issuer: issuer.into(), ..Says::of(&console, ANA) }).await);
    for name in ["olga", "adam"] {
        let says = Says { issuer: issuer.into(), ..Says::of(&console, name) };
        assert!(!comes_in(&console, &says).await, "{name}");
        assert_eq!(console.last_cause().as_deref(), Some("settings_not_approved"));
        assert!(comes_in(&console, &Says::of(&console, name)).await, "{name}");
    }

    let olga = console.signed_in("olga").await;
    assert!(olga.get("/").await.text().contains("It waits for an owner."));
    assert_eq!(olga.get("/identity").await.value("#login_url").as_deref(), Some(LOGIN_URL));
    let trust = olga.get("/identity/trust").await;
    assert!(trust.text().contains(evil) && trust.text().contains(LOGIN_URL), "{}", trust.text());
    trust.submit("/identity/trust/approve", &[]).await;
    assert_eq!(console.org.read(settings::read).unwrap().login_url.as_deref(), Some(evil));
    assert!(comes_in(&console, &Says { issuer: issuer.into(), ..Says::of(&console, "adam") }).await);
    assert!(!olga.get("/").await.text().contains("It waits for an owner."));
}

#[actix_web::test]
async fn an_owner_rejects_what_waits_and_what_came_in_by_it_goes() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let other = "https://sts.windows.net/other/";
    let wait = move |tx: &mut rollcall::domain::Tx| {
        let wish = settings::Settings { issuer: Some(other.to_owned()), ..settings::read(tx.conn)? };
        settings::save(tx, &wish)
    };
    console.as_administrator(wait).unwrap();
    let ana = console.browser();
    ana.bring(&Says { issuer: other.into(), ..Says::of(&console, ANA) }).await;
    let genuine = console.browser();
    genuine.bring(&Says::of(&console, ANA)).await;
    let olga = console.signed_in("olga").await;
    olga.submit("/identity/trust", "/identity/trust/reject", &[]).await;
    assert_eq!((ana.get("/account").await.status, genuine.get("/account").await.status), (303, 200));
    assert!(!comes_in(&console, &Says { issuer: other.into(), ..Says::of(&console, ANA) }).await);
}

#[actix_web::test]
async fn what_waits_and_was_changed_since_it_was_shown_is_not_approved() {
    let console = Console::with_sso();
    let wait = |url: &'static str| {
        move |tx: &mut rollcall::domain::Tx| {
            let wish = settings::Settings { login_url: Some(url.into()), ..settings::read(tx.conn)? };
            settings::save(tx, &wish)
        }
    };
    console.as_administrator(wait("https://login.microsoftonline.com/good")).unwrap();
    let olga = console.signed_in("olga").await;
    let shown = olga.get("/identity/trust").await;
    console.as_administrator(wait("https://login.evil.example/")).unwrap();
    let refused = shown.submit("/identity/trust/approve", &[]).await.refused();
    assert!(refused.text().contains("was changed since this page was shown"), "{}", refused.text());
    assert_eq!(console.org.read(settings::read).unwrap().login_url.as_deref(), Some(LOGIN_URL));
    // An owner who saves another field approves of nothing by the way.
    olga.submit("/identity", "/identity/sso", &[("enabled", "1")]).await;
    assert_eq!(console.org.read(settings::read).unwrap().login_url.as_deref(), Some(LOGIN_URL));
}

#[actix_web::test]
async fn sha_1_that_an_administrator_allowed_waits_too() {
    let console = Console::with_sso();
    console.admin("adam", Role::Administrator);
    let adam = console.signed_in("adam").await;
    adam.submit("/identity", "/identity/sso/options", &[("allow_sha1", "1"), ("skew_s", "60")]).await;
    let (in_force, waiting) =
        console.org.read(|conn| Ok((settings::read(conn)?, settings::waiting(conn)?))).unwrap();
    assert_eq!((in_force.allow_sha1, in_force.skew_s), (false, 60));
    assert!(waiting.unwrap().allow_sha1);
}

#[actix_web::test]
async fn a_removed_certificate_and_a_switched_off_way_end_what_came_by_them() {
    let console = Console::with_sso();
    console.user(ANA, None);
    console.write(adding(STRANGERS_CERTIFICATE));
    let (by_first, by_second) = (console.browser(), console.browser());
    by_first.bring(&Says::of(&console, ANA)).await;
    by_second.bring(&Says { key: STRANGERS_KEY, ..Says::of(&console, ANA) }).await;
    let all = console.org.read(certificates::list).unwrap();
    let first = rollcall::certificate::read(CERTIFICATE).unwrap().remove(0).fingerprint;
    let second = all.into_iter().find(|one| one.fingerprint != first).unwrap().id;
    console.write(move |tx| certificates::remove(tx, &second));
    assert_eq!((by_first.get("/account").await.status, by_second.get("/account").await.status), (200, 303));
    let olga = console.signed_in("olga").await;
    console.sso(|settings| settings.enabled = false);
    assert_eq!((by_first.get("/account").await.status, olga.get("/account").await.status), (303, 200));
}

#[actix_web::test]
async fn what_is_taken_away_between_reading_and_deciding_counts() {
    let console = Console::with_sso();
    console.user(ANA, None);
    let here = rollcall::domain::sso::Here::under(&console.address.parse().unwrap());
    let examine = |says: &Says| {
        let (field, here, now) = (says.field(), here.clone(), console.clock.now());
        let ring = console.org.keys().clone();
        console
            .org
            .read(move |conn| {
                let grounds =
                    rollcall::domain::sso::examination::Grounds::read(conn, &ring, &here, None, now)?;
                Ok(grounds.examine(&field, now))
            })
            .unwrap()
    };
    let conclude = |examined| {
        let origin = rollcall::domain::sso::sign_in::RequestOrigin::default();
        console.write(move |tx| rollcall::domain::sso::sign_in::conclude(tx, examined, &origin))
    };
    let (before, unchanged) = (examine(&Says::of(&console, ANA)), examine(&Says::of(&console, ANA)));
    assert!(matches!(conclude(unchanged), SignInOutcome::SignedIn(_)));
    console.write(adding(STRANGERS_CERTIFICATE));
    let first = rollcall::certificate::read(CERTIFICATE).unwrap().remove(0).fingerprint;
    let all = console.org.read(certificates::list).unwrap();
    let first = all.into_iter().find(|one| one.fingerprint == first).unwrap().id;
    console.write(move |tx| certificates::remove(tx, &first));
    assert!(matches!(conclude(before), SignInOutcome::Refused { .. }));
    assert_eq!(console.last_cause().as_deref(), Some("changed_meanwhile"));
}

#[actix_web::test]
async fn less_power_ends_the_sessions() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator).id;
    let his = console.signed_in("adam").await;
    let id = adam.clone();
    console.write(move |tx| admins::appoint(tx, &id, Role::Auditor));
    assert_eq!(his.get("/").await.status, 303);
    let his = console.signed_in("adam").await;
    console.write(move |tx| admins::appoint(tx, &adam, Role::Administrator));
    assert_eq!(his.get("/").await.status, 200, "more power asks for nothing anew");
}

#[actix_web::test]
async fn a_file_of_names_that_an_owner_accepts_confirms_none_of_an_account_with_a_role() {
    use rollcall::domain::alignment;
    let console = Console::with_sso();
    console.admin("ana@old.example", Role::Administrator);
    let file = format!("userPrincipalName,displayName,mail\n{ANA},ana@old.example,ana@old.example\n");
    let olga = console.signed_in("olga").await;
    let page = olga.upload("/users/alignment", "/users/alignment", &[], "users.csv", file.as_bytes()).await;
    let id = page.location().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let kinds: Vec<(&str, &str)> = alignment::Kind::ALL.iter().map(|kind| ("kind", kind.as_str())).collect();
    let path = format!("/users/alignment/{id}");
    let query = serde_urlencoded::to_string(&kinds).unwrap();
    let preview = olga.get(&format!("{path}/preview?{query}")).await;
    let told = preview.submit(&format!("{path}/accept"), &kinds).await.follow().await;
    assert!(
        told.text().contains("the new name counts at sign-in once an owner confirms it"),
        "{}",
        told.text()
    );
    assert_eq!(console.person(ANA).role, Role::Administrator, "renamed");
    assert!(!comes_in(&console, &Says::of(&console, ANA)).await, "an owner looks at the name first");
    let key = console.person(ANA).id;
    console.write(move |tx| recognition::confirm(tx, &key, &recognition::Decision::default()));
    assert!(comes_in(&console, &Says::of(&console, ANA)).await);
}

#[actix_web::test]
async fn what_was_there_before_an_owner_had_to_approve_is_looked_at_once() {
    let console = Console::with_sso();
    console.write(|tx| {
        rollcall::domain::settings::put_own(tx, rollcall::domain::settings::names::LOOK_AT_TRUST, &true)
    });
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/").await.text().contains("an owner looks at it once"));
    let page = olga.get("/identity/trust").await;
    assert!(page.text().contains(ISSUER) && page.text().contains(LOGIN_URL), "{}", page.text());
    page.submit("/identity/trust/looked", &[]).await;
    assert!(!olga.get("/").await.text().contains("an owner looks at it once"));
}

#[actix_web::test]
async fn a_session_that_begins_after_its_certificate_was_removed_is_nobodys() {
    use rollcall::domain::sessions::{self, CameBy, Holder, Limits, Method};
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let limits = Limits { idle: chrono::TimeDelta::hours(1), absolute: chrono::TimeDelta::hours(1) };
    let trusted = console.org.read(certificates::list).unwrap().remove(0);
    let came_by = CameBy { certificates: vec![trusted.fingerprint], ..CameBy::default() };
    let holder = Holder {
        user: Some(id.clone()),
        method: Method::Sso,
        name_id: None,
        session_index: None,
        came_by: Some(came_by),
    };
    let reserve = || {
        let holder = holder.clone();
        console.write(move |tx| sessions::reserve(tx, holder))
    };
    let begin = |key: &'static str, reserved: Option<sessions::Reserved>| {
        let holder = holder.clone();
        console.write(move |tx| {
            sessions::begin(tx, key, reserved.as_ref(), holder, "{}".to_owned(), limits)?;
            Ok(sessions::find(tx.conn, key, tx.now, limits)?.unwrap().user_id)
        })
    };
    let (first, second) = (reserve(), reserve());
    assert_eq!(begin("one", Some(first.clone())).as_ref(), Some(&id));
    assert_eq!(begin("two", Some(first)), None, "it begins once");
    assert_eq!(begin("three", None), None, "nobody begins one that was not reserved");
    console.write(adding(STRANGERS_CERTIFICATE));
    console.write(move |tx| certificates::remove(tx, &trusted.id));
    assert_eq!(begin("four", Some(second)), None);
    let late = reserve();
    console.clock.advance(chrono::TimeDelta::minutes(1));
    assert_eq!(begin("five", Some(late)), None, "it is reserved for the request that it was reserved in");
}

#[actix_web::test]
async fn another_federated_id_and_a_forgotten_object_id_end_what_came_by_them() {
    let console = Console::with_sso();
    let id = console.user(ANA, None).id;
    let ana = console.browser();
    ana.bring(&Says::of(&console, ANA).with(OBJECT_ID, OBJECT)).await;
    let key = id.clone();
    console.write(move |tx| federation::forget(tx, &key));
    assert_eq!(ana.get("/account").await.status, 303);
    ana.bring(&Says::of(&console, ANA)).await;
    console.write(move |tx| federation::set_federated_id(tx, &id, Some(MALLORY)));
    assert_eq!(ana.get("/account").await.status, 303);
}
