//! Random histories of consumers, connections, acks, changes and ends, each checked step
//! by step against what must be (contract G2 to G4, sections 3 to 5).
//!
//! A history runs the released program against labelers that sign. What is done to it is
//! drawn from a seed (`play`, `acts`); what comes back is told to a ledger for each consumer,
//! which says what is wrong (`ledger`). At the end everybody reads and acks until nothing
//! is owed, and the ledgers say whether everything came.
//!
//! `LABELTAP_HISTORIES` is how many, `LABELTAP_SEED` repeats one. The same seed takes the
//! same decisions as long as the service answers in the same order.

mod acks;
mod acts;
mod conn;
mod dice;
mod ending;
mod house;
mod ledger;
mod play;
mod said;
mod wish;

use house::House;
use play::Play;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const HISTORIES: u64 = 2_000;
/// Each waits most of the time.
const AT_ONCE: u64 = 4;
/// For one of them, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn whatever_happens_every_event_comes_in_order_until_its_ack() {
    let only = number("LABELTAP_SEED");
    let count = if only.is_some() { 1 } else { number("LABELTAP_HISTORIES").unwrap_or(HISTORIES) };
    let first = only.unwrap_or_else(|| u64::from(std::process::id()) << 20);
    eprintln!("{count} histories from seed {first}");
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE.min(count) {
        let next = Arc::clone(&next);
        workers.spawn(async move {
            let house = Arc::new(House::build(worker).await);
            while let number = next.fetch_add(1, Ordering::Relaxed)
                && number < count
            {
                history(&house, first + number).await?;
            }
            Ok(())
        });
    }
    let mut wrong: Vec<String> = Vec::new();
    while let Some(ended) = workers.join_next().await {
        if let Err(why) = ended.expect("a worker hears of panics") {
            // The others finish the histories that they have begun.
            next.store(count, Ordering::Relaxed);
            wrong.push(why);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One history, in a task of its own, so that whatever goes wrong is told with its seed.
async fn history(house: &Arc<House>, seed: u64) -> Result<(), String> {
    house.clean();
    let house = Arc::clone(house);
    let played = tokio::spawn(async move {
        let mut play = Play::new(&house, seed);
        let outcome = tokio::time::timeout(LIMIT, play.play()).await;
        outcome.unwrap_or_else(|_| Err("it did not end".into())).map_err(|why| play.told(&why))
    });
    let outcome = played.await.unwrap_or_else(|panic| Err(panic.to_string()));
    outcome.map_err(|why| format!("LABELTAP_SEED={seed}: {why}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| {
        text.to_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{name} is no number"))
    })
}
