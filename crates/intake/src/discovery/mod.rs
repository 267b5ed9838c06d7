//! Ways to find labelers, and to hear that one of them has changed (contract section 6).
//!
//! Everything that is heard is a *hint* and believed by nobody: [`firehose`] hears of changed
//! identities, declarations and accounts, [`listing`] reads the relay's list, [`export`] the
//! directory's log. Hints and how far the place was read go to disk in one transaction, so a
//! cursor is never ahead of what it covers. From there [`lookups`] takes them at a measured
//! pace: the DID document decides who is a labeler, and a proof what it declares.
//!
//! Nothing here reads or stops a stream of labels: it moves the roster, and calls those whose
//! document may have changed. Each part may fail for its own reasons and is started again; only
//! the store's end is everybody's.

mod backlog;
mod commits;
mod declaration;
mod export;
mod firehose;
mod hints;
mod hub;
mod listing;
mod look;
mod lookups;
mod operations;
mod pace;
mod refresh;
mod settings;
mod verdict;

pub use settings::{Discovery, Times};

use crate::shared::Shared;
use hub::Hub;
use std::collections::HashMap;
use std::time::Duration;
use store::StoreError;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long a part that panicked is left alone. What panicked once may do so at once again.
const AFTER_A_PANIC: Duration = Duration::from_secs(60);

/// What runs side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Firehose,
    Lookups,
    Refresh,
    Listing,
    Export,
}

impl Part {
    /// Whether there is work for it.
    fn is_wanted(self, settings: &Discovery) -> bool {
        match self {
            Self::Firehose => settings.firehose,
            Self::Listing | Self::Export => settings.discover,
            Self::Lookups | Self::Refresh => true,
        }
    }

    /// Works until told to stop, or until the store gives up. The firehose has something to
    /// save then; the others may be dropped at any await, since what counts is on disk.
    async fn work(self, hub: Hub, stop: CancellationToken) -> Result<(), StoreError> {
        let ended = match self {
            Self::Firehose => return firehose::follow(hub, stop).await,
            Self::Lookups => stop.run_until_cancelled(lookups::work(hub)).await,
            Self::Refresh => stop.run_until_cancelled(refresh::work(hub)).await,
            Self::Listing => stop.run_until_cancelled(listing::work(hub)).await,
            Self::Export => stop.run_until_cancelled(export::work(hub)).await,
        };
        ended.map_or(Ok(()), |ended| ended.map(|never| match never {}))
    }
}

/// Finds labelers until told to stop.
///
/// # Errors
/// When the store gives up.
pub(crate) async fn run(
    shared: Shared,
    settings: Discovery,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    describe();
    let opened = stop.run_until_cancelled(Hub::open(shared, settings)).await;
    let Some(hub) = opened.transpose()? else { return Ok(()) };
    let all = [Part::Lookups, Part::Refresh, Part::Firehose, Part::Listing, Part::Export];
    let wanted = all.map(|part| part.is_wanted(&hub.settings).then_some(part));
    let mut parts = Parts { hub, stop, tasks: JoinSet::new(), names: HashMap::new() };
    for part in wanted.into_iter().flatten() {
        parts.start(part, Duration::ZERO);
    }
    parts.watch().await
}

struct Parts {
    hub: Hub,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), StoreError>>,
    names: HashMap<Id, Part>,
}

impl Parts {
    fn start(&mut self, part: Part, after: Duration) {
        let (hub, stop) = (self.hub.clone(), self.stop.clone());
        let task = self.tasks.spawn(async move {
            match stop.run_until_cancelled(tokio::time::sleep(after)).await {
                Some(()) => part.work(hub, stop).await,
                None => Ok(()),
            }
        });
        self.names.insert(task.id(), part);
    }

    /// Hears of everybody's end.
    async fn watch(mut self) -> Result<(), StoreError> {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
            let part = self.names.remove(&id);
            match (ended, part) {
                (Ok((_, outcome)), _) => outcome?,
                (Err(error), Some(part)) if error.is_panic() => {
                    tracing::error!(?part, %error, "a part of discovery panicked");
                    self.start(part, AFTER_A_PANIC);
                }
                (Err(_), _) => {}
            }
        }
        Ok(())
    }
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!("labeltap_firehose_events_total", "events of the firehose, by kind");
    describe_counter!(
        "labeltap_firehose_outdated_total",
        "times the relay no longer had what we lacked"
    );
    describe_gauge!("labeltap_firehose_connected", "1 while the relay's stream is open");
    describe_gauge!(
        "labeltap_firehose_lag_seconds",
        Unit::Seconds,
        "between what the last event says of its time and its arrival"
    );
    describe_gauge!("labeltap_firehose_silent_seconds", Unit::Seconds, "since the last event");
    describe_gauge!("labeltap_discovery_backlog", "DIDs that wait on disk to be looked up");
    describe_counter!("labeltap_discovery_lookups_total", "look-ups, by outcome");
    describe_counter!("labeltap_discovery_found_total", "labelers found, by source");
    describe_counter!(
        "labeltap_discovery_forged_total",
        "declarations whose proof does not hold, by place"
    );
}
