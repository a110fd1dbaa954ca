//! What Entra ID owns once an account is linked, and how two states of it differ.

use super::name_of_scim_id;
use crate::db::Conn;
use crate::db::schema::{user_emails, users};
use crate::domain::audit::Change;
use crate::domain::names;
use crate::error::{Complaint, Error, Result};
use diesel::prelude::*;
use serde_json::{Map, Value};

const LONGEST_USER_NAME: usize = 256;
const LONGEST_VALUE: usize = 1024;

/// The attributes that the identity provider owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub struct Profile {
    /// Unique in the organisation, ignoring case.
    pub user_name: String,
    /// A string that Entra ID owns; it never takes part in choosing an account, a session or a role.
    pub external_id: Option<String>,
    /// The full name to show.
    pub display_name: Option<String>,
    /// The first name.
    pub given_name: Option<String>,
    /// The last name.
    pub family_name: Option<String>,
    /// The job title.
    pub title: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// The manager, by the id that SCIM knows.
    pub manager: Option<String>,
    /// The contact number at work.
    pub work_phone: Option<String>,
    /// The contact number of the mobile.
    pub mobile_phone: Option<String>,
    /// How to write dates and numbers: `en-GB`.
    pub locale: Option<String>,
    /// The time zone's name: `Europe/Amsterdam`.
    pub time_zone: Option<String>,
    /// The preferred language: `nl`.
    pub language: Option<String>,
    /// The remaining attributes, as a JSON object that only SCIM reads.
    pub more: String,
}

/// An e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = user_emails)]
pub struct Email {
    /// The address.
    pub value: String,
    /// `work`, `home` or another word.
    pub kind: Option<String>,
    /// Whether it is the one to use.
    #[diesel(column_name = is_primary)]
    pub primary: Option<bool>,
    /// A name to show for it.
    pub display: Option<String>,
}

impl Profile {
    /// A profile with nothing but a user name.
    #[must_use]
    pub fn named(user_name: &str) -> Self {
        Self { user_name: user_name.to_owned(), more: "{}".to_owned(), ..Self::default() }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> String {
        let parts = [&self.given_name, &self.family_name];
        let full = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let candidates = [self.display_name.as_deref().unwrap_or_default(), &full, &self.user_name];
        candidates.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_default().to_owned()
    }

    /// Refuses what can't be kept.
    pub fn check(&self) -> Result<()> {
        let complaints = self.complaints();
        if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
    }

    /// As [`Profile::check`], short of what stood there before: an old value never keeps a change of another out.
    pub fn check_over(&self, before: &Self) -> Result<()> {
        let mut complaints = self.complaints();
        for ((field, _, now), (_, _, before)) in self.fields().into_iter().zip(before.fields()) {
            if now == before {
                complaints.retain(|complaint| complaint.field != field);
            }
        }
        if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
    }

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let name = self.user_name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_USER_NAME {
            let message = format!("Enter a user name of 1 to {LONGEST_USER_NAME} characters.");
            complaints.push(Complaint { field: "user_name", message });
        }
        for (field, label, value) in self.fields() {
            if value.is_some_and(|text| text.chars().count() > LONGEST_VALUE) {
                let message = format!("The {label} may have up to {LONGEST_VALUE} characters.");
                complaints.push(Complaint { field, message });
            }
        }
        complaints
    }

    /// Refuses characters that cannot be seen, in what is new.
    pub(super) fn check_characters(&self, before: Option<&Self>) -> Result<()> {
        let mut complaints = Vec::new();
        if before.is_none_or(|before| before.user_name != self.user_name) {
            complaints.extend(names::user_name_complaint(&self.user_name));
        }
        let were: Vec<Option<&str>> =
            before.map_or_else(Vec::new, |before| before.names().map(|name| name.2).collect());
        for (at, (field, label, name)) in self.names().enumerate() {
            let was = were.get(at).copied().flatten();
            complaints
                .extend(name.filter(|_| name != was).and_then(|name| names::complaint(field, label, name)));
        }
        if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid(complaints)) }
    }

    /// Refuses a new user name with characters that cannot be seen, and takes them out of the other names; answers what
    /// to tell of that.
    pub(super) fn without_hidden(&mut self, before: Option<(&str, &Self)>) -> Result<Vec<String>> {
        if before.is_none_or(|(user_name, _)| user_name != self.user_name)
            && let Some(complaint) = names::user_name_complaint(&self.user_name)
        {
            return Err(Error::Invalid(vec![Complaint { field: "userName", ..complaint }]));
        }
        let before_it: Vec<Option<String>> = before.map_or_else(Vec::new, |(_, before)| {
            before.names().map(|name| name.2.map(str::to_owned)).collect()
        });
        let names = [
            ("display name", &mut self.display_name),
            ("first name", &mut self.given_name),
            ("last name", &mut self.family_name),
            ("title", &mut self.title),
            ("department", &mut self.department),
            ("work contact number", &mut self.work_phone),
            ("mobile contact number", &mut self.mobile_phone),
            ("locale", &mut self.locale),
            ("time zone", &mut self.time_zone),
            ("language", &mut self.language),
        ];
        let is_new = |(at, (_, name)): &(usize, (&str, &mut Option<String>))| {
            before_it.get(*at).is_none_or(|before| before != &**name)
        };
        let new = names.into_iter().enumerate().filter(is_new);
        let told = new.filter_map(|(_, (label, name))| {
            let told = names::leave_out(label, name.as_mut()?);
            // Where nothing can be seen there is no name.
            name.take_if(|name| name.is_empty());
            told
        });
        let mut told: Vec<String> = told.collect();
        told.extend(self.more_without_hidden(before.map(|(_, before)| before.more.as_str()))?);
        Ok(told)
    }

    /// The same for what only SCIM knows, as far as it is new.
    fn more_without_hidden(&mut self, before: Option<&str>) -> Result<Vec<String>> {
        if before == Some(self.more.as_str()) {
            return Ok(Vec::new());
        }
        let mut more: Map<String, Value> = read_more(&self.more)?;
        let before = before.map(read_more).transpose()?.unwrap_or_default();
        let new = more.iter_mut().filter(|(name, value)| before.get(name.as_str()) != Some(&**value));
        let mut told = Vec::new();
        for (name, value) in new {
            leave_out_of_all(name, value, &mut told);
        }
        if !told.is_empty() {
            self.more = Value::Object(more).to_string();
        }
        Ok(told)
    }

    /// All that is text for people: the user name and what others name by have rules of their own.
    fn names(&self) -> impl Iterator<Item = (&'static str, &'static str, Option<&str>)> {
        const OTHERS: [&str; 3] = ["user_name", "external_id", "manager"];
        self.fields().into_iter().filter(|(field, ..)| !OTHERS.contains(field))
    }

    /// What `after` has that this has not, in plain words.
    pub fn changes(&self, after: &Self, conn: &mut Conn) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for ((field, label, before), (_, _, after)) in self.fields().into_iter().zip(after.fields()) {
            if before == after {
                continue;
            }
            let [before, after] = [before, after].map(|value| match (field, value) {
                ("manager", Some(id)) => name_of_scim_id(conn, id).map(Some),
                (_, value) => Ok(value.map(str::to_owned)),
            });
            changes.extend(Change::of(label, before?.as_deref(), after?.as_deref()));
        }
        changes.extend(self.further_changes(after)?);
        Ok(changes)
    }

    fn further_changes(&self, after: &Self) -> Result<Vec<Change>> {
        if self.more == after.more {
            return Ok(Vec::new());
        }
        let (before, after) = (read_more(&self.more)?, read_more(&after.more)?);
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        let changes = names.filter_map(|name| {
            let [before, after] = [&before, &after].map(|more| more.get(name).map(describe));
            Change::of(name, before.as_deref(), after.as_deref())
        });
        Ok(changes.collect())
    }

    fn fields(&self) -> [(&'static str, &'static str, Option<&str>); 13] {
        [
            ("user_name", "user name", Some(&self.user_name)),
            ("external_id", "external id", self.external_id.as_deref()),
            ("display_name", "display name", self.display_name.as_deref()),
            ("given_name", "first name", self.given_name.as_deref()),
            ("family_name", "last name", self.family_name.as_deref()),
            ("title", "title", self.title.as_deref()),
            ("department", "department", self.department.as_deref()),
            ("manager", "manager", self.manager.as_deref()),
            ("work_phone", "work contact number", self.work_phone.as_deref()),
            ("mobile_phone", "mobile contact number", self.mobile_phone.as_deref()),
            ("locale", "locale", self.locale.as_deref()),
            ("time_zone", "time zone", self.time_zone.as_deref()),
            ("language", "language", self.language.as_deref()),
        ]
    }
}

/// What changed between two lists of addresses, in plain words.
pub(super) fn email_changes(before: &[Email], after: &[Email]) -> Vec<Change> {
    let kinds = before.iter().chain(after).map(|email| email.kind.as_deref());
    let mut seen: Vec<Option<&str>> = Vec::new();
    for kind in kinds {
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    let changes = seen.into_iter().filter_map(|kind| {
        let [before, after] = [before, after].map(|emails| {
            let mine = emails.iter().filter(|email| email.kind.as_deref() == kind);
            mine.map(|email| email.value.as_str()).collect::<Vec<_>>().join(", ")
        });
        let label = kind.map_or_else(|| "e-mail".to_owned(), |kind| format!("{kind} e-mail"));
        Change::of(&label, Some(&before), Some(&after))
    });
    changes.collect()
}

/// Takes what cannot be seen out of addresses that are new; answers what to tell of that.
pub(super) fn emails_without_hidden(emails: &mut [Email], before: &[Email]) -> Vec<String> {
    let new = emails.iter_mut().filter(|email| !before.contains(email));
    let parts = new.flat_map(|email| {
        let display = email.display.as_mut().map(|display| ("name of an e-mail address", display));
        let kind = email.kind.as_mut().map(|kind| ("type of an e-mail address", kind));
        [Some(("e-mail address", &mut email.value)), display, kind].into_iter().flatten()
    });
    parts.filter_map(|(label, text)| names::leave_out(label, text)).collect()
}

fn read_more(more: &str) -> Result<Map<String, Value>> {
    let remedy = "Delete the user here by hand, so that Entra ID makes the user again, or put the last good backup in place.";
    serde_json::from_str(more)
        .map_err(|cause| Error::damaged("What only SCIM knows of this user", remedy, cause))
}

/// Takes what cannot be seen out of every text in a value. The ends of lines stay: an address has several.
fn leave_out_of_all(label: &str, value: &mut Value, told: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            let left_out = lines.iter_mut().filter_map(|line| names::leave_out(label, line));
            told.extend(left_out.collect::<Vec<_>>().into_iter().next());
            *text = lines.join("\n");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out_of_all(label, item, told)),
        Value::Object(parts) => parts.values_mut().for_each(|part| leave_out_of_all(label, part, told)),
        _ => {}
    }
}

/// A JSON value as a person would write it.
fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(describe).collect::<Vec<_>>().join("; "),
        Value::Object(parts) => {
            // Empty is what stands elsewhere: the first number of a kind has a column.
            let filled = parts.iter().filter(|(_, part)| part.as_str() != Some(""));
            filled.map(|(name, part)| format!("{name} {}", describe(part))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
