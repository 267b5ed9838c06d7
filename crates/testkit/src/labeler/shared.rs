//! What the handle of a fake labeler and its connections share: its log, its faults, and
//! the record of who came.

use super::Upgrade;
use super::faults::{Ending, Faults};
use super::http::Request;
use super::log::{self, Backlog, Message};
use super::pages::{self, Page};
use crate::SigningKey;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// What the handle and the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Counts changes of the log and the faults, to wake the connections.
    pub(super) moved: watch::Sender<u64>,
    /// Orders all connections to end.
    pub(super) cut: watch::Sender<Option<Ending>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) key: SigningKey,
    pub(super) document: Option<String>,
    pub(super) pages: HashMap<String, Page>,
    pub(super) messages: Vec<Message>,
    pub(super) head: i64,
    faults: Arc<Faults>,
    generation: u64,
    /// How many more upgrades get these faults, if they are limited.
    left: u64,
    pub(super) upgrades: Vec<Upgrade>,
}

/// Which faults concern a connection that was opened under a generation of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Treatment {
    /// The generation of limited faults that it was counted in.
    counted_in: Option<u64>,
}

impl Shared {
    pub(super) fn new(key: SigningKey) -> Self {
        let state = State {
            key,
            document: None,
            pages: HashMap::new(),
            messages: Vec::new(),
            head: 0,
            faults: Arc::default(),
            generation: 0,
            left: 0,
            upgrades: Vec::new(),
        };
        let (moved, cut) = (watch::Sender::new(0), watch::Sender::new(None));
        Self { state: Mutex::new(state), moved, cut }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        self.moved.send_modify(|moves| *moves += 1);
    }

    pub(super) fn document(&self) -> Option<String> {
        self.lock().document.clone()
    }

    /// What a path answers that is neither the stream nor the document.
    pub(super) fn page(&self, path: &str, request: &Request) -> Page {
        let state = self.lock();
        match state.pages.get(path) {
            Some(page) => page.clone(),
            None if path == pages::QUERY => pages::query(&state.messages, request),
            None => Page::new(404, ""),
        }
    }

    pub(super) fn head(&self) -> i64 {
        self.lock().head
    }

    pub(super) fn append(&self, make: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        let seq = {
            let mut state = self.lock();
            let seq = state.head + 1;
            let wire = Bytes::from(log::message(log::BINARY, &make(seq)));
            state.messages.push(Message { seq, wire });
            state.head = seq;
            seq
        };
        self.wake();
        seq
    }

    pub(super) fn insert(&self, seq: i64, payload: &[u8]) {
        {
            let mut state = self.lock();
            let wire = Bytes::from(log::message(log::BINARY, payload));
            state.messages.push(Message { seq, wire });
            state.head = state.head.max(seq);
        }
        self.wake();
    }

    pub(super) fn extend(&self, backlog: &Backlog) {
        {
            let mut state = self.lock();
            state.messages.extend_from_slice(&backlog.messages);
            state.head = state.head.max(backlog.last());
        }
        self.wake();
    }

    /// Index of the first message above the cursor; without one, of the next to come.
    /// `None`: the cursor is in the future.
    pub(super) fn start(&self, cursor: Option<i64>) -> Option<usize> {
        let state = self.lock();
        if cursor.is_some_and(|cursor| cursor > state.head) {
            return None;
        }
        let above = |cursor| state.messages.iter().position(|message| message.seq > cursor);
        Some(cursor.and_then(above).unwrap_or(state.messages.len()))
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

    pub(super) fn set_faults(&self, faults: Faults) {
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
