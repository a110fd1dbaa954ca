//! Whether the system gives a server what it needs to start: told before anything is begun, in one line.

use super::Failure;
use crate::threads::Threads;
use rustix::process::{Resource, getrlimit};
use std::sync::{PoisonError, RwLock};
use std::thread;

/// Threads besides those of the workers: the writer, its neighbours, the readers' keepers, passwords, tests of sign-ins,
/// what the program does by itself and the one that takes connections in.
const OTHERS: usize = 11;
/// With less than this, stacks and the database's own memory do not find room.
const LEAST_MIB: u64 = 256;
const MIB: u64 = 1024 * 1024;

/// Looks whether a server with so many threads can start.
pub(super) fn check(threads: Threads) -> Result<(), Failure> {
    let limit = getrlimit(Resource::As).current.map(|bytes| bytes / MIB);
    if let Some(limit) = limit.filter(|limit| *limit < LEAST_MIB) {
        return Err(Failure::Start(format!(
            "the system allows this program {limit} MiB of address space, and it needs {LEAST_MIB} at least. Raise the limit \
             (ulimit -v, LimitAS= of systemd)"
        )));
    }
    let wanted = OTHERS + threads.workers * (1 + threads.blocking);
    start_together(wanted).map_err(|(started, cause)| {
        Failure::Start(format!(
            "the system lets this program start {started} threads, and it needs {wanted} ({cause}). Raise the limit (ulimit \
             -u, TasksMax= of systemd, the pids limit of a container) or give it more memory"
        ))
    })
}

/// Starts so many threads at once, which end again; answers how many could be started where not all could.
fn start_together(wanted: usize) -> Result<(), (usize, std::io::Error)> {
    let gate = RwLock::new(());
    thread::scope(|scope| {
        let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut started = Vec::with_capacity(wanted);
        let outcome = (0..wanted).try_for_each(|_| {
            let waits = || drop(gate.read());
            started.push(thread::Builder::new().name("room".into()).spawn_scoped(scope, waits)?);
            Ok(())
        });
        drop(closed);
        let count = started.len();
        // Their room is free only once they are gone.
        started.into_iter().for_each(|thread| drop(thread.join()));
        outcome.map_err(|cause| (count, cause))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_started_at_once_and_are_gone_afterwards() {
        start_together(20).unwrap();
    }
}
