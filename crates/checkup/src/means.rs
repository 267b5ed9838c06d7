//! What an examination has to work with, and its limits.

use identity::{FetchFailed, Fetched, Resolver};
use label::{Hosts, Millis};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The longest answer to one HTTP question, in bytes: 250 labels take 100 KB.
pub(crate) const MAX_ANSWER: usize = 4 << 20;

/// Bytes of a stream that are kept: 500 labels take 150 KB, or 32 MB at their longest.
pub(crate) const MAX_STREAM: usize = 32 << 20;

/// When nothing came for so long after the first frame, there is nothing more.
pub(crate) const QUIET: Duration = Duration::from_secs(2);

/// How long a labeler may take to send its first frame: some load their whole history into
/// memory before (facts of Skyware).
pub(crate) const FIRST: Duration = Duration::from_secs(5);

/// What whoever wants the examination decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many labels are looked at.
    pub sample: usize,
    /// How long one step may take: connecting, the handshake, reading the sample. HTTP
    /// questions have the limits of the resolver.
    pub timeout: Duration,
    /// Whether private addresses and plain http are allowed: as the resolver was told.
    pub hosts: Hosts,
    /// Now.
    pub now: Millis,
}

/// Everything that one examination works with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) resolver: &'a Resolver,
    pub(crate) settings: &'a Settings,
}

impl Means<'_> {
    /// Asks a URL that somebody else named.
    pub(crate) async fn fetch(&self, url: &Url) -> Result<Fetched, FetchFailed> {
        self.resolver.fetch(url, MAX_ANSWER).await
    }

    /// The answer to a URL as JSON, if it is a success and JSON.
    pub(crate) async fn json(&self, url: &Url) -> Option<Value> {
        let fetched = self.fetch(url).await.ok()?;
        serde_json::from_slice(&fetched.body).ok()
    }

    /// How long a stream may be silent before its first frame. A share of the time there is,
    /// so that silence is told from having no more time.
    pub(crate) fn first(&self) -> Duration {
        FIRST.min(self.settings.timeout / 2)
    }

    /// How long it may be silent after that.
    pub(crate) fn quiet(&self) -> Duration {
        QUIET.min(self.settings.timeout / 4)
    }
}

/// A service's URL with another path and query.
pub(crate) fn at(service: &Url, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = service.clone();
    url.set_path(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}
