//! A filled store to files in every format, and to the tables of `labeltap stats`.

use super::{folder, growth, runtime};
use crate::args::Plan;
use crate::rounds::{Candidate, Round, Timer, take_turns};
use crate::table;
use export::{Format, Wanted};
use label::{Filter, Millis};
use std::fs::File;
use std::path::Path;
use store::Archive;

/// Labels that are stored, if `--most` does not say less.
const STORED: u64 = 5_000_000;

/// After all that the labels say.
const NOW: Millis = Millis(1_740_000_000_000);

pub(crate) fn run(plan: &Plan) {
    let folder = folder();
    let database = folder.path().join("export.db");
    let stored = plan.labels(STORED.min(plan.most));
    runtime().block_on(growth::fill_up(&database, 0, stored));
    let mut candidates = Vec::new();
    for (history, what) in [(true, "everything"), (false, "what applies")] {
        for format in Format::ALL {
            let (database, out) = (&database, folder.path().join("out"));
            let name = format!("{what} as {}", format.as_str());
            candidates
                .push(Candidate::new(name, move || write(database, history, format, &out, stored)));
        }
    }
    candidates.push(Candidate::new("all tables", || count(&database, stored)));
    let measured = take_turns(plan.rounds, candidates);
    table::head_of("labels looked at/s", "CPU µs a label");
    measured.iter().for_each(table::rates);
    let bytes = |format: Format| {
        let out = folder.path().join("out");
        write(&database, true, format, &out, stored);
        std::fs::metadata(&out).unwrap().len() as f64 / stored as f64
    };
    for format in Format::ALL {
        table::values(&format!("bytes a label as {}", format.as_str()), &[bytes(format)]);
    }
}

/// All threads are counted, those that have ended too.
fn timer() -> Timer {
    Timer::start_for(std::process::id())
}

fn write(database: &Path, history: bool, format: Format, out: &Path, stored: u64) -> Round {
    let file = File::create(out).unwrap();
    let timer = timer();
    let mut archive = Archive::open(database).unwrap();
    let wanted = Wanted { filter: Filter::default(), history, now: NOW };
    let written = export::export(&mut archive, &wanted, format, &file, |_| {}).unwrap();
    let round = timer.stop(stored);
    assert_eq!(written == stored, history, "{written} of {stored}");
    assert!(written > stored / 2);
    round
}

fn count(database: &Path, stored: u64) -> Round {
    let timer = timer();
    let mut archive = Archive::open(database).unwrap();
    let tally = tally::count(&mut archive, NOW).unwrap();
    let round = timer.stop(stored);
    assert_eq!(tally.total.labels, stored);
    round
}
