//! Judged labels to disk, in batches of several sizes, a new database each time.

use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::{Labeler, cut};
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use label::{Did, Millis};
use store::{Batch, Source, Store};
use testkit::Curve;
use tokio::runtime::Runtime;

/// Labels to a batch, and how many of 20,000 are enough for a turn.
const SIZES: [(usize, usize); 4] = [(1, 2_000), (10, 10_000), (100, 20_000), (500, 20_000)];

/// Callers that commit at once in the last candidate.
const CALLERS: usize = 10;

pub(crate) fn run(plan: &Plan) {
    let runtime = runtime();
    let labeler = Labeler::new(Curve::K256, 1, plan.labels(20_000), 1);
    let whole = labeler.batches(usize::MAX);
    let entries = &whole.first().unwrap().entries;
    let mut candidates = Vec::new();
    for (size, most) in SIZES {
        let entries = entries.get(..plan.labels(most as u64) as usize).unwrap();
        let (runtime, did) = (&runtime, &labeler.did);
        candidates.push(Candidate::new(format!("batches of {size}"), move || {
            commit(runtime, vec![cut(did, entries, size)])
        }));
    }
    let name = format!("batches of 10, {CALLERS} labelers at once");
    candidates.push(Candidate::new(name, || {
        let share = entries.len() / CALLERS;
        let of = |(caller, entries)| cut(&caller_did(caller), entries, 10);
        commit(&runtime, entries.chunks(share).enumerate().map(of).collect())
    }));
    let measured = take_turns(plan.rounds, candidates);
    table::head();
    measured.iter().for_each(table::rates);
}

fn caller_did(caller: usize) -> Did {
    Did::parse(&testkit::plc_did(&format!("caller {caller}"))).unwrap()
}

/// Commits what each caller has, one batch after the other, all callers at once.
fn commit(runtime: &Runtime, callers: Vec<Vec<Batch>>) -> Round {
    let folder = folder();
    let store = Store::open(&folder.path().join("bench.db")).unwrap();
    let dids = callers.iter().filter_map(|batches| Some(batches.first()?.labeler.clone()));
    let dids = dids.collect();
    let count = callers.iter().flatten().map(|batch| batch.entries.len() as u64).sum();
    runtime.block_on(async {
        store.add_labelers(dids, Source::Api, Millis(1)).await.unwrap();
        let timer = Timer::start();
        let mut tasks = tokio::task::JoinSet::new();
        for batches in callers {
            let store = store.clone();
            tasks.spawn(async move {
                for batch in batches {
                    store.commit(batch).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let round = timer.stop(count);
        assert_eq!(store.head().borrow().added, count);
        store.close().await;
        round
    })
}
