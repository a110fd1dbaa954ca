//! Validating and applying, as an administrator sees it.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::db::Conn;
use crate::db::schema::users as accounts;
use crate::domain::testing::{TestOrg, test_org};
use crate::domain::users::{EntraState, Profile, by_hand, lifecycle};
use crate::domain::{Actor, audit, licenses, page, sites, users};
use crate::keys::{SiteId, UserId};
use chrono::TimeDelta;

/// Ana, Bo, Cy and Di work in Delft; Homeless has no site. X2 and X4 have as many seats as given.
fn staffed(x2: i32, x4: i32) -> TestOrg {
    let test = test_org();
    test.write(&Actor::CommandLine, move |tx| {
        let site = sites::create(tx, "Delft")?;
        for (code, seats) in [("X2", x2), ("X4", x4)] {
            licenses::create(
                tx,
                &licenses::LicenseTypeInput { code: code.into(), name: format!("Work {code}"), seats },
            )?;
        }
        for name in ["Ana", "bo", "cy", "di"] {
            add(tx, name, Some(&site.id))?;
        }
        add(tx, "homeless", None)
    })
    .unwrap();
    test
}

fn add(tx: &mut Tx, name: &str, site: Option<&SiteId>) -> Result<()> {
    by_hand::create(tx, by_hand::LocalProfile { profile: Profile::named(name), email: None }, site)
        .map(|_| ())
}

fn administrator() -> Actor {
    Actor::Person { id: UserId::generate(), name: "Mia".into(), role: crate::domain::Role::Administrator }
}

fn upload(text: &str, take_away: bool) -> Upload {
    Upload { file_name: "staff.csv".into(), bytes: text.as_bytes().to_vec(), take_away }
}

impl TestOrg {
    fn validate(&self, upload: &Upload) -> Result<Import> {
        let (name, take_away) = (upload.file_name.clone(), upload.take_away);
        let checked = check(&self.org, upload)?;
        self.write(&administrator(), move |tx| keep(tx, &name, take_away, checked))
    }

    fn check(&self, text: &str) -> Import {
        let upload = upload(text, false);
        self.validate(&upload).unwrap()
    }

    fn check_taking_away(&self, text: &str) -> Import {
        let upload = upload(text, true);
        self.validate(&upload).unwrap()
    }

    fn apply(&self, import: &Import) -> Result<Import> {
        let id = import.id.clone();
        let prepared = prepare(&self.org, &id)?;
        match self.org.write(&administrator(), move |tx| apply(tx, prepared))? {
            Applied::Done(import) => Ok(*import),
            Applied::Outdated => Err(kept_changing()),
        }
    }

    fn give(&self, name: &str, code: &str) {
        let (name, code) = (name.to_owned(), code.to_owned());
        self.write(&Actor::CommandLine, move |tx| {
            let user = users::named(tx.conn, &name)?.unwrap();
            let kind = licenses::coded(tx.conn, &code)?.unwrap();
            licenses::assign(tx, &user.id, &kind.id)
        })
        .unwrap();
    }

    fn holds(&self, name: &str) -> Option<String> {
        let read = |conn: &mut Conn| {
            let user = users::named(conn, name)?.unwrap();
            Ok(licenses::of(conn, &user.id)?.map(|kind| kind.code))
        };
        self.org.read(read).unwrap()
    }

    fn rows(&self, import: &Import) -> Vec<ImportRow> {
        self.org.read(|conn| rows(conn, &import.id, false, 0, 100)).unwrap()
    }

    fn steps(&self, import: &Import) -> Vec<Step> {
        self.rows(import).iter().map(|row| row.step).collect()
    }

    /// The faults with their remedies, by row.
    fn faults(&self, import: &Import) -> Vec<(i32, String, String)> {
        let rows = self.org.read(|conn| rows(conn, &import.id, true, 0, 100)).unwrap();
        rows.into_iter().map(|row| (row.number, row.fault.unwrap(), row.remedy.unwrap())).collect()
    }

    fn find(&self, import: &Import) -> Import {
        self.org.read(|conn| find(conn, &import.id)).unwrap()
    }

    /// What was done since the seeds, oldest first.
    fn record(&self) -> Vec<String> {
        let all = |conn: &mut Conn| audit::list(conn, &audit::Filter::default(), &page::At::Start, 10_000);
        let mut events = self.org.read(all).unwrap().items;
        events.reverse();
        events.iter().filter(|event| event.actor_kind == "person").flat_map(audit::Event::sentences).collect()
    }

    fn mark_deleted_in_entra(&self, name: &'static str) {
        self.write(&Actor::Entra, move |tx| {
            let mine = accounts::table.filter(accounts::user_name_key.eq(name));
            Ok(diesel::update(mine).set(accounts::entra_state.eq(EntraState::Deleted)).execute(tx.conn)?)
        })
        .unwrap();
    }
}

mod applying;
mod keeping;
mod validating;
