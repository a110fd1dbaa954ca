//! Threads for slow work that anybody can ask for, such as hashing a password or reading a sign-in response: few, with a
//! bounded and fair queue.
//!
//! Pages and writes go on while it works, and its memory is bounded by the number of its threads. Whoever asks too
//! much waits behind themselves: each line is served in turn, by network and in it by address, and a full queue drops the
//! newest of the longest line; of networks that have as many, of any of those that were served most. So whoever comes
//! alone finds a place. The queue is long enough to be full only when hundreds of networks come at once.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

/// The most jobs that usually wait for those who are known here, and as many for strangers: each is a closure and the
/// connection of whoever waits for it.
const MOST_WAITING: usize = 512;
/// Groups of which it is remembered how much was done for them.
const MOST_REMEMBERED: usize = 10_000;
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

/// Who waits: jobs of one line are done in their order, lines take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Somebody signed in, whose device is known, or who is expected.
    Known(Place),
    /// Anybody else, by where they come from.
    Stranger(Place),
}

/// Where in the queue somebody waits: groups take turns, and in a group its members do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    group: String,
    member: String,
}

impl Place {
    /// Of somebody who is a group of their own.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self::within(key, "")
    }

    /// Of a member of a group, such as an address in its network: neighbours share what comes to them, so that none of
    /// them keeps the others waiting.
    #[must_use]
    pub fn within(group: &str, member: &str) -> Self {
        Self { group: group.to_owned(), member: member.to_owned() }
    }
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

/// Groups that are served in turn.
struct Lines {
    groups: VecDeque<(String, Group)>,
    count: usize,
    most: usize,
    /// How many jobs of each group were done since the queue was last empty.
    served: HashMap<String, u32>,
}

/// The lines of one group, which are served in turn whenever it is the group's.
#[derive(Default)]
struct Group {
    lines: VecDeque<(String, VecDeque<Job>)>,
    count: usize,
}

impl Group {
    fn waiting(&self, member: &str) -> usize {
        self.lines.iter().find(|(line, _)| line == member).map_or(0, |(_, jobs)| jobs.len())
    }

    fn push(&mut self, member: String, job: Job) {
        self.count += 1;
        match self.lines.iter_mut().find(|(line, _)| *line == member) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.lines.push_back((member, VecDeque::from([job]))),
        }
    }

    fn take(&mut self) -> Option<Job> {
        let (member, mut jobs) = self.lines.pop_front()?;
        let job = jobs.pop_front();
        self.count -= 1;
        if !jobs.is_empty() {
            self.lines.push_back((member, jobs));
        }
        job
    }

    /// Drops the newest job of the longest line if that is longer than `length`; tells whether it did. Whoever waits for
    /// it is told.
    fn shorten(&mut self, length: usize) -> bool {
        let longest = self.lines.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let Some((_, jobs)) = longest.filter(|(_, jobs)| jobs.len() > length) else { return false };
        drop(jobs.pop_back());
        self.lines.retain(|(_, jobs)| !jobs.is_empty());
        self.count -= 1;
        true
    }
}

impl Lines {
    fn new(most: usize) -> Self {
        Self { groups: VecDeque::new(), count: 0, most, served: HashMap::new() }
    }

    fn push(&mut self, place: Place, job: Job) {
        if self.count >= self.most && !self.make_room(&place) {
            return;
        }
        self.count += 1;
        match self.groups.iter_mut().find(|(group, _)| *group == place.group) {
            Some((_, group)) => group.push(place.member, job),
            None => {
                let mut group = Group::default();
                group.push(place.member, job);
                self.groups.push_back((place.group, group));
            }
        }
    }

    /// Drops a job of whoever has most of them, unless that is who comes: of the largest group, or of their own.
    fn make_room(&mut self, place: &Place) -> bool {
        let own = self.groups.iter().find(|(group, _)| *group == place.group).map(|(_, group)| group);
        let (in_group, in_line) = own.map_or((0, 0), |own| (own.count, own.waiting(&place.member)));
        let served = |key: &str| self.served.get(key).copied().unwrap_or_default();
        let groups = self.groups.iter().enumerate();
        // Among equals it is anybody: were it the newest, each who comes would throw out who came just before.
        let rank = |key: &str, group: &Group| (group.count, served(key), rand::random::<u32>());
        let largest = groups.max_by_key(|(_, (key, group))| rank(key, group)).map(|(at, _)| at);
        let made = match largest.map(|at| &mut self.groups[at].1) {
            Some(group) if group.count > in_group + 1 || (in_group == 0 && group.count == 1) => {
                group.shorten(0)
            }
            _ => {
                let own = self.groups.iter_mut().find(|(group, _)| *group == place.group);
                own.is_some_and(|(_, group)| group.shorten(in_line + 1))
            }
        };
        self.groups.retain(|(_, group)| group.count > 0);
        self.count -= usize::from(made);
        made
    }

    fn take(&mut self) -> Option<Job> {
        let (key, mut group) = self.groups.pop_front()?;
        let job = group.take();
        self.count -= usize::from(job.is_some());
        if self.count == 0 || self.served.len() >= MOST_REMEMBERED {
            self.served.clear();
        } else {
            *self.served.entry(key.clone()).or_default() += 1;
        }
        if group.count > 0 {
            self.groups.push_back((key, group));
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
            Line::Known(place) => waiting.known.push(place, job),
            Line::Stranger(place) => waiting.strangers.push(place, job),
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
        Line::Stranger(Place::of(key))
    }

    fn neighbour(member: &str) -> Line {
        Line::Stranger(Place::within("a", member))
    }

    /// A queue that nobody works on, so that its order can be seen; what each job says when it is done.
    fn order(lines: &[Line]) -> Vec<usize> {
        let queue = Queue::new(MOST_WAITING);
        let (sender, receiver) = mpsc::channel();
        for (number, line) in lines.iter().enumerate() {
            let sender = sender.clone();
            let job: Job = Box::new(move || sender.send(number).unwrap());
            match line.clone() {
                Line::Known(place) => queue.lock().known.push(place, job),
                Line::Stranger(place) => queue.lock().strangers.push(place, job),
            }
        }
        queue.lock().closed = true;
        queue.work();
        drop(sender);
        receiver.iter().collect()
    }

    #[test]
    fn lines_take_turns_and_the_known_go_first() {
        let known = Line::Known(Place::of("olga"));
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
    fn many_who_came_alone_do_not_throw_out_whoever_came_just_before() {
        let came_late = MOST_WAITING + 1;
        let survived = (0..20).filter(|_| {
            let lines: Vec<Line> = (0..came_late + 8).map(|number| stranger(&number.to_string())).collect();
            order(&lines).contains(&came_late)
        });
        assert!(survived.count() >= 15, "the next eight would each have thrown out the newest");
    }

    #[test]
    fn among_lines_of_one_length_who_was_served_most_makes_room() {
        let (sender, receiver) = mpsc::channel();
        let mut lines = Lines::new(MOST_WAITING);
        let push = |lines: &mut Lines, key: &str| {
            let (sender, name) = (sender.clone(), key.to_owned());
            lines.push(Place::of(key), Box::new(move || sender.send(name).unwrap()));
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
        let lines: Vec<Line> = (0..=MOST_WAITING).map(|number| neighbour(&number.to_string())).collect();
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
