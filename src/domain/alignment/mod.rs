//! User names here and in Entra ID, brought together before provisioning is switched on.
//!
//! | file        | what it holds                                                     |
//! |-------------|-------------------------------------------------------------------|
//! | this        | a comparison and its rows, and how they are found                 |
//! | `read`      | Entra ID's "Download users" file                                  |
//! | `compare`   | who is the same, and who is probably meant                        |
//! | `rename`    | accepting a proposal, all of them, and taking them back           |
//! | `outlook`   | what will become of each account                                  |

use super::audit::{self, Subject};
use super::condition::Sql;
use super::page::{At, Page};
use super::text_enum::text_enum;
use super::users::by_entra::Scope;
use super::users::{self, EntraState, Profile};
use super::{Noted, Role, Tx, spreadsheets};
use crate::db::Conn;
use crate::db::schema::{alignment_rows, alignments, user_emails, users as users_table};
use crate::error::{Error, Result};
use crate::keys::UserId;
use chrono::NaiveDateTime;
use compare::Ours;
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use std::collections::HashMap;

mod bites;
mod compare;
mod findings;
mod outlook;
mod read;
mod rename;

pub(super) use bites::forget_some;
pub use bites::{begin_keeping, discard, is_untidy, keep_rest, keep_some, tidy};
pub use outlook::outlook;
pub use read::MOST_BYTES;
pub(super) use rename::rename_some;
pub use rename::{
    Outcome, accept, accept_all, begin_accepting, begin_undoing, count_accepted, outcome, undo, undo_all,
    waiting_since,
};

text_enum! {
    /// How a row came about.
    pub enum Kind {
        /// Same, to the letter.
        Same = "same",
        /// The same but for capitals.
        Case = "case",
        /// The same but for capitals beyond a to z, which sign-in tells apart.
        Letters = "letters",
        /// The same e-mail address.
        Email = "email",
        /// The same before the @, another domain.
        Domain = "domain",
        /// A letter or two apart.
        Edit = "edit",
        /// The same name as people say it.
        Name = "name",
        /// More than one might be meant.
        Ambiguous = "ambiguous",
        /// Only here.
        OnlyHere = "only_here",
        /// Only in Entra ID.
        OnlyInEntra = "only_in_entra",
    }
}

text_enum! {
    /// What was done about a row.
    pub enum State {
        /// Nothing yet.
        Open = "open",
        /// The user was renamed.
        Accepted = "accepted",
        /// The user was renamed, and got the old name back.
        Undone = "undone",
        /// It can no longer be done: the note says why.
        Stale = "stale",
    }
}

text_enum! {
    /// How the account stood when the lists were compared.
    pub enum AccountStanding {
        /// Under local management.
        Free = "free",
        /// Entra ID owns it already.
        Linked = "linked",
        /// An owner whom Entra ID neither sees nor touches.
        Protected = "protected",
        /// There is none.
        Nobody = "nobody",
    }
}

impl Kind {
    /// In plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "Match",
            Self::Case => "Differ in capitals only",
            Self::Letters => "Capitals that sign-in tells apart",
            Self::Email => "Same e-mail address",
            Self::Domain => "Same name, other domain",
            Self::Edit => "A letter or two apart",
            Self::Name => "Same person's name",
            Self::Ambiguous => "More than one may be meant",
            Self::OnlyHere => "Only here",
            Self::OnlyInEntra => "Only in Entra ID",
        }
    }

    /// Whether a rename is proposed.
    #[must_use]
    pub fn proposes(self) -> bool {
        matches!(self, Self::Case | Self::Letters | Self::Email | Self::Domain | Self::Edit | Self::Name)
    }
}

/// A comparison.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = alignments)]
pub struct Alignment {
    /// Its key.
    pub id: String,
    /// The file's name.
    pub file_name: String,
    remarks: String,
    /// How many users the file has.
    pub row_count: i32,
    /// Who uploaded it.
    pub created_by: String,
    /// When, in UTC.
    pub created_at: NaiveDateTime,
    /// Whether all its rows are there: it is not seen before, nor once they go.
    complete: bool,
}

impl Alignment {
    fn subject(&self) -> Subject<'_> {
        Subject { kind: audit::Kind::Comparison, id: &self.id, name: &self.file_name }
    }

    /// What the administrator should know about the reading.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let damaged = |_| vec![format!("What there is to know about the reading {}.", audit::DAMAGED)];
        serde_json::from_str(&self.remarks).unwrap_or_else(damaged)
    }
}

/// One user, here or in Entra ID or both.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = alignment_rows, treat_none_as_default_value = false)]
pub struct AlignmentRow {
    alignment_id: String,
    /// Its place in the comparison.
    pub number: i32,
    /// How it came about.
    pub kind: Kind,
    /// The account, if there is one.
    pub user_id: Option<UserId>,
    /// The account's user name then.
    pub user_name: Option<String>,
    /// How the account stood then.
    pub standing: AccountStanding,
    /// The name in Entra ID, if there is one.
    pub entra_name: Option<String>,
    entra_id: Option<String>,
    /// The person's name.
    pub name: String,
    /// Why they belong together, or might.
    pub reason: String,
    /// What deserves a thought.
    pub warning: Option<String>,
    /// What was done about it.
    pub state: State,
    /// Why it can no longer be done.
    pub note: Option<String>,
}

impl AlignmentRow {
    /// Whether the user can be renamed now, as far as the row knows.
    #[must_use]
    pub fn is_open_proposal(&self) -> bool {
        self.kind.proposes() && self.state == State::Open && self.standing == AccountStanding::Free
    }
}

/// What comparing came to, on its way into the store.
pub struct Compared {
    rows: Vec<AlignmentRow>,
    row_count: i32,
    remarks: Vec<String>,
}

/// Compares the users in a file with ours. Nothing changes.
pub fn compare(conn: &mut Conn, file: &[u8]) -> Result<Compared> {
    let (theirs, remarks) = read::read(file)?;
    let (accounts, ours) = everybody(conn)?;
    let found = compare::compare(&ours, &theirs);
    let row_count = i32::try_from(theirs.len()).map_err(Error::internal)?;
    let mut rows = findings::rows(&accounts, &theirs, &found);
    point_out_look_alikes(conn, &mut rows)?;
    Ok(Compared { rows, row_count, remarks })
}

/// How many names that look alike are told of one proposal.
const MOST_NAMED: usize = 3;

/// Says where a proposed name looks like that of another account.
fn point_out_look_alikes(conn: &mut Conn, rows: &mut [AlignmentRow]) -> Result<()> {
    let mut proposals: Vec<&mut AlignmentRow> = rows.iter_mut().filter(|row| row.kind.proposes()).collect();
    let names: Vec<String> = proposals.iter().filter_map(|row| row.entra_name.clone()).collect();
    let found = users::all_looking_like(conn, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for row in &mut proposals {
        let Some(name) = row.entra_name.as_deref() else { continue };
        let others = found.others(name, row.user_id.as_ref()).into_iter().take(MOST_NAMED);
        let others: Vec<String> = others
            .map(|other| format!("“{}”, which is that of {}", other.profile.user_name, other.name()))
            .collect();
        if others.is_empty() {
            continue;
        }
        let text = format!("The name looks like {}: look twice.", others.join(", and like "));
        row.warning = Some(row.warning.take().map_or(text.clone(), |before| format!("{before} {text}")));
    }
    Ok(())
}

/// Keeps a comparison, in one go.
pub fn keep(tx: &mut Tx, file_name: &str, mut compared: Compared) -> Result<Noted<Alignment>> {
    let bites = compared.take_bites();
    let alignment = begin_keeping(tx, file_name, &compared)?;
    for rows in bites {
        keep_some(tx, &alignment.id, rows)?;
    }
    keep_rest(tx, &alignment.id)
}

/// What comparing asks of an account. A whole one is many times as large, and there may be hundreds of thousands.
struct Account {
    id: UserId,
    user_name: String,
    name: String,
    standing: AccountStanding,
}

/// The columns of it.
type AccountRow = (UserId, String, Option<String>, Option<String>, Option<String>, EntraState, Role, bool);

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        let (id, user_name, display_name, given_name, family_name, entra_state, role, handed_over) = row;
        let profile = Profile { display_name, given_name, family_name, ..Profile::named(&user_name) };
        let standing = findings::standing(users::is_protected(role, handed_over), entra_state);
        Self { id, user_name, name: profile.name(), standing }
    }
}

/// Everybody here but those whom Entra ID deleted.
fn everybody(conn: &mut Conn) -> Result<(Vec<Account>, Vec<Ours>)> {
    let rows = users_table::table
        .filter(users_table::entra_state.ne(EntraState::Deleted))
        .order((users_table::sort_name, users_table::id))
        .select((
            users_table::id,
            users_table::user_name,
            users_table::display_name,
            users_table::given_name,
            users_table::family_name,
            users_table::entra_state,
            users_table::role,
            users_table::handed_over,
        ))
        .load_iter::<AccountRow, DefaultLoadingMode>(conn)?;
    let accounts = rows.map(|row| Ok(Account::from(row?))).collect::<Result<Vec<_>>>()?;
    let mut emails: HashMap<UserId, Vec<String>> = HashMap::new();
    let addresses = user_emails::table.select((user_emails::user_id, user_emails::value));
    for (user, email) in addresses.load::<(UserId, String)>(conn)? {
        emails.entry(user).or_default().push(email);
    }
    let ours = accounts
        .iter()
        .map(|user| Ours {
            user_name: user.user_name.clone(),
            name: user.name.clone(),
            emails: emails.remove(&user.id).unwrap_or_default(),
        })
        .collect();
    Ok((accounts, ours))
}

/// The comparison with this key.
pub fn find(conn: &mut Conn, id: &str) -> Result<Alignment> {
    let mine = alignments::table.find(id).filter(alignments::complete.eq(true));
    let found = mine.select(Alignment::as_select()).first(conn).optional()?;
    found.ok_or(Error::NotFound("comparison"))
}

/// The latest comparisons.
pub fn recent(conn: &mut Conn, most: i64) -> Result<Vec<Alignment>> {
    let latest =
        alignments::table.filter(alignments::complete.eq(true)).order(alignments::id.desc()).limit(most);
    Ok(latest.select(Alignment::as_select()).load(conn)?)
}

/// How many rows of a kind a comparison has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The kind.
    pub kind: Kind,
    /// All of them.
    pub all: i64,
    /// Proposals that nobody has decided on.
    pub open: i64,
    /// Proposals that were accepted and not taken back.
    pub accepted: i64,
}

/// How many rows of each kind there are, and what became of them.
pub fn counts(conn: &mut Conn, id: &str) -> Result<Vec<Count>> {
    let mine = alignment_rows::table.filter(alignment_rows::alignment_id.eq(id));
    let count = diesel::dsl::count_star();
    let all: Vec<(Kind, State, AccountStanding, i64)> = mine
        .group_by((alignment_rows::kind, alignment_rows::state, alignment_rows::standing))
        .select((alignment_rows::kind, alignment_rows::state, alignment_rows::standing, count))
        .load(conn)?;
    let of = |kind: Kind| {
        let mut counted = Count { kind, all: 0, open: 0, accepted: 0 };
        for (_, state, standing, count) in all.iter().filter(|(other, ..)| *other == kind) {
            counted.all += count;
            match (state, standing) {
                (State::Open, AccountStanding::Free) if kind.proposes() => counted.open += count,
                (State::Accepted, _) => counted.accepted += count,
                _ => {}
            }
        }
        counted
    };
    Ok(Kind::ALL.iter().map(|kind| of(*kind)).collect())
}

/// The rows, of one kind or of all, by number.
pub fn rows(
    conn: &mut Conn,
    id: &str,
    kind: Option<Kind>,
    at: &At,
    size: usize,
) -> Result<Page<AlignmentRow>> {
    let mut query = alignment_rows::table
        .filter(alignment_rows::alignment_id.eq(id))
        .select(AlignmentRow::as_select())
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(alignment_rows::kind.eq(kind));
    }
    let number = |mark: &String| mark.parse::<i32>().unwrap_or_default();
    query = match at {
        At::Start => query.order(alignment_rows::number.asc()),
        At::After(mark) => {
            query.filter(alignment_rows::number.gt(number(mark))).order(alignment_rows::number.asc())
        }
        At::Before(mark) => {
            query.filter(alignment_rows::number.lt(number(mark))).order(alignment_rows::number.desc())
        }
    };
    let found = query.limit(i64::try_from(size + 1).map_err(Error::internal)?).load(conn)?;
    Ok(Page::new(found, at, size, |row: &AlignmentRow| row.number.to_string()))
}

/// The proposals of these kinds that nobody has decided on: so many of those after this number.
pub fn proposals(
    conn: &mut Conn,
    id: &str,
    kinds: &[Kind],
    after: i32,
    most: i64,
) -> Result<Vec<AlignmentRow>> {
    let mut found: Vec<AlignmentRow> = Vec::new();
    // Kind by kind, as the index has them: of several at once the database would gather all, to sort them.
    for kind in proposing(kinds) {
        let rows = alignment_rows::table
            .filter(alignment_rows::alignment_id.eq(id))
            .filter(proposed(&[kind]))
            .filter(alignment_rows::number.gt(after))
            .order(alignment_rows::number)
            .limit(most);
        found.extend(rows.select(AlignmentRow::as_select()).load(conn)?);
    }
    found.sort_unstable_by_key(|row| row.number);
    found.truncate(usize::try_from(most).map_err(Error::internal)?);
    Ok(found)
}

/// How many proposals of these kinds nobody has decided on.
pub fn count_proposals(conn: &mut Conn, id: &str, kinds: &[Kind]) -> Result<i64> {
    let mine = alignment_rows::table.filter(alignment_rows::alignment_id.eq(id)).filter(proposed(kinds));
    Ok(mine.count().get_result(conn)?)
}

/// Those of these kinds that propose a name, each once.
fn proposing(kinds: &[Kind]) -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.proposes() && kinds.contains(kind)).collect()
}

fn proposed(kinds: &[Kind]) -> Sql<alignment_rows::table> {
    Box::new(
        alignment_rows::kind
            .eq_any(proposing(kinds))
            .and(alignment_rows::state.eq(State::Open))
            .and(alignment_rows::standing.eq(AccountStanding::Free)),
    )
}

/// The rows of a comparison as a file that spreadsheets open, part by part: there may be hundreds of thousands.
#[derive(Clone, Debug)]
pub struct Export {
    id: String,
    scope: Scope,
    after: i32,
}

/// So many rows are read for a part of the file.
const EXPORTED_AT_ONCE: i64 = 1_000;

/// Begins a file with all rows: its head, and what the rest is read by.
pub fn begin_export(conn: &mut Conn, id: &str) -> Result<(Vec<u8>, Export)> {
    find(conn, id)?;
    let scope = super::identity::switch::read(conn)?.scope;
    let header = ["userName", "userPrincipalName", "name", "finding", "reason", "state", "whatWillHappen"];
    let head = spreadsheets::file([Ok(header.map(str::to_owned))])?;
    Ok((head, Export { id: id.to_owned(), scope, after: 0 }))
}

impl Export {
    /// The next rows; nothing once all were read.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the comparison was discarded meanwhile: what was sent is not the whole then.
    pub fn next(&mut self, conn: &mut Conn) -> Result<Option<Vec<u8>>> {
        find(conn, &self.id)?;
        let rows: Vec<AlignmentRow> = alignment_rows::table
            .filter(alignment_rows::alignment_id.eq(&self.id))
            .filter(alignment_rows::number.gt(self.after))
            .order(alignment_rows::number)
            .limit(EXPORTED_AT_ONCE)
            .select(AlignmentRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.number;
        let scope = self.scope;
        spreadsheets::rows(rows.into_iter().map(|row| Ok(cells(row, scope)))).map(Some)
    }
}

fn cells(row: AlignmentRow, scope: Scope) -> [String; 7] {
    let will_happen = outlook(&row, scope).to_owned();
    let (ours, entras) = (row.user_name.unwrap_or_default(), row.entra_name.unwrap_or_default());
    let (finding, state) = (row.kind.words().to_owned(), row.state.as_str().to_owned());
    [ours, entras, row.name, finding, row.reason, state, will_happen]
}
