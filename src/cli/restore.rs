//! A backup is put in the place of the database.
//!
//! It is made ready in a folder beside the database, and then takes its place in one step, so that a restore that is cut
//! off changes nothing. Where more than one step is needed (there is no key yet, or a log belongs to what is there), a mark
//! says so until all of them are done, and what finds it does not start on one half.

use super::folder::{hand_over, owner_of};
use super::interruption::Interruption;
use super::leftovers::{COPY, MARK, STAGE, clear_left, home_of};
use super::{DATABASE, Failure, KEY_CHECK, KEY_FILE, lock, open, say};
use crate::config::Settings;
use crate::db::OpenError;
use crate::db::copies::{self, Single};
use crate::db::file;
use crate::domain::settings::names;
use crate::domain::{Actor, Clock, backups, in_words, settings};
use crate::error::Error;
use crate::seal::Keyring;
use chrono::NaiveDateTime;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long our own writer is waited for, which ends after what it did,
const PATIENCE: Duration = Duration::from_secs(10);
/// and a command that somebody has just given.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// Puts a backup in the place of the data folder's database.
pub(super) fn restore(program: &Settings, file: &Path, key: Option<&Path>) -> Result<(), Failure> {
    let folder = &program.data_dir;
    let _lock = lock::take(folder)?;
    let place = Place::of(folder);
    let owner = place.owner()?;
    let (keys, key, is_missing) = place.keys(key)?;
    look_at(file).map_err(|cause| refused(file, &cause))?;
    let stage = Stage::new(&place.home())?;
    let interruption = Interruption::heed(vec![stage.path.clone()]);
    stage.fill(file, &keys, &key)?;
    let made_at = stage.prove(program, file)?;
    stage.hand_over(&owner).map_err(|cause| place.bad(&cause))?;
    // From here on it is done to the end.
    let _held = interruption.hold();
    let kept = place.take(&stage, is_missing)?;
    drop(stage);
    clear_left(&place.home(), file);
    let kept = kept.map(|kept| format!(" What was there before is kept as {}.", kept.display()));
    say([
        format!(
            "The backup of {} is in place, and its key opens it.{}",
            in_words(made_at),
            kept.unwrap_or_default()
        ),
        "Everybody signs in again. Start the server, then restart provisioning in Entra ID, so that it sends what is newer."
            .to_owned(),
    ]);
    Ok(())
}

fn refused(file: &Path, cause: &dyn std::fmt::Display) -> Failure {
    Failure::Start(format!("{} cannot be put back: {cause}. Nothing was changed", file.display()))
}

/// Whether a file can be a backup, before anything is done.
fn look_at(file: &Path) -> Result<(), String> {
    match copies::is_database(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is no database".to_owned()),
        Err(cause) => Err(cause.to_string()),
    }
}

/// Where a backup is to go.
struct Place<'a> {
    folder: &'a Path,
    database: PathBuf,
    key: PathBuf,
}

impl<'a> Place<'a> {
    fn of(folder: &'a Path) -> Self {
        Self { folder, database: file::real(&folder.join(DATABASE)), key: folder.join(KEY_FILE) }
    }

    fn bad(&self, cause: &dyn std::fmt::Display) -> Failure {
        Failure::Start(format!("the backup could not take its place in {}: {cause}", self.folder.display()))
    }

    /// The folder of the database file itself.
    fn home(&self) -> PathBuf {
        home_of(&self.database)
    }

    /// Whose files they are to be: what was there tells, else the folder.
    fn owner(&self) -> Result<PathBuf, Failure> {
        let there = self.database.symlink_metadata();
        if there.as_ref().is_ok_and(fs::Metadata::is_symlink) {
            return Err(Failure::Start(format!(
                "{} is a link that leads nowhere. Is the right disk mounted? Nothing was changed",
                self.database.display()
            )));
        }
        let existed = there.is_ok();
        if existed && !owner_of(&self.database).is_ok_and(|owner| owner.is_us_or_we_are_root()) {
            return Err(Failure::Start(format!(
                "{} belongs to another user, who could not open what takes its place: run this as that user, or as root. \
                 Nothing was changed",
                self.database.display()
            )));
        }
        Ok(if existed { self.database.clone() } else { self.folder.to_owned() })
    }

    /// The keys that are to open the backup, the file that they are in, and whether the folder is still to get them.
    fn keys(&self, named: Option<&Path>) -> Result<(Keyring, PathBuf, bool), Failure> {
        let own = Keyring::read(&self.key).map_err(|cause| {
            Failure::Start(format!("the key {} cannot be used: {cause}", self.key.display()))
        })?;
        match (named, own) {
            (None, Some(own)) => Ok((own, self.key.clone(), false)),
            (None, None) => key_of(&self.key).map(|keys| (keys, self.key.clone(), false)),
            (Some(named), None) => Ok((key_of(named)?, named.to_owned(), true)),
            (Some(named), Some(own)) => {
                let keys = key_of(named)?;
                // A restore that was cut off had put it there.
                let same =
                    keys.digest(names::KEY_CHECK, KEY_CHECK) == own.digest(names::KEY_CHECK, KEY_CHECK);
                if same { Ok((keys, self.key.clone(), false)) } else { Err(self.has_key()) }
            }
        }
    }

    fn has_key(&self) -> Failure {
        Failure::Start(format!(
            "{} is there already. Leave --key out, or name another folder with --data-dir",
            self.key.display()
        ))
    }

    /// Lets what is made ready take the place of what is there, which is kept under the name that is answered.
    fn take(&self, stage: &Stage, needs_key: bool) -> Result<Option<PathBuf>, Failure> {
        let bad = |cause: io::Error| self.bad(&cause);
        let existed = self.database.symlink_metadata().is_ok();
        if existed
            && copies::is_database(&self.database).unwrap_or(false)
            && let Err(cause) = copies::checkpoint(&self.database, SHORT_PATIENCE)
            && cause.is_in_use()
        {
            return Err(Failure::Start(format!(
                "{} is in use by another process. Stop that first; nothing was changed",
                self.database.display()
            )));
        }
        let [_, log, index] = file::files(&self.database);
        let has_log = log.symlink_metadata().is_ok_and(|log| log.len() > 0);
        let kept = (existed || has_log).then(|| self.keep(existed, has_log)).transpose().map_err(bad)?;
        if existed && (needs_key || has_log) {
            stage.mark().map_err(bad)?;
        }
        if needs_key {
            self.put_key(stage).map_err(bad)?;
        }
        // A log that is not empty belongs to what was there, and is kept with it: it never meets another database.
        unless_missing(fs::remove_file(log)).map_err(bad)?;
        unless_missing(fs::remove_file(index)).map_err(bad)?;
        fs::rename(stage.path.join(DATABASE), &self.database).map_err(bad)?;
        sync(&self.home()).and_then(|()| sync(self.folder)).map_err(bad)?;
        Ok(kept)
    }

    /// Keeps what is there, with its log, under a name that nothing has, and leaves it in its place, too.
    fn keep(&self, existed: bool, has_log: bool) -> io::Result<PathBuf> {
        let end = format!(".before-{}", Clock::default().now().format("%Y%m%dT%H%M%SZ"));
        let [_, log, _] = file::files(&self.database);
        let mut number = 1;
        loop {
            let kept = match number {
                1 => with_end(&self.database, &end),
                _ => with_end(&self.database, &format!("{end}-{number}")),
            };
            number += 1;
            let [_, kept_log, _] = file::files(&kept);
            if kept_log.symlink_metadata().is_ok() {
                continue;
            }
            match if existed { name_too(&self.database, &kept) } else { Ok(()) } {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                named => named?,
            }
            if has_log {
                name_too(&log, &kept_log)?;
            }
            sync(&self.home())?;
            return Ok(kept);
        }
    }

    /// Puts the key into the folder, whole or not at all.
    fn put_key(&self, stage: &Stage) -> io::Result<()> {
        let unfinished = with_end(&self.key, ".restoring");
        unless_missing(fs::remove_file(&unfinished))?;
        let mut copy = private(&unfinished)?;
        copy.write_all(&fs::read(stage.path.join(KEY_FILE))?)?;
        copy.sync_all()?;
        hand_over(&unfinished, &stage.path.join(KEY_FILE))?;
        fs::rename(&unfinished, &self.key)?;
        sync(self.folder)
    }
}

/// A folder beside the database, which goes with what is left in it. It is locked for as long as the restore goes on.
struct Stage {
    path: PathBuf,
    _lock: File,
}

impl Stage {
    /// A new one, whatever others have left.
    fn new(home: &Path) -> Result<Self, Failure> {
        let id = std::process::id();
        let mut number = 1;
        loop {
            let path = home.join(match number {
                1 => format!("{STAGE}{id}"),
                _ => format!("{STAGE}{id}-{number}"),
            });
            number += 1;
            let bad =
                |cause: io::Error| Failure::Start(format!("{} cannot be used: {cause}", path.display()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(bad)?,
            }
            let lock = File::open(&path).and_then(|file| file.lock().map(|()| file)).map_err(bad)?;
            return Ok(Self { path, _lock: lock });
        }
    }

    /// Puts the backup and its key into it: the backup is whole, and the key opens it.
    fn fill(&self, file: &Path, keys: &Keyring, key: &Path) -> Result<(), Failure> {
        let bad = |cause: &dyn std::fmt::Display| refused(file, cause);
        let mut backup = self.open(file).map_err(|cause| bad(&cause))?;
        backup.check().map_err(|cause| bad(&format!("it is damaged: {cause}")))?;
        match belongs(&mut backup, keys) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                return Err(bad(&format!("{} is not the key that it was made with", key.display())));
            }
            Ok(None) | Err(_) => return Err(bad(&"it is no backup of Rollcall")),
        }
        let database = self.path.join(DATABASE);
        private(&database).map_err(|cause| bad(&cause))?;
        backup.copy_to(&database).map_err(|cause| bad(&cause))?;
        let copied = private(&self.path.join(KEY_FILE)).and_then(|mut copy| {
            copy.write_all(&fs::read(key)?)?;
            copy.sync_all()
        });
        copied.map_err(|cause| bad(&cause))
    }

    /// Opens the backup; with what is in a log beside it, which is left as it is.
    fn open(&self, file: &Path) -> Result<Single, String> {
        let [_, log, _] = file::files(file);
        if !log.metadata().is_ok_and(|log| log.len() > 0) {
            return Single::open_copy(file).map_err(|cause| cause.to_string());
        }
        let copy = self.path.join(COPY);
        let [_, copied_log, _] = file::files(&copy);
        fs::copy(file, &copy).and_then(|_| fs::copy(&log, copied_log)).map_err(|cause| cause.to_string())?;
        Single::open(&copy).map_err(|cause| cause.to_string())
    }

    /// Opens it as the program will, which brings it up to date, and notes in it that it was put back.
    fn prove(&self, program: &Settings, file: &Path) -> Result<NaiveDateTime, Failure> {
        let bad =
            |cause: &dyn std::fmt::Display| refused(file, &format!("it could not be made ready: {cause}"));
        let org = match open(&Settings { data_dir: self.path.clone(), ..program.clone() }) {
            // What it says of a path is of a folder that is gone by then.
            Err(Failure::Database(OpenError::Ahead { newer, .. })) => {
                return Err(refused(
                    file,
                    &format!("it is newer than this program: {newer}. Run the newer program"),
                ));
            }
            opened => opened?,
        };
        let made_at = org.write(&Actor::CommandLine, backups::note_put_back)?;
        drop(org);
        let database = self.path.join(DATABASE);
        copies::checkpoint(&database, PATIENCE).map_err(|cause| bad(&cause))?;
        File::open(&database).and_then(|file| file.sync_all()).map_err(|cause| bad(&cause))?;
        Ok(made_at)
    }

    /// Gives what is in it to the owner of this.
    fn hand_over(&self, like: &Path) -> io::Result<()> {
        for path in [self.path.clone(), self.path.join(DATABASE), self.path.join(KEY_FILE)] {
            hand_over(&path, like)?;
        }
        Ok(())
    }

    fn mark(&self) -> io::Result<()> {
        private(&self.path.join(MARK))?.sync_all()?;
        sync(&self.path)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left of it is taken away by the next one.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Gives a file one more name, which nothing has. Where the file system knows no such thing, it is moved there.
fn name_too(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
            private(name)?;
            fs::rename(file, name)
        }
        linked => linked,
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|cause| if cause.kind() == ErrorKind::NotFound { Ok(()) } else { Err(cause) })
}

/// The keys in a file that is there and is a key.
fn key_of(path: &Path) -> Result<Keyring, Failure> {
    let bad = |cause: &dyn std::fmt::Display| {
        Failure::Start(format!(
            "the key {} cannot be used: {cause}. Put the one that belongs to the backup there, or name it with --key",
            path.display()
        ))
    };
    match Keyring::read(path) {
        Ok(Some(keys)) => Ok(keys),
        Ok(None) if path.exists() => Err(bad(&"it is empty")),
        Ok(None) => Err(bad(&"it is not there")),
        Err(cause) if cause.kind() == ErrorKind::InvalidData => Err(bad(&"it is no key of 32 bytes")),
        Err(cause) => Err(bad(&cause)),
    }
}

/// Whether the keys open what is sealed in a database; nothing where it does not say so.
pub(super) fn belongs(database: &mut Single, keys: &Keyring) -> Result<Option<bool>, Error> {
    let name = names::KEY_CHECK;
    let sealed = database.read(|conn| settings::get::<String>(conn, name))?;
    Ok(sealed.map(|sealed| keys.open_sealed(name, &sealed).as_deref() == Some(KEY_CHECK)))
}

/// A new file that nobody else may read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
