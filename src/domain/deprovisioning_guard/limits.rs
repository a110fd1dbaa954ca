//! When the guard steps in, as the organisation set it.

use super::subject;
use crate::db::Conn;
use crate::domain::audit::{Action, Change};
use crate::domain::settings::{self, names};
use crate::domain::{Noted, Tx};
use crate::error::{Complaint, Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

const MOST_PEOPLE: RangeInclusive<i64> = 0..=1_000_000;
const MOST_SHARE: RangeInclusive<i64> = 0..=100;
const MOST_MINUTES: RangeInclusive<i64> = 1..=DAY;
/// The longer of the two windows, in minutes.
pub const DAY: i64 = 24 * 60;

/// So many people go unremarked within a window: the larger of a number and of a share of the active users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The number of people.
    pub people: i64,
    /// The share of those active when the window began, in per cent.
    pub share: i64,
}

impl Measure {
    const HOUR: Self = Self { people: 10, share: 5 };
    const DAY: Self = Self { people: 20, share: 10 };

    /// Whether so many of so many active people are more than go unremarked. Never is that more than half of them, or
    /// one where half is less.
    #[must_use]
    pub fn is_exceeded(self, people: i64, active: i64) -> bool {
        let beyond = people > self.people && people * 100 > self.share * active;
        beyond || (people > 1 && people * 2 > active)
    }
}

/// A measure for each of the two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Within [`Limits::minutes`], an hour unless set otherwise.
    pub hour: Measure,
    /// Within a day.
    pub day: Measure,
}

impl Default for Measures {
    fn default() -> Self {
        Self { hour: Measure::HOUR, day: Measure::DAY }
    }
}

/// When the guard steps in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Limits {
    /// Whether it does at all.
    pub enabled: bool,
    /// The length of the shorter window, in minutes.
    pub minutes: i64,
    /// For people who lose their account.
    pub accounts: Measures,
    /// For people whose user name changes.
    pub user_names: Measures,
}

impl Default for Limits {
    fn default() -> Self {
        Self { enabled: true, minutes: 60, accounts: Measures::default(), user_names: Measures::default() }
    }
}

/// Limits as they are found in the database: as they are now, or as they were before there were two windows.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Now { enabled: bool, minutes: i64, accounts: Measures, user_names: Measures },
    Before { enabled: bool, people: i64, share: i64, minutes: i64 },
}

impl From<Stored> for Limits {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Now { enabled, minutes, accounts, user_names } => {
                Self { enabled, minutes, accounts, user_names }
            }
            // A day is no tighter than the organisation's own hour: the defaults stand to each other as one to two.
            Stored::Before { enabled, people, share, minutes } => {
                let day = Measure {
                    people: (2 * people).max(Measure::DAY.people),
                    share: (2 * share).clamp(Measure::DAY.share, 100),
                };
                let accounts = Measures { hour: Measure { people, share }, day };
                Self { enabled, minutes, accounts, user_names: Measures::default() }
            }
        }
    }
}

impl Limits {
    /// The longest time that is looked back, in minutes.
    pub(super) fn longest(self) -> i64 {
        self.minutes.max(DAY)
    }

    /// Each number with its field in forms and its name in the log.
    #[must_use]
    pub fn numbers(self) -> [(&'static str, &'static str, i64); 9] {
        [
            ("people", "people an hour", self.accounts.hour.people),
            ("share", "share an hour in per cent", self.accounts.hour.share),
            ("minutes", "minutes", self.minutes),
            ("day_people", "people a day", self.accounts.day.people),
            ("day_share", "share a day in per cent", self.accounts.day.share),
            ("name_people", "user names an hour", self.user_names.hour.people),
            ("name_share", "share of user names an hour in per cent", self.user_names.hour.share),
            ("name_day_people", "user names a day", self.user_names.day.people),
            ("name_day_share", "share of user names a day in per cent", self.user_names.day.share),
        ]
    }

    fn check(self) -> Result<()> {
        let complaints = self.numbers().into_iter().filter_map(|(field, name, value)| {
            let (range, what) = match field {
                "minutes" => (MOST_MINUTES, "a number of minutes"),
                _ if field.ends_with("share") => (MOST_SHARE, "a percentage"),
                _ => (MOST_PEOPLE, "a number of people"),
            };
            let message = format!("Enter {what} from {} to {}, as “{name}”.", range.start(), range.end());
            (!range.contains(&value)).then_some(Complaint { field, message })
        });
        let complaints: Vec<Complaint> = complaints.collect();
        if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
    }
}

/// The limits in force.
pub fn limits(conn: &mut Conn) -> Result<Limits> {
    Ok(settings::get(conn, names::GUARD)?.unwrap_or_default())
}

/// Sets other limits.
pub fn set(tx: &mut Tx, wish: Limits) -> Result<Noted<()>> {
    wish.check()?;
    let before = limits(tx.conn)?;
    let switch = |on: bool| if on { "on" } else { "off" };
    let mut changes: Vec<Change> = Vec::new();
    changes.extend(Change::of("guard", Some(switch(before.enabled)), Some(switch(wish.enabled))));
    for ((_, name, was), (_, _, is)) in before.numbers().into_iter().zip(wish.numbers()) {
        changes.extend(Change::of(name, Some(&was.to_string()), Some(&is.to_string())));
    }
    if !changes.is_empty() {
        settings::put(tx, names::GUARD, &wish)?;
        return tx.note(Action::GuardChanged, subject(), &changes);
    }
    Ok(Noted::unaudited((), "nothing changed"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_of_number_and_share_goes_unremarked_but_never_more_than_half() {
        // For so many active people: so many go within an hour, and so many within a day.
        let cases = [
            (1, 1, 1),
            (2, 1, 1),
            (3, 1, 1),
            (18, 9, 9),
            (19, 9, 9),
            (21, 10, 10),
            (30, 10, 15),
            (100, 10, 20),
            (300, 15, 30),
            (300_000, 15_000, 30_000),
        ];
        for (active, hour, day) in cases {
            for (measure, most) in [(Measure::HOUR, hour), (Measure::DAY, day)] {
                assert!(!measure.is_exceeded(most, active), "{most} of {active}");
                assert!(measure.is_exceeded(most + 1, active), "{} of {active}", most + 1);
            }
        }
        let all = Measure { people: 1_000_000, share: 100 };
        assert!(!all.is_exceeded(9, 18) && all.is_exceeded(10, 18));
    }

    #[test]
    fn what_an_organisation_had_set_before_there_were_two_windows_is_kept() {
        let before: Limits =
            serde_json::from_str(r#"{"enabled":false,"people":50,"share":8,"minutes":90}"#).unwrap();
        assert_eq!((before.enabled, before.minutes), (false, 90));
        assert_eq!(before.accounts.hour, Measure { people: 50, share: 8 });
        assert_eq!(before.accounts.day, Measure { people: 100, share: 16 });
        assert_eq!(before.user_names, Measures::default());
        let again: Limits = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        assert_eq!(again, before);
    }
}
