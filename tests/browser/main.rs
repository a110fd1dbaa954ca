//! Real pages in real headless Chromium over WebDriver, with JavaScript and without.
//!
//! Run by `cargo test --test browser`; needs `chromium` and `chromedriver` (or their paths in `CHROMIUM` and
//! `CHROMEDRIVER`). Without them the tests fail: a check that was skipped has not passed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, dead_code, unused_imports, reason = "the harness is shared with the other tests")]

mod directory;
#[path = "../harness/mod.rs"]
mod harness;
mod tour;

use directory::Directory;
use harness::idp::Says;
use harness::{Console, PASSWORD};
use rollcall::domain::alignment;
use rollcall::domain::deprovisioning_guard::{self, Limits, Measure, Measures};
use rollcall::domain::identity::clients;
use rollcall::domain::page::At;
use rollcall::domain::sso::events;
use rollcall::domain::tasks::Slice;
use rollcall::domain::users::by_entra::{self, SiteWish, UserInput};
use rollcall::domain::users::{Profile, by_hand};
use rollcall::domain::{Actor, Role, Tx, admins, bulk, demo, groups, sites};
use tour::{Script, Tour};

/// Every page that has an address of its own.
const PAGES: [&str; 21] = [
    "/",
    "/identity",
    "/identity/trust",
    "/users",
    "/users/new",
    "/users/deleted-in-entra",
    "/users/inactive?days=30",
    "/users/to-link",
    "/groups",
    "/held",
    "/licenses",
    "/licenses/import",
    "/imports",
    "/sites",
    "/activity",
    "/activity/provisioning",
    "/activity/sign-ins",
    "/activity/entra-errors?code=50105",
    "/users/alignment",
    "/administrators",
    "/account",
];

#[actix_web::test]
async fn the_main_job_with_javascript() {
    the_main_job(Script::On).await;
}

#[actix_web::test]
async fn the_main_job_without_javascript() {
    the_main_job(Script::Off).await;
}

/// From the set-up link to a user who is provisioned, licensed by CSV, and deleted by hand.
async fn the_main_job(script: Script) {
    let console = Console::unclaimed();
    let secret = console.org.write(&Actor::Rollcall, admins::offer_set_up).unwrap().unwrap();
    let tour = Tour::start(&console.address, script).await;

    tour.go(&format!("/set-up/{secret}")).await;
    tour.fill("organisation", "Harbourline").await;
    tour.fill("name", "Olga Brandt").await;
    tour.fill("user_name", "olga").await;
    tour.fill("password", PASSWORD).await;
    tour.fill("password_again", PASSWORD).await;
    tour.click("Set up").await;
    tour.see("Welcome, Olga Brandt.").await;

    tour.go("/sites").await;
    tour.fill("name", "Delft").await;
    tour.click("Create the site").await;
    tour.see("The site Delft was created.").await;
    tour.go("/licenses").await;
    tour.fill("code", "X2").await;
    tour.fill("seats", "5").await;
    tour.click("Create the licence type").await;
    tour.see("X2 was created.").await;

    tour.go("/identity").await;
    tour.click("Switch user provisioning on").await;
    tour.see("User provisioning is on.").await;
    tour.click("Show user provisioning information").await;
    tour.see("press Test Connection").await;
    let token = tour.value("input[value^=rollcall_]").await;
    assert_eq!(tour.shows("[data-copy]").await, script == Script::On, "Copy buttons need JavaScript");

    let entra = harness::Entra::new(&console.address, &token);
    let user = serde_json::json!({
        "userName": "ana@example.com",
        "displayName": "Ana Lima",
        "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User": { "site": "delft" },
    });
    let id = entra.post("/Users", user).await.id();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staff.csv");
    std::fs::write(&file, "userName,license\nana@example.com,X2\n").unwrap();
    tour.go("/licenses/import").await;
    tour.choose_file("file", &file).await;
    tour.click("Check the file").await;
    tour.see("Nothing was changed yet.").await;
    tour.click("Apply 1 change").await;
    tour.see("The file was applied: 1 change.").await;

    entra.delete(&format!("/Users/{id}")).await;
    tour.go("/users/deleted-in-entra").await;
    tour.see("Ana Lima").await;
    tour.tick("input[name=id]").await;
    tour.click("Delete the selected…").await;
    tour.see("Delete Ana Lima for good").await;
    tour.fill("typed", "ana@example.com").await;
    tour.click("Delete for good").await;
    tour.see("The user was deleted for good.").await;
    tour.go("/activity").await;
    tour.see("Olga Brandt deleted the user Ana Lima for good").await;

    tour.click("Sign out").await;
    tour.see("You are signed out.").await;
    tour.fill("user_name", "olga").await;
    tour.fill("password", "wrong").await;
    tour.click("Sign in").await;
    tour.see("The user name or the password is wrong.").await;
    tour.end().await;
}

#[actix_web::test]
async fn the_progress_of_long_work_shows_by_itself_with_javascript() {
    the_progress_of_long_work(Script::On).await;
}

#[actix_web::test]
async fn the_progress_of_long_work_shows_by_itself_without_javascript() {
    the_progress_of_long_work(Script::Off).await;
}

/// A page that is left open follows work that goes on elsewhere, up to what came of it.
async fn the_progress_of_long_work(script: Script) {
    let console = Console::open();
    let ids: Vec<_> =
        (0..250).map(|number| console.user(&format!("p{number}@contoso.example"), None).id).collect();
    let task = console.write(move |tx| {
        let site = sites::create(tx, "Delft")?.split().0.id;
        by_hand::begin_setting_site(tx, &ids, &site)
    });
    let tour = Tour::start(&console.address, script).await;
    tour.sign_in("olga", PASSWORD).await;
    tour.go(&format!("/tasks/{}", task.id)).await;
    tour.see(" 0 of 250").await;
    let slice = |id: String| move |tx: &mut Tx| bulk::advance(tx, &id, &mut Slice::new(&|| true));
    let done = console.write(slice(task.id.clone())).done;
    tour.see(&format!(" {done} of 250")).await;
    while console.write(slice(task.id.clone())).is_running() {}
    tour.see("Go to Users").await;
    tour.end().await;
}

#[actix_web::test]
async fn every_page_is_sound_on_a_large_and_on_a_small_screen() {
    let console = Console::open();
    console.write(demo::fill);
    console.write(|tx| {
        ["Entra ID", "Staging"].iter().try_for_each(|label| clients::create(tx, label, 2).map(drop))
    });
    let ana = console.user("zz.anna@harbourline.example", Some("Oslo Office"));
    let adam = console.admin("adam", Role::Administrator);
    let crew = console.org.read(|conn| groups::list(conn, "drivers", &At::Start, 1)).unwrap();
    hold_back(&console);
    let tour = Tour::start(&console.address, Script::On).await;
    tour.sign_in("olga", PASSWORD).await;
    let mut pages: Vec<String> = PAGES.map(str::to_owned).into();
    pages.push(format!("/users/{}", ana.id));
    pages.push(format!("/users/delete?id={}", ana.id));
    pages.push(format!("/groups/{}", crew.items[0].group.id));
    pages.push(format!("/administrators/{}", adam.id));
    pages.push(refused_sign_in(&console).await);
    pages.extend(compared(&console));
    for width in [1280, 390, 320] {
        tour.resize(width).await;
        for page in &pages {
            tour.go(page).await;
            tour.check(page, width).await;
        }
    }
    tour.end().await;
}

/// The page of a sign-in that was refused.
async fn refused_sign_in(console: &Console) -> String {
    console.trust_entra(true);
    console.browser().bring(&Says::of(console, "zz.ana@harbourline.example")).await;
    let last =
        console.org.read(|conn| events::list(conn, &events::Filter::default(), &At::Start, 1)).unwrap();
    format!("/activity/sign-ins/{}", last.items[0].reference)
}

/// The pages of a comparison with Entra ID's users.
fn compared(console: &Console) -> [String; 2] {
    let file = "userPrincipalName,displayName\nzz.anna@contoso.example,Anna\nnew@contoso.example,New\n";
    let made = console.write(|tx| {
        let compared = alignment::compare(tx.conn, file.as_bytes())?;
        alignment::keep(tx, "users.csv", compared)
    });
    [format!("/users/alignment/{}", made.id), format!("/users/alignment/{}/preview", made.id)]
}

#[actix_web::test]
async fn people_come_and_go_by_entra_id_with_javascript() {
    people_come_and_go_by_entra_id(Script::On).await;
}

#[actix_web::test]
async fn people_come_and_go_by_entra_id_without_javascript() {
    people_come_and_go_by_entra_id(Script::Off).await;
}

/// A test sign-in, a sign-in from the sign-in page, the profile, and signing out at Microsoft too.
async fn people_come_and_go_by_entra_id(script: Script) {
    let console = Console::open();
    let directory = Directory::open(&console, "ana@contoso.example");
    console.user("ana@contoso.example", None);
    console.trust_entra(false);
    let (login, logout) = (format!("{}/saml2", directory.address), format!("{}/goodbye", directory.address));
    console.sso(move |settings| {
        settings.login_url = Some(login);
        settings.logout_url = Some(logout);
    });
    let tour = Tour::start(&console.address, script).await;
    tour.sign_in("olga", PASSWORD).await;
    tour.go("/identity").await;
    tour.click("Test sign-in").await;
    tour.click("Yes, it is me").await;
    tour.see("The test went well: this user would come in.").await;
    tour.go("/identity").await;
    tour.see("Your last test went well").await;
    tour.click("Sign out").await;
    tour.see("You are signed out.").await;

    console.sso(|settings| settings.enabled = true);
    tour.go("/account").await;
    tour.click("Sign in with Microsoft Entra ID").await;
    tour.click("Yes, it is me").await;
    tour.see("My profile").await;
    tour.see("ana@contoso.example").await;
    tour.click("Sign out").await;
    tour.see("Signed out of everything").await;
    tour.go("/account").await;
    tour.see("Sign in with Microsoft Entra ID").await;
    tour.end().await;
}

#[actix_web::test]
async fn what_is_held_back_is_decided_after_a_question() {
    let console = Console::open();
    hold_back(&console);
    let tour = Tour::start(&console.address, Script::On).await;
    tour.sign_in("olga", PASSWORD).await;
    tour.go("/held").await;
    tour.tick("thead input[type='checkbox']").await;
    tour.see("1 selected").await;
    tour.click("Release all").await;
    tour.see("Do all that Entra ID asked for? It concerns 1 user.").await;
    tour.click("Cancel").await;
    tour.click("Keep all").await;
    tour.see("Everybody stays as they are.").await;
    tour.click("Continue").await;
    tour.see("Kept: nobody loses anything (1).").await;
    tour.end().await;
}

/// Entra ID deletes one person more than the guard lets go.
fn hold_back(console: &Console) {
    let one = Measure { people: 1, share: 0 };
    console.write(move |tx| {
        deprovisioning_guard::set(
            tx,
            Limits { accounts: Measures { hour: one, day: one }, ..Limits::default() },
        )
    });
    let last = console.org.write(&Actor::Entra, |tx| {
        let mut warning = None;
        for name in ["ana@example.com", "bo@example.com"] {
            let wish = UserInput {
                profile: Profile::named(name),
                emails: Vec::new(),
                active: true,
                site: SiteWish::Unsaid,
            };
            let known = by_entra::create(tx, wish)?.split().0.known;
            warning = by_entra::remove(tx, known)?.split().0.1;
        }
        let noted = rollcall::domain::Noted::unaudited(warning, "each user has an entry of their own");
        Ok::<_, rollcall::error::Error>(noted)
    });
    assert!(last.unwrap().is_some(), "the second is held");
}

#[actix_web::test]
async fn a_dangerous_button_stays_off_until_the_words_are_typed_and_a_dialog_asks_first() {
    let console = Console::open();
    let ana = console.user("ana@example.com", None);
    let tour = Tour::start(&console.address, Script::On).await;
    tour.sign_in("olga", PASSWORD).await;
    tour.go(&format!("/users/delete?id={}", ana.id)).await;
    assert!(!tour.is_enabled("form button.danger").await);
    tour.fill("typed", "ana").await;
    assert!(!tour.is_enabled("form button.danger").await);
    tour.fill("typed", "ana@example.com").await;
    assert!(tour.is_enabled("form button.danger").await);

    tour.go(&format!("/users/{}", ana.id)).await;
    tour.click("Deactivate").await;
    tour.see("will be signed out at once").await;
    tour.click("Cancel").await;
    assert!(console.find("ana@example.com").unwrap().active);
    tour.click("Deactivate").await;
    tour.click("Continue").await;
    tour.see("can no longer sign in").await;
    assert!(!console.find("ana@example.com").unwrap().active);
    tour.end().await;
}
