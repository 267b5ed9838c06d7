//! Recording what becomes of labels.

use super::Store;
use crate::states::{self, Looked};
use crate::{StoreError, Telling};
use label::{LabelState, Millis};
use tokio::sync::watch;

impl Store {
    /// Whether some consumer has asked for events of labels' states; lives as long as the store.
    #[must_use]
    pub fn tells_states(&self) -> watch::Receiver<bool> {
        self.engine.states()
    }

    /// Records some of what has become of labels by now, as events of the log, if a consumer asks
    /// for it. Only one may do this at a time; what two do at once is done once.
    ///
    /// # Errors
    /// The general ones; [`StoreError::Indexing`] while the index is not whole.
    pub async fn tell_states(&self, now: Millis) -> Result<Telling, StoreError> {
        let filters = self.engine.filters();
        let (looked, due) = self
            .ask(move |db| {
                let looked = states::look(db, &filters, now)?;
                Ok((looked, states::next_due(db)?))
            })
            .await?;
        let Some(looked) = looked else { return Ok(Telling::default()) };
        let more = looked.is_more();
        let lasting = looked.news.iter().filter(|news| news.state == LabelState::Applies);
        let first = lasting.filter_map(|news| news.due).min().map(Millis);
        let due = due.into_iter().chain(first).min_by_key(|due| due.0);
        if looked.is_any() {
            self.record(looked, now).await?;
        }
        Ok(Telling { more, due })
    }

    async fn record(&self, looked: Looked, now: Millis) -> Result<bool, StoreError> {
        self.grow(looked.news.len(), move |desk| states::record(desk, &looked, now)).await
    }
}
