//! Asking the index.

use super::Store;
use crate::StoreError;
use crate::index::{self, Found, Query, Stretch};
use label::{Did, EventId, LabelEvent};

impl Store {
    /// The newest label of each labeler and value with one of these URIs, whether it applies or
    /// was taken back or has run out (contract section 7), as far as one of `sources` has said
    /// it, or anybody; in no particular order. One short read, if it is not of many hundreds.
    ///
    /// # Errors
    /// The general ones.
    pub async fn current(
        &self,
        uris: Vec<String>,
        sources: Option<Vec<Did>>,
    ) -> Result<Vec<LabelEvent>, StoreError> {
        let filters = self.engine.filters();
        self.ask(move |db| index::current(db, &filters, &uris, sources.as_deref())).await
    }

    /// Everything that was said about this URI and is still held, above `after`, oldest first, at
    /// most so many. It may end before there are so many: whoever wants more goes on above
    /// [`Found::read`].
    ///
    /// # Errors
    /// The general ones.
    pub async fn history(
        &self,
        uri: String,
        after: EventId,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let filters = self.engine.filters();
        self.ask(move |db| index::history(db, &filters, &uri, after, limit)).await
    }

    /// Current labels by what they are about, in the order of the log, above `after`, at most so
    /// many. One short read, which may end before there are so many: whoever wants more goes on
    /// above [`Found::read`].
    ///
    /// # Errors
    /// The general ones.
    pub async fn query(
        &self,
        query: Query,
        after: EventId,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let filters = self.engine.filters();
        self.ask(move |db| index::query(db, &filters, &query, after, limit)).await
    }

    /// Which labels above `after` are current, in the order of the log, of at most so many. One
    /// short read, which may end before that: whoever wants more goes on above
    /// [`Stretch::read`]. Nothing is left where that is the end of the log.
    ///
    /// # Errors
    /// The general ones.
    pub async fn stretch(&self, after: EventId, rows: usize) -> Result<Stretch, StoreError> {
        self.ask(move |db| index::stretch(db, after, rows)).await
    }

    /// A name that this database has and no other, except copies of it. It tells nothing else.
    ///
    /// # Errors
    /// The general ones.
    pub async fn name(&self) -> Result<String, StoreError> {
        self.read(|db| Ok(index::salt(db)?.name())).await
    }
}
