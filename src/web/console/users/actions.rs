//! What a button on a user's page does.

use crate::domain::users::{User, by_hand, federation, lifecycle};
use crate::domain::{Noted, Tx, licenses};
use crate::error::Result;
use crate::keys::UserId;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted};
use crate::web::page::{self, Answer};
use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Deserialize;

pub(in crate::web::console) async fn deactivate(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    act(
        &request,
        current,
        org,
        id,
        lifecycle::deactivate,
        "can no longer sign in. Licence and settings are kept.",
    )
    .await
}

pub(in crate::web::console) async fn reactivate(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    act(&request, current, org, id, lifecycle::reactivate, "may sign in again.").await
}

pub(in crate::web::console) async fn forget_object_id(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    let said = "is found by name at the next sign-in through Entra ID, and remembered anew.";
    act(&request, current, org, id, federation::forget, said).await
}

pub(in crate::web::console) async fn release(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    act(
        &request,
        current,
        org,
        id,
        by_hand::release,
        "is under local management until Entra ID next writes to the account.",
    )
    .await
}

pub(in crate::web::console) async fn link(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    act(&request, current, org, id, by_hand::link, "is linked. Entra ID finds the account at its next try.")
        .await
}

pub(in crate::web::console) async fn remove_license(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    _form: Posted<Fields>,
) -> Answer {
    act(&request, current, org, id, licenses::remove, "holds no licence any more; the seat is free.").await
}

/// One thing by key, chosen in a form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Choice {
    site: String,
    license: String,
}

pub(in crate::web::console) async fn set_site(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<Choice>,
) -> Answer {
    let site = form.0.site;
    act(
        &request,
        current,
        org,
        id,
        move |tx, id| by_hand::set_site(tx, id, &site.parse()?),
        "has a site now. It is fixed.",
    )
    .await
}

pub(in crate::web::console) async fn assign_license(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<Choice>,
) -> Answer {
    let kind = form.0.license;
    act(
        &request,
        current,
        org,
        id,
        move |tx, id| licenses::assign(tx, id, &kind.parse()?),
        "holds the licence.",
    )
    .await
}

/// Does one thing to a user and goes back to the page, which says what came of it.
async fn act(
    request: &HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    act: impl FnOnce(&mut Tx, &UserId) -> Result<Noted<User>> + Send + 'static,
    done: &'static str,
) -> Answer {
    let id = id.into_inner();
    let back = format!("/users/{id}");
    let outcome = org.write(current.actor(), move |tx| act(tx, &id)).await;
    page::redirect_with_outcome(request, outcome, |user| format!("{} {done}", user.name()), &back)
}
