//! Sign-out requests and responses, both ways (SAML core section 3.7; by redirect only, as Entra ID does:
//! <https://learn.microsoft.com/entra/identity-platform/single-sign-out-saml-protocol>).

use super::assertion::NameId;
use super::report::{Fault, Refusal, Unproven};
use super::request::write_issuer;
use super::xml::{Node, Tree};
use super::{ASSERTION, DSIG, PARTIAL_LOGOUT, PROTOCOL, SUCCESS, parse_timestamp, timestamp};
use bergshamra::xml::uppsala::XmlWriter;
use chrono::{NaiveDateTime, TimeDelta};

/// How long a request to end sessions is good where it does not say so itself: somebody waits before a browser.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

const REQUEST: &str = "The sign-out request";
const ANSWER: &str = "The answer to our sign-out request";

/// Our request to end a session at the identity provider.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The request's identifier.
    pub id: &'a str,
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Where it goes.
    pub destination: &'a str,
    /// Whose session.
    pub name_id: &'a NameId,
    /// Which session.
    pub session_index: Option<&'a str>,
    /// The time, in UTC.
    pub now: NaiveDateTime,
}

/// Our answer to somebody else's request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The answer's identifier.
    pub id: &'a str,
    /// Our entity ID.
    pub entity_id: &'a str,
    /// Where it goes.
    pub destination: &'a str,
    /// The request that it answers.
    pub in_response_to: &'a str,
    /// The time, in UTC.
    pub now: NaiveDateTime,
}

/// A request to end sessions here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutRequest {
    /// Its identifier.
    pub id: String,
    /// Whose sessions.
    pub name_id: String,
    /// Which of them; all, where none are named.
    pub session_indexes: Vec<String>,
    /// Until when it could be presented again, in UTC.
    pub expires: NaiveDateTime,
}

/// An answer to a request of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutResponse {
    /// The request that it answers.
    pub in_response_to: String,
    /// Whether the session was ended.
    pub success: bool,
}

/// What a received message is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who may have sent it: the issuer of assertions and, in Entra ID's sign-out, another name of it.
    pub issuers: &'a [&'a str],
    /// The address that it came to.
    pub destination: &'a str,
    /// Whether a signature stands beside it: then it must say for which address it is (SAML bindings section 3.4.5.2).
    pub signed: bool,
    /// By how much the clocks may differ.
    pub skew: TimeDelta,
    /// The time, in UTC.
    pub now: NaiveDateTime,
}

impl Ask<'_> {
    /// The request as XML.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let now = timestamp(self.now);
        let mut xml = XmlWriter::new();
        xml.start_element(
            "samlp:LogoutRequest",
            &[
                ("xmlns:samlp", PROTOCOL),
                ("ID", self.id),
                ("Version", "2.0"),
                ("IssueInstant", &now),
                ("Destination", self.destination),
            ],
        );
        write_issuer(&mut xml, self.entity_id);
        let mut attributes = vec![("xmlns:saml", ASSERTION)];
        attributes.extend(self.name_id.format.as_deref().map(|format| ("Format", format)));
        xml.start_element("saml:NameID", &attributes);
        xml.text(&self.name_id.value);
        xml.end_element("saml:NameID");
        if let Some(index) = self.session_index {
            xml.start_element("samlp:SessionIndex", &[]);
            xml.text(index);
            xml.end_element("samlp:SessionIndex");
        }
        xml.end_element("samlp:LogoutRequest");
        xml.into_string()
    }
}

impl Reply<'_> {
    /// The answer as XML.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let now = timestamp(self.now);
        let mut xml = XmlWriter::new();
        xml.start_element(
            "samlp:LogoutResponse",
            &[
                ("xmlns:samlp", PROTOCOL),
                ("ID", self.id),
                ("Version", "2.0"),
                ("IssueInstant", &now),
                ("Destination", self.destination),
                ("InResponseTo", self.in_response_to),
            ],
        );
        write_issuer(&mut xml, self.entity_id);
        xml.start_element("samlp:Status", &[]);
        xml.empty_element("samlp:StatusCode", &[("Value", SUCCESS)]);
        xml.end_element("samlp:Status");
        xml.end_element("samlp:LogoutResponse");
        xml.into_string()
    }
}

/// Reads a request to end sessions. Its signature stands in the address, not in it.
pub fn read_request(xml: &str, expected: &Expected) -> Result<LogoutRequest, Refusal> {
    let tree = Tree::parse(xml).map_err(|fault| Refusal::of(REQUEST, fault))?;
    let root = message(&tree, "LogoutRequest", REQUEST, expected)?;
    let id = root.attribute("ID").unwrap_or_default().to_owned();
    let issued = root.attribute("IssueInstant").and_then(parse_timestamp).unwrap_or(expected.now);
    let until = match root.attribute("NotOnOrAfter") {
        Some(text) => parse_timestamp(text).ok_or_else(|| {
            Refusal::new(Fault::Condition, "NotOnOrAfter of the sign-out request is not a time.")
        })?,
        None => issued + LIFETIME,
    };
    // One that says that it is good for days is not taken at its word: it could be brought again for as long.
    let expires = until.min(issued + LIFETIME) + expected.skew;
    if expected.now >= expires {
        let cause = "The sign-out request is valid no longer: it was issued too long ago.";
        return Err(Refusal::new(Fault::Expired, cause));
    }
    let name = root.only(ASSERTION, "NameID").and_then(Node::text);
    let name_id = name.ok_or_else(|| Refusal::new(Fault::NameId, "The sign-out request names nobody."))?;
    let indexes = root.all(PROTOCOL, "SessionIndex").into_iter().filter_map(Node::text);
    let name_id = super::trim(&name_id).to_owned();
    Ok(LogoutRequest { id, name_id, session_indexes: indexes.collect(), expires })
}

/// Reads an answer to a request of ours.
pub fn read_response(xml: &str, expected: &Expected) -> Result<LogoutResponse, Refusal> {
    let tree = Tree::parse(xml).map_err(|fault| Refusal::of(ANSWER, fault))?;
    let root = message(&tree, "LogoutResponse", ANSWER, expected)?;
    let code = root.only(PROTOCOL, "Status").and_then(|status| status.only(PROTOCOL, "StatusCode"));
    let second = code.and_then(|code| code.only(PROTOCOL, "StatusCode"));
    let is = |code: Option<Node>, value: &str| code.and_then(|code| code.attribute("Value")) == Some(value);
    // A second code says that others were not signed out (SAML core section 3.2.2.2).
    let success = is(code, SUCCESS) && !is(second, PARTIAL_LOGOUT);
    let in_response_to = root.attribute("InResponseTo").unwrap_or_default().to_owned();
    Ok(LogoutResponse { in_response_to, success })
}

/// What every message of this kind must be; `what` is what a refusal calls it.
fn message<'d>(tree: &'d Tree, name: &str, what: &str, expected: &Expected) -> Result<Node<'d>, Refusal> {
    let root = tree.root()?;
    if !root.is(PROTOCOL, name) || root.attribute("Version") != Some("2.0") {
        return Err(Refusal::new(Fault::Structure, format!("{what} is not a SAML 2.0 {name}.")));
    }
    if root.attribute("ID").is_none_or(str::is_empty)
        || !tree.named("Signature").iter().all(|one| !one.is(DSIG, "Signature"))
    {
        return Err(Refusal::new(Fault::Structure, format!("{what} has no ID, or a signature within.")));
    }
    let issuer = root.only(ASSERTION, "Issuer").and_then(Node::text).unwrap_or_default();
    // Nobody is called nothing, whatever is expected.
    if issuer.is_empty() || !expected.issuers.contains(&issuer.as_str()) {
        let cause = format!(
            "{what} is from “{}” and should be from “{}”.",
            Unproven(&issuer),
            expected.issuers.join("” or “")
        );
        return Err(Refusal::new(Fault::Issuer, cause));
    }
    let destination = root.attribute("Destination");
    if destination.is_none() && expected.signed {
        let cause = format!("{what} is signed, and does not say for which address it is (Destination).");
        return Err(Refusal::new(Fault::Destination, cause));
    }
    if let Some(to) = destination.filter(|to| *to != expected.destination) {
        let to = Unproven(to);
        let cause = format!("{what} is for “{to}” and should be for “{}”.", expected.destination);
        return Err(Refusal::new(Fault::Destination, cause));
    }
    let issued = root.attribute("IssueInstant").and_then(parse_timestamp);
    if issued.is_none_or(|at| at - expected.now > expected.skew) {
        let cause = format!("{what} was issued in the future, or at no time.");
        return Err(Refusal::new(Fault::NotYetValid, cause));
    }
    Ok(root)
}
