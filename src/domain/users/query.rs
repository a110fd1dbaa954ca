//! Conditions on accounts that are put together at run time, as a SCIM filter asks for them.

use crate::db::Backend;
use crate::db::schema::{user_emails, users};
use crate::domain::fold;
use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};

diesel::define_sql_function! {
    /// The text in lower case, as far as the database knows how.
    fn lower(text: Text) -> Text;
}

/// The orders and equality that every comparable column has.
macro_rules! compare {
    ($column:expr, $test:expr, $value:expr) => {
        match $test {
            Test::Ne => Box::new($column.ne($value)) as Sql,
            Test::Gt => Box::new($column.gt($value)),
            Test::Ge => Box::new($column.ge($value)),
            Test::Lt => Box::new($column.lt($value)),
            Test::Le => Box::new($column.le($value)),
            Test::Eq | Test::Co | Test::Sw | Test::Ew => Box::new($column.eq($value)),
        }
    };
}

macro_rules! compare_text {
    ($column:expr, $test:expr, $value:expr) => {
        match $test {
            Test::Co => Box::new($column.like(format!("%{}%", escaped(&$value))).escape('\\')) as Sql,
            Test::Sw => Box::new($column.like(format!("{}%", escaped(&$value))).escape('\\')),
            Test::Ew => Box::new($column.like(format!("%{}", escaped(&$value))).escape('\\')),
            test => compare!($column, test, $value),
        }
    };
}

/// A column that may be empty: an absent value meets no comparison.
macro_rules! optional {
    ($column:expr, $test:expr, $value:expr) => {
        Box::new($column.is_not_null().and(compare_text!($column.assume_not_null(), $test, $value))) as Sql
    };
    (folded $column:expr, $test:expr, $value:expr) => {
        Box::new($column.is_not_null().and(compare_text!(lower($column.assume_not_null()), $test, $value)))
            as Sql
    };
}

type Sql = Box<dyn BoxableExpression<users::table, Backend, SqlType = Bool>>;

/// A condition over accounts.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Every account meets it.
    All,
    /// All of these hold.
    And(Vec<Condition>),
    /// One of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// The attribute has a value.
    Present(Field),
    /// The attribute compares with a text.
    Text(Field, Test, String),
    /// The account is active, or is not.
    Active(bool),
    /// A moment compares with another.
    Time(Moment, Test, NaiveDateTime),
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
    Site,
    Email,
    WorkEmail,
}

/// A moment in an account's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When it was made.
    Created,
    /// When it last changed.
    Changed,
}

/// How to compare (RFC 7644 section 3.4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal.
    Eq,
    /// Not equal, or absent.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater, or later.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less, or earlier.
    Lt,
    /// Less or equal.
    Le,
}

impl Condition {
    pub(super) fn to_sql(&self) -> Sql {
        match self {
            Self::All => always(true),
            Self::And(parts) => parts.iter().fold(always(true), |all, part| Box::new(all.and(part.to_sql()))),
            Self::Or(parts) => parts.iter().fold(always(false), |any, part| Box::new(any.or(part.to_sql()))),
            Self::Not(part) => Box::new(diesel::dsl::not(part.to_sql())),
            Self::Active(active) => Box::new(users::active.eq(*active)),
            Self::Time(Moment::Created, test, at) => compare!(users::created_at, *test, *at),
            Self::Time(Moment::Changed, test, at) => compare!(users::updated_at, *test, *at),
            Self::Present(field) => present(*field),
            Self::Text(field, Test::Ne, text) => Box::new(diesel::dsl::not(compare(*field, Test::Eq, text))),
            Self::Text(field, test, text) => compare(*field, *test, text),
        }
    }
}

fn always(answer: bool) -> Sql {
    Box::new(answer.into_sql::<Bool>())
}

fn compare(field: Field, test: Test, text: &str) -> Sql {
    let (exact, folded) = (text.to_owned(), fold(text));
    match field {
        Field::ScimId => compare_text!(users::scim_id, test, exact),
        Field::UserName => compare_text!(users::user_name_key, test, folded),
        Field::ExternalId => optional!(users::external_id, test, exact),
        Field::Manager => optional!(users::manager, test, exact),
        Field::DisplayName => optional!(folded users::display_name, test, folded),
        Field::GivenName => optional!(folded users::given_name, test, folded),
        Field::FamilyName => optional!(folded users::family_name, test, folded),
        Field::Title => optional!(folded users::title, test, folded),
        Field::Department => optional!(folded users::department, test, folded),
        Field::WorkPhone => optional!(folded users::work_phone, test, folded),
        Field::MobilePhone => optional!(folded users::mobile_phone, test, folded),
        Field::Locale => optional!(folded users::locale, test, folded),
        Field::TimeZone => optional!(folded users::time_zone, test, folded),
        Field::Language => optional!(folded users::language, test, folded),
        Field::Site => optional!(users::site_sent_key, test, folded),
        Field::Email => with_email(true, test, folded),
        Field::WorkEmail => with_email(false, test, folded),
    }
}

fn with_email(any_kind: bool, test: Test, folded: String) -> Sql {
    let address = user_emails::value_key;
    let mine = user_emails::table
        .filter(user_emails::user_id.eq(users::id))
        .filter(user_emails::kind.eq("work").or(any_kind.into_sql::<Nullable<Bool>>()));
    match test {
        Test::Co => {
            Box::new(exists(mine.filter(address.like(format!("%{}%", escaped(&folded))).escape('\\'))))
        }
        Test::Sw => {
            Box::new(exists(mine.filter(address.like(format!("{}%", escaped(&folded))).escape('\\'))))
        }
        Test::Ew => {
            Box::new(exists(mine.filter(address.like(format!("%{}", escaped(&folded))).escape('\\'))))
        }
        Test::Gt => Box::new(exists(mine.filter(address.gt(folded)))),
        Test::Ge => Box::new(exists(mine.filter(address.ge(folded)))),
        Test::Lt => Box::new(exists(mine.filter(address.lt(folded)))),
        Test::Le => Box::new(exists(mine.filter(address.le(folded)))),
        Test::Eq | Test::Ne => Box::new(exists(mine.filter(address.eq(folded)))),
    }
}

fn present(field: Field) -> Sql {
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
        Field::Site => Box::new(users::site_sent.is_not_null().or(users::site_id.is_not_null())),
        Field::Email => with_email(true, Test::Sw, String::new()),
        Field::WorkEmail => with_email(false, Test::Sw, String::new()),
    }
}

/// A text in which no character is a wildcard.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
