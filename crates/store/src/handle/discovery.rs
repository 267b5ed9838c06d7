//! Finding labelers: hints, who is still to be looked up, and what labelers declare.

use super::Store;
use crate::{
    Concluded, Conclusion, DeclarationRow, DirectoryRow, Hints, Kept, Lane, Lookup, RelayRow,
    StoreError, declarations, lookups, places,
};
use label::{Did, Millis};

impl Store {
    /// Keeps hints and how far the place was read where they were heard, in one transaction:
    /// so a cursor is never ahead of the hints it covers. Those who are tracked already gain
    /// the source where it is a list they are on, are answered where they may have changed,
    /// and have their declaration read where that may have; of removed ones nothing is kept.
    ///
    /// # Errors
    /// The general ones; nothing was kept then.
    pub async fn keep_hints(&self, hints: Hints, now: Millis) -> Result<Kept, StoreError> {
        let weight = hints.dids.len() + hints.accounts.len();
        self.write(weight, move |desk| lookups::keep(desk, &hints, now)).await
    }

    /// Has the declarations read that were last asked for at `before` or earlier, of at most
    /// `most` tracked labelers. Answers how many look-ups were not waiting already.
    ///
    /// # Errors
    /// The general ones.
    pub async fn want_declarations(
        &self,
        before: Millis,
        most: usize,
        now: Millis,
    ) -> Result<u64, StoreError> {
        if self.read(move |db| declarations::outdated(db, before, 1)).await?.is_empty() {
            return Ok(0);
        }
        self.write(most, move |desk| lookups::want_declarations(desk, before, most, now)).await
    }

    /// Up to `most` look-ups of a lane that are due, the oldest first; without `strangers` only
    /// of those who are tracked.
    ///
    /// # Errors
    /// The general ones.
    pub async fn due_lookups(
        &self,
        strangers: bool,
        lane: Lane,
        now: Millis,
        most: usize,
    ) -> Result<Vec<Lookup>, StoreError> {
        self.read(move |db| lookups::due(db, strangers, lane, now, most)).await
    }

    /// How many look-ups wait, due or not. Costs a look at each.
    ///
    /// # Errors
    /// The general ones.
    pub async fn count_lookups(&self) -> Result<u64, StoreError> {
        self.read(|db| lookups::count(db)).await
    }

    /// Does what a look-up came to, in one transaction.
    ///
    /// # Errors
    /// The general ones.
    pub async fn conclude(
        &self,
        lookup: Lookup,
        conclusion: Conclusion,
        now: Millis,
    ) -> Result<Concluded, StoreError> {
        self.write(2, move |desk| lookups::conclude(desk, &lookup, &conclusion, now)).await
    }

    /// What is known of a labeler's declaration; `None` before it was ever asked for.
    ///
    /// # Errors
    /// The general ones.
    pub async fn declaration(&self, did: Did) -> Result<Option<DeclarationRow>, StoreError> {
        self.read(move |db| declarations::one(db, &did)).await
    }

    /// How far a relay was read.
    ///
    /// # Errors
    /// The general ones.
    pub async fn relay(&self, url: String) -> Result<RelayRow, StoreError> {
        self.read(move |db| places::relay(db, &url)).await
    }

    /// How far a directory was read. One met for the first time is read from now on, whenever
    /// that may begin.
    ///
    /// # Errors
    /// The general ones.
    pub async fn directory(&self, url: String, now: Millis) -> Result<DirectoryRow, StoreError> {
        self.write(1, move |desk| places::directory(desk.db, &url, now)).await
    }
}
