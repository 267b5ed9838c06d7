//! The same finding about many labels is one, with their number and the first of them.

use crate::code::Code;
use crate::report::Check;
use std::collections::BTreeMap;

/// Findings by their code.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<Code, (usize, String)>);

impl Tally {
    /// One more; `first` tells of it, should it be the first.
    pub(crate) fn add(&mut self, code: Code, first: impl FnOnce() -> String) {
        self.0.entry(code).or_insert_with(|| (0, first())).0 += 1;
    }

    /// Adds what was found, among so many, to a check.
    pub(crate) fn tell(self, check: &mut Check, among: usize) {
        for (code, (count, first)) in self.0 {
            check.find(code, format!("{count} of {among} labels; the first: {first}."));
        }
    }
}
