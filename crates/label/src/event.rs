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
