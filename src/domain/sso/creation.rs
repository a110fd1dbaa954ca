//! An account made at the first sign-in, from what the assertion says of the person.

use super::events::Details;
use super::matching::Named;
use crate::domain::users::{Profile, User, by_hand};
use crate::domain::{Tx, names};
use crate::error::{Complaint, Error, Result};
use crate::saml;
use crate::saml::response::Accepted;

const GIVEN_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
const SURNAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";
const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const DISPLAY_NAME: &str = "http://schemas.microsoft.com/identity/claims/displayname";

/// Makes the account, or says why it cannot be made. Nothing but the name is needed: a claim that cannot be kept (too
/// long, no address) is left out, with a warning, so that it keeps nobody out.
pub(super) fn create(
    tx: &mut Tx,
    who: &Named,
    accepted: &Accepted,
    details: &mut Details,
) -> Result<Result<User, String>> {
    let claim = |name| accepted.assertion.claim(name).map(saml::trim).filter(|text| !text.is_empty());
    let owned = |name| claim(name).map(str::to_owned);
    let profile = Profile {
        display_name: owned(DISPLAY_NAME),
        given_name: owned(GIVEN_NAME),
        family_name: owned(SURNAME),
        ..Profile::named(who.name.as_deref().unwrap_or_default())
    };
    let mut wish = by_hand::LocalProfile { profile, email: owned(EMAIL).filter(|text| text.contains('@')) };
    let claims = [
        ("display name", &mut wish.profile.display_name),
        ("first name", &mut wish.profile.given_name),
        ("last name", &mut wish.profile.family_name),
        ("e-mail address", &mut wish.email),
    ];
    let told = claims.into_iter().filter_map(|(label, text)| names::leave_out(label, text.as_mut()?));
    details.warnings.extend(told);
    loop {
        let attempt = wish.clone();
        let refusal = match tx.nested(|tx| by_hand::create(tx, attempt, None)) {
            Ok(user) => return Ok(Ok(user.into_inner())),
            Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
            Err(refusal) => refusal,
        };
        let complaints = match &refusal {
            Error::Invalid(complaints) => complaints.as_slice(),
            Error::Taken(complaint) => std::slice::from_ref(complaint),
            _ => &[],
        };
        let left_out = complaints.iter().filter(|one| leave_out(&mut wish, one)).count();
        if left_out == 0 {
            return Ok(Err(format!("An account could not be made for the person: {refusal}")));
        }
        let warnings = complaints.iter().map(|one| format!("A claim was left out. {}", one.message));
        details.warnings.extend(warnings);
    }
}

/// Takes the value that a complaint is about out of the wish; tells whether there was one that may be missing.
fn leave_out(wish: &mut by_hand::LocalProfile, complaint: &Complaint) -> bool {
    let value = match complaint.field {
        "display_name" => &mut wish.profile.display_name,
        "given_name" => &mut wish.profile.given_name,
        "family_name" => &mut wish.profile.family_name,
        "email" => &mut wish.email,
        _ => return false,
    };
    value.take().is_some()
}
