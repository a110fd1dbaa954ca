//! Who waits for something scarce, served in turn.

use std::collections::{HashMap, VecDeque};

/// Groups of which it is remembered how much was done for them.
const MOST_REMEMBERED: usize = 10_000;

/// Who waits: jobs of one line are done in their order, lines take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Somebody signed in, whose device is known, or who is expected.
    Known(Place),
    /// Anybody else, by where they come from; a program with a credential, by that.
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

/// All who wait, in fair order and bounded.
pub(super) struct Waiting<J> {
    known: Lines<J>,
    strangers: Lines<J>,
    /// Whether the last job taken was of somebody known: then it is the strangers' turn.
    last_known: bool,
}

/// Groups that are served in turn.
struct Lines<J> {
    groups: VecDeque<(String, Group<J>)>,
    count: usize,
    most: usize,
    /// How many jobs of each group were done since the queue was last empty.
    served: HashMap<String, u32>,
}

/// The lines of one group, which are served in turn whenever it is the group's.
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

impl<J> Lines<J> {
    fn new(most: usize) -> Self {
        Self { groups: VecDeque::new(), count: 0, most, served: HashMap::new() }
    }

    fn push(&mut self, place: Place, job: J) {
        if self.count >= self.most && !self.make_room(&place) {
            return;
        }
        self.count += 1;
        match self.groups.iter_mut().find(|(group, _)| *group == place.group) {
            Some((_, group)) => group.push(place.member, job),
            None => {
                let mut group = Group { lines: VecDeque::new(), count: 0 };
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
        let rank = |key: &str, group: &Group<J>| (group.count, served(key), rand::random::<u32>());
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

impl<J> Waiting<J> {
    /// With room for so many of those who are known, and as many strangers.
    pub(super) fn new(most: usize) -> Self {
        Self { known: Lines::new(most), strangers: Lines::new(most), last_known: false }
    }

    pub(super) fn push(&mut self, line: Line, job: J) {
        match line {
            Line::Known(place) => self.known.push(place, job),
            Line::Stranger(place) => self.strangers.push(place, job),
        }
    }

    /// Drops all but these.
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
        let mut lines = Lines::new(MOST);
        let push = |lines: &mut Lines<Job>, key: &str| {
            let (sender, name) = (sender.clone(), key.to_owned());
            lines.push(Place::of(key), Box::new(move || sender.send(name).unwrap()));
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
        let mut waiting = Waiting::new(2);
        let lines = ["a", "a", "b"].map(|key| Line::Stranger(Place::of(key)));
        for (number, line) in lines.into_iter().enumerate() {
            waiting.retain(|job| *job != 0);
            waiting.push(line, number);
        }
        assert_eq!([waiting.take(), waiting.take(), waiting.take()], [Some(1), Some(2), None]);
    }
}
