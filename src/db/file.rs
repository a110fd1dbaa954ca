//! The database as files: where they are, and whether they are still those that were opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is written stands in this file at first, beside the database (<https://www.sqlite.org/wal.html>).
const LOG: &str = "-wal";
/// An index of it.
const INDEX: &str = "-shm";

/// What there is of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No file.
    Missing,
    /// A file without a byte: a first start was interrupted, or it was made on purpose.
    Empty,
    /// A file without a byte, beside a log of writes that belong into it: the file was damaged.
    Emptied,
    /// Something.
    Filled,
}

/// What there is at this path.
pub fn state(path: &Path) -> io::Result<State> {
    match fs::metadata(path) {
        Ok(file) if file.len() > 0 => Ok(State::Filled),
        Ok(_) if fs::metadata(log(path)).is_ok_and(|log| log.len() > 0) => Ok(State::Emptied),
        Ok(_) => Ok(State::Empty),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
        Err(cause) => Err(cause),
    }
}

/// Makes an empty database file that only the owner of the process may read, where there is none.
pub fn make(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// The files of a database, of which the last two may be missing.
#[must_use]
pub fn files(path: &Path) -> [PathBuf; 3] {
    [path.to_owned(), log(path), beside(path, INDEX)]
}

/// Where a database is, as a text that tells one file from another that took its place.
pub fn identity(path: &Path) -> io::Result<String> {
    let (device, file) = Identity::of(path)?.0;
    Ok(format!("{device}:{file}"))
}

/// The file of what was written and does not stand in the database file yet.
pub(super) fn log(path: &Path) -> PathBuf {
    beside(path, LOG)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The address of a database file, with how it is to be opened (<https://www.sqlite.org/uri.html>).
pub(super) fn address(path: &Path, how: &str) -> io::Result<String> {
    use std::fmt::Write;
    let path = std::path::absolute(path)?;
    let mut address = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            address.push((*byte).into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    Ok(format!("{address}?{how}"))
}

/// What the operating system knows a file by, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity((u64, u64));

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self((file.dev(), file.ino())))
    }
}

/// The files as they were when they were opened. What is open keeps its number, so that no other file has it.
#[derive(Clone, Debug)]
pub(super) struct Opened(Arc<Vec<(PathBuf, Identity)>>);

impl Opened {
    /// Those of a database that has just been opened. Its log is one of them for as long as a connection that uses it is
    /// kept, as a writer does; else whoever ends last takes the log away.
    pub(super) fn at(path: &Path, keeps_log: bool) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let mut files = vec![(path.clone(), Identity::of(&path)?)];
        let log = log(&path);
        if let Some(identity) = keeps_log.then(|| Identity::of(&log).ok()).flatten() {
            files.push((log, identity));
        }
        Ok(Self(Arc::new(files)))
    }

    /// Whether the database file itself is still there.
    pub(super) fn has_database(&self) -> bool {
        self.0.first().is_some_and(|(path, identity)| Identity::of(path).ok() == Some(*identity))
    }

    /// Whether one of them is gone, or another one stands in its place: what is written then is lost.
    pub(super) fn is_replaced(&self) -> bool {
        self.0.iter().any(|(path, identity)| Identity::of(path).ok() != Some(*identity))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_replaced_is_noticed_also_under_an_odd_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a %41?b#c é.db");
        assert_eq!(state(&path).unwrap(), State::Missing);
        make(&path).unwrap();
        assert_eq!(state(&path).unwrap(), State::Empty);
        let db = super::super::Db::open(&path).unwrap();
        assert_eq!(state(&path).unwrap(), State::Filled);
        let opened = Opened::at(&path, true).unwrap();
        assert!(!opened.is_replaced());
        let bytes = fs::read(&path).unwrap();
        for file in [path.clone(), log(&path)] {
            let aside = folder.path().join("aside");
            fs::rename(&file, &aside).unwrap();
            assert!(opened.is_replaced());
            fs::write(&file, &bytes).unwrap();
            assert!(opened.is_replaced());
            fs::rename(&aside, &file).unwrap();
            assert!(!opened.is_replaced());
        }
        drop(db);
    }
}
