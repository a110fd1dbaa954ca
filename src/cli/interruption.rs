//! A command that is told to end (SIGINT, SIGTERM) leaves nothing half done behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a program that a signal ended: this and the signal's number.
const BY_SIGNAL: i32 = 128;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// What is taken away when the program is told to end.
pub(super) struct Interruption(Arc<Mutex<Vec<PathBuf>>>);

impl Interruption {
    /// Heeds the signals from now on, until the program ends: these files and folders are taken away then.
    pub(super) fn heed(left: Vec<PathBuf>) -> Self {
        let left = Arc::new(Mutex::new(left));
        let (of_thread, (ready, is_ready)) = (Arc::clone(&left), channel());
        let waits = move || {
            let Some(number) = await_signal(ready) else { return };
            let left = of_thread.lock().unwrap_or_else(PoisonError::into_inner);
            left.iter().for_each(|path| take_away(path));
            eprintln!("rollcall: it was told to end, and left nothing of what it had begun");
            std::process::exit(BY_SIGNAL + number);
        };
        // Without the thread it ends as it always would.
        if thread::Builder::new().name("interruption".into()).spawn(waits).is_ok() {
            // It hangs up once the signals are heeded, or cannot be.
            let _hung_up = is_ready.recv();
        }
        Self(left)
    }

    /// Whoever tells the program to end waits for as long as this is kept.
    pub(super) fn hold(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_away(path: &Path) {
    // What is not there is gone.
    drop(if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) });
}

/// Waits for one of the signals; nothing where they cannot be heeded.
fn await_signal(ready: Sender<()>) -> Option<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
        drop(ready);
        let came = std::future::poll_fn(|context| {
            if interrupted.poll_recv(context).is_ready() {
                Poll::Ready(SIGINT)
            } else if terminated.poll_recv(context).is_ready() {
                Poll::Ready(SIGTERM)
            } else {
                Poll::Pending
            }
        });
        Some(came.await)
    })
}
