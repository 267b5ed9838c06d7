//! Which event types a consumer is owed, besides labels.

use crate::taste::Taste;

const LABELER: &str = "labeler";
const STATE: &str = "label-state";

/// Those that somebody has asked it for, now or at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Types {
    /// What happens to labelers.
    pub(super) labelers: bool,
    /// What becomes of labels.
    pub(super) states: bool,
}

impl Types {
    /// As kept: a list with commas.
    pub(super) fn read(text: &str) -> Self {
        let has = |name: &str| text.split(',').any(|kept| kept == name);
        Self { labelers: has(LABELER), states: has(STATE) }
    }

    /// As it is kept.
    pub(super) fn text(self) -> String {
        let names = [(self.labelers, LABELER), (self.states, STATE)];
        let asked: Vec<&str> =
            names.into_iter().filter(|(asked, _)| *asked).map(|(_, name)| name).collect();
        asked.join(",")
    }

    /// What a connection asks for.
    pub(super) const fn of(taste: &Taste) -> Self {
        Self { labelers: taste.labelers, states: taste.states }
    }

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self { labelers: self.labelers || other.labelers, states: self.states || other.states }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back() {
        for (labelers, states) in [(false, false), (true, false), (false, true), (true, true)] {
            let types = Types { labelers, states };
            assert_eq!(Types::read(&types.text()), types);
        }
        assert_eq!(Types::read("record,labeler"), Types { labelers: true, states: false });
    }
}
