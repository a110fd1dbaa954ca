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

/// What stands in each program that migrates as this one does.
const MARK: &[u8] = b"__diesel_schema_migrations";
/// The bytes of the largest program that is looked into.
const LARGEST_LOOKED_INTO: u64 = 64 * 1024 * 1024;

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

/// The file that this name leads to, where it is a link: the engine keeps what belongs to a database beside that one, and
/// what takes its place belongs there, too.
#[must_use]
pub fn real(path: &Path) -> PathBuf {
    let is_link = path.symlink_metadata().is_ok_and(|file| file.is_symlink());
    let target = is_link.then(|| fs::canonicalize(path).ok()).flatten();
    target.unwrap_or_else(|| path.to_owned())
}

/// The files of a database, of which the last two may be missing.
#[must_use]
pub fn files(path: &Path) -> [PathBuf; 3] {
    let path = real(path);
    let (log, index) = (beside(&path, LOG), beside(&path, INDEX));
    [path, log, index]
}

/// Where a database is, as a text that tells one file from another that took its place.
pub fn identity(path: &Path) -> io::Result<String> {
    Ok(Identity::of(path)?.text())
}

/// The same of all its files, as far as they are there.
#[must_use]
pub fn identities(path: &Path) -> String {
    let known = |file: &PathBuf| Identity::of(file).map_or_else(|_| "none".to_owned(), Identity::text);
    files(path).iter().map(known).collect::<Vec<_>>().join(" ")
}

/// The file of what was written and does not stand in the database file yet.
pub(super) fn log(path: &Path) -> PathBuf {
    beside(&real(path), LOG)
}

/// How a database can be opened to be read, one way after the other. Where there is a log, others use the database, or
/// ended in the middle of it: it is read with it, and left. Else a log is made for a moment, or the file is read by itself
/// where no file can be made.
pub(super) fn ways_to_read(path: &Path) -> impl Iterator<Item = &'static str> {
    let log = fs::metadata(log(path)).ok();
    let first = if log.is_some() { "mode=ro" } else { "mode=rw" };
    let by_itself = log.is_none_or(|log| log.len() == 0).then_some("mode=ro&immutable=1");
    [Some(first), by_itself].into_iter().flatten()
}

/// The file of this name with this end.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Whether an open file is the one at this path.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    file.metadata().is_ok_and(|open| Identity::of(path).ok() == Some(Identity((open.dev(), open.ino()))))
}

/// The processes that have locks on a file, where the system lists them (`/proc/locks`): whoever has a database open
/// holds one on it.
pub(super) fn users(path: &Path) -> Vec<u32> {
    let Ok(Identity((_, number))) = Identity::of(path) else { return Vec::new() };
    let of_locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut found: Vec<u32> = of_locks.lines().filter_map(|line| user_of(line, number)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a process may be a program like this one, of whatever version and name: its file has the name of the table in
/// which Diesel notes migrations, or cannot be looked into.
pub(super) fn may_be_ours(process: u32) -> bool {
    let program = format!("/proc/{process}/exe");
    if !fs::metadata(&program).is_ok_and(|file| file.len() <= LARGEST_LOOKED_INTO) {
        return true;
    }
    fs::read(program).map_or(true, |bytes| bytes.windows(MARK.len()).any(|some| some == MARK))
}

/// The process of a line such as `1: POSIX  ADVISORY  READ 4711 08:01:131 128 128`, if it is about the file of this number.
fn user_of(line: &str, number: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "POSIX")?;
    let of_file = words.get(at + 4)?.rsplit(':').next()?;
    (of_file.parse() == Ok(number)).then(|| words.get(at + 3)?.parse().ok()).flatten()
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

    fn text(self) -> String {
        let (device, file) = self.0;
        format!("{device}:{file}")
    }
}

/// The files as they were when they were opened. What is open keeps its number, so that no other file has it.
#[derive(Clone, Debug)]
pub(super) struct Opened(Arc<Vec<(PathBuf, Identity)>>);

impl Opened {
    /// Those of a database that has just been opened. Its log and the index of that are among them for as long as a
    /// connection that uses them is kept, as a writer does; else whoever ends last takes them away. Without the index no
    /// other process knows that the log is in use, and one that opens the database takes it away.
    pub(super) fn at(path: &Path, keeps_log: bool) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let mut opened = vec![(path.clone(), Identity::of(&path)?)];
        let [_, log, index] = files(&path);
        for file in [log, index].into_iter().filter(|_| keeps_log) {
            if let Ok(identity) = Identity::of(&file) {
                opened.push((file, identity));
            }
        }
        Ok(Self(Arc::new(opened)))
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
    fn whoever_has_a_database_open_is_known_and_whether_it_may_be_a_program_like_this_one() {
        let (folder, db) = super::super::empty();
        let path = folder.path().join("rollcall.db");
        if Path::new("/proc/locks").exists() {
            assert_eq!(users(&path), [std::process::id()]);
            let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
            assert!(may_be_ours(std::process::id()) && !may_be_ours(other.id()));
            other.kill().unwrap();
            other.wait().unwrap();
        }
        assert!(may_be_ours(0), "nobody knows");
        drop(db);
        let line = "7: POSIX  ADVISORY  READ 4711 08:01:131 1073741826 1073742335";
        assert_eq!((user_of(line, 131), user_of(line, 13)), (Some(4711), None));
        assert_eq!(user_of("8: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF", 131), None);
    }

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
        for file in files(&path) {
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

    #[test]
    fn what_belongs_to_a_database_behind_a_link_is_beside_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, link) = (folder.path().join("disk"), folder.path().join("rollcall.db"));
        fs::create_dir(&disk).unwrap();
        let disk = fs::canonicalize(disk).unwrap();
        std::os::unix::fs::symlink(disk.join("real.db"), &link).unwrap();
        let _db = super::super::Db::open(&link).unwrap();
        assert_eq!(files(&link), [disk.join("real.db"), disk.join("real.db-wal"), disk.join("real.db-shm")]);
        assert!(files(&link).iter().all(|file| file.exists()));
        let opened = Opened::at(&link, true).unwrap();
        fs::remove_file(disk.join("real.db-wal")).unwrap();
        assert!(opened.is_replaced() && opened.has_database());
        fs::remove_file(&link).unwrap();
        assert!(!opened.has_database());
    }
}
