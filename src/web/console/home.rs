//! Home: what is set up, what waits for somebody, how things stand.

use super::single_sign_on;
use crate::db::Conn;
use crate::domain::admins::throttle::{self, Guesses};
use crate::domain::audit::{self, Action};
use crate::domain::expiry;
use crate::domain::health::{self, Health, Severity, Warning};
use crate::domain::identity::clients;
use crate::domain::identity::switch::{self, State};
use crate::domain::page::At;
use crate::domain::sso::{self, warnings::Worry};
use crate::domain::users::list::{self, Filter, Total};
use crate::domain::users::{EntraState, by_hand};
use crate::domain::{held, licenses, sites, users};
use crate::error::Result;
use crate::web::AppState;
use crate::web::extract::{OrgHandle, app_state};
use crate::web::page::{self, Answer, Layout, ago, when};
use crate::web::task_lines::{self, TaskLine};
use actix_web::HttpRequest;
use askama::Template;
use chrono::{NaiveDateTime, TimeDelta};
use std::borrow::Cow;

/// Leavers of whom Entra ID may never speak again are worth a look after so many days.
pub(super) const INACTIVE_DAYS: i64 = 90;
const ALERT_DAYS: i64 = 14;
const GUESSING_DAYS: i64 = 7;

#[derive(Template)]
#[template(path = "home/show.html")]
struct HomePage {
    layout: Layout,
    state: Overview,
    last_contact: Option<String>,
}

/// How things stand.
struct Overview {
    steps: Vec<Step>,
    attention: Vec<Attention>,
    users: i64,
    active: i64,
    linked: i64,
    licensed: i64,
    seats: i64,
    health: Health,
    recent: Vec<String>,
}

impl Overview {
    fn is_set_up(&self) -> bool {
        self.steps.iter().all(|step| step.done)
    }
}

/// A step of setting up.
struct Step {
    done: bool,
    title: &'static str,
    text: &'static str,
    path: &'static str,
}

/// Something that waits for an administrator.
struct Attention {
    /// `bad`, `warn` or `note`.
    kind: &'static str,
    text: String,
    path: Cow<'static, str>,
    link: &'static str,
}

impl From<Warning> for Attention {
    fn from(warning: Warning) -> Self {
        let kind = match warning.severity {
            Severity::Bad => "bad",
            Severity::Warn => "warn",
            Severity::Note => "note",
        };
        Self { kind, text: warning.text, path: warning.path, link: warning.link }
    }
}

impl From<Worry> for Attention {
    fn from(worry: Worry) -> Self {
        let kind = if worry.bad { "bad" } else { "warn" };
        Self { kind, text: worry.text, path: "/identity#sso".into(), link: "Look at it" }
    }
}

impl From<TaskLine> for Attention {
    fn from(line: TaskLine) -> Self {
        Self { kind: line.kind, text: line.text, path: line.path.into(), link: line.link }
    }
}

impl Attention {
    fn word(&self) -> &'static str {
        match self.kind {
            "bad" => "Trouble",
            "warn" => "To do",
            _ => "Note",
        }
    }
}

pub(super) async fn show(request: HttpRequest, layout: Layout, org: OrgHandle) -> Answer {
    // Whoever has no role is at home on their own page.
    if !layout.may_look() {
        return Ok(page::go("/account"));
    }
    let now = org.inner().now();
    let who = (layout.is_owner(), layout.may_change());
    let mut state = org.read(move |conn| overview(conn, now, who)).await?;
    if layout.may_change() {
        state.attention.extend(unnamed_proxy(app_state(&request)?, now));
    }
    let last_contact = state.health.last_contact.map(|at| ago(at, now));
    let page = HomePage { layout: layout.of("home"), state, last_contact };
    page::show(&page.layout, &page)
}

/// A proxy that the operator forgot to name.
fn unnamed_proxy(state: &AppState, now: NaiveDateTime) -> Option<Attention> {
    let text = state.unnamed_proxy(now)?;
    Some(Attention { kind: "warn", text, path: "/activity".into(), link: "See addresses" })
}

fn overview(conn: &mut Conn, now: NaiveDateTime, who: (bool, bool)) -> Result<Overview> {
    let census = users::census(conn)?;
    let stock = licenses::stock(conn)?;
    let health = health::health(conn, now)?;
    let provisioning = switch::read(conn)?.state;
    let recent = audit::list(conn, &audit::Filter::default(), &At::Start, 6)?;
    Ok(Overview {
        steps: steps(conn, &health, provisioning, !stock.is_empty())?,
        attention: attention(conn, now, &health, who)?,
        users: census.everyone,
        active: census.everyone_active,
        linked: census.linked,
        licensed: stock.iter().map(|stock| stock.used).sum(),
        seats: stock.iter().map(|stock| i64::from(stock.kind.seats)).sum(),
        health,
        recent: recent.items.iter().flat_map(audit::Event::sentences).take(6).collect(),
    })
}

fn steps(conn: &mut Conn, health: &Health, provisioning: State, stocked: bool) -> Result<Vec<Step>> {
    let placed = !sites::all(conn)?.is_empty();
    let sso = sso::is_complete(conn)?;
    Ok(vec![
        Step {
            done: placed,
            title: "Create your sites",
            text: "A user needs a site before a licence, and Entra ID can send the site by name.",
            path: "/sites",
        },
        Step {
            done: stocked,
            title: "Enter your licence types",
            text: "With a code, a name and the number of seats you have bought.",
            path: "/licenses",
        },
        Step {
            done: sso,
            title: "Connect single sign-on",
            text: "Exchange a few values with Entra ID so that users sign in with their corporate account.",
            path: "/identity",
        },
        Step {
            done: provisioning != State::Off,
            title: "Switch user provisioning on",
            text: "Copy the SCIM URL and the API token into Entra ID.",
            path: "/identity",
        },
        Step {
            done: health.last_contact.is_some(),
            title: "Let Entra ID test the connection",
            text: "Press Test Connection in Entra ID: its first request appears here.",
            path: "/activity/provisioning",
        },
    ])
}

/// A number of things that wait, in words for one and for many.
struct Counted {
    kind: &'static str,
    one: &'static str,
    many: &'static str,
    path: &'static str,
    link: &'static str,
    /// What stands for `{days}` in the words.
    days: i64,
}

const HELD: Counted = Counted {
    kind: "bad",
    one: "Entra ID would take many people away, or rename many, at once: one user or group is held back until you decide.",
    many: "Entra ID would take many people away, or rename many, at once: {} users and groups are held back until you decide.",
    path: "/held",
    link: "Decide now",
    days: 0,
};
const DELETED: Counted = Counted {
    kind: "warn",
    one: "One user was deleted in Entra ID and waits for deletion here.",
    many: "{} users were deleted in Entra ID and wait for deletion here.",
    path: "/users/deleted-in-entra",
    link: "Review them",
    days: 0,
};
const TO_LINK: Counted = Counted {
    kind: "warn",
    one: "Entra ID tried to create a user who has an account here already.",
    many: "Entra ID tried to create {} users who have accounts here already.",
    path: "/users/to-link",
    link: "Decide",
    days: 0,
};
const INACTIVE: Counted = Counted {
    kind: "note",
    one: "One user has been inactive for {days} days or more.",
    many: "{} users have been inactive for {days} days or more.",
    path: "/users/inactive",
    link: "Review them",
    days: INACTIVE_DAYS,
};
const SECRETS: Counted = Counted {
    kind: "warn",
    one: "The last secret of an OAuth client ends within {days} days, or has ended.",
    many: "The last secrets of {} OAuth clients end within {days} days, or have ended.",
    path: "/identity#credentials",
    link: "Renew it",
    days: expiry::TOLD_DAYS,
};
const RENAMED: Counted = Counted {
    kind: "bad",
    one: "Entra ID renamed an account that has a role in this console.",
    many: "Entra ID renamed {} accounts that have a role in this console.",
    path: "/activity?actor=entra",
    link: "See which",
    days: ALERT_DAYS,
};

impl Counted {
    fn times(&self, count: i64) -> Option<Attention> {
        self.up_to(Total::Exactly(count))
    }

    fn up_to(&self, total: Total) -> Option<Attention> {
        let text = match total {
            Total::Exactly(..=0) => return None,
            Total::Exactly(1) => self.one.to_owned(),
            total => self.many.replace("{}", &total.to_string()),
        };
        let text = text.replace("{days}", &self.days.to_string());
        Some(Attention { kind: self.kind, text, path: self.path.into(), link: self.link })
    }
}

fn attention(
    conn: &mut Conn,
    now: NaiveDateTime,
    health: &Health,
    (is_owner, may_change): (bool, bool),
) -> Result<Vec<Attention>> {
    let deleted = Filter { entra: Some(EntraState::Deleted), ..Filter::default() };
    let held = held::count(conn)?;
    let counted = [
        HELD.times(held.users + held.groups)
            .map(|held| Attention { link: if may_change { held.link } else { "See what" }, ..held }),
        RENAMED.times(audit::count_since(
            conn,
            Action::RoleHolderRenamed,
            now - TimeDelta::days(ALERT_DAYS),
        )?),
        DELETED.up_to(list::count(conn, &deleted)?),
        TO_LINK.times(by_hand::count_link_requests(conn)?),
        SECRETS.times(clients::ending(conn, expiry::horizon(now))?),
        INACTIVE.up_to(list::count(conn, &list::inactive_for(INACTIVE_DAYS, now))?),
    ];
    let mut all: Vec<Attention> = counted.into_iter().flatten().collect();
    all.extend(sso::warnings::list(conn, now)?.into_iter().map(Attention::from));
    all.extend(health::warnings(conn, now, health)?.into_iter().map(Attention::from));
    all.extend(single_sign_on::concerns(conn)?.into_iter().map(|(kind, text)| Attention {
        kind,
        text,
        path: "/identity/trust".into(),
        link: "Look at it",
    }));
    all.extend(task_lines::lines(conn, now)?.into_iter().map(Attention::from));
    if is_owner {
        all.extend(guessing(conn, now)?);
    }
    if !may_change {
        // Whoever changes nothing is led to what is to be seen.
        for attention in &mut all {
            attention.link = match attention.link {
                "Decide" | "Settle them" => "See them",
                "Review them" => "See who",
                "Renew it" | "Create another token" => "Look at it",
                other => other,
            };
        }
    }
    // The worst first.
    all.sort_by_key(|attention| ["bad", "warn"].iter().position(|kind| *kind == attention.kind).unwrap_or(2));
    Ok(all)
}

/// Whose passwords are guessed at.
fn guessing(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let guesses = throttle::guessed_at(conn, now - TimeDelta::days(GUESSING_DAYS))?;
    let told = |guesses: Guesses| {
        let name = users::find(conn, &guesses.user_id)?.name();
        let from = match guesses.addresses {
            ..=1 => "one address".to_owned(),
            many => format!("{many} addresses"),
        };
        let text = format!(
            "Somebody guesses at the password of {name}: {} wrong tries from {from} since {}, the last {}. Devices \
             that signed in before are not held up.",
            guesses.failures,
            when(guesses.first_at),
            ago(guesses.last_at, now)
        );
        Ok(Attention {
            kind: "warn",
            text,
            path: format!("/activity?subject={}", guesses.user_id).into(),
            link: "See the log",
        })
    };
    guesses.into_iter().map(told).collect()
}
