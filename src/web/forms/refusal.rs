//! Why a form comes back.

use crate::error::{Complaint, Error, Outage, Undoes};
use crate::web;
use actix_web::http::StatusCode;

/// Why a form comes back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Somebody else changed the same fields, after the form was shown and before it was sent.
    #[error("Somebody else changed this in the meantime. Nothing was overwritten.")]
    Outdated,
    /// The rule refuses it, or could not be carried out.
    #[error("{0}")]
    Error(#[from] Error),
}

impl Refusal {
    /// What is wrong, field by field.
    pub(super) fn complaints(&self) -> &[Complaint] {
        match self {
            Self::Outdated => &[],
            Self::Error(error) => error.complaints(),
        }
    }

    /// The status of the page on which the form comes back.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Outdated => StatusCode::CONFLICT,
            Self::Error(error) => web::status(error),
        }
    }

    /// When to try again, in seconds, if it is only a matter of time.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Outdated => None,
            Self::Error(error) => error.retry_after(),
        }
    }
}

impl Undoes for Refusal {
    fn outage(&self) -> Option<Outage> {
        match self {
            Self::Outdated => None,
            Self::Error(error) => error.outage(),
        }
    }
}
