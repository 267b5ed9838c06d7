//! Finds out by a second connection whether a labeler has started over (contract section 6).
//!
//! It is asked for everything. If what it shows at frames that we hold is something else, or if
//! it ends below our cursor, it has. If it gets as far as our cursor with nothing but what we
//! hold, it has not; what we do not hold was published late, and is handed on to be stored.

use crate::bundle::Placed;
use crate::dial::dial;
use crate::repeats::{Compared, compare, frames};
use crate::shared::Shared;
use crate::socket::{Came, Ended, PING_EVERY, Socket};
use bytes::Bytes;
use fleet::Seam;
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

/// The longest late label that is handed on (`verify` takes none that is longer).
const LONGEST: usize = 64 << 10;

/// Late labels that are handed on; what is beyond is found the next time.
const MOST_LATE: usize = 10_000;

/// A labeler that sends neither a frame nor silence that counts for so long is given up.
const LIMIT: Duration = Duration::from_secs(60);

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
    NotReset(Vec<Placed>),
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
    late: Vec<Placed>,
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
/// In words, why it could not be found out.
pub(crate) async fn confirm(
    shared: &Shared,
    service: &Url,
    row: &LabelerRow,
) -> Result<Confirmed, String> {
    let _turn = shared.probes.acquire().await.map_err(|error| error.to_string())?;
    Confirming {
        socket: open(shared, service, Seq::START).await?,
        seam: Seam::opened(shared.clock.now()),
        shared,
        service,
        row,
        waiting: Vec::new(),
        bytes: 0,
        late: Vec::new(),
        seen: Seq::START,
        moved: false,
        outdated: false,
    }
    .run()
    .await
}

async fn open(shared: &Shared, service: &Url, cursor: Seq) -> Result<Socket, String> {
    let passes = Arc::clone(&shared.passes);
    let dialed = dial(shared.resolver.guard(), service, Some(cursor), passes).await;
    dialed.map_err(|error| error.to_string())
}

impl Confirming<'_> {
    async fn run(mut self) -> Result<Confirmed, String> {
        let mut heard_at = self.shared.clock.now();
        let mut pinged_at = None;
        loop {
            let now = self.shared.clock.now();
            if pinged_at.is_none_or(|at| now >= at + PING_EVERY) {
                pinged_at = Some(now);
                self.socket.ping().map_err(|ended| ended.to_string())?;
            }
            let came = tokio::time::timeout(LOOK_EVERY, self.socket.next()).await;
            let now = self.shared.clock.now();
            match came {
                Ok(came) => {
                    heard_at = now;
                    self.take(came).await?;
                }
                Err(_nothing_came) if now >= heard_at + LIMIT => {
                    return Err(format!("it is silent for {} s", LIMIT.as_secs()));
                }
                Err(_nothing_came) => {}
            }
            // What has come already is compared together.
            while !self.is_reached()
                && !self.is_full()
                && let Some(came) = self.socket.next().now_or_never()
            {
                self.take(came).await?;
            }
            let reached = self.is_reached();
            let silent = self.seam.is_reached(self.shared.clock.now(), self.seen);
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

    async fn take(&mut self, came: Result<Came, Ended>) -> Result<(), String> {
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
                (self.seen, self.moved) = (self.seen.max(seq), true);
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
                self.socket = open(self.shared, self.service, self.seen).await?;
                self.seam = Seam::opened(self.shared.clock.now());
            }
            Frame::Error { error, .. } => return Err(format!("the labeler says {error}")),
            Frame::Other => {}
        }
        Ok(())
    }

    async fn compare(&mut self) -> Result<Option<Confirmed>, String> {
        let came = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        // While we look, it is not the labeler who is silent.
        self.seam.reading(self.shared.clock.now(), false);
        let asked = frames(&came);
        let held = self.shared.store.held(self.row.did.clone(), self.row.epoch, asked).await;
        let Compared { differs, missing } =
            compare(came, &held.map_err(|error| error.to_string())?);
        self.seam.reading(self.shared.clock.now(), true);
        if differs {
            let why = "frames that are held have another content now".to_owned();
            return Ok(Some(Confirmed::Reset { why }));
        }
        let room = MOST_LATE.saturating_sub(self.late.len());
        let kept = missing.into_iter().filter(|placed| placed.raw.bytes.len() <= LONGEST);
        // A copy, so that the label does not hold its frame.
        self.late.extend(kept.take(room).map(|mut placed| {
            placed.raw.bytes = Bytes::copy_from_slice(&placed.raw.bytes);
            placed
        }));
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
