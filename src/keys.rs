//! Keys of rows, each kind a type of its own, so that two of them cannot be confused.
//!
//! A key is made anew, read from the database, or parsed where text comes in: from a path, a form, a file of settings.
//!
//! ```
//! use rollcall::domain::{Noted, Tx, licenses, users::User};
//! use rollcall::error::Result;
//! use rollcall::keys::{LicenseTypeId, UserId};
//! fn rule(tx: &mut Tx, user: &UserId, kind: &LicenseTypeId) -> Result<Noted<User>> {
//!     licenses::assign(tx, user, kind)
//! }
//! ```
//!
//! Swapped, they do not compile:
//!
//! ```compile_fail,E0308
//! use rollcall::domain::{Noted, Tx, licenses, users::User};
//! use rollcall::error::Result;
//! use rollcall::keys::{LicenseTypeId, UserId};
//! fn rule(tx: &mut Tx, user: &UserId, kind: &LicenseTypeId) -> Result<Noted<User>> {
//!     licenses::assign(tx, kind, user)
//! }
//! ```

use std::fmt;
use uuid::Uuid;

/// No key is longer.
const LONGEST: usize = 64;

/// A text that cannot be the key of anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchKey {
    /// What there is none of: `user`.
    pub thing: &'static str,
}

impl fmt::Display for NoSuchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} has such a key", self.thing)
    }
}

impl std::error::Error for NoSuchKey {}

/// A new key. Version 7 sorts by time, so that lists are paged by key (RFC 9562 section 5.7), and an index that grows at
/// its end costs least.
fn generate() -> String {
    Uuid::now_v7().to_string()
}

/// Whether this may be a key: also one that another program put into the database, as long as it is plain.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)
}

/// Declares types of keys. Diesel stores them as text, serde writes them as a string, and the path of a route yields them.
macro_rules! keys {
    ($( $(#[$doc:meta])* $name:ident of $thing:literal; )+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
            diesel::deserialize::FromSqlRow, diesel::expression::AsExpression,
        )]
        #[diesel(sql_type = diesel::sql_types::Text)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new key.
            #[must_use]
            pub fn generate() -> Self {
                Self(generate())
            }

            /// The key as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NoSuchKey;

            fn from_str(text: &str) -> Result<Self, NoSuchKey> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NoSuchKey;

            fn try_from(text: String) -> Result<Self, NoSuchKey> {
                if is_plain(&text) { Ok(Self(text)) } else { Err(NoSuchKey { thing: $thing }) }
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0
            }
        }

        impl<DB> diesel::serialize::ToSql<diesel::sql_types::Text, DB> for $name
        where
            DB: diesel::backend::Backend,
            str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
        {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, DB>,
            ) -> diesel::serialize::Result {
                self.as_str().to_sql(out)
            }
        }

        impl<DB> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $name
        where
            DB: diesel::backend::Backend,
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                <String as diesel::deserialize::FromSql<_, DB>>::from_sql(bytes).map(Self)
            }
        }
    )+};
}

keys! {
    /// Key of a user.
    UserId of "user";
    /// Key of a group.
    GroupId of "group";
    /// Key of a client that gets access tokens.
    ClientId of "OAuth client";
    /// Key of a secret of such a client.
    ClientSecretId of "client secret";
    /// Key of a site.
    SiteId of "site";
    /// Key of another name of a site.
    SiteAliasId of "alias";
    /// Key of a licence type.
    LicenseTypeId of "licence type";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_key_names_no_site() {
        let long = "a".repeat(LONGEST + 1);
        for text in ["", " ", "a b", "../a", "a\0", "%41", "é", &long] {
            assert_eq!(text.parse::<SiteId>(), Err(NoSuchKey { thing: "site" }), "{text:?}");
        }
        let key = SiteId::generate();
        assert_eq!(key.as_str().parse(), Ok(key));
    }

    #[test]
    fn keys_sort_by_the_time_they_were_made() {
        let keys: Vec<SiteId> = (0..100).map(|_| SiteId::generate()).collect();
        assert!(keys.is_sorted());
    }
}
