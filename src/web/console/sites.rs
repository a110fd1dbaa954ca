//! Sites, their other names, and the names that Entra ID sent and nobody knows.

use super::tasks;
use crate::domain::sites::{self, Alias, ListedSite, Site, Unknown};
use crate::error::{Error, Result};
use crate::keys::{SiteAliasId, SiteId};
use crate::web::extract::OrgHandle;
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::page::{Answer, Layout};
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};

const PATH: &str = "/sites";

#[derive(Template)]
#[template(path = "sites/list.html")]
struct ListPage {
    layout: Layout,
    sites: Vec<ListedSite>,
    unknown: Vec<Unknown>,
    form: FormView,
}

impl ListPage {
    #[expect(clippy::unused_self, reason = "templates call methods")]
    fn question(&self, unknown: &Unknown) -> String {
        let (name, users) = (&unknown.name, unknown.users);
        let who = if users == 1 {
            "One user who waits for it gets".to_owned()
        } else {
            format!("{users} users who wait for it get")
        };
        format!("Settle “{name}”? {who} the site that you chose, for good.")
    }
}

/// A name as it stands in a form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NameForm {
    name: String,
}

/// A name on the worklist, and what is to be done with it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Settlement {
    name: String,
    action: String,
}

pub(super) async fn list(mut page: PageContext) -> Answer {
    let (sites, unknown) = page.org.read(|conn| Ok((sites::list(conn)?, sites::unknown(conn)?))).await?;
    let form = page.form(PATH, &NameForm::default())?;
    page.show("sites", |layout| ListPage { layout, sites, unknown, form })
}

pub(super) async fn create(act: Act<NameForm>) -> Answer {
    let name = act.input().name.clone();
    act.submit(|tx, form| sites::create(tx, &form.name))
        .then(|site| Redirect::to(PATH, format!("The site {} was created.", site.name)))
        .followed_by(|org, done| once_placed(org, name, done))
        .or_show(list)
        .await
}

/// Leads on once those who waited for the name have their site, or to how far that is.
async fn once_placed(org: OrgHandle, name: String, done: Redirect) -> Result<Redirect> {
    let following = org.read(move |conn| sites::being_placed(conn, &name)).await?;
    Ok(tasks::after(&org, following).await?.map_or(done, Redirect::silently))
}

/// What is said of a name that was settled, of those who waited for it `left` by some other way meanwhile.
pub(super) fn resolved_of(name: &str, done: i64, left: i64) -> String {
    if left == 0 {
        return resolved(name);
    }
    format!(
        "“{name}” is settled: of the users who waited for it, {done} got their site. {left} did not wait for it any longer \
         when it was their turn, and were left as they are."
    )
}

/// What is said of a name that was settled.
fn resolved(name: &str) -> String {
    format!("“{name}” is settled: the users who waited for it have their site.")
}

/// Settles a name that Entra ID sent: as a site of its own, or as another name of a site.
pub(super) async fn resolve_waiting_name(act: Act<Settlement>) -> Answer {
    let name = act.input().name.clone();
    let said = resolved(&name);
    act.submit(|tx, form| match form.action.as_str() {
        "" => Err(Error::Conflict(
            "Choose what is to become of the name first. Nothing was changed.".to_owned(),
        )),
        "create" => sites::create(tx, &form.name).map(|site| site.map(drop)),
        site => sites::alias(tx, &site.parse()?, &form.name),
    })
    .then(|()| Redirect::to(PATH, said))
    .followed_by(|org, done| once_placed(org, name, done))
    .or_show(list)
    .await
}

#[derive(Template)]
#[template(path = "sites/show.html")]
struct SitePage {
    layout: Layout,
    site: Site,
    aliases: Vec<Alias>,
    users: i64,
    form: FormView,
    alias: FormView,
}

pub(super) async fn show(page: PageContext, id: Path<SiteId>) -> Answer {
    page_of(page, id.into_inner()).await
}

async fn page_of(mut page: PageContext, id: SiteId) -> Answer {
    let ListedSite { site, aliases, users } = page.org.read(move |conn| sites::listed(conn, &id)).await?;
    let path = format!("{PATH}/{}", site.id);
    let form = page.edit(&path, &NameForm { name: site.name.clone() })?;
    let alias = page.form(&format!("{path}/aliases"), &NameForm::default())?;
    page.show("sites", |layout| SitePage { layout, site, aliases, users, form, alias })
}

pub(super) async fn rename(act: Act<NameForm>, id: Path<SiteId>) -> Answer {
    let (key, stored, name) = (id.clone(), id.clone(), act.input().name.clone());
    act.edit(
        move |conn| Ok(NameForm { name: sites::find(conn, &stored)?.name }),
        move |tx, form| sites::rename(tx, &key, &form.name),
    )
    .then(|site| Redirect::to(PATH, format!("The site {} was saved.", site.name)))
    .followed_by(|org, done| once_placed(org, name, done))
    .or_show(|page| show(page, id))
    .await
}

pub(super) async fn add_alias(act: Act<NameForm>, id: Path<SiteId>) -> Answer {
    let (key, name, path) = (id.clone(), act.input().name.clone(), format!("{PATH}/{id}"));
    act.submit(move |tx, form| sites::alias(tx, &key, &form.name))
        .then(|()| Redirect::to(path, "The alias was added."))
        .followed_by(|org, done| once_placed(org, name, done))
        .or_show(|page| show(page, id))
        .await
}

pub(super) async fn remove_alias(act: Act, path: Path<(SiteId, SiteAliasId)>) -> Answer {
    let (id, alias) = path.into_inner();
    let (key, back) = (id.clone(), format!("{PATH}/{id}"));
    act.submit(move |tx, _| sites::remove_alias(tx, &key, &alias))
        .then(|()| Redirect::to(back, "The alias was removed."))
        .or_show(|page| page_of(page, id))
        .await
}

pub(super) async fn delete(act: Act, id: Path<SiteId>) -> Answer {
    let key = id.clone();
    act.submit(move |tx, _| sites::delete(tx, &key))
        .then(|()| Redirect::to(PATH, "The site was deleted."))
        .or_show(|page| show(page, id))
        .await
}
