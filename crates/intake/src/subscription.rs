//! One labeler's stream, kept alive: the hands of a [`fleet::Link`].
//!
//! The link decides, this actor obeys. Each turn carries out one order and hears what came
//! of it, so the loop in [`follow`] is the whole life of a stream. What it is doing is
//! written on the board for people to see.

use crate::clock::wall_clock;
use crate::dial::{DialError, dial};
use crate::line::{KeyRead, Line, LineError};
use crate::places::Place;
use crate::reading::{Finish, Reading, Step};
use crate::shared::Shared;
use fleet::{Heard, Link, Moment, Order, State, Status};
use identity::{Found, ResolveError, Resolved, Want};
use label::{Change, Did, Millis};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use store::{LabelerRow, Noted, Remedy, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;
use verify::Key;

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
    /// Asks for the handle while the stream is already being read; one task at most.
    aside: JoinSet<()>,
}

/// Follows one labeler until it is no longer tracked (`Ok`) or the store gives up.
///
/// Stopping between any two awaits is safe: what was committed has its cursor, and what
/// was not will be read again.
pub(crate) async fn follow(shared: Shared, labeler: Did) -> Result<(), StoreError> {
    let (mut link, mut order) = Link::start(salt(&labeler), shared.rest);
    let mut subscription = Subscription {
        shared,
        labeler,
        status: Status::default(),
        known: None,
        reading: None,
        place: None,
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

/// Notes a confirmed handle beside what is known by now: the key may have changed.
async fn note_handle(shared: &Shared, did: Did, handle: Option<String>) -> Result<(), StoreError> {
    let Some(row) = shared.store.labeler(did.clone()).await? else { return Ok(()) };
    if handle.is_none() || handle == row.noted.handle {
        return Ok(());
    }
    let state = shared.board.get(&did).state.as_str();
    shared.store.note(did, Noted { handle, ..row.noted }, state, wall_clock()).await
}

impl Subscription {
    /// Carries out one order and says what came of it.
    async fn obey(&mut self, order: Order, link: &Link) -> Result<Heard, StoreError> {
        self.status.retry_count = link.failures();
        match order {
            Order::Look { fresh } => self.look(fresh).await,
            Order::Dial => self.dial().await,
            Order::Read => self.read().await,
            Order::RestUntil(moment) => {
                self.rest(moment).await;
                Ok(Heard::Rested)
            }
        }
    }

    fn show(&mut self, state: State) {
        self.status.state = state;
        self.shared.board.set(self.labeler.clone(), self.status.clone());
    }

    /// The store could not be asked just now; the link decides when to try again.
    fn failed(&mut self, order: Order, error: &StoreError) -> Heard {
        self.reading = None;
        self.place = None;
        self.trouble(State::Waiting, error.to_string());
        match order {
            Order::Look { .. } => Heard::Unasked { retry_after: None },
            _ => Heard::Lost { retry_after: None },
        }
    }

    /// Notes a trouble, and the state it puts the labeler in.
    fn trouble(&mut self, state: State, why: String) {
        if self.status.error.as_deref() != Some(&why) {
            tracing::info!(labeler = %self.labeler, state = state.as_str(), why, "labeler in trouble");
        }
        self.status.error = Some(why);
        self.status.connected_since = None;
        self.show(state);
    }

    async fn rest(&mut self, until: Moment) {
        let now = self.shared.clock.now();
        let wait = i64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
        self.status.retry_after = Some(Millis(wall_clock().0.saturating_add(wait)));
        self.show(self.status.state);
        tokio::time::sleep_until(self.shared.clock.instant(until)).await;
        self.status.retry_after = None;
    }

    async fn look(&mut self, fresh: bool) -> Result<Heard, StoreError> {
        if self.status.error.is_none() {
            self.show(State::Connecting);
        }
        let want = if fresh { Want::Fresh } else { Want::Cached };
        match self.shared.resolver.resolve(&self.labeler, want).await {
            Ok(resolved) => self.understand(&resolved, fresh).await,
            Err(ResolveError::NotFound(why)) => {
                self.trouble(State::Gone, why);
                self.happened(Change::Gone).await?;
                Ok(Heard::Gone)
            }
            Err(error) => {
                self.trouble(State::Waiting, format!("DID document cannot be read: {error}"));
                Ok(Heard::Unasked { retry_after: asked_to_wait(&error) })
            }
        }
    }

    /// Decides from the document whether there is anything to read.
    async fn understand(
        &mut self,
        resolved: &Arc<Resolved>,
        fresh: bool,
    ) -> Result<Heard, StoreError> {
        let service = match &resolved.service {
            Found::Present(service) => service.clone(),
            Found::Absent => {
                return self
                    .lacks(State::NoService, "the DID document has no #atproto_labeler service");
            }
            Found::Unusable(why) => return self.lacks(State::NoService, why),
        };
        let key = match &resolved.label_key {
            Found::Present(key) => key.clone(),
            Found::Absent => {
                return self.lacks(State::NoKey, "the DID document has no #atproto_label key");
            }
            Found::Unusable(why) => return self.lacks(State::NoKey, why),
        };
        self.note(&service, &key, resolved).await?;
        // A remembered document takes nothing away from what was read lately.
        let before = self.known.take().and_then(|known| known.key.at);
        let key = KeyRead { key, at: if fresh { Some(Instant::now()) } else { before } };
        self.known = Some(Known { service, key });
        Ok(Heard::Found)
    }

    fn lacks(&mut self, state: State, why: &str) -> Result<Heard, StoreError> {
        self.trouble(state, why.to_owned());
        Ok(Heard::Lacking)
    }

    /// Remembers what the document says; the handle follows when it has been confirmed.
    async fn note(
        &mut self,
        service: &Url,
        key: &Key,
        resolved: &Arc<Resolved>,
    ) -> Result<(), StoreError> {
        let row = self.row().await?;
        let noted = Noted {
            handle: row.noted.handle.clone(),
            service_url: Some(service.as_str().trim_end_matches('/').to_owned()),
            key: Some(key.did_key()),
        };
        if noted != row.noted {
            let (did, state) = (self.labeler.clone(), self.status.state.as_str());
            self.shared.store.note(did, noted.clone(), state, wall_clock()).await?;
        }
        self.aside.shutdown().await;
        let (shared, labeler, resolved) =
            (self.shared.clone(), self.labeler.clone(), Arc::clone(resolved));
        self.aside.spawn(async move {
            let handle = shared.resolver.confirmed_handle(&labeler, &resolved).await;
            if let Err(error) = note_handle(&shared, labeler, handle).await {
                tracing::debug!(%error, "handle not noted");
            }
        });
        Ok(())
    }

    /// Lets consumers know.
    async fn happened(&mut self, change: Change) -> Result<(), StoreError> {
        let (did, state) = (self.labeler.clone(), self.status.state.as_str());
        self.shared.store.happened(did, change, state, wall_clock()).await
    }

    async fn row(&mut self) -> Result<LabelerRow, StoreError> {
        let row = self.shared.store.labeler(self.labeler.clone()).await?;
        let tracked = row.filter(|row| row.tracked);
        tracked.ok_or_else(|| StoreError::NotTracked(self.labeler.clone()))
    }

    async fn dial(&mut self) -> Result<Heard, StoreError> {
        let Some(known) = self.known.clone() else { return Ok(Heard::Lost { retry_after: None }) };
        self.take_place().await;
        self.show(State::Connecting);
        let row = self.row().await?;
        let passes = Arc::clone(&self.shared.passes);
        let guard = self.shared.resolver.guard();
        match dial(guard, &known.service, Some(row.cursor), passes).await {
            Ok(socket) => {
                let at = (row.epoch, row.cursor);
                let line = Line::new(self.shared.clone(), self.labeler.clone(), known.key, at);
                let labeler = self.labeler.clone();
                let reading = Reading::new(
                    self.shared.clone(),
                    known.service,
                    labeler,
                    socket,
                    line,
                    row.caught_up,
                );
                self.reading = Some(Box::new(reading));
                self.status.connected_since = Some(wall_clock());
                tracing::info!(labeler = %self.labeler, cursor = row.cursor.get(), "stream open");
                self.show(if row.caught_up { State::Live } else { State::Backfilling });
                self.happened(Change::Connected).await?;
                Ok(Heard::Opened)
            }
            Err(error) => Ok(self.not_opened(&error)),
        }
    }

    fn not_opened(&mut self, error: &DialError) -> Heard {
        self.place = None;
        let state = if error.wants_auth() { State::AuthRequired } else { State::Waiting };
        self.trouble(state, error.to_string());
        Heard::Lost { retry_after: error.retry_after() }
    }

    /// Gets a place for the connection; with more labelers than places, in turn.
    async fn take_place(&mut self) {
        if self.place.is_some() {
            return;
        }
        self.place = self.shared.places.try_take();
        if self.place.is_none() {
            self.show(State::Paused);
            self.place = Some(self.shared.places.take().await);
        }
    }

    async fn read(&mut self) -> Result<Heard, StoreError> {
        let Some(reading) = &mut self.reading else { return Ok(Heard::Lost { retry_after: None }) };
        match reading.step().await {
            Step::Progressed => {
                self.in_order();
                Ok(Heard::Progressed)
            }
            Step::CaughtUp => {
                self.status.error = None;
                tracing::info!(labeler = %self.labeler, "caught up");
                self.show(State::Live);
                Ok(Heard::Opened)
            }
            Step::Steady => {
                self.in_order();
                Ok(Heard::Opened)
            }
            Step::Ended(finish) => {
                let heard = self.ended(finish)?;
                self.happened(Change::Disconnected).await?;
                Ok(heard)
            }
        }
    }

    /// Takes the last trouble off the board.
    fn in_order(&mut self) {
        if self.status.error.take().is_some() || self.status.retry_count > 0 {
            self.status.retry_count = 0;
            self.show(self.status.state);
        }
    }

    /// Keeps what the line has learned, since the next dial may not look again.
    fn keep_key(&mut self) {
        let line = self.reading.as_ref().and_then(|reading| reading.line());
        if let (Some(known), Some(line)) = (&mut self.known, line) {
            known.key = line.key().clone();
        }
    }

    fn ended(&mut self, finish: Finish) -> Result<Heard, StoreError> {
        self.keep_key();
        self.reading = None;
        self.place = None;
        let lost = Heard::Lost { retry_after: None };
        match finish {
            Finish::Lost(why) => {
                self.trouble(State::Waiting, why);
                Ok(lost)
            }
            Finish::TooSlow => {
                self.trouble(State::Waiting, "the labeler says ConsumerTooSlow".to_owned());
                Ok(Heard::TooSlow)
            }
            Finish::TurnOver => {
                self.status.connected_since = None;
                self.show(State::Paused);
                Ok(Heard::TurnOver)
            }
            Finish::Line(LineError::Store(error)) => match error.remedy() {
                Remedy::Retry | Remedy::Resync => {
                    self.trouble(State::Waiting, error.to_string());
                    Ok(lost)
                }
                Remedy::Leave | Remedy::GiveUp => Err(error),
            },
            Finish::Line(LineError::Unasked(error)) => {
                let retry_after = asked_to_wait(&error);
                self.trouble(State::Waiting, LineError::Unasked(error).to_string());
                Ok(Heard::Unasked { retry_after })
            }
            Finish::Line(error) => {
                self.trouble(State::Waiting, error.to_string());
                Ok(lost)
            }
        }
    }
}
