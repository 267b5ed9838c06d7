//! All labelers in one stream: `com.atproto.label.subscribeLabels`, served from the log
//! (contract section 7).
//!
//! A frame has one label, byte for byte as its labeler signed it, and our event id for its
//! number; so whoever follows labelers can follow this instead, and check every signature
//! again. Nothing is kept for a reader: each reads the log at its own pace, from its own cursor.
//!
//! [`Stream::routes`] has no authentication of its own: the `api` crate puts it in front.

mod asked;
mod door;
mod reader;

use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The method that is served.
pub const METHOD: &str = "/xrpc/com.atproto.label.subscribeLabels";

/// Limits of a connection, and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How often a reader is pinged.
    pub ping_every: Duration,
    /// A reader from whom nothing comes for so long, not even a pong, is gone.
    pub silence: Duration,
    /// A reader that takes nothing for so long is too slow; it has as long again to hear that.
    pub blocked: Duration,
}

impl Limits {
    /// As contract section 4 has them for the channel.
    pub const USUAL: Self = Self {
        connections: 256,
        ping_every: Duration::from_secs(20),
        silence: Duration::from_secs(60),
        blocked: Duration::from_secs(30),
    };
}

/// The stream, to be asked for. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Stream {
    store: Store,
    limits: Limits,
    places: Arc<Semaphore>,
    readers: TaskTracker,
    stop: CancellationToken,
}

impl Stream {
    /// A stream over what is stored, until it is told to stop.
    #[must_use]
    pub fn new(store: Store, limits: Limits, stop: CancellationToken) -> Self {
        describe();
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { store, limits, places, readers: TaskTracker::new(), stop }
    }

    /// Its route.
    pub fn routes(&self) -> Router {
        Router::new().route(METHOD, get(door::subscribe)).with_state(self.clone())
    }

    /// Returns when it was told to stop and every reader has been let go.
    pub async fn ended(self) {
        self.stop.cancelled().await;
        self.readers.close();
        self.readers.wait().await;
    }
}

fn describe() {
    metrics::describe_gauge!("labeltap_stream_readers", "readers of subscribeLabels");
    metrics::describe_counter!("labeltap_stream_frames_total", "frames sent to them");
}
