//! Administrators: who may enter the console, and as what.

use super::password_link::ShownLink;
use crate::db::Conn;
use crate::domain::admins::{self, Invitation, NewAdmin, links, passwords};
use crate::domain::users::look_alike::{self, Written};
use crate::domain::users::recognition;
use crate::domain::users::{self, Held, User};
use crate::domain::{Noted, Org, Role, Tx};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::secret::Secret;
use crate::web::extract::{OrgHandle, app_state};
use crate::web::forms::{Act, FormView, PageContext, Redirect};
use crate::web::page::{Answer, Layout};
use actix_web::web::Path;
use askama::Template;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod recognised;

use recognised::Recognised;

const PATH: &str = "/administrators";

#[derive(Template)]
#[template(path = "admins/list.html")]
struct ListPage {
    layout: Layout,
    people: Vec<User>,
    form: FormView,
    appoint: FormView,
    roles: [(&'static str, &'static str); 3],
    /// A link that was made just now.
    link: Option<ShownLink>,
}

/// The roles, the one first that most people get.
const ROLES: [(&str, &str); 3] =
    [("administrator", "Administrator"), ("auditor", "Auditor"), ("owner", "Owner")];

/// A new account with a role.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NewAdminForm {
    name: String,
    user_name: String,
    /// The page has no field for these: a script sends them.
    #[serde(skip_serializing)]
    password: Secret,
    #[serde(skip_serializing)]
    password_again: Secret,
    role: String,
    /// That the user name may look like another's.
    look_alike: String,
}

/// A user who is here already and is to get a role.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AppointForm {
    appointed: String,
    role: String,
    /// Whether to show first how the person will be recognised.
    look: String,
    /// That the user name may look like another's.
    look_alike: String,
    #[serde(flatten)]
    recognition: recognised::Decided,
}

/// What of it stands on the page.
#[derive(Default, Serialize)]
struct Appointee {
    appointed: String,
    role: String,
}

pub(super) async fn list(page: PageContext) -> Answer {
    list_with(page, None).await
}

async fn list_with(mut page: PageContext, link: Option<ShownLink>) -> Answer {
    let people = page.org.read(admins::list).await?;
    let form = page.form(PATH, &NewAdminForm::default())?;
    let appoint = page.form(&format!("{PATH}/appoint"), &Appointee::default())?;
    page.show("administrators", |layout| ListPage { layout, people, form, appoint, roles: ROLES, link })
}

pub(super) async fn create(act: Act<NewAdminForm>) -> Answer {
    // The page asks for no password; whoever sends one all the same, such as a script, makes an account with it.
    if !act.input().password.expose().is_empty() || !act.input().password_again.expose().is_empty() {
        return act
            .submit_prepared(
                |org, form| Ok((form.with_password(org)?, !form.look_alike.is_empty())),
                |tx, (new, is_meant)| {
                    let user = admins::create(tx, &new).map_err(by_field)?;
                    look_alike::must_differ(tx.conn, Written::UserName, &user, is_meant)?;
                    Ok(user)
                },
            )
            .then(|user| Redirect::to(PATH, said(&user)))
            .or_show(list)
            .await;
    }
    act.submit(|tx, form| {
        let invited = admins::invite(tx, &form.invitation()?).map_err(by_field)?;
        let is_meant = !form.look_alike.is_empty();
        look_alike::must_differ(tx.conn, Written::UserName, &invited.0, is_meant)?;
        Ok(invited)
    })
    .shown_by(|page, invited| async move {
        let link = invited.map(|(user, link)| shown_link(&page, &user, &link)).transpose()?;
        list_with(page, link).await
    })
    .await
}

/// The form calls the display name a name.
fn by_field(refusal: Error) -> Error {
    refusal.renamed("display_name", "name")
}

fn shown_link(page: &PageContext, user: &User, link: &links::Link) -> Result<ShownLink> {
    Ok(ShownLink::of(app_state(&page.request)?, user, link))
}

/// Gives a role to a user who is here already; or shows first how they will be recognised, where that is asked for.
pub(super) async fn appoint(act: Act<AppointForm>) -> Answer {
    let (user_name, role) = (act.input().appointed.clone(), act.input().role.clone());
    if !act.input().look.is_empty() {
        return match find_appointee(act.org(), user_name, role).await {
            Ok(found) => ask_to_appoint(act.page()?, found),
            Err(refusal) => act.answer(Err(refusal), list).await,
        };
    }
    act.submit(|tx, form| {
        let user = appointee(tx.conn, &form.appointed)?;
        let user =
            admins::appoint_recognised(tx, &user.id, role_of(&form.role)?, &form.recognition.decision())?;
        look_alike::must_differ(tx.conn, Written::UserName, &user, !form.look_alike.is_empty())?;
        Ok(user)
    })
    .then(|user| Redirect::to(PATH, said(&user)))
    .or_show(|page| async move {
        if page.refuses("look_alike") {
            let found = find_appointee(&page.org, user_name, role).await?;
            return ask_to_appoint(page, found);
        }
        list(page).await
    })
    .await
}

/// The user of exactly this name: whose name only reads alike is another.
fn appointee(conn: &mut Conn, user_name: &str) -> Result<User> {
    if let Some(user) = users::called(conn, user_name)? {
        return Ok(user);
    }
    let alike: Vec<User> = match users::named(conn, user_name)? {
        Some(other) => vec![other],
        None => {
            let found = users::all_looking_like(conn, &[user_name])?;
            found.others(user_name, None).into_iter().take(3).cloned().collect()
        }
    };
    let alike = alike.into_iter().map(|other| {
        let (whose, its) = (other.name(), other.profile.user_name);
        format!(" The one of {whose} looks like it, but is written with other characters: “{its}”.")
    });
    let alike: String = alike.collect();
    let message = format!("There is no user of this name. Check the list of users.{alike}");
    Err(Error::invalid("appointed", message))
}

#[derive(Template)]
#[template(path = "admins/appoint.html")]
struct AppointPage {
    layout: Layout,
    person: User,
    role: Role,
    recognised: Recognised,
    /// What else the owner should know.
    remarks: Vec<String>,
    /// That the user name looks like another's.
    look_alike: Option<String>,
}

/// Somebody who is to be appointed: as what, how they will be recognised, and whose name theirs looks like.
type Found = (User, Role, Recognised, Option<String>);

async fn find_appointee(org: &OrgHandle, user_name: String, role: String) -> Result<Found> {
    org.read(move |conn| {
        let user = appointee(conn, &user_name)?;
        let recognised = Recognised::of(conn, &user)?;
        let look_alike = look_alike::remark(conn, Written::UserName, &user)?;
        Ok((user, role_of(&role)?, recognised, look_alike))
    })
    .await
}

/// How the person will be recognised, and who wrote that.
fn ask_to_appoint(page: PageContext, (person, role, recognised, look_alike): Found) -> Answer {
    let remarks = remarks(&person, role);
    page.show("administrators", |layout| AppointPage {
        layout,
        person,
        role,
        recognised,
        remarks,
        look_alike,
    })
}

/// What an owner should know of somebody before they get a role.
fn remarks(person: &User, role: Role) -> Vec<String> {
    let mut held = Vec::new();
    held.extend(person.held.map(|held| match held {
        Held::Delete => "delete this user".to_owned(),
        Held::Deactivate => "deactivate this user".to_owned(),
    }));
    held.extend(person.held_name.as_ref().map(|name| format!("change the user name to “{name}”")));
    let then = match role {
        Role::Owner => "An owner is protected from Entra ID, so it will not be done.",
        _ => "It waits on, under Held back.",
    };
    let held = held.into_iter().map(|wish| format!("Entra ID asked to {wish}, which is held back. {then}"));
    let inactive = (!person.active).then(|| "The account is deactivated, and stays so.".to_owned());
    held.chain(inactive).collect()
}

fn said(user: &User) -> String {
    match user.role {
        Role::None => format!("{} has no role in the console any more.", user.name()),
        role => format!("{} is {} now.", user.name(), role.word().to_lowercase()),
    }
}

impl NewAdminForm {
    fn name(&self) -> &str {
        if self.name.trim().is_empty() { &self.user_name } else { &self.name }
    }

    fn invitation(&self) -> Result<Invitation> {
        let (name, user_name) = (self.name().to_owned(), self.user_name.clone());
        Ok(Invitation { name, user_name, role: role_of(&self.role)? })
    }

    /// Slow: it makes the hash.
    fn with_password(&self, org: &Org) -> Result<NewAdmin> {
        if self.password != self.password_again {
            return Err(Error::invalid(
                "password_again",
                "The two passwords differ. Enter the same one twice.",
            ));
        }
        let role = role_of(&self.role)?;
        let password = passwords::prepare_new(org, &self.password, &[&self.user_name, self.name()])?;
        Ok(NewAdmin { name: self.name().to_owned(), user_name: self.user_name.clone(), password, role })
    }
}

fn role_of(word: &str) -> Result<Role> {
    Role::parse(word).ok_or_else(|| Error::invalid("role", "Choose auditor, administrator or owner."))
}

#[derive(Template)]
#[template(path = "admins/show.html")]
struct PersonPage {
    layout: Layout,
    person: User,
    recognised: Recognised,
    is_self: bool,
    role: FormView,
    password: FormView,
    roles: [(&'static str, &'static str); 4],
    /// A link that was made just now.
    link: Option<ShownLink>,
}

/// The role as it stands in a form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RoleForm {
    role: String,
}

/// A password for somebody else, which only a script sends: the page asks for none.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PasswordForm {
    #[serde(skip_serializing)]
    password: Secret,
    #[serde(skip_serializing)]
    password_again: Secret,
}

pub(super) async fn show(page: PageContext, id: Path<UserId>) -> Answer {
    person(page, id.into_inner(), None).await
}

async fn person(mut page: PageContext, id: UserId, link: Option<ShownLink>) -> Answer {
    let current = page.current()?;
    let (person, recognised) = page
        .org
        .read(move |conn| {
            let person = users::find(conn, &id)?;
            if person.role == Role::None {
                return Err(Error::NotFound("administrator"));
            }
            let recognised = Recognised::of(conn, &person)?;
            Ok((person, recognised))
        })
        .await?;
    let path = format!("{PATH}/{}", person.id);
    let role = page.edit(&format!("{path}/role"), &RoleForm { role: person.role.as_str().to_owned() })?;
    let password = page.form(&format!("{path}/password"), &PasswordForm::default())?;
    let [administrator, auditor, owner] = ROLES;
    page.show("administrators", |layout| PersonPage {
        layout,
        is_self: current.0.id == person.id,
        person,
        recognised,
        role,
        password,
        roles: [owner, administrator, auditor, ("none", "No role: an ordinary user")],
        link,
    })
}

pub(super) async fn change_role(act: Act<RoleForm>, id: Path<UserId>) -> Answer {
    let change = |tx: &mut Tx, id: &UserId, form: &RoleForm| {
        let role = role_of(&form.role)?;
        let user = users::find(tx.conn, id)?;
        if user.role == Role::None && role != Role::None {
            let cause = "Appoint a user under Administrators, where you see how they will be recognised.";
            return Err(Error::Conflict(cause.to_owned()));
        }
        admins::appoint(tx, id, role)
    };
    on_person(act, id, change, said).await
}

/// Confirms how an account with a role is recognised.
pub(super) async fn confirm_recognition(act: Act<recognised::Decided>, id: Path<UserId>) -> Answer {
    let said = |user: &User| format!("How {} is recognised at sign-in is confirmed.", user.name());
    on_person(act, id, |tx, id, form| recognition::confirm(tx, id, &form.decision()), said).await
}

/// Which way a switch is to go.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Switch {
    on: String,
}

pub(super) async fn hand_over(act: Act<Switch>, id: Path<UserId>) -> Answer {
    let said = |user: &User| {
        if user.handed_over {
            format!("Entra ID may find and manage {} now.", user.name())
        } else {
            format!("{} is protected from Entra ID.", user.name())
        }
    };
    on_person(act, id, |tx, id, form| admins::hand_over(tx, id, form.on == "1"), said).await
}

/// Does one thing to an account and goes back to the list, which says what came of it.
async fn on_person<F: DeserializeOwned + Send + 'static>(
    act: Act<F>,
    id: Path<UserId>,
    rule: impl FnOnce(&mut Tx, &UserId, &F) -> Result<Noted<User>> + Send + 'static,
    said: impl FnOnce(&User) -> String + Send + 'static,
) -> Answer {
    let key = id.clone();
    act.submit(move |tx, form| rule(tx, &key, form))
        .then(move |user| Redirect::to(PATH, said(&user)))
        .or_show(|page| person(page, id.into_inner(), None))
        .await
}

/// Makes a link by which somebody chooses a new password; sets the password where one is sent all the same.
pub(super) async fn set_password(act: Act<PasswordForm>, id: Path<UserId>) -> Answer {
    let (id, key) = (id.clone(), id.into_inner());
    if act.input().password.expose().is_empty() && act.input().password_again.expose().is_empty() {
        return act
            .submit(move |tx, _| links::make(tx, &key))
            .shown_by(|page, made| async move {
                let link = made.map(|(user, link)| shown_link(&page, &user, &link)).transpose()?;
                person(page, id, link).await
            })
            .await;
    }
    let back = format!("{PATH}/{id}");
    act.submit_prepared(
        move |org, form| {
            if form.password != form.password_again {
                let cause = "The two passwords differ. Enter the same one twice.";
                return Err(Error::invalid("password_again", cause));
            }
            passwords::prepare(org, &key, &form.password)
        },
        admins::set_password,
    )
    .then(|user| {
        let said = format!("{} has a new password and is signed out everywhere.", user.name());
        Redirect::to(back, said)
    })
    .or_show(|page| person(page, id, None))
    .await
}
