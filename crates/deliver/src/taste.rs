//! What one connection takes: which types of events, and which of them.

use label::{Did, Facts, Filter};

/// Types and a filter. The filter is about labels and what becomes of them; of a labeler's own events only `src`
/// says anything, and means whom they happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taste {
    pub(crate) labels: bool,
    pub(crate) labelers: bool,
    pub(crate) states: bool,
    pub(crate) filter: Filter,
}

impl Taste {
    /// These labels, and nothing else.
    pub(crate) const fn labels(filter: Filter) -> Self {
        Self { labels: true, labelers: false, states: false, filter }
    }

    /// Whether there is anything it takes.
    pub(crate) const fn is_any(&self) -> bool {
        self.labels || self.labelers || self.states
    }

    pub(crate) fn takes(&self, facts: &Facts<'_>) -> bool {
        self.labels && self.filter.takes(facts)
    }

    /// Whether it may take something of this lane.
    pub(crate) fn takes_lane(&self, labeler: &Did, uri: Option<&str>) -> bool {
        self.labels && self.filter.takes_lane(labeler, uri)
    }

    /// Whether it takes what happens to this labeler.
    pub(crate) fn takes_labeler(&self, labeler: &Did) -> bool {
        self.labelers && self.filter.takes_labeler(labeler)
    }

    /// Whether it takes what became of this label.
    pub(crate) fn takes_state(&self, facts: &Facts<'_>) -> bool {
        self.states && self.filter.takes(facts)
    }

    /// Whether it may take what becomes of labels of this lane.
    pub(crate) fn takes_states_of(&self, labeler: &Did, uri: Option<&str>) -> bool {
        self.states && self.filter.takes_lane(labeler, uri)
    }
}
