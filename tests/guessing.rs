//! Whoever guesses passwords is slowed down, and nobody else: by (account, address) and by block, never by account.

use crate::harness::{Browser, Console, PASSWORD, Page};
use chrono::TimeDelta;
use rollcall::domain::audit::{self, Action};
use rollcall::domain::{Role, admins};
use rollcall::web::ConnectionLimits;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const NEW: &str = "another fine pass phrase";

async fn sign_in(browser: &Browser, user_name: &str, password: &str) -> Page {
    browser.submit("/sign-in", "/sign-in", &[("user_name", user_name), ("password", password)]).await
}

/// Uses up what a pair of account and address may try for nothing, at a time that does not pass meanwhile.
async fn lock(console: &Console, browser: &Browser, user_name: &str) {
    console.clock.stop_at(console.clock.now());
    for _ in 0..5 {
        assert_eq!(sign_in(browser, user_name, "wrong").await.status, 422);
    }
    let locked = sign_in(browser, user_name, PASSWORD).await;
    assert_eq!((locked.status, locked.headers["retry-after"].to_str().unwrap()), (429, "61"));
    assert!(locked.text().contains("Too many attempts. Try again in"));
}

#[actix_web::test]
async fn guessing_elsewhere_locks_nobody_out() {
    let console = Console::open();
    lock(&console, &console.browser_at("127.0.0.66"), "olga").await;
    assert_eq!(
        sign_in(&console.browser(), "olga", PASSWORD).await.status,
        303,
        "a neighbour in the same block"
    );
    assert_eq!(sign_in(&console.browser_at("127.9.0.1"), "olga", PASSWORD).await.status, 303);
}

#[actix_web::test]
async fn a_device_that_signed_in_before_is_let_in_from_the_very_address_of_the_guessing() {
    let console = Console::open();
    let known = console.signed_in("olga").await;
    let home = known.get("/").await;
    home.submit("/sign-out", &[]).await;
    assert!(known.cookie("rollcall_device").is_some(), "signing out keeps the device");
    lock(&console, &console.browser(), "olga").await;
    assert_eq!(sign_in(&known, "olga", PASSWORD).await.status, 303);
    known.get("/").await.submit("/sign-out", &[]).await;
    // It is known for the accounts that signed in on it, and no other.
    console.admin("adam", Role::Administrator);
    lock(&console, &console.browser(), "adam").await;
    assert_eq!(sign_in(&known, "adam", PASSWORD).await.status, 429);
}

#[actix_web::test]
async fn a_whole_network_behind_one_address_is_slowed_down_and_not_locked() {
    let console = Console::open();
    let anybody = console.browser();
    for number in 0..32 {
        assert_eq!(sign_in(&anybody, &format!("user{number}"), "wrong").await.status, 422);
    }
    assert_eq!(sign_in(&console.browser(), "olga", PASSWORD).await.status, 303);
}

#[actix_web::test]
async fn a_stolen_device_cookie_guesses_no_more_than_its_budget() {
    let console = Console::open();
    let known = console.signed_in("olga").await;
    known.get("/").await.submit("/sign-out", &[]).await;
    let thief = console.browser_at("127.0.0.66");
    thief.set_cookie("rollcall_device", &known.cookie("rollcall_device").unwrap());
    for _ in 0..10 {
        assert_eq!(sign_in(&thief, "olga", "wrong").await.status, 422);
    }
    lock(&console, &thief, "olga").await;
    let elsewhere = console.browser_at("127.0.0.67");
    elsewhere.set_cookie("rollcall_device", &known.cookie("rollcall_device").unwrap());
    lock(&console, &elsewhere, "olga").await;
    assert_eq!(sign_in(&known, "olga", PASSWORD).await.status, 303, "as from any address that has not tried");
}

#[actix_web::test]
async fn another_password_and_the_loss_of_a_role_make_devices_unknown() {
    let console = Console::open();
    let (here, there) = (console.signed_in("olga").await, console.signed_in("olga").await);
    let change = [("current", PASSWORD), ("password", NEW), ("password_again", NEW)];
    assert_eq!(here.submit("/account", "/account/password", &change).await.status, 303);
    lock(&console, &console.browser(), "olga").await;
    assert_eq!(sign_in(&there, "olga", NEW).await.status, 429, "known by the old password only");
    here.get("/").await.submit("/sign-out", &[]).await;
    assert_eq!(sign_in(&here, "olga", NEW).await.status, 303, "where it was changed");

    let eve = console.admin("eve", Role::Auditor);
    let hers = console.signed_in("eve").await;
    let id = eve.id.clone();
    console.write(move |tx| admins::appoint(tx, &id, Role::None));
    console.write(move |tx| admins::appoint(tx, &eve.id, Role::Auditor));
    lock(&console, &console.browser(), "eve").await;
    assert_eq!(sign_in(&hers, "eve", PASSWORD).await.status, 429);
}

#[actix_web::test]
async fn nobody_else_can_keep_somebody_from_proving_themselves_again() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    lock(&console, &console.browser(), "olga").await;
    let proved = olga.submit("/confirm", "/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(proved.status, 303);
    for _ in 0..5 {
        let wrong = olga.submit("/confirm", "/confirm", &[("password", "wrong")]).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.text().contains("The password is wrong."));
    }
    // Whoever has her session and not her device waits, and does not make her wait.
    let thief = console.browser();
    thief.set_cookie("rollcall_session", &olga.cookie("rollcall_session").unwrap());
    let waits = thief.submit("/confirm", "/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(waits.status, 429);
    assert!(waits.headers.contains_key("retry-after"));
    let fields = [("current", PASSWORD), ("password", NEW), ("password_again", NEW)];
    let account = thief.submit("/account", "/account/password", &fields).await;
    assert_eq!(
        (account.status, account.headers.contains_key("retry-after")),
        (429, true),
        "one budget for both"
    );
    assert_eq!(olga.submit("/confirm", "/confirm", &[("password", PASSWORD)]).await.status, 303);
    assert_eq!(sign_in(&console.browser_at("127.0.0.66"), "olga", PASSWORD).await.status, 303);
    console.clock.advance(TimeDelta::minutes(5));
    assert_eq!(olga.submit("/confirm", "/confirm", &[("password", PASSWORD)]).await.status, 303);
    let log = olga.get("/activity").await;
    assert!(log.text().contains("olga entered a wrong password when asked for it again"), "{}", log.text());
}

#[actix_web::test]
async fn a_stolen_session_guesses_no_more_from_other_addresses_and_is_seen() {
    let mut console = Console::open();
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let header = rollcall::config::ForwardedHeader::XForwardedFor;
    let address = console.served_with(|site| site.proxies = rollcall::web::Proxies { networks, header });
    let [robbed, owner] = [Browser::new(&address), Browser::new(&address)];
    for browser in [&robbed, &owner] {
        assert_eq!(sign_in(browser, "olga", PASSWORD).await.status, 303);
    }
    let thief = Browser::new(&address);
    thief.set_cookie("rollcall_session", &robbed.cookie("rollcall_session").unwrap());
    let mut heard = Vec::new();
    for number in 0..12 {
        let token = thief.get("/confirm").await.value("form input[name=csrf]").unwrap();
        let form = [("csrf", token.as_str()), ("password", "a wrong one of them")];
        let from = format!("198.51.{number}.1");
        let request = thief.request(reqwest::Method::POST, "/confirm").header("x-forwarded-for", from);
        heard.push(thief.send(request.form(&form)).await.status);
        if number == 6 {
            // Another key of the same session gives no new tries.
            let end = thief.get("/account").await.submit("/account/sessions/end", &[]).await;
            assert_eq!(end.status, 303);
        }
    }
    assert!(heard[..5].iter().all(|status| *status == 422), "{heard:?}");
    assert!(
        heard[5..].contains(&429) && heard[7..].iter().filter(|status| **status == 422).count() < 3,
        "{heard:?}"
    );
    assert_eq!(sign_in(&owner, "olga", PASSWORD).await.status, 303);
    let proved = owner.submit("/confirm", "/confirm", &[("password", PASSWORD)]).await;
    assert_eq!(proved.status, 303, "another session of hers is not held up");
}

/// How many tries with olga's password are counted.
fn tries(console: &Console) -> i32 {
    use diesel::prelude::*;
    use rollcall::db::schema::sign_in_failures::dsl::{failures, sign_in_failures, user_id};
    let hers = sign_in_failures.filter(user_id.is_not_null()).select(failures);
    console.org.read(|conn| Ok(hers.first(conn)?)).unwrap()
}

async fn tries_are(console: &Console, count: i32) {
    let are = async {
        while tries(console) != count {
            actix_web::rt::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), are).await.unwrap_or_else(|_| panic!("{} tries", tries(console)));
}

#[actix_web::test]
async fn a_try_whose_password_nobody_looked_at_is_taken_back() {
    let mut console = Console::open();
    let address =
        console.served_with(|site| site.connection_limits = ConnectionLimits { most: 64, share: 2 });
    let browser = Browser::new(&address);
    // From the third mistake on a try waits before its password is looked at.
    for _ in 0..3 {
        assert_eq!(sign_in(&browser, "olga", "wrong").await.status, 422);
    }
    let form = async |password: &'static str| {
        let browser = Browser::new(&address);
        let token = browser.get("/sign-in").await.value("form input[name=csrf]").unwrap();
        let form = [("csrf", token.as_str()), ("user_name", "olga"), ("password", password)];
        let request = browser.request(reqwest::Method::POST, "/sign-in").form(&form);
        request.header("cookie", browser.cookies())
    };
    let right = actix_web::rt::spawn(form(PASSWORD).await.send());
    tries_are(&console, 4).await;
    let _wrong = actix_web::rt::spawn(form("wrong").await.send());
    tries_are(&console, 5).await;
    // The share of this address is used up: the one that waits longest goes.
    let _third = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    assert!(right.await.unwrap().is_err(), "its connection was cut");
    tries_are(&console, 4).await;
}

#[actix_web::test]
async fn a_mistake_in_a_network_from_which_many_guess_costs_nobody_the_right_password() {
    let console = Console::open();
    for number in 0..400 {
        let origin = rollcall::domain::admins::sign_in::Origin::of("127.0.0.66");
        let caller = rollcall::domain::admins::sign_in::Caller::Stranger;
        console.write(move |tx| {
            let name = format!("name{}", number / 2);
            rollcall::domain::admins::sign_in::register(tx, &name, &origin, &caller)?
                .split()
                .0
                .map(drop)
                .or(Ok(()))
        });
    }
    let olga = console.browser();
    assert_eq!(sign_in(&olga, "olga", "a mistake of hers").await.status, 422);
    assert_eq!(sign_in(&olga, "olga", PASSWORD).await.status, 303);
}

#[actix_web::test]
async fn owners_see_on_home_whose_password_is_guessed_at() {
    let console = Console::open();
    console.admin("audrey", Role::Auditor);
    let olga = console.signed_in("olga").await;
    assert!(!olga.get("/").await.text().contains("guesses at the password"));
    for host in 60..63 {
        sign_in(&console.browser_at(&format!("127.0.0.{host}")), "olga", "wrong").await;
    }
    let home = olga.get("/").await.text();
    assert!(
        home.contains("Somebody guesses at the password of olga: 3 wrong tries from 3 addresses since"),
        "{home}"
    );
    let audrey = console.signed_in("audrey").await;
    assert!(!audrey.get("/").await.text().contains("guesses at the password"), "owners only");
}

#[actix_web::test]
async fn strangers_leave_few_entries_an_hour_for_each_account_and_network() {
    let console = Console::open();
    let refused = |console: &Console| {
        let since = console.org.now() - TimeDelta::days(1);
        console.org.read(|conn| audit::count_since(conn, Action::SignInRefused, since)).unwrap()
    };
    for number in 0..8 {
        let stranger = console.browser_at(&format!("127.0.0.{}", 60 + number));
        sign_in(&stranger, "olga", "wrong").await;
        sign_in(&stranger, &format!("nobody{number}"), "wrong").await;
    }
    assert_eq!(refused(&console), 10, "five for olga, five for names that nobody has");
    sign_in(&console.browser_at("127.0.1.1"), "olga", "wrong").await;
    assert_eq!(refused(&console), 11, "another network");
    console.clock.advance(TimeDelta::minutes(61));
    sign_in(&console.browser_at("127.0.0.60"), "olga", "wrong").await;
    assert_eq!(refused(&console), 12, "another hour");
}

/// Refuses so many sign-ins under these names, each from a network of its own.
fn refuse(console: &Console, names: &'static [&'static str], networks: std::ops::Range<u32>, locks: bool) {
    use rollcall::domain::admins::sign_in::{self, Origin};
    console.write(move |tx| {
        for network in networks {
            let origin = Origin::of(&format!("10.{}.{}.7", network / 250, network % 250));
            for name in names {
                sign_in::refuse(tx, name, &origin, false, locks)?;
            }
        }
        Ok(())
    });
}

fn entries(console: &Console, action: Action) -> i64 {
    console.org.read(move |conn| audit::count_since(conn, action, chrono::NaiveDateTime::default())).unwrap()
}

#[actix_web::test]
async fn the_noise_of_others_keeps_no_lock_out_of_an_owner_from_the_log() {
    let console = Console::open();
    refuse(&console, &["nobody"], 0..300, false);
    assert_eq!(entries(&console, Action::SignInRefused), 200, "all strangers together");
    refuse(&console, &["nobody"], 0..1, true);
    assert_eq!(entries(&console, Action::SignInLocked), 0);
    refuse(&console, &["olga"], 300..340, true);
    assert_eq!(entries(&console, Action::SignInLocked), 20, "an owner's are apart, and bounded as well");
}

#[actix_web::test]
async fn one_network_uses_up_its_own_share_of_the_log() {
    let console = Console::open();
    let names = &["a1", "a2", "a3", "a4", "a5", "a6"];
    for name in names {
        console.user(name, None);
    }
    for _ in 0..5 {
        refuse(&console, names, 0..1, false);
    }
    assert_eq!(entries(&console, Action::SignInRefused), 20);
    refuse(&console, names, 1..2, false);
    assert_eq!(entries(&console, Action::SignInRefused), 26);
}

#[actix_web::test]
async fn of_refusals_the_oldest_are_forgotten_and_never_an_owners_for_others() {
    let console = Console::open();
    console.user("ana", None);
    refuse(&console, &["olga"], 0..3, false);
    for _ in 0..3 {
        console.clock.advance(TimeDelta::minutes(61));
        refuse(&console, &["ana"], 0..200, false);
    }
    assert_eq!(entries(&console, Action::SignInRefused), 503, "five hundred of one account, and the owner's");
}
