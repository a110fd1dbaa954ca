//! Answers with a resource: body, address, version.

use super::client::{Client, LogDetails};
use super::mapping::{self, etag};
use super::precondition::Precondition;
use super::{Refusal, Rendered, json, users};
use crate::domain::groups::{self, Group};
use crate::domain::users::by_entra::EntraUser;
use crate::error::Error;
use crate::scim::project::Projection;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, LOCATION};

/// What a request is answered with, or why it is refused.
pub(super) type ScimResult = Result<HttpResponse, Refusal>;

/// What an operation came to.
pub(super) struct WriteResponse {
    pub(super) shown: Representation,
    pub(super) told: LogDetails,
}

/// What there is to show for it. It becomes JSON once the transaction is over.
pub(super) enum Representation {
    /// A user.
    User(Box<EntraUser>),
    /// A group, with its members where they are shown.
    Group(Box<Group>, Vec<groups::Member>),
    /// What was at this address, below the base, is gone.
    Nothing(String),
}

impl Representation {
    pub(super) fn version(&self) -> Option<i32> {
        match self {
            Self::User(known) => Some(known.user.version),
            Self::Group(group, _) => Some(group.version),
            Self::Nothing(_) => None,
        }
    }

    pub(super) fn location(&self, base: &str) -> String {
        match self {
            Self::User(known) => format!("{base}/Users/{}", known.user.scim_id),
            Self::Group(group, _) => format!("{base}/Groups/{}", group.scim_id),
            Self::Nothing(path) => format!("{base}{path}"),
        }
    }

    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::User(known) => Some(&known.user.scim_id),
            Self::Group(group, _) => Some(&group.scim_id),
            Self::Nothing(_) => None,
        }
    }

    async fn body(
        self,
        client: &Client,
        status: StatusCode,
        projection: &Projection,
    ) -> Result<HttpResponse, Refusal> {
        let base = client.base.clone();
        let rendered = match self {
            Self::User(known) => {
                let with_groups = !projection.leaves_out("groups");
                let read = client.read_one(move |conn| {
                    users::resources(conn, std::slice::from_ref(&*known), with_groups, &base)
                });
                let mut users = read.await?;
                let user = users.pop().ok_or_else(|| Error::internal("a user was not rendered"))?;
                Rendered::user(user, projection)
            }
            Self::Group(group, members) => {
                Rendered::group(mapping::group(&group, members, &base), projection)
            }
            Self::Nothing(_) => return Ok(HttpResponse::build(status).finish()),
        };
        Ok(json(status, &rendered))
    }
}

/// Answers a read; a reader who has this version already gets no body.
pub(super) async fn read(
    client: &Client,
    shown: Representation,
    known: &Precondition,
    projection: &Projection,
) -> Result<HttpResponse, Refusal> {
    let version = shown.version().unwrap_or_default();
    if known.is_known(version) {
        return Ok(with(HttpResponse::NotModified().finish(), None, Some(version)));
    }
    known.check(version)?;
    Ok(with(shown.body(client, StatusCode::OK, projection).await?, None, Some(version)))
}

/// Answers a write.
pub(super) async fn written(
    client: &Client,
    (shown, status): (Representation, u16),
    projection: &Projection,
) -> Result<HttpResponse, Refusal> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let version = shown.version();
    let location = (status == StatusCode::CREATED).then(|| shown.location(&client.base));
    let response = if status == StatusCode::NO_CONTENT {
        HttpResponse::NoContent().finish()
    } else {
        shown.body(client, status, projection).await?
    };
    Ok(with(response, location, version))
}

pub(super) fn with(
    mut response: HttpResponse,
    location: Option<String>,
    version: Option<i32>,
) -> HttpResponse {
    let headers = response.headers_mut();
    if let Some(Ok(value)) = location.map(|text| HeaderValue::from_str(&text)) {
        headers.insert(LOCATION, value);
    }
    if let Some(Ok(value)) = version.map(|version| HeaderValue::from_str(&etag(version))) {
        headers.insert(ETAG, value);
    }
    response
}
