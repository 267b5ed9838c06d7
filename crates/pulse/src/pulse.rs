//! Looks every few seconds, and at once for whoever asks.

use crate::snapshot::Snapshot;
use crate::track::{STEP, Track};
use crate::view::{self, Seen};
use deliver::Deliver;
use fleet::Board;
use label::Millis;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use store::{Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// What is looked at, and what is said with it.
pub struct Parts {
    /// What is kept.
    pub store: Store,
    /// What labelers are doing.
    pub board: Board,
    /// Who reads.
    pub deliver: Deliver,
    /// Most connections to labelers at once.
    pub parallelism: usize,
    /// Most labels stored of one labeler.
    pub most_labels: Option<u64>,
    /// Of the program.
    pub version: &'static str,
    /// When the service was started.
    pub started_at: Millis,
    /// The clock.
    pub now: fn() -> Millis,
}

/// A handle. Cloning it is cheap.
#[derive(Clone)]
pub struct Pulse(Arc<Inner>);

struct Inner {
    parts: Parts,
    begun: Instant,
    track: Mutex<Track>,
    latest: Mutex<Option<Arc<Snapshot>>>,
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse").field("begun", &self.0.begun).finish_non_exhaustive()
    }
}

impl Pulse {
    /// A handle, and the future that looks until `stop`. While the store does not answer nothing
    /// is looked at; that is said elsewhere.
    pub fn start(
        parts: Parts,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = Result<(), Infallible>> + Send) {
        describe();
        metrics::gauge!("labeltap_build_info", "version" => parts.version).set(1.0);
        // Far below 2^53.
        metrics::gauge!("labeltap_labelers_parallelism").set(parts.parallelism as f64);
        let inner = Inner {
            parts,
            begun: Instant::now(),
            track: Mutex::default(),
            latest: Mutex::default(),
        };
        let pulse = Self(Arc::new(inner));
        (pulse.clone(), pulse.live(stop))
    }

    /// How the service is doing at this moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let seen = self.see().await?;
        Ok(view::snapshot(&self.0.parts, &seen, &lock(&self.0.track)))
    }

    /// How it was at the last look, if there was one: at most some seconds ago, unless the store
    /// does not answer.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        lock(&self.0.latest).clone()
    }

    async fn live(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut tick = tokio::time::interval(STEP);
        // A step is as long as it says, also after a pause.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            match stop.run_until_cancelled(self.look()).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::debug!(%error, "nothing is counted"),
                None => break,
            }
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), StoreError> {
        let seen = self.see().await?;
        let snapshot = {
            let mut track = lock(&self.0.track);
            track.look(seen.at, seen.totals(), &seen.rows);
            view::snapshot(&self.0.parts, &seen, &track)
        };
        gauge(&snapshot);
        *lock(&self.0.latest) = Some(Arc::new(snapshot));
        Ok(())
    }

    async fn see(&self) -> Result<Seen, StoreError> {
        let Parts { store, deliver, now, .. } = &self.0.parts;
        let rows = store.labelers().await?;
        let verdicts = store.verdicts(None).await?;
        let counts = store.counts().await?;
        Ok(Seen {
            now: now(),
            at: self.0.begun.elapsed(),
            rows,
            verdicts,
            counts,
            head: *store.head().borrow(),
            disk: store.disk(),
            refusal: store.refusal(),
            accepts_writes: store.accepts_writes(),
            consumers: deliver.consumers(),
        })
    }
}

/// A panic while holding the lock cannot leave what it holds half written.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gauge(snapshot: &Snapshot) {
    let store = &snapshot.store;
    // Far below 2^53.
    metrics::gauge!("labeltap_store_labels").set(store.labels as f64);
    metrics::gauge!("labeltap_store_file_bytes").set(store.file_bytes as f64);
    metrics::gauge!("labeltap_store_min_free_bytes").set(store.min_free_bytes as f64);
    let accepts = if store.accepts_writes { 1.0 } else { 0.0 };
    metrics::gauge!("labeltap_store_accepts_writes").set(accepts);
    metrics::gauge!("labeltap_labelers_troubled").set(snapshot.troubled_total as f64);
    for (state, count) in &snapshot.labelers.by_state {
        let gauge = metrics::gauge!("labeltap_labelers_by_state", "state" => state.clone());
        gauge.set(*count as f64);
    }
    metrics::gauge!("labeltap_labelers").set(snapshot.labelers.total as f64);
}

fn describe() {
    use metrics::{Unit, describe_gauge};
    describe_gauge!("labeltap_build_info", "1, with the version of the program");
    describe_gauge!("labeltap_store_labels", "labels stored");
    describe_gauge!("labeltap_store_file_bytes", Unit::Bytes, "what the database's files take");
    describe_gauge!(
        "labeltap_store_min_free_bytes",
        Unit::Bytes,
        "room below which nothing more is accepted (--min-free-space)"
    );
    describe_gauge!("labeltap_store_accepts_writes", "1 while what comes can be stored");
    describe_gauge!("labeltap_labelers", "labelers that are tracked");
    describe_gauge!("labeltap_labelers_by_state", "labelers by what they are doing");
    describe_gauge!(
        "labeltap_labelers_parallelism",
        "most connections to labelers (--labeler-parallelism)"
    );
    describe_gauge!("labeltap_labelers_troubled", "labelers that need somebody to look at them");
}
