//! How often one network may come to the addresses of single sign-on, where anybody may come and each visit costs
//! something: a budget for each thing that they do, so that whoever uses one up bars nobody from the others.
//!
//! A message that turns out to be Entra ID's costs nothing, and a browser that holds an open request of ours has a few
//! tries of its own: a stranger keeps nobody of the same network from coming in.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a visit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum Purpose {
    /// To begin a sign-in, which leaves a line in the store.
    Start,
    /// To bring a response that proves nothing.
    Response,
    /// To bring a message about signing out that proves nothing.
    SignOut,
    /// To bring a response that proves nothing, in a browser that has asked for one.
    Browser,
}

impl Purpose {
    /// How many visits at once, and how many more a second. A whole office behind one address signs in well within it.
    fn budget(self) -> (f64, f64) {
        match self {
            Self::Start | Self::Response | Self::SignOut => (2_000.0, 10.0),
            Self::Browser => (20.0, 0.1),
        }
    }
}

/// So many networks are remembered; whose budgets are whole again are forgotten first.
const MOST: usize = 10_000;

/// Who came lately.
pub(in crate::web) struct Visits {
    epoch: Instant,
    spent: Mutex<HashMap<(Purpose, String), Spent>>,
}

/// What was used of a budget, as of a moment in seconds after the epoch.
#[derive(Clone, Copy)]
struct Spent {
    visits: f64,
    at: f64,
}

impl Default for Visits {
    fn default() -> Self {
        Self { epoch: Instant::now(), spent: Mutex::default() }
    }
}

impl Spent {
    fn left_of(self, purpose: Purpose, now: f64) -> f64 {
        let (_, a_second) = purpose.budget();
        ((now - self.at).max(0.0).mul_add(-a_second, self.visits)).max(0.0)
    }
}

impl Visits {
    /// Refuses a visit for which the budget has nothing left, and charges nothing.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(super) fn may(&self, purpose: Purpose, who: &str) -> Result<()> {
        let now = self.epoch.elapsed().as_secs_f64();
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let (most, a_second) = purpose.budget();
        let used = spent.get(&(purpose, who.to_owned())).map_or(0.0, |spent| spent.left_of(purpose, now));
        if used + 1.0 <= most {
            return Ok(());
        }
        let wait = std::time::Duration::from_secs_f64((used + 1.0 - most) / a_second);
        Err(Error::TooMany(wait.as_secs() + 1))
    }

    /// Charges a visit.
    pub(super) fn charge(&self, purpose: Purpose, who: &str) {
        let now = self.epoch.elapsed().as_secs_f64();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST {
            spent.retain(|(purpose, _), spent| spent.left_of(*purpose, now) > 0.0);
        }
        let mine = spent.entry((purpose, who.to_owned())).or_insert(Spent { visits: 0.0, at: now });
        *mine = Spent { visits: mine.left_of(purpose, now) + 1.0, at: now };
    }

    /// Charges a visit if there is something left for it.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(super) fn take(&self, purpose: Purpose, who: &str) -> Result<()> {
        self.may(purpose, who)?;
        self.charge(purpose, who);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_network_has_a_budget_of_its_own() {
        let visits = Visits::default();
        let mut taken = 0;
        while visits.take(Purpose::Start, "192.0.2.0/24").is_ok() {
            taken += 1;
        }
        assert!((2_000..2_100).contains(&taken), "{taken}");
        let refused = visits.take(Purpose::Start, "192.0.2.0/24");
        assert!(matches!(refused, Err(Error::TooMany(1))), "{refused:?}");
        assert!(visits.may(Purpose::Response, "192.0.2.0/24").is_ok());
        assert!(visits.take(Purpose::Start, "198.51.100.0/24").is_ok());
    }

    #[test]
    fn looking_charges_nothing() {
        let visits = Visits::default();
        for _ in 0..100 {
            assert!(visits.may(Purpose::Browser, "secret").is_ok());
        }
        for _ in 0..20 {
            visits.charge(Purpose::Browser, "secret");
        }
        assert!(visits.may(Purpose::Browser, "secret").is_err());
    }
}
