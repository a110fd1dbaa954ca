//! Entra ID's "Download users" file: <https://learn.microsoft.com/entra/identity/users/users-bulk-download>.

use crate::domain::spreadsheets::{self, Table, key, refused};
use crate::error::Result;
use csv::StringRecord;
use std::collections::HashSet;

/// The most bytes of a file: 100,000 users with all thirty columns.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;
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

/// The users in a file, each name once, and what the administrator should know about the reading.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Theirs>, Vec<String>)> {
    if bytes.len() > MOST_BYTES {
        return Err(refused(
            "The file is larger than 32 MB. Leave out columns, or download fewer users at once.",
        ));
    }
    let Table { header, rows, mut remarks } = spreadsheets::table(bytes, MOST_ROWS)?;
    let column = |names: &[&str]| header.iter().position(|cell| names.contains(&key(cell).as_str()));
    let Some(name) = column(&["userprincipalname", "upn", "username"]) else {
        let shown: Vec<&str> = header.iter().map(str::trim).take(MOST_SHOWN).collect();
        return Err(refused(format!(
            "The column userPrincipalName is missing. The columns that were found are: {}. In Entra ID, choose Users, \
             then Download users, and upload that file.",
            shown.join(", ")
        )));
    };
    let (id, display, mail) =
        (column(&["id", "objectid"]), column(&["displayname", "name"]), column(&["mail", "email"]));
    let (kind, enabled) = (column(&["usertype"]), column(&["accountenabled"]));
    let mut seen = HashSet::new();
    let (mut users, mut empty, mut twice) = (Vec::new(), 0, 0);
    for row in &rows {
        let user = Theirs {
            name: cell(row, Some(name)).unwrap_or_default(),
            object_id: cell(row, id),
            display_name: cell(row, display).unwrap_or_default(),
            mail: cell(row, mail),
            is_guest: cell(row, kind).is_some_and(|text| text.eq_ignore_ascii_case("guest")),
            is_disabled: cell(row, enabled).is_some_and(|text| text.eq_ignore_ascii_case("false")),
        };
        match user.name.as_str() {
            "" => empty += 1,
            name if !seen.insert(crate::domain::fold(name)) => twice += 1,
            _ => users.push(user),
        }
    }
    if empty > 0 {
        remarks.push(format!("{empty} rows without a user name were left out."));
    }
    if twice > 0 {
        remarks.push(format!("{twice} rows repeat a user name and were left out."));
    }
    if users.is_empty() {
        return Err(refused("The file has a header but no users."));
    }
    Ok((users, remarks))
}

fn cell(row: &StringRecord, at: Option<usize>) -> Option<String> {
    let text: String = row.get(at?)?.trim().chars().take(LONGEST).collect();
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
        assert_eq!(remarks, ["1 rows repeat a user name and were left out."]);
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
