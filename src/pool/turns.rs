//! One after the other, off these threads.

use super::Undone;
use super::lines::{Line, Waiting};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Something that one has at a time, and for which others wait in a bounded and fair queue.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

struct State {
    is_taken: bool,
    waiting: Waiting<oneshot::Sender<Turn>>,
}

/// A turn, over when this is dropped.
pub struct Turn {
    /// None for one that was passed on.
    of: Option<Turns>,
}

impl Turns {
    /// Where so many may wait of those who are known here, and as many strangers.
    #[must_use]
    pub fn with_room(most_waiting: usize) -> Self {
        Self(Arc::new(Mutex::new(State { is_taken: false, waiting: Waiting::new(most_waiting) })))
    }

    /// Waits for a turn. Whoever waits no longer takes none: their place goes with this future.
    ///
    /// # Errors
    /// If too many wait already.
    pub async fn take(&self, line: Line) -> Result<Turn, Undone> {
        let receiver = {
            let mut state = self.lock();
            if !state.is_taken {
                state.is_taken = true;
                return Ok(self.turn());
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.retain(|sender| !sender.is_closed());
            state.waiting.push(line, sender);
            receiver
        };
        receiver.await.map_err(|_| Undone::Full)
    }

    fn turn(&self) -> Turn {
        Turn { of: Some(self.clone()) }
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
            match next.send(self.turn()) {
                Ok(()) => return,
                // They wait no longer: it is the next one's.
                Err(mut unused) => unused.of = None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.of.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pool::Place;
    use futures_util::FutureExt;
    use std::pin::Pin;

    type Wait = Pin<Box<dyn Future<Output = Result<Turn, Undone>>>>;

    /// Whoever has begun to wait.
    fn waits(turns: &Turns, line: Line) -> Wait {
        let turns = turns.clone();
        let mut wait: Wait = Box::pin(async move { turns.take(line).await });
        assert!(wait.as_mut().now_or_never().is_none());
        wait
    }

    fn person(key: &str) -> Line {
        Line::Known(Place::of(key))
    }

    fn machine(key: &str) -> Line {
        Line::Stranger(Place::of(key))
    }

    #[test]
    fn a_person_is_next_however_many_machines_wait() {
        let turns = Turns::with_room(64);
        let running = turns.take(machine("entra")).now_or_never().unwrap().unwrap();
        let mut crowd: Vec<Wait> = (0..60).map(|_| waits(&turns, machine("entra"))).collect();
        let mut other = waits(&turns, machine("other"));
        let mut olga = waits(&turns, person("olga"));
        drop(running);
        assert!(crowd[0].as_mut().now_or_never().is_none(), "not before the person");
        let turn = olga.as_mut().now_or_never().unwrap().unwrap();
        drop(turn);
        let turn = crowd[0].as_mut().now_or_never().unwrap().unwrap();
        drop(turn);
        assert!(other.as_mut().now_or_never().unwrap().is_ok(), "credentials take turns");
    }

    #[test]
    fn whoever_went_is_passed_over_and_leaves_room() {
        let turns = Turns::with_room(2);
        let running = turns.take(person("olga")).now_or_never().unwrap().unwrap();
        let gone = [waits(&turns, machine("a")), waits(&turns, machine("a"))];
        drop(gone);
        let gone = waits(&turns, machine("a"));
        let mut stays = waits(&turns, machine("b"));
        drop((gone, running));
        let turn = stays.as_mut().now_or_never().unwrap().unwrap();
        // One that was given, but not taken, is passed on too.
        let (given, mut last) = (waits(&turns, machine("a")), waits(&turns, machine("b")));
        drop(turn);
        drop(given);
        drop(last.as_mut().now_or_never().unwrap().unwrap());
        assert!(turns.take(machine("c")).now_or_never().unwrap().is_ok(), "it is free again");
    }

    #[test]
    fn a_full_queue_refuses_the_newest_of_whoever_has_most_there() {
        let turns = Turns::with_room(3);
        let running = turns.take(machine("entra")).now_or_never().unwrap().unwrap();
        let mut crowd: Vec<Wait> = (0..3).map(|_| waits(&turns, machine("entra"))).collect();
        let fourth = turns.take(machine("entra")).now_or_never().unwrap();
        assert_eq!(fourth.err(), Some(Undone::Full));
        let _other = waits(&turns, machine("other"));
        assert_eq!(crowd[2].as_mut().now_or_never().unwrap().err(), Some(Undone::Full));
        let _olga = waits(&turns, person("olga"));
        assert!(crowd[1].as_mut().now_or_never().is_none(), "people have a queue of their own");
        drop(running);
    }
}
