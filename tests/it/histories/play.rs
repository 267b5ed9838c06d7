//! One history on its way: the service, its connections, and the ledgers.

use super::conn::Conn;
use super::dice::Dice;
use super::house::House;
use super::ledger::{Ledger, Reader, Rules, Step};
use super::said::{Label, Said, URIS, VALS};
use super::wish::Wish;
use crate::raw::Raw;
use crate::tap::Tap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The consumer that hears of everything at once, so that ids are known.
pub(super) const WITNESS: usize = 0;
/// Names, after the witness's.
pub(super) const NAMES: [&str; 4] = ["default", "one", "two", "three"];
/// For what has to happen soon.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// Steps told when a history goes wrong.
const TOLD: usize = 400;

pub(super) struct Play<'a> {
    pub(super) house: &'a House,
    pub(super) dice: Dice,
    pub(super) said: Said,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) conns: Vec<Conn>,
    pub(super) tap: Option<Tap>,
    pub(super) patient: bool,
    pub(super) max_deliveries: Option<u32>,
    /// Among the dead letters seen last is an id that nobody was sent.
    unknown_dead: bool,
    window: usize,
    retry: &'static str,
    dir: TempDir,
    step: Step,
    opened: u64,
    steps: VecDeque<String>,
}

impl<'a> Play<'a> {
    /// A service with a witness and some labels.
    pub(super) fn new(house: &'a House, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let patient = dice.percent(70);
        let retry = if patient { "10m" } else { dice.pick(&["30ms", "100ms"]).expect("one") };
        let window = dice.between(1, 5);
        let max_deliveries =
            (patient && dice.percent(25)).then(|| if dice.percent(50) { 1 } else { 2 });
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let mut play = Self {
            house,
            dice,
            said: Said::default(),
            ledgers: Vec::new(),
            conns: Vec::new(),
            tap: None,
            patient,
            max_deliveries,
            unknown_dead: false,
            window,
            retry,
            dir: dir.expect("a directory"),
            step: 1,
            opened: 0,
            steps: VecDeque::new(),
        };
        play.note(format!("retry {retry}, window {window}, deliveries {max_deliveries:?}"));
        play
    }

    /// From the beginning to the end.
    pub(super) async fn play(&mut self) -> Result<(), String> {
        let before = self.dice.between(3, 15);
        (0..before).for_each(|_| self.say());
        self.start();
        let dids = self.house.dids();
        self.tap().add(&[&dids[0], &dids[1]]).await;
        let wish = Wish::all_verdicts();
        self.put("witness", json!({ "filter": wish.json() })).await?;
        self.keep("witness", wish, 0);
        self.keep("default", Wish::default(), 0);
        self.open(WITNESS, Wish::default()).await;
        for _ in 0..self.dice.between(25, 60) {
            self.act().await?;
        }
        self.end().await
    }

    pub(super) fn now(&mut self) -> Step {
        self.step += 1;
        self.step
    }

    pub(super) fn note(&mut self, step: String) {
        if self.steps.len() == TOLD {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    /// What went wrong, after what was done.
    pub(super) fn told(&self, why: &str) -> String {
        let steps: Vec<&str> = self.steps.iter().map(String::as_str).collect();
        format!("{why}\n  {}", steps.join("\n  "))
    }

    pub(super) fn tap(&self) -> &Tap {
        self.tap.as_ref().expect("it runs")
    }

    pub(super) fn start(&mut self) {
        let (window, most) = (self.window.to_string(), self.max_deliveries.map(|n| n.to_string()));
        let mut more = vec!["--retry-timeout", self.retry, "--window", &window];
        most.iter().for_each(|most| more.extend(["--max-deliveries", most]));
        let database = self.dir.path().join("tap.db");
        let tap = tokio::task::block_in_place(|| Tap::start(&self.house.plc, &database, &more));
        self.tap = Some(tap);
    }

    /// There is a consumer of this name from now on.
    pub(super) fn keep(&mut self, name: &'static str, filter: Wish, start: i64) {
        let rules = Rules {
            window: self.window,
            patient: self.patient,
            max_deliveries: self.max_deliveries,
        };
        self.ledgers.push(Ledger::new(name, rules, filter, start, &self.said));
    }

    /// A labeler says something.
    pub(super) fn say(&mut self) {
        let labeler = &self.house.labelers[self.dice.below(2)];
        let uri = URIS[self.dice.below(URIS.len())];
        let val = VALS[self.dice.below(VALS.len())];
        let holds = self.dice.percent(85);
        let label = Label::new(labeler.did(), uri, val, holds);
        self.ledgers.iter_mut().for_each(|ledger| ledger.said(&label));
        let place = self.said.labels.len();
        let spec = self.said.say(label);
        let key = if holds { &labeler.key() } else { &self.house.other_key };
        labeler.emit_signed(&[spec.sign(labeler.did(), key)]);
        self.note(format!("label #{place} {} {uri} {val} {holds}", labeler.did()));
    }

    pub(super) async fn open(&mut self, consumer: usize, wish: Wish) -> usize {
        let name = self.ledgers[consumer].name;
        let query = format!("?consumer={name}{}", wish.query());
        self.opened += 1;
        let number = self.opened;
        self.note(format!("connection {number}: {query}"));
        let read_until = self.now();
        let raw = Raw::open(self.tap(), &query).await;
        self.ledgers[consumer].opened(&wish);
        self.conns.push(Conn::new(raw, consumer, Reader { number, wish, read_until }));
        self.conns.len() - 1
    }

    /// Reads all that was sent on a connection.
    pub(super) async fn read(&mut self, at: usize) -> Result<(), String> {
        let until = self.now();
        let events = self.conns[at].read_all().await?;
        for text in events {
            self.receive(at, &text).await?;
        }
        self.conns[at].reader.read_until = until;
        self.conns[at].under_way.clear();
        if self.conns[at].consumer == WITNESS {
            self.ack_all(at).await?;
        }
        Ok(())
    }

    pub(super) async fn read_those_of(&mut self, consumer: usize) -> Result<(), String> {
        for at in 0..self.conns.len() {
            if self.conns[at].consumer == consumer {
                self.read(at).await?;
            }
        }
        Ok(())
    }

    /// An event was read.
    pub(super) async fn receive(&mut self, at: usize, text: &str) -> Result<(), String> {
        let place = self.said.read(text)?;
        let step = self.now();
        let (consumer, reader) = (self.conns[at].consumer, self.conns[at].reader.clone());
        let id = self.said.labels[place].id;
        let name = self.ledgers[consumer].name;
        self.note(format!("{name} {}: #{place} ({id:?})", reader.number));
        let ledger = &mut self.ledgers[consumer];
        let early = ledger.received(&self.said, &reader, place, step).map_err(|why| {
            format!("#{place} came to {name} on connection {}: {why}", reader.number)
        })?;
        self.only_dead(consumer, &early, &format!("#{place} came before")).await
    }

    /// These were left behind, which only dead letters may be.
    async fn only_dead(
        &mut self,
        consumer: usize,
        places: &[usize],
        what: &str,
    ) -> Result<(), String> {
        if places.is_empty() {
            return Ok(());
        }
        self.see_dead(consumer).await?;
        let ledger = &self.ledgers[consumer];
        // With dead letters nobody may have been told yet which label an id is.
        let known = |place: usize| self.said.labels[place].id.is_some() || !self.unknown_dead;
        match places.iter().find(|place| !ledger.is_dead(**place) && known(**place)) {
            None => Ok(()),
            Some(place) => Err(format!("{}: {what} {}", ledger.name, ledger.tell(*place))),
        }
    }

    /// Asks which are dead letters.
    pub(super) async fn see_dead(&mut self, consumer: usize) -> Result<Vec<usize>, String> {
        let Some(most) = self.max_deliveries else { return Ok(Vec::new()) };
        let name = self.ledgers[consumer].name;
        let (status, body) =
            self.tap().ask(Method::GET, &format!("/consumers/{name}/dead"), None).await;
        if status == StatusCode::NOT_FOUND {
            // It was made by a connection that has only just come, or that a crash took away.
            return Ok(Vec::new());
        }
        let listed = body["dead"].as_array().filter(|_| status == StatusCode::OK);
        let (mut places, mut unknown) = (Vec::new(), false);
        for dead in listed.ok_or_else(|| format!("{name}: {status} {body}"))? {
            if dead["deliveries"].as_u64() < Some(u64::from(most)) {
                return Err(format!("{name}: set aside too early: {dead}"));
            }
            let id = dead["id"].as_i64().unwrap_or_default();
            places.extend(self.said.place_of(id));
            unknown |= self.said.place_of(id).is_none();
        }
        self.unknown_dead = unknown;
        self.ledgers[consumer].dead(&places);
        Ok(places)
    }

    /// `PUT /consumers/:name`, and looks at the position that it answers.
    pub(super) async fn put(&mut self, name: &str, body: Value) -> Result<Value, String> {
        self.note(format!("put {name} {body}"));
        let path = format!("/consumers/{name}");
        let (status, told) = self.tap().ask(Method::PUT, &path, Some(body)).await;
        if status == StatusCode::OK { Ok(told) } else { Err(format!("{name}: {status} {told}")) }
    }

    /// Acks of all that was read before are counted when this returns, and nothing is
    /// passed that must not be.
    pub(super) async fn look(&mut self, consumer: usize) -> Result<(), String> {
        self.read_those_of(consumer).await?;
        let told = self.put(self.ledgers[consumer].name, json!({})).await?;
        self.look_at(consumer, &told).await
    }

    pub(super) async fn look_at(&mut self, consumer: usize, told: &Value) -> Result<(), String> {
        let step = self.now();
        let position = told["position"].as_i64().ok_or("there is no position")?;
        let early = self.ledgers[consumer].position(&self.said, position, step);
        self.only_dead(consumer, &early, &format!("position {position} is not before")).await
    }

    /// Until the witness has seen all that was said.
    pub(super) async fn know_all(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while !self.said.all_known() {
            if begun.elapsed() > SOON {
                return Err("the witness was not told everything".into());
            }
            let at = self.conns.iter().position(|conn| conn.consumer == WITNESS);
            let at = at.ok_or("there is no witness")?;
            if let Some(text) = self.conns[at].soon(Duration::from_millis(50)).await? {
                self.receive(at, &text).await?;
                self.ack_all(at).await?;
            }
        }
        Ok(())
    }
}
