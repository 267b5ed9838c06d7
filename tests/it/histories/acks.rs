//! Acks: right ones, and those that must not count.

use super::ledger::Worth;
use super::play::{Play, WITNESS};
use super::wish::Wish;
use crate::raw::TEXT;
use serde_json::json;

const BINARY: u8 = 2;
const NONSENSE: [&str; 8] = [
    "",
    "null",
    "{\"type\":\"ack\"}",
    "{\"type\":\"ack\",\"id\":\"1\"}",
    "{\"type\":\"ack\",\"ids\":[1,\"x\"]}",
    "{\"type\":\"ack\",\"id\":1.5}",
    "{\"type\":\"nack\",\"id\":1}",
    "{\"ack\":1}",
];

impl Play<'_> {
    /// Acks these on a connection, whatever that is worth.
    pub(super) async fn ack(&mut self, at: usize, places: &[usize]) -> Result<(), String> {
        let consumer = self.conns[at].consumer;
        let conn = self.conns[at].reader.number;
        let alive: Vec<u64> = self.conns.iter().map(|conn| conn.reader.number).collect();
        let mut ids = Vec::new();
        for place in places {
            let Some(id) = self.said.labels[*place].id else { continue };
            let step = self.now();
            let ledger = &mut self.ledgers[consumer];
            let before = ledger.tell(*place);
            let worth =
                ledger.acked(&self.said, conn, *place, step, |other| alive.contains(&other));
            if worth == Worth::Counts {
                self.conns[at].under_way.push(*place);
            }
            // Towards the end the same ones are acked over and over.
            if worth == Worth::Nothing || before != self.ledgers[consumer].tell(*place) {
                self.note(format!("{conn} acks #{place}: {worth:?}"));
            }
            ids.push(id);
        }
        let message = match *ids.as_slice() {
            [] => return Ok(()),
            [id] => json!({ "type": "ack", "id": id }),
            _ => json!({ "type": "ack", "ids": ids }),
        };
        self.conns[at].say(TEXT, &message.to_string()).await
    }

    /// Acks what a connection has.
    pub(super) async fn ack_all(&mut self, at: usize) -> Result<(), String> {
        let (consumer, conn) = (self.conns[at].consumer, self.conns[at].reader.number);
        let places = self.ledgers[consumer].unacked_on(conn);
        self.ack(at, &places).await
    }

    /// Acks all that a connection was ever sent, whoever has it now.
    pub(super) async fn ack_received(&mut self, at: usize) -> Result<(), String> {
        let (consumer, conn) = (self.conns[at].consumer, self.conns[at].reader.number);
        let places = self.ledgers[consumer].received_on(conn);
        self.ack(at, &places).await
    }

    /// Some of it.
    pub(super) async fn ack_some(&mut self, at: usize) -> Result<(), String> {
        let (consumer, conn) = (self.conns[at].consumer, self.conns[at].reader.number);
        let mut places = self.ledgers[consumer].unacked_on(conn);
        if self.dice.percent(50) {
            places.retain(|_| self.dice.percent(60));
        }
        if self.dice.percent(30) {
            places.reverse();
        }
        self.ack(at, &places).await
    }

    /// What was sent again elsewhere, acked by somebody who has it no longer or never had.
    pub(super) async fn ack_stale(&mut self) -> Result<(), String> {
        for consumer in WITNESS + 1..self.ledgers.len() {
            let Some((place, owner)) = self.dice.pick(&self.ledgers[consumer].fenced()) else {
                continue;
            };
            let other =
                |conn: &super::conn::Conn| conn.consumer == consumer && conn.reader.number != owner;
            let at = match self.conns.iter().position(other) {
                Some(at) => at,
                None => self.open(consumer, Wish::default()).await,
            };
            self.ack(at, &[place]).await?;
            return self.look(consumer).await;
        }
        Ok(())
    }

    /// What another connection of the consumer has.
    pub(super) async fn ack_for_another(&mut self, at: usize) -> Result<(), String> {
        let consumer = self.conns[at].consumer;
        if let Some(place) = self.dice.pick(&self.ledgers[consumer].open()) {
            self.ack(at, &[place]).await?;
            // Or the other one's end might overtake it.
            self.read(at).await?;
        }
        Ok(())
    }

    /// Again.
    pub(super) async fn ack_twice(&mut self, at: usize) -> Result<(), String> {
        let places = self.ledgers[self.conns[at].consumer].done();
        match self.dice.pick(&places) {
            Some(place) => self.ack(at, &[place, place]).await,
            None => Ok(()),
        }
    }

    /// What was certainly not sent to this consumer: behind another one, taken by nobody,
    /// at another consumer, or no event at all.
    pub(super) async fn ack_unsent(&mut self, at: usize) -> Result<(), String> {
        let consumer = self.conns[at].consumer;
        let ledger = &self.ledgers[consumer];
        let unsent = |place: &usize| ledger.is_unsent(&self.said, *place);
        let places: Vec<usize> = (0..self.said.labels.len()).filter(unsent).collect();
        if let Some(place) = self.dice.pick(&places) {
            self.ack(at, &[place]).await?;
        }
        let ids = json!([self.said.head() + 1_000, 0, -1, i64::MAX]);
        self.conns[at].say(TEXT, &json!({ "type": "ack", "ids": ids }).to_string()).await?;
        self.look(consumer).await
    }

    pub(super) async fn babble(&mut self, at: usize) -> Result<(), String> {
        let text = NONSENSE[self.dice.below(NONSENSE.len())];
        let opcode = if self.dice.percent(50) { TEXT } else { BINARY };
        self.note(format!("{} says {text}", self.conns[at].reader.number));
        self.conns[at].say(opcode, text).await
    }
}
