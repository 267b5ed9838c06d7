//! One connection, from the accept to its end.
//!
//! Reading and writing run side by side in one task, so that a client which does not read
//! still gets its connection cut when the test says so.

use super::faults::{Deed, Ending, When};
use super::http::{Page, Request};
use super::message::{BINARY, CLOSE, PING, PONG, TEXT, message};
use super::shared::{Shared, Start, Treatment};
use crate::frame;
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};

/// As much is written at once from a backlog; a socket buffer holds about as much.
const CHUNK: usize = 64 * 1024;
/// Pings that may wait for their answer; a sane client has one.
const PINGS: usize = 16;
/// The longest message from a client that is read.
const LONGEST: u64 = 1 << 20;
/// How long a client may take to end its side, once ours has ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a client said.
enum Heard {
    Ping(Vec<u8>),
    Close,
}

/// Serves one connection to its end. Errors of the socket end it too, and are no news.
pub(super) async fn serve(shared: Arc<Shared>, mut stream: TcpStream) {
    let _small_frames_leave_at_once = stream.set_nodelay(true);
    let cut = shared.cut.subscribe();
    let Some(request) = Request::read(&mut stream).await else { return };
    let _ended = if request.path == shared.path {
        subscribe(shared, stream, request, cut).await
    } else {
        shared.page(&request).await.write(&mut stream).await
    };
}

async fn subscribe(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    request: Request,
    cut: watch::Receiver<Option<Ending>>,
) -> io::Result<()> {
    let Some(upgrade) = request.upgrade() else {
        return Page::new(404, "").write(&mut stream).await;
    };
    let treatment = shared.admit();
    let faults = shared.treat(&treatment);
    if !faults.accept_delay.is_zero() {
        tokio::time::sleep(faults.accept_delay).await;
    }
    if let Some(refusal) = &faults.refusal {
        shared.note_upgrade(&request, refusal.status);
        let headers = refusal.headers.clone();
        let page = Page { headers, ..Page::new(refusal.status, refusal.body.as_str()) };
        return page.write(&mut stream).await;
    }
    // Before it shows as open: who waits for that and then speaks is heard on it.
    let cursor = request.parameter("cursor").and_then(|text| text.parse().ok());
    let start = shared.start(faults.cursors.taken(cursor, shared.head()));
    let entry = shared.note_upgrade(&request, 101);
    let _guard = EndNoted { shared: shared.clone(), entry };
    stream.write_all(upgrade.as_bytes()).await?;

    let (read_half, write_half) = stream.into_split();
    let (heard_to, heard) = mpsc::channel(PINGS);
    let mut reader = Reader { half: read_half, buffer: request.rest, heard: heard_to };
    let mut writer = Writer::new(shared.clone(), write_half, heard, treatment, entry);
    let mut cut = cut;
    let ending = tokio::select! {
        ended = reader.listen(&shared, entry) => return ended,
        ending = writer.run(start) => ending?,
        ending = told_to_end(&mut cut) => ending,
    };
    end(&mut writer.half, &mut reader, ending).await
}

/// Ends when the test orders the connections to be dropped.
async fn told_to_end(cut: &mut watch::Receiver<Option<Ending>>) -> Ending {
    match cut.changed().await {
        Ok(()) => (*cut.borrow()).unwrap_or(Ending::Fin),
        Err(_) => Ending::Reset,
    }
}

async fn end(writer: &mut OwnedWriteHalf, reader: &mut Reader, ending: Ending) -> io::Result<()> {
    let close = match ending {
        Ending::Close(code) => Some(message(CLOSE, &code.to_be_bytes())),
        Ending::CloseWithoutCode => Some(message(CLOSE, &[])),
        Ending::Fin => None,
        Ending::Reset => return writer.as_ref().set_zero_linger(),
    };
    let farewell = async {
        if let Some(close) = close {
            writer.write_all(&close).await?;
        }
        writer.shutdown().await?;
        // Unread bytes would turn the end into a reset, which destroys what was sent.
        while reader.half.read_buf(&mut reader.buffer).await? > 0 {
            reader.buffer.clear();
        }
        Ok(())
    };
    tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
}

/// Notes the end of a connection, however it comes.
struct EndNoted {
    shared: Arc<Shared>,
    entry: usize,
}

impl Drop for EndNoted {
    fn drop(&mut self) {
        self.shared.note_end(self.entry);
    }
}

/// The client's half.
struct Reader {
    half: OwnedReadHalf,
    buffer: BytesMut,
    heard: mpsc::Sender<Heard>,
}

impl Reader {
    /// Reads until the client ends the connection.
    async fn listen(&mut self, shared: &Shared, entry: usize) -> io::Result<()> {
        loop {
            while let Some((opcode, payload)) = take_message(&mut self.buffer)? {
                match opcode {
                    PING => {
                        shared.note_ping(entry);
                        let _a_flood_goes_unanswered = self.heard.try_send(Heard::Ping(payload));
                    }
                    CLOSE => {
                        let _writer_may_be_gone = self.heard.try_send(Heard::Close);
                    }
                    _ => {}
                }
            }
            if self.half.read_buf(&mut self.buffer).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// Takes one masked message off the buffer, if a whole one is there.
fn take_message(buffer: &mut BytesMut) -> io::Result<Option<(u8, Vec<u8>)>> {
    let [first, second, ..] = **buffer else { return Ok(None) };
    let (extra, masked) = (second & 0x7f, second & 0x80 != 0);
    let (head, length) = match (extra, &**buffer) {
        (126, [_, _, a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [_, _, a, b, c, d, e, f, g, h, ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, u64::from(short)),
    };
    if !masked || length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let whole = head + 4 + length as usize;
    if buffer.len() < whole {
        return Ok(None);
    }
    let mut taken = buffer.split_to(whole);
    taken.advance(head);
    let mask = taken.split_to(4);
    let payload = taken.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Ok(Some((first & 0x0f, payload)))
}

/// The server's half: the log, and what the faults make of it.
struct Writer {
    shared: Arc<Shared>,
    half: OwnedWriteHalf,
    heard: mpsc::Receiver<Heard>,
    moved: watch::Receiver<u64>,
    treatment: Treatment,
    entry: usize,
    /// Index in the log of the next message.
    next: usize,
    /// Frames sent since the connection was opened or the faults were set.
    sent: u64,
    /// Which rules of these faults have been carried out.
    done: Vec<usize>,
    generation: u64,
    stalled: bool,
}

impl Writer {
    fn new(
        shared: Arc<Shared>,
        half: OwnedWriteHalf,
        heard: mpsc::Receiver<Heard>,
        treatment: Treatment,
        entry: usize,
    ) -> Self {
        let (moved, generation) = (shared.moved.subscribe(), shared.generation());
        let (next, sent, done, stalled) = (0, 0, Vec::new(), false);
        Self { shared, half, heard, moved, treatment, entry, next, sent, done, generation, stalled }
    }

    /// Writes until the connection is to end, and says how.
    async fn run(&mut self, start: Start) -> io::Result<Ending> {
        self.next = match start {
            Start::At(index) => index,
            Start::Outdated => {
                let info = frame::info("OutdatedCursor", Some("Requested cursor exceeded limit."));
                self.half.write_all(&message(BINARY, &info)).await?;
                0
            }
            Start::Future => {
                let error = frame::error("FutureCursor", Some("Cursor in the future."));
                self.half.write_all(&message(BINARY, &error)).await?;
                return Ok(Ending::Close(1008));
            }
        };
        loop {
            self.moved.mark_unchanged();
            if let Ok(heard) = self.heard.try_recv() {
                if let Some(ending) = self.reply(heard).await? {
                    return Ok(ending);
                }
            } else if let Some(deeds) = self.due() {
                for deed in deeds {
                    if let Some(ending) = self.perform(deed).await? {
                        return Ok(ending);
                    }
                }
            } else if !self.advance().await?
                && let Some(ending) = self.wait().await?
            {
                return Ok(ending);
            }
        }
    }

    /// What the faults want done now.
    fn due(&mut self) -> Option<Vec<Deed>> {
        let generation = self.shared.generation();
        if generation != self.generation {
            self.generation = generation;
            (self.sent, self.stalled) = (0, false);
            self.done.clear();
        }
        let faults = self.shared.treat(&self.treatment);
        let next = || self.shared.seq_at(self.next);
        let due = faults.rules.iter().enumerate().find(|(number, rule)| {
            !self.done.contains(number)
                && match rule.when {
                    When::Open => true,
                    When::Frames(frames) => self.sent >= frames,
                    When::Before(seq) => next().is_some_and(|next| next >= seq),
                    When::Within(first, last) => {
                        next().is_some_and(|next| (first..=last).contains(&next))
                    }
                }
        });
        let (number, rule) = due?;
        self.done.push(number);
        Some(rule.deeds.clone())
    }

    async fn perform(&mut self, deed: Deed) -> io::Result<Option<Ending>> {
        match deed {
            Deed::Send(payload) => self.half.write_all(&message(BINARY, &payload)).await?,
            Deed::Text(text) => self.half.write_all(&message(TEXT, text.as_bytes())).await?,
            Deed::Raw(bytes) => self.half.write_all(&bytes).await?,
            Deed::Half(payload) => {
                let whole = message(BINARY, &payload);
                let half = whole.len() / 2;
                self.half.write_all(whole.get(..half).unwrap_or_default()).await?;
                std::future::pending::<()>().await;
            }
            Deed::Pause(pause) => tokio::time::sleep(pause).await,
            Deed::Stall => self.stalled = true,
            Deed::End(ending) => return Ok(Some(ending)),
        }
        Ok(None)
    }

    /// Writes what comes next in the log. `false`: there is nothing, or we stall.
    async fn advance(&mut self) -> io::Result<bool> {
        if self.stalled {
            return Ok(false);
        }
        let faults = self.shared.treat(&self.treatment);
        let one_by_one = !faults.rules.is_empty() || !faults.pace.is_zero();
        let limit = if one_by_one { 1 } else { CHUNK };
        let (bytes, frames) = self.shared.messages(self.next, limit);
        if frames == 0 {
            return Ok(false);
        }
        self.half.write_all(&bytes).await?;
        self.next += frames;
        self.sent += frames as u64;
        self.shared.note_sent(self.entry, frames as u64);
        if !faults.pace.is_zero() {
            tokio::time::sleep(faults.pace).await;
        }
        Ok(true)
    }

    /// Waits for the client, the log or the faults.
    async fn wait(&mut self) -> io::Result<Option<Ending>> {
        tokio::select! {
            heard = self.heard.recv() => match heard {
                Some(heard) => self.reply(heard).await,
                None => Ok(Some(Ending::Reset)),
            },
            moved = self.moved.changed() => Ok(moved.is_err().then_some(Ending::Reset)),
        }
    }

    async fn reply(&mut self, heard: Heard) -> io::Result<Option<Ending>> {
        match heard {
            Heard::Close => return Ok(Some(Ending::CloseWithoutCode)),
            Heard::Ping(_) if self.shared.treat(&self.treatment).ignore_pings => {}
            Heard::Ping(payload) => self.half.write_all(&message(PONG, &payload)).await?,
        }
        Ok(None)
    }
}
