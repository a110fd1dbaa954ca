//! What we send to Entra ID: a request to sign somebody in, one to end its session, the answer to one of its own.
//!
//! A signature takes milliseconds of a processor. So a message is built and signed first, from what is read in a moment
//! and without a connection; the transaction that stores the request only looks whether that is still so.

use super::requests::{self, Asker, Purpose};
use super::{Here, keys, settings};
use crate::db::Conn;
use crate::domain::{Noted, Org, Tx};
use crate::error::{Error, Result};
use crate::saml::key_pair::KeyPair;
use crate::saml::logout::{Ask, Reply};
use crate::saml::redirect::{self, Kind};
use crate::saml::request::SignIn;
use crate::saml::{NameId, request_id};
use crate::seal::Keyring;
use crate::threads::assert_may_take_long;
use url::Url;

const CHANGED: &str = "Where Entra ID takes requests, or the key that signs ours, was changed at this very moment. Nothing \
                       was sent: try again.";

/// What is sent to Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    SignIn,
    SignOut,
}

/// Where a message goes, and by which of our keys it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    target: Option<String>,
    key: Option<String>,
}

/// A request to Entra ID, ready to be sent.
pub struct Prepared {
    message: Message,
    route: Route,
    id: String,
    address: String,
}

impl Message {
    fn route(self, conn: &mut Conn) -> Result<Route> {
        let settings = settings::read(conn)?;
        let target = match self {
            Self::SignIn => settings.login_url,
            Self::SignOut => settings.logout_url.filter(|_| settings.enabled),
        };
        let key = if settings.sign_requests { keys::active(conn)?.map(|key| key.id) } else { None };
        Ok(Route { target, key })
    }

    /// The route, and the key itself.
    fn read(self, conn: &mut Conn, ring: &Keyring) -> Result<(Route, Option<KeyPair>)> {
        let route = self.route(conn)?;
        let key = if route.key.is_some() { keys::active(conn)? } else { None };
        let pair = key.map(|key| key.pair(ring)).transpose()?;
        Ok((route, pair))
    }
}

/// A request to sign somebody in; `force`: although they may be signed in there.
///
/// # Errors
/// [`Error::Conflict`] where no login URL is in force.
pub fn prepare_sign_in(org: &Org, here: &Here, force: bool) -> Result<Prepared> {
    let (route, pair) = org.read(|conn| Message::SignIn.read(conn, org.keys()))?;
    let missing = || Error::Conflict("Enter Entra ID's login URL first.".to_owned());
    let target = route.target.as_deref().ok_or_else(missing)?;
    let (target, id) = (stored_url("login URL", target)?, request_id());
    let xml = SignIn {
        id: &id,
        entity_id: &here.entity_id,
        consumer: &here.consumer,
        destination: target.as_str(),
        force,
        now: org.now(),
    }
    .to_xml();
    let address = signed(&target, Kind::Request, &xml, Some(&id), pair.as_ref())?;
    Ok(Prepared { message: Message::SignIn, route, id, address })
}

/// A request to end a session at Entra ID too; none where the settings do not ask for that.
pub fn prepare_sign_out(
    org: &Org,
    here: &Here,
    name_id: &NameId,
    session_index: Option<&str>,
) -> Result<Option<Prepared>> {
    let (route, pair) = org.read(|conn| Message::SignOut.read(conn, org.keys()))?;
    let Some(target) = route.target.as_deref() else { return Ok(None) };
    let (target, id) = (stored_url("logout URL", target)?, request_id());
    let xml = Ask {
        id: &id,
        entity_id: &here.entity_id,
        destination: target.as_str(),
        name_id,
        session_index,
        now: org.now(),
    }
    .to_xml();
    let address = signed(&target, Kind::Request, &xml, None, pair.as_ref())?;
    Ok(Some(Prepared { message: Message::SignOut, route, id, address }))
}

/// Stores that a request is sent, and answers the address to which the browser takes it.
///
/// # Errors
/// [`Error::Conflict`] where it would go elsewhere by now, or be signed by another key.
pub fn send(
    tx: &mut Tx,
    prepared: Prepared,
    purpose: Purpose,
    browser: &str,
    return_to: &str,
    asker: Asker,
) -> Result<Noted<String>> {
    let Prepared { message, route, id, address } = prepared;
    if message.route(tx.conn)? != route {
        return Err(Error::Conflict(CHANGED.to_owned()));
    }
    Ok(requests::begin(tx, id, purpose, browser, return_to, asker)?.with(address))
}

/// Our answer to a request of Entra ID to end sessions; none where it has no logout URL here.
pub fn reply(
    org: &Org,
    here: &Here,
    in_response_to: &str,
    relay_state: Option<&str>,
) -> Result<Option<String>> {
    let (target, pair) = org.read(|conn| {
        let settings = settings::read(conn)?;
        let key = if settings.sign_requests { keys::active(conn)? } else { None };
        Ok((settings.logout_url, key.map(|key| key.pair(org.keys())).transpose()?))
    })?;
    let Some(target) = target else { return Ok(None) };
    let (target, id) = (stored_url("logout URL", &target)?, request_id());
    let (entity_id, destination) = (here.entity_id.as_str(), target.as_str());
    let xml = Reply { id: &id, entity_id, destination, in_response_to, now: org.now() }.to_xml();
    signed(&target, Kind::Response, &xml, relay_state, pair.as_ref()).map(Some)
}

fn stored_url(what: &str, text: &str) -> Result<Url> {
    let remedy = "Enter it again under Identity Management, Single sign-on.";
    Url::parse(text).map_err(|cause| Error::damaged(&format!("The {what} of Entra ID"), remedy, cause))
}

fn signed(
    target: &Url,
    kind: Kind,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&KeyPair>,
) -> Result<String> {
    assert_may_take_long();
    let address = redirect::address(target, kind, xml, relay_state, key);
    address.ok_or_else(|| Error::internal("a message to Entra ID could not be signed"))
}
