//! Values that no log, page or message of a fault may show.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serializer};
use std::fmt;

/// A text that `Debug` does not print, and that nothing but [`Secret::expose`] gives away. It has no `Display`: a page or
/// a message that would show it does not compile.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, AsExpression, FromSqlRow)]
#[serde(transparent)]
#[diesel(sql_type = Text)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Every use is found by this name.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<DB: Backend> ToSql<Text, DB> for Secret
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.expose().to_sql(out)
    }
}

impl<DB: Backend> FromSql<Text, DB> for Secret
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, DB>>::from_sql(bytes).map(Self)
    }
}

/// For forms, which know their fields by what would be written of them: the field is there, and empty.
///
/// # Errors
/// Those of the serializer.
pub fn empty_field<S: Serializer>(_: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "it is there to be printed")]
    struct Record {
        name: &'static str,
        password: Secret,
    }

    #[test]
    fn nothing_prints_a_secret() {
        let record = Record { name: "ana", password: "correct horse".into() };
        for printed in [format!("{record:?}"), format!("{record:#?}")] {
            assert!(!printed.contains("correct"), "{printed}");
        }
        assert_eq!(record.password.expose(), "correct horse");
    }
}
