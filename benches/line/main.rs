//! How fast the line is: each stage by itself, then all of it, on this machine and now.
//!
//! `cargo bench --bench line` runs everything; `docs/performance.md` says how to read what
//! it prints. Nothing is asserted about time, only that the work was really done.
//!
//! The harness is our own (`rounds`): candidates must take turns, so that ratios hold on a
//! machine that others use as well, and one stage is a child process whose processor time
//! is read from outside. Criterion and divan finish one function before they begin the
//! next and know wall time only; trimmed or not, the part we need they do not have.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on should stop"
)]

mod args;
mod labels;
mod machine;
mod program;
mod rounds;
mod stages;
mod table;

use args::Asked;
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = match args::read(std::env::args().skip(1)) {
        Asked::Run(plan) => plan,
        Asked::Help => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Asked::Nonsense(what) => {
            eprintln!("{what}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    println!("{}", machine::describe());
    println!(
        "rounds    {} after one that is not counted; candidates take turns; median (least … most)",
        plan.rounds
    );
    for stage in stages::ALL.iter().filter(|stage| plan.wants(stage.name)) {
        println!("\n{}: {}", stage.name, stage.what);
        let before = machine::Busy::now();
        (stage.run)(&plan);
        if let Some(others) = before.and_then(|before| before.others()) {
            println!("  others had {others:.0} % of the machine meanwhile");
        }
    }
    ExitCode::SUCCESS
}
