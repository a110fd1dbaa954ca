//! Memory that bodies of strangers hold, until their requests are answered: bounded in all and for each holder.
//!
//! Whoever has shown neither a session nor a credential can send bodies all the same, and hold them back a byte short of
//! their end. When such bodies hold all that they may, the connection that waits longest goes, of the holder whose
//! bodies are the largest together: whoever comes is heard, whatever others hold.

use super::{Connection, ConnectionsByOwner, longest_waiting};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What bodies of strangers hold together at the most.
const MOST: usize = 64 * 1024 * 1024;
/// Those of one holder.
const SHARE: usize = MOST / 4;

/// Bodies hold all that they may, and none of them can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct NoRoom;

impl Connection {
    /// So many more bytes of a stranger's body are held, for which another connection may have to go.
    pub(in crate::web) fn takes_in(&self, bytes: usize) -> Result<(), NoRoom> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.all.0.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all <= SHARE {
            return Ok(());
        }
        let mut held = self.all.held();
        let mine = self.whose().0;
        while held.get(&mine).map_or(0, |holder| sum(holder)) > SHARE {
            cut_largest(held.get_mut(&mine).ok_or(NoRoom)?)?;
        }
        while self.all.0.bytes.load(Ordering::Relaxed) > MOST {
            cut_largest(largest(&mut held).ok_or(NoRoom)?)?;
        }
        Ok(())
    }

    /// The body is held no longer.
    pub(super) fn lets_go_of_body(&self) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        if bytes > 0 {
            self.all.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

fn sum(holder: &[Arc<Connection>]) -> usize {
    holder.iter().map(|connection| connection.bytes.load(Ordering::Relaxed)).sum()
}

/// The holder of most bytes among those of whom one waits.
fn largest(held: &mut ConnectionsByOwner) -> Option<&mut Vec<Arc<Connection>>> {
    let waiting = |holder: &[Arc<Connection>]| longest_waiting(holder, holds_bytes).is_some();
    held.values_mut().filter(|holder| waiting(holder)).max_by_key(|holder| sum(holder))
}

fn cut_largest(holder: &mut Vec<Arc<Connection>>) -> Result<(), NoRoom> {
    let longest = longest_waiting(holder, holds_bytes).ok_or(NoRoom)?;
    let connection = holder.swap_remove(longest);
    connection.cut();
    // It is gone as soon as its task is woken.
    connection.lets_go_of_body();
    Ok(())
}

fn holds_bytes(connection: &Connection) -> bool {
    connection.bytes.load(Ordering::Relaxed) > 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Admitted, ConnectionLimits, Connections, Patience};
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn admit(connections: &Connections, peer: &str) -> Admitted {
        connections.admit(peer.parse().unwrap()).unwrap()
    }

    fn is_cut(admitted: &Admitted) -> bool {
        admitted.connection.is_cut.load(Ordering::Acquire)
    }

    /// A connection whose body comes slowly.
    fn trickling(connections: &Connections, peer: &str, bytes: usize) -> (Admitted, Result<(), NoRoom>) {
        let admitted = admit(connections, peer);
        admitted.connection.begins(false);
        admitted.connection.waits_for_body();
        let outcome = admitted.connection.takes_in(bytes);
        (admitted, outcome)
    }

    #[test]
    fn bodies_of_one_holder_are_bounded_and_the_longest_waiting_goes() {
        let connections = Connections::new(ConnectionLimits::within(4096), Patience::default(), Vec::new());
        let held: Vec<_> = (0..40).map(|_| trickling(&connections, "192.0.2.1", MIB)).collect();
        assert!(held.iter().all(|(_, outcome)| outcome.is_ok()));
        let left = held.iter().filter(|(admitted, _)| !is_cut(admitted)).count();
        assert_eq!(left, SHARE / MIB);
        assert!(!is_cut(&held[39].0), "whoever came last is heard");
        let (neighbour, outcome) = trickling(&connections, "198.51.100.1", MIB);
        assert!(outcome.is_ok() && !is_cut(&neighbour));
        drop(held);
        drop(neighbour);
        assert_eq!(connections.0.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn when_all_is_held_whoever_holds_most_makes_room() {
        let connections = Connections::new(ConnectionLimits::within(4096), Patience::default(), Vec::new());
        let held: Vec<_> = (0..8)
            .flat_map(|block| (0..9).map(move |_| format!("192.0.{block}.1")))
            .map(|peer| trickling(&connections, &peer, MIB))
            .collect();
        assert!(held.iter().all(|(_, outcome)| outcome.is_ok()));
        assert!(connections.0.bytes.load(Ordering::Relaxed) <= MOST);
        let (single, outcome) = trickling(&connections, "203.0.113.1", MIB);
        assert!(outcome.is_ok() && !is_cut(&single));
    }

    #[test]
    fn whose_body_is_worked_on_is_not_cut() {
        let connections = Connections::new(ConnectionLimits::within(4096), Patience::default(), Vec::new());
        let (large, _) = trickling(&connections, "192.0.2.1", SHARE);
        large.connection.has_body();
        let (other, outcome) = trickling(&connections, "192.0.2.2", MIB);
        assert!(!is_cut(&large));
        assert!(is_cut(&other) || outcome.is_err());
        large.connection.rests();
        assert!(trickling(&connections, "192.0.2.3", MIB).1.is_ok(), "an answer gives room");
    }
}
