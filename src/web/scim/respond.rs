//! Answers with a resource: body, address, version.

use super::client::Told;
use super::mapping::{self, etag};
use super::precondition::Precondition;
use super::{Refusal, Rendered, json};
use crate::domain::groups::{self, Group};
use crate::domain::users::by_entra::Known;
use crate::scim::project::Projection;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue, LOCATION};

/// What an operation came to.
pub(super) struct Done {
    pub(super) shown: Shown,
    pub(super) told: Told,
}

/// What there is to show for it. It becomes JSON once the transaction is over.
pub(super) enum Shown {
    /// A user, with their groups by id and name.
    User(Box<Known>, Vec<(String, String)>),
    /// A group, with its members.
    Group(Box<Group>, Vec<groups::Member>),
    /// What was at this address, below the base, is gone.
    Nothing(String),
}

impl Shown {
    pub(super) fn version(&self) -> Option<i32> {
        match self {
            Self::User(known, _) => Some(known.user.version),
            Self::Group(group, _) => Some(group.version),
            Self::Nothing(_) => None,
        }
    }

    pub(super) fn location(&self, base: &str) -> String {
        match self {
            Self::User(known, _) => format!("{base}/Users/{}", known.user.scim_id),
            Self::Group(group, _) => format!("{base}/Groups/{}", group.scim_id),
            Self::Nothing(path) => format!("{base}{path}"),
        }
    }

    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::User(known, _) => Some(&known.user.scim_id),
            Self::Group(group, _) => Some(&group.scim_id),
            Self::Nothing(_) => None,
        }
    }

    fn body(self, status: StatusCode, projection: &Projection, base: &str) -> HttpResponse {
        let rendered = match self {
            Self::User(known, groups) => Rendered::user(mapping::resource(&known, &groups, base), projection),
            Self::Group(group, members) => Rendered::group(mapping::group(&group, members, base), projection),
            Self::Nothing(_) => return HttpResponse::build(status).finish(),
        };
        json(status, &rendered)
    }
}

/// Answers a read; a reader who has this version already gets no body.
pub(super) fn read(
    shown: Shown,
    known: &Precondition,
    projection: &Projection,
    base: &str,
) -> Result<HttpResponse, Refusal> {
    let version = shown.version().unwrap_or_default();
    if known.is_known(version) {
        return Ok(with(HttpResponse::NotModified().finish(), None, Some(version)));
    }
    known.check(version)?;
    Ok(with(shown.body(StatusCode::OK, projection, base), None, Some(version)))
}

/// Answers a write.
pub(super) fn written((shown, status): (Shown, u16), projection: &Projection, base: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let version = shown.version();
    let location = (status == StatusCode::CREATED).then(|| shown.location(base));
    let response = if status == StatusCode::NO_CONTENT {
        HttpResponse::NoContent().finish()
    } else {
        shown.body(status, projection, base)
    };
    with(response, location, version)
}

fn with(mut response: HttpResponse, location: Option<String>, version: Option<i32>) -> HttpResponse {
    let headers = response.headers_mut();
    if let Some(Ok(value)) = location.map(|text| HeaderValue::from_str(&text)) {
        headers.insert(LOCATION, value);
    }
    if let Some(Ok(value)) = version.map(|version| HeaderValue::from_str(&etag(version))) {
        headers.insert(ETAG, value);
    }
    response
}
