//! Looks at the DID document while the stream is open: hourly, and when somebody says that it
//! may have changed (contract section 6).

use crate::calls::Listener;
use crate::shared::Shared;
use fleet::Moment;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use identity::{ResolveError, Resolved, Want};
use label::Did;
use std::sync::Arc;
use std::time::Duration;

/// However often we are called, the directory is asked at most this often.
const BETWEEN_CALLS: Duration = Duration::from_secs(5);

/// The directory's answers may be older than what we were called for (facts 5.1), so if nothing
/// has changed it is asked once more after this.
const LAG: Duration = Duration::from_secs(30);

/// What came of a look.
pub(super) type Outcome = Result<Arc<Resolved>, ResolveError>;

/// When to look, and the question that is under way.
pub(super) struct Watch {
    look_at: Moment,
    /// When a document was last read, or asked for.
    looked_at: Option<Moment>,
    looks: u32,
    /// Looks in a row that failed.
    failures: u32,
    /// Whether the look that is due or under way was called for.
    called: bool,
    asking: Option<BoxFuture<'static, Outcome>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            look_at: Moment::MAX,
            looked_at: None,
            looks: 0,
            failures: 0,
            called: false,
            asking: None,
        }
    }

    /// A document was read now, by whomever: the next look is in an hour.
    pub(super) fn looked(&mut self, shared: &Shared, salt: u64) {
        let now = shared.clock.now();
        self.looks = self.looks.wrapping_add(1);
        (self.looked_at, self.failures) = (Some(now), 0);
        self.look_at = now + shared.rest.until_next_look(salt, self.looks);
    }

    /// What was read may be old: it is read again in about a minute.
    pub(super) fn look_soon(&mut self, shared: &Shared, salt: u64) {
        let soon = shared.clock.now() + shared.rest.wait_lacking(salt, 1);
        self.look_at = self.look_at.min(soon);
    }

    /// What was read is what was known. If it was called for, it is read once more soon.
    pub(super) fn unchanged(&mut self, shared: &Shared) {
        if std::mem::take(&mut self.called) {
            self.look_at = self.look_at.min(shared.clock.now() + LAG);
        }
    }

    /// What was read is something else, which is what the call was about.
    pub(super) fn changed(&mut self) {
        self.called = false;
    }

    /// A document is asked for now, by somebody else.
    pub(super) fn asks(&mut self, shared: &Shared) {
        self.looked_at = Some(shared.clock.now());
    }

    /// The document could not be read; what is known stays until it can. `asked`: how long the
    /// directory wants to be left alone.
    pub(super) fn failed(&mut self, shared: &Shared, salt: u64, asked: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let own = shared.rest.wait_lacking(salt, self.failures);
        self.look_at = shared.clock.now() + own.max(asked.unwrap_or_default());
    }

    /// Nobody waits for the answer that is under way any more: a question that is not carried on
    /// holds a turn, and its answer would be old when it is heard. It is asked again.
    pub(super) fn give_up(&mut self) {
        if self.asking.take().is_some() {
            self.look_at = Moment::ZERO;
        }
    }

    /// Returns when somebody has called and the directory may be asked again. May be dropped
    /// at any await without losing the call.
    pub(super) async fn called(&mut self, shared: &Shared, bell: &Listener) {
        if !self.called {
            bell.called().await;
            self.called = true;
        }
        tokio::time::sleep_until(shared.clock.instant(self.not_before())).await;
        self.called = false;
    }

    /// The next look, when it is due or called for. May be dropped at any await.
    pub(super) async fn next(&mut self, shared: &Shared, did: &Did, bell: &Listener) -> Outcome {
        loop {
            if let Some(asking) = &mut self.asking {
                let outcome = asking.await;
                self.asking = None;
                return outcome;
            }
            let now = shared.clock.now();
            if now >= self.look_at {
                (self.looked_at, self.look_at) = (Some(now), Moment::MAX);
                let (resolver, did) = (shared.resolver.clone(), did.clone());
                self.asking =
                    Some(async move { resolver.resolve(&did, Want::Fresh).await }.boxed());
                continue;
            }
            tokio::select! {
                () = until(shared, self.look_at) => {}
                () = bell.called() => {
                    self.called = true;
                    self.look_at = self.look_at.min(self.not_before().max(now));
                }
            }
        }
    }

    fn not_before(&self) -> Moment {
        self.looked_at.map_or(Moment::ZERO, |looked| looked + BETWEEN_CALLS)
    }
}

async fn until(shared: &Shared, moment: Moment) {
    if moment == Moment::MAX {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep_until(shared.clock.instant(moment)).await;
}
