//! Work on what strangers bring, a little at a time.
//!
//! Whoever can reach us can bring a response, and reading one costs some milliseconds of a processor, or some hundred if
//! our private keys are asked for. Two are read at once and some wait, by network and address: whoever brings many waits behind
//! themselves, and those who were sent to the identity provider from here go first. Pages and provisioning go on.

use crate::error::{Error, Result};
use crate::network;
use crate::pool::{Pool, QueueKey, Requester, Undone};

const AT_ONCE: usize = 2;
/// A whole company at nine o'clock is less: these are done within a second.
const MOST_WAITING: usize = 200;
const RETRY_AFTER_S: u64 = 2;

/// The threads for such work.
pub(in crate::web) struct Examinations(Pool);

impl Default for Examinations {
    fn default() -> Self {
        Self(Pool::with_room("examinations", AT_ONCE, MOST_WAITING))
    }
}

/// As whose job a message from this address waits. One that is expected goes first; as anybody can ask to be sent to the
/// identity provider, those wait by network too.
pub(super) fn requester(address: &str, is_expected: bool) -> Requester {
    let key = QueueKey::within(&network::end_site(address), address);
    if is_expected { Requester::Known(key) } else { Requester::Stranger(key) }
}

impl Examinations {
    /// Does some work off the async threads, when the requester's turn comes.
    pub(super) async fn run<T, F>(&self, requester: Requester, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.0.run(requester, work).await.map_err(|undone| match undone {
            Undone::Full => Error::Busy(RETRY_AFTER_S),
            Undone::Panicked => Error::internal(undone),
        })
    }
}
