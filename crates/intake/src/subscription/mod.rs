//! One labeler's stream, kept alive: the hands of a [`fleet::Link`].
//!
//! The link decides, this actor obeys. Each turn carries out one order and hears what came
//! of it, so the loop in [`follow`] is the whole life of a stream. What it is doing is
//! written on the board for people to see. What concerns the DID document is in `document`,
//! what concerns the stream in `stream`, and what is done about a doubt in `doubt`.

mod document;
mod doubt;
mod stream;
mod watch;

use crate::bench::KeyRead;
use crate::calls::Listener;
use crate::clock::wall_clock;
use crate::life::{self, Pace};
use crate::line::Doubt;
use crate::places::Place;
use crate::reading::Reading;
use crate::shared::Shared;
use fleet::{Heard, Link, Moment, Order, State, Status};
use identity::ResolveError;
use label::{Change, Did, Millis, Seq};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;
use store::{LabelerRow, Remedy, StoreError};
use tokio::task::JoinSet;
use url::Url;
use watch::Watch;

/// What the DID document says, as far as it is needed to read the stream.
#[derive(Debug, Clone)]
struct Known {
    service: Url,
    key: KeyRead,
}

struct Subscription {
    shared: Shared,
    labeler: Did,
    status: Status,
    known: Option<Known>,
    reading: Option<Box<Reading>>,
    place: Option<Place>,
    /// Who says that the document may have changed.
    bell: Listener,
    watch: Watch,
    /// When to read some of the stream a second time; `None`: that is not known yet.
    reread_at: Option<Moment>,
    /// What shows that the labeler may have started over, or was published late.
    doubt: Doubt,
    /// Frames that are left out, as was told already.
    left_out: Option<(Seq, Seq)>,
    salt: u64,
    /// Whether consumers were told last that it is.
    connected: bool,
    /// Where the stored cursor was seen last.
    cursor: Seq,
    /// Of lines about connections.
    pace: Pace,
    /// Asks for the handle while the stream is already being read; one task at most.
    aside: JoinSet<()>,
}

/// Follows one labeler until it is no longer tracked (`Ok`) or the store gives up.
///
/// Stopping between any two awaits is safe: what was committed has its cursor, and what
/// was not will be read again.
pub(crate) async fn follow(shared: Shared, labeler: Did) -> Result<(), StoreError> {
    let salt = salt(&labeler);
    let (mut link, mut order) = Link::start(salt, shared.rest);
    let mut subscription = Subscription {
        bell: shared.calls.listen(labeler.clone()),
        pace: Pace::new(shared.clock.now()),
        shared,
        labeler,
        status: Status::default(),
        known: None,
        reading: None,
        place: None,
        watch: Watch::new(),
        reread_at: None,
        doubt: Doubt::default(),
        left_out: None,
        salt,
        connected: false,
        cursor: Seq::START,
        aside: JoinSet::new(),
    };
    loop {
        let heard = match subscription.obey(order, &link).await {
            Ok(heard) => heard,
            Err(error) => match error.remedy() {
                Remedy::Leave => return Ok(()),
                Remedy::GiveUp => return Err(error),
                Remedy::Retry | Remedy::Resync => subscription.failed(order, &error),
            },
        };
        order = link.hear(subscription.shared.clock.now(), heard);
    }
}

/// Tells labelers apart, the same in every run.
fn salt(labeler: &Did) -> u64 {
    let mut hasher = DefaultHasher::new();
    labeler.hash(&mut hasher);
    hasher.finish()
}

/// How long the directory asks us to wait.
fn asked_to_wait(error: &ResolveError) -> Option<Duration> {
    match error {
        ResolveError::Unreachable { retry_after, .. } => *retry_after,
        _ => None,
    }
}

impl Subscription {
    /// Carries out one order and says what came of it.
    async fn obey(&mut self, order: Order, link: &Link) -> Result<Heard, StoreError> {
        self.status.retry_count = link.failures();
        match order {
            Order::Look { fresh } => self.look(fresh).await,
            Order::Dial { beyond } => self.dial(beyond).await,
            Order::Read => self.read().await,
            Order::Confirm => self.confirm().await,
            Order::Try { beyond } => self.try_beyond(beyond).await,
            Order::RestUntil(moment) => Ok(self.rest(moment).await),
        }
    }

    fn show(&mut self, state: State) {
        self.status.state = state;
        self.shared.board.set(self.labeler.clone(), self.status.clone());
    }

    /// The store could not be asked just now; the link decides when to try again.
    fn failed(&mut self, order: Order, error: &StoreError) -> Heard {
        self.hang_up();
        self.connected = false;
        self.trouble(State::Waiting, error.to_string());
        match order {
            Order::Look { .. } => Heard::Unasked { retry_after: None },
            _ => Heard::Lost { retry_after: None },
        }
    }

    /// Lets go of the connection.
    fn hang_up(&mut self) {
        if let Some(line) = self.reading.as_mut().and_then(|reading| reading.line()) {
            self.cursor = line.cursor();
        }
        self.reading = None;
        self.place = None;
        self.watch.give_up();
    }

    /// Notes a trouble, and the state it puts the labeler in.
    fn trouble(&mut self, state: State, why: String) {
        // That the stream ends is told with its reason in a moment.
        if !self.connected && self.status.error.as_deref() != Some(&why) {
            match self.pace.allows(self.shared.clock.now()) {
                Some(left_out) => {
                    let cursor = self.cursor;
                    life::tell_trouble(&self.labeler, state.as_str(), cursor, &why, left_out);
                }
                None => tracing::debug!(labeler = %self.labeler, why, "labeler in trouble"),
            }
        }
        self.note_trouble(state, why);
    }

    /// The same, where another line says it.
    fn note_trouble(&mut self, state: State, why: String) {
        self.status.error = Some(why);
        self.status.connected_since = None;
        self.show(state);
    }

    async fn rest(&mut self, until: Moment) -> Heard {
        let now = self.shared.clock.now();
        let wait = i64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
        self.status.retry_after = Some(Millis(wall_clock().0.saturating_add(wait)));
        self.show(self.status.state);
        let heard = tokio::select! {
            () = tokio::time::sleep_until(self.shared.clock.instant(until)) => Heard::Rested,
            () = self.watch.called(&self.shared, &self.bell) => Heard::Called,
        };
        self.status.retry_after = None;
        heard
    }

    /// Lets consumers and people know.
    async fn happened(&mut self, change: Change) -> Result<(), StoreError> {
        let why = self.status.error.clone().filter(|_| change != Change::Connected);
        self.happened_since(change, why.as_deref()).await
    }

    /// The same, with the reason.
    async fn happened_since(
        &mut self,
        change: Change,
        why: Option<&str>,
    ) -> Result<(), StoreError> {
        match change {
            Change::Connected => self.connected = true,
            Change::Disconnected => self.connected = false,
            _ => {}
        }
        let (did, state) = (self.labeler.clone(), self.status.state.as_str());
        let told = self.shared.store.happened(did, change, state, wall_clock()).await?;
        let Some(event) = told else { return Ok(()) };
        if matches!(change, Change::Connected | Change::Disconnected) {
            match self.pace.allows(self.shared.clock.now()) {
                Some(left_out) => life::tell(&event, why, left_out),
                None => tracing::debug!(labeler = %self.labeler, why, "labeler {change}"),
            }
        } else {
            life::tell(&event, why, None);
        }
        Ok(())
    }

    async fn row(&mut self) -> Result<LabelerRow, StoreError> {
        let row = self.shared.store.labeler(self.labeler.clone()).await?;
        let tracked = row.filter(|row| row.tracked);
        if let Some(row) = &tracked {
            self.cursor = row.cursor;
        }
        tracked.ok_or_else(|| StoreError::NotTracked(self.labeler.clone()))
    }
}
