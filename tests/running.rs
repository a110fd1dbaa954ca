//! A server as the operating system sees it: alone in its folder, deaf to signals that mean nothing, with a log that
//! machines read.

use crate::cli::{Served, fails, owned, program, run, said};
use crate::harness::{Browser, Entra};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Child, ChildStderr, Command, Stdio};
use tempfile::TempDir;

/// A served instance whose log is read as it is written.
struct Logged {
    child: Child,
    address: String,
    public: String,
    log: Lines<BufReader<ChildStderr>>,
}

impl Logged {
    fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        let mut child = program(&folder.path().join("data"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || said.next().unwrap().unwrap();
        let address = line().strip_prefix("Rollcall listens on ").unwrap().to_owned();
        let public = line().strip_prefix("Open ").unwrap().to_owned();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, address, public, log }
    }

    /// The next line of the log that has this in it.
    fn line_with(&mut self, words: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let Some(line) = self.log.next() else { panic!("the log ended without {words}: {seen:?}") };
            let line = line.unwrap();
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
    }

    fn send(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    fn stop(mut self) -> Option<i32> {
        self.send("-TERM");
        self.child.wait().unwrap().code()
    }
}

#[actix_web::test]
async fn one_server_alone_has_a_folder_while_commands_go_on_beside_it() {
    let folder = owned();
    let mut first = Served::start(&folder, &[]);
    let words = format!("is in use by another server (process {})", first.child.id());
    fails(&run(&folder, &["--listen", "127.0.0.1:0"]), 2, &words);
    // The folder itself is locked, so no file has to be there for that.
    std::fs::remove_file(folder.path().join("data/rollcall.lock")).unwrap();
    fails(&run(&folder, &["--listen", "127.0.0.1:0"]), 2, "is in use by another server");
    said(&run(&folder, &["site", "create", "--name", "Delft"]));
    assert_eq!(Browser::new(&first.address).get("/healthz").await.status, 200);
    // However it ends, nobody has to take a lock away.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let second = Served::start(&folder, &[]);
    assert_eq!(Browser::new(&second.address).get("/healthz").await.status, 200);
    assert_eq!(second.stop(), Some(0));
}

#[actix_web::test]
async fn signals_that_mean_nothing_here_do_not_end_it() {
    let folder = owned();
    let mut served = Logged::start(&folder, &["--listen", "127.0.0.1:0"]);
    for (signal, name) in [("-HUP", "SIGHUP"), ("-USR1", "SIGUSR1"), ("-USR2", "SIGUSR2")] {
        served.send(signal);
        served.line_with(name);
        assert_eq!(Browser::new(&served.address).get("/healthz").await.status, 200, "{name}");
    }
    assert_eq!(served.stop(), Some(0));
}

#[actix_web::test]
async fn a_host_of_this_machine_is_a_place_to_listen_on() {
    let folder = owned();
    let served = Logged::start(&folder, &["--listen", "localhost:0", "--log", "off"]);
    let port = served.address.rsplit(':').next().unwrap();
    assert_eq!(served.public, format!("http://localhost:{port}/"));
    assert_eq!(Browser::new(&served.address).get("/healthz").await.status, 200);
    assert_eq!(served.stop(), Some(0));
    fails(
        &run(&folder, &["--listen", "no-such-host.invalid:0"]),
        2,
        "cannot listen on no-such-host.invalid:0",
    );
}

#[test]
fn a_name_of_which_one_address_is_another_programs_is_no_place_to_listen_on() {
    let folder = owned();
    // This machine may have no address of the second kind.
    let others = ["127.0.0.1:0", "[::1]:0"].map(|address| TcpListener::bind(address).ok());
    for other in others.into_iter().flatten() {
        let port = other.local_addr().unwrap().port();
        if !("localhost", port)
            .to_socket_addrs()
            .unwrap()
            .any(|one| Ok(one) == other.local_addr().map_err(drop))
        {
            continue;
        }
        let at = format!("localhost:{port}");
        fails(&run(&folder, &["--listen", &at]), 2, &format!("cannot listen on {at}: the port is in use"));
    }
}

#[test]
fn what_a_stranger_sends_that_is_no_http_is_no_error_of_ours_and_is_told_with_the_address() {
    let folder = owned();
    let mut served = Logged::start(&folder, &["--listen", "127.0.0.1:0"]);
    let mut stranger = TcpStream::connect(served.address.strip_prefix("http://").unwrap()).unwrap();
    stranger.write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n").unwrap();
    let line = served.line_with("no HTTP");
    assert!(line.contains("INFO") && line.contains("127.0.0.1"), "{line}");
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn a_file_that_may_not_grow_is_told_as_a_disk_that_fails() {
    let folder = owned();
    let limited = format!(
        "ulimit -f 8; exec {} --data-dir {} site create --name Delft",
        env!("CARGO_BIN_EXE_rollcall"),
        folder.path().join("data").display()
    );
    let output = Command::new("sh").args(["-c", &limited]).output().unwrap();
    fails(&output, 2, "disk");
    said(&run(&folder, &["site", "create", "--name", "Delft"]));
}

#[test]
fn too_little_memory_is_told_in_one_line() {
    let folder = owned();
    let limited = format!(
        "ulimit -v 131072; exec {} --data-dir {} --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_rollcall"),
        folder.path().join("data").display()
    );
    let output = Command::new("sh").args(["-c", &limited]).env("RUST_BACKTRACE", "1").output().unwrap();
    fails(&output, 2, "128 MiB of address space, and it needs 256");
}

#[actix_web::test]
async fn the_log_for_machines_has_numbers_one_span_the_client_and_what_was_refused() {
    let folder = owned();
    said(&run(&folder, &["provisioning", "enable"]));
    let mut served = Logged::start(&folder, &["--listen", "127.0.0.1:0", "--log-format", "json"]);
    let browser = Browser::new(&served.address);
    let asked = browser.request(reqwest::Method::GET, "/sign-in").header("X-Request-Id", "proxy-7.a=b");
    let page = browser.send(asked).await;
    let id = page.headers["x-request-id"].to_str().unwrap().to_owned();
    let line = served.line_with(&id);
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&told["message"], &told["route"]), (&"answered".into(), &"/sign-in".into()), "{line}");
    assert!(told["status"] == 200 && told["ms"].is_u64(), "{line}");
    assert_eq!(line.matches(&id).count(), 1, "{line}");
    let spans = told["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 1, "{line}");
    let span = &spans[0];
    assert_eq!((&span["client"], &span["proxy_id"]), (&"127.0.0.1".into(), &"proxy-7.a=b".into()), "{line}");
    assert!(told.get("span").is_none(), "{line}");

    let long = "x".repeat(200);
    for foreign in ["two words", "\u{1b}[31m", long.as_str()] {
        let bytes = foreign.as_bytes();
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(bytes) else { continue };
        browser.send(browser.request(reqwest::Method::GET, "/sign-in").header("X-Request-Id", value)).await;
        let told: Value = serde_json::from_str(&served.line_with("answered")).unwrap();
        assert!(told["spans"][0].get("proxy_id").is_none(), "{told}");
    }

    assert_eq!(Entra::new(&served.address, "rollcall_made_up").get("/Users").await.status, 401);
    let refused: Value = serde_json::from_str(&served.line_with("a SCIM credential was refused")).unwrap();
    assert!(refused["level"] == "INFO" && refused["cause"].is_string(), "{refused}");
    assert_eq!(refused["spans"][0]["client"], "127.0.0.1", "{refused}");
    let answered: Value = serde_json::from_str(&served.line_with("answered")).unwrap();
    assert_eq!((&answered["status"], &answered["level"]), (&401.into(), &"INFO".into()), "{answered}");
    served.send("-HUP");
    let told: Value = serde_json::from_str(&served.line_with("SIGHUP")).unwrap();
    assert!(told["message"].as_str().unwrap().contains("restart it"), "{told}");
    assert_eq!(served.stop(), Some(0));
}
