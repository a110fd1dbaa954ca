//! Walks through a list by position (RFC 7644 section 3.4.2.4).
//!
//! A position names another resource as soon as somebody before it leaves or comes, so that a client which asks for 1 to
//! 100, then 101 to 200, would miss some and see others twice. The end of each page that was answered is therefore
//! remembered: who asks for the position right behind it goes on there. A page that continues none is counted from the
//! start. This is remembered in memory, for an hour.

use super::cursor::Cursor;
use crate::scim::message::CURSOR_TIMEOUT_S;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Ends of pages that are remembered at most; a few megabytes.
const MOST: usize = 5_000;

/// Which walk: a digest of the credential, the query and the size of its pages.
pub(super) type Walk = String;

/// Where pages ended.
#[derive(Debug, Default)]
pub(in crate::web) struct Walks(Mutex<HashMap<(Walk, i64), (Cursor, i64)>>);

impl Walks {
    /// Where the page that ended at this position ended; `now` in seconds since 1970.
    pub(super) fn find(&self, walk: &Walk, position: i64, now: i64) -> Option<Cursor> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (cursor, at) = ends.get(&(walk.clone(), position))?;
        (now - at <= CURSOR_TIMEOUT_S).then(|| cursor.clone())
    }

    /// Remembers where a page ended. Where there are too many, the older half is forgotten.
    pub(super) fn put(&self, walk: Walk, position: i64, cursor: Cursor, now: i64) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() >= MOST {
            let mut times: Vec<i64> = ends.values().map(|(_, at)| *at).collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            ends.retain(|_, (_, at)| *at > median);
        }
        ends.insert((walk, position), (cursor, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_ends() {
        let walks = Walks::default();
        let cursor = Cursor { kind: 0, value: None, key: "a".into() };
        for place in 0..50_000 {
            walks.put("walk".into(), place, cursor.clone(), place / 100);
        }
        assert!(walks.0.lock().map(|ends| ends.len()).unwrap_or_default() <= MOST);
        assert_eq!(walks.find(&"walk".into(), 49_999, 500), Some(cursor));
        assert_eq!(walks.find(&"walk".into(), 49_999, 500 + CURSOR_TIMEOUT_S), None);
        assert_eq!(walks.find(&"other".into(), 49_999, 500), None);
    }
}
