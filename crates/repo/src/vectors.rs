//! The vectors for trees and commits, read where they lie. Where they are absent this says so
//! and passes, except in CI.

use crate::blocks::Blocks;
use crate::commit::Commit;
use crate::error::Part;
use crate::node::{common_prefix, height};
use crate::{Cid, ProofError, Statement, is_tid, prove, record_json, tree};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ipld_core::ipld::Ipld;
use label::Did;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use testkit::repo::{Tree, car, key_height};
use verify::Key;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    #[expect(clippy::disallowed_methods, reason = "how strict a test is depends on where it runs")]
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(!ci, "../shared/vectors is absent");
    eprintln!("not run: ../shared/vectors is absent");
    None
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(folder()?.join(path)).unwrap())
}

fn json(path: &str) -> Option<Value> {
    Some(serde_json::from_str(&read(path)?).unwrap())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config).decode(text).unwrap()
}

fn cid(value: &Value) -> Option<Cid> {
    Some(value.get("$link")?.as_str()?.parse().unwrap())
}

/// JSON as the data that it stands for.
fn data(value: &Value) -> Ipld {
    match value {
        Value::Null => Ipld::Null,
        Value::Bool(truth) => Ipld::Bool(*truth),
        Value::Number(number) => Ipld::Integer(number.as_i64().unwrap().into()),
        Value::String(text) => Ipld::String(text.clone()),
        Value::Array(items) => Ipld::List(items.iter().map(data).collect()),
        Value::Object(fields) => match (cid(value), fields.get("$bytes")) {
            (Some(cid), _) => Ipld::Link(cid),
            (None, Some(bytes)) => Ipld::Bytes(base64(bytes.as_str().unwrap())),
            (None, None) => {
                Ipld::Map(fields.iter().map(|(key, value)| (key.clone(), data(value))).collect())
            }
        },
    }
}

#[test]
fn keys_stand_at_the_heights_of_the_vectors() {
    let Some(vectors) = json("atproto-interop-tests/mst/key_heights.json") else { return };
    for vector in list(&vectors) {
        let key = text(vector, "key");
        assert_eq!(u64::from(height(key.as_bytes())), vector["height"], "{key}");
        assert_eq!(height(key.as_bytes()), key_height(key), "{key}");
    }
    // `A0/…` stands at height 0, and so on.
    let keys = read("atproto-interop-tests/mst/example_keys.txt").unwrap();
    for key in keys.lines().filter(|key| !key.is_empty()) {
        assert_eq!(height(key.as_bytes()).to_string(), key[1..2], "{key}");
    }
}

#[test]
fn prefixes_are_as_long_as_in_the_vectors() {
    let Some(vectors) = json("atproto-interop-tests/mst/common_prefix.json") else { return };
    for vector in list(&vectors) {
        let (left, right) = (text(vector, "left"), text(vector, "right"));
        let length = common_prefix(left.as_bytes(), right.as_bytes());
        assert_eq!(length, usize::try_from(vector["len"].as_u64().unwrap()).unwrap());
    }
}

#[test]
fn tids_are_those_of_the_vectors() {
    for (file, wanted) in [("valid", true), ("invalid", false)] {
        let path = format!("atproto-interop-tests/syntax/tid_syntax_{file}.txt");
        let Some(lines) = read(&path) else { return };
        let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.for_each(|line| assert_eq!(is_tid(line), wanted, "{line}"));
    }
}

#[test]
fn the_blocks_of_a_proof_are_enough_and_no_other_are_needed() {
    let Some(vectors) = json("atproto-interop-tests/firehose/commit-proof-fixtures.json") else {
        return;
    };
    for vector in list(&vectors) {
        let leaf: Cid = text(vector, "leafValue").parse().unwrap();
        let keys =
            |field: &str| list(&vector[field]).iter().map(|key| key.as_str().unwrap().to_owned());
        let mut records: BTreeMap<String, Cid> = keys("keys").map(|key| (key, leaf)).collect();
        assert_eq!(Tree::new(&records).root().to_string(), text(vector, "rootBeforeCommit"));
        records.extend(keys("adds").map(|key| (key, leaf)));
        records.retain(|key, _| keys("dels").all(|gone| gone != *key));
        let built = Tree::new(&records);
        assert_eq!(built.root().to_string(), text(vector, "rootAfterCommit"));

        let proof: BTreeSet<Cid> = keys("blocksInProof").map(|cid| cid.parse().unwrap()).collect();
        let mut nodes = built.nodes();
        nodes.retain(|(cid, _)| proof.contains(cid));
        let blocks = Blocks::read(&car(&built.root(), &nodes)).unwrap();
        for key in keys("adds") {
            let found = tree::find(&blocks, built.root(), key.as_bytes());
            assert_eq!(found, Ok(Some(leaf)), "{key} in {}", vector["comment"]);
        }
        for key in keys("dels") {
            let found = tree::find(&blocks, built.root(), key.as_bytes());
            assert_eq!(found, Ok(None), "{key} in {}", vector["comment"]);
        }
    }
}

/// The accounts of a scenario: DID to key.
fn accounts(scenario: &Value) -> BTreeMap<String, Key> {
    let account = |account: &Value| {
        let (identity, key) = (&account["identity"], &account["identity"]["keys"]["atproto"]);
        let key = Key::from_method(text(key, "type"), text(key, "publicKeyMultibase"));
        (text(identity, "did").to_owned(), key.unwrap())
    };
    list(&scenario["accounts"]).iter().map(account).collect()
}

#[test]
fn every_commit_of_the_relay_scenarios_is_proven() {
    let Some(folder) = folder() else { return };
    let (mut proven, mut frames, mut refused) = (0, 0, 0);
    for entry in std::fs::read_dir(folder.join("indigo/relay")).unwrap() {
        let text_of_it = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let scenario: Value = serde_json::from_str(&text_of_it).unwrap();
        let keys = accounts(&scenario);
        for message in list(&scenario["messages"]) {
            let frame = &message["frame"];
            let parts = [&frame["header"], &frame["body"]]
                .map(|part| serde_ipld_dagcbor::to_vec(&data(part)).unwrap());
            let read = wire::read_firehose(&parts.concat().into()).unwrap();
            let wire::RepoFrame::Event(event) = read else { panic!("no event: {read:?}") };
            assert_eq!(event.seq.get(), frame["body"]["seq"].as_i64().unwrap());
            assert!(event.time.is_some());
            frames += 1;
            if event.what != wire::Happening::Commit(None) {
                continue;
            }
            let body = &frame["body"];
            let did = Did::parse(text(body, "repo")).unwrap();
            let (commit, car) =
                (cid(&body["commit"]).unwrap(), base64(text(&body["blocks"], "$bytes")));
            for op in list(&body["ops"]) {
                let record = cid(&op["cid"]);
                let said = Statement::about(&did, text(op, "path"))
                    .in_commit(&commit, text(body, "rev"))
                    .with(record.as_ref());
                let answer = prove(&car, &said, &keys[did.as_str()]);
                // Two frames were made with a revision that their commit does not have.
                if let Err(ProofError::OtherRev(_)) = answer {
                    assert_eq!(message["drop"], true);
                    refused += 1;
                    continue;
                }
                let answer = answer.unwrap();
                assert_eq!((answer.cid, answer.rev.as_str()), (record, text(body, "rev")));
                let shown = answer.record.as_deref().map(record_json);
                assert!(shown.is_none_or(|json| json.unwrap()["$type"].is_string()));
                proven += 1;
            }
        }
    }
    assert_eq!((frames, refused), (35, 2));
    assert!(proven > 20, "{proven}");
}

#[test]
fn old_commits_of_the_network_are_read_and_lead_to_their_records() {
    let Some(folder) = folder() else { return };
    let mut found = 0;
    for entry in std::fs::read_dir(folder.join("indigo/repo")).unwrap() {
        let text_of_it = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let body: Value = serde_json::from_str(&text_of_it).unwrap();
        let blocks = Blocks::read(&base64(text(&body["blocks"], "$bytes"))).unwrap();
        assert_eq!(Some(blocks.root), cid(&body["commit"]));
        let commit = Commit::read(blocks.get(Part::Commit, &blocks.root).unwrap()).unwrap();
        assert_eq!(
            (commit.did.as_str(), commit.rev.as_str()),
            (text(&body, "repo"), text(&body, "rev"))
        );
        for op in list(&body["ops"]) {
            let record = tree::find(&blocks, commit.data, text(op, "path").as_bytes()).unwrap();
            assert_eq!(record, cid(&op["cid"]));
            found += 1;
        }
    }
    assert!(found > 30, "{found}");
}
