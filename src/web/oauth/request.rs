//! What a client asks of the token endpoint: read from the form and the Authorization header, and nothing else.
//!
//! One request proves itself in one way only (RFC 6749 section 2.3) and names each parameter once (section 3.2).

use super::refusal::Refusal;
use crate::domain::identity::assertion;
use crate::secret::Secret;
use actix_web::http::header::{self, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::form_urlencoded;

const FORM: &str = "application/x-www-form-urlencoded";
/// They would stand in the logs of every proxy if they came in the address (RFC 6749 section 2.3.1).
const IN_BODY_ONLY: [&str; 6] =
    ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"];

/// A request for an access token. It holds secrets: it is never printed.
pub(super) struct TokenRequest {
    pub(super) client_id: Option<String>,
    pub(super) proof: Proof,
    pub(super) scope: Option<String>,
}

/// What the client proves itself with.
pub(super) enum Proof {
    Secret(Secret),
    Assertion(Secret),
}

impl TokenRequest {
    pub(super) fn read(headers: &HeaderMap, query: &str, body: &[u8]) -> Result<Self, Refusal> {
        let form = Parameters::read(headers, body)?;
        if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| IN_BODY_ONLY.contains(&&*name)) {
            return Err(Refusal::malformed("parameters belong in the body, not in the address"));
        }
        match form.value("grant_type").as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::grant_type()),
            None => return Err(Refusal::malformed("grant_type is missing")),
        }
        let scope = form.value("scope");
        let basic = basic(headers)?;
        let (client_id, secret) = (form.value("client_id"), form.value("client_secret"));
        let assertion = form.assertion()?;
        let ways = [basic.is_some(), secret.is_some(), assertion.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(Refusal::malformed("a client proves itself in one way, not in two"));
        }
        if let Some(assertion) = assertion {
            return Ok(Self { client_id, proof: Proof::Assertion(Secret::new(assertion)), scope });
        }
        let (client_id, secret) = match basic {
            // An identifier beside the header is no second proof, as long as it is the same.
            Some((id, _)) if client_id.as_ref().is_some_and(|other| *other != id) => {
                return Err(Refusal::malformed("the header and the body name different clients"));
            }
            Some(named) => named,
            None => match (client_id, secret) {
                (Some(id), Some(key)) => (id, key),
                (None, _) => return Err(Refusal::unproved("client_id is missing")),
                (_, None) => return Err(Refusal::unproved("client_secret is missing")),
            },
        };
        Ok(Self { client_id: Some(client_id), proof: Proof::Secret(Secret::new(secret)), scope })
    }
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(FORM) {
            return Err(Refusal::malformed("the body is not application/x-www-form-urlencoded"));
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::malformed("a parameter is given twice"));
        }
        Ok(Self(fields))
    }

    /// The value of a parameter; an empty one counts as left out (RFC 6749 section 3.2).
    fn value(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(field, value)| field == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }

    fn assertion(&self) -> Result<Option<String>, Refusal> {
        match (self.value("client_assertion_type"), self.value("client_assertion")) {
            (None, None) => Ok(None),
            (Some(kind), Some(assertion)) if kind == assertion::TYPE => Ok(Some(assertion)),
            (Some(_), Some(_)) => Err(Refusal::unproved("client_assertion_type is none that is known here")),
            (None, Some(_)) => Err(Refusal::malformed("client_assertion_type is missing")),
            (Some(_), None) => Err(Refusal::malformed("client_assertion is missing")),
        }
    }
}

/// The identifier and the secret of `Authorization: Basic …`, each form-encoded (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION);
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Refusal::malformed("the Authorization header is sent twice"));
    }
    let unreadable = || Refusal::unproved("the Authorization header is not Basic as it should be");
    let (scheme, credentials) =
        value.to_str().ok().and_then(|text| text.trim().split_once(' ')).ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let bytes = BASE64.decode(credentials.trim()).map_err(|_| unreadable())?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let (id, secret) = text.split_once(':').ok_or_else(unreadable)?;
    match (decoded(id), decoded(secret)) {
        (Some(id), Some(secret)) if !id.is_empty() && !secret.is_empty() => Ok(Some((id, secret))),
        _ => Err(unreadable()),
    }
}

fn decoded(text: &str) -> Option<String> {
    let field = format!("it={text}");
    let mut fields = form_urlencoded::parse(field.as_bytes()).into_owned();
    let (_, value) = fields.next()?;
    fields.next().is_none().then_some(value)
}
