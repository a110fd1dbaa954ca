//! Work on many rows: slice by slice, seen on a page, stopped with the power of whoever began it, and carried on after
//! the program was killed.

use crate::harness::{Console, PASSWORD};
use rollcall::db::Db;
use rollcall::db::schema::{audit_events, group_members, sessions, users};
use rollcall::domain::authority::Authority;
use rollcall::domain::held::{self, Verdict};
use rollcall::domain::sessions::{Ending, Method, end_those};
use rollcall::domain::tasks::{self, Slice, State, Task};
use rollcall::domain::users::by_entra::Scope;
use rollcall::domain::users::{Profile, by_hand};
use rollcall::domain::{Actor, Clock, Noted, Org, Role, Tx, admins, bulk, groups, sites};
use rollcall::error::{Error, Result};
use rollcall::keys::UserId;
use rollcall::seal::Keyring;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use diesel::prelude::*;

/// Users who wait for a site of this name, as if Entra ID had sent it.
fn waiting(tx: &mut Tx, name: &str, count: usize) -> Result<()> {
    for number in 0..count {
        let wish = by_hand::LocalProfile {
            profile: Profile::named(&format!("{name}{number}@example.com")),
            email: None,
        };
        let id = by_hand::create(tx, wish, None)?.split().0.id;
        let sent = (users::site_sent.eq(name), users::site_sent_key.eq(name.to_lowercase()));
        diesel::update(users::table.find(id)).set(sent).execute(tx.conn)?;
    }
    Ok(())
}

/// Makes the site for which so many wait; the task that gives it to them.
fn begun(org: &Org, actor: &Actor, name: &'static str, count: usize) -> Task {
    let several = move |tx: &mut Tx| Ok::<_, Error>(Noted::unaudited(waiting(tx, name, count)?, "a test"));
    org.write(&Actor::CommandLine, several).unwrap();
    org.write(actor, move |tx| {
        let noted = sites::create(tx, name)?;
        Ok::<_, Error>(noted.with(sites::being_placed(tx.conn, name)?.unwrap()))
    })
    .unwrap()
}

fn with_site(org: &Org) -> i64 {
    org.read(|conn| Ok(users::table.filter(users::site_id.is_not_null()).count().get_result(conn)?)).unwrap()
}

/// How often it was noted that a user has their site: of each user once, or one was done twice.
fn notes(org: &Org) -> i64 {
    let noted = |conn: &mut _| {
        let mine = audit_events::table.filter(audit_events::changes.like("[{\"attribute\":\"site\"%"));
        Ok(mine.count().get_result(conn)?)
    };
    org.read(noted).unwrap()
}

#[actix_web::test]
async fn what_follows_from_one_click_on_many_is_told_as_if_they_were_few() {
    let console = Console::open();
    console.write(|tx| waiting(tx, "Delft", 150));
    let olga = console.signed_in("olga").await;
    let told = olga.submit("/sites", "/sites/settle", &[("name", "Delft"), ("action", "create")]).await;
    assert_eq!(told.status, 303);
    let told = told.follow().await.text();
    assert!(told.contains("“Delft” is settled: the users who waited for it have their site."), "{told}");
    assert_eq!((with_site(&console.org), notes(&console.org)), (150, 150));
}

#[actix_web::test]
async fn a_slice_ends_when_somebody_waits_and_the_next_goes_on_where_it_stood() {
    let console = Console::open();
    let task = begun(&console.org, &Actor::CommandLine, "Delft", 250);
    let mut stood = Vec::new();
    loop {
        let id = task.id.clone();
        let after = console.write(move |tx| bulk::advance(tx, &id, &mut Slice::new(&|| true)));
        assert_eq!(after.done, with_site(&console.org), "what the page says is what was done");
        stood.push(after.done);
        if !after.is_running() {
            break;
        }
    }
    assert!(stood.len() >= 3, "nobody waits for more than a hundred rows: {stood:?}");
    assert!(stood.windows(2).all(|pair| pair[1] - pair[0] <= 100), "{stood:?}");
    assert_eq!((with_site(&console.org), notes(&console.org)), (250, 250));
}

#[actix_web::test]
async fn a_slice_that_fails_changes_nothing_and_moves_nothing() {
    let console = Console::open();
    let task = begun(&console.org, &Actor::CommandLine, "Delft", 150);
    let id = task.id.clone();
    let outcome = console.org.write(&Actor::CommandLine, move |tx| {
        bulk::advance(tx, &id, &mut Slice::new(&|| true))?;
        Err::<Noted<()>, _>(Error::internal("the disk is full"))
    });
    assert!(outcome.is_err());
    assert_eq!(with_site(&console.org), 0);
    let id = task.id.clone();
    assert_eq!(console.org.read(move |conn| tasks::find(conn, &id)).unwrap(), task);
    bulk::run(console.org.clone(), task).await.unwrap();
    assert_eq!((with_site(&console.org), notes(&console.org)), (150, 150));
}

#[actix_web::test]
async fn a_row_that_can_never_be_done_ends_the_task_which_says_which_row_it_is() {
    let console = Console::open();
    let task = begun(&console.org, &Actor::CommandLine, "Delft", 150);
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON users WHEN OLD.user_name = 'Delft77@example.com' \
                  BEGIN SELECT RAISE(ABORT, 'broken'); END";
    console.write(move |tx| Ok(diesel::sql_query(broken).execute(tx.conn).map(drop)?));
    let ended = bulk::run(console.org.clone(), task).await.unwrap();
    assert_eq!((ended.state, ended.done), (State::Failed, with_site(&console.org)));
    assert_eq!((notes(&console.org), ended.done), (77, 77), "all before it were done, and once");
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/tasks/{}", ended.id)).await.text();
    for told in ["The user Delft77@example.com cannot be done", &ended.id, "77 of 150 were done and stay so"]
    {
        assert!(page.contains(told), "{page}");
    }
    assert!(!page.contains("broken"), "the cause is for the server's log: {page}");
    // Once that is mended, the rest is done by the same form.
    console.write(|tx| Ok(diesel::sql_query("DROP TRIGGER broken").execute(tx.conn).map(drop)?));
    let site = console.org.read(|conn| sites::named(conn, "Delft")).unwrap().unwrap().id;
    let told = olga.submit("/sites", "/sites/settle", &[("name", "Delft"), ("action", site.as_str())]).await;
    let told = told.follow().await.text();
    assert!(told.contains("“Delft” is settled: the users who waited for it have their site."), "{told}");
    assert_eq!((with_site(&console.org), notes(&console.org)), (150, 150));
}

#[actix_web::test]
async fn the_page_says_how_far_it_is_and_then_what_the_form_would_have_said() {
    let console = Console::open();
    console.admin("audrey", Role::Auditor);
    let task = begun(&console.org, &Actor::CommandLine, "Delft", 1234);
    let audrey = console.signed_in("audrey").await;
    let path = format!("/tasks/{}", task.id);
    let page = audrey.get(&path).await;
    assert!(page.text().contains("0 of 1,234"), "{}", page.text());
    assert!(page.body.contains(r#"<noscript><meta http-equiv="refresh" content="2"></noscript>"#));
    assert!(page.body.contains("data-progress"), "the script goes on by this");
    let id = task.id.clone();
    console.write(move |tx| bulk::advance(tx, &id, &mut Slice::new(&|| true)));
    let stands = console.org.read({
        let id = task.id.clone();
        move |conn| tasks::find(conn, &id)
    });
    let done = stands.unwrap().done;
    assert!(done > 0 && audrey.get(&path).await.text().contains(&format!("{done} of 1,234")));
    bulk::run(console.org.clone(), task).await.unwrap();
    let page = audrey.get(&path).await;
    assert!(page.text().contains("“Delft” is settled: the users who waited for it have their site."));
    assert!(!page.body.contains("http-equiv") && !page.body.contains("data-progress"), "it is over");
    assert!(page.body.contains(r#"href="/sites""#));
    assert_eq!(audrey.get("/tasks/nothing").await.status, 404);
}

#[actix_web::test]
async fn whoever_loses_their_power_meanwhile_does_no_more() {
    let console = Console::open();
    for (role, is_active) in [(Role::Auditor, true), (Role::Administrator, false)] {
        let name: &'static str = if is_active { "adam" } else { "anne" };
        let site: &'static str = if is_active { "Delft" } else { "Leiden" };
        let person = console.admin(name, Role::Administrator);
        let task = begun(&console.org, &person.actor(), site, 150);
        let before = with_site(&console.org);
        let (id, key) = (task.id.clone(), person.id.clone());
        console.write(move |tx| bulk::advance(tx, &id, &mut Slice::new(&|| true)));
        let done = with_site(&console.org) - before;
        console.write(move |tx| {
            if is_active {
                admins::appoint(tx, &key, role).map(drop)
            } else {
                rollcall::domain::users::lifecycle::deactivate(tx, &key).map(drop)
            }
        });
        let ended = bulk::run(console.org.clone(), task).await.unwrap();
        assert_eq!((ended.state, ended.done, ended.left_out), (State::Stopped, done, 150 - done));
        assert_eq!(with_site(&console.org) - before, done, "the rest was left");
        let olga = console.signed_in("olga").await;
        let page = olga.get(&format!("/tasks/{}", ended.id)).await.text();
        assert!(page.contains(&format!("{name} may no longer do this. {done} of 150 were done")), "{page}");
    }
}

#[actix_web::test]
async fn signing_out_stops_nothing_that_was_begun() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator);
    let his = console.signed_in("adam").await;
    let task = begun(&console.org, &adam.actor(), "Delft", 150);
    his.submit("/", "/sign-out", &[]).await;
    assert_eq!(bulk::run(console.org.clone(), task).await.unwrap().state, State::Done);
}

#[actix_web::test]
async fn the_same_asked_twice_is_one_task_and_the_contrary_waits() {
    let console = Console::open();
    let first = console.write(|tx| {
        let all = held::everything(tx.conn, None)?;
        held::begin_all(tx, Verdict::Release, &all)
    });
    let again = |verdict: Verdict| {
        console.org.write(&Actor::CommandLine, move |tx| {
            let all = held::everything(tx.conn, None)?;
            held::begin_all(tx, verdict, &all)
        })
    };
    assert_eq!(again(Verdict::Release).unwrap().id, first.id);
    let refusal = again(Verdict::Keep).unwrap_err().to_string();
    assert!(refusal.contains("still under way") && refusal.contains("wait until it has ended"), "{refusal}");
    bulk::run(console.org.clone(), first).await.unwrap();
    again(Verdict::Keep).unwrap();
}

#[actix_web::test]
async fn two_who_see_to_one_task_do_no_row_twice() {
    let console = Console::open();
    let task = begun(&console.org, &Actor::CommandLine, "Delft", 400);
    // Another process, which knows nothing of this one.
    let other = Org::new(console.db(), Keyring::forgetful(), Clock::default());
    let both =
        futures_util::future::join(bulk::run(console.org.clone(), task.clone()), bulk::run(other, task));
    let (one, two) = both.await;
    assert_eq!((one.unwrap().state, two.unwrap().state), (State::Done, State::Done));
    assert_eq!((with_site(&console.org), notes(&console.org)), (400, 400));
}

#[actix_web::test]
async fn a_large_group_that_is_deleted_is_gone_at_once_and_its_memberships_some_at_a_time() {
    let (console, entra) = Console::with_entra();
    console.switch(
        rollcall::domain::identity::switch::State::On,
        rollcall::domain::identity::switch::PauseAnswer::Unavailable,
        Scope::AllUsers,
    );
    let ids: Vec<String> = console.write(|tx| {
        (0..450)
            .map(|number| {
                let wish =
                    by_hand::LocalProfile { profile: Profile::named(&format!("u{number}")), email: None };
                Ok(by_hand::create(tx, wish, None)?.split().0.scim_id)
            })
            .collect::<Result<Vec<String>>>()
    });
    let members: Vec<_> = ids.iter().map(|id| json!({ "value": id })).collect();
    let made = entra.post("/Groups", json!({ "displayName": "All", "members": members })).await;
    let id = made.json["id"].as_str().unwrap().to_owned();
    let one = console.find("u7").unwrap().id;
    let groups_of = |console: &Console| {
        let one = one.clone();
        console.org.read(move |conn| Ok(groups::of_user(conn, &one)?.len())).unwrap()
    };
    assert_eq!(groups_of(&console), 1);
    assert_eq!(entra.delete(&format!("/Groups/{id}")).await.status, 204);
    assert_eq!(groups_of(&console), 0, "nobody is in it");
    assert_eq!(entra.get(&format!("/Groups/{id}")).await.status, 404);
    let again = entra.post("/Groups", json!({ "displayName": "All", "members": [] })).await;
    assert_eq!(again.status, 201, "its name is free");
    let olga = console.signed_in("olga").await;
    assert!(olga.get("/groups").await.text().contains("1 group"), "the one that was made anew");
    let running = console.org.read(tasks::running).unwrap();
    assert_eq!(running.len(), 1);
    for task in running {
        bulk::run(console.org.clone(), task).await.unwrap();
    }
    let left = |conn: &mut _| Ok(group_members::table.count().get_result::<i64>(conn)?);
    assert_eq!(console.org.read(left).unwrap(), 0);
}

#[actix_web::test]
async fn a_long_comparison_is_seen_when_it_is_whole_and_goes_at_once() {
    let console = Console::open();
    let mut file = b"userPrincipalName,displayName\n".to_vec();
    for number in 0..1300 {
        writeln!(file, "p{number}@contoso.example,Person {number}").unwrap();
    }
    let olga = console.signed_in("olga").await;
    let made = olga.upload("/users/alignment", "/users/alignment", &[], "users.csv", &file).await;
    let path = made.location();
    let page = olga.get(path).await;
    assert!(page.text().contains("1301") || page.text().contains("1300"), "{}", page.text());
    let told = olga.submit(path, &format!("{path}/discard"), &[]).await.follow().await;
    assert!(told.text().contains("The comparison was discarded. What was renamed stays so."));
    assert_eq!(olga.get(path).await.status, 404);
}

#[actix_web::test]
async fn a_comparison_whose_rows_never_came_is_never_seen_and_goes() {
    let console = Console::open();
    let id = console.write(|tx| {
        let file = "userPrincipalName,displayName\nana@contoso.example,Ana\n";
        let mut compared = rollcall::domain::alignment::compare(tx.conn, file.as_bytes())?;
        let rows = compared.take_bites().remove(0);
        let begun = rollcall::domain::alignment::begin_keeping(tx, "users.csv", &compared)?;
        rollcall::domain::alignment::keep_some(tx, &begun.id, rows)?;
        Ok(begun.id.clone())
    });
    let olga = console.signed_in("olga").await;
    assert_eq!(olga.get(&format!("/users/alignment/{id}")).await.status, 404);
    assert!(!olga.get("/users/alignment").await.text().contains("users.csv"));
    rollcall::worker::round(&console.org, false).await.unwrap();
    assert!(console.org.read(tasks::running).unwrap().is_empty(), "it may be on its way still");
    console.clock.advance(chrono::TimeDelta::minutes(61));
    rollcall::worker::round(&console.org, false).await.unwrap();
    let left = console.org.read(tasks::running).unwrap();
    assert_eq!(left.iter().map(|task| task.subject.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    bulk::run(console.org.clone(), left[0].clone()).await.unwrap();
    let rows =
        |conn: &mut _| Ok(rollcall::db::schema::alignment_rows::table.count().get_result::<i64>(conn)?);
    assert_eq!(console.org.read(rows).unwrap(), 0);
}

/// A session of this user, that came in so and may be reserved.
fn session(tx: &mut Tx, id: &str, user: &UserId, method: Method, is_reserved: bool) -> Result<()> {
    let row = (
        sessions::id.eq(id),
        sessions::user_id.eq(user),
        sessions::state.eq("{}"),
        sessions::created_at.eq(tx.now),
        sessions::last_seen_at.eq(tx.now),
        sessions::method.eq(method),
        sessions::came_by.eq("sha1 0123"),
        sessions::reserved_until.eq(is_reserved.then_some(tx.now)),
    );
    diesel::insert_into(sessions::table).values(row).execute(tx.conn)?;
    Ok(())
}

fn sessions_left(org: &Org) -> Vec<String> {
    let all = |conn: &mut _| Ok(sessions::table.order(sessions::id).select(sessions::id).load(conn)?);
    org.read(all).unwrap()
}

#[actix_web::test]
async fn of_very_many_sessions_those_with_power_end_at_once_and_the_others_soon() {
    for ending in [Ending::FromSso, Ending::BySha1, Ending::ByCertificate("0123".to_owned())] {
        let console = Console::open();
        let adam = console.admin("adam", Role::Auditor).id;
        let ana = console.user("ana", None).id;
        let (theirs, others) = (ana.clone(), ana.clone());
        console.write(move |tx| {
            (0..1500)
                .try_for_each(|number| session(tx, &format!("{number:04}"), &theirs, Method::Sso, false))?;
            session(tx, "of-adam", &adam, Method::Sso, false)?;
            session(tx, "reserved", &theirs, Method::Sso, true)?;
            end_those(tx, &ending)
        });
        let left = sessions_left(&console.org);
        assert_eq!((left.len(), left.last().map(String::as_str)), (1500, Some("1499")));
        let task = console.org.read(tasks::running).unwrap().remove(0);
        assert_eq!(
            (task.total, task.actor()),
            (1500, Actor::Rollcall),
            "whatever becomes of who took it away"
        );
        let id = task.id.clone();
        let slice = console.write(move |tx| bulk::advance(tx, &id, &mut Slice::new(&|| true)));
        assert_eq!(slice.done, 100, "somebody waits");
        // Whoever signs in again meanwhile stays.
        console.clock.advance(chrono::TimeDelta::seconds(1));
        console.write(move |tx| session(tx, "again", &others, Method::Sso, false));
        let ended = bulk::run(console.org.clone(), slice).await.unwrap();
        assert_eq!((ended.state, ended.done), (State::Done, 1500));
        assert_eq!(sessions_left(&console.org), ["again"]);
    }
}

#[actix_web::test]
async fn a_few_sessions_end_at_once_and_only_those_that_rest_on_what_was_taken_away() {
    let console = Console::open();
    let ana = console.user("ana", None).id;
    console.write(move |tx| {
        session(tx, "sso", &ana, Method::Sso, false)?;
        session(tx, "password", &ana, Method::Password, false)?;
        end_those(tx, &Ending::Unsolicited)?;
        end_those(tx, &Ending::FromWaitingSettings)?;
        end_those(tx, &Ending::ByCertificate("4567".to_owned()))
    });
    assert_eq!(sessions_left(&console.org), ["password", "sso"]);
    console.write(|tx| end_those(tx, &Ending::FromSso));
    assert_eq!(sessions_left(&console.org), ["password"]);
    assert!(console.org.read(tasks::running).unwrap().is_empty());
}

/// The program, serving this folder.
fn serve(folder: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .env_clear()
        .arg("--data-dir")
        .arg(folder)
        .args(["--listen", "127.0.0.1:0", "--log", "error"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Rollcall listens on"), "{line}");
    child
}

fn owned(folder: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .env_clear()
        .arg("--data-dir")
        .arg(folder)
        .args(["admin", "create", "--user-name", "olga"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// How it stands once this holds.
fn until(org: &Org, id: &str, holds: impl Fn(&Task) -> bool) -> Task {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let key = id.to_owned();
        let task = org.read(move |conn| tasks::find(conn, &key)).unwrap();
        if holds(&task) {
            return task;
        }
        assert!(std::time::Instant::now() < deadline, "{task:?}");
        std::thread::yield_now();
    }
}

#[test]
fn after_the_program_was_killed_it_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    owned(&data);
    let db = Db::open(&data.join("rollcall.db")).unwrap();
    let org = Org::new(db, Keyring::forgetful(), Clock::default());
    let count = 1500;
    let task = begun(&org, &Actor::CommandLine, "Delft", count);
    let mut stood = 0;
    for _ in 0..3 {
        let mut served = serve(&data);
        let before = stood;
        stood = until(&org, &task.id, |task| task.done > before || !task.is_running()).done;
        served.kill().unwrap();
        served.wait().unwrap();
        let id = task.id.clone();
        let now = org.read(move |conn| tasks::find(conn, &id)).unwrap();
        assert_eq!((with_site(&org), notes(&org)), (now.done, now.done), "none half, and none twice");
        stood = stood.max(now.done);
    }
    let served = serve(&data);
    let ended = until(&org, &task.id, |task| !task.is_running());
    assert_eq!((ended.state, ended.done), (State::Done, i64::try_from(count).unwrap()));
    assert_eq!((with_site(&org), notes(&org)), (ended.done, ended.done));
    let mut served = served;
    let asked_to_end = std::time::Instant::now();
    assert!(Command::new("kill").arg(served.id().to_string()).status().unwrap().success());
    assert!(served.wait().unwrap().success());
    assert!(asked_to_end.elapsed().as_secs() < 5);
}

#[test]
fn what_is_asked_to_end_in_the_middle_of_long_work_ends_soon_and_leaves_the_rest_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    owned(&data);
    let db = Db::open(&data.join("rollcall.db")).unwrap();
    let org = Org::new(db, Keyring::forgetful(), Clock::default());
    let task = begun(&org, &Actor::CommandLine, "Delft", 3000);
    let mut served = serve(&data);
    until(&org, &task.id, |task| task.done > 0);
    let asked = std::time::Instant::now();
    assert!(Command::new("kill").arg(served.id().to_string()).status().unwrap().success());
    assert!(served.wait().unwrap().success(), "a clean stop");
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    let id = task.id.clone();
    let now = org.read(move |conn| tasks::find(conn, &id)).unwrap();
    assert_eq!((with_site(&org), notes(&org)), (now.done, now.done));
}

#[actix_web::test]
async fn a_slice_rests_on_the_account_not_on_the_session() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator);
    let authority = Authority::from(adam.actor());
    let now = console.org.now();
    console.org.read(move |conn| authority.must_hold(conn, now)).unwrap();
}
