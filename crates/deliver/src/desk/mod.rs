//! One consumer's desk, as a value that decides and never acts.
//!
//! A [`Desk`] is told what happened (a page of the log was read, a connection came or
//! went, an event was written or acked, time passed) and says what to do next: which
//! event to send to whom ([`Desk::next`]), whether to read on ([`Desk::wants`]) and what
//! to keep ([`Desk::position`], [`Desk::ahead`]). `consumer` carries it out. The desk
//! knows ids and lanes only; bodies are the shelf's business.
//!
//! ```text
//!  page read          lane's turn          next()              ack
//!  ─────────▶ Behind ────────────▶ Ready ──────────▶ Flying ─────────▶ settled
//!                                    ▲  └── ack (late) ─┼──────────────────▲
//!                                    └── closed, expired ┘
//! ```
//!
//! Promises, all checked against a model in `model`: an event is sent until it is acked,
//! and not after; within a lane the next is not sent before the one before it is acked; no
//! connection has more in flight than the window; no more ids are held than the rules
//! allow; a desk made again from what was kept owes exactly what was not acked.

mod crowd;
mod kept;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crowd::Crowd;
pub(crate) use crowd::{Conn, Rules};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Time since the consumer started. Passed in, so tests can move it by hand.
pub(crate) type Moment = Duration;

/// Which events must stay in order: equal for equal (labeler, uri). A hash, so two lanes
/// may fall together by chance; then they wait for each other, and nothing else happens.
pub(crate) type Lane = u64;

/// What a consumer still owes to its connections, and to whom it lent what.
#[derive(Debug)]
pub(crate) struct Desk {
    rules: Rules,
    /// Every event up to here was read, and is held if it is owed.
    read: i64,
    /// Acked in an earlier life, above `read`: ascending, disjoint.
    skip: VecDeque<RangeInclusive<i64>>,
    /// Read and not acked.
    held: BTreeMap<i64, Held>,
    /// The last held event of each lane.
    tails: HashMap<Lane, i64>,
    /// What could be sent now. The lowest id goes first, so what comes back goes first.
    ready: BTreeSet<i64>,
    /// What was written, and when.
    written: BTreeSet<(Moment, i64)>,
    crowd: Crowd,
    /// How many events have left, ever.
    settled: u64,
    changed: bool,
}

#[derive(Debug)]
struct Held {
    lane: Lane,
    /// The event behind this one in its lane.
    next: Option<i64>,
    stage: Stage,
    /// Whom it was sent to last. Stays when that connection is gone.
    owner: Option<Conn>,
    /// It was sent to one connection and then to another: now only the owner's ack counts.
    fenced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Another one of its lane must be acked first.
    Behind,
    /// Waits for a connection with room.
    Ready,
    /// Given to its owner; written to the socket at this moment, or not yet. What is not
    /// written does not expire: the socket has a limit of its own for that.
    Flying(Option<Moment>),
}

/// An event to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    /// To whom.
    pub(crate) conn: Conn,
    /// What.
    pub(crate) id: i64,
    /// Whether it was sent before.
    pub(crate) again: bool,
}

/// Why an ack did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ignored {
    /// Acked before, or passed over.
    Repeated,
    /// No such event as far as we have read.
    Unknown,
    /// It was not sent to this consumer.
    NotSent,
    /// It has been sent again elsewhere.
    NotOwner,
}

impl Ignored {
    /// The name used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Unknown => "unknown-id",
            Self::NotSent => "not-sent",
            Self::NotOwner => "not-owner",
        }
    }
}

impl Desk {
    /// A connection of this consumer. One that takes nothing may still ack.
    pub(crate) fn opened(&mut self, conn: Conn, takes: bool) {
        self.crowd.open(conn, takes);
    }

    /// A connection is gone: what it had goes back, to be sent to others at once.
    pub(crate) fn closed(&mut self, conn: Conn) {
        self.crowd.close(conn);
        for (id, held) in &mut self.held {
            if let (true, Stage::Flying(since)) = (held.owner == Some(conn), held.stage) {
                if let Some(since) = since {
                    self.written.remove(&(since, *id));
                }
                held.stage = Stage::Ready;
                self.ready.insert(*id);
            }
        }
    }

    /// The log's events after what was read, in order. `end`: the log is read up to here
    /// at least, whatever the last of these events is.
    pub(crate) fn page(&mut self, events: impl IntoIterator<Item = (i64, Lane)>, end: i64) {
        for (id, lane) in events {
            if id > self.read {
                self.read_to(id - 1);
                if id > self.read {
                    self.hold(id, lane);
                    self.read_to(id);
                }
            }
        }
        self.read_to(end);
    }

    fn hold(&mut self, id: i64, lane: Lane) {
        let before = self.tails.insert(lane, id).and_then(|tail| self.held.get_mut(&tail));
        let stage = match before {
            Some(before) => {
                before.next = Some(id);
                Stage::Behind
            }
            None => {
                self.ready.insert(id);
                Stage::Ready
            }
        };
        self.held.insert(id, Held { lane, next: None, stage, owner: None, fenced: false });
    }

    /// The next event to send, which is then in flight; `None` when there is none or no
    /// connection has room.
    pub(crate) fn next(&mut self) -> Option<Sending> {
        let id = *self.ready.first()?;
        let held = self.held.get_mut(&id)?;
        let conn = self.crowd.pick(held.owner)?;
        self.ready.pop_first();
        let again = held.owner.is_some();
        held.fenced |= held.owner.is_some_and(|owner| owner != conn);
        held.owner = Some(conn);
        held.stage = Stage::Flying(None);
        self.crowd.lent(conn);
        Some(Sending { conn, id, again })
    }

    /// Whether this event is in flight to this connection, and not yet written.
    pub(crate) fn awaits(&self, conn: Conn, id: i64) -> bool {
        let fits = |held: &Held| held.owner == Some(conn) && held.stage == Stage::Flying(None);
        self.held.get(&id).is_some_and(fits)
    }

    /// These were written to the connection's socket. From now on they may expire.
    pub(crate) fn wrote(&mut self, now: Moment, conn: Conn, ids: &[i64]) {
        self.crowd.wrote(conn, ids.len());
        for id in ids {
            if self.awaits(conn, *id) {
                if let Some(held) = self.held.get_mut(id) {
                    held.stage = Stage::Flying(Some(now));
                }
                self.written.insert((now, *id));
            }
        }
    }

    /// This one will never be written to that connection: it is no longer in the log, or
    /// no longer in flight there.
    pub(crate) fn withdrawn(&mut self, conn: Conn, id: i64) {
        if self.awaits(conn, id) {
            self.settle(id);
        }
        self.crowd.wrote(conn, 1);
    }

    /// What was written and not acked for too long can be sent again.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some((since, id)) = self.written.first().copied() {
            if since.saturating_add(self.rules.retry_timeout) > now {
                return;
            }
            self.written.pop_first();
            if let Some(held) = self.held.get_mut(&id) {
                held.stage = Stage::Ready;
                self.ready.insert(id);
                self.crowd.landed(held.owner);
            }
        }
    }

    /// When [`Desk::expire`] will have something to do.
    pub(crate) fn expires_at(&self) -> Option<Moment> {
        self.written.first().map(|(since, _)| since.saturating_add(self.rules.retry_timeout))
    }

    /// A connection says it is done with an event.
    ///
    /// Any connection may, until the event has been sent again elsewhere; from then on
    /// only its new owner.
    pub(crate) fn ack(&mut self, conn: Conn, id: i64) -> Result<(), Ignored> {
        let Some(held) = self.held.get(&id) else {
            let known = (1..=self.read).contains(&id);
            return Err(if known { Ignored::Repeated } else { Ignored::Unknown });
        };
        match held.owner {
            None => Err(Ignored::NotSent),
            Some(owner) if held.fenced && owner != conn => Err(Ignored::NotOwner),
            Some(_) => {
                self.settle(id);
                Ok(())
            }
        }
    }

    /// Takes the first event of a lane away; the one behind it has its turn.
    fn settle(&mut self, id: i64) {
        let Some(held) = self.held.remove(&id) else { return };
        self.ready.remove(&id);
        if let Stage::Flying(since) = held.stage {
            if let Some(since) = since {
                self.written.remove(&(since, id));
            }
            self.crowd.landed(held.owner);
        }
        match held.next.and_then(|next| Some((next, self.held.get_mut(&next)?))) {
            Some((next, behind)) => {
                behind.stage = Stage::Ready;
                self.ready.insert(next);
            }
            None => {
                self.tails.remove(&held.lane);
            }
        }
        self.settled += 1;
        self.changed = true;
    }

    /// How many events to read on with, if any: somebody has room, little is ready, and
    /// there is space to hold more.
    pub(crate) fn wants(&self) -> Option<usize> {
        let space = self.rules.held.saturating_sub(self.held.len());
        let wanted = space > 0 && self.ready.len() < self.rules.page / 2 + 1;
        (wanted && self.crowd.has_room()).then(|| space.min(self.rules.page))
    }
}
