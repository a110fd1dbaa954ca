//! What an administrator changed of whom to trust, while it waits for an owner.
//!
//! It is kept as a change, field by field, and never as a copy of everything: of the fields that the administrator left
//! alone, what an owner decides meanwhile holds for what waits, too, and an approval brings nothing of them back.

use super::settings::{self, Settings, Trust, changes, put_in_force, trust_changed};
use super::{SUBJECT, checks};
use crate::db::Conn;
use crate::db::schema::sso_waiting;
use crate::domain::audit::{Action, Change};
use crate::domain::sessions::{self, Ending};
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Tx};
use crate::error::{Error, Result};
use diesel::prelude::*;

text_enum! {
    /// A field of [`Trust`].
    pub enum Field {
        /// Where Entra ID takes sign-in requests.
        LoginUrl = "login_url",
        /// The name by which Entra ID signs.
        Issuer = "issuer",
        /// Where Entra ID takes sign-out requests.
        LogoutUrl = "logout_url",
        /// Whether SHA-1 is taken in signatures.
        AllowSha1 = "allow_sha1",
        /// Where Entra ID publishes its metadata.
        MetadataUrl = "metadata_url",
        /// Whether it is read again every day.
        RefreshMetadata = "refresh_metadata",
    }
}

/// How a box that is ticked is kept; one that is not is kept as nothing.
const TICKED: &str = "on";

impl Field {
    fn of(self, trust: &Trust) -> Option<String> {
        let tick = |ticked: bool| ticked.then(|| TICKED.to_owned());
        match self {
            Self::LoginUrl => trust.login_url.clone(),
            Self::Issuer => trust.issuer.clone(),
            Self::LogoutUrl => trust.logout_url.clone(),
            Self::AllowSha1 => tick(trust.allow_sha1),
            Self::MetadataUrl => trust.metadata_url.clone(),
            Self::RefreshMetadata => tick(trust.refresh_metadata),
        }
    }

    fn put(self, trust: &mut Trust, value: Option<String>) {
        match self {
            Self::LoginUrl => trust.login_url = value,
            Self::Issuer => trust.issuer = value,
            Self::LogoutUrl => trust.logout_url = value,
            Self::AllowSha1 => trust.allow_sha1 = value.is_some(),
            Self::MetadataUrl => trust.metadata_url = value,
            Self::RefreshMetadata => trust.refresh_metadata = value.is_some(),
        }
    }
}

/// The fields that an administrator changed, with the new values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wished(Vec<(Field, Option<String>)>);

impl Wished {
    /// What the new settings change of those in force.
    fn between(in_force: &Trust, wish: &Trust) -> Self {
        let changed = Field::ALL.iter().filter(|field| field.of(in_force) != field.of(wish));
        Self(changed.map(|field| (*field, field.of(wish))).collect())
    }

    /// What would be in force with it.
    fn over(self, mut in_force: Trust) -> Trust {
        for (field, value) in self.0 {
            field.put(&mut in_force, value);
        }
        in_force
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn stored(conn: &mut Conn) -> Result<Wished> {
    Ok(Wished(sso_waiting::table.select((sso_waiting::field, sso_waiting::value)).load(conn)?))
}

fn store(tx: &mut Tx, wished: &Wished) -> Result<()> {
    diesel::delete(sso_waiting::table).execute(tx.conn)?;
    for (field, value) in &wished.0 {
        let row = (sso_waiting::field.eq(field), sso_waiting::value.eq(value));
        diesel::insert_into(sso_waiting::table).values(row).execute(tx.conn)?;
    }
    Ok(())
}

/// The settings with whom to trust as it would be if an owner approved of what waits, if something does.
pub fn waiting(conn: &mut Conn) -> Result<Option<Settings>> {
    let wished = stored(conn)?;
    if wished.is_empty() {
        return Ok(None);
    }
    let in_force = settings::read(conn)?;
    let trust = wished.over(in_force.trust());
    Ok(Some(in_force.trusting(trust).with_addresses_as_read()))
}

/// The settings as a form shows them and a change builds on them: to an owner those in force, to others what they
/// entered.
pub fn entered(conn: &mut Conn, is_owner: bool) -> Result<Settings> {
    match waiting(conn)? {
        Some(waiting) if !is_owner => Ok(waiting),
        _ => settings::read(conn),
    }
}

/// Stores what an administrator changed until an owner decides; nothing, where it is in force already.
pub(super) fn wait(tx: &mut Tx, in_force: &Settings, wish: &Settings) -> Result<Noted<()>> {
    let shown = entered(tx.conn, false)?;
    if shown.trust() == wish.trust() {
        return Ok(Noted::unaudited((), "nothing changed"));
    }
    let wished = Wished::between(&in_force.trust(), &wish.trust());
    forget(tx)?;
    if wished.is_empty() {
        let withdrawn = Change::set("what waited for an owner", "withdrawn");
        return tx.note(Action::SsoChanged, SUBJECT, &[withdrawn]);
    }
    store(tx, &wished)?;
    trust_changed(tx)?;
    let mut changes = changes(&shown, &shown.clone().trusting(wish.trust()));
    changes.iter_mut().for_each(|change| change.attribute.push_str(", waiting for an owner"));
    tx.note(Action::SsoChanged, SUBJECT, &changes)
}

/// Removes from what waits that which is in force by now.
pub(super) fn drop_settled(tx: &mut Tx) -> Result<()> {
    let before = stored(tx.conn)?;
    if before.is_empty() {
        return Ok(());
    }
    let in_force = settings::read(tx.conn)?.trust();
    let left = Wished::between(&in_force, &before.clone().over(in_force.clone()));
    if left.is_empty() {
        return forget(tx);
    }
    if left != before {
        store(tx, &left)?;
    }
    Ok(())
}

/// Nothing waits any longer; what came in by it goes.
fn forget(tx: &mut Tx) -> Result<()> {
    store(tx, &Wished::default())?;
    sessions::end_those(tx, &Ending::FromWaitingSettings).map(drop)
}

/// Puts in force what an administrator entered. `shown` is what the owner was shown; refused if that has changed since.
pub fn approve(tx: &mut Tx, shown: &Trust) -> Result<Noted<Settings>> {
    let (before, waiting) = decided(tx, shown)?;
    let wish = checks::checked(&waiting)?;
    checks::complete(tx.conn, &before, &wish)?;
    forget(tx)?;
    put_in_force(tx, &before, &wish)?;
    let approved = Change::set("what an administrator entered", "approved");
    let noted = tx.note(Action::SsoChanged, SUBJECT, &[approved])?;
    Ok(noted.with(wish))
}

/// Throws away what an administrator entered.
pub fn reject(tx: &mut Tx, shown: &Trust) -> Result<Noted<()>> {
    let (before, waiting) = decided(tx, shown)?;
    forget(tx)?;
    let mut rejected = changes(&before, &waiting);
    rejected.iter_mut().for_each(|change| change.attribute.push_str(", rejected"));
    tx.note(Action::SsoChanged, SUBJECT, &rejected)
}

/// What is in force and what waits, to an owner who has seen it.
fn decided(tx: &mut Tx, shown: &Trust) -> Result<(Settings, Settings)> {
    if !tx.actor.is_owner() {
        return Err(Error::Forbidden("Only an owner decides whom to trust.".to_owned()));
    }
    let gone = || Error::Conflict("Nothing waits any longer: somebody was faster.".to_owned());
    let waiting = waiting(tx.conn)?.ok_or_else(gone)?;
    if waiting.trust() != *shown {
        let cause = "What waits was changed since this page was shown. Nothing was done: look at it again.";
        return Err(Error::Conflict(cause.to_owned()));
    }
    Ok((settings::read(tx.conn)?, waiting))
}

/// The issuer that waits, where none is in force yet.
pub fn first_issuer(conn: &mut Conn) -> Result<Option<String>> {
    if settings::read(conn)?.issuer.is_some() {
        return Ok(None);
    }
    Ok(waiting(conn)?.and_then(|waiting| waiting.issuer))
}

/// Puts that issuer in force, for an owner who was shown it beside the certificate that they approve of. Refused if it is
/// another by now.
pub(super) fn approve_first_issuer(tx: &mut Tx, shown: &str) -> Result<Noted<()>> {
    let before = settings::read(tx.conn)?;
    if before.issuer.as_deref() == Some(shown) {
        return Ok(Noted::unaudited((), "it is in force already"));
    }
    let Some(issuer) = first_issuer(tx.conn)?.filter(|issuer| issuer == shown) else {
        let cause = "The issuer that would come into force with the certificate was changed since this page was shown. \
                     Nothing was done: look at it again.";
        return Err(Error::Conflict(cause.to_owned()));
    };
    put_in_force(tx, &before, &Settings { issuer: Some(issuer), ..before.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered() -> Trust {
        let text = |text: &str| Some(text.to_owned());
        Trust {
            login_url: text("login"),
            issuer: text("issuer"),
            logout_url: text("logout"),
            allow_sha1: true,
            metadata_url: text("metadata"),
            refresh_metadata: true,
        }
    }

    #[test]
    fn every_field_that_is_changed_is_kept_and_no_other() {
        let none = Trust::default();
        let all = Wished::between(&none, &entered());
        assert_eq!(all.0.len(), Field::ALL.len());
        assert_eq!(all.over(none.clone()), entered());
        assert_eq!(Wished::between(&entered(), &none).over(entered()), none, "and so is what is cleared");
        for field in Field::ALL {
            let mut wish = none.clone();
            field.put(&mut wish, field.of(&entered()));
            let wished = Wished::between(&none, &wish);
            assert_eq!(wished.0.len(), 1, "{field:?}");
            // An owner decides all the others meanwhile: each is as they decided.
            let mut expected = entered();
            field.put(&mut expected, field.of(&wish));
            let mut decided = entered();
            field.put(&mut decided, None);
            assert_eq!(wished.over(decided), expected, "{field:?}");
        }
    }
}
