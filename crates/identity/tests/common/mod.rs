//! A server to ask, names that need no network, and a resolver that uses both.

use axum::Router;
use identity::{Answer, Limits, LookupError, Names, Resolver, Settings};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A DID that is nobody's.
pub(crate) const ANN: &str = "did:plc:ar7c4by46qjdydhdevvrndac";

struct Few;

impl Names for Few {
    fn addresses<'a>(&'a self, host: &'a str) -> Answer<'a, IpAddr> {
        let address = |text: &str| text.parse::<IpAddr>().map(|ip| vec![ip]);
        let failed = |_| LookupError::Failed("unreadable".into());
        Box::pin(std::future::ready(match host {
            "localhost" | "inner.social" => address("127.0.0.1").map_err(failed),
            "empty.social" => Ok(Vec::new()),
            "broken.social" => Err(LookupError::Failed("SERVFAIL".into())),
            _ => Err(LookupError::NoSuchName),
        }))
    }

    fn texts<'a>(&'a self, _name: &'a str) -> Answer<'a, String> {
        Box::pin(std::future::ready(Err(LookupError::NoSuchName)))
    }
}

/// Serves on a free port of 127.0.0.1 and gives the URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// Short, but long enough for a busy machine to answer itself.
pub(crate) fn limits() -> Limits {
    let request = Duration::from_secs(2);
    Limits { connect: Duration::from_secs(1), request, turn: Duration::from_secs(5) }
}

/// With `--allow-private-hosts`.
pub(crate) fn resolver(plc: &str) -> Resolver {
    resolver_with(plc, limits())
}

/// The same with other limits.
pub(crate) fn resolver_with(plc: &str, limits: Limits) -> Resolver {
    let settings = Settings { plc_url: plc.parse().unwrap(), allow_private_hosts: true };
    Resolver::with(settings, Arc::new(Few), limits).unwrap()
}

/// Without it.
pub(crate) fn strict(plc: &str) -> Resolver {
    let settings = Settings { plc_url: plc.parse().unwrap(), allow_private_hosts: false };
    Resolver::with(settings, Arc::new(Few), limits()).unwrap()
}
