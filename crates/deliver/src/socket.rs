//! One peer of the channel: writes what it is handed, reads acks, and keeps both within
//! limits.
//!
//! Writing and reading go on side by side, so that a peer that acks while we write to it
//! is heard. However this ends, the TCP connection is dropped; a close frame is only ever
//! sent in answer to the peer's own, for the widely used client would not come back.

use crate::consumer::Word;
use crate::desk::Conn;
use crate::hall::Place;
use crate::message;
use crate::packer::Parcel;
use crate::rack::Rack;
use crate::settings::Limits;
use crate::taste::Taste;
use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// Events written between two flushes; with events of about 600 bytes some 40 KiB.
const TOGETHER: usize = 64;
/// Messages of the peer read before they are passed on together.
const HEARD_TOGETHER: usize = 256;
/// Acks after which they are passed on, however many messages that were; and most of one
/// word, so that a consumer is never busy with one for long.
const ACKED_TOGETHER: usize = 4096;
/// For the answer to a peer's own close frame.
const GOODBYE: Duration = Duration::from_secs(1);

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// One connection, and where it reports to.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) conn: Conn,
    pub(crate) consumer: mpsc::Sender<Word>,
    /// What it takes, if anything.
    pub(crate) takes: Option<Taste>,
    pub(crate) raw: bool,
    /// Where texts are made.
    pub(crate) rack: Rack,
    pub(crate) limits: Limits,
    /// Held until the connection is gone.
    pub(crate) place: Place,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer sent a close frame.
    Closed,
    /// The connection broke, or the peer broke the rules of the protocol.
    Lost,
    /// Nothing came from the peer for too long.
    Silent,
    /// The peer did not read.
    Stuck,
    /// The consumer let it go.
    Dismissed,
}

impl Peer {
    /// Serves the connection until it ends, and tells the consumer.
    pub(crate) async fn run(self, socket: WebSocket) {
        // One message for each event that may be unwritten: the desk never exceeds that.
        let (queue, mut parcels) = mpsc::channel(self.limits.unwritten);
        let opened =
            Word::Opened { conn: self.conn, takes: self.takes.clone().map(Box::new), queue };
        if self.consumer.send(opened).await.is_err() {
            return;
        }
        let (mut sink, mut stream) = socket.split();
        let end = tokio::select! {
            end = self.listen(&mut stream) => end,
            end = self.speak(&mut sink, &mut parcels) => end,
        };
        if end == End::Closed {
            let _no_matter_how_it_ends = timeout(GOODBYE, sink.flush()).await;
        }
        drop((sink, stream));
        tracing::info!(consumer = self.place.consumer(), ?end, "channel closed");
        let _consumer_may_be_gone = self.consumer.send(Word::Closed { conn: self.conn }).await;
    }

    async fn speak(&self, sink: &mut Sink, parcels: &mut mpsc::Receiver<Vec<Parcel>>) -> End {
        let every = self.limits.ping_every;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let spoken = tokio::select! {
                parcel = parcels.recv() => match parcel {
                    Some(parcel) => self.write(sink, parcels, parcel).await,
                    None => Err(End::Dismissed),
                },
                _ = pings.tick() => {
                    self.within(sink.send(Message::Ping(Bytes::new()))).await
                }
            };
            if let Err(end) = spoken {
                return end;
            }
        }
    }

    /// Writes what is there, flushing now and then, and reports what was written.
    async fn write(
        &self,
        sink: &mut Sink,
        parcels: &mut mpsc::Receiver<Vec<Parcel>>,
        mut parcel: Vec<Parcel>,
    ) -> Result<(), End> {
        while parcel.len() < TOGETHER
            && let Ok(more) = parcels.try_recv()
        {
            parcel.extend(more);
        }
        for some in parcel.chunks(TOGETHER) {
            self.within(self.feed(sink, some)).await?;
            self.report(Word::wrote(self.conn, some)).await?;
        }
        Ok(())
    }

    async fn feed(&self, sink: &mut Sink, parcels: &[Parcel]) -> Result<(), axum::Error> {
        for parcel in parcels.iter().filter(|parcel| parcel.life == self.place.life()) {
            let text = self.rack.text(&parcel.sheet, self.raw);
            sink.feed(Message::Text(text)).await?;
        }
        sink.flush().await
    }

    async fn listen(&self, stream: &mut Stream) -> End {
        loop {
            let first = match timeout(self.limits.silence, stream.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(_) => return End::Lost,
                Err(_) => return End::Silent,
            };
            let mut heard = Heard::default();
            heard.hear(first);
            while !heard.pinged
                && heard.messages < HEARD_TOGETHER
                && heard.acks.len() < ACKED_TOGETHER
            {
                let Some(Some(Ok(message))) = stream.next().now_or_never() else { break };
                heard.hear(message);
            }
            heard.count();
            // A single message may hold half a million.
            for ids in heard.acks.chunks(ACKED_TOGETHER) {
                let acks = Word::Acks { conn: self.conn, ids: ids.to_vec() };
                if let Err(end) = self.report(acks).await {
                    return end;
                }
            }
            if heard.closed {
                return End::Closed;
            }
            // A peer that always has more to say does not keep us from writing.
            tokio::task::yield_now().await;
        }
    }

    async fn report(&self, word: Word) -> Result<(), End> {
        self.consumer.send(word).await.map_err(|_| End::Dismissed)
    }

    async fn within(
        &self,
        write: impl Future<Output = Result<(), axum::Error>>,
    ) -> Result<(), End> {
        match timeout(self.limits.write_block, write).await {
            Ok(written) => written.map_err(|_| End::Lost),
            Err(_) => Err(End::Stuck),
        }
    }
}

/// What a peer said in one go.
#[derive(Debug, Default)]
struct Heard {
    messages: usize,
    acks: Vec<i64>,
    malformed: u64,
    other: u64,
    /// The last message was a ping. Its pong is written when the next message is asked for,
    /// and says that what was heard before it was passed on.
    pinged: bool,
    closed: bool,
}

impl Heard {
    fn hear(&mut self, message: Message) {
        self.messages += 1;
        let bytes = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            Message::Close(_) => {
                self.closed = true;
                return;
            }
            Message::Ping(_) => {
                self.pinged = true;
                return;
            }
            Message::Pong(_) => return,
        };
        match message::read(bytes) {
            message::Message::Ack(ids) => self.acks.extend(ids),
            message::Message::Other => self.other += 1,
            message::Message::Malformed => self.malformed += 1,
        }
    }

    fn count(&self) {
        for (reason, count) in [("malformed", self.malformed), ("unknown-type", self.other)] {
            if count > 0 {
                metrics::counter!("labeltap_acks_ignored_total", "reason" => reason)
                    .increment(count);
            }
        }
    }
}
