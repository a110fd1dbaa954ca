//! What the settings of single sign-on must be to be kept.

use super::certificates;
use super::settings::{self, Settings};
use crate::address;
use crate::characters;
use crate::db::Conn;
use crate::error::{Complaint, Error, Result};
use url::Url;

const LONGEST: usize = 2048;
/// Microsoft lets an application allow five minutes.
const LARGEST_SKEW_S: i32 = 300;

/// The settings as they are kept, trimmed; refused with all that is wrong. Form, import, daily reading and command line
/// come through here.
pub(super) fn checked(wish: &Settings) -> Result<Settings> {
    let mut complaints = Vec::new();
    let trimmed = |value: &Option<String>| {
        value.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let mut url = |field, label, value: &Option<String>, example| {
        let value = trimmed(value)?;
        if !is_address(&value) {
            let message = format!("The {label} must be a complete https address, such as {example}");
            complaints.push(Complaint { field, message });
        } else if field != "metadata_url" && address::is_ipv6(&value) {
            let message = format!(
                "The {label} must lead to a host name: the pages’ security policy (Content-Security-Policy) can name no \
                 IPv6 address, so that browsers would not follow it."
            );
            complaints.push(Complaint { field, message });
        }
        Some(address::as_read(&value))
    };
    let entra = "https://login.microsoftonline.com/…";
    let login_url = url("login_url", "login URL", &wish.login_url, entra);
    let logout_url = url("logout_url", "logout URL", &wish.logout_url, entra);
    let metadata_url = url("metadata_url", "metadata URL", &wish.metadata_url, entra);
    let issuer = trimmed(&wish.issuer);
    // An issuer is a URI that need not be an address (SAML core section 8.3.6).
    let is_uri = |text: &str| text.len() <= LONGEST && is_one_word(text) && Url::parse(text).is_ok();
    if issuer.as_deref().is_some_and(|text| !is_uri(text)) {
        let message = "The issuer must be the Microsoft Entra Identifier, such as https://sts.windows.net/…/"
            .to_owned();
        complaints.push(Complaint { field: "issuer", message });
    }
    if let Some(hidden) = issuer.as_deref().and_then(characters::hidden) {
        let message = format!("The issuer holds {hidden}, which cannot be seen. Copy it from Entra ID anew.");
        complaints.push(Complaint { field: "issuer", message });
    }
    let match_claim = trimmed(&wish.match_claim);
    if match_claim.as_deref().is_some_and(|text| text.len() > LONGEST) {
        complaints
            .push(Complaint { field: "match_claim", message: "The claim's name is too long.".to_owned() });
    }
    if !(0..=LARGEST_SKEW_S).contains(&wish.skew_s) {
        let message = format!("The clocks may differ by 0 to {LARGEST_SKEW_S} seconds.");
        complaints.push(Complaint { field: "skew_s", message });
    }
    if wish.refresh_metadata && metadata_url.is_none() {
        let message = "Enter the metadata URL that is to be read every day.".to_owned();
        complaints.push(Complaint { field: "metadata_url", message });
    }
    if !complaints.is_empty() {
        return Err(Error::Invalid(complaints));
    }
    Ok(Settings { login_url, issuer, logout_url, match_claim, metadata_url, ..wish.clone() })
}

/// Refuses a change that switches single sign-on on while something is missing that it needs, or takes that away while
/// it is on. What was missing before is no fault of the change: an administrator may have switched on what waits for an
/// owner.
pub(super) fn complete(conn: &mut Conn, before: &Settings, wish: &Settings) -> Result<()> {
    if !wish.enabled {
        return Ok(());
    }
    let begins = !before.enabled;
    let certified = !begins || !certificates::in_use(conn)?.is_empty();
    let (needs, before) = (needs(wish, certified), needs(before, true));
    let missing: Vec<Complaint> = needs
        .into_iter()
        .zip(before)
        .filter(|(need, before)| !need.is_there && (begins || before.is_there))
        .map(|(Need { field, message, .. }, _)| Complaint { field, message: message.to_owned() })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Invalid(missing)) }
}

/// Something without which nobody can sign in by single sign-on.
struct Need {
    field: &'static str,
    message: &'static str,
    is_there: bool,
}

/// What single sign-on needs; `certified`: whether there is a certificate in use.
fn needs(settings: &Settings, certified: bool) -> [Need; 3] {
    let need = |field, message, is_there| Need { field, message, is_there };
    [
        need(
            "login_url",
            "Enter the login URL before switching single sign-on on.",
            settings.login_url.is_some(),
        ),
        need(
            "issuer",
            "Enter the Microsoft Entra Identifier before switching single sign-on on.",
            settings.issuer.is_some(),
        ),
        need("certificate", "Add a signing certificate before switching single sign-on on.", certified),
    ]
}

/// Whether all is in force that single sign-on needs.
pub fn is_complete(conn: &mut Conn) -> Result<bool> {
    let certified = !certificates::in_use(conn)?.is_empty();
    Ok(needs(&settings::read(conn)?, certified).iter().all(|need| need.is_there))
}

/// One to which browsers may be sent, without a name or a password in it.
fn is_address(text: &str) -> bool {
    text.len() <= LONGEST
        && is_one_word(text)
        && address::origin(text).is_some()
        && Url::parse(text).is_ok_and(|url| url.username().is_empty() && url.password().is_none())
}

/// A parser of addresses leaves line breaks out and trims: what is kept must be what was read.
fn is_one_word(text: &str) -> bool {
    !text
        .chars()
        .any(|char| char.is_whitespace() || char.is_control() || matches!(char, '"' | '<' | '>' | '\\' | '`'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_plain_host_and_nothing_that_a_header_would_read_as_its_own() {
        for good in [
            "https://login.microsoftonline.com/t/saml2",
            "https://xn--bcher-kva.example/saml2?x=1;y=2",
            "https://10.0.0.7:8443/saml2",
            "https://[2001:db8::7]/saml2",
            "http://127.0.0.1:7000/saml2",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "http://login.example/",
            "https://login.example;report-uri/",
            "https://login.example,evil.example/",
            "https://*.example/",
            "https://login.example'/",
            "https://login_eu.example/",
            "https://login..example/",
            "https://.example/",
            "https://login.example\"/",
            "https://user@login.example/",
            "https://:secret@login.example/",
            "https://login\n.example/",
            "https://login.example/\tx",
            "https://login.example /",
            "https:///",
            "javascript:alert(1)",
            "login.example",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        assert!(!is_address(&format!("https://login.example/{}", "x".repeat(LONGEST))));
    }
}
