//! Single sign-on with Entra ID: whom to trust, who comes in, and what became of it.
//!
//! | file             | what it holds                                                              |
//! |------------------|----------------------------------------------------------------------------|
//! | [`settings`]     | what the administrator entered                                             |
//! | `waiting`        | what an administrator changed of it, while it waits for an owner           |
//! | `remarks`        | addresses that may look like others                                        |
//! | `checks`         | what settings must be to be kept                                           |
//! | [`certificates`] | with which certificates Entra ID may sign                                  |
//! | [`first_look`]   | what was trusted before owners had to approve of it                        |
//! | [`metadata`]     | all of it from federation metadata, once or again and again                |
//! | [`keys`]         | our own keys                                                               |
//! | [`requests`]     | what we asked Entra ID, answered once                                      |
//! | [`messages`]     | what we send to Entra ID, built and signed off the writer                  |
//! | [`examination`]  | a response held against the settings, off the database                     |
//! | `outcome`        | where a response comes from, and what became of it                         |
//! | [`sign_in`]      | a response on its way to a session                                         |
//! | `creation`       | an account made at the first sign-in                                       |
//! | [`pending`]      | sign-ins that wait for the person's word                                   |
//! | [`matching`]     | whose account an assertion speaks of                                       |
//! | [`sign_out`]     | which sessions a sign-out ends                                             |
//! | [`policy`]       | whether everybody but owners must come this way                            |
//! | [`events`]       | the log of it, by reference                                                |
//! | [`warnings`]     | what should worry an administrator                                         |
//! | [`ways_out`]     | sign-ins that end before a response is looked at                           |
//! | [`help`]         | causes of refusal, in words that say what to do                            |
//! | `hints`          | what deserves a thought though it went well                                |
//! | [`microsoft`]    | Microsoft's own error codes, likewise                                      |

use super::audit::{Kind, Subject};

pub mod certificates;
mod checks;
mod creation;
pub mod events;
pub mod examination;
pub mod first_look;
pub mod help;
mod hints;
pub mod keys;
pub mod matching;
pub mod messages;
pub mod metadata;
pub mod microsoft;
mod outcome;
pub mod pending;
pub mod policy;
mod remarks;
pub mod requests;
pub mod settings;
pub mod sign_in;
pub mod sign_out;
mod waiting;
pub mod warnings;
pub mod ways_out;

pub use certificates::Trusted;
pub use checks::is_complete;
pub use settings::{Settings, Trust};

/// The key of the one identity provider.
const ONLY: &str = "entra";
const SUBJECT: Subject<'static> = Subject { kind: Kind::SingleSignOn, id: ONLY, name: "single sign-on" };

/// Where we are, as Entra ID knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Our entity ID.
    pub entity_id: String,
    /// The address of our assertion consumer service.
    pub consumer: String,
    /// The address of our single logout service.
    pub logout: String,
    /// The address at which a sign-in begins.
    pub sign_on: String,
}

impl Here {
    /// Under this public address.
    #[must_use]
    pub fn under(public_url: &url::Url) -> Self {
        let base = public_url.as_str().trim_end_matches('/');
        let at = |path: &str| format!("{base}/sso/{path}");
        Self {
            entity_id: at("metadata"),
            consumer: at("consumer"),
            logout: at("logout"),
            sign_on: at("start"),
        }
    }
}
