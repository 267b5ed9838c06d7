//! What is done when the stream shows that the labeler may have started over, and when it breaks
//! off at one frame again and again (contract section 6).

use super::{Subscription, asked_to_wait};
use crate::clock::wall_clock;
use crate::confirm::{Confirmed, Unclear, confirm};
use crate::dial::dial;
use crate::life;
use crate::line::{Line, LineError};
use crate::socket::Came;
use fleet::{Heard, State};
use label::Seq;
use std::sync::Arc;
use std::time::Duration;
use store::{Remedy, StoreError};

/// A stream from which nothing comes for so long goes on.
const GOES_ON_AFTER: Duration = Duration::from_secs(5);

impl Subscription {
    /// Finds out whether the labeler has started over, and begins a new epoch if so.
    pub(super) async fn confirm(&mut self) -> Result<Heard, StoreError> {
        let undecided = Heard::Undecided { retry_after: None };
        let Some(known) = self.known.clone() else { return Ok(undecided) };
        let Ok(_turn) = self.shared.confirms.clone().acquire_owned().await else {
            return Ok(undecided);
        };
        self.take_place().await;
        let row = self.row().await?;
        let confirmed = confirm(&self.shared, &known.service, &row).await;
        self.place = None;
        match confirmed {
            Ok(Confirmed::Reset { why }) => {
                self.doubt.take();
                let (did, state) = (self.labeler.clone(), State::Backfilling.as_str());
                let told = self.shared.store.reset(did, row.epoch, state, wall_clock()).await?;
                if let Some(event) = told {
                    life::tell(&event, Some(&why), None);
                }
                self.shared.board.starts_over(&self.labeler);
                self.reread_at = None;
                self.note_trouble(State::Waiting, format!("it has started over: {why}"));
                Ok(Heard::Reset)
            }
            Ok(Confirmed::NotReset(mut late)) => {
                self.doubt.extend(late.take());
                self.show(State::Waiting);
                self.late_to_the_store().await?;
                Ok(Heard::NotReset)
            }
            Err(Unclear { why, retry_after }) => {
                let before = self.status.error.take().unwrap_or_default();
                let before = before.split(UNDECIDED).next().unwrap_or_default();
                self.trouble(State::Waiting, format!("{before}{UNDECIDED}{why}"));
                // What raised the doubt may be found nowhere else.
                self.late_to_the_store().await?;
                Ok(Heard::Undecided { retry_after })
            }
        }
    }

    /// Stores what was published late. Answers how long to wait if it cannot be judged now; then
    /// it is kept.
    pub(super) async fn late_to_the_store(&mut self) -> Result<Option<Heard>, StoreError> {
        let Some(known) = self.known.clone() else { return Ok(None) };
        if self.doubt.is_empty() {
            return Ok(None);
        }
        let row = self.row().await?;
        let (shared, did) = (self.shared.clone(), self.labeler.clone());
        let mut line = Line::new(shared, did, known.key, (row.epoch, row.cursor), true);
        let late = self.doubt.take();
        match line.store_late(late.clone()).await {
            Ok(stored) => {
                if stored > 0 {
                    tracing::info!(labeler = %self.labeler, stored, "labels were published late");
                }
                Ok(None)
            }
            Err(LineError::Store(error)) if error.remedy() == Remedy::Leave => Err(error),
            Err(error) => {
                self.doubt.extend(late);
                self.trouble(State::Waiting, error.to_string());
                match error {
                    LineError::Store(error) => Err(error),
                    LineError::Unasked(error) => {
                        Ok(Some(Heard::Unasked { retry_after: asked_to_wait(&error) }))
                    }
                    _ => Ok(Some(Heard::Lost { retry_after: None })),
                }
            }
        }
    }

    /// Finds out whether the stream goes on behind the frames at which it breaks off. Takes
    /// nothing of it.
    pub(super) async fn try_beyond(&mut self, beyond: i64) -> Result<Heard, StoreError> {
        let Some(known) = self.known.clone() else { return Ok(Heard::Lost { retry_after: None }) };
        let row = self.row().await?;
        let Some(cursor) = Seq::cursor(row.cursor.get().saturating_add(beyond)) else {
            return Ok(Heard::Fails);
        };
        self.take_place().await;
        let passes = Arc::clone(&self.shared.passes);
        let guard = self.shared.resolver.guard();
        let heard = match dial(guard, &known.service, Some(cursor), passes).await {
            Ok(mut socket) => {
                let first = async {
                    loop {
                        match socket.next().await {
                            Ok(Came::Pong) => {}
                            Ok(Came::Frame(frame)) => break goes_on(&frame),
                            Err(_ended) => break false,
                        }
                    }
                };
                let goes_on = tokio::time::timeout(GOES_ON_AFTER, first).await.unwrap_or(true);
                if goes_on { Heard::GoesOn } else { Heard::Fails }
            }
            Err(error) => return Ok(self.not_opened(&error)),
        };
        self.place = None;
        Ok(heard)
    }
}

const UNDECIDED: &str = "; whether the labeler has started over cannot be found out: ";

/// Whether this frame shows that the stream goes on.
fn goes_on(frame: &bytes::Bytes) -> bool {
    matches!(wire::decode(frame), Ok(wire::Frame::Labels { .. } | wire::Frame::Info { .. }))
}
