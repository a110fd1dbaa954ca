//! Threads for slow work that anybody can ask for, such as hashing a password or reading a sign-in response: few, with a
//! bounded and fair queue.
//!
//! Pages and writes go on while it works, and its memory is bounded by the number of its threads. Whoever asks too
//! much waits behind themselves: each line is served in turn, and a full queue drops the newest of the longest line; of
//! lines that are as long, of the one that was served most. So whoever comes alone finds a place.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

/// The most jobs that usually wait for those who are known here, and as many for strangers.
const MOST_WAITING: usize = 32;
/// Lines of which it is remembered how much was done for them.
const MOST_REMEMBERED: usize = 10_000;
/// When to ask again after the queue was full, in seconds: by then it is empty.
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

/// Who waits: jobs of one line are done in their order, lines take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Somebody signed in, or whose device is known, by their key.
    Known(String),
    /// Anybody else, by where they come from.
    Stranger(String),
}

/// A handle to the threads. They end, after what waits is done, when the last one is gone.
#[derive(Clone)]
pub struct Pool(Arc<Handle>);

struct Handle(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

struct Waiting {
    known: Lines,
    strangers: Lines,
    /// Whether the last job taken was of somebody known: then it is the strangers' turn.
    last_known: bool,
    closed: bool,
}

/// Lines that are served in turn.
struct Lines {
    lines: VecDeque<(String, VecDeque<Job>)>,
    count: usize,
    most: usize,
    /// How many jobs of each line were done since the queue was last empty.
    served: HashMap<String, u32>,
}

impl Lines {
    fn new(most: usize) -> Self {
        Self { lines: VecDeque::new(), count: 0, most, served: HashMap::new() }
    }

    fn push(&mut self, key: String, job: Job) {
        let mine = self.lines.iter().find(|(line, _)| *line == key).map_or(0, |(_, jobs)| jobs.len());
        if self.count >= self.most {
            let Some(place) = self.longest().filter(|place| {
                let length = self.lines[*place].1.len();
                length > mine + 1 || (mine == 0 && length == 1)
            }) else {
                return;
            };
            // Dropping a job tells whoever waits for it.
            drop(self.lines[place].1.pop_back());
            if self.lines[place].1.is_empty() {
                self.lines.remove(place);
            }
            self.count -= 1;
        }
        self.count += 1;
        match self.lines.iter_mut().find(|(line, _)| *line == key) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.lines.push_back((key, VecDeque::from([job]))),
        }
    }

    /// Where the longest line is; of those that are as long, the one that was served most, and then the last.
    fn longest(&self) -> Option<usize> {
        let served = |key: &str| self.served.get(key).copied().unwrap_or_default();
        let lines = self.lines.iter().enumerate();
        lines.max_by_key(|(_, (key, jobs))| (jobs.len(), served(key))).map(|(place, _)| place)
    }

    fn take(&mut self) -> Option<Job> {
        let (key, mut jobs) = self.lines.pop_front()?;
        let job = jobs.pop_front();
        self.count -= 1;
        if self.count == 0 || self.served.len() >= MOST_REMEMBERED {
            self.served.clear();
        } else {
            *self.served.entry(key.clone()).or_default() += 1;
        }
        if !jobs.is_empty() {
            self.lines.push_back((key, jobs));
        }
        job
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Job> {
        let known_first = !self.last_known || self.strangers.count == 0;
        let job = if known_first { self.known.take() } else { None };
        self.last_known = job.is_some();
        job.or_else(|| self.strangers.take()).or_else(|| self.known.take())
    }
}

impl Queue {
    /// With room for so many jobs of those who are known, and as many of strangers.
    fn new(most: usize) -> Self {
        let (known, strangers) = (Lines::new(most), Lines::new(most));
        let waiting = Waiting { known, strangers, last_known: false, closed: false };
        Self { waiting: Mutex::new(waiting), more: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.take() {
                drop(waiting);
                job();
                waiting = self.lock();
            } else if waiting.closed {
                return;
            } else {
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
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
    pub async fn run<T, F>(&self, line: Line, work: F) -> Result<T, Undone>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.submit(
            line,
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

    fn submit(&self, line: Line, job: Job) {
        let queue = &self.0.0;
        let mut waiting = queue.lock();
        match line {
            Line::Known(key) => waiting.known.push(key, job),
            Line::Stranger(key) => waiting.strangers.push(key, job),
        }
        drop(waiting);
        queue.more.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn stranger(key: &str) -> Line {
        Line::Stranger(key.to_owned())
    }

    /// A queue that nobody works on, so that its order can be seen; what each job says when it is done.
    fn order(lines: &[Line]) -> Vec<usize> {
        let queue = Queue::new(MOST_WAITING);
        let (sender, receiver) = mpsc::channel();
        for (number, line) in lines.iter().enumerate() {
            let sender = sender.clone();
            let job: Job = Box::new(move || sender.send(number).unwrap());
            match line.clone() {
                Line::Known(key) => queue.lock().known.push(key, job),
                Line::Stranger(key) => queue.lock().strangers.push(key, job),
            }
        }
        queue.lock().closed = true;
        queue.work();
        drop(sender);
        receiver.iter().collect()
    }

    #[test]
    fn lines_take_turns_and_the_known_go_first() {
        let known = Line::Known("olga".to_owned());
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
        let mut lines: Vec<Line> =
            (0..MOST_WAITING).map(|number| stranger(&format!("net{number}"))).collect();
        lines.push(stranger("olga"));
        let done = order(&lines);
        assert_eq!((done.len(), done.last()), (MOST_WAITING, Some(&MOST_WAITING)));
    }

    #[test]
    fn among_lines_of_one_length_who_was_served_most_makes_room() {
        let (sender, receiver) = mpsc::channel();
        let mut lines = Lines::new(MOST_WAITING);
        let push = |lines: &mut Lines, key: &str| {
            let (sender, name) = (sender.clone(), key.to_owned());
            lines.push(key.to_owned(), Box::new(move || sender.send(name).unwrap()));
        };
        push(&mut lines, "busy");
        push(&mut lines, "other");
        lines.take().unwrap()();
        push(&mut lines, "busy");
        for number in 0..MOST_WAITING - 2 {
            push(&mut lines, &format!("net{number}"));
        }
        push(&mut lines, "olga");
        drop(sender);
        while let Some(job) = lines.take() {
            job();
        }
        let done: Vec<String> = receiver.iter().collect();
        assert_eq!(done.iter().filter(|name| *name == "busy").count(), 1, "the second was dropped");
        assert!(done.contains(&"olga".to_owned()) && done.contains(&"other".to_owned()));
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
