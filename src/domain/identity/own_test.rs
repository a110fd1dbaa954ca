//! How our own test of the connection is recognised when it comes back from the public address: by a mark that only we can
//! make, good for a minute.
//!
//! The mark decides nothing but how the log tells of a request: it is no credential.

use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};

/// The header that carries the mark.
pub const HEADER: &str = "rollcall-own-test";
const PURPOSE: &str = "own test of the connection";
const GOOD_FOR: TimeDelta = TimeDelta::minutes(1);

/// A mark for the test of this administrator.
#[must_use]
pub fn mark(keys: &Keyring, name: &str, now: NaiveDateTime) -> String {
    let until = (now + GOOD_FOR).and_utc().timestamp();
    keys.seal(PURPOSE, &format!("{until} {name}"))
}

/// Whose test a mark is of, while it is good.
#[must_use]
pub fn read(keys: &Keyring, mark: &str, now: NaiveDateTime) -> Option<String> {
    let plain = keys.open_sealed(PURPOSE, mark)?;
    let (until, name) = plain.split_once(' ')?;
    let until: i64 = until.parse().ok()?;
    (until >= now.and_utc().timestamp()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_for_a_minute_and_from_us_only() {
        let (keys, now) = (Keyring::forgetful(), chrono::DateTime::UNIX_EPOCH.naive_utc());
        let mark = mark(&keys, "Olga Owner", now);
        assert_eq!(read(&keys, &mark, now + GOOD_FOR).as_deref(), Some("Olga Owner"));
        assert_eq!(read(&keys, &mark, now + GOOD_FOR + TimeDelta::seconds(1)), None);
        assert_eq!(read(&Keyring::forgetful(), &mark, now), None);
        assert_eq!(read(&keys, "Olga Owner", now), None);
    }
}
