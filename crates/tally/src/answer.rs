//! One table with the totals, as it is handed out.

use crate::delays::Delays;
use crate::{By, Row, Sums, Tally};
use label::syntax;
use serde::Serialize;

/// How soon after a record was made it was labeled, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reaction {
    /// Of how many labels that could be told.
    pub count: u64,
    /// A quarter of them came no later.
    pub lower_quartile: f64,
    /// Half of them came no later.
    pub median: f64,
    /// Three quarters of them came no later.
    pub upper_quartile: f64,
}

impl Reaction {
    /// `None` if there were none.
    pub(crate) fn of(delays: &Delays) -> Option<Self> {
        let seconds = |quarters| delays.quarters(quarters) as f64 / 1000.0;
        (delays.count() > 0).then(|| Self {
            count: delays.count(),
            lower_quartile: seconds(1),
            median: seconds(2),
            upper_quartile: seconds(3),
        })
    }
}

/// How many labelers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Labelers {
    /// Those that are tracked.
    pub announced: u64,
    /// Those of them of whom there is a label.
    pub active: u64,
}

/// One table with the totals.
#[derive(Debug, Clone, Serialize)]
pub struct Answer<'a> {
    by: &'static str,
    rows: &'a [Row],
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<Sums>,
    #[serde(flatten)]
    total: Sums,
    subjects_with_several_labelers: u64,
    labelers: Labelers,
    until: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_at: Option<String>,
}

impl Tally {
    /// One of the tables, with the totals.
    #[must_use]
    pub fn answer(&self, by: By) -> Answer<'_> {
        let table = self.table(by);
        Answer {
            by: by.as_str(),
            rows: &table.rows,
            rest: table.rest,
            total: self.total,
            subjects_with_several_labelers: self.with_several_labelers,
            labelers: self.labelers,
            until: self.until.get(),
            counted_at: syntax::written(self.counted_at.0),
        }
    }
}
