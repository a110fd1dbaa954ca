//! A bounded queue for something scarce that serves all who wait in turn, however much one of them asks for.

use std::collections::{HashMap, VecDeque};

/// The most groups of which it is remembered how much was done for them.
const MOST_REMEMBERED: usize = 10_000;

/// Who asks for a job. The jobs of one requester are done in their order; requesters take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requester {
    /// A person who is signed in, whose device is known, or whose response is expected.
    Known(QueueKey),
    /// Anybody else, told apart by address; a program, by its credential.
    Stranger(QueueKey),
}

/// By what a requester is told from others: groups take turns, and within a group its members do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueKey {
    group: String,
    member: String,
}

impl QueueKey {
    /// Of a requester that is a group by itself.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self::within(key, "")
    }

    /// Of a member of a group, such as an address in its network: the members share the turns of their group.
    #[must_use]
    pub fn within(group: &str, member: &str) -> Self {
        Self { group: group.to_owned(), member: member.to_owned() }
    }
}

/// The jobs of all requesters: known ones and strangers by turns.
pub(super) struct FairQueue<J> {
    known: RoundRobin<J>,
    strangers: RoundRobin<J>,
    /// Whether the last job taken was of a known requester: the next is a stranger's.
    last_known: bool,
}

/// Groups of which each gives one job when its turn comes.
struct RoundRobin<J> {
    groups: VecDeque<(String, Group<J>)>,
    count: usize,
    most: usize,
    /// How many jobs of each group were done since the queue was last empty.
    served: HashMap<String, u32>,
}

/// The jobs of the members of one group. When the group's turn comes, the next member gives one.
struct Group<J> {
    lines: VecDeque<(String, VecDeque<J>)>,
    count: usize,
}

impl<J> Group<J> {
    fn waiting(&self, member: &str) -> usize {
        self.lines.iter().find(|(line, _)| line == member).map_or(0, |(_, jobs)| jobs.len())
    }

    fn push(&mut self, member: String, job: J) {
        self.count += 1;
        match self.lines.iter_mut().find(|(line, _)| *line == member) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.lines.push_back((member, VecDeque::from([job]))),
        }
    }

    fn take(&mut self) -> Option<J> {
        let (member, mut jobs) = self.lines.pop_front()?;
        let job = jobs.pop_front();
        self.count -= 1;
        if !jobs.is_empty() {
            self.lines.push_back((member, jobs));
        }
        job
    }

    fn retain(&mut self, keep: &impl Fn(&J) -> bool) {
        for (_, jobs) in &mut self.lines {
            jobs.retain(keep);
        }
        self.lines.retain(|(_, jobs)| !jobs.is_empty());
        self.count = self.lines.iter().map(|(_, jobs)| jobs.len()).sum();
    }

    /// Drops the newest job of the member with most of them, if those are more than `length`, and says whether it did.
    /// Dropping a job answers whoever waits for it.
    fn shorten(&mut self, length: usize) -> bool {
        let longest = self.lines.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let Some((_, jobs)) = longest.filter(|(_, jobs)| jobs.len() > length) else { return false };
        drop(jobs.pop_back());
        self.lines.retain(|(_, jobs)| !jobs.is_empty());
        self.count -= 1;
        true
    }
}

impl<J> RoundRobin<J> {
    fn new(most: usize) -> Self {
        Self { groups: VecDeque::new(), count: 0, most, served: HashMap::new() }
    }

    fn push(&mut self, key: QueueKey, job: J) {
        if self.count >= self.most && !self.make_room(&key) {
            return;
        }
        self.count += 1;
        match self.groups.iter_mut().find(|(group, _)| *group == key.group) {
            Some((_, group)) => group.push(key.member, job),
            None => {
                let mut group = Group { lines: VecDeque::new(), count: 0 };
                group.push(key.member, job);
                self.groups.push_back((key.group, group));
            }
        }
    }

    /// Makes room for a job with this key by dropping one of the largest group; where that is its own group, of the
    /// member with most jobs. A requester that has most itself gets no room.
    fn make_room(&mut self, key: &QueueKey) -> bool {
        let own = self.groups.iter().find(|(group, _)| *group == key.group).map(|(_, group)| group);
        let (in_group, in_line) = own.map_or((0, 0), |own| (own.count, own.waiting(&key.member)));
        let served = |key: &str| self.served.get(key).copied().unwrap_or_default();
        let groups = self.groups.iter().enumerate();
        // Chosen at random among equals: if it were the newest, each newcomer would drop the one before it.
        let rank = |key: &str, group: &Group<J>| (group.count, served(key), rand::random::<u32>());
        let largest = groups.max_by_key(|(_, (key, group))| rank(key, group)).map(|(at, _)| at);
        let made = match largest.map(|at| &mut self.groups[at].1) {
            Some(group) if group.count > in_group + 1 || (in_group == 0 && group.count == 1) => {
                group.shorten(0)
            }
            _ => {
                let own = self.groups.iter_mut().find(|(group, _)| *group == key.group);
                own.is_some_and(|(_, group)| group.shorten(in_line + 1))
            }
        };
        self.groups.retain(|(_, group)| group.count > 0);
        self.count -= usize::from(made);
        made
    }

    fn retain(&mut self, keep: &impl Fn(&J) -> bool) {
        for (_, group) in &mut self.groups {
            group.retain(keep);
        }
        self.groups.retain(|(_, group)| group.count > 0);
        self.count = self.groups.iter().map(|(_, group)| group.count).sum();
    }

    fn take(&mut self) -> Option<J> {
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

impl<J> FairQueue<J> {
    /// With room for `most` jobs of known requesters, and as many of strangers.
    pub(super) fn new(most: usize) -> Self {
        Self { known: RoundRobin::new(most), strangers: RoundRobin::new(most), last_known: false }
    }

    pub(super) fn push(&mut self, requester: Requester, job: J) {
        match requester {
            Requester::Known(key) => self.known.push(key, job),
            Requester::Stranger(key) => self.strangers.push(key, job),
        }
    }

    /// Drops all jobs but those to keep.
    pub(super) fn retain(&mut self, keep: impl Fn(&J) -> bool) {
        self.known.retain(&keep);
        self.strangers.retain(&keep);
    }

    pub(super) fn take(&mut self) -> Option<J> {
        let known_first = !self.last_known || self.strangers.count == 0;
        let job = if known_first { self.known.take() } else { None };
        self.last_known = job.is_some();
        job.or_else(|| self.strangers.take()).or_else(|| self.known.take())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    type Job = Box<dyn FnOnce()>;

    const MOST: usize = 64;

    #[test]
    fn among_lines_of_one_length_who_was_served_most_makes_room() {
        let (sender, receiver) = mpsc::channel();
        let mut lines = RoundRobin::new(MOST);
        let push = |lines: &mut RoundRobin<Job>, key: &str| {
            let (sender, name) = (sender.clone(), key.to_owned());
            lines.push(QueueKey::of(key), Box::new(move || sender.send(name).unwrap()));
        };
        push(&mut lines, "busy");
        push(&mut lines, "other");
        lines.take().unwrap()();
        push(&mut lines, "busy");
        for number in 0..MOST - 2 {
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
    fn what_is_dropped_makes_room() {
        let mut waiting = FairQueue::new(2);
        let lines = ["a", "a", "b"].map(|key| Requester::Stranger(QueueKey::of(key)));
        for (number, line) in lines.into_iter().enumerate() {
            waiting.retain(|job| *job != 0);
            waiting.push(line, number);
        }
        assert_eq!([waiting.take(), waiting.take(), waiting.take()], [Some(1), Some(2), None]);
    }
}
