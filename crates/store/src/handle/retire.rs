//! Taking away what no longer applies.

use super::Store;
use crate::StoreError;
use crate::retire::{self, DELETED_AT_ONCE, LABELS_AT_ONCE, Part, Pile, Place};
use label::{EventId, Millis};
use std::hash::RandomState;
use tokio::time::Instant;

impl Store {
    /// Labels up to here may have been taken away since they no longer applied.
    ///
    /// # Errors
    /// The general ones.
    pub async fn retired(&self) -> Result<EventId, StoreError> {
        self.read(|db| retire::retired(db)).await
    }

    /// Takes away labels that have not applied since `cutoff`, as far as every consumer has
    /// passed them. Answers how many.
    ///
    /// Looks at every label that is stored, in short reads with as long a pause after each, and
    /// holds 30 MiB at most. May be dropped at any await.
    ///
    /// # Errors
    /// The general ones; what was taken away before stays so.
    pub async fn retire(&self, cutoff: Millis) -> Result<u64, StoreError> {
        let floor = self.read(move |db| retire::floor(db, cutoff)).await?;
        if floor == EventId::START {
            return Ok(0);
        }
        let mut taken = 0;
        for (labeler, labels) in self.read(|db| retire::labelers(db)).await? {
            taken += self.retire_of(labeler, labels, cutoff, floor).await?;
        }
        Ok(taken)
    }

    /// The same for one labeler, a part of its keys at a time.
    async fn retire_of(
        &self,
        labeler: i64,
        labels: u64,
        cutoff: Millis,
        floor: EventId,
    ) -> Result<u64, StoreError> {
        let parts = labels.div_ceil(LABELS_AT_ONCE).max(1);
        let hasher = RandomState::new();
        let mut taken = 0;
        let mut part = Part { labeler, cutoff, part: 0, parts, hasher };
        while part.part < part.parts {
            let pile = Pile::of(labels / part.parts);
            match self.retire_part(&part, pile, floor, &mut taken).await? {
                Fits::Yes => part.part += 1,
                // It has grown a lot since it was counted.
                Fits::No => (part.part, part.parts) = (0, part.parts * 2),
            }
        }
        Ok(taken)
    }

    async fn retire_part(
        &self,
        part: &Part,
        mut pile: Pile,
        floor: EventId,
        taken: &mut u64,
    ) -> Result<Fits, StoreError> {
        let mut after = None;
        loop {
            (pile, after) = self.walk(part.clone(), after, pile).await?;
            if after.is_some() && !pile.is_full() {
                continue;
            }
            let mut from = Some(0);
            while let Some(at) = from {
                let (ended, next) = pile.ended(at, floor, DELETED_AT_ONCE);
                from = next;
                if ended.is_empty() {
                    continue;
                }
                let (labeler, cutoff) = (part.labeler, part.cutoff);
                let count = self
                    .write(DELETED_AT_ONCE, move |desk| retire::take(desk, labeler, cutoff, &ended))
                    .await?;
                metrics::counter!("labeltap_store_retired_total").increment(count);
                *taken += count;
            }
            if after.is_none() {
                return Ok(Fits::Yes);
            }
            pile.thin();
            if pile.is_cramped() {
                return Ok(Fits::No);
            }
        }
    }

    /// One short read, and then a pause for others. The pile is sorted when it is complete.
    async fn walk(
        &self,
        part: Part,
        after: Option<Place>,
        mut pile: Pile,
    ) -> Result<(Pile, Option<Place>), StoreError> {
        let begun = Instant::now();
        let walked = self.read(move |db| {
            let after = retire::walk(db, &part, after, &mut pile)?;
            if after.is_none() || pile.is_full() {
                pile.sort();
            }
            Ok((pile, after))
        });
        let walked = walked.await?;
        tokio::time::sleep(begun.elapsed()).await;
        Ok(walked)
    }
}

/// Whether a part was small enough for a pile.
enum Fits {
    Yes,
    No,
}
