//! My profile: who I am here, my password, my other sessions.

use super::attempt;
use crate::domain::admins::{self, devices, passwords};
use crate::domain::groups::{self, Group};
use crate::domain::licenses;
use crate::domain::sessions::{self, Reserved};
use crate::domain::users::{self, lifecycle};
use crate::error::Error;
use crate::web::device;
use crate::web::extract::{Address, CurrentUser, Fields, OrgHandle, Posted};
use crate::web::page::{self, Answer, Layout, Refused};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use askama::Template;
use serde::Deserialize;

const PATH: &str = "/account";

#[derive(Template)]
#[template(path = "account/show.html")]
struct AccountPage {
    layout: Layout,
    me: users::User,
    email: String,
    site: String,
    license: String,
    groups: Vec<Group>,
    refusal: Refused,
}

pub(super) async fn show(current: CurrentUser, layout: Layout, org: OrgHandle) -> Answer {
    render(current, layout, org, None).await
}

async fn render(current: CurrentUser, layout: Layout, org: OrgHandle, refusal: Option<Error>) -> Answer {
    let me = current.0;
    let mine = me.clone();
    let (email, site, license, groups) = org
        .read(move |conn| {
            let license = licenses::of(conn, &mine.id)?.map(|kind| format!("{} – {}", kind.code, kind.name));
            let email = users::emails(conn, &mine.id)?.into_iter().next().map(|email| email.value);
            let site = users::site_name(conn, &mine)?;
            let groups = groups::of_user(conn, &mine.id)?;
            Ok((email.unwrap_or_default(), site.unwrap_or_default(), license.unwrap_or_default(), groups))
        })
        .await?;
    let refusal = Refused(refusal);
    let page = AccountPage {
        layout: layout.of("account").refusing(&refusal),
        me,
        email,
        site,
        license,
        groups,
        refusal,
    };
    match &page.refusal.0 {
        Some(refusal) => page::show_refused(refusal, &page.layout, &page),
        None => page::show(&page.layout, &page),
    }
}

/// A change of one's own password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Passwords {
    current: String,
    password: String,
    password_again: String,
}

pub(super) async fn set_password(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    form: Posted<Passwords>,
) -> Answer {
    let Posted(form) = form;
    match change(&request, &current, &org, &address, form).await {
        Ok((secret, reserved)) => {
            let session = BrowserSession::of(&request);
            session.begin_again(&current.0.id, &reserved, org.inner().now());
            session.prove(org.inner().now());
            session.flash("good", "Your password was changed. You are signed out everywhere else.");
            let mut response = page::go(PATH);
            device::keep(&request, &mut response, secret)?;
            Ok(response)
        }
        Err(refusal @ (Error::Invalid(_) | Error::TooMany(_) | Error::Busy(_) | Error::Conflict(_))) => {
            render(current, layout, org, Some(refusal)).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Changes the password; answers the secret by which this browser is known from now on, and the session that goes on in
/// place of those that end.
async fn change(
    request: &HttpRequest,
    current: &CurrentUser,
    org: &OrgHandle,
    address: &Address,
    form: Passwords,
) -> Result<(String, Reserved), Error> {
    if form.password != form.password_again {
        return Err(Error::invalid("password_again", "The two passwords differ. Enter the same one twice."));
    }
    match attempt::prove(request, current, org, address, &form.current).await {
        Err(Error::Invalid(_)) => {
            return Err(Error::invalid("current", "This is not your present password."));
        }
        other => other?,
    }
    let (id, holder) = (current.0.id.clone(), BrowserSession::of(request).holder());
    let prepared =
        org.prepare(current.requester(), move |org| passwords::prepare(org, &id, &form.password)).await?;
    // No device is known by the old password any more, but this one is by the new.
    org.write(current.actor(), move |tx| {
        let (user, noted) = admins::set_password(tx, prepared)?.split();
        let device = devices::remember(tx, &user, None)?.split().0;
        Ok(noted.with((device, sessions::reserve(tx, holder)?.split().0)))
    })
    .await
}

/// Ends all sessions of the person but this one.
pub(super) async fn end_sessions(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let (id, session) = (current.0.id.clone(), BrowserSession::of(&request));
    let holder = session.holder();
    let reserved = org
        .write(current.actor(), move |tx| {
            let noted = lifecycle::end_sessions(tx, &id)?;
            Ok::<_, Error>(noted.with(sessions::reserve(tx, holder)?.split().0))
        })
        .await?;
    session.begin_again(&current.0.id, &reserved, org.inner().now());
    session.flash("good", "You are signed out everywhere else.");
    Ok(page::go(PATH))
}
