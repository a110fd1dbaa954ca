//! Threads for slow work that anybody can ask for, such as hashing a password or reading a sign-in response: few, with a
//! bounded and fair queue. For work that is done on other threads, one piece at a time, there are
//! [`Permits`], with a queue of the same kind.
//!
//! Pages and writes go on while it works, and its memory is bounded by the number of its threads. Networks are served in
//! turn, and in a network its addresses, so that a requester with many jobs delays only its own. A full queue drops the
//! newest job of the requester with most of them; among networks with equally many, of one that was served most. So
//! there is room for a requester with one job. The queue is only full when hundreds of networks come at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

mod fair_queue;
mod permits;

use fair_queue::FairQueue;
pub use fair_queue::{QueueKey, Requester};
pub use permits::{Permit, Permits};

/// The most jobs that usually wait for those who are known here, and as many for strangers: each is a closure and the
/// connection of whoever waits for it.
const MOST_WAITING: usize = 512;
/// When to ask again after the queue was full, in seconds.
pub const RETRY_S: u64 = 3;

/// Why work was not done, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// Too much waits already: see [`RETRY_S`].
    #[error("too much slow work waits already")]
    Full,
    /// It panicked.
    #[error("slow work panicked")]
    Panicked,
}

type Job = Box<dyn FnOnce() + Send>;

/// A handle to the threads. They end, after what waits is done, when the last one is gone.
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

struct Handle(Arc<Queue>);

struct Queue {
    waiting: Mutex<Jobs>,
    more: Condvar,
}

struct Jobs {
    waiting: FairQueue<Job>,
    closed: bool,
}

impl Queue {
    /// With room for so many jobs of those who are known, and as many of strangers.
    fn new(most: usize) -> Self {
        let jobs = Jobs { waiting: FairQueue::new(most), closed: false };
        Self { waiting: Mutex::new(jobs), more: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.take() {
                drop(jobs);
                job();
                jobs = self.lock();
            } else if jobs.closed {
                return;
            } else {
                jobs = self.more.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

impl Pool {
    /// Starts `threads` threads of this name. One that cannot be started is missed; without any, all work is refused.
    #[must_use]
    pub fn start(name: &str, threads: usize) -> Self {
        Self::with_room(name, threads, MOST_WAITING)
    }

    /// As [`Pool::start`], where so many jobs may wait of those who are known here, and as many of strangers.
    #[must_use]
    pub fn with_room(name: &str, threads: usize, most_waiting: usize) -> Self {
        let queue = Arc::new(Queue::new(most_waiting));
        for _ in 0..threads {
            let jobs = Arc::clone(&queue);
            let started = thread::Builder::new().name(name.to_owned()).spawn(move || jobs.work());
            if let Err(cause) = started {
                tracing::error!(%cause, name, "a thread could not be started");
            }
        }
        Self(Arc::new(Handle(queue)))
    }

    /// Does `work` on one of the threads and answers what came of it. Work that nobody waits for any more is not begun.
    ///
    /// # Errors
    /// If too much waits already, or the work panicked.
    pub async fn run<T, F>(&self, requester: Requester, work: F) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.submit(
            requester,
            Box::new(move || {
                if sender.is_closed() {
                    return;
                }
                let outcome = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Undone::Panicked);
                // Whoever hung up in the meantime wants no answer.
                drop(sender.send(outcome));
            }),
        );
        receiver.await.unwrap_or(Err(Undone::Full))
    }

    fn submit(&self, requester: Requester, job: Job) {
        let queue = &self.0.0;
        queue.lock().waiting.push(requester, job);
        queue.more.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn stranger(key: &str) -> Requester {
        Requester::Stranger(QueueKey::of(key))
    }

    fn neighbour(member: &str) -> Requester {
        Requester::Stranger(QueueKey::within("a", member))
    }

    /// A queue that nobody works on, so that its order can be seen; what each job says when it is done.
    fn order(lines: &[Requester]) -> Vec<usize> {
        let queue = Queue::new(MOST_WAITING);
        let (sender, receiver) = mpsc::channel();
        for (number, line) in lines.iter().enumerate() {
            let sender = sender.clone();
            let job: Job = Box::new(move || sender.send(number).unwrap());
            queue.lock().waiting.push(line.clone(), job);
        }
        queue.lock().closed = true;
        queue.work();
        drop(sender);
        receiver.iter().collect()
    }

    #[test]
    fn lines_take_turns_and_the_known_go_first() {
        let known = Requester::Known(QueueKey::of("olga"));
        let lines = [stranger("a"), stranger("a"), stranger("a"), stranger("b"), known.clone(), known];
        assert_eq!(order(&lines), [4, 0, 5, 3, 1, 2]);
    }

    #[test]
    fn a_full_queue_drops_the_newest_of_the_longest_line() {
        let mut lines = vec![stranger("flood"); MOST_WAITING + 10];
        lines.push(stranger("olga"));
        let done = order(&lines);
        assert_eq!(done.len(), MOST_WAITING);
        assert_eq!(done[1], MOST_WAITING + 10, "whoever comes alone is next but one");
        assert!(!done.contains(&(MOST_WAITING - 1)), "the newest of the flood made room");
    }

    #[test]
    fn whoever_comes_alone_finds_a_place_among_many_who_came_alone() {
        let mut lines: Vec<Requester> =
            (0..MOST_WAITING).map(|number| stranger(&format!("net{number}"))).collect();
        lines.push(stranger("olga"));
        let done = order(&lines);
        assert_eq!((done.len(), done.last()), (MOST_WAITING, Some(&MOST_WAITING)));
    }

    #[test]
    fn many_who_came_alone_do_not_throw_out_whoever_came_just_before() {
        let came_late = MOST_WAITING + 1;
        let survived = (0..20).filter(|_| {
            let lines: Vec<Requester> =
                (0..came_late + 8).map(|number| stranger(&number.to_string())).collect();
            order(&lines).contains(&came_late)
        });
        assert!(survived.count() >= 15, "the next eight would each have thrown out the newest");
    }

    #[test]
    fn neighbours_take_turns_and_their_network_has_one_among_others() {
        let (loud, quiet) = (neighbour("loud"), neighbour("quiet"));
        let lines = [loud.clone(), loud.clone(), loud, quiet, stranger("b"), stranger("b")];
        assert_eq!(order(&lines), [0, 4, 3, 5, 1, 2]);
    }

    #[test]
    fn in_a_full_queue_a_neighbour_of_the_flood_finds_room() {
        let mut lines = vec![neighbour("loud"); MOST_WAITING + 10];
        lines.push(neighbour("quiet"));
        let done = order(&lines);
        assert_eq!((done.len(), done[1]), (MOST_WAITING, MOST_WAITING + 10));
        // Where everybody waits once there is nobody to drop.
        let lines: Vec<Requester> = (0..=MOST_WAITING).map(|number| neighbour(&number.to_string())).collect();
        assert_eq!(order(&lines), (0..MOST_WAITING).collect::<Vec<_>>());
    }

    #[actix_web::test]
    async fn work_is_done_refused_or_fails_and_the_threads_live_on() {
        let pool = Pool::start("test", 1);
        assert_eq!(pool.run(stranger("a"), || 7).await, Ok(7));
        let failed = pool.run(stranger("a"), || -> u8 { panic!("a fault") }).await;
        assert_eq!(failed, Err(Undone::Panicked));
        assert_eq!(pool.run(stranger("a"), || 8).await, Ok(8));

        let idle = Pool::start("test", 0);
        let mut waiting: Vec<_> =
            (0..MOST_WAITING).map(|_| Box::pin(idle.run(stranger("a"), || ()))).collect();
        for wait in &mut waiting {
            assert!(futures_util::FutureExt::now_or_never(wait.as_mut()).is_none());
        }
        assert_eq!(idle.run(stranger("a"), || ()).await, Err(Undone::Full));
    }
}
