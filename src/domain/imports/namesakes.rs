//! Which rows of a file name the same user, and whether they ask the same. Worked out once a user, so that a file that
//! repeats one row ten thousand times costs no more than any other.

use super::line::{ParsedRow, Problem};
use crate::domain::fold;
use std::collections::HashMap;

/// The rows of a file by whom they name, ignoring case. `Ask` is what a row asks for its user.
pub(super) struct Namesakes<Ask>(HashMap<String, Rows<Ask>>);

/// All rows that name one user.
struct Rows<Ask> {
    count: usize,
    first: i32,
    /// What the first of them asks.
    asks: Ask,
    /// The first that asks something else.
    other: Option<i32>,
    /// Whether the shape of each is in order.
    shaped: bool,
}

impl<Ask: PartialEq> Namesakes<Ask> {
    /// Looks at each line once. `asks` is called once a line.
    pub(super) fn of(lines: &[ParsedRow], mut asks: impl FnMut(&ParsedRow) -> Ask) -> Self {
        let mut users: HashMap<String, Rows<Ask>> = HashMap::new();
        for line in lines.iter().filter(|line| !line.user_name.is_empty()) {
            let (asks, shaped) = (asks(line), line.problem.is_none());
            let Some(rows) = users.get_mut(&fold(&line.user_name)) else {
                let rows = Rows { count: 1, first: line.number, asks, other: None, shaped };
                users.insert(fold(&line.user_name), rows);
                continue;
            };
            rows.count += 1;
            rows.shaped &= shaped;
            if rows.other.is_none() && rows.asks != asks {
                rows.other = Some(line.number);
            }
        }
        Self(users)
    }

    fn rows(&self, line: &ParsedRow) -> Option<&Rows<Ask>> {
        self.0.get(&fold(&line.user_name))
    }

    /// What is wrong where another row asks something else for the same user.
    pub(super) fn twice(&self, line: &ParsedRow, asks: &Ask) -> Option<Problem> {
        let rows = self.rows(line)?;
        let another = rows.other?;
        let other = if rows.asks == *asks { another } else { rows.first };
        let fault = match rows.count {
            2 => format!("The same user stands in row {other}."),
            more => format!("The same user stands in {more} rows, such as row {other}."),
        };
        Some(Problem::new(fault, "Keep one row for each user."))
    }

    /// Whether the line says again what one above it says.
    pub(super) fn repeats(&self, line: &ParsedRow) -> bool {
        self.rows(line).is_some_and(|rows| rows.other.is_none() && rows.shaped && rows.first != line.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn line(number: i32, user_name: &str, license: &str) -> ParsedRow {
        let (user_name, license) = (user_name.to_owned(), license.to_owned());
        ParsedRow { number, user_name, license, site: None, problem: None }
    }

    #[test]
    fn each_row_is_compared_once_however_often_it_is_repeated() {
        /// Counts how often it is compared.
        struct Ask<'a>(&'a Cell<usize>);
        impl PartialEq for Ask<'_> {
            fn eq(&self, _: &Self) -> bool {
                self.0.set(self.0.get() + 1);
                true
            }
        }
        let lines: Vec<ParsedRow> = (2..10_002).map(|number| line(number, "ana", "X2")).collect();
        let compared = Cell::new(0);
        let namesakes = Namesakes::of(&lines, |_| Ask(&compared));
        assert_eq!(lines.iter().filter(|line| namesakes.repeats(line)).count(), 9_999);
        assert!(lines.iter().all(|line| namesakes.twice(line, &Ask(&compared)).is_none()));
        assert!(compared.get() <= 2 * lines.len(), "{}", compared.get());
    }

    #[test]
    fn a_row_is_told_of_the_first_that_asks_something_else() {
        let lines = [line(2, "ana", "X2"), line(3, "ANA", "X2"), line(4, "ana", "X4"), line(5, "bo", "X2")];
        let asks = |line: &ParsedRow| line.license.clone();
        let namesakes = Namesakes::of(&lines, asks);
        let told = |at: usize| namesakes.twice(&lines[at], &asks(&lines[at])).map(|problem| problem.fault);
        let such_as = |row: i32| Some(format!("The same user stands in 3 rows, such as row {row}."));
        assert_eq!([told(0), told(1), told(2), told(3)], [such_as(4), such_as(4), such_as(2), None]);
        assert!(!lines.iter().any(|line| namesakes.repeats(line)));
    }
}
