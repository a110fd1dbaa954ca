//! A client assertion (RFC 7523): a token of Entra ID's, read and held against what an owner pinned.
//!
//! Nothing in it is believed before the signature was verified: what is looked at earlier can only refuse it.

use super::terms::Federation;
use crate::domain::rfc3339;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The `client_assertion_type` of the protocol.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LARGEST: usize = 16 * 1024;
/// By so much two clocks may differ.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// Whatever it says of its own end, it is good no longer than this.
const OLDEST: TimeDelta = TimeDelta::hours(24);
const LONGEST_QUOTE: usize = 120;

/// Why an assertion is not accepted: for the log, never for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefusal {
    /// Federation is not switched on.
    #[error("workload identity federation is switched off")]
    Off,
    /// It came with another client's identifier, which is not kept: somebody may have pasted a secret there.
    #[error("the client identifier beside it is not the one of workload identity federation")]
    Client,
    /// It is larger than any that Entra ID sends.
    #[error("the assertion is larger than 16 KiB")]
    TooLarge,
    /// It is no JWT, or lacks what one needs.
    #[error("the assertion cannot be read: {0}")]
    Malformed(String),
    /// It is signed in another way than RS256, or not at all.
    #[error("the assertion is signed with the algorithm “{0}”; only RS256 is accepted")]
    Algorithm(String),
    /// It does not say which key it was signed with.
    #[error("the assertion does not name its signing key (kid)")]
    NoKey,
    /// Another issuer.
    #[error("the issuer (iss) is “{0}”")]
    Issuer(String),
    /// Another tenant.
    #[error("the tenant (tid) is “{0}”")]
    Tenant(String),
    /// Made for somebody else.
    #[error("the audience (aud) is “{0}”")]
    Audience(String),
    /// About somebody else.
    #[error("the subject (sub) is “{0}”")]
    Subject(String),
    /// It has no end or no beginning.
    #[error("the assertion has no {0}")]
    Timeless(&'static str),
    /// Its end has passed.
    #[error("the assertion expired at {0}")]
    Expired(String),
    /// Its time has not come.
    #[error("the assertion is not valid before {0}")]
    NotYet(String),
    /// It says that it was made in the future.
    #[error("the assertion was issued in the future, at {0}")]
    FromFuture(String),
    /// It was made too long ago.
    #[error("the assertion is more than 24 hours old: it was issued at {0}")]
    TooOld(String),
    /// No such key is published.
    #[error("the signing key “{0}” is not among the tenant's published keys")]
    UnknownKey(String),
    /// The signature is not that of the key.
    #[error("the signature is wrong")]
    Signature,
    /// It was accepted before.
    #[error("the assertion was presented before")]
    Replayed,
    /// The keys could not be fetched.
    #[error("the tenant's signing keys could not be fetched: {0}")]
    NoKeys(String),
}

impl AssertionRefusal {
    /// How to mend it, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Off => "Switch workload identity federation on under Identity Management.",
            Self::Client => "Copy the client identifier from Identity Management into Entra ID again.",
            Self::Issuer(_) | Self::Tenant(_) => {
                "Compare the tenant ID under Identity Management with the one in Entra ID. For another Microsoft cloud \
                 the operator sets entra_authority."
            }
            Self::Audience(_) => {
                "Compare the audience under Identity Management with the one that Entra ID shows."
            }
            Self::Subject(_) => {
                "Compare the subject under Identity Management with the one that Entra ID shows."
            }
            Self::Expired(_) | Self::NotYet(_) | Self::FromFuture(_) | Self::TooOld(_) => {
                "Check that the clock of this server is right."
            }
            Self::Replayed => {
                "If it was Entra ID itself that sent it twice, allow repeated assertions under Identity Management. \
                 Otherwise somebody else holds a copy."
            }
            Self::NoKeys(_) => {
                "Check that this server reaches the authority over https (firewall, proxy, certificates). Entra ID \
                 tries again by itself."
            }
            Self::TooLarge | Self::Malformed(_) | Self::Algorithm(_) | Self::NoKey | Self::Timeless(_) => {
                "Entra ID sends no such assertion. Look in the server's own log for who asked."
            }
            Self::UnknownKey(_) | Self::Signature => {
                "Entra ID's keys are looked up again once a minute. If this goes on, somebody else is trying."
            }
        }
    }

    /// Whether it is our side that could not tell.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::NoKeys(_))
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    tid: String,
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: Option<String>,
}

impl Claims {
    /// Whether `pinned` is the audience, or among several of them (RFC 7519 section 4.1.3).
    fn is_for(&self, pinned: &str) -> bool {
        let is =
            |said: &Value| said.as_str().is_some_and(|said| bare_audience(said) == bare_audience(pinned));
        match &self.aud {
            Value::Array(several) => several.iter().any(is),
            one => is(one),
        }
    }
}

/// An audience without the `/.default` that turns it into a scope: Microsoft's pages print it in either form.
///
/// Nothing else is overlooked. A slash at the end is part of an application's identifier URI: with one, Entra ID writes
/// the scope with two (`api://…//.default`).
pub(super) fn bare_audience(audience: &str) -> &str {
    audience.strip_suffix("/.default").unwrap_or(audience)
}

/// A client assertion as it was presented.
pub(super) struct Assertion<'a> {
    token: &'a str,
    pub(super) kid: String,
    claims: Claims,
}

impl<'a> Assertion<'a> {
    /// Reads it, believing nothing.
    pub(super) fn read(token: &'a str) -> Result<Self, AssertionRefusal> {
        if token.len() > LARGEST {
            return Err(AssertionRefusal::TooLarge);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AssertionRefusal::Malformed("it has not three parts".to_owned()));
        };
        let header: Header = json(header)?;
        if header.alg != "RS256" {
            return Err(AssertionRefusal::Algorithm(quote(&header.alg)));
        }
        if header.crit.is_some() {
            return Err(AssertionRefusal::Malformed("it has critical extensions".to_owned()));
        }
        let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(AssertionRefusal::NoKey)?;
        Ok(Self { token, kid, claims: json(claims)? })
    }

    /// Holds its claims against what was pinned, at `now`.
    pub(super) fn check(
        &self,
        pinned: &Federation,
        issuer: &str,
        now: NaiveDateTime,
    ) -> Result<(), AssertionRefusal> {
        let claims = &self.claims;
        if claims.iss != issuer {
            return Err(AssertionRefusal::Issuer(quote(&claims.iss)));
        }
        if claims.tid != pinned.tenant_id {
            return Err(AssertionRefusal::Tenant(quote(&claims.tid)));
        }
        if !claims.is_for(&pinned.audience) {
            let said = claims.aud.as_str().map_or_else(|| claims.aud.to_string(), str::to_owned);
            return Err(AssertionRefusal::Audience(quote(&said)));
        }
        if claims.sub != pinned.subject {
            return Err(AssertionRefusal::Subject(quote(&claims.sub)));
        }
        let expires = moment(claims.exp)?.ok_or(AssertionRefusal::Timeless("expiry (exp)"))?;
        let issued = moment(claims.iat)?.ok_or(AssertionRefusal::Timeless("time of issue (iat)"))?;
        let begins = moment(claims.nbf)?.unwrap_or(issued);
        if expires + LEEWAY <= now {
            return Err(AssertionRefusal::Expired(rfc3339(expires)));
        }
        if begins > now + LEEWAY {
            return Err(AssertionRefusal::NotYet(rfc3339(begins)));
        }
        if issued > now + LEEWAY {
            return Err(AssertionRefusal::FromFuture(rfc3339(issued)));
        }
        if now - issued > OLDEST {
            return Err(AssertionRefusal::TooOld(rfc3339(issued)));
        }
        Ok(())
    }

    /// Verifies the signature.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), AssertionRefusal> {
        // The claims were checked against the organisation's clock, which the crate does not know.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let verified = jsonwebtoken::decode::<Value>(self.token, key, &validation);
        verified.map(drop).map_err(|_| AssertionRefusal::Signature)
    }

    /// What it is recognised by when it comes again, and until when it must be remembered.
    pub(super) fn marks(&self) -> (Vec<[u8; 32]>, NaiveDateTime) {
        // Without the signature, which could be spelt in another way.
        let signed = self.token.rsplit_once('.').map_or(self.token, |(signed, _)| signed);
        let mut marks = vec![Sha256::digest(signed.as_bytes()).into()];
        if let Some(jti) = &self.claims.jti {
            marks.push(Sha256::digest(format!("jti {jti}").as_bytes()).into());
        }
        let time = |stamp| moment(stamp).ok().flatten().unwrap_or_default();
        let end = time(self.claims.exp).min(time(self.claims.iat) + OLDEST);
        (marks, end + LEEWAY)
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, AssertionRefusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_| AssertionRefusal::Malformed("it is not base64url".to_owned()))?;
    serde_json::from_slice(&bytes).map_err(|cause| AssertionRefusal::Malformed(quote(&cause.to_string())))
}

/// A time of this age of the world: one that leeway can be added to.
fn moment(stamp: Option<i64>) -> Result<Option<NaiveDateTime>, AssertionRefusal> {
    let Some(stamp) = stamp else { return Ok(None) };
    let sane = (0..=253_402_300_799).contains(&stamp).then(|| DateTime::from_timestamp(stamp, 0)).flatten();
    let sane = sane.ok_or_else(|| AssertionRefusal::Malformed("a time is out of range".to_owned()))?;
    Ok(Some(sane.naive_utc()))
}

/// What a stranger wrote, fit for the log: short, on one line, and without the marks between which it is quoted there.
pub(super) fn quote(text: &str) -> String {
    let clean = text.chars().map(|char| match char {
        '“' | '”' => '"',
        char if char.is_control() => '\u{fffd}',
        char => char,
    });
    clean.take(LONGEST_QUOTE).collect()
}
