//! My profile: who I am here, my password, my other sessions.

use super::attempt;
use crate::domain::Tx;
use crate::domain::admins::{self, devices, passwords};
use crate::domain::groups::{self, Group};
use crate::domain::licenses;
use crate::domain::sessions::{self, Reserved};
use crate::domain::users::{self, lifecycle};
use crate::error::Error;
use crate::secret::{Secret, empty_field};
use crate::web::device;
use crate::web::extract::Address;
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::page::{self, Answer, Layout};
use crate::web::session::BrowserSession;
use askama::Template;
use serde::{Deserialize, Serialize};

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
    form: FormView,
}

pub(super) async fn show(mut page: PageContext) -> Answer {
    let me = page.current()?.0;
    let mine = me.clone();
    let (email, site, license, groups) = page
        .org
        .read(move |conn| {
            let license = licenses::of(conn, &mine.id)?.map(|kind| format!("{} – {}", kind.code, kind.name));
            let email = users::emails(conn, &mine.id)?.into_iter().next().map(|email| email.value);
            let site = users::site_name(conn, &mine)?;
            let groups = groups::of_user(conn, &mine.id)?;
            Ok((email.unwrap_or_default(), site.unwrap_or_default(), license.unwrap_or_default(), groups))
        })
        .await?;
    let form = page.form("/account/password", &Passwords::default())?;
    page.show("account", |layout| AccountPage { layout, me, email, site, license, groups, form })
}

/// A change of one's own password.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Passwords {
    #[serde(serialize_with = "empty_field")]
    current: Secret,
    #[serde(serialize_with = "empty_field")]
    password: Secret,
    #[serde(serialize_with = "empty_field")]
    password_again: Secret,
}

pub(super) async fn set_password(act: Act<Passwords>, address: Address) -> Answer {
    match change(&act, &address).await {
        Ok((secret, reserved)) => {
            let (session, now) = (BrowserSession::of(act.request()), act.org().inner().now());
            session.begin_again(&act.current().0.id, &reserved, now);
            session.prove(now);
            session.flash("good", "Your password was changed. You are signed out everywhere else.");
            let mut response = page::go(PATH);
            device::keep(act.request(), &mut response, secret)?;
            Ok(response)
        }
        Err(refusal) => act.answer(Err(refusal), show).await,
    }
}

/// Changes the password; answers the secret by which this browser is known from now on, and the session that goes on in
/// place of those that end.
async fn change(act: &Act<Passwords>, address: &Address) -> Result<(String, Reserved), Error> {
    let (form, current, org) = (act.input().clone(), act.current(), act.org());
    if form.password != form.password_again {
        return Err(Error::invalid("password_again", "The two passwords differ. Enter the same one twice."));
    }
    match attempt::prove(act.request(), current, org, address, &form.current).await {
        Err(Error::Invalid(_)) => {
            return Err(Error::invalid("current", "This is not your present password."));
        }
        other => other?,
    }
    let (id, holder) = (current.0.id.clone(), BrowserSession::of(act.request()).holder());
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
pub(super) async fn end_sessions(act: Act) -> Answer {
    let (id, session) = (act.current().0.id.clone(), BrowserSession::of(act.request()));
    let holder = session.holder();
    let end = move |tx: &mut Tx| {
        let noted = lifecycle::end_sessions(tx, &id)?;
        Ok::<_, Error>(noted.with(sessions::reserve(tx, holder)?.split().0))
    };
    let outcome = act.org().write(act.current().actor(), end).await.map(|reserved| {
        session.begin_again(&act.current().0.id, &reserved, act.org().inner().now());
        Redirect::to(PATH, "You are signed out everywhere else.")
    });
    act.answer(outcome, show).await
}
