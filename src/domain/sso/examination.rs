//! A response examined: what it costs is bounded, and nothing is held meanwhile.
//!
//! Whoever brings a response makes us work before we know who they are. So what is needed is read first, in one moment;
//! then the connection goes back, and the response is held against it on a thread for such work.

use super::requests::{self, Purpose};
use super::{Here, Settings, certificates, keys, matching, settings};
use crate::db::Conn;
use crate::error::Result;
use crate::saml::key_pair::KeyPair;
use crate::saml::response::{self, Reading};
use crate::saml::{Expected, Fault, Refusal, TrustedKey};
use crate::seal::Keyring;
use crate::threads::assert_may_take_long;
use chrono::NaiveDateTime;

/// What a response is held against, as it was at one moment.
pub struct Grounds {
    here: Here,
    in_force: Settings,
    /// With whom to trust as it waits for an owner.
    waiting: Option<Settings>,
    trusted: Vec<TrustedKey>,
    own: Vec<KeyPair>,
    is_open: bool,
    is_expected: bool,
}

/// What is known before a response is read: whether it will be read at all, and whether its browser asked for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreCheck {
    /// Whether responses are read: while single sign-on is off, only in a browser that tests it.
    pub is_open: bool,
    /// Whether the browser has asked for a response that may still come.
    pub has_asked: bool,
}

impl PreCheck {
    /// Reads it; `browser` is the secret in the browser that posts the response.
    pub fn read(conn: &mut Conn, ring: &Keyring, browser: Option<&str>, now: NaiveDateTime) -> Result<Self> {
        let open = match browser {
            Some(browser) => requests::open_in(conn, ring, browser, now)?,
            None => Vec::new(),
        };
        let is_open = settings::read(conn)?.enabled || open.contains(&Purpose::Test);
        Ok(Self { is_open, has_asked: open.iter().any(|purpose| *purpose != Purpose::SignOut) })
    }
}

/// A response that was read, and the settings that it was held against.
#[derive(Debug)]
pub struct Examined {
    pub(super) reading: Reading,
    pub(super) judged_by: Option<Settings>,
}

impl Examined {
    /// Whether a trusted key signed it: a forged one is charged to the budget of its network.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.reading.outcome.is_ok() || !self.reading.seen.proofs.is_empty()
    }
}

impl Grounds {
    /// Reads all that is needed; `browser` is the secret in the browser that posts the response.
    pub fn read(
        conn: &mut Conn,
        ring: &Keyring,
        here: &Here,
        browser: Option<&str>,
        now: NaiveDateTime,
    ) -> Result<Self> {
        let in_force = settings::read(conn)?;
        let standing = PreCheck::read(conn, ring, browser, now)?;
        Ok(Self {
            here: here.clone(),
            waiting: settings::waiting(conn)?.filter(|waiting| judges_otherwise(waiting, &in_force)),
            trusted: certificates::keys(conn)?,
            own: keys::pairs(conn, ring)?,
            is_open: standing.is_open,
            is_expected: standing.has_asked,
            in_force,
        })
    }

    /// Whether responses are read: while single sign-on is off, only in a browser that tests it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the browser that posts the response was sent to the identity provider, and has had no response yet.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        self.is_expected
    }

    /// Holds the field of a form against it. Changes nothing; works, for a stranger perhaps.
    #[must_use]
    pub fn examine(&self, field: &str, now: NaiveDateTime) -> Examined {
        assert_may_take_long();
        let text = match response::decode(field) {
            Ok(text) => text,
            Err(refusal) => return Examined { reading: Reading::refused(refusal), judged_by: None },
        };
        // Before an issuer is in force, only what waits can say whose response is good.
        if self.in_force.issuer.is_none()
            && let Some(waiting) = &self.waiting
        {
            let reading = self.read_as(waiting, &text, now);
            return Examined { reading, judged_by: Some(waiting.clone()) };
        }
        let reading = self.read_as(&self.in_force, &text, now);
        // What waits for an owner serves those who have no role. It changes nothing about what cannot be proven.
        let refusal = reading.outcome.as_ref().err();
        let depends = |fault| !reading.seen.proofs.is_empty() || fault == Fault::Algorithm;
        if refusal.is_some_and(|refusal| depends(refusal.fault))
            && let Some(waiting) = &self.waiting
        {
            let other = self.read_as(waiting, &text, now);
            if other.outcome.is_ok() {
                return Examined { reading: other, judged_by: Some(waiting.clone()) };
            }
        }
        Examined { reading, judged_by: Some(self.in_force.clone()) }
    }

    fn read_as(&self, settings: &Settings, text: &str, now: NaiveDateTime) -> Reading {
        let Some(issuer) = settings.issuer.as_deref() else {
            let cause = "No issuer is entered here, so no response is one of Entra ID's.".to_owned();
            return Reading::refused(Refusal { fault: Fault::Issuer, cause });
        };
        let naming: Vec<&str> =
            settings.match_claim.as_deref().into_iter().chain([matching::OBJECT_ID]).collect();
        let expected = Expected {
            entity_id: &self.here.entity_id,
            consumer: &self.here.consumer,
            issuer,
            keys: &self.trusted,
            own_keys: &self.own,
            naming_claims: &naming,
            rules: settings.rules(),
            now,
        };
        response::read(text, &expected)
    }
}

/// Whether a response may be good by one of these settings and not by the other.
pub(super) fn judges_otherwise(one: &Settings, other: &Settings) -> bool {
    let judged_by =
        |settings: &Settings| (settings.issuer.clone(), settings.match_claim.clone(), settings.rules());
    judged_by(one) != judged_by(other)
}
