//! The store: which database it is, how it is read and written, and its migrations.
//!
//! Reads run on a pool of connections that cannot write. All writes go through one [`writer`], which commits those
//! that wait as a group: an answer means that the change is on disk. Which engine it is, is known here and in
//! `migrations/`, nowhere else.

use crate::error::{Error, Outage, Result, Undoes};
use crate::pool::{self, Permits, RETRY_S, Requester};
use crate::threads::{Threads, assert_may_take_long};
use diesel::SqliteConnection;
use diesel::connection::{
    AnsiTransactionManager as Transactions, Connection, SimpleConnection, TransactionManager,
};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error as PoolError, Pool, PooledConnection};
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use file::Opened;
use monitor::{Looker, Monitor, WriterState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use versions::{Newer, SchemaState};

pub mod copies;
mod faults;
pub mod file;
mod migrate;
mod monitor;
pub mod schema;
pub mod space;
pub mod text_search;
pub mod versions;
mod writer;

pub use monitor::Condition;
pub use writer::Priority;

/// The setting that names the database file which is being served: see `domain::settings`.
pub const SERVED: &str = "served";

/// One connection.
pub type Conn = SqliteConnection;

/// The engine behind [`Conn`], for queries that are put together at run time.
pub type Backend = <Conn as Connection>::Backend;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// `FULL` makes each commit wait for the disk. Writers of other processes (the command line) are waited for. `LIKE`
/// tells cases apart, as elsewhere: what must not is folded on both sides.
const SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                        PRAGMA temp_store = MEMORY; PRAGMA case_sensitive_like = ON; \
                        PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864;";
/// Writes go into a log at first, so that nobody who reads waits for them. The database remembers this, so those who only
/// read need not say it.
const WITH_LOG: &str = "PRAGMA journal_mode = WAL;";
/// Brings what was written into the database file itself, as far as nobody is in the way.
const INTO_THE_FILE: &str = "PRAGMA wal_checkpoint(PASSIVE);";
/// The same, and empties the log; whoever is in the way is waited for only a moment.
const ALL_INTO_THE_FILE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const IMPATIENT: &str = "PRAGMA busy_timeout = 500;";
/// The writer waits by itself for other processes, and looks meanwhile whether the program ends.
const WRITER_PATIENCE: &str = "PRAGMA busy_timeout = 100;";
/// The writer touches every index: it keeps more pages (in KiB) than each of the readers.
const WRITER_CACHE: &str = "PRAGMA cache_size = -4000;";
/// Where the writer keeps what a savepoint may have to bring back. In memory that is a list, which is walked whenever a
/// savepoint within another ends: each row of a large change would cost more than the one before.
const WRITER_JOURNAL: &str = "PRAGMA temp_store = FILE;";
/// Where the engine looks for a folder for temporary files, after those that variables name.
const TEMPORARY_FOLDERS: [&str; 4] = ["/var/tmp", "/usr/tmp", "/tmp", "."];
/// For a new database, before its first table: of one that has tables the whole file would have to be rewritten. Pages that
/// are free can then be given back to the disk some at a time.
const GIVES_ROOM_BACK: &str = "PRAGMA auto_vacuum = INCREMENTAL;";
/// So many reads of all rows wait for people, and as many for programs: some seconds of work where there are very many
/// users.
const MOST_SCANS_WAITING: usize = 64;
const READ_ONLY: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -4000;";

/// One database, open for as long as a copy of this handle lives.
#[derive(Clone)]
pub struct Db {
    readers: Pool<ConnectionManager<Conn>>,
    scans: Permits,
    /// None where it was opened to be read only.
    writer: Option<writer::Writer>,
    origin: Arc<Origin>,
}

/// A connection that reads and cannot write, for as long as this is kept.
pub struct Reader(PooledConnection<ConnectionManager<Conn>>);

impl Reader {
    /// Reads, all of it from one moment's state.
    pub fn read<T>(mut self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        Conn::transaction(&mut self.0, work)
    }

    /// Reads one thing, or things that need not be of one moment.
    pub fn read_one<T>(mut self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        work(&mut self.0)
    }
}

/// What a database was opened from, and how it does.
struct Origin {
    path: PathBuf,
    url: String,
    opened: Opened,
    writer: Arc<WriterState>,
    monitor: OnceLock<Option<Monitor>>,
}

/// Why the database did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine says why.
    #[error("the database {path} cannot be opened: {cause}")]
    Failed {
        /// Where it is.
        path: String,
        /// Why.
        cause: String,
    },
    /// A newer program has changed it.
    #[error(
        "the database {path} is newer than this program: {newer}. Run the newer program, or restore the backup that was \
         made before the upgrade"
    )]
    Ahead {
        /// Where it is.
        path: String,
        /// What was changed, and by which program.
        newer: Newer,
    },
    /// This program's migrations have not run, and while others use it they cannot.
    #[error(
        "the database {path} has to be brought up to date for Rollcall {program} first, and another process{who} has it open. \
         Stop that server, then try again. Nothing was changed"
    )]
    InUse {
        /// Where it is.
        path: String,
        /// The version of this program.
        program: &'static str,
        /// Which process that is, where it is known.
        who: String,
    },
    /// It was to be read only, and this program's migrations have not run.
    #[error(
        "the database {path} was not brought up to date for Rollcall {program} yet. Start the server with it, or run a \
         command that changes something"
    )]
    Behind {
        /// Where it is.
        path: String,
        /// The version of this program.
        program: &'static str,
    },
}

impl OpenError {
    fn failed(path: &Path, cause: &impl std::fmt::Display) -> Self {
        let mut cause = cause.to_string();
        // The engine makes an empty log where there is none.
        let has_log = std::fs::metadata(file::log(path)).is_ok_and(|log| log.len() > 0);
        let outage = faults::outage_of_text(&cause);
        if outage == Some(Outage::Damaged) || (outage == Some(Outage::DiskFailing) && !has_log) {
            cause.push_str(
                ". If its -wal file was removed, or left behind when it was copied, bring that back; else restore the backup",
            );
        }
        Self::Failed { path: path.display().to_string(), cause }
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

impl Db {
    /// Opens the database file, makes it if it is not there, and brings its tables up to date, for which nobody else may
    /// have it open.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |cause: &dyn std::fmt::Display| OpenError::failed(path, &cause);
        file::make(path).map_err(|cause| failed(&cause))?;
        let url = file::address(path, "mode=rw").map_err(|cause| failed(&cause))?;
        let mut conn = migrate::open(path, &url)?;
        prepare(&mut conn).map_err(|cause| failed(&cause))?;
        become_writer(&mut conn).map_err(|cause| failed(&cause))?;
        Self::on(path, url, Some(conn))
    }

    /// Opens the database to be read, and changes nothing: where it is not up to date, it is refused.
    pub fn open_to_read(path: &Path) -> Result<Self, OpenError> {
        let failed = |cause: &dyn std::fmt::Display| OpenError::failed(path, &cause);
        migrate::wait_for_others(path);
        let mut refusal = None;
        for how in file::ways_to_read(path) {
            let url = file::address(path, how).map_err(|cause| failed(&cause))?;
            let opened = connect(&url).and_then(|mut conn| {
                conn.batch_execute(READ_ONLY).map_err(|cause| cause.to_string())?;
                versions::standing(&mut conn).map_err(|cause| cause.to_string())
            });
            match opened {
                Ok(SchemaState::Current) => return Self::on(path, url, None),
                Ok(SchemaState::Behind) => {
                    let path = path.display().to_string();
                    return Err(OpenError::Behind { path, program: versions::PROGRAM });
                }
                Ok(SchemaState::Ahead(newer)) => {
                    return Err(OpenError::Ahead { path: path.display().to_string(), newer });
                }
                Err(cause) => refusal = refusal.or(Some(cause)),
            }
        }
        Err(failed(&refusal.unwrap_or_default()))
    }

    /// Whether nobody has ever used the database at this path: a first start was interrupted.
    pub fn is_unused(path: &Path) -> Result<bool, OpenError> {
        let failed = |cause: &dyn std::fmt::Display| OpenError::failed(path, &cause);
        let url = file::address(path, "mode=rw").map_err(|cause| failed(&cause))?;
        let mut conn = connect(&url).map_err(|cause| failed(&cause))?;
        versions::is_unused(&mut conn).map_err(|cause| failed(&cause))
    }

    fn on(path: &Path, url: String, conn: Option<Conn>) -> Result<Self, OpenError> {
        let failed = |cause: &dyn std::fmt::Display| OpenError::failed(path, &cause);
        let opened = Opened::at(path, conn.is_some()).map_err(|cause| failed(&cause))?;
        // A program that only reads does one thing after the other, and closes the one connection when it ends: with the
        // last one the engine takes away what it had made beside the file.
        let most =
            if conn.is_some() { u32::try_from(Threads::here().readers).unwrap_or(u32::MAX) } else { 1 };
        let readers = Pool::builder()
            .max_size(most)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(Duration::from_secs(10))
            .connection_customizer(Box::new(ReadOnly(opened.clone())))
            .build(ConnectionManager::new(&url))
            .map_err(|cause| failed(&cause))?;
        let state = Arc::<WriterState>::default();
        let (again, still) = (url.clone(), opened.clone());
        let open = move || {
            let mut conn = (!still.is_replaced()).then(|| connect(&again).ok()).flatten()?;
            become_writer(&mut conn).is_ok().then_some(conn)
        };
        let writer = conn.map(|conn| writer::Writer::start(conn, open, opened.clone(), Arc::clone(&state)));
        let writer = writer.transpose().map_err(|cause| failed(&cause))?;
        let (path, monitor) = (path.to_owned(), OnceLock::new());
        Ok(Self {
            readers,
            scans: Permits::with_room(MOST_SCANS_WAITING),
            writer,
            origin: Arc::new(Origin { path, url, opened, writer: state, monitor }),
        })
    }

    /// Asks whether the database can serve; `answer` is called soon, on a thread that waits for nobody.
    pub fn check_condition(&self, answer: impl FnOnce(Condition) + Send + 'static) {
        match self.monitor() {
            Some(monitor) => monitor.ask(answer),
            None => answer(Condition::Broken),
        }
    }

    /// What to say of the database while there is no answer.
    #[must_use]
    pub fn meanwhile(&self) -> Condition {
        self.monitor().map_or(Condition::Broken, Monitor::meanwhile)
    }

    fn monitor(&self) -> Option<&Monitor> {
        let start = || {
            let url = self.origin.url.clone();
            let open = move || {
                let mut conn = connect(&url)?;
                let settings = [READ_ONLY, IMPATIENT].concat();
                conn.batch_execute(&settings).map_err(|cause| cause.to_string())?;
                Ok(conn)
            };
            let looker = Looker::new(open, self.origin.opened.clone(), Arc::clone(&self.origin.writer));
            let started = Monitor::start(looker);
            started.map_err(|cause| tracing::error!(%cause, "nobody can look after the database")).ok()
        };
        self.origin.monitor.get_or_init(start).as_ref()
    }

    /// What kept the last group of writes from the disk, if something did.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.origin.writer.outage()
    }

    /// Where the database file is, as a text that tells it from another one that took its place.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        file::identity(&self.origin.path).ok()
    }

    /// Brings all that was written into the database file itself, so that this one file is all of the database; answers
    /// whether it is. Whoever else uses it is waited for only a moment.
    #[must_use]
    pub fn checkpoint(&self) -> bool {
        if self.writer.is_none() || self.origin.opened.is_replaced() {
            return false;
        }
        let settled = connect(&self.origin.url).and_then(|mut conn| {
            let checkpoint = conn
                .batch_execute(IMPATIENT)
                .and_then(|()| diesel::sql_query(ALL_INTO_THE_FILE).get_result::<Checkpoint>(&mut conn));
            checkpoint.map_err(|cause| cause.to_string())
        });
        settled.is_ok_and(|checkpoint| checkpoint.busy == 0)
    }

    /// Reads, all of it from one moment's state. Waits for a reader: not on a thread that serves connections.
    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.reader()?.read(work)
    }

    /// Reads one thing, or things that need not be of one moment. Waits as [`Db::read`] does.
    pub fn read_one<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.reader()?.read_one(work)
    }

    fn reader(&self) -> Result<Reader> {
        assert_may_take_long();
        self.readers.get().map(Reader).map_err(faults::no_reader)
    }

    /// A reader, if one is free at this moment: for a thread that serves connections, which waits for none.
    #[must_use]
    pub fn free_reader(&self) -> Option<Reader> {
        self.readers.try_get().map(Reader)
    }

    /// Waits for the permit to look at all rows of a table, to be held while one does. There is one such read
    /// at a time, so that the others always find a reader. Each person and each credential is a requester of its own,
    /// and people and programs take turns, so that one who asks much delays only their own reads.
    ///
    /// # Errors
    /// If too many wait already.
    pub async fn scan_permit(&self, requester: Requester) -> Result<pool::Permit> {
        self.scans.take(requester).await.map_err(|_| Error::Busy(RETRY_S))
    }

    /// Does `work` in a transaction of its own, kept only if it returns `Ok`; waits until that is on disk.
    pub fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        assert_may_take_long();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        // The receiver waits below for as long as the writer lives.
        self.submit(Priority::Interactive, work, move |outcome| drop(sender.send(outcome)));
        receiver.recv().map_err(Error::internal)?
    }

    /// As [`Db::write`], without waiting: `answer` is called, on the writer's thread, once the outcome is on disk.
    pub fn submit<T, E, F>(
        &self,
        priority: Priority,
        work: F,
        answer: impl FnOnce(Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: Undoes,
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.submit(priority, work, answer),
            None => answer(Err(Error::unavailable(Outage::ReadOnly, "it was opened to be read only").into())),
        }
    }

    /// The program ends: what waits and was not begun is refused, and machines that come now are.
    pub fn end(&self) {
        if let Some(writer) = &self.writer {
            writer.end();
        }
    }

    /// Whether somebody waits for their write: what is long makes room then.
    #[must_use]
    pub fn somebody_waits(&self) -> bool {
        self.writer.as_ref().is_some_and(writer::Writer::somebody_waits)
    }
}

/// Does `work` in a transaction within the one that is open, if one is, kept only if it returns `Ok`. Its error arrives as
/// what it is: Diesel's own `transaction` asks that its errors become the caller's, while here it is [`Error`] that knows
/// what a failure of the database means.
pub fn in_transaction<T, E: From<Error>>(
    conn: &mut Conn,
    work: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |cause: diesel::result::Error| E::from(Error::from(cause));
    Transactions::begin_transaction(conn).map_err(failed)?;
    let outcome = work(conn);
    if outcome.is_ok() {
        // Diesel rolls back by itself what cannot be committed.
        Transactions::commit_transaction(conn).map_err(failed)?;
    } else if let Err(cause) = Transactions::rollback_transaction(conn) {
        // The engine has undone all of it before: why, is what `work` answered.
        tracing::debug!(%cause, "there was nothing left to roll back");
    }
    outcome
}

diesel::define_sql_function! {
    /// The text in lower case, in every script. What the engine has of its own knows ASCII only.
    fn lower_case(text: Nullable<Text>) -> Nullable<Text>;
}

diesel::define_sql_function! {
    /// What a folded user name looks like, where that is not the name itself: see `characters::look_apart`.
    fn look_apart(text: Nullable<Text>) -> Nullable<Text>;
}

diesel::define_sql_function! {
    /// What a user name looks like as it is written: see `characters::look_as_written`.
    fn look_as_written(name: Nullable<Text>, folded: Nullable<Text>) -> Nullable<Text>;
}

diesel::define_sql_function! {
    /// The text by which somebody is searched, of all that they are found by: for an older migration.
    fn search_text(text: Text) -> Text;
}

diesel::define_sql_function! {
    /// The text by which somebody is searched: see `search_text::of`.
    fn search_text_of(names: Text, numbers: Text, addresses: Text) -> Text;
}

fn connect(url: &str) -> Result<Conn, String> {
    let mut conn = Conn::establish(url).map_err(|cause| cause.to_string())?;
    prepare(&mut conn).map_err(|cause| cause.to_string())?;
    Ok(conn)
}

fn become_writer(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute(WITH_LOG)?;
    conn.batch_execute(WRITER_CACHE)?;
    if has_temporary_folder() {
        conn.batch_execute(WRITER_JOURNAL)?;
    }
    conn.batch_execute(WRITER_PATIENCE)
}

/// Whether temporary files can be made. Where none can, as in a container that is read only, memory serves.
fn has_temporary_folder() -> bool {
    let named = ["SQLITE_TMPDIR", "TMPDIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let mut folders = named.chain(TEMPORARY_FOLDERS.map(PathBuf::from));
    folders.any(|folder| {
        let file = folder.join(format!("rollcall-{}", uuid::Uuid::now_v7()));
        std::fs::File::create_new(&file).is_ok() && std::fs::remove_file(&file).is_ok()
    })
}

fn prepare(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute(SETTINGS)?;
    look_apart_utils::register_impl(conn, |text: Option<String>| {
        text.and_then(|text| crate::characters::look_apart(&text))
    })?;
    look_as_written_utils::register_impl(conn, |name: Option<String>, folded: Option<String>| {
        crate::characters::look_as_written(&name?, &folded?)
    })?;
    search_text_utils::register_impl(conn, |text: String| crate::search_text::of(&text, "", ""))?;
    search_text_of_utils::register_impl(conn, |names: String, numbers: String, addresses: String| {
        crate::search_text::of(&names, &numbers, &addresses)
    })?;
    lower_case_utils::register_impl(conn, |text: Option<String>| text.map(|text| text.to_lowercase()))
}

/// How the database would answer a query: a line for each step.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) fn explained(
    conn: &mut Conn,
    query: &impl diesel::query_builder::QueryFragment<Backend>,
) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let text = diesel::debug_query::<Backend, _>(query).to_string();
    let sql = text.split(" -- binds").next().unwrap();
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
    steps.into_iter().map(|step| step.detail).collect()
}

/// The columns of a table that some index holds.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) fn indexed_columns(conn: &mut Conn, table: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let columns =
        "SELECT DISTINCT info.name FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info
                   WHERE info.name IS NOT NULL";
    let columns: Vec<Column> = diesel::sql_query(columns).bind::<Text, _>(table).load(conn).unwrap();
    columns.into_iter().map(|column| column.name).collect()
}

/// A new database in a folder of its own.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) fn empty() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("rollcall.db")).unwrap();
    (folder, db)
}

/// Readers are opened all the time, and all of them read what the first one read.
#[derive(Debug)]
struct ReadOnly(Opened);

impl CustomizeConnection<Conn, PoolError> for ReadOnly {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), PoolError> {
        if self.0.is_replaced() {
            return Err(PoolError::ConnectionError(ConnectionError::BadConnection(
                faults::REPLACED.to_owned(),
            )));
        }
        prepare(conn).and_then(|()| conn.batch_execute(READ_ONLY)).map_err(PoolError::QueryError)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod migration_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use diesel::sql_query;
    use diesel_migrations::MigrationHarness;
    use schema::settings;

    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Integer)]
        notnull: i32,
    }

    use super::empty as open;

    fn put(db: &Db, name: &'static str) -> Result<()> {
        db.write(move |conn| {
            let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
            let row = (settings::name.eq(name), settings::value.eq("x"), settings::updated_at.eq(now));
            diesel::insert_into(settings::table).values(row).execute(conn)?;
            if name == "refused" { Err(Error::Conflict("no".into())) } else { Ok(()) }
        })
    }

    fn names(db: &Db) -> Vec<String> {
        db.read(|conn| Ok(settings::table.order(settings::name).select(settings::name).load(conn)?)).unwrap()
    }

    #[test]
    fn the_schema_in_rust_is_the_schema_that_the_migrations_make() {
        let (_folder, db) = open();
        let source = include_str!("schema.rs");
        let tables = source.split("diesel::table!").skip(1);
        for table in tables {
            let body = table.split("}\n}").next().unwrap();
            let name = body.split('(').next().unwrap().trim_start_matches([' ', '{', '\n']);
            let declared: Vec<(String, bool)> = body
                .lines()
                .filter_map(|line| line.trim().trim_end_matches(',').split_once(" -> "))
                .map(|(column, kind)| (column.to_owned(), !kind.starts_with("Nullable")))
                .collect();
            let made: Vec<(String, bool)> = db
                .read(|conn| {
                    let rows: Vec<Column> = sql_query(format!("PRAGMA table_info({name})")).load(conn)?;
                    Ok(rows.into_iter().map(|column| (column.name, column.notnull == 1)).collect())
                })
                .unwrap();
            assert_eq!(declared, made, "table {name}");
        }
    }

    #[derive(QueryableByName)]
    struct Mode {
        #[diesel(sql_type = Integer)]
        auto_vacuum: i32,
    }

    #[test]
    fn a_new_database_can_give_room_back_and_an_older_one_stays_as_it_was_made() {
        let mode = |db: &Db| {
            let mode = db.read_one(|conn| Ok(sql_query("PRAGMA auto_vacuum").get_result::<Mode>(conn)?));
            mode.unwrap().auto_vacuum
        };
        let (folder, db) = open();
        assert_eq!(mode(&db), 2, "incremental");
        let older = folder.path().join("older.db");
        let mut conn = Conn::establish(older.to_str().unwrap()).unwrap();
        conn.batch_execute("CREATE TABLE x (y)").unwrap();
        assert_eq!(mode(&Db::open(&older).unwrap()), 0, "none");
        std::fs::write(folder.path().join("empty.db"), "").unwrap();
        assert_eq!(mode(&Db::open(&folder.path().join("empty.db")).unwrap()), 2);
    }

    #[test]
    fn every_migration_can_be_undone() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = connect(folder.path().join("x.db").to_str().unwrap()).unwrap();
        conn.run_pending_migrations(MIGRATIONS).unwrap();
        conn.revert_all_migrations(MIGRATIONS).unwrap();
        conn.run_pending_migrations(MIGRATIONS).unwrap();
    }

    #[test]
    fn a_refused_write_leaves_nothing_while_its_neighbours_stay() {
        let (_folder, db) = open();
        std::thread::scope(|scope| {
            let waiting: Vec<_> =
                ["a", "refused", "b", "c"].map(|name| scope.spawn(|| put(&db, name).is_ok())).into();
            let outcomes: Vec<bool> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(outcomes, [true, false, true, true]);
        });
        assert_eq!(names(&db), ["a", "b", "c"]);
    }

    #[test]
    fn a_write_that_panics_is_undone_and_the_writer_lives_on() {
        let (_folder, db) = open();
        let outcome = db.write(|conn| -> Result<()> {
            diesel::delete(settings::table).execute(conn)?;
            panic!("a fault in a rule");
        });
        assert!(outcome.is_err());
        put(&db, "after").unwrap();
        assert_eq!(names(&db), ["after"]);
    }

    #[test]
    fn a_slice_knows_that_somebody_waits_and_the_next_one_lets_them_go_first() {
        let (_folder, db) = open();
        let (order, done) = std::sync::mpsc::channel();
        let (said, in_slice) = (order.clone(), db.clone());
        let slice = move |_: &mut Conn| {
            assert!(!in_slice.somebody_waits());
            for (priority, name) in
                [(Priority::Slice, "slice"), (Priority::Interactive, "first"), (Priority::Machine, "in line")]
            {
                let said = said.clone();
                in_slice.submit(priority, move |_| Ok::<_, Error>(()), move |_| said.send(name).unwrap());
            }
            assert!(in_slice.somebody_waits());
            Ok::<_, Error>(())
        };
        db.submit(Priority::Slice, slice, move |outcome| {
            outcome.unwrap();
            order.send("this").unwrap();
        });
        let order: Vec<&str> = done.iter().take(4).collect();
        assert_eq!(order, ["this", "first", "in line", "slice"]);
        assert!(!db.somebody_waits());
    }

    #[derive(QueryableByName)]
    struct Durability {
        #[diesel(sql_type = Integer)]
        synchronous: i32,
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let (_folder, db) = open();
        let asked = |conn: &mut Conn| Ok(sql_query("PRAGMA synchronous").get_result::<Durability>(conn)?);
        assert_eq!(db.write(asked).unwrap().synchronous, 2, "full");
        assert_eq!(db.read(asked).unwrap().synchronous, 2, "full");
    }

    #[test]
    fn a_reader_cannot_write() {
        let (_folder, db) = open();
        put(&db, "kept").unwrap();
        let outcome = db.read(|conn| Ok(diesel::delete(settings::table).execute(conn)?));
        assert!(outcome.is_err());
        assert_eq!(names(&db), ["kept"]);
    }

    #[test]
    fn a_second_process_writes_beside_the_first() {
        let (folder, db) = open();
        let other = Db::open(&folder.path().join("rollcall.db")).unwrap();
        put(&db, "one").unwrap();
        put(&other, "two").unwrap();
        assert_eq!(names(&db), ["one", "two"]);
    }
}
