//! Looks every few seconds, and at once for whoever asks.

use crate::snapshot::Snapshot;
use crate::track::{STEP, Totals, Track};
use crate::view::{self, Seen, mark};
use deliver::Deliver;
use fleet::Board;
use label::Millis;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is older is no longer shown as what is.
const STALE: Duration = Duration::from_secs(60);

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
    latest: Mutex<Option<(Instant, Arc<Snapshot>)>>,
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

    /// How it was at the last look, if there was one lately.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        let latest = lock(&self.0.latest);
        let (_, snapshot) = latest.as_ref().filter(|(at, _)| at.elapsed() <= STALE)?;
        Some(Arc::clone(snapshot))
    }

    async fn live(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut tick = tokio::time::interval(STEP);
        // A step is as long as it says, also after a pause.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let look = tokio::time::timeout(PATIENCE, self.look());
            match stop.run_until_cancelled(look).await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => tracing::debug!(%error, "nothing is counted"),
                Some(Err(_)) => tracing::debug!("the store does not answer, nothing is counted"),
                None => break,
            }
            // Also while nothing can be read.
            accepts(self.0.parts.store.accepts_writes());
        }
        Ok(())
    }

    async fn look(&self) -> Result<(), StoreError> {
        let seen = self.see().await?;
        let snapshot = {
            let mut track = lock(&self.0.track);
            let marks = seen.rows.iter().map(|row| (row.did.clone(), mark(&self.0.parts, row)));
            track.look(seen.at, seen.totals, &marks.collect::<Vec<_>>());
            view::snapshot(&self.0.parts, &seen, &track)
        };
        gauge(&snapshot);
        *lock(&self.0.latest) = Some((Instant::now(), Arc::new(snapshot)));
        Ok(())
    }

    async fn see(&self) -> Result<Seen, StoreError> {
        let Parts { store, board, deliver, now, .. } = &self.0.parts;
        let rows = store.labelers().await?;
        let verdicts = store.verdicts(None).await?;
        let counts = store.counts().await?;
        // Let go of before `deliver` looks at it too: where the writer waits in between, nobody who
        // holds it may ask for it again.
        let head = *store.head().borrow();
        let (rejected, delivered) = (board.rejected(), deliver.delivered());
        Ok(Seen {
            now: now(),
            at: self.0.begun.elapsed(),
            totals: Totals { labels: head.added, rejected, delivered },
            rows,
            verdicts,
            counts,
            head,
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
    metrics::gauge!("labeltap_labelers_troubled").set(snapshot.troubled_total as f64);
    for (state, count) in &snapshot.labelers.by_state {
        let gauge = metrics::gauge!("labeltap_labelers_by_state", "state" => state.clone());
        gauge.set(*count as f64);
    }
    metrics::gauge!("labeltap_labelers").set(snapshot.labelers.total as f64);
}

fn accepts(writes: bool) {
    metrics::gauge!("labeltap_store_accepts_writes").set(if writes { 1.0 } else { 0.0 });
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
