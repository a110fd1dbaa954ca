//! The command line, driven as a program.

use crate::harness::{Browser, Entra, PASSWORD};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_rollcall");

pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().arg("--data-dir").arg(folder).stdin(Stdio::null());
    command
}

pub fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    program(&folder.path().join("data")).args(arguments).output().unwrap()
}

pub fn run_with_input(folder: &TempDir, arguments: &[&str], input: &str) -> Output {
    let mut child = program(&folder.path().join("data"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One clear line and this exit code.
#[track_caller]
pub fn fails(output: &Output, code: i32, words: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(words), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// A served instance, its address and what it printed.
pub struct Served {
    pub child: Child,
    pub address: String,
    lines: Vec<String>,
}

impl Served {
    pub fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        let mut child = program(&folder.path().join("data"))
            .args(["--listen", "127.0.0.1:0", "--log", "warn"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        // "Open …" comes second, and the set-up link three lines on while nobody owns the instance.
        while lines.len() < 2 || (lines.len() < 5 && Self::expects_more(folder)) {
            let mut line = String::new();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "{lines:?}");
            lines.push(line.trim().to_owned());
        }
        let address = lines[0].strip_prefix("Rollcall listens on ").unwrap().to_owned();
        Self { child, address, lines }
    }

    fn expects_more(folder: &TempDir) -> bool {
        !folder.path().join("owned").exists()
    }

    pub fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

pub fn owned() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = run_with_input(&folder, &["admin", "create", "--user-name", "olga"], &format!("{PASSWORD}\n"));
    assert_eq!(said(&made), "olga may sign in as owner.\n");
    std::fs::write(folder.path().join("owned"), "").unwrap();
    folder
}

#[test]
fn help_documents_every_command_and_setting() {
    let folder = tempfile::tempdir().unwrap();
    let help = said(&run(&folder, &["--help"]));
    for word in
        ["serve", "admin", "provisioning", "token", "license-type", "site", "demo", "backup", "restore"]
    {
        assert!(help.contains(&format!("  {word}")), "{word}");
    }
    for setting in [
        "config",
        "data-dir",
        "listen",
        "public-url",
        "entra-authority",
        "trusted-proxy",
        "forwarded-header",
        "hsts-subdomains",
        "session-idle-minutes",
        "session-hours",
        "scim-requests-per-second",
        "metadata-from-private-networks",
        "log",
        "log-format",
    ] {
        assert!(help.contains(&format!("--{setting}")), "{setting}");
    }
    assert_eq!(help.matches("[env: ROLLCALL_").count(), 14, "{help}");
}

#[test]
fn accounts_are_made_and_given_new_passwords() {
    let folder = owned();
    let second = run_with_input(&folder, &["admin", "create", "--user-name", "adam"], PASSWORD);
    assert_eq!(said(&second), "adam may sign in as administrator.\n");
    fails(
        &run_with_input(&folder, &["admin", "create", "--user-name", "eve"], "short"),
        1,
        "at least 15 characters",
    );
    fails(
        &run_with_input(&folder, &["admin", "create", "--user-name", "ADAM"], PASSWORD),
        1,
        "another account",
    );
    // The first letter is Cyrillic.
    let alike = ["admin", "create", "--user-name", "аdam"];
    fails(&run_with_input(&folder, &alike, PASSWORD), 1, "looks like “adam”");
    said(&run_with_input(&folder, &[alike.as_slice(), &["--look-alike"]].concat(), PASSWORD));
    let reset = run_with_input(
        &folder,
        &["admin", "reset-password", "--user-name", "adam"],
        "another fine pass phrase",
    );
    assert!(said(&reset).contains("The password is set"));
    let several = run_with_input(
        &folder,
        &["admin", "reset-password", "--user-name", "adam"],
        "another fine pass phrase\nof several lines\n",
    );
    fails(&several, 1, "several lines");
    let marked = run_with_input(
        &folder,
        &["admin", "reset-password", "--user-name", "adam"],
        "\u{feff}another fine pass phrase\r\n",
    );
    assert!(said(&marked).contains("The password is set"));
    fails(
        &run_with_input(&folder, &["admin", "reset-password", "--user-name", "nobody"], PASSWORD),
        1,
        "no such user",
    );
}

#[actix_web::test]
async fn the_command_line_works_while_the_server_runs() {
    let folder = owned();
    let served = Served::start(&folder, &[]);
    assert!(said(&run(&folder, &["provisioning", "status"])).starts_with("state: off"));
    let token = said(&run(&folder, &["token", "create", "--label", "Entra ID", "--expires-in", "30"]));
    assert!(token.starts_with("rollcall_") && token.lines().count() == 1 && token.len() < 200);
    let entra = Entra::new(&served.address, token.trim());
    assert_eq!(entra.get("/Users").await.status, 503);
    said(&run(&folder, &["provisioning", "enable"]));
    assert_eq!(entra.get("/Users").await.status, 200);
    said(&run(&folder, &["provisioning", "pause", "--answer", "unauthorized"]));
    assert_eq!(entra.get("/Users").await.status, 401);
    said(&run(&folder, &["provisioning", "enable"]));
    let listed = said(&run(&folder, &["token", "list"]));
    assert!(listed.contains("Entra ID\tlive") && !listed.contains(token.trim()), "{listed}");
    said(&run(&folder, &["token", "revoke", "Entra ID"]));
    assert_eq!(entra.get("/Users").await.status, 401);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn licence_types_and_sites_are_made_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    said(&run(&folder, &["license-type", "create", "--code", "X2", "--name", "Work X2", "--seats", "5"]));
    assert_eq!(said(&run(&folder, &["license-type", "list"])), "X2\tWork X2\t0\t5\n");
    fails(&run(&folder, &["license-type", "create", "--code", "x2", "--seats", "5"]), 1, "X2 already");
    said(&run(&folder, &["site", "create", "--name", "Delft", "--alias", "DFT"]));
    assert_eq!(said(&run(&folder, &["site", "list"])), "Delft\tDFT\t0\n");
}

#[test]
fn demo_fills_an_empty_database_only() {
    let folder = tempfile::tempdir().unwrap();
    assert!(said(&run(&folder, &["demo"])).starts_with("250 users, 5 sites and 3 licence types"));
    fails(&run(&folder, &["demo"]), 1, "fills an empty one only");
}

#[actix_web::test]
async fn the_first_start_prints_a_set_up_link_that_works_once() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(&folder, &[]);
    let link = served.lines[4].strip_prefix(&served.address).unwrap().to_owned();
    let browser = Browser::new(&served.address);
    assert_eq!(browser.get("/healthz").await.status, 200);
    assert_eq!(browser.get("/readyz").await.status, 200);
    let claim = [
        ("organisation", "Harbourline"),
        ("name", "Olga"),
        ("user_name", "olga"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    assert_eq!(browser.submit(&link, &link, &claim).await.status, 303);
    assert_eq!(browser.get(&link).await.status, 404);
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let folder = owned();
    let file = folder.path().join("rollcall.toml");
    std::fs::write(&file, "public_url = 'http://from-file.example'\nsession_hours = 3\n").unwrap();
    let shown = |variable: Option<&str>, flag: Option<&str>| {
        let mut command = program(&folder.path().join("data"));
        command
            .args(["--listen", "127.0.0.1:0", "--log", "off", "--config"])
            .arg(&file)
            .stdout(Stdio::piped());
        variable.map(|url| command.env("ROLLCALL_PUBLIC_URL", url));
        flag.map(|url| command.args(["--public-url", url]));
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let opened = lines.nth(1).unwrap().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        opened
    };
    assert_eq!(shown(None, None), "Open http://from-file.example/");
    assert_eq!(shown(Some("http://variable.example"), None), "Open http://variable.example/");
    assert_eq!(
        shown(Some("http://variable.example"), Some("http://flag.example")),
        "Open http://flag.example/"
    );
}

#[test]
fn what_cannot_start_says_so_in_one_line_and_exits_with_2() {
    let folder = owned();
    fails(&run(&folder, &["--listen", "8080"]), 2, "it must be an address and a port");
    fails(&run(&folder, &["--public-url", "ftp://x"]), 2, "public_url");
    fails(&run(&folder, &["--session-hours", "0"]), 2, "from 1 to 168");
    for rules in ["===", "loud", "info,loud"] {
        fails(&run(&folder, &["--log", rules]), 2, "it must be off, error, warn, info, debug or trace");
    }
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "listne = '127.0.0.1:0'").unwrap();
    fails(&run(&folder, &["--config", file.to_str().unwrap()]), 2, "listne");
    std::fs::write(&file, "log = 'info'\nsession_hours = 'ten'").unwrap();
    fails(&run(&folder, &["--config", file.to_str().unwrap()]), 2, "line 2: session_hours: ");
    std::fs::write(&file, "# hours\n\nsession_hours = 500").unwrap();
    fails(&run(&folder, &["--config", file.to_str().unwrap()]), 2, "line 3: session_hours is 500");
    let both = ["--config", file.to_str().unwrap(), "--session-hours", "400"];
    fails(&run(&folder, &both), 2, "rollcall: session_hours is 400");
    fails(&run(&folder, &["--config", "/nowhere.toml"]), 2, "/nowhere.toml");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&run(&folder, &["--listen", &address]), 2, "the port is in use");

    let data = folder.path().join("data");
    std::fs::remove_file(data.join("secret.key")).unwrap();
    fails(&run(&folder, &["site", "list"]), 2, "secret.key is missing");
    std::fs::write(data.join("secret.key"), [7; 32]).unwrap();
    fails(&run(&folder, &["site", "list"]), 2, "not the one that rollcall.db was made with");
}

#[test]
fn a_database_that_cannot_be_opened_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(&data, "a file, not a folder").unwrap();
    fails(&run(&folder, &["site", "list"]), 2, "the data folder");
    std::fs::remove_file(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("rollcall.db"), "this is no database at all, but a text of some length")
        .unwrap();
    std::fs::write(data.join("secret.key"), [7; 32]).unwrap();
    fails(&run(&folder, &["site", "list"]), 2, "cannot be opened");
}

#[cfg(unix)]
#[test]
fn the_data_folder_and_the_key_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = owned();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(&folder.path().join("data/secret.key")), 0o600);
}

#[test]
fn a_request_in_flight_is_finished_when_the_server_is_told_to_stop() {
    let folder = owned();
    said(&run(&folder, &["provisioning", "enable"]));
    let token = said(&run(&folder, &["token", "create", "--label", "x"]));
    let mut served = Served::start(&folder, &[]);
    let mut stream = TcpStream::connect(served.address.strip_prefix("http://").unwrap()).unwrap();
    let body = "{\"userName\":\"ana@example.com\"}";
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        token.trim(),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server answers "go on" once the handler asks for the body: the request is in flight.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&interim));
    Command::new("kill").arg(served.child.id().to_string()).status().unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_body_that_never_comes_does_not_keep_the_server_from_stopping() {
    let folder = owned();
    let served = Served::start(&folder, &[]);
    let mut stream = TcpStream::connect(served.address.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"POST /sign-in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        .unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    let told = Instant::now();
    assert_eq!(served.stop(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(10), "half of what it gives to those it works for");
}

#[test]
fn single_sign_on_is_set_up_and_switched_from_the_shell() {
    let folder = owned();
    let ours =
        said(&run(&folder, &["--public-url", "https://console.example.com", "sso", "service-provider"]));
    assert!(ours.contains("Identifier (Entity ID): https://console.example.com/sso/metadata\n"), "{ours}");
    assert!(ours.contains("/sso/consumer\n") && ours.contains("/sso/logout\n"));
    let xml = said(&run(&folder, &["sso", "service-provider", "--metadata"]));
    assert!(xml.contains("<md:EntityDescriptor") && xml.contains("<ds:X509Certificate>"), "{xml}");
    let pem = said(&run(&folder, &["sso", "service-provider", "--certificate"]));
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    fails(&run(&folder, &["sso", "enable"]), 1, "Enter the login URL");
    fails(&run(&folder, &["sso", "import-metadata", "/no/such/file"]), 2, "cannot be read");
    fails(&run_with_input(&folder, &["sso", "import-metadata", "-"], "hello"), 1, "not federation metadata");
    let private = run(&folder, &["sso", "import-metadata", "https://127.0.0.1:1/x.xml"]);
    fails(&private, 1, "private network");

    let entra = String::from_utf8(crate::sso_set_up::entra_metadata()).unwrap();
    let imported = said(&run_with_input(&folder, &["sso", "import-metadata", "-"], &entra));
    assert!(imported.contains("New certificates: 1"), "{imported}");
    assert_eq!(said(&run(&folder, &["sso", "enable"])), "Single sign-on is on.\n");
    let status = said(&run(&folder, &["sso", "status"]));
    for line in ["state: on", "required: no", "issuer: https://sts.windows.net/", "certificate: "] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert_eq!(said(&run(&folder, &["sso", "disable"])), "Single sign-on is off.\n");
}
