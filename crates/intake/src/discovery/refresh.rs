//! Has declarations read: soon after a labeler's document became known, and daily.

use super::hub::Hub;
use crate::clock::wall_clock;
use label::Millis;
use std::convert::Infallible;
use std::time::Duration;
use store::{Remedy, StoreError};

/// How often to see whose declaration is old.
const GLANCE: Duration = Duration::from_secs(5);

/// How many at a time. A thousand labelers that were met on one day are asked for over some
/// minutes of the next.
const MOST: usize = 50;

/// Sees to it for ever.
///
/// # Errors
/// When the store gives up.
pub(super) async fn work(hub: Hub) -> Result<Infallible, StoreError> {
    let age = i64::try_from(hub.settings.times.declarations_every.as_millis());
    let age = age.unwrap_or(i64::MAX);
    loop {
        tokio::time::sleep(GLANCE).await;
        let now = wall_clock();
        let before = Millis(now.0.saturating_sub(age));
        match hub.shared.store.want_declarations(before, MOST, now).await {
            Ok(0) => {}
            Ok(added) => hub.backlog.added(added),
            Err(error) if error.remedy() == Remedy::GiveUp => return Err(error),
            Err(error) => tracing::debug!(%error, "declarations wait"),
        }
    }
}
