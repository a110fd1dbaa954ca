//! Signing in by password, signing out, and showing the password again.

use super::{ROUTES, attempt};
use crate::domain::admins::{self, sign_in};
use crate::domain::sso;
use crate::domain::sso::policy::{self, Requirement};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::web::device;
use crate::web::extract::{Address, CurrentUser, Fields, OrgHandle, Posted};
use crate::web::page::{self, Answer, Failure, Layout};
use crate::web::query::Query;
use crate::web::route::{is_file, standing_page};
use crate::web::session::{BrowserSession, KeptForm};
use crate::web::sso::{self as sso_door, WAY, remember_way};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "sign_in/show.html")]
struct SignInPage {
    layout: Layout,
    user_name: String,
    next: String,
    error: Option<String>,
    note: Option<&'static str>,
    ways: Ways,
}

/// How people may come in, and what to offer first.
struct Ways {
    /// Where a sign-in with Entra ID begins, if it is switched on.
    entra: Option<String>,
    /// Whether that is required of everybody but owners.
    required: bool,
    /// Whether the password comes first: it did the last time on this browser, and is good for everybody.
    password_first: bool,
}

impl Ways {
    async fn of(request: &HttpRequest, org: &OrgHandle, next: &str) -> Result<Self> {
        let now = org.inner().now();
        let (enabled, standing) = org
            .read(move |conn| {
                let settings = sso::settings::read(conn)?;
                // A login URL that waits for an owner is no way in yet.
                let offered = settings.enabled && settings.login_url.is_some();
                Ok((offered, policy::requirement_status(conn, now)?))
            })
            .await?;
        let required = standing.requirement != Requirement::Off;
        let last = WAY.value(request);
        Ok(Self {
            entra: enabled
                .then(|| page::address("/sso/start", &[("next", if next == "/" { "" } else { next })])),
            required,
            password_first: !required && last.as_deref() == Some("password"),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Way {
    next: Option<String>,
    ended: Option<String>,
    kept: Option<String>,
    left: Option<String>,
    chosen: Option<String>,
}

pub(super) async fn show(request: HttpRequest, layout: Layout, org: OrgHandle, way: Query<Way>) -> Answer {
    let next = page::own_path(way.next.as_deref());
    if layout.person.is_some() {
        return Ok(page::go(&next));
    }
    let ways = Ways::of(&request, &org, &next).await?;
    let note = match (&way.ended, &way.left) {
        _ if way.kept.is_some() => Some(
            "Your session has ended, and nothing was changed. What you entered is kept: sign in, and it stands in its form \
             again.",
        ),
        (Some(_), _) => Some("Your session has ended, and nothing was changed. Sign in and do it again."),
        (_, Some(_)) => Some("You are signed out."),
        _ if way.chosen.is_some() && ways.required => Some(
            "Your password is set. Your organisation requires single sign-on at present: only owners sign in with a \
             password, everybody else with Entra ID.",
        ),
        _ if way.chosen.is_some() => Some("Your password is set. Sign in with it."),
        _ if org.read(admins::is_unclaimed).await? => Some(
            "Nobody owns this instance yet. Open the set-up link that the program printed when it started.",
        ),
        _ => None,
    };
    let page = SignInPage { layout, user_name: String::new(), next, error: None, note, ways };
    page::show(&page.layout, &page)
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Credentials {
    user_name: String,
    password: Secret,
    next: String,
}

pub(super) async fn enter(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    form: Posted<Credentials>,
) -> Answer {
    let Posted(form) = form;
    match attempt::sign_in(&request, &org, &address, &form.user_name, &form.password).await {
        Ok((user, granted)) => {
            BrowserSession::of(&request).sign_in(&user.id, &granted.reserved, org.inner().now());
            let mut response = page::go(&page::own_path(Some(&form.next)));
            remember_way(&request, &mut response, "password")?;
            device::keep(&request, &mut response, granted.device)?;
            Ok(response)
        }
        Err(cause @ Error::Internal(_)) => Err(cause.into()),
        Err(refusal) => {
            let next = page::own_path(Some(&form.next));
            let ways = Ways::of(&request, &org, &next).await?;
            let page = SignInPage {
                layout,
                user_name: form.user_name,
                next,
                error: Some(refusal.to_string()),
                note: None,
                ways,
            };
            page::show_refused(&refusal, &page.layout, &page)
        }
    }
}

pub(super) async fn leave(
    request: HttpRequest,
    current: Option<CurrentUser>,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    if let Some(current) = current {
        match org.write(current.actor(), move |tx| sign_in::record_sign_out(tx, &current.0)).await {
            // Whoever was signed out meanwhile is where they want to be.
            Ok(()) | Err(Error::SignedOut) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    let beyond = sso_door::leave(&request, &org).await?;
    let mut response = page::go(beyond.as_deref().unwrap_or("/sign-in?left"));
    BrowserSession::of(&request).leave(&request, &mut response)?;
    Ok(response)
}

#[derive(Template)]
#[template(path = "sign_in/confirm.html")]
struct ConfirmPage<'a> {
    layout: &'a Layout,
    /// Where the form goes.
    action: &'a str,
    /// What it carries along.
    hidden: &'a [(&'a str, &'a str)],
    error: Option<String>,
    /// Where whoever changes their mind goes back to.
    next: &'a str,
    /// Where to prove oneself to Entra ID instead, for whoever came in that way.
    entra: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    next: Option<String>,
}

/// Asks for the password again, before a page that deserves it.
pub(super) async fn ask_again(request: HttpRequest, layout: Layout, way: Query<Next>) -> Answer {
    let next = page::own_path(way.next.as_deref());
    let hidden = [("next", next.as_str())];
    Prompt { layout: &layout, action: "/confirm", hidden: &hidden, next: &next }.page(&request, None)
}

pub(super) async fn prove(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    form: Posted<Credentials>,
) -> Answer {
    let Posted(form) = form;
    let next = page::own_path(Some(&form.next));
    let hidden = [("next", next.as_str())];
    let prompt = Prompt { layout: &layout, action: "/confirm", hidden: &hidden, next: &next };
    let asked = prompt.check(&request, &current, &org, &address, &form.password).await?;
    Ok(asked.unwrap_or_else(|| {
        let page = page_of(&next);
        if page != next {
            // A browser that is led to a file keeps it and goes on showing the question.
            BrowserSession::of(&request).flash("good", "It is you. Choose the download once more.");
        }
        page::go(&page)
    }))
}

/// Where to go after a proof: to what was asked for, or to the page that offers it where it is a file.
fn page_of(next: &str) -> String {
    if is_file(next) { standing_page(ROUTES, next) } else { next.to_owned() }
}

/// A question for the password: where the answer goes, and what it carries along.
pub(super) struct Prompt<'a> {
    pub(super) layout: &'a Layout,
    pub(super) action: &'a str,
    pub(super) hidden: &'a [(&'a str, &'a str)],
    /// The page to come back to from Entra ID.
    pub(super) next: &'a str,
}

impl Prompt<'_> {
    /// The page that asks, unless the password was shown lately or is right in this very form.
    pub(super) async fn unless_proved(
        &self,
        request: &HttpRequest,
        current: &CurrentUser,
        org: &OrgHandle,
        address: &Address,
        password: &Secret,
    ) -> Result<Option<HttpResponse>, Failure> {
        if BrowserSession::of(request).is_proved(org.inner().now()) {
            return Ok(None);
        }
        if password.expose().is_empty() {
            return self.page(request, None).map(Some);
        }
        self.check(request, current, org, address, password).await
    }

    async fn check(
        &self,
        request: &HttpRequest,
        current: &CurrentUser,
        org: &OrgHandle,
        address: &Address,
        password: &Secret,
    ) -> Result<Option<HttpResponse>, Failure> {
        match attempt::prove(request, current, org, address, password).await {
            Ok(()) => {
                BrowserSession::of(request).prove(org.inner().now());
                Ok(None)
            }
            Err(cause @ (Error::Internal(_) | Error::SignedOut)) => Err(cause.into()),
            Err(Error::Invalid(_)) => {
                let wrong = Error::invalid("password", "The password is wrong.");
                self.page(request, Some(&wrong)).map(Some)
            }
            Err(refusal) => self.page(request, Some(&refusal)).map(Some),
        }
    }

    fn page(&self, request: &HttpRequest, refusal: Option<&Error>) -> Answer {
        let error = refusal.map(Error::to_string);
        let came_by_sso = BrowserSession::of(request).foreign().is_some();
        let entra = came_by_sso
            .then(|| page::address("/sso/start", &[("again", "1"), ("next", &page_of(self.next))]));
        let page = ConfirmPage {
            layout: self.layout,
            action: self.action,
            hidden: self.hidden,
            error,
            next: self.next,
            entra,
        };
        match refusal {
            Some(refusal) => page::show_refused(refusal, self.layout, &page),
            None => page::show(self.layout, &page),
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in/carry_on.html")]
struct CarryOnPage {
    layout: Layout,
    kept: KeptForm,
    fields: Vec<(String, String)>,
}

/// The form that somebody had sent before they proved at Entra ID that it is they: one press sends it once more.
pub(super) async fn carry_on(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
) -> Answer {
    let session = BrowserSession::of(&request);
    let kept = session.kept_form().filter(|kept| kept.user == current.0.id && !kept.is_draft);
    let Some(mut kept) = kept else { return Ok(page::go("/")) };
    let Some(fields) = kept.fields.take() else { return Ok(page::go(&kept.page)) };
    if session.is_proved(org.inner().now()) {
        // It stands in the page from now on.
        session.forget_form();
    }
    let page = CarryOnPage { layout, kept, fields };
    page::show(&page.layout, &page)
}
