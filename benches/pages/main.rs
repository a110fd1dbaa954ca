//! How soon each page and each request of a SCIM client is answered in organisations of several sizes.
//!
//! `cargo bench --bench pages` fills a folder by the program's own rules, starts the real program on it and asks for
//! everything a few times. What takes longer than [`SOON_MS`] is named, and why that is so where it is known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a bench that cannot go on has failed; the browser is the tests'"
)]

mod asks;
#[path = "../../tests/harness/browser.rs"]
mod browser;
mod fill;
#[path = "../scim/server.rs"]
mod server;

use asks::Ask;
use browser::Browser;
use clap::Parser;
use diesel::prelude::*;
use fill::Things;
use rollcall::db::Db;
use rollcall::db::schema::users;
use rollcall::domain::users::User;
use rollcall::domain::{Clock, Org};
use rollcall::seal::Keyring;
use server::Server;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const OWNER: &str = "owner@example.com";
const PASSWORD: &str = "correct horse battery staple 9";
/// What every answer should take at most,
const SOON_MS: f64 = 50.0;
/// unless it is as large as this.
const LARGE_BYTES: usize = 1_000_000;
/// So many look all users through at once while somebody else is looked up so often.
const SCANNING: usize = 4;
const LOOK_UPS: usize = 50;
/// Rows of a list of users.
const PAGE: i64 = 50;

/// Measures pages and SCIM requests in organisations of several sizes.
#[derive(Parser)]
struct Wish {
    /// Numbers of users to measure with
    #[arg(long, value_delimiter = ',', default_values_t = [300, 100_000, 300_000])]
    users: Vec<usize>,
    /// How often each is asked for
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// What cargo says to each bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What came of asking for something a few times.
struct Measured {
    status: u16,
    bytes: usize,
    median: f64,
    worst: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wish = Wish::parse();
    for users in wish.users {
        std::fs::create_dir_all(SCRATCH).unwrap();
        let folder = tempfile::tempdir_in(SCRATCH).unwrap();
        measure(folder.path(), users, wish.times).await;
    }
}

async fn measure(folder: &Path, users: usize, times: usize) {
    let data = folder.join("rollcall");
    make_owner(&data);
    let started = Instant::now();
    let things = filled(&data, users);
    let size = std::fs::metadata(data.join("rollcall.db")).unwrap().len() / 1_000_000;
    println!("\n{users} users, {size} MB, filled in {:.0} s", started.elapsed().as_secs_f64());
    let bare = bare_page(&data);
    let server = Server::rollcall(folder);
    let console = Browser::new(&format!("http://{}", server.address));
    let signed_in =
        console.submit("/sign-in", "/sign-in", &[("user_name", OWNER), ("password", PASSWORD)]).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let nothing = Ask::page(server.empty);
    let nothing = asked(&console, &server, &nothing, LOOK_UPS).await.median;
    let least = bare + nothing;
    println!(
        "{PAGE} rows by bare SQLite take {bare:.1} ms, the server's smallest answer {nothing:.1}: ratios are to the sum."
    );
    println!("{:>9} {:>9} {:>6} {:>11}  status  what", "median ms", "worst ms", "ratio", "bytes");
    let mut late = Vec::new();
    for ask in asks::all(&things) {
        let measured = asked(&console, &server, &ask, times).await;
        let Measured { status, bytes, median, worst } = measured;
        let ratio = median / least;
        println!("{median:9.1} {worst:9.1} {ratio:6.1} {bytes:11}  {status}     {}", ask.path);
        if median > SOON_MS {
            let why = match (ask.looks_at_all, bytes > LARGE_BYTES) {
                (true, _) => "no index serves it: one such read at a time",
                (_, true) => "a large answer",
                _ => "NOT EXPECTED",
            };
            late.push(format!("{median:9.1} ms  {}: {why}", ask.path));
        }
    }
    println!("Over {SOON_MS} ms at {users} users: {}", late.len());
    late.iter().for_each(|line| println!("  {line}"));
    beside_scans(&console, &server, &things).await;
    many_members(&console, &server, &things).await;
}

/// An owner with a password, by the command line: it makes the folder too.
fn make_owner(data: &Path) {
    let mut made = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .env_clear()
        .args(["admin", "create", "--user-name", OWNER, "--data-dir"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(made.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(made.wait().unwrap().success());
}

fn filled(data: &Path, users: usize) -> Things {
    let db = Db::open(&data.join("rollcall.db")).unwrap();
    fill::fill(&Org::new(db, Keyring::forgetful(), Clock::default()), users).unwrap()
}

async fn asked(console: &Browser, server: &Server, ask: &Ask, times: usize) -> Measured {
    let (mut took, mut last) = (Vec::new(), (0, 0));
    for _ in 0..=times {
        let started = Instant::now();
        last = once(console, server, ask).await;
        took.push(started.elapsed());
    }
    // The first one warms up.
    took.remove(0);
    took.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (status, bytes) = last;
    Measured { status, bytes, median: ms(took[took.len() / 2]), worst: ms(took[took.len() - 1]) }
}

async fn once(console: &Browser, server: &Server, ask: &Ask) -> (u16, usize) {
    let page = if ask.scim {
        let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
        let pairs: Vec<(&str, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        let request = console.request(reqwest::Method::GET, &format!("{}{path}", server.base));
        console.send(request.bearer_auth(&server.token).query(&pairs)).await
    } else {
        console.get(&ask.path).await
    };
    (page.status, page.body.len())
}

/// How long the bare database takes for a page of users, as the list of them needs it.
fn bare_page(data: &Path) -> f64 {
    let db = Db::open(&data.join("rollcall.db")).unwrap();
    let mut took: Vec<Duration> = (0..LOOK_UPS)
        .map(|_| {
            let started = Instant::now();
            let page = db.read_one(|conn| {
                let page = users::table.order((users::sort_name, users::id)).limit(PAGE);
                Ok(page.select(User::as_select()).load::<User>(conn)?)
            });
            assert!(!page.unwrap().is_empty());
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2].as_secs_f64() * 1000.0
}

/// What a list that holds the largest group takes, of the time and of the server's memory, when several ask at once.
async fn many_members(console: &Browser, server: &Server, things: &Things) {
    let before = server.mebibytes().unwrap_or_default();
    let list = Ask::scim(&format!("/Groups?startIndex={}&count=100", things.groups));
    let started = Instant::now();
    let answers = futures_util::future::join_all((0..SCANNING).map(|_| once(console, server, &list))).await;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let after = server.mebibytes().unwrap_or_default();
    println!(
        "{SCANNING} lists at once with the largest group, of {} bytes each: {took:.0} ms; the server's memory {before} MiB before, {after} after",
        answers[0].1
    );
}

/// How long a look-up takes while others look all users through.
async fn beside_scans(console: &Browser, server: &Server, things: &Things) {
    let scan = Ask::scim("/Users?filter=title co \"engineer\"");
    let look_up = Ask::scim(&format!("/Users/{}", things.user.scim_id));
    let scans = async {
        let round = || futures_util::future::join_all((0..SCANNING).map(|_| once(console, server, &scan)));
        loop {
            round().await;
        }
    };
    let look_ups = asked(console, server, &look_up, LOOK_UPS);
    tokio::pin!(scans);
    tokio::select! {
        () = scans => {}
        Measured { median, worst, .. } = look_ups => {
            println!("Beside {SCANNING} who look all users through, one is looked up in {median:.1} ms, at worst {worst:.1}");
        }
    }
}
