//! Who asks, and may they: the bearer token, the switch, and the log of each request.

use super::bulk::Note;
pub(super) use super::log::LogDetails;
use super::log::{Reporter, RequestSummary};
use super::walks::Walks;
use super::{Advice, BASE, PAUSE_S, Refusal, Representation, WriteResponse};
use crate::db::Conn;
use crate::domain::identity::credentials::{self, Credential, CredentialRefusal};
use crate::domain::identity::own_test;
use crate::domain::identity::switch::{self, PauseAnswer, State};
use crate::domain::provisioning::{self, Operation};
use crate::domain::users::by_entra::Scope;
use crate::domain::users::list::Effort;
use crate::domain::{Actor, Noted, Org, Tx};
use crate::error::Error;
use crate::pool::{QueueKey, Requester};
use crate::scim::message::{LARGEST_BODY, MEDIA_TYPE};
use crate::scim::outline::Outline;
use crate::scim::{Fault, ScimType};
use crate::web::AppState;
use crate::web::body::Credentialed;
use crate::web::extract::{OrgHandle, app_state, whole};
use crate::web::guard::RequestId;
use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::NaiveDateTime;
use futures_util::future::LocalBoxFuture;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use std::num::NonZeroU32;
use std::sync::Arc;

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

/// A client whose credential was accepted while provisioning is on.
pub(super) struct Client {
    org: OrgHandle,
    token: Credential,
    /// What the client could see when the request began: what is read or written for them asks again.
    pub(super) scope: Scope,
    /// The address below which the resources are.
    pub(super) base: String,
    walks: Arc<Walks>,
    /// Of which the log tells.
    request: HttpRequest,
    /// The administrator whose test it is, where Rollcall itself asks.
    own_test_of: Option<String>,
}

impl FromRequest for Client {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { admit(&request).await })
    }
}

async fn admit(request: &HttpRequest) -> Result<Client, Refusal> {
    let state = app_state(request)?;
    let org = OrgHandle::at(state);
    let now = state.org().now();
    let (presented, keys) = (bearer(request).map(str::to_owned), state.org().keys().clone());
    let look = org.read_one(move |conn| {
        let token = match presented {
            Some(presented) => credentials::admit(conn, &keys, &presented, now)?,
            None => Err(CredentialRefusal::NOT_SENT),
        };
        Ok((token, switch::read(conn)?))
    });
    let (token, switch) = look.await?;
    let own_test_of = own_test(request, state, now);
    let refusal = match &token {
        Err(refused) => Some(unauthorized(*refused)),
        Ok(_) if switch.state != State::On => Some(paused(switch.pause_answer)),
        Ok(token) => state.0.scim_limits.take(&token.id).err().map(too_fast),
    };
    if let Err(refused) = &token {
        tracing::info!(cause = refused.remedy(), "a SCIM credential was refused");
    }
    if let Some(refusal) = refusal {
        let token_id = token.ok().map(|token| token.id);
        let sort = [token_id.as_deref(), refusal.remedy.as_deref()].map(Option::unwrap_or_default).join(" ");
        // Before provisioning is switched on for the first time, a stranger's request is nothing to keep or to tell of.
        let is_noise = token_id.is_none() && switch.state == State::Off;
        if own_test_of.is_some() || (!is_noise && state.0.refusals.is_due(&sort, now)) {
            org.note_later(reporter(request, String::new(), own_test_of).turned_away(&refusal, token_id));
        }
        return Err(refusal);
    }
    let Ok(token) = token else { return Err(Error::internal("a refused token was let through").into()) };
    // A test of our own is no use that anybody should rely on.
    if own_test_of.is_none() && token.is_stale(now) {
        let used = token.clone();
        org.write_later(Actor::Entra, move |tx| credentials::used(tx, &used));
    }
    request.extensions_mut().insert(Credentialed);
    let org = OrgHandle::of(request, Requester::Stranger(QueueKey::of(&token.id)))?;
    let (request, base) = (request.clone(), state.address(BASE));
    let walks = Arc::clone(&state.0.scim_walks);
    Ok(Client { org, token, scope: switch.scope, base, walks, request, own_test_of })
}

/// What a client may see now, or why they are let in no longer: between the head of their request and this moment its
/// body may have been waited for.
fn present_scope(conn: &mut Conn, credential: &Credential, now: NaiveDateTime) -> Result<Scope, Refusal> {
    let switch = switch::read(conn)?;
    match credentials::still_good(conn, credential, now)? {
        Err(refused) => Err(unauthorized(refused)),
        Ok(()) if switch.state != State::On => Err(paused(switch.pause_answer)),
        Ok(()) => Ok(switch.scope),
    }
}

/// The administrator whose test of the connection a request is part of. What changes something never is.
fn own_test(request: &HttpRequest, state: &AppState, now: NaiveDateTime) -> Option<String> {
    let mark = request.headers().get(own_test::HEADER).filter(|_| request.method() == Method::GET)?;
    own_test::read(state.org().keys(), mark.to_str().ok()?, now)
}

fn reporter(request: &HttpRequest, token_id: String, own_test_of: Option<String>) -> Reporter {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    Reporter { token_id, request_id, own_test_of, asked: RequestSummary::of(request) }
}

/// The token of `Authorization: Bearer …` (RFC 6750 section 2.1); the scheme's case does not matter.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(refused: CredentialRefusal) -> Refusal {
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

impl Client {
    /// The organisation that the request is for.
    pub(super) fn org(&self) -> &Org {
        self.org.inner()
    }

    /// The key of the credential.
    pub(super) fn credential(&self) -> &str {
        &self.token.id
    }

    /// Where pages ended that were answered before.
    pub(super) fn walks(&self) -> Arc<Walks> {
        Arc::clone(&self.walks)
    }

    /// Reads what may be much, for a request that is noted elsewhere.
    pub(super) async fn read_unlogged<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        self.org.read(work).await
    }

    /// Reads one thing that is part of a request which is noted elsewhere.
    pub(super) async fn read_one<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        self.org.read_one(work).await
    }

    /// Reads what this client may see, and notes the request afterwards without keeping the client waiting.
    pub(super) async fn read<T, F>(&self, operation: Operation, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Scope) -> Result<(T, Operation, LogDetails), Refusal> + Send + 'static,
    {
        let looking = self.looking();
        let outcome =
            self.org.read(move |conn| Ok(looking(conn).and_then(|scope| work(conn, scope)))).await?;
        self.noted(operation, outcome)
    }

    /// As [`Client::read`], on the spot: for what takes microseconds, less than handing it to another thread.
    pub(super) async fn read_at_once<T, F>(&self, operation: Operation, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Scope) -> Result<(T, Operation, LogDetails), Refusal> + Send + 'static,
    {
        let looking = self.looking();
        let work = move |conn: &mut Conn| Ok(looking(conn).and_then(|scope| work(conn, scope)));
        let outcome = self.org.read_at_once(work).await?;
        self.noted(operation, outcome)
    }

    /// As [`Client::read`], for what may have to look at all users: then in its turn among such reads. `at_once` is for
    /// what is likely to take microseconds.
    pub(super) async fn search<T, F>(
        &self,
        operation: Operation,
        at_once: bool,
        work: F,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, Scope, Effort) -> Result<Option<(T, Operation, LogDetails)>, Refusal>
            + Clone
            + Send
            + 'static,
    {
        let (looking, first) = (self.looking(), work.clone());
        let first =
            move |conn: &mut Conn| Ok(looking(conn).and_then(|scope| first(conn, scope, Effort::Moment)));
        let mut outcome =
            if at_once { self.org.read_at_once(first).await? } else { self.org.read(first).await? };
        if matches!(outcome, Ok(None)) {
            outcome = match self.org.scan_permit().await {
                Err(refusal) => Err(refusal.into()),
                Ok(_permit) => {
                    let looking = self.looking();
                    let again = move |conn: &mut Conn| {
                        Ok(looking(conn).and_then(|scope| work(conn, scope, Effort::AllRows)))
                    };
                    self.org.read(again).await?
                }
            };
        }
        let given_up = || Error::internal("a search was given up although it had its time").into();
        self.noted(operation, outcome.and_then(|found| found.ok_or_else(given_up)))
    }

    /// Looks what the client may see. Nothing was waited for where no body was read.
    fn looking(&self) -> impl FnOnce(&mut Conn) -> Result<Scope, Refusal> + Send + 'static + use<> {
        let (credential, now, scope) = (self.token.clone(), self.org().now(), self.scope);
        let waited = self.request.method() == Method::POST;
        move |conn| if waited { present_scope(conn, &credential, now) } else { Ok(scope) }
    }

    fn noted<T>(
        &self,
        operation: Operation,
        outcome: Result<(T, Operation, LogDetails), Refusal>,
    ) -> Result<T, Refusal> {
        let reporter = self.reporter();
        let (outcome, report) = match outcome {
            Ok((value, operation, told)) => (Ok(value), reporter.report(operation, Ok(told))),
            Err(refusal) => {
                let report = reporter.report(operation, Err(&refusal));
                (Err(refusal), report)
            }
        };
        self.org.note_later(report);
        outcome
    }

    /// Changes something and notes it, in one transaction. What is refused is undone, and noted after. Answers what
    /// there is to show, and the status.
    pub(super) async fn write<F>(
        &self,
        operation: Operation,
        subject: Option<String>,
        work: F,
    ) -> Result<(Representation, u16), Refusal>
    where
        F: FnOnce(&mut Tx, Scope) -> Result<Noted<WriteResponse>, Refusal> + Send + 'static,
    {
        // What a request says of itself can be asked for once.
        let (reporter, credential) = (self.reporter(), self.token.clone());
        let again = reporter.for_operation(reporter.asked.clone());
        let outcome = self.org.write(Actor::Entra, move |tx| {
            let scope = present_scope(tx.conn, &credential, tx.now)?;
            let (WriteResponse { shown, told }, noted) = work(tx, scope)?.split();
            let status = told.status;
            reporter.note(tx, operation, None, Ok(told))?;
            Ok(noted.with((shown, status)))
        });
        match outcome.await {
            Err(refusal) => Err(self.after(again, operation, subject, refusal).await),
            done => done,
        }
    }

    /// Notes a refusal that undid its transaction. While nothing can be written, that cannot be either.
    async fn after(
        &self,
        reporter: Reporter,
        operation: Operation,
        subject: Option<String>,
        refusal: Refusal,
    ) -> Refusal {
        if refusal.outage.is_some() {
            return refusal;
        }
        let noted = self.org.write(Actor::Entra, move |tx| {
            Ok(reporter.note(tx, operation, subject, Err(&refusal))?.with(refusal))
        });
        noted.await.unwrap_or_else(|cause: Error| cause.into())
    }

    /// As [`Client::write`], for a request that is many: one line for all, then one for each.
    pub(super) async fn write_many<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx, Scope) -> Result<(T, Vec<Note>), Error> + Send + 'static,
    {
        // What a request says of itself can be asked for once.
        let (reporter, credential) = (self.reporter(), self.token.clone());
        let again = reporter.for_operation(reporter.asked.clone());
        let outcome = self.org.write(Actor::Entra, move |tx| {
            let scope = present_scope(tx.conn, &credential, tx.now)?;
            let (value, notes) = work(tx, scope)?;
            let failed = notes.iter().filter(|(.., outcome)| outcome.is_err()).count();
            let subject = format!("{} operations, of which {failed} failed", notes.len());
            let told = LogDetails { subject: Some(subject), status: 200, ..LogDetails::default() };
            reporter.note(tx, Operation::Bulk, None, Ok(told))?;
            for (operation, asked, outcome) in notes {
                let reporter = reporter.for_operation(asked);
                match outcome {
                    Ok(told) => reporter.note(tx, operation, None, Ok(told))?,
                    Err(refusal) => reporter.note(tx, operation, None, Err(&refusal))?,
                };
            }
            Ok(Noted::unaudited(value, "each operation that changes something has entries of its own"))
        });
        match outcome.await {
            Err(refusal) => Err(self.after(again, Operation::Bulk, None, refusal).await),
            done => done,
        }
    }

    /// Notes a request that was refused before it came to the database: a change in its turn among the others, so that
    /// what comes after it stands after it.
    pub(super) fn refuse(&self, operation: Operation, refusal: Refusal) -> Refusal {
        let report = self.reporter().report(operation, Err(&refusal));
        if operation.is_read() {
            self.org.note_later(report);
        } else {
            self.org.write_later(Actor::Entra, move |tx| provisioning::note(tx, report));
        }
        refusal
    }

    fn reporter(&self) -> Reporter {
        reporter(&self.request, self.token.id.clone(), self.own_test_of.clone())
    }
}

/// The JSON of a request's body, if it was JSON: the handler notes what is wrong with it.
pub(super) struct Body(pub(super) Result<Value, Fault>);

impl FromRequest for Body {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let foreign = kind.filter(|kind| !is_json(kind)).map(str::to_owned);
        Box::pin(async move {
            if let Some(kind) = foreign {
                let detail = format!("The body is {kind}; it must be {MEDIA_TYPE} or application/json.");
                return Ok(Self(Err(Fault::plain(415, detail))));
            }
            let body = whole(&request, payload, LARGEST_BODY).await.map_err(|failure| failure.0);
            Ok(Self(match body {
                Ok(bytes) => {
                    let read = crate::scim::json::read(&bytes);
                    if let Ok(body) = &read {
                        request.extensions_mut().insert(Outline::of(body));
                    }
                    read
                }
                Err(too_large @ Error::TooLarge(_)) => Err(Fault::plain(413, too_large.to_string())),
                Err(too_slow @ Error::TooSlow) => Err(Fault::plain(408, too_slow.to_string())),
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
