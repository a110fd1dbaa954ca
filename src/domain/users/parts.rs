//! The parts of a filter of the list of users: what each asks of an account, and the index that finds those who meet it.

use super::EntraState;
use super::which::Which;
use crate::db::schema::{license_assignments, users};
use crate::db::{Conn, text_search};
use crate::domain::Role;
use crate::domain::condition::{Sql, Test, always, pattern, without_index};
use crate::error::Result;
use crate::keys::{LicenseTypeId, SiteId};
use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::Integer;

type OfUsers = Sql<users::table>;

/// One thing that a filter asks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Criterion {
    /// All of one of these lists stand in the text by which the account is searched.
    Words(Vec<Vec<String>>),
    /// Active, or not.
    Active(bool),
    /// Inactive since before this moment.
    InactiveSince(NaiveDateTime),
    /// Of this site, or of none.
    Site(Which<SiteId>),
    /// With this licence, or with none.
    License(Which<LicenseTypeId>),
    /// How the account stands to Entra ID.
    Entra(EntraState),
    /// Something is held back.
    Held,
    /// It has a role.
    WithRole,
}

impl Criterion {
    /// The condition in a form for which the database takes the index of the part.
    pub(super) fn by_index(&self) -> OfUsers {
        match self {
            Self::Words(ways) => any_of(ways, |runs| {
                // A run of three is an entry of the index: then the row need not be looked at.
                let long: Vec<String> = runs.iter().filter(|run| run.chars().count() > 3).cloned().collect();
                Box::new(text_search::may_hold(runs).and(holds(&long)))
            }),
            Self::Active(active) => Box::new(users::active.eq(*active)),
            Self::InactiveSince(since) => Box::new(
                users::active
                    .eq(false)
                    .and(users::deactivated_at.is_not_null())
                    .and(users::deactivated_at.assume_not_null().le(*since)),
            ),
            Self::Site(Which::This(site)) => {
                Box::new(users::site_id.is_not_null().and(users::site_id.assume_not_null().eq(site.clone())))
            }
            Self::Site(Which::Nothing) => Box::new(users::site_id.is_null()),
            Self::License(Which::This(kind)) => Box::new(users::id.eq_any(holders(kind))),
            Self::License(Which::Nothing) => self.of_row(),
            Self::Entra(state) => Box::new(users::entra_state.eq(*state)),
            // By key, for in the order of names the database would rather look at everybody.
            Self::Held => {
                let held = diesel::alias!(users as held_ones);
                let keys =
                    held.filter(held.field(users::held_at).is_not_null()).select(held.field(users::id));
                Box::new(users::id.eq_any(keys))
            }
            // By name, for `<>` would look at all entries of the index.
            Self::WithRole => {
                let roles = Role::ALL.iter().copied().filter(|role| *role > Role::None);
                Box::new(users::role.eq_any(roles.collect::<Vec<_>>()))
            }
        }
    }

    /// The condition for a row that is looked at anyhow.
    fn of_row(&self) -> OfUsers {
        let held_by = || license_assignments::table.filter(license_assignments::user_id.eq(users::id));
        match self {
            Self::Words(ways) => any_of(ways, |runs| holds(runs)),
            Self::License(Which::This(kind)) => {
                Box::new(exists(held_by().filter(license_assignments::license_type_id.eq(kind.clone()))))
            }
            Self::License(Which::Nothing) => Box::new(not(exists(held_by()))),
            Self::Held => Box::new(users::held_at.is_not_null()),
            other => other.by_index(),
        }
    }

    /// Whether an index finds those who meet it.
    pub(super) fn has_index(&self) -> bool {
        *self != Self::License(Which::Nothing)
    }

    /// Whether [`Criterion::count`] may count others too.
    pub(super) fn is_counted_roughly(&self) -> bool {
        // Whoever is found in two ways is counted twice.
        let long = |ways: &[Vec<String>]| ways.iter().flatten().any(|run| run.chars().count() > 3);
        matches!(self, Self::Words(ways) if ways.len() > 1 || long(ways))
    }

    /// How many users meet it, counted up to `most`; nothing where no index knows.
    pub(super) fn count(&self, conn: &mut Conn, most: i64) -> Result<Option<i64>> {
        if !self.has_index() {
            return Ok(None);
        }
        let one = 1.into_sql::<Integer>();
        let found: Vec<i32> = match self {
            Self::Words(ways) => {
                let mut all = 0;
                for runs in ways {
                    all += text_search::count(conn, runs, most - all)?;
                }
                return Ok(Some(all));
            }
            Self::License(Which::This(kind)) => holders(kind).select(one).limit(most).load(conn)?,
            Self::Held => {
                users::table.filter(users::held_at.is_not_null()).select(one).limit(most).load(conn)?
            }
            other => users::table.filter(other.by_index()).select(one).limit(most).load(conn)?,
        };
        Ok(i64::try_from(found.len()).ok())
    }
}

/// One of the ways in which words may be meant.
fn any_of(ways: &[Vec<String>], met: impl Fn(&[String]) -> OfUsers) -> OfUsers {
    let each = ways.iter().map(|runs| met(runs));
    each.reduce(|any, way| Box::new(any.or(way))).unwrap_or_else(|| always(false))
}

/// All of these stand in the text.
fn holds(runs: &[String]) -> OfUsers {
    let mut all: Option<OfUsers> = None;
    for run in runs {
        let this: OfUsers = Box::new(users::search_text.like(pattern(Test::Co, run)).escape('\\'));
        all = Some(match all {
            Some(others) => Box::new(others.and(this)),
            None => this,
        });
    }
    all.unwrap_or_else(|| always(true))
}

#[diesel::dsl::auto_type]
fn holders(kind: &LicenseTypeId) -> _ {
    let kind: LicenseTypeId = kind.clone();
    license_assignments::table
        .filter(license_assignments::license_type_id.eq(kind))
        .select(license_assignments::user_id)
}

/// All parts but one, as a condition for which the database takes no index.
pub(super) fn and_all(parts: &[Criterion], but: Option<&Criterion>) -> OfUsers {
    let others = parts.iter().filter(|part| Some(*part) != but);
    let all = others.fold(always(true), |all, part| -> OfUsers { Box::new(all.and(part.of_row())) });
    without_index(all)
}
