//! How far the sink is, readable by anybody at any time.

use label::EventId;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::Head;
use tokio::sync::watch;

/// Where the sink stands. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    head: watch::Receiver<Head>,
    position: AtomicI64,
    /// Labels ever added to the log when it ended at the position, as far as that is known.
    added: AtomicU64,
    counted: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Progress {
    pub(crate) fn new(head: watch::Receiver<Head>) -> Self {
        Self(Arc::new(Shared {
            head,
            position: AtomicI64::new(0),
            added: AtomicU64::new(0),
            counted: AtomicBool::new(false),
            trouble: Mutex::default(),
        }))
    }

    /// The last event whose labels are in the table.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.0.position.load(Ordering::Relaxed)
    }

    /// How many labels of the log are not. 0 before they were counted.
    #[must_use]
    pub fn lag(&self) -> u64 {
        if !self.0.counted.load(Ordering::Relaxed) {
            return 0;
        }
        let head = *self.0.head.borrow();
        if self.position() >= head.last.get() {
            return 0;
        }
        head.added.saturating_sub(self.0.added.load(Ordering::Relaxed))
    }

    /// What it waits for, if it does.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the gauges. To be called when they are about to be read.
    pub fn gauge(&self) {
        // Far below 2^53.
        metrics::gauge!("labeltap_appview_lag_events").set(self.lag() as f64);
        metrics::gauge!("labeltap_appview_position").set(self.position() as f64);
        let up = self.0.counted.load(Ordering::Relaxed) && self.trouble().is_none();
        metrics::gauge!("labeltap_appview_up").set(if up { 1.0 } else { 0.0 });
    }

    /// It stands here, and so many labels are above.
    pub(crate) fn stands(&self, position: EventId, owed: u64) {
        let added = self.0.head.borrow().added.saturating_sub(owed);
        self.0.added.store(added, Ordering::Relaxed);
        self.0.position.store(position.get(), Ordering::Relaxed);
        self.0.counted.store(true, Ordering::Relaxed);
    }

    /// It has come here, past so many labels.
    pub(crate) fn came(&self, position: EventId, looked: u64) {
        self.0.added.fetch_add(looked, Ordering::Relaxed);
        self.0.position.store(position.get(), Ordering::Relaxed);
    }

    /// It waits for this.
    pub(crate) fn stopped(&self, trouble: String) {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// It does not wait any more.
    pub(crate) fn goes_on(&self) {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Says what the metrics mean.
pub(crate) fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_gauge!(
        "labeltap_appview_lag_events",
        "labels of the log that are not in the AppView's table"
    );
    describe_gauge!("labeltap_appview_position", "the last event that is in the AppView's table");
    describe_gauge!("labeltap_appview_up", "1 while the AppView's table is kept in step");
    describe_counter!("labeltap_appview_rows_written_total", "rows of the AppView's table written");
    describe_counter!("labeltap_appview_rows_removed_total", "rows of it taken away");
    describe_counter!("labeltap_appview_skipped_total", "labels that cannot be in it, by reason");
    describe_counter!(
        "labeltap_appview_errors_total",
        "failures of the database it is in, by kind"
    );
}
