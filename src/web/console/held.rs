//! What the guard holds back, and when it does.

use super::tasks;
use crate::domain::Role;
use crate::domain::deprovisioning_guard::{self, Limits, Loss, Measure, Measures};
use crate::domain::held::{self, Count, Decided, HeldGroup, Named, Verdict};
use crate::domain::users::{self, Held, User};
use crate::error::Error;
use crate::keys::UserId;
use crate::web::extract::{Fields, keys, values};
use crate::web::forms::{Act, Entered, FormView, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout, when};
use crate::web::query::Query;
use askama::Template;
use serde::Deserialize;
use std::collections::BTreeMap;

const PATH: &str = "/held";
const PAGE: usize = 50;
/// Stands between a user's key and the number of what is held back of them.
const BETWEEN: char = ':';

/// Where in the list.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeldQuery {
    after: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "held/list.html")]
struct HeldPage {
    layout: Layout,
    users: Vec<HeldUserRow>,
    groups: Vec<HeldGroup>,
    count: Count,
    lately: Lately,
    previous: Option<String>,
    next: Option<String>,
    /// Whether the guard is on.
    is_on: bool,
    form: FormView,
    /// What is chosen of what is held back.
    choice: FormView,
    /// The number of the latest hold that was there when this was shown.
    shown: i64,
}

/// How many people the guard has counted.
struct Lately {
    accounts: deprovisioning_guard::Count,
    user_names: deprovisioning_guard::Count,
}

impl Lately {
    fn is_nothing(&self) -> bool {
        self.accounts.day + self.user_names.day == 0
    }
}

/// A user of whom something is held back.
struct HeldUserRow {
    id: UserId,
    name: String,
    user_name: String,
    what: String,
    since: String,
    /// The word for the role, where the account has one.
    role: Option<&'static str>,
    /// What this row shows, as a verdict names it.
    shown: String,
}

/// The limits as they stand in the form, by the names of its fields. What is left out stays as it is.
type LimitsForm = BTreeMap<String, String>;

impl From<User> for HeldUserRow {
    fn from(user: User) -> Self {
        let account = user.held.map(|held| match held {
            Held::Delete => "Deletion".to_owned(),
            Held::Deactivate => "Deactivation".to_owned(),
        });
        let name = user.held_name.as_ref().map(|name| format!("New user name {name}"));
        Self {
            name: user.name(),
            what: account.into_iter().chain(name).collect::<Vec<_>>().join(", "),
            since: user.held_at.map(when).unwrap_or_default(),
            role: (user.role > Role::None).then(|| user.role.word()),
            shown: format!("{}{BETWEEN}{}", user.id, user.hold().unwrap_or_default()),
            user_name: user.profile.user_name,
            id: user.id,
        }
    }
}

fn limits_form(limits: Limits) -> LimitsForm {
    let numbers = limits.numbers().map(|(field, _, value)| (field.to_owned(), value.to_string()));
    let enabled = if limits.enabled { "1" } else { "" };
    numbers.into_iter().chain([("enabled".to_owned(), enabled.to_owned())]).collect()
}

/// The limits that were entered, over those `in_force`.
fn input(form: &Entered<LimitsForm>, in_force: Limits) -> Limits {
    let number = |field: &'static str| {
        let known = in_force.numbers().into_iter().find(|(known, ..)| *known == field);
        let (name, before) = known.map_or((field, 0), |(_, name, before)| (name, before));
        match form.get(field) {
            Some(text) => form.number(field, text, before, &format!("Enter a whole number, as “{name}”.")),
            None => before,
        }
    };
    let measure = |people, share| Measure { people: number(people), share: number(share) };
    Limits {
        enabled: form.get("enabled").is_some_and(|ticked| !ticked.is_empty()),
        minutes: number("minutes"),
        accounts: Measures { hour: measure("people", "share"), day: measure("day_people", "day_share") },
        user_names: Measures {
            hour: measure("name_people", "name_share"),
            day: measure("name_day_people", "name_day_share"),
        },
    }
}

impl HeldPage {
    /// A measure in words, for whoever may not change it.
    fn measure(&self, people: &str, share: &str) -> String {
        let (people, share) = (self.form.value(people), self.form.value(share));
        format!("more than {people} people and {share} % of the active users")
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    fn told(&self, count: &deprovisioning_guard::Count) -> String {
        format!("{} in the shorter window, {} in a day", count.hour, count.day)
    }
}

pub(super) async fn show(page: PageContext, asked: Query<HeldQuery>) -> Answer {
    page_of(page, asked.into_inner()).await
}

async fn page_of(mut page: PageContext, asked: HeldQuery) -> Answer {
    let at = page::at(asked.after, asked.before);
    let now = page.org.inner().now();
    let (users, groups, count, limits, lately, shown) = page
        .org
        .read(move |conn| {
            let lately =
                [Loss::Account, Loss::UserName].map(|loss| deprovisioning_guard::counted(conn, loss, now));
            let [accounts, user_names] = lately;
            let lately = Lately { accounts: accounts?, user_names: user_names? };
            let (users, groups) = (held::users(conn, &at, PAGE)?, held::groups(conn)?);
            let shown = users::last_hold(conn)?;
            Ok((users, groups, held::count(conn)?, deprovisioning_guard::limits(conn)?, lately, shown))
        })
        .await?;
    let (previous, next) = page::ways(&users, PATH, &[]);
    let form = page.edit(&format!("{PATH}/limits"), &limits_form(limits))?;
    let choice = page.form(PATH, &LimitsForm::new())?;
    page.show("users", |layout| HeldPage {
        layout,
        choice,
        users: users.items.into_iter().map(HeldUserRow::from).collect(),
        groups,
        count,
        lately,
        previous,
        next,
        is_on: limits.enabled,
        form,
        shown,
    })
}

/// Releases what was chosen, or keeps it as it is; or all of it.
pub(super) async fn decide(act: Act<Fields>) -> Answer {
    let (verdict, all) = verdict(act.input()).unzip();
    if all == Some(true) {
        let shown = values(act.input(), "shown_until").into_iter().find_map(|number| number.parse().ok());
        let all = act.org().read(move |conn| held::everything(conn, shown)).await?;
        return act
            .submit(move |tx, _| held::begin_all(tx, verdict.ok_or_else(undecided)?, &all))
            .then(|task| tasks::progress(&task))
            .followed_by(|org, progress| tasks::lead(org, progress, PATH))
            .or_show(|page| page_of(page, HeldQuery::default()))
            .await;
    }
    act.submit(move |tx, form| {
        let verdict = verdict.ok_or_else(undecided)?;
        let decided = held::decide(tx, verdict, &named(form), &keys(form, "group")?)?;
        Ok(decided.map(|decided| said(verdict, decided)))
    })
    .then(|said| Redirect::to(PATH, said))
    .or_show(|page| page_of(page, HeldQuery::default()))
    .await
}

fn undecided() -> Error {
    Error::invalid("verdict", "Choose Release or Keep. Nothing was done.")
}

/// The verdict, and whether it is on everything; none where it is no word that the page has.
fn verdict(form: &Fields) -> Option<(Verdict, bool)> {
    match values(form, "verdict").as_slice() {
        [word] => match word.as_str() {
            "release" => Some((Verdict::Release, false)),
            "discard" => Some((Verdict::Keep, false)),
            "release-all" => Some((Verdict::Release, true)),
            "discard-all" => Some((Verdict::Keep, true)),
            _ => None,
        },
        _ => None,
    }
}

/// The users who were chosen, each with what the page showed of them.
fn named(form: &Fields) -> Vec<Named> {
    let all = values(form, "shown");
    let shown = |id: &str| {
        let mine = all.iter().filter_map(|one| one.split_once(BETWEEN)).find(|(user, _)| *user == id);
        mine.and_then(|(_, number)| number.parse().ok())
    };
    // What cannot be a key is nobody: they are passed over, as whoever was deleted meanwhile.
    let users = values(form, "user").into_iter().filter_map(|id| id.parse::<UserId>().ok());
    users.map(|id| Named { shown: shown(id.as_str()), id }).collect()
}

/// What came of a verdict on everything.
pub(super) fn said_of_all(verdict: Verdict, decided: Decided) -> String {
    match (verdict, decided) {
        (Verdict::Release, Decided { done: 0, left: 0, newer: 0 }) => "The count begins anew.".to_owned(),
        (_, decided) => said(verdict, decided),
    }
}

fn said(verdict: Verdict, decided: Decided) -> String {
    let Decided { done, left, newer } = decided;
    let mut told = Vec::new();
    match (verdict, done) {
        (_, 0) if left + newer == 0 => told.push("Nothing was chosen.".to_owned()),
        (_, 0) => {}
        (Verdict::Release, done) => told.push(format!("Released: what Entra ID asked for is done ({done}).")),
        (Verdict::Keep, done) => told.push(format!("Kept: nobody loses anything ({done}).")),
    }
    if left > 0 {
        told.push(format!("{left} were left: they have changed since, or only an owner may decide."));
    }
    if newer > 0 {
        told.push(format!("Held back since the page was shown: {newer}. Look at them, and decide anew."));
    }
    told.join(" ")
}

pub(super) async fn set_limits(act: Act<LimitsForm>) -> Answer {
    act.edit(
        |conn| Ok(limits_form(deprovisioning_guard::limits(conn)?)),
        |tx, form| {
            let limits = input(form, deprovisioning_guard::limits(tx.conn)?);
            deprovisioning_guard::set(tx, limits)
        },
    )
    .then(|()| Redirect::to(PATH, "The guard was set."))
    .or_show(|page| page_of(page, HeldQuery::default()))
    .await
}
