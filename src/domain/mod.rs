//! What the organisation may do, whichever interface the request came through.
//!
//! The modules, each of which uses only those before it: `text_enum`, `counted`, [`expiry`], `keys`, [`clock`], [`actor`], [`page`],
//! [`condition`], `names`, [`audit`], [`tx`], [`submissions`], [`settings`], [`tasks`], [`retention`], [`sessions`], `spreadsheets`,
//! [`deprovisioning_guard`], [`sites`], [`users`], [`licenses`], [`groups`], [`held`], [`sso`], [`admins`], [`authority`],
//! [`backups`], [`identity`], [`provisioning`], [`health`], [`imports`], [`alignment`], [`bulk`], [`ahead`], [`demo`],
//! [`org`], [`recount`]. This file names types of theirs once more, for shorter paths.

pub mod actor;
pub mod admins;
pub mod ahead;
pub mod alignment;
pub mod audit;
pub mod authority;
pub mod backups;
pub mod bulk;
pub mod clock;
pub mod condition;
pub mod counted;
pub mod demo;
pub mod deprovisioning_guard;
pub mod expiry;
pub mod groups;
pub mod health;
pub mod held;
pub mod identity;
pub mod imports;
mod keys;
pub mod licenses;
mod names;
pub mod org;
pub mod page;
pub mod provisioning;
pub mod recount;
pub mod retention;
pub mod sessions;
pub mod settings;
pub mod sites;
mod spreadsheets;
pub mod sso;
pub mod submissions;
pub mod tasks;
#[cfg(test)]
pub(crate) mod testing;
mod text_enum;
pub mod tx;
pub mod users;

pub use actor::{Actor, Role};
use clock::CLOCK_TOLERANCE;
pub use clock::{Clock, in_words, rfc3339};
pub use keys::{fold, new_id};
pub use org::Org;
pub use tx::{Noted, Tx};
