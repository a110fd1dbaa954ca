//! How provisioning is doing, on the Identity Management page; and the requests by which Entra ID tests the connection,
//! run from here.

use super::identity::{self, Shown};
use crate::domain::counted::counted;
use crate::domain::health::{Health, Hour, Severity, Warning};
use crate::domain::identity::{own_test, switch, tokens};
use crate::error::{Error, Result};
use crate::fetch::{self, Answer as Answered, Failure, Limits};
use crate::scim::message::{LIST_RESPONSE, MEDIA_TYPE};
use crate::web::extract::app_state;
use crate::web::forms::Act;
use crate::web::page::{Answer, ago};
use crate::web::scim;
use chrono::NaiveDateTime;
use serde_json::Value;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use url::Url;
use uuid::Uuid;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), most: 1024 * 1024 };

/// The chart's size, in its own units.
const HEIGHT: i64 = 60;
const STEP: i64 = 10;

/// How provisioning is doing, as the page shows it.
pub(super) struct Glance {
    pub(super) last_contact: Option<String>,
    pub(super) requests: i64,
    pub(super) failures: i64,
    pub(super) bars: Vec<Bar>,
    pub(super) warnings: Vec<Notice>,
}

/// One hour of the chart; failures stand on top.
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) height: i64,
    pub(super) failed_y: i64,
    pub(super) failed: i64,
    pub(super) words: String,
}

/// What should worry an administrator, as the page shows it.
pub(super) struct Notice {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) path: Cow<'static, str>,
    pub(super) link: &'static str,
}

impl Glance {
    pub(super) fn of(health: &Health, warnings: Vec<Warning>, now: NaiveDateTime) -> Self {
        let most = health.hours.iter().map(|hour| hour.requests).max().unwrap_or_default().max(1);
        let notices = warnings.into_iter().map(|warning| Notice {
            kind: match warning.severity {
                Severity::Bad => "bad",
                Severity::Warn => "warn",
                Severity::Note => "note",
            },
            text: warning.text,
            path: warning.path,
            link: warning.link,
        });
        Self {
            last_contact: health.last_contact.map(|at| ago(at, now)),
            requests: health.requests(),
            failures: health.failures(),
            bars: (0..).zip(&health.hours).map(|(number, hour)| Bar::of(number, hour, most)).collect(),
            warnings: notices.collect(),
        }
    }
}

impl Bar {
    fn of(number: i64, hour: &Hour, most: i64) -> Self {
        // Whatever there was can be seen, however much there was at another time.
        let scaled = |count: i64| if count == 0 { 0 } else { (count * HEIGHT / most).max(2) };
        let (height, failed) = (scaled(hour.requests), scaled(hour.failures));
        Self {
            x: number * STEP,
            y: HEIGHT - height,
            height,
            failed_y: HEIGHT - height,
            failed: failed.min(height),
            words: format!(
                "{} UTC: {}, {} failed",
                hour.start.format("%H:00"),
                counted(hour.requests, "request", "requests"),
                hour.failures
            ),
        }
    }
}

/// One of the requests, and what became of it.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) request: String,
    pub(super) passed: bool,
    pub(super) told: String,
    pub(super) ms: u128,
    /// What is wrong and how to mend it.
    pub(super) trouble: Option<String>,
}

/// What Entra ID asks, and what it wants to hear.
struct Probe {
    title: &'static str,
    path: String,
    /// Whether nobody must be found.
    empty: bool,
}

/// Runs exactly Entra ID's own test requests against the public address, with the newest token, and with a mark by which
/// the log knows them for our own.
/// Source: use-scim-to-provision-users-and-groups, "Getting started" and "General".
pub(super) async fn test(act: Act) -> Answer {
    match steps(&act).await {
        Ok(steps) => identity::page_of(act.page()?, Shown { tested: Some(steps), ..Shown::default() }).await,
        Err(refusal) => act.answer(Err(refusal), identity::show).await,
    }
}

async fn steps(act: &Act) -> Result<Vec<Step>> {
    let (org, now) = (act.org(), act.org().inner().now());
    let keys = org.inner().keys().clone();
    let token = org.read(move |conn| tokens::newest(conn, &keys, now)).await?;
    org.write(act.current().actor(), switch::note_test).await?;
    let base = app_state(act.request())?.address(scim::BASE);
    let mark = own_test::mark(org.inner().keys(), &act.current().0.name(), now);
    let headers = [
        ("Authorization", format!("Bearer {}", token.expose())),
        ("Accept", MEDIA_TYPE.to_owned()),
        (own_test::HEADER, mark),
    ];
    let mut steps = Vec::new();
    for probe in probes() {
        steps.push(run(&base, &headers, probe).await?);
    }
    Ok(steps)
}

fn probes() -> [Probe; 3] {
    let nobody = Uuid::new_v4();
    [
        Probe {
            title: "Look for a user who cannot exist",
            path: format!("/Users?filter=userName+eq+%22{nobody}%22"),
            empty: true,
        },
        Probe {
            title: "Look for a group that cannot exist",
            path: format!("/Groups?excludedAttributes=members&filter=displayName+eq+%22{nobody}%22"),
            empty: true,
        },
        Probe { title: "Ask which attributes there are", path: "/Schemas".to_owned(), empty: false },
    ]
}

async fn run(base: &str, headers: &[(&str, String)], probe: Probe) -> Result<Step> {
    let url = Url::parse(&format!("{base}{}", probe.path)).map_err(Error::internal)?;
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let started = Instant::now();
    let answer = fetch::ask(&url, &headers, LIMITS).await;
    let ms = started.elapsed().as_millis();
    let trouble = match &answer {
        Ok(answer) => trouble_with(answer, probe.empty),
        Err(failure) => Some(unreached(failure)),
    };
    Ok(Step {
        title: probe.title,
        request: format!("GET {url}"),
        passed: trouble.is_none(),
        told: answer.map_or_else(|failure| failure.to_string(), |answer| describe(&answer)),
        ms,
        trouble,
    })
}

/// The essence of an answer.
fn describe(answer: &Answered) -> String {
    let total = serde_json::from_slice::<Value>(&answer.body).ok();
    let total = total.and_then(|body| body.get("totalResults")?.as_i64());
    let found = total.map(|total| format!(", totalResults {total}")).unwrap_or_default();
    format!("{} {}{found}", answer.status, answer.media_type)
}

/// What Entra ID would not accept.
fn trouble_with(answer: &Answered, empty: bool) -> Option<String> {
    let advice = match answer.status {
        200 => return trouble_with_body(answer, empty),
        301..=308 => format!(
            "The address leads elsewhere ({}). Set public_url to the address under which Rollcall is reached, with \
             https and the right host.",
            answer.location.as_deref().unwrap_or("it does not say where")
        ),
        401 => "The token did not arrive or was refused. Let the reverse proxy pass the Authorization header on; if \
                provisioning is paused, switch it on."
            .to_owned(),
        403 => "Something before Rollcall refuses the request. Let the proxy or firewall pass /scim/v2.".to_owned(),
        404 => "There is nothing at this address. Let the reverse proxy pass /scim/v2 on as it is.".to_owned(),
        429 => "There are too many requests at the moment. Try again in a minute.".to_owned(),
        503 => "User provisioning is paused, or Rollcall is overloaded. Switch it on and try again.".to_owned(),
        _ => "Entra ID wants 200 here. The activity log says what went wrong.".to_owned(),
    };
    Some(advice)
}

fn trouble_with_body(answer: &Answered, empty: bool) -> Option<String> {
    if !answer.media_type.to_ascii_lowercase().starts_with(MEDIA_TYPE) {
        return Some(format!(
            "The answer is “{}”, and Entra ID takes {MEDIA_TYPE} only: something before Rollcall answers, such as a \
             sign-in page or a proxy.",
            answer.media_type
        ));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body["schemas"][0] != LIST_RESPONSE {
        return Some("The answer is no list. Something before Rollcall changes answers.".to_owned());
    }
    let nobody = body["totalResults"] == 0 && body["Resources"].as_array().is_some_and(Vec::is_empty);
    (empty && !nobody).then(|| "Somebody was found who cannot exist: the filter did not arrive.".to_owned())
}

fn unreached(failure: &Failure) -> String {
    match failure {
        Failure::Address => {
            "Entra ID calls over https only. Set public_url to the https address of Rollcall.".to_owned()
        }
        _ => "The public address could not be reached from this server. Look at public_url, at its name in DNS, at the \
              certificate and at the reverse proxy. Entra ID comes from outside: the firewall must let it in."
            .to_owned(),
    }
}
