//! What each labeler is doing, for people who ask. Written by `intake`, read by the API.

use label::{Did, Millis};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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

/// Everybody's status. Cloning it is cheap; all clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<Did, Status>>>);

impl Board {
    /// What this labeler is doing; [`State::Pending`] when nobody has said.
    #[must_use]
    pub fn get(&self, did: &Did) -> Status {
        self.lock().get(did).cloned().unwrap_or_default()
    }

    /// Says what a labeler is doing.
    pub fn set(&self, did: Did, status: Status) {
        self.lock().insert(did, status);
    }

    /// Forgets a labeler that is no longer tracked.
    pub fn remove(&self, did: &Did) {
        self.lock().remove(did);
    }

    /// A panic while holding the lock cannot leave a status half written.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Did, Status>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
