//! Settings of the program, read once at start and passed down.
//!
//! A flag wins over a `ROLLCALL_*` variable, which wins over the TOML file, which wins over the default.

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use url::{Host, Url};

mod file;
mod listen;
mod log;

pub use file::File;
pub use listen::Listen;
pub use log::{LogFormat, filter as log_filter};

/// Microsoft's worldwide cloud.
const ENTRA_AUTHORITY: &str = "https://login.microsoftonline.com";

/// Far above the 25 a second that Entra ID sends, and above what a small machine serves: a limit for whoever wants one.
const USUAL_REQUESTS: u32 = 50_000;

/// What one source says; what it leaves out is up to the next.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// The folder of the database and the key file.
    pub data_dir: Option<PathBuf>,
    /// The address and port to listen on.
    pub listen: Option<String>,
    /// The address under which browsers and Entra ID reach the console.
    pub public_url: Option<String>,
    /// Where Entra ID publishes its signing keys.
    pub entra_authority: Option<String>,
    /// Reverse proxies that are believed when they say where a request comes from: addresses and networks.
    pub trusted_proxies: Option<Vec<String>>,
    /// The header in which they say it.
    pub forwarded_header: Option<ForwardedHeader>,
    /// Whether browsers are told to come over https to the hosts below the public address too.
    pub hsts_subdomains: Option<bool>,
    /// Minutes without a visit after which a session ends.
    pub session_idle_minutes: Option<u32>,
    /// Hours after which a session ends in any case.
    pub session_hours: Option<u32>,
    /// Requests a second that one SCIM credential may send.
    pub scim_requests_per_second: Option<u32>,
    /// Whether federation metadata may be fetched from private networks.
    pub metadata_from_private_networks: Option<bool>,
    /// What to log, in the syntax of tracing's `EnvFilter`.
    pub log: Option<String>,
    /// How to write the log.
    pub log_format: Option<LogFormat>,
}

/// The header in which reverse proxies say where a request comes from. One is believed, never both: a proxy that writes
/// one of them passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// The header's name, as people write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
        }
    }
}

impl FromStr for ForwardedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::XForwardedFor, Self::Forwarded];
        known
            .into_iter()
            .find(|header| header.word().eq_ignore_ascii_case(text))
            .ok_or_else(|| "it must be X-Forwarded-For or Forwarded".to_owned())
    }
}

impl TryFrom<String> for ForwardedHeader {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|must: String| format!("forwarded_header is “{text}”; {must}"))
    }
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the database and the key file.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 picks a free one.
    pub listen: Listen,
    /// The address under which browsers and Entra ID reach the console, if it isn't the one listened on.
    pub public_url: Option<Url>,
    /// Where Entra ID publishes its signing keys: another address in each of Microsoft's clouds.
    pub entra_authority: Url,
    /// Reverse proxies that are believed when they say where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say it.
    pub forwarded_header: ForwardedHeader,
    /// Whether browsers are told to come over https to the hosts below the public address too (RFC 6797 section 6.1.2).
    pub hsts_subdomains: bool,
    /// Minutes without a visit after which a session ends.
    pub session_idle_minutes: u32,
    /// Hours after which a session ends in any case.
    pub session_hours: u32,
    /// Requests a second that one SCIM credential may send; the rest hears 429.
    pub scim_requests_per_second: NonZeroU32,
    /// Whether federation metadata may be fetched from private networks, and over http from this machine.
    pub metadata_from_private_networks: bool,
    /// What to log.
    pub log: String,
    /// How to write the log.
    pub log_format: LogFormat,
    /// Whether a key without a database is the beginning of a new organisation: said for one start, never in a file.
    pub new_organisation: bool,
}

impl Settings {
    /// The address under which browsers reach the console: the public one, else the one listened on.
    #[must_use]
    pub fn reachable_at(&self) -> Url {
        self.public_url.clone().unwrap_or_else(|| self.listen.url(self.listen.port()))
    }
}

/// A setting that can't be used, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct BadSetting {
    /// Its name in the file, where it is one setting alone.
    pub key: Option<&'static str>,
    text: String,
}

impl BadSetting {
    fn new(text: String) -> Self {
        Self { key: None, text }
    }

    fn of(key: &'static str, text: String) -> Self {
        Self { key: Some(key), text }
    }
}

impl Partial {
    /// This, and where it says nothing the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(other.data_dir),
            listen: self.listen.or(other.listen),
            public_url: self.public_url.or(other.public_url),
            entra_authority: self.entra_authority.or(other.entra_authority),
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            forwarded_header: self.forwarded_header.or(other.forwarded_header),
            hsts_subdomains: self.hsts_subdomains.or(other.hsts_subdomains),
            session_idle_minutes: self.session_idle_minutes.or(other.session_idle_minutes),
            session_hours: self.session_hours.or(other.session_hours),
            scim_requests_per_second: self.scim_requests_per_second.or(other.scim_requests_per_second),
            metadata_from_private_networks: self
                .metadata_from_private_networks
                .or(other.metadata_from_private_networks),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
        }
    }

    /// The settings, with defaults for what nobody set.
    pub fn resolve(self) -> Result<Settings, BadSetting> {
        Ok(Settings {
            data_dir: data_dir(self.data_dir.unwrap_or_else(|| PathBuf::from("data")))?,
            listen: self.listen.as_deref().unwrap_or("127.0.0.1:8080").parse()?,
            public_url: self.public_url.map(|url| public_url(&url)).transpose()?,
            entra_authority: entra_authority(self.entra_authority.as_deref().unwrap_or(ENTRA_AUTHORITY))?,
            trusted_proxies: proxies(&self.trusted_proxies.unwrap_or_default())?,
            forwarded_header: self.forwarded_header.unwrap_or_default(),
            hsts_subdomains: self.hsts_subdomains.unwrap_or(false),
            session_idle_minutes: within(
                "session_idle_minutes",
                self.session_idle_minutes.unwrap_or(60),
                1..=1440,
            )?,
            session_hours: within("session_hours", self.session_hours.unwrap_or(12), 1..=168)?,
            scim_requests_per_second: a_second(self.scim_requests_per_second.unwrap_or(USUAL_REQUESTS))?,
            metadata_from_private_networks: self.metadata_from_private_networks.unwrap_or(false),
            log: log::rules(self.log.as_deref().unwrap_or("info"))?,
            log_format: self.log_format.unwrap_or_default(),
            new_organisation: false,
        })
    }
}

fn data_dir(folder: PathBuf) -> Result<PathBuf, BadSetting> {
    if folder.as_os_str().is_empty() {
        let text =
            "data_dir is empty; it must be a folder, such as /var/lib/rollcall, or . for the current one";
        return Err(BadSetting::of("data_dir", text.to_owned()));
    }
    Ok(folder)
}

fn proxies(texts: &[String]) -> Result<Vec<IpNet>, BadSetting> {
    texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(proxy).collect()
}

/// An address, or a network in the notation of RFC 4632.
fn proxy(text: &str) -> Result<IpNet, BadSetting> {
    let fault =
        |must: &str| BadSetting::of("trusted_proxies", format!("trusted_proxies has “{text}”; {must}"));
    let network: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse().map_err(|_| {
            fault("each must be an address or a network, such as 10.0.0.5, 10.0.0.0/8 or fd00::/8")
        })?,
    };
    if network.prefix_len() == 0 {
        return Err(fault("to trust every address would let each client choose its own"));
    }
    Ok(unmapped(network))
}

/// IPv4 networks in the clothes of IPv6 (RFC 4291 section 2.5.5.2) are IPv4 networks: addresses are compared as such.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

fn public_url(text: &str) -> Result<Url, BadSetting> {
    let fault = || {
        BadSetting::of(
            "public_url",
            format!(
                "public_url is “{text}”; it must be the https (or http) address of the console without path, such as \
             https://rollcall.example.com"
            ),
        )
    };
    let url = bare(text).ok_or_else(fault)?;
    if matches!(url.scheme(), "https" | "http") { Ok(url) } else { Err(fault()) }
}

fn entra_authority(text: &str) -> Result<Url, BadSetting> {
    let fault = || {
        BadSetting::of(
            "entra_authority",
            format!(
                "entra_authority is “{text}”; it must be an https address without path, such as {ENTRA_AUTHORITY} or \
             https://login.microsoftonline.us"
            ),
        )
    };
    let url = bare(text).ok_or_else(fault)?;
    let is_this_machine = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "https" || url.scheme() == "http" && is_this_machine { Ok(url) } else { Err(fault()) }
}

/// An address of a host, and nothing more.
fn bare(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let has_no_more = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (url.has_host() && has_no_more).then_some(url)
}

fn a_second(requests: u32) -> Result<NonZeroU32, BadSetting> {
    NonZeroU32::new(requests).ok_or_else(|| {
        let text = "scim_requests_per_second is 0; it must be at least 1".to_owned();
        BadSetting::of("scim_requests_per_second", text)
    })
}

fn within(name: &'static str, value: u32, range: std::ops::RangeInclusive<u32>) -> Result<u32, BadSetting> {
    if range.contains(&value) {
        return Ok(value);
    }
    let text = format!("{name} is {value}; it must be from {} to {}", range.start(), range.end());
    Err(BadSetting::of(name, text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sets_has_a_default() {
        let settings = Partial::default().resolve().unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.data_dir, PathBuf::from("data"));
    }

    #[test]
    fn the_first_source_that_speaks_wins() {
        let flag = Partial { listen: Some("127.0.0.1:1".into()), ..Partial::default() };
        let file =
            Partial { listen: Some("127.0.0.1:2".into()), session_hours: Some(3), ..Partial::default() };
        let settings = flag.or(file).resolve().unwrap();
        assert_eq!((settings.listen.port(), settings.session_hours), (1, 3));
    }

    #[test]
    fn a_bad_setting_is_named_with_what_it_must_be() {
        let refused = |partial: Partial| partial.resolve().unwrap_err().to_string();
        assert!(
            refused(Partial { listen: Some("8080".into()), ..Partial::default() }).contains("127.0.0.1:8080")
        );
        for url in ["ftp://x", "rollcall.example.com", "https://x/path", "https://x/?a=b"] {
            assert!(
                refused(Partial { public_url: Some(url.into()), ..Partial::default() })
                    .contains("public_url")
            );
        }
        assert!(refused(Partial { session_hours: Some(0), ..Partial::default() }).contains("from 1 to 168"));
    }

    #[test]
    fn the_authority_is_https_or_this_machine() {
        let resolve =
            |url: &str| Partial { entra_authority: Some(url.into()), ..Partial::default() }.resolve();
        let usual = Partial::default().resolve().unwrap();
        assert_eq!(usual.entra_authority.as_str(), "https://login.microsoftonline.com/");
        for url in ["https://login.microsoftonline.us", "http://127.0.0.1:8000", "http://[::1]:8000"] {
            assert!(resolve(url).is_ok(), "{url}");
        }
        for url in [
            "http://login.microsoftonline.com",
            "https://x/tenant",
            "https://a:b@x",
            "login",
            "ftp://127.0.0.1",
        ] {
            assert!(resolve(url).unwrap_err().to_string().contains("entra_authority"), "{url}");
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let resolve = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            Partial { trusted_proxies: Some(texts), ..Partial::default() }.resolve()
        };
        let told =
            resolve(&["10.0.0.5", "192.168.0.0/16", "fd00::/8", "::1", " ::ffff:10.0.0.0/104"]).unwrap();
        let told: Vec<String> = told.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.0.0.5/32", "192.168.0.0/16", "fd00::/8", "::1/128", "10.0.0.0/8"]);
        for text in ["10.0.0.0/33", "proxy.example.com", "10.0.0.5:80", "0.0.0.0/0", "::/0", "*"] {
            assert!(resolve(&[text]).unwrap_err().to_string().contains(text), "{text}");
        }
    }

    #[test]
    fn the_header_of_proxies_is_one_of_two() {
        let read = |text: &str| toml::from_str::<Partial>(text).map(|partial| partial.forwarded_header);
        assert_eq!(read("forwarded_header = 'forwarded'").unwrap(), Some(ForwardedHeader::Forwarded));
        assert_eq!(
            read("forwarded_header = 'X-Forwarded-For'").unwrap(),
            Some(ForwardedHeader::XForwardedFor)
        );
        assert!(read("forwarded_header = 'X-Real-IP'").unwrap_err().to_string().contains("X-Real-IP"));
        assert_eq!(Partial::default().resolve().unwrap().forwarded_header, ForwardedHeader::XForwardedFor);
    }
}
