//! How long the logs are kept, and what is said of a line that may be gone.

use crate::db::Conn;
use crate::db::space::{self, Space};
use crate::domain::retention::{self, Days, Log};
use crate::error::{Error, Result};
use crate::web::forms::{Act, Entered, FormView, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout, when};
use actix_web::http::StatusCode;
use askama::Template;
use serde::{Deserialize, Serialize};

const PATH: &str = "/activity/retention";

#[derive(Template)]
#[template(path = "activity/retention.html")]
struct RetentionPage {
    layout: Layout,
    logs: Vec<LogRow>,
    space: DiskSpace,
    form: FormView,
}

/// A log, and for how long it is kept.
struct LogRow {
    field: &'static str,
    label: &'static str,
    days: i64,
    hint: String,
    /// Of when its oldest line is.
    oldest: String,
}

/// How much room the database takes.
struct DiskSpace {
    all: String,
    free: String,
    can_shrink: bool,
}

/// For how many days the logs are kept, as it stands in the form. What is left out stays as it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct DaysForm {
    provisioning: Option<String>,
    sign_ins: Option<String>,
    audit: Option<String>,
}

impl From<Days> for DaysForm {
    fn from(days: Days) -> Self {
        let text = |log| Some(days.of(log).to_string());
        Self { provisioning: text(Log::Provisioning), sign_ins: text(Log::SignIns), audit: text(Log::Audit) }
    }
}

fn input(form: &Entered<DaysForm>, before: Days) -> Days {
    let number = |log: Log, text: &Option<String>| match text {
        Some(text) => form.number(log.as_str(), text, before.of(log), &log.complaint().message),
        None => before.of(log),
    };
    Days {
        provisioning: number(Log::Provisioning, &form.provisioning),
        sign_ins: number(Log::SignIns, &form.sign_ins),
        audit: number(Log::Audit, &form.audit),
    }
}

/// The names that the logs have on their pages.
fn label(log: Log) -> &'static str {
    match log {
        Log::Provisioning => "Provisioning by Entra ID, in days",
        Log::SignIns => "Sign-ins with Entra ID, in days",
        Log::Audit => "Changes (the audit log), in days",
    }
}

impl LogRow {
    fn of(conn: &mut Conn, log: Log, days: i64) -> Result<Self> {
        let bounds = log.bounds();
        let oldest = match retention::oldest(conn, log)? {
            Some(at) => format!("The oldest line is of {}.", when(at)),
            None => "There is no line yet.".to_owned(),
        };
        let hint = format!("From {} to {}. {oldest}", bounds.start(), bounds.end());
        Ok(Self { field: log.as_str(), label: label(log), days, hint, oldest })
    }
}

impl From<Space> for DiskSpace {
    fn from(space: Space) -> Self {
        Self { all: amount(space.bytes), free: amount(space.free_bytes), can_shrink: space.can_shrink }
    }
}

/// Bytes as people say them.
fn amount(bytes: i64) -> String {
    const MIB: i64 = 1024 * 1024;
    if bytes >= MIB { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / 1024) }
}

pub(super) async fn show(mut page: PageContext) -> Answer {
    let (days, logs, space) = page
        .org
        .read(|conn| {
            let days = retention::days(conn)?;
            let rows =
                [Log::Provisioning, Log::SignIns, Log::Audit].map(|log| LogRow::of(conn, log, days.of(log)));
            Ok((days, rows.into_iter().collect::<Result<Vec<_>>>()?, space::space(conn)?))
        })
        .await?;
    let form = page.edit(PATH, &DaysForm::from(days))?;
    page.show("activity", |layout| RetentionPage { layout, logs, space: space.into(), form })
}

pub(super) async fn set(act: Act<DaysForm>) -> Answer {
    act.edit(
        |conn| Ok(DaysForm::from(retention::days(conn)?)),
        |tx, form| {
            let before = retention::days(tx.conn)?;
            let days = input(form, before);
            let is_shorter = Log::ALL.iter().any(|log| days.of(*log) < before.of(*log));
            Ok(retention::set(tx, days)?.with(is_shorter))
        },
    )
    .then(|is_shorter| Redirect::to(PATH, if is_shorter { SHORTER } else { "Saved." }))
    .or_show(show)
    .await
}

const SHORTER: &str = "Saved. What is older now is deleted within the next minutes, a little at a time.";

/// Something of which lines are deleted after so many days was not found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// What it is: `provisioning event`.
    what: &'static str,
    /// The same of all of its kind: `Requests of Entra ID`.
    kind: &'static str,
    /// For how many days it is kept.
    days: i64,
    /// The page on which those are that are kept: address and name.
    back: (&'static str, &'static str),
}

impl Gone {
    /// Work on many rows.
    pub(super) const TASK: Self =
        Self { what: "task", kind: "Tasks that have ended", days: retention::TASK_DAYS, back: ("/", "Home") };

    fn of(log: Log, days: Days) -> Self {
        let (what, kind, back) = match log {
            Log::Provisioning => (
                "provisioning event",
                "Requests of Entra ID",
                ("/activity/provisioning", "Provisioning by Entra ID"),
            ),
            Log::SignIns => ("sign-in", "Sign-ins", ("/activity/sign-ins", "Sign-ins with Entra ID")),
            Log::Audit => ("change", "Changes", ("/activity", "Activity")),
        };
        Self { what, kind, days: days.of(log), back }
    }

    /// Says that it is not there, and that it may have been.
    pub(super) fn answer(self, layout: Layout) -> Answer {
        let page = GonePage { layout, gone: self };
        page::show_as(StatusCode::NOT_FOUND, &page.layout, &page)
    }
}

#[derive(Template)]
#[template(path = "activity/gone.html")]
struct GonePage {
    layout: Layout,
    gone: Gone,
}

/// What was found in a log, made ready to be shown; where it was not, that it may be gone.
pub(super) fn found<F, T>(
    conn: &mut Conn,
    found: Result<F>,
    log: Log,
    ready: impl FnOnce(&mut Conn, F) -> Result<T>,
) -> Result<Result<T, Gone>> {
    match found {
        Ok(found) => ready(conn, found).map(Ok),
        Err(Error::NotFound(_)) => Ok(Err(Gone::of(log, retention::days(conn)?))),
        Err(other) => Err(other),
    }
}
