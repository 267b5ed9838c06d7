//! What can happen to a labeler (contract section 4), and the event that tells it.

use crate::{Did, Epoch, EventId, Millis, Seq};
use std::fmt;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It is followed from now on.
    Added,
    /// Its stream was opened.
    Connected,
    /// Everything it said before is stored.
    CaughtUp,
    /// Its stream ended.
    Disconnected,
    /// Its DID document has another label key.
    KeyChanged,
    /// Its DID document names another endpoint.
    ServiceChanged,
    /// Its numbering has started over: a new epoch.
    SequenceReset,
    /// Labels were lost: it no longer has what came after the cursor.
    Gap,
    /// It is no longer followed.
    Removed,
    /// There is no such DID any more, or its account was deleted.
    Gone,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 10] = [
        Self::Added,
        Self::Connected,
        Self::CaughtUp,
        Self::Disconnected,
        Self::KeyChanged,
        Self::ServiceChanged,
        Self::SequenceReset,
        Self::Gap,
        Self::Removed,
        Self::Gone,
    ];

    /// The name used in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Connected => "connected",
            Self::CaughtUp => "caught-up",
            Self::Disconnected => "disconnected",
            Self::KeyChanged => "key-changed",
            Self::ServiceChanged => "service-changed",
            Self::SequenceReset => "sequence-reset",
            Self::Gap => "gap",
            Self::Removed => "removed",
            Self::Gone => "gone",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == name)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that happened to a labeler, with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelerEvent {
    /// Its place in the log.
    pub id: EventId,
    /// To whom.
    pub labeler: Did,
    /// What.
    pub change: Change,
    /// What the labeler was doing then: one of the states of contract section 3.
    pub state: String,
    /// Where it serves its stream.
    pub service_url: Option<String>,
    /// The last stored frame.
    pub cursor: Seq,
    /// The numbering that belongs to.
    pub epoch: Epoch,
    /// When.
    pub at: Millis,
}

impl LabelerEvent {
    /// About how many bytes it takes in memory, for whoever keeps many and has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.state.len() + self.service_url.as_ref().map_or(0, String::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for change in Change::ALL {
            assert_eq!(Change::from_name(change.as_str()), Some(change));
        }
        assert_eq!(Change::from_name("moved"), None);
    }
}
