//! Whether the tables are those that this program knows: it may be newer than the database, or older.

use super::schema::{oldest_programs, settings};
use super::{Backend, Conn, MIGRATIONS};
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::result::Error as Fault;
use std::fmt;

/// The version of this program.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// The setting that names the version of the program which used the database last.
pub const USED_BY: &str = "used_by";

diesel::table! {
    /// Where Diesel notes which migrations have run.
    __diesel_schema_migrations (version) {
        /// When and what, as in the name of its folder.
        version -> Text,
    }
}

/// How the tables stand to this program.
#[derive(Debug)]
pub(super) enum SchemaState {
    /// They are those that it knows, or it can live with them.
    Current,
    /// Migrations are still to run.
    Behind,
    /// A newer program has changed them.
    Ahead(Newer),
}

/// A change by a newer program, which this one may not pass over.
#[derive(Debug)]
pub struct Newer {
    migration: String,
    /// The oldest program that may use the database since.
    needs: Option<String>,
    used_by: Option<String>,
}

impl fmt::Display for Newer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has had the migration {}", self.migration)?;
        match (&self.needs, self.used_by.as_deref().filter(|version| *version != PROGRAM)) {
            (Some(needs), _) => write!(f, ", which needs Rollcall {needs} or later")?,
            (None, Some(used_by)) => write!(f, " of Rollcall {used_by}")?,
            (None, None) => write!(f, " of a newer Rollcall")?,
        }
        write!(f, ", and this is Rollcall {PROGRAM}")?;
        match known().ok().and_then(|known| known.into_iter().max()) {
            Some(last) => write!(f, ", which knows those up to {last}"),
            None => Ok(()),
        }
    }
}

pub(super) fn standing(conn: &mut Conn) -> QueryResult<SchemaState> {
    let known = known()?;
    let applied: Vec<String> = none_without_table(
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(conn),
    )?;
    let unknown = applied.iter().filter(|migration| !known.contains(migration));
    for migration in unknown {
        let needs = none_without_table(
            oldest_programs::table
                .find(migration)
                .select(oldest_programs::program)
                .first::<String>(conn)
                .optional(),
        )?;
        if !needs.as_deref().is_some_and(|oldest| is_at_least(PROGRAM, oldest)) {
            let used_by: Option<String> = none_without_table(
                settings::table.find(USED_BY).select(settings::value).first(conn).optional(),
            )?;
            let used_by = used_by.map(|version| version.trim_matches('"').to_owned());
            return Ok(SchemaState::Ahead(Newer { migration: migration.clone(), needs, used_by }));
        }
    }
    let is_behind = known.iter().any(|migration| !applied.contains(migration));
    Ok(if is_behind { SchemaState::Behind } else { SchemaState::Current })
}

/// Whether nobody has ever used the database: a first start was interrupted before it came to anything.
pub(super) fn is_unused(conn: &mut Conn) -> QueryResult<bool> {
    let set: i64 = none_without_table(settings::table.count().get_result(conn))?;
    Ok(set == 0)
}

fn known() -> QueryResult<Vec<String>> {
    let migrations = MigrationSource::<Backend>::migrations(&MIGRATIONS).map_err(Fault::QueryBuilderError)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// What was found; nothing where the table was not made yet.
fn none_without_table<T: Default>(found: QueryResult<T>) -> QueryResult<T> {
    match found {
        Err(Fault::DatabaseError(_, told)) if told.message().starts_with("no such table") => Ok(T::default()),
        other => other,
    }
}

/// Compares versions by their numbers.
fn is_at_least(version: &str, other: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        core.split('.').map(|number| number.parse().unwrap_or_default()).collect()
    };
    numbers(version) >= numbers(other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::db::{Db, OpenError};
    use crate::error::Error;
    use diesel::connection::SimpleConnection;
    use std::path::Path;

    fn changed(path: &Path, sql: &str) {
        // Whoever had it open may still be closing it.
        let mut conn = super::super::connect(path.to_str().unwrap()).unwrap();
        conn.batch_execute(sql).unwrap();
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(
            is_at_least("0.10.0", "0.9.9")
                && is_at_least("1.0.0", "1.0.0")
                && is_at_least("1.0.1-rc.1", "1.0")
        );
        assert!(!is_at_least("0.9.9", "0.10.0") && !is_at_least("0.1.0", "99.0.0"));
    }

    #[test]
    fn a_database_is_refused_that_a_newer_program_has_changed_unless_it_says_that_this_one_may_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        drop(Db::open(&path).unwrap());
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('209901010001');";
        changed(&path, newer);
        let refused = || match (Db::open(&path).err().unwrap(), Db::open_to_read(&path).err().unwrap()) {
            (OpenError::Ahead { newer, .. }, OpenError::Ahead { .. }) => newer.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(refused().contains("209901010001") && refused().contains(PROGRAM), "{}", refused());
        changed(&path, "INSERT INTO oldest_programs VALUES ('209901010001', '99.1.0');");
        assert!(refused().contains("99.1.0 or later"), "{}", refused());
        changed(&path, "UPDATE oldest_programs SET program = '0.0.9' WHERE migration = '209901010001';");
        drop(Db::open(&path).unwrap());
        drop(Db::open_to_read(&path).unwrap());
        changed(&path, "INSERT INTO __diesel_schema_migrations (version) VALUES ('209901010002');");
        assert!(refused().contains("209901010002"), "each needs a row of its own: {}", refused());
    }

    #[test]
    fn what_only_reads_changes_nothing_not_even_to_bring_the_tables_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let db = Db::open(&path).unwrap();
        let reader = Db::open_to_read(&path).unwrap();
        assert!(reader.write(|_| Ok(())).is_err_and(|cause: Error| cause.outage().is_some()));
        assert!(reader.read(|conn| Ok(is_unused(conn)?)).unwrap());
        assert!(db.checkpoint());
        drop((db, reader));
        changed(&path, "DELETE FROM __diesel_schema_migrations WHERE version = '202611260068';");
        assert!(matches!(Db::open_to_read(&path), Err(OpenError::Behind { .. })));
    }
}
