//! What is logged of a labeler's life: one line for each event that consumers can be told
//! ([`label::Change`]), written once it is durable, and one for each trouble. Of labels there
//! is none. `docs/LOGGING.md` lists the lines.

use fleet::Moment;
use label::{Change, Did, LabelerEvent, Seq};
use std::time::Duration;

/// Lines that come and go with a connection: so many at once,
const BURST: u32 = 20;
/// and one more after each of these. Back-off is no bound: a labeler that says something each
/// time it is dialed, and hangs up, is dialed every second.
const ANOTHER: Duration = Duration::from_secs(5 * 60);

/// Logs what happened to a labeler. What was lost, or is about to be, is a warning.
pub(crate) fn tell(event: &LabelerEvent, why: Option<&str>, left_out: Option<u64>) {
    let LabelerEvent { labeler, change, state, service_url, cursor, epoch, .. } = event;
    let (cursor, epoch, service) = (cursor.get(), epoch.0, service_url.as_deref());
    let what = match change {
        Change::Added => "labeler added",
        Change::Connected => "labeler connected",
        Change::CaughtUp => "labeler caught up",
        Change::Disconnected => "labeler disconnected",
        Change::KeyChanged => "labeler's key changed",
        Change::ServiceChanged => "labeler moved",
        Change::SequenceReset => "labeler started over",
        Change::Gap => "labels were lost",
        Change::Removed => "labeler removed",
        Change::Gone => "labeler gone",
    };
    match change {
        Change::SequenceReset | Change::Gap | Change::Gone => {
            tracing::warn!(%labeler, state, cursor, epoch, service, why, left_out, "{what}");
        }
        _ => tracing::info!(%labeler, state, cursor, epoch, service, why, left_out, "{what}"),
    }
}

/// Logs each of these.
pub(crate) fn tell_all(events: &[LabelerEvent]) {
    for event in events {
        tell(event, None, None);
    }
}

/// Logs a trouble.
pub(crate) fn tell_trouble(
    labeler: &Did,
    state: &str,
    cursor: Seq,
    why: &str,
    left_out: Option<u64>,
) {
    let cursor = cursor.get();
    tracing::warn!(%labeler, state, cursor, why, left_out, "labeler in trouble");
}

/// How often lines about one labeler's connections may be written.
#[derive(Debug)]
pub(crate) struct Pace {
    left: u32,
    /// Since when the next one is due.
    since: Moment,
    left_out: u64,
}

impl Pace {
    pub(crate) fn new(now: Moment) -> Self {
        Self { left: BURST, since: now, left_out: 0 }
    }

    /// Whether a line may be written now. If so: how many were left out since the last one, if
    /// any were.
    pub(crate) fn allows(&mut self, now: Moment) -> Option<Option<u64>> {
        while self.left < BURST && now.saturating_sub(self.since) >= ANOTHER {
            self.since += ANOTHER;
            self.left += 1;
        }
        if self.left == BURST {
            self.since = now;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.left_out += 1;
            return None;
        };
        self.left = left;
        let left_out = std::mem::take(&mut self.left_out);
        Some((left_out > 0).then_some(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_and_goes_all_the_time_is_written_of_now_and_then() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(Moment::ZERO);
        let hour: Vec<_> = (0..3600).filter_map(|at| pace.allows(at * second)).collect();
        assert_eq!(hour.len(), 20 + 11);
        assert!(hour[..20].iter().all(Option::is_none));
        assert_eq!(hour[21], Some(299), "of 300 in five minutes");
        // A quiet hour later it is as at the beginning.
        let later = Duration::from_secs(3 * 3600);
        assert_eq!((0..3600).filter_map(|at| pace.allows(later + at * second)).count(), 20 + 11);
    }
}
