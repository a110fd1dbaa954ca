//! Licence types, their seats, and who holds one.
//!
//! A user holds at most one licence; assigning another changes it. All writes pass through one writer, one after the
//! other, so counting and then assigning cannot exceed the seats, whatever happens at once.

use super::audit::{Action, Change, Kind, Subject};
use super::users::{self, EntraState, User};
use super::{Noted, Tx, fold, names, new_id};
use crate::db::Conn;
use crate::db::schema::{license_assignments, license_types};
use crate::error::{Complaint, Error, Result};
use crate::keys::{LicenseTypeId, UserId};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

mod many;

pub(super) use many::{Move, change_many};

const LONGEST_CODE: usize = 32;
const LONGEST_NAME: usize = 128;
const MOST_SEATS: i32 = 10_000_000;
/// How many keys one query asks for.
const CHUNK: usize = 500;

/// A kind of licence that the organisation has bought.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = license_types)]
pub struct LicenseType {
    /// Its key.
    pub id: LicenseTypeId,
    /// What a CSV file calls it: `X2`. Unique, ignoring case.
    pub code: String,
    code_key: String,
    /// Its name.
    pub name: String,
    /// How many users may hold it at once.
    pub seats: i32,
    /// When it was made, in UTC.
    pub created_at: NaiveDateTime,
    /// When it last changed, in UTC.
    pub updated_at: NaiveDateTime,
}

/// A licence type and how many of its seats are taken.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = license_types)]
pub struct Stock {
    /// The type.
    #[diesel(embed)]
    pub kind: LicenseType,
    /// Seats taken: kept with the type by whatever gives or takes a licence, since counting many holders for each
    /// takes long.
    #[diesel(column_name = seats_taken)]
    pub used: i64,
}

/// What an owner or administrator enters for a licence type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseTypeInput {
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// The number of seats.
    pub seats: i32,
}

impl LicenseType {
    fn subject(&self) -> Subject<'_> {
        Subject { kind: Kind::License, id: self.id.as_str(), name: &self.code }
    }
}

impl Stock {
    /// Seats that are free.
    #[must_use]
    pub fn free(&self) -> i64 {
        i64::from(self.kind.seats) - self.used
    }
}

/// All licence types by code, with their seats taken.
pub fn stock(conn: &mut Conn) -> Result<Vec<Stock>> {
    let all = license_types::table.order(license_types::code_key).select(Stock::as_select());
    Ok(all.load(conn)?)
}

/// All licence types by code.
pub fn all(conn: &mut Conn) -> Result<Vec<LicenseType>> {
    Ok(license_types::table.order(license_types::code_key).select(LicenseType::as_select()).load(conn)?)
}

/// The licence type with this key, with its seats taken.
pub fn find(conn: &mut Conn, id: &LicenseTypeId) -> Result<Stock> {
    let found = license_types::table.find(id).select(Stock::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("licence type"))
}

/// The licence type with this code, ignoring case.
pub fn coded(conn: &mut Conn, code: &str) -> Result<Option<LicenseType>> {
    let mine = license_types::table.filter(license_types::code_key.eq(fold(code)));
    Ok(mine.select(LicenseType::as_select()).first(conn).optional()?)
}

/// The licence that a user holds.
pub fn of(conn: &mut Conn, user: &UserId) -> Result<Option<LicenseType>> {
    let held = license_assignments::table
        .inner_join(license_types::table)
        .filter(license_assignments::user_id.eq(user))
        .select(LicenseType::as_select());
    Ok(held.first(conn).optional()?)
}

/// The keys of the licence types that these users hold, by the user's key.
pub fn held_by(conn: &mut Conn, users: &[&UserId]) -> Result<HashMap<UserId, LicenseTypeId>> {
    let mut held = HashMap::new();
    for some in users.chunks(CHUNK) {
        let rows: Vec<(UserId, LicenseTypeId)> = license_assignments::table
            .filter(license_assignments::user_id.eq_any(some.iter().copied()))
            .select((license_assignments::user_id, license_assignments::license_type_id))
            .load(conn)?;
        held.extend(rows);
    }
    Ok(held)
}

/// Makes a licence type.
pub fn create(tx: &mut Tx, wish: &LicenseTypeInput) -> Result<Noted<LicenseType>> {
    let wish = checked(tx.conn, wish, None)?;
    let kind = LicenseType {
        id: LicenseTypeId::generate(),
        code_key: fold(&wish.code),
        code: wish.code,
        name: wish.name,
        seats: wish.seats,
        created_at: tx.now,
        updated_at: tx.now,
    };
    diesel::insert_into(license_types::table).values(&kind).execute(tx.conn)?;
    let noted =
        tx.note(Action::LicenseTypeCreated, kind.subject(), &[Change::set("seats", kind.seats.to_string())])?;
    Ok(noted.with(kind))
}

/// Changes a licence type; never to fewer seats than are taken.
pub fn change(tx: &mut Tx, id: &LicenseTypeId, wish: &LicenseTypeInput) -> Result<Noted<LicenseType>> {
    let Stock { kind: before, used } = find(tx.conn, id)?;
    let wish = checked(tx.conn, wish, Some(id))?;
    if i64::from(wish.seats) < used {
        return Err(Error::invalid(
            "seats",
            format!(
                "Seats of {} that are taken: {used}. Take licences back first, or enter at least {used}.",
                before.code
            ),
        ));
    }
    let changes: Vec<Change> = [
        Change::of("code", Some(&before.code), Some(&wish.code)),
        Change::of("name", Some(&before.name), Some(&wish.name)),
        Change::of("number of seats", Some(&before.seats.to_string()), Some(&wish.seats.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(Noted::unaudited(before, "nothing changed"));
    }
    let kind = LicenseType {
        code_key: fold(&wish.code),
        code: wish.code,
        name: wish.name,
        seats: wish.seats,
        updated_at: tx.now,
        ..before
    };
    diesel::update(license_types::table.find(id)).set(&kind).execute(tx.conn)?;
    let noted = tx.note(Action::LicenseTypeChanged, kind.subject(), &changes)?;
    Ok(noted.with(kind))
}

/// Deletes a licence type that nobody holds.
pub fn delete(tx: &mut Tx, id: &LicenseTypeId) -> Result<Noted<()>> {
    let Stock { kind, used } = find(tx.conn, id)?;
    if used > 0 {
        let message =
            format!("{} cannot be deleted: {used} users hold it. Take their licences back first.", kind.code);
        return Err(Error::Conflict(message));
    }
    diesel::delete(license_types::table.find(id)).execute(tx.conn)?;
    tx.note(Action::LicenseTypeDeleted, kind.subject(), &[])
}

/// Gives a user this licence, in place of another that they may hold.
pub fn assign(tx: &mut Tx, user: &UserId, kind: &LicenseTypeId) -> Result<Noted<User>> {
    let user = users::find(tx.conn, user)?;
    let Stock { kind, used } = find(tx.conn, kind)?;
    may_hold(&user)?;
    let before = of(tx.conn, &user.id)?;
    if before.as_ref().is_some_and(|before| before.id == kind.id) {
        return Ok(Noted::unaudited(user, "nothing changed"));
    }
    if used >= i64::from(kind.seats) {
        return Err(Error::Conflict(format!(
            "No seat of {} is free: all {} are taken. Take one back, or raise the number of seats, under Licences.",
            kind.code, kind.seats
        )));
    }
    if let Some(before) = &before {
        take_from(tx, &user.id, &before.id)?;
    }
    let assignment = (
        license_assignments::id.eq(new_id()),
        license_assignments::user_id.eq(&user.id),
        license_assignments::license_type_id.eq(&kind.id),
        license_assignments::assigned_at.eq(tx.now),
    );
    diesel::insert_into(license_assignments::table).values(assignment).execute(tx.conn)?;
    let taken = license_types::seats_taken.eq(license_types::seats_taken + 1);
    diesel::update(license_types::table.find(&kind.id)).set(taken).execute(tx.conn)?;
    let change = Change::of("licence", before.map(|before| before.code).as_deref(), Some(&kind.code));
    let noted = tx.note(Action::LicenseAssigned, user.subject(&user.name()), change.as_slice())?;
    Ok(noted.with(user))
}

/// Takes the user's licence back; no error where there is none.
pub fn remove(tx: &mut Tx, user: &UserId) -> Result<Noted<User>> {
    let user = users::find(tx.conn, user)?;
    if let Some(kind) = of(tx.conn, &user.id)? {
        take_from(tx, &user.id, &kind.id)?;
        let change = Change::of("licence", Some(&kind.code), None);
        return Ok(tx
            .note(Action::LicenseRemoved, user.subject(&user.name()), change.as_slice())?
            .with(user));
    }
    Ok(Noted::unaudited(user, "nothing changed"))
}

/// Whether this user may hold a licence, free seats apart: the refusal says what is missing.
pub fn may_hold(user: &User) -> Result<()> {
    match bar(user) {
        Some((reason, remedy)) => Err(Error::Conflict(format!("{reason} {remedy}"))),
        None => Ok(()),
    }
}

/// Why this user may not hold a licence, free seats apart, and what to do about it.
pub(super) fn bar(user: &User) -> Option<(String, &'static str)> {
    if user.entra_state == EntraState::Deleted {
        let reason = format!("{} was deleted in Entra ID.", user.name());
        return Some((reason, "Delete the user here, or restore the user there."));
    }
    if user.site_id.is_none() {
        return Some((format!("{} has no site.", user.name()), "Set the site first, on the user’s page."));
    }
    None
}

fn take_from(tx: &mut Tx, user: &UserId, kind: &LicenseTypeId) -> Result<()> {
    let mine = license_assignments::table.filter(license_assignments::user_id.eq(user));
    diesel::delete(mine).execute(tx.conn)?;
    users::free_seat(tx, kind)
}

fn checked(
    conn: &mut Conn,
    wish: &LicenseTypeInput,
    own: Option<&LicenseTypeId>,
) -> Result<LicenseTypeInput> {
    let (code, name) = (wish.code.trim(), wish.name.trim());
    let mut complaints = Vec::new();
    let plain = |char: char| char.is_alphanumeric() || "-_. +/".contains(char);
    if code.is_empty() || code.chars().count() > LONGEST_CODE || !code.chars().all(plain) {
        let message =
            format!("Enter a code of 1 to {LONGEST_CODE} letters, digits, spaces or - _ . + /, such as X2.");
        complaints.push(Complaint { field: "code", message });
    }
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        let message = format!("Enter a name of 1 to {LONGEST_NAME} characters.");
        complaints.push(Complaint { field: "name", message });
    }
    let hidden = [("code", "code", code), ("name", "name", name)];
    complaints
        .extend(hidden.into_iter().filter_map(|(field, label, text)| names::complaint(field, label, text)));
    if !(0..=MOST_SEATS).contains(&wish.seats) {
        let message = format!("Enter a number of seats from 0 to {MOST_SEATS}.");
        complaints.push(Complaint { field: "seats", message });
    }
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    if let Some(other) = coded(conn, code)?
        && own != Some(&other.id)
    {
        return Err(Error::taken(
            "code",
            format!("There is a licence type {} already. Choose another code.", other.code),
        ));
    }
    Ok(LicenseTypeInput { code: code.to_owned(), name: name.to_owned(), seats: wish.seats })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::testing::{TestOrg, test_org};
    use crate::domain::users::{Profile, by_hand};
    use crate::domain::{Actor, sites};

    fn staffed(seats: i32) -> (TestOrg, LicenseTypeId, Vec<UserId>) {
        let test = test_org();
        let (kind, people) = test
            .write(&Actor::CommandLine, move |tx| {
                let site = sites::create(tx, "Delft")?;
                let wish = LicenseTypeInput { code: "X2".into(), name: "Work X2".into(), seats };
                let kind = create(tx, &wish)?.split().0.id;
                let people = (0..3).map(|number| {
                    let wish = by_hand::LocalProfile {
                        profile: Profile::named(&format!("user{number}")),
                        email: None,
                    };
                    Ok(by_hand::create(tx, wish, Some(&site.id))?.split().0.id)
                });
                Ok((kind, people.collect::<Result<Vec<_>>>()?))
            })
            .unwrap();
        (test, kind, people)
    }

    fn give(test: &TestOrg, user: &UserId, kind: &LicenseTypeId) -> Result<User> {
        let (user, kind) = (user.clone(), kind.clone());
        test.write(&Actor::CommandLine, move |tx| assign(tx, &user, &kind))
    }

    #[test]
    fn seats_are_never_exceeded_even_by_many_at_once() {
        let (test, kind, people) = staffed(2);
        let given = std::thread::scope(|scope| {
            let threads: Vec<_> =
                people.iter().map(|user| scope.spawn(|| give(&test, user, &kind).is_ok())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|given| *given).count()
        });
        assert_eq!(given, 2);
        assert_eq!(test.org.read(|conn| find(conn, &kind)).unwrap().free(), 0);
    }

    #[test]
    fn the_same_licence_twice_takes_one_seat() {
        let (test, kind, people) = staffed(2);
        give(&test, &people[0], &kind).unwrap();
        give(&test, &people[0], &kind).unwrap();
        assert_eq!(test.org.read(|conn| find(conn, &kind)).unwrap().used, 1);
    }

    /// What is kept with each type, and what counting says.
    fn kept_and_counted(test: &TestOrg) -> Vec<(i64, i64)> {
        let both = test.org.read(|conn| {
            let all = stock(conn)?.into_iter().map(|stock| {
                let mine = license_assignments::table
                    .filter(license_assignments::license_type_id.eq(&stock.kind.id));
                Ok((stock.used, mine.count().get_result(conn)?))
            });
            all.collect::<Result<Vec<_>>>()
        });
        both.unwrap()
    }

    #[test]
    fn the_number_of_seats_taken_is_kept_whatever_gives_and_takes_them() {
        let (test, x2, people) = staffed(3);
        let wish = LicenseTypeInput { code: "X4".into(), name: "Work X4".into(), seats: 3 };
        let x4 = test.write(&Actor::CommandLine, move |tx| create(tx, &wish)).unwrap().id;
        let [ana, bo, cy] = [&people[0], &people[1], &people[2]];
        give(&test, ana, &x2).unwrap();
        give(&test, ana, &x2).unwrap();
        give(&test, bo, &x2).unwrap();
        give(&test, bo, &x4).unwrap();
        give(&test, cy, &x4).unwrap();
        assert_eq!(kept_and_counted(&test), [(1, 1), (2, 2)]);
        let (ana, bo, cy) = (ana.clone(), bo.clone(), cy.clone());
        test.write(&Actor::CommandLine, move |tx| remove(tx, &ana).and_then(|user| remove(tx, &user.id)))
            .unwrap();
        test.write(&Actor::CommandLine, move |tx| users::lifecycle::delete(tx, &[bo])).unwrap();
        assert_eq!(kept_and_counted(&test), [(0, 0), (1, 1)]);
        let undone = test.write(&Actor::CommandLine, move |tx| {
            users::lifecycle::delete(tx, &[cy])?;
            Err::<(), _>(Error::Conflict("no".to_owned()))
        });
        assert!(undone.is_err());
        assert_eq!(kept_and_counted(&test), [(0, 0), (1, 1)]);
    }

    #[test]
    fn a_user_without_a_site_gets_no_licence() {
        let (test, kind, _) = staffed(2);
        let homeless = test
            .write(&Actor::CommandLine, |tx| {
                let wish = by_hand::LocalProfile { profile: Profile::named("homeless"), email: None };
                by_hand::create(tx, wish, None)
            })
            .unwrap();
        let refusal = give(&test, &homeless.id, &kind).unwrap_err();
        assert_eq!(refusal.to_string(), "homeless has no site. Set the site first, on the user’s page.");
    }

    #[test]
    fn seats_cannot_be_cut_below_what_is_taken() {
        let (test, kind, people) = staffed(2);
        give(&test, &people[0], &kind).unwrap();
        let cut = LicenseTypeInput { code: "X2".into(), name: "Work X2".into(), seats: 0 };
        let refusal = test.write(&Actor::CommandLine, move |tx| change(tx, &kind, &cut)).unwrap_err();
        assert!(refusal.about("seats").unwrap().starts_with("Seats of X2 that are taken: 1."));
    }
}
