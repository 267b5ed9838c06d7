//! Where one consumer stands, readable by anybody at any time: its actor writes, the API and
//! the metrics read. Nobody has to be asked, and nobody waits.

use crate::taste::Taste;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Head;
use tokio::sync::{SetOnce, watch};

/// The numbers and settings of one consumer.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) name: String,
    head: watch::Receiver<Head>,
    position: AtomicI64,
    /// Events owed, as far as the log was read; -1: not counted yet.
    owed: AtomicI64,
    /// Label events ever added to the log when it ended where this consumer has read to.
    anchor: AtomicU64,
    in_flight: AtomicUsize,
    connections: AtomicUsize,
    /// Events written since the start, repeats included.
    delivered: AtomicU64,
    /// The same for all consumers together.
    all_delivered: Arc<AtomicU64>,
    /// Those that were sent again.
    redelivered: AtomicU64,
    /// Events set aside since the start.
    dead: AtomicU64,
    /// When the oldest owed event was received, in milliseconds; -1: not known.
    oldest: AtomicI64,
    /// How often it has begun anew.
    life: AtomicU64,
    settings: Mutex<Shown>,
    /// Filters of connections that are open or about to be, and how many have each.
    filters: Mutex<Vec<(Taste, usize)>>,
    counted: SetOnce<()>,
}

/// What can be shown of a consumer's settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) filter: Option<label::Filter>,
    /// Without user and password.
    pub(crate) webhook: Option<String>,
    pub(crate) last_error: Option<String>,
}

/// What an actor has to say of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) position: i64,
    /// `None` before it was counted.
    pub(crate) owed: Option<u64>,
    pub(crate) anchor: u64,
    pub(crate) in_flight: usize,
    pub(crate) connections: usize,
}

impl Standing {
    pub(crate) fn new(
        name: String,
        head: watch::Receiver<Head>,
        all_delivered: Arc<AtomicU64>,
    ) -> Self {
        Self {
            name,
            head,
            position: AtomicI64::new(0),
            owed: AtomicI64::new(-1),
            anchor: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            delivered: AtomicU64::new(0),
            all_delivered,
            redelivered: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            oldest: AtomicI64::new(-1),
            life: AtomicU64::new(0),
            settings: Mutex::default(),
            filters: Mutex::default(),
            counted: SetOnce::new(),
        }
    }

    pub(crate) fn tell(&self, numbers: &Numbers) {
        self.position.store(numbers.position, Ordering::Relaxed);
        self.in_flight.store(numbers.in_flight, Ordering::Relaxed);
        self.connections.store(numbers.connections, Ordering::Relaxed);
        if let Some(owed) = numbers.owed {
            self.tell_owed(owed, numbers.anchor);
            let _more_than_once = self.counted.set(());
        }
    }

    fn tell_owed(&self, owed: u64, anchor: u64) {
        self.anchor.store(anchor, Ordering::Relaxed);
        self.owed.store(i64::try_from(owed).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// It begins after this position, and what it owes is still to be counted: until then
    /// as much as it can be, so that nobody takes it for done.
    pub(crate) fn begins_after(&self, position: i64) {
        self.life.fetch_add(1, Ordering::Relaxed);
        let head = *self.head.borrow();
        let ids = head.last.get().saturating_sub(position);
        let owed = u64::try_from(ids).unwrap_or_default().min(head.added);
        self.tell_owed(owed, head.added);
    }

    /// How often it has begun anew: what was sent before is not to be written any more.
    pub(crate) fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// So many events more were written.
    pub(crate) fn wrote(&self, events: u64) {
        self.delivered.fetch_add(events, Ordering::Relaxed);
        self.all_delivered.fetch_add(events, Ordering::Relaxed);
    }

    /// Events written since the start, repeats included.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// So many events more are sent again.
    pub(crate) fn sends_again(&self, events: u64) {
        self.redelivered.fetch_add(events, Ordering::Relaxed);
    }

    /// Events sent again since the start.
    pub(crate) fn redelivered(&self) -> u64 {
        self.redelivered.load(Ordering::Relaxed)
    }

    /// So many events more are set aside.
    pub(crate) fn sets_aside(&self, events: u64) {
        self.dead.fetch_add(events, Ordering::Relaxed);
    }

    /// Events set aside since the start.
    pub(crate) fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// When the oldest owed event was received.
    pub(crate) fn tell_oldest(&self, received_at: Option<label::Millis>) {
        self.oldest.store(received_at.map_or(-1, |at| at.0), Ordering::Relaxed);
    }

    pub(crate) fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut lock(&self.settings));
    }

    pub(crate) fn shown(&self) -> Shown {
        lock(&self.settings).clone()
    }

    /// Every event up to here is acked or passed over.
    pub(crate) fn position(&self) -> i64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Events that are not acked: what is known to be owed, and all that was not read yet.
    /// 0 before it was counted.
    pub(crate) fn lag(&self) -> u64 {
        let Ok(owed) = u64::try_from(self.owed.load(Ordering::Relaxed)) else { return 0 };
        let added = self.head.borrow().added;
        owed + added.saturating_sub(self.anchor.load(Ordering::Relaxed))
    }

    /// When the oldest event that is not acked was received, if there is one and it is known.
    pub(crate) fn oldest(&self) -> Option<label::Millis> {
        let oldest = self.oldest.load(Ordering::Relaxed);
        (oldest >= 0 && self.lag() > 0).then_some(label::Millis(oldest))
    }

    /// Returns when the first count is made.
    pub(crate) async fn counted(&self) {
        self.counted.wait().await;
    }

    /// Reserves a place for a filter; false when there are too many different ones.
    pub(crate) fn take_filter(&self, filter: &Taste, most: usize) -> bool {
        let mut filters = lock(&self.filters);
        if let Some((_, count)) = filters.iter_mut().find(|(known, _)| known == filter) {
            *count += 1;
        } else if filters.len() < most {
            filters.push((filter.clone(), 1));
        } else {
            return false;
        }
        true
    }

    /// Gives it back.
    pub(crate) fn leave_filter(&self, filter: &Taste) {
        let mut filters = lock(&self.filters);
        if let Some((_, count)) = filters.iter_mut().find(|(known, _)| known == filter) {
            *count -= 1;
        }
        filters.retain(|(_, count)| *count > 0);
    }
}

/// A panic while holding one of these locks cannot leave what they guard half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
