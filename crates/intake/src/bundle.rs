//! Frames of one labeler that wait to go down the line together.

use label::Seq;
use tokio::sync::OwnedSemaphorePermit;
use wire::RawLabel;

/// Labels that one bundle takes before reading stops.
const MOST_LABELS: usize = 512;

/// Bytes that one bundle takes before reading stops.
const MOST_BYTES: usize = 1 << 20;

/// One label and where it stood.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// Its frame.
    pub(crate) seq: Seq,
    /// Its place in the frame.
    pub(crate) place: u32,
    /// What came.
    pub(crate) raw: RawLabel,
}

/// Some frames, in order.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    /// The labels in them.
    pub(crate) labels: Vec<Placed>,
    /// The last frame's number; `None` while there is no frame.
    pub(crate) last: Option<Seq>,
    /// The labels of frames that are not above the cursor.
    pub(crate) again: Vec<Placed>,
    bytes: usize,
    /// Held until the bundle has been stored.
    memory: Vec<OwnedSemaphorePermit>,
}

impl Bundle {
    /// Adds a frame of `bytes` bytes, whose memory is accounted for by `permit`; `again`: one
    /// that is not above the cursor.
    pub(crate) fn add(
        &mut self,
        seq: Seq,
        labels: Vec<RawLabel>,
        bytes: usize,
        permit: OwnedSemaphorePermit,
        again: bool,
    ) {
        if again {
            self.again.extend(placed(seq, labels));
        } else {
            self.labels.extend(placed(seq, labels));
            self.last = Some(seq);
        }
        self.bytes += bytes;
        self.keep(permit);
    }

    /// One permit stands for all frames of the bundle.
    fn keep(&mut self, permit: OwnedSemaphorePermit) {
        match self.memory.first_mut() {
            Some(first) => first.merge(permit),
            None => self.memory.push(permit),
        }
    }

    /// Whether another frame may be read into it.
    pub(crate) fn has_room(&self) -> bool {
        self.labels.len() + self.again.len() < MOST_LABELS && self.bytes < MOST_BYTES
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none() && self.memory.is_empty()
    }
}

fn placed(seq: Seq, labels: Vec<RawLabel>) -> impl Iterator<Item = Placed> {
    labels.into_iter().zip(0..).map(move |(raw, place)| Placed { seq, place, raw })
}
