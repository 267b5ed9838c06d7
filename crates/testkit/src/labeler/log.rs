//! What a labeler has said so far, in frames that are ready to be written to a socket.
//!
//! A frame is kept as the whole websocket message, so that serving a backlog costs little
//! more than the copy: the peers of a benchmark should not use up its processors.

use crate::label::{LabelSpec, SignedLabel};
use crate::stream::{BINARY, Message, message_into, payload};
use crate::{SigningKey, frame};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::num::NonZero;

/// Labels per batch of [`SigningKey::sign_many`]: the inversion is shared well enough.
const TOGETHER: usize = 500;

/// How a backlog is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// `seq` of the first frame; the others follow without a gap.
    pub first: i64,
    /// Labels in each frame. Real labelers send one.
    pub per_frame: usize,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { first: 1, per_frame: 1 }
    }
}

/// Many signed labels in frames. Cloning it shares the bytes.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    pub(super) messages: Vec<Message>,
    labels: u64,
}

impl Backlog {
    /// Signs the labels number 0 to `count - 1`, on every processor.
    ///
    /// # Panics
    ///
    /// When `spec` does.
    #[must_use]
    pub fn sign(
        did: &str,
        key: &SigningKey,
        numbering: Numbering,
        count: u64,
        spec: impl Fn(u64) -> LabelSpec + Sync,
    ) -> Self {
        let per_frame = numbering.per_frame.max(1) as u64;
        let frames = count.div_ceil(per_frame);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let share = frames.div_ceil(threads).max(1) * per_frame;
        let part = |from: u64| {
            let range = from..count.min(from + share);
            let seq = numbering.first + (from / per_frame) as i64;
            sign_part(did, key, Numbering { first: seq, ..numbering }, range, &spec)
        };
        let messages = std::thread::scope(|scope| {
            let starts = (0..threads).map(|thread| thread * share).filter(|from| *from < count);
            let part = &part;
            let running: Vec<_> = starts.map(|from| scope.spawn(move || part(from))).collect();
            running.into_iter().flat_map(|thread| join(thread)).collect()
        });
        Self { messages, labels: count }
    }

    /// How many labels.
    #[must_use]
    pub fn labels(&self) -> u64 {
        self.labels
    }

    /// The `seq` of the last frame; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.messages.last().map_or(0, |message| message.seq)
    }

    /// The frames as they are in a websocket message's payload, for benchmarks without a
    /// socket.
    pub fn frames(&self) -> impl Iterator<Item = (i64, Bytes)> + '_ {
        self.messages.iter().map(|message| (message.seq, payload(&message.wire)))
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn sign_part(
    did: &str,
    key: &SigningKey,
    numbering: Numbering,
    range: std::ops::Range<u64>,
    spec: &impl Fn(u64) -> LabelSpec,
) -> Vec<Message> {
    let numbers: Vec<u64> = range.collect();
    let mut messages = Vec::with_capacity(numbers.len() / numbering.per_frame.max(1) + 1);
    let mut seq = numbering.first;
    let whole_frames = TOGETHER.div_ceil(numbering.per_frame.max(1)) * numbering.per_frame.max(1);
    for numbers in numbers.chunks(whole_frames) {
        let labels = sign_batch(did, key, numbers.iter().map(|number| spec(*number)));
        let (mut buffer, mut ends) = (Vec::with_capacity(labels.len() * 260), Vec::new());
        for labels in labels.chunks(numbering.per_frame.max(1)) {
            message_into(&mut buffer, BINARY, &frame::labels(seq, labels));
            ends.push((seq, buffer.len()));
            seq += 1;
        }
        let (bytes, mut start) = (Bytes::from(buffer), 0);
        for (seq, end) in ends {
            messages.push(Message { seq, wire: bytes.slice(start..end) });
            start = end;
        }
    }
    messages
}

fn sign_batch(
    did: &str,
    key: &SigningKey,
    specs: impl Iterator<Item = LabelSpec>,
) -> Vec<SignedLabel> {
    let prepared: Vec<_> = specs.map(|spec| spec.prepare(did)).collect();
    let digests: Vec<[u8; 32]> =
        prepared.iter().map(|(_, message)| Sha256::digest(message).into()).collect();
    let signatures = key.sign_many(&digests);
    let parts = prepared.into_iter().zip(signatures);
    parts.map(|((spec, message), sig)| spec.finish(message, sig, key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::signature::hazmat::PrehashVerifier;

    #[test]
    fn every_label_of_a_batch_carries_its_own_signature() {
        let key = SigningKey::k256(9);
        let stock = k256::ecdsa::VerifyingKey::from_sec1_bytes(&key.point(true)).unwrap();
        let labels = sign_batch("did:web:x.test", &key, (0..50).map(LabelSpec::numbered));
        for label in labels {
            let sig = k256::ecdsa::Signature::from_slice(&label.sig).unwrap();
            let digest = Sha256::digest(&label.signed);
            assert!(stock.verify_prehash(&digest, &sig).is_ok());
            let place = b"\x63sig\x58\x40";
            let at = label.bytes.windows(6).position(|six| six == place).unwrap() + 6;
            assert_eq!(label.bytes[at..at + 64], label.sig);
        }
    }
}
