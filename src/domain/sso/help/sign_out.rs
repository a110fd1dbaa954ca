//! Causes for which a sign-out was refused, where other things are to be done than for a sign-in.

use super::{Cause, cause};

const NOT_DONE: &str = "The sign-out request could not be accepted.";
const NOT_SET_UP: &str = "Signing out through Entra ID is not set up correctly yet.";
const OVER: &str = "That sign-out request is over or was used already.";

/// Those causes; of others is known what is known of a sign-in.
pub(super) const CAUSES: &[Cause] = &[
    cause(
        "encoding",
        "Not a readable message",
        "Nothing needs changing unless it happens often.",
        "Basic SAML Configuration → Logout URL: exactly as shown here. It takes sign-out messages by redirect only.",
        NOT_DONE,
    ),
    cause(
        "too_large",
        "Too large",
        "Nothing needs changing here. Entra ID does not send this.",
        "Nothing needs changing.",
        NOT_DONE,
    ),
    cause(
        "structure",
        "Not the expected message",
        "Nothing needs changing here.",
        "Basic SAML Configuration → Logout URL: exactly as shown here, and the Reply URL at no other place.",
        NOT_DONE,
    ),
    cause(
        "algorithm",
        "An algorithm that is not taken",
        "Nothing needs changing here: SHA-1 is never taken for a sign-out.",
        "Sign sign-out requests with RSA and SHA-256, or not at all, as Entra ID does.",
        NOT_DONE,
    ),
    cause(
        "unknown_certificate",
        "Signed with a certificate that is not trusted here",
        "Import the federation metadata again, or add the certificate that Entra ID shows as active.",
        "SAML certificates: compare the thumbprint of the active certificate. If an unknown certificate signed this, ask who holds it.",
        NOT_SET_UP,
    ),
    cause(
        "issuer",
        "Another issuer",
        "Set the issuer to the “Microsoft Entra Identifier”, with its slash at the end, or import the metadata again.",
        "Compare the Microsoft Entra Identifier of this application.",
        NOT_SET_UP,
    ),
    cause(
        "destination",
        "Sent to another address",
        "If the console's address changed, set public_url to the new one.",
        "Basic SAML Configuration → Logout URL: exactly as shown here.",
        NOT_SET_UP,
    ),
    cause(
        "not_yet_valid",
        "Not valid yet: a clock is wrong",
        "Compare the time above with a clock that is right, and correct the server's; keep it with NTP.",
        "Nothing needs changing: Microsoft's clocks are right.",
        "The clocks of two servers differ too much to take the sign-out request.",
    ),
    cause(
        "expired",
        "Valid no longer, or presented a second time",
        "Nothing needs changing here if it happens once: the page was loaded again. If it happens at every sign-out, the server's clock is ahead: correct it, and keep it with NTP.",
        "Nothing needs changing.",
        OVER,
    ),
    cause(
        "condition",
        "A time that is none",
        "Nothing needs changing here.",
        "Nothing needs changing: Entra ID does not send this.",
        NOT_DONE,
    ),
    cause(
        "sign_out_nothing",
        "A sign-out that ended nothing",
        "Nothing needs changing here: the session was over already, or came in under another name.",
        "Nothing needs changing.",
        "The sign-out request names no session that is open here.",
    ),
    cause(
        "sign_out_elsewhere",
        "Entra ID did not end its own session",
        "Nothing needs changing here: the session in Rollcall ended before Entra ID was asked.",
        "The sign-in log of Entra ID says why it kept the session. If this happens at every sign-out, compare the Logout URL in Basic SAML Configuration.",
        "You are signed out of Rollcall, but Microsoft answered that it did not end its own session. Close the browser if others use it.",
    ),
    cause(
        "name_id",
        "It names nobody",
        "Nothing needs changing here.",
        "Nothing needs changing: Entra ID names the person in the clear.",
        NOT_DONE,
    ),
];

/// What the person reads.
pub(super) fn for_the_person(code: &str) -> &'static str {
    CAUSES.iter().find(|cause| cause.code == code).map_or(NOT_DONE, |cause| cause.person)
}
