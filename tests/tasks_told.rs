//! Of long work each hears what came of their own order, finds it again, and what was taken back is not carried out.

use crate::harness::Console;
use chrono::TimeDelta;
use diesel::prelude::*;
use rollcall::db::schema::{group_members, long_tasks, sessions, user_groups, users};
use rollcall::domain::authority::{Authority, Proof, Sitting};
use rollcall::domain::held::{self, Verdict};
use rollcall::domain::sessions::{self as signed_in, Ending, Limits, Method, end_those};
use rollcall::domain::tasks::{self, Slice, State, Task};
use rollcall::domain::users::{Profile, by_hand};
use rollcall::domain::{Actor, Role, Tx, admins, alignment, bulk, groups, sites};
use rollcall::error::{Error, Result};
use rollcall::keys::{SiteId, UserId};

/// Users who wait for a site of this name, as if Entra ID had sent it.
fn waiting(tx: &mut Tx, name: &str, count: usize) -> Result<()> {
    for number in 0..count {
        let wish = by_hand::LocalProfile {
            profile: Profile::named(&format!("{name}{number}@example.com")),
            email: None,
        };
        let id = by_hand::create(tx, wish, None)?.split().0.id;
        let sent = (users::site_sent.eq(name), users::site_sent_key.eq(name.to_lowercase()));
        diesel::update(users::table.find(&id)).set(sent).execute(tx.conn)?;
    }
    Ok(())
}

fn at(console: &Console, site: &SiteId) -> i64 {
    let site = site.clone();
    console
        .org
        .read(move |conn| Ok(users::table.filter(users::site_id.eq(site)).count().get_result(conn)?))
        .unwrap()
}

/// The task that gives 150 who wait for it the site Delft.
fn begun(console: &Console) -> Task {
    console.write(|tx| {
        waiting(tx, "Delft", 150)?;
        sites::create(tx, "Delft")?;
        Ok(sites::being_placed(tx.conn, "Delft")?.unwrap())
    })
}

fn a_slice(console: &Console, task: &Task) -> Task {
    let id = task.id.clone();
    console.write(move |tx| bulk::advance(tx, &id, &mut Slice::new(&|| true)))
}

fn stands(console: &Console, task: &Task) -> Task {
    let id = task.id.clone();
    console.org.read(move |conn| tasks::find(conn, &id)).unwrap()
}

/// What this user is held back of has this number.
fn hold(console: &Console, user: &UserId, number: i64) {
    let user = user.to_owned();
    console.write(move |tx| {
        let held = (users::held_at.eq(tx.now), users::held_no.eq(number), users::held.eq("deactivate"));
        Ok(diesel::update(users::table.find(user)).set(held).execute(tx.conn).map(drop)?)
    });
}

fn release(console: &Console, actor: &Actor, shown: i64) -> Result<Task> {
    console.org.write(actor, move |tx| {
        let all = held::everything(tx.conn, Some(shown))?;
        held::begin_all(tx, Verdict::Release, &all)
    })
}

#[actix_web::test]
async fn whoever_releases_more_than_is_being_released_is_not_told_of_what_the_others_did() {
    let console = Console::open();
    let (ana, ben) = (console.user("ana", None).id, console.user("ben", None).id);
    hold(&console, &ana, 5);
    let first = release(&console, &Actor::CommandLine, 5).unwrap();
    assert_eq!(release(&console, &Actor::CommandLine, 5).unwrap().id, first.id, "the same, sent twice");
    assert_eq!(release(&console, &Actor::CommandLine, 6).unwrap().id, first.id, "nothing is newer");
    hold(&console, &ben, 7);
    let refusal = release(&console, &Actor::CommandLine, 7).unwrap_err().to_string();
    for told in ["is still under way", "0 of 1 are done", "wait until it has ended, and then do this again"] {
        assert!(refusal.contains(told), "{refusal}");
    }
    bulk::run(console.org.clone(), first).await.unwrap();
    let second = release(&console, &Actor::CommandLine, 7).unwrap();
    let ended = bulk::run(console.org.clone(), second).await.unwrap();
    assert_eq!((ended.state, ended.done), (State::Done, 1));
}

#[actix_web::test]
async fn whoever_has_more_power_does_not_go_along_with_less() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator).actor();
    let olga = console.find("olga").unwrap().actor();
    hold(&console, &console.user("ana", None).id, 5);
    let first = release(&console, &adam, 5).unwrap();
    let refusal = release(&console, &olga, 5).unwrap_err().to_string();
    assert!(refusal.contains("adam began the same change") && refusal.contains("what is left"), "{refusal}");
    bulk::run(console.org.clone(), first).await.unwrap();
    hold(&console, &console.user("ben", None).id, 6);
    let second = release(&console, &olga, 6).unwrap();
    assert_eq!(release(&console, &adam, 6).unwrap().id, second.id, "an owner does all that he may");
}

#[actix_web::test]
async fn other_renames_of_the_same_comparison_are_refused_while_some_go_on() {
    let console = Console::open();
    let id = console.write(|tx| {
        let file = "userPrincipalName,displayName\nana@contoso.example,Ana\n";
        let mut compared = alignment::compare(tx.conn, file.as_bytes())?;
        let begun = alignment::begin_keeping(tx, "users.csv", &compared)?;
        for rows in compared.take_bites() {
            alignment::keep_some(tx, &begun.id, rows)?;
        }
        Ok(alignment::keep_rest(tx, &begun.id)?.split().0.id)
    });
    let accept = |kinds: &[alignment::Kind]| {
        let (id, kinds) = (id.clone(), kinds.to_vec());
        console.org.write(&Actor::CommandLine, move |tx| alignment::begin_accepting(tx, &id, &kinds, 1))
    };
    let [one, other] = [alignment::Kind::Email, alignment::Kind::Domain];
    let first = accept(&[one, other]).unwrap();
    assert_eq!(accept(&[other, one]).unwrap().id, first.id);
    let refusal = accept(&[other]).unwrap_err();
    assert!(matches!(refusal, Error::Conflict(_)), "{refusal}");
}

#[actix_web::test]
async fn nobody_gets_a_site_by_a_name_that_was_taken_from_it() {
    let console = Console::open();
    let (paris, rotterdam) = console.write(|tx| {
        waiting(tx, "HQ", 250)?;
        let (paris, rotterdam) =
            (sites::create(tx, "Paris")?.split().0.id, sites::create(tx, "Rotterdam")?.split().0.id);
        sites::alias(tx, &paris, "HQ")?;
        Ok((paris, rotterdam))
    });
    let task = console.org.read(|conn| sites::being_placed(conn, "HQ")).unwrap().unwrap();
    assert_eq!(a_slice(&console, &task).done, 100);
    let (from, to) = (paris.clone(), rotterdam.clone());
    console.write(move |tx| {
        let all = sites::list(tx.conn)?;
        let alias = all.into_iter().flat_map(|line| line.aliases).next().unwrap();
        sites::remove_alias(tx, &from, &alias.id)?;
        sites::alias(tx, &to, "HQ")
    });
    let ended = stands(&console, &task);
    assert_eq!((ended.state, ended.done, ended.left_out), (State::Stopped, 100, 150));
    assert_eq!(ended.fault.as_deref(), Some("“HQ” is no longer a name of the site Paris"));
    let anew = console.org.read(|conn| sites::being_placed(conn, "HQ")).unwrap().unwrap();
    bulk::run(console.org.clone(), anew).await.unwrap();
    assert_eq!((at(&console, &paris), at(&console, &rotterdam)), (100, 150));
}

#[actix_web::test]
async fn a_slice_asks_again_what_the_name_means() {
    let console = Console::open();
    let site = console.write(|tx| {
        waiting(tx, "HQ", 150)?;
        Ok(sites::create(tx, "HQ")?.split().0.id)
    });
    let task = console.org.read(|conn| sites::being_placed(conn, "HQ")).unwrap().unwrap();
    // As another program would, which knows nothing of this task.
    let name = "UPDATE sites SET name = 'Other', name_key = 'other'";
    console.write(move |tx| Ok(diesel::sql_query(name).execute(tx.conn).map(drop)?));
    let ended = bulk::run(console.org.clone(), task).await.unwrap();
    assert_eq!((ended.is_running(), ended.done, at(&console, &site)), (false, 0, 0));
    assert!(ended.fault.unwrap().contains("no longer a name of the site Other"));
}

#[actix_web::test]
async fn with_its_site_the_task_ends_and_its_page_says_so_and_not_that_all_is_settled() {
    let console = Console::open();
    let site = console.write(|tx| {
        waiting(tx, "Delft", 150)?;
        Ok(sites::create(tx, "Delft")?.split().0.id)
    });
    let task = console.org.read(|conn| sites::being_placed(conn, "Delft")).unwrap().unwrap();
    console.write(move |tx| sites::delete(tx, &site));
    assert_eq!(stands(&console, &task).state, State::Stopped);
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/tasks/{}", task.id)).await.text();
    assert!(page.contains("“Delft” stood was deleted") && !page.contains("is settled"), "{page}");
}

#[actix_web::test]
async fn of_those_who_no_longer_wait_it_is_not_said_that_they_have_their_site() {
    let console = Console::open();
    console.write(|tx| {
        waiting(tx, "Delft", 150)?;
        sites::create(tx, "Delft").map(drop)
    });
    let task = console.org.read(|conn| sites::being_placed(conn, "Delft")).unwrap().unwrap();
    console.write(|tx| {
        let one = users::table.filter(users::user_name.eq("Delft7@example.com"));
        let other = (users::site_sent.eq("Leiden"), users::site_sent_key.eq("leiden"));
        Ok(diesel::update(one).set(other).execute(tx.conn).map(drop)?)
    });
    let ended = bulk::run(console.org.clone(), task).await.unwrap();
    assert_eq!((ended.state, ended.done, ended.left_out), (State::Done, 149, 1));
    let olga = console.signed_in("olga").await;
    let page = olga.get(&format!("/tasks/{}", ended.id)).await.text();
    assert!(page.contains("149 got their site. 1 did not wait for it any longer"), "{page}");
}

#[actix_web::test]
async fn what_a_deleted_group_leaves_goes_whatever_becomes_of_whoever_deleted_it() {
    let console = Console::open();
    let adam = console.admin("adam", Role::Administrator);
    let group = console.write(|tx| {
        let id = "11111111-1111-7111-8111-111111111111".to_owned();
        let row = (
            (user_groups::id.eq(&id), user_groups::scim_id.eq(&id), user_groups::name.eq("All")),
            (user_groups::name_key.eq("all"), user_groups::linked.eq(true), user_groups::version.eq(1)),
            (user_groups::created_at.eq(tx.now), user_groups::updated_at.eq(tx.now)),
        );
        diesel::insert_into(user_groups::table).values(row).execute(tx.conn)?;
        for number in 0..450 {
            let wish = by_hand::LocalProfile { profile: Profile::named(&format!("u{number}")), email: None };
            let user = by_hand::create(tx, wish, None)?.split().0.id;
            let row = (
                group_members::id.eq(&user),
                group_members::group_id.eq(&id),
                group_members::user_id.eq(&user),
                group_members::held.eq(false),
            );
            diesel::insert_into(group_members::table).values(row).execute(tx.conn)?;
        }
        Ok(id)
    });
    let unlinked = user_groups::linked.eq(false);
    console
        .write(move |tx| Ok(diesel::update(user_groups::table).set(unlinked).execute(tx.conn).map(drop)?));
    console.org.write(&adam.actor(), move |tx| groups::delete(tx, &group.parse()?)).unwrap();
    console.write(move |tx| admins::appoint(tx, &adam.id, Role::Auditor).map(drop));
    let running = || console.org.read(tasks::running).unwrap();
    let task = running().remove(0);
    assert_eq!(task.actor(), Actor::Rollcall);
    // One that failed is begun anew, but not at once.
    let set = (long_tasks::state.eq(State::Failed), long_tasks::ended_at.eq(console.org.now()));
    console.write(move |tx| Ok(diesel::update(long_tasks::table).set(set).execute(tx.conn).map(drop)?));
    rollcall::worker::round(&console.org, false).await.unwrap();
    assert!(running().is_empty(), "it failed just now");
    console.clock.advance(TimeDelta::minutes(61));
    rollcall::worker::round(&console.org, false).await.unwrap();
    let again = running().remove(0);
    assert_eq!((again.total, again.actor()), (450, Actor::Rollcall));
    rollcall::worker::round(&console.org, false).await.unwrap();
    assert_eq!(running().len(), 1, "one at a time");
    bulk::run(console.org.clone(), again).await.unwrap();
    let left = |conn: &mut _| {
        Ok((group_members::table.count().get_result(conn)?, user_groups::table.count().get_result(conn)?))
    };
    assert_eq!(console.org.read(left).unwrap(), (0_i64, 0_i64));
}

#[actix_web::test]
async fn a_session_that_is_about_to_end_is_none_and_none_begins_in_its_place() {
    let all = [
        Ending::FromSso,
        Ending::ByCertificate("0123".to_owned()),
        Ending::FromWaitingSettings,
        Ending::BySha1,
        Ending::Unsolicited,
    ];
    for ending in all {
        let console = Console::open();
        let ana = console.user("ana", None);
        let key = ana.id.clone();
        console.write(move |tx| {
            for number in 0..1_200 {
                let row = (
                    (sessions::id.eq(format!("{number:04}")), sessions::user_id.eq(&key)),
                    (sessions::state.eq("{}"), sessions::method.eq(Method::Sso)),
                    (sessions::created_at.eq(tx.now), sessions::last_seen_at.eq(tx.now)),
                    sessions::came_by.eq("waiting sha1 unsolicited 0123"),
                );
                diesel::insert_into(sessions::table).values(row).execute(tx.conn)?;
            }
            end_those(tx, &ending)
        });
        assert_eq!(console.org.read(tasks::running).unwrap().len(), 1);
        let now = console.org.now();
        let session = Sitting { id: "1199".to_owned(), ends_at: now + TimeDelta::hours(1) };
        let authority = Authority::of_session(ana.actor(), session, Proof::default());
        let refused = console.org.read(move |conn| authority.must_hold(conn, now)).unwrap_err();
        assert!(matches!(refused, Error::SignedOut), "{refused}");
        let limits = Limits { idle: TimeDelta::hours(1), absolute: TimeDelta::hours(1) };
        let found = console.org.read(move |conn| signed_in::find(conn, "1199", now, limits)).unwrap();
        assert!(found.is_none());
        // Another one, that rests on something else, or began since, goes on.
        console.clock.advance(TimeDelta::seconds(1));
        console.write(|tx| {
            let row = sessions::table.find("1199");
            Ok(diesel::update(row).set(sessions::created_at.eq(tx.now)).execute(tx.conn).map(drop)?)
        });
        let found = console.org.read(move |conn| signed_in::find(conn, "1199", now, limits)).unwrap();
        assert!(found.is_some());
    }
}

#[actix_web::test]
async fn home_and_the_page_where_it_was_begun_lead_back_to_a_task() {
    let console = Console::open();
    console.admin("audrey", Role::Auditor);
    console.write(|tx| {
        waiting(tx, "Delft", 1_150)?;
        sites::create(tx, "Delft").map(drop)
    });
    let task = console.org.read(|conn| sites::being_placed(conn, "Delft")).unwrap().unwrap();
    let link = format!(r#"href="/tasks/{}""#, task.id);
    let audrey = console.signed_in("audrey").await;
    for path in ["/", "/sites"] {
        let page = audrey.get(path).await;
        assert!(page.body.contains(&link), "{path}: {}", page.text());
        assert!(page.text().contains("Giving users their site: 0 of 1,150 so far. Begun by"), "{path}");
    }
    assert!(!audrey.get("/groups").await.body.contains(&link), "another page");
    let set = (
        long_tasks::state.eq(State::Failed),
        long_tasks::ended_at.eq(console.org.now()),
        long_tasks::fault.eq("The user ana cannot be done"),
    );
    console.write(move |tx| Ok(diesel::update(long_tasks::table).set(set).execute(tx.conn).map(drop)?));
    for path in ["/", "/sites"] {
        let page = audrey.get(path).await;
        assert!(page.body.contains(&link), "{path}: {}", page.text());
        assert!(page.text().contains("did not come to its end: The user ana cannot be done."), "{path}");
    }
    console.clock.advance(TimeDelta::hours(25));
    let audrey = console.signed_in("audrey").await;
    assert!(!audrey.get("/").await.body.contains(&link), "that was a day ago");
}

#[actix_web::test]
async fn whoever_deletes_the_same_users_twice_hears_what_came_of_it() {
    let console = Console::open();
    let ids = [console.user("ana", None).id, console.user("ben", None).id];
    let olga = console.signed_in("olga").await;
    let asked = olga.get(&format!("/users/delete?id={}&id={}", ids[0], ids[1])).await;
    for order in [[0, 1], [1, 0]] {
        let [one, other] = order.map(|at: usize| ids[at].as_str());
        let fields = [("id", one), ("id", other), ("typed", "delete 2 users")];
        let told = asked.submit("/users/delete", &fields).await;
        assert_eq!(told.status, 303, "{}", told.text());
        let told = told.follow().await.text();
        assert!(told.contains("2 users were deleted for good."), "{told}");
    }
    assert!(console.find("ana").is_none() && console.find("ben").is_none());
}

#[actix_web::test]
async fn what_was_stopped_is_told_with_what_to_do_until_somebody_did_it() {
    let console = Console::open();
    let task = begun(&console);
    let olga = console.signed_in("olga").await;
    let id = task.id.clone();
    console.write(move |tx| {
        let stopped = (long_tasks::state.eq(State::Stopped), long_tasks::ended_at.eq(tx.now));
        let stopped = (stopped, long_tasks::fault.eq("Adam may no longer do this."));
        Ok(diesel::update(long_tasks::table.find(id)).set(stopped).execute(tx.conn).map(drop)?)
    });
    let told = "did not come to its end: Adam may no longer do this";
    let page = olga.get("/sites").await.text();
    assert!(page.contains(told) && page.contains("Look under Sites, and choose once more"), "{page}");
    let site = console.org.read(|conn| sites::named(conn, "Delft")).unwrap().unwrap().id;
    olga.submit("/sites", "/sites/settle", &[("name", "Delft"), ("action", site.as_str())]).await;
    assert_eq!(at(&console, &site), 150);
    for path in ["/sites", "/"] {
        let page = olga.get(path).await.text();
        assert!(!page.contains(told), "{path}: {page}");
    }
}

#[actix_web::test]
async fn the_page_of_a_task_that_does_not_move_says_so_and_why() {
    let console = Console::open();
    let task = begun(&console);
    let olga = console.signed_in("olga").await;
    let path = format!("/tasks/{}", task.id);
    assert!(!olga.get(&path).await.text().contains("has not moved on"));
    console.write(|tx| Ok(diesel::sql_query("PRAGMA query_only = ON").execute(tx.conn).map(drop)?));
    let refused = console.org.write(&Actor::CommandLine, |tx| sites::create(tx, "Leiden"));
    assert!(refused.is_err());
    console.clock.advance(TimeDelta::seconds(11));
    let page = olga.get(&path).await.text();
    assert!(
        page.contains("It has not moved on since") && page.contains("The database is read-only"),
        "{page}"
    );
    let page = olga.get("/sites").await.text();
    assert!(page.contains("It does not move on just now."), "{page}");
}

#[actix_web::test]
async fn a_script_that_asks_how_far_work_is_uses_up_no_message_of_another_page() {
    let console = Console::open();
    let task = begun(&console);
    let olga = console.signed_in("olga").await;
    let told = olga.submit("/sites", "/sites", &[("name", "Leiden")]).await;
    let request = olga.request(reqwest::Method::GET, &format!("/tasks/{}", task.id));
    let polled = olga.send(request.header("Sec-Fetch-Dest", "empty")).await;
    assert_eq!(polled.status, 200);
    let page = told.follow().await.text();
    assert!(page.contains("The site Leiden was created."), "{page}");
}
