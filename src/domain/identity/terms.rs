//! What an owner pins of Entra ID, so that an assertion of it can be believed.

use serde::{Deserialize, Serialize};

/// How federation is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Federation {
    /// Whether assertions are accepted.
    pub enabled: bool,
    /// The Entra tenant.
    pub tenant_id: String,
    /// Who the assertions are made for: the workload application.
    pub audience: String,
    /// Who they speak of: the object of the synchronisation service.
    pub subject: String,
    /// Whether one assertion may be presented several times within its life.
    pub accept_repeats: bool,
    /// What Entra ID calls itself here: made when federation is first saved.
    pub client_id: String,
}
