//! Where connections come in, and where everybody's end is heard.
//!
//! The hall holds every consumer and every connection. It ends when it is told to, or with
//! an error when a consumer does; then all of them end with it. Consumers that were kept
//! are all started at the beginning: one that nobody listens to only waits.

use crate::consumer::{self, Begin, Ended, Share, Word};
use crate::desk::Conn;
use crate::hook::Poster;
use crate::names::{Held, Names};
use crate::patience::patiently;
use crate::query::Wish;
use crate::rack::{self, Rack};
use crate::reader::Seat;
use crate::settings::{DeliverError, Limits, Settings};
use crate::socket::Peer;
use crate::standing::Standing;
use crate::taste::Taste;
use axum::extract::ws::WebSocket;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The consumer that is always there.
pub(crate) const DEFAULT: &str = "default";
/// Words of all sockets of one consumer; a socket waits when it is full, and its peer
/// with it.
const WORDS: usize = 256;
/// For the last acks to be kept. What is not in time comes again.
const LEAVING: Duration = Duration::from_millis(1500);

/// What the hall is asked to do.
#[derive(Debug)]
pub(crate) enum Call {
    /// To let a connection in.
    Arrive(Box<Arrival>),
    /// To let one in that is read in this process.
    Read(Box<(Seat, Place)>),
    /// To see that this consumer runs.
    Begin { name: String, begun: oneshot::Sender<()> },
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
    TooManyFilters,
    Webhook,
    Reserved,
}

impl Refusal {
    /// Whether it was wrong to ask, and not only now.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Webhook | Self::Reserved)
    }

    /// One sentence for who asked.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "the server is stopping",
            Self::Full => "too many connections",
            Self::TooManyConsumers => "too many consumers are in use",
            Self::TooManyFilters => "too many different filters of one consumer are in use",
            Self::Webhook => "this consumer is delivered by webhook",
            Self::Reserved => "this consumer is a part of labeltap",
        }
    }
}

/// One of the places for connections; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    held: Held,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn new(held: Held, permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("labeltap_connections").increment(1);
        Self { held, _permit: permit }
    }

    /// How often the consumer has begun anew.
    pub(crate) fn life(&self) -> u64 {
        self.held.standing.life()
    }

    pub(crate) fn consumer(&self) -> &str {
        &self.held.standing.name
    }

    /// What the connection takes, if anything.
    pub(crate) fn taste(&self) -> Option<&Taste> {
        self.held.taste.as_ref()
    }

    /// Where its consumer stands.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.held.standing)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("labeltap_connections").decrement(1);
    }
}

pub(crate) struct Hall {
    store: Store,
    settings: Settings,
    limits: Limits,
    names: Arc<Names>,
    share: Share,
    rack: Rack,
    poster: Result<Poster, String>,
    inboxes: HashMap<String, mpsc::Sender<Word>>,
    consumers: JoinSet<Result<Ended, DeliverError>>,
    peers: JoinSet<()>,
    /// Those that are read in this process: they are told to go, and carry what was said.
    readers: JoinSet<()>,
    readers_stop: CancellationToken,
    last: u64,
}

impl Hall {
    pub(crate) fn new(
        store: Store,
        settings: Settings,
        limits: Limits,
        names: Arc<Names>,
        poster: Result<Poster, String>,
    ) -> Self {
        let share = Share::default();
        let mut hall = Self {
            store,
            settings,
            limits,
            names,
            rack: Rack::new(share.clone(), rack::MOST),
            share,
            poster,
            inboxes: HashMap::new(),
            consumers: JoinSet::new(),
            peers: JoinSet::new(),
            readers: JoinSet::new(),
            readers_stop: CancellationToken::new(),
            last: 0,
        };
        hall.announce();
        hall
    }

    /// The default consumer is known before anything runs, and how it is delivered.
    fn announce(&mut self) {
        let (nobody, _) = mpsc::channel(1);
        let standing = self.names.runs(DEFAULT, &nobody);
        let webhook = self.settings.webhook.as_ref().map(|_| String::new());
        standing.show(|shown| shown.webhook = webhook);
    }

    pub(crate) async fn run(
        mut self,
        mut calls: mpsc::Receiver<Call>,
        stop: CancellationToken,
    ) -> Result<(), DeliverError> {
        self.inbox(DEFAULT);
        let kept = patiently(|| self.store.consumers());
        let Some(kept) = stop.run_until_cancelled(kept).await else { return self.leave().await };
        for row in kept.map_err(DeliverError::Consumers)? {
            if self.settings.reserved.iter().any(|name| name.is_read() && name.name == row.name) {
                continue;
            }
            self.inbox(&row.name);
            if let (Some(_), Some(standing)) = (row.webhook, self.names.standing(&row.name)) {
                // Until its actor has opened it.
                standing.show(|shown| shown.webhook = Some(String::new()));
            }
        }
        self.names.are_complete();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.consumers.join_next() => {
                    // None ends by itself while we hold its inbox, unless it was removed.
                    self.part(ended.map_err(DeliverError::Panicked)??);
                }
                Some(ended) = self.peers.join_next() => heard(ended),
                Some(ended) = self.readers.join_next() => heard(ended),
                Some(call) = calls.recv() => self.answer(call),
            }
        }
        drop(calls);
        self.leave().await
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Arrive(arrival) => self.welcome(*arrival),
            Call::Read(arrived) => self.seat(*arrived),
            Call::Begin { name, begun } => {
                self.inbox(&name);
                let _nobody_waits = begun.send(());
            }
        }
    }

    fn welcome(&mut self, arrival: Arrival) {
        let Arrival { socket, wish, place } = arrival;
        tracing::info!(consumer = wish.consumer, types = wish.types, "channel opened");
        self.last += 1;
        let peer = Peer {
            conn: Conn(self.last),
            consumer: self.inbox(&wish.consumer),
            takes: wish.takes,
            raw: wish.raw,
            rack: self.rack.clone(),
            limits: self.limits,
            place,
        };
        self.peers.spawn(peer.run(socket));
    }

    fn seat(&mut self, (seat, place): (Seat, Place)) {
        tracing::info!(consumer = place.consumer(), "reader opened");
        self.last += 1;
        let consumer = self.inbox(place.consumer());
        let stop = self.readers_stop.clone();
        self.readers.spawn(seat.run(Conn(self.last), place, consumer, stop));
    }

    /// The way to a consumer, which is started when it has not been yet.
    fn inbox(&mut self, name: &str) -> mpsc::Sender<Word> {
        if let Some(inbox) = self.inboxes.get(name) {
            return inbox.clone();
        }
        let (sender, inbox) = mpsc::channel(WORDS);
        let standing = self.names.runs(name, &sender);
        self.consumers.spawn(consumer::run(Begin {
            store: self.store.clone(),
            settings: self.settings.clone(),
            limits: self.limits,
            share: self.share.clone(),
            rack: self.rack.clone(),
            poster: self.poster.clone(),
            standing,
            inbox,
        }));
        self.inboxes.insert(name.to_owned(), sender.clone());
        sender
    }

    /// A consumer was removed.
    fn part(&mut self, ended: Ended) {
        let Ended { name, removed } = ended;
        self.inboxes.remove(&name);
        self.names.gone(&name);
        tracing::info!(consumer = name, "consumer removed");
        if let Some(removed) = removed {
            let _nobody_waits = removed.send(());
        }
    }

    /// Drops every connection. With the last one the inboxes close, and each consumer
    /// hears what is still in its own, keeps it and ends.
    async fn leave(mut self) -> Result<(), DeliverError> {
        self.peers.shutdown().await;
        self.inboxes.clear();
        self.readers_stop.cancel();
        let rest = async {
            while let Some(ended) = self.readers.join_next().await {
                heard(ended);
            }
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
