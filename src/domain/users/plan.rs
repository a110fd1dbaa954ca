//! How the users of a SCIM search are found.
//!
//! A condition that an index answers leaves the rest to the database. Where an index leaves few, they are looked at one
//! by one, whatever else is asked of them. What is left has to look at all users: such reads take turns.

use super::by_entra::Scope;
use super::census;
use super::query::{Field, Leaf, UserCondition, to_sql};
use super::search::{Order, Search, least};
use crate::db::schema::users;
use crate::db::{Conn, text_search};
use crate::domain::condition::{Condition, Sql, Test, always};
use crate::error::{Error, Result};
use crate::search_text;
use diesel::prelude::*;
use diesel::sql_types::Integer;

/// So few are looked at one by one.
const FEW: i64 = 5_000;
/// So many entries of an index are soon stepped over.
const NEAR: i64 = 20_000;

/// How the users of a search are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The database finds them by an index, or all are meant.
    ByIndex,
    /// They are among these, by key, and all of these meet the condition.
    Among(Vec<String>),
    /// All users have to be looked at.
    AllRows,
}

/// How the users of this search are best found.
pub fn plan(conn: &mut Conn, search: &Search) -> Result<Plan> {
    if search.condition == Condition::All {
        return Ok(Plan::ByIndex);
    }
    if is_look_up(&search.condition) {
        return Ok(Plan::ByIndex);
    }
    let leaves = all_of(&search.condition);
    let mut best: Option<(i64, &Leaf)> = None;
    for leaf in leaves {
        let most = best.map_or(FEW + 1, |(count, _)| count);
        if let Some(count) = counted(conn, leaf, most)?
            && count < most
        {
            best = Some((count, leaf));
        }
    }
    let Some(by) = best.and_then(|(_, leaf)| by_index(leaf)) else { return Ok(Plan::AllRows) };
    // An alternative that never holds keeps the database from any other index.
    let met: Sql<users::table> = Box::new(search.condition.to_sql(&to_sql).or(always(false)));
    let among = users::table.filter(by).filter(met).filter(users::seen.ge(least(search.scope)));
    Ok(Plan::Among(among.select(users::id).load(conn)?))
}

/// Whether a page of this search that begins at a position has to look at all users.
pub fn looks_at_all(conn: &mut Conn, search: &Search, position: i64) -> Result<bool> {
    let sorts = match search.order {
        None | Some(Order::Time(_) | Order::Text(Field::UserName)) => false,
        Some(Order::Text(_)) => true,
    };
    Ok(match &search.plan {
        Plan::AllRows => !(is_by_activity(search) && position <= FEW),
        Plan::ByIndex if search.condition == Condition::All => {
            sorts && census(conn)?.everyone > FEW || search.order.is_some() && position > NEAR
        }
        Plan::ByIndex | Plan::Among(_) => false,
    })
}

/// Whether nothing but activity is asked, in the order in which users were made. Where an index would leave many, a page of
/// them is full before many others were looked at; their number is known.
pub(super) fn is_by_activity(search: &Search) -> bool {
    search.order.is_none()
        && search.scope == Scope::AllUsers
        && matches!(search.condition, Condition::Is(Leaf::Active(_)))
}

/// Whether many would have to be looked at one by one.
pub fn has_many(conn: &mut Conn, search: &Search) -> Result<bool> {
    Ok(match &search.plan {
        Plan::Among(_) => false,
        Plan::AllRows => true,
        Plan::ByIndex => search.condition == Condition::All && census(conn)?.everyone > FEW,
    })
}

/// The leaves of which all must hold.
fn all_of(condition: &UserCondition) -> Vec<&Leaf> {
    match condition {
        Condition::Is(leaf) => vec![leaf],
        Condition::And(parts) => parts.iter().flat_map(all_of).collect(),
        _ => Vec::new(),
    }
}

/// Whether indexes answer with a few users.
fn is_look_up(condition: &UserCondition) -> bool {
    match condition {
        Condition::Is(leaf) => finds_few(leaf),
        Condition::And(parts) => parts.iter().any(is_look_up),
        Condition::Or(parts) => !parts.is_empty() && parts.iter().all(is_look_up),
        _ => false,
    }
}

/// Whether an index answers with a user or a few.
fn finds_few(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Text(field, Test::Eq, _) => {
            matches!(field, Field::ScimId | Field::UserName | Field::ExternalId)
        }
        Leaf::Email(_, comparison) => matches!(comparison, Some((Test::Eq, _))),
        _ => false,
    }
}

/// How many meet the leaf, or may, counted up to `most`; nothing where no index knows.
fn counted(conn: &mut Conn, leaf: &Leaf, most: i64) -> Result<Option<i64>> {
    if let Some(runs) = runs(leaf) {
        return Ok(Some(text_search::count(conn, &runs, most)?));
    }
    let Some(by) = by_index(leaf) else { return Ok(None) };
    let found: Vec<i32> = users::table.filter(by).select(1.into_sql::<Integer>()).limit(most).load(conn)?;
    Ok(Some(i64::try_from(found.len()).map_err(Error::internal)?))
}

/// The leaf, or more than it, in a form for which the database takes an index.
fn by_index(leaf: &Leaf) -> Option<Sql<users::table>> {
    if let Some(runs) = runs(leaf) {
        return Some(text_search::may_hold(&runs));
    }
    match leaf {
        Leaf::Text(Field::UserName | Field::DisplayName | Field::ExternalId, Test::Sw | Test::Eq, _)
        | Leaf::Active(false)
        | Leaf::InGroup(_) => Some(to_sql(leaf)),
        Leaf::Time(_, test, _) if *test != Test::Ne => Some(to_sql(leaf)),
        _ => None,
    }
}

/// What must stand in the search text of whoever meets the leaf, if that says anything.
fn runs(leaf: &Leaf) -> Option<Vec<String>> {
    let Leaf::Text(field, test, text) = leaf else { return None };
    let is_in_text = match field {
        Field::UserName | Field::DisplayName => matches!(test, Test::Co | Test::Ew),
        Field::GivenName
        | Field::FamilyName
        | Field::Title
        | Field::Department
        | Field::WorkPhone
        | Field::MobilePhone => matches!(test, Test::Eq | Test::Co | Test::Sw | Test::Ew),
        _ => false,
    };
    if is_in_text { search_text::within(text) } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::super::query::Moment;
    use super::*;
    use crate::db::{empty, explained};
    use chrono::NaiveDateTime;

    #[test]
    fn whom_a_leaf_leaves_few_of_is_found_without_a_scan() {
        let (_folder, db) = empty();
        let text = |field, test, text: &str| Leaf::Text(field, test, text.to_owned());
        let leaves = [
            text(Field::UserName, Test::Sw, "ana"),
            text(Field::UserName, Test::Co, "lima"),
            text(Field::Title, Test::Eq, "Engineer"),
            text(Field::DisplayName, Test::Sw, "Ana"),
            Leaf::Active(false),
            Leaf::InGroup("group".to_owned()),
            Leaf::Time(Moment::Changed, Test::Gt, NaiveDateTime::MIN),
            Leaf::Time(Moment::Created, Test::Le, NaiveDateTime::MIN),
        ];
        db.read(|conn| {
            for leaf in &leaves {
                let met: Sql<users::table> =
                    Box::new(Condition::Is(leaf.clone()).to_sql(&to_sql).or(always(false)));
                let among =
                    users::table.filter(by_index(leaf).unwrap()).filter(met).filter(users::seen.ge(1));
                let steps = explained(conn, &among.select(users::id));
                assert!(!steps.iter().any(|step| step.starts_with("SCAN users")), "{leaf:?}: {steps:?}");
            }
            Ok(())
        })
        .unwrap();
    }
}
