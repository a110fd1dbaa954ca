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

    /// The table, with a column against the fewest users if there are several, and one against an earlier run.
    pub(crate) fn table(&self, earlier: Option<&Self>) -> String {
        let fewest = self.lines.first().map_or(0, |line| line.users);
        let grows = self.lines.iter().any(|line| line.users != fewest);
        let titles =
            ["workload", "users", "Rollcall/s", "p50 ms", "p99 ms", "yardstick/s", "p99 ms", "ratio"];
        let mut titles: Vec<String> = titles.map(str::to_owned).into();
        titles.extend(grows.then(|| format!("of {}", whole(count(fewest)))));
        titles.extend(earlier.map(|_| "of earlier".to_owned()));
        let mut rows = vec![titles];
        for line in &self.lines {
            let mut row = line.cells();
            let against = |run: &Self, users| run.find(&line.workload, users).map(|other| line.of(other));
            row.extend(
                grows.then(|| against(self, fewest).filter(|_| line.users != fewest).unwrap_or_default()),
            );
            row.extend(earlier.map(|run| against(run, line.users).unwrap_or_default()));
            rows.push(row);
        }
        aligned(&rows)
    }
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let (own, bare) = (&self.rollcall, &self.yardstick);
        let ms = |time: f64| format!("{time:.2}");
        let mut cells = vec![self.workload.clone(), whole(count(self.users))];
        cells.extend([whole(own.per_second), ms(own.p50_ms), ms(own.p99_ms)]);
        cells.extend([whole(bare.per_second), ms(bare.p99_ms), percent(own, bare)]);
        cells
    }

    /// Rollcall here against Rollcall there.
    fn of(&self, other: &Self) -> String {
        percent(&self.rollcall, &other.rollcall)
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (users, rate) = (whole(count(self.users)), whole(self.speed.per_second));
        write!(f, "{} was filled with {users} users at {rate}/s", self.server)?;
        match self.mebibytes {
            Some((before, after)) => write!(f, "; its memory went from {before} to {after} MiB"),
            None => Ok(()),
        }
    }
}

/// The first column to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let cell = |(column, cell): (usize, &String)| match column {
        0 => format!("{cell:<0$}", width(column)),
        _ => format!("{cell:>0$}", width(column) + 3),
    };
    let line = |row: &Vec<String>| row.iter().enumerate().map(cell).collect::<String>().trim_end().to_owned();
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn percent(speed: &Speed, of: &Speed) -> String {
    let percent = 100.0 * speed.per_second / of.per_second;
    if percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
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

fn count(number: impl TryInto<u32>) -> f64 {
    number.try_into().map_or(f64::INFINITY, f64::from)
}
