//! How far it is, in one line on standard error, if that is a terminal.

use export::Progress;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Meter {
    shown: bool,
    started: Instant,
    last: Option<Instant>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { shown: io::stderr().is_terminal(), started: Instant::now(), last: None }
    }

    pub(super) fn tell(&mut self, progress: Progress) {
        if self.shown && self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            self.line(&line(progress, self.started.elapsed()), false);
        }
    }

    /// The last line, if all went well.
    pub(super) fn end(&self, written: Option<&u64>) {
        let took = self.started.elapsed().as_secs_f64();
        if self.shown {
            let all = written.map(|written| format!("{written} labels in {took:.1} s"));
            self.line(&all.unwrap_or_default(), true);
        }
    }

    /// Nothing is to be done about a terminal that has gone.
    fn line(&self, text: &str, end: bool) {
        let end = if end { "\n" } else { "" };
        let _ = write!(io::stderr().lock(), "\r{text}\x1b[K{end}");
    }
}

fn line(progress: Progress, since: Duration) -> String {
    let Progress { written, looked, read, until } = progress;
    let done = read.get().saturating_mul(100).checked_div(until.get()).unwrap_or(100);
    let rate = looked as f64 / since.as_secs_f64().max(0.001);
    format!("{written} labels, {done} % of the log, {rate:.0} looked at a second")
}

#[cfg(test)]
mod tests {
    use super::*;
    use label::EventId;

    #[test]
    fn the_line_says_how_far_it_is() {
        let id = |number| EventId::new(number).unwrap();
        let progress = Progress { written: 12, looked: 30, read: id(50), until: id(200) };
        let shown = line(progress, Duration::from_secs(2));
        assert_eq!(shown, "12 labels, 25 % of the log, 15 looked at a second");
        let nothing = Progress { written: 0, looked: 0, read: id(0), until: id(0) };
        assert!(line(nothing, Duration::ZERO).contains("100 %"));
    }
}
