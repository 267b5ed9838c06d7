//! Who asks what applies, while much is stored: hydration and `queryLabels` at a fixed rate, and
//! what becomes of the line when they are asked all the time.
//!
//! Calls are begun when they are due, however long those before take, and a call's time counts
//! from then on. The asker is this process, on the same machine.

use super::e2e::{self, Extras};
use super::growth::{did, fill_up};
use super::latency::share;
use super::{folder, runtime};
use crate::args::Plan;
use crate::labels::{Labeler, subject};
use crate::program::Program;
use crate::rounds::{Candidate, Timer, take_turns};
use crate::table;
use serde_json::json;
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::{Curve, Plc};
use tokio::task::JoinSet;

/// Labels that are stored before.
const STORED: u64 = 5_000_000;
/// Labelers that have said them: as many as `growth` has.
const SAYERS: u64 = 50;

/// Calls a second: one every five milliseconds.
const EVERY: Duration = Duration::from_millis(5);
/// Of a round.
const CALLS: u64 = 1000;

/// Of a hydration.
const SUBJECTS: u64 = 100;
const HEARD: u64 = 20;

/// Labelers, and labels, of a turn of the line.
const LABELERS: u64 = 10;
const SAID: u64 = 50_000;

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Call {
    Hydrate,
    Query,
}

pub(crate) fn run(plan: &Plan) {
    let (runtime, folder) = (runtime(), folder());
    let (stored, said) = (plan.labels(STORED.min(plan.most)), plan.labels(SAID));
    let database = folder.path().join("stored.db");
    runtime.block_on(fill_up(&database, 0, stored));
    println!("  {stored} labels of {SAYERS} labelers are stored");
    for (name, call) in [
        (format!("hydrate {SUBJECTS} subjects by {HEARD} labelers"), Call::Hydrate),
        ("queryLabels of one URI".to_owned(), Call::Query),
    ] {
        let calls = plan.labels(CALLS);
        let rounds = runtime.block_on(serve(plan, &database, stored, call, calls));
        println!("  {name}: {calls} calls at {} a second", 1000 / EVERY.as_millis());
        table::values("half of them within, ms", &each(&rounds, |round| share(&round.waits, 50)));
        table::values("99 of 100 within, ms", &each(&rounds, |round| share(&round.waits, 99)));
        table::values("processors of the program", &each(&rounds, |round| round.cores));
    }
    let fleets = Cell::new(0);
    let turn = |beside: Option<Call>| {
        let first = 2_000_000 + fleets.replace(fleets.get() + 1) * LABELERS;
        let labeler = |seed| Labeler::new(Curve::K256, seed, said / LABELERS, 1);
        let fleet: Vec<Labeler> = (first..first + LABELERS).map(labeler).collect();
        let beside = move |url: String| async move {
            if let Some(call) = beside {
                ask_on(&url, stored, call).await;
            }
        };
        e2e::turn_beside(&runtime, &fleet, said, &database, &mut Extras::default(), beside)
    };
    let candidates = vec![
        Candidate::new("e2e, nobody asks", || turn(None)),
        Candidate::new("e2e, 200 hydrations a second", || turn(Some(Call::Hydrate))),
        Candidate::new("e2e, 200 queries a second", || turn(Some(Call::Query))),
    ];
    let measured = take_turns(plan.rounds, candidates);
    table::head();
    measured.iter().for_each(table::rates);
    let [nobody, others @ ..] = measured.as_slice() else { return };
    for one in others {
        table::values(&format!("{} / nobody", one.name), &one.rates_against(nobody));
    }
}

/// What one round saw.
struct Seen {
    /// Milliseconds, in order.
    waits: Vec<f64>,
    /// Processor time of the program against the clock.
    cores: f64,
}

fn each(rounds: &[Seen], what: impl Fn(&Seen) -> f64) -> Vec<f64> {
    rounds.iter().map(what).collect()
}

async fn serve(plan: &Plan, database: &Path, stored: u64, call: Call, calls: u64) -> Vec<Seen> {
    let plc = Plc::start().await;
    let program = Program::start(&plc.url(), database);
    let mut rounds = Vec::new();
    for round in 0..=plan.rounds as u64 {
        let timer = Timer::start_for(program.child.id());
        let begun = Instant::now();
        let mut waits = ask(&program.url, stored, call, round * calls..(round + 1) * calls).await;
        let cost = timer.stop(calls).cost().unwrap_or_default() * calls as f64 / 1e6;
        waits.sort_by(f64::total_cmp);
        if round > 0 {
            rounds.push(Seen { waits, cores: cost / begun.elapsed().as_secs_f64() });
        }
    }
    program.stop();
    rounds
}

/// Asks at the rate until dropped.
async fn ask_on(url: &str, stored: u64, call: Call) {
    ask(url, stored, call, 0..u64::MAX).await;
}

/// Asks these calls, and says how many milliseconds each took.
async fn ask(url: &str, stored: u64, call: Call, numbers: std::ops::Range<u64>) -> Vec<f64> {
    let http = reqwest::Client::new();
    let mut tick = tokio::time::interval(EVERY);
    let mut calls = JoinSet::new();
    let mut waits = Vec::new();
    for number in numbers {
        let due = tick.tick().await;
        let request = match call {
            Call::Hydrate => hydration(&http, url, stored, number),
            Call::Query => query(&http, url, stored, number),
        };
        calls.spawn(async move {
            let answer = request.send().await.unwrap().error_for_status().unwrap();
            let body = answer.bytes().await.unwrap();
            assert!(body.len() > 100, "something was found");
            due.elapsed().as_secs_f64() * 1000.0
        });
        while let Some(wait) = calls.try_join_next() {
            waits.push(wait.unwrap());
        }
    }
    waits.extend(calls.join_all().await);
    waits
}

/// A label that is stored: whose, and of what.
fn some_label(stored: u64, dice: u64) -> (u64, String) {
    // Spreads what is asked for over all that there is.
    let dice = dice.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let (sayer, number) = (dice % SAYERS, dice / SAYERS % (stored / SAYERS) + 1);
    (sayer, subject(sayer, number).0)
}

fn hydration(
    http: &reqwest::Client,
    url: &str,
    stored: u64,
    number: u64,
) -> reqwest::RequestBuilder {
    let uris = (0..SUBJECTS).map(|one| some_label(stored, number * SUBJECTS + one).1);
    let body = json!({ "uris": uris.collect::<Vec<_>>() });
    let heard = (0..HEARD).map(|one| did("other", (number + one) % SAYERS).to_string());
    let header = heard.collect::<Vec<_>>().join(", ");
    let request = http.post(format!("{url}/labels/hydrate"));
    request.header("atproto-accept-labelers", header).json(&body)
}

fn query(http: &reqwest::Client, url: &str, stored: u64, number: u64) -> reqwest::RequestBuilder {
    let (_, uri) = some_label(stored, number);
    let query = format!("uriPatterns={uri}&includeNegated=true");
    http.get(format!("{url}/xrpc/com.atproto.label.queryLabels?{query}"))
}
