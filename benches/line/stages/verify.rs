//! A label to its verdict, beside the bare check of one signature by the stock crates.
//!
//! [`verify::judge`] does more than they do: it reads the label, checks its fields, writes
//! what was signed again and hashes it.

use crate::args::Plan;
use crate::labels::Labeler;
use crate::rounds::{Candidate, take_turns};
use crate::table;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Digest as _, Sha256};
use testkit::Curve;
use verify::{Judged, judge};
use wire::{Claim, RawLabel};

/// A digest and the signature over it.
type Signed = ([u8; 32], Vec<u8>);

pub(crate) fn run(plan: &Plan) {
    let count = plan.labels(2_000);
    let k256 = Labeler::new(Curve::K256, 1, count, 1);
    let p256 = Labeler::new(Curve::P256, 2, count, 1);
    let (k256_raw, p256_raw) = (raw(&k256), raw(&p256));
    let (k256_bare, p256_bare) = (bare(&k256_raw), bare(&p256_raw));
    let k256_key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&k256.signer.point(true)).unwrap();
    let p256_key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&p256.signer.point(true)).unwrap();

    let stock_k256 = |(digest, sig): &Signed| {
        let sig = k256::ecdsa::Signature::from_slice(sig).unwrap();
        k256_key.verify_prehash(digest, &sig).is_ok()
    };
    let stock_p256 = |(digest, sig): &Signed| {
        let sig = p256::ecdsa::Signature::from_slice(sig).unwrap();
        p256_key.verify_prehash(digest, &sig).is_ok()
    };
    let measured = take_turns(
        plan.rounds,
        vec![
            Candidate::pass("judge, k256", count, || all_hold(&k256, &k256_raw)),
            Candidate::pass("stock k256, verify_prehash", count, || {
                assert!(k256_bare.iter().all(stock_k256));
            }),
            Candidate::pass("judge, P-256", count, || all_hold(&p256, &p256_raw)),
            Candidate::pass("stock p256, verify_prehash", count, || {
                assert!(p256_bare.iter().all(stock_p256));
            }),
        ],
    );
    table::head();
    measured.iter().for_each(table::rates);
    if let [k256, stock_k256, p256, stock_p256] = measured.as_slice() {
        table::values("judge / stock k256", &k256.times_as_fast_as(stock_k256));
        table::values("judge / stock p256", &p256.times_as_fast_as(stock_p256));
    }
}

fn raw(labeler: &Labeler) -> Vec<RawLabel> {
    labeler.received().into_iter().map(|(_, raw)| raw).collect()
}

fn all_hold(labeler: &Labeler, raw: &[RawLabel]) {
    let holds = |raw| matches!(judge(raw, &labeler.did, &labeler.key), Judged::Label { .. });
    assert!(raw.iter().all(holds));
}

fn bare(raw: &[RawLabel]) -> Vec<Signed> {
    let bare = |raw| {
        let claim = Claim::read(raw).unwrap();
        (Sha256::digest(wire::unsigned_cbor(&claim)).into(), claim.sig.unwrap())
    };
    raw.iter().map(bare).collect()
}
