//! The list of users: search, filters, orders, pages.

use super::{entra_badge, held_words, state_badge};
use crate::domain::licenses::{self, LicenseType};
use crate::domain::sites::{self, Site};
use crate::domain::users::EntraState;
use crate::domain::users::list::{self, Filter, ListedUser, Order, Total, UserPage, Which};
use crate::keys::UserId;
use crate::web::extract::{Fields, OrgHandle, values};
use crate::web::page::{self, Answer, Layout};
use crate::web::query::Query;
use askama::Template;
use serde::Deserialize;
use std::str::FromStr;

const LIST: &str = "/users";
const PAGE: usize = 50;

/// What the address asks for; the words are those of the filters' options.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct ListQuery {
    q: String,
    state: String,
    site: String,
    license: String,
    entra: String,
    sort: String,
    desc: String,
    after: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "users/list.html")]
struct ListPage {
    layout: Layout,
    asked: ListQuery,
    rows: Vec<UserRow>,
    total: Total,
    previous: Option<String>,
    next: Option<String>,
    sites: Vec<Site>,
    licenses: Vec<LicenseType>,
}

/// A line of a list of users.
pub(super) struct UserRow {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) user_name: String,
    pub(super) site: Option<String>,
    pub(super) license: Option<String>,
    pub(super) extension: Option<String>,
    pub(super) state: (&'static str, &'static str),
    pub(super) held: Option<&'static str>,
    pub(super) entra: (&'static str, &'static str),
    pub(super) since: Option<String>,
    /// The site that Entra ID sent and nobody has made.
    pub(super) site_sent: Option<String>,
}

/// The list in which users were selected, as it was then: the forms about them carry its query along.
pub(super) struct Back {
    pub(super) query: String,
}

impl Back {
    pub(super) fn of(fields: &Fields) -> Self {
        Self { query: values(fields, "list").pop().unwrap_or_default() }
    }

    pub(super) fn path(&self) -> String {
        if self.query.is_empty() { LIST.to_owned() } else { format!("{LIST}?{}", self.query) }
    }
}

impl From<ListedUser> for UserRow {
    fn from(listed: ListedUser) -> Self {
        let user = listed.user;
        Self {
            name: user.name(),
            state: state_badge(&user),
            held: held_words(&user),
            // The column's head says where.
            entra: if user.entra_state == EntraState::Deleted {
                ("warn", "Deleted")
            } else {
                entra_badge(&user)
            },
            since: user.deleted_in_entra_at.or(user.deactivated_at).map(page::when),
            site_sent: user.site_sent.filter(|_| user.site_id.is_none()),
            id: user.id,
            user_name: user.profile.user_name,
            extension: user.extension,
            site: listed.site,
            license: listed.license,
        }
    }
}

/// What a filter by one kind of thing names. What cannot be a key is no word of the filter.
fn which<K: FromStr>(word: &str) -> Option<Which<K>> {
    match word {
        "" => None,
        "none" => Some(Which::Nothing),
        id => id.parse().ok().map(Which::This),
    }
}

impl ListQuery {
    fn filter(&self) -> Filter {
        Filter {
            words: self.q.clone(),
            active: match self.state.as_str() {
                "active" => Some(true),
                "inactive" => Some(false),
                _ => None,
            },
            held: self.state == "held",
            site: which(&self.site),
            license: which(&self.license),
            entra: EntraState::parse(&self.entra),
            ..Filter::default()
        }
    }

    fn order(&self) -> Order {
        Order::parse(&self.sort).unwrap_or_default()
    }

    fn query(&self) -> Vec<(&str, &str)> {
        vec![
            ("q", self.q.as_str()),
            ("state", &self.state),
            ("site", &self.site),
            ("license", &self.license),
            ("entra", &self.entra),
            ("sort", &self.sort),
            ("desc", &self.desc),
        ]
    }

    /// The query that leads to this list again.
    fn list(&self) -> String {
        let address = page::address(LIST, &self.query());
        address.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default()
    }

    fn is_filtered(&self) -> bool {
        [&self.q, &self.state, &self.site, &self.license, &self.entra].iter().any(|word| !word.is_empty())
    }
}

impl ListPage {
    /// Where a column's head leads: this order, or the other way round.
    fn sorted(&self, order: &str) -> String {
        let mine = self.asked.order().as_str() == order;
        let desc = if mine && self.asked.desc.is_empty() { "1" } else { "" };
        let mut query = self.asked.query();
        query.retain(|(name, _)| !matches!(*name, "sort" | "desc"));
        query.extend([("sort", order), ("desc", desc)]);
        page::address("/users", &query)
    }

    fn direction(&self, order: &str) -> &'static str {
        match (self.asked.order().as_str() == order, self.asked.desc.is_empty()) {
            (true, true) => "ascending",
            (true, false) => "descending",
            _ => "none",
        }
    }

    fn summary(&self) -> String {
        match self.total {
            Total::Exactly(1) => "One user".to_owned(),
            total => format!("{total} users"),
        }
    }
}

pub(in crate::web::console) async fn show(layout: Layout, org: OrgHandle, asked: Query<ListQuery>) -> Answer {
    let asked = asked.into_inner();
    let wanted = list::ListRequest {
        filter: asked.filter(),
        order: asked.order(),
        descending: !asked.desc.is_empty(),
        at: page::at(asked.after.clone(), asked.before.clone()),
        size: PAGE,
    };
    let UserPage { page: rows, total } =
        org.search(move |conn, effort| list::list(conn, &wanted, effort)).await?;
    let (sites, licenses) = org.read(|conn| Ok((sites::all(conn)?, licenses::all(conn)?))).await?;
    let (previous, next) = page::ways(&rows, "/users", &asked.query());
    let rows = rows.items.into_iter().map(UserRow::from).collect();
    let page = ListPage { layout: layout.of("users"), asked, rows, total, previous, next, sites, licenses };
    page::show(&page.layout, &page)
}
