//! Which sessions a sign-out ends: ours and Entra ID's, or ours alone.
//!
//! With the identity provider's logout URL blank only our own session ends, and the person stays signed in to
//! Microsoft's applications.

use super::requests::{self, Purpose};
use super::{Here, certificates, settings};
use crate::db::Conn;
use crate::domain::audit::{Action, Change};
use crate::domain::sessions::CameBy;
use crate::domain::{Noted, Role, Tx, sessions, users};
use crate::error::Result;
use crate::keys::UserId;
use crate::saml::logout::{self, Expected};
use crate::saml::redirect::{self, Kind};
use crate::saml::{Fault, NameId, Refusal, TrustedKey};
use crate::threads::assert_may_take_long;
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a sign-out request that is refused leaves no entry.
const NOT_DONE: &str = "nothing was done, and the sign-in log tells why";

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
    /// When it must end at the latest because Entra ID says so, in UTC.
    #[serde(default)]
    pub until: Option<NaiveDateTime>,
}

/// What came of a message to our logout service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Entra ID ended sessions, so many of ours.
    Ended {
        /// How many of our sessions, but for that of the browser that brought the request.
        sessions: usize,
        /// Whether that of the browser is to end.
        own: bool,
        /// What is to be answered.
        asked: Asked,
    },
    /// Entra ID answered our own request.
    Answered {
        /// Whether its session goes on all the same. Only an answer to a request that is open says so.
        goes_on: bool,
    },
}

/// What an answer to a sign-out request of Entra ID names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The identifier of the request.
    pub id: String,
    /// What is to be handed back with the answer.
    pub relay_state: Option<String>,
}

/// What a message to our logout service is held against, as it was at one moment.
pub struct Grounds {
    here: Here,
    /// None before an issuer is in force.
    issuers: Vec<String>,
    trusted: Vec<TrustedKey>,
    skew: TimeDelta,
    is_open: bool,
}

/// A message to our logout service that was read and, where it is signed, proven.
#[derive(Debug)]
pub struct Message {
    kind: LogoutMessage,
    relay_state: Option<String>,
    /// The fingerprint of the certificate whose key signed it, where it is signed.
    signed_by: Option<String>,
}

impl Message {
    /// Whether a trusted key signed it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed_by.is_some()
    }
}

#[derive(Debug)]
enum LogoutMessage {
    Request(logout::LogoutRequest),
    Response(logout::LogoutResponse),
}

impl Grounds {
    /// Reads all that is needed.
    pub fn read(conn: &mut Conn, here: &Here) -> Result<Self> {
        let settings = settings::read(conn)?;
        let skew = settings.rules().skew;
        let both = |issuer: String| [issuer.replacen(ASSERTIONS, SIGN_OUTS, 1), issuer];
        let issuers = settings.issuer.into_iter().flat_map(both).collect();
        let trusted = certificates::keys(conn)?;
        Ok(Self { here: here.clone(), issuers, trusted, skew, is_open: settings.enabled })
    }

    /// Whether messages are read: not while single sign-on is off.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Reads a message in an address. Changes nothing; works, for a stranger perhaps.
    pub fn examine(&self, query: &str, now: NaiveDateTime) -> Result<Message, Refusal> {
        assert_may_take_long();
        let received = redirect::read(query)?;
        let signed_by = if received.is_signed() {
            Some(received.verify(&self.trusted, now)?.fingerprint.clone())
        } else {
            None
        };
        let signed = signed_by.is_some();
        let issuers: Vec<&str> = self.issuers.iter().map(String::as_str).collect();
        let expected =
            Expected { issuers: &issuers, destination: &self.here.logout, signed, skew: self.skew, now };
        let kind = match received.kind {
            Kind::Request => LogoutMessage::Request(logout::read_request(&received.xml, &expected)?),
            Kind::Response => LogoutMessage::Response(logout::read_response(&received.xml, &expected)?),
        };
        Ok(Message { kind, relay_state: received.relay_state, signed_by })
    }
}

/// Does what a message asks. A request must be signed where its sender's certificates are known, unless it comes in the
/// very browser whose session it ends; a signed one works once.
pub fn handle_logout(
    tx: &mut Tx,
    message: &Message,
    own: Option<&Foreign>,
) -> Result<Noted<Result<Heard, Refusal>>> {
    match &message.kind {
        LogoutMessage::Response(answer) => {
            // No session of ours hangs on it: that ended before we asked.
            let request = requests::answer(tx, &answer.in_response_to, Some(""), &[Purpose::SignOut])?;
            let answered = Heard::Answered { goes_on: request.is_ok() && !answer.success };
            Ok(Noted::unaudited(Ok(answered), "the session ended before, which has an entry"))
        }
        LogoutMessage::Request(asked) => obey(tx, message, asked, own),
    }
}

fn obey(
    tx: &mut Tx,
    message: &Message,
    asked: &logout::LogoutRequest,
    own: Option<&Foreign>,
) -> Result<Noted<Result<Heard, Refusal>>> {
    let up_to = match &message.signed_by {
        None => Role::Owner,
        // Whom a certificate does not sign in it does not sign out.
        Some(signer) => {
            match certificates::in_use(tx.conn)?.into_iter().find(|one| one.fingerprint == *signer) {
                Some(one) => one.good_for(),
                None => {
                    let cause = "The certificate that signed the sign-out request was removed meanwhile.";
                    let refusal = Refusal { fault: Fault::UnknownCertificate, cause: cause.to_owned() };
                    return Ok(Noted::unaudited(Err(refusal), NOT_DONE));
                }
            }
        }
    };
    let signed = message.signed_by.is_some();
    // An unsigned request could as well be forged anew: remembering it would stop no repeat.
    if signed && !requests::see_sign_out(tx, &asked.id, asked.expires)? {
        let cause = "This sign-out request was presented before. Each is taken once.";
        let refusal = Refusal { fault: Fault::Expired, cause: cause.to_owned() };
        return Ok(Noted::unaudited(Err(refusal), NOT_DONE));
    }
    // Entra ID does not sign these. Unsigned, only the index counts that nobody but it and the session knows. Of the
    // person who sits before it the browser's own session ends, whatever the index: it may have been told of another.
    let mine = own.filter(|own| sessions::name_key(&own.name_id.value) == sessions::name_key(&asked.name_id));
    let indexes = match (signed, asked.session_indexes.is_empty()) {
        (false, true) => mine.and_then(|own| own.session_index.clone()).into_iter().collect(),
        _ => asked.session_indexes.clone(),
    };
    let ended = if signed || !indexes.is_empty() {
        sessions::end_foreign(tx, &asked.name_id, &indexes, up_to)?
    } else {
        Vec::new()
    };
    let sessions = ended.len();
    let noted = note_ended(tx, ended)?;
    // By a certificate that is not good for the account's role nothing of theirs ends.
    let own = mine.is_some() && (up_to == Role::Owner || sessions > 0);
    let asked = Asked { id: asked.id.clone(), relay_state: message.relay_state.clone() };
    Ok(noted.with(Ok(Heard::Ended { sessions, own, asked })))
}

/// Notes whose sessions ended, one entry for each person.
fn note_ended(tx: &mut Tx, ended: Vec<Option<UserId>>) -> Result<Noted<()>> {
    let mut counts: BTreeMap<UserId, usize> = BTreeMap::new();
    ended.into_iter().flatten().for_each(|user| *counts.entry(user).or_default() += 1);
    let mut noted = Noted::unaudited((), "no session ended that somebody was signed in to");
    for (id, count) in counts {
        let user = users::find(tx.conn, &id)?;
        let name = user.name();
        let how = [Change::set("sessions", count.to_string()), Change::set("asked by", "Entra ID")];
        noted = tx.note(Action::SessionsEnded, user.subject(&name), &how)?;
    }
    Ok(noted)
}
