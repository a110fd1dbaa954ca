//! The lock on a data folder: whoever serves it, or puts a backup in its place, is alone.
//!
//! The other commands need none: they go through the database, which knows how to be used by several processes. The
//! lock is one of the operating system's (`flock`) and goes with the process, however that ends; the file stays.

use super::Failure;
use super::folder::make_private;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const LOCK_FILE: &str = "rollcall.lock";
/// No process id is longer.
const LONGEST_ID: u64 = 20;

/// A data folder that nobody else serves while this lives: the folder itself, where the file system can lock one, so that
/// nothing depends on a file that may be deleted; and the file, which says whose it is.
pub(super) struct Lock(#[expect(dead_code, reason = "they are held, not read")] [Option<File>; 2]);

/// Takes the folder, which is made if it is not there; refuses where another process has it.
pub(super) fn take(folder: &Path) -> Result<Lock, Failure> {
    let bad = |cause: String| {
        Failure::Start(format!("the data folder {} cannot be used: {cause}", folder.display()))
    };
    make_private(folder).map_err(|cause| bad(cause.to_string()))?;
    let itself = File::open(folder).map_err(|cause| bad(cause.to_string()))?;
    let itself = match itself.try_lock() {
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
    let mut file = options.open(folder.join(LOCK_FILE)).map_err(|cause| bad(cause.to_string()))?;
    match file.try_lock() {
        Ok(()) => {
            // Who has it is told to others only so that they find it: nothing rests on that.
            let _told = tell(&mut file);
            Ok(Lock([itself, Some(file)]))
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

fn tell(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LONGEST_ID).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
