//! What goes into the store and what comes out.

use label::{Did, Epoch, EventId, Label, Millis, Seq, Verdict};
use std::ops::RangeInclusive;

/// How a labeler became known (contract section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `POST /labelers/add`.
    Api,
    /// `--labelers`.
    Config,
    /// An `#identity` event.
    Identity,
    /// A labeler declaration record.
    Record,
    /// The relay's list.
    RelayList,
    /// The directory's export.
    Plc,
}

impl Source {
    /// Every way, in the order they are listed.
    pub const ALL: [Self; 6] =
        [Self::Api, Self::Config, Self::Identity, Self::Record, Self::RelayList, Self::Plc];

    /// The name used in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Config => "config",
            Self::Identity => "identity",
            Self::Record => "record",
            Self::RelayList => "relay-list",
            Self::Plc => "plc",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }
}

/// What one or more frames of one labeler add.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose stream they came from.
    pub labeler: Did,
    /// The numbering of that stream.
    pub epoch: Epoch,
    /// The cursor this batch follows on from; the commit fails if it is another.
    pub after: Seq,
    /// The last frame's number. Becomes the cursor.
    pub cursor: Seq,
    /// When the last frame was received.
    pub received_at: Millis,
    /// What was in the frames, in order. May be empty: the cursor still moves.
    pub entries: Vec<Entry>,
}

/// One label that came, judged.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A label that holds; goes into the log.
    Label {
        /// Its frame.
        seq: Seq,
        /// Its place in the frame.
        place: u32,
        /// The label.
        label: Label,
        /// [`Verdict::Verified`] or [`Verdict::VerifiedOldKey`].
        verdict: Verdict,
        /// The CBOR as received, only where it cannot be made again from the fields.
        raw: Option<Vec<u8>>,
    },
    /// One that does not; kept aside, the newest 10,000 of each labeler.
    Rejected(Rejected),
}

/// A label that does not hold.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// Its frame.
    pub seq: Seq,
    /// Its place in the frame.
    pub place: u32,
    /// What is wrong, as one word.
    pub verdict: Verdict,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// The CBOR as received; the store keeps it up to 16 KiB.
    pub raw: Vec<u8>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Label events added.
    pub labels: u64,
    /// Rejected labels counted; of a flood only the newest are kept.
    pub rejected: u64,
    /// The end of the log after it.
    pub head: EventId,
}

/// A rejected label, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its place in our log.
    pub id: EventId,
    /// Its frame.
    pub seq: Seq,
    /// What is wrong, as one word.
    pub verdict: Verdict,
    /// What is wrong, as a sentence.
    pub reason: String,
    /// When it was received.
    pub received_at: Millis,
    /// The CBOR as received; `None` when it was over 16 KiB.
    pub raw: Option<Vec<u8>>,
}

/// What a DID document said when it was last read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// The confirmed handle, or `handle.invalid`.
    pub handle: Option<String>,
    /// Where the labeler serves its stream.
    pub service_url: Option<String>,
    /// did:key of `#atproto_label`.
    pub key: Option<String>,
}

/// One labeler, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelerRow {
    /// Who.
    pub did: Did,
    /// Another number after each purge: a reader of the old row must not go on for the new.
    pub row: i64,
    /// False once the operator removed it.
    pub tracked: bool,
    /// How it became known, in order.
    pub sources: Vec<Source>,
    /// What its document says.
    pub noted: Noted,
    /// The numbering `cursor` belongs to.
    pub epoch: Epoch,
    /// The last stored frame.
    pub cursor: Seq,
    /// Whether what it sends now is live.
    pub caught_up: bool,
    /// Labels stored.
    pub labels: u64,
    /// Labels rejected, ever.
    pub rejected: u64,
    /// When its last label was stored.
    pub last_label_at: Option<Millis>,
    /// Whether the firehose says that its account was deleted.
    pub account_deleted: bool,
    /// Frames up to this one were read a second time.
    pub settled: Seq,
    /// Whether its key has changed and what was rejected lately is to be judged again.
    pub rejudge: bool,
    /// Whether it has started over and what it said before is still to be gathered.
    pub gathering: bool,
}

/// Totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Labelers tracked.
    pub labelers: u64,
    /// Labels stored.
    pub labels: u64,
}

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The last event's id.
    pub last: EventId,
    /// How many label events were ever added.
    pub added: u64,
}

/// A consumer, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRow {
    /// Its name.
    pub name: String,
    /// Every event up to here is acked or passed over.
    pub position: EventId,
    /// What is acked above the position: disjoint, ascending ranges of ids.
    pub ahead: Vec<RangeInclusive<i64>>,
    /// Which events it wants, as JSON; the store does not look into it.
    pub filter: Option<String>,
    /// Where its events are posted to.
    pub webhook: Option<String>,
}

/// An event that was set aside for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRow {
    /// Which event.
    pub id: EventId,
    /// How often it was sent.
    pub deliveries: u32,
    /// What went wrong the last time, if anybody said so.
    pub last_error: Option<String>,
}

/// How it stands with recording what becomes of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Telling {
    /// There may be more to be recorded at once.
    pub more: bool,
    /// When the next label runs out, as far as is known.
    pub due: Option<Millis>,
}
