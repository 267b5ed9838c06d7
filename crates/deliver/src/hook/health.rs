//! How hard a receiver may be tried, as a value that decides and never acts.
//!
//! A [`Health`] is told how requests went and says how many more may be started now
//! ([`Health::room`]). While a receiver answers, that is up to [`MOST`] at a time. When it
//! is down there is a pause, then a single request at a time, with a longer pause after
//! each that fails, until one succeeds. So a receiver that comes back is found by one
//! request and not by thousands, however many events wait for it.
//!
//! ```text
//!          TRUST failures in a row, or Retry-After
//!   Well ─────────────────────────────────────────▶ Paused ──────────▶ Probing
//!    ▲                                                ▲    over the time   │
//!    │                                                └───── failed ───────┤
//!    └───────────────────────── succeeded ─────────────────────────────────┘
//! ```
//!
//! Beside it each event has waits of its own ([`wait`]), so that one event that a receiver
//! will not take is tried ever more rarely while others pass. The request to try a
//! receiver with is best one that has failed least often: the fault may be the event's.

use super::failure::LONGEST_REST;
use crate::desk::Moment;
use std::time::Duration;

/// Requests of one consumer under way at once.
pub(crate) const MOST: usize = 64;

/// So many failures in a row, with no success in between, mean that nothing gets through.
const TRUST: u32 = 8;
/// The first wait and the first pause; they double up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// No wait and no pause is longer, unless the receiver asks for it.
const LONGEST: Duration = Duration::from_secs(60);

/// No pause is longer while the receiver answers, whatever it says.
const LONGEST_REFUSED: Duration = Duration::from_secs(5);

/// What is known of one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// Tells its pauses apart from those of other consumers.
    seed: u64,
    /// In a row.
    failures: u32,
    /// In a row: pauses that did not help.
    pauses: u32,
    /// It is down, and is not to be tried before this.
    down_until: Option<Moment>,
    /// The receiver has asked not to be tried before this. One that lets single requests
    /// pass meanwhile has not taken that back.
    asked_until: Moment,
}

impl Health {
    /// A receiver of which nothing is known. Any `seed` will do.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, failures: 0, pauses: 0, down_until: None, asked_until: Moment::ZERO }
    }

    /// How many more requests may be started now, with so many under way.
    pub(crate) fn room(&self, now: Moment, in_flight: usize) -> usize {
        let most = match self.down_until {
            _ if now < self.closed_until() => 0,
            Some(_) => 1,
            None => MOST,
        };
        most.saturating_sub(in_flight)
    }

    /// Whether nothing seems to get through, so that single requests find out.
    pub(crate) fn is_down(&self) -> bool {
        self.down_until.is_some()
    }

    /// When there will be more room by time alone, if so.
    pub(crate) fn opens_at(&self, now: Moment) -> Option<Moment> {
        Some(self.closed_until()).filter(|opens| now < *opens)
    }

    fn closed_until(&self) -> Moment {
        self.down_until.unwrap_or_default().max(self.asked_until)
    }

    /// A request was answered with success.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.pauses = 0;
        self.down_until = None;
    }

    /// A request failed, and perhaps the receiver asks for a rest.
    pub(crate) fn failed(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.hear_failure(now, retry_after, LONGEST);
    }

    /// The receiver answered, but not with success. That may be the event's fault: so the
    /// pauses stay short, and events that it does take do not wait long behind those.
    pub(crate) fn refused(&mut self, now: Moment) {
        self.hear_failure(now, None, LONGEST_REFUSED);
    }

    fn hear_failure(&mut self, now: Moment, retry_after: Option<Duration>, longest: Duration) {
        let was_closed = now < self.closed_until();
        self.failures = self.failures.saturating_add(1);
        if let Some(rest) = retry_after {
            let until = now.saturating_add(rest.min(LONGEST_REST));
            self.asked_until = self.asked_until.max(until);
        }
        let is_down = self.down_until.is_some() || retry_after.is_some() || self.failures >= TRUST;
        // What was under way when the pause began ends during it, and tells nothing new.
        if is_down && !(was_closed && self.down_until.is_some()) {
            self.pauses = self.pauses.saturating_add(1);
            let pause = wait(self.pauses, self.seed).min(longest);
            self.down_until = Some(now.saturating_add(pause));
        }
    }
}

/// How long an event waits after its `attempt`th failure in a row: one second, doubling
/// with each up to a minute, and up to a fifth less by jitter.
pub(crate) fn wait(attempt: u32, seed: u64) -> Duration {
    // 2^6 seconds are more than the longest wait; more doublings would only overflow.
    let doublings = attempt.saturating_sub(1).min(6);
    let doubled = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
    let fraction = scramble(seed ^ u64::from(attempt)) % 1000;
    doubled - doubled.mul_f64(fraction as f64 / 5000.0)
}

/// Spreads neighbouring numbers apart (the finaliser of splitmix64).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
