//! What an administrator does to an account that Entra ID does not own, or not all of.

use super::profile::email_changes;
use super::recognition;
use super::{
    Email, EntraState, Held, Origin, Profile, User, emails, find, insert, may_decide, note, returning, store,
    troubles,
};
use crate::characters;
use crate::db::Conn;
use crate::db::schema::{link_requests, users};
use crate::domain::audit::{self, Action, Change, Kind};
use crate::domain::deprovisioning_guard::{self, Loss};
use crate::domain::page::{At, Page};
use crate::domain::tasks::{self, Kind as Work, Slice, Step, Task, WorkItem};
use crate::domain::{Noted, Role, Tx, new_id, sites};
use crate::error::{Complaint, Error, Result};
use crate::keys::{SiteId, UserId};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

const LONGEST_PHONE_NUMBER: usize = 32;
const LONGEST_EXTENSION: usize = 10;
/// The longest path of an e-mail address, without its brackets (RFC 5321 section 4.5.3.1.3).
const LONGEST_ADDRESS: usize = 254;

/// What an administrator may enter for an account under local management.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalProfile {
    /// The profile; `more`, `external_id` and `manager` are kept as they are.
    pub profile: Profile,
    /// The work e-mail address.
    pub email: Option<String>,
}

/// What the console owns of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telephony {
    /// The telephone number.
    pub phone_number: Option<String>,
    /// The extension.
    pub extension: Option<String>,
}

/// A create from Entra ID that met an account which is not linked.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = link_requests)]
pub struct LinkRequest {
    id: String,
    /// The account.
    pub user_id: UserId,
    /// The external id that Entra ID sent.
    pub external_id: Option<String>,
    /// How often Entra ID has tried.
    pub attempts: i32,
    /// When it first did, in UTC.
    pub first_at: NaiveDateTime,
    /// When it last did, in UTC.
    pub last_at: NaiveDateTime,
}

/// Makes an account by hand, with a site if one is given.
pub fn create(tx: &mut Tx, wish: LocalProfile, site: Option<&SiteId>) -> Result<Noted<User>> {
    let profile = Profile { more: "{}".to_owned(), ..wish.profile };
    profile.check()?;
    profile.check_characters(None)?;
    let emails = work_email(wish.email.as_deref())?;
    let user = User::new(tx, profile, Origin::Console);
    let user = insert(tx, user, &emails)?;
    let noted = note(tx, Action::UserCreated, &user, &[])?;
    match site {
        Some(site) => set_site(tx, &user.id, site),
        None => Ok(noted.with(user)),
    }
}

/// Changes the profile of an account that Entra ID does not own. An owner who does it stands behind the user name.
pub fn change(tx: &mut Tx, id: &UserId, wish: LocalProfile) -> Result<Noted<User>> {
    let confirms = tx.actor.is_owner();
    put(tx, id, wish, confirms)
}

/// As [`change`], for names that somebody else wrote: that of an account with a role counts at sign-in only once an owner
/// confirms it.
pub(in crate::domain) fn change_by_file(tx: &mut Tx, id: &UserId, wish: LocalProfile) -> Result<Noted<User>> {
    put(tx, id, wish, false)
}

fn put(tx: &mut Tx, id: &UserId, wish: LocalProfile, confirms: bool) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    if user.is_linked() {
        return Err(Error::Conflict(
            "Entra ID owns these fields. Change them there, or release the user to local management first."
                .to_owned(),
        ));
    }
    may_decide(tx, &user)?;
    wish.profile.check()?;
    wish.profile.check_characters(Some(&user.profile))?;
    let before = emails(tx.conn, id)?;
    let mut after: Vec<Email> =
        before.iter().filter(|email| email.kind.as_deref() != Some("work")).cloned().collect();
    after.splice(0..0, work_email(wish.email.as_deref())?);
    let kept = user.profile.clone();
    let profile = Profile {
        more: kept.more.clone(),
        external_id: kept.external_id,
        manager: kept.manager,
        ..wish.profile
    };
    let mut changes = user.profile.changes(&profile, tx.conn)?;
    changes.extend(email_changes(&before, &after));
    if changes.is_empty() {
        return Ok(Noted::unaudited(user, "nothing changed"));
    }
    let renamed = user.profile.user_name != profile.user_name;
    if renamed {
        troubles::forget(tx, &user, &user.profile.user_name)?;
    }
    user.profile = profile;
    if renamed && user.role != Role::None && confirms {
        user.confirm_user_name();
    }
    if renamed {
        recognition::renamed(tx, &user)?;
    }
    store(tx, &mut user, Some(&after))?;
    let noted = note(tx, Action::UserChanged, &user, &changes)?;
    Ok(noted.with(user))
}

/// Sets what the console owns of every account, linked or not.
pub fn set_telephony(tx: &mut Tx, id: &UserId, wish: Telephony) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    let phone_number = checked(
        "phone_number",
        wish.phone_number,
        LONGEST_PHONE_NUMBER,
        "0123456789 +-()./",
        "phone number",
    )?;
    let extension = checked("extension", wish.extension, LONGEST_EXTENSION, "0123456789", "extension")?;
    if let Some(extension) = &extension {
        let holder = users::table.filter(users::extension.eq(extension)).filter(users::id.ne(id));
        if let Some(other) = holder.select(User::as_select()).first(tx.conn).optional()? {
            let message = format!("Extension {extension} belongs to {}. Choose another.", other.name());
            return Err(Error::taken("extension", message));
        }
    }
    let changes: Vec<Change> = [
        Change::of("phone number", user.phone_number.as_deref(), phone_number.as_deref()),
        Change::of("extension", user.extension.as_deref(), extension.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !changes.is_empty() {
        (user.phone_number, user.extension) = (phone_number, extension);
        store(tx, &mut user, None)?;
        return Ok(note(tx, Action::UserChanged, &user, &changes)?.with(user));
    }
    Ok(Noted::unaudited(user, "nothing changed"))
}

/// Gives a user who has no site this one, for good.
pub fn set_site(tx: &mut Tx, id: &UserId, site: &SiteId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    let site = sites::find(tx.conn, site)?;
    let noted = sites::place(tx, id, &user.name(), &site)?;
    let sent = user.site_sent.clone();
    user = find(tx.conn, id)?;
    // A name that Entra ID sent for another place is no longer what it is answered.
    if let Some(sent) = sent
        && sites::named(tx.conn, &sent)?.is_none_or(|meant| meant.id != site.id)
    {
        user.site_sent = None;
        store(tx, &mut user, None)?;
    }
    Ok(noted.with(user))
}

/// What came of setting a site for many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// How many have it now.
    pub set: usize,
    /// The names of those who had a site already and were left alone.
    pub left: Vec<String>,
    /// Those who are gone by now: their names, as far as they are remembered.
    pub gone: Vec<String>,
}

/// Whose site is to be set, as the task keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct SiteInput {
    ids: Vec<UserId>,
    site: SiteId,
    /// What came of it so far.
    left: Vec<String>,
    gone: Vec<String>,
}

impl tasks::TaskInput for SiteInput {
    fn asks_the_same(&self, other: &Self) -> bool {
        (&self.ids, &self.site) == (&other.ids, &other.site)
    }
}

/// Begins to set a site for many, as [`set_site`] does for one: whoever has a site already is left alone, and whoever is
/// gone is left out.
pub fn begin_setting_site(tx: &mut Tx, ids: &[UserId], site: &SiteId) -> Result<Noted<Task>> {
    let site = sites::find(tx.conn, site)?.id;
    let mut seen = HashSet::new();
    let ids: Vec<UserId> = ids.iter().filter(|id| seen.insert(*id)).cloned().collect();
    let total = i64::try_from(ids.len()).map_err(Error::internal)?;
    let order = SiteInput { ids, site, left: Vec::new(), gone: Vec::new() };
    let task = tasks::begin(tx, Work::SetSite, &format!("selection {}", new_id()), &order, total)?;
    Ok(Noted::unaudited(task, "each user whose site is set has an entry of their own"))
}

/// Sets it for some of them.
pub(in crate::domain) fn set_some_sites(
    tx: &mut Tx,
    task: &mut Task,
    slice: &mut Slice,
) -> Result<Noted<Step>> {
    let mut order: SiteInput = task.what()?;
    let mut at: usize = task.position()?.unwrap_or_default();
    while let Some(id) = order.ids.get(at) {
        if !slice.goes_on() {
            task.set_what(&order)?;
            task.go_on_from(&at)?;
            return Ok(Noted::unaudited(Step::More, "each user whose site is set has an entry of their own"));
        }
        slice.begins(WorkItem::User(id.clone()));
        match find(tx.conn, id) {
            Ok(user) if user.site_id.is_some() => order.left.push(user.name()),
            Ok(_) => drop(set_site(tx, id, &order.site)?),
            Err(Error::NotFound(_)) => {
                let name = audit::name_of(tx.conn, Kind::User, id.as_str())?;
                order.gone.push(name.unwrap_or_else(|| "somebody unknown here".to_owned()));
            }
            Err(other) => return Err(other),
        }
        at += 1;
        let passed = i64::try_from(at).map_err(Error::internal)?;
        task.left_out = i64::try_from(order.left.len() + order.gone.len()).map_err(Error::internal)?;
        task.done = passed - task.left_out;
    }
    task.set_what(&order)?;
    Ok(Noted::unaudited(Step::Done, "each user whose site is set has an entry of their own"))
}

/// What came of setting a site for many.
pub fn placed(task: &Task) -> Result<Placed> {
    let order: SiteInput = task.what()?;
    let set = usize::try_from(task.done).map_err(Error::internal)?;
    Ok(Placed { set, left: order.left, gone: order.gone })
}

/// Takes an account back to local management: its fields can be edited until Entra ID next writes to it.
pub fn release(tx: &mut Tx, id: &UserId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    may_decide(tx, &user)?;
    // Of an account that is not linked a deletion may wait: Entra ID saw it and read that it is gone.
    if user.entra_state == EntraState::Unlinked && user.held != Some(Held::Delete) {
        return Ok(Noted::unaudited(user, "nothing changed"));
    }
    unlink(tx, &mut user)?;
    store(tx, &mut user, None)?;
    let noted = note(tx, Action::UserReleased, &user, &[])?;
    Ok(noted.with(user))
}

/// Takes an owner's account out of Entra ID's hands, for whoever stores it next: what was asked for and is held back is
/// not done, and nothing of it waits any longer.
pub(in crate::domain) fn protect(tx: &mut Tx, user: &mut User) -> Result<()> {
    let losses = [(user.held.is_some(), Loss::Account), (user.held_name.is_some(), Loss::UserName)];
    for (_, loss) in losses.into_iter().filter(|(held, _)| *held) {
        deprovisioning_guard::kept(tx, loss, &user.id)?;
        note(tx, Action::UserHoldDiscarded, user, &[])?;
    }
    forget_link(tx, &user.id)?;
    unlink(tx, user)?;
    user.handed_over = false;
    Ok(())
}

fn unlink(tx: &mut Tx, user: &mut User) -> Result<()> {
    // A SCIM id that answered 404 must go on doing so.
    if user.entra_state == EntraState::Deleted || user.held == Some(Held::Delete) {
        super::lifecycle::retire(tx, user, "adopted")?;
        user.scim_id = super::new_scim_id();
        user.deleted_in_entra_at = None;
    }
    user.entra_state = EntraState::Unlinked;
    (user.held, user.held_at, user.held_name) = (None, None, None);
    Ok(())
}

/// Links an account on the worklist: Entra ID finds it at its next try and owns its profile from then on.
pub fn link(tx: &mut Tx, id: &UserId) -> Result<Noted<User>> {
    let mut user = find(tx.conn, id)?;
    may_decide(tx, &user)?;
    let request = link_request(tx.conn, id)?.ok_or(Error::NotFound("request to link this user"))?;
    if user.is_protected() {
        return Err(Error::Conflict(format!(
            "{} is a protected owner. An owner must hand the account over to Entra ID first, under Administrators.",
            user.name()
        )));
    }
    let before = user.profile.external_id.clone();
    user.profile.external_id = request.external_id.or(user.profile.external_id);
    if returning::is_another(before.as_deref(), user.profile.external_id.as_deref()) {
        returning::goes_to_another(tx, &mut user)?;
    }
    user.entra_state = EntraState::Linked;
    store(tx, &mut user, None)?;
    forget_link(tx, id)?;
    troubles::forget(tx, &user, &user.profile.user_name)?;
    let change = Change::of("external id", before.as_deref(), user.profile.external_id.as_deref());
    let noted = note(tx, Action::UserLinked, &user, change.as_slice())?;
    Ok(noted.with(user))
}

/// The account's place on the worklist of links, if it stands there.
pub fn link_request(conn: &mut Conn, id: &UserId) -> Result<Option<LinkRequest>> {
    let mine = link_requests::table.filter(link_requests::user_id.eq(id));
    Ok(mine.select(LinkRequest::as_select()).first(conn).optional()?)
}

/// The worklist of links, newest first.
pub fn link_requests(conn: &mut Conn, at: &At, size: usize) -> Result<Page<(LinkRequest, User)>> {
    let waiting = link_requests::table
        .inner_join(users::table)
        .select((LinkRequest::as_select(), User::as_select()))
        .into_boxed();
    let waiting = match at {
        At::Start => waiting.order(link_requests::id.desc()),
        At::After(mark) => waiting.filter(link_requests::id.lt(mark)).order(link_requests::id.desc()),
        At::Before(mark) => waiting.filter(link_requests::id.gt(mark)).order(link_requests::id.asc()),
    };
    let rows = waiting.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |(request, _): &(LinkRequest, User)| request.id.clone()))
}

/// How many wait on the worklist of links.
pub fn count_link_requests(conn: &mut Conn) -> Result<i64> {
    Ok(link_requests::table.count().get_result(conn)?)
}

/// Takes an account off the worklist of links.
pub fn dismiss_link(tx: &mut Tx, id: &UserId) -> Result<Noted<()>> {
    if link_request(tx.conn, id)?.is_none() {
        return Ok(Noted::unaudited((), "nothing asks to be linked any longer"));
    }
    forget_link(tx, id)?;
    let user = find(tx.conn, id)?;
    note(tx, Action::LinkDismissed, &user, &[])
}

/// Forgets that Entra ID asked for the account: it is linked, or there is nothing to link any longer.
pub(in crate::domain) fn forget_link(tx: &mut Tx, id: &UserId) -> Result<()> {
    diesel::delete(link_requests::table.filter(link_requests::user_id.eq(id))).execute(tx.conn)?;
    Ok(())
}

/// Puts an account on the worklist of links, or notes one more try.
pub fn ask_to_link(tx: &mut Tx, id: &UserId, external_id: Option<&str>) -> Result<Noted<()>> {
    let tried = diesel::update(link_requests::table.filter(link_requests::user_id.eq(id)))
        .set((
            link_requests::attempts.eq(link_requests::attempts + 1),
            link_requests::last_at.eq(tx.now),
            link_requests::external_id.eq(external_id),
        ))
        .execute(tx.conn)?;
    if tried == 0 {
        let request = (
            link_requests::id.eq(new_id()),
            link_requests::user_id.eq(id),
            link_requests::external_id.eq(external_id),
            link_requests::attempts.eq(1),
            link_requests::first_at.eq(tx.now),
            link_requests::last_at.eq(tx.now),
        );
        diesel::insert_into(link_requests::table).values(request).execute(tx.conn)?;
    }
    Ok(Noted::unaudited((), "Entra ID was refused, which the provisioning log tells"))
}

fn work_email(value: Option<&str>) -> Result<Vec<Email>> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { return Ok(Vec::new()) };
    let shaped =
        value.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    if !shaped
        || value.chars().any(|char| char.is_whitespace() || char.is_control())
        || characters::hidden(value).is_some()
        || value.len() > LONGEST_ADDRESS
    {
        return Err(Error::invalid("email", "Enter an e-mail address such as ana.lima@example.com."));
    }
    Ok(vec![Email { value: value.to_owned(), kind: Some("work".into()), primary: Some(true), display: None }])
}

fn checked(
    field: &'static str,
    value: Option<String>,
    longest: usize,
    allowed: &str,
    label: &str,
) -> Result<Option<String>> {
    let value = value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if value
        .as_deref()
        .is_some_and(|text| text.len() > longest || !text.chars().all(|char| allowed.contains(char)))
    {
        let rule = if field == "extension" { "digits only" } else { "digits, spaces and + - ( ) . /" };
        let message = format!("Enter a {label} of up to {longest} characters: {rule}.");
        return Err(Error::Invalid(vec![Complaint { field, message }]));
    }
    Ok(value)
}
