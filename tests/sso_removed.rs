//! A certificate that was removed, or that was a former issuer's, is not good again by itself.

use crate::harness::idp::{
    CERTIFICATE, ISSUER, LOGIN_URL, STRANGERS_CERTIFICATE, STRANGERS_KEY, Says, adding,
};
use crate::harness::{Browser, Console, Page};
use crate::sso_set_up::{import, metadata_of, publishing};
use crate::sso_trust::certificates_like;
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::sso::{Trusted, certificates, metadata, settings};
use rollcall::worker;

const ANA: &str = "ana@contoso.example";
const OTHER_ISSUER: &str = "https://sts.windows.net/aaaaaaaa-1a2b-4c3d-8e4f-0123456789ab/";

fn strangers(console: &Console) -> Option<Trusted> {
    let fingerprint = rollcall::certificate::read(STRANGERS_CERTIFICATE).unwrap().remove(0).fingerprint;
    let all = console.org.read(certificates::list).unwrap();
    all.into_iter().find(|one| one.fingerprint == fingerprint)
}

async fn by_the_stranger(console: &Console, name: &str) -> bool {
    let says = Says { key: STRANGERS_KEY, ..Says::of(console, name) };
    console.browser().bring(&says).await.status == 303
}

async fn remove(browser: &Browser, one: &Trusted) -> Page {
    let action = format!("/identity/sso/certificates/{}/remove", one.id);
    browser.submit("/identity", &action, &[]).await.shown().await
}

/// A console whose metadata, read every day, lists two certificates, of which an owner removed the second.
async fn with_one_removed() -> (Console, Browser) {
    let console = Console::with_sso();
    console.user(ANA, None);
    let both = publishing(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE]));
    console.sso(move |settings| (settings.metadata_url, settings.refresh_metadata) = (Some(both), true));
    worker::round(&console.org, true).await.unwrap();
    assert!(strangers(&console).unwrap().approved, "an owner approved of the address");
    let olga = console.signed_in("olga").await;
    let told = remove(&olga, &strangers(&console).unwrap()).await;
    assert!(told.text().contains("it comes back without approval"), "{}", told.text());
    assert!(strangers(&console).is_none());
    (console, olga)
}

async fn next_day(console: &Console) -> Browser {
    console.clock.advance(TimeDelta::hours(25));
    worker::round(&console.org, true).await.unwrap();
    assert_eq!(console.org.read(metadata::reading).unwrap().fault, None);
    console.signed_in("olga").await
}

#[actix_web::test]
async fn what_an_owner_removed_the_daily_reading_brings_back_for_nobody() {
    let (console, _) = with_one_removed().await;
    let olga = next_day(&console).await;
    let again = strangers(&console).unwrap();
    assert_eq!((again.approved, again.withdrawn), (false, true));
    assert!(!by_the_stranger(&console, ANA).await && !by_the_stranger(&console, "olga").await);
    assert!(olga.get("/").await.text().contains("that an owner had removed"));
    let page = olga.get("/identity/trust").await;
    assert!(page.text().contains("signs in nobody"), "{}", page.text());
    page.submit(&format!("/identity/sso/certificates/{}/approve", again.id), &[]).await;
    assert!(by_the_stranger(&console, ANA).await && by_the_stranger(&console, "olga").await);
    next_day(&console).await;
    assert!(strangers(&console).unwrap().approved, "and it stays so");
}

#[actix_web::test]
async fn a_document_approves_of_nothing_that_was_removed_and_whoever_enters_the_very_one_does() {
    let (console, olga) = with_one_removed().await;
    console.admin("adam", Role::Administrator);
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    assert!(!by_the_stranger(&console, ANA).await, "an administrator does not undo what an owner did");
    remove(&olga, &strangers(&console).unwrap()).await;
    let told =
        import(&olga, &metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE])).await.follow().await;
    assert!(told.text().contains("One was removed here before"), "{}", told.text());
    assert!(!strangers(&console).unwrap().approved);
    next_day(&console).await;
    assert!(!strangers(&console).unwrap().approved, "not on another day either");
    console.write(adding(STRANGERS_CERTIFICATE));
    let again = strangers(&console).unwrap();
    assert_eq!((again.approved, again.withdrawn), (true, false));
}

#[actix_web::test]
async fn what_an_administrator_removed_comes_back_without_approval_too() {
    let (console, _) = with_one_removed().await;
    console.write(adding(STRANGERS_CERTIFICATE));
    let id = strangers(&console).unwrap().id;
    console.as_administrator(move |tx| certificates::remove(tx, &id)).unwrap();
    next_day(&console).await;
    let again = strangers(&console).unwrap();
    assert_eq!((again.approved, again.withdrawn), (false, false));
    assert!(by_the_stranger(&console, ANA).await && !by_the_stranger(&console, "olga").await);
}

#[actix_web::test]
async fn what_was_removed_hinders_no_reading_where_there_is_no_place_for_it() {
    let (console, _) = with_one_removed().await;
    for one in certificates_like(STRANGERS_CERTIFICATE, 10) {
        console.as_administrator(adding(&one)).unwrap();
    }
    next_day(&console).await;
    assert!(strangers(&console).is_none());
}

#[actix_web::test]
async fn the_last_certificate_in_use_stays_although_one_that_was_removed_came_back() {
    let (console, olga) = with_one_removed().await;
    drop(olga);
    let olga = next_day(&console).await;
    let withdrawn = strangers(&console).unwrap();
    let all = console.org.read(certificates::list).unwrap();
    let last = all.iter().find(|one| one.id != withdrawn.id).unwrap();
    assert!(remove(&olga, last).await.text().contains("This is the only certificate."));
    remove(&olga, &withdrawn).await;
    assert!(strangers(&console).is_none());
}

#[actix_web::test]
async fn after_another_issuer_an_owner_is_asked_whose_the_certificates_are() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    let still = "The certificates of the former issuer are still trusted";
    let told = olga.submit("/identity", "/identity/sso", &[("issuer", OTHER_ISSUER)]).await.follow().await;
    assert!(told.text().contains(still), "{}", told.text());
    assert!(olga.get("/").await.text().contains("The issuer was changed"));
    let page = olga.get("/identity/trust").await;
    let asked = format!("Trusted since {ISSUER} was the issuer");
    assert!(page.has("section[aria-labelledby=former]") && page.text().contains(&asked), "{}", page.text());
    let id = console.org.read(certificates::list).unwrap().remove(0).id;
    page.submit(&format!("/identity/sso/certificates/{id}/approve"), &[]).await;
    assert!(!olga.get("/identity/trust").await.has("section[aria-labelledby=former]"));
    assert!(!olga.get("/").await.text().contains("The issuer was changed"));
    // Back again, it was trusted under another one; and back once more it is that one's own.
    olga.submit("/identity", "/identity/sso", &[("issuer", ISSUER)]).await;
    assert_eq!(console.org.read(certificates::of_former_issuer).unwrap().len(), 1);
    olga.submit("/identity", "/identity/sso", &[("issuer", OTHER_ISSUER)]).await;
    assert_eq!(console.org.read(certificates::of_former_issuer).unwrap().len(), 0);
}

#[actix_web::test]
async fn an_import_of_another_tenant_brings_its_own_certificates_and_asks_about_the_others() {
    let console = Console::with_sso();
    let olga = console.signed_in("olga").await;
    let told = import(&olga, &metadata_of(OTHER_ISSUER, &[STRANGERS_CERTIFICATE])).await.follow().await;
    assert!(told.text().contains("The certificates of the former issuer"), "{}", told.text());
    let former = console.org.read(certificates::of_former_issuer).unwrap();
    assert_eq!(former.len(), 1);
    assert_ne!(former[0].fingerprint, strangers(&console).unwrap().fingerprint);
    // What the new one lists, too, is its own.
    import(&olga, &metadata_of(OTHER_ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE])).await;
    assert!(console.org.read(certificates::of_former_issuer).unwrap().is_empty());
    let again = import(&olga, &metadata_of(ISSUER, &[CERTIFICATE])).await.follow().await;
    assert!(again.text().contains("The certificates of the former issuer"));
    remove(&olga, &strangers(&console).unwrap()).await;
    assert!(console.org.read(certificates::of_former_issuer).unwrap().is_empty());
    assert_eq!(console.org.read(settings::read).unwrap().login_url.as_deref(), Some(LOGIN_URL));
}

#[actix_web::test]
async fn of_a_chain_beside_a_signing_certificate_none_becomes_a_signer() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let text = String::from_utf8(metadata_of(ISSUER, &[CERTIFICATE, STRANGERS_CERTIFICATE])).unwrap();
    // The second stands in the same X509Data as the first.
    let from = text.find("</X509Certificate>").unwrap() + "</X509Certificate>".len();
    let to = from + text[from..].find("<X509Certificate>").unwrap();
    let chain = format!("{}{}", &text[..from], &text[to..]);
    let told = import(&olga, chain.as_bytes()).await.follow().await;
    assert!(told.text().contains("stands beside a signing certificate"), "{}", told.text());
    assert_eq!(console.org.read(certificates::list).unwrap().len(), 1);
    assert!(strangers(&console).is_none());
}
