//! Creating a user by hand, and editing what the console owns.

use super::show::page_of;
use crate::db::Conn;
use crate::domain::sites::{self, Site};
use crate::domain::users::by_hand::{self, LocalProfile, Telephony};
use crate::domain::users::look_alike::{self, Written};
use crate::domain::users::{self, Email, Profile, User, federation};
use crate::error::Result;
use crate::keys::{SiteId, UserId};
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::page::{Answer, Layout};
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};

const PATH: &str = "/users";

/// A user's profile as it stands in a form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct ProfileForm {
    user_name: String,
    display_name: String,
    given_name: String,
    family_name: String,
    email: String,
    title: String,
    department: String,
    work_phone: String,
    mobile_phone: String,
    locale: String,
    time_zone: String,
    language: String,
    /// That the user name may look like another's.
    look_alike: String,
}

/// What the console owns of every account.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct TelephonyForm {
    phone_number: String,
    extension: String,
}

/// The name by which Entra ID knows the user, where that is not the user name.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct FederatedIdForm {
    federated_id: String,
    /// That it may look like another's.
    federated_look_alike: String,
}

/// A user who is made here.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct NewUserForm {
    #[serde(flatten)]
    profile: ProfileForm,
    #[serde(flatten)]
    telephony: TelephonyForm,
    site: String,
}

impl NewUserForm {
    /// The site that was chosen, if one was.
    fn site(&self) -> Result<Option<SiteId>> {
        Ok(if self.site.is_empty() { None } else { Some(self.site.parse()?) })
    }
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

impl ProfileForm {
    pub(super) fn of(user: &User, emails: &[Email]) -> Self {
        let work = emails.iter().find(|email| email.kind.as_deref() == Some("work")).or(emails.first());
        let profile = &user.profile;
        Self {
            user_name: profile.user_name.clone(),
            display_name: text(profile.display_name.as_ref()),
            given_name: text(profile.given_name.as_ref()),
            family_name: text(profile.family_name.as_ref()),
            email: work.map(|email| email.value.clone()).unwrap_or_default(),
            title: text(profile.title.as_ref()),
            department: text(profile.department.as_ref()),
            work_phone: text(profile.work_phone.as_ref()),
            mobile_phone: text(profile.mobile_phone.as_ref()),
            locale: text(profile.locale.as_ref()),
            time_zone: text(profile.time_zone.as_ref()),
            language: text(profile.language.as_ref()),
            look_alike: String::new(),
        }
    }

    fn stored(conn: &mut Conn, id: &UserId) -> Result<Self> {
        Ok(Self::of(&users::find(conn, id)?, &users::emails(conn, id)?))
    }

    fn input(&self) -> LocalProfile {
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
}

impl TelephonyForm {
    pub(super) fn of(user: &User) -> Self {
        Self { phone_number: text(user.phone_number.as_ref()), extension: text(user.extension.as_ref()) }
    }

    fn input(&self) -> Telephony {
        Telephony { phone_number: Some(self.phone_number.clone()), extension: Some(self.extension.clone()) }
    }
}

impl FederatedIdForm {
    pub(super) fn of(user: &User) -> Self {
        Self { federated_id: text(user.federated_id.as_ref()), federated_look_alike: String::new() }
    }
}

#[derive(Template)]
#[template(path = "users/new.html")]
struct NewPage {
    layout: Layout,
    form: FormView,
    sites: Vec<(String, String)>,
}

pub(in crate::web::console) async fn new(mut page: PageContext) -> Answer {
    let sites = page.org.read(sites::all).await?;
    let form = page.form(PATH, &NewUserForm::default())?;
    let none = (String::new(), "No site yet".to_owned());
    let sites = std::iter::once(none).chain(options(sites)).collect();
    page.show("users", |layout| NewPage { layout, form, sites })
}

/// Sites as the options of a list.
pub(super) fn options(sites: Vec<Site>) -> impl Iterator<Item = (String, String)> {
    sites.into_iter().map(|site| (site.id.to_string(), site.name))
}

pub(in crate::web::console) async fn create(act: Act<NewUserForm>) -> Answer {
    act.submit(|tx, form| {
        let (user, noted) = by_hand::create(tx, form.profile.input(), form.site()?.as_ref())?.split();
        let user = by_hand::set_telephony(tx, &user.id, form.telephony.input())?;
        look_alike::must_differ(tx.conn, Written::UserName, &user, !form.profile.look_alike.is_empty())?;
        Ok(noted.with(user.split().0))
    })
    .then(|user| Redirect::to(format!("{PATH}/{}", user.id), format!("{} was created.", user.name())))
    .or_show(new)
    .await
}

/// Saves the profile of an account under local management.
pub(in crate::web::console) async fn change(act: Act<ProfileForm>, id: Path<UserId>) -> Answer {
    let (key, stored) = (id.clone(), id.clone());
    act.edit(
        move |conn| ProfileForm::stored(conn, &stored),
        move |tx, form| {
            let before = users::find(tx.conn, &key)?.profile.user_name;
            let user = by_hand::change(tx, &key, form.input())?;
            if user.profile.user_name != before {
                look_alike::must_differ(tx.conn, Written::UserName, &user, !form.look_alike.is_empty())?;
            }
            Ok(user)
        },
    )
    .then(|user| saved(&user))
    .or_show(|page| page_of(page, id.into_inner()))
    .await
}

/// Saves what the console owns of every account.
pub(in crate::web::console) async fn set_telephony(act: Act<TelephonyForm>, id: Path<UserId>) -> Answer {
    let (key, stored) = (id.clone(), id.clone());
    act.edit(
        move |conn| Ok(TelephonyForm::of(&users::find(conn, &stored)?)),
        move |tx, form| by_hand::set_telephony(tx, &key, form.input()),
    )
    .then(|user| saved(&user))
    .or_show(|page| page_of(page, id.into_inner()))
    .await
}

/// Sets the name by which Entra ID knows the user, where that is not the user name.
pub(in crate::web::console) async fn set_federated_id(act: Act<FederatedIdForm>, id: Path<UserId>) -> Answer {
    let (key, stored) = (id.clone(), id.clone());
    act.edit(
        move |conn| Ok(FederatedIdForm::of(&users::find(conn, &stored)?)),
        move |tx, form| {
            let before = users::find(tx.conn, &key)?.federated_id;
            let user = federation::set_federated_id(tx, &key, Some(&form.federated_id))?;
            if user.federated_id != before {
                let meant = !form.federated_look_alike.is_empty();
                look_alike::must_differ(tx.conn, Written::FederatedId, &user, meant)?;
            }
            Ok(user)
        },
    )
    .then(|user| saved(&user))
    .or_show(|page| page_of(page, id.into_inner()))
    .await
}

/// Back to the user's page.
fn saved(user: &User) -> Redirect {
    // Saving is no confirmation: this page does not show who wrote what stands there.
    let waits = user.waits_for_an_owner().then(|| {
        format!(
            "How {} is recognised at sign-in still waits: an owner confirms it under Administrators.",
            user.name()
        )
    });
    Redirect::to(format!("{PATH}/{}", user.id), format!("{} was saved.", user.name())).and_note(waits)
}
