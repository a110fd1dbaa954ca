//! What is said of a request in the provisioning log: whom it was about, what it asked for, what came of it.

use super::{BASE, Refusal};
use crate::domain::audit::Change;
use crate::domain::provisioning::{self, About, Operation, Outcome, Report};
use crate::domain::users::by_hand;
use crate::domain::{Noted, Tx};
use crate::error::Error;
use crate::keys::UserId;
use crate::scim::bulk::{self, BulkOperation};
use crate::scim::outline::Outline;
use crate::scim::schema::USERS;
use crate::scim::{names_a_secret, parse_filter};
use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest};
use url::form_urlencoded;

/// Where a search is sent by POST.
const SEARCH: &str = "/.search";
/// So many characters of an address are told.
const LONGEST_ADDRESS: usize = 300;

/// What is to be said of a request in the log.
#[derive(Default)]
pub(super) struct LogDetails {
    pub(super) user_id: Option<UserId>,
    pub(super) subject: Option<String>,
    pub(super) changes: Vec<Change>,
    pub(super) warnings: Vec<String>,
    /// How an administrator mends what was not done.
    pub(super) remedy: Option<String>,
    /// Whether the guard holds part of it back.
    pub(super) held: bool,
    pub(super) status: u16,
}

/// What a request asked for, and about whom.
#[derive(Clone, Default)]
pub(super) struct RequestSummary {
    about: About,
    /// What it calls whom it is about, where that is told by an id.
    called: Option<String>,
    lines: Vec<String>,
}

impl RequestSummary {
    /// By the address, and the body as far as it was read.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let outline = request.extensions_mut().remove::<Outline>().unwrap_or_default();
        let path = request.path().strip_prefix(BASE).unwrap_or_default();
        let mut line = format!("{} {}", request.method(), if path.is_empty() { "/" } else { path });
        for (number, (name, value)) in form_urlencoded::parse(request.query_string().as_bytes()).enumerate() {
            // A filter may name an attribute that is a secret, and what it is to be.
            let is_secret = names_a_secret(&name) || names_a_secret(&value);
            line.push(if number == 0 { '?' } else { '&' });
            line.push_str(&name);
            line.push('=');
            line.push_str(if is_secret { "…" } else { &value });
            if line.len() > 4 * LONGEST_ADDRESS {
                break;
            }
        }
        let id = request.match_info().get("id").map(str::to_owned);
        let is_post = request.method() == Method::POST;
        let about = match (path.split('/').nth(1).unwrap_or_default(), id) {
            ("Users", Some(id)) => About::User(id),
            ("Groups", Some(id)) => About::Group(id),
            ("Users", None) if is_post && !path.ends_with(SEARCH) => new_user(&outline),
            ("Groups", None) if is_post && !path.ends_with(SEARCH) => new_group(&outline),
            _ => search(request, path, &outline),
        };
        let called = first([&outline.user_name, &outline.display_name]);
        Self { about, called, lines: [vec![cut(&line)], outline.lines].concat() }
    }

    /// By one operation of a bulk request: as it was meant, else as it was sent.
    pub(super) fn of_operation(operation: &bulk::Operation, meant: Option<&BulkOperation>) -> Self {
        let outline = meant.map(|wish| &wish.data).filter(|data| !data.is_null()).map(Outline::of);
        let outline = outline.unwrap_or_default();
        // One that cannot be understood may still say by its path whom it is about.
        let place = meant.map(|wish| (wish.kind, wish.id.clone())).or_else(|| operation.about.clone());
        let Some((kind, id)) = place else {
            let line = cut(&format!("{} in a bulk request", operation.method));
            return Self { about: About::Nothing, called: None, lines: vec![line] };
        };
        let path = id.as_ref().map(|id| format!("/{id}")).unwrap_or_default();
        let line = cut(&format!("{} {}{path} in a bulk request", operation.method, kind.endpoint));
        let is_user = std::ptr::eq(kind, &raw const USERS);
        let about = match (id, is_user) {
            (Some(id), true) => About::User(id),
            (Some(id), false) => About::Group(id),
            (None, true) => new_user(&outline),
            (None, false) => new_group(&outline),
        };
        let called = first([&outline.user_name, &outline.display_name]);
        Self { about, called, lines: [vec![line], outline.lines].concat() }
    }
}

fn new_user(outline: &Outline) -> About {
    let called = called([&outline.display_name, &outline.external_id, &outline.mail]);
    match first([&outline.user_name]) {
        Some(name) => About::NewUser { name, called },
        None => called.into_iter().next().map(About::NamelessUser).unwrap_or_default(),
    }
}

fn new_group(outline: &Outline) -> About {
    let called = called([&outline.external_id]);
    match first([&outline.display_name]) {
        Some(name) => About::NewGroup { name, called },
        None => called.into_iter().next().map(About::NamelessGroup).unwrap_or_default(),
    }
}

/// A look-up, by what it asks about: one that is wrong is no better for another that goes well.
fn search(request: &HttpRequest, path: &str, outline: &Outline) -> About {
    let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let filter =
        pairs.find(|(name, _)| name.eq_ignore_ascii_case("filter")).map(|(_, value)| value.into_owned());
    let Some(filter) = filter.or_else(|| outline.filter.clone().filter(|_| path.ends_with(SEARCH))) else {
        return About::Nothing;
    };
    let asked = match parse_filter(&filter) {
        Ok(filter) => {
            let mut all = filter.asks_about();
            all.iter_mut().for_each(|path| path.make_ascii_lowercase());
            all.sort_unstable();
            all.dedup();
            all.join(", ")
        }
        // What cannot be read may be a value: no more than its first word is told.
        Err(_) => {
            let end = filter.find(|char: char| !(char.is_ascii_alphanumeric() || ":._-$".contains(char)));
            format!("{} (cannot be read)", &filter[..end.unwrap_or(filter.len())])
        }
    };
    About::Search { address: cut(&format!("{} {path}", request.method())), asked: cut(&asked) }
}

fn called<const COUNT: usize>(names: [&Option<String>; COUNT]) -> Vec<String> {
    names.into_iter().flatten().filter(|name| !name.trim().is_empty()).cloned().collect()
}

/// The first of the names that says something.
fn first<const COUNT: usize>(names: [&Option<String>; COUNT]) -> Option<String> {
    names.into_iter().flatten().find(|name| !name.trim().is_empty()).cloned()
}

/// One line of a text that a client wrote.
fn cut(text: &str) -> String {
    let clean = |char: char| if char.is_control() { '\u{fffd}' } else { char };
    text.chars().take(LONGEST_ADDRESS).map(clean).collect()
}

/// Puts what came of a request into the words of the log.
pub(super) struct Reporter {
    pub(super) token_id: String,
    pub(super) request_id: Option<String>,
    /// The administrator whose test it is, where Rollcall itself asks.
    pub(super) own_test_of: Option<String>,
    pub(super) asked: RequestSummary,
}

impl Reporter {
    /// The same of one operation of a bulk request.
    pub(super) fn for_operation(&self, asked: RequestSummary) -> Self {
        let (token_id, request_id) = (self.token_id.clone(), self.request_id.clone());
        Self { token_id, request_id, own_test_of: self.own_test_of.clone(), asked }
    }

    pub(super) fn note(
        &self,
        tx: &mut Tx,
        operation: Operation,
        subject: Option<String>,
        outcome: Result<LogDetails, &Refusal>,
    ) -> Result<Noted<()>, Error> {
        let in_the_way = outcome.as_ref().err().and_then(|refusal| refusal.in_the_way.as_ref());
        let met = in_the_way.map(|met| met.user_id.clone());
        if let Some(met) = in_the_way {
            by_hand::ask_to_link(tx, &met.user_id, met.external_id.as_deref())?;
        }
        let report = self.report(operation, outcome);
        let report =
            Report { user_id: report.user_id.or(met), subject: report.subject.or(subject), ..report };
        provisioning::note(tx, report)
    }

    pub(super) fn report(&self, operation: Operation, outcome: Result<LogDetails, &Refusal>) -> Report {
        let blank = Report {
            about: self.asked.about.clone(),
            called: self.asked.called.clone(),
            actor: self.own_test_of.clone(),
            // A test of our own is no use of the token.
            token_id: self.own_test_of.is_none().then(|| self.token_id.clone()),
            request: Some(self.asked.lines.join("\n")),
            request_id: self.request_id.clone(),
            ..Report::new(operation, Outcome::Done, 200)
        };
        match outcome {
            Ok(told) => Report {
                outcome: match (told.held, told.warnings.is_empty()) {
                    (true, _) => Outcome::Held,
                    (false, false) => Outcome::Warning,
                    (false, true) => Outcome::Done,
                },
                status: told.status,
                user_id: told.user_id,
                subject: told.subject,
                changes: told.changes,
                error: (!told.warnings.is_empty()).then(|| told.warnings.join(" ")),
                remedy: told.remedy,
                ..blank
            },
            Err(refusal) => Report {
                outcome: Outcome::Failed,
                status: refusal.fault.status,
                error: Some(refusal.fault.detail.clone()),
                remedy: refusal.remedy.clone(),
                ..blank
            },
        }
    }

    /// A request that was refused for who asked, or because provisioning is not on: by whom, if they are known.
    pub(super) fn turned_away(self, refusal: &Refusal, token_id: Option<String>) -> Report {
        let is_own = self.own_test_of.is_some();
        let operation = if is_own { Operation::Probe } else { Operation::Other };
        Report {
            about: About::Credential(token_id.clone().unwrap_or_default()),
            actor: self.own_test_of,
            token_id: token_id.filter(|_| !is_own),
            // Whoever has no credential may write what they like: the address is all that is kept of it.
            request: self.asked.lines.into_iter().next(),
            error: Some(refusal.fault.detail.clone()),
            remedy: refusal.remedy.clone(),
            request_id: self.request_id,
            ..Report::new(operation, Outcome::Refused, refusal.fault.status)
        }
    }
}
