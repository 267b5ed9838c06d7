//! Frame to labels: cutting them out, and reading what they say.

use crate::args::Plan;
use crate::labels::Labeler;
use crate::rounds::{Candidate, take_turns};
use crate::table;
use bytes::Bytes;
use testkit::Curve;
use wire::{Claim, Frame, RawLabel};

/// Labels in each frame.
const SIZES: [usize; 2] = [1, 50];

pub(crate) fn run(plan: &Plan) {
    let count = plan.labels(20_000);
    let labelers = SIZES.map(|size| Labeler::new(Curve::K256, 1, count, size));
    let frames = labelers
        .each_ref()
        .map(|labeler| labeler.backlog.frames().map(|(_, frame)| frame).collect::<Vec<_>>());
    let raw: Vec<RawLabel> = decode(frames.first().unwrap());
    assert_eq!(raw.len() as u64, count);

    let mut candidates = Vec::new();
    for (size, frames) in SIZES.iter().zip(&frames) {
        let name = format!("decode, {size} to a frame");
        candidates.push(Candidate::pass(name, count, || decode(frames)));
    }
    candidates.push(Candidate::pass("a label's fields, and what was signed", count, || {
        let read = |raw: &RawLabel| wire::unsigned_cbor(&Claim::read(raw).unwrap()).len();
        raw.iter().map(read).sum::<usize>()
    }));
    let measured = take_turns(plan.rounds, candidates);
    table::head();
    measured.iter().for_each(table::rates);
    for (size, measured) in SIZES.iter().zip(&measured) {
        let frames: Vec<f64> = measured.rates().iter().map(|rate| rate / *size as f64).collect();
        table::values(&format!("frames/s, {size} to a frame"), &frames);
    }
}

fn decode(frames: &[Bytes]) -> Vec<RawLabel> {
    let mut all = Vec::new();
    for frame in frames {
        let Ok(Frame::Labels { labels, .. }) = wire::decode(frame) else { panic!("no labels") };
        all.extend(labels);
    }
    all
}
