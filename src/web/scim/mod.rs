//! The door for Entra ID and other SCIM clients (RFC 7644).
//!
//! Each request passes [`client::Client`] (who asks, may they), does one domain operation in one transaction, which
//! also writes the line of the provisioning log, and is answered as SCIM.

use crate::error::Error;
use crate::scim::message::MEDIA_TYPE;
use crate::scim::{Fault, ScimType};
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, ServiceConfig, get, patch, post, put};
use actix_web::{HttpResponse, ResponseError};
use serde_json::Value;
use std::fmt;

mod about;
mod client;
mod mapping;
mod query;
mod users;

pub(super) use client::TurnedAway;

/// Where SCIM is served, below the public address.
pub(super) const BASE: &str = "/scim/v2";
/// How long Entra ID should wait while provisioning is paused, in seconds.
const RETRY_AFTER_S: &str = "2400";

pub(super) fn routes(routes: &mut ServiceConfig) {
    let scope = web::scope(BASE)
        .route("/Users", get().to(users::list))
        .route("/Users", post().to(users::create))
        .route("/Users/{id}", get().to(users::get))
        .route("/Users/{id}", put().to(users::replace))
        .route("/Users/{id}", patch().to(users::change))
        .route("/Users/{id}", web::delete().to(users::delete))
        .route("/Groups", get().to(about::groups))
        .route("/Groups/{id}", get().to(about::group))
        .route("/ServiceProviderConfig", get().to(about::service_provider_config))
        .route("/ResourceTypes", get().to(about::resource_types))
        .route("/ResourceTypes/{id}", get().to(about::resource_type))
        .route("/Schemas", get().to(about::schemas))
        .route("/Schemas/{id}", get().to(about::schema))
        .default_service(web::to(about::nowhere));
    routes.service(scope);
}

/// A refusal on its way to a SCIM client, with what the log says beyond it.
#[derive(Debug)]
pub(super) struct Refusal {
    fault: Fault,
    /// How an administrator mends it.
    remedy: Option<String>,
    /// For the worklist of links.
    in_the_way: Option<Box<InTheWay>>,
    advice: Option<Advice>,
}

/// An account that a create met.
#[derive(Debug)]
struct InTheWay {
    user_id: String,
    external_id: Option<String>,
}

/// What a header tells the client to do.
#[derive(Clone, Copy, Debug)]
enum Advice {
    /// Present a token (RFC 6750 section 3).
    Authenticate,
    /// Come again later (RFC 9110 section 10.2.3).
    RetryLater,
}

impl Refusal {
    fn new(fault: Fault) -> Self {
        Self { fault, remedy: None, in_the_way: None, advice: None }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = super::status(&error).as_u16();
        let detail = error.to_string();
        Self::new(match error {
            Error::Invalid(_) => Fault::bad(ScimType::InvalidValue, detail),
            Error::Taken(_) => Fault { status, kind: Some(ScimType::Uniqueness), detail },
            Error::NotFound(_) => Fault::plain(status, "There is no such resource."),
            Error::Internal(cause) => {
                tracing::error!(%cause, "request failed");
                Fault::plain(status, detail)
            }
            _ => Fault::plain(status, detail),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self.advice {
            Some(Advice::Authenticate) => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"Rollcall\""))
            }
            Some(Advice::RetryLater) => response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S)),
            None => &mut response,
        };
        response.content_type(MEDIA_TYPE).body(self.fault.to_json().to_string())
    }
}

/// An answer with a resource.
fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).content_type(MEDIA_TYPE).body(body.to_string())
}
