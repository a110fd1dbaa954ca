//! Bringing the tables up to date, and saying so where that takes long.
//!
//! One process at a time does it, and only while nobody else has the database open: a program that goes on with tables
//! that it does not know breaks the rules that it does not know. Others that come meanwhile wait, and look again.

use super::faults::outage_of_text;
use super::versions::{self, SchemaState};
use super::{Conn, GIVES_ROOM_BACK, INTO_THE_FILE, MIGRATIONS, OpenError, WITH_LOG, file, prepare};
use crate::error::Outage;
use diesel::connection::{Connection, SimpleConnection};
use diesel_migrations::MigrationHarness;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A migration that takes longer than this is told of,
const FIRST_WORD: Duration = Duration::from_secs(2);
/// and again so often.
const NEXT_WORD: Duration = Duration::from_secs(10);

/// How long a database is waited for that somebody holds, before it is looked whether that is to bring it up to date,
const A_MOMENT: &str = "PRAGMA busy_timeout = 500;";
/// and after that.
const PATIENT: &str = "PRAGMA busy_timeout = 10000;";
/// From the first access on nobody else may have the database open, nor open it. Whoever looks into it just now is waited
/// for.
const ALONE: &str = "PRAGMA busy_timeout = 3000; PRAGMA locking_mode = EXCLUSIVE;";
const BEGIN_ALONE: &str = "BEGIN EXCLUSIVE; COMMIT;";
/// So often it is looked whether another process is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A connection to a database whose tables are those that this program knows; brings them up to date where they are not.
pub(super) fn open(path: &Path, url: &str) -> Result<Conn, OpenError> {
    let failed = |cause: String| OpenError::failed(path, &cause);
    let mut lock = None;
    loop {
        match look(url, if lock.is_some() { PATIENT } else { A_MOMENT }) {
            Ok((conn, SchemaState::Current)) => return Ok(conn),
            Ok((_, SchemaState::Ahead(newer))) => {
                return Err(OpenError::Ahead { path: path.display().to_string(), newer });
            }
            Ok((conn, SchemaState::Behind)) => {
                drop(conn);
                // Before the lock was free another process may have done it.
                if lock.is_some() {
                    run_alone(path, url)?;
                }
            }
            Err(cause) if lock.is_none() && is_locked(&cause) => {}
            Err(cause) => return Err(failed(cause)),
        }
        if lock.is_none() {
            lock = Some(UpgradeLock::take(path).map_err(|cause| failed(cause.to_string()))?);
        }
    }
}

/// Waits for a process that brings the database up to date, if there is one.
pub(super) fn wait_for_others(path: &Path) {
    if let Ok(file) = File::open(UpgradeLock::file(path)) {
        wait_for(|| file.try_lock_shared());
    }
}

fn look(url: &str, patience: &str) -> Result<(Conn, SchemaState), String> {
    let mut conn = Conn::establish(url).map_err(|cause| cause.to_string())?;
    conn.batch_execute(patience).map_err(|cause| cause.to_string())?;
    let standing = versions::standing(&mut conn).map_err(|cause| cause.to_string())?;
    Ok((conn, standing))
}

fn is_locked(cause: &str) -> bool {
    outage_of_text(cause) == Some(Outage::Locked)
}

/// Runs the migrations where no other program of ours has the database open.
fn run_alone(path: &Path, url: &str) -> Result<(), OpenError> {
    let failed = |cause: String| OpenError::failed(path, &cause);
    let is_new = file::state(path).map_err(|cause| failed(cause.to_string()))? == file::State::Empty;
    let new = if is_new { GIVES_ROOM_BACK } else { "" };
    let begin = |sql: &[&str]| {
        let mut conn = Conn::establish(url).map_err(|cause| cause.to_string())?;
        conn.batch_execute(&sql.concat()).map_err(|cause| cause.to_string())?;
        Ok::<_, String>(conn)
    };
    let alone = begin(&[ALONE, new, BEGIN_ALONE, WITH_LOG]);
    let mut conn = match alone {
        Err(cause) if is_locked(&cause) => {
            others_only_look(path)?;
            begin(&[PATIENT, new, WITH_LOG]).map_err(failed)?
        }
        alone => alone.map_err(failed)?,
    };
    prepare(&mut conn).map_err(|cause| failed(cause.to_string()))?;
    run(&mut conn).map_err(failed)?;
    conn.batch_execute(INTO_THE_FILE).map_err(|cause| failed(cause.to_string()))
}

/// Refuses where whoever else has the database open may be a program of ours, or is not known. Tools that look into it,
/// or copy what is written, know no rules that they could break.
fn others_only_look(path: &Path) -> Result<(), OpenError> {
    let users = file::users(path);
    let others: Vec<u32> = users.iter().copied().filter(|id| *id != std::process::id()).collect();
    let named = || {
        let ids: Vec<String> = others.iter().map(ToString::to_string).collect();
        if ids.is_empty() { String::new() } else { format!(" (process {})", ids.join(", ")) }
    };
    if users.is_empty() || others.iter().any(|id| file::may_be_ours(*id)) {
        let path = path.display().to_string();
        return Err(OpenError::InUse { path, program: versions::PROGRAM, who: named() });
    }
    if !others.is_empty() {
        tracing::info!("another program, which is no Rollcall, has the database open, too{}", named());
    }
    Ok(())
}

/// The lock of whoever brings a database up to date: a file beside it, which is locked as long as that takes.
struct UpgradeLock {
    path: PathBuf,
    _file: File,
}

impl UpgradeLock {
    fn file(path: &Path) -> PathBuf {
        file::beside(path, "-upgrade")
    }

    /// Waits for it.
    fn take(path: &Path) -> io::Result<Self> {
        let path = Self::file(path);
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            wait_for(|| file.try_lock());
            // Whoever had it before has taken the file away, and another one may have been made since.
            if file::is_at(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for UpgradeLock {
    fn drop(&mut self) {
        // One that is left does no harm.
        let _left = fs::remove_file(&self.path);
    }
}

/// Waits for a lock, and says so if that takes long. Where the file system knows none, nothing is waited for: the
/// database's own lock decides.
fn wait_for(lock: impl Fn() -> Result<(), TryLockError>) {
    let (since, mut word) = (Instant::now(), FIRST_WORD);
    while let Err(TryLockError::WouldBlock) = lock() {
        if since.elapsed() >= word {
            tracing::info!("another process brings the database up to date, and is waited for");
            word += NEXT_WORD;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Runs the migrations that the database has not had.
fn run(conn: &mut Conn) -> Result<(), String> {
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
