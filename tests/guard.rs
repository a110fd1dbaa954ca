//! The guard against mass deprovisioning: Entra ID reads what it wrote, and nobody loses anything unseen.

use crate::harness::{Console, Entra};
use chrono::TimeDelta;
use rollcall::domain::deprovisioning_guard::{self, Limits, Loss, Measure};
use rollcall::domain::users::by_entra::{self, SiteWish, UserInput};
use rollcall::domain::users::{EntraState, Profile};
use rollcall::domain::{Actor, Noted};
use serde_json::{Value, json};

/// An organisation of so many people whom Entra ID made, with the guard as it comes; the ids that SCIM knows.
pub fn crew(people: usize) -> (Console, Entra, Vec<String>) {
    let (console, entra) = Console::with_entra();
    let make = move |tx: &mut rollcall::domain::Tx| -> rollcall::error::Result<Noted<Vec<String>>> {
        let wish = |number| UserInput {
            profile: Profile::named(&name(number)),
            emails: Vec::new(),
            active: true,
            site: SiteWish::Absent,
        };
        let ids = (0..people)
            .map(|number| Ok(by_entra::create(tx, wish(number))?.split().0.known.user.scim_id))
            .collect::<rollcall::error::Result<Vec<_>>>()?;
        Ok(Noted::unaudited(ids, "each user has an entry of their own"))
    };
    let ids = console.org.write(&Actor::Entra, make).unwrap();
    (console, entra, ids)
}

/// A guard that lets so many people go, in either window.
pub fn strict(console: &Console, people: i64) {
    let measure = Measure { people, share: 0 };
    console.write(move |tx| {
        let accounts = deprovisioning_guard::Measures { hour: measure, day: measure };
        deprovisioning_guard::set(tx, Limits { accounts, ..Limits::default() })
    });
}

pub fn name(number: usize) -> String {
    format!("user{number}@example.com")
}

pub fn active(value: bool) -> Value {
    json!([{ "op": "Replace", "path": "active", "value": if value { "True" } else { "False" } }])
}

pub fn renamed(to: &str) -> Value {
    json!([{ "op": "Replace", "path": "userName", "value": to }])
}

pub async fn bar(entra: &Entra, id: &str) {
    let done = entra.patch(&format!("/Users/{id}"), active(false)).await;
    assert_eq!((done.status, done.at("/active")), (200, &json!(false)), "the answer is as Entra ID asked");
}

pub async fn bar_all(entra: &Entra, ids: &[String]) {
    for id in ids {
        bar(entra, id).await;
    }
}

pub fn who_may_sign_in(console: &Console, people: usize) -> Vec<usize> {
    (0..people).filter(|number| console.find(&name(*number)).is_some_and(|user| user.active)).collect()
}

pub fn barred(console: &Console, people: usize) -> usize {
    people - who_may_sign_in(console, people).len()
}

pub fn held(console: &Console) -> i64 {
    console.org.read(rollcall::domain::held::count).unwrap().users
}

#[actix_web::test]
async fn of_eighteen_people_half_may_go_within_an_hour_and_the_tenth_is_held() {
    let (console, entra, ids) = crew(18);
    bar_all(&entra, &ids).await;
    assert_eq!(barred(&console, 18), 9);
    assert_eq!(held(&console), 9);
}

#[actix_web::test]
async fn of_three_hundred_people_five_per_cent_may_go_within_an_hour_and_ten_within_a_day() {
    let (console, entra, ids) = crew(300);
    bar_all(&entra, &ids[..15]).await;
    assert_eq!((barred(&console, 300), held(&console)), (15, 0));
    bar(&entra, &ids[15]).await;
    assert_eq!((barred(&console, 300), held(&console)), (15, 1));
    // An hour later as many may go as the day still takes: 30 distinct people, of whom one waits.
    console.clock.advance(TimeDelta::minutes(61));
    bar_all(&entra, &ids[16..40]).await;
    assert_eq!((barred(&console, 300), held(&console)), (29, 11));
    console.clock.advance(TimeDelta::hours(25));
    bar_all(&entra, &ids[40..50]).await;
    assert_eq!((barred(&console, 300), held(&console)), (39, 11), "what waits goes on waiting");
}

#[actix_web::test]
async fn a_slow_drip_is_seen_by_the_day() {
    let (console, entra, ids) = crew(100);
    for id in &ids[..23] {
        bar(&entra, id).await;
        console.clock.advance(TimeDelta::minutes(40));
    }
    assert_eq!((barred(&console, 100), held(&console)), (20, 3), "a day takes 20 of a hundred");
}

#[actix_web::test]
async fn one_person_counts_once_however_often_they_are_switched() {
    let (console, entra, ids) = crew(100);
    for _ in 0..20 {
        bar(&entra, &ids[0]).await;
        entra.patch(&format!("/Users/{}", ids[0]), active(true)).await;
    }
    assert_eq!(held(&console), 0);
    bar_all(&entra, &ids[1..10]).await;
    assert_eq!((barred(&console, 100), held(&console)), (9, 0), "they are the second to the tenth");
    // Whoever went already takes nobody's place by going again; the eleventh waits.
    bar(&entra, &ids[0]).await;
    bar(&entra, &ids[10]).await;
    assert_eq!((barred(&console, 100), held(&console)), (10, 1));
}

#[actix_web::test]
async fn it_is_held_whichever_request_asks() {
    let (console, entra, ids) = crew(40);
    strict(&console, 1);
    bar(&entra, &ids[0]).await;
    let put = entra.put(&format!("/Users/{}", ids[1]), json!({ "userName": name(1), "active": false })).await;
    assert_eq!((put.status, put.at("/active")), (200, &json!(false)));
    assert_eq!(entra.delete(&format!("/Users/{}", ids[2])).await.status, 204);
    let operations: Vec<Value> = ids[3..6]
        .iter()
        .map(|id| json!({ "method": "PATCH", "path": format!("/Users/{id}"), "data": { "Operations": active(false) } }))
        .chain([json!({ "method": "DELETE", "path": format!("/Users/{}", ids[6]) })])
        .collect();
    let bulk =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    assert_eq!(entra.post("/Bulk", bulk).await.status, 200);
    // A deletion that waits is taken over again by a create, here of somebody inactive.
    let again = entra.post("/Users", json!({ "userName": name(2), "active": false })).await;
    assert_eq!((again.status, again.at("/active")), (201, &json!(false)));
    assert_eq!((barred(&console, 40), held(&console)), (1, 6));
}

#[actix_web::test]
async fn what_is_held_reads_as_done() {
    let (console, entra, ids) = crew(10);
    strict(&console, 2);
    for id in &ids[..5] {
        bar(&entra, id).await;
        let read = entra.get(&format!("/Users/{id}")).await;
        assert_eq!(read.at("/active"), false);
    }
    assert_eq!(who_may_sign_in(&console, 10), [2, 3, 4, 5, 6, 7, 8, 9]);
    let found = entra.get("/Users?filter=active+eq+false").await;
    assert_eq!(found.at("/totalResults"), 5);
    // Other changes go through, and do not undo it.
    let titled = entra
        .patch(&format!("/Users/{}", ids[3]), json!([{ "op": "replace", "path": "title", "value": "x" }]))
        .await;
    assert_eq!(titled.at("/active"), false);
    assert_eq!(console.find(&name(3)).unwrap().profile.title.as_deref(), Some("x"));

    let deleted = entra.delete(&format!("/Users/{}", ids[5])).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(entra.get(&format!("/Users/{}", ids[5])).await.status, 404);
    assert_eq!(entra.find(&name(5)).await.at("/totalResults"), 0);
    assert_eq!(entra.get("/Users").await.at("/totalResults"), 9);
    // Eight may sign in, of whom Entra ID no longer sees one.
    let census = console.org.read(rollcall::domain::users::census).unwrap();
    assert_eq!((census.all_users, census.active_users), (9, 7));
    let kept = console.find(&name(5)).unwrap();
    assert_eq!((kept.active, kept.entra_state), (true, EntraState::Linked));
}

#[actix_web::test]
async fn what_waits_goes_on_waiting_when_entra_id_asks_for_more_later() {
    let (console, entra, ids) = crew(10);
    strict(&console, 1);
    bar_all(&entra, &ids[..2]).await;
    console.clock.advance(TimeDelta::days(30));
    // Entra ID deletes for good thirty days after: nobody has decided yet.
    assert_eq!(entra.delete(&format!("/Users/{}", ids[1])).await.status, 204);
    assert_eq!(entra.get(&format!("/Users/{}", ids[1])).await.status, 404);
    let user = console.find(&name(1)).unwrap();
    assert_eq!((user.active, user.entra_state), (true, EntraState::Linked));
}

#[actix_web::test]
async fn an_administrator_sees_it_wherever_the_person_is_seen_and_releases_all() {
    let (console, entra, ids) = crew(10);
    strict(&console, 2);
    bar_all(&entra, &ids[..4]).await;
    entra.delete(&format!("/Users/{}", ids[4])).await;
    let browser = console.signed_in("olga").await;
    let home = browser.get("/").await;
    assert!(home.text().contains("3 users and groups are held back"), "{}", home.text());
    let log = browser.get("/activity/provisioning?outcome=held").await;
    assert!(log.text().contains("Held back: too many users went at once"), "{}", log.text());
    let list = browser.get("/users?state=held").await;
    assert!(
        list.text().contains("3 users") && list.text().contains("Deactivation held back"),
        "{}",
        list.text()
    );
    assert!(list.text().contains("Deletion held back"));
    let page = browser.get(&format!("/users/{}", console.find(&name(2)).unwrap().id)).await;
    assert!(page.text().contains("Deactivation held back"));
    let held = browser.get("/held").await;
    assert!(held.text().contains(&name(2)) && held.text().contains(&name(4)));

    let released = browser.submit("/held", "/held", &[("verdict", "release-all")]).await.follow().await;
    assert!(released.text().contains("Released"), "{}", released.text());
    assert_eq!(who_may_sign_in(&console, 10), [5, 6, 7, 8, 9]);
    assert_eq!(console.find(&name(4)).unwrap().entra_state, EntraState::Deleted);
    assert!(browser.get("/held").await.text().contains("Nothing is held back"));
    // The count begins anew: two more may go.
    bar_all(&entra, &ids[5..8]).await;
    assert_eq!(who_may_sign_in(&console, 10), [7, 8, 9]);
}

#[actix_web::test]
async fn a_verdict_on_one_frees_nobody_else() {
    let (console, entra, ids) = crew(40);
    bar_all(&entra, &ids[..14]).await;
    assert_eq!((barred(&console, 40), held(&console)), (10, 4));
    let browser = console.signed_in("olga").await;
    let [one, other] = [10, 11].map(|number| console.find(&name(number)).unwrap().id);
    browser.submit("/held", "/held", &[("verdict", "release"), ("user", one.as_str())]).await;
    assert_eq!((barred(&console, 40), held(&console)), (11, 3), "the one goes");
    browser.submit("/held", "/held", &[("verdict", "discard"), ("user", other.as_str())]).await;
    assert_eq!((barred(&console, 40), held(&console)), (11, 2), "the other stays");
    bar_all(&entra, &ids[14..20]).await;
    assert_eq!((barred(&console, 40), held(&console)), (11, 8), "and everybody else goes on waiting");
    // Whoever was released may be switched again: that is decided.
    entra.patch(&format!("/Users/{}", ids[10]), active(true)).await;
    bar(&entra, &ids[10]).await;
    assert_eq!((barred(&console, 40), held(&console)), (11, 8));
}

#[actix_web::test]
async fn whoever_is_kept_is_held_at_each_further_try_without_another_verdict() {
    let (console, entra, ids) = crew(10);
    strict(&console, 2);
    bar_all(&entra, &ids[..3]).await;
    entra.delete(&format!("/Users/{}", ids[3])).await;
    // The windows have passed when the administrator decides: the verdict counts for a day all the same.
    console.clock.advance(TimeDelta::hours(30));
    let browser = console.signed_in("olga").await;
    let done = browser.submit("/held", "/held", &[("verdict", "discard-all")]).await.follow().await;
    assert!(done.text().contains("Kept: nobody loses anything (2)."), "{}", done.text());
    assert_eq!(entra.get(&format!("/Users/{}", ids[2])).await.at("/active"), true, "the truth again");
    // Entra ID has forgotten the fourth, and finds the account again under a new id.
    assert_eq!(entra.get(&format!("/Users/{}", ids[3])).await.status, 404);
    let found = entra.find(&name(3)).await;
    assert_eq!(found.at("/totalResults"), 1);
    let new_id = found.at("/Resources/0/id").as_str().unwrap().to_owned();
    assert_ne!(new_id, ids[3]);

    bar(&entra, &ids[2]).await;
    assert_eq!(entra.delete(&format!("/Users/{new_id}")).await.status, 204);
    assert_eq!((barred(&console, 10), held(&console)), (2, 2), "held at once");
    // Nobody else is held on their account, and keeping did not begin the count anew.
    bar_all(&entra, &ids[4..7]).await;
    assert_eq!(barred(&console, 10), 2, "two kept and tried again are the measure of two");
}

#[actix_web::test]
async fn entra_id_takes_back_what_was_held_by_itself() {
    let (console, entra, ids) = crew(10);
    strict(&console, 2);
    bar_all(&entra, &ids[..3]).await;
    entra.delete(&format!("/Users/{}", ids[3])).await;
    let back = entra.patch(&format!("/Users/{}", ids[2]), active(true)).await;
    assert_eq!(back.at("/active"), true);
    let again = entra.post("/Users", json!({ "userName": name(3) })).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.id(), ids[3]);
    assert!(console.org.read(rollcall::domain::held::count).unwrap().is_nothing());
}

#[actix_web::test]
async fn the_limits_are_set_on_the_page_and_what_a_form_leaves_out_stays() {
    let (console, entra, ids) = crew(10);
    let browser = console.signed_in("olga").await;
    let refused = browser.submit("/held", "/held/limits", &[("people", "many")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Enter a whole number"));
    assert_eq!(browser.submit("/held", "/held/limits", &[("day_share", "101")]).await.status, 422);
    let csrf = refused.value("input[name=csrf]").unwrap();
    let off = [("csrf", csrf.as_str()), ("people", "3"), ("share", "7"), ("minutes", "90")];
    assert_eq!(browser.post_bare("/held/limits", &off).await.status, 303);
    let limits = console.org.read(deprovisioning_guard::limits).unwrap();
    assert_eq!((limits.enabled, limits.minutes, limits.accounts.hour.share), (false, 90, 7));
    assert_eq!((limits.accounts.day.people, limits.user_names.hour.people), (20, 10));
    bar_all(&entra, &ids[..9]).await;
    assert_eq!(who_may_sign_in(&console, 10), [9], "with the guard off nobody is held");
}

#[actix_web::test]
async fn emptying_or_deleting_a_group_holds_nobody_and_the_log_says_how_many_left() {
    let (console, entra, ids) = crew(40);
    let members: Vec<Value> = ids[..30].iter().map(|id| json!({ "value": id })).collect();
    for emptied in [true, false] {
        let made = entra.post("/Groups", json!({ "displayName": "Crew", "members": members })).await;
        let path = format!("/Groups/{}", made.id());
        if emptied {
            entra.patch(&path, json!([{ "op": "replace", "path": "members", "value": [] }])).await;
            assert_eq!(entra.get(&path).await.at("/members"), &Value::Null);
        }
        assert_eq!(entra.delete(&path).await.status, 204);
    }
    assert!(console.org.read(rollcall::domain::held::count).unwrap().is_nothing());
    let browser = console.signed_in("olga").await;
    assert!(browser.get("/groups").await.text().contains("No group yet"));
    let log = browser.get("/activity?kind=group").await;
    assert!(log.text().contains("30 in all"), "{}", log.text());
    // The next leaver is one of the first ten.
    bar(&entra, &ids[0]).await;
    assert_eq!((barred(&console, 40), held(&console)), (1, 0));
}

#[actix_web::test]
async fn a_user_who_is_held_keeps_their_seat_and_their_page_says_so() {
    let (console, entra, ids) = crew(10);
    strict(&console, 2);
    bar_all(&entra, &ids[..3]).await;
    let browser = console.signed_in("olga").await;
    let id = console.find(&name(2)).unwrap().id;
    let page = browser.get(&format!("/users/{id}")).await;
    assert!(page.text().contains("which is held back"), "{}", page.text());
    // Whoever decides by hand has decided.
    page.submit(&format!("/users/{id}/deactivate"), &[]).await;
    assert!(console.org.read(rollcall::domain::held::count).unwrap().is_nothing());
    assert!(!console.find(&name(2)).unwrap().active);
}

#[actix_web::test]
async fn user_names_have_a_measure_of_their_own() {
    let (console, entra, ids) = crew(18);
    for (number, id) in ids.iter().enumerate().take(12) {
        let new = format!("person{number}@example.org");
        let done = entra.patch(&format!("/Users/{id}"), renamed(&new)).await;
        assert_eq!((done.status, done.at("/userName")), (200, &json!(new)), "Entra ID reads what it wrote");
    }
    // Nine of eighteen have their new name; the others keep the old one here, and have the new one for Entra ID.
    assert_eq!(held(&console), 3);
    let held = console.find(&name(9)).unwrap();
    assert_eq!(held.held_name.as_deref(), Some("person9@example.org"));
    assert!(console.find("person9@example.org").is_none() && console.find("person8@example.org").is_some());
    assert_eq!(entra.find("PERSON9@example.org").await.at("/Resources/0/id"), &json!(ids[9]));
    assert_eq!(entra.find(&name(9)).await.at("/totalResults"), 0);
    let starts = entra.get("/Users?filter=userName+sw+%22person%22").await;
    assert_eq!(starts.at("/totalResults"), 12);
    // Nobody else gets a name that waits, and the old one is in use.
    for taken in ["person9@example.org".to_owned(), name(9)] {
        assert_eq!(entra.post("/Users", json!({ "userName": taken })).await.status, 409);
    }
    // Another change does not undo it; a single leaver is not delayed by it.
    let titled = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    let titled = entra.patch(&format!("/Users/{}", ids[9]), titled).await;
    assert_eq!(titled.at("/userName"), "person9@example.org");
    bar(&entra, &ids[17]).await;
    assert!(!console.find(&name(17)).unwrap().active);
}

#[actix_web::test]
async fn a_user_name_that_waits_is_seen_released_or_kept() {
    let (console, entra, ids) = crew(18);
    for (number, id) in ids.iter().enumerate().take(13) {
        entra.patch(&format!("/Users/{id}"), renamed(&format!("person{number}@example.org"))).await;
    }
    let browser = console.signed_in("olga").await;
    assert!(browser.get("/held").await.text().contains("New user name person9@example.org"));
    assert!(browser.get("/users?state=held").await.text().contains("New user name held back"));
    let [one, other] = [9, 10].map(|number| console.find(&name(number)).unwrap().id);
    assert!(browser.get(&format!("/users/{one}")).await.text().contains("person9@example.org"));
    browser.submit("/held", "/held", &[("verdict", "release"), ("user", one.as_str())]).await;
    assert_eq!(console.find("person9@example.org").unwrap().id, one);
    browser.submit("/held", "/held", &[("verdict", "discard"), ("user", other.as_str())]).await;
    assert_eq!(entra.get(&format!("/Users/{}", ids[10])).await.at("/userName"), &json!(name(10)));
    assert_eq!(held(&console), 2);
    // Kept: the next try waits at once. Taken back by Entra ID: nothing waits.
    entra.patch(&format!("/Users/{}", ids[10]), renamed("person10@example.org")).await;
    assert_eq!(held(&console), 3);
    entra.patch(&format!("/Users/{}", ids[11]), renamed(&name(11))).await;
    assert_eq!(held(&console), 2);
    // Another case is no other name.
    let other_case = entra.patch(&format!("/Users/{}", ids[16]), renamed("USER16@example.com")).await;
    assert_eq!(other_case.at("/userName"), "USER16@example.com");
    assert_eq!(console.find(&name(16)).unwrap().profile.user_name, "USER16@example.com");
    assert_eq!(held(&console), 2);
}

#[actix_web::test]
async fn a_day_of_counting_is_forgotten_after_it() {
    let (console, entra, ids) = crew(40);
    bar_all(&entra, &ids[..10]).await;
    console.clock.advance(TimeDelta::hours(49));
    bar(&entra, &ids[10]).await;
    let now = console.org.now();
    let counted =
        console.org.read(move |conn| deprovisioning_guard::counted(conn, Loss::Account, now)).unwrap();
    assert_eq!((counted.hour, counted.day), (1, 1));
}
