//! The people of the organisation: one account each, whatever their role.
//!
//! | file            | what it holds                                              |
//! |-----------------|------------------------------------------------------------|
//! | this            | the account, how it is found and stored                    |
//! | `profile`       | what Entra ID owns once an account is linked               |
//! | `by_hand`       | what an administrator does: create, edit, release, link    |
//! | `by_entra`      | what Entra ID does: create, change, delete                 |
//! | `reach`         | whether Entra ID sees an account, and may change it        |
//! | `returning`     | an account with a role that comes back, perhaps another's  |
//! | `leaver`        | a request that bars somebody, whatever else it asks        |
//! | `store`         | writing accounts, and how many there are                   |
//! | `changesets`    | which of their columns are compared and written together   |
//! | `lifecycle`     | deactivate, reactivate, delete for good                    |
//! | `federation`    | how single sign-on knows the account                       |
//! | `recognition`   | what of that an owner stands behind                        |
//! | `look_alike`    | names that look like another's                             |
//! | `list`          | search, filters, orders, pages                             |
//! | `search`        | finding and paging as Entra ID does                        |
//! | `troubles`      | failures of Entra ID that are settled here                 |
//! | `query`         | what a SCIM filter can ask of an account                   |
//! | `plan`          | how those are found, and when all must be looked at        |
//! | `parts`         | what a filter of the list asks, and by which index         |

use super::audit::{self, Kind, Subject};
use super::condition::without_index;
use super::text_enum::text_enum;
use super::{Noted, Role, Tx, fold, names, sites};
use crate::characters;
use crate::db::Conn;
use crate::db::schema::{user_emails, users};
use crate::error::{Error, Result};
use crate::keys::{SiteId, UserId};
use crate::search_text;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

pub mod by_entra;
pub mod by_hand;
mod changesets;
pub mod federation;
pub mod leaver;
pub mod lifecycle;
pub mod list;
pub mod look_alike;
mod parts;
pub mod plan;
mod profile;
pub mod query;
mod reach;
pub mod recognition;
mod returning;
pub mod search;
pub(super) mod store;
pub(in crate::domain) mod troubles;
mod which;

pub(super) use lifecycle::free_seat;
pub use look_alike::{LookAlikes, all_looking_like};
pub use profile::{Email, Profile};
pub use reach::Reach;
pub use store::{Census, census, last_hold};
use store::{free_user_name, insert};
pub(super) use store::{password_hash, store, store_over, store_password};

/// The values of `seen`: invisible to Entra ID, visible where all users are, and visible in any case.
pub(super) const HIDDEN: i32 = 0;
const SEEN: i32 = 1;
pub(super) const SEEN_AS_ENTRAS: i32 = 2;
/// How many keys one query asks for.
const CHUNK: usize = 500;

text_enum! {
    /// How an account stands to Entra ID.
    pub enum EntraState {
        /// The console owns all of it.
        Unlinked = "unlinked",
        /// Entra ID owns its profile.
        Linked = "linked",
        /// Entra ID deleted it; it waits here for deletion by hand.
        Deleted = "deleted",
    }
}

text_enum! {
    /// Who made the account.
    pub enum Origin {
        /// An administrator.
        Console = "console",
        /// Entra ID.
        Entra = "entra",
    }
}

text_enum! {
    /// What Entra ID asked for and the guard holds back until an administrator has looked at it.
    pub enum Held {
        /// To bar the user from signing in.
        Deactivate = "deactivate",
        /// To delete the user.
        Delete = "delete",
    }
}

/// An account.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about an account")]
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct User {
    /// The console's key: never changes, never shown to SCIM.
    pub id: UserId,
    /// The id that SCIM knows: never changes while linked, never used again (RFC 7643 section 3.1).
    pub scim_id: String,
    /// What Entra ID owns once the account is linked.
    #[diesel(embed)]
    pub profile: Profile,
    user_name_key: String,
    sort_name: String,
    /// Entra ID's own key of the person, remembered at the first single sign-on.
    pub entra_object_id: Option<String>,
    /// The telephone number that the organisation gave the user; the console owns it.
    pub phone_number: Option<String>,
    /// The extension, of one user only; the console owns it.
    pub extension: Option<String>,
    /// The site, fixed once it is set.
    pub site_id: Option<SiteId>,
    /// The site's name as Entra ID sent it, known here or not.
    pub site_sent: Option<String>,
    site_sent_key: Option<String>,
    /// The schema under which Entra ID sent the site.
    pub site_urn: Option<String>,
    /// Whether the user may sign in.
    pub active: bool,
    /// How the account stands to Entra ID.
    pub entra_state: EntraState,
    /// Who made it.
    pub origin: Origin,
    /// What it may do in the console.
    pub role: Role,
    /// For an owner: whether an owner put the account under Entra ID's management.
    pub handed_over: bool,
    /// Whether the account has a password. Its hash is read where a password is verified, and nowhere else.
    #[diesel(select_expression = users::password_hash.is_not_null())]
    #[diesel(select_expression_type = diesel::dsl::IsNotNull<users::password_hash>)]
    #[diesel(skip_insertion)]
    pub has_password: bool,
    /// When it was made, in UTC.
    pub created_at: NaiveDateTime,
    /// When it last changed, in UTC.
    pub updated_at: NaiveDateTime,
    /// Since when it is inactive.
    pub deactivated_at: Option<NaiveDateTime>,
    /// When Entra ID deleted it.
    pub deleted_in_entra_at: Option<NaiveDateTime>,
    /// Counts the changes.
    pub version: i32,
    search_text: String,
    seen: i32,
    /// What the guard holds back.
    pub held: Option<Held>,
    /// Since when this, or a user name, is held back.
    pub held_at: Option<NaiveDateTime>,
    /// What the identity provider calls the person, where that is not the user name.
    pub federated_id: Option<String>,
    federated_key: Option<String>,
    confirmed_name_key: Option<String>,
    confirmed_federated_key: Option<String>,
    confirmed_object_id: Option<String>,
    /// A user name that Entra ID wrote and the guard holds back: sign-in and console keep the old one.
    pub held_name: Option<String>,
    held_name_key: Option<String>,
    held_no: Option<i64>,
    held_first_no: Option<i64>,
    look_key: Option<String>,
    look_written: Option<String>,
    name_last_confirmed: Option<String>,
    federated_id_last_confirmed: Option<String>,
    /// Whether a person here deactivated the account, and not Entra ID.
    pub deactivated_by_hand: bool,
    /// By which name the person came in when the object id was remembered, as far as that is known.
    pub object_id_found_by: Option<federation::FoundBy>,
    /// That name.
    pub object_id_found_as: Option<String>,
    /// By which the index of search texts knows the account.
    search_no: Option<i64>,
}

/// Whether an account with this role is one that Entra ID neither sees nor touches.
pub(super) fn is_protected(role: Role, handed_over: bool) -> bool {
    role == Role::Owner && !handed_over
}

impl User {
    /// The name to show: the display name, else the parts of the name, else the user name.
    #[must_use]
    pub fn name(&self) -> String {
        self.profile.name()
    }

    /// The account as the actor of a change.
    #[must_use]
    pub fn actor(&self) -> super::Actor {
        super::Actor::Person { id: self.id.clone(), name: self.name(), role: self.role }
    }

    /// The account as the subject of an audit record.
    #[must_use]
    pub fn subject<'a>(&'a self, name: &'a str) -> Subject<'a> {
        Subject { kind: Kind::User, id: self.id.as_str(), name }
    }

    /// Whether Entra ID owns the profile.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.entra_state == EntraState::Linked
    }

    /// An owner's account that Entra ID neither sees nor touches.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        is_protected(self.role, self.handed_over)
    }

    fn new(tx: &Tx, profile: Profile, origin: Origin) -> Self {
        Self {
            id: UserId::generate(),
            scim_id: new_scim_id(),
            profile,
            user_name_key: String::new(),
            sort_name: String::new(),
            entra_object_id: None,
            phone_number: None,
            extension: None,
            site_id: None,
            site_sent: None,
            site_sent_key: None,
            site_urn: None,
            active: true,
            entra_state: EntraState::Unlinked,
            origin,
            role: Role::None,
            handed_over: false,
            has_password: false,
            created_at: tx.now,
            updated_at: tx.now,
            deactivated_at: None,
            deleted_in_entra_at: None,
            version: 1,
            search_text: String::new(),
            seen: 0,
            held: None,
            held_at: None,
            federated_id: None,
            federated_key: None,
            confirmed_name_key: None,
            confirmed_federated_key: None,
            confirmed_object_id: None,
            held_name: None,
            held_name_key: None,
            held_no: None,
            held_first_no: None,
            look_key: None,
            look_written: None,
            name_last_confirmed: None,
            federated_id_last_confirmed: None,
            deactivated_by_hand: false,
            object_id_found_by: None,
            object_id_found_as: None,
            search_no: None,
        }
    }

    /// The number of what is held back, as it is now; none where nothing is.
    #[must_use]
    pub fn hold(&self) -> Option<i64> {
        self.is_held().then(|| self.held_no.unwrap_or_default())
    }

    /// Whether anything is held back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some() || self.held_name.is_some()
    }

    /// Whether what is held back is another thing than at first.
    #[must_use]
    pub fn has_another_hold_than_at_first(&self) -> bool {
        self.held_no != self.held_first_no
    }

    /// The user name as far as Entra ID knows: what is held back counts as done.
    #[must_use]
    pub fn name_for_entra(&self) -> &str {
        self.held_name.as_deref().unwrap_or(&self.profile.user_name)
    }

    /// Whether the user may sign in, as far as Entra ID knows: what is held back counts as done.
    #[must_use]
    pub fn active_for_entra(&self) -> bool {
        self.active && self.held != Some(Held::Deactivate)
    }

    /// The text by which the account is found in a search.
    fn found_by(&self, emails: &[Email]) -> String {
        let profile = &self.profile;
        let names = [&self.held_name, &profile.display_name, &profile.given_name, &profile.family_name];
        let place = [&profile.title, &profile.department, &self.extension];
        let names = names.into_iter().chain(place).flatten().chain([&profile.user_name]);
        let numbers = [&profile.work_phone, &profile.mobile_phone, &self.phone_number];
        let joined = |texts: Vec<&str>, by: &str| texts.join(by);
        search_text::of(
            &joined(names.map(String::as_str).collect(), " "),
            &joined(numbers.into_iter().flatten().map(String::as_str).collect(), "\n"),
            &joined(emails.iter().map(|email| email.value.as_str()).collect(), " "),
        )
    }

    /// Keeps the columns that follow from others in step with them.
    fn derive(&mut self, emails: &[Email]) {
        let key = fold(&self.profile.user_name);
        if key != self.user_name_key {
            self.look_key = characters::look_apart(&key);
            self.user_name_key = key;
        }
        self.look_written = characters::look_as_written(&self.profile.user_name, &self.user_name_key);
        self.sort_name = fold(&self.name());
        self.site_sent_key = self.site_sent.as_deref().map(fold);
        self.federated_key = self.federated_id.as_deref().map(fold);
        self.held_name_key = self.held_name.as_deref().map(fold);
        self.search_text = self.found_by(emails);
        self.seen = self.as_seen();
    }
}

/// Never the console's own key, and mostly random, so that it can't be guessed and never comes back. Version 7 because
/// an index that grows at its end costs least.
fn new_scim_id() -> String {
    Uuid::now_v7().to_string()
}

/// The account with this key.
pub fn find(conn: &mut Conn, id: &UserId) -> Result<User> {
    let found = users::table.find(id).select(User::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("user"))
}

/// The keys of all accounts with this role.
pub fn with_role(conn: &mut Conn, role: Role) -> Result<Vec<UserId>> {
    Ok(users::table.filter(users::role.eq(role)).select(users::id).load(conn)?)
}

/// The account with this user name, ignoring case.
pub fn named(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    let mine = users::table.filter(users::user_name_key.eq(fold(user_name)));
    Ok(mine.select(User::as_select()).first(conn).optional()?)
}

/// The account that single sign-on would find by this user name: only the case of ASCII letters makes no difference.
pub fn called(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    Ok(named(conn, user_name)?.filter(|user| names::is_called(user_name, &user.profile.user_name)))
}

/// The account with a role that single sign-on would find by this name, because it is its federated id.
pub fn role_holder_known_as(conn: &mut Conn, name: &str) -> Result<Option<User>> {
    let known = |user: &User| user.federated_id.as_deref().is_some_and(|id| names::is_called(name, id));
    Ok(federated(conn, name)?.filter(|user| user.role != Role::None && known(user)))
}

/// The account that SCIM knows, or knew, by this id: also one that Entra ID does not see.
pub fn with_scim_id(conn: &mut Conn, scim_id: &str) -> Result<Option<User>> {
    let mine = users::table.filter(users::scim_id.eq(scim_id));
    Ok(mine.select(User::as_select()).first(conn).optional()?)
}

/// The account to which Entra ID gave this user name, where the guard holds that back.
pub(in crate::domain) fn waiting_for_name(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    let mine = users::table.filter(users::held_name_key.eq(fold(user_name)));
    Ok(mine.select(User::as_select()).first(conn).optional()?)
}

/// The account that Entra ID knows by this object id.
pub fn with_object_id(conn: &mut Conn, object_id: &str) -> Result<Option<User>> {
    let mine = users::table.filter(users::entra_object_id.eq(object_id));
    Ok(mine.select(User::as_select()).first(conn).optional()?)
}

/// The account whose federated id this is, ignoring case.
pub fn federated(conn: &mut Conn, federated_id: &str) -> Result<Option<User>> {
    let mine = users::table.filter(users::federated_key.eq(fold(federated_id)));
    Ok(mine.select(User::as_select()).first(conn).optional()?)
}

/// The accounts that have one of these user names, by [`fold`]ed user name.
pub fn all_named(conn: &mut Conn, user_names: &[&str]) -> Result<HashMap<String, User>> {
    let mut found = HashMap::new();
    for some in user_names.chunks(CHUNK) {
        let mine = users::table.filter(users::user_name_key.eq_any(some.iter().map(|name| fold(name))));
        let accounts: Vec<User> = mine.select(User::as_select()).load(conn)?;
        found.extend(accounts.into_iter().map(|user| (user.user_name_key.clone(), user)));
    }
    Ok(found)
}

/// What decides about an account's licence and site in bulk: whatever else of it changes is no matter there.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct LicenseFacts {
    user_name_key: String,
    entra_state: EntraState,
    site_id: Option<SiteId>,
    site_sent: Option<String>,
}

impl User {
    pub(super) fn license_facts(&self) -> LicenseFacts {
        LicenseFacts {
            user_name_key: self.user_name_key.clone(),
            entra_state: self.entra_state,
            site_id: self.site_id.clone(),
            site_sent: self.site_sent.clone(),
        }
    }
}

/// The same of these accounts as it is now, by key.
pub(super) fn license_facts(conn: &mut Conn, ids: &[&UserId]) -> Result<HashMap<UserId, LicenseFacts>> {
    let mut facts = HashMap::new();
    for some in ids.chunks(CHUNK) {
        let mine = users::table.filter(users::id.eq_any(some)).select((users::id, LicenseFacts::as_select()));
        facts.extend(mine.load::<(UserId, LicenseFacts)>(conn)?);
    }
    Ok(facts)
}

/// The user names of those of these keys that are accounts which exist.
pub fn user_names(conn: &mut Conn, ids: &[UserId]) -> Result<HashMap<UserId, String>> {
    let named = users::table.filter(users::id.eq_any(ids)).select((users::id, users::user_name));
    Ok(named.load(conn)?.into_iter().collect())
}

/// Which of these keys are those of accounts that exist.
pub fn present(conn: &mut Conn, ids: &[&UserId]) -> Result<HashSet<UserId>> {
    let present = users::table.filter(users::id.eq_any(ids)).select(users::id).load(conn)?;
    Ok(present.into_iter().collect())
}

/// The e-mail addresses of a user, in order.
pub fn emails(conn: &mut Conn, id: &UserId) -> Result<Vec<Email>> {
    let mine = user_emails::table.filter(user_emails::user_id.eq(id)).order(user_emails::position);
    Ok(mine.select(Email::as_select()).load(conn)?)
}

/// The e-mail addresses of several users, in order.
pub fn emails_of(conn: &mut Conn, ids: &[&UserId]) -> Result<HashMap<UserId, Vec<Email>>> {
    let mine = user_emails::table.filter(user_emails::user_id.eq_any(ids));
    let rows = mine
        .order((user_emails::user_id, user_emails::position))
        .select((user_emails::user_id, Email::as_select()))
        .load(conn)?;
    Ok(by_user(rows))
}

/// The e-mail addresses of all users from one key to another, in order.
fn emails_between(conn: &mut Conn, first: &UserId, last: &UserId) -> Result<HashMap<UserId, Vec<Email>>> {
    let mine = user_emails::table.filter(user_emails::user_id.between(first, last));
    let rows = mine
        .order((user_emails::user_id, user_emails::position))
        .select((user_emails::user_id, Email::as_select()))
        .load(conn)?;
    Ok(by_user(rows))
}

fn by_user(rows: Vec<(UserId, Email)>) -> HashMap<UserId, Vec<Email>> {
    let mut emails: HashMap<UserId, Vec<Email>> = HashMap::new();
    for (id, email) in rows {
        emails.entry(id).or_default().push(email);
    }
    emails
}

/// The name to show for the account that SCIM knows by this id; the id itself where there is none.
pub fn name_of_scim_id(conn: &mut Conn, scim_id: &str) -> Result<String> {
    Ok(with_scim_id(conn, scim_id)?.map_or_else(|| scim_id.to_owned(), |user| user.name()))
}

/// Whether somebody may decide over this account: one with a role in the console belongs to the owners. Entra ID is held
/// to what it may by rules of its own.
#[must_use]
pub fn is_decided_by(user: &User, actor: &super::Actor) -> bool {
    user.role == Role::None || actor.is_owner() || *actor == super::Actor::Entra
}

/// Refuses whoever may not decide over this account.
pub(super) fn may_decide(tx: &Tx, user: &User) -> Result<()> {
    if is_decided_by(user, tx.actor) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "{} has the role {}: only an owner may do this to such an account.",
        user.name(),
        user.role.word()
    )))
}

/// Refuses what would leave no protected owner who can sign in by password.
pub(super) fn keep_an_owner(tx: &mut Tx, losing: &User) -> Result<()> {
    if !(losing.is_protected() && losing.active && losing.has_password) {
        return Ok(());
    }
    let others: i64 =
        protected_owners().filter(users::id.ne(losing.id.clone())).count().get_result(tx.conn)?;
    if others > 0 {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "{} is the last protected owner who can sign in by password. Appoint another owner first.",
        losing.name()
    )))
}

/// The active ones who can sign in by password; found by the role, which few have.
fn protected_owners() -> diesel::dsl::IntoBoxed<'static, users::table, crate::db::Backend> {
    users::table
        .filter(users::role.eq(Role::Owner))
        .filter(users::handed_over.eq(false))
        .filter(without_index(Box::new(users::active.eq(true))))
        .filter(users::password_hash.is_not_null())
        .into_boxed()
}

/// The name of the user's site, where there is one.
pub fn site_name(conn: &mut Conn, user: &User) -> Result<Option<String>> {
    user.site_id.as_ref().map(|id| Ok(sites::find(conn, id)?.name)).transpose()
}

fn note(tx: &mut Tx, action: audit::Action, user: &User, changes: &[audit::Change]) -> Result<Noted<()>> {
    let name = user.name();
    tx.note(action, user.subject(&name), changes)
}
