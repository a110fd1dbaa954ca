//! Administrators: who may enter the console, and as what.

use super::password_link::ShownLink;
use crate::db::Conn;
use crate::domain::admins::{self, Invitation, Wish, links, passwords};
use crate::domain::users::recognition::{self, Decision};
use crate::domain::users::{self, User};
use crate::domain::{Org, Role, Tx};
use crate::error::{Error, Result};
use crate::web::extract::{Desk, Posted, Signed, house};
use crate::web::page::{self, Answer, Frame, Refused};
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
    frame: Frame,
    people: Vec<User>,
    form: Form,
    refusal: Refused,
    /// A link that was made just now.
    link: Option<ShownLink>,
}

/// A new account with a role, or an existing one, as it stands in a form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    name: String,
    user_name: String,
    password: String,
    password_again: String,
    role: String,
    appointed: String,
    /// Whether to show first how the person will be recognised.
    look: String,
    #[serde(flatten)]
    recognition: recognised::Decided,
}

pub(super) async fn list(frame: Frame, desk: Desk) -> Answer {
    render(frame, desk, Form::default(), None).await
}

async fn render(frame: Frame, desk: Desk, form: Form, refusal: Option<Error>) -> Answer {
    render_with(frame, desk, form, refusal, None).await
}

async fn render_with(
    frame: Frame,
    desk: Desk,
    form: Form,
    refusal: Option<Error>,
    link: Option<ShownLink>,
) -> Answer {
    let people = desk.read(admins::list).await?;
    let refusal = Refused(refusal);
    let page = ListPage { frame: frame.of("administrators"), people, form, refusal, link };
    page::show_as(page.refusal.status(), &page.frame, &page)
}

pub(super) async fn create(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Form>,
) -> Answer {
    let Posted(form) = form;
    // The page asks for no password; whoever sends one all the same, such as a script, makes an account with it.
    if !form.password.is_empty() || !form.password_again.is_empty() {
        let made = make(&signed, &desk, form.clone()).await;
        return answer(request, frame, desk, form, made).await;
    }
    let invitation = form.invitation();
    let invited = desk.write(signed.actor(), move |tx| admins::invite(tx, &invitation?)).await;
    match invited {
        Ok((user, link)) => {
            let link = ShownLink::of(house(&request)?, &user, &link);
            render_with(frame, desk, Form::default(), None, Some(link)).await
        }
        Err(refusal) => answer(request, frame, desk, form, Err(refusal)).await,
    }
}

async fn make(signed: &Signed, desk: &Desk, form: Form) -> Result<User> {
    let wish = desk.prepare(signed.line(), move |org| form.wish(org)).await?;
    desk.write(signed.actor(), move |tx| admins::create(tx, &wish)).await
}

/// Gives a role to a user who is here already; or shows first how they will be recognised, where that is asked for.
pub(super) async fn appoint(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    form: Posted<Form>,
) -> Answer {
    let Posted(form) = form;
    if !form.look.is_empty() {
        return ask_to_appoint(frame, desk, form).await;
    }
    let (user_name, role, decision) = (form.appointed.clone(), role(&form.role), form.decision());
    let appointed = desk
        .write(signed.actor(), move |tx| {
            let user = appointee(tx.conn, &user_name)?;
            admins::appoint_recognised(tx, &user.id, role?, &decision)
        })
        .await;
    answer(request, frame, desk, form, appointed).await
}

fn appointee(conn: &mut Conn, user_name: &str) -> Result<User> {
    let unknown = || Error::invalid("appointed", "There is no user of this name. Check the list of users.");
    users::named(conn, user_name)?.ok_or_else(unknown)
}

#[derive(Template)]
#[template(path = "admins/appoint.html")]
struct AppointPage {
    frame: Frame,
    person: User,
    role: Role,
    recognised: Recognised,
}

/// How the person will be recognised, and who wrote that.
async fn ask_to_appoint(frame: Frame, desk: Desk, form: Form) -> Answer {
    let (user_name, wished) = (form.appointed.clone(), role(&form.role));
    let found = desk
        .read(move |conn| {
            let user = appointee(conn, &user_name)?;
            let recognised = Recognised::of(conn, &user)?;
            Ok((user, wished?, recognised))
        })
        .await;
    match found {
        Ok((person, role, recognised)) => {
            let page = AppointPage { frame: frame.of("administrators"), person, role, recognised };
            page::show(&page.frame, &page)
        }
        Err(refusal @ Error::Invalid(_)) => render(frame, desk, form, Some(refusal)).await,
        Err(other) => Err(other.into()),
    }
}

async fn answer(request: HttpRequest, frame: Frame, desk: Desk, form: Form, outcome: Result<User>) -> Answer {
    match outcome {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render(frame, desk, form, Some(refusal)).await
        }
        outcome => page::settle(&request, outcome, said, PATH),
    }
}

fn said(user: &User) -> String {
    match user.role {
        Role::None => format!("{} has no role in the console any more.", user.name()),
        role => format!("{} is {} now.", user.name(), role.word().to_lowercase()),
    }
}

impl Form {
    fn decision(&self) -> Decision {
        self.recognition.decision()
    }

    fn invitation(&self) -> Result<Invitation> {
        let name = if self.name.trim().is_empty() { &self.user_name } else { &self.name };
        Ok(Invitation { name: name.clone(), user_name: self.user_name.clone(), role: role(&self.role)? })
    }

    /// Slow: it makes the hash.
    fn wish(&self, org: &Org) -> Result<Wish> {
        if self.password != self.password_again {
            return Err(Error::invalid(
                "password_again",
                "The two passwords differ. Enter the same one twice.",
            ));
        }
        let name = if self.name.trim().is_empty() { &self.user_name } else { &self.name };
        let role = role(&self.role)?;
        let password = passwords::prepare_new(org, &self.password, &[&self.user_name, name])?;
        Ok(Wish { name: name.clone(), user_name: self.user_name.clone(), password, role })
    }
}

fn role(word: &str) -> Result<Role> {
    Role::parse(word).ok_or_else(|| Error::invalid("role", "Choose auditor, administrator or owner."))
}

#[derive(Template)]
#[template(path = "admins/show.html")]
struct PersonPage {
    frame: Frame,
    person: User,
    recognised: Recognised,
    is_self: bool,
    refusal: Refused,
    /// A link that was made just now.
    link: Option<ShownLink>,
}

pub(super) async fn show(signed: Signed, frame: Frame, desk: Desk, id: Path<String>) -> Answer {
    render_person(signed, frame, desk, id.into_inner(), None, None).await
}

async fn render_person(
    signed: Signed,
    frame: Frame,
    desk: Desk,
    id: String,
    refusal: Option<Error>,
    link: Option<ShownLink>,
) -> Answer {
    let (person, recognised) = desk
        .read(move |conn| {
            let person = users::find(conn, &id)?;
            if person.role == Role::None {
                return Err(Error::NotFound("administrator"));
            }
            let recognised = Recognised::of(conn, &person)?;
            Ok((person, recognised))
        })
        .await?;
    let is_self = signed.0.id == person.id;
    let refusal = Refused(refusal);
    let page = PersonPage { frame: frame.of("administrators"), person, recognised, is_self, refusal, link };
    page::show_as(page.refusal.status(), &page.frame, &page)
}

pub(super) async fn change_role(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    form: Posted<Form>,
) -> Answer {
    let role = role(&form.0.role);
    let change = move |tx: &mut Tx, id: &str| {
        let role = role?;
        let user = users::find(tx.conn, id)?;
        if user.role == Role::None && role != Role::None {
            let cause = "Appoint a user under Administrators, where you see how they will be recognised.";
            return Err(Error::Conflict(cause.to_owned()));
        }
        admins::appoint(tx, id, role)
    };
    act(&request, signed, desk, id, change, said).await
}

/// Confirms how an account with a role is recognised.
pub(super) async fn confirm_recognition(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    form: Posted<recognised::Decided>,
) -> Answer {
    let decision = form.0.decision();
    let said = |user: &User| format!("How {} is recognised at sign-in is confirmed.", user.name());
    act(&request, signed, desk, id, move |tx, id| recognition::confirm(tx, id, &decision), said).await
}

/// Which way a switch is to go.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Switch {
    on: String,
}

pub(super) async fn hand_over(
    request: HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
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
    act(&request, signed, desk, id, move |tx, id| admins::hand_over(tx, id, on), said).await
}

/// Does one thing to an account and goes back to the list, which says what came of it.
async fn act(
    request: &HttpRequest,
    signed: Signed,
    desk: Desk,
    id: Path<String>,
    act: impl FnOnce(&mut Tx, &str) -> Result<User> + Send + 'static,
    said: impl FnOnce(&User) -> String,
) -> Answer {
    let outcome = desk.write(signed.actor(), move |tx| act(tx, &id)).await;
    page::settle(request, outcome, said, PATH)
}

/// Makes a link by which somebody chooses a new password; sets the password where one is sent all the same.
pub(super) async fn set_password(
    request: HttpRequest,
    signed: Signed,
    frame: Frame,
    desk: Desk,
    id: Path<String>,
    form: Posted<Form>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let back = format!("{PATH}/{id}");
    if form.password.is_empty() && form.password_again.is_empty() {
        let key = id.clone();
        return match desk.write(signed.actor(), move |tx| links::make(tx, &key)).await {
            Ok((user, link)) => {
                let link = ShownLink::of(house(&request)?, &user, &link);
                render_person(signed, frame, desk, id, None, Some(link)).await
            }
            refused => page::settle(&request, refused, |_| String::new(), &back),
        };
    }
    if form.password != form.password_again {
        let differ = Error::invalid("password_again", "The two passwords differ. Enter the same one twice.");
        return render_person(signed, frame, desk, id, Some(differ), None).await;
    }
    let key = id.clone();
    let prepared =
        desk.prepare(signed.line(), move |org| passwords::prepare(org, &key, &form.password)).await;
    let set = match prepared {
        Ok(prepared) => desk.write(signed.actor(), move |tx| admins::set_password(tx, prepared)).await,
        Err(refusal) => Err(refusal),
    };
    match set {
        Err(refusal @ Error::Invalid(_)) => render_person(signed, frame, desk, id, Some(refusal), None).await,
        outcome => {
            let said =
                |user: &User| format!("{} has a new password and is signed out everywhere.", user.name());
            page::settle(&request, outcome, said, &back)
        }
    }
}
