//! By what an account is recognised, as an owner is shown it and decides on it.

use crate::db::Conn;
use crate::domain::audit::{self, Event};
use crate::domain::page::At;
use crate::domain::users::User;
use crate::domain::users::recognition::{Decision, Shown};
use crate::error::Result;
use serde::Deserialize;

/// How far back to look for who wrote something.
const LOOKED_AT: usize = 200;

/// One thing by which an account is recognised.
pub(super) struct Part {
    /// What it is, as the log calls it.
    pub(super) what: &'static str,
    /// Its field: `federated_id`.
    pub(super) field: &'static str,
    pub(super) value: String,
    /// Who wrote it, as far as the log tells.
    pub(super) writer: String,
    /// Whether an owner stands behind it.
    pub(super) counts: bool,
    /// Whether it can be cleared: everybody has a user name.
    pub(super) clearable: bool,
}

/// By what an account is recognised, part by part.
pub(super) struct Recognised {
    pub(super) parts: Vec<Part>,
}

impl Recognised {
    pub(super) fn of(conn: &mut Conn, user: &User) -> Result<Self> {
        let mine = audit::Filter { subject: Some(user.id.clone()), ..audit::Filter::default() };
        let events = audit::list(conn, &mine, &At::Start, LOOKED_AT)?.items;
        let part = |what, field, value: Option<String>, counts| {
            let writer = writer(&events, what);
            Some(Part { what, field, value: value?, writer, counts, clearable: field != "user_name" })
        };
        let Shown { user_name, federated_id, object_id } = user.recognised_by();
        let parts = [
            part("user name", "user_name", Some(user_name), user.user_name_counts()),
            part("federated id", "federated_id", federated_id, user.federated_id_counts()),
            part("Entra object id", "object_id", object_id, user.object_id_counts()),
        ];
        Ok(Self { parts: parts.into_iter().flatten().collect() })
    }

    /// Whether something waits for an owner.
    pub(super) fn waits(&self) -> bool {
        self.parts.iter().any(|part| !part.counts)
    }
}

/// Who last wrote it: newest events come first.
fn writer(events: &[Event], what: &str) -> String {
    let wrote = events.iter().find(|event| event.changes().iter().any(|change| change.attribute == what));
    let made = events.iter().find(|event| what == "user name" && event.action == audit::Action::UserCreated);
    wrote.or(made).map_or_else(|| "not in the log".to_owned(), |event| event.actor_name.clone())
}

/// What an owner decided, as a form sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Decided {
    was_user_name: Option<String>,
    was_federated_id: String,
    was_object_id: String,
    keep_federated_id: String,
    keep_object_id: String,
}

impl Decided {
    pub(super) fn decision(&self) -> Decision {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Decision {
            shown: self.was_user_name.clone().map(|user_name| Shown {
                user_name,
                federated_id: some(&self.was_federated_id),
                object_id: some(&self.was_object_id),
            }),
            keep_federated_id: !self.keep_federated_id.is_empty(),
            keep_object_id: !self.keep_object_id.is_empty(),
        }
    }
}
