//! What each line would do at this moment, and what stands in its way: looked up in one read, and worked out without a
//! connection.

use super::line::{ParsedRow, Problem};
use super::namesakes::Namesakes;
use super::{ImportRow, SeatLine, Step, counted};
use crate::characters;
use crate::db::Conn;
use crate::domain::licenses::{self, LicenseType, Stock};
use crate::domain::sites::{self, Site};
use crate::domain::users::{self, EntraState, User};
use crate::domain::{Org, fold};
use crate::error::Result;
use crate::keys::{LicenseTypeId, SiteId, UserId};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

const MOST_CODES: usize = 20;
const MOST_ROWS_NAMED: usize = 10;
/// So many who might be meant by a name are told.
const MOST_MEANT: usize = 3;

/// What all lines would do.
pub(super) struct Plan {
    pub(super) rows: Vec<ImportRow>,
    pub(super) seats: Vec<SeatLine>,
    pub(super) state: CurrentState,
    /// What to tell of the file as a whole.
    pub(super) remarks: Vec<String>,
}

/// What the database says about those whom the file names.
pub(super) struct CurrentState {
    users: HashMap<String, User>,
    /// The names to tell, by key.
    names: HashMap<UserId, (String, String)>,
    /// The keys of licence types by the key of the user who holds it.
    pub(super) held: HashMap<UserId, LicenseTypeId>,
    pub(super) stock: Vec<Stock>,
    /// Those whose names look like names in the file that nobody has, by their look.
    meant: users::LookAlikes,
    /// The sites by the names that stand in the file, folded.
    sites: HashMap<String, Option<Site>>,
    site_names: HashMap<SiteId, String>,
}

pub(super) fn plan(org: &Org, lines: &[ParsedRow], take_away: bool) -> Result<Plan> {
    let state = org.read(|conn| CurrentState::load(conn, lines))?;
    let namesakes = Namesakes::of(lines, |line| state.asks(line));
    let judge = Judge {
        state: &state,
        codes: state.codes(),
        kinds: state.kinds(),
        known_codes: state.known_codes(),
        known_sites: state.known_sites(),
        namesakes: &namesakes,
        take_away,
    };
    let mut rows: Vec<ImportRow> = lines.iter().map(|line| judge.row(line)).collect();
    let repeats = lines.iter().filter(|line| namesakes.repeats(line)).map(|line| line.number);
    let repeats = describe_repeats(&repeats.collect::<Vec<_>>());
    let remarks = repeats.into_iter().chain(describe_other_sites(&rows)).collect();
    let seats = seat(&mut rows, &state);
    Ok(Plan { rows, seats, state, remarks })
}

impl CurrentState {
    fn load(conn: &mut Conn, lines: &[ParsedRow]) -> Result<Self> {
        let names: Vec<&str> = lines.iter().map(|line| line.user_name.as_str()).collect();
        let users = users::all_named(conn, &names)?;
        let ids: Vec<&UserId> = users.values().map(|user| &user.id).collect();
        let unknown: Vec<&str> = names.into_iter().filter(|name| !users.contains_key(&fold(name))).collect();
        let meant = users::all_looking_like(conn, &unknown)?;
        let (held, stock) = (licenses::held_by(conn, &ids)?, licenses::stock(conn)?);
        let mut sites = HashMap::new();
        for name in lines.iter().filter_map(|line| line.site.as_deref()).filter(|name| !name.is_empty()) {
            if let Entry::Vacant(place) = sites.entry(fold(name)) {
                place.insert(sites::named(conn, name)?);
            }
        }
        let all = sites::all(conn)?;
        let site_names = all.into_iter().map(|site| (site.id, site.name)).collect();
        let names = users.iter().map(|(key, user)| (user.id.clone(), (key.clone(), user.name()))).collect();
        Ok(Self { users, names, held, stock, meant, sites, site_names })
    }

    /// Whether the database still says the same of them, as far as these rows rest on it.
    pub(super) fn holds(&self, conn: &mut Conn, rows: &[ImportRow]) -> Result<bool> {
        let ids: Vec<&UserId> = self.users.values().map(|user| &user.id).collect();
        let now = users::license_facts(conn, &ids)?;
        if self.users.values().any(|user| now.get(&user.id) != Some(&user.license_facts())) {
            return Ok(false);
        }
        for (name, site) in &self.sites {
            let now = sites::named(conn, name)?.map(|site| site.id);
            if now.as_ref() != site.as_ref().map(|site| &site.id) {
                return Ok(false);
            }
        }
        // Seats of other types may come and go.
        let touched: HashSet<&LicenseTypeId> =
            rows.iter().flat_map(|row| [row.wanted(), self.left_by(row)]).flatten().collect();
        let stock = |stock: &[Stock]| -> Vec<_> {
            let said = |stock: &Stock| {
                let used = touched.contains(&stock.kind.id).then_some(stock.used);
                (stock.kind.id.clone(), stock.kind.code.clone(), stock.kind.seats, used)
            };
            stock.iter().map(said).collect()
        };
        Ok(stock(&licenses::stock(conn)?) == stock(&self.stock)
            && licenses::held_by(conn, &ids)? == self.held)
    }

    pub(super) fn user(&self, id: &UserId) -> Option<&User> {
        self.users.get(&self.names.get(id)?.0)
    }

    pub(super) fn name(&self, id: &UserId) -> Option<&str> {
        self.names.get(id).map(|(_, name)| name.as_str())
    }

    pub(super) fn kind(&self, id: &LicenseTypeId) -> Option<&LicenseType> {
        self.stock.iter().map(|stock| &stock.kind).find(|kind| kind.id == *id)
    }

    /// What each of them holds, by the user's key.
    pub(super) fn holders(&self) -> HashMap<&UserId, &LicenseType> {
        self.held.iter().filter_map(|(user, kind)| Some((user, self.kind(kind)?))).collect()
    }

    fn codes(&self) -> HashMap<String, &LicenseType> {
        self.stock.iter().map(|stock| (fold(&stock.kind.code), &stock.kind)).collect()
    }

    fn kinds(&self) -> HashMap<&LicenseTypeId, &LicenseType> {
        self.stock.iter().map(|stock| (&stock.kind.id, &stock.kind)).collect()
    }

    /// What a row asks for its user. A site is one under all its names.
    fn asks(&self, line: &ParsedRow) -> (String, String) {
        let site = fold(line.site.as_deref().unwrap_or_default());
        let known = self.sites.get(&site).and_then(Option::as_ref);
        (fold(&line.license), known.map_or(site, |known| known.id.to_string()))
    }

    fn code(&self, id: &LicenseTypeId) -> &str {
        self.stock.iter().find(|stock| stock.kind.id == *id).map_or("", |stock| &stock.kind.code)
    }
}

fn describe_repeats(rows: &[i32]) -> Option<String> {
    let shown: Vec<String> = rows.iter().take(MOST_ROWS_NAMED).map(ToString::to_string).collect();
    let more = match rows.len().saturating_sub(MOST_ROWS_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match rows {
        [] => None,
        [row] => Some(format!("Row {row} repeats another row alike, and counts once with it.")),
        _ => Some(format!(
            "Rows {}{more} repeat other rows alike, and count once with them.",
            shown.join(", ")
        )),
    }
}

/// A site is set for good: what Entra ID asked for is not to be passed over without a word.
fn describe_other_sites(rows: &[ImportRow]) -> Option<String> {
    match rows.iter().filter(|row| row.remark.is_some()).count() {
        0 => None,
        1 => Some(
            "One of the users whose site this file sets waits for a site that Entra ID named, which is not made yet. A \
             site is fixed once it is set: look at that row."
                .to_owned(),
        ),
        count => Some(format!(
            "{count} of the users whose site this file sets wait for a site that Entra ID named, which is not made yet. \
             A site is fixed once it is set: look at those rows."
        )),
    }
}

/// What each line is judged by; all that is the same for every line is made once.
struct Judge<'a> {
    state: &'a CurrentState,
    codes: HashMap<String, &'a LicenseType>,
    kinds: HashMap<&'a LicenseTypeId, &'a LicenseType>,
    known_codes: String,
    known_sites: String,
    namesakes: &'a Namesakes<(String, String)>,
    take_away: bool,
}

impl Judge<'_> {
    /// The line with its step, seats apart: those are counted over the whole file.
    fn row(&self, line: &ParsedRow) -> ImportRow {
        let user = self.state.users.get(&fold(&line.user_name));
        let kind = self.codes.get(&fold(&line.license)).copied();
        let before = user.and_then(|user| self.held_by(user));
        let problems = match &line.problem {
            Some(problem) => vec![problem.clone()],
            None => self.problems(line, user, kind, before),
        };
        let repeats = self.namesakes.repeats(line);
        let site = self.new_site(line, user).filter(|_| problems.is_empty() && !repeats);
        let step = match (kind, before) {
            _ if !problems.is_empty() => Step::Fault,
            _ if repeats => Step::Nothing,
            (Some(kind), Some(before)) if kind.id == before.id => Step::Nothing,
            (Some(_), Some(_)) => Step::Change,
            (Some(_), None) => Step::Assign,
            (None, _) if !self.take_away => Step::LeftAlone,
            (None, Some(_)) => Step::Remove,
            (None, None) => Step::Nothing,
        };
        let mut row = ImportRow {
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
            site: line.site.clone(),
            site_id: site.map(|site| site.id.clone()),
            remark: site.and_then(|site| other_site(user?, site)),
        };
        row.blame(&problems);
        row
    }

    /// Everything that is wrong with the line, so that one look at the list is enough to mend it.
    fn problems(
        &self,
        line: &ParsedRow,
        user: Option<&User>,
        kind: Option<&LicenseType>,
        before: Option<&LicenseType>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        match user {
            _ if line.user_name.is_empty() => problems
                .push(Problem::new("The user name is empty.", "Enter the user name, or remove the row.")),
            None => {
                let meant = self.state.meant.meant_by(&line.user_name);
                problems.push(unknown_user(&line.user_name, &meant));
            }
            Some(_) => {}
        }
        problems.extend(self.namesakes.twice(line, &self.state.asks(line)));
        problems.extend(self.site_problem(line, user));
        if kind.is_none() && !line.license.is_empty() {
            let hidden = characters::hidden(&line.license)
                .map(|hidden| format!(" The code has {hidden}, which cannot be seen."));
            let fault = format!("There is no licence type “{}”.{}", line.license, hidden.unwrap_or_default());
            problems.push(Problem::new(fault, self.known_codes.clone()));
        }
        if let (Some(user), Some(kind)) = (user, kind)
            && before.is_none_or(|before| before.id != kind.id)
            && let Some((fault, remedy)) = licenses::bar(user)
            && (user.site_id.is_some() || user.entra_state == EntraState::Deleted || !names_a_site(line))
        {
            let remedy = if user.site_id.is_none() && user.entra_state != EntraState::Deleted {
                "Set the site first, on the user’s page, or name it in a column site of this file."
            } else {
                remedy
            };
            problems.push(Problem::new(fault, remedy));
        }
        problems
    }

    fn held_by(&self, user: &User) -> Option<&LicenseType> {
        self.kinds.get(self.state.held.get(&user.id)?).copied()
    }

    /// The site that the line gives a user who has none.
    fn new_site(&self, line: &ParsedRow, user: Option<&User>) -> Option<&Site> {
        user.filter(|user| user.site_id.is_none())?;
        self.state.sites.get(&fold(line.site.as_deref()?))?.as_ref()
    }

    fn site_problem(&self, line: &ParsedRow, user: Option<&User>) -> Option<Problem> {
        let name = line.site.as_deref().filter(|name| !name.is_empty())?;
        let Some(site) = self.state.sites.get(&fold(name)).and_then(Option::as_ref) else {
            let hidden = characters::hidden(name)
                .map(|hidden| format!(" The name has {hidden}, which cannot be seen."));
            let fault = format!("There is no site “{name}”.{}", hidden.unwrap_or_default());
            return Some(Problem::new(fault, self.known_sites.clone()));
        };
        let fixed = user?.site_id.as_ref().filter(|fixed| **fixed != site.id)?;
        let current = self.state.site_names.get(fixed).map_or("another", String::as_str);
        let fault = format!("{} has the site {current}, and a site is fixed once it is set.", user?.name());
        Some(Problem::new(fault, format!("Write {current}, or leave the site empty.")))
    }
}

/// What there is instead of what a line names.
impl CurrentState {
    fn known_sites(&self) -> String {
        let mut names: Vec<&str> = self.site_names.values().map(String::as_str).collect();
        names.sort_unstable();
        if names.len() > MOST_CODES {
            names.truncate(MOST_CODES);
            names.push("…");
        }
        match names.as_slice() {
            [] => "There are no sites yet. Create it under Sites.".to_owned(),
            names => format!(
                "Use one of these: {}. Or create the site, or add the name as an alias, under Sites.",
                names.join(", ")
            ),
        }
    }

    fn known_codes(&self) -> String {
        let stock = &self.stock;
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

/// What to say where Entra ID named another site for the user than the row sets.
fn other_site(user: &User, site: &Site) -> Option<String> {
    let sent = user.site_sent.as_deref().filter(|sent| fold(sent) != fold(&site.name))?;
    Some(format!(
        "Entra ID named the site “{sent}” for this user, which is not made yet; {} is set in its place.",
        site.name
    ))
}

fn names_a_site(line: &ParsedRow) -> bool {
    line.site.as_deref().is_some_and(|name| !name.is_empty())
}

fn unknown_user(name: &str, meant: &[&User]) -> Problem {
    let mine = characters::writing(name);
    let names = meant.iter().take(MOST_MEANT).map(|user| user.profile.user_name.as_str());
    if let Some(hidden) = characters::hidden_in_user_name(name) {
        let meant = names.map(|name| format!("“{name}”")).collect::<Vec<_>>().join(" or ");
        let meant = if meant.is_empty() { meant } else { format!(" Did you mean {meant}?") };
        let fault = format!("There is no user “{name}”. The name has {hidden}, which cannot be seen.{meant}");
        return Problem::new(fault, "Write the user name anew, without it.");
    }
    if !meant.is_empty() {
        let told = names.map(|meant| {
            let how = characters::writing(meant).filter(|theirs| mine.as_ref() != Some(theirs));
            let how = how.unwrap_or_else(|| "written with other characters that look the same".to_owned());
            format!("“{meant}”, which is {how}")
        });
        let told = told.collect::<Vec<_>>().join(", or ");
        return Problem::new(
            format!("There is no user “{name}”. Did you mean {told}?"),
            "Copy the user name from the list of users.",
        );
    }
    Problem::new(
        format!("There is no user “{name}”."),
        "Check the spelling in the list of users: the user name may differ from the e-mail address. A user from \
         Entra ID must be provisioned first.",
    )
}

impl ImportRow {
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
fn seat(rows: &mut [ImportRow], state: &CurrentState) -> Vec<SeatLine> {
    let mut tallies = tally(rows, state);
    let mut open: Vec<LicenseTypeId> = state.stock.iter().map(|stock| stock.kind.id.clone()).collect();
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
                open.push(left.clone());
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

fn tally(rows: &[ImportRow], state: &CurrentState) -> HashMap<LicenseTypeId, Tally> {
    let empty = |stock: &Stock| {
        let seats = i64::from(stock.kind.seats);
        (stock.kind.id.clone(), Tally { taken: stock.used, seats, asking: Vec::new(), given: 0, freed: 0 })
    };
    let mut tallies: HashMap<LicenseTypeId, Tally> = state.stock.iter().map(empty).collect();
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

impl ImportRow {
    /// The type of which the row takes a seat.
    pub(super) fn wanted(&self) -> Option<&LicenseTypeId> {
        matches!(self.step, Step::Assign | Step::Change).then_some(self.license_type_id.as_ref()).flatten()
    }
}

impl CurrentState {
    /// The type of which the row frees a seat.
    pub(super) fn left_by(&self, row: &ImportRow) -> Option<&LicenseTypeId> {
        let leaves = matches!(row.step, Step::Remove | Step::Change);
        row.user_id.as_ref().filter(|_| leaves).and_then(|id| self.held.get(id))
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
