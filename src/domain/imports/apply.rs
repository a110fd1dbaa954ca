//! Applying a validated import: all of it or nothing, and only what was validated.

use super::line::ParsedRow;
use super::plan::{self, CurrentState, Plan};
use super::store::{all_rows, find, finish};
use super::{Import, ImportRow, State, Step};
use crate::domain::audit::Action;
use crate::domain::licenses::{LicenseType, Move};
use crate::domain::users::by_hand;
use crate::domain::{Noted, Org, Tx, licenses, sites};
use crate::error::{Error, Result};
use crate::keys::{LicenseTypeId, SiteId, UserId};
use crate::threads::assert_may_take_long;
use std::collections::{BTreeMap, HashMap, VecDeque};

const MOST_TOLD: usize = 3;

/// So often a file is planned anew because what it rests on changed before it could be applied.
pub const MOST_PLANS: usize = 4;

/// What applying a file comes to, worked out beforehand: whoever else writes waits for the writing only.
pub struct Prepared {
    id: String,
    plan: Plan,
}

/// What came of applying.
pub enum Applied {
    /// All of it was done.
    Done(Box<Import>),
    /// What the plan rests on has changed since: nothing was done, and the file is to be prepared again.
    Outdated,
}

/// Works out what applying a file comes to. Slow, and so not for the writer: of the database it needs two moments.
///
/// # Errors
/// [`Error::Conflict`] when a row would no longer do what was validated.
pub fn prepare(org: &Org, id: &str) -> Result<Prepared> {
    assert_may_take_long();
    let (import, before) = org.read(|conn| {
        let import = find(conn, id)?;
        may_apply(&import)?;
        Ok((import, all_rows(conn, id)?))
    })?;
    let lines: Vec<ParsedRow> = before.iter().map(ImportRow::line).collect();
    let plan = plan::plan(org, &lines, import.take_away)?;
    unchanged(&before, &plan.rows)?;
    Ok(Prepared { id: id.to_owned(), plan })
}

/// Does what was prepared, all of it; nothing where what it rests on has changed in between.
pub fn apply(tx: &mut Tx, prepared: Prepared) -> Result<Noted<Applied>> {
    let mut import = find(tx.conn, &prepared.id)?;
    may_apply(&import)?;
    let Plan { rows, seats, state, .. } = prepared.plan;
    if !state.holds(tx.conn, &rows)? {
        return Ok(Noted::unaudited(Applied::Outdated, "nothing was changed"));
    }
    set_sites(tx, &rows, &state)?;
    let mut held: HashMap<&UserId, &LicenseType> = state.holders();
    let moves = order(&rows, &state).into_iter().filter_map(|deed| {
        let (user, to) = match deed {
            Deed::Remove(user) => (user, None),
            Deed::Assign(user, kind) => (user, Some(state.kind(kind)?)),
        };
        let from = match to {
            Some(kind) => held.insert(user, kind),
            None => held.remove(user),
        };
        Some(Move { user, name: state.name(user)?, from, to })
    });
    licenses::change_many(tx, &moves.collect::<Vec<_>>())?;
    import.seats = seats;
    finish(tx, &mut import, State::Applied)?;
    let noted = import.note(tx, Action::ImportApplied)?;
    Ok(noted.with(Applied::Done(Box::new(import))))
}

/// What is said where it was planned [`MOST_PLANS`] times in vain.
#[must_use]
pub fn kept_changing() -> Error {
    let text = "The users, licences or sites that this file is about were changed while it was applied, again and again. \
                Nothing was changed by the file. Try again in a moment, or pause provisioning meanwhile.";
    Error::Conflict(text.to_owned())
}

fn set_sites(tx: &mut Tx, rows: &[ImportRow], state: &CurrentState) -> Result<()> {
    let mut many: BTreeMap<&SiteId, Vec<(&UserId, &str)>> = BTreeMap::new();
    for row in rows {
        let (Some(user), Some(site)) = (row.user_id.as_ref(), row.site_id.as_ref()) else { continue };
        let Some(account) = state.user(user) else { continue };
        if account.site_sent.is_some() {
            // What Entra ID sent is compared with it.
            by_hand::set_site(tx, user, site)?;
        } else {
            many.entry(site).or_default().push((user, state.name(user).unwrap_or_default()));
        }
    }
    for (site, users) in many {
        let site = sites::find(tx.conn, site)?;
        sites::place_many(tx, &users, &site)?;
    }
    Ok(())
}

fn may_apply(import: &Import) -> Result<()> {
    let name = &import.file_name;
    let reason = match import.state {
        State::Validated => return Ok(()),
        State::Faulty => format!("{name} has faults. Correct them in the file and validate it again."),
        State::Applied => format!("{name} was applied already. Nothing was changed this time."),
        State::Discarded => format!("{name} was discarded. Upload the file again."),
    };
    Err(Error::Conflict(reason))
}

impl ImportRow {
    fn line(&self) -> ParsedRow {
        let (user_name, license) = (self.user_name.clone(), self.license.clone());
        ParsedRow { number: self.number, user_name, license, site: self.site.clone(), problem: None }
    }

    /// How the row differs from what was validated, as part of a sentence.
    fn differs(&self, before: &Self) -> Option<String> {
        let held = |row: &Self| row.license_before.clone().unwrap_or_else(|| "no licence".to_owned());
        let what = if let Some(fault) = &self.fault {
            fault.trim_end_matches('.').to_owned()
        } else if self.user_id != before.user_id {
            "the user name belongs to another account now".to_owned()
        } else if self.license_type_id != before.license_type_id {
            format!("the code {} stands for another licence type now", self.license)
        } else if self.license_before != before.license_before {
            format!("the user had {} then and has {} now", held(before), held(self))
        } else if self.site_id != before.site_id {
            "the site was set, or stands for another, since".to_owned()
        } else if self.step != before.step {
            format!("“{}” then, “{}” now", before.step.word(), self.step.word())
        } else {
            return None;
        };
        Some(format!("row {} ({}): {what}", self.number, self.user_name))
    }
}

fn unchanged(before: &[ImportRow], now: &[ImportRow]) -> Result<()> {
    let differences: Vec<String> =
        now.iter().zip(before).filter_map(|(now, before)| now.differs(before)).collect();
    if differences.is_empty() && now.len() == before.len() {
        return Ok(());
    }
    let more = match differences.len().saturating_sub(MOST_TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let told = differences.get(..MOST_TOLD).unwrap_or(&differences).join("; ");
    Err(Error::Conflict(format!(
        "Things have changed since this file was validated: {told}{more}. Nothing was changed. \
         Upload the file to validate it again."
    )))
}

#[derive(Debug, PartialEq, Eq)]
enum Deed<'a> {
    Remove(&'a UserId),
    Assign(&'a UserId, &'a LicenseTypeId),
}

/// Someone who waits for a seat, and the type that they hold until then.
struct SeatRequest<'a> {
    user: &'a UserId,
    leaves: Option<&'a LicenseTypeId>,
}

/// An order in which no type ever has more holders than seats, given that it has not in the end.
///
/// Who leaves a type makes room for the next. Where all that still wait hold each other's seats, as in a swap
/// between full types, one of them gives theirs up first and gets the new one later.
fn order<'a>(rows: &'a [ImportRow], state: &'a CurrentState) -> Vec<Deed<'a>> {
    let mut free: HashMap<&LicenseTypeId, i64> =
        state.stock.iter().map(|stock| (&stock.kind.id, stock.free())).collect();
    let mut deeds = Vec::new();
    let mut people = Vec::new();
    let mut queues: BTreeMap<&LicenseTypeId, VecDeque<usize>> = BTreeMap::new();
    let mut leavers: HashMap<&LicenseTypeId, VecDeque<usize>> = HashMap::new();
    for row in rows {
        let (Some(user), left) = (row.user_id.as_ref(), state.left_by(row)) else { continue };
        if let Some(kind) = row.wanted() {
            queues.entry(kind).or_default().push_back(people.len());
            if let Some(kind) = left {
                leavers.entry(kind).or_default().push_back(people.len());
            }
            people.push(SeatRequest { user, leaves: left });
        } else if let (Step::Remove, Some(kind)) = (row.step, left) {
            deeds.push(Deed::Remove(user));
            *free.entry(kind).or_default() += 1;
        }
    }
    let mut open: Vec<&LicenseTypeId> = queues.keys().copied().collect();
    loop {
        while let Some(kind) = open.pop() {
            let queue = queues.entry(kind).or_default();
            while free.get(kind).is_some_and(|free| *free > 0)
                && let Some(person) = queue.pop_front().and_then(|at| people.get_mut(at))
            {
                deeds.push(Deed::Assign(person.user, kind));
                *free.entry(kind).or_default() -= 1;
                if let Some(left) = person.leaves.take() {
                    *free.entry(left).or_default() += 1;
                    open.push(left);
                }
            }
        }
        let Some((kind, queue)) = queues.iter_mut().find(|(_, queue)| !queue.is_empty()) else {
            return deeds;
        };
        let ring = leavers.entry(kind).or_default();
        let leaver = std::iter::from_fn(|| ring.pop_front())
            .find(|at| people.get(*at).is_some_and(|person| person.leaves.is_some()))
            .and_then(|at| people.get_mut(at));
        if let Some(leaver) = leaver {
            deeds.push(Deed::Remove(leaver.user));
            leaver.leaves = None;
            *free.entry(kind).or_default() += 1;
            open.push(kind);
        } else {
            // Not in a plan without faults; the rule itself refuses it then.
            let rest = queue.drain(..).filter_map(|at| people.get(at));
            deeds.extend(rest.map(|person| Deed::Assign(person.user, kind)));
        }
    }
}
