//! What waits for an owner is what an administrator changed, and no copy of anything else.

use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, Says};
use crate::harness::{Browser, Console, Page};
use crate::sso_set_up::{metadata_of, publishing};
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::sso::examination::Grounds;
use rollcall::domain::sso::sign_in::{self, RequestOrigin, SignInOutcome};
use rollcall::domain::sso::{Here, Settings, settings};
use rollcall::worker;

const ANA: &str = "ana@contoso.example";
const OUT: &str = "https://login.microsoftonline.com/out";
const NEW: &str = "https://login.microsoftonline.com/new";
const OTHER_ISSUER: &str = "https://sts.windows.net/aaaaaaaa-1a2b-4c3d-8e4f-0123456789ab/";

/// An owner, and an administrator who changes whom to trust.
async fn both(console: &Console) -> (Browser, Browser) {
    console.admin("adam", Role::Administrator);
    console.user(ANA, None);
    (console.signed_in("olga").await, console.signed_in("adam").await)
}

async fn enter(browser: &Browser, fields: &[(&str, &str)]) -> Page {
    let page = browser.submit("/identity", "/identity/sso", fields).await;
    assert_eq!(page.status, 303, "{}", page.text());
    page.follow().await
}

fn in_force(console: &Console) -> Settings {
    console.org.read(settings::read).unwrap()
}

fn waits(console: &Console) -> Option<Settings> {
    console.org.read(settings::waiting).unwrap()
}

async fn comes_in_from(console: &Console, issuer: &str) -> bool {
    let says = Says { issuer: issuer.to_owned(), ..Says::of(console, ANA) };
    console.browser().bring(&says).await.status == 303
}

#[actix_web::test]
async fn what_an_owner_changes_meanwhile_holds_for_what_waits_and_is_not_brought_back() {
    let console = Console::with_sso();
    console.sso(|settings| settings.allow_sha1 = true);
    let (olga, adam) = both(&console).await;
    enter(&adam, &[("logout_url", OUT)]).await;
    enter(&olga, &[("login_url", NEW), ("issuer", OTHER_ISSUER)]).await;
    let csrf = olga.get("/account").await.value("input[name=csrf]").unwrap();
    let options = [("csrf", csrf.as_str()), ("skew_s", "180"), ("allow_unsolicited", "1")];
    assert_eq!(olga.post_bare("/identity/sso/options", &options).await.status, 303);

    let judged = waits(&console).unwrap();
    assert_eq!((judged.allow_sha1, judged.issuer.as_deref()), (false, Some(OTHER_ISSUER)));
    assert!(!comes_in_from(&console, ISSUER).await, "the issuer that an owner replaced");
    assert!(comes_in_from(&console, OTHER_ISSUER).await);
    let page = olga.get("/identity/trust").await;
    assert!(
        page.has("section[aria-labelledby=waiting]") && !page.text().contains(LOGIN_URL),
        "{}",
        page.text()
    );
    page.submit("/identity/trust/approve", &[]).await;
    let now = in_force(&console);
    assert_eq!((now.login_url.as_deref(), now.issuer.as_deref()), (Some(NEW), Some(OTHER_ISSUER)));
    assert_eq!((now.allow_sha1, now.logout_url.as_deref()), (false, Some(OUT)));
    assert!(waits(&console).is_none());
}

#[actix_web::test]
async fn what_an_owner_entered_too_waits_no_longer() {
    let console = Console::with_sso();
    let (olga, adam) = both(&console).await;
    enter(&adam, &[("logout_url", OUT), ("login_url", NEW)]).await;
    enter(&olga, &[("login_url", NEW)]).await;
    assert_eq!(waits(&console).unwrap().logout_url.as_deref(), Some(OUT), "the other field does");
    // Were the owner to change their mind, nothing of it waits.
    enter(&olga, &[("login_url", LOGIN_URL)]).await;
    assert_eq!(waits(&console).unwrap().login_url.as_deref(), Some(LOGIN_URL));
    enter(&olga, &[("logout_url", OUT)]).await;
    assert!(waits(&console).is_none());
    assert!(!olga.get("/").await.text().contains("It waits for an owner."));
}

#[actix_web::test]
async fn an_approval_is_of_what_was_in_force_when_it_was_shown() {
    let console = Console::with_sso();
    let (olga, adam) = both(&console).await;
    enter(&adam, &[("logout_url", OUT)]).await;
    let shown = olga.get("/identity/trust").await;
    enter(&olga, &[("login_url", NEW)]).await;
    let refused = shown.submit("/identity/trust/approve", &[]).await.refused();
    assert!(refused.text().contains("was changed since this page was shown"), "{}", refused.text());
}

#[actix_web::test]
async fn a_form_that_was_opened_before_an_owners_change_enters_only_what_was_typed() {
    let console = Console::with_sso();
    console.sso(|settings| settings.allow_sha1 = true);
    let (olga, adam) = both(&console).await;
    let opened = adam.get("/identity").await;
    enter(&olga, &[("issuer", OTHER_ISSUER)]).await;
    console.sso(|settings| settings.allow_sha1 = false);
    opened.submit("/identity/sso", &[("logout_url", OUT)]).await;
    opened.submit("/identity/sso/options", &[("skew_s", "60")]).await;
    let wish = waits(&console).unwrap();
    assert_eq!((wish.issuer.as_deref(), wish.logout_url.as_deref()), (Some(OTHER_ISSUER), Some(OUT)));
    assert_eq!((wish.allow_sha1, wish.skew_s), (false, 60));
    assert!(!comes_in_from(&console, ISSUER).await);
}

#[actix_web::test]
async fn what_the_daily_reading_finds_waits_as_a_change_too() {
    let console = Console::with_sso();
    let (olga, _) = both(&console).await;
    let text = String::from_utf8(metadata_of(ISSUER, &[CERTIFICATE])).unwrap();
    let moved = publishing(text.replace(LOGIN_URL, NEW).into_bytes());
    console
        .as_administrator(move |tx| {
            let wish =
                Settings { metadata_url: Some(moved), refresh_metadata: true, ..settings::read(tx.conn)? };
            settings::save(tx, &wish)
        })
        .unwrap();
    console.sso(|settings| settings.allow_sha1 = true);
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(waits(&console).unwrap().login_url.as_deref(), Some(NEW));
    console.sso(|settings| settings.allow_sha1 = false);
    assert!(!waits(&console).unwrap().allow_sha1);
    console.clock.advance(TimeDelta::hours(25));
    worker::round(&console.org, true).await.unwrap();
    let olga_signed_in_anew = console.signed_in("olga").await;
    drop(olga);
    olga_signed_in_anew.submit("/identity/trust", "/identity/trust/approve", &[]).await;
    let now = in_force(&console);
    assert_eq!((now.login_url.as_deref(), now.allow_sha1), (Some(NEW), false));
}

#[actix_web::test]
async fn an_owner_saves_how_sign_ins_are_to_be_while_what_was_switched_on_waits() {
    let console = Console::open();
    let (olga, adam) = both(&console).await;
    enter(&adam, &[("login_url", LOGIN_URL), ("issuer", ISSUER)]).await;
    adam.upload("/identity", "/identity/sso/certificates", &[], "entra.cer", CERTIFICATE).await;
    enter(&adam, &[("enabled", "1")]).await;
    let saved = olga.submit("/identity", "/identity/sso/options", &[("skew_s", "100")]).await;
    assert_eq!((saved.status, in_force(&console).skew_s), (303, 100), "{}", saved.text());
    enter(&olga, &[]).await;
    assert!(in_force(&console).enabled, "and the first form as it stands");
    // Off, it is not switched on while something is missing.
    enter(&olga, &[("logout_url", OUT)]).await;
    console.sso(|settings| settings.enabled = false);
    let refused = olga.submit("/identity", "/identity/sso", &[("enabled", "1")]).await;
    assert_eq!(refused.status, 422);
    olga.submit("/identity/trust", "/identity/trust/approve", &[]).await;
    enter(&olga, &[("enabled", "1")]).await;
    // And while it is on, nothing that it needs is taken away.
    assert_eq!(olga.submit("/identity", "/identity/sso", &[("issuer", "")]).await.status, 422);
}

#[actix_web::test]
async fn every_rule_that_is_changed_while_a_response_is_examined_refuses_it() {
    type Change = fn(&mut Settings);
    let changes: [(&str, Change); 5] = [
        ("unsolicited", |settings| settings.allow_unsolicited = false),
        ("signed response", |settings| settings.require_signed_response = true),
        ("encryption", |settings| settings.require_encryption = true),
        ("clocks", |settings| settings.skew_s = 0),
        ("off", |settings| settings.enabled = false),
    ];
    for (what, change) in changes {
        let console = Console::with_sso();
        console.user(ANA, None);
        let here = Here::under(&console.address.parse().unwrap());
        let (field, now) = (Says::of(&console, ANA).field(), console.clock.now());
        let ring = console.org.keys().clone();
        let examined = console
            .org
            .read(move |conn| Ok(Grounds::read(conn, &ring, &here, None, now)?.examine(&field, now)))
            .unwrap();
        console.sso(change);
        let outcome = console.write(move |tx| sign_in::conclude(tx, examined, &RequestOrigin::default()));
        assert!(matches!(outcome, SignInOutcome::Refused { .. }), "{what}");
    }
}

#[actix_web::test]
async fn whoever_is_asked_for_a_proof_reads_why_none_came_of_it() {
    let console = Console::with_sso();
    console.admin("adam", Role::Administrator);
    let adam = console.browser();
    adam.sign_in_by_entra(&console, "adam").await;
    let request = adam.ask_entra("/sso/start?again=1&next=/identity").await;
    let late = TimeDelta::minutes(-20);
    let says = Says { from: TimeDelta::minutes(-60), until: late, ..Says::of(&console, "adam") };
    let home = adam.bring(&says.clone().answering(&request)).await;
    assert_eq!(home.location(), "/");
    let told = home.follow().await;
    assert!(told.text().contains("Reference:"), "{}", told.text());
    // Whoever goes back to an answer that was taken misses nothing.
    let request = adam.ask_entra("/sso/start?again=1&next=/identity").await;
    let says = Says::of(&console, "adam").answering(&request);
    assert_eq!(adam.bring(&says).await.location(), "/identity");
    let home = adam.bring(&says).await;
    assert_eq!(home.location(), "/");
    assert!(!home.follow().await.text().contains("Reference:"));
}
