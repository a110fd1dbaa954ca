//! The errors that Microsoft shows before anything reaches us, in words that say what to do.

/// An error that Microsoft shows before anything reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicrosoftError {
    /// Its codes: the digits after `AADSTS`.
    pub codes: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn microsoft(
    codes: &'static [&'static str],
    meaning: &'static str,
    remedy: &'static str,
) -> MicrosoftError {
    MicrosoftError { codes, meaning, remedy }
}

/// The errors that administrators meet on Microsoft's pages
/// (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).
pub const MICROSOFT_ERRORS: &[MicrosoftError] = &[
    microsoft(
        &["50105"],
        "The person is not assigned to the application.",
        "In Entra ID, under Users and groups, assign the person or a group that they are directly in; or set “Assignment required” to No.",
    ),
    microsoft(
        &["700016"],
        "The application was not found in the tenant.",
        "The Identifier in Entra ID must be exactly our Identifier (Entity ID), and the login URL here must be that of the same tenant.",
    ),
    microsoft(
        &["650056", "65005"],
        "The application is misconfigured.",
        "The Identifier in Entra ID must equal our Identifier (Entity ID) to the letter.",
    ),
    microsoft(
        &["50011", "900971"],
        "The reply address is wrong or missing.",
        "Add our Reply URL in Entra ID exactly as it is shown here.",
    ),
    microsoft(
        &["75011"],
        "The person signed in by another method than the one asked for.",
        "Rollcall asks for no method: look for another application with this Identifier, or sign out of Microsoft and try again.",
    ),
    microsoft(
        &["750054"],
        "No sign-in request was in the address.",
        "Set the Sign on URL in Entra ID to ours, so that sign-ins begin here.",
    ),
    microsoft(
        &["75005"],
        "Not a SAML message that Entra ID understands.",
        "The logout URL was opened without a message, or a proxy changed the address. Start again from the sign-in page.",
    ),
    microsoft(
        &["75003", "75008"],
        "An unsupported binding or destination.",
        "Use the login URL as Entra ID shows it; import the federation metadata again.",
    ),
    microsoft(
        &["75016", "900236"],
        "The request asks for a name in a way that is not supported.",
        "Rollcall does not ask for any: look for another application with this Identifier.",
    ),
    microsoft(
        &["76021"],
        "The request is not signed, and Entra ID requires that it is.",
        "Tick “Sign our requests” here and upload our certificate under Verification certificates; or untick “Require verification certificates” there.",
    ),
    microsoft(&["76026"], "The request is too old.", "Correct the server's clock, and keep it with NTP."),
    microsoft(
        &["501241"],
        "The claim that should name the user is empty for this person.",
        "Under Attributes & Claims choose a source attribute that everybody has.",
    ),
    microsoft(
        &["50003", "50146"],
        "The application has no valid signing key.",
        "Under SAML certificates create a new certificate and make it active; then import the metadata again.",
    ),
    microsoft(
        &["50020", "50034", "16000", "51004"],
        "The account is not known in the tenant.",
        "Sign out of Microsoft and use the work account; or invite the person as a guest.",
    ),
    microsoft(&["50057"], "The account is disabled in Entra ID.", "Enable it there."),
    microsoft(
        &["53003", "530032", "50074", "50076", "50079", "50158"],
        "A Conditional Access policy or a second factor stands in the way.",
        "Satisfy the policy, or change it in Entra ID under Conditional Access.",
    ),
    microsoft(
        &["50058"],
        "Nobody is signed in to Microsoft, and nobody could be asked.",
        "Start again from the sign-in page here.",
    ),
    microsoft(
        &["90002"],
        "The tenant was not found.",
        "Compare the tenant's id in the login URL; each of Microsoft's clouds has addresses of its own.",
    ),
    microsoft(
        &["70001"],
        "The application is disabled.",
        "In Entra ID, under Properties, set “Enabled for users to sign-in” to Yes.",
    ),
    microsoft(
        &["50061", "50068", "50070", "50071"],
        "The sign-out request is invalid, or its session is over.",
        "The person is signed out here. Close the browser to be sure.",
    ),
];

/// What is known of an error, by its code: with or without `AADSTS` before it, or anywhere in a message.
#[must_use]
pub fn microsoft_error(text: &str) -> Option<&'static MicrosoftError> {
    let numbers = text.split(|char: char| !char.is_ascii_digit()).filter(|part| part.len() >= 4);
    let found: Vec<&str> = numbers.collect();
    MICROSOFT_ERRORS.iter().find(|error| error.codes.iter().any(|code| found.contains(code)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_a_whole_message() {
        let text = "AADSTS50105: Your administrator has configured the application … Trace ID: 1f2e3d4c-0000";
        assert_eq!(microsoft_error(text).unwrap().codes, ["50105"]);
        assert_eq!(microsoft_error("750054").unwrap().codes, ["750054"]);
        assert!(microsoft_error("nothing").is_none());
    }
}
