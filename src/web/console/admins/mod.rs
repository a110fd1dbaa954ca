//! Administrators: who may enter the console, and as what.

use super::password_link::ShownLink;
use crate::db::Conn;
use crate::domain::admins::{self, Invitation, NewAdmin, links, passwords};
use crate::domain::users::look_alike::{self, Written};
use crate::domain::users::recognition::{self, Decision};
use crate::domain::users::{self, Held, User};
use crate::domain::{Noted, Org, Role, Tx};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::web::extract::{CurrentUser, OrgHandle, Posted, app_state};
use crate::web::page::{self, Answer, Layout, Refused};
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

mod recognised;

use recognised::Recognised;

const PATH: &str = "/administrators";

#[derive(Template)]
#[template(path = "admins/list.html")]
struct ListPage {
    layout: Layout,
    people: Vec<User>,
    form: AdminForm,
    refusal: Refused,
    /// A link that was made just now.
    link: Option<ShownLink>,
}

/// A new account with a role, or an existing one, as it stands in a form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AdminForm {
    name: String,
    user_name: String,
    password: String,
    password_again: String,
    role: String,
    appointed: String,
    /// Whether to show first how the person will be recognised.
    look: String,
    /// That the user name may look like another's.
    look_alike: String,
    #[serde(flatten)]
    recognition: recognised::Decided,
}

pub(super) async fn list(layout: Layout, org: OrgHandle) -> Answer {
    render(layout, org, AdminForm::default(), None).await
}

async fn render(layout: Layout, org: OrgHandle, form: AdminForm, refusal: Option<Error>) -> Answer {
    render_with(layout, org, form, refusal, None).await
}

async fn render_with(
    layout: Layout,
    org: OrgHandle,
    form: AdminForm,
    refusal: Option<Error>,
    link: Option<ShownLink>,
) -> Answer {
    let people = org.read(admins::list).await?;
    let refusal = Refused(refusal);
    let page =
        ListPage { layout: layout.of("administrators").refusing(&refusal), people, form, refusal, link };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn create(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<AdminForm>,
) -> Answer {
    let Posted(form) = form;
    // The page asks for no password; whoever sends one all the same, such as a script, makes an account with it.
    if !form.password.is_empty() || !form.password_again.is_empty() {
        let made = make(&current, &org, form.clone()).await;
        return answer(request, layout, org, form, made).await;
    }
    let (invitation, entered) = (form.invitation(), form.clone());
    let invited = org
        .write(current.actor(), move |tx| {
            let invited = admins::invite(tx, &invitation?)?;
            entered.tell_apart(tx.conn, &invited.0)?;
            Ok(invited)
        })
        .await;
    match invited {
        Ok((user, link)) => {
            let link = ShownLink::of(app_state(&request)?, &user, &link);
            render_with(layout, org, AdminForm::default(), None, Some(link)).await
        }
        Err(refusal) => answer(request, layout, org, form, Err(refusal)).await,
    }
}

async fn make(current: &CurrentUser, org: &OrgHandle, form: AdminForm) -> Result<User> {
    let entered = form.clone();
    let wish = org.prepare(current.requester(), move |org| form.wish(org)).await?;
    org.write(current.actor(), move |tx| {
        let user = admins::create(tx, &wish)?;
        entered.tell_apart(tx.conn, &user)?;
        Ok(user)
    })
    .await
}

/// Gives a role to a user who is here already; or shows first how they will be recognised, where that is asked for.
pub(super) async fn appoint(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<AdminForm>,
) -> Answer {
    let Posted(form) = form;
    if !form.look.is_empty() {
        return ask_to_appoint(layout, org, form, None).await;
    }
    let (entered, role, decision) = (form.clone(), role(&form.role), form.decision());
    let appointed = org
        .write(current.actor(), move |tx| {
            let user = appointee(tx.conn, &entered.appointed)?;
            let user = admins::appoint_recognised(tx, &user.id, role?, &decision)?;
            entered.tell_apart(tx.conn, &user)?;
            Ok::<_, Error>(user)
        })
        .await;
    match appointed {
        Err(refusal) if refusal.about("look_alike").is_some() => {
            ask_to_appoint(layout, org, form, Some(refusal)).await
        }
        appointed => answer(request, layout, org, form, appointed).await,
    }
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
    refusal: Refused,
}

/// How the person will be recognised, and who wrote that.
async fn ask_to_appoint(layout: Layout, org: OrgHandle, form: AdminForm, refusal: Option<Error>) -> Answer {
    let (user_name, wished) = (form.appointed.clone(), role(&form.role));
    let found = org
        .read(move |conn| {
            let user = appointee(conn, &user_name)?;
            let recognised = Recognised::of(conn, &user)?;
            let look_alike = look_alike::remark(conn, Written::UserName, &user)?;
            Ok((user, wished?, recognised, look_alike))
        })
        .await;
    match found {
        Ok((person, role, recognised, look_alike)) => {
            let (layout, remarks) = (layout.of("administrators"), remarks(&person, role));
            let refusal = Refused(refusal);
            let page = AppointPage { layout, person, role, recognised, remarks, look_alike, refusal };
            page::show_form(&page.refusal, &page.layout, &page)
        }
        Err(refusal @ Error::Invalid(_)) => render(layout, org, form, Some(refusal)).await,
        Err(other) => Err(other.into()),
    }
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

async fn answer(
    request: HttpRequest,
    layout: Layout,
    org: OrgHandle,
    form: AdminForm,
    outcome: Result<User>,
) -> Answer {
    match outcome {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render(layout, org, form, Some(refusal)).await
        }
        outcome => page::redirect_with_outcome(&request, outcome, said, PATH),
    }
}

fn said(user: &User) -> String {
    match user.role {
        Role::None => format!("{} has no role in the console any more.", user.name()),
        role => format!("{} is {} now.", user.name(), role.word().to_lowercase()),
    }
}

impl AdminForm {
    fn decision(&self) -> Decision {
        self.recognition.decision()
    }

    fn tell_apart(&self, conn: &mut Conn, user: &User) -> Result<()> {
        look_alike::must_differ(conn, Written::UserName, user, !self.look_alike.is_empty())
    }

    fn invitation(&self) -> Result<Invitation> {
        let name = if self.name.trim().is_empty() { &self.user_name } else { &self.name };
        Ok(Invitation { name: name.clone(), user_name: self.user_name.clone(), role: role(&self.role)? })
    }

    /// Slow: it makes the hash.
    fn wish(&self, org: &Org) -> Result<NewAdmin> {
        if self.password != self.password_again {
            return Err(Error::invalid(
                "password_again",
                "The two passwords differ. Enter the same one twice.",
            ));
        }
        let name = if self.name.trim().is_empty() { &self.user_name } else { &self.name };
        let role = role(&self.role)?;
        let password = passwords::prepare_new(org, &self.password, &[&self.user_name, name])?;
        Ok(NewAdmin { name: name.clone(), user_name: self.user_name.clone(), password, role })
    }
}

fn role(word: &str) -> Result<Role> {
    Role::parse(word).ok_or_else(|| Error::invalid("role", "Choose auditor, administrator or owner."))
}

#[derive(Template)]
#[template(path = "admins/show.html")]
struct PersonPage {
    layout: Layout,
    person: User,
    recognised: Recognised,
    is_self: bool,
    refusal: Refused,
    /// A link that was made just now.
    link: Option<ShownLink>,
}

pub(super) async fn show(current: CurrentUser, layout: Layout, org: OrgHandle, id: Path<UserId>) -> Answer {
    render_person(current, layout, org, id.into_inner(), None, None).await
}

async fn render_person(
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: UserId,
    refusal: Option<Error>,
    link: Option<ShownLink>,
) -> Answer {
    let (person, recognised) = org
        .read(move |conn| {
            let person = users::find(conn, &id)?;
            if person.role == Role::None {
                return Err(Error::NotFound("administrator"));
            }
            let recognised = Recognised::of(conn, &person)?;
            Ok((person, recognised))
        })
        .await?;
    let is_self = current.0.id == person.id;
    let refusal = Refused(refusal);
    let page = PersonPage {
        layout: layout.of("administrators").refusing(&refusal),
        person,
        recognised,
        is_self,
        refusal,
        link,
    };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn change_role(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<AdminForm>,
) -> Answer {
    let role = role(&form.0.role);
    let change = move |tx: &mut Tx, id: &UserId| {
        let role = role?;
        let user = users::find(tx.conn, id)?;
        if user.role == Role::None && role != Role::None {
            let cause = "Appoint a user under Administrators, where you see how they will be recognised.";
            return Err(Error::Conflict(cause.to_owned()));
        }
        admins::appoint(tx, id, role)
    };
    act(&request, current, org, id, change, said).await
}

/// Confirms how an account with a role is recognised.
pub(super) async fn confirm_recognition(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<recognised::Decided>,
) -> Answer {
    let decision = form.0.decision();
    let said = |user: &User| format!("How {} is recognised at sign-in is confirmed.", user.name());
    act(&request, current, org, id, move |tx, id| recognition::confirm(tx, id, &decision), said).await
}

/// Which way a switch is to go.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Switch {
    on: String,
}

pub(super) async fn hand_over(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<Switch>,
) -> Answer {
    let on = form.0.on == "1";
    let said = |user: &User| {
        if user.handed_over {
            format!("Entra ID may find and manage {} now.", user.name())
        } else {
            format!("{} is protected from Entra ID.", user.name())
        }
    };
    act(&request, current, org, id, move |tx, id| admins::hand_over(tx, id, on), said).await
}

/// Does one thing to an account and goes back to the list, which says what came of it.
async fn act(
    request: &HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<UserId>,
    act: impl FnOnce(&mut Tx, &UserId) -> Result<Noted<User>> + Send + 'static,
    said: impl FnOnce(&User) -> String,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| act(tx, &id)).await;
    page::redirect_with_outcome(request, outcome, said, PATH)
}

/// Makes a link by which somebody chooses a new password; sets the password where one is sent all the same.
pub(super) async fn set_password(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<UserId>,
    form: Posted<AdminForm>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let back = format!("{PATH}/{id}");
    if form.password.is_empty() && form.password_again.is_empty() {
        let key = id.clone();
        return match org.write(current.actor(), move |tx| links::make(tx, &key)).await {
            Ok((user, link)) => {
                let link = ShownLink::of(app_state(&request)?, &user, &link);
                render_person(current, layout, org, id, None, Some(link)).await
            }
            refused => page::redirect_with_outcome(&request, refused, |_| String::new(), &back),
        };
    }
    if form.password != form.password_again {
        let differ = Error::invalid("password_again", "The two passwords differ. Enter the same one twice.");
        return render_person(current, layout, org, id, Some(differ), None).await;
    }
    let key = id.clone();
    let prepared =
        org.prepare(current.requester(), move |org| passwords::prepare(org, &key, &form.password)).await;
    let set = match prepared {
        Ok(prepared) => org.write(current.actor(), move |tx| admins::set_password(tx, prepared)).await,
        Err(refusal) => Err(refusal),
    };
    match set {
        Err(refusal @ Error::Invalid(_)) => {
            render_person(current, layout, org, id, Some(refusal), None).await
        }
        outcome => {
            let said =
                |user: &User| format!("{} has a new password and is signed out everywhere.", user.name());
            page::redirect_with_outcome(&request, outcome, said, &back)
        }
    }
}
