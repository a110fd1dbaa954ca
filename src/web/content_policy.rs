//! The Content-Security-Policy of every answer (W3C Content Security Policy Level 3).
//!
//! What somebody entered as an address comes into it only as a [`Source`], which can hold nothing that means anything
//! in the header's grammar: a host of `x;script-src` would otherwise write the policy on.

use crate::address;
use actix_web::http::header::HeaderValue;
use std::fmt;

/// No inline script or style, nothing from elsewhere, no frames: what the pages need and no more.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// The origin of an address, as a source expression that names one host: scheme, host and port (section 2.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source(String);

impl Source {
    /// The origin of this address; none if it isn't https (or http to this very machine) to a plain host.
    pub(super) fn of(address: &str) -> Option<Self> {
        address::origin(address).map(Self)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The policy of a page whose forms lead on to these: browsers hold redirects after a form against it.
pub(super) fn policy(forms_lead_to: &[Source]) -> HeaderValue {
    let mut text = POLICY.to_owned();
    for source in forms_lead_to {
        text = format!("{text} {source}");
    }
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(POLICY))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_a_plain_host_is_a_source() {
        for (address, source) in [
            ("https://login.microsoftonline.com/tenant/saml2", "https://login.microsoftonline.com"),
            ("https://login.microsoftonline.us:8443/x?y#z", "https://login.microsoftonline.us:8443"),
            ("https://LOGIN.example.com:443/", "https://login.example.com"),
            ("https://user:secret@login.example.com/", "https://login.example.com"),
            ("https://bücher.example/", "https://xn--bcher-kva.example"),
            ("https://192.0.2.7/", "https://192.0.2.7"),
            ("https://[2001:db8::7]:8443/", "https://[2001:db8::7]:8443"),
            ("https://idp.example.com./", "https://idp.example.com."),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000"),
            ("http://[::1]:9000/x", "http://[::1]:9000"),
            ("http://localhost:9000/x", "http://localhost:9000"),
        ] {
            assert_eq!(Source::of(address).unwrap().to_string(), source, "{address}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for address in [
            "https://x;script-src/",
            "https://x;/",
            "https://x,https://y/",
            "https://x,y/",
            "https://'unsafe-inline'/",
            "https://x'/",
            "https://x\"y/",
            "https://*/",
            "https://*.example.com/",
            "https://x..y/",
            "https://a_b.example.com/",
            "https://x%3Bscript-src/",
            "https://x%20y/",
            "https://x y/",
            "https://x\ny/",
            "https://x\ty/",
            "https://x\u{0}y/",
            "https://x\u{7f}y/",
            "https:// /",
            "https://$/",
            "https://(x)/",
            "https://{x}/",
            "http://login.example.com/",
            "http://127.0.0.1.example.com/",
            "data:text/html,x",
            "javascript:alert(1)",
            "blob:https://x/y",
            "ftp://x/",
            "//x/",
            "x",
            "",
        ] {
            assert_eq!(Source::of(address), None, "{address}");
        }
        assert_eq!(Source::of(&format!("https://{}.example.com/", "x".repeat(64))), None);
    }

    #[test]
    fn a_policy_names_what_forms_lead_to_and_stays_one_policy() {
        let sources: Vec<Source> = ["https://a.example", "https://b;x", "https://c.example:1"]
            .into_iter()
            .filter_map(Source::of)
            .collect();
        let policy = policy(&sources);
        let policy = policy.to_str().unwrap();
        assert!(policy.ends_with("; form-action 'self' https://a.example https://c.example:1"), "{policy}");
        assert_eq!(policy.matches(';').count(), POLICY.matches(';').count());
    }
}
