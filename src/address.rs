//! Addresses that somebody entered and that browsers are sent to: what they must be, decided once for all who keep one or
//! write one out.

use std::net::IpAddr;
use url::{Host, Url};

/// RFC 1035 section 2.3.4.
const LONGEST_HOST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The origin of an address: scheme, host and port, made of nothing that means anything in a header's grammar. None if it
/// isn't https (or http to this very machine) to a plain host.
#[must_use]
pub fn origin(address: &str) -> Option<String> {
    // A parser of addresses leaves out line ends and tabs: what was stored is not what it reads.
    if address.chars().any(char::is_control) {
        return None;
    }
    let url = Url::parse(address).ok()?;
    let (is_plain, is_this_machine) = match url.host()? {
        Host::Domain(name) => (is_plain(name), name == "localhost"),
        Host::Ipv4(address) => (true, IpAddr::V4(address).is_loopback()),
        Host::Ipv6(address) => (true, IpAddr::V6(address).is_loopback()),
    };
    let is_secure = url.scheme() == "https" || url.scheme() == "http" && is_this_machine;
    let host = url.host_str()?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    (is_secure && is_plain).then(|| format!("{}://{host}{port}", url.scheme()))
}

/// Whether the host is an IPv6 address. No source of a Content-Security-Policy can be one, so that browsers refuse a form
/// that leads there.
#[must_use]
pub fn is_ipv6(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| matches!(url.host(), Some(Host::Ipv6(_))))
}

/// An address as whoever follows it reads it: its host in ASCII (RFC 5890), other letters as escapes. So nobody takes it
/// for another one that looks the same. Where it is written so already, it stays as it is.
#[must_use]
pub fn as_read(address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return address.to_owned() };
    let is_spelt_out = url.host_str().is_none_or(|host| {
        let lower = address.to_ascii_lowercase();
        let rest = lower.split_once(':').map_or("", |(_, rest)| rest);
        rest.trim_start_matches('/').starts_with(host)
    });
    if address.is_ascii() && is_spelt_out { address.to_owned() } else { url.to_string() }
}

/// Whether a name is made of letters, digits and hyphens between dots, and so of one host: no wildcard either. An
/// underscore is none of these (RFC 1123 section 2.1), and no source of a Content-Security-Policy can hold one.
fn is_plain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // A dot at the end stands for the root of names.
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= LONGEST_HOST && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_shown_as_it_is_looked_up() {
        for same in [
            "https://login.microsoftonline.com/t/saml2?x=1;y=2",
            "https://Login.MicrosoftOnline.com",
            "https://xn--bcher-kva.example/saml2",
            "https://sts.windows.net/5c3e7f80-1a2b-4c3d-8e4f-0123456789ab/",
            "urn:example:idp",
            "https://127.0.0.1:8443/x",
            "https://[2001:db8::7]/x",
        ] {
            assert_eq!(as_read(same), same);
        }
        for (typed, read) in [
            ("https://l\u{43e}gin.example/x", "https://xn--lgin-55d.example/x"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example/"),
            ("https://l%D0%BEgin.example/x", "https://xn--lgin-55d.example/x"),
            ("https://\u{ff4c}ogin.example/x", "https://login.example/x"),
            ("https://login\u{3002}example/x", "https://login.example/x"),
            ("https://0x7f.1/x", "https://127.0.0.1/x"),
            ("https://login.example/\u{430}", "https://login.example/%D0%B0"),
            ("urn:example:\u{430}", "urn:example:%D0%B0"),
        ] {
            assert_eq!(as_read(typed), read, "{typed}");
            assert_eq!(as_read(read), read);
        }
    }
}
