//! Acks that were given and are not sent yet.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The largest window a server may be set to. Beyond it the oldest acks are forgotten;
/// their events come again.
const MOST: usize = 100_000;
/// In one message. The server takes 1 MiB, and an id has 16 digits at most.
const TOGETHER: usize = 1_000;
/// How long an ack may wait for others to come along.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is to be said to the server at the next opportunity, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    ids: VecDeque<i64>,
    /// When the oldest was given, or a later moment.
    since: Option<Instant>,
}

impl Acks {
    pub(crate) fn record(&mut self, ids: &[i64]) {
        self.ids.extend(ids);
        self.ids.drain(..self.ids.len().saturating_sub(MOST));
        if !self.ids.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// When they should be sent at the latest; at once when there are many.
    pub(crate) fn due(&self) -> Option<Instant> {
        let enough = self.ids.len() >= TOGETHER;
        self.since.map(|since| if enough { since } else { since + PATIENCE })
    }

    /// The next message and how many acks are in it.
    pub(crate) fn message(&self) -> Option<(String, usize)> {
        let ids: Vec<i64> = self.ids.iter().take(TOGETHER).copied().collect();
        let message = match *ids {
            [] => return None,
            [id] => serde_json::json!({ "type": "ack", "id": id }),
            _ => serde_json::json!({ "type": "ack", "ids": ids }),
        };
        Some((message.to_string(), ids.len()))
    }

    /// That many were sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.ids.drain(..count.min(self.ids.len()));
        self.since = (!self.ids.is_empty()).then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_said_shortly_and_many_in_portions() {
        let mut acks = Acks::default();
        assert!(acks.message().is_none() && acks.due().is_none());
        acks.record(&[7]);
        assert_eq!(acks.message().unwrap(), (r#"{"id":7,"type":"ack"}"#.to_owned(), 1));
        acks.record(&(8..2_000).collect::<Vec<_>>());
        assert!(acks.due().unwrap() <= Instant::now(), "many do not wait");
        let (first, count) = acks.message().unwrap();
        assert!(first.starts_with(r#"{"ids":[7,8,"#) && count == 1_000);
        acks.sent(count);
        let (rest, count) = acks.message().unwrap();
        assert!(rest.starts_with(r#"{"ids":[1007,"#) && count == 993);
        acks.sent(count);
        assert!(acks.message().is_none() && acks.due().is_none());
    }

    #[test]
    fn without_a_server_only_the_newest_are_kept() {
        let mut acks = Acks::default();
        for thousand in 0..200 {
            acks.record(&(thousand * 1_000..(thousand + 1) * 1_000).collect::<Vec<_>>());
        }
        assert_eq!(acks.ids.len(), MOST);
        assert_eq!(acks.ids.front(), Some(&100_000));
    }
}
