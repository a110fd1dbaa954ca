//! What the guard holds back, and when it does.

use super::tasks;
use crate::domain::Role;
use crate::domain::deprovisioning_guard::{self, Limits, Loss, Measure, Measures};
use crate::domain::held::{self, Count, Decided, HeldGroup, Named, Verdict};
use crate::domain::users::{self, Held, User};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, keys, values};
use crate::web::page::{self, Answer, Layout, Refused, when};
use crate::web::query::Query;
use actix_web::HttpRequest;
use askama::Template;
use serde::Deserialize;

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
    limits: LimitsForm,
    refusal: Refused,
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

/// The limits as they stand in the form.
#[derive(Clone, Default)]
pub(super) struct LimitsForm {
    enabled: bool,
    numbers: Vec<(&'static str, String)>,
}

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

impl From<Limits> for LimitsForm {
    fn from(limits: Limits) -> Self {
        let numbers = limits.numbers().map(|(field, _, value)| (field, value.to_string()));
        Self { enabled: limits.enabled, numbers: numbers.into() }
    }
}

impl LimitsForm {
    /// The limits in force with what was posted over them: what a form leaves out stays as it is.
    fn over(limits: Limits, posted: &Fields) -> Self {
        let mut form = Self { enabled: !values(posted, "enabled").is_empty(), ..limits.into() };
        for (field, text) in &mut form.numbers {
            if let Some(posted) = values(posted, field).pop() {
                *text = posted;
            }
        }
        form
    }

    fn value(&self, field: &str) -> &str {
        self.numbers.iter().find(|(name, _)| *name == field).map_or("", |(_, text)| text)
    }

    /// A measure in words, for whoever may not change it.
    fn measure(&self, people: &str, share: &str) -> String {
        format!("more than {} people and {} % of the active users", self.value(people), self.value(share))
    }

    fn number(&self, field: &'static str) -> Result<i64> {
        let name = Limits::default().numbers().into_iter().find(|(known, ..)| *known == field);
        let name = name.map_or(field, |(_, name, _)| name);
        let complaint = || Error::invalid(field, format!("Enter a whole number, as “{name}”."));
        self.value(field).trim().parse().map_err(|_| complaint())
    }

    fn limits(&self) -> Result<Limits> {
        let measure = |people, share| {
            Ok::<_, Error>(Measure { people: self.number(people)?, share: self.number(share)? })
        };
        Ok(Limits {
            enabled: self.enabled,
            minutes: self.number("minutes")?,
            accounts: Measures {
                hour: measure("people", "share")?,
                day: measure("day_people", "day_share")?,
            },
            user_names: Measures {
                hour: measure("name_people", "name_share")?,
                day: measure("name_day_people", "name_day_share")?,
            },
        })
    }
}

impl HeldPage {
    #[expect(clippy::unused_self, reason = "templates call methods")]
    fn told(&self, count: &deprovisioning_guard::Count) -> String {
        format!("{} in the shorter window, {} in a day", count.hour, count.day)
    }
}

pub(super) async fn show(layout: Layout, org: OrgHandle, asked: Query<HeldQuery>) -> Answer {
    render(layout, org, asked.into_inner(), None).await
}

async fn render(
    layout: Layout,
    org: OrgHandle,
    asked: HeldQuery,
    entered: Option<(LimitsForm, Error)>,
) -> Answer {
    let at = page::at(asked.after, asked.before);
    let now = org.inner().now();
    let (users, groups, count, limits, lately, shown) = org
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
    let (entered, refusal) = entered.unzip();
    let refusal = Refused(refusal);
    let page = HeldPage {
        layout: layout.of("users").refusing(&refusal),
        users: users.items.into_iter().map(HeldUserRow::from).collect(),
        groups,
        count,
        lately,
        previous,
        next,
        limits: entered.unwrap_or_else(|| limits.into()),
        refusal,
        shown,
    };
    page::show_form(&page.refusal, &page.layout, &page)
}

/// Releases what was chosen, or keeps it as it is; or all of it.
pub(super) async fn decide(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Fields>,
) -> Answer {
    let Posted(form) = form;
    let Some((verdict, all)) = verdict(&form) else {
        let refusal = Error::invalid("verdict", "Choose Release or Keep. Nothing was done.");
        let limits = org.read(deprovisioning_guard::limits).await?;
        return render(layout, org, HeldQuery::default(), Some((limits.into(), refusal))).await;
    };
    if all {
        let shown = values(&form, "shown_until").into_iter().find_map(|number| number.parse().ok());
        let all = org.read(move |conn| held::everything(conn, shown)).await?;
        let begun = org.write(current.actor(), move |tx| held::begin_all(tx, verdict, &all)).await;
        return tasks::answer(&request, &org, begun, PATH).await;
    }
    let (users, groups) = (named(&form), keys(&form, "group")?);
    let outcome = org.write(current.actor(), move |tx| held::decide(tx, verdict, &users, &groups)).await;
    page::redirect_with_outcome(&request, outcome, |decided| said(verdict, *decided), PATH)
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

pub(super) async fn set_limits(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Fields>,
) -> Answer {
    let Posted(posted) = form;
    let form = LimitsForm::over(org.read(deprovisioning_guard::limits).await?, &posted);
    let outcome = match form.limits() {
        Ok(limits) => org.write(current.actor(), move |tx| deprovisioning_guard::set(tx, limits)).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Err(refusal @ Error::Invalid(_)) => {
            render(layout, org, HeldQuery::default(), Some((form, refusal))).await
        }
        outcome => page::redirect_with_outcome(&request, outcome, |()| "The guard was set.".to_owned(), PATH),
    }
}
