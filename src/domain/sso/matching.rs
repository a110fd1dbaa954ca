//! Whose account an assertion speaks of.
//!
//! By Entra ID's own key of the person once it is remembered: it never changes and is never given to anybody else. Else
//! by name: a federated id that was set on the account, or the user name. E-mail addresses and `externalId` are never
//! looked at: whoever can write those in a directory must not become somebody else by it.

use super::Settings;
use crate::db::Conn;
use crate::db::schema::{user_emails, users as table};
use crate::domain::names::is_called;
use crate::domain::users::federation::FoundBy;
use crate::domain::users::{self, EntraState, User};
use crate::domain::{Role, fold};
use crate::error::Result;
use crate::saml::{self, Assertion, NameId};
use diesel::prelude::*;
use uuid::Uuid;

/// Entra ID's key of the person.
pub const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// The end of the formats that say nothing: of SAML 1.1, and of 2.0 as some write it.
const UNSPECIFIED: &str = ":nameid-format:unspecified";
/// From how many characters on a name may be random bytes: with the padding of Base64, and without. People have user names
/// of twenty and more; Entra ID's pairwise keys have 43.
const PADDED_FROM: usize = 6;
const OPAQUE_FROM: usize = 32;
/// The most names of an assertion that are searched for.
const NEAREST: usize = 5;
const LOOKED_AT: i64 = 500;
/// Names that need more letters changed than this are others.
const FAR: usize = 3;

/// How an account was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the remembered key.
    ObjectId,
    /// By a federated id.
    FederatedId,
    /// By the user name.
    UserName,
}

impl By {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ObjectId => "Entra object id",
            Self::FederatedId => "federated id",
            Self::UserName => "user name",
        }
    }

    /// The name that was matched, if it was one.
    #[must_use]
    pub fn name(self) -> Option<FoundBy> {
        match self {
            Self::ObjectId => None,
            Self::FederatedId => Some(FoundBy::FederatedId),
            Self::UserName => Some(FoundBy::UserName),
        }
    }
}

/// Why an assertion matches no account that may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// The claim that should name the user is not there.
    ClaimMissing,
    /// The object id is none that Entra ID gives.
    ObjectIdInvalid,
    /// No account has this name.
    Unknown,
    /// No account has this name yet: the guard holds it back for one.
    NameHeld,
    /// The account may not sign in.
    Deactivated,
    /// Entra ID deleted the account.
    DeletedInEntra,
    /// The name is that of an account which another person in Entra ID has.
    OtherObject,
    /// The name is one account's federated id and another's user name.
    Ambiguous,
    /// No owner approved of the certificate, and the account has a role.
    NotForOwners,
    /// No owner approved of the settings that it takes, and the account has a role.
    SettingsNotApproved,
    /// No owner confirmed that by which an account with a role was found.
    NotConfirmed,
}

impl Nobody {
    /// A word for it, kept in the log.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ClaimMissing => "claim_missing",
            Self::ObjectIdInvalid => "object_id_invalid",
            Self::Unknown => "user_unknown",
            Self::NameHeld => "user_name_held",
            Self::Deactivated => "user_deactivated",
            Self::DeletedInEntra => "user_deleted_in_entra",
            Self::OtherObject => "other_object_id",
            Self::Ambiguous => "name_ambiguous",
            Self::NotForOwners => "certificate_not_for_owners",
            Self::SettingsNotApproved => "settings_not_approved",
            Self::NotConfirmed => "recognition_not_confirmed",
        }
    }
}

/// What an assertion says about who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name to look for.
    pub name: Option<String>,
    /// Entra ID's key, where it sends one.
    pub object_id: Option<String>,
    /// Whether the name says nothing about the person.
    pub opaque: bool,
}

/// An account, how it was found, and whether it may sign in.
#[derive(Clone, Debug)]
pub struct Match {
    /// The account.
    pub user: User,
    /// How it was found.
    pub by: By,
    /// Why it may not sign in, if it may not.
    pub barred: Option<Nobody>,
}

/// What the assertion says about who it is, as the settings read it. Values are trimmed as XML does and no further: a
/// name that ends in another kind of space is another name.
pub fn named(assertion: &Assertion, settings: &Settings) -> Result<Named, Nobody> {
    let (name, opaque) = match &settings.match_claim {
        Some(claim) => {
            let name = assertion.claim(claim);
            (name, name.is_some_and(is_opaque_text))
        }
        None => (Some(assertion.name_id.value.as_str()), is_opaque(&assertion.name_id)),
    };
    let filled = |text: &str| Some(saml::trim(text).to_owned()).filter(|text| !text.is_empty());
    let object_id = match assertion.claim(OBJECT_ID).and_then(filled) {
        Some(text) => Some(object_id(&text).ok_or(Nobody::ObjectIdInvalid)?),
        None => None,
    };
    Ok(Named { name: name.and_then(filled), object_id, opaque })
}

/// Whether a name is a key that says nothing about the person. Where its format leaves open what it is, its look tells:
/// Entra ID sends such keys as unspecified, too.
#[must_use]
pub fn is_opaque(name: &NameId) -> bool {
    match name.format.as_deref() {
        Some(PERSISTENT | TRANSIENT) => !name.value.contains('@'),
        None => is_opaque_text(&name.value),
        // Of any other format, none is padded Base64 that is what its format says.
        Some(format) => {
            let is_opaque = if format.ends_with(UNSPECIFIED) { is_opaque_text } else { is_padded };
            is_opaque(&name.value)
        }
    }
}

/// Whether a text looks like random bytes: a GUID, long hexadecimal digits, or Base64, as Entra ID's pairwise keys are.
#[must_use]
pub fn is_opaque_text(text: &str) -> bool {
    let text = saml::trim(text);
    let is_guid = text.len() == 36 && Uuid::try_parse(text).is_ok();
    let digits = text.strip_prefix('_').unwrap_or(text);
    let is_hex = digits.len() >= OPAQUE_FROM && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has = |kind: fn(&char) -> bool| text.chars().any(|char| kind(&char));
    let is_mixed =
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    is_guid || is_hex || is_padded(text) || (is_base64(text) && is_mixed && text.len() >= OPAQUE_FROM)
}

fn is_base64(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '-' | '_'))
}

/// Whether a text is Base64 with its padding.
fn is_padded(text: &str) -> bool {
    let text = saml::trim(text);
    let body = text.trim_end_matches('=');
    let is_whole = body.len() < text.len() && text.len() - body.len() <= 2 && text.len().is_multiple_of(4);
    is_whole && is_base64(body) && body.len() >= PADDED_FROM
}

/// An object id as Entra ID writes it: a GUID of 36 characters that is not the empty one, in small letters.
fn object_id(text: &str) -> Option<String> {
    let id = Uuid::try_parse(text).ok().filter(|id| text.len() == 36 && !id.is_nil() && !id.is_max())?;
    Some(id.to_string())
}

/// The account, if there is one.
pub fn find(conn: &mut Conn, who: &Named) -> Result<Option<Match>> {
    if let Some(object_id) = &who.object_id
        && let Some(user) = users::with_object_id(conn, object_id)?
    {
        let barred = if user.object_id_counts() { standing(&user) } else { Some(Nobody::NotConfirmed) };
        return Ok(Some(Match { user, by: By::ObjectId, barred }));
    }
    let Some(name) = &who.name else { return Ok(None) };
    let federated = users::federated(conn, name)?;
    let federated =
        federated.filter(|user| user.federated_id.as_deref().is_some_and(|id| is_called(name, id)));
    let namesake = users::called(conn, name)?;
    let ambiguous = is_ambiguous(federated.as_ref(), namesake.as_ref());
    let by_name = match (federated, namesake) {
        (Some(user), Some(namesake))
            if stands(&namesake, By::UserName) && !stands(&user, By::FederatedId) =>
        {
            Some((namesake, By::UserName))
        }
        (Some(user), _) => Some((user, By::FederatedId)),
        (None, namesake) => namesake.map(|user| (user, By::UserName)),
    };
    Ok(by_name.map(|(user, by)| {
        // Once the key is known a name proves nothing: names are given to others when people leave.
        let known = user.entra_object_id.is_some();
        let confirmed = counts(&user, by);
        let barred = match &who.object_id {
            _ if ambiguous => Some(Nobody::Ambiguous),
            Some(_) if known => Some(Nobody::OtherObject),
            None if known && user.role > Role::None => Some(Nobody::OtherObject),
            _ if !confirmed => Some(Nobody::NotConfirmed),
            _ => standing(&user),
        };
        Match { user, by, barred }
    }))
}

fn counts(user: &User, by: By) -> bool {
    match by {
        By::FederatedId => user.federated_id_counts(),
        _ => user.user_name_counts(),
    }
}

/// Whether an owner decided that this name is the account's.
fn stands(user: &User, by: By) -> bool {
    user.role > Role::None && counts(user, by)
}

/// Whether a name is the federated id of one account and the user name of another, and no owner decided which of them is
/// meant: what lesser roles or Entra ID write takes nobody's confirmed name away.
fn is_ambiguous(federated: Option<&User>, namesake: Option<&User>) -> bool {
    let (Some(one), Some(other)) = (federated, namesake) else { return false };
    one.id != other.id && stands(one, By::FederatedId) == stands(other, By::UserName)
}

fn standing(user: &User) -> Option<Nobody> {
    if user.entra_state == EntraState::Deleted {
        Some(Nobody::DeletedInEntra)
    } else if user.active {
        None
    } else {
        Some(Nobody::Deactivated)
    }
}

/// The account that Entra ID gave this name, where the guard holds that back.
pub fn waiting_for(conn: &mut Conn, name: &str) -> Result<Option<User>> {
    let waiting = users::waiting_for_name(conn, name)?;
    Ok(waiting.filter(|user| user.held_name.as_deref().is_some_and(|held| is_called(name, held))))
}

/// User names that may have been meant: the same before the @, the same e-mail address, or a few letters apart.
pub fn nearest(conn: &mut Conn, name: &str) -> Result<Vec<String>> {
    let name = fold(name);
    let local = name.split(['@', '#']).next().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    let mut add = |found: Vec<String>| {
        for one in found {
            if !names.contains(&one) {
                names.push(one);
            }
        }
    };
    let by_email = table::table
        .inner_join(user_emails::table)
        .filter(user_emails::value_key.eq(&name))
        .select(table::user_name)
        .limit(LOOKED_AT);
    add(by_email.load(conn)?);
    if !local.is_empty() {
        let between = |from: &str| (format!("{from}@"), format!("{from}@\u{10ffff}"));
        let (from, to) = between(local);
        let same = table::table.filter(table::user_name_key.ge(from).and(table::user_name_key.le(to)));
        add(same.select(table::user_name).limit(LOOKED_AT).load(conn)?);
        let bare = table::table.filter(table::user_name_key.eq(local));
        add(bare.select(table::user_name).load(conn)?);
        let start: String = local.chars().take(2).collect();
        let like = table::table.filter(
            table::user_name_key.ge(&start).and(table::user_name_key.le(format!("{start}\u{10ffff}"))),
        );
        let mut near: Vec<(usize, String)> = like
            .select(table::user_name)
            .limit(LOOKED_AT)
            .load::<String>(conn)?
            .into_iter()
            .map(|one| (strsim::osa_distance(&fold(&one), &name), one))
            .filter(|(distance, _)| *distance <= FAR)
            .collect();
        near.sort();
        add(near.into_iter().map(|(_, one)| one).collect());
    }
    names.truncate(NEAREST);
    Ok(names)
}
