//! An event as a sentence for the person who reads the log.

use super::{Event, Operation, Outcome, Report};
use crate::characters;
use crate::domain::audit::{self, Change};
use crate::domain::groups::by_entra::{MEMBERS_ADDED, MEMBERS_REMOVED};

impl Operation {
    /// The operation in plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Probe => "Connection test",
            Self::Find => "Look-up",
            Self::List => "List",
            Self::Get => "Read",
            Self::Create => "Create",
            Self::Change => "Change",
            Self::Replace => "Replace",
            Self::Delete => "Delete",
            Self::About => "Discovery",
            Self::FindGroup => "Look-up of a group",
            Self::ListGroups => "List of groups",
            Self::GetGroup => "Read of a group",
            Self::CreateGroup => "Create of a group",
            Self::ChangeGroup => "Change of a group",
            Self::ReplaceGroup => "Replace of a group",
            Self::DeleteGroup => "Delete of a group",
            Self::Search => "Search",
            Self::Bulk => "Bulk",
            Self::Other => "Other",
        }
    }
}

impl Report {
    /// Writes out what cannot be seen in all that is shown of the request: it would hide a name, or turn round our own
    /// words beside it.
    pub(super) fn show_hidden(&mut self) {
        let texts = [&mut self.subject, &mut self.error, &mut self.remedy, &mut self.request];
        for text in texts.into_iter().flatten() {
            *text = characters::shown_lines(text);
        }
        for change in &mut self.changes {
            change.attribute = characters::shown(&change.attribute);
            for value in [&mut change.before, &mut change.after].into_iter().flatten() {
                *value = characters::shown_lines(value);
            }
        }
    }
}

impl Event {
    /// What changed, attribute by attribute.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let damaged = |_| vec![Change::set("what changed", audit::DAMAGED)];
        serde_json::from_str(&self.changes).unwrap_or_else(damaged)
    }

    /// What Entra ID did, in a plain sentence; or who else it was.
    #[must_use]
    pub fn sentence(&self) -> String {
        let whom = self.subject.as_deref().unwrap_or("a user");
        let group =
            self.subject.as_ref().map_or_else(|| "a group".to_owned(), |name| format!("the group {name}"));
        let tried = matches!(self.outcome, Outcome::Failed | Outcome::Refused);
        if self.is_of_a_stranger() && self.operation == Operation::Other {
            return "A request without an accepted credential was refused.".to_owned();
        }
        let (did, wanted) = match self.operation {
            Operation::Probe => ("tested the connection".to_owned(), "test the connection".to_owned()),
            Operation::Find => (format!("looked for {whom}"), format!("look for {whom}")),
            Operation::List => ("listed users".to_owned(), "list users".to_owned()),
            Operation::Get => (format!("read {whom}"), format!("read {whom}")),
            Operation::Create => (format!("created {whom}"), format!("create {whom}")),
            Operation::Change => (self.changed(whom), format!("change {whom}")),
            Operation::Replace => (self.changed(whom), format!("replace {whom}")),
            Operation::Delete => (format!("deleted {whom}"), format!("delete {whom}")),
            Operation::About => {
                ("asked what this server can do".to_owned(), "ask what this server can do".to_owned())
            }
            Operation::FindGroup => (format!("looked for {group}"), format!("look for {group}")),
            Operation::ListGroups => ("listed groups".to_owned(), "list groups".to_owned()),
            Operation::GetGroup => (format!("read {group}"), format!("read {group}")),
            Operation::CreateGroup => (format!("created {group}"), format!("create {group}")),
            Operation::ChangeGroup => (self.changed(&group), format!("change {group}")),
            Operation::ReplaceGroup => (self.changed(&group), format!("replace {group}")),
            Operation::DeleteGroup => (format!("deleted {group}"), format!("delete {group}")),
            Operation::Search => {
                ("searched users and groups".to_owned(), "search users and groups".to_owned())
            }
            Operation::Bulk => {
                let many = self.subject.as_ref().map(|many| format!(": {many}")).unwrap_or_default();
                (format!("sent many operations at once{many}"), "send many operations at once".to_owned())
            }
            Operation::Other => ("asked for something".to_owned(), "ask for something".to_owned()),
        };
        let who = match &self.actor {
            Some(name) => name,
            // Whoever has no accepted credential may be anybody.
            None if self.is_of_a_stranger() => "Somebody",
            None => "Entra ID",
        };
        let own = if self.actor.is_some() { " (Rollcall’s own test)" } else { "" };
        if tried { format!("{who} tried to {wanted}{own}.") } else { format!("{who} {did}{own}.") }
    }

    fn is_of_a_stranger(&self) -> bool {
        self.actor.is_none() && self.token_id.is_none() && self.outcome == Outcome::Refused
    }

    fn changed(&self, whom: &str) -> String {
        let changes = self.changes();
        match changes.as_slice() {
            [] => format!("confirmed {whom}: nothing changed"),
            [one] => match (&one.before, &one.after) {
                (_, Some(names)) if one.attribute == MEMBERS_ADDED => format!("added {names} to {whom}"),
                (_, Some(names)) if one.attribute == MEMBERS_REMOVED => format!("took {names} out of {whom}"),
                (Some(before), Some(after)) => {
                    format!("changed the {} of {whom} from “{before}” to “{after}”", one.attribute)
                }
                (None, Some(after)) => format!("set the {} of {whom} to “{after}”", one.attribute),
                (Some(before), None) => {
                    format!("cleared the {} of {whom} (it was “{before}”)", one.attribute)
                }
                (None, None) => format!("changed the {} of {whom}", one.attribute),
            },
            several => {
                let names: Vec<&str> = several.iter().map(|change| change.attribute.as_str()).collect();
                format!("changed {} of {whom}", names.join(", "))
            }
        }
    }
}
