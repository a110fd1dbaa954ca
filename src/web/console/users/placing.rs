//! Setting the site of many users at once.

use super::edit::options;
use super::list::{Back, UserRow};
use super::selected;
use crate::db::Conn;
use crate::domain::sites::{self, Site};
use crate::domain::users::by_hand::{self, Placed};
use crate::domain::users::list;
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

/// More than a page of a list can choose.
const MOST: usize = 500;
const MOST_NAMED: usize = 10;

#[derive(Template)]
#[template(path = "users/place.html")]
struct PlacePage {
    layout: Layout,
    /// Those who have no site yet.
    rows: Vec<UserRow>,
    /// The names and sites of those who have one.
    left: Vec<(String, String)>,
    sites: Vec<(String, String)>,
    back: Back,
    form: FormView,
}

impl PlacePage {
    /// Whether there is none yet.
    fn has_no_site(&self) -> bool {
        self.sites.len() == 1
    }

    /// How many of them Entra ID gave a site that nobody has made.
    fn named(&self) -> usize {
        self.rows.iter().filter(|row| row.site_sent.is_some()).count()
    }
}

/// The site, as it is chosen.
#[derive(Default, Serialize)]
struct SiteForm {
    site: String,
}

/// Asks, and shows whom it concerns.
pub(in crate::web::console) async fn ask(
    request: HttpRequest,
    page: PageContext,
    Pairs(fields): Pairs,
) -> Answer {
    let Some(ids) = selected(&request, &fields)? else { return Ok(page::go("/users")) };
    page_of(page, ids, &fields).await
}

async fn page_of(mut page: PageContext, ids: Vec<UserId>, fields: &Fields) -> Answer {
    let (listed, sites) = page.org.read(move |conn| load(conn, &ids)).await?;
    let (placed, free): (Vec<_>, Vec<_>) = listed.into_iter().partition(|row| row.site.is_some());
    let chosen = SiteForm { site: values(fields, "to").pop().unwrap_or_default() };
    let form = page.form("/users/site", &chosen)?;
    let none = (String::new(), "Choose the site".to_owned());
    page.show("users", |layout| PlacePage {
        layout,
        rows: free.into_iter().map(UserRow::from).collect(),
        left: placed.into_iter().map(|row| (row.user.name(), row.site.unwrap_or_default())).collect(),
        sites: std::iter::once(none).chain(options(sites)).collect(),
        back: Back::of(fields),
        form,
    })
}

/// Sets it for all who have none.
pub(in crate::web::console) async fn place(act: Act<Fields>) -> Answer {
    let (fields, list) = (act.input().clone(), Back::of(act.input()).path());
    let ids: Vec<UserId> = keys(&fields, "id")?;
    act.submit(|tx, form| {
        let site = values(form, "site").pop().unwrap_or_default();
        if site.is_empty() {
            return Err(Error::invalid("site", "Choose the site. It cannot be changed later."));
        }
        let ids: Vec<UserId> = keys(form, "id")?;
        few_enough(&ids)?;
        by_hand::begin_setting_site(tx, &ids, &site.parse()?)
    })
    .then(|task| tasks::progress(&task))
    .followed_by(|org, progress| async move { tasks::lead(org, progress, &list).await })
    .or_show(|page| async move { page_of(page, ids, &fields).await })
    .await
}

pub(in crate::web::console) fn said(placed: &Placed) -> String {
    let done = match placed.set {
        0 => "Nobody was given a site.".to_owned(),
        1 => "The site was set for one user.".to_owned(),
        count => format!("The site was set for {count} users."),
    };
    let left = describe("Left alone, since they have a site", &placed.left);
    let gone = describe("Left out, since they were deleted meanwhile", &placed.gone);
    [Some(done), left, gone].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Names behind what is true of them; nothing where there are none.
fn describe(what: &str, names: &[String]) -> Option<String> {
    let shown = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        count if count > MOST_NAMED => Some(format!("{what}: {shown} and {} more.", count - MOST_NAMED)),
        _ => Some(format!("{what}: {shown}.")),
    }
}

fn load(conn: &mut Conn, ids: &[UserId]) -> Result<(Vec<list::ListedUser>, Vec<Site>)> {
    few_enough(ids)?;
    Ok((list::these(conn, ids)?, sites::all(conn)?))
}

fn few_enough(ids: &[UserId]) -> Result<()> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::Conflict(format!("Select from 1 to {MOST} users.")));
    }
    Ok(())
}
