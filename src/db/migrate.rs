//! Bringing the tables up to date, and saying so where that takes long.

use super::{Conn, MIGRATIONS};
use diesel_migrations::MigrationHarness;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A migration that takes longer than this is told of,
const FIRST_WORD: Duration = Duration::from_secs(2);
/// and again so often.
const NEXT_WORD: Duration = Duration::from_secs(10);

/// Runs the migrations that the database has not had.
pub(super) fn run(conn: &mut Conn) -> Result<(), String> {
    let text = |cause: Box<dyn std::error::Error + Send + Sync>| cause.to_string();
    let pending = conn.pending_migrations(MIGRATIONS).map_err(text)?;
    if pending.is_empty() {
        return Ok(());
    }
    let is_new = conn.applied_migrations().map_err(text)?.is_empty();
    if !is_new {
        tracing::info!(
            migrations = pending.len(),
            "the database is brought up to date; nothing is served meanwhile"
        );
    }
    let (began, begun) = channel();
    // Without it the work is done in silence.
    let _watcher = thread::Builder::new().name("migrations".into()).spawn(move || {
        watch(&begun, FIRST_WORD, NEXT_WORD, |name, seconds| {
            tracing::info!(migration = name, seconds, "the database is still being brought up to date");
        });
    });
    let started = Instant::now();
    for migration in &pending {
        let _watched = began.send(migration.name().to_string());
        conn.run_migration(migration).map_err(text)?;
    }
    if !is_new {
        tracing::info!(seconds = started.elapsed().as_secs(), "the database is up to date");
    }
    Ok(())
}

/// Tells of what was begun and has not ended after a while, until nothing more can begin.
fn watch(begun: &Receiver<String>, first: Duration, next: Duration, say: impl Fn(&str, u64)) {
    let Ok(mut name) = begun.recv() else { return };
    let (mut since, mut word) = (Instant::now(), first);
    loop {
        match begun.recv_timeout(word) {
            Ok(another) => (name, since, word) = (another, Instant::now(), first),
            Err(RecvTimeoutError::Timeout) => {
                say(&name, since.elapsed().as_secs());
                word = next;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_of_while_it_lasts_and_what_is_quick_is_not() {
        let (began, begun) = channel();
        let (said, words) = channel();
        began.send("quick".to_owned()).unwrap();
        began.send("long".to_owned()).unwrap();
        let once = Duration::from_millis(1);
        let watcher = thread::spawn(move || {
            watch(&begun, once, once, |name, _| said.send(name.to_owned()).unwrap());
        });
        assert_eq!([words.recv().unwrap(), words.recv().unwrap()], ["long", "long"]);
        drop(began);
        watcher.join().unwrap();
    }
}
