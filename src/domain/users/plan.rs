//! How the users of a SCIM search are found.
//!
//! Where an index leaves few, or several indexes do one after the other, they are looked at one by one, whatever else is
//! asked of them. What is left has to look at all users: such reads take turns.

use super::by_entra::Scope;
use super::census;
use super::query::{Field, Predicate, UserCondition, display_name_has_index, to_sql};
use super::search::{Search, SortKey, least};
use crate::db::schema::users;
use crate::db::{Backend, Conn, text_search};
use crate::domain::condition::{Condition, Sql, Test, without_index};
use crate::error::{Error, Result};
use crate::search_text;
use diesel::dsl::IntoBoxed;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use std::collections::BTreeSet;

/// So few are looked at one by one.
const FEW: i64 = 5_000;
/// So many entries of an index are soon stepped over.
const NEAR: i64 = 20_000;

/// How the users of a search are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// All are meant: the database finds them by an index.
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
    let Some(few) = few(conn, &search.condition, true, FEW + 1)? else { return Ok(Plan::AllRows) };
    let mut keys = BTreeSet::new();
    // By one index after the other: of several alternatives the database may look at all users instead.
    for predicate in &few.predicates {
        let Some(among) = among(predicate, search) else { return Ok(Plan::AllRows) };
        keys.extend(among.select(users::id).limit(FEW + 1).load::<String>(conn)?);
        if i64::try_from(keys.len()).map_err(Error::internal)? > FEW {
            return Ok(Plan::AllRows);
        }
    }
    Ok(Plan::Among(keys.into_iter().collect()))
}

/// Who is sought of those whom the index of this predicate finds.
fn among(predicate: &Predicate, search: &Search) -> Option<IntoBoxed<'static, users::table, Backend>> {
    let met = without_index(search.condition.to_sql(&to_sql));
    let found = users::table.filter(by_index(predicate)?).filter(met);
    Some(found.filter(users::seen.ge(least(search.scope))).into_boxed())
}

/// Whether a page of this search that begins at a position has to look at all users.
pub fn looks_at_all(conn: &mut Conn, search: &Search, position: i64) -> Result<bool> {
    let sorts = match search.order {
        None | Some(SortKey::Time(_) | SortKey::Text(Field::UserName)) => false,
        Some(SortKey::Text(_)) => true,
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
        && matches!(search.condition, Condition::Is(Predicate::Active(_)))
}

/// Whether many would have to be looked at one by one.
pub fn has_many(conn: &mut Conn, search: &Search) -> Result<bool> {
    Ok(match &search.plan {
        Plan::Among(_) => false,
        Plan::AllRows => true,
        Plan::ByIndex => search.condition == Condition::All && census(conn)?.everyone > FEW,
    })
}

/// Leaves of which whoever meets a condition meets one.
#[derive(Debug, Default)]
struct Few {
    predicates: Vec<Predicate>,
    /// How many meet one, or may.
    count: i64,
}

/// The predicates by which all are found who meet the condition, or who do not, if indexes find fewer than `most` by them.
fn few(conn: &mut Conn, condition: &UserCondition, met: bool, most: i64) -> Result<Option<Few>> {
    match (condition, met) {
        (Condition::All, true) | (Condition::Never, false) => Ok(None),
        (Condition::Never, true) | (Condition::All, false) => Ok(Some(Few::default())),
        (Condition::Not(part), _) => few(conn, part, !met, most),
        (Condition::Is(predicate), true) => few_by(conn, predicate.clone(), most),
        (Condition::Is(predicate), false) => match opposite(predicate) {
            Some(opposite) => few_by(conn, opposite, most),
            None => Ok(None),
        },
        (Condition::And(parts), true) | (Condition::Or(parts), false) => fewest(conn, parts, met, most),
        (Condition::Or(parts), true) | (Condition::And(parts), false) => together(conn, parts, met, most),
    }
}

fn few_by(conn: &mut Conn, predicate: Predicate, most: i64) -> Result<Option<Few>> {
    let count = if finds_few(&predicate) { Some(1) } else { counted(conn, &predicate, most)? };
    Ok(count.filter(|count| *count < most).map(|count| Few { predicates: vec![predicate], count }))
}

/// By the part that fewest meet: all must be met.
fn fewest(conn: &mut Conn, parts: &[UserCondition], met: bool, most: i64) -> Result<Option<Few>> {
    let mut best: Option<Few> = None;
    let mut parts: Vec<&UserCondition> = parts.iter().collect();
    parts.sort_by_key(|part| !is_look_up(part, met));
    for part in parts {
        let most = best.as_ref().map_or(most, |best| best.count);
        if most <= 1 {
            break;
        }
        best = few(conn, part, met, most)?.or(best);
    }
    Ok(best)
}

/// By all parts: one of them must be met.
fn together(conn: &mut Conn, parts: &[UserCondition], met: bool, most: i64) -> Result<Option<Few>> {
    let mut all = Few::default();
    for part in parts {
        let Some(found) = few(conn, part, met, most - all.count)? else { return Ok(None) };
        all.count += found.count;
        all.predicates.extend(found.predicates);
    }
    Ok(Some(all))
}

/// Whether indexes answer with a few users, which need not be counted.
fn is_look_up(condition: &UserCondition, met: bool) -> bool {
    match (condition, met) {
        (Condition::Is(predicate), true) => finds_few(predicate),
        (Condition::Is(predicate), false) => {
            opposite(predicate).is_some_and(|predicate| finds_few(&predicate))
        }
        (Condition::Not(part), _) => is_look_up(part, !met),
        (Condition::And(parts), true) | (Condition::Or(parts), false) => {
            parts.iter().any(|part| is_look_up(part, met))
        }
        (Condition::Or(parts), true) | (Condition::And(parts), false) => {
            parts.iter().all(|part| is_look_up(part, met))
        }
        (Condition::All | Condition::Never, _) => false,
    }
}

/// What holds wherever the predicate does not, if a predicate says it.
fn opposite(predicate: &Predicate) -> Option<Predicate> {
    match predicate {
        Predicate::Text(field, Test::Ne, text) => Some(Predicate::Text(*field, Test::Eq, text.clone())),
        Predicate::Time(moment, Test::Ne, at) => Some(Predicate::Time(*moment, Test::Eq, *at)),
        Predicate::Active(active) => Some(Predicate::Active(!active)),
        // Then there are addresses, and each of them is this one.
        Predicate::Email(kind, Some((Test::Ne, text))) => {
            Some(Predicate::Email(kind.clone(), Some((Test::Eq, text.clone()))))
        }
        _ => None,
    }
}

/// Whether an index answers with a user or a few.
fn finds_few(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Text(field, Test::Eq, _) => {
            matches!(field, Field::ScimId | Field::UserName | Field::ExternalId)
        }
        Predicate::Email(_, comparison) => matches!(comparison, Some((Test::Eq, _))),
        _ => false,
    }
}

/// How many meet the predicate, or may, counted up to `most`; nothing where no index knows.
fn counted(conn: &mut Conn, predicate: &Predicate, most: i64) -> Result<Option<i64>> {
    if let Some(runs) = runs(predicate) {
        return Ok(Some(text_search::count(conn, &runs, most)?));
    }
    let Some(by) = by_index(predicate) else { return Ok(None) };
    let found: Vec<i32> = users::table.filter(by).select(1.into_sql::<Integer>()).limit(most).load(conn)?;
    Ok(Some(i64::try_from(found.len()).map_err(Error::internal)?))
}

/// The predicate, or more than it, in a form for which the database takes an index.
fn by_index(predicate: &Predicate) -> Option<Sql<users::table>> {
    if let Some(runs) = runs(predicate) {
        return Some(text_search::may_hold(&runs));
    }
    match predicate {
        predicate if finds_few(predicate) => Some(to_sql(predicate)),
        Predicate::Text(Field::DisplayName, test, text) if !display_name_has_index(*test, text) => None,
        Predicate::Text(
            Field::ScimId | Field::UserName | Field::DisplayName | Field::ExternalId,
            Test::Sw | Test::Eq,
            _,
        )
        | Predicate::Email(_, Some((Test::Sw, _)))
        | Predicate::Active(false)
        | Predicate::InGroup(_) => Some(to_sql(predicate)),
        Predicate::Time(_, test, _) if *test != Test::Ne => Some(to_sql(predicate)),
        _ => None,
    }
}

/// What must stand in the search text of whoever meets the predicate, if that says anything.
fn runs(predicate: &Predicate) -> Option<Vec<String>> {
    let Predicate::Text(field, test, text) = predicate else { return None };
    let is_in_text = match field {
        Field::DisplayName if matches!(test, Test::Eq | Test::Sw) => !display_name_has_index(*test, text),
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

    fn text(field: Field, test: Test, text: &str) -> Predicate {
        Predicate::Text(field, test, text.to_owned())
    }

    fn search(condition: UserCondition) -> Search {
        let (scope, plan) = (Scope::AllUsers, Plan::AllRows);
        Search { scope, condition, order: None, descending: false, plan }
    }

    /// Leaves that an index may leave few of.
    fn predicates() -> Vec<Predicate> {
        let email = |kind: Option<&str>, test| {
            Predicate::Email(kind.map(str::to_owned), Some((test, "ana@x.example".to_owned())))
        };
        vec![
            text(Field::ScimId, Test::Eq, "id"),
            text(Field::UserName, Test::Eq, "ana"),
            text(Field::ExternalId, Test::Eq, "ana"),
            email(None, Test::Eq),
            email(Some("work"), Test::Eq),
            email(None, Test::Sw),
            email(Some("work"), Test::Sw),
            text(Field::ScimId, Test::Sw, "01a2"),
            text(Field::UserName, Test::Sw, "ana"),
            text(Field::ExternalId, Test::Sw, "ana"),
            text(Field::UserName, Test::Co, "lima"),
            text(Field::Title, Test::Eq, "Engineer"),
            text(Field::DisplayName, Test::Sw, "Ana"),
            text(Field::DisplayName, Test::Eq, "Ana"),
            text(Field::DisplayName, Test::Eq, " Ana "),
            Predicate::Active(false),
            Predicate::InGroup("group".to_owned()),
            Predicate::Time(Moment::Changed, Test::Gt, NaiveDateTime::MIN),
            Predicate::Time(Moment::Created, Test::Le, NaiveDateTime::MIN),
        ]
    }

    /// Fails where a step of what the plan asks looks at all users, or at all active ones.
    fn assert_no_scan(conn: &mut Conn, condition: &UserCondition) {
        let few = few(conn, condition, true, FEW + 1).unwrap();
        let few = few.unwrap_or_else(|| panic!("{condition:?} is found by no index"));
        for predicate in &few.predicates {
            let among = among(predicate, &search(condition.clone())).unwrap();
            let steps = explained(conn, &among.select(users::id).limit(FEW + 1));
            let by_activity = !matches!(predicate, Predicate::Active(_));
            let scans = |step: &&String| {
                step.starts_with("SCAN users") || by_activity && step.contains("users_by_active")
            };
            assert_eq!(steps.iter().find(scans), None, "{condition:?}: {steps:?}");
        }
        let keys = Plan::Among(vec!["one".to_owned(), "another".to_owned()]);
        let found = Search { plan: keys, ..search(condition.clone()) };
        assert!(!looks_at_all(conn, &found, 1).unwrap());
    }

    #[test]
    fn whom_a_predicate_leaves_few_of_is_found_without_a_scan_whatever_stands_beside_it() {
        let (_folder, db) = empty();
        db.read(|conn| {
            for predicate in predicates() {
                let is = Condition::Is(predicate);
                assert_no_scan(conn, &is);
                for active in [true, false] {
                    let active = Condition::Is(Predicate::Active(active));
                    assert_no_scan(conn, &Condition::And(vec![active.clone(), is.clone()]));
                    assert_no_scan(conn, &Condition::And(vec![is.clone(), active]));
                }
                let other = Condition::Is(Predicate::Present(Field::Title));
                assert_no_scan(conn, &Condition::And(vec![is, Condition::Not(Box::new(other))]));
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn alternatives_are_each_found_by_their_index() {
        let (_folder, db) = empty();
        let active = || Condition::Is(Predicate::Active(true));
        db.read(|conn| {
            for one in predicates() {
                for other in predicates() {
                    let either = Condition::Or(vec![Condition::Is(one.clone()), Condition::Is(other)]);
                    assert_no_scan(conn, &either);
                    assert_no_scan(conn, &Condition::And(vec![active(), either]));
                }
                let all = Condition::Or(vec![Condition::Is(one), active()]);
                assert_eq!(plan(conn, &search(all)).unwrap(), Plan::AllRows);
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn not_to_differ_is_to_be_the_same() {
        let (_folder, db) = empty();
        let is = |predicate| Condition::Is(predicate);
        let not = |part| Condition::Not(Box::new(part));
        let other_name = is(text(Field::UserName, Test::Ne, "a"));
        let other_email = is(Predicate::Email(None, Some((Test::Ne, "a".to_owned()))));
        db.read(|conn| {
            for condition in [
                not(other_name.clone()),
                not(other_email.clone()),
                not(Condition::Or(vec![is(Predicate::Active(false)), other_name.clone()])),
                not(Condition::And(vec![other_email, other_name.clone()])),
                not(not(is(text(Field::UserName, Test::Eq, "a")))),
            ] {
                assert_no_scan(conn, &condition);
            }
            assert_eq!(plan(conn, &search(other_name)).unwrap(), Plan::AllRows);
            assert_eq!(plan(conn, &search(Condition::Never)).unwrap(), Plan::Among(Vec::new()));
            Ok(())
        })
        .unwrap();
    }
}
