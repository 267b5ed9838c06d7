//! What a consumer asks of the store: pages of the log, bodies it no longer has, and to
//! keep what is acked. At most one request of each kind runs, beside the actor; the
//! answer comes back to [`Consumer::finish`].

use super::{Consumer, Trouble};
use crate::count::{self, signed};
use crate::desk::{Lane, Moment, Sending};
use crate::packer;
use crate::patience::patiently;
use label::{EventId, LabelEvent};
use std::hash::BuildHasher;
use store::{ConsumerRow, Head, Store, StoreError};

/// Something the store was asked for.
pub(super) enum Done {
    /// Events of the log, where the log ended when it was asked, and whether they are all.
    Page { events: Vec<LabelEvent>, head: Head, all: bool },
    /// Bodies that were no longer on the shelf.
    Bodies { asked: Vec<Sending>, events: Vec<LabelEvent> },
    /// Position and acks are kept.
    Saved,
    /// `gone` of [`Count`](crate::count::Count) when the consumer was started.
    Counted(i64),
}

/// Counts what was owed to a consumer when it was as in this row.
pub(super) async fn count(store: Store, row: ConsumerRow) -> Result<Done, StoreError> {
    let gone = patiently(|| count::gone(&store, row.position.get(), &row.ahead)).await?;
    Ok(Done::Counted(gone))
}

impl Consumer {
    pub(super) fn read_on(&mut self) {
        let Some(limit) = self.desk.wants().filter(|_| !self.reading && !self.at_end) else {
            return;
        };
        self.reading = true;
        let store = self.store.clone();
        let head = *self.head.borrow_and_update();
        let after = EventId::new(self.desk.read()).unwrap_or_default();
        self.jobs.spawn(async move {
            let events = patiently(|| store.events_after(after, limit)).await?;
            // A short page does not say that the log ends: large events come in short ones.
            let last = events.last().map_or(head.last, |event| event.id);
            Ok(Done::Page { all: last >= head.last, events, head })
        });
    }

    pub(super) fn fetch(&mut self) {
        if self.fetching {
            return;
        }
        let asked = self.packer.missing(self.limits.page);
        if asked.is_empty() {
            return;
        }
        self.fetching = true;
        let (store, ids) = (self.store.clone(), packer::ids(&asked));
        self.jobs.spawn(async move {
            let events = patiently(|| store.events(ids.clone())).await?;
            Ok(Done::Bodies { asked, events })
        });
    }

    pub(super) fn save(&mut self, now: Moment) {
        if self.saving || !self.desk.is_changed() {
            return;
        }
        if now < *self.save_at.get_or_insert(now + self.limits.save_every) {
            return;
        }
        self.save_at = None;
        self.saving = true;
        let (store, row) = (self.store.clone(), self.row());
        self.jobs.spawn(async move {
            patiently(|| store.save_consumer(row.clone())).await?;
            Ok(Done::Saved)
        });
    }

    /// What is to be kept, and that it is.
    fn row(&mut self) -> ConsumerRow {
        let _it_is_kept_now = self.desk.take_changed();
        ConsumerRow {
            name: self.name.clone(),
            position: EventId::new(self.desk.position()).unwrap_or_default(),
            ahead: self.desk.ahead(),
            filter: None,
            webhook: None,
        }
    }

    pub(super) fn finish(&mut self, done: Done) {
        match done {
            Done::Page { events, head, all } => {
                self.reading = false;
                self.at_end = all;
                self.take_page(events, head);
            }
            Done::Bodies { asked, events } => {
                self.fetching = false;
                let parcels = self.packer.fetched(&mut self.desk, asked, events);
                self.hand_over(parcels);
            }
            Done::Saved => self.saving = false,
            // What we know from having read everything is the better number.
            Done::Counted(gone) => {
                self.gone.get_or_insert(gone);
            }
        }
    }

    fn take_page(&mut self, events: Vec<LabelEvent>, head: Head) {
        let last = events.last().map_or(0, |event| event.id.get());
        let end = if self.at_end { head.last.get().max(last) } else { last };
        let lanes = events.iter().map(|event| (event.id.get(), self.lane(event)));
        let lanes: Vec<(i64, Lane)> = lanes.collect();
        self.desk.page(lanes, end);
        self.packer.keep(events);
        if self.at_end && last <= head.last.get() {
            // Here the desk holds all that is owed. Labels that were purged unread made
            // the sum wrong; now it is right again.
            let left = signed(self.desk.held() as u64) + signed(self.desk.settled());
            self.gone = Some(signed(head.added) - left);
        }
    }

    fn lane(&self, event: &LabelEvent) -> Lane {
        self.lanes.hash_one((event.labeler.as_str(), event.label.uri.as_str()))
    }

    /// Nobody is connected any more: keeps what is not kept. Reading is given up. A save
    /// under way is overtaken by the last one, since the store writes in order.
    pub(super) async fn leave(&mut self) -> Result<(), Trouble> {
        let unsure = self.saving;
        self.jobs.shutdown().await;
        if unsure || self.desk.is_changed() {
            let (store, row) = (self.store.clone(), self.row());
            patiently(|| store.save_consumer(row.clone())).await?;
        }
        Ok(())
    }
}
