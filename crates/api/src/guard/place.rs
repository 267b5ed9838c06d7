//! A host and a port, as `Host` and `Origin` write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

/// Where a request went, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    host: Host,
    port: Option<u16>,
}

/// Where a web page came from.
#[derive(Debug)]
pub(super) struct Origin {
    place: Place,
    usual_port: u16,
}

impl Place {
    /// Reads `name`, `name:port`, `127.0.0.1:port`, `[::1]:port`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (address, rest) = inner.split_once(']')?;
                (Host::Address(address.parse::<Ipv6Addr>().ok()?.into()), rest)
            }
            None => {
                let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (Host::parse(host)?, rest)
            }
        };
        Some(Self { host, port: port(rest)? })
    }

    /// An address, `localhost`, or one of these names (in lower case), on any port.
    pub(super) fn is_ours(&self, names: &[String]) -> bool {
        match &self.host {
            Host::Address(_) => true,
            Host::Name(name) => name == "localhost" || names.contains(name),
        }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_name = !text.is_empty() && text.bytes().all(plain);
        is_name.then(|| Self::Name(text.to_ascii_lowercase()))
    }
}

/// `""` or `:port`.
fn port(rest: &str) -> Option<Option<u16>> {
    let Some(digits) = rest.strip_prefix(':') else {
        return rest.is_empty().then_some(None);
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok().map(Some) } else { None }
}

/// Reads an `Origin`; `None` for `null` and for schemes that no page of ours can have.
pub(super) fn origin(text: &str) -> Option<Origin> {
    let (scheme, rest) = text.split_once("://")?;
    let usual_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    Some(Origin { place: Place::parse(rest)?, usual_port })
}

impl Origin {
    /// Whether this is the place the request went to.
    pub(super) fn is(&self, place: &Place) -> bool {
        let port = |place: &Place| place.port.unwrap_or(self.usual_port);
        self.place.host == place.host && port(&self.place) == port(place)
    }
}
