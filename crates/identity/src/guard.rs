//! The guard of contract G9: nothing goes to an address that is not public because a
//! document, a handle or a redirect said so.
//!
//! # How it holds
//!
//! A socket is opened only to a [`Checked`] address, and only this file makes one. So the
//! address that was checked is the address that is connected to; there is no second lookup
//! that could answer differently (DNS rebinding). HTTP clients get the guard as their DNS,
//! and since they do not ask DNS about a URL that holds an address, [`Guard::check_url`] is
//! asked about each URL, the ones of redirects included.
//!
//! Hosts that the operator configured are another matter, and say so by their name
//! ([`Guard::connect_of_operator`]).
//!
//! # An answer with both kinds of addresses
//!
//! The private ones are left out and the public ones used. Refusing such a name entirely
//! would protect nobody (the private ones are never connected to), and would lose labelers
//! whose DNS also carries an inner address.

use crate::address::is_public;
use crate::error::ConnectError;
use crate::names::{LookupError, Names};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// More than this nobody tries. A hostile zone could name hundreds.
const MAX_ADDRESSES: usize = 8;

/// Decides where connections may go, and opens them. Cloning is cheap.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    rules: Rules,
    names: Arc<dyn Names>,
    /// How long a name may take.
    limit: Duration,
    tls: Arc<rustls::ClientConfig>,
}

/// What is allowed beyond https to public addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Addresses that are not public.
    pub(crate) private: bool,
    /// `http` and `ws`.
    pub(crate) plain: bool,
    /// An address that a test declares to be public, so that it can serve from there.
    #[cfg(test)]
    pub(crate) public: Option<IpAddr>,
}

impl Rules {
    pub(crate) fn new(allow_private_hosts: bool) -> Self {
        Self {
            private: allow_private_hosts,
            plain: allow_private_hosts,
            #[cfg(test)]
            public: None,
        }
    }
}

/// An address that was checked. Made by [`Guard::checked`] and nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked(IpAddr);

impl Checked {
    pub(crate) fn at(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.0, port)
    }
}

impl Guard {
    pub(crate) fn new(
        rules: Rules,
        names: Arc<dyn Names>,
        limit: Duration,
        tls: Arc<rustls::ClientConfig>,
    ) -> Self {
        Self(Arc::new(Inner { rules, names, limit, tls }))
    }

    /// Whether a connection to this address is allowed.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        #[cfg(test)]
        if self.0.rules.public == Some(ip) {
            return true;
        }
        self.0.rules.private || is_public(ip)
    }

    /// Whether a URL may be asked: the scheme, and the address if it names one. Its name, if
    /// it has one instead, is checked when it is looked up.
    ///
    /// # Errors
    /// [`ConnectError::Url`] or [`ConnectError::Refused`].
    pub fn check_url(&self, url: &Url) -> Result<(), ConnectError> {
        let plain = match url.scheme() {
            "https" | "wss" => false,
            "http" | "ws" => true,
            other => return Err(ConnectError::Url(format!("{other} is not spoken here"))),
        };
        let Some(host) = url.host() else {
            return Err(ConnectError::Url("the URL has no host".into()));
        };
        if plain && !self.0.rules.plain {
            return Err(ConnectError::Url(format!("{host} is to be asked without TLS")));
        }
        match literal(&host) {
            Some(ip) => self.check(&host.to_string(), ip).map(drop),
            None => Ok(()),
        }
    }

    /// The addresses behind a URL's host that may be connected to, at least one.
    pub(crate) async fn checked(&self, host: &Host<&str>) -> Result<Vec<Checked>, ConnectError> {
        match (literal(host), host) {
            (Some(ip), _) => self.check(&host.to_string(), ip).map(|ip| vec![ip]),
            (None, Host::Domain(name)) => self.checked_name(name).await,
            (None, _) => Err(ConnectError::Url("the URL has no host".into())),
        }
    }

    /// Like [`Guard::checked`], for a name.
    pub(crate) async fn checked_name(&self, name: &str) -> Result<Vec<Checked>, ConnectError> {
        let failed = |error| ConnectError::Lookup { host: name.to_owned(), error };
        let slow = |_| Err(LookupError::Failed("no answer in time".into()));
        let asked = tokio::time::timeout(self.0.limit, self.0.names.addresses(name)).await;
        let found = asked.unwrap_or_else(slow).map_err(failed)?;
        let mut refused = None;
        let mut allowed = Vec::new();
        for ip in found {
            match self.check(name, ip) {
                Ok(ip) if allowed.len() < MAX_ADDRESSES => allowed.push(ip),
                Ok(_) => {}
                Err(error) => refused = Some(error),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(refused),
            (true, None) => Err(failed(LookupError::NoRecord)),
        }
    }

    fn check(&self, host: &str, ip: IpAddr) -> Result<Checked, ConnectError> {
        if self.allows(ip) {
            return Ok(Checked(ip));
        }
        metrics::counter!("labeltap_identity_refused_addresses_total").increment(1);
        Err(ConnectError::Refused { host: host.to_owned(), ip })
    }

    /// The shared TLS settings.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        self.0.tls.clone()
    }
}

/// The address that a host is, if it is one. The URL parser has already turned forms like
/// `0x7f.1` into it.
fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
        Host::Domain(_) => None,
    }
}

/// The guard as the DNS of an HTTP client.
impl reqwest::dns::Resolve for Guard {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let checked = guard.checked_name(name.as_str()).await?;
            // Port 0: the client puts in the one of the URL.
            let addresses = checked.into_iter().map(|ip| ip.at(0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, guard, limits};
    use crate::tls;

    const PUBLIC: &str = "8.8.8.8";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn strict(names: Table) -> Guard {
        let tls = Arc::new(tls::client_config().unwrap());
        Guard::new(Rules::new(false), Arc::new(names), limits().connect, tls)
    }

    async fn checked(guard: &Guard, name: &str) -> Vec<String> {
        let found = guard.checked_name(name).await.unwrap();
        found.into_iter().map(|ip| ip.at(0).ip().to_string()).collect()
    }

    #[test]
    fn a_url_with_a_private_address_is_refused_in_every_spelling() {
        let guard = strict(Table::default());
        for text in [
            "https://127.0.0.1/",
            "wss://127.0.0.1:8443/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://\u{ff11}27.0.0.1/",
        ] {
            let refused = guard.check_url(&url(text));
            assert!(matches!(refused, Err(ConnectError::Refused { .. })), "{text}: {refused:?}");
        }
        for text in ["http://mod.example/", "ws://mod.example/", "ftp://mod.example/", "data:x"] {
            let refused = guard.check_url(&url(text));
            assert!(matches!(refused, Err(ConnectError::Url(_))), "{text}: {refused:?}");
        }
        assert!(guard.check_url(&url("wss://mod.example/")).is_ok());
        assert!(guard.check_url(&url("https://8.8.8.8/")).is_ok());
    }

    #[tokio::test]
    async fn of_a_mixed_answer_only_the_public_addresses_are_used() {
        let answer = ["10.0.0.1", PUBLIC, "::1", "2606:4700::1111", "169.254.169.254"];
        let guard = strict(Table::default().with("mixed.example", &[&answer]));
        assert_eq!(checked(&guard, "mixed.example").await, [PUBLIC, "2606:4700::1111"]);
    }

    #[tokio::test]
    async fn a_name_with_private_addresses_only_is_refused() {
        let guard = strict(Table::default().with("inner.example", &[&["10.0.0.1", "fd00::1"]]));
        let refused = guard.checked_name("inner.example").await;
        assert!(matches!(refused, Err(ConnectError::Refused { .. })), "{refused:?}");
        let open = Guard::new(
            Rules::new(true),
            Arc::new(Table::default().with("inner.example", &[&["10.0.0.1"]])),
            limits().connect,
            guard.tls(),
        );
        assert_eq!(checked(&open, "inner.example").await, ["10.0.0.1"]);
    }

    #[tokio::test]
    async fn a_zone_with_hundreds_of_addresses_is_tried_a_few_times_only() {
        let many: Vec<String> = (0..200).map(|n| format!("8.8.4.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let guard = strict(Table::default().with("many.example", &[&many]));
        assert_eq!(checked(&guard, "many.example").await.len(), MAX_ADDRESSES);
    }

    #[tokio::test]
    async fn no_address_and_no_such_name_are_told_apart() {
        let guard = strict(Table::default().with("empty.example", &[&[]]));
        let error = |name: &'static str| {
            let guard = guard.clone();
            async move {
                match guard.checked_name(name).await {
                    Err(ConnectError::Lookup { error, .. }) => error,
                    other => panic!("{other:?}"),
                }
            }
        };
        assert_eq!(error("empty.example").await, LookupError::NoRecord);
        assert_eq!(error("unknown.example").await, LookupError::NoSuchName);
        assert!(matches!(error("hangs.example").await, LookupError::Failed(_)));
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_asked_only_once() {
        // Public when it is checked, private when it would be asked a second time.
        let names = Table::default().with("rebind.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let guard = guard(names.clone());
        let limit = Duration::from_secs(5);
        let target = url(&format!("ws://rebind.example:{port}/"));
        let (opened, accepted) = tokio::join!(guard.connect(&target, limit), server.accept());
        assert!(opened.is_ok() && accepted.is_ok());
        assert_eq!(names.asked("rebind.example"), 1);
        let refused = guard.connect(&target, limit).await;
        assert!(matches!(refused, Err(ConnectError::Refused { .. })), "{refused:?}");
    }
}
