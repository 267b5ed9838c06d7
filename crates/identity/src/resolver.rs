//! The resolver: cache, one request in flight per DID, a bound on requests overall.
//!
//! It asks each time somebody wants it to and never by itself; how often that is, and what
//! to do about the answer, is up to the caller.

use crate::audit::Histories;
use crate::cache::{Bounds, Cache, Outcome};
use crate::document::{Found, Resolved};
use crate::error::{ResolveError, SetupError};
use crate::fetch::{Asker, FetchError, Page};
use crate::flight::Flights;
use crate::guard::{Guard, Rules};
use crate::handle;
use crate::names::{Names, SystemNames};
use crate::tls;
use http::StatusCode;
use label::{Did, Hosts};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use url::Url;

/// What both official implementations ask for.
const ACCEPT: &str = "application/did+ld+json, application/json";
/// The largest document read. PLC's operations have at most 7,500 bytes, so its documents
/// stay under 20 KB; nobody needs more for a few keys and services.
const MAX_DOCUMENT: usize = 256 * 1024;
/// The cache: enough for every labeler there is; 32 MB bounds what hostile hosts can store
/// here, since a parsed document takes several times its size.
const BOUNDS: Bounds = Bounds {
    entries: 10_000,
    bytes: 32 * 1024 * 1024,
    fresh: Duration::from_secs(3600),
    fresh_negative: Duration::from_secs(5),
};
/// Questions under way at once. Hosts that never answer (did:web, handles) take turns of
/// their own and leave those of the directory alone.
const DIRECTORY_TURNS: usize = 16;
const WEB_TURNS: usize = 64;
const HANDLE_TURNS: usize = 32;

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DID PLC directory. Exempt from the guard.
    pub plc_url: Url,
    /// Private and loopback addresses and plain http, for development.
    pub allow_private_hosts: bool,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From nothing to a connection, and for one name.
    pub connect: Duration,
    /// One HTTP question from beginning to end.
    pub request: Duration,
    /// Waiting for a turn when too many ask at once.
    pub turn: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), request: seconds(10), turn: seconds(30) }
    }
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Up to an hour; "there is no such DID" up to five seconds.
    Cached,
    /// Asked now, or at least not answered yet.
    Fresh,
    /// The same for somebody who is probably no labeler: the answer is remembered only if it
    /// shows that it is one, or is about somebody who is remembered already. So strangers,
    /// however many, do not drive out the documents of labelers.
    Passing,
}

/// Finds documents and handles. Cloning is cheap, and all clones share one cache.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) names: Arc<dyn Names>,
    pub(crate) directory: Asker,
    pub(crate) web: Asker,
    pub(crate) following: Asker,
    cache: Mutex<Cache>,
    flights: Flights<Did, Outcome>,
    directory_turns: Semaphore,
    pub(crate) web_turns: Semaphore,
    pub(crate) handle_turns: Semaphore,
    pub(crate) histories: Histories,
}

impl Resolver {
    /// A resolver that asks the DNS of this system.
    ///
    /// # Errors
    /// [`SetupError`], a sentence for the operator.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        Self::with(settings, Arc::new(SystemNames::new()?), Limits::default())
    }

    /// The same with other names and limits, for tests.
    ///
    /// # Errors
    /// As [`Resolver::new`].
    pub fn with(
        settings: Settings,
        names: Arc<dyn Names>,
        limits: Limits,
    ) -> Result<Self, SetupError> {
        let rules = Rules::new(settings.allow_private_hosts);
        Self::with_rules(settings, rules, names, limits)
    }

    pub(crate) fn with_rules(
        settings: Settings,
        rules: Rules,
        names: Arc<dyn Names>,
        limits: Limits,
    ) -> Result<Self, SetupError> {
        describe();
        let tls = Arc::new(tls::client_config()?);
        let guard = Guard::new(rules, names.clone(), limits.connect, tls);
        Ok(Self(Arc::new(Inner {
            directory: Asker::of_operator(&guard, &limits)?,
            web: Asker::guarded(&guard, &limits)?,
            following: Asker::following(&guard, &limits)?,
            cache: Mutex::new(Cache::new(BOUNDS)),
            flights: Flights::new(),
            directory_turns: Semaphore::new(DIRECTORY_TURNS),
            web_turns: Semaphore::new(WEB_TURNS),
            handle_turns: Semaphore::new(HANDLE_TURNS),
            histories: Histories::default(),
            settings,
            limits,
            guard,
            names,
        })))
    }

    /// The document of a DID. Whoever asks while the same DID is being asked for waits for
    /// that answer, [`Want::Fresh`] included.
    ///
    /// # Errors
    /// Which kinds are definitive is said at [`ResolveError`].
    pub async fn resolve(&self, did: &Did, want: Want) -> Outcome {
        if let Err(error) = did.check_followable(self.0.hosts()) {
            return Err(ResolveError::NotFound(error.to_string()));
        }
        if let Some(known) = self.0.known(did, want) {
            return known;
        }
        let (inner, asked) = (self.0.clone(), did.clone());
        let request = async move {
            // Somebody's answer may have come between the look above and this one.
            match inner.known(&asked, want) {
                Some(known) => known,
                None => inner.ask(&asked, want).await,
            }
        };
        self.0.flights.join(did, request).await
    }

    /// The guard, for connections that others open.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn hosts(&self) -> Hosts {
        if self.settings.allow_private_hosts { Hosts::Private } else { Hosts::Public }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, did: &Did, want: Want) -> Option<Outcome> {
        match want {
            Want::Cached => self.cache().get(did, Instant::now()),
            Want::Fresh | Want::Passing => None,
        }
    }

    /// Asks whoever is in charge of this DID, and remembers what was said.
    async fn ask(&self, did: &Did, want: Want) -> Outcome {
        let (outcome, bytes) = match did.web_host() {
            Some(host) => self.ask_host(did, &host).await,
            None => self.ask_directory(did).await,
        };
        let said = match &outcome {
            Ok(_) => "found",
            Err(ResolveError::NotFound(_)) => "not-found",
            Err(ResolveError::Unreachable { .. }) => "unreachable",
        };
        let method = if did.web_host().is_some() { "web" } else { "plc" };
        metrics::counter!("labeltap_identity_lookups_total", "method" => method, "outcome" => said)
            .increment(1);
        let mut cache = self.cache();
        if want != Want::Passing || cache.holds(did) || is_labeler(&outcome) {
            cache.put(did, &outcome, bytes, Instant::now());
        }
        metrics::gauge!("labeltap_identity_cached").set(count(cache.len()));
        outcome
    }

    async fn ask_directory(&self, did: &Did) -> (Outcome, usize) {
        let base = self.settings.plc_url.as_str().trim_end_matches('/');
        let url = format!("{base}/{did}");
        let asked = self.fetch(&self.directory_turns, &self.directory, &url).await;
        self.judge(did, "the PLC directory", asked)
    }

    /// The directory's log of a DID, every operation with its time.
    pub(crate) async fn ask_audit_log(&self, did: &Did, most: usize) -> Result<Page, FetchError> {
        let base = self.settings.plc_url.as_str().trim_end_matches('/');
        let url = format!("{base}/{did}/log/audit");
        let _turn = self.turn(&self.directory_turns).await.map_err(FetchError::Failed)?;
        self.directory.get(&url, "application/json", most).await
    }

    async fn ask_host(&self, did: &Did, host: &str) -> (Outcome, usize) {
        if handle::is_reserved_name(host) && self.hosts() == Hosts::Public {
            return (Err(ResolveError::NotFound(format!("{host} is a reserved name"))), 0);
        }
        // Only with --allow-private-hosts: otherwise localhost is no did:web at all.
        let local = host == "localhost" || host.starts_with("localhost:");
        let scheme = if local { "http" } else { "https" };
        let url = format!("{scheme}://{host}/.well-known/did.json");
        let asked = self.fetch(&self.web_turns, &self.web, &url).await;
        self.judge(did, host, asked)
    }

    async fn fetch(&self, turns: &Semaphore, asker: &Asker, url: &str) -> Result<Page, FetchError> {
        let _turn = self.turn(turns).await.map_err(FetchError::Failed)?;
        asker.get(url, ACCEPT, MAX_DOCUMENT).await
    }

    /// Waits until not too many others are asking.
    pub(crate) async fn turn<'a>(
        &self,
        turns: &'a Semaphore,
    ) -> Result<SemaphorePermit<'a>, String> {
        match tokio::time::timeout(self.limits.turn, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err("too many lookups at once".into()),
        }
    }

    /// What an answer means: see [`ResolveError`] for the reasons.
    fn judge(&self, did: &Did, whom: &str, asked: Result<Page, FetchError>) -> (Outcome, usize) {
        let unreachable = |why: String| ResolveError::unreachable(format!("{whom}: {why}"));
        let page = match asked {
            Ok(page) => page,
            Err(FetchError::NoSuchName) if did.web_host().is_some() => {
                return (Err(ResolveError::NotFound(format!("{whom} does not exist"))), 0);
            }
            Err(error) => return (Err(unreachable(words(error))), 0),
        };
        let bytes = page.body.len();
        let outcome = match page.status {
            status if status.is_success() => serde_json::from_slice(&page.body)
                .map_err(|error| format!("the answer is not JSON: {error}"))
                .and_then(|document| Resolved::read(did, document, self.hosts()))
                .map(Arc::new)
                .map_err(unreachable),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                let code = page.status.as_u16();
                Err(ResolveError::NotFound(format!("{whom} has no document of it (HTTP {code})")))
            }
            status => Err(ResolveError::Unreachable {
                reason: format!("{whom} answered HTTP {}", status.as_u16()),
                retry_after: page.retry_after,
            }),
        };
        (outcome, bytes)
    }
}

fn is_labeler(outcome: &Outcome) -> bool {
    outcome.as_ref().is_ok_and(|resolved| resolved.service != Found::Absent)
}

pub(crate) fn words(error: FetchError) -> String {
    match error {
        FetchError::NoSuchName => "the host does not exist".into(),
        FetchError::NoAddress => "the host has no address".into(),
        FetchError::TooLarge => "the answer is too large".into(),
        FetchError::Failed(why) => why,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of at most ten thousand")]
fn count(entries: usize) -> f64 {
    entries as f64
}

fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!("labeltap_identity_lookups_total", "DID documents asked for, by outcome");
    describe_counter!("labeltap_identity_histories_total", "audit logs asked for, by outcome");
    describe_gauge!("labeltap_identity_cached", "DID documents remembered");
    describe_counter!(
        "labeltap_identity_refused_addresses_total",
        "connections to private or reserved addresses that others asked for, and did not get"
    );
    // Shown from the beginning: what appears with its first count has not grown.
    metrics::counter!("labeltap_identity_refused_addresses_total").increment(0);
}
