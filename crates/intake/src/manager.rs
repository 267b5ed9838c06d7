//! Keeps exactly one subscription for each tracked labeler.
//!
//! It compares the labelers that are tracked with those that are followed whenever the
//! roster changes, whenever a subscription ends, and on a slow tick in case it missed
//! something. Nothing else starts or stops a subscription.

use crate::calls::Calls;
use crate::clock::{Clock, wall_clock};
use crate::discovery::{self, Discovery};
use crate::gate::PASSES;
use crate::invite::invite;
use crate::judges::Judges;
use crate::life;
use crate::places::Places;
use crate::shared::Shared;
use crate::subscription::follow;
use fleet::{Board, Change, Rest, plan};
use identity::Resolver;
use label::Did;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Remedy, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How often to compare even though nobody said that anything changed; the judges' period too.
const COMPARE_EVERY: Duration = Duration::from_secs(30);

/// How long a labeler whose subscription panicked is left alone.
const AFTER_A_PANIC: Duration = Duration::from_secs(60);

/// What discovery does when it is told to stop has so much time.
const FAREWELL: Duration = Duration::from_secs(4);

/// Second connections, looking for a head, that may be open at once.
const PROBES: usize = 8;

/// What intake needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most connections open at once.
    pub parallelism: usize,
    /// Processors that check signatures.
    pub processors: usize,
    /// Bytes of frames that may be in memory at once. Must hold one frame of 5 MB.
    pub memory: usize,
    /// Bytes that tables of the keys in use may take; 0: there are none.
    pub key_tables: usize,
    /// How many labels of one labeler may be stored; it waits then.
    pub most_labels: Option<u64>,
    /// How long to wait between tries.
    pub rest: Rest,
    /// Whom to track from the start.
    pub dids: Vec<Did>,
    /// The same, by handle.
    pub handles: Vec<String>,
    /// Where others are looked for.
    pub discovery: Discovery,
}

impl Settings {
    /// 32 MiB of frames keep two processors busy for seconds; everything made from them
    /// costs about as much again.
    pub const MEMORY: usize = 32 << 20;
}

/// Why intake ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// The store can no longer be trusted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Manager {
    shared: Shared,
    tasks: JoinSet<Result<(), StoreError>>,
    running: BTreeMap<Did, Running>,
}

/// A subscription, and for which row of the store: purged and added again, a labeler has
/// a new one, and is to be read from the beginning.
struct Running {
    task: AbortHandle,
    row: i64,
}

/// Follows every tracked labeler until told to stop.
///
/// # Errors
/// When the store gives up.
pub async fn run(
    store: Store,
    resolver: Resolver,
    board: Board,
    settings: Settings,
    stop: CancellationToken,
) -> Result<(), IntakeError> {
    describe();
    let most_memory = settings.memory.max(wire::MAX_FRAME);
    let shared = Shared {
        store,
        resolver,
        board,
        judges: Judges::new(settings.processors, settings.key_tables),
        places: Places::new(settings.parallelism),
        calls: Calls::default(),
        memory: Arc::new(Semaphore::new(most_memory)),
        most_memory,
        passes: Arc::new(Semaphore::new(PASSES)),
        probes: Arc::new(Semaphore::new(PROBES)),
        confirms: Arc::new(Semaphore::new(PROBES)),
        most_labels: settings.most_labels,
        hears_accounts: settings.discovery.firehose,
        clock: Clock::start(),
        rest: settings.rest,
    };
    let (store, resolver) = (shared.store.clone(), shared.resolver.clone());
    let inviting = invite(store, resolver, settings.dids, settings.handles);
    let discovering = discovery::run(shared.clone(), settings.discovery, stop.clone());
    let mut discovering = std::pin::pin!(discovering);
    let manager = Manager { shared, tasks: JoinSet::new(), running: BTreeMap::new() };
    let found = tokio::select! {
        () = stop.cancelled() => return farewell(discovering).await,
        ended = manager.run() => return ended,
        // Never returns: without guests it waits for ever.
        error = inviting => return Err(error.into()),
        found = &mut discovering => found,
    };
    // It ends by itself when the store has given up, or because we are told to stop.
    found.map_err(IntakeError::from)
}

/// Lets discovery save where it is. What it cannot save in time it hears again.
async fn farewell(
    discovering: impl Future<Output = Result<(), StoreError>>,
) -> Result<(), IntakeError> {
    match tokio::time::timeout(FAREWELL, discovering).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}

impl Manager {
    async fn run(mut self) -> Result<(), IntakeError> {
        let mut roster = self.shared.store.roster();
        let mut tick = tokio::time::interval(COMPARE_EVERY);
        loop {
            roster.mark_unchanged();
            match self.compare().await {
                Err(error) if error.remedy() == Remedy::GiveUp => return Err(error.into()),
                Err(error) => tracing::warn!(%error, "labelers cannot be compared; trying again"),
                Ok(()) => {}
            }
            tokio::select! {
                changed = roster.changed() => changed.map_err(|_| StoreError::Closed)?,
                Some(ended) = self.tasks.join_next_with_id() => self.reap(ended)?,
                _ = tick.tick() => self.shared.judges.end_period(),
            }
        }
    }

    async fn compare(&mut self) -> Result<(), StoreError> {
        let rows = self.shared.store.labelers().await?;
        let rows: BTreeMap<Did, i64> = rows.into_iter().map(|row| (row.did, row.row)).collect();
        life::tell_all(&self.shared.store.announce(wall_clock()).await?);
        self.stop_the_outdated(&rows);
        let wanted = rows.keys().cloned().collect();
        let running = self.running.keys().cloned().collect();
        for change in plan(&wanted, &running) {
            match change {
                Change::Stop(did) => self.stop(&did),
                Change::Start(did) => {
                    let row = rows.get(&did).copied().unwrap_or_default();
                    self.start(did, row);
                }
            }
        }
        Ok(())
    }

    /// Stops who still reads for a row that was purged.
    fn stop_the_outdated(&mut self, rows: &BTreeMap<Did, i64>) {
        let outdated = |(did, running): &(&Did, &Running)| {
            rows.get(*did).is_some_and(|row| *row != running.row)
        };
        let outdated: Vec<Did> =
            self.running.iter().filter(outdated).map(|(did, _)| did.clone()).collect();
        for did in outdated {
            self.stop(&did);
        }
    }

    fn start(&mut self, did: Did, row: i64) {
        let task = self.tasks.spawn(follow(self.shared.clone(), did.clone()));
        self.running.insert(did, Running { task, row });
    }

    /// Leaves a labeler alone for a while. What panicked once may do so at once again.
    fn rest(&mut self, did: Did, row: i64) {
        let task = self.tasks.spawn(async {
            tokio::time::sleep(AFTER_A_PANIC).await;
            Ok(())
        });
        self.running.insert(did, Running { task, row });
    }

    fn stop(&mut self, did: &Did) {
        if let Some(running) = self.running.remove(did) {
            running.task.abort();
        }
        self.shared.board.remove(did);
    }

    /// Takes note of a subscription that ended. If it is still wanted, the next comparison
    /// starts it anew.
    fn reap(
        &mut self,
        ended: Result<(Id, Result<(), StoreError>), JoinError>,
    ) -> Result<(), IntakeError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let whose = self.running.iter().find(|(_, running)| running.task.id() == id);
        if let Some((did, row)) = whose.map(|(did, running)| (did.clone(), running.row)) {
            self.running.remove(&did);
            self.shared.board.remove(&did);
            if let Err(error) = &ended
                && error.is_panic()
            {
                tracing::error!(labeler = %did, %error, "subscription panicked");
                self.rest(did, row);
            }
        }
        match ended {
            Ok((_, Err(error))) if error.remedy() == Remedy::GiveUp => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!("labeltap_labels_judged_total", "labels read, by verdict");
    describe_counter!("labeltap_labels_late_total", "labels published below a cursor, and stored");
    describe_gauge!("labeltap_key_tables", "tables of keys held");
    describe_gauge!("labeltap_key_tables_bytes", Unit::Bytes, "memory of the tables of keys held");
    describe_gauge!(
        "labeltap_key_tables_limit_bytes",
        Unit::Bytes,
        "memory they may take (--key-tables)"
    );
    describe_counter!("labeltap_key_tables_built_total", "tables of keys made");
}
