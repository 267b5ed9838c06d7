//! `kill -9` at any moment of a backfill loses nothing and repeats no id.
//!
//! Contract G1 to G3: each label is stored once, ids grow and are never reused, and what
//! was not acked comes again.

use crate::tap::{Tap, event};
use client::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::{FakeLabeler, Plc, SigningKey, plc_did};

const LABELS: i64 = 200_000;
const ROUNDS: u64 = 20;

/// One event in so many is not acked before the end, however often it comes.
const NEVER_ACKED: i64 = 100;

/// After this long an ack survives a crash, on a busy machine.
const ACK_LASTS: Duration = Duration::from_millis(1_500);

/// A small generator, so that the seed in a failure message is all that is needed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What the client knows across all rounds.
#[derive(Default)]
struct Known {
    /// The label each id was first seen with.
    seq_of: BTreeMap<i64, i64>,
    /// The id each label was first seen with.
    id_of: BTreeMap<i64, i64>,
    /// Acked so long before a crash that the ack is durable.
    settled: BTreeSet<i64>,
    /// Acked in this round, and when.
    acked: Vec<(i64, Instant)>,
    /// Acked in any round, whether or not it lasted.
    ever_acked: BTreeSet<i64>,
}

impl Known {
    fn see(&mut self, id: i64, seq: i64, dice: u64) {
        let first = *self.seq_of.entry(id).or_insert(seq);
        assert_eq!(first, seq, "id {id} was reused (seed {dice})");
        let first = *self.id_of.entry(seq).or_insert(id);
        assert_eq!(first, id, "seq {seq} was stored twice (seed {dice})");
        assert!(!self.settled.contains(&id), "id {id} came again after its ack (seed {dice})");
    }
}

/// Reads, and acks two of three, until there is nothing for a while or it is dropped.
async fn read(client: &mut Client, known: &mut Known, dice: &mut Dice, seed: u64, quiet: Duration) {
    while let Ok(received) = tokio::time::timeout(quiet, client.next()).await {
        let event = event(&received.expect("the channel"));
        let id = event["id"].as_i64().expect("an id");
        known.see(id, event["label"]["seq"].as_i64().expect("a seq"), seed);
        if id % NEVER_ACKED != 0 && dice.below(3) > 0 {
            client.ack(&[id]).await;
            known.acked.push((id, Instant::now()));
            known.ever_acked.insert(id);
        }
    }
}

/// One life of the service, ended by `kill -9` after a random while.
async fn round(
    plc: &Plc,
    did: &str,
    database: &Path,
    known: &mut Known,
    dice: &mut Dice,
    long: bool,
    seed: u64,
) {
    // A short retry timeout would hide a lost event by chance; none is wanted here.
    let tap = Tap::start(plc, database, &["--retry-timeout", "10m", "--window", "20000"]);
    tap.add(&[did]).await;
    // Mostly short, so that all of them fall into the backfill; some so long that acks last.
    let least = if long { 2_200 } else { 100 };
    let life = Duration::from_millis(least + dice.below(700));
    let mut client = tap.client(&[]);
    let reading = read(&mut client, known, dice, seed, Duration::from_secs(10));
    drop(tokio::time::timeout(life, reading).await);
    let killed = Instant::now();
    tap.kill();
    // The last second of acks may be lost (contract 4); the rest is for the ack's own way.
    let lasting = known.acked.drain(..).filter(|(_, at)| killed - *at > ACK_LASTS);
    known.settled.extend(lasting.map(|(id, _)| id));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_during_a_backfill_lose_nothing() {
    let seed = std::env::var_os("LABELTAP_SEED")
        .and_then(|seed| seed.to_str()?.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("seed {seed} (LABELTAP_SEED)");
    let mut dice = Dice(seed);
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    let plc = Plc::start().await;
    let did = plc_did("crash");
    let labeler = FakeLabeler::start(&did, SigningKey::k256(4), &plc).await;
    labeler.preload(LABELS as u64);

    let mut known = Known::default();
    for number in 1..=ROUNDS {
        let long = number % 5 == 0;
        round(&plc, &did, &database, &mut known, &mut dice, long, seed).await;
    }
    let seen_before = known.seq_of.len();
    let settled = known.settled.len();
    eprintln!("{seen_before} labels seen before the last start, {settled} of them done with");
    let owed: BTreeSet<i64> =
        known.seq_of.keys().copied().filter(|id| !known.ever_acked.contains(id)).collect();
    assert!(settled > 0 && !owed.is_empty(), "the rounds were too short to show anything");

    let tap = Tap::start(&plc, &database, &["--window", "20000"]);
    let done = tap.labeler_until(&did, |labeler| labeler["cursor"] == LABELS);
    let stored = done.await;
    assert_eq!(stored["labels"], LABELS, "seed {seed}");
    let again = settle(&tap, &mut known, seed).await;
    let kept = owed.difference(&again).next();
    assert_eq!(kept, None, "seen, never acked, and not sent again (seed {seed})");
    let missing = (1..=LABELS).find(|seq| !known.id_of.contains_key(seq));
    assert_eq!(missing, None, "seq was never delivered (seed {seed})");
    let buffer = tap.get("/stats/outbox-buffer").await;
    assert_eq!(buffer["outbox_buffer"], 0, "seed {seed}");
}

/// Reads and acks everything that is still owed, and says what that was.
async fn settle(tap: &Tap, known: &mut Known, seed: u64) -> BTreeSet<i64> {
    let mut client = tap.client(&[]);
    let mut came = BTreeSet::new();
    let mut to_ack = Vec::new();
    while tap.get("/stats/outbox-buffer").await["outbox_buffer"] != 0 {
        for _ in 0..20_000 {
            let quiet = Duration::from_millis(300);
            let Ok(received) = tokio::time::timeout(quiet, client.next()).await else { break };
            let event = event(&received.expect("the channel"));
            let id = event["id"].as_i64().expect("an id");
            known.see(id, event["label"]["seq"].as_i64().expect("a seq"), seed);
            came.insert(id);
            to_ack.push(id);
            if to_ack.len() == 500 {
                client.ack(&std::mem::take(&mut to_ack)).await;
            }
        }
        client.ack(&std::mem::take(&mut to_ack)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    came
}
