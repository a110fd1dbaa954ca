//! Whether Entra ID may provision, and what it may see.

use crate::db::Conn;
use crate::domain::audit::{Action, Change, Kind, Subject};
use crate::domain::settings::{self, names};
use crate::domain::text_enum::text_enum;
use crate::domain::users::by_entra::Scope;
use crate::domain::{Noted, Tx};
use crate::error::Result;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Whether SCIM requests are served.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum State {
        /// Never switched on.
        #[default]
        Off = "off",
        /// Served.
        On = "on",
        /// Switched off for a while; tokens are kept.
        Paused = "paused",
    }
}

text_enum! {
    /// What a SCIM client hears while provisioning is not on.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum PauseAnswer {
        /// 503 with Retry-After: Entra ID tries again, and quarantines the job after a while.
        #[default]
        Unavailable = "unavailable",
        /// 401: Entra ID takes the credentials for wrong and says so to its administrators.
        Unauthorized = "unauthorized",
    }
}

/// How provisioning is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Whether requests are served.
    pub state: State,
    /// What is answered while they are not.
    pub pause_answer: PauseAnswer,
    /// Which existing accounts may be linked.
    pub scope: Scope,
}

impl Scope {
    /// The scope in plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AllUsers => "all users",
            Self::OnlyCreatedByEntra => "only users created by Entra ID",
        }
    }
}

/// How provisioning is set up now.
pub fn read(conn: &mut Conn) -> Result<Switch> {
    Ok(settings::get(conn, names::PROVISIONING)?.unwrap_or_default())
}

/// Sets provisioning up in another way.
pub fn set(tx: &mut Tx, wish: Switch) -> Result<Noted<Switch>> {
    let before = read(tx.conn)?;
    // Once switched on it can be paused, not unmade.
    let state =
        if before.state != State::Off && wish.state == State::Off { State::Paused } else { wish.state };
    let after = Switch { state, ..wish };
    let changes: Vec<Change> = [
        Change::of("state", Some(before.state.as_str()), Some(after.state.as_str())),
        Change::of(
            "answer while paused",
            Some(before.pause_answer.as_str()),
            Some(after.pause_answer.as_str()),
        ),
        Change::of("users that may be linked", Some(before.scope.words()), Some(after.scope.words())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !changes.is_empty() {
        settings::put(tx, names::PROVISIONING, &after)?;
        let subject = Subject { kind: Kind::Provisioning, id: "provisioning", name: "user provisioning" };
        return Ok(tx.note(Action::ProvisioningChanged, subject, &changes)?.with(after));
    }
    Ok(Noted::unaudited(after, "nothing changed"))
}

/// Notes that somebody tests the connection.
pub fn note_test(tx: &mut Tx) -> Result<Noted<()>> {
    let subject = Subject { kind: Kind::Provisioning, id: "provisioning", name: "user provisioning" };
    tx.note(Action::ConnectionTested, subject, &[])
}
