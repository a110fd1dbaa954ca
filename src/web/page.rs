//! Pages, redirects and failures as responses to a browser.

use super::extract::{RequestIdentity, SentForm, app_state};
use super::form_marks::Marks;
use super::guard::RequestId;
use super::session::{BrowserSession, Flash};
use super::task_lines::TaskLine;
use super::{assets, csrf, session, status};
use crate::domain::page::{At, Page};
use crate::error::{Error, Outage, Result};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::cookie::Cookie;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentDisposition};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use askama::Template;
use chrono::NaiveDateTime;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::future::{Ready, ready};
use std::rc::Rc;

/// The result of a page handler.
pub(super) type Answer = Result<HttpResponse, Failure>;

/// What is around the content of every page: navigation, messages, who is signed in.
#[derive(Clone, Default)]
pub(super) struct Layout {
    pub(super) organisation: String,
    pub(super) section: &'static str,
    pub(super) person: Option<Person>,
    pub(super) csrf: String,
    pub(super) flashes: Vec<Flash>,
    pub(super) css: String,
    pub(super) js: String,
    pub(super) icon: String,
    /// Whether a form on the page was refused; the title says so.
    pub(super) is_refused: bool,
    /// What the forms of the page have to say.
    pub(super) messages: Rc<Messages>,
    /// What tells its forms from each other.
    pub(super) marks: Rc<Marks>,
    cookie: Option<Cookie<'static>>,
    /// The tasks that were begun on this page.
    pub(super) tasks: Vec<TaskLine>,
}

/// What the forms of a page have to say, each beside itself. A form is known by the address that it is sent to.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What came of a form.
    beside: Vec<Flash>,
    /// The form that was refused, and why.
    refused: Option<(String, String)>,
    /// The forms that the page shows.
    shown: RefCell<BTreeSet<String>>,
    /// What is said at the head of the page.
    head: RefCell<Vec<Flash>>,
}

impl Messages {
    /// The same for a page on which the form comes back that was sent to `action`.
    pub(super) fn refusing(&self, action: &str, text: String) -> Self {
        let refused = Some((action.to_owned(), text));
        Self { beside: self.beside.clone(), refused, ..Self::default() }
    }

    /// What came of the form that is sent to `action`.
    pub(super) fn beside(&self, action: &str) -> Vec<Flash> {
        self.beside.iter().filter(|flash| flash.place == action).cloned().collect()
    }

    /// Why the form that is sent to `action` was refused, if it was.
    pub(super) fn refusal(&self, action: &str) -> Option<&str> {
        self.refused.as_ref().filter(|(refused, _)| refused == action).map(|(_, text)| text.as_str())
    }

    /// Notes that the page shows the form that is sent to `action`, or the card of this name.
    pub(super) fn show(&self, action: &str) {
        self.shown.borrow_mut().insert(action.to_owned());
    }

    /// What is to be said of forms that the page does not show.
    fn unseen(&self) -> Vec<Flash> {
        let shown = self.shown.borrow();
        let beside = self.beside.iter().filter(|flash| !shown.contains(&flash.place)).cloned();
        let refused = self.refused.iter().filter(|(action, _)| !shown.contains(action));
        beside.chain(refused.map(|(_, text)| Flash::new("bad", text))).collect()
    }
}

/// Who is signed in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) user_name: String,
    pub(super) role: &'static str,
    /// Whether they may see the console: a user has their own profile only.
    pub(super) may_look: bool,
    /// Whether they may change things: an auditor sees no buttons that would be refused.
    pub(super) may_change: bool,
    pub(super) is_owner: bool,
}

impl Layout {
    /// The layout of a page in this section of the navigation.
    #[must_use]
    pub(super) fn of(mut self, section: &'static str) -> Self {
        self.section = section;
        self
    }

    /// Whether the person may change things.
    pub(super) fn may_change(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.may_change)
    }

    /// Whether the person may see the console.
    pub(super) fn may_look(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.may_look)
    }

    /// Whether the person is an owner.
    pub(super) fn is_owner(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.is_owner)
    }

    /// What is said at the head of the page because it stands nowhere else on it.
    pub(super) fn unplaced(&self) -> Vec<Flash> {
        self.messages.head.borrow().clone()
    }

    /// The cookie that belongs to the token of its forms, for whoever is not signed in.
    pub(super) fn cookie(&self) -> Option<Cookie<'static>> {
        self.cookie.clone()
    }

    pub(super) fn around(request: &HttpRequest) -> Result<Self> {
        use crate::domain::Role;
        let identity = request.extensions().get::<RequestIdentity>().cloned();
        let (csrf, cookie) = csrf::token(request)?;
        let user = identity.as_ref().and_then(|identity| identity.user.as_ref());
        let marks = Marks::of(app_state(request)?.org().keys(), user.map(|user| &user.id));
        let flashes = BrowserSession::of(request).take_flashes();
        let (beside, flashes) = flashes.into_iter().partition(|flash| !flash.place.is_empty());
        Ok(Self {
            person: user.map(|user| Person {
                name: user.name(),
                user_name: user.profile.user_name.clone(),
                role: user.role.word(),
                may_look: user.role >= Role::Auditor,
                may_change: user.role >= Role::Administrator,
                is_owner: user.role == Role::Owner,
            }),
            tasks: identity.as_ref().map(|identity| identity.tasks.clone()).unwrap_or_default(),
            organisation: identity.map(|identity| identity.organisation).unwrap_or_default(),
            csrf,
            flashes,
            css: assets::address("console.css"),
            js: assets::address("console.js"),
            icon: assets::address("icon.svg"),
            section: "",
            is_refused: false,
            messages: Rc::new(Messages { beside, ..Messages::default() }),
            marks: Rc::new(marks),
            cookie,
        })
    }
}

impl FromRequest for Layout {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::around(request).map_err(Failure))
    }
}

/// Shows a page.
pub(super) fn show(layout: &Layout, page: &impl Template) -> Answer {
    show_as(StatusCode::OK, layout, page)
}

/// Shows a page with another status, such as a form that was refused.
pub(super) fn show_as(status: StatusCode, layout: &Layout, page: &impl Template) -> Answer {
    respond(status, (&layout.messages, layout.cookie()), page)
}

/// Answers with a page, and with the cookie that belongs to its forms. Nothing is said that nobody sees: the messages of
/// a form that the page does not show stand at its head.
pub(super) fn respond(
    status: StatusCode,
    (messages, cookie): (&Messages, Option<Cookie<'static>>),
    page: &impl Template,
) -> Answer {
    let mut body = page.render().map_err(Error::internal)?;
    let unseen = messages.unseen();
    if !unseen.is_empty() {
        messages.head.borrow_mut().extend(unseen);
        body = page.render().map_err(Error::internal)?;
    }
    let mut response = HttpResponse::build(status);
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    Ok(response.content_type("text/html; charset=utf-8").body(body))
}

/// Shows a page with the status of a refusal, and in the header after how long to try again.
pub(super) fn show_refused(refusal: &Error, layout: &Layout, page: &impl Template) -> Answer {
    let mut response = show_as(status(refusal), layout, page)?;
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// Sends a file to download.
pub(super) fn download(name: &str, kind: &str, body: Vec<u8>) -> HttpResponse {
    attachment(name, kind).body(body)
}

/// Begins to send a file to keep.
pub(super) fn attachment(name: &str, kind: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(kind).insert_header(ContentDisposition::attachment(name));
    response
}

/// Redirects to another page, which the browser requests with GET.
pub(super) fn go(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, in_address(path))).finish()
}

/// A path or URL with every character escaped that it must not contain (RFC 3986 section 2.1). A key from the path of a
/// request has been unescaped.
fn in_address(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_graphic() {
            escaped.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

/// The path to go to next, if it is one of this server; home otherwise.
///
/// Browsers take `//host` and `/\host` as addresses of other servers.
pub(super) fn own_path(asked: Option<&str>) -> String {
    let own = |path: &&str| {
        let second = path.chars().nth(1);
        path.starts_with('/')
            && !matches!(second, Some('/' | '\\'))
            && path.chars().all(|char| char.is_ascii_graphic())
    };
    asked.filter(own).unwrap_or("/").to_owned()
}

/// A time as people write it, in UTC.
pub(super) fn when(at: NaiveDateTime) -> String {
    crate::domain::in_words(at)
}

/// How long ago a time was, roughly.
pub(super) fn ago(at: NaiveDateTime, now: NaiveDateTime) -> String {
    let minutes = (now - at).num_minutes();
    let counted = |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match minutes {
        ..1 => "just now".to_owned(),
        1..60 => counted(minutes, "minute"),
        60..2880 => counted(minutes / 60, "hour"),
        _ => counted(minutes / 1440, "day"),
    }
}

/// Which page of a list a query asks for.
pub(super) fn at(after: Option<String>, before: Option<String>) -> At {
    let said = |cursor: Option<String>| cursor.filter(|cursor| !cursor.is_empty());
    match (said(after), said(before)) {
        (Some(cursor), _) => At::After(cursor),
        (None, Some(cursor)) => At::Before(cursor),
        (None, None) => At::Start,
    }
}

/// The addresses of the pages before and after this one, with the same query.
pub(super) fn ways<T>(
    page: &Page<T>,
    path: &str,
    query: &[(&str, &str)],
) -> (Option<String>, Option<String>) {
    let way = |at: &Option<At>| {
        let (name, cursor) = match at.as_ref()? {
            At::After(cursor) => ("after", cursor),
            At::Before(cursor) => ("before", cursor),
            At::Start => return Some(path.to_owned()),
        };
        Some(address(path, &[query, &[(name, cursor)]].concat()))
    };
    (way(&page.previous), way(&page.next))
}

/// A path with a query, without the parameters that are empty.
pub(super) fn address(path: &str, query: &[(&str, &str)]) -> String {
    let said: Vec<_> = query.iter().filter(|(_, value)| !value.is_empty()).collect();
    match serde_urlencoded::to_string(said) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// The text of a failure, which [`render_failures`] puts into a page.
pub(super) type FailureText = Rc<str>;

/// Where the failure page leads, if not home.
#[derive(Clone)]
pub(super) struct FailureLink(pub(super) String);

/// The page on which the form stands that a request brought.
#[derive(Clone)]
pub(super) struct StandingPage(pub(super) String);

/// An error of the domain as a response to a browser.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        status(&self.0)
    }

    /// Without a body: [`render_failures`] adds the page, for which it needs the request.
    fn error_response(&self) -> HttpResponse {
        if let Error::Internal(cause) = &self.0 {
            tracing::error!(%cause, "request failed");
        }
        if matches!(self.0, Error::SignedOut) {
            return go("/sign-in?ended");
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.0.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        let mut response = response.finish();
        if let Some(outage) = self.0.outage() {
            response.extensions_mut().insert(outage);
        }
        response.extensions_mut().insert(FailureText::from(self.to_string()));
        response
    }
}

/// A form that was sent and of which nothing came, for a reason that will be over.
struct Again {
    action: String,
    fields: Vec<(String, String)>,
}

impl Again {
    fn of(request: &HttpRequest) -> Option<Self> {
        let sent = request.extensions().get::<SentForm>().cloned()?;
        let action = request.uri().path_and_query()?.as_str().to_owned();
        Some(Self { action, fields: sent.repeatable()? })
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    layout: Layout,
    title: &'static str,
    text: String,
    /// The form that was sent, to be sent once more as it was.
    again: Option<Again>,
    /// A page to offer beside home.
    onward: Option<String>,
    reference: String,
}

/// Gives the response of a failure its page.
pub(super) async fn render_failures<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let response = match session::lost() {
        // It is not known whether anybody is signed in, so nobody is shown the page of a signed-out browser.
        Some(cause) => request.into_response(Failure(cause).error_response()).map_into_right_body::<B>(),
        None => next.call(request).await?.map_into_left_body(),
    };
    let told = response.response().extensions().get::<FailureText>().cloned();
    let onward = response.response().extensions().get::<FailureLink>().map(|onward| onward.0.clone());
    let outage = response.response().extensions().get::<Outage>().copied();
    let status = response.status();
    let text = match told {
        Some(text) => text.to_string(),
        None => return Ok(response),
    };
    let (request, response) = response.into_parts();
    let layout = Layout::around(&request).unwrap_or_default();
    let title = outage.map_or_else(|| title(status), Outage::title);
    let again = outage.and_then(|_| Again::of(&request));
    let standing = || request.extensions().get::<StandingPage>().map(|page| page.0.clone());
    let onward = onward.or_else(|| outage.and_then(|_| standing()));
    let page = failure_page(&request, layout, title, text, (again, onward));
    let mut told = HttpResponse::build(status);
    for (name, value) in response.headers() {
        told.insert_header((name.clone(), value.clone()));
    }
    let told = told.content_type("text/html; charset=utf-8").body(page);
    Ok(ServiceResponse::new(request, told).map_into_right_body())
}

/// The page of a failure that came after the response was made. It replaces that response and shows its messages.
pub(super) fn failed_after(
    request: &HttpRequest,
    error: &Error,
    flashes: Vec<Flash>,
    onward: Option<String>,
) -> HttpResponse {
    let status = status(error);
    let layout = Layout { flashes, ..Layout::around(request).unwrap_or_default() };
    let title = error.outage().map_or_else(|| title(status), Outage::title);
    let page = failure_page(request, layout, title, error.to_string(), (None, onward));
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = error.retry_after() {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    response.content_type("text/html; charset=utf-8").body(page)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT => "Not possible now",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts",
        StatusCode::SERVICE_UNAVAILABLE => "Busy just now",
        status if status.is_client_error() => "That did not work",
        _ => "Something went wrong",
    }
}

fn failure_page(
    request: &HttpRequest,
    layout: Layout,
    title: &'static str,
    text: String,
    (again, onward): (Option<Again>, Option<String>),
) -> String {
    let reference = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let page = FailurePage { layout, title, text: text.clone(), again, onward, reference };
    page.render().unwrap_or(text)
}
