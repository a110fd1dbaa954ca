//! The data folder, as the program finds it, and as it leaves it.

use crate::harness::PASSWORD;
use rollcall::db::Db;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const DATABASE: &str = "rollcall.db";
const LOG: &str = "rollcall.db-wal";
const KEY: &str = "secret.key";

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.env_clear().arg("--data-dir").arg(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One clear line and exit code 2.
#[track_caller]
fn is_refused(output: &Output, words: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

fn server(folder: &Path) -> Command {
    let mut command = program(folder);
    command.args(["--listen", "127.0.0.1:0", "--log", "warn"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The program, once it serves this folder.
fn serve(folder: &Path) -> Child {
    serve_at(folder).0
}

/// The same, with its address.
fn serve_at(folder: &Path) -> (Child, String) {
    let mut child = server(folder).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("Rollcall listens on http://").unwrap();
    // Once it answers it also heeds signals.
    let answer = ask(address, "GET /readyz HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ready"), "{answer}");
    (child, address.to_owned())
}

/// The answer to a request whose first lines these are.
fn ask(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Stops it as it should be; answers what its log had to say.
fn stop(mut child: Child) -> String {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A folder with an owner.
fn owned() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["admin", "create", "--user-name", "olga"];
    let mut child =
        program(&data).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    (folder, data)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Every file with what is in it and when it was changed.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let (bytes, at) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            (path, bytes, at)
        })
        .collect();
    files.sort();
    files
}

/// A file that was left, and what is in it.
type Left = (&'static str, &'static [u8]);

#[test]
fn what_an_interrupted_first_start_left_is_carried_on() {
    let left: [(&str, &[Left]); 5] = [
        ("an empty database file", &[(DATABASE, b"")]),
        ("with an empty key", &[(DATABASE, b""), (KEY, b"")]),
        ("with half a key under its first name", &[(DATABASE, b""), ("secret.key.new", b"half")]),
        ("with a whole key", &[(DATABASE, b""), (KEY, &[7; 32])]),
        ("an empty key alone", &[(KEY, b"")]),
    ];
    for (what, files) in left {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let made = run(folder.path(), &["site", "create", "--name", "Delft"]);
        assert!(made.status.success(), "{what}: {}", String::from_utf8_lossy(&made.stderr));
        assert_eq!(said(&run(folder.path(), &["site", "list"])), "Delft\t\t0\n", "{what}");
        assert_eq!(fs::metadata(folder.path().join(KEY)).unwrap().len(), 32, "{what}");
    }
}

#[test]
fn a_first_start_that_is_killed_at_any_moment_can_be_repeated() {
    for moment in [DATABASE, "secret.key.new", KEY, LOG] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut child = server(&data).spawn().unwrap();
        while !data.join(moment).exists() && !data.join(KEY).exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        kill(child);
        stop(serve(&data));
    }
}

#[test]
fn the_tables_of_an_older_program_that_was_killed_before_it_had_a_key_are_carried_on_too() {
    let (_folder, data) = owned();
    let database = data.join(DATABASE);
    fs::remove_file(data.join(KEY)).unwrap();
    is_refused(&run(&data, &["site", "create", "--name", "Delft"]), &["secret.key is missing"]);
    fs::write(data.join(KEY), "").unwrap();
    is_refused(&run(&data, &["site", "create", "--name", "Delft"]), &["secret.key is missing"]);
    fs::remove_file(data.join(KEY)).unwrap();
    // Nobody has used these.
    change(&database, "DELETE FROM settings");
    said(&run(&data, &["site", "create", "--name", "Delft"]));
}

fn change(database: &Path, sql: &str) {
    use diesel::connection::{Connection, SimpleConnection};
    let mut conn = diesel::sqlite::SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    conn.batch_execute(sql).unwrap();
}

#[test]
fn a_key_without_a_database_is_the_wrong_folder_unless_somebody_says_that_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(KEY), [7; 32]).unwrap();
    for command in [["site", "list"].as_slice(), &["demo"], &["serve"]] {
        is_refused(&run(folder.path(), command), &["rollcall.db is not", "mounted", "--new-organisation"]);
        assert!(!folder.path().join(DATABASE).exists());
    }
    said(&run(folder.path(), &["site", "create", "--name", "Delft", "--new-organisation"]));
    assert_eq!(fs::read(folder.path().join(KEY)).unwrap(), [7; 32]);
    said(&run(folder.path(), &["site", "list"]));
}

#[test]
fn a_database_that_was_emptied_beside_its_log_is_no_new_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(DATABASE), "").unwrap();
    fs::write(folder.path().join(LOG), "something").unwrap();
    fs::write(folder.path().join(KEY), [7; 32]).unwrap();
    is_refused(&run(folder.path(), &["demo"]), &["is empty", "Restore the backup"]);
    assert_eq!(fs::read(folder.path().join(LOG)).unwrap(), b"something");
}

#[test]
fn a_database_of_a_newer_program_is_refused_with_both_versions() {
    let (_folder, data) = owned();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('209901010001'); \
                 INSERT INTO oldest_programs VALUES ('209901010001', '99.1.0');";
    change(&data.join(DATABASE), newer);
    for command in [["site", "list"].as_slice(), &["site", "create", "--name", "Delft"], &["serve"]] {
        is_refused(
            &run(&data, command),
            &["99.1.0 or later", concat!("this is Rollcall ", env!("CARGO_PKG_VERSION"))],
        );
    }
}

#[test]
fn commands_that_only_read_write_nothing() {
    let (_folder, data) = owned();
    said(&run(&data, &["site", "create", "--name", "Delft"]));
    let reading: [&[&str]; 5] = [
        &["provisioning", "status"],
        &["token", "list"],
        &["sso", "status"],
        &["license-type", "list"],
        &["site", "list"],
    ];
    // Our own keys would be made at the first start.
    said(&run(&data, &["sso", "service-provider", "--certificate"]));
    // The engine keeps an index for whoever reads, and a log in which nothing stands: neither is content.
    let ends = |path: &Path, with: &str| path.extension().is_some_and(|end| end == with);
    let is_of_readers =
        |path: &Path, bytes: &[u8]| ends(path, "db-shm") || ends(path, "db-wal") && bytes.is_empty();
    let seen = || {
        let mut all = contents(&data);
        all.retain(|(path, bytes, _)| !is_of_readers(path, bytes));
        all
    };
    let before = seen();
    for command in reading {
        said(&run(&data, command));
        assert!(seen() == before, "{command:?} changed the folder");
    }
    // Beside whoever has it open to write, too: not a server, which writes by itself.
    let open = Db::open(&data.join(DATABASE)).unwrap();
    let before = seen();
    for command in reading {
        said(&run(&data, command));
        assert!(seen() == before, "{command:?} changed the folder");
    }
    drop(open);
    let nothing = tempfile::tempdir().unwrap();
    for command in reading {
        is_refused(
            &run(&nothing.path().join("data"), command),
            &["there is no organisation in the data folder"],
        );
    }
    assert!(contents(nothing.path()).is_empty());
}

#[test]
fn what_only_reads_waits_for_nobody_to_bring_the_tables_up_to_date() {
    let (_folder, data) = owned();
    change(
        &data.join(DATABASE),
        "DELETE FROM __diesel_schema_migrations WHERE version = '202611260068'; DROP TABLE oldest_programs;",
    );
    is_refused(&run(&data, &["site", "list"]), &["not brought up to date"]);
    said(&run(&data, &["site", "create", "--name", "Delft"]));
    said(&run(&data, &["site", "list"]));
}

#[test]
fn after_a_clean_stop_the_database_file_is_all_of_the_database() {
    let (folder, data) = owned();
    let served = serve(&data);
    for number in 0..20 {
        said(&run(&data, &["site", "create", "--name", &format!("Site {number}")]));
    }
    stop(served);
    assert!(fs::metadata(data.join(LOG)).map_or(0, |log| log.len()) == 0);
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o700)).unwrap();
    for name in [DATABASE, KEY] {
        fs::copy(data.join(name), copy.join(name)).unwrap();
    }
    assert_eq!(said(&run(&copy, &["site", "list"])).lines().count(), 20);
    assert_eq!(stop(serve(&copy)), "", "nothing is odd about the copy");
    // A command that ends leaves no less.
    said(&run(&data, &["site", "create", "--name", "Last"]));
    fs::copy(data.join(DATABASE), copy.join(DATABASE)).unwrap();
    assert_eq!(said(&run(&copy, &["site", "list"])).lines().count(), 21);
}

#[test]
fn a_log_that_was_taken_away_after_a_crash_is_noticed() {
    let (_folder, data) = owned();
    kill(serve(&data));
    assert_eq!(stop(serve(&data)), "", "a crash by itself loses nothing");
    assert_eq!(stop(serve(&data)), "");
    kill(serve(&data));
    fs::remove_file(data.join(LOG)).unwrap();
    let told = stop(serve(&data));
    assert!(told.contains("was not stopped as it should be") && told.contains(LOG), "{told}");
    assert_eq!(stop(serve(&data)), "", "once is enough");
}

#[test]
fn what_stood_in_a_log_that_is_taken_away_while_it_is_in_use_is_saved() {
    let (_folder, data) = owned();
    said(&run(&data, &["provisioning", "enable"]));
    let token = said(&run(&data, &["token", "create", "--label", "x"]));
    let (mut served, address) = serve_at(&data);
    let create = |number: u32| {
        let body = format!("{{\"userName\":\"u{number}@example.com\"}}");
        let head = format!("Authorization: Bearer {}\r\nContent-Length: {}", token.trim(), body.len());
        ask(&address, &format!("POST /scim/v2/Users HTTP/1.1\r\n{head}"), &body)
    };
    assert!(create(1).starts_with("HTTP/1.1 201"));
    assert!(fs::metadata(data.join(LOG)).unwrap().len() > 0);
    fs::remove_file(data.join(LOG)).unwrap();
    assert!(create(2).starts_with("HTTP/1.1 503"), "it would be lost");
    assert!(Command::new("kill").arg(served.id().to_string()).status().unwrap().success());
    assert_eq!(served.wait().unwrap().code(), Some(2), "it says that it did not end well");
    let (served, address) = serve_at(&data);
    let head = format!("GET /scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {}", token.trim());
    assert!(ask(&address, &head, "").contains("u1@example.com"));
    stop(served);
}

#[test]
fn files_that_others_may_read_are_closed_and_that_is_said() {
    let (_folder, data) = owned();
    let served = serve(&data);
    for (name, file) in [("folder", data.clone()), (DATABASE, data.join(DATABASE)), (KEY, data.join(KEY))] {
        let most = if name == "folder" { 0o700 } else { 0o600 };
        assert_eq!(mode(&file), most, "{name}");
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(mode(&data.join(LOG)), 0o600);
    stop(served);
    let told = stop(serve(&data));
    for (name, file, most) in
        [("data", data.clone(), 0o700), (DATABASE, data.join(DATABASE), 0o600), (KEY, data.join(KEY), 0o600)]
    {
        assert_eq!(mode(&file), most, "{name}");
        assert!(told.contains(&format!("{} was open to others (mode 755)", file.display())), "{told}");
    }
    // What others keep in the folder stays open to them.
    fs::write(data.join("notes.txt"), "of somebody else").unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let told = stop(serve(&data));
    assert!(
        told.contains("is open to others (mode 755), and stays so") && told.contains("notes.txt"),
        "{told}"
    );
    assert_eq!(mode(&data), 0o755);
}
