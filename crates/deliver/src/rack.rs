//! Sheets that were read lately, for whoever reads the same part of the log a little later.
//!
//! Consumers that follow the end of the log, or go through it side by side, so have one copy
//! of each event between them, and its JSON is made once. Nobody has to find anything here:
//! what is not here is made again.
//!
//! Nothing is sent because it is here. A consumer first reads in the log that there is such
//! an event, and what it says (or where it stands, which is as good: [`RowView::frame`]);
//! only then this is asked for a sheet that says the same. So what was purged, or moved to
//! another frame, is not sent as it was before.
//!
//! One lock, held for one event at a time and never while a text is made.
//!
//! [`RowView::frame`]: store::RowView::frame

use crate::consumer::Share;
use crate::sheet::{Sheet, Written};
use axum::extract::ws::Utf8Bytes;
use label::{Epoch, Event, EventId, Seq};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of events and their texts together, in bytes: some eight thousand usual labels.
pub(crate) const MOST: usize = 8 << 20;

/// When so many sheets have come and nobody has asked for one of them, whoever is awake reads
/// elsewhere, or does not read at all. It is more than the rack holds of usual ones.
const UNASKED: usize = 16 << 10;

/// So many are passed over then before it is tried again.
const PASSED: usize = 256 << 10;

/// The rack of all consumers. Cloning it is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Rack {
    awake: Share,
    lately: Arc<Mutex<Lately>>,
    /// So many sheets are not kept, since none of those before was asked for.
    passed: Arc<AtomicUsize>,
    encoded: metrics::Counter,
}

/// Bounded by weight; who came first goes first.
#[derive(Debug)]
struct Lately {
    sheets: HashMap<i64, Held>,
    /// The ids of these, in the order in which they came.
    order: VecDeque<i64>,
    /// Of all of them together.
    weight: usize,
    most: usize,
    /// Sheets that came since somebody last asked for one that was here.
    unasked: usize,
}

#[derive(Debug)]
struct Held {
    sheet: Arc<Sheet>,
    /// With its texts, as far as they are counted.
    weight: usize,
}

impl Rack {
    /// For these consumers; at most so many bytes.
    pub(crate) fn new(awake: Share, most: usize) -> Self {
        let (sheets, order) = (HashMap::new(), VecDeque::new());
        let lately = Lately { sheets, order, weight: 0, most, unasked: 0 };
        let encoded = metrics::counter!("labeltap_events_encoded_total");
        let (lately, passed) = (Arc::new(Mutex::new(lately)), Arc::default());
        Self { awake, lately, passed, encoded }
    }

    /// The sheet of a label that stands in this frame, as a row of the log has just said; so
    /// that the rest of the row need not be read.
    pub(crate) fn find(&self, id: EventId, frame: (Epoch, Seq)) -> Option<Arc<Sheet>> {
        if self.passes() {
            return None;
        }
        let mut lately = self.lock();
        let sheet = &lately.sheets.get(&id.get())?.sheet;
        let found = (sheet.frame() == Some(frame)).then(|| Arc::clone(sheet));
        if found.is_some() {
            lately.unasked = 0;
        }
        found
    }

    /// Whether nothing is kept just now.
    fn passes(&self) -> bool {
        self.passed.load(Ordering::Relaxed) > 0
    }

    /// The sheet of an event that was just read: that of others, if theirs says the same.
    /// Whoever is alone keeps nothing for others: it would be in the way, in the processor's
    /// caches too.
    pub(crate) fn share(&self, event: Event) -> Arc<Sheet> {
        let less = |passed: usize| passed.checked_sub(1);
        let passed = self.passed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if passed || self.awake.is_ones() {
            return Arc::new(Sheet::new(event));
        }
        let mut lately = self.lock();
        let known = lately.sheets.get(&event.id().get());
        if let Some(held) = known.filter(|held| *held.sheet.event() == event) {
            let sheet = Arc::clone(&held.sheet);
            lately.unasked = 0;
            return sheet;
        }
        lately.unasked += 1;
        if lately.unasked > UNASKED {
            lately.clear();
            self.passed.store(PASSED, Ordering::Relaxed);
            return Arc::new(Sheet::new(event));
        }
        lately.put(event)
    }

    /// The text of a sheet, made now if nobody has needed it yet.
    pub(crate) fn text(&self, sheet: &Arc<Sheet>, raw: bool) -> Utf8Bytes {
        let Written { text, is_new } = sheet.text(raw);
        if is_new {
            self.encoded.increment(1);
            if !self.passes() {
                self.lock().grew(sheet, text.len());
            }
        }
        text
    }

    /// A panic while holding the lock cannot leave more behind than a wrong weight.
    fn lock(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lately {
    fn clear(&mut self) {
        self.sheets = HashMap::new();
        self.order = VecDeque::new();
        (self.weight, self.unasked) = (0, 0);
    }

    /// In the place of what was known under that id.
    fn put(&mut self, event: Event) -> Arc<Sheet> {
        let sheet = Arc::new(Sheet::new(event));
        let weight = sheet.weight();
        let held = Held { sheet: Arc::clone(&sheet), weight };
        self.weight += weight;
        match self.sheets.entry(sheet.id()) {
            Entry::Occupied(mut known) => self.weight -= known.insert(held).weight,
            Entry::Vacant(place) => {
                place.insert(held);
                self.order.push_back(sheet.id());
            }
        }
        self.make_room();
        sheet
    }

    /// A text was made; of a sheet that is not here any more it does not count.
    fn grew(&mut self, sheet: &Arc<Sheet>, bytes: usize) {
        let held = self.sheets.get_mut(&sheet.id());
        if let Some(held) = held.filter(|held| Arc::ptr_eq(&held.sheet, sheet)) {
            held.weight += bytes;
            self.weight += bytes;
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        while self.weight > self.most
            && let Some(first) = self.order.pop_front()
        {
            self.weight -= self.sheets.remove(&first).map_or(0, |gone| gone.weight);
        }
    }
}

#[cfg(test)]
mod tests;
