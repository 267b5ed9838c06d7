//! Brings together what the desk sends and the bodies: from the shelf at once, the others
//! when they have been fetched. Decides and never acts, as the desk does; fetching and
//! handing over are the consumer's business.

use crate::desk::{Conn, Desk, Sending};
use crate::sheet::Sheet;
use crate::shelf::Shelf;
use label::EventId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bodies handed to one connection and not yet written, in bytes; one more may come on top.
/// Some two hundred usual events, or a few of the largest: so many peers that do not read
/// cost little.
const UNWRITTEN: usize = 128 * 1024;

/// An event on its way to a connection.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Parcel {
    pub(crate) sheet: Arc<Sheet>,
    /// The how-manieth delivery it is.
    pub(crate) attempt: u32,
    /// How often the consumer had begun anew when this was sent.
    pub(crate) life: u64,
}

/// What is to be handed over, by connection.
pub(crate) type Parcels = BTreeMap<Conn, Vec<Parcel>>;

/// What is on the shelf, and what was sent without a body.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    shelf: Shelf,
    /// Sent by the desk, body still to be fetched. Only to connections that are open, so
    /// never more than they may have unwritten.
    bodiless: Vec<Sending>,
    /// What each connection has in its queue, in bytes.
    unwritten: BTreeMap<Conn, usize>,
    /// How often the consumer has begun anew.
    life: u64,
}

impl Packer {
    /// Keeps the bodies of a page.
    pub(crate) fn keep(&mut self, sheets: impl IntoIterator<Item = Arc<Sheet>>) {
        self.shelf.put(sheets);
    }

    /// At most so many bytes of bodies from now on.
    pub(crate) fn bound(&mut self, bytes: usize) {
        self.shelf.bound(bytes);
    }

    /// Nobody is there. What is on the shelf is read again when somebody comes.
    pub(crate) fn let_go(&mut self) {
        self.shelf.clear();
    }

    /// What was sent without a body is taken back, and the shelf is emptied.
    pub(crate) fn clear(&mut self, desk: &mut Desk) {
        self.life += 1;
        self.shelf.clear();
        for Sending { conn, id, .. } in self.bodiless.drain(..) {
            desk.withdrawn(conn, id);
        }
    }

    /// Packs all that the desk sends now, and says how many of these were sent before.
    pub(crate) fn pack(&mut self, desk: &mut Desk) -> (Parcels, u64) {
        let mut parcels = Parcels::new();
        let mut again = 0;
        while let Some(sending) = desk.next() {
            again += u64::from(sending.again);
            match self.shelf.take(sending.id) {
                Some(sheet) => self.put(desk, &mut parcels, &sending, sheet),
                None => self.bodiless.push(sending),
            }
        }
        (parcels, again)
    }

    fn put(
        &mut self,
        desk: &mut Desk,
        parcels: &mut Parcels,
        sending: &Sending,
        sheet: Arc<Sheet>,
    ) {
        let unwritten = self.unwritten.entry(sending.conn).or_default();
        *unwritten += sheet.weight();
        if *unwritten >= UNWRITTEN {
            desk.set_full(sending.conn, true);
        }
        desk.handed(sending.conn, sending.id);
        let parcel = Parcel { sheet, attempt: sending.attempt, life: self.life };
        parcels.entry(sending.conn).or_default().push(parcel);
    }

    fn has_room(&self, conn: Conn) -> bool {
        self.unwritten.get(&conn).is_none_or(|bytes| *bytes < UNWRITTEN)
    }

    /// So many bytes left the connection's queue.
    pub(crate) fn wrote(&mut self, desk: &mut Desk, conn: Conn, bytes: usize) {
        if let Some(unwritten) = self.unwritten.get_mut(&conn) {
            *unwritten = unwritten.saturating_sub(bytes);
            desk.set_full(conn, *unwritten >= UNWRITTEN);
        }
    }

    /// Takes out what is to be fetched next, at most so many, for connections with room.
    pub(crate) fn missing(&mut self, most: usize) -> Vec<Sending> {
        if self.bodiless.is_empty() {
            return Vec::new();
        }
        let full: BTreeSet<Conn> =
            self.unwritten.keys().copied().filter(|conn| !self.has_room(*conn)).collect();
        let mut asked = Vec::new();
        self.bodiless.retain(|sending| {
            let fits = asked.len() < most && !full.contains(&sending.conn);
            if fits {
                asked.push(*sending);
            }
            !fits
        });
        asked
    }

    /// Packs what was fetched. `sheets`: those of the asked that are still in the log, in
    /// order, but when they are large only the first of them. The rest is asked for again.
    pub(crate) fn fetched(
        &mut self,
        desk: &mut Desk,
        asked: Vec<Sending>,
        sheets: Vec<Arc<Sheet>>,
    ) -> Parcels {
        // Nothing answered means that nothing is left to be asked for again.
        let decided = sheets.last().map_or(i64::MAX, |sheet| sheet.id());
        let bodies: BTreeMap<i64, Arc<Sheet>> =
            sheets.into_iter().map(|sheet| (sheet.id(), sheet)).collect();
        let mut parcels = Parcels::new();
        let mut again = Vec::new();
        for sending in asked {
            let Sending { conn, id, .. } = sending;
            // An event may have been asked for twice: by a connection that has gone since,
            // and by the one that has it now. So a body is looked at, and not taken away.
            match bodies.get(&id) {
                // Fetched for nothing: meanwhile there was enough for this one.
                Some(_) if desk.awaits(conn, id) && !self.has_room(conn) => again.push(sending),
                Some(sheet) if desk.awaits(conn, id) => {
                    self.put(desk, &mut parcels, &sending, Arc::clone(sheet));
                }
                None if id > decided && desk.awaits(conn, id) => again.push(sending),
                _ => desk.withdrawn(conn, id),
            }
        }
        // They were sent before whatever has joined the queue meanwhile.
        self.bodiless.splice(0..0, again);
        parcels
    }

    /// A connection is gone: nothing is fetched for it any more.
    pub(crate) fn closed(&mut self, conn: Conn) {
        self.bodiless.retain(|sending| sending.conn != conn);
        self.unwritten.remove(&conn);
    }
}

/// The ids of these, as the store wants them.
pub(crate) fn ids(asked: &[Sending]) -> Vec<EventId> {
    asked.iter().filter_map(|sending| EventId::new(sending.id)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
