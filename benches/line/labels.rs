//! The labels that are used everywhere: of the sizes that moderation services send, each of
//! another record, two of three with a `cid`, one of ten taken back.

use label::{Did, Label, Millis, Parts};
use sha2::{Digest as _, Sha256};
use store::{Batch, Entry};
use testkit::{Backlog, Curve, LabelSpec, Numbering, SigningKey, cts, plc_did};
use verify::{Judged, Key, judge};
use wire::{Claim, Frame, RawLabel};

const CID: &str = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";
const VALUES: &[&str] = &["spam", "rude", "intolerant", "!takedown", "sexual", "misleading"];
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// One labeler and what it says.
pub(crate) struct Labeler {
    pub(crate) did: Did,
    pub(crate) signer: SigningKey,
    pub(crate) key: Key,
    pub(crate) backlog: Backlog,
}

impl Labeler {
    /// The labeler of a seed, with `count` signed labels.
    pub(crate) fn new(curve: Curve, seed: u64, count: u64, per_frame: usize) -> Self {
        let did = plc_did(&format!("bench {seed}"));
        let signer = SigningKey::of(curve, seed);
        let numbering = Numbering { per_frame, ..Numbering::default() };
        let backlog = Backlog::sign(&did, &signer, numbering, count, |n| spec(seed, n));
        let key = Key::from_did_key(&signer.did_key()).unwrap();
        Self { did: Did::parse(&did).unwrap(), signer, key, backlog }
    }

    /// The labels as they come out of the frames, with their frames' numbers.
    pub(crate) fn received(&self) -> Vec<(label::Seq, RawLabel)> {
        let cut = |(_, frame)| match wire::decode(&frame) {
            Ok(Frame::Labels { seq, labels }) => labels.into_iter().map(move |raw| (seq, raw)),
            other => panic!("not a frame of labels: {other:?}"),
        };
        self.backlog.frames().flat_map(cut).collect()
    }

    /// Has libsecp256k1 check every signature, one by one, the digests at hand: a mark for what
    /// one core can do.
    pub(crate) fn second_opinion(&self) -> impl Fn() + use<> {
        let key = secp256k1::PublicKey::from_slice(&self.signer.point(true)).unwrap();
        let bare = |(_, raw): (_, RawLabel)| {
            let claim = Claim::read(&raw).unwrap();
            let digest: [u8; 32] = Sha256::digest(wire::unsigned_cbor(&claim)).into();
            let sig = secp256k1::ecdsa::Signature::from_compact(&claim.sig.unwrap()).unwrap();
            (secp256k1::Message::from_digest(digest), sig)
        };
        let bare: Vec<_> = self.received().into_iter().map(bare).collect();
        move || {
            let holds =
                |(message, sig): &(_, _)| secp256k1::ecdsa::verify(sig, *message, &key).is_ok();
            assert!(bare.iter().all(holds));
        }
    }

    /// The labels as the store takes them, one frame each, `size` to a batch.
    pub(crate) fn batches(&self, size: usize) -> Vec<Batch> {
        let entry = |(seq, raw): (_, RawLabel)| match judge(&raw, &self.did, &self.key) {
            Judged::Label { label, raw, .. } => {
                let verdict = label::Verdict::Verified;
                Entry::Label { seq, place: 0, label, verdict, raw }
            }
            Judged::Refused { reason, .. } => panic!("a label of ours is refused: {reason}"),
        };
        let entries: Vec<Entry> = self.received().into_iter().map(entry).collect();
        cut(&self.did, &entries, size)
    }
}

/// Labels of about the same size that nobody signed, `count` of them above frame `after`, to be
/// stored and no more.
pub(crate) fn unsigned(labeler: &Did, seed: u64, after: u64, count: u64) -> Batch {
    let frame = |number: u64| label::Seq::cursor(number as i64).unwrap();
    let entry = |n: u64| {
        let (uri, val) = subject(seed, n);
        let mut dice = mix(mix(seed << 40 | n));
        let mut word = || {
            dice = mix(dice.wrapping_add(0x9e37_79b9_7f4a_7c15));
            dice.to_be_bytes()
        };
        let parts = Parts {
            src: labeler.clone(),
            uri,
            cid: has_cid(seed, n).then(|| CID.to_owned()),
            val: val.to_owned(),
            neg: is_negated(seed, n).then_some(true),
            cts: cts(n * 700),
            exp: None,
            sig: (0..8).flat_map(|_| word()).collect(),
        };
        let (label, verdict) = (Label::vouched(parts), label::Verdict::Verified);
        Entry::Label { seq: frame(n), place: 0, label, verdict, raw: None }
    };
    Batch {
        labeler: labeler.clone(),
        epoch: label::Epoch::FIRST,
        after: frame(after),
        cursor: frame(after + count),
        received_at: Millis(1_730_000_000_000),
        entries: (after + 1..=after + count).map(entry).collect(),
    }
}

/// Cuts entries of one frame each into batches that follow on one another.
pub(crate) fn cut(labeler: &Did, entries: &[Entry], size: usize) -> Vec<Batch> {
    let mut after = label::Seq::START;
    let batch = |entries: &[Entry]| {
        let cursor = entries.iter().map(seq).max().unwrap_or(after);
        let batch = Batch {
            labeler: labeler.clone(),
            epoch: label::Epoch::FIRST,
            after,
            cursor,
            received_at: Millis(1_730_000_000_000),
            entries: entries.to_vec(),
        };
        after = cursor;
        batch
    };
    entries.chunks(size).map(batch).collect()
}

fn seq(entry: &Entry) -> label::Seq {
    match entry {
        Entry::Label { seq, .. } => *seq,
        Entry::Rejected(rejected) => rejected.seq,
    }
}

/// Label number `n` of a labeler. Record keys grow with time, as the real ones do.
fn spec(seed: u64, n: u64) -> LabelSpec {
    let (uri, value) = subject(seed, n);
    let spec = LabelSpec::new(uri, value).cts(cts(n * 700));
    let spec = if has_cid(seed, n) { spec.cid(CID) } else { spec };
    if is_negated(seed, n) { spec.neg(true) } else { spec }
}

fn has_cid(seed: u64, n: u64) -> bool {
    !mix(seed << 40 | n).is_multiple_of(3)
}

fn is_negated(seed: u64, n: u64) -> bool {
    mix(seed << 40 | n).is_multiple_of(10)
}

/// What it is about, and what it says.
pub(crate) fn subject(seed: u64, n: u64) -> (String, &'static str) {
    let dice = mix(seed << 40 | n);
    let account = letters(dice, 12) + &letters(mix(dice), 12);
    let record = format!("3l{}", letters(n << 20 | dice & 0xf_ffff, 11));
    let value = VALUES.get(dice as usize % VALUES.len()).copied().unwrap_or("spam");
    (format!("at://did:plc:{account}/app.bsky.feed.post/{record}"), value)
}

/// As many letters of base32, the highest bits first.
fn letters(bits: u64, count: u32) -> String {
    let letter = |place| BASE32.get((bits >> (5 * place)) as usize & 31).copied().unwrap_or(b'a');
    (0..count).rev().map(|place| char::from(letter(place))).collect()
}

/// Spreads bits (the finisher of SplitMix64).
fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}
