//! The places where people work, and the other names by which Entra ID may call them.
//!
//! Once a user has a site it is never changed: only [`place`] sets it.

use super::audit::{Action, Change, Kind, Subject};
use super::tasks::{self, Kind as Work, Slice, Step, Task, WorkItem};
use super::{Noted, Tx, fold, names};
use crate::db::Conn;
use crate::db::schema::{site_aliases, sites, users};
use crate::error::{Error, Result};
use crate::keys::{SiteAliasId, SiteId, UserId};
use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const LONGEST_NAME: usize = 128;
/// How many keys one statement names.
const CHUNK: usize = 500;
/// So many users are given a site at once.
const AT_ONCE: i64 = 100;

/// Whom a site is for, as the task keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct AssignmentInput {
    site: SiteId,
    /// The name that they wait for.
    name: String,
}

impl tasks::TaskInput for AssignmentInput {
    fn asks_the_same(&self, other: &Self) -> bool {
        self.site == other.site && fold(&self.name) == fold(&other.name)
    }
}

/// A site.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sites)]
pub struct Site {
    /// Its key.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    name_key: String,
    /// When it was made, in UTC.
    pub created_at: NaiveDateTime,
}

/// Another name of a site.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = site_aliases)]
pub struct Alias {
    /// Its key.
    pub id: SiteAliasId,
    /// The site it stands for.
    pub site_id: SiteId,
    /// The name.
    pub name: String,
    name_key: String,
}

/// A site with what a list of sites shows.
#[derive(Clone, Debug)]
pub struct ListedSite {
    /// The site.
    pub site: Site,
    /// Its other names.
    pub aliases: Vec<Alias>,
    /// How many users have it.
    pub users: i64,
}

/// A name that Entra ID sent and no site has: the users who wait for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name, as one of them was sent.
    pub name: String,
    /// How many users wait.
    pub users: i64,
}

impl Site {
    /// The site as the subject of an audit record.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { kind: Kind::Site, id: self.id.as_str(), name: &self.name }
    }
}

/// All sites, by name.
pub fn all(conn: &mut Conn) -> Result<Vec<Site>> {
    Ok(sites::table.order(sites::name_key).select(Site::as_select()).load(conn)?)
}

/// All sites with their aliases and numbers of users.
pub fn list(conn: &mut Conn) -> Result<Vec<ListedSite>> {
    let mut aliases: HashMap<SiteId, Vec<Alias>> = HashMap::new();
    for alias in site_aliases::table.order(site_aliases::name_key).select(Alias::as_select()).load(conn)? {
        aliases.entry(alias.site_id.clone()).or_default().push(alias);
    }
    let all: Vec<(Site, i64)> =
        sites::table.order(sites::name_key).select((Site::as_select(), sites::headcount)).load(conn)?;
    let listed = all.into_iter().map(|(site, users)| ListedSite {
        aliases: aliases.remove(&site.id).unwrap_or_default(),
        users,
        site,
    });
    Ok(listed.collect())
}

/// The site with this key, with what a list of sites shows.
pub fn listed(conn: &mut Conn, id: &SiteId) -> Result<ListedSite> {
    let site = find(conn, id)?;
    let aliases = site_aliases::table.filter(site_aliases::site_id.eq(id)).order(site_aliases::name_key);
    let aliases = aliases.select(Alias::as_select()).load(conn)?;
    let users = sites::table.find(id).select(sites::headcount).first(conn)?;
    Ok(ListedSite { site, aliases, users })
}

/// The site with this key.
pub fn find(conn: &mut Conn, id: &SiteId) -> Result<Site> {
    let found = sites::table.find(id).select(Site::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("site"))
}

/// The site that has this name or alias, ignoring case.
pub fn named(conn: &mut Conn, name: &str) -> Result<Option<Site>> {
    let key = fold(name);
    let site =
        sites::table.filter(sites::name_key.eq(&key)).select(Site::as_select()).first(conn).optional()?;
    if site.is_some() {
        return Ok(site);
    }
    let aliased = site_aliases::table
        .inner_join(sites::table)
        .filter(site_aliases::name_key.eq(&key))
        .select(Site::as_select());
    Ok(aliased.first(conn).optional()?)
}

/// Names that Entra ID sent for users who have no site yet, the most frequent first.
pub fn unknown(conn: &mut Conn) -> Result<Vec<Unknown>> {
    let waiting: Vec<(Option<String>, i64)> = users::table
        .filter(users::site_id.is_null())
        .filter(users::site_sent_key.is_not_null())
        .group_by(users::site_sent_key)
        .select((diesel::dsl::min(users::site_sent), count_star()))
        .load(conn)?;
    let mut unknown: Vec<Unknown> =
        waiting.into_iter().filter_map(|(name, users)| Some(Unknown { name: name?, users })).collect();
    unknown.sort_by(|a, b| b.users.cmp(&a.users).then_with(|| a.name.cmp(&b.name)));
    Ok(unknown)
}

/// Makes a site. Users who wait for this name get it.
pub fn create(tx: &mut Tx, name: &str) -> Result<Noted<Site>> {
    let name = checked(tx.conn, name, None)?;
    let site = Site { id: SiteId::generate(), name_key: fold(&name), name, created_at: tx.now };
    diesel::insert_into(sites::table).values(&site).execute(tx.conn)?;
    let noted = tx.note(Action::SiteCreated, site.subject(), &[])?;
    place_waiting(tx, &site, &site.name)?;
    Ok(noted.with(site))
}

/// Gives a site another name. The old one stays as an alias: Entra ID may go on sending it.
pub fn rename(tx: &mut Tx, id: &SiteId, name: &str) -> Result<Noted<Site>> {
    let before = find(tx.conn, id)?;
    let name = checked(tx.conn, name, Some(id))?;
    if name == before.name {
        return Ok(Noted::unaudited(before, "nothing changed"));
    }
    let site = Site { name_key: fold(&name), name, ..before.clone() };
    diesel::delete(site_aliases::table.filter(site_aliases::name_key.eq(&site.name_key))).execute(tx.conn)?;
    diesel::update(sites::table.find(id)).set(&site).execute(tx.conn)?;
    let changes = Change::of("name", Some(&before.name), Some(&site.name));
    let noted = tx.note(Action::SiteChanged, site.subject(), changes.as_slice())?;
    if before.name_key != site.name_key {
        alias(tx, id, &before.name)?;
    }
    place_waiting(tx, &site, &site.name)?;
    Ok(noted.with(site))
}

/// Gives a site one more name. Users who wait for it get the site.
pub fn alias(tx: &mut Tx, id: &SiteId, name: &str) -> Result<Noted<()>> {
    let site = find(tx.conn, id)?;
    if is_left_waiting(tx.conn, &site, name)? {
        place_waiting(tx, &site, name)?;
        return Ok(Noted::unaudited((), "whoever has the site now has an entry of their own"));
    }
    let name = checked(tx.conn, name, None)?;
    let alias = Alias { id: SiteAliasId::generate(), site_id: id.clone(), name_key: fold(&name), name };
    diesel::insert_into(site_aliases::table).values(&alias).execute(tx.conn)?;
    let noted = tx.note(Action::SiteChanged, site.subject(), &[Change::set("alias", &alias.name)])?;
    place_waiting(tx, &site, &alias.name)?;
    Ok(noted)
}

/// Takes an alias away. Users who got the site by it keep the site.
pub fn remove_alias(tx: &mut Tx, id: &SiteId, alias_id: &SiteAliasId) -> Result<Noted<()>> {
    let site = find(tx.conn, id)?;
    let mine = site_aliases::table.filter(site_aliases::id.eq(alias_id)).filter(site_aliases::site_id.eq(id));
    let alias: Alias =
        mine.select(Alias::as_select()).first(tx.conn).optional()?.ok_or(Error::NotFound("alias"))?;
    diesel::delete(site_aliases::table.find(alias_id)).execute(tx.conn)?;
    stop_placing(tx)?;
    let change = Change { attribute: "alias".into(), before: Some(alias.name), after: None };
    tx.note(Action::SiteChanged, site.subject(), &[change])
}

/// Deletes a site that nobody has.
pub fn delete(tx: &mut Tx, id: &SiteId) -> Result<Noted<()>> {
    let site = find(tx.conn, id)?;
    let users: i64 = users::table.filter(users::site_id.eq(id)).count().get_result(tx.conn)?;
    if users > 0 {
        return Err(Error::Conflict(format!(
            "The site {} cannot be deleted: {users} users have it, and a user's site is fixed.",
            site.name
        )));
    }
    diesel::delete(sites::table.find(id)).execute(tx.conn)?;
    stop_placing(tx)?;
    tx.note(Action::SiteDeleted, site.subject(), &[])
}

/// Settles all who wait for this name: where they are few at once, else slice by slice.
fn place_waiting(tx: &mut Tx, site: &Site, name: &str) -> Result<()> {
    let key = &fold(name);
    let waiting: i64 = waiting_for(key).count().get_result(tx.conn)?;
    let order = AssignmentInput { site: site.id.clone(), name: name.to_owned() };
    if waiting > AT_ONCE {
        return tasks::begin(tx, Work::SettleSite, &subject_of(key), &order, waiting).map(drop);
    }
    for (id, user_name) in some_waiting_for(tx.conn, key)? {
        place(tx, &id, &user_name, site)?;
    }
    Ok(())
}

/// Whether users wait for this name although the site has it: work that gave it to them ended before its end.
fn is_left_waiting(conn: &mut Conn, site: &Site, name: &str) -> Result<bool> {
    let has_it = named(conn, name)?.is_some_and(|named| named.id == site.id);
    Ok(has_it && !some_waiting_for(conn, &fold(name))?.is_empty())
}

/// The task that settles those who wait for this name, while it is under way.
pub fn being_placed(conn: &mut Conn, name: &str) -> Result<Option<Task>> {
    tasks::running_on(conn, &subject_of(&fold(name)))
}

/// The name that a task settles.
pub fn placed_name(task: &Task) -> Result<String> {
    Ok(task.what::<AssignmentInput>()?.name)
}

/// Settles some of those who wait.
pub(super) fn place_some(tx: &mut Tx, task: &mut Task, slice: &mut Slice) -> Result<Noted<Step>> {
    let order: AssignmentInput = task.what()?;
    let site = meant(tx.conn, &order)?;
    loop {
        let some = some_waiting_for(tx.conn, &fold(&order.name))?;
        if some.is_empty() {
            return Ok(Noted::unaudited(Step::Done, "each user has an entry of their own"));
        }
        for (id, user_name) in some {
            if !slice.goes_on() {
                return Ok(Noted::unaudited(Step::More, "each user has an entry of their own"));
            }
            slice.begins(WorkItem::User(id.clone()));
            place(tx, &id, &user_name, &site)?;
            task.count(true);
        }
    }
}

/// The site that the name still means: a user's site is for good, so nobody gets one by a name that was taken from it.
///
/// # Errors
/// [`Error::Conflict`] where it means another, or none.
fn meant(conn: &mut Conn, order: &AssignmentInput) -> Result<Site> {
    match named(conn, &order.name)? {
        Some(site) if site.id == order.site => Ok(site),
        _ => Err(Error::Conflict(match find(conn, &order.site) {
            Ok(site) => format!("“{}” is no longer a name of the site {}", order.name, site.name),
            Err(_) => format!("The site for which “{}” stood was deleted", order.name),
        })),
    }
}

/// Ends the tasks that give a site by a name which no longer means it: at once, so that the name can be settled anew.
fn stop_placing(tx: &mut Tx) -> Result<()> {
    for task in tasks::running(tx.conn)? {
        if task.kind != Work::SettleSite {
            continue;
        }
        match meant(tx.conn, &task.what()?) {
            Err(Error::Conflict(fault)) => {
                tasks::give_up(tx, &task.id, tasks::State::Stopped, &fault)?;
            }
            other => drop(other?),
        }
    }
    Ok(())
}

fn subject_of(key: &str) -> String {
    format!("site named {key}")
}

#[allow(clippy::elidable_lifetime_names, reason = "the macro needs its name")]
#[diesel::dsl::auto_type]
fn waiting_for<'a>(key: &'a str) -> _ {
    users::table.filter(users::site_id.is_null()).filter(users::site_sent_key.eq(key))
}

fn some_waiting_for(conn: &mut Conn, key: &str) -> Result<Vec<(UserId, String)>> {
    Ok(waiting_for(key).limit(AT_ONCE).select((users::id, users::user_name)).load(conn)?)
}

/// Gives a user who has no site this one, for good.
pub(super) fn place(tx: &mut Tx, user: &UserId, user_name: &str, site: &Site) -> Result<Noted<()>> {
    let without = users::table.filter(users::id.eq(user)).filter(users::site_id.is_null());
    let placed = diesel::update(without)
        .set((
            users::site_id.eq(&site.id),
            users::updated_at.eq(tx.now),
            users::version.eq(users::version + 1),
        ))
        .execute(tx.conn)?;
    if placed == 0 {
        return Err(Error::invalid(
            "site",
            "This user's site is set already, and a site is fixed once it is set.",
        ));
    }
    count(tx, &site.id, 1)?;
    let subject = Subject { kind: Kind::User, id: user.as_str(), name: user_name };
    tx.note(Action::UserChanged, subject, &[Change::set("site", &site.name)])
}

/// So many more people work at the site: whatever gives a user a site, or deletes one who has it, keeps the number.
pub(super) fn count(tx: &mut Tx, site: &SiteId, more: i64) -> Result<()> {
    let now = sites::headcount.eq(sites::headcount + more);
    diesel::update(sites::table.find(site)).set(now).execute(tx.conn)?;
    Ok(())
}

/// As [`place`], for many users by key and name who are known to have no site.
pub(super) fn place_many(tx: &mut Tx, these: &[(&UserId, &str)], site: &Site) -> Result<Noted<()>> {
    for some in these.chunks(CHUNK) {
        let ids = some.iter().map(|(id, _)| *id);
        let without = users::table.filter(users::id.eq_any(ids)).filter(users::site_id.is_null());
        let set = (
            users::site_id.eq(&site.id),
            users::updated_at.eq(tx.now),
            users::version.eq(users::version + 1),
        );
        if diesel::update(without).set(set).execute(tx.conn)? < some.len() {
            return Err(Error::invalid(
                "site",
                "A user’s site is set already, and a site is fixed once it is set.",
            ));
        }
    }
    count(tx, &site.id, i64::try_from(these.len()).map_err(Error::internal)?)?;
    let notes = these.iter().map(|(id, name)| {
        let subject = Subject { kind: Kind::User, id: id.as_str(), name };
        (Action::UserChanged, subject, vec![Change::set("site", &site.name)])
    });
    tx.note_many(notes)
}

/// The name as it will be kept; refused when it is empty, long or another site's.
fn checked(conn: &mut Conn, name: &str, own: Option<&SiteId>) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        let message = format!("Enter a site name of 1 to {LONGEST_NAME} characters.");
        return Err(Error::invalid("name", message));
    }
    names::seen("name", "site name", name)?;
    match named(conn, name)? {
        Some(site) if own != Some(&site.id) => Err(Error::taken(
            "name",
            format!("“{name}” is already a name of the site {}. Choose another.", site.name),
        )),
        _ => Ok(name.to_owned()),
    }
}
