//! Brings together what the desk sends and the bodies: from the shelf at once, the others
//! when they have been fetched. Decides and never acts, as the desk does; fetching and
//! handing over are the consumer's business.

use crate::desk::{Conn, Desk, Sending};
use crate::shelf::Shelf;
use label::{EventId, LabelEvent};
use std::collections::HashMap;

/// Bodies to be handed over, by connection.
pub(crate) type Parcels = HashMap<Conn, Vec<LabelEvent>>;

/// What is on the shelf, and what was sent without a body.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    shelf: Shelf,
    /// Sent by the desk, body still to be fetched. Only to connections that are open, so
    /// never more than they may have unwritten.
    bodiless: Vec<Sending>,
}

impl Packer {
    /// Keeps the bodies of a page.
    pub(crate) fn keep(&mut self, events: Vec<LabelEvent>) {
        self.shelf.put(events);
    }

    /// Packs all that the desk sends now, and says how many of these were sent before.
    pub(crate) fn pack(&mut self, desk: &mut Desk) -> (Parcels, u64) {
        let mut parcels = Parcels::new();
        let mut again = 0;
        while let Some(sending) = desk.next() {
            again += u64::from(sending.again);
            match self.shelf.take(sending.id) {
                Some(event) => parcels.entry(sending.conn).or_default().push(event),
                None => self.bodiless.push(sending),
            }
        }
        (parcels, again)
    }

    /// Takes out what is to be fetched next, at most so many.
    pub(crate) fn missing(&mut self, most: usize) -> Vec<Sending> {
        let most = self.bodiless.len().min(most);
        self.bodiless.drain(..most).collect()
    }

    /// Packs what was fetched. `events`: those of the asked that are still in the log, in
    /// order, but when they are large only the first of them. The rest is asked for again.
    pub(crate) fn fetched(
        &mut self,
        desk: &mut Desk,
        asked: Vec<Sending>,
        events: Vec<LabelEvent>,
    ) -> Parcels {
        // Nothing answered means that nothing is left to be asked for again.
        let decided = events.last().map_or(i64::MAX, |event| event.id.get());
        let bodies: HashMap<i64, LabelEvent> =
            events.into_iter().map(|event| (event.id.get(), event)).collect();
        let mut parcels = Parcels::new();
        for sending in asked {
            let Sending { conn, id, .. } = sending;
            // An event may have been asked for twice: by a connection that has gone since,
            // and by the one that has it now. So a body is looked at, and not taken away.
            match bodies.get(&id) {
                Some(event) if desk.awaits(conn, id) => {
                    parcels.entry(conn).or_default().push(event.clone());
                }
                None if id > decided && desk.awaits(conn, id) => self.bodiless.push(sending),
                _ => desk.withdrawn(conn, id),
            }
        }
        parcels
    }

    /// A connection is gone: nothing is fetched for it any more.
    pub(crate) fn closed(&mut self, conn: Conn) {
        self.bodiless.retain(|sending| sending.conn != conn);
    }
}

/// The ids of these, as the store wants them.
pub(crate) fn ids(asked: &[Sending]) -> Vec<EventId> {
    asked.iter().filter_map(|sending| EventId::new(sending.id)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
