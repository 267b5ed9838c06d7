//! The whole line: fake labelers with signed backlogs in this process, the released program
//! as a child with a database on disk, and a client in this process that acks. The clock
//! runs from `POST /labelers/add` to the last ack that was counted; the processor time is
//! the program's alone, though all three share the machine.

use super::deliver::read;
use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::Labeler;
use crate::program::Program;
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use client::Client;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;
use testkit::{Curve, FakeLabeler, Plc};
use tokio::runtime::Runtime;

/// How many labelers share the labels.
const LABELERS: [u64; 3] = [1, 10, 1000];

/// Acks in one message.
const GROUP: usize = 100;

pub(crate) fn run(plan: &Plan) {
    let runtime = runtime();
    let count = plan.labels(100_000);
    let extras = RefCell::new(Extras::default());
    let candidates = LABELERS.map(|labelers| {
        let labeler = |seed| Labeler::new(Curve::K256, seed, count / labelers, 1);
        let fleet: Vec<Labeler> = (1..=labelers).map(labeler).collect();
        let (runtime, extras) = (&runtime, &extras);
        let turn = move || {
            let folder = folder();
            let database = folder.path().join("bench.db");
            let round = turn(runtime, &fleet, count, &database, &mut extras.borrow_mut());
            let size = std::fs::metadata(&database).unwrap().len();
            extras.borrow_mut().disk.push(size as f64 / count as f64);
            round
        };
        Candidate::new(format!("labelers: {labelers}"), turn)
    });
    let mark = Labeler::new(Curve::K256, 5000, 2_000, 1);
    let mark = mark.second_opinion();
    let checked = Candidate::pass("libsecp256k1, one core, no more than that", 2_000, mark);
    let measured = take_turns(plan.rounds, candidates.into_iter().chain([checked]).collect());
    table::head();
    measured.iter().for_each(table::rates);
    if let [lines @ .., mark] = measured.as_slice() {
        for line in lines {
            table::values(&format!("{} / libsecp256k1", line.name), &line.rates_against(mark));
        }
    }
    let extras = extras.borrow();
    table::values("memory at most, MiB", &extras.memory);
    table::values("bytes on disk a label, after the stop", &extras.disk);
    table::values("CPU µs a label, labelers and client", &extras.peers);
}

/// What else is seen in a run, warm-up included.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) memory: Vec<f64>,
    disk: Vec<f64>,
    peers: Vec<f64>,
}

/// One run of the program over this database: everything that the fleet says, `count` labels,
/// none of which it has stored.
pub(super) fn turn(
    runtime: &Runtime,
    fleet: &[Labeler],
    count: u64,
    database: &Path,
    extras: &mut Extras,
) -> Round {
    turn_beside(runtime, fleet, count, database, extras, |_url| async {})
}

/// The same, while something else is done with the program at this address.
pub(super) fn turn_beside<B: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    fleet: &[Labeler],
    count: u64,
    database: &Path,
    extras: &mut Extras,
    beside: impl FnOnce(String) -> B,
) -> Round {
    runtime.block_on(async {
        let plc = Plc::start().await;
        let mut peers = Vec::new();
        for labeler in fleet {
            let (did, key) = (labeler.did.as_str(), labeler.signer.clone());
            let peer = FakeLabeler::start(did, key, &plc).await;
            peer.extend(&labeler.backlog);
            peers.push(peer);
        }
        let program = Program::start(&plc.url(), database);
        let before = program.number("/stats/label-count", "label_count").await;
        let mut client = client(&program.url);
        let dids: Vec<&str> = fleet.iter().map(|labeler| labeler.did.as_str()).collect();

        let beside = tokio::spawn(beside(program.url.clone()));
        let (timer, peers_timer) = (Timer::start_for(program.child.id()), Timer::start());
        program.post("/labelers/add", &serde_json::json!({ "dids": dids })).await;
        read(&mut client, count, GROUP).await;
        while program.number("/stats/outbox-buffer", "outbox_buffer").await != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let round = timer.stop(count);
        beside.abort();
        extras.peers.extend(peers_timer.stop(count).cost());
        assert_eq!(program.number("/stats/label-count", "label_count").await, before + count);
        extras.memory.push(program.most_memory() as f64 / 1024.0);
        drop(client);
        program.stop();
        round
    })
}

/// A client of `/channel`, not yet connected.
pub(super) fn client(url: &str) -> Client {
    let url = url.parse().unwrap();
    Client::new(client::Settings { url, password: None, query: Vec::new() }).unwrap()
}
