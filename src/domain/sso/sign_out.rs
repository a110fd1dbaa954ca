//! Which sessions a sign-out ends: ours and Entra ID's, or ours alone.
//!
//! With the identity provider's logout URL blank only our own session ends, and the person stays signed in to
//! Microsoft's applications.

use super::requests::{self, Purpose};
use super::{Here, certificates, keys, settings};
use crate::domain::sessions::CameBy;
use crate::domain::{Tx, fold, sessions};
use crate::error::{Error, Result};
use crate::saml::key_pair::KeyPair;
use crate::saml::logout::{self, Ask, Expected, Reply};
use crate::saml::redirect::{self, Kind, Received};
use crate::saml::{NameId, Refusal};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

/// In sign-out Entra ID goes by another name than in assertions.
const ASSERTIONS: &str = "https://sts.windows.net/";
const SIGN_OUTS: &str = "https://login.microsoftonline.com/";

/// A session that came from Entra ID, as Entra ID knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Whose it is.
    pub name_id: NameId,
    /// Which it is.
    pub session_index: Option<String>,
    /// What it rests on.
    #[serde(default)]
    pub came_by: CameBy,
}

/// The address at which Entra ID ends its own session too; none where that is not wished for.
pub fn ask(tx: &mut Tx, here: &Here, session: &Foreign) -> Result<Option<String>> {
    let settings = settings::read(tx.conn)?;
    let Some(target) = settings.logout_url.filter(|_| settings.enabled) else { return Ok(None) };
    let target = Url::parse(&target).map_err(Error::internal)?;
    let request = requests::begin(tx, Purpose::SignOut, "", "/sign-in?left", None)?;
    let xml = Ask {
        id: &request.id,
        entity_id: &here.entity_id,
        destination: target.as_str(),
        name_id: &session.name_id,
        session_index: session.session_index.as_deref(),
        now: tx.now,
    }
    .to_xml();
    let pairs = keys::pairs(tx.conn, tx.keys)?;
    let key = pairs.first().filter(|_| settings.sign_requests);
    Ok(redirect::address(&target, Kind::Request, &xml, None, key))
}

/// What came of a message to our logout service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Entra ID ended sessions, so many of ours; the address at which it hears of it.
    Ended {
        /// How many of our sessions.
        sessions: usize,
        /// Where the browser goes on to; nowhere when Entra ID has no logout URL here.
        reply: Option<String>,
    },
    /// Entra ID answered our own request.
    Answered {
        /// Whether its session is over.
        success: bool,
    },
}

/// Reads a message to our logout service and does what it asks. A request must be signed where its sender's
/// certificates are known, unless it comes in the very browser whose session it ends.
pub fn hear(tx: &mut Tx, here: &Here, query: &str, own: Option<&Foreign>) -> Result<Result<Heard, Refusal>> {
    let received = match redirect::read(query) {
        Ok(received) => received,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let settings = settings::read(tx.conn)?;
    let issuer = settings.issuer.clone().unwrap_or_default();
    let other = issuer.replacen(ASSERTIONS, SIGN_OUTS, 1);
    let issuers = [issuer.as_str(), other.as_str()];
    let expected =
        Expected { issuers: &issuers, destination: &here.logout, skew: settings.rules().skew, now: tx.now };
    if received.is_signed()
        && let Err(refusal) = received.verify(&certificates::keys(tx.conn)?, tx.now)
    {
        return Ok(Err(refusal));
    }
    match received.kind {
        Kind::Response => Ok(answered(tx, &received, &expected)?),
        Kind::Request => asked(tx, here, &received, &expected, own),
    }
}

fn answered(tx: &mut Tx, received: &Received, expected: &Expected) -> Result<Result<Heard, Refusal>> {
    let answer = match logout::read_response(&received.xml, expected) {
        Ok(answer) => answer,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Nothing hangs on it: our own session ended before we asked.
    let _ = requests::answer(tx, &answer.in_response_to, Some(""))?;
    Ok(Ok(Heard::Answered { success: answer.success }))
}

fn asked(
    tx: &mut Tx,
    here: &Here,
    received: &Received,
    expected: &Expected,
    own: Option<&Foreign>,
) -> Result<Result<Heard, Refusal>> {
    let asked = match logout::read_request(&received.xml, expected) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Entra ID does not sign these. Unsigned, only the index counts that nobody but it and the session knows.
    let mine = own.filter(|own| fold(&own.name_id.value) == fold(&asked.name_id));
    let indexes = match (received.is_signed(), asked.session_indexes.is_empty()) {
        (false, true) => mine.and_then(|own| own.session_index.clone()).into_iter().collect(),
        _ => asked.session_indexes.clone(),
    };
    let sessions = if received.is_signed() || !indexes.is_empty() {
        sessions::end_foreign(tx, &asked.name_id, &indexes)?
    } else {
        0
    };
    let settings = settings::read(tx.conn)?;
    let target = settings.logout_url.and_then(|url| Url::parse(&url).ok());
    let reply = target.and_then(|target| {
        let pairs = keys::pairs(tx.conn, tx.keys).ok()?;
        reply(
            here,
            &target,
            &asked.id,
            received.relay_state.as_deref(),
            pairs.first().filter(|_| settings.sign_requests),
            tx.now,
        )
    });
    Ok(Ok(Heard::Ended { sessions, reply }))
}

fn reply(
    here: &Here,
    target: &Url,
    in_response_to: &str,
    relay_state: Option<&str>,
    key: Option<&KeyPair>,
    now: NaiveDateTime,
) -> Option<String> {
    let id = format!("_{}", Uuid::new_v4().simple());
    let xml =
        Reply { id: &id, entity_id: &here.entity_id, destination: target.as_str(), in_response_to, now }
            .to_xml();
    redirect::address(target, Kind::Response, &xml, relay_state, key)
}
