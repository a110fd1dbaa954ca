//! Asking before a sign-in that began elsewhere replaces another person's session, and leading on whoever is signed in
//! by the time that an old answer comes again.
//!
//! A form that comes from another site brings no session of ours along (`SameSite=Lax`). So where it matters who is
//! signed in, the browser is sent on to a page of ours, to which it does.

use super::{BrowserUser, RefusedPage, enter, turned_away};
use crate::domain::Actor;
use crate::domain::sso::sign_in::{self, NewSession};
use crate::domain::sso::ways_out::Way;
use crate::domain::sso::{events, help, pending};
use crate::error::Result;
use crate::web::cookies::Name;
use crate::web::extract::{Address, Fields, OrgHandle, Posted, app_state};
use crate::web::page::{self, Answer, Layout};
use crate::web::session::BrowserSession;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

/// Holds the secret of a sign-in that waits for the person's word.
const PENDING: Name = Name::new("rollcall_sso_pending", "/sso");
const PATH: &str = "/sso/switch";
const MINUTES: i64 = 5;

#[derive(Template)]
#[template(path = "sso/switch.html")]
struct SwitchPage {
    layout: Layout,
    here: String,
    other: String,
}

impl SwitchPage {
    fn of(layout: Layout, new_session: &NewSession) -> Self {
        let here = layout.person.as_ref().map(|person| person.name.clone()).unwrap_or_default();
        Self { layout, here, other: new_session.user.name() }
    }
}

/// Keeps the secret in the browser, and asks: at once where it is known who is signed in, else on the next page.
pub(super) fn hold(
    request: &HttpRequest,
    layout: Layout,
    secret: String,
    new_session: &NewSession,
    present: &BrowserUser,
) -> Answer {
    let mut response = match present {
        BrowserUser::Account(_) => {
            let page = SwitchPage::of(layout, new_session);
            page::show(&page.layout, &page)?
        }
        _ => page::go(PATH),
    };
    let cookie = cookie(request, secret)?;
    response.add_cookie(&cookie).map_err(crate::error::Error::internal)?;
    Ok(response)
}

fn cookie(request: &HttpRequest, secret: String) -> Result<Cookie<'static>> {
    let cookie = PENDING.build(app_state(request)?, secret, SameSite::Lax);
    Ok(cookie.max_age(Duration::minutes(MINUTES)).finish())
}

/// Asks whether the sign-in is to replace who is signed in. Whoever is not signed in, or is the same person, comes in.
pub(in crate::web) async fn ask(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
) -> Answer {
    let Some(secret) = PENDING.value(&request) else {
        return Ok(page::go("/"));
    };
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().finish());
    }
    let (ring, now, looked_for) = (org.inner().keys().clone(), org.inner().now(), secret.clone());
    let found = org.read(move |conn| pending::find(conn, &ring, &looked_for, now)).await?;
    let Some(new_session) = found else {
        let (ring, now) = (org.inner().keys().clone(), org.inner().now());
        let waited = org.read(move |conn| pending::is_over(conn, &ring, &secret, now)).await?;
        return if waited { over(&request, &org, &address).await } else { Ok(page::go("/")) };
    };
    let present = BrowserSession::of(&request).user().filter(|_| layout.person.is_some());
    if present.is_some_and(|id| id != new_session.user.id) {
        let page = SwitchPage::of(layout, &new_session);
        return page::show(&page.layout, &page);
    }
    take(&request, &org, secret, address).await
}

/// The person wants it: signs in as whom the response was about.
pub(in crate::web) async fn agree(
    request: HttpRequest,
    org: OrgHandle,
    address: Address,
    _form: Posted<Fields>,
) -> Answer {
    match PENDING.value(&request) {
        Some(secret) => take(&request, &org, secret, address).await,
        // The browser forgets the secret when its time is over.
        None => over(&request, &org, &address).await,
    }
}

/// The sign-in waited too long for the person's word. They go on as whoever they are, and read why.
async fn over(request: &HttpRequest, org: &OrgHandle, address: &Address) -> Answer {
    let way = Way::WaitedTooLong;
    let reference = turned_away::noted(org, way, &address.0).await?;
    Ok(redirect_with_refusal(request, help::for_the_person(way.code()), &reference))
}

/// Whoever is signed in goes home, and reads what did not come of a sign-in.
pub(super) fn redirect_with_refusal(request: &HttpRequest, sentence: &str, reference: &str) -> HttpResponse {
    BrowserSession::of(request).flash("bad", format!("{sentence} Reference: {reference}"));
    page::go("/")
}

async fn take(request: &HttpRequest, org: &OrgHandle, secret: String, address: Address) -> Answer {
    let from = address.0.clone();
    let taken = org.write(Actor::Rollcall, move |tx| sign_in::take_pending(tx, &secret, &from)).await?;
    let mut response = match taken {
        Some(session) => enter(request, org, session).await?,
        None => over(request, org, &address).await?,
    };
    let mut gone = cookie(request, String::new())?;
    gone.make_removal();
    response.add_cookie(&gone).map_err(crate::error::Error::internal)?;
    Ok(response)
}

/// An answer that came too late or again: whoever is signed in goes home, and reads of the former; others read why nobody came in by it.
pub(in crate::web) async fn refused(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    reference: Path<String>,
) -> Answer {
    let event = org.read(move |conn| events::find(conn, &reference)).await;
    let event = match event {
        // There is nothing to read, and nothing to miss.
        Err(_) if layout.person.is_some() => return Ok(page::go("/")),
        event => event?,
    };
    let cause = event.cause.as_deref().unwrap_or_default();
    let sentence = help::for_the_person(cause);
    if layout.person.is_some() {
        let is_silent = help::is_repeat(cause) || !help::is_over(cause);
        return Ok(if is_silent {
            page::go("/")
        } else {
            redirect_with_refusal(&request, sentence, &event.reference)
        });
    }
    let page = RefusedPage { layout, sentence, reference: Some(event.reference), another: false };
    page::show_as(StatusCode::FORBIDDEN, &page.layout, &page)
}

/// The address of that page.
pub(super) fn refused_at(reference: &str) -> String {
    format!("/sso/refused/{reference}")
}
