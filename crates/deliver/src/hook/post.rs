//! One event, one `POST`: makes the request and says how it went.
//!
//! Everything a receiver could do to keep us has a limit: the time of a whole request, the
//! part of its answer that is read, the connections that are kept. When to try, and when
//! again, is decided elsewhere.

use super::failure::Failure;
use super::sign::signature;
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::Url;

#[cfg(test)]
mod tests;

const USER_AGENT: &str = concat!("labeltap/", env!("CARGO_PKG_VERSION"));
/// Who we are when a password is set.
const USER: &str = "admin";
/// A body up to this is read to its end, so that its connection can be used again.
const READ: usize = 16 * 1024;
/// For that, no longer than this: the status was what counted.
const READ_FOR: Duration = Duration::from_secs(1);

/// What the contract fixes. Tests bring smaller numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// For a whole request, from the look-up of the name on.
    pub(crate) request: Duration,
    /// Connections kept for later, per receiver.
    pub(crate) idle: usize,
    /// How long. Below the 5 s after which widespread servers close their end, since a
    /// request on a connection that is being closed is a failure that was not necessary.
    pub(crate) idle_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            idle: super::MOST,
            idle_for: Duration::from_secs(4),
        }
    }
}

/// Why there is nobody who posts.
#[derive(Debug, thiserror::Error)]
#[error("no client for webhooks: {0}")]
pub(crate) struct PosterError(String);

/// A receiver, and how to address it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Where to. A user and a password in it are sent as Basic auth.
    pub(crate) url: Url,
    /// For Basic auth as `admin`, in place of those in the URL.
    pub(crate) password: Option<String>,
    /// For signatures.
    pub(crate) secret: Option<String>,
}

impl Hook {
    /// The URL as it may be shown: without user and password.
    pub(crate) fn shown(&self) -> String {
        bare(&self.url).into()
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (password, secret) = (self.password.is_some(), self.secret.is_some());
        f.debug_struct("Hook")
            .field("url", &bare(&self.url).as_str())
            .field("has_password", &password)
            .field("has_secret", &secret)
            .finish()
    }
}

/// The URL without user and password.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    // A URL that cannot have them has none.
    let _nothing_to_remove = (url.set_username(""), url.set_password(None));
    url
}

/// Posts to any number of receivers. Cloning it is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Poster {
    client: Client,
    limits: Limits,
}

impl Poster {
    /// One for all hooks. TLS is checked by the certificates of the system.
    ///
    /// # Errors
    /// [`PosterError`], when there are no such certificates.
    pub(crate) fn new(limits: Limits) -> Result<Self, PosterError> {
        let client = Client::builder()
            .tls_backend_rustls()
            .http1_only()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            // How often an event was tried is what we say it was.
            .retry(reqwest::retry::never())
            .user_agent(USER_AGENT)
            .timeout(limits.request)
            .pool_max_idle_per_host(limits.idle)
            .pool_idle_timeout(limits.idle_for)
            .build();
        let client = client.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            PosterError(cause.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(Self { client, limits })
    }

    /// Posts an event, as it is encoded in `body`. `attempt` is 1 for the first.
    ///
    /// Returns when the receiver has answered, or within [`Limits::request`].
    ///
    /// # Errors
    /// [`Failure`] for everything but a status of 2xx.
    pub(crate) async fn post(
        &self,
        hook: &Hook,
        id: i64,
        attempt: u32,
        body: Bytes,
    ) -> Result<(), Failure> {
        let host = hook.url.host_str();
        let span = tracing::debug_span!("webhook", event_id = id, attempt, host, status = Empty);
        self.post_within(&span, hook, (id, attempt), body).instrument(span.clone()).await
    }

    async fn post_within(
        &self,
        span: &Span,
        hook: &Hook,
        (id, attempt): (i64, u32),
        body: Bytes,
    ) -> Result<(), Failure> {
        let url = if hook.password.is_some() { bare(&hook.url) } else { hook.url.clone() };
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("labeltap-event-id", id)
            .header("labeltap-attempt", attempt);
        let mut trace = HeaderMap::new();
        traces::pass_on(span, &mut trace);
        request = request.headers(trace);
        if let Some(password) = &hook.password {
            request = request.basic_auth(USER, Some(password));
        }
        if let Some(secret) = &hook.secret {
            request = request.header("labeltap-signature", signature(secret, &body));
        }
        let answered = request.body(body).send().await;
        let answer = answered.map_err(|error| Failure::unanswered(&error, self.limits.request))?;
        let (status, headers) = (answer.status(), answer.headers());
        span.record("status", status.as_u16());
        let outcome = if status.is_success() {
            Ok(())
        } else {
            Err(Failure::answered(status, headers, Timestamp::now()))
        };
        let _whatever_it_is = timeout(READ_FOR, read(answer)).await;
        outcome
    }
}

/// Reads a short body away. With a longer one the connection is dropped.
async fn read(mut answer: Response) {
    let mut left = READ;
    if answer.content_length().is_some_and(|length| length > READ as u64) {
        return;
    }
    while let Ok(Some(chunk)) = answer.chunk().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}
