//! Creating a user by hand, and editing what the console owns.

use super::show;
use crate::domain::sites::{self, Site};
use crate::domain::users::by_hand::{self, LocalProfile, Telephony};
use crate::domain::users::look_alike::{self, Written};
use crate::domain::users::{self, Email, Profile, User, federation};
use crate::error::{Error, Result};
use crate::keys::{SiteId, UserId};
use crate::web::extract::{CurrentUser, OrgHandle, Posted};
use crate::web::page::{self, Answer, Layout, Refused};
use crate::web::session::BrowserSession;
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

/// A user's fields as they stand in a form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct UserForm {
    pub(super) user_name: String,
    pub(super) display_name: String,
    pub(super) given_name: String,
    pub(super) family_name: String,
    pub(super) email: String,
    pub(super) title: String,
    pub(super) department: String,
    pub(super) work_phone: String,
    pub(super) mobile_phone: String,
    pub(super) locale: String,
    pub(super) time_zone: String,
    pub(super) language: String,
    pub(super) phone_number: String,
    pub(super) extension: String,
    pub(super) site: String,
    pub(super) federated_id: String,
    /// That the user name may look like another's.
    pub(super) look_alike: String,
    /// That the federated id may.
    pub(super) federated_look_alike: String,
}

impl UserForm {
    /// The form of an account as it is.
    pub(super) fn of(user: &User, emails: &[Email]) -> Self {
        let work = emails.iter().find(|email| email.kind.as_deref() == Some("work")).or(emails.first());
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let profile = &user.profile;
        Self {
            user_name: profile.user_name.clone(),
            display_name: text(&profile.display_name),
            given_name: text(&profile.given_name),
            family_name: text(&profile.family_name),
            email: work.map(|email| email.value.clone()).unwrap_or_default(),
            title: text(&profile.title),
            department: text(&profile.department),
            work_phone: text(&profile.work_phone),
            mobile_phone: text(&profile.mobile_phone),
            locale: text(&profile.locale),
            time_zone: text(&profile.time_zone),
            language: text(&profile.language),
            phone_number: text(&user.phone_number),
            extension: text(&user.extension),
            site: user.site_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            federated_id: text(&user.federated_id),
            look_alike: String::new(),
            federated_look_alike: String::new(),
        }
    }

    fn wish(&self) -> LocalProfile {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let profile = Profile {
            display_name: some(&self.display_name),
            given_name: some(&self.given_name),
            family_name: some(&self.family_name),
            title: some(&self.title),
            department: some(&self.department),
            work_phone: some(&self.work_phone),
            mobile_phone: some(&self.mobile_phone),
            locale: some(&self.locale),
            time_zone: some(&self.time_zone),
            language: some(&self.language),
            ..Profile::named(self.user_name.trim())
        };
        LocalProfile { profile, email: some(&self.email) }
    }

    /// The site that was chosen, if one was.
    fn site(&self) -> Result<Option<SiteId>, Error> {
        Ok(if self.site.is_empty() { None } else { Some(self.site.parse()?) })
    }

    fn telephony(&self) -> Telephony {
        Telephony { phone_number: Some(self.phone_number.clone()), extension: Some(self.extension.clone()) }
    }
}

#[derive(Template)]
#[template(path = "users/new.html")]
struct NewPage {
    layout: Layout,
    form: UserForm,
    sites: Vec<Site>,
    refusal: Refused,
}

pub(in crate::web::console) async fn new(layout: Layout, org: OrgHandle) -> Answer {
    ask(layout, org, UserForm::default(), None).await
}

async fn ask(layout: Layout, org: OrgHandle, form: UserForm, refusal: Option<Error>) -> Answer {
    let sites = org.read(sites::all).await?;
    let refusal = Refused(refusal);
    let page = NewPage { layout: layout.of("users").refusing(&refusal), form, sites, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(in crate::web::console) async fn create(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<UserForm>,
) -> Answer {
    let Posted(form) = form;
    let entered = form.clone();
    let made = org
        .write(current.actor(), move |tx| {
            let (user, noted) = by_hand::create(tx, entered.wish(), entered.site()?.as_ref())?.split();
            let user = by_hand::set_telephony(tx, &user.id, entered.telephony())?;
            look_alike::must_differ(tx.conn, Written::UserName, &user, !entered.look_alike.is_empty())?;
            Ok(noted.with(user.split().0))
        })
        .await;
    match made {
        Ok(user) => {
            BrowserSession::of(&request).flash("good", format!("{} was created.", user.name()));
            Ok(page::go(&format!("/users/{}", user.id)))
        }
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => ask(layout, org, form, Some(refusal)).await,
        Err(other) => Err(other.into()),
    }
}

/// Saves the profile of an account under local management.
pub(in crate::web::console) async fn change(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<UserForm>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let (wish, key, meant) = (form.wish(), id.clone(), !form.look_alike.is_empty());
    let changed = org
        .write(current.actor(), move |tx| {
            let before = users::find(tx.conn, &key)?.profile.user_name;
            let user = by_hand::change(tx, &key, wish)?;
            if user.profile.user_name != before {
                look_alike::must_differ(tx.conn, Written::UserName, &user, meant)?;
            }
            Ok(user)
        })
        .await;
    saved(request, current, layout, org, (id, form), changed).await
}

/// Saves what the console owns of every account.
pub(in crate::web::console) async fn set_telephony(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<UserForm>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let (wish, key) = (form.telephony(), id.clone());
    let changed = org.write(current.actor(), move |tx| by_hand::set_telephony(tx, &key, wish)).await;
    let kept = stored_form(&org, &id).await?;
    let form = UserForm { phone_number: form.phone_number, extension: form.extension, ..kept };
    saved(request, current, layout, org, (id, form), changed).await
}

/// Sets the name by which Entra ID knows the user, where that is not the user name.
pub(in crate::web::console) async fn set_federated_id(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<UserForm>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let (wish, key, meant) = (form.federated_id.clone(), id.clone(), !form.federated_look_alike.is_empty());
    let changed = org
        .write(current.actor(), move |tx| {
            let before = users::find(tx.conn, &key)?.federated_id;
            let user = federation::set_federated_id(tx, &key, Some(&wish))?;
            if user.federated_id != before {
                look_alike::must_differ(tx.conn, Written::FederatedId, &user, meant)?;
            }
            Ok(user)
        })
        .await;
    let form = UserForm { federated_id: form.federated_id, ..stored_form(&org, &id).await? };
    saved(request, current, layout, org, (id, form), changed).await
}

async fn stored_form(org: &OrgHandle, id: &UserId) -> Result<UserForm, Error> {
    let id = id.to_owned();
    org.read(move |conn| {
        let user = users::find(conn, &id)?;
        let emails = users::emails(conn, &id)?;
        Ok(UserForm::of(&user, &emails))
    })
    .await
}

/// Back to the user's page; with what was entered and what is wrong with it, where something is.
async fn saved(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    (id, form): (UserId, UserForm),
    outcome: Result<User, Error>,
) -> Answer {
    match outcome {
        Ok(user) => {
            let session = BrowserSession::of(&request);
            session.flash("good", format!("{} was saved.", user.name()));
            if user.waits_for_an_owner() {
                // Saving is no confirmation: this page does not show who wrote what stands there.
                let text = format!(
                    "How {} is recognised at sign-in still waits: an owner confirms it under Administrators.",
                    user.name()
                );
                session.flash("note", text);
            }
            Ok(page::go(&format!("/users/{id}")))
        }
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            show::render(current, layout, org, id, Some(form), Some(refusal)).await
        }
        refused => page::redirect_with_outcome(&request, refused, |_| String::new(), &format!("/users/{id}")),
    }
}
