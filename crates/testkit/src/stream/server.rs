//! The port of a server, and the tasks behind it.

use super::link;
use super::shared::Shared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How long connections may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// A listening port. Dropping it closes the port and aborts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The connections are in a set that the aborted task owns.
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let accepting = tokio::spawn(accept(listener, shared, stopped));
        Self { address, accepting: Some(accepting), stop }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port, then waits a moment for the connections to end as they were told.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.await;
        }
    }

    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub(crate) async fn resume(&mut self, shared: Arc<Shared>) {
        if self.accepting.is_none() {
            let listener = TcpListener::bind(self.address).await.expect("the same port again");
            *self = Self::start(listener, self.address, shared);
        }
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                links.spawn(link::serve(shared.clone(), stream));
            },
            Some(_) = links.join_next() => {}
        }
    }
    drop(listener);
    let ends = async { while links.join_next().await.is_some() {} };
    let _the_rest_is_aborted = tokio::time::timeout(GRACE, ends).await;
}
