//! Licences in bulk: upload a CSV file, see what it would do, apply it.

use crate::domain::Tx;
use crate::domain::counted::{counted, grouped};
use crate::domain::imports::{self, Applied, Import, ImportRow, State, Upload as File};
use crate::domain::sites;
use crate::error::{Error, Result};
use crate::keys::SiteId;
use crate::web::extract::{CurrentUser, OrgHandle};
use crate::web::forms::{Act, ActWithFile, File as Sent, FormView, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout};
use crate::web::query::Query;
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const CSV: &str = "text/csv; charset=utf-8";
/// Files of more bytes take a while to be checked.
const LARGE_BYTES: usize = 100 * 1024;
const ROWS: i64 = 500;
const RECENT: i64 = 100;

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewPage {
    layout: Layout,
    form: FormView,
    most_rows: String,
    most_mib: usize,
}

/// A file as it is uploaded.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct UploadForm {
    take_away: String,
    /// The name of the field of the file.
    file: String,
}

pub(super) async fn new(mut page: PageContext) -> Answer {
    let form = page.form("/licenses/import", &UploadForm::default())?.with_file();
    let (most_rows, most_mib) = (grouped(imports::MOST_ROWS), imports::MOST_MIB);
    page.show("licences", |layout| NewPage { layout, form, most_rows, most_mib })
}

pub(super) async fn template() -> Answer {
    Ok(page::download("licences.csv", CSV, imports::template_csv()))
}

/// Checks the file and keeps it; nothing else changes.
pub(super) async fn validate(sent: ActWithFile<UploadForm, { imports::MOST_BYTES }>) -> Answer {
    let ActWithFile { act, file } = sent;
    let kept = check(&act, file).await;
    act.answer(kept.map(|import| Redirect::silently(format!("/imports/{}", import.id))), new).await
}

async fn check(act: &Act<UploadForm>, file: Sent) -> Result<Import> {
    if file.name.is_empty() && file.bytes.is_empty() {
        return Err(Error::invalid("file", "Choose a CSV file first."));
    }
    let take_away = !act.input().take_away.is_empty();
    let file = File { file_name: file.name, bytes: file.bytes, take_away };
    // Reading takes longer than keeping: nobody who writes waits for it.
    // Of large files one is read at a time: several would keep others from the readers.
    let (name, is_large) = (file.file_name.clone(), file.bytes.len() > LARGE_BYTES);
    let checked = act.org().aside(is_large, move |org| imports::check(org, &file)).await?;
    let keep = move |tx: &mut Tx| imports::keep(tx, &name, take_away, checked);
    act.org().write(act.current().actor(), keep).await
}

#[derive(Template)]
#[template(path = "imports/list.html")]
struct ListPage {
    layout: Layout,
    uploads: Vec<Import>,
}

pub(super) async fn list(layout: Layout, org: OrgHandle) -> Answer {
    let uploads = org.read(|conn| imports::recent(conn, RECENT)).await?;
    let page = ListPage { layout: layout.of("licences"), uploads };
    page::show(&page.layout, &page)
}

#[derive(Template)]
#[template(path = "imports/show.html")]
struct ImportPage {
    layout: Layout,
    import: Import,
    uploaded_at: String,
    finished_at: Option<String>,
    rows: Vec<ImportRow>,
    /// Whether the file has sites, and what they are called.
    with_site: bool,
    sites: HashMap<SiteId, String>,
    /// Where the rows that follow are.
    next: Option<String>,
    badge: (&'static str, &'static str),
}

impl ImportPage {
    fn is(&self, state: &str) -> bool {
        self.import.state.as_str() == state
    }

    /// The site of a row: the one that it sets, else what stands in the file.
    fn site(&self, row: &ImportRow) -> String {
        let name = row.site_id.as_ref().and_then(|id| self.sites.get(id));
        match name {
            Some(name) if self.import.state == State::Applied => name.clone(),
            Some(name) => format!("set: {name}"),
            None => row.site.clone().unwrap_or_default(),
        }
    }
}

/// From which row on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct From {
    after: i32,
}

pub(super) async fn show(page: PageContext, id: Path<String>, from: Query<From>) -> Answer {
    page_of(page, id.into_inner(), from.after).await
}

async fn page_of(page: PageContext, id: String, after: i32) -> Answer {
    let (import, mut rows, sites) = page
        .org
        .read(move |conn| {
            let import = imports::find(conn, &id)?;
            let rows = imports::rows(conn, &id, import.state == State::Faulty, after, ROWS + 1)?;
            Ok((import, rows, sites::all(conn)?))
        })
        .await?;
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > shown;
    rows.truncate(shown);
    let last = rows.last().map(|row| row.number).filter(|_| more);
    page.show("licences", |layout| ImportPage {
        layout,
        with_site: rows.iter().any(|row| row.site.is_some()),
        sites: sites.into_iter().map(|site| (site.id, site.name)).collect(),
        next: last.map(|number| format!("/imports/{}?after={number}", import.id)),
        badge: badge(import.state),
        uploaded_at: page::when(import.created_at),
        finished_at: import.finished_at.map(page::when),
        import,
        rows,
    })
}

pub(super) fn badge(state: State) -> (&'static str, &'static str) {
    match state {
        State::Faulty => ("bad", "Has faults"),
        State::Validated => ("note", "Ready to apply"),
        State::Applied => ("good", "Applied"),
        State::Discarded => ("quiet", "Discarded"),
    }
}

pub(super) async fn apply(act: Act, id: Path<String>) -> Answer {
    let path = format!("/imports/{id}");
    let outcome = apply_as_planned(act.org(), act.current(), &id).await.map(|import| {
        let changes = counted(import.counts.changes(), "change", "changes");
        Redirect::to(path, format!("The file was applied: {changes}."))
    });
    act.answer(outcome, |page| page_of(page, id.into_inner(), 0)).await
}

/// Plans and applies; plans anew where what the plan rests on has changed before the writer came to it.
async fn apply_as_planned(org: &OrgHandle, current: &CurrentUser, id: &str) -> Result<Import> {
    for _ in 0..imports::MOST_PLANS {
        let planned = id.to_owned();
        let prepared = org.aside(false, move |org| imports::prepare(org, &planned)).await?;
        // All or nothing, and so in one transaction: by itself, while nobody else waits.
        let apply = org.write_between(current.actor(), move |tx| imports::apply(tx, prepared));
        if let Applied::Done(import) = apply.await? {
            return Ok(*import);
        }
    }
    Err(imports::kept_changing())
}

pub(super) async fn discard(act: Act, id: Path<String>) -> Answer {
    let key = id.clone();
    act.submit(move |tx, _| imports::discard(tx, &key))
        .then(|_| Redirect::to("/licenses", "The file was discarded. Nothing was changed."))
        .or_show(|page| page_of(page, id.into_inner(), 0))
        .await
}

pub(super) async fn result(org: OrgHandle, id: Path<String>) -> Answer {
    let name = format!(
        "licences-{}.csv",
        id.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>()
    );
    let body = org.read(move |conn| imports::result_csv(conn, &id)).await?;
    Ok(page::download(&name, CSV, body))
}
