//! The interface for Entra ID and other SCIM clients (RFC 7644).
//!
//! Each request passes [`client::Client`] (who asks, may they), does one domain operation in one transaction, which
//! also writes the line of the provisioning log, and is answered as SCIM.
//!
//! | file              | what it holds                                              |
//! |-------------------|------------------------------------------------------------|
//! | this              | the routes; a refusal told as SCIM                         |
//! | [`client`]        | who asks, may they; [`log`] is what is said of them         |
//! | [`users`], [`groups`], [`bulk`] | operations                                   |
//! | [`search`], [`sought`], [`sources`] | lists; [`compile`] and [`texts`] make conditions of filters ([`compiled`]), [`cursor`] and [`walks`] mark pages |
//! | [`respond`]       | answers with a resource; [`precondition`] compares versions |
//! | [`members`]       | a very large group, answered some members at a time        |
//! | [`mapping`]       | which attribute lives in which column                      |
//! | [`about`]         | what this server says of itself                            |

use crate::domain::provisioning::Operation;
use crate::error::{Error, Outage, Undoes};
use crate::keys::UserId;
use crate::scim::group::Group;
use crate::scim::message::MEDIA_TYPE;
use crate::scim::project::Projection;
use crate::scim::user::{User, UserResource};
use crate::scim::{Fault, ScimType};
use crate::web::route::Endpoint;
use crate::web::table::endpoints;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

mod about;
mod bulk;
mod client;
mod compile;
mod compiled;
mod cursor;
mod groups;
mod log;
mod mapping;
mod members;
mod precondition;
mod respond;
mod search;
mod sought;
mod sources;
mod texts;
mod users;
mod walks;

use client::Client;
pub(super) use client::Limits;
use respond::{Representation, WriteResponse};
pub(super) use walks::Walks;

/// Where SCIM is served, below the public address.
pub(super) const BASE: &str = "/scim/v2";
/// How long Entra ID should wait while provisioning is paused, in seconds.
const PAUSE_S: u64 = 2400;

/// What to do about a request that is wrong whatever anybody's data are.
const OF_THE_CLIENT: &str = "This is a fault of the client that sent the request, not of anybody's data.";

endpoints! {
    wrong methods by about::wrong_method;

    "/Users" { GET search::users; POST users::post; }
    "/Users/.search" for "searches users by what the body asks (RFC 7644 section 3.4.3)" { POST search::users_by_post; }
    "/Users/{id}" { GET users::get; PUT users::put; PATCH users::patch; DELETE users::remove; }
    "/Groups" { GET search::groups; POST groups::post; }
    "/Groups/.search" for "searches groups by what the body asks (RFC 7644 section 3.4.3)" {
        POST search::groups_by_post;
    }
    "/Groups/{id}" { GET groups::get; PUT groups::put; PATCH groups::patch; DELETE groups::remove; }
    "" { GET search::both; }
    "/.search" for "searches users and groups by what the body asks (RFC 7644 section 3.4.3)" {
        POST search::both_by_post;
    }
    "/Bulk" for "carries out many operations in one request (RFC 7644 section 3.7)" { POST bulk::post; }
    "/ServiceProviderConfig" { GET about::service_provider_config; }
    "/ResourceTypes" { GET about::resource_types; }
    "/ResourceTypes/{id}" { GET about::resource_type; }
    "/Schemas" { GET about::schemas; }
    "/Schemas/{id}" { GET about::schema; }
}

pub(super) fn routes(routes: &mut ServiceConfig) {
    let no_such_path = || Refusal::from(Fault::plain(404, "There is nothing at this address."));
    let scope = web::scope(BASE)
        .app_data(web::PathConfig::default().error_handler(move |_, _| no_such_path().into()))
        .configure(configure)
        // Whatever the method, it is not implemented (RFC 7644 section 3.11).
        .service(web::resource("/Me").to(about::me))
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
    /// What keeps the database from its work, if that is why.
    outage: Option<Outage>,
}

/// An account that a create met.
#[derive(Debug)]
struct InTheWay {
    user_id: UserId,
    external_id: Option<String>,
}

/// What a header tells the client to do.
#[derive(Clone, Copy, Debug)]
enum Advice {
    /// Present a token (RFC 6750 section 3).
    Authenticate,
    /// Come again after so many seconds (RFC 9110 section 10.2.3).
    RetryAfter(u64),
    /// Use one of these methods (RFC 9110 section 15.5.6).
    Allow(&'static Endpoint),
}

impl Refusal {
    fn new(fault: Fault) -> Self {
        Self { fault, remedy: None, in_the_way: None, advice: None, outage: None }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl Undoes for Refusal {
    fn outage(&self) -> Option<Outage> {
        self.outage
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let remedy = fault.kind.and_then(remedy).map(str::to_owned);
        Self { remedy, ..Self::new(fault) }
    }
}

/// How an administrator mends what was sent wrongly, by its kind: the words are those of Entra ID's pages.
fn remedy(kind: ScimType) -> Option<&'static str> {
    Some(match kind {
        ScimType::InvalidFilter | ScimType::TooMany => {
            "Entra ID looks users up by the attribute that is ticked as matching under Provisioning, Attribute mapping. \
             Let it match by userName, externalId or emails[type eq \"work\"].value there. Another client must write its \
             filters as RFC 7644 section 3.4.2.2 says."
        }
        ScimType::InvalidPath | ScimType::NoTarget | ScimType::Mutability => {
            "Look at the target attribute in Entra ID, under Provisioning, Attribute mapping: choose one that Rollcall \
             lists, or take the mapping away."
        }
        ScimType::InvalidValue => {
            "Look at the attribute that is named, in Entra ID under Provisioning, Attribute mapping, and at what the \
             person has there. The next cycle tries again."
        }
        ScimType::InvalidSyntax => OF_THE_CLIENT,
        ScimType::InvalidCursor | ScimType::ExpiredCursor | ScimType::InvalidCount => {
            "The client has to begin its list again."
        }
        ScimType::Uniqueness => return None,
    })
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = super::status(&error).as_u16();
        let detail = error.to_string();
        let (advice, outage) = (error.retry_after().map(Advice::RetryAfter), error.outage());
        let refusal = Self::from(match error {
            Error::Invalid(_) => Fault::bad(ScimType::InvalidValue, detail),
            Error::Taken(_) => Fault { status, kind: Some(ScimType::Uniqueness), detail },
            Error::NotFound(_) => Fault::plain(status, "There is no such resource."),
            Error::Internal(cause) => {
                tracing::error!(%cause, "request failed");
                Fault::plain(status, detail)
            }
            _ => Fault::plain(status, detail),
        });
        Self { advice, outage, ..refusal }
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
            Some(Advice::RetryAfter(seconds)) => response.insert_header((header::RETRY_AFTER, seconds)),
            Some(Advice::Allow(here)) => response.insert_header((header::ALLOW, here.allow())),
            None => &mut response,
        };
        response.content_type(MEDIA_TYPE).body(self.fault.to_json().to_string())
    }
}

/// An answer with a body.
fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(body) => HttpResponse::build(status).content_type(MEDIA_TYPE).body(body),
        Err(cause) => Refusal::from(Error::internal(cause)).error_response(),
    }
}

/// A resource on its way into an answer: as it is, or as much of it as was asked for.
enum Rendered {
    User(Box<User>),
    Group(Box<Group>),
    Part(Value),
}

impl Serialize for Rendered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::User(user) => UserResource(user).serialize(serializer),
            Self::Group(group) => group.serialize(serializer),
            Self::Part(part) => part.serialize(serializer),
        }
    }
}

impl Rendered {
    fn user(user: User, projection: &Projection) -> Self {
        if projection.is_whole() {
            return Self::User(Box::new(user));
        }
        Self::Part(projection.apply(user.to_json()))
    }

    fn group(group: Group, projection: &Projection) -> Self {
        if projection.is_whole() {
            return Self::Group(Box::new(group));
        }
        Self::Part(projection.apply(serde_json::json!(group)))
    }
}

/// Only which attributes are asked for.
fn projection(client: &Client, operation: Operation, request: &HttpRequest) -> Result<Projection, Refusal> {
    if request.query_string().is_empty() {
        return Ok(Projection::default());
    }
    let pairs = search::pairs(request);
    let value = |name: &str| {
        pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let projection = Projection::read(value("attributes"), value("excludedAttributes"));
    let checked = projection.check().map_err(search::misasked);
    checked.map_err(|refusal| client.refuse(operation, refusal)).map(|()| projection)
}
