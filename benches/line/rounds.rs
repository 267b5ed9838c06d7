//! The harness: candidates take turns, and each turn gives a wall time and, where the
//! system tells it, the processor time of the process that did the work.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A turn in memory lasts at least so long: a hundred times what processor time is late by.
const LONG_ENOUGH: Duration = Duration::from_millis(400);

/// One turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    labels: u64,
    wall: Duration,
    cpu: Option<Duration>,
}

impl Round {
    /// Microseconds of processor time per label; `None` where the system does not tell.
    pub(crate) fn cost(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.labels as f64)
    }
}

/// A running clock.
pub(crate) struct Timer {
    work: Work,
    began: Instant,
}

/// Whose processor time is counted, and how it stood at the start.
enum Work {
    /// Ours, thread by thread, to the nanosecond; the scheduler brings it up to date every
    /// few milliseconds. What a thread did that has ended meanwhile is not in it.
    Own(HashMap<OsString, Duration>),
    /// Another process's, in hundredths of a second, ended threads included.
    Other(u32, Option<Duration>),
}

impl Timer {
    /// With the processor time of this process.
    pub(crate) fn start() -> Self {
        Self { work: Work::Own(own_threads()), began: Instant::now() }
    }

    /// With the processor time of another process.
    pub(crate) fn start_for(process: u32) -> Self {
        Self { work: Work::Other(process, time_of(process)), began: Instant::now() }
    }

    pub(crate) fn stop(self, labels: u64) -> Round {
        let wall = self.began.elapsed();
        let cpu = match self.work {
            Work::Own(before) => {
                let since = |(thread, now): (OsString, Duration)| {
                    now.saturating_sub(before.get(&thread).copied().unwrap_or_default())
                };
                Some(own_threads().into_iter().map(since).sum())
                    .filter(|cpu| *cpu != Duration::ZERO)
            }
            Work::Other(process, before) => {
                time_of(process).zip(before).map(|(now, before)| now.saturating_sub(before))
            }
        };
        Round { labels, wall, cpu }
    }
}

/// The first field of each thread's `schedstat`; empty where there is no such thing.
fn own_threads() -> HashMap<OsString, Duration> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return HashMap::new() };
    let time = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    };
    let threads = threads.filter_map(Result::ok);
    threads.filter_map(|thread| Some((thread.file_name(), time(thread.path())?))).collect()
}

/// Fields 14 and 15 of `/proc/PID/stat`.
fn time_of(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name, in parentheses and with anything in it.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

/// Something that is measured.
pub(crate) struct Candidate<'a> {
    name: String,
    turn: Box<dyn FnMut() -> Round + 'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(name: impl Into<String>, turn: impl FnMut() -> Round + 'a) -> Self {
        Self { name: name.into(), turn: Box::new(turn) }
    }

    /// Work in memory, of `labels` labels, done over and over until a turn is long enough.
    pub(crate) fn pass<T>(
        name: impl Into<String>,
        labels: u64,
        mut pass: impl FnMut() -> T + 'a,
    ) -> Self {
        Self::new(name, move || {
            let (timer, mut done) = (Timer::start(), 0);
            while timer.began.elapsed() < LONG_ENOUGH {
                black_box(pass());
                done += labels;
            }
            timer.stop(done)
        })
    }
}

/// What came of a candidate.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: String,
    rounds: Vec<Round>,
}

impl Measured {
    /// Labels per second of wall time, a value for each round.
    pub(crate) fn rates(&self) -> Vec<f64> {
        self.rounds.iter().map(|round| round.labels as f64 / round.wall.as_secs_f64()).collect()
    }

    /// Microseconds of processor time per label; nothing where the system does not tell.
    pub(crate) fn costs(&self) -> Vec<f64> {
        self.rounds.iter().filter_map(Round::cost).collect()
    }

    /// The rate in each round as a part of that of `other`.
    pub(crate) fn rates_against(&self, other: &Self) -> Vec<f64> {
        self.rates().iter().zip(other.rates()).map(|(own, other)| own / other).collect()
    }

    /// How many times as fast as `other` it was in each round; by processor time where
    /// that is known, since others use the machine too.
    pub(crate) fn times_as_fast_as(&self, other: &Self) -> Vec<f64> {
        let (own, others) = (self.costs(), other.costs());
        if own.len() == self.rounds.len() && others.len() == other.rounds.len() {
            others.iter().zip(&own).map(|(other, own)| other / own).collect()
        } else {
            self.rates_against(other)
        }
    }
}

/// Lets the candidates take turns: one round to warm up, then those that count. Every
/// second round goes backwards, so that nobody always follows the same neighbour.
pub(crate) fn take_turns(rounds: usize, mut candidates: Vec<Candidate<'_>>) -> Vec<Measured> {
    let mut taken: Vec<Vec<Round>> = candidates.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        let mut turns: Vec<_> = candidates.iter_mut().zip(&mut taken).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (candidate, taken) in turns {
            let turn = (candidate.turn)();
            if round > 0 {
                taken.push(turn);
            }
        }
    }
    let named = candidates.into_iter().map(|candidate| candidate.name);
    named.zip(taken).map(|(name, rounds)| Measured { name, rounds }).collect()
}
