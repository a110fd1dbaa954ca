//! Fetching a small document over HTTPS, within limits.
//!
//! Certificates are checked against those that the system trusts. Redirects are not followed: the document is where it
//! was said to be, or nowhere.

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect;
use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};

/// How long a fetch may take, and how much it may bring.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte sent to the last one read.
    pub timeout: Duration,
    /// The largest document, in bytes.
    pub most: usize,
}

/// Why nothing was fetched, in words for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The address is not one that may be fetched.
    #[error("the address is not https")]
    Address,
    /// It leads into a network that is not public.
    #[error("the address leads into a private network")]
    Private,
    /// No answer, or none in time.
    #[error("{0}")]
    Unreachable(String),
    /// An answer other than the document.
    #[error("the answer was HTTP status {0}")]
    Status(u16),
    /// More than the limit.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Whether `url` may be fetched: over https, or over http from this very machine.
#[must_use]
pub fn may_fetch(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// What was answered, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type, as it was sent.
    pub media_type: String,
    /// Where a redirect would lead.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The document at `url`.
pub async fn get(url: &Url, limits: Limits) -> Result<Vec<u8>, Failure> {
    let answer = ask(url, &[], limits).await?;
    if answer.status == 200 { Ok(answer.body) } else { Err(Failure::Status(answer.status)) }
}

/// The document at `url`, which somebody typed in: unless private networks are allowed, every address that its host has
/// must be public, and the one that is then connected to is one of those, whatever the name means by that time. No proxy
/// is used: it would look the name up itself, and may reach private networks.
pub async fn get_public(url: &Url, limits: Limits, allow_private: bool) -> Result<Vec<u8>, Failure> {
    if allow_private {
        return get(url, limits).await;
    }
    if url.scheme() != "https" {
        return Err(Failure::Address);
    }
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(Failure::Address)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let looked_up = tokio::time::timeout(limits.timeout, tokio::net::lookup_host((bare, port))).await;
    let found: Vec<SocketAddr> = match looked_up {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(cause)) => return Err(Failure::Unreachable(cause.to_string())),
        Err(_) => return Err(Failure::Unreachable("there was no answer in time".to_owned())),
    };
    if !found.iter().all(|address| is_public(address.ip())) {
        return Err(Failure::Private);
    }
    let answer = send(url, &[], limits, Some((host, &found))).await?;
    if answer.status == 200 { Ok(answer.body) } else { Err(Failure::Status(answer.status)) }
}

/// Whatever is answered at `url` to these headers.
pub async fn ask(url: &Url, headers: &[(&str, &str)], limits: Limits) -> Result<Answer, Failure> {
    if !may_fetch(url) {
        return Err(Failure::Address);
    }
    send(url, headers, limits, None).await
}

/// Sends a request, to one of these addresses of the host if they are given.
async fn send(
    url: &Url,
    headers: &[(&str, &str)],
    limits: Limits,
    pinned: Option<(&str, &[SocketAddr])>,
) -> Result<Answer, Failure> {
    let mut client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(limits.timeout)
        .user_agent(concat!("Rollcall/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        client = client.no_proxy();
    }
    if let Some((host, addresses)) = pinned {
        client = client.no_proxy().resolve_to_addrs(host, addresses);
    }
    let client = client.build().map_err(|cause| unreachable(&cause))?;
    let request =
        headers.iter().fold(client.get(url.clone()), |request, (name, value)| request.header(*name, *value));
    let mut response = request.send().await.map_err(|cause| unreachable(&cause))?;
    let header = |name| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let (media_type, location) = (header(CONTENT_TYPE).unwrap_or_default(), header(LOCATION));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|cause| unreachable(&cause))? {
        if body.len() + chunk.len() > limits.most {
            return Err(Failure::TooLarge(limits.most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status().as_u16(), media_type, location, body })
}

/// Whether everybody on the internet would reach the same machine there (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast();
    let reserved = match address.octets() {
        // "This network" and what is reserved, protocol assignments, and the relays of 6to4 that are no more (RFC 7526).
        [0 | 240..=255, ..] | [192, 0, 0, _] | [192, 88, 99, _] => true,
        [100, second, ..] => (64..128).contains(&second),
        [198, second, ..] => matches!(second, 18 | 19),
        _ => false,
    };
    !special && !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // An IPv4 address in other clothes: mapped (RFC 4291), translated (RFC 6052) or tunnelled (RFC 3056).
    let within = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => within(high, low),
        // Protocol assignments (Teredo, benchmarks, ORCHID) and both blocks for documentation (RFC 3849, RFC 9637).
        [0x2001, 0xdb8 | 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only this block is given out for the internet at large: not local translation (64:ff9b:1::/48), the discard
        // and dummy prefixes (100::/64, 100:0:0:1::/64), segment routing (5f00::/16), nor what is local by its name.
        [first, ..] => (first & 0xe000) == 0x2000,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What lies at the bottom says most: “connection refused” rather than “error sending request”.
fn unreachable(cause: &reqwest::Error) -> Failure {
    if cause.is_timeout() {
        return Failure::Unreachable("there was no answer in time".to_owned());
    }
    let mut deepest = cause.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    Failure::Unreachable(deepest.map_or_else(|| cause.to_string(), ToString::to_string))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A busy machine may take long to answer.
    const LIMITS: Limits = Limits { timeout: Duration::from_mins(1), most: 100 };
    /// For whom nobody answers: it is waited out.
    const IMPATIENT: Limits = Limits { timeout: Duration::from_millis(200), ..LIMITS };

    /// Answers one request with these bytes, and keeps silent where there are none.
    fn answering(answer: String) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/document", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            if answer.is_empty() {
                let _ = stream.read(&mut request);
            }
        });
        url
    }

    fn with_body(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    #[actix_web::test]
    async fn a_document_within_the_limits_is_fetched() {
        assert_eq!(get(&answering(with_body("hello")), LIMITS).await.unwrap(), b"hello");
    }

    #[actix_web::test]
    async fn what_is_too_large_too_slow_or_elsewhere_is_not() {
        let large = answering(with_body(&"x".repeat(101)));
        assert_eq!(get(&large, LIMITS).await, Err(Failure::TooLarge(100)));
        let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(get(&answering(elsewhere.to_owned()), LIMITS).await, Err(Failure::Status(302)));
        let silent = get(&answering(String::new()), IMPATIENT).await;
        assert_eq!(silent, Err(Failure::Unreachable("there was no answer in time".to_owned())));
    }

    #[actix_web::test]
    async fn what_cannot_prove_itself_over_https_is_not_fetched_from() {
        let mut plain = answering(with_body("hello"));
        plain.set_scheme("https").unwrap();
        assert!(matches!(get(&plain, LIMITS).await, Err(Failure::Unreachable(_))));
        let nobody = "https://127.0.0.1:1/".parse().unwrap();
        assert!(matches!(get(&nobody, LIMITS).await, Err(Failure::Unreachable(_))));
        let other = "ftp://127.0.0.1/".parse().unwrap();
        assert_eq!(get(&other, LIMITS).await, Err(Failure::Address));
    }

    #[test]
    fn only_https_and_this_machine_may_be_fetched_from() {
        let may = |url: &str| may_fetch(&url.parse().unwrap());
        assert!(may("https://login.microsoftonline.com/x"));
        assert!(may("http://127.0.0.1:8000/x") && may("http://[::1]/x") && may("http://localhost/x"));
        assert!(!may("http://login.microsoftonline.com/x"));
        assert!(!may("http://127.0.0.1.example.com/x"));
        assert!(!may("file:///etc/passwd"));
    }

    #[actix_web::test]
    async fn what_somebody_typed_in_is_not_fetched_from_private_networks() {
        let fetched = async |url: &str| get_public(&url.parse().unwrap(), LIMITS, false).await;
        for url in
            ["https://127.0.0.1:1/", "https://[::1]:1/", "https://localhost:1/", "https://169.254.169.254/"]
        {
            assert_eq!(fetched(url).await, Err(Failure::Private), "{url}");
        }
        for url in ["https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://0x7f000001/"] {
            assert_eq!(fetched(url).await, Err(Failure::Private), "{url}");
        }
        assert_eq!(fetched("http://127.0.0.1:1/").await, Err(Failure::Address));
        let allowed = answering(with_body("hello"));
        assert_eq!(get_public(&allowed, LIMITS, true).await.unwrap(), b"hello");
    }

    /// Where the next test connects to when it is its own helper; no setting of the program's.
    const PINNED: &str = "TEST_PINNED_ADDRESS";

    #[test]
    fn an_address_that_was_looked_at_is_connected_to_past_any_proxy() {
        if let Ok(address) = std::env::var(PINNED) {
            return actix_web::rt::System::new().block_on(fetch_from_pinned(address.parse().unwrap()));
        }
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (proxy, pinned) = (listen(), listen());
        let through = format!("http://{}", proxy.local_addr().unwrap());
        // The environment is read from a process of its own, in which this test is a helper and nothing else runs.
        let mut helper = std::process::Command::new(std::env::current_exe().unwrap());
        let own = "fetch::tests::an_address_that_was_looked_at_is_connected_to_past_any_proxy";
        helper.args(["--exact", own]);
        helper.env(PINNED, pinned.local_addr().unwrap().to_string());
        helper.envs(["HTTPS_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, &through)));
        let mut helper = helper.spawn().unwrap();
        drop(pinned.accept().unwrap());
        helper.wait().unwrap();
        proxy.set_nonblocking(true).unwrap();
        assert!(proxy.accept().is_err(), "nobody came to the proxy");
    }

    async fn fetch_from_pinned(address: SocketAddr) {
        let url = format!("https://idp.example:{}/", address.port()).parse().unwrap();
        let _ = send(&url, &[], LIMITS, Some(("idp.example", &[address]))).await;
    }

    #[test]
    fn public_addresses_are_told_from_others() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for text in [
            "20.190.128.1",
            "1.1.1.1",
            "2603:1006:2000::1",
            "2002:101:101::",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
            "3fff:1000::1",
            "2001:200::1",
        ] {
            assert!(public(text), "{text}");
        }
        let others = [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "198.18.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "fc00::1",
            "fe80::1",
            "::",
            "::1",
            "2001:db8::1",
            "2002:a00:1::",
            "::ffff:192.168.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::101:101",
            "64:ff9b:0:0:1::101:101",
            "192.88.99.1",
            "100::1",
            "100:0:0:1::1",
            "5f00::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "::10.0.0.1",
            "::1.1.1.1",
            "ff02::1",
            "fec0::1",
        ];
        for text in others {
            assert!(!public(text), "{text}");
        }
    }
}
