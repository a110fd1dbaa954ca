//! Causes of refusal, in words that say what to do.

use super::requests::Purpose;

mod sign_out;

/// A cause, for an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The word that the log has.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do in Rollcall.
    pub here: &'static str,
    /// What to do in Entra ID.
    pub in_entra: &'static str,
    /// What the person is told.
    pub person: &'static str,
}

const BROKEN: &str = "The answer from Entra ID could not be accepted.";
const NOT_SET_UP: &str = "Signing in with Entra ID is not set up correctly yet.";
const NO_ACCOUNT: &str = "Entra ID knows you, but you cannot enter here.";
const AGAIN: &str = "That sign-in is over or was used already. Start again from the sign-in page.";

/// What is told where single sign-on is switched off and the console is served over plain http: a test sign-in comes back
/// without the cookie that says who began it, and then looks like a stranger's.
pub const SWITCHED_OFF_OVER_HTTP: &str = "Signing in with Entra ID is switched off here. If you were trying it out: \
    Entra ID's answer is posted from another site, and browsers send our cookie with it over https only, so the test could \
    not be recognised. Serve Rollcall over https, or switch single sign-on on before the test.";

const fn cause(
    code: &'static str,
    title: &'static str,
    here: &'static str,
    in_entra: &'static str,
    person: &'static str,
) -> Cause {
    Cause { code, title, here, in_entra, person }
}

/// Every cause that is known.
pub const CAUSES: &[Cause] = &[
    cause(
        "encoding",
        "Not a readable message",
        "Nothing needs changing unless it happens often.",
        "Look for a proxy that alters forms on their way.",
        BROKEN,
    ),
    cause(
        "too_large",
        "Too large",
        "Nothing needs changing here.",
        "Send fewer claims: under Attributes & Claims, limit the groups claim to groups assigned to the application.",
        BROKEN,
    ),
    cause(
        "too_costly",
        "More work to prove than a sign-in response may be",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying to keep the server busy.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "declared_encoding",
        "Written in another encoding than it says",
        "Nothing needs changing here.",
        "Look for a proxy that alters forms on their way.",
        BROKEN,
    ),
    cause(
        "xml_version",
        "Not XML 1.0",
        "Nothing needs changing here. Entra ID does not send this.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "not_xml",
        "Not XML",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "document_type",
        "A document type declaration",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "comment",
        "Comments in the response",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "namespace",
        "Odd namespaces",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "duplicate_id",
        "An identifier used twice",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "structure",
        "Not the expected message",
        "Nothing needs changing here. If it happens at every sign-in, the identity provider is not Entra ID or sends another protocol.",
        "Check that the application uses SAML.",
        BROKEN,
    ),
    cause(
        "naming_claim",
        "The claim that names the person has no single value",
        "Nothing needs changing here, unless another claim is to name people: choose it under Matching.",
        "Attributes & Claims: give the claim named above a source attribute that has exactly one value for every user, such as user.userprincipalname.",
        NOT_SET_UP,
    ),
    cause(
        "status",
        "Entra ID did not sign the person in",
        "Nothing needs changing here.",
        "See what Entra ID says in the sentence above; its sign-in log has the same attempt in more detail.",
        "Entra ID did not sign you in.",
    ),
    cause(
        "assertion_count",
        "Not exactly one assertion",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "signature_missing",
        "Not signed",
        "If you require signed responses, either untick that or change the signing option in Entra ID.",
        "SAML certificates → Signing option: “Sign SAML assertion”, or “Sign SAML response and assertion”.",
        BROKEN,
    ),
    cause(
        "signature_shape",
        "A signature that is not taken",
        "Nothing needs changing here. Entra ID does not send this: somebody may be trying something.",
        "Nothing needs changing.",
        BROKEN,
    ),
    cause(
        "algorithm",
        "An algorithm that is not taken",
        "If the sentence above names SHA-1: it can be allowed under How sign-ins are to be; changing Entra ID is better. No other algorithm can be allowed.",
        "For signatures: SAML certificates → Signing algorithm: SHA-256. For token encryption: AES-256 (GCM or CBC) with RSA-OAEP, not 3DES or RSA 1.5.",
        BROKEN,
    ),
    cause(
        "unknown_certificate",
        "Signed with a certificate that is not trusted here",
        "Import the federation metadata again, or add the certificate with the thumbprint above, if Entra ID shows the same one.",
        "SAML certificates: compare the thumbprint of the active certificate. If an unknown certificate signed this, ask who holds it.",
        NOT_SET_UP,
    ),
    cause(
        "certificate_expired",
        "Signed with a certificate that has expired",
        "Add the new certificate once Entra ID has one.",
        "SAML certificates → New certificate, then make it active.",
        NOT_SET_UP,
    ),
    cause(
        "no_certificate",
        "No certificate is trusted",
        "Import the federation metadata, or add the certificate.",
        "SAML certificates → download “Certificate (Base64)” or “Federation Metadata XML”.",
        NOT_SET_UP,
    ),
    cause(
        "signature_invalid",
        "The signature does not fit",
        "Nothing needs changing here. What was signed was altered on its way, or by somebody.",
        "If it happens at every sign-in, import the metadata again.",
        BROKEN,
    ),
    cause(
        "decryption",
        "The assertion cannot be opened",
        "Download our certificate, or make a new one, on the Identity Management page.",
        "Token encryption → import our certificate and activate it, or deactivate token encryption.",
        BROKEN,
    ),
    cause(
        "not_encrypted",
        "Not encrypted",
        "Untick “require encrypted assertions”, if you do not need them.",
        "Token encryption → import our certificate and activate it.",
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
        "audience",
        "Meant for another application",
        "Copy our Identifier (Entity ID) again.",
        "Basic SAML Configuration → Identifier (Entity ID): exactly as shown here, and marked as default.",
        NOT_SET_UP,
    ),
    cause(
        "recipient",
        "Meant for another address",
        "If the console's address changed, set public_url to the new one.",
        "Basic SAML Configuration → Reply URL: exactly as shown here, and marked as default.",
        NOT_SET_UP,
    ),
    cause(
        "destination",
        "Sent to another address",
        "If the console's address changed, set public_url to the new one.",
        "Basic SAML Configuration → Reply URL: exactly as shown here, and marked as default.",
        NOT_SET_UP,
    ),
    cause(
        "in_response_to",
        "An answer to no request of ours",
        "Nothing needs changing here. An old page may have been sent again.",
        "Nothing needs changing.",
        AGAIN,
    ),
    cause(
        "request_expired",
        "An answer that came too late",
        "Nothing needs changing here.",
        "Nothing needs changing.",
        AGAIN,
    ),
    cause(
        "replay",
        "Presented a second time",
        "Nothing needs changing here. Reloading the page does this; so does somebody who copied a response.",
        "Nothing needs changing.",
        AGAIN,
    ),
    cause(
        "other_browser",
        "An answer for another browser",
        "Nothing needs changing here. The browser may refuse cookies, or began the sign-in elsewhere; it may also be somebody who wants another person to be signed in as them.",
        "Nothing needs changing.",
        "This answer belongs to a sign-in of another browser, or your browser keeps no cookies. Start again from the sign-in page.",
    ),
    cause(
        "unsolicited",
        "Nobody asked for it",
        "Sign-ins that begin in My Apps are switched off under How sign-ins are to be.",
        "Basic SAML Configuration → Sign on URL: enter ours, so that the tile in My Apps begins here.",
        "Start from the sign-in page here: sign-ins that begin elsewhere are switched off.",
    ),
    cause(
        "not_yet_valid",
        "Not valid yet: a clock is wrong",
        "Compare the time above with a clock that is right, and correct the server's; keep it with NTP.",
        "Nothing needs changing: Microsoft's clocks are right.",
        "The clocks of two servers differ too much to sign you in.",
    ),
    cause(
        "expired",
        "Valid no longer",
        "If it happens at every sign-in, the server's clock is ahead: correct it, and keep it with NTP.",
        "Nothing needs changing.",
        AGAIN,
    ),
    cause(
        "condition",
        "A condition that is not understood",
        "Nothing needs changing here.",
        "Look for a custom claims policy that adds conditions.",
        BROKEN,
    ),
    cause(
        "confirmation",
        "Not for the bearer",
        "Nothing needs changing here.",
        "Nothing needs changing: Entra ID does not send this.",
        BROKEN,
    ),
    cause(
        "name_id",
        "No usable NameID",
        "Nothing needs changing here.",
        "Attributes & Claims → Unique User Identifier: a source attribute that every user has, such as user.userprincipalname.",
        NOT_SET_UP,
    ),
    cause(
        "switched_off",
        "Single sign-on is switched off",
        "Switch it on under Identity Management, if people are to come in this way.",
        "Nothing needs changing.",
        "Signing in with Entra ID is switched off here.",
    ),
    cause(
        "claim_missing",
        "The naming claim is missing",
        "Choose another claim under How sign-ins are to be, or go back to the NameID.",
        "Attributes & Claims: add the claim that is chosen here.",
        NOT_SET_UP,
    ),
    cause(
        "object_id_invalid",
        "The object id is none",
        "Nothing needs changing here.",
        "Attributes & Claims: remove the claim objectidentifier if somebody added one. Entra ID sends its own, a GUID.",
        NOT_SET_UP,
    ),
    cause(
        "account_not_made",
        "An account could not be made at the first sign-in",
        "Create the user by hand, or put right what the sentence above names: a name that is taken or too long stays a matter of the two systems.",
        "Attributes & Claims → Unique User Identifier decides which name is sent.",
        "Entra ID knows you, but an account could not be made for you here.",
    ),
    cause(
        "other_person",
        "Somebody else proved who they are",
        "Nothing needs changing here. Whoever was asked for a proof picked another account at Microsoft.",
        "Nothing needs changing.",
        "You were asked to confirm that it is you, and another account answered. Go back and choose the one that you are signed in with.",
    ),
    cause(
        "not_fresh",
        "No fresh sign-in",
        "Nothing needs changing here: confirm with the password, or try once more.",
        "Entra ID was asked for a fresh sign-in (ForceAuthn). A sign-in frequency policy or federation may answer with an older one.",
        "Microsoft did not ask you to sign in anew. Go back and try once more, or confirm with your password.",
    ),
    cause(
        "failed",
        "Something went wrong here",
        "See the program's log at the time above. Nothing was changed.",
        "Nothing needs changing.",
        "Something went wrong on our side. Start again from the sign-in page.",
    ),
    cause(
        "user_unknown",
        "No such user here",
        "Create the user, correct the user name, or set a federated id on the account. Align user names compares all of them at once.",
        "Attributes & Claims → Unique User Identifier decides which name is sent. With provisioning, check that the user is in scope.",
        "Entra ID knows you, but there is no account for you here.",
    ),
    cause(
        "user_name_held",
        "The new user name is held back",
        "Nothing is to be created: the account is there, under its old name. Look under Users, Held back, and release the new name, or keep the old one.",
        "Too many user names changed at once. Check the mapping of userName; if the new names are wrong, change them back there.",
        "Entra ID knows you by a new name, which waits here for an administrator to look at it.",
    ),
    cause(
        "user_deactivated",
        "The user is deactivated",
        "Reactivate the user on their page; if Entra ID owns the account, there.",
        "If the user is linked: check that the account is enabled and in scope of provisioning.",
        NO_ACCOUNT,
    ),
    cause(
        "user_deleted_in_entra",
        "The user was deleted in Entra ID",
        "Release the user to local management, or let Entra ID create them again.",
        "Assign the person again: provisioning takes the account over.",
        NO_ACCOUNT,
    ),
    cause(
        "other_object_id",
        "The account belongs to another person in Entra ID",
        "If it is the same person with a new account in Entra ID, press “Forget the Entra object id” on the user's page. If not, give one of them another user name.",
        "Compare the object id of the person with the one on the user's page.",
        NO_ACCOUNT,
    ),
    cause(
        "name_ambiguous",
        "Two accounts go by the name",
        "Change the federated id of the one, or the user name of the other.",
        "Nothing needs changing.",
        NO_ACCOUNT,
    ),
    cause(
        "certificate_not_for_owners",
        "An owner has not approved of the certificate",
        "An owner opens Identity Management and presses “Approve for owners” beside the certificate. Meanwhile the password works.",
        "Nothing needs changing.",
        "Sign in with your password: an owner must approve of Entra ID's certificate first.",
    ),
    cause(
        "settings_not_approved",
        "An owner has not approved of the settings",
        "An owner opens Home, looks at what an administrator entered for single sign-on, and approves or rejects it. Meanwhile the password works.",
        "Nothing needs changing.",
        "Sign in with your password: an owner must approve of the settings of single sign-on first.",
    ),
    cause(
        "recognition_not_confirmed",
        "An owner has not confirmed how the account is recognised",
        "The account has a role here, and its user name or federated id was changed and no owner has confirmed it since. An owner opens the account under Administrators and confirms how it is recognised. Meanwhile the password works.",
        "If the name was changed by mistake, change it back.",
        "Sign in with your password, or ask an owner: your account here must be confirmed first.",
    ),
    cause(
        "changed_meanwhile",
        "The settings changed during the sign-in",
        "Nothing needs changing: whom to trust was changed while this person was signing in. They start again.",
        "Nothing needs changing.",
        AGAIN,
    ),
    cause(
        "no_response",
        "A form without one response",
        "Nothing needs changing unless it happens often.",
        "Look for a proxy that alters forms on their way. Basic SAML Configuration → Reply URL: exactly as shown here.",
        BROKEN,
    ),
    cause(
        "too_slow",
        "Did not arrive in time",
        "Nothing needs changing unless it happens often: the person's connection was too slow, or broke.",
        "Nothing needs changing.",
        "The answer from Entra ID did not arrive in time. Start again from the sign-in page.",
    ),
    cause(
        "too_many",
        "Too many from one network at once",
        "If all requests seem to come from one address, name the reverse proxy (trusted_proxies). Otherwise somebody may be trying something.",
        "Nothing needs changing.",
        "Too many sign-ins came from your network just now. Wait a moment, then start again.",
    ),
    cause(
        "busy",
        "Too busy to look at it",
        "If it happens often, somebody may be trying to keep the server busy, or it is too small.",
        "Nothing needs changing.",
        "Too many people are signing in just now. Wait a moment, then start again.",
    ),
    cause(
        "waited_too_long",
        "Nobody answered in time",
        "Nothing needs changing: the person was asked whether to replace who was signed in, and answered after more than five minutes, or what the sign-in rested on was taken away.",
        "Nothing needs changing.",
        "The sign-in that waited for your answer is over: it is good for five minutes. Start again.",
    ),
    cause(
        "not_set_up",
        "No login URL is in force",
        "Enter the login URL under Identity Management. If an administrator entered it, it waits for an owner, who is asked on Home.",
        "Nothing needs changing.",
        NOT_SET_UP,
    ),
    cause(
        "sign_out",
        "A sign-out that was refused",
        "Nothing needs changing here.",
        "Basic SAML Configuration → Logout URL: exactly as shown here.",
        BROKEN,
    ),
];

/// What is known of a cause.
#[must_use]
pub fn about(code: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.code == code)
}

/// What is known of the cause of an event: where somebody was to be signed out, other things are to be done.
#[must_use]
pub fn about_event(purpose: Purpose, code: &str) -> Option<&'static Cause> {
    let special = sign_out::CAUSES.iter().find(|cause| cause.code == code);
    special.filter(|_| purpose == Purpose::SignOut).or_else(|| about(code))
}

/// What the person reads whose sign-out request was refused.
#[must_use]
pub fn for_whoever_leaves(code: &str) -> &'static str {
    sign_out::for_the_person(code)
}

/// Whether a cause is that a sign-in was used already: whoever is signed in by then misses nothing by it.
#[must_use]
pub fn is_repeat(code: &str) -> bool {
    code == "replay"
}

/// Whether a cause is that a sign-in is over or was used: whoever is signed in by then is still signed in.
#[must_use]
pub fn is_over(code: &str) -> bool {
    matches!(code, "replay" | "in_response_to" | "request_expired" | "expired")
}

/// What the person reads who was turned away.
#[must_use]
pub fn for_the_person(code: &str) -> &'static str {
    about(code).map_or(BROKEN, |cause| cause.person)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::sso::matching::Nobody;
    use crate::domain::sso::ways_out::Way;

    #[test]
    fn every_cause_has_its_remedies() {
        let list = include_str!("../../../tests/fixtures/saml/cases.jsonl");
        for line in list.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(code) = case["cause"].as_str() {
                assert!(about(code).is_some(), "{code}");
            }
        }
        let nobody = [
            Nobody::ClaimMissing,
            Nobody::ObjectIdInvalid,
            Nobody::Unknown,
            Nobody::NameHeld,
            Nobody::Deactivated,
            Nobody::DeletedInEntra,
            Nobody::OtherObject,
            Nobody::Ambiguous,
            Nobody::NotForOwners,
            Nobody::SettingsNotApproved,
            Nobody::NotConfirmed,
        ];
        for code in nobody.map(Nobody::code) {
            assert!(about(code).is_some(), "{code}");
        }
        let ways = [
            Way::NoResponse,
            Way::TooLarge,
            Way::TooSlow,
            Way::TooMany,
            Way::Busy,
            Way::WaitedTooLong,
            Way::NotSetUp,
        ];
        for code in ways.map(Way::code) {
            assert!(about(code).is_some(), "{code}");
        }
    }

    /// What comes out of an altered ciphertext must not be told apart by whoever altered it.
    #[test]
    fn whoever_alters_a_ciphertext_reads_one_sentence() {
        let sentences = ["decryption", "not_xml", "signature_invalid", "structure", "signature_shape"]
            .map(for_the_person);
        assert!(sentences.iter().all(|sentence| *sentence == sentences[0]));
    }
}
