//! What one click on very many rows takes, and how long anybody else's write waits meanwhile.
//!
//! `cargo bench --bench long_work` fills a folder with 300,000 users and prints a table; a number as its argument fills
//! it with fewer, and makes each click that much smaller. Nothing is asserted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench that cannot go on has failed"
)]

use rollcall::domain::deprovisioning_guard::{self, Limits, Measure, Measures};
use rollcall::domain::groups::by_entra as entras_groups;
use rollcall::domain::held::{self, Verdict};
use rollcall::domain::tasks::{State, Task};
use rollcall::domain::users::by_entra::{self, Scope};
use rollcall::domain::users::{self, Profile, by_hand};
use rollcall::domain::{Actor, Noted, Org, alignment, bulk, imports, licenses, sites};
use rollcall::error::Result;
use rollcall::keys::UserId;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

mod support;

/// Why what fills the database has no entry as a whole.
const EACH: &str = "each of them has an entry of its own";
const USERS: usize = 300_000;
const TOGETHER: usize = 1_000;

struct Bench {
    org: Org,
    size: usize,
}

fn main() {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(USERS);
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let bench = Bench { org: support::organisation(folder.path()), size };
    let filling = Instant::now();
    let people = support::users(&bench.org, "user", size, None);
    println!(
        "{size} users were made in {:.0} s, {} µs each",
        filling.elapsed().as_secs_f64(),
        each(filling.elapsed(), size)
    );
    println!("{:44} {:>9} {:>9} {:>12} {:>14}", "", "rows", "s", "µs a row", "others wait ms");
    bench.site();
    bench.held(&people);
    bench.renames();
    bench.file(&people);
    bench.group(&people);
}

fn each(took: Duration, rows: usize) -> u128 {
    took.as_micros() / rows.max(1) as u128
}

impl Bench {
    /// As many of this, for as many users as there are.
    fn share(&self, of_all: usize) -> usize {
        (of_all * self.size / USERS).max(1)
    }

    /// Does `work` while somebody else writes all the time; tells how long it took and how long they waited at the most.
    fn beside_others<T>(&self, what: &str, rows: usize, work: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        let (value, took, longest) = std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    self.org.write(&Actor::Entra, rollcall::domain::settings::touch).unwrap();
                    longest = longest.max(begun.elapsed());
                    std::thread::sleep(Duration::from_millis(10));
                }
                longest
            });
            let begun = Instant::now();
            let value = work();
            let took = begun.elapsed();
            over.store(true, Ordering::Relaxed);
            (value, took, others.join().unwrap())
        });
        let (seconds, row) = (took.as_secs_f64(), each(took, rows));
        println!("{what:44} {rows:>9} {seconds:>9.2} {row:>12} {:>14.1}", longest.as_secs_f64() * 1e3);
        value
    }

    fn run(&self, task: Task) {
        let system = actix_web::rt::System::new();
        let ended = system.block_on(bulk::run(self.org.clone(), task)).unwrap();
        assert_eq!(ended.state, State::Done, "{ended:?}");
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rollcall::domain::Tx) -> Result<Noted<T>> + Send + 'static,
    ) -> T {
        self.org.write(&Actor::CommandLine, work).unwrap()
    }

    fn site(&self) {
        let rows = self.share(30_000);
        support::users(&self.org, "waiting", rows, Some("Nowhere"));
        self.beside_others("a site that so many wait for", rows, || {
            let task = self.write(|tx| {
                let noted = sites::create(tx, "Nowhere")?;
                Ok(noted.with(sites::being_placed(tx.conn, "Nowhere")?))
            });
            task.into_iter().for_each(|task| self.run(task));
        });
    }

    fn held(&self, people: &[UserId]) {
        let rows = self.share(23_459);
        let one = Measure { people: 1, share: 0 };
        let measures = Measures { hour: one, day: one };
        let limits = Limits { accounts: measures, user_names: measures, ..Limits::default() };
        self.write(move |tx| deprovisioning_guard::set(tx, limits));
        for some in people[..rows].chunks(TOGETHER) {
            let some = some.to_vec();
            let bar = move |tx: &mut rollcall::domain::Tx| {
                some.iter().try_for_each(|id| {
                    let scim_id = users::find(tx.conn, id)?.scim_id;
                    let known = by_entra::get(tx.conn, Scope::AllUsers, &scim_id)?;
                    let wish = by_entra::UserInput { active: false, ..known.wish() };
                    by_entra::change(tx, known, wish).map(drop)
                })?;
                Ok::<_, rollcall::error::Error>(Noted::unaudited((), EACH))
            };
            self.org.write(&Actor::Entra, bar).unwrap();
        }
        self.beside_others("release all that is held back", rows, || {
            let all = self.org.read(|conn| held::everything(conn, None)).unwrap();
            let task = self.write(move |tx| held::begin_all(tx, Verdict::Release, &all));
            self.run(task);
        });
    }

    fn renames(&self) {
        let rows = self.share(20_000);
        for from in (0..rows).step_by(TOGETHER) {
            self.write(move |tx| {
                (from..rows.min(from + TOGETHER)).try_for_each(|number| {
                    let email = Some(format!("new{number}@example.org"));
                    let profile = Profile::named(&format!("old{number}@example.net"));
                    by_hand::create(tx, by_hand::LocalProfile { profile, email }, None).map(drop)
                })?;
                Ok(Noted::unaudited((), EACH))
            });
        }
        let mut file = "userPrincipalName,displayName,mail\n".to_owned();
        for number in 0..rows {
            writeln!(file, "new{number}@example.org,New {number},new{number}@example.org").unwrap();
        }
        let begun = Instant::now();
        let mut compared = self.org.read(|conn| alignment::compare(conn, file.as_bytes())).unwrap();
        println!("(comparing: {:.1} s on a reader)", begun.elapsed().as_secs_f64());
        let bites = compared.take_bites();
        let kept: usize = bites.iter().map(Vec::len).sum();
        let id = self.beside_others("keep the rows of a comparison", kept, || {
            let id = self.write(move |tx| alignment::begin_keeping(tx, "users.csv", &compared)).id;
            for rows in bites {
                let id = id.clone();
                self.write(move |tx| alignment::keep_some(tx, &id, rows));
            }
            let key = id.clone();
            self.write(move |tx| alignment::keep_rest(tx, &key));
            id
        });
        let kinds = alignment::Kind::ALL;
        self.beside_others("accept all renames", rows, || {
            let key = id.clone();
            let total = self.org.read(|conn| alignment::count_proposals(conn, &key, kinds)).unwrap();
            let task = self.write(move |tx| alignment::begin_accepting(tx, &key, kinds, total));
            self.run(task);
        });
        self.beside_others("take all renames back", rows, || {
            let key = id.clone();
            let total = self.org.read(|conn| alignment::count_accepted(conn, &key)).unwrap();
            let task = self.write(move |tx| alignment::begin_undoing(tx, &key, total));
            self.run(task);
        });
        self.beside_others("discard the comparison", kept, || {
            let task = self.write(move |tx| alignment::discard(tx, &id));
            self.run(task);
        });
    }

    /// A file of licences, of a type that most people hold already.
    fn file(&self, people: &[UserId]) {
        let (holders, rows) = (self.share(180_000), self.share(10_000));
        let kind = self.write(|tx| {
            let wish =
                licenses::LicenseTypeInput { code: "X2".into(), name: "Work X2".into(), seats: 1_000_000 };
            let kind = licenses::create(tx, &wish)?.split().0.id;
            Ok(sites::create(tx, "Delft")?.map(|site| (kind, site.id)))
        });
        for (chunk, some) in people[..holders + rows].chunks(TOGETHER).enumerate() {
            let (some, (kind, site)) = (some.to_vec(), kind.clone());
            self.write(move |tx| {
                for (at, id) in some.iter().enumerate() {
                    if users::find(tx.conn, id)?.site_id.is_none() {
                        by_hand::set_site(tx, id, &site)?;
                    }
                    if chunk * TOGETHER + at < holders {
                        licenses::assign(tx, id, &kind)?;
                    }
                }
                Ok(Noted::unaudited((), EACH))
            });
        }
        let mut file = "userName,license\n".to_owned();
        for number in holders..holders + rows {
            writeln!(file, "user{number}@example.com,X2").unwrap();
        }
        let upload =
            imports::Upload { file_name: "x.csv".into(), bytes: file.into_bytes(), take_away: false };
        let checked = imports::check(&self.org, &upload).unwrap();
        let import = self.beside_others("keep a licence file", rows, || {
            self.write(move |tx| imports::keep(tx, "x.csv", false, checked))
        });
        self.beside_others("apply a licence file", rows, || {
            let (sender, receiver) = std::sync::mpsc::channel();
            let prepared = imports::prepare(&self.org, &import.id).unwrap();
            let actor = rollcall::domain::authority::Authority::trusted(Actor::CommandLine);
            self.org.submit_slice(
                actor,
                move |tx| imports::apply(tx, prepared),
                move |outcome| {
                    sender.send(outcome.map(drop)).unwrap();
                },
            );
            receiver.recv().unwrap().unwrap();
        });
    }

    fn group(&self, people: &[UserId]) {
        let members = self.share(50_000);
        let ids = &people[..=members];
        let find = |conn: &mut rollcall::db::Conn| {
            ids.iter().map(|id| Ok(users::find(conn, id)?.scim_id)).collect::<Result<Vec<String>>>()
        };
        let known = self.org.read(find).unwrap();
        let (one, all) = known.split_last().unwrap();
        let (one, all) = (one.clone(), all.to_vec());
        let wish = entras_groups::GroupInput { name: "All".into(), external_id: None, members: all };
        let group = self.org.write(&Actor::Entra, move |tx| entras_groups::create(tx, wish)).unwrap().group;
        let again = group.clone();
        self.beside_others("add one to a group of so many", members, || {
            let change = move |tx: &mut rollcall::domain::Tx| {
                entras_groups::change(tx, again, vec![entras_groups::Change::Add(vec![one])])
            };
            self.org.write(&Actor::Entra, change).unwrap();
        });
        self.beside_others("delete that group", members, || {
            let id = group.id.clone();
            self.org.write(&Actor::Entra, move |tx| entras_groups::remove(tx, &group)).unwrap();
            let task = self.org.read(|conn| rollcall::domain::tasks::running_on(conn, id.as_str())).unwrap();
            task.into_iter().for_each(|task| self.run(task));
        });
    }
}
