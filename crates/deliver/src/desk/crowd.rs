//! The connections of one consumer: what each one takes, and who has room for how much.

use super::takers::Takers;
use std::collections::{BTreeMap, BTreeSet};

/// One connection. Never used for another one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Conn(pub(crate) u64);

/// What a connection brings along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chair {
    /// Its filter; `None` takes nothing, but may ack.
    pub(crate) filter: Option<u8>,
    /// Most events in flight.
    pub(crate) window: usize,
    /// Whether what it does not ack in time can be sent again. A webhook has a time limit
    /// of its own.
    pub(crate) expires: bool,
}

#[derive(Debug)]
struct Seat {
    chair: Chair,
    /// What is in flight to it.
    flying: BTreeSet<i64>,
    unwritten: usize,
    /// Has enough to write, however few events that are.
    full: bool,
}

impl Seat {
    /// Where it stands among those with room: by how much is in flight. `unwritten`: see
    /// [`Crowd::new`].
    fn place(&self, unwritten: usize) -> Option<(Takers, usize)> {
        let one = Takers::one(self.chair.filter?);
        let flying = self.flying.len();
        let has_room = !self.full && flying < self.chair.window && self.unwritten < unwritten;
        has_room.then_some((one, flying))
    }
}

/// Everybody connected, and those with room ordered by how little they have in flight.
#[derive(Debug)]
pub(crate) struct Crowd {
    unwritten: usize,
    /// Few, so a tree is quicker than hashing.
    seats: BTreeMap<Conn, Seat>,
    /// By filter, those with room.
    rooms: BTreeMap<Takers, BTreeSet<(usize, Conn)>>,
    /// By filter, how many there are.
    present: BTreeMap<Takers, usize>,
    in_flight: usize,
}

impl Crowd {
    /// `unwritten`: most events per connection that are sent and not yet written.
    pub(crate) fn new(unwritten: usize) -> Self {
        let (rooms, present) = (BTreeMap::new(), BTreeMap::new());
        Self { unwritten, seats: BTreeMap::new(), rooms, present, in_flight: 0 }
    }

    pub(crate) fn open(&mut self, conn: Conn, chair: Chair) {
        if let Some(number) = chair.filter {
            *self.present.entry(Takers::one(number)).or_default() += 1;
        }
        let seat = Seat { chair, flying: BTreeSet::new(), unwritten: 0, full: false };
        self.moved(conn, None, seat.place(self.unwritten));
        self.seats.insert(conn, seat);
    }

    /// Answers what was in flight to it, and is not any more.
    pub(crate) fn close(&mut self, conn: Conn) -> BTreeSet<i64> {
        let Some(seat) = self.seats.remove(&conn) else { return BTreeSet::new() };
        self.moved(conn, seat.place(self.unwritten), None);
        self.in_flight -= seat.flying.len();
        if let Some(one) = seat.chair.filter.map(Takers::one)
            && let Some(count) = self.present.get_mut(&one)
        {
            *count -= 1;
            if *count == 0 {
                self.present.remove(&one);
            }
        }
        seat.flying
    }

    /// Nothing is in flight any more; what is not yet written still is not.
    pub(crate) fn forget_flights(&mut self) {
        for conn in self.seats.keys().copied().collect::<Vec<_>>() {
            self.change(conn, |seat| seat.flying.clear());
        }
        self.in_flight = 0;
    }

    /// Another window for this connection.
    pub(crate) fn set_window(&mut self, conn: Conn, window: usize) {
        self.change(conn, |seat| seat.chair.window = window);
    }

    /// Whether this connection has enough to write.
    pub(crate) fn set_full(&mut self, conn: Conn, full: bool) {
        self.change(conn, |seat| seat.full = full);
    }

    /// The filters of everybody.
    pub(crate) fn present(&self) -> Takers {
        joined(self.present.keys())
    }

    /// The filters of those with room.
    pub(crate) fn with_room(&self) -> Takers {
        joined(self.rooms.keys())
    }

    /// How many events are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many events this connection has in flight.
    pub(crate) fn in_flight_of(&self, conn: Conn) -> usize {
        self.seats.get(&conn).map_or(0, |seat| seat.flying.len())
    }

    pub(crate) fn expires(&self, conn: Conn) -> bool {
        self.seats.get(&conn).is_some_and(|seat| seat.chair.expires)
    }

    /// Of those that take it, the one with the least in flight; only if there is no other,
    /// the one to avoid: a peer that did not ack an event is not the first to be asked again.
    pub(crate) fn pick(&self, takers: Takers, avoid: Option<Conn>) -> Option<Conn> {
        let fits = self.rooms.iter().filter(|(one, _)| one.meet(takers));
        // Of each filter the first two, since one of them may be the one to avoid.
        let first = fits.flat_map(|(_, room)| room.iter().take(2));
        let order = |(in_flight, conn): &&(usize, Conn)| (Some(*conn) == avoid, *in_flight, *conn);
        first.min_by_key(order).map(|(_, conn)| *conn)
    }

    /// One more in flight.
    pub(crate) fn lent(&mut self, conn: Conn, id: i64) {
        self.in_flight += 1;
        self.change(conn, |seat| {
            seat.flying.insert(id);
            seat.unwritten += 1;
        });
    }

    /// This one is not in flight any more.
    pub(crate) fn landed(&mut self, conn: Option<Conn>, id: i64) {
        let Some(conn) = conn else { return };
        let mut was = false;
        self.change(conn, |seat| was = seat.flying.remove(&id));
        self.in_flight -= usize::from(was);
    }

    /// So many fewer waiting to be written.
    pub(crate) fn wrote(&mut self, conn: Conn, count: usize) {
        self.change(conn, |seat| seat.unwritten = seat.unwritten.saturating_sub(count));
    }

    /// Keeps `rooms` true. A connection that is gone has nothing to change.
    fn change(&mut self, conn: Conn, change: impl FnOnce(&mut Seat)) {
        let Some(seat) = self.seats.get_mut(&conn) else { return };
        let before = seat.place(self.unwritten);
        change(seat);
        let after = seat.place(self.unwritten);
        self.moved(conn, before, after);
    }

    /// A connection stands elsewhere. First it is put there and then taken away, for a set
    /// that becomes empty gives back its memory.
    fn moved(
        &mut self,
        conn: Conn,
        before: Option<(Takers, usize)>,
        after: Option<(Takers, usize)>,
    ) {
        if before == after {
            return;
        }
        if let Some((one, flying)) = after {
            self.rooms.entry(one).or_default().insert((flying, conn));
        }
        if let Some((one, flying)) = before
            && let Some(room) = self.rooms.get_mut(&one)
        {
            room.remove(&(flying, conn));
            if room.is_empty() {
                self.rooms.remove(&one);
            }
        }
    }
}

fn joined<'a>(each: impl Iterator<Item = &'a Takers>) -> Takers {
    let mut all = Takers::NOBODY;
    each.for_each(|one| all.join(*one));
    all
}
