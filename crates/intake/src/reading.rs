//! One open stream, read until it ends.
//!
//! Two things go on at once and neither waits for the other: frames are gathered from the
//! socket into a bundle, and the bundle before it is carried down the [`Line`]. While the
//! bundle is full nothing is read, which the labeler notices as a full TCP window. Under
//! light load a bundle is one frame, carried at once; under heavy load it grows by itself.

use crate::bundle::Bundle;
use crate::clock::wall_clock;
use crate::dial::dial;
use crate::line::{Line, LineError};
use crate::places::TURN;
use crate::shared::Shared;
use crate::socket::{Came, Ended, PING_EVERY, Socket};
use fleet::{Moment, Seam, State};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use label::Seq;
use std::sync::Arc;
use std::time::Duration;
use store::Committed;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use wire::{Frame, RawLabel};

/// How often the seam is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A stream that has been open for so long without trouble is in order.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// What a label costs in memory besides its bytes, while it is carried.
const LABEL_COST: usize = 512;

/// How long a second connection waits for the first frame that shows the head.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Something worth telling.
#[derive(Debug)]
pub(crate) enum Step {
    /// Frames were stored.
    Progressed,
    /// The labeler has been caught up with, which is stored already.
    CaughtUp,
    /// The stream has been fine for a while.
    Steady,
    /// The stream has ended, and everything read from it is stored.
    Ended(Finish),
}

/// Why a stream has ended.
#[derive(Debug)]
pub(crate) enum Finish {
    /// By itself, by an error frame or by a frame that cannot be read.
    Lost(String),
    /// The labeler said `ConsumerTooSlow`.
    TooSlow,
    /// Others want the place.
    TurnOver,
    /// What was read could not be stored.
    Line(LineError),
}

/// A frame for which there is no memory yet.
struct Arrived {
    seq: Seq,
    labels: Vec<RawLabel>,
    bytes: usize,
    memory: BoxFuture<'static, Option<OwnedSemaphorePermit>>,
}

type Carrying = BoxFuture<'static, (Box<Line>, Result<Committed, LineError>)>;

/// Where the line is: here, or carrying a bundle.
enum Hands {
    Free(Box<Line>),
    Full(Carrying),
}

/// An open stream being read.
pub(crate) struct Reading {
    shared: Shared,
    service: Url,
    labeler: label::Did,
    socket: Socket,
    hands: Hands,
    /// What the next carry takes along.
    bundle: Bundle,
    arrived: Option<Arrived>,
    /// The last frame taken in.
    last: Seq,
    /// Set once nothing more is to be read.
    ending: Option<Finish>,
    /// `None` once caught up.
    seam: Option<Seam>,
    probe: Option<BoxFuture<'static, Option<Seq>>>,
    opened: Moment,
    ping_at: Moment,
    steady: bool,
    /// Bytes that had come when we last looked.
    received: u64,
    noticed: bool,
}

impl Reading {
    pub(crate) fn new(
        shared: Shared,
        service: Url,
        labeler: label::Did,
        socket: Socket,
        line: Line,
        caught_up: bool,
    ) -> Self {
        let opened = shared.clock.now();
        Self {
            service,
            labeler,
            socket,
            last: line.cursor(),
            hands: Hands::Free(Box::new(line)),
            bundle: Bundle::default(),
            arrived: None,
            ending: None,
            seam: (!caught_up).then(|| Seam::opened(opened)),
            probe: None,
            opened,
            // At once: the answer tells that the labeler listens.
            ping_at: opened,
            steady: false,
            received: 0,
            noticed: false,
            shared,
        }
    }

    /// The line, unless it is carrying a bundle; at the end of the stream it is not.
    pub(crate) fn line(&self) -> Option<&Line> {
        match &self.hands {
            Hands::Free(line) => Some(line),
            Hands::Full(_) => None,
        }
    }

    /// Reads on until there is something to tell. May be dropped at any await: what is
    /// lost is not stored, so the cursor asks for it again.
    pub(crate) async fn step(&mut self) -> Step {
        loop {
            self.carry_what_is_there();
            if let Some(finish) = self.finished() {
                return Step::Ended(finish);
            }
            if let Some(step) = self.keep_time().await {
                return step;
            }
            if let Some(step) = self.turn().await {
                return step;
            }
        }
    }

    /// Waits for the next thing to happen.
    async fn turn(&mut self) -> Option<Step> {
        let reads = self.reads();
        let wake = self.shared.clock.instant(self.wake_at());
        tokio::select! {
            biased;
            (line, result) = carried(&mut self.hands) => {
                self.hands = Hands::Free(line);
                match result {
                    Ok(_) => return Some(Step::Progressed),
                    Err(error) => return Some(Step::Ended(Finish::Line(error))),
                }
            }
            permit = memory(&mut self.arrived) => self.make_room(permit),
            frame = self.socket.next(), if reads => self.take(frame),
            first = probed(&mut self.probe) => {
                self.probe = None;
                if let Some(seam) = &mut self.seam {
                    seam.probed(self.shared.clock.now(), first);
                }
            }
            () = tokio::time::sleep_until(wake) => {}
        }
        None
    }

    fn reads(&self) -> bool {
        self.ending.is_none() && self.arrived.is_none() && self.bundle.has_room()
    }

    fn carry_what_is_there(&mut self) {
        if self.bundle.is_empty() {
            return;
        }
        // A carry that waits for nothing borrows nothing, so it can live beside the reading.
        let hands = std::mem::replace(
            &mut self.hands,
            Hands::Full(futures_util::future::pending().boxed()),
        );
        self.hands = match hands {
            Hands::Free(mut line) => {
                let bundle = std::mem::take(&mut self.bundle);
                Hands::Full(Box::pin(async move {
                    let result = line.carry(bundle).await;
                    (line, result)
                }))
            }
            full @ Hands::Full(_) => full,
        };
    }

    /// Why to end, once everything that was read is stored.
    fn finished(&mut self) -> Option<Finish> {
        let idle = matches!(self.hands, Hands::Free(_));
        if idle && self.bundle.is_empty() && self.arrived.is_none() {
            self.ending.take()
        } else {
            None
        }
    }

    fn wake_at(&self) -> Moment {
        let now = self.shared.clock.now();
        let steady = if self.steady { self.ping_at } else { self.opened + STEADY_AFTER };
        let look = if self.seam.is_some() { now + LOOK_EVERY } else { self.ping_at };
        self.ping_at.min(steady).min(look)
    }

    /// Does what the time asks for.
    async fn keep_time(&mut self) -> Option<Step> {
        let now = self.shared.clock.now();
        let reads = self.reads() && !self.socket.is_held_up();
        let (received, is_mid_frame) = self.socket.received();
        if let Some(seam) = &mut self.seam {
            seam.reading(now, reads);
            let more = std::mem::replace(&mut self.received, received) != received;
            if more && is_mid_frame {
                seam.arriving(now);
            }
            if let Some(step) = self.look_for_the_seam(now).await {
                return Some(step);
            }
        }
        if now >= self.ping_at {
            self.ping_at = now + PING_EVERY;
            self.ping(reads);
        }
        if !self.steady && now >= self.opened + STEADY_AFTER {
            self.steady = true;
            return Some(Step::Steady);
        }
        if now >= self.opened + TURN && self.shared.places.somebody_waits() {
            self.ending.get_or_insert(Finish::TurnOver);
        }
        None
    }

    fn ping(&mut self, reads: bool) {
        if !reads {
            self.socket.excuse();
        }
        if self.ending.is_none()
            && let Err(ended) = self.socket.ping()
        {
            self.ending = Some(Finish::Lost(ended.to_string()));
        }
    }

    async fn look_for_the_seam(&mut self, now: Moment) -> Option<Step> {
        if self.probe.is_none() && self.seam.as_ref().is_some_and(|seam| seam.wants_probe(now)) {
            self.probe = Some(probe(self.shared.clone(), self.service.clone()).boxed());
        }
        if !self.seam_is_reached(now) {
            return None;
        }
        self.probe = None;
        match self
            .shared
            .store
            .caught_up(self.labeler.clone(), State::Live.as_str(), wall_clock())
            .await
        {
            Ok(()) => {
                self.seam = None;
                Some(Step::CaughtUp)
            }
            Err(error) => Some(Step::Ended(Finish::Line(error.into()))),
        }
    }

    /// Everything read is stored, and that is all there was.
    fn seam_is_reached(&self, now: Moment) -> bool {
        let (Some(seam), Hands::Free(line)) = (&self.seam, &self.hands) else { return false };
        let idle = self.bundle.is_empty() && self.arrived.is_none();
        idle && seam.is_reached(now, line.cursor())
    }

    /// Takes in what the socket gave.
    fn take(&mut self, came: Result<Came, Ended>) {
        match came {
            Ok(Came::Frame(frame)) => match wire::decode(&frame) {
                Ok(read) => self.understand(read, frame.len()),
                Err(error) => self.ending = Some(Finish::Lost(error.to_string())),
            },
            Ok(Came::Pong) => {
                if let Some(seam) = &mut self.seam {
                    seam.answered(self.shared.clock.now());
                }
            }
            Err(ended) => self.ending = Some(Finish::Lost(ended.to_string())),
        }
    }

    fn understand(&mut self, frame: Frame, bytes: usize) {
        match frame {
            Frame::Labels { seq, labels } => {
                if let Some(seam) = &mut self.seam {
                    seam.heard(self.shared.clock.now());
                }
                // Servers differ on whether the cursor itself is sent again (facts 3.1).
                if seq > self.last {
                    self.last = seq;
                    self.admit(seq, labels, bytes);
                }
            }
            Frame::Info { name, message } => self.notice(&name, message.as_deref()),
            Frame::Error { error, .. } if error == "ConsumerTooSlow" => {
                self.ending = Some(Finish::TooSlow);
            }
            Frame::Error { error, message } => {
                let message = message.map(|message| format!(": {message}")).unwrap_or_default();
                self.ending = Some(Finish::Lost(format!("the labeler says {error}{message}")));
            }
            Frame::Other => {}
        }
    }

    /// Logs the first notice of a connection; a flood of them is not ours to keep.
    fn notice(&mut self, name: &str, message: Option<&str>) {
        if !std::mem::replace(&mut self.noticed, true) {
            tracing::info!(labeler = %self.labeler, name, message, "notice from the labeler");
        }
    }

    /// Puts labels into the bundle, or aside until there is memory for them.
    fn admit(&mut self, seq: Seq, labels: Vec<RawLabel>, bytes: usize) {
        let memory = Arc::clone(&self.shared.memory);
        let cost = (bytes + labels.len() * LABEL_COST).clamp(1, self.shared.most_memory);
        let units = u32::try_from(cost).unwrap_or(u32::MAX);
        match Arc::clone(&memory).try_acquire_many_owned(units) {
            Ok(permit) => self.bundle.add(seq, labels, bytes, permit),
            Err(_) => {
                let memory = async move { memory.acquire_many_owned(units).await.ok() }.boxed();
                self.arrived = Some(Arrived { seq, labels, bytes, memory });
            }
        }
    }

    fn make_room(&mut self, permit: Option<OwnedSemaphorePermit>) {
        if let (Some(arrived), Some(permit)) = (self.arrived.take(), permit) {
            self.bundle.add(arrived.seq, arrived.labels, arrived.bytes, permit);
        }
    }
}

/// Waits for the carry in hand; for ever when there is none.
async fn carried(hands: &mut Hands) -> (Box<Line>, Result<Committed, LineError>) {
    match hands {
        Hands::Full(carrying) => carrying.await,
        Hands::Free(_) => std::future::pending().await,
    }
}

async fn memory(arrived: &mut Option<Arrived>) -> Option<OwnedSemaphorePermit> {
    match arrived {
        Some(arrived) => (&mut arrived.memory).await,
        None => std::future::pending().await,
    }
}

async fn probed(probe: &mut Option<BoxFuture<'static, Option<Seq>>>) -> Option<Seq> {
    match probe {
        Some(probe) => probe.await,
        None => std::future::pending().await,
    }
}

/// Opens a second connection without cursor and answers the first number it shows.
async fn probe(shared: Shared, service: Url) -> Option<Seq> {
    let _turn = shared.probes.acquire().await.ok()?;
    let mut socket =
        dial(shared.resolver.guard(), &service, None, Arc::clone(&shared.passes)).await.ok()?;
    let first = async {
        loop {
            let Came::Frame(frame) = socket.next().await.ok()? else { continue };
            if let Frame::Labels { seq, .. } = wire::decode(&frame).ok()? {
                return Some(seq);
            }
        }
    };
    tokio::time::timeout(PROBE_LIMIT, first).await.ok().flatten()
}
