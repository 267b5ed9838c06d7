//! The corpus of the fuzz targets, replayed through their checks on every run of the tests.
//! `./test --fuzz` goes on from here to bytes that nobody thought of.

#[path = "../../fuzz/src/checks.rs"]
#[expect(unreachable_pub, reason = "it is a library for the fuzz targets")]
mod checks;

use std::panic::catch_unwind;
use std::path::Path;

/// A corpus is read by people too, and is cloned by everybody.
const LARGEST: usize = 64 * 1024;

/// Fewer than this means that the corpus was not found.
const FEWEST: usize = 20;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() <= LARGEST, "{} is too large for a corpus", path.display());
        assert!(catch_unwind(|| check(&bytes)).is_ok(), "{} fails the check", path.display());
        seeds += 1;
    }
    assert!(seeds >= FEWEST, "only {seeds} seeds in {}", folder.display());
}

#[test]
fn every_frame_of_the_corpus_passes() {
    replay("frame", checks::frame);
}

#[test]
fn every_label_of_the_corpus_passes() {
    replay("label", checks::label);
}

#[test]
fn every_document_of_the_corpus_passes() {
    replay("document", checks::document);
}

#[test]
fn every_message_of_the_corpus_passes() {
    replay("channel", checks::channel);
}

#[test]
fn every_frame_of_a_relay_in_the_corpus_passes() {
    replay("firehose", checks::firehose);
}

#[test]
fn every_proof_of_the_corpus_passes() {
    replay("proof", checks::proof);
}
