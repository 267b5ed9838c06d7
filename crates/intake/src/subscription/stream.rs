//! The stream: opened, read, ended.

use super::{Subscription, asked_to_wait};
use crate::clock::wall_clock;
use crate::dial::{DialError, dial};
use crate::line::{Line, LineError};
use crate::reading::{Finish, Purpose, Reading, Step};
use fleet::{Heard, State};
use label::{Change, Seq};
use std::sync::Arc;
use std::time::Duration;
use store::{LabelerRow, Remedy, StoreError};
use tokio::sync::watch;

/// When the store accepts writes again, all labelers are back within this.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// A store that is merely busy for a moment is no reason to hang up.
const REFUSED_FOR: Duration = Duration::from_secs(3);

/// Returns when the store accepts nothing, and has not for a while.
async fn refused(accepting: &mut watch::Receiver<bool>) {
    loop {
        if accepting.wait_for(|accepts| !accepts).await.is_err() {
            return std::future::pending().await; // it has ended, and whoever writes hears that
        }
        tokio::time::sleep(REFUSED_FOR).await;
        if !*accepting.borrow() {
            return;
        }
    }
}

impl Subscription {
    pub(super) async fn dial(&mut self, beyond: i64) -> Result<Heard, StoreError> {
        let Some(known) = self.known.clone() else { return Ok(Heard::Lost { retry_after: None }) };
        let row = self.row().await?;
        if self.room(&row) == 0 {
            return Ok(self.full(&row));
        }
        self.take_place().await;
        // Getting there may have taken long.
        let row = self.row().await?;
        self.show(State::Connecting);
        if let Some(heard) = self.late_to_the_store().await? {
            self.place = None;
            return Ok(heard);
        }
        self.gather(&row).await?;
        let rewound = self.rewound(&row, beyond).await?;
        let ahead = Seq::cursor(row.cursor.get().saturating_add(beyond));
        let cursor = rewound.unwrap_or(ahead.unwrap_or(row.cursor));
        let passes = Arc::clone(&self.shared.passes);
        let guard = self.shared.resolver.guard();
        match dial(guard, &known.service, Some(cursor), passes).await {
            Ok(socket) => {
                let (shared, labeler) = (self.shared.clone(), self.labeler.clone());
                let at = (row.epoch, row.cursor);
                let line = Line::new(shared, labeler, known.key, at, rewound.is_some());
                let purpose = self.purpose(&row, rewound);
                let (shared, labeler) = (self.shared.clone(), self.labeler.clone());
                let reading = Reading::new(shared, known.service, labeler, socket, line, purpose);
                self.reading = Some(Box::new(reading));
                self.status.connected_since = Some(wall_clock());
                self.show(if row.caught_up { State::Live } else { State::Backfilling });
                self.happened(Change::Connected).await?;
                if beyond > 0 {
                    self.left_out(row.cursor, cursor).await?;
                } else if self.left_out.take().is_some() {
                    self.status.error = None;
                }
                Ok(Heard::Opened)
            }
            Err(error) => Ok(self.not_opened(&error)),
        }
    }

    /// Frames at which the stream breaks off are left out.
    async fn left_out(&mut self, after: Seq, until: Seq) -> Result<(), StoreError> {
        if self.left_out.replace((after, until)) == Some((after, until)) {
            return Ok(());
        }
        let why = format!(
            "the stream breaks off after frame {after}; it is read from {until} on, and what lies \
             between is lost"
        );
        self.status.error = Some(why);
        self.show(self.status.state);
        self.happened(Change::Gap).await
    }

    /// After a reset: gathers what was said before, to compare what comes with.
    async fn gather(&mut self, row: &LabelerRow) -> Result<(), StoreError> {
        if !row.gathering {
            return Ok(());
        }
        let mut after = None;
        loop {
            after = self.shared.store.gather(self.labeler.clone(), after).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Where to begin, if some of the stream is to be read a second time: behind what was read
    /// twice already, but not without one frame that is held, which shows that the numbering is
    /// the same.
    async fn rewound(&mut self, row: &LabelerRow, beyond: i64) -> Result<Option<Seq>, StoreError> {
        let due = self.reread_at.is_some_and(|at| self.shared.clock.now() >= at);
        if !row.caught_up || beyond > 0 || !due || row.cursor == Seq::START {
            return Ok(None);
        }
        let held = self.shared.store.rewound(self.labeler.clone(), 1).await?;
        Ok(Some(row.settled.min(held)))
    }

    fn purpose(&mut self, row: &LabelerRow, rewound: Option<Seq>) -> Purpose {
        let now = self.shared.clock.now();
        let reread_at = now + self.shared.rest.until_reread(self.salt, rewound.is_none());
        // A stream that is opened again and again does not put it off. Where it was due and there
        // was nothing to read again, it is due again later.
        let reread_at = match (rewound, self.reread_at) {
            (None, Some(before)) if before > now => before.min(reread_at),
            _ => reread_at,
        };
        self.reread_at = Some(reread_at);
        let rewound = rewound.map(|_| row.cursor);
        Purpose { caught_up: row.caught_up, rewound, reread_at, room: self.room(row) }
    }

    /// How many more labels may be stored.
    fn room(&self, row: &LabelerRow) -> u64 {
        self.shared.most_labels.map_or(u64::MAX, |most| most.saturating_sub(row.labels))
    }

    fn full(&mut self, row: &LabelerRow) -> Heard {
        self.hang_up();
        let why = format!("{} labels are stored, as many as allowed", row.labels);
        self.trouble(State::OverLimit, why);
        Heard::Full
    }

    pub(super) fn not_opened(&mut self, error: &DialError) -> Heard {
        self.place = None;
        let state = if error.wants_auth() { State::AuthRequired } else { State::Waiting };
        self.trouble(state, error.to_string());
        Heard::Lost { retry_after: error.retry_after() }
    }

    /// Gets a place for the connection; with more labelers than places, in turn. Nobody is
    /// read while what they say cannot be kept.
    pub(super) async fn take_place(&mut self) {
        self.wait_for_the_store().await;
        if self.place.is_some() {
            return;
        }
        self.place = self.shared.places.try_take();
        if self.place.is_none() {
            self.show(State::Paused);
            self.place = Some(self.shared.places.take().await);
        }
    }

    /// Waits until the store accepts what is read, without a place. Then labelers come back
    /// one after the other, and each one's cursor knows where it was.
    async fn wait_for_the_store(&mut self) {
        let mut accepting = self.shared.store.accepting();
        while !*accepting.borrow_and_update() {
            self.place = None;
            let why = self.shared.store.refusal();
            let why = why.map_or_else(|| "the store is busy".to_owned(), |why| why.to_string());
            self.trouble(State::Waiting, format!("waiting for the store: {why}"));
            if accepting.wait_for(|accepts| *accepts).await.is_err() {
                return; // it has ended, and says so to whoever asks it next
            }
            let turn = self.salt % BACK_WITHIN.as_millis() as u64;
            tokio::time::sleep(Duration::from_millis(turn)).await;
        }
    }

    /// Reads on until there is something that the link should hear of.
    pub(super) async fn read(&mut self) -> Result<Heard, StoreError> {
        let mut accepting = self.shared.store.accepting();
        loop {
            let Some(reading) = &mut self.reading else {
                return Ok(Heard::Lost { retry_after: None });
            };
            let step = tokio::select! {
                step = reading.step() => step,
                () = refused(&mut accepting) => {
                    // Nothing more is read, also from those who say nothing (contract section 2).
                    self.status.connected_since = None;
                    self.hang_up();
                    self.happened(Change::Disconnected).await?;
                    return Ok(Heard::Anew);
                }
                outcome = self.watch.next(&self.shared, &self.labeler, &self.bell) => {
                    // Nothing of the stream may hold a turn while we wait for other things.
                    let step = reading.put_down().await;
                    match (self.looked_aside(outcome).await?, step) {
                        (Some(heard), _) => return Ok(heard),
                        (None, Some(step)) => step,
                        (None, None) => continue,
                    }
                }
            };
            match step {
                Step::Progressed => {
                    self.in_order();
                    return Ok(Heard::Progressed);
                }
                Step::LearnedKey => {
                    self.keep_key();
                    self.judge_again().await?;
                    return Ok(Heard::Progressed);
                }
                Step::CaughtUp => {
                    self.in_order();
                    self.show(State::Live);
                }
                Step::Steady => self.in_order(),
                Step::Gap => {
                    let why = "the labeler says OutdatedCursor";
                    self.happened_since(Change::Gap, Some(why)).await?;
                }
                Step::Settled(frame) => {
                    let epoch = self.row().await?.epoch;
                    self.shared.store.settled(self.labeler.clone(), epoch, frame).await?;
                }
                Step::Ended(finish) => {
                    let heard = self.ended(finish).await?;
                    self.happened(Change::Disconnected).await?;
                    return Ok(heard);
                }
            }
        }
    }

    /// Takes the last trouble off the board.
    fn in_order(&mut self) {
        // What was left out stays so, and is said until the stream is opened anew.
        let said = self.left_out.is_some().then(|| self.status.error.clone()).flatten();
        if self.status.error.take().is_some() || self.status.retry_count > 0 {
            self.status.retry_count = 0;
            self.status.error = said;
            self.show(self.status.state);
        }
    }

    /// Keeps what the line has learned, since the next dial may not look again.
    fn keep_key(&mut self) {
        let line = self.reading.as_mut().and_then(|reading| reading.line());
        if let (Some(known), Some(line)) = (&mut self.known, line) {
            known.key = line.bench().key().clone();
        }
    }

    async fn ended(&mut self, finish: Finish) -> Result<Heard, StoreError> {
        self.keep_key();
        self.hang_up();
        let lost = Heard::Lost { retry_after: None };
        match finish {
            Finish::BrokeOff { why, said } => {
                let at = self.row().await?.cursor;
                let why = format!("{why} (after frame {at})");
                self.trouble(State::Waiting, why);
                Ok(Heard::BrokeOff { at: at.get(), said })
            }
            Finish::Lost(why) => {
                self.trouble(State::Waiting, why);
                Ok(lost)
            }
            Finish::TooSlow => {
                self.trouble(State::Waiting, "the labeler says ConsumerTooSlow".to_owned());
                Ok(Heard::TooSlow)
            }
            Finish::Doubt { why, mut doubt } => {
                self.doubt.extend(doubt.take());
                self.trouble(State::Connecting, why);
                Ok(Heard::Doubt)
            }
            Finish::Full => {
                let row = self.row().await?;
                Ok(self.full(&row))
            }
            Finish::TurnOver => {
                self.status.connected_since = None;
                self.show(State::Paused);
                Ok(Heard::Anew)
            }
            Finish::Reread => {
                self.status.connected_since = None;
                Ok(Heard::Anew)
            }
            Finish::Line(LineError::Store(error)) => match error.remedy() {
                Remedy::Retry | Remedy::Resync => {
                    self.trouble(State::Waiting, error.to_string());
                    Ok(lost)
                }
                Remedy::Leave | Remedy::GiveUp => Err(error),
            },
            Finish::Line(LineError::Unasked(error)) => {
                let retry_after = asked_to_wait(&error);
                self.trouble(State::Waiting, LineError::Unasked(error).to_string());
                Ok(Heard::Unasked { retry_after })
            }
            Finish::Line(error) => {
                self.trouble(State::Waiting, error.to_string());
                Ok(lost)
            }
        }
    }
}
