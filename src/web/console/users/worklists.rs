//! Users who wait for somebody: deleted in Entra ID, inactive for long, waiting to be linked.

use super::held_words;
use super::list::UserRow;
use crate::domain::users::list::{self, Filter, Total, UserPage};
use crate::domain::users::{EntraState, by_hand};
use crate::keys::UserId;
use crate::web::console::home::INACTIVE_DAYS;
use crate::web::extract::OrgHandle;
use crate::web::forms::{Act, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::Query;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "users/worklist.html")]
struct WorklistPage {
    layout: Layout,
    title: &'static str,
    lead: String,
    since: &'static str,
    rows: Vec<UserRow>,
    total: Total,
    previous: Option<String>,
    next: Option<String>,
    days: Option<i64>,
}

/// Where on the worklist, and for how many days.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct WorklistQuery {
    days: Option<i64>,
    after: Option<String>,
    before: Option<String>,
}

pub(in crate::web::console) async fn deleted_in_entra(
    layout: Layout,
    org: OrgHandle,
    asked: Query<WorklistQuery>,
) -> Answer {
    let filter = Filter { entra: Some(EntraState::Deleted), ..Filter::default() };
    let UserPage { page: rows, total } = load(&org, filter, &asked).await?;
    let (previous, next) = page::ways(&rows, "/users/deleted-in-entra", &[]);
    let page = WorklistPage {
        layout: layout.of("users"),
        title: "Deleted in Entra ID",
        lead: "Entra ID deleted these users. They cannot sign in; their licence, extension and history are kept until \
               you delete them here."
            .to_owned(),
        since: "Deleted there",
        rows: rows.items.into_iter().map(UserRow::from).collect(),
        total,
        previous,
        next,
        days: None,
    };
    page::show(&page.layout, &page)
}

pub(in crate::web::console) async fn inactive(
    layout: Layout,
    org: OrgHandle,
    asked: Query<WorklistQuery>,
) -> Answer {
    let days = asked.days.unwrap_or(INACTIVE_DAYS).clamp(0, 36_500);
    let filter = list::inactive_for(days, org.inner().now());
    let UserPage { page: rows, total } = load(&org, filter, &asked).await?;
    let (previous, next) = page::ways(&rows, "/users/inactive", &[("days", &days.to_string())]);
    let page = WorklistPage {
        layout: layout.of("users"),
        title: "Inactive for long",
        lead: format!(
            "Users who have been inactive for {days} days or more. Entra ID never tells when somebody who was \
             unassigned first is deleted later: such leavers end here."
        ),
        since: "Inactive since",
        rows: rows.items.into_iter().map(UserRow::from).collect(),
        total,
        previous,
        next,
        days: Some(days),
    };
    page::show(&page.layout, &page)
}

async fn load(org: &OrgHandle, filter: Filter, asked: &WorklistQuery) -> crate::error::Result<UserPage> {
    let at = page::at(asked.after.clone(), asked.before.clone());
    let asked = list::ListRequest { filter, at, size: PAGE, ..list::ListRequest::default() };
    org.search(move |conn, effort| list::list(conn, &asked, effort)).await
}

#[derive(Template)]
#[template(path = "users/to_link.html")]
struct ToLinkPage {
    layout: Layout,
    waiting: Vec<LinkRequestRow>,
    total: i64,
    previous: Option<String>,
    next: Option<String>,
}

/// An account that Entra ID tried to create.
struct LinkRequestRow {
    id: UserId,
    name: String,
    user_name: String,
    external_id: String,
    attempts: i32,
    last_at: String,
    is_protected: bool,
    held: Option<&'static str>,
}

const TO_LINK: &str = "/users/to-link";

pub(in crate::web::console) async fn to_link(page: PageContext, asked: Query<WorklistQuery>) -> Answer {
    to_link_from(page, asked.into_inner()).await
}

async fn to_link_from(page: PageContext, WorklistQuery { after, before, .. }: WorklistQuery) -> Answer {
    let at = page::at(after, before);
    let read = page.org.read(move |conn| {
        Ok((by_hand::link_requests(conn, &at, PAGE)?, by_hand::count_link_requests(conn)?))
    });
    let (waiting, total) = read.await?;
    let (previous, next) = page::ways(&waiting, TO_LINK, &[]);
    let waiting = waiting.items.into_iter().map(|(request, user)| LinkRequestRow {
        name: user.name(),
        is_protected: user.is_protected(),
        held: held_words(&user),
        id: user.id,
        user_name: user.profile.user_name,
        external_id: request.external_id.unwrap_or_default(),
        attempts: request.attempts,
        last_at: when(request.last_at),
    });
    page.show("users", |layout| ToLinkPage { layout, waiting: waiting.collect(), total, previous, next })
}

/// Takes an account off the worklist: it stays as it is, and Entra ID goes on failing to create it.
pub(in crate::web::console) async fn dismiss(act: Act, id: Path<UserId>) -> Answer {
    act.submit(move |tx, _| by_hand::dismiss_link(tx, &id))
        .then(|()| Redirect::to(TO_LINK, "The account stays under local management."))
        .or_show(|page| to_link_from(page, WorklistQuery::default()))
        .await
}
