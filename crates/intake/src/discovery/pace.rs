//! How fast look-ups may go, and when the directory is left alone. Pure.

use fleet::{Moment, growing};
use std::time::Duration;

/// So many look-ups may be made up for at once after a pause.
const BURST: u32 = 20;

/// A lane's measure: so many a second, and a few more after a pause.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: u32,
    /// Permits, and when they were last counted.
    permits: f64,
    counted: Moment,
}

impl Pace {
    pub(super) fn new(per_second: u32, now: Moment) -> Self {
        Self { per_second: per_second.max(1), permits: f64::from(BURST), counted: now }
    }

    /// Takes a permit, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        let since = now.saturating_sub(self.counted).as_secs_f64();
        let grown = self.permits + since * f64::from(self.per_second);
        self.permits = grown.min(f64::from(BURST));
        self.counted = now;
        let has = self.permits >= 1.0;
        if has {
            self.permits -= 1.0;
        }
        has
    }

    /// How long until there is a permit again.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs_f64((1.0 - self.permits).max(0.0) / f64::from(self.per_second))
    }
}

/// The shortest and the longest rest after the directory could not be asked.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How the directory is doing. While it does not answer, one look-up at a time tries it.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    until: Moment,
}

impl Health {
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// It could not be asked, and perhaps said for how long.
    pub(super) fn failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let own = growing(SHORTEST, LONGEST, 0, self.failures);
        self.until = self.until.max(now + own.max(retry_after.unwrap_or_default()));
    }

    /// How many look-ups may be under way, of `most`.
    pub(super) fn at_once(&self, now: Moment, most: usize) -> usize {
        match (now < self.until, self.failures) {
            (true, _) => 0,
            (false, 0) => most,
            (false, _) => 1,
        }
    }

    /// How long it rests yet.
    pub(super) fn rest(&self, now: Moment) -> Duration {
        self.until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    #[test]
    fn after_a_burst_the_pace_is_kept() {
        let mut pace = Pace::new(10, at(0));
        let taken = |pace: &mut Pace, now| (0..1000).filter(|_| pace.take(now)).count();
        assert_eq!(taken(&mut pace, at(0)), 20);
        assert!(pace.wait() > at(99) && pace.wait() <= at(100));
        assert_eq!(taken(&mut pace, at(1001)), 10);
        assert_eq!(taken(&mut pace, at(3_600_000)), 20);
    }

    #[test]
    fn a_directory_that_fails_is_left_alone_ever_longer_and_then_tried_by_one() {
        let mut health = Health::default();
        assert_eq!(health.at_once(at(0), 8), 8);
        health.failed(at(0), None);
        assert_eq!((health.at_once(at(799), 8), health.at_once(at(1000), 8)), (0, 1));
        for _ in 0..20 {
            health.failed(at(1000), None);
        }
        assert!(health.rest(at(1000)) >= at(48_000) && health.rest(at(1000)) <= at(60_000));
        health.failed(at(1000), Some(at(300_000)));
        assert_eq!(health.rest(at(1000)), at(300_000));
        health.answered();
        assert_eq!(health.at_once(at(1000), 8), 8);
    }
}
