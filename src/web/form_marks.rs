//! What tells one showing of a form from another, and proves for whom the page was made.
//!
//! A form that is sent after its session has ended cannot be checked by the session's token. Its mark still says whose
//! it was: nobody else can make one for that person, so that nothing can be laid under another's name.

use crate::domain::new_id;
use crate::keys::UserId;
use crate::seal::Keyring;
use chrono::{NaiveDateTime, TimeDelta};
use std::cell::Cell;
use uuid::Uuid;

/// The field of each form.
pub(super) const FIELD: &str = "once";
const PURPOSE: &str = "page of forms";
const BETWEEN: char = '.';
/// A page that was shown longer ago is nobody's any more.
const GOOD_FOR: TimeDelta = TimeDelta::days(1);

/// The marks of the forms of one page.
#[derive(Debug, Default)]
pub(super) struct Marks {
    page: String,
    count: Cell<usize>,
}

impl Marks {
    /// Those of a page for this person; for somebody who is not signed in they prove nothing.
    pub(super) fn of(keys: &Keyring, person: Option<&UserId>) -> Self {
        let id = new_id();
        let page = match person {
            Some(person) => {
                [&id, person.as_str(), &digest(keys, &id, person.as_str())].join(&BETWEEN.to_string())
            }
            None => id,
        };
        Self { page, count: Cell::default() }
    }

    /// The mark of the next form.
    pub(super) fn next(&self) -> String {
        self.count.set(self.count.get() + 1);
        format!("{}{BETWEEN}{}", self.page, self.count.get())
    }
}

/// Whose form it is that bears this mark.
pub(super) fn owner(keys: &Keyring, mark: &str, now: NaiveDateTime) -> Option<UserId> {
    let parts: Vec<&str> = mark.split(BETWEEN).collect();
    let [id, person, told, _] = parts[..] else { return None };
    let (seconds, _) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    let shown_at = chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?.naive_utc();
    let is_lately = (now - shown_at).abs() < GOOD_FOR;
    (is_lately && keys.recognises(PURPOSE, &text(id, person), told)).then(|| person.parse().ok())?
}

fn digest(keys: &Keyring, id: &str, person: &str) -> String {
    keys.digest(PURPOSE, &text(id, person))
}

fn text(id: &str, person: &str) -> String {
    format!("{id} {person}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::Clock;

    #[test]
    fn a_mark_names_its_owner_to_the_server_that_made_it_and_for_a_day() {
        let (keys, now) = (Keyring::forgetful(), Clock::default().now());
        let marks = Marks::of(&keys, Some(&"ana".parse().unwrap()));
        let (first, second) = (marks.next(), marks.next());
        assert_ne!(first, second);
        assert_eq!(owner(&keys, &first, now).map(|user| user.to_string()).as_deref(), Some("ana"));
        assert_eq!(owner(&keys, &first.replace("ana", "bob"), now), None);
        assert_eq!(owner(&Keyring::forgetful(), &first, now), None);
        assert_eq!(owner(&keys, &first, now + TimeDelta::days(2)), None);
        assert_eq!(owner(&keys, &Marks::of(&keys, None).next(), now), None);
        assert_eq!(owner(&keys, "nonsense", now), None);
    }
}
