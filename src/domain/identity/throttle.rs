//! Slows down whoever keeps failing at the token endpoint: by client identifier and by address, of which a /64 of IPv6 is
//! one, in memory.
//!
//! Secrets of 256 bits are not guessed; this keeps the noise down and the server free for others.

use crate::network;
use chrono::{NaiveDateTime, TimeDelta};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// So many failures a minute, then nothing until the minute is over.
const FREE_TRIES: u32 = 10;
const WINDOW: TimeDelta = TimeDelta::seconds(60);
const MOST: usize = 10_000;

/// The failures of the last minute.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<[u8; 32], Failures>>);

struct Failures {
    count: u32,
    since: NaiveDateTime,
}

impl Throttle {
    /// The seconds to wait, if this client failed too often from this address.
    #[must_use]
    pub fn wait(&self, client: &str, address: &str, now: NaiveDateTime) -> Option<u64> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = failures.get(&key(client, address))?;
        let left = mine.since + WINDOW - now;
        // One that is longer than a window was begun before the clock went back.
        (mine.count >= FREE_TRIES && left > TimeDelta::zero() && left <= WINDOW)
            .then(|| u64::try_from(left.num_seconds()).unwrap_or(0) + 1)
    }

    /// Counts a failure.
    pub fn failed(&self, client: &str, address: &str, now: NaiveDateTime) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(client, address);
        if failures.len() >= MOST && !failures.contains_key(&key) {
            failures.retain(|_, failures| (now - failures.since).abs() < WINDOW);
        }
        if failures.len() >= MOST && !failures.contains_key(&key) {
            // Who fills the table with made-up names pushes out a name, and gains a try with 256 bits for it.
            let oldest = failures.iter().min_by_key(|(_, failures)| failures.since).map(|(key, _)| *key);
            oldest.map(|key| failures.remove(&key));
        }
        let mine = failures.entry(key).or_insert(Failures { count: 0, since: now });
        if (now - mine.since).abs() >= WINDOW {
            *mine = Failures { count: 0, since: now };
        }
        mine.count += 1;
    }
}

/// Of one length, whatever was sent as the name.
fn key(client: &str, address: &str) -> [u8; 32] {
    Sha256::digest(format!("{} {client}", network::subscriber(address)).as_bytes()).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_a_minute_are_free_for_each_client_and_address() {
        let throttle = Throttle::default();
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        for _ in 0..10 {
            assert_eq!(throttle.wait("client", "192.0.2.1", now), None);
            throttle.failed("client", "192.0.2.1", now);
        }
        let wait = throttle.wait("client", "192.0.2.1", now).unwrap();
        assert!((1..=61).contains(&wait));
        assert_eq!(throttle.wait("client", "192.0.2.2", now), None);
        assert_eq!(throttle.wait("other", "192.0.2.1", now), None);
        for last in 0..10 {
            throttle.failed("client", &format!("2001:db8:1:2::{last}"), now);
        }
        assert!(throttle.wait("client", "2001:db8:1:2:3:4:5:6", now).is_some(), "one subscriber's");
        assert_eq!(throttle.wait("client", "2001:db8:1:3::1", now), None);
        assert_eq!(throttle.wait("client", "192.0.2.1", now + WINDOW), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        for client in 0..MOST + 5 {
            throttle.failed(&client.to_string(), "192.0.2.1", now);
        }
        assert_eq!(throttle.0.lock().unwrap().len(), MOST);
    }
}
