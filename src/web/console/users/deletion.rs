//! Deleting users by hand: one or many, confirmed by typing.

use super::list::{Back, UserRow};
use super::selected;
use crate::db::Conn;
use crate::domain::Noted;
use crate::domain::users::list::ListedUser;
use crate::domain::users::{EntraState, lifecycle, list};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::console::tasks;
use crate::web::extract::{Fields, keys, values};
use crate::web::forms::{Act, FormView, PageContext};
use crate::web::page::{self, Answer, Layout};
use crate::web::query::Pairs;
use actix_web::HttpRequest;
use askama::Template;
use serde::Serialize;
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
    form: FormView,
}

/// The user name or the number, as it is typed to confirm.
#[derive(Default, Serialize)]
struct Confirmation {
    typed: String,
}

/// Asks, and shows what goes.
pub(in crate::web::console) async fn ask(
    request: HttpRequest,
    page: PageContext,
    Pairs(fields): Pairs,
) -> Answer {
    let Some(ids) = selected(&request, &fields)? else { return Ok(page::go("/users")) };
    page_of(page, ids, Back::of(&fields)).await
}

async fn page_of(mut page: PageContext, ids: Vec<UserId>, back: Back) -> Answer {
    let listed = page.org.read(move |conn| chosen(conn, &ids)).await?;
    let linked = listed.iter().filter(|row| row.user.entra_state == EntraState::Linked).count();
    let licensed = listed.iter().filter(|row| row.license.is_some()).count();
    let rows: Vec<UserRow> = listed.into_iter().map(UserRow::from).collect();
    let form = page.form("/users/delete", &Confirmation::default())?;
    page.show("users", |layout| DeletePage {
        layout,
        phrase: phrase(&rows),
        rows,
        linked,
        licensed,
        back,
        form,
    })
}

/// Deletes them all, or none.
pub(in crate::web::console) async fn delete(act: Act<Fields>) -> Answer {
    let ids: Vec<UserId> = keys(act.input(), "id")?;
    let typed = values(act.input(), "typed").pop().unwrap_or_default();
    let (asked, ring) = (ids.clone(), act.org().inner().keys().clone());
    let (begun, wanted) = act
        .org()
        .read(move |conn| {
            // Whoever clicks twice is led to what the first click began: the users may be gone by now.
            if let Some(task) = lifecycle::deletion_of(conn, &ring, &asked)? {
                return Ok((Some(task), String::new()));
            }
            let rows: Vec<UserRow> = chosen(conn, &asked)?.into_iter().map(UserRow::from).collect();
            Ok((None, phrase(&rows)))
        })
        .await?;
    let (asked, back) = (ids.clone(), Back::of(act.input()));
    let list = back.path();
    act.submit(move |tx, _| {
        if let Some(task) = begun {
            return Ok(Noted::unaudited(task, "it was begun before"));
        }
        if typed.trim() != wanted {
            let cause = format!("Type “{wanted}” exactly to confirm. Nothing was deleted.");
            return Err(Error::invalid("typed", cause));
        }
        lifecycle::begin_deleting(tx, &ids)
    })
    .then(|task| tasks::progress(&task))
    .followed_by(|org, progress| async move { tasks::lead(org, progress, &list).await })
    .or_show(|page| page_of(page, asked, back))
    .await
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
