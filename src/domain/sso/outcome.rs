//! From where a response comes, what becomes of it, and what a session begins with.

use crate::db::Conn;
use crate::domain::sessions::{CameBy, Holder, Method, Reserved};
use crate::domain::users::{self, User};
use crate::error::{Error, Result};
use crate::keys::UserId;
use crate::saml::NameId;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// Where a request that brings a response comes from.
#[derive(Clone, Debug, Default)]
pub struct RequestOrigin {
    /// The secret in the browser, if it has asked for anything.
    pub browser: Option<String>,
    /// The address of the request.
    pub address: String,
    /// A page of ours that was asked for where nobody sent a request.
    pub return_to: Option<String>,
    /// Who is signed in in that browser.
    pub present: BrowserUser,
}

/// Who is signed in in a browser that brings a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrowserUser {
    /// Nobody.
    #[default]
    Nobody,
    /// The account with this key.
    Account(UserId),
    /// That cannot be told: browsers send no cookie of ours along with a form of another site.
    Unknown,
}

impl BrowserUser {
    /// Whether somebody else than this account may be signed in.
    pub(super) fn may_be_another_than(&self, account: &UserId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Account(id) => id != account,
            Self::Unknown => true,
        }
    }
}

/// What became of a sign-in.
#[derive(Clone, Debug)]
pub enum SignInOutcome {
    /// A session in the console.
    SignedIn(Box<ReservedSession>),
    /// The same, once the person says that it is to replace who is signed in: the secret by which the browser takes it.
    Pending {
        /// The secret.
        secret: String,
        /// The sign-in.
        new_session: Box<NewSession>,
    },
    /// The result of a test.
    Tested {
        /// The event's reference.
        reference: String,
    },
    /// A page that says why not.
    Refused {
        /// What the person reads.
        sentence: &'static str,
        /// The event's reference.
        reference: String,
        /// Whether it is about a sign-in that is over, so that whoever is signed in stays so.
        is_over: bool,
        /// Whether it was answered already, so that whoever is signed in misses nothing.
        is_repeat: bool,
        /// Whether another account may fare better.
        is_about_the_account: bool,
    },
}

/// A good sign-in whose session is reserved.
#[derive(Clone, Debug)]
pub struct ReservedSession {
    /// Whose it is, and what the sign-in rests on.
    pub new_session: NewSession,
    /// The session, as long as nothing takes it away before it begins.
    pub reserved: Reserved,
}

/// What a session begins with after a good sign-in.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose session it is.
    pub user: User,
    /// What Entra ID calls the person.
    pub name_id: NameId,
    /// What Entra ID calls its session.
    pub session_index: Option<String>,
    /// What the sign-in rests on.
    pub came_by: CameBy,
    /// Where to go.
    pub return_to: String,
    /// When the person proved themselves to Entra ID, in UTC.
    pub proved_at: Option<NaiveDateTime>,
    /// When the session must end at the latest because Entra ID says so, in UTC.
    pub until: Option<NaiveDateTime>,
}

/// A new session as it is kept while the person decides.
#[derive(Serialize, Deserialize)]
struct Packed {
    user: UserId,
    name_id: NameId,
    session_index: Option<String>,
    came_by: CameBy,
    return_to: String,
    proved_at: Option<NaiveDateTime>,
    until: Option<NaiveDateTime>,
}

impl NewSession {
    /// The holder of the session that begins with it.
    pub(super) fn holder(&self) -> Holder {
        Holder {
            user: Some(self.user.id.clone()),
            method: Method::Sso,
            name_id: Some(self.name_id.value.clone()),
            session_index: self.session_index.clone(),
            came_by: Some(self.came_by.clone()),
        }
    }

    pub(super) fn pack(&self) -> Result<String> {
        let packed = Packed {
            user: self.user.id.clone(),
            name_id: self.name_id.clone(),
            session_index: self.session_index.clone(),
            came_by: self.came_by.clone(),
            return_to: self.return_to.clone(),
            proved_at: self.proved_at,
            until: self.until,
        };
        serde_json::to_string(&packed).map_err(Error::internal)
    }

    pub(super) fn unpack(conn: &mut Conn, text: &str) -> Result<Self> {
        let damaged = |cause| Error::damaged("The sign-in that waits", "Sign in once more.", cause);
        let packed: Packed = serde_json::from_str(text).map_err(damaged)?;
        let Packed { user, name_id, session_index, came_by, return_to, proved_at, until } = packed;
        let user = users::find(conn, &user)?;
        Ok(Self { user, name_id, session_index, came_by, return_to, proved_at, until })
    }
}
