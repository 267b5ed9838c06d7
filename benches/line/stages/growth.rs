//! Whether a store gets slower as it grows: the same work on databases that have few labels and
//! on ones that have many, in turns.

use super::e2e::{self, Extras};
use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::{Labeler, unsigned};
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use label::{Did, EventId, Millis};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use store::{Source, Store};
use testkit::Curve;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Labels that are stored already.
const SIZES: [u64; 4] = [100_000, 1_000_000, 10_000_000, 50_000_000];

/// Labelers of a turn.
const LABELERS: u64 = 10;

/// Labelers that share what is stored already.
const OTHERS: u64 = 50;

/// Labels to a batch while a database is filled, and in a turn of the store alone.
const FILLED: u64 = 2000;
const BATCH: u64 = 500;

pub(crate) fn run(plan: &Plan) {
    let (runtime, folder) = (runtime(), folder());
    let (alone, whole) = (plan.labels(100_000), plan.labels(50_000));
    // Each turn has labelers of its own, since what was stored once does not come again.
    let fleets = Cell::new(0);
    let databases = fill(&runtime, folder.path(), plan);
    let mut candidates = Vec::new();
    for (size, database) in &databases {
        let (runtime, fleets) = (&runtime, &fleets);
        candidates.push(Candidate::new(format!("store, {size} labels before"), move || {
            commit(runtime, database, fleets.replace(fleets.get() + 1), alone)
        }));
        candidates.push(Candidate::new(format!("e2e, {size} labels before"), move || {
            let first = 1_000_000 + fleets.replace(fleets.get() + 1) * LABELERS;
            let labeler = |seed| Labeler::new(Curve::K256, seed, whole / LABELERS, 1);
            let fleet: Vec<Labeler> = (first..first + LABELERS).map(labeler).collect();
            e2e::turn(runtime, &fleet, whole, database, &mut Extras::default())
        }));
    }
    let measured = take_turns(plan.rounds, candidates);
    table::head();
    measured.iter().for_each(table::rates);
    let [store, e2e, others @ ..] = measured.as_slice() else { return };
    for (measured, first) in others.iter().zip([store, e2e].into_iter().cycle()) {
        table::values(&format!("{} / the first", measured.name), &measured.rates_against(first));
    }
    for (size, database) in &databases {
        let stored = runtime.block_on(stored(database)) as f64;
        let bytes = std::fs::metadata(database).unwrap().len() as f64;
        table::values(&format!("bytes on disk a label, {size} and more"), &[bytes / stored]);
    }
}

/// A database of each size, which its one consumer has read.
fn fill(runtime: &Runtime, folder: &Path, plan: &Plan) -> Vec<(u64, PathBuf)> {
    let sizes = SIZES.into_iter().filter(|size| *size <= plan.most).map(|size| plan.labels(size));
    let mut databases: Vec<(u64, PathBuf)> = Vec::new();
    for size in sizes {
        let database = folder.join(format!("{size}.db"));
        let before = databases.last().map_or(0, |(before, path)| {
            std::fs::copy(path, &database).unwrap();
            *before
        });
        runtime.block_on(fill_up(&database, before, size));
        databases.push((size, database));
    }
    databases
}

/// Adds labels that nobody signed until there are so many, which nobody is owed.
pub(super) async fn fill_up(database: &Path, before: u64, size: u64) {
    let store = Store::open(database).unwrap();
    let others: Vec<Did> = (0..OTHERS).map(|other| did("other", other)).collect();
    store.add_labelers(others.clone(), Source::Api, Millis(1)).await.unwrap();
    let mut number = before;
    while number < size {
        for (seed, other) in (0..).zip(&others) {
            let row = store.labeler(other.clone()).await.unwrap().unwrap();
            let after = row.cursor.get().unsigned_abs();
            store.commit(unsigned(other, seed, after, FILLED)).await.unwrap();
            number += FILLED;
            if number >= size {
                break;
            }
        }
    }
    store.consumer("default".into()).await.unwrap();
    let head: EventId = store.head().borrow().last;
    store.save_progress("default".into(), head, Vec::new()).await.unwrap();
    store.close().await;
}

pub(super) fn did(kind: &str, number: u64) -> Did {
    Did::parse(&testkit::plc_did(&format!("{kind} {number}"))).unwrap()
}

async fn stored(database: &Path) -> u64 {
    let store = Store::open(database).unwrap();
    let labels = store.counts().await.unwrap().labels;
    store.close().await;
    labels
}

/// Commits so many labels of labelers that are new, all of them at once.
fn commit(runtime: &Runtime, database: &Path, fleet: u64, count: u64) -> Round {
    let share = count / LABELERS;
    let dids: Vec<Did> = (0..LABELERS).map(|one| did("alone", fleet * LABELERS + one)).collect();
    let batches = |(seed, did): (u64, &Did)| -> Vec<_> {
        (0..share / BATCH).map(|batch| unsigned(did, seed, batch * BATCH, BATCH)).collect()
    };
    let callers: Vec<_> = (100 + fleet * LABELERS..).zip(&dids).map(batches).collect();
    runtime.block_on(async {
        let store = Store::open(database).unwrap();
        let before = store.head().borrow().added;
        store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
        let timer = Timer::start();
        let mut tasks = JoinSet::new();
        for batches in callers {
            let store = store.clone();
            tasks.spawn(async move {
                for batch in batches {
                    store.commit(batch).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let added = store.head().borrow().added - before;
        let round = timer.stop(added);
        assert_eq!(added, count);
        // Owed to nobody, or the next turn of the program would deliver it.
        let head = store.head().borrow().last;
        store.save_progress("default".into(), head, Vec::new()).await.unwrap();
        store.close().await;
        round
    })
}
