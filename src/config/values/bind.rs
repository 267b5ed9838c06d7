//! Where to listen.

use super::Wrong;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// Every interface, on this port; IPv4 and IPv6 where the machine has both.
    Everywhere(u16),
    /// One address.
    Address(SocketAddr),
}

impl Bind {
    /// What to listen on, in this order: the first that can be bound is enough. There is a
    /// second one only for machines without IPv6; any other failure of the first is final.
    #[must_use]
    pub fn tries(&self) -> Vec<SocketAddr> {
        match *self {
            Self::Everywhere(port) => {
                vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
            }
            Self::Address(address) => vec![address],
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// `:2480`, `127.0.0.1:2480`, `[::1]:2480`, `localhost:2480`.
pub(in crate::config) fn bind(text: &str) -> Result<Bind, Wrong> {
    let port = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| plain).ok_or_else(Wrong::value)
    };
    if let Some(digits) = text.strip_prefix(':') {
        return port(digits).map(Bind::Everywhere);
    }
    if let Some(digits) = text.strip_prefix("localhost:") {
        return Ok(Bind::Address((Ipv4Addr::LOCALHOST, port(digits)?).into()));
    }
    text.parse().map(Bind::Address).map_err(|_| Wrong::value())
}

/// The same, or `off`.
pub(in crate::config) fn metrics_listen(text: &str) -> Result<Option<Bind>, Wrong> {
    if text == "off" { Ok(None) } else { bind(text).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_others_do_not() {
        for (text, shown, tries) in [
            (":2480", ":2480", "[::]:2480 0.0.0.0:2480"),
            ("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:2480", "[::1]:2480", "[::1]:2480"),
            ("localhost:7", "127.0.0.1:7", "127.0.0.1:7"),
        ] {
            let bind = bind(text).unwrap();
            let tried: Vec<String> = bind.tries().iter().map(ToString::to_string).collect();
            assert_eq!((bind.to_string().as_str(), tried.join(" ").as_str()), (shown, tries));
        }
        for text in ["", ":", "2480", "127.0.0.1", "localhost", "example.com:1", ":65536", ":+1"] {
            assert!(bind(text).is_err(), "{text:?}");
        }
    }
}
