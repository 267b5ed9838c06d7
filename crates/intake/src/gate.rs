//! What stands between a connection and its reader, so that half-received frames are
//! bounded too.
//!
//! A frame becomes visible only when it is whole, up to 5 MB later. Small frames pass
//! freely. Who wants to bring a large one needs a pass, of which there are a few for all
//! labelers together, and has to bring it in at some speed, so that nobody holds a pass by
//! dawdling (contract G8); without one, its bytes wait in its own TCP connection (G7).

use identity::Stream;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::PollSemaphore;

/// Bytes that a frame may have without a pass.
const SMALL: usize = 128 << 10;

/// Frames of up to 5 MB that may be on their way in at once.
pub(crate) const PASSES: usize = 8;

/// Who has a pass may dawdle for so long,
const GRACE: Duration = Duration::from_secs(5);

/// and otherwise brings in at least so many bytes a second.
const PACE: u32 = 64 << 10;

/// A connection that counts what it lets in.
#[derive(Debug)]
pub(crate) struct Gate {
    stream: Stream,
    passes: PollSemaphore,
    /// Bytes since the last whole message.
    bytes: usize,
    /// Bytes ever.
    total: u64,
    pass: Option<Pass>,
    /// Whether the peer has more for us and we do not take it.
    waits: bool,
}

/// The right to bring in one large frame.
#[derive(Debug)]
struct Pass {
    _permit: OwnedSemaphorePermit,
    since: Instant,
    /// Bytes brought in with it, and when the last came.
    bytes: usize,
    last: Instant,
    /// Wakes when it runs out.
    end: Pin<Box<Sleep>>,
}

impl Pass {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        let since = Instant::now();
        let end = Box::pin(sleep_until(since + GRACE));
        Self { _permit: permit, since, bytes: 0, last: since, end }
    }

    /// Bytes came in.
    fn brought(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.last = Instant::now();
    }

    /// Fails once the peer is behind its pace, or has stopped.
    fn poll(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let earned = Duration::from_secs_f64(self.bytes as f64 / f64::from(PACE));
        let end = (self.since + earned).min(self.last) + GRACE;
        self.end.as_mut().reset(end);
        match self.end.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "a large frame took too long"))
            }
        }
    }
}

impl Gate {
    pub(crate) fn new(stream: Stream, passes: Arc<Semaphore>) -> Self {
        let passes = PollSemaphore::new(passes);
        Self { stream, passes, bytes: 0, total: 0, pass: None, waits: false }
    }

    /// Bytes received so far, of whatever.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Whether part of a message has come. A ping or a pong is whole when it is seen.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.bytes > 0
    }

    /// Whether it is for us to go on, not for the peer.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// A message has been received whole.
    pub(crate) fn whole(&mut self) {
        self.bytes = 0;
        self.pass = None;
    }

    /// Waits for a pass where one is needed.
    fn poll_pass(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes < SMALL {
            return Poll::Ready(Ok(()));
        }
        if self.pass.is_none() {
            self.waits = true;
            let permit = ready!(self.passes.poll_acquire(context));
            self.waits = false;
            self.pass = permit.map(Pass::new);
        }
        Poll::Ready(self.pass.as_mut().map_or(Ok(()), |pass| pass.poll(context)))
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_pass(context))?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.bytes += read;
        self.total += read as u64;
        if let Some(pass) = &mut self.pass {
            pass.brought(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// A gate, and the other end of its connection.
    async fn gate(passes: &Arc<Semaphore>) -> (Gate, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        (Gate::new(Stream::Plain(ours), Arc::clone(passes)), theirs)
    }

    /// Reads what comes until nothing does, and says how much it was.
    async fn drain(gate: &mut Gate) -> usize {
        let mut buffer = vec![0; 4096];
        let mut total = 0;
        let quiet = Duration::from_millis(100);
        while let Ok(Ok(read)) = tokio::time::timeout(quiet, gate.read(&mut buffer)).await {
            total += read;
        }
        total
    }

    #[tokio::test]
    async fn a_large_frame_waits_for_a_pass_and_gives_it_back() {
        let passes = Arc::new(Semaphore::new(1));
        let (mut first, mut to_first) = gate(&passes).await;
        let (mut second, mut to_second) = gate(&passes).await;
        to_first.write_all(&vec![0; SMALL + 10_000]).await.unwrap();
        to_second.write_all(&vec![0; SMALL + 10_000]).await.unwrap();
        assert_eq!(drain(&mut first).await, SMALL + 10_000);
        assert_eq!(drain(&mut second).await, SMALL, "the only pass is taken");
        first.whole();
        assert_eq!(drain(&mut second).await, 10_000);
        assert_eq!(passes.available_permits(), 0);
        drop(second);
        assert_eq!(passes.available_permits(), 1);
    }

    #[tokio::test]
    async fn who_dawdles_with_a_pass_loses_the_connection() {
        let passes = Arc::new(Semaphore::new(1));
        let (mut gate, mut other) = gate(&passes).await;
        other.write_all(&vec![0; SMALL + 1]).await.unwrap();
        assert_eq!(drain(&mut gate).await, SMALL + 1);
        assert!(!gate.waits());
        let mut buffer = [0; 16];
        let stalled = tokio::time::timeout(2 * GRACE, gate.read(&mut buffer)).await;
        let error = stalled.expect("it ends by itself").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_waits_for_a_pass_is_known_to() {
        let (mut gate, mut other) = gate(&Arc::new(Semaphore::new(0))).await;
        other.write_all(&vec![0; SMALL + 1]).await.unwrap();
        assert_eq!(drain(&mut gate).await, SMALL);
        assert!(gate.waits());
        assert_eq!(gate.total(), SMALL as u64);
    }

    #[tokio::test]
    async fn small_frames_need_no_pass_however_many() {
        let passes = Arc::new(Semaphore::new(0));
        let (mut gate, mut other) = gate(&passes).await;
        for _ in 0..10 {
            other.write_all(&vec![0; SMALL / 2]).await.unwrap();
            assert_eq!(drain(&mut gate).await, SMALL / 2);
            gate.whole();
        }
    }
}
