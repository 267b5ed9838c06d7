//! The handle on delivery that the channel's route and the API hold.

use crate::channel::{CHANNEL, channel};
use crate::consumer::{Ask, AskError, Change, Word};
use crate::hall::{Arrival, Call, DEFAULT, Hall, Place, Refusal};
use crate::hook::{self, Poster};
use crate::names::{Names, Taken};
use crate::query::{self, Wants};
use crate::reader::Reader;
use crate::reserved::Reserved;
use crate::settings::{DeliverError, Limits, Settings};
use crate::standing::Standing;
use crate::taste::Taste;
use label::{EventId, Filter, Hosts, Millis};
use std::sync::Arc;
use std::time::Duration;
use store::{DeadRow, Store};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Upgraded connections on their way to the hall, which does nothing but wait for them.
const ARRIVALS: usize = 16;
/// A consumer answers in milliseconds, unless the store is busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Reading who is there takes milliseconds, counting what is owed a little longer.
const READY: Duration = Duration::from_secs(5);

/// A handle on delivery. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Deliver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    calls: mpsc::Sender<Call>,
    places: Arc<Semaphore>,
    names: Arc<Names>,
    hosts: Hosts,
    reserved: Vec<Reserved>,
    /// Events that may wait for a reader in this process.
    unwritten: usize,
    stop: CancellationToken,
}

/// A consumer as it can be shown (contract section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Every event up to here is acked or passed over.
    pub position: i64,
    /// Label events that it has not acked; those its filter will leave out count until they
    /// were looked at.
    pub lag: u64,
    /// Events sent and not acked yet.
    pub in_flight: usize,
    /// Sockets.
    pub connections: usize,
    /// Events written since the start, repeats included.
    pub delivered: u64,
    /// Events sent again since the start.
    pub redelivered: u64,
    /// Events set aside since the start.
    pub dead: u64,
    /// Whether it is a part of labeltap itself.
    pub reserved: bool,
    /// When the oldest event that it has not acked was received, if there is one and it is known.
    pub oldest: Option<Millis>,
    /// Its filter.
    pub filter: Option<Filter>,
    /// Where its events are posted, without user and password.
    pub webhook: Option<String>,
    /// Why the last request of the webhook failed, if it did.
    pub last_error: Option<String>,
}

impl Told {
    fn of(standing: &Standing) -> Self {
        let shown = standing.shown();
        Self {
            name: standing.name.clone(),
            position: standing.position(),
            lag: standing.lag(),
            in_flight: standing.in_flight(),
            connections: standing.connections(),
            delivered: standing.delivered(),
            redelivered: standing.redelivered(),
            dead: standing.dead(),
            reserved: false,
            oldest: standing.oldest(),
            filter: shown.filter,
            webhook: shown.webhook,
            last_error: shown.last_error,
        }
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
        describe();
        let (calls, called) = mpsc::channel(ARRIVALS);
        let names = Arc::new(Names::new(store.head(), limits.consumers, limits.filters));
        let shared = Shared {
            store: store.clone(),
            calls,
            places: Arc::new(Semaphore::new(limits.connections)),
            names: Arc::clone(&names),
            hosts: settings.hosts,
            reserved: settings.reserved.clone(),
            unwritten: limits.unwritten,
            stop: stop.clone(),
        };
        let poster = Poster::new(hook::Limits::default()).map_err(|error| error.to_string());
        let hall = Hall::new(store, settings, limits, names, poster);
        (Self(Arc::new(shared)), hall.run(called, stop))
    }

    /// `GET /channel`, without authentication.
    pub fn routes(&self) -> axum::Router {
        axum::Router::new().route(CHANNEL, axum::routing::get(channel)).with_state(self.clone())
    }

    /// Label events that the default consumer has not acked. Costs nothing. 0 before
    /// [`Deliver::counted`] returns.
    pub fn unacked(&self) -> u64 {
        self.0.names.standing(DEFAULT).map_or(0, |standing| standing.lag())
    }

    /// Returns once [`Deliver::unacked`] is right, soon after the future runs. Whoever
    /// waits for this also watches the future: when that fails first, this never returns.
    pub async fn counted(&self) {
        if let Some(standing) = self.0.names.standing(DEFAULT) {
            standing.counted().await;
        }
    }

    /// Returns once every consumer that was kept is known, soon after the future runs; or
    /// after a while, since everybody who asks waits for this first.
    pub async fn ready(&self) {
        let _late = timeout(READY, self.0.names.complete()).await;
    }

    /// Returns once what each of them owes was counted; or after a while.
    pub async fn all_counted(&self) {
        let all = async {
            for standing in self.0.names.all() {
                standing.counted().await;
            }
        };
        let _late = timeout(READY, all).await;
    }

    /// Every consumer, ordered by name.
    pub fn consumers(&self) -> Vec<Told> {
        let own = self.0.names.all();
        let elsewhere = self.0.reserved.iter().filter_map(Reserved::told);
        let mut all: Vec<Told> =
            own.iter().map(|standing| Told::of(standing)).chain(elsewhere).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// One of them.
    pub fn consumer(&self, name: &str) -> Option<Told> {
        let running = self.0.names.running(name).map(|(standing, _)| Told::of(&standing));
        running.or_else(|| self.reserved(name)?.told())
    }

    fn reserved(&self, name: &str) -> Option<&Reserved> {
        self.0.reserved.iter().find(|reserved| reserved.name == name)
    }

    /// Makes a consumer, or changes one. When this answers the change is durable, and
    /// nothing is sent any more that the new filter leaves out.
    ///
    /// # Errors
    /// See [`AskError`]; nothing was changed then.
    pub async fn put(&self, name: &str, change: Change) -> Result<Told, AskError> {
        let name = query::consumer(name).map_err(AskError::Invalid)?;
        if self.reserved(&name).is_some() {
            return Err(is_reserved(&name));
        }
        // Before there is a consumer that would stay when the change is refused.
        change.begins_within(self.0.store.head().borrow().last)?;
        let held = self.0.names.hold(&name, None);
        let _held = held.map_err(|_| AskError::Busy("there are too many consumers"))?;
        if self.0.names.running(&name).is_none() {
            self.begin(&name).await?;
        }
        let answer = self.ask(&name, |answer| Ask::Change(Box::new(change), answer)).await?;
        answer?;
        self.consumer(&name).ok_or(AskError::NotFound(name))
    }

    async fn begin(&self, name: &str) -> Result<(), AskError> {
        let (begun, heard) = oneshot::channel();
        let call = Call::Begin { name: name.to_owned(), begun };
        self.0.calls.send(call).await.map_err(|_| STOPPING)?;
        heard.await.map_err(|_| STOPPING)
    }

    /// Forgets a consumer: its position, its settings, its dead letters. Its connections
    /// are dropped.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for the default consumer, which is always there, and for one that a
    /// part of ours reads as; `Busy`.
    pub async fn remove(&self, name: &str) -> Result<(), AskError> {
        if name == DEFAULT {
            return Err(AskError::Invalid("the default consumer cannot be removed".to_owned()));
        }
        if self.reserved(name).is_some_and(Reserved::is_read) {
            return Err(is_reserved(name));
        }
        self.ask(name, Ask::Remove).await
    }

    /// Dead letters of a consumer, ascending, above `after`.
    ///
    /// # Errors
    /// `NotFound`, `Store`.
    pub async fn dead(
        &self,
        name: &str,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<DeadRow>, AskError> {
        if self.consumer(name).is_none() {
            return Err(AskError::NotFound(name.to_owned()));
        }
        Ok(self.0.store.dead(name.to_owned(), after, limit).await?)
    }

    /// Sends these dead letters again, and answers those of them that were there.
    ///
    /// # Errors
    /// `NotFound`, `Busy`.
    pub async fn retry(&self, name: &str, ids: Vec<EventId>) -> Result<Vec<EventId>, AskError> {
        self.ask(name, |answer| Ask::Retry(ids, answer)).await?
    }

    /// Asks a consumer that runs, and waits for the answer within limits.
    async fn ask<T>(
        &self,
        name: &str,
        ask: impl FnOnce(oneshot::Sender<T>) -> Ask,
    ) -> Result<T, AskError> {
        let running = self.0.names.running(name);
        let (_, inbox) = running.ok_or_else(|| AskError::NotFound(name.to_owned()))?;
        let (answer, heard) = oneshot::channel();
        let word = Word::Ask(ask(answer));
        let asked = async {
            inbox.send(word).await.map_err(|_| GOING)?;
            drop(inbox);
            heard.await.map_err(|_| GOING)
        };
        timeout(PATIENCE, asked).await.unwrap_or(Err(AskError::Busy("the store is busy")))
    }

    /// Events written since the start, to whomever; repeats included. Never gets less.
    pub fn delivered(&self) -> u64 {
        self.0.names.delivered()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Which hosts a did:web in a filter may name.
    pub fn hosts(&self) -> Hosts {
        self.0.hosts
    }

    /// Sees that there is such a consumer, for whoever holds a place of it.
    pub(crate) async fn ensure(&self, name: &str) -> Result<(), Refusal> {
        if self.0.names.running(name).is_none() {
            self.begin(name).await.map_err(|_| Refusal::Stopping)?;
        }
        Ok(())
    }

    /// A place for a connection of this consumer.
    pub(crate) fn place(&self, name: &str, taste: Option<&Taste>) -> Result<Place, Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::Stopping);
        }
        if self.reserved(name).is_some() {
            return Err(Refusal::Reserved);
        }
        let permit = Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| Refusal::Full)?;
        let held = self.0.names.hold(name, taste).map_err(|taken| match taken {
            Taken::TooManyConsumers => Refusal::TooManyConsumers,
            Taken::TooManyFilters => Refusal::TooManyFilters,
        })?;
        if held.standing.shown().webhook.is_some() {
            return Err(Refusal::Webhook);
        }
        Ok(Place::new(held, permit))
    }

    /// Reads as a consumer in this process.
    ///
    /// # Errors
    /// `Invalid`: there can be no consumer of that name, or it is not for readers. `Busy`: there
    /// are too many connections, consumers or filters, or the service is stopping.
    pub async fn read(&self, wants: &Wants) -> Result<Reader, AskError> {
        let consumer = query::consumer(&wants.consumer).map_err(AskError::Invalid)?;
        self.ready().await;
        let place = self.place(&consumer, wants.taste().as_ref())?;
        self.ensure(&consumer).await?;
        let (reader, seat) = Reader::new(place.standing(), self.0.unwritten);
        let call = Call::Read(Box::new((seat, place)));
        self.0.calls.send(call).await.map_err(|_| STOPPING)?;
        Ok(reader)
    }

    /// Brings an upgraded connection to the hall. When there is none any more the
    /// connection is dropped.
    pub(crate) async fn arrive(&self, arrival: Arrival) {
        let _dropped_when_stopped = self.0.calls.send(Call::Arrive(Box::new(arrival))).await;
    }
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        match refusal.reason() {
            reason if refusal.is_final() => Self::Invalid(reason.to_owned()),
            reason => Self::Busy(reason),
        }
    }
}

fn is_reserved(name: &str) -> AskError {
    AskError::Invalid(format!("consumer {name:?} is a part of labeltap, and not to be changed"))
}

const STOPPING: AskError = AskError::Busy("the server is stopping");
const GOING: AskError = AskError::Busy("the consumer is being removed, or the server is stopping");

fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!("labeltap_events_encoded_total", "JSON texts made of events");
    describe_counter!("labeltap_webhook_requests_total", "requests of webhooks, by outcome");
    describe_gauge!("labeltap_connections", "open channels, of all consumers");
    describe_counter!("labeltap_delivered_total", "events sent, repeats included");
    describe_counter!("labeltap_acked_total", "events acked");
    describe_counter!("labeltap_redelivered_total", "events sent again, to all consumers");
    describe_counter!("labeltap_acks_ignored_total", "acks that count for nothing, by reason");
}
