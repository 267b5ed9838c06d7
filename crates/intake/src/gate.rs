//! What stands between a connection and its reader, so that half-received frames are
//! bounded too.
//!
//! A frame becomes visible only when it is whole, up to 5 MB later. Small frames pass
//! freely. Who wants to bring a large one needs a pass, of which there are a few for all
//! labelers together, and has a limited time to bring it in; without one, its bytes wait
//! in its own TCP connection (contract G7).

use identity::Stream;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::PollSemaphore;

/// Bytes that a frame may have without a pass.
const SMALL: usize = 64 << 10;

/// Frames of up to 5 MB that may be on their way in at once.
pub(crate) const PASSES: usize = 4;

/// How long one of them may take.
const TIME: Duration = Duration::from_secs(60);

/// A connection that counts what it lets in.
#[derive(Debug)]
pub(crate) struct Gate {
    stream: Stream,
    passes: PollSemaphore,
    /// Bytes since the last whole message.
    bytes: usize,
    pass: Option<(OwnedSemaphorePermit, Instant)>,
}

impl Gate {
    pub(crate) fn new(stream: Stream, passes: Arc<Semaphore>) -> Self {
        Self { stream, passes: PollSemaphore::new(passes), bytes: 0, pass: None }
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
        if let Some((_, since)) = &self.pass {
            let late = since.elapsed() >= TIME;
            let error = || io::Error::new(io::ErrorKind::TimedOut, "a large frame took too long");
            return Poll::Ready(if late { Err(error()) } else { Ok(()) });
        }
        let pass = ready!(self.passes.poll_acquire(context));
        self.pass = pass.map(|pass| (pass, Instant::now()));
        Poll::Ready(Ok(()))
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
        self.bytes += buffer.filled().len() - before;
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
