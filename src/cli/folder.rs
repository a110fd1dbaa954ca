//! The data folder: the database, and the key that opens what is sealed in it.
//!
//! A new one is made in steps of which each may be the last: an empty database file, then the key, whole, then the
//! tables. So a key never stands without the file that it belongs to, and what was begun is carried on by the next start.

use super::{DATABASE, Failure, KEY_CHECK, KEY_FILE, leftovers, lock};
use crate::config::Settings;
use crate::db::Db;
use crate::db::file::{self, State};
use crate::db::versions::PROGRAM;
use crate::domain::settings::{self, names};
use crate::domain::{Actor, Clock, Noted, Org, Tx};
use crate::error::{Error, Outage};
use crate::seal::Keyring;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Read and written by the owner only.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// What anybody else may do.
const OTHERS: u32 = 0o077;
/// What files of ours begin with.
const OURS: [&str; 3] = ["rollcall.", KEY_FILE, leftovers::STAGE];

/// The organisation in the data folder, made if it is not there.
pub(super) fn open(settings: &Settings) -> Result<Org, Failure> {
    let folder = Folder::of(settings);
    make_private(folder.path).map_err(|cause| folder.bad(cause))?;
    folder.look(settings.new_organisation)?;
    lock::agrees(folder.path)?;
    let (had_log, is_served) = (has_log(settings), !lock::is_free(folder.path));
    let is_new = !folder.database.exists();
    file::make(&folder.database).map_err(|cause| folder.bad(cause))?;
    folder.keep_private()?;
    let keys = Keyring::open(&folder.key).map_err(|cause| folder.bad(cause))?;
    for made in [&folder.database, &folder.key].into_iter().filter(|_| is_new) {
        hand_over(made, folder.path).map_err(|cause| folder.bad(cause))?;
    }
    let org = organisation(Db::open(&folder.database)?, keys, settings);
    let fits =
        org.read(|conn| Ok((key_fits(conn, org.keys())?, settings::get::<String>(conn, names::USED_BY)?)));
    let (fits, used_by) = fits?;
    if fits.is_none() || used_by.as_deref() != Some(PROGRAM) {
        org.write(&Actor::Rollcall, note_use)?;
    }
    if !is_served {
        end_service_of_another(settings, &org, had_log)?;
    }
    if fits.unwrap_or(true) { Ok(org) } else { Err(folder.wrong_key()) }
}

/// The organisation in the data folder, to be read: nothing in the folder is changed.
pub(super) fn open_to_read(settings: &Settings) -> Result<Org, Failure> {
    let folder = Folder::of(settings);
    let (state, keys) = folder.find()?;
    folder.look(false)?;
    lock::agrees(folder.path)?;
    let Some(keys) = keys.filter(|_| state == State::Filled) else {
        return Err(Failure::Start(format!(
            "there is no organisation in the data folder {} yet. Start the server to make one, or name another folder \
             with --data-dir",
            folder.path.display()
        )));
    };
    let org = organisation(Db::open_to_read(&folder.database)?, keys, settings);
    let fits = org.read(|conn| key_fits(conn, org.keys()))?;
    if fits.unwrap_or(true) { Ok(org) } else { Err(folder.wrong_key()) }
}

/// A server was killed before: this is seen to by whoever opens the database first, for after that its log is in the file,
/// and there may be another.
fn end_service_of_another(settings: &Settings, org: &Org, had_log: bool) -> Result<(), Failure> {
    let served: Option<String> = org.read(|conn| settings::get(conn, names::SERVED))?;
    if served.is_some() {
        if served == org.identity() && !had_log {
            super::remark(&missing_log(settings));
        }
        org.write(&Actor::Rollcall, |tx| settings::forget_own(tx, names::SERVED))?;
    }
    Ok(())
}

fn missing_log(settings: &Settings) -> String {
    format!(
        "Rollcall was not stopped as it should be last time, and {DATABASE}-wal is not in {}. If it was removed, the latest \
         changes are missing: stop Rollcall and bring it back, or restore the backup",
        settings.data_dir.display()
    )
}

/// Says that the database is being served. Answers what is odd about it: whoever served it before was killed, and what
/// it had written last is not there.
pub(super) fn begin_service(
    settings: &Settings,
    org: &Org,
    had_log: bool,
) -> Result<Option<String>, Failure> {
    let identity = org.identity();
    let served: Option<String> = org.read(|conn| settings::get(conn, names::SERVED))?;
    let was_killed = served.is_some() && served == identity;
    if let Some(identity) = identity {
        org.write(&Actor::Rollcall, move |tx| settings::put_own(tx, names::SERVED, &identity))?;
        // Should the log be lost from now on, the database file itself says that it is.
        let _all = org.checkpoint();
    }
    Ok((was_killed && !had_log).then(|| missing_log(settings)))
}

/// Whether there is a log beside the database, of what stands not in its file yet.
pub(super) fn has_log(settings: &Settings) -> bool {
    let [_, log, _] = file::files(&settings.data_dir.join(DATABASE));
    log.exists()
}

/// Ends the service, so that the database file alone is all of the database.
pub(super) fn end_service(org: &Org) -> Result<(), Failure> {
    // From now on another process that holds the database is waited for a moment only.
    org.end();
    // Lines of the provisioning log that nobody waits for are written along with this.
    let written = org.write(&Actor::Rollcall, |tx| {
        settings::touch(tx)?;
        settings::forget_own(tx, names::SERVED)
    });
    // Where nothing could be written, that says why.
    if !org.checkpoint() && written.is_ok() {
        tracing::warn!(
            "others use the database: what was written last stands in {DATABASE}-wal until they end"
        );
    }
    match written {
        Err(cause) if cause.outage() == Some(Outage::Locked) => {
            tracing::warn!("another process holds the database: that it was stopped cannot be noted in it");
            Ok(())
        }
        written => Ok(written?),
    }
}

/// Says that a restore was interrupted which had changed nothing.
pub(super) fn tell_of_restore(settings: &Settings) {
    let left = leftovers::left_at(&settings.data_dir.join(DATABASE));
    if let Some(left) = left.filter(|left| !left.is_half && !left.goes_on) {
        super::remark(&format!(
            "a restore was interrupted, and the database is as it was or wholly the backup. What is left of it can be deleted: {}",
            left.path.display()
        ));
    }
}

/// Whose a file is.
pub(super) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Whether this process can have files that are theirs.
    pub(super) fn is_us_or_we_are_root(&self) -> bool {
        let us = rustix::process::geteuid();
        us.is_root() || us.as_raw() == self.user
    }
}

pub(super) fn owner_of(path: &Path) -> io::Result<Owner> {
    let file = fs::metadata(path)?;
    Ok(Owner { user: file.uid(), group: file.gid() })
}

/// Gives a file that root made to the owner of what it belongs to: a server that runs as that user is to use it.
pub(super) fn hand_over(path: &Path, like: &Path) -> io::Result<()> {
    let theirs = owner_of(like)?;
    if !rustix::process::geteuid().is_root() || owner_of(path)?.user == theirs.user {
        return Ok(());
    }
    chown(path, Some(theirs.user), Some(theirs.group))
}

/// Makes a folder that only the owner of the process may look into, if it is not there.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

fn organisation(db: Db, keys: Keyring, settings: &Settings) -> Org {
    let org = Org::new(db, keys, Clock::default());
    if let Some(host) = settings.public_url.as_ref().and_then(|url| url.domain()) {
        org.be_known_at(host);
    }
    org
}

/// Whether the key is the one that the database was made with; nothing where it was never used with any.
fn key_fits(conn: &mut crate::db::Conn, keys: &Keyring) -> Result<Option<bool>, Error> {
    let sealed = settings::get::<String>(conn, names::KEY_CHECK)?;
    Ok(sealed.map(|sealed| keys.open_sealed(names::KEY_CHECK, &sealed).as_deref() == Some(KEY_CHECK)))
}

/// Notes which key and which program the database is used with.
fn note_use(tx: &mut Tx) -> Result<Noted<()>, Error> {
    if key_fits(tx.conn, tx.keys)?.is_none() {
        let sealed = tx.keys.seal(names::KEY_CHECK, KEY_CHECK);
        settings::put_own(tx, names::KEY_CHECK, &sealed)?;
    }
    settings::put_own(tx, names::USED_BY, &PROGRAM)
}

struct Folder<'a> {
    path: &'a Path,
    database: PathBuf,
    key: PathBuf,
}

impl<'a> Folder<'a> {
    fn of(settings: &'a Settings) -> Self {
        let path = settings.data_dir.as_path();
        Self { path, database: file::real(&path.join(DATABASE)), key: path.join(KEY_FILE) }
    }

    fn bad(&self, cause: impl std::fmt::Display) -> Failure {
        Failure::Start(format!("the data folder {} cannot be used: {cause}", self.path.display()))
    }

    fn wrong_key(&self) -> Failure {
        self.bad(format!("{KEY_FILE} is not the one that {DATABASE} was made with"))
    }

    /// What there is. Another process may be making it: the database comes before the key.
    fn find(&self) -> Result<(State, Option<Keyring>), Failure> {
        let read = || Keyring::read(&self.key).map_err(|cause| self.bad(cause));
        let keys = read()?;
        let state = file::state(&self.database).map_err(|cause| self.bad(cause))?;
        Ok((state, if keys.is_none() { read()? } else { keys }))
    }

    /// Refuses what is neither an organisation nor the beginning of one.
    fn look(&self, is_new: bool) -> Result<(), Failure> {
        let (state, keys) = self.find()?;
        let has_none = matches!(state, State::Missing | State::Empty);
        if let Some(left) = leftovers::left_at(&self.database)
            && (left.is_half || (has_none && !is_new))
        {
            return Err(self.bad(left.explain()));
        }
        match (state, keys.is_some()) {
            (State::Missing, true) if !is_new => Err(self.bad(format!(
                "{KEY_FILE} is there, but {DATABASE} is not. Is the right disk mounted? Bring the database back, or begin \
                 a new organisation with this key: add --new-organisation"
            ))),
            (State::Emptied, _) => Err(self.bad(format!(
                "{DATABASE} is empty, although {DATABASE}-wal beside it is not. Restore the backup"
            ))),
            (State::Filled, false) if !Db::is_unused(&self.database)? => Err(self.bad(format!(
                "{KEY_FILE} is missing beside {DATABASE}. It opens the sealed secrets, and no backup has it: bring it back \
                 from the copy that you keep apart"
            ))),
            _ => Ok(()),
        }
    }

    /// Sees to it that nobody but the owner reads what is in the folder, and says what had to be changed for that.
    fn keep_private(&self) -> Result<(), Failure> {
        let [database, log, index] = file::files(&self.database);
        for path in [self.key.clone(), database, log, index] {
            self.narrow(&path, FILE_MODE)?;
        }
        // A folder in which others keep things too is not ours to close.
        let foreign = fs::read_dir(self.path).map_err(|cause| self.bad(cause))?.find_map(|entry| {
            let name = entry.ok()?.file_name().to_string_lossy().into_owned();
            (!OURS.iter().any(|ours| name.starts_with(ours))).then_some(name)
        });
        let Some(foreign) = foreign else { return self.narrow(self.path, FOLDER_MODE) };
        let mode = fs::metadata(self.path).map_err(|cause| self.bad(cause))?.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            let shown = self.path.display();
            super::remark(&format!(
                "{shown} is open to others (mode {mode:o}), and stays so, since there is more in it than Rollcall's ({foreign}). \
                 Move that elsewhere, or close it: chmod go= {shown}"
            ));
        }
        Ok(())
    }

    fn narrow(&self, path: &Path, most: u32) -> Result<(), Failure> {
        let mode = match fs::metadata(path) {
            Ok(file) => file.permissions().mode() & 0o777,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(self.bad(cause)),
        };
        if mode & OTHERS == 0 {
            return Ok(());
        }
        let shown = path.display();
        match fs::set_permissions(path, Permissions::from_mode(mode & most)) {
            Ok(()) => {
                super::remark(&format!("{shown} was open to others (mode {mode:o}), and is no longer"));
                Ok(())
            }
            Err(cause) => Err(self.bad(format!(
                "{shown} is open to others (mode {mode:o}), and that cannot be changed: {cause}. Close it: chmod go= {shown}"
            ))),
        }
    }
}
