//! Setting the site of many users at once.

use super::list::{Back, UserRow};
use super::selected;
use crate::db::Conn;
use crate::domain::sites::{self, Site};
use crate::domain::users::by_hand::{self, Placed};
use crate::domain::users::list;
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::console::tasks;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, keys, values};
use crate::web::page::{self, Answer, Layout, Refused};
use crate::web::query::Pairs;
use actix_web::HttpRequest;
use askama::Template;

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
    sites: Vec<Site>,
    /// The key of the site that was chosen in the list; empty where none was.
    chosen: String,
    back: Back,
    refusal: Refused,
}

impl PlacePage {
    /// How many of them Entra ID gave a site that nobody has made.
    fn named(&self) -> usize {
        self.rows.iter().filter(|row| row.site_sent.is_some()).count()
    }
}

/// Asks, and shows whom it concerns.
pub(in crate::web::console) async fn ask(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    Pairs(fields): Pairs,
) -> Answer {
    let Some(ids) = selected(&request, &fields)? else { return Ok(page::go("/users")) };
    render(layout, org, ids, &fields, None).await
}

async fn render(
    layout: Layout,
    org: OrgHandle,
    ids: Vec<UserId>,
    fields: &Fields,
    refusal: Option<Error>,
) -> Answer {
    let (listed, sites) = org.read(move |conn| load(conn, &ids)).await?;
    let refusal = Refused(refusal);
    let (placed, free): (Vec<_>, Vec<_>) = listed.into_iter().partition(|row| row.site.is_some());
    let page = PlacePage {
        layout: layout.of("users").refusing(&refusal),
        rows: free.into_iter().map(UserRow::from).collect(),
        left: placed.into_iter().map(|row| (row.user.name(), row.site.unwrap_or_default())).collect(),
        sites,
        chosen: values(fields, "to").pop().unwrap_or_default(),
        back: Back::of(fields),
        refusal,
    };
    page::show_as(page.refusal.status(), &page.layout, &page)
}

/// Sets it for all who have none.
pub(in crate::web::console) async fn place(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Fields>,
) -> Answer {
    let Posted(fields) = form;
    let ids: Vec<UserId> = keys(&fields, "id")?;
    let site = values(&fields, "site").pop().unwrap_or_default();
    if site.is_empty() {
        let refusal = Error::invalid("site", "Choose the site. It cannot be changed later.");
        return render(layout, org, ids, &fields, Some(refusal)).await;
    }
    let begun = match few_enough(&ids) {
        Ok(()) => {
            org.write(current.actor(), move |tx| by_hand::begin_setting_site(tx, &ids, &site.parse()?)).await
        }
        Err(refusal) => Err(refusal),
    };
    tasks::answer(&request, &org, begun, &Back::of(&fields).path()).await
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
