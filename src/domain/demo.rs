//! A believable organisation for an empty database: every state that a page can show, made by the same operations
//! that the interfaces use.

use super::audit::Change;
use super::identity::switch::{self, State, Switch};
use super::identity::tokens;
use super::provisioning::{self, Operation, Outcome, Report};
use super::users::by_entra::{self, Scope, SentSite, SiteWish, UserInput};
use super::users::{Email, Profile, by_hand, lifecycle, list};
use super::{Actor, Noted, Role, Tx, admins, groups, licenses, settings, sites};
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, SiteId, UserId};
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const USERS: usize = 250;
const BY_HAND: usize = 34;
/// How many were here 120 days ago.
const LONG_AGO: usize = 150;
const EQUIPPED: TimeDelta = TimeDelta::days(4);
const DOMAIN: &str = "harbourline.example";
const SITE_URN: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User";
const GIVEN: &[&str] = &[
    "Ana", "Bram", "Chiara", "Dmitri", "Elif", "Femke", "Goran", "Hana", "Ines", "Joao", "Katya", "Lars",
    "Mei", "Noor", "Omar", "Priya", "Quentin", "Rosa", "Sven", "Tomasz", "Uma", "Viktor", "Wanda", "Yusuf",
    "Zoë",
];
const FAMILY: &[&str] = &[
    "Lima",
    "de Vries",
    "Rossi",
    "Volkov",
    "Yilmaz",
    "Bakker",
    "Horvat",
    "Suzuki",
    "Okafor",
    "Abernethy",
    "Petrova",
    "Holm",
    "Chen",
    "Haddad",
    "Farouk",
    "Lindqvist",
    "Moreau",
    "Garcia",
    "Nyström",
    "Wren",
    "Iyer",
    "Szabo",
];
const SITES: &[(&str, &[&str])] = &[
    ("Rotterdam Depot", &["RTM", "Rotterdam"]),
    ("Lisbon Office", &["Lisboa"]),
    ("Gdansk Yard", &["Gdańsk"]),
    ("Antwerp Terminal", &["Antwerpen"]),
    ("Oslo Office", &[]),
];
const LICENSES: &[(&str, &str, i32)] = &[
    ("X2", "Work X2: voice", 120),
    ("X4", "Work X4: voice and meetings", 60),
    ("X6", "Contact centre X6", 12),
];
/// A group, and the step by which its members are taken from the list of users.
const GROUPS: &[(&str, usize)] =
    &[("Safety board", 24), ("Dock planners", 13), ("Drivers", 7), ("All staff", 2)];
const TITLES: &[&str] = &[
    "Dispatch Lead",
    "Planner",
    "Crane Operator",
    "Accountant",
    "Service Engineer",
    "Buyer",
    "Shift Manager",
];
const DEPARTMENTS: &[&str] = &["Dispatch", "Planning", "Yard", "Finance", "Service", "Purchasing"];

/// What was made.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// Users.
    pub users: usize,
    /// Sites.
    pub sites: usize,
    /// Licence types.
    pub licenses: usize,
}

/// Fills a database in which there is nobody but those with a role.
pub fn fill(tx: &mut Tx) -> Result<Noted<Filled>> {
    let people = list::count(tx.conn, &list::Filter::default())?.least();
    let holders = list::count(tx.conn, &list::Filter { with_role: true, ..list::Filter::default() })?.least();
    if people > holders || !sites::all(tx.conn)?.is_empty() {
        return Err(Error::Conflict("This database is in use: demo fills an empty one only.".to_owned()));
    }
    // Always the same organisation, so that two screenshots compare.
    let mut dice = StdRng::seed_from_u64(250);
    if settings::get::<String>(tx.conn, settings::names::ORGANISATION)?.is_none() {
        settings::put(tx, settings::names::ORGANISATION, &"Harbourline")?;
    }
    let before = switch::read(tx.conn)?;
    switch::set(tx, Switch { state: State::On, ..before })?;
    let token = tokens::create(tx, tokens::FIRST_LABEL, Some(365))?.into_inner().0.id;
    let site_ids = places(tx)?;
    let kinds = LICENSES.iter().map(|(code, name, seats)| {
        let wish = licenses::LicenseTypeInput { code: (*code).into(), name: (*name).into(), seats: *seats };
        Ok(licenses::create(tx, &wish)?.into_inner().id)
    });
    let kinds: Vec<LicenseTypeId> = kinds.collect::<Result<_>>()?;
    let ids = people_of(tx, &mut dice, &site_ids, &token)?;
    at(tx, &Actor::CommandLine, EQUIPPED, |tx| equip(tx, &mut dice, &ids, &kinds))?;
    let leavers: Vec<UserId> = ids.iter().skip(90).step_by(11).take(9).cloned().collect();
    leave(tx, &leavers, TimeDelta::days(3), &token)?;
    gather(tx, &ids, &token)?;
    delete_in_entra(tx, &ids, &token)?;
    trouble(tx, &token)?;
    for (id, role) in ids.iter().skip(40).zip([Role::Administrator, Role::Administrator, Role::Auditor]) {
        admins::appoint(tx, id, role)?;
    }
    Ok(Noted::unaudited(
        Filled { users: USERS, sites: SITES.len(), licenses: LICENSES.len() },
        "each thing that is made has an entry of its own",
    ))
}

/// Entra ID sends a few groups with their members, one of them a group itself.
fn gather(tx: &mut Tx, ids: &[UserId], token: &str) -> Result<()> {
    let mut inner = None;
    for (number, (name, every)) in GROUPS.iter().enumerate() {
        at(tx, &Actor::Entra, TimeDelta::hours(30), |tx| {
            let mut members = Vec::new();
            for id in ids.iter().take(USERS - BY_HAND).skip(number).step_by(*every) {
                members.push(super::users::find(tx.conn, id)?.scim_id);
            }
            members.extend(inner.take());
            let external_id = Some(format!("8aa1a0c0-c4c3-4bc0-b4a5-2ef67690015{number}"));
            let wish = groups::by_entra::GroupInput { name: (*name).to_owned(), external_id, members };
            let done = groups::by_entra::create(tx, wish)?.into_inner();
            inner = Some(done.group.scim_id.clone());
            let report = Report {
                subject: Some(done.group.name),
                changes: done.changes,
                ..plain(Operation::CreateGroup, Outcome::Done, 201, token)
            };
            provisioning::note(tx, report)
        })?;
    }
    Ok(())
}

fn places(tx: &mut Tx) -> Result<Vec<SiteId>> {
    let made = SITES.iter().map(|(name, aliases)| {
        let site = sites::create(tx, name)?.into_inner();
        aliases.iter().try_for_each(|alias| sites::alias(tx, &site.id, alias).map(drop))?;
        Ok(site.id)
    });
    made.collect()
}

/// The people, the longest here first; the last of them were made by hand.
fn people_of(tx: &mut Tx, dice: &mut StdRng, sites: &[SiteId], token: &str) -> Result<Vec<UserId>> {
    let mut ids = Vec::with_capacity(USERS);
    for number in 0..USERS {
        let given = GIVEN[number % GIVEN.len()];
        let family = FAMILY[(number / GIVEN.len() * 7 + number) % FAMILY.len()];
        let profile = profile(dice, given, family, number);
        // In the order of time, as lists that are paged by key show it.
        if number == LONG_AGO {
            let leavers: Vec<UserId> = ids.iter().skip(5).step_by(11).cloned().collect();
            leave(tx, &leavers, TimeDelta::days(120), token)?;
        }
        let ago = EQUIPPED + TimeDelta::hours(i64::try_from((USERS - number) * 28).unwrap_or(0));
        let id = if number < USERS - BY_HAND {
            at(tx, &Actor::Entra, ago, |tx| arrive(tx, dice, profile, number, token))?
        } else {
            let site = (!number.is_multiple_of(9)).then(|| sites.choose(dice)).flatten();
            let email = Some(profile.user_name.clone());
            let wish = by_hand::LocalProfile { profile, email };
            at(tx, &Actor::CommandLine, ago, |tx| Ok(by_hand::create(tx, wish, site)?.into_inner().id))?
        };
        ids.push(id);
    }
    Ok(ids)
}

fn profile(dice: &mut StdRng, given: &str, family: &str, number: usize) -> Profile {
    let plain = |name: &str| name.to_lowercase().replace(' ', "").replace('ë', "e").replace('ö', "o");
    let digits = dice.random_range(1_000_000..9_999_999);
    let suffix = if number < GIVEN.len() * 2 { String::new() } else { number.to_string() };
    Profile {
        display_name: Some(format!("{given} {family}")),
        given_name: Some(given.to_owned()),
        family_name: Some(family.to_owned()),
        title: TITLES.choose(dice).map(|title| (*title).to_owned()),
        department: DEPARTMENTS.choose(dice).map(|department| (*department).to_owned()),
        work_phone: Some(format!("+31 10 {digits}")),
        ..Profile::named(&format!("{}.{}{suffix}@{DOMAIN}", plain(given), plain(family)))
    }
}

/// Entra ID creates the user, and the log says so.
fn arrive(tx: &mut Tx, dice: &mut StdRng, profile: Profile, number: usize, token: &str) -> Result<UserId> {
    let (site, _) = SITES.choose(dice).copied().unwrap_or_default();
    // A few arrive with a site that nobody made.
    let name = match number {
        60..66 => "Hamburg Quay",
        70..73 => "Home office",
        _ => site,
    };
    let email = Email {
        value: profile.user_name.clone(),
        kind: Some("work".into()),
        primary: Some(true),
        display: None,
    };
    let external_id = Some(profile.user_name.split('@').next().unwrap_or_default().to_owned());
    let wish = UserInput {
        profile: Profile { external_id, ..profile },
        emails: vec![email],
        active: true,
        site: SiteWish::Named(SentSite { name: name.to_owned(), urn: SITE_URN.to_owned() }),
    };
    let done = by_entra::create(tx, wish)?.into_inner();
    let user = &done.known.user;
    let warned = done.warnings.first().cloned();
    let outcome = if warned.is_some() { Outcome::Warning } else { Outcome::Done };
    let report = Report {
        user_id: Some(user.id.clone()),
        subject: Some(user.name()),
        changes: done.changes,
        error: warned,
        ..plain(Operation::Create, outcome, 201, token)
    };
    provisioning::note(tx, report)?;
    Ok(user.id.clone())
}

/// Licences for most, numbers for many.
fn equip(tx: &mut Tx, dice: &mut StdRng, ids: &[UserId], kinds: &[LicenseTypeId]) -> Result<()> {
    for (number, id) in ids.iter().enumerate() {
        let user = super::users::find(tx.conn, id)?;
        let kind = match number % 10 {
            0..=4 => 0,
            5 | 6 => 1,
            7 if number < 110 => 2,
            _ => continue,
        };
        if licenses::may_hold(&user).is_ok() && licenses::find(tx.conn, &kinds[kind])?.free() > 3 {
            licenses::assign(tx, id, &kinds[kind])?;
            let digits = dice.random_range(100..999);
            let phone_number = Some(format!("+31 10 555 0{digits}"));
            by_hand::set_telephony(
                tx,
                id,
                by_hand::Telephony { phone_number, extension: Some((2000 + number).to_string()) },
            )?;
        }
    }
    Ok(())
}

/// Some left: Entra ID disabled them.
fn leave(tx: &mut Tx, leavers: &[UserId], ago: TimeDelta, token: &str) -> Result<()> {
    at(tx, &Actor::Entra, ago, |tx| {
        for id in leavers {
            let user = lifecycle::deactivate_as_asked(tx, id)?;
            let report = Report {
                user_id: Some(id.clone()),
                subject: Some(user.name()),
                changes: Change::of("state", Some("active"), Some("inactive")).into_iter().collect(),
                ..plain(Operation::Change, Outcome::Done, 200, token)
            };
            provisioning::note(tx, report)?;
        }
        Ok(())
    })
}

/// Others were deleted in Entra ID and wait for deletion by hand.
fn delete_in_entra(tx: &mut Tx, ids: &[UserId], token: &str) -> Result<()> {
    for id in ids.iter().skip(7).step_by(25).take(7) {
        at(tx, &Actor::Entra, TimeDelta::hours(20), |tx| {
            let scim_id = super::users::find(tx.conn, id)?.scim_id;
            let known = by_entra::get(tx.conn, Scope::AllUsers, &scim_id)?;
            let (user, _) = by_entra::remove(tx, known)?.into_inner();
            let report = Report {
                user_id: Some(id.clone()),
                subject: Some(user.name()),
                ..plain(Operation::Delete, Outcome::Done, 204, token)
            };
            provisioning::note(tx, report)
        })?;
    }
    Ok(())
}

/// The last day's requests: quiet cycles, a few changes, and what went wrong.
fn trouble(tx: &mut Tx, token: &str) -> Result<()> {
    for cycle in (0..30).rev() {
        at(tx, &Actor::Entra, TimeDelta::minutes(40 * cycle + 5), |tx| {
            provisioning::note(tx, plain(Operation::Probe, Outcome::Done, 200, token))
        })?;
    }
    let namesakes = list::Filter { words: "yusuf".into(), ..list::Filter::default() };
    let unlinked: Vec<UserId> = list::ids(tx.conn, &namesakes, 50)?;
    for id in unlinked {
        let user = super::users::find(tx.conn, &id)?;
        if user.entra_state != super::users::EntraState::Unlinked {
            continue;
        }
        by_hand::ask_to_link(tx, &id, Some("yusuf"))?;
        let report = Report {
            user_id: Some(id.clone()),
            subject: Some(user.name()),
            error: Some(format!(
                "An account with userName “{}” exists and is not linked.",
                user.profile.user_name
            )),
            remedy: Some("Link it under Users, Waiting to be linked.".to_owned()),
            ..plain(Operation::Create, Outcome::Failed, 409, token)
        };
        provisioning::note(tx, report)?;
    }
    let refused = Report {
        token_id: None,
        error: Some("The API token is not known here.".to_owned()),
        remedy: Some("Copy the token from Identity Management into Entra ID again.".to_owned()),
        ..plain(Operation::Find, Outcome::Refused, 401, token)
    };
    provisioning::note(tx, refused).map(drop)
}

fn plain(operation: Operation, outcome: Outcome, status: u16, token: &str) -> Report {
    Report { token_id: Some(token.to_owned()), ..Report::new(operation, outcome, status) }
}

/// Does `work` as somebody else, some time ago.
fn at<T>(tx: &mut Tx, actor: &Actor, ago: TimeDelta, work: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
    let now = tx.now - ago;
    work(&mut Tx::new(tx.conn, actor, now, tx.keys))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::db::schema::{sites as sites_table, users as table};
    use crate::domain::testing::{TestOrg, test_org};
    use crate::domain::users::{self, EntraState, User};
    use diesel::prelude::*;

    #[test]
    fn an_empty_database_is_filled_once_with_every_state() {
        let test = test_org();
        test.write(&Actor::CommandLine, fill).unwrap();
        let count = |filter: list::Filter| test.org.read(|conn| list::count(conn, &filter)).unwrap().least();
        assert_eq!(count(list::Filter::default()), 250);
        for state in EntraState::ALL {
            assert!(count(list::Filter { entra: Some(*state), ..list::Filter::default() }) > 4, "{state:?}");
        }
        assert!(count(list::Filter { active: Some(false), ..list::Filter::default() }) > 10);
        assert!(test.org.read(by_hand::count_link_requests).unwrap() > 0);
        assert_eq!(test.org.read(sites::unknown).unwrap().len(), 2);
        assert!(matches!(test.write(&Actor::CommandLine, fill), Err(Error::Conflict(_))));
    }

    /// The numbers that are kept beside those that counting gives.
    fn kept_and_counted(test: &TestOrg) -> Vec<(i64, i64)> {
        let both = test.org.read(|conn| {
            let kept = users::census(conn)?;
            let all = table::table.into_boxed();
            let active = table::table.filter(table::active.eq(true)).into_boxed();
            let linked = table::table.filter(table::entra_state.eq(EntraState::Linked)).into_boxed();
            let mut both = Vec::new();
            for (kept, query) in [(kept.everyone, all), (kept.everyone_active, active), (kept.linked, linked)]
            {
                both.push((kept, query.count().get_result(conn)?));
            }
            let headcounts = sites_table::table.order(sites_table::name_key);
            for (id, kept) in
                headcounts.select((sites_table::id, sites_table::headcount)).load::<(SiteId, i64)>(conn)?
            {
                both.push((kept, table::table.filter(table::site_id.eq(id)).count().get_result(conn)?));
            }
            Ok(both)
        });
        both.unwrap()
    }

    #[test]
    fn the_numbers_that_are_told_without_counting_are_what_counting_gives() {
        let test = test_org();
        test.write(&Actor::CommandLine, fill).unwrap();
        let at_first = kept_and_counted(&test);
        assert!(at_first.len() > 4 && at_first.iter().all(|(kept, counted)| kept == counted), "{at_first:?}");
        let all =
            test.org.read(|conn| Ok(table::table.select(User::as_select()).load::<User>(conn)?)).unwrap();
        let some = |which: &dyn Fn(&User) -> bool, count: usize| -> Vec<UserId> {
            let some = all.iter().filter(|user| user.role == Role::None && which(user));
            some.take(count).map(|user| user.id.clone()).collect()
        };
        let at_a_site = some(&|user| user.active && user.site_id.is_some(), 7);
        let elsewhere = some(&|user| user.active && user.site_id.is_none(), 3);
        let unknown = test.org.read(sites::unknown).unwrap();
        test.write(&Actor::CommandLine, move |tx| {
            let site = sites::create(tx, "Utrecht")?;
            sites::alias(tx, &site.id, &unknown[0].name)?;
            for id in &elsewhere[..2] {
                let user = users::find(tx.conn, id)?;
                let placed = sites::place(tx, id, &user.profile.user_name, &site);
                placed.map(drop).or_else(|_| Ok::<_, Error>(()))?;
            }
            lifecycle::deactivate(tx, &at_a_site[0])?;
            by_hand::release(tx, &at_a_site[1]).map(drop).or_else(|_| Ok::<_, Error>(()))?;
            lifecycle::delete(tx, &at_a_site[2..])
        })
        .unwrap();
        let now = kept_and_counted(&test);
        assert!(now.iter().all(|(kept, counted)| kept == counted), "{now:?}");
        assert_ne!(now, at_first);
    }
}
