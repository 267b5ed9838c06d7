//! Counts that were looked at from time to time, and what they say about speed. Pure: the time
//! is handed in.

use crate::snapshot::{History, Rates};
use fleet::Came;
use label::Did;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How often is looked.
pub(crate) const STEP: Duration = Duration::from_secs(5);

/// Steps that are kept: ten minutes.
const STEPS: usize = 120;

/// Looks that speed is taken from: the last minute.
const LOOKS: usize = 12;

/// What was counted since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) labels: u64,
    pub(crate) rejected: u64,
    pub(crate) delivered: u64,
}

impl Totals {
    /// What came since.
    const fn since(self, before: Self) -> Self {
        Self {
            labels: self.labels.saturating_sub(before.labels),
            rejected: self.rejected.saturating_sub(before.rejected),
            delivered: self.delivered.saturating_sub(before.delivered),
        }
    }
}

/// One labeler at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What came since the start.
    pub(crate) came: Came,
    /// Where its sequence is.
    pub(crate) cursor: i64,
}

/// How fast one labeler has been lately, each per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pace {
    pub(crate) labels: f64,
    pub(crate) rejected: f64,
    /// Of its sequence.
    pub(crate) cursor: f64,
}

/// The looks so far.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// The last minute's, oldest first, with the time since the start.
    looks: VecDeque<(Duration, Totals)>,
    /// What came in each step.
    steps: VecDeque<Totals>,
    labelers: HashMap<Did, VecDeque<(Duration, Mark)>>,
}

impl Track {
    /// Takes down a look, `at` after the start.
    pub(crate) fn look(&mut self, at: Duration, totals: Totals, labelers: &[(Did, Mark)]) {
        if let Some((since, before)) = self.looks.back() {
            self.step(at.saturating_sub(*since), totals.since(*before));
        }
        push(&mut self.looks, (at, totals), LOOKS + 1);
        let mut before = std::mem::take(&mut self.labelers);
        for (did, mark) in labelers {
            let mut marks = before.remove(did).unwrap_or_default();
            push(&mut marks, (at, *mark), LOOKS + 1);
            self.labelers.insert(did.clone(), marks);
        }
    }

    /// What came in this time, spread over as many steps as it lasted: a look may be late.
    fn step(&mut self, lasted: Duration, came: Totals) {
        let steps = (lasted.as_secs_f64() / STEP.as_secs_f64()).round().clamp(1.0, STEPS as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 120")]
        let steps = steps as u64;
        for number in 0..steps {
            let part = |all: u64| all / steps + u64::from(number < all % steps);
            let step = Totals {
                labels: part(came.labels),
                rejected: part(came.rejected),
                delivered: part(came.delivered),
            };
            push(&mut self.steps, step, STEPS);
        }
    }

    /// How fast it has gone from the oldest look of the last minute until now.
    pub(crate) fn rates(&self, at: Duration, totals: Totals) -> Rates {
        let Some((since, before)) = self.looks.front() else { return Rates::default() };
        let came = totals.since(*before);
        let per = |count| per_second(count, at.saturating_sub(*since));
        Rates {
            labels: per(came.labels),
            rejected: per(came.rejected),
            delivered: per(came.delivered),
        }
    }

    /// The same for one labeler. One that was taken up again counts anew.
    pub(crate) fn pace(&self, at: Duration, did: &Did, now: Mark) -> Pace {
        let first = self.labelers.get(did).and_then(VecDeque::front);
        let Some((since, first)) = first else { return Pace::default() };
        let per = |count| per_second(count, at.saturating_sub(*since));
        let moved = now.cursor.saturating_sub(first.cursor);
        Pace {
            labels: per(now.came.stored.saturating_sub(first.came.stored)),
            rejected: per(now.came.rejected.saturating_sub(first.came.rejected)),
            cursor: per(u64::try_from(moved).unwrap_or_default()),
        }
    }

    pub(crate) fn history(&self) -> History {
        let of = |count: fn(&Totals) -> u64| self.steps.iter().map(count).collect();
        History {
            step_seconds: STEP.as_secs(),
            labels: of(|step| step.labels),
            rejected: of(|step| step.rejected),
            delivered: of(|step| step.delivered),
        }
    }
}

fn push<T>(row: &mut VecDeque<T>, item: T, most: usize) {
    row.push_back(item);
    while row.len() > most {
        row.pop_front();
    }
}

/// Less than a second says nothing about speed.
fn per_second(count: u64, span: Duration) -> f64 {
    if span < Duration::from_secs(1) { 0.0 } else { count as f64 / span.as_secs_f64() }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
