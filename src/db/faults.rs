//! What the engine answers when it cannot do its work, as the kinds that people hear of: the one place that knows its
//! result codes.

use crate::error::{Error, Outage};
use diesel::r2d2::PoolError;
use diesel::result::{DatabaseErrorKind as Kind, Error as Fault};

/// The engine's texts for its result codes (<https://www.sqlite.org/rescode.html>): Diesel hands on the text, not the
/// code. Some begin a longer text, such as that of a damaged schema.
const TEXTS: [(&str, Outage); 10] = [
    // SQLITE_FULL, also of the folder for temporary files.
    ("database or disk is full", Outage::DiskFull),
    // SQLITE_BUSY and SQLITE_LOCKED.
    ("database is locked", Outage::Locked),
    ("database table is locked", Outage::Locked),
    // SQLITE_PROTOCOL: many processes at once open a log that has to be recovered.
    ("locking protocol", Outage::Locked),
    // SQLITE_READONLY.
    ("attempt to write a readonly database", Outage::ReadOnly),
    // SQLITE_CANTOPEN.
    ("unable to open database file", Outage::Unreachable),
    // SQLITE_IOERR.
    ("disk I/O error", Outage::DiskFailing),
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    ("database disk image is malformed", Outage::Damaged),
    ("malformed database schema", Outage::Damaged),
    ("file is not a database", Outage::Damaged),
];
/// When all readers are taken, in seconds.
const RETRY_S: u64 = 3;
/// What is said of a database file that is not the one that was opened.
pub(super) const REPLACED: &str =
    "the database file is not the one that was opened: it was moved, replaced or deleted";

/// What is said where there is such a thing already, and no rule said which.
const TAKEN: &str = "Something with the same name or value was saved already, perhaps by somebody else a moment ago. Nothing \
                     was changed: look at what is there now, then try again with another one.";

/// What helps where a value that is stored cannot be read, and no rule knows better.
const RESTORE: &str =
    "Ask whoever runs the server to look at the server’s log, and to put the last good backup in place.";

/// What keeps the database from its work, by the engine's text.
pub(super) fn outage_of_text(text: &str) -> Option<Outage> {
    TEXTS.into_iter().find(|(known, _)| text.starts_with(known)).map(|(_, outage)| outage)
}

/// What keeps the database from its work, if that is what is wrong.
pub(super) fn outage(fault: &Fault) -> Option<Outage> {
    match fault {
        Fault::DatabaseError(_, told) => outage_of_text(told.message()),
        Fault::RollbackErrorOnCommit { commit_error, .. } => outage(commit_error),
        _ => None,
    }
}

/// Why there is no reader.
pub(super) fn no_reader(cause: PoolError) -> Error {
    let told = cause.to_string();
    if told.contains(REPLACED) {
        return Error::unavailable(Outage::Unreachable, cause);
    }
    match TEXTS.into_iter().find(|(known, _)| told.contains(known)) {
        Some((_, outage)) => Error::unavailable(outage, cause),
        // All of them were in use for as long as one is waited for.
        None => {
            tracing::warn!(%cause, "no reader became free");
            Error::Busy(RETRY_S)
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match (outage(&fault), &fault) {
            (Some(outage), _) => Self::unavailable(outage, fault),
            // The rules look first, and say what is taken; this is for what they overlook and for two at the same moment.
            (None, Fault::DatabaseError(Kind::UniqueViolation, told)) => {
                tracing::warn!(cause = told.message(), "a unique index refused what no rule had refused");
                Self::taken("", TAKEN)
            }
            (None, Fault::DeserializationError(cause)) => {
                let what = format!("Something that is stored ({cause})");
                Self::damaged(&what, RESTORE, fault)
            }
            _ => Self::internal(fault),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::db::Conn;
    use diesel::connection::{Connection, SimpleConnection};
    use std::path::Path;

    fn connect(path: &Path) -> Conn {
        Conn::establish(path.to_str().unwrap()).unwrap()
    }

    fn refused(conn: &mut Conn, sql: &str) -> Option<Outage> {
        Error::from(conn.batch_execute(sql).unwrap_err()).outage()
    }

    #[test]
    fn what_the_engine_refuses_is_told_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut conn = connect(&path);
        let table = "CREATE TABLE x (y UNIQUE); INSERT INTO x VALUES (1);";
        conn.batch_execute(table).unwrap();

        conn.batch_execute("PRAGMA max_page_count = 1").unwrap();
        let large = "INSERT INTO x VALUES (randomblob(100000))";
        assert_eq!(refused(&mut conn, large), Some(Outage::DiskFull));
        conn.batch_execute("PRAGMA query_only = ON").unwrap();
        assert_eq!(refused(&mut conn, "DELETE FROM x"), Some(Outage::ReadOnly));
        conn.batch_execute("PRAGMA query_only = OFF").unwrap();

        let mut other = connect(&path);
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        assert_eq!(refused(&mut conn, "DELETE FROM x"), Some(Outage::Locked));
        other.batch_execute("ROLLBACK").unwrap();

        let twice = Error::from(conn.batch_execute("INSERT INTO x VALUES (1)").unwrap_err());
        assert!(matches!(twice, Error::Taken(_)), "what is there already is no fault of the server: {twice}");
        assert_eq!(refused(&mut conn, "INSERT INTO x (z) VALUES (1)"), None, "a fault of the program");
        assert_eq!(refused(&mut conn, "SELECT * FROM nowhere"), None, "a fault of the program");
        assert_eq!(refused(&mut conn, "ATTACH '/nowhere/at/all' AS z"), None, "its own words");

        let rubbish = folder.path().join("rubbish.db");
        std::fs::write(&rubbish, "no database at all, but a text ".repeat(100)).unwrap();
        assert_eq!(refused(&mut connect(&rubbish), "SELECT * FROM x"), Some(Outage::Damaged));
        let gone = Conn::establish("file:/nowhere/at/all?mode=rw").err().unwrap().to_string();
        assert!(TEXTS.iter().any(|(known, _)| gone.contains(known)), "{gone}");
    }
}
