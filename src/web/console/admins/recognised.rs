//! By what an account is recognised, as an owner is shown it and decides on it.

use crate::db::Conn;
use crate::domain::Role;
use crate::domain::audit::{self, Action};
use crate::domain::retention;
use crate::domain::users::User;
use crate::domain::users::recognition::{Decision, Keep, RecognitionSnapshot};
use crate::error::Result;
use serde::Deserialize;

/// One thing by which an account is recognised.
pub(super) struct RecognitionField {
    /// What it is, as the log calls it.
    pub(super) what: &'static str,
    /// Its field: `federated_id`.
    pub(super) field: &'static str,
    pub(super) value: String,
    /// What an owner confirmed before, where another value stands there now.
    pub(super) before: Option<String>,
    /// Who wrote it, as far as the log tells.
    pub(super) writer: String,
    /// Whether it signs the account in.
    pub(super) counts: bool,
    /// Whether it stays unless the owner says otherwise: an owner stands behind it.
    pub(super) stays: bool,
    /// Whether it can be cleared: everybody has a user name.
    pub(super) clearable: bool,
}

/// By what an account is recognised, part by part.
pub(super) struct Recognised {
    pub(super) parts: Vec<RecognitionField>,
}

impl Recognised {
    pub(super) fn of(conn: &mut Conn, user: &User) -> Result<Self> {
        let RecognitionSnapshot { user_name, federated_id, object_id } = user.recognised_by();
        let (name_before, id_before) = user.last_confirmed();
        let parts = [
            ("user name", "user_name", Some(user_name), user.user_name_counts(), name_before),
            ("federated id", "federated_id", federated_id, user.federated_id_counts(), id_before),
            ("Entra object id", "object_id", object_id, user.object_id_counts(), None),
        ];
        let has_role = user.role != Role::None;
        let parts = parts.into_iter().filter_map(|(what, field, value, counts, before)| {
            let value = value?;
            let before = before.filter(|before| !counts && *before != value).map(str::to_owned);
            let clearable = field != "user_name";
            let (writer, stays) = (writer(conn, user, what), has_role && counts);
            Some(writer.map(|writer| RecognitionField {
                what,
                field,
                value,
                before,
                writer,
                counts,
                stays,
                clearable,
            }))
        });
        Ok(Self { parts: parts.collect::<Result<_>>()? })
    }

    /// Whether something waits for an owner.
    pub(super) fn waits(&self) -> bool {
        self.parts.iter().any(|part| !part.counts)
    }

    /// Whether another value than an owner confirmed stands somewhere.
    pub(super) fn differs(&self) -> bool {
        self.parts.iter().any(|part| part.before.is_some())
    }
}

/// Who last wrote it, or how it was found.
fn writer(conn: &mut Conn, user: &User, what: &str) -> Result<String> {
    if what == "Entra object id"
        && let Some((by, name)) = user.object_id_found_by.zip(user.object_id_found_as.as_ref())
    {
        return Ok(format!("Found at a sign-in as “{name}”, which was the {} then", by.words()));
    }
    let wrote = match audit::last_change(conn, user.id.as_str(), what)? {
        None if what == "user name" => audit::beginning(conn, user.id.as_str(), Action::UserCreated)?,
        wrote => wrote,
    };
    Ok(match wrote {
        Some(event) => event.actor_name,
        None => format!("not in the log, which is kept for {} days", retention::days(conn)?.audit),
    })
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
    /// Whether the page had its box ticked: then it was unticked on purpose.
    stays_federated_id: String,
    stays_object_id: String,
}

impl Decided {
    pub(super) fn decision(&self) -> Decision {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Decision {
            shown: self.was_user_name.clone().map(|user_name| RecognitionSnapshot {
                user_name,
                federated_id: some(&self.was_federated_id),
                object_id: some(&self.was_object_id),
            }),
            federated_id: keep(&self.keep_federated_id, &self.stays_federated_id),
            object_id: keep(&self.keep_object_id, &self.stays_object_id),
        }
    }
}

/// What a box says: `ticked` is what it sends, `stays` whether the page had ticked it already.
fn keep(ticked: &str, stays: &str) -> Keep {
    match (ticked.is_empty(), stays.is_empty()) {
        (false, _) => Keep::Yes,
        (true, false) => Keep::No,
        (true, true) => Keep::IfConfirmed,
    }
}
