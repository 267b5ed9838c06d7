//! The count itself: once over the index, once over the log.

use crate::answer::Labelers;
use crate::table::Rows;
use crate::target::Target;
use crate::{By, Sums, Table};
use label::{Did, EventId, Millis, syntax};
use std::collections::HashMap;
use store::{Archive, Glance, StoreError, Survey};

/// Headings that one labeler can bring into a table. Nobody needs so many in earnest, and
/// whoever makes them up shall not take everybody's memory.
const BROUGHT: usize = 2000;

/// Headings of a table at most.
const HEADINGS: usize = 100_000;

/// Everything that was counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(crate) labeler: Table,
    pub(crate) value: Table,
    pub(crate) target: Table,
    pub(crate) month: Table,
    /// Of all labels.
    pub total: Sums,
    /// Subjects of which several labelers have said something.
    pub with_several_labelers: u64,
    /// How many labelers there are.
    pub labelers: Labelers,
    /// Labels up to this one were counted.
    pub until: EventId,
    /// When.
    pub counted_at: Millis,
}

impl Tally {
    /// One of the tables.
    #[must_use]
    pub const fn table(&self, by: By) -> &Table {
        match by {
            By::Labeler => &self.labeler,
            By::Value => &self.value,
            By::Target => &self.target,
            By::Month => &self.month,
        }
    }
}

/// Counts everything that is stored at this time.
///
/// # Errors
/// `Indexing` while labels from before there was an index are still to be put into it, and the
/// general ones.
pub fn count(archive: &mut Archive, now: Millis) -> Result<Tally, StoreError> {
    let until = archive.head()?;
    let mut tables = Tables::new(archive.survey(until)?, now);
    let mut after = Some(EventId::START);
    while let Some(from) = after {
        after = archive.page(from, until, |glance| tables.see(glance))?.read;
    }
    let tracked = archive.labelers()?.into_iter().filter(|row| row.tracked);
    let mut labelers = Labelers::default();
    for row in tracked {
        labelers.announced += 1;
        labelers.active += u64::from(row.labels > 0);
    }
    let with_several_labelers = tables.survey.with_several_labelers;
    Ok(Tally {
        labeler: tables.labeler.most_first(),
        value: tables.value.most_first(),
        target: tables.target.most_first(),
        month: tables.month.by_key(month_name),
        total: tables.total,
        with_several_labelers,
        labelers,
        until,
        counted_at: now,
    })
}

/// All tables in the making.
struct Tables {
    survey: Survey,
    now: Millis,
    labeler: Rows<String>,
    value: Rows<String>,
    target: Rows<String>,
    month: Rows<i64>,
    total: Sums,
    /// How many headings each labeler has brought: values, and collections.
    brought: HashMap<Did, [usize; 2]>,
}

impl Tables {
    fn new(survey: Survey, now: Millis) -> Self {
        Self {
            survey,
            now,
            labeler: Rows::default(),
            value: Rows::default(),
            target: Rows::default(),
            month: Rows::default(),
            total: Sums::default(),
            brought: HashMap::new(),
        }
    }

    fn see(&mut self, glance: &Glance<'_>) -> Result<(), StoreError> {
        let made = glance.made()?.max(0);
        let newest = self.survey.current.has(glance.id);
        let has_run_out = newest && !glance.negates && glance.has_run_out(self.now)?;
        let sums = Sums {
            labels: 1,
            negations: glance.negates.into(),
            subjects: 0,
            current: (newest && !glance.negates && !has_run_out).into(),
            rescinded: (newest && glance.negates).into(),
            expired: has_run_out.into(),
        };
        let with = |first: bool| Sums { subjects: first.into(), ..sums };
        let survey = &self.survey;
        let id = glance.id;
        let target = Target::of(glance.uri);
        let delay = delay(glance, target, made);
        if !self.brought.contains_key(glance.labeler) {
            self.brought.insert(glance.labeler.clone(), [0, 0]);
        }
        let Some([values, collections]) = self.brought.get_mut(glance.labeler) else {
            return Ok(());
        };
        let subject = with(survey.subject.has(id));
        self.total += subject;
        let labeler = glance.labeler.as_str();
        self.labeler.add(labeler, with(survey.by_labeler.has(id)), delay, |_| true);
        let by_value = with(survey.by_value.has(id));
        self.value.add(glance.val, by_value, delay, |rows| has_room(rows, values));
        self.target.add(target.name(), subject, None, |rows| has_room(rows, collections));
        let month = syntax::month(made.div_euclid(1_000_000));
        self.month.add(&month, with(survey.by_month.has(id)), None, |_| true);
        Ok(())
    }
}

/// Whether a labeler can bring one more heading into a table that has so many.
const fn has_room(rows: usize, brought: &mut usize) -> bool {
    *brought += 1;
    rows < HEADINGS && *brought <= BROUGHT
}

/// How long after its record a label was made, in milliseconds, if that can be told. What takes
/// back is no reaction, and neither is what claims to be there first.
fn delay(glance: &Glance<'_>, target: Target<'_>, made: i64) -> Option<u64> {
    let created = target.made().filter(|_| !glance.negates)?;
    u64::try_from(made.checked_sub(created)?).ok().map(|micros| micros / 1000)
}

/// `2024-10`.
pub(crate) fn month_name(month: &i64) -> String {
    format!("{:04}-{:02}", 1970 + month.div_euclid(12), month.rem_euclid(12) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_names_that_sort() {
        assert_eq!(month_name(&0), "1970-01");
        assert_eq!(month_name(&syntax::month(1_700_000_000)), "2023-11");
        assert_eq!(month_name(&syntax::month(1_704_067_199)), "2023-12");
        assert_eq!(month_name(&syntax::month(1_704_067_200)), "2024-01");
    }

    #[test]
    fn nobody_brings_more_headings_than_the_bound() {
        let mut brought = BROUGHT - 1;
        assert!(has_room(0, &mut brought) && !has_room(0, &mut brought));
        assert!(!has_room(HEADINGS, &mut 0));
    }
}
