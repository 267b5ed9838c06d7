//! What has a place in our log: what the store keeps and delivery sends.

use crate::{Did, Epoch, EventId, Label, LabelerEvent, Millis, Seq, StateEvent, Verdict};

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A label that holds.
    Label(LabelEvent),
    /// One that does not, for those who asked for its verdict.
    Rejected(RejectedEvent),
    /// Something that happened to a labeler, for those who asked for that type.
    Labeler(LabelerEvent),
    /// What became of a label, for those who asked for that type.
    State(StateEvent),
}

impl Event {
    /// Its place in the log.
    #[must_use]
    pub const fn id(&self) -> EventId {
        match self {
            Self::Label(event) => event.id,
            Self::Rejected(event) => event.id,
            Self::Labeler(event) => event.id,
            Self::State(event) => event.id,
        }
    }

    /// Whose stream it came from, or to whom it happened.
    #[must_use]
    pub const fn labeler(&self) -> &Did {
        match self {
            Self::Label(event) => &event.labeler,
            Self::Rejected(event) => &event.labeler,
            Self::Labeler(event) => &event.labeler,
            Self::State(event) => &event.labeler,
        }
    }

    /// When the frame was received, or when it happened or was found.
    #[must_use]
    pub const fn received_at(&self) -> Millis {
        match self {
            Self::Label(event) => event.received_at,
            Self::Rejected(event) => event.received_at,
            Self::Labeler(event) => event.at,
            Self::State(event) => event.at,
        }
    }

    /// About how many bytes it takes in memory, for whoever keeps many and has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Label(event) => event.weight(),
            Self::Rejected(event) => event.weight(),
            Self::Labeler(event) => event.weight(),
            Self::State(event) => event.weight(),
        }
    }
}

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

/// A label that does not hold, with its place in the log. Nothing in it is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// Its place in the log.
    pub id: EventId,
    /// Whose stream it came from, whatever its `src` says.
    pub labeler: Did,
    /// The frame it came in.
    pub seq: Seq,
    /// Its place in that frame, from 0.
    pub place: u32,
    /// When the frame was received.
    pub received_at: Millis,
    /// Whether the labeler had been caught up with when this was stored.
    pub live: bool,
    /// What is wrong, as one word.
    pub verdict: Verdict,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// The CBOR as received; `None` when it was too large to be kept.
    pub raw: Option<Vec<u8>>,
}

impl RejectedEvent {
    /// About how many bytes it takes in memory, for whoever keeps many and has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.reason.len() + self.raw.as_ref().map_or(0, Vec::len)
    }
}
