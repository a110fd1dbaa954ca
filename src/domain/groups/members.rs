//! Who comes into a group and who goes. Very many may be named at once: names are looked up only of those few who are told.

use super::{Group, Held, Member, MemberId, Profile, new_id};
use crate::db::Conn;
use crate::db::schema::{group_members, retired_group_ids, retired_scim_ids, user_groups, users};
use crate::domain::Tx;
use crate::error::Result;
use crate::keys::{GroupId, UserId};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// How many keys one query asks for.
const CHUNK: usize = 500;
/// So many who were left out are told of one request, for each cause.
const MOST_TOLD: usize = 10;
/// So many names stand in one line of the log.
const MOST_NAMES: usize = 10;
/// So much of an unknown id is told.
const LONGEST_ID_SHOWN: usize = 60;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = group_members)]
pub(super) struct MembershipRow {
    pub(super) id: String,
    pub(super) group_id: GroupId,
    pub(super) user_id: Option<UserId>,
    pub(super) subgroup_id: Option<GroupId>,
    pub(super) held: bool,
}

impl MembershipRow {
    fn new(group: &Group, member: &MemberId) -> Self {
        let (user_id, subgroup_id) = match member.clone() {
            MemberId::User(id) => (Some(id), None),
            MemberId::Group(id) => (None, Some(id)),
        };
        Self { id: new_id(), group_id: group.id.clone(), user_id, subgroup_id, held: false }
    }

    /// Of whom it speaks; the table holds one of the two to a value.
    fn member(&self) -> Option<MemberId> {
        let user = self.user_id.clone().map(MemberId::User);
        user.or_else(|| self.subgroup_id.clone().map(MemberId::Group))
    }
}

/// Somebody or something that can be in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MemberCandidate {
    id: MemberId,
    scim_id: String,
    /// Whether Entra ID deleted them and the guard holds that back.
    held: bool,
}

/// What came of a change of members.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) added: Names,
    pub(super) removed: Names,
    /// What was not done as asked.
    pub(super) warnings: Vec<String>,
}

/// Those who came, or who went: the first names, and how many they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    fn note(&mut self, conn: &mut Conn, more: &[&MemberCandidate]) -> Result<()> {
        let room = MOST_NAMES.saturating_sub(self.first.len());
        self.first.extend(names(conn, &more[..more.len().min(room)])?);
        self.count += more.len();
        Ok(())
    }

    /// All of them in one text, if there are any.
    pub(super) fn listed(&self) -> Option<String> {
        let names = self.first.join(", ");
        match self.count - self.first.len() {
            _ if self.count == 0 => None,
            0 => Some(names),
            more => Some(format!("{names} and {more} more ({} in all)", self.count)),
        }
    }
}

/// The rows with the names of whom they speak of.
pub(super) fn named(conn: &mut Conn, rows: Vec<MembershipRow>) -> Result<Vec<Member>> {
    let mut known: HashMap<MemberId, (String, String)> = HashMap::new();
    let ids: Vec<&UserId> = rows.iter().filter_map(|row| row.user_id.as_ref()).collect();
    for some in ids.chunks(CHUNK) {
        let mine = users::table.filter(users::id.eq_any(some));
        let found: Vec<(UserId, String, Profile)> =
            mine.select((users::id, users::scim_id, Profile::as_select())).load(conn)?;
        let found = found.into_iter();
        known.extend(found.map(|(id, scim_id, profile)| (MemberId::User(id), (scim_id, profile.name()))));
    }
    let ids: Vec<&GroupId> = rows.iter().filter_map(|row| row.subgroup_id.as_ref()).collect();
    for some in ids.chunks(CHUNK) {
        let mine = user_groups::table.filter(user_groups::id.eq_any(some));
        let found: Vec<(GroupId, String, String)> =
            mine.select((user_groups::id, user_groups::scim_id, user_groups::name)).load(conn)?;
        known.extend(found.into_iter().map(|(id, scim_id, name)| (MemberId::Group(id), (scim_id, name))));
    }
    let members = rows.into_iter().filter_map(|row| {
        let id = row.member()?;
        let (scim_id, name) = known.get(&id)?.clone();
        Some(Member { id, scim_id, name, held: row.held })
    });
    Ok(members.collect())
}

/// Puts those with these SCIM ids into the group. Being in it already is no error.
pub(super) fn add(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let mut wanted = resolve(tx.conn, ids)?;
    let known: HashSet<&str> = wanted.iter().map(|member| member.scim_id.as_str()).collect();
    let unknown: Vec<&String> = ids.iter().filter(|id| !known.contains(id.as_str())).collect();
    moved.warnings.extend(left_out(tx.conn, &unknown)?);
    let gone: Vec<&MemberCandidate> = wanted.iter().filter(|member| member.held).collect();
    moved.warnings.extend(deleted_before(tx.conn, &gone)?);
    wanted.retain(|member| !member.held);
    let all = wanted.len();
    let itself = MemberId::Group(group.id.clone());
    wanted.retain(|member| member.id != itself);
    if wanted.len() < all {
        moved
            .warnings
            .push(format!("{} was left out of the group: a group is no member of itself.", group.name));
    }
    let present = present(tx.conn, group, &wanted)?;
    let (mut rows, mut coming) = (Vec::new(), Vec::new());
    for member in &wanted {
        match present.get(&member.id) {
            Some(row) if row.held => {
                let mine = group_members::table.find(&row.id);
                diesel::update(mine).set(group_members::held.eq(false)).execute(tx.conn)?;
            }
            Some(_) => continue,
            None => rows.push(MembershipRow::new(group, &member.id)),
        }
        coming.push(member);
    }
    for some in rows.chunks(CHUNK) {
        diesel::insert_into(group_members::table).values(some).execute(tx.conn)?;
    }
    moved.added.note(tx.conn, &coming)
}

/// What is said of those whom Entra ID deleted, although the guard holds that back: they are nobody whom it sees.
fn deleted_before(conn: &mut Conn, gone: &[&MemberCandidate]) -> Result<Vec<String>> {
    let (told, more) = gone.split_at(gone.len().min(MOST_TOLD));
    let mut said: Vec<String> = names(conn, told)?
        .into_iter()
        .map(|name| {
            format!(
                "{name} was left out of the group: Entra ID deleted that user before, which is held back."
            )
        })
        .collect();
    if !more.is_empty() {
        said.push(format!("So were {} more, whom Entra ID deleted before.", more.len()));
    }
    Ok(said)
}

/// What is said of ids that nobody has. One whom nobody knows must not keep all others out of the group.
fn left_out(conn: &mut Conn, ids: &[&String]) -> Result<Vec<String>> {
    let (told, more) = ids.split_at(ids.len().min(MOST_TOLD));
    let people: Vec<(String, String)> = retired_scim_ids::table
        .filter(retired_scim_ids::scim_id.eq_any(told))
        .select((retired_scim_ids::scim_id, retired_scim_ids::user_name))
        .load(conn)?;
    let groups: Vec<(String, String)> = retired_group_ids::table
        .filter(retired_group_ids::scim_id.eq_any(told))
        .select((retired_group_ids::scim_id, retired_group_ids::name))
        .load(conn)?;
    let people = people.into_iter().map(|(id, name)| (id, (name, "user")));
    let groups = groups.into_iter().map(|(id, name)| (id, (name, "group")));
    let gone: HashMap<String, (String, &str)> = people.chain(groups).collect();
    let mut said: Vec<String> = told
        .iter()
        .map(|id| match gone.get(*id) {
            Some((name, what)) => {
                format!("{name} was left out of the group: that {what}'s id is gone for good.")
            }
            None => format!(
                "A member was left out of the group: there is no user or group with the id “{}”.",
                id.chars().take(LONGEST_ID_SHOWN).collect::<String>()
            ),
        })
        .collect();
    if !more.is_empty() {
        said.push(format!("So were {} more, for there is no user or group with their ids.", more.len()));
    }
    Ok(said)
}

/// Takes those with these SCIM ids out of the group. Not being in it is no error.
pub(super) fn remove(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let unwanted = resolve(tx.conn, ids)?;
    let present = present(tx.conn, group, &unwanted)?;
    let (keys, going): (Vec<&str>, Vec<&MemberCandidate>) = unwanted
        .iter()
        .filter_map(|member| Some((present.get(&member.id).filter(|row| !row.held)?.id.as_str(), member)))
        .unzip();
    for some in keys.chunks(CHUNK) {
        diesel::delete(group_members::table.filter(group_members::id.eq_any(some))).execute(tx.conn)?;
    }
    moved.removed.note(tx.conn, &going)
}

/// Makes those with these SCIM ids the only members. What it costs grows with those who come and go, but for one look at
/// the ids of those who are there.
pub(super) fn replace(tx: &mut Tx, group: &Group, ids: &[String], moved: &mut Moved) -> Result<()> {
    let (coming, leaving) = difference(tx.conn, group, ids)?;
    // First those who come: a group that changes all its members is not emptied.
    add(tx, group, &coming, moved)?;
    remove(tx, group, &leaving, moved)
}

/// Who comes and who goes if those with these SCIM ids are to be the only members.
pub(super) fn difference(
    conn: &mut Conn,
    group: &Group,
    ids: &[String],
) -> Result<(Vec<String>, Vec<String>)> {
    let present = scim_ids(conn, group)?;
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let there: HashSet<&str> = present.iter().map(String::as_str).collect();
    let coming = ids.iter().filter(|id| !there.contains(id.as_str())).cloned().collect();
    let leaving = present.iter().filter(|id| !wanted.contains(id.as_str())).cloned().collect();
    Ok((coming, leaving))
}

/// Those of these SCIM ids whom Entra ID knows as members.
pub(super) fn scim_ids_among(conn: &mut Conn, group: &Group, ids: &[String]) -> Result<HashSet<String>> {
    Ok(rows_among(conn, group, ids)?.into_iter().map(|(member, _)| member.scim_id).collect())
}

/// The members of these SCIM ids, as Entra ID knows them.
pub(super) fn among(conn: &mut Conn, group: &Group, ids: &[String]) -> Result<Vec<Member>> {
    let rows = rows_among(conn, group, ids)?.into_iter().map(|(_, row)| row).collect();
    named(conn, rows)
}

fn rows_among(
    conn: &mut Conn,
    group: &Group,
    ids: &[String],
) -> Result<Vec<(MemberCandidate, MembershipRow)>> {
    let mut found = resolve(conn, ids)?;
    found.retain(|member| !member.held);
    let mut present = present(conn, group, &found)?;
    let rows = found.into_iter().filter_map(|member| {
        let row = present.remove(&member.id).filter(|row| !row.held)?;
        Some((member, row))
    });
    Ok(rows.collect())
}

/// The SCIM ids of those whom Entra ID knows as members.
fn scim_ids(conn: &mut Conn, group: &Group) -> Result<Vec<String>> {
    let mine = group_members::table
        .filter(group_members::group_id.eq(&group.id))
        .filter(group_members::held.eq(false))
        .order(group_members::id);
    let people = mine.inner_join(users::table).filter(users::seen.gt(0)).select(users::scim_id);
    let mut ids: Vec<String> = people.load(conn)?;
    let subgroups = user_groups::id.nullable().eq(group_members::subgroup_id);
    let subgroups = mine.inner_join(user_groups::table.on(subgroups)).select(user_groups::scim_id);
    ids.extend(subgroups.load::<String>(conn)?);
    Ok(ids)
}

/// The names of these, in their order.
fn names(conn: &mut Conn, of: &[&MemberCandidate]) -> Result<Vec<String>> {
    let (user_ids, group_ids) = by_kind(of.iter().copied());
    let people = users::table.filter(users::id.eq_any(user_ids));
    let people: Vec<(UserId, Profile)> = people.select((users::id, Profile::as_select())).load(conn)?;
    let groups = user_groups::table.filter(user_groups::id.eq_any(group_ids));
    let groups: Vec<(GroupId, String)> = groups.select((user_groups::id, user_groups::name)).load(conn)?;
    let people = people.into_iter().map(|(id, profile)| (MemberId::User(id), profile.name()));
    let groups = groups.into_iter().map(|(id, name)| (MemberId::Group(id), name));
    let mut names: HashMap<MemberId, String> = people.chain(groups).collect();
    Ok(of.iter().filter_map(|one| names.remove(&one.id)).collect())
}

/// The keys of the users among them, and of the groups.
fn by_kind<'a>(
    members: impl IntoIterator<Item = &'a MemberCandidate>,
) -> (Vec<&'a UserId>, Vec<&'a GroupId>) {
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for member in members {
        match &member.id {
            MemberId::User(id) => users.push(id),
            MemberId::Group(id) => groups.push(id),
        }
    }
    (users, groups)
}

fn resolve(conn: &mut Conn, ids: &[String]) -> Result<Vec<MemberCandidate>> {
    let mut seen = HashSet::new();
    let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| seen.insert(*id)).collect();
    let mut found: HashMap<String, MemberCandidate> = HashMap::with_capacity(ids.len());
    for some in ids.chunks(CHUNK) {
        let mine = users::table
            .filter(users::scim_id.eq_any(some))
            .filter(users::seen.gt(0).or(users::held.eq(Held::Delete).assume_not_null()));
        let people: Vec<(UserId, String, Option<Held>)> =
            mine.select((users::id, users::scim_id, users::held)).load(conn)?;
        found.extend(people.into_iter().map(|(id, scim_id, held)| {
            let held = held == Some(Held::Delete);
            (scim_id.clone(), MemberCandidate { id: MemberId::User(id), scim_id, held })
        }));
        let others: Vec<&str> = some.iter().copied().filter(|id| !found.contains_key(*id)).collect();
        if others.is_empty() {
            continue;
        }
        let mine = user_groups::table
            .filter(user_groups::scim_id.eq_any(others))
            .filter(user_groups::linked.eq(true));
        let groups: Vec<(GroupId, String)> =
            mine.select((user_groups::id, user_groups::scim_id)).load(conn)?;
        found.extend(groups.into_iter().map(|(id, scim_id)| {
            (scim_id.clone(), MemberCandidate { id: MemberId::Group(id), scim_id, held: false })
        }));
    }
    // As they were named, not as they were found.
    Ok(ids.into_iter().filter_map(|id| found.remove(id)).collect())
}

/// The rows of those of the members who are in the group, by the member's key.
fn present(
    conn: &mut Conn,
    group: &Group,
    members: &[MemberCandidate],
) -> Result<HashMap<MemberId, MembershipRow>> {
    let mut present = HashMap::new();
    for some in members.chunks(CHUNK) {
        let (user_ids, group_ids) = by_kind(some);
        let mine = group_members::table.filter(group_members::group_id.eq(&group.id));
        let mut rows: Vec<MembershipRow> = Vec::new();
        if !user_ids.is_empty() {
            let people = mine.filter(group_members::user_id.eq_any(user_ids));
            rows.extend(people.select(MembershipRow::as_select()).load(conn)?);
        }
        if !group_ids.is_empty() {
            let groups = mine.filter(group_members::subgroup_id.eq_any(group_ids));
            rows.extend(groups.select(MembershipRow::as_select()).load(conn)?);
        }
        present.extend(rows.into_iter().filter_map(|row| Some((row.member()?, row))));
    }
    Ok(present)
}
