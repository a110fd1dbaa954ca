//! The record of who changed what: written in the same transaction as the change itself.

use super::page::{At, Page, newest_first};
use super::text_enum::text_enum;
use super::{Actor, new_id};
use crate::db::Conn;
use crate::db::schema::audit_events;
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// So many records are written by one statement: ten columns each, far below what it takes.
const NOTED_AT_ONCE: usize = 500;

/// One attribute's value before and after. Secrets are never values here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The attribute in plain words: `work e-mail`.
    pub attribute: String,
    /// The value before, if there was one.
    pub before: Option<String>,
    /// The value after, if there is one.
    pub after: Option<String>,
}

impl Change {
    /// A change of `attribute`, or nothing where both values are the same.
    #[must_use]
    pub fn of(attribute: &str, before: Option<&str>, after: Option<&str>) -> Option<Self> {
        let [before, after] =
            [before, after].map(|value| value.filter(|text| !text.is_empty()).map(str::to_owned));
        (before != after).then(|| Self { attribute: attribute.to_owned(), before, after })
    }

    /// A value that is there now.
    pub fn set(attribute: &str, after: impl Into<String>) -> Self {
        Self { attribute: attribute.to_owned(), before: None, after: Some(after.into()) }
    }
}

text_enum! {
    /// What a record speaks of.
    pub enum Kind {
        /// A user or administrator.
        User = "user",
        /// A group.
        Group = "group",
        /// A site.
        Site = "site",
        /// A licence type.
        License = "license",
        /// An API token.
        Token = "token",
        /// An OAuth 2.0 client.
        Client = "oauth_client",
        /// Single sign-on.
        SingleSignOn = "sso",
        /// User provisioning.
        Provisioning = "provisioning",
        /// A bulk upload.
        Import = "import",
        /// A comparison of user names.
        Comparison = "comparison",
        /// The organisation itself.
        Organisation = "organisation",
    }
}

/// What a record speaks of, by key and by the name it had then.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What sort of thing.
    pub kind: Kind,
    /// Its key.
    pub id: &'a str,
    /// Its name at the time.
    pub name: &'a str,
}

text_enum! {
    /// What was done.
    pub enum Action {
        /// An account was made.
        UserCreated = "user.created",
        /// Attributes of a user changed.
        UserChanged = "user.changed",
        /// A user may no longer sign in.
        UserDeactivated = "user.deactivated",
        /// A user may sign in again.
        UserReactivated = "user.reactivated",
        /// A user was deleted for good, by hand.
        UserDeleted = "user.deleted",
        /// An account was taken off the list of those that Entra ID asks to link.
        LinkDismissed = "user.link_dismissed",
        /// User names here and in Entra ID were compared, and the comparison kept.
        ComparisonKept = "comparison.kept",
        /// A comparison of user names was thrown away.
        ComparisonDiscarded = "comparison.discarded",
        /// Entra ID took an existing account over.
        UserLinked = "user.linked",
        /// An administrator took a user back to local management.
        UserReleased = "user.released",
        /// Entra ID deleted the user; the account waits for deletion by hand.
        UserDeletedInEntra = "user.deleted_in_entra",
        /// An account that Entra ID had deleted was taken over again.
        UserAdopted = "user.adopted",
        /// Entra ID renamed an account that holds a role in the console: the owners should know.
        RoleHolderRenamed = "user.role_holder_renamed",
        /// The guard holds back that Entra ID bars a user.
        UserDeactivationHeld = "user.deactivation_held",
        /// The guard holds back that Entra ID deletes a user.
        UserDeletionHeld = "user.deletion_held",
        /// The guard holds back that Entra ID changes a user name.
        UserRenameHeld = "user.rename_held",
        /// What was held back is no longer wanted, or an administrator keeps the user as they are.
        UserHoldDiscarded = "user.hold_discarded",
        /// A group was made.
        GroupCreated = "group.created",
        /// A group changed.
        GroupChanged = "group.changed",
        /// A group was deleted.
        GroupDeleted = "group.deleted",
        /// The guard holds back that Entra ID empties or deletes a group.
        GroupHeld = "group.held",
        /// What was held back of a group is no longer wanted, or an administrator threw it away.
        GroupHoldDiscarded = "group.hold_discarded",
        /// An administrator ran the requests by which Entra ID tests the connection.
        ConnectionTested = "provisioning.tested",
        /// The limits of the guard changed.
        GuardChanged = "guard.changed",
        /// The logs are kept for another number of days.
        RetentionChanged = "retention.changed",
        /// An administrator released what the guard held back.
        HoldsReleased = "guard.released",
        /// A later site from Entra ID was ignored.
        SiteIgnored = "user.site_ignored",
        /// Somebody signed in.
        SignedIn = "session.signed_in",
        /// Somebody signed out.
        SignedOut = "session.signed_out",
        /// A password was refused.
        SignInRefused = "session.refused",
        /// An account was locked for a while after repeated failures.
        SignInLocked = "session.locked",
        /// Somebody signed in was asked for their password again and showed a wrong one.
        ProofRefused = "session.proof_refused",
        /// Somebody signed in proved again that it is they.
        Confirmed = "session.confirmed",
        /// Sessions were ended other than by signing out of them.
        SessionsEnded = "session.ended",
        /// A password was set.
        PasswordSet = "password.set",
        /// A role in the console was given or taken.
        RoleChanged = "role.changed",
        /// An owner put their account under Entra ID's management.
        OwnerHandedOver = "owner.handed_over",
        /// An owner's account is protected again.
        OwnerProtected = "owner.protected",
        /// A licence was given.
        LicenseAssigned = "license.assigned",
        /// A licence was taken back.
        LicenseRemoved = "license.removed",
        /// A licence type was made.
        LicenseTypeCreated = "license_type.created",
        /// A licence type changed.
        LicenseTypeChanged = "license_type.changed",
        /// A licence type was deleted.
        LicenseTypeDeleted = "license_type.deleted",
        /// A site was made.
        SiteCreated = "site.created",
        /// A site changed.
        SiteChanged = "site.changed",
        /// A site was deleted.
        SiteDeleted = "site.deleted",
        /// A CSV file was validated.
        ImportValidated = "import.validated",
        /// A CSV file was applied.
        ImportApplied = "import.applied",
        /// A validated CSV file was thrown away.
        ImportDiscarded = "import.discarded",
        /// Single sign-on settings changed.
        SsoChanged = "sso.changed",
        /// Provisioning settings changed.
        ProvisioningChanged = "provisioning.changed",
        /// An API token was made.
        TokenCreated = "token.created",
        /// The SCIM address and a token were shown to somebody.
        TokenRevealed = "token.revealed",
        /// An API token was revoked.
        TokenRevoked = "token.revoked",
        /// An OAuth 2.0 client was made.
        ClientCreated = "oauth_client.created",
        /// An OAuth 2.0 client was removed, with its secrets and access tokens.
        ClientRemoved = "oauth_client.removed",
        /// A secret of an OAuth 2.0 client was made, and shown once.
        ClientSecretCreated = "oauth_client.secret_created",
        /// A secret of an OAuth 2.0 client was revoked.
        ClientSecretRevoked = "oauth_client.secret_revoked",
        /// Workload identity federation was set up in another way.
        FederationChanged = "federation.changed",
        /// An owner made a link by which somebody chooses their password.
        PasswordLinkMade = "user.password_link_made",
        /// Somebody chose their password by such a link.
        PasswordLinkUsed = "user.password_link_used",
        /// An owner confirmed by what an account with a role is recognised.
        RecognitionConfirmed = "user.recognition_confirmed",
        /// What the holder of an account with a role may know or hold was made void: another person may have it now.
        AccessReset = "user.access_reset",
        /// The instance was claimed by its first owner.
        SetUp = "organisation.set_up",
        /// A backup was put in the place of the database.
        Restored = "organisation.restored",
    }
}

impl Action {
    /// The action as the middle of a sentence; `{}` stands for the subject.
    fn phrase(self) -> &'static str {
        match self {
            Self::UserCreated => "created the user {}",
            Self::UserChanged
            | Self::SsoChanged
            | Self::ProvisioningChanged
            | Self::FederationChanged
            | Self::GuardChanged
            | Self::RetentionChanged => "changed {}",
            Self::ConnectionTested => "tested the connection of {}",
            Self::UserDeactivated => "deactivated {}",
            Self::UserReactivated => "reactivated {}",
            Self::UserDeleted => "deleted the user {} for good",
            Self::UserLinked => "linked {} to Entra ID",
            Self::LinkDismissed => {
                "left {} under local management: Entra ID's request to link it was dismissed"
            }
            Self::ComparisonKept => "compared user names with the file {}",
            Self::ComparisonDiscarded => "discarded the comparison with the file {}",
            Self::UserReleased => "released {} to local management",
            Self::UserDeletedInEntra => "deleted {} in Entra ID; the account waits here for deletion by hand",
            Self::UserAdopted => "took over {} again",
            Self::RoleHolderRenamed => "renamed {}, an account with a role in this console",
            Self::UserDeactivationHeld => "deactivated {}, which is held back until an administrator decides",
            Self::UserDeletionHeld => {
                "deleted {} in Entra ID, which is held back until an administrator decides"
            }
            Self::UserRenameHeld => {
                "changed the user name of {}, which is held back until an administrator decides"
            }
            Self::UserHoldDiscarded => "kept {}: what was held back is discarded",
            Self::GroupCreated => "created the group {}",
            Self::GroupChanged => "changed the group {}",
            Self::GroupDeleted => "deleted the group {}",
            Self::GroupHeld => "emptied the group {}, which is held back until an administrator decides",
            Self::GroupHoldDiscarded => "kept the members of the group {}: what was held back is discarded",
            Self::HoldsReleased => "released what was held back by {}",
            Self::SiteIgnored => {
                "sent another site for {}, which was ignored: a site is fixed once it is set"
            }
            Self::SignedIn => "signed in",
            Self::SignedOut => "signed out",
            Self::SignInRefused => "refused a sign-in as {}",
            Self::SignInLocked => "locked sign-in as {} for a while after repeated failures",
            Self::ProofRefused => "entered a wrong password when asked for it again",
            Self::Confirmed => "confirmed that it is they",
            Self::SessionsEnded => "ended the sessions of {}",
            Self::PasswordSet => "set the password of {}",
            Self::RoleChanged => "changed the role of {}",
            Self::OwnerHandedOver => "handed the owner account {} over to Entra ID",
            Self::OwnerProtected => "protected the owner account {} from Entra ID",
            Self::LicenseAssigned => "assigned a licence to {}",
            Self::LicenseRemoved => "took the licence back from {}",
            Self::LicenseTypeCreated => "created the licence type {}",
            Self::LicenseTypeChanged => "changed the licence type {}",
            Self::LicenseTypeDeleted => "deleted the licence type {}",
            Self::SiteCreated => "created the site {}",
            Self::SiteChanged => "changed the site {}",
            Self::SiteDeleted => "deleted the site {}",
            Self::ImportValidated => "validated the licence file {}",
            Self::ImportApplied => "applied the licence file {}",
            Self::ImportDiscarded => "discarded the licence file {}",
            Self::TokenCreated => "created the API token {}",
            Self::TokenRevealed => "viewed the API token {}",
            Self::TokenRevoked => "revoked the API token {}",
            Self::ClientCreated => "created the OAuth client {}",
            Self::ClientRemoved => "removed the OAuth client {}",
            Self::ClientSecretCreated => "created a secret of the OAuth client {}",
            Self::ClientSecretRevoked => "revoked a secret of the OAuth client {}",
            Self::PasswordLinkMade => "made a one-time link by which {} chooses a password",
            Self::PasswordLinkUsed => "used the one-time link of {}",
            Self::RecognitionConfirmed => "confirmed how {} is recognised at sign-in",
            Self::AccessReset => {
                "made the password and the confirmed names of {} void: another person may have the account now"
            }
            Self::SetUp => "set up {}",
            Self::Restored => "put {} back from a backup",
        }
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
pub struct Event {
    /// Its key; later ones sort after earlier ones.
    pub id: String,
    /// When, in UTC.
    pub at: NaiveDateTime,
    /// `person`, `entra`, `command line` or `rollcall`.
    pub actor_kind: String,
    /// The person's key.
    pub actor_id: Option<UserId>,
    /// The actor's name at the time.
    pub actor_name: String,
    /// What was done.
    pub action: Action,
    /// What sort of thing it was done to.
    pub subject_kind: Kind,
    /// Its key.
    pub subject_id: String,
    /// Its name at the time.
    pub subject_name: String,
    changes: String,
}

/// What an entry shows in place of what is stored and cannot be read: the others are shown all the same.
pub(super) const DAMAGED: &str = "cannot be read: it is damaged in the database";

impl Event {
    /// What changed, attribute by attribute.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let damaged = |_| vec![Change::set("what changed", DAMAGED)];
        serde_json::from_str(&self.changes).unwrap_or_else(damaged)
    }

    /// The record in plain words, one sentence for each thing that changed; one in all where what is told beside it is no
    /// change, but how it was done.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let changes = self.changes();
        if self.is_one_sentence() && changes.len() > 1 {
            let how = changes
                .iter()
                .map(|how| format!("{} “{}”", how.attribute, how.after.as_deref().unwrap_or_default()));
            let phrase = self.action.phrase().replace("{}", &self.subject_name);
            return vec![format!("{} {phrase}: {}.", self.actor_name, how.collect::<Vec<_>>().join(", "))];
        }
        if changes.is_empty() {
            let phrase = self.action.phrase().replace("{}", &self.subject_name);
            return vec![format!("{} {phrase}.", self.actor_name)];
        }
        changes.iter().map(|change| self.sentence(change)).collect()
    }

    fn is_one_sentence(&self) -> bool {
        matches!(self.action, Action::SignedIn | Action::Confirmed | Action::SessionsEnded)
    }

    fn sentence(&self, change: &Change) -> String {
        let (who, whose) = (&self.actor_name, &self.subject_name);
        let what = &change.attribute;
        if !matches!(self.action, Action::UserChanged | Action::SiteChanged | Action::LicenseTypeChanged) {
            let phrase = self.action.phrase().replace("{}", whose);
            return match (&change.before, &change.after) {
                (Some(before), Some(after)) => {
                    format!("{who} {phrase}: {what} from “{before}” to “{after}”.")
                }
                (None, Some(after)) => format!("{who} {phrase}: {what} “{after}”."),
                (Some(before), None) => format!("{who} {phrase}: {what} was “{before}”."),
                (None, None) => format!("{who} {phrase}: {what}."),
            };
        }
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => {
                format!("{who} changed the {what} of {whose} from “{before}” to “{after}”.")
            }
            (None, Some(after)) => format!("{who} set the {what} of {whose} to “{after}”."),
            (Some(before), None) => format!("{who} cleared the {what} of {whose} (it was “{before}”)."),
            (None, None) => format!("{who} changed the {what} of {whose}."),
        }
    }
}

/// Writes entries: who did what, when. Only [`Tx::note`](super::Tx::note) and its like do.
pub(super) fn insert<'a, C: AsRef<[Change]>>(
    conn: &mut Conn,
    (actor, now): (&Actor, NaiveDateTime),
    notes: impl Iterator<Item = (Action, Subject<'a>, C)>,
) -> Result<()> {
    let events =
        notes.map(|(action, subject, changes)| event((actor, now), action, subject, changes.as_ref()));
    for some in events.collect::<Result<Vec<_>>>()?.chunks(NOTED_AT_ONCE) {
        diesel::insert_into(audit_events::table).values(some).execute(conn)?;
    }
    Ok(())
}

fn event(
    (actor, now): (&Actor, NaiveDateTime),
    action: Action,
    subject: Subject,
    changes: &[Change],
) -> Result<Event> {
    let (actor_kind, actor_id) = match actor {
        Actor::Person { id, .. } => ("person", Some(id.clone())),
        Actor::Entra => ("entra", None),
        Actor::CommandLine => ("command line", None),
        Actor::Rollcall => ("rollcall", None),
    };
    Ok(Event {
        id: new_id(),
        at: now,
        actor_kind: actor_kind.to_owned(),
        actor_id,
        actor_name: actor.name().to_owned(),
        action,
        subject_kind: subject.kind,
        subject_id: subject.id.to_owned(),
        subject_name: subject.name.to_owned(),
        changes: serde_json::to_string(changes).map_err(Error::internal)?,
    })
}

/// Which records are asked for; an empty filter means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those about this thing, by key.
    pub subject: Option<String>,
    /// Those about this sort of thing.
    pub kind: Option<Kind>,
    /// Those done by this sort of actor: `person`, `entra`, …
    pub actor: Option<String>,
    /// Those since this moment.
    pub since: Option<NaiveDateTime>,
    /// Those before this moment.
    pub until: Option<NaiveDateTime>,
}

impl Filter {
    /// Whether a span of time is asked for.
    fn is_in_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether no index serves it: it then looks at each record that meets one of the conditions.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        let conditions = [self.is_in_time(), self.kind.is_some(), self.actor.is_some()];
        self.subject.is_none() && conditions.into_iter().filter(|given| *given).count() > 1
    }
}

/// The records, newest first.
pub fn list(conn: &mut Conn, filter: &Filter, at: &At, size: usize) -> Result<Page<Event>> {
    let mut query = audit_events::table.select(Event::as_select()).into_boxed();
    if let Some(subject) = &filter.subject {
        query = query.filter(audit_events::subject_id.eq(subject));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(audit_events::subject_kind.eq(kind));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(audit_events::actor_kind.eq(actor));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_events::at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_events::at.lt(until));
    }
    query = newest_first!(query, audit_events, conn, at, filter.is_in_time());
    let rows = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(rows, at, size, |event: &Event| event.id.clone()))
}

/// The last record of a change of this attribute of a thing, however much else was changed since. What was only asked for
/// is no change.
pub fn last_change(conn: &mut Conn, subject: &str, attribute: &str) -> Result<Option<Event>> {
    // A quotation mark within a value is written with a backslash before it: no value reads like an attribute.
    let change = format!("%{{\"attribute\":\"{attribute}\",%");
    let changing = [Action::UserChanged, Action::RoleChanged, Action::RecognitionConfirmed];
    let last = audit_events::table
        .filter(audit_events::subject_id.eq(subject))
        .filter(audit_events::action.eq_any(changing))
        .filter(audit_events::changes.like(change))
        .order(audit_events::id.desc());
    Ok(last.select(Event::as_select()).first(conn).optional()?)
}

/// The record of how a thing came to be, if it is one that was made by this action.
pub fn beginning(conn: &mut Conn, subject: &str, action: Action) -> Result<Option<Event>> {
    let made = audit_events::table
        .filter(audit_events::subject_id.eq(subject))
        .filter(audit_events::action.eq(action));
    Ok(made.order(audit_events::id).select(Event::as_select()).first(conn).optional()?)
}

/// What a thing of this sort was called last; it may be gone since.
pub fn name_of(conn: &mut Conn, kind: Kind, subject: &str) -> Result<Option<String>> {
    let theirs = audit_events::table
        .filter(audit_events::subject_id.eq(subject))
        .filter(audit_events::subject_kind.eq(kind));
    let last = theirs.order(audit_events::id.desc()).select(audit_events::subject_name);
    Ok(last.first(conn).optional()?)
}

/// How often this was done since that moment.
pub fn count_since(conn: &mut Conn, action: Action, since: NaiveDateTime) -> Result<i64> {
    let done = audit_events::table.filter(audit_events::action.eq(action)).filter(audit_events::at.ge(since));
    Ok(done.count().get_result(conn)?)
}
