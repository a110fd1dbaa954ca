//! A backup is made and checked; one is put back.

use super::folder::make_private;
use super::{DATABASE, Failure, KEY_CHECK, KEY_FILE, lock, open, say};
use crate::config::Settings;
use crate::db::copies::{self, Single};
use crate::db::file;
use crate::domain::settings::names;
use crate::domain::{Actor, Clock, backups, in_words, settings};
use crate::error::Error;
use crate::seal::Keyring;
use chrono::NaiveDateTime;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a backup is made ready before it takes the place of the database: in the data folder, so that one step does it.
const STAGE: &str = "restoring";
/// How long our own writer is waited for, which ends after what it did,
const PATIENCE: Duration = Duration::from_secs(10);
/// and a command that somebody has just given.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);
/// The bytes of a key.
const KEY_LENGTH: usize = 32;

/// Copies the database of the data folder into `file`.
pub(super) fn backup(program: &Settings, file: &Path) -> Result<(), Failure> {
    let database = program.data_dir.join(DATABASE);
    if !database.exists() {
        return Err(Failure::Start(format!("there is no database {} to back up", database.display())));
    }
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    // Under its own name it stands only once it is whole and was checked.
    let partial = with_end(file, &format!(".{}.partial", std::process::id()));
    let made = make(&database, &partial, &program.data_dir.join(KEY_FILE));
    let made = made.and_then(|said| {
        give_name(&partial, file)?;
        Ok(said)
    });
    if made.is_err() {
        drop(fs::remove_file(&partial));
    }
    say([format!("{} {}", file.display(), made?)]);
    Ok(())
}

/// Makes the copy and answers what is to be said of it.
fn make(database: &Path, partial: &Path, key: &Path) -> Result<String, Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        Failure::Start(format!("the backup could not be made, and nothing is left of it: {cause}"))
    };
    private(partial).map_err(|cause| failed(&format!("{}: {cause}", partial.display())))?;
    let now = Clock::default().now();
    Single::open(database).and_then(|mut all| all.copy_to(partial)).map_err(|cause| failed(&cause))?;
    let mut copy = Single::open(partial).map_err(|cause| failed(&cause))?;
    let (name, value) = backups::stamp(now)?;
    copy.set(name, &value, now).map_err(|cause| failed(&cause))?;
    copy.check().map_err(|cause| failed(&format!("the copy is damaged: {cause}")))?;
    let fits = key_of(key).ok().map(|keys| belongs(&mut copy, &keys)).transpose()?.flatten();
    drop(copy);
    File::open(partial).and_then(|file| file.sync_all()).map_err(|cause| failed(&cause))?;
    let of_key = match fits {
        Some(true) => format!("{KEY_FILE} is not in it: keep a copy of that in another place."),
        _ => format!("Beware: {} does not open what is sealed in it; find the one that does.", key.display()),
    };
    Ok(format!("holds all of {} as of {}, and was checked. {of_key}", database.display(), in_words(now)))
}

/// Puts a backup in the place of the data folder's database.
pub(super) fn restore(program: &Settings, file: &Path, key: Option<&Path>) -> Result<(), Failure> {
    let folder = &program.data_dir;
    let _lock = lock::take(folder)?;
    let own_key = folder.join(KEY_FILE);
    if key.is_some() && own_key.exists() {
        return Err(Failure::Start(format!(
            "{} is there already. Leave --key out, or name another folder with --data-dir",
            own_key.display()
        )));
    }
    let keys = key_of(key.unwrap_or(&own_key))?;
    let stage = Stage::new(folder)?;
    stage.fill(file, &keys, key.unwrap_or(&own_key))?;
    let made_at = stage.prove(program)?;
    let kept = take_place(folder, &stage)?;
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

/// A folder within the data folder, which goes with what is left in it.
struct Stage(PathBuf);

impl Stage {
    /// An empty one; what an interrupted attempt left is gone.
    fn new(folder: &Path) -> Result<Self, Failure> {
        let stage = folder.join(STAGE);
        let bad = |cause: io::Error| Failure::Start(format!("{} cannot be used: {cause}", stage.display()));
        unless_missing(fs::remove_dir_all(&stage)).and_then(|()| make_private(&stage)).map_err(bad)?;
        Ok(Self(stage))
    }

    /// Puts the backup and its key into it: the backup is whole, and the key opens it.
    fn fill(&self, file: &Path, keys: &Keyring, key: &Path) -> Result<(), Failure> {
        let bad = |cause: &dyn std::fmt::Display| {
            Failure::Start(format!("{} cannot be put back: {cause}. Nothing was changed", file.display()))
        };
        fs::metadata(file).map_err(|cause| bad(&cause))?;
        if !copies::is_database(file) {
            return Err(bad(&"it is no database"));
        }
        let mut backup = Single::open_copy(file).map_err(|cause| bad(&cause))?;
        backup.check().map_err(|cause| bad(&format!("it is damaged: {cause}")))?;
        match belongs(&mut backup, keys) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                return Err(bad(&format!("{} is not the key that it was made with", key.display())));
            }
            Ok(None) | Err(_) => return Err(bad(&"it is no backup of Rollcall")),
        }
        let database = self.0.join(DATABASE);
        private(&database).map_err(|cause| bad(&cause))?;
        backup.copy_to(&database).map_err(|cause| bad(&cause))?;
        let copied = private(&self.0.join(KEY_FILE)).and_then(|mut copy| {
            copy.write_all(&fs::read(key)?)?;
            copy.sync_all()
        });
        copied.map_err(|cause| bad(&cause))
    }

    /// Opens it as the program will, which brings it up to date, and notes in it that it was put back.
    fn prove(&self, program: &Settings) -> Result<NaiveDateTime, Failure> {
        let org = open(&Settings { data_dir: self.0.clone(), ..program.clone() })?;
        let made_at = org.write(&Actor::CommandLine, backups::note_put_back)?;
        drop(org);
        let database = self.0.join(DATABASE);
        copies::settle(&database, PATIENCE)
            .map_err(|cause| Failure::Start(format!("the backup could not be made ready: {cause}")))?;
        File::open(&database)
            .and_then(|file| file.sync_all())
            .map_err(|cause| Failure::Start(format!("the backup could not be made ready: {cause}")))?;
        Ok(made_at)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left of it is taken away by the next one.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Lets what is made ready take the place of what is there, which is kept under the name that is answered.
fn take_place(folder: &Path, stage: &Stage) -> Result<Option<PathBuf>, Failure> {
    let database = folder.join(DATABASE);
    let bad = |cause: io::Error| {
        Failure::Start(format!("the backup could not take its place in {}: {cause}", folder.display()))
    };
    let existed = database.exists();
    if existed
        && copies::is_database(&database)
        && let Err(cause) = copies::settle(&database, SHORT_PATIENCE)
        && cause.is_in_use()
    {
        return Err(Failure::Start(format!(
            "{} is in use by another process. Stop that first; nothing was changed",
            database.display()
        )));
    }
    let now = Clock::default().now();
    let kept = with_end(&database, &format!(".before-{}", now.format("%Y%m%dT%H%M%SZ")));
    if existed {
        fs::rename(&database, &kept).map_err(bad)?;
    }
    // A log that is not empty belongs to what was there: it never meets another database.
    let ([_, log, index], [_, kept_log, _]) = (file::files(&database), file::files(&kept));
    unless_missing(fs::rename(log, kept_log)).map_err(bad)?;
    unless_missing(fs::remove_file(index)).map_err(bad)?;
    let own_key = folder.join(KEY_FILE);
    if !own_key.exists() {
        fs::rename(stage.0.join(KEY_FILE), own_key).map_err(bad)?;
    }
    fs::rename(stage.0.join(DATABASE), &database).map_err(bad)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(bad)?;
    Ok(existed.then_some(kept))
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
    let bytes = fs::read(path).map_err(|cause| bad(&cause))?;
    if bytes.len() != KEY_LENGTH {
        return Err(bad(&format!("it is no key of {KEY_LENGTH} bytes")));
    }
    Keyring::open(path).map_err(|cause| bad(&cause))
}

/// Whether the keys open what is sealed in a database; nothing where it does not say so.
fn belongs(database: &mut Single, keys: &Keyring) -> Result<Option<bool>, Error> {
    let name = names::KEY_CHECK;
    let sealed = database.read(|conn| settings::get::<String>(conn, name))?;
    Ok(sealed.map(|sealed| keys.open_sealed(name, &sealed).as_deref() == Some(KEY_CHECK)))
}

/// A new file that nobody else may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    named
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|cause| Failure::Start(format!("the backup could not be named {}: {cause}", file.display())))
}

fn exists(file: &Path) -> Failure {
    let text = format!("{} is there already. Choose another name: nothing was overwritten.", file.display());
    Failure::Refused(Error::Conflict(text))
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
