//! The page behind the one-time set-up link: it makes the first owner.

use crate::domain::admins::sign_in::PasswordSession;
use crate::domain::admins::{self, NewAdmin, devices, passwords};
use crate::domain::sessions::{self, Holder};
use crate::domain::users::User;
use crate::domain::{Actor, Org, Role};
use crate::error::{Error, Result};
use crate::pool::Requester;
use crate::secret::{Secret, empty_field};
use crate::web::device;
use crate::web::extract::{Address, OrgHandle};
use crate::web::forms::{FormView, OpenForm, PageContext};
use crate::web::page::{self, Answer, Layout};
use crate::web::session::BrowserSession;
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};

#[derive(Template)]
#[template(path = "set_up/show.html")]
struct SetUpPage {
    layout: Layout,
    form: FormView,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Claim {
    organisation: String,
    name: String,
    user_name: String,
    #[serde(serialize_with = "empty_field")]
    password: Secret,
    #[serde(serialize_with = "empty_field")]
    password_again: Secret,
}

pub(super) async fn show(mut page: PageContext, secret: Path<String>) -> Answer {
    let keys = page.org.inner().keys().clone();
    page.org.read(move |conn| admins::may_set_up(conn, &keys, &secret)).await?;
    let form = page.own_form(&Claim::default())?;
    page.show("", |layout| SetUpPage { layout, form })
}

pub(super) async fn claim(sent: OpenForm<Claim>, address: Address, secret: Path<String>) -> Answer {
    let (org, requester) = (sent.org(), address.requester());
    match set_up(org, requester, secret.clone(), sent.input().clone()).await {
        Ok((owner, granted)) => {
            let session = BrowserSession::of(sent.request());
            session.sign_in(&owner.id, &granted.reserved, org.inner().now());
            session.flash(
                "good",
                format!("Welcome, {}. Rollcall is yours: here is what to do first.", owner.name()),
            );
            let mut response = page::go("/");
            device::keep(sent.request(), &mut response, granted.device)?;
            Ok(response)
        }
        // The form calls the display name a name.
        Err(refusal) => {
            let refusal = refusal.renamed("display_name", "name");
            sent.answer(Err(refusal), |page| show(page, secret)).await
        }
    }
}

async fn set_up(
    org: &OrgHandle,
    requester: Requester,
    secret: String,
    form: Claim,
) -> Result<(User, PasswordSession)> {
    // Whoever doesn't hold the link gives nobody work.
    let (keys, shown) = (org.inner().keys().clone(), secret.clone());
    org.read(move |conn| admins::may_set_up(conn, &keys, &shown)).await?;
    if form.password != form.password_again {
        return Err(Error::invalid("password_again", "The two passwords differ. Enter the same one twice."));
    }
    let Claim { organisation, name, user_name, password, .. } = form;
    let words = [organisation.clone(), name.clone(), user_name.clone()];
    let prepare =
        move |org: &Org| passwords::prepare_new(org, &password, &words.each_ref().map(String::as_str));
    let password = org.prepare(requester, prepare).await?;
    let wish = NewAdmin { name, user_name, password, role: Role::Owner };
    org.write(Actor::Rollcall, move |tx| {
        let (owner, noted) = admins::set_up(tx, &secret, &organisation, &wish)?.split();
        let device = devices::remember(tx, &owner, None)?.split().0;
        let reserved = sessions::reserve(tx, Holder::by_password(&owner.id))?.split().0;
        Ok(noted.with((owner, PasswordSession { reserved, device })))
    })
    .await
}
