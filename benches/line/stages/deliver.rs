//! A filled store to acked delivery: `deliver`'s routes, a socket, and our own client, all
//! in this process. What the client costs is part of the figure. Of several consumers each
//! reads the whole log, all at the same time; what is counted is events, one for each of
//! them.

use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::Labeler;
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use axum::serve::ListenerExt as _;
use client::{Client, Query};
use deliver::{Deliver, Settings};
use label::Millis;
use std::path::Path;
use std::time::Duration;
use store::{Source, Store};
use testkit::Curve;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// As `labeltap run` has them.
const SETTINGS: Settings = Settings::usual(|| label::Millis(0));

/// Consumers, and acks in one message of each.
const CROWDS: [Crowd; 3] = [
    Crowd { consumers: 1, group: 100 },
    Crowd { consumers: 1, group: 1 },
    Crowd { consumers: 5, group: 100 },
];

#[derive(Clone, Copy)]
struct Crowd {
    consumers: u64,
    group: usize,
}

pub(crate) fn run(plan: &Plan) {
    let (runtime, folder) = (runtime(), folder());
    let count = plan.labels(50_000);
    let filled = folder.path().join("filled.db");
    runtime.block_on(fill(&filled, count));
    let turn = |crowd| turn(&runtime, &filled, count, crowd);
    let candidates = CROWDS.map(|crowd| {
        let name = format!("consumers: {}, acks of {}", crowd.consumers, crowd.group);
        Candidate::new(name, move || turn(crowd))
    });
    let measured = take_turns(plan.rounds, candidates.into_iter().collect());
    table::head_of("events/s", "CPU µs an event");
    measured.iter().for_each(table::rates);
}

async fn fill(path: &Path, count: u64) {
    let labeler = Labeler::new(Curve::K256, 1, count, 1);
    let store = Store::open(path).unwrap();
    store.add_labelers(vec![labeler.did.clone()], Source::Api, Millis(1)).await.unwrap();
    for batch in labeler.batches(1000) {
        store.commit(batch).await.unwrap();
    }
    store.close().await;
}

/// Delivers a fresh copy of the filled store.
fn turn(runtime: &Runtime, filled: &Path, count: u64, crowd: Crowd) -> Round {
    let folder = folder();
    let path = folder.path().join("copy.db");
    std::fs::copy(filled, &path).unwrap();
    runtime.block_on(async {
        let store = Store::open(&path).unwrap();
        let stop = CancellationToken::new();
        let (deliver, delivering) = Deliver::start(store.clone(), SETTINGS, stop.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { delivering.await.unwrap() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let serving = axum::serve(listener, deliver.routes());
        let serving = serving.with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { serving.await.unwrap() });
        let names: Vec<String> = (0..crowd.consumers).map(|n| format!("reader {n}")).collect();
        let clients: Vec<Client> = names.iter().map(|name| reader(&url, name)).collect();

        let timer = Timer::start();
        let mut readers = JoinSet::new();
        for mut client in clients {
            readers.spawn(async move {
                read(&mut client, count, crowd.group).await;
                client
            });
        }
        let clients = readers.join_all().await;
        while names.iter().any(|name| deliver.consumer(name).unwrap().lag > 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let round = timer.stop(count * crowd.consumers);
        drop(clients);
        stop.cancel();
        tasks.join_all().await;
        store.close().await;
        round
    })
}

/// A client of this consumer, not yet connected.
fn reader(url: &str, name: &str) -> Client {
    let query = Query::default().consumer(name).into();
    let url = url.parse().unwrap();
    Client::new(client::Settings { url, password: None, query }).unwrap()
}

/// Reads so many events and acks them, `group` at a time.
pub(super) async fn read(client: &mut Client, count: u64, group: usize) {
    let mut ids = Vec::with_capacity(group);
    for left in (0..count).rev() {
        ids.push(client.next().await.unwrap().id);
        if ids.len() == group || left == 0 {
            client.ack(&ids).await;
            ids.clear();
        }
    }
}
