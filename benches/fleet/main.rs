//! What a thousand labelers cost of which three hundred are dead in ten different ways, and how
//! they come back after the directory was away for a minute.
//!
//! `cargo bench --bench fleet` prints it and asserts nothing about time; some six minutes. The
//! labelers, the directory and the released program share the machine, so the processor time is
//! read of the program alone.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on should stop"
)]

mod dead;
mod program;

use program::Program;
use std::time::{Duration, Instant};
use testkit::{Ending, FakeLabeler, LabelSpec, Plc, SigningKey, plc_did};

const LABELERS: usize = 1000;
const DEAD: usize = 300;

/// How long everything is left alone before it is measured, and for how long it is.
const SETTLE: Duration = Duration::from_secs(60);
const MEASURE: Duration = Duration::from_secs(120);

/// How long the directory is away.
const OUTAGE: Duration = Duration::from_secs(60);

/// How long coming back is watched.
const RECOVERY: Duration = Duration::from_secs(120);

fn main() {
    // `cargo test --benches` and the like hand over flags that are not ours.
    if std::env::args().any(|arg| arg == "--help") {
        println!("what a fleet of {LABELERS} labelers costs, {DEAD} of them dead; no options");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(idle());
    runtime.block_on(run());
}

/// Everybody, and how often the directory was asked in all.
struct Fleet {
    plc: Plc,
    dids: Vec<String>,
    good: Vec<FakeLabeler>,
    _dead: Vec<dead::Dead>,
}

impl Fleet {
    /// So many of them are dead.
    async fn gather(dead_ones: usize) -> Self {
        let plc = Plc::start().await;
        let (mut dids, mut good, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..LABELERS {
            let did = plc_did(&format!("fleet-{number}"));
            if number % 10 < dead_ones * 10 / LABELERS {
                dead.push(dead::Dead::new(&did, number / 10, &plc).await);
            } else {
                let labeler = FakeLabeler::start(&did, SigningKey::k256(1), &plc).await;
                labeler.preload(10);
                good.push(labeler);
            }
            dids.push(did);
        }
        Self { plc, dids, good, _dead: dead }
    }

    fn asked(&self) -> u64 {
        self.dids.iter().map(|did| self.plc.requests(did) + self.plc.audits(did)).sum()
    }

    fn open(&self) -> usize {
        self.good.iter().filter(|labeler| labeler.open() > 0).count()
    }
}

/// All of them good, and nobody says anything.
async fn idle() {
    let fleet = Fleet::gather(0).await;
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(&fleet.plc.url(), &dir.path().join("labeltap.db"));
    program.add(&fleet.dids).await;
    while fleet.open() < fleet.good.len() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(SETTLE).await;
    println!("{LABELERS} labelers, all good and idle");
    println!("memory after a minute              {:.1} MB", program.rss_kib() as f64 * 1.024e-3);
}

async fn run() {
    let fleet = Fleet::gather(DEAD).await;
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let program = Program::start(&fleet.plc.url(), &dir.path().join("labeltap.db"));
    program.add(&fleet.dids).await;
    while fleet.open() < fleet.good.len() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("\n{LABELERS} labelers, {DEAD} of them dead");
    println!("all {} good ones connected after   {:.1} s", fleet.good.len(), seconds(begun));
    println!("the directory was asked for that   {} times", fleet.asked());
    tokio::time::sleep(SETTLE).await;

    let (asked, cpu, begun) = (fleet.asked(), program.cpu(), Instant::now());
    while begun.elapsed() < MEASURE {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // One of them says something, every second.
        let speaker = &fleet.good[begun.elapsed().as_secs() as usize % fleet.good.len()];
        speaker.emit([LabelSpec::numbered(11)]);
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let share = (program.cpu() - cpu).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
    println!("\nsteady, over {minutes:.0} minutes");
    println!("processor                          {share:.2} % of one core");
    println!("memory                             {} MiB", program.rss_kib() / 1024);
    let a_minute = (fleet.asked() - asked) as f64 / minutes;
    println!("asked of the directory             {a_minute:.0} a minute");

    // The worst of moments: everybody is cut off, and the directory is away.
    fleet.plc.outage(true);
    fleet.good.iter().for_each(|labeler| labeler.drop_connections(Ending::Fin));
    let during = per_second(&fleet, OUTAGE).await;
    fleet.plc.outage(false);
    let after = per_second(&fleet, RECOVERY).await;
    println!("\nthe directory away for {} s, everybody cut off at its beginning", OUTAGE.as_secs());
    println!(
        "asked while away                   {} in all, {} in the fullest second",
        during.total, during.fullest
    );
    println!(
        "asked after                        {} in all, {} in the fullest second",
        after.total, after.fullest
    );
    println!("half of the good ones back after   {}", told(after.half));
    println!("all of them                        {}", told(after.all));
}

/// What the directory was asked, second by second.
#[derive(Default)]
struct Asked {
    total: u64,
    fullest: u64,
    half: Option<u64>,
    all: Option<u64>,
}

async fn per_second(fleet: &Fleet, length: Duration) -> Asked {
    let mut asked = Asked::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.tick().await;
    let mut before = fleet.asked();
    for second in 1..=length.as_secs() {
        tick.tick().await;
        let now = fleet.asked();
        asked.total += now - before;
        asked.fullest = asked.fullest.max(now - before);
        before = now;
        let open = fleet.open();
        if open * 2 >= fleet.good.len() {
            asked.half.get_or_insert(second);
        }
        if open == fleet.good.len() {
            asked.all.get_or_insert(second);
        }
    }
    asked
}

fn told(second: Option<u64>) -> String {
    second.map_or("not in this time".to_owned(), |second| format!("{second} s"))
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
