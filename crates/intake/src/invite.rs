//! Tracks the labelers that were named on the command line.
//!
//! DIDs are taken at once; handles when they have been resolved, which is tried until it
//! works, since the name server may be out of reach when we start.

use crate::clock::wall_clock;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use identity::Resolver;
use label::Did;
use std::time::Duration;
use store::{Remedy, Source, Store, StoreError};

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(600);

/// Invites everybody, then waits for ever. Returns only when the store gives up.
pub(crate) async fn invite(
    store: Store,
    resolver: Resolver,
    dids: Vec<Did>,
    handles: Vec<String>,
) -> StoreError {
    if let Err(error) = track(&store, dids).await {
        return error;
    }
    let mut waiting = handles;
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST)
        .without_max_times()
        .build();
    while !waiting.is_empty() {
        let mut found = Vec::new();
        let mut unresolved = Vec::new();
        for handle in waiting {
            match resolver.did_of_handle(&handle).await {
                Ok(did) => found.push(did),
                Err(error) => {
                    tracing::warn!(handle, %error, "handle cannot be resolved; trying again");
                    unresolved.push(handle);
                }
            }
        }
        if let Err(error) = track(&store, found).await {
            return error;
        }
        waiting = unresolved;
        if !waiting.is_empty() {
            tokio::time::sleep(waits.next().unwrap_or(LONGEST)).await;
        }
    }
    std::future::pending().await
}

async fn track(store: &Store, dids: Vec<Did>) -> Result<(), StoreError> {
    if dids.is_empty() {
        return Ok(());
    }
    loop {
        match store.add_labelers(dids.clone(), Source::Config, wall_clock()).await {
            Err(error) if error.remedy() == Remedy::Retry => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            answer => return answer.map(drop),
        }
    }
}
