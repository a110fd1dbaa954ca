//! Entra ID's "Download users" file: <https://learn.microsoft.com/entra/identity/users/users-bulk-download>.

use crate::domain::spreadsheets::{Records, Text, key, refused, unguarded};
use crate::error::Result;
use csv::StringRecord;
use std::collections::HashSet;

/// The most bytes of a file, in MiB: 100,000 users with all thirty columns.
const MOST_MIB: usize = 32;
/// The same in bytes.
pub const MOST_BYTES: usize = MOST_MIB * 1024 * 1024;
const MOST_ROWS: usize = 100_000;
const LONGEST: usize = 256;
const MOST_SHOWN: usize = 8;

/// A user as the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Theirs {
    pub(super) name: String,
    pub(super) object_id: Option<String>,
    pub(super) display_name: String,
    pub(super) mail: Option<String>,
    pub(super) is_guest: bool,
    pub(super) is_disabled: bool,
}

/// Where the columns stand.
struct Columns {
    name: usize,
    object_id: Option<usize>,
    display_name: Option<usize>,
    mail: Option<usize>,
    kind: Option<usize>,
    enabled: Option<usize>,
}

impl Columns {
    /// Finds them in the header, if it has the one that is needed. Of several names for one the first counts: a file of
    /// ours has both user names.
    fn find(header: &StringRecord) -> Option<Self> {
        let keys: Vec<String> = header.iter().map(key).collect();
        let column =
            |names: &[&str]| names.iter().find_map(|name| keys.iter().position(|found| found == name));
        Some(Self {
            name: column(&["userprincipalname", "upn", "username"])?,
            object_id: column(&["id", "objectid"]),
            display_name: column(&["displayname", "name"]),
            mail: column(&["mail", "email"]),
            kind: column(&["usertype"]),
            enabled: column(&["accountenabled"]),
        })
    }

    fn user(&self, row: &StringRecord) -> Theirs {
        let is =
            |at: Option<usize>, word: &str| cell(row, at).is_some_and(|text| text.eq_ignore_ascii_case(word));
        Theirs {
            name: cell(row, Some(self.name)).unwrap_or_default(),
            object_id: cell(row, self.object_id),
            display_name: cell(row, self.display_name).unwrap_or_default(),
            mail: cell(row, self.mail),
            is_guest: is(self.kind, "guest"),
            is_disabled: is(self.enabled, "false"),
        }
    }
}

/// The users in a file, each name once, and what the administrator should know about the reading.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Theirs>, Vec<String>)> {
    if bytes.len() > MOST_BYTES {
        return Err(refused(format!(
            "The file has {} bytes; the most is {MOST_BYTES} ({MOST_MIB} MiB). Leave out columns, or download fewer users \
             at once.",
            bytes.len()
        )));
    }
    let text = Text::read(bytes, |header| Columns::find(header).is_some())?;
    let mut records = text.records();
    let header = records.next().transpose()?.ok_or_else(|| refused("The file is empty."))?.cells;
    let Some(columns) = Columns::find(&header) else {
        let shown: Vec<String> =
            header.iter().take(MOST_SHOWN).map(|cell| cell.trim().chars().take(LONGEST).collect()).collect();
        return Err(refused(format!(
            "The column userPrincipalName is missing. The columns that were found are: {}. In Entra ID, choose Users, \
             then Download users, and upload that file.",
            shown.join(", ")
        )));
    };
    let mut remarks = text.remarks.clone();
    let users = users(&mut records, &columns, &mut remarks)?;
    if users.is_empty() {
        return Err(refused("The file has a header but no users."));
    }
    Ok((users, remarks))
}

fn users(records: &mut Records, columns: &Columns, remarks: &mut Vec<String>) -> Result<Vec<Theirs>> {
    let mut seen = HashSet::new();
    let (mut users, mut empty, mut twice, mut count, mut last) = (Vec::new(), 0, 0, 0, 1);
    for record in records.by_ref() {
        let record = record?;
        (count, last) = (count + 1, record.number);
        if count > MOST_ROWS {
            return Err(refused(format!("The file has more than {MOST_ROWS} rows, which is the most.")));
        }
        let user = columns.user(&record.cells);
        match user.name.as_str() {
            "" => empty += 1,
            name if !seen.insert(crate::domain::fold(name)) => twice += 1,
            _ => users.push(user),
        }
    }
    if records.is_open() {
        return Err(refused(format!(
            "A quotation mark is opened in row {last} and never closed, so the rest of the file was read as one cell. Close \
             the quotation mark, or remove it."
        )));
    }
    let rows = |count: usize| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    if empty > 0 {
        remarks.push(format!("{} without a user name left out.", rows(empty)));
    }
    if twice > 0 {
        remarks.push(format!("{} that repeated a user name left out.", rows(twice)));
    }
    Ok(users)
}

fn cell(row: &StringRecord, at: Option<usize>) -> Option<String> {
    let text: String = unguarded(row.get(at?)?.trim()).chars().take(LONGEST).collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order_and_spelling() {
        let file = "\u{feff}displayName;User Principal Name;accountEnabled;userType;id;mail\r\n\
                    Ana;ana@x.example;False;Guest;11;ana@y.example\r\n;;;;;\r\nAna again;ANA@x.example;;;;\r\n";
        let (users, remarks) = read(file.as_bytes()).unwrap();
        let ana = Theirs {
            name: "ana@x.example".into(),
            object_id: Some("11".into()),
            display_name: "Ana".into(),
            mail: Some("ana@y.example".into()),
            is_guest: true,
            is_disabled: true,
        };
        assert_eq!(users, [ana]);
        assert_eq!(remarks, ["1 row that repeated a user name left out."]);
    }

    #[test]
    fn it_is_read_as_the_licence_file_is() {
        let names = |file: &str| -> Vec<String> {
            read(file.as_bytes()).unwrap().0.into_iter().map(|user| user.name).collect()
        };
        assert_eq!(names("sep=;\r\nuserPrincipalName;displayName\r\nana@x;Ana\r\n"), ["ana@x"]);
        assert_eq!(
            names("userPrincipalName;a,b,c,d\nana@x;1,2\n"),
            ["ana@x"],
            "columns count for more than cells"
        );
        assert_eq!(names("userPrincipalName\n'+31@x\n'ana@x\n"), ["+31@x", "'ana@x"]);
        assert_eq!(names("userPrincipalName\nana@x\n\u{1A}"), ["ana@x"]);
        let ours = "userName,userPrincipalName,name\nana,ana@x,Ana\n";
        assert_eq!(names(ours), ["ana@x"], "Entra ID's names of a file of our own");
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_refuses_the_file_and_names_the_row() {
        let told = read(b"userPrincipalName,mail\nana@x,\n\nbo@x,\"b\ncy@x,c\n").unwrap_err().to_string();
        assert!(told.contains("opened in row 4 and never closed"), "{told}");
    }

    #[test]
    fn what_is_no_list_of_users_is_refused_with_the_reason() {
        let told = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(told(b"a,b\n1,2").contains("The columns that were found are: a, b."));
        assert!(told(b"").contains("empty"));
        assert!(told(b"userPrincipalName\n").contains("no users"));
        assert!(told(b"PK\x03\x04rest").contains("Excel workbook"));
    }
}
