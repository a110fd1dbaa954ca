//! How many threads and readers of the database there are, one function of the number of processors; and which of them
//! others wait for, so that nothing slow is done there.

use std::cell::Cell;
use std::thread::available_parallelism;

/// More processors than this make no more threads: a console is not a service for millions.
const MOST_WORKERS: usize = 16;

/// How many there are of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// Those that serve connections.
    pub workers: usize,
    /// For each worker, those for what takes longer than a moment.
    pub blocking: usize,
    /// Connections that read: one for each thread of either sort, so that none waits for a connection.
    pub readers: usize,
}

impl Threads {
    /// For so many processors.
    #[must_use]
    pub const fn of(processors: usize) -> Self {
        let workers = if processors > MOST_WORKERS {
            MOST_WORKERS
        } else if processors == 0 {
            1
        } else {
            processors
        };
        // A scan keeps one thread busy: with a second one the other reads of its worker go on.
        let blocking = 2;
        Self { workers, blocking, readers: workers * (1 + blocking) }
    }

    /// For this machine.
    #[must_use]
    pub fn here() -> Self {
        Self::of(available_parallelism().map_or(2, usize::from))
    }
}

/// A thread for which others wait while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// The one that writes to the database: all whose writes wait.
    Writer,
    /// One that serves connections: all whose connections it serves.
    Server,
}

thread_local! {
    static SHARED: Cell<Option<Shared>> = const { Cell::new(None) };
}

impl Shared {
    /// States that the current thread is such a one, from now on.
    pub fn declare(self) {
        SHARED.set(Some(self));
    }
}

/// To be called where slow work begins (a hash of a password, RSA, reading a certificate, a file or metadata), and where a
/// connection or an outcome is waited for. In a debug build it panics on a thread for which others wait.
#[track_caller]
pub fn assert_may_take_long() {
    let shared = SHARED.get();
    debug_assert!(shared.is_none(), "slow work, or waiting, on a thread for which others wait: {shared:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_is_noticed_on_a_thread_for_which_others_wait() {
        assert_may_take_long();
        for shared in [Shared::Writer, Shared::Server] {
            let work = std::thread::spawn(move || {
                shared.declare();
                assert_may_take_long();
            });
            assert!(work.join().is_err(), "{shared:?}");
        }
    }

    #[test]
    fn no_thread_waits_for_a_reader() {
        for processors in 0..100 {
            let threads = Threads::of(processors);
            assert!(threads.workers >= 1 && threads.workers <= MOST_WORKERS, "{threads:?}");
            assert!(threads.readers >= threads.workers * (1 + threads.blocking), "{threads:?}");
            assert!(threads.blocking >= 2, "{threads:?}: one scans, another serves");
        }
    }
}
