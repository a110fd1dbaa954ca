//! Lines of the log that wait to be written: of requests that only read, whose answer waits for no disk.

use super::Report;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many lines wait at the most while the database takes none; of more the oldest go.
const MOST_WAITING: usize = 10_000;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub struct Backlog(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    waiting: VecDeque<Report>,
    /// Those that are being written, until that is known to be on disk.
    written: Vec<Report>,
    /// Whether somebody sees to it that what waits is written.
    is_seen_to: bool,
    lost: usize,
}

impl Lines {
    fn bound(&mut self) {
        let surplus = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..surplus);
        self.lost += surplus;
    }
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; answers whether nobody sees to it yet that it is written: the caller must then.
    pub(in crate::domain) fn add(&self, report: Report) -> bool {
        let mut lines = self.lock();
        lines.waiting.push_back(report);
        lines.bound();
        !std::mem::replace(&mut lines.is_seen_to, true)
    }

    /// Answers whether lines wait that nobody sees to, since writing them failed: the caller must then.
    pub(in crate::domain) fn is_left_alone(&self) -> bool {
        let mut lines = self.lock();
        !lines.waiting.is_empty() && !std::mem::replace(&mut lines.is_seen_to, true)
    }

    /// All that wait, to be written now: [`Backlog::end`] must follow.
    pub(in crate::domain) fn begin(&self) -> Vec<Report> {
        let mut lines = self.lock();
        let some: Vec<Report> = std::mem::take(&mut lines.waiting).into();
        lines.written.clone_from(&some);
        some
    }

    /// What came of it. Those that are not on disk wait again. Answers whether the caller must see to others that came
    /// in between.
    pub(in crate::domain) fn end(&self, are_on_disk: bool) -> bool {
        let mut lines = self.lock();
        let written = std::mem::take(&mut lines.written);
        if !are_on_disk {
            let later = std::mem::replace(&mut lines.waiting, written.into());
            lines.waiting.extend(later);
            lines.bound();
        }
        if are_on_disk && lines.lost > 0 {
            tracing::error!(
                lines = lines.lost,
                "lines of the provisioning log were lost while it could not be written"
            );
            lines.lost = 0;
        }
        // After a failure the next line, or the program's next round, tries again: not at once, and not without end.
        lines.is_seen_to = are_on_disk && !lines.waiting.is_empty();
        lines.is_seen_to
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Operation, Outcome};
    use super::*;

    fn line(subject: usize) -> Report {
        let subject = Some(subject.to_string());
        Report { subject, ..Report::new(Operation::Get, Outcome::Done, 200) }
    }

    fn subjects(reports: &[Report]) -> Vec<String> {
        reports.iter().filter_map(|report| report.subject.clone()).collect()
    }

    #[test]
    fn what_could_not_be_written_waits_in_its_order_and_is_tried_again() {
        let backlog = Backlog::default();
        assert!(backlog.add(line(1)), "the first is to be seen to");
        assert!(!backlog.add(line(2)), "and the second goes with it");
        assert_eq!(subjects(&backlog.begin()), ["1", "2"]);
        assert!(!backlog.add(line(3)));
        assert!(!backlog.end(false), "a failure is not tried again at once");
        assert!(backlog.add(line(4)), "but with the next line");
        assert_eq!(subjects(&backlog.begin()), ["1", "2", "3", "4"]);
        assert!(!backlog.end(true));
        assert!(!backlog.is_left_alone(), "nothing is left");
    }

    #[test]
    fn a_write_that_was_never_begun_leaves_the_lines_where_they_are() {
        let backlog = Backlog::default();
        assert!(backlog.add(line(1)));
        assert!(!backlog.end(false));
        assert!(backlog.is_left_alone() && !backlog.is_left_alone(), "one of those who ask sees to it");
        assert_eq!(subjects(&backlog.begin()), ["1"]);
    }

    #[test]
    fn however_long_nothing_can_be_written_memory_is_bounded() {
        let backlog = Backlog::default();
        for number in 0..MOST_WAITING + 5 {
            backlog.add(line(number));
        }
        let kept = subjects(&backlog.begin());
        assert_eq!((kept.len(), kept[0].as_str()), (MOST_WAITING, "5"), "the oldest went");
        backlog.add(line(MOST_WAITING + 5));
        assert!(!backlog.end(false));
        assert_eq!(backlog.begin().len(), MOST_WAITING);
    }
}
