//! What Entra ID does to accounts, by the rules of linking, ownership and sites.

use super::lifecycle::{self, retire, set_active};
use super::profile::{email_changes, emails_without_hidden};
use super::recognition;
use super::store::{insert_new, not_of_a_role_holder};
use super::{
    Email, EntraState, Held, Origin, Profile, Reach, User, by_hand, emails, emails_between, emails_of,
    free_user_name, may_decide, named, new_scim_id, note, returning, site_name, store, store_over,
    waiting_for_name,
};
use crate::db::Conn;
use crate::db::schema::{group_members, sites as site_table, users};
use crate::domain::audit::{Action, Change};
use crate::domain::deprovisioning_guard::{self, Loss};
use crate::domain::names::is_called;
use crate::domain::text_enum::text_enum;
use crate::domain::{Noted, Role, Tx, fold, names, sites};
use crate::error::{Error, Result};
use crate::keys::{SiteId, UserId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

text_enum! {
    /// Which existing accounts Entra ID may find and link.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Scope {
        /// All but protected owners.
        #[default]
        AllUsers = "all-users",
        /// Those that Entra ID made or that are linked.
        OnlyCreatedByEntra = "only-created-by-entra",
    }
}

/// A site as Entra ID names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentSite {
    /// The name.
    pub name: String,
    /// The schema that it came under; answers carry it under the same.
    pub urn: String,
}

/// What Entra ID wants an account to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInput {
    /// The profile.
    pub profile: Profile,
    /// The e-mail addresses.
    pub emails: Vec<Email>,
    /// Whether the user may sign in.
    pub active: bool,
    /// The site.
    pub site: SiteWish,
}

/// What Entra ID says of a user's site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteWish {
    /// Nothing: what it said before goes on.
    Unsaid,
    /// It describes the whole user, and names no site.
    Absent,
    /// It takes the site away.
    Removed,
    /// It names this one.
    Named(SentSite),
}

/// An account as Entra ID sees it.
#[derive(Clone, Debug)]
pub struct EntraUser {
    /// The account.
    pub user: User,
    /// Its e-mail addresses.
    pub emails: Vec<Email>,
    /// Its site, by the name and the schema that Entra ID uses.
    pub site: Option<SentSite>,
}

/// What a write came to.
#[derive(Clone, Debug)]
pub struct WrittenUser {
    /// The account as it is now.
    pub known: EntraUser,
    /// What changed, attribute by attribute.
    pub changes: Vec<Change>,
    /// What was not done as asked, in plain words with the remedy.
    pub warnings: Vec<String>,
    /// Whether the guard holds part of it back.
    pub held: bool,
}

impl EntraUser {
    /// The account as a wish: the state to apply a change to.
    #[must_use]
    pub fn wish(&self) -> UserInput {
        let user_name = self.user.name_for_entra().to_owned();
        UserInput {
            profile: Profile { user_name, ..self.user.profile.clone() },
            emails: self.emails.clone(),
            active: self.user.active_for_entra(),
            site: SiteWish::Unsaid,
        }
    }
}

impl UserInput {
    /// Refuses a new user name with characters that cannot be seen, and takes them out of all other names.
    fn without_hidden(&mut self, known: Option<&EntraUser>) -> Result<Vec<String>> {
        let before = known.map(|known| (known.user.name_for_entra(), &known.user.profile));
        let mut told = self.profile.without_hidden(before)?;
        let emails = known.map_or(&[][..], |known| &known.emails);
        told.extend(emails_without_hidden(&mut self.emails, emails));
        if let SiteWish::Named(site) = &mut self.site
            && known.is_none_or(|known| known.site.as_ref() != Some(&*site))
        {
            told.extend(names::leave_out("site", &mut site.name));
        }
        Ok(told)
    }
}

/// What a request says itself, beside what was so before.
#[derive(Clone, Copy, Debug)]
pub struct ExplicitFields {
    /// That the user is not active.
    pub inactive: bool,
    /// What the user is called.
    pub user_name: bool,
}

impl WrittenUser {
    /// Tells again what the guard holds back already and the request asks for once more.
    #[must_use]
    pub fn telling_holds(mut self, says: ExplicitFields) -> Self {
        let user = &self.known.user;
        let stays = user.held.filter(|_| says.inactive).map(|_| stays_in(user));
        let waits = user.held_name.as_deref().filter(|_| says.user_name).map(|new| waits_for(user, new));
        for told in stays.into_iter().chain(waits) {
            self.held = true;
            if !self.warnings.contains(&told) {
                self.warnings.push(told);
            }
        }
        self
    }

    fn warning_first(mut self, told: Vec<String>) -> Self {
        self.warnings.splice(0..0, told);
        self
    }
}

/// The account that SCIM knows by this id.
pub fn get(conn: &mut Conn, scope: Scope, scim_id: &str) -> Result<EntraUser> {
    let found = users::table.filter(users::scim_id.eq(scim_id)).select(User::as_select()).first(conn);
    let user = found.optional()?.filter(|user| user.is_seen(scope)).ok_or(Error::NotFound("user"))?;
    known(conn, user)
}

/// Whether an account that was read before has not changed since.
pub fn is_current(conn: &mut Conn, known: &EntraUser) -> Result<bool> {
    let version = users::table.find(&known.user.id).select(users::version).first(conn).optional()?;
    Ok(version == Some(known.user.version))
}

/// Makes the account that Entra ID asks for, or takes over again the one that it deleted before.
///
/// An account in use, or one that an owner protected, is never taken over by a create: that is refused, and an
/// administrator decides ([`by_hand::ask_to_link`]).
pub fn create(tx: &mut Tx, mut wish: UserInput) -> Result<Noted<WrittenUser>> {
    wish.profile.check()?;
    let left_out = wish.without_hidden(None)?;
    let user_name = &wish.profile.user_name;
    match namesake(tx.conn, user_name)? {
        None => {
            not_of_a_role_holder(tx.conn, None, user_name)?;
            Ok(make(tx, wish)?.map(|done| done.warning_first(left_out)))
        }
        Some(user) if user.reach() == Reach::Gone => {
            Ok(adopt(tx, user, wish)?.map(|done| done.warning_first(left_out)))
        }
        Some(user) => Err(Error::taken(
            "userName",
            // Of a protected account a client learns nothing, not even that it could be linked.
            if let Some(waiting) = user.held_name.as_ref().filter(|_| !user.is_protected()) {
                format!(
                    "A user with userName “{user_name}” exists already: {} has “{}” and waits for “{waiting}”, which is \
                     held back. An administrator of Rollcall can release it, under Held back.",
                    user.name(),
                    user.profile.user_name
                )
            } else if user.is_linked() || user.is_protected() {
                format!("A user with userName “{}” exists already.", wish.profile.user_name)
            } else {
                format!(
                    "An account with userName “{}” exists and is not linked to Entra ID. An administrator of Rollcall \
                     can link it, under Users.",
                    wish.profile.user_name
                )
            },
        )),
    }
}

/// Makes the account what Entra ID wants it to be, and links it.
pub fn change(tx: &mut Tx, known: EntraUser, mut wish: UserInput) -> Result<Noted<WrittenUser>> {
    known.user.within_reach()?;
    wish.profile.check_over(&known.user.profile)?;
    let left_out = wish.without_hidden(Some(&known))?;
    let EntraUser { mut user, emails: before, .. } = known;
    let stored = user.clone();
    let linking = user.entra_state == EntraState::Unlinked;
    if linking {
        user.entra_state = EntraState::Linked;
        by_hand::forget_link(tx, &user.id)?;
        note(tx, Action::UserLinked, &user, &[])?;
    }
    let renaming = rename(tx, &mut user, &mut wish.profile)?;
    let mut changes = user.profile.changes(&wish.profile, tx.conn)?;
    changes.extend(email_changes(&before, &wish.emails));
    let (site_changed, mut warnings) = apply_site(tx, &mut user, &wish.site, &mut changes)?;
    let differs = user.profile != wish.profile || before != wish.emails || user.held_name != stored.held_name;
    let renamed = user.profile.user_name != wish.profile.user_name;
    let is_another =
        returning::is_another(user.profile.external_id.as_deref(), wish.profile.external_id.as_deref());
    user.profile = wish.profile;
    if is_another {
        returning::goes_to_another(tx, &mut user)?;
    }
    if !changes.is_empty() {
        note(tx, Action::UserChanged, &user, &changes)?;
    }
    if renamed {
        recognition::renamed(tx, &user)?;
        if user.role != Role::None {
            note(tx, Action::RoleHolderRenamed, &user, &[])?;
        }
    }
    warnings.extend(left_out);
    let rename_held = renaming.is_some();
    if let Some((change, warning)) = renaming {
        changes.extend(change);
        warnings.push(warning);
    }
    let mut toggled = user.active_for_entra() != wish.active;
    if toggled && wish.active && user.stays_out() {
        toggled = false;
        warnings.push(left_to_an_owner(&user));
    }
    if toggled {
        warnings.extend(toggle(tx, &mut user, wish.active)?);
        changes.push(activity(wish.active));
    }
    let held = rename_held || (toggled && user.held.is_some());
    if linking || differs || toggled || site_changed {
        store_over(tx, &stored, &mut user, &wish.emails, before != wish.emails)?;
    }
    if matches!(wish.site, SiteWish::Named(_)) {
        place_at_known_site(tx, &mut user, &mut changes)?;
    }
    Ok(Noted::unaudited(
        WrittenUser { known: known_with(tx.conn, user, wish.emails)?, changes, warnings, held },
        "each thing that changed has an entry of its own",
    ))
}

/// Whether a create of this user name takes an account over again that Entra ID deleted.
pub fn comes_back(conn: &mut Conn, user_name: &str) -> Result<bool> {
    Ok(namesake(conn, user_name)?.is_some_and(|user| user.reach() == Reach::Gone))
}

/// Whose user name this is, or will be once it is released.
fn namesake(conn: &mut Conn, user_name: &str) -> Result<Option<User>> {
    match named(conn, user_name)? {
        Some(user) => Ok(Some(user)),
        None => waiting_for_name(conn, user_name),
    }
}

/// Bars the user, or lets them in again; the guard may hold the former back, and the latter ends that.
fn toggle(tx: &mut Tx, user: &mut User, active: bool) -> Result<Option<String>> {
    if active && user.held.is_some() {
        (user.held, user.held_at) = (None, None);
        note(tx, Action::UserHoldDiscarded, user, &[])?;
        return Ok(None);
    }
    if !active && deprovisioning_guard::holds(tx, Loss::Account, &user.id, false)? {
        (user.held, user.held_at) = (Some(Held::Deactivate), Some(tx.now));
        note(tx, Action::UserDeactivationHeld, user, &[])?;
        return Ok(Some(stays_in(user)));
    }
    if active {
        returning::begin_anew(tx, user)?;
    }
    set_active(tx, user, active, lifecycle::Initiator::Entras)?;
    Ok(None)
}

/// Weighs a new user name. Where the guard holds it back, the wish keeps the old one, and what to tell is answered.
fn rename(tx: &mut Tx, user: &mut User, wish: &mut Profile) -> Result<Option<(Option<Change>, String)>> {
    let old = user.profile.user_name.clone();
    if is_called(&wish.user_name, &old) {
        if user.held_name.take().is_some() {
            note(tx, Action::UserHoldDiscarded, user, &[])?;
        }
        return Ok(None);
    }
    let new = std::mem::replace(&mut wish.user_name, old.clone());
    if user.held_name.as_deref().is_some_and(|held| is_called(held, &new)) {
        user.held_name = Some(new);
        return Ok(None);
    }
    free_user_name(tx.conn, &user.id, &new)?;
    if !deprovisioning_guard::holds(tx, Loss::UserName, &user.id, user.held_name.is_some())? {
        user.held_name = None;
        wish.user_name = new;
        return Ok(None);
    }
    let change = Change::of("user name", Some(&old), Some(&new));
    note(tx, Action::UserRenameHeld, user, change.as_slice())?;
    let warning = waits_for(user, &new);
    user.held_name = Some(new);
    Ok(Some((change, warning)))
}

/// Gives the user the name that was held back. Where the account has a role that is a change of name and no more: by whom
/// it is recognised waits for an owner, who looks at that one account.
pub(in crate::domain) fn take_name(tx: &mut Tx, mut user: User, name: String) -> Result<()> {
    may_decide(tx, &user)?;
    let change = Change::of("user name", Some(&user.profile.user_name), Some(&name));
    user.profile.user_name = name;
    recognition::renamed(tx, &user)?;
    store(tx, &mut user, None)?;
    note(tx, Action::UserChanged, &user, change.as_slice())?;
    if user.role != Role::None {
        note(tx, Action::RoleHolderRenamed, &user, &[])?;
    }
    Ok(())
}

/// Entra ID deleted the user: the account is barred, unlinked, and waits for deletion by hand. Where the guard holds
/// that back, Entra ID sees it done, and the warning is answered.
pub fn remove(tx: &mut Tx, known: EntraUser) -> Result<Noted<(User, Option<String>)>> {
    known.user.within_reach()?;
    let (mut user, stored) = (known.user.clone(), known.user);
    if user.active && deprovisioning_guard::holds(tx, Loss::Account, &user.id, user.held.is_some())? {
        (user.held, user.held_at) = (Some(Held::Delete), Some(tx.now));
        store_over(tx, &stored, &mut user, &known.emails, false)?;
        let noted = note(tx, Action::UserDeletionHeld, &user, &[])?;
        let warning = held_back(&format!("{} is still there", user.name()));
        return Ok(noted.with((user, Some(warning))));
    }
    Ok(delete(tx, user)?.map(|user| (user, None)))
}

/// The deletion itself, once nothing holds it back.
pub(in crate::domain) fn delete(tx: &mut Tx, mut user: User) -> Result<Noted<User>> {
    if user.reach() == Reach::Nothing {
        let cause = format!("{} is a protected owner, whom Entra ID does not delete.", user.name());
        return Err(Error::Conflict(cause));
    }
    may_decide(tx, &user)?;
    if user.active {
        set_active(tx, &mut user, false, lifecycle::Initiator::Entras)?;
    }
    user.entra_state = EntraState::Deleted;
    user.deleted_in_entra_at = Some(tx.now);
    (user.held, user.held_name) = (None, None);
    by_hand::forget_link(tx, &user.id)?;
    diesel::delete(group_members::table.filter(group_members::user_id.eq(&user.id))).execute(tx.conn)?;
    store(tx, &mut user, None)?;
    let noted = note(tx, Action::UserDeletedInEntra, &user, &[])?;
    Ok(noted.with(user))
}

fn stays_in(user: &User) -> String {
    held_back(&format!("{} may still sign in", user.name()))
}

fn waits_for(user: &User, new: &str) -> String {
    format!(
        "Held back: too many user names changed at once, so {} keeps “{}” until an administrator releases “{new}” or \
         keeps the old name, under Held back.",
        user.name(),
        user.profile.user_name
    )
}

fn held_back(state: &str) -> String {
    format!(
        "Held back: too many users went at once, so {state} until an administrator releases it, or keeps the user, \
         under Held back."
    )
}

fn make(tx: &mut Tx, wish: UserInput) -> Result<Noted<WrittenUser>> {
    let mut user = User::new(tx, wish.profile, Origin::Entra);
    user.entra_state = EntraState::Linked;
    user.active = wish.active;
    user.deactivated_at = (!wish.active).then_some(tx.now);
    let (_, warnings) = apply_site(tx, &mut user, &wish.site, &mut Vec::new())?;
    insert_new(tx, &mut user, &wish.emails)?;
    let noted = note(tx, Action::UserCreated, &user, &[])?;
    let mut changes = Profile::named(&user.profile.user_name).changes(&user.profile, tx.conn)?;
    changes.extend(email_changes(&[], &wish.emails));
    changes.push(Change { before: None, ..activity(wish.active) });
    if matches!(wish.site, SiteWish::Named(_)) {
        place_at_known_site(tx, &mut user, &mut changes)?;
    }
    Ok(noted.with(WrittenUser {
        known: known_with(tx.conn, user, wish.emails)?,
        changes,
        warnings,
        held: false,
    }))
}

/// The old id stays gone; licence, extension, site and role are as they were.
fn adopt(tx: &mut Tx, mut user: User, wish: UserInput) -> Result<Noted<WrittenUser>> {
    retire(tx, &user, "adopted")?;
    user.scim_id = new_scim_id();
    user.entra_state = EntraState::Linked;
    user.deleted_in_entra_at = None;
    returning::goes_to_another(tx, &mut user)?;
    (user.held, user.held_at) = (None, None);
    let noted = note(tx, Action::UserAdopted, &user, &[])?;
    let emails = emails(tx.conn, &user.id)?;
    store(tx, &mut user, None)?;
    let known = known_with(tx.conn, user, emails)?;
    Ok(noted.with(change(tx, known, wish)?.into_inner()))
}

fn left_to_an_owner(user: &User) -> String {
    format!(
        "{} stays deactivated: the account has a role in Rollcall and was deactivated there by hand. An owner of Rollcall \
         can reactivate it.",
        user.name()
    )
}

/// Takes what Entra ID says of the site, short of placing the user; tells whether the account must be stored.
fn apply_site(
    tx: &mut Tx,
    user: &mut User,
    wish: &SiteWish,
    changes: &mut Vec<Change>,
) -> Result<(bool, Vec<String>)> {
    let sent = match wish {
        SiteWish::Unsaid => return Ok((false, Vec::new())),
        SiteWish::Absent | SiteWish::Removed => return withdraw_site(tx, user, wish, changes),
        SiteWish::Named(sent) => sent.clone(),
    };
    let meant = sites::named(tx.conn, &sent.name)?;
    if let Some(fixed) = &user.site_id
        && meant.as_ref().is_none_or(|site| site.id != *fixed)
    {
        let current = site_name(tx.conn, user)?.unwrap_or_default();
        // Sent again as it was answered: nothing new to say.
        if user.site_sent.as_deref().map(fold) == Some(fold(&sent.name)) {
            return Ok((false, Vec::new()));
        }
        note(tx, Action::SiteIgnored, user, &[Change::set("site", &sent.name)])?;
        return Ok((
            false,
            vec![format!(
                "The site “{}” was ignored: {} has the site {current}, and a site is fixed once it is set.",
                sent.name,
                user.name()
            )],
        ));
    }
    let warnings = match meant {
        Some(_) => Vec::new(),
        None => vec![format!(
            "There is no site “{}”. The user has no site yet: create it, or add the name as an alias, under Sites.",
            sent.name
        )],
    };
    let changed = user.site_sent.as_ref() != Some(&sent.name) || user.site_urn.as_ref() != Some(&sent.urn);
    (user.site_sent, user.site_urn) = (Some(sent.name), Some(sent.urn));
    Ok((changed, warnings))
}

/// Forgets a site that the user waits for: nobody is to get it later. One that is set stays.
fn withdraw_site(
    tx: &mut Tx,
    user: &mut User,
    wish: &SiteWish,
    changes: &mut Vec<Change>,
) -> Result<(bool, Vec<String>)> {
    if let Some(current) = site_name(tx.conn, user)? {
        // A whole user without a site is what a client sends that has nothing to say of sites.
        let warning = (*wish == SiteWish::Removed).then(|| {
            format!(
                "The site was not taken away: {} has the site {current}, and a site is fixed once it is set.",
                user.name()
            )
        });
        return Ok((false, warning.into_iter().collect()));
    }
    let Some(before) = user.site_sent.take() else { return Ok((false, Vec::new())) };
    user.site_urn = None;
    changes.push(Change { attribute: "site".into(), before: Some(before), after: None });
    Ok((true, Vec::new()))
}

/// Places a user whose site is known now.
fn place_at_known_site(tx: &mut Tx, user: &mut User, changes: &mut Vec<Change>) -> Result<()> {
    if user.site_id.is_some() {
        return Ok(());
    }
    let Some(sent) = user.site_sent.clone() else { return Ok(()) };
    if let Some(site) = sites::named(tx.conn, &sent)? {
        sites::place(tx, &user.id, &user.name(), &site)?;
        changes.push(Change::set("site", &site.name));
        *user = super::find(tx.conn, &user.id)?;
    }
    Ok(())
}

fn activity(active: bool) -> Change {
    let word = |active| Some(if active { "active" } else { "inactive" }.to_owned());
    Change { attribute: "state".into(), before: word(!active), after: word(active) }
}

fn known(conn: &mut Conn, user: User) -> Result<EntraUser> {
    let emails = emails(conn, &user.id)?;
    known_with(conn, user, emails)
}

fn known_with(conn: &mut Conn, user: User, emails: Vec<Email>) -> Result<EntraUser> {
    let name = site_name(conn, &user)?;
    Ok(EntraUser { site: answered_site(&user, name), user, emails })
}

/// `neighbours`: whether the rows stand next to each other in the order of their keys.
pub(super) fn known_all(conn: &mut Conn, rows: Vec<User>, neighbours: bool) -> Result<Vec<EntraUser>> {
    let ids: Vec<&UserId> = rows.iter().map(|user| &user.id).collect();
    let mut emails = match ids.as_slice() {
        [first, .., last] if neighbours => emails_between(conn, first, last)?,
        _ => emails_of(conn, &ids)?,
    };
    let mut site_ids: Vec<&SiteId> = rows.iter().filter_map(|user| user.site_id.as_ref()).collect();
    site_ids.sort_unstable();
    site_ids.dedup();
    let names: HashMap<SiteId, String> = if site_ids.is_empty() {
        HashMap::new()
    } else {
        let mine = site_table::table.filter(site_table::id.eq_any(site_ids));
        mine.select((site_table::id, site_table::name)).load(conn)?.into_iter().collect()
    };
    let known = rows.into_iter().map(|user| {
        let name = user.site_id.as_ref().and_then(|id| names.get(id).cloned());
        EntraUser {
            emails: emails.remove(&user.id).unwrap_or_default(),
            site: answered_site(&user, name),
            user,
        }
    });
    Ok(known.collect())
}

/// The name as it was sent, so that Entra ID recognises it; else the site's own.
fn answered_site(user: &User, name: Option<String>) -> Option<SentSite> {
    let name = user.site_sent.clone().or(name)?;
    Some(SentSite { name, urn: user.site_urn.clone().unwrap_or_default() })
}
