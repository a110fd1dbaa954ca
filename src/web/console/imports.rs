//! Licences in bulk: upload a CSV file, see what it would do, apply it.

use crate::domain::Tx;
use crate::domain::counted::{counted, grouped};
use crate::domain::imports::{self, Applied, Import, ImportRow, State, Upload as File};
use crate::domain::sites;
use crate::error::Error;
use crate::keys::SiteId;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, UpTo, values};
use crate::web::page::{self, Answer, Layout, Refused};
use crate::web::query::Query;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;
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
    take_away: bool,
    refusal: Refused,
    most_rows: String,
    most_mib: usize,
}

impl NewPage {
    fn new(layout: Layout, take_away: bool, refusal: Option<Error>) -> Self {
        let refusal = Refused(refusal);
        Self {
            layout: layout.of("licences").refusing(&refusal),
            take_away,
            refusal,
            most_rows: grouped(imports::MOST_ROWS),
            most_mib: imports::MOST_MIB,
        }
    }
}

pub(super) async fn new(layout: Layout) -> Answer {
    let page = NewPage::new(layout, false, None);
    page::show(&page.layout, &page)
}

pub(super) async fn template() -> Answer {
    Ok(page::download("licences.csv", CSV, imports::template_csv()))
}

/// Checks the file and keeps it; nothing else changes.
pub(super) async fn validate(
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    UpTo(upload): UpTo<{ imports::MOST_BYTES }>,
) -> Answer {
    let take_away = !values(&upload.fields, "take_away").is_empty();
    let checked = if upload.file_name.is_empty() && upload.file.is_empty() {
        Err(Error::invalid("file", "Choose a CSV file first."))
    } else {
        let file = File { file_name: upload.file_name, bytes: upload.file, take_away };
        // Reading takes longer than keeping: nobody who writes waits for it.
        // Of large files one is read at a time: several would keep others from the readers.
        let (name, is_large) = (file.file_name.clone(), file.bytes.len() > LARGE_BYTES);
        match org.aside(is_large, move |org| imports::check(org, &file)).await {
            Ok(checked) => {
                let keep = move |tx: &mut Tx| imports::keep(tx, &name, take_away, checked);
                org.write(current.actor(), keep).await
            }
            Err(refusal) => Err(refusal),
        }
    };
    match checked {
        Ok(import) => Ok(page::go(&format!("/imports/{}", import.id))),
        Err(refusal @ Error::Invalid(_)) => {
            let page = NewPage::new(layout, take_away, Some(refusal));
            page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page.layout, &page)
        }
        Err(other) => Err(other.into()),
    }
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

pub(super) async fn show(layout: Layout, org: OrgHandle, id: Path<String>, from: Query<From>) -> Answer {
    let after = from.after;
    let (import, mut rows, sites) = org
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
    let page = ImportPage {
        layout: layout.of("licences"),
        with_site: rows.iter().any(|row| row.site.is_some()),
        sites: sites.into_iter().map(|site| (site.id, site.name)).collect(),
        next: last.map(|number| format!("/imports/{}?after={number}", import.id)),
        badge: badge(import.state),
        uploaded_at: page::when(import.created_at),
        finished_at: import.finished_at.map(page::when),
        import,
        rows,
    };
    page::show(&page.layout, &page)
}

pub(super) fn badge(state: State) -> (&'static str, &'static str) {
    match state {
        State::Faulty => ("bad", "Has faults"),
        State::Validated => ("note", "Ready to apply"),
        State::Applied => ("good", "Applied"),
        State::Discarded => ("quiet", "Discarded"),
    }
}

pub(super) async fn apply(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let id = id.into_inner();
    let back = format!("/imports/{id}");
    let outcome = apply_as_planned(&org, &current, &id).await;
    let said = |import: &Import| {
        format!("The file was applied: {}.", counted(import.counts.changes(), "change", "changes"))
    };
    page::redirect_with_outcome(&request, outcome, said, &back)
}

/// Plans and applies; plans anew where what the plan rests on has changed before the writer came to it.
async fn apply_as_planned(org: &OrgHandle, current: &CurrentUser, id: &str) -> Result<Import, Error> {
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

pub(super) async fn discard(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| imports::discard(tx, &id)).await;
    page::redirect_with_outcome(
        &request,
        outcome,
        |_| "The file was discarded. Nothing was changed.".to_owned(),
        "/licenses",
    )
}

pub(super) async fn result(org: OrgHandle, id: Path<String>) -> Answer {
    let name = format!(
        "licences-{}.csv",
        id.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>()
    );
    let body = org.read(move |conn| imports::result_csv(conn, &id)).await?;
    Ok(page::download(&name, CSV, body))
}
