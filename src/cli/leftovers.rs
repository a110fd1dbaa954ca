//! What a restore has in the data folder while it goes on, and leaves there when it is cut off.

use super::{DATABASE, KEY_FILE};
use crate::db::file;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What the folder is called in which a backup is made ready, with the process id: beside the database, so that one step
/// puts it in its place.
pub(super) const STAGE: &str = "restoring-";
/// In it, while the steps are done that belong together.
pub(super) const MARK: &str = "begun";
/// In it, a backup that has a log, with that: what is opened is changed.
pub(super) const COPY: &str = "backup.db";

/// What a restore left in a folder, or has there while it goes on.
pub(super) struct Left {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Whether it goes on.
    pub(super) goes_on: bool,
    /// Whether some of the steps that belong together were done.
    pub(super) is_half: bool,
}

impl Left {
    /// What is to be said of it to whoever would start.
    pub(super) fn explain(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().display();
        if self.goes_on {
            format!("a backup is being restored into it ({name}). Wait until that has ended")
        } else {
            format!(
                "a restore was interrupted before it came to its end ({name}). Run it again: rollcall restore FILE, with --key \
                 if it had that"
            )
        }
    }
}

/// What restores left beside this database: of several the one that counts most.
pub(super) fn left_at(database: &Path) -> Option<Left> {
    let left = stages(&home_of(&file::real(database))).map(|path| {
        let goes_on = is_locked(&path);
        // One that cannot be looked into is taken for the worst.
        let is_half = |path: &Path| {
            path.join(MARK).try_exists().unwrap_or(true) && path.join(DATABASE).try_exists().unwrap_or(true)
        };
        Left { goes_on, is_half: is_half(&path), path }
    });
    left.max_by_key(|left| (left.is_half, left.goes_on))
}

/// The folders in which restores made something ready.
fn stages(home: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    entries.filter(|entry| is_stage(&entry.file_name())).map(|entry| entry.path())
}

/// Whether a file has a name that we give to such a folder.
fn is_stage(name: &OsStr) -> bool {
    let id = name.to_str().and_then(|name| name.strip_prefix(STAGE));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}

fn is_locked(path: &Path) -> bool {
    let locked = File::open(path).map(|file| file.try_lock_shared());
    matches!(locked, Ok(Err(fs::TryLockError::WouldBlock)))
}

/// Takes away what interrupted restores have left, but for one in which `file` is, or in which something is of others.
pub(super) fn clear_left(home: &Path, file: &Path) {
    let used = fs::canonicalize(file).ok().and_then(|file| file.parent().map(Path::to_owned));
    for stage in stages(home).filter(|stage| !is_locked(stage)) {
        let is_used = fs::canonicalize(&stage).ok() == used;
        let is_ours = |name: &OsStr| {
            let name = name.to_string_lossy();
            name == MARK || [DATABASE, COPY, KEY_FILE].iter().any(|ours| name.starts_with(ours))
        };
        let only_ours = fs::read_dir(&stage).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| is_ours(&entry.file_name())))
        });
        if !is_used && only_ours {
            drop(fs::remove_dir_all(stage));
        }
    }
}

/// The folder of a database file.
pub(super) fn home_of(database: &Path) -> PathBuf {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_ours_has_a_process_id_in_its_name() {
        let names = ["restoring-1", "restoring-4194304-2"];
        assert!(names.iter().all(|name| is_stage(OsStr::new(name))));
        let others = ["restoring", "restoring-", "restoring-x", "restoring-1.db"];
        assert!(!others.iter().any(|name| is_stage(OsStr::new(name))));
    }
}
