//! Whom a request is about: an event about somebody or something that is known here says which.

use super::Report;
use crate::db::Conn;
use crate::domain::backups;
use crate::domain::fold;
use crate::domain::groups::{self, Group};
use crate::domain::identity::switch;
use crate::domain::in_words;
use crate::domain::users::by_entra::Scope;
use crate::domain::users::lifecycle::{self, Retired};
use crate::domain::users::{self, EntraState, Held, User};
use crate::error::Result;
use crate::keys::{GroupId, UserId};
use chrono::{DateTime, NaiveDateTime, SubsecRound};
use uuid::Uuid;

/// What a request was about, as it named it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Nobody in particular: a list, a test, what this server can do.
    #[default]
    Nothing,
    /// The user of this SCIM id.
    User(String),
    /// A look-up, by what it asks about, without what it looks for.
    Search {
        /// The method and the path.
        address: String,
        /// The attributes.
        asked: String,
    },
    /// A user to be made, by user name, and what else was sent that tells who it is.
    NewUser {
        /// The user name.
        name: String,
        /// What a create without one would be counted by.
        called: Vec<String>,
    },
    /// A user to be made without a user name, by what else was sent that tells who it is.
    NamelessUser(String),
    /// The group of this SCIM id.
    Group(String),
    /// A group to be made, by name, and what else was sent that tells which it is.
    NewGroup {
        /// The name.
        name: String,
        /// What a create without one would be counted by.
        called: Vec<String>,
    },
    /// A group to be made without a name, by what else was sent that tells which it is.
    NamelessGroup(String),
    /// Whoever presents this credential, by the key of its holder; empty where it is not known.
    Credential(String),
}

/// What is known here of what a request named.
#[derive(Clone, Debug, Default)]
pub(super) struct ResolvedSubject {
    pub(super) user_id: Option<UserId>,
    pub(super) group_id: Option<GroupId>,
    /// The name to show, also of somebody who is gone.
    pub(super) name: Option<String>,
    /// The name that nobody else has: a user name, or the name of a group.
    pub(super) unique_name: Option<String>,
    /// Why an id answers that nobody is there, and what to do about it.
    pub(super) absence: Option<Absence>,
}

/// Why an id that was issued answers "not found".
#[derive(Clone, Debug)]
pub(super) struct Absence {
    /// The kind of it, for counting.
    pub(super) cause: &'static str,
    /// What it says of all to whom it happens.
    pub(super) sentence: &'static str,
    pub(super) remedy: String,
}

impl ResolvedSubject {
    pub(super) fn of(conn: &mut Conn, about: &About) -> Result<Self> {
        match about {
            About::Nothing | About::Search { .. } | About::Credential(_) => Ok(Self::default()),
            About::User(scim_id) => of_user(conn, scim_id),
            About::Group(scim_id) => of_group(conn, scim_id),
            About::NewUser { name, .. } => Ok(Self {
                user_id: users::named(conn, name)?.map(|user| user.id),
                name: Some(name.clone()),
                unique_name: Some(name.clone()),
                ..Self::default()
            }),
            About::NamelessUser(told) | About::NamelessGroup(told) => {
                Ok(Self { name: Some(told.clone()), ..Self::default() })
            }
            About::NewGroup { name, .. } => Ok(Self {
                group_id: groups::named(conn, name)?.map(|group| group.id),
                name: Some(name.clone()),
                unique_name: Some(name.clone()),
                ..Self::default()
            }),
        }
    }
}

/// The key of the group that a request is about.
pub(super) fn group(conn: &mut Conn, about: &About) -> Result<Option<GroupId>> {
    Ok(match about {
        About::Group(scim_id) => groups::with_scim_id(conn, scim_id)?.map(|group| group.id),
        About::NewGroup { name, .. } => groups::named(conn, name)?.map(|group| group.id),
        _ => None,
    })
}

fn of_user(conn: &mut Conn, scim_id: &str) -> Result<ResolvedSubject> {
    if let Some(user) = users::with_scim_id(conn, scim_id)? {
        let absence = hidden(conn, &user)?;
        let name = Some(user.name());
        let unique_name = Some(user.profile.user_name);
        return Ok(ResolvedSubject {
            user_id: Some(user.id),
            name,
            unique_name,
            absence,
            ..ResolvedSubject::default()
        });
    }
    let Some(retired) = lifecycle::retired(conn, scim_id)? else {
        let absence = never_issued(conn, "user", scim_id)?;
        return Ok(ResolvedSubject { absence: Some(absence), ..ResolvedSubject::default() });
    };
    // An account that came into use again goes on under its name.
    let still_here = match retired.reason.as_str() {
        "deleted" => None,
        _ => users::named(conn, &retired.user_name)?.map(|user| user.id),
    };
    Ok(ResolvedSubject { user_id: still_here, ..gone(&retired) })
}

fn of_group(conn: &mut Conn, scim_id: &str) -> Result<ResolvedSubject> {
    if let Some(group) = groups::with_scim_id(conn, scim_id)? {
        return Ok(ResolvedSubject {
            absence: let_go(&group),
            group_id: Some(group.id),
            name: Some(group.name.clone()),
            unique_name: Some(group.name),
            ..ResolvedSubject::default()
        });
    }
    Ok(match groups::retired(conn, scim_id)? {
        Some(retired) => {
            let remedy = format!(
                "The group {} went on {}. Restart provisioning in Entra ID, so that it is matched or created again.",
                retired.name,
                in_words(retired.retired_at)
            );
            let sentence = "Entra ID asks for a group by an id that is gone.";
            ResolvedSubject {
                name: Some(retired.name.clone()),
                unique_name: Some(retired.name),
                absence: Some(Absence { cause: "group-gone", sentence, remedy }),
                ..ResolvedSubject::default()
            }
        }
        None => ResolvedSubject {
            absence: Some(never_issued(conn, "group", scim_id)?),
            ..ResolvedSubject::default()
        },
    })
}

fn gone(retired: &Retired) -> ResolvedSubject {
    let (cause, sentence) = if retired.reason == "deleted" {
        ("deleted-here", "The user was deleted here by hand, and Entra ID still asks for the old id.")
    } else {
        (
            "has-new-id",
            "The user came into use again under a new id, and Entra ID still asks for the old one.",
        )
    };
    ResolvedSubject {
        name: Some(retired.user_name.clone()),
        unique_name: Some(retired.user_name.clone()),
        absence: Some(Absence { cause, sentence, remedy: retired.remedy() }),
        ..ResolvedSubject::default()
    }
}

/// Why an id is not known here. Ids tell when they were given out (RFC 9562 section 5.7): one that is later than the
/// backup which was put back was given out by the database that it took the place of.
fn never_issued(conn: &mut Conn, what: &str, scim_id: &str) -> Result<Absence> {
    let restored = backups::put_back(conn)?;
    let is_lost =
        |back: &backups::PutBack| issued_at(scim_id).is_some_and(|at| at >= back.made_at.trunc_subsecs(0));
    if let Some(back) = restored.filter(is_lost) {
        let remedy = format!(
            "The backup of {} was put back on {}, and this {what} was given its id in between. Restart provisioning in \
             Entra ID, so that everybody is matched by name again, and whoever is missing is created.",
            in_words(back.made_at),
            in_words(back.at)
        );
        let sentence =
            "Entra ID asks for an id that was given out after the backup was made which is in use now.";
        return Ok(Absence { cause: "after-backup", sentence, remedy });
    }
    let remedy = format!(
        "No {what} had this id here. It may come from another instance, or from before a backup was put back: restart \
         provisioning in Entra ID, so that everybody is matched again."
    );
    let sentence = "Entra ID asks for an id that was never issued here.";
    Ok(Absence { cause: "unknown-id", sentence, remedy })
}

/// When an id was given out, if it was one of ours.
fn issued_at(scim_id: &str) -> Option<NaiveDateTime> {
    let (seconds, _) = Uuid::parse_str(scim_id).ok()?.get_timestamp()?.to_unix();
    Some(DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?.naive_utc())
}

/// Why Entra ID does not see an account that is there.
fn hidden(conn: &mut Conn, user: &User) -> Result<Option<Absence>> {
    let absence = |cause, sentence, remedy| Some(Absence { cause, sentence, remedy });
    if user.is_protected() {
        let sentence = "Entra ID asks for a protected owner, whom it neither sees nor changes.";
        return Ok(absence("protected", sentence, hand_over(user)));
    }
    if user.entra_state == EntraState::Deleted || user.held == Some(Held::Delete) {
        let remedy = format!(
            "Entra ID deleted {} before. If the person is back, restart provisioning in Entra ID: the account is then \
             taken over again, under a new id. If not, unassign the user there.",
            user.name()
        );
        let sentence = "Entra ID asks for a user whom it deleted before.";
        return Ok(absence("deleted-in-entra", sentence, remedy));
    }
    if user.is_linked() || switch::read(conn)?.scope == Scope::AllUsers {
        return Ok(None);
    }
    let remedy = "The account was made here, and Entra ID may link only users that it created. Let it link all users, \
                  under Identity Management, or take the person out of the scope in Entra ID.";
    let sentence = "Entra ID asks for a user who was made here, and may see only those that it created.";
    Ok(absence("out-of-scope", sentence, remedy.to_owned()))
}

fn let_go(group: &Group) -> Option<Absence> {
    (!group.linked || group.held_at.is_some()).then(|| {
        let remedy = format!(
            "Entra ID deleted the group {} before. Restart provisioning there, so that it is created again.",
            group.name
        );
        let sentence = "Entra ID asks for a group that it deleted before.";
        Absence { cause: "group-deleted-in-entra", sentence, remedy }
    })
}

/// What to do where Entra ID wants the user name of an account that is there already.
///
/// For the console's log only: a SCIM client is told no more than that the name is taken.
#[must_use]
pub fn remedy_for_namesake(user: &User) -> String {
    if user.is_protected() {
        return hand_over(user);
    }
    if let Some(remedy) = decide_held_name(user) {
        return remedy;
    }
    match user.entra_state {
        EntraState::Unlinked => {
            "Link the account under Users, Waiting to be linked. Entra ID finds it at its next try."
                .to_owned()
        }
        _ => "Match users by userName in Entra ID, so that the existing user is found before one is created."
            .to_owned(),
    }
}

/// What to do where Entra ID would give an account (`own` is its key, if it has one yet) the user name of another: one that it has, that
/// waits to be released, or by which single sign-on knows somebody with a role.
pub fn remedy_for_rename(conn: &mut Conn, user_name: &str, own: Option<&UserId>) -> Result<Option<String>> {
    let others = |user: &User| own != Some(&user.id);
    if let Some(holder) = users::named(conn, user_name)?.filter(others) {
        return Ok(Some(remedy_against(&holder)));
    }
    if let Some(known) = users::role_holder_known_as(conn, user_name)?.filter(others) {
        return Ok(Some(remedy_for_federated(&known)));
    }
    let waiting = users::waiting_for_name(conn, user_name)?.filter(others);
    Ok(waiting
        .and_then(|user| if user.is_protected() { Some(hand_over(&user)) } else { decide_held_name(&user) }))
}

/// Where the holder's own new name waits, nothing but a decision on it frees, or settles, the name.
fn decide_held_name(holder: &User) -> Option<String> {
    let new = holder.held_name.as_deref()?;
    Some(format!(
        "“{}” (“{}”) is to be called “{new}”, which is held back. Release it, or keep the old name, under Held back.",
        holder.name(),
        holder.profile.user_name
    ))
}

fn remedy_against(holder: &User) -> String {
    if holder.is_protected() {
        return hand_over(holder);
    }
    if let Some(remedy) = decide_held_name(holder) {
        return remedy;
    }
    format!(
        "“{}” has this user name here (“{}”). Give one of the two another name, in Entra ID or here; or delete the \
         account that is not needed any more.",
        holder.name(),
        holder.profile.user_name
    )
}

/// What to do where Entra ID would give an account the name by which single sign-on knows another that has a role.
fn remedy_for_federated(holder: &User) -> String {
    format!(
        "“{}” (“{}”) has a role here and this name as federated id. If it is the same person, make it that account's user \
         name, or take the person out of the scope in Entra ID; otherwise correct the federated id.",
        holder.name(),
        holder.profile.user_name
    )
}

/// Names stand between quotation marks: what fails is counted without them.
fn hand_over(user: &User) -> String {
    format!(
        "The account “{}” of “{}” belongs to a protected owner, whom Entra ID neither sees nor changes. Hand the account \
         over under Administrators, or take the person out of the scope in Entra ID.",
        user.profile.user_name,
        user.name()
    )
}

/// What failures are counted by: the person or the group, else the name or the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) kind: super::troubles::Kind,
    pub(super) key: String,
}

impl Thing {
    /// The thing of a request. Reads and writes settle each other's failures in no case.
    pub(super) fn of(report: &Report) -> Self {
        use super::troubles::Kind;
        let class = if report.operation.is_read() { "read" } else { "write" };
        let (kind, key) = match (&report.about, &report.user_id, &report.group_id) {
            (About::Credential(holder), ..) => {
                return Self { kind: Kind::Credential, key: credential(holder) };
            }
            (_, Some(user), _) => (Kind::User, users::troubles::thing_of(user)),
            (_, _, Some(group)) => (Kind::Group, format!("group {group}")),
            (About::User(id), ..) => (Kind::User, format!("user id {id}")),
            (About::NewUser { name, .. }, ..) => (Kind::User, format!("user name {}", fold(name))),
            (About::NamelessUser(told), ..) => (Kind::User, format!("user called {}", fold(told))),
            (About::NamelessGroup(told), ..) => (Kind::Group, format!("group called {}", fold(told))),
            (About::Group(id), ..) => (Kind::Group, format!("group id {id}")),
            (About::NewGroup { name, .. }, ..) => (Kind::Group, format!("group name {}", fold(name))),
            (About::Search { address, asked }, ..) => {
                (Kind::Request, format!("request {address} by {asked}"))
            }
            (About::Nothing, ..) => {
                let line = report.request.as_deref().and_then(|request| request.lines().next());
                // What is looked for differs from request to request, and what is wrong with it does not.
                let line = line.and_then(|line| line.split('?').next()).unwrap_or(report.operation.as_str());
                (Kind::Request, format!("request {line}"))
            }
        };
        Self { kind, key: super::cut(&format!("{class} {key}"), super::LONGEST_TEXT) }
    }

    /// With what begins every look-up at the address of this one.
    pub(super) fn look_ups_beside(report: &Report) -> Option<String> {
        match &report.about {
            About::Search { address, .. } => Some(format!("read request {address} by ")),
            _ => None,
        }
    }

    /// All under which an earlier failure may stand that this success settles.
    pub(super) fn resolved_by(report: &Report) -> Vec<String> {
        let mut settled = vec![Self::of(report).key];
        if report.user_id.is_some() || report.group_id.is_some() {
            let unknown = Report { user_id: None, group_id: None, ..report.clone() };
            settled.push(Self::of(&unknown).key);
        }
        settled.extend(without_name(report).into_iter().map(|key| super::cut(&key, super::LONGEST_TEXT)));
        if let Some(token) = &report.token_id {
            settled.extend([credential(token), credential("")]);
        }
        settled
    }
}

/// Under what a create that goes well failed before, while its name was missing or its body could not be read.
fn without_name(report: &Report) -> Vec<String> {
    let (kind, endpoint, called) = match &report.about {
        About::NewUser { called, .. } => ("user", "/Users", called),
        About::NewGroup { called, .. } => ("group", "/Groups", called),
        _ => return Vec::new(),
    };
    let called = called.iter().map(|told| format!("write {kind} called {}", fold(told)));
    called.chain([endpoint, "/Bulk"].map(|address| format!("write request POST {address}"))).collect()
}

fn credential(holder: &str) -> String {
    super::cut(&format!("credential {holder}"), super::LONGEST_TEXT)
}
