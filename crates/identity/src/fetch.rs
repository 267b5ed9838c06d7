//! One small HTTP question, with a limit on everything: time, size, redirects.
//!
//! Says what happened and leaves it to the caller what a status means.

use crate::error::{ConnectError, SetupError};
use crate::guard::Guard;
use crate::names::LookupError;
use crate::resolver::Limits;
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder};
use std::error::Error;
use std::time::Duration;
use url::Url;

const USER_AGENT: &str = concat!("labeltap/", env!("CARGO_PKG_VERSION"));
/// A longer `Retry-After` is cut to this: whoever asks for more is down, not busy.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Redirects that a handle may take.
const MAX_REDIRECTS: usize = 3;

/// What a host answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// Empty unless the status is a success.
    pub(crate) body: Vec<u8>,
}

/// Why there is no [`Page`].
#[derive(Debug)]
pub(crate) enum FetchError {
    /// DNS says that the host does not exist.
    NoSuchName,
    /// The host has a name but no address.
    NoAddress,
    /// A body over the limit.
    TooLarge,
    /// Everything else, in words.
    Failed(String),
}

/// Somebody who asks, within the rules for those whom it asks.
pub(crate) struct Asker {
    client: Client,
    /// Looks at the first URL. Redirects and names go past it inside the client.
    guard: Option<Guard>,
}

impl Asker {
    /// For the directory that the operator configured: no guard, no redirects.
    pub(crate) fn of_operator(guard: &Guard, limits: &Limits) -> Result<Self, SetupError> {
        let builder = client(guard, limits).redirect(Policy::none());
        Ok(Self { client: build(builder)?, guard: None })
    }

    /// For hosts that somebody else named: only where the guard allows, no redirects.
    pub(crate) fn guarded(guard: &Guard, limits: &Limits) -> Result<Self, SetupError> {
        let builder = guarded(guard, limits).redirect(Policy::none());
        Ok(Self { client: build(builder)?, guard: Some(guard.clone()) })
    }

    /// The same, following a few redirects, each of them past the guard.
    pub(crate) fn following(guard: &Guard, limits: &Limits) -> Result<Self, SetupError> {
        let checker = guard.clone();
        let policy = Policy::custom(move |attempt: Attempt| {
            if attempt.previous().len() > MAX_REDIRECTS {
                return attempt.error("too many redirects");
            }
            match checker.check_url(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error),
            }
        });
        let builder = guarded(guard, limits).redirect(policy);
        Ok(Self { client: build(builder)?, guard: Some(guard.clone()) })
    }

    /// Asks, and reads at most `limit` bytes.
    pub(crate) async fn get(
        &self,
        url: &str,
        accept: &'static str,
        limit: usize,
    ) -> Result<Page, FetchError> {
        self.get_within(url, accept, limit, None).await
    }

    /// The same within another time than the usual one.
    pub(crate) async fn get_within(
        &self,
        url: &str,
        accept: &'static str,
        limit: usize,
        patience: Option<Duration>,
    ) -> Result<Page, FetchError> {
        let url = Url::parse(url).map_err(|error| FetchError::Failed(error.to_string()))?;
        if let Some(guard) = &self.guard {
            guard.check_url(&url).map_err(|error| FetchError::Failed(error.to_string()))?;
        }
        let mut request = self.client.get(url).header(ACCEPT, accept);
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        let mut response = request.send().await.map_err(failure)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        if status.is_success() {
            // Counted while it comes: a length that is announced need not be true.
            while let Some(chunk) = response.chunk().await.map_err(failure)? {
                if body.len() + chunk.len() > limit {
                    return Err(FetchError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(Page { status, retry_after, body })
    }
}

fn guarded(guard: &Guard, limits: &Limits) -> ClientBuilder {
    // Such a host is asked about once an hour; nothing is gained by keeping its socket.
    client(guard, limits).dns_resolver(guard.clone()).pool_max_idle_per_host(0)
}

fn client(guard: &Guard, limits: &Limits) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured((*guard.tls()).clone())
        .http1_only()
        .no_proxy()
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(limits.connect)
        .timeout(limits.request)
}

fn build(builder: ClientBuilder) -> Result<Client, SetupError> {
    builder.build().map_err(|error| SetupError::Http(chain(&error)))
}

/// `Retry-After` in seconds. The form with a date is rare and left to the caller's own
/// back-off.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_REST))
}

fn failure(error: reqwest::Error) -> FetchError {
    // The operator's URL may hold a password, and the caller knows whom it asked.
    let error = error.without_url();
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<ConnectError>() {
            Some(ConnectError::Lookup { error: LookupError::NoSuchName, .. }) => {
                return FetchError::NoSuchName;
            }
            Some(ConnectError::Lookup { error: LookupError::NoRecord, .. }) => {
                return FetchError::NoAddress;
            }
            Some(other) => return FetchError::Failed(other.to_string()),
            None => cause = inner.source(),
        }
    }
    FetchError::Failed(if error.is_timeout() { "no answer in time".into() } else { chain(&error) })
}

/// An error with its causes; the outer ones alone say little.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, guard, limits};
    use axum::Router;
    use axum::extract::Path;
    use axum::response::Redirect;
    use axum::routing::get;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// Serves `hello`, and what a test wants besides. Counts nothing, keeps no promises.
    async fn serve(routes: Router) -> u16 {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        port
    }

    fn names() -> Table {
        Table::default()
            .with("public.example", &[&["127.0.0.1"]])
            .with("private.example", &[&["127.0.0.2"]])
            .with("mixed.example", &[&["127.0.0.2", "127.0.0.1"]])
    }

    async fn follow(names: Table, url: &str) -> Result<Page, FetchError> {
        let asker = Asker::following(&guard(names), &limits()).unwrap();
        asker.get(url, "*/*", 1000).await
    }

    /// A server that leads to itself under any URL that a test names.
    async fn signpost() -> (u16, Arc<AtomicUsize>) {
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = visits.clone();
        let hello = get(move || {
            counted.fetch_add(1, SeqCst);
            std::future::ready("hello")
        });
        let away = get(async |Path((host, port)): Path<(String, u16)>| {
            Redirect::temporary(&format!("http://{host}:{port}/hello"))
        });
        let count = get(async |Path(left): Path<u8>| match left {
            0 => Redirect::temporary("/hello"),
            more => Redirect::temporary(&format!("/count/{}", more - 1)),
        });
        let routes = Router::new()
            .route("/hello", hello)
            .route("/away/{host}/{port}", away)
            .route("/count/{left}", count);
        (serve(routes).await, visits)
    }

    #[tokio::test]
    async fn a_redirect_leads_no_further_than_the_guard_allows() {
        let (port, visits) = signpost().await;
        let to = |host: &str| format!("http://public.example:{port}/away/{host}/{port}");
        for host in
            ["private.example", "127.0.0.2", "2130706434", "0x7f.2", "[::1]", "169.254.169.254"]
        {
            let failed = follow(names(), &to(host)).await;
            assert!(matches!(failed, Err(FetchError::Failed(_))), "{host}: {failed:?}");
        }
        assert_eq!(visits.load(SeqCst), 0);
        for host in ["public.example", "mixed.example", "127.0.0.1"] {
            assert_eq!(follow(names(), &to(host)).await.unwrap().body, b"hello", "{host}");
        }
    }

    #[tokio::test]
    async fn the_first_url_passes_the_guard_as_well() {
        let (port, visits) = signpost().await;
        for host in ["private.example", "127.0.0.2", "0x7f.2", "[::1]", "[::ffff:127.0.0.2]"] {
            let failed = follow(names(), &format!("http://{host}:{port}/hello")).await;
            assert!(matches!(failed, Err(FetchError::Failed(_))), "{host}: {failed:?}");
        }
        assert_eq!(visits.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_asked() {
        let (port, _) = signpost().await;
        let rebinding = Table::default().with("re.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
        let url = format!("http://re.example:{port}/hello");
        assert_eq!(follow(rebinding.clone(), &url).await.unwrap().body, b"hello");
        assert_eq!(rebinding.asked("re.example"), 1);
        assert!(matches!(follow(rebinding, &url).await, Err(FetchError::Failed(_))));
    }

    #[tokio::test]
    async fn three_redirects_are_followed_and_no_more() {
        let (port, _) = signpost().await;
        let count = |left: u8| format!("http://public.example:{port}/count/{left}");
        assert_eq!(follow(names(), &count(2)).await.unwrap().body, b"hello");
        assert!(matches!(follow(names(), &count(3)).await, Err(FetchError::Failed(_))));
    }

    #[tokio::test]
    async fn a_host_that_does_not_exist_is_told_from_one_without_an_address() {
        let names = names().with("empty.example", &[&[]]);
        let asked = follow(names.clone(), "http://unknown.example/").await;
        assert!(matches!(asked, Err(FetchError::NoSuchName)), "{asked:?}");
        let asked = follow(names.clone(), "http://empty.example/").await;
        assert!(matches!(asked, Err(FetchError::NoAddress)), "{asked:?}");
        let asked = follow(names, "http://hangs.example/").await;
        assert!(matches!(asked, Err(FetchError::Failed(_))), "{asked:?}");
    }

    fn rest(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_cut() {
        assert_eq!(rest("120"), Some(Duration::from_secs(120)));
        assert_eq!(rest(" 0 "), Some(Duration::ZERO));
        assert_eq!(rest("18446744073709551615"), Some(LONGEST_REST));
        assert_eq!(rest("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(rest("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
