//! What becomes of labelers: deleted accounts, numberings that start over, keys that change.

use super::Store;
use crate::{
    Doubtful, Gathered, HeldFrames, Readmitted, StoreError, contents, epochs, frames, rejudge,
};
use label::{Did, Epoch, EventId, LabelerEvent, Millis, Seq};

impl Store {
    /// What is held of these labels of a labeler, by frame and place, in this epoch.
    ///
    /// # Errors
    /// The general ones.
    pub async fn held(
        &self,
        did: Did,
        epoch: Epoch,
        asked: Vec<(Seq, u32)>,
    ) -> Result<HeldFrames, StoreError> {
        self.read(move |db| frames::held(db, &did, epoch, &asked)).await
    }

    /// The frame of the labeler's label before its newest `back` ones, in its present epoch;
    /// [`Seq::START`] if it has not so many. Not for millions.
    ///
    /// # Errors
    /// The general ones.
    pub async fn rewound(&self, did: Did, back: u32) -> Result<Seq, StoreError> {
        self.read(move |db| frames::rewound(db, &did, back)).await
    }

    /// Remembers that frames up to this one have been read twice.
    ///
    /// # Errors
    /// The general ones.
    pub async fn settled(&self, did: Did, epoch: Epoch, frame: Seq) -> Result<(), StoreError> {
        self.write(1, move |desk| epochs::settled(desk, &did, epoch, frame)).await
    }

    /// Begins a new epoch after this one, and tells it. The labeler is read from 0 then, and has
    /// to be [gathered](Store::gather) before. Answers what was told.
    ///
    /// # Errors
    /// `Moved` when it is in another epoch already, `NotTracked`, and the general ones.
    pub async fn reset(
        &self,
        did: Did,
        epoch: Epoch,
        state: &'static str,
        now: Millis,
    ) -> Result<Option<LabelerEvent>, StoreError> {
        self.grow(1, move |desk| epochs::reset(desk, &did, epoch, state, now)).await
    }

    /// Gathers some of what the labeler said before its present epoch, above `after`, and
    /// answers where to go on. `None` when that was all: from then until it is caught up with,
    /// what comes with the same content is not stored and not told again.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn gather(
        &self,
        did: Did,
        after: Option<Gathered>,
    ) -> Result<Option<Gathered>, StoreError> {
        self.grow(2000, move |desk| contents::gather(desk, &did, after)).await
    }

    /// Rejected labels of one labeler with a bad signature and their bytes, received at or after
    /// `since`, above `after`, in order.
    ///
    /// # Errors
    /// The general ones.
    pub async fn doubtful(
        &self,
        did: Did,
        since: Millis,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<Doubtful>, StoreError> {
        self.read(move |db| rejudge::doubtful(db, &did, since, after, limit)).await
    }

    /// Puts rejected labels that hold after all into the log, under new ids. Answers how many.
    ///
    /// # Errors
    /// `NotTracked`, and the general ones.
    pub async fn readmit(&self, did: Did, labels: Vec<Readmitted>) -> Result<u64, StoreError> {
        self.grow(labels.len(), move |desk| rejudge::readmit(desk, &did, &labels)).await
    }

    /// Remembers that what was doubtful has been judged again under this key.
    ///
    /// # Errors
    /// The general ones.
    pub async fn rejudged(&self, did: Did, key: String) -> Result<(), StoreError> {
        self.write(1, move |desk| rejudge::rejudged(desk, &did, &key)).await
    }
}
