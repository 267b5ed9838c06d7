//! One consumer: the hands of a [`Desk`].
//!
//! An actor. It hears its sockets and its webhook ([`Word`]), its own requests to the store
//! (`jobs`) and the clock, tells the desk, and carries out what the desk says. It never waits for a socket
//! or the store while others have something to say: sockets have queues that the desk
//! keeps from overflowing, and requests to the store run beside. What the API asks for is
//! in `asked`, the webhook in `hooked`.

mod asked;
mod filters;
mod hooked;
mod jobs;
mod reading;
mod share;
mod sieve;
mod types;
mod word;

pub(crate) use word::{Ask, Word};
pub use word::{AskError, Change, Start};

use crate::desk::{Chair, Conn, Desk, Moment, Rules};
use crate::hook::Poster;
use crate::packer::{Packer, Parcel, Parcels};
use crate::patience::patiently;
use crate::rack::Rack;
use crate::settings::{DeliverError, Limits, Settings};
use crate::standing::{Numbers, Standing};
use crate::taste::Taste;
use asked::Asked;
use filters::Filters;
use hooked::Hooked;
use jobs::{Busy, Done};
use label::Filter;
use share::Awake;
pub(crate) use share::Share;
use std::collections::BTreeMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;
use store::{ConsumerRow, Head, Store, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::Instant;
use types::Types;

/// Words heard before the desk is asked again.
const HEARD_TOGETHER: usize = 64;
/// A connection whose task ended without a word is found after this.
const LOOK_ROUND: Duration = Duration::from_secs(1);
/// Whoever has not come back after this is not expected.
const COMES_BACK: Duration = Duration::from_secs(1);
/// Nobody is connected and nothing is to be saved: there is no hurry.
const NO_HURRY: Duration = Duration::from_secs(3600);
/// How soon it is known since when something is owed, if nobody is there to take it.
const IS_OWED: Duration = Duration::from_secs(10);

/// What a consumer is started with.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    /// Of memory, with the other consumers.
    pub(crate) share: Share,
    /// What they read, too.
    pub(crate) rack: Rack,
    /// Who posts; or why nobody does.
    pub(crate) poster: Result<Poster, String>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) inbox: mpsc::Receiver<Word>,
}

/// How a consumer ended: nobody will speak to it any more, or it was removed and somebody
/// wants to know.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) removed: Option<oneshot::Sender<()>>,
}

struct Consumer {
    name: String,
    store: Store,
    settings: Settings,
    limits: Limits,
    standing: Arc<Standing>,
    awake: Awake,
    rack: Rack,
    desk: Desk,
    packer: Packer,
    filter: Arc<Filter>,
    /// What somebody has asked for besides labels, now or at some time.
    types: Types,
    filters: Filters,
    lanes: RandomState,
    head: watch::Receiver<Head>,
    queues: BTreeMap<Conn, mpsc::Sender<Vec<Parcel>>>,
    hook: Hooked,
    asked: Asked,
    jobs: JoinSet<Result<Done, StoreError>>,
    busy: Busy,
    /// Everything up to the head was read, in the pass of this number.
    at_end: Option<u64>,
    /// Label events ever added to the log when it ended where the desk has read to; `None`
    /// before that was counted.
    anchor: Option<u64>,
    /// That count, while it goes on.
    counting: Option<AbortHandle>,
    /// Labels read beyond what was there when counting began.
    looked: u64,
    save_at: Option<Moment>,
    look_round_at: Moment,
    /// Nobody is there; when bodies are let go.
    rests_at: Option<Moment>,
    /// Since then it does, and holds nothing.
    rests: bool,
    /// The position whose oldest event is known, and since when it is.
    oldest_at: Option<(i64, Moment)>,
    started: Instant,
}

/// Runs a consumer until its inbox is closed or it is removed; then keeps what is not kept
/// yet.
pub(crate) async fn run(begin: Begin) -> Result<Ended, DeliverError> {
    let name = begin.standing.name.clone();
    let served = async {
        let (mut consumer, mut inbox) = open(begin).await?;
        while consumer.turn(&mut inbox).await? {}
        consumer.leave().await
    };
    match served.await {
        Ok(removed) => Ok(Ended { name, removed }),
        Err(Trouble::Store(error)) => Err(DeliverError::Store { consumer: name, error }),
        Err(Trouble::Panicked(error)) => Err(DeliverError::Panicked(error)),
    }
}

/// What ends a consumer early.
enum Trouble {
    Store(StoreError),
    Panicked(JoinError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn open(begin: Begin) -> Result<(Consumer, mpsc::Receiver<Word>), StoreError> {
    let Begin { store, settings, limits, share, rack, poster, standing, inbox } = begin;
    let name = standing.name.clone();
    let row = patiently(|| store.consumer(name.clone())).await?;
    let dead = patiently(|| jobs::dead_after(&store, &name, row.position)).await?;
    let types = patiently(|| store.consumer_types(name.clone())).await?;
    let rules = Rules {
        unwritten: limits.unwritten,
        retry_timeout: settings.retry_timeout,
        held: limits.held,
        page: limits.page,
        parked: limits.parked,
        ranges: limits.ranges,
        max_deliveries: settings.max_deliveries,
    };
    let ahead = row.ahead.iter().cloned().chain(dead).collect();
    let mut consumer = Consumer {
        desk: Desk::new(rules, row.position.get(), ahead),
        head: store.head(),
        store,
        awake: Awake::new(share),
        rack,
        packer: Packer::default(),
        filter: Arc::default(),
        types: Types::read(&types),
        filters: Filters::default(),
        lanes: RandomState::new(),
        queues: BTreeMap::new(),
        hook: Hooked::new(&name, poster),
        asked: Asked::default(),
        jobs: JoinSet::new(),
        busy: Busy::default(),
        at_end: None,
        anchor: None,
        counting: None,
        looked: 0,
        save_at: None,
        look_round_at: LOOK_ROUND,
        rests_at: None,
        rests: false,
        oldest_at: None,
        started: Instant::now(),
        name,
        settings,
        limits,
        standing,
    };
    consumer.furnish(row);
    consumer.count();
    Ok((consumer, inbox))
}

impl Consumer {
    /// Takes over what was kept: filter and webhook.
    fn furnish(&mut self, row: ConsumerRow) {
        let filter = row.filter.as_deref().map(|text| {
            crate::filter::kept(text).unwrap_or_else(|| {
                // Nothing lost: more comes than was asked for.
                tracing::error!(consumer = self.name, "the kept filter cannot be read");
                Filter::default()
            })
        });
        self.set_filter(filter);
        let webhook = row.webhook.and_then(|url| {
            let parsed = url.parse().ok();
            if parsed.is_none() {
                tracing::error!(consumer = self.name, "the kept webhook is no URL");
            }
            parsed
        });
        self.set_webhook(webhook);
    }

    /// Acts, then waits for one thing to happen. False when nobody will speak any more, or
    /// there is nothing left to speak to.
    async fn turn(&mut self, inbox: &mut mpsc::Receiver<Word>) -> Result<bool, Trouble> {
        self.act();
        let wake = self.started + self.wake_at();
        let mut words = Vec::new();
        tokio::select! {
            biased;
            Some(ended) = self.jobs.join_next() => self.ended(ended)?,
            word = self.hook.word() => self.hear_hook(word),
            heard = inbox.recv_many(&mut words, HEARD_TOGETHER) => {
                for word in words {
                    self.hear(word);
                    // With many acks these take long, and others share the thread.
                    tokio::task::yield_now().await;
                }
                return Ok(heard > 0 && !self.asked.is_removed());
            }
            Ok(()) = self.head.changed(), if self.at_end.is_some() => self.at_end = None,
            () = tokio::time::sleep_until(wake) => {}
        }
        Ok(!self.asked.is_removed())
    }

    /// A request to the store ended. One that was called off tells nothing.
    fn ended(&mut self, ended: Result<Result<Done, StoreError>, JoinError>) -> Result<(), Trouble> {
        match ended {
            Ok(done) => self.finish(done?),
            Err(error) if error.is_cancelled() => {}
            Err(error) => return Err(Trouble::Panicked(error)),
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        self.started.elapsed()
    }

    fn wake_at(&self) -> Moment {
        let now = self.now();
        let expiry = self.desk.expires_at();
        let save = self.save_at.filter(|_| !self.busy.saving && !self.busy.changing);
        let look = (!self.queues.is_empty()).then_some(self.look_round_at);
        let hook = self.hook.wakes_at(now);
        let rest = self.rests_at.filter(|at| *at > now);
        let first = [expiry, save, look, hook, rest, self.oldest_due()].into_iter().flatten().min();
        // While nobody listens nothing else tells that something is owed by now.
        let idle = if self.standing.oldest().is_some() { NO_HURRY } else { IS_OWED };
        first.unwrap_or(now + idle)
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Opened { conn, takes, queue } => {
                self.open(conn, takes.map(|taste| *taste), queue);
            }
            Word::Wrote { conn, ids, bytes } => {
                self.packer.wrote(&mut self.desk, conn, bytes);
                self.desk.wrote(self.now(), conn, &ids);
                metrics::counter!("labeltap_delivered_total").increment(ids.len() as u64);
                self.standing.wrote(ids.len() as u64);
                if self.settings.disable_acks && self.queues.contains_key(&conn) {
                    self.acks(conn, &ids);
                }
            }
            Word::Acks { conn, ids } => self.acks(conn, &ids),
            Word::Failed { conn, id, failure } => self.failed(conn, id, &failure),
            Word::Closed { conn } => self.close(conn),
            Word::Ask(ask) => self.ask(ask),
        }
    }

    /// Whoever is not wanted is dropped with its queue.
    fn open(&mut self, conn: Conn, takes: Option<Taste>, queue: mpsc::Sender<Vec<Parcel>>) {
        if self.hook.is_open() || self.busy.removing {
            return;
        }
        if let Some(taste) = &takes {
            self.ask_for(Types::of(taste));
        }
        let number = match takes.map(|taste| self.filters.open(conn, taste)) {
            None => None,
            Some(Some(given)) => {
                if given.reused {
                    self.desk.forget(given.number);
                }
                Some(given.number)
            }
            Some(None) => {
                // Those who have just gone still count; whoever comes back a little later
                // finds a place.
                tracing::warn!(consumer = self.name, "too many different filters");
                return;
            }
        };
        let window = self.settings.window.max(1);
        self.queues.insert(conn, queue);
        self.desk.opened(conn, Chair { filter: number, window, expires: true });
    }

    fn acks(&mut self, conn: Conn, ids: &[i64]) {
        let mut acked = 0;
        let mut ignored = BTreeMap::<&str, u64>::new();
        for id in ids {
            match self.desk.ack(conn, *id) {
                Ok(()) => acked += 1,
                Err(why) => *ignored.entry(why.as_str()).or_default() += 1,
            }
        }
        for (reason, count) in ignored {
            metrics::counter!("labeltap_acks_ignored_total", "reason" => reason).increment(count);
        }
        metrics::counter!("labeltap_acked_total").increment(acked);
    }

    fn close(&mut self, conn: Conn) {
        self.queues.remove(&conn);
        self.packer.closed(conn);
        self.filters.close(conn);
        self.desk.closed(conn);
    }

    /// Does whatever the desk says is to be done now.
    fn act(&mut self) {
        let now = self.now();
        if now >= self.look_round_at {
            self.look_round_at = now + LOOK_ROUND;
            self.look_round();
        }
        // Asked here as well, so that a flood of words cannot hide that the log has grown.
        if self.head.has_changed().unwrap_or(false) {
            self.at_end = None;
        }
        self.take_share(now);
        self.desk.expire(now);
        self.tend_hook(now);
        if !self.waits_for_fresh() {
            self.send();
        }
        self.read_on();
        self.fetch();
        self.put_aside();
        self.save(now);
        self.tell();
        self.look_for_oldest(now);
    }

    /// A socket task says when it ends, unless it panicked.
    fn look_round(&mut self) {
        let closed = |(conn, queue): (&Conn, &mpsc::Sender<_>)| queue.is_closed().then_some(*conn);
        let gone: Vec<Conn> = self.queues.iter().filter_map(closed).collect();
        for conn in gone {
            self.close(conn);
        }
    }

    /// Memory is shared with those who are awake. Who is not for a while needs no bodies: most
    /// who go come back at once, and go on where they were.
    fn take_share(&mut self, now: Moment) {
        let awake = !self.queues.is_empty() || self.hook.is_open();
        if awake {
            (self.rests_at, self.rests) = (None, false);
        } else if !self.rests && now >= *self.rests_at.get_or_insert(now + COMES_BACK) {
            self.rests = true;
            self.packer.let_go();
            self.desk.rest();
        }
        if let Some(share) = self.awake.share(awake, &self.limits) {
            self.desk.bound(share.held, share.parked);
            self.packer.bound(share.bodies);
        }
    }

    /// While a receiver is tried with care, what has failed before waits until the log was
    /// looked through for something that has not.
    fn waits_for_fresh(&mut self) -> bool {
        self.desk.lacks_fresh() && (self.busy.reading || self.may_read().is_some())
    }

    fn send(&mut self) {
        let (parcels, again) = self.packer.pack(&mut self.desk);
        if again > 0 {
            metrics::counter!("labeltap_redelivered_total").increment(again);
            self.standing.sends_again(again);
        }
        self.hand_over(parcels);
    }

    /// The desk lends a connection no more than its queue takes, so a queue that does not
    /// take a parcel belongs to a socket that is gone.
    fn hand_over(&mut self, parcels: Parcels) {
        for (conn, parcel) in parcels {
            let queue = self.queues.get(&conn).or_else(|| self.hook.queue(conn));
            if queue.is_none_or(|queue| queue.try_send(parcel).is_err()) {
                self.close(conn);
            }
        }
    }

    fn tell(&self) {
        self.standing.tell(&Numbers {
            position: self.desk.position(),
            owed: self.anchor.map(|_| self.desk.owed()),
            anchor: self.anchor.unwrap_or_default(),
            in_flight: self.desk.in_flight(),
            connections: self.queues.len(),
        });
    }
}
