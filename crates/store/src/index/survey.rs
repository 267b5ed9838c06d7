//! What can be counted only in the order of subjects: how many there are, and how many of them
//! under each heading.
//!
//! A heading (a value, a month) has a name that only the log knows. So what is answered is not
//! a count but marks: of each subject and heading the first label is marked, and whoever reads
//! the log and counts marks counts subjects.
//!
//! Subjects are told apart by the 63 bits of their hashes, 32 within an account.

use super::{Entry, Marks};
use label::syntax;
use std::collections::BTreeMap;

/// Values, and months, of one subject that are kept in mind. What more a labeler thinks of
/// counts as another subject each time.
const MOST: usize = 50_000;

/// What was found in the order of subjects.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The newest label of each key, those that take back included.
    pub current: Marks,
    /// The first label of each subject.
    pub subject: Marks,
    /// The first label of each subject by each labeler.
    pub by_labeler: Marks,
    /// The first label of each subject with each value.
    pub by_value: Marks,
    /// The first label of each subject that was made in each month.
    pub by_month: Marks,
    /// Subjects of which several labelers have said something.
    pub with_several_labelers: u64,
}

/// Is shown all entries in order.
#[derive(Debug, Default)]
pub(crate) struct Surveyor {
    survey: Survey,
    /// The last entry.
    last: Option<Entry>,
    /// Labelers of the subject at hand.
    labelers: u64,
    /// The first label of the subject at hand: of all, of the last labeler, of each value and
    /// month.
    first: i64,
    first_by_labeler: i64,
    by_value: BTreeMap<i64, i64>,
    by_month: BTreeMap<i64, i64>,
}

impl Surveyor {
    pub(crate) fn see(&mut self, entry: &Entry) {
        let same_subject = self.last.is_some_and(|last| last.subject == entry.subject);
        let same_labeler =
            same_subject && self.last.is_some_and(|last| last.labeler == entry.labeler);
        if !same_subject {
            self.settle();
            self.first = entry.id;
        }
        if same_labeler {
            self.first_by_labeler = self.first_by_labeler.min(entry.id);
        } else {
            if same_subject {
                self.survey.by_labeler.insert(self.first_by_labeler);
            }
            self.labelers += 1;
            self.first_by_labeler = entry.id;
        }
        self.first = self.first.min(entry.id);
        note(&mut self.by_value, &mut self.survey.by_value, entry.val, entry.id);
        let month = syntax::month(entry.made);
        note(&mut self.by_month, &mut self.survey.by_month, month, entry.id);
        self.last = Some(*entry);
    }

    /// What was found, once everything was shown.
    pub(crate) fn survey(mut self, current: Marks) -> Survey {
        self.settle();
        Survey { current, ..self.survey }
    }

    /// The subject at hand is whole.
    fn settle(&mut self) {
        if self.last.is_none() {
            return;
        }
        self.survey.subject.insert(self.first);
        self.survey.by_labeler.insert(self.first_by_labeler);
        self.survey.with_several_labelers += u64::from(self.labelers > 1);
        while let Some((_, id)) = self.by_value.pop_first() {
            self.survey.by_value.insert(id);
        }
        while let Some((_, id)) = self.by_month.pop_first() {
            self.survey.by_month.insert(id);
        }
        self.labelers = 0;
    }
}

/// Keeps the lowest id of a heading in mind.
fn note(firsts: &mut BTreeMap<i64, i64>, marks: &mut Marks, heading: i64, id: i64) {
    if let Some(first) = firsts.get_mut(&heading) {
        *first = (*first).min(id);
    } else if firsts.len() < MOST {
        firsts.insert(heading, id);
    } else {
        marks.insert(id);
    }
}
