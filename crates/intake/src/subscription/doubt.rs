//! What is done when the stream shows that the labeler may have started over, and when it breaks
//! off at one frame again and again (contract section 6).

use super::Subscription;
use crate::clock::wall_clock;
use crate::confirm::{Confirmed, confirm};
use crate::dial::dial;
use crate::line::{Doubt, Line, LineError};
use crate::socket::Came;
use fleet::{Heard, State};
use label::Seq;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;

/// A stream from which nothing comes for so long goes on.
const GOES_ON_AFTER: Duration = Duration::from_secs(5);

impl Subscription {
    /// Finds out whether the labeler has started over, and begins a new epoch if so.
    pub(super) async fn confirm(&mut self) -> Result<Heard, StoreError> {
        let Some(known) = self.known.clone() else { return Ok(Heard::Undecided) };
        let row = self.row().await?;
        self.take_place().await;
        let doubt = std::mem::take(&mut self.doubt);
        match confirm(&self.shared, &known.service, &row).await {
            Ok(Confirmed::Reset { why }) => {
                tracing::warn!(labeler = %self.labeler, why, "the labeler has started over");
                let (did, state) = (self.labeler.clone(), State::Backfilling.as_str());
                self.shared.store.reset(did, row.epoch, state, wall_clock()).await?;
                self.reread_at = None;
                Ok(Heard::Reset)
            }
            Ok(Confirmed::NotReset(late)) => {
                self.store_late(Doubt { late }, doubt).await?;
                self.place = None;
                Ok(Heard::NotReset)
            }
            Err(why) => {
                self.place = None;
                // Kept, since it may be found nowhere else.
                self.doubt = doubt;
                let before = self.status.error.take().unwrap_or_default();
                let before = before.split(UNDECIDED).next().unwrap_or_default();
                self.trouble(State::Waiting, format!("{before}{UNDECIDED}{why}"));
                Ok(Heard::Undecided)
            }
        }
    }

    /// Stores what was published late: what was found now, and what raised the doubt.
    async fn store_late(&mut self, found: Doubt, mut doubt: Doubt) -> Result<(), StoreError> {
        let Some(known) = self.known.clone() else { return Ok(()) };
        let row = self.row().await?;
        let at = |placed: &crate::bundle::Placed| (placed.seq, placed.place);
        doubt.late.retain(|one| found.late.iter().all(|other| at(other) != at(one)));
        let late = found.late.into_iter().chain(doubt.late).collect();
        let (shared, did) = (self.shared.clone(), self.labeler.clone());
        let mut line = Line::new(shared, did, known.key, (row.epoch, row.cursor), true);
        match line.store_late(late).await {
            Ok(0) => Ok(()),
            Ok(stored) => {
                tracing::info!(labeler = %self.labeler, stored, "labels were published late");
                Ok(())
            }
            Err(LineError::Store(error)) => Err(error),
            // They will be missed again.
            Err(error) => {
                tracing::info!(labeler = %self.labeler, %error, "late labels are not stored yet");
                Ok(())
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
