//! Sign-ins that end for another reason than what a response says. Each is logged with a cause, like any refusal, so that
//! the person has a reference to name.

use super::events::{self, Details, Report};
use super::requests::Purpose;
use crate::domain::{Noted, Tx};
use crate::error::Result;

/// Why a response was not read, or a sign-in not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The form has no response, or two.
    NoResponse,
    /// The form is larger than a response can be.
    TooLarge,
    /// The form did not arrive in time.
    TooSlow,
    /// Too many came from one network.
    TooMany,
    /// Too many came from everywhere.
    Busy,
    /// A sign-in that waited for the person's decision has expired.
    WaitedTooLong,
    /// No login URL is in force to which the browser could be sent.
    NotSetUp,
}

impl Way {
    /// A word for it, kept in the log and explained by [`super::help`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoResponse => "no_response",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::WaitedTooLong => "waited_too_long",
            Self::NotSetUp => "not_set_up",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::NoResponse => "The form brought no response of Entra ID's, or more than one.",
            Self::TooLarge => "The form was larger than a response can be, and was not read.",
            Self::TooSlow => "The form did not arrive in time.",
            Self::TooMany => {
                "More sign-ins came from this network at once than are taken. Others may share this line."
            }
            Self::Busy => "More responses came at once than can be looked at. Others may share this line.",
            Self::NotSetUp => "Nobody can be sent to Entra ID: no login URL is in force.",
            Self::WaitedTooLong => {
                "The sign-in that waited for the person's word is over: it waited for more than five minutes, was taken \
                 already, or what it rested on was taken away."
            }
        }
    }
}

/// Logs it, and returns the reference for the person.
pub fn note(tx: &mut Tx, way: Way, address: &str) -> Result<Noted<String>> {
    let report = Report {
        purpose: Purpose::SignIn,
        cause: Some(way.code()),
        sentence: way.sentence().to_owned(),
        user_id: None,
        started_by: None,
        name_id: None,
        address: address.to_owned(),
        proven: false,
        details: Details::default(),
    };
    Ok(events::note(tx, report)?.map(|event| event.reference))
}
