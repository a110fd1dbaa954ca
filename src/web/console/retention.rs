//! How long the logs are kept, and what is said of a line that may be gone.

use crate::db::Conn;
use crate::db::space::{self, Space};
use crate::domain::retention::{self, Days, Log};
use crate::error::{Error, Result};
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, values};
use crate::web::page::{self, Answer, Layout, Refused, when};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;

const PATH: &str = "/activity/retention";

#[derive(Template)]
#[template(path = "activity/retention.html")]
struct RetentionPage {
    layout: Layout,
    logs: Vec<LogRow>,
    space: DiskSpace,
    refusal: Refused,
}

/// A log, and for how long it is kept.
struct LogRow {
    field: &'static str,
    label: &'static str,
    /// As it is, or as it was typed.
    days: String,
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

/// What was typed, field by field.
struct Typed([(Log, String); Log::ALL.len()]);

impl Typed {
    /// The days in force with what was posted over them: what a form leaves out stays as it is.
    fn over(days: Days, posted: &Fields) -> Self {
        let typed = |log: Log| values(posted, log.as_str()).pop().unwrap_or_else(|| days.of(log).to_string());
        Self([Log::Provisioning, Log::SignIns, Log::Audit].map(|log| (log, typed(log))))
    }

    fn of(&self, log: Log) -> &str {
        self.0.iter().find(|(one, _)| *one == log).map_or("", |(_, text)| text)
    }

    fn days(&self) -> Result<Days> {
        let mut complaints = Vec::new();
        let mut number = |log: Log| {
            let number = self.of(log).trim().parse().ok().filter(|days| log.bounds().contains(days));
            number.unwrap_or_else(|| {
                complaints.push(log.complaint());
                0
            })
        };
        let days = Days {
            provisioning: number(Log::Provisioning),
            sign_ins: number(Log::SignIns),
            audit: number(Log::Audit),
        };
        if complaints.is_empty() { Ok(days) } else { Err(Error::Invalid(complaints)) }
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
    fn of(conn: &mut Conn, log: Log, days: String) -> Result<Self> {
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

pub(super) async fn show(layout: Layout, org: OrgHandle) -> Answer {
    render(layout, org, None).await
}

async fn render(layout: Layout, org: OrgHandle, entered: Option<(Typed, Error)>) -> Answer {
    let (typed, refusal) = entered.unzip();
    let (logs, space) = org
        .read(move |conn| {
            let typed = typed.unwrap_or(Typed::over(retention::days(conn)?, &Fields::new()));
            let rows = typed.0.into_iter().map(|(log, days)| LogRow::of(conn, log, days));
            Ok((rows.collect::<Result<Vec<_>>>()?, space::space(conn)?))
        })
        .await?;
    let refusal = Refused(refusal);
    let layout = layout.of("activity").refusing(&refusal);
    let page = RetentionPage { layout, logs, space: space.into(), refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn set(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Fields>,
) -> Answer {
    let Posted(posted) = form;
    let before = org.read(retention::days).await?;
    let typed = Typed::over(before, &posted);
    let deletes = typed.days().is_ok_and(|days| Log::ALL.iter().any(|log| days.of(*log) < before.of(*log)));
    let outcome = match typed.days() {
        Ok(days) => org.write(current.actor(), move |tx| retention::set(tx, days)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Err(refusal @ Error::Invalid(_)) => render(layout, org, Some((typed, refusal))).await,
        outcome => page::redirect_with_outcome(
            &request,
            outcome,
            |()| if deletes { SHORTER } else { "Saved." }.to_owned(),
            PATH,
        ),
    }
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
