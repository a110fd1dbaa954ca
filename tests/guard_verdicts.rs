//! A verdict is on what was seen, and frees only whom it names.

use crate::guard::{active, bar_all, barred, crew, held, name, renamed, strict};
use crate::harness::idp::Says;
use crate::harness::{Browser, Console, Page};
use chrono::TimeDelta;
use rollcall::domain::Role;
use rollcall::domain::deprovisioning_guard::{self, Limits, Measure, Measures};
use rollcall::domain::users::{self, EntraState};
use rollcall::keys::UserId;
use serde_json::json;

const ADAM: &str = "adam@example.com";
const MALLORY: &str = "mallory@example.com";

fn appoint(console: &Console, name: &str, role: Role) -> UserId {
    let id = console.find(name).unwrap().id;
    let key = id.clone();
    console.write(move |tx| rollcall::domain::admins::appoint(tx, &key, role));
    id
}

/// Posts what a script would, which has no page before it.
async fn decide_bare(browser: &Browser, fields: &[(&str, &str)]) -> Page {
    let csrf = browser.get("/account").await.value("input[name=csrf]").unwrap();
    let fields = [&[("csrf", csrf.as_str())], fields].concat();
    browser.post_bare("/held", &fields).await.shown().await
}

#[actix_web::test]
async fn a_verdict_on_something_else_than_was_shown_does_nothing_and_shows_what_waits_now() {
    let (console, entra, ids) = crew(18);
    for (number, id) in ids.iter().enumerate().take(11) {
        entra.patch(&format!("/Users/{id}"), renamed(&format!("person{number}@example.org"))).await;
    }
    let browser = console.signed_in("olga").await;
    let id = console.find(&name(10)).unwrap().id;
    let shown = browser.get("/held").await;
    assert!(shown.text().contains("New user name person10@example.org"));
    entra.patch(&format!("/Users/{}", ids[10]), renamed(MALLORY)).await;
    for verdict in ["release", "discard"] {
        let fields = [("verdict", verdict), ("user", id.as_str())];
        let browsers = shown.submit("/held", &with_shown(&shown, id.as_str(), &fields)).await.refused();
        assert!(browsers.text().contains("Nothing was done: look at what waits now"), "{}", browsers.text());
        assert!(browsers.text().contains(&format!("New user name {MALLORY}")));
    }
    assert!(console.find(MALLORY).is_none());
    // Nor does a script that was shown nothing release what has changed since it was held back.
    let told = decide_bare(&browser, &[("verdict", "release"), ("user", id.as_str())]).await;
    assert!(told.text().contains("Nothing was done"), "{}", told.text());
    assert!(console.find(MALLORY).is_none());
    // What has not changed it does release.
    let other = console.find(&name(9)).unwrap().id;
    decide_bare(&browser, &[("verdict", "release"), ("user", other.as_str())]).await;
    assert_eq!(console.find("person9@example.org").unwrap().id, other);
}

/// The fields with what this page shows of the user: the harness keeps one field of a name, a page has one a row.
fn with_shown<'f>(page: &'f Page, id: &str, fields: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let start = format!("value=\"{id}:");
    let at = page.body.find(&start).expect("what is shown of the user") + "value=\"".len();
    let value = &page.body[at..at + page.body[at..].find('"').unwrap()];
    [fields, &[("shown", value)]].concat()
}

#[actix_web::test]
async fn a_deactivation_that_became_a_deletion_is_not_released_as_the_former() {
    let (console, entra, ids) = crew(10);
    strict(&console, 1);
    bar_all(&entra, &ids[..2]).await;
    let browser = console.signed_in("olga").await;
    let id = console.find(&name(1)).unwrap().id;
    let shown = browser.get("/held").await;
    assert_eq!(entra.delete(&format!("/Users/{}", ids[1])).await.status, 204);
    let fields = [("verdict", "release"), ("user", id.as_str())];
    shown.submit("/held", &with_shown(&shown, id.as_str(), &fields)).await;
    let now = console.find(&name(1)).unwrap();
    assert_eq!((now.active, now.entra_state), (true, EntraState::Linked));
    // With the new state shown it goes.
    let shown = browser.get("/held").await;
    shown.submit("/held", &with_shown(&shown, id.as_str(), &fields)).await;
    assert_eq!(console.find(&name(1)).unwrap().entra_state, EntraState::Deleted);
}

#[actix_web::test]
async fn releasing_all_takes_nobody_who_came_after_the_page_was_shown() {
    let (console, entra, ids) = crew(40);
    strict(&console, 2);
    bar_all(&entra, &ids[..6]).await;
    let browser = console.signed_in("olga").await;
    let shown = browser.get("/held").await;
    bar_all(&entra, &ids[6..9]).await;
    let told = shown.submit("/held", &[("verdict", "release-all")]).await.follow().await;
    assert!(told.text().contains("is done (4)") && told.text().contains("since the page was shown: 3"));
    assert_eq!((barred(&console, 40), held(&console)), (6, 3));
    // They go on being counted: the measure of two is used up.
    bar_all(&entra, &ids[9..11]).await;
    assert_eq!((barred(&console, 40), held(&console)), (6, 5));
    // A page on which nothing was held back begins no count anew for what came since.
    let told = shown.submit("/held", &[("verdict", "release-all"), ("shown_until", "0")]).await;
    assert!(told.follow().await.text().contains("since the page was shown: 5"));
    bar_all(&entra, &ids[11..12]).await;
    assert_eq!((barred(&console, 40), held(&console)), (6, 6));
}

#[actix_web::test]
async fn releasing_all_frees_nobody_who_was_kept() {
    let (console, entra, ids) = crew(40);
    strict(&console, 2);
    bar_all(&entra, &ids[..4]).await;
    let browser = console.signed_in("olga").await;
    let kept = console.find(&name(2)).unwrap().id;
    decide_bare(&browser, &[("verdict", "discard"), ("user", kept.as_str())]).await;
    let told = decide_bare(&browser, &[("verdict", "release-all")]).await;
    assert!(told.text().contains("is done (1)"), "{}", told.text());
    bar_all(&entra, &ids[2..3]).await;
    assert!(console.find(&name(2)).unwrap().active, "kept is kept, for a day");
    assert_eq!(held(&console), 1);
    // Nor does it when nothing is held back, and for a day from the last try.
    decide_bare(&browser, &[("verdict", "discard"), ("user", kept.as_str())]).await;
    console.clock.advance(TimeDelta::hours(23));
    let browser = console.signed_in("olga").await;
    let told = decide_bare(&browser, &[("verdict", "release-all")]).await;
    assert!(told.text().contains("The count begins anew."), "{}", told.text());
    bar_all(&entra, &ids[2..3]).await;
    assert!(console.find(&name(2)).unwrap().active);
    // Named, they go.
    decide_bare(&browser, &[("verdict", "release"), ("user", kept.as_str())]).await;
    assert!(!console.find(&name(2)).unwrap().active);
}

#[actix_web::test]
async fn releasing_leavers_begins_no_count_of_user_names_anew() {
    let (console, entra, ids) = crew(40);
    let one = Measure { people: 1, share: 0 };
    let measures = Measures { hour: one, day: one };
    let limits = Limits { accounts: measures, user_names: measures, ..Limits::default() };
    console.write(move |tx| deprovisioning_guard::set(tx, limits));
    entra.patch(&format!("/Users/{}", ids[20]), renamed("twenty@example.org")).await;
    bar_all(&entra, &ids[..2]).await;
    let browser = console.signed_in("olga").await;
    decide_bare(&browser, &[("verdict", "release-all")]).await;
    assert_eq!((barred(&console, 20), held(&console)), (2, 0));
    entra.patch(&format!("/Users/{}", ids[21]), renamed("twenty-one@example.org")).await;
    assert_eq!(held(&console), 1, "one new name an hour is the measure");
}

#[actix_web::test]
async fn a_released_name_of_an_account_with_a_role_signs_nobody_in_until_an_owner_looked_at_that_account() {
    for verdict in ["release", "release-all"] {
        let (console, entra, ids) = crew(18);
        console.trust_entra(true);
        let adam = console.user(ADAM, None).scim_id;
        let id = appoint(&console, ADAM, Role::Administrator);
        for (number, id) in ids.iter().enumerate().take(9) {
            entra.patch(&format!("/Users/{id}"), renamed(&format!("person{number}@example.org"))).await;
        }
        entra.patch(&format!("/Users/{adam}"), renamed(MALLORY)).await;
        assert_eq!(held(&console), 1);
        let olga = console.signed_in("olga").await;
        let page = olga.get("/held").await;
        assert!(page.text().contains("Administrator"), "the page says that the account has a role");
        page.submit("/held", &with_shown(&page, id.as_str(), &[("verdict", verdict), ("user", id.as_str())]))
            .await;
        assert_eq!(console.find(MALLORY).unwrap().id, id, "{verdict}");
        let mallory = console.browser();
        assert_eq!(mallory.bring(&Says::of(&console, MALLORY)).await.status, 403, "{verdict}");
        assert!(olga.get("/identity/trust").await.text().contains("Accounts whose recognition waits"));
        let path = format!("/administrators/{id}");
        olga.submit(&path, &format!("{path}/recognition"), &[]).await;
        assert_eq!(mallory.bring(&Says::of(&console, MALLORY)).await.status, 303, "an owner looked");
    }
}

#[actix_web::test]
async fn newcomers_do_not_widen_the_measure_of_those_who_were_there() {
    for (there, newcomers, most) in [(10, 20, 5), (18, 250, 9), (40, 400, 10)] {
        let (console, entra, ids) = crew(there);
        bar_all(&entra, &ids[..1]).await;
        let more = move |tx: &mut rollcall::domain::Tx| {
            use rollcall::domain::users::by_entra::{self, SiteWish, UserInput};
            for number in 0..newcomers {
                let profile = users::Profile::named(&format!("new{number}@example.com"));
                by_entra::create(
                    tx,
                    UserInput { profile, emails: Vec::new(), active: true, site: SiteWish::Unsaid },
                )?;
            }
            let noted = rollcall::domain::Noted::unaudited((), "each user has an entry of their own");
            Ok::<_, rollcall::error::Error>(noted)
        };
        console.org.write(&rollcall::domain::Actor::Entra, more).unwrap();
        bar_all(&entra, &ids[1..]).await;
        assert_eq!(barred(&console, there), most, "of {there} with {newcomers} newcomers");
    }
}

#[actix_web::test]
async fn an_auditor_reads_the_limits_in_words() {
    let (console, ..) = crew(2);
    console.admin("audrey", Role::Auditor);
    let text = console.signed_in("audrey").await.get("/held").await.text();
    assert!(
        text.contains("Lost accounts in a day more than 20 people and 10 % of the active users"),
        "{text}"
    );
    assert!(!text.contains("day_share") && !text.contains("name_people"), "{text}");
}

#[actix_web::test]
async fn what_is_held_back_by_number_is_taken_back_by_entra_id_as_before() {
    let (console, entra, ids) = crew(10);
    strict(&console, 1);
    bar_all(&entra, &ids[..2]).await;
    let first = console.find(&name(1)).unwrap().hold().unwrap();
    entra.patch(&format!("/Users/{}", ids[1]), active(true)).await;
    assert_eq!(console.find(&name(1)).unwrap().hold(), None);
    bar_all(&entra, &ids[1..2]).await;
    assert!(console.find(&name(1)).unwrap().hold().unwrap() > first, "another hold, another number");
    assert_eq!(entra.get("/Users").await.at("/totalResults"), &json!(10));
}

#[actix_web::test]
async fn what_is_held_back_is_marked_wherever_the_person_is_seen() {
    let (console, entra, ids) = crew(10);
    let id = appoint(&console, &name(5), Role::Auditor);
    let users = json!([{ "value": ids[5] }]);
    entra.post("/Groups", json!({ "displayName": "Crew", "members": users })).await;
    console.site("Oslo");
    strict(&console, 1);
    bar_all(&entra, &ids[..1]).await;
    bar_all(&entra, &ids[5..6]).await;
    let olga = console.signed_in("olga").await;
    let groups = olga.get("/groups").await.body;
    let start = groups.find("/groups/").unwrap();
    let group = groups[start..].split('"').next().unwrap().to_owned();
    let pages = [
        "/users",
        "/users?state=held",
        &format!("/users/{id}"),
        &format!("/users/delete?id={id}"),
        &format!("/users/site?id={id}"),
        "/administrators",
        &format!("/administrators/{id}"),
        &group,
    ];
    for path in pages {
        let page = olga.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains(&name(5)), "{path} shows the person");
        assert!(page.text().contains("Deactivation held back"), "{path}: {}", page.text());
    }
}

#[actix_web::test]
async fn a_user_name_that_is_held_back_is_found_where_somebody_meets_it() {
    let (console, entra, ids) = crew(18);
    console.trust_entra(true);
    for (number, id) in ids.iter().enumerate().take(10) {
        entra.patch(&format!("/Users/{id}"), renamed(&format!("Person{number}@example.org"))).await;
    }
    let waiting = console.find(&name(9)).unwrap();
    assert_eq!(waiting.held_name.as_deref(), Some("Person9@example.org"));
    let olga = console.signed_in("olga").await;
    let found = olga.get("/users?q=person9%40example.org").await;
    assert!(found.body.contains(&format!("/users/{}", waiting.id)), "{}", found.text());
    // At sign-in by the new name nobody is told to create the user, nor is one made.
    console.sso(|settings| settings.create_users = true);
    assert_eq!(console.browser().bring(&Says::of(&console, "person9@EXAMPLE.org")).await.status, 403);
    assert_eq!(console.find("person9@example.org").map(|user| user.id), None);
    let line = olga.get("/activity/sign-ins").await;
    let reference =
        line.body.split("/activity/sign-ins/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let reference = format!("/activity/sign-ins/{reference}");
    let event = olga.get(&reference).await;
    assert!(event.text().contains("the guard holds the new name back"), "{}", event.text());
    assert!(event.has("a[href='/held']") && event.text().contains("user_name_held"));
    assert!(event.body.contains(&format!("/users/{}", waiting.id)), "it names the account");
    // Whoever waits for both is marked so.
    bar_all(&entra, &ids[..10]).await;
    let list = olga.get("/users?q=user9").await.text();
    assert!(list.contains("Deactivation and new user name held back"), "{list}");
    // Decided on, the name is looked for no more.
    let id = waiting.id.clone();
    decide_bare(&olga, &[("verdict", "discard"), ("user", id.as_str())]).await;
    assert!(!olga.get("/users?q=person9%40example.org").await.body.contains(&format!("/users/{id}")));
}
