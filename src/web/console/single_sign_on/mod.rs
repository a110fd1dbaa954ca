//! Single sign-on on the Identity Management page: setting it up, testing it, requiring it.

use super::identity::{FormResult, render};
use crate::address;
use crate::certificate;
use crate::domain::sso::certificates::{self, Added};
use crate::domain::sso::keys;
use crate::domain::sso::metadata::{self, Document, Imported};
use crate::domain::sso::policy;
use crate::domain::sso::requests::Purpose;
use crate::domain::sso::settings;
use crate::domain::{Role, Tx};
use crate::error::{Error, Result};
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted, UpTo, app_state, values};
use crate::web::page::{self, Answer, Layout};
use crate::web::session::BrowserSession;
use crate::web::sso;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use url::Url;

mod card;
mod trust;

pub(super) use card::{Card, EnteredSettings, Loaded, load};
use card::{Import, Options, SsoForm};
pub(super) use trust::{approve, concerns, looked, reject, show};

/// A file of certificates: Entra ID's have some 2 KB each.
const LARGEST_CERTIFICATES: usize = 256 * 1024;
const PATH: &str = "/identity#sso";

pub(in crate::web::console) async fn save(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<SsoForm>,
) -> Answer {
    let Posted(form) = form;
    let wish = form.clone();
    let outcome = org.write(current.actor(), move |tx| {
        let is_owner = tx.actor.is_owner();
        let wish = wish.over(settings::entered(tx.conn, is_owner)?);
        Ok(settings::save(tx, &wish)?.with(beside(tx)?))
    });
    match outcome.await {
        Err(refusal @ Error::Invalid(_)) => {
            let entered = EnteredSettings { form: Some(form), ..EnteredSettings::default() };
            refused(&request, &current, layout, &org, refusal, entered).await
        }
        outcome => page::redirect_with_outcome(
            &request,
            outcome,
            |beside| said("Single sign-on was saved.", *beside),
            PATH,
        ),
    }
}

/// What is told beside that something was saved.
#[derive(Clone, Copy)]
struct Beside {
    /// Whether what this person entered waits for an owner.
    waits: bool,
    /// Whether certificates are trusted from before another issuer was entered.
    former: bool,
}

fn beside(tx: &mut Tx) -> Result<Beside> {
    let is_owner = tx.actor.is_owner();
    Ok(Beside {
        waits: !is_owner && settings::waiting(tx.conn)?.is_some(),
        former: is_owner && !certificates::of_former_issuer(tx.conn)?.is_empty(),
    })
}

fn said(done: &str, beside: Beside) -> String {
    let waits = " Whom to trust waits for an owner, who is asked on Home: until then nobody with a role signs in by it, \
                 and no browser is sent to a new address.";
    let former = " The certificates of the former issuer are still trusted: remove below those with which the new one does \
                  not sign.";
    let more = [(beside.waits, waits), (beside.former, former)];
    let told: String = more.into_iter().filter_map(|(is_so, text)| is_so.then_some(text)).collect();
    format!("{done}{told}")
}

pub(in crate::web::console) async fn save_options(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<Options>,
) -> Answer {
    let Posted(form) = form;
    let wish = form.clone();
    let outcome = org.write(current.actor(), move |tx| {
        let is_owner = tx.actor.is_owner();
        let wish = wish.over(settings::entered(tx.conn, is_owner)?);
        Ok(settings::save(tx, &wish)?.with(beside(tx)?))
    });
    let entered = || EnteredSettings { options: Some(form), ..EnteredSettings::default() };
    match outcome.await {
        Err(refusal @ Error::Invalid(_)) => {
            refused(&request, &current, layout, &org, refusal, entered()).await
        }
        // The field is shown to nobody who may not change it; whoever sends it all the same keeps what else they sent.
        Err(Error::Forbidden(cause)) => {
            let refusal = Error::invalid("match_claim", cause);
            let mut response = refused(&request, &current, layout, &org, refusal, entered()).await?;
            *response.status_mut() = StatusCode::FORBIDDEN;
            Ok(response)
        }
        outcome => {
            let done = "How sign-ins are to be was saved.";
            page::redirect_with_outcome(&request, outcome, |beside| said(done, *beside), PATH)
        }
    }
}

/// What was pasted, for the form that is shown again: a private key is not shown once more by the page that says how bad
/// that is.
fn shown_again(pasted: String) -> String {
    if certificate::holds_private_key(&pasted) { String::new() } else { pasted }
}

async fn refused(
    request: &HttpRequest,
    current: &CurrentUser,
    layout: Layout,
    org: &OrgHandle,
    refusal: Error,
    sso: EnteredSettings,
) -> Answer {
    render(request, current, layout, org, FormResult { sso, refusal: Some(refusal), ..FormResult::default() })
        .await
}

/// Takes all values over from federation metadata: a file, a pasted text, or what lies at an address.
pub(in crate::web::console) async fn import(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    UpTo(upload): UpTo<{ metadata::LARGEST }>,
) -> Answer {
    let field = |name| values(&upload.fields, name).pop().unwrap_or_default();
    let form = Import {
        metadata_url: field("metadata_url"),
        metadata: field("metadata"),
        refresh_metadata: field("refresh_metadata"),
    };
    match import_from(&request, &current, &org, form.clone(), upload.file).await {
        Err(refusal @ Error::Invalid(_)) => {
            let form = Import { metadata: shown_again(form.metadata), ..form };
            let entered = EnteredSettings { import: Some(form), ..EnteredSettings::default() };
            refused(&request, &current, layout, &org, refusal, entered).await
        }
        outcome => page::redirect_with_outcome(
            &request,
            outcome,
            |(done, beside)| said(&said_of_import(done), *beside),
            PATH,
        ),
    }
}

async fn import_from(
    request: &HttpRequest,
    current: &CurrentUser,
    org: &OrgHandle,
    form: Import,
    file: Vec<u8>,
) -> Result<(Imported, Beside)> {
    let Import { metadata_url: address, metadata: pasted, refresh_metadata } = form;
    let refresh = !refresh_metadata.is_empty();
    if !file.is_empty() || !pasted.trim().is_empty() {
        let document = if file.is_empty() {
            org.prepare(current.requester(), move |_| Document::of_text(&pasted)).await?
        } else {
            org.prepare(current.requester(), move |_| Document::of_file(&file)).await?
        };
        let take = move |tx: &mut Tx| {
            let (imported, noted) = metadata::take(tx, document)?.split();
            Ok(noted.with((imported, beside(tx)?)))
        };
        return org.write(current.actor(), take).await;
    }
    if address.trim().is_empty() {
        let text = "Choose the file “Federation Metadata XML” of Entra ID, paste it, or enter its address.";
        return Err(Error::invalid("metadata", text));
    }
    let wrong = || Error::invalid("metadata_url", "Enter a complete https address.");
    let url = Url::parse(address.trim()).map_err(|_| wrong())?;
    let file = metadata::fetch(&url, app_state(request)?.0.metadata_from_private_networks).await?;
    let document = org.prepare(current.requester(), move |_| Document::of_file(&file)).await?;
    let take = move |tx: &mut Tx| {
        let (imported, noted) = metadata::take_from(tx, &url, document, refresh)?.split();
        Ok(noted.with((imported, beside(tx)?)))
    };
    org.write(current.actor(), take).await
}

fn said_of_import(imported: &Imported) -> String {
    let added = match (imported.added, imported.approved) {
        (0, 0) => "Its certificates were known already.".to_owned(),
        (0, _) => String::new(),
        (1, _) => "One certificate was added.".to_owned(),
        (count, _) => format!("{count} certificates were added."),
    };
    let approved = said_of_approved(imported.approved);
    let expired = match imported.expired {
        0 => String::new(),
        count => format!("{count} had expired and were left out."),
    };
    let removed = said_of_removed(imported.removed_before);
    let useless = imported.useless.iter().map(|why| format!("Left out: {why}"));
    let more: Vec<String> = [added, approved, removed, expired]
        .into_iter()
        .chain(useless)
        .filter(|text| !text.is_empty())
        .collect();
    format!("The metadata of {} was taken over. {}", address::as_read(&imported.issuer), more.join(" "))
}

/// Trusts the certificates in an uploaded file or a pasted text.
pub(in crate::web::console) async fn add_certificate(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    UpTo(upload): UpTo<LARGEST_CERTIFICATES>,
) -> Answer {
    let pasted = values(&upload.fields, "pasted").pop().unwrap_or_default();
    let file = if upload.file.is_empty() { pasted.clone().into_bytes() } else { upload.file };
    let is_owner = current.0.role == Role::Owner;
    let added = match org.prepare(current.requester(), move |_| certificates::read(&file)).await {
        Ok(found) => org.write(current.actor(), move |tx| certificates::add(tx, found)).await,
        Err(refusal) => Err(refusal),
    };
    match added {
        Err(refusal @ Error::Invalid(_)) => {
            let pasted = shown_again(pasted);
            let entered = EnteredSettings { pasted, ..EnteredSettings::default() };
            refused(&request, &current, layout, &org, refusal, entered).await
        }
        outcome => {
            page::redirect_with_outcome(&request, outcome, |new| said_of_certificates(*new, is_owner), PATH)
        }
    }
}

fn said_of_certificates(added: Added, is_owner: bool) -> String {
    let new = match added.new {
        0 if added.approved == 0 && added.issuers == 0 => {
            return "This certificate was trusted already.".to_owned();
        }
        0 => String::new(),
        1 => "The certificate was added.".to_owned(),
        new => format!("{new} certificates were added."),
    };
    let waits = "Nobody with a role signs in by it until an owner approves of it.";
    let more = if is_owner { said_of_approved(added.approved) } else { waits.to_owned() };
    let issuers = match added.issuers {
        0 => "",
        1 => "One was left out: it only issued another one in the file, and signs nothing itself.",
        _ => "Some were left out: they only issued others in the file, and sign nothing themselves.",
    };
    [new.as_str(), more.as_str(), issuers].join(" ").trim().to_owned()
}

/// What an owner entered that an administrator had entered before.
fn said_of_approved(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => {
            "One that an administrator had added is approved of now, and signs in accounts with a role, too."
                .to_owned()
        }
        count => format!(
            "{count} that an administrator had added are approved of now, and sign in accounts with a role, too."
        ),
    }
}

/// What a document lists although it was removed here.
fn said_of_removed(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "One was removed here before: it signs in nobody with a role until an owner approves of it."
            .to_owned(),
        count => format!(
            "{count} were removed here before: they sign in nobody with a role until an owner approves of them."
        ),
    }
}

pub(in crate::web::console) async fn approve_certificate(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    form: Posted<Fields>,
) -> Answer {
    let issuer = values(&form.0, "issuer").pop().filter(|issuer| !issuer.is_empty());
    let approve = move |tx: &mut Tx| certificates::approve(tx, &id, issuer.as_deref());
    let outcome = org.write(current.actor(), approve).await;
    page::redirect_with_outcome(
        &request,
        outcome,
        |_| "The certificate signs in accounts with a role, too.".to_owned(),
        PATH,
    )
}

pub(in crate::web::console) async fn remove_certificate(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| certificates::remove(tx, &id)).await;
    let said = "The certificate was removed. If Entra ID’s metadata still lists it, it comes back without approval: then an \
                owner decides.";
    page::redirect_with_outcome(&request, outcome, |()| said.to_owned(), PATH)
}

/// Makes a key of ours: the first, or the next.
pub(in crate::web::console) async fn make_key(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let key = sso::new_key(app_state(&request)?).await?;
    let outcome = org.write(current.actor(), move |tx| keys::add(tx, key)).await;
    let said = "The certificate was made. Upload it in Entra ID, then let it take over here.";
    page::redirect_with_outcome(&request, outcome, |_| said.to_owned(), PATH)
}

pub(in crate::web::console) async fn use_key(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| keys::activate(tx, &id)).await;
    let said = "The new certificate is in use. The old one still opens what is encrypted for it.";
    page::redirect_with_outcome(&request, outcome, |_| said.to_owned(), PATH)
}

pub(in crate::web::console) async fn remove_key(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<String>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| keys::remove(tx, &id)).await;
    page::redirect_with_outcome(&request, outcome, |_| "The certificate was removed.".to_owned(), PATH)
}

/// One of our certificates as a file, as Entra ID takes it under Token encryption and Verification certificates.
pub(in crate::web::console) async fn key_file(org: OrgHandle, id: Path<String>) -> Answer {
    let all = org.read(keys::list).await?;
    let key = all.into_iter().find(|key| key.id == *id).ok_or(Error::NotFound("certificate"))?;
    Ok(page::download("rollcall.cer", "application/x-x509-ca-cert", key.pem().into_bytes()))
}

/// Sends the administrator through a whole sign-in that changes nothing.
pub(in crate::web::console) async fn test(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let (ready, waits) = org
        .read(|conn| {
            let settings = settings::read(conn)?;
            let ready = settings.login_url.is_some()
                && settings.issuer.is_some()
                && !certificates::list(conn)?.is_empty();
            Ok((ready, settings::waiting(conn)?.is_some()))
        })
        .await?;
    if !ready {
        let text = if waits {
            "What was entered waits for an owner: no browser is sent to a login URL that none has approved of."
        } else {
            "Enter the login URL, the issuer and a certificate first, or import the federation metadata."
        };
        return page::redirect_with_outcome::<()>(
            &request,
            Err(Error::Conflict(text.to_owned())),
            |()| String::new(),
            PATH,
        );
    }
    // Whoever is signed in to Microsoft is asked nothing there: the flow itself is what is tested.
    let from = sso::From::Person(current.0.id.clone());
    sso::send(&request, &org, Purpose::Test, "/identity", from, false).await
}

pub(in crate::web::console) async fn require(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), policy::require).await;
    let said = "Single sign-on is required for ten minutes. Sign in through Entra ID, in another browser for example, \
                and confirm it here before they are over; otherwise it takes itself back.";
    page::redirect_with_outcome(&request, outcome, |_| said.to_owned(), PATH)
}

pub(in crate::web::console) async fn confirm_requirement(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let method = BrowserSession::of(&request).method();
    let outcome = org.write(current.actor(), move |tx| policy::confirm(tx, method)).await;
    let said = "Single sign-on is required of everybody but owners from now on.";
    page::redirect_with_outcome(&request, outcome, |()| said.to_owned(), PATH)
}

pub(in crate::web::console) async fn lift_requirement(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), policy::lift).await;
    page::redirect_with_outcome(
        &request,
        outcome,
        |()| "Passwords are good again for all who have one.".to_owned(),
        PATH,
    )
}
