//! Finds out by a second connection whether a labeler has started over (contract section 6).
//!
//! It is asked for everything. If what it shows at frames that we hold is something else, or if
//! it ends below our cursor, it has. If it gets as far as our cursor with nothing but what we
//! hold, it has not; what we do not hold was published late, and is handed on to be stored.

use crate::bundle::Placed;
use crate::dial::dial;
use crate::repeats::{Compared, Late, compare, places};
use crate::shared::Shared;
use crate::socket::{Came, Ended, PING_EVERY, Socket};
use fleet::{Moment, Seam};
use futures_util::FutureExt as _;
use label::Seq;
use std::sync::Arc;
use std::time::Duration;
use store::LabelerRow;
use url::Url;
use wire::Frame;

/// Labels compared at once, and bytes of frames that wait for it.
const TOGETHER: usize = 512;
const BYTES: usize = 1 << 20;

/// However much there is, it is given up after this: others wait for their turn.
const LIMIT: Duration = Duration::from_secs(600);

/// After the first while, at least so many frames a second have to come.
const WHILE: Duration = Duration::from_secs(30);
const PACE: u64 = 50;

/// Who shows nothing at all may only be slow to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// The breath before it is asked again after `ConsumerTooSlow`.
const BREATH: Duration = Duration::from_millis(100);

/// How often the silence is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What was found out.
#[derive(Debug)]
pub(crate) enum Confirmed {
    /// It has started over.
    Reset {
        /// What shows it.
        why: String,
    },
    /// It has not; these labels are not held.
    NotReset(Late),
}

/// Why it could not be found out.
#[derive(Debug)]
pub(crate) struct Unclear {
    pub(crate) why: String,
    /// How long the labeler asks us to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl From<String> for Unclear {
    fn from(why: String) -> Self {
        Self { why, retry_after: None }
    }
}

struct Confirming<'a> {
    shared: &'a Shared,
    service: &'a Url,
    row: &'a LabelerRow,
    socket: Socket,
    seam: Seam,
    /// Labels at or below the cursor that are not compared yet.
    waiting: Vec<Placed>,
    bytes: usize,
    late: Late,
    opened: Moment,
    /// Frames so far, and bytes when we last looked.
    frames: u64,
    received: u64,
    /// The highest frame seen.
    seen: Seq,
    /// Whether a frame has come since the connection was opened.
    moved: bool,
    /// Whether it has said that it does not keep everything.
    outdated: bool,
}

/// Reads from 0 until it is clear.
///
/// # Errors
/// [`Unclear`], when it could not be found out.
pub(crate) async fn confirm(
    shared: &Shared,
    service: &Url,
    row: &LabelerRow,
) -> Result<Confirmed, Unclear> {
    Confirming {
        socket: open(shared, service, Seq::START).await?,
        seam: Seam::opened(shared.clock.now()),
        shared,
        service,
        row,
        waiting: Vec::new(),
        bytes: 0,
        late: Late::default(),
        opened: shared.clock.now(),
        frames: 0,
        received: 0,
        seen: Seq::START,
        moved: false,
        outdated: false,
    }
    .run()
    .await
}

async fn open(shared: &Shared, service: &Url, cursor: Seq) -> Result<Socket, Unclear> {
    let passes = Arc::clone(&shared.passes);
    let dialed = dial(shared.resolver.guard(), service, Some(cursor), passes).await;
    dialed.map_err(|error| Unclear { why: error.to_string(), retry_after: error.retry_after() })
}

impl Confirming<'_> {
    async fn run(mut self) -> Result<Confirmed, Unclear> {
        let mut pinged_at = None;
        loop {
            let now = self.shared.clock.now();
            if pinged_at.is_none_or(|at| now >= at + PING_EVERY) {
                pinged_at = Some(now);
                self.socket.ping().map_err(|ended| ended.to_string())?;
            }
            let came = tokio::time::timeout(LOOK_EVERY, self.socket.next()).await;
            if let Ok(came) = came {
                self.take(came).await?;
            }
            self.keep_time()?;
            // What has come already is compared together.
            while !self.is_reached()
                && !self.is_full()
                && let Some(came) = self.socket.next().now_or_never()
            {
                self.take(came).await?;
            }
            let reached = self.is_reached();
            let silent = self.is_silent();
            if (reached || silent || self.is_full())
                && let Some(reset) = self.compare().await?
            {
                return Ok(reset);
            }
            if reached {
                return Ok(Confirmed::NotReset(self.late));
            }
            if silent {
                return Ok(self.ended());
            }
        }
    }

    fn is_reached(&self) -> bool {
        self.seen >= self.row.cursor
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= TOGETHER || self.bytes >= BYTES
    }

    /// Whether it has come to its end, as far as that can be told.
    fn is_silent(&self) -> bool {
        let now = self.shared.clock.now();
        let patient = self.seen > Seq::START || now >= self.opened + PATIENCE;
        patient && self.seam.is_reached(now, self.seen)
    }

    /// A frame that is on its way is no silence, nor is one that we do not take yet. And nobody
    /// may take for ever.
    fn keep_time(&mut self) -> Result<(), Unclear> {
        let now = self.shared.clock.now();
        let (received, is_mid_frame) = self.socket.received();
        if std::mem::replace(&mut self.received, received) != received && is_mid_frame {
            self.seam.arriving(now);
        }
        self.seam.reading(now, !self.socket.is_held_up());
        let took = now.saturating_sub(self.opened);
        if took >= LIMIT || (took >= WHILE && self.frames < PACE * took.as_secs()) {
            return Err("it takes too long to show what it has".to_owned().into());
        }
        Ok(())
    }

    async fn take(&mut self, came: Result<Came, Ended>) -> Result<(), Unclear> {
        let now = self.shared.clock.now();
        let frame = match came.map_err(|ended| ended.to_string())? {
            Came::Frame(frame) => frame,
            Came::Pong => {
                self.seam.answered(now);
                return Ok(());
            }
        };
        match wire::decode(&frame).map_err(|error| error.to_string())? {
            Frame::Labels { seq, labels } => {
                self.seam.heard(now);
                self.moved |= seq > self.seen;
                self.seen = self.seen.max(seq);
                self.frames += 1;
                self.bytes += frame.len();
                if seq <= self.row.cursor {
                    let placed = labels.into_iter().zip(0..);
                    self.waiting.extend(placed.map(|(raw, place)| Placed { seq, place, raw }));
                }
            }
            Frame::Info { name, .. } => self.outdated |= name == "OutdatedCursor",
            // Some say so whoever reads, and go on from there (facts 3.2).
            Frame::Error { error, .. } if error == "ConsumerTooSlow" && self.moved => {
                self.moved = false;
                tokio::time::sleep(BREATH).await;
                self.socket = open(self.shared, self.service, self.seen).await?;
                self.seam = Seam::opened(self.shared.clock.now());
            }
            Frame::Error { error, .. } => {
                return Err(format!("the labeler says {error}").into());
            }
            Frame::Other => {}
        }
        Ok(())
    }

    async fn compare(&mut self) -> Result<Option<Confirmed>, Unclear> {
        let came = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        // While we look, it is not the labeler who is silent.
        self.seam.reading(self.shared.clock.now(), false);
        let asked = places(&came);
        let held = self.shared.store.held(self.row.did.clone(), self.row.epoch, asked).await;
        let Compared { differs, missing } =
            compare(came, &held.map_err(|error| error.to_string())?);
        self.seam.reading(self.shared.clock.now(), true);
        if differs {
            let why = "frames that are held have another content now".to_owned();
            return Ok(Some(Confirmed::Reset { why }));
        }
        self.late.extend(missing);
        Ok(None)
    }

    /// It fell silent below our cursor.
    fn ended(self) -> Confirmed {
        // Who keeps only what is new has nothing to show, and may be as it was.
        if self.outdated && self.seen == Seq::START {
            return Confirmed::NotReset(self.late);
        }
        let why = format!("it ends at frame {}, below the cursor {}", self.seen, self.row.cursor);
        Confirmed::Reset { why }
    }
}
