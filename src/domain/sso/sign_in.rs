//! From an examined response to a session: compared with our request, matched to an account, logged.

use super::events::{self, Check, Details, Proof};
use super::examination::{Examined, judges_otherwise};
use super::matching::{self, Match, Named, Nobody};
use super::requests::{self, Mismatch, Purpose, Request};
use super::{Settings, certificates, creation, help, hints, pending, settings};
use crate::domain::audit::{Action, Change};
use crate::domain::sessions::{self, CameBy};
use crate::domain::users::{User, federation};
use crate::domain::{Noted, Role, Tx};
use crate::error::Result;
use crate::saml::response::{Accepted, Reading, ResponseFacts};
use crate::saml::{Refusal, Report};
use chrono::TimeDelta;

pub use super::outcome::{BrowserUser, NewSession, RequestOrigin, ReservedSession, SignInOutcome};

/// What a sign-in rests on, looked up again where it is decided.
struct Basis {
    came_by: CameBy,
    /// The greatest role that it signs in.
    good_for: Role,
    /// Why it signs in no greater one.
    lacking: Nobody,
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

/// Decides on a response and logs it. A refusal is a value and not an error, so that the transaction keeps its log entry.
pub fn conclude(tx: &mut Tx, examined: Examined, origin: &RequestOrigin) -> Result<Noted<SignInOutcome>> {
    let Reading { report, outcome, seen, .. } = examined.reading;
    let settings = settings::read(tx.conn)?;
    let mut details = Details { checks: checks(&report), ..described(&seen) };
    if settings.match_claim.is_none() {
        details.warnings = hints::about_name_id(&seen);
    }
    let mut case = Case { request: None, user: None, seen, origin };
    let accepted = match outcome {
        Ok(accepted) => accepted,
        Err(Refusal { fault, cause }) => {
            // An administrator who tests reads what went wrong, though nothing is proven.
            if let Some(id) = case.seen.answers.clone() {
                case.request = requests::open_test(tx, &id, origin.browser.as_deref())?;
            }
            return case.refuse(tx, Cause::new(fault.code(), cause), details);
        }
    };
    case.request = match held_against_request(tx, &accepted, origin)? {
        Ok(request) => request,
        Err(cause) => return case.refuse(tx, cause, details),
    };
    // Only now: a response that is brought again leaves no second copy of them.
    details.claims.clone_from(&accepted.assertion.claims);
    details.warnings.extend(hints::about_claims(&accepted.assertion, settings.match_claim.as_deref()));
    if !settings.enabled && !case.is_test() {
        let cause = Cause::new("switched_off", "Single sign-on is switched off.");
        return case.refuse(tx, cause, details);
    }
    let basis = match basis(tx, &accepted, examined.judged_by.as_ref())? {
        Ok(basis) => basis,
        Err(cause) => return case.refuse(tx, cause, details),
    };
    let who = match matching::named(&accepted.assertion, &settings) {
        Ok(who) => who,
        Err(why) => return case.refuse(tx, nobody(why), details),
    };
    let found = match matched(tx, &who, &accepted, &basis, case.is_test(), &mut details)? {
        Ok(found) => found,
        Err((cause, user)) => {
            case.user = user;
            return case.refuse(tx, cause, details);
        }
    };
    if let Some(cause) = case.proves_nothing(&found.user, &accepted, settings.rules().skew) {
        case.user = Some(found.user);
        return case.refuse(tx, cause, details);
    }
    admit(tx, case, found, &who, basis, accepted, details)
}

/// Notes a sign-in that failed on our side: the person still has a reference.
pub fn failed(tx: &mut Tx, origin: &RequestOrigin) -> Result<Noted<SignInOutcome>> {
    let case = Case { request: None, user: None, seen: ResponseFacts::default(), origin };
    let sentence = "Something went wrong on our side, which the program's log tells. Nobody was signed in.";
    case.refuse(tx, Cause::new("failed", sentence), Details::default())
}

/// A sign-in under way: which request it answers, whose it is as far as that is known, and what its response says.
struct Case<'a> {
    request: Option<Request>,
    user: Option<User>,
    seen: ResponseFacts,
    origin: &'a RequestOrigin,
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
    let trusted = certificates::in_use(tx.conn)?;
    let (mut good_for, mut lacking) = (Role::Owner, Nobody::NotForOwners);
    if !approved {
        (good_for, lacking) = (Role::None, Nobody::SettingsNotApproved);
    }
    let mut certificates = Vec::new();
    for proof in &accepted.proofs {
        let Some(one) = trusted.iter().find(|one| one.fingerprint == proof.fingerprint) else {
            let sentence =
                "The certificate that signed the response was removed while the person was signing in.";
            return Ok(Err(Cause::new("changed_meanwhile", sentence)));
        };
        if !one.approved {
            (good_for, lacking) = (one.good_for().min(good_for), Nobody::NotForOwners);
        }
        certificates.push(one.fingerprint.clone());
    }
    let sha1 = accepted.proofs.iter().any(|proof| proof.sha1);
    let unsolicited = accepted.assertion.in_response_to.is_none();
    let came_by = CameBy { certificates, waiting: !approved, sha1, unsolicited, plain: true };
    Ok(Ok(Basis { came_by, good_for, lacking }))
}

/// Whether it answers a request of this browser, or none; and whether it is presented for the first time.
fn held_against_request(
    tx: &mut Tx,
    accepted: &Accepted,
    origin: &RequestOrigin,
) -> Result<Result<Option<Request>, Cause>> {
    let assertion = &accepted.assertion;
    // First of all, so that whatever is refused below cannot be tried again.
    if !requests::see(tx, &assertion.issuer, &assertion.id, assertion.expires)? {
        let sentence = "This response was presented before. Each is taken once.";
        return Ok(Err(Cause::new("replay", sentence)));
    }
    let Some(id) = &assertion.in_response_to else { return Ok(Ok(None)) };
    let purposes = [Purpose::SignIn, Purpose::Proof, Purpose::Test];
    Ok(match requests::answer(tx, id, origin.browser.as_deref(), &purposes)? {
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
            let minutes = requests::LIFETIME.num_minutes();
            let sentence = format!("It answers a request that was sent more than {minutes} minutes ago.");
            Cause::new("request_expired", sentence)
        }
        Mismatch::OtherPurpose => {
            Cause::new("in_response_to", "It answers a request of ours that did not ask for a sign-in.")
        }
        Mismatch::OtherBrowser => Cause::new(
            "other_browser",
            "It answers a request of another browser, or this browser keeps no cookies.",
        ),
    }
}

type NotIn = (Cause, Option<User>);

/// The account that may sign in, created if the settings allow that.
fn matched(
    tx: &mut Tx,
    who: &Named,
    accepted: &Accepted,
    basis: &Basis,
    is_test: bool,
    details: &mut Details,
) -> Result<Result<Match, NotIn>> {
    if who.name.is_none() && who.object_id.is_none() {
        return Ok(Err((nobody(Nobody::ClaimMissing), None)));
    }
    let found = matching::find(tx.conn, who)?;
    let waiting = match (&found, &who.name) {
        (None, Some(name)) => matching::waiting_for(tx.conn, name)?,
        _ => None,
    };
    let found = match found {
        Some(found) => found,
        // An account of that name is not to be made beside the one that waits for it.
        None if waiting.is_some() => return Ok(Err((nobody(Nobody::NameHeld), waiting))),
        None if settings::read(tx.conn)?.create_users && !is_test && !who.opaque && who.name.is_some() => {
            match creation::create(tx, who, accepted, details)? {
                Ok(user) => Match { user, by: matching::By::UserName, barred: None },
                Err(sentence) => return Ok(Err((Cause::new("account_not_made", sentence), None))),
            }
        }
        None => {
            if let Some(name) = &who.name {
                details.nearest = matching::nearest(tx.conn, name)?;
            }
            let cause = if who.name.is_none() { Nobody::ClaimMissing } else { Nobody::Unknown };
            return Ok(Err((nobody(cause), None)));
        }
    };
    details.matched_by = Some(found.by.words().to_owned());
    let barred = match found.barred {
        None if found.user.role > basis.good_for => Some(basis.lacking),
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
        Nobody::ObjectIdInvalid => {
            "The object id in the response is not one that Entra ID gives: it is no GUID, or the empty one."
        }
        Nobody::Unknown => "No user here has the name that Entra ID sent.",
        Nobody::NameHeld => "Entra ID gave a user here this name, and the guard holds the new name back.",
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

/// Signs the person in, or reports to the tester that it would have.
fn admit(
    tx: &mut Tx,
    case: Case,
    found: Match,
    who: &Named,
    basis: Basis,
    accepted: Accepted,
    mut details: Details,
) -> Result<Noted<SignInOutcome>> {
    let mut user = found.user;
    if case.is_test() {
        let sentence = "The test went well: this user would come in.";
        let event = events::note(tx, case.report(None, sentence.to_owned(), Some(&user), details))?;
        let tested = SignInOutcome::Tested { reference: event.reference.clone() };
        return Ok(Noted::unaudited(tested, "a test signs nobody in, and the sign-in log tells of it"));
    }
    // The claims of a sign-in are logged for tests only.
    details.claims.clear();
    // A key that no owner approved of is not stored with the account, for which it would count from then on.
    if let Some(object_id) = &who.object_id
        && let Some((by, name)) = found.by.name().zip(who.name.as_deref())
        && user.entra_object_id.is_none()
        && basis.good_for == Role::Owner
    {
        federation::remember(tx, &mut user, object_id, by, name)?;
    }
    let assertion = accepted.assertion;
    let waits = case.request.is_none() && case.origin.present.may_be_another_than(&user.id);
    let sentence = if waits { events::WAITS } else { "Signed in." };
    events::note(tx, case.report(None, sentence.to_owned(), Some(&user), details))?;
    let is_proof = case.purpose() == Purpose::Proof;
    let action = if is_proof { Action::Confirmed } else { Action::SignedIn };
    let asked = case.request.map(|request| request.return_to);
    let new_session = NewSession {
        return_to: asked.or_else(|| case.origin.return_to.clone()).unwrap_or_else(|| "/".to_owned()),
        // Clocks differ: a proof is not later than now.
        proved_at: assertion.signed_in_at.map(|at| at.min(tx.now)),
        name_id: assertion.name_id,
        session_index: assertion.session_index,
        came_by: CameBy { plain: user.role == Role::None, ..basis.came_by },
        until: assertion.session_until,
        user,
    };
    if waits {
        let secret = pending::hold(tx, &new_session)?;
        let pending = SignInOutcome::Pending { secret, new_session: Box::new(new_session) };
        return Ok(Noted::unaudited(
            pending,
            "nobody is signed in before they have said that they are to be",
        ));
    }
    let reserved = reserve(tx, new_session, &case.origin.address, action)?;
    Ok(reserved.map(|session| SignInOutcome::SignedIn(Box::new(session))))
}

/// Records the sign-in and reserves its session.
fn reserve(
    tx: &mut Tx,
    new_session: NewSession,
    address: &str,
    action: Action,
) -> Result<Noted<ReservedSession>> {
    let (user, name) = (&new_session.user, new_session.user.name());
    let how = [Change::set("address", address), Change::set("by", "Entra ID")];
    let noted = tx.note_as(&user.actor(), action, user.subject(&name), &how)?;
    let reserved = sessions::reserve(tx, new_session.holder())?.into_inner();
    Ok(noted.with(ReservedSession { new_session, reserved }))
}

/// Takes a sign-in that waited for the person's word; nothing where it is over, or was taken.
pub fn take_pending(tx: &mut Tx, secret: &str, address: &str) -> Result<Noted<Option<ReservedSession>>> {
    let taken = pending::take(tx, secret)?;
    let Some(new_session) = taken else { return Ok(Noted::unaudited(None, "nothing waits any longer")) };
    let report = events::Report {
        purpose: Purpose::SignIn,
        cause: None,
        sentence: "Signed in, as the person said.".to_owned(),
        user_id: Some(new_session.user.id.clone()),
        started_by: None,
        name_id: Some(new_session.name_id.value.clone()),
        address: address.to_owned(),
        details: Details::default(),
        proven: true,
    };
    events::note(tx, report)?;
    Ok(reserve(tx, new_session, address, Action::SignedIn)?.map(Some))
}

impl Case<'_> {
    fn purpose(&self) -> Purpose {
        self.request.as_ref().map_or(Purpose::SignIn, |request| request.purpose)
    }

    fn is_test(&self) -> bool {
        self.purpose() == Purpose::Test
    }

    /// Why an answer to a request for a proof proves nothing: it is about somebody else than who was asked, or about a
    /// sign-in from before the question.
    fn proves_nothing(&self, user: &User, accepted: &Accepted, skew: TimeDelta) -> Option<Cause> {
        let request = self.request.as_ref().filter(|request| request.purpose == Purpose::Proof)?;
        if request.started_by.as_ref() != Some(&user.id) {
            let sentence = "Whoever is signed in was asked to prove it, and somebody else did.";
            return Some(Cause::new("other_person", sentence));
        }
        let fresh = accepted.assertion.signed_in_at.is_some_and(|at| at + skew >= request.created_at);
        let sentence = "Entra ID was asked for a fresh sign-in and answered with an older one.";
        (!fresh).then(|| Cause::new("not_fresh", sentence))
    }

    fn report(
        &self,
        cause: Option<&'static str>,
        sentence: String,
        user: Option<&User>,
        details: Details,
    ) -> events::Report {
        events::Report {
            purpose: self.purpose(),
            cause,
            sentence,
            user_id: user.map(|user| user.id.clone()),
            started_by: self.request.as_ref().and_then(|request| request.started_by.clone()),
            name_id: self.seen.name_id.as_ref().map(|name| name.value.clone()),
            address: self.origin.address.clone(),
            proven: !self.seen.proofs.is_empty(),
            details,
        }
    }

    fn refuse(self, tx: &mut Tx, cause: Cause, details: Details) -> Result<Noted<SignInOutcome>> {
        const WHY: &str = "nobody was signed in, and the sign-in log tells why";
        let answered = match &self.seen.answers {
            Some(id) => requests::find(tx.conn, id)?.is_some_and(|request| request.answered_at.is_some()),
            None => false,
        };
        // What answers a request for the first time has just been counted as its answer.
        let is_repeat = help::is_repeat(cause.code) || (answered && self.request.is_none());
        let report = self.report(Some(cause.code), cause.sentence, self.user.as_ref(), details);
        let reference = events::note(tx, report)?.into_inner().reference;
        if self.is_test() {
            return Ok(Noted::unaudited(SignInOutcome::Tested { reference }, WHY));
        }
        let refused = SignInOutcome::Refused {
            sentence: help::for_the_person(cause.code),
            reference,
            is_over: help::is_over(cause.code),
            is_repeat,
            is_about_the_account: !self.seen.proofs.is_empty(),
        };
        Ok(Noted::unaudited(refused, WHY))
    }
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

/// What was seen of a response.
fn described(seen: &ResponseFacts) -> Details {
    let proof = |one: &crate::saml::Proof| Proof {
        covers: one.covers.to_owned(),
        fingerprint: one.fingerprint.clone(),
        thumbprint: one.thumbprint.clone(),
        algorithm: one.algorithm.clone(),
    };
    Details {
        proofs: seen.proofs.iter().map(proof).collect(),
        encrypted: seen.encrypted,
        name_format: seen.name_id.as_ref().and_then(|name| name.format.clone()),
        ..Details::default()
    }
}
