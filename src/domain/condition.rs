//! Conditions that are put together at run time, as a SCIM filter asks for them.

use crate::db::Backend;
use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// A condition as the database reads it. It is never unknown (SQL's third truth value), so that it can be negated.
pub(super) type Sql<T> = Box<dyn BoxableExpression<T, Backend, SqlType = Bool>>;

/// A condition over rows; `L` is what can be asked of one of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<L> {
    /// Every row meets it.
    All,
    /// No row does.
    Never,
    /// All of these hold.
    And(Vec<Condition<L>>),
    /// One of these holds.
    Or(Vec<Condition<L>>),
    /// This does not hold.
    Not(Box<Condition<L>>),
    /// This holds of the row.
    Is(L),
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

impl<L> Condition<L> {
    pub(super) fn to_sql<T: 'static>(&self, predicate: &impl Fn(&L) -> Sql<T>) -> Sql<T> {
        match self {
            Self::All => always(true),
            Self::Never => always(false),
            Self::And(parts) => parts
                .iter()
                .map(|part| part.to_sql(predicate))
                .reduce(|all, part| Box::new(all.and(part)))
                .unwrap_or_else(|| always(true)),
            // From the first part on: an alternative more would keep the database from the indexes of the others.
            Self::Or(parts) => parts
                .iter()
                .map(|part| part.to_sql(predicate))
                .reduce(|any, part| Box::new(any.or(part)))
                .unwrap_or_else(|| always(false)),
            Self::Not(part) => Box::new(not(part.to_sql(predicate))),
            Self::Is(what) => predicate(what),
        }
    }
}

pub(super) fn always<T: 'static>(answer: bool) -> Sql<T> {
    Box::new(answer.into_sql::<Bool>())
}

/// The condition in a form for which the database takes no index, so that it takes the one of what stands beside this.
///
/// An index is chosen by its columns and not by how many rows they leave: of "active" and "made since an hour ago" it
/// would be that of all active users. An alternative that never holds makes the condition one to look at a row for.
pub(super) fn without_index<T: 'static>(condition: Sql<T>) -> Sql<T> {
    Box::new(condition.or(always(false)))
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

/// The pattern of a comparison that looks within a text.
pub(super) fn pattern(test: Test, text: &str) -> String {
    let text = escaped(text);
    match test {
        Test::Sw => format!("{text}%"),
        Test::Ew => format!("%{text}"),
        _ => format!("%{text}%"),
    }
}

/// The orders and equality that every comparable column has.
macro_rules! compare {
    ($column:expr, $test:expr, $value:expr) => {
        match $test {
            Test::Ne => Box::new($column.ne($value)) as Sql<_>,
            Test::Gt => Box::new($column.gt($value)),
            Test::Ge => Box::new($column.ge($value)),
            Test::Lt => Box::new($column.lt($value)),
            Test::Le => Box::new($column.le($value)),
            Test::Eq | Test::Co | Test::Sw | Test::Ew => Box::new($column.eq($value)),
        }
    };
}

/// Those and the looks within a text.
macro_rules! compare_text {
    ($column:expr, $test:expr, $value:expr) => {
        match $test {
            test @ (Test::Co | Test::Sw | Test::Ew) => {
                Box::new($column.like(crate::domain::condition::pattern(test, &$value)).escape('\\'))
                    as Sql<_>
            }
            test => compare!($column, test, $value),
        }
    };
}

/// A column that may be empty: an absent value meets no comparison.
macro_rules! optional {
    ($column:expr, $test:expr, $value:expr) => {
        Box::new($column.is_not_null().and(compare_text!($column.assume_not_null(), $test, $value))) as Sql<_>
    };
    (folded $column:expr, $test:expr, $value:expr) => {
        Box::new($column.is_not_null().and(compare_text!(
            lower_case($column).assume_not_null(),
            $test,
            $value
        ))) as Sql<_>
    };
}

/// An indexed column that starts with a text: between it and the last text that does, which an index finds.
macro_rules! starts_with {
    ($column:expr, $text:expr) => {
        Box::new(
            $column
                .ge($text.clone())
                .and($column.lt(format!("{}\u{10FFFF}", $text)))
                .and($column.like(crate::domain::condition::pattern(Test::Sw, &$text)).escape('\\')),
        ) as Sql<_>
    };
}

/// The rows behind a place in the order of a column and a key: in a form that lets an index begin there.
macro_rules! behind {
    ($column:expr, $id:expr, $value:expr, $key:expr, $descending:expr) => {{
        let (value, key) = ($value, $key);
        if $descending {
            Box::new($column.le(value.clone()).and($column.lt(value).or($id.lt(key)))) as Sql<_>
        } else {
            Box::new($column.ge(value.clone()).and($column.gt(value).or($id.gt(key))))
        }
    }};
}

/// As `behind`, for a column that may be empty: what is absent comes last, or first where the last comes first.
macro_rules! behind_or_absent {
    ($column:expr, $compared:expr, $id:expr, $value:expr, $key:expr, $descending:expr) => {
        match ($value, $descending) {
            (None, false) => Box::new($column.is_null().and($id.gt($key))) as Sql<_>,
            (None, true) => Box::new($column.is_not_null().or($column.is_null().and($id.lt($key)))),
            (Some(value), descending) => {
                let among: Sql<_> =
                    crate::domain::condition::behind!($compared, $id, value, $key, descending);
                let among = $column.is_not_null().and(among);
                if descending { Box::new(among) as Sql<_> } else { Box::new($column.is_null().or(among)) }
            }
        }
    };
}

pub(super) use {behind, behind_or_absent, compare, compare_text, optional, starts_with};
