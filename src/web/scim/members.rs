//! A group with very many members, answered some at a time: however large it is, and however many ask for it at once,
//! little of it is in memory.
//!
//! Each part is read when the client has taken the one before, in the order in which the members came. Who goes meanwhile
//! may be in the answer or not; who comes is not, so that nobody is in it twice. Where the group itself goes, the answer
//! breaks off.

use super::precondition::Precondition;
use super::respond::with;
use super::{MEDIA_TYPE, Refusal, mapping};
use crate::domain::Org;
use crate::domain::groups::{self, Group, Member, by_entra};
use crate::error::{Error, Result};
use crate::scim::project::Projection;
use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};

/// So many members are read at once; a group that has no more is answered as a whole.
pub(super) const AT_ONCE: usize = 1_000;

/// A group on its way to a client.
struct GroupStream {
    org: Org,
    group: Group,
    projection: Projection,
    base: String,
    /// The last member when the answer began.
    until: String,
    /// Whether a member is written already.
    has_members: bool,
    next: NextChunk,
}

/// What is written next.
enum NextChunk {
    /// All but the members.
    Head,
    /// The members behind this one, if any.
    Members(Option<String>),
    /// Nothing.
    End,
}

/// Answers with the group and its members up to the one named `until`; a reader who has this version already gets no
/// body.
pub(super) fn answer(
    org: Org,
    base: String,
    (group, until): (Group, String),
    known: &Precondition,
    projection: Projection,
) -> Result<HttpResponse, Refusal> {
    let version = group.version;
    if known.is_known(version) {
        return Ok(with(HttpResponse::NotModified().finish(), None, Some(version)));
    }
    known.check(version)?;
    let parts =
        GroupStream { org, group, projection, base, until, has_members: false, next: NextChunk::Head };
    let response = HttpResponse::Ok().content_type(MEDIA_TYPE).streaming(parts.stream());
    Ok(with(response, None, Some(version)))
}

impl GroupStream {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        stream::unfold(Some(self), |parts| async move {
            let parts = parts?;
            let outcome = match parts.next {
                NextChunk::End => return None,
                NextChunk::Head => parts.head(),
                NextChunk::Members(_) => match web::block(move || parts.members()).await {
                    Ok(outcome) => outcome,
                    Err(cause) => Err(Error::internal(cause)),
                },
            };
            Some(match outcome {
                Ok((text, parts)) => (Ok(Bytes::from(text)), Some(parts)),
                // The connection is broken off, so that nobody takes what was written for the whole.
                Err(cause) => {
                    tracing::error!(cause = %cause.for_log(), "a large group could not be answered to its end");
                    (Err(cause), None)
                }
            })
        })
    }

    fn head(mut self) -> Result<(String, Self)> {
        let empty = self.shown(Vec::new());
        let mut text = serde_json::to_string(&empty).map_err(Error::internal)?;
        text.pop();
        self.next = NextChunk::Members(None);
        Ok((text, self))
    }

    fn members(mut self) -> Result<(String, Self)> {
        let after = match std::mem::replace(&mut self.next, NextChunk::End) {
            NextChunk::Members(after) => after,
            NextChunk::Head | NextChunk::End => None,
        };
        let (members, last) = self.org.read(|conn| {
            // Where it is gone, that nobody is found would look like its end.
            let group = by_entra::get(conn, &self.group.scim_id)?;
            groups::members_between(conn, &group.id, after.as_deref(), &self.until, AT_ONCE)
        })?;
        let shown = self.shown(members);
        let members = shown.get("members").and_then(Value::as_array).into_iter().flatten();
        let texts: Vec<String> = members.map(Value::to_string).collect();
        let mut text = texts.join(",");
        if !text.is_empty() {
            // Of which nothing is shown, the attribute is left out, as in a group of few.
            text.insert_str(0, if self.has_members { "," } else { ",\"members\":[" });
            self.has_members = true;
        }
        match last {
            Some(last) => self.next = NextChunk::Members(Some(last)),
            None => text.push_str(if self.has_members { "]}" } else { "}" }),
        }
        Ok((text, self))
    }

    /// The group with these members, as much of it as was asked for.
    fn shown(&self, members: Vec<Member>) -> Value {
        self.projection.apply(json!(mapping::group(&self.group, members, &self.base)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::Actor;
    use crate::domain::groups::by_entra::{Change, GroupInput};
    use crate::domain::testing::{TestOrg, test_org};
    use futures_util::StreamExt;
    use std::collections::HashSet;

    /// A group of so many groups, and the SCIM ids of those.
    fn large(test: &TestOrg, members: usize) -> (Group, Vec<String>) {
        let make = move |tx: &mut crate::domain::Tx| {
            let mut ids = Vec::new();
            for number in 0..members {
                let wish =
                    GroupInput { name: format!("Part {number:04}"), external_id: None, members: Vec::new() };
                ids.push(by_entra::create(tx, wish)?.split().0.group.scim_id);
            }
            let wish = GroupInput { name: "Large".to_owned(), external_id: None, members: ids.clone() };
            Ok((by_entra::create(tx, wish)?.split().0.group, ids))
        };
        test.write(&Actor::Entra, make).unwrap()
    }

    fn parts(test: &TestOrg, group: &Group, excluded: Option<&str>) -> GroupStream {
        let until = test.org.read(|conn| groups::last_place(conn, &group.id)).unwrap().unwrap();
        GroupStream {
            org: test.org.clone(),
            group: group.clone(),
            projection: Projection::read(None, excluded),
            base: String::new(),
            until,
            has_members: false,
            next: NextChunk::Head,
        }
    }

    fn change(test: &TestOrg, group: &Group, change: Change) {
        let id = group.scim_id.clone();
        let change = move |tx: &mut crate::domain::Tx| {
            let group = by_entra::get(tx.conn, &id)?;
            by_entra::change(tx, group, vec![change])
        };
        test.write(&Actor::Entra, change).unwrap();
    }

    #[actix_web::test]
    async fn a_group_that_goes_meanwhile_breaks_the_answer_off() {
        let test = test_org();
        let (group, _) = large(&test, AT_ONCE + 10);
        let mut stream = Box::pin(parts(&test, &group, None).stream());
        assert!(stream.next().await.unwrap().is_ok() && stream.next().await.unwrap().is_ok());
        let deleted = group.clone();
        test.write(&Actor::Entra, move |tx| by_entra::remove(tx, &deleted)).unwrap();
        assert!(stream.next().await.unwrap().is_err(), "not taken for its end");
        assert!(stream.next().await.is_none());
    }

    #[actix_web::test]
    async fn whoever_goes_and_comes_again_meanwhile_is_in_the_answer_once() {
        let test = test_org();
        let (group, ids) = large(&test, AT_ONCE + 10);
        let mut stream = Box::pin(parts(&test, &group, None).stream());
        let mut text = String::new();
        for _ in 0..2 {
            text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
        change(&test, &group, Change::Remove(ids[..5].to_vec()));
        change(&test, &group, Change::Add(ids[..5].to_vec()));
        while let Some(part) = stream.next().await {
            text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        }
        let shown: Value = serde_json::from_str(&text).unwrap();
        let members = shown["members"].as_array().unwrap();
        let distinct: HashSet<&str> =
            members.iter().map(|member| member["value"].as_str().unwrap()).collect();
        assert_eq!((members.len(), distinct.len()), (ids.len(), ids.len()));
    }

    #[actix_web::test]
    async fn members_of_which_nothing_is_asked_for_are_left_out() {
        let test = test_org();
        let (group, _) = large(&test, AT_ONCE + 10);
        let excluded = "members.value,members.display,members.$ref,members.type";
        let stream = parts(&test, &group, Some(excluded)).stream();
        let parts: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
        let shown: Value = serde_json::from_slice(&parts.concat()).unwrap();
        assert!(shown.get("members").is_none() && shown["displayName"] == "Large", "{shown}");
    }
}
