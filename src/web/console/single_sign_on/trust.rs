//! Whom single sign-on trusts: what an owner is asked to look at, and to approve or reject.

use super::card::Certificate;
use crate::db::Conn;
use crate::domain::audit::Change;
use crate::domain::sso::first_look::{self, Look};
use crate::domain::sso::{Settings, Trust, Trusted, certificates, settings};
use crate::domain::users::User;
use crate::domain::users::recognition;
use crate::error::{Error, Result};
use crate::web::forms::{Act, PageContext, Redirect};
use crate::web::page::{Answer, Layout};
use askama::Template;
use serde::Deserialize;

const PATH: &str = "/identity/trust";

#[derive(Template)]
#[template(path = "identity/trust.html")]
struct TrustPage {
    layout: Layout,
    waiting: Option<PendingChanges>,
    in_force: Vec<Change>,
    /// What is to be known of addresses that may look like others.
    remarks: Vec<(&'static str, String)>,
    unapproved: Vec<Certificate>,
    approved: Vec<Certificate>,
    /// Of those, the ones that were trusted under another issuer.
    former: Vec<Certificate>,
    people: Vec<User>,
    look: Option<Look>,
    metadata_approved: bool,
    first_issuer: Option<String>,
}

/// What waits for an owner.
struct PendingChanges {
    changes: Vec<Change>,
    remarks: Vec<(&'static str, String)>,
    /// What was shown, to be compared when the owner decides.
    shown: String,
}

impl TrustPage {
    fn nothing_waits(&self) -> bool {
        let certificates = self.unapproved.is_empty() && self.former.is_empty();
        self.waiting.is_none() && certificates && self.people.is_empty() && self.look.is_none()
    }
}

pub(in crate::web::console) async fn show(page: PageContext) -> Answer {
    let (now, keys) = (page.org.inner().now(), page.org.inner().keys().clone());
    let (in_force, waiting, trusted, people, look, metadata_approved, first_issuer) = page
        .org
        .read(move |conn| {
            Ok((
                settings::read(conn)?,
                settings::waiting(conn)?,
                certificates::list(conn)?,
                recognition::waiting(conn)?,
                first_look::to_review(conn, &keys)?,
                settings::is_metadata_address_approved(conn)?,
                settings::first_issuer(conn)?,
            ))
        })
        .await?;
    let waiting = match waiting {
        Some(waiting) => Some(PendingChanges {
            changes: settings::changes(&in_force, &waiting),
            remarks: waiting.remarks(),
            shown: serde_json::to_string(&waiting.trust()).map_err(Error::internal)?,
        }),
        None => None,
    };
    let former = trusted.iter().filter(|one| one.former_issuer.is_some() && one.approved).cloned().collect();
    let (approved, unapproved) = trusted.into_iter().partition::<Vec<_>, _>(|one| one.approved);
    let shown = |all: Vec<Trusted>| all.into_iter().map(|one| Certificate::of(one, now)).collect();
    page.show("identity", |layout| TrustPage {
        layout,
        waiting,
        unapproved: shown(unapproved),
        approved: shown(approved),
        former: shown(former),
        people,
        look,
        first_issuer,
        metadata_approved: metadata_approved || in_force.metadata_url.is_none(),
        remarks: in_force.remarks(),
        in_force: settings::changes(&Settings::default(), &in_force),
    })
}

/// What the owner was shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Decision {
    shown: String,
    /// Whether the address of the metadata is approved of, too.
    approve_metadata_url: String,
}

impl Decision {
    fn trust(&self) -> Result<Trust> {
        let unreadable = |_| Error::Conflict("Look at what waits once more, then decide.".to_owned());
        serde_json::from_str(&self.shown).map_err(unreadable)
    }
}

pub(in crate::web::console) async fn approve(act: Act<Decision>) -> Answer {
    act.submit(|tx, form| settings::approve(tx, &form.trust()?))
        .then(|_| Redirect::to(PATH, "What was entered is in force."))
        .or_show(show)
        .await
}

pub(in crate::web::console) async fn reject(act: Act<Decision>) -> Answer {
    act.submit(|tx, form| settings::reject(tx, &form.trust()?))
        .then(|()| Redirect::to(PATH, "What was entered was thrown away."))
        .or_show(show)
        .await
}

/// An owner looked at what was trusted before owners had to approve of it.
pub(in crate::web::console) async fn looked(act: Act<Decision>) -> Answer {
    let address = !act.input().approve_metadata_url.is_empty();
    act.submit(move |tx, form| {
        let noted =
            first_look::done(tx, Some(form.shown.as_str()).filter(|shown| !shown.is_empty()), address)?;
        Ok(noted.with(certificates::list(tx.conn)?.iter().filter(|one| one.kept_at_upgrade).count()))
    })
    .then(move |kept| Redirect::to(PATH, said_of_look(kept, address)))
    .or_show(show)
    .await
}

fn said_of_look(kept: usize, address: bool) -> String {
    let kept = match kept {
        0 => "",
        1 => {
            " One certificate still waits for an owner’s approval: until then it signs in auditors and administrators, \
              and no owner."
        }
        _ => {
            " Some certificates still wait for an owner’s approval: until then they sign in auditors and \
              administrators, and no owner."
        }
    };
    let address = if address { " The metadata URL is approved." } else { "" };
    format!("Noted: it stays as it is.{address}{kept}")
}

/// What Home says of it: what, and whether it is bad.
pub(in crate::web::console) fn concerns(conn: &mut Conn) -> Result<Vec<(&'static str, String)>> {
    let mut all = Vec::new();
    if settings::waiting(conn)?.is_some() {
        let text = "An administrator changed whom single sign-on trusts, or where it sends people. It waits for an owner.";
        all.push(("bad", text.to_owned()));
    }
    match recognition::waiting(conn)?.as_slice() {
        [] => {}
        [one] => all.push(("bad", format!(
            "How {} is recognised at sign-in was changed, and waits for an owner to confirm it, under Administrators.",
            one.name()
        ))),
        many => all.push(("bad", format!(
            "How {} accounts with a role are recognised at sign-in was changed, and waits for an owner to confirm it, \
             under Administrators.",
            many.len()
        ))),
    }
    if first_look::is_due(conn)? {
        let text = "Owners now decide whom single sign-on trusts and how accounts with a role are recognised. What was \
                    there is kept: an owner looks at it once.";
        all.push(("warn", text.to_owned()));
    }
    Ok(all)
}
