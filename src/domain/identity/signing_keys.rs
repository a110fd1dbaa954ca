//! The public keys that a tenant's tokens are signed with: fetched when they are needed, kept by their name (`kid`).
//!
//! Entra ID changes them without notice, so an unknown name is looked up – once a minute at the most, and by one request
//! at a time: whoever sends made-up names can't make us hammer Microsoft.

use super::assertion::{AssertionRefusal, quote};
use crate::domain::Clock;
use crate::fetch::{self, Limits};
use chrono::{NaiveDateTime, TimeDelta};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), most: 256 * 1024 };
/// Keys are taken for current so long.
const FRESH_FOR: TimeDelta = TimeDelta::hours(24);
/// And serve so long while they cannot be fetched anew.
const SERVE_FOR: TimeDelta = TimeDelta::hours(72);
const ASK_AFTER: TimeDelta = TimeDelta::minutes(1);

/// The keys that were fetched last, and when it was tried.
#[derive(Default)]
pub(super) struct SigningKeys {
    known: Mutex<CachedKeys>,
    /// Held by the one request that fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct CachedKeys {
    address: String,
    keys: HashMap<String, DecodingKey>,
    fetched_at: Option<NaiveDateTime>,
    tried_at: Option<NaiveDateTime>,
    failure: Option<String>,
}

/// What is known of a key without asking anybody.
enum CachedKey {
    Fresh(DecodingKey),
    /// Too old to be taken for current, and not so old that it would not do.
    Old(DecodingKey),
    /// It was asked for less than a minute ago: there is no such key, or there was this failure.
    AskedLately(Option<String>),
    Unknown,
}

impl SigningKeys {
    /// The key of this name among those published at `address` for tokens of `issuer`.
    pub(super) async fn find(
        &self,
        address: &str,
        issuer: &str,
        kid: &str,
        clock: &Clock,
    ) -> Result<DecodingKey, AssertionRefusal> {
        if let Some(settled) = self.settled(address, kid, clock.now()) {
            return settled;
        }
        let fetching = self.fetching.lock().await;
        // Whoever held the lock before may have fetched what is asked for.
        if let Some(settled) = self.settled(address, kid, clock.now()) {
            return settled;
        }
        let fetched = fetch(address, issuer).await;
        let now = clock.now();
        self.keep(address, fetched, now);
        drop(fetching);
        match self.held(address, kid, now) {
            CachedKey::Fresh(key) | CachedKey::Old(key) => Ok(key),
            CachedKey::AskedLately(Some(failure)) => Err(AssertionRefusal::NoKeys(failure)),
            CachedKey::AskedLately(None) | CachedKey::Unknown => {
                Err(AssertionRefusal::UnknownKey(quote(kid)))
            }
        }
    }

    /// The answer, if it can be given without fetching.
    fn settled(
        &self,
        address: &str,
        kid: &str,
        now: NaiveDateTime,
    ) -> Option<Result<DecodingKey, AssertionRefusal>> {
        match self.held(address, kid, now) {
            CachedKey::Fresh(key) => Some(Ok(key)),
            CachedKey::AskedLately(Some(failure)) => Some(Err(AssertionRefusal::NoKeys(failure))),
            CachedKey::AskedLately(None) => Some(Err(AssertionRefusal::UnknownKey(quote(kid)))),
            CachedKey::Old(key) => self.was_asked_lately(now).then_some(Ok(key)),
            CachedKey::Unknown => None,
        }
    }

    fn was_asked_lately(&self, now: NaiveDateTime) -> bool {
        self.known().tried_at.is_some_and(|at| (now - at).abs() < ASK_AFTER)
    }

    fn held(&self, address: &str, kid: &str, now: NaiveDateTime) -> CachedKey {
        let known = self.known();
        if known.address != address {
            return CachedKey::Unknown;
        }
        let age = known.fetched_at.map(|at| (now - at).abs());
        match (known.keys.get(kid), age) {
            (Some(key), Some(age)) if age < FRESH_FOR => CachedKey::Fresh(key.clone()),
            (Some(key), Some(age)) if age < SERVE_FOR => CachedKey::Old(key.clone()),
            _ if known.tried_at.is_some_and(|at| (now - at).abs() < ASK_AFTER) => {
                CachedKey::AskedLately(known.failure.clone())
            }
            _ => CachedKey::Unknown,
        }
    }

    fn keep(&self, address: &str, fetched: Result<HashMap<String, DecodingKey>, String>, now: NaiveDateTime) {
        let mut known = self.known();
        if known.address != address {
            *known = CachedKeys { address: address.to_owned(), ..CachedKeys::default() };
        }
        known.tried_at = Some(now);
        match fetched {
            Ok(keys) => {
                tracing::info!(address, keys = keys.len(), "fetched the signing keys of Entra ID");
                (known.keys, known.fetched_at, known.failure) = (keys, Some(now), None);
            }
            Err(cause) => {
                tracing::error!(address, cause, "the signing keys of Entra ID could not be fetched");
                known.failure = Some(cause);
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, CachedKeys> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Key>,
}

/// A JSON Web Key (RFC 7517), as far as it matters here.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Key {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: String,
    e: String,
    /// Microsoft's: whose tokens the key may sign.
    issuer: Option<String>,
}

impl Key {
    fn may_sign_for(&self, issuer: &str, tenant: &str) -> bool {
        self.kty == "RSA"
            && !self.kid.is_empty()
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == "RS256")
            && self.issuer.as_deref().is_none_or(|own| own.replace("{tenantid}", tenant) == issuer)
    }
}

async fn fetch(address: &str, issuer: &str) -> Result<HashMap<String, DecodingKey>, String> {
    let url = Url::parse(address).map_err(|cause| cause.to_string())?;
    let document = fetch::get(&url, LIMITS).await.map_err(|cause| cause.to_string())?;
    let published: Published = serde_json::from_slice(&document)
        .map_err(|cause| format!("the answer is not a set of keys: {cause}"))?;
    let tenant = issuer.rsplit('/').nth(1).unwrap_or_default();
    let mine = published.keys.into_iter().filter(|key| key.may_sign_for(issuer, tenant));
    // A key that cannot be read is as good as none: the others still serve.
    Ok(mine
        .filter_map(|key| Some((key.kid, DecodingKey::from_rsa_components(&key.n, &key.e).ok()?)))
        .collect())
}
