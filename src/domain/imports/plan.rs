//! What each line would do at this moment, and what stands in its way. Reads only.

use super::read::{Line, Problem};
use super::{Row, SeatLine, Step, counted};
use crate::db::Conn;
use crate::domain::fold;
use crate::domain::licenses::{self, LicenseType, Stock};
use crate::domain::users::{self, User};
use crate::error::Result;
use std::collections::HashMap;

const MOST_CODES: usize = 20;

/// What all lines would do.
pub(super) struct Plan {
    pub(super) rows: Vec<Row>,
    pub(super) seats: Vec<SeatLine>,
    pub(super) state: Present,
}

/// What the database says about those whom the file names.
pub(super) struct Present {
    users: HashMap<String, User>,
    /// The keys of licence types by the key of the user who holds it.
    pub(super) held: HashMap<String, String>,
    pub(super) stock: Vec<Stock>,
}

pub(super) fn plan(conn: &mut Conn, lines: &[Line], take_away: bool) -> Result<Plan> {
    let state = Present::load(conn, lines)?;
    let codes = state.codes();
    let namesakes = namesakes(lines);
    let judge = Judge { state: &state, codes: &codes, namesakes: &namesakes, take_away };
    let mut rows: Vec<Row> = lines.iter().map(|line| judge.row(line)).collect();
    let seats = seat(&mut rows, &state);
    Ok(Plan { rows, seats, state })
}

impl Present {
    fn load(conn: &mut Conn, lines: &[Line]) -> Result<Self> {
        let names: Vec<&str> = lines.iter().map(|line| line.user_name.as_str()).collect();
        let users = users::all_named(conn, &names)?;
        let ids: Vec<&str> = users.values().map(|user| user.id.as_str()).collect();
        Ok(Self { held: licenses::held_by(conn, &ids)?, stock: licenses::stock(conn)?, users })
    }

    fn codes(&self) -> HashMap<String, &LicenseType> {
        self.stock.iter().map(|stock| (fold(&stock.kind.code), &stock.kind)).collect()
    }

    fn held_by(&self, user: &User) -> Option<&LicenseType> {
        let id = self.held.get(&user.id)?;
        self.stock.iter().map(|stock| &stock.kind).find(|kind| kind.id == *id)
    }

    fn code(&self, id: &str) -> &str {
        self.stock.iter().find(|stock| stock.kind.id == id).map_or("", |stock| &stock.kind.code)
    }
}

/// The numbers of the rows in which each user name stands, ignoring case.
fn namesakes(lines: &[Line]) -> HashMap<String, Vec<i32>> {
    let mut numbers: HashMap<String, Vec<i32>> = HashMap::new();
    for line in lines {
        numbers.entry(fold(&line.user_name)).or_default().push(line.number);
    }
    numbers
}

struct Judge<'a> {
    state: &'a Present,
    codes: &'a HashMap<String, &'a LicenseType>,
    namesakes: &'a HashMap<String, Vec<i32>>,
    take_away: bool,
}

impl Judge<'_> {
    /// The line with its step, seats apart: those are counted over the whole file.
    fn row(&self, line: &Line) -> Row {
        let user = self.state.users.get(&fold(&line.user_name));
        let kind = self.codes.get(&fold(&line.license)).copied();
        let before = user.and_then(|user| self.state.held_by(user));
        let problems = match &line.problem {
            Some(problem) => vec![problem.clone()],
            None => self.problems(line, user, kind, before),
        };
        let step = match (kind, before) {
            _ if !problems.is_empty() => Step::Fault,
            (Some(kind), Some(before)) if kind.id == before.id => Step::Nothing,
            (Some(_), Some(_)) => Step::Change,
            (Some(_), None) => Step::Assign,
            (None, _) if !self.take_away => Step::LeftAlone,
            (None, Some(_)) => Step::Remove,
            (None, None) => Step::Nothing,
        };
        let mut row = Row {
            import_id: String::new(),
            number: line.number,
            user_name: line.user_name.clone(),
            license: line.license.clone(),
            step,
            license_before: before.map(|before| before.code.clone()),
            fault: None,
            remedy: None,
            user_id: user.map(|user| user.id.clone()),
            license_type_id: kind.map(|kind| kind.id.clone()),
        };
        row.blame(&problems);
        row
    }

    /// Everything that is wrong with the line, so that one look at the list is enough to mend it.
    fn problems(
        &self,
        line: &Line,
        user: Option<&User>,
        kind: Option<&LicenseType>,
        before: Option<&LicenseType>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        match user {
            _ if line.user_name.is_empty() => problems
                .push(Problem::new("The user name is empty.", "Enter the user name, or remove the row.")),
            None => problems.push(Problem::new(
                format!("There is no user “{}”.", line.user_name),
                "Check the spelling in the list of users: the user name may differ from the e-mail address. \
                 A user from Entra ID must be provisioned first.",
            )),
            Some(_) => {}
        }
        problems.extend(self.twice(line));
        if kind.is_none() && !line.license.is_empty() {
            let fault = format!("There is no licence type “{}”.", line.license);
            problems.push(Problem::new(fault, self.known_codes()));
        }
        if let (Some(user), Some(kind)) = (user, kind)
            && before.is_none_or(|before| before.id != kind.id)
            && let Some((fault, remedy)) = licenses::bar(user)
        {
            problems.push(Problem::new(fault, remedy));
        }
        problems
    }

    fn twice(&self, line: &Line) -> Option<Problem> {
        if line.user_name.is_empty() {
            return None;
        }
        let numbers = self.namesakes.get(&fold(&line.user_name))?;
        let other = numbers.iter().find(|number| **number != line.number)?;
        let fault = match numbers.len() {
            2 => format!("The same user stands in row {other}."),
            more => format!("The same user stands in {more} rows, such as row {other}."),
        };
        Some(Problem::new(fault, "Keep one row for each user."))
    }

    fn known_codes(&self) -> String {
        let stock = &self.state.stock;
        let mut codes: Vec<&str> =
            stock.iter().take(MOST_CODES).map(|stock| stock.kind.code.as_str()).collect();
        if stock.len() > MOST_CODES {
            codes.push("…");
        }
        match codes.as_slice() {
            [] => "There are no licence types yet. Create one under Licences.".to_owned(),
            [code] => format!("Use {code}, the only one there is, or create the type under Licences."),
            codes => format!("Use one of these: {}. Or create the type under Licences.", codes.join(", ")),
        }
    }
}

impl Row {
    fn blame(&mut self, problems: &[Problem]) {
        let told = |part: fn(&Problem) -> &str| {
            (!problems.is_empty()).then(|| problems.iter().map(part).collect::<Vec<_>>().join(" "))
        };
        self.fault = told(|problem| &problem.fault);
        self.remedy = told(|problem| &problem.remedy);
    }
}

/// What the file asks of one licence type.
struct Tally {
    taken: i64,
    seats: i64,
    /// Rows that ask for a seat and may still have it, in the order of the file.
    asking: Vec<usize>,
    given: i64,
    freed: i64,
}

impl Tally {
    fn short(&self) -> bool {
        self.taken - self.freed + count(self.asking.len()) > self.seats
    }
}

/// Counts the seats, net of what the file frees. Where they do not suffice the last rows that ask are faults.
///
/// A row that gets no seat leaves none either, which may make other rows faults in turn.
fn seat(rows: &mut [Row], state: &Present) -> Vec<SeatLine> {
    let mut tallies = tally(rows, state);
    let mut open: Vec<String> = state.stock.iter().map(|stock| stock.kind.id.clone()).collect();
    let mut refused = Vec::new();
    while let Some(id) = open.pop() {
        while let Some(tally) = tallies.get_mut(&id)
            && tally.short()
            && let Some(at) = tally.asking.pop()
        {
            refused.push((at, id.clone()));
            if let Some(left) = rows.get(at).and_then(|row| state.left_by(row))
                && let Some(tally) = tallies.get_mut(left)
            {
                tally.freed -= 1;
                open.push(left.to_owned());
            }
        }
    }
    for (at, id) in refused {
        if let (Some(row), Some(tally)) = (rows.get_mut(at), tallies.get(&id)) {
            row.step = Step::Fault;
            row.blame(&[no_seat(state.code(&id), tally)]);
        }
    }
    state
        .stock
        .iter()
        .filter_map(|stock| Some(seat_line(&stock.kind, tallies.get(&stock.kind.id)?)))
        .collect()
}

fn tally(rows: &[Row], state: &Present) -> HashMap<String, Tally> {
    let empty = |stock: &Stock| {
        let seats = i64::from(stock.kind.seats);
        (stock.kind.id.clone(), Tally { taken: stock.used, seats, asking: Vec::new(), given: 0, freed: 0 })
    };
    let mut tallies: HashMap<String, Tally> = state.stock.iter().map(empty).collect();
    for (at, row) in rows.iter().enumerate() {
        if let Some(tally) = row.wanted().and_then(|id| tallies.get_mut(id)) {
            tally.asking.push(at);
            tally.given += 1;
        }
        if let Some(tally) = state.left_by(row).and_then(|id| tallies.get_mut(id)) {
            tally.freed += 1;
        }
    }
    tallies
}

impl Row {
    /// The type of which the row takes a seat.
    pub(super) fn wanted(&self) -> Option<&str> {
        matches!(self.step, Step::Assign | Step::Change).then_some(self.license_type_id.as_deref()).flatten()
    }
}

impl Present {
    /// The type of which the row frees a seat.
    pub(super) fn left_by(&self, row: &Row) -> Option<&str> {
        let leaves = matches!(row.step, Step::Remove | Step::Change);
        row.user_id.as_ref().filter(|_| leaves).and_then(|id| self.held.get(id)).map(String::as_str)
    }
}

fn no_seat(code: &str, tally: &Tally) -> Problem {
    let given = count(tally.asking.len());
    let mut parts = vec![format!("{} taken", tally.taken)];
    if tally.freed > 0 {
        parts.push(format!("{} freed by this file", tally.freed));
    }
    if given > 0 {
        parts.push(format!("{given} given by rows above"));
    }
    let fault = format!(
        "{code} has {}: {}, so this row finds none free.",
        counted(tally.seats, "seat"),
        parts.join(", ")
    );
    let remedy =
        format!("Raise the number of seats of {code} under Licences, free a seat, or remove the row.");
    Problem::new(fault, remedy)
}

fn seat_line(kind: &LicenseType, tally: &Tally) -> SeatLine {
    SeatLine {
        code: kind.code.clone(),
        name: kind.name.clone(),
        seats: tally.seats,
        before: tally.taken,
        given: tally.given,
        freed: tally.freed,
        after: tally.taken + tally.given - tally.freed,
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
