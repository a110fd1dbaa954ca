//! Aligning user names with Entra ID's before provisioning is switched on.

use crate::db::Conn;
use crate::domain::alignment::{
    self, Alignment, AlignmentRow, Compared, Count, Export, Kind, Outcome, State, outlook,
};
use crate::domain::counted::grouped;
use crate::domain::identity::switch;
use crate::domain::tasks::{Task, running_on};
use crate::domain::users::by_entra::Scope;
use crate::domain::users::{User, recognition};
use crate::domain::{Noted, Tx};
use crate::error::Error;
use crate::web::console::tasks;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, values};
use crate::web::forms::{Act, ActWithFile, File, FormView, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::{Pairs, Query};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Path};
use askama::Template;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};

/// What is said of a comparison that was discarded.
pub(in crate::web::console) const DISCARDED: &str =
    "The comparison was discarded. What was renamed stays so.";
const HOME: &str = "/users/alignment";
const CSV: &str = "text/csv; charset=utf-8";
const PAGE: usize = 100;
const RECENT: i64 = 20;
/// So many are shown before all are accepted; the rest is counted.
const PREVIEW: i64 = 500;

#[derive(Template)]
#[template(path = "alignment/new.html")]
struct NewPage {
    layout: Layout,
    earlier: Vec<(Alignment, String)>,
    form: FormView,
}

/// A file as it is uploaded.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct UploadForm {
    /// The name of the field of the file.
    file: String,
}

pub(in crate::web::console) async fn new(mut page: PageContext) -> Answer {
    let earlier = page.org.read(|conn| alignment::recent(conn, RECENT)).await?;
    let earlier = earlier.into_iter().map(|one| (one.clone(), when(one.created_at))).collect();
    let form = page.form(HOME, &UploadForm::default())?.with_file();
    page.show("users", |layout| NewPage { layout, earlier, form })
}

/// Compares an uploaded list with ours; no user changes.
pub(in crate::web::console) async fn upload(
    sent: ActWithFile<UploadForm, { alignment::MOST_BYTES }>,
) -> Answer {
    let ActWithFile { act, file } = sent;
    let kept = compare(act.org(), act.current(), file).await;
    act.answer(kept.map(|alignment| Redirect::silently(format!("{HOME}/{}", alignment.id))), new).await
}

async fn compare(org: &OrgHandle, current: &CurrentUser, file: File) -> Result<Alignment, Error> {
    if file.bytes.is_empty() {
        return Err(Error::invalid("file", "Choose the CSV file of “Download users” first."));
    }
    // It looks at everybody, so it takes its turn. Nobody who writes waits for it.
    let compared = org.read_or_scan(true, move |conn| alignment::compare(conn, &file.bytes)).await?;
    keep(org, current, file.name, compared).await
}

/// Keeps a comparison some rows at a time, so that others write in between.
async fn keep(
    org: &OrgHandle,
    current: &CurrentUser,
    name: String,
    mut compared: Compared,
) -> Result<Alignment, Error> {
    let bites = compared.take_bites();
    let begin = move |tx: &mut Tx| alignment::begin_keeping(tx, &name, &compared);
    let id = org.write(current.actor(), begin).await?.id;
    for rows in bites {
        let id = id.clone();
        org.write(current.actor(), move |tx| alignment::keep_some(tx, &id, rows)).await?;
    }
    org.write(current.actor(), move |tx| alignment::keep_rest(tx, &id)).await
}

#[derive(Template)]
#[template(path = "alignment/show.html")]
struct ShowPage {
    layout: Layout,
    alignment: Alignment,
    made: String,
    kind: Option<Kind>,
    counts: Vec<Count>,
    rows: Vec<AlignmentRow>,
    scope: Scope,
    previous: Option<String>,
    next: Option<String>,
}

impl ShowPage {
    fn total(&self) -> i64 {
        self.counts.iter().map(|count| count.all).sum()
    }

    fn open(&self) -> i64 {
        self.counts.iter().map(|count| count.open).sum()
    }

    fn accepted(&self) -> i64 {
        self.counts.iter().map(|count| count.accepted).sum()
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.is_some_and(|chosen| chosen.as_str() == kind)
    }

    fn outlook(&self, row: &AlignmentRow) -> &'static str {
        outlook(row, self.scope)
    }

    fn badge(row: &AlignmentRow) -> (&'static str, &'static str) {
        match row.state {
            State::Accepted => ("good", "Renamed"),
            State::Undone => ("quiet", "Taken back"),
            State::Stale => ("bad", "No longer possible"),
            State::Open if row.kind == Kind::Same => ("good", "Match"),
            State::Open => ("note", "Open"),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct RowsQuery {
    kind: String,
    after: Option<String>,
    before: Option<String>,
}

pub(in crate::web::console) async fn show(
    page: PageContext,
    id: Path<String>,
    asked: Query<RowsQuery>,
) -> Answer {
    page_of(page, id.into_inner(), asked.into_inner()).await
}

async fn page_of(page: PageContext, id: String, asked: RowsQuery) -> Answer {
    let kind = Kind::parse(&asked.kind);
    let (key, at) = (id.clone(), page::at(asked.after, asked.before));
    let (found, counts, rows, scope) = page
        .org
        .read(move |conn| {
            let found = alignment::find(conn, &key)?;
            let rows = alignment::rows(conn, &key, kind, &at, PAGE)?;
            Ok((found, alignment::counts(conn, &key)?, rows, switch::read(conn)?.scope))
        })
        .await?;
    let query = [("kind", kind.map_or("", Kind::as_str))];
    let (previous, next) = page::ways(&rows, &format!("{HOME}/{id}"), &query);
    page.show("users", |layout| ShowPage {
        layout,
        made: when(found.created_at),
        alignment: found,
        kind,
        counts,
        rows: rows.items,
        scope,
        previous,
        next,
    })
}

#[derive(Template)]
#[template(path = "alignment/accept.html")]
struct AcceptPage {
    layout: Layout,
    alignment: Alignment,
    kinds: Vec<(Kind, i64, bool)>,
    rows: Vec<AlignmentRow>,
    more: usize,
}

/// Which kinds of proposals are meant; all but the weakest where none are named.
fn kinds(fields: &Fields) -> Vec<Kind> {
    let named: Vec<Kind> = values(fields, "kind").iter().filter_map(|word| Kind::parse(word)).collect();
    if named.is_empty() {
        vec![Kind::Case, Kind::Letters, Kind::Email, Kind::Domain, Kind::Edit]
    } else {
        named
    }
}

/// Shows what would be renamed, all of it, before it is.
pub(in crate::web::console) async fn preview(
    layout: Layout,
    org: OrgHandle,
    id: Path<String>,
    Pairs(asked): Pairs,
) -> Answer {
    let (id, chosen) = (id.into_inner(), kinds(&asked));
    let wanted = chosen.clone();
    let (found, counts, rows, all) = org
        .read(move |conn| {
            let found = alignment::find(conn, &id)?;
            let rows = alignment::proposals(conn, &id, &wanted, 0, PREVIEW)?;
            let all = alignment::count_proposals(conn, &id, &wanted)?;
            Ok((found, alignment::counts(conn, &id)?, rows, all))
        })
        .await?;
    let more = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(rows.len());
    let kinds = counts
        .into_iter()
        .filter(|count| count.open > 0)
        .map(|count| (count.kind, count.open, chosen.contains(&count.kind)))
        .collect();
    let page = AcceptPage { layout: layout.of("users"), alignment: found, kinds, rows, more };
    page::show_as(StatusCode::OK, &page.layout, &page)
}

pub(in crate::web::console) async fn accept_all(act: Act<Fields>, id: Path<String>) -> Answer {
    let (id, chosen) = (id.into_inner(), kinds(act.input()));
    let path = format!("{HOME}/{id}");
    let (key, kinds) = (id.clone(), chosen.clone());
    let total = act.org().read(move |conn| alignment::count_proposals(conn, &key, &kinds)).await?;
    let key = id.clone();
    act.submit(move |tx, _| alignment::begin_accepting(tx, &key, &chosen, total))
        .then(|task| tasks::progress(&task))
        .followed_by(|org, progress| async move { tasks::lead(org, progress, &path).await })
        .or_show(|page| page_of(page, id, RowsQuery::default()))
        .await
}

/// Does something to user names, and says of how many accounts with a role the new name waits for an owner since: whoever
/// accepts a list of names confirms none of those.
fn with_waiting<T>(
    tx: &mut Tx,
    act: impl FnOnce(&mut Tx) -> Result<Noted<T>, Error>,
) -> Result<Noted<(T, String)>, Error> {
    let before = recognition::waiting(tx.conn)?;
    let done = act(tx)?;
    let mut since = recognition::waiting(tx.conn)?;
    since.retain(|user| before.iter().all(|waited| waited.id != user.id));
    let told = describe_waiting(&since.iter().map(User::name).collect::<Vec<_>>());
    Ok(done.map(|done| (done, told)))
}

fn describe_waiting(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!(
            " {one} has a role here: the new name counts at sign-in once an owner confirms it, under Administrators.",
        ),
        many => format!(
            " {} of them have a role here: their new names count at sign-in once an owner confirms each, under \
             Administrators.",
            many.len()
        ),
    }
}

/// What came of all of them.
pub(in crate::web::console) fn describe_all(what: &str, task: &Task) -> Result<String, Error> {
    let told = describe(what, &alignment::outcome(task)?);
    Ok(told + &describe_waiting(&alignment::waiting_since(task)?))
}

fn describe(what: &str, outcome: &Outcome) -> String {
    let done = match outcome.done {
        1 => format!("One user was {what}."),
        count => format!("{} users were {what}.", grouped(count)),
    };
    let stale = match outcome.stale {
        0 => String::new(),
        1 => " One was left as it is: look at the row.".to_owned(),
        count => format!(" {} were left as they are: look at their rows.", grouped(count)),
    };
    format!("{done}{stale}")
}

fn row(key: Path<(String, String)>) -> Result<(String, i32), Error> {
    let (id, number) = key.into_inner();
    Ok((id, number.parse().map_err(|_| Error::NotFound("row"))?))
}

pub(in crate::web::console) async fn accept(act: Act, key: Path<(String, String)>) -> Answer {
    let (id, number) = row(key)?;
    let (key, path) = (id.clone(), format!("{HOME}/{id}"));
    act.submit(move |tx, _| with_waiting(tx, |tx| alignment::accept(tx, &key, number)))
        .then(|(row, waiting)| {
            let said = match &row.note {
                Some(note) => format!("{} was left as they are. {note}", row.name),
                None => format!("{} is “{}” now.{waiting}", row.name, row.entra_name.unwrap_or_default()),
            };
            Redirect::to(path, said)
        })
        .or_show(|page| page_of(page, id, RowsQuery::default()))
        .await
}

pub(in crate::web::console) async fn undo(act: Act, key: Path<(String, String)>) -> Answer {
    let (id, number) = row(key)?;
    let (key, path) = (id.clone(), format!("{HOME}/{id}"));
    act.submit(move |tx, _| with_waiting(tx, |tx| alignment::undo(tx, &key, number)))
        .then(|(row, waiting)| {
            let name = row.user_name.unwrap_or_default();
            Redirect::to(path, format!("{} is “{name}” again.{waiting}", row.name))
        })
        .or_show(|page| page_of(page, id, RowsQuery::default()))
        .await
}

pub(in crate::web::console) async fn undo_all(act: Act, id: Path<String>) -> Answer {
    let (id, key, path) = (id.to_string(), id.to_string(), format!("{HOME}/{id}"));
    let total = act.org().read(move |conn| alignment::count_accepted(conn, &key)).await?;
    let key = id.clone();
    act.submit(move |tx, _| alignment::begin_undoing(tx, &key, total))
        .then(|task| tasks::progress(&task))
        .followed_by(|org, progress| async move { tasks::lead(org, progress, &path).await })
        .or_show(|page| page_of(page, id, RowsQuery::default()))
        .await
}

pub(in crate::web::console) async fn discard(act: Act, id: Path<String>) -> Answer {
    let (key, discarded) = (id.clone(), id.clone());
    act.submit(move |tx, _| alignment::discard(tx, &key))
        .then(|_| Redirect::to(HOME, DISCARDED))
        .followed_by(|org, done| async move {
            if let Some(task) = org.read(move |conn| running_on(conn, &discarded)).await? {
                // It is not seen any more: nobody waits until its rows are gone.
                tasks::let_go_on(&org, task);
            }
            Ok(done)
        })
        .or_show(|page| page_of(page, id.into_inner(), RowsQuery::default()))
        .await
}

/// Every row as a file, of which no more is in memory than is on its way.
pub(in crate::web::console) async fn export(org: OrgHandle, id: Path<String>) -> Answer {
    let (head, rest) = org.read(move |conn| alignment::begin_export(conn, &id)).await?;
    let rest = stream::try_unfold((org, rest), |(org, rest)| async move {
        let part = org.read(move |conn| next_part(conn, rest)).await?;
        Ok::<_, Error>(part.map(|(part, rest)| (Bytes::from(part), (org, rest))))
    });
    let file = stream::once(async { Ok(Bytes::from(head)) }).chain(rest);
    Ok(page::attachment("user-names.csv", CSV).streaming(file))
}

fn next_part(conn: &mut Conn, mut rest: Export) -> Result<Option<(Vec<u8>, Export)>, Error> {
    Ok(rest.next(conn)?.map(|part| (part, rest)))
}
