//! A refusal of the token endpoint: what the client hears (RFC 6749 section 5.2), and what the log says.

use crate::domain::identity::{assertion, clients};
use crate::error::Error;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::json;

/// How long a client should wait when the keys of Entra ID could not be fetched, in seconds.
const RETRY_AFTER_S: u32 = 60;

/// Why no token is issued.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The protocol's word.
    error: &'static str,
    /// For the client: never which part of its proof was wrong.
    description: &'static str,
    retry_after: Option<u32>,
    /// For the log, as a sentence.
    pub(super) cause: String,
    /// For the log: how an administrator mends it.
    pub(super) remedy: &'static str,
    /// Refusals of one sort are not all written down.
    pub(super) sort: Box<str>,
    /// What the client calls itself, where that is known here; empty else.
    pub(super) client: Box<str>,
}

const NOT_BELIEVED: &str = "Client authentication failed.";
const CHECK_SETUP: &str = "Compare what is entered in Entra ID with the values under Identity Management.";

impl Refusal {
    fn new(error: &'static str, description: &'static str, cause: String, remedy: &'static str) -> Self {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self {
            status,
            error,
            description,
            retry_after: None,
            cause,
            remedy,
            sort: error.into(),
            client: Box::default(),
        }
    }

    /// The request is not one of the protocol's; `what` is wrong with it.
    pub(super) fn malformed(what: &'static str) -> Self {
        let cause = format!("A request for an access token could not be understood: {what}.");
        let refusal = Self::new("invalid_request", "The request is not well formed.", cause, CHECK_SETUP);
        Self { sort: what.into(), ..refusal }
    }

    pub(super) fn too_large() -> Self {
        let refusal = Self::malformed("the body is larger than 64 KiB");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..refusal }
    }

    pub(super) fn too_slow() -> Self {
        let refusal = Self::malformed("the body did not come in time");
        Self { status: StatusCode::REQUEST_TIMEOUT, ..refusal }
    }

    pub(super) fn grant_type() -> Self {
        let cause = "An access token was asked for by another grant than client_credentials.";
        let description = "Only client_credentials is supported.";
        Self::new("unsupported_grant_type", description, cause.to_owned(), CHECK_SETUP)
    }

    pub(super) fn scope() -> Self {
        let cause = "An access token was asked for with a scope other than scim.";
        Self::new(
            "invalid_scope",
            "The only scope is scim.",
            cause.to_owned(),
            "Enter scim as scope in Entra ID.",
        )
    }

    /// The client did not even try to prove itself; `what` is missing.
    pub(super) fn unproved(what: &'static str) -> Self {
        let cause = format!("An access token was asked for without proof: {what}.");
        Self { sort: what.into(), ..Self::new("invalid_client", NOT_BELIEVED, cause, CHECK_SETUP) }
    }

    pub(super) fn of_client(refused: clients::ClientRefusal, client_id: Option<&str>) -> Self {
        // Names that strangers make up are of one sort, so that there are not too many sorts.
        let known =
            client_id.filter(|_| refused != clients::ClientRefusal::UnknownClient).unwrap_or_default();
        let refusal = Self::new("invalid_client", NOT_BELIEVED, refused.cause().to_owned(), refused.remedy());
        Self { sort: format!("{refused:?} {known}").into(), client: known.into(), ..refusal }
    }

    pub(super) fn of_federation(refused: &assertion::AssertionRefusal) -> Self {
        let cause =
            format!("An access token was asked for with an assertion that is not accepted: {refused}.");
        let sort = format!("{refused:?}").split('(').next().unwrap_or_default().into();
        let refusal = Self::new("invalid_client", NOT_BELIEVED, cause, refused.remedy());
        let refusal = Self { client: super::FEDERATION.into(), ..refusal };
        if refused.is_ours() {
            return Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: "temporarily_unavailable",
                description: "The signing keys of the issuer could not be fetched.",
                retry_after: Some(RETRY_AFTER_S),
                sort,
                ..refusal
            };
        }
        Self { sort, ..refusal }
    }

    /// User provisioning was never switched on.
    pub(super) fn off() -> Self {
        let cause = "An access token was asked for while user provisioning is off.";
        let remedy = "Switch user provisioning on under Identity Management.";
        Self::new("unauthorized_client", "User provisioning is off.", cause.to_owned(), remedy)
    }

    /// What the client proved itself with was revoked at that very moment.
    pub(super) fn changed() -> Self {
        let cause = "An access token was asked for with a proof that was revoked at that moment.";
        Self::new("invalid_client", NOT_BELIEVED, cause.to_owned(), CHECK_SETUP)
    }

    /// Too many failures lately.
    pub(super) fn too_often(seconds: u64) -> Self {
        let cause =
            "An access token was asked for too often with a wrong proof, and is not looked at for a minute.";
        let refusal =
            Self::new("temporarily_unavailable", "Too many failures.", cause.to_owned(), CHECK_SETUP);
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: u32::try_from(seconds).ok(),
            sort: "too often".into(),
            ..refusal
        }
    }

    /// Whether the client failed to prove itself.
    pub(super) fn is_of_client(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether the client proved itself and only the switch is in its way.
    pub(super) fn is_of_switch(&self) -> bool {
        self.error == "unauthorized_client"
    }

    pub(super) fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"Rollcall\", charset=\"UTF-8\""));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        response.json(json!({ "error": self.error, "error_description": self.description }))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Error::Internal(cause) = &error {
            tracing::error!(%cause, "request failed");
        }
        if let Some(outage) = error.outage() {
            let cause = format!("An access token could not be issued. {error}");
            let refusal = Self::new("temporarily_unavailable", outage.title(), cause, outage.text());
            return Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: u32::try_from(outage.retry_after()).ok(),
                sort: outage.title().into(),
                ..refusal
            };
        }
        let cause = "An access token could not be issued: something went wrong on our side.";
        let remedy = "Look in the server's own log.";
        let refusal = Self::new("server_error", "Something went wrong.", cause.to_owned(), remedy);
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..refusal }
    }
}
