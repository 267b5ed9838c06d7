//! What all subscriptions share: the way to the store, the directory, the processors.

use crate::calls::Calls;
use crate::clock::Clock;
use crate::judges::Judges;
use crate::places::Places;
use fleet::{Board, Rest};
use identity::Resolver;
use std::sync::Arc;
use store::Store;
use tokio::sync::Semaphore;

/// Handed to each subscription. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) resolver: Resolver,
    pub(crate) board: Board,
    pub(crate) judges: Judges,
    pub(crate) places: Places,
    /// How a subscription is told to read its document now.
    pub(crate) calls: Calls,
    /// Bytes of frames that may be in memory at once, over all labelers.
    pub(crate) memory: Arc<Semaphore>,
    /// How much that is when nobody holds any; a single frame never needs more.
    pub(crate) most_memory: usize,
    /// For frames that are large, while they are on their way in.
    pub(crate) passes: Arc<Semaphore>,
    /// How many second connections may be open at once, looking for a head.
    pub(crate) probes: Arc<Semaphore>,
    /// How many may be open at once, finding out whether a labeler has started over.
    pub(crate) confirms: Arc<Semaphore>,
    /// How many labels of one labeler may be stored.
    pub(crate) most_labels: Option<u64>,
    /// Whether the firehose is read: else nobody says that a deleted account is there again.
    pub(crate) hears_accounts: bool,
    pub(crate) clock: Clock,
    pub(crate) rest: Rest,
}
