//! The whole network's events, of which hardly any is about a labeler.
//!
//! They are made once and read over and over. Blocks are of the size of real ones, 4 to 10 KB,
//! and all of them together do not fit into a processor's second cache.

use crate::args::Plan;
use crate::rounds::{Candidate, take_turns};
use crate::table;
use bytes::Bytes;
use testkit::repo::{Account, Commit};
use testkit::{SigningKey, firehose, plc_did};
use wire::{Happening, RepoFrame};

const TIME: &str = "2026-11-25T12:34:56.789Z";

/// Records of the account whose commits are sent.
const RECORDS: u64 = 1_000;

pub(crate) fn run(plan: &Plan) {
    let count = plan.labels(1_000);
    let did = plc_did("bench firehose");
    let mut account = Account::new(&did, SigningKey::k256(1)).with_posts(RECORDS);
    let nodes = account.tree().nodes();
    let real = |mut commit: Commit, number: u64| {
        // A relay sends more than the way to the record, so that the change can be undone.
        let (least, dice) = (4_000, number * 2_654_435_761 % 6_000);
        let mut length = commit.car().len();
        for node in nodes.iter().cycle().skip(dice as usize) {
            if length >= least + dice as usize {
                break;
            }
            length += node.1.len() + 38;
            commit.blocks.push(node.clone());
        }
        commit
    };
    let mut frame = |number: u64| {
        let commit = account.post(&format!("post {number}"));
        Bytes::from(real(commit, number).frame(20_000_000_000 + number as i64, TIME))
    };
    let commits: Vec<Bytes> = (0..count).map(&mut frame).collect();
    let identity = |number: u64| Bytes::from(firehose::identity(1 + number as i64, TIME, &did));
    let identities: Vec<Bytes> = (0..count).map(identity).collect();
    let declares = |number: u64| {
        let mut account = Account::new(&did, SigningKey::k256(1));
        let values = format!("value {number}");
        Bytes::from(real(account.declare(&[&values]), number).frame(1 + number as i64, TIME))
    };
    let declarations: Vec<Bytes> = (0..count.min(100)).map(declares).collect();

    let bytes: usize = commits.iter().map(Bytes::len).sum();
    println!("  a commit has {} bytes on average", bytes as u64 / count);
    let candidates = vec![
        Candidate::pass("#commit about other records", count, || {
            assert!(commits.iter().all(|frame| is(frame, |what| *what == Happening::Commit(None))));
        }),
        Candidate::pass("#commit with a labeler's declaration", declarations.len() as u64, || {
            let with_op = |what: &Happening| matches!(what, Happening::Commit(Some(_)));
            assert!(declarations.iter().all(|frame| is(frame, with_op)));
        }),
        Candidate::pass("#identity", count, || {
            let with_did = |what: &Happening| matches!(what, Happening::Identity(_));
            assert!(identities.iter().all(|frame| is(frame, with_did)));
        }),
    ];
    let measured = take_turns(plan.rounds, candidates);
    table::head_of("events/s", "CPU µs an event");
    measured.iter().for_each(table::rates);
}

fn is(frame: &Bytes, wanted: impl Fn(&Happening) -> bool) -> bool {
    match wire::read_firehose(frame) {
        Ok(RepoFrame::Event(event)) => wanted(&event.what),
        _ => false,
    }
}
