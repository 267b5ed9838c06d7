//! One open stream, read until it ends.
//!
//! Two things go on at once and neither waits for the other: frames are gathered from the
//! socket into a bundle, and the bundle before it is carried down the [`Line`]. While the
//! bundle is full nothing is read, which the labeler notices as a full TCP window. Under
//! light load a bundle is one frame, carried at once; under heavy load it grows by itself.

use crate::bench::KeyRead;
use crate::bundle::Bundle;
use crate::clock::wall_clock;
use crate::dial::dial;
use crate::life;
use crate::line::{Carried, Doubt, Line, LineError};
use crate::places::TURN;
use crate::shared::Shared;
use crate::socket::{Came, Ended, PING_EVERY, Socket};
use fleet::{Moment, Seam, State};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use label::Seq;
use std::sync::Arc;
use std::time::Duration;
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
    /// The same, and on the way it was found that the labeler has another key.
    LearnedKey,
    /// The labeler says that it no longer has what came after the cursor.
    Gap,
    /// What was to be read a second time has been, up to this frame.
    Settled(Seq),
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
    /// By itself, or by an error frame; then the labeler has said why.
    BrokeOff {
        /// Why.
        why: String,
        /// Whether there was an error frame.
        said: bool,
    },
    /// By a frame that cannot be read, or since nothing came any more.
    Lost(String),
    /// The labeler may have started over.
    Doubt {
        /// What shows it.
        why: String,
        /// The labels that do.
        doubt: Doubt,
    },
    /// The labeler has stored as much as it may.
    Full,
    /// It is time to read some of it a second time.
    Reread,
    /// The labeler said `ConsumerTooSlow`.
    TooSlow,
    /// Others want the place.
    TurnOver,
    /// What was read could not be stored.
    Line(LineError),
}

/// What a stream is opened for.
pub(crate) struct Purpose {
    /// Whether the labeler has been caught up with before.
    pub(crate) caught_up: bool,
    /// What is stored already, if it was asked for some of that.
    pub(crate) rewound: Option<Seq>,
    /// When to read some of it a second time.
    pub(crate) reread_at: Moment,
    /// How many more labels may be stored.
    pub(crate) room: u64,
}

/// A frame for which there is no memory yet.
struct Arrived {
    seq: Seq,
    labels: Vec<RawLabel>,
    bytes: usize,
    /// Whether the frame is not above the cursor.
    again: bool,
    memory: BoxFuture<'static, Option<OwnedSemaphorePermit>>,
}

type Carrying = BoxFuture<'static, (Box<Line>, Result<Carried, LineError>)>;

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
    /// The last frame taken in that was above the cursor.
    last: Seq,
    /// The highest frame seen.
    seen: Seq,
    purpose: Purpose,
    /// Labels taken in and not carried yet.
    on_the_way: u64,
    /// Set when the labeler has said `OutdatedCursor`, until it is clear what that means.
    outdated: bool,
    outdated_said: bool,
    gap: bool,
    /// A key to judge by from the next bundle on.
    new_key: Option<KeyRead>,
    /// Set once nothing more is to be read.
    ending: Option<Finish>,
    /// `None` once caught up, and once all that was to be read a second time has been.
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
        purpose: Purpose,
    ) -> Self {
        let opened = shared.clock.now();
        let wants_seam = !purpose.caught_up || purpose.rewound.is_some();
        Self {
            service,
            labeler,
            socket,
            last: line.cursor(),
            seen: Seq::START,
            purpose,
            on_the_way: 0,
            outdated: false,
            outdated_said: false,
            gap: false,
            new_key: None,
            hands: Hands::Free(Box::new(line)),
            bundle: Bundle::default(),
            arrived: None,
            ending: None,
            seam: wants_seam.then(|| Seam::opened(opened)),
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
    pub(crate) fn line(&mut self) -> Option<&mut Line> {
        match &mut self.hands {
            Hands::Free(line) => Some(line),
            Hands::Full(_) => None,
        }
    }

    /// Judges by this key from the next bundle on.
    pub(crate) fn use_key(&mut self, key: KeyRead) {
        self.new_key = Some(key);
    }

    /// Reads on until there is something to tell. May be dropped at any await: what is
    /// lost is not stored, so the cursor asks for it again.
    pub(crate) async fn step(&mut self) -> Step {
        loop {
            self.carry_what_is_there();
            if std::mem::take(&mut self.gap) {
                return Step::Gap;
            }
            if let Some(finish) = self.finished() {
                return Step::Ended(finish);
            }
            if let Some(step) = self.keep_time().await {
                return step;
            }
            if let Some(finish) = self.finished() {
                return Step::Ended(finish);
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
                    Ok(carried) => return self.arrived(carried),
                    Err(error) => return Some(Step::Ended(Finish::Line(error))),
                }
            }
            permit = memory(&mut self.arrived) => self.make_room(permit),
            frame = self.socket.next(), if reads => self.take(frame),
            first = probed(&mut self.probe) => {
                self.probe = None;
                if let Some(head) = first {
                    self.shared.board.reaches(&self.labeler, head);
                }
                if let Some(seam) = &mut self.seam {
                    seam.probed(self.shared.clock.now(), first);
                }
            }
            () = tokio::time::sleep_until(wake) => {}
        }
        None
    }

    fn reads(&self) -> bool {
        let has_room = self.bundle.has_room() && self.on_the_way < self.purpose.room;
        self.ending.is_none() && self.arrived.is_none() && has_room
    }

    /// Takes note of a bundle that is on disk.
    fn arrived(&mut self, carried: Carried) -> Option<Step> {
        self.on_the_way = self.on_the_way.saturating_sub(carried.labels);
        self.purpose.room = self.purpose.room.saturating_sub(carried.stored);
        if self.purpose.room == 0 {
            self.ending.get_or_insert(Finish::Full);
        }
        if let Some(mut doubt) = carried.doubt {
            let why = "frames below the cursor are not those that are held".to_owned();
            if let Some(Finish::Doubt { doubt: before, .. }) = &mut self.ending {
                doubt.extend(before.take());
            }
            self.ending = Some(Finish::Doubt { why, doubt });
        }
        if carried.learned_key {
            return Some(Step::LearnedKey);
        }
        carried.progressed.then_some(Step::Progressed)
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
                if let Some(key) = self.new_key.take() {
                    line.bench().use_key(key);
                }
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
        if now >= self.purpose.reread_at && self.seam.is_none() {
            self.ending.get_or_insert(Finish::Reread);
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
        if let Some(stored) = self.purpose.rewound.take() {
            self.seam = None;
            return self.reread(stored);
        }
        match self
            .shared
            .store
            .caught_up(self.labeler.clone(), State::Live.as_str(), wall_clock())
            .await
        {
            Ok(told) => {
                life::tell_all(told.as_slice());
                self.seam = None;
                self.purpose.caught_up = true;
                Some(Step::CaughtUp)
            }
            Err(error) => Some(Step::Ended(Finish::Line(error.into()))),
        }
    }

    /// All that was to be read a second time has come, up to what was stored then: what has come
    /// since was read once. If it ends below that, the labeler may have started over. If nothing
    /// has come at all it says nothing of what is past, which shows nothing.
    fn reread(&mut self, stored: Seq) -> Option<Step> {
        self.outdated = false;
        if Seq::START < self.seen && self.seen < stored {
            let why = format!("nothing comes any more up to frame {stored}, which is held");
            self.ending = Some(Finish::Doubt { why, doubt: Doubt::default() });
            return None;
        }
        Some(Step::Settled(stored))
    }

    /// Finishes what is being carried, reads nothing meanwhile, and answers what became of it.
    /// Whoever wants to wait for something else has to ask for this before: what is being
    /// carried holds turns that others wait for, and is not carried on while nobody asks.
    pub(crate) async fn put_down(&mut self) -> Option<Step> {
        if matches!(self.hands, Hands::Free(_)) {
            return None;
        }
        let (line, result) = carried(&mut self.hands).await;
        self.hands = Hands::Free(line);
        match result {
            Ok(carried) => self.arrived(carried),
            Err(error) => Some(Step::Ended(Finish::Line(error))),
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
            Err(ended) => self.ending = Some(finish(&ended)),
        }
    }

    fn understand(&mut self, frame: Frame, bytes: usize) {
        match frame {
            Frame::Labels { seq, labels } => {
                if let Some(seam) = &mut self.seam {
                    seam.heard(self.shared.clock.now());
                }
                // Servers differ on whether the cursor itself is sent again (facts 3.1), and
                // a frame that is not above it may be something else than a repeat.
                let again = seq <= self.last;
                if std::mem::take(&mut self.outdated) {
                    self.gap = !again;
                }
                self.seen = self.seen.max(seq);
                if !again {
                    self.last = seq;
                }
                // A frame without labels that comes again is no news.
                if !again || !labels.is_empty() {
                    self.admit(seq, labels, bytes, again);
                }
            }
            Frame::Info { name, message } => {
                self.notice(&name, message.as_deref());
                if name == "OutdatedCursor" {
                    self.outdated();
                }
            }
            Frame::Error { error, .. } if error == "ConsumerTooSlow" => {
                self.ending = Some(Finish::TooSlow);
            }
            Frame::Error { error, message } => {
                let message = message.map(|message| format!(": {message}")).unwrap_or_default();
                let why = format!("the labeler says {error}{message}");
                let doubts = error == "FutureCursor" && self.last > Seq::START;
                self.ending = Some(if doubts {
                    Finish::Doubt { why, doubt: Doubt::default() }
                } else {
                    Finish::BrokeOff { why, said: true }
                });
            }
            Frame::Other => {}
        }
    }

    /// The labeler no longer has what comes after the cursor. Whoever asked for everything has
    /// lost nothing by that, and whoever asked for more than is missing will see.
    fn outdated(&mut self) {
        if std::mem::replace(&mut self.outdated_said, true) {
            return;
        }
        match self.purpose.rewound {
            Some(_) => self.outdated = true,
            None => self.gap = self.last > Seq::START,
        }
    }

    /// Logs the first notice of a connection; a flood of them is not ours to keep.
    fn notice(&mut self, name: &str, message: Option<&str>) {
        if !std::mem::replace(&mut self.noticed, true) {
            // Under a name of its own, and quoted: it is not the line's message.
            tracing::info!(labeler = %self.labeler, ?name, said = ?message, "notice from the labeler");
        }
    }

    /// Puts labels into the bundle, or aside until there is memory for them.
    fn admit(&mut self, seq: Seq, labels: Vec<RawLabel>, bytes: usize, again: bool) {
        self.on_the_way += labels.len() as u64;
        let memory = Arc::clone(&self.shared.memory);
        let cost = (bytes + labels.len() * LABEL_COST).clamp(1, self.shared.most_memory);
        let units = u32::try_from(cost).unwrap_or(u32::MAX);
        match Arc::clone(&memory).try_acquire_many_owned(units) {
            Ok(permit) => self.bundle.add(seq, labels, bytes, permit, again),
            Err(_) => {
                let memory = async move { memory.acquire_many_owned(units).await.ok() }.boxed();
                self.arrived = Some(Arrived { seq, labels, bytes, again, memory });
            }
        }
    }

    fn make_room(&mut self, permit: Option<OwnedSemaphorePermit>) {
        if let (Some(arrived), Some(permit)) = (self.arrived.take(), permit) {
            let Arrived { seq, labels, bytes, again, .. } = arrived;
            self.bundle.add(seq, labels, bytes, permit, again);
        }
    }
}

/// What a stream that ended by itself has ended of.
fn finish(ended: &Ended) -> Finish {
    let why = ended.to_string();
    match ended {
        Ended::Closed(_) | Ended::Broken(_) => Finish::BrokeOff { why, said: false },
        Ended::TooLong | Ended::Text | Ended::Dead => Finish::Lost(why),
    }
}

/// Waits for the carry in hand; for ever when there is none.
async fn carried(hands: &mut Hands) -> (Box<Line>, Result<Carried, LineError>) {
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
