//! How often one network may use the addresses of single sign-on, which are open to everybody and where each request
//! costs something: a budget for each purpose, so that using one up leaves the others.
//!
//! A message that turns out to be Entra ID's costs nothing, and a browser that holds an open request of ours has a few
//! tries of its own. Where a network has used its budget up, each address in it still has a small one, so that a neighbour
//! who does not stop keeps nobody else from coming in; and whoever is signed in has their own.

use crate::error::{Error, Result};
use crate::network;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a request is for.
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
    /// How many requests at once, and how many more a second. A whole office behind one address signs in well within it.
    fn budget(self) -> (f64, f64) {
        match self {
            Self::Start | Self::Response | Self::SignOut => (2_000.0, 10.0),
            Self::Browser => (20.0, 0.1),
        }
    }
}

/// How many requests an address has at once, and how many more a second, when its network has none left.
const OF_AN_ADDRESS: (f64, f64) = (100.0, 1.0);
/// And a person who is signed in, whatever comes from their network.
const OF_A_PERSON: (f64, f64) = (100.0, 1.0);

/// Whose budget a request is charged to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum LimitSubject {
    /// A network, and the subscriber in it.
    Network(String, String),
    /// Somebody known: a person who is signed in, or a browser.
    Known(String),
}

impl LimitSubject {
    /// Whoever comes from this address.
    pub(super) fn at(address: &str) -> Self {
        Self::Network(network::block(address), network::subscriber(address))
    }
}

/// So many networks are remembered; whose budgets are whole again are forgotten first.
const MOST: usize = 10_000;

/// What was used of the budgets lately.
pub(in crate::web) struct RateLimits {
    epoch: Instant,
    spent: Mutex<HashMap<(Purpose, String), Usage>>,
}

/// What was used of a budget, as of a moment in seconds after the epoch.
#[derive(Clone, Copy)]
struct Usage {
    requests: f64,
    at: f64,
    budget: (f64, f64),
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { epoch: Instant::now(), spent: Mutex::default() }
    }
}

impl Usage {
    fn now(self, now: f64) -> f64 {
        ((now - self.at).max(0.0).mul_add(-self.budget.1, self.requests)).max(0.0)
    }
}

/// The budgets of a payer, each by its key: one of them having something left is enough.
fn budgets(purpose: Purpose, who: &LimitSubject) -> Vec<(String, (f64, f64))> {
    match who {
        // A subscriber who holds the whole network has no other budget.
        LimitSubject::Network(network, subscriber) if network == subscriber => {
            vec![(network.clone(), purpose.budget())]
        }
        LimitSubject::Network(network, subscriber) => {
            vec![(network.clone(), purpose.budget()), (subscriber.clone(), OF_AN_ADDRESS)]
        }
        LimitSubject::Known(browser) if purpose == Purpose::Browser => {
            vec![(browser.clone(), purpose.budget())]
        }
        LimitSubject::Known(person) => vec![(person.clone(), OF_A_PERSON)],
    }
}

impl RateLimits {
    /// Refuses a request for which the budget has nothing left, and charges nothing.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(super) fn check(&self, purpose: Purpose, who: &LimitSubject) -> Result<()> {
        let now = self.epoch.elapsed().as_secs_f64();
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = f64::INFINITY;
        for (key, (most, a_second)) in budgets(purpose, who) {
            let used = spent.get(&(purpose, key)).map_or(0.0, |spent| spent.now(now));
            if used + 1.0 <= most {
                return Ok(());
            }
            wait = wait.min((used + 1.0 - most) / a_second);
        }
        Err(Error::TooMany(std::time::Duration::from_secs_f64(wait).as_secs() + 1))
    }

    /// Charges a request.
    pub(super) fn charge(&self, purpose: Purpose, who: &LimitSubject) {
        let now = self.epoch.elapsed().as_secs_f64();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST {
            spent.retain(|_, spent| spent.now(now) > 0.0);
        }
        let all = budgets(purpose, who);
        let used = |key: &String| spent.get(&(purpose, key.clone())).map_or(0.0, |spent| spent.now(now));
        // The first that has something left; nobody owes more than all of it, so that who stops has something again soon.
        let has_left = |(key, (most, _)): &&(String, (f64, f64))| used(key) + 1.0 <= *most;
        let Some((key, budget)) = all.iter().find(has_left).or(all.first()).cloned() else { return };
        let requests = (used(&key) + 1.0).min(budget.0);
        spent.insert((purpose, key), Usage { requests, at: now, budget });
    }

    /// Charges a request if there is something left for it.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(super) fn take(&self, purpose: Purpose, who: &LimitSubject) -> Result<()> {
        self.check(purpose, who)?;
        self.charge(purpose, who);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_network_has_a_budget_of_its_own() {
        let limits = RateLimits::default();
        let neighbour = LimitSubject::at("192.0.2.1");
        let mut taken = 0;
        while limits.take(Purpose::Start, &neighbour).is_ok() {
            taken += 1;
        }
        assert!((2_100..2_300).contains(&taken), "{taken}");
        let refused = limits.take(Purpose::Start, &neighbour);
        assert!(matches!(refused, Err(Error::TooMany(1))), "{refused:?}");
        assert!(limits.check(Purpose::Response, &neighbour).is_ok());
        assert!(limits.take(Purpose::Start, &LimitSubject::at("198.51.100.1")).is_ok());
    }

    #[test]
    fn a_neighbour_who_does_not_stop_keeps_nobody_else_of_the_network_out() {
        let limits = RateLimits::default();
        while limits.take(Purpose::SignOut, &LimitSubject::at("192.0.2.1")).is_ok() {}
        for address in ["192.0.2.2", "192.0.2.3"] {
            for _ in 0..100 {
                assert!(limits.take(Purpose::SignOut, &LimitSubject::at(address)).is_ok(), "{address}");
            }
        }
        assert!(limits.take(Purpose::SignOut, &LimitSubject::Known("olga".to_owned())).is_ok());
        // A subscriber holds a whole IPv6 /64: its addresses are no neighbours.
        while limits.take(Purpose::SignOut, &LimitSubject::at("2001:db8::1")).is_ok() {}
        assert!(limits.check(Purpose::SignOut, &LimitSubject::at("2001:db8::2")).is_err());
    }

    #[test]
    fn looking_charges_nothing() {
        let limits = RateLimits::default();
        let browser = LimitSubject::Known("secret".to_owned());
        for _ in 0..100 {
            assert!(limits.check(Purpose::Browser, &browser).is_ok());
        }
        for _ in 0..20 {
            limits.charge(Purpose::Browser, &browser);
        }
        assert!(limits.check(Purpose::Browser, &browser).is_err());
    }
}
