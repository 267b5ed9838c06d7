//! The port of a receiver, the tasks behind it, and what they share.

use super::http::{self, Request};
use super::{Post, Reply};
use bytes::BytesMut;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

type Decide = Arc<dyn Fn(&Post) -> Reply + Send + Sync>;

/// What the test and every connection see.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Counts how often the receiver was told to reply otherwise.
    told: watch::Sender<u64>,
}

pub(super) struct State {
    pub(super) posts: Vec<Post>,
    pub(super) next: VecDeque<Reply>,
    pub(super) delay: Duration,
    pub(super) slams: bool,
    pub(super) connections: u64,
    decide: Decide,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("posts", &self.lock().posts.len()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        let state = State {
            posts: Vec::new(),
            next: VecDeque::new(),
            delay: Duration::ZERO,
            slams: false,
            connections: 0,
            decide: Arc::new(|_| Reply::status(200)),
        };
        Self { state: Mutex::new(state), told: watch::channel(0).0 }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn decide(&self, decide: Decide) {
        self.lock().decide = decide;
        self.told.send_modify(|times| *times += 1);
    }

    /// Keeps a request, and says where.
    fn keep(&self, connection: u64, request: Request) -> usize {
        let Request { method, target, headers, body } = request;
        let (at, status, ended) = (Instant::now(), None, None);
        let mut state = self.lock();
        state.posts.push(Post { at, connection, method, target, headers, body, status, ended });
        state.posts.len() - 1
    }

    /// What to do with a request; one that hangs is no longer asked for the next replies.
    fn reply(&self, which: usize, first: bool) -> Reply {
        let mut state = self.lock();
        if let Some(reply) = first.then(|| state.next.pop_front()).flatten() {
            return reply;
        }
        let (decide, post) = (state.decide.clone(), state.posts.get(which).cloned());
        drop(state);
        post.map_or(Reply::HangsUp, |post| decide(&post))
    }
}

/// Says how a request ended, however its task did.
struct Ending<'a> {
    shared: &'a Shared,
    which: usize,
}

impl Ending<'_> {
    fn status(&self, status: u16) {
        if let Some(post) = self.shared.lock().posts.get_mut(self.which) {
            post.status = Some(status);
            // Before the client can know: what it does next comes after this.
            post.ended.get_or_insert_with(Instant::now);
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(post) = self.shared.lock().posts.get_mut(self.which) {
            post.ended.get_or_insert_with(Instant::now);
        }
    }
}

/// A listening port. Dropping it closes the port and aborts every connection.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The connections are in a set that the aborted task owns.
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    #[expect(clippy::expect_used, reason = "a test without its peers should stop")]
    pub(super) async fn start(address: &str, shared: &Arc<Shared>) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port");
        let address = listener.local_addr().expect("a bound port");
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { address, accepting: Some(accepting) }
    }

    pub(super) fn runs(&self) -> bool {
        self.accepting.is_some()
    }

    pub(super) async fn stop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _aborted = accepting.await;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let (number, slams) = {
                    let mut state = shared.lock();
                    state.connections += 1;
                    (state.connections, state.slams)
                };
                if !slams {
                    links.spawn(serve(shared.clone(), stream, number));
                }
            },
            Some(_) = links.join_next() => {}
        }
    }
}

/// One connection, request by request.
async fn serve(shared: Arc<Shared>, mut stream: TcpStream, connection: u64) {
    // Otherwise a small answer waits for the acknowledgement of the one before it.
    let _slower_at_worst = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    while let Some(request) = Request::read(&mut stream, &mut buffer).await {
        let which = shared.keep(connection, request);
        if answer(&shared, &mut stream, which).await.is_none() {
            return;
        }
    }
}

/// `None`: the connection is of no more use.
async fn answer(shared: &Shared, stream: &mut TcpStream, which: usize) -> Option<()> {
    let ending = Ending { shared, which };
    let mut told = shared.told.subscribe();
    let delay = shared.lock().delay;
    tokio::select! {
        () = http::left(stream) => return None,
        () = tokio::time::sleep(delay) => {}
    }
    let mut first = true;
    loop {
        match shared.reply(which, std::mem::take(&mut first)) {
            Reply::Says(answer) => {
                ending.status(answer.status);
                return http::write(stream, &answer).await.ok();
            }
            Reply::Hangs => tokio::select! {
                () = http::left(stream) => return None,
                heard = told.changed() => heard.ok()?,
            },
            Reply::HangsUp => return None,
            Reply::BreaksOff(status) => {
                let half = format!("HTTP/1.1 {status} \r\ncontent-len");
                let _either_way = stream.write_all(half.as_bytes()).await;
                return None;
            }
            Reply::NeverEnds(status) => {
                ending.status(status);
                return http::write_without_end(stream, status).await.ok();
            }
        }
    }
}
