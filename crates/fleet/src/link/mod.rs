//! One labeler's connection, as a value that decides and never acts.
//!
//! A [`Link`] is told what happened ([`Heard`]) and what time it is, and answers with the
//! one thing to do next ([`Order`]). `intake::subscription` carries the orders out: it
//! owns the socket, the timer and the store.
//!
//! ```text
//!             Found           Opened
//!  Looking ─────────▶ Dialing ──────▶ Open ──┐
//!   ▲  │                │ ▲            │  ▲  │ TooSlow after progress:
//!   │  │ Lacking, Gone, │ │ Reset      │  │  │ a short rest, then Dialing
//!   │  │ Unasked        ▼ │            │  └──┘
//!   │  └────────────▶ Resting ◀────────┤ BrokeOff, Lacking, Gone
//!   └─────────────────  │ ▲ │ ▲        │
//!            Rested     │ │ ▼ │ Fails  │ Doubt
//!                       │ │ Trying     ▼
//!                       │ └──────── Confirming
//!                       └──────────────▲
//! ```
//!
//! Promises, checked by the tests:
//! * a link that keeps failing rests longer each time, up to [`Rest::longest`];
//! * a link whose sequence moved, or that stayed open for [`Rest::proven`], starts over
//!   from the shortest rest;
//! * a server's `Retry-After` is never undercut (and never believed beyond a day);
//! * a stream that breaks off again and again at one frame is asked whether it has started over,
//!   and if not, the first frame behind the broken ones is looked for ([`mod@search`]).

mod rest;
mod search;
#[cfg(test)]
mod tests;

pub use rest::{Rest, growing};
use search::{Search, Tried};
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

/// So often in a row a stream breaks off at one frame before that is taken for more than
/// chance.
const STUCK: u32 = 3;

/// Where one connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Asking what the DID document says.
    Looking { fresh: bool },
    /// Waiting for the labeler to answer.
    Dialing,
    /// Frames may flow.
    Open { since: Moment, progressed: bool },
    /// Finding out whether the labeler has started over.
    Confirming,
    /// Finding out whether the stream goes on behind the frames at which it breaks off.
    Trying { beyond: i64 },
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
    /// The dial failed, or what came could not be carried.
    Lost {
        /// How long the labeler asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The open stream ended.
    BrokeOff {
        /// The cursor then.
        at: i64,
        /// Whether the labeler said why, in an error frame.
        said: bool,
    },
    /// The labeler said `ConsumerTooSlow`.
    TooSlow,
    /// The stream shows that the labeler may have started over.
    Doubt,
    /// It has: a new epoch has begun.
    Reset,
    /// It has not.
    NotReset,
    /// It could not be found out.
    Undecided {
        /// How long the labeler asks us to wait.
        retry_after: Option<Duration>,
    },
    /// Behind so many frames the stream goes on.
    GoesOn,
    /// There it breaks off as well.
    Fails,
    /// The labeler has stored as much as it may.
    Full,
    /// The stream is to be opened anew: others want the place, the endpoint is another one, or
    /// some of it is to be read a second time.
    Anew,
    /// Somebody says that the document may have changed.
    Called,
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
    Dial {
        /// So many frames behind the cursor; 0 unless the stream breaks off at those.
        beyond: i64,
    },
    /// Read frames until the stream ends.
    Read,
    /// Find out by a second connection whether the labeler has started over.
    Confirm,
    /// Find out whether the stream goes on so many frames behind the cursor, and take nothing.
    Try {
        /// So many.
        beyond: i64,
    },
    /// Do nothing until this moment.
    RestUntil(Moment),
}

/// One labeler's connection.
#[derive(Debug, Clone)]
pub struct Link {
    stand: Stand,
    /// Failures in a row.
    failures: u32,
    /// When a fresh document was last asked for.
    looked_afresh: Option<Moment>,
    /// The cursor at which the stream breaks off, and how often in a row.
    stuck: (i64, u32),
    /// The cursor at which it was found that the labeler has not started over.
    not_reset_at: Option<i64>,
    search: Option<Search>,
    /// How many frames behind the cursor to go on.
    beyond: i64,
    /// When the labeler last started over.
    reset_at: Option<Moment>,
    /// How often it did so lately.
    resets: u32,
    /// Until when the labeler wants to be left alone.
    not_before: Option<Moment>,
    /// Tells this labeler's waits apart from the others', so that they do not come back
    /// all at once. Derived from the DID, which keeps this a pure function.
    salt: u64,
    rest: Rest,
}

impl Link {
    /// A link nobody has looked up yet, and its first order.
    #[must_use]
    pub fn start(salt: u64, rest: Rest) -> (Self, Order) {
        let link = Self {
            stand: Stand::Looking { fresh: false },
            failures: 0,
            looked_afresh: None,
            stuck: (0, 0),
            not_reset_at: None,
            search: None,
            beyond: 0,
            reset_at: None,
            resets: 0,
            not_before: None,
            salt,
            rest,
        };
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
            (Stand::Looking { .. }, Heard::Found) => match self.not_before {
                // Somebody had us look; the labeler still wants to be left alone.
                Some(asked) if now < asked => {
                    self.rest_until(asked, Order::Dial { beyond: self.beyond })
                }
                _ => self.go(Stand::Dialing),
            },
            (Stand::Looking { .. } | Stand::Open { .. }, Heard::Lacking | Heard::Gone) => {
                self.rest_lacking(now, Order::Look { fresh: true })
            }
            (Stand::Dialing | Stand::Open { .. }, Heard::Full) => {
                self.rest_lacking(now, Order::Look { fresh: true })
            }
            (
                Stand::Looking { .. } | Stand::Dialing | Stand::Open { .. },
                Heard::Unasked { retry_after },
            ) => self.fail(now, retry_after, true),
            (Stand::Dialing, Heard::Lost { retry_after }) => {
                self.leave_alone(now, retry_after);
                self.fail(now, retry_after, true)
            }
            (Stand::Dialing, Heard::Opened) => {
                self.go(Stand::Open { since: now, progressed: false })
            }
            (Stand::Open { .. }, _) => self.hear_open(now, heard),
            (Stand::Confirming, _) => self.hear_confirming(now, heard),
            (Stand::Trying { beyond }, _) => self.hear_trying(now, beyond, heard),
            (Stand::Resting { .. }, Heard::Called) => self.look_afresh(now),
            (Stand::Resting { again, .. }, Heard::Rested) => match again {
                Order::Look { fresh: true } => self.look_afresh(now),
                Order::Look { fresh } => self.go(Stand::Looking { fresh }),
                Order::Confirm => self.go(Stand::Confirming),
                Order::Try { beyond } => self.go(Stand::Trying { beyond }),
                _ => self.go(Stand::Dialing),
            },
            (_, _) => self.order(),
        }
    }

    fn hear_open(&mut self, now: Moment, heard: Heard) -> Order {
        let Stand::Open { since, progressed } = self.stand else { return self.order() };
        match heard {
            Heard::Progressed => {
                (self.failures, self.stuck.1, self.beyond) = (0, 0, 0);
                (self.search, self.not_reset_at) = (None, None);
                self.go(Stand::Open { since, progressed: true })
            }
            Heard::TooSlow if progressed => {
                self.failures = 0;
                self.rest_until(now + BREATH, Order::Dial { beyond: 0 })
            }
            Heard::BrokeOff { at, said } => {
                let proven = self.forgive(now, since);
                self.count_stuck(at, !proven && !progressed && (at > 0 || said));
                self.broke_off(now, at)
            }
            Heard::Lost { retry_after } => {
                self.forgive(now, since);
                let fresh = self.may_look_afresh(now);
                self.fail(now, retry_after, fresh)
            }
            Heard::TooSlow => {
                self.forgive(now, since);
                let fresh = self.may_look_afresh(now);
                self.fail(now, None, fresh)
            }
            Heard::Doubt => self.go(Stand::Confirming),
            Heard::Anew => self.go(Stand::Dialing),
            _ => self.order(),
        }
    }

    fn hear_confirming(&mut self, now: Moment, heard: Heard) -> Order {
        match heard {
            Heard::Reset => {
                (self.stuck.1, self.beyond, self.search) = (0, 0, None);
                let lately =
                    self.reset_at.is_some_and(|at| now.saturating_sub(at) < self.rest.look_again);
                self.resets = if lately { self.resets.saturating_add(1) } else { 0 };
                self.reset_at = Some(now);
                self.failures = 0;
                if lately {
                    let wait = self.rest.wait_lacking(self.salt, self.resets);
                    return self.rest_until(now + wait, Order::Dial { beyond: 0 });
                }
                self.go(Stand::Dialing)
            }
            Heard::NotReset => {
                let (at, times) = self.stuck;
                self.not_reset_at = Some(at);
                if times >= STUCK {
                    return self.begin_search(now);
                }
                self.fail(now, None, false)
            }
            Heard::Undecided { retry_after } | Heard::Lost { retry_after } => {
                self.stuck.1 = 0;
                self.fail(now, retry_after, true)
            }
            _ => self.order(),
        }
    }

    fn hear_trying(&mut self, now: Moment, beyond: i64, heard: Heard) -> Order {
        let goes_on = match heard {
            Heard::GoesOn => true,
            Heard::Fails => false,
            Heard::Lost { retry_after } => return self.fail(now, retry_after, true),
            _ => return self.order(),
        };
        let Some(search) = &mut self.search else { return self.go(Stand::Dialing) };
        match search.heard(beyond, goes_on) {
            Tried::Next(beyond) => self.rest_until(now + self.rest.shortest, Order::Try { beyond }),
            Tried::Found(beyond) => {
                (self.search, self.stuck.1, self.beyond) = (None, 0, beyond);
                self.go(Stand::Dialing)
            }
            Tried::InVain => {
                (self.search, self.stuck.1) = (None, 0);
                self.fail(now, None, true)
            }
        }
    }

    /// Says whether the connection stayed open for long enough, and forgives if so.
    fn forgive(&mut self, now: Moment, since: Moment) -> bool {
        let proven = now.saturating_sub(since) >= self.rest.proven;
        if proven {
            self.failures = 0;
        }
        proven
    }

    fn count_stuck(&mut self, at: i64, stands_still: bool) {
        self.stuck = match (stands_still, self.stuck) {
            (false, _) => (at, 0),
            (true, (before, times)) if before == at => (at, times.saturating_add(1)),
            (true, _) => (at, 1),
        };
    }

    fn broke_off(&mut self, now: Moment, at: i64) -> Order {
        if self.stuck.1 < STUCK {
            let fresh = self.may_look_afresh(now);
            return self.fail(now, None, fresh);
        }
        // At 0 there is no cursor that could be too far.
        if at == 0 || self.not_reset_at == Some(at) {
            return self.begin_search(now);
        }
        self.failures = self.failures.saturating_add(1);
        self.rest_until(now + self.rest.shortest, Order::Confirm)
    }

    fn begin_search(&mut self, now: Moment) -> Order {
        let (search, beyond) = Search::begin(self.beyond);
        self.search = Some(search);
        self.rest_until(now + self.rest.shortest, Order::Try { beyond })
    }

    fn may_look_afresh(&self, now: Moment) -> bool {
        let lately = |looked: Moment| now.saturating_sub(looked) < LOOK_AFRESH_EVERY;
        !self.looked_afresh.is_some_and(lately)
    }

    fn look_afresh(&mut self, now: Moment) -> Order {
        self.looked_afresh = Some(now);
        self.go(Stand::Looking { fresh: true })
    }

    fn go(&mut self, stand: Stand) -> Order {
        self.stand = stand;
        self.order()
    }

    /// The order that belongs to where the link stands.
    fn order(&self) -> Order {
        match self.stand {
            Stand::Looking { fresh } => Order::Look { fresh },
            Stand::Dialing => Order::Dial { beyond: self.beyond },
            Stand::Open { .. } => Order::Read,
            Stand::Confirming => Order::Confirm,
            Stand::Trying { beyond } => Order::Try { beyond },
            Stand::Resting { until, .. } => Order::RestUntil(until),
        }
    }

    fn fail(&mut self, now: Moment, retry_after: Option<Duration>, fresh: bool) -> Order {
        self.failures = self.failures.saturating_add(1);
        let own = self.rest.wait(self.salt, self.failures);
        let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED);
        self.rest_until(now + own.max(asked), Order::Look { fresh })
    }

    /// Remembers how long the labeler wants to be left alone.
    fn leave_alone(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.not_before = retry_after.map(|asked| now + asked.min(LONGEST_ASKED));
    }

    fn rest_lacking(&mut self, now: Moment, again: Order) -> Order {
        self.failures = self.failures.saturating_add(1);
        self.rest_until(now + self.rest.wait_lacking(self.salt, self.failures), again)
    }

    fn rest_until(&mut self, until: Moment, again: Order) -> Order {
        self.stand = Stand::Resting { until, again };
        self.order()
    }
}
