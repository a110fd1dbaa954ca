//! The lock on a data folder: whoever serves it, or puts a backup in its place, is alone.
//!
//! The other commands need none: they go through the database, which knows how to be used by several processes. The
//! lock is one of the operating system's (`flock`) and goes with the process, however that ends; the file stays.

use super::folder::{hand_over, make_private};
use super::{DATABASE, Failure};
use crate::db::file;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const LOCK_FILE: &str = "rollcall.lock";
/// No process id is longer.
const LONGEST_ID: u64 = 20;

/// Another command looks for less long whether the folder is locked.
const LOOK: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A data folder that nobody else serves while this lives: the folder itself, where the file system can lock one, so that
/// nothing depends on a file that may be deleted; and the file, which says whose it is.
pub(super) struct Lock {
    file: File,
    _folder: Option<File>,
}

impl Lock {
    /// Tells other commands which files are served.
    pub(super) fn tell_files(&mut self, folder: &Path) -> std::io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        writeln!(self.file, "{}", file::identities(&folder.join(DATABASE)))
    }
}

/// Whether nobody serves the folder, or restores into it.
pub(super) fn is_free(folder: &Path) -> bool {
    let is_locked = |path: &Path| {
        let locked = File::open(path).map(|file| file.try_lock_shared());
        matches!(locked, Ok(Err(TryLockError::WouldBlock)))
    };
    !is_locked(folder) && !is_locked(&folder.join(LOCK_FILE))
}

/// Refuses where a server has other files open than those that are in the folder: what a command writes into these would
/// damage what that one has, and be lost with it.
pub(super) fn agrees(folder: &Path) -> Result<(), Failure> {
    if is_free(folder) {
        return Ok(());
    }
    let told = fs::read_to_string(folder.join(LOCK_FILE)).unwrap_or_default();
    let mut told = told.lines();
    let process = told.next().unwrap_or_default();
    match told.next() {
        Some(files) if files != file::identities(&folder.join(DATABASE)) => Err(Failure::Start(format!(
            "the server (process {process}) has other files open than those that are in the data folder {} now: {DATABASE}, or \
             what belongs to it, was moved, replaced or removed. Stop the server, which saves what it can; then start it again",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Takes the folder, which is made if it is not there; refuses where another process has it.
pub(super) fn take(folder: &Path) -> Result<Lock, Failure> {
    let bad = |cause: String| {
        Failure::Start(format!("the data folder {} cannot be used: {cause}", folder.display()))
    };
    make_private(folder).map_err(|cause| bad(cause.to_string()))?;
    let itself = File::open(folder).map_err(|cause| bad(cause.to_string()))?;
    let itself = match lock(&itself) {
        Ok(()) => Some(itself),
        Err(TryLockError::WouldBlock) => {
            return Err(in_use(folder, File::open(folder.join(LOCK_FILE)).ok().as_mut()));
        }
        Err(TryLockError::Error(_)) => None,
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let path = folder.join(LOCK_FILE);
    let mut file = options.open(&path).map_err(|cause| bad(cause.to_string()))?;
    hand_over(&path, folder).map_err(|cause| bad(cause.to_string()))?;
    match lock(&file) {
        Ok(()) => {
            // Who has it is told to others only so that they find it: nothing rests on that.
            let _told = write_process_id(&mut file);
            Ok(Lock { file, _folder: itself })
        }
        Err(TryLockError::WouldBlock) => Err(in_use(folder, Some(&mut file))),
        Err(TryLockError::Error(cause)) => Err(bad(format!("{LOCK_FILE} cannot be locked: {cause}"))),
    }
}

fn in_use(folder: &Path, told: Option<&mut File>) -> Failure {
    Failure::Start(format!(
        "the data folder {} is in use by another server{}. Stop that first, or name another folder with --data-dir",
        folder.display(),
        told.and_then(holder).map(|id| format!(" (process {id})")).unwrap_or_default()
    ))
}

fn lock(file: &File) -> Result<(), TryLockError> {
    let until = Instant::now() + LOOK;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(LOOK_AGAIN),
            done => return done,
        }
    }
}

fn write_process_id(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LONGEST_ID).read_to_string(&mut text).ok()?;
    text.lines().next()?.parse().ok()
}
