//! Where the program listens.

use super::BadSetting;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use url::{Host, Url};

/// An address and a port, or the name of a host of this machine and a port, such as `localhost:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// By address.
    Address(SocketAddr),
    /// By name: which addresses it has is asked when they are needed.
    Name {
        /// The host.
        host: String,
        /// The port; 0 picks a free one.
        port: u16,
    },
}

impl FromStr for Listen {
    type Err = BadSetting;

    fn from_str(text: &str) -> Result<Self, BadSetting> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let name = || {
            let (host, port) = text.rsplit_once(':')?;
            let Ok(Host::Domain(host)) = Host::parse(host) else { return None };
            Some(Self::Name { host, port: port.parse().ok()? })
        };
        name().ok_or_else(|| {
            BadSetting::of(
                "listen",
                format!(
                    "listen is “{text}”; it must be an address and a port, such as 127.0.0.1:8080, [::1]:8080 or \
                     localhost:8080"
                ),
            )
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl Listen {
    /// The addresses, each once: of a name those of IPv4 first, which every client of this machine tries.
    pub fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        match self {
            Self::Address(address) => Ok(vec![*address]),
            Self::Name { host, port } => {
                let mut found: Vec<SocketAddr> = (host.as_str(), *port).to_socket_addrs()?.collect();
                found.sort();
                found.dedup();
                Ok(found)
            }
        }
    }

    /// The address of a console that listens here, on this port in place of 0.
    #[must_use]
    pub fn url(&self, port: u16) -> Url {
        let host = match self {
            Self::Name { host, .. } => host.clone(),
            // Nobody can browse to "any address": this machine stands for it.
            Self::Address(address) if address.ip().is_unspecified() => "localhost".to_owned(),
            Self::Address(address) => {
                SocketAddr::new(address.ip(), 0).to_string().trim_end_matches(":0").to_owned()
            }
        };
        let text = format!("http://{host}:{port}");
        Url::parse(&text).unwrap_or_else(|cause| unreachable!("{text}: {cause}"))
    }

    /// The port that was named.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port, .. } => *port,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_with_a_port_are_places_to_listen_on() {
        for (text, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("0.0.0.0:80", "http://localhost/"),
            ("[::]:8081", "http://localhost:8081/"),
            ("localhost:8080", "http://localhost:8080/"),
            ("LocalHost:8080", "http://localhost:8080/"),
            ("rollcall.internal:443", "http://rollcall.internal:443/"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.url(listen.port()).as_str(), url);
        }
        for text in
            ["", "8080", ":8080", "localhost", "localhost:", "localhost:99999", "::1:8080", "a b:80", "x:y"]
        {
            assert!(text.parse::<Listen>().unwrap_err().to_string().contains("localhost:8080"), "{text}");
        }
    }

    #[test]
    fn this_machine_by_name_is_its_own_address() {
        let listen: Listen = "localhost:0".parse().unwrap();
        let first = listen.addresses().unwrap()[0];
        assert!(first.ip().is_loopback() && first.port() == 0, "{first}");
    }
}
