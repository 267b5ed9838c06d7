//! One labeler's connection, as a value that decides and never acts.
//!
//! A [`Link`] is told what happened ([`Heard`]) and what time it is, and answers with the
//! one thing to do next ([`Order`]). `intake::subscription` carries the orders out: it
//! owns the socket, the timer and the store.
//!
//! ```text
//!             Found           Opened
//!  Looking ─────────▶ Dialing ──────▶ Open ──┐
//!   ▲  │                │              │  ▲  │ TooSlow after progress:
//!   │  │ Lacking, Gone, │ Lost         │  │  │ a short rest, then Dialing
//!   │  │ Unasked        ▼              │  └──┘
//!   │  └────────────▶ Resting ◀────────┘ Lost
//!   └─────────────────  │ Rested
//! ```
//!
//! Three promises, checked by the property tests below:
//! * a link that keeps failing rests longer each time, up to [`Rest::longest`];
//! * a link whose sequence moved, or that stayed open for [`Rest::proven`], starts over
//!   from the shortest rest;
//! * a server's `Retry-After` is never undercut (and never believed beyond a day).

use std::time::Duration;

/// Time since the process started. Passed in, so tests can move it by hand.
pub type Moment = Duration;

/// The longest `Retry-After` that is believed.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// A stream that opened and ended asks for a fresh document at most this often: a labeler
/// that hangs up all the time must not make us ask the directory all the time.
const LOOK_AFRESH_EVERY: Duration = Duration::from_secs(60);

/// The rest after `ConsumerTooSlow` when the sequence moved: not a penalty, only a breath.
const BREATH: Duration = Duration::from_millis(100);

/// Where one connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Asking what the DID document says.
    Looking { fresh: bool },
    /// Waiting for the labeler to answer.
    Dialing,
    /// Frames may flow.
    Open { since: Moment, progressed: bool },
    /// Waiting before the next try; then `again`.
    Resting { until: Moment, again: Order },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The document names a service and a key.
    Found,
    /// The document lacks a service or a key that can be used.
    Lacking,
    /// There is no such DID any more.
    Gone,
    /// The document could not be asked for.
    Unasked {
        /// How long the directory asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The labeler answered.
    Opened,
    /// The cursor moved.
    Progressed,
    /// The dial failed or the stream ended.
    Lost {
        /// How long the labeler asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The labeler said `ConsumerTooSlow`.
    TooSlow,
    /// Others want the place, and this one has had its turn.
    TurnOver,
    /// The rest is over.
    Rested,
}

/// The one thing to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Read the DID document; `fresh` means not from memory.
    Look {
        /// Whether a remembered document will not do.
        fresh: bool,
    },
    /// Open a socket.
    Dial,
    /// Read frames until the stream ends.
    Read,
    /// Do nothing until this moment.
    RestUntil(Moment),
}

/// How long to wait between tries (contract section 6).
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
}

impl Rest {
    /// One second doubling to ten minutes; a document that lacks something is read again
    /// after a minute, later hourly.
    pub const CONTRACT: Self = Self {
        shortest: Duration::from_secs(1),
        longest: Duration::from_secs(600),
        proven: Duration::from_secs(60),
        lacking_shortest: Duration::from_secs(60),
        lacking_longest: Duration::from_secs(3600),
    };
}

/// One labeler's connection.
#[derive(Debug, Clone)]
pub struct Link {
    stand: Stand,
    /// Failures in a row.
    failures: u32,
    /// When a fresh document was last asked for.
    looked_afresh: Option<Moment>,
    /// Tells this labeler's waits apart from the others', so that they do not come back
    /// all at once. Derived from the DID, which keeps this a pure function.
    salt: u64,
    rest: Rest,
}

impl Link {
    /// A link nobody has looked up yet, and its first order.
    #[must_use]
    pub fn start(salt: u64, rest: Rest) -> (Self, Order) {
        let stand = Stand::Looking { fresh: false };
        let link = Self { stand, failures: 0, looked_afresh: None, salt, rest };
        (link, Order::Look { fresh: false })
    }

    /// Failures in a row so far.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes in what happened and says what to do next.
    ///
    /// An event that makes no sense where the link stands repeats the current order: the
    /// caller reported late, and the answer is still the same.
    pub fn hear(&mut self, now: Moment, heard: Heard) -> Order {
        match (self.stand, heard) {
            (Stand::Looking { .. }, Heard::Found) => self.go(Stand::Dialing),
            (Stand::Looking { .. }, Heard::Lacking | Heard::Gone) => self.rest_lacking(now),
            (Stand::Looking { .. } | Stand::Open { .. }, Heard::Unasked { retry_after })
            | (Stand::Dialing, Heard::Lost { retry_after }) => self.fail(now, retry_after, true),
            (Stand::Dialing, Heard::Opened) => {
                self.go(Stand::Open { since: now, progressed: false })
            }
            (Stand::Open { since, .. }, Heard::Progressed) => {
                self.failures = 0;
                self.go(Stand::Open { since, progressed: true })
            }
            (Stand::Open { progressed: true, .. }, Heard::TooSlow) => {
                self.failures = 0;
                self.rest_until(now + BREATH, Order::Dial)
            }
            (Stand::Open { since, .. }, Heard::Lost { .. } | Heard::TooSlow) => {
                if now.saturating_sub(since) >= self.rest.proven {
                    self.failures = 0;
                }
                let retry_after = match heard {
                    Heard::Lost { retry_after } => retry_after,
                    _ => None,
                };
                let lately = |looked: Moment| now.saturating_sub(looked) < LOOK_AFRESH_EVERY;
                self.fail(now, retry_after, !self.looked_afresh.is_some_and(lately))
            }
            (Stand::Open { .. }, Heard::TurnOver) => self.go(Stand::Dialing),
            (Stand::Resting { again, .. }, Heard::Rested) => match again {
                Order::Look { fresh } => {
                    self.looked_afresh = if fresh { Some(now) } else { self.looked_afresh };
                    self.go(Stand::Looking { fresh })
                }
                _ => self.go(Stand::Dialing),
            },
            (_, _) => self.order(),
        }
    }

    fn go(&mut self, stand: Stand) -> Order {
        self.stand = stand;
        self.order()
    }

    /// The order that belongs to where the link stands.
    fn order(&self) -> Order {
        match self.stand {
            Stand::Looking { fresh } => Order::Look { fresh },
            Stand::Dialing => Order::Dial,
            Stand::Open { .. } => Order::Read,
            Stand::Resting { until, .. } => Order::RestUntil(until),
        }
    }

    fn fail(&mut self, now: Moment, retry_after: Option<Duration>, fresh: bool) -> Order {
        self.failures = self.failures.saturating_add(1);
        let own = self.wait(self.rest.shortest, self.rest.longest);
        let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED);
        self.rest_until(now + own.max(asked), Order::Look { fresh })
    }

    fn rest_lacking(&mut self, now: Moment) -> Order {
        self.failures = self.failures.saturating_add(1);
        let wait = self.wait(self.rest.lacking_shortest, self.rest.lacking_longest);
        self.rest_until(now + wait, Order::Look { fresh: true })
    }

    fn rest_until(&mut self, until: Moment, again: Order) -> Order {
        self.stand = Stand::Resting { until, again };
        self.order()
    }

    /// Doubles with each failure up to the longest, then loses up to a fifth by jitter.
    fn wait(&self, shortest: Duration, longest: Duration) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        let doubled = shortest.saturating_mul(1 << doublings).min(longest);
        let fraction = scramble(self.salt ^ u64::from(self.failures)) % 1000;
        doubled - doubled.mul_f64(fraction as f64 / 5000.0)
    }
}

/// Spreads neighbouring numbers apart (the finaliser of splitmix64).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOST: Heard = Heard::Lost { retry_after: None };

    fn secs(secs: u64) -> Moment {
        Duration::from_secs(secs)
    }

    /// Plays a script from the start and returns every order given.
    fn play(script: &[(u64, Heard)]) -> Vec<Order> {
        let (mut link, first) = Link::start(7, Rest::CONTRACT);
        let later = script.iter().map(|(at, heard)| link.hear(secs(*at), *heard));
        std::iter::once(first).chain(later).collect()
    }

    /// How long the last order of a script rests, in the script's last moment.
    fn last_rest(script: &[(u64, Heard)]) -> Duration {
        let now = secs(script.last().unwrap().0);
        match play(script).last().unwrap() {
            Order::RestUntil(until) => *until - now,
            other => panic!("no rest but {other:?}"),
        }
    }

    #[test]
    fn a_good_day() {
        use Heard::{Found, Opened, Progressed};
        let orders = play(&[(0, Found), (1, Opened), (2, Progressed)]);
        let expected = [Order::Look { fresh: false }, Order::Dial, Order::Read, Order::Read];
        assert_eq!(orders, expected);
    }

    #[test]
    fn each_failure_rests_about_twice_as_long_and_looks_afresh() {
        let mut script = vec![];
        for (round, about) in [1u64, 2, 4, 8, 16].into_iter().enumerate() {
            script.extend([(100, Heard::Found), (100, LOST)]);
            let rest = last_rest(&script);
            assert!(rest <= secs(about) && rest >= secs(about).mul_f64(0.8), "{round}: {rest:?}");
            script.push((100, Heard::Rested));
            assert_eq!(play(&script).last(), Some(&Order::Look { fresh: true }));
        }
    }

    #[test]
    fn progress_or_a_minute_forgives() {
        let failed = [(0, Heard::Found), (0, LOST), (2, Heard::Rested), (2, Heard::Found)];
        let open = [failed.as_slice(), &[(2, Heard::Opened)]].concat();
        let early = [open.as_slice(), &[(3, LOST)]].concat();
        assert!(last_rest(&early) > secs(1));
        let late = [open.as_slice(), &[(62, LOST)]].concat();
        assert!(last_rest(&late) <= secs(1));
        let moved = [open.as_slice(), &[(3, Heard::Progressed), (3, LOST)]].concat();
        assert!(last_rest(&moved) <= secs(1));
    }

    #[test]
    fn a_labeler_that_keeps_hanging_up_is_looked_up_once_a_minute() {
        let (mut link, _) = Link::start(7, Rest::CONTRACT);
        let mut fresh = 0;
        for second in 0..120 {
            let now = secs(second);
            for heard in [Heard::Found, Heard::Opened, Heard::Progressed, LOST] {
                link.hear(now, heard);
            }
            fresh += usize::from(link.hear(now, Heard::Rested) == Order::Look { fresh: true });
        }
        assert_eq!(fresh, 2);
    }

    #[test]
    fn too_slow_is_no_failure_while_the_sequence_moves() {
        let open = [(0, Heard::Found), (0, Heard::Opened)];
        let moved = [open.as_slice(), &[(1, Heard::Progressed), (1, Heard::TooSlow)]].concat();
        assert_eq!(last_rest(&moved), BREATH);
        let again = [moved.as_slice(), &[(2, Heard::Rested)]].concat();
        assert_eq!(play(&again).last(), Some(&Order::Dial));
        let stuck = [open.as_slice(), &[(1, Heard::TooSlow)]].concat();
        assert!(last_rest(&stuck) >= secs(1).mul_f64(0.8));
    }

    #[test]
    fn retry_after_is_honoured_within_a_day() {
        let asked = |after| [(0, Heard::Found), (0, Heard::Lost { retry_after: Some(after) })];
        assert_eq!(last_rest(&asked(secs(120))), secs(120));
        assert_eq!(last_rest(&asked(secs(999_999))), secs(24 * 3600));
        assert!(last_rest(&asked(Duration::ZERO)) >= secs(1).mul_f64(0.8));
    }

    #[test]
    fn a_document_that_lacks_something_is_read_again_after_a_minute_then_hourly() {
        for heard in [Heard::Lacking, Heard::Gone] {
            let first = last_rest(&[(0, heard)]);
            assert!(first <= secs(60) && first >= secs(48));
            let mut script = vec![];
            for _ in 0..12 {
                script.extend([(0, heard), (0, Heard::Rested)]);
            }
            script.push((0, heard));
            let last = last_rest(&script);
            assert!(last <= secs(3600) && last >= secs(2880));
        }
    }

    #[test]
    fn a_directory_out_of_reach_while_open_closes_and_waits() {
        let script =
            [(0, Heard::Found), (0, Heard::Opened), (1, Heard::Unasked { retry_after: None })];
        assert!(last_rest(&script) >= secs(1).mul_f64(0.8));
    }

    fn heard() -> impl Strategy<Value = Heard> {
        let after = proptest::option::of((0u64..10_000).prop_map(Duration::from_secs));
        prop_oneof![
            Just(Heard::Found),
            Just(Heard::Lacking),
            Just(Heard::Gone),
            after.clone().prop_map(|retry_after| Heard::Unasked { retry_after }),
            Just(Heard::Opened),
            Just(Heard::Progressed),
            after.prop_map(|retry_after| Heard::Lost { retry_after }),
            Just(Heard::TooSlow),
            Just(Heard::TurnOver),
            Just(Heard::Rested),
        ]
    }

    proptest! {
        #[test]
        fn no_rest_is_longer_than_the_longest(
            script in proptest::collection::vec((0u64..9, heard()), 0..200),
            salt in any::<u64>(),
        ) {
            let (mut link, _) = Link::start(salt, Rest::CONTRACT);
            let mut now = Duration::ZERO;
            for (step, heard) in script {
                now += Duration::from_secs(step);
                let failures = link.failures();
                if let Order::RestUntil(until) = link.hear(now, heard) {
                    prop_assert!(until <= now + LONGEST_ASKED);
                }
                prop_assert!(link.failures() <= failures + 1);
            }
        }
    }
}
