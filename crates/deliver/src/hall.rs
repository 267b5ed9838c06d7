//! Where connections come in, and where everybody's end is heard.
//!
//! [`Deliver::start`] gives a handle, which the route and the API hold, and a future, the
//! hall, which holds every consumer and every connection. It ends when it is told to, or
//! with an error when a consumer does; then all of them end with it.

use crate::channel::channel;
use crate::consumer::{self, Start, Word};
use crate::count::Count;
use crate::desk::Conn;
use crate::query::Wish;
use crate::settings::{DeliverError, Limits, Settings};
use crate::socket::Peer;
use axum::extract::ws::WebSocket;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The consumer that is always there.
const DEFAULT: &str = "default";
/// Upgraded connections on their way to the hall, which does nothing but wait for them.
const ARRIVALS: usize = 16;
/// Words of all sockets of one consumer; a socket waits when it is full, and its peer
/// with it.
const WORDS: usize = 256;
/// For the last acks to be kept. What is not in time comes again.
const LEAVING: Duration = Duration::from_millis(1500);

/// A handle on delivery. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Deliver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    arrivals: mpsc::Sender<Arrival>,
    places: Arc<Semaphore>,
    names: Arc<Names>,
    most_names: usize,
    count: Arc<Count>,
    stop: CancellationToken,
}

/// A connection that was let in.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) socket: WebSocket,
    pub(crate) wish: Wish,
    pub(crate) place: Place,
}

/// Why a connection was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Stopping,
    Full,
    TooManyConsumers,
}

/// One of the places for connections; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    consumer: String,
    names: Arc<Names>,
    _permit: OwnedSemaphorePermit,
}

/// Consumers that run, and those that somebody may be about to connect to.
#[derive(Debug)]
struct Names(Mutex<HashMap<String, Name>>);

#[derive(Debug, Default)]
struct Name {
    places: usize,
    /// Somebody has arrived, so the consumer runs.
    runs: bool,
}

impl Names {
    fn new() -> Self {
        let default = Name { places: 0, runs: true };
        Self(Mutex::new(HashMap::from([(DEFAULT.to_owned(), default)])))
    }

    /// A panic while holding the lock cannot leave the map half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the name for one more place, unless it would be one name too many.
    fn take(&self, name: &str, most: usize) -> bool {
        let mut names = self.lock();
        if !names.contains_key(name) && names.len() >= most {
            return false;
        }
        names.entry(name.to_owned()).or_default().places += 1;
        true
    }

    fn runs(&self, name: &str) {
        if let Some(name) = self.lock().get_mut(name) {
            name.runs = true;
        }
    }

    /// A name under which nobody arrived is forgotten with its last place.
    fn leave(&self, name: &str) {
        let mut names = self.lock();
        let Some(entry) = names.get_mut(name) else { return };
        entry.places = entry.places.saturating_sub(1);
        if entry.places == 0 && !entry.runs {
            names.remove(name);
        }
    }
}

impl Place {
    pub(crate) fn consumer(&self) -> &str {
        &self.consumer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.names.leave(&self.consumer);
        metrics::gauge!("labeltap_connections").decrement(1);
    }
}

impl Deliver {
    /// A handle, and the future that does the work. The future ends only after `stop`, or
    /// with an error; within 2 s of `stop` acks are kept and every connection is dropped,
    /// without a close frame.
    pub fn start(
        store: Store,
        settings: Settings,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = Result<(), DeliverError>> + Send) {
        Self::start_within(Limits::default(), store, settings, stop)
    }

    /// The same with other limits, for tests.
    pub fn start_within(
        limits: Limits,
        store: Store,
        settings: Settings,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = Result<(), DeliverError>> + Send) {
        let (arrivals, door) = mpsc::channel(ARRIVALS);
        let count = Arc::new(Count::new(store.head()));
        let shared = Shared {
            arrivals,
            places: Arc::new(Semaphore::new(limits.connections)),
            names: Arc::new(Names::new()),
            most_names: limits.consumers,
            count: Arc::clone(&count),
            stop: stop.clone(),
        };
        let hall = Hall {
            store,
            settings,
            limits,
            count,
            inboxes: HashMap::new(),
            consumers: JoinSet::new(),
            peers: JoinSet::new(),
            last: 0,
        };
        (Self(Arc::new(shared)), hall.run(door, stop))
    }

    /// `GET /channel`, without authentication.
    pub fn routes(&self) -> axum::Router {
        axum::Router::new().route("/channel", axum::routing::get(channel)).with_state(self.clone())
    }

    /// Label events that the default consumer has not acked. Costs nothing. 0 before
    /// [`Deliver::counted`] returns.
    pub fn unacked(&self) -> u64 {
        self.0.count.unacked()
    }

    /// Returns once [`Deliver::unacked`] is right, soon after the future runs. Whoever
    /// waits for this also watches the future: when that fails first, this never returns.
    pub async fn counted(&self) {
        self.0.count.counted().await;
    }

    /// A place for a connection of this consumer.
    pub(crate) fn place(&self, consumer: &str) -> Result<Place, Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        let permit = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Refusal::Full)?;
        if !self.0.names.take(consumer, self.0.most_names) {
            return Err(Refusal::TooManyConsumers);
        }
        metrics::gauge!("labeltap_connections").increment(1);
        let names = Arc::clone(&self.0.names);
        Ok(Place { consumer: consumer.to_owned(), names, _permit: permit })
    }

    /// Brings an upgraded connection to the hall. When there is none any more the
    /// connection is dropped.
    pub(crate) async fn arrive(&self, arrival: Arrival) {
        self.0.names.runs(arrival.place.consumer());
        let _dropped_when_stopped = self.0.arrivals.send(arrival).await;
    }
}

struct Hall {
    store: Store,
    settings: Settings,
    limits: Limits,
    count: Arc<Count>,
    inboxes: HashMap<String, mpsc::Sender<Word>>,
    consumers: JoinSet<Result<(), DeliverError>>,
    peers: JoinSet<()>,
    last: u64,
}

impl Hall {
    async fn run(
        mut self,
        mut door: mpsc::Receiver<Arrival>,
        stop: CancellationToken,
    ) -> Result<(), DeliverError> {
        self.inbox(DEFAULT);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.consumers.join_next() => {
                    // None ends by itself while we hold its inbox, unless it failed.
                    ended.map_err(DeliverError::Panicked)??;
                }
                Some(ended) = self.peers.join_next() => heard(ended),
                Some(arrival) = door.recv() => self.welcome(arrival),
            }
        }
        drop(door);
        self.leave().await
    }

    fn welcome(&mut self, arrival: Arrival) {
        let Arrival { socket, wish, place } = arrival;
        tracing::info!(consumer = wish.consumer, labels = wish.labels, "channel opened");
        self.last += 1;
        let peer = Peer {
            conn: Conn(self.last),
            consumer: self.inbox(&wish.consumer),
            takes: wish.labels,
            raw: wish.raw,
            limits: self.limits,
            place,
        };
        self.peers.spawn(peer.run(socket));
    }

    /// The way to a consumer, which is started when it has not been yet.
    fn inbox(&mut self, name: &str) -> mpsc::Sender<Word> {
        if let Some(inbox) = self.inboxes.get(name) {
            return inbox.clone();
        }
        let (sender, inbox) = mpsc::channel(WORDS);
        self.consumers.spawn(consumer::run(Start {
            name: name.to_owned(),
            store: self.store.clone(),
            settings: self.settings,
            limits: self.limits,
            inbox,
            count: (name == DEFAULT).then(|| Arc::clone(&self.count)),
        }));
        self.inboxes.insert(name.to_owned(), sender.clone());
        sender
    }

    /// Drops every connection. With the last one the inboxes close, and each consumer
    /// hears what is still in its own, keeps it and ends.
    async fn leave(mut self) -> Result<(), DeliverError> {
        self.peers.shutdown().await;
        self.inboxes.clear();
        let rest = async {
            while let Some(ended) = self.consumers.join_next().await {
                ended.map_err(DeliverError::Panicked)??;
            }
            Ok(())
        };
        timeout(LEAVING, rest).await.unwrap_or_else(|_| {
            tracing::warn!("the last acks could not be kept in time, their events come again");
            Ok(())
        })
    }
}

/// A connection's task says itself how it ended, unless it panicked. That ends one
/// connection; its consumer finds out, and nobody else is touched.
fn heard(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_nobody_arrived_under_is_free_again() {
        let names = Names::new();
        assert!(names.take("one", 2) && names.take("one", 2) && names.take(DEFAULT, 2));
        assert!(!names.take("two", 2));
        names.leave("one");
        assert!(!names.take("two", 2), "somebody may still come");
        names.leave("one");
        assert!(names.take("two", 2));
        names.runs("two");
        names.leave("two");
        assert!(!names.take("three", 2) && names.take("two", 2), "its consumer runs");
    }
}
