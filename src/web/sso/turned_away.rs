//! Who is turned away before anything is looked at still has a cause and a reference.
//!
//! While many come at once, a line for each would be the very work that they are turned away from: those of one network
//! share one for a while, and its reference.

use super::RefusedPage;
use crate::domain::Actor;
use crate::domain::sso::ways_out::{self, Way};
use crate::domain::sso::{help, settings};
use crate::error::{Error, Result};
use crate::network;
use crate::web::AppState;
use crate::web::extract::OrgHandle;
use crate::web::page::{self, Answer, Failure, Layout};
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const SHARED_FOR: TimeDelta = TimeDelta::seconds(10);
/// So many networks are told apart; whoever comes beyond has no reference.
const MOST: usize = 1_000;

/// The references that are shared now, by network and cause.
#[derive(Default)]
pub(in crate::web) struct Shared(Mutex<HashMap<(String, Way), SharedEvent>>);

struct SharedEvent {
    since: NaiveDateTime,
    /// None while it is being written.
    reference: Option<String>,
}

/// What is known of the line of a network.
enum EventShare {
    /// It is this caller's to write.
    Mine,
    /// Somebody wrote it, or does so now.
    Others(Option<String>),
}

impl Shared {
    fn place(&self, key: &(String, Way), now: NaiveDateTime) -> EventShare {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(key).filter(|line| now - line.since < SHARED_FOR) {
            return EventShare::Others(line.reference.clone());
        }
        lines.retain(|_, line| now - line.since < SHARED_FOR);
        if lines.len() >= MOST {
            return EventShare::Others(None);
        }
        lines.insert(key.clone(), SharedEvent { since: now, reference: None });
        EventShare::Mine
    }

    fn written(&self, key: &(String, Way), reference: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(key) {
            line.reference = Some(reference.to_owned());
        }
    }
}

/// Tells the person that nothing was looked at, with a reference; while single sign-on is off nothing is noted.
pub(super) async fn turn_away(
    state: &AppState,
    layout: Layout,
    org: &OrgHandle,
    address: &str,
    refusal: Error,
) -> Answer {
    let way = match &refusal {
        Error::Invalid(_) => Way::NoResponse,
        Error::TooLarge(_) => Way::TooLarge,
        Error::TooSlow => Way::TooSlow,
        Error::TooMany(_) => Way::TooMany,
        Error::Busy(_) => Way::Busy,
        Error::Conflict(_) => Way::NotSetUp,
        _ => return Err(Failure(refusal)),
    };
    if !org.read(settings::read).await?.enabled {
        return Err(Failure(refusal));
    }
    let reference = match way {
        Way::TooMany | Way::Busy => shared(state, org, way, address).await?,
        _ => Some(noted(org, way, address).await?),
    };
    let sentence = help::for_the_person(way.code());
    let page = RefusedPage { layout, sentence, reference, another: false };
    page::show_refused(&refusal, &page.layout, &page)
}

async fn shared(state: &AppState, org: &OrgHandle, way: Way, address: &str) -> Result<Option<String>> {
    let (shared, key) = (&state.0.turned_away, (network::block(address), way));
    match shared.place(&key, org.inner().now()) {
        EventShare::Others(reference) => Ok(reference),
        EventShare::Mine => {
            let reference = noted(org, way, address).await?;
            shared.written(&key, &reference);
            Ok(Some(reference))
        }
    }
}

/// Notes it; answers the reference.
pub(super) async fn noted(org: &OrgHandle, way: Way, address: &str) -> Result<String> {
    let address = address.to_owned();
    org.write(Actor::Rollcall, move |tx| ways_out::note(tx, way, &address)).await
}
