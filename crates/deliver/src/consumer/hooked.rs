//! A consumer's webhook: to the desk, one more connection.
//!
//! How many requests may run is decided by the receiver's health; what failed rests at the
//! desk and is sent again. The requests themselves run in a task of their own, `hook::run`,
//! which is dropped when we stop: what it had under way comes again.

use super::{Consumer, Word};
use crate::desk::{Chair, Conn, Moment};
use crate::hall::DEFAULT;
use crate::hook::{self, Failure, Health, Hook, MOST, Poster};
use crate::packer::Parcel;
use crate::taste::Taste;
use label::Filter;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use url::Url;

/// Words of the requests under way; these wait when it is full.
const WORDS: usize = 2 * MOST;

/// The webhook of one consumer, if it has one.
#[derive(Debug)]
pub(super) struct Hooked {
    poster: Result<Poster, String>,
    /// For jitter.
    seed: u64,
    /// As it is kept, with whatever user and password it has; not that of `--webhook-url`.
    own: Option<Url>,
    fixed: bool,
    open: Option<Open>,
    /// Never used again, and never one of a socket's: those count from 1.
    last: u64,
}

#[derive(Debug)]
struct Open {
    conn: Conn,
    health: Health,
    queue: mpsc::Sender<Vec<Parcel>>,
    words: mpsc::Receiver<Word>,
    task: AbortHandle,
    /// Events that the receiver did not take when they were last tried.
    failing: BTreeSet<i64>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hooked {
    pub(super) fn new(consumer: &str, poster: Result<Poster, String>) -> Self {
        let seed = RandomState::new().hash_one(consumer);
        Self { poster, seed, own: None, fixed: false, open: None, last: 0 }
    }

    /// Whether it is set by the operator and not by the API.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// As it was given by the API.
    pub(super) fn own(&self) -> Option<Url> {
        self.own.clone()
    }

    /// What is kept of it.
    pub(super) fn own_url(&self) -> Option<String> {
        self.own.as_ref().map(ToString::to_string)
    }

    pub(super) fn queue(&self, conn: Conn) -> Option<&mpsc::Sender<Vec<Parcel>>> {
        self.open.as_ref().filter(|open| open.conn == conn).map(|open| &open.queue)
    }

    /// The next word of the requests; `None` when their task is gone. Never, when there is
    /// no webhook.
    pub(super) async fn word(&mut self) -> Option<Word> {
        match &mut self.open {
            Some(open) => open.words.recv().await,
            None => std::future::pending().await,
        }
    }

    /// When there will be something to do by time alone.
    pub(super) fn wakes_at(&self, now: Moment) -> Option<Moment> {
        self.open.as_ref()?.health.opens_at(now)
    }
}

impl Consumer {
    /// Another webhook, or none. `--webhook-url` wins.
    pub(super) fn set_webhook(&mut self, own: Option<Url>) {
        let configured = self.settings.webhook.clone().filter(|_| self.name == DEFAULT);
        self.hook.fixed = configured.is_some();
        let password = configured.as_ref().and_then(|_| self.settings.admin_password.clone());
        self.hook.own.clone_from(&own);
        if let Some(old) = self.hook.open.take() {
            self.close(old.conn);
        }
        self.desk.set_careful(false);
        let url = configured.or(own);
        let hook =
            url.map(|url| Hook { url, password, secret: self.settings.webhook_secret.clone() });
        self.standing.show(|shown| {
            shown.webhook = hook.as_ref().map(Hook::shown);
            shown.last_error = None;
        });
        if let Some(hook) = hook {
            // Whoever listens on a socket would share the work with the webhook.
            for conn in self.queues.keys().copied().collect::<Vec<_>>() {
                self.close(conn);
            }
            self.open_webhook(hook);
        }
    }

    fn open_webhook(&mut self, hook: Hook) {
        let poster = match &self.hook.poster {
            Ok(poster) => poster.clone(),
            Err(why) => {
                let why = why.clone();
                tracing::error!(consumer = self.name, why, "no webhook can be called");
                self.standing.show(|shown| shown.last_error = Some(why));
                return;
            }
        };
        self.hook.last += 1;
        let conn = Conn(u64::MAX - self.hook.last);
        let (queue, parcels) = mpsc::channel(self.limits.unwritten.max(MOST));
        let (say, words) = mpsc::channel(WORDS);
        let task = tokio::spawn(hook::run(conn, poster, hook, self.rack.clone(), parcels, say))
            .abort_handle();
        let health = Health::new(self.hook.seed);
        self.hook.open = Some(Open { conn, health, queue, words, task, failing: BTreeSet::new() });
        let Some(given) = self.filters.open(conn, Taste::labels(Filter::default())) else { return };
        if given.reused {
            self.desk.forget(given.number);
        }
        self.desk.opened(conn, Chair { filter: Some(given.number), window: 0, expires: false });
        tracing::info!(consumer = self.name, "webhook opened");
    }

    /// As many requests as the receiver's health allows.
    pub(super) fn tend_hook(&mut self, now: Moment) {
        if let Some(open) = &self.hook.open {
            let in_flight = self.desk.in_flight_of(open.conn);
            let room = open.health.room(now, in_flight);
            // A receiver that seems to be down is tried with one event, and not that which
            // may be the reason.
            let careful = open.health.is_down();
            self.desk.set_window(open.conn, in_flight + room);
            self.desk.set_careful(careful);
        }
    }

    pub(super) fn hear_hook(&mut self, word: Option<Word>) {
        match word {
            Some(Word::Acks { conn, ids }) => {
                self.took(&ids);
                self.acks(conn, &ids);
            }
            Some(word) => self.hear(word),
            // It never ends while we hold its queue, unless it panicked.
            None => {
                tracing::error!(consumer = self.name, "the task of a webhook ended");
                let own = self.hook.own.take();
                self.set_webhook(own);
            }
        }
    }

    /// The receiver took these.
    fn took(&mut self, ids: &[i64]) {
        count("success");
        if let Some(open) = &mut self.hook.open {
            open.health.succeeded();
        }
        self.fails_no_more(ids);
    }

    /// These are done with. The last error is shown until nothing is left that failed.
    pub(super) fn fails_no_more(&mut self, ids: &[i64]) {
        let Some(open) = &mut self.hook.open else { return };
        let failed = !open.failing.is_empty();
        for id in ids {
            open.failing.remove(id);
        }
        if failed && open.failing.is_empty() {
            tracing::info!(consumer = self.name, "the webhook's receiver is back");
            self.standing.show(|shown| shown.last_error = None);
        }
    }

    /// The receiver did not take this one.
    pub(super) fn failed(&mut self, conn: Conn, id: i64, failure: &Failure) {
        count("failure");
        let now = self.now();
        let Some(open) = self.hook.open.as_mut().filter(|open| open.conn == conn) else { return };
        if failure.refused {
            open.health.refused(now);
        } else {
            open.health.failed(now, failure.retry_after);
        }
        let first = open.failing.is_empty();
        open.failing.insert(id);
        if first {
            let why = &failure.error;
            tracing::warn!(consumer = self.name, why, "the webhook's receiver fails");
        }
        self.standing.show(|shown| shown.last_error = Some(failure.error.clone()));
        let seed = self.hook.seed ^ u64::try_from(id).unwrap_or_default();
        let wait = hook::wait(self.desk.deliveries(id), seed);
        let wait = wait.max(failure.retry_after.unwrap_or_default());
        self.desk.failed(conn, id, now.saturating_add(wait), &failure.error);
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("labeltap_webhook_requests_total", "outcome" => outcome).increment(1);
}
