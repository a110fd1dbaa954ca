//! A filled folder for benchmarks, made by the rules themselves.

use rollcall::db::Db;
use rollcall::domain::users::by_entra::{self, SentSite, SiteWish, UserInput};
use rollcall::domain::users::{Email, Profile};
use rollcall::domain::{Actor, Clock, Noted, Org};
use rollcall::error::Error;
use rollcall::keys::UserId;
use rollcall::seal::Keyring;
use std::path::Path;

/// So many are made in one transaction.
const TOGETHER: usize = 1_000;
const FIRST: [&str; 12] =
    ["Ana", "Bo", "Chidi", "Dagny", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jovan", "Kofi", "Lena"];
const LAST: [&str; 11] =
    ["Lima", "Berg", "Okafor", "Lund", "Demir", "Haddad", "Vogel", "Sato", "Costa", "Petrov", "Mensah"];

/// An organisation on a database in this folder.
pub(crate) fn organisation(folder: &Path) -> Org {
    let db = Db::open(&folder.join("rollcall.db")).expect("the folder can be written");
    Org::new(db, Keyring::forgetful(), Clock::default())
}

/// Users as Entra ID makes them, called `{prefix}{number}@example.com`, who wait for this site if one is named.
pub(crate) fn users(
    org: &Org,
    prefix: &'static str,
    count: usize,
    site: Option<&'static str>,
) -> Vec<UserId> {
    let mut ids = Vec::with_capacity(count);
    for from in (0..count).step_by(TOGETHER) {
        let made = org.write(&Actor::Entra, move |tx| {
            let numbers = from..count.min(from + TOGETHER);
            let made = numbers
                .map(|number| Ok(by_entra::create(tx, wish(prefix, number, site))?.split().0.known.user.id))
                .collect::<Result<Vec<_>, Error>>()?;
            Ok::<_, Error>(Noted::unaudited(made, "each user has an entry of their own"))
        });
        ids.extend(made.expect("users are made"));
    }
    ids
}

fn wish(prefix: &str, number: usize, site: Option<&str>) -> UserInput {
    let user_name = format!("{prefix}{number}@example.com");
    let (given, family) = (FIRST[number % FIRST.len()], LAST[number / 7 % LAST.len()]);
    let profile = Profile {
        given_name: Some(given.to_owned()),
        family_name: Some(family.to_owned()),
        display_name: Some(format!("{given} {family} {number}")),
        title: Some("Engineer".to_owned()),
        department: Some(format!("Department {}", number % 40)),
        external_id: Some(format!("{prefix}-{number}")),
        ..Profile::named(&user_name)
    };
    let email = Email { value: user_name, kind: Some("work".to_owned()), primary: Some(true), display: None };
    let site = site.map_or(SiteWish::Unsaid, |name| {
        SiteWish::Named(SentSite {
            name: name.to_owned(),
            urn: "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User".to_owned(),
        })
    });
    UserInput { profile, emails: vec![email], active: true, site }
}
