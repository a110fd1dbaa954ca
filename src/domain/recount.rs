//! Numbers that are kept beside what they count, and texts beside what they are of: put right when a server starts. An
//! older program that used the database meanwhile, or a hand in it, did not know that they are kept.

use super::users::{EntraState, HIDDEN, SEEN_AS_ENTRAS, store};
use super::{Actor, Noted, Org, Tx};
use crate::db::schema::{census, license_assignments, license_types, sites, users as table};
use crate::db::{Conn, text_search};
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, SiteId};
use diesel::dsl::count_star;
use diesel::prelude::*;
use std::collections::HashMap;
use std::hash::Hash;

/// Numbers by key.
type ByKey<K> = Vec<(K, i64)>;
/// Those of the census: all whom Entra ID sees, those that it made or linked, those of all that are active; all accounts,
/// active ones, linked ones.
type OfUsers = (i64, i64, i64, i64, i64, i64);

/// All numbers that are kept.
#[derive(PartialEq, Eq)]
struct Numbers {
    of_users: OfUsers,
    seats_taken: ByKey<LicenseTypeId>,
    headcounts: ByKey<SiteId>,
}

/// Puts them right where they are wrong, and says so in the log.
pub fn put_right(org: &Org) -> Result<()> {
    if org.read(|conn| Ok(kept(conn)? != counted(conn)?))? {
        org.write(&Actor::Rollcall, |tx| {
            let numbers = counted(tx.conn)?;
            keep(tx, &numbers)?;
            Ok::<_, Error>(Noted::unaudited((), "they are counted anew, and nothing that they count changes"))
        })?;
        tracing::warn!(
            "numbers of users, sites and seats were wrong, and are counted anew: another program, or an older one, has \
             changed the database meanwhile"
        );
    }
    if org.read(store::is_any_not_found)? {
        let users = org.write(&Actor::Rollcall, |tx| {
            let users = store::make_found(tx)?;
            text_search::build_anew(tx.conn)?;
            Ok::<_, Error>(Noted::unaudited(users, "they are only found again"))
        })?;
        tracing::warn!(
            users,
            "users whom another program, or an older one, has made were not found, and are now"
        );
    }
    Ok(())
}

fn kept(conn: &mut Conn) -> Result<Numbers> {
    let columns = (
        census::all_users,
        census::entra_users,
        census::active_users,
        census::everyone,
        census::everyone_active,
        census::linked,
    );
    let seats = license_types::table.order(license_types::id);
    let headcounts = sites::table.order(sites::id);
    Ok(Numbers {
        of_users: census::table.find(store::USERS).select(columns).first(conn)?,
        seats_taken: seats.select((license_types::id, license_types::seats_taken)).load(conn)?,
        headcounts: headcounts.select((sites::id, sites::headcount)).load(conn)?,
    })
}

/// The same as counting gives them: each by an index alone.
fn counted(conn: &mut Conn) -> Result<Numbers> {
    let all = table::table.group_by((table::active, table::seen));
    let all: Vec<(bool, i32, i64)> = all.select((table::active, table::seen, count_star())).load(conn)?;
    let sum = |which: &dyn Fn(bool, i32) -> bool| -> i64 {
        all.iter().filter(|(active, seen, _)| which(*active, *seen)).map(|(.., count)| count).sum()
    };
    let linked = table::table.filter(table::entra_state.eq(EntraState::Linked)).count().get_result(conn)?;
    let taken = license_assignments::table.group_by(license_assignments::license_type_id);
    let taken: ByKey<LicenseTypeId> =
        taken.select((license_assignments::license_type_id, count_star())).load(conn)?;
    let at_sites = table::table.filter(table::site_id.is_not_null()).group_by(table::site_id);
    let at_sites: Vec<(Option<SiteId>, i64)> = at_sites.select((table::site_id, count_star())).load(conn)?;
    let at_sites = at_sites.into_iter().filter_map(|(site, count)| Some((site?, count)));
    Ok(Numbers {
        of_users: (
            sum(&|_, seen| seen > HIDDEN),
            sum(&|_, seen| seen == SEEN_AS_ENTRAS),
            sum(&|active, seen| active && seen > HIDDEN),
            sum(&|_, _| true),
            sum(&|active, _| active),
            linked,
        ),
        seats_taken: of_each(
            license_types::table.order(license_types::id).select(license_types::id).load(conn)?,
            taken,
        ),
        headcounts: of_each(sites::table.order(sites::id).select(sites::id).load(conn)?, at_sites),
    })
}

/// The number of each key: none where nothing was counted.
fn of_each<K: Eq + Hash>(keys: Vec<K>, counted: impl IntoIterator<Item = (K, i64)>) -> ByKey<K> {
    let counted: HashMap<K, i64> = counted.into_iter().collect();
    let of = |key: K| {
        let count = counted.get(&key).copied().unwrap_or_default();
        (key, count)
    };
    keys.into_iter().map(of).collect()
}

fn keep(tx: &mut Tx, numbers: &Numbers) -> Result<()> {
    let (all_users, entra_users, active_users, everyone, everyone_active, linked) = numbers.of_users;
    diesel::update(census::table.find(store::USERS))
        .set((
            census::all_users.eq(all_users),
            census::entra_users.eq(entra_users),
            census::active_users.eq(active_users),
            census::everyone.eq(everyone),
            census::everyone_active.eq(everyone_active),
            census::linked.eq(linked),
        ))
        .execute(tx.conn)?;
    for (id, taken) in &numbers.seats_taken {
        let seats = license_types::seats_taken.eq(taken);
        diesel::update(license_types::table.find(id)).set(seats).execute(tx.conn)?;
    }
    for (id, people) in &numbers.headcounts {
        diesel::update(sites::table.find(id)).set(sites::headcount.eq(people)).execute(tx.conn)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::demo;
    use crate::domain::testing::test_org;
    use crate::domain::users::list::{self, Filter};

    #[test]
    fn what_another_program_left_out_is_counted_and_found_after_the_next_start() {
        let test = test_org();
        test.write(&Actor::CommandLine, demo::fill).unwrap();
        let right = test.org.read(counted).unwrap();
        put_right(&test.org).unwrap();
        assert!(test.org.read(kept).unwrap() == right, "the rules keep them by themselves");
        let found = |words: &str| {
            let filter = Filter { words: words.to_owned(), ..Filter::default() };
            test.org.read(|conn| list::count(conn, &filter)).unwrap().least()
        };
        let ana =
            test.org.read(|conn| Ok(table::table.select(table::user_name).first::<String>(conn)?)).unwrap();
        let before = found(&ana);
        test.write(&Actor::CommandLine, |tx| {
            let everybody = diesel::update(table::table);
            everybody
                .set((table::search_no.eq(None::<i64>), table::search_text.eq("old")))
                .execute(tx.conn)?;
            diesel::update(license_types::table).set(license_types::seats_taken.eq(0)).execute(tx.conn)?;
            diesel::update(sites::table).set(sites::headcount.eq(7)).execute(tx.conn)?;
            diesel::update(census::table).set(census::everyone.eq(1)).execute(tx.conn)?;
            Ok(())
        })
        .unwrap();
        assert_eq!(found(&ana), 0);
        put_right(&test.org).unwrap();
        assert!(test.org.read(kept).unwrap() == right);
        assert_eq!(found(&ana), before);
        assert!(before > 0);
    }
}
