//! Which events somebody wants (contract section 5). Fields are ANDed, the values of one
//! field ORed; a field that is absent takes everything.
//!
//! A filter is asked about every row of a long log, so asking it allocates nothing.

mod error;
mod read;
mod subject;
mod texts;

pub use error::FilterError;

use crate::{Did, Verdict};
use std::collections::HashSet;
use subject::Subject;
use texts::Texts;

/// Which events somebody wants. The default takes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    src: Option<HashSet<Did>>,
    val: Option<Texts>,
    uri: Option<Texts>,
    /// Sorted, each once; and so are the verdicts.
    subject: Option<Vec<Subject>>,
    verdict: Option<Vec<Verdict>>,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Whose stream the label came from; `src` is compared with this.
    pub labeler: &'a Did,
    /// What it is about. `None` where a rejected label does not tell: then no filter by
    /// `uri` takes it, and its subject is `other`.
    pub uri: Option<&'a str>,
    /// What it says. `None` likewise.
    pub val: Option<&'a str>,
    /// What was found when it was judged.
    pub verdict: Verdict,
}

impl Filter {
    /// Whether it wants this label.
    ///
    /// Without a `verdict` field it takes labels that do not hold too; whether these come
    /// up at all is for [`Filter::names_rejected`] to say.
    #[must_use]
    pub fn takes(&self, facts: &Facts<'_>) -> bool {
        let verdict = |wanted: &Vec<Verdict>| wanted.contains(&facts.verdict);
        let val = |wanted: &Texts| facts.val.is_some_and(|val| wanted.take(val));
        self.verdict.as_ref().is_none_or(verdict)
            && self.val.as_ref().is_none_or(val)
            && self.takes_lane(facts.labeler, facts.uri)
    }

    /// Whether this wants to know what happens to a labeler. Only `src` says anything about
    /// that.
    #[must_use]
    pub fn takes_labeler(&self, labeler: &Did) -> bool {
        self.src.as_ref().is_none_or(|src| src.contains(labeler))
    }

    /// Whether the fields that treat all labels of one (labeler, `uri`) alike take these:
    /// `src`, `uri` and `subject`.
    #[must_use]
    pub fn takes_lane(&self, labeler: &Did, uri: Option<&str>) -> bool {
        let text = |wanted: &Texts| uri.is_some_and(|uri| wanted.take(uri));
        let subject = |wanted: &Vec<Subject>| wanted.contains(&Subject::of(uri));
        self.src.as_ref().is_none_or(|wanted| wanted.contains(labeler))
            && self.uri.as_ref().is_none_or(text)
            && self.subject.as_ref().is_none_or(subject)
    }

    /// Whether it names this verdict.
    #[must_use]
    pub fn names(&self, verdict: Verdict) -> bool {
        self.verdict.as_ref().is_some_and(|wanted| wanted.contains(&verdict))
    }

    /// Whether it names a verdict of labels that do not hold. Only then are these delivered.
    #[must_use]
    pub fn names_rejected(&self) -> bool {
        let rejected = |verdict: &Verdict| !verdict.holds();
        self.verdict.as_ref().is_some_and(|wanted| wanted.iter().any(rejected))
    }
}

#[cfg(test)]
mod tests;
