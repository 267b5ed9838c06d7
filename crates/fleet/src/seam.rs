//! Where history ends and the present begins, for one labeler.
//!
//! The protocol does not tell the head of a stream. So caught up means (contract section
//! 4): everything read is stored, and either the stream has been silent for a while as we
//! were reading, or we have reached the first number that a short second connection
//! without cursor has shown. The second connection is asked for when no silence comes.
//!
//! A silence counts from the moment the labeler has shown that it listens, by a frame or by
//! the answer to a ping. A common server reads its whole history into memory before it
//! sends the first frame, and answers no ping meanwhile; that is not the end of its history.

use crate::link::Moment;
use label::Seq;
use std::time::Duration;

/// How long a stream is silent before it counts as read to its end.
const SILENCE: Duration = Duration::from_secs(2);

/// How long to wait for a silence before a second connection is asked for, and for a sign
/// that the labeler listens before its silence counts without one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest wait between two second connections that showed nothing.
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// Watches one open stream for the seam.
#[derive(Debug, Clone)]
pub struct Seam {
    /// Since when the stream has been silent while we were reading; `None` while not reading.
    silent_since: Option<Moment>,
    /// Whether the labeler has shown that it listens.
    answered: bool,
    opened: Moment,
    /// The first number a second connection has shown.
    mark: Option<Seq>,
    /// When to ask for a second connection.
    probe_at: Moment,
    /// How long to wait after a second connection that showed nothing.
    patience: Duration,
}

impl Seam {
    /// A stream that was opened now.
    #[must_use]
    pub fn opened(now: Moment) -> Self {
        Self {
            silent_since: Some(now),
            answered: false,
            opened: now,
            mark: None,
            probe_at: now + PATIENCE,
            patience: PATIENCE,
        }
    }

    /// The answer to a ping arrived.
    pub fn answered(&mut self, now: Moment) {
        if !self.answered {
            self.heard(now);
        }
    }

    /// Bytes arrived, of a frame that is not whole yet, say: no silence, but no sign either
    /// that the labeler is past its history.
    pub fn arriving(&mut self, now: Moment) {
        if self.silent_since.is_some() {
            self.silent_since = Some(now);
        }
    }

    /// A frame arrived.
    pub fn heard(&mut self, now: Moment) {
        self.answered = true;
        self.arriving(now);
    }

    /// Reading was stopped because there is enough to do, or taken up again.
    pub fn reading(&mut self, now: Moment, reading: bool) {
        match (reading, self.silent_since) {
            (true, None) => self.silent_since = Some(now),
            (false, Some(_)) => self.silent_since = None,
            _ => {}
        }
    }

    /// A second connection was opened, and this is what it showed first, if anything.
    pub fn probed(&mut self, now: Moment, first: Option<Seq>) {
        self.mark = self.mark.or(first);
        self.probe_at = now + self.patience;
        self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
    }

    /// Whether a second connection is due.
    #[must_use]
    pub fn wants_probe(&self, now: Moment) -> bool {
        self.mark.is_none() && now >= self.probe_at
    }

    /// Whether the seam is reached, given that everything read so far is stored up to
    /// `cursor`.
    #[must_use]
    pub fn is_reached(&self, now: Moment, cursor: Seq) -> bool {
        let listens = self.answered || now.saturating_sub(self.opened) >= PATIENCE;
        let silent = self.silent_since.is_some_and(|since| now.saturating_sub(since) >= SILENCE);
        let silent = silent && listens;
        silent || self.mark.is_some_and(|mark| cursor >= mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    fn seq(number: i64) -> Seq {
        Seq::new(number).unwrap()
    }

    fn answered_at_once() -> Seam {
        let mut seam = Seam::opened(ms(0));
        seam.answered(ms(0));
        seam
    }

    #[test]
    fn who_does_not_answer_yet_is_not_silent() {
        let mut seam = Seam::opened(ms(0));
        assert!(!seam.is_reached(ms(5000), Seq::START));
        seam.answered(ms(5000));
        assert!(!seam.is_reached(ms(6999), Seq::START));
        assert!(seam.is_reached(ms(7000), Seq::START));
        let deaf = Seam::opened(ms(0));
        assert!(!deaf.is_reached(ms(9_999), Seq::START));
        assert!(deaf.is_reached(ms(10_000), Seq::START));
    }

    #[test]
    fn a_frame_that_is_on_its_way_is_no_silence() {
        let mut seam = answered_at_once();
        seam.arriving(ms(1900));
        assert!(!seam.is_reached(ms(3899), Seq::START));
        assert!(seam.is_reached(ms(3900), Seq::START));
    }

    #[test]
    fn a_later_answer_does_not_break_a_silence() {
        let mut seam = answered_at_once();
        seam.answered(ms(1900));
        assert!(seam.is_reached(ms(2000), Seq::START));
    }

    #[test]
    fn two_silent_seconds_are_the_seam() {
        let mut seam = answered_at_once();
        assert!(!seam.is_reached(ms(1999), Seq::START));
        assert!(seam.is_reached(ms(2000), Seq::START));
        seam.heard(ms(1500));
        assert!(!seam.is_reached(ms(3499), seq(1)));
        assert!(seam.is_reached(ms(3500), seq(1)));
    }

    #[test]
    fn silence_counts_only_while_we_read() {
        let mut seam = answered_at_once();
        seam.reading(ms(100), false);
        assert!(!seam.is_reached(ms(9000), seq(1)));
        seam.reading(ms(9000), true);
        assert!(!seam.is_reached(ms(10_999), seq(1)));
        assert!(seam.is_reached(ms(11_000), seq(1)));
    }

    #[test]
    fn a_stream_that_never_falls_silent_is_measured_by_a_second_connection() {
        let mut seam = Seam::opened(ms(0));
        for at in (0..20_000).step_by(500) {
            seam.heard(ms(at));
        }
        assert!(!seam.wants_probe(ms(9_999)));
        assert!(seam.wants_probe(ms(10_000)));
        seam.probed(ms(11_000), None);
        assert!(!seam.wants_probe(ms(20_999)));
        assert!(seam.wants_probe(ms(21_000)));
        seam.probed(ms(21_000), None);
        assert!(!seam.wants_probe(ms(40_999)));
        seam.probed(ms(41_000), Some(seq(50)));
        assert!(!seam.wants_probe(ms(990_000)));
        assert!(!seam.is_reached(ms(20_000), seq(49)));
        assert!(seam.is_reached(ms(20_000), seq(50)));
    }
}
