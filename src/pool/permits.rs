//! Permits for work that is done one piece at a time, on other threads than the pool's.

use super::Undone;
use super::fair_queue::{FairQueue, Requester};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A permit that one caller holds at a time, and for which the others wait in a bounded and fair queue.
#[derive(Clone)]
pub struct Permits(Arc<Mutex<State>>);

struct State {
    is_taken: bool,
    waiting: FairQueue<oneshot::Sender<Permit>>,
}

/// The permit, given to the next who waits when this is dropped.
pub struct Permit {
    /// Nothing in one that was passed on and must not be passed on again.
    of: Option<Permits>,
}

impl Permits {
    /// Where so many may wait of those who are known here, and as many strangers.
    #[must_use]
    pub fn with_room(most_waiting: usize) -> Self {
        Self(Arc::new(Mutex::new(State { is_taken: false, waiting: FairQueue::new(most_waiting) })))
    }

    /// Waits for the permit. A future that is dropped gives up its place in the queue.
    ///
    /// # Errors
    /// If too many wait already.
    pub async fn take(&self, requester: Requester) -> Result<Permit, Undone> {
        let receiver = {
            let mut state = self.lock();
            if !state.is_taken {
                state.is_taken = true;
                return Ok(self.permit());
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.retain(|sender| !sender.is_closed());
            state.waiting.push(requester, sender);
            receiver
        };
        receiver.await.map_err(|_| Undone::Full)
    }

    fn permit(&self) -> Permit {
        Permit { of: Some(self.clone()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.waiting.take();
                state.is_taken = next.is_some();
                next
            };
            let Some(next) = next else { return };
            match next.send(self.permit()) {
                Ok(()) => return,
                // They wait no longer: it is the next one's.
                Err(mut unused) => unused.of = None,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = self.of.take() {
            permits.pass_on();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pool::QueueKey;
    use futures_util::FutureExt;
    use std::pin::Pin;

    type Wait = Pin<Box<dyn Future<Output = Result<Permit, Undone>>>>;

    /// Whoever has begun to wait.
    fn waits(permits: &Permits, requester: Requester) -> Wait {
        let permits = permits.clone();
        let mut wait: Wait = Box::pin(async move { permits.take(requester).await });
        assert!(wait.as_mut().now_or_never().is_none());
        wait
    }

    fn person(key: &str) -> Requester {
        Requester::Known(QueueKey::of(key))
    }

    fn machine(key: &str) -> Requester {
        Requester::Stranger(QueueKey::of(key))
    }

    #[test]
    fn a_person_is_next_however_many_machines_wait() {
        let permits = Permits::with_room(64);
        let running = permits.take(machine("entra")).now_or_never().unwrap().unwrap();
        let mut crowd: Vec<Wait> = (0..60).map(|_| waits(&permits, machine("entra"))).collect();
        let mut other = waits(&permits, machine("other"));
        let mut olga = waits(&permits, person("olga"));
        drop(running);
        assert!(crowd[0].as_mut().now_or_never().is_none(), "not before the person");
        let permit = olga.as_mut().now_or_never().unwrap().unwrap();
        drop(permit);
        let permit = crowd[0].as_mut().now_or_never().unwrap().unwrap();
        drop(permit);
        assert!(other.as_mut().now_or_never().unwrap().is_ok(), "credentials take turns");
    }

    #[test]
    fn whoever_went_is_passed_over_and_leaves_room() {
        let permits = Permits::with_room(2);
        let running = permits.take(person("olga")).now_or_never().unwrap().unwrap();
        let gone = [waits(&permits, machine("a")), waits(&permits, machine("a"))];
        drop(gone);
        let gone = waits(&permits, machine("a"));
        let mut stays = waits(&permits, machine("b"));
        drop((gone, running));
        let permit = stays.as_mut().now_or_never().unwrap().unwrap();
        // One that was given, but not taken, is passed on too.
        let (given, mut last) = (waits(&permits, machine("a")), waits(&permits, machine("b")));
        drop(permit);
        drop(given);
        drop(last.as_mut().now_or_never().unwrap().unwrap());
        assert!(permits.take(machine("c")).now_or_never().unwrap().is_ok(), "it is free again");
    }

    #[test]
    fn a_full_queue_refuses_the_newest_of_whoever_has_most_there() {
        let permits = Permits::with_room(3);
        let running = permits.take(machine("entra")).now_or_never().unwrap().unwrap();
        let mut crowd: Vec<Wait> = (0..3).map(|_| waits(&permits, machine("entra"))).collect();
        let fourth = permits.take(machine("entra")).now_or_never().unwrap();
        assert_eq!(fourth.err(), Some(Undone::Full));
        let _other = waits(&permits, machine("other"));
        assert_eq!(crowd[2].as_mut().now_or_never().unwrap().err(), Some(Undone::Full));
        let _olga = waits(&permits, person("olga"));
        assert!(crowd[1].as_mut().now_or_never().is_none(), "people have a queue of their own");
        drop(running);
    }
}
