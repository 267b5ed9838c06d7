//! A guarded question to any URL, for whoever examines a labeler: the answer as it came.

use crate::resolver::{Resolver, words};
use url::Url;

const ACCEPT: &str = "application/json, text/plain;q=0.9, */*;q=0.1";

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status. A redirect is not followed, so it may be one of 3xx.
    pub status: u16,
    /// The body; empty unless the status is a success.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words: the guard, the name, the connection, or a body over
/// the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchFailed(String);

impl Resolver {
    /// Asks `url` within the rules and limits for hosts that somebody else named, and reads
    /// at most `limit` bytes. Nothing is remembered.
    ///
    /// # Errors
    /// [`FetchFailed`] when there is no answer; every status is one.
    pub async fn fetch(&self, url: &Url, limit: usize) -> Result<Fetched, FetchFailed> {
        let inner = self.inner();
        let _turn = inner.turn(&inner.web_turns).await.map_err(FetchFailed)?;
        let asked = inner.web.get(url.as_str(), ACCEPT, limit).await;
        let page = asked.map_err(|error| FetchFailed(words(error)))?;
        Ok(Fetched { status: page.status.as_u16(), body: page.body })
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
        let hello = Fetched { status: 200, body: b"hello".to_vec() };
        assert_eq!(ask("127.0.0.1", "/hello", 5).await, Ok(hello));
        assert_eq!(ask("127.0.0.1", "/none", 5).await.unwrap().status, 404);
        assert_eq!(ask("127.0.0.1", "/away", 5).await.unwrap().status, 307);
        for (host, limit) in [("127.0.0.1", 4), ("127.0.0.2", 5), ("inner.example", 5)] {
            let failed = ask(host, "/hello", limit).await;
            assert!(failed.is_err(), "{host} {limit}: {failed:?}");
        }
    }
}
