//! What a proven assertion says, rule by rule (SAML core section 2, SAML profiles section 4.1.4.3).

use super::expected::Expected;
use super::report::{Fault, Refusal, Report, Unproven};
use super::xml::Node;
use super::{ASSERTION, parse_timestamp, timestamp, trim};
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const LONGEST_VALUE: usize = 4096;
/// How long an assertion is taken after it was issued, whatever it says itself: as long as Entra ID can be told to make
/// them last (<https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes>). It is remembered for as
/// long, so that it cannot be presented again.
const LONGEST_LIFE: TimeDelta = TimeDelta::days(1);
/// As many claims are named of which a value was left out.
const MOST_NAMED: usize = 5;

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
    /// When the session that it begins must end at the latest, in UTC; none where the identity provider leaves that to us.
    pub session_until: Option<NaiveDateTime>,
    /// The request that it answers; none when nobody asked.
    pub in_response_to: Option<String>,
    /// The claims, in order: name, values.
    pub claims: Vec<(String, Vec<String>)>,
    /// Claims of which a value is no text or too long, so that it was left out.
    pub left_out: Vec<String>,
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

/// The request that the assertion answers, in the place that its signature covers; `outer` is what the response says.
///
/// # Errors
/// If it has no bearer confirmation that could say so.
pub(super) fn answers(
    assertion: Node,
    outer: Option<&str>,
    expected: &Expected,
) -> Result<Option<String>, Refusal> {
    let bearer = confirmation(subject(assertion)?, outer, expected)?;
    Ok(confirmed(bearer)?.attribute("InResponseTo").map(str::to_owned))
}

fn subject(assertion: Node<'_>) -> Result<Node<'_>, Refusal> {
    let cause = "The assertion does not have exactly one Subject.";
    assertion.only(ASSERTION, "Subject").ok_or_else(|| Refusal::new(Fault::Structure, cause))
}

/// For whom and until when a confirmation is good.
fn confirmed(bearer: Node<'_>) -> Result<Node<'_>, Refusal> {
    let cause = "The confirmation does not say for whom and until when.";
    bearer.only(ASSERTION, "SubjectConfirmationData").ok_or_else(|| Refusal::new(Fault::Confirmation, cause))
}

/// Whom the assertion is about, if it says so in the clear.
pub(super) fn name_of(assertion: Node) -> Option<NameId> {
    read_name(assertion.only(ASSERTION, "Subject")?).ok()
}

/// The bearer confirmation that counts: any one that fits is enough (SAML profiles section 4.1.4.3), and one that answers
/// the same request as the response comes before others. Where none fits it is the first, whose faults are told.
fn confirmation<'d>(
    subject: Node<'d>,
    outer: Option<&str>,
    expected: &Expected,
) -> Result<Node<'d>, Refusal> {
    let all = subject.all(ASSERTION, "SubjectConfirmation").into_iter();
    let bearers: Vec<Node> = all.filter(|one| one.attribute("Method") == Some(BEARER)).collect();
    let fits = |bearer: &&Node| {
        let mut report = Report::default();
        confirm(**bearer, expected, &mut report).is_ok() && report.refused().is_none()
    };
    let agrees = |bearer: &&&Node| {
        let data = bearer.only(ASSERTION, "SubjectConfirmationData");
        data.and_then(|data| data.attribute("InResponseTo")) == outer
    };
    let fitting: Vec<&Node> = bearers.iter().filter(fits).collect();
    let best = fitting.iter().find(agrees).or(fitting.first()).copied();
    let none = || Refusal::new(Fault::Confirmation, "The assertion has no bearer confirmation.");
    best.or(bearers.first()).copied().ok_or_else(none)
}

/// Reads a proven assertion. What breaks a rule is noted in the report; what cannot be read at all is refused at once.
pub(super) fn read(
    node: Node,
    outer: Option<&str>,
    expected: &Expected,
    report: &mut Report,
) -> Result<Assertion, Refusal> {
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
    let latest = issued + LONGEST_LIFE;
    if latest + expected.rules.skew <= expected.now {
        ended("A day after IssueInstant", latest, expected, report);
    }
    let subject = subject(node)?;
    let name_id = read_name(subject)?;
    let confirmed_until = confirm(confirmation(subject, outer, expected)?, expected, report)?;
    let valid_until = read_conditions(node, expected, report)?;
    let statement = read_statements(node, expected, report)?;
    let expires = confirmed_until.max(valid_until).min(latest) + expected.rules.skew;
    let (claims, left_out) = read_claims(node, expected)?;
    Ok(Assertion {
        id: id.to_owned(),
        issuer: issuer.unwrap_or_default(),
        name_id,
        session_index: statement.index,
        signed_in_at: statement.signed_in_at,
        session_until: statement.until,
        in_response_to: answers(node, outer, expected)?,
        claims,
        left_out,
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
    let value = trim(&value);
    if value.len() > LONGEST_VALUE {
        return Err(refuse(
            "The NameID is longer than any user name. In Entra ID, choose another source attribute.",
        ));
    }
    if value.is_empty() {
        return Err(refuse(
            "The NameID is empty. In Entra ID, choose a source attribute that every user has.",
        ));
    }
    Ok(NameId { value: value.to_owned(), format: name.attribute("Format").map(str::to_owned) })
}

/// Holds one bearer confirmation against what it must be (SAML profiles section 4.1.4.2).
fn confirm(bearer: Node, expected: &Expected, report: &mut Report) -> Result<NaiveDateTime, Refusal> {
    let refuse = |cause: &str| Refusal::new(Fault::Confirmation, cause);
    let data = confirmed(bearer)?;
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
            Refusal::new(Fault::Condition, format!("{name} is “{}”, which is not a time.", Unproven(text)))
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
            let name = Unproven(condition.name());
            let cause = format!("The assertion has a condition that is not understood: {name}.");
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

/// What the statements of an assertion say together.
#[derive(Default)]
struct Statement {
    /// The session at the identity provider.
    index: Option<String>,
    /// When the person proved themselves, in UTC: where it is said several times, the earliest.
    signed_in_at: Option<NaiveDateTime>,
    /// When the session must end, in UTC: where it is said several times, the earliest.
    until: Option<NaiveDateTime>,
}

/// Each statement must say when the person proved themselves (SAML core section 2.7.2), which was not in the future, and
/// none may be about a session that is over.
fn read_statements(node: Node, expected: &Expected, report: &mut Report) -> Result<Statement, Refusal> {
    let statements = node.all(ASSERTION, "AuthnStatement");
    if statements.is_empty() {
        let cause = "The assertion does not say that anybody signed in (no AuthnStatement).";
        return Err(Refusal::new(Fault::Structure, cause));
    }
    let mut all = Statement::default();
    for statement in statements {
        let at = statement.attribute("AuthnInstant").and_then(parse_timestamp).ok_or_else(|| {
            let cause = "The assertion does not say when the person signed in (AuthnInstant).";
            Refusal::new(Fault::Structure, cause)
        })?;
        begun("AuthnInstant", at, expected, report);
        all.signed_in_at = Some(all.signed_in_at.map_or(at, |earlier| earlier.min(at)));
        if let Some(text) = statement.attribute("SessionNotOnOrAfter") {
            let until = parse_timestamp(text)
                .ok_or_else(|| Refusal::new(Fault::Condition, "SessionNotOnOrAfter is not a time."))?;
            // The session here ends at that moment by our own clock, so one that is over by then would end at once.
            over("Session at Entra ID until", until, TimeDelta::zero(), expected, report);
            all.until = Some(all.until.map_or(until, |earlier| earlier.min(until)));
        }
        let index = statement.attribute("SessionIndex").filter(|index| !index.is_empty());
        all.index = all.index.or_else(|| index.map(str::to_owned));
    }
    Ok(all)
}

/// Claims in order: name, values.
type Claims = Vec<(String, Vec<String>)>;

/// The claims, and the names of those of which a value was left out: it is of no use here if it is no text, or longer than
/// anything that is kept. Of a claim that says who the person is nothing is left out.
fn read_claims(node: Node, expected: &Expected) -> Result<(Claims, Vec<String>), Refusal> {
    let mut claims: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for statement in node.all(ASSERTION, "AttributeStatement") {
        for attribute in statement.all(ASSERTION, "Attribute") {
            let Some(name) = attribute.attribute("Name") else { continue };
            let values = attribute.all(ASSERTION, "AttributeValue").into_iter();
            let values = values.map(|value| value.text().filter(|text| text.len() <= LONGEST_VALUE));
            // Some providers write a claim of several values as several claims.
            match claims.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.extend(values),
                None => claims.push((name.to_owned(), values.collect())),
            }
        }
    }
    for (name, values) in claims.iter().filter(|(name, _)| expected.naming_claims.contains(&name.as_str())) {
        let what = match values.as_slice() {
            [] | [Some(_)] => continue,
            [None] => "its value is not text, or is longer than any name",
            _ => "has more than one value",
        };
        let cause = format!("The claim “{}” says who the person is, and {what}.", Unproven(name));
        return Err(Refusal::new(Fault::NamingClaim, cause));
    }
    let short = claims.iter().filter(|(_, values)| values.contains(&None));
    let left_out = short.map(|(name, _)| name.clone()).take(MOST_NAMED).collect();
    let kept = |(name, values): (String, Vec<Option<String>>)| (name, values.into_iter().flatten().collect());
    Ok((claims.into_iter().map(kept).collect(), left_out))
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
    over(field, until, expected.rules.skew, expected, report);
}

/// As [`ended`], give or take another time.
fn over(
    field: &'static str,
    until: NaiveDateTime,
    skew: TimeDelta,
    expected: &Expected,
    report: &mut Report,
) {
    let past = expected.now - until;
    let now = format!("after {}", timestamp(expected.now));
    report.check(field, now, timestamp(until), past < skew, || {
        let cause = format!(
            "{field} was {} ago. The page was open too long, the response was sent again, or one of the two clocks is \
             wrong; {} of difference is allowed.",
            spell(past),
            spell(skew)
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
