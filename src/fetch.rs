//! Fetching a small document over HTTPS, within limits.
//!
//! Certificates are checked against those that the system trusts. Redirects are not followed: the document is where it
//! was said to be, or nowhere.

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect;
use std::error::Error as _;
use std::net::IpAddr;
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

/// Whatever is answered at `url` to these headers.
pub async fn ask(url: &Url, headers: &[(&str, &str)], limits: Limits) -> Result<Answer, Failure> {
    if !may_fetch(url) {
        return Err(Failure::Address);
    }
    let mut client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(limits.timeout)
        .user_agent(concat!("Rollcall/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        client = client.no_proxy();
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

    const LIMITS: Limits = Limits { timeout: Duration::from_millis(500), most: 100 };

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
        let silent = get(&answering(String::new()), LIMITS).await;
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
}
