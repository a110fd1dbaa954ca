//! What about single sign-on should worry an administrator.

use super::{certificates, keys, metadata, policy, settings};
use crate::db::Conn;
use crate::domain::expiry::Remaining;
use crate::error::Result;
use chrono::NaiveDateTime;

/// One worry: whether it is bad already, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worry {
    /// Whether sign-ins fail now.
    pub bad: bool,
    /// What is wrong and what to do.
    pub text: String,
}

/// All worries at `now`.
pub fn list(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Worry>> {
    let mut worries = Vec::new();
    let settings = settings::read(conn)?;
    let trusted = certificates::in_use(conn)?;
    // The longest valid comes first: while that one is good, Entra ID has what it needs here.
    if let Some(last) = trusted.first() {
        worries.extend(match last.remaining(now) {
            Remaining::Over => Some(Worry {
                bad: settings.enabled,
                text: format!(
                    "The signing certificate {}, {}, has expired: nobody can sign in with it.",
                    last.subject,
                    last.prints()
                ),
            }),
            Remaining::Soon(days) => Some(Worry {
                bad: false,
                text: format!(
                    "The signing certificate {}, {}, expires in {days} days.",
                    last.subject,
                    last.prints()
                ),
            }),
            Remaining::Long => None,
        });
    }
    if settings.enabled && trusted.iter().any(|one| !one.approved && !one.kept_at_upgrade) {
        let text = "An administrator added a signing certificate. It signs in nobody with a role until an owner approves of it.";
        worries.push(Worry { bad: false, text: text.to_owned() });
    }
    if settings.enabled && certificates::list(conn)?.iter().any(|one| one.withdrawn) {
        let text = "A signing certificate that an owner had removed was listed or added again. It signs in nobody until an \
                    owner approves of it, or removes it again.";
        worries.push(Worry { bad: false, text: text.to_owned() });
    }
    if let Some(former) = certificates::of_former_issuer(conn)?.first().filter(|_| settings.enabled) {
        let text = format!(
            "The issuer was changed, and the signing certificate {}, {}, is still trusted from before. An owner looks \
             under “Whom single sign-on trusts” whether the new one signs with it.",
            former.subject,
            former.prints()
        );
        worries.push(Worry { bad: false, text });
    }
    if let Some(fault) = metadata::reading(conn)?.fault.filter(|_| settings.refresh_metadata) {
        let text = format!("Entra ID's metadata could not be taken over at the daily reading. {fault}");
        worries.push(Worry { bad: false, text });
    }
    let uses_ours = settings.sign_requests || settings.require_encryption;
    if let Some(own) = keys::list(conn)?.first().filter(|_| uses_ours)
        && Remaining::of(own.not_after, now) != Remaining::Long
    {
        let text =
            "Our own certificate ends soon. Make the next one, upload it in Entra ID, then let it take over.";
        worries.push(Worry { bad: own.not_after <= now, text: text.to_owned() });
    }
    if policy::requirement_status(conn, now)?.requirement == policy::Requirement::Trial {
        let text =
            "Single sign-on is required on trial: confirm it within ten minutes, or it takes itself back.";
        worries.push(Worry { bad: false, text: text.to_owned() });
    }
    Ok(worries)
}
