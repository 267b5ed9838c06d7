//! Consumers that read slowly, or never, or never ack: the one beside them is not slowed,
//! and memory stays where it was (contract G7).

use crate::filled::fill;
use crate::raw::Raw;
use crate::tap::{LIMIT, Tap, next, within};
use client::Client;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::Plc;
use tokio::task::JoinHandle;

/// Labels of the log that is read in each round; a round takes a second or so.
const LABELS: usize = 300_000;
/// Of each kind. A round alone and one in company take turns at going first.
const ROUNDS: usize = 7;
/// Of the rate alone, what is left in company.
const LEAST: f64 = 0.8;
/// Acks in one message.
const TOGETHER: usize = 100;

/// Consumers that never read, and the labels they are owed.
const DEAF: usize = 200;
const OWED: usize = 50_000;
/// Every second label of the first so many is as large as labels may be.
const LARGE: usize = 4_000;

/// SQLite's cache is 64 MiB of it.
const MOST_RSS_KIB: u64 = 300 * 1024;
/// What the slow ones may add to it, and what rounds after the first may.
const GROWTH_KIB: u64 = 48 * 1024;

fn subject(n: usize) -> String {
    format!("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3l{n:011}")
}

/// Sends a consumer back to the beginning of the log.
async fn rewind(tap: &Tap, name: &str) {
    let body = json!({ "start": "beginning" });
    let (status, body) = tap.ask(Method::PUT, &format!("/consumers/{name}"), Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

/// Waits until the consumer object is as wanted. One that is new appears a moment after its
/// connection.
async fn consumer_until(tap: &Tap, name: &str, wanted: impl Fn(&Value) -> bool) {
    let begun = Instant::now();
    loop {
        let (_, consumer) = tap.ask(Method::GET, &format!("/consumers/{name}"), None).await;
        if wanted(&consumer) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "still {consumer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads and acks a log of so many events, each of them once. Large ones may come a little
/// later than small ones of other lanes.
async fn read(client: &mut Client, count: usize) {
    let mut ids = Vec::with_capacity(TOGETHER);
    let mut came = vec![false; count + 1];
    for left in (0..count).rev() {
        let id = client.next().await.expect("an event").id;
        let before = std::mem::replace(&mut came[usize::try_from(id).unwrap()], true);
        assert!(!before, "{id} came twice");
        ids.push(id);
        if ids.len() == TOGETHER || left == 0 {
            client.ack(&ids).await;
            ids.clear();
        }
    }
}

/// How many events a second the healthy consumer takes, over the whole log.
async fn round(tap: &Tap, healthy: &mut Client) -> f64 {
    let begun = Instant::now();
    rewind(tap, "healthy").await;
    within(read(healthy, LABELS)).await;
    let took = begun.elapsed();
    consumer_until(tap, "healthy", |consumer| consumer["lag"] == 0).await;
    LABELS as f64 / took.as_secs_f64()
}

const SLOW: [&str; 3] = ["deaf", "mute", "sipping"];

/// One that never reads, one that never acks, and one that reads a byte a second.
struct Company {
    _deaf: Raw,
    mute: JoinHandle<()>,
    sipping: JoinHandle<()>,
}

impl Company {
    async fn come(tap: &Tap) -> Self {
        let deaf = Raw::narrow(tap, "?consumer=deaf&raw=true").await;
        let mut mute = Raw::open(tap, "?consumer=mute").await;
        let mute = tokio::spawn(async move { while mute.next().await.is_some() {} });
        let mut sipping = Raw::narrow(tap, "?consumer=sipping").await;
        let sipping = tokio::spawn(async move {
            while sipping.sip().await {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        for name in SLOW {
            let is_owed = |it: &Value| it["connections"] == 1 && it["in_flight"].as_i64() > Some(0);
            consumer_until(tap, name, is_owed).await;
        }
        Self { _deaf: deaf, mute, sipping }
    }

    async fn go(self, tap: &Tap) {
        for name in SLOW {
            // Nobody was let go meanwhile: the whole round was in this company.
            assert_eq!(tap.get(&format!("/consumers/{name}")).await["connections"], 1, "{name}");
        }
        self.mute.abort();
        self.sipping.abort();
        drop(self);
        for name in SLOW {
            consumer_until(tap, name, |consumer| consumer["connections"] == 0).await;
        }
    }
}

/// The rates of one round alone and one in company.
async fn pair(tap: &Tap, healthy: &mut Client, company_first: bool) -> (f64, f64) {
    let alone = if company_first { None } else { Some(round(tap, healthy).await) };
    let company = Company::come(tap).await;
    let beside = round(tap, healthy).await;
    company.go(tap).await;
    let alone = match alone {
        Some(alone) => alone,
        None => round(tap, healthy).await,
    };
    (alone, beside)
}

fn median(rates: impl Iterator<Item = f64>) -> f64 {
    let mut rates: Vec<f64> = rates.collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_consumer_is_not_slowed_by_three_slow_ones() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    fill(&database, (0..LABELS).map(subject)).await;
    let plc = Plc::start().await;
    // So that what is not acked comes again all the time.
    let tap = Tap::start(&plc, &database, &["--retry-timeout", "1s"]);
    let mut healthy = tap.client(&[("consumer", "healthy")]);
    within(read(&mut healthy, LABELS)).await;
    pair(&tap, &mut healthy, false).await;
    let before = tap.rss_kib();
    let mut rates = Vec::new();
    for number in 0..ROUNDS {
        let (alone, beside) = pair(&tap, &mut healthy, number % 2 == 1).await;
        eprintln!("alone {alone:.0}/s, beside three slow ones {beside:.0}/s");
        rates.push((alone, beside));
    }
    let after = tap.rss_kib();
    let alone = median(rates.iter().map(|(alone, _)| *alone));
    let beside = median(rates.iter().map(|(_, beside)| *beside));
    let ratio = beside / alone;
    eprintln!("medians: {alone:.0}/s and {beside:.0}/s, ratio {ratio:.2}");
    eprintln!("resident memory: {} MiB before, {} MiB after", before / 1024, after / 1024);
    assert!(ratio > LEAST, "{ratio:.2} of the rate alone");
    assert!(before > 0 && after < MOST_RSS_KIB, "{after} KiB");
    assert!(after < before + GROWTH_KIB, "{before} KiB before, {after} KiB after");
    assert!(tap.metric("labeltap_redelivered_total").await > 0.0, "nothing came again");
}

/// Every second of the first ones as large as they may be.
fn some_large(n: usize) -> String {
    let subject = subject(n);
    let padding = if n < LARGE && n.is_multiple_of(2) { 8_000 } else { 0 };
    subject + &"x".repeat(padding)
}

/// Watches resident memory until `done`, and answers the most it was.
async fn most_rss(tap: &Tap, done: impl Future<Output = ()>) -> u64 {
    let mut most = 0;
    let mut done = std::pin::pin!(done);
    loop {
        most = most.max(tap.rss_kib());
        let look = Duration::from_millis(50);
        if tokio::time::timeout(look, &mut done).await.is_ok() {
            return most.max(tap.rss_kib());
        }
    }
}

async fn connections(tap: &Tap, count: usize) {
    let waiting = async {
        while tap.metric("labeltap_connections").await != count as f64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_consumers_that_never_read_cost_little_and_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    fill(&database, (0..OWED).map(some_large)).await;
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &database, &[]);
    let before = tap.rss_kib();
    let begun = Instant::now();
    let mut deaf = Vec::with_capacity(DEAF);
    let all_come = async {
        for n in 0..DEAF {
            let raw = n.is_multiple_of(2);
            deaf.push(Raw::narrow(&tap, &format!("?consumer=deaf-{n}&raw={raw}")).await);
        }
        connections(&tap, DEAF).await;
    };
    let coming = most_rss(&tap, all_come).await;
    let mut healthy = tap.client(&[("consumer", "healthy")]);
    let reading = most_rss(&tap, async { within(read(&mut healthy, OWED)).await }).await;
    drop(healthy);
    let read_after = begun.elapsed();
    let waiting = most_rss(&tap, connections(&tap, 0)).await;
    let let_go_after = begun.elapsed();
    eprintln!(
        "resident memory: {} MiB before, {} while {DEAF} came, {} while another read all, {} \
         until they were let go, {} after",
        before / 1024,
        coming / 1024,
        reading / 1024,
        waiting / 1024,
        tap.rss_kib() / 1024
    );
    eprintln!("another had read all after {read_after:?}, they were let go after {let_go_after:?}");
    let most = coming.max(reading).max(waiting);
    assert!(before > 0 && most < MOST_RSS_KIB, "{most} KiB");
    assert!(let_go_after > Duration::from_secs(29), "{let_go_after:?} is too soon");
    drop(deaf);

    // What they were owed they still are.
    let mut back = tap.client(&[("consumer", "deaf-7")]);
    assert_eq!(next(&mut back).await["label"]["seq"], 1);
    let stopped = tap.stop();
    assert_eq!(stopped.status.code(), Some(0));
    let ends = stopped.log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stuck = ends.filter(|line| line["end"] == "Stuck").count();
    assert_eq!(stuck, DEAF, "each was let go because it did not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_came_and_went_leave_nothing_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("tap.db");
    fill(&database, (0..LARGE).map(some_large)).await;
    let plc = Plc::start().await;
    let tap = Tap::start(&plc, &database, &[]);
    let mut before = 0;
    for n in 0..DEAF {
        let name = format!("gone-{n}");
        let deaf = Raw::narrow(&tap, &format!("?consumer={name}")).await;
        consumer_until(&tap, &name, |consumer| consumer["in_flight"].as_i64() > Some(0)).await;
        drop(deaf);
        consumer_until(&tap, &name, |consumer| consumer["connections"] == 0).await;
        if n == DEAF / 10 {
            before = tap.rss_kib();
        }
    }
    let after = tap.rss_kib();
    eprintln!("resident memory: {} MiB after some, {} after all", before / 1024, after / 1024);
    assert!(before > 0 && after < before + GROWTH_KIB, "{before} KiB, then {after} KiB");
}
