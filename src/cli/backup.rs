//! A backup is made and checked.

use super::interruption::Interruption;
use super::restore::{belongs, private, with_end};
use super::{DATABASE, Failure, KEY_FILE, lock, say};
use crate::config::Settings;
use crate::db::copies::Single;
use crate::db::file::{self, State};
use crate::domain::{Clock, backups, in_words};
use crate::error::Error;
use crate::seal::Keyring;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a backup is called until it is whole, with the process id before this.
const PARTIAL: &str = ".partial";
/// What the engine has beside it meanwhile.
const JOURNAL: &str = "-journal";

/// Copies the database of the data folder into `file`.
pub(super) fn backup(program: &Settings, file: &Path) -> Result<(), Failure> {
    let database = program.data_dir.join(DATABASE);
    match file::state(&database) {
        Ok(State::Missing) => {
            return Err(Failure::Start(format!("there is no database {} to back up", database.display())));
        }
        Ok(_) => {}
        Err(cause) => {
            return Err(Failure::Start(format!(
                "the database {} cannot be read: {cause}",
                database.display()
            )));
        }
    }
    lock::agrees(&program.data_dir)?;
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let folder = folder_of(file);
    let bad_folder = |cause: io::Error| failed(&format!("the folder {}: {cause}", folder.display()));
    fs::metadata(folder).map_err(bad_folder)?;
    clear_dead(file);
    // Under its own name it stands only once it is whole and was checked.
    let partial = with_end(file, &format!(".{}{PARTIAL}", std::process::id()));
    // Whoever finds it locked knows that it is being made. It is not closed before the engine has closed it.
    let lock = private(&partial).and_then(|file| file.lock().map(|()| file));
    let lock = lock.map_err(bad_folder)?;
    let interruption = Interruption::heed(vec![with_end(&partial, JOURNAL), partial.clone()]);
    let made = make(&database, &partial, &program.data_dir.join(KEY_FILE));
    // From here on it is done to the end.
    let _held = interruption.hold();
    let made = made.and_then(|said| {
        give_name(&partial, file)?;
        Ok(said)
    });
    if made.is_err() {
        drop(fs::remove_file(with_end(&partial, JOURNAL)));
        drop(fs::remove_file(&partial));
    }
    drop(lock);
    say([format!("{} {}", file.display(), made?)]);
    Ok(())
}

fn failed(cause: &dyn std::fmt::Display) -> Failure {
    Failure::Start(format!("the backup could not be made, and nothing is left of it: {cause}"))
}

/// Makes the copy and answers what is to be said of it.
fn make(database: &Path, partial: &Path, key: &Path) -> Result<String, Failure> {
    let now = Clock::default().now();
    Single::open_to_read(database)
        .and_then(|mut all| all.copy_to(partial))
        .map_err(|cause| failed(&cause))?;
    let mut copy = Single::open(partial).map_err(|cause| failed(&cause))?;
    let (name, value) = backups::stamp(now)?;
    copy.set(name, &value, now).map_err(|cause| failed(&cause))?;
    copy.check().map_err(|cause| failed(&format!("the copy is damaged: {cause}")))?;
    let of_key = match Keyring::read(key) {
        Err(cause) => format!("Beware: whether its key is there was not found out: {cause}."),
        Ok(keys) => match keys.map(|keys| belongs(&mut copy, &keys)).transpose()?.flatten() {
            Some(true) => format!("{KEY_FILE} is not in it: keep a copy of that in another place."),
            _ => format!(
                "Beware: {} does not open what is sealed in it; find the one that does.",
                key.display()
            ),
        },
    };
    drop(copy);
    File::open(partial).and_then(|file| file.sync_all()).map_err(|cause| failed(&cause))?;
    Ok(format!("holds all of {} as of {}, and was checked. {of_key}", database.display(), in_words(now)))
}

/// Takes away what backups under this name left that were killed: nobody has it locked.
fn clear_dead(file: &Path) {
    let Some(name) = file.file_name() else { return };
    let folder = folder_of(file);
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let partials: Vec<OsString> = names.filter_map(|other| partial_of(name, &other)).collect();
    for partial in partials.into_iter().map(|name| folder.join(name)) {
        let is_dead = match File::open(&partial) {
            Ok(file) => file.try_lock().is_ok(),
            Err(cause) => cause.kind() == ErrorKind::NotFound,
        };
        if is_dead {
            drop(fs::remove_file(with_end(&partial, JOURNAL)));
            drop(fs::remove_file(&partial));
        }
    }
}

/// The name of a backup that was not ended, if this is its, or that of its journal.
fn partial_of(name: &OsStr, other: &OsStr) -> Option<OsString> {
    let other = other.as_bytes();
    let partial = other.strip_suffix(JOURNAL.as_bytes()).unwrap_or(other);
    let id = partial.strip_prefix(name.as_bytes())?.strip_prefix(b".")?.strip_suffix(PARTIAL.as_bytes())?;
    let is_id = !id.is_empty() && id.iter().all(u8::is_ascii_digit);
    is_id.then(|| OsStr::from_bytes(partial).to_owned())
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file its name where nothing has that yet.
fn give_name(partial: &Path, file: &Path) -> Result<(), Failure> {
    let named = match fs::hard_link(partial, file) {
        Ok(()) => fs::remove_file(partial),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => return Err(exists(file)),
        // Not every file system knows links.
        Err(_) if file.symlink_metadata().is_ok() => return Err(exists(file)),
        Err(_) => fs::rename(partial, file),
    };
    named
        .and_then(|()| File::open(folder_of(file))?.sync_all())
        .map_err(|cause| Failure::Start(format!("the backup could not be named {}: {cause}", file.display())))
}

fn exists(file: &Path) -> Failure {
    let text = format!("{} is there already. Choose another name: nothing was overwritten.", file.display());
    Failure::Refused(Error::Conflict(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cleared_has_the_name_of_the_backup_and_a_process_id() {
        let of = |other: &str| partial_of(OsStr::new("x.db"), OsStr::new(other)).is_some();
        assert!(of("x.db.17.partial") && of("x.db.17.partial-journal"));
        for other in [
            "x.db",
            "x.db.partial",
            "x.db..partial",
            "x.db.a.partial",
            "y.db.17.partial",
            "x.db.17.partial.db",
        ] {
            assert!(!of(other), "{other}");
        }
    }
}
