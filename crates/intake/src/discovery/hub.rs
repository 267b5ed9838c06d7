//! What the parts of discovery share.

use super::Discovery;
use super::backlog::Backlog;
use super::commits::Commits;
use crate::clock::wall_clock;
use crate::shared::Shared;
use label::Did;
use std::sync::Arc;
use std::time::Duration;
use store::{DirectoryRow, Hints, Place, RelayRow, Remedy, Source, StoreError};

/// How long to wait for a store that does not take anything just now.
const STORE_REST: Duration = Duration::from_secs(1);

/// Handed to each part. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct Hub {
    pub(super) shared: Shared,
    pub(super) settings: Arc<Discovery>,
    pub(super) backlog: Backlog,
    pub(super) commits: Commits,
}

impl Hub {
    /// Finds out what waits from before, and notes when labeltap was first started with this
    /// directory.
    pub(super) async fn open(shared: Shared, settings: Discovery) -> Result<Self, StoreError> {
        let hub = Self {
            backlog: Backlog::new(0),
            commits: Commits::default(),
            shared,
            settings: Arc::new(settings),
        };
        hub.directory().await?;
        let waiting = hub.patiently(|| hub.shared.store.count_lookups()).await?;
        hub.backlog.added(waiting);
        Ok(hub)
    }

    /// Does something with the store, and does it again while the store is busy.
    pub(super) async fn patiently<T, F>(&self, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match work().await {
                Err(error) if error.remedy() == Remedy::Retry => {
                    tokio::time::sleep(STORE_REST).await;
                }
                answer => return answer,
            }
        }
    }

    /// How far the relay was read.
    pub(super) async fn relay(&self) -> Result<RelayRow, StoreError> {
        self.patiently(|| self.shared.store.relay(self.settings.relay_name())).await
    }

    /// How far the directory was read.
    pub(super) async fn directory(&self) -> Result<DirectoryRow, StoreError> {
        let name = || self.settings.directory_name();
        self.patiently(|| self.shared.store.directory(name(), wall_clock())).await
    }

    /// Keeps hints and how far a place was read, and acts on what the store says of them. Waits
    /// while the store is busy.
    pub(super) async fn keep(&self, hints: Hints) -> Result<(), StoreError> {
        let keeping = || self.shared.store.keep_hints(hints.clone(), wall_clock());
        let kept = self.patiently(keeping).await?;
        self.backlog.added(kept.added);
        for did in &kept.changed {
            self.shared.calls.call(did);
        }
        Ok(())
    }

    /// The same for hints from a list that was read so far.
    pub(super) async fn keep_listed(
        &self,
        dids: Vec<(Did, Source)>,
        place: Place,
    ) -> Result<(), StoreError> {
        let strangers = self.settings.discover;
        self.keep(Hints { dids, accounts: Vec::new(), strangers, place: Some(place) }).await
    }
}
