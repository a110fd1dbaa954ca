//! An organisation of any size, made by the rules themselves: what a page or a client finds in a database in use.

use rollcall::domain::deprovisioning_guard::{self, Limits, Measure, Measures};
use rollcall::domain::identity::switch::{self, State, Switch};
use rollcall::domain::provisioning::{self, Operation, Outcome, Report};
use rollcall::domain::users::by_entra::{self, Scope, SentSite, SiteWish, UserInput};
use rollcall::domain::users::{Email, Profile, User};
use rollcall::domain::{Actor, Noted, Org, Tx, groups, licenses, sites};
use rollcall::error::{Error, Result};
use rollcall::keys::{GroupId, LicenseTypeId, SiteId, UserId};
use std::ops::Range;

const GIVEN: [&str; 24] = [
    "Ana", "Bram", "Chloé", "Dmitri", "Elif", "Femke", "Goran", "Hana", "Inês", "Joao", "Katya", "Lars",
    "Mei", "Noor", "Omar", "Priya", "Quentin", "Rosa", "Sven", "Tomasz", "Uma", "Viktor", "Wanda", "Zoë",
];
const FAMILY: [&str; 11] =
    ["Lima", "Vries", "Rossi", "Volkov", "Yılmaz", "Bakker", "Nyström", "Okafor", "Chen", "Haddad", "Szabó"];
/// Why what fills the database has no entry as a whole.
const EACH: &str = "each of them has an entry of its own";
const SITES: usize = 20;
const KINDS: usize = 5;
/// So many rows are written in one transaction.
const SLICE: usize = 500;
/// Who holds a licence: one in so many, and no more than this; and of these, one in so many of the first type, which the
/// users made first hold.
const ONE_LICENSED_IN: usize = 3;
const MOST_LICENSED: usize = 30_000;
const ONE_OF_FIRST_KIND_IN: usize = 2;
/// Groups: one for so many users, of so many members; and one that so many are in.
const USERS_A_GROUP: usize = 150;
const MEMBERS: usize = 20;
const ONE_GATHERED_IN: usize = 6;
/// People of whom something is held back.
const HELD: usize = 45;

/// Things to ask for.
#[derive(Clone, Debug)]
pub struct Things {
    /// A user in the middle of the list.
    pub user: User,
    /// The key of a site.
    pub site: SiteId,
    /// The key of a licence type.
    pub license: LicenseTypeId,
    /// The largest group: its key, and the id that SCIM knows.
    pub group: (GroupId, String),
    /// The key of a line of the provisioning log.
    pub event: String,
    /// How many users there are.
    pub users: usize,
    /// How many groups; the last of them is the largest.
    pub groups: usize,
}

/// Fills an empty organisation with so many users, and with what they have and did.
pub fn fill(org: &Org, users: usize) -> Result<Things> {
    let (site, kinds) = org.write(&Actor::CommandLine, places)?;
    let mut people = Vec::with_capacity(users);
    for some in slices(users) {
        people.extend(org.write(&Actor::Entra, move |tx| {
            let some = some.map(|number| arrive(tx, number)).collect::<Result<Vec<_>>>()?;
            Ok::<_, Error>(Noted::unaudited(some, EACH))
        })?);
    }
    let licensed: Vec<UserId> =
        people.iter().step_by(ONE_LICENSED_IN).take(MOST_LICENSED).map(|user| user.id.clone()).collect();
    let (first, others) = licensed.split_at(licensed.len() / ONE_OF_FIRST_KIND_IN);
    license(org, first, &kinds[..1])?;
    license(org, others, &kinds[1..])?;
    let group = gather(org, &people)?;
    for some in slices(users) {
        org.write(&Actor::Entra, move |tx| provisioning::note_all(tx, some.map(look_up).collect()))?;
    }
    leave(org, &people)?;
    let user = people.swap_remove(users / 2);
    let event = org.read(|conn| {
        let all = provisioning::Filter::default();
        Ok(provisioning::list(conn, &all, &rollcall::domain::page::At::Start, 1)?.items.remove(0).id)
    })?;
    Ok(Things {
        user,
        site,
        license: kinds[0].clone(),
        group,
        event,
        users,
        groups: users / USERS_A_GROUP + 1,
    })
}

/// Gives each of these users a licence, of one type after the other.
fn license(org: &Org, users: &[UserId], kinds: &[LicenseTypeId]) -> Result<()> {
    users.chunks(SLICE).try_for_each(|some| {
        let (some, kinds) = (some.to_vec(), kinds.to_vec());
        org.write(&Actor::CommandLine, move |tx| {
            some.iter()
                .zip(kinds.iter().cycle())
                .try_for_each(|(id, kind)| licenses::assign(tx, id, kind).map(drop))?;
            Ok(Noted::unaudited((), EACH))
        })
    })
}

fn slices(all: usize) -> impl Iterator<Item = Range<usize>> {
    (0..all).step_by(SLICE).map(move |start| start..all.min(start + SLICE))
}

fn places(tx: &mut Tx) -> Result<Noted<(SiteId, Vec<LicenseTypeId>)>> {
    let before = switch::read(tx.conn)?;
    switch::set(tx, Switch { state: State::On, ..before })?;
    let made = (0..SITES).map(|number| Ok(sites::create(tx, &format!("Site {number}"))?.split().0.id));
    let made: Vec<SiteId> = made.collect::<Result<_>>()?;
    let kinds = (0..KINDS).map(|number| {
        let (code, name) = (format!("X{number}"), format!("Work X{number}"));
        Ok(licenses::create(tx, &licenses::LicenseTypeInput { code, name, seats: 1_000_000 })?.split().0.id)
    });
    Ok(Noted::unaudited((made[0].clone(), kinds.collect::<Result<_>>()?), EACH))
}

/// The name and the address of the user with this number.
pub fn name_of(number: usize) -> (&'static str, &'static str, String) {
    let (given, family) = (GIVEN[number % GIVEN.len()], FAMILY[number / GIVEN.len() % FAMILY.len()]);
    let plain = |name: &str| name.chars().filter(char::is_ascii).collect::<String>().to_lowercase();
    (given, family, format!("{}.{}.{number}@example.com", plain(given), plain(family)))
}

fn arrive(tx: &mut Tx, number: usize) -> Result<User> {
    let (given, family, user_name) = name_of(number);
    let email =
        Email { value: user_name.clone(), kind: Some("work".into()), primary: Some(true), display: None };
    let profile = Profile {
        external_id: Some(format!("ext-{number:08}")),
        display_name: Some(format!("{given} {family}")),
        given_name: Some(given.to_owned()),
        family_name: Some(family.to_owned()),
        title: Some("Engineer".to_owned()),
        department: Some(format!("Department {}", number % 300)),
        work_phone: Some(format!("+31 20 {number:07}")),
        ..Profile::named(&user_name)
    };
    let urn = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User".to_owned();
    let site = SiteWish::Named(SentSite { name: format!("Site {}", number % SITES), urn });
    let done =
        by_entra::create(tx, UserInput { profile, emails: vec![email], active: true, site })?.split().0;
    let user = done.known.user;
    let report = Report {
        user_id: Some(user.id.clone()),
        subject: Some(user.name()),
        changes: done.changes,
        token_id: Some("bench".to_owned()),
        ..Report::new(Operation::Create, Outcome::Done, 201)
    };
    provisioning::note(tx, report)?;
    Ok(user)
}

fn look_up(number: usize) -> Report {
    let (.., user_name) = name_of(number);
    Report {
        subject: Some(user_name),
        token_id: Some("bench".to_owned()),
        ..Report::new(Operation::Find, Outcome::Done, 200)
    }
}

/// Many small groups and a large one.
fn gather(org: &Org, people: &[User]) -> Result<(GroupId, String)> {
    let ids: Vec<String> = people.iter().map(|user| user.scim_id.clone()).collect();
    for number in 0..people.len() / USERS_A_GROUP {
        let members = ids.iter().skip(number).step_by(USERS_A_GROUP).take(MEMBERS).cloned().collect();
        make(org, format!("Team {number}"), members)?;
    }
    let group = make(org, "Everyone".to_owned(), Vec::new())?;
    for some in ids[..ids.len() / ONE_GATHERED_IN].chunks(SLICE) {
        let (id, some) = (group.scim_id.clone(), some.to_vec());
        org.write(&Actor::Entra, move |tx| {
            let group = groups::by_entra::get(tx.conn, &id)?;
            groups::by_entra::change(tx, group, vec![groups::by_entra::Change::Add(some)])
        })?;
    }
    Ok((group.id, group.scim_id))
}

fn make(org: &Org, name: String, members: Vec<String>) -> Result<groups::Group> {
    let wish = groups::by_entra::GroupInput { external_id: Some(name.clone()), name, members };
    Ok(org.write(&Actor::Entra, move |tx| groups::by_entra::create(tx, wish))?.group)
}

/// One in a hundred leaves, and some more, who are held back.
fn leave(org: &Org, people: &[User]) -> Result<()> {
    org.write(&Actor::CommandLine, |tx| {
        let one = Measure { people: 1, share: 1 };
        let before = deprovisioning_guard::limits(tx.conn)?;
        deprovisioning_guard::set(tx, Limits { accounts: Measures { hour: one, day: one }, ..before })
    })?;
    let leaving = people.len() / 100 + HELD;
    let leaving: Vec<String> = people
        .iter()
        .skip(1)
        .step_by(people.len() / leaving)
        .take(leaving)
        .map(|user| user.scim_id.clone())
        .collect();
    for some in leaving.chunks(SLICE) {
        let some = some.to_vec();
        org.write(&Actor::Entra, move |tx| {
            some.iter().try_for_each(|id| {
                let known = by_entra::get(tx.conn, Scope::AllUsers, id)?;
                let (profile, emails) = (known.user.profile.clone(), known.emails.clone());
                let wish = UserInput { profile, emails, active: false, site: SiteWish::Unsaid };
                by_entra::change(tx, known, wish).map(drop)
            })?;
            Ok::<_, Error>(Noted::unaudited((), EACH))
        })?;
    }
    Ok(())
}
