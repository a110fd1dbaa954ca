//! Workload identity federation (RFC 7523): Entra ID proves itself with a token of its own in place of a secret.
//!
//! An owner pins the tenant, the audience and the subject. The issuer and the address of the signing keys follow from
//! the tenant and the authority, which the operator sets: nobody can point us at keys of their own.

use super::access_tokens::{self, Issued};
use super::assertion::{Assertion, AssertionRefusal, bare_audience};
use super::replays::Replays;
use super::signing_keys::SigningKeys;
pub use super::terms::Federation;
use crate::db::Conn;
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::settings::{self, names};
use crate::domain::{Clock, Noted, Tx};
use crate::error::{Complaint, Error, Result};
use url::Url;
use uuid::Uuid;

const LONGEST_AUDIENCE: usize = 255;

/// How federation is to be set up, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct FederationInput {
    /// Whether assertions are to be accepted.
    pub enabled: bool,
    /// The Entra tenant.
    pub tenant_id: String,
    /// The audience.
    pub audience: String,
    /// The subject.
    pub subject: String,
    /// Whether repeats are accepted.
    pub accept_repeats: bool,
}

/// How federation is set up now.
pub fn read(conn: &mut Conn) -> Result<Federation> {
    Ok(settings::get(conn, names::FEDERATION)?.unwrap_or_default())
}

/// Sets federation up. What was got under other terms, or before it was switched off, is refused from now on.
pub fn save(tx: &mut Tx, wish: &FederationInput) -> Result<Noted<Federation>> {
    let before = read(tx.conn)?;
    let mut after = checked(wish)?;
    after.client_id =
        if before.client_id.is_empty() { Uuid::new_v4().to_string() } else { before.client_id.clone() };
    let state = |federation: &Federation| if federation.enabled { "on" } else { "off" };
    let repeats = |federation: &Federation| if federation.accept_repeats { "yes" } else { "no" };
    let terms = [
        Change::of("state", Some(state(&before)), Some(state(&after))),
        Change::of("tenant", Some(&before.tenant_id), Some(&after.tenant_id)),
        Change::of("audience", Some(&before.audience), Some(&after.audience)),
        Change::of("subject", Some(&before.subject), Some(&after.subject)),
    ];
    let mut changes: Vec<Change> = terms.into_iter().flatten().collect();
    if !changes.is_empty() {
        access_tokens::revoke_of_federation(tx)?;
    }
    changes.extend(Change::of("repeated assertions", Some(repeats(&before)), Some(repeats(&after))));
    if after != before {
        settings::put(tx, names::FEDERATION, &after)?;
        let subject =
            Subject { kind: Kind::Provisioning, id: "federation", name: "workload identity federation" };
        return Ok(tx.note(Action::FederationChanged, subject, &changes)?.with(after));
    }
    Ok(Noted::unaudited(after, "nothing changed"))
}

/// Issues an access token to whoever presented a good assertion, if it was checked against what is pinned now.
pub fn issue(tx: &mut Tx, pinned: &Federation) -> Result<Noted<Issued>> {
    if read(tx.conn)? != *pinned {
        return Err(Error::Conflict("Workload identity federation was set up in another way.".to_owned()));
    }
    let issued = access_tokens::issue(tx, None, access_tokens::FEDERATION)?;
    Ok(Noted::unaudited(issued, "the provisioning log tells of each token that is issued"))
}

fn checked(wish: &FederationInput) -> Result<Federation> {
    let mut complaints = Vec::new();
    let mut complain =
        |field, message: &str| complaints.push(Complaint { field, message: message.to_owned() });
    let must = |text: &str| wish.enabled || !text.is_empty();
    let tenant_id = guid(&wish.tenant_id);
    if tenant_id.is_none() && must(wish.tenant_id.trim()) {
        complain("tenant_id", "Enter the tenant ID, such as 5c3e7f80-1a2b-4c3d-8e4f-0123456789ab.");
    }
    let subject = guid(&wish.subject);
    if subject.is_none() && must(wish.subject.trim()) {
        complain(
            "subject",
            "Enter the subject that Entra ID shows, such as 5c3e7f80-1a2b-4c3d-8e4f-0123456789ab.",
        );
    }
    let audience = bare_audience(wish.audience.trim());
    let is_audience = audience.strip_prefix("api://").is_some_and(|rest| !rest.is_empty())
        && audience.len() <= LONGEST_AUDIENCE
        && audience.chars().all(|char| char.is_ascii_graphic());
    if !is_audience && must(audience) {
        complain("audience", "Enter the audience that Entra ID shows; it begins with api://.");
    }
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    Ok(Federation {
        enabled: wish.enabled,
        tenant_id: tenant_id.unwrap_or_default(),
        audience: audience.to_owned(),
        subject: subject.unwrap_or_default(),
        accept_repeats: wish.accept_repeats,
        client_id: String::new(),
    })
}

fn guid(text: &str) -> Option<String> {
    Uuid::try_parse(text.trim()).ok().map(|guid| guid.hyphenated().to_string())
}

/// Who vouches for Entra ID: what is remembered of its keys and of the assertions that were accepted.
pub struct Authority {
    base: String,
    keys: SigningKeys,
    replays: Replays,
}

impl Authority {
    /// The authority at this address, such as `https://login.microsoftonline.com`.
    #[must_use]
    pub fn new(address: &Url) -> Self {
        let base = address.as_str().trim_end_matches('/').to_owned();
        Self { base, keys: SigningKeys::default(), replays: Replays::default() }
    }

    /// What the assertions of a tenant must say of their issuer.
    #[must_use]
    pub fn issuer(&self, tenant_id: &str) -> String {
        format!("{}/{tenant_id}/v2.0", self.base)
    }

    /// Where a tenant's signing keys are published.
    #[must_use]
    pub fn keys_address(&self, tenant_id: &str) -> String {
        format!("{}/{tenant_id}/discovery/v2.0/keys", self.base)
    }

    /// Accepts an assertion, or says why not.
    pub async fn admit(
        &self,
        pinned: &Federation,
        client_id: Option<&str>,
        assertion: &str,
        clock: &Clock,
    ) -> std::result::Result<(), AssertionRefusal> {
        if !pinned.enabled {
            return Err(AssertionRefusal::Off);
        }
        if client_id.is_some_and(|id| id != pinned.client_id) {
            return Err(AssertionRefusal::Client);
        }
        let assertion = Assertion::read(assertion)?;
        let issuer = self.issuer(&pinned.tenant_id);
        assertion.check(pinned, &issuer, clock.now())?;
        let address = self.keys_address(&pinned.tenant_id);
        let key = self.keys.find(&address, &issuer, &assertion.kid, clock).await?;
        assertion.verify(&key)?;
        if pinned.accept_repeats || self.replays.is_first(&assertion, clock.now()) {
            Ok(())
        } else {
            Err(AssertionRefusal::Replayed)
        }
    }
}
