//! One consumer's desk, as a value that decides and never acts.
//!
//! A [`Desk`] is told what happened (a page of the log was read, a connection came or
//! went, an event was written or acked, time passed) and says what to do next: which
//! event to send to whom ([`Desk::next`]), what to read on ([`Desk::wants`]), what to set
//! aside ([`Desk::take_aside`]) and what to keep ([`Desk::position`], [`Desk::ahead`]).
//! `consumer` carries it out. The desk knows ids and lanes only; bodies are the shelf's
//! business, and what a filter takes is the sieve's.
//!
//! ```text
//!  page read          lane's turn          next()              ack
//!  ─────────▶ Behind ────────────▶ Ready ──────────▶ Flying ─────────▶ settled
//!      │                            ▲ ▲  └── ack (late) ─┼─────────────────▲ ▲
//!      ▼                            │ └─ closed, expired ┤ failed            │
//!  left in the log                  └──── Resting ◀──────┘──▶ Aside ─ kept ──┘
//! ```
//!
//! What is read is held, passed over (the consumer's filter leaves it out), or left in the
//! log for a later pass (`reading`): because nobody connected takes it, or because its lane
//! is deep. So a lane that stands still costs the others nothing, and memory has a bound.
//!
//! Promises, all checked against a model in `model`: an event is sent until it is acked,
//! and not after; within a lane the next is not sent before the one before it is acked; no
//! connection is sent what it does not take, or has more in flight than its window; no more
//! is held than the rules allow; a desk made again from what was kept owes exactly what was
//! not acked.

mod aside;
mod crowd;
mod done;
mod kept;
mod lanes;
#[cfg(test)]
mod model;
mod reading;
mod ready;
mod takers;
#[cfg(test)]
mod tests;

pub(crate) use aside::Aside;
pub(crate) use crowd::{Chair, Conn};
pub(crate) use reading::{Page, Seen, Wanted};
pub(crate) use takers::{MOST_FILTERS, Takers};

use crowd::Crowd;
use done::Done;
use lanes::LaneMap;
use reading::Pass;
use ready::Ready;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Time since the consumer started. Passed in, so tests can move it by hand.
pub(crate) type Moment = Duration;

/// Which events must stay in order: equal for equal (labeler, uri). A hash, so two lanes may
/// fall together by chance; then they wait for each other, and nothing else happens.
pub(crate) type Lane = u64;

/// What a desk keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Most events per connection that are sent and not yet written.
    pub(crate) unwritten: usize,
    /// How long after it was written an event can be sent again.
    pub(crate) retry_timeout: Duration,
    /// Most ids held beyond those in flight.
    pub(crate) held: usize,
    /// Most events read at once.
    pub(crate) page: usize,
    /// Most lanes remembered as waiting for something that was left in the log.
    pub(crate) parked: usize,
    /// Most ranges of events done ahead of the position.
    pub(crate) ranges: usize,
    /// After so many deliveries without an ack an event is set aside.
    pub(crate) max_deliveries: Option<u32>,
}

/// What a consumer still owes to its connections, and to whom it lent what.
#[derive(Debug)]
pub(crate) struct Desk {
    rules: Rules,
    done: Done,
    pass: Pass,
    /// Read, and neither done nor left in the log.
    held: BTreeMap<i64, Held>,
    /// The held events of each lane that has some.
    lanes: LaneMap<Queue>,
    ready: Ready,
    /// What was written and can expire, and when it was written.
    written: BTreeSet<(Moment, i64)>,
    /// What failed and can be tried again, and when.
    resting: BTreeSet<(Moment, i64)>,
    aside: Vec<Aside>,
    crowd: Crowd,
    careful: bool,
    /// What may have been sent before the desk began anew: of these only the owner's ack
    /// counts.
    fence: Done,
    /// An event left since this was asked for.
    changed: bool,
    /// The position moved by what was passed over.
    moved: bool,
}

#[derive(Debug)]
struct Held {
    lane: Lane,
    takers: Takers,
    /// The event behind this one in its lane.
    next: Option<i64>,
    stage: Stage,
    /// Whom it was sent to last. Stays when that connection is gone.
    owner: Option<Conn>,
    /// It was sent to one connection and then to another: now only the owner's ack counts.
    fenced: bool,
    /// How often it was written to somebody.
    deliveries: u32,
    /// Acked over another connection before its owner's socket has said that it was written.
    early: bool,
}

impl Held {
    /// Whether it is this connection's, and so far.
    fn stands(&self, conn: Conn, stage: Stage) -> bool {
        self.owner == Some(conn) && self.stage == stage
    }
}

/// A lane's held events: a list through [`Held::next`].
#[derive(Debug, Clone, Copy)]
struct Queue {
    last: i64,
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Another one of its lane must be acked first.
    Behind,
    /// Waits for a connection with room.
    Ready,
    /// Its owner is to have it; its body is still being looked for.
    Lent,
    /// Given to its owner; written to the socket at this moment, or not yet. What is not
    /// written does not expire: the socket has a limit of its own for that.
    Flying(Option<Moment>),
    /// Its owner failed with it; to be tried again at this moment.
    Resting(Moment),
    /// On its way to the dead letters.
    Aside,
}

/// An event to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    /// To whom.
    pub(crate) conn: Conn,
    /// What.
    pub(crate) id: i64,
    /// The how-manieth delivery this will be, from 1.
    pub(crate) attempt: u32,
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
    /// It was sent too often, and is a dead letter now.
    SetAside,
}

impl Ignored {
    /// The name used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Unknown => "unknown-id",
            Self::NotSent => "not-sent",
            Self::NotOwner => "not-owner",
            Self::SetAside => "set-aside",
        }
    }
}

impl Desk {
    /// A connection of this consumer. When it is the first with its filter, what was left
    /// in the log is looked through again: it may be for this one.
    pub(crate) fn opened(&mut self, conn: Conn, chair: Chair) {
        let before = self.crowd.present();
        self.crowd.open(conn, chair);
        if let Some(one) = chair.filter.map(Takers::one).filter(|one| !one.meet(before)) {
            self.look_for(one);
        }
    }

    /// A connection is gone: what it had goes back, to be sent to others at once.
    pub(crate) fn closed(&mut self, conn: Conn) {
        let flying = self.crowd.close(conn);
        let resting = self.resting.iter().map(|(_, id)| *id);
        let rests = |id: &i64| self.held.get(id).is_some_and(|held| held.owner == Some(conn));
        let had: Vec<i64> = flying.into_iter().chain(resting.filter(rests)).collect();
        for id in had {
            self.give_back(id, "the connection was lost");
        }
    }

    /// The next event to send, which is then in flight; `None` when there is none or no
    /// connection has room.
    pub(crate) fn next(&mut self) -> Option<Sending> {
        let id = self.choose()?;
        let held = self.held.get_mut(&id)?;
        let conn = self.crowd.pick(held.takers, held.owner)?;
        self.ready.remove(held.takers, id);
        let again = held.deliveries > 0;
        held.fenced |= held.owner.is_some_and(|owner| owner != conn);
        held.owner = Some(conn);
        held.stage = Stage::Lent;
        held.early = false;
        self.crowd.lent(conn, id);
        Some(Sending { conn, id, attempt: held.deliveries.saturating_add(1), again })
    }

    /// The lowest that somebody with room takes, since what comes back goes first. Whoever
    /// is to be careful tries what was delivered least often: if nothing gets through, the
    /// fault may be that of the events that were tried.
    fn choose(&self) -> Option<i64> {
        let wanted = self.crowd.with_room();
        if self.careful {
            self.ready.ids(wanted).min_by_key(|id| (self.deliveries(*id), *id))
        } else {
            self.ready.first(wanted)
        }
    }

    /// Whether a careful choice would be one that has failed before.
    pub(crate) fn lacks_fresh(&self) -> bool {
        let chosen = self.careful.then(|| self.choose()).flatten();
        chosen.is_some_and(|id| self.deliveries(id) > 0)
    }

    /// Whether this event is to go to this connection, and has not been handed over.
    pub(crate) fn awaits(&self, conn: Conn, id: i64) -> bool {
        self.held.get(&id).is_some_and(|held| held.stands(conn, Stage::Lent))
    }

    /// This one was handed over to the connection, to be written.
    pub(crate) fn handed(&mut self, conn: Conn, id: i64) {
        let held = self.held.get_mut(&id).filter(|held| held.stands(conn, Stage::Lent));
        if let Some(held) = held {
            held.stage = Stage::Flying(None);
        }
    }

    /// These were written to the connection's socket. From now on they may expire.
    pub(crate) fn wrote(&mut self, now: Moment, conn: Conn, ids: &[i64]) {
        self.crowd.wrote(conn, ids.len());
        let expires = self.crowd.expires(conn);
        for id in ids {
            let held = self.held.get_mut(id);
            if let Some(held) = held.filter(|held| held.stands(conn, Stage::Flying(None))) {
                held.stage = Stage::Flying(Some(now));
                held.deliveries = held.deliveries.saturating_add(1);
                if held.early {
                    self.settle(*id);
                } else if expires {
                    self.written.insert((now, *id));
                }
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

    /// What was written and not acked for too long can be sent again, and what failed can
    /// when it has rested.
    pub(crate) fn expire(&mut self, now: Moment) {
        while let Some((since, id)) = self.written.first().copied()
            && since.saturating_add(self.rules.retry_timeout) <= now
        {
            self.give_back(id, "it was not acked in time");
        }
        while let Some((until, id)) = self.resting.first().copied()
            && until <= now
        {
            self.give_back(id, "");
        }
    }

    /// When [`Desk::expire`] will have something to do.
    pub(crate) fn expires_at(&self) -> Option<Moment> {
        let written = self.written.first();
        let expires = written.map(|(since, _)| since.saturating_add(self.rules.retry_timeout));
        let rested = self.resting.first().map(|(until, _)| *until);
        expires.into_iter().chain(rested).min()
    }

    /// The connection could not deliver this, and says why. It is tried again at `retry`.
    pub(crate) fn failed(&mut self, conn: Conn, id: i64, retry: Moment, why: &str) {
        let Some(held) = self.held.get_mut(&id) else { return };
        if held.owner != Some(conn) || !matches!(held.stage, Stage::Flying(_)) {
            return;
        }
        if !self.give_back(id, why) {
            return;
        }
        if let Some(held) = self.held.get_mut(&id) {
            held.stage = Stage::Resting(retry);
            self.ready.remove(held.takers, id);
            self.resting.insert((retry, id));
        }
    }

    /// How often an event that is held was delivered.
    pub(crate) fn deliveries(&self, id: i64) -> u32 {
        self.held.get(&id).map_or(0, |held| held.deliveries)
    }

    /// Another window for this connection.
    pub(crate) fn set_window(&mut self, conn: Conn, window: usize) {
        self.crowd.set_window(conn, window);
    }

    /// Whether what was delivered least often is to be tried first.
    pub(crate) fn set_careful(&mut self, careful: bool) {
        self.careful = careful;
    }

    /// Whether this connection has enough to write, in bytes. Then it is sent nothing.
    pub(crate) fn set_full(&mut self, conn: Conn, full: bool) {
        self.crowd.set_full(conn, full);
    }

    /// How many events are in flight: to everybody, and to one connection.
    pub(crate) fn in_flight(&self) -> usize {
        self.crowd.in_flight()
    }

    /// See [`Desk::in_flight`].
    pub(crate) fn in_flight_of(&self, conn: Conn) -> usize {
        self.crowd.in_flight_of(conn)
    }

    /// A connection says it is done with an event.
    ///
    /// Any connection may, once it was delivered and until it has been sent again elsewhere;
    /// from then on only its new owner. A peer may be quicker than its socket's word that it was
    /// written: over another connection its ack is not taken yet, and counts with that word.
    pub(crate) fn ack(&mut self, conn: Conn, id: i64) -> Result<(), Ignored> {
        let Some(held) = self.held.get_mut(&id) else {
            return Err(match id {
                _ if id < 1 || id > self.pass.frontier => Ignored::Unknown,
                _ if self.done.contains(id) => Ignored::Repeated,
                _ => Ignored::NotSent,
            });
        };
        match (held.owner, held.stage) {
            (None, _) => Err(Ignored::NotSent),
            (_, Stage::Aside) => Err(Ignored::SetAside),
            (Some(owner), _) if held.fenced && owner != conn => Err(Ignored::NotOwner),
            // The peer may be quicker than its socket's word that it was written.
            (Some(owner), Stage::Flying(_)) if owner == conn => {
                self.settle(id);
                Ok(())
            }
            (Some(_), stage) if held.deliveries == 0 => {
                held.early = stage == Stage::Flying(None);
                Err(Ignored::NotSent)
            }
            (Some(_), _) => {
                self.settle(id);
                Ok(())
            }
        }
    }

    /// Takes an event from its owner: it can be sent again, or was sent too often. Whether
    /// the former.
    fn give_back(&mut self, id: i64, why: &str) -> bool {
        let Some(held) = self.held.get_mut(&id) else { return false };
        match held.stage {
            Stage::Lent => self.crowd.landed(held.owner, id),
            Stage::Flying(since) => {
                if let Some(since) = since {
                    self.written.remove(&(since, id));
                }
                self.crowd.landed(held.owner, id);
                if self.rules.max_deliveries.is_some_and(|most| held.deliveries >= most) {
                    held.stage = Stage::Aside;
                    let (deliveries, error) = (held.deliveries, why.to_owned());
                    self.aside.push(Aside { id, deliveries, error });
                    return false;
                }
            }
            Stage::Resting(until) => {
                self.resting.remove(&(until, id));
            }
            Stage::Behind | Stage::Ready | Stage::Aside => return false,
        }
        held.stage = Stage::Ready;
        self.ready.insert(held.takers, id);
        true
    }

    /// Takes the first event of a lane away; the one behind it has its turn.
    fn settle(&mut self, id: i64) {
        let Some(held) = self.held.remove(&id) else { return };
        match held.stage {
            Stage::Lent => self.crowd.landed(held.owner, id),
            Stage::Flying(since) => {
                if let Some(since) = since {
                    self.written.remove(&(since, id));
                }
                self.crowd.landed(held.owner, id);
            }
            Stage::Resting(until) => {
                self.resting.remove(&(until, id));
            }
            Stage::Ready => self.ready.remove(held.takers, id),
            Stage::Behind | Stage::Aside => {}
        }
        if let Some((next, behind)) = held.next.and_then(|id| Some((id, self.held.get_mut(&id)?))) {
            behind.stage = Stage::Ready;
            self.ready.insert(behind.takers, next);
        }
        self.leave_lane(held.lane, 1);
        self.done.insert(id..=id);
        self.pass.settled = true;
        self.changed = true;
    }
}
