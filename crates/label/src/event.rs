//! A label with its place in our log: what the store keeps and delivery sends.

use crate::{Did, Epoch, EventId, Label, Millis, Seq, Verdict};

/// One label event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEvent {
    /// Its place in the log.
    pub id: EventId,
    /// Whose stream it came from.
    pub labeler: Did,
    /// The numbering `seq` belongs to.
    pub epoch: Epoch,
    /// The frame it came in.
    pub seq: Seq,
    /// Its place in that frame, from 0.
    pub place: u32,
    /// When the frame was received.
    pub received_at: Millis,
    /// Whether the labeler had been caught up with when this was stored.
    pub live: bool,
    /// [`Verdict::Verified`] or [`Verdict::VerifiedOldKey`].
    pub verdict: Verdict,
    /// What was said.
    pub label: Label,
    /// The CBOR as received, where it cannot be made again from `label`.
    pub raw: Option<Vec<u8>>,
}

impl LabelEvent {
    /// About how many bytes it takes in memory, for whoever keeps many and has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        let label = &self.label;
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size_of::<Self>()
            + label.uri.len()
            + label.val.len()
            + label.cts.len()
            + optional(&label.cid)
            + optional(&label.exp)
            + label.sig.len()
            + self.raw.as_ref().map_or(0, Vec::len)
    }
}
