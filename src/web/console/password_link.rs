//! The page behind a one-time link: somebody chooses their own password.

use crate::domain::admins::{links, passwords};
use crate::domain::authority::Authority;
use crate::domain::sso::policy;
use crate::domain::users::User;
use crate::error::{Error, Result};
use crate::secret::{Secret, empty_field};
use crate::web::AppState;
use crate::web::extract::{Address, OrgHandle};
use crate::web::forms::{FormView, OpenForm, PageContext};
use crate::web::page::{self, Answer, Layout, when};
use crate::web::session::BrowserSession;
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};

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
            address: state.address(&format!("/password/{}", link.secret.expose())),
            until: when(link.expires_at),
            is_barred: link.is_barred,
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in/choose.html")]
struct ChoosePage {
    layout: Layout,
    form: FormView,
    user_name: String,
    /// Whether single sign-on is required of the person, so that the password is not good yet.
    is_barred: bool,
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

pub(super) async fn show(mut page: PageContext, secret: Path<String>) -> Answer {
    let (user, is_barred) = holder(&page.org, &secret).await?;
    let form = page.own_form(&Chosen::default())?;
    page.show("", |layout| ChoosePage { layout, form, user_name: user.profile.user_name, is_barred })
}

/// The password that is chosen.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    #[serde(serialize_with = "empty_field")]
    password: Secret,
    #[serde(serialize_with = "empty_field")]
    password_again: Secret,
}

pub(super) async fn choose(sent: OpenForm<Chosen>, address: Address, secret: Path<String>) -> Answer {
    let (user, _) = holder(sent.org(), &secret).await?;
    match set(sent.org(), &user, address, secret.clone(), sent.input().clone()).await {
        Ok(()) => {
            let mut response = page::go("/sign-in?chosen");
            BrowserSession::of(sent.request()).leave(sent.request(), &mut response)?;
            Ok(response)
        }
        Err(refusal) => sent.answer(Err(refusal), |page| show(page, secret)).await,
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
