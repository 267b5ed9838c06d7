//! One reader: the log from its cursor on, then what comes.

use crate::asked::{Asked, From};
use crate::{Limits, Stream};
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use label::{Did, Event, EventId, MAX_NUMBER};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{RowView, Scan, Store, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

/// Labels read at once, and rows looked at for them.
const PAGE: usize = 1000;
const ROWS: usize = 20_000;
/// Frames written between two flushes: some 20 KiB.
const TOGETHER: usize = 64;
/// For the close frame.
const GOODBYE: Duration = Duration::from_secs(1);
/// Before the store is asked again after it could not answer.
const RETRY: Duration = Duration::from_secs(1);

type Sink = SplitSink<WebSocket, Message>;

/// Who reads, and what.
pub(crate) struct Reader {
    store: Store,
    limits: Limits,
    stop: CancellationToken,
    from: From,
    /// Whose labels; `None`: everybody's.
    src: Option<Arc<HashSet<Did>>>,
    /// Held until the connection is gone.
    _place: OwnedSemaphorePermit,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The reader closed it.
    Closed,
    /// It broke, or the reader broke the rules of the protocol.
    Lost,
    /// Nothing came from the reader for too long.
    Silent,
    /// The reader took nothing for too long.
    Slow,
    /// The cursor is beyond the end of the log.
    Future,
    /// We stop.
    Stopping,
}

impl Reader {
    pub(crate) fn new(stream: Stream, asked: Asked, place: OwnedSemaphorePermit) -> Self {
        let Stream { store, limits, stop, .. } = stream;
        Self { store, limits, stop, from: asked.from, src: asked.src.map(Arc::new), _place: place }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn read(self, socket: WebSocket) {
        metrics::gauge!("labeltap_stream_readers").increment(1);
        let (mut sink, mut stream) = socket.split();
        let stop = self.stop.clone();
        let end = tokio::select! {
            end = self.listen(&mut stream) => end,
            end = self.speak(&mut sink) => end.err().unwrap_or(End::Lost),
            () = stop.cancelled() => End::Stopping,
        };
        self.part(&mut sink, end).await;
        tracing::info!(?end, "reader of subscribeLabels is gone");
        metrics::gauge!("labeltap_stream_readers").decrement(1);
    }

    /// Says why it ends, where that can be said.
    async fn part(&self, sink: &mut Sink, end: End) {
        let (error, message, code, patience) = match end {
            End::Future => {
                let message = "the cursor is beyond the newest label";
                ("FutureCursor", message, close_code::POLICY, self.limits.blocked)
            }
            // Who reads slowly comes late to our pings, and cannot be told from who is gone.
            End::Slow | End::Silent => {
                let message = "nothing was read for too long";
                ("ConsumerTooSlow", message, close_code::POLICY, self.limits.blocked)
            }
            End::Stopping => ("", "", close_code::AWAY, GOODBYE),
            End::Closed => {
                let _no_matter_how_it_ends = timeout(GOODBYE, sink.flush()).await;
                return;
            }
            End::Lost => return,
        };
        let farewell = async {
            if !error.is_empty() {
                let frame = wire::error_frame(error, message);
                sink.feed(Message::Binary(frame.into())).await?;
            }
            let close = CloseFrame { code, reason: error.into() };
            sink.send(Message::Close(Some(close))).await
        };
        let stop = self.stop.cancelled();
        tokio::select! {
            _no_matter_how_it_ends = timeout(patience, farewell) => {}
            () = stop, if end != End::Stopping => {}
        }
    }

    /// Hears nothing but pongs and the end.
    async fn listen(&self, stream: &mut SplitStream<WebSocket>) -> End {
        loop {
            match timeout(self.limits.silence, stream.next()).await {
                Ok(Some(Ok(Message::Close(_)))) => return End::Closed,
                Ok(Some(Ok(_))) => {}
                Ok(_) => return End::Lost,
                Err(_) => return End::Silent,
            }
        }
    }

    async fn speak(&self, sink: &mut Sink) -> Result<(), End> {
        let every = self.limits.ping_every;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut head = self.store.head();
        let last = head.borrow_and_update().last;
        let mut at = match self.from {
            From::Now => last,
            From::After(cursor) if cursor <= last => cursor,
            From::After(_) | From::Beyond => return Err(End::Future),
        };
        let mut told = at == EventId::START;
        loop {
            let last = head.borrow_and_update().last;
            while at < last {
                // Also of one that is behind: what it has not read yet may be taken out.
                if !told && at < self.retired(&mut pings, sink).await? {
                    told = true;
                    self.outdated(sink).await?;
                }
                at = self.page(sink, at, &mut pings).await?;
            }
            tokio::select! {
                changed = head.changed() => changed.map_err(|_| End::Stopping)?,
                _ = pings.tick() => self.ping(sink).await?,
            }
        }
    }

    /// Sends some labels above `at`. Answers up to where that was all.
    async fn page(
        &self,
        sink: &mut Sink,
        at: EventId,
        pings: &mut Interval,
    ) -> Result<EventId, End> {
        let scan = Scan {
            after: at,
            until: EventId::new(MAX_NUMBER).unwrap_or_default(),
            rows: ROWS,
            events: PAGE,
            rejected: false,
            labelers: false,
            states: false,
        };
        let look = |src: &mut Option<Arc<HashSet<Did>>>, row: &RowView<'_>| {
            src.as_ref().is_none_or(|src| src.contains(row.labeler))
        };
        let scanned = match self.store.scan(scan, self.src.clone(), look).await {
            Ok(scanned) => scanned,
            Err(error) => return self.wait(sink, at, pings, &error).await,
        };
        for some in scanned.events.chunks(TOGETHER) {
            self.within(feed(sink, some)).await?;
            metrics::counter!("labeltap_stream_frames_total").increment(some.len() as u64);
        }
        // Also where a long stretch of the log had nothing for this reader.
        if pings.tick_is_due() {
            self.ping(sink).await?;
        }
        Ok(scanned.read)
    }

    /// The store cannot answer now. Nothing is lost by waiting.
    async fn wait(
        &self,
        sink: &mut Sink,
        at: EventId,
        pings: &mut Interval,
        error: &StoreError,
    ) -> Result<EventId, End> {
        tracing::debug!(%error, "the log cannot be read");
        if matches!(error, StoreError::Closed | StoreError::Broken(_)) {
            return Err(End::Stopping);
        }
        tokio::time::sleep(RETRY).await;
        if pings.tick_is_due() {
            self.ping(sink).await?;
        }
        Ok(at)
    }

    async fn outdated(&self, sink: &mut Sink) -> Result<(), End> {
        let message = "labels that no longer apply were taken out after this cursor";
        let frame = wire::info_frame("OutdatedCursor", message);
        self.within(sink.send(Message::Binary(frame.into()))).await
    }

    /// Up to where labels may be missing.
    async fn retired(&self, pings: &mut Interval, sink: &mut Sink) -> Result<EventId, End> {
        loop {
            match self.store.retired().await {
                Ok(retired) => return Ok(retired),
                Err(error) => self.wait(sink, EventId::START, pings, &error).await?,
            };
        }
    }

    async fn ping(&self, sink: &mut Sink) -> Result<(), End> {
        self.within(sink.send(Message::Ping(Bytes::new()))).await
    }

    async fn within(
        &self,
        write: impl Future<Output = Result<(), axum::Error>>,
    ) -> Result<(), End> {
        match timeout(self.limits.blocked, write).await {
            Ok(written) => written.map_err(|_| End::Lost),
            Err(_) => Err(End::Slow),
        }
    }
}

async fn feed(sink: &mut Sink, events: &[Event]) -> Result<(), axum::Error> {
    for event in events {
        if let Event::Label(event) = event {
            sink.feed(Message::Binary(wire::labels_frame(event).into())).await?;
        }
    }
    sink.flush().await
}

/// Asks a clock without waiting for it.
trait Due {
    fn tick_is_due(&mut self) -> bool;
}

impl Due for Interval {
    fn tick_is_due(&mut self) -> bool {
        futures_util::FutureExt::now_or_never(self.tick()).is_some()
    }
}
