//! Tries that wait before their password is looked at: so many of one client and of one block of addresses at once.
//!
//! A pause slows nobody down who has a thousand of them at the same time, so their number is bounded, and with it how
//! often a client or a block may guess. Whoever comes beyond that waits for a place, and places are given to the
//! clients of a block in turn: neither a neighbour of one who guesses nor somebody at the same address is refused,
//! they only wait.

use crate::domain::admins::sign_in::Origin;
use crate::error::{Error, Result};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

const MOST_OF_CLIENT: usize = 32;
const MOST_OF_BLOCK: usize = 128;
/// For how long a place is waited for: shorter than a connection waits for its client.
const LONGEST: Duration = Duration::from_secs(20);
/// When to come again after that, in seconds.
const RETRY_S: u64 = 2;

/// All tries that wait, by block of addresses.
#[derive(Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<HashMap<String, Block>>>);

#[derive(Default)]
struct Block {
    /// How many places each client has.
    taken: HashMap<String, usize>,
    /// The clients who wait for places, in the order of their turns, and their tries in the order in which they came.
    queue: VecDeque<(String, VecDeque<oneshot::Sender<Pause>>)>,
}

/// A place among them, until it is dropped.
pub(super) struct Pause {
    pauses: Pauses,
    block: String,
    client: String,
}

impl Block {
    fn has_place(&self, client: &str) -> bool {
        let mine = self.taken.get(client).copied().unwrap_or_default();
        mine < MOST_OF_CLIENT && self.taken.values().sum::<usize>() < MOST_OF_BLOCK
    }

    fn wait(&mut self, client: &str) -> oneshot::Receiver<Pause> {
        let (sender, receiver) = oneshot::channel();
        match self.queue.iter_mut().find(|(other, _)| other == client) {
            Some((_, tries)) => tries.push_back(sender),
            None => self.queue.push_back((client.to_owned(), VecDeque::from([sender]))),
        }
        receiver
    }

    /// The next try that can have a place: of the client whose turn it is. Those that were given up are passed over.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Pause>)> {
        for (_, tries) in &mut self.queue {
            tries.retain(|one| !one.is_closed());
        }
        self.queue.retain(|(_, tries)| !tries.is_empty());
        let turn = self.queue.iter().position(|(client, _)| self.has_place(client))?;
        let (client, mut tries) = self.queue.remove(turn)?;
        let one = tries.pop_front()?;
        if !tries.is_empty() {
            self.queue.push_back((client.clone(), tries));
        }
        Some((client, one))
    }
}

impl Pauses {
    /// A place for a try from here, as soon as there is one.
    ///
    /// # Errors
    /// [`Error::TooMany`] if there is none for long.
    pub(super) async fn enter(&self, origin: &Origin) -> Result<Pause> {
        let waiting = {
            let mut all = self.all();
            let block = all.entry(origin.block.clone()).or_default();
            if block.queue.is_empty() && block.has_place(&origin.client) {
                return Ok(self.take(&mut all, &origin.block, origin.client.clone()));
            }
            block.wait(&origin.client)
        };
        // A client of whom nobody waits may have a place while others wait for theirs.
        self.give(&origin.block);
        match timeout(LONGEST, waiting).await {
            Ok(Ok(pause)) => Ok(pause),
            Ok(Err(_)) | Err(_) => Err(Error::TooMany(RETRY_S)),
        }
    }

    /// Gives free places to those whose turn it is.
    fn give(&self, block: &str) {
        loop {
            let mut all = self.all();
            let Some(found) = all.get_mut(block) else { return };
            let Some((client, one)) = found.next() else {
                if found.taken.is_empty() && found.queue.is_empty() {
                    all.remove(block);
                }
                return;
            };
            let pause = self.take(&mut all, block, client);
            // Whoever gave up in this very moment leaves the place to the next, once the lock is free.
            drop(all);
            drop(one.send(pause));
        }
    }

    fn take(&self, all: &mut HashMap<String, Block>, block: &str, client: String) -> Pause {
        let taken = &mut all.entry(block.to_owned()).or_default().taken;
        *taken.entry(client.clone()).or_default() += 1;
        Pause { pauses: self.clone(), block: block.to_owned(), client }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Block>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    /// Waits so long.
    pub(super) async fn wait(self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(block) = self.pauses.all().get_mut(&self.block)
            && let Some(mine) = block.taken.get_mut(&self.client)
        {
            *mine -= 1;
            if *mine == 0 {
                block.taken.remove(&self.client);
            }
        }
        self.pauses.give(&self.block);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn of(address: &str) -> Origin {
        Origin::of(address)
    }

    fn enter(pauses: &Pauses, address: &str) -> Option<Pause> {
        pauses.enter(&of(address)).now_or_never().map(|entered| entered.unwrap())
    }

    #[actix_web::test]
    async fn a_client_has_so_many_and_others_are_not_bound_by_it() {
        let pauses = Pauses::default();
        let held: Vec<_> = (0..MOST_OF_CLIENT).map(|_| enter(&pauses, "192.0.2.1").unwrap()).collect();
        assert!(enter(&pauses, "192.0.2.1").is_none(), "it waits");
        assert!(enter(&pauses, "192.0.2.2").is_some() && enter(&pauses, "198.51.100.1").is_some());
        drop(held);
        assert!(pauses.all().is_empty(), "nothing is left of those who went");
    }

    #[actix_web::test]
    async fn whoever_waits_at_the_address_of_one_who_guesses_has_a_place_after_those_before_them() {
        let pauses = Pauses::default();
        let mut held: VecDeque<_> =
            (0..MOST_OF_CLIENT).map(|_| enter(&pauses, "192.0.2.1").unwrap()).collect();
        let guesser = of("192.0.2.1");
        let mut guesses: Vec<_> = (0..3).map(|_| Box::pin(pauses.enter(&guesser))).collect();
        assert!(guesses.iter_mut().all(|guess| guess.as_mut().now_or_never().is_none()));
        let mut owner = Box::pin(pauses.enter(&guesser));
        assert!(owner.as_mut().now_or_never().is_none());
        // One of them hangs up: its place in the queue is passed over.
        guesses.pop();
        for _ in 0..2 {
            held.pop_front();
            assert!(owner.as_mut().now_or_never().is_none());
        }
        held.pop_front();
        assert!(owner.as_mut().now_or_never().unwrap().is_ok());
    }

    #[actix_web::test]
    async fn the_clients_of_a_full_block_take_turns() {
        let pauses = Pauses::default();
        let mut held: VecDeque<_> = (0..MOST_OF_BLOCK)
            .map(|number| enter(&pauses, &format!("192.0.2.{}", number / 16)).unwrap())
            .collect();
        let loud = of("192.0.2.200");
        let mut guesses: Vec<_> = (0..50).map(|_| Box::pin(pauses.enter(&loud))).collect();
        assert!(guesses.iter_mut().all(|guess| guess.as_mut().now_or_never().is_none()));
        let neighbour = of("192.0.2.99");
        let mut owner = Box::pin(pauses.enter(&neighbour));
        assert!(owner.as_mut().now_or_never().is_none());
        held.pop_front();
        assert!(owner.as_mut().now_or_never().is_none(), "the first place is of who came first");
        held.pop_front();
        assert!(owner.as_mut().now_or_never().unwrap().is_ok(), "the second is the neighbour's");
    }

    #[actix_web::test]
    async fn a_place_that_was_given_to_nobody_is_given_on() {
        let pauses = Pauses::default();
        let mut held: VecDeque<_> =
            (0..MOST_OF_CLIENT).map(|_| enter(&pauses, "192.0.2.1").unwrap()).collect();
        let guesser = of("192.0.2.1");
        let mut first = Box::pin(pauses.enter(&guesser));
        let mut second = Box::pin(pauses.enter(&guesser));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        held.pop_front();
        // It was given the place, and went without having looked.
        drop(first);
        assert!(second.as_mut().now_or_never().unwrap().is_ok());
    }
}
