//! What about a response deserves a thought whatever became of it: names that say nothing, claims that were left out.

use super::matching;
use crate::saml::response::ResponseFacts;
use crate::saml::{Assertion, Unproven};

const GUEST: &str = "The name holds #EXT#: the person is a guest in Entra ID, whose user name is made up there. Send \
                     user.mail for guests, or set a federated id on the account.";
const OPAQUE: &str = "The name is an opaque key that says nothing about the person. In Entra ID, choose another source \
                      attribute or name identifier format for it.";

/// About the `NameID`, where that names the person.
pub(super) fn about_name_id(seen: &ResponseFacts) -> Vec<String> {
    let Some(name) = &seen.name_id else { return Vec::new() };
    about_name(&name.value, matching::is_opaque(name))
}

/// About the claims: the one that names the person, if one does, and those of which something was left out.
pub(super) fn about_claims(assertion: &Assertion, match_claim: Option<&str>) -> Vec<String> {
    let name = match_claim.and_then(|claim| assertion.claim(claim));
    let mut hints = name.map(|name| about_name(name, matching::is_opaque_text(name))).unwrap_or_default();
    hints.extend(assertion.left_out.iter().map(|claim| {
        let claim = Unproven(claim);
        format!("A value of the claim “{claim}” was left out: it is no text, or longer than anything that is kept.")
    }));
    hints
}

fn about_name(name: &str, is_opaque: bool) -> Vec<String> {
    let guest = name.to_ascii_uppercase().contains("#EXT#").then_some(GUEST);
    [guest, is_opaque.then_some(OPAQUE)].into_iter().flatten().map(str::to_owned).collect()
}
