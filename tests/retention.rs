//! Logs end: each is kept for its own days, what refers to an older line says that it is gone, and the room that it took
//! is given back.

use crate::harness::{Browser, Console};
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall::db::Conn;
use rollcall::db::space::{self, Space};
use rollcall::domain::audit::{self, Action, Change, Kind, Subject};
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{self, Operation, Outcome, Report};
use rollcall::domain::retention::{self, Days, Log};
use rollcall::domain::sso::events;
use rollcall::domain::sso::requests::Purpose;
use rollcall::domain::tasks::Slice;
use rollcall::domain::users::{Profile, by_hand, lifecycle};
use rollcall::domain::{Role, Tx, bulk, settings, sites};
use rollcall::error::Result;
use rollcall::worker;
use serde_json::json;
use std::collections::BTreeSet;

const PAGE: &str = "/activity/retention";

fn requested(tx: &mut Tx, subject: &str) -> Result<()> {
    let asked = Report::new(Operation::Find, Outcome::Done, 200);
    provisioning::note(tx, Report { subject: Some(subject.to_owned()), token_id: Some("t".into()), ..asked })
        .map(drop)
}

fn signed_in(tx: &mut Tx, sentence: &str) -> Result<events::Event> {
    let report = events::Report {
        purpose: Purpose::SignIn,
        cause: None,
        sentence: sentence.to_owned(),
        user_id: None,
        started_by: None,
        name_id: None,
        address: "192.0.2.1".to_owned(),
        proven: true,
        details: events::Details::default(),
    };
    Ok(events::note(tx, report)?.split().0)
}

fn changed(tx: &mut Tx, name: &str) -> Result<()> {
    let subject = Subject { kind: Kind::Site, id: name, name };
    tx.note(Action::SiteChanged, subject, &[Change::set("name", name)]).map(drop)
}

/// A line in each log, of this name.
fn lines(console: &Console, name: &'static str) {
    console.write(move |tx| {
        requested(tx, name)?;
        signed_in(tx, name)?;
        changed(tx, name)
    });
}

/// The names of the lines that are left in each log.
fn left(console: &Console) -> [BTreeSet<String>; 3] {
    let read = |conn: &mut Conn| {
        let asked = provisioning::list(conn, &provisioning::Filter::default(), &At::Start, 1000)?;
        let came = events::list(conn, &events::Filter::default(), &At::Start, 1000)?;
        let done = audit::list(
            conn,
            &audit::Filter { kind: Some(Kind::Site), ..audit::Filter::default() },
            &At::Start,
            1000,
        )?;
        Ok([
            asked.items.into_iter().filter_map(|event| event.subject).collect(),
            came.items.into_iter().map(|event| event.sentence).collect(),
            done.items.into_iter().map(|event| event.subject_name).collect(),
        ])
    };
    console.org.read(read).unwrap()
}

fn names<const COUNT: usize>(names: [&str; COUNT]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// So many days later, of which the program saw at least the last: a clock that leaps is not believed at once.
async fn days_later(console: &Console, days: i64) {
    for some in [days - 1, 1] {
        console.clock.advance(TimeDelta::days(some));
        worker::round(&console.org, false).await.unwrap();
    }
}

async fn set(owner: &Browser, days: [&str; 3]) -> u16 {
    let [provisioning, sign_ins, audit] = days;
    let fields = [("provisioning", provisioning), ("sign_ins", sign_ins), ("audit", audit)];
    owner.submit(PAGE, PAGE, &fields).await.status
}

#[actix_web::test]
async fn each_log_is_kept_for_its_own_days_and_no_line_longer() {
    let console = Console::open();
    lines(&console, "first");
    days_later(&console, 89).await;
    lines(&console, "second");
    assert_eq!(left(&console), [(); 3].map(|()| names(["first", "second"])));
    days_later(&console, 2).await;
    let both = names(["first", "second"]);
    assert_eq!(left(&console), [names(["second"]), both.clone(), both.clone()]);
    days_later(&console, 90).await;
    assert_eq!(left(&console), [names([]), names(["second"]), both.clone()]);
    days_later(&console, 548).await;
    assert_eq!(left(&console), [names([]), names([]), both]);
    days_later(&console, 2).await;
    assert_eq!(left(&console), [names([]), names([]), names(["second"])]);
    days_later(&console, 400).await;
    assert_eq!(left(&console), [names([]), names([]), names([])]);
    let now = console.org.now();
    assert!(!console.org.read(move |conn| retention::is_due(conn, now)).unwrap());
}

#[actix_web::test]
async fn a_clock_that_leaps_ahead_and_is_put_right_costs_no_line() {
    let console = Console::open();
    lines(&console, "first");
    days_later(&console, 1).await;
    console.clock.advance(TimeDelta::days(3650));
    worker::round(&console.org, false).await.unwrap();
    assert_eq!(left(&console), [(); 3].map(|()| names(["first"])), "it is not believed yet");
    console.clock.advance(TimeDelta::days(-3650));
    worker::round(&console.org, false).await.unwrap();
    days_later(&console, 5).await;
    assert_eq!(left(&console), [(); 3].map(|()| names(["first"])));
}

/// The clock leaps by this, with lines before it and after it, and then comes a round, and others.
async fn leaps(console: &Console, by: TimeDelta, round_before: bool) {
    lines(console, "first");
    if round_before {
        worker::round(&console.org, false).await.unwrap();
    }
    console.clock.advance(by);
    for name in ["second", "third"] {
        lines(console, name);
        worker::round(&console.org, false).await.unwrap();
        console.clock.advance(TimeDelta::hours(1));
    }
    worker::round(&console.org, false).await.unwrap();
    assert_eq!(left(console), [(); 3].map(|()| names(["first", "second", "third"])), "by {by}");
}

#[actix_web::test]
async fn a_clock_that_leaps_while_the_program_is_in_use_costs_no_line_whether_or_not_it_was_looked_at_before()
{
    for days in [800, 3 * 365, 3650] {
        for round_before in [true, false] {
            leaps(&Console::open(), TimeDelta::days(days), round_before).await;
        }
    }
}

#[actix_web::test]
async fn hours_that_are_yet_to_come_are_not_shown_and_none_is_deleted_for_them() {
    use rollcall::db::schema::provisioning_hours as hours;
    let (console, entra) = Console::with_entra();
    entra.find("nobody@example.com").await;
    console.write(settings::touch);
    console.clock.advance(TimeDelta::days(-400));
    for _ in 0..4 {
        worker::round(&console.org, false).await.unwrap();
        console.clock.advance(TimeDelta::minutes(30));
    }
    let counted =
        |console: &Console| console.org.read(|conn| Ok(hours::table.count().get_result::<i64>(conn)?));
    assert_eq!(counted(&console).unwrap(), 1);
    let now = console.org.now();
    let health = console.org.read(move |conn| rollcall::domain::health::health(conn, now)).unwrap();
    assert_eq!((health.requests(), health.last_contact), (0, None));
    // The last hour that has been is the one that stays.
    entra.find("nobody@example.com").await;
    console.write(settings::touch);
    for _ in 0..100 {
        console.clock.advance(TimeDelta::days(1));
        worker::round(&console.org, false).await.unwrap();
    }
    assert_eq!(counted(&console).unwrap(), 2);
}

#[actix_web::test]
async fn a_clock_that_is_wrong_at_the_first_start_after_an_upgrade_costs_no_line() {
    let console = Console::open();
    lines(&console, "first");
    console.clock.advance(TimeDelta::days(3650));
    worker::round(&console.org, false).await.unwrap();
    assert_eq!(left(&console), [(); 3].map(|()| names(["first"])));
}

#[actix_web::test]
async fn a_span_of_time_is_paged_by_time_both_ways_whatever_order_the_lines_were_written_in() {
    let console = Console::open();
    let day = console.org.now() + TimeDelta::days(1);
    // The clock goes on, stands still, is put back, and goes on again.
    for hours in [24, 1, 0, -2, 3] {
        console.clock.advance(TimeDelta::hours(hours));
        console.write(|tx| (0..3).try_for_each(|_| changed(tx, "one")));
    }
    let filter = audit::Filter { since: Some(day - TimeDelta::hours(3)), ..audit::Filter::default() };
    let pages = |start: At, onwards: bool| {
        let (filter, mut at, mut seen) = (filter.clone(), start, Vec::new());
        loop {
            let (filter, here) = (filter.clone(), at.clone());
            let page = console.org.read(move |conn| audit::list(conn, &filter, &here, 2)).unwrap();
            let mut lines: Vec<_> = page.items.into_iter().map(|line| (line.at, line.id)).collect();
            if !onwards {
                lines.reverse();
            }
            seen.extend(lines);
            match if onwards { page.next } else { page.previous } {
                Some(next) => at = next,
                None => return seen,
            }
        }
    };
    let forth = pages(At::Start, true);
    let mut sorted = forth.clone();
    sorted.sort();
    sorted.reverse();
    assert_eq!((forth.len(), &forth), (15, &sorted), "newest first, and each once");
    let mut back = pages(At::Before(forth[14].1.clone()), false);
    back.reverse();
    assert_eq!(back, forth[..14]);
}

#[actix_web::test]
async fn an_owner_sets_the_days_and_the_audit_log_says_so() {
    let console = Console::open();
    console.admin("adam", Role::Administrator);
    lines(&console, "first");
    days_later(&console, 100).await;
    let olga = console.signed_in("olga").await;
    assert_eq!(set(&olga, ["30", "30", "100"]).await, 303);
    assert!(olga.get(PAGE).await.text().contains("What is older now is deleted within the next minutes"));
    assert_eq!(
        console.org.read(retention::days).unwrap(),
        Days { provisioning: 30, sign_ins: 30, audit: 100 }
    );
    worker::round(&console.org, false).await.unwrap();
    assert_eq!(left(&console), [names([]), names([]), names([])]);
    let log = olga.get("/activity?kind=organisation").await.text();
    for change in [
        "changed how long logs are kept: provisioning log from “90 days” to “30 days”.",
        "changed how long logs are kept: audit log from “730 days” to “100 days”.",
    ] {
        assert!(log.contains(change), "{log}");
    }
    // The same once more changes nothing, and is no entry.
    assert_eq!(set(&olga, ["30", "30", "100"]).await, 303);
    let log = olga.get("/activity?kind=organisation").await.text();
    assert_eq!(log.matches("provisioning log from").count(), 1, "{log}");
    let adam = console.signed_in("adam").await;
    let page = adam.get(PAGE).await;
    assert!(page.status == 200 && page.text().contains("Owners set it."), "{}", page.text());
    let form = adam.get("/account").await;
    let token = form.value("input[name=csrf]").unwrap();
    let fields = [("csrf", token.as_str()), ("provisioning", "7")];
    assert_eq!(adam.post_bare(PAGE, &fields).await.status, 403);
    assert_eq!(console.org.read(retention::days).unwrap().provisioning, 30);
}

#[actix_web::test]
async fn days_beyond_their_bounds_are_refused_each_beside_its_field_and_stay_as_typed() {
    let console = Console::open();
    let olga = console.signed_in("olga").await;
    for (days, wrong) in [
        (["6", "180", "730"], vec!["provisioning"]),
        (["90", "0", "89"], vec!["sign_ins", "audit"]),
        (["3651", "3651", "3651"], vec!["provisioning", "sign_ins", "audit"]),
        (["-90", "", "a year"], vec!["provisioning", "sign_ins", "audit"]),
        (["99999999999999999999", "7.5", "730"], vec!["provisioning", "sign_ins"]),
    ] {
        let [provisioning, sign_ins, audit] = days;
        let fields = [("provisioning", provisioning), ("sign_ins", sign_ins), ("audit", audit)];
        let page = olga.submit(PAGE, PAGE, &fields).await;
        assert_eq!(page.status, 422, "{days:?}");
        for (field, typed) in fields {
            assert_eq!(page.value(&format!("#{field}")).as_deref(), Some(typed), "{days:?}");
            assert_eq!(page.has(&format!("#{field}-error")), wrong.contains(&field), "{days:?} {field}");
        }
        assert!(page.text().contains("Enter a whole number of days from"), "{}", page.text());
    }
    assert_eq!(console.org.read(retention::days).unwrap(), Days::default());
    assert_eq!(set(&olga, [" 7 ", "3650", "90"]).await, 303);
    let now = console.org.read(retention::days).unwrap();
    assert_eq!(now, Days { provisioning: 7, sign_ins: 3650, audit: 90 });
}

#[actix_web::test]
async fn every_log_says_for_how_long_it_is_kept_and_leads_owners_to_where_that_is_set() {
    let console = Console::open();
    console.admin("audrey", Role::Auditor);
    let (olga, audrey) = (console.signed_in("olga").await, console.signed_in("audrey").await);
    set(&olga, ["60", "61", "91"]).await;
    for (path, told) in [
        ("/activity", "Changes are kept for 91 days"),
        ("/activity/provisioning", "Requests are kept for 60 days"),
        ("/activity/provisioning?outcome=trouble&cause=404-x", "Requests are kept for 60 days"),
        ("/activity/sign-ins", "Sign-ins are kept for 61 days"),
        ("/activity/sign-ins?reference=0000-0000", "Those of more than 61 days ago are gone."),
    ] {
        for (who, is_owner) in [(&olga, true), (&audrey, false)] {
            let page = who.get(path).await;
            assert!(page.text().contains(told), "{path}: {}", page.text());
            assert_eq!(page.text().contains("Change how long"), is_owner, "{path}");
        }
    }
}

#[actix_web::test]
async fn whoever_follows_a_link_to_a_line_that_is_gone_reads_for_how_long_it_was_kept() {
    let console = Console::open();
    let reference = console.write(|tx| {
        requested(tx, "ana")?;
        Ok(signed_in(tx, "ana")?.reference)
    });
    let event =
        console.org.read(|conn| provisioning::list(conn, &provisioning::Filter::default(), &At::Start, 1));
    let event = event.unwrap().items.remove(0).id;
    let olga = console.signed_in("olga").await;
    let (request, sign_in) =
        (format!("/activity/provisioning/{event}"), format!("/activity/sign-ins/{reference}"));
    assert_eq!((olga.get(&request).await.status, olga.get(&sign_in).await.status), (200, 200));
    days_later(&console, 181).await;
    let olga = console.signed_in("olga").await;
    for (path, told) in [
        (
            &request,
            "There is no such provisioning event. Requests of Entra ID are kept for 90 days: older ones are gone.",
        ),
        (&sign_in, "There is no such sign-in. Sign-ins are kept for 180 days: older ones are gone."),
    ] {
        let page = olga.get(path).await;
        assert_eq!(page.status, 404);
        assert!(page.text().contains(told), "{}", page.text());
    }
}

#[actix_web::test]
async fn what_the_log_told_of_a_user_is_said_to_be_gone_and_nothing_else_is_lost() {
    let (console, entra) = Console::with_entra();
    let id = entra.post("/Users", json!({ "userName": "ana@example.com" })).await.id();
    let gone = entra.post("/Users", json!({ "userName": "bo@example.com" })).await.id();
    let (ana, bo) = (console.find("ana@example.com").unwrap(), console.find("bo@example.com").unwrap());
    console.write(move |tx| lifecycle::delete(tx, &[bo.id]));
    days_later(&console, 800).await;
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/users/{}", ana.id)).await.text();
    assert!(page.contains("No change in the last 730 days: for so long changes are kept."), "{page}");
    assert!(page.contains("No change in the last 90 days: for so long requests are kept"), "{page}");
    assert_eq!(olga.get(&format!("/activity?subject={}", ana.id)).await.status, 200);
    let page = olga.get("/activity").await.text();
    assert!(page.contains("deleted the user bo@example.com for good"), "tombstones stay: {page}");
    let now = console.org.now();
    assert!(
        !console.org.read(move |conn| retention::is_due(conn, now)).unwrap(),
        "and nobody looks at them again"
    );
    let appoint = [("appointed", "ana@example.com"), ("role", "auditor"), ("look", "1")];
    let page = olga.submit("/administrators", "/administrators/appoint", &appoint).await.text();
    assert!(page.contains("not in the log, which is kept for 730 days"), "{page}");
    assert_eq!(entra.get(&format!("/Users/{id}")).await.status, 200);
    // The tombstone stays: Entra ID's log hears whom the id meant.
    assert_eq!(entra.get(&format!("/Users/{gone}")).await.status, 404);
    let filter = provisioning::Filter { outcomes: vec![Outcome::Failed], ..Default::default() };
    console.write(rollcall::domain::settings::touch);
    let told = console.org.read(move |conn| provisioning::list(conn, &filter, &At::Start, 1)).unwrap();
    assert_eq!(told.items[0].subject.as_deref(), Some("bo@example.com"));
}

#[actix_web::test]
async fn a_silence_of_entra_that_is_longer_than_the_log_is_told_all_the_same() {
    let (console, entra) = Console::with_entra();
    entra.get("/Users?filter=userName%20eq%20%22nobody%22").await;
    console.write(rollcall::domain::settings::touch);
    days_later(&console, 100).await;
    assert_eq!(left(&console)[0], names([]));
    let olga = console.signed_in("olga").await;
    let home = olga.get("/").await.text();
    assert!(
        home.contains("Entra ID has not called for 240") && home.contains("last contact 100 days ago"),
        "{home}"
    );
    let log = olga.get("/activity/provisioning").await.text();
    assert!(log.contains("Entra ID has not called for longer than its requests are kept."), "{log}");
}

#[actix_web::test]
async fn work_on_many_rows_is_kept_for_a_while_after_its_end() {
    let console = Console::open();
    let task = console.write(|tx| {
        let site = sites::create(tx, "Delft")?.split().0.id;
        let wish = by_hand::LocalProfile { profile: Profile::named("ana@example.com"), email: None };
        let ana = by_hand::create(tx, wish, None)?.split().0.id;
        by_hand::begin_setting_site(tx, &[ana], &site)
    });
    let ended = bulk::run(console.org.clone(), task).await.unwrap();
    let path = format!("/tasks/{}", ended.id);
    days_later(&console, 89).await;
    assert_eq!(console.signed_in("olga").await.get(&path).await.status, 200);
    days_later(&console, 2).await;
    let page = console.signed_in("olga").await.get(&path).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("Tasks that have ended are kept for 90 days: older ones are gone."));
}

/// A console whose database was begun in this way, as by another version.
fn begun_with(auto_vacuum: &str) -> Console {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db").display().to_string();
    let begin = format!("PRAGMA auto_vacuum = {auto_vacuum}; CREATE TABLE x (y); DROP TABLE x");
    Conn::establish(&path).unwrap().batch_execute(&begin).unwrap();
    let console = Console::found_in(folder);
    console.admin("olga", Role::Owner);
    console
}

fn space_of(console: &Console) -> Space {
    console.org.read(space::space).unwrap()
}

/// Fills the audit log with some megabytes, which are too old then.
fn filled(console: &Console) -> Space {
    console.write(|tx| {
        let long = "a site with a very long name ".repeat(100);
        (0..1500).try_for_each(|_| changed(tx, &long))
    });
    // The program goes on to run.
    console.clock.advance(TimeDelta::days(730));
    console.write(|tx| changed(tx, "now"));
    console.clock.advance(TimeDelta::days(1));
    space_of(console)
}

#[actix_web::test]
async fn the_room_that_old_lines_took_is_given_back_to_the_disk() {
    let console = begun_with("INCREMENTAL");
    let full = filled(&console);
    worker::round(&console.org, false).await.unwrap();
    let now = space_of(&console);
    assert!(full.can_shrink && now.bytes < full.bytes / 2, "{full:?} {now:?}");
    assert!(now.free_pages <= 256, "but for what is used again at once: {now:?}");
    let page = console.signed_in("olga").await.get(PAGE).await.text();
    assert!(page.contains("What becomes free is given back to the disk"), "{page}");
}

#[actix_web::test]
async fn a_database_that_cannot_shrink_uses_its_room_again_and_the_page_says_so() {
    let console = begun_with("NONE");
    let full = filled(&console);
    worker::round(&console.org, false).await.unwrap();
    let now = space_of(&console);
    assert!(
        !full.can_shrink && now.bytes == full.bytes && now.free_bytes > full.bytes / 2,
        "{full:?} {now:?}"
    );
    let page = console.signed_in("olga").await.get(PAGE).await.text();
    assert!(page.contains("used for new lines first, so that the file grows no further"), "{page}");
    filled(&console);
    let page = space_of(&console);
    assert!(page.bytes <= full.bytes + full.bytes / 10, "{full:?} {page:?}");
}

#[actix_web::test]
async fn deleting_makes_room_for_whoever_waits_after_a_hundred_rows() {
    let console = Console::open();
    console.write(|tx| (0..250).try_for_each(|number| requested(tx, &format!("user{number}"))));
    console.clock.advance(TimeDelta::days(91));
    let mut gone = Vec::new();
    while console
        .org
        .read({
            let now = console.org.now();
            move |conn| retention::is_due(conn, now)
        })
        .unwrap()
    {
        gone.push(console.write(|tx| retention::prune_some(tx, &mut Slice::new(&|| true), 1000)));
    }
    assert_eq!(gone.iter().sum::<u64>(), 250);
    assert!(gone.iter().all(|some| *some <= 200) && gone.len() >= 2, "{gone:?}");
    assert_eq!(left(&console)[0], names([]));
    assert_eq!(console.org.read(|conn| retention::oldest(conn, Log::Provisioning)).unwrap(), None);
}
