//! A label to its verdict, beside the bare check of its signature by ours and by others.
//!
//! [`verify::judge_all`] does more than a check: it reads the label, checks its fields, writes
//! what was signed again and hashes it. The signatures of a portion are checked together, by a
//! table of the key that is kept, or by a smaller one that is made for each portion, as happens
//! when there is no room for more. [`verify::Key::check_all`] is the check and the hash alone.

use crate::args::Plan;
use crate::labels::Labeler;
use crate::rounds::{Candidate, take_turns};
use crate::table;
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Digest as _, Sha256};
use testkit::Curve;
use verify::{Judged, KeyTables, Signed, judge, judge_all};
use wire::{Claim, RawLabel};

/// Labels that are judged together, as `intake` does it.
const PORTION: usize = 256;

/// What was signed, its digest, and the signature.
struct Bare {
    message: Vec<u8>,
    digest: [u8; 32],
    sig: Vec<u8>,
}

pub(crate) fn run(plan: &Plan) {
    let count = plan.labels(2_560);
    let k256 = Labeler::new(Curve::K256, 1, count, 1);
    let p256 = Labeler::new(Curve::P256, 2, count, 1);
    let (k256_raw, p256_raw) = (raw(&k256), raw(&p256));
    let (k256_bare, p256_bare) = (bare(&k256_raw), bare(&p256_raw));
    let point = k256.signer.point(true);
    let k256_key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
    let other_key = secp256k1::PublicKey::from_slice(&point).unwrap();
    let p256_key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&p256.signer.point(true)).unwrap();

    let stock_k256 = |bare: &Bare| {
        let sig = k256::ecdsa::Signature::from_slice(&bare.sig).unwrap();
        k256_key.verify_prehash(&bare.digest, &sig).is_ok()
    };
    let other = |bare: &Bare| {
        let sig = secp256k1::ecdsa::Signature::from_compact(&bare.sig).unwrap();
        let message = secp256k1::Message::from_digest(bare.digest);
        secp256k1::ecdsa::verify(&sig, message, &other_key).is_ok()
    };
    let stock_p256 = |bare: &Bare| {
        let sig = p256::ecdsa::Signature::from_slice(&bare.sig).unwrap();
        p256_key.verify_prehash(&bare.digest, &sig).is_ok()
    };
    let (kept, passing) = (KeyTables::new(64 << 20), KeyTables::new(1));
    let measured = take_turns(
        plan.rounds,
        vec![
            Candidate::pass("judge_all, k256", count, || all_hold(&k256, &k256_raw, &kept)),
            Candidate::pass("judge_all, k256, passing tables", count, || {
                all_hold(&k256, &k256_raw, &passing);
            }),
            Candidate::pass("judge, k256, one by one", count, || each_holds(&k256, &k256_raw)),
            Candidate::pass("check_all, k256", count, || {
                all_checked(&k256, &k256_bare, &kept);
            }),
            Candidate::pass("stock k256, verify_prehash", count, || {
                assert!(k256_bare.iter().all(stock_k256));
            }),
            Candidate::pass("libsecp256k1", count, || {
                assert!(k256_bare.iter().all(other));
            }),
            Candidate::pass("judge_all, P-256", count, || all_hold(&p256, &p256_raw, &kept)),
            Candidate::pass("judge_all, P-256, passing tables", count, || {
                all_hold(&p256, &p256_raw, &passing);
            }),
            Candidate::pass("judge, P-256, one by one", count, || each_holds(&p256, &p256_raw)),
            Candidate::pass("check_all, P-256", count, || {
                all_checked(&p256, &p256_bare, &kept);
            }),
            Candidate::pass("stock p256, verify_prehash", count, || {
                assert!(p256_bare.iter().all(stock_p256));
            }),
        ],
    );
    table::head();
    measured.iter().for_each(table::rates);
    let (k256, p256) = measured.split_at(6.min(measured.len()));
    let [judged, _, _, checked, stock, other] = k256 else { return };
    let [judged_p, passing_p, single_p, checked_p, stock_p] = p256 else { return };
    table::values("judge_all / stock k256", &judged.times_as_fast_as(stock));
    table::values("judge_all / libsecp256k1", &judged.times_as_fast_as(other));
    table::values("check_all / stock k256", &checked.times_as_fast_as(stock));
    table::values("check_all / libsecp256k1", &checked.times_as_fast_as(other));
    table::values("judge_all / stock p256", &judged_p.times_as_fast_as(stock_p));
    table::values("judge_all, passing / stock p256", &passing_p.times_as_fast_as(stock_p));
    table::values("judge, one by one / stock p256", &single_p.times_as_fast_as(stock_p));
    table::values("check_all / stock p256", &checked_p.times_as_fast_as(stock_p));
}

fn raw(labeler: &Labeler) -> Vec<RawLabel> {
    labeler.received().into_iter().map(|(_, raw)| raw).collect()
}

fn all_hold(labeler: &Labeler, raw: &[RawLabel], tables: &KeyTables) {
    for portion in raw.chunks(PORTION) {
        let judged = judge_all(portion, &labeler.did, &labeler.key, tables);
        assert!(judged.iter().all(|judged| matches!(judged, Judged::Label { .. })));
    }
}

fn each_holds(labeler: &Labeler, raw: &[RawLabel]) {
    let holds = |raw| matches!(judge(raw, &labeler.did, &labeler.key), Judged::Label { .. });
    assert!(raw.iter().all(holds));
}

fn all_checked(labeler: &Labeler, bare: &[Bare], tables: &KeyTables) {
    let signed: Vec<Signed<'_>> =
        bare.iter().map(|Bare { message, sig, .. }| Signed { message, sig }).collect();
    for portion in signed.chunks(PORTION) {
        assert!(labeler.key.check_all(portion, tables).iter().all(Result::is_ok));
    }
}

fn bare(raw: &[RawLabel]) -> Vec<Bare> {
    let bare = |raw| {
        let claim = Claim::read(raw).unwrap();
        let message = wire::unsigned_cbor(&claim);
        let digest = Sha256::digest(&message).into();
        Bare { message, digest, sig: claim.sig.unwrap() }
    };
    raw.iter().map(bare).collect()
}
