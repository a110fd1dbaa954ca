//! What an address asks for, read so that it never fails.
//!
//! People edit addresses, empty a field of a filter, follow a link that was cut. Whatever cannot be read counts as not
//! asked for, and of a key that is doubled the last one counts: a page is shown in any case.

use super::extract::Fields;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::ops::Deref;
use url::form_urlencoded;

/// The query of an address, one value a key.
pub(super) struct Query<T>(pub(super) T);

/// The query of an address in which a key may stand several times, such as the ticked boxes of a list.
pub(super) struct Pairs(pub(super) Fields);

impl<T> Query<T> {
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Default> FromRequest for Query<T> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(read(request.query_string()))))
    }
}

impl FromRequest for Pairs {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(pairs(request.query_string()))))
    }
}

/// More keys than any page knows: each of the others would cost whoever answers.
const MOST_KEYS: usize = 200;

fn pairs(query: &str) -> Fields {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn read<T: DeserializeOwned + Default>(query: &str) -> T {
    let all: Fields = form_urlencoded::parse(query.as_bytes()).into_owned().take(MOST_KEYS).collect();
    let is_last = |at: usize, key: &str| all.iter().skip(at + 1).all(|(later, _)| later != key);
    let readable = all.iter().enumerate().filter(|(at, (key, value))| {
        is_last(*at, key) && from_pairs::<T>(&[(key.as_str(), value.as_str())]).is_some()
    });
    let readable: Vec<_> = readable.map(|(_, (key, value))| (key.as_str(), value.as_str())).collect();
    from_pairs(&readable).unwrap_or_default()
}

fn from_pairs<T: DeserializeOwned>(pairs: &[(&str, &str)]) -> Option<T> {
    serde_urlencoded::from_str(&serde_urlencoded::to_string(pairs).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Asked {
        q: String,
        days: Option<i64>,
        after: i32,
    }

    fn asked(q: &str, days: Option<i64>, after: i32) -> Asked {
        Asked { q: q.to_owned(), days, after }
    }

    #[test]
    fn of_a_doubled_key_the_last_one_counts() {
        assert_eq!(read::<Asked>("q=a&days=1&q=b&days=2"), asked("b", Some(2), 0));
        assert_eq!(read::<Asked>("q=a&q="), asked("", None, 0));
    }

    #[test]
    fn what_is_empty_or_cannot_be_read_was_not_asked_for() {
        for query in [
            "",
            "days=",
            "days=abc",
            "days=1e9",
            "after=&after=x",
            "days=99999999999999999999",
            "=",
            "&&",
            "%",
        ] {
            assert_eq!(read::<Asked>(query), asked("", None, 0), "{query}");
        }
        assert_eq!(read::<Asked>("days=&q=ana&after=abc"), asked("ana", None, 0));
        assert_eq!(read::<Asked>("q=%FF%00&x=1"), asked("\u{fffd}\0", None, 0));
    }
}
