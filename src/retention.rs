//! When labels that no longer apply are taken away. Which ones, the store decides.

use label::Millis;
use std::time::Duration;
use store::{Remedy, Store, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The first time is soon after the start, since a process may live shorter than a day.
const SOON: Duration = Duration::from_secs(5 * 60);

/// How often it is done at least, and at most.
const SELDOM: Duration = Duration::from_secs(24 * 3600);
const OFTEN: Duration = Duration::from_secs(1);

/// It looks at every label that is stored, and is to take a small part of the time: after it
/// took a minute, it rests for so many.
const RESTS: u32 = 20;

/// Has what stopped to apply `retain` ago taken away, now and then, until told to stop. `now`
/// is the clock.
///
/// # Errors
/// When the store gives up.
pub(crate) async fn keep(
    store: Store,
    retain: Duration,
    now: fn() -> Millis,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    stop.run_until_cancelled(sweep_for_ever(store, retain, now)).await.unwrap_or(Ok(()))
}

async fn sweep_for_ever(
    store: Store,
    retain: Duration,
    now: fn() -> Millis,
) -> Result<(), StoreError> {
    let mut pause = between(retain).min(SOON);
    loop {
        tokio::time::sleep(pause).await;
        let begun = Instant::now();
        match store.retire(cutoff(now(), retain)).await {
            Ok(0) => {}
            Ok(labels) => tracing::info!(labels, "labels that no longer apply were taken away"),
            Err(error) if error.remedy() == Remedy::GiveUp => return Err(error),
            Err(error) => tracing::warn!(%error, "labels that no longer apply are still there"),
        }
        pause = between(retain).max(begun.elapsed() * RESTS);
    }
}

/// Often enough that labels are kept at most half as long again.
fn between(retain: Duration) -> Duration {
    (retain / 2).clamp(OFTEN, SELDOM)
}

fn cutoff(now: Millis, retain: Duration) -> Millis {
    let retain = i64::try_from(retain.as_millis()).unwrap_or(i64::MAX);
    Millis(now.0.saturating_sub(retain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_retention_is_looked_after_more_often() {
        let hour = Duration::from_secs(3600);
        for (retain, expected) in [
            (Duration::from_millis(1), OFTEN),
            (2 * hour, hour),
            (30 * 24 * hour, SELDOM),
            (Duration::MAX, SELDOM),
        ] {
            assert_eq!(between(retain), expected, "{retain:?}");
        }
    }

    #[test]
    fn a_retention_longer_than_time_itself_keeps_everything() {
        assert_eq!(cutoff(Millis(5_000), Duration::from_secs(2)), Millis(3_000));
        assert!(cutoff(Millis(5_000), Duration::MAX).0 < 0);
    }
}
