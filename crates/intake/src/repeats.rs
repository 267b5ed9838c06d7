//! Frames that are not above the cursor: repeats of what is held, or something else (contract
//! section 6).
//!
//! The comparison looks at what is said and not at signatures, since a labeler may sign anew
//! what it said before. A label that is not held and does not hold either is a repeat of one
//! that was rejected.

use crate::bundle::Placed;
use bytes::Bytes;
use label::{Did, Label, Millis, Parts, Seq, syntax};
use std::collections::HashMap;
use store::HeldFrames;
use wire::Claim;

/// What labels at or below the cursor show.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Other content stands where something is held.
    pub(crate) differs: bool,
    /// Those that are not held, where nothing else is held either.
    pub(crate) missing: Vec<Placed>,
}

/// Compares what came with what is held of the same frames.
pub(crate) fn compare(came: Vec<Placed>, held: &HeldFrames) -> Compared {
    let known: HashMap<(Seq, u32), &Label> =
        held.labels.iter().map(|held| ((held.seq, held.place), &held.label)).collect();
    let mut compared = Compared::default();
    for placed in came {
        match known.get(&(placed.seq, placed.place)) {
            Some(label) => {
                let same = parts(&placed).is_none_or(|said| label.says_the_same(&said));
                compared.differs |= !same;
            }
            // What no longer applies may have been taken away.
            None if placed.seq <= held.swept && made(&placed) <= Some(held.swept_made) => {}
            None => compared.missing.push(placed),
        }
    }
    compared
}

/// Where these labels stood, by frame and place.
pub(crate) fn places(labels: &[Placed]) -> Vec<(Seq, u32)> {
    labels.iter().map(|placed| (placed.seq, placed.place)).collect()
}

/// What is handed on of late labels at once, in labels and in bytes; what is beyond is found the
/// next time.
const MOST_LATE: usize = 10_000;
const MOST_LATE_BYTES: usize = 4 << 20;

/// Labels that were published late and wait to be stored. Bounded.
#[derive(Debug, Default)]
pub(crate) struct Late {
    labels: Vec<Placed>,
    bytes: usize,
}

impl Late {
    /// Adds one, unless it is there or there is no room for it. A copy of the label, so that it
    /// does not hold its frame.
    pub(crate) fn add(&mut self, mut placed: Placed) {
        let bytes = placed.raw.bytes.len();
        let at = (placed.seq, placed.place);
        let full = self.labels.len() >= MOST_LATE || self.bytes + bytes > MOST_LATE_BYTES;
        if full || self.labels.last().is_some_and(|last| (last.seq, last.place) == at) {
            return;
        }
        self.bytes += bytes;
        placed.raw.bytes = Bytes::copy_from_slice(&placed.raw.bytes);
        self.labels.push(placed);
    }

    pub(crate) fn extend(&mut self, more: impl IntoIterator<Item = Placed>) {
        more.into_iter().for_each(|placed| self.add(placed));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels, for another place to hold.
    pub(crate) fn take(&mut self) -> Vec<Placed> {
        self.bytes = 0;
        std::mem::take(&mut self.labels)
    }
}

/// When a label was made, as it says.
fn made(placed: &Placed) -> Option<Millis> {
    let claim = Claim::read(&placed.raw).ok()?;
    syntax::instant(&claim.cts).map(|instant| Millis(instant.div_euclid(1000)))
}

/// What a label says; `None` when it cannot be read, and was rejected then.
fn parts(placed: &Placed) -> Option<Parts> {
    let claim = Claim::read(&placed.raw).ok()?;
    Some(Parts {
        src: Did::parse(&claim.src).ok()?,
        uri: claim.uri,
        cid: claim.cid,
        val: claim.val,
        neg: claim.neg,
        cts: claim.cts,
        exp: claim.exp,
        sig: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Held;
    use testkit::{LabelSpec, SigningKey};

    const DID: &str = "did:web:l.test";

    fn seq(number: i64) -> Seq {
        Seq::new(number).unwrap()
    }

    /// A label that came in a frame of its own.
    fn came(number: i64, spec: LabelSpec) -> Placed {
        let signed = spec.sign(DID, &SigningKey::k256(7));
        let frame = testkit::frame::labels(number, &[signed]);
        match wire::decode(&frame.into()).unwrap() {
            wire::Frame::Labels { seq, labels } => {
                Placed { seq, place: 0, raw: labels.into_iter().next().unwrap() }
            }
            other => panic!("{other:?}"),
        }
    }

    fn held(number: i64, spec: LabelSpec) -> Held {
        let label = Label::vouched(parts(&came(number, spec)).unwrap());
        Held { seq: seq(number), place: 0, label }
    }

    fn compared(came: Placed, labels: Vec<Held>, swept: i64) -> (bool, usize) {
        let swept = Seq::cursor(swept).unwrap();
        // What was taken away was made by the time of the label number 100.
        let swept_made = Millis(1_727_740_800_100);
        let compared = compare(vec![came], &HeldFrames { labels, swept, swept_made });
        (compared.differs, compared.missing.len())
    }

    #[test]
    fn what_is_held_is_a_repeat_whoever_signed_it() {
        let label = || LabelSpec::numbered(1);
        assert_eq!(compared(came(5, label()), vec![held(5, label())], 0), (false, 0));
        assert_eq!(compared(came(5, label()), vec![held(5, LabelSpec::numbered(2))], 0), (true, 0));
        assert_eq!(compared(came(5, label()), vec![held(6, label())], 0), (false, 1));
        assert_eq!(compared(came(5, label()), vec![], 4), (false, 1));
        assert_eq!(compared(came(5, label()), vec![], 5), (false, 0));
        assert_eq!(compared(came(5, LabelSpec::numbered(101)), vec![], 5), (false, 1));
    }
}
