//! How a consumer reads the log for its desk, and knows how much is left.

use super::jobs::Done;
use super::sieve::Sieve;
use super::{Consumer, Types};
use crate::desk::Wanted;
use crate::patience::patiently;
use crate::sheet::Sheet;
use label::{EventId, MAX_NUMBER};
use std::sync::Arc;
use store::{Head, Scan, Scanned, Store, StoreError};

/// A part of the log, looked through.
pub(super) struct Found {
    sieve: Sieve,
    /// What was taken.
    sheets: Vec<Arc<Sheet>>,
    /// Everything up to here was looked at, and so many labels of it.
    read: EventId,
    looked: u64,
    /// Where the log ended when we asked.
    head: Head,
    /// It was read from the end of what was known, so what was looked at is new.
    is_new: bool,
}

impl Consumer {
    pub(super) fn read_on(&mut self) {
        if self.busy.reading {
            return;
        }
        let Some(wanted) = self.may_read() else { return };
        self.busy.reading = true;
        let head = *self.head.borrow_and_update();
        let is_new = wanted.after >= self.desk.frontier();
        let scan = self.scan(&wanted);
        let lanes = self.lanes.clone();
        let rack = self.rack.clone();
        let (filter, present) = (self.filter.clone(), self.filters.present());
        let sieve = Sieve::new(filter, present, wanted, lanes, rack.clone());
        let scan = Scan { rejected: sieve.sees_rejected(), ..scan };
        let store = self.store.clone();
        self.jobs.spawn(async move {
            let look = Sieve::look;
            let scanned = patiently(|| store.scan(scan, sieve.clone(), look)).await?;
            let Scanned { state: mut sieve, events, read, looked } = scanned;
            let mut sheets = sieve.at_hand();
            sheets.extend(events.into_iter().map(|event| rack.share(event)));
            Ok(Done::Found(Box::new(Found { sieve, sheets, read, looked, head, is_new })))
        });
    }

    /// What is to be read next, if anything.
    pub(super) fn may_read(&mut self) -> Option<Wanted> {
        let wanted = self.desk.wants()?;
        (self.at_end != Some(wanted.generation)).then_some(wanted)
    }

    fn scan(&self, wanted: &Wanted) -> Scan {
        // A webhook gets labels only, and nobody else can come: the rest is passed over.
        let types = if self.hook.is_open() { Types::default() } else { self.types };
        Scan {
            after: id(wanted.after),
            until: id(wanted.until),
            rows: self.limits.rows,
            events: wanted.events,
            rejected: false,
            labelers: types.labelers,
            states: types.states,
        }
    }

    pub(super) fn found(&mut self, found: Found) {
        self.busy.reading = false;
        let Found { sieve, sheets, read, looked, head, is_new } = found;
        // Not where it ended when we asked: that it has grown since may have been heard
        // already, and nobody would tell us again.
        let all = read >= self.head.borrow().last;
        let page = sieve.page(read.get(), all);
        if page.generation != self.desk.generation() {
            return;
        }
        let kept = self.desk.page(&page);
        let of_use = |sheet: &Arc<Sheet>| kept.binary_search(&sheet.id()).is_ok();
        self.packer.keep(sheets.into_iter().filter(of_use));
        if all {
            self.at_end = Some(page.generation);
        }
        if is_new {
            self.looked += looked;
            self.anchor = self.anchor.map(|anchor| anchor + looked);
        }
        if read == head.last && self.desk.is_at_frontier() {
            // Here nothing is unread. Labels that were purged unread made the sum wrong;
            // now it is right again.
            self.anchor = Some(head.added);
            self.answer();
        }
    }

    /// Counts beside delivery what was owed when it began: after a long absence that takes
    /// a while.
    pub(super) fn count(&mut self) {
        self.looked = 0;
        let head = *self.head.borrow();
        self.anchor = (self.desk.frontier() == head.last.get()).then_some(head.added);
        if let Some(count) = self.counting.take() {
            count.abort();
        }
        if self.anchor.is_some() && self.desk.ahead().is_empty() {
            return;
        }
        self.anchor = None;
        let (store, life) = (self.store.clone(), self.asked.life);
        let (position, ahead) = (self.desk.position(), self.desk.ahead());
        let count = self.jobs.spawn(async move {
            let (gaps, anchor) = patiently(|| count(&store, position, &ahead)).await?;
            Ok(Done::Counted { life, gaps, anchor })
        });
        self.counting = Some(count);
    }

    /// What we know from having read everything is the better number.
    pub(super) fn counted(&mut self, life: u64, gaps: u64, anchor: u64) {
        if life == self.asked.life && self.anchor.is_none() {
            self.anchor = Some(anchor + self.looked);
            if !self.desk.is_at_frontier() {
                self.desk.owed_unread(gaps);
            }
        }
        self.answer();
    }
}

/// The desk has no bound above; the log has.
fn id(number: i64) -> EventId {
    EventId::new(number.clamp(0, MAX_NUMBER)).unwrap_or_default()
}

/// Labels in the gaps between what is done, and labels ever added up to where they end.
async fn count(
    store: &Store,
    position: i64,
    ahead: &[std::ops::RangeInclusive<i64>],
) -> Result<(u64, u64), StoreError> {
    let mut gaps = 0;
    let mut last = position;
    for range in ahead {
        gaps += store.count_between(id(last), id(range.start() - 1)).await?;
        last = *range.end();
    }
    // What is added while we count is left out by counting up to one moment's head.
    let head = *store.head().borrow();
    let beyond = store.count_after(id(last)).await?;
    let later = store.count_after(head.last).await?;
    Ok((gaps, head.added.saturating_sub(beyond.saturating_sub(later))))
}
