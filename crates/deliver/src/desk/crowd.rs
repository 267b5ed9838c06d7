//! The connections of one consumer: who has room for how much.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// One connection. Never used for another one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Conn(pub(crate) u64);

/// What a desk keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Most events in flight per connection.
    pub(crate) window: usize,
    /// Most events per connection that are sent and not yet written.
    pub(crate) unwritten: usize,
    /// How long after it was written an event can be sent again.
    pub(crate) retry_timeout: Duration,
    /// Most ids held.
    pub(crate) held: usize,
    /// Most events read at once.
    pub(crate) page: usize,
}

#[derive(Debug, Default)]
struct Seat {
    takes: bool,
    in_flight: usize,
    unwritten: usize,
}

/// Everybody connected, and those with room ordered by how little they have in flight.
#[derive(Debug)]
pub(crate) struct Crowd {
    window: usize,
    unwritten: usize,
    seats: HashMap<Conn, Seat>,
    room: BTreeSet<(usize, Conn)>,
}

impl Crowd {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            window: rules.window,
            unwritten: rules.unwritten,
            seats: HashMap::new(),
            room: BTreeSet::new(),
        }
    }

    pub(crate) fn open(&mut self, conn: Conn, takes: bool) {
        self.seats.insert(conn, Seat { takes, ..Seat::default() });
        self.change(conn, |_| ());
    }

    pub(crate) fn close(&mut self, conn: Conn) {
        if let Some(seat) = self.seats.remove(&conn) {
            self.room.remove(&(seat.in_flight, conn));
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.room.is_empty()
    }

    /// The one with the least in flight; only if there is no other, the one to avoid: a
    /// peer that did not ack an event is not the first to be asked again.
    pub(crate) fn pick(&self, avoid: Option<Conn>) -> Option<Conn> {
        let mut order = self.room.iter().map(|(_, conn)| *conn);
        let first = order.next()?;
        if Some(first) == avoid { Some(order.next().unwrap_or(first)) } else { Some(first) }
    }

    /// One more in flight.
    pub(crate) fn lent(&mut self, conn: Conn) {
        self.change(conn, |seat| {
            seat.in_flight += 1;
            seat.unwritten += 1;
        });
    }

    /// One less in flight.
    pub(crate) fn landed(&mut self, conn: Option<Conn>) {
        if let Some(conn) = conn {
            self.change(conn, |seat| seat.in_flight = seat.in_flight.saturating_sub(1));
        }
    }

    /// So many fewer waiting to be written.
    pub(crate) fn wrote(&mut self, conn: Conn, count: usize) {
        self.change(conn, |seat| seat.unwritten = seat.unwritten.saturating_sub(count));
    }

    /// Keeps `room` true. A connection that is gone has nothing to change.
    fn change(&mut self, conn: Conn, change: impl FnOnce(&mut Seat)) {
        let Some(seat) = self.seats.get_mut(&conn) else { return };
        self.room.remove(&(seat.in_flight, conn));
        change(seat);
        if seat.takes && seat.in_flight < self.window && seat.unwritten < self.unwritten {
            self.room.insert((seat.in_flight, conn));
        }
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self, conn: Conn) -> usize {
        self.seats.get(&conn).map_or(0, |seat| seat.in_flight)
    }
}
