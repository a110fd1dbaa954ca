//! The page behind a one-time link: somebody chooses their own password.

use crate::domain::admins::{links, passwords};
use crate::domain::authority::Authority;
use crate::domain::sso::policy;
use crate::domain::users::User;
use crate::error::{Error, Result};
use crate::web::AppState;
use crate::web::extract::{Address, OrgHandle, Posted};
use crate::web::page::{self, Answer, Layout, Refused, when};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

/// A link as it is shown once to the owner who made it.
pub(super) struct ShownLink {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) until: String,
    /// Whether single sign-on is required of the person, so that the password is not good yet.
    pub(super) is_barred: bool,
}

impl ShownLink {
    pub(super) fn of(state: &AppState, user: &User, link: &links::Link) -> Self {
        Self {
            name: user.name(),
            address: state.address(&format!("/password/{}", link.secret)),
            until: when(link.expires_at),
            is_barred: link.is_barred,
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in/choose.html")]
struct ChoosePage {
    layout: Layout,
    path: String,
    user_name: String,
    /// Whether single sign-on is required of the person, so that the password is not good yet.
    is_barred: bool,
    refusal: Refused,
}

/// Who chooses a password, and whether it will be refused at sign-in as things are.
async fn holder(org: &OrgHandle, secret: &str) -> Result<(User, bool)> {
    let (keys, now, secret) = (org.inner().keys().clone(), org.inner().now(), secret.to_owned());
    org.read(move |conn| {
        let user = links::holder(conn, &keys, &secret, now)?;
        let is_barred = policy::bars_password(conn, &user, now)?;
        Ok((user, is_barred))
    })
    .await
}

fn asked(
    request: &HttpRequest,
    layout: Layout,
    (user, is_barred): &(User, bool),
    refusal: Option<Error>,
) -> Answer {
    let (path, user_name) = (request.path().to_owned(), user.profile.user_name.clone());
    let (refusal, is_barred) = (Refused(refusal), *is_barred);
    let page = ChoosePage { layout: layout.refusing(&refusal), path, user_name, is_barred, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn show(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    secret: Path<String>,
) -> Answer {
    let user = holder(&org, &secret).await?;
    asked(&request, layout, &user, None)
}

/// The password that is chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    password: String,
    password_again: String,
}

pub(super) async fn choose(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    address: Address,
    secret: Path<String>,
    form: Posted<Chosen>,
) -> Answer {
    let Posted(form) = form;
    let user = holder(&org, &secret).await?;
    match set(&org, &user.0, address, secret.into_inner(), form).await {
        Ok(()) => {
            let mut response = page::go("/sign-in?chosen");
            BrowserSession::of(&request).leave(&request, &mut response)?;
            Ok(response)
        }
        Err(refusal @ (Error::Invalid(_) | Error::Busy(_) | Error::Conflict(_))) => {
            asked(&request, layout, &user, Some(refusal))
        }
        Err(other) => Err(other.into()),
    }
}

async fn set(org: &OrgHandle, user: &User, address: Address, secret: String, form: Chosen) -> Result<()> {
    if form.password != form.password_again {
        return Err(Error::invalid("password_again", "The two passwords differ. Enter the same one twice."));
    }
    let id = user.id.clone();
    let prepare = move |org: &_| passwords::prepare(org, &id, &form.password);
    let prepared = org.prepare(address.requester(), prepare).await?;
    // What it rests on is the link, which is looked at again.
    let authority = Authority::trusted(user.actor());
    org.write(authority, move |tx| links::redeem(tx, &secret, prepared)).await?;
    Ok(())
}
