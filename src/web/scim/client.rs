//! Who asks, and may they: the bearer token, the switch, and the log of each request.

use super::{Advice, BASE, Refusal};
use crate::db::Conn;
use crate::domain::identity::credentials::{self, Credential, Refused};
use crate::domain::identity::switch::{self, PauseAnswer, State};
use crate::domain::provisioning::{self, Operation, Outcome, Report};
use crate::domain::users::by_entra::Scope;
use crate::domain::users::by_hand;
use crate::domain::{Actor, Tx};
use crate::error::Error;
use crate::scim::{Fault, ScimType};
use crate::web::extract::{Desk, house, whole};
use crate::web::guard::RequestId;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::NaiveDateTime;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};

const LARGEST_BODY: usize = 1024 * 1024;
/// One line about refused tokens in so many seconds: whoever guesses must not fill the disk.
const NOTE_EVERY_S: i64 = 10;

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

/// A client whose token was accepted while provisioning is on.
pub(super) struct Client {
    desk: Desk,
    token: Credential,
    pub(super) scope: Scope,
    /// The address below which the resources are.
    pub(super) base: String,
    request_id: Option<String>,
}

/// What is to be said of a request in the log.
#[derive(Default)]
pub(super) struct Told {
    pub(super) user_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) changes: Vec<crate::domain::audit::Change>,
    pub(super) warnings: Vec<String>,
    pub(super) status: u16,
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
    let house = house(request)?;
    let desk = Desk::at(house);
    let now = house.org().now();
    let keys = house.org().keys().clone();
    let asked = bearer(request).map(str::to_owned);
    let (token, switch) = desk
        .read(move |conn| {
            let token = match asked {
                Some(asked) => credentials::admit(conn, &keys, &asked, now)?,
                None => Err(Refused::NOT_SENT),
            };
            Ok((token, switch::read(conn)?))
        })
        .await?;
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let refusal = match &token {
        Err(refused) => Some(unauthorized(*refused)),
        Ok(_) if switch.state == State::On => None,
        Ok(_) => Some(paused(switch.pause_answer)),
    };
    if let Some(refusal) = refusal {
        if house.0.turned_away.is_due(now) {
            let token_id = token.ok().map(|token| token.id);
            let report = refused_report(&refusal, token_id, request_id);
            desk.write_later(Actor::Entra, move |tx| provisioning::note(tx, report));
        }
        return Err(refusal);
    }
    let Ok(token) = token else { return Err(Error::internal("a refused token was let through").into()) };
    if token.is_stale(now) {
        let used = token.clone();
        desk.write_later(Actor::Entra, move |tx| credentials::used(tx, &used));
    }
    Ok(Client { desk, token, scope: switch.scope, base: house.address(BASE), request_id })
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
            advice: Some(Advice::RetryLater),
            ..Refusal::new(Fault::plain(503, detail)).with_remedy(remedy)
        },
        PauseAnswer::Unauthorized => Refusal {
            advice: Some(Advice::Authenticate),
            ..Refusal::new(Fault::plain(401, detail)).with_remedy(remedy)
        },
    }
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
    /// Reads, and notes the request afterwards without keeping the client waiting.
    pub(super) async fn read<T, F>(&self, operation: Operation, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<(T, Operation, Told), Refusal> + Send + 'static,
    {
        let outcome = self.desk.read(move |conn| Ok(work(conn))).await?;
        let (outcome, report) = match outcome {
            Ok((value, operation, told)) => (Ok(value), self.report(operation, Ok(told))),
            Err(refusal) => {
                let report = self.report(operation, Err(&refusal));
                (Err(refusal), report)
            }
        };
        self.desk.write_later(Actor::Entra, move |tx| provisioning::note(tx, report));
        outcome
    }

    /// Changes something and notes it, in one transaction; what is refused is undone, and noted.
    pub(super) async fn write<T, F>(
        &self,
        operation: Operation,
        subject: Option<String>,
        work: F,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<(T, Told), Refusal> + Send + 'static,
    {
        let reporter = self.reporter();
        let outcome = self.desk.write(Actor::Entra, move |tx| {
            let outcome = tx.nested(work);
            let (outcome, mut report) = match outcome {
                Ok((value, told)) => (Ok(value), reporter.report(operation, Ok(told))),
                Err(refusal) => {
                    let report = reporter.report(operation, Err(&refusal));
                    (Err(refusal), report)
                }
            };
            if let Err(Refusal { in_the_way: Some(met), .. }) = &outcome {
                by_hand::ask_to_link(tx, &met.user_id, met.external_id.as_deref())?;
                report.user_id = Some(met.user_id.clone());
            }
            report.subject = report.subject.or(subject);
            provisioning::note(tx, report)?;
            Ok(outcome)
        });
        outcome.await?
    }

    /// Notes a request that was refused before it came to the database.
    pub(super) fn refuse(&self, operation: Operation, refusal: Refusal) -> Refusal {
        let report = self.report(operation, Err(&refusal));
        self.desk.write_later(Actor::Entra, move |tx| provisioning::note(tx, report));
        refusal
    }

    fn report(&self, operation: Operation, outcome: Result<Told, &Refusal>) -> Report {
        self.reporter().report(operation, outcome)
    }

    fn reporter(&self) -> Reporter {
        Reporter { token_id: self.token.id.clone(), request_id: self.request_id.clone() }
    }
}

struct Reporter {
    token_id: String,
    request_id: Option<String>,
}

impl Reporter {
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
                outcome: if told.warnings.is_empty() { Outcome::Done } else { Outcome::Warning },
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

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move {
            let body = whole(payload, LARGEST_BODY).await.map_err(|failure| failure.0);
            Ok(Self(match body {
                Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| {
                    Fault::bad(ScimType::InvalidSyntax, format!("The body is not JSON: {cause}."))
                }),
                Err(too_large @ Error::TooLarge(_)) => Err(Fault::plain(413, too_large.to_string())),
                Err(_) => Err(Fault::bad(ScimType::InvalidSyntax, "The body could not be read.")),
            }))
        })
    }
}
