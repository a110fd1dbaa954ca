//! Deleting users by hand: one or many, confirmed by typing.

use super::list::{Back, UserRow};
use super::selected;
use crate::db::Conn;
use crate::domain::users::list::ListedUser;
use crate::domain::users::{EntraState, lifecycle, list};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::console::tasks;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, keys, values};
use crate::web::page::{self, Answer, Layout, Refused};
use crate::web::query::Pairs;
use actix_web::HttpRequest;
use askama::Template;
use std::collections::HashSet;

/// More than a page of a list can choose.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "users/delete.html")]
struct DeletePage {
    layout: Layout,
    rows: Vec<UserRow>,
    /// What must be typed.
    phrase: String,
    linked: usize,
    licensed: usize,
    back: Back,
    /// What was typed, and what is wrong with it.
    typed: String,
    refusal: Refused,
}

/// Asks, and shows what goes.
pub(in crate::web::console) async fn ask(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    Pairs(fields): Pairs,
) -> Answer {
    let Some(ids) = selected(&request, &fields)? else { return Ok(page::go("/users")) };
    render(layout, org, ids, (Back::of(&fields), String::new()), None).await
}

async fn render(
    layout: Layout,
    org: OrgHandle,
    ids: Vec<UserId>,
    (back, typed): (Back, String),
    refusal: Option<Error>,
) -> Answer {
    let listed = org.read(move |conn| chosen(conn, &ids)).await?;
    let linked = listed.iter().filter(|row| row.user.entra_state == EntraState::Linked).count();
    let licensed = listed.iter().filter(|row| row.license.is_some()).count();
    let rows: Vec<UserRow> = listed.into_iter().map(UserRow::from).collect();
    let refusal = Refused(refusal);
    let layout = layout.of("users").refusing(&refusal);
    let page = DeletePage { layout, phrase: phrase(&rows), rows, linked, licensed, back, typed, refusal };
    page::show_as(page.refusal.status(), &page.layout, &page)
}

/// Deletes them all, or none.
pub(in crate::web::console) async fn delete(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Fields>,
) -> Answer {
    let Posted(fields) = form;
    let ids: Vec<UserId> = keys(&fields, "id")?;
    let typed = values(&fields, "typed").pop().unwrap_or_default();
    let (asked, keys) = (ids.clone(), org.inner().keys().clone());
    // Whoever clicks twice is led to what the first click began: the users may be gone by now.
    if let Some(task) = org.read(move |conn| lifecycle::deletion_of(conn, &keys, &asked)).await? {
        return tasks::answer(&request, &org, Ok(task), &Back::of(&fields).path()).await;
    }
    let asked = ids.clone();
    let rows = org.read(move |conn| chosen(conn, &asked)).await?;
    let wanted = phrase(&rows.into_iter().map(UserRow::from).collect::<Vec<_>>());
    if typed.trim() != wanted {
        let refusal =
            Error::invalid("typed", format!("Type “{wanted}” exactly to confirm. Nothing was deleted."));
        return render(layout, org, ids, (Back::of(&fields), typed), Some(refusal)).await;
    }
    let begun = org.write(current.actor(), move |tx| lifecycle::begin_deleting(tx, &ids)).await;
    tasks::answer(&request, &org, begun, &Back::of(&fields).path()).await
}

/// What came of it.
pub(in crate::web::console) fn said(deleted: i64, left: i64) -> String {
    let told = match deleted {
        1 => "The user was deleted for good.".to_owned(),
        count => format!("{count} users were deleted for good."),
    };
    match left {
        0 => told,
        left => format!(
            "{told} {left} were left: they are gone already, or only an owner may delete them by now."
        ),
    }
}

/// What to type: the user name of one, the number of many.
fn phrase(rows: &[UserRow]) -> String {
    match rows {
        [one] => one.user_name.clone(),
        many => format!("delete {} users", many.len()),
    }
}

fn chosen(conn: &mut Conn, ids: &[UserId]) -> Result<Vec<ListedUser>> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::Conflict(format!("Select from 1 to {MOST} users.")));
    }
    let rows = list::these(conn, ids)?;
    let distinct: HashSet<&UserId> = ids.iter().collect();
    if rows.len() == distinct.len() {
        Ok(rows)
    } else {
        Err(Error::NotFound("user: perhaps somebody else deleted one"))
    }
}
