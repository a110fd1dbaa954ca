//! Versions (RFC 7644 section 3.14): reads that need no answer, writes that must not undo another's.

use super::Refusal;
use super::mapping::etag;
use crate::scim::Fault;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

/// What a client knows of the version.
#[derive(Clone, Debug, Default)]
pub(super) struct Precondition {
    /// Only if it is one of these.
    matches: Option<String>,
    /// Only if it is none of these.
    differs: Option<String>,
}

impl Precondition {
    /// What the headers say.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let read = |name: HeaderName| {
            let lines: Vec<&str> =
                request.headers().get_all(name).filter_map(|line| line.to_str().ok()).collect();
            (!lines.is_empty()).then(|| lines.join(","))
        };
        Self { matches: read(header::IF_MATCH), differs: read(header::IF_NONE_MATCH) }
    }

    /// What the `version` of a bulk operation says.
    pub(super) fn of_version(version: Option<&str>) -> Self {
        Self { matches: version.map(str::to_owned), differs: None }
    }

    /// Refuses a write to another version than the client knows.
    pub(super) fn check(&self, version: i32) -> Result<(), Refusal> {
        let stale = self.matches.as_deref().is_some_and(|tags| !names(tags, version))
            || self.differs.as_deref().is_some_and(|tags| names(tags, version));
        if !stale {
            return Ok(());
        }
        let now = etag(version);
        Err(Fault::plain(412, format!("The resource has changed: its version is {now} now. Read it again."))
            .into())
    }

    /// Whether a reader has this version already.
    pub(super) fn is_known(&self, version: i32) -> bool {
        self.differs.as_deref().is_some_and(|tags| names(tags, version))
    }
}

/// Whether a list of entity tags names the version. Ours are weak: `W/` and the quotes make no difference.
fn names(tags: &str, version: i32) -> bool {
    let version = version.to_string();
    tags.split(',').map(str::trim).any(|tag| {
        let bare = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
        tag == "*" || bare.trim_matches('"') == version
    })
}
