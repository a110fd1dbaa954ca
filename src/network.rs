//! Addresses of clients: one spelling for each, and the blocks that one party usually holds.
//!
//! Whoever counts by address counts by [`Block`] too: a single subscriber holds a whole IPv6 /64 (RFC 6177), and an
//! IPv4 /24 is the smallest piece that is routed on the internet.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::IpAddr;

const BLOCK_V4: u8 = 24;
const BLOCK_V6: u8 = 64;
const END_SITE_V6: u8 = 48;

/// The neighbourhood of an address: its /24 (IPv4) or its /64 (IPv6). An IPv4-mapped IPv6 address (RFC 4291 section
/// 2.5.5.2) is in the block of the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(IpNet);

impl Block {
    /// The block of this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        // Both lengths are within their families', so that these constructors assert nothing.
        let net = match address.to_canonical() {
            IpAddr::V4(address) => IpNet::V4(Ipv4Net::new_assert(address, BLOCK_V4)),
            IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, BLOCK_V6)),
        };
        Self(net.trunc())
    }
}

/// As `203.0.113.0/24`.
impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The block of an address that is at hand as text, as the log keeps it; text that is no address is its own block.
#[must_use]
pub fn block(address: &str) -> String {
    address.parse().map_or_else(|_| address.to_owned(), |address| Block::of(address).to_string())
}

/// What a single subscriber holds, of an address that is at hand as text: an IPv4 address, or the /64 of an IPv6 address;
/// text that is no address stands for itself.
#[must_use]
pub fn subscriber(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Ok(IpAddr::V6(_)) | Err(_) => block(address),
    }
}

/// What one party holds at the most where each takes turns with others, of an address that is at hand as text: its /24
/// (IPv4), or the /48 that an end site may have (IPv6, RFC 6177 section 2).
#[must_use]
pub fn end_site(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(v6)) => Ipv6Net::new_assert(v6, END_SITE_V6).trunc().to_string(),
        Ok(IpAddr::V4(_)) | Err(_) => block(address),
    }
}

/// Whether an address is in one of these networks, whichever way either is spelt.
#[must_use]
pub fn is_within(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address.to_canonical()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_block() {
        for (one, other) in [
            ("192.0.2.1", "192.0.2.255"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("::ffff:192.0.2.9", "192.0.2.1"),
        ] {
            assert_eq!(block(one), block(other), "{one}, {other}");
        }
        for (one, other) in [("192.0.2.1", "192.0.3.1"), ("2001:db8:1:2::1", "2001:db8:1:3::1")] {
            assert_ne!(block(one), block(other), "{one}, {other}");
        }
        assert_eq!(block("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(block("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
        assert_eq!(block("unknown"), "unknown");
        assert_eq!(subscriber("::ffff:192.0.2.77"), "192.0.2.77");
        assert_eq!(subscriber("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
        assert_eq!(subscriber("unknown"), "unknown");
        assert_eq!(end_site("2001:db8:1:2:3::4"), end_site("2001:db8:1:ffff::1"));
        assert_eq!(end_site("192.0.2.77"), "192.0.2.0/24");
    }
}
