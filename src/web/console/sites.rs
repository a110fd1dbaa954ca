//! Sites, their other names, and the names that Entra ID sent and nobody knows.

use super::tasks;
use crate::domain::sites::{self, Alias, ListedSite, Site, Unknown};
use crate::error::{Error, Result};
use crate::keys::{SiteAliasId, SiteId};
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted};
use crate::web::page::{self, Answer, Layout, Refused};
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

const PATH: &str = "/sites";

#[derive(Template)]
#[template(path = "sites/list.html")]
struct ListPage {
    layout: Layout,
    sites: Vec<ListedSite>,
    unknown: Vec<Unknown>,
    form: SiteForm,
    refusal: Refused,
}

/// A name as it stands in a form; on the worklist, with what is to be done with it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SiteForm {
    name: String,
    action: String,
}

pub(super) async fn list(layout: Layout, org: OrgHandle) -> Answer {
    render(layout, org, SiteForm::default(), None).await
}

async fn render(layout: Layout, org: OrgHandle, form: SiteForm, refusal: Option<Error>) -> Answer {
    let (sites, unknown) = org.read(|conn| Ok((sites::list(conn)?, sites::unknown(conn)?))).await?;
    let refusal = Refused(refusal);
    let page = ListPage { layout: layout.of("sites").refusing(&refusal), sites, unknown, form, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn create(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<SiteForm>,
) -> Answer {
    let Posted(form) = form;
    let name = form.name.clone();
    match org.write(current.actor(), move |tx| sites::create(tx, &name)).await {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render(layout, org, form, Some(refusal)).await
        }
        outcome => {
            let said = |site: &Site| format!("The site {} was created.", site.name);
            redirect_with_progress(&request, &org, form.name, outcome, said, PATH).await
        }
    }
}

/// Says what came of it, once those who waited for the name have their site; or leads to how far that is.
async fn redirect_with_progress<T>(
    request: &HttpRequest,
    org: &OrgHandle,
    name: String,
    outcome: Result<T>,
    said: impl FnOnce(&T) -> String,
    path: &str,
) -> Answer {
    if outcome.is_ok() {
        let following = org.read(move |conn| sites::being_placed(conn, &name)).await?;
        if let Some(progress) = tasks::after(org, following).await? {
            return Ok(page::go(&progress));
        }
    }
    page::redirect_with_outcome(request, outcome, said, path)
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
pub(super) async fn resolve_waiting_name(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    form: Posted<SiteForm>,
) -> Answer {
    let Posted(SiteForm { name, action }) = form;
    let (said, key) = (resolved(&name), name.clone());
    let outcome = org.write(current.actor(), move |tx| match action.as_str() {
        "" => Err(Error::Conflict(
            "Choose what is to become of the name first. Nothing was changed.".to_owned(),
        )),
        "create" => sites::create(tx, &name).map(|site| site.map(drop)),
        site => sites::alias(tx, &site.parse()?, &name),
    });
    redirect_with_progress(&request, &org, key, outcome.await, |()| said, PATH).await
}

#[derive(Template)]
#[template(path = "sites/show.html")]
struct SitePage {
    layout: Layout,
    site: Site,
    aliases: Vec<Alias>,
    users: i64,
    entered: SiteEntries,
    refusal: Refused,
}

/// The names as they stand in the forms of a site's page.
#[derive(Default)]
struct SiteEntries {
    name: Option<String>,
    alias: String,
}

impl SitePage {
    fn name(&self) -> &str {
        self.entered.name.as_deref().unwrap_or(&self.site.name)
    }
}

pub(super) async fn show(layout: Layout, org: OrgHandle, id: Path<SiteId>) -> Answer {
    render_site(layout, org, id.into_inner(), SiteEntries::default(), None).await
}

async fn render_site(
    layout: Layout,
    org: OrgHandle,
    id: SiteId,
    entered: SiteEntries,
    refusal: Option<Error>,
) -> Answer {
    let ListedSite { site, aliases, users } = org.read(move |conn| sites::listed(conn, &id)).await?;
    let refusal = Refused(refusal);
    let page =
        SitePage { layout: layout.of("sites").refusing(&refusal), site, aliases, users, entered, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn rename(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<SiteId>,
    form: Posted<SiteForm>,
) -> Answer {
    let (id, name) = (id.into_inner(), form.0.name);
    let (key, wish) = (id.clone(), name.clone());
    match org.write(current.actor(), move |tx| sites::rename(tx, &key, &wish)).await {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            let entered = SiteEntries { name: Some(name), ..SiteEntries::default() };
            render_site(layout, org, id, entered, Some(refusal)).await
        }
        outcome => {
            let said = |site: &Site| format!("The site {} was saved.", site.name);
            redirect_with_progress(&request, &org, name, outcome, said, PATH).await
        }
    }
}

pub(super) async fn add_alias(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<SiteId>,
    form: Posted<SiteForm>,
) -> Answer {
    let (id, alias) = (id.into_inner(), form.0.name);
    let (key, name) = (id.clone(), alias.clone());
    match org.write(current.actor(), move |tx| sites::alias(tx, &key, &name)).await {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            let entered = SiteEntries { alias, ..SiteEntries::default() };
            render_site(layout, org, id, entered, Some(refusal.renamed("name", "alias"))).await
        }
        outcome => {
            let said = |(): &()| "The alias was added.".to_owned();
            redirect_with_progress(&request, &org, alias, outcome, said, &format!("{PATH}/{id}")).await
        }
    }
}

pub(super) async fn remove_alias(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    path: Path<(SiteId, SiteAliasId)>,
    _form: Posted<Fields>,
) -> Answer {
    let (id, alias) = path.into_inner();
    let back = format!("{PATH}/{id}");
    let outcome = org.write(current.actor(), move |tx| sites::remove_alias(tx, &id, &alias)).await;
    page::redirect_with_outcome(&request, outcome, |()| "The alias was removed.".to_owned(), &back)
}

pub(super) async fn delete(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<SiteId>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome: Result<()> = org.write(current.actor(), move |tx| sites::delete(tx, &id)).await;
    page::redirect_with_outcome(&request, outcome, |()| "The site was deleted.".to_owned(), PATH)
}
