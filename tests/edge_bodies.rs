//! Bodies that are too large, don't come, or come unasked, and connections that only wait.

use crate::harness::Console;
use crate::source::files;
use rollcall::web::{ConnectionLimits, Patience};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes, and shorter than the usual deadlines: what comes within it came because it was due.
const SOON: Duration = Duration::from_secs(15);

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// A client that writes what it likes.
struct Raw(TcpStream);

impl Raw {
    async fn connect(address: &str) -> Self {
        Self(TcpStream::connect(address.trim_start_matches("http://")).await.unwrap())
    }

    /// The head of a request that promises a body.
    async fn post(address: &str, path: &str, kind: &str, headers: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.write(&format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{headers}\r\n")).await;
        raw
    }

    async fn write(&mut self, text: &str) {
        // Whoever was refused in the meantime is told so by what is read.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// All that is answered until the connection is closed.
    async fn rest(mut self) -> String {
        let mut answer = Vec::new();
        let read = timeout(SOON, self.0.read_to_end(&mut answer)).await;
        // A reset after the answer is an end too.
        drop(read.expect("the connection is closed"));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What is answered to one request on a connection that is kept.
    async fn answer(&mut self) -> String {
        let mut answer = vec![0; 4096];
        let length = timeout(SOON, self.0.read(&mut answer)).await.expect("there is an answer").unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    async fn is_open(&mut self) -> bool {
        let mut byte = [0];
        match timeout(Duration::from_millis(1), self.0.read(&mut byte)).await {
            Err(_) => true,
            Ok(read) => read.is_ok_and(|length| length > 0),
        }
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// Every sort of body that is read, with the headers by which it gets as far as that.
async fn bodies(console: &Console, token: &str) -> Vec<(&'static str, &'static str, String)> {
    let owner = console.signed_in("olga").await;
    let session = format!("Cookie: rollcall_session={}\r\n", owner.cookie("rollcall_session").unwrap());
    let bearer = format!("Authorization: Bearer {token}\r\n");
    vec![
        ("/sign-in", FORM, String::new()),
        ("/sso/consumer", FORM, String::new()),
        ("/oauth2/token", FORM, String::new()),
        ("/sites", FORM, session.clone()),
        ("/licenses/import", MULTIPART, session.clone()),
        ("/users/alignment", MULTIPART, session.clone()),
        ("/licenses/import", FORM, session),
        ("/scim/v2/Users", "application/scim+json", bearer.clone()),
        ("/scim/v2/Groups", "application/json", bearer.clone()),
        ("/scim/v2/Users/.search", "application/scim+json", bearer.clone()),
        ("/scim/v2/Bulk", "application/scim+json", bearer),
    ]
}

/// A console with provisioning on, and a token for it.
fn with_token() -> (Console, String) {
    let (console, _) = Console::with_entra();
    let (_, token) = console.write(|tx| rollcall::domain::identity::tokens::create(tx, "bodies", None));
    (console, token.expose().to_owned())
}

#[actix_web::test]
async fn what_is_announced_as_too_large_is_refused_at_the_header() {
    let (console, token) = with_token();
    for (path, kind, headers) in bodies(&console, &token).await {
        let headers = format!("{headers}Content-Length: 99999999999\r\n");
        let answer = Raw::post(&console.address, path, kind, &headers).await.rest().await;
        assert_eq!(status(&answer), "413", "{path} {kind}: {answer}");
    }
}

#[actix_web::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (mut console, token) = with_token();
    let patience = Patience { body: Duration::from_millis(300), ..Patience::default() };
    let address = console.served_with(|site| site.patience = patience);
    for (path, kind, headers) in bodies(&console, &token).await {
        for length in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
            let mut raw = Raw::post(&address, path, kind, &format!("{headers}{length}")).await;
            raw.write(if length.starts_with('C') { "x" } else { "1\r\nx\r\n" }).await;
            let answer = raw.rest().await;
            assert_eq!(status(&answer), "408", "{path} {kind} {length}: {answer}");
        }
    }
}

#[actix_web::test]
async fn a_body_without_announced_length_is_refused_where_the_limit_is() {
    let (console, token) = with_token();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for (path, kind, headers) in bodies(&console, &token).await {
        if kind == MULTIPART {
            continue;
        }
        let mut raw =
            Raw::post(&console.address, path, kind, &format!("{headers}Transfer-Encoding: chunked\r\n"))
                .await;
        for _ in 0..20 {
            raw.write(&chunk).await;
        }
        let answer = raw.rest().await;
        assert_eq!(status(&answer), "413", "{path}: {answer}");
    }
}

#[actix_web::test]
async fn the_body_of_whoever_may_not_send_it_is_not_read() {
    let (console, _) = with_token();
    for (path, kind, expected) in [
        ("/licenses/import", MULTIPART, "303"),
        ("/sites", FORM, "303"),
        ("/scim/v2/Users", "application/scim+json", "401"),
        ("/nowhere", FORM, "404"),
        ("/healthz", FORM, "405"),
    ] {
        for length in ["Content-Length: 99999999999\r\n", "Transfer-Encoding: chunked\r\n"] {
            let mut raw = Raw::post(&console.address, path, kind, length).await;
            raw.write("1\r\nx\r\n").await;
            let answer = raw.rest().await;
            assert_eq!(status(&answer), expected, "{path} {length}: {answer}");
        }
    }
}

#[actix_web::test]
async fn a_file_is_not_read_before_the_token_was_seen() {
    let console = Console::open();
    let owner = console.signed_in("olga").await;
    let session = owner.cookie("rollcall_session").unwrap();
    let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nuserName,license\r\n";
    let wrong = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nnot a token\r\n";
    for start in [file.to_owned(), format!("{wrong}{file}")] {
        for length in ["Content-Length: 5000000", "Transfer-Encoding: chunked"] {
            let headers = format!("Cookie: rollcall_session={session}\r\n{length}\r\n");
            let mut raw = Raw::post(&console.address, "/licenses/import", MULTIPART, &headers).await;
            let chunked = format!("{:x}\r\n{start}\r\n", start.len());
            raw.write(if length.starts_with('C') { &start } else { &chunked }).await;
            // The rest of the file never comes.
            let answer = raw.rest().await;
            assert_eq!(status(&answer), "403", "{length}: {answer}");
        }
    }
}

#[actix_web::test]
async fn connections_that_only_wait_keep_nobody_out() {
    let mut console = Console::open();
    let room = ConnectionLimits { most: 60, share: 20 };
    let address = console.served_with(|site| site.connection_limits = room);
    let mut held = Vec::new();
    for number in 0..300 {
        let mut raw = Raw::connect(&address).await;
        match number % 3 {
            0 => {}
            1 => raw.write("GET / HTT").await,
            _ => raw.write("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx").await,
        }
        held.push(raw);
    }
    let browser = crate::harness::Browser::new(&address);
    for path in ["/healthz", "/sign-in"] {
        let answer = timeout(SOON, browser.get(path)).await.expect("others are served");
        assert_eq!(answer.status, 200, "{path}");
    }
    let few = async {
        loop {
            let mut open = 0;
            for raw in &mut held {
                open += usize::from(raw.is_open().await);
            }
            if open <= room.share {
                break;
            }
        }
    };
    timeout(SOON, few).await.expect("one address holds no more than its share");
}

#[actix_web::test]
async fn whoever_waits_before_their_password_is_looked_at_keeps_nobody_out() {
    let mut console = Console::open();
    let room = ConnectionLimits { most: 60, share: 16 };
    let address = console.served_with(|site| site.connection_limits = room);
    let browser = crate::harness::Browser::new(&address);
    let token = browser.get("/sign-in").await.value("input[name=csrf]").unwrap();
    let cookie = format!("Cookie: rollcall_form={}\r\n", browser.cookie("rollcall_form").unwrap());
    // So many that the whole network is slowed down by two seconds a try.
    for number in 0..300 {
        let origin = rollcall::domain::admins::sign_in::Origin::of("127.0.0.1");
        let caller = rollcall::domain::admins::sign_in::Caller::Stranger;
        console.write(move |tx| {
            let name = format!("name{number}");
            rollcall::domain::admins::sign_in::register(tx, &name, &origin, &caller)?
                .split()
                .0
                .map(drop)
                .or(Ok(()))
        });
    }
    let mut held = Vec::new();
    for number in 0..40 {
        let body = format!("csrf={token}&user_name=other{number}&password=wrong");
        let headers = format!("{cookie}Content-Length: {}\r\n", body.len());
        let mut raw = Raw::post(&address, "/sign-in", FORM, &headers).await;
        raw.write(&body).await;
        held.push(raw);
    }
    for _ in 0..3 {
        let neighbour = crate::harness::Browser::at(&address, "127.0.0.66");
        assert_eq!(timeout(SOON, neighbour.get("/sign-in")).await.expect("it is served").status, 200);
    }
    let rest: Vec<String> = futures_util::future::join_all(held.into_iter().map(|mut raw| async move {
        let mut answer = vec![0; 4096];
        let length = timeout(SOON, raw.0.read(&mut answer)).await.expect("an end").unwrap_or_default();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }))
    .await;
    assert!(rest.iter().any(String::is_empty), "some made room");
    assert!(rest.iter().all(|answer| ["422", "429", "503", "none"].contains(&status(answer))), "{rest:?}");
}

#[actix_web::test]
async fn whoever_holds_back_large_bodies_keeps_nobody_out() {
    let console = Console::open();
    let part = "x".repeat(200 * 1024);
    let mut held = Vec::new();
    for _ in 0..100 {
        let headers = "Content-Length: 262000\r\n";
        let mut raw = Raw::post(&console.address, "/sign-in", FORM, headers).await;
        raw.write(&part).await;
        held.push(raw);
    }
    let few = async {
        loop {
            let mut open = 0;
            for raw in &mut held {
                open += usize::from(raw.is_open().await);
            }
            if open <= 16 * 1024 / 200 + 1 {
                break;
            }
        }
    };
    timeout(SOON, few).await.expect("bodies of one network hold no more than their share");
    let browser = console.browser();
    let form = [("user_name", "olga"), ("password", crate::harness::PASSWORD)];
    assert_eq!(browser.submit("/sign-in", "/sign-in", &form).await.status, 303);
}

#[actix_web::test]
async fn an_upload_is_refused_at_the_limit_of_its_route_and_told_by_it() {
    let console = Console::open();
    let owner = console.signed_in("olga").await;
    let session = format!("Cookie: rollcall_session={}\r\n", owner.cookie("rollcall_session").unwrap());
    for (path, limit, told) in [
        ("/licenses/import", 5, "5 MiB"),
        ("/users/alignment", 32, "32 MiB"),
        ("/identity/sso/import", 1, "1 MiB"),
        ("/identity/sso/certificates", 0, "256 KiB"),
    ] {
        let headers = format!("{session}Content-Length: {}\r\n", (limit + 3) * 1024 * 1024);
        let answer = Raw::post(&console.address, path, MULTIPART, &headers).await.rest().await;
        assert_eq!(status(&answer), "413", "{path}: {answer}");
        assert!(answer.contains(&format!("at most {told} are taken")), "{path}: {answer}");
        let headers = format!("{session}Content-Length: {}\r\n", (limit + 1) * 1024 * 1024);
        let mut raw = Raw::post(&console.address, path, MULTIPART, &headers).await;
        assert!(raw.is_open().await, "{path}: the form itself says what is wrong with a little more");
    }
}

#[actix_web::test]
async fn whoever_was_served_and_then_dawdles_is_cut_off() {
    let mut console = Console::open();
    let patience = Patience { idle: Duration::from_millis(500), ..Patience::default() };
    let address = console.served_with(|site| site.patience = patience);
    // The second head of a connection never ends.
    let mut raw = Raw::connect(&address).await;
    raw.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&raw.answer().await), "200");
    raw.write("GET /healthz HTTP/1.1\r\nHo").await;
    assert_eq!(raw.rest().await, "");
}

#[test]
fn bodies_are_read_in_one_place() {
    let mut elsewhere = Vec::new();
    for (path, source) in files("src/web") {
        let reads = ["Multipart::new", "web::Form<", "web::Json<", "::to_bytes(", "BytesMut"];
        if !path.ends_with("body.rs") && reads.iter().any(|read| source.contains(read)) {
            elsewhere.push(path);
        }
    }
    assert!(elsewhere.is_empty(), "limits and deadlines are kept in src/web/body.rs only: {elsewhere:?}");
}
