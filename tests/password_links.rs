//! One-time links: whoever gets a role chooses their own password, which nobody else knows.

use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use rollcall::domain::admins::passwords;
use rollcall::domain::{Role, admins, users};

const NEW: [(&str, &str); 3] = [("name", "Adam Ames"), ("user_name", "adam"), ("role", "administrator")];
const CHOSEN: &str = "four unrelated orbit kettles";

/// The path of the link that a page shows.
fn link(page: &Page) -> String {
    let address = page.value(".copy input[value*='/password/']").unwrap_or_else(|| panic!("{}", page.text()));
    address.split_once("/password/").map(|(_, secret)| format!("/password/{secret}")).unwrap()
}

async fn choose(browser: &Browser, link: &str, password: &str) -> Page {
    browser.submit(link, link, &[("password", password), ("password_again", password)]).await
}

async fn sign_in(console: &Console, password: &str) -> u16 {
    let fields = [("user_name", "adam"), ("password", password)];
    console.browser().submit("/sign-in", "/sign-in", &fields).await.status
}

#[actix_web::test]
async fn a_new_administrator_chooses_their_own_password_by_a_link_that_works_once() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    let form = olga.get("/administrators").await;
    assert!(!form.has("form[action='/administrators'] input[type=password]"), "nobody types it for them");
    let made = form.submit("/administrators", &NEW).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let link = link(&made);
    assert!(!console.find("adam").unwrap().has_password);
    assert!(!olga.get("/administrators").await.body.contains(&link), "it is shown once");

    let his = console.browser();
    let weak = choose(&his, &link, "adam").await;
    assert_eq!(weak.status, 422);
    assert!(weak.has("#password-error") && !weak.body.contains("value=\"adam\" type"), "{}", weak.body);
    let differing = his.submit(&link, &link, &[("password", CHOSEN), ("password_again", "x")]).await;
    assert!(differing.has("#password_again-error"));
    let chosen = choose(&his, &link, CHOSEN).await.follow().await;
    assert!(chosen.text().contains("Your password is set. Sign in with it."), "{}", chosen.text());
    assert_eq!(sign_in(&console, CHOSEN).await, 303);
    assert_eq!(console.browser().get(&link).await.status, 404, "once");

    let log = olga.get("/activity").await;
    for part in ["olga made a one-time link by which Adam Ames chooses a password", "used the one-time link"]
    {
        assert!(log.text().contains(part), "{part}: {}", log.text());
    }
    assert!(!log.body.contains(link.trim_start_matches("/password/")));
}

#[actix_web::test]
async fn a_link_in_place_of_a_password_ends_the_sessions_when_it_is_used() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator).id;
    let (olga, his) = (console.signed_in("olga").await, console.signed_in("adam").await);
    let path = format!("/administrators/{adam}");
    let link = link(&olga.submit(&path, &format!("{path}/password"), &[]).await);
    assert_eq!((his.get("/").await.status, sign_in(&console, PASSWORD).await), (200, 303), "not before");
    assert_eq!(choose(&console.browser(), &link, CHOSEN).await.status, 303);
    assert_eq!(his.get("/").await.status, 303);
    assert_eq!((sign_in(&console, PASSWORD).await, sign_in(&console, CHOSEN).await), (422, 303));
}

#[actix_web::test]
async fn a_link_ends_with_time_with_a_newer_one_and_with_what_it_was_for() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator).id;
    let make = || {
        let id = adam.clone();
        format!("/password/{}", console.write(move |tx| admins::links::make(tx, &id)).1.secret.expose())
    };
    let is_good = async |link: &str| console.browser().get(link).await.status == 200;
    let old = make();
    let newer = make();
    assert!(!is_good(&old).await && is_good(&newer).await);
    console.clock.advance(TimeDelta::hours(24));
    assert!(!is_good(&newer).await, "a day in place of a password");

    let id = adam.clone();
    let deactivated = make();
    console.write(move |tx| users::lifecycle::deactivate(tx, &id));
    let id = adam.clone();
    console.write(move |tx| users::lifecycle::reactivate(tx, &id));
    assert!(!is_good(&deactivated).await, "it does not come back with the account");

    let id = adam.clone();
    let taken = make();
    console.write(move |tx| admins::appoint(tx, &id, Role::None));
    assert!(!is_good(&taken).await);
    let id = adam.clone();
    console.write(move |tx| admins::appoint(tx, &id, Role::Auditor));
    assert!(!is_good(&taken).await, "nor with a role");
    let first = make();
    console.clock.advance(TimeDelta::days(6));
    assert!(is_good(&first).await, "a week for the first password");
    console.clock.advance(TimeDelta::days(1));
    assert!(!is_good(&first).await);
}

#[actix_web::test]
async fn a_link_is_kept_as_a_digest_and_guesses_find_nothing() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator).id;
    let (_, link) = console.write(move |tx| admins::links::make(tx, &adam));
    for guess in ["none", "", &link.secret.expose()[1..], &link.secret.expose().to_uppercase()] {
        assert_eq!(console.browser().get(&format!("/password/{guess}")).await.status, 404, "{guess}");
    }
    let refused = console.browser().post_bare(&format!("/password/{}", link.secret.expose()), &[]).await;
    assert_eq!(refused.status, 403, "a form without its token");
}

#[actix_web::test]
async fn a_link_ends_with_the_power_of_whoever_made_it() {
    let console = Console::open();
    let [bea, cay, adam] = [("bea", Role::Owner), ("cay", Role::Owner), ("adam", Role::Administrator)]
        .map(|(name, role)| console.admin(name, role).id);
    let his = console.signed_in("bea").await;
    let invited = his.submit("/administrators", "/administrators", &NEW_OWNER).await;
    let path = format!("/administrators/{cay}");
    let made = his.submit(&path, &format!("{path}/password"), &[]).await;
    let path = format!("/administrators/{adam}");
    let again = his.submit(&path, &format!("{path}/password"), &[]).await;
    let links = [link(&invited), link(&made), link(&again)];
    for link in &links {
        assert_eq!(console.browser().get(link).await.status, 200);
    }
    let open = console.browser().get(&links[1]).await;
    let id = bea.clone();
    console.write(move |tx| admins::appoint(tx, &id, Role::Administrator));
    for link in &links {
        assert_eq!(console.browser().get(link).await.status, 404);
    }
    let late = open.submit(&links[1], &[("password", CHOSEN), ("password_again", CHOSEN)]).await;
    assert_eq!(late.status, 404, "a form that was open before");
    console.write(move |tx| admins::appoint(tx, &bea, Role::Owner));
    assert_eq!(console.browser().get(&links[0]).await.status, 404, "nor with the role given back");
}

const NEW_OWNER: [(&str, &str); 3] = [("name", "Spare"), ("user_name", "spare"), ("role", "owner")];

#[actix_web::test]
async fn a_link_ends_when_its_maker_is_deactivated_or_deleted() {
    let console = Console::open();
    let bea = console.admin("bea", Role::Owner).id;
    let adam = console.admin("adam", Role::Administrator).id;
    let path = format!("/administrators/{adam}");
    let his = console.signed_in("bea").await;
    let link = link(&his.submit(&path, &format!("{path}/password"), &[]).await);
    let id = bea.clone();
    console.write(move |tx| users::lifecycle::deactivate(tx, &id));
    assert_eq!(console.browser().get(&link).await.status, 404);
    let id = bea.clone();
    console.write(move |tx| users::lifecycle::reactivate(tx, &id));
    assert_eq!(console.browser().get(&link).await.status, 404);
    let his = console.signed_in("bea").await;
    let link = self::link(&his.submit(&path, &format!("{path}/password"), &[]).await);
    console.write(move |tx| users::lifecycle::delete(tx, &[bea]));
    assert_eq!(console.browser().get(&link).await.status, 404);
}

#[actix_web::test]
async fn a_link_is_for_the_role_that_its_holder_had() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Auditor).id;
    let id = adam.clone();
    let link =
        format!("/password/{}", console.write(move |tx| admins::links::make(tx, &id)).1.secret.expose());
    assert_eq!(console.browser().get(&link).await.status, 200);
    console.write(move |tx| admins::appoint(tx, &adam, Role::Owner));
    assert_eq!(console.browser().get(&link).await.status, 404);
}

#[actix_web::test]
async fn a_new_password_voids_the_links_that_the_account_had_made() {
    let console = Console::open();
    let bea = console.admin("bea", Role::Owner).id;
    let cay = console.admin("cay", Role::Owner).id;
    let is_good = async |link: &str| console.browser().get(link).await.status == 200;
    let in_her_session = async |browser: &Browser| {
        let path = format!("/administrators/{cay}");
        link(&browser.submit(&path, &format!("{path}/password"), &[]).await)
    };
    // By another owner's link, and by the command line.
    let made = in_her_session(&console.signed_in("bea").await).await;
    let id = bea.clone();
    let hers =
        format!("/password/{}", console.write(move |tx| admins::links::make(tx, &id)).1.secret.expose());
    assert_eq!(choose(&console.browser(), &hers, CHOSEN).await.status, 303);
    assert!(!is_good(&made).await);
    let her_own = console.browser();
    her_own.submit("/sign-in", "/sign-in", &[("user_name", "bea"), ("password", CHOSEN)]).await;
    let made = in_her_session(&her_own).await;
    assert!(is_good(&made).await);
    let prepared = passwords::prepare(&console.org, &bea, &PASSWORD.into()).unwrap();
    console.write(move |tx| admins::set_password(tx, prepared));
    assert!(!is_good(&made).await);
}

#[actix_web::test]
async fn a_link_tells_that_single_sign_on_is_required() {
    let console = Console::with_sso();
    console.write(rollcall::domain::sso::policy::require);
    let olga = console.signed_in("olga").await;
    let made = olga.submit("/administrators", "/administrators", &NEW).await;
    assert!(made.text().contains("Single sign-on is required of everybody but owners"), "{}", made.text());
    let (his, path) = (console.browser(), link(&made));
    assert!(his.get(&path).await.text().contains("you sign in with Entra ID"));
    let chosen = choose(&his, &path, CHOSEN).await.follow().await;
    assert!(chosen.text().contains("everybody else with Entra ID"), "{}", chosen.text());
    let owners = [("name", "Bea"), ("user_name", "bea"), ("role", "owner")];
    let made = olga.submit("/administrators", "/administrators", &owners).await;
    assert!(!made.text().contains("Single sign-on is required"), "{}", made.text());
}
