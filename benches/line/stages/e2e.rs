//! The whole line: fake labelers with signed backlogs in this process, the released program
//! as a child with a database on disk, and a client in this process that acks. The clock
//! runs from `POST /labelers/add` to the last ack that was counted; the processor time is
//! the program's alone, though all three share the machine.

use super::deliver::read;
use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::Labeler;
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use client::Client;
use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testkit::{Curve, FakeLabeler, Plc};
use tokio::runtime::Runtime;

/// How many labelers share the labels.
const LABELERS: [u64; 2] = [1, 10];

/// Acks in one message.
const GROUP: usize = 100;

pub(crate) fn run(plan: &Plan) {
    let runtime = runtime();
    let count = plan.labels(50_000);
    let extras = RefCell::new(Extras::default());
    let candidates = LABELERS.map(|labelers| {
        let labeler = |seed| Labeler::new(Curve::K256, seed, count / labelers, 1);
        let fleet: Vec<Labeler> = (1..=labelers).map(labeler).collect();
        let (runtime, extras) = (&runtime, &extras);
        let turn = move || turn(runtime, &fleet, count, &mut extras.borrow_mut());
        Candidate::new(format!("labelers: {labelers}"), turn)
    });
    let measured = take_turns(plan.rounds, candidates.into_iter().collect());
    table::head();
    measured.iter().for_each(table::rates);
    let extras = extras.borrow();
    table::values("memory at most, MiB", &extras.memory);
    table::values("bytes on disk a label, after the stop", &extras.disk);
    table::values("CPU µs a label, labelers and client", &extras.peers);
}

/// What else is seen in a run, warm-up included.
#[derive(Default)]
struct Extras {
    memory: Vec<f64>,
    disk: Vec<f64>,
    peers: Vec<f64>,
}

/// One run of the program.
fn turn(runtime: &Runtime, fleet: &[Labeler], count: u64, extras: &mut Extras) -> Round {
    let folder = folder();
    let database = folder.path().join("bench.db");
    runtime.block_on(async {
        let plc = Plc::start().await;
        let mut peers = Vec::new();
        for labeler in fleet {
            let (did, key) = (labeler.did.as_str(), labeler.signer.clone());
            let peer = FakeLabeler::start(did, key, &plc).await;
            peer.extend(&labeler.backlog);
            peers.push(peer);
        }
        let program = Program::start(&plc.url(), &database);
        let mut client = client(&program.url);
        let dids: Vec<&str> = fleet.iter().map(|labeler| labeler.did.as_str()).collect();

        let (timer, peers_timer) = (Timer::start_for(program.child.id()), Timer::start());
        program.post("/labelers/add", &serde_json::json!({ "dids": dids })).await;
        read(&mut client, count, GROUP).await;
        while program.number("/stats/outbox-buffer", "outbox_buffer").await != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let round = timer.stop(count);
        extras.peers.extend(peers_timer.stop(count).cost());
        assert_eq!(program.number("/stats/label-count", "label_count").await, count);
        extras.memory.push(program.most_memory() as f64 / 1024.0);
        drop(client);
        program.stop();
        extras.disk.push(std::fs::metadata(&database).unwrap().len() as f64 / count as f64);
        round
    })
}

/// A client of `/channel`, not yet connected.
pub(super) fn client(url: &str) -> Client {
    let url = url.parse().unwrap();
    Client::new(client::Settings { url, password: None, query: Vec::new() }).unwrap()
}

/// The program as a child. Killed on drop.
struct Program {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Program {
    fn start(plc: &str, database: &Path) -> Self {
        let database = format!("sqlite://{}", database.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_labeltap"));
        command.args(["run", "--bind", "127.0.0.1:0", "--allow-private-hosts", "--log-format"]);
        command.args(["json", "--plc-url", plc, "--database-url", &database]).env_clear();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listens = |line: String| {
            let event: Value = serde_json::from_str(&line).ok()?;
            let listens = event.get("message")? == "listening";
            listens.then(|| event.get("address")?.as_str().map(str::to_owned)).flatten()
        };
        let address = lines.by_ref().find_map(listens).expect("labeltap says where it listens");
        // Read on until it ends, so that it never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}"), http: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, body: &Value) {
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// One number of an answer.
    async fn number(&self, path: &str, name: &str) -> u64 {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let body: Value = answer.error_for_status().unwrap().json().await.unwrap();
        body.get(name).and_then(Value::as_u64).unwrap()
    }

    /// The high-water mark of its resident memory, in KiB.
    fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// Asks it to stop, as a supervisor does, and waits.
    fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.unwrap().success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
