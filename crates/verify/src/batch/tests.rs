//! Held against the verifiers of the crates `k256` and `p256` and against libsecp256k1 and
//! aws-lc, case by case.
//!
//! Every case goes through tables of both sizes and in a batch with others of all kinds.
//! `LABELTAP_CASES=100` makes the two long tests a hundred times as long; `LABELTAP_SEED`
//! repeats one.

mod cases;
mod curves;
mod edges;
mod rig;

use cases::Kind;
use curves::Tried;
use edges::*;
use rig::{Case, Random, Rig, keys, thousands};
use std::collections::BTreeMap;

/// Cases of one batch.
const BATCH: usize = 128;

/// Runs each test on both curves.
macro_rules! on_both_curves {
    ($($name:ident),+ $(,)?) => {
        mod k256 {
            $(#[test] fn $name() { super::$name::<::k256::Secp256k1>() })+
        }
        mod p256 {
            $(#[test] fn $name() { super::$name::<::p256::NistP256>() })+
        }
    };
}

on_both_curves! {
    every_outcome_is_that_of_the_stock_verifiers,
    very_many_mutations_are_refused_and_what_they_came_from_is_not,
    r_s_and_digest_at_every_edge,
    an_r_that_wrapped_around_the_order_holds,
    an_s_is_low_up_to_half_the_order,
    an_r_that_could_have_wrapped_and_did_not_holds_too,
    what_adds_up_to_the_identity_holds_for_no_r,
    sums_that_meet_themselves_or_their_opposite_on_the_way_are_right,
    a_batch_of_any_size_answers_in_order,
    what_is_no_signature_does_not_disturb_its_neighbours,
}

/// Shares work among the processors, and adds up what each found.
fn together<T: Send>(work: impl Fn(Random) -> T + Sync, mut add: impl FnMut(T)) {
    let seed = rig::seed();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..processors)
            .map(|thread| scope.spawn(move || work(Random::new(seed, thread))))
            .collect();
        threads.into_iter().for_each(|thread| add(thread.join().unwrap()));
    });
}

/// So many batches, evenly among the processors.
fn share(cases: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    cases.div_ceil(BATCH * processors)
}

fn every_outcome_is_that_of_the_stock_verifiers<C: Tried>() {
    let rigs: Vec<Rig<C>> = keys::<C>().into_iter().map(Rig::new).collect();
    let work = |mut random: Random| {
        let mut seen: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
        for _ in 0..share(thousands(C::THOUSANDS.0)) {
            let rig = &rigs[random.below(rigs.len())];
            let made: Vec<(Kind, Case)> =
                (0..BATCH).map(|_| cases::any(rig, &mut random)).collect();
            let cases: Vec<Case> = made.iter().map(|(_, case)| *case).collect();
            for ((kind, _), holds) in made.iter().zip(rig.agreed(&cases, &random)) {
                let count = seen.entry(*kind).or_default();
                count.0 += 1;
                count.1 += usize::from(holds);
            }
        }
        seen
    };
    let mut seen: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    together(work, |some| {
        for (kind, (count, held)) in some {
            let sum = seen.entry(kind).or_default();
            (sum.0, sum.1) = (sum.0 + count, sum.1 + held);
        }
    });
    println!("{seen:#?}");
    assert_eq!(seen.len(), Kind::ALL.len());
    for (kind, (count, held)) in seen {
        let expected = if kind.holds() { count } else { 0 };
        assert_eq!(held, expected, "{kind:?}: so many of {count} hold");
    }
}

fn very_many_mutations_are_refused_and_what_they_came_from_is_not<C: Tried>() {
    let rigs: Vec<Rig<C>> = keys::<C>().into_iter().map(Rig::new).collect();
    let work = |mut random: Random| {
        let (mut good, mut bad) = (0_usize, 0_usize);
        for _ in 0..share(thousands(C::THOUSANDS.1)) {
            let rig = &rigs[random.below(rigs.len())];
            let made: Vec<(Kind, Case)> =
                (0..BATCH).map(|_| cases::cheap(rig, &mut random)).collect();
            let cases: Vec<Case> = made.iter().map(|(_, case)| *case).collect();
            for ((kind, case), holds) in made.iter().zip(rig.by_a_table(&cases, &mut random)) {
                assert_eq!(holds, kind.holds(), "{kind:?}, {case:?}, {random:?}");
                *(if holds { &mut good } else { &mut bad }) += 1;
            }
        }
        (good, bad)
    };
    let (mut good, mut bad) = (0, 0);
    together(work, |(some, others)| (good, bad) = (good + some, bad + others));
    println!("{good} held, {bad} did not");
    assert!(good > bad / 20 && bad > good);
}
