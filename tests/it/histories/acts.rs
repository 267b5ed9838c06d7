//! What can happen in a history, and how often.

use super::ledger::End;
use super::play::{NAMES, Play, WITNESS};
use super::wish::Wish;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

/// Connections of a history at once.
const MOST_CONNS: usize = 7;
/// For an event that perhaps comes.
const MOMENT: Duration = Duration::from_millis(4);
/// Acks outlast a crash after this.
const LONG: Duration = Duration::from_millis(1_700);

impl Play<'_> {
    /// Something happens.
    pub(super) async fn act(&mut self) -> Result<(), String> {
        let chance = self.dice.below(100);
        match chance {
            0..12 => {
                (0..self.dice.between(1, 3)).for_each(|_| self.say());
                return Ok(());
            }
            12..26 => return self.come().await,
            26..30 => return self.change_filter().await,
            30..33 => return self.begin_elsewhere().await,
            33..36 => return self.revive().await,
            36..41 => return self.ack_stale().await,
            41..43 => return self.end_and_go_on().await,
            43..47 => {
                let consumer = self.dice.below(self.ledgers.len());
                return self.look(consumer).await;
            }
            _ => {}
        }
        let others = (0..self.conns.len()).filter(|at| self.conns[*at].consumer != WITNESS);
        let Some(at) = self.dice.pick(&others.collect::<Vec<_>>()) else {
            return self.come().await;
        };
        match chance {
            47..58 => self.read(at).await,
            58..68 => self.wait(at).await,
            68..80 => self.ack_some(at).await,
            80..84 => self.ack_for_another(at).await,
            84..86 => self.ack_twice(at).await,
            86..90 => self.ack_unsent(at).await,
            90..92 => self.babble(at).await,
            _ => self.go(at).await,
        }
    }

    /// A connection comes, perhaps of a new consumer.
    async fn come(&mut self) -> Result<(), String> {
        if self.conns.len() >= MOST_CONNS {
            return Ok(());
        }
        let known = self.ledgers.len() - 1;
        let consumer = if known < NAMES.len() && self.dice.percent(30) {
            self.make(NAMES[known]).await?;
            known + 1
        } else {
            self.dice.between(1, known)
        };
        let dids = self.house.dids();
        let narrow = self.dice.percent(35);
        let wish = if narrow { Wish::any(&mut self.dice, &dids) } else { Wish::default() };
        self.open(consumer, wish).await;
        Ok(())
    }

    /// A consumer is made, by a request or by the connection that follows.
    async fn make(&mut self, name: &'static str) -> Result<(), String> {
        let (mut filter, mut start) = (Wish::default(), 0);
        match self.dice.below(3) {
            0 => {
                filter = Wish::any(&mut self.dice, &self.house.dids());
                self.put(name, json!({ "filter": filter.json() })).await?;
            }
            1 => {
                self.know_all().await?;
                start = self.said.head();
                self.put(name, json!({ "start": "now" })).await?;
            }
            _ => {}
        }
        self.keep(name, filter, start);
        Ok(())
    }

    /// A connection goes, with what was sent on it, read or not.
    async fn go(&mut self, at: usize) -> Result<(), String> {
        let reads = self.dice.percent(50);
        if reads {
            self.read(at).await?;
        }
        let conn = self.conns.remove(at);
        self.note(format!("connection {} goes, read: {reads}", conn.reader.number));
        // It may have been sent more since it was read.
        self.ledgers[conn.consumer].closed(&conn.under_way, true);
        Ok(())
    }

    /// Waits a moment for an event.
    async fn wait(&mut self, at: usize) -> Result<(), String> {
        if let Some(text) = self.conns[at].soon(MOMENT).await? {
            self.receive(at, &text).await?;
        }
        Ok(())
    }

    fn some_consumer(&mut self) -> usize {
        self.dice.between(1, self.ledgers.len() - 1)
    }

    async fn change_filter(&mut self) -> Result<(), String> {
        let consumer = self.some_consumer();
        let dids = self.house.dids();
        let any = self.dice.percent(60);
        let filter = if any { Wish::any(&mut self.dice, &dids) } else { Wish::default() };
        let told =
            self.put(self.ledgers[consumer].name, json!({ "filter": filter.json() })).await?;
        let step = self.now();
        self.ledgers[consumer].refiltered(&self.said, filter, step);
        self.look_at(consumer, &told).await?;
        self.read_those_of(consumer).await
    }

    async fn begin_elsewhere(&mut self) -> Result<(), String> {
        let consumer = self.some_consumer();
        self.know_all().await?;
        self.see_dead(consumer).await?;
        // An ack that is still on its way would be one of what is sent afterwards.
        self.read_those_of(consumer).await?;
        let head = self.said.head();
        let (word, start) = match self.dice.below(4) {
            0 => (json!("now"), head),
            1 => (json!("beginning"), 0),
            _ => {
                let back = usize::try_from(head).expect("few events");
                let id = i64::try_from(self.dice.between(0, back)).expect("few events");
                (json!(id), id)
            }
        };
        self.put(self.ledgers[consumer].name, json!({ "start": word })).await?;
        let step = self.now();
        self.ledgers[consumer].began(&self.said, start, step);
        self.read_those_of(consumer).await
    }

    /// Dead letters are sent again.
    async fn revive(&mut self) -> Result<(), String> {
        let consumer = self.some_consumer();
        let dead = self.see_dead(consumer).await?;
        let Some(place) = self.dice.pick(&dead) else { return Ok(()) };
        let id = self.said.labels[place].id.expect("it was sent");
        let path = format!("/consumers/{}/dead/retry", self.ledgers[consumer].name);
        self.note(format!("{path} #{place} ({id})"));
        let body = json!({ "ids": [id] });
        let (status, answer) = self.tap().ask(Method::POST, &path, Some(body)).await;
        if status != StatusCode::OK || answer["retried"] != json!([id]) {
            return Err(format!("{path} {id}: {status} {answer}"));
        }
        self.ledgers[consumer].revived(place);
        Ok(())
    }

    /// The service ends, as asked or not, and runs again.
    pub(super) async fn end_and_go_on(&mut self) -> Result<(), String> {
        let end = if self.dice.percent(50) { End::Asked } else { End::Killed };
        if self.dice.percent(40) {
            for at in 0..self.conns.len() {
                self.read(at).await?;
            }
        }
        if end == End::Killed && self.dice.percent(3) {
            tokio::time::sleep(LONG).await;
        }
        self.note(format!("the service ends: {end:?}"));
        let tap = self.tap.take().expect("it runs");
        tokio::task::block_in_place(|| match end {
            End::Killed => {
                tap.kill();
                Ok(())
            }
            End::Asked => match tap.stop().status.code() {
                Some(0) => Ok(()),
                other => Err(format!("it ended with {other:?}")),
            },
        })?;
        self.read_what_is_left().await?;
        let conns = std::mem::take(&mut self.conns);
        for (consumer, ledger) in self.ledgers.iter_mut().enumerate() {
            let those = conns.iter().filter(|conn| conn.consumer == consumer);
            let under_way: Vec<usize> =
                those.flat_map(|conn| conn.under_way.iter().copied()).collect();
            ledger.restarted(end, &under_way);
        }
        self.start();
        self.open(WITNESS, Wish::default()).await;
        Ok(())
    }

    /// What was sent before the end. There is nobody to ask about dead letters now.
    async fn read_what_is_left(&mut self) -> Result<(), String> {
        for at in 0..self.conns.len() {
            for text in self.conns[at].rest().await? {
                if self.max_deliveries.is_none() {
                    self.receive(at, &text).await?;
                }
            }
        }
        Ok(())
    }
}
