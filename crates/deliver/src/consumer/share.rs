//! How consumers share memory: whoever has somebody to deliver to counts as awake, and the
//! bounds of each depend on how many are. One that nobody listens to costs next to nothing.

use crate::settings::Limits;
use crate::shelf::LARGEST;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many may be awake before each has to do with less.
const WITHOUT_SHARING: usize = 16;
/// Nobody has less than this: some large events.
const LEAST_BODIES: usize = 256 * 1024;

/// How many consumers are awake.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share(Arc<AtomicUsize>);

impl Share {
    /// Whether one consumer has all to itself.
    pub(crate) fn is_ones(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 1
    }

    /// With so many awake.
    #[cfg(test)]
    pub(crate) fn of(awake: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(awake)))
    }
}

/// One consumer's part in it.
#[derive(Debug)]
pub(super) struct Awake {
    share: Share,
    awake: bool,
    /// How many were awake when the bounds were last told.
    told: usize,
}

/// What one consumer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) held: usize,
    pub(super) parked: usize,
    pub(super) bodies: usize,
}

impl Awake {
    pub(super) fn new(share: Share) -> Self {
        Self { share, awake: false, told: 0 }
    }

    /// Says whether this one is awake, and hears its bounds if they have changed.
    pub(super) fn share(&mut self, awake: bool, limits: &Limits) -> Option<Bounds> {
        if awake != self.awake {
            self.awake = awake;
            self.change();
        }
        let count = self.share.0.load(Ordering::Relaxed).max(1);
        if !awake {
            // Few bodies are enough to go on with at once for who comes back, and many may have
            // gone in the same moment.
            let bounds = Bounds { bodies: LEAST_BODIES, ..Bounds::of(count, limits) };
            return (std::mem::take(&mut self.told) != 0).then_some(bounds);
        }
        if count == self.told {
            return None;
        }
        self.told = count;
        Some(Bounds::of(count, limits))
    }

    fn change(&self) {
        if self.awake {
            self.share.0.fetch_add(1, Ordering::Relaxed);
        } else {
            self.share.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        if std::mem::take(&mut self.awake) {
            self.change();
        }
    }
}

impl Bounds {
    fn of(awake: usize, limits: &Limits) -> Self {
        let part = |all: usize| all.saturating_mul(WITHOUT_SHARING) / awake.max(WITHOUT_SHARING);
        Self {
            held: part(limits.held).max(limits.page.saturating_mul(2)),
            parked: part(limits.parked),
            bodies: (limits.bodies / awake).clamp(LEAST_BODIES, LARGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_have_less_each() {
        let limits = Limits::default();
        let (few, many) = (Bounds::of(16, &limits), Bounds::of(256, &limits));
        assert_eq!((few.held, few.bodies), (limits.held, LARGEST));
        assert_eq!((many.held, many.parked), (limits.held / 16, limits.parked / 16));
        assert_eq!(many.bodies, LEAST_BODIES);
    }

    #[test]
    fn whoever_falls_asleep_or_ends_makes_room() {
        let limits = Limits::default();
        let share = Share::default();
        let mut one = Awake::new(share.clone());
        let mut other = Awake::new(share.clone());
        assert!(one.share(true, &limits).is_some() && other.share(true, &limits).is_some());
        assert_eq!(share.0.load(Ordering::Relaxed), 2);
        let asleep = one.share(false, &limits).map(|bounds| bounds.bodies);
        assert_eq!((asleep, one.share(false, &limits)), (Some(LEAST_BODIES), None), "told once");
        let awake = one.share(true, &limits).map(|bounds| bounds.bodies);
        assert_eq!(awake, Some(LARGEST), "and told again when it wakes");
        one.share(false, &limits);
        drop(other);
        assert_eq!(share.0.load(Ordering::Relaxed), 0);
    }
}
