//! Reads that look at all users wait for each other: each in a line of its own, and not endlessly.

use crate::harness::Console;
use futures_util::FutureExt;
use futures_util::future::{join_all, join3};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rollcall::pool::{QueueKey, Requester};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What no index answers.
const SCAN: &str = "/Users?filter=nickName%20eq%20%22x%22";
/// More than wait at once for programs.
const MANY: usize = 70;

async fn taken(console: &Console) -> rollcall::pool::Permit {
    console.org.scan_permit(Requester::Known(QueueKey::of("somebody"))).await.unwrap()
}

#[actix_web::test]
async fn a_program_that_asks_too_much_at_once_is_refused_for_a_moment_and_people_go_on() {
    let (console, entra) = Console::with_entra();
    let browser = console.signed_in("olga").await;
    let permit = taken(&console).await;
    let mut waiting: FuturesUnordered<_> = (0..MANY).map(|_| entra.get(SCAN)).collect();
    let refused = waiting.next().await.unwrap();
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "3"));
    // Another credential has a place all the same, and a person does.
    let other = console.entra("Another");
    let mut others = Box::pin(other.get(SCAN));
    let mut page = Box::pin(browser.get("/activity?from=2026-01-01"));
    assert!(others.as_mut().now_or_never().is_none() && page.as_mut().now_or_never().is_none());
    drop(permit);
    let (others, page, rest) = join3(others, page, waiting.collect::<Vec<_>>()).await;
    assert_eq!((others.status, page.status), (200, 200));
    let done = rest.iter().filter(|reply| reply.status == 200).count();
    assert!(done >= 60, "{done} were answered");
    let scans: Vec<u16> =
        join_all((0..3).map(|_| entra.get(SCAN))).await.iter().map(|reply| reply.status).collect();
    assert_eq!(scans, [200; 3], "nothing is left over");
}

#[actix_web::test]
async fn whoever_hangs_up_waits_no_longer() {
    let (console, entra) = Console::with_entra();
    let _permit = taken(&console).await;
    let mut connection = TcpStream::connect(console.address.trim_start_matches("http://")).await.unwrap();
    let request = format!(
        "GET /scim/v2{SCAN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        entra.token
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    // One that only says that it sends nothing more hears of it, although it holds no permit yet.
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("etry-after: 3"), "{answer}");
}
