//! The interface of single sign-on: what browsers bring from Entra ID, and take there.
//!
//! The answer to a sign-in is posted from Microsoft's site, so the session's cookie does not come along with it. A
//! cookie of its own ties the answer to the browser that asked.

use super::body::discard;
use super::cookies::Name;
use super::extract::{Address, OrgHandle, app_state, whole};
use super::page::{self, Answer, Failure, Layout};
use super::query::Query;
use super::session::BrowserSession;
use super::{AppState, device, session};
use crate::domain::admins::devices;
use crate::domain::sso::examination::{Examined, Grounds, PreCheck};
use crate::domain::sso::keys::{self, Key};
use crate::domain::sso::requests::{Asker, Purpose};
use crate::domain::sso::sign_in::{self, BrowserUser, RequestOrigin, ReservedSession, SignInOutcome};
use crate::domain::sso::sign_out::Foreign;
use crate::domain::sso::{Here, help, messages, settings};
use crate::domain::{Actor, Noted, Role, Tx, sessions};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::pool::{QueueKey, Requester};
use crate::seal;
use actix_web::cookie::{SameSite, time::Duration};
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::Mutex;
use url::Url;

pub(super) mod examinations;
mod leaving;
mod rate_limits;
pub(super) mod switch;
pub(super) mod turned_away;

use turned_away::turn_away;

pub(super) use leaving::{leave, logout};
use rate_limits::LimitSubject;
pub(super) use rate_limits::RateLimits;

/// Where answers are posted: the one form that comes from another site.
pub(super) const CONSUMER: &str = "/sso/consumer";
/// Where browsers come with messages about signing out.
pub(super) const LOGOUT: &str = "/sso/logout";
pub(super) const BROWSER: Name = Name::new("rollcall_sso", "/sso");
/// Remembers how somebody last signed in, to offer that first.
pub(super) const WAY: Name = Name::new("rollcall_way", "/sign-in");
/// A response in Base64, escaped: twice as much as the longest that is looked into, so that more is told of it.
const LARGEST: usize = 1024 * 1024;

/// The longest path of ours to lead to after a sign-in: it is kept for whoever asks, and no page of ours has a longer one.
const LONGEST_PATH: usize = 512;

/// Where we are, as Entra ID knows it.
pub(super) fn here(state: &AppState) -> Here {
    Here::under(&state.0.public_url)
}

/// Our metadata, for Entra ID's administrator to upload.
pub(super) async fn metadata(request: HttpRequest, org: OrgHandle) -> Answer {
    let state = app_state(&request)?;
    let here = here(state);
    if request.method() != Method::HEAD {
        own_keys(state, &org).await?;
    }
    let xml = org.read(move |conn| keys::describe(conn, &here)).await?;
    Ok(page::download("rollcall-metadata.xml", "application/samlmetadata+xml", xml.into_bytes()))
}

/// Making a key of ours is a moment's work of a whole processor, and who asks may be anybody: one is made at a time, and
/// all who ask meanwhile wait for that one, holding nothing.
#[derive(Clone, Default)]
pub(super) struct KeyMaker(Arc<Mutex<()>>);

impl KeyMaker {
    /// Makes the first key, if there is none, on a thread of its own: so it is there before anybody asks.
    pub(super) fn begin(&self, state: &AppState) {
        let (maker, org, here) = (self.0.clone(), state.org().clone(), here(state));
        std::thread::spawn(move || {
            let _one_at_a_time = maker.blocking_lock_owned();
            if let Err(cause) = keys::own(&org, &here) {
                tracing::error!(cause = %cause.for_log(), "the first key of ours could not be made");
            }
        });
    }

    /// Does such work. Whoever hangs up leaves it to the others: the place is taken until it is done.
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let place = self.0.clone().lock_owned().await;
        let held = move || {
            let _one_at_a_time = place;
            work()
        };
        web::block(held).await.map_err(Error::internal)?
    }
}

/// Our keys; the first is made when somebody first asks.
pub(super) async fn own_keys(state: &AppState, org: &OrgHandle) -> Result<Vec<Key>> {
    let there = org.read(keys::list).await?;
    if !there.is_empty() {
        return Ok(there);
    }
    let (org, here) = (state.org().clone(), here(state));
    state.0.key_maker.run(move || keys::own(&org, &here)).await
}

/// A new key of ours.
pub(super) async fn new_key(state: &AppState) -> Result<keys::Prepared> {
    let (here, now) = (here(state), state.org().now());
    state.0.key_maker.run(move || keys::prepare(&here, now)).await
}

/// Where whoever has proved themselves goes on with the form that they had sent.
pub(super) const KEPT_FORM: &str = "/confirm/form";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Start {
    next: Option<String>,
    /// Whether the person must prove themselves anew.
    again: Option<String>,
    /// Whether they want to choose another account, whoever is signed in: Microsoft offers that where it asks anew.
    another: Option<String>,
}

/// Sends the browser to Entra ID, and from there back to the page that was asked for.
pub(super) async fn start(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    start: Query<Start>,
) -> Answer {
    let state = app_state(&request)?;
    let signed_in = BrowserSession::of(&request).user().filter(|_| layout.person.is_some());
    let subject =
        signed_in.clone().map_or_else(|| LimitSubject::at(&address.0), |id| LimitSubject::Known(id.into()));
    if let Err(refusal) = state.0.sso_limits.take(rate_limits::Purpose::Start, &subject) {
        return turn_away(state, layout, &org, &address.0, refusal).await;
    }
    // It is kept with the request, for whoever asks.
    let next = page::own_path(start.next.as_deref().filter(|path| path.len() <= LONGEST_PATH));
    let force = start.again.is_some() || start.another.is_some();
    if layout.person.is_some() && !force {
        return Ok(page::go(&next));
    }
    if !org.read(settings::read).await?.enabled {
        let text = "Signing in with Entra ID is switched off here. Sign in with your password, or ask your \
                    administrator.";
        return Err(Failure(Error::Conflict(text.to_owned())));
    }
    // Whoever is signed in and comes to prove it must be the one who answers.
    let prover = signed_in.filter(|_| start.another.is_none());
    let purpose = if prover.is_some() { Purpose::Proof } else { Purpose::SignIn };
    let asker = prover.map_or_else(|| From::Address(address.0.clone()), From::Person);
    let mut response = match send(&request, &org, purpose, &next, asker, force).await {
        Err(Failure(refusal)) => return turn_away(state, layout, &org, &address.0, refusal).await,
        sent => sent?,
    };
    remember_way(&request, &mut response, "entra")?;
    Ok(response)
}

/// Who is sent to Entra ID.
pub(super) enum From {
    /// Somebody who is signed in.
    Person(UserId),
    /// Anybody, by their address.
    Address(String),
}

impl From {
    fn asker(&self) -> Asker<'_> {
        match self {
            Self::Person(id) => Asker::Person(id),
            Self::Address(address) => Asker::Stranger(address),
        }
    }

    /// As whose job their request is built and signed.
    fn requester(&self) -> Requester {
        match self {
            Self::Person(id) => Requester::Known(QueueKey::of(id.as_str())),
            // Whoever floods us with responses does not keep their neighbours from asking for one.
            Self::Address(address) => examinations::requester(address, true),
        }
    }
}

/// Sends the browser to Entra ID with a request of ours.
pub(super) async fn send(
    request: &HttpRequest,
    org: &OrgHandle,
    purpose: Purpose,
    return_to: &str,
    from: From,
    force: bool,
) -> Answer {
    let state = app_state(request)?;
    let here = here(state);
    // One secret a browser, so that several windows can be under way at once.
    let secret = BROWSER.value(request).filter(|secret| secret.len() >= 32).unwrap_or_else(seal::secret);
    if org.read(settings::read).await?.sign_requests {
        own_keys(state, org).await?;
    }
    let with = org.inner().clone();
    let sign = move || messages::prepare_sign_in(&with, &here, force);
    let prepared = org.wait(state.0.examinations.run(from.requester(), sign)).await??;
    let (browser, return_to) = (secret.clone(), return_to.to_owned());
    let send = move |tx: &mut Tx| messages::send(tx, prepared, purpose, &browser, &return_to, from.asker());
    let target = org.write(Actor::Rollcall, send).await?;
    // The answer is posted from another site; browsers take `None` only over https.
    let same_site = if state.is_https() { SameSite::None } else { SameSite::Lax };
    let cookie = BROWSER.build(state, secret, same_site).finish();
    let mut response = page::go(&target);
    response.add_cookie(&cookie).map_err(Error::internal)?;
    Ok(response)
}

#[derive(Template)]
#[template(path = "sso/refused.html")]
struct RefusedPage {
    layout: Layout,
    sentence: &'static str,
    /// Where it is noted; nowhere while single sign-on is off.
    reference: Option<String>,
    /// Whether to offer a choice of accounts.
    another: bool,
}

impl RefusedPage {
    fn show(self) -> Answer {
        page::show_as(StatusCode::FORBIDDEN, &self.layout, &self)
    }
}

/// Who is signed in in this browser, as far as a form from another site lets it be known: where one is, its cookie may
/// have been kept back.
fn present(request: &HttpRequest, layout: &Layout) -> BrowserUser {
    let cookie_came = session::COOKIE.value(request).is_some_and(|value| !value.is_empty());
    match BrowserSession::of(request).user().filter(|_| layout.person.is_some()) {
        Some(id) => BrowserUser::Account(id),
        None if cookie_came || !may_be_from_another_site(request) => BrowserUser::Nobody,
        None => BrowserUser::Unknown,
    }
}

/// Whether another site may have sent the browser here: unless it says that the form is ours (Fetch Metadata, section 2.3),
/// or, where it does not know that word, that our own origin sent it (RFC 6454 section 7). Every browser names one of the
/// two with a form; who names neither is a program, which keeps no cookie back.
fn may_be_from_another_site(request: &HttpRequest) -> bool {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    match (text(HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => site != "same-origin",
        (None, Some(origin)) => app_state(request)
            .map_or(true, |state| origin != state.0.public_url.origin().ascii_serialization()),
        (None, None) => false,
    }
}

/// Takes an answer from Entra ID, asked for or not.
pub(super) async fn consume(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    payload: web::Payload,
) -> Answer {
    let state = app_state(&request)?;
    let (ring, now, browser) = (org.inner().keys().clone(), org.inner().now(), BROWSER.value(&request));
    let secret = browser.clone();
    let standing = org.read(move |conn| PreCheck::read(conn, &ring, secret.as_deref(), now)).await?;
    // Nobody comes in then: nothing is looked into, and nothing is kept of it.
    let is_plain = !state.is_https();
    let closed = |layout| {
        let sentence =
            if is_plain { help::SWITCHED_OFF_OVER_HTTP } else { help::for_the_person("switched_off") };
        RefusedPage { layout, sentence, reference: None, another: false }.show()
    };
    if !standing.is_open {
        discard(&request, payload.into_inner(), LARGEST).await?;
        return closed(layout);
    }
    let who = match limit_subject(&state.0.sso_limits, standing, browser.as_deref(), &address.0) {
        Ok(who) => who,
        Err(refusal) => return turn_away(state, layout, &org, &address.0, refusal).await,
    };
    let (field, relay_state) = match read_form(&request, payload.into_inner()).await {
        Ok(read) => read,
        Err(Failure(refusal)) => return turn_away(state, layout, &org, &address.0, refusal).await,
    };
    let here = here(state);
    let origin = RequestOrigin {
        browser,
        address: address.0,
        return_to: relay_state.and_then(|relay_state| own_page(state, &relay_state)),
        present: present(&request, &layout),
    };
    let (ring, browser) = (org.inner().keys().clone(), origin.browser.clone());
    let grounds = org.read(move |conn| Grounds::read(conn, &ring, &here, browser.as_deref(), now)).await?;
    // It may have been switched off while the response was on its way.
    if !grounds.is_open() {
        return closed(layout);
    }
    let requester = examinations::requester(&origin.address, grounds.is_expected());
    let examined =
        match org.wait(state.0.examinations.run(requester, move || grounds.examine(&field, now))).await {
            Err(refusal @ (Error::Busy(_) | Error::TooMany(_))) => {
                return turn_away(state, layout, &org, &origin.address, refusal).await;
            }
            examined => examined,
        };
    if !examined.as_ref().is_ok_and(Examined::is_proven) {
        state.0.sso_limits.charge(who.0, &who.1);
    }
    let (present, by) = (origin.present.clone(), origin.clone());
    let outcome = match examined {
        Ok(examined) => org.write(Actor::Rollcall, move |tx| sign_in::conclude(tx, examined, &by)).await,
        Err(undone) => Err(undone),
    };
    let outcome = match outcome {
        Err(Error::Internal(cause)) => {
            tracing::error!(%cause, "a sign-in failed");
            org.write(Actor::Rollcall, move |tx| sign_in::failed(tx, &origin)).await?
        }
        other => other?,
    };
    match outcome {
        SignInOutcome::SignedIn(session) => enter(&request, &org, *session).await,
        SignInOutcome::Pending { secret, new_session } => {
            switch::hold(&request, layout, secret, &new_session, &present)
        }
        SignInOutcome::Tested { reference } => Ok(page::go(&format!("/identity/sso/tests/{reference}"))),
        // Going back to an answer that was used misses nothing.
        SignInOutcome::Refused { is_repeat: true, .. } if layout.person.is_some() => Ok(page::go("/")),
        // Of what did not come of an answer whoever is signed in is told: they may have been asked to prove who they are.
        SignInOutcome::Refused { is_over: true, sentence, reference, .. } if layout.person.is_some() => {
            Ok(switch::redirect_with_refusal(&request, sentence, &reference))
        }
        SignInOutcome::Refused { is_over: true, reference, .. } if present == BrowserUser::Unknown => {
            Ok(page::go(&switch::refused_at(&reference)))
        }
        SignInOutcome::Refused { sentence, reference, is_about_the_account: another, .. } => {
            RefusedPage { layout, sentence, reference: Some(reference), another }.show()
        }
    }
}

/// Whose budget a response is charged to, should it prove nothing: the browser's own if it asked for one, or that of the
/// network that it comes from.
fn limit_subject(
    limits: &RateLimits,
    standing: PreCheck,
    browser: Option<&str>,
    address: &str,
) -> Result<(rate_limits::Purpose, LimitSubject)> {
    if let Some(browser) = browser.filter(|_| standing.has_asked) {
        let browser = LimitSubject::Known(browser.to_owned());
        if limits.check(rate_limits::Purpose::Browser, &browser).is_ok() {
            return Ok((rate_limits::Purpose::Browser, browser));
        }
    }
    let network = LimitSubject::at(address);
    limits.check(rate_limits::Purpose::Response, &network)?;
    Ok((rate_limits::Purpose::Response, network))
}

async fn enter(request: &HttpRequest, org: &OrgHandle, session: ReservedSession) -> Answer {
    let ReservedSession { new_session, reserved } = session;
    let foreign = Foreign {
        name_id: new_session.name_id,
        session_index: new_session.session_index,
        came_by: new_session.came_by,
        until: new_session.until,
    };
    let (session, now) = (BrowserSession::of(request), org.inner().now());
    let kept = session.kept_form().filter(|kept| kept.user == new_session.user.id);
    session.sign_in_from(&new_session.user.id, &reserved, &foreign, new_session.proved_at, now);
    // A sign-in that proves nothing leaves the question as it was.
    if let Some(kept) = kept.filter(|_| session.is_proved(now)) {
        session.resume(&kept, KEPT_FORM);
    }
    let return_to = page::own_path(Some(&new_session.return_to));
    // Whoever has no role has one page.
    let allowed = new_session.user.role > Role::None || return_to.starts_with("/account");
    let mut response = page::go(if allowed { &return_to } else { "/account" });
    let user = new_session.user;
    if user.has_password {
        // Should Entra ID fail, their password is not held up here by whoever guesses at it.
        let before = device::secret(request);
        let remember = move |tx: &mut Tx| {
            // Where the session was ended before it began, so were the devices.
            let stands = sessions::is_reserved(tx.conn, &reserved)?;
            if !stands {
                return Ok::<_, Error>(Noted::unaudited(None, "the session was ended before it began"));
            }
            Ok(devices::remember(tx, &user, before.as_deref())?.map(Some))
        };
        if let Some(secret) = org.write(Actor::Rollcall, remember).await? {
            device::keep(request, &mut response, secret)?;
        }
    }
    Ok(response)
}

/// The two fields of the form (SAML bindings section 3.5.4), each at most once.
async fn read_form(request: &HttpRequest, payload: Payload) -> Result<(String, Option<String>), Failure> {
    let body = whole(request, payload, LARGEST).await?;
    let unreadable = || Failure(Error::invalid("form", "There is no answer from Entra ID in this form."));
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).map_err(|_| unreadable())?;
    let only = |name: &str| {
        let mut found = fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.clone());
        let first = found.next();
        if found.next().is_some() { None } else { first }
    };
    Ok((only("SAMLResponse").ok_or_else(unreadable)?, only("RelayState")))
}

/// A page of ours that Entra ID's relay state names, as a path or with our own address before it.
fn own_page(state: &AppState, relay_state: &str) -> Option<String> {
    let public = &state.0.public_url;
    let path = match Url::parse(relay_state) {
        Ok(url) if url.origin() == public.origin() => {
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
        }
        Ok(_) => return None,
        Err(_) => relay_state.to_owned(),
    };
    Some(page::own_path(Some(&path))).filter(|own| *own == path)
}

/// Remembers how somebody signs in, on this browser, for a year.
pub(super) fn remember_way(
    request: &HttpRequest,
    response: &mut HttpResponse,
    way: &'static str,
) -> Result<()> {
    let cookie =
        WAY.build(app_state(request)?, way.to_owned(), SameSite::Lax).max_age(Duration::days(365)).finish();
    response.add_cookie(&cookie).map_err(Error::internal)
}
