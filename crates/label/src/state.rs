//! What becomes of a label (contract section 7), and the event that tells it.

use crate::{Did, EventId, Millis, Verdict};
use std::fmt;

/// What has become of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelState {
    /// It is the current one of its key, takes nothing back, and has not run out.
    Applies,
    /// A newer one of its key takes it back.
    Negated,
    /// It is past its end.
    Expired,
    /// A newer one of its key stands in its place.
    Superseded,
}

impl LabelState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Applies, Self::Negated, Self::Expired, Self::Superseded];

    /// The name used in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applies => "applies",
            Self::Negated => "negated",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for LabelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A label came to apply, or no longer does, with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEvent {
    /// Its place in the log.
    pub id: EventId,
    /// Who said it.
    pub labeler: Did,
    /// About what.
    pub uri: String,
    /// What was said.
    pub val: String,
    /// What has become of it.
    pub state: LabelState,
    /// The label's own event.
    pub label_id: EventId,
    /// What was found when the label was judged.
    pub verdict: Verdict,
    /// When this was found.
    pub at: Millis,
}

impl StateEvent {
    /// About how many bytes it takes in memory, for whoever keeps many and has a bound.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.uri.len() + self.val.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for state in LabelState::ALL {
            assert_eq!(LabelState::from_name(state.as_str()), Some(state));
        }
        assert_eq!(LabelState::from_name("gone"), None);
    }
}
