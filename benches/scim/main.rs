//! How fast Entra ID is served, beside a bare server on the same machine in the same minutes.
//!
//! `cargo bench --bench scim` starts the real program and a yardstick (see there), fills both with users and asks both
//! for the same. `-- --help` shows what can be chosen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench that cannot go on has failed"
)]

mod load;
mod report;
mod server;
mod workload;
mod yardstick;

use clap::Parser;
use load::{CONNECTIONS, Until, drive};
use report::{Fill, Line, Report, Speed};
use server::Server;
use std::path::{Path, PathBuf};
use std::time::Duration;
use workload::Workload;

/// Inside `target`: on a real disk, as the folder for passing files often is not.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const REPORT: &str = "bench-scim.json";
/// A server that settles for longer than this is told of.
const LONG_MS: f64 = 100.0;

/// Measures the SCIM interface beside a bare server.
#[derive(Parser)]
struct Wish {
    /// Numbers of users to measure with, fewest first
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 100_000], value_parser = clap::value_parser!(u64).range(1..))]
    users: Vec<u64>,
    /// Seconds for each workload
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Compare with the JSON of an earlier run
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Serve as the yardstick, with the data in this folder
    #[arg(long, hide = true, value_name = "FOLDER")]
    yardstick: Option<PathBuf>,
    /// What cargo says to each bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let wish = Wish::parse();
    if let Some(folder) = &wish.yardstick {
        return yardstick::serve(folder).expect("the yardstick serves");
    }
    // Read first: it may be the file that this run replaces.
    let earlier = wish.against.as_deref().map(read);
    let report =
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(measure(&wish));
    println!("\n{}\n", report.table(earlier.as_ref()));
    report.lines.iter().for_each(tell_settling);
    let file = Path::new(SCRATCH).with_file_name(REPORT);
    std::fs::write(&file, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
    println!("Kept in {}; a copy of it can be given to --against.", file.display());
}

fn read(file: &Path) -> Report {
    let text = std::fs::read(file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    serde_json::from_slice(&text).expect("the JSON of an earlier run")
}

async fn measure(wish: &Wish) -> Report {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{CONNECTIONS} connections, {} s for each workload, {processors} processors", wish.seconds);
    let (mut fills, mut lines) = (Vec::new(), Vec::new());
    for &users in &wish.users {
        std::fs::create_dir_all(SCRATCH).unwrap();
        let folder = tempfile::tempdir_in(SCRATCH).unwrap();
        let rollcall = Filled::with(users, Server::rollcall(folder.path())).await;
        let yardstick = Filled::with(users, Server::yardstick(folder.path())).await;
        println!("{}\n{}", rollcall.fill, yardstick.fill);
        for workload in Workload::ALL {
            lines.push(Line {
                workload: workload.name().to_owned(),
                users,
                rollcall: rollcall.speed(workload, wish.seconds).await,
                yardstick: yardstick.speed(workload, wish.seconds).await,
            });
        }
        fills.extend([rollcall.fill, yardstick.fill]);
    }
    Report { seconds: wish.seconds, connections: CONNECTIONS, processors, fills, lines }
}

/// A server that has its users.
struct Filled {
    server: Server,
    ids: Vec<String>,
    fill: Fill,
}

impl Filled {
    async fn with(users: u64, server: Server) -> Self {
        let before = server.mebibytes();
        let made = drive(&server, &[], Workload::Create, 0, Until::Number(users)).await;
        let mebibytes = before.zip(server.mebibytes());
        let fill = Fill { server: server.name.to_owned(), users, speed: Speed::from(&made), mebibytes };
        Self { server, ids: made.made, fill }
    }

    async fn speed(&self, workload: Workload, seconds: f64) -> Speed {
        let known = self.fill.users;
        let first = if workload == Workload::Create { known } else { 0 };
        let until = |share: f64| Until::Elapsed(Duration::from_secs_f64(seconds * share));
        // What is new to the server is not what is measured.
        let warm = drive(&self.server, &self.ids, workload, first, until(0.2)).await;
        Speed::from(&drive(&self.server, &self.ids, workload, warm.next, until(1.0)).await)
    }
}

fn tell_settling(line: &Line) {
    if line.rollcall.settling_ms > LONG_MS {
        let (what, users, ms) = (&line.workload, line.users, line.rollcall.settling_ms);
        println!(
            "After {what} at {users} users Rollcall wrote for another {ms:.0} ms what nobody waited for."
        );
    }
}
