//! Questions to any URL, for a caller who knows what an answer means: past the guard, or, to
//! hosts that the operator configured, without it.

use crate::fetch::{FetchError, Page};
use crate::resolver::{Resolver, words};
use std::time::Duration;
use url::Url;

const ACCEPT: &str = "application/json, text/plain;q=0.9, */*;q=0.1";

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status. A redirect is not followed, so it may be one of 3xx.
    pub status: u16,
    /// How long the host wants to be left alone (at most an hour).
    pub retry_after: Option<Duration>,
    /// The body; empty unless the status is a success.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words: the guard, the name, the connection, or a body over
/// the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchFailed(String);

impl Fetched {
    /// Whether the host did as it was asked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

impl From<Page> for Fetched {
    fn from(page: Page) -> Self {
        let Page { status, retry_after, body } = page;
        Self { status: status.as_u16(), retry_after, body }
    }
}

impl From<FetchError> for FetchFailed {
    fn from(error: FetchError) -> Self {
        Self(words(error))
    }
}

impl Resolver {
    /// Asks `url` within the rules and limits for hosts that somebody else named, and reads
    /// at most `limit` bytes. Nothing is remembered.
    ///
    /// # Errors
    /// [`FetchFailed`] when there is no answer; every status is one.
    pub async fn fetch(&self, url: &Url, limit: usize) -> Result<Fetched, FetchFailed> {
        let inner = self.inner();
        let _turn = inner.turn(&inner.web_turns).await.map_err(FetchFailed)?;
        Ok(inner.web.get(url.as_str(), ACCEPT, limit).await?.into())
    }

    /// The same of a host that the operator configured, to which no guard applies, and within
    /// `patience`.
    ///
    /// # Errors
    /// [`FetchFailed`] when there is no answer; every status is one.
    pub async fn fetch_of_operator(
        &self,
        url: &Url,
        limit: usize,
        patience: Duration,
    ) -> Result<Fetched, FetchFailed> {
        let asker = &self.inner().directory;
        Ok(asker.get_within(url.as_str(), ACCEPT, limit, Some(patience)).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, resolver};
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;

    async fn serve() -> u16 {
        let routes = Router::new()
            .route("/hello", get(async || "hello"))
            .route("/away", get(async || Redirect::temporary("/hello")));
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        port
    }

    #[tokio::test]
    async fn an_answer_comes_as_it_is_and_from_public_addresses_only() {
        let port = serve().await;
        let names = Table::default().with("inner.example", &[&["127.0.0.2"]]);
        let resolver = resolver(names);
        let ask = async |host: &str, path: &str, limit: usize| {
            let url = Url::parse(&format!("http://{host}:{port}{path}")).unwrap();
            resolver.fetch(&url, limit).await
        };
        let hello = Fetched { status: 200, retry_after: None, body: b"hello".to_vec() };
        assert_eq!(ask("127.0.0.1", "/hello", 5).await, Ok(hello));
        assert_eq!(ask("127.0.0.1", "/none", 5).await.unwrap().status, 404);
        assert_eq!(ask("127.0.0.1", "/away", 5).await.unwrap().status, 307);
        for (host, limit) in [("127.0.0.1", 4), ("127.0.0.2", 5), ("inner.example", 5)] {
            let failed = ask(host, "/hello", limit).await;
            assert!(failed.is_err(), "{host} {limit}: {failed:?}");
        }
    }
}
