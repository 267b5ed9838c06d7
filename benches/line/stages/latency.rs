//! From a labeler's saying to a client's hearing, while little is said: the program as a child,
//! one labeler that sends a frame every ten milliseconds, a client that acks each event.

use super::e2e::client;
use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::Labeler;
use crate::program::Program;
use crate::table;
use client::{Client, Event};
use std::time::{Duration, Instant};
use testkit::{Curve, FakeLabeler, Plc, frame};

/// Time between two frames.
const EVERY: Duration = Duration::from_millis(10);

/// How long the program is left alone before the clock runs, so that it has caught up.
const BEFORE: Duration = Duration::from_secs(4);

pub(crate) fn run(plan: &Plan) {
    let runtime = runtime();
    let count = plan.labels(2_000);
    let (mut halves, mut most) = (Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        let mut waits = runtime.block_on(listen(round as u64, count));
        waits.sort_by(f64::total_cmp);
        if round > 0 {
            halves.push(share(&waits, 50));
            most.push(share(&waits, 99));
        }
    }
    println!("  {:<42} a value for each round of {count} labels, ms", "");
    table::values("half of the labels within", &halves);
    table::values("99 of 100 within", &most);
}

/// What so many of a hundred do not exceed, given in order.
pub(super) fn share(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

/// Milliseconds from the moment a frame was given to the socket to the event at the client.
async fn listen(seed: u64, count: u64) -> Vec<f64> {
    let folder = folder();
    let plc = Plc::start().await;
    let labeler = Labeler::new(Curve::K256, 500 + seed, count + 1, 1);
    let mut raws = labeler.received().into_iter().map(|(_, raw)| raw.bytes);
    let peer = FakeLabeler::start(labeler.did.as_str(), labeler.signer.clone(), &plc).await;
    let program = Program::start(&plc.url(), &folder.path().join("bench.db"));
    let mut client = client(&program.url);
    let dids = [labeler.did.as_str()];
    program.post("/labelers/add", &serde_json::json!({ "dids": dids })).await;
    peer.wait_for_open(1).await;
    peer.emit_signed(&[raws.next().unwrap()]);
    next(&mut client).await;
    tokio::time::sleep(BEFORE).await;

    let mut sent = Vec::with_capacity(raws.len());
    let mut waits = Vec::with_capacity(raws.len());
    let mut tick = tokio::time::interval(EVERY);
    while waits.len() < count as usize {
        tokio::select! {
            _ = tick.tick(), if raws.len() > 0 => {
                sent.push(Instant::now());
                peer.emit_raw(|seq| frame::labels(seq, &[raws.next().unwrap()]));
            }
            seq = next(&mut client) => {
                let now = Instant::now();
                // The first frame has number 1 and was sent before.
                let at = sent.get(seq as usize - 2).copied().unwrap();
                waits.push((now - at).as_secs_f64() * 1000.0);
            }
        }
    }
    drop(client);
    program.stop();
    waits
}

/// Takes and acks the next event, and answers its frame.
async fn next(client: &mut Client) -> i64 {
    let received = client.next().await.unwrap();
    client.ack(&[received.id]).await;
    match received.event().unwrap() {
        Event::Label(label) => label.seq,
        other => panic!("{other:?}"),
    }
}
