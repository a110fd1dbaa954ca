//! The load: connections that each ask again as soon as they are answered.
//!
//! HTTP is written by hand on one thread, because what the generator uses of the processor the servers lack.

use crate::server::Server;
use crate::workload::{Ask, Workload, refused};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const CONNECTIONS: usize = 16;
/// The answer's beginning, in which `says` must stand.
const LOOKED_AT: usize = 2048;

/// How long to ask.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// For so long.
    Elapsed(Duration),
    /// Until the request of this number.
    Number(u64),
}

/// What a run found.
pub(crate) struct Measured {
    /// Of each answer in turn, sorted.
    pub(crate) times: Vec<Duration>,
    /// From the first request until the server had written all that it kept back.
    pub(crate) elapsed: Duration,
    /// The part of it after the last answer.
    pub(crate) settling: Duration,
    /// Of the users that were made, in the order of their answers.
    pub(crate) made: Vec<String>,
    /// The number of the next request.
    pub(crate) next: u64,
}

/// Asks for this, beginning with the request of number `first`.
pub(crate) async fn drive(
    server: &Server,
    ids: &[String],
    workload: Workload,
    first: u64,
    until: Until,
) -> Measured {
    let run = Run { server, ids, workload, until, number: AtomicU64::new(first), made: Mutex::default() };
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(server).await);
    }
    let started = Instant::now();
    let runs = connections.iter_mut().map(|connection| run.one(connection, started));
    let mut times = futures_util::future::join_all(runs).await.concat();
    let (asked, rest) = (started.elapsed(), Instant::now());
    if !server.nobody.is_empty() {
        connections[0].ask(&refused(server.nobody.to_owned()), server).await;
    }
    let settling = rest.elapsed();
    times.sort_unstable();
    let next = first + u64::try_from(times.len()).unwrap_or_default();
    let made = run.made.into_inner().expect("one thread");
    Measured { times, elapsed: asked + settling, settling, made, next }
}

struct Run<'a> {
    server: &'a Server,
    ids: &'a [String],
    workload: Workload,
    until: Until,
    number: AtomicU64,
    made: Mutex<Vec<String>>,
}

impl Run<'_> {
    async fn one(&self, connection: &mut Connection, started: Instant) -> Vec<Duration> {
        let mut times = Vec::new();
        while !self.is_over(started) {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let ask = self.workload.ask(self.server, self.ids, number);
            let asked = Instant::now();
            let answer = connection.ask(&ask, self.server).await;
            times.push(asked.elapsed());
            if self.workload == Workload::Create {
                self.made.lock().expect("one thread").push(id_in(answer));
            }
        }
        times
    }

    fn is_over(&self, started: Instant) -> bool {
        match self.until {
            Until::Elapsed(duration) => started.elapsed() >= duration,
            Until::Number(last) => self.number.load(Ordering::Relaxed) >= last,
        }
    }
}

/// The first `id` of an answer.
fn id_in(answer: &str) -> String {
    let after = answer.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let (id, _) = after.unwrap_or_else(|| panic!("no id in {answer}"));
    id.to_owned()
}

/// A connection that is kept open, and what was read from it.
struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(&server.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP connection");
        Self { stream, request: Vec::new(), answer: Vec::new() }
    }

    /// Asks, waits for the whole answer, checks it and returns the beginning of its body.
    async fn ask(&mut self, ask: &Ask, server: &Server) -> &str {
        let Ask { method, path, body, .. } = ask;
        self.request.clear();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: application/scim+json\r\n\
             Content-Type: application/scim+json; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            server.address,
            server.token,
            body.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.request).await.expect("the server reads");
        self.answer.clear();
        let (status, body_at) = self.read().await;
        let shown = &self.answer[body_at..];
        let shown = &shown[..shown.len().min(LOOKED_AT)];
        // The cut may go through a character.
        let shown = shown.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let is_right = status == ask.status && shown.contains(&ask.says);
        assert!(is_right, "{}: {method} {path} with {body} was answered {status}: {shown}", server.name);
        shown
    }

    /// Reads one answer: its status, and where its body begins.
    async fn read(&mut self) -> (u16, usize) {
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the server writes");
            assert!(read > 0, "the server hung up after {:?}", String::from_utf8_lossy(&self.answer));
            if let Some((status, body_at, length)) = head_of(&self.answer)
                && self.answer.len() >= body_at + length
            {
                return (status, body_at);
            }
        }
    }
}

/// The status, where the body begins and how long it is, once the head is complete.
fn head_of(answer: &[u8]) -> Option<(u16, usize, usize)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("a head in ASCII");
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status");
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.parse().ok()).expect("a body of known length");
    Some((status, end + 4, length))
}
