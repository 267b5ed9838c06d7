//! One consumer: the hands of a [`Desk`].
//!
//! An actor. It hears its sockets ([`Word`]), its own requests to the store and the
//! clock, tells the desk, and carries out what the desk says. It never waits for a socket
//! or the store while others have something to say: sockets have queues that the desk
//! keeps from overflowing, and requests to the store run beside.

mod jobs;

use crate::count::{Count, signed};
use crate::desk::{Conn, Desk, Moment, Rules};
use crate::packer::{Packer, Parcels};
use crate::patience::patiently;
use crate::settings::{DeliverError, Limits, Settings};
use jobs::Done;
use label::LabelEvent;
use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;
use store::{Head, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// What a socket says. Each word stands for many events, so few are under way at once.
#[derive(Debug)]
pub(crate) enum Word {
    /// A connection, and where what it should write is put.
    Opened { conn: Conn, takes: bool, queue: mpsc::Sender<Vec<LabelEvent>> },
    /// These were written to the socket.
    Wrote { conn: Conn, ids: Vec<i64> },
    /// The peer is done with these.
    Acks { conn: Conn, ids: Vec<i64> },
    /// The connection is gone.
    Closed { conn: Conn },
}

/// Words heard before the desk is asked again.
const HEARD_TOGETHER: usize = 64;
/// A connection whose task ended without a word is found after this.
const LOOK_ROUND: Duration = Duration::from_secs(1);

/// What a consumer is started with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) inbox: mpsc::Receiver<Word>,
    /// Told how much is owed; only the default consumer's number is asked for.
    pub(crate) count: Option<Arc<Count>>,
}

struct Consumer {
    name: String,
    store: Store,
    limits: Limits,
    disable_acks: bool,
    desk: Desk,
    packer: Packer,
    lanes: RandomState,
    head: watch::Receiver<Head>,
    queues: HashMap<Conn, mpsc::Sender<Vec<LabelEvent>>>,
    /// At most one of each kind.
    jobs: JoinSet<Result<Done, StoreError>>,
    reading: bool,
    fetching: bool,
    saving: bool,
    /// Everything up to the head was read.
    at_end: bool,
    save_at: Option<Moment>,
    look_round_at: Moment,
    started: Instant,
    count: Option<Arc<Count>>,
    /// `gone` of [`Count`], without what left this desk. Counted beside delivery: after a
    /// long absence that takes a while.
    gone: Option<i64>,
}

/// Runs a consumer until its inbox is closed; then keeps what is not kept yet.
pub(crate) async fn run(start: Start) -> Result<(), DeliverError> {
    let name = start.name.clone();
    let served = async {
        let (mut consumer, mut inbox) = open(start).await?;
        while consumer.turn(&mut inbox).await? {}
        consumer.leave().await
    };
    served.await.map_err(|trouble| match trouble {
        Trouble::Store(error) => DeliverError::Store { consumer: name, error },
        Trouble::Panicked(error) => DeliverError::Panicked(error),
    })
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

async fn open(start: Start) -> Result<(Consumer, mpsc::Receiver<Word>), StoreError> {
    let Start { name, store, settings, limits, inbox, count } = start;
    let row = patiently(|| store.consumer(name.clone())).await?;
    let mut jobs = JoinSet::new();
    if count.is_some() {
        jobs.spawn(jobs::count(store.clone(), row.clone()));
    }
    let window = settings.window.max(1);
    let rules = Rules {
        window,
        unwritten: limits.unwritten,
        retry_timeout: settings.retry_timeout,
        // Whoever wants a larger window pays for it.
        held: limits.held.max(window.saturating_mul(2)),
        page: limits.page,
    };
    let consumer = Consumer {
        desk: Desk::new(rules, row.position.get(), row.ahead),
        head: store.head(),
        name,
        store,
        limits,
        disable_acks: settings.disable_acks,
        packer: Packer::default(),
        lanes: RandomState::new(),
        queues: HashMap::new(),
        jobs,
        reading: false,
        fetching: false,
        saving: false,
        at_end: false,
        save_at: None,
        look_round_at: LOOK_ROUND,
        started: Instant::now(),
        count,
        gone: None,
    };
    Ok((consumer, inbox))
}

impl Consumer {
    /// Acts, then waits for one thing to happen. False when nobody will speak any more.
    async fn turn(&mut self, inbox: &mut mpsc::Receiver<Word>) -> Result<bool, Trouble> {
        self.act();
        let wake = self.started + self.wake_at();
        let mut words = Vec::new();
        tokio::select! {
            biased;
            Some(done) = self.jobs.join_next() => {
                self.finish(done.map_err(Trouble::Panicked)??);
            }
            heard = inbox.recv_many(&mut words, HEARD_TOGETHER) => {
                for word in words {
                    self.hear(word);
                    // With many acks these take long, and others share the thread.
                    tokio::task::yield_now().await;
                }
                return Ok(heard > 0);
            }
            Ok(()) = self.head.changed(), if self.at_end => self.at_end = false,
            () = tokio::time::sleep_until(wake) => {}
        }
        Ok(true)
    }

    fn now(&self) -> Moment {
        self.started.elapsed()
    }

    fn wake_at(&self) -> Moment {
        let expiry = self.desk.expires_at().unwrap_or(Moment::MAX);
        let save = self.save_at.filter(|_| !self.saving).unwrap_or(Moment::MAX);
        expiry.min(save).min(self.look_round_at)
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Opened { conn, takes, queue } => {
                self.queues.insert(conn, queue);
                self.desk.opened(conn, takes);
            }
            Word::Wrote { conn, ids } => {
                self.desk.wrote(self.now(), conn, &ids);
                metrics::counter!("labeltap_delivered_total").increment(ids.len() as u64);
                if self.disable_acks {
                    self.acks(conn, &ids);
                }
            }
            Word::Acks { conn, ids } => self.acks(conn, &ids),
            Word::Closed { conn } => self.close(conn),
        }
    }

    fn acks(&mut self, conn: Conn, ids: &[i64]) {
        let mut acked = 0;
        for id in ids {
            match self.desk.ack(conn, *id) {
                Ok(()) => acked += 1,
                Err(ignored) => {
                    let reason = ignored.as_str();
                    metrics::counter!("labeltap_acks_ignored_total", "reason" => reason)
                        .increment(1);
                }
            }
        }
        metrics::counter!("labeltap_acked_total").increment(acked);
    }

    fn close(&mut self, conn: Conn) {
        self.queues.remove(&conn);
        self.packer.closed(conn);
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
        self.at_end &= !self.head.has_changed().unwrap_or(false);
        self.desk.expire(now);
        self.send();
        self.read_on();
        self.fetch();
        self.save(now);
        if let (Some(count), Some(gone)) = (&self.count, self.gone) {
            count.set(gone + signed(self.desk.settled()));
            count.is_counted();
        }
    }

    /// A socket task says when it ends, unless it panicked.
    fn look_round(&mut self) {
        let closed = |(conn, queue): (&Conn, &mpsc::Sender<_>)| queue.is_closed().then_some(*conn);
        let gone: Vec<Conn> = self.queues.iter().filter_map(closed).collect();
        for conn in gone {
            self.close(conn);
        }
    }

    fn send(&mut self) {
        let (parcels, again) = self.packer.pack(&mut self.desk);
        if again > 0 {
            metrics::counter!("labeltap_redelivered_total").increment(again);
        }
        self.hand_over(parcels);
    }

    /// The desk lends a connection no more than its queue takes, so a queue that does not
    /// take a parcel belongs to a socket that is gone.
    fn hand_over(&mut self, parcels: Parcels) {
        for (conn, parcel) in parcels {
            let taken = self.queues.get(&conn).is_some_and(|queue| queue.try_send(parcel).is_ok());
            if !taken {
                self.close(conn);
            }
        }
    }
}
