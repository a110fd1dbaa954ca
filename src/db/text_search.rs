//! Finding users by what stands in their search text, by an index of trigrams.
//!
//! In this engine the index is a table of its own, kept by triggers of its migration and joined by a number. Another
//! engine has it on the column: then only this file differs.

use super::schema::users;
use super::{Backend, Conn};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// Characters in each entry of the index.
const TRIGRAM: usize = 3;
/// So many of a run are asked of the index: more leave no others out.
const MOST_TRIGRAMS: usize = 32;

/// All entries go, those too that no user has; then those come that the users have, merged once.
const BUILD_ANEW: &str = "INSERT INTO user_search (user_search) VALUES ('delete-all');
    INSERT INTO user_search (rowid, text) SELECT search_no, search_text FROM users ORDER BY search_no;
    INSERT INTO user_search (user_search) VALUES ('optimize');";

mod index {
    #![allow(missing_docs, reason = "the macro makes them")]
    diesel::table! {
        /// The index: a number for each text, and what is asked of it.
        user_search (rowid) {
            rowid -> BigInt,
            #[sql_name = "user_search"]
            index -> Text,
        }
    }
}
use index::user_search;
diesel::allow_tables_to_appear_in_same_query!(user_search, users);

diesel::infix_operator!(Matches, " MATCH ", Bool, backend: diesel::sqlite::Sqlite);

/// A condition over users.
type OfUsers = Box<dyn BoxableExpression<users::table, Backend, SqlType = Bool>>;

/// Those whose text holds all of these runs of three characters or more, found by the index; where a run is longer, also
/// others.
#[must_use]
pub fn may_hold(runs: &[String]) -> OfUsers {
    let found = user_search::table.filter(matches(runs)).select(user_search::rowid);
    Box::new(users::search_no.is_not_null().and(users::search_no.assume_not_null().eq_any(found)))
}

/// How many those are, counted up to `most`.
pub fn count(conn: &mut Conn, runs: &[String], most: i64) -> QueryResult<i64> {
    let found: Vec<i64> =
        user_search::table.filter(matches(runs)).select(user_search::rowid).limit(most).load(conn)?;
    Ok(i64::try_from(found.len()).unwrap_or(most))
}

type Bound = diesel::dsl::AsExprOf<String, Text>;

/// Builds the index anew, of the texts that the users have.
pub fn build_anew(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute(BUILD_ANEW)
}

fn matches(runs: &[String]) -> Matches<user_search::index, Bound> {
    use diesel::expression::AsExpression;
    let trigrams: Vec<String> = runs.iter().flat_map(|run| trigrams(run)).collect();
    Matches::new(user_search::index, AsExpression::<Text>::as_expression(trigrams.join(" AND ")))
}

/// The trigrams of a run, each in quotation marks, within which nothing means anything to the index.
fn trigrams(run: &str) -> Vec<String> {
    let chars: Vec<char> = run.chars().collect();
    let each = chars.windows(TRIGRAM).take(MOST_TRIGRAMS).map(|some| {
        let text: String = some.iter().collect();
        format!("\"{}\"", text.replace('"', "\"\""))
    });
    each.collect()
}
