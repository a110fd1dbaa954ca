//! Copies of the whole database: made while it is in use, and checked.

use super::schema::settings;
use super::{Conn, file, migrate};
use crate::error::Result;
use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Reads from the file, so that whatever keeps it from being read is met at once.
const READ: &str = "SELECT count(*) FROM sqlite_schema;";
/// Waits for others that have the database for a moment only.
const PATIENT: &str = "PRAGMA busy_timeout = 10000;";
/// With the first access nobody else may have the file open, nor open it.
const ALONE: &str = "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT;";
/// What each database begins with (<https://www.sqlite.org/fileformat2.html>).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// More faults than this are not told.
const MOST_FAULTS: usize = 3;

/// What is wrong with a database file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    fn of(cause: impl Display) -> Self {
        Self(cause.to_string())
    }

    /// Whether it is no more than that another process has the database open.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.0.contains("locked")
    }
}

/// A database file by itself, as it is: it is not made where it is not there, and its tables are not brought up to date.
pub struct Single(Conn);

#[derive(QueryableByName)]
struct ReportLine {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Single {
    /// Opens a database that others may have open, too.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        migrate::wait_for_others(path);
        let mut conn = Conn::establish(&address_of(path, "mode=rw")?).map_err(Fault::of)?;
        conn.batch_execute(PATIENT).map_err(Fault::of)?;
        Ok(Self(conn))
    }

    /// Opens a database that others may have open, to be read, also where nothing can be written: nothing is changed in it
    /// or beside it.
    pub fn open_to_read(path: &Path) -> Result<Self, Fault> {
        let mut refusal = None;
        for how in file::ways_to_read(path) {
            let opened = Conn::establish(&address_of(path, how)?).map_err(Fault::of);
            let read = opened.and_then(|mut conn| {
                conn.batch_execute(&[PATIENT, READ].concat()).map_err(Fault::of)?;
                Ok(Self(conn))
            });
            match read {
                Ok(single) => return Ok(single),
                Err(fault) if fault.is_in_use() => return Err(fault),
                Err(fault) => refusal = refusal.or(Some(fault)),
            }
        }
        Err(refusal.unwrap_or_else(|| Fault::of("there is no way to open it")))
    }

    /// Opens a copy that nobody writes to, by itself: what may be in a log beside it is left out.
    pub fn open_copy(path: &Path) -> Result<Self, Fault> {
        let how = "mode=ro&immutable=1";
        Ok(Self(Conn::establish(&address_of(path, how)?).map_err(Fault::of)?))
    }

    /// Writes all of it, as it is at one moment, into a file that is empty or not there; others go on meanwhile.
    pub fn copy_to(&mut self, target: &Path) -> Result<(), Fault> {
        // As an address, which has a form for each name that a file can have.
        let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(address_of(target, "mode=rwc")?);
        copied.execute(&mut self.0).map_err(Fault::of)?;
        File::open(target).and_then(|file| file.sync_all()).map_err(Fault::of)
    }

    /// Looks at every page, every index and every reference.
    pub fn check(&mut self) -> Result<(), Fault> {
        let told = "SELECT integrity_check AS line FROM pragma_integrity_check";
        let mut faults: Vec<ReportLine> = diesel::sql_query(told).load(&mut self.0).map_err(Fault::of)?;
        faults.retain(|fault| fault.line != "ok");
        let told = "SELECT DISTINCT 'rows of ' || \"table\" || ' refer to none of ' || parent AS line \
                    FROM pragma_foreign_key_check";
        faults.extend(diesel::sql_query(told).load::<ReportLine>(&mut self.0).map_err(Fault::of)?);
        if faults.is_empty() {
            return Ok(());
        }
        let told = faults.iter().take(MOST_FAULTS).map(|fault| fault.line.replace('\n', " "));
        Err(Fault(told.collect::<Vec<_>>().join("; ")))
    }

    /// Reads in it.
    pub fn read<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        work(&mut self.0)
    }

    /// Keeps a setting in it, in the form in which the organisation's settings are stored.
    pub fn set(&mut self, name: &str, value: &str, now: chrono::NaiveDateTime) -> Result<()> {
        let row = (settings::name.eq(name), settings::value.eq(value), settings::updated_at.eq(now));
        diesel::replace_into(settings::table).values(row).execute(&mut self.0)?;
        Ok(())
    }
}

/// Brings all that was written into the one file, where nobody else has it open, or will within this time; refuses
/// otherwise.
pub fn checkpoint(path: &Path, patience: Duration) -> Result<(), Fault> {
    let mut conn = Conn::establish(&address_of(path, "mode=rw")?).map_err(Fault::of)?;
    let patience = format!("PRAGMA busy_timeout = {};", patience.as_millis());
    // Closed by whoever was alone, it leaves no log beside it.
    conn.batch_execute(&patience).and_then(|()| conn.batch_execute(ALONE)).map_err(Fault::of)
}

/// Whether a file is a database at all.
pub fn is_database(path: &Path) -> io::Result<bool> {
    let mut begins = Vec::new();
    // Of a pipe or a device nothing is awaited.
    if !fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut begins)?;
    Ok(begins == *MAGIC)
}

fn address_of(path: &Path, how: &str) -> Result<String, Fault> {
    file::address(path, how).map_err(Fault::of)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::db::Db;
    use diesel::sql_types::BigInt;
    use std::collections::BTreeMap;
    use std::os::unix::ffi::OsStrExt;

    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }

    /// The numbers of all rows of all tables.
    fn rows(path: &Path) -> BTreeMap<String, Vec<i64>> {
        let mut single = Single::open(path).unwrap();
        let names = "SELECT name AS line FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr \
                     AND name NOT LIKE 'sqlite_%'";
        let names: Vec<ReportLine> = diesel::sql_query(names).load(&mut single.0).unwrap();
        let mut numbers = |name: &str| {
            let rows = format!("SELECT rowid AS number FROM \"{name}\" ORDER BY rowid");
            let rows: Vec<Row> = diesel::sql_query(rows).load(&mut single.0).unwrap();
            rows.into_iter().map(|row| row.number).collect()
        };
        names.into_iter().map(|name| (name.line.clone(), numbers(&name.line))).collect()
    }

    #[test]
    fn a_copy_has_the_same_rows_under_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a b%?#.db"), folder.path().join("copy.db"));
        drop(Db::open(&path).unwrap());
        let mut conn = Single::open(&path).unwrap().0;
        let gaps = "INSERT INTO settings (name, value, updated_at) VALUES ('a', '', ''), ('b', '', ''), ('c', '', ''); \
                    DELETE FROM settings WHERE name = 'a'; CREATE TABLE loose (x TEXT); \
                    INSERT INTO loose VALUES ('a'), ('b'), ('c'); DELETE FROM loose WHERE x = 'b';";
        conn.batch_execute(gaps).unwrap();
        let mut all = Single::open(&path).unwrap();
        all.copy_to(&copy).unwrap();
        let before = rows(&path);
        assert_eq!((&before["settings"], &before["loose"]), (&vec![2, 3], &vec![1, 3]));
        assert_eq!(rows(&copy), before, "an index of a text is by these numbers");
        assert!(all.copy_to(&copy).is_err(), "a file that is there is not overwritten");
        let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"odd \xFC%41?.db"));
        all.copy_to(&odd).unwrap();
        assert!(odd.exists());
    }

    #[test]
    fn a_database_is_settled_by_whoever_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let db = Db::open(&path).unwrap();
        assert!(checkpoint(&path, Duration::ZERO).unwrap_err().is_in_use());
        drop(db);
        // The writer's thread ends after its last handle.
        checkpoint(&path, Duration::from_secs(10)).unwrap();
        assert!(!file::log(&path).exists());
        assert!(is_database(&path).unwrap() && !is_database(folder.path()).unwrap());
    }
}
