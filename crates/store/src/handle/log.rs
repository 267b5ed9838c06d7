//! Reading the log.

use super::Store;
use crate::{StoreError, log};
use label::{EventId, LabelEvent};

impl Store {
    /// Up to `limit` events above `after`, in order. Fewer at the end of the log, and also
    /// when they are large: they stop soon after 1 MiB. None only at the end of the log
    /// (or when `limit` is 0).
    ///
    /// # Errors
    /// The general ones.
    pub async fn events_after(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<LabelEvent>, StoreError> {
        let mut events = Vec::new();
        let (mut from, mut room) = (Some(after), log::LARGE);
        while let Some(after) = from
            && events.len() < limit
            && room > 0
        {
            let wanted = limit - events.len();
            let page = self.read(move |db| log::page_after(db, after, wanted, room)).await?;
            events.extend(page.events);
            from = page.more_after;
            room = room.saturating_sub(page.weight);
        }
        Ok(events)
    }

    /// These events, in order of id; those that are no more are left out.
    ///
    /// When they are large they stop soon after 1 MiB. So what was asked for above the last
    /// one answered may be there all the same, and has to be asked for again. When the
    /// answer is empty, none of them is.
    ///
    /// # Errors
    /// The general ones.
    pub async fn events(&self, ids: Vec<EventId>) -> Result<Vec<LabelEvent>, StoreError> {
        self.read(move |db| log::some(db, ids)).await
    }

    /// How many label events are above `after`. Costs a look at each of them, in short
    /// reads, unless it is from the beginning.
    ///
    /// # Errors
    /// The general ones.
    pub async fn count_after(&self, after: EventId) -> Result<u64, StoreError> {
        let mut total = 0;
        let mut from = Some(after);
        while let Some(after) = from {
            let (found, more) = self.read(move |db| log::count_some(db, after)).await?;
            total += found;
            from = more;
        }
        Ok(total)
    }
}
