//! Groups as Entra ID keeps them here: which there are, and who is in them.

use super::tasks;
use super::users::held_words;
use crate::domain::groups::{self, Group, ListedGroup, Member, MemberId};
use crate::domain::tasks::running_on;
use crate::domain::users;
use crate::keys::{GroupId, UserId};
use crate::web::extract::OrgHandle;
use crate::web::forms::{Act, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::Query;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;
use std::collections::HashMap;

const PATH: &str = "/groups";
const PAGE: usize = 50;

/// Where in the list, and with what words in the name.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroupsQuery {
    q: String,
    after: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "groups/list.html")]
struct ListPage {
    layout: Layout,
    q: String,
    rows: Vec<ListedGroup>,
    total: i64,
    previous: Option<String>,
    next: Option<String>,
}

pub(super) async fn list(layout: Layout, org: OrgHandle, asked: Query<GroupsQuery>) -> Answer {
    let Query(asked) = asked;
    let at = page::at(asked.after, asked.before);
    let words = asked.q.clone();
    let (rows, total) =
        org.read(move |conn| Ok((groups::list(conn, &words, &at, PAGE)?, groups::count(conn)?))).await?;
    let (previous, next) = page::ways(&rows, PATH, &[("q", &asked.q)]);
    let page = ListPage { layout: layout.of("groups"), q: asked.q, rows: rows.items, total, previous, next };
    page::show(&page.layout, &page)
}

#[derive(Template)]
#[template(path = "groups/show.html")]
struct GroupPage {
    layout: Layout,
    group: Group,
    members: Vec<MemberRow>,
    changed: String,
    previous: Option<String>,
    next: Option<String>,
}

/// A member, the page about it, and what is held back of the person.
struct MemberRow {
    member: Member,
    page: String,
    held: Option<&'static str>,
}

impl MemberRow {
    fn of(member: Member, held: &HashMap<UserId, &'static str>) -> Self {
        let (page, held) = match &member.id {
            MemberId::User(id) => (format!("/users/{id}"), held.get(id).copied()),
            MemberId::Group(id) => (format!("{PATH}/{id}"), None),
        };
        Self { member, page, held }
    }
}

pub(super) async fn show(page: PageContext, id: Path<GroupId>, asked: Query<GroupsQuery>) -> Answer {
    page_of(page, id.into_inner(), asked.into_inner()).await
}

async fn page_of(page: PageContext, id: GroupId, asked: GroupsQuery) -> Answer {
    let at = page::at(asked.after, asked.before);
    let path = format!("{PATH}/{id}");
    let (group, members, held) = page
        .org
        .read(move |conn| {
            let (group, members) = (groups::find(conn, &id)?, groups::members_page(conn, &id, &at, PAGE)?);
            let people = members.items.iter().filter_map(|(_, member)| match &member.id {
                MemberId::User(id) => Some(id.clone()),
                MemberId::Group(_) => None,
            });
            let ids: Vec<UserId> = people.collect();
            let held = users::list::these(conn, &ids)?.into_iter();
            let held = held.filter_map(|row| Some((row.user.id.clone(), held_words(&row.user)?)));
            Ok((group, members, held.collect::<HashMap<_, _>>()))
        })
        .await?;
    let (previous, next) = page::ways(&members, &path, &[]);
    page.show("groups", |layout| GroupPage {
        layout,
        changed: when(group.updated_at),
        group,
        members: members.items.into_iter().map(|(_, member)| MemberRow::of(member, &held)).collect(),
        previous,
        next,
    })
}

/// Deletes a group that Entra ID no longer keeps.
pub(super) async fn delete(act: Act, id: Path<GroupId>) -> Answer {
    let (key, deleted) = (id.clone(), id.clone());
    act.submit(move |tx, _| groups::delete(tx, &key))
        .then(|group| Redirect::to(PATH, format!("The group {} was deleted.", group.name)))
        .followed_by(|org, done| async move {
            if let Some(task) = org.read(move |conn| running_on(conn, deleted.as_str())).await? {
                // The group is not seen any more: nobody waits until its memberships are gone.
                tasks::let_go_on(&org, task);
            }
            Ok(done)
        })
        .or_show(|page| page_of(page, id.into_inner(), GroupsQuery::default()))
        .await
}
