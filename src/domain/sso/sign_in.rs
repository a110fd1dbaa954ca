//! A response on its way to a session: proven, held against our request, matched to an account, noted.

use super::events::{self, Check, Details, Proof};
use super::matching::{self, Found, Named, Nobody};
use super::requests::{self, Mismatch, Purpose, Request};
use super::{Here, Settings, certificates, help, keys, settings};
use crate::db::Conn;
use crate::domain::audit::{self, Action, Change};
use crate::domain::sessions::CameBy;
use crate::domain::users::{Profile, User, by_hand, federation};
use crate::domain::{Role, Tx};
use crate::error::{Error, Result};
use crate::saml::response::{self, Accepted, Reading};
use crate::saml::{Expected, Fault, NameId, Refusal, Report};
use crate::seal::Keyring;
use chrono::NaiveDateTime;

const GIVEN_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
const SURNAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";
const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const DISPLAY_NAME: &str = "http://schemas.microsoft.com/identity/claims/displayname";

/// Who brings a response, and from where.
#[derive(Clone, Debug, Default)]
pub struct Bearer {
    /// The secret in the browser, if it has asked for anything.
    pub browser: Option<String>,
    /// The address of the request.
    pub address: String,
    /// A page of ours that was asked for where nobody sent a request.
    pub return_to: Option<String>,
}

/// Where the browser goes.
#[derive(Clone, Debug)]
pub enum Landing {
    /// In.
    In(Box<Arrival>),
    /// To the result of a test.
    Tested {
        /// The event's reference.
        reference: String,
    },
    /// Nowhere.
    Refused {
        /// What the person reads.
        sentence: &'static str,
        /// The event's reference.
        reference: String,
    },
}

/// Somebody who comes in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Whose session it is.
    pub user: User,
    /// What Entra ID calls the person.
    pub name_id: NameId,
    /// What Entra ID calls its session.
    pub session_index: Option<String>,
    /// What the sign-in rests on.
    pub came_by: CameBy,
    /// Where to go.
    pub return_to: String,
    /// When the person proved themselves to Entra ID, in UTC.
    pub proved_at: Option<NaiveDateTime>,
}

/// A response that was read, and the settings that it was held against.
#[derive(Debug)]
pub struct Examined {
    reading: Reading,
    judged_by: Option<Settings>,
}

/// What a sign-in rests on, looked up again where it is decided.
struct Basis {
    came_by: CameBy,
    /// Why it signs in nobody with a role, if so.
    lacking: Option<Nobody>,
}

/// Why a sign-in was refused.
struct Cause {
    code: &'static str,
    sentence: String,
}

impl Cause {
    fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// Reads the field of a form as a response, and holds it against the settings. Changes nothing.
pub fn examine(
    conn: &mut Conn,
    ring: &Keyring,
    here: &Here,
    field: &str,
    now: NaiveDateTime,
) -> Result<Examined> {
    let text = match response::decode(field) {
        Ok(text) => text,
        Err(refusal) => return Ok(Examined { reading: Reading::refused(refusal), judged_by: None }),
    };
    let in_force = settings::read(conn)?;
    let (trusted, own) = (certificates::keys(conn)?, keys::pairs(conn, ring)?);
    let read = |settings: &Settings| {
        let naming: Vec<&str> =
            settings.match_claim.as_deref().into_iter().chain([matching::OBJECT_ID]).collect();
        let expected = Expected {
            entity_id: &here.entity_id,
            consumer: &here.consumer,
            issuer: settings.issuer.as_deref().unwrap_or_default(),
            keys: &trusted,
            own_keys: &own,
            naming_claims: &naming,
            rules: settings.rules(),
            now,
        };
        response::read(&text, &expected)
    };
    let reading = read(&in_force);
    // What waits for an owner serves those who have no role. Nothing else can make another reading worth its work.
    let may_differ =
        matches!(&reading.outcome, Err(it) if matches!(it.fault, Fault::Issuer | Fault::Algorithm));
    if may_differ
        && let Some(waiting) = settings::waiting(conn)?.filter(|waiting| judges_otherwise(waiting, &in_force))
    {
        let other = read(&waiting);
        if other.outcome.is_ok() || in_force.issuer.is_none() {
            return Ok(Examined { reading: other, judged_by: Some(waiting) });
        }
    }
    Ok(Examined { reading, judged_by: Some(in_force) })
}

/// Whether a response may be good by one of these settings and not by the other.
fn judges_otherwise(one: &Settings, other: &Settings) -> bool {
    (&one.issuer, one.allow_sha1, &one.match_claim) != (&other.issuer, other.allow_sha1, &other.match_claim)
}

/// Decides what becomes of a response, and notes it. A refusal is an outcome, not an error: what was seen stays noted.
pub fn conclude(tx: &mut Tx, examined: Examined, bearer: &Bearer) -> Result<Landing> {
    let Reading { report, outcome, .. } = examined.reading;
    let mut details = Details { checks: checks(&report), ..Details::default() };
    let accepted = match outcome {
        Ok(accepted) => accepted,
        Err(Refusal { fault, cause }) => {
            let cause = Cause::new(fault.code(), cause);
            return refuse(tx, None, cause, None, None, details, bearer);
        }
    };
    describe(&accepted, &mut details);
    let request = match held_against_request(tx, &accepted, bearer)? {
        Ok(request) => request,
        Err(cause) => return refuse(tx, None, cause, Some(&accepted), None, details, bearer),
    };
    let settings = settings::read(tx.conn)?;
    let is_test = request.as_ref().is_some_and(|request| request.purpose == Purpose::Test);
    if !settings.enabled && !is_test {
        let cause = Cause::new("switched_off", "Single sign-on is switched off.");
        return refuse(tx, request.as_ref(), cause, Some(&accepted), None, details, bearer);
    }
    let basis = match basis(tx, &accepted, examined.judged_by.as_ref())? {
        Ok(basis) => basis,
        Err(cause) => return refuse(tx, request.as_ref(), cause, Some(&accepted), None, details, bearer),
    };
    let who = matching::named(&accepted.assertion, &settings);
    let found = match matched(tx, &who, &accepted, &basis, is_test, &mut details)? {
        Ok(found) => found,
        Err((cause, user)) => {
            return refuse(tx, request.as_ref(), cause, Some(&accepted), user, details, bearer);
        }
    };
    admit(tx, request, (found, basis), &who, accepted, details, bearer)
}

/// What the sign-in rests on, as it is now: certificates and settings may have been taken away since it was read.
fn basis(tx: &mut Tx, accepted: &Accepted, judged_by: Option<&Settings>) -> Result<Result<Basis, Cause>> {
    let in_force = settings::read(tx.conn)?;
    let is_now = |settings: &Settings| judged_by.is_some_and(|judged| !judges_otherwise(judged, settings));
    let approved = is_now(&in_force);
    if !approved && !settings::waiting(tx.conn)?.as_ref().is_some_and(is_now) {
        let sentence = "Whom to trust was changed while the person was signing in.";
        return Ok(Err(Cause::new("changed_meanwhile", sentence)));
    }
    let trusted = certificates::list(tx.conn)?;
    let mut lacking = (!approved).then_some(Nobody::SettingsNotApproved);
    let mut certificates = Vec::new();
    for proof in &accepted.proofs {
        let Some(one) = trusted.iter().find(|one| one.fingerprint == proof.fingerprint) else {
            let sentence =
                "The certificate that signed the response was removed while the person was signing in.";
            return Ok(Err(Cause::new("changed_meanwhile", sentence)));
        };
        if !one.approved {
            lacking = Some(Nobody::NotForOwners);
        }
        certificates.push(one.fingerprint.clone());
    }
    let came_by = CameBy { certificates, waiting: !approved, plain: true };
    Ok(Ok(Basis { came_by, lacking }))
}

/// Whether it answers a request of this browser, or none; and whether it is presented for the first time.
fn held_against_request(
    tx: &mut Tx,
    accepted: &Accepted,
    bearer: &Bearer,
) -> Result<Result<Option<Request>, Cause>> {
    let assertion = &accepted.assertion;
    // First of all, so that whatever is refused below cannot be tried again.
    if !requests::see(tx, &assertion.issuer, &assertion.id, assertion.expires)? {
        let sentence = "This response was presented before. Each is taken once.";
        return Ok(Err(Cause::new("replay", sentence)));
    }
    let Some(id) = &assertion.in_response_to else { return Ok(Ok(None)) };
    Ok(match requests::answer(tx, id, bearer.browser.as_deref())? {
        Ok(request) => Ok(Some(request)),
        Err(mismatch) => Err(mismatched(mismatch)),
    })
}

fn mismatched(mismatch: Mismatch) -> Cause {
    match mismatch {
        Mismatch::Unknown => {
            Cause::new("in_response_to", "It answers a request that was not sent from here, or long ago.")
        }
        Mismatch::Answered => Cause::new("replay", "The request that it answers was answered before."),
        Mismatch::Late => {
            Cause::new("request_expired", "It answers a request that was sent more than 30 minutes ago.")
        }
        Mismatch::OtherBrowser => Cause::new(
            "other_browser",
            "It answers a request of another browser, or this browser keeps no cookies.",
        ),
    }
}

type NotIn = (Cause, Option<User>);

/// The account that may come in, made if that is wished for.
fn matched(
    tx: &mut Tx,
    who: &Named,
    accepted: &Accepted,
    basis: &Basis,
    is_test: bool,
    details: &mut Details,
) -> Result<Result<Found, NotIn>> {
    if who.name.is_none() && who.object_id.is_none() {
        return Ok(Err((nobody(Nobody::ClaimMissing), None)));
    }
    let found = match matching::find(tx.conn, who)? {
        Some(found) => found,
        None if settings::read(tx.conn)?.create_users && !is_test && !who.opaque && who.name.is_some() => {
            let user = create(tx, who, accepted)?;
            Found { user, by: matching::By::UserName, barred: None }
        }
        None => {
            if let Some(name) = &who.name {
                details.nearest = matching::nearest(tx.conn, name)?;
            }
            if who.opaque {
                let text = "The NameID is an opaque key that matches no user name. In Entra ID, choose another \
                            source attribute or name identifier format for it.";
                details.warnings.push(text.to_owned());
            }
            let cause = if who.name.is_none() { Nobody::ClaimMissing } else { Nobody::Unknown };
            return Ok(Err((nobody(cause), None)));
        }
    };
    details.matched_by = Some(found.by.words().to_owned());
    let barred = match found.barred {
        None if found.user.role > Role::None => basis.lacking,
        other => other,
    };
    Ok(match barred {
        Some(why) => Err((nobody(why), Some(found.user))),
        None => Ok(found),
    })
}

fn nobody(why: Nobody) -> Cause {
    let sentence = match why {
        Nobody::ClaimMissing => "The claim that should name the user is not in the response.",
        Nobody::Unknown => "No user here has the name that Entra ID sent.",
        Nobody::Deactivated => "The user is deactivated here.",
        Nobody::DeletedInEntra => "The user was deleted in Entra ID, and waits here for deletion.",
        Nobody::OtherObject => {
            "The name is that of an account which is known to belong to another person in Entra ID."
        }
        Nobody::Ambiguous => "The name is the federated id of one account and the user name of another.",
        Nobody::NotForOwners => {
            "The account has a role here, and no owner has approved of the certificate that signed the response."
        }
        Nobody::SettingsNotApproved => {
            "The account has a role here, and no owner has approved of the settings by which the response was accepted."
        }
        Nobody::NotConfirmed => {
            "The account has a role here, and no owner has confirmed the name by which it was found."
        }
    };
    Cause::new(why.code(), sentence)
}

fn create(tx: &mut Tx, who: &Named, accepted: &Accepted) -> Result<User> {
    let claim = |name| accepted.assertion.claim(name).map(str::trim).filter(|text| !text.is_empty());
    let owned = |name| claim(name).map(str::to_owned);
    let profile = Profile {
        display_name: owned(DISPLAY_NAME),
        given_name: owned(GIVEN_NAME),
        family_name: owned(SURNAME),
        ..Profile::named(who.name.as_deref().unwrap_or_default())
    };
    // An address that is none must not keep anybody out.
    let email = owned(EMAIL).filter(|text| text.contains('@'));
    let wish = by_hand::Wish { profile, email };
    let made = tx.nested(|tx| by_hand::create(tx, wish.clone(), None));
    match made {
        Err(Error::Invalid(_)) => by_hand::create(tx, by_hand::Wish { email: None, ..wish }, None),
        other => other,
    }
}

/// Lets the person in, or tells the tester that it would have.
fn admit(
    tx: &mut Tx,
    request: Option<Request>,
    (found, basis): (Found, Basis),
    who: &Named,
    accepted: Accepted,
    mut details: Details,
    bearer: &Bearer,
) -> Result<Landing> {
    let mut user = found.user;
    let assertion = accepted.assertion;
    if who.name.as_deref().is_some_and(|name| name.to_uppercase().contains("#EXT#")) {
        let text = "The name holds #EXT#: the person is a guest in Entra ID, whose user name is made up there. Send \
                    user.mail for guests, or set a federated id on the account.";
        details.warnings.push(text.to_owned());
    }
    let purpose = request.as_ref().map_or(Purpose::SignIn, |request| request.purpose);
    let report = |details, user: &User| events::Report {
        purpose,
        cause: None,
        sentence: if purpose == Purpose::Test {
            "The test went well: this user would come in."
        } else {
            "Signed in."
        }
        .to_owned(),
        user_id: Some(user.id.clone()),
        started_by: request.as_ref().and_then(|request| request.started_by.clone()),
        name_id: Some(assertion.name_id.value.clone()),
        address: bearer.address.clone(),
        details,
    };
    if purpose == Purpose::Test {
        let event = events::note(tx, report(details, &user))?;
        return Ok(Landing::Tested { reference: event.reference });
    }
    // Claims of everybody who comes in are nobody's business here.
    details.claims.clear();
    // Nothing is remembered of what no owner stands behind: it would count for the account from then on.
    if let Some(object_id) = &who.object_id
        && user.entra_object_id.is_none()
        && basis.lacking.is_none()
    {
        federation::remember(tx, &mut user, object_id)?;
    }
    events::note(tx, report(details, &user))?;
    let name = user.name();
    let how = [Change::set("address", &bearer.address), Change::set("by", "Entra ID")];
    audit::note_as(tx, &user.actor(), Action::SignedIn, user.subject(&name), &how)?;
    let asked = request.map(|request| request.return_to);
    Ok(Landing::In(Box::new(Arrival {
        return_to: asked.or_else(|| bearer.return_to.clone()).unwrap_or_else(|| "/".to_owned()),
        // Clocks differ: nobody has proved themselves later than now.
        proved_at: assertion.signed_in_at.map(|at| at.min(tx.now)),
        name_id: assertion.name_id,
        session_index: assertion.session_index,
        came_by: CameBy { plain: user.role == Role::None, ..basis.came_by },
        user,
    })))
}

fn refuse(
    tx: &mut Tx,
    request: Option<&Request>,
    cause: Cause,
    accepted: Option<&Accepted>,
    user: Option<User>,
    details: Details,
    bearer: &Bearer,
) -> Result<Landing> {
    let purpose = request.map_or(Purpose::SignIn, |request| request.purpose);
    let event = events::note(
        tx,
        events::Report {
            purpose,
            cause: Some(cause.code),
            sentence: cause.sentence,
            user_id: user.map(|user| user.id),
            started_by: request.and_then(|request| request.started_by.clone()),
            name_id: accepted.map(|accepted| accepted.assertion.name_id.value.clone()),
            address: bearer.address.clone(),
            details,
        },
    )?;
    let reference = event.reference;
    Ok(match purpose {
        Purpose::Test => Landing::Tested { reference },
        _ => Landing::Refused { sentence: help::for_the_person(cause.code), reference },
    })
}

fn checks(report: &Report) -> Vec<Check> {
    let check = |one: &crate::saml::Check| Check {
        field: one.field.to_owned(),
        expected: one.expected.clone(),
        received: one.received.clone(),
        good: one.good,
    };
    report.checks.iter().map(check).collect()
}

fn describe(accepted: &Accepted, details: &mut Details) {
    let proof = |one: &crate::saml::Proof| Proof {
        covers: one.covers.to_owned(),
        fingerprint: one.fingerprint.clone(),
        algorithm: one.algorithm.clone(),
    };
    details.proofs = accepted.proofs.iter().map(proof).collect();
    details.encrypted = accepted.encrypted;
    details.name_format.clone_from(&accepted.assertion.name_id.format);
    details.claims.clone_from(&accepted.assertion.claims);
}
