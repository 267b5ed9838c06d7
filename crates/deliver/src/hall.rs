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
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
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
    names: Mutex<HashSet<String>>,
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
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn consumer(&self) -> &str {
        &self.consumer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
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
            names: Mutex::new(HashSet::from([DEFAULT.to_owned()])),
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
        // A panic while holding the lock cannot leave a set half written.
        let mut names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.contains(consumer) {
            if names.len() >= self.0.most_names {
                return Err(Refusal::TooManyConsumers);
            }
            names.insert(consumer.to_owned());
        }
        metrics::gauge!("labeltap_connections").increment(1);
        Ok(Place { consumer: consumer.to_owned(), _permit: permit })
    }

    /// Brings an upgraded connection to the hall. When there is none any more the
    /// connection is dropped.
    pub(crate) async fn arrive(&self, arrival: Arrival) {
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
