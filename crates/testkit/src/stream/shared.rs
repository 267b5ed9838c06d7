//! What the handle of a server and its connections share: its log, its faults, and the
//! record of who came.

use super::faults::{Ending, Faults};
use super::http::{Page, Request};
use super::message::{BINARY, Message, message};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long the `wait_…` functions wait before they fail the test.
const LIMIT: Duration = Duration::from_secs(20);

/// How often a request that hangs asks again.
const GLANCE: Duration = Duration::from_millis(10);

/// One request for the stream.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// When it was answered.
    pub at: Instant,
    /// The parameter `cursor` as it was written.
    pub cursor: Option<String>,
    /// 101, or the status it was refused with.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Frames of the log sent on it so far.
    pub frames: u64,
    /// Pings heard on it so far.
    pub pings: u64,
    /// When it ended, however it did.
    pub ended: Option<Instant>,
}

/// Answers what is no request for the stream.
pub(crate) trait Pages: std::fmt::Debug + Send + Sync {
    /// The answer, given what the stream has sent; `None`: not yet. It is called again until
    /// there is one.
    fn page(&self, request: &Request, log: &[Message]) -> Option<Page>;
    /// Notes that a request came.
    fn came(&self, _request: &Request) {}
}

/// What the handle and the connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The path of the stream.
    pub(super) path: &'static str,
    pages: Arc<dyn Pages>,
    state: Mutex<State>,
    /// Counts changes of the log and the faults, to wake the connections.
    pub(super) moved: watch::Sender<u64>,
    /// Orders all connections to end.
    pub(crate) cut: watch::Sender<Option<Ending>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) messages: Vec<Message>,
    pub(crate) head: i64,
    /// The `seq` of the newest message that was forgotten; 0 when none was.
    pub(crate) forgotten: i64,
    /// Whether nothing is said about cursors that are too old or in the future.
    pub(crate) silent: bool,
    faults: Arc<Faults>,
    generation: u64,
    /// How many more upgrades get these faults, if they are limited.
    left: u64,
    pub(crate) upgrades: Vec<Upgrade>,
}

/// Which faults concern a connection that was opened under a generation of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Treatment {
    /// The generation of limited faults that it was counted in.
    counted_in: Option<u64>,
}

/// Where in the log a connection begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// At this message.
    At(usize),
    /// At the first, with a word about those that are gone.
    Outdated,
    /// Nowhere: its cursor is in the future.
    Future,
}

impl Shared {
    pub(crate) fn new(path: &'static str, pages: Arc<dyn Pages>) -> Self {
        let state = State {
            messages: Vec::new(),
            head: 0,
            forgotten: 0,
            silent: false,
            faults: Arc::default(),
            generation: 0,
            left: 0,
            upgrades: Vec::new(),
        };
        let (moved, cut) = (watch::Sender::new(0), watch::Sender::new(None));
        Self { path, pages, state: Mutex::new(state), moved, cut }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.moved.send_modify(|moves| *moves += 1);
    }

    /// The answer to what is no request for the stream.
    pub(super) async fn page(&self, request: &Request) -> Page {
        self.pages.came(request);
        loop {
            let page = self.pages.page(request, &self.lock().messages);
            if let Some(page) = page {
                return page;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    pub(crate) fn head(&self) -> i64 {
        self.lock().head
    }

    pub(crate) fn append(&self, make: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        let seq = {
            let mut state = self.lock();
            let seq = state.head + 1;
            let wire = Bytes::from(message(BINARY, &make(seq)));
            state.messages.push(Message { seq, wire });
            state.head = seq;
            seq
        };
        self.wake();
        seq
    }

    pub(crate) fn insert(&self, seq: i64, payload: &[u8]) {
        {
            let mut state = self.lock();
            let wire = Bytes::from(message(BINARY, payload));
            state.messages.push(Message { seq, wire });
            state.head = state.head.max(seq);
        }
        self.wake();
    }

    pub(crate) fn extend(&self, messages: &[Message], last: i64) {
        {
            let mut state = self.lock();
            state.messages.extend_from_slice(messages);
            state.head = state.head.max(last);
        }
        self.wake();
    }

    /// At the first message above the cursor; without one, at the next to come.
    pub(super) fn start(&self, cursor: Option<i64>) -> Start {
        let state = self.lock();
        match cursor {
            Some(cursor) if cursor > state.head && !state.silent => Start::Future,
            Some(cursor) if cursor < state.forgotten && !state.silent => Start::Outdated,
            _ => {
                let above = |cursor| state.messages.iter().position(|message| message.seq > cursor);
                Start::At(cursor.and_then(above).unwrap_or(state.messages.len()))
            }
        }
    }

    /// How many streams are open.
    pub(crate) fn open(&self) -> usize {
        let state = self.lock();
        state.upgrades.iter().filter(|up| up.status == 101 && up.ended.is_none()).count()
    }

    /// Waits until something holds; fails the test when it takes longer than 20 s.
    #[expect(clippy::panic, reason = "a test whose peer does not come should stop")]
    pub(crate) async fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            if start.elapsed() > LIMIT {
                panic!("{what}: {:#?}", self.lock().upgrades);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn seq_at(&self, index: usize) -> Option<i64> {
        self.lock().messages.get(index).map(|message| message.seq)
    }

    /// The messages from an index on, as bytes and their number: at least one, if there
    /// is one, and no more once `limit` bytes are reached.
    pub(super) fn messages(&self, from: usize, limit: usize) -> (Vec<u8>, usize) {
        let state = self.lock();
        let (mut out, mut count) = (Vec::new(), 0);
        for message in state.messages.get(from..).unwrap_or_default() {
            if out.len() >= limit {
                break;
            }
            out.extend_from_slice(&message.wire);
            count += 1;
        }
        (out, count)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        {
            let mut state = self.lock();
            state.left = faults.only_first.unwrap_or(0);
            state.faults = Arc::new(faults);
            state.generation += 1;
        }
        self.wake();
    }

    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Counts a new connection against limited faults.
    pub(super) fn admit(&self) -> Treatment {
        let mut state = self.lock();
        let counted = state.left > 0;
        state.left = state.left.saturating_sub(1);
        Treatment { counted_in: counted.then_some(state.generation) }
    }

    /// The faults that a connection has to suffer now.
    pub(super) fn treat(&self, treatment: &Treatment) -> Arc<Faults> {
        let state = self.lock();
        let counted = treatment.counted_in == Some(state.generation);
        if counted || state.faults.only_first.is_none() {
            state.faults.clone()
        } else {
            Arc::default()
        }
    }

    pub(super) fn note_upgrade(&self, request: &Request, status: u16) -> usize {
        let mut state = self.lock();
        state.upgrades.push(Upgrade {
            at: Instant::now(),
            cursor: request.parameter("cursor").map(str::to_owned),
            status,
            headers: request.headers.clone(),
            frames: 0,
            pings: 0,
            ended: (status != 101).then(Instant::now),
        });
        state.upgrades.len() - 1
    }

    pub(super) fn note(&self, entry: usize, change: impl FnOnce(&mut Upgrade)) {
        if let Some(upgrade) = self.lock().upgrades.get_mut(entry) {
            change(upgrade);
        }
    }

    pub(super) fn note_sent(&self, entry: usize, frames: u64) {
        self.note(entry, |upgrade| upgrade.frames += frames);
    }

    pub(super) fn note_ping(&self, entry: usize) {
        self.note(entry, |upgrade| upgrade.pings += 1);
    }

    pub(super) fn note_end(&self, entry: usize) {
        self.note(entry, |upgrade| upgrade.ended = Some(Instant::now()));
    }
}
