//! Who does something, and what an account may do.

use super::text_enum::text_enum;
use crate::keys::UserId;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody signed in to the console.
    Person {
        /// Their key.
        id: UserId,
        /// The name to show.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// The machine client that provisions by SCIM.
    Entra,
    /// Whoever has the shell of the server: may do all that an owner may.
    CommandLine,
    /// The program itself.
    Rollcall,
}

text_enum! {
    /// What an account may do in the console; each includes those before it.
    #[derive(PartialOrd, Ord)]
    pub enum Role {
        /// Signs in to see their own profile.
        None = "none",
        /// Sees everything but secrets, changes nothing.
        Auditor = "auditor",
        /// Runs the console day by day.
        Administrator = "administrator",
        /// Also appoints administrators and rotates secrets; protected from Entra ID.
        Owner = "owner",
    }
}

impl Role {
    /// The role in a plain word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "User",
            Self::Auditor => "Auditor",
            Self::Administrator => "Administrator",
            Self::Owner => "Owner",
        }
    }
}

impl Actor {
    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Person { name, .. } => name,
            Self::Entra => "Entra ID",
            Self::CommandLine => "The command line",
            Self::Rollcall => "Rollcall",
        }
    }

    /// Whether it may do what only owners may.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        matches!(self, Self::Person { role: Role::Owner, .. } | Self::CommandLine | Self::Rollcall)
    }

    /// Whether it is the account with this key.
    #[must_use]
    pub fn is(&self, account: &UserId) -> bool {
        matches!(self, Self::Person { id, .. } if *id == *account)
    }
}
