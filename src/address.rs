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
