//! What a proven assertion says, rule by rule (SAML core section 2, SAML profiles section 4.1.4.3).

use super::report::{Fault, Refusal, Report};
use super::response::Expected;
use super::xml::Node;
use super::{ASSERTION, parse_timestamp, timestamp};
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const LONGEST_VALUE: usize = 4096;

/// Whom an assertion is about, as the identity provider names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The name.
    pub value: String,
    /// What kind of name it is, as a URI.
    pub format: Option<String>,
}

/// What a proven assertion says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its own identifier, never used twice.
    pub id: String,
    /// Who issued it.
    pub issuer: String,
    /// Whom it is about.
    pub name_id: NameId,
    /// The session at the identity provider, to end it by.
    pub session_index: Option<String>,
    /// When the person proved themselves to the identity provider, in UTC.
    pub signed_in_at: Option<NaiveDateTime>,
    /// The request that it answers; none when nobody asked.
    pub in_response_to: Option<String>,
    /// The claims, in order: name, values.
    pub claims: Vec<(String, Vec<String>)>,
    /// When the last moment is at which it could be presented again, in UTC.
    pub expires: NaiveDateTime,
}

impl Assertion {
    /// The first value of a claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        let (_, values) = self.claims.iter().find(|(claim, _)| claim == name)?;
        values.first().map(String::as_str)
    }
}

/// The request that the assertion answers, in the place that its signature covers.
pub(super) fn answers(assertion: Node) -> Option<String> {
    let confirmations = assertion.only(ASSERTION, "Subject")?.all(ASSERTION, "SubjectConfirmation");
    let data = confirmations.iter().find_map(|one| one.only(ASSERTION, "SubjectConfirmationData"))?;
    data.attribute("InResponseTo").map(str::to_owned)
}

/// Reads a proven assertion. What breaks a rule is noted in the report; what cannot be read at all is refused at once.
pub(super) fn read(node: Node, expected: &Expected, report: &mut Report) -> Result<Assertion, Refusal> {
    let structure = |cause: &str| Refusal::new(Fault::Structure, format!("The assertion {cause}"));
    if node.attribute("Version") != Some("2.0") {
        return Err(structure("is not of SAML version 2.0."));
    }
    let id = node.attribute("ID").filter(|id| !id.is_empty()).ok_or_else(|| structure("has no ID."))?;
    let issuer = node.only(ASSERTION, "Issuer").and_then(Node::text);
    report.same("Issuer", expected.issuer, issuer.as_deref(), Fault::Issuer);
    let issued = node.attribute("IssueInstant").and_then(parse_timestamp);
    let issued = issued.ok_or_else(|| structure("does not say when it was issued."))?;
    begun("IssueInstant", issued, expected, report);
    let subject =
        node.only(ASSERTION, "Subject").ok_or_else(|| structure("does not have exactly one Subject."))?;
    let name_id = read_name(subject)?;
    let confirmed_until = confirm(subject, expected, report)?;
    let valid_until = read_conditions(node, expected, report)?;
    let (session_index, signed_in_at) = read_statement(node, expected, report)?;
    let expires = confirmed_until.max(valid_until) + expected.rules.skew;
    Ok(Assertion {
        id: id.to_owned(),
        issuer: issuer.unwrap_or_default(),
        name_id,
        session_index,
        signed_in_at,
        in_response_to: answers(node),
        claims: read_claims(node, expected)?,
        expires,
    })
}

fn read_name(subject: Node) -> Result<NameId, Refusal> {
    let refuse = |cause: &str| Refusal::new(Fault::NameId, cause);
    if !subject.all(ASSERTION, "EncryptedID").is_empty() {
        return Err(refuse("The NameID is encrypted on its own. Encrypt the whole assertion instead."));
    }
    let name = subject
        .only(ASSERTION, "NameID")
        .ok_or_else(|| refuse("The assertion does not have exactly one NameID."))?;
    let value = name.text().ok_or_else(|| refuse("The NameID holds something else than text."))?;
    let value = value.trim();
    if value.is_empty() || value.len() > LONGEST_VALUE {
        return Err(refuse(
            "The NameID is empty. In Entra ID, choose a source attribute that every user has.",
        ));
    }
    Ok(NameId { value: value.to_owned(), format: name.attribute("Format").map(str::to_owned) })
}

/// One bearer confirmation is enough; the report shows the first (SAML profiles section 4.1.4.2).
fn confirm(subject: Node, expected: &Expected, report: &mut Report) -> Result<NaiveDateTime, Refusal> {
    let confirmations = subject.all(ASSERTION, "SubjectConfirmation");
    let bearers: Vec<Node> =
        confirmations.into_iter().filter(|one| one.attribute("Method") == Some(BEARER)).collect();
    let refuse = |cause: &str| Refusal::new(Fault::Confirmation, cause);
    let [bearer] = bearers.as_slice() else {
        return Err(refuse("The assertion does not have exactly one bearer confirmation."));
    };
    let data = bearer
        .only(ASSERTION, "SubjectConfirmationData")
        .ok_or_else(|| refuse("The confirmation does not say for whom and until when."))?;
    report.same("Recipient", expected.consumer, data.attribute("Recipient"), Fault::Recipient);
    if data.attribute("NotBefore").is_some() {
        return Err(refuse("The confirmation has a NotBefore, which the profile forbids."));
    }
    let until = data.attribute("NotOnOrAfter").and_then(parse_timestamp);
    let until = until.ok_or_else(|| refuse("The confirmation does not say until when it is valid."))?;
    ended("Confirmation valid until", until, expected, report);
    Ok(until)
}

fn read_conditions(node: Node, expected: &Expected, report: &mut Report) -> Result<NaiveDateTime, Refusal> {
    let refuse = |cause: &str| Refusal::new(Fault::Condition, cause);
    let conditions = node
        .only(ASSERTION, "Conditions")
        .ok_or_else(|| refuse("The assertion does not have exactly one Conditions."))?;
    let time = |name: &str| match conditions.attribute(name) {
        Some(text) => parse_timestamp(text).map(Some).ok_or_else(|| {
            Refusal::new(Fault::Condition, format!("{name} is “{text}”, which is not a time."))
        }),
        None => Ok(None),
    };
    if let Some(from) = time("NotBefore")? {
        begun("Valid from", from, expected, report);
    }
    let until =
        time("NotOnOrAfter")?.ok_or_else(|| refuse("The assertion does not say until when it is valid."))?;
    ended("Valid until", until, expected, report);
    let mut restrictions = 0;
    for condition in conditions.children() {
        if condition.is(ASSERTION, "AudienceRestriction") {
            restrictions += 1;
            read_audience(condition, expected, report)?;
        } else if !condition.is(ASSERTION, "OneTimeUse") && !condition.is(ASSERTION, "ProxyRestriction") {
            let cause =
                format!("The assertion has a condition that is not understood: {}.", condition.name());
            return Err(Refusal::new(Fault::Condition, cause));
        }
    }
    if restrictions == 0 {
        report.same("Audience", expected.entity_id, None, Fault::Audience);
    }
    Ok(until)
}

fn read_audience(restriction: Node, expected: &Expected, report: &mut Report) -> Result<(), Refusal> {
    let mut audiences = Vec::new();
    for audience in restriction.all(ASSERTION, "Audience") {
        let text = audience.text();
        audiences.push(text.ok_or_else(|| Refusal::new(Fault::Audience, "An Audience is not text."))?);
    }
    if audiences.iter().any(|audience| audience == expected.entity_id) {
        report.same("Audience", expected.entity_id, Some(expected.entity_id), Fault::Audience);
    } else {
        let all = audiences.join(", ");
        report.same(
            "Audience",
            expected.entity_id,
            Some(&all).filter(|all| !all.is_empty()).map(String::as_str),
            Fault::Audience,
        );
    }
    Ok(())
}

/// The session at the identity provider, and when the person proved themselves to it.
fn read_statement(
    node: Node,
    expected: &Expected,
    report: &mut Report,
) -> Result<(Option<String>, Option<NaiveDateTime>), Refusal> {
    let statements = node.all(ASSERTION, "AuthnStatement");
    let statement = statements.first().ok_or_else(|| {
        Refusal::new(
            Fault::Structure,
            "The assertion does not say that anybody signed in (no AuthnStatement).",
        )
    })?;
    if let Some(text) = statement.attribute("SessionNotOnOrAfter") {
        let until = parse_timestamp(text)
            .ok_or_else(|| Refusal::new(Fault::Condition, "SessionNotOnOrAfter is not a time."))?;
        ended("Session at Entra ID until", until, expected, report);
    }
    let index = statement.attribute("SessionIndex").filter(|index| !index.is_empty());
    let at = statement.attribute("AuthnInstant").and_then(parse_timestamp);
    Ok((index.map(str::to_owned), at))
}

fn read_claims(node: Node, expected: &Expected) -> Result<Vec<(String, Vec<String>)>, Refusal> {
    let mut claims: Vec<(String, Vec<String>)> = Vec::new();
    for statement in node.all(ASSERTION, "AttributeStatement") {
        for attribute in statement.all(ASSERTION, "Attribute") {
            let Some(name) = attribute.attribute("Name") else { continue };
            let mut values = Vec::new();
            for value in attribute.all(ASSERTION, "AttributeValue") {
                // A structured value is of no use here; it is left out, not guessed at.
                values.extend(value.text().filter(|text| text.len() <= LONGEST_VALUE));
            }
            // Some providers write a claim of several values as several claims.
            match claims.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.extend(values),
                None => claims.push((name.to_owned(), values)),
            }
        }
    }
    let unclear = |(name, values): &&(String, Vec<String>)| {
        values.len() > 1 && expected.naming_claims.contains(&name.as_str())
    };
    if let Some((name, _)) = claims.iter().find(unclear) {
        let cause = format!("The claim “{name}” says who the person is, and has more than one value.");
        return Err(Refusal::new(Fault::Structure, cause));
    }
    Ok(claims)
}

/// Notes whether a moment has come, give or take the skew.
fn begun(field: &'static str, from: NaiveDateTime, expected: &Expected, report: &mut Report) {
    let ahead = from - expected.now;
    let now = format!("at or before {}", timestamp(expected.now));
    report.check(field, now, timestamp(from), ahead <= expected.rules.skew, || {
        let cause = format!(
            "{field} lies {} in the future. One of the two clocks is wrong; {} of difference is allowed.",
            spell(ahead),
            spell(expected.rules.skew)
        );
        (Fault::NotYetValid, cause)
    });
}

/// Notes whether a moment has not passed, give or take the skew.
fn ended(field: &'static str, until: NaiveDateTime, expected: &Expected, report: &mut Report) {
    let past = expected.now - until;
    let now = format!("after {}", timestamp(expected.now));
    report.check(field, now, timestamp(until), past < expected.rules.skew, || {
        let cause = format!(
            "{field} was {} ago. The page was open too long, the response was sent again, or one of the two clocks is \
             wrong; {} of difference is allowed.",
            spell(past),
            spell(expected.rules.skew)
        );
        (Fault::Expired, cause)
    });
}

fn spell(time: TimeDelta) -> String {
    let seconds = time.num_seconds();
    match seconds {
        0..=120 => format!("{seconds} seconds"),
        _ => format!("{seconds} seconds ({} minutes)", seconds / 60),
    }
}
