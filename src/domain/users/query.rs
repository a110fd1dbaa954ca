//! What a SCIM filter can ask of an account in the database.

use super::Held;
use crate::db::lower_case;
use crate::db::schema::{group_members, sites, user_emails, user_groups, users};
use crate::domain::condition::{
    Condition, Sql, Test, always, compare, compare_text, optional, pattern, starts_with,
};
use crate::domain::fold;
use chrono::NaiveDateTime;
use diesel::dsl::not;
use diesel::prelude::*;

/// A condition over accounts.
pub type UserCondition = Condition<Predicate>;

type OfUsers = Sql<users::table>;

/// What can be asked of an account.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The attribute has a value.
    Present(Field),
    /// The attribute compares with a text.
    Text(Field, Test, String),
    /// The account is active as far as Entra ID knows, or is not.
    Active(bool),
    /// A moment compares with another.
    Time(Moment, Test, NaiveDateTime),
    /// There is an e-mail address of this kind (any, if there is none) that compares so.
    Email(Option<String>, Option<(Test, String)>),
    /// The user is in the group that SCIM knows by this id.
    InGroup(String),
    /// The site may be called so: more rows than are meant, never fewer.
    Site(String),
    /// The remaining attributes hold this text somewhere, whatever its case: more rows than are meant, never fewer.
    Mentions(String),
}

/// An attribute that is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the attribute of the same name in `Profile` or `User`")]
pub enum Field {
    ScimId,
    UserName,
    ExternalId,
    DisplayName,
    GivenName,
    FamilyName,
    Title,
    Department,
    Manager,
    WorkPhone,
    MobilePhone,
    Locale,
    TimeZone,
    Language,
}

/// A moment in an account's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When it was made.
    Created,
    /// When it last changed.
    Changed,
}

pub(super) fn to_sql(predicate: &Predicate) -> OfUsers {
    match predicate {
        Predicate::Present(field) => present(*field),
        Predicate::Text(field, Test::Ne, text) => Box::new(not(text_compares(*field, Test::Eq, text))),
        Predicate::Text(field, test, text) => text_compares(*field, *test, text),
        Predicate::Active(true) => Box::new(users::active.eq(true).and(not_held_back())),
        // Each part has an index.
        Predicate::Active(false) => Box::new(
            users::active.eq(false).or(users::held_at
                .is_not_null()
                .and(users::held.is_not_null())
                .and(users::held.assume_not_null().eq(Held::Deactivate))),
        ),
        Predicate::Time(Moment::Created, test, at) => compare!(users::created_at, *test, *at),
        Predicate::Time(Moment::Changed, test, at) => compare!(users::updated_at, *test, *at),
        Predicate::Email(kind, comparison) => email(kind.as_deref(), comparison.as_ref()),
        Predicate::InGroup(id) => in_group(id),
        Predicate::Site(name) => site(&fold(name)),
        Predicate::Mentions(text) => Box::new(
            lower_case(users::more.nullable())
                .assume_not_null()
                .like(pattern(Test::Co, &text.to_lowercase()))
                .escape('\\'),
        ),
    }
}

fn not_held_back() -> OfUsers {
    Box::new(
        users::held
            .is_null()
            .or(users::held.is_not_null().and(users::held.assume_not_null().ne(Held::Deactivate))),
    )
}

fn text_compares(field: Field, test: Test, text: &str) -> OfUsers {
    let (exact, folded) = (text.to_owned(), text.to_lowercase());
    match field {
        Field::ScimId if test == Test::Sw => starts_with!(users::scim_id, exact),
        Field::ScimId => compare_text!(users::scim_id, test, exact),
        Field::UserName => user_name(test, text),
        Field::ExternalId if test == Test::Sw => Box::new(
            users::external_id.is_not_null().and(starts_with!(users::external_id.assume_not_null(), exact)),
        ),
        Field::ExternalId => optional!(users::external_id, test, exact),
        Field::Manager => optional!(users::manager, test, exact),
        Field::DisplayName => display_name(test, folded),
        Field::GivenName => optional!(folded users::given_name, test, folded),
        Field::FamilyName => optional!(folded users::family_name, test, folded),
        Field::Title => optional!(folded users::title, test, folded),
        Field::Department => optional!(folded users::department, test, folded),
        Field::WorkPhone => optional!(folded users::work_phone, test, folded),
        Field::MobilePhone => optional!(folded users::mobile_phone, test, folded),
        Field::Locale => optional!(folded users::locale, test, folded),
        Field::TimeZone => optional!(folded users::time_zone, test, folded),
        Field::Language => optional!(folded users::language, test, folded),
    }
}

/// The name that Entra ID wrote, where that is held back; else the account's own. Each part has an index.
fn user_name(test: Test, text: &str) -> OfUsers {
    let (key, folded) = (fold(text), text.to_lowercase());
    let waiting = users::held_name_key.assume_not_null();
    let (own, held): (OfUsers, OfUsers) = match test {
        Test::Eq => (Box::new(users::user_name_key.eq(key.clone())), Box::new(waiting.eq(key))),
        Test::Sw => (starts_with!(users::user_name_key, folded), starts_with!(waiting, folded)),
        _ => {
            (compare_text!(users::user_name_key, test, folded.clone()), compare_text!(waiting, test, folded))
        }
    };
    let own = users::held_name_key.is_null().and(own);
    Box::new(own.or(users::held_name_key.is_not_null().and(held)))
}

/// A display name that there is, is also what its account sorts by: that column has an index.
fn display_name(test: Test, folded: String) -> OfUsers {
    let key = folded.clone();
    let indexed: Option<OfUsers> = match test {
        _ if !display_name_has_index(test, &folded) => None,
        Test::Eq => Some(Box::new(users::sort_name.eq(key))),
        Test::Sw => Some(starts_with!(users::sort_name, key)),
        _ => None,
    };
    let exact: OfUsers = optional!(folded users::display_name, test, folded);
    match indexed {
        Some(indexed) => Box::new(indexed.and(exact)),
        None => exact,
    }
}

/// Whether an index finds those whose display name compares so: blanks around it are not in what its account sorts by.
pub(super) fn display_name_has_index(test: Test, text: &str) -> bool {
    matches!(test, Test::Eq | Test::Sw) && !text.is_empty() && text.trim().len() == text.len()
}

fn email(kind: Option<&str>, comparison: Option<&(Test, String)>) -> OfUsers {
    let address = user_emails::value_key;
    let kind_matches = || -> Sql<user_emails::table> {
        match kind {
            None => always(true),
            Some(kind) => optional!(folded user_emails::kind, Test::Eq, kind.to_lowercase()),
        }
    };
    let among = |compares: Sql<user_emails::table>| -> OfUsers {
        // By `IN`, so that an indexed address leads to its user and not each user to their addresses.
        let holders = user_emails::table
            .select(user_emails::user_id)
            .into_boxed()
            .filter(kind_matches())
            .filter(compares);
        Box::new(users::id.eq_any(holders))
    };
    match comparison {
        None => among(always(true)),
        Some((Test::Ne, text)) => {
            let other: Sql<user_emails::table> = Box::new(address.ne(text.to_lowercase()));
            Box::new(not(among(always(true))).or(among(other)))
        }
        Some((Test::Sw, text)) => among(starts_with!(address, text.to_lowercase())),
        Some((test, text)) => among(compare_text!(address, *test, text.to_lowercase())),
    }
}

fn in_group(id: &str) -> OfUsers {
    let members = group_members::table
        .inner_join(user_groups::table.on(user_groups::id.eq(group_members::group_id)))
        .filter(user_groups::scim_id.eq(id.to_owned()))
        .filter(user_groups::linked.eq(true))
        .filter(group_members::held.eq(false))
        .filter(group_members::user_id.is_not_null())
        .select(group_members::user_id.assume_not_null());
    Box::new(users::id.eq_any(members))
}

/// By the name that Entra ID sent, or by the site's own.
fn site(key: &str) -> OfUsers {
    let sent =
        users::site_sent_key.is_not_null().and(users::site_sent_key.assume_not_null().eq(key.to_owned()));
    let named = sites::table.filter(sites::name_key.eq(key.to_owned())).select(sites::id);
    let placed = users::site_id.is_not_null().and(users::site_id.assume_not_null().eq_any(named));
    Box::new(sent.or(placed))
}

fn present(field: Field) -> OfUsers {
    match field {
        Field::ScimId | Field::UserName => always(true),
        Field::ExternalId => Box::new(users::external_id.is_not_null()),
        Field::DisplayName => Box::new(users::display_name.is_not_null()),
        Field::GivenName => Box::new(users::given_name.is_not_null()),
        Field::FamilyName => Box::new(users::family_name.is_not_null()),
        Field::Title => Box::new(users::title.is_not_null()),
        Field::Department => Box::new(users::department.is_not_null()),
        Field::Manager => Box::new(users::manager.is_not_null()),
        Field::WorkPhone => Box::new(users::work_phone.is_not_null()),
        Field::MobilePhone => Box::new(users::mobile_phone.is_not_null()),
        Field::Locale => Box::new(users::locale.is_not_null()),
        Field::TimeZone => Box::new(users::time_zone.is_not_null()),
        Field::Language => Box::new(users::language.is_not_null()),
    }
}
