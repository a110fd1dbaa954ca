//! Tries that wait before their password is looked at: so many of one client and of one block at once.
//!
//! A pause slows nobody down who has a thousand of them at the same time. Whoever comes beyond hears at once when to
//! come again. In a block that has as many as it may, the client with most of them makes room, so that a neighbour of
//! one who guesses comes in all the same.

use crate::domain::admins::sign_in::Origin;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

const MOST_OF_CLIENT: usize = 32;
const MOST_OF_BLOCK: usize = 128;
/// When to come again, in seconds: by then these are done.
const RETRY_S: u64 = 2;

/// All that wait, by block.
#[derive(Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<HashMap<String, Vec<One>>>>);

struct One {
    client: String,
    /// Dropped when another takes the place.
    place: oneshot::Sender<()>,
}

/// A place among them, until it is dropped.
pub(super) struct Pause {
    pauses: Pauses,
    block: String,
    place: oneshot::Receiver<()>,
}

impl Pauses {
    /// A place for a try from here.
    ///
    /// # Errors
    /// [`Error::TooMany`] if there is none.
    pub(super) fn enter(&self, origin: &Origin) -> Result<Pause> {
        let mut all = self.all();
        let neighbours = all.entry(origin.block.clone()).or_default();
        let of =
            |neighbours: &[One], client: &str| neighbours.iter().filter(|one| one.client == client).count();
        let mine = of(neighbours, &origin.client);
        if mine >= MOST_OF_CLIENT {
            return Err(Error::TooMany(RETRY_S));
        }
        if neighbours.len() >= MOST_OF_BLOCK {
            let most = (0..neighbours.len()).max_by_key(|place| of(neighbours, &neighbours[*place].client));
            let most = most.filter(|place| of(neighbours, &neighbours[*place].client) > mine);
            drop(neighbours.remove(most.ok_or(Error::TooMany(RETRY_S))?));
        }
        let (sender, place) = oneshot::channel();
        neighbours.push(One { client: origin.client.clone(), place: sender });
        Ok(Pause { pauses: self.clone(), block: origin.block.clone(), place })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Vec<One>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    /// Waits so long.
    ///
    /// # Errors
    /// [`Error::TooMany`] as soon as another takes the place.
    pub(super) async fn wait(mut self, pause: Duration) -> Result<()> {
        tokio::select! {
            biased;
            _ = &mut self.place => Err(Error::TooMany(RETRY_S)),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.place.close();
        let mut all = self.pauses.all();
        if let Some(neighbours) = all.get_mut(&self.block) {
            neighbours.retain(|one| !one.place.is_closed());
            if neighbours.is_empty() {
                all.remove(&self.block);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(address: &str) -> Origin {
        Origin::of(address)
    }

    #[actix_web::test]
    async fn a_client_has_so_many_and_others_are_not_bound_by_it() {
        let pauses = Pauses::default();
        let held: Vec<_> = (0..MOST_OF_CLIENT).map(|_| pauses.enter(&of("192.0.2.1")).unwrap()).collect();
        assert!(matches!(pauses.enter(&of("192.0.2.1")), Err(Error::TooMany(RETRY_S))));
        assert!(pauses.enter(&of("192.0.2.2")).is_ok() && pauses.enter(&of("198.51.100.1")).is_ok());
        drop(held);
        assert!(pauses.all().is_empty(), "nothing is left of those who went");
        assert!(pauses.enter(&of("192.0.2.1")).unwrap().wait(Duration::ZERO).await.is_ok());
    }

    #[actix_web::test]
    async fn in_a_full_block_whoever_has_most_makes_room() {
        let pauses = Pauses::default();
        let mut held: Vec<_> = (0..MOST_OF_BLOCK)
            .map(|number| pauses.enter(&of(&format!("192.0.2.{}", number / 16))).unwrap())
            .collect();
        let owner = pauses.enter(&of("192.0.2.99")).unwrap();
        assert!(pauses.enter(&of("192.0.2.1")).is_err(), "whoever has as many as the others does not");
        assert!(owner.wait(Duration::ZERO).await.is_ok());
        let last = held.pop().unwrap();
        assert!(matches!(last.wait(Duration::from_secs(60)).await, Err(Error::TooMany(_))));
    }
}
