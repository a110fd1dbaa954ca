//! How much room the database takes on the disk, and how what became free of it is given back.

use super::Conn;
use crate::error::Result;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

/// As the engine says it of a database whose pages can be given back a few at a time.
const INCREMENTAL: i64 = 2;

/// The pages of the database, in one question.
const PAGES: &str = "SELECT (SELECT page_count FROM pragma_page_count) AS pages, \
                     (SELECT freelist_count FROM pragma_freelist_count) AS free, \
                     (SELECT page_size FROM pragma_page_size) AS size, \
                     (SELECT auto_vacuum FROM pragma_auto_vacuum) AS mode";

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = BigInt)]
    pages: i64,
    #[diesel(sql_type = BigInt)]
    free: i64,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = BigInt)]
    mode: i64,
}

/// How much room the database takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it, in bytes.
    pub bytes: i64,
    /// What is used for nothing just now, in pages.
    pub free_pages: i64,
    /// The same in bytes.
    pub free_bytes: i64,
    /// Whether it can be given back. A database that an earlier version made keeps it and uses it again.
    pub can_shrink: bool,
}

/// How much room the database takes.
pub fn space(conn: &mut Conn) -> Result<Space> {
    let Pages { pages, free, size, mode } = sql_query(PAGES).get_result(conn)?;
    Ok(Space {
        bytes: pages * size,
        free_pages: free,
        free_bytes: free * size,
        can_shrink: mode == INCREMENTAL,
    })
}

/// Gives up to so many free pages back to the disk; nothing where the database cannot shrink.
pub fn give_back(conn: &mut Conn, most_pages: u32) -> Result<()> {
    // A batch, for the engine gives a page back at each step of the statement.
    Ok(conn.batch_execute(&format!("PRAGMA incremental_vacuum({most_pages})"))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A database of this kind with a thousand pages that became free.
    fn emptied(kind: &str) -> (tempfile::TempDir, Conn) {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = Conn::establish(folder.path().join("x.db").to_str().unwrap()).unwrap();
        conn.batch_execute(&format!(
            "PRAGMA auto_vacuum = {kind}; PRAGMA journal_mode = WAL; CREATE TABLE x (y)"
        ))
        .unwrap();
        let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                    INSERT INTO x SELECT randomblob(4000) FROM n; DELETE FROM x";
        conn.batch_execute(many).unwrap();
        (folder, conn)
    }

    #[test]
    fn free_pages_are_given_back_some_at_a_time_within_a_transaction() {
        let (_folder, mut conn) = emptied("INCREMENTAL");
        let full = space(&mut conn).unwrap();
        assert!(full.can_shrink && full.free_pages > 900, "{full:?}");
        conn.transaction(|conn| give_back(conn, 100)).unwrap();
        let less = space(&mut conn).unwrap();
        assert_eq!(full.free_pages - less.free_pages, 100);
        assert_eq!(full.bytes - less.bytes, 100 * (full.free_bytes / full.free_pages));
        give_back(&mut conn, 10_000).unwrap();
        assert_eq!(space(&mut conn).unwrap().free_pages, 0);
    }

    #[test]
    fn a_database_that_cannot_shrink_says_so_and_stays_as_it_is() {
        let (_folder, mut conn) = emptied("NONE");
        let full = space(&mut conn).unwrap();
        assert!(!full.can_shrink && full.free_pages > 900, "{full:?}");
        give_back(&mut conn, 100).unwrap();
        assert_eq!(space(&mut conn).unwrap(), full);
    }
}
