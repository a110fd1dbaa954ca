//! What a button on a user's page does.

use super::show::page_of;
use crate::domain::users::{User, by_hand, federation, lifecycle};
use crate::domain::{Noted, Tx, licenses};
use crate::error::Result;
use crate::keys::UserId;
use crate::web::forms::{Act, Redirect};
use crate::web::page::Answer;
use actix_web::web::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A site, chosen in a form.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct SiteChoice {
    site: String,
}

/// A licence type, chosen in a form.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct LicenseChoice {
    license: String,
}

pub(in crate::web::console) async fn deactivate(act: Act, id: Path<UserId>) -> Answer {
    let done = "can no longer sign in. Licence and settings are kept.";
    on_user(act, id, |tx, id, _| lifecycle::deactivate(tx, id), done).await
}

pub(in crate::web::console) async fn reactivate(act: Act, id: Path<UserId>) -> Answer {
    on_user(act, id, |tx, id, _| lifecycle::reactivate(tx, id), "may sign in again.").await
}

pub(in crate::web::console) async fn forget_object_id(act: Act, id: Path<UserId>) -> Answer {
    let done = "is found by name at the next sign-in through Entra ID, and remembered anew.";
    on_user(act, id, |tx, id, _| federation::forget(tx, id), done).await
}

pub(in crate::web::console) async fn release(act: Act, id: Path<UserId>) -> Answer {
    let done = "is under local management until Entra ID next writes to the account.";
    on_user(act, id, |tx, id, _| by_hand::release(tx, id), done).await
}

pub(in crate::web::console) async fn link(act: Act, id: Path<UserId>) -> Answer {
    let done = "is linked. Entra ID finds the account at its next try.";
    on_user(act, id, |tx, id, _| by_hand::link(tx, id), done).await
}

pub(in crate::web::console) async fn set_site(act: Act<SiteChoice>, id: Path<UserId>) -> Answer {
    let done = "has a site now. It is fixed.";
    on_user(act, id, |tx, id, form| by_hand::set_site(tx, id, &form.site.parse()?), done).await
}

pub(in crate::web::console) async fn assign_license(act: Act<LicenseChoice>, id: Path<UserId>) -> Answer {
    on_user(act, id, |tx, id, form| licenses::assign(tx, id, &form.license.parse()?), "holds the licence.")
        .await
}

pub(in crate::web::console) async fn remove_license(act: Act, id: Path<UserId>) -> Answer {
    let done = "holds no licence any more; the seat is free.";
    on_user(act, id, |tx, id, _| licenses::remove(tx, id), done).await
}

/// Does one thing to a user and goes back to the page, which says what came of it.
async fn on_user<F: DeserializeOwned + Send + 'static>(
    act: Act<F>,
    id: Path<UserId>,
    rule: impl FnOnce(&mut Tx, &UserId, &F) -> Result<Noted<User>> + Send + 'static,
    done: &'static str,
) -> Answer {
    let key = id.clone();
    act.submit(move |tx, form| rule(tx, &key, form))
        .then(move |user| Redirect::to(format!("/users/{}", user.id), format!("{} {done}", user.name())))
        .or_show(|page| page_of(page, id.into_inner()))
        .await
}
