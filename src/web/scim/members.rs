//! A group with very many members, answered some at a time: however large it is, and however many ask for it at once,
//! little of it is in memory.
//!
//! Each part is read when the client has taken the one before, in the order in which the members came. Who comes or goes
//! meanwhile may be in the answer or not; nobody is in it twice.

use super::precondition::Precondition;
use super::respond::with;
use super::{MEDIA_TYPE, Refusal, mapping};
use crate::domain::Org;
use crate::domain::groups::{self, Group, Member};
use crate::error::{Error, Result};
use crate::scim::project::Projection;
use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};

/// So many members are read at once; a group that has no more is answered as a whole.
pub(super) const AT_ONCE: usize = 1_000;

/// A group on its way to a client.
struct Parts {
    org: Org,
    group: Group,
    projection: Projection,
    base: String,
    next: Part,
}

/// What is written next.
enum Part {
    /// All but the members.
    Head,
    /// The members behind this one, if any.
    Members(Option<String>),
    /// Nothing.
    End,
}

/// Answers with the group; a reader who has this version already gets no body.
pub(super) fn answer(
    org: Org,
    base: String,
    group: Group,
    known: &Precondition,
    projection: Projection,
) -> Result<HttpResponse, Refusal> {
    let version = group.version;
    if known.is_known(version) {
        return Ok(with(HttpResponse::NotModified().finish(), None, Some(version)));
    }
    known.check(version)?;
    let parts = Parts { org, group, projection, base, next: Part::Head };
    let response = HttpResponse::Ok().content_type(MEDIA_TYPE).streaming(parts.stream());
    Ok(with(response, None, Some(version)))
}

impl Parts {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        stream::unfold(Some(self), |parts| async move {
            let parts = parts?;
            let outcome = match parts.next {
                Part::End => return None,
                Part::Head => parts.head(),
                Part::Members(_) => match web::block(move || parts.members()).await {
                    Ok(outcome) => outcome,
                    Err(cause) => Err(Error::internal(cause)),
                },
            };
            Some(match outcome {
                Ok((text, parts)) => (Ok(Bytes::from(text)), Some(parts)),
                // The connection is broken off, so that nobody takes what was written for the whole.
                Err(cause) => {
                    tracing::error!(%cause, "a large group could not be answered to its end");
                    (Err(cause), None)
                }
            })
        })
    }

    fn head(mut self) -> Result<(String, Self)> {
        let empty = self.shown(Vec::new());
        let mut text = serde_json::to_string(&empty).map_err(Error::internal)?;
        text.pop();
        text.push_str(",\"members\":[");
        self.next = Part::Members(None);
        Ok((text, self))
    }

    fn members(mut self) -> Result<(String, Self)> {
        let after = match std::mem::replace(&mut self.next, Part::End) {
            Part::Members(after) => after,
            Part::Head | Part::End => None,
        };
        let is_first = after.is_none();
        let id = self.group.id.clone();
        let (members, last) =
            self.org.read(|conn| groups::members_after(conn, &id, after.as_deref(), AT_ONCE))?;
        let shown = self.shown(members);
        let members = shown.get("members").and_then(Value::as_array).into_iter().flatten();
        let texts: Vec<String> = members.map(Value::to_string).collect();
        let mut text = texts.join(",");
        if !is_first && !text.is_empty() {
            text.insert(0, ',');
        }
        match last {
            Some(last) => self.next = Part::Members(Some(last)),
            None => text.push_str("]}"),
        }
        Ok((text, self))
    }

    /// The group with these members, as much of it as was asked for.
    fn shown(&self, members: Vec<Member>) -> Value {
        self.projection.apply(json!(mapping::group(&self.group, members, &self.base)))
    }
}
