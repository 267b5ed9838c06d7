//! Events that came while the handler was busy.

use crate::Received;
use std::collections::{HashSet, VecDeque};

/// Some 30,000 labels. The server's window keeps it far smaller, unless it is set high.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A queue in which each event stands once, for events of one connection.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    events: VecDeque<Received>,
    /// Those in `events`, and the one in hand.
    ids: HashSet<i64>,
    in_hand: Option<i64>,
    bytes: usize,
    /// How many connections had been lost when they came.
    losses: u64,
}

impl Waiting {
    /// For the present connection.
    pub(crate) fn new(losses: u64) -> Self {
        Self { losses, ..Self::default() }
    }

    /// Lets go what came over a connection that has been lost since: it comes again, here
    /// or to another reader of the consumer.
    pub(crate) fn keep_up(&mut self, losses: u64) {
        if self.losses != losses {
            let in_hand = self.in_hand;
            *self = Self { in_hand, ..Self::new(losses) };
            self.ids.extend(in_hand);
        }
    }

    /// One that is here already was sent again because we are slow: it keeps its place.
    pub(crate) fn push(&mut self, received: Received) {
        if self.ids.insert(received.id) {
            self.bytes += received.text.len();
            self.events.push_back(received);
        }
    }

    /// The next one. It is in hand until [`Waiting::done`].
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let received = self.events.pop_front()?;
        self.bytes -= received.text.len();
        self.in_hand = Some(received.id);
        Some(received)
    }

    pub(crate) fn done(&mut self) {
        if let Some(id) = self.in_hand.take() {
            self.ids.remove(&id);
        }
    }

    /// When there is none, the server has to wait, in its TCP connection.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(id: i64) -> Received {
        Received { id, kind: "label".to_owned(), text: "x".repeat(MOST_BYTES / 4) }
    }

    fn take(waiting: &mut Waiting, ids: &[i64]) {
        ids.iter().for_each(|id| waiting.push(received(*id)));
    }

    fn rest(waiting: &mut Waiting) -> Vec<i64> {
        std::iter::from_fn(|| waiting.pop().map(|received| received.id)).collect()
    }

    #[test]
    fn each_event_waits_once_and_in_order() {
        let mut waiting = Waiting::default();
        take(&mut waiting, &[1, 2, 1, 3, 2]);
        assert_eq!(waiting.pop().unwrap().id, 1);
        waiting.push(received(1));
        assert!(waiting.has_room());
        waiting.push(received(4));
        waiting.push(received(5));
        assert!(!waiting.has_room());
        waiting.done();
        waiting.push(received(1));
        assert_eq!(rest(&mut waiting), [2, 3, 4, 5, 1]);
        assert!(waiting.is_empty() && waiting.has_room());
    }

    #[test]
    fn what_a_lost_connection_brought_is_let_go() {
        let mut waiting = Waiting::default();
        take(&mut waiting, &[1, 2, 3]);
        assert_eq!(waiting.pop().unwrap().id, 1);
        waiting.keep_up(0);
        assert!(!waiting.is_empty());
        waiting.keep_up(1);
        assert!(waiting.is_empty());
        take(&mut waiting, &[1, 2]);
        assert_eq!(rest(&mut waiting), [2], "1 is still in hand");
    }
}
