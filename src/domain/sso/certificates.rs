//! With which certificates Entra ID may sign: several at once, so that a new one takes over without an outage.
//!
//! Whoever holds a trusted key can sign in as anybody. So that an administrator cannot become somebody else by adding a
//! key of their own, a certificate signs in accounts with a role only once an owner has approved of it.

use super::{SUBJECT, settings, waiting};
use crate::certificate::{self, Certificate};
use crate::db::Conn;
use crate::db::schema::{idp_certificates, idp_certificates_removed};
use crate::domain::audit::{Action, Change};
use crate::domain::expiry::Remaining;
use crate::domain::sessions::{self, Ending};
use crate::domain::{Noted, Role, Tx, new_id};
use crate::error::{Error, Result};
use crate::saml::TrustedKey;
use crate::threads::assert_may_take_long;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// So many are kept that an owner approved of, and as many that wait for one: those take no place from these.
const MOST: usize = 10;

/// Stands for the thumbprint of a certificate that is stored and cannot be read.
pub(super) const DAMAGED: &str = "(damaged in the database)";

/// A certificate with which the identity provider signs.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idp_certificates)]
pub struct Trusted {
    /// Its key.
    pub id: String,
    /// The certificate, in Base64 of its DER form.
    pub der: String,
    /// Whom it names.
    pub subject: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// When it begins to be valid, in UTC.
    pub not_before: NaiveDateTime,
    /// When it stops being valid, in UTC.
    pub not_after: NaiveDateTime,
    created_at: NaiveDateTime,
    /// Whether an owner approved of it.
    pub approved: bool,
    /// Whether it was trusted before owners had to approve of it for all roles.
    pub kept_at_upgrade: bool,
    /// Whether an owner removed it before it came again: it signs in nobody until an owner approves of it.
    pub withdrawn: bool,
    /// The issuer under which it was trusted, where another one is in force since and nobody said that it is that one's.
    pub former_issuer: Option<String>,
}

impl Trusted {
    /// Its SHA-1 thumbprint, as Entra ID's pages show it.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.bytes().map_or_else(|_| DAMAGED.to_owned(), |der| certificate::thumbprint(&der))
    }

    /// The certificate in DER form.
    fn bytes(&self) -> Result<Vec<u8>> {
        BASE64.decode(&self.der).map_err(|cause| {
            let what = format!("The signing certificate {} ({})", self.subject, self.fingerprint);
            let remedy = "Remove it under Identity Management, Single sign-on, and enter it again.";
            Error::damaged(&what, remedy, cause)
        })
    }

    /// The greatest role that it signs in. Without an owner's approval that is none; what was trusted before approval was
    /// needed for all roles goes on signing in auditors and administrators.
    #[must_use]
    pub fn good_for(&self) -> Role {
        if self.approved {
            Role::Owner
        } else if self.kept_at_upgrade {
            Role::Administrator
        } else {
            Role::None
        }
    }

    /// Both forms in which people compare it.
    #[must_use]
    pub fn prints(&self) -> String {
        certificate::prints(&self.thumbprint(), &self.fingerprint)
    }

    /// How long it is good.
    #[must_use]
    pub fn remaining(&self, now: NaiveDateTime) -> Remaining {
        Remaining::of(self.not_after, now)
    }
}

/// The certificates, the longest valid first.
pub fn list(conn: &mut Conn) -> Result<Vec<Trusted>> {
    let order = idp_certificates::not_after.desc();
    Ok(idp_certificates::table.order(order).select(Trusted::as_select()).load(conn)?)
}

/// Those that sign anybody in: not those that an owner removed and that only came again.
pub fn in_use(conn: &mut Conn) -> Result<Vec<Trusted>> {
    Ok(list(conn)?.into_iter().filter(|one| !one.withdrawn).collect())
}

/// The certificates as signatures are held against them.
pub fn keys(conn: &mut Conn) -> Result<Vec<TrustedKey>> {
    let key = |trusted: Trusted| {
        let der = trusted.bytes()?;
        Ok(TrustedKey { der, fingerprint: trusted.fingerprint, not_after: trusted.not_after })
    };
    in_use(conn)?.into_iter().map(key).collect()
}

/// What came of trusting some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// How many were not known before.
    pub new: usize,
    /// How many were known and waited for an owner, and are approved now.
    pub approved: usize,
    /// How many were removed here before, and so wait for an owner's approval.
    pub removed_before: usize,
    /// How many were left out because they only issued another one.
    pub issuers: usize,
}

/// Who says that a certificate is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A person, who entered this very one.
    Entry,
    /// A document, which lists several. It brings none back that was removed here: that is a decision of its own.
    Listing,
}

/// The certificates in a file that somebody entered.
pub struct Found {
    signers: Vec<Certificate>,
    issuers: usize,
}

/// Reads the certificates in a file. That takes a moment: not where writers wait. [`add`] trusts them.
pub fn read(file: &[u8]) -> Result<Found> {
    assert_may_take_long();
    let found = certificate::read(file).map_err(|fault| Error::invalid("certificate", fault.to_string()))?;
    let (signers, issuers) = certificate::part(found);
    Ok(Found { signers, issuers: issuers.len() })
}

/// Trusts every certificate that was found; where an owner adds it, also for accounts with a role.
pub fn add(tx: &mut Tx, found: Found) -> Result<Noted<Added>> {
    let Found { signers: found, issuers } = found;
    let known = list(tx.conn)?;
    let is_new = |one: &&Certificate| known.iter().all(|known| known.fingerprint != one.fingerprint);
    if let Some(expired) = found.iter().filter(is_new).find(|certificate| certificate.not_after <= tx.now) {
        let message =
            format!("This certificate expired on {}. Ask Entra ID for a new one.", expired.not_after.date());
        return Err(Error::invalid("certificate", message));
    }
    let approved = tx.actor.is_owner();
    Ok(Noted::unaudited(
        Added { issuers, ..trust_all(tx, found, approved, By::Entry)? },
        "each certificate has an entry of its own",
    ))
}

/// Trusts these; `approved` says whether an owner approves of them. What was added before by somebody who is no owner
/// is approved of then, too: who came first makes no difference.
pub(super) fn trust_all(tx: &mut Tx, found: Vec<Certificate>, approved: bool, by: By) -> Result<Added> {
    let (known, removed) = (list(tx.conn)?, removed(tx.conn)?);
    let mut added = Added::default();
    let (mut good, mut waiting): (Vec<Certificate>, Vec<Certificate>) = (Vec::new(), Vec::new());
    for certificate in found {
        let fingerprint = &certificate.fingerprint;
        let is_kept_out = by == By::Listing && removed.contains_key(fingerprint);
        let approved = approved && !is_kept_out;
        if let Some(known) = known.iter().find(|known| known.fingerprint == *fingerprint) {
            if approved && !known.approved {
                may_add(tx.conn, true, 1)?;
                added.approved += 1;
            }
            if approved && (!known.approved || known.former_issuer.is_some()) {
                stand_behind(tx, known)?;
            }
        } else if !good.iter().chain(&waiting).any(|other| other.fingerprint == *fingerprint) {
            if is_kept_out {
                added.removed_before += 1;
                // One that was removed here and is listed again must not use up the limit, nor make the rest fail.
                if may_add(tx.conn, false, waiting.len() + 1).is_err() {
                    continue;
                }
            }
            if approved { good.push(certificate) } else { waiting.push(certificate) }
        }
    }
    may_add(tx.conn, true, good.len())?;
    may_add(tx.conn, false, waiting.len())?;
    added.new = good.len() + waiting.len();
    let all = good.into_iter().map(|one| (one, true)).chain(waiting.into_iter().map(|one| (one, false)));
    for (certificate, approved) in all {
        let withdrawn = !approved && removed.get(&certificate.fingerprint) == Some(&true);
        insert(tx, certificate, approved, withdrawn)?;
    }
    if added.new > 0 {
        settings::trust_changed(tx)?;
    }
    Ok(added)
}

fn insert(tx: &mut Tx, certificate: Certificate, approved: bool, withdrawn: bool) -> Result<Noted<()>> {
    let trusted = Trusted {
        id: new_id(),
        der: certificate.der,
        subject: certificate.subject,
        fingerprint: certificate.fingerprint,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        created_at: tx.now,
        approved,
        kept_at_upgrade: false,
        withdrawn,
        former_issuer: None,
    };
    diesel::insert_into(idp_certificates::table).values(&trusted).execute(tx.conn)?;
    if approved {
        forget_removal(tx, &trusted.fingerprint)?;
    }
    let what =
        if withdrawn { "certificate that an owner had removed, good for nobody" } else { "certificate" };
    tx.note(Action::SsoChanged, SUBJECT, &[Change::set(what, trusted.prints())])
}

/// The fingerprints of those that were removed here and that no owner approved of since; whether an owner removed them.
fn removed(conn: &mut Conn) -> Result<HashMap<String, bool>> {
    use idp_certificates_removed::{by_owner, fingerprint, table};
    Ok(table.select((fingerprint, by_owner)).load(conn)?.into_iter().collect())
}

fn remember_removal(tx: &mut Tx, fingerprint: &str) -> Result<()> {
    let by_owner = tx.actor.is_owner() || removed(tx.conn)?.get(fingerprint) == Some(&true);
    forget_removal(tx, fingerprint)?;
    let row = (
        idp_certificates_removed::fingerprint.eq(fingerprint),
        idp_certificates_removed::removed_at.eq(tx.now),
        idp_certificates_removed::by_owner.eq(by_owner),
    );
    diesel::insert_into(idp_certificates_removed::table).values(row).execute(tx.conn)?;
    Ok(())
}

fn forget_removal(tx: &mut Tx, fingerprint: &str) -> Result<()> {
    diesel::delete(idp_certificates_removed::table.find(fingerprint)).execute(tx.conn)?;
    Ok(())
}

/// Notes of those that are trusted under which issuer they were, now that another one is in force: the former one's own
/// may be among them. Those of an issuer that is in force again are its own.
pub(super) fn mark_former(tx: &mut Tx, former: &str, now: Option<&str>) -> Result<()> {
    let mark = idp_certificates::former_issuer;
    let own = idp_certificates::table.filter(mark.is_null());
    diesel::update(own).set(mark.eq(Some(former))).execute(tx.conn)?;
    if let Some(now) = now {
        let again = idp_certificates::table.filter(mark.eq(now));
        diesel::update(again).set(mark.eq(None::<String>)).execute(tx.conn)?;
    }
    Ok(())
}

/// Those that sign in accounts with a role and were trusted under an issuer that is in force no longer.
pub fn of_former_issuer(conn: &mut Conn) -> Result<Vec<Trusted>> {
    let is_former = |one: &Trusted| one.former_issuer.is_some() && one.good_for() > Role::None;
    Ok(list(conn)?.into_iter().filter(is_former).collect())
}

/// Refuses more than are kept of one sort.
fn may_add(conn: &mut Conn, approved: bool, more: usize) -> Result<()> {
    let alike = list(conn)?.iter().filter(|one| one.approved == approved).count();
    if more == 0 || alike + more <= MOST {
        return Ok(());
    }
    let message = if approved {
        format!("At most {MOST} certificates are kept. Remove one that is no longer used.")
    } else {
        format!("At most {MOST} certificates wait for an owner. Let an owner look at them, or remove one.")
    };
    Err(Error::invalid("certificate", message))
}

fn stand_behind(tx: &mut Tx, certificate: &Trusted) -> Result<Noted<()>> {
    diesel::update(idp_certificates::table.find(&certificate.id))
        .set((
            idp_certificates::approved.eq(true),
            idp_certificates::kept_at_upgrade.eq(false),
            idp_certificates::withdrawn.eq(false),
            idp_certificates::former_issuer.eq(None::<String>),
        ))
        .execute(tx.conn)?;
    forget_removal(tx, &certificate.fingerprint)?;
    let what = if certificate.approved {
        "certificate of the former issuer, kept"
    } else {
        "certificate approved for owners"
    };
    let change = Change::set(what, certificate.prints());
    tx.note(Action::SsoChanged, SUBJECT, &[change])
}

/// Lets a certificate that an administrator added sign in accounts with a role too. Where no issuer is in force yet, the
/// one that waits comes into force with it, if it is `issuer`: what the owner was shown beside the certificate.
pub fn approve(tx: &mut Tx, id: &str, issuer: Option<&str>) -> Result<Noted<Trusted>> {
    if !tx.actor.is_owner() {
        let cause = "Only an owner may let a certificate sign in accounts with a role.";
        return Err(Error::Forbidden(cause.to_owned()));
    }
    let found = list(tx.conn)?.into_iter().find(|one| one.id == id);
    let certificate = found.ok_or(Error::NotFound("certificate"))?;
    if !certificate.approved {
        may_add(tx.conn, true, 1)?;
        let noted = stand_behind(tx, &certificate)?;
        if let Some(issuer) = issuer {
            waiting::approve_first_issuer(tx, issuer)?;
        }
        return Ok(noted.with(certificate));
    }
    if certificate.former_issuer.is_some() {
        return Ok(stand_behind(tx, &certificate)?.with(certificate));
    }
    Ok(Noted::unaudited(certificate, "an owner stands behind it already"))
}

/// Trusts a certificate no longer; whoever came in by it goes. It is remembered, so that no document brings it back by
/// itself. The last one by which accounts with a role sign in is an
/// owner's to remove.
pub fn remove(tx: &mut Tx, id: &str) -> Result<Noted<()>> {
    let all = list(tx.conn)?;
    let certificate =
        all.iter().find(|certificate| certificate.id == id).ok_or(Error::NotFound("certificate"))?;
    let others = all.iter().any(|one| one.id != id && !one.withdrawn);
    if settings::read(tx.conn)?.enabled && !others && !certificate.withdrawn {
        let message = "This is the only certificate. Add the next one first, or switch single sign-on off.";
        return Err(Error::Conflict(message.to_owned()));
    }
    let serves_roles = |one: &Trusted| one.good_for() > Role::None && one.not_after > tx.now;
    let is_last = serves_roles(certificate) && !all.iter().any(|one| one.id != id && serves_roles(one));
    if is_last && !tx.actor.is_owner() {
        let message = "Accounts with a role sign in by no other certificate: only an owner may remove it. Ask one, or add \
                       the next certificate and let an owner approve of it first.";
        return Err(Error::Conflict(message.to_owned()));
    }
    diesel::delete(idp_certificates::table.find(id)).execute(tx.conn)?;
    remember_removal(tx, &certificate.fingerprint)?;
    sessions::end_those(tx, &Ending::ByCertificate(certificate.fingerprint.clone()))?;
    settings::trust_changed(tx)?;
    let change = Change::of("certificate", Some(&certificate.prints()), None);
    tx.note(Action::SsoChanged, SUBJECT, change.as_slice())
}
