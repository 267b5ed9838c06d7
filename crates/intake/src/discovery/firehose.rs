//! The relay's firehose: one connection, read for hints.
//!
//! Hints gather in memory for a moment, each once, and go to disk together with the number of
//! the last frame they came from; so what a crash loses is heard again. While the store takes
//! nothing, or more wait to be looked up than should, nothing is read either: the relay's
//! frames wait in its TCP connection.
//!
//! A relay is resumed where it was left. One that no longer has what we lack says
//! `OutdatedCursor`, and we go on with what it has: what was missed is found by the lists. One
//! that never had what we ask for says `FutureCursor`, or just sends lower numbers: then it is
//! not the relay it was, and we begin at its present.

use super::hints::{Collected, Meaning, meaning};
use super::hub::Hub;
use crate::clock::wall_clock;
use crate::dial::{DialError, dial_relay};
use crate::socket::{Came, Ended, PING_EVERY, Socket};
use bytes::Bytes;
use fleet::growing;
use label::Seq;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use store::{Place, Source, StoreError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use wire::{FrameError, RepoEvent, RepoFrame};

/// Hints wait no longer than this to be saved, however rarely the cursor is.
const SAVE_HINTS_EVERY: Duration = Duration::from_secs(1);

/// Waits between connections, and the longest `Retry-After` that is believed.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// A connection that lasted so long was a good one, and so was one that brought events.
const PROVEN: Duration = Duration::from_secs(60);

/// Who was not read for so long may have said something meanwhile.
const HELD: Duration = Duration::from_secs(1);

/// What is saved when told to stop has so much time.
const FAREWELL: Duration = Duration::from_secs(2);

/// A full relay is never silent for so long; a small one may be.
const REMARKABLE: Duration = Duration::from_secs(600);

const FUTURE: &str = "FutureCursor";

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Socket(#[from] Ended),
    #[error("no sign of life for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("a frame breaks the rules: {0}")]
    Frame(#[from] FrameError),
    #[error("the relay says {0}")]
    Said(String),
    #[error("the relay has never had what comes after our cursor")]
    Future,
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Firehose {
    hub: Hub,
    relay: String,
    /// The last frame whose hints are collected or kept.
    cursor: Option<Seq>,
    /// What the store has for it, and since when.
    saved: Option<Seq>,
    saved_at: Instant,
    collected: Collected,
    /// Whether a notice of this connection was logged; a flood of them is not ours to keep.
    noticed: bool,
    /// When an event last came, and whether its absence was remarked on.
    event_at: Instant,
    remarked: bool,
    /// Where something came the last time that breaks the rules.
    stuck_at: Option<Option<Seq>>,
    /// Whether that is passed over.
    lenient: bool,
}

/// Reads the firehose until told to stop, and then saves how far.
///
/// # Errors
/// When the store gives up.
pub(super) async fn follow(hub: Hub, stop: CancellationToken) -> Result<(), StoreError> {
    let Some(opened) = stop.run_until_cancelled(Firehose::open(hub)).await else { return Ok(()) };
    let mut firehose = opened?;
    // Dropping it between two awaits loses nothing: what is collected stays so until the store
    // has it.
    match stop.run_until_cancelled(firehose.live()).await {
        Some(Err(error)) => Err(error),
        Some(Ok(never)) => match never {},
        None => firehose.farewell().await,
    }
}

impl Firehose {
    /// Finds out where it was left.
    async fn open(hub: Hub) -> Result<Self, StoreError> {
        let saved = Some(hub.relay().await?.firehose).filter(|seq| *seq > Seq::START);
        let now = Instant::now();
        Ok(Self {
            cursor: saved.filter(|_| hub.settings.replay),
            relay: hub.settings.relay_name(),
            hub,
            saved,
            saved_at: now,
            collected: Collected::default(),
            noticed: false,
            event_at: now,
            remarked: false,
            stuck_at: None,
            lenient: false,
        })
    }

    /// One connection after the other.
    async fn live(&mut self) -> Result<Infallible, StoreError> {
        self.hub.shared.board.hears(|firehose| firehose.cursor = self.cursor);
        let mut failures = 0;
        loop {
            self.hub.backlog.room().await;
            let (begun, before) = (Instant::now(), self.cursor);
            let lost = match self.connection().await {
                Ok(never) => match never {},
                Err(lost) => lost,
            };
            metrics::gauge!("labeltap_firehose_connected").set(0);
            self.hub.shared.board.hears(|firehose| {
                firehose.connected = false;
                firehose.error = Some(lost.to_string());
            });
            self.save(true).await?;
            let retry_after = match &lost {
                Lost::Store(error) => return Err(error.clone()),
                Lost::Dial(error) => error.retry_after(),
                _ => None,
            };
            let was_good = begun.elapsed() >= PROVEN || self.cursor > before;
            failures = if was_good { 1 } else { failures + 1 };
            let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED);
            let wait = growing(SHORTEST, LONGEST, 0, failures).max(asked);
            tracing::warn!(relay = self.relay, why = %lost, ?wait, "firehose lost");
            self.get_past(&lost).await?;
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads until the connection is lost.
    async fn connection(&mut self) -> Result<Infallible, Lost> {
        let passes = Arc::new(Semaphore::new(1));
        let guard = self.hub.shared.resolver.guard();
        let mut socket = dial_relay(guard, &self.hub.settings.relay, self.cursor, passes).await?;
        tracing::info!(relay = self.relay, cursor = self.cursor.map(Seq::get), "firehose open");
        metrics::gauge!("labeltap_firehose_connected").set(1);
        self.hub.shared.board.hears(|firehose| {
            firehose.connected = true;
            firehose.error = None;
        });
        (self.event_at, self.remarked, self.noticed) = (Instant::now(), false, false);
        let (mut saving, mut pinging) = (self.saving(), self.pinging());
        let mut is_first = true;
        loop {
            // In this order: a relay that never pauses must not keep hints from the disk.
            tokio::select! {
                biased;
                _ = saving.tick() => self.save_or_hold(&mut socket, false).await?,
                _ = pinging.tick() => self.ping(&mut socket)?,
                came = socket.next() => {
                    if let Came::Frame(frame) = came.map_err(told_by_close)? {
                        self.hear(&frame, &mut is_first)?;
                    }
                    if self.collected.is_full() || !self.hub.backlog.has_room() {
                        self.save_or_hold(&mut socket, true).await?;
                    }
                }
            }
        }
    }

    /// What breaks the rules ends the connection. Where it does so a second time in the same
    /// place, it would for ever: then it is passed over, and where that cannot be done, with
    /// all that comes before the relay's present. The lists find what was in it.
    async fn get_past(&mut self, lost: &Lost) -> Result<(), StoreError> {
        let again = self.stuck_at == Some(self.cursor);
        self.lenient = false;
        match lost {
            Lost::Future => return self.forget().await,
            Lost::Frame(_) => self.lenient = again,
            Lost::Socket(Ended::TooLong | Ended::Text) if again => return self.forget().await,
            Lost::Socket(Ended::TooLong | Ended::Text) => {}
            _ => return Ok(()),
        }
        self.stuck_at = Some(self.cursor);
        Ok(())
    }

    fn saving(&self) -> tokio::time::Interval {
        let mut saving = interval(SAVE_HINTS_EVERY.min(self.hub.settings.save_every));
        saving.set_missed_tick_behavior(MissedTickBehavior::Delay);
        saving
    }

    /// Often enough that a silence is known to be one.
    fn pinging(&self) -> tokio::time::Interval {
        interval(PING_EVERY.min(self.hub.settings.times.silence / 3))
    }

    /// Saves what is to be saved. While that is not possible nothing is read, and the silence
    /// is ours.
    async fn save_or_hold(&mut self, socket: &mut Socket, cursor_too: bool) -> Result<(), Lost> {
        let begun = Instant::now();
        self.save(cursor_too).await?;
        self.hub.backlog.room().await;
        if begun.elapsed() >= HELD {
            socket.excuse();
        }
        self.show();
        Ok(())
    }

    /// Keeps hints, and the cursor when it is time for it.
    async fn save(&mut self, cursor_too: bool) -> Result<(), StoreError> {
        let is_time = cursor_too || self.saved_at.elapsed() >= self.hub.settings.save_every;
        let news = self.cursor.filter(|cursor| is_time && self.saved != Some(*cursor));
        if self.collected.is_empty() && news.is_none() {
            return Ok(());
        }
        let relay = self.relay.clone();
        let place = news.map(|cursor| Place::Firehose { relay, cursor });
        let hints = self.collected.hints(self.hub.settings.discover, place);
        self.hub.keep(hints).await?;
        self.collected.clear();
        if news.is_some() {
            (self.saved, self.saved_at) = (news, Instant::now());
        }
        Ok(())
    }

    /// Saves everything, if that can be done in a moment. What cannot is heard again.
    async fn farewell(&mut self) -> Result<(), StoreError> {
        match tokio::time::timeout(FAREWELL, self.save(true)).await {
            Ok(saved) => saved,
            Err(_) => {
                tracing::warn!("the firehose's cursor could not be saved; it goes on earlier");
                Ok(())
            }
        }
    }

    /// Begins at the relay's present from here on.
    async fn forget(&mut self) -> Result<(), StoreError> {
        tracing::warn!(
            relay = self.relay,
            cursor = self.cursor.map(Seq::get),
            "the relay cannot go on there; the firehose is read from its present on"
        );
        self.cursor = None;
        let place = Place::Firehose { relay: self.relay.clone(), cursor: Seq::START };
        self.hub.keep_listed(Vec::new(), place).await?;
        self.saved = None;
        Ok(())
    }

    fn ping(&mut self, socket: &mut Socket) -> Result<(), Lost> {
        let limit = self.hub.settings.times.silence;
        if socket.silence() >= limit {
            return Err(Lost::Silent(limit));
        }
        socket.ping()?;
        if self.event_at.elapsed() >= REMARKABLE && !self.remarked {
            self.remarked = true;
            tracing::info!(relay = self.relay, "the firehose is open and says nothing");
        }
        Ok(())
    }

    fn show(&self) {
        let silent = self.event_at.elapsed().as_secs_f64();
        metrics::gauge!("labeltap_firehose_silent_seconds").set(silent);
    }

    fn hear(&mut self, frame: &Bytes, is_first: &mut bool) -> Result<(), Lost> {
        let read = match wire::read_firehose(frame) {
            Err(error) if self.lenient => {
                metrics::counter!("labeltap_firehose_events_total", "kind" => "broken")
                    .increment(1);
                tracing::warn!(relay = self.relay, %error, "a frame is passed over");
                return Ok(());
            }
            read => read?,
        };
        match read {
            RepoFrame::Event(event) => {
                if std::mem::take(is_first) && self.cursor.is_some_and(|last| event.seq < last) {
                    tracing::warn!(
                        relay = self.relay,
                        seq = event.seq.get(),
                        cursor = self.cursor.map(Seq::get),
                        "the relay counts from somewhere else; its numbers are taken as they come"
                    );
                    self.cursor = None;
                }
                self.event(event);
                Ok(())
            }
            RepoFrame::Info { name, message } => {
                if name == "OutdatedCursor" {
                    metrics::counter!("labeltap_firehose_outdated_total").increment(1);
                }
                if !std::mem::replace(&mut self.noticed, true) {
                    // Under a name of its own, and quoted: it is not the line's message.
                    tracing::warn!(relay = self.relay, ?name, said = ?message, "the relay has a notice");
                }
                Ok(())
            }
            RepoFrame::Error { error, .. } if error == FUTURE => Err(Lost::Future),
            RepoFrame::Error { error, message } => {
                Err(Lost::Said(message.map_or(error.clone(), |more| format!("{error}: {more}"))))
            }
            RepoFrame::Other => Ok(()),
        }
    }

    /// Takes in an event. One that comes again does no harm.
    fn event(&mut self, event: RepoEvent) {
        let (kind, meaning) = meaning(event.what);
        metrics::counter!("labeltap_firehose_events_total", "kind" => kind).increment(1);
        let now = wall_clock();
        let lag = event.time.map(|time| now.0.saturating_sub(time.0));
        if let Some(lag) = lag {
            metrics::gauge!("labeltap_firehose_lag_seconds").set(lag as f64 / 1000.0);
        }
        self.hub.shared.board.hears(|firehose| {
            firehose.lag = lag.or(firehose.lag);
            firehose.event_at = Some(now);
            firehose.events += 1;
            firehose.cursor = firehose.cursor.max(Some(event.seq));
        });
        self.event_at = Instant::now();
        match meaning {
            Meaning::Nothing => {}
            // Whoever is followed looks at once; everybody else waits their turn.
            Meaning::Identity(did) if self.hub.shared.calls.call(&did) => {}
            Meaning::Identity(did) => self.collected.hint(did, Source::Identity),
            Meaning::Account { did, deleted } => self.collected.account(did, deleted),
            Meaning::Declaration(op) => {
                self.collected.hint(op.did.clone(), Source::Record);
                self.hub.commits.put(*op);
            }
        }
        self.cursor = self.cursor.max(Some(event.seq));
    }
}

/// Some say why in the close frame only.
fn told_by_close(ended: Ended) -> Lost {
    match &ended {
        Ended::Closed(why) if why.contains(FUTURE) => Lost::Future,
        _ => Lost::Socket(ended),
    }
}
