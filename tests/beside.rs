//! Programs beside each other on one data folder: older ones, several that begin at once, and one that holds the database.

use crate::cli::{Served, fails, owned, program, run, said};
use crate::harness::{Browser, Entra};
use crate::upgrade::{SingleSignOn, filled};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A data folder as an older program left it.
fn older() -> (TempDir, PathBuf) {
    let (of_database, path) = filled(SingleSignOn::No);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    fs::copy(&path, data.join("rollcall.db")).unwrap();
    fs::write(data.join("secret.key"), [7; 32]).unwrap();
    for name in ["rollcall.db", "secret.key"] {
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    drop(of_database);
    (folder, data)
}

/// A connection as of another program.
fn another(data: &Path) -> SqliteConnection {
    SqliteConnection::establish(data.join("rollcall.db").to_str().unwrap()).unwrap()
}

fn is_behind(folder: &TempDir) -> bool {
    let listed = run(folder, &["site", "list"]);
    String::from_utf8_lossy(&listed.stderr).contains("was not brought up to date")
}

#[test]
fn tables_are_not_changed_under_a_program_that_uses_them() {
    let (folder, data) = older();
    let mut older = another(&data);
    older.batch_execute("PRAGMA journal_mode = WAL; SELECT * FROM users LIMIT 1;").unwrap();
    let who = format!("another process (process {}) has it open. Stop that server", std::process::id());
    for arguments in [["site", "create", "--name", "Delft"].as_slice(), &["--listen", "127.0.0.1:0"]] {
        fails(&run(&folder, arguments), 2, &who);
        assert!(is_behind(&folder));
    }
    drop(older);
    said(&run(&folder, &["site", "create", "--name", "Delft"]));
    assert!(!is_behind(&folder));
    // What is up to date already is used by several.
    let mut same = another(&data);
    same.batch_execute("SELECT * FROM users LIMIT 1;").unwrap();
    said(&run(&folder, &["site", "create", "--name", "Leiden"]));
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.contains(&"rollcall.db-upgrade".into()), "{names:?}");
}

#[test]
fn a_server_that_cannot_listen_changes_nothing() {
    let (folder, _data) = older();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    fails(&run(&folder, &["--listen", &at]), 2, "the port is in use");
    assert!(is_behind(&folder));
}

/// Commands and a server that begin at once all succeed.
async fn begin_at_once(folder: &TempDir) {
    let data = folder.path().join("data");
    let commands: Vec<_> = (0..4)
        .map(|number| {
            let arguments = ["site", "create", "--name", &format!("Site {number}")];
            program(&data).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let served = Served::start(folder, &[]);
    for command in commands {
        said(&command.wait_with_output().unwrap());
    }
    stops(served).await;
    assert_eq!(said(&run(folder, &["site", "list"])).lines().count(), 4);
}

/// It ends as it should, once it answers: before that it heeds no signals.
async fn stops(served: Served) {
    assert_eq!(Browser::new(&served.address).get("/readyz").await.body, "ready");
    assert_eq!(served.stop(), Some(0));
}

#[actix_web::test]
async fn several_that_begin_at_once_make_one_organisation_or_bring_it_up_to_date_once() {
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        begin_at_once(&folder).await;
    }
    for _ in 0..3 {
        let (folder, _data) = older();
        fs::write(folder.path().join("owned"), "").unwrap();
        begin_at_once(&folder).await;
    }
}

#[test]
fn numbers_that_an_older_program_did_not_keep_are_counted_when_a_server_starts() {
    let folder = owned();
    said(&run(&folder, &["license-type", "create", "--code", "X2", "--seats", "2"]));
    another(&folder.path().join("data")).batch_execute("UPDATE license_types SET seats_taken = 2").unwrap();
    let data = folder.path().join("data");
    let mut server = program(&data);
    server.args(["--listen", "127.0.0.1:0", "--log", "warn"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = server.spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut log, &mut line).unwrap();
    assert!(line.contains("counted anew"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    let Output { stdout, .. } = run(&folder, &["license-type", "list"]);
    assert!(String::from_utf8_lossy(&stdout).contains("X2"));
}

#[actix_web::test]
async fn it_stops_soon_while_another_program_holds_the_database_and_those_who_wait_are_answered() {
    let folder = owned();
    said(&run(&folder, &["provisioning", "enable"]));
    let token = said(&run(&folder, &["token", "create", "--label", "t"])).trim().to_owned();
    let served = Served::start(&folder, &[]);
    let mut other = another(&folder.path().join("data"));
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let entra = Entra::new(&served.address, &token);
    let waits = actix_web::rt::spawn(async move {
        entra.post("/Users", serde_json::json!({ "userName": "ana@example.com" })).await.status
    });
    let browser = Browser::new(&served.address);
    while browser.get("/readyz").await.body != "busy" {}
    let told = Instant::now();
    assert!(Command::new("kill").arg(served.child.id().to_string()).status().unwrap().success());
    assert_eq!(waits.await.unwrap(), 503);
    let mut child = served.child;
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    other.batch_execute("ROLLBACK").unwrap();
    drop(other);
    stops(Served::start(&folder, &[])).await;
}
