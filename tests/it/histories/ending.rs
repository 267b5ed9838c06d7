//! The end of a history: everybody reads and acks until nothing is owed.

use super::play::{Play, SOON, WITNESS};
use super::wish::Wish;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Between two looks at whether more is owed.
const PAUSE: Duration = Duration::from_millis(3);

impl Play<'_> {
    pub(super) async fn end(&mut self) -> Result<(), String> {
        self.note("the end".into());
        if self.dice.percent(30) {
            self.end_and_go_on().await?;
        }
        for consumer in WITNESS + 1..self.ledgers.len() {
            self.open(consumer, Wish::default()).await;
        }
        let begun = Instant::now();
        loop {
            self.know_all().await?;
            for at in 0..self.conns.len() {
                self.read(at).await?;
                self.ack_received(at).await?;
            }
            let consumers = self.tap().get("/consumers").await;
            let rows = consumers["consumers"].as_array().cloned().unwrap_or_default();
            if rows.iter().all(|row| row["lag"] == 0 && row["in_flight"] == 0)
                && rows.iter().all(|row| row["position"].as_i64() >= Some(self.said.head()))
            {
                return self.judge(&rows).await;
            }
            if begun.elapsed() > SOON {
                let missing: Vec<_> =
                    self.ledgers.iter().map(|one| (one.name, one.missing(&self.said))).collect();
                return Err(format!("still {consumers}, missing {missing:?}"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Nothing is owed any more, says the service. The ledgers know.
    async fn judge(&mut self, rows: &[Value]) -> Result<(), String> {
        if rows.len() != self.ledgers.len() {
            return Err(format!("these are not the consumers that were made: {rows:?}"));
        }
        for consumer in 0..self.ledgers.len() {
            self.see_dead(consumer).await?;
            let missing = self.ledgers[consumer].missing(&self.said);
            if !missing.is_empty() {
                return Err(format!("{}: {missing:?}", self.ledgers[consumer].name));
            }
        }
        Ok(())
    }
}
