//! How long to wait (contract section 6).

use std::time::Duration;

/// How long to wait between tries, and how often to look again at what seems to be in order.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// The wait after the first failure.
    pub shortest: Duration,
    /// The wait is never longer than this.
    pub longest: Duration,
    /// How long a link must stay open before its failures are forgiven.
    pub proven: Duration,
    /// The first wait before a document that lacks something is read again.
    pub lacking_shortest: Duration,
    /// The longest such wait.
    pub lacking_longest: Duration,
    /// A document is read again after this, though the stream is open.
    pub look_again: Duration,
    /// What was read lately is read a second time so long after a stream was opened,
    pub reread_first: Duration,
    /// and then so often.
    pub reread_later: Duration,
}

impl Rest {
    /// One second doubling to ten minutes; a document that lacks something is read again
    /// after a minute, later hourly, and one that does not, hourly.
    pub const CONTRACT: Self = Self {
        shortest: Duration::from_secs(1),
        longest: Duration::from_secs(600),
        proven: Duration::from_secs(60),
        lacking_shortest: Duration::from_secs(60),
        lacking_longest: Duration::from_secs(3600),
        look_again: Duration::from_secs(3600),
        reread_first: Duration::from_secs(600),
        reread_later: Duration::from_secs(6 * 3600),
    };

    /// The wait after so many failures of a labeler.
    pub(super) fn wait(&self, salt: u64, failures: u32) -> Duration {
        growing(self.shortest, self.longest, salt, failures)
    }

    /// The same where something is lacking.
    #[must_use]
    pub fn wait_lacking(&self, salt: u64, failures: u32) -> Duration {
        growing(self.lacking_shortest, self.lacking_longest, salt, failures)
    }

    /// When a document is read again though all is well. Spread, so that the labelers of a
    /// process that has just started do not all ask in the same second an hour later.
    #[must_use]
    pub fn until_next_look(&self, salt: u64, looks: u32) -> Duration {
        jittered(self.look_again, salt ^ (u64::from(looks) << 32))
    }

    /// When to read a second time what a stream has shown: the first time after it was opened,
    /// or a later one.
    #[must_use]
    pub fn until_reread(&self, salt: u64, first: bool) -> Duration {
        jittered(if first { self.reread_first } else { self.reread_later }, salt)
    }
}

/// A wait that doubles with each failure up to the longest, less up to a fifth by jitter that
/// `salt` decides.
#[must_use]
pub fn growing(shortest: Duration, longest: Duration, salt: u64, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    jittered(shortest.saturating_mul(1 << doublings).min(longest), salt ^ u64::from(failures))
}

/// Takes up to a fifth away.
fn jittered(full: Duration, salt: u64) -> Duration {
    let fraction = scramble(salt) % 1000;
    full - full.mul_f64(fraction as f64 / 5000.0)
}

/// Spreads neighbouring numbers apart (the finaliser of splitmix64).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
