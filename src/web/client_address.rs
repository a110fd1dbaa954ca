//! Which address a request comes from, past the proxies that the settings name.
//!
//! A proxy appends the address that it was reached from; what stands further left was written by whoever came to it, and
//! may be made up. So the list is read from the right, as far as named proxies vouch for it, and no further than it can
//! be read: what stands to the left of an unreadable entry was vouched for by nobody.

use super::AppState;
use super::extract::app_state;
use super::page::Failure;
use crate::config::ForwardedHeader;
use crate::network::{self, is_within};
use crate::pool::{QueueKey, Requester};
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use chrono::{NaiveDateTime, TimeDelta};
use ipnet::IpNet;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

mod forwarded;

/// The address that the request comes from, past the proxies that the settings trust.
pub(super) struct Address(pub(super) String);

impl Address {
    /// As whose job slow work waits that a stranger at this address asked for: of its network.
    pub(super) fn requester(&self) -> Requester {
        Requester::Stranger(QueueKey::within(&network::end_site(&self.0), &self.0))
    }
}

impl FromRequest for Address {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(app_state(request).map(|state| Self(client_address(state, request))).map_err(Failure))
    }
}

/// The address that a request comes from, as text for logs and counters.
pub(super) fn client_address(state: &AppState, request: &HttpRequest) -> String {
    let Some(peer) = request.peer_addr() else { return "unknown".to_owned() };
    state.0.proxies.client(peer.ip(), request.headers()).to_string()
}

/// The proxies that are believed, and the one header in which they are.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// The header that they write. The other one is not looked at: a proxy that writes one of them passes the other on
    /// as the client sent it.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// Whether this is the address of a named proxy.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        is_within(&self.networks, address)
    }

    /// The nearest address that no named proxy has, or where the list ends or can't be read, the last that is known for
    /// sure.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.to_canonical();
        if !self.has(nearest) {
            return nearest;
        }
        for hop in self.hops(headers).into_iter().rev() {
            let Some(hop) = hop else { return nearest };
            nearest = hop;
            if !self.has(nearest) {
                return nearest;
            }
        }
        nearest
    }

    /// The entries of the header from left to right, the lines of which are one list (RFC 9110 section 5.3); none for
    /// each that can't be read.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let lines = headers.get_all(self.name()).map(|line| String::from_utf8_lossy(line.as_bytes()));
        match self.header {
            ForwardedHeader::XForwardedFor => {
                // Empty elements of a list mean nothing (RFC 9110 section 5.6.1.2).
                let said = |line: &str| {
                    let hops = line.split(',').filter(|text| !text.trim_matches([' ', '\t']).is_empty());
                    hops.map(hop).collect::<Vec<_>>()
                };
                lines.flat_map(|line| said(&line)).collect()
            }
            ForwardedHeader::Forwarded => lines.flat_map(|line| forwarded::hops(&line)).collect(),
        }
    }

    fn name(&self) -> HeaderName {
        match self.header {
            ForwardedHeader::XForwardedFor => header::X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        }
    }

    /// The peer, if it sends the header although nobody named it: a proxy that was forgotten, or somebody who pretends.
    pub(super) fn unnamed(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        (request.headers().contains_key(self.name()) && !self.has(peer)).then_some(peer)
    }
}

/// An address as proxies write it: alone, with a port, IPv6 also in brackets.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let alone = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    alone.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// So often a proxy that nobody named is written into the log.
const LOG_EVERY: TimeDelta = TimeDelta::hours(1);
/// So long Home speaks of one after it was last seen.
const TELL_FOR: TimeDelta = TimeDelta::hours(24);
/// So many are told apart: anybody may send the header.
const MOST_TOLD: usize = 10;

/// Peers that send a header of proxies but are not named as such, kept while the program runs.
#[derive(Default)]
pub(super) struct UnnamedProxies(Mutex<PeerCounts>);

#[derive(Default)]
struct PeerCounts {
    peers: Vec<Peer>,
    logged_at: Option<NaiveDateTime>,
}

impl PeerCounts {
    /// Counts a request of a peer. Where there are too many, one that sends little makes room and hands its count on, so
    /// that whoever sends most is always among them (Metwally and others, *Space-Saving*).
    fn count(&mut self, address: IpAddr, now: NaiveDateTime) {
        self.peers.retain(|peer| (now - peer.last_at).abs() < TELL_FOR);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.address == address) {
            (peer.last_at, peer.requests) = (now, peer.requests + 1);
            return;
        }
        let mut requests = 1;
        if self.peers.len() >= MOST_TOLD {
            let least = (0..self.peers.len()).min_by_key(|place| self.peers[*place].requests);
            requests += least.map_or(0, |place| self.peers.swap_remove(place).requests);
        }
        self.peers.push(Peer { address, last_at: now, requests });
    }
}

#[derive(Clone, Copy)]
struct Peer {
    address: IpAddr,
    last_at: NaiveDateTime,
    requests: u64,
}

impl UnnamedProxies {
    /// Notes such a peer, and writes a line into the log unless there was one within the hour.
    pub(super) fn note(&self, proxies: &Proxies, peer: IpAddr, now: NaiveDateTime) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count(peer, now);
        if seen.logged_at.is_none_or(|at| (now - at).abs() >= LOG_EVERY) {
            seen.logged_at = Some(now);
            let header = proxies.header.word();
            tracing::warn!(%peer, header, "a proxy that is not named in trusted_proxies sends this header");
        }
    }

    /// The sentence for Home, if there is reason for one.
    pub(super) fn told(&self, proxies: &Proxies, now: NaiveDateTime) -> Option<String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peers: Vec<Peer> =
            seen.peers.iter().copied().filter(|peer| (now - peer.last_at).abs() < TELL_FOR).collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.requests));
        let first = peers.first()?.address;
        let more = match peers.len() - 1 {
            0 => String::new(),
            1 => " and another".to_owned(),
            count => format!(" and {count} others"),
        };
        Some(format!(
            "A proxy at {first}{more} sends {} but is not named in --trusted-proxy, so its clients are counted as one. \
             Name it if it is yours; if not, somebody pretends to be one.",
            proxies.header.word()
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    const PROXY: &str = "10.0.0.5";

    fn client(header: ForwardedHeader, peer: &str, lines: &[&str]) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let proxies = Proxies { networks, header };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(proxies.name(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        // The other header is the client's own, whatever it says.
        let other = Proxies {
            header: match header {
                ForwardedHeader::Forwarded => ForwardedHeader::XForwardedFor,
                ForwardedHeader::XForwardedFor => ForwardedHeader::Forwarded,
            },
            ..Proxies::default()
        };
        headers.append(other.name(), HeaderValue::from_static("for=6.6.6.6"));
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_list_is_read_from_the_right_and_no_further_than_it_can_be_read() {
        let from = |lines: &[&str]| client(ForwardedHeader::XForwardedFor, PROXY, lines);
        for (lines, address) in [
            (&["6.6.6.6, 9.9.9.9:51234"][..], "9.9.9.9"),
            (&["6.6.6.6, 9.9.9.9"], "9.9.9.9"),
            (&["6.6.6.6,[2001:db8::9]:443"], "2001:db8::9"),
            (&["6.6.6.6, [2001:db8::9]"], "2001:db8::9"),
            (&["6.6.6.6, 2001:db8::9"], "2001:db8::9"),
            (&["6.6.6.6, ::ffff:9.9.9.9"], "9.9.9.9"),
            (&["6.6.6.6, [::ffff:9.9.9.9]:1"], "9.9.9.9"),
            // Past named proxies, however many lines they wrote.
            (&["6.6.6.6, 9.9.9.9, 10.1.1.1, 10.2.2.2:80"], "9.9.9.9"),
            (&["6.6.6.6", "9.9.9.9", "10.1.1.1"], "9.9.9.9"),
            (&["6.6.6.6, 9.9.9.9, ::ffff:10.1.1.1"], "9.9.9.9"),
            // What can't be read ends it at the last address that is sure.
            (&["6.6.6.6, nonsense"], PROXY),
            (&["6.6.6.6, 10.1.1.1, nonsense"], PROXY),
            (&["6.6.6.6, nonsense, 10.1.1.1"], "10.1.1.1"),
            (&["6.6.6.6, 9.9.9.9:"], PROXY),
            (&["6.6.6.6, 9.9.9.9:99999"], PROXY),
            (&["6.6.6.6, 09.9.9.9"], PROXY),
            (&["6.6.6.6, unknown"], PROXY),
            (&["6.6.6.6, [9.9.9.9]"], PROXY),
            (&["6.6.6.6, 9.9.9.9, "], "9.9.9.9"),
            (&["6.6.6.6,, 9.9.9.9, ,"], "9.9.9.9"),
            (&["6.6.6.6", ""], "6.6.6.6"),
            (&["6.6.6.6, \u{e9}"], PROXY),
            (&["10.1.1.1"], "10.1.1.1"),
            (&[], PROXY),
        ] {
            assert_eq!(from(lines), address, "{lines:?}");
        }
    }

    #[test]
    fn whoever_is_not_a_named_proxy_is_not_believed() {
        let header = ForwardedHeader::XForwardedFor;
        assert_eq!(client(header, "192.0.2.1", &["6.6.6.6"]), "192.0.2.1");
        assert_eq!(client(header, "::ffff:10.0.0.5", &["9.9.9.9"]), "9.9.9.9");
        assert_eq!(client(ForwardedHeader::Forwarded, "192.0.2.1", &["for=6.6.6.6"]), "192.0.2.1");
    }

    #[test]
    fn the_standard_header_is_read_as_its_grammar_says() {
        let from = |lines: &[&str]| client(ForwardedHeader::Forwarded, PROXY, lines);
        for (lines, address) in [
            (&["for=6.6.6.6, for=9.9.9.9"][..], "9.9.9.9"),
            (&["for=6.6.6.6, For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=6.6.6.6, for=9.9.9.9;proto=https;by=10.0.0.5"], "9.9.9.9"),
            (&["for=6.6.6.6, proto=https ; FOR=\"9.9.9.9:1\""], "9.9.9.9"),
            (&["for=6.6.6.6, host=\"a,b;for=6.6.6.6\";for=9.9.9.9"], "9.9.9.9"),
            (&["for=6.6.6.6, for=\"9.\\9.9.9\""], "9.9.9.9"),
            (&["for=6.6.6.6, for=9.9.9.9, for=10.1.1.1"], "9.9.9.9"),
            (&["for=6.6.6.6", "for=9.9.9.9", "for=\"10.1.1.1:80\""], "9.9.9.9"),
            // Empty elements of a list mean nothing (RFC 9110 section 5.6.1.2).
            (&["for=6.6.6.6, for=9.9.9.9,, "], "9.9.9.9"),
            // A port that hides itself (RFC 7239 section 6) hides no address.
            (&["for=6.6.6.6, for=\"9.8.5.1:_obf\""], "9.8.5.1"),
            (&["for=6.6.6.6, for=\"[2001:db8::9]:_p-o.r_t\""], "2001:db8::9"),
            (&["for=6.6.6.6, for=\"9.8.5.1:_\""], PROXY),
            (&["for=6.6.6.6, for=\"9.8.5.1:_a b\""], PROXY),
            (&["for=6.6.6.6, for=\"2001:db8::9:_port\""], PROXY),
            (&["for=6.6.6.6, for=_hidden"], PROXY),
            (&["for=6.6.6.6, for=unknown"], PROXY),
            (&["for=6.6.6.6, for=\"_hidden:80\", for=10.1.1.1"], "10.1.1.1"),
            (&["for=6.6.6.6, proto=https"], PROXY),
            (&["for=6.6.6.6, for=9.9.9.9;for=7.7.7.7"], PROXY),
            // An open quotation mark that a client sent swallows what the proxy appends.
            (&["for=\"6.6.6.6, for=9.9.9.9"], PROXY),
            (&["for=\", for=\"[2001:db8::9]:1\""], PROXY),
            (&["for=9.9.9.9, for=\"6.6.6.6\"x"], PROXY),
            (&["for = 9.9.9.9"], PROXY),
            (&["9.9.9.9"], PROXY),
            (&[], PROXY),
        ] {
            assert_eq!(from(lines), address, "{lines:?}");
        }
    }

    #[test]
    fn proxies_that_nobody_named_are_told_of_and_bounded() {
        let (unnamed, proxies) = (UnnamedProxies::default(), Proxies::default());
        let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
        assert_eq!(unnamed.told(&proxies, now), None);
        for last in 0..250 {
            unnamed.note(&proxies, IpAddr::from([10, 0, 0, last]), now);
            // The one that was forgotten sends more than any of those who pretend, whenever it comes.
            unnamed.note(&proxies, IpAddr::from([192, 0, 2, 1]), now);
        }
        let told = unnamed.told(&proxies, now).unwrap();
        assert!(told.starts_with("A proxy at 192.0.2.1 and 9 others sends X-Forwarded-For"), "{told}");
        assert_eq!(unnamed.told(&proxies, now + TELL_FOR), None);
        unnamed.note(&proxies, IpAddr::from([10, 0, 0, 77]), now + TELL_FOR);
        assert!(unnamed.told(&proxies, now + TELL_FOR).unwrap().contains("10.0.0.77 sends"));
    }
}
