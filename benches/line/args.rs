//! What was asked for on the command line.

use crate::stages;

pub(crate) const HELP: &str = "\
cargo bench --bench line [-- [STAGE…] [--quick] [--rounds N] [--most N]]

  STAGE       decode, verify, store, scan, deliver, e2e, growth, export, latency, firehose; all when
              none is named
  --quick     a fifth of the labels and three rounds: to see that it runs, not to compare
  --rounds N  rounds that count (5; 3 with --quick)
  --most N    labels stored before, in the largest database of growth (10000000); 50000000 takes
              13 GB of disk and some ten minutes more. In export 5000000 at most";

/// What is to be done.
pub(crate) enum Asked {
    Run(Plan),
    Help,
    /// With what was not understood.
    Nonsense(String),
}

/// Which stages, how often and with how much.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    stages: Vec<String>,
    pub(crate) rounds: usize,
    /// Labels in the largest database.
    pub(crate) most: u64,
    quick: bool,
}

impl Plan {
    pub(crate) fn wants(&self, stage: &str) -> bool {
        self.stages.is_empty() || self.stages.iter().any(|wanted| wanted == stage)
    }

    /// How many labels to take where a thorough run takes `full`.
    pub(crate) fn labels(&self, full: u64) -> u64 {
        if self.quick { full / 5 } else { full }
    }
}

/// Reads the arguments, without the program's name.
pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Asked {
    let mut plan = Plan { most: 10_000_000, ..Plan::default() };
    let mut rounds = None;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo says so to every benchmark.
            "--bench" => {}
            "--help" | "-h" => return Asked::Help,
            "--quick" => plan.quick = true,
            "--rounds" => match args.next().and_then(|count| count.parse().ok()) {
                Some(count @ 1..) => rounds = Some(count),
                _ => return Asked::Nonsense("--rounds takes a number above 0".to_owned()),
            },
            "--most" => match args.next().and_then(|count| count.parse().ok()) {
                Some(count @ 1..) => plan.most = count,
                _ => return Asked::Nonsense("--most takes a number above 0".to_owned()),
            },
            name if stages::ALL.iter().any(|stage| stage.name == name) => plan.stages.push(arg),
            _ => return Asked::Nonsense(format!("there is no stage called {arg}")),
        }
    }
    plan.rounds = rounds.unwrap_or(if plan.quick { 3 } else { 5 });
    Asked::Run(plan)
}
