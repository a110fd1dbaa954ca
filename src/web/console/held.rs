//! What the guard against mass deprovisioning holds back, and when it does.

use crate::domain::guard::{self, Limits};
use crate::domain::held::{self, Count, HeldGroup, Verdict};
use crate::domain::users::{Held, User};
use crate::error::{Error, Result};
use crate::web::extract::{Desk, Fields, Posted, Signed, values};
use crate::web::page::{self, Answer, Frame, Refused, when};
use actix_web::HttpRequest;
use actix_web::web::Query;
use askama::Template;
use serde::Deserialize;

const PATH: &str = "/held";
const PAGE: usize = 50;

/// Where in the list.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "held/list.html")]
struct HeldPage {
    frame: Frame,
    users: Vec<Row>,
    groups: Vec<HeldGroup>,
    count: Count,
    previous: Option<String>,
    next: Option<String>,
    limits: Form,
    refusal: Refused,
}

/// A user of whom something is held back.
struct Row {
    id: String,
    name: String,
    user_name: String,
    what: &'static str,
    since: String,
}

/// The limits as they stand in the form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    enabled: String,
    people: String,
    share: String,
    minutes: String,
}

impl From<User> for Row {
    fn from(user: User) -> Self {
        Self {
            name: user.name(),
            what: match user.held {
                Some(Held::Delete) => "Deletion",
                _ => "Deactivation",
            },
            since: user.held_at.map(when).unwrap_or_default(),
            user_name: user.profile.user_name,
            id: user.id,
        }
    }
}

impl From<Limits> for Form {
    fn from(limits: Limits) -> Self {
        Self {
            enabled: if limits.enabled { "1".to_owned() } else { String::new() },
            people: limits.people.to_string(),
            share: limits.share.to_string(),
            minutes: limits.minutes.to_string(),
        }
    }
}

impl Form {
    fn limits(&self) -> Result<Limits> {
        let number = |field, text: &str| {
            text.trim().parse().map_err(|_| Error::invalid(field, "Enter a whole number."))
        };
        Ok(Limits {
            enabled: !self.enabled.is_empty(),
            people: number("people", &self.people)?,
            share: number("share", &self.share)?,
            minutes: number("minutes", &self.minutes)?,
        })
    }
}

pub(super) async fn show(frame: Frame, desk: Desk, asked: Query<Asked>) -> Answer {
    render(frame, desk, asked.into_inner(), None).await
}

async fn render(frame: Frame, desk: Desk, asked: Asked, entered: Option<(Form, Error)>) -> Answer {
    let at = page::at(asked.after, asked.before);
    let (users, groups, count, limits) = desk
        .read(move |conn| {
            Ok((held::users(conn, &at, PAGE)?, held::groups(conn)?, held::count(conn)?, guard::limits(conn)?))
        })
        .await?;
    let (previous, next) = page::ways(&users, PATH, &[]);
    let (entered, refusal) = entered.unzip();
    let page = HeldPage {
        frame: frame.of("users"),
        users: users.items.into_iter().map(Row::from).collect(),
        groups,
        count,
        previous,
        next,
        limits: entered.unwrap_or_else(|| limits.into()),
        refusal: Refused(refusal),
    };
    page::show_as(page.refusal.status(), &page.frame, &page)
}

/// Releases or discards what was chosen, or all of it.
pub(super) async fn decide(request: HttpRequest, signed: Signed, desk: Desk, form: Posted<Fields>) -> Answer {
    let Posted(form) = form;
    let chosen = |name: &str| values(&form, name);
    let verdict = match chosen("verdict").first().map(String::as_str) {
        Some("release" | "release-all") => Verdict::Release,
        _ => Verdict::Discard,
    };
    let all = chosen("verdict").first().is_some_and(|word| word.ends_with("-all"));
    let (users, groups) = (chosen("user"), chosen("group"));
    let outcome = desk.write(signed.actor(), move |tx| {
        if all { held::decide_all(tx, verdict) } else { held::decide(tx, verdict, &users, &groups) }
    });
    let said = |decided: &usize| match (verdict, decided) {
        (_, 0) => "Nothing was chosen.".to_owned(),
        (Verdict::Release, decided) => format!("Released: what Entra ID asked for is done ({decided})."),
        (Verdict::Discard, decided) => format!("Discarded: nobody loses anything ({decided})."),
    };
    page::settle(&request, outcome.await, said, PATH)
}

pub(super) async fn set_limits(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Form>,
) -> Answer {
    let Posted(form) = form;
    let outcome = match form.limits() {
        Ok(limits) => desk.write(signed.actor(), move |tx| guard::set(tx, limits)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Err(refusal @ Error::Invalid(_)) => {
            render(frame, desk, Asked::default(), Some((form, refusal))).await
        }
        outcome => page::settle(&request, outcome, |()| "The guard was set.".to_owned(), PATH),
    }
}
