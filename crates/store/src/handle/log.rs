//! Reading the log.

use super::Store;
use crate::{Choice, RowView, Scan, Scanned, StoreError, log};
use label::{Event, EventId, MAX_NUMBER, Millis};

impl Store {
    /// How many label events are above `after`. Costs a look at each of them, in short
    /// reads, unless it is from the beginning.
    ///
    /// # Errors
    /// The general ones.
    pub async fn count_after(&self, after: EventId) -> Result<u64, StoreError> {
        let end = EventId::new(MAX_NUMBER).unwrap_or_default();
        self.count_between(after, end).await
    }

    /// How many label events are above `after` and not above `until`. Costs a look at each of
    /// them, in short reads, unless it is the whole log.
    ///
    /// # Errors
    /// The general ones.
    pub async fn count_between(&self, after: EventId, until: EventId) -> Result<u64, StoreError> {
        let mut total = 0;
        let mut from = Some(after);
        while let Some(after) = from {
            let (found, more) = self.read(move |db| log::count_some(db, after, until)).await?;
            total += found;
            from = more;
        }
        Ok(total)
    }

    /// Reads a part of the log and takes what `look` says, which is asked about each row in
    /// order and may keep what it likes in `state`. Rows of purged labelers are passed over.
    ///
    /// This is one short read: it ends early after 20,000 rows, after 16 MiB looked at, and
    /// soon after 1 MiB taken. Whoever wants more goes on above [`Scanned::read`]. Nothing is
    /// left up to `until` once that has been reached.
    ///
    /// # Errors
    /// The general ones; `state` is lost then.
    pub async fn scan<S: Send + 'static, C: Into<Choice> + 'static>(
        &self,
        scan: Scan,
        state: S,
        look: fn(&mut S, &RowView<'_>) -> C,
    ) -> Result<Scanned<S>, StoreError> {
        self.read(move |db| crate::scan::scan(db, &scan, state, look)).await
    }

    /// These events, labels and rejected ones, in order of id; those that are no more are
    /// left out.
    ///
    /// When they are large they stop soon after 1 MiB. So what was asked for above the last
    /// one answered may be there all the same, and has to be asked for again. When the
    /// answer is empty, none of them is.
    ///
    /// # Errors
    /// The general ones.
    pub async fn some(&self, ids: Vec<EventId>) -> Result<Vec<Event>, StoreError> {
        self.read(move |db| log::some(db, ids)).await
    }

    /// When the first label above `after` was received; `None` at the end of the log.
    ///
    /// # Errors
    /// The general ones.
    pub async fn received_after(&self, after: EventId) -> Result<Option<Millis>, StoreError> {
        let mut from = Some(after);
        while let Some(after) = from {
            let (found, more) = self.read(move |db| log::received_after(db, after)).await?;
            if found.is_some() {
                return Ok(found);
            }
            from = more;
        }
        Ok(None)
    }
}
