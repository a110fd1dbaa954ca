//! What was measured: as a table to read, and as JSON to compare with another run.

use crate::load::Measured;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A whole run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
    pub(crate) processors: usize,
    pub(crate) fills: Vec<Fill>,
    pub(crate) lines: Vec<Line>,
}

/// How the users came there that the workloads then ask for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fill {
    pub(crate) server: String,
    pub(crate) users: u64,
    pub(crate) speed: Speed,
    /// Before and after, where the system tells.
    pub(crate) mebibytes: Option<(u64, u64)>,
}

/// One workload at one number of users.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) workload: String,
    pub(crate) users: u64,
    pub(crate) rollcall: Speed,
    pub(crate) yardstick: Speed,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Speed {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// After the last answer: writing what nobody waited for. It counts as time in `per_second`.
    pub(crate) settling_ms: f64,
}

impl From<&Measured> for Speed {
    fn from(measured: &Measured) -> Self {
        let times = &measured.times;
        let share = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        Self {
            per_second: count(times.len()) / measured.elapsed.as_secs_f64(),
            p50_ms: milliseconds(share(50)),
            p99_ms: milliseconds(share(99)),
            settling_ms: milliseconds(measured.settling),
        }
    }
}

impl Report {
    /// The line of a workload in this run.
    fn find(&self, workload: &str, users: u64) -> Option<&Line> {
        self.lines.iter().find(|line| line.workload == workload && line.users == users)
    }

    /// The table; its last column stands against an earlier run if there is one.
    pub(crate) fn table(&self, earlier: Option<&Self>) -> String {
        let fewest = self.lines.first().map_or(0, |line| line.users);
        let mut rows = vec![titles(fewest, earlier.is_some())];
        for line in &self.lines {
            let (own, bare) = (&line.rollcall, &line.yardstick);
            let few = self.find(&line.workload, fewest).filter(|_| line.users != fewest);
            let mut row = vec![
                line.workload.clone(),
                whole(count_of(line.users)),
                whole(own.per_second),
                format!("{:.2}", own.p50_ms),
                format!("{:.2}", own.p99_ms),
                whole(bare.per_second),
                format!("{:.2}", bare.p99_ms),
                percent(own, bare),
                few.map_or_else(String::new, |few| percent(own, &few.rollcall)),
            ];
            if let Some(earlier) = earlier {
                let then = earlier.find(&line.workload, line.users);
                row.push(then.map_or_else(|| "-".to_owned(), |then| percent(own, &then.rollcall)));
            }
            rows.push(row);
        }
        aligned(&rows)
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (users, rate) = (whole(count_of(self.users)), whole(self.speed.per_second));
        write!(f, "{} was filled with {users} users at {rate}/s", self.server)?;
        match self.mebibytes {
            Some((before, after)) => write!(f, "; its memory went from {before} to {after} MiB"),
            None => Ok(()),
        }
    }
}

fn titles(fewest: u64, compares: bool) -> Vec<String> {
    let titles = ["workload", "users", "Rollcall/s", "p50 ms", "p99 ms", "yardstick/s", "p99 ms", "ratio"];
    let mut titles: Vec<String> = titles.map(str::to_owned).into();
    titles.push(format!("of {}", whole(count_of(fewest))));
    titles.extend(compares.then(|| "of earlier".to_owned()));
    titles
}

/// The first column to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            text += &if column == 0 { format!("{cell:<width$}") } else { format!("   {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

fn percent(speed: &Speed, of: &Speed) -> String {
    format!("{:.0} %", 100.0 * speed.per_second / of.per_second)
}

/// Rounded, its thousands apart.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "nobody waits for 2^52 answers")]
fn count(number: usize) -> f64 {
    number as f64
}

fn count_of(number: u64) -> f64 {
    usize::try_from(number).map_or(f64::INFINITY, count)
}
