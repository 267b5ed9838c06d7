//! What each labeler and the firehose are doing, for people who ask. Written by `intake`, read by
//! the API.

use label::{Did, Millis, Seq};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The states of contract section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Nobody has looked at it yet.
    #[default]
    Pending,
    /// Its document is being read or its stream is being opened.
    Connecting,
    /// Reading what it said before.
    Backfilling,
    /// Caught up.
    Live,
    /// In back-off.
    Waiting,
    /// Its document names no labeler service that can be used.
    NoService,
    /// Its document has no label key that can be used.
    NoKey,
    /// It wants a password that nobody has.
    AuthRequired,
    /// There is no such DID any more.
    Gone,
    /// Others have the places.
    Paused,
    /// It has stored as much as it may.
    OverLimit,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Connecting,
        Self::Backfilling,
        Self::Live,
        Self::Waiting,
        Self::NoService,
        Self::NoKey,
        Self::AuthRequired,
        Self::Gone,
        Self::Paused,
        Self::OverLimit,
    ];

    /// The name used in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connecting => "connecting",
            Self::Backfilling => "backfilling",
            Self::Live => "live",
            Self::Waiting => "waiting",
            Self::NoService => "no-service",
            Self::NoKey => "no-key",
            Self::AuthRequired => "auth-required",
            Self::Gone => "gone",
            Self::Paused => "paused",
            Self::OverLimit => "over-limit",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What one labeler is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// In one word.
    pub state: State,
    /// The latest trouble, until it is over.
    pub error: Option<String>,
    /// Since when the stream is open.
    pub connected_since: Option<Millis>,
    /// Failures in a row.
    pub retry_count: u32,
    /// When it will be tried again.
    pub retry_after: Option<Millis>,
}

/// How the firehose is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firehose {
    /// Whether its stream is open.
    pub connected: bool,
    /// Why it last was lost, until it is open again.
    pub error: Option<String>,
    /// How old the last event was when it came, in milliseconds, by the relay's clock and ours.
    pub lag: Option<i64>,
    /// When the last event came.
    pub event_at: Option<Millis>,
    /// Events that came since the start.
    pub events: u64,
    /// The last event that was taken in.
    pub cursor: Option<Seq>,
}

/// Everybody's status. Cloning it is cheap; all clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Board {
    labelers: Arc<Mutex<HashMap<Did, Shown>>>,
    /// `None` while nobody reads it.
    firehose: Arc<Mutex<Option<Firehose>>>,
    rejected: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shown {
    status: Status,
    /// Where its stream ends, as a second connection has seen it, until it is caught up with.
    head: Option<Seq>,
    came: Came,
}

/// What came of a labeler since it is followed, or since the start. Only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Came {
    /// Labels stored.
    pub stored: u64,
    /// Labels rejected.
    pub rejected: u64,
}

impl Board {
    /// What this labeler is doing; [`State::Pending`] when nobody has said.
    #[must_use]
    pub fn get(&self, did: &Did) -> Status {
        lock(&self.labelers).get(did).map(|shown| shown.status.clone()).unwrap_or_default()
    }

    /// Says what a labeler is doing.
    pub fn set(&self, did: Did, status: Status) {
        let mut labelers = lock(&self.labelers);
        let shown = labelers.entry(did).or_default();
        if status.state == State::Live {
            shown.head = None;
        }
        shown.status = status;
    }

    /// Forgets a labeler that is no longer tracked.
    pub fn remove(&self, did: &Did) {
        lock(&self.labelers).remove(did);
    }

    /// A sequence number that the labeler has reached already, seen ahead of what was read. It
    /// is kept until the labeler is live.
    pub fn reaches(&self, did: &Did, head: Seq) {
        let mut labelers = lock(&self.labelers);
        if let Some(shown) = labelers.get_mut(did).filter(|shown| shown.status.state != State::Live)
        {
            shown.head = shown.head.max(Some(head));
        }
    }

    /// It has started over: where its stream ended says nothing any more.
    pub fn starts_over(&self, did: &Did) {
        if let Some(shown) = lock(&self.labelers).get_mut(did) {
            shown.head = None;
        }
    }

    /// So much more of this labeler is on disk.
    pub fn came(&self, did: &Did, more: Came) {
        self.rejected.fetch_add(more.rejected, Ordering::Relaxed);
        if let Some(shown) = lock(&self.labelers).get_mut(did) {
            shown.came.stored += more.stored;
            shown.came.rejected += more.rejected;
        }
    }

    /// What came of this labeler.
    #[must_use]
    pub fn has_come(&self, did: &Did) -> Came {
        lock(&self.labelers).get(did).map(|shown| shown.came).unwrap_or_default()
    }

    /// Labels rejected since the start, of whomever. Only grows.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Where the labeler's stream ends at least, if that is known while it is being read.
    #[must_use]
    pub fn head(&self, did: &Did) -> Option<Seq> {
        lock(&self.labelers).get(did).and_then(|shown| shown.head)
    }

    /// How the firehose is read; `None`: it is not.
    #[must_use]
    pub fn firehose(&self) -> Option<Firehose> {
        lock(&self.firehose).clone()
    }

    /// Changes what is shown of the firehose.
    pub fn hears(&self, change: impl FnOnce(&mut Firehose)) {
        change(lock(&self.firehose).get_or_insert_default());
    }
}

/// A panic while holding the lock cannot leave a status half written.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_stream_is_shown_until_the_labeler_is_live() {
        let board = Board::default();
        let did = Did::parse("did:plc:ar7c4by46qjdydhdevvrndac").unwrap();
        let seq = |number| Seq::cursor(number).unwrap();
        let in_state = |state| Status { state, ..Status::default() };
        board.reaches(&did, seq(5));
        assert_eq!(board.head(&did), None, "nobody follows it");
        board.set(did.clone(), in_state(State::Backfilling));
        board.reaches(&did, seq(900));
        board.reaches(&did, seq(700));
        board.set(did.clone(), in_state(State::Waiting));
        assert_eq!(board.head(&did), Some(seq(900)));
        board.set(did.clone(), in_state(State::Live));
        board.reaches(&did, seq(901));
        assert_eq!(board.head(&did), None);
    }

    #[test]
    fn nothing_is_shown_of_a_firehose_that_nobody_reads() {
        let board = Board::default();
        assert_eq!(board.firehose(), None);
        board.hears(|firehose| firehose.events += 1);
        assert_eq!(board.firehose().map(|firehose| firehose.events), Some(1));
    }
}
