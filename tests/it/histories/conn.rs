//! One connection of a history.

use super::ledger::Reader;
use crate::raw::{PING, PONG, Raw, TEXT};
use crate::tap::within;
use std::time::Duration;

pub(super) struct Conn {
    raw: Raw,
    /// Whose it is: an index.
    pub(super) consumer: usize,
    pub(super) reader: Reader,
    /// Acks that the service has perhaps not read yet.
    pub(super) under_way: Vec<usize>,
}

impl Conn {
    pub(super) fn new(raw: Raw, consumer: usize, reader: Reader) -> Self {
        Self { raw, consumer, reader, under_way: Vec::new() }
    }

    /// Says something that the service may not want to hear.
    pub(super) async fn say(&mut self, opcode: u8, text: &str) -> Result<(), String> {
        let number = self.reader.number;
        let said = self.raw.say(opcode, text.as_bytes()).await;
        said.then_some(()).ok_or_else(|| format!("connection {number} has ended"))
    }

    /// Reads all that was sent until now. A pong is written only after what was heard before
    /// its ping has been passed on, and the second one after events that were on their way
    /// when the first ping came.
    pub(super) async fn read_all(&mut self) -> Result<Vec<String>, String> {
        let mut events = Vec::new();
        for _ in 0..2 {
            self.raw.say(PING, b"here?").await;
            loop {
                match self.raw.next().await {
                    Some((TEXT, text)) => events.push(readable(text)?),
                    Some((PING, _)) => {}
                    Some((PONG, _)) => break,
                    other => return Err(format!("instead of a pong: {other:?}")),
                }
            }
        }
        Ok(events)
    }

    /// The next event if there is one soon.
    pub(super) async fn soon(&mut self, limit: Duration) -> Result<Option<String>, String> {
        match tokio::time::timeout(limit, self.raw.next()).await {
            Ok(Some((TEXT, text))) => Ok(Some(readable(text)?)),
            Ok(Some((PING, _))) | Err(_) => Ok(None),
            Ok(other) => Err(format!("instead of an event: {other:?}")),
        }
    }

    /// What is left to be read when the service has ended. It says no goodbye.
    pub(super) async fn rest(&mut self) -> Result<Vec<String>, String> {
        let mut events = Vec::new();
        while let Some((opcode, payload)) = within(self.raw.next()).await {
            match opcode {
                TEXT => events.push(readable(payload)?),
                PING | PONG => {}
                _ => return Err(format!("a frame of type {opcode} when the service ended")),
            }
        }
        Ok(events)
    }
}

fn readable(text: Vec<u8>) -> Result<String, String> {
    String::from_utf8(text).map_err(|why| why.to_string())
}
