//! Who asks, and may they: the bearer token, the switch, and the log of each request.

use super::bulk::Note;
use super::walks::Walks;
use super::{Advice, BASE, Done, PAUSE_S, Refusal, Shown};
use crate::db::Conn;
use crate::domain::identity::credentials::{self, Credential, Refused};
use crate::domain::identity::switch::{self, PauseAnswer, State};
use crate::domain::provisioning::{self, Operation, Outcome, Report};
use crate::domain::users::by_entra::Scope;
use crate::domain::users::by_hand;
use crate::domain::{Actor, Org, Tx};
use crate::error::Error;
use crate::scim::message::{LARGEST_BODY, MEDIA_TYPE};
use crate::scim::{Fault, ScimType};
use crate::web::extract::{Desk, house, whole};
use crate::web::guard::RequestId;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::NaiveDateTime;
use futures_util::future::LocalBoxFuture;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::oneshot;

/// One line about refused tokens in so many seconds: whoever guesses must not fill the disk.
const NOTE_EVERY_S: i64 = 10;

/// How many requests a credential may send, one credential apart from the other.
pub(in crate::web) struct Limits {
    by_credential: DefaultKeyedRateLimiter<String>,
}

impl Limits {
    /// So many requests a second.
    pub(in crate::web) fn new(a_second: NonZeroU32) -> Self {
        Self { by_credential: RateLimiter::keyed(Quota::per_second(a_second)) }
    }

    /// Takes one request; answers in how many seconds to come again where that is one too many.
    fn take(&self, credential: &str) -> Result<(), u64> {
        self.by_credential.check_key(&credential.to_owned()).map_err(|busy| {
            let wait = busy.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + 1
        })
    }
}

/// When a refused token was last written down.
#[derive(Default)]
pub(in crate::web) struct TurnedAway(AtomicI64);

impl TurnedAway {
    fn is_due(&self, now: NaiveDateTime) -> bool {
        let now = now.and_utc().timestamp();
        let last = self.0.load(Ordering::Relaxed);
        now - last >= NOTE_EVERY_S
            && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A client whose credential was accepted while provisioning is on.
pub(super) struct Client {
    desk: Desk,
    token: Credential,
    pub(super) scope: Scope,
    /// The address below which the resources are.
    pub(super) base: String,
    walks: Arc<Walks>,
    request_id: Option<String>,
}

/// What is to be said of a request in the log.
#[derive(Default)]
pub(super) struct Told {
    pub(super) user_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) changes: Vec<crate::domain::audit::Change>,
    pub(super) warnings: Vec<String>,
    /// Whether the guard holds part of it back.
    pub(super) held: bool,
    pub(super) status: u16,
}

impl FromRequest for Client {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admit(request))
    }
}

fn admit(request: &HttpRequest) -> Result<Client, Refusal> {
    let house = house(request)?;
    let desk = Desk::at(house);
    let now = house.org().now();
    let presented = bearer(request);
    let (token, switch) = desk.glance(|conn| {
        let token = match presented {
            Some(presented) => credentials::admit(conn, house.org().keys(), presented, now)?,
            None => Err(Refused::NOT_SENT),
        };
        Ok((token, switch::read(conn)?))
    })?;
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let refusal = match &token {
        Err(refused) => Some(unauthorized(*refused)),
        Ok(_) if switch.state != State::On => Some(paused(switch.pause_answer)),
        Ok(token) => house.0.scim_limits.take(&token.id).err().map(too_fast),
    };
    if let Some(refusal) = refusal {
        if house.0.turned_away.is_due(now) {
            let token_id = token.ok().map(|token| token.id);
            let report = refused_report(&refusal, token_id, request_id);
            desk.note_later(report);
        }
        return Err(refusal);
    }
    let Ok(token) = token else { return Err(Error::internal("a refused token was let through").into()) };
    if token.is_stale(now) {
        let used = token.clone();
        desk.write_later(Actor::Entra, move |tx| credentials::used(tx, &used));
    }
    let walks = Arc::clone(&house.0.scim_walks);
    Ok(Client { desk, token, scope: switch.scope, base: house.address(BASE), walks, request_id })
}

/// The token of `Authorization: Bearer …` (RFC 6750 section 2.1); the scheme's case does not matter.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(refused: Refused) -> Refusal {
    // The client hears one sentence, whatever the cause: the log says which.
    let fault = Fault::plain(401, "The API token is missing or not accepted.");
    Refusal { advice: Some(Advice::Authenticate), ..Refusal::new(fault).with_remedy(refused.remedy()) }
}

fn paused(answer: PauseAnswer) -> Refusal {
    let detail = "User provisioning is switched off in Rollcall at the moment.";
    let remedy = "Switch provisioning on under Identity Management.";
    match answer {
        PauseAnswer::Unavailable => Refusal {
            advice: Some(Advice::RetryAfter(PAUSE_S)),
            ..Refusal::new(Fault::plain(503, detail)).with_remedy(remedy)
        },
        PauseAnswer::Unauthorized => Refusal {
            advice: Some(Advice::Authenticate),
            ..Refusal::new(Fault::plain(401, detail)).with_remedy(remedy)
        },
    }
}

fn too_fast(wait: u64) -> Refusal {
    let fault = Fault::plain(429, "Too many requests with this credential.");
    let remedy =
        "The client sends more requests a second than the operator allows (scim_requests_per_second).";
    Refusal { advice: Some(Advice::RetryAfter(wait)), ..Refusal::new(fault).with_remedy(remedy) }
}

fn refused_report(refusal: &Refusal, token_id: Option<String>, request_id: Option<String>) -> Report {
    Report {
        operation: Operation::Other,
        outcome: Outcome::Refused,
        status: refusal.fault.status,
        user_id: None,
        subject: None,
        token_id,
        changes: Vec::new(),
        error: Some(refusal.fault.detail.clone()),
        remedy: refusal.remedy.clone(),
        request_id,
    }
}

impl Client {
    /// The organisation that the request is for.
    pub(super) fn org(&self) -> &Org {
        self.desk.org()
    }

    /// The key of the credential.
    pub(super) fn credential(&self) -> &str {
        &self.token.id
    }

    /// Where pages ended that were answered before.
    pub(super) fn walks(&self) -> Arc<Walks> {
        Arc::clone(&self.walks)
    }

    /// Reads one thing that is part of a request which is noted elsewhere.
    pub(super) fn glance<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, Error>) -> Result<T, Error> {
        self.desk.glance(work)
    }

    /// Reads, and notes the request afterwards without keeping the client waiting.
    pub(super) async fn read<T, F>(&self, operation: Operation, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<(T, Operation, Told), Refusal> + Send + 'static,
    {
        let outcome = self.desk.read(move |conn| Ok(work(conn))).await?;
        self.noted(operation, outcome)
    }

    /// As [`Client::read`], on the spot: for what takes microseconds, less than handing it to another thread.
    pub(super) fn read_at_once<T>(
        &self,
        operation: Operation,
        work: impl FnOnce(&mut Conn) -> Result<(T, Operation, Told), Refusal>,
    ) -> Result<T, Refusal> {
        let outcome = self.desk.read_at_once(|conn| Ok(work(conn)))?;
        self.noted(operation, outcome)
    }

    fn noted<T>(
        &self,
        operation: Operation,
        outcome: Result<(T, Operation, Told), Refusal>,
    ) -> Result<T, Refusal> {
        let (outcome, report) = match outcome {
            Ok((value, operation, told)) => (Ok(value), self.reporter().report(operation, Ok(told))),
            Err(refusal) => {
                let report = self.reporter().report(operation, Err(&refusal));
                (Err(refusal), report)
            }
        };
        self.desk.note_later(report);
        outcome
    }

    /// Changes something and notes it, in one transaction. What is refused is undone, and noted after. Answers what
    /// there is to show, and the status.
    pub(super) async fn write<F>(
        &self,
        operation: Operation,
        subject: Option<String>,
        work: F,
    ) -> Result<(Shown, u16), Refusal>
    where
        F: FnOnce(&mut Tx) -> Result<Done, Refusal> + Send + 'static,
    {
        let reporter = self.reporter();
        let (refused, refusal) = oneshot::channel();
        let outcome = self.desk.write(Actor::Entra, move |tx| match work(tx) {
            Ok(Done { shown, told }) => {
                let status = told.status;
                reporter.note(tx, operation, None, Ok(told))?;
                Ok((shown, status))
            }
            Err(refusal) => {
                drop(refused.send(refusal));
                Err(Error::internal("undone"))
            }
        });
        let outcome = outcome.await;
        let Ok(refusal) = refusal.await else { return Ok(outcome?) };
        let reporter = self.reporter();
        let noted = self.desk.write(Actor::Entra, move |tx| {
            reporter.note(tx, operation, subject, Err(&refusal))?;
            Ok(refusal)
        });
        Err(noted.await?)
    }

    /// As [`Client::write`], for a request that is many: one line for all, then one for each.
    pub(super) async fn write_many<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> (T, Vec<Note>) + Send + 'static,
    {
        let reporter = self.reporter();
        let outcome = self.desk.write(Actor::Entra, move |tx| {
            let (value, notes) = work(tx);
            let failed = notes.iter().filter(|(_, outcome)| outcome.is_err()).count();
            let subject = format!("{} operations, of which {failed} failed", notes.len());
            let told = Told { subject: Some(subject), status: 200, ..Told::default() };
            reporter.note(tx, Operation::Bulk, None, Ok(told))?;
            for (operation, outcome) in notes {
                match outcome {
                    Ok(told) => reporter.note(tx, operation, None, Ok(told))?,
                    Err(refusal) => reporter.note(tx, operation, None, Err(&refusal))?,
                }
            }
            Ok(value)
        });
        Ok(outcome.await?)
    }

    /// Notes a request that was refused before it came to the database.
    pub(super) fn refuse(&self, operation: Operation, refusal: Refusal) -> Refusal {
        self.desk.note_later(self.reporter().report(operation, Err(&refusal)));
        refusal
    }

    fn reporter(&self) -> Reporter {
        Reporter { token_id: self.token.id.clone(), request_id: self.request_id.clone() }
    }
}

/// Puts what came of a request into the words of the log.
struct Reporter {
    token_id: String,
    request_id: Option<String>,
}

impl Reporter {
    fn note(
        &self,
        tx: &mut Tx,
        operation: Operation,
        subject: Option<String>,
        outcome: Result<Told, &Refusal>,
    ) -> Result<(), Error> {
        let in_the_way = outcome.as_ref().err().and_then(|refusal| refusal.in_the_way.as_ref());
        let met = in_the_way.map(|met| met.user_id.clone());
        if let Some(met) = in_the_way {
            by_hand::ask_to_link(tx, &met.user_id, met.external_id.as_deref())?;
        }
        let report = self.report(operation, outcome);
        let report =
            Report { user_id: report.user_id.or(met), subject: report.subject.or(subject), ..report };
        provisioning::note(tx, report)
    }

    fn report(&self, operation: Operation, outcome: Result<Told, &Refusal>) -> Report {
        let blank = Report {
            operation,
            outcome: Outcome::Done,
            status: 200,
            user_id: None,
            subject: None,
            token_id: Some(self.token_id.clone()),
            changes: Vec::new(),
            error: None,
            remedy: None,
            request_id: self.request_id.clone(),
        };
        match outcome {
            Ok(told) => Report {
                outcome: match (told.held, told.warnings.is_empty()) {
                    (true, _) => Outcome::Held,
                    (false, false) => Outcome::Warning,
                    (false, true) => Outcome::Done,
                },
                status: told.status,
                user_id: told.user_id,
                subject: told.subject,
                changes: told.changes,
                error: (!told.warnings.is_empty()).then(|| told.warnings.join(" ")),
                ..blank
            },
            Err(refusal) => Report {
                outcome: Outcome::Failed,
                status: refusal.fault.status,
                error: Some(refusal.fault.detail.clone()),
                remedy: refusal.remedy.clone(),
                ..blank
            },
        }
    }
}

/// The JSON of a request's body, if it was JSON: the handler notes what is wrong with it.
pub(super) struct Body(pub(super) Result<Value, Fault>);

impl FromRequest for Body {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let foreign = kind.filter(|kind| !is_json(kind)).map(str::to_owned);
        Box::pin(async move {
            if let Some(kind) = foreign {
                let detail = format!("The body is {kind}; it must be {MEDIA_TYPE} or application/json.");
                return Ok(Self(Err(Fault::plain(415, detail))));
            }
            let body = whole(payload, LARGEST_BODY).await.map_err(|failure| failure.0);
            Ok(Self(match body {
                Ok(bytes) => crate::scim::json::read(&bytes),
                Err(too_large @ Error::TooLarge(_)) => Err(Fault::plain(413, too_large.to_string())),
                Err(_) => Err(Fault::bad(ScimType::InvalidSyntax, "The body could not be read.")),
            }))
        })
    }
}

/// Whether a media type is JSON; `application/scim+json` and `application/json` both are (RFC 7644 section 3.1).
fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty()
        || essence == "application/json"
        || essence.ends_with("+json")
        || essence == "text/json"
}
