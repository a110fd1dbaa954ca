//! Single sign-on on the Identity Management page: setting it up, testing it, requiring it.

use super::identity;
use crate::address;
use crate::db::Conn;
use crate::domain::sso::certificates::{self, Added};
use crate::domain::sso::is_complete;
use crate::domain::sso::keys;
use crate::domain::sso::metadata::{self, Document, Imported};
use crate::domain::sso::policy;
use crate::domain::sso::requests::Purpose;
use crate::domain::sso::settings;
use crate::domain::{Noted, Role, Tx};
use crate::error::{Error, Result};
use crate::web::extract::{OrgHandle, app_state};
use crate::web::forms::{Act, ActWithFile, Redirect};
use crate::web::page::{self, Answer};
use crate::web::session::BrowserSession;
use crate::web::sso;
use actix_web::web::Path;
use serde::Deserialize;
use url::Url;

mod card;
mod trust;

pub(super) use card::{Card, Loaded, load};
use card::{CertificateForm, Import, Options, SsoForm};
pub(super) use trust::{approve, concerns, looked, reject, show};

/// A file of certificates: Entra ID's have some 2 KB each.
const LARGEST_CERTIFICATES: usize = 256 * 1024;
const PATH: &str = "/identity";
/// The card of the page.
const CARD: &str = "sso";

pub(in crate::web::console) async fn save(act: Act<SsoForm>) -> Answer {
    let is_owner = act.current().0.role == Role::Owner;
    act.edit(
        move |conn| Ok(SsoForm::of(&settings::entered(conn, is_owner)?)),
        |tx, form| {
            let before = settings::entered(tx.conn, tx.actor.is_owner())?;
            Ok(settings::save(tx, &form.over(before))?.with(beside(tx)?))
        },
    )
    .then(|beside| Redirect::to(PATH, said("Single sign-on was saved.", beside)))
    .or_show(identity::show)
    .await
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

pub(in crate::web::console) async fn save_options(act: Act<Options>) -> Answer {
    let is_owner = act.current().0.role == Role::Owner;
    act.edit(
        move |conn| Ok(Options::of(&settings::entered(conn, is_owner)?)),
        |tx, form| {
            let before = settings::entered(tx.conn, tx.actor.is_owner())?;
            Ok(settings::save(tx, &form.over(before)).map_err(about_the_claim)?.with(beside(tx)?))
        },
    )
    .then(|beside| Redirect::to(PATH, said("How sign-ins are to be was saved.", beside)))
    .or_show(|page| {
        let is_forbidden = !is_owner && page.refuses("match_claim");
        identity::show(if is_forbidden { page.forbidden() } else { page })
    })
    .await
}

/// What only an owner may do with this form is to choose the claim.
fn about_the_claim(refusal: Error) -> Error {
    match refusal {
        Error::Forbidden(cause) => Error::invalid("match_claim", cause),
        other => other,
    }
}

/// Takes all values over from federation metadata: a file, a pasted text, or what lies at an address.
pub(in crate::web::console) async fn import(sent: ActWithFile<Import, { metadata::LARGEST }>) -> Answer {
    let ActWithFile { act, file } = sent;
    let imported = import_from(&act, file.bytes).await;
    let outcome = imported.map(|(done, beside)| Redirect::to(PATH, said(&said_of_import(&done), beside)));
    act.answer(outcome, identity::show).await
}

async fn import_from(act: &Act<Import>, file: Vec<u8>) -> Result<(Imported, Beside)> {
    let (request, current, org) = (act.request(), act.current(), act.org());
    let Import { metadata_url: address, metadata: pasted, refresh_metadata, .. } = act.input().clone();
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
    sent: ActWithFile<CertificateForm, LARGEST_CERTIFICATES>,
) -> Answer {
    let ActWithFile { act, file } = sent;
    let file = if file.bytes.is_empty() { act.input().pasted.clone().into_bytes() } else { file.bytes };
    let is_owner = act.current().0.role == Role::Owner;
    let found = act.org().prepare(act.current().requester(), move |_| certificates::read(&file)).await;
    let added = match found {
        Ok(found) => act.org().write(act.current().actor(), move |tx| certificates::add(tx, found)).await,
        Err(refusal) => Err(refusal),
    };
    act.answer(added.map(|added| Redirect::to(PATH, said_of_certificates(added, is_owner))), identity::show)
        .await
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

/// The issuer that an owner saw beside a certificate, where none is in force yet.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Approval {
    issuer: String,
}

pub(in crate::web::console) async fn approve_certificate(act: Act<Approval>, id: Path<String>) -> Answer {
    act.submit(move |tx, form| {
        let issuer = Some(form.issuer.as_str()).filter(|issuer| !issuer.is_empty());
        certificates::approve(tx, &id, issuer)
    })
    .then(|_| Redirect::to(PATH, "The certificate signs in accounts with a role, too.").on_card(CARD))
    .or_show(identity::show)
    .await
}

pub(in crate::web::console) async fn remove_certificate(act: Act, id: Path<String>) -> Answer {
    let said = "The certificate was removed. If Entra ID’s metadata still lists it, it comes back without approval: then an \
                owner decides.";
    on_card(act, move |tx| certificates::remove(tx, &id), said).await
}

/// Does one thing to single sign-on, and says so on its card.
async fn on_card<T: Send + 'static>(
    act: Act,
    rule: impl FnOnce(&mut Tx) -> Result<Noted<T>> + Send + 'static,
    said: &'static str,
) -> Answer {
    act.submit(|tx, _| rule(tx))
        .then(move |_| Redirect::to(PATH, said).on_card(CARD))
        .or_show(identity::show)
        .await
}

/// Makes a key of ours: the first, or the next.
pub(in crate::web::console) async fn make_key(act: Act) -> Answer {
    let key = sso::new_key(app_state(act.request())?).await?;
    let said = "The certificate was made. Upload it in Entra ID, then let it take over here.";
    on_card(act, move |tx| keys::add(tx, key), said).await
}

pub(in crate::web::console) async fn use_key(act: Act, id: Path<String>) -> Answer {
    let said = "The new certificate is in use. The old one still opens what is encrypted for it.";
    on_card(act, move |tx| keys::activate(tx, &id), said).await
}

pub(in crate::web::console) async fn remove_key(act: Act, id: Path<String>) -> Answer {
    on_card(act, move |tx| keys::remove(tx, &id), "The certificate was removed.").await
}

/// One of our certificates as a file, as Entra ID takes it under Token encryption and Verification certificates.
pub(in crate::web::console) async fn key_file(org: OrgHandle, id: Path<String>) -> Answer {
    let all = org.read(keys::list).await?;
    let key = all.into_iter().find(|key| key.id == *id).ok_or(Error::NotFound("certificate"))?;
    Ok(page::download("rollcall.cer", "application/x-x509-ca-cert", key.pem().into_bytes()))
}

/// Sends the administrator through a whole sign-in that changes nothing.
pub(in crate::web::console) async fn test(act: Act) -> Answer {
    if let Err(refusal) = act.org().read(can_be_tested).await {
        return act.answer(Err(refusal), identity::show).await;
    }
    // Whoever is signed in to Microsoft is asked nothing there: the flow itself is what is tested.
    let from = sso::From::Person(act.current().0.id.clone());
    sso::send(act.request(), act.org(), Purpose::Test, PATH, from, false).await
}

fn can_be_tested(conn: &mut Conn) -> Result<()> {
    if is_complete(conn)? {
        return Ok(());
    }
    let text = if settings::waiting(conn)?.is_some() {
        "What was entered waits for an owner: no browser is sent to a login URL that none has approved of."
    } else {
        "Enter the login URL, the issuer and a certificate first, or import the federation metadata."
    };
    Err(Error::Conflict(text.to_owned()))
}

pub(in crate::web::console) async fn require(act: Act) -> Answer {
    let said = "Single sign-on is required for ten minutes. Sign in through Entra ID, in another browser for example, \
                and confirm it here before they are over; otherwise it takes itself back.";
    on_card(act, policy::require, said).await
}

pub(in crate::web::console) async fn confirm_requirement(act: Act) -> Answer {
    let method = BrowserSession::of(act.request()).method();
    let said = "Single sign-on is required of everybody but owners from now on.";
    on_card(act, move |tx| policy::confirm(tx, method), said).await
}

pub(in crate::web::console) async fn lift_requirement(act: Act) -> Answer {
    on_card(act, policy::lift, "Passwords are good again for all who have one.").await
}
