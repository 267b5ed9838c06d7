//! What a consumer asks of the store: pages of the log (`reading`), bodies it no longer
//! has, and to keep what is acked or set aside. At most one request of each kind runs,
//! beside the actor; the answer comes back to [`Consumer::finish`].

use super::reading::Found;
use super::{AskError, Change, Consumer, Trouble, Types};
use crate::desk::{Moment, Sending};
use crate::packer;
use crate::patience::patiently;
use crate::sheet::Sheet;
use label::{EventId, Millis};
use std::ops::RangeInclusive;
use std::sync::Arc;
use store::{DeadRow, Store, StoreError};
use tokio::sync::oneshot;

/// Dead letters read at once.
const DEAD_PAGE: usize = 1000;
/// The oldest event that is owed changes all the time while events flow.
const OLDEST_EVERY: Moment = Moment::from_secs(1);
/// No position of a log.
const NOWHERE: i64 = -1;

/// Which requests are under way.
#[derive(Debug, Default)]
pub(super) struct Busy {
    pub(super) reading: bool,
    pub(super) fetching: bool,
    pub(super) saving: bool,
    pub(super) setting_aside: bool,
    pub(super) looking_for_oldest: bool,
    /// The settings, or the dead letters, are about to be others: what would be kept in the
    /// meantime might overtake that.
    pub(super) changing: bool,
    /// There will be no such consumer.
    pub(super) removing: bool,
}

impl Busy {
    /// Whether something of the consumer is being written.
    pub(super) fn keeps(&self) -> bool {
        self.saving || self.setting_aside || self.changing
    }
}

/// Something the store was asked for.
pub(super) enum Done {
    /// A part of the log.
    Found(Box<Found>),
    /// Bodies that were no longer on the shelf.
    Bodies { asked: Vec<Sending>, sheets: Vec<Arc<Sheet>> },
    /// Position and acks are kept.
    Saved,
    /// That somebody asked for a type is kept.
    Asked,
    /// These are dead letters now.
    SetAside(Vec<i64>),
    /// What was owed at the beginning of a life: see `reading`.
    Counted { life: u64, gaps: u64, anchor: u64 },
    /// The oldest label above this position was received then.
    Oldest { position: i64, received_at: Option<Millis> },
    /// The settings are kept.
    Changed(Box<Change>, EventId, oneshot::Sender<Result<(), AskError>>),
    /// Of the dead letters asked for, these are there.
    Dead(Vec<EventId>, oneshot::Sender<Result<Vec<EventId>, AskError>>),
    /// They are no dead letters any more.
    Revived(Vec<EventId>, oneshot::Sender<Result<Vec<EventId>, AskError>>),
    /// There is no such consumer any more.
    Removed,
}

impl Consumer {
    pub(super) fn finish(&mut self, done: Done) {
        match done {
            Done::Found(found) => self.found(*found),
            Done::Bodies { asked, sheets } => {
                self.busy.fetching = false;
                let parcels = self.packer.fetched(&mut self.desk, asked, sheets);
                self.hand_over(parcels);
            }
            Done::Saved => {
                self.busy.saving = false;
                self.do_next();
            }
            Done::SetAside(ids) => {
                self.busy.setting_aside = false;
                self.fails_no_more(&ids);
                self.desk.set_aside(ids);
                self.do_next();
            }
            Done::Asked => {}
            Done::Counted { life, gaps, anchor } => self.counted(life, gaps, anchor),
            Done::Oldest { position, received_at } => {
                self.busy.looking_for_oldest = false;
                // Where nothing was found something may come.
                let found_at = received_at.map_or(NOWHERE, |_| position);
                self.oldest_at = Some((found_at, self.now()));
                self.standing.tell_oldest(received_at);
            }
            Done::Changed(change, position, answer) => self.changed(*change, position, answer),
            Done::Dead(ids, answer) => self.revive(ids, answer),
            Done::Revived(ids, answer) => self.revived(ids, answer),
            Done::Removed => self.asked.removed(),
        }
    }

    pub(super) fn fetch(&mut self) {
        if self.busy.fetching {
            return;
        }
        let asked = self.packer.missing(self.limits.page);
        if asked.is_empty() {
            return;
        }
        self.busy.fetching = true;
        let (store, rack, ids) = (self.store.clone(), self.rack.clone(), packer::ids(&asked));
        self.jobs.spawn(async move {
            let events = patiently(|| store.some(ids.clone())).await?;
            let sheets = events.into_iter().map(|event| rack.share(event)).collect();
            Ok(Done::Bodies { asked, sheets })
        });
    }

    pub(super) fn save(&mut self, now: Moment) {
        if self.busy.saving || self.busy.changing {
            return;
        }
        let limits = &self.limits;
        let soon = self.desk.is_changed().then_some(now + limits.save_every);
        let later = self.desk.has_moved().then_some(now + limits.save_moved_every);
        let Some(due) = soon.or(later) else { return };
        let at = *self.save_at.insert(self.save_at.map_or(due, |at| at.min(due)));
        if now < at {
            return;
        }
        self.save_at = None;
        self.busy.saving = true;
        let (position, ahead) = self.progress();
        let (store, name) = (self.store.clone(), self.name.clone());
        self.jobs.spawn(async move {
            patiently(|| store.save_progress(name.clone(), position, ahead.clone())).await?;
            Ok(Done::Saved)
        });
    }

    /// What is to be kept, and that it is.
    pub(super) fn progress(&mut self) -> (EventId, Vec<RangeInclusive<i64>>) {
        self.desk.is_kept();
        (EventId::new(self.desk.position()).unwrap_or_default(), self.desk.ahead())
    }

    /// From now on events of these types are owed. That is kept, so that they are also owed while
    /// nobody is connected.
    pub(super) fn ask_for(&mut self, asked: Types) {
        let types = self.types.and(asked);
        if std::mem::replace(&mut self.types, types) == types {
            return;
        }
        // What is being read now does not look at them.
        self.desk.look_again();
        let (store, name) = (self.store.clone(), self.name.clone());
        self.jobs.spawn(async move {
            let keep = || store.set_consumer_types(name.clone(), types.text());
            patiently(keep).await?;
            Ok(Done::Asked)
        });
    }

    pub(super) fn put_aside(&mut self) {
        if self.busy.setting_aside || self.busy.changing {
            return;
        }
        let aside = self.desk.take_aside();
        if aside.is_empty() {
            return;
        }
        self.busy.setting_aside = true;
        self.standing.sets_aside(aside.len() as u64);
        let ids: Vec<i64> = aside.iter().map(|aside| aside.id).collect();
        let row = |aside: crate::desk::Aside| {
            let id = EventId::new(aside.id)?;
            let last_error = Some(aside.error).filter(|error| !error.is_empty());
            Some(DeadRow { id, deliveries: aside.deliveries, last_error })
        };
        let rows: Vec<DeadRow> = aside.into_iter().filter_map(row).collect();
        let (store, name, now) = (self.store.clone(), self.name.clone(), (self.settings.now)());
        self.jobs.spawn(async move {
            patiently(|| store.set_aside(name.clone(), rows.clone(), now)).await?;
            Ok(Done::SetAside(ids))
        });
    }

    /// When it is time to find out since when the first event that is owed waits.
    pub(super) fn oldest_due(&self) -> Option<Moment> {
        let lag = self.standing.lag() > 0 && !self.busy.looking_for_oldest;
        match self.oldest_at {
            _ if !lag => None,
            None => Some(Moment::ZERO),
            Some((at, _)) if at == self.desk.position() => None,
            Some((_, when)) => Some(when + OLDEST_EVERY),
        }
    }

    /// Finds it out.
    pub(super) fn look_for_oldest(&mut self, now: Moment) {
        if self.standing.lag() == 0 {
            self.standing.tell_oldest(None);
        }
        if self.oldest_due().is_none_or(|due| due > now) {
            return;
        }
        let position = self.desk.position();
        self.busy.looking_for_oldest = true;
        let store = self.store.clone();
        let after = EventId::new(position).unwrap_or_default();
        self.jobs.spawn(async move {
            let received_at = patiently(|| store.received_after(after)).await?;
            Ok(Done::Oldest { position, received_at })
        });
    }

    /// Nobody is connected any more: keeps what is not kept. Reading is given up. A save
    /// under way is overtaken by the last one, since the store writes in order. Whoever
    /// wanted the consumer to be removed is to be told.
    pub(super) async fn leave(&mut self) -> Result<Option<oneshot::Sender<()>>, Trouble> {
        if self.asked.is_removed() {
            return Ok(self.asked.who_removed());
        }
        // A change that is being kept is kept whole.
        while self.busy.changing
            && let Some(ended) = self.jobs.join_next().await
        {
            self.ended(ended)?;
        }
        let unsure = self.busy.saving;
        self.jobs.shutdown().await;
        if unsure || self.desk.is_changed() || self.desk.has_moved() {
            let (position, ahead) = self.progress();
            let (store, name) = (self.store.clone(), self.name.clone());
            patiently(|| store.save_progress(name.clone(), position, ahead.clone())).await?;
        }
        Ok(None)
    }
}

/// The dead letters of a consumer above a position: done with, whatever else was kept.
pub(super) async fn dead_after(
    store: &Store,
    name: &str,
    position: EventId,
) -> Result<Vec<RangeInclusive<i64>>, StoreError> {
    let mut after = position;
    let mut ranges = Vec::new();
    loop {
        let rows = store.dead(name.to_owned(), Some(after), DEAD_PAGE).await?;
        let Some(last) = rows.last() else { return Ok(ranges) };
        after = last.id;
        ranges.extend(rows.iter().map(|row| row.id.get()..=row.id.get()));
    }
}
